/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that the standard dropped: a case each, worked out by its formula. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

static const double NUMBERS[] = { 1, -2, 3, -4, 5, -6, 7, -8, 9 };

static void try_op(const char *op, const char *attributes, const char *dims, const char *to_dims, const double *y)
{
    struct trial t;
    trial_open(&t, 7);
    trial_input(&t, "x", DTYPE_FLOAT, dims, NUMBERS);
    build_node(&t.build, op, "op", "x", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, to_dims, y);
    trial_close(&t);
}

static void curves_of_a_number(void **state)
{
    (void)state;
    try_op("Affine", "alpha=2.0 beta=0.5", "2", "2", (double[]){ 2.5, -3.5 });
    try_op("Scale", "scale=4.0", "2", "2", (double[]){ 4, -8 });
    try_op("ScaledTanh", "alpha=3.0 beta=0.5", "2", "2", (double[]){ 3 * tanh(0.5), -3 * tanh(1) });
    try_op("ParametricSoftplus", "alpha=3.0 beta=0.5", "2", "2",
           (double[]){ 3 * log(1 + exp(0.5)), 3 * log(1 + exp(-1)) });
}

static void images_are_scaled_and_cropped(void **state)
{
    (void)state;
    try_op("ImageScaler", "scale=2.0 bias=1.0,-1.0", "1,2,1,2", "1,2,1,2", (double[]){ 3, -3, 5, -9 });
    try_op("Crop", "border=1,0,0,1", "1,1,3,3", "1,1,2,2", (double[]){ -2, 3, 5, -6 });
    try_op("Crop", "border=0,1,0,0 scale=2,1", "1,1,3,3", "1,1,2,1", (double[]){ -4, 7 });
}

static void a_border_beyond_the_image_is_refused(void **state)
{
    struct trial t;
    (void)state;
    trial_open(&t, 7);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,3,3", NUMBERS);
    build_node(&t.build, "Crop", "op", "x", "y", "border=2,0,2,0");
    trial_fails(&t, "y", "a border that does not fit");
    trial_close(&t);
}

static void tensors_are_filled(void **state)
{
    struct trial t;
    (void)state;
    trial_open(&t, 7);
    trial_input(&t, "x", DTYPE_INT64, "2", (double[]){ 1, 2 });
    build_node(&t.build, "ConstantFill", "a", "x", "y", "input_as_shape=1 value=1.5");
    build_node(&t.build, "ConstantFill", "b", "", "z", "shape=1,1 extra_shape=2, dtype=7 value=3.0");
    build_node(&t.build, "GivenTensorFill", "c", "x", "w", "values=4.0,5.0");
    trial_run(&t, "y z w");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2", (double[]){ 1.5, 1.5 });
    trial_expect(&t, "z", DTYPE_INT64, "1,1,2", (double[]){ 3, 3 });
    trial_expect(&t, "w", DTYPE_FLOAT, "2", (double[]){ 4, 5 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_of_a_number),
        cmocka_unit_test(images_are_scaled_and_cropped),
        cmocka_unit_test(a_border_beyond_the_image_is_refused),
        cmocka_unit_test(tensors_are_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
