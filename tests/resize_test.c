/* SPDX-License-Identifier: Apache-2.0
 *
 * Resize and Upsample along one axis, value by value, against the formulas; several axes against one after the
 * other. */
#include "noise.h"
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Resizes [1, 1, count] values; `scale` 0: to `size`. */
static void expect_line(const char *attributes, int count, const double *values, double scale, int size,
                        const double *expected)
{
    struct trial t;
    char dims[20];
    trial_open(&t, 19);
    sprintf(dims, "1,1,%d", count);
    trial_input(&t, "x", DTYPE_FLOAT, dims, values);
    trial_input(&t, "roi", DTYPE_FLOAT, "6", (double[]){ 0, 0, 0.25, 1, 1, 0.75 });
    if (scale > 0) trial_input(&t, "n", DTYPE_FLOAT, "3", (double[]){ 1, 1, scale });
    else trial_input(&t, "n", DTYPE_INT64, "3", (double[]){ 1, 1, size });
    build_node(&t.build, "Resize", "r", scale > 0 ? "x roi n" : "x roi _ n", "y", attributes);
    trial_run(&t, "y");
    sprintf(dims, "1,1,%d", size);
    trial_expect(&t, "y", DTYPE_FLOAT, dims, expected);
    trial_close(&t);
}

static const double FOUR[] = { 1, 3, -2, 6 };

#define LINE(...)   \
    (double[])      \
    {               \
        __VA_ARGS__ \
    }
#define WHERE "coordinate_transformation_mode="

static void nearest_rounds_as_asked(void **state)
{
    (void)state;
    /* positions (o + 0.5) / 1.5 - 0.5: -1/6, 0.5, 7/6, 11/6, 2.5, 19/6 */
    expect_line("", 4, FOUR, 1.5, 6, LINE(1, 1, 3, -2, -2, 6));
    expect_line("nearest_mode=round_prefer_ceil", 4, FOUR, 1.5, 6, LINE(1, 3, 3, -2, 6, 6));
    expect_line("nearest_mode=floor", 4, FOUR, 1.5, 6, LINE(1, 1, 3, 3, -2, 6));
    expect_line("nearest_mode=ceil", 4, FOUR, 1.5, 6, LINE(1, 3, -2, -2, 6, 6));
    expect_line(WHERE "asymmetric nearest_mode=floor", 4, FOUR, 0.5, 2, LINE(1, -2));
    expect_line(WHERE "tf_half_pixel_for_nn nearest_mode=floor", 4, FOUR, 0.5, 2, LINE(3, 6));
}

/* 1 / 0.33333334 is just below 3 and has to count as 3. */
static void a_third_is_a_third(void **state)
{
    (void)state;
    double nine[9];
    for (int i = 0; i < 9; i++) nine[i] = i;
    expect_line(WHERE "asymmetric nearest_mode=floor", 9, nine, (double)(1.0f / 3), 3, LINE(0, 3, 6));
}

static void linear_lies_between(void **state)
{
    (void)state;
    expect_line("mode=linear", 4, FOUR, 2, 8, LINE(1, 1.5, 2.5, 1.75, -0.75, 0, 4, 6));
    expect_line("mode=linear " WHERE "asymmetric", 4, FOUR, 2, 8, LINE(1, 2, 3, 0.5, -2, 2, 6, 6));
    expect_line("mode=linear " WHERE "align_corners", 4, FOUR, 0, 7, LINE(1, 2, 3, 0.5, -2, 2, 6));
    expect_line("mode=linear " WHERE "align_corners", 4, FOUR, 0, 1, LINE(1));
    expect_line("mode=linear " WHERE "pytorch_half_pixel", 4, FOUR, 0, 1, LINE(1));
    expect_line("mode=linear " WHERE "pytorch_half_pixel", 4, FOUR, 0, 2, LINE(2, 2));
    expect_line("mode=linear", 4, FOUR, 0, 1, LINE(0.5));
    /* 4 * 0.8125 = 3.25, cut to 3: the three lie in the middle, at 7/26, 39/26 and 71/26 */
    expect_line("mode=linear " WHERE "half_pixel_symmetric", 4, FOUR, 0.8125, 3,
                LINE(1 + 2 * 7 / 26.0, 0.5, -2 + 8 * 19 / 26.0));
}

