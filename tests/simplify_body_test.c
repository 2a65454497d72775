/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops and branches of which it is known what they do, values that a body hands out of the graph around it, and
 * declarations (value_info) that are not true. Each model is simplified, checked, written and read again. */
#include "bnfuse.h"
#include "build.h"
#include "onnx.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct outcome {
    char nodes[400];        /* of the main graph, between blanks */
    char declarations[200]; /* names of its value_info */
};

static void add_word(char *to, size_t size, const char *word)
{
    size_t used = strlen(to);
    snprintf(to + used, size - used, "%s%s", used ? " " : "", word);
}

static bnfuse_fuse_options simplifying(void)
{
    bnfuse_fuse_options options;
    bnfuse_fuse_options_init(&options);
    options.simplify = true;
    return options;
}

static void fuse(struct build *b, const bnfuse_fuse_options *options, struct outcome *outcome)
{
    bnfuse_error error;
    bnfuse_check_options check;
    void *bytes;
    size_t size;
    const void *built = build_bytes(b, &size);
    bnfuse_model *model = bnfuse_read(built, size, NULL, &error);
    if (!model || !bnfuse_fuse(model, options, &error)) fail_msg("%s", error.message);
    bnfuse_check_options_init(&check);
    check.level = BNFUSE_LEVEL_FULL;
    const bnfuse_check_result *result = bnfuse_check(model, &check, &error);
    if (!result) fail_msg("%s", error.message);
    if (result->verdict != BNFUSE_VERDICT_IDENTICAL) assert_int_equal(result->verdict, BNFUSE_VERDICT_PASS);
    if (!bnfuse_write_bytes(model, &bytes, &size, &error)) fail_msg("%s", error.message);
    BnfuseOnnx__ModelProto *proto = bnfuse_onnx__model_proto__unpack(NULL, size, bytes);
    assert_non_null(proto);
    *outcome = (struct outcome){ "", "" };
    for (size_t i = 0; i < proto->graph->n_node; i++)
        add_word(outcome->nodes, sizeof outcome->nodes, proto->graph->node[i]->op_type);
    for (size_t i = 0; i < proto->graph->n_value_info; i++)
        add_word(outcome->declarations, sizeof outcome->declarations, proto->graph->value_info[i]->name);
    bnfuse_onnx__model_proto__free_unpacked(proto, NULL);
    free(bytes);
    bnfuse_free(model);
}

static void becomes(struct build *b, const bnfuse_fuse_options *options, const char *nodes)
{
    const bnfuse_fuse_options plain = simplifying();
    struct outcome outcome;
    fuse(b, options ? options : &plain, &outcome);
    assert_string_equal(outcome.nodes, nodes);
    build_close(b);
}

/* ---- loops ---- */

/* What a loop has besides x, which it doubles in each round, and of which it collects the results. */
struct loop {
    int64_t opset;
    const char *inputs, *outputs;   /* "n c x", "y r" */
    double rounds, condition;       /* initializers n and c */
    const char *inside, *from, *to; /* one more node of its body, with its inputs and outputs; NULL: none */
};

static void build_loop(struct build *b, const struct loop *loop)
{
    build_open(b, 8, loop->opset);
    build_input(b, "x", DTYPE_FLOAT, "2,3");
    build_input(b, "m", DTYPE_INT64, "");
    build_input(b, "d", DTYPE_BOOL, "");
    build_init_values(b, "n", DTYPE_INT64, "", &loop->rounds);
    build_init_values(b, "c", DTYPE_BOOL, "", &loop->condition);
    build_node(b, "Loop", "loop", loop->inputs, loop->outputs, NULL);
    build_body(b, "body");
    build_input(b, "i", DTYPE_INT64, "");
    build_input(b, "on", DTYPE_BOOL, "");
    build_input(b, "s", DTYPE_FLOAT, "2,3");
    build_init_values(b, "two", DTYPE_FLOAT, "1", (double[]){ 2 });
    build_node(b, "Identity", NULL, "on", "go", NULL);
    build_node(b, "Mul", "twice", "s two", "t", NULL);
    if (loop->inside) build_node(b, loop->inside, NULL, loop->from, loop->to, NULL);
    build_output(b, "go", DTYPE_BOOL, "");
    build_output(b, "t", DTYPE_FLOAT, "2,3");
    build_output(b, loop->inside ? loop->to : "t", DTYPE_FLOAT, "2,3");
    build_end(b);
    for (const char *at = loop->outputs; *at; at++)
        if (*at == 'y' || *at == 'r') build_output(b, (char[]){ *at, 0 }, DTYPE_FLOAT, NULL);
}

