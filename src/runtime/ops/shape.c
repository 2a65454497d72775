/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that look at shapes or give the same elements another one, and those that make tensors from nothing. */
#include "runtime/math/layout.h"
#include "runtime/ops/operators.h"
#include "runtime/run.h"

#include <math.h>
#include <string.h>

static bool give_reshaped(struct call *call, struct array *x, int rank, const int64_t *dims)
{
    call_give(call, 0, array_reshaped(x, rank, dims));
    return true;
}

static bool give_whole(struct call *call, int rank, const int64_t *dims, const int64_t *values)
{
    struct array *y = call_output(call, 0, DTYPE_INT64, rank, dims);
    if (y->count > 0) memcpy(y->i64, values, (size_t)y->count * sizeof *values);
    return true;
}

static bool shape(struct call *call)
{
    struct array *x;
    if (!call_tensor(call, 0, &x)) return false;
    int64_t rank = x->rank, start = node_int(call->node, "start", 0), end = node_int(call->node, "end", rank);
    if (start < 0) start += rank;
    if (end < 0) end += rank;
    start = start < 0 ? 0 : start > rank ? rank : start;
    end = end < start ? start : end > rank ? rank : end;
    return give_whole(call, 1, (int64_t[]){ end - start }, x->dims + start);
}

static bool size(struct call *call)
{
    struct array *x;
    return call_tensor(call, 0, &x) && give_whole(call, 0, NULL, &x->count);
}

/* The dims that `wanted` (with 0: as it was, and one -1: the rest) means for x. */
static bool reshaped_dims(struct call *call, const struct array *x, const int64_t *wanted, int64_t rank,
                          bool allow_zero, int64_t *dims)
{
    int64_t known = 1, rest = -1, present = 1, count = 1;
    if (rank > ARRAY_MAX_RANK) return call_unsupported(call, "more than %d dimensions", ARRAY_MAX_RANK);
    for (int64_t i = 0; i < rank; i++) {
        dims[i] = wanted[i];
        if (wanted[i] == 0 && !allow_zero) {
            if (i >= x->rank) return call_fail(call, "dim %lld is to stay, but the input has none", (long long)i);
            dims[i] = x->dims[i];
        }
        if (dims[i] == -1 && rest < 0) rest = i;
        else if (dims[i] < 0) return call_fail(call, "dim %lld of the new shape is negative", (long long)i);
        else if (dims[i] > 0 && !size_multiply(known, dims[i], &known))
            return call_fail(call, "the shape is too large");
    }
    for (int i = 0; i < x->rank; i++)
        if (x->dims[i] > 0) present *= x->dims[i];
    if (rest >= 0) dims[rest] = present / known;
    for (int64_t i = 0; i < rank; i++)
        if (!size_multiply(count, dims[i], &count)) return call_fail(call, "the shape is too large");
    if (count != x->count) return call_fail(call, "%lld elements do not fit the new shape", (long long)x->count);
    return true;
}

static bool reshape_to(struct call *call, const int64_t *wanted, int64_t rank)
{
    struct array *x;
    int64_t dims[ARRAY_MAX_RANK];
    return call_tensor(call, 0, &x)
           && reshaped_dims(call, x, wanted, rank, node_int(call->node, "allowzero", 0) != 0, dims)
           && give_reshaped(call, x, (int)rank, dims);
}

static bool reshape_by_attribute(struct call *call)
{
    const int64_t *wanted;
    size_t rank = node_ints(call->node, "shape", &wanted);
    return reshape_to(call, wanted, (int64_t)rank);
}

static bool reshape(struct call *call)
{
    const int64_t *wanted;
    int64_t rank;
    return call_list(call, 1, &wanted, &rank) && reshape_to(call, wanted, rank);
}

static bool flatten(struct call *call)
{
    struct array *x;
    if (!call_tensor(call, 0, &x)) return false;
    int64_t axis = node_int(call->node, "axis", 1);
    if (axis < -x->rank || axis > x->rank)
        return call_fail(call, "axis %lld does not exist in %d dimensions", (long long)axis, x->rank);
    int at = (int)(axis < 0 ? axis + x->rank : axis);
    return give_reshaped(call, x, 2, (int64_t[]){ dims_product(x->dims, 0, at), dims_product(x->dims, at, x->rank) });
}

