/* SPDX-License-Identifier: Apache-2.0
 *
 * Strided copies, the last axis in an inner loop. */
#include "runtime/strided.h"

#include <string.h>

/* Elements are 4 or 8 bytes in every store. */
static void copy_steps(char *to, const char *from, int64_t count, int64_t step, size_t size)
{
    if (step == 1) memcpy(to, from, (size_t)count * size);
    else if (size == 4)
        for (int64_t i = 0; i < count; i++) memcpy(to + i * 4, from + i * step * 4, 4);
    else
        for (int64_t i = 0; i < count; i++) memcpy(to + i * 8, from + i * step * 8, 8);
}

struct array *strided_copy(struct pool *pool, const struct array *from, int rank, const int64_t *dims,
                           const int64_t *strides)
{
    struct array *to = array_new(pool, from->type, from->store, rank, dims);
    size_t size = store_size(from->store);
    int64_t inner = rank ? dims[rank - 1] : 1, step = rank ? strides[rank - 1] : 0;
    for (int64_t i = 0; i < to->count; i += inner) {
        int64_t place = 0, rest = i / inner;
        for (int a = rank - 2; a >= 0; a--) {
            place += rest % dims[a] * strides[a];
            rest /= dims[a];
        }
        copy_steps((char *)to->data + (size_t)i * size, (const char *)from->data + (size_t)place * size, inner, step,
                   size);
    }
    return to;
}

struct array *broadcast_copy(struct pool *pool, const struct array *from, int rank, const int64_t *dims)
{
    int64_t strides[ARRAY_MAX_RANK] = { 0 }, step = 1;
    if (from->rank > rank) return NULL;
    for (int i = 1; i <= from->rank; i++) {
        int64_t own = from->dims[from->rank - i];
        if (own != 1 && own != dims[rank - i]) return NULL;
        if (own != 1) strides[rank - i] = step;
        step *= own;
    }
    return strided_copy(pool, from, rank, dims, strides);
}
