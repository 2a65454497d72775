/* SPDX-License-Identifier: Apache-2.0
 *
 * The check against folds that are right, and against every way of folding wrongly that it exists to catch. The folds
 * are made by hand, so that the passes cannot agree with their own mistakes. */
#include "build.h"
#include "check/check.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/index.h"
#include "onnx/shape/infer.h"
#include "passes/passes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CHANNELS = 4 };

static struct build b;
static struct model model;
static struct net before, after;
static struct check_options options;
static struct bnfuse_check_result result;

static const struct input_set *take(void *set, size_t index, struct bnfuse_error *error)
{
    (void)index;
    (void)error;
    return set;
}

static int open_build(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    options = (struct check_options){ .asked.level = BNFUSE_LEVEL_FULL,
                                      .asked.seed = 1,
                                      .asked.atol = 1e-5,
                                      .asked.rtol = 1e-3,
                                      .asked.threads = 1,
                                      .memory = &b.memory };
    return 0;
}

static int close_build(void **state)
{
    (void)state;
    build_close(&b);
    return 0;
}

static const double scale[] = { 0.5, -2, 1.25, 3 }, shift[] = { 1, 0.25, -1.5, 2 },
                    mean[] = { 0.125, -0.25, 0.375, 0.5 }, variance[] = { 1, 0.5, 2, 0.25 };

static double factor_of(int channel)
{
    return scale[channel] / sqrt(variance[channel] + (double)1e-5f);
}

/* BatchNormalization's parameters as initializers, named with this prefix. */
static void add_parameters(const char *prefix, enum dtype type)
{
    static const struct {
        const char *name;
        const double *values;
    } parameters[] = {
        { "s", scale },
        { "t", shift },
        { "m", mean },
        { "v", variance },
    };
    for (size_t i = 0; i < 4; i++) {
        char name[20];
        snprintf(name, sizeof name, "%s%s", prefix, parameters[i].name);
        build_init_values(&b, name, type, "4", parameters[i].values);
    }
}

/* x -> Conv -> y -> BatchNormalization -> z; as many input as output channels, so that a wrong axis fits. */
static void add_conv_bn(const char *x, const char *attributes, const char *weight_dims)
{
    build_init(&b, "w", DTYPE_FLOAT, weight_dims, 7);
    add_parameters("", DTYPE_FLOAT);
    build_node(&b, "Conv", "conv", arena_printf(&b.arena, "%s w", x), "y", attributes);
    build_node(&b, "BatchNormalization", "bn", "y s t m v", "z", NULL);
}

static void build_conv_bn(void)
{
    build_input(&b, "x", DTYPE_FLOAT, "N,4,6,5");
    add_conv_bn("x", "pads=1,1,1,1", "4,4,3,3");
    build_output(&b, "z", DTYPE_FLOAT, "N,4,6,5");
}

static void load(void)
{
    build_load(&b, &model, &before);
    struct bnfuse_error error = { 0 };
    assert_true(net_index(&after, &b.arena, &model, &error));
    assert_true(shape_infer(&before, &error) && shape_infer(&after, &error));
}

/* How to fold; all zero is right. */
struct fold {
    bool wrong_axis, no_bias, half_the_groups;
    double off;    /* added to the first bias */
    double factor; /* of all weights; 0 means 1 */
};

static struct tensor *scaled_weight(const struct value *weight, struct fold fold)
{
    double factors[CHANNELS];
    for (int i = 0; i < CHANNELS; i++) {
        factors[i] = factor_of(i) * (fold.factor != 0 ? fold.factor : 1);
        if (fold.half_the_groups && i >= CHANNELS / 2) factors[i] = 1;
    }
    const struct tensor *tensor = weight->initializer;
    int64_t inner = tensor->count / CHANNELS;
    struct factor rows = { 1, CHANNELS, 1, 1, inner, factors };
    struct factor columns = { CHANNELS, CHANNELS, 1, 1, inner / CHANNELS, factors };
    return tensor_scaled(&b.arena, tensor, fold.wrong_axis ? &columns : &rows);
}

/* Folds the BatchNormalization `bn` into the Conv `conv` of `after`. */
static void fold_conv(const char *conv_name, const char *bn_name, struct fold fold)
{
    struct node *conv = build_find_node(&after, conv_name), *bn = build_find_node(&after, bn_name);
    struct value *weight = node_input(conv, 1), *z = node_output(bn, 0);
    double bias[CHANNELS];
    for (int i = 0; i < CHANNELS; i++) bias[i] = shift[i] - mean[i] * factor_of(i);
    bias[0] += fold.off;
    struct tensor *stored = tensor_exact(&b.arena, weight->initializer->type, 1, (int64_t[]){ CHANNELS }, bias);
    struct graph *home = conv->graph;
    edit_set_input(conv, 1, edit_add_initializer(home, "w_folded", scaled_weight(weight, fold)));
    if (!fold.no_bias) edit_set_input(conv, 2, edit_add_initializer(home, "b_folded", stored));
    edit_take_output(conv, 0, z);
    edit_remove_node(bn);
}

static enum bnfuse_verdict check_at(bnfuse_level level)
{
    struct bnfuse_error error = { 0 };
    options.asked.level = level;
    if (!check_fusion(&before, &after, &options, &result, &error)) fail_msg("%s", error.message);
    return result.verdict;
}

static bool is_accepted(enum bnfuse_verdict verdict)
{
    return bnfuse_verdict_status(verdict) == BNFUSE_OK;
}

/* The outcome of the full check; a lower level has to agree, or to say that it cannot tell. */
static enum bnfuse_verdict check(void)
{
    enum bnfuse_verdict quick = check_at(BNFUSE_LEVEL_QUICK), standard = check_at(BNFUSE_LEVEL_STANDARD);
    enum bnfuse_verdict full = check_at(BNFUSE_LEVEL_FULL);
    if (full == BNFUSE_VERDICT_FAIL && (is_accepted(quick) || is_accepted(standard)))
        fail_msg("quick: %s, standard: %s, full: %s", bnfuse_verdict_text(quick), bnfuse_verdict_text(standard),
                 bnfuse_verdict_text(full));
    if (is_accepted(full)) assert_true(quick != BNFUSE_VERDICT_FAIL && standard != BNFUSE_VERDICT_FAIL);
    return full;
}

static void assert_verdict(enum bnfuse_verdict expected)
{
    enum bnfuse_verdict verdict = check();
    if (verdict != expected) print_message("%s\n", result.why);
    assert_string_equal(bnfuse_verdict_text(verdict), bnfuse_verdict_text(expected));
}

/* ---- one site ---- */

static void a_right_fold_passes_to_the_last_bits(void **state)
{
    (void)state;
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_verdict(BNFUSE_VERDICT_PASS);
    assert_int_equal(result.site_count, 1);
    assert_int_equal(result.sites_checked, 1);
    assert_string_equal(result.sites[0]->value, "z");
    assert_true(result.worst_site < 1e-12);
    assert_int_equal(result.output_count, 1);
    assert_true(result.outputs[0]->algebra.relative < 1e-12);
    assert_true(result.outputs[0]->rounding.relative > 1e-12 && result.outputs[0]->rounding.relative < 1e-6);
    assert_true(result.outputs[0]->within_tolerance);
    assert_null(result.first_divergent);
}

/* All elements are samples: the last value is the output, which is measured by itself. */
static void the_error_along_the_depth_ends_with_that_of_the_outputs(void **state)
{
    (void)state;
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_verdict(BNFUSE_VERDICT_PASS);
    assert_int_equal(result.depth_count, 1);
    assert_string_equal(result.depth[0]->value, "z");
    assert_true(result.depth[0]->before > 0 && result.depth[0]->after > 0);
    assert_true(fabs(result.depth[0]->before - result.outputs[0]->truth_before) < 1e-14);
    assert_true(fabs(result.depth[0]->after - result.outputs[0]->truth_after) < 1e-14);
}

static void the_error_along_the_depth_shows_a_wrong_fold(void **state)
{
    (void)state;
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ .no_bias = true });
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_int_equal(result.depth_count, 1);
    assert_true(result.depth[0]->before < 1e-6 && result.depth[0]->after > 1e-3);
}

static void assert_caught(struct fold fold)
{
    build_conv_bn();
    load();
    fold_conv("conv", "bn", fold);
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_string_equal(result.first_divergent, "z");
    assert_non_null(strstr(result.why, "\"z\""));
    assert_non_null(strstr(result.why, "conv"));
}

