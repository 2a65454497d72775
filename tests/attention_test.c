/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention: heads, masks, caches, and rows that see nothing. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

static const double Q[] = { 1, 0, 0, 2 }, K[] = { 1, 1, 2, 0, 0, 1 }, V[] = { 1, 10, 100 };

/* softmax of three scores into shares; -INFINITY hides a key. */
static void shares_of(const double *scores, double *shares)
{
    double sum = 0;
    for (int j = 0; j < 3; j++) sum += shares[j] = exp(scores[j]);
    for (int j = 0; j < 3; j++) shares[j] /= sum;
}

static double mixed(double a, double b, double c)
{
    double shares[3];
    shares_of((double[]){ a, b, c }, shares);
    return shares[0] * V[0] + shares[1] * V[1] + shares[2] * V[2];
}

/* One head, two queries, three keys; scores with scale 0.5 are 0.5 1 0 and 1 0 1. */
static void open_attention(struct trial *t, int64_t opset)
{
    trial_open(t, opset);
    trial_input(t, "q", DTYPE_FLOAT, "1,1,2,2", Q);
    trial_input(t, "k", DTYPE_FLOAT, "1,1,3,2", K);
    trial_input(t, "v", DTYPE_FLOAT, "1,1,3,1", V);
}

static void scores_weigh_the_values(void **state)
{
    (void)state;
    struct trial t;
    open_attention(&t, 23);
    build_node(&t.build, "Attention", "a", "q k v", "y _ _ raw", "scale=0.5");
    build_node(&t.build, "Attention", "b", "q k v", "z _ _ shares", "scale=0.5 softcap=2.0 qk_matmul_output_mode=3");
    trial_run(&t, "y raw z shares");
    double shares[6];
    shares_of((double[]){ 2 * tanh(0.25), 2 * tanh(0.5), 0 }, shares);
    shares_of((double[]){ 2 * tanh(0.5), 0, 2 * tanh(0.5) }, shares + 3);
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,2,1", (double[]){ mixed(0.5, 1, 0), mixed(1, 0, 1) });
    trial_expect(&t, "raw", DTYPE_FLOAT, "1,1,2,3", (double[]){ 0.5, 1, 0, 1, 0, 1 });
    trial_expect(&t, "z", DTYPE_FLOAT, "1,1,2,1",
                 (double[]){ mixed(2 * tanh(0.25), 2 * tanh(0.5), 0), mixed(2 * tanh(0.5), 0, 2 * tanh(0.5)) });
    trial_expect(&t, "shares", DTYPE_FLOAT, "1,1,2,3", shares);
    trial_close(&t);
}

static void a_causal_query_sees_no_later_key(void **state)
{
    (void)state;
    struct trial t;
    open_attention(&t, 23);
    build_node(&t.build, "Attention", "a", "q k v", "y", "scale=0.5 is_causal=1");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,2,1", (double[]){ 1, mixed(1, 0, -INFINITY) });
    trial_close(&t);
}

static void masks_add_or_hide_and_may_be_short(void **state)
{
    (void)state;
    struct trial t;
    open_attention(&t, 23);
    trial_input(&t, "bias", DTYPE_FLOAT, "2,3", (double[]){ 1, 2, 3, 0, -INFINITY, 0 });
    trial_input(&t, "mask", DTYPE_BOOL, "1,2,2", (double[]){ 1, 0, 0, 0 });
    build_node(&t.build, "Attention", "a", "q k v bias", "y _ _ biased", "scale=0.5 qk_matmul_output_mode=2");
    build_node(&t.build, "Attention", "b", "q k v mask", "z", "scale=0.5");
    trial_run(&t, "y biased z");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,2,1", (double[]){ mixed(1.5, 3, 3), mixed(1, -INFINITY, 1) });
    trial_expect(&t, "biased", DTYPE_FLOAT, "1,1,2,3", (double[]){ 1.5, 3, 3, 1, -INFINITY, 1 });
    trial_expect(&t, "z", DTYPE_FLOAT, "1,1,2,1", (double[]){ 1, 0 }); /* the second query sees nothing: 0 */
    trial_close(&t);
}

