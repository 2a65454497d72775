/* SPDX-License-Identifier: Apache-2.0
 *
 * Reductions over any dimensions, of nothing, and with axes in either place. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

#define MANY 1001 /* not a multiple of the lanes */

static void try_empty(const char *op, enum dtype type, double y)
{
    struct trial t;
    trial_open(&t, 20);
    trial_input(&t, "x", type, "2,0", (double[]){ 0 });
    trial_input(&t, "axes", DTYPE_INT64, "1", (double[]){ 1 });
    build_node(&t.build, op, "reduce", "x axes", "y", "keepdims=0");
    trial_run(&t, "y");
    trial_expect(&t, "y", type, "2", (double[]){ y, y });
    trial_close(&t);
}

static void nothing_reduces_to_the_neutral_element(void **state)
{
    (void)state;
    try_empty("ReduceSum", DTYPE_FLOAT, 0);
    try_empty("ReduceProd", DTYPE_FLOAT, 1);
    try_empty("ReduceMax", DTYPE_FLOAT, -INFINITY);
    try_empty("ReduceMin", DTYPE_FLOAT, INFINITY);
    try_empty("ReduceLogSumExp", DTYPE_FLOAT, -INFINITY);
    try_empty("ReduceMax", DTYPE_INT8, -128);
    try_empty("ReduceMin", DTYPE_UINT8, 255);
    try_empty("ReduceMax", DTYPE_BOOL, 0);
    try_empty("ReduceMin", DTYPE_BOOL, 1);
}

static void dimensions_apart_are_reduced_together(void **state)
{
    (void)state;
    double x[2 * 3 * 2 * 2];
    struct trial t;
    for (int i = 0; i < 24; i++) x[i] = i;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3,2,2", x);
    build_node(&t.build, "ReduceSum", "apart", "x", "a", "axes=0,-1 keepdims=0");
    build_node(&t.build, "ReduceSum", "middle", "x", "b", "axes=1,2");
    build_node(&t.build, "ReduceMax", "all", "x", "c", NULL);
    trial_run(&t, "a b c");
    trial_expect(&t, "a", DTYPE_FLOAT, "3,2", (double[]){ 26, 34, 42, 50, 58, 66 });
    trial_expect(&t, "b", DTYPE_FLOAT, "2,1,1,2", (double[]){ 30, 36, 102, 108 });
    trial_expect(&t, "c", DTYPE_FLOAT, "1,1,1,1", (double[]){ 23 });
    trial_close(&t);
}

static void long_rows_are_summed_to_the_last_element(void **state)
{
    (void)state;
    static double x[2 * MANY];
    double sums[2] = { 0 }, largest = 0;
    struct trial t;
    for (int i = 0; i < 2 * MANY; i++) {
        x[i] = i % 37;
        sums[i / MANY] += x[i];
    }
    x[2 * MANY - 1] = largest = 100;
    sums[1] += 100 - (2 * MANY - 1) % 37;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "2,1001", x);
    build_node(&t.build, "ReduceSum", "sum", "x", "a", "axes=1, keepdims=0");
    build_node(&t.build, "ReduceMax", "max", "x", "b", "keepdims=0");
    trial_run(&t, "a b");
    trial_expect(&t, "a", DTYPE_FLOAT, "2", sums);
    trial_expect(&t, "b", DTYPE_FLOAT, "", &largest);
    trial_close(&t);
}

/* Opset 18: without axes nothing is reduced, but the element-wise part still runs. */
static void no_axes_may_mean_no_reduction(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_FLOAT, "2,1", (double[]){ -2, 3 });
    build_node(&t.build, "ReduceSumSquare", "square", "x", "a", "noop_with_empty_axes=1");
    build_node(&t.build, "ReduceL1", "absolute", "x", "b", "noop_with_empty_axes=1");
    build_node(&t.build, "ReduceMean", "all", "x", "c", NULL);
    trial_run(&t, "a b c");
    trial_expect(&t, "a", DTYPE_FLOAT, "2,1", (double[]){ 4, 9 });
    trial_expect(&t, "b", DTYPE_FLOAT, "2,1", (double[]){ 2, 3 });
    trial_expect(&t, "c", DTYPE_FLOAT, "1,1", (double[]){ 0.5 });
    trial_close(&t);
}

