/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that look at shapes or give the same elements another one, and those that make tensors from nothing. */
#include "onnx/shape/content.h"
#include "onnx/shape/rules.h"
#include "runtime/gradient.h"
#include "runtime/math/layout.h"
#include "runtime/ops/operators.h"
#include "runtime/run.h"

#include <math.h>
#include <stdlib.h>
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
static bool mark_listed(struct call *call, const int64_t *axes, int64_t count, int rank, bool *marked)
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
    if (!call_tensor(call, 0, &x) || !mark_listed(call, axes, count, x->rank, leaves)) return false;
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
    if (!mark_listed(call, axes, count, rank, enters)) return false;
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

/* ---- shapes ---- */

/* The sizes still to be placed: the input's dims that no output dim has taken. */
struct pile {
    int symbols[SHAPE_MAX_RANK];
    int count; /* -1: the input's rank is unknown */
};

static bool pile_take(struct pile *pile, int symbol)
{
    for (int i = 0; i < pile->count; i++) {
        if (pile->symbols[i] != symbol) continue;
        pile->symbols[i] = pile->symbols[--pile->count];
        return true;
    }
    return false;
}

static int pile_product(struct shaping *s, const struct pile *pile)
{
    int product = symbol_number(s->symbols, 1);
    for (int i = 0; i < pile->count; i++) product = symbol_multiply(s->symbols, product, pile->symbols[i]);
    return product;
}

static void pile_input(struct shaping *s, struct pile *pile)
{
    pile->count = input_rank(s, 0);
    for (int i = 0; i < pile->count; i++) pile->symbols[i] = dim_symbol(s, input_dim(s, 0, i));
}

/* The element count of the input divided by the given dims (all but `except`): what the one left must be. Sizes common
 * to both cancel first, so that no product need be written out. */
static int remaining_size(struct shaping *s, const struct dim *dims, int rank, int except)
{
    struct pile pile;
    int divisor = symbol_number(s->symbols, 1);
    pile_input(s, &pile);
    if (pile.count < 0) return 0;
    for (int i = 0; i < rank; i++) {
        int symbol = i == except ? 0 : dim_symbol(s, dims[i]);
        if (symbol && !pile_take(&pile, symbol)) divisor = symbol_multiply(s->symbols, divisor, symbol);
    }
    int64_t number;
    if (symbol_is_number(s->symbols, divisor, &number) && number == 0) return 0;
    return symbol_divide(s->symbols, pile_product(s, &pile), divisor);
}

/* Whether a size that is one of the input's, or that may be 0 at run time, divides the input's elements: where it is 0,
 * the tensor is empty. Otherwise 0 would mean "as in the input", and nothing could be said. */
static bool divides_input(struct shaping *s, int symbol)
{
    struct pile pile;
    pile_input(s, &pile);
    if (pile.count < 0) return false;
    if (pile_take(&pile, symbol)) return true;
    return symbol_minimum(s->symbols, symbol) >= 0
           && symbol_divide_exactly(s->symbols, pile_product(s, &pile), symbol) != 0;
}

/* How an element of the target reads. */
enum target { TARGET_WRONG, TARGET_DIM, TARGET_REST, TARGET_OPEN };

static enum target read_target(struct shaping *s, int symbol, int axis, bool zero_is_zero, struct dim *dim)
{
    int64_t number;
    int rank = input_rank(s, 0);
    if (!symbol_is_number(s->symbols, symbol, &number)) {
        int64_t minimum = symbol_minimum(s->symbols, symbol);
        bool size = minimum > 0 || (minimum == 0 && zero_is_zero);
        if (!size && !divides_input(s, symbol)) return TARGET_OPEN;
        *dim = symbol_dim(s, symbol);
        return TARGET_DIM;
    }
    if (number < 0) return number == -1 ? TARGET_REST : TARGET_WRONG;
    *dim = number_dim(number);
    if (number > 0 || zero_is_zero) return TARGET_DIM;
    if (rank >= 0 && axis >= rank) return TARGET_WRONG;
    if (rank < 0) return TARGET_OPEN;
    *dim = input_dim(s, 0, axis);
    return TARGET_DIM;
}

/* False when all sizes are numbers and the counts differ. */
static bool counts_agree(const struct shaping *s, int rank, const struct dim *dims)
{
    int64_t from = input_count(s, 0), to = 1;
    for (int i = 0; i < rank; i++)
        if (!size_multiply(to, dims[i].size, &to)) return true;
    return from < 0 || from == to;
}

