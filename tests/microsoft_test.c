/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators of com.microsoft that no fusion writes: each on a few numbers worked out by hand. tests/fused.py holds most
 * of them against ONNX Runtime where that is installed; GroupNorm and its kin have no kernel for the CPU there. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

static void add_node(struct trial *t, const char *op, const char *inputs, const char *outputs, const char *attributes)
{
    build_node(&t->build, op, "op", inputs, outputs, attributes)->domain =
        arena_copy_text(&t->build.arena, "com.microsoft");
}

static void open_model(struct trial *t)
{
    trial_open(t, 17);
    build_import(&t->build, "com.microsoft", 1);
}

static double gelu(double x)
{
    return x / 2 * (1 + erf(x / sqrt(2)));
}

static double silu(double x)
{
    return x / (1 + exp(-x));
}

static void what_the_standard_has_under_another_roof(void **state)
{
    static const double x[] = { 1, 2, 3, 4 };
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "2,2", x);
    trial_input(&t, "axis", DTYPE_INT32, "", (double[]){ 1 });
    trial_input(&t, "at", DTYPE_INT64, "1,2", (double[]){ 1, 0 });
    trial_input(&t, "pads", DTYPE_INT64, "4", (double[]){ 0, 1, 0, 0 });
    trial_input(&t, "to", DTYPE_INT64, "", (double[]){ 3 });
    trial_input(&t, "from", DTYPE_INT64, "", (double[]){ 1 });
    add_node(&t, "Trilu", "x", "lower", "upper=0");
    add_node(&t, "ExpandDims", "x axis", "wide", NULL);
    add_node(&t, "GatherND", "x at", "one", NULL);
    add_node(&t, "Pad", "x pads", "padded", NULL);
    add_node(&t, "Range", "from to", "steps", NULL);
    trial_run(&t, "lower wide one padded steps");
    trial_expect(&t, "lower", DTYPE_FLOAT, "2,2", (double[]){ 1, 0, 3, 4 });
    trial_expect(&t, "wide", DTYPE_FLOAT, "2,1,2", x);
    trial_expect(&t, "one", DTYPE_FLOAT, "1", (double[]){ 3 });
    trial_expect(&t, "padded", DTYPE_FLOAT, "2,3", (double[]){ 0, 1, 2, 0, 3, 4 });
    trial_expect(&t, "steps", DTYPE_INT64, "2", (double[]){ 1, 2 });
    trial_close(&t);
}

static void unique_in_the_order_of_occurrence(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "4", (double[]){ 5, 2, 5, 3 });
    add_node(&t, "Unique", "x", "y of counts", NULL);
    trial_run(&t, "y of counts");
    trial_expect(&t, "y", DTYPE_FLOAT, "3", (double[]){ 5, 2, 3 });
    trial_expect(&t, "of", DTYPE_INT64, "4", (double[]){ 0, 1, 0, 2 });
    trial_expect(&t, "counts", DTYPE_INT64, "3", (double[]){ 2, 1, 1 });
    trial_close(&t);
}

static void matrices_are_compared_and_inverted(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "a", DTYPE_FLOAT, "1,2", (double[]){ 0, 0 });
    trial_input(&t, "b", DTYPE_FLOAT, "2,2", (double[]){ 3, 4, 0, 1 });
    add_node(&t, "CDist", "a b", "square", "metric=sqeuclidean");
    add_node(&t, "CDist", "a b", "plain", "metric=euclidean");
    add_node(&t, "Inverse", "b", "inverse", NULL);
    trial_run(&t, "square plain inverse");
    trial_expect(&t, "square", DTYPE_FLOAT, "1,2", (double[]){ 25, 1 });
    trial_expect(&t, "plain", DTYPE_FLOAT, "1,2", (double[]){ 5, 1 });
    trial_expect(&t, "inverse", DTYPE_FLOAT, "2,2", (double[]){ 1 / 3.0, -4 / 3.0, 0, 1 });
    trial_close(&t);
}