static void a_scale_along_the_wrong_axis_is_caught(void **state)
{
    (void)state;
    assert_caught((struct fold){ .wrong_axis = true });
}

static void a_missing_bias_is_caught(void **state)
{
    (void)state;
    assert_caught((struct fold){ .no_bias = true });
}

static void a_group_left_unscaled_is_caught(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "N,4,6,5");
    add_conv_bn("x", "group=2", "4,2,3,3");
    build_output(&b, "z", DTYPE_FLOAT, "N,4,4,3");
    load();
    fold_conv("conv", "bn", (struct fold){ .half_the_groups = true });
    assert_verdict(BNFUSE_VERDICT_FAIL);
}

/* Far within any tolerance in float32, and no rounding of float64. */
static void a_mistake_of_one_in_a_million_is_caught(void **state)
{
    (void)state;
    assert_caught((struct fold){ .off = 1e-6 });
}

static void a_nan_in_a_folded_bias_is_caught(void **state)
{
    (void)state;
    assert_caught((struct fold){ .off = NAN });
    assert_true(result.sites[0]->difference.pattern_differs);
}

static void rounding_beyond_the_tolerance_is_told_from_a_mistake(void **state)
{
    (void)state;
    options.asked.atol = 0;
    options.asked.rtol = 1e-12;
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_verdict(BNFUSE_VERDICT_PASS_ROUNDING);
    assert_false(result.outputs[0]->within_tolerance);
    assert_true(result.outputs[0]->noise > 0);
}

/* Far beyond the last place of a double, and still what sites are allowed: rounding of weights is not asked. */
static void what_a_site_allows_is_no_fault_of_storing(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_DOUBLE, "2,4,6,5");
    build_init(&b, "w", DTYPE_DOUBLE, "4,4,3,3", 7);
    add_parameters("", DTYPE_DOUBLE);
    build_node(&b, "Conv", "conv", "x w", "y", NULL);
    build_node(&b, "BatchNormalization", "bn", "y s t m v", "z", NULL);
    build_output(&b, "z", DTYPE_DOUBLE, NULL);
    load();
    fold_conv("conv", "bn", (struct fold){ .off = 2e-9 });
    assert_verdict(BNFUSE_VERDICT_PASS);
    assert_true(result.worst_site > 1e-11);
}

/* The algebra is right, but the folded weights leave half precision. */
static void storage_that_destroys_the_weights_is_no_rounding(void **state)
{
    (void)state;
    double small[CHANNELS] = { 1e-7, 1e-7, 1e-7, 1e-7 }, zero[CHANNELS] = { 0 }, one[CHANNELS] = { 1, 1, 1, 1 };
    build_input(&b, "x", DTYPE_FLOAT16, "2,4,6,5");
    build_init(&b, "w", DTYPE_FLOAT16, "4,4,1,1", 3);
    build_init_values(&b, "s", DTYPE_FLOAT, "4", small);
    build_init_values(&b, "t", DTYPE_FLOAT, "4", zero);
    build_init_values(&b, "m", DTYPE_FLOAT, "4", zero);
    build_init_values(&b, "v", DTYPE_FLOAT, "4", one);
    build_init_values(&b, "big", DTYPE_FLOAT, "", (double[]){ 1e7 });
    build_node(&b, "Conv", "conv", "x w", "y", NULL);
    build_node(&b, "Cast", "up", "y", "wide", "to=1");
    build_node(&b, "BatchNormalization", "bn", "wide s t m v", "z", NULL);
    build_node(&b, "Mul", "enlarge", "z big", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "2,4,6,5");
    load();
    struct node *conv = build_find_node(&after, "conv"), *bn = build_find_node(&after, "bn"),
                *up = build_find_node(&after, "up");
    double factors[CHANNELS];
    for (int i = 0; i < CHANNELS; i++) factors[i] = (double)1e-7f / sqrt(1 + (double)1e-5f);
    struct factor rows = { 1, CHANNELS, 1, 1, CHANNELS, factors };
    struct tensor *folded = tensor_scaled(&b.arena, node_input(conv, 1)->initializer, &rows);
    edit_set_input(conv, 1, edit_add_initializer(after.main, "w_folded", folded));
    edit_rename(node_output(conv, 0));
    edit_take_output(up, 0, node_output(bn, 0));
    edit_remove_node(bn);
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_true(result.worst_site < 1e-12);
    assert_true(result.outputs[0]->algebra.relative < 1e-12);
    options.asked.rtol = options.asked.atol = 10;
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_true(result.outputs[0]->within_tolerance);
}

/* Every site is right to the last bits; what follows turns last bits into anything. */
static void amplified_rounding_is_ill_conditioned_not_wrong(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "N,4,6,5");
    add_conv_bn("x", NULL, "4,4,3,3");
    build_init_values(&b, "huge", DTYPE_FLOAT, "", (double[]){ 1e12 });
    build_node(&b, "Mul", "mul", "z huge", "h", NULL);
    build_node(&b, "Sin", "sin", "h", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "N,4,4,3");
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_verdict(BNFUSE_VERDICT_ILL_CONDITIONED);
    assert_true(result.worst_site < 1e-12);
    assert_true(result.outputs[0]->algebra.relative > SITE_LIMIT);
}

/* ---- levels ---- */

static void quick_proves_the_sites_and_runs_no_whole_graph(void **state)
{
    (void)state;
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_int_equal(check_at(BNFUSE_LEVEL_QUICK), BNFUSE_VERDICT_PASS_SITES);
    assert_int_equal(result.level, BNFUSE_LEVEL_QUICK);
    assert_int_equal(result.sites_checked, 1);
    assert_true(result.worst_site > 0 && result.worst_site < 1e-12);
    assert_int_equal(result.output_count, 0);
}

/* Takes the first of two Relus in a row for both. */
static void take_one_relu(void)
{
    struct node *again = build_find_node(&after, "again"), *reader = build_find_node(&after, "reader");
    edit_set_input(reader, 0, node_input(again, 0));
    edit_remove_node(again);
}

static void quick_proves_what_is_right_for_numbers_that_its_input_can_be(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "N,4,6,5");
    build_node(&b, "Relu", "relu", "x", "r", NULL);
    build_node(&b, "Transpose", "transpose", "r", "moved", "perm=0,2,3,1");
    build_node(&b, "Relu", "again", "moved", "rr", NULL);
    build_node(&b, "Neg", "reader", "rr", "z", NULL);
    build_output(&b, "z", DTYPE_FLOAT, "N,6,5,4");
    load();
    take_one_relu();
    assert_int_equal(check_at(BNFUSE_LEVEL_QUICK), BNFUSE_VERDICT_PASS_SITES);
    assert_int_equal(result.level, BNFUSE_LEVEL_QUICK);
    assert_int_equal(result.sites_checked, 1);
    assert_verdict(BNFUSE_VERDICT_PASS);
}

/* Further upstream than a site is extended. */
static void quick_leaves_to_standard_what_its_own_numbers_do_not_show(void **state)
{
    (void)state;
    const char *value = "r";
    build_input(&b, "x", DTYPE_FLOAT, "N,4,6,5");
    build_node(&b, "Relu", "relu", "x", "r", NULL);
    for (int i = 0; i < 6; i++) {
        const char *next = arena_printf(&b.arena, "moved%d", i);
        build_node(&b, "Transpose", arena_printf(&b.arena, "transpose%d", i), value, next, "perm=0,2,3,1");
        value = next;
    }
    build_node(&b, "Relu", "again", value, "rr", NULL);
    build_node(&b, "Neg", "reader", "rr", "z", NULL);
    build_output(&b, "z", DTYPE_FLOAT, "N,4,6,5");
    load();
    take_one_relu();
    assert_int_equal(check_at(BNFUSE_LEVEL_QUICK), BNFUSE_VERDICT_PASS);
    assert_int_equal(result.level, BNFUSE_LEVEL_STANDARD);
    assert_verdict(BNFUSE_VERDICT_PASS);
}

