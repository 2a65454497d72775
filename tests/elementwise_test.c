/* SPDX-License-Identifier: Apache-2.0
 *
 * Element-wise operators where it is easy to go wrong: old broadcasting, ends of ranges, NaN, signs. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdlib.h>

#include <cmocka.h>

#define MANY 20000 /* elements: several strips, and worth several threads */

static void try_binary(int64_t opset, const char *op, const char *attributes, enum dtype type, double a, double b,
                       enum dtype result_type, double result)
{
    struct trial t;
    trial_open(&t, opset);
    trial_input(&t, "a", type, "1", (double[]){ a });
    trial_input(&t, "b", type, "1", (double[]){ b });
    build_node(&t.build, op, "op", "a b", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", result_type, "1", (double[]){ result });
    trial_close(&t);
}

static void try_unary(int64_t opset, const char *op, const char *attributes, enum dtype type, double x, double y)
{
    struct trial t;
    trial_open(&t, opset);
    trial_input(&t, "x", type, "1", (double[]){ x });
    build_node(&t.build, op, "op", "x", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", type, "1", (double[]){ y });
    trial_close(&t);
}

static void arrays_broadcast_along_every_dimension(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "a", DTYPE_FLOAT, "2,1,3", (double[]){ 1, 2, 3, 4, 5, 6 });
    trial_input(&t, "b", DTYPE_FLOAT, "2,1", (double[]){ 10, 20 });
    build_node(&t.build, "Sub", "sub", "b a", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,2,3", (double[]){ 9, 8, 7, 19, 18, 17, 6, 5, 4, 16, 15, 14 });
    trial_close(&t);
}

static void nothing_broadcast_is_nothing(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "a", DTYPE_FLOAT, "2,0,3", (double[]){ 0 });
    trial_input(&t, "b", DTYPE_FLOAT, "1", (double[]){ 1 });
    build_node(&t.build, "Add", "add", "a b", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,0,3", (double[]){ 0 });
    trial_close(&t);
}

static void large_arrays_are_cut_into_strips_without_a_seam(void **state)
{
    (void)state;
    static double a[3 * MANY], b[3], y[3 * MANY];
    struct trial t;
    for (int i = 0; i < 3 * MANY; i++) a[i] = i % 1001;
    for (int i = 0; i < 3; i++) b[i] = 1 << i;
    for (int i = 0; i < 3 * MANY; i++) y[i] = a[i] * b[i / MANY];
    trial_open(&t, 13);
    trial_input(&t, "a", DTYPE_FLOAT, "3,20000", a);
    trial_input(&t, "b", DTYPE_FLOAT, "3,1", b);
    build_node(&t.build, "Mul", "mul", "a b", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "3,20000", y);
    trial_close(&t);
}

/* Three columns: rows too short to be strips are taken together. */
static void short_rows_are_taken_together(void **state)
{
    (void)state;
    static double a[3 * MANY], b[3] = { 1, 2, 4 }, c[MANY], y[3 * MANY];
    struct trial t;
    for (int i = 0; i < MANY; i++) c[i] = i % 777;
    for (int i = 0; i < 3 * MANY; i++) {
        a[i] = i % 1001;
        y[i] = (a[i] + b[i % 3]) - c[i / 3];
    }
    trial_open(&t, 13);
    trial_input(&t, "a", DTYPE_FLOAT, "20000,3", a);
    trial_input(&t, "b", DTYPE_FLOAT, "3", b);
    trial_input(&t, "c", DTYPE_FLOAT, "20000,1", c);
    build_node(&t.build, "Add", "add", "a b", "s", NULL);
    build_node(&t.build, "Sub", "sub", "s c", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "20000,3", y);
    trial_close(&t);
}

static void before_opset_7_the_axis_places_the_second_input(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 6);
    trial_input(&t, "a", DTYPE_FLOAT, "2,2,2", (double[]){ 1, 2, 3, 4, 5, 6, 7, 8 });
    trial_input(&t, "b", DTYPE_FLOAT, "2", (double[]){ 10, 20 });
    build_node(&t.build, "Add", "middle", "a b", "y", "broadcast=1 axis=1");
    build_node(&t.build, "Add", "right", "a b", "z", "broadcast=1");
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,2,2", (double[]){ 11, 12, 23, 24, 15, 16, 27, 28 });
    trial_expect(&t, "z", DTYPE_FLOAT, "2,2,2", (double[]){ 11, 22, 13, 24, 15, 26, 17, 28 });
    trial_close(&t);
}

static void before_opset_7_nothing_broadcasts_unasked(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 6);
    trial_input(&t, "a", DTYPE_FLOAT, "2,2", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "b", DTYPE_FLOAT, "2", (double[]){ 10, 20 });
    build_node(&t.build, "Add", "add", "a b", "y", NULL);
    trial_fails(&t, "y", "broadcast is not set");
    trial_close(&t);
}