/* Marks each of the axes of `rank` dimensions. Fails on one twice. */
static bool mark_axes(struct call *call, const int64_t *axes, int64_t count, int rank, bool *marked)
{
    memset(marked, 0, ARRAY_MAX_RANK * sizeof *marked);
    for (int64_t i = 0; i < count; i++) {
        int axis;
        if (!call_axis(call, axes[i], rank, &axis)) return false;
        if (marked[axis]) return call_fail(call, "axis %lld is given twice", (long long)axes[i]);
        marked[axis] = true;
    }
    return true;
}

static bool squeeze_axes(struct call *call, const int64_t *axes, int64_t count)
{
    struct array *x;
    bool leaves[ARRAY_MAX_RANK];
    int64_t dims[ARRAY_MAX_RANK];
    int rank = 0;
    if (!call_tensor(call, 0, &x) || !mark_axes(call, axes, count, x->rank, leaves)) return false;
    for (int i = 0; i < x->rank; i++) {
        if (axes ? leaves[i] : x->dims[i] == 1) {
            if (x->dims[i] != 1) return call_fail(call, "dim %d is %lld, not 1", i, (long long)x->dims[i]);
        } else {
            dims[rank++] = x->dims[i];
        }
    }
    return give_reshaped(call, x, rank, dims);
}

static bool unsqueeze_axes(struct call *call, const int64_t *axes, int64_t count)
{
    struct array *x;
    bool enters[ARRAY_MAX_RANK];
    int64_t dims[ARRAY_MAX_RANK];
    if (!call_tensor(call, 0, &x)) return false;
    if (count > ARRAY_MAX_RANK - x->rank) return call_unsupported(call, "more than %d dimensions", ARRAY_MAX_RANK);
    int rank = x->rank + (int)count, next = 0;
    if (!mark_axes(call, axes, count, rank, enters)) return false;
    for (int i = 0; i < rank; i++) dims[i] = enters[i] ? 1 : x->dims[next++];
    return give_reshaped(call, x, rank, dims);
}

static bool axes_attribute(struct call *call, bool (*run)(struct call *, const int64_t *, int64_t))
{
    const int64_t *axes;
    size_t count = node_ints(call->node, "axes", &axes);
    return run(call, node_attribute(call->node, "axes") ? axes : NULL, (int64_t)count);
}

static bool axes_input(struct call *call, bool (*run)(struct call *, const int64_t *, int64_t))
{
    const int64_t *axes = NULL;
    int64_t count = 0;
    if (call_input(call, 1) && !call_list(call, 1, &axes, &count)) return false;
    return run(call, axes, count);
}

static bool squeeze_by_attribute(struct call *call)
{
    return axes_attribute(call, squeeze_axes);
}

static bool squeeze(struct call *call)
{
    return axes_input(call, squeeze_axes);
}

static bool unsqueeze_by_attribute(struct call *call)
{
    return axes_attribute(call, unsqueeze_axes);
}

static bool unsqueeze(struct call *call)
{
    return axes_input(call, unsqueeze_axes);
}

/* A small tensor's elements as dims: none negative, not too many. */
static bool dims_input(struct call *call, size_t slot, int *rank, const int64_t **dims)
{
    int64_t count;
    if (!call_list(call, slot, dims, &count)) return false;
    if (count > ARRAY_MAX_RANK) return call_unsupported(call, "more than %d dimensions", ARRAY_MAX_RANK);
    for (int64_t i = 0; i < count; i++)
        if ((*dims)[i] < 0) return call_fail(call, "dim %lld of the shape is negative", (long long)i);
    *rank = (int)count;
    return true;
}

static bool expand(struct call *call)
{
    struct array *x;
    const int64_t *wanted;
    int wanted_rank = 0, rank;
    int64_t dims[ARRAY_MAX_RANK];
    if (!call_tensor(call, 0, &x) || !dims_input(call, 1, &wanted_rank, &wanted)) return false;
    if (!broadcast_dims(x->rank, x->dims, wanted_rank, wanted, &rank, dims))
        return call_fail(call, "the input does not broadcast to the shape");
    struct layout packed = layout_packed(x->rank, x->dims), from = { 0 };
    for (int i = rank - x->rank, own = 0; i < rank; i++, own++)
        if (x->dims[own] != 1) from.steps[i] = packed.steps[own];
    struct array *y = array_new(call->pool, x->type, x->store, rank, dims);
    call_give(call, 0, y);
    struct layout to = layout_packed(rank, dims);
    layout_copy(call, rank, dims, y, &to, x, &from);
    return true;
}

