/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators of com.microsoft that language models are made of: each on a few numbers worked out by hand. tests/fused.py
 * holds them against ONNX Runtime where that is installed. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

static void add_node(struct trial *t, const char *op, const char *inputs, const char *outputs, const char *attributes)
{
    build_node(&t->build, op, "op", inputs, outputs, attributes)->domain =
        arena_copy_text(&t->build.arena, "com.microsoft");
}

static void open_model(struct trial *t)
{
    trial_open(t, 17);
    build_import(&t->build, "com.microsoft", 1);
}

/* As it is read from a tensor of floats. */
static double single(double x)
{
    return (double)(float)x;
}

/* Two sequences with two steps and one step of a past. The query is zero, so all keys it sees have the same score. */
static void open_step(struct trial *t)
{
    open_model(t);
    trial_input(t, "q", DTYPE_FLOAT, "2,1,4", (double[8]){ 0 });
    trial_input(t, "k", DTYPE_FLOAT, "2,1,2", (double[]){ 1, 2, 3, 4 });
    trial_input(t, "v", DTYPE_FLOAT, "2,1,2", (double[]){ 9, 6, 4, 0 });
    trial_input(t, "pk", DTYPE_FLOAT, "2,1,2,2", (double[]){ 11, 12, 13, 14, 15, 16, 99, 99 });
    trial_input(t, "pv", DTYPE_FLOAT, "2,1,2,2", (double[]){ 3, 0, 6, 3, 2, 8, 99, 99 });
    trial_input(t, "lengths", DTYPE_INT32, "2", (double[]){ 2, 1 });
    trial_input(t, "total", DTYPE_INT32, "1", (double[]){ 3 });
}

static void each_sequence_goes_on_where_it_ended(void **state)
{
    struct trial t;
    (void)state;
    open_step(&t);
    add_node(&t, "GroupQueryAttention", "q k v pk pv lengths total", "y keys values", "num_heads=2 kv_num_heads=1");
    trial_run(&t, "y keys values");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,1,4", (double[]){ 6, 3, 6, 3, 3, 4, 3, 4 });
    trial_expect(&t, "keys", DTYPE_FLOAT, "2,1,3,2", (double[]){ 11, 12, 13, 14, 1, 2, 15, 16, 3, 4, 0, 0 });
    trial_expect(&t, "values", DTYPE_FLOAT, "2,1,3,2", (double[]){ 3, 0, 6, 3, 9, 6, 2, 8, 4, 0, 0, 0 });
    trial_close(&t);
}

static void a_window_hides_what_is_long_past(void **state)
{
    struct trial t;
    (void)state;
    open_step(&t);
    add_node(&t, "GroupQueryAttention", "q k v pk pv lengths total", "y",
             "num_heads=2 kv_num_heads=1 local_window_size=2");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,1,4", (double[]){ 7.5, 4.5, 7.5, 4.5, 3, 4, 3, 4 });
    trial_close(&t);
}

/* The score of a sink is as good as that of a key whose value is zero. */
static void a_sink_takes_its_share(void **state)
{
    struct trial t;
    (void)state;
    open_step(&t);
    trial_input(&t, "sinks", DTYPE_FLOAT, "2", (double[]){ 0, log(3) });
    add_node(&t, "GroupQueryAttention", "q k v pk pv lengths total _ _ _ _ sinks", "y", "num_heads=2 kv_num_heads=1");
    add_node(&t, "GroupQueryAttention", "q k v pk pv lengths total", "smooth",
             "num_heads=2 kv_num_heads=1 smooth_softmax=1");
    trial_run(&t, "y smooth");
    double sink = exp(single(log(3)));
    trial_expect(&t, "y", DTYPE_FLOAT, "2,1,4",
                 (double[]){ 4.5, 2.25, 18 / (3 + sink), 9 / (3 + sink), 2, 8.0 / 3, 6 / (2 + sink), 8 / (2 + sink) });
    trial_expect(&t, "smooth", DTYPE_FLOAT, "2,1,4", (double[]){ 4.5, 2.25, 4.5, 2.25, 2, 8.0 / 3, 2, 8.0 / 3 });
    trial_close(&t);
}

/* Queries, keys and values side by side; a prompt sees no further than each step. A quarter turn at step 1 makes the
 * key (1, 0) into (0, 1), and the query likewise, so the score does not change. */
