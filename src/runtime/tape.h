/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps that a formula took, in order, so that a derivative can go back through them (runtime/gradient.h). A call
 * that has a tape notes the steps of its formula there. */
#ifndef RUNTIME_TAPE_H
#define RUNTIME_TAPE_H

#include "runtime/kernel.h"

struct tape_step {
    const struct node *node;
    struct array **inputs, **outputs; /* kept by the tape */
    size_t input_count;
};

struct tape {
    struct arena *arena;
    struct tape_step *steps;
    size_t count, room;
};

/* Outputs are as many as the node has. An array must not be both an input and an output of a step. */
void tape_note(struct tape *tape, const struct node *node, struct array *const *inputs, size_t input_count,
               struct array *const *outputs);
/* Lets the arrays go. */
void tape_close(struct tape *tape);

#endif
