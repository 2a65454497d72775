/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes with a fold, and what stays although nobody reads it. */
#include "build.h"
#include "passes/passes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void conv_bn(struct build *b)
{
    static const double values[4][2] = { { 1.5, -2 }, { 0.5, 1 }, { 0.25, 0 }, { 1, 4 } };
    static const char *const names[] = { "scale", "bias", "mean", "var" };
    build_input(b, "x", DTYPE_FLOAT, "1,3,4,5");
    build_init(b, "w", DTYPE_FLOAT, "2,3,1,1", 1);
    for (int i = 0; i < 4; i++) build_init_values(b, names[i], DTYPE_FLOAT, "2", values[i]);
    build_node(b, "Conv", "conv", "x w", "y", NULL);
    build_node(b, "BatchNormalization", "bn", "y scale bias mean var", "z", NULL);
    build_output(b, "z", DTYPE_FLOAT, NULL);
}

static void weights_as_inputs(struct build *b)
{
    static const char *const names[] = { "scale", "bias", "mean", "var" };
    build_input(b, "w", DTYPE_FLOAT, "2,3,1,1");
    for (int i = 0; i < 4; i++) build_input(b, names[i], DTYPE_FLOAT, "2");
}

struct folded {
    struct build b;
    struct model model;
    struct net net;
    struct pass_report report;
};

static void start(struct folded *f, int64_t ir_version, int64_t opset)
{
    build_open(&f->b, ir_version, opset);
    conv_bn(&f->b);
}

static void fold(struct folded *f, bool freeze, size_t left)
{
    static const struct bnfuse_fuse_options options = { .fold_limit = 1 << 20 };
    struct bnfuse_error error;
    build_load(&f->b, &f->model, &f->net);
    f->net.freeze_weights = freeze;
    assert_true(passes_run(&f->net, &options, &f->report, &error));
    assert_int_equal(f->report.left, left);
}

static void folded_constants_and_nodes_go(void **state)
{
    struct folded f;
    (void)state;
    start(&f, 8, 13);
    fold(&f, false, 0);
    assert_int_equal(f.net.main->node_count, 1);
    assert_int_equal(f.report.grown, 0);
    assert_int_equal(f.net.main->initializer_count, 2); /* the new weight and the new bias */
    assert_null(graph_value(f.net.main, "w"));
    assert_null(graph_value(f.net.main, "scale"));
    build_close(&f.b);
}

static void what_nobody_read_before_stays(void **state)
{
    struct folded f;
    (void)state;
    start(&f, 8, 13);
    build_init(&f.b, "spare", DTYPE_FLOAT, "7", 3);
    build_node(&f.b, "Relu", "idle", "x", "unread", NULL);
    fold(&f, false, 0);
    assert_non_null(graph_value(f.net.main, "spare"));
    assert_non_null(graph_value(f.net.main, "unread"));
    assert_int_equal(f.net.main->node_count, 2);
    build_close(&f.b);
}

static void inputs_of_frozen_weights_go_with_them(void **state)
{
    struct folded f;
    (void)state;
    start(&f, 8, 13);
    weights_as_inputs(&f.b);
    fold(&f, true, 0);
    assert_int_equal(f.net.main->input_count, 1);
    assert_string_equal(f.net.main->inputs[0]->name, "x");
    build_close(&f.b);
}

static void inputs_that_callers_may_replace_stay(void **state)
{
    struct folded f;
    (void)state;
    start(&f, 8, 13);
    weights_as_inputs(&f.b);
    fold(&f, false, 1);
    assert_int_equal(f.report.remarks[0]->code, REASON_OVERRIDABLE);
    assert_int_equal(f.net.main->input_count, 6);
    assert_int_equal(f.net.main->initializer_count, 5);
    build_close(&f.b);
}

static void before_ir_4_new_weights_are_inputs_too(void **state)
{
    struct folded f;
    (void)state;
    start(&f, 3, 9);
    weights_as_inputs(&f.b);
    fold(&f, false, 0);
    assert_int_equal(f.net.main->input_count, 3);
    assert_int_equal(f.net.main->initializer_count, 2);
    for (size_t i = 0; i < 2; i++) assert_true(f.net.main->initializers[i]->is_input);
    build_close(&f.b);
}

static void weights_that_training_assigns_are_not_constant(void **state)
{
    struct folded f;
    BnfuseOnnx__TrainingInfoProto info = BNFUSE_ONNX__TRAINING_INFO_PROTO__INIT, *infos[] = { &info };
    BnfuseOnnx__StringStringEntryProto binding = BNFUSE_ONNX__STRING_STRING_ENTRY_PROTO__INIT,
                                       *bindings[] = { &binding };
    (void)state;
    start(&f, 8, 13);
    binding.key = (char *)"w";
    binding.value = (char *)"w_next";
    info.n_update_binding = 1;
    info.update_binding = bindings;
    f.b.model->n_training_info = 1;
    f.b.model->training_info = infos;
    fold(&f, false, 1);
    assert_int_equal(f.report.remarks[0]->code, REASON_WEIGHT_OVERRIDE);
    build_close(&f.b);
}

/* s = 1 / sqrt(1 + epsilon), which float32 takes for 1 when epsilon is 1e-8. */
static void only_what_is_the_identity_in_double_goes(void **state)
{
    static const double one[2] = { 1, 1 }, zero[2] = { 0, 0 };
    static const char *const epsilons[] = { "epsilon=0.0", "epsilon=1e-8" };
    (void)state;
    for (size_t left = 0; left < 2; left++) {
        struct folded f;
        build_open(&f.b, 8, 13);
        build_input(&f.b, "x", DTYPE_FLOAT, "1,2,4,5");
        build_init_values(&f.b, "one", DTYPE_FLOAT, "2", one);
        build_init_values(&f.b, "zero", DTYPE_FLOAT, "2", zero);
        build_node(&f.b, "Relu", NULL, "x", "y", NULL);
        build_node(&f.b, "BatchNormalization", "bn", "y one zero zero one", "z", epsilons[left]);
        build_output(&f.b, "z", DTYPE_FLOAT, NULL);
        fold(&f, false, left);
        assert_int_equal(f.net.main->node_count, 1 + left);
        build_close(&f.b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folded_constants_and_nodes_go),
        cmocka_unit_test(what_nobody_read_before_stays),
        cmocka_unit_test(inputs_of_frozen_weights_go_with_them),
        cmocka_unit_test(inputs_that_callers_may_replace_stay),
        cmocka_unit_test(before_ir_4_new_weights_are_inputs_too),
        cmocka_unit_test(weights_that_training_assigns_are_not_constant),
        cmocka_unit_test(only_what_is_the_identity_in_double_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