static void before_opset_7_a_slope_runs_along_the_channels(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 6);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,2", (double[]){ -1, 2, -3, -4 });
    trial_input(&t, "s", DTYPE_FLOAT, "2", (double[]){ 0.5, 2 });
    build_node(&t.build, "PRelu", "prelu", "x s", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,2", (double[]){ -0.5, 2, -6, -8 });
    trial_close(&t);
}

static void whole_division_truncates_and_survives_its_ends(void **state)
{
    (void)state;
    try_binary(13, "Div", NULL, DTYPE_INT32, -7, 2, DTYPE_INT32, -3);
    try_binary(13, "Div", NULL, DTYPE_INT64, -0x1p63, -1, DTYPE_INT64, -0x1p63);
    try_binary(13, "Div", NULL, DTYPE_INT32, -0x1p31, -1, DTYPE_INT32, -0x1p31);
    try_binary(13, "Div", NULL, DTYPE_INT64, 5, 0, DTYPE_INT64, 0);
    try_binary(13, "Mod", NULL, DTYPE_INT64, -0x1p63, -1, DTYPE_INT64, 0);
}

static void a_remainder_has_the_divisors_sign_unless_fmod_is_set(void **state)
{
    (void)state;
    try_binary(13, "Mod", NULL, DTYPE_INT8, -7, 3, DTYPE_INT8, 2);
    try_binary(13, "Mod", NULL, DTYPE_INT8, 7, -3, DTYPE_INT8, -2);
    try_binary(13, "Mod", "fmod=1", DTYPE_INT8, -7, 3, DTYPE_INT8, -1);
    try_binary(13, "Mod", "fmod=1", DTYPE_FLOAT, -7.5, 2, DTYPE_FLOAT, -1.5);
}

static void results_wrap_to_their_type(void **state)
{
    (void)state;
    try_binary(14, "Add", NULL, DTYPE_INT8, 127, 1, DTYPE_INT8, -128);
    try_binary(14, "Sub", NULL, DTYPE_UINT8, 3, 5, DTYPE_UINT8, 254);
    try_binary(14, "Mul", NULL, DTYPE_INT64, 0x1p62, 4, DTYPE_INT64, 0);
    try_unary(13, "Neg", NULL, DTYPE_INT32, -0x1p31, -0x1p31);
    try_unary(13, "Abs", NULL, DTYPE_INT64, -0x1p63, -0x1p63);
    try_binary(11, "BitShift", "direction=LEFT", DTYPE_UINT8, 255, 4, DTYPE_UINT8, 240);
    try_binary(11, "BitShift", "direction=RIGHT", DTYPE_UINT64, 8, 64, DTYPE_UINT64, 0);
}

/* 2^63 would be negative if it were signed. */
static void uint64_is_compared_as_unsigned(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "a", DTYPE_UINT64, "2", (double[]){ 1, 3 });
    trial_input(&t, "s", DTYPE_UINT64, "2", (double[]){ 63, 0 });
    build_node(&t.build, "BitShift", "shift", "a s", "b", "direction=LEFT");
    build_node(&t.build, "Less", "less", "a b", "y", NULL);
    build_node(&t.build, "Max", "max", "a b", "m", NULL);
    build_node(&t.build, "Equal", "equal", "m b", "z", NULL);
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_BOOL, "2", (double[]){ 1, 0 });
    trial_expect(&t, "z", DTYPE_BOOL, "2", (double[]){ 1, 1 });
    trial_close(&t);
}