static bool all_numbers(const struct dim *dims, int rank, int except)
{
    for (int i = 0; i < rank; i++)
        if (i != except && dims[i].size < 1) return false;
    return true;
}

static bool shape_reshape_to(struct shaping *s, const int *targets, int rank)
{
    struct dim dims[SHAPE_MAX_RANK];
    bool zero_is_zero = node_int(s->node, "allowzero", 0) != 0;
    int rest = -1, open = -1, open_count = 0;
    for (int i = 0; i < rank; i++) {
        enum target target = read_target(s, targets[i], i, zero_is_zero, &dims[i]);
        if (target == TARGET_WRONG || (target == TARGET_REST && rest >= 0)) return false;
        if (target == TARGET_DIM) continue;
        dims[i] = fresh_dim(s);
        if (target == TARGET_REST) rest = i;
        else open = i, open_count++;
    }
    if (rest >= 0 && open_count == 0) dims[rest] = symbol_dim(s, remaining_size(s, dims, rank, rest));
    if (rest < 0 && open_count == 1 && all_numbers(dims, rank, open))
        dims[open] = symbol_dim(s, remaining_size(s, dims, rank, open));
    if (!counts_agree(s, rank, dims)) return false;
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool shape_reshape_by_attribute(struct shaping *s)
{
    struct axes shape;
    int targets[SHAPE_MAX_RANK];
    axes_from_attribute(s, "shape", &shape);
    if (shape.known != AXES_KNOWN) return shape_any(s);
    for (int i = 0; i < shape.count; i++) targets[i] = symbol_number(s->symbols, shape.at[i]);
    return shape_reshape_to(s, targets, shape.count);
}

static bool shape_reshape(struct shaping *s)
{
    int targets[SHAPE_MAX_RANK] = { 0 };
    const struct dim *content = input_content(s, 1);
    int64_t rank = input_count(s, 1);
    if (rank < 0 || rank > SHAPE_MAX_RANK || input_rank(s, 1) != 1) return shape_any(s);
    if (!content) {
        struct dim all;
        if (rank != 1 || input_rank(s, 0) < 0) return set_rank(s, 0, rule_type(s), (int)rank);
        all = product_dim(s, input_dims(s, 0), 0, input_rank(s, 0));
        return set_output(s, 0, rule_type(s), 1, &all);
    }
    for (int i = 0; i < rank; i++) targets[i] = content[i].symbol;
    return shape_reshape_to(s, targets, (int)rank);
}

static bool shape_flatten(struct shaping *s)
{
    struct dim dims[2];
    int rank = input_rank(s, 0);
    int64_t axis = node_int(s->node, "axis", 1);
    if (rank < 0) return set_rank(s, 0, rule_type(s), 2);
    if (axis < -rank || axis > rank) return false;
    if (axis < 0) axis += rank;
    dims[0] = product_dim(s, input_dims(s, 0), 0, (int)axis);
    dims[1] = product_dim(s, input_dims(s, 0), (int)axis, rank);
    return set_output(s, 0, rule_type(s), 2, dims);
}

static void axes_by_opset(struct shaping *s, int64_t first_with_input, struct axes *axes)
{
    if (s->node->opset >= first_with_input) axes_from_input(s, 1, axes);
    else axes_from_attribute(s, "axes", axes);
}

/* Without axes every 1 goes, so each dim must be known to be 1 or not. */
static bool mark_ones(struct shaping *s, int rank, bool *marked)
{
    for (int i = 0; i < rank; i++) {
        struct dim dim = input_dim(s, 0, i);
        if (dim.size < 0 && symbol_minimum(s->symbols, dim.symbol) < 2) return false;
        marked[i] = dim.size == 1;
    }
    return true;
}

static bool shape_squeeze(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), kept = 0;
    axes_by_opset(s, 13, &axes);
    if (rank < 0 || axes.known == AXES_UNKNOWN) return shape_any(s);
    if (axes.known == AXES_COUNTED)
        return axes.count <= rank && axes.count > 0 ? set_rank(s, 0, rule_type(s), rank - axes.count) : shape_any(s);
    if (axes.known == AXES_ABSENT || axes.count == 0) {
        if (!mark_ones(s, rank, marked)) return shape_any(s);
    } else if (!mark_axes(&axes, rank, marked)) {
        return false;
    }
    for (int i = 0; i < rank; i++) {
        if (marked[i] && input_dim(s, 0, i).size >= 0 && input_dim(s, 0, i).size != 1) return false;
        if (!marked[i]) dims[kept++] = input_dim(s, 0, i);
    }
    return set_output(s, 0, rule_type(s), kept, dims);
}

