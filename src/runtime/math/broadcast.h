/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking several arrays that are broadcast to one shape, in inner loops: runs of elements in which each array either
 * moves along or stands still. Adjacent dimensions that all arrays pass in the same way are merged, so that the loops
 * are long. The loops are shared out to threads; each writes its own part of the result. */
#ifndef RUNTIME_MATH_BROADCAST_H
#define RUNTIME_MATH_BROADCAST_H

#include "runtime/kernel.h"

#define BROADCAST_MAX 4

struct simd;

struct inner_loop {
    int64_t count;
    void *to; /* count elements; one of `from`, or apart from them */
    const void *from[BROADCAST_MAX];
    bool moves[BROADCAST_MAX]; /* false: one element for the whole loop */
    const double *parameters;  /* of the operator */
    const struct simd *simd;   /* for the store of from[0]; NULL when it is not real */
};

typedef void (*inner_loop_function)(const struct inner_loop *loop);

/* The dims of `count` arrays broadcast together; fails the call when they do not fit. */
bool broadcast_shape(struct call *call, size_t count, const struct array *const *arrays, int *rank, int64_t *dims);

/* to = function(from...), with from[i] broadcast to `to`, which they must fit; and the epilogue, which may be NULL. */
void broadcast_run(const struct call *call, inner_loop_function function, struct array *to, size_t count,
                   const struct array *const *from, const double *parameters, const struct epilogue *epilogue);

/* The same as a pass of call->joins (runtime/epilogue.h), whose array is one of `from`. False where the result is not
 * that array over again: of its dims, and of one store with all that is read. */
bool broadcast_join(const struct call *call, inner_loop_function function, int rank, const int64_t *dims, size_t count,
                    const struct array *const *from, const double *parameters);

#endif
