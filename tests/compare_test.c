/* SPDX-License-Identifier: Apache-2.0
 *
 * Two unrelated models: every way in which one may differ from the other without a word, and every way in which it may
 * look different and be the same. Each test writes one model twice, `side` 0 and 1, and says what is different. */
#include "build.h"
#include "check/check.h"
#include "onnx/shape/infer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct build sides[2];
static struct model models[2];
static struct net nets[2];
static struct check_options options;
static struct bnfuse_check_result result;

static int open_sides(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) build_open(&sides[i], 8, 13);
    options = (struct check_options){
        .asked.seed = 1, .asked.atol = 1e-5, .asked.rtol = 1e-3, .asked.threads = 1, .is_unrelated = true
    };
    options.memory = &sides[1].memory;
    return 0;
}

static int close_sides(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) build_close(&sides[i]);
    return 0;
}

static enum bnfuse_verdict compare(void)
{
    struct bnfuse_error error = { 0 };
    for (int i = 0; i < 2; i++) {
        build_load(&sides[i], &models[i], &nets[i]);
        assert_true(shape_infer(&nets[i], &error));
    }
    if (!check_compare(&nets[0], &nets[1], &options, &result, &error)) fail_msg("%s", error.message);
    return result.verdict;
}

static void assert_verdict(enum bnfuse_verdict expected)
{
    enum bnfuse_verdict verdict = compare();
    if (verdict != expected) print_message("%s\n", result.why);
    assert_string_equal(bnfuse_verdict_text(verdict), bnfuse_verdict_text(expected));
}

static void assert_no_success(void)
{
    enum bnfuse_verdict verdict = compare();
    if (bnfuse_verdict_status(verdict) == BNFUSE_OK) print_message("%s\n", bnfuse_verdict_text(verdict));
    assert_int_not_equal(bnfuse_verdict_status(verdict), BNFUSE_OK);
}

/* x -> Gemm -> h, four channels in and out; `seed` says which weights. */
static void add_layer(struct build *b, const char *x, const char *h, uint64_t seed)
{
    char weight[40], bias[40];
    snprintf(weight, sizeof weight, "%s_w", h);
    snprintf(bias, sizeof bias, "%s_b", h);
    build_init(b, weight, DTYPE_FLOAT, "4,4", seed);
    build_init(b, bias, DTYPE_FLOAT, "4", seed + 1);
    build_node(b, "Gemm", h, arena_printf(&b->arena, "%s %s %s", x, weight, bias), h, NULL);
}

static void open_model(struct build *b)
{
    build_input(b, "x", DTYPE_FLOAT, "N,4");
}

/* ---- two networks that have nothing in common ---- */

/* Pow(d, 2): an exponent that is moved makes NaN of what is negative. */
static void networks_with_a_layer_norm_in_parts_are_told_apart(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        add_layer(b, "x", "h", side ? 70 : 7);
        build_init_values(b, "two", DTYPE_FLOAT, "", (double[]){ 2 });
        build_init_values(b, "tiny", DTYPE_FLOAT, "", (double[]){ 1e-5 });
        build_node(b, "ReduceMean", NULL, "h", "m", "axes=1,");
        build_node(b, "Sub", NULL, "h m", "d", NULL);
        build_node(b, "Pow", NULL, "d two", "s", NULL);
        build_node(b, "ReduceMean", NULL, "s", "v", "axes=1,");
        build_node(b, "Add", NULL, "v tiny", "e", NULL);
        build_node(b, "Sqrt", NULL, "e", "r", NULL);
        build_node(b, "Div", NULL, "d r", "y", NULL);
        build_output(b, "y", DTYPE_FLOAT, "N,4");
    }
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_string_equal(result.first_divergent, "h");
}

/* Optimizers leave inputs behind that nobody reads any more. */
static void an_input_that_nobody_reads_may_be_left_out(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        build_input(b, "x", DTYPE_FLOAT, "2,3");
        if (side == 1) build_input(b, "forgotten", DTYPE_INT64, "1");
        build_node(b, "Abs", "op", "x", "y", NULL);
        build_output(b, "y", DTYPE_FLOAT, "2,3");
    }
    assert_verdict(BNFUSE_VERDICT_IDENTICAL);
}

static void networks_that_end_in_a_top_k_are_told_apart(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        add_layer(b, "x", "h", side ? 70 : 7);
        build_init_values(b, "k", DTYPE_INT64, "1", (double[]){ 2 });
        build_node(b, "TopK", NULL, "h k", "_ y", NULL);
        build_output(b, "y", DTYPE_INT64, "N,2");
    }
    assert_verdict(BNFUSE_VERDICT_FAIL);
}

static void chaotic_networks_are_no_success(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        add_layer(b, "x", "h", side ? 70 : 7);
        build_init_values(b, "big", DTYPE_FLOAT, "", (double[]){ 1e8 });
        build_node(b, "Mul", NULL, "h big", "l", NULL);
        build_node(b, "Sin", NULL, "l", "y", NULL);
        build_output(b, "y", DTYPE_FLOAT, "N,4");
    }
    assert_no_success();
}

/* The second model's weights are stored in half precision: its own perturbation is large, and excuses little. */
static void a_half_precision_network_excuses_nothing_by_its_own_perturbation(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        build_init(b, "w", side ? DTYPE_FLOAT16 : DTYPE_FLOAT, "4,4", 7);
        if (side) build_node(b, "Cast", NULL, "w", "wide", "to=1");
        build_node(b, "MatMul", NULL, side ? "x wide" : "x w", "y", NULL);
        build_output(b, "y", DTYPE_FLOAT, "N,4");
    }
    assert_verdict(BNFUSE_VERDICT_FAIL);
    options.asked.precision = BNFUSE_DTYPE_FLOAT16;
    assert_int_equal(bnfuse_verdict_status(compare()), BNFUSE_OK);
}

