/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that no other test would miss if they were lost: a case each, worked out by its formula. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

/* One or two inputs of shape [1,2] and one type. */
static void try_two(int64_t opset, const char *op, const char *attributes, enum dtype type, const double *a,
                    const double *b, enum dtype to, const char *dims, const double *y)
{
    struct trial t;
    trial_open(&t, opset);
    trial_input(&t, "a", type, "1,2", a);
    if (b) trial_input(&t, "b", type, "1,2", b);
    build_node(&t.build, op, "op", b ? "a b" : "a", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", to, dims, y);
    trial_close(&t);
}

/* Floats, element by element. */
static void try_unary(int64_t opset, const char *op, const char *attributes, double a, double b, double y, double z)
{
    try_two(opset, op, attributes, DTYPE_FLOAT, (double[]){ a, b }, NULL, DTYPE_FLOAT, "1,2", (double[]){ y, z });
}

static void angles_and_areas(void **state)
{
    (void)state;
    try_unary(13, "Acos", NULL, 0.5, -1, acos(0.5), acos(-1));
    try_unary(13, "Acosh", NULL, 1, 2, 0, log(2 + sqrt(3)));
    try_unary(13, "Asin", NULL, 0.5, -1, asin(0.5), asin(-1));
    try_unary(13, "Asinh", NULL, 1, 0, log(1 + sqrt(2)), 0);
    try_unary(13, "Atan", NULL, 1, -1, atan(1), -atan(1));
    try_unary(13, "Atanh", NULL, 0.5, 0, log(3) / 2, 0);
    try_unary(13, "Cos", NULL, 1, 0, cos(1), 1);
    try_unary(13, "Cosh", NULL, 1, 0, (exp(1) + exp(-1)) / 2, 1);
    try_unary(13, "Sinh", NULL, 1, 0, (exp(1) - exp(-1)) / 2, 0);
    try_unary(13, "Tan", NULL, 1, 0, tan(1), 0);
}

static void rounding_and_bounds(void **state)
{
    (void)state;
    try_unary(13, "Ceil", NULL, 1.5, -1.5, 2, -1);
    try_unary(13, "Floor", NULL, 1.5, -1.5, 1, -2);
    try_unary(6, "Clip", "min=-0.5 max=0.25", 1, -1, 0.25, -0.5);
    try_unary(13, "Shrink", NULL, 2, 0.25, 2, 0);
    try_unary(13, "ThresholdedRelu", NULL, 2, 0.5, 2, 0);
    try_two(13, "IsInf", NULL, DTYPE_FLOAT, (double[]){ INFINITY, 2 }, NULL, DTYPE_BOOL, "1,2", (double[]){ 1, 0 });
}

static void activations(void **state)
{
    const double alpha = 1.67326319217681884765625, gamma = 1.05070102214813232421875;
    (void)state;
    try_unary(13, "Celu", NULL, 2, -1, 2, exp(-1) - 1);
    try_unary(20, "Gelu", NULL, 1, 0, (1 + erf(sqrt(0.5))) / 2, 0);
    try_unary(13, "HardSigmoid", NULL, 1, -4, (double)0.2f + 0.5, 0);
    try_unary(14, "HardSwish", NULL, 1, -4, 2.0 / 3, 0);
    try_unary(13, "Log", NULL, 2, 1, log(2), 0);
    try_unary(18, "Mish", NULL, 1, 0, tanh(log(1 + exp(1))), 0);
    try_unary(13, "Selu", NULL, 1, -1, gamma, gamma * alpha * (exp(-1) - 1));
    try_unary(13, "Softsign", NULL, 1, -3, 0.5, -0.75);
    try_unary(24, "Swish", NULL, 1, 0, 1 / (1 + exp(-1)), 0);
    try_unary(11, "LogSoftmax", NULL, 5, 5, -log(2), -log(2));
}

static void arithmetic_and_logic(void **state)
{
    static const double a[] = { 6, 5 }, b[] = { 3, 4 }, yes[] = { 1, 1 }, half[] = { 1, 0 }, no[] = { 0, 0 };
    (void)state;
    try_two(6, "Div", NULL, DTYPE_FLOAT, a, b, DTYPE_FLOAT, "1,2", (double[]){ 2, 1.25 });
    try_two(6, "Sum", NULL, DTYPE_FLOAT, a, b, DTYPE_FLOAT, "1,2", (double[]){ 9, 9 });
    try_two(6, "Mean", NULL, DTYPE_FLOAT, a, b, DTYPE_FLOAT, "1,2", (double[]){ 4.5, 4.5 });
    try_two(6, "Max", NULL, DTYPE_FLOAT, a, b, DTYPE_FLOAT, "1,2", a);
    try_two(6, "Min", NULL, DTYPE_FLOAT, a, b, DTYPE_FLOAT, "1,2", b);
    try_two(6, "Sub", NULL, DTYPE_FLOAT, a, b, DTYPE_FLOAT, "1,2", (double[]){ 3, 1 });
    try_two(6, "Pow", NULL, DTYPE_FLOAT, a, b, DTYPE_FLOAT, "1,2", (double[]){ 216, 625 });
    try_two(13, "Mean", NULL, DTYPE_FLOAT, a, b, DTYPE_FLOAT, "1,2", (double[]){ 4.5, 4.5 });
    try_two(18, "BitwiseAnd", NULL, DTYPE_INT32, a, b, DTYPE_INT32, "1,2", (double[]){ 2, 4 });
    try_two(18, "BitwiseOr", NULL, DTYPE_INT32, a, b, DTYPE_INT32, "1,2", (double[]){ 7, 5 });
    try_two(18, "BitwiseXor", NULL, DTYPE_INT32, a, b, DTYPE_INT32, "1,2", (double[]){ 5, 1 });
    try_two(18, "BitwiseNot", NULL, DTYPE_INT32, a, NULL, DTYPE_INT32, "1,2", (double[]){ -7, -6 });
    try_two(13, "Or", NULL, DTYPE_BOOL, half, no, DTYPE_BOOL, "1,2", half);
    try_two(13, "Xor", NULL, DTYPE_BOOL, half, yes, DTYPE_BOOL, "1,2", (double[]){ 0, 1 });
    try_two(13, "Not", NULL, DTYPE_BOOL, half, NULL, DTYPE_BOOL, "1,2", (double[]){ 0, 1 });
    try_two(26, "BitCast", "to=6", DTYPE_FLOAT, yes, NULL, DTYPE_INT32, "1,2", (double[]){ 0x3f800000, 0x3f800000 });
}

static void reductions(void **state)
{
    static const double x[] = { 3, 4 };
    (void)state;
    try_two(13, "ReduceL1", NULL, DTYPE_FLOAT, (double[]){ -3, 4 }, NULL, DTYPE_FLOAT, "1,1", (double[]){ 7 });
    try_two(13, "ReduceL2", NULL, DTYPE_FLOAT, x, NULL, DTYPE_FLOAT, "1,1", (double[]){ 5 });
    try_two(18, "ReduceL2", NULL, DTYPE_FLOAT, x, NULL, DTYPE_FLOAT, "1,1", (double[]){ 5 });
    try_two(13, "ReduceLogSum", NULL, DTYPE_FLOAT, x, NULL, DTYPE_FLOAT, "1,1", (double[]){ log(7) });
    try_two(18, "ReduceLogSum", NULL, DTYPE_FLOAT, x, NULL, DTYPE_FLOAT, "1,1", (double[]){ log(7) });
    try_two(13, "ReduceSumSquare", NULL, DTYPE_FLOAT, x, NULL, DTYPE_FLOAT, "1,1", (double[]){ 25 });
}

static void scattering(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 9);
    trial_input(&t, "data", DTYPE_FLOAT, "3", (double[]){ 1, 2, 3 });
    trial_input(&t, "at", DTYPE_INT64, "1", (double[]){ 1 });
    trial_input(&t, "update", DTYPE_FLOAT, "1", (double[]){ 9 });
    build_node(&t.build, "Scatter", "op", "data at update", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "3", (double[]){ 1, 9, 3 });
    trial_close(&t);
    trial_open(&t, 24);
    trial_input(&t, "past", DTYPE_FLOAT, "1,3,1", (double[]){ 1, 2, 3 });
    trial_input(&t, "update", DTYPE_FLOAT, "1,1,1", (double[]){ 9 });
    trial_input(&t, "at", DTYPE_INT64, "1", (double[]){ 1 });
    build_node(&t.build, "TensorScatter", "op", "past update at", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,3,1", (double[]){ 1, 9, 3 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(angles_and_areas),     cmocka_unit_test(rounding_and_bounds), cmocka_unit_test(activations),
        cmocka_unit_test(arithmetic_and_logic), cmocka_unit_test(reductions),          cmocka_unit_test(scattering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
