/* SPDX-License-Identifier: Apache-2.0
 *
 * Quantized operators of com.microsoft: formulas of DequantizeLinear, the operator on real numbers, and
 * QuantizeLinear. */
#include "onnx/shape/rules.h"
#include "onnx/shape/slide.h"
#include "runtime/element.h"
#include "runtime/formula.h"
#include "runtime/ops/operators.h"

/* Input `slot` with its scale and zero point in the slots after it, as real numbers. */
static struct array *real_of(struct formula *f, size_t slot)
{
    struct call *call = f->call;
    if (!call_input(call, slot) || !call_input(call, slot + 1))
        return formula_fail(f, "needs inputs %zu and %zu", slot, slot + 1);
    return formula_dequantized(f, call_input(call, slot), call_input(call, slot + 1), call_input(call, slot + 2));
}

static bool is_channels_last(const struct call *call)
{
    return node_int(call->node, "channels_last", 0) != 0;
}

/* ---- operators between two roundings, whose names begin with this ---- */

static const char quantized_prefix[] = "QLinear";

static bool quantized_unary(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *x = real_of(&f, 0);
    if (is_channels_last(call)) x = formula_channels_first(&f, x);
    f.opset = node_int(call->node, "opset", LATEST_OPSET); /* Softmax: whose meaning */
    struct array *y = formula_own(&f, formula_base(&f, quantized_prefix), FROM(x));
    f.opset = LATEST_OPSET;
    if (is_channels_last(call)) y = formula_channels_last(&f, y);
    if (!f.failed) formula_give(&f, 0, formula_quantized(&f, y, 3, call_input(call, 0)->type));
    return formula_close(&f);
}

static bool quantized_mean(struct call *call)
{
    struct formula f;
    const int64_t *axes = NULL;
    size_t count = node_ints(call->node, "axes", &axes);
    int64_t all[ARRAY_MAX_RANK];
    formula_open(&f, call);
    struct array *x = real_of(&f, 0);
    for (int i = 0; x && i < x->rank; i++) all[i] = i;
    if (x && count == 0) axes = all;
    if (x && count == 0) count = (size_t)x->rank;
    struct array *y = formula_mean(&f, x, axes, (int64_t)count, node_int(call->node, "keepdims", 1) != 0);
    if (!f.failed) formula_give(&f, 0, formula_quantized(&f, y, 3, call_input(call, 0)->type));
    return formula_close(&f);
}

static bool quantized_binary(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *y = formula_op(&f, formula_base(&f, quantized_prefix), NULL, FROM(real_of(&f, 0), real_of(&f, 3)));
    if (!f.failed) formula_give(&f, 0, formula_quantized(&f, y, 6, call_input(call, 0)->type));
    return formula_close(&f);
}

static bool quantized_where(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *y = formula_op(&f, formula_base(&f, quantized_prefix), NULL,
                                 FROM(call_input(call, 0), real_of(&f, 1), real_of(&f, 4)));
    if (!f.failed) formula_give(&f, 0, formula_quantized(&f, y, 7, call_input(call, 1)->type));
    return formula_close(&f);
}

/* Scale and zero point of the result, then threes of a tensor, its scale and its zero point. */
static bool quantized_concat(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    size_t count = call->input_count >= 5 ? (call->input_count - 2) / 3 : 0;
    struct array **parts = NEW_ARRAY(call->scratch, struct array *, count);
    if (count == 0 || call->input_count != 2 + 3 * count) formula_fail(&f, "has %zu inputs", call->input_count);
    for (size_t i = 0; !f.failed && i < count; i++) parts[i] = real_of(&f, 2 + 3 * i);
    struct array *y = formula_own(&f, formula_base(&f, quantized_prefix), parts, count);
    if (!f.failed) formula_give(&f, 0, formula_quantized(&f, y, 0, call_input(call, 2)->type));
    return formula_close(&f);
}

static bool nhwc_max_pool(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *x = formula_channels_first(&f, call_input(call, 0));
    formula_give(&f, 0, formula_channels_last(&f, formula_own(&f, formula_base(&f, "Nhwc"), FROM(x))));
    return formula_close(&f);
}

/* ---- shapes ---- */

static bool shape_channels_last(struct shaping *s)
{
    return set_rank(s, 0, rule_type(s), input_rank(s, 0));
}

