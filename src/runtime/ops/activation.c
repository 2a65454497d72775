/* SPDX-License-Identifier: Apache-2.0
 *
 * Activations: what networks put between their layers, element by element. */
#include "runtime/ops/activation.h"
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/elementwise.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static double logistic(double x)
{
    double e = exp(-fabs(x));
    return x >= 0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
}

static int64_t shrunk(int64_t x, double bias, double limit)
{
    double real = (double)x, moved = real < -limit ? real + bias : real > limit ? real - bias : 0;
    return moved >= -0x1p63 && moved < 0x1p63 ? (int64_t)moved : 0;
}

REAL_VECTOR(celu)
REAL_VECTOR(elu)
REAL_VECTOR(gelu)
REAL_VECTOR(gelu_tanh)
REAL_VECTOR(hard_sigmoid)
REAL_VECTOR(hard_swish)
REAL_VECTOR(leaky_relu)
REAL_VECTOR(mish)
REAL_VECTOR(relu)
REAL_VECTOR(selu)
REAL_UNARY(shrink, x<-p[1] ? x + p[0] : x> p[1] ? x - p[0] : 0)
REAL_VECTOR(sigmoid)
REAL_VECTOR(softplus)
REAL_VECTOR(softsign)
REAL_VECTOR(swish)
REAL_VECTOR(tanh)
REAL_UNARY(thresholded_relu, x > p[0] || x != x ? x : 0)
REAL_PAIR(prelu)
REAL_BINARY(swiglu, x *logistic(p[0] * x) * y)
CLIP_STRIP(clip_f32)
CLIP_STRIP(clip_f64)

WHOLE_UNARY(relu, x < 0 ? 0 : x)
WHOLE_UNARY(shrink, shrunk(x, p[0], p[1]))
WHOLE_BINARY(prelu, x < 0 ? UNSIGNED(x) * UNSIGNED(y) : UNSIGNED(x))
UNSIGNED_BINARY(prelu, x *y)
TERNARY_STRIP(clip_i64, int64_t, x<y ? (y < z ? y : z) : x> z ? z : x)
TERNARY_STRIP(clip_u64, uint64_t, x<y ? (y < z ? y : z) : x> z ? z : x)

/* Whether y broadcasts to the dims of x, aligned at their ends. */
static bool broadcasts_to(const struct array *y, const struct array *x)
{
    bool fits = y->rank <= x->rank;
    for (int i = 1; fits && i <= y->rank; i++)
        fits = y->dims[y->rank - i] == 1 || y->dims[y->rank - i] == x->dims[x->rank - i];
    return fits;
}

/* Before opset 7 a slope of C elements goes along axis 1, and one of a single element has any rank. */
static bool prelu_by_channel(struct call *call)
{
    if (!elementwise_present(call, 2)) return false;
    struct array *x = call_input(call, 0), *slope = call_input(call, 1);
    bool is_by_channel = slope->rank == 1 && slope->count != 1 && x->rank >= 2;
    if (!is_by_channel && slope->count != 1 && !broadcasts_to(slope, x))
        return call_fail(call, "its slope does not fit its input");
    struct array *aligned = is_by_channel       ? elementwise_aligned_at(slope, 1, x->rank)
                            : slope->count == 1 ? array_reshaped(slope, 0, NULL)
                                                : array_keep(slope);
    bool good = elementwise_combine(call, call->row->data, x, aligned);
    array_drop(aligned);
    return good;
}

/* A bound as one element of x's store; the end of its range where there is none. */
static struct array *bound_of(struct call *call, const struct array *x, const struct array *bound, double real,
                              int64_t whole)
{
    if (bound) return array_stored((struct array *)bound, x->store);
    struct array *one = array_new(call->pool, x->type, x->store, 0, NULL);
    if (x->store == STORE_F32) one->f32[0] = (float)real;
    else if (x->store == STORE_F64) one->f64[0] = real;
    else one->i64[0] = whole;
    return one;
}

