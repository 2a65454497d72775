/* SPDX-License-Identifier: Apache-2.0
 *
 * The index: definitions, reads, scopes, functions, order. */
#include "build.h"
#include "onnx/graph/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct build b;
static struct model model;
static struct net net;

static int close_build(void **state)
{
    (void)state;
    build_close(&b);
    return 0;
}

static void assert_refused(const char *words)
{
    struct bnfuse_error error = { 0 };
    assert_false(build_try_load(&b, &model, &net, &error));
    assert_int_equal(error.status, BNFUSE_INVALID);
    if (!strstr(error.message, words)) print_message("%s\n", error.message);
    assert_non_null(strstr(error.message, words));
}

/* The names of the nodes in the order of a run. */
static void assert_order(const struct graph *graph, const char *expected)
{
    struct node **order;
    struct bnfuse_error error;
    char line[256] = "";
    if (!graph_order(graph, &b.arena, &order, &error)) fail_msg("%s", error.message);
    for (size_t i = 0; i < graph->node_count; i++) {
        if (i) strcat(line, " ");
        strcat(line, order[i]->proto->name);
    }
    assert_string_equal(line, expected);
}

static size_t count_uses(const struct value *value)
{
    size_t count = 0;
    for (const struct use *use = value->uses; use; use = use->next, count++) {
        assert_ptr_equal(use->value, value);
        assert_ptr_equal(*use->link, use);
    }
    assert_int_equal(count, value->use_count);
    return count;
}

static void values_know_who_writes_and_who_reads_them(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,3,8,8");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,3,3", 1);
    build_node(&b, "Conv", "conv1", "x w _", "y", "group=1");
    build_node(&b, "Add", "add1", "y y", "z", NULL);
    build_value_info(&b, "y", DTYPE_FLOAT, "N,4,6,6");
    build_output(&b, "z", DTYPE_FLOAT, "N,4,6,6");
    build_load(&b, &model, &net);
    struct node *conv = build_find_node(&net, "conv1"), *add = build_find_node(&net, "add1");
    struct value *x = build_find_value(&net, "x"), *w = build_find_value(&net, "w"), *y = build_find_value(&net, "y"),
                 *z = build_find_value(&net, "z");
    assert_int_equal(net.main->node_count, 2);
    assert_ptr_equal(net.main->first, conv);
    assert_ptr_equal(net.main->last, add);
    assert_ptr_equal(y->writer, conv);
    assert_ptr_equal(node_output(conv, 0), y);
    assert_ptr_equal(node_input(conv, 1), w);
    assert_null(node_input(conv, 2));
    assert_null(node_input(conv, 9));
    assert_int_equal(conv->input_count, 3);
    assert_int_equal(count_uses(x), 1);
    assert_int_equal(count_uses(y), 2);
    assert_int_equal(count_uses(z), 0);
    assert_true(x->is_input && !x->is_output && !y->is_output && z->is_output);
    assert_int_equal(w->initializer->count, 108);
    assert_ptr_equal(net.main->initializers[0], w);
    assert_non_null(y->info);
    assert_non_null(z->info);
    assert_int_equal(conv->opset, 13);
    assert_true(node_is(conv, "Conv"));
    assert_string_equal(node_label(conv, &b.arena), "Conv \"conv1\"");
    assert_false(value_is_overridable(w));
}

static void a_node_without_name_is_labelled_by_its_output(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "4");
    build_node(&b, "Dropout", NULL, "x", "_ mask", NULL);
    build_node(&b, "Sink", NULL, "x", NULL, NULL);
    build_load(&b, &model, &net);
    assert_string_equal(node_label(net.main->first, &b.arena), "Dropout (output \"mask\")");
    assert_string_equal(node_label(net.main->last, &b.arena), "Sink (without outputs)");
    assert_null(node_output(net.main->first, 0));
}

static void two_nodes_may_bear_one_name(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "4");
    build_node(&b, "Relu", "same", "x", "y", NULL);
    build_node(&b, "Relu", "same", "y", "z", NULL);
    build_load(&b, &model, &net);
    assert_int_equal(net.main->node_count, 2);
}

