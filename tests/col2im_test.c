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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlapping_columns_add_up),
        cmocka_unit_test(columns_of_other_windows_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