static void loops_of_known_rounds_are_unrolled(void **state)
{
    static const struct {
        struct loop loop;
        const char *nodes;
    } cases[] = {
        { { 13, "n c x", "y r", 1, 1, NULL, NULL, NULL }, "Mul Unsqueeze" },
        { { 13, "n _ x", "y r", 1, 0, NULL, NULL, NULL }, "Mul Unsqueeze" },
        { { 11, "n c x", "y r", 1, 1, NULL, NULL, NULL }, "Mul Unsqueeze" },
        { { 13, "n c x", "_ r", 1, 1, NULL, NULL, NULL }, "Mul Unsqueeze" },
        { { 13, "n c x", "y _", 1, 1, NULL, NULL, NULL }, "Mul" },
        { { 13, "n c x", "y r", 1, 1, "Neg", "t", "v" }, "Mul Neg Unsqueeze" },
        { { 13, "n c x", "y _", 0, 1, NULL, NULL, NULL }, "Identity" },
        { { 13, "n c x", "y _", 5, 0, NULL, NULL, NULL }, "Identity" },
        /* Rounds or a condition that are given; what no round has collected; what no copy may do again. */
        { { 13, "m c x", "y r", 1, 1, NULL, NULL, NULL }, "Loop" },
        { { 13, "n d x", "y r", 1, 1, NULL, NULL, NULL }, "Loop" },
        { { 13, "n c x", "y r", 2, 1, NULL, NULL, NULL }, "Loop" },
        { { 13, "n c x", "y r", 0, 1, NULL, NULL, NULL }, "Loop" },
        { { 13, "n c x", "y r", 1, 0, NULL, NULL, NULL }, "Loop" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct build b;
        build_loop(&b, &cases[i].loop);
        becomes(&b, NULL, cases[i].nodes);
    }
}

static void a_loop_is_not_copied_over_the_limit(void **state)
{
    const struct loop loop = { 13, "n c x", "y r", 1, 1, NULL, NULL, NULL };
    bnfuse_fuse_options options = simplifying();
    struct build b;
    (void)state;
    options.fold_limit = 0;
    build_loop(&b, &loop);
    becomes(&b, &options, "Loop");
}

/* The second output is what the first one is, and so is that of a branch: whoever writes it has one name. */
static void a_result_that_a_body_lists_twice_is_handed_out_twice(void **state)
{
    struct build b;
    (void)state;
    for (int condition = 0; condition < 2; condition++) {
        build_open(&b, 8, 13);
        build_input(&b, "x", DTYPE_FLOAT, "2,3");
        build_init_values(&b, "c", DTYPE_BOOL, "", (double[]){ condition });
        build_node(&b, "If", "if", "c", "y z", NULL);
        for (int i = 0; i < 2; i++) {
            build_body(&b, i ? "else_branch" : "then_branch");
            build_node(&b, i ? "Abs" : "Exp", NULL, "x", "t", NULL);
            build_output(&b, "t", DTYPE_FLOAT, "2,3");
            build_output(&b, "t", DTYPE_FLOAT, "2,3");
            build_end(&b);
        }
        build_output(&b, "y", DTYPE_FLOAT, NULL);
        build_output(&b, "z", DTYPE_FLOAT, NULL);
        becomes(&b, NULL, condition ? "Exp Identity" : "Abs Identity");
    }
}

/* ---- constants ---- */

/* Of two that are computed alike from a tensor in an attribute, and are not known before a run. */
static void a_tensor_in_an_attribute_is_compared_too(void **state)
{
    static const double numbers[][2] = { { 3, 3 }, { 3, 4 } };
    struct build b;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        build_open(&b, 8, 13);
        build_input(&b, "x", DTYPE_FLOAT, "N,M");
        build_node(&b, "Shape", NULL, "x", "s", NULL);
        for (int k = 0; k < 2; k++) {
            build_node(&b, "ConstantOfShape", NULL, "s", k ? "b" : "a", NULL);
            build_attribute_tensor(&b, "value", build_tensor(&b, "", DTYPE_FLOAT, "1", &numbers[i][k]));
        }
        build_node(&b, "Add", NULL, "a b", "y", NULL);
        build_output(&b, "y", DTYPE_FLOAT, NULL);
        becomes(&b, NULL, i ? "Shape ConstantOfShape ConstantOfShape Add" : "Shape ConstantOfShape Add");
    }
}