static void a_past_comes_before_the_present(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 23);
    trial_input(&t, "q", DTYPE_FLOAT, "1,1,2,2", Q);
    trial_input(&t, "k", DTYPE_FLOAT, "1,1,2,2", K + 2);
    trial_input(&t, "v", DTYPE_FLOAT, "1,1,2,1", V + 1);
    trial_input(&t, "pk", DTYPE_FLOAT, "1,1,1,2", K);
    trial_input(&t, "pv", DTYPE_FLOAT, "1,1,1,1", V);
    build_node(&t.build, "Attention", "a", "q k v _ pk pv", "y keys values", "scale=0.5 is_causal=1");
    trial_run(&t, "y keys values");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,2,1", (double[]){ mixed(0.5, 1, -INFINITY), mixed(1, 0, 1) });
    trial_expect(&t, "keys", DTYPE_FLOAT, "1,1,3,2", K);
    trial_expect(&t, "values", DTYPE_FLOAT, "1,1,3,1", V);
    trial_close(&t);
}

static void padding_moves_the_causal_frontier(void **state)
{
    (void)state;
    struct trial t;
    open_attention(&t, 24);
    trial_input(&t, "valid", DTYPE_INT64, "1", (double[]){ 1 });
    build_node(&t.build, "Attention", "a", "q k v _ _ _ valid", "y", "scale=0.5 is_causal=1");
    build_node(&t.build, "Attention", "b", "q k v _ _ _ valid", "z", "scale=0.5");
    trial_run(&t, "y z");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,2,1", (double[]){ 0, 1 });
    trial_expect(&t, "z", DTYPE_FLOAT, "1,1,2,1", (double[]){ 1, 1 });
    trial_close(&t);
}

static void a_window_hides_what_is_far(void **state)
{
    (void)state;
    struct trial t;
    open_attention(&t, 25);
    build_node(&t.build, "Attention", "a", "q k v", "y", "scale=0.5 left_window_size=0 right_window_size=1");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,2,1", (double[]){ mixed(0.5, 1, -INFINITY), mixed(-INFINITY, 0, 1) });
    trial_close(&t);
}

/* Four query heads on two key heads, one key each: a query's result is its key head's value. */
static void query_heads_share_key_heads_in_order(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 23);
    trial_input(&t, "q", DTYPE_FLOAT, "1,1,4", (double[]){ 1, 2, 3, 4 });
    trial_input(&t, "k", DTYPE_FLOAT, "1,1,2", (double[]){ 1, 1 });
    trial_input(&t, "v", DTYPE_FLOAT, "1,1,4", (double[]){ 5, 6, 7, 8 });
    build_node(&t.build, "Attention", "a", "q k v", "y keys", "q_num_heads=4 kv_num_heads=2");
    trial_run(&t, "y keys");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,8", (double[]){ 5, 6, 5, 6, 7, 8, 7, 8 });
    trial_expect(&t, "keys", DTYPE_FLOAT, "1,2,1,1", (double[]){ 1, 1 });
    trial_close(&t);
}

static void packed_and_unpacked_heads_agree(void **state)
{
    (void)state;
    struct trial t;
    static const double packed[] = { 1, 2, 3, 4, 5, 6, 7, 8, -1, -2, 3, 1 }; /* [1, 3 steps, 2 heads * 2] */
    double unpacked[12], y[12];
    for (int i = 0; i < 12; i++) unpacked[(i / 2 % 2 * 3 + i / 4) * 2 + i % 2] = packed[i];
    trial_open(&t, 23);
    trial_input(&t, "x", DTYPE_FLOAT, "1,3,4", packed);
    trial_input(&t, "u", DTYPE_FLOAT, "1,2,3,2", unpacked);
    build_node(&t.build, "Attention", "a", "x x x", "y", "q_num_heads=2 kv_num_heads=2");
    build_node(&t.build, "Attention", "b", "u u u", "z", NULL);
    trial_run(&t, "y z");
    const struct array *z = trial_output(&t, "z", true);
    for (int i = 0; i < 12; i++) y[i] = z->f64[(i / 2 % 2 * 3 + i / 4) * 2 + i % 2];
    const struct array *is = trial_output(&t, "y", true);
    for (int i = 0; i < 12; i++) assert_true(is->f64[i] == y[i]);
    trial_close(&t);
}

