/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking several arrays that are broadcast to one shape, in strips: runs of elements in which each array either moves
 * along or stands still. Adjacent dimensions that all arrays pass in the same way are merged, so that strips are long.
 * Strips are shared out to threads; each writes its own part of the result. */
#ifndef RUNTIME_MATH_BROADCAST_H
#define RUNTIME_MATH_BROADCAST_H

#include "runtime/kernel.h"

#define BROADCAST_MAX 3

struct simd;

struct strip {
    int64_t count;
    void *to; /* count elements */
    const void *from[BROADCAST_MAX];
    bool moves[BROADCAST_MAX]; /* false: one element for the whole strip */
    const double *parameters;  /* of the operator */
    const struct simd *simd;   /* for the store of from[0]; NULL when it is not real */
};

typedef void (*strip_function)(const struct strip *strip);

/* The dims of `count` arrays broadcast together; fails the call when they do not fit. */
bool broadcast_shape(struct call *call, size_t count, const struct array *const *arrays, int *rank, int64_t *dims);

/* to = function(from...), with from[i] broadcast to `to`, which they must fit. */
void broadcast_run(const struct call *call, strip_function function, struct array *to, size_t count,
                   const struct array *const *from, const double *parameters);

#endif