static bool shape_unsqueeze(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), from = 0;
    axes_by_opset(s, 13, &axes);
    if (rank < 0 || axes.known == AXES_UNKNOWN || rank + axes.count > SHAPE_MAX_RANK) return shape_any(s);
    if (axes.known == AXES_COUNTED) return set_rank(s, 0, rule_type(s), rank + axes.count);
    if (!mark_axes(&axes, rank + axes.count, marked)) return false;
    for (int i = 0; i < rank + axes.count; i++) dims[i] = marked[i] ? number_dim(1) : input_dim(s, 0, from++);
    return set_output(s, 0, rule_type(s), rank + axes.count, dims);
}

/* One axis more. */
static bool shape_expand_dims(struct shaping *s)
{
    int rank = input_rank(s, 0);
    return rank < 0 ? set_type(s, 0, rule_type(s)) : set_rank(s, 0, rule_type(s), rank + 1);
}

/* One dim under Expand: where the target size is unknown, the dim stays known only if it cannot be repeated. */
static bool expand_axis(struct shaping *s, struct dim dim, int target, struct dim *result)
{
    int64_t number;
    if (symbol_is_number(s->symbols, target, &number) && number < 0) return false;
    if (symbol_minimum(s->symbols, target) >= 0) return broadcast_dim(s, dim, symbol_dim(s, target), result);
    bool fixed = dim.size > 1 || (dim.size == -1 && symbol_minimum(s->symbols, dim.symbol) > 1);
    *result = fixed ? dim : fresh_dim(s);
    return true;
}

static bool shape_expand(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), result;
    const struct dim *targets = input_content(s, 1);
    int64_t listed = input_count(s, 1);
    if (rank < 0 || listed < 0 || listed > SHAPE_MAX_RANK) return shape_any(s);
    result = rank > listed ? rank : (int)listed;
    for (int i = 0; i < result; i++) {
        int from = i - (result - rank), to = i - (result - (int)listed);
        struct dim dim = from < 0 ? number_dim(1) : input_dim(s, 0, from);
        int target = to < 0 ? symbol_number(s->symbols, 1) : targets ? targets[to].symbol : 0;
        if (!expand_axis(s, dim, target, &dims[i])) return false;
    }
    return set_output(s, 0, rule_type(s), result, dims);
}

static bool shape_constant(struct shaping *s)
{
    struct value *output = node_output(s->node, 0);
    const struct tensor *tensor = output ? value_constant(output) : NULL;
    const BnfuseOnnx__AttributeProto *sparse = node_attribute(s->node, "sparse_value");
    if (tensor) set_constant(s, output, tensor);
    else if (output && sparse && sparse->sparse_tensor) set_sparse_constant(s, output, sparse->sparse_tensor);
    return true;
}

static bool shape_constant_of_shape(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    const BnfuseOnnx__AttributeProto *value = node_attribute(s->node, "value");
    enum dtype type = DTYPE_FLOAT;
    if (value && value->t) type = dtype_kind(value->t->data_type) ? (enum dtype)value->t->data_type : DTYPE_UNDEFINED;
    const struct dim *sizes = input_content(s, 0);
    int64_t rank = input_count(s, 0);
    if (rank < 0 || rank > SHAPE_MAX_RANK) return set_type(s, 0, type);
    for (int i = 0; i < rank; i++) {
        int size = sizes ? sizes[i].symbol : 0;
        int64_t number;
        if (symbol_is_number(s->symbols, size, &number) && number < 0) return false;
        dims[i] = symbol_dim(s, symbol_minimum(s->symbols, size) < 0 ? 0 : size);
    }
    return set_output(s, 0, type, (int)rank, dims);
}

