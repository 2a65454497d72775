/* SPDX-License-Identifier: Apache-2.0
 *
 * Quantization: rounding, saturation, and whose scale is whose. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

static void quantize_rounds_half_to_even_and_saturates(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2,4", (double[]){ 1, 3, -1, -3, 1000, -1000, 0, 253 });
    trial_input(&t, "scale", DTYPE_FLOAT, "", (double[]){ 2 });
    trial_input(&t, "zero", DTYPE_UINT8, "", (double[]){ 128 });
    build_node(&t.build, "QuantizeLinear", "q", "x scale zero", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_UINT8, "2,4", (double[]){ 128, 130, 128, 126, 255, 0, 128, 254 });
    trial_close(&t);
}

static void a_vector_of_scales_runs_along_its_axis(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_INT8, "1,3,2", (double[]){ 1, 2, 3, 4, 5, 6 });
    trial_input(&t, "scale", DTYPE_FLOAT, "3", (double[]){ 1, 10, 100 });
    trial_input(&t, "zero", DTYPE_INT8, "3", (double[]){ 0, 1, -1 });
    build_node(&t.build, "DequantizeLinear", "d", "x scale zero", "y", NULL);
    build_node(&t.build, "QuantizeLinear", "q", "y scale zero", "back", NULL);
    trial_run(&t, "y back");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,3,2", (double[]){ 1, 2, 20, 30, 600, 700 });
    trial_expect(&t, "back", DTYPE_INT8, "1,3,2", (double[]){ 1, 2, 3, 4, 5, 6 });
    trial_close(&t);
}

static void blocks_share_a_scale_and_the_last_may_be_short(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 21);
    trial_input(&t, "x", DTYPE_INT4, "2,5", (double[]){ 1, 2, 3, 4, 5, -1, -2, -3, -4, -5 });
    trial_input(&t, "scale", DTYPE_FLOAT, "2,3", (double[]){ 1, 10, 100, 2, 20, 200 });
    build_node(&t.build, "DequantizeLinear", "d", "x scale", "y", "axis=1 block_size=2");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,5", (double[]){ 1, 2, 30, 40, 500, -2, -4, -60, -80, -1000 });
    trial_close(&t);
}

static void blocks_run_along_outer_axes_too(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 21);
    trial_input(&t, "x", DTYPE_UINT8, "4,2", (double[]){ 1, 2, 3, 4, 5, 6, 7, 8 });
    trial_input(&t, "scale", DTYPE_FLOAT, "2,2", (double[]){ 1, 10, 100, 1000 });
    build_node(&t.build, "DequantizeLinear", "d", "x scale", "y", "axis=-2 block_size=2");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "4,2", (double[]){ 1, 20, 3, 40, 500, 6000, 700, 8000 });
    trial_close(&t);
}

static void scales_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 21);
    trial_input(&t, "x", DTYPE_INT8, "2,5", (double[10]){ 0 });
    trial_input(&t, "scale", DTYPE_FLOAT, "2,2", (double[]){ 1, 1, 1, 1 });
    build_node(&t.build, "DequantizeLinear", "d", "x scale", "y", "axis=1 block_size=2");
    trial_fails(&t, "y", "does not fit its input and block_size=2");
    trial_close(&t);

    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_INT8, "2,5", (double[10]){ 0 });
    trial_input(&t, "scale", DTYPE_FLOAT, "2", (double[]){ 1, 1 });
    build_node(&t.build, "DequantizeLinear", "d", "x scale", "y", "axis=1");
    trial_fails(&t, "y", "2 scales for 5 elements");
    trial_close(&t);
}

static void small_floats_saturate_or_overflow(void **state)
{
    (void)state;
    static const double x[] = { 100, 464, 465, -1e6, INFINITY, 0.3 };
    struct trial t;
    trial_open(&t, 19);
    trial_input(&t, "x", DTYPE_FLOAT, "6", x);
    trial_input(&t, "scale", DTYPE_FLOAT, "", (double[]){ 1 });
    trial_input(&t, "zero", DTYPE_FLOAT8E4M3FN, "", (double[]){ 0 });
    trial_input(&t, "wide", DTYPE_FLOAT8E5M2, "", (double[]){ 0 });
    build_node(&t.build, "QuantizeLinear", "a", "x scale zero", "a", NULL);
    build_node(&t.build, "QuantizeLinear", "b", "x scale zero", "b", "saturate=0");
    build_node(&t.build, "QuantizeLinear", "c", "x scale wide", "c", NULL);
    build_node(&t.build, "QuantizeLinear", "d", "x scale wide", "d", "saturate=0");
    trial_run(&t, "a b c d");
    trial_expect(&t, "a", DTYPE_FLOAT8E4M3FN, "6", (double[]){ 96, 448, 448, -448, 448, 0.3125 });
    trial_expect(&t, "b", DTYPE_FLOAT8E4M3FN, "6", (double[]){ 96, 448, NAN, NAN, NAN, 0.3125 });
    trial_expect(&t, "c", DTYPE_FLOAT8E5M2, "6", (double[]){ 96, 448, 448, -57344, 57344, 0.3125 });
    trial_expect(&t, "d", DTYPE_FLOAT8E5M2, "6", (double[]){ 96, 448, 448, -INFINITY, INFINITY, 0.3125 });
    trial_close(&t);
}

static void output_dtype_says_what_to_make(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 23);
    trial_input(&t, "x", DTYPE_FLOAT, "4", (double[]){ 2.5, 3.5, -9, 9 });
    trial_input(&t, "scale", DTYPE_FLOAT, "", (double[]){ 1 });
    build_node(&t.build, "QuantizeLinear", "q", "x scale", "y", "output_dtype=22");
    build_node(&t.build, "DequantizeLinear", "d", "y scale", "z", "output_dtype=10");
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_INT4, "4", (double[]){ 2, 4, -8, 7 });
    trial_expect(&t, "z", DTYPE_FLOAT16, "4", (double[]){ 2, 4, -8, 7 });
    trial_close(&t);
}

static void a_zero_point_of_another_type_is_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 21);
    trial_input(&t, "x", DTYPE_FLOAT, "1", (double[]){ 1 });
    trial_input(&t, "scale", DTYPE_FLOAT, "", (double[]){ 1 });
    trial_input(&t, "zero", DTYPE_INT8, "", (double[]){ 1 });
    build_node(&t.build, "QuantizeLinear", "q", "x scale zero", "y", "output_dtype=2");
    trial_fails(&t, "y", "output_dtype uint8");
    trial_close(&t);
}

static void dynamic_quantisation_spans_the_range_and_zero(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "3", (double[]){ 1.55, 0, -1 }); /* scale 0.01, zero point 100 */
    trial_input(&t, "none", DTYPE_FLOAT, "2", (double[]){ 0, 0 });
    build_node(&t.build, "DynamicQuantizeLinear", "q", "x", "y scale zero", NULL);
    build_node(&t.build, "DynamicQuantizeLinear", "r", "none", "flat one nought", NULL);
    trial_run(&t, "y scale zero flat one nought");
    trial_expect(&t, "y", DTYPE_UINT8, "3", (double[]){ 255, 100, 0 });
    assert_true(fabs(trial_output(&t, "scale", true)->f64[0] - 0.01) < 1e-9); /* 1.55 is a float */
    trial_expect(&t, "zero", DTYPE_UINT8, "", (double[]){ 100 });
    trial_expect(&t, "flat", DTYPE_UINT8, "2", (double[]){ 0, 0 });
    trial_expect(&t, "one", DTYPE_FLOAT, "", (double[]){ 1 });
    trial_expect(&t, "nought", DTYPE_UINT8, "", (double[]){ 0 });
    trial_close(&t);
}

