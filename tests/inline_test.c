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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_gets_a_copy),
        cmocka_unit_test(a_value_that_is_handed_out_twice_stays_in_its_body),
        cmocka_unit_test(a_body_of_another_opset_stays),
        cmocka_unit_test(types_that_meet_in_a_copy_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
