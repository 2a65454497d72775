/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators of com.microsoft: each on a few numbers worked out by its formula. scripts/ort/fused.py holds the same rows
 * against ONNX Runtime where that is installed. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdio.h>

#include <cmocka.h>

/* A node of com.microsoft, or of ai.onnx for the one that ONNX Runtime puts there. */
static void add_fused(struct trial *t, const char *op, const char *inputs, const char *outputs, const char *attributes)
{
    build_node(&t->build, op, "op", inputs, outputs, attributes)->domain =
        arena_copy_text(&t->build.arena, "com.microsoft");
}

static void open_fused(struct trial *t)
{
    trial_open(t, 17);
    build_import(&t->build, "com.microsoft", 1);
}

static const double ONE[] = { 1 }, HALF[] = { 0.5 }, ZERO[] = { 0 };

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double gelu(double x)
{
    return x / 2 * (1 + erf(x / sqrt(2)));
}

/* ---- products ---- */

static void try_conv(const char *attributes, double y0, double y1)
{
    struct trial t;
    open_fused(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2", (double[]){ 1, -2 });
    trial_input(&t, "w", DTYPE_FLOAT, "1,1,1", (double[]){ 3 });
    trial_input(&t, "b", DTYPE_FLOAT, "1", HALF);
    trial_input(&t, "z", DTYPE_FLOAT, "1,1,2", (double[]){ 0, 1 });
    add_fused(&t, "FusedConv", "x w b z", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,2", (double[]){ y0, y1 }); /* 3.5 and -4.5 before the activation */
    trial_close(&t);
}

static void a_conv_is_followed_by_what_it_names(void **state)
{
    (void)state;
    try_conv(NULL, 3.5, -4.5);
    try_conv("activation=Relu", 3.5, 0);
    try_conv("activation=Sigmoid", sigmoid(3.5), sigmoid(-4.5));
    try_conv("activation=LeakyRelu activation_params=0.5,", 3.5, -2.25);
    try_conv("activation=Clip activation_params=-1.0,2.0", 2, -1);
    try_conv("activation=HardSigmoid activation_params=0.25,0.5", 1, 0);
    try_conv("activation=Tanh", tanh(3.5), tanh(-4.5));
}

static void an_unknown_activation_is_refused_by_name(void **state)
{
    struct trial t;
    (void)state;
    open_fused(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,1", ONE);
    trial_input(&t, "w", DTYPE_FLOAT, "1,1,1", ONE);
    add_fused(&t, "FusedConv", "x w", "y", "activation=Wobble");
    trial_fails(&t, "y", "activation Wobble is not known");
    trial_close(&t);
}

/* What is of another domain is not found under a name of ai.onnx that reads the same. */
static void the_domain_is_no_part_of_a_name(void **state)
{
    struct trial t;
    (void)state;
    open_fused(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,1", ONE);
    trial_input(&t, "w", DTYPE_FLOAT, "1,1,1", ONE);
    build_node(&t.build, "com.microsoft:FusedConv", "op", "x w", "y", NULL);
    trial_fails(&t, "y", "com.microsoft:FusedConv of ai.onnx is not known");
    trial_close(&t);
}

static void try_matrices(const char *op, const char *attributes, const char *a_dims, const double *a,
                         const char *b_dims, const double *b, const char *dims, const double *y)
{
    struct trial t;
    open_fused(&t);
    trial_input(&t, "a", DTYPE_FLOAT, a_dims, a);
    trial_input(&t, "b", DTYPE_FLOAT, b_dims, b);
    add_fused(&t, op, "a b", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, dims, y);
    trial_close(&t);
}

static void products_are_scaled_turned_and_activated(void **state)
{
    static const double a[] = { 1, 2, 3, 4 }, b[] = { 1, -1, 0, 1 };
    (void)state;
    try_matrices("FusedGemm", "activation=Relu alpha=2.0", "2,2", a, "2,2", b, "2,2", (double[]){ 2, 2, 6, 2 });
    try_matrices("FusedGemm", "activation=LeakyRelu activation_alpha=0.5 alpha=-1.0", "2,2", a, "2,2", b, "2,2",
                 (double[]){ -0.5, -0.5, -1.5, -0.5 });
    try_matrices("FusedMatMul", "transA=1 alpha=0.5", "2,2", a, "2,2", b, "2,2", (double[]){ 0.5, 1, 1, 1 });
    try_matrices("FusedMatMul", "transB=1", "2,2", a, "2,2", b, "2,2", (double[]){ -1, 2, -1, 4 });
    /* A is [rows 2, batch 2, depth 1]: the batches are the columns of a. */
    try_matrices("FusedMatMul", "transBatchA=1", "2,2,1", a, "2,1,1", (double[]){ 1, 10 }, "2,2,1",
                 (double[]){ 1, 3, 20, 40 });
    try_matrices("TransposeMatMul", "transA=1", "2,2", a, "2,2", b, "2,2", (double[]){ 1, 2, 2, 2 });
    try_matrices("FusedMatMulActivation", "activation=Relu", "2,2", a, "2,2", b, "2,2", (double[]){ 1, 1, 3, 1 });
}

/* ---- activations ---- */

static void try_one(const char *op, const char *attributes, const double *bias, const double *y)
{
    struct trial t;
    open_fused(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2", (double[]){ 1, -2 });
    if (bias) trial_input(&t, "b", DTYPE_FLOAT, "2", bias);
    add_fused(&t, op, bias ? "x b" : "x", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2", y);
    trial_close(&t);
}

static double fast_gelu(double x)
{
    return x / 2 * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static void gelus(void **state)
{
    static const double bias[] = { 1, 1 };
    (void)state;
    try_one("Gelu", NULL, NULL, (double[]){ gelu(1), gelu(-2) });
    try_one("BiasGelu", NULL, bias, (double[]){ gelu(2), gelu(-1) });
    try_one("FastGelu", NULL, NULL, (double[]){ fast_gelu(1), fast_gelu(-2) });
    try_one("FastGelu", NULL, bias, (double[]){ fast_gelu(2), fast_gelu(-1) });
    try_one("QuickGelu", "alpha=2.0", NULL, (double[]){ sigmoid(2), -2 * sigmoid(-4) });
    try_one("BiasSoftmax", "axis=1 is_inner_broadcast=1", (double[]){ 0, 3 }, (double[]){ 0.5, 0.5 });
}

/* ---- normalizations ---- */

static void a_skip_is_added_before_the_normalization(void **state)
{
    struct trial t;
    (void)state;
    open_fused(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2", (double[]){ 1, 2 });
    trial_input(&t, "skip", DTYPE_FLOAT, "1,1,2", (double[]){ 0, 2 });
    trial_input(&t, "scale", DTYPE_FLOAT, "2", (double[]){ 1, 10 });
    trial_input(&t, "shift", DTYPE_FLOAT, "2", (double[]){ 0, 1 });
    trial_input(&t, "bias", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    add_fused(&t, "SkipLayerNormalization", "x skip scale shift bias", "y mean factor sum", "epsilon=0.0");
    add_fused(&t, "SkipSimplifiedLayerNormalization", "x skip scale bias", "z _ inverse total", "epsilon=0.0");
    build_node(&t.build, "SimplifiedLayerNormalization", "rms", "x scale", "w inverse_w", "epsilon=0.0");
    trial_run(&t, "y mean factor sum z inverse total w inverse_w");
    double root = sqrt((4 + 36) / 2.0), own = sqrt((1 + 4) / 2.0);
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,2", (double[]){ -1, 11 });
    trial_expect(&t, "mean", DTYPE_FLOAT, "1,1,1", (double[]){ 4 });
    trial_expect(&t, "factor", DTYPE_FLOAT, "1,1,1", HALF);
    trial_expect(&t, "sum", DTYPE_FLOAT, "1,1,2", (double[]){ 2, 6 });
    trial_expect(&t, "z", DTYPE_FLOAT, "1,1,2", (double[]){ 2 / root, 60 / root });
    trial_expect(&t, "inverse", DTYPE_FLOAT, "1,1,1", (double[]){ 1 / root });
    trial_expect(&t, "total", DTYPE_FLOAT, "1,1,2", (double[]){ 2, 6 });
    trial_expect(&t, "w", DTYPE_FLOAT, "1,1,2", (double[]){ 1 / own, 20 / own });
    trial_expect(&t, "inverse_w", DTYPE_FLOAT, "1,1,1", (double[]){ 1 / own });
    trial_close(&t);
}

/* Before opset 17 it is ONNX Runtime's own. */
static void a_layer_normalization_runs_at_any_opset(void **state)
{
    struct trial t;
    (void)state;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2", (double[]){ 2, 6 });
    trial_input(&t, "scale", DTYPE_FLOAT, "2", (double[]){ 1, 10 });
    build_node(&t.build, "LayerNormalization", "ln", "x scale", "y", "epsilon=0.0");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2", (double[]){ -1, 10 });
    trial_close(&t);
}

static void embeddings_are_summed_and_normalized(void **state)
{
    struct trial t;
    (void)state;
    open_fused(&t);
    trial_input(&t, "ids", DTYPE_INT32, "1,2", (double[]){ 1, 0 });
    trial_input(&t, "segments", DTYPE_INT32, "1,2", (double[]){ 0, 1 });
    trial_input(&t, "words", DTYPE_FLOAT, "2,2", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "places", DTYPE_FLOAT, "3,2", (double[]){ 10, 0, 20, 0, 30, 0 });
    trial_input(&t, "kinds", DTYPE_FLOAT, "2,2", (double[]){ 0, 100, 0, 200 });
    trial_input(&t, "scale", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    trial_input(&t, "shift", DTYPE_FLOAT, "2", (double[]){ 0, 5 });
    trial_input(&t, "mask", DTYPE_INT32, "1,2", (double[]){ 1, 0 });
    trial_input(&t, "at", DTYPE_INT32, "1,2", (double[]){ 2, 2 });
    add_fused(&t, "EmbedLayerNormalization", "ids segments words places kinds scale shift mask", "y seen sum",
              "epsilon=0.0");
    add_fused(&t, "EmbedLayerNormalization", "ids _ words places _ scale shift _ at", "z _ total", "epsilon=0.0");
    trial_run(&t, "y seen sum z total");
    trial_expect(&t, "sum", DTYPE_FLOAT, "1,2,2", (double[]){ 13, 104, 21, 202 });
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,2", (double[]){ -1, 7, -1, 7 });
    trial_expect(&t, "seen", DTYPE_INT32, "1", ONE);
    trial_expect(&t, "total", DTYPE_FLOAT, "1,2,2", (double[]){ 33, 4, 31, 2 });
    trial_expect(&t, "z", DTYPE_FLOAT, "1,2,2", (double[]){ 1, 3, 1, 3 });
    trial_close(&t);
}

/* ---- attention ---- */

/* One head of size 1, whose keys are 0 and about log 3: SEEN is the second's share for a query of 1. */
#define KEY  ((double)(float)1.0986123)
#define SEEN (exp(KEY) / (1 + exp(KEY)))

static void attention_projects_masks_and_remembers(void **state)
{
    const double k = KEY;
    struct trial t;
    (void)state;
    open_fused(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,3", (double[]){ 1, 0, 4, 1, k, 8 });
    trial_input(&t, "w", DTYPE_FLOAT, "3,3", (double[]){ 1, 0, 0, 0, 1, 0, 0, 0, 1 });
    trial_input(&t, "b", DTYPE_FLOAT, "3", (double[]){ 0, 0, 1 });
    trial_input(&t, "mask", DTYPE_INT32, "1,2", (double[]){ 1, 0 });
    trial_input(&t, "ends", DTYPE_INT32, "1", (double[]){ 1 });
    trial_input(&t, "past", DTYPE_FLOAT, "2,1,1,1,1", (double[]){ 0, 3 });
    add_fused(&t, "Attention", "x w b", "y", "num_heads=1");
    add_fused(&t, "Attention", "x w b mask", "masked", "num_heads=1");
    add_fused(&t, "Attention", "x w b ends", "ended", "num_heads=1");
    add_fused(&t, "Attention", "x w b", "causal", "num_heads=1 unidirectional=1");
    add_fused(&t, "Attention", "x w b _ past", "more present", "num_heads=1 unidirectional=1");
    trial_run(&t, "y masked ended causal more present");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,1", (double[]){ 5 + 4 * SEEN, 5 + 4 * SEEN });
    trial_expect(&t, "masked", DTYPE_FLOAT, "1,2,1", (double[]){ 5, 5 });
    trial_expect(&t, "ended", DTYPE_FLOAT, "1,2,1", (double[]){ 5, 5 });
    trial_expect(&t, "causal", DTYPE_FLOAT, "1,2,1", (double[]){ 5, 5 + 4 * SEEN });
    trial_expect(&t, "more", DTYPE_FLOAT, "1,2,1", (double[]){ 4, (3 + 5 + exp(KEY) * 9) / (2 + exp(KEY)) });
    trial_expect(&t, "present", DTYPE_FLOAT, "2,1,1,3,1", (double[]){ 0, 0, k, 3, 5, 9 });
    trial_close(&t);
}

static void heads_come_apart_packed_or_stacked(void **state)
{
    const double k = KEY, q[] = { 1, 1 }, keys[] = { 0, k }, values[] = { 5, 9 };
    struct trial t;
    (void)state;
    open_fused(&t);
    trial_input(&t, "q", DTYPE_FLOAT, "1,2,1", q);
    trial_input(&t, "k", DTYPE_FLOAT, "1,2,1", keys);
    trial_input(&t, "v", DTYPE_FLOAT, "1,2,1", values);
    trial_input(&t, "kh", DTYPE_FLOAT, "1,1,2,1", keys);
    trial_input(&t, "vh", DTYPE_FLOAT, "1,1,2,1", values);
    trial_input(&t, "qkv", DTYPE_FLOAT, "1,2,1,3,1", (double[]){ 1, 0, 5, 1, k, 9 });
    trial_input(&t, "kv", DTYPE_FLOAT, "1,2,1,2,1", (double[]){ 0, 5, k, 9 });
    trial_input(&t, "bias", DTYPE_FLOAT, "3", (double[]){ 0, 0, 1 });
    trial_input(&t, "mask", DTYPE_INT32, "1,2", (double[]){ 0, 1 });
    trial_input(&t, "more", DTYPE_FLOAT, "1,1,2,2", (double[]){ 0, -k, 0, 0 });
    add_fused(&t, "MultiHeadAttention", "q k v bias", "y keys values", "num_heads=1");
    add_fused(&t, "MultiHeadAttention", "q kh vh", "by_heads", "num_heads=1");
    add_fused(&t, "MultiHeadAttention", "qkv", "packed", "num_heads=1");
    add_fused(&t, "MultiHeadAttention", "q kv", "half_packed", "num_heads=1");
    add_fused(&t, "MultiHeadAttention", "q k v _ mask", "masked", "num_heads=1");
    add_fused(&t, "MultiHeadAttention", "q k v _ _ more", "biased", "num_heads=1");
    trial_run(&t, "y keys by_heads packed half_packed masked biased");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,1", (double[]){ 6 + 4 * SEEN, 6 + 4 * SEEN });
    trial_expect(&t, "keys", DTYPE_FLOAT, "1,1,2,1", keys);
    trial_expect(&t, "by_heads", DTYPE_FLOAT, "1,2,1", (double[]){ 5 + 4 * SEEN, 5 + 4 * SEEN });
    trial_expect(&t, "packed", DTYPE_FLOAT, "1,2,1", (double[]){ 5 + 4 * SEEN, 5 + 4 * SEEN });
    trial_expect(&t, "half_packed", DTYPE_FLOAT, "1,2,1", (double[]){ 5 + 4 * SEEN, 5 + 4 * SEEN });
    trial_expect(&t, "masked", DTYPE_FLOAT, "1,2,1", (double[]){ 9, 9 });
    trial_expect(&t, "biased", DTYPE_FLOAT, "1,2,1", (double[]){ 7, 5 + 4 * SEEN });
    trial_close(&t);
}

static void a_mask_that_does_not_fit_is_refused(void **state)
{
    struct trial t;
    (void)state;
    open_fused(&t);
    trial_input(&t, "q", DTYPE_FLOAT, "1,2,1", (double[]){ 1, 2 });
    trial_input(&t, "mask", DTYPE_INT32, "1,3", (double[]){ 1, 1, 1 });
    add_fused(&t, "MultiHeadAttention", "q q q _ mask", "y", "num_heads=1");
    trial_fails(&t, "y", "a mask that does not fit");
    trial_close(&t);
}

/* ---- quantized: scale 0.5 and zero point 10 of every tensor, unless said ---- */

static void open_quantized(struct trial *t, const char *dims, const double *x)
{
    open_fused(t);
    trial_input(t, "x", DTYPE_UINT8, dims, x);
    trial_input(t, "s", DTYPE_FLOAT, "", HALF);
    trial_input(t, "z", DTYPE_UINT8, "", (double[]){ 10 });
}

static void try_quantized(const char *op, const char *inputs, const char *attributes, const char *to_dims,
                          const double *y)
{
    struct trial t;
    open_quantized(&t, "1,1,2,2", (double[]){ 12, 8, 10, 20 }); /* 1 -1 0 5 */
    trial_input(&t, "c", DTYPE_BOOL, "1,1,2,2", (double[]){ 1, 1, 0, 0 });
    trial_input(&t, "fine", DTYPE_FLOAT, "", (double[]){ 1.0 / 256 });
    trial_input(&t, "zero", DTYPE_UINT8, "", ZERO);
    add_fused(&t, op, inputs, "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_UINT8, to_dims, y);
    trial_close(&t);
}

static void quantized_operators_compute_on_real_numbers(void **state)
{
    (void)state;
    try_quantized("QLinearAdd", "x s z x s z s z", NULL, "1,1,2,2", (double[]){ 14, 6, 10, 30 });
    try_quantized("QLinearMul", "x s z x s z s z", NULL, "1,1,2,2", (double[]){ 12, 12, 10, 60 });
    try_quantized("QLinearLeakyRelu", "x s z s z", "alpha=0.5", "1,1,2,2", (double[]){ 12, 9, 10, 20 });
    try_quantized("QLinearSigmoid", "x s z fine zero", NULL, "1,1,2,2",
                  (double[]){ rint(256 * sigmoid(1)), rint(256 * sigmoid(-1)), 128, rint(256 * sigmoid(5)) });
    try_quantized("QLinearSoftmax", "x s z fine zero", "axis=1 opset=13", "1,1,2,2", (double[]){ 255, 255, 255, 255 });
    try_quantized("QLinearSoftmax", "x s z fine zero", "axis=3 opset=13", "1,1,2,2",
                  (double[]){ rint(256 * sigmoid(2)), rint(256 * sigmoid(-2)), rint(256 * sigmoid(-5)), 254 });
    double sum = exp(1) + exp(-1) + 1 + exp(5);
    try_quantized(
        "QLinearSoftmax", "x s z fine zero", "axis=2 opset=12", "1,1,2,2",
        (double[]){ rint(256 * exp(1) / sum), rint(256 * exp(-1) / sum), rint(256 / sum), rint(256 * exp(5) / sum) });
    try_quantized("QLinearConcat", "s z x s z x s z", "axis=2", "1,1,4,2", (double[]){ 12, 8, 10, 20, 12, 8, 10, 20 });
    try_quantized("QLinearWhere", "c x s z x fine z s z", NULL, "1,1,2,2", (double[]){ 12, 8, 10, 10 });
    try_quantized("QLinearReduceMean", "x s z s z", "axes=3, keepdims=0", "1,1,2", (double[]){ 10, 15 });
    try_quantized("QLinearGlobalAveragePool", "x s z s z", NULL, "1,1,1,1", (double[]){ 12 });
    try_quantized("QLinearGlobalAveragePool", "x s z s z", "channels_last=1", "1,1,1,2", (double[]){ 11, 14 });
    try_quantized("QLinearAveragePool", "x s z s z", "kernel_shape=1,2", "1,1,2,1", (double[]){ 10, 15 });
    try_quantized("NhwcMaxPool", "x", "kernel_shape=1,2", "1,1,1,2", (double[]){ 12, 20 });
}

static void try_whole_product(const char *op, const char *inputs, const char *attributes, enum dtype type,
                              const double *y)
{
    struct trial t;
    open_quantized(&t, "2,1", (double[]){ 12, 6 }); /* 2 and -4 less the zero point */
    trial_input(&t, "w", DTYPE_UINT8, "1,2", (double[]){ 13, 5 });
    trial_input(&t, "c", DTYPE_INT32, "2", (double[]){ 4, 0 });
    trial_input(&t, "bias", DTYPE_FLOAT, "2", (double[]){ 100, 0 });
    add_fused(&t, op, inputs, "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", type, "2,2", y);
    trial_close(&t);
}

static void whole_products_are_scaled(void **state)
{
    (void)state;
    try_whole_product("MatMulIntegerToFloat", "x w s s z z", NULL, DTYPE_FLOAT, (double[]){ 1.5, -2.5, -3, 5 });
    try_whole_product("MatMulIntegerToFloat", "x w s s z z bias", NULL, DTYPE_FLOAT, (double[]){ 101.5, -2.5, 97, 5 });
    try_whole_product("QGemm", "x s z w s z c", "alpha=2.0", DTYPE_FLOAT, (double[]){ 5, -5, -4, 10 });
    try_whole_product("QGemm", "x s z w s z c s z", NULL, DTYPE_UINT8, (double[]){ 15, 5, 6, 20 });
}

static void a_product_quantizes_its_input_as_it_comes(void **state)
{
    struct trial t;
    (void)state;
    open_fused(&t);
    trial_input(&t, "a", DTYPE_FLOAT, "1,2", (double[]){ 0, 255 });
    trial_input(&t, "w", DTYPE_UINT8, "2,1", (double[]){ 7, 13 });
    trial_input(&t, "s", DTYPE_FLOAT, "", HALF);
    trial_input(&t, "z", DTYPE_UINT8, "", (double[]){ 10 });
    trial_input(&t, "bias", DTYPE_FLOAT, "1", ONE);
    add_fused(&t, "DynamicQuantizeMatMul", "a w s z bias", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1", (double[]){ 255 * 1.5 + 1 });
    trial_close(&t);
}

static void quantized_convolutions_take_channels_last(void **state)
{
    struct trial t;
    (void)state;
    open_quantized(&t, "1,1,2,2", (double[]){ 12, 8, 10, 20 });
    trial_input(&t, "w", DTYPE_UINT8, "1,2,1,1", (double[]){ 12, 14 }); /* 1 and 2 */
    add_fused(&t, "QLinearConv", "x s z w s z s z", "y", "channels_last=1");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_UINT8, "1,1,2,1", (double[]){ 8, 30 }); /* 1 - 2 and 0 + 10 */
    trial_close(&t);
}

static void its_own_quantization_is_that_of_the_standard(void **state)
{
    struct trial t;
    (void)state;
    open_quantized(&t, "2", (double[]){ 12, 8 });
    add_fused(&t, "DequantizeLinear", "x s z", "real", NULL);
    add_fused(&t, "QuantizeLinear", "real s z", "again", NULL);
    trial_run(&t, "real again");
    trial_expect(&t, "real", DTYPE_FLOAT, "2", (double[]){ 1, -1 });
    trial_expect(&t, "again", DTYPE_UINT8, "2", (double[]){ 12, 8 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conv_is_followed_by_what_it_names),
        cmocka_unit_test(an_unknown_activation_is_refused_by_name),
        cmocka_unit_test(the_domain_is_no_part_of_a_name),
        cmocka_unit_test(products_are_scaled_turned_and_activated),
        cmocka_unit_test(gelus),
        cmocka_unit_test(a_skip_is_added_before_the_normalization),
        cmocka_unit_test(a_layer_normalization_runs_at_any_opset),
        cmocka_unit_test(embeddings_are_summed_and_normalized),
        cmocka_unit_test(attention_projects_masks_and_remembers),
        cmocka_unit_test(heads_come_apart_packed_or_stacked),
        cmocka_unit_test(a_mask_that_does_not_fit_is_refused),
        cmocka_unit_test(quantized_operators_compute_on_real_numbers),
        cmocka_unit_test(whole_products_are_scaled),
        cmocka_unit_test(a_product_quantizes_its_input_as_it_comes),
        cmocka_unit_test(quantized_convolutions_take_channels_last),
        cmocka_unit_test(its_own_quantization_is_that_of_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