static void a_matrix_without_an_inverse_is_refused(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "2,2", (double[]){ 1, 2, 2, 4 });
    add_node(&t, "Inverse", "x", "y", NULL);
    trial_fails(&t, "y", "has a matrix without an inverse");
    trial_close(&t);
}

static void biases_of_diffusion_models(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,2", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "b", DTYPE_FLOAT, "2", (double[]){ 0.5, -1 });
    add_node(&t, "BiasAdd", "x b x", "sum", NULL);
    add_node(&t, "BiasSplitGelu", "x b", "gated", NULL);
    trial_run(&t, "sum gated");
    trial_expect(&t, "sum", DTYPE_FLOAT, "1,2,2", (double[]){ 2.5, 3, 6.5, 7 });
    trial_expect(&t, "gated", DTYPE_FLOAT, "1,2,1", (double[]){ 1.5 * gelu(1), 3.5 * gelu(3) });
    trial_close(&t);
}

/* Two groups of one channel, [1, 1, 2, 2]: the first is 1 and 3, the second 2 and 6, channels last. */
static void groups_are_normalized(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2,2", (double[]){ 1, 2, 3, 6 });
    trial_input(&t, "scale", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    trial_input(&t, "shift", DTYPE_FLOAT, "2", (double[]){ 0, 1 });
    trial_input(&t, "skip", DTYPE_FLOAT, "1,2", (double[]){ 5, -1 });
    add_node(&t, "GroupNorm", "x scale shift", "y", "groups=2 activation=0 epsilon=0.0");
    add_node(&t, "GroupNorm", "x scale shift", "silu", "groups=2 activation=1 epsilon=0.0");
    add_node(&t, "SkipGroupNorm", "x scale shift skip", "z sum", "groups=2 activation=0 epsilon=0.0");
    trial_run(&t, "y silu z sum");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,2,2", (double[]){ -1, -1, 1, 3 });
    trial_expect(&t, "silu", DTYPE_FLOAT, "1,1,2,2", (double[]){ silu(-1), silu(-1), silu(1), silu(3) });
    trial_expect(&t, "z", DTYPE_FLOAT, "1,1,2,2", (double[]){ -1, -1, 1, 3 });
    trial_expect(&t, "sum", DTYPE_FLOAT, "1,1,2,2", (double[]){ 6, 1, 8, 5 });
    trial_close(&t);
}

static void pairs_turn_from_the_first_position_on(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,2", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "at", DTYPE_INT64, "1", (double[]){ 1 });
    trial_input(&t, "cos", DTYPE_FLOAT, "3,1", (double[]){ 1, 0, -1 });
    trial_input(&t, "sin", DTYPE_FLOAT, "3,1", (double[]){ 0, 1, 0 });
    add_node(&t, "RotaryEmbedding", "x at cos sin", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,2", (double[]){ -2, 1, -3, -4 });
    trial_close(&t);
}

static void positions_beyond_the_tables_are_refused(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,2", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "at", DTYPE_INT64, "1", (double[]){ 9.2e18 });
    trial_input(&t, "cos", DTYPE_FLOAT, "3,1", (double[]){ 1, 0, -1 });
    add_node(&t, "RotaryEmbedding", "x at cos cos", "y", NULL);
    trial_fails(&t, "y", "of 3");
    trial_close(&t);
}

/* Numbers of 4 bits, 16 to a block: 9, 8, 8, ... of which 8 is zero. */
static void weights_of_few_bits(void **state)
{
    double bytes[8], x[16] = { 1, 2 };
    struct trial t;
    (void)state;
    for (int i = 0; i < 8; i++) bytes[i] = i == 0 ? 0x79 : 0x88;
    open_model(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,16", x);
    trial_input(&t, "w", DTYPE_UINT8, "1,1,8", bytes);
    trial_input(&t, "s", DTYPE_FLOAT, "1", (double[]){ 0.5 });
    trial_input(&t, "z", DTYPE_UINT8, "1", (double[]){ 7 });
    add_node(&t, "MatMulNBits", "x w s", "y", "K=16 N=1 bits=4 block_size=16");
    add_node(&t, "MatMulNBits", "x w s z", "shifted", "K=16 N=1 bits=4 block_size=16");
    trial_run(&t, "y shifted");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1", (double[]){ (1 - 2) * 0.5 });
    trial_expect(&t, "shifted", DTYPE_FLOAT, "1,1", (double[]){ 2 * 0.5 });
    trial_close(&t);
}

static void blocks_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *attributes, *why;
    } cases[] = { { "K=17 N=1 bits=4 block_size=16", "has no weights" },
                  { "K=16 N=2 bits=4 block_size=16", "has no weights" },
                  { "K=16 N=1 bits=4 block_size=0", "block_size=0" },
                  { "K=16 N=1 bits=3 block_size=16", "weights of 3 bits" },
                  { "K=9000000000000000000 N=9000000000000000000 bits=8 block_size=16", "has no weights" } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trial t;
        open_model(&t);
        trial_input(&t, "x", DTYPE_FLOAT, "1,16", (double[16]){ 0 });
        trial_input(&t, "w", DTYPE_UINT8, "1,1,8", (double[8]){ 0 });
        trial_input(&t, "s", DTYPE_FLOAT, "1", (double[]){ 0.5 });
        add_node(&t, "MatMulNBits", "x w s", "y", cases[i].attributes);
        trial_fails(&t, "y", cases[i].why);
        trial_close(&t);
    }
}

/* One head of one feature: queries, keys and values are x * 1, x * 0 and x * 2, so the values are averaged. */
static void attention_of_whole_numbers(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "x", DTYPE_UINT8, "1,2,1", (double[]){ 11, 13 });
    trial_input(&t, "w", DTYPE_UINT8, "1,3", (double[]){ 1, 0, 2 });
    trial_input(&t, "b", DTYPE_FLOAT, "3", (double[]){ 0, 0, 1 });
    trial_input(&t, "s", DTYPE_FLOAT, "", (double[]){ 0.5 });
    trial_input(&t, "z", DTYPE_UINT8, "", (double[]){ 10 });
    add_node(&t, "QAttention", "x w b s s _ z", "y", "num_heads=1");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,1", (double[]){ 2, 2 }); /* (1 + 3) / 2 * 2 * 0.25 + 1 */
    trial_close(&t);
}