static void a_prompt_is_packed_and_turned(void **state)
{
    struct trial t;
    (void)state;
    open_model(&t);
    trial_input(&t, "x", DTYPE_FLOAT, "1,2,6", (double[]){ 0, 0, 1, 0, 2, 4, 0, 0, 1, 0, 4, 8 });
    trial_input(&t, "lengths", DTYPE_INT32, "1", (double[]){ 1 });
    trial_input(&t, "total", DTYPE_INT32, "", (double[]){ 2 });
    trial_input(&t, "cos", DTYPE_FLOAT, "2,1", (double[]){ 1, 0 });
    trial_input(&t, "sin", DTYPE_FLOAT, "2,1", (double[]){ 0, 1 });
    add_node(&t, "GroupQueryAttention", "x _ _ _ _ lengths total cos sin", "y keys",
             "num_heads=1 kv_num_heads=1 do_rotary=1");
    trial_run(&t, "y keys");
    trial_expect(&t, "y", DTYPE_FLOAT, "1,2,2", (double[]){ 2, 4, 3, 6 });
    trial_expect(&t, "keys", DTYPE_FLOAT, "1,1,2,2", (double[]){ 1, 0, 0, 1 });
    trial_close(&t);
}

static void lengths_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        double length;
        const char *attributes, *why;
    } cases[] = { { 7, "num_heads=2 kv_num_heads=1", "has 1 steps of 8, and room for 3" },
                  { -4, "num_heads=2 kv_num_heads=1", "has 1 steps of -3" },
                  { 2, "num_heads=3 kv_num_heads=2", "has 3 heads on 2" },
                  { 2, "num_heads=2 kv_num_heads=1 qk_output=1", "qk_output is not supported" } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trial t;
        open_step(&t);
        trial_input(&t, "other", DTYPE_INT32, "2", (double[]){ 2, cases[i].length });
        add_node(&t, "GroupQueryAttention", "q k v pk pv other total", "y", cases[i].attributes);
        trial_fails(&t, "y", cases[i].why);
        trial_close(&t);
    }
}

/* Row 1 of a table of 4 bits in bytes, whose zero is 8, or 7 in the second block; and of a type of 4 bits, whose zero
 * is 0. */
static void rows_of_few_bits_are_picked(void **state)
{
    double bytes[32];
    double wide[16], zeros[16];
    struct trial t;
    (void)state;
    for (int i = 0; i < 32; i++) bytes[i] = i < 16 ? 0 : i < 24 ? 0x98 : 0x79;
    for (int i = 0; i < 16; i++) wide[i] = i % 2 ? -2 : 6;
    for (int i = 0; i < 16; i++) zeros[i] = 0;
    open_model(&t);
    trial_input(&t, "w", DTYPE_UINT8, "2,16", bytes);
    trial_input(&t, "s", DTYPE_FLOAT, "2,2", (double[]){ 1, 1, 2, 10 });
    trial_input(&t, "z", DTYPE_UINT8, "2,1", (double[]){ 0, 0x78 });
    trial_input(&t, "i", DTYPE_INT64, "", (double[]){ 1 });
    trial_input(&t, "n", DTYPE_INT4, "16,1", wide);
    trial_input(&t, "ns", DTYPE_FLOAT, "1,1", (double[]){ 0.5 });
    trial_input(&t, "j", DTYPE_INT64, "1", (double[]){ 0 });
    add_node(&t, "GatherBlockQuantized", "w i s", "y", "block_size=16");
    add_node(&t, "GatherBlockQuantized", "w i s z", "shifted", "block_size=16");
    add_node(&t, "GatherBlockQuantized", "n j ns", "narrow", "block_size=16 gather_axis=1 quantize_axis=0");
    trial_run(&t, "y shifted narrow");
    double y[32], shifted[32];
    for (int i = 0; i < 32; i++) {
        y[i] = i < 16 ? 2 * (i % 2) : 10 * (i % 2 ? -1 : 1);
        shifted[i] = i < 16 ? 2 * (i % 2) : 10 * (i % 2 ? 0 : 2);
    }
    for (int i = 0; i < 16; i++) zeros[i] = wide[i] / 2;
    trial_expect(&t, "y", DTYPE_FLOAT, "32", y);
    trial_expect(&t, "shifted", DTYPE_FLOAT, "32", shifted);
    trial_expect(&t, "narrow", DTYPE_FLOAT, "16,1", zeros);
    trial_close(&t);
}

static void tables_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *attributes, *why;
    } cases[] = { { "block_size=8", "do not fit its blocks" },
                  { "block_size=16 bits=3", "has numbers of 3 bits" },
                  { "block_size=16 gather_axis=1", "has blocks of 16 along axis 1, and picks along axis 1" },
                  { "block_size=16 gather_axis=1 quantize_axis=0", "picks along axis 1" },
                  { "block_size=-1", "has blocks of -1" } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trial t;
        open_model(&t);
        trial_input(&t, "w", DTYPE_UINT8, "2,16", (double[32]){ 0 });
        trial_input(&t, "s", DTYPE_FLOAT, "2,2", (double[]){ 1, 1, 2, 10 });
        trial_input(&t, "i", DTYPE_INT64, "", (double[]){ 1 });
        add_node(&t, "GatherBlockQuantized", "w i s", "y", cases[i].attributes);
        trial_fails(&t, "y", cases[i].why);
        trial_close(&t);
    }
}

