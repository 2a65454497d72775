/* SPDX-License-Identifier: Apache-2.0
 *
 * LinearAttention and CausalConvWithState. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

/* One head, two steps, keys of 2, values of 1. */
static void try_rule(const char *attributes, const char *inputs, const double *y, const double *state)
{
    struct trial t;
    trial_open(&t, 27);
    trial_input(&t, "q", DTYPE_FLOAT, "1,2,2", (double[]){ 1, 1, 2, 1 });
    trial_input(&t, "k", DTYPE_FLOAT, "1,2,2", (double[]){ 1, 0, 0.5, 1 });
    trial_input(&t, "v", DTYPE_FLOAT, "1,2,1", (double[]){ 4, 8 });
    trial_input(&t, "past", DTYPE_FLOAT, "1,1,2,1", (double[]){ 2, 6 });
    trial_input(&t, "decay", DTYPE_DOUBLE, "1,2,1", (double[]){ log(0.5), log(0.25) });
    trial_input(&t, "beta", DTYPE_FLOAT, "1,2,1", (double[]){ 0.5, 1 });
    build_node(&t.build, "LinearAttention", "l", inputs, "y present", attributes);
    trial_run(&t, "y present");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,1", y);
    trial_expect(&t, "present", DTYPE_FLOAT, "1,1,2,1", state);
    trial_close(&t);
}

static void each_rule_updates_the_state_in_its_way(void **state)
{
    (void)state;
    /* S = (2, 6), then plus k v: (6, 6), (10, 14) */
    try_rule("q_num_heads=1 kv_num_heads=1 scale=1.0 update_rule=linear", "q k v past", (double[]){ 12, 34 },
             (double[]){ 10, 14 });
    /* halved (1, 3) + (4, 0) = (5, 3); quartered (1.25, 0.75) + (4, 8) */
    try_rule("q_num_heads=1 kv_num_heads=1 scale=1.0 update_rule=gated", "q k v past decay",
             (double[]){ 8, 2 * 5.25 + 8.75 }, (double[]){ 5.25, 8.75 });
    /* S.k = 2, change (4 - 2) / 2 = 1: (3, 6); S.k = 7.5, change 0.5: (3.25, 6.5) */
    try_rule("q_num_heads=1 kv_num_heads=1 scale=1.0 update_rule=delta", "q k v past _ beta", (double[]){ 9, 13 },
             (double[]){ 3.25, 6.5 });
    /* (1, 3): change 1.5: (2.5, 3); (0.625, 0.75): S.k = 1.0625, change 6.9375 */
    try_rule("q_num_heads=1 kv_num_heads=1 scale=2.0", "q k v past decay beta",
             (double[]){ 11, 2 * (2 * (0.625 + 6.9375 / 2) + 0.75 + 6.9375) },
             (double[]){ 0.625 + 6.9375 / 2, 0.75 + 6.9375 });
}

/* Two states, each read by two query heads. */
static void query_heads_read_the_state_they_share(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 27);
    trial_input(&t, "q", DTYPE_FLOAT, "1,1,4", (double[]){ 1, 10, 100, 1000 });
    trial_input(&t, "k", DTYPE_FLOAT, "1,1,2", (double[]){ 2, 3 });
    trial_input(&t, "v", DTYPE_FLOAT, "1,1,4", (double[]){ 3, 4, 5, 6 });
    build_node(&t.build, "LinearAttention", "l", "q k v", "y", "q_num_heads=4 kv_num_heads=2 update_rule=linear");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,8", (double[]){ 6, 8, 60, 80, 1500, 1800, 15000, 18000 });
    trial_close(&t);
}

static void a_rule_takes_what_it_uses_and_no_more(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 27);
    trial_input(&t, "q", DTYPE_FLOAT, "1,1,1", (double[]){ 1 });
    build_node(&t.build, "LinearAttention", "l", "q q q _ q", "y", "q_num_heads=1 kv_num_heads=1 update_rule=linear");
    trial_fails(&t, "y", "takes no decay");
    trial_close(&t);
}