static void a_crop_sees_its_region_only(void **state)
{
    (void)state;
    /* from 0.75 to 2.25 in three steps */
    expect_line("mode=linear " WHERE "tf_crop_and_resize", 4, FOUR, 0, 3, LINE(2.5, 0.5, 0));
    struct trial t;
    trial_open(&t, 19);
    trial_input(&t, "x", DTYPE_FLOAT, "2,2", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "roi", DTYPE_FLOAT, "4", (double[]){ 0, 0, 2, 1 });
    trial_input(&t, "n", DTYPE_INT64, "2", (double[]){ 3, 2 });
    const char *attributes = WHERE "tf_crop_and_resize extrapolation_value=-7.0 mode=linear";
    build_node(&t.build, "Resize", "r", "x roi _ n", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "3,2", (double[]){ 1, 2, 3, 4, -7, -7 });
    trial_close(&t);
}

static double cubic(double d, double a)
{
    d = fabs(d);
    if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
    return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

/* Every input position, clamped ones included, weighed by its distance. */
static void cubic_line(double scale, double a, bool exclude, bool stretch, int size, double *y)
{
    double step = stretch && scale < 1 ? scale : 1;
    for (int o = 0; o < size; o++) {
        double x = (o + 0.5) / scale - 0.5, sum = 0, weights = 0;
        for (int i = -40; i < 44; i++) {
            double weight = exclude && (i < 0 || i > 3) ? 0 : cubic((i - x) * step, a);
            sum += weight * FOUR[i < 0 ? 0 : i > 3 ? 3 : i];
            weights += weight;
        }
        y[o] = sum / weights;
    }
}

static void cubic_weighs_four(void **state)
{
    (void)state;
    double y[10];
    cubic_line(2.5, -0.75, false, false, 10, y);
    expect_line("mode=cubic", 4, FOUR, 2.5, 10, y);
    cubic_line(2.5, -0.5, true, false, 10, y);
    expect_line("mode=cubic cubic_coeff_a=-0.5 exclude_outside=1", 4, FOUR, 2.5, 10, y);
    cubic_line(0.5, -0.75, false, false, 2, y);
    expect_line("mode=cubic", 4, FOUR, 0.5, 2, y);
}

static void antialiasing_stretches_the_filter(void **state)
{
    (void)state;
    double y[10];
    cubic_line(0.5, -0.75, false, true, 2, y);
    expect_line("mode=cubic antialias=1", 4, FOUR, 0.5, 2, y);
    cubic_line(0.5, -0.75, true, true, 2, y);
    expect_line("mode=cubic antialias=1 exclude_outside=1", 4, FOUR, 0.5, 2, y);
    cubic_line(2, -0.75, false, true, 8, y);
    expect_line("mode=cubic antialias=1", 4, FOUR, 2, 8, y);
    /* linear: weights 1, 3, 3, 1 of 8 around 0.5 and 2.5 */
    expect_line("mode=linear antialias=1", 4, FOUR, 0.5, 2, LINE((1 + 3 + 9 - 2) / 8.0, (3 - 6 + 18 + 6) / 8.0));
}

static void axes_follow_each_other(void **state)
{
    (void)state;
    static double values[2 * 3 * 4 * 5];
    struct trial t;
    fill_noise(values, 120, 1);
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3,4,5", values);
    trial_input(&t, "both", DTYPE_FLOAT, "2", (double[]){ 1.5, 2 });
    trial_input(&t, "first", DTYPE_FLOAT, "4", (double[]){ 1, 1, 1.5, 1 });
    trial_input(&t, "second", DTYPE_FLOAT, "1", (double[]){ 2 });
    build_node(&t.build, "Resize", "a", "x _ both", "y", "mode=cubic axes=2,-1");
    build_node(&t.build, "Resize", "b", "x _ first", "z", "mode=cubic");
    build_node(&t.build, "Resize", "c", "z _ second", "w", "mode=cubic axes=3,");
    build_node(&t.build, "Resize", "d", "x _ both", "n", "axes=2,-1");
    build_node(&t.build, "Resize", "e", "x _ first", "m", NULL);
    build_node(&t.build, "Resize", "f", "m _ second", "k", "axes=3,");
    trial_run(&t, "y w n k");
    for (int exact = 0; exact < 2; exact++) {
        const struct array *y = trial_output(&t, "y", exact), *w = trial_output(&t, "w", exact);
        const struct array *n = trial_output(&t, "n", exact), *k = trial_output(&t, "k", exact);
        assert_int_equal(y->count, 2 * 3 * 6 * 10);
        for (int64_t i = 0; i < y->count; i++) {
            double a = exact ? y->f64[i] : (double)y->f32[i], b = exact ? w->f64[i] : (double)w->f32[i];
            assert_true(fabs(a - b) < 1e-5);
            a = exact ? n->f64[i] : (double)n->f32[i];
            b = exact ? k->f64[i] : (double)k->f32[i];
            assert_true(a == b);
        }
    }
    trial_close(&t);
}

static void expect_policy(const char *policy, const char *dims, int first)
{
    struct trial t;
    static const double values[6];
    char attributes[80];
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", values);
    trial_input(&t, "n", DTYPE_INT64, "2", (double[]){ first, 8 });
    sprintf(attributes, "keep_aspect_ratio_policy=%s", policy);
    build_node(&t.build, "Resize", "r", "x _ _ n", "y", attributes);
    trial_run(&t, "y");
    static const double zeros[200];
    trial_expect(&t, "y", DTYPE_FLOAT, dims, zeros);
    trial_close(&t);
}

/* 2 -> 7 is 3.5 times, 3 -> 8 is 8/3 times. */
static void a_policy_keeps_the_ratio(void **state)
{
    (void)state;
    expect_policy("stretch", "7,8", 7);
    expect_policy("not_larger", "5,8", 7);
    expect_policy("not_smaller", "7,11", 7);
}

static void old_resizes_and_upsamples_are_asymmetric(void **state)
{
    (void)state;
    struct trial t;
    for (int64_t opset = 7; opset <= 10; opset++) {
        trial_open(&t, opset);
        trial_input(&t, "x", DTYPE_FLOAT, "1,1,4", FOUR);
        if (opset > 8) trial_input(&t, "n", DTYPE_FLOAT, "3", (double[]){ 1, 1, 2 });
        const char *op = opset == 10 ? "Resize" : "Upsample", *inputs = opset > 8 ? "x n" : "x";
        build_node(&t.build, op, "a", inputs, "y", opset > 8 ? "" : "scales=1.0,1.0,2.0");
        build_node(&t.build, op, "b", inputs, "z", opset > 8 ? "mode=linear" : "mode=linear scales=1.0,1.0,2.0");
        trial_run(&t, "y z");
        trial_expect(&t, "y", DTYPE_FLOAT, "1,1,8", LINE(1, 1, 3, 3, -2, -2, 6, 6));
        trial_expect(&t, "z", DTYPE_FLOAT, "1,1,8", LINE(1, 2, 3, 0.5, -2, 2, 6, 6));
        trial_close(&t);
    }
}

static void whole_numbers_are_cut_towards_zero(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_INT32, "2", (double[]){ 3, -4 });
    trial_input(&t, "n", DTYPE_FLOAT, "1", (double[]){ 2 });
    build_node(&t.build, "Resize", "a", "x _ n", "y", "mode=linear");
    build_node(&t.build, "Resize", "b", "x _ n", "z", NULL);
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_INT32, "4", (double[]){ 3, 1, -2, -4 });
    trial_expect(&t, "z", DTYPE_INT32, "4", (double[]){ 3, 3, -4, -4 });
    trial_close(&t);
}

