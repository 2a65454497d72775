/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that ONNX had on trial at opset 1 and dropped, and that old files still hold: Affine, ConstantFill, Crop,
 * GivenTensorFill, ImageScaler, ParametricSoftplus, Scale, ScaledTanh. They mean the same at any opset. ATen never
 * meant anything by itself. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/math/elementwise.h"
#include "runtime/math/real.h"
#include "runtime/ops/elementwise.h"
#include "runtime/ops/operators.h"
#include "runtime/slices.h"

#include <math.h>

/* ---- element by element ---- */

static double softplus(double scale, double x)
{
    return scale * (fmax(x, 0) + log1p(exp(-fabs(x))));
}

UNARY_STRIP(affine_f32, float, float, p[0] * (double)x + p[1])
UNARY_STRIP(affine_f64, double, double, p[0] * x + p[1])
UNARY_STRIP(scaled_tanh_f32, float, float, p[0] * tanh(p[1] * (double)x))
UNARY_STRIP(scaled_tanh_f64, double, double, p[0] * tanh(p[1] * x))
UNARY_STRIP(parametric_softplus_f32, float, float, softplus(p[0], p[1] * (double)x))
UNARY_STRIP(parametric_softplus_f64, double, double, softplus(p[0], p[1] * x))

/* scale * x, and a bias for each channel. */
static bool image_scaler(struct call *call)
{
    struct array *x;
    const float *bias;
    size_t count = node_floats(call->node, "bias", &bias);
    double scale = (double)node_float(call->node, "scale", 1);
    if (!call_real(call, 0, "input", true, 2, &x)) return false;
    if ((int64_t)count != x->dims[1])
        return call_fail(call, "has %zu biases for %lld channels", count, (long long)x->dims[1]);
    struct array *y = call_output(call, 0, x->type, x->rank, x->dims);
    int64_t plane = dims_product(x->dims, 2, x->rank);
    for (int64_t i = 0; i < x->count; i++)
        element_put(y, i, scale * element_real(x, i) + (double)bias[i / plane % x->dims[1]]);
    return true;
}

/* ---- Crop: border is left, top, right, bottom; or left, top and a `scale` of height and width ---- */

/* Where the kept part of an axis begins and ends. */
static bool read_border(const struct node *node, const int64_t *dims, int64_t *begin, int64_t *end)
{
    const int64_t *border, *scale;
    size_t borders = node_ints(node, "border", &border), scales = node_ints(node, "scale", &scale);
    if (borders != 4 || (scales != 0 && scales != 2)) return false;
    for (int i = 0; i < 2; i++) {
        begin[i] = border[1 - i];
        if (begin[i] < 0 || begin[i] > dims[i] || border[3 - i] < 0 || border[3 - i] > dims[i]) return false;
        end[i] = dims[i] - border[3 - i];
        if (scales && (scale[i] < 0 || scale[i] > dims[i])) return false;
        if (scales) end[i] = begin[i] + scale[i];
        if (end[i] < begin[i] || end[i] > dims[i]) return false;
    }
    return true;
}

static bool crop(struct call *call)
{
    struct array *x;
    int64_t begin[2], end[2];
    if (!call_real(call, 0, "input", true, 4, &x)) return false;
    if (x->rank != 4 || !read_border(call->node, x->dims + 2, begin, end))
        return call_fail(call, "has a border that does not fit its input");
    struct array *rows = piece_slice(call->pool, x, 2, begin[0], end[0] - begin[0]);
    call_give(call, 0, piece_slice(call->pool, rows, 3, begin[1], end[1] - begin[1]));
    array_drop(rows);
    return true;
}

/* ---- fills: of a shape that is an attribute, that of the input, or what the input holds; and more dims behind ---- */

static bool fill_dims(struct call *call, int64_t *dims, int *rank)
{
    const struct array *x = call_input(call, 0);
    const int64_t *list = NULL, *extra = NULL;
    bool holds = node_int(call->node, "input_as_shape", 0) != 0;
    size_t count = node_ints(call->node, "shape", &list), extras = node_ints(call->node, "extra_shape", &extra);
    if (x && holds && !is_whole(x)) return call_fail(call, "needs whole numbers as its shape");
    if (x) {
        list = holds ? x->i64 : x->dims;
        count = holds ? (size_t)x->count : (size_t)x->rank;
    }
    if (count + extras > ARRAY_MAX_RANK) return call_fail(call, "has too many dimensions");
    for (size_t i = 0; i < count + extras; i++) {
        dims[i] = i < count ? list[i] : extra[i - count];
        if (dims[i] < 0) return call_fail(call, "has a dimension of %lld", (long long)dims[i]);
    }
    *rank = (int)(count + extras);
    return true;
}