static bool clip_between(struct call *call, struct array *low, struct array *high)
{
    const struct array *x = call_input(call, 0);
    static const struct operation clip = { .f32 = clip_f32, .f64 = clip_f64, .i64 = clip_i64, .u64 = clip_u64 };
    struct array *result;
    bool good = elementwise_apply(call, &clip, 3, (const struct array *[]){ x, low, high }, &result);
    array_drop(low);
    array_drop(high);
    if (good) call_give(call, 0, result);
    return good;
}

static bool clip_by_inputs(struct call *call)
{
    if (!elementwise_present(call, 1)) return false;
    const struct array *x = call_input(call, 0), *low = call_input(call, 1), *high = call_input(call, 2);
    if ((low && (low->count != 1 || low->rank > x->rank)) || (high && (high->count != 1 || high->rank > x->rank)))
        return call_fail(call, "min and max must be scalars");
    if (x->store > STORE_I64 || (low && low->store > STORE_I64) || (high && high->store > STORE_I64))
        return elementwise_no_type(call, x);
    bool is_u64 = x->type == DTYPE_UINT64;
    return clip_between(call, bound_of(call, x, low, -INFINITY, is_u64 ? 0 : INT64_MIN),
                        bound_of(call, x, high, INFINITY, is_u64 ? -1 : INT64_MAX));
}

static bool clip_by_attributes(struct call *call)
{
    if (!elementwise_present(call, 1)) return false;
    const struct array *x = call_input(call, 0);
    if (x->store > STORE_F64) return elementwise_no_type(call, x);
    return clip_between(call, bound_of(call, x, NULL, node_float(call->node, "min", -INFINITY), 0),
                        bound_of(call, x, NULL, node_float(call->node, "max", INFINITY), 0));
}

static const struct clamp at_zero = { .low = { .kind = BOUND_ZERO } },
                          by_attributes = { { BOUND_ATTRIBUTE, 0, "min" }, { BOUND_ATTRIBUTE, 0, "max" } },
                          by_inputs = { { BOUND_INPUT, 1, NULL }, { BOUND_INPUT, 2, NULL } };

const struct operator_row *activation_find(const char *name)
{
    for (const struct operator_row *const *family = operator_families; *family; family++)
        for (const struct operator_row *row = *family; row->name; row++)
            if (row->is_activation && row->last == LATEST && strcasecmp(row->name, name) == 0) return row;
    return NULL;
}

/* ---- named by an attribute of another operator ---- */

/* Parameter i, said in a list or under a name of its own. */
static bool activation_parameter(const struct node *node, const char *parameter, size_t i, float *value)
{
    const float *list;
    char name[40] = "activation_";
    size_t count = node_floats(node, "activation_params", &list);
    if (i < count) *value = list[i];
    if (i < count) return true;
    strcat(name, parameter);
    *value = node_float(node, name, 0);
    return node_attribute(node, name) != NULL;
}

/* Clip has its bounds as inputs today. */
static struct array *clipped(struct formula *f, struct array *y)
{
    float low, high;
    if (!y) return NULL;
    struct array *least =
        activation_parameter(f->call->node, "alpha", 0, &low) ? formula_number(f, y->type, (double)low) : NULL;
    struct array *most =
        activation_parameter(f->call->node, "beta", 1, &high) ? formula_number(f, y->type, (double)high) : NULL;
    return formula_op(f, "Clip", NULL, FROM(y, least, most));
}

/* What the node says of the activation's attributes. Room for two and the end. */
static void read_activation(const struct node *node, const struct operation *activation, struct setting *settings)
{
    for (size_t i = 0; i < 2 && activation->attributes[i].name; i++) {
        const char *name = activation->attributes[i].name;
        float value;
        if (activation_parameter(node, name, i, &value)) *settings++ = (struct setting)SET_FLOAT(name, value);
    }
}

struct array *activation_apply(struct formula *f, struct array *y)
{
    const struct node *node = f->call->node;
    const char *name = node_text(node, "activation", "");
    if (!*name) return y;
    if (strcmp(name, "Clip") == 0) return clipped(f, y);
    const struct operator_row *row = activation_find(name);
    struct setting settings[3] = { { 0 } };
    if (!row && !f->failed) f->failed = !call_unsupported(f->call, "activation %s is not known", name);
    if (!row) return NULL;
    read_activation(node, row->data, settings);
    return formula_op(f, row->name, settings, FROM(y));
}