static bool shape_range(struct shaping *s)
{
    int bounds[3];
    int64_t start, limit, delta;
    struct dim dim = fresh_dim(s);
    for (size_t i = 0; i < 3; i++) {
        const struct dim *content = input_content(s, i);
        bounds[i] = content ? content[0].symbol : 0;
    }
    bool numbers = symbol_is_number(s->symbols, bounds[0], &start) && symbol_is_number(s->symbols, bounds[2], &delta);
    if (numbers && delta == 0) return false;
    if (numbers && symbol_is_number(s->symbols, bounds[1], &limit)) {
        int64_t span;
        bool ordered = delta > 0 ? limit > start : limit < start;
        if (delta == INT64_MIN || __builtin_sub_overflow(limit, start, &span) || span == INT64_MIN) return true;
        dim = number_dim(!ordered ? 0 : (llabs(span) - 1) / llabs(delta) + 1);
    } else if (numbers && delta > 0) {
        int length = symbol_divide_up(s->symbols, symbol_subtract(s->symbols, bounds[1], bounds[0]), bounds[2]);
        dim = symbol_dim(s, symbol_maximum(s->symbols, length, symbol_number(s->symbols, 0)));
    }
    return set_output(s, 0, rule_type(s), 1, &dim);
}

static bool shape_of_shape(struct shaping *s)
{
    int rank = input_rank(s, 0);
    if (rank < 0) return set_rank(s, 0, DTYPE_INT64, 1);
    int64_t start = node_int(s->node, "start", 0), end = node_int(s->node, "end", rank);
    start = start < -rank ? 0 : start < 0 ? start + rank : start > rank ? rank : start;
    end = end < -rank ? 0 : end < 0 ? end + rank : end > rank ? rank : end;
    struct dim dim = number_dim(end > start ? end - start : 0);
    return set_output(s, 0, DTYPE_INT64, 1, &dim);
}

static bool shape_of_size(struct shaping *s)
{
    return set_rank(s, 0, DTYPE_INT64, 0);
}

static bool shape_eye_like(struct shaping *s)
{
    return set_like(s, 0, type_attribute(s, "dtype", input_type(s, 0)), 0);
}

static void content_of_shape(struct shaping *s)
{
    int symbols[CONTENT_MAX], rank = input_rank(s, 0);
    int64_t start = node_int(s->node, "start", 0), count = shape_count(&node_output(s->node, 0)->shape);
    if (rank < 0) return;
    start = start < -rank ? 0 : start < 0 ? start + rank : start;
    for (int64_t i = 0; i < count; i++) symbols[i] = dim_symbol(s, input_dim(s, 0, (int)(start + i)));
    set_content(s, 0, symbols);
}

static void content_of_size(struct shaping *s)
{
    if (input_rank(s, 0) < 0) return;
    int symbol = dim_symbol(s, product_dim(s, input_dims(s, 0), 0, input_rank(s, 0)));
    set_content(s, 0, &symbol);
}

static void content_filled(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    double value = 0;
    int64_t count = shape_count(&node_output(s->node, 0)->shape);
    const BnfuseOnnx__AttributeProto *attribute = node_attribute(s->node, "value");
    if (attribute && attribute->t) {
        struct tensor tensor;
        if (!tensor_from_proto(&tensor, s->scratch, s->net->model, attribute->t, NULL) || tensor.count != 1
            || (dtype_kind(tensor.type) != KIND_REAL && dtype_kind(tensor.type) != KIND_WHOLE)
            || !tensor_read_real(&tensor, 0, 1, &value, NULL))
            return;
    }
    bool whole = value > -1e15 && value < 1e15 && value == (double)(int64_t)value;
    for (int64_t i = 0; i < count; i++) symbols[i] = whole ? symbol_number(s->symbols, (int64_t)value) : 0;
    set_content(s, 0, symbols);
}

static void content_range(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    const struct dim *start = input_content(s, 0), *delta = input_content(s, 2);
    int64_t count = shape_count(&node_output(s->node, 0)->shape);
    if (!start || !delta) return;
    for (int64_t i = 0; i < count; i++)
        symbols[i] = i ? symbol_add(s->symbols, symbols[i - 1], delta[0].symbol) : start[0].symbol;
    set_content(s, 0, symbols);
}

/* ---- constants seen through it ---- */

static bool view_identity(const struct node *node, struct view_dims *view)
{
    (void)node;
    (void)view;
    return true;
}

