/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense copies of elements that are at regular distances: transposed, broadcast, diagonal. Any store. */
#ifndef RUNTIME_MATH_UNSTRIDE_H
#define RUNTIME_MATH_UNSTRIDE_H

#include "runtime/kernel.h"

/* Element (i0, i1, ...) of the copy is element i0 * strides[0] + i1 * strides[1] + ... of `from`. One owner. */
struct array *strided_copy(const struct call *call, const struct array *from, int rank, const int64_t *dims,
                           const int64_t *strides);
/* Broadcast to `dims`, right-aligned; NULL when it does not fit. */
struct array *broadcast_copy(const struct call *call, const struct array *from, int rank, const int64_t *dims);

#endif
