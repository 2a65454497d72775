/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax and its kin under both meanings of `axis`, at the ends of the range. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

static void try_softmax(int64_t opset, const char *op, const char *attributes, const double *x, const double *y)
{
    struct trial t;
    trial_open(&t, opset);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,2", x);
    build_node(&t.build, op, "op", "x", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,2", y);
    trial_close(&t);
}

#define EQUAL      \
    (double[])     \
    {              \
        3, 3, 3, 3 \
    }

static void until_opset_12_all_dimensions_from_the_axis_on_are_one(void **state)
{
    (void)state;
    try_softmax(11, "Softmax", NULL, EQUAL, (double[]){ 0.25, 0.25, 0.25, 0.25 });
    try_softmax(11, "Softmax", "axis=2", EQUAL, (double[]){ 0.5, 0.5, 0.5, 0.5 });
    try_softmax(11, "Hardmax", NULL, (double[]){ 1, 4, 4, 0 }, (double[]){ 0, 1, 0, 0 });
}

static void from_opset_13_on_it_is_one_dimension(void **state)
{
    double ratio = 1 / (1 + exp(1));
    (void)state;
    try_softmax(13, "Softmax", NULL, EQUAL, (double[]){ 0.5, 0.5, 0.5, 0.5 });
    try_softmax(13, "Softmax", "axis=1", (double[]){ 0, 5, 1, 5 }, (double[]){ ratio, 0.5, 1 - ratio, 0.5 });
    try_softmax(13, "Hardmax", "axis=1", (double[]){ 1, 4, 4, 0 }, (double[]){ 0, 1, 1, 0 });
    try_softmax(13, "LogSoftmax", "axis=1", EQUAL, (double[]){ -M_LN2, -M_LN2, -M_LN2, -M_LN2 });
}

static void large_numbers_do_not_overflow(void **state)
{
    (void)state;
    try_softmax(13, "Softmax", NULL, (double[]){ 1e4, 1e4, -INFINITY, 1 }, (double[]){ 0.5, 0.5, 0, 1 });
    try_softmax(13, "LogSoftmax", NULL, (double[]){ 1e4, 0, 0, 0 }, (double[]){ 0, -1e4, -M_LN2, -M_LN2 });
    try_softmax(13, "Softmax", NULL, (double[]){ 1, NAN, 0, 0 }, (double[]){ NAN, NAN, 0.5, 0.5 });
}

static void a_scalar_and_nothing_are_inputs_too(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "", (double[]){ 4 });
    trial_input(&t, "none", DTYPE_FLOAT, "2,0", (double[]){ 4 });
    build_node(&t.build, "Softmax", "scalar", "x", "y", NULL);
    build_node(&t.build, "Softmax", "nothing", "none", "z", NULL);
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_FLOAT, "", (double[]){ 1 });
    trial_expect(&t, "z", DTYPE_FLOAT, "2,0", (double[]){ 1 });
    trial_close(&t);
}

#define LONG 101 /* no multiple of a block's columns or of a row's lanes */

static void rows_and_columns_of_any_length_are_normalized(void **state)
{
    static double x[LONG * LONG], row[LONG * LONG], column[LONG * LONG];
    struct trial t;
    (void)state;
    for (int i = 0; i < LONG * LONG; i++) x[i] = (double)(float)(4 * sin(i));
    for (int i = 0; i < LONG; i++) {
        double rows = 0, columns = 0;
        for (int k = 0; k < LONG; k++) {
            rows += exp(x[i * LONG + k]);
            columns += exp(x[k * LONG + i]);
        }
        for (int k = 0; k < LONG; k++) {
            row[i * LONG + k] = exp(x[i * LONG + k]) / rows;
            column[k * LONG + i] = x[k * LONG + i] - log(columns);
        }
    }
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "101,101", x);
    build_node(&t.build, "Softmax", "rows", "x", "y", NULL);
    build_node(&t.build, "LogSoftmax", "columns", "x", "z", "axis=0");
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_FLOAT, "101,101", row);
    trial_expect(&t, "z", DTYPE_FLOAT, "101,101", column);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(until_opset_12_all_dimensions_from_the_axis_on_are_one),
        cmocka_unit_test(from_opset_13_on_it_is_one_dimension),
        cmocka_unit_test(large_numbers_do_not_overflow),
        cmocka_unit_test(rows_and_columns_of_any_length_are_normalized),
        cmocka_unit_test(a_scalar_and_nothing_are_inputs_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
