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

/* What the standard has anew, as it was on trial. */
static void upsample_and_statistics_of_old(void **state)
{
    static const double x[] = { 0, 2, 4, 6, 1, 1, 1, 5 };
    struct trial t;
    (void)state;
    trial_open(&t, 6);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,2,2", x);
    build_node(&t.build, "Upsample", "a", "x", "wide", "height_scale=1.0 width_scale=2.0 mode=nearest");
    build_node(&t.build, "MeanVarianceNormalization", "b", "x", "own", "");
    build_node(&t.build, "MeanVarianceNormalization", "c", "x", "all", "across_channels=1 normalize_variance=0");
    trial_run(&t, "wide own all");
    trial_expect(&t, "wide", DTYPE_FLOAT, "1,2,2,4", (double[]){ 0, 0, 2, 2, 4, 4, 6, 6, 1, 1, 1, 1, 1, 1, 5, 5 });
    double s = 1 / (sqrt(5) + 1e-9), r = 1 / (sqrt(3) + 1e-9);
    trial_expect(&t, "own", DTYPE_FLOAT, "1,2,2,2", (double[]){ -3 * s, -s, s, 3 * s, -r, -r, -r, 3 * r });
    trial_expect(&t, "all", DTYPE_FLOAT, "1,2,2,2", (double[]){ -2.5, -0.5, 1.5, 3.5, -1.5, -1.5, -1.5, 2.5 });
    trial_close(&t);
}

static void calls_into_pytorch_are_refused(void **state)
{
    static const char *const domains[] = { "", "org.pytorch.aten", "com.microsoft", "aten", "prim" };
    (void)state;
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        struct trial t;
        trial_open(&t, 9);
        if (*domains[i]) build_import(&t.build, domains[i], 1);
        trial_input(&t, "x", DTYPE_FLOAT, "1", (double[]){ 1 });
        build_node(&t.build, "ATen", "a", "x", "y", i < 3 ? "operator=erfinv" : "")->domain = (char *)domains[i];
        trial_fails(&t, "y", i < 3 ? "is a call into PyTorch" : "is PyTorch's own");
        trial_fails(&t, "y", "operator_export_type=OperatorExportTypes.ONNX");
        trial_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_of_a_number),
        cmocka_unit_test(images_are_scaled_and_cropped),
        cmocka_unit_test(a_border_beyond_the_image_is_refused),
        cmocka_unit_test(tensors_are_filled),
        cmocka_unit_test(upsample_and_statistics_of_old),
        cmocka_unit_test(calls_into_pytorch_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