static void nan_goes_through_extremes_and_bounds(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "a", DTYPE_FLOAT, "3", (double[]){ NAN, 1, 2 });
    trial_input(&t, "b", DTYPE_FLOAT, "3", (double[]){ 1, NAN, 3 });
    trial_input(&t, "zero", DTYPE_FLOAT, "", (double[]){ 0 });
    build_node(&t.build, "Max", "max", "a b", "most", NULL);
    build_node(&t.build, "Min", "min", "a b", "least", NULL);
    build_node(&t.build, "Clip", "clip", "a zero zero", "clipped", NULL);
    build_node(&t.build, "Relu", "relu", "a", "positive", NULL);
    build_node(&t.build, "Sign", "sign", "a", "sign", NULL);
    trial_run(&t, "most least clipped positive sign");
    trial_expect(&t, "most", DTYPE_FLOAT, "3", (double[]){ NAN, NAN, 3 });
    trial_expect(&t, "least", DTYPE_FLOAT, "3", (double[]){ NAN, NAN, 2 });
    trial_expect(&t, "clipped", DTYPE_FLOAT, "3", (double[]){ NAN, 0, 0 });
    trial_expect(&t, "positive", DTYPE_FLOAT, "3", (double[]){ NAN, 1, 2 });
    trial_expect(&t, "sign", DTYPE_FLOAT, "3", (double[]){ NAN, 1, 1 });
    trial_close(&t);
}

static void either_bound_of_clip_may_be_absent(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_INT32, "3", (double[]){ -9, 0, 9 });
    trial_input(&t, "low", DTYPE_INT32, "", (double[]){ 5 });
    trial_input(&t, "high", DTYPE_INT32, "", (double[]){ 1 });
    build_node(&t.build, "Clip", "above", "x _ high", "a", NULL);
    build_node(&t.build, "Clip", "below", "x low", "b", NULL);
    build_node(&t.build, "Clip", "crossed", "x low high", "c", NULL);
    trial_run(&t, "a b c");
    trial_expect(&t, "a", DTYPE_INT32, "3", (double[]){ -9, 0, 1 });
    trial_expect(&t, "b", DTYPE_INT32, "3", (double[]){ 5, 5, 9 });
    trial_expect(&t, "c", DTYPE_INT32, "3", (double[]){ 1, 1, 1 });
    trial_close(&t);
}

static void a_power_has_the_type_of_its_base(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 15);
    trial_input(&t, "i", DTYPE_INT32, "2", (double[]){ 2, -3 });
    trial_input(&t, "half", DTYPE_FLOAT, "2", (double[]){ 1.5, 3 });
    trial_input(&t, "two", DTYPE_INT64, "", (double[]){ 2 });
    build_node(&t.build, "Pow", "whole", "i half", "a", NULL);
    build_node(&t.build, "Pow", "real", "half two", "b", NULL);
    trial_run(&t, "a b");
    trial_expect(&t, "a", DTYPE_INT32, "2", (double[]){ 2, -27 });
    trial_expect(&t, "b", DTYPE_FLOAT, "2", (double[]){ 2.25, 9 });
    trial_close(&t);
}

static void halves_round_to_the_even_side(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "5", (double[]){ -2.5, -1.5, 0.5, 1.5, 2.5 });
    build_node(&t.build, "Round", "round", "x", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "5", (double[]){ -2, -2, 0, 2, 2 });
    trial_close(&t);
}

static void squashing_functions_hold_at_their_ends(void **state)
{
    (void)state;
    try_unary(13, "Sigmoid", NULL, DTYPE_FLOAT, -1000, 0);
    try_unary(13, "Sigmoid", NULL, DTYPE_FLOAT, 1000, 1);
    try_unary(13, "Sigmoid", NULL, DTYPE_FLOAT, NAN, NAN);
    try_unary(13, "Tanh", NULL, DTYPE_FLOAT, -400, -1);
    try_unary(13, "Tanh", NULL, DTYPE_FLOAT, 1e-30f, 1e-30f);
    try_unary(13, "Tanh", NULL, DTYPE_FLOAT, 0.01025390625, 0.010253546891015087);
    try_unary(13, "Exp", NULL, DTYPE_FLOAT, -INFINITY, 0);
    try_unary(13, "Exp", NULL, DTYPE_FLOAT, INFINITY, INFINITY);
    try_unary(13, "Exp", NULL, DTYPE_FLOAT, 10.5, 36315.502674246636);
    try_unary(13, "Softplus", NULL, DTYPE_FLOAT, 700, 700);
    try_unary(13, "Elu", "alpha=2.0", DTYPE_FLOAT, -1e-12, -2e-12);
}