static void a_causal_convolution_carries_its_last_inputs(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 27);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,3", (double[]){ 1, 2, 3, 4, 5, 6 });
    trial_input(&t, "w", DTYPE_FLOAT, "2,1,3", (double[]){ 1, 10, 100, 2, 0, 1 });
    trial_input(&t, "b", DTYPE_FLOAT, "2", (double[]){ 0, 0.5 });
    trial_input(&t, "past", DTYPE_FLOAT, "1,2,2", (double[]){ 7, 8, 0, 9 });
    build_node(&t.build, "CausalConvWithState", "c", "x w b past", "y state", NULL);
    build_node(&t.build, "CausalConvWithState", "d", "x w", "z _", "activation=silu");
    trial_run(&t, "y state z");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,3", (double[]){ 187, 218, 321, 4.5, 23.5, 14.5 });
    trial_expect(&t, "state", DTYPE_FLOAT, "1,2,2", (double[]){ 2, 3, 5, 6 });
    double z[] = { 100, 210, 321, 4, 5, 14 };
    for (int i = 0; i < 6; i++) z[i] /= 1 + exp(-z[i]);
    trial_expect(&t, "z", DTYPE_FLOAT, "1,2,3", z);
    trial_close(&t);
}

static void a_past_of_another_length_is_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 27);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,3", (double[3]){ 0 });
    trial_input(&t, "w", DTYPE_FLOAT, "1,1,3", (double[3]){ 0 });
    trial_input(&t, "past", DTYPE_FLOAT, "1,1,1", (double[]){ 7 });
    build_node(&t.build, "CausalConvWithState", "c", "x w _ past", "y", NULL);
    trial_fails(&t, "y", "past state of 2 steps");
    trial_close(&t);
}

static void a_decay_may_differ_by_feature(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 27);
    trial_input(&t, "q", DTYPE_DOUBLE, "1,2,2", (double[]){ 1, 1, 1, 1 });
    trial_input(&t, "k", DTYPE_DOUBLE, "1,2,2", (double[]){ 1, 1, 0, 0 });
    trial_input(&t, "v", DTYPE_DOUBLE, "1,2,1", (double[]){ 8, 0 });
    trial_input(&t, "decay", DTYPE_DOUBLE, "1,2,2", (double[]){ 0, 0, log(0.5), log(0.25) });
    build_node(&t.build, "LinearAttention", "l", "q k v _ decay", "y present",
               "q_num_heads=1 kv_num_heads=1 scale=1.0 update_rule=gated");
    trial_run(&t, "y present");
    trial_expect(&t, "y", DTYPE_DOUBLE, "1,2,1", (double[]){ 16, 6 });
    trial_expect(&t, "present", DTYPE_DOUBLE, "1,1,2,1", (double[]){ 4, 2 });
    trial_close(&t);
}

static void a_kernel_of_one_carries_nothing(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 27);
    trial_input(&t, "x", DTYPE_FLOAT, "1,1,2", (double[]){ 3, 4 });
    trial_input(&t, "w", DTYPE_FLOAT, "1,1,1", (double[]){ 10 });
    build_node(&t.build, "CausalConvWithState", "c", "x w", "y state", NULL);
    trial_run(&t, "y state");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,2", (double[]){ 30, 40 });
    trial_expect(&t, "state", DTYPE_FLOAT, "1,1,0", NULL);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_updates_the_state_in_its_way),
        cmocka_unit_test(query_heads_read_the_state_they_share),
        cmocka_unit_test(a_rule_takes_what_it_uses_and_no_more),
        cmocka_unit_test(a_causal_convolution_carries_its_last_inputs),
        cmocka_unit_test(a_past_of_another_length_is_refused),
        cmocka_unit_test(a_decay_may_differ_by_feature),
        cmocka_unit_test(a_kernel_of_one_carries_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
