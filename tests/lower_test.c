/* SPDX-License-Identifier: Apache-2.0
 *
 * Mul and Add in the place of what stays (fold_test has their arithmetic): constants of the type of the data. */
#include "build.h"
#include "passes/passes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void constants_have_the_type_of_the_data(void **state)
{
    static const struct bnfuse_fuse_options options = { .fold_limit = 1 << 20, .lower_mul_add = true };
    static const double ones[] = { 1, 2, 3 };
    struct build b;
    struct model model;
    struct net net;
    struct pass_report report;
    struct bnfuse_error error;
    (void)state;
    build_open(&b, 8, 15);
    build_input(&b, "x", DTYPE_FLOAT16, "2,3,4,5");
    for (const char *const *name = (const char *const[]){ "s", "b", "m", "v", NULL }; *name; name++)
        build_init_values(&b, *name, DTYPE_FLOAT, "3", ones);
    build_node(&b, "BatchNormalization", "bn", "x s b m v", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT16, NULL);
    build_load(&b, &model, &net);
    assert_true(passes_run(&net, &options, &report, &error));
    assert_int_equal(report.left, 0);
    assert_int_equal(report.remarks[0]->outcome, BNFUSE_OUTCOME_LOWERED);
    assert_int_equal(net.main->initializer_count, 2);
    for (size_t i = 0; i < 2; i++) assert_int_equal(net.main->initializers[i]->initializer->type, DTYPE_FLOAT16);
    build_close(&b);
}

static void lower(const char *shape, enum dtype type, int64_t opset, const char *op)
{
    static const struct bnfuse_fuse_options options = { .fold_limit = 1 << 20, .lower_conv = true };
    static const double numbers[] = { 1, -2, 3 };
    struct build b;
    struct model model;
    struct net net;
    struct pass_report report;
    struct bnfuse_error error;
    build_open(&b, 8, opset);
    build_input(&b, "x", type, shape);
    for (const char *const *name = (const char *const[]){ "s", "b", "m", NULL }; *name; name++)
        build_init_values(&b, *name, DTYPE_FLOAT, "3", numbers);
    build_init_values(&b, "v", DTYPE_FLOAT, "3", (const double[]){ 1, 2, 3 });
    build_node(&b, "BatchNormalization", "bn", "x s b m v", "y", NULL);
    build_output(&b, "y", type, NULL);
    build_load(&b, &model, &net);
    assert_true(passes_run(&net, &options, &report, &error));
    assert_string_equal(net.main->first->op, op);
    assert_int_equal(report.left, strcmp(op, "BatchNormalization") == 0);
    for (size_t i = 0; i < net.main->initializer_count && report.left == 0; i++)
        assert_int_equal(net.main->initializers[i]->initializer->type, type);
    build_close(&b);
}

static void a_spatial_axis_makes_it_a_convolution(void **state)
{
    (void)state;
    lower("2,3,4,5", DTYPE_FLOAT, 13, "Conv");
    lower("N,3,4", DTYPE_FLOAT, 9, "Conv");
    lower("N,3,4", DTYPE_FLOAT16, 15, "Conv");
    lower("2,3", DTYPE_FLOAT, 13, "Mul");
    lower(NULL, DTYPE_FLOAT, 13, "BatchNormalization");
    lower("2,3,4,5", DTYPE_UINT16, 15, "BatchNormalization"); /* invalid, so left alone */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(constants_have_the_type_of_the_data),
                                        cmocka_unit_test(a_spatial_axis_makes_it_a_convolution) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