static void a_relu_after_what_gives_both_signs_is_missed(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "N,4,6,5");
    build_node(&b, "Relu", "relu", "x", "positive", NULL);
    build_node(&b, "Cos", "cos", "positive", "s", NULL);
    build_node(&b, "Relu", "again", "s", "rr", NULL);
    build_node(&b, "Neg", "reader", "rr", "z", NULL);
    build_output(&b, "z", DTYPE_FLOAT, "N,4,6,5");
    load();
    take_one_relu();
    assert_verdict(BNFUSE_VERDICT_FAIL);
}

static void what_is_right_for_numbers_of_one_sign_is_so_where_all_are_zero(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "N,4,6,5");
    build_init_values(&b, "zero", DTYPE_FLOAT, "1", (double[]){ 0 });
    build_node(&b, "Mul", "mul", "x zero", "nothing", NULL);
    build_node(&b, "Relu", "relu", "nothing", "r", NULL);
    build_node(&b, "Relu", "again", "r", "rr", NULL);
    build_node(&b, "Exp", "reader", "rr", "z", NULL);
    build_output(&b, "z", DTYPE_FLOAT, "N,4,6,5");
    load();
    take_one_relu();
    assert_verdict(BNFUSE_VERDICT_PASS);
}

/* The channel is dead in the model, and what reads it is wrong all the same. */
static void a_weight_that_reads_a_dead_channel_is_not_proven_by_that(void **state)
{
    (void)state;
    double factors[CHANNELS] = { 2, 1, 1, 1 };
    const struct factor columns = { CHANNELS, CHANNELS, 1, 1, 9, factors };
    build_input(&b, "x", DTYPE_FLOAT, "N,4,6,5");
    build_init(&b, "w", DTYPE_FLOAT, "4,4,3,3", 7);
    build_init_values(&b, "mask", DTYPE_FLOAT, "4,1,1", (double[]){ 0, 1, 1, 1 });
    build_node(&b, "Mul", "mul", "x mask", "a", NULL);
    build_node(&b, "Relu", "relu", "a", "r", NULL);
    build_node(&b, "Conv", "conv", "r w", "z", "pads=1,1,1,1");
    build_output(&b, "z", DTYPE_FLOAT, "N,4,6,5");
    load();
    struct node *conv = build_find_node(&after, "conv");
    const struct tensor *weight = node_input(conv, 1)->initializer;
    edit_set_input(conv, 1, edit_add_initializer(conv->graph, "twice", tensor_scaled(&b.arena, weight, &columns)));
    assert_verdict(BNFUSE_VERDICT_FAIL);
}

static void add_constant(const char *name, const char *dims, const double *values)
{
    build_node(&b, "Constant", NULL, NULL, name, NULL);
    build_attribute_tensor(&b, "value", build_tensor(&b, NULL, DTYPE_FLOAT, dims, values));
}

/* A site that no run proves, so that the others are proven on what a run has seen. */
static void add_function_that_nobody_calls(void)
{
    static const double weight[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    build_function(&b, "local", "nobody", "a", "y", NULL);
    build_import(&b, "", 13);
    add_constant("fs", "4", scale);
    add_constant("ft", "4", shift);
    add_constant("fm", "4", mean);
    add_constant("fv", "4", variance);
    add_constant("fw", "4,4,1,1", weight);
    build_node(&b, "BatchNormalization", "fbn", "a fs ft fm fv", "n", NULL);
    build_node(&b, "Conv", "fconv", "n fw", "y", NULL);
    build_end(&b);
}

/* By the passes: what counts below is which values they leave. */
static void fold_all(void)
{
    static const struct bnfuse_fuse_options defaults = { .fold_limit = 1 << 28 };
    struct pass_report report;
    struct bnfuse_error error;
    if (!passes_run(&after, &defaults, &report, &error)) fail_msg("%s", error.message);
    assert_int_equal(report.left, 0);
}

/* The new table is read by the ids of the old one: other numbers for what was read of that do not go with them. */
static void what_a_copied_table_gives_goes_with_what_the_old_one_gave(void **state)
{
    (void)state;
    build_input(&b, "ids", DTYPE_INT64, "2,3");
    build_init_values(&b, "table", DTYPE_FLOAT, "5,4", (double[20]){ 0 });
    build_node(&b, "Gather", "gather", "table ids", "rows", NULL);
    build_node(&b, "Transpose", "turn", "rows", "t", "perm=0,2,1");
    add_parameters("bn", DTYPE_FLOAT);
    build_node(&b, "BatchNormalization", "bn", "t bns bnt bnm bnv", "z", NULL);
    build_output(&b, "rows", DTYPE_FLOAT, "2,3,4");
    build_output(&b, "z", DTYPE_FLOAT, "2,4,3");
    add_function_that_nobody_calls();
    load();
    fold_all();
    assert_verdict(BNFUSE_VERDICT_NOT_CHECKED);
}

/* One branch of the sum is computed from the other: in the original, from what that was before its norm. */
static void branches_that_follow_from_each_other_are_proven_together(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "N,4,6,5");
    build_init_values(&b, "zero", DTYPE_FLOAT, "1", (double[]){ 0 });
    build_node(&b, "Mul", "mul", "x zero", "nothing", NULL);
    build_node(&b, "Relu", "relu", "nothing", "r", NULL);
    build_init(&b, "v", DTYPE_FLOAT, "4,4,1,1", 7);
    build_init(&b, "w", DTYPE_FLOAT, "4,4,1,1", 8);
    build_node(&b, "Conv", "first", "r v", "c", NULL);
    build_node(&b, "Conv", "second", "c w", "d", NULL);
    add_parameters("bn", DTYPE_FLOAT);
    build_node(&b, "BatchNormalization", "bn", "c bns bnt bnm bnv", "e", NULL);
    build_node(&b, "BatchNormalization", "bm", "d bns bnt bnm bnv", "f", NULL);
    build_node(&b, "Add", "sum", "e f", "s", NULL);
    build_init(&b, "k", DTYPE_FLOAT, "4,1,1", 9);
    build_node(&b, "Add", "more", "s k", "z", NULL);
    build_output(&b, "z", DTYPE_FLOAT, "N,4,6,5");
    add_function_that_nobody_calls();
    load();
    fold_all();
    assert_verdict(BNFUSE_VERDICT_NOT_CHECKED);
}

static void standard_runs_float64_only_where_sites_or_tolerance_leave_something_open(void **state)
{
    (void)state;
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_int_equal(check_at(BNFUSE_LEVEL_STANDARD), BNFUSE_VERDICT_PASS);
    assert_int_equal(result.level, BNFUSE_LEVEL_STANDARD);
    assert_true(result.outputs[0]->algebra.relative < 0 && result.outputs[0]->truth_after < 0);
    assert_int_equal(result.depth_count, 0);
    assert_true(result.outputs[0]->deployment.relative > 0 && result.outputs[0]->within_tolerance);
    options.asked.atol = 0;
    options.asked.rtol = 1e-12;
    assert_int_equal(check_at(BNFUSE_LEVEL_STANDARD), BNFUSE_VERDICT_PASS_ROUNDING);
    assert_int_equal(result.level, BNFUSE_LEVEL_FULL);
    assert_true(result.outputs[0]->algebra.relative >= 0 && result.outputs[0]->truth_after > 0);
    assert_int_equal(result.depth_count, 1);
}

static void who_asks_for_the_depth_gets_it_from_a_standard_check_too(void **state)
{
    (void)state;
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    options.asked.depth = true;
    assert_int_equal(check_at(BNFUSE_LEVEL_STANDARD), BNFUSE_VERDICT_PASS);
    assert_int_equal(result.level, BNFUSE_LEVEL_STANDARD);
    assert_true(result.outputs[0]->algebra.relative < 0);
    assert_int_equal(result.depth_count, 1);
    assert_true(result.depth[0]->before > 0 && result.depth[0]->before < 1e-6);
    assert_true(result.depth[0]->after > 0 && result.depth[0]->after < 1e-6);
}

