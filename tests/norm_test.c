/* SPDX-License-Identifier: Apache-2.0
 *
 * Normalizations against their textbook formulas; which statistics they use, and what becomes of them. */
#include "noise.h"
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MOST 4000

static double x[MOST], y[MOST], scale[16], shift[16], mean[16], variance[16];

static void fill_all(void)
{
    fill_noise(x, MOST, 1);
    fill_noise(scale, 16, 2);
    fill_noise(shift, 16, 3);
    fill_noise(mean, 16, 4);
    for (int i = 0; i < 16; i++) variance[i] = fabs(noise(5, i)) + 0.25;
}

/* --- BatchNormalization over [images, channels, plane] --- */

struct moments {
    double mean[16], variance[16];
};

static struct moments batch_moments(int images, int channels, int plane)
{
    struct moments m = { { 0 }, { 0 } };
    for (int c = 0; c < channels; c++) {
        for (int i = 0; i < images * plane; i++)
            m.mean[c] += x[(i / plane * channels + c) * plane + i % plane] / (images * plane);
        for (int i = 0; i < images * plane; i++)
            m.variance[c] += pow(x[(i / plane * channels + c) * plane + i % plane] - m.mean[c], 2) / (images * plane);
    }
    return m;
}

static void batch_oracle(int images, int channels, int plane, const double *means, const double *variances,
                         double epsilon)
{
    for (int i = 0; i < images * channels * plane; i++) {
        int c = i / plane % channels;
        y[i] = scale[c] * (x[i] - means[c]) / sqrt(variances[c] + epsilon) + shift[c];
    }
}

static void open_batch(struct trial *t, int64_t opset, const char *dims, const char *parameters)
{
    fill_all();
    trial_open(t, opset);
    trial_input(t, "x", DTYPE_FLOAT, dims, x);
    trial_input(t, "s", DTYPE_FLOAT, parameters, scale);
    trial_input(t, "b", DTYPE_FLOAT, parameters, shift);
    trial_input(t, "m", DTYPE_FLOAT, parameters, mean);
    trial_input(t, "v", DTYPE_FLOAT, parameters, variance);
}

static void try_inference(int64_t opset, const char *dims, int images, int channels, int plane, const char *attributes)
{
    struct trial t;
    char parameters[16];
    sprintf(parameters, "%d", channels);
    open_batch(&t, opset, dims, parameters);
    batch_oracle(images, channels, plane, mean, variance, 0.125);
    build_node(&t.build, "BatchNormalization", "bn", "x s b m v", "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, dims, y);
    trial_close(&t);
}

static void inference_uses_the_given_statistics(void **state)
{
    (void)state;
    try_inference(15, "2,3,4,5", 2, 3, 20, "epsilon=0.125");
    try_inference(14, "2,3,5", 2, 3, 5, "epsilon=0.125");
    try_inference(9, "2,3", 2, 3, 1, "epsilon=0.125");
    try_inference(9, "4", 4, 1, 1, "epsilon=0.125");
    try_inference(7, "3,3,3,3", 3, 3, 9, "epsilon=0.125");
    try_inference(6, "2,3,2,2", 2, 3, 4, "epsilon=0.125 is_test=1");
    try_inference(1, "2,3,2,2", 2, 3, 4, "epsilon=0.125 is_test=1 consumed_inputs=0,0,0,1,1");
    try_inference(13, "0,3,2", 0, 3, 2, "epsilon=0.125");
    try_inference(13, "2,16,15,4", 2, 16, 60, "epsilon=0.125");
}

static void each_element_can_have_its_own(void **state)
{
    (void)state;
    struct trial t;
    open_batch(&t, 7, "3,2,2,2", "2,2,2");
    batch_oracle(3, 8, 1, mean, variance, 0.125);
    build_node(&t.build, "BatchNormalization", "bn", "x s b m v", "y", "epsilon=0.125 spatial=0");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "3,2,2,2", y);
    trial_close(&t);
}