static bool view_reshape(const struct node *node, struct view_dims *view)
{
    int64_t shape[TENSOR_MAX_RANK], known = 1;
    int rank, open = -1;
    bool given, keeps_zero = node_int(node, "allowzero", 0) == 0;
    if (!node_list(node, "shape", shape, &rank, &given) || !given) return false;
    for (int i = 0; i < rank; i++) {
        if (shape[i] == 0 && keeps_zero && i >= view->rank) return false;
        if (shape[i] == 0 && keeps_zero) shape[i] = view->dims[i];
        if (shape[i] == -1 && open >= 0) return false;
        if (shape[i] == -1) open = i;
        else if (!size_multiply(known, shape[i], &known)) return false;
    }
    if (open >= 0 && (known == 0 || view->count % known != 0)) return false;
    if (open >= 0) shape[open] = view->count / known;
    else if (known != view->count) return false;
    view->rank = rank;
    memcpy(view->dims, shape, (size_t)rank * sizeof *shape);
    return true;
}

static bool view_squeeze(const struct node *node, struct view_dims *view)
{
    struct axes axes;
    int rank = 0;
    bool given, marked[TENSOR_MAX_RANK];
    if (!node_list(node, "axes", axes.at, &axes.count, &given) || !mark_axes(&axes, view->rank, marked)) return false;
    for (int i = 0; i < view->rank; i++) {
        if (marked[i] && view->dims[i] != 1) return false;
        if (given ? !marked[i] : view->dims[i] != 1) view->dims[rank++] = view->dims[i];
    }
    view->rank = rank;
    return true;
}

static bool view_unsqueeze(const struct node *node, struct view_dims *view)
{
    struct axes axes;
    bool given, marked[TENSOR_MAX_RANK];
    if (!node_list(node, "axes", axes.at, &axes.count, &given) || !given) return false;
    int rank = view->rank + axes.count, from;
    if (rank > TENSOR_MAX_RANK || !mark_axes(&axes, rank, marked)) return false;
    from = view->rank;
    for (int i = rank; i-- > 0;) view->dims[i] = marked[i] ? 1 : view->dims[--from];
    view->rank = rank;
    return true;
}

static bool view_flatten(const struct node *node, struct view_dims *view)
{
    int64_t axis = node_int(node, "axis", 1), rows = 1, columns = 1;
    if (axis < 0) axis += view->rank;
    if (axis < 0 || axis > view->rank) return false;
    for (int i = 0; i < view->rank; i++) {
        int64_t *side = i < axis ? &rows : &columns;
        if (!size_multiply(*side, view->dims[i], side)) return false;
    }
    view->rank = 2;
    view->dims[0] = rows;
    view->dims[1] = columns;
    return true;
}

