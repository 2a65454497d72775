/* SPDX-License-Identifier: Apache-2.0
 *
 * Indices: negative ones, ones out of range, repeated ones, and what an update makes of an element. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SIX              \
    (double[])           \
    {                    \
        1, 2, 3, 4, 5, 6 \
    }

static void indices_count_from_the_back_when_negative(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", SIX);
    trial_input(&t, "i", DTYPE_INT32, "1,2", (double[]){ -1, 0 });
    trial_input(&t, "one", DTYPE_INT64, "", (double[]){ 1 });
    build_node(&t.build, "Gather", "columns", "x i", "a", "axis=1");
    build_node(&t.build, "Gather", "row", "x one", "b", NULL);
    build_node(&t.build, "GatherElements", "elements", "x i", "c", "axis=-1");
    trial_run(&t, "a b c");
    trial_expect(&t, "a", DTYPE_FLOAT, "2,1,2", (double[]){ 3, 1, 6, 4 });
    trial_expect(&t, "b", DTYPE_FLOAT, "3", (double[]){ 4, 5, 6 });
    trial_expect(&t, "c", DTYPE_FLOAT, "1,2", (double[]){ 3, 1 });
    trial_close(&t);
}

static void try_refused(const char *op, const char *indices)
{
    struct trial t;
    trial_open(&t, 16);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", SIX);
    trial_input(&t, "i", DTYPE_INT64, indices, (double[]){ 0, 3 });
    build_node(&t.build, op, "op", "x i x", "y", NULL);
    trial_fails(&t, "y", "outside of a dimension");
    trial_close(&t);
}

static void indices_out_of_range_are_refused(void **state)
{
    (void)state;
    try_refused("Gather", "2");
    try_refused("GatherElements", "1,2");
    try_refused("GatherND", "1,2");
}

static void tuples_pick_slices_within_their_batch(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_INT64, "2,2,2", (double[]){ 1, 2, 3, 4, 5, 6, 7, 8 });
    trial_input(&t, "i", DTYPE_INT64, "2,1", (double[]){ 1, 0 });
    build_node(&t.build, "GatherND", "batched", "x i", "a", "batch_dims=1");
    build_node(&t.build, "GatherND", "plain", "x i", "b", NULL);
    trial_run(&t, "a b");
    trial_expect(&t, "a", DTYPE_INT64, "2,2", (double[]){ 3, 4, 5, 6 });
    trial_expect(&t, "b", DTYPE_INT64, "2,2,2", (double[]){ 5, 6, 7, 8, 1, 2, 3, 4 });
    trial_close(&t);
}

static void updates_combine_as_the_reduction_says(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_FLOAT, "3", (double[]){ 1, 2, 3 });
    trial_input(&t, "i", DTYPE_INT64, "3", (double[]){ 1, 1, -1 });
    trial_input(&t, "u", DTYPE_FLOAT, "3", (double[]){ 5, 7, -4 });
    trial_input(&t, "ti", DTYPE_INT64, "3,1", (double[]){ 1, 1, -1 });
    build_node(&t.build, "ScatterElements", "none", "x i u", "a", NULL);
    build_node(&t.build, "ScatterElements", "add", "x i u", "b", "reduction=add");
    build_node(&t.build, "ScatterElements", "max", "x i u", "c", "reduction=max");
    build_node(&t.build, "ScatterND", "mul", "x ti u", "d", "reduction=mul");
    trial_run(&t, "a b c d");
    trial_expect(&t, "a", DTYPE_FLOAT, "3", (double[]){ 1, 7, -4 });
    trial_expect(&t, "b", DTYPE_FLOAT, "3", (double[]){ 1, 14, -1 });
    trial_expect(&t, "c", DTYPE_FLOAT, "3", (double[]){ 1, 7, 3 });
    trial_expect(&t, "d", DTYPE_FLOAT, "3", (double[]){ 1, 70, -12 });
    trial_close(&t);
}

static void a_hot_element_stands_along_the_axis(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "i", DTYPE_INT64, "3", (double[]){ 1, -1, 9 });
    trial_input(&t, "depth", DTYPE_FLOAT, "", (double[]){ 2 });
    trial_input(&t, "values", DTYPE_INT32, "2", (double[]){ 7, 8 });
    build_node(&t.build, "OneHot", "last", "i depth values", "a", NULL);
    build_node(&t.build, "OneHot", "first", "i depth values", "b", "axis=0");
    trial_run(&t, "a b");
    trial_expect(&t, "a", DTYPE_INT32, "3,2", (double[]){ 7, 8, 7, 8, 7, 7 });
    trial_expect(&t, "b", DTYPE_INT32, "2,3", (double[]){ 7, 7, 7, 8, 8, 7 });
    trial_close(&t);
}

static void coordinates_of_what_is_not_zero_come_in_columns(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", (double[]){ 0, 1, 0, 2, 0, -1 });
    trial_input(&t, "s", DTYPE_FLOAT, "", (double[]){ 4 });
    build_node(&t.build, "NonZero", "matrix", "x", "a", NULL);
    build_node(&t.build, "NonZero", "scalar", "s", "b", NULL);
    trial_run(&t, "a b");
    trial_expect(&t, "a", DTYPE_INT64, "2,3", (double[]){ 0, 1, 1, 1, 0, 2 });
    trial_expect(&t, "b", DTYPE_INT64, "1,1", (double[]){ 0 });
    trial_close(&t);
}

static void a_short_condition_drops_the_rest(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", SIX);
    trial_input(&t, "c", DTYPE_BOOL, "2", (double[]){ 0, 1 });
    build_node(&t.build, "Compress", "columns", "x c", "a", "axis=1");
    build_node(&t.build, "Compress", "flat", "x c", "b", NULL);
    trial_run(&t, "a b");
    trial_expect(&t, "a", DTYPE_FLOAT, "2,1", (double[]){ 2, 5 });
    trial_expect(&t, "b", DTYPE_FLOAT, "1", (double[]){ 2 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indices_count_from_the_back_when_negative),
        cmocka_unit_test(indices_out_of_range_are_refused),
        cmocka_unit_test(tuples_pick_slices_within_their_batch),
        cmocka_unit_test(updates_combine_as_the_reduction_says),
        cmocka_unit_test(a_hot_element_stands_along_the_axis),
        cmocka_unit_test(coordinates_of_what_is_not_zero_come_in_columns),
        cmocka_unit_test(a_short_condition_drops_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