/* The running statistics: the old ones weigh momentum, the variance is that of the population. */
static void try_training(int64_t opset, const char *dims, int images, int channels, int plane, const char *attributes,
                         const char *outputs)
{
    struct trial t;
    char parameters[16];
    double running_mean[16], running_variance[16];
    sprintf(parameters, "%d", channels);
    open_batch(&t, opset, dims, parameters);
    struct moments m = batch_moments(images, channels, plane);
    batch_oracle(images, channels, plane, m.mean, m.variance, 0.125);
    for (int c = 0; c < channels; c++) {
        running_mean[c] = mean[c] * 0.75 + m.mean[c] * 0.25;
        running_variance[c] = variance[c] * 0.75 + m.variance[c] * 0.25;
    }
    build_node(&t.build, "BatchNormalization", "bn", "x s b m v", outputs, attributes);
    trial_run(&t, outputs);
    trial_expect(&t, "y", DTYPE_FLOAT, dims, y);
    if (strstr(outputs, "rm")) trial_expect(&t, "rm", DTYPE_FLOAT, parameters, running_mean);
    if (strstr(outputs, "rv")) trial_expect(&t, "rv", DTYPE_FLOAT, parameters, running_variance);
    if (strstr(outputs, "sm")) trial_expect(&t, "sm", DTYPE_FLOAT, parameters, m.mean);
    if (strstr(outputs, "sv")) trial_expect(&t, "sv", DTYPE_FLOAT, parameters, m.variance);
    trial_close(&t);
}

static void training_uses_the_batch(void **state)
{
    (void)state;
    try_training(15, "2,3,4,5", 2, 3, 20, "epsilon=0.125 momentum=0.75 training_mode=1", "y rm rv");
    try_training(14, "1,3,4,5", 1, 3, 20, "epsilon=0.125 momentum=0.75 training_mode=1", "y rm rv");
    try_training(14, "5,3", 5, 3, 1, "epsilon=0.125 momentum=0.75 training_mode=1", "y rm rv");
    try_training(14, "5,3", 5, 3, 1, "epsilon=0.125 momentum=0.75 training_mode=1", "y");
    try_training(9, "2,3,7", 2, 3, 7, "epsilon=0.125 momentum=0.75", "y rm rv sm sv");
    try_training(7, "3,3,3,3", 3, 3, 9, "epsilon=0.125 momentum=0.75", "y rm rv");
    try_training(6, "2,3,2,2", 2, 3, 4, "epsilon=0.125 momentum=0.75", "y rm rv sm sv");
    try_training(6, "2,3,2,2", 2, 3, 4, "epsilon=0.125 momentum=0.75", "y");
    try_training(15, "3,16,5,10", 3, 16, 50, "epsilon=0.125 momentum=0.75 training_mode=1", "y rm rv");
}

/* One element per channel: its variance is 0, it becomes the shift; the running mean still moves. */
static void a_batch_of_one_element_becomes_the_shift(void **state)
{
    (void)state;
    struct trial t;
    double running[3], spread[3];
    open_batch(&t, 15, "1,3", "3");
    for (int c = 0; c < 3; c++) {
        running[c] = mean[c] * 0.9f + x[c] * (1 - (double)0.9f);
        spread[c] = variance[c] * 0.9f;
    }
    build_node(&t.build, "BatchNormalization", "bn", "x s b m v", "y rm rv", "training_mode=1");
    trial_run(&t, "y rm rv");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,3", shift);
    trial_expect(&t, "rm", DTYPE_FLOAT, "3", running);
    trial_expect(&t, "rv", DTYPE_FLOAT, "3", spread);
    trial_close(&t);
}

static void statistics_keep_their_own_type(void **state)
{
    (void)state;
    struct trial t;
    fill_all();
    trial_open(&t, 15);
    trial_input(&t, "x", DTYPE_FLOAT16, "2,1,1", (double[]){ 1, 3 });
    trial_input(&t, "s", DTYPE_DOUBLE, "1", (double[]){ 2 });
    trial_input(&t, "b", DTYPE_DOUBLE, "1", (double[]){ 0.5 });
    trial_input(&t, "m", DTYPE_FLOAT, "1", (double[]){ 1 });
    trial_input(&t, "v", DTYPE_FLOAT, "1", (double[]){ 4 });
    build_node(&t.build, "BatchNormalization", "a", "x s b m v", "y", "epsilon=0.0");
    build_node(&t.build, "BatchNormalization", "b", "x s b m v", "z rm rv", "epsilon=0.0 training_mode=1 momentum=0.5");
    trial_run(&t, "y z rm rv");
    trial_expect(&t, "y", DTYPE_FLOAT16, "2,1,1", (double[]){ 0.5, 2.5 });
    trial_expect(&t, "z", DTYPE_FLOAT16, "2,1,1", (double[]){ -1.5, 2.5 });
    trial_expect(&t, "rm", DTYPE_FLOAT, "1", (double[]){ 1.5 });
    trial_expect(&t, "rv", DTYPE_FLOAT, "1", (double[]){ 2.5 });
    trial_close(&t);
}

