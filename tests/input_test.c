/* SPDX-License-Identifier: Apache-2.0
 *
 * Random inputs fit what reads them, whatever way they take to it. */
#include "build.h"
#include "check/input.h"
#include "onnx/shape/infer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct build b;
static struct model model;
static struct net net;

static int open_build(void **state)
{
    (void)state;
    build_open(&b, 8, 17);
    build_import(&b, "com.microsoft", 1);
    return 0;
}

static int close_build(void **state)
{
    (void)state;
    build_close(&b);
    return 0;
}

static const struct draw draws[] = {
    { .name = "normal", .form = DRAW_NORMAL, .scale = 1, .rounds = 2 },
    { .name = "large", .form = DRAW_NORMAL, .scale = 1e4, .rounds = 2 },
    { .name = "uniform", .form = DRAW_UNIFORM, .scale = 1, .rounds = 2 },
    { .name = "positive", .form = DRAW_POSITIVE, .scale = 1, .rounds = 2 },
    { .name = "sparse", .form = DRAW_SPARSE, .scale = 1, .rounds = 2 },
    { .name = "constant", .form = DRAW_CONSTANT, .scale = 1, .rounds = 2 },
};

static void assert_drawn_between(struct value *value, const struct draw *draw, uint64_t seed, double low, double high)
{
    const struct check_options options = { .asked.seed = seed, .memory = &b.memory };
    struct chooser chooser;
    struct datum datum;
    struct bnfuse_error error = { 0 };
    chooser_open(&chooser, &b.arena, &options, net.symbols, &guesses[0]);
    chooser.draw = draw;
    if (!choose_input(&chooser, &datum, value, &error)) fail_msg("%s", error.message);
    assert_true(datum.tensor.count > 0);
    double *numbers = NEW_ARRAY(&b.arena, double, (size_t)datum.tensor.count);
    assert_true(tensor_read_real(&datum.tensor, 0, datum.tensor.count, numbers, &error));
    for (int64_t i = 0; i < datum.tensor.count; i++)
        if (!(numbers[i] >= low && numbers[i] <= high))
            fail_msg("%s: %s draws %g", value->name, draw->name, numbers[i]);
}

static void load(void)
{
    struct bnfuse_error error = { 0 };
    build_output(&b, "y", 0, NULL);
    build_load(&b, &model, &net);
    if (!shape_infer(&net, &error)) fail_msg("%s", error.message);
}

static void assert_between(const char *name, double low, double high)
{
    for (size_t i = 0; i < sizeof draws / sizeof *draws; i++)
        for (uint64_t seed = 0; seed < 8; seed++)
            assert_drawn_between(build_find_value(&net, name), &draws[i], seed, low, high);
}

/* `v` is the input in question. */
static const struct domain {
    const char *domain, *op, *inputs, *attributes;
    double low, high;
} domains[] = {
    { "", "BatchNormalization", "x c c c v", NULL, 1e-3, 1e9 },
    { "", "QuantizeLinear", "x v", "axis=1", 1e-3, 1e9 },
    { "", "DequantizeLinear", "q v", "axis=1", 1e-3, 1e9 },
    { "", "QLinearMatMul", "q v z q s z s z", NULL, 1e-3, 1e9 },
    { "", "QLinearMatMul", "q s z q v z s z", NULL, 1e-3, 1e9 },
    { "", "QLinearMatMul", "q s z q s z v z", NULL, 1e-3, 1e9 },
    { "com.microsoft", "QLinearAdd", "q s z q s z v z", NULL, 1e-3, 1e9 },
    { "com.microsoft", "QLinearWhere", "k q s z q s z v z", NULL, 1e-3, 1e9 },
    { "com.microsoft", "QGemm", "q s z q s z _ v z", NULL, 1e-3, 1e9 },
    { "com.microsoft", "QLinearSigmoid", "q s z v z", NULL, 1e-3, 1e9 },
    { "", "Bernoulli", "v", NULL, 0, 1 },
    { "", "Dropout", "x v t", NULL, 0, 1 },
    { "", "Sqrt", "v", NULL, 1e-3, 1e9 },
    { "", "Log", "v", NULL, 1e-3, 1e9 },
};