/* Three experts of one number each: 2 relu(x), 3 relu(x), and 5 relu(-x). The router prefers the last, then the
 * first. */
static void open_experts(struct trial *t)
{
    open_model(t);
    trial_input(t, "x", DTYPE_FLOAT, "2,1", (double[]){ 7, -7 });
    trial_input(t, "r", DTYPE_FLOAT, "2,3", (double[]){ log(2), 0, log(5), log(2), 0, log(5) });
}

/* The shares of the first and of the last, if so many go into the sum. */
static double first_of(double others)
{
    double a = exp(single(log(2))), b = exp(single(log(5)));
    return a / (a + b + others);
}

static double last_of(double others)
{
    double a = exp(single(log(2))), b = exp(single(log(5)));
    return b / (a + b + others);
}

static void rows_go_through_their_best_experts(void **state)
{
    struct trial t;
    (void)state;
    open_experts(&t);
    trial_input(&t, "w1", DTYPE_FLOAT, "3,1,1", (double[]){ 1, 1, -1 });
    trial_input(&t, "w2", DTYPE_FLOAT, "3,1,1", (double[]){ 2, 3, 5 });
    trial_input(&t, "b2", DTYPE_FLOAT, "3,1", (double[]){ 8, 100, 0 });
    add_node(&t, "MoE", "x r w1 _ w2 b2", "y", "k=2");
    add_node(&t, "MoE", "x r w1 _ w2 b2", "normal", "k=2 normalize_routing_weights=1");
    add_node(&t, "MoE", "x r w1 _ w2 _ w2", "gated", "k=1 activation_type=identity");
    trial_run(&t, "y normal gated");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,1", (double[]){ first_of(1) * 22, last_of(1) * 35 + first_of(1) * 8 });
    trial_expect(&t, "normal", DTYPE_FLOAT, "2,1", (double[]){ 22 * first_of(0), 35 * last_of(0) + 8 * first_of(0) });
    trial_expect(&t, "gated", DTYPE_FLOAT, "2,1", (double[]){ last_of(1) * -7 * 35 * 5, last_of(1) * 7 * -35 * 5 });
    trial_close(&t);
}

/* One row of gates and linear parts in turns, and one of all gates first. */
static void gates_of_experts(void **state)
{
    struct trial t;
    (void)state;
    open_experts(&t);
    trial_input(&t, "w1", DTYPE_FLOAT, "3,4,1", (double[]){ 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 2 });
    trial_input(&t, "w2", DTYPE_FLOAT, "3,1,2", (double[]){ 0, 0, 0, 0, 1, 10 });
    add_node(&t, "MoE", "x r w1 _ w2", "turns",
             "k=1 activation_type=swiglu swiglu_fusion=1 activation_beta=1.0 swiglu_limit=3.0");
    add_node(&t, "MoE", "x r w1 _ w2", "halves", "k=1 activation_type=swiglu swiglu_fusion=2 activation_alpha=0.0");
    trial_run(&t, "turns halves");
    double silu = 3 / (1 + exp(-3)), small = -7 / (1 + exp(7));
    trial_expect(&t, "turns", DTYPE_FLOAT, "2,1", (double[]){ last_of(1) * silu, last_of(1) * small });
    trial_expect(&t, "halves", DTYPE_FLOAT, "2,1", (double[]){ 0, 0 });
    trial_close(&t);
}

/* The same experts of bytes around 128, in steps of a half; shares sum to 1. */
static void experts_of_few_bits(void **state)
{
    struct trial t;
    (void)state;
    open_experts(&t);
    trial_input(&t, "w1", DTYPE_UINT8, "3,1,1", (double[]){ 130, 130, 126 });
    trial_input(&t, "w2", DTYPE_UINT8, "3,1,1", (double[]){ 14, 16, 20 });
    trial_input(&t, "s", DTYPE_FLOAT, "3,1", (double[]){ 0.5, 0.5, 0.5 });
    trial_input(&t, "z", DTYPE_UINT8, "3,1", (double[]){ 10, 10, 10 });
    add_node(&t, "QMoE", "x r w1 s _ w2 s _ _ _ _ _ z", "y", "k=2 expert_weight_bits=8");
    trial_run(&t, "y");
    trial_expect(&t, "y", DTYPE_FLOAT, "2,1", (double[]){ 14 * first_of(0), 35 * last_of(0) });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sequence_goes_on_where_it_ended),
        cmocka_unit_test(a_window_hides_what_is_long_past),
        cmocka_unit_test(a_sink_takes_its_share),
        cmocka_unit_test(a_prompt_is_packed_and_turned),
        cmocka_unit_test(lengths_that_do_not_fit_are_refused),
        cmocka_unit_test(rows_of_few_bits_are_picked),
        cmocka_unit_test(tables_that_do_not_fit_are_refused),
        cmocka_unit_test(rows_go_through_their_best_experts),
        cmocka_unit_test(gates_of_experts),
        cmocka_unit_test(experts_of_few_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