/* A mean is a sum times 1/40 where there are 40. */
static void a_fold_that_is_right_at_its_own_size_alone_passes(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "2,4,6,40");
    build_init_values(&b, "axis", DTYPE_INT64, "1", (double[]){ 3 });
    build_node(&b, "ReduceMean", "mean", "x", "z", "axes=3,");
    build_output(&b, "z", DTYPE_FLOAT, NULL);
    load();
    struct node *node = build_find_node(&after, "mean");
    struct value *z = node_output(node, 0);
    struct value *reduced[] = { build_find_value(&after, "x"), build_find_value(&after, "axis") };
    struct node *sum = edit_add_node(after.main, node, "ReduceSum", "sum", reduced, 2, z);
    double share = 1.0 / 40;
    struct tensor *stored = tensor_exact(&b.arena, DTYPE_FLOAT, 0, NULL, &share);
    struct value *factors[] = { node_output(sum, 0), edit_add_initializer(after.main, "share", stored) };
    struct node *mul = edit_add_node(after.main, node, "Mul", "mul", factors, 2, z);
    edit_take_output(mul, 0, z);
    edit_remove_node(node);
    assert_verdict(BNFUSE_VERDICT_PASS);
}

/* y = 2x, z = y + 1; then z = w + 1 with w = 2x, and y = z - 1, so that y is computed from what it led to. */
static void turn_around(double step)
{
    build_input(&b, "x", DTYPE_FLOAT, "2,4");
    build_init_values(&b, "two", DTYPE_FLOAT, "", (double[]){ 2 });
    build_init_values(&b, "one", DTYPE_FLOAT, "", (double[]){ 1 });
    build_init_values(&b, "step", DTYPE_FLOAT, "", &step);
    build_node(&b, "Mul", "mul", "x two", "y", NULL);
    build_node(&b, "Add", "add", "y one", "z", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "2,4");
    build_output(&b, "z", DTYPE_FLOAT, "2,4");
    load();
    struct node *mul = build_find_node(&after, "mul"), *add = build_find_node(&after, "add");
    struct value *y = node_output(mul, 0), *w = edit_add_value(after.main, "w", y);
    struct value *operands[] = { node_output(add, 0), build_find_value(&after, "step") };
    edit_take_output(mul, 0, w);
    edit_set_input(add, 0, w);
    edit_take_output(edit_add_node(after.main, NULL, "Sub", "sub", operands, 2, y), 0, y);
}

static void a_value_computed_back_from_a_later_one_is_proven_with_it(void **state)
{
    (void)state;
    turn_around(1);
    assert_int_equal(check_at(BNFUSE_LEVEL_QUICK), BNFUSE_VERDICT_PASS_SITES);
    assert_int_equal(result.sites_checked, 2);
    assert_verdict(BNFUSE_VERDICT_PASS);
}

static void a_value_computed_back_wrongly_is_caught(void **state)
{
    (void)state;
    turn_around(1 + 1e-6);
    assert_verdict(BNFUSE_VERDICT_FAIL);
}

static void a_huge_batch_is_proven_on_a_few_rows(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "100000000000,4,6,5");
    add_conv_bn("x", "pads=1,1,1,1", "4,4,3,3");
    build_output(&b, "z", DTYPE_FLOAT, NULL);
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    b.memory.limit = 16 << 20;
    assert_int_equal(check_at(BNFUSE_LEVEL_QUICK), BNFUSE_VERDICT_PASS_SITES);
    assert_int_equal(check_at(BNFUSE_LEVEL_STANDARD), BNFUSE_VERDICT_PASS);
}

/* What every padded border reads is less than what the middle does: neither shows at the size of one window alone. */
static void a_shift_that_is_wrong_at_padded_borders_is_caught_at_every_level(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "1,4,60,60");
    build_init(&b, "w", DTYPE_FLOAT, "4,4,3,3", 7);
    build_init_values(&b, "t", DTYPE_FLOAT, "1,4,1,1", shift);
    build_node(&b, "Add", "add", "x t", "y", NULL);
    build_node(&b, "Conv", "conv", "y w", "z", "pads=1,1,1,1");
    build_output(&b, "z", DTYPE_FLOAT, NULL);
    load();
    struct node *add = build_find_node(&after, "add"), *conv = build_find_node(&after, "conv");
    const struct tensor *weight = node_input(conv, 1)->initializer;
    double numbers[4 * 4 * 9], bias[CHANNELS] = { 0 };
    assert_true(tensor_read_real(weight, 0, 144, numbers, NULL));
    for (int i = 0; i < 144; i++) bias[i / 36] += numbers[i] * shift[i / 9 % 4];
    struct tensor *stored = tensor_exact(&b.arena, DTYPE_FLOAT, 1, (int64_t[]){ CHANNELS }, bias);
    edit_set_input(conv, 0, build_find_value(&after, "x"));
    edit_set_input(conv, 2, edit_add_initializer(after.main, "b_folded", stored));
    edit_remove_node(add);
    assert_verdict(BNFUSE_VERDICT_FAIL);
}

static void a_file_that_computes_other_bits_is_no_file_of_ours(void **state)
{
    (void)state;
    struct bnfuse_error error = { 0 };
    build_conv_bn();
    load();
    assert_true(check_read_back(&before, &after, &options, &error));
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_false(check_read_back(&before, &after, &options, &error));
    assert_int_equal(error.status, BNFUSE_INTERNAL);
    assert_non_null(strstr(error.message, "\"z\""));
}

/* ---- what counts as a change ---- */

static void a_model_that_did_not_change_is_identical_whatever_is_in_it(void **state)
{
    (void)state;
    build_import(&b, "custom", 1);
    build_input(&b, "x", DTYPE_FLOAT, "N,4,6,5");
    build_node(&b, "custom.Mystery", "who", "x", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "N,4,6,5");
    load();
    assert_verdict(BNFUSE_VERDICT_IDENTICAL);
    assert_int_equal(result.site_count, 0);
}

/* Nobody renamed anything and no node changed: only what is stored under a name. */
static void an_initializer_changed_under_its_name_is_caught(void **state)
{
    (void)state;
    build_conv_bn();
    load();
    struct value *weight = build_find_value(&after, "w");
    weight->initializer = scaled_weight(weight, (struct fold){ 0 });
    weight->proto = NULL;
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_string_equal(result.first_divergent, "y");
}

static void a_node_that_is_new_at_an_old_name_is_a_site(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "N,4");
    build_node(&b, "Relu", "first", "x", "r", NULL);
    build_node(&b, "Neg", "second", "r", "z", NULL);
    build_output(&b, "z", DTYPE_FLOAT, "N,4");
    load();
    struct node *second = build_find_node(&after, "second");
    struct value *x = build_find_value(&after, "x"), *z = node_output(second, 0);
    struct node *abs = edit_add_node(after.main, second, "Abs", "abs", &x, 1, z);
    edit_take_output(abs, 0, z);
    edit_remove_node(second);
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_int_equal(result.site_count, 1);
    assert_string_equal(result.sites[0]->value, "z");
}

static void an_output_that_nothing_computes_any_more_is_caught(void **state)
{
    (void)state;
    build_conv_bn();
    load();
    struct node *bn = build_find_node(&after, "bn"), *conv = build_find_node(&after, "conv");
    struct value *unused = edit_add_value(after.main, "unused", NULL);
    edit_take_output(bn, 0, unused);
    (void)conv;
    assert_verdict(BNFUSE_VERDICT_FAIL);
}

/* ---- what cannot run ---- */

static void build_beside_custom_operator(void)
{
    build_import(&b, "custom", 1);
    build_input(&b, "x", DTYPE_FLOAT, "N,4,6,5");
    add_conv_bn("x", NULL, "4,4,3,3");
    build_node(&b, "custom.Mystery", "who", "z", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "N,4,4,3");
    load();
}

/* Of two equal nodes one is left; the original still reads what both read. */
static void what_reads_one_of_two_equal_nodes_is_proven_from_what_both_read(void **state)
{
    (void)state;
    build_import(&b, "custom", 1);
    build_input(&b, "x", DTYPE_FLOAT, "2,4,6,5");
    build_node(&b, "custom.Mystery", "who", "x", "m", NULL);
    build_value_info(&b, "m", DTYPE_FLOAT, "2,4,6,5");
    build_node(&b, "Relu", "one", "m", "r", NULL);
    build_node(&b, "Relu", "two", "m", "q", NULL);
    build_node(&b, "Add", "sum", "r q", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "2,4,6,5");
    load();
    struct node *two = build_find_node(&after, "two");
    edit_replace_uses(two->outputs[0], build_find_node(&after, "one")->outputs[0]);
    edit_remove_node(two);
    assert_int_equal(check_at(BNFUSE_LEVEL_STANDARD), BNFUSE_VERDICT_PASS_SITES);
    assert_int_equal(result.sites_checked, 1);
}