static bool shape_quantized_binary(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = 0, a = input_rank(s, 0), b = input_rank(s, 3);
    if (a < 0 || b < 0) return set_type(s, 0, rule_type(s));
    if (!broadcast_onto(s, &rank, dims, a, input_dims(s, 0)) || !broadcast_onto(s, &rank, dims, b, input_dims(s, 3)))
        return false;
    return set_output(s, 0, rule_type(s), rank, dims);
}

const struct operator_row fused_quant_operators[] = {
    { "com.microsoft:NhwcMaxPool", 1, LATEST, .run = nhwc_max_pool, .shape = shape_channels_last, .keeps_range = true,
      .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Ty > T", AUTO_PAD "ceil_mode:b dilations:N kernel_shape!N pads:P strides:N" }) },
    { "com.microsoft:QLinearAdd", 1, LATEST,
      .limits = { [1] = LIMIT_POSITIVE, [4] = LIMIT_POSITIVE, [6] = LIMIT_POSITIVE }, .run = quantized_binary,
      .shape = shape_quantized_binary, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Ty f32[1] ?T[1] T f32[1] ?T[1] f32[1] ?T[1] > T", "" }) },
    { "com.microsoft:QLinearAveragePool", 1, LATEST, .limits = { [1] = LIMIT_POSITIVE, [3] = LIMIT_POSITIVE },
      .run = quantized_unary, .shape = shape_channels_last, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Ty f32[1] ?T[1] f32[1] ?T[1] > T",
                           AUTO_PAD "ceil_mode:b channels_last:i count_include_pad:i kernel_shape!N pads:P "
                                    "strides:N" }) },
    { "com.microsoft:QLinearConcat", 1, LATEST,
      .limits = { LIMIT_POSITIVE, [3] = LIMIT_POSITIVE, [6] = LIMIT_POSITIVE }, .run = quantized_concat,
      .shape = shape_any, .type_from = 1, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "f32 Ty *.ry > T", "axis!i" }) },
    { "com.microsoft:QLinearGlobalAveragePool", 1, LATEST, .limits = { [1] = LIMIT_POSITIVE, [3] = LIMIT_POSITIVE },
      .run = quantized_unary, .shape = shape_channels_last, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Ty f32[1] T[1] f32[1] T[1] > T", "channels_last:i" }) },
    { "com.microsoft:QLinearLeakyRelu", 1, LATEST, .limits = { [1] = LIMIT_POSITIVE, [3] = LIMIT_POSITIVE },
      .run = quantized_unary, .shape = shape_same, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Ty f32[1] ?T[1] f32[1] ?T[1] > T", "alpha:f" }) },
    { "com.microsoft:QLinearMul", 1, LATEST,
      .limits = { [1] = LIMIT_POSITIVE, [4] = LIMIT_POSITIVE, [6] = LIMIT_POSITIVE }, .run = quantized_binary,
      .shape = shape_quantized_binary, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Ty f32[1] ?T[1] T f32[1] ?T[1] f32[1] ?T[1] > T", "" }) },
    { "com.microsoft:QLinearReduceMean", 1, LATEST, .limits = { [1] = LIMIT_POSITIVE, [3] = LIMIT_POSITIVE },
      .run = quantized_mean, .shape = shape_any, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Ty f32[1] ?T[1] f32[1] ?T[1] > T", "axes!I keepdims!i" }) },
    { "com.microsoft:QLinearSigmoid", 1, LATEST, .limits = { [1] = LIMIT_POSITIVE, [3] = LIMIT_POSITIVE },
      .run = quantized_unary, .shape = shape_same, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Ty f32[1] ?T[1] f32[1] ?T[1] > T", "" }) },
    { "com.microsoft:QLinearSoftmax", 1, LATEST, .limits = { [1] = LIMIT_POSITIVE, [3] = LIMIT_POSITIVE },
      .run = quantized_unary, .shape = shape_same, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Ty f32 ?T f32 T > T", "axis:i opset!i" }) },
    { "com.microsoft:QLinearWhere", 1, LATEST,
      .limits = { [2] = LIMIT_POSITIVE, [5] = LIMIT_POSITIVE, [7] = LIMIT_POSITIVE }, .run = quantized_where,
      .shape = shape_any, .type_from = 1, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "bool Ty f32 T T f32 T f32 T > T", "" }) },
    { 0 },
};
