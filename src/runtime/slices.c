/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces of arrays (pieces.h): every one is a run of [length, inner] elements per outer index, copied as bytes. */
#include "runtime/slices.h"

#include <string.h>

struct along along_axis(const struct array *array, int axis)
{
    return (struct along){ dims_product(array->dims, 0, axis), array->dims[axis],
                           dims_product(array->dims, axis + 1, array->rank) };
}

/* `outer` runs of `size` bytes, each `to_step` and `from_step` bytes after the one before. */
static void copy_runs(char *to, size_t to_step, const char *from, size_t from_step, size_t size, int64_t outer)
{
    if (size == 0) return;
    for (int64_t o = 0; o < outer; o++) memcpy(to + (size_t)o * to_step, from + (size_t)o * from_step, size);
}

struct array *piece_slice(struct array_pool *pool, const struct array *array, int axis, int64_t first, int64_t length)
{
    struct along whole = along_axis(array, axis);
    int64_t dims[ARRAY_MAX_RANK];
    memcpy(dims, array->dims, sizeof dims);
    dims[axis] = length;
    struct array *piece = array_new(pool, array->type, array->store, array->rank, dims);
    size_t row = (size_t)whole.inner * store_size(array->store);
    copy_runs(piece->data, (size_t)length * row, (const char *)array->data + (size_t)first * row,
              (size_t)whole.length * row, (size_t)length * row, whole.outer);
    return piece;
}

struct array *piece_at(struct array_pool *pool, const struct array *array, int axis, int64_t index)
{
    struct array *slice = piece_slice(pool, array, axis, index, 1);
    int64_t dims[ARRAY_MAX_RANK];
    for (int i = 0; i < array->rank - 1; i++) dims[i] = array->dims[i < axis ? i : i + 1];
    struct array *piece = array_reshaped(slice, array->rank - 1, dims);
    array_drop(slice);
    return piece;
}

void piece_lay(struct array *whole, const struct array *part, int axis, int64_t first)
{
    struct along to = along_axis(whole, axis), from = along_axis(part, axis);
    size_t row = (size_t)to.inner * store_size(whole->store);
    copy_runs((char *)whole->data + (size_t)first * row, (size_t)to.length * row, part->data, (size_t)from.length * row,
              (size_t)from.length * row, from.outer);
}

/* Whether `part` can be beside `like` along `axis` (-1: their dims agree wholly). */
static bool fits(struct call *call, const struct array *like, const struct array *part, int axis)
{
    if (!part || part->store == STORE_SEQUENCE) return call_fail(call, "joins something that is no tensor");
    if (part->type != like->type || part->store != like->store)
        return call_fail(call, "joins a tensor of %s and one of %s", dtype_name(like->type), dtype_name(part->type));
    if (part->rank != like->rank)
        return call_fail(call, "joins tensors of %d and %d dimensions", like->rank, part->rank);
    for (int i = 0; i < like->rank; i++)
        if (i != axis && part->dims[i] != like->dims[i])
            return call_fail(call, "joins tensors of %lld and %lld elements along axis %d", (long long)like->dims[i],
                             (long long)part->dims[i], i);
    return true;
}

bool slices_join(struct call *call, struct array *const *parts, int64_t count, int axis, struct array **whole)
{
    if (!parts[0]) return call_fail(call, "joins something that is no tensor");
    int64_t dims[ARRAY_MAX_RANK];
    memcpy(dims, parts[0]->dims, sizeof dims);
    dims[axis] = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!fits(call, parts[0], parts[i], axis)) return false;
        if (!size_add(dims[axis], parts[i]->dims[axis], &dims[axis]))
            return call_fail(call, "joins more elements than can be counted");
    }
    *whole = array_new(call->pool, parts[0]->type, parts[0]->store, parts[0]->rank, dims);
    for (int64_t i = 0, first = 0; i < count; first += parts[i]->dims[axis], i++)
        piece_lay(*whole, parts[i], axis, first);
    return true;
}

bool slices_stack(struct call *call, struct array *const *parts, int64_t count, int axis, bool backward,
                  struct array **whole)
{
    const struct array *like = parts[0];
    int64_t dims[ARRAY_MAX_RANK] = { 0 }, one[ARRAY_MAX_RANK];
    if (!like || like->store == STORE_SEQUENCE) return call_fail(call, "joins something that is no tensor");
    if (like->rank + 1 > ARRAY_MAX_RANK)
        return call_fail(call, "makes a tensor of more than %d dimensions", ARRAY_MAX_RANK);
    for (int64_t i = 0; i < count; i++)
        if (!fits(call, like, parts[i], -1)) return false;
    for (int i = 0; i <= like->rank; i++) dims[i] = i == axis ? count : like->dims[i < axis ? i : i - 1];
    memcpy(one, dims, sizeof one);
    one[axis] = 1;
    *whole = array_new(call->pool, like->type, like->store, like->rank + 1, dims);
    for (int64_t i = 0; i < count; i++) {
        struct array *part = array_reshaped(parts[i], like->rank + 1, one);
        piece_lay(*whole, part, axis, backward ? count - 1 - i : i);
        array_drop(part);
    }
    return true;
}