static void an_input_with_a_domain_is_drawn_from_it(void **state)
{
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        const struct domain *domain = &domains[i];
        open_build(state);
        build_input(&b, "x", DTYPE_FLOAT, "4,3");
        build_input(&b, "c", DTYPE_FLOAT, "3");
        build_input(&b, "q", DTYPE_UINT8, "3,3");
        build_input(&b, "s", DTYPE_FLOAT, "");
        build_input(&b, "z", DTYPE_UINT8, "");
        build_input(&b, "k", DTYPE_BOOL, "3,3");
        build_input(&b, "t", DTYPE_BOOL, "");
        build_input(&b, "v", DTYPE_FLOAT, strstr(domain->inputs, "s") || strstr(domain->inputs, "t") ? "" : "3");
        build_node(&b, domain->op, "n", domain->inputs, "y", domain->attributes)->domain =
            arena_copy_text(&b.arena, domain->domain);
        load();
        assert_between("v", domain->low, domain->high);
        close_build(state);
    }
}

static void a_number_without_one_is_drawn_from_all(void **state)
{
    (void)state;
    build_input(&b, "v", DTYPE_FLOAT, "40");
    build_node(&b, "Relu", "n", "v", "y", NULL);
    load();
    struct datum datum;
    struct chooser chooser;
    struct bnfuse_error error;
    const struct check_options options = { .asked.seed = 1, .memory = &b.memory };
    double numbers[40];
    size_t negative = 0;
    chooser_open(&chooser, &b.arena, &options, net.symbols, &guesses[0]);
    assert_true(choose_input(&chooser, &datum, build_find_value(&net, "v"), &error));
    assert_true(tensor_read_real(&datum.tensor, 0, 40, numbers, &error));
    for (size_t i = 0; i < 40; i++) negative += numbers[i] < 0;
    assert_true(negative > 5 && negative < 35);
}

static void a_domain_is_seen_through_what_only_moves(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "4,3");
    build_input(&b, "c", DTYPE_FLOAT, "3");
    build_input(&b, "v", DTYPE_FLOAT, "1,3");
    build_init_values(&b, "flat", DTYPE_INT64, "1", (double[]){ -1 });
    build_node(&b, "Reshape", "r", "v flat", "w", NULL);
    build_node(&b, "BatchNormalization", "n", "x c c c w", "y", NULL);
    load();
    assert_between("v", 1e-3, 1e9);
}

static void a_domain_is_seen_through_calls(void **state)
{
    (void)state;
    static char local[] = "local";
    build_input(&b, "x", DTYPE_FLOAT, "4,3");
    build_input(&b, "c", DTYPE_FLOAT, "3");
    build_input(&b, "v", DTYPE_FLOAT, "3");
    build_import(&b, local, 1);
    build_node(&b, "Outer", "o", "v x c", "y", NULL)->domain = local;
    build_function(&b, "local", "Outer", "a p q", "r", NULL);
    build_import(&b, "local", 1);
    build_node(&b, "Norm", "call", "p q q q a", "r", NULL)->domain = local;
    build_end(&b);
    build_function(&b, "local", "Norm", "p s t m v", "r", NULL);
    build_import(&b, "", 17);
    build_node(&b, "BatchNormalization", "n", "p s t m v", "r", NULL);
    build_end(&b);
    load();
    assert_between("v", 1e-3, 1e9);
}

static void a_domain_is_seen_through_what_a_loop_carries(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "4,3");
    build_input(&b, "c", DTYPE_FLOAT, "3");
    build_input(&b, "v", DTYPE_FLOAT, "3");
    build_init_values(&b, "n", DTYPE_INT64, "", (double[]){ 2 });
    build_node(&b, "Loop", "loop", "n _ v", "last y", NULL);
    build_body(&b, "body");
    build_input(&b, "i", DTYPE_INT64, "");
    build_input(&b, "go", DTYPE_BOOL, "");
    build_input(&b, "carried", DTYPE_FLOAT, "3");
    build_node(&b, "Identity", NULL, "go", "on", NULL);
    build_node(&b, "Identity", NULL, "carried", "next", NULL);
    build_node(&b, "BatchNormalization", "bn", "x c c c carried", "z", NULL);
    build_output(&b, "on", DTYPE_BOOL, "");
    build_output(&b, "next", DTYPE_FLOAT, "3");
    build_output(&b, "z", DTYPE_FLOAT, "4,3");
    build_end(&b);
    load();
    assert_between("v", 1e-3, 1e9);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_build, close_build)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_input_with_a_domain_is_drawn_from_it),
        TEST(a_number_without_one_is_drawn_from_all),
        TEST(a_domain_is_seen_through_what_only_moves),
        TEST(a_domain_is_seen_through_calls),
        TEST(a_domain_is_seen_through_what_a_loop_carries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
