/* SPDX-License-Identifier: Apache-2.0
 *
 * Det. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void determinants_of_a_batch(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3,3", (double[]){ 0, 2, 1, 1, 0, 0, 3, 1, 4, 1, 2, 3, 2, 4, 6, 1, 0, 1 });
    trial_input(&t, "one", DTYPE_FLOAT, "1,1", (double[]){ -7 });
    trial_input(&t, "none", DTYPE_FLOAT, "2,0,0", NULL);
    trial_input(&t, "turned", DTYPE_FLOAT, "2,2", (double[]){ 0, 3, 2, 5 });
    build_node(&t.build, "Det", "a", "x", "y", NULL);
    build_node(&t.build, "Det", "b", "one", "z", NULL);
    build_node(&t.build, "Det", "c", "none", "w", NULL);
    build_node(&t.build, "Det", "d", "turned", "v", NULL);
    trial_run(&t, "y z w v");
    trial_expect(&t, "v", DTYPE_FLOAT, "", (double[]){ -6 });
    trial_expect(&t, "y", DTYPE_FLOAT, "2", (double[]){ -7, 0 });
    trial_expect(&t, "z", DTYPE_FLOAT, "", (double[]){ -7 });
    trial_expect(&t, "w", DTYPE_FLOAT, "2", (double[]){ 1, 1 });
    trial_close(&t);
}

static void only_square_matrices_have_one(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", (double[6]){ 0 });
    build_node(&t.build, "Det", "a", "x", "y", NULL);
    trial_fails(&t, "y", "square matrices");
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(determinants_of_a_batch),
        cmocka_unit_test(only_square_matrices_have_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
