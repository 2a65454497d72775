/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators of com.microsoft that ONNX Runtime fuses others into: each is computed as the formula of what it was fused
 * from (runtime/formula.h). Attention is in fused_attention.c, quantized operators in fused_quant.c. */
#include "onnx/shape/rules.h"
#include "onnx/shape/slide.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/ops/activation.h"
#include "runtime/ops/operators.h"

#include <string.h>

/* ---- activations named by an attribute ---- */

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

static struct array *activated(struct formula *f, struct array *y)
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

/* ---- products ---- */

/* activation(Conv(X, W, B) + Z) */
static bool fused_conv(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *y =
        formula_own(&f, formula_base(&f, "Fused"), FROM(call_input(call, 0), call_input(call, 1), call_input(call, 2)));
    if (call_input(call, 3)) y = formula_add(&f, y, call_input(call, 3));
    formula_give(&f, 0, activated(&f, y));
    return formula_close(&f);
}

static bool fused_gemm(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *y =
        formula_own(&f, formula_base(&f, "Fused"), FROM(call_input(call, 0), call_input(call, 1), call_input(call, 2)));
    formula_give(&f, 0, activated(&f, y));
    return formula_close(&f);
}

/* The first axis stands before the last: a stack of matrices from [rows, batch..., columns]. */
static struct array *batch_turned(struct formula *f, struct array *a)
{
    int64_t order[ARRAY_MAX_RANK];
    if (!a || a->rank < 3) return a;
    for (int i = 0; i < a->rank; i++) order[i] = i + 1;
    order[a->rank - 2] = 0;
    order[a->rank - 1] = a->rank - 1;
    return formula_transposed(f, a, order);
}

static struct array *factor(struct formula *f, size_t slot, const char *batch, const char *last)
{
    struct array *a = call_input(f->call, slot);
    if (node_int(f->call->node, batch, 0)) a = batch_turned(f, a);
    return node_int(f->call->node, last, 0) ? formula_turned(f, a) : a;
}

/* alpha * A' B' */
static bool fused_matmul(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    float alpha = node_float(call->node, "alpha", 1);
    struct array *a = factor(&f, 0, "transBatchA", "transA"), *b = factor(&f, 1, "transBatchB", "transB");
    struct array *y = formula_matmul(&f, a, b);
    formula_give(&f, 0, activated(&f, alpha == 1 ? y : formula_scaled(&f, y, (double)alpha)));
    return formula_close(&f);
}

/* ---- Gelu and its kin ---- */

static struct array *with_bias(struct formula *f)
{
    struct array *x = call_input(f->call, 0), *bias = call_input(f->call, 1);
    if (!x) return formula_fail(f, "input 0 is missing");
    return bias ? formula_add(f, x, bias) : x;
}

