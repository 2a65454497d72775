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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(constants_have_the_type_of_the_data) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
