/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers: the same for the same seed and name, and of the distribution asked for. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

enum { COUNT = 20000 };

static void mean_and_deviation(const struct array *array, double *mean, double *deviation)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < array->count; i++) {
        double x = array->store == STORE_F32 ? (double)array->f32[i] : array->f64[i];
        sum += x;
        squares += x * x;
    }
    *mean = sum / (double)array->count;
    *deviation = sqrt(squares / (double)array->count - *mean * *mean);
}

static void normal_and_uniform_numbers_are_where_they_should_be(void **state)
{
    (void)state;
    struct trial t;
    double mean, deviation;
    trial_open(&t, 13);
    build_node(&t.build, "RandomNormal", "n", "", "normal", "shape=200,100 mean=5.0 scale=2.0");
    build_node(&t.build, "RandomUniform", "u", "", "uniform", "shape=20000, low=-1.0 high=3.0 dtype=11");
    trial_run(&t, "normal uniform");
    mean_and_deviation(trial_output(&t, "normal", false), &mean, &deviation);
    assert_true(fabs(mean - 5) < 0.1 && fabs(deviation - 2) < 0.1);
    const struct array *uniform = trial_output(&t, "uniform", false);
    mean_and_deviation(uniform, &mean, &deviation);
    assert_true(fabs(mean - 1) < 0.1 && fabs(deviation - 4 / sqrt(12)) < 0.1);
    assert_int_equal(uniform->type, DTYPE_DOUBLE);
    for (int i = 0; i < COUNT; i++) assert_true(uniform->f64[i] >= -1 && uniform->f64[i] < 3);
    trial_close(&t);
}

static void numbers_depend_on_seeds_and_names_alone(void **state)
{
    (void)state;
    struct trial t, u;
    trial_open(&t, 13);
    trial_input(&t, "x", DTYPE_FLOAT, "4", (double[4]){ 0 });
    build_node(&t.build, "RandomNormalLike", "a", "x", "a", NULL);
    build_node(&t.build, "RandomNormalLike", "b", "x", "b", NULL);
    build_node(&t.build, "RandomNormalLike", "c", "x", "c", "seed=3.0");
    trial_run(&t, "a b c");
    trial_open(&u, 13);
    trial_input(&u, "x", DTYPE_FLOAT, "4", (double[4]){ 0 });
    build_node(&u.build, "RandomNormalLike", "other_node", "x", "b", NULL);
    build_node(&u.build, "RandomNormalLike", "c", "x", "c", "seed=4.0");
    trial_run(&u, "b c");
    const struct array *a = trial_output(&t, "a", false), *b = trial_output(&t, "b", false);
    assert_memory_not_equal(a->f32, b->f32, sizeof(float[4]));
    assert_memory_equal(trial_output(&u, "b", false)->f32, b->f32, sizeof(float[4]));
    assert_memory_not_equal(trial_output(&u, "c", false)->f32, trial_output(&t, "c", false)->f32, sizeof(float[4]));
    for (int i = 0; i < 4; i++)
        assert_true((float)trial_output(&t, "a", true)->f64[i] == a->f32[i]); /* float and double draw alike */
    trial_close(&u);
    trial_close(&t);
}

static void another_run_seed_draws_other_numbers(void **state)
{
    (void)state;
    float first = 0;
    for (int seed = 1; seed < 3; seed++) {
        struct trial t;
        trial_open(&t, 13);
        t.seed = (uint64_t)seed;
        build_node(&t.build, "RandomUniform", "u", "", "y", "shape=1,");
        trial_run(&t, "y");
        float drawn = trial_output(&t, "y", false)->f32[0];
        assert_true(seed == 1 || drawn != first);
        first = drawn;
        trial_close(&t);
    }
}

static void draws_follow_their_probabilities(void **state)
{
    (void)state;
    struct trial t;
    int64_t counts[3] = { 0 }, ones = 0;
    double chances[COUNT];
    for (int i = 0; i < COUNT; i++) chances[i] = 0.25;
    trial_open(&t, 15);
    trial_input(&t, "logs", DTYPE_FLOAT, "1,3", (double[]){ log(2), log(6), -1000 });
    trial_input(&t, "p", DTYPE_FLOAT, "20000", chances);
    trial_input(&t, "sure", DTYPE_FLOAT, "3", (double[]){ 0, 1, 0 });
    build_node(&t.build, "Multinomial", "m", "logs", "y", "sample_size=20000 dtype=7");
    build_node(&t.build, "Bernoulli", "b", "p", "z", "dtype=9");
    build_node(&t.build, "Bernoulli", "s", "sure", "known", NULL);
    trial_run(&t, "y z known");
    const struct array *y = trial_output(&t, "y", false), *z = trial_output(&t, "z", false);
    assert_int_equal(y->type, DTYPE_INT64);
    for (int i = 0; i < COUNT; i++) {
        counts[y->i64[i]]++;
        ones += z->i64[i];
    }
    assert_true(fabs((double)counts[0] / COUNT - 0.25) < 0.02 && counts[2] == 0);
    assert_true(fabs((double)ones / COUNT - 0.25) < 0.02);
    trial_expect(&t, "known", DTYPE_FLOAT, "3", (double[]){ 0, 1, 0 });
    trial_close(&t);
}

static void an_impossible_shape_is_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 13);
    build_node(&t.build, "RandomNormal", "n", "", "y", "shape=2,-3");
    trial_fails(&t, "y", "RandomNormal \"n\"");
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_and_uniform_numbers_are_where_they_should_be),
        cmocka_unit_test(numbers_depend_on_seeds_and_names_alone),
        cmocka_unit_test(another_run_seed_draws_other_numbers),
        cmocka_unit_test(draws_follow_their_probabilities),
        cmocka_unit_test(an_impossible_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