static void half_precision_is_rounded_after_every_node(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT16, "3", (double[]){ 2048, 0x1p-24, 65504 });
    trial_input(&t, "d", DTYPE_FLOAT16, "3", (double[]){ 1, 0x1p-24, 16 });
    build_node(&t.build, "Add", "add", "x d", "y", NULL);
    trial_run(&t, "y");
    const struct array *y = trial_output(&t, "y", false);
    assert_true(y->f32[0] == 2048 && y->f32[1] == 0x1p-23f && isinf(y->f32[2]));
    assert_true(trial_output(&t, "y", true)->f64[0] == 2049);
    trial_close(&t);
}

/* Of ten thousand ones half are dropped, give or take five standard deviations; the others double. */
static void a_training_dropout_drops_at_random_and_keeps_the_mean(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    static double ones[COUNT];
    struct trial t;
    for (int i = 0; i < COUNT; i++) ones[i] = 1;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "100,100", ones);
    trial_input(&t, "ratio", DTYPE_FLOAT, "", (double[]){ 0.5 });
    trial_input(&t, "training", DTYPE_BOOL, "", (double[]){ 1 });
    build_node(&t.build, "Dropout", "dropout", "x ratio training", "y mask", NULL);
    trial_run(&t, "y mask");
    const struct array *y = trial_output(&t, "y", true), *mask = trial_output(&t, "mask", true);
    int kept = 0;
    for (int i = 0; i < COUNT; i++) {
        kept += mask->i64[i] != 0;
        assert_true(y->f64[i] == (mask->i64[i] ? 2 : 0));
    }
    assert_true(y->rank == 2 && abs(kept - COUNT / 2) < 250);
    trial_close(&t);
}

static void a_dropout_in_inference_drops_nothing(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    trial_input(&t, "ratio", DTYPE_FLOAT, "", (double[]){ 0.5 });
    build_node(&t.build, "Dropout", "dropout", "x ratio", "y mask", NULL);
    trial_run(&t, "y mask");
    trial_expect(&t, "y", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    trial_expect(&t, "mask", DTYPE_BOOL, "2", (double[]){ 1, 1 });
    trial_close(&t);
}

static void inputs_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "a", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    trial_input(&t, "b", DTYPE_INT64, "2", (double[]){ 1, 2 });
    build_node(&t.build, "Add", "add", "a b", "y", NULL);
    trial_fails(&t, "y", "do not go together");
    trial_close(&t);
    trial_open(&t, 13);
    trial_input(&t, "a", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    trial_input(&t, "b", DTYPE_FLOAT, "3", (double[]){ 1, 2, 3 });
    build_node(&t.build, "Add", "add", "a b", "y", NULL);
    trial_fails(&t, "y", "do not broadcast");
    trial_close(&t);
}

static void where_picks_strings_too(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "c", DTYPE_BOOL, "2,1", (double[]){ 1, 0 });
    trial_text(&t, "a", "2", (const char *[]){ "a", "b" });
    trial_text(&t, "b", "1", (const char *[]){ "z" });
    build_node(&t.build, "Where", "where", "c a b", "y", NULL);
    trial_run(&t, "y");
    trial_expect_text(&t, "y", "2,2", (const char *[]){ "a", "b", "z", "z" });
    trial_close(&t);
}

