/* SPDX-License-Identifier: Apache-2.0
 *
 * Losses: which targets count, and by what the mean divides. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

/* Log-softmax of the scores below, and what weights 1, 2, 4 make of the targets 2, 0, 1. */
static const double SCORES[] = { 1, 2, 3, 0.5, -1, 0, 2, 2, 2 };

static double log_softmax(int row, int c)
{
    double sum = 0;
    for (int i = 0; i < 3; i++) sum += exp(SCORES[3 * row + i]);
    return SCORES[3 * row + c] - log(sum);
}

static void cross_entropy_averages_by_the_weights_used(void **state)
{
    (void)state;
    struct trial t;
    double logs[9], sum = -4 * log_softmax(0, 2) - 1 * log_softmax(1, 0) - 2 * log_softmax(2, 1);
    for (int i = 0; i < 9; i++) logs[i] = log_softmax(i / 3, i % 3);
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "3,3", SCORES);
    trial_input(&t, "labels", DTYPE_INT64, "3", (double[]){ 2, 0, 1 });
    trial_input(&t, "weights", DTYPE_FLOAT, "3", (double[]){ 1, 2, 4 });
    build_node(&t.build, "SoftmaxCrossEntropyLoss", "a", "x labels weights", "mean logs", NULL);
    build_node(&t.build, "SoftmaxCrossEntropyLoss", "b", "x labels weights", "sum", "reduction=sum");
    build_node(&t.build, "SoftmaxCrossEntropyLoss", "c", "x labels weights", "none", "reduction=none");
    trial_run(&t, "mean logs sum none");
    trial_expect(&t, "mean", DTYPE_FLOAT, "", (double[]){ sum / 7 });
    trial_expect(&t, "logs", DTYPE_FLOAT, "3,3", logs);
    trial_expect(&t, "sum", DTYPE_FLOAT, "", &sum);
    trial_expect(&t, "none", DTYPE_FLOAT, "3",
                 (double[]){ -4 * log_softmax(0, 2), -log_softmax(1, 0), -2 * log_softmax(2, 1) });
    trial_close(&t);
}

static void cross_entropy_survives_large_scores(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2", (double[]){ 1e4, 1e4 });
    trial_input(&t, "labels", DTYPE_INT64, "1", (double[]){ 1 });
    build_node(&t.build, "SoftmaxCrossEntropyLoss", "a", "x labels", "y", NULL);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "", (double[]){ log(2) });
    trial_close(&t);
}

/* Scores [1, 3, 2, 2], targets [1, 2, 2]. */
static void likelihood_ignores_one_class_in_the_mean_too(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "1,3,2,2", (double[]){ 1, 2, 3, 4, 10, 20, 30, 40, 100, 200, 300, 400 });
    trial_input(&t, "labels", DTYPE_INT32, "1,2,2", (double[]){ 0, 2, -5, 1 });
    build_node(&t.build, "NegativeLogLikelihoodLoss", "a", "x labels", "mean", "ignore_index=-5");
    build_node(&t.build, "NegativeLogLikelihoodLoss", "b", "x labels", "none", "ignore_index=-5 reduction=none");
    trial_run(&t, "mean none");
    trial_expect(&t, "mean", DTYPE_FLOAT, "", (double[]){ -(1 + 200 + 40) / 3.0 });
    trial_expect(&t, "none", DTYPE_FLOAT, "1,2,2", (double[]){ -1, -200, 0, -40 });
    trial_close(&t);
}

static void an_unknown_class_is_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "1,3", (double[]){ 1, 2, 3 });
    trial_input(&t, "labels", DTYPE_INT64, "1", (double[]){ 3 });
    build_node(&t.build, "NegativeLogLikelihoodLoss", "a", "x labels", "y", NULL);
    trial_fails(&t, "y", "target 3 of 3 classes");
    trial_close(&t);
}

static void targets_of_another_shape_are_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "1,3,2", (double[6]){ 0 });
    trial_input(&t, "labels", DTYPE_INT64, "1,3", (double[3]){ 0 });
    build_node(&t.build, "NegativeLogLikelihoodLoss", "a", "x labels", "y", NULL);
    trial_fails(&t, "y", "shape of its scores without axis 1");
    trial_close(&t);
}

/* Two samples of three classes at two places. */
static void cross_entropy_runs_along_axis_1(void **state)
{
    (void)state;
    struct trial t;
    static const double x[] = { 1, 5, 2, 4, 3, 0, 0, 1, 0, 2, 0, 9 };
    double logs[12];
    for (int i = 0; i < 12; i++) {
        int first = i / 6 * 6 + i % 2;
        logs[i] = x[i] - log(exp(x[first]) + exp(x[first + 2]) + exp(x[first + 4]));
    }
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3,2", x);
    trial_input(&t, "labels", DTYPE_INT64, "2,2", (double[]){ 2, 0, 1, 2 });
    build_node(&t.build, "SoftmaxCrossEntropyLoss", "a", "x labels", "y logs", "reduction=none");
    trial_run(&t, "y logs");
    trial_expect(&t, "logs", DTYPE_FLOAT, "2,3,2", logs);
    trial_expect(&t, "y", DTYPE_FLOAT, "2,2", (double[]){ -logs[4], -logs[1], -logs[8], -logs[11] });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cross_entropy_averages_by_the_weights_used),
        cmocka_unit_test(cross_entropy_survives_large_scores),
        cmocka_unit_test(likelihood_ignores_one_class_in_the_mean_too),
        cmocka_unit_test(an_unknown_class_is_refused),
        cmocka_unit_test(targets_of_another_shape_are_refused),
        cmocka_unit_test(cross_entropy_runs_along_axis_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