static void what_callers_may_replace_is_shared_only_when_frozen(void **state)
{
    bnfuse_fuse_options options = simplifying();
    struct build b;
    (void)state;
    for (int frozen = 0; frozen < 2; frozen++) {
        size_t size;
        bnfuse_error error;
        options.freeze_weights = frozen;
        build_open(&b, 3, 8);
        build_input(&b, "x", DTYPE_FLOAT, "2,3");
        build_input(&b, "k", DTYPE_FLOAT, "3");
        build_input(&b, "l", DTYPE_FLOAT, "3");
        build_init(&b, "k", DTYPE_FLOAT, "3", 1);
        build_init(&b, "l", DTYPE_FLOAT, "3", 1);
        build_node(&b, "Div", NULL, "x k", "d", NULL);
        build_node(&b, "Sub", NULL, "l d", "y", NULL);
        build_output(&b, "y", DTYPE_FLOAT, NULL);
        const void *built = build_bytes(&b, &size);
        bnfuse_model *model = bnfuse_read(built, size, NULL, &error);
        if (!model || !bnfuse_fuse(model, &options, &error)) fail_msg("%s", error.message);
        assert_int_equal(bnfuse_get_report(model)->rewrite_count, frozen);
        bnfuse_free(model);
        build_close(&b);
    }
}

/* ---- values that a body hands out ---- */

/* An If that hands out `value`, or its opposite. */
static void hand_out(struct build *b, const char *value)
{
    build_input(b, "choice", DTYPE_BOOL, "");
    build_node(b, "If", "if", "choice", "chosen", NULL);
    build_body(b, "then_branch");
    build_output(b, value, DTYPE_FLOAT, NULL);
    build_end(b);
    build_body(b, "else_branch");
    build_node(b, "Neg", NULL, value, "minus", NULL);
    build_output(b, "minus", DTYPE_FLOAT, NULL);
    build_end(b);
    build_output(b, "chosen", DTYPE_FLOAT, NULL);
}

static void open_model(struct build *b)
{
    build_open(b, 8, 18);
    build_input(b, "x", DTYPE_FLOAT, "2,8");
    build_output(b, "y", DTYPE_FLOAT, NULL);
}

