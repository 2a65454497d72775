/* SPDX-License-Identifier: Apache-2.0
 *
 * Col2Im: columns added up. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void overlapping_columns_add_up(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,3", (double[]){ 1, 2, 3, 10, 20, 30 });
    trial_input(&t, "image", DTYPE_INT64, "2", (double[]){ 1, 4 });
    trial_input(&t, "block", DTYPE_INT64, "2", (double[]){ 1, 2 });
    build_node(&t.build, "Col2Im", "c", "x image block", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,1,4", (double[]){ 1, 12, 23, 30 });
    trial_close(&t);
}

static void columns_of_other_windows_are_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,3", (double[6]){ 0 });
    trial_input(&t, "image", DTYPE_INT64, "2", (double[]){ 1, 9 });
    trial_input(&t, "block", DTYPE_INT64, "2", (double[]){ 1, 2 });
    build_node(&t.build, "Col2Im", "c", "x image block", "y", NULL);
    trial_fails(&t, "y", "windows of 2 at 8 places");
    trial_close(&t);
}

/* Three images of two channels, 2 by 3, windows of 2 by 2 at two places. */
static void each_image_and_channel_gets_its_own(void **state)
{
    (void)state;
    struct trial t;
    double x[3 * 8 * 2], y[3 * 2 * 6] = { 0 };
    for (int i = 0; i < 48; i++) x[i] = i + 1;
    for (int i = 0; i < 48; i++) {
        int place = i % 2, tap = i / 2 % 4, plane = i / 8;
        y[plane * 6 + tap / 2 * 3 + tap % 2 + place] += x[i];
    }
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_FLOAT, "3,8,2", x);
    trial_input(&t, "image", DTYPE_INT64, "2", (double[]){ 2, 3 });
    trial_input(&t, "block", DTYPE_INT64, "2", (double[]){ 2, 2 });
    build_node(&t.build, "Col2Im", "c", "x image block", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "3,2,2,3", y);
    trial_close(&t);
}

static void what_lies_in_the_padding_is_gone(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 18);
    trial_input(&t, "x", DTYPE_INT32, "1,2,3", (double[]){ 1, 2, 3, 10, 20, 30 });
    trial_input(&t, "image", DTYPE_INT64, "1", (double[]){ 4 });
    trial_input(&t, "block", DTYPE_INT64, "1", (double[]){ 2 });
    build_node(&t.build, "Col2Im", "c", "x image block", "y", "pads=1,1 strides=2, dilations=1,");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_INT32, "1,1,4", (double[]){ 10, 2, 20, 3 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlapping_columns_add_up),
        cmocka_unit_test(columns_of_other_windows_are_refused),
        cmocka_unit_test(each_image_and_channel_gets_its_own),
        cmocka_unit_test(what_lies_in_the_padding_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