/* Each id has one row of 1 and 3 (in steps of a half); scale 1, shift 0. */
static void quantized_embeddings(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "ids", DTYPE_INT32, "1,1", (double[]){ 0 });
    trial_input(&t, "words", DTYPE_UINT8, "1,2", (double[]){ 12, 16 });
    trial_input(&t, "places", DTYPE_UINT8, "1,2", (double[]){ 10, 10 });
    trial_input(&t, "ones", DTYPE_UINT8, "2", (double[]){ 12, 12 });
    trial_input(&t, "zeros", DTYPE_UINT8, "2", (double[]){ 10, 10 });
    trial_input(&t, "s", DTYPE_FLOAT, "", (double[]){ 0.5 });
    trial_input(&t, "z", DTYPE_UINT8, "", (double[]){ 10 });
    add_node(&t, "QEmbedLayerNormalization", "ids _ words places _ ones zeros _ s s _ s s z z _ z z", "y counts",
             "epsilon=0.0");
    trial_run(&t, "y counts");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,2", (double[]){ -1, 1 });
    trial_expect(&t, "counts", DTYPE_INT32, "1", (double[]){ 0 });
    trial_close(&t);
}

static void sums_of_products_of_16_bits(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "a", DTYPE_INT16, "1,2", (double[]){ -32768, 3 });
    trial_input(&t, "b", DTYPE_INT16, "2,1", (double[]){ -32768, 5 });
    add_node(&t, "MatMulInteger16", "a b", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_INT32, "1,1", (double[]){ 1073741839 });
    trial_close(&t);
}

