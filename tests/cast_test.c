/* SPDX-License-Identifier: Apache-2.0
 *
 * Casts: truncation, wrapping, saturation, and rounding once. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

static void try_cast(enum dtype from, double x, const char *attributes, enum dtype to, double y)
{
    struct trial t;
    trial_open(&t, 24);
    trial_input(&t, "x", from, "1", (double[]){ x });
    build_node(&t.build, "Cast", "cast", "x", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", to, "1", (double[]){ y });
    trial_close(&t);
}

static void reals_are_cut_off_and_wrapped(void **state)
{
    (void)state;
    try_cast(DTYPE_FLOAT, -2.9, "to=6", DTYPE_INT32, -2);
    try_cast(DTYPE_FLOAT, 300.7, "to=2", DTYPE_UINT8, 44);
    try_cast(DTYPE_FLOAT, -1, "to=2", DTYPE_UINT8, 255);
    try_cast(DTYPE_FLOAT, NAN, "to=7", DTYPE_INT64, 0);
    try_cast(DTYPE_FLOAT, -INFINITY, "to=7", DTYPE_INT64, -0x1p63);
    try_cast(DTYPE_FLOAT, 0.1, "to=9", DTYPE_BOOL, 1);
    try_cast(DTYPE_FLOAT, NAN, "to=9", DTYPE_BOOL, 1);
}

static void whole_numbers_wrap(void **state)
{
    (void)state;
    try_cast(DTYPE_INT32, -1, "to=4", DTYPE_UINT16, 65535);
    try_cast(DTYPE_INT64, 130, "to=3", DTYPE_INT8, -126);
    try_cast(DTYPE_INT32, 256, "to=9", DTYPE_BOOL, 1);
}

static void narrow_floats_saturate_unless_told_not_to(void **state)
{
    (void)state;
    try_cast(DTYPE_FLOAT, 1e6, "to=17", DTYPE_FLOAT8E4M3FN, 448);
    try_cast(DTYPE_FLOAT, -INFINITY, "to=17", DTYPE_FLOAT8E4M3FN, -448);
    try_cast(DTYPE_FLOAT, 464, "to=17 saturate=0", DTYPE_FLOAT8E4M3FN, 448);
    try_cast(DTYPE_FLOAT, 464.5, "to=17 saturate=0", DTYPE_FLOAT8E4M3FN, NAN);
    try_cast(DTYPE_FLOAT, 1e6, "to=19", DTYPE_FLOAT8E5M2, 57344);
    try_cast(DTYPE_FLOAT, 1e6, "to=19 saturate=0", DTYPE_FLOAT8E5M2, INFINITY);
    try_cast(DTYPE_FLOAT, 248, "to=18", DTYPE_FLOAT8E4M3FNUZ, 240);
    try_cast(DTYPE_FLOAT, 248, "to=18 saturate=0", DTYPE_FLOAT8E4M3FNUZ, NAN);
    try_cast(DTYPE_FLOAT, 1e6, "to=20 saturate=0", DTYPE_FLOAT8E5M2FNUZ, NAN);
}

static void powers_of_two_round_as_told(void **state)
{
    (void)state;
    try_cast(DTYPE_FLOAT, 2.5, "to=24", DTYPE_FLOAT8E8M0, 4);
    try_cast(DTYPE_FLOAT, 2.5, "to=24 round_mode=down", DTYPE_FLOAT8E8M0, 2);
    try_cast(DTYPE_FLOAT, 2.5, "to=24 round_mode=nearest", DTYPE_FLOAT8E8M0, 2);
    try_cast(DTYPE_FLOAT, 3, "to=24 round_mode=nearest", DTYPE_FLOAT8E8M0, 4);
    try_cast(DTYPE_FLOAT, 0, "to=24", DTYPE_FLOAT8E8M0, 0x1p-127);
}

/* 1 + 2^-11 + 2^-40 lies above the middle of two halves, but a float between would bring it down to the middle. */
static void a_double_becomes_a_half_in_one_rounding(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_DOUBLE, "1", (double[]){ 1 + 0x1p-11 + 0x1p-40 });
    build_node(&t.build, "Cast", "cast", "x", "y", "to=10");
    trial_run(&t, "y");
    assert_true(trial_output(&t, "y", false)->f32[0] == 1 + 0x1p-10f);
    trial_close(&t);
}

static void whole_numbers_become_doubles_without_loss(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_INT64, "1", (double[]){ 16777217 });
    build_node(&t.build, "Cast", "cast", "x", "y", "to=11");
    trial_run(&t, "y");
    assert_true(trial_output(&t, "y", false)->f64[0] == 16777217);
    trial_close(&t);
}

static void before_opset_6_the_type_is_named(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 5);
    trial_input(&t, "x", DTYPE_FLOAT, "1", (double[]){ 3.7 });
    build_node(&t.build, "Cast", "cast", "x", "y", "to=INT32");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_INT32, "1", (double[]){ 3 });
    trial_close(&t);
}

static void numbers_are_written_and_read_as_text(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "3", (double[]){ 0.1, -INFINITY, 2 });
    build_node(&t.build, "Cast", "write", "x", "s", "to=8");
    build_node(&t.build, "Cast", "read", "s", "y", "to=1");
    trial_run(&t, "s y");
    assert_string_equal(trial_output(&t, "s", false)->text[0], "0.1");
    assert_string_equal(trial_output(&t, "s", false)->text[1], "-INF");
    trial_expect(&t, "y", DTYPE_FLOAT, "3", (double[]){ 0.1, -INFINITY, 2 });
    trial_close(&t);
}

static void types_that_are_none_are_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "1", (double[]){ 1 });
    build_node(&t.build, "Cast", "cast", "x", "y", "to=999");
    trial_fails(&t, "y", "cannot cast");
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reals_are_cut_off_and_wrapped),
        cmocka_unit_test(whole_numbers_wrap),
        cmocka_unit_test(narrow_floats_saturate_unless_told_not_to),
        cmocka_unit_test(powers_of_two_round_as_told),
        cmocka_unit_test(a_double_becomes_a_half_in_one_rounding),
        cmocka_unit_test(whole_numbers_become_doubles_without_loss),
        cmocka_unit_test(before_opset_6_the_type_is_named),
        cmocka_unit_test(numbers_are_written_and_read_as_text),
        cmocka_unit_test(types_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