static void what_no_index_can_hold_is_refused(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "4");
    build_node(&b, "Relu", "r1", "x", "y", NULL);
    build_node(&b, "Relu", "r2", "x", "y", NULL);
    assert_refused("Relu \"r2\" writes \"y\"");
    build_close(&b);

    build_open(&b, 8, 13);
    build_node(&b, "Relu", "r1", "nowhere", "y", NULL);
    assert_refused("Relu \"r1\" reads \"nowhere\"");
    build_close(&b);

    build_open(&b, 8, 13);
    build_output(&b, "nothing", DTYPE_FLOAT, "4");
    assert_refused("graph output \"nothing\"");
    build_close(&b);

    build_open(&b, 8, 13);
    build_init(&b, "w", DTYPE_FLOAT, "4", 1);
    build_init(&b, "w", DTYPE_FLOAT, "4", 2);
    assert_refused("initializer \"w\" is defined twice");
    build_close(&b);

    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "4");
    build_input(&b, "x", DTYPE_FLOAT, "4");
    assert_refused("graph input \"x\" is defined twice");
    build_close(&b);

    build_open(&b, 8, 13);
    build_function(&b, "local", "F", "a", "a", NULL);
    build_end(&b);
    build_function(&b, "local", "F", "b", "b", NULL);
    build_end(&b);
    assert_refused("function \"F\" is defined twice");
    build_close(&b);

    build_open(&b, 8, 13);
    build_init(&b, "w", DTYPE_FLOAT, "4", 1)->raw_data.len = 15;
    assert_refused("tensor \"w\"");
    build_close(&b);

    build_open(&b, 8, 13);
    build_init(&b, "w", DTYPE_FLOAT, "4", 1);
    build_node(&b, "Relu", "r1", "w", "w", NULL);
    assert_refused("Relu \"r1\" writes \"w\"");
    build_close(&b);

    build_open(&b, 8, 13);
    b.model->graph = NULL;
    assert_refused("no graph");
}

static void an_input_that_a_node_writes_is_refused(void **state)
{
    (void)state;
    build_open(&b, 3, 9);
    build_input(&b, "x", DTYPE_FLOAT, "4");
    build_input(&b, "y", DTYPE_FLOAT, "4");
    build_node(&b, "Relu", "r", "x", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "4");
    assert_refused("Relu \"r\" writes \"y\", which is already an input of its graph");
}

/* An If whose branches read the outside, shadow it, and list it as their output. */
static void build_if(void)
{
    build_open(&b, 8, 13);
    build_input(&b, "c", DTYPE_BOOL, "");
    build_input(&b, "x", DTYPE_FLOAT, "4");
    build_node(&b, "Relu", "before", "x", "h", NULL);
    build_node(&b, "If", "choice", "c", "y", NULL);
    build_body(&b, "then_branch");
    build_node(&b, "Neg", "then1", "h", "x", NULL);
    build_node(&b, "Abs", "then2", "x", "t", NULL);
    build_output(&b, "t", DTYPE_FLOAT, "4");
    build_end(&b);
    build_body(&b, "else_branch");
    build_output(&b, "h", DTYPE_FLOAT, "4");
    build_end(&b);
    build_output(&b, "y", DTYPE_FLOAT, "4");
}

static void bodies_read_the_outside_and_their_own_names_come_first(void **state)
{
    (void)state;
    build_if();
    build_load(&b, &model, &net);
    struct node *choice = build_find_node(&net, "choice");
    assert_int_equal(choice->inner_count, 2);
    assert_string_equal(choice->inner_names[1], "else_branch");
    struct graph *then_body = choice->inner[0], *else_body = choice->inner[1];
    assert_ptr_equal(then_body->owner, choice);
    struct value *h = graph_value(net.main, "h"), *outer = graph_value(net.main, "x"),
                 *inner = graph_value(then_body, "x");
    assert_ptr_not_equal(outer, inner);
    assert_ptr_equal(scope_value(then_body, "x"), inner);
    assert_ptr_equal(scope_value(else_body, "x"), outer);
    assert_null(graph_value(else_body, "x"));
    assert_null(scope_value(else_body, "t"));
    assert_int_equal(count_uses(outer), 1);
    assert_int_equal(count_uses(inner), 1);
    assert_ptr_equal(inner->uses->node, then_body->last);

    /* h: read by then1, and listed by the else branch. */
    assert_int_equal(count_uses(h), 2);
    assert_true(h->is_output);
    assert_ptr_equal(else_body->outputs[0], h);
    assert_ptr_equal(else_body->output_uses[0].use.value, h);
    assert_null(else_body->output_uses[0].use.node);
    assert_null(then_body->output_uses[0].use.value);
}

