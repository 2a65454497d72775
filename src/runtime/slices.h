/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces of arrays: slices along an axis, and arrays laid side by side along one. Any store; elements move as bytes.
 * New arrays have one owner, the caller. */
#ifndef RUNTIME_SLICES_H
#define RUNTIME_SLICES_H

#include "runtime/kernel.h"

/* An array seen along one axis: element (o, a, i) is at (o * length + a) * inner + i. */
struct along {
    int64_t outer, length, inner;
};

struct along along_axis(const struct array *array, int axis);

/* Elements first .. first+length-1 along the axis; the caller has checked the range. */
struct array *piece_slice(struct array_pool *pool, const struct array *array, int axis, int64_t first, int64_t length);
/* Element `index` along the axis, which the result lacks. */
struct array *piece_at(struct array_pool *pool, const struct array *array, int axis, int64_t index);

/* Copies `part` into `whole` at `first` along the axis; all other dims agree. */
void piece_lay(struct array *whole, const struct array *part, int axis, int64_t first);

/* `count` > 0 tensors one after the other along `axis` of each (Concat), or along a new axis there (stack); false, with
 * the call's error, where they do not fit. `backward` takes them last to first. */
bool slices_join(struct call *call, struct array *const *parts, int64_t count, int axis, struct array **whole);
bool slices_stack(struct call *call, struct array *const *parts, int64_t count, int axis, bool backward,
                  struct array **whole);

#endif