/* The first masked element ends a row of the window; the very first one of a plane is not masked. */
static void a_mask_ends_rows_of_windows(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,2,3", (double[]){ 1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16 });
    trial_input(&t, "m", DTYPE_INT32, "1,1,2,3", (double[]){ 0, 1, 1, 0, 1, 0 });
    trial_input(&t, "wide", DTYPE_INT32, "1,2,2,3", (double[12]){ 0 });
    add_node(&t, "MaxpoolWithMask", "x m", "y", "kernel_shape=2,2");
    add_node(&t, "MaxpoolWithMask", "x m", "rows", "kernel_shape=1,1");
    trial_run(&t, "y rows");
    const double none = -3.4028234663852886e38;
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,1,2", (double[]){ 2, 5, 12, 15 });
    trial_expect(&t, "rows", DTYPE_FLOAT, "1,2,2,3", (double[]){ 1, 2, 3, none, 5, none, 11, 12, 13, none, 15, none });
    trial_close(&t);
}

static void a_mask_of_several_channels_is_refused(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,2,2", (double[8]){ 0 });
    trial_input(&t, "m", DTYPE_INT32, "1,2,2,2", (double[8]){ 0 });
    add_node(&t, "MaxpoolWithMask", "x m", "y", "kernel_shape=2,2");
    trial_fails(&t, "y", "masks of several channels");
    trial_close(&t);
}

/* 0 and 1 are bytes without loss, and so is the state zero. Gates are input, output, forget, candidate. */
static void an_lstm_of_bytes(void **state)
{
    struct trial t;
    double s = 1 / (1 + exp(-1)), half = 0.5, c1 = s * tanh(2), h1 = half * tanh(c1), c2 = half * c1,
           h2 = half * tanh(c2);
    (void)state;
    open_model(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "2,2,1", (double[]){ 1, 0, 0, 1 });
    trial_input(&t, "w", DTYPE_INT8, "1,1,4", (double[]){ 3, 1, 1, 5 });
    trial_input(&t, "r", DTYPE_INT8, "1,1,4", (double[4]){ 0 });
    trial_input(&t, "n", DTYPE_INT32, "2", (double[]){ 2, 1 });
    trial_input(&t, "s", DTYPE_FLOAT, "1", (double[]){ 0.5 });
    trial_input(&t, "z", DTYPE_INT8, "1", (double[]){ 1 });
    trial_input(&t, "none", DTYPE_INT8, "1", (double[]){ 0 });
    add_node(&t, "DynamicQuantizeLSTM", "x w r _ n _ _ _ s z s none", "y h c", "hidden_size=1");
    add_node(&t, "DynamicQuantizeLSTM", "x w r _ n _ _ _ s z s none", "_ back", "hidden_size=1 direction=reverse");
    trial_run(&t, "y h c back");
    trial_expect(&t, "c", DTYPE_FLOAT, "1,2,1", (double[]){ c2, 0 });
    trial_expect(&t, "h", DTYPE_FLOAT, "1,2,1", (double[]){ h2, 0 });
    trial_expect(&t, "y", DTYPE_FLOAT, "2,1,2,1", (double[]){ h1, 0, h2, 0 });
    trial_expect(&t, "back", DTYPE_FLOAT, "1,2,1", (double[]){ h1, 0 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_standard_has_under_another_roof),
        cmocka_unit_test(unique_in_the_order_of_occurrence),
        cmocka_unit_test(matrices_are_compared_and_inverted),
        cmocka_unit_test(a_matrix_without_an_inverse_is_refused),
        cmocka_unit_test(biases_of_diffusion_models),
        cmocka_unit_test(groups_are_normalized),
        cmocka_unit_test(pairs_turn_from_the_first_position_on),
        cmocka_unit_test(positions_beyond_the_tables_are_refused),
        cmocka_unit_test(sums_of_products_of_16_bits),
        cmocka_unit_test(a_mask_ends_rows_of_windows),
        cmocka_unit_test(a_mask_of_several_channels_is_refused),
        cmocka_unit_test(an_lstm_of_bytes),
        cmocka_unit_test(weights_of_few_bits),
        cmocka_unit_test(blocks_that_do_not_fit_are_refused),
        cmocka_unit_test(attention_of_whole_numbers),
        cmocka_unit_test(quantized_embeddings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