static void graphs_come_outer_before_inner_and_functions_last(void **state)
{
    (void)state;
    build_if();
    build_node(&b, "Loop", "loop", "_ c x", "z", NULL);
    build_body(&b, "body");
    build_input(&b, "i", DTYPE_INT64, "");
    build_node(&b, "If", "nested", "c", "n", NULL);
    build_body(&b, "then_branch");
    build_node(&b, "Neg", "deep", "x", "d", NULL);
    build_output(&b, "d", DTYPE_FLOAT, "4");
    build_end(&b);
    build_end(&b);
    build_function(&b, "local", "F", "a", "r", NULL);
    build_node(&b, "Neg", "in_f", "a", "r", NULL);
    build_end(&b);
    build_function(&b, "local", "G", "a", "a", NULL);
    build_end(&b);
    build_load(&b, &model, &net);
    struct graph *graph = NULL, *found[9];
    size_t count = 0;
    while ((graph = net_next_graph(&net, graph))) found[count++] = graph;
    assert_int_equal(count, 7);
    assert_ptr_equal(found[0], net.main);
    assert_ptr_equal(found[1], build_find_node(&net, "choice")->inner[0]);
    assert_ptr_equal(found[2], build_find_node(&net, "choice")->inner[1]);
    assert_ptr_equal(found[3], build_find_node(&net, "loop")->inner[0]);
    assert_ptr_equal(found[4], build_find_node(&net, "nested")->inner[0]);
    assert_ptr_equal(found[5], net.functions[0]);
    assert_ptr_equal(found[6], net.functions[1]);
    assert_ptr_equal(build_find_node(&net, "deep")->inputs[0].value, graph_value(net.main, "x"));
}

static void a_function_has_opsets_of_its_own_and_sees_nothing_outside(void **state)
{
    (void)state;
    build_open(&b, 8, 17);
    build_import(&b, "local", 1);
    build_input(&b, "x", DTYPE_FLOAT, "4");
    build_node(&b, "F", "call", "x", "y", NULL)->domain = (char *)"local";
    build_node(&b, "F", "other", "x", "z", NULL);
    build_function(&b, "local", "F", "a", "r", NULL);
    build_import(&b, "ai.onnx", 11);
    build_node(&b, "Neg", "neg", "a", "r", NULL);
    build_end(&b);
    build_load(&b, &model, &net);
    struct node *neg = build_find_node(&net, "neg");
    assert_int_equal(neg->opset, 11);
    assert_ptr_equal(build_find_node(&net, "call")->function, neg->graph);
    assert_int_equal(build_find_node(&net, "call")->opset, 1);
    assert_null(build_find_node(&net, "other")->function);
    assert_int_equal(build_find_node(&net, "other")->opset, 17);
    assert_true(neg->graph->inputs[0]->is_input);
    build_close(&b);

    build_open(&b, 8, 17);
    build_input(&b, "x", DTYPE_FLOAT, "4");
    build_function(&b, "local", "F", "a", "r", NULL);
    build_node(&b, "Neg", "neg", "x", "r", NULL);
    build_end(&b);
    assert_refused("Neg \"neg\" reads \"x\"");
}

static void initializers_that_are_inputs_are_overridable_from_ir_4_on(void **state)
{
    (void)state;
    for (int64_t ir = 3; ir <= 4; ir++) {
        build_open(&b, ir, 9);
        build_input(&b, "w", DTYPE_FLOAT, "4");
        build_init(&b, "w", DTYPE_FLOAT, "4", 1);
        build_init(&b, "v", DTYPE_FLOAT, "4", 1);
        build_load(&b, &model, &net);
        assert_true(value_is_overridable(build_find_value(&net, "w")) == (ir == 4));
        assert_false(value_is_overridable(build_find_value(&net, "v")));
        if (ir == 3) build_close(&b);
    }
}

static void a_sorted_file_keeps_its_order(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "4");
    build_node(&b, "Relu", "a", "x", "1", NULL);
    build_node(&b, "Relu", "b", "x", "2", NULL);
    build_node(&b, "Add", "c", "1 2", "3", NULL);
    build_node(&b, "Relu", "d", "x", "4", NULL);
    build_node(&b, "Add", "e", "3 4", "5", NULL);
    build_load(&b, &model, &net);
    assert_order(net.main, "a b c d e");
}