const struct operator_row shape_operators[] = {
    { "Constant", 1, LATEST, .run = constant, .shape = shape_constant,
      .schemas = SCHEMAS({ 1, 10, "> .", "value!t" }, { 11, 11, "> .", "sparse_value:p value:t" },
                         { 12, LATEST, "> .",
                           "sparse_value:p value:t value_float:f value_floats:F value_int:i value_ints:I "
                           "value_string:s value_strings:S" }) },
    { "ConstantOfShape", 9, LATEST, .gradient = gradient_flat, .run = constant_of_shape,
      .shape = shape_constant_of_shape, .content = content_filled, .sizes = SLOT(0), .arithmetic = true,
      .schemas = SCHEMAS({ 9, LATEST, "i64 > .", "value:t" }) },
    { "Expand", 8, LATEST, .gradient = gradient_moved, .run = expand, .complex = MOVES_COMPLEX, .shape = shape_expand,
      .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_repeat, .sizes = SLOT(1), .passes = SLOT(0),
      .arithmetic = true, .limits = { [1] = LIMIT_ONE }, .schemas = SCHEMAS({ 8, LATEST, "T i64 > T", "" }),
      .exact = EXACT },
    { "EyeLike", 9, LATEST, .run = eye_like, .shape = shape_eye_like,
      .schemas = SCHEMAS({ 9, LATEST, ". > .", "dtype:i k:i" }) },
    { "Flatten", 1, LATEST, .gradient = gradient_moved, .run = flatten, .complex = MOVES_COMPLEX,
      .shape = shape_flatten, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same,
      .passes = SLOT(0), .arithmetic = true, .view = view_flatten, .schemas = SCHEMAS({ 1, LATEST, "T > T", "axis:i" }),
      .exact = EXACT },
    { "Identity", 1, LATEST, .gradient = gradient_moved, .run = identity, .complex = MOVES_COMPLEX, .shape = shape_same,
      .laws = IDENTITY, .idle = true, .keeps_range = true, .content = content_same, .passes = SLOT(0),
      .arithmetic = true, .view = view_identity,
      .schemas = SCHEMAS({ 1, 13, "T > T", "" }, { 14, LATEST, ". > .", "" }), .exact = EXACT },
    { "Range", 11, LATEST, .run = range, .shape = shape_range, .content = content_range,
      .sizes = SLOT(0) | SLOT(1) | SLOT(2), .arithmetic = true,
      .limits = { [0] = LIMIT_ZERO, [1] = LIMIT_TWO, [2] = LIMIT_ONE },
      .schemas = SCHEMAS({ 11, 26, "T T T > T", "" }, { 27, LATEST, "T T T > T", "stash_type:i" }),
      .exact = EXACT_WHOLE },
    { "Reshape", 1, 4, .gradient = gradient_moved, .run = reshape_by_attribute, .complex = MOVES_COMPLEX,
      .shape = shape_reshape_by_attribute, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same,
      .sizes = SLOT(1), .passes = SLOT(0), .arithmetic = true, .view = view_reshape, .limits = { [1] = LIMIT_ONE },
      .schemas = SCHEMAS({ 1, 4, "T > T", "consumed_inputs:I shape:I" }, { 5, 13, "T i64 > T", "" },
                         { 14, LATEST, "T i64 > T", "allowzero:i" }),
      .exact = EXACT },
    { "Reshape", 5, LATEST, .gradient = gradient_moved, .run = reshape, .complex = MOVES_COMPLEX,
      .shape = shape_reshape, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same, .sizes = SLOT(1),
      .passes = SLOT(0), .arithmetic = true, .view = view_reshape, .limits = { [1] = LIMIT_ONE }, .exact = EXACT },
    { "Shape", 1, LATEST, .gradient = gradient_flat, .run = shape, .complex = MOVES_COMPLEX, .shape = shape_of_shape,
      .content = content_of_shape,
      .schemas = SCHEMAS({ 1, 14, ". > i64", "" }, { 15, LATEST, ". > i64", "end:i start:i" }), .exact = EXACT },
    { "Size", 1, LATEST, .gradient = gradient_flat, .run = size, .complex = MOVES_COMPLEX, .shape = shape_of_size,
      .content = content_of_size, .schemas = SCHEMAS({ 1, LATEST, ". > i64", "" }), .exact = EXACT },
    { "Squeeze", 1, 12, .gradient = gradient_moved, .run = squeeze_by_attribute, .complex = MOVES_COMPLEX,
      .shape = shape_squeeze, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same, .sizes = SLOT(1),
      .passes = SLOT(0), .arithmetic = true, .view = view_squeeze,
      .schemas = SCHEMAS({ 1, 12, "T > T", "axes:I" }, { 13, LATEST, "T ?i64 > T", "" }), .exact = EXACT },
    { "Squeeze", 13, LATEST, .gradient = gradient_moved, .run = squeeze, .complex = MOVES_COMPLEX,
      .shape = shape_squeeze, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same, .sizes = SLOT(1),
      .passes = SLOT(0), .arithmetic = true, .view = view_squeeze, .exact = EXACT },
    { "Unsqueeze", 1, 12, .gradient = gradient_moved, .run = unsqueeze_by_attribute, .complex = MOVES_COMPLEX,
      .shape = shape_unsqueeze, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same,
      .sizes = SLOT(1), .passes = SLOT(0), .arithmetic = true, .view = view_unsqueeze,
      .schemas = SCHEMAS({ 1, 12, "T > T", "axes!I" }, { 13, LATEST, "T i64 > T", "" }), .exact = EXACT },
    { "Unsqueeze", 13, LATEST, .gradient = gradient_moved, .run = unsqueeze, .complex = MOVES_COMPLEX,
      .shape = shape_unsqueeze, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same,
      .sizes = SLOT(1), .passes = SLOT(0), .arithmetic = true, .view = view_unsqueeze, .exact = EXACT },
    { "com.microsoft:ExpandDims", 1, LATEST, .gradient = gradient_moved, .run = unsqueeze, .shape = shape_expand_dims,
      .sizes = SLOT(1), .passes = SLOT(0), .schemas = SCHEMAS({ 1, LATEST, "T i32 > T", "" }), .exact = EXACT },
    { 0 },
};