static void refuse_batch(int64_t opset, const char *dims, const char *parameters, const char *outputs, const char *part)
{
    struct trial t;
    open_batch(&t, opset, dims, parameters);
    build_node(&t.build, "BatchNormalization", "bn", "x s b m v", outputs, NULL);
    trial_fails(&t, "y", part);
    trial_close(&t);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    refuse_batch(15, "2,4,2", "3", "y", "scale has 3 elements for 4 channels");
    refuse_batch(15, "2,3,2", "3", "y rm rv", "training mode only");
}

/* --- the others --- */

/* Each of `groups` runs of `size` elements brought to mean 0 and variance 1. */
static void standardize(int groups, int size, double epsilon, bool centerd)
{
    for (int g = 0; g < groups; g++) {
        double sum = 0, squares = 0;
        for (int i = 0; centerd && i < size; i++) sum += x[g * size + i] / size;
        for (int i = 0; i < size; i++) squares += pow(x[g * size + i] - sum, 2) / size;
        for (int i = 0; i < size; i++) y[g * size + i] = (x[g * size + i] - sum) / sqrt(squares + epsilon);
    }
}

static void try_simple(const char *op, int64_t opset, const char *dims, const char *inputs, const char *parameters,
                       const char *attributes)
{
    struct trial t;
    trial_open(&t, opset);
    trial_input(&t, "x", DTYPE_FLOAT, dims, x);
    if (strstr(inputs, " s")) trial_input(&t, "s", DTYPE_FLOAT, parameters, scale);
    if (strstr(inputs, " b")) trial_input(&t, "b", DTYPE_FLOAT, parameters, shift);
    build_node(&t.build, op, "node", inputs, "y", attributes);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, dims, y);
    trial_close(&t);
}

static void an_instance_is_a_plane(void **state)
{
    (void)state;
    fill_all();
    standardize(6, 20, 0.125, true);
    for (int i = 0; i < 120; i++) y[i] = y[i] * scale[i / 20 % 3] + shift[i / 20 % 3];
    try_simple("InstanceNormalization", 6, "2,3,4,5", "x s b", "3", "epsilon=0.125");
    try_simple("InstanceNormalization", 22, "2,3,20", "x s b", "3", "epsilon=0.125");
}

/* As many groups as channels, too: opset decides what the parameters belong to. */
static void a_group_is_some_channels(void **state)
{
    (void)state;
    fill_all();
    standardize(4, 30, 0.125, true);
    for (int i = 0; i < 120; i++) y[i] = y[i] * scale[i / 10 % 6] + shift[i / 10 % 6];
    try_simple("GroupNormalization", 21, "2,6,5,2", "x s b", "6", "num_groups=2 epsilon=0.125");
    standardize(4, 30, 0.125, true);
    for (int i = 0; i < 120; i++) y[i] = y[i] * scale[i / 30 % 2] + shift[i / 30 % 2];
    try_simple("GroupNormalization", 18, "2,6,5,2", "x s b", "2", "num_groups=2 epsilon=0.125");
    standardize(6, 20, 0.125, true);
    for (int i = 0; i < 120; i++) y[i] = y[i] * scale[i / 20 % 3] + shift[i / 20 % 3];
    try_simple("GroupNormalization", 18, "2,3,20", "x s b", "3", "num_groups=3 epsilon=0.125");
    try_simple("GroupNormalization", 21, "2,3,20", "x s b", "3", "num_groups=3 epsilon=0.125");
}

static void a_layer_is_what_follows_the_axis(void **state)
{
    (void)state;
    fill_all();
    standardize(6, 20, 0.125, true);
    for (int i = 0; i < 120; i++) y[i] = y[i] * scale[i % 5] + shift[i % 5];
    try_simple("LayerNormalization", 17, "2,3,4,5", "x s b", "5", "axis=2 epsilon=0.125");
    try_simple("LayerNormalization", 17, "2,3,4,5", "x s b", "1,5", "axis=-2 epsilon=0.125");
    standardize(24, 5, 0.125, true);
    for (int i = 0; i < 120; i++) y[i] = y[i] * scale[i % 5];
    try_simple("LayerNormalization", 17, "2,3,4,5", "x s", "5", "epsilon=0.125");
    try_simple("LayerNormalization", 16, "2,3,4,5", "x s", "5", "epsilon=0.125");
    standardize(24, 5, 0.125, true);
    for (int i = 0; i < 120; i++) y[i] = y[i] * scale[i / 20 % 3] + shift[i / 20 % 3];
    try_simple("LayerNormalization", 17, "2,3,4,5", "x s b", "3,1,1", "epsilon=0.125");
}

