/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators on shapes (runtime/ops/views.c, shape.c): the same elements under other dims, and tensors from nothing. */
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

static void try_reshape(const char *from, const char *shape, const double *values, const char *attributes,
                        const char *dims)
{
    struct trial t;
    trial_open(&t, 14);
    trial_input(&t, "x", DTYPE_FLOAT, from, SIX);
    trial_input(&t, "shape", DTYPE_INT64, shape, values);
    build_node(&t.build, "Reshape", "reshape", "x shape", "y", attributes);
    if (dims) trial_run(&t, "y");
    else trial_fails(&t, "y", "reshape");
    if (dims) trial_expect(&t, "y", DTYPE_FLOAT, dims, SIX);
    trial_close(&t);
}

static void zero_keeps_a_dim_and_minus_one_takes_the_rest(void **state)
{
    (void)state;
    try_reshape("2,3", "2", (double[]){ 3, 2 }, NULL, "3,2");
    try_reshape("2,3", "3", (double[]){ 0, -1, 1 }, NULL, "2,3,1");
    try_reshape("2,3", "1", (double[]){ -1 }, NULL, "6");
    try_reshape("0,3", "2", (double[]){ 0, -1 }, NULL, "0,3");
    try_reshape("0,3", "3", (double[]){ 3, 0, 5 }, "allowzero=1", "3,0,5");
    try_reshape("1", "0", SIX, NULL, "");
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    try_reshape("2,3", "1", (double[]){ 5 }, NULL, NULL);
    try_reshape("2,3", "2", (double[]){ -1, -1 }, NULL, NULL);
    try_reshape("2,3", "2", (double[]){ 4, -1 }, NULL, NULL);
    try_reshape("2,3", "3", (double[]){ 2, 3, 0 }, NULL, NULL);
    try_reshape("2,3", "3", (double[]){ 0x1p40, 0x1p40, -1 }, NULL, NULL);
    try_reshape("2,3", "1", (double[]){ -7 }, NULL, NULL);
}

static void old_shapes_and_axes_are_attributes(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 1);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", SIX);
    build_node(&t.build, "Reshape", "reshape", "x", "a", "shape=3,-1");
    build_node(&t.build, "Unsqueeze", "unsqueeze", "x", "b", "axes=3,0");
    build_node(&t.build, "Squeeze", "squeeze", "b", "c", "axes=0,");
    trial_run(&t, "a b c");
    trial_expect(&t, "a", DTYPE_FLOAT, "3,2", SIX);
    trial_expect(&t, "b", DTYPE_FLOAT, "1,2,3,1", SIX);
    trial_expect(&t, "c", DTYPE_FLOAT, "2,3,1", SIX);
    trial_close(&t);
}

static void squeezing_without_axes_drops_every_one(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "1,6,1", SIX);
    trial_input(&t, "axes", DTYPE_INT64, "1", (double[]){ -2 });
    build_node(&t.build, "Squeeze", "all", "x", "y", NULL);
    build_node(&t.build, "Squeeze", "six", "x axes", "z", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "6", SIX);
    trial_close(&t);
}

static void only_ones_are_squeezed(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "1,6", SIX);
    trial_input(&t, "axes", DTYPE_INT64, "1", (double[]){ -1 });
    build_node(&t.build, "Squeeze", "six", "x axes", "y", NULL);
    trial_fails(&t, "y", "dim 1 is 6, not 1");
    trial_close(&t);
}

static void a_shape_may_be_asked_for_in_part(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 15);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,3", SIX);
    build_node(&t.build, "Shape", "all", "x", "a", NULL);
    build_node(&t.build, "Shape", "part", "x", "b", "start=-2 end=100");
    build_node(&t.build, "Shape", "none", "x", "c", "start=2 end=1");
    build_node(&t.build, "Size", "size", "x", "d", NULL);
    trial_run(&t, "a b c d");
    trial_expect(&t, "a", DTYPE_INT64, "3", (double[]){ 1, 2, 3 });
    trial_expect(&t, "b", DTYPE_INT64, "2", (double[]){ 2, 3 });
    trial_expect(&t, "c", DTYPE_INT64, "0", SIX);
    trial_expect(&t, "d", DTYPE_INT64, "", (double[]){ 6 });
    trial_close(&t);
}

static void flattening_cuts_at_any_axis(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,3", SIX);
    build_node(&t.build, "Flatten", "first", "x", "a", "axis=0");
    build_node(&t.build, "Flatten", "last", "x", "b", "axis=3");
    build_node(&t.build, "Flatten", "back", "x", "c", "axis=-1");
    trial_run(&t, "a b c");
    trial_expect(&t, "a", DTYPE_FLOAT, "1,6", SIX);
    trial_expect(&t, "b", DTYPE_FLOAT, "6,1", SIX);
    trial_expect(&t, "c", DTYPE_FLOAT, "2,3", SIX);
    trial_close(&t);
}