/* 2049 is no float16; in double nothing is rounded. */
static void the_division_has_the_precision_asked_for(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 23);
    trial_input(&t, "x", DTYPE_FLOAT, "1", (double[]){ 2049 });
    trial_input(&t, "half", DTYPE_FLOAT16, "", (double[]){ 1 });
    trial_input(&t, "scale", DTYPE_FLOAT, "", (double[]){ 1 });
    trial_input(&t, "zero", DTYPE_UINT16, "", (double[]){ 0 });
    build_node(&t.build, "QuantizeLinear", "a", "x half zero", "by_scale", NULL);
    build_node(&t.build, "QuantizeLinear", "b", "x half zero", "wide", "precision=1");
    build_node(&t.build, "QuantizeLinear", "c", "x scale zero", "narrow", "precision=10");
    trial_run(&t, "by_scale wide narrow");
    assert_int_equal(trial_output(&t, "by_scale", false)->i64[0], 2048);
    assert_int_equal(trial_output(&t, "wide", false)->i64[0], 2049);
    assert_int_equal(trial_output(&t, "narrow", false)->i64[0], 2048);
    assert_int_equal(trial_output(&t, "narrow", true)->i64[0], 2049);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantize_rounds_half_to_even_and_saturates),
        cmocka_unit_test(a_vector_of_scales_runs_along_its_axis),
        cmocka_unit_test(blocks_share_a_scale_and_the_last_may_be_short),
        cmocka_unit_test(blocks_run_along_outer_axes_too),
        cmocka_unit_test(scales_that_do_not_fit_are_refused),
        cmocka_unit_test(small_floats_saturate_or_overflow),
        cmocka_unit_test(output_dtype_says_what_to_make),
        cmocka_unit_test(a_zero_point_of_another_type_is_refused),
        cmocka_unit_test(dynamic_quantisation_spans_the_range_and_zero),
        cmocka_unit_test(the_division_has_the_precision_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