/* The third output is the inverse of the deviation. */
static void a_layer_tells_its_statistics(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 17);
    trial_input(&t, "x", DTYPE_FLOAT16, "2,1,2", (double[]){ 1, 5, -2, -2 });
    trial_input(&t, "s", DTYPE_FLOAT16, "2", (double[]){ 1, 2 });
    build_node(&t.build, "LayerNormalization", "l", "x s", "y m d", "epsilon=0.0625 axis=1");
    trial_run(&t, "y m d");
    trial_expect(&t, "m", DTYPE_FLOAT, "2,1,1", (double[]){ 3, -2 });
    trial_expect(&t, "d", DTYPE_FLOAT, "2,1,1", (double[]){ 1 / sqrt(4.0625), 4 });
    trial_close(&t);
}

static void a_root_mean_square_has_no_mean(void **state)
{
    (void)state;
    fill_all();
    standardize(6, 20, 0.125, false);
    for (int i = 0; i < 120; i++) y[i] *= scale[i % 5];
    try_simple("RMSNormalization", 23, "2,3,4,5", "x s", "5", "axis=2 epsilon=0.125");
}

static void mean_and_variance_run_over_any_axes(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2,2,1,2", (double[]){ 1, 2, 7, 7, 3, 6, 7, 7 });
    build_node(&t.build, "MeanVarianceNormalization", "a", "x", "y", NULL);
    build_node(&t.build, "MeanVarianceNormalization", "b", "x", "z", "axes=-1,");
    trial_run(&t, "y z");
    double d = sqrt(3.5) + 1e-9;
    trial_expect(&t, "y", DTYPE_FLOAT, "2,2,1,2", (double[]){ -2 / d, -1 / d, 0, 0, 0, 3 / d, 0, 0 });
    double half = 0.5 / (0.5 + 1e-9), more = 1.5 / (1.5 + 1e-9);
    trial_expect(&t, "z", DTYPE_FLOAT, "2,2,1,2", (double[]){ -half, half, 0, 0, -more, more, 0, 0 });
    trial_close(&t);
}

/* An even window has one more channel after than before. */
static void responses_look_at_neighboring_channels(void **state)
{
    (void)state;
    for (int size = 1; size <= 4; size++) {
        char attributes[60];
        fill_all();
        for (int i = 0; i < 2 * 5 * 3; i++) {
            int c = i / 3 % 5;
            double squares = 0;
            for (int n = c - (size - 1) / 2; n <= c + size / 2; n++)
                if (n >= 0 && n < 5) squares += pow(x[i + (n - c) * 3], 2);
            y[i] = x[i] / pow(2 + 0.5 / size * squares, 0.25);
        }
        sprintf(attributes, "size=%d alpha=0.5 beta=0.25 bias=2.0", size);
        try_simple("LRN", 13, "2,5,3", "x", "", attributes);
    }
}

static void a_norm_of_zero_divides_nothing(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2,2,2", (double[]){ 3, 0, 4, 0, -1, 2, 3, -2 });
    build_node(&t.build, "LpNormalization", "a", "x", "y", "axis=1");
    build_node(&t.build, "LpNormalization", "b", "x", "z", "p=1");
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,2,2",
                 (double[]){ 0.6, 0, 0.8, 0, -1 / sqrt(10), sqrt(0.5), 3 / sqrt(10), -sqrt(0.5) });
    trial_expect(&t, "z", DTYPE_FLOAT, "2,2,2", (double[]){ 1, 0, 1, 0, -1 / 3.0, 2 / 3.0, 0.6, -0.4 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_uses_the_given_statistics),
        cmocka_unit_test(each_element_can_have_its_own),
        cmocka_unit_test(training_uses_the_batch),
        cmocka_unit_test(a_batch_of_one_element_becomes_the_shift),
        cmocka_unit_test(statistics_keep_their_own_type),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(an_instance_is_a_plane),
        cmocka_unit_test(a_group_is_some_channels),
        cmocka_unit_test(a_layer_is_what_follows_the_axis),
        cmocka_unit_test(a_layer_tells_its_statistics),
        cmocka_unit_test(a_root_mean_square_has_no_mean),
        cmocka_unit_test(mean_and_variance_run_over_any_axes),
        cmocka_unit_test(responses_look_at_neighboring_channels),
        cmocka_unit_test(a_norm_of_zero_divides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