static void rows_of_old_opsets_compute_as_the_new_ones_do(void **state)
{
    (void)state;
    try_binary(6, "And", NULL, DTYPE_BOOL, 1, 0, DTYPE_BOOL, 0);
    try_binary(6, "Or", NULL, DTYPE_BOOL, 1, 0, DTYPE_BOOL, 1);
    try_binary(6, "Xor", NULL, DTYPE_BOOL, 1, 1, DTYPE_BOOL, 0);
    try_binary(6, "Equal", NULL, DTYPE_INT32, 2, 2, DTYPE_BOOL, 1);
    try_binary(6, "Greater", NULL, DTYPE_FLOAT, 2, 1, DTYPE_BOOL, 1);
    try_binary(6, "Less", NULL, DTYPE_FLOAT, 2, 1, DTYPE_BOOL, 0);
    try_unary(5, "Selu", NULL, DTYPE_FLOAT, 2, 2 * (double)1.0507f);
    try_unary(6, "Dropout", "is_test=1 ratio=0.5", DTYPE_FLOAT, 3, 3);
    try_unary(9, "Dropout", "ratio=0.5", DTYPE_FLOAT, 3, 3);
    try_unary(11, "Dropout", "ratio=0.5", DTYPE_FLOAT, 3, 3);
}

/* What Neg, or another operator, of 1000 numbers takes, in both runs, joined to what comes before it or not. */
static uint64_t work_of(const char *op, const char *inputs, const char *attributes, bool joined)
{
    struct trial t;
    static double values[1000];
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "1000", values);
    trial_input(&t, "e", DTYPE_FLOAT, "1000", values);
    if (joined) build_node(&t.build, "Neg", "neg", "x", "n", NULL);
    build_node(&t.build, op, "op", inputs, "y", attributes);
    t.build.memory.work_limit = UINT64_MAX;
    trial_run(&t, "y");
    uint64_t work = t.build.memory.work;
    trial_close(&t);
    return work;
}

static void functions_that_cost_more_than_their_numbers_say_so(void **state)
{
    (void)state;
    static const struct {
        const char *op, *inputs, *joined, *like, *attributes;
        uint64_t more;
    } cases[] = {
        { "Sin", "x", "n", "Neg", NULL, 10 },   { "Tan", "x", "n", "Neg", NULL, 10 },
        { "Atanh", "x", "n", "Neg", NULL, 1 },  { "Exp", "x", "n", "Neg", NULL, 0 },
        { "Pow", "x e", NULL, "Add", NULL, 6 }, { "Mod", "x e", "x n", "Add", "fmod=1", 340 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int joined = 0; joined < 1 + (cases[i].joined != NULL); joined++) {
            const char *inputs = joined ? cases[i].joined : cases[i].inputs;
            uint64_t more = work_of(cases[i].op, inputs, cases[i].attributes, joined)
                            - work_of(cases[i].like, inputs, NULL, joined);
            assert_int_equal(more, 2 * 1000 * cases[i].more * WORK_ELEMENT);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_broadcast_along_every_dimension),
        cmocka_unit_test(nothing_broadcast_is_nothing),
        cmocka_unit_test(large_arrays_are_cut_into_strips_without_a_seam),
        cmocka_unit_test(short_rows_are_taken_together),
        cmocka_unit_test(before_opset_7_the_axis_places_the_second_input),
        cmocka_unit_test(before_opset_7_nothing_broadcasts_unasked),
        cmocka_unit_test(before_opset_7_a_slope_runs_along_the_channels),
        cmocka_unit_test(whole_division_truncates_and_survives_its_ends),
        cmocka_unit_test(a_remainder_has_the_divisors_sign_unless_fmod_is_set),
        cmocka_unit_test(results_wrap_to_their_type),
        cmocka_unit_test(uint64_is_compared_as_unsigned),
        cmocka_unit_test(nan_goes_through_extremes_and_bounds),
        cmocka_unit_test(either_bound_of_clip_may_be_absent),
        cmocka_unit_test(a_power_has_the_type_of_its_base),
        cmocka_unit_test(halves_round_to_the_even_side),
        cmocka_unit_test(squashing_functions_hold_at_their_ends),
        cmocka_unit_test(half_precision_is_rounded_after_every_node),
        cmocka_unit_test(a_training_dropout_drops_at_random_and_keeps_the_mean),
        cmocka_unit_test(a_dropout_in_inference_drops_nothing),
        cmocka_unit_test(inputs_that_do_not_go_together_are_refused),
        cmocka_unit_test(functions_that_cost_more_than_their_numbers_say_so),
        cmocka_unit_test(where_picks_strings_too),
        cmocka_unit_test(rows_of_old_opsets_compute_as_the_new_ones_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