/* ---- what hides a difference ---- */

/* One weight differs; `op` follows it. */
static void build_hidden(const char *op, const char *more, double bias, enum dtype type)
{
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        double weights[16], biases[4] = { bias, bias, bias, bias };
        for (int i = 0; i < 16; i++) weights[i] = 0.25 * (i % 5) - 0.5;
        weights[6] += side * 0.01;
        open_model(b);
        build_init_values(b, "w", DTYPE_FLOAT, "4,4", weights);
        build_init_values(b, "b", DTYPE_FLOAT, "4", biases);
        build_init_values(b, "c", DTYPE_FLOAT, "", (double[]){ 1e6 });
        build_node(b, "Gemm", "gemm", "x w b", "h", NULL);
        build_node(b, op, "hides", arena_printf(&b->arena, "h%s", more), "y", NULL);
        build_output(b, "y", type, NULL);
    }
}

static void a_dead_relu_hides_nothing(void **state)
{
    (void)state;
    build_hidden("Relu", "", -1e5, DTYPE_FLOAT);
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_string_equal(result.first_divergent, "h");
}

static void an_argmax_hides_nothing(void **state)
{
    (void)state;
    build_hidden("ArgMax", "", 0, DTYPE_INT64);
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_string_equal(result.first_divergent, "h");
}

static void a_saturated_sigmoid_hides_nothing(void **state)
{
    (void)state;
    build_hidden("Sigmoid", "", 1e5, DTYPE_FLOAT);
    assert_verdict(BNFUSE_VERDICT_FAIL);
}

static void a_comparison_hides_nothing(void **state)
{
    (void)state;
    build_hidden("Greater", " c", 0, DTYPE_BOOL);
    assert_verdict(BNFUSE_VERDICT_FAIL);
}

/* Downstream of a Tanh a limit of 40 and one of 50 are the same; downstream of numbers that are merely small they are
 * not. */
static void build_limit(const char *bounded)
{
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        add_layer(b, "x", "h", 7);
        build_init_values(b, "tiny", DTYPE_FLOAT, "", (double[]){ 1e-5 });
        build_node(b, "Mul", NULL, "h tiny", "small", NULL);
        build_node(b, "Tanh", NULL, "h", "bounded", NULL);
        build_init_values(b, "low", DTYPE_FLOAT, "", (double[]){ -100 });
        build_init_values(b, "high", DTYPE_FLOAT, "", (double[]){ side ? 40 : 50 });
        build_node(b, "Clip", "clip", arena_printf(&b->arena, "%s low high", bounded), "y", NULL);
        build_output(b, "y", DTYPE_FLOAT, NULL);
    }
}

static void a_limit_that_no_input_reaches_is_reached(void **state)
{
    (void)state;
    build_limit("small");
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_string_equal(result.first_divergent, "y");
}

static void a_limit_beyond_what_can_come_in_is_no_difference(void **state)
{
    (void)state;
    build_limit("bounded");
    assert_int_equal(bnfuse_verdict_status(compare()), BNFUSE_OK);
}

/* The condition is always false on what is fed: x is never that large. */
static void a_branch_that_is_not_taken_hides_nothing(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        build_init_values(b, "huge", DTYPE_FLOAT, "", (double[]){ 1e30 });
        build_init_values(b, "factor", DTYPE_FLOAT, "", (double[]){ side ? 3 : 2 });
        build_node(b, "ReduceMax", NULL, "x", "largest", "keepdims=0");
        build_node(b, "Greater", NULL, "largest huge", "condition", NULL);
        build_node(b, "If", "choose", "condition", "y", NULL);
        build_body(b, "then_branch");
        build_node(b, "Mul", "product", "x factor", "t", NULL);
        build_output(b, "t", DTYPE_FLOAT, "N,4");
        build_end(b);
        build_body(b, "else_branch");
        build_node(b, "Neg", NULL, "x", "e", NULL);
        build_output(b, "e", DTYPE_FLOAT, "N,4");
        build_end(b);
        build_output(b, "y", DTYPE_FLOAT, "N,4");
    }
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_string_equal(result.first_divergent, "t");
}

/* x + 2^20 - 2^20: nothing in float64, half the digits in float32. */
static void digits_lost_in_the_own_type_are_a_mistake(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        build_init_values(b, "c", DTYPE_FLOAT, "", (double[]){ side ? 0x1p20 : 1 });
        build_node(b, "Add", NULL, "x c", "up", NULL);
        build_node(b, "Sub", NULL, "up c", "y", NULL);
        build_output(b, "y", DTYPE_FLOAT, "N,4");
    }
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_non_null(strstr(result.why, "own types"));
}

static void an_overflow_in_the_own_type_is_a_mistake(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        build_init_values(b, "c", DTYPE_FLOAT, "", (double[]){ side ? 3e38 : 1 });
        build_init_values(b, "four", DTYPE_FLOAT, "", (double[]){ 4 });
        build_node(b, "Mul", NULL, "x c", "up", NULL);
        build_node(b, "Mul", NULL, "up four", "more", NULL);
        build_node(b, "Div", NULL, "more c", "y", NULL);
        build_output(b, "y", DTYPE_FLOAT, "N,4");
    }
    assert_verdict(BNFUSE_VERDICT_FAIL);
}

/* ---- the interface ---- */