static void axes_moved_to_an_input_at_13_for_sums_and_at_18_for_others(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2,2", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "axes", DTYPE_INT64, "1", (double[]){ 0 });
    build_node(&t.build, "ReduceSum", "sum", "x axes", "a", "keepdims=0");
    build_node(&t.build, "ReduceMean", "mean", "x", "b", "axes=0, keepdims=0");
    trial_run(&t, "a b");
    trial_expect(&t, "a", DTYPE_FLOAT, "2", (double[]){ 4, 6 });
    trial_expect(&t, "b", DTYPE_FLOAT, "2", (double[]){ 2, 3 });
    trial_close(&t);
}

static void exponentials_do_not_overflow(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2,2", (double[]){ 1000, 1000, -INFINITY, INFINITY });
    build_node(&t.build, "ReduceLogSumExp", "lse", "x", "y", "axes=1, keepdims=0");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2", (double[]){ 1000.69314718055994, INFINITY });
    trial_close(&t);
}

static void ties_of_arg_max_go_to_the_first_or_to_the_last(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "3,2", (double[]){ 5, 1, 5, 2, 0, 2 });
    build_node(&t.build, "ArgMax", "first", "x", "a", "axis=0 keepdims=0");
    build_node(&t.build, "ArgMax", "last", "x", "b", "axis=0 keepdims=0 select_last_index=1");
    build_node(&t.build, "ArgMin", "least", "x", "c", "axis=-1");
    trial_run(&t, "a b c");
    trial_expect(&t, "a", DTYPE_INT64, "2", (double[]){ 0, 1 });
    trial_expect(&t, "b", DTYPE_INT64, "2", (double[]){ 1, 2 });
    trial_expect(&t, "c", DTYPE_INT64, "3,1", (double[]){ 1, 1, 0 });
    trial_close(&t);
}

static void running_sums_go_either_way_with_or_without_their_own_element(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 26);
    trial_input(&t, "x", DTYPE_INT32, "2,3", (double[]){ 1, 2, 3, 4, 5, 6 });
    trial_input(&t, "axis", DTYPE_INT32, "", (double[]){ 1 });
    build_node(&t.build, "CumSum", "plain", "x axis", "a", NULL);
    build_node(&t.build, "CumSum", "reverse", "x axis", "b", "reverse=1 exclusive=1");
    build_node(&t.build, "CumProd", "product", "x axis", "c", "exclusive=1");
    trial_run(&t, "a b c");
    trial_expect(&t, "a", DTYPE_INT32, "2,3", (double[]){ 1, 3, 6, 4, 9, 15 });
    trial_expect(&t, "b", DTYPE_INT32, "2,3", (double[]){ 5, 3, 0, 11, 6, 0 });
    trial_expect(&t, "c", DTYPE_INT32, "2,3", (double[]){ 1, 1, 2, 1, 4, 20 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_reduces_to_the_neutral_element),
        cmocka_unit_test(dimensions_apart_are_reduced_together),
        cmocka_unit_test(long_rows_are_summed_to_the_last_element),
        cmocka_unit_test(no_axes_may_mean_no_reduction),
        cmocka_unit_test(axes_moved_to_an_input_at_13_for_sums_and_at_18_for_others),
        cmocka_unit_test(exponentials_do_not_overflow),
        cmocka_unit_test(ties_of_arg_max_go_to_the_first_or_to_the_last),
        cmocka_unit_test(running_sums_go_either_way_with_or_without_their_own_element),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
