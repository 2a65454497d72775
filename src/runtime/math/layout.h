/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements on the move: from one place in memory to another, both seen under the same dims with steps of their own.
 * Transpose, Slice, Concat, Tile, Expand, ... are each a pair of layouts. */
#ifndef RUNTIME_MATH_LAYOUT_H
#define RUNTIME_MATH_LAYOUT_H

#include "runtime/kernel.h"

#define LAYOUT_MAX_RANK (2 * ARRAY_MAX_RANK) /* Tile and DepthToSpace split dims */

/* Where element (i0, i1, ...) is: start + i0 * steps[0] + i1 * steps[1] + ... (in elements; steps may be 0 or < 0). */
struct layout {
    int64_t start;
    int64_t steps[LAYOUT_MAX_RANK];
};

/* The layout of an array with these dims. */
struct layout layout_packed(int rank, const int64_t *dims);

/* Copies the elements that `dims` counts. The arrays have one store (not sequences), and every place is in them. */
void layout_copy(const struct call *call, int rank, const int64_t *dims, struct array *to,
                 const struct layout *to_layout, const struct array *from, const struct layout *from_layout);

#endif