static void an_unsorted_file_is_ordered_by_its_reads_bodies_included(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "4");
    build_input(&b, "c", DTYPE_BOOL, "");
    build_node(&b, "Relu", "last", "y", "z", NULL);
    build_node(&b, "If", "choice", "c", "y", NULL);
    build_body(&b, "then_branch");
    build_node(&b, "Neg", "inner", "h", "t", NULL);
    build_output(&b, "t", DTYPE_FLOAT, "4");
    build_end(&b);
    build_body(&b, "else_branch");
    build_output(&b, "k", DTYPE_FLOAT, "4");
    build_end(&b);
    build_node(&b, "Relu", "listed", "x", "k", NULL);
    build_node(&b, "Relu", "free", "x", "f", NULL);
    build_node(&b, "Relu", "captured", "x", "h", NULL);
    build_load(&b, &model, &net);
    assert_order(net.main, "listed free captured choice last");
}

static void a_cycle_is_named_by_one_of_its_nodes(void **state)
{
    (void)state;
    struct node **order;
    struct bnfuse_error error;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "4");
    build_node(&b, "Relu", "behind", "2", "0", NULL);
    build_node(&b, "Relu", "fine", "x", "f", NULL);
    build_node(&b, "Add", "one", "3 f", "1", NULL);
    build_node(&b, "If", "two", "x", "2", NULL);
    build_body(&b, "then_branch");
    build_output(&b, "1", DTYPE_FLOAT, "4");
    build_end(&b);
    build_node(&b, "Relu", "three", "2", "3", NULL);
    build_load(&b, &model, &net);
    assert_false(graph_order(net.main, &b.arena, &order, &error));
    assert_int_equal(error.status, BNFUSE_INVALID);
    assert_non_null(strstr(error.message, "cycle"));
    assert_true(strstr(error.message, "\"one\"") || strstr(error.message, "\"two\"")
                || strstr(error.message, "\"three\""));
}

/* Long enough that anything quadratic would not end. */
static void a_long_chain_in_reverse_order_is_indexed_and_ordered(void **state)
{
    (void)state;
    enum { LENGTH = 50000 };
    char from[16], to[16];
    build_open(&b, 8, 13);
    build_input(&b, "0", DTYPE_FLOAT, "4");
    for (int i = LENGTH; i > 0; i--) {
        snprintf(from, sizeof from, "%d", i - 1);
        snprintf(to, sizeof to, "%d", i);
        build_node(&b, "Relu", NULL, from, to, NULL);
    }
    build_load(&b, &model, &net);
    struct node **order;
    assert_true(graph_order(net.main, &b.arena, &order, NULL));
    for (int i = 0; i < LENGTH; i++) {
        snprintf(to, sizeof to, "%d", i + 1);
        assert_string_equal(order[i]->outputs[0]->name, to);
    }
}

static void deeply_nested_bodies_do_not_exhaust_the_stack(void **state)
{
    (void)state;
    enum { DEPTH = 30 };
    build_open(&b, 8, 13);
    build_input(&b, "c", DTYPE_BOOL, "");
    for (int i = 0; i < DEPTH; i++) {
        build_node(&b, "If", NULL, "c", "y", NULL);
        build_body(&b, "then_branch");
    }
    for (int i = 0; i < DEPTH; i++) build_end(&b);
    build_load(&b, &model, &net);
    size_t count = 0;
    for (struct graph *graph = NULL; (graph = net_next_graph(&net, graph));) count++;
    assert_int_equal(count, DEPTH + 1);
    assert_int_equal(count_uses(build_find_value(&net, "c")), DEPTH);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, close_build)
    const struct CMUnitTest tests[] = {
        TEST(values_know_who_writes_and_who_reads_them),
        TEST(a_node_without_name_is_labelled_by_its_output),
        TEST(two_nodes_may_bear_one_name),
        TEST(what_no_index_can_hold_is_refused),
        TEST(an_input_that_a_node_writes_is_refused),
        TEST(bodies_read_the_outside_and_their_own_names_come_first),
        TEST(graphs_come_outer_before_inner_and_functions_last),
        TEST(a_function_has_opsets_of_its_own_and_sees_nothing_outside),
        TEST(initializers_that_are_inputs_are_overridable_from_ir_4_on),
        TEST(a_sorted_file_keeps_its_order),
        TEST(an_unsorted_file_is_ordered_by_its_reads_bodies_included),
        TEST(a_cycle_is_named_by_one_of_its_nodes),
        TEST(a_long_chain_in_reverse_order_is_indexed_and_ordered),
        TEST(deeply_nested_bodies_do_not_exhaust_the_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