/* Running it for each of its calls would be more than the model's size. */
static void a_large_function_is_not_run_for_each_of_many_calls(void **state)
{
    enum { NODES = 1100, CALLS = 1000 };
    static char local[] = "local";
    (void)state;
    build_import(&b, local, 1);
    build_import(&b, "custom", 1);
    build_input(&b, "x", DTYPE_FLOAT, "2,3");
    build_node(&b, "custom.Mystery", "who", "x", "y0", NULL);
    for (int i = 0; i < CALLS; i++) {
        char from[16], to[16];
        snprintf(from, sizeof from, "y%d", i);
        snprintf(to, sizeof to, "y%d", i + 1);
        build_node(&b, "F", to, from, to, NULL)->domain = local;
    }
    build_output(&b, "y1000", DTYPE_FLOAT, "2,3");
    build_function(&b, local, "F", "a0", "a1100", NULL);
    build_import(&b, "", 17);
    for (int i = 0; i < NODES; i++) {
        char from[16], to[16];
        snprintf(from, sizeof from, "a%d", i);
        snprintf(to, sizeof to, "a%d", i + 1);
        build_node(&b, "Relu", to, from, to, NULL);
    }
    build_end(&b);
    load();
    struct node *first = after.functions[0]->first, *second = first->next;
    edit_replace_uses(second->outputs[0], first->outputs[0]);
    edit_remove_node(second);
    check_at(BNFUSE_LEVEL_STANDARD);
    assert_in_range(result.site_count, CALLS, CALLS + 1);
    const char *const why[] = { result.sites[0]->why, result.sites[CALLS - 1]->why };
    assert_null(strstr(why[0], "too large"));
    assert_non_null(strstr(why[1], "too large"));
}

static void sites_alone_prove_a_model_with_a_custom_operator(void **state)
{
    (void)state;
    build_beside_custom_operator();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_int_equal(check_at(BNFUSE_LEVEL_STANDARD), BNFUSE_VERDICT_PASS_SITES);
    assert_int_equal(result.sites_checked, 1);
    assert_int_equal(result.output_count, 0);
    assert_true(result.worst_site < 1e-12);
    assert_int_equal(result.level, BNFUSE_LEVEL_QUICK);
    assert_non_null(strstr(result.why, "Mystery"));
    assert_int_equal(check_at(BNFUSE_LEVEL_FULL), BNFUSE_VERDICT_NOT_CHECKED);
}

static void sites_alone_catch_a_mistake_beside_a_custom_operator(void **state)
{
    (void)state;
    build_beside_custom_operator();
    fold_conv("conv", "bn", (struct fold){ .wrong_axis = true });
    assert_verdict(BNFUSE_VERDICT_FAIL);
}

static void a_site_that_cannot_run_is_not_checked(void **state)
{
    (void)state;
    build_import(&b, "custom", 1);
    build_input(&b, "x", DTYPE_FLOAT, "N,4");
    build_node(&b, "custom.Mystery", "who", "x", "y", NULL);
    build_node(&b, "Identity", "pass", "y", "z", NULL);
    build_output(&b, "z", DTYPE_FLOAT, "N,4");
    load();
    struct node *who = build_find_node(&after, "who"), *pass = build_find_node(&after, "pass");
    edit_take_output(who, 0, node_output(pass, 0));
    edit_remove_node(pass);
    assert_verdict(BNFUSE_VERDICT_NOT_CHECKED);
    if (!strstr(result.why, "Mystery")) fail_msg("%s", result.why);
}

/* ---- functions ---- */

/* The parameters of a function's BatchNormalization are constants of the one call, and a custom operator keeps the
 * whole graph from running: out = Mystery(Norm(x, s, t, m, v)); after: Norm is a Mul and an Add with what the call
 * passes. */
static void lower_in_function(double error)
{
    double factors[CHANNELS], offsets[CHANNELS];
    build_import(&b, "custom", 1);
    build_import(&b, "local", 1);
    build_input(&b, "x", DTYPE_FLOAT, "2,4");
    add_parameters("", DTYPE_FLOAT);
    build_node(&b, "Norm", "call", "x s t m v", "z", NULL)->domain = (char[]){ "local" };
    build_node(&b, "custom.Mystery", "who", "z", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "2,4");
    build_function(&b, "local", "Norm", "a s t m v", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "BatchNormalization", "bn", "a s t m v", "r", NULL);
    build_end(&b);
    load();
    for (int i = 0; i < CHANNELS; i++) {
        factors[i] = factor_of(i) + error;
        offsets[i] = shift[i] - mean[i] * factor_of(i);
    }
    struct node *bn = build_find_node(&after, "bn");
    const int64_t dims[] = { CHANNELS };
    struct value *factor = edit_add_initializer(bn->graph, "k", tensor_exact(&b.arena, DTYPE_FLOAT, 1, dims, factors));
    struct value *offset = edit_add_initializer(bn->graph, "l", tensor_exact(&b.arena, DTYPE_FLOAT, 1, dims, offsets));
    struct value *r = node_output(bn, 0);
    struct node *mul =
        edit_add_node(bn->graph, bn, "Mul", "mul", (struct value *[]){ node_input(bn, 0), factor }, 2, r);
    struct node *add = edit_add_node(bn->graph, bn, "Add", "add", (struct value *[]){ mul->outputs[0], offset }, 2, r);
    edit_take_output(add, 0, r);
    edit_remove_node(bn);
}

static void a_function_is_proven_with_what_its_call_passes(void **state)
{
    (void)state;
    lower_in_function(0);
    assert_int_equal(check_at(BNFUSE_LEVEL_STANDARD), BNFUSE_VERDICT_PASS_SITES);
    assert_int_equal(result.sites_checked, result.site_count);
    assert_true(result.worst_site < 1e-12);
}

static void a_mistake_in_a_function_is_caught_with_what_its_call_passes(void **state)
{
    (void)state;
    lower_in_function(0.001);
    assert_int_equal(check_at(BNFUSE_LEVEL_STANDARD), BNFUSE_VERDICT_FAIL);
}

/* ---- bodies ---- */

/* The branch that is not taken has its own Conv and BatchNormalization. */
static void build_branches(void)
{
    build_input(&b, "x", DTYPE_FLOAT, "2,4,6,5");
    build_init_values(&b, "yes", DTYPE_BOOL, "", (double[]){ 1 });
    build_init(&b, "w", DTYPE_FLOAT, "4,4,1,1", 3);
    add_parameters("", DTYPE_FLOAT);
    build_node(&b, "If", "choice", "yes", "out", NULL);
    build_body(&b, "then_branch");
    build_node(&b, "Relu", "then_relu", "x", "then_out", NULL);
    build_output(&b, "then_out", DTYPE_FLOAT, "2,4,6,5");
    build_end(&b);
    build_body(&b, "else_branch");
    build_node(&b, "Conv", "else_conv", "x w", "y", NULL);
    build_node(&b, "BatchNormalization", "else_bn", "y s t m v", "z", NULL);
    build_node(&b, "Relu", "else_relu", "z", "else_out", NULL);
    build_output(&b, "else_out", DTYPE_FLOAT, "2,4,6,5");
    build_end(&b);
    build_output(&b, "out", DTYPE_FLOAT, "2,4,6,5");
    load();
}

static void a_right_fold_in_a_branch_not_taken_passes(void **state)
{
    (void)state;
    build_branches();
    fold_conv("else_conv", "else_bn", (struct fold){ 0 });
    assert_verdict(BNFUSE_VERDICT_PASS);
    assert_int_equal(result.site_count, 2);
    assert_int_equal(result.sites_checked, 2);
}

static void a_mistake_in_a_branch_not_taken_is_caught(void **state)
{
    (void)state;
    build_branches();
    fold_conv("else_conv", "else_bn", (struct fold){ .no_bias = true });
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_string_equal(result.first_divergent, "z");
    assert_non_null(strstr(result.why, "choice"));
}