/* ---- com.microsoft: formulas of Gelu and its kin ---- */

/* Its `approximate` is the row's data. */
static bool gelu_formula(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *x = formula_with_bias(&f);
    formula_give(&f, 0, formula_op(&f, "Gelu", SETTINGS(SET_TEXT("approximate", call->row->data)), FROM(x)));
    return formula_close(&f);
}

/* x * sigmoid(alpha * x) */
static bool quick_gelu(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *x = call_input(call, 0);
    struct array *s = formula_scaled(&f, x, (double)node_float(call->node, "alpha", 1.702f));
    formula_give(&f, 0, formula_mul(&f, x, formula_op(&f, "Sigmoid", NULL, FROM(s))));
    return formula_close(&f);
}

/* The left half of x + bias times Gelu of the right one. */
static bool bias_split_gelu(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *sum = formula_add(&f, call_input(call, 0), call_input(call, 1));
    int axis = sum ? sum->rank - 1 : 0;
    int64_t width = sum ? sum->dims[axis] : 0;
    if (sum && width % 2 != 0) formula_fail(&f, "cannot halve %lld features", (long long)width);
    struct array *left = formula_slice(&f, sum, axis, 0, width / 2),
                 *right = formula_slice(&f, sum, axis, width / 2, width);
    formula_give(&f, 0, formula_mul(&f, left, formula_op(&f, "Gelu", NULL, FROM(right))));
    return formula_close(&f);
}

static const struct operator_form gelu_forms[] = {
    { .formula = "0.5 * x * (1 + Erf(x / 1.4142135623730951))" },
    { .formula = "0.5 * x * (1 + Tanh(0.7978845608028654 * (x + 0.044715 * Pow(x, 3))))",
      .attribute = "approximate",
      .text = "tanh" },
    { .formula = "0.5 * x * (1 + Tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))",
      .attribute = "approximate",
      .text = "tanh" },
    { .formula = "0.5 * x * (1 + Tanh(0.7978845608028654 * x * (1 + 0.044715 * x * x)))",
      .attribute = "approximate",
      .text = "tanh" },
    { .formula = "0.5 * x * (1 + Tanh(0.7978845608028654 * x * (1 + 0.044715 * Pow(x, 2))))",
      .attribute = "approximate",
      .text = "tanh" },
    { .formula = NULL },
};

static const struct operator_form hard_swish_forms[] = {
    { .formula = "x * HardSigmoid(x)", .wanted = { { "alpha", 1.0f / 6, 0.2f }, { "beta", 0.5f, 0.5f } } },
    { .formula = "x * Clip(x + 3, 0, 6) / 6" },
    { .formula = "x * Clip(x / 6 + 0.5, 0, 1)" },
    { .formula = NULL },
};

static const struct operator_form mish_forms[] = { { .formula = "x * Tanh(Softplus(x))" }, { .formula = NULL } };