static void other_names_are_paired_by_place_with_a_word(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        build_input(b, side ? "a" : "x", DTYPE_FLOAT, "N,4");
        add_layer(b, side ? "a" : "x", "h", 7);
        build_node(b, "Neg", NULL, "h", side ? "b" : "y", NULL);
        if (side) build_node(b, "Identity", NULL, "b", "out", NULL);
        build_output(b, side ? "out" : "y", DTYPE_FLOAT, "N,4");
    }
    assert_verdict(BNFUSE_VERDICT_EQUAL);
    assert_non_null(strstr(result.note, "by place"));
}

static void outputs_of_another_number_are_a_difference(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        add_layer(b, "x", "h", 7);
        build_output(b, "h", DTYPE_FLOAT, "N,4");
        if (side) build_output(b, "x", DTYPE_FLOAT, "N,4");
    }
    assert_verdict(BNFUSE_VERDICT_FAIL);
}

static void build_cast(struct build *b, bool is_half)
{
    open_model(b);
    add_layer(b, "x", "h", 7);
    build_node(b, "Cast", NULL, "h", "y", is_half ? "to=10" : "to=1");
    build_output(b, "y", is_half ? DTYPE_FLOAT16 : DTYPE_FLOAT, "N,4");
}

static void an_output_of_another_type_is_a_difference(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) build_cast(&sides[side], side);
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_non_null(strstr(result.why, "float16"));
}

static void of_lower_precision_an_output_may_be_of_another_type(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) build_cast(&sides[side], side);
    options.asked.precision = BNFUSE_DTYPE_FLOAT16;
    assert_int_equal(bnfuse_verdict_status(compare()), BNFUSE_OK);
}

/* 0 times a negative number, and 0. */
static void zeros_of_other_signs_are_not_bit_for_bit_the_same(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        build_init_values(b, "zero", DTYPE_FLOAT, "1", (double[]){ 0 });
        build_node(b, "Mul", NULL, "x zero", side ? "m" : "y", "");
        if (side) build_node(b, "Abs", NULL, "m", "y", "");
        build_output(b, "y", DTYPE_FLOAT, "N,4");
    }
    assert_verdict(BNFUSE_VERDICT_PASS_ROUNDING);
}

/* Ones as many as the input has, times a constant: the second model has the product stored. */
static void what_follows_from_known_sizes_is_not_varied(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        build_input(b, "x", DTYPE_FLOAT, "4");
        build_init_values(b, "k", DTYPE_FLOAT, "4", (double[]){ 0.5, -2, 3, 0.25 });
        build_node(b, "Shape", NULL, "x", "dims", NULL);
        build_node(b, "ConstantOfShape", NULL, "dims", "ones", NULL);
        build_attribute_tensor(b, "value", build_tensor(b, NULL, DTYPE_FLOAT, "1", (double[]){ 1 }));
        build_node(b, "Add", NULL, "x ones", "h", NULL);
        build_output(b, "h", DTYPE_FLOAT, "4");
        if (!side) build_node(b, "Mul", NULL, "ones k", "m", NULL);
        build_node(b, "Abs", NULL, side ? "k" : "m", "y", NULL);
        build_output(b, "y", DTYPE_FLOAT, "4");
    }
    assert_verdict(BNFUSE_VERDICT_EQUAL);
}

/* Both are empty. */
static void sequences_of_other_elements_are_a_difference(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        enum dtype element = side ? DTYPE_INT64 : DTYPE_FLOAT;
        open_model(b);
        add_layer(b, "x", "h", 7);
        build_node(b, "SequenceEmpty", NULL, "", "s", side ? "dtype=7" : "dtype=1");
        build_output(b, "h", DTYPE_FLOAT, "N,4");
        build_output(b, "s", element, "");
        BnfuseOnnx__GraphProto *graph = b->model->graph;
        BnfuseOnnx__TypeProto *inner = graph->output[1]->type, *type = NEW(&b->arena, BnfuseOnnx__TypeProto);
        bnfuse_onnx__type_proto__init(type);
        type->value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
        type->sequence_type = NEW(&b->arena, BnfuseOnnx__TypeProto__Sequence);
        bnfuse_onnx__type_proto__sequence__init(type->sequence_type);
        type->sequence_type->elem_type = inner;
        graph->output[1]->type = type;
    }
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_non_null(strstr(result.why, "sequence of float32"));
}

/* A batch of two that was traced into the graph. */
static void what_the_first_runs_on_the_second_must_run_on(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        add_layer(b, "x", "h", 7);
        build_init_values(b, "shape", DTYPE_INT64, "2", side ? (double[]){ 2, 4 } : (double[]){ -1, 4 });
        build_node(b, "Reshape", NULL, "h shape", "y", NULL);
        build_output(b, "y", DTYPE_FLOAT, NULL);
    }
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_non_null(strstr(result.why, "does not run"));
}

/* ---- what looks different and is the same ---- */

/* Names that stand for other values prove nothing. */
static void names_that_moved_are_no_difference(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        add_layer(b, "x", side ? "q" : "p", 7);
        build_node(b, "Tanh", NULL, side ? "q" : "p", side ? "p" : "q", NULL);
        add_layer(b, side ? "p" : "q", "h", 17);
        if (side) build_node(b, "Identity", NULL, "h", "same", NULL);
        build_node(b, "Neg", NULL, side ? "same" : "h", "y", NULL);
        build_output(b, "y", DTYPE_FLOAT, "N,4");
    }
    assert_verdict(BNFUSE_VERDICT_EQUAL);
}