static void what_stands_for_a_value_is_handed_out_in_its_place(void **state)
{
    struct build b;
    (void)state;
    open_model(&b);
    build_node(&b, "Exp", NULL, "x", "a", NULL);
    build_node(&b, "Identity", NULL, "a", "i", NULL);
    build_node(&b, "Abs", NULL, "a", "y", NULL);
    hand_out(&b, "i");
    becomes(&b, NULL, "Exp Abs If");

    open_model(&b);
    build_init_values(&b, "k", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    build_init_values(&b, "l", DTYPE_FLOAT, "2", (double[]){ 1, 2 });
    build_init_values(&b, "four", DTYPE_INT64, "1", (double[]){ 4 });
    build_node(&b, "Tile", NULL, "k four", "t", NULL);
    build_node(&b, "Add", NULL, "x t", "y", NULL);
    hand_out(&b, "l");
    becomes(&b, NULL, "Add If");

    open_model(&b);
    build_init_values(&b, "k", DTYPE_FLOAT, "1", (double[]){ 3 });
    build_node(&b, "Neg", NULL, "k", "n", NULL);
    build_node(&b, "Add", NULL, "x n", "y", NULL);
    hand_out(&b, "k");
    becomes(&b, NULL, "Add If");
}

static void what_is_handed_out_in_the_middle_keeps_a_pattern_from_being_one(void **state)
{
    static const char *const forms[] = { "layer-norm", "gelu", "mish" };
    bnfuse_fuse_options options = simplifying();
    struct build b;
    (void)state;
    options.enabled = (bnfuse_names){ forms, 3 };

    open_model(&b);
    build_node(&b, "Softplus", NULL, "x", "s", NULL);
    build_node(&b, "Tanh", NULL, "s", "t", NULL);
    build_node(&b, "Mul", NULL, "x t", "y", NULL);
    hand_out(&b, "t");
    becomes(&b, &options, "Softplus Tanh Mul If");

    /* The norm itself may be: only what follows it is not part of it. */
    open_model(&b);
    build_init_values(&b, "last", DTYPE_INT64, "1", (double[]){ -1 });
    build_init_values(&b, "e", DTYPE_FLOAT, "", (double[]){ 0.00390625 });
    build_node(&b, "ReduceMean", NULL, "x last", "m", NULL);
    build_node(&b, "Sub", NULL, "x m", "d", NULL);
    build_node(&b, "Mul", NULL, "d d", "q", NULL);
    build_node(&b, "ReduceMean", NULL, "q last", "v", NULL);
    build_node(&b, "Add", NULL, "v e", "w", NULL);
    build_node(&b, "Sqrt", NULL, "w", "r", NULL);
    build_node(&b, "Div", NULL, "d r", "n", NULL);
    build_node(&b, "Identity", NULL, "x", "y", NULL);
    hand_out(&b, "n");
    becomes(&b, &options, "LayerNormalization Identity If");
}

static void what_a_body_hands_out_is_not_folded_into(void **state)
{
    struct build b;
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "1,2,3,3");
    build_init(&b, "w", DTYPE_FLOAT, "2,2,1,1", 1);
    build_init_values(&b, "s", DTYPE_FLOAT, "2", (double[]){ 1.5, 2 });
    build_node(&b, "Conv", NULL, "x w", "c", NULL);
    build_node(&b, "BatchNormalization", "bn", "c s s s s", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    hand_out(&b, "c");
    becomes(&b, NULL, "Conv BatchNormalization If");

    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "1,2,3,3");
    build_init(&b, "w", DTYPE_FLOAT, "2,2,1,1", 1);
    build_init_values(&b, "s", DTYPE_FLOAT, "2", (double[]){ 1.5, 2 });
    build_node(&b, "BatchNormalization", "bn", "x s s s s", "a", NULL);
    build_node(&b, "Conv", NULL, "a w", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    hand_out(&b, "a");
    becomes(&b, NULL, "BatchNormalization Conv If");
}

/* The same name twice in two bodies tells no order. */
static void nodes_of_one_name_in_two_bodies_are_both_asked(void **state)
{
    struct build b;
    (void)state;
    open_model(&b);
    build_input(&b, "c", DTYPE_BOOL, "");
    build_node(&b, "If", "if", "c", "y", NULL);
    for (int i = 0; i < 2; i++) {
        build_body(&b, i ? "else_branch" : "then_branch");
        build_node(&b, "Abs", "first", "x", "a", NULL);
        build_node(&b, "Abs", "second", "a", i ? "e" : "t", NULL);
        build_output(&b, i ? "e" : "t", DTYPE_FLOAT, NULL);
        build_end(&b);
    }
    becomes(&b, NULL, "If");
}

/* ---- declarations ---- */

static void declarations_that_are_not_true_go(void **state)
{
    const bnfuse_fuse_options options = simplifying();
    struct outcome outcome;
    struct build b;
    (void)state;
    open_model(&b);
    build_init(&b, "k", DTYPE_FLOAT, "8", 1);
    build_node(&b, "Exp", NULL, "x", "a", NULL);
    build_node(&b, "Add", NULL, "a k", "c", NULL);
    build_node(&b, "Tanh", NULL, "c", "d", NULL);
    build_node(&b, "Neg", NULL, "d", "e", NULL);
    build_node(&b, "Abs", NULL, "e", "y", NULL);
    build_value_info(&b, "x", DTYPE_FLOAT, "2,8");
    build_value_info(&b, "k", DTYPE_FLOAT, "N");
    build_value_info(&b, "a", DTYPE_FLOAT, "2,?");
    build_value_info(&b, "c", DTYPE_FLOAT, NULL);
    build_value_info(&b, "d", DTYPE_FLOAT, "2,8,1"); /* another rank */
    build_value_info(&b, "e", DTYPE_FLOAT, "3,8");   /* another size */
    build_value_info(&b, "ghost", DTYPE_FLOAT, "2"); /* of nothing */
    fuse(&b, &options, &outcome);
    assert_string_equal(outcome.nodes, "Exp Add Tanh Neg Abs");
    assert_string_equal(outcome.declarations, "x k a c");
    build_close(&b);
}

static void declarations_of_a_function_go_too(void **state)
{
    static char local[] = "local";
    const bnfuse_fuse_options options = simplifying();
    bnfuse_error error;
    void *bytes;
    size_t size;
    struct build b;
    (void)state;
    build_open(&b, 10, 18);
    build_import(&b, local, 1);
    build_input(&b, "x", DTYPE_FLOAT, "2,8");
    build_node(&b, "F", "call", "x", "y", NULL)->domain = local;
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    build_value_info(&b, "r", DTYPE_FLOAT, "2,8");
    build_value_info(&b, "ghost", DTYPE_FLOAT, "2");
    build_function(&b, local, "F", "a", "r", NULL);
    build_import(&b, "", 18);
    build_node(&b, "Exp", NULL, "a", "r", NULL);
    build_end(&b);
    BnfuseOnnx__FunctionProto *function = b.model->functions[0];
    function->value_info = b.model->graph->value_info;
    function->n_value_info = 2;
    b.model->graph->n_value_info = 0;
    const void *built = build_bytes(&b, &size);
    bnfuse_model *model = bnfuse_read(built, size, NULL, &error);
    if (!model || !bnfuse_fuse(model, &options, &error) || !bnfuse_write_bytes(model, &bytes, &size, &error))
        fail_msg("%s", error.message);
    BnfuseOnnx__ModelProto *proto = bnfuse_onnx__model_proto__unpack(NULL, size, bytes);
    assert_int_equal(proto->n_functions, 1);
    assert_int_equal(proto->functions[0]->n_value_info, 1);
    assert_string_equal(proto->functions[0]->value_info[0]->name, "r");
    bnfuse_onnx__model_proto__free_unpacked(proto, NULL);
    free(bytes);
    bnfuse_free(model);
    build_close(&b);
}

/* ---- captures of two equal values ---- */

/* p and q are computed alike from x, and inside a body `reads` makes `from` of them, which `more` makes b of. */
struct captures {
    bool folded;       /* by MatMul and BatchNormalization, else by Relu */
    const char *reads; /* "Sum", "Sub" */
    const char *more, *from;
    const char *holder, *nodes;
};

static void build_reads(struct build *b, const struct captures *captures)
{
    build_node(b, captures->reads, NULL, "p q", "a", NULL);
    build_node(b, captures->more, NULL, captures->from, "b", NULL);
}

static void build_two_branches(struct build *b, const struct captures *captures)
{
    build_node(b, "If", "choice", "d", "y", NULL);
    build_body(b, "then_branch");
    build_reads(b, captures);
    build_output(b, "b", DTYPE_FLOAT, NULL);
    build_end(b);
    build_body(b, "else_branch");
    build_reads(b, captures);
    build_output(b, "b", DTYPE_FLOAT, NULL);
    build_end(b);
}

static void build_rounds(struct build *b, const struct captures *captures)
{
    build_node(b, "Loop", "loop", "m _ x", "y", NULL);
    build_body(b, "body");
    build_input(b, "i", DTYPE_INT64, "");
    build_input(b, "on", DTYPE_BOOL, "");
    build_input(b, "s", DTYPE_FLOAT, "2,2");
    build_node(b, "Identity", NULL, "on", "go", NULL);
    build_reads(b, captures);
    build_node(b, "Add", NULL, "s b", "t", NULL);
    build_output(b, "go", DTYPE_BOOL, "");
    build_output(b, "t", DTYPE_FLOAT, "2,2");
    build_end(b);
}

static void build_two_equal(struct build *b, const struct captures *captures)
{
    if (captures->folded) {
        build_node(b, "MatMul", NULL, "x w", "p_raw", NULL);
        build_node(b, "MatMul", NULL, "x w", "q_raw", NULL);
        build_node(b, "BatchNormalization", NULL, "p_raw n n n n", "p", NULL);
        build_node(b, "BatchNormalization", NULL, "q_raw n n n n", "q", NULL);
    } else {
        build_node(b, "Relu", NULL, "x", "p", NULL);
        build_node(b, "Relu", NULL, "x", "q", NULL);
    }
    if (strcmp(captures->holder, "Loop") == 0) build_rounds(b, captures);
    else build_two_branches(b, captures);
}

static void what_captures_two_equal_values_is_proven_from_what_both_read(void **state)
{
    static const struct captures cases[] = {
        { false, "Sum", "Neg", "a", "If", "Relu If" },          { false, "Sub", "Add", "a x", "If", "Relu If" },
        { true, "Sum", "Add", "a x", "If", "MatMul Add If" },   { false, "Sub", "Relu", "a", "Loop", "Relu Loop" },
        { true, "Sum", "Neg", "a", "Loop", "MatMul Add Loop" }, { false, "Sub", "Add", "a x", "F", "F" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static char local[] = "local";
        const bool is_called = strcmp(cases[i].holder, "F") == 0;
        struct build b;
        build_open(&b, 10, 17);
        build_input(&b, "x", DTYPE_FLOAT, "2,2");
        build_input(&b, "m", DTYPE_INT64, "");
        build_input(&b, "d", DTYPE_BOOL, "");
        build_init_values(&b, "w", DTYPE_FLOAT, "2,2", (double[]){ 1, 2, 3, 5 });
        build_init_values(&b, "n", DTYPE_FLOAT, "2", (double[]){ 2, 3 });
        if (is_called) {
            build_import(&b, local, 1);
            build_node(&b, "F", "call", "x d", "y", NULL)->domain = local;
            build_function(&b, local, "F", "x d", "y", NULL);
            build_import(&b, "", 17);
            build_two_equal(&b, &cases[i]);
            build_end(&b);
        } else build_two_equal(&b, &cases[i]);
        build_output(&b, "y", DTYPE_FLOAT, NULL);
        becomes(&b, NULL, cases[i].nodes);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_of_known_rounds_are_unrolled),
        cmocka_unit_test(a_loop_is_not_copied_over_the_limit),
        cmocka_unit_test(a_result_that_a_body_lists_twice_is_handed_out_twice),
        cmocka_unit_test(what_stands_for_a_value_is_handed_out_in_its_place),
        cmocka_unit_test(what_is_handed_out_in_the_middle_keeps_a_pattern_from_being_one),
        cmocka_unit_test(what_a_body_hands_out_is_not_folded_into),
        cmocka_unit_test(a_tensor_in_an_attribute_is_compared_too),
        cmocka_unit_test(what_callers_may_replace_is_shared_only_when_frozen),
        cmocka_unit_test(nodes_of_one_name_in_two_bodies_are_both_asked),
        cmocka_unit_test(what_captures_two_equal_values_is_proven_from_what_both_read),
        cmocka_unit_test(declarations_that_are_not_true_go),
        cmocka_unit_test(declarations_of_a_function_go_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