static void refuse(const char *dims, const char *scales_dims, double scale, const char *attributes, const char *part)
{
    struct trial t;
    static const double values[64];
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_FLOAT, dims, values);
    if (scales_dims) trial_input(&t, "n", DTYPE_FLOAT, scales_dims, (double[]){ scale, scale, scale });
    build_node(&t.build, "Resize", "r", scales_dims ? "x _ n" : "x", "y", attributes);
    trial_fails(&t, "y", part);
    trial_close(&t);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    refuse("2,3", NULL, 1, NULL, "one of scales and sizes");
    refuse("2,3", "3", 1, NULL, "scales has 3 entries for 2 axes");
    refuse("2,3", "2", 0, NULL, "scale 0");
    refuse("2,3", "2", -1, NULL, "scale -1");
    refuse("2,3", "2", 1e20, NULL, "makes no size");
    refuse("2,3", "2", 2, "axes=1,1", "axis 1 twice");
    refuse("2,3", "2", 2, "axes=1,2", "axis 2");
    refuse("2,3", "2", 2, "mode=quintic", "mode \"quintic\"");
    refuse("2,3", "2", 2, WHERE "elsewhere", "elsewhere");
    refuse("2,3", "2", 2, "nearest_mode=up", "nearest_mode \"up\"");
    refuse("2,3", "2", 2, WHERE "tf_crop_and_resize", "roi has to hold 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_rounds_as_asked),
        cmocka_unit_test(a_third_is_a_third),
        cmocka_unit_test(linear_lies_between),
        cmocka_unit_test(a_crop_sees_its_region_only),
        cmocka_unit_test(cubic_weighs_four),
        cmocka_unit_test(antialiasing_stretches_the_filter),
        cmocka_unit_test(axes_follow_each_other),
        cmocka_unit_test(a_policy_keeps_the_ratio),
        cmocka_unit_test(old_resizes_and_upsamples_are_asymmetric),
        cmocka_unit_test(whole_numbers_are_cut_towards_zero),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
