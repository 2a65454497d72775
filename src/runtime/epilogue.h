/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps that follow a kernel's and work element by element, done on its output while that is in a processor's cache.
 *
 * A plan knows which step alone reads what the step before it computes (struct step, `follower`). A kernel that can
 * asks for an epilogue once its output is made, and before it computes any of it (run_epilogue). Each follower whose
 * operator's row says `.joins` then describes itself as a pass, instead of running; the kernel applies the passes to
 * every element once, as soon as that is final. An element goes through the same operations as in steps of their own,
 * each rounded as there, so the bits are the same. */
#ifndef RUNTIME_EPILOGUE_H
#define RUNTIME_EPILOGUE_H

#include "runtime/array.h"

struct node;

/* Elements of the output: rows of `count` side by side, the first from `first` on, each `step` after the one before. */
struct epilogue_block {
    int64_t first, count, rows, step;
};

/* What one follower does to elements, in place. The first member of what knows. */
struct epilogue_pass {
    void (*apply)(const struct epilogue_pass *pass, const struct epilogue_block *block);
    struct epilogue_pass *next;
};

struct epilogue {
    const struct node *node; /* whose output it is about */
    struct array *to;        /* the output */
    struct epilogue_pass *passes, **end;
    struct epilogue_operand *operands;
};

/* For a call of this node; without an output, and so without passes. */
void epilogue_open(struct epilogue *epilogue, const struct node *node);
/* Drops the operands of all passes. */
void epilogue_close(struct epilogue *epilogue);

/* One more pass, which is in the arena, after all others; and an array that it reads, which gets one more owner. */
void epilogue_add(struct epilogue *epilogue, struct epilogue_pass *pass);
void epilogue_hold(struct epilogue *epilogue, struct arena *arena, struct array *operand);

/* A block is final, which begins at `elements` of the output. From any thread; an epilogue of NULL has no passes. */
void epilogue_apply(const struct epilogue *epilogue, const void *elements, int64_t count, int64_t rows, int64_t step);

#endif