/* Its `approximate` is the row's data. */
static bool gelu(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *x = with_bias(&f);
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

/* softmax(x + bias) along what follows `axis` */
static bool bias_softmax(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *sum = with_bias(&f);
    int axis = 0;
    if (sum && !call_axis(call, node_int(call->node, "axis", 1), sum->rank, &axis)) f.failed = true;
    if (sum) {
        int64_t rows = dims_product(sum->dims, 0, axis), columns = dims_product(sum->dims, axis, sum->rank);
        struct array *flat = formula_reshaped(&f, sum, 2, (int64_t[]){ rows, columns });
        struct array *y = formula_op(&f, "Softmax", NULL, FROM(flat));
        formula_give(&f, 0, formula_reshaped(&f, y, sum->rank, sum->dims));
    }
    return formula_close(&f);
}

/* ---- normalizations ---- */

static const struct setting *epsilon_setting(const struct call *call)
{
    struct setting *settings = NEW_ARRAY(call->scratch, struct setting, 3);
    settings[0] = (struct setting)SET_FLOAT("epsilon", node_float(call->node, "epsilon", 1e-12f));
    settings[1] = (struct setting)SET_INT("axis", -1);
    return settings;
}

/* LayerNormalization of a sum: output 0, and where they are wanted the mean, 1/deviation and the sum itself. */
static void normalize_sum(struct formula *f, struct array *sum, struct array *scale, struct array *shift)
{
    struct array *outputs[3];
    formula_ops(f, "LayerNormalization", epsilon_setting(f->call), FROM(sum, scale, shift), outputs, 3);
    for (size_t i = 0; i < 3; i++) formula_give(f, i, outputs[i]);
    formula_give(f, 3, sum);
}

/* 1 / sqrt(mean(x^2) + epsilon) along the last axis. */
static struct array *inverse_rms(struct formula *f, struct array *x, double epsilon)
{
    struct array *mean = formula_mean(f, formula_mul(f, x, x), &(int64_t){ -1 }, 1, true);
    return formula_inverse_root(f, mean, epsilon);
}

static struct array *skip_sum(struct formula *f, size_t bias_slot)
{
    struct array *sum = with_bias(f), *bias = call_input(f->call, bias_slot);
    return bias ? formula_add(f, sum, bias) : sum;
}

static bool skip_layer_normalization(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    normalize_sum(&f, skip_sum(&f, 4), call_input(call, 2), call_input(call, 3));
    return formula_close(&f);
}

static bool skip_rms_normalization(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *sum = skip_sum(&f, 3);
    double epsilon = (double)node_float(call->node, "epsilon", 1e-12f);
    if (call_wants(call, 1)) formula_fail(&f, "has no mean");
    formula_give(&f, 0, formula_op(&f, "RMSNormalization", epsilon_setting(call), FROM(sum, call_input(call, 2))));
    if (call_wants(call, 2)) formula_give(&f, 2, inverse_rms(&f, sum, epsilon));
    formula_give(&f, 3, sum);
    return formula_close(&f);
}

/* RMSNormalization as ONNX Runtime called it before ONNX had it. */
static bool simplified_layer_normalization(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *x = call_input(call, 0);
    bool last = x && (node_int(call->node, "axis", -1) == -1 || node_int(call->node, "axis", -1) == x->rank - 1);
    if (call_wants(call, 1) && !last) formula_fail(&f, "has its output 1 along the last axis only");
    formula_give(&f, 0, formula_own(&f, "RMSNormalization", FROM(x, call_input(call, 1))));
    if (call_wants(call, 1)) formula_give(&f, 1, inverse_rms(&f, x, (double)node_float(call->node, "epsilon", 1e-5f)));
    return formula_close(&f);
}

/* ---- EmbedLayerNormalization: the sum of the embeddings of words, positions and segments, normalized ---- */

static struct array *embedding(struct formula *f, struct array *table, struct array *ids)
{
    if (!table) return formula_fail(f, "has no table for its ids");
    return formula_op(f, "Gather", NULL, FROM(table, ids));
}

/* How many ones each row of the mask has; none without a mask. */
static void count_mask(struct formula *f, const struct array *ids, const struct array *mask)
{
    if (f->failed || !call_wants(f->call, 1)) return;
    if (mask && (!is_whole(mask) || mask->count != ids->count)) formula_fail(f, "needs a mask like its input_ids");
    if (f->failed) return;
    struct array *counts = call_output(f->call, 1, DTYPE_INT32, 1, ids->dims);
    int64_t steps = ids->dims[1];
    for (int64_t b = 0; b < counts->count; b++) {
        counts->i64[b] = 0;
        for (int64_t i = 0; mask && i < steps; i++) counts->i64[b] += mask->i64[b * steps + i] == 1;
    }
}

/* x: ids of words and of segments; the tables of words, positions and segments; scale, shift and mask. */
static bool embed(struct formula *f, struct array *const *x, struct array *position_ids)
{
    struct array *ids = x[0], *positions = x[3], *outputs[1];
    if (!ids || ids->rank != 2 || !positions || positions->rank != 2) formula_fail(f, "needs input_ids [batch, steps]");
    struct array *sum = embedding(f, x[2], ids);
    if (!f->failed && !position_ids) positions = formula_slice(f, positions, 0, 0, ids->dims[1]);
    else positions = embedding(f, positions, position_ids);
    sum = formula_add(f, sum, positions);
    if (x[1]) sum = formula_add(f, sum, embedding(f, x[4], x[1]));
    formula_ops(f, "LayerNormalization", epsilon_setting(f->call), FROM(sum, x[5], x[6]), outputs, 1);
    formula_give(f, 0, outputs[0]);
    count_mask(f, ids, x[7]);
    formula_give(f, 2, sum);
    return formula_close(f);
}

static bool embed_layer_normalization(struct call *call)
{
    struct formula f;
    struct array *x[8];
    formula_open(&f, call);
    for (size_t i = 0; i < 8; i++) x[i] = call_input(call, i);
    return embed(&f, x, call_input(call, 8));
}

/* Inputs 2 to 6 are quantized: by the scales in 8 to 12 and the zero points after them. */
static bool quantized_embed_layer_normalization(struct call *call)
{
    struct formula f;
    struct array *x[8];
    formula_open(&f, call);
    for (size_t i = 0; i < 8; i++) x[i] = call_input(call, i);
    for (size_t i = 2; i < 7; i++)
        if (x[i]) x[i] = formula_dequantized(&f, x[i], call_input(call, i + 6), call_input(call, i + 11));
    return embed(&f, x, NULL);
}

/* ---- shapes ---- */

/* All outputs but 1 and 2 are like the input. */
static bool shape_skip(struct shaping *s)
{
    return set_like(s, 0, input_type(s, 0), 0) && set_type(s, 1, DTYPE_FLOAT) && set_type(s, 2, DTYPE_FLOAT)
           && set_like(s, 3, input_type(s, 0), 0);
}

static bool shape_simplified(struct shaping *s)
{
    return set_like(s, 0, input_type(s, 1), 0) && set_type(s, 1, DTYPE_FLOAT);
}

static bool shape_embed(struct shaping *s)
{
    struct dim dims[3];
    if (input_rank(s, 0) != 2) return set_rank(s, 0, rule_type(s), 3);
    dims[0] = input_dim(s, 0, 0);
    dims[1] = input_dim(s, 0, 1);
    dims[2] = input_rank(s, 2) == 2 ? input_dim(s, 2, 1) : fresh_dim(s);
    return set_output(s, 0, rule_type(s), 3, dims) && set_output(s, 1, DTYPE_INT32, 1, dims)
           && set_output(s, 2, rule_type(s), 3, dims);
}

static bool shape_quantized_embed(struct shaping *s)
{
    return set_rank(s, 0, DTYPE_FLOAT, 3) && set_rank(s, 1, DTYPE_INT32, 1);
}

/* As for matrices stacked in the usual way, where no batch is turned. */
static bool shape_fused_matmul(struct shaping *s)
{
    bool turned = node_int(s->node, "transA", 0) || node_int(s->node, "transB", 0)
                  || node_int(s->node, "transBatchA", 0) || node_int(s->node, "transBatchB", 0);
    if (!turned) return shape_matmul(s);
    int a = input_rank(s, 0), b = input_rank(s, 1);
    if (a < 2 || b < 2) return set_type(s, 0, common_type(s, 2));
    return set_rank(s, 0, common_type(s, 2), a > b ? a : b);
}

const struct operator_row fused_operators[] = {
    { "SimplifiedLayerNormalization", 1, LATEST, .gradient = gradient_formula, .run = simplified_layer_normalization,
      .shape = shape_simplified, .type_from = 1,
      .schemas = SCHEMAS({ 1, LATEST, "T V > V ?U", "axis:i epsilon:f stash_type:i" }) },
    { "com.microsoft:BiasGelu", 1, LATEST, .gradient = gradient_formula, .run = gelu, .data = "none",
      .shape = shape_same, .hides = true, .schemas = SCHEMAS({ 1, LATEST, "T T > T", "" }) },
    { "com.microsoft:BiasSoftmax", 1, LATEST, .gradient = gradient_formula, .run = bias_softmax, .shape = shape_same,
      .within = { 0, 1 }, .hides = true, .schemas = SCHEMAS({ 1, LATEST, "T T > T", "axis:i is_inner_broadcast!i" }) },
    { "com.microsoft:EmbedLayerNormalization", 1, LATEST, .run = embed_layer_normalization, .shape = shape_embed,
      .type_from = 2, .limits = { LIMIT_ZERO, LIMIT_ZERO },
      .schemas = SCHEMAS({ 1, LATEST, "i32 ?i32 T T ?T T T ?i32 ?i32 > T ?i32 ?T", "epsilon:f mask_index_type:i" }) },
    { "com.microsoft:FastGelu", 1, LATEST, .gradient = gradient_formula, .run = gelu, .data = "tanh",
      .shape = shape_same, .hides = true, .schemas = SCHEMAS({ 1, LATEST, "T ?T > T", "" }) },
    { "com.microsoft:FusedConv", 1, LATEST, .gradient = gradient_formula, .run = fused_conv, .shape = shape_conv,
      .hides = true,
      .need = &(const struct weight_need){ .rank = -1, .axis = 1, .weight_axis = 1, .times_group = true },
      .schemas = SCHEMAS({ 1, LATEST, "T T ?T ?T > T",
                           "activation:s activation_params:F auto_pad:s dilations:I group:i kernel_shape:I pads:I "
                           "strides:I" }) },
    { "com.microsoft:FusedGemm", 1, LATEST, .gradient = gradient_formula, .run = fused_gemm, .shape = shape_gemm,
      .hides = true, .need = &(const struct weight_need){ .rank = 2, .axis = 1, .transposed = "transB" },
      .schemas = SCHEMAS({ 1, LATEST, "T T ?T > T",
                           "activation:s activation_alpha:f activation_beta:f activation_gamma:f alpha:f beta:f "
                           "transA:i transB:i" }) },
    { "com.microsoft:FusedMatMul", 1, LATEST, .gradient = gradient_formula, .run = fused_matmul,
      .shape = shape_fused_matmul,
      .schemas = SCHEMAS({ 1, LATEST, "T T > T", "alpha:f transA:i transB:i transBatchA:i transBatchB:i" }) },
    { "com.microsoft:FusedMatMulActivation", 1, LATEST, .gradient = gradient_formula, .run = fused_matmul,
      .shape = shape_fused_matmul, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "T T > T",
                           "activation!s activation_alpha:f activation_axis:i activation_beta:f activation_gamma:f "
                           "alpha:f transA:i transB:i transBatchA:i transBatchB:i" }) },
    { "com.microsoft:Gelu", 1, LATEST, .gradient = gradient_formula, .run = gelu, .data = "none", .shape = shape_same,
      .hides = true, .schemas = SCHEMAS({ 1, LATEST, "T > T", "" }) },
    { "com.microsoft:QEmbedLayerNormalization", 1, LATEST, .run = quantized_embed_layer_normalization,
      .shape = shape_quantized_embed, .type = DTYPE_FLOAT, .hides = true, .limits = { LIMIT_ZERO, LIMIT_ZERO },
      .schemas = SCHEMAS({ 1, LATEST, "i32 ?i32 . . ?. . . ?i32 T T ?T T T . . ?. . . > T ?i32", "epsilon:f" }) },
    { "com.microsoft:QuickGelu", 1, LATEST, .gradient = gradient_formula, .run = quick_gelu, .shape = shape_same,
      .hides = true, .schemas = SCHEMAS({ 1, LATEST, "T > T", "alpha:f" }) },
    { "com.microsoft:SkipLayerNormalization", 1, LATEST, .gradient = gradient_formula, .run = skip_layer_normalization,
      .shape = shape_skip, .schemas = SCHEMAS({ 1, LATEST, "T T T ?T ?T > T ?U ?U ?T", "epsilon:f" }) },
    { "com.microsoft:SkipSimplifiedLayerNormalization", 1, LATEST, .gradient = gradient_formula,
      .run = skip_rms_normalization, .shape = shape_skip,
      .schemas = SCHEMAS({ 1, LATEST, "T T T ?T > T ?U ?U ?T", "epsilon:f" }) },
    { "com.microsoft:TransposeMatMul", 1, LATEST, .gradient = gradient_formula, .run = fused_matmul,
      .shape = shape_fused_matmul,
      .schemas = SCHEMAS({ 1, LATEST, "T T > T", "alpha:f transA:i transB:i transBatchA:i transBatchB:i" }) },
    { 0 },
};