static void expansion_goes_both_ways(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2,1", SIX);
    trial_input(&t, "shape", DTYPE_INT64, "3", (double[]){ 2, 1, 2 });
    build_node(&t.build, "Expand", "expand", "x shape", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,2,2", (double[]){ 1, 1, 2, 2, 1, 1, 2, 2 });
    trial_close(&t);
}

static void try_range(enum dtype type, double start, double limit, double delta, const char *dims, const double *y)
{
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "start", type, "", &start);
    trial_input(&t, "limit", type, "", &limit);
    trial_input(&t, "delta", type, "", &delta);
    build_node(&t.build, "Range", "range", "start limit delta", "y", NULL);
    if (dims) trial_run(&t, "y");
    else trial_fails(&t, "y", "range");
    if (dims) trial_expect(&t, "y", type, dims, y);
    trial_close(&t);
}

static void ranges_stop_before_their_limit(void **state)
{
    (void)state;
    try_range(DTYPE_INT64, 1, 6, 2, "3", (double[]){ 1, 3, 5 });
    try_range(DTYPE_INT64, 3, -1, -2, "2", (double[]){ 3, 1 });
    try_range(DTYPE_INT64, 3, 4, -1, "0", SIX);
    try_range(DTYPE_FLOAT, 0.5, 2, 0.75, "2", (double[]){ 0.5, 1.25 });
    try_range(DTYPE_INT64, -0x1p63, 0x1p62, 0x1p62, "3", (double[]){ -0x1p63, -0x1p62, 0 });
    try_range(DTYPE_INT64, 0, 5, 0, NULL, NULL);
    try_range(DTYPE_FLOAT, 0, 1e30, 1e-30, NULL, NULL);
}

static void constants_come_in_every_form(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "dims", DTYPE_INT64, "2", (double[]){ 1, 2 });
    build_node(&t.build, "Constant", "int", "", "a", "value_int=7");
    build_node(&t.build, "Constant", "ints", "", "b", "value_ints=7,8");
    build_node(&t.build, "Constant", "real", "", "c", "value_float=0.5");
    build_node(&t.build, "Constant", "reals", "", "d", "value_floats=0.5,1.5");
    build_node(&t.build, "Constant", "text", "", "e", "value_string=abc");
    build_node(&t.build, "Constant", "tensor", "", "f", NULL);
    build_attribute_tensor(&t.build, "value", build_tensor(&t.build, "t", DTYPE_INT8, "2", (double[]){ -1, 1 }));
    build_node(&t.build, "ConstantOfShape", "zeros", "dims", "g", NULL);
    build_node(&t.build, "ConstantOfShape", "fives", "dims", "h", NULL);
    build_attribute_tensor(&t.build, "value", build_tensor(&t.build, "t", DTYPE_INT32, "1", (double[]){ 5 }));
    trial_run(&t, "a b c d e f g h");
    trial_expect(&t, "a", DTYPE_INT64, "", (double[]){ 7 });
    trial_expect(&t, "b", DTYPE_INT64, "2", (double[]){ 7, 8 });
    trial_expect(&t, "c", DTYPE_FLOAT, "", (double[]){ 0.5 });
    trial_expect(&t, "d", DTYPE_FLOAT, "2", (double[]){ 0.5, 1.5 });
    trial_expect_text(&t, "e", "", (const char *[]){ "abc" });
    trial_expect(&t, "f", DTYPE_INT8, "2", (double[]){ -1, 1 });
    trial_expect(&t, "g", DTYPE_FLOAT, "1,2", (double[]){ 0, 0 });
    trial_expect(&t, "h", DTYPE_INT32, "1,2", (double[]){ 5, 5 });
    trial_close(&t);
}

static void the_diagonal_of_ones_is_moved_by_k(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", SIX);
    build_node(&t.build, "EyeLike", "up", "x", "a", "k=1 dtype=7");
    build_node(&t.build, "EyeLike", "down", "x", "b", "k=-1");
    trial_run(&t, "a b");
    trial_expect(&t, "a", DTYPE_INT64, "2,3", (double[]){ 0, 1, 0, 0, 0, 1 });
    trial_expect(&t, "b", DTYPE_FLOAT, "2,3", (double[]){ 0, 0, 0, 1, 0, 0 });
    trial_close(&t);
}

static void a_tensor_beyond_all_memory_is_an_error(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "dims", DTYPE_INT64, "3", (double[]){ 0x1p30, 0x1p30, 0x1p30 });
    build_node(&t.build, "ConstantOfShape", "huge", "dims", "y", NULL);
    trial_fails(&t, "y", "huge");
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_keeps_a_dim_and_minus_one_takes_the_rest),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
        cmocka_unit_test(old_shapes_and_axes_are_attributes),
        cmocka_unit_test(squeezing_without_axes_drops_every_one),
        cmocka_unit_test(only_ones_are_squeezed),
        cmocka_unit_test(a_shape_may_be_asked_for_in_part),
        cmocka_unit_test(flattening_cuts_at_any_axis),
        cmocka_unit_test(expansion_goes_both_ways),
        cmocka_unit_test(ranges_stop_before_their_limit),
        cmocka_unit_test(constants_come_in_every_form),
        cmocka_unit_test(the_diagonal_of_ones_is_moved_by_k),
        cmocka_unit_test(a_tensor_beyond_all_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