const struct operator_row activation_operators[] = {
    { "Celu", 12, LATEST, .gradient = gradient_celu, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(celu), ALPHA(1)), .shape = shape_same, .laws = ELEMENTWISE, .hides = true,
      .schemas = SCHEMAS({ 12, 27, "f32 > f32", "alpha:f" }, { 28, LATEST, "Tfh > T", "alpha:f" }) },
    { "Clip", 1, 10, .gradient = gradient_clip, .run = clip_by_attributes, .joins = true, .shape = shape_same,
      .laws = ELEMENTWISE, .clamp = &by_attributes, .hides = true, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T", "consumed_inputs:I max:f min:f" }, { 6, 10, "Tf > T", "max:f min:f" },
                         { 11, LATEST, "Tf12iwzv13h ?T[1] ?T[1] > T", "" }),
      .exact = EXACT_WHOLE },
    { "Clip", 11, LATEST, .gradient = gradient_clip, .run = clip_by_inputs, .joins = true, .shape = shape_same,
      .laws = ELEMENTWISE, .clamp = &by_inputs, .hides = true, .arithmetic = true, .exact = EXACT_WHOLE },
    { "Elu", 1, LATEST, .gradient = gradient_elu, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(elu), ALPHA(1)), .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true, .hides = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T", "alpha:f consumed_inputs:I" }, { 6, LATEST, "Tf22h > T", "alpha:f" }) },
    { "Gelu", 20, LATEST, .forms = gelu_forms, .gradient = gradient_gelu, .run = elementwise_unary_choice,
      .joins = true, .data = EITHER("approximate", "tanh", { REALS(gelu) }, { REALS(gelu_tanh) }), .shape = shape_same,
      .laws = ELEMENTWISE, .hides = true, .schemas = SCHEMAS({ 20, LATEST, "Tfh > T", "approximate:s=none|tanh" }) },
    { "HardSigmoid", 1, LATEST, .gradient = gradient_hard_sigmoid, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(hard_sigmoid), .attributes = { { "alpha", 0.2f }, { "beta", 0.5f } }), .shape = shape_same,
      .laws = ELEMENTWISE, .is_activation = true, .within = { 0, 1 }, .hides = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T", "alpha:f beta:f consumed_inputs:I" },
                         { 6, LATEST, "Tf22h > T", "alpha:f beta:f" }) },
    { "HardSwish", 14, LATEST, .forms = hard_swish_forms, .gradient = gradient_hard_swish, .run = elementwise_unary,
      .joins = true, .data = OF(REALS(hard_swish)), .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true,
      .hides = true, .schemas = SCHEMAS({ 14, LATEST, "Tf22h > T", "" }) },
    { "LeakyRelu", 1, LATEST, .gradient = gradient_leaky_relu, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(leaky_relu), ALPHA(0.01f)), .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true,
      .hides = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T", "alpha:f consumed_inputs:I" }, { 6, LATEST, "Tf16h > T", "alpha:f" }) },
    { "Mish", 18, LATEST, .forms = mish_forms, .gradient = gradient_mish, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(mish)), .shape = shape_same, .laws = ELEMENTWISE, .hides = true,
      .schemas = SCHEMAS({ 18, LATEST, "Tf22h > T", "" }) },
    { "PRelu", 1, 6, .run = prelu_by_channel, .joins = true, .data = OF(REALS(prelu)), .shape = shape_same,
      .hides = true,
      .schemas = SCHEMAS({ 1, 5, "Tf T > T", "consumed_inputs:I" }, { 6, LATEST, "Tf9iw16h T > T", "" }) },
    { "PRelu", 7, LATEST, .gradient = gradient_prelu, .run = elementwise_binary, .joins = true, .data = OF(ALL(prelu)),
      .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS, .hides = true },
    { "Relu", 1, LATEST, .gradient = gradient_relu, .run = elementwise_unary, .joins = true, .data = OF(BOTH(relu)),
      .shape = shape_same, .laws = ELEMENTWISE, .clamp = &at_zero, .is_activation = true, .within = { 0, INFINITY },
      .hides = true, .schemas = SCHEMAS({ 1, 5, "Tf > T", "consumed_inputs:I" }, { 6, LATEST, "Tf13h14iz > T", "" }),
      .exact = EXACT_WHOLE },
    { "Selu", 1, 5, .gradient = gradient_selu, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(selu), .attributes = { { "alpha", 1.6732f }, { "gamma", 1.0507f } }), .shape = shape_same,
      .laws = ELEMENTWISE, .is_activation = true, .hides = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T", "alpha:f consumed_inputs:I gamma:f" },
                         { 6, LATEST, "Tf22h > T", "alpha:f gamma:f" }) },
    { "Selu", 6, LATEST, .gradient = gradient_selu, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(selu),
                 .attributes = { { "alpha", 1.67326319217681884765625 }, { "gamma", 1.05070102214813232421875 } }),
      .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true, .hides = true },
    { "Shrink", 9, LATEST, .gradient = gradient_shrink, .run = elementwise_unary, .joins = true,
      .data = OF(BOTH(shrink), .attributes = { { "bias", 0 }, { "lambd", 0.5 } }), .shape = shape_same,
      .laws = ELEMENTWISE, .hides = true, .fixed_attribute = "lambd",
      .schemas = SCHEMAS({ 9, LATEST, "Tn > T", "bias:f lambd:f" }) },
    { "Sigmoid", 1, LATEST, .gradient = gradient_sigmoid, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(sigmoid)), .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true, .within = { 0, 1 },
      .hides = true, .schemas = SCHEMAS({ 1, 5, "Tf > T", "consumed_inputs:I" }, { 6, LATEST, "Tf13h > T", "" }) },
    { "Softplus", 1, LATEST, .gradient = gradient_softplus, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(softplus)), .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true,
      .within = { 0, INFINITY }, .hides = true, .schemas = SCHEMAS({ 1, LATEST, "Tf22h > T", "" }) },
    { "Softsign", 1, LATEST, .gradient = gradient_softsign, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(softsign)), .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true, .within = { -1, 1 },
      .hides = true, .schemas = SCHEMAS({ 1, LATEST, "Tf22h > T", "" }) },
    { "SwiGLU", 28, LATEST, .gradient = gradient_swiglu, .run = elementwise_binary, .joins = true,
      .data = OF(REALS(swiglu), ALPHA(1)), .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS,
      .schemas = SCHEMAS({ 28, LATEST, "Tfh T > T", "alpha:f" }) },
    { "Swish", 24, LATEST, .gradient = gradient_swish, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(swish), ALPHA(1)), .shape = shape_same, .laws = ELEMENTWISE, .hides = true,
      .schemas = SCHEMAS({ 24, LATEST, "Tfh > T", "alpha:f" }) },
    { "Tanh", 1, LATEST, .gradient = gradient_tanh, .run = elementwise_unary, .joins = true, .data = OF(REALS(tanh)),
      .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true, .marks_pattern = true, .within = { -1, 1 },
      .hides = true, .schemas = SCHEMAS({ 1, 5, "Tf > T", "consumed_inputs:I" }, { 6, LATEST, "Tf13h > T", "" }) },
    { "ThresholdedRelu", 10, LATEST, .gradient = gradient_thresholded_relu, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(thresholded_relu), ALPHA(1)), .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true,
      .within = { 0, INFINITY }, .hides = true, .fixed_attribute = "alpha",
      .schemas = SCHEMAS({ 10, LATEST, "Tf22h > T", "alpha:f" }) },
    { "com.microsoft:BiasGelu", 1, LATEST, .gradient = gradient_formula, .run = gelu_formula, .data = "none",
      .shape = shape_same, .hides = true, .schemas = SCHEMAS({ 1, LATEST, "Tfh[.c] T[c] > T", "" }) },
    { "com.microsoft:BiasSplitGelu", 1, LATEST, .gradient = gradient_formula, .run = bias_split_gelu,
      .shape = shape_rank_alone, .hides = true, .schemas = SCHEMAS({ 1, LATEST, "Trt[.c] T[c] > T", "" }) },
    { "com.microsoft:FastGelu", 1, LATEST, .gradient = gradient_formula, .run = gelu_formula, .data = "tanh",
      .shape = shape_same, .hides = true, .schemas = SCHEMAS({ 1, LATEST, "Tfh[.c] ?T[c] > T", "" }) },
    { "com.microsoft:Gelu", 1, LATEST, .gradient = gradient_formula, .run = gelu_formula, .data = "none",
      .shape = shape_same, .hides = true, .schemas = SCHEMAS({ 1, LATEST, "Tfh > T", "" }) },
    { "com.microsoft:QuickGelu", 1, LATEST, .gradient = gradient_formula, .run = quick_gelu, .shape = shape_same,
      .hides = true, .schemas = SCHEMAS({ 1, LATEST, "Tfh > T", "alpha:f" }) },
    { 0 },
};