static const BnfuseOnnx__TensorProto *tensor_attribute(const struct call *call, const char *name)
{
    const BnfuseOnnx__AttributeProto *attribute = node_attribute(call->node, name);
    return attribute ? attribute->t : NULL;
}

/* Names decide about the noise on stored weights: a Constant's is its output. */
static const char *output_name(const struct call *call)
{
    const struct value *output = node_output(call->node, 0);
    return output ? output->name : "";
}

static bool constant_of_shape(struct call *call)
{
    const int64_t *dims;
    int rank = 0;
    const BnfuseOnnx__TensorProto *proto = tensor_attribute(call, "value");
    struct array *value;
    if (!dims_input(call, 0, &rank, &dims)) return false;
    if (!proto) {
        value = array_new(call->pool, DTYPE_FLOAT, call->real, 0, NULL);
        memset(value->data, 0, store_size(value->store));
    } else if (!run_load(call->run, output_name(call), proto, &value, call->error)) {
        return false;
    }
    if (value->count != 1) {
        array_drop(value);
        return call_fail(call, "its value must be one element");
    }
    struct array *y = array_new(call->pool, value->type, value->store, rank, dims);
    struct layout to = layout_packed(rank, dims), from = { 0 };
    layout_copy(call, rank, dims, y, &to, value, &from);
    array_drop(value);
    call_give(call, 0, y);
    return true;
}

static bool range_of_reals(struct call *call, const struct array *const *bounds)
{
    double values[3];
    for (int i = 0; i < 3; i++)
        values[i] = bounds[i]->store == STORE_F32 ? (double)bounds[i]->f32[0] : bounds[i]->f64[0];
    double count = ceil((values[1] - values[0]) / values[2]);
    if (isnan(count) || values[2] == 0) return call_fail(call, "start, limit and delta make no range");
    if (count >= 0x1p62) return call_fail(call, "the range is too long");
    struct array *y = call_output(call, 0, bounds[0]->type, 1, (int64_t[]){ count > 0 ? (int64_t)count : 0 });
    for (int64_t i = 0; i < y->count; i++) {
        double value = values[0] + (double)i * values[2];
        if (y->store == STORE_F32) y->f32[i] = (float)value;
        else y->f64[i] = value;
    }
    return true;
}

static bool range_of_wholes(struct call *call, const struct array *const *bounds)
{
    int64_t start = bounds[0]->i64[0], limit = bounds[1]->i64[0], delta = bounds[2]->i64[0];
    if (delta == 0) return call_fail(call, "delta is 0");
    uint64_t span = delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
    uint64_t step = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
    bool is_empty = delta > 0 ? limit <= start : limit >= start;
    uint64_t count = is_empty ? 0 : (span - 1) / step + 1;
    if (count > INT64_MAX) return call_fail(call, "the range is too long");
    struct array *y = call_output(call, 0, bounds[0]->type, 1, (int64_t[]){ (int64_t)count });
    for (int64_t i = 0; i < y->count; i++) y->i64[i] = (int64_t)((uint64_t)start + (uint64_t)i * (uint64_t)delta);
    return true;
}

static bool range(struct call *call)
{
    const struct array *bounds[3];
    for (size_t i = 0; i < 3; i++) {
        bounds[i] = call_input(call, i);
        if (!bounds[i] || bounds[i]->count != 1 || bounds[i]->store > STORE_I64 || bounds[i]->store != bounds[0]->store)
            return call_fail(call, "start, limit and delta must be scalars of one type");
    }
    return bounds[0]->store == STORE_I64 ? range_of_wholes(call, bounds) : range_of_reals(call, bounds);
}