static void heads_that_do_not_divide_are_refused(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 23);
    trial_input(&t, "q", DTYPE_FLOAT, "1,1,4", (double[4]){ 0 });
    trial_input(&t, "k", DTYPE_FLOAT, "1,1,3", (double[3]){ 0 });
    build_node(&t.build, "Attention", "a", "q k k", "y", "q_num_heads=4 kv_num_heads=2");
    trial_fails(&t, "y", "cannot cut K of 3 features");
    trial_close(&t);
}

static void a_flexible_score_is_changed_by_its_graph(void **state)
{
    (void)state;
    struct trial t;
    open_attention(&t, 25);
    build_import(&t.build, "ai.onnx.preview", 1);
    build_node(&t.build, "FlexAttention", "a", "q k v", "y", "scale=0.5")->domain = "ai.onnx.preview";
    build_body(&t.build, "score_mod");
    build_input(&t.build, "s", DTYPE_FLOAT, NULL);
    build_node(&t.build, "Add", "double", "s s", "more", NULL);
    build_output(&t.build, "more", DTYPE_FLOAT, NULL);
    build_end(&t.build);
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,1,2,1", (double[]){ mixed(1, 2, 0), mixed(2, 0, 2) });
    trial_close(&t);
}

/* Two heads of one feature, one query, two keys: each head has a mask of its own, each batch element too. */
static void heads_and_batches_have_masks_of_their_own(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 23);
    trial_input(&t, "q", DTYPE_FLOAT, "2,2,1,1", (double[]){ 1, 1, 1, 1 });
    trial_input(&t, "k", DTYPE_FLOAT, "2,2,2,1", (double[]){ 1, 1, 1, 1, 1, 1, 1, 1 });
    trial_input(&t, "v", DTYPE_FLOAT, "2,2,2,1", (double[]){ 1, 2, 3, 4, 5, 6, 7, 8 });
    trial_input(&t, "heads", DTYPE_BOOL, "2,1,2", (double[]){ 1, 0, 0, 1 });
    trial_input(&t, "all", DTYPE_BOOL, "2,2,1,2", (double[]){ 0, 1, 1, 0, 1, 1, 0, 0 });
    trial_input(&t, "shared", DTYPE_BOOL, "1,2,1,2", (double[]){ 1, 0, 0, 1 });
    trial_input(&t, "batches", DTYPE_BOOL, "2,1,1,2", (double[]){ 1, 0, 0, 1 });
    build_node(&t.build, "Attention", "a", "q k v heads", "y", NULL);
    build_node(&t.build, "Attention", "c", "q k v shared", "u", NULL);
    build_node(&t.build, "Attention", "d", "q k v batches", "w", NULL);
    build_node(&t.build, "Attention", "b", "q k v all", "z", NULL);
    trial_run(&t, "y z u w");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,2,1,1", (double[]){ 1, 4, 5, 8 });
    trial_expect(&t, "u", DTYPE_FLOAT, "2,2,1,1", (double[]){ 1, 4, 5, 8 });
    trial_expect(&t, "w", DTYPE_FLOAT, "2,2,1,1", (double[]){ 1, 3, 6, 8 });
    trial_expect(&t, "z", DTYPE_FLOAT, "2,2,1,1", (double[]){ 2, 3, 5.5, 0 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_weigh_the_values),
        cmocka_unit_test(a_causal_query_sees_no_later_key),
        cmocka_unit_test(masks_add_or_hide_and_may_be_short),
        cmocka_unit_test(a_past_comes_before_the_present),
        cmocka_unit_test(padding_moves_the_causal_frontier),
        cmocka_unit_test(a_window_hides_what_is_far),
        cmocka_unit_test(query_heads_share_key_heads_in_order),
        cmocka_unit_test(packed_and_unpacked_heads_agree),
        cmocka_unit_test(heads_that_do_not_divide_are_refused),
        cmocka_unit_test(a_flexible_score_is_changed_by_its_graph),
        cmocka_unit_test(heads_and_batches_have_masks_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
