/* SPDX-License-Identifier: Apache-2.0
 *
 * Products and convolutions of quantized numbers. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void matmul_integer_takes_zero_points_off_rows_and_columns(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 10);
    trial_input(&t, "a", DTYPE_UINT8, "2,3", (double[]){ 11, 7, 3, 10, 6, 2 });
    trial_input(&t, "b", DTYPE_INT8, "3,2", (double[]){ 1, 4, 2, 5, 3, 6 });
    trial_input(&t, "az", DTYPE_UINT8, "2", (double[]){ 12, 2 });
    trial_input(&t, "bz", DTYPE_INT8, "2", (double[]){ 0, 1 });
    build_node(&t.build, "MatMulInteger", "m", "a b az bz", "y", NULL);
    trial_run(&t, "y"); /* rows -1 -5 -9 and 8 4 0; columns 1 2 3 and 3 4 5 */
    trial_expect(&t, "y", DTYPE_INT32, "2,2", (double[]){ -38, -68, 16, 40 });
    trial_close(&t);
}

static void matmul_integer_broadcasts_batches_and_takes_vectors(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 10);
    trial_input(&t, "a", DTYPE_UINT8, "2,1,1,2", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "b", DTYPE_UINT8, "3,2,1", (double[]){ 1, 0, 0, 1, 1, 1 });
    trial_input(&t, "v", DTYPE_UINT8, "2", (double[]){ 10, 1 });
    build_node(&t.build, "MatMulInteger", "m", "a b", "y", NULL);
    build_node(&t.build, "MatMulInteger", "n", "a v", "z", NULL);
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_INT32, "2,3,1,1", (double[]){ 1, 2, 3, 3, 4, 7 });
    trial_expect(&t, "z", DTYPE_INT32, "2,1,1", (double[]){ 12, 34 });
    trial_close(&t);
}

static void matmul_integer_refuses_other_depths(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 10);
    trial_input(&t, "a", DTYPE_UINT8, "1,2", (double[]){ 1, 2 });
    trial_input(&t, "b", DTYPE_UINT8, "3,1", (double[]){ 1, 0, 0 });
    build_node(&t.build, "MatMulInteger", "m", "a b", "y", NULL);
    trial_fails(&t, "y", "rows of 2 by columns of 3");
    trial_close(&t);
}

static void qlinear_matmul_rounds_then_adds_the_zero_point(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 10);
    trial_input(&t, "a", DTYPE_INT8, "1,2", (double[]){ 3, 4 });
    trial_input(&t, "b", DTYPE_INT8, "2,3", (double[]){ 1, 3, 100, 0, -1, 100 });
    trial_input(&t, "as", DTYPE_FLOAT, "", (double[]){ 0.5 });
    trial_input(&t, "bs", DTYPE_FLOAT, "3", (double[]){ 1, 1, 2 });
    trial_input(&t, "ys", DTYPE_FLOAT, "", (double[]){ 1 });
    trial_input(&t, "az", DTYPE_INT8, "", (double[]){ 0 });
    trial_input(&t, "bz", DTYPE_INT8, "3", (double[]){ 0, 0, 0 });
    trial_input(&t, "yz", DTYPE_INT8, "", (double[]){ 1 });
    build_node(&t.build, "QLinearMatMul", "m", "a as az b bs bz ys yz", "y", NULL);
    trial_run(&t, "y"); /* 1.5 -> 2, 2.5 -> 2, 700; plus 1 */
    trial_expect(&t, "y", DTYPE_INT8, "1,3", (double[]){ 3, 3, 127 });
    trial_close(&t);
}

static void conv_integer_pads_with_the_zero_point(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 10);
    trial_input(&t, "x", DTYPE_UINT8, "1,1,2,3", (double[]){ 2, 3, 4, 5, 6, 7 });
    trial_input(&t, "w", DTYPE_UINT8, "2,1,1,2", (double[]){ 1, 1, 2, 3 });
    trial_input(&t, "xz", DTYPE_UINT8, "", (double[]){ 1 });
    trial_input(&t, "wz", DTYPE_UINT8, "2", (double[]){ 0, 1 });
    build_node(&t.build, "ConvInteger", "c", "x w xz wz", "y", "pads=0,1,0,0");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_INT32, "1,2,2,3", (double[]){ 1, 3, 5, 4, 9, 11, 2, 5, 8, 8, 14, 17 });
    trial_close(&t);
}

static void qlinear_conv_scales_each_output_channel(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 10);
    trial_input(&t, "x", DTYPE_UINT8, "1,2,1,2", (double[]){ 10, 20, 30, 40 });
    trial_input(&t, "w", DTYPE_INT8, "2,1,1,1", (double[]){ 2, -3 });
    trial_input(&t, "xs", DTYPE_FLOAT, "", (double[]){ 0.5 });
    trial_input(&t, "xz", DTYPE_UINT8, "", (double[]){ 10 });
    trial_input(&t, "ws", DTYPE_FLOAT, "2", (double[]){ 1, 0.25 });
    trial_input(&t, "wz", DTYPE_INT8, "2", (double[]){ 0, 0 });
    trial_input(&t, "ys", DTYPE_FLOAT, "", (double[]){ 0.25 });
    trial_input(&t, "yz", DTYPE_UINT8, "", (double[]){ 100 });
    trial_input(&t, "b", DTYPE_INT32, "2", (double[]){ 5, 4 });
    build_node(&t.build, "QLinearConv", "c", "x xs xz w ws wz ys yz b", "y", "group=2");
    trial_run(&t, "y"); /* sums 5 25 | -56 -86, times 2 and a half, plus 100 */
    trial_expect(&t, "y", DTYPE_UINT8, "1,2,1,2", (double[]){ 110, 150, 72, 57 });
    trial_close(&t);
}

/* Batches of rows with scales and zero points of their own, [2, 2, 1]. */
static void qlinear_matmul_scales_rows_of_batches(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 10);
    trial_input(&t, "a", DTYPE_INT8, "2,2,1", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "b", DTYPE_INT8, "1,2", (double[]){ 1, 10 });
    trial_input(&t, "as", DTYPE_FLOAT, "2,2,1", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "az", DTYPE_INT8, "2,2,1", (double[]){ 0, 1, 1, 3 });
    trial_input(&t, "one", DTYPE_FLOAT, "", (double[]){ 1 });
    trial_input(&t, "zero", DTYPE_INT8, "", (double[]){ 0 });
    build_node(&t.build, "QLinearMatMul", "m", "a as az b one zero one zero", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_INT8, "2,2,2", (double[]){ 1, 10, 2, 20, 6, 60, 4, 40 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matmul_integer_takes_zero_points_off_rows_and_columns),
        cmocka_unit_test(matmul_integer_broadcasts_batches_and_takes_vectors),
        cmocka_unit_test(matmul_integer_refuses_other_depths),
        cmocka_unit_test(qlinear_matmul_rounds_then_adds_the_zero_point),
        cmocka_unit_test(conv_integer_pads_with_the_zero_point),
        cmocka_unit_test(qlinear_conv_scales_each_output_channel),
        cmocka_unit_test(qlinear_matmul_scales_rows_of_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