static bool constant_fill(struct call *call)
{
    int64_t dims[ARRAY_MAX_RANK], type = node_int(call->node, "dtype", DTYPE_FLOAT);
    int rank;
    if (dtype_kind(type) != KIND_REAL && dtype_kind(type) != KIND_WHOLE)
        return call_fail(call, "cannot fill with %s", dtype_name(type));
    if (!fill_dims(call, dims, &rank)) return false;
    struct array *y = call_output(call, 0, (enum dtype)type, rank, dims);
    double value = (double)node_float(call->node, "value", 0);
    for (int64_t i = 0; i < y->count; i++) element_put(y, i, value);
    return true;
}

static bool given_tensor_fill(struct call *call)
{
    int64_t dims[ARRAY_MAX_RANK];
    int rank;
    const float *values;
    size_t count = node_floats(call->node, "values", &values);
    if (!fill_dims(call, dims, &rank)) return false;
    struct array *y = call_output(call, 0, DTYPE_FLOAT, rank, dims);
    if ((int64_t)count != y->count)
        return call_fail(call, "has %zu values for %lld elements", count, (long long)y->count);
    for (int64_t i = 0; i < y->count; i++) element_put(y, i, (double)values[i]);
    return true;
}

/* ---- shapes ---- */

static bool shape_crop(struct shaping *s)
{
    return set_rank(s, 0, rule_type(s), 4);
}

static bool shape_fill(struct shaping *s)
{
    return set_type(s, 0, type_attribute(s, "dtype", DTYPE_FLOAT));
}

#define CURVE(name, a, absent_a, b, absent_b) \
    OF(.f32 = name##_f32, .f64 = name##_f64, .attributes = { { a, absent_a }, { b, absent_b } })

#define PYTORCH                                                                                                        \
    .refused = "is a call into PyTorch; export the model with operator_export_type=OperatorExportTypes.ONNX, or with " \
               "a newer exporter",                                                                                     \
    .open_shape = "it is never run", .schemas = SCHEMAS({ 1, LATEST, "*. > *.", "operator:s overload_name:s" })

const struct operator_row removed_operators[] = {
    { "ATen", 1, LATEST, PYTORCH },
    { "Affine", 1, LATEST, .run = elementwise_unary, .joins = true, .data = CURVE(affine, "alpha", 1, "beta", 0),
      .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true,
      .schemas = SCHEMAS({ 1, LATEST, "T > T", "alpha:f beta:f" }) },
    { "ConstantFill", 1, LATEST, .run = constant_fill, .shape = shape_fill, .sizes = SLOT(0),
      .schemas = SCHEMAS({ 1, LATEST, "?. > .", "dtype:i extra_shape:I input_as_shape:i shape:I value:f" }) },
    { "Crop", 1, LATEST, .run = crop, .shape = shape_crop, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "T > T", "border:I scale:I" }) },
    { "GivenTensorFill", 1, LATEST, .run = given_tensor_fill, .shape = shape_fill, .sizes = SLOT(0),
      .schemas = SCHEMAS({ 1, LATEST, "?. > f32", "extra_shape:I input_as_shape:i shape:I values:F" }) },
    { "ImageScaler", 1, LATEST, .run = image_scaler, .shape = shape_same,
      .schemas = SCHEMAS({ 1, LATEST, "T > T", "bias:F scale:f" }) },
    { "ParametricSoftplus", 1, LATEST, .run = elementwise_unary, .joins = true,
      .data = CURVE(parametric_softplus, "alpha", 1, "beta", 1), .shape = shape_same, .laws = ELEMENTWISE,
      .hides = true, .schemas = SCHEMAS({ 1, LATEST, "T > T", "alpha:f beta:f" }) },
    { "Scale", 1, LATEST, .run = elementwise_unary, .joins = true, .data = CURVE(affine, "scale", 1, NULL, 0),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 1, LATEST, "T > T", "scale:f" }) },
    { "ScaledTanh", 1, LATEST, .run = elementwise_unary, .joins = true,
      .data = CURVE(scaled_tanh, "alpha", 1, "beta", 1), .shape = shape_same, .laws = ELEMENTWISE,
      .is_activation = true, .hides = true, .schemas = SCHEMAS({ 1, LATEST, "T > T", "alpha:f beta:f" }) },
    { "com.microsoft:ATen", 1, LATEST, PYTORCH },
    { "org.pytorch.aten:ATen", 1, LATEST, PYTORCH },
    { 0 },
};
