/* SPDX-License-Identifier: Apache-2.0
 *
 * Strided copies by way of layouts. */
#include "runtime/math/unstride.h"
#include "runtime/math/layout.h"

#include <string.h>

struct array *strided_copy(const struct call *call, const struct array *from, int rank, const int64_t *dims,
                           const int64_t *strides)
{
    struct array *to = array_new(call->pool, from->type, from->store, rank, dims);
    struct layout packed = layout_packed(rank, dims), strided = { 0 };
    memcpy(strided.steps, strides, (size_t)rank * sizeof *strides);
    layout_copy(call, rank, dims, to, &packed, from, &strided);
    return to;
}

struct array *broadcast_copy(const struct call *call, const struct array *from, int rank, const int64_t *dims)
{
    int64_t strides[ARRAY_MAX_RANK] = { 0 }, step = 1;
    if (from->rank > rank) return NULL;
    for (int i = 1; i <= from->rank; i++) {
        int64_t own = from->dims[from->rank - i];
        if (own != 1 && own != dims[rank - i]) return NULL;
        if (own != 1) strides[rank - i] = step;
        step *= own;
    }
    return strided_copy(call, from, rank, dims, strides);
}