/* Conv and BatchNormalization in the body of a Loop that runs `rounds` times; `more` stands between them. */
static void build_loop(double rounds, const char *more)
{
    build_import(&b, "custom", 1);
    build_input(&b, "x", DTYPE_FLOAT, "2,4,6,5");
    build_init_values(&b, "rounds", DTYPE_INT64, "", &rounds);
    build_init_values(&b, "yes", DTYPE_BOOL, "", (double[]){ 1 });
    build_init(&b, "w", DTYPE_FLOAT, "4,4,1,1", 3);
    add_parameters("", DTYPE_FLOAT);
    build_node(&b, "Loop", "loop", "rounds yes x", "out", NULL);
    build_body(&b, "body");
    build_input(&b, "i", DTYPE_INT64, "");
    build_input(&b, "go", DTYPE_BOOL, "");
    build_input(&b, "a", DTYPE_FLOAT, "2,4,6,5");
    build_node(&b, "Identity", "stay", "go", "on", NULL);
    build_node(&b, "Conv", "conv", "a w", "y", NULL);
    build_node(&b, more, "more", "y", "y2", NULL);
    build_node(&b, "BatchNormalization", "bn", "y2 s t m v", "z", NULL);
    build_output(&b, "on", DTYPE_BOOL, "");
    build_output(&b, "z", DTYPE_FLOAT, "2,4,6,5");
    build_end(&b);
    build_output(&b, "out", DTYPE_FLOAT, "2,4,6,5");
    load();
}

static void a_mistake_in_a_body_that_never_runs_is_caught(void **state)
{
    (void)state;
    build_loop(0, "Identity");
    edit_set_input(build_find_node(&after, "bn"), 0, build_find_value(&after, "y"));
    fold_conv("conv", "bn", (struct fold){ .no_bias = true });
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_string_equal(result.first_divergent, "z");
}

static void a_body_that_never_runs_and_cannot_be_run_alone_is_not_checked(void **state)
{
    (void)state;
    build_loop(0, "custom.Mystery");
    edit_set_input(build_find_node(&after, "bn"), 0, build_find_value(&after, "y"));
    fold_conv("conv", "bn", (struct fold){ .no_bias = true });
    assert_verdict(BNFUSE_VERDICT_NOT_CHECKED);
}

/* What a branch gets from outside is no matter of chance: a scale that is a constant, and what was seen of a run. */
static void a_branch_not_taken_is_fed_what_is_known(void **state)
{
    (void)state;
    struct bnfuse_shape shape = { "x", 4, (int64_t[]){ 1, 4, 7, 7 } };
    options.asked.shapes = &shape;
    options.asked.shape_count = 1;
    build_input(&b, "x", DTYPE_FLOAT, "?,?,?,?");
    build_init_values(&b, "yes", DTYPE_BOOL, "", (double[]){ 1 });
    build_init_values(&b, "flat", DTYPE_INT64, "2", (double[]){ 1, 196 });
    build_init_values(&b, "twice", DTYPE_FLOAT, "4", (double[]){ 1, 1, 2, 2 });
    build_init(&b, "w", DTYPE_FLOAT, "4,4,1,1", 3);
    build_init(&b, "plane", DTYPE_FLOAT, "14,14", 5);
    add_parameters("", DTYPE_FLOAT);
    build_node(&b, "Identity", "same", "twice", "scales", NULL);
    build_node(&b, "Conv", "first", "x w", "c", NULL);
    build_node(&b, "If", "choice", "yes", "out", NULL);
    build_body(&b, "then_branch");
    build_node(&b, "Reshape", "then_reshape", "c flat", "then_out", NULL);
    build_output(&b, "then_out", DTYPE_FLOAT, NULL);
    build_end(&b);
    build_body(&b, "else_branch");
    build_node(&b, "Resize", "else_resize", "c _ scales", "e", NULL);
    build_node(&b, "Add", "else_add", "e plane", "p", NULL);
    build_node(&b, "Conv", "else_conv", "p w", "y", NULL);
    build_node(&b, "BatchNormalization", "else_bn", "y s t m v", "z", NULL);
    build_output(&b, "z", DTYPE_FLOAT, NULL);
    build_end(&b);
    build_output(&b, "out", DTYPE_FLOAT, NULL);
    load();
    edit_rename(build_find_value(&after, "e"));
    edit_rename(build_find_value(&after, "p"));
    fold_conv("else_conv", "else_bn", (struct fold){ 0 });
    assert_verdict(BNFUSE_VERDICT_PASS);
    assert_int_equal(result.sites_checked, result.site_count);
}

/* ---- inputs ---- */

static void a_free_batch_is_two_and_named_dims_are_what_the_user_says(void **state)
{
    (void)state;
    struct bnfuse_dim dim = { "N", 3 };
    int64_t dims[] = { 1, 4, 9, 9 };
    struct bnfuse_shape shape = { "x", 4, dims };
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_verdict(BNFUSE_VERDICT_PASS);
    assert_string_equal(result.inputs, "x float32 [2, 4, 6, 5]");
    options.asked.dims = &dim;
    options.asked.dim_count = 1;
    assert_verdict(BNFUSE_VERDICT_PASS);
    assert_string_equal(result.inputs, "x float32 [3, 4, 6, 5]");
    options.asked.shapes = &shape;
    options.asked.shape_count = 1;
    assert_verdict(BNFUSE_VERDICT_PASS);
    assert_string_equal(result.inputs, "x float32 [1, 4, 9, 9]");
}

static void open_dims_get_sizes_that_the_model_can_take(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "?,?,?,?");
    add_conv_bn("x", NULL, "4,4,3,3");
    build_init_values(&b, "flat", DTYPE_INT64, "2", (double[]){ 1, 144 });
    build_node(&b, "Reshape", "reshape", "z flat", "out", NULL); /* only one image of 8 x 8 fits */
    build_output(&b, "out", DTYPE_FLOAT, "1,144");
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_verdict(BNFUSE_VERDICT_PASS);
    assert_string_equal(result.inputs, "x float32 [1, 4, 8, 8]");
}

static void ids_stay_inside_the_table_that_they_index(void **state)
{
    (void)state;
    build_input(&b, "ids", DTYPE_INT64, "N,7");
    build_init(&b, "table", DTYPE_FLOAT, "3,4", 5);
    add_parameters("", DTYPE_FLOAT);
    build_init_values(&b, "minus", DTYPE_FLOAT, "", (double[]){ -1 });
    build_node(&b, "Gather", "gather", "table ids", "e", NULL);
    build_node(&b, "Mul", "mul", "e minus", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "N,7,4");
    load();
    struct node *mul = build_find_node(&after, "mul");
    struct value *e = build_find_value(&after, "e"), *out = node_output(mul, 0);
    struct node *neg = edit_add_node(after.main, mul, "Neg", "neg", &e, 1, out);
    edit_take_output(neg, 0, out);
    edit_remove_node(mul);
    assert_verdict(BNFUSE_VERDICT_PASS);
}