static bool eye_like(struct call *call)
{
    struct array *x;
    if (!call_tensor(call, 0, &x)) return false;
    if (x->rank != 2) return call_fail(call, "its input must have 2 dimensions");
    int64_t type = node_int(call->node, "dtype", x->type), k = node_int(call->node, "k", 0);
    if (dtype_kind(type) != KIND_REAL && dtype_kind(type) != KIND_WHOLE)
        return call_fail(call, "cannot make elements of type %s", dtype_name(type));
    struct array *y = call_output(call, 0, (enum dtype)type, 2, x->dims);
    memset(y->data, 0, (size_t)y->count * store_size(y->store));
    int64_t rows = x->dims[0], columns = x->dims[1];
    for (int64_t row = 0; row < rows; row++) {
        int64_t column;
        if (__builtin_add_overflow(row, k, &column) || column < 0 || column >= columns) continue;
        int64_t at = row * columns + column;
        if (y->store == STORE_F32) y->f32[at] = 1;
        else if (y->store == STORE_F64) y->f64[at] = 1;
        else y->i64[at] = 1;
    }
    return true;
}

/* Tensors, sequences and absent optional values alike. */
static bool identity(struct call *call)
{
    call_give(call, 0, array_keep(call_input(call, 0)));
    return true;
}

static bool constant_reals(struct call *call, int rank, size_t count, const float *values)
{
    struct array *y = call_output(call, 0, DTYPE_FLOAT, rank, (int64_t[]){ (int64_t)count });
    for (size_t i = 0; i < count; i++)
        if (y->store == STORE_F32) y->f32[i] = values[i];
        else y->f64[i] = values[i];
    return true;
}

static bool constant_texts(struct call *call, int rank, size_t count, const ProtobufCBinaryData *values)
{
    struct array *y = call_output(call, 0, DTYPE_STRING, rank, (int64_t[]){ (int64_t)count });
    for (size_t i = 0; i < count; i++)
        y->text[i] = arena_printf(&call->pool->text, "%.*s", (int)values[i].len, (const char *)values[i].data);
    return true;
}

static bool constant_tensor(struct call *call, const BnfuseOnnx__AttributeProto *attribute)
{
    struct array *y;
    if (!run_load(call->run, output_name(call), attribute->t, &y, call->error)) return false;
    call_give(call, 0, y);
    return true;
}

static bool constant_sparse(struct call *call, const BnfuseOnnx__AttributeProto *attribute)
{
    struct array *y;
    if (!run_load_sparse(call->run, output_name(call), attribute->sparse_tensor, &y, call->error)) return false;
    call_give(call, 0, y);
    return true;
}

static bool constant(struct call *call)
{
    const struct node *node = call->node;
    const BnfuseOnnx__AttributeProto *found;
    if ((found = node_attribute(node, "value")) && found->t) return constant_tensor(call, found);
    if ((found = node_attribute(node, "sparse_value")) && found->sparse_tensor) return constant_sparse(call, found);
    if ((found = node_attribute(node, "value_float"))) return constant_reals(call, 0, 1, &found->f);
    if ((found = node_attribute(node, "value_floats"))) return constant_reals(call, 1, found->n_floats, found->floats);
    if ((found = node_attribute(node, "value_int"))) return give_whole(call, 0, NULL, &found->i);
    if ((found = node_attribute(node, "value_ints")))
        return give_whole(call, 1, (int64_t[]){ (int64_t)found->n_ints }, found->ints);
    if ((found = node_attribute(node, "value_string"))) return constant_texts(call, 0, 1, &found->s);
    if ((found = node_attribute(node, "value_strings")))
        return constant_texts(call, 1, found->n_strings, found->strings);
    return call_fail(call, "has no value");
}

const struct operator_row shape_operators[] = {
    { "Constant", 1, LATEST, .run = constant },
    { "ConstantOfShape", 9, LATEST, .run = constant_of_shape },
    { "Expand", 8, LATEST, .run = expand },
    { "EyeLike", 9, LATEST, .run = eye_like },
    { "Flatten", 1, LATEST, .run = flatten },
    { "Identity", 1, LATEST, .run = identity },
    { "Range", 11, LATEST, .run = range },
    { "Reshape", 1, 4, .run = reshape_by_attribute },
    { "Reshape", 5, LATEST, .run = reshape },
    { "Shape", 1, LATEST, .run = shape },
    { "Size", 1, LATEST, .run = size },
    { "Squeeze", 1, 12, .run = squeeze_by_attribute },
    { "Squeeze", 13, LATEST, .run = squeeze },
    { "Unsqueeze", 1, 12, .run = unsqueeze_by_attribute },
    { "Unsqueeze", 13, LATEST, .run = unsqueeze },
    { 0 },
};
