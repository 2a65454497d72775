/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibration: the statistics that come out are those of the data, layer by layer, over all sets. */
#include "build.h"
#include "check/calibrate.h"
#include "onnx/graph/attr.h"
#include "onnx/shape/infer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct build b;
static struct model model;
static struct net net;
static struct check_options options;
static bnfuse_calibration calibration;

/* Two sets of two channels: 1 2 3 4 in the one, 10 times those in the other; and a set of one more row. */
static const float first[] = { 1, 10, 2, 20 }, second[] = { 3, 30, 4, 40, 5, 50 };
static const struct datum data[] = {
    { .name = "x",
      .tensor = { .type = DTYPE_FLOAT, .rank = 2, .count = 4, .dims = (int64_t[]){ 2, 2 }, .bytes = first } },
    { .name = "x",
      .tensor = { .type = DTYPE_FLOAT, .rank = 2, .count = 6, .dims = (int64_t[]){ 3, 2 }, .bytes = second } },
};
static const struct input_set sets[] = { { "one", &data[0], 1 }, { "two", &data[1], 1 } };

static const struct input_set *take(void *context, size_t index, struct bnfuse_error *error)
{
    (void)context;
    (void)error;
    return &sets[index];
}

static int open_build(void **state)
{
    (void)state;
    build_open(&b, 8, 15);
    options =
        (struct check_options){ .asked.seed = 1, .asked.threads = 1, .memory = &b.memory, .sets = { 2, take, NULL } };
    return 0;
}

static int close_build(void **state)
{
    (void)state;
    build_close(&b);
    return 0;
}

/* x -> bn1 -> Neg -> bn2 -> y, with statistics that are not those of the data. */
static void build_two(const char *attributes)
{
    static const char *const names[] = { "s", "t", "m", "v" };
    static const double values[4][2] = { { 2, 3 }, { 1, -1 }, { 7, 7 }, { 9, 16 } };
    build_input(&b, "x", DTYPE_FLOAT, "N,2");
    for (size_t i = 0; i < 4; i++) build_init_values(&b, names[i], DTYPE_FLOAT, "2", values[i]);
    build_node(&b, "BatchNormalization", "bn1", "x s t m v", "h", attributes);
    build_node(&b, "Neg", "neg", "h", "n", NULL);
    build_node(&b, "BatchNormalization", "bn2", "n s t m v", "y", attributes);
    build_output(&b, "y", DTYPE_FLOAT, "N,2");
}

static bool calibrate(double momentum, struct bnfuse_error *error)
{
    build_load(&b, &model, &net);
    assert_true(shape_infer(&net, error));
    return check_calibrate(&net, &options, momentum, &calibration, error);
}

static void assert_stored(const char *node, size_t slot, double at_0, double at_1)
{
    const struct tensor *tensor = value_constant(node_input(build_find_node(&net, node), slot));
    double values[2];
    assert_non_null(tensor);
    assert_int_equal(tensor->count, 2);
    assert_true(tensor_read_real(tensor, 0, 2, values, NULL));
    assert_true(fabs(values[0] - at_0) < 1e-6 * fabs(at_0) + 1e-9);
    assert_true(fabs(values[1] - at_1) < 1e-6 * fabs(at_1) + 1e-9);
}

static void statistics_become_those_of_all_sets_layer_by_layer(void **state)
{
    struct bnfuse_error error = { 0 };
    (void)state;
    build_two(NULL);
    if (!calibrate(1, &error)) fail_msg("%s", error.message);
    assert_int_equal(calibration.count, 2);
    assert_int_equal(calibration.left, 0);
    assert_int_equal(calibration.set_count, 2);
    assert_stored("bn1", 3, 3, 30);
    assert_stored("bn1", 4, 2, 200); /* of the population: 1 2 3 4 5 */
    /* What bn1 gives has mean t and deviation |s|, but for epsilon; bn2 sees its negative. */
    assert_stored("bn2", 3, -1, 1);
    assert_stored("bn2", 4, 4 * 2 / (2 + 1e-5), 9 * 200 / (200 + 1e-5));
    assert_true(fabs(calibration.list[0]->mean_moved - 23 / sqrt(16 + 1e-5)) < 1e-6);
}

static void momentum_keeps_a_part_of_what_was(void **state)
{
    struct bnfuse_error error = { 0 };
    (void)state;
    build_two(NULL);
    if (!calibrate(0.25, &error)) fail_msg("%s", error.message);
    assert_stored("bn1", 3, 0.75 * 7 + 0.25 * 3, 0.75 * 7 + 0.25 * 30);
    assert_stored("bn1", 4, 0.75 * 9 + 0.25 * 2, 0.75 * 16 + 0.25 * 200);
}

static void training_mode_goes(void **state)
{
    struct bnfuse_error error = { 0 };
    (void)state;
    build_two("training_mode=1");
    if (!calibrate(1, &error)) fail_msg("%s", error.message);
    assert_int_equal(node_int(build_find_node(&net, "bn1"), "training_mode", 0), 0);
    assert_stored("bn1", 3, 3, 30);
}

static void without_data_there_is_nothing_to_measure(void **state)
{
    struct bnfuse_error error = { 0 };
    (void)state;
    options.sets.count = 0;
    build_two(NULL);
    assert_false(calibrate(1, &error));
    assert_int_equal(error.status, BNFUSE_USAGE);
    assert_non_null(strstr(error.message, "--data"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_build, close_build)
    const struct CMUnitTest tests[] = {
        TEST(statistics_become_those_of_all_sets_layer_by_layer),
        TEST(momentum_keeps_a_part_of_what_was),
        TEST(training_mode_goes),
        TEST(without_data_there_is_nothing_to_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
