/* SPDX-License-Identifier: Apache-2.0
 *
 * Sparse tensors made dense, by the rule of onnx.proto: indices are either [count], each the place of an element in
 * row-major order, or [count, rank], each row one index per axis; in ascending order, none twice. They should be INT64,
 * but ONNX Runtime saves the narrowest type that holds them. */
#include "onnx/read/tensor.h"

#include <string.h>

/* Where row `row` of the indices points; -1 when there is no such element. */
static int64_t place_of(const struct tensor *dense, const int64_t *indices, int64_t row, bool by_axis)
{
    int64_t place = 0;
    if (!by_axis) return indices[row] >= 0 && indices[row] < dense->count ? indices[row] : -1;
    for (int axis = 0; axis < dense->rank; axis++) {
        int64_t index = indices[row * dense->rank + axis];
        if (index < 0 || index >= dense->dims[axis]) return -1;
        place = place * dense->dims[axis] + index;
    }
    return place;
}

const int64_t *tensor_sparse_places(struct arena *arena, const struct tensor *dense, const struct tensor *values,
                                    const struct tensor *indices)
{
    const bool by_axis = indices->rank == 2;
    if (values->rank != 1 || indices->rank < 1 || indices->rank > 2) return NULL;
    if (dtype_kind(indices->type) != KIND_WHOLE) return NULL;
    if (indices->dims[0] != values->count || (by_axis && indices->dims[1] != dense->rank)) return NULL;
    int64_t *list = NEW_ARRAY(arena, int64_t, (size_t)indices->count + 1);
    if (!tensor_read_whole(indices, 0, indices->count, list, NULL)) return NULL;
    int64_t last = -1;
    for (int64_t i = 0; i < values->count; i++) {
        list[i] = place_of(dense, list, i, by_axis);
        if (list[i] <= last) return NULL;
        last = list[i];
    }
    return list;
}

static bool scatter(struct arena *arena, struct tensor *dense, const struct tensor *values,
                    const struct tensor *indices)
{
    const size_t size = (size_t)dtype_bits(dense->type) / 8;
    const int64_t *places = tensor_sparse_places(arena, dense, values, indices);
    if (!places) return false;
    uint8_t *bytes = arena_array(arena, (size_t)dense->count, size);
    uint8_t *packed = arena_array(arena, (size_t)values->count, size);
    if (!tensor_read_bytes(values, 0, values->count, packed, NULL)) return false;
    for (int64_t i = 0; i < values->count; i++)
        memcpy(bytes + (size_t)places[i] * size, packed + (size_t)i * size, size);
    dense->bytes = bytes;
    return true;
}

bool tensor_from_sparse(struct tensor *dense, struct arena *arena, const struct model *model,
                        const BnfuseOnnx__SparseTensorProto *proto, int64_t limit, struct bnfuse_error *error)
{
    struct tensor values, indices;
    int64_t bytes = 0;
    if (!proto->values || !proto->indices) return fail(error, BNFUSE_INVALID, "its values or indices are missing");
    if (!tensor_from_proto(&values, arena, model, proto->values, error)
        || !tensor_from_proto(&indices, arena, model, proto->indices, error))
        return false;
    if (proto->n_dims > TENSOR_MAX_RANK) return fail(error, BNFUSE_INVALID, "it has too many dims");
    *dense = (struct tensor){ .type = values.type, .rank = (int)proto->n_dims, .count = 1, .dims = proto->dims };
    for (int i = 0; i < dense->rank; i++)
        if (dense->dims[i] < 0 || !size_multiply(dense->count, dense->dims[i], &dense->count))
            return fail(error, BNFUSE_INVALID, "its dims are no size");
    if (dtype_bits(dense->type) < 8)
        return fail(error, BNFUSE_UNSUPPORTED, "sparse elements of type %s are not supported", dtype_name(dense->type));
    if (!dtype_bytes(dense->type, dense->count, &bytes) || bytes > limit)
        return fail(error, BNFUSE_UNSUPPORTED, "its %lld elements are too many", (long long)dense->count);
    if (!scatter(arena, dense, &values, &indices))
        return fail(error, BNFUSE_INVALID, "its indices do not fit its dims");
    return true;
}
