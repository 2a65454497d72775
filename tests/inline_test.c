/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls that pass different parameters to the BatchNormalization of a function: each gets a copy of the body, where a
 * copy can stand in its place. */
#include "build.h"
#include "passes/passes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct bnfuse_fuse_options defaults = { .fold_limit = 1 << 28 };
static char local[] = "local";

/* Calls of Norm for the results of two Convs, c and d, with the scales s and t, which is of that type. */
static void open_calls(struct build *b, enum dtype type)
{
    build_open(b, 8, 13);
    build_import(b, local, 1);
    build_input(b, "x", DTYPE_FLOAT, "2,3,5,7");
    build_init(b, "w", DTYPE_FLOAT, "4,3,1,1", 1);
    build_init(b, "s", DTYPE_FLOAT, "4", 2);
    build_init(b, "t", type, "4", 3);
    build_node(b, "Conv", "c", "x w", "c", NULL);
    build_node(b, "Conv", "d", "x w", "d", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
    build_output(b, "z", DTYPE_FLOAT, NULL);
}

/* The body, with the constants of its own that the BatchNormalization needs besides the scale. */
static void add_body(struct build *b, const char *outputs, int64_t opset)
{
    build_function(b, local, "Norm", "a p", outputs, NULL);
    build_import(b, "", opset);
    build_node(b, "Constant", NULL, "", "o", "value_floats=1.0,2.0,3.0,4.0");
    build_node(b, "BatchNormalization", "bn", "a p o o o", "r", NULL);
    build_end(b);
}

static void call(struct build *b, const char *inputs, const char *outputs)
{
    build_node(b, "Norm", NULL, inputs, outputs, NULL)->domain = local;
}

static void expect_left(struct build *b, size_t left, enum reason reason)
{
    struct model model;
    struct net net;
    struct pass_report report;
    struct bnfuse_error error;
    build_load(b, &model, &net);
    if (!passes_run(&net, &defaults, &report, &error)) fail_msg("%s", error.message);
    assert_int_equal(report.left, left);
    for (const struct graph *graph = net_next_graph(&net, NULL); graph; graph = net_next_graph(&net, graph))
        for (const struct node *node = graph->first; node; node = node->next)
            assert_false(node->function && node->function->is_dropped);
    for (size_t i = 0; i < report.remark_count; i++)
        if (report.remarks[i]->outcome == BNFUSE_OUTCOME_STAYS) assert_int_equal(report.remarks[i]->code, reason);
    build_close(b);
}

static void each_call_gets_a_copy(void **state)
{
    struct build b;
    (void)state;
    open_calls(&b, DTYPE_FLOAT);
    call(&b, "c s", "y");
    call(&b, "d t", "z");
    add_body(&b, "r", 13);
    expect_left(&b, 0, REASON_NONE);
}

/* Two calls, the first of which is named, and what is skipped; how many BatchNormalizations stay, and what they are
 * called. */
static void expect_skipped(const char *skipped, size_t count, const char *const *names)
{
    struct build b;
    struct model model;
    struct net net;
    struct pass_report report;
    struct bnfuse_error error;
    const struct bnfuse_fuse_options options = { .fold_limit = 1 << 28, .skipped = { &skipped, 1 } };
    size_t found = 0;
    open_calls(&b, DTYPE_FLOAT);
    build_node(&b, "Norm", "first", "c s", "y", NULL)->domain = local;
    call(&b, "d t", "z");
    add_body(&b, "r", 13);
    build_load(&b, &model, &net);
    if (!passes_run(&net, &options, &report, &error)) fail_msg("%s", error.message);
    for (size_t i = 0; i < report.remark_count; i++)
        if (report.remarks[i]->outcome == BNFUSE_OUTCOME_STAYS) {
            assert_int_equal(report.remarks[i]->code, REASON_SKIPPED);
            assert_true(found < count);
            assert_string_equal(report.remarks[i]->node, names[found++]);
        }
    assert_int_equal(found, count);
    build_close(&b);
}

static void a_node_of_a_function_can_be_left_out_in_all_calls_or_in_one(void **state)
{
    (void)state;
    expect_skipped("bn", 1, (const char *const[]){ "bn" }); /* in the function, which nothing needs to open then */
    expect_skipped("first/bn", 1, (const char *const[]){ "first/bn" });
    expect_skipped("z/bn", 1, (const char *const[]){ "z/bn" });
    expect_skipped("z", 1, (const char *const[]){ "z/bn" });
}

static void a_value_that_is_handed_out_twice_stays_in_its_body(void **state)
{
    struct build b;
    (void)state;
    open_calls(&b, DTYPE_FLOAT);
    call(&b, "c s", "y e");
    call(&b, "d t", "z f");
    add_body(&b, "r r", 13);
    expect_left(&b, 1, REASON_SHARED_FUNCTION);
}

static void a_body_of_another_opset_stays(void **state)
{
    struct build b;
    (void)state;
    open_calls(&b, DTYPE_FLOAT);
    call(&b, "c s", "y");
    call(&b, "d t", "z");
    add_body(&b, "r", 14);
    expect_left(&b, 1, REASON_SHARED_FUNCTION);
}

/* The function Norm, whose body chooses between the value that one branch writes and -a. */
static void add_choosing_body(struct build *b, const char *chosen)
{
    build_function(b, local, "Norm", "a p g", "r n", NULL);
    build_import(b, "", 13);
    build_node(b, "Constant", NULL, "", "o", "value_floats=1.0,2.0,3.0,4.0");
    build_node(b, "BatchNormalization", "bn", "a p o o o", "r", NULL);
    build_node(b, "If", "choice", "g", "n", NULL);
    build_body(b, "then_branch");
    build_node(b, "Relu", NULL, "p", "t", NULL);
    build_output(b, chosen, DTYPE_FLOAT, NULL);
    build_end(b);
    build_body(b, "else_branch");
    build_node(b, "Neg", NULL, "o", "e", NULL);
    build_output(b, "e", DTYPE_FLOAT, NULL);
    build_end(b);
    build_end(b);
}

static void open_choosing_calls(struct build *b)
{
    open_calls(b, DTYPE_FLOAT);
    build_input(b, "g", DTYPE_BOOL, "");
    call(b, "c s g", "y m");
    call(b, "d t g", "z n");
    build_output(b, "m", DTYPE_FLOAT, NULL);
    build_output(b, "n", DTYPE_FLOAT, NULL);
}

static void bodies_are_copied_with_the_function(void **state)
{
    struct build b;
    (void)state;
    open_choosing_calls(&b);
    add_choosing_body(&b, "t");
    expect_left(&b, 0, REASON_NONE);
}

static void a_body_that_hands_on_an_argument_stays(void **state)
{
    struct build b;
    (void)state;
    open_choosing_calls(&b);
    add_choosing_body(&b, "p");
    expect_left(&b, 1, REASON_SHARED_FUNCTION);
}

/* What each reads is its own call's. */
static void copies_of_bodies_read_what_their_call_passes(void **state)
{
    struct build b;
    struct model model;
    struct net net;
    struct pass_report report;
    struct bnfuse_error error;
    (void)state;
    open_choosing_calls(&b);
    add_choosing_body(&b, "t");
    build_load(&b, &model, &net);
    assert_true(passes_run(&net, &defaults, &report, &error));
    for (size_t i = 0; i < 2; i++) {
        const struct node *choice = build_find_value(&net, i ? "n" : "m")->writer;
        assert_int_equal(choice->inner_count, 2);
        const struct node *relu = node_body(choice, "then_branch")->first;
        assert_string_equal(node_input(relu, 0)->name, i ? "t" : "s");
        assert_ptr_equal(node_body(choice, "then_branch")->outputs[0], relu->outputs[0]);
        assert_ptr_equal(node_body(choice, "else_branch")->owner, choice);
    }
    build_close(&b);
}

/* The scale of the second call is of integers, which no one sees before the body stands in the place of the call. */
static void types_that_meet_in_a_copy_are_refused(void **state)
{
    struct build b;
    struct model model;
    struct net net;
    struct pass_report report;
    struct bnfuse_error error;
    (void)state;
    open_calls(&b, DTYPE_INT64);
    call(&b, "c s", "y");
    call(&b, "d t", "z");
    add_body(&b, "r", 13);
    build_load(&b, &model, &net);
    assert_false(passes_run(&net, &defaults, &report, &error));
    assert_non_null(strstr(error.message, "seen where the body of a function stands in the place of its call"));
    build_close(&b);
}

/* One call of Norm, for the result of one Conv. */
static void open_call(struct build *b)
{
    build_open(b, 8, 13);
    build_import(b, local, 1);
    build_input(b, "x", DTYPE_FLOAT, "2,3,5,7");
    build_init(b, "w", DTYPE_FLOAT, "4,3,1,1", 1);
    build_init(b, "s", DTYPE_FLOAT, "4", 2);
    build_node(b, "Conv", "c", "x w", "c", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

static void one_call_is_enough_where_the_linear_operator_is_outside(void **state)
{
    struct build b;
    (void)state;
    open_call(&b);
    call(&b, "c s", "y");
    add_body(&b, "r", 13);
    expect_left(&b, 0, REASON_NONE);
}

/* The parameters are the body's own, and what lies between it and the Conv is in the body. */
static void movers_in_the_body_do_not_hide_what_is_outside(void **state)
{
    struct build b;
    (void)state;
    open_call(&b);
    build_node(&b, "Transpose", NULL, "c", "d", "perm=0,2,3,1");
    call(&b, "d s", "y");
    build_function(&b, local, "Norm", "a p", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Constant", NULL, "", "o", "value_floats=1.0,2.0,3.0,4.0");
    build_node(&b, "Transpose", NULL, "a", "t", "perm=0,3,1,2");
    build_node(&b, "BatchNormalization", "bn", "t o o o o", "r", NULL);
    build_end(&b);
    expect_left(&b, 0, REASON_NONE);
}

/* Norm goes first, and with it the call of Inner in its branch, of which the copy has another. */
static void a_call_in_a_body_that_is_gone_counts_no_more(void **state)
{
    struct build b;
    (void)state;
    open_call(&b);
    build_input(&b, "g", DTYPE_BOOL, "");
    build_init(&b, "u", DTYPE_FLOAT, "4,4,1,1", 3);
    call(&b, "c s g u", "y n");
    build_output(&b, "n", DTYPE_FLOAT, NULL);
    build_function(&b, local, "Norm", "a p g k", "r n", NULL);
    build_import(&b, "", 13);
    build_import(&b, local, 1);
    build_node(&b, "Constant", NULL, "", "o", "value_floats=1.0,2.0,3.0,4.0");
    build_node(&b, "BatchNormalization", "outer", "a p o o o", "r", NULL);
    build_node(&b, "If", "choice", "g", "n", NULL);
    build_body(&b, "then_branch");
    build_node(&b, "Conv", NULL, "r k", "t", NULL);
    build_node(&b, "Inner", NULL, "t p", "v", NULL)->domain = local;
    build_output(&b, "v", DTYPE_FLOAT, NULL);
    build_end(&b);
    build_body(&b, "else_branch");
    build_node(&b, "Neg", NULL, "r", "e", NULL);
    build_output(&b, "e", DTYPE_FLOAT, NULL);
    build_end(&b);
    build_end(&b);
    build_function(&b, local, "Inner", "a p", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Constant", NULL, "", "o", "value_floats=1.0,2.0,3.0,4.0");
    build_node(&b, "BatchNormalization", "bn", "a p o o o", "r", NULL);
    build_end(&b);
    expect_left(&b, 0, REASON_NONE);
}

/* BatchNormalization outside, after a call of what only moves, or of what holds the Conv. */
static void open_norm_after(struct build *b, const char *inputs)
{
    build_open(b, 8, 13);
    build_import(b, local, 1);
    build_input(b, "x", DTYPE_FLOAT, "2,3,5,7");
    build_init(b, "w", DTYPE_FLOAT, "4,3,1,1", 1);
    build_init(b, "s", DTYPE_FLOAT, "4", 2);
    build_init_values(b, "v", DTYPE_FLOAT, "4", (double[]){ 1, 2, 0.5, 3 });
    build_node(b, "Conv", "conv", "x w", "c", NULL);
    build_node(b, "F", NULL, inputs, "h", NULL)->domain = local;
    build_node(b, "BatchNormalization", "bn", "h s s s v", "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

static void a_function_of_movers_alone_is_in_nobodys_way(void **state)
{
    struct build b;
    (void)state;
    open_norm_after(&b, "c");
    build_function(&b, local, "F", "a", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Transpose", NULL, "a", "t", "perm=0,2,3,1");
    build_node(&b, "Transpose", NULL, "t", "r", "perm=0,3,1,2");
    build_end(&b);
    expect_left(&b, 0, REASON_NONE);
}

static void a_function_that_holds_the_linear_operator_opens(void **state)
{
    struct build b;
    (void)state;
    open_norm_after(&b, "x w");
    build_function(&b, local, "F", "a k", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Conv", NULL, "a k", "r", NULL);
    build_end(&b);
    expect_left(&b, 0, REASON_NONE);
}

/* The same in front of the call: the search goes downstream, into the body; also where another reader would do. */
static void open_function_behind(bool has_other_reader)
{
    struct build b;
    build_open(&b, 8, 13);
    build_import(&b, local, 1);
    build_input(&b, "x", DTYPE_FLOAT, "2,3,5,7");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,2,2", 1);
    build_init(&b, "s", DTYPE_FLOAT, "3", 2);
    build_init_values(&b, "v", DTYPE_FLOAT, "3", (double[]){ 1, 2, 0.5 });
    build_node(&b, "BatchNormalization", "bn", "x s s s v", "n", NULL);
    if (has_other_reader) build_node(&b, "Conv", NULL, "n w", "z", NULL);
    build_node(&b, "F", NULL, "n w", "y", NULL)->domain = local;
    if (has_other_reader) build_node(&b, "Conv", NULL, "n w", "u", NULL);
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    if (has_other_reader) build_output(&b, "z", DTYPE_FLOAT, NULL);
    if (has_other_reader) build_output(&b, "u", DTYPE_FLOAT, NULL);
    build_function(&b, local, "F", "a k", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Transpose", NULL, "a", "t", "perm=0,1,3,2");
    build_node(&b, "Conv", NULL, "t k", "r", NULL);
    build_end(&b);
    expect_left(&b, 0, REASON_NONE);
}

static void a_function_behind_that_holds_the_linear_operator_opens(void **state)
{
    (void)state;
    open_function_behind(false);
    open_function_behind(true);
}

static void a_function_that_no_affine_crosses_stays(void **state)
{
    struct build b;
    struct model model;
    struct net net;
    struct pass_report report;
    struct bnfuse_error error;
    (void)state;
    open_norm_after(&b, "c");
    build_function(&b, local, "F", "a", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Sigmoid", NULL, "a", "r", NULL);
    build_end(&b);
    build_load(&b, &model, &net);
    assert_true(passes_run(&net, &defaults, &report, &error));
    assert_int_equal(report.left, 1);
    assert_int_equal(report.remarks[0]->code, REASON_NON_LINEAR);
    assert_false(net.functions[0]->is_dropped);
    build_close(&b);
}

static void a_table_outside_is_a_home(void **state)
{
    struct build b;
    (void)state;
    build_open(&b, 8, 13);
    build_import(&b, local, 1);
    build_input(&b, "i", DTYPE_INT64, "2");
    build_init(&b, "w", DTYPE_FLOAT, "7,4", 1);
    build_init(&b, "s", DTYPE_FLOAT, "4", 2);
    build_node(&b, "Gather", "g", "w i", "c", NULL);
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    call(&b, "c s", "y");
    add_body(&b, "r", 13);
    expect_left(&b, 0, REASON_NONE);
}

/* It folds where it stands, so the function stays. */
static void a_body_with_a_home_of_its_own_is_not_taken_out(void **state)
{
    struct build b;
    struct model model;
    struct net net;
    struct pass_report report;
    struct bnfuse_error error;
    (void)state;
    open_call(&b);
    call(&b, "c s", "y");
    build_function(&b, local, "Norm", "a p", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Constant", NULL, "", "o", "value_floats=1.0,2.0,3.0,4.0");
    build_node(&b, "Constant", NULL, "", "w", NULL);
    build_attribute_tensor(&b, "value", build_tensor(&b, "", DTYPE_FLOAT, "4,4,1,1", (double[16]){ 1, 2 }));
    build_node(&b, "Conv", NULL, "a w", "d", NULL);
    build_node(&b, "BatchNormalization", "bn", "d p o o o", "r", NULL);
    build_end(&b);
    build_load(&b, &model, &net);
    assert_true(passes_run(&net, &defaults, &report, &error));
    assert_int_equal(report.left, 0);
    assert_false(net.functions[0]->is_dropped);
    build_close(&b);
}

/* A parameter that a call leaves out is an optional input that is absent where the body reads it. */
static void what_a_call_leaves_out_is_absent_in_its_copy(void **state)
{
    struct build b;
    (void)state;
    open_calls(&b, DTYPE_FLOAT);
    call(&b, "c s", "y");
    call(&b, "d t _", "z");
    build_function(&b, local, "Norm", "a p bias", "r", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Constant", NULL, "", "o", "value_floats=1.0,2.0,3.0,4.0");
    build_node(&b, "Constant", NULL, "", "w", NULL);
    build_attribute_tensor(&b, "value", build_tensor(&b, "", DTYPE_FLOAT, "4,4,1,1", (double[16]){ 1, 2 }));
    build_node(&b, "Conv", NULL, "a w bias", "q", NULL);
    build_node(&b, "BatchNormalization", "bn", "q p o o o", "r", NULL);
    build_end(&b);
    expect_left(&b, 0, REASON_NONE);
}

/* And where an input that is needed is absent, the model is refused. */
static void what_a_call_must_not_leave_out_is_named(void **state)
{
    struct build b;
    struct model model;
    struct net net;
    struct pass_report report;
    struct bnfuse_error error;
    (void)state;
    open_calls(&b, DTYPE_FLOAT);
    call(&b, "c s", "y");
    call(&b, "d", "z");
    add_body(&b, "r", 13);
    build_load(&b, &model, &net);
    assert_false(passes_run(&net, &defaults, &report, &error));
    assert_int_equal(error.status, BNFUSE_INVALID);
    assert_non_null(strstr(error.message, "input 1 is missing"));
    build_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_copied_with_the_function),
        cmocka_unit_test(a_body_that_hands_on_an_argument_stays),
        cmocka_unit_test(copies_of_bodies_read_what_their_call_passes),
        cmocka_unit_test(a_call_in_a_body_that_is_gone_counts_no_more),
        cmocka_unit_test(a_function_of_movers_alone_is_in_nobodys_way),
        cmocka_unit_test(a_function_behind_that_holds_the_linear_operator_opens),
        cmocka_unit_test(a_function_that_holds_the_linear_operator_opens),
        cmocka_unit_test(a_function_that_no_affine_crosses_stays),
        cmocka_unit_test(what_a_call_leaves_out_is_absent_in_its_copy),
        cmocka_unit_test(what_a_call_must_not_leave_out_is_named),
        cmocka_unit_test(each_call_gets_a_copy),
        cmocka_unit_test(a_node_of_a_function_can_be_left_out_in_all_calls_or_in_one),
        cmocka_unit_test(a_value_that_is_handed_out_twice_stays_in_its_body),
        cmocka_unit_test(a_body_of_another_opset_stays),
        cmocka_unit_test(types_that_meet_in_a_copy_are_refused),
        cmocka_unit_test(one_call_is_enough_where_the_linear_operator_is_outside),
        cmocka_unit_test(movers_in_the_body_do_not_hide_what_is_outside),
        cmocka_unit_test(a_table_outside_is_a_home),
        cmocka_unit_test(a_body_with_a_home_of_its_own_is_not_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