/* Relu of a Relu: what follows is never fed what a Relu cannot give. */
static void what_a_range_allows_is_no_difference(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        open_model(b);
        add_layer(b, "x", "h", 7);
        build_node(b, "Relu", NULL, "h", "r", NULL);
        if (!side) build_node(b, "Abs", NULL, "r", "again", NULL);
        add_layer(b, side ? "r" : "again", "y", 17);
        build_output(b, "y", DTYPE_FLOAT, "N,4");
    }
    assert_verdict(BNFUSE_VERDICT_EQUAL);
}

/* ---- forms of one function, and of two ---- */

static void scalar(struct build *b, const char *name, double number)
{
    build_init_values(b, name, DTYPE_FLOAT, "", &number);
}

static void whole(struct build *b, const char *name, const char *dims, const double *numbers)
{
    build_init_values(b, name, DTYPE_INT64, dims, numbers);
}

/* Nothing reaches 1e3 on a draw, so that Min gives what it is given. */
static void build_clip(struct build *b, bool is_second)
{
    open_model(b);
    add_layer(b, "x", "h", 7);
    scalar(b, "low", 0);
    scalar(b, "high", 1e3);
    if (is_second) build_node(b, "Min", NULL, "h high", "m", NULL);
    build_node(b, is_second ? "Max" : "Clip", NULL, is_second ? "m low" : "h low high", "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

static void build_branch(struct build *b, const char *attribute, const char *op)
{
    build_body(b, attribute);
    build_node(b, op, NULL, "h", op, NULL);
    build_output(b, op, DTYPE_FLOAT, NULL);
    build_end(b);
}

static void build_exchanged_branches(struct build *b, bool is_second)
{
    open_model(b);
    add_layer(b, "x", "h", 7);
    scalar(b, "zero", 0);
    build_node(b, "ReduceSum", NULL, "h", "sum", "keepdims=0");
    build_node(b, "Greater", NULL, "sum zero", "positive", NULL);
    if (is_second) build_node(b, "Not", NULL, "positive", "negative", NULL);
    build_node(b, "If", NULL, is_second ? "negative" : "positive", "y", NULL);
    build_branch(b, "then_branch", is_second ? "Tanh" : "Relu");
    build_branch(b, "else_branch", is_second ? "Relu" : "Tanh");
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

/* The last of all states, and the last state. */
static void build_last_state(struct build *b, bool is_second)
{
    build_input(b, "x", DTYPE_FLOAT, "5,2,3");
    build_init(b, "w", DTYPE_FLOAT, "1,4,3", 3);
    build_init(b, "r", DTYPE_FLOAT, "1,4,4", 5);
    whole(b, "last", "", (double[]){ -1 });
    whole(b, "axis", "1", (double[]){ 0 });
    whole(b, "second", "1", (double[]){ 1 });
    build_node(b, "RNN", NULL, "x w r", "all state", "hidden_size=4");
    build_node(b, "Squeeze", NULL, "all second", "rows", NULL);
    build_node(b, "Exp", NULL, "rows", "also", NULL);
    build_node(b, is_second ? "Squeeze" : "Gather", NULL, is_second ? "state axis" : "rows last", "y",
               is_second ? NULL : "axis=0");
    build_output(b, "also", DTYPE_FLOAT, NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

/* (1 - mask) * -1e4, or -1e4 where it is 0: the same for what is a mask. */
static void build_mask(struct build *b, bool is_second)
{
    open_model(b);
    build_input(b, "mask", DTYPE_INT64, "N,4");
    scalar(b, "one", 1);
    scalar(b, "zero", 0);
    scalar(b, "little", -1e4);
    build_node(b, "Cast", NULL, "mask", "m", "to=1");
    if (is_second) {
        build_node(b, "Equal", NULL, "m zero", "is_out", NULL);
        build_node(b, "Where", NULL, "is_out little zero", "bias", NULL);
    } else {
        build_node(b, "Sub", NULL, "one m", "out", NULL);
        build_node(b, "Mul", NULL, "out little", "bias", NULL);
    }
    build_node(b, "Add", NULL, "x bias", "s", NULL);
    build_node(b, "Softmax", NULL, "s", "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

/* The operator has no constants, what it is made of has rounded ones. */
static void add_gelu(struct build *b, bool is_second)
{
    scalar(b, "root", 1.4142135623730951);
    scalar(b, "one", 1);
    scalar(b, "half", 0.5);
    if (is_second) {
        build_node(b, "Div", NULL, "h root", "d", NULL);
        build_node(b, "Erf", NULL, "d", "e", NULL);
        build_node(b, "Add", NULL, "e one", "p", NULL);
        build_node(b, "Mul", NULL, "h half", "k", NULL);
    }
    build_node(b, is_second ? "Mul" : "Gelu", NULL, is_second ? "k p" : "h", "g", NULL);
}

static void build_gelu(struct build *b, bool is_second)
{
    build_close(b);
    build_open(b, 9, 20);
    open_model(b);
    add_layer(b, "x", "h", 7);
    add_gelu(b, is_second);
    add_layer(b, "g", "y", 17);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

/* Few numbers, of which one far below zero may be the only one. */
static void build_gelu_of_few(struct build *b, bool is_second)
{
    build_close(b);
    build_open(b, 9, 20);
    build_input(b, "h", DTYPE_FLOAT, "N,8");
    add_gelu(b, is_second);
    build_node(b, "Mul", NULL, "g half", "s", NULL);
    build_node(b, "Tanh", NULL, "g", "t", NULL);
    build_node(b, "Mul", NULL, "s t", "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

/* What is padded differs below zero, and a Relu makes it equal whatever comes. */
static void build_padding(struct build *b, bool is_second)
{
    build_input(b, "x", DTYPE_FLOAT, "1,2,6,6");
    build_init(b, "w", DTYPE_FLOAT, "4,2,3,3", 5);
    build_node(b, "Conv", NULL, "x w", "h", "pads=1,1,1,1");
    build_init_values(b, "p", DTYPE_INT64, "8", (double[]){ 0, 0, 1, 1, 0, 0, 1, 1 });
    if (!is_second) build_node(b, "Pad", NULL, "h p", "q", NULL);
    build_node(b, "MaxPool", NULL, is_second ? "h" : "q", "d",
               is_second ? "kernel_shape=2,2 pads=1,1,1,1" : "kernel_shape=2,2");
    build_node(b, "Relu", NULL, "d", "e", NULL);
    build_node(b, "AveragePool", NULL, "e", "y", "kernel_shape=3,3");
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

/* What no output needs is no place to prove from. */
static void build_unread_parts(struct build *b, bool is_second)
{
    build_input(b, "x", DTYPE_FLOAT, "2,12");
    whole(b, "thirds", "3", (double[]){ 4, 4, 4 });
    whole(b, "parts", "2", (double[]){ 8, 4 });
    build_node(b, "Split", NULL, "x thirds", "a b c", "axis=1");
    if (!is_second) build_node(b, "Split", NULL, "x parts", "d e", "axis=1");
    build_node(b, "Concat", NULL, is_second ? "a b c" : "d e", "all", "axis=1");
    build_node(b, "Sigmoid", NULL, "all", "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

static void build_guarded_log(struct build *b, bool is_second)
{
    open_model(b);
    scalar(b, "least", 1e-6);
    if (is_second) build_node(b, "Max", NULL, "x least", "m", NULL);
    build_node(b, "Log", NULL, is_second ? "m" : "x", "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

/* Four of a thousand rows are asked for. */
static void build_table(struct build *b, bool is_second)
{
    build_input(b, "ids", DTYPE_INT64, "1,4");
    float *rows = (float *)build_init(b, "rows", DTYPE_FLOAT, "1000,3", 7)->raw_data.data;
    if (is_second) rows[1234] += 0.5F;
    build_node(b, "Gather", NULL, "rows ids", "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

/* Both have an infinity; one has a NaN where the other has a number. */
static void build_special_table(struct build *b, bool is_second)
{
    build_table(b, false);
    float *rows = (float *)b->model->graph->initializer[0]->raw_data.data;
    rows[5] = INFINITY;
    if (is_second) rows[1234] = NAN;
}

/* Whole numbers that are computed with are no flags. */
static void build_division(struct build *b, bool is_second)
{
    build_input(b, "x", DTYPE_INT64, "4,4");
    whole(b, "divisor", "", (double[]){ 3 });
    build_node(b, is_second ? "Mod" : "Div", NULL, "x divisor", "d", NULL);
    if (is_second) build_node(b, "Sub", NULL, "x d", "difference", NULL);
    if (is_second) build_node(b, "Div", NULL, "difference divisor", "y", NULL);
    else build_node(b, "Identity", NULL, "d", "y", NULL);
    build_output(b, "y", DTYPE_INT64, NULL);
}

/* One step of one weight, which rounding to eight bits hides mostly. */
static void build_codes(struct build *b, bool is_second)
{
    double weights[16], step = 0.01, coarse = 0.5, zero = 0;
    for (int i = 0; i < 16; i++) weights[i] = 40 * (i % 5) - 80;
    weights[6] += is_second;
    build_input(b, "x", DTYPE_UINT8, "2,4");
    build_init_values(b, "w", DTYPE_INT8, "4,4", weights);
    build_init_values(b, "step", DTYPE_FLOAT, "", &step);
    build_init_values(b, "coarse", DTYPE_FLOAT, "", &coarse);
    build_init_values(b, "zero", DTYPE_UINT8, "", &zero);
    build_init_values(b, "none", DTYPE_INT8, "", &zero);
    build_node(b, "QLinearMatMul", NULL, "x step zero w step none coarse zero", "y", NULL);
    build_output(b, "y", DTYPE_UINT8, NULL);
}

/* Numbers drawn at random are hardly ever between the two thresholds, nor at one of them. */
static void build_comparison(struct build *b, const char *op, double limit)
{
    build_input(b, "x", DTYPE_FLOAT, "1,3,8,8");
    build_init(b, "w", DTYPE_FLOAT, "8,3,3,3", 5);
    build_init_values(b, "limit", DTYPE_FLOAT, "", &limit);
    build_init_values(b, "low", DTYPE_FLOAT, "", (double[]){ -1 });
    build_node(b, "Conv", NULL, "x w", "h", NULL);
    build_node(b, "Relu", NULL, "h", "z", NULL);
    build_node(b, op, NULL, "z limit", "is", NULL);
    build_node(b, "Where", NULL, "is z low", "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

static void build_real_threshold(struct build *b, bool is_second)
{
    build_comparison(b, "Greater", is_second ? 7.007 : 7);
}

static void build_met_threshold(struct build *b, bool is_second)
{
    build_comparison(b, is_second ? "GreaterOrEqual" : "Greater", 3);
}

/* Which of a thousand classes is best is a whole number. */
static void build_class_threshold(struct build *b, bool is_second)
{
    build_input(b, "x", DTYPE_FLOAT, "2,16");
    build_init(b, "w", DTYPE_FLOAT, "16,1000", 5);
    build_init_values(b, "limit", DTYPE_INT64, "", (double[]){ is_second ? 8 : 7 });
    build_node(b, "MatMul", NULL, "x w", "h", NULL);
    build_node(b, "ArgMax", NULL, "h", "best", "axis=1");
    build_node(b, "Less", NULL, "best limit", "y", NULL);
    build_output(b, "y", DTYPE_BOOL, NULL);
}

static void build_keys(struct build *b, bool is_second)
{
    build_import(b, "ai.onnx.ml", 2);
    build_input(b, "x", DTYPE_INT64, "4");
    BnfuseOnnx__NodeProto *node =
        build_node(b, "LabelEncoder", NULL, "x", "y", "keys_int64s=70,80,90 values_strings=|five|six|seven");
    node->domain = arena_copy_text(&b->arena, "ai.onnx.ml");
    node->attribute[0]->ints[2] += is_second;
    build_output(b, "y", DTYPE_STRING, NULL);
}

/* One number, which a draw may make positive. */
static void build_slope(struct build *b, bool is_second)
{
    build_input(b, "u", DTYPE_FLOAT, "1,1");
    build_node(b, "LeakyRelu", NULL, "u", "y", is_second ? "alpha=0.3" : NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

/* A flag that follows from constants, which one of the models has computed further than the other. */
static void build_constant_flag(struct build *b, bool is_second)
{
    build_input(b, "x", DTYPE_FLOAT, "2");
    build_init_values(b, "yes", DTYPE_BOOL, "", (double[]){ 1 });
    build_init_values(b, "no", DTYPE_BOOL, "", (double[]){ 0 });
    build_node(b, "Transpose", NULL, "yes", "flag", NULL);
    build_node(b, "Not", NULL, "flag", "off", NULL);
    build_node(b, "Not", NULL, is_second ? "no" : "off", "y", NULL);
    build_node(b, "Relu", NULL, "x", "z", NULL);
    build_output(b, "flag", DTYPE_BOOL, NULL);
    build_output(b, "y", DTYPE_BOOL, NULL);
    build_output(b, "z", DTYPE_FLOAT, NULL);
}

/* Both y1 and y2 follow from x; one model computes z from this one, the other from that. */
static void build_tied(struct build *b, bool is_second)
{
    build_input(b, "x", DTYPE_FLOAT, "4,1,1");
    build_init_values(b, "axis", DTYPE_INT64, "1", (double[]){ 1 });
    build_node(b, "Squeeze", NULL, "x axis", "y1", NULL);
    build_node(b, "Neg", NULL, "x", "y2", NULL);
    build_node(b, "Unsqueeze", NULL, "y1 axis", "u", NULL);
    build_node(b, "Neg", NULL, "u", "n", NULL);
    build_node(b, "Transpose", NULL, is_second ? "y2" : "n", "z", "perm=2,1,0");
    build_output(b, "y1", DTYPE_FLOAT, NULL);
    build_output(b, "y2", DTYPE_FLOAT, NULL);
    build_output(b, "z", DTYPE_FLOAT, NULL);
}

static void build_sign(struct build *b, bool is_second)
{
    build_input(b, "x", DTYPE_INT64, "4,4");
    build_node(b, is_second ? "Identity" : "Sign", NULL, "x", "s", NULL);
    build_node(b, "Neg", NULL, "s", "y", NULL);
    build_output(b, "y", DTYPE_INT64, NULL);
}

static void build_threshold(struct build *b, bool is_second)
{
    build_input(b, "x", DTYPE_INT32, "8,8");
    build_init_values(b, "limit", DTYPE_INT32, "", (double[]){ 50256 });
    build_node(b, is_second ? "LessOrEqual" : "Less", NULL, "x limit", "y", NULL);
    build_output(b, "y", DTYPE_BOOL, NULL);
}

/* One of a number that no double can tell from its neighbor. */
static void build_large_whole(struct build *b, bool is_second)
{
    int64_t numbers[2] = { 0x7000000000000001 - is_second, 5 };
    build_input(b, "x", DTYPE_INT64, "4,2");
    BnfuseOnnx__TensorProto *large = build_init(b, "large", DTYPE_INT64, "2", 1);
    memcpy(large->raw_data.data, numbers, sizeof numbers);
    build_node(b, "Mul", NULL, "x large", "y", NULL);
    build_output(b, "y", DTYPE_INT64, NULL);
}

/* The same node at two opsets. */
static void build_regions(struct build *b, bool is_second)
{
    build_close(b);
    build_open(b, 8, is_second ? 16 : 15);
    build_input(b, "x", DTYPE_FLOAT, "1,2,8,8");
    build_init_values(b, "rois", DTYPE_FLOAT, "1,4", (double[]){ 1.2, 0.7, 6.1, 5.4 });
    whole(b, "batch", "1", (double[]){ 0 });
    build_node(b, "RoiAlign", NULL, "x rois batch", "y", "output_height=2 output_width=2");
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

static void build_through_half(struct build *b, bool is_second)
{
    open_model(b);
    if (is_second) build_node(b, "Cast", NULL, "x", "h", "to=10");
    if (is_second) build_node(b, "Cast", NULL, "h", "z", "to=1");
    build_node(b, "Relu", NULL, is_second ? "z" : "x", "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

/* Twice the half of an odd size is another. */
static void build_odd_sizes(struct build *b, bool is_second)
{
    build_input(b, "x", DTYPE_FLOAT, "N,3,H,W");
    build_init(b, "w", DTYPE_FLOAT, "3,3,3,3", 7);
    build_init_values(b, "twice", DTYPE_FLOAT, "4", (double[]){ 1, 1, 2, 2 });
    build_node(b, "Shape", NULL, "x", "size", NULL);
    build_node(b, "Conv", NULL, "x w", "h", "strides=2,2 pads=1,1,1,1");
    build_node(b, "Resize", NULL, is_second ? "h _ twice" : "h _ _ size", "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

/* One weight, in an image whose every number a Relu makes 0. */
static void build_dead_image(struct build *b, bool is_second)
{
    build_input(b, "x", DTYPE_FLOAT, "1,4,64,64");
    float *weights = (float *)build_init(b, "w", DTYPE_FLOAT, "4,4,3,3", 7)->raw_data.data;
    if (is_second) weights[20] += 0.01F;
    build_init_values(b, "low", DTYPE_FLOAT, "4", (double[]){ -1e4, -1e4, -1e4, -1e4 });
    build_node(b, "Conv", NULL, "x w low", "h", "pads=1,1,1,1 strides=2,2");
    build_node(b, "Relu", NULL, "h", "y", NULL);
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

struct twofold {
    const char *what;
    void (*build)(struct build *b, bool is_second);
};

static bnfuse_verdict judge_form(const struct twofold *of, bool backwards)
{
    for (int side = 0; side < 2; side++) {
        build_close(&sides[side]);
        build_open(&sides[side], 8, 13);
        of->build(&sides[side], side != backwards);
    }
    options.memory = &sides[1].memory;
    bnfuse_verdict verdict = compare();
    print_message("%s: %s %s\n", of->what, bnfuse_verdict_text(verdict), result.why);
    return verdict;
}

static void other_forms_of_one_function_agree(void **state)
{
    static const struct twofold forms[] = {
        { "a Clip in two parts", build_clip },
        { "branches exchanged", build_exchanged_branches },
        { "the last state", build_last_state },
        { "a mask", build_mask },
        { "a Gelu written out", build_gelu },
        { "zeros below a Relu", build_padding },

        { "parts that nobody reads", build_unread_parts },
        { "a constant flag", build_constant_flag },
        { "two values that follow from one", build_tied },
    };
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (int way = 0; way < 2; way++)
            assert_int_equal(bnfuse_verdict_status(judge_form(&forms[i], way)), BNFUSE_OK);
}

static void what_usual_numbers_do_not_show_is_found(void **state)
{
    static const struct twofold forms[] = {
        { "a Log with a guard", build_guarded_log },
        { "a row of a table", build_table },
        { "a NaN in a table", build_special_table },
        { "whole numbers below zero", build_division },
        { "the sign of whole numbers", build_sign },
        { "whole numbers at a limit", build_threshold },
        { "a threshold of real numbers", build_real_threshold },
        { "a threshold that is met", build_met_threshold },
        { "a threshold of classes", build_class_threshold },
        { "keys of a table", build_keys },
        { "the last bit of a large whole number", build_large_whole },
        { "a step of a quantized weight", build_codes },
        { "RoiAlign at two opsets", build_regions },
        { "half precision between", build_through_half },
        { "odd sizes", build_odd_sizes },
        { "a dead image", build_dead_image },
    };
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        assert_int_equal(judge_form(&forms[i], false), BNFUSE_VERDICT_FAIL);
}

static void the_tail_of_a_gelu_is_no_difference(void **state)
{
    static const struct twofold few = { "a Gelu of few", build_gelu_of_few };
    (void)state;
    for (options.asked.seed = 1; options.asked.seed <= 16; options.asked.seed++)
        assert_int_equal(bnfuse_verdict_status(judge_form(&few, false)), BNFUSE_OK);
}

/* Neither does a runtime take a model that declares another type than follows. */
static void a_second_model_that_contradicts_itself_fails(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        build_input(b, "x", DTYPE_FLOAT, "2,4");
        build_node(b, "Cast", NULL, "x", "y", side ? "to=10" : "to=11");
        build_output(b, "y", DTYPE_DOUBLE, NULL);
    }
    assert_verdict(BNFUSE_VERDICT_FAIL);
    assert_non_null(strstr(result.why, "do not go together"));
}

/* 3.30078125 is what 3.3 is in half precision. */
static void a_threshold_may_be_rounded_to_the_precision_that_is_asked_for(void **state)
{
    static const double limits[] = { 3.3, 3.30078125 };
    (void)state;
    for (int side = 0; side < 2; side++) build_comparison(&sides[side], "Greater", limits[side]);
    assert_int_equal(compare(), BNFUSE_VERDICT_FAIL);
    options.asked.precision = BNFUSE_DTYPE_FLOAT16;
    assert_int_equal(bnfuse_verdict_status(compare()), BNFUSE_OK);
}

static void one_number_is_tried_with_both_signs(void **state)
{
    static const struct twofold slope = { "the slope of one number", build_slope };
    (void)state;
    for (options.asked.seed = 1; options.asked.seed <= 8; options.asked.seed++)
        assert_int_equal(judge_form(&slope, false), BNFUSE_VERDICT_FAIL);
}

/* x -> Gemm -> h -> Mystery -> c -> Gemm -> y, of which nobody here can run the middle. */
struct around {
    const char *attribute;     /* of the second's Mystery; the first has mode=1 */
    const char *name;          /* of what it gives, in the second; c in the first */
    uint64_t before, after;    /* seeds of the second's weights; 1 and 5 in the first */
    bool is_shifted, is_known; /* the second adds 1 to h and takes it away; c has a declared type */
    enum bnfuse_verdict verdict;
};

static void build_around(struct build *b, const struct around *around, bool is_second)
{
    const char *name = is_second ? around->name : "c", *h = is_second && around->is_shifted ? "h3" : "h";
    build_import(b, "custom", 1);
    build_input(b, "x", DTYPE_FLOAT, "2,4");
    add_layer(b, "x", "h", is_second ? around->before : 1);
    build_init_values(b, "one", DTYPE_FLOAT, "", (double[]){ 1 });
    if (is_second && around->is_shifted) {
        build_node(b, "Add", "add", "h one", "h2", NULL);
        build_node(b, "Sub", "sub", "h2 one", "h3", NULL);
    }
    build_node(b, "Mystery", "mystery", h, name, is_second ? around->attribute : "mode=1")->domain = "custom";
    if (around->is_known) build_value_info(b, name, DTYPE_FLOAT, "2,4");
    add_layer(b, name, "y", is_second ? around->after : 5);
    build_output(b, "y", DTYPE_FLOAT, "2,4");
}

static void what_is_around_an_unknown_operator_is_compared(void **state)
{
    static const struct around cases[] = {
        { "mode=1", "c", 1, 5, false, true, BNFUSE_VERDICT_IDENTICAL },
        { "mode=1", "c", 1, 5, true, true, BNFUSE_VERDICT_PASS_SITES },
        { "mode=1", "d", 1, 5, true, true, BNFUSE_VERDICT_PASS_SITES },
        { "mode=1", "c", 1, 5, true, false, BNFUSE_VERDICT_PASS_SITES },
        { "mode=1", "c", 3, 5, false, true, BNFUSE_VERDICT_FAIL },
        { "mode=1", "c", 1, 7, false, true, BNFUSE_VERDICT_FAIL },
        { "mode=1", "d", 1, 7, true, true, BNFUSE_VERDICT_FAIL },
        { "mode=1", "c", 1, 7, false, false, BNFUSE_VERDICT_FAIL },
        { "mode=2", "c", 1, 5, false, true, BNFUSE_VERDICT_NOT_CHECKED },
        { "mode=2", "c", 1, 5, true, true, BNFUSE_VERDICT_NOT_CHECKED },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int side = 0; side < 2; side++) build_around(&sides[side], &cases[i], side == 1);
        assert_verdict(cases[i].verdict);
        close_sides(state);
        open_sides(state);
    }
}

/* Two of them side by side are paired by name, not by order. */
static void unknown_operators_side_by_side_are_paired_by_name(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct build *b = &sides[side];
        build_import(b, "custom", 1);
        build_input(b, "x", DTYPE_FLOAT, "2,4");
        for (int i = 0; i < 2; i++) {
            bool is_one = i == side;
            add_layer(b, "x", is_one ? "h1" : "h2", is_one ? 1 : 3);
            build_node(b, "Neg", NULL, is_one ? "h1" : "h2", is_one ? "n1" : "n2", NULL);
            if (side) build_node(b, "Identity", NULL, is_one ? "n1" : "n2", is_one ? "m1" : "m2", NULL);
            const char *from = side ? is_one ? "m1" : "m2" : is_one ? "n1" : "n2";
            build_node(b, "Mystery", NULL, from, is_one ? "c1" : "c2", NULL)->domain = "custom";
            build_value_info(b, is_one ? "c1" : "c2", DTYPE_FLOAT, "2,4");
        }
        build_node(b, "Sub", "sub", "c1 c2", "y", NULL);
        build_output(b, "y", DTYPE_FLOAT, "2,4");
    }
    assert_verdict(BNFUSE_VERDICT_PASS_SITES);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_sides, close_sides)
    const struct CMUnitTest tests[] = {
        TEST(networks_with_a_layer_norm_in_parts_are_told_apart),
        TEST(an_input_that_nobody_reads_may_be_left_out),
        TEST(networks_that_end_in_a_top_k_are_told_apart),
        TEST(chaotic_networks_are_no_success),
        TEST(a_half_precision_network_excuses_nothing_by_its_own_perturbation),
        TEST(a_dead_relu_hides_nothing),
        TEST(an_argmax_hides_nothing),
        TEST(a_saturated_sigmoid_hides_nothing),
        TEST(a_comparison_hides_nothing),
        TEST(a_limit_that_no_input_reaches_is_reached),
        TEST(a_limit_beyond_what_can_come_in_is_no_difference),
        TEST(a_branch_that_is_not_taken_hides_nothing),
        TEST(digits_lost_in_the_own_type_are_a_mistake),
        TEST(an_overflow_in_the_own_type_is_a_mistake),
        TEST(other_names_are_paired_by_place_with_a_word),
        TEST(outputs_of_another_number_are_a_difference),
        TEST(what_follows_from_known_sizes_is_not_varied),
        TEST(an_output_of_another_type_is_a_difference),
        TEST(of_lower_precision_an_output_may_be_of_another_type),
        TEST(zeros_of_other_signs_are_not_bit_for_bit_the_same),
        TEST(sequences_of_other_elements_are_a_difference),
        TEST(what_the_first_runs_on_the_second_must_run_on),
        TEST(names_that_moved_are_no_difference),
        TEST(what_a_range_allows_is_no_difference),
        TEST(other_forms_of_one_function_agree),
        TEST(what_usual_numbers_do_not_show_is_found),
        TEST(the_tail_of_a_gelu_is_no_difference),
        TEST(a_second_model_that_contradicts_itself_fails),
        TEST(a_threshold_may_be_rounded_to_the_precision_that_is_asked_for),
        TEST(one_number_is_tried_with_both_signs),
        TEST(what_is_around_an_unknown_operator_is_compared),
        TEST(unknown_operators_side_by_side_are_paired_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