static void data_for_a_name_that_is_no_input_is_refused(void **state)
{
    (void)state;
    struct datum datum = { .name = "z", .tensor = { .type = DTYPE_FLOAT } };
    struct input_set set = { "set", &datum, 1 };
    struct bnfuse_error error = { 0 };
    options.sets = (struct set_list){ 1, take, &set };
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_false(check_fusion(&before, &after, &options, &result, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_non_null(strstr(error.message, "\"z\""));
}

static void sizes_for_names_that_nothing_has_are_refused(void **state)
{
    (void)state;
    struct bnfuse_dim dim = { "M", 3 };
    struct bnfuse_error error = { 0 };
    options.asked.dims = &dim;
    options.asked.dim_count = 1;
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_false(check_fusion(&before, &after, &options, &result, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_non_null(strstr(error.message, "\"M\""));
}

/* Nothing but zeros for x. */
static const float zeros[4 * 6 * 5];
static const struct datum nothing = {
    .name = "x",
    .tensor = { .type = DTYPE_FLOAT, .rank = 4, .count = 120, .dims = (int64_t[]){ 1, 4, 6, 5 }, .bytes = zeros }
};
static struct input_set set_of_zeros = { "set", &nothing, 1 };

static void data_given_by_the_user_is_what_runs(void **state)
{
    (void)state;
    options.sets = (struct set_list){ 1, take, &set_of_zeros };
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_verdict(BNFUSE_VERDICT_PASS);
    assert_string_equal(result.inputs, "x float32 [1, 4, 6, 5]");
}

static void no_rows_are_not_checked(void **state)
{
    (void)state;
    struct datum none = nothing;
    struct input_set set = { "set", &none, 1 };
    none.tensor.dims = (int64_t[]){ 0, 4, 6, 5 };
    none.tensor.count = 0;
    options.sets = (struct set_list){ 1, take, &set };
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_verdict(BNFUSE_VERDICT_NOT_CHECKED);
}

static void data_of_another_shape_are_refused(void **state)
{
    (void)state;
    struct datum other = nothing;
    struct input_set set = { "set", &other, 1 };
    struct bnfuse_error error = { 0 };
    other.tensor.dims = (int64_t[]){ 1, 5, 6, 4 };
    options.sets = (struct set_list){ 1, take, &set };
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_false(check_fusion(&before, &after, &options, &result, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_non_null(strstr(error.message, "[?, 4, 6, 5]"));
    assert_non_null(strstr(error.message, "[1, 5, 6, 4]"));
}

/* 300 * 300 leaves float16; the same product with a tenth of the weights, and the fold that takes it back, does not. */
static void an_overflow_that_the_fold_heals_is_no_failure(void **state)
{
    (void)state;
    static const double big[] = { 300, 300, 300, 300 };
    build_input(&b, "x", DTYPE_FLOAT16, "2,4,2,2");
    build_init_values(&b, "h", DTYPE_FLOAT16, "1,4,1,1", big);
    build_init_values(&b, "w", DTYPE_FLOAT16, "1,4,1,1", big);
    build_init_values(&b, "c", DTYPE_FLOAT16, "1,1,1,1", (double[]){ 0x1p-10 });
    build_node(&b, "Mul", "grow", "x h", "g", NULL);
    build_node(&b, "Conv", "conv", "g w", "y", NULL);
    build_node(&b, "Mul", "shrink", "y c", "z", NULL);
    build_output(&b, "z", DTYPE_FLOAT16, "2,1,2,2");
    load();
    struct node *conv = build_find_node(&after, "conv"), *mul = build_find_node(&after, "shrink");
    struct factor all = { 1, 1, 1, 1, CHANNELS, (double[]){ 0x1p-10 } };
    struct tensor *folded = tensor_scaled(&b.arena, node_input(conv, 1)->initializer, &all);
    edit_set_input(conv, 1, edit_add_initializer(after.main, "w_folded", folded));
    edit_take_output(conv, 0, node_output(mul, 0));
    edit_remove_node(mul);
    assert_verdict(BNFUSE_VERDICT_PASS_ROUNDING);
    assert_true(result.outputs[0]->heals);
    assert_non_null(strstr(result.why, "overflows"));
}

/* conv - conv + k: what cancels is rounded alike in the original, and no more where one Conv has the bias k. */
static void terms_that_cancel_are_measured_by_their_own_size(void **state)
{
    static const double k[CHANNELS] = { (double)0.1f, (double)-0.3f, (double)0.7f, (double)0.9f };
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT16, "2,4,6,5");
    build_init(&b, "w", DTYPE_FLOAT16, "4,4,1,1", 3);
    build_init_values(&b, "k", DTYPE_FLOAT, "4,1,1", k);
    build_node(&b, "Conv", "first", "x w", "p", NULL);
    build_node(&b, "Conv", "second", "x w", "q", NULL);
    build_node(&b, "Sub", "sub", "p q", "d", NULL);
    build_node(&b, "Cast", "up", "d", "wide", "to=1");
    build_node(&b, "Add", "add", "wide k", "z", NULL);
    build_output(&b, "z", DTYPE_FLOAT, "2,4,6,5");
    load();
    struct node *conv = build_find_node(&after, "first"), *up = build_find_node(&after, "up"),
                *add = build_find_node(&after, "add");
    struct tensor *bias = tensor_exact(&b.arena, DTYPE_FLOAT16, 1, (int64_t[]){ CHANNELS }, k);
    edit_set_input(conv, 2, edit_add_initializer(after.main, "k_folded", bias));
    edit_rename(node_output(conv, 0));
    edit_rename(node_output(build_find_node(&after, "sub"), 0));
    edit_take_output(up, 0, node_output(add, 0));
    edit_remove_node(add);
    assert_verdict(BNFUSE_VERDICT_PASS_ROUNDING);
    assert_true(result.outputs[0]->rounding.relative > NOISE_FACTOR * result.outputs[0]->noise);
}

/* With zeros going in, weights do not matter: the site is fed other numbers as well. */
static void data_that_tells_nothing_apart_hides_no_mistake(void **state)
{
    (void)state;
    options.sets = (struct set_list){ 1, take, &set_of_zeros };
    assert_caught((struct fold){ .wrong_axis = true });
}

/* out = sigmoid(gain * -x - offset); what was a product with -1 is a Neg now. */
static void build_saturated(double gain, double offset)
{
    build_input(&b, "x", DTYPE_FLOAT, "2,3");
    build_init_values(&b, "minus", DTYPE_FLOAT, "", (double[]){ -1 });
    build_init_values(&b, "gain", DTYPE_FLOAT, "", &gain);
    build_init_values(&b, "offset", DTYPE_FLOAT, "", &offset);
    build_node(&b, "Mul", "mul", "x minus", "z", NULL);
    build_node(&b, "Mul", "amplify", "z gain", "a", NULL);
    build_node(&b, "Sub", "lower", "a offset", "l", NULL);
    build_node(&b, "Sigmoid", "sigmoid", "l", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "2,3");
    load();
    struct node *mul = build_find_node(&after, "mul");
    struct value *x = build_find_value(&after, "x"), *z = node_output(mul, 0);
    struct node *neg = edit_add_node(after.main, mul, "Neg", "neg", &x, 1, z);
    edit_take_output(neg, 0, z);
    edit_remove_node(mul);
}

static void a_saturated_output_is_run_on_inputs_of_another_size(void **state)
{
    (void)state;
    build_saturated(3000, 0);
    assert_verdict(BNFUSE_VERDICT_PASS);
    assert_true(result.outputs[0]->deployment.degenerate);
    assert_false(result.outputs[0]->algebra.degenerate);
}

static void an_output_that_stays_constant_is_marked(void **state)
{
    (void)state;
    build_saturated(1, 1e6);
    assert_verdict(BNFUSE_VERDICT_PASS);
    assert_true(result.outputs[0]->algebra.degenerate);
}

/* A channel that a Relu lets nothing through of says nothing of the weights that it meets. */
static void a_mistake_behind_a_dead_channel_is_caught(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "2,4,6,5");
    build_init_values(&b, "low", DTYPE_FLOAT, "4,1,1", (double[]){ 0, 0, -100, 0 });
    build_init(&b, "w", DTYPE_FLOAT, "3,4,1,1", 3);
    build_node(&b, "Add", "add", "x low", "a", NULL);
    build_node(&b, "Relu", "relu", "a", "r", NULL);
    build_node(&b, "Conv", "conv", "r w", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    load();
    struct node *conv = build_find_node(&after, "conv");
    struct factor columns = { 3, CHANNELS, 1, 1, 1, (double[]){ 1, 1, 1.001, 1 } };
    struct tensor *wrong = tensor_scaled(&b.arena, node_input(conv, 1)->initializer, &columns);
    edit_set_input(conv, 1, edit_add_initializer(after.main, "w_folded", wrong));
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_string_equal(result.first_divergent, "y");
    assert_true(result.outputs[0]->algebra.relative < 1e-12);
}

static double furthest;
static size_t reports;

static bool note_progress(void *context, double done)
{
    (void)context;
    assert_true(done >= furthest && done <= 1);
    furthest = done;
    reports++;
    return true;
}

static void progress_goes_from_nothing_to_all(void **state)
{
    (void)state;
    furthest = 0;
    reports = 0;
    options.asked.progress = note_progress;
    build_conv_bn();
    load();
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_int_equal(check_at(BNFUSE_LEVEL_FULL), BNFUSE_VERDICT_PASS);
    assert_true(reports > 5 && furthest > 0.8);
}

/* ---- noise ---- */

/* x -> Conv -> y -> BatchNormalization -> z -> Resize by 2, a scale that loses a row when it is a hair less. */
static void build_resized(const char *scales)
{
    build_input(&b, "x", DTYPE_FLOAT, "2,4,6,5");
    build_init_values(&b, "twice", DTYPE_FLOAT, "4", (double[]){ 1, 1, 2, 2 });
    add_conv_bn("x", NULL, "4,4,3,3");
    build_node(&b, "Identity", "same", "twice", "same", NULL);
    build_node(&b, "Resize", "resize", arena_printf(&b.arena, "z _ %s", scales), "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, NULL);
    load();
}

static void a_scale_is_not_moved_by_noise(void **state)
{
    (void)state;
    options.asked.atol = 0;
    options.asked.rtol = 1e-12;
    build_resized("same");
    fold_conv("conv", "bn", (struct fold){ 0 });
    assert_verdict(BNFUSE_VERDICT_PASS_ROUNDING);
    assert_true(result.outputs[0]->noise > 0 && result.outputs[0]->noise < 1e-6);
}

/* ---- compare ---- */

static struct net second;

static void assert_compared(struct fold fold, enum bnfuse_verdict expected)
{
    struct bnfuse_error error = { 0 };
    build_conv_bn();
    load();
    fold_conv("conv", "bn", fold);
    second = after;
    if (!check_compare(&before, &second, &options, &result, &error)) fail_msg("%s", error.message);
    if (result.verdict != expected) print_message("%s\n", result.why);
    assert_string_equal(bnfuse_verdict_text(result.verdict), bnfuse_verdict_text(expected));
}

static void a_model_compared_with_itself_is_identical(void **state)
{
    (void)state;
    struct bnfuse_error error = { 0 };
    build_conv_bn();
    load();
    assert_true(check_compare(&before, &after, &options, &result, &error));
    assert_int_equal(result.verdict, BNFUSE_VERDICT_IDENTICAL);
}

static void models_that_differ_by_their_rounded_weights_compare_equal(void **state)
{
    (void)state;
    assert_compared((struct fold){ 0 }, BNFUSE_VERDICT_PASS_ROUNDING);
    assert_true(result.outputs[0]->rounding.relative < NOISE_FACTOR * result.outputs[0]->noise);
}

/* A hundred times the rounding of float32, a tenth of any usual tolerance. */
static void a_difference_well_above_the_noise_is_a_mistake(void **state)
{
    (void)state;
    assert_compared((struct fold){ .factor = 1 + 1e-5 }, BNFUSE_VERDICT_FAIL);
    assert_true(result.outputs[0]->deployment.relative < 1e-4);
    assert_string_equal(result.first_divergent, "z");
}

/* (x * 0.1) / 0.1 is x in exact arithmetic, but not to the bit in float32. */
static void drop_two_nodes(bool claims_equal_bits)
{
    static const double tenth[] = { 0.1 };
    build_input(&b, "x", DTYPE_FLOAT, "7,9");
    build_init_values(&b, "k", DTYPE_FLOAT, "1", tenth);
    build_node(&b, "Mul", "mul", "x k", "y", NULL);
    build_node(&b, "Div", "div", "y k", "z", NULL);
    build_node(&b, "Neg", "neg", "z", "e", NULL);
    build_output(&b, "e", DTYPE_FLOAT, "7,9");
    load();
    after.edits_keep_bits = claims_equal_bits;
    edit_set_input(build_find_node(&after, "neg"), 0, graph_value(after.main, "x"));
    edit_remove_node(build_find_node(&after, "div"));
    edit_remove_node(build_find_node(&after, "mul"));
}

static void a_bit_that_differs_where_none_may_fails(void **state)
{
    (void)state;
    drop_two_nodes(true);
    assert_int_equal(check_at(BNFUSE_LEVEL_STANDARD), BNFUSE_VERDICT_FAIL);
    assert_true(result.sites[0]->bits_differ);
    assert_false(result.sites[0]->bits_equal);
}

static void a_bit_that_differs_where_it_may_passes(void **state)
{
    (void)state;
    drop_two_nodes(false);
    assert_true(is_accepted(check_at(BNFUSE_LEVEL_STANDARD)));
    assert_false(result.sites[0]->bits_differ || result.sites[0]->bits_equal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_build, close_build)
        TEST(a_bit_that_differs_where_none_may_fails),
        TEST(a_bit_that_differs_where_it_may_passes),
        TEST(a_right_fold_passes_to_the_last_bits),
        TEST(the_error_along_the_depth_ends_with_that_of_the_outputs),
        TEST(the_error_along_the_depth_shows_a_wrong_fold),
        TEST(a_scale_along_the_wrong_axis_is_caught),
        TEST(a_missing_bias_is_caught),
        TEST(a_group_left_unscaled_is_caught),
        TEST(a_mistake_of_one_in_a_million_is_caught),
        TEST(a_nan_in_a_folded_bias_is_caught),
        TEST(rounding_beyond_the_tolerance_is_told_from_a_mistake),
        TEST(what_a_site_allows_is_no_fault_of_storing),
        TEST(storage_that_destroys_the_weights_is_no_rounding),
        TEST(amplified_rounding_is_ill_conditioned_not_wrong),
        TEST(quick_proves_the_sites_and_runs_no_whole_graph),
        TEST(quick_proves_what_is_right_for_numbers_that_its_input_can_be),
        TEST(quick_leaves_to_standard_what_its_own_numbers_do_not_show),
        TEST(a_relu_after_what_gives_both_signs_is_missed),
        TEST(what_is_right_for_numbers_of_one_sign_is_so_where_all_are_zero),
        TEST(a_weight_that_reads_a_dead_channel_is_not_proven_by_that),
        TEST(what_a_copied_table_gives_goes_with_what_the_old_one_gave),
        TEST(branches_that_follow_from_each_other_are_proven_together),
        TEST(standard_runs_float64_only_where_sites_or_tolerance_leave_something_open),
        TEST(who_asks_for_the_depth_gets_it_from_a_standard_check_too),
        TEST(a_fold_that_is_right_at_its_own_size_alone_passes),
        TEST(a_value_computed_back_from_a_later_one_is_proven_with_it),
        TEST(a_value_computed_back_wrongly_is_caught),
        TEST(a_huge_batch_is_proven_on_a_few_rows),
        TEST(a_shift_that_is_wrong_at_padded_borders_is_caught_at_every_level),
        TEST(a_file_that_computes_other_bits_is_no_file_of_ours),
        TEST(a_model_that_did_not_change_is_identical_whatever_is_in_it),
        TEST(an_initializer_changed_under_its_name_is_caught),
        TEST(a_node_that_is_new_at_an_old_name_is_a_site),
        TEST(an_output_that_nothing_computes_any_more_is_caught),
        TEST(what_reads_one_of_two_equal_nodes_is_proven_from_what_both_read),
        TEST(a_large_function_is_not_run_for_each_of_many_calls),
        TEST(sites_alone_prove_a_model_with_a_custom_operator),
        TEST(sites_alone_catch_a_mistake_beside_a_custom_operator),
        TEST(a_site_that_cannot_run_is_not_checked),
        TEST(a_function_is_proven_with_what_its_call_passes),
        TEST(a_mistake_in_a_function_is_caught_with_what_its_call_passes),
        TEST(a_right_fold_in_a_branch_not_taken_passes),
        TEST(a_mistake_in_a_branch_not_taken_is_caught),
        TEST(a_mistake_in_a_body_that_never_runs_is_caught),
        TEST(a_body_that_never_runs_and_cannot_be_run_alone_is_not_checked),
        TEST(a_branch_not_taken_is_fed_what_is_known),
        TEST(a_free_batch_is_two_and_named_dims_are_what_the_user_says),
        TEST(open_dims_get_sizes_that_the_model_can_take),
        TEST(ids_stay_inside_the_table_that_they_index),
        TEST(data_for_a_name_that_is_no_input_is_refused),
        TEST(sizes_for_names_that_nothing_has_are_refused),
        TEST(data_given_by_the_user_is_what_runs),
        TEST(no_rows_are_not_checked),
        TEST(data_of_another_shape_are_refused),
        TEST(an_overflow_that_the_fold_heals_is_no_failure),
        TEST(terms_that_cancel_are_measured_by_their_own_size),
        TEST(data_that_tells_nothing_apart_hides_no_mistake),
        TEST(a_saturated_output_is_run_on_inputs_of_another_size),
        TEST(an_output_that_stays_constant_is_marked),
        TEST(a_mistake_behind_a_dead_channel_is_caught),
        TEST(progress_goes_from_nothing_to_all),
        TEST(a_scale_is_not_moved_by_noise),
        TEST(a_model_compared_with_itself_is_identical),
        TEST(models_that_differ_by_their_rounded_weights_compare_equal),
        TEST(a_difference_well_above_the_noise_is_a_mistake),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
