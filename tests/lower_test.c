/* SPDX-License-Identifier: Apache-2.0
 *
 * Mul and Add in the place of what stays (fold_test has their arithmetic): constants of the type of the data. */
#include "build.h"
#include "onnx/graph/edit.h"
#include "passes/algebra/affine_node.h"
#include "passes/passes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A BatchNormalization of three channels, alone in its graph. */
static void load_norm(struct build *b, struct model *model, struct net *net, const char *shape, enum dtype type,
                      int64_t opset, const double *numbers, const double *variance)
{
    build_open(b, 8, opset);
    build_input(b, "x", type, shape);
    for (const char *const *name = (const char *const[]){ "s", "b", "m", NULL }; *name; name++)
        build_init_values(b, *name, DTYPE_FLOAT, "3", numbers);
    build_init_values(b, "v", DTYPE_FLOAT, "3", variance);
    build_node(b, "BatchNormalization", "bn", "x s b m v", "y", NULL);
    build_output(b, "y", type, NULL);
    build_load(b, model, net);
}

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
    load_norm(&b, &model, &net, "2,3,4,5", DTYPE_FLOAT16, 15, ones, ones);
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
    load_norm(&b, &model, &net, shape, type, opset, numbers, (const double[]){ 1, 2, 3 });
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

/* One that was added takes another affine in the room of its own; one of the file is left as it is. */
static void what_was_added_is_another_affine_in_place(void **state)
{
    static const double one[] = { 1, -2, 3, 4, 5, 6 }, two[] = { 7, 8, -9, 0, 2, 4 };
    struct build b;
    struct model model;
    struct net net;
    (void)state;
    load_norm(&b, &model, &net, "2,3,4,5", DTYPE_FLOAT, 15, one + 2, one + 2);
    struct value *y = net.main->first->outputs[0];
    struct affine *first = affine_new(net.arena, 1, 3, one, one + 3),
                  *second = affine_new(net.arena, 1, 3, two, two + 3);
    assert_false(affine_relower(net.main->first, second));
    struct node *added = affine_lower(net.main, NULL, y, first, DTYPE_FLOAT, true, "z")->writer;
    const size_t count = net.main->initializer_count;
    const double *room = added->inputs[1].value->initializer->exact;
    const char *name = added->inputs[1].value->name;
    assert_true(affine_relower(added, second));
    assert_int_equal(net.main->initializer_count, count);
    assert_ptr_equal(added->inputs[1].value->initializer->exact, room);
    assert_string_not_equal(added->inputs[1].value->name, name); /* a name that survives means the same value */
    assert_memory_equal(room, two, 3 * sizeof *two);
    assert_memory_equal(added->inputs[2].value->initializer->exact, two + 3, 3 * sizeof *two);
    assert_true(affine_relower(added, first));
    assert_memory_equal(room, one, 3 * sizeof *one);
    edit_set_float(added, "epsilon", 1e-5f); /* it says something else now */
    assert_false(affine_relower(added, second));
    build_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(constants_have_the_type_of_the_data),
                                        cmocka_unit_test(a_spatial_axis_makes_it_a_convolution),
                                        cmocka_unit_test(what_was_added_is_another_affine_in_place) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
