/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory and work: budgets, arenas that draw on one, and one recovery point.
 *
 * An allocation never returns NULL. When the budget or the machine is exhausted, control leaves through the recovery
 * point of the enclosing `guarded` call, which returns false with an error; the arenas stay consistent and are freed
 * by their owner as usual. Therefore code between `guarded` and an allocation holds no resource of its own: what must
 * be released (a descriptor, a mapping) is registered with arena_defer at once. Arenas are not thread-safe: nothing is
 * allocated inside a parallel region. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>

/* A unit of work is a multiplication with an addition, in float64, on one core; a number that is read, changed and
 * written costs sixteen. So many make a second; a prediction, the same on every machine. */
#define WORK_SECOND  UINT64_C(4000000000)
#define WORK_ELEMENT 16

/* What an escape is for. */
enum spent { SPENT_BUDGET, SPENT_MACHINE, SPENT_WORK };

/* Large pages that a memory holds at most, and sizes of the pieces that they are cut into. */
enum { MOST_PAGES = 32, PIECE_SIZES = 28 };

struct memory {
    size_t used, limit;        /* bytes drawn, and how many may be; limit 0 means no limit */
    uint64_t work, work_limit; /* the same of work */
    size_t refused;            /* the size asked for last, for the message */
    enum spent spent;          /* by the last escape */
    jmp_buf *escape;           /* the innermost guarded call; NULL outside any */
    /* The last page is cut from `cut` on; pieces that were given back wait for others of their size. The pages go when
     * nothing is drawn any more. */
    char *pages[MOST_PAGES];
    size_t page_count, cut;
    struct piece *pieces[PIECE_SIZES];
};

struct arena {
    struct memory *memory;
    struct arena_block *blocks;
    struct arena_deferred *deferred;
    struct arena_block *spare; /* kept by arena_clear */
};

/* Runs work(context). False when it returned false, or when memory (BNFUSE_INTERNAL) or work (BNFUSE_UNSUPPORTED) ran
 * out inside it. May nest. Runs in an environment of its own (base/environment.h). */
bool guarded(struct memory *memory, bool (*work)(void *context, struct bnfuse_error *error), void *context,
             struct bnfuse_error *error);

/* For who survives a guarded call that was refused its memory: a budget that is spent concerns this call only, but when
 * the machine is, nothing that follows can be trusted to work, and the call around is left too. */
void memory_require_machine(struct memory *memory);

/* Before `count` times `units` of work are done: escapes if that is more than the budget has left. */
void memory_work(struct memory *memory, int64_t count, int64_t units);

/* What may be worked from begin to end, whatever the limit around it; `*left` is what remains of a share, and what was
 * worked is taken from it. NULL: no limit. */
struct work_share {
    uint64_t work, limit; /* of the memory before */
    uint64_t *left;
};
struct work_share work_begin(struct memory *memory, uint64_t *left, uint64_t most);
void work_end(struct memory *memory, const struct work_share *share);

/* malloc and free against the budget; memory_take escapes rather than return NULL. `size` of both must agree. */
void *memory_take(struct memory *memory, size_t size);
void memory_give(struct memory *memory, void *block, size_t size);

/* Leaves through the recovery point, as a failed allocation would: for sizes that cannot even be counted. */
_Noreturn void memory_exhausted(struct memory *memory);

void arena_open(struct arena *arena, struct memory *memory);
/* Runs what was deferred (last first), then frees every block. The arena may be opened again. */
void arena_close(struct arena *arena);
/* The same, but blocks stay for what comes next: for what is filled and emptied again and again. */
void arena_clear(struct arena *arena);
/* An arena of its own within this one, for what is not needed as long; closed with it at the latest. */
struct arena *arena_scratch(struct arena *arena);

/* Zeroed, aligned to 16 bytes if the size is a multiple of that, else to 8; so any type is aligned. arena_array checks
 * count * size. Size 0 yields a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size);
/* The same, but of any content: for what is written as a whole at once. */
void *arena_room(struct arena *arena, size_t count, size_t size);
/* Copies `old_count` elements into a new array of `new_count`; the old one stays until the arena goes. */
void *arena_grow(struct arena *arena, const void *old, size_t old_count, size_t new_count, size_t size);
char *arena_copy_text(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* release(object) runs when the arena is closed; at once, before the escape, when memory runs out right here. */
void arena_defer(struct arena *arena, void (*release)(void *object), void *object);

#define NEW(arena, type)              ((type *)arena_alloc((arena), sizeof(type)))
#define NEW_ARRAY(arena, type, count) ((type *)arena_array((arena), (count), sizeof(type)))
#define NEW_ROOM(arena, type, count)  ((type *)arena_room((arena), (count), sizeof(type)))

/* False, with *product unchanged, when the product or sum does not fit. Counts and offsets are int64_t and >= 0. */
static inline bool size_multiply(int64_t a, int64_t b, int64_t *product)
{
    int64_t p;
    if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &p)) return false;
    *product = p;
    return true;
}

static inline bool size_add(int64_t a, int64_t b, int64_t *sum)
{
    int64_t s;
    if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &s)) return false;
    *sum = s;
    return true;
}

#endif
