/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that look at shapes, and those that make tensors of them: Shape, Size, Constant, ConstantOfShape, Expand,
 * Range, EyeLike. */
#include "onnx/shape/content.h"
#include "onnx/shape/rules.h"
#include "runtime/gradient.h"
#include "runtime/math/layout.h"
#include "runtime/ops/operators.h"
#include "runtime/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    for (size_t i = 0; i < count; i++) y->text[i] = pool_text(call->pool, values[i].data, values[i].len);
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
    const struct tensor *tensor = value_constant(output);
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
    for (int i = 0; i < rank; i++)
        if (!size_dim(s, sizes ? sizes[i].symbol : 0, &dims[i])) return false;
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

/* The step may be absent. */
static bool range_formula(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *start = call_input(call, 0), *step = call_input(call, 2);
    if (!start) formula_fail(&f, "needs a start");
    else if (!step) step = formula_number(&f, start->type, 1);
    formula_give(&f, 0, formula_op(&f, "Range", NULL, FROM(start, call_input(call, 1), step)));
    return formula_close(&f);
}

static bool shape_unknown_list(struct shaping *s)
{
    return set_rank(s, 0, rule_type(s), 1);
}

const struct operator_row shape_operators[] = {
    { "Constant", 1, LATEST, .run = constant, .shape = shape_constant,
      .schemas = SCHEMAS({ 1, 10, "> .", "value!t" }, { 11, 11, "> .", "sparse_value^p value^t" },
                         { 12, LATEST, "> .",
                           "sparse_value^p value^t value_float^f value_floats^F value_int^i value_ints^I "
                           "value_string^s value_strings^S" }) },
    { "ConstantOfShape", 9, LATEST, .gradient = gradient_flat, .run = constant_of_shape,
      .shape = shape_constant_of_shape, .content = content_filled, .sizes = SLOT(0), .arithmetic = true,
      .schemas = SCHEMAS({ 9, LATEST, "i64[] > .", "value:t=nb20he21q23p24o25d" }) },
    { "Expand", 8, LATEST, .gradient = gradient_moved, .run = expand, .complex = MOVES_COMPLEX, .shape = shape_expand,
      .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_repeat, .sizes = SLOT(1), .passes = SLOT(0),
      .arithmetic = true, .limits = { [1] = LIMIT_ONE }, .schemas = SCHEMAS({ 8, LATEST, "Ta13h i64 > T", "" }),
      .exact = EXACT },
    { "EyeLike", 9, LATEST, .run = eye_like, .shape = shape_eye_like,
      .schemas = SCHEMAS({ 9, LATEST, ".nb22h > .", "dtype:e=nb22h k:i" }) },
    { "Range", 11, LATEST, .run = range, .shape = shape_range, .content = content_range,
      .sizes = SLOT(0) | SLOT(1) | SLOT(2), .arithmetic = true,
      .limits = { [0] = LIMIT_ZERO, [1] = LIMIT_TWO, [2] = LIMIT_ONE },
      .schemas = SCHEMAS({ 11, 26, "Tirgm[1] T[1] T[1] > T", "" },
                         { 27, LATEST, "Tfimh[1] T[1] T[1] > T", "stash_type:e=fh" }),
      .exact = EXACT_WHOLE },
    { "Shape", 1, LATEST, .gradient = gradient_flat, .run = shape, .complex = MOVES_COMPLEX, .shape = shape_of_shape,
      .content = content_of_shape,
      .schemas = SCHEMAS({ 1, 14, ".a13h > i64", "" }, { 15, LATEST, ".ah19e21q23p24o25d > i64", "end:i start:i" }),
      .exact = EXACT },
    { "Size", 1, LATEST, .gradient = gradient_flat, .run = size, .complex = MOVES_COMPLEX, .shape = shape_of_size,
      .content = content_of_size, .schemas = SCHEMAS({ 1, LATEST, ".a13h19e21q23p24o25d > i64", "" }), .exact = EXACT },
    { "com.microsoft:Range", 1, LATEST, .run = range_formula, .shape = shape_unknown_list,
      .sizes = SLOT(0) | SLOT(1) | SLOT(2), .limits = { [0] = LIMIT_ZERO, [1] = LIMIT_TWO, [2] = LIMIT_ONE },
      .schemas = SCHEMAS({ 1, LATEST, "Trmig T ?T > T", "" }), .exact = EXACT_WHOLE },
    { 0 },
};
