/* SPDX-License-Identifier: Apache-2.0
 *
 * Edits: the index stays consistent, the file's protos stay as they were. */
#include "build.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct build b;
static struct model model;
static struct net net;
static uint8_t *before;
static size_t before_size;

static void note_protos(void)
{
    before_size = bnfuse_onnx__model_proto__get_packed_size(model.proto);
    before = arena_alloc(&b.arena, before_size);
    bnfuse_onnx__model_proto__pack(model.proto, before);
}

/* With the lines that a test adds to the common model. */
static void reload(void)
{
    build_load(&b, &model, &net);
    note_protos();
}

static int open_build(void **state)
{
    (void)state;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,3,8,8");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,3,3", 1);
    build_init(&b, "s", DTYPE_FLOAT, "4", 2);
    build_init(&b, "t", DTYPE_FLOAT, "4", 3);
    build_node(&b, "Conv", "conv", "x w", "y", "group=1 pads=1,1,1,1 auto_pad=NOTSET");
    build_node(&b, "BatchNormalization", "bn", "y s t s t", "z", "epsilon=0.001");
    build_node(&b, "Relu", "relu", "z", "r", NULL);
    build_output(&b, "r", DTYPE_FLOAT, "N,4,8,8");
    build_load(&b, &model, &net);
    note_protos();
    return 0;
}

/* The protos as read must not have changed, whatever a test did. */
static int close_build(void **state)
{
    (void)state;
    size_t size = bnfuse_onnx__model_proto__get_packed_size(model.proto);
    uint8_t *after = arena_alloc(&b.arena, size);
    bnfuse_onnx__model_proto__pack(model.proto, after);
    int changed = size != before_size || memcmp(before, after, size) != 0;
    build_close(&b);
    return changed;
}

static struct node *node(const char *name)
{
    return build_find_node(&net, name);
}

static struct value *value(const char *name)
{
    return build_find_value(&net, name);
}

/* Every list agrees with every other. */
static void assert_consistent(void)
{
    for (struct graph *graph = NULL; (graph = net_next_graph(&net, graph));) {
        size_t nodes = 0;
        for (struct node *n = graph->first; n; n = n->next, nodes++) {
            assert_ptr_equal(n->graph, graph);
            assert_true(n->next ? n->next->previous == n : graph->last == n);
            for (size_t i = 0; i < n->input_count; i++) {
                const struct use *use = &n->inputs[i];
                assert_true(use->node == n && use->slot == i && use_graph(use) == graph);
                if (!use->value) continue;
                assert_ptr_equal(scope_value(graph, use->value->name), use->value);
                bool listed = false;
                size_t count = 0;
                for (const struct use *u = use->value->uses; u; u = u->next, count++) listed |= u == use;
                assert_true(listed);
                assert_int_equal(count, use->value->use_count);
            }
            for (size_t i = 0; i < n->output_count; i++) {
                const struct value *v = n->outputs[i];
                if (!v) continue;
                assert_true(v->writer == n && v->writer_slot == i && v->graph == graph);
                assert_ptr_equal(graph_value(graph, v->name), v);
            }
        }
        assert_int_equal(nodes, graph->node_count);
        for (size_t i = 0; i < graph->initializer_count; i++) {
            assert_true(graph->initializers[i]->initializer || graph->initializers[i]->sparse);
            assert_int_equal(graph->initializers[i]->initializer_slot, i);
        }
        for (size_t i = 0; i < graph->output_count; i++) assert_true(graph->outputs[i]->is_output);
    }
}

static void fresh_names_avoid_every_name_of_the_model(void **state)
{
    (void)state;
    assert_string_equal(edit_fresh_name(&net, "new"), "new");
    assert_string_equal(edit_fresh_name(&net, "new"), "new_2");
    assert_string_equal(edit_fresh_name(&net, "new"), "new_3");
    assert_string_equal(edit_fresh_name(&net, "new_2"), "new_2_2");
    assert_string_equal(edit_fresh_name(&net, "conv"), "conv_2");
    assert_string_equal(edit_fresh_name(&net, "w"), "w_2");
    assert_string_equal(edit_fresh_name(&net, "x"), "x_2");
    assert_string_equal(edit_fresh_name(&net, "g"), "g_2");
    assert_string_equal(edit_fresh_name(&net, ""), "unnamed");
    edit_take_output(node("conv"), 0, value("z"));
    edit_remove_node(node("bn"));
    assert_string_equal(edit_fresh_name(&net, "bn"), "bn_2");
    assert_string_equal(edit_fresh_name(&net, "y"), "y_2");
}

static void names_of_inner_graphs_and_functions_are_taken_too(void **state)
{
    (void)state;
    build_node(&b, "If", "choice", "x", "c", NULL);
    build_body(&b, "then_branch");
    build_init(&b, "inner_w", DTYPE_FLOAT, "1", 1);
    build_node(&b, "Neg", "inner", "x", "inner_y", NULL);
    build_output(&b, "inner_y", DTYPE_FLOAT, NULL);
    build_end(&b);
    build_function(&b, "local", "F", "fa", "fr", NULL);
    build_node(&b, "Neg", "fn", "fa", "fr", NULL);
    build_end(&b);
    reload();
    static const char *const taken[] = { "inner_w", "inner", "inner_y", "then_branch", "F", "fa", "fr", "fn" };
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        assert_string_not_equal(edit_fresh_name(&net, taken[i]), taken[i]);
}

/* Quadratic search for suffixes would not end. */
static void many_fresh_names_of_one_base_come_fast(void **state)
{
    (void)state;
    const char *name = NULL;
    for (int i = 0; i < 200000; i++) name = edit_fresh_name(&net, "n");
    assert_string_equal(name, "n_200000");
}

static void an_input_can_be_set_added_and_dropped(void **state)
{
    (void)state;
    struct node *conv = node("conv");
    assert_false(conv->is_edited);
    edit_set_input(conv, 2, value("t"));
    assert_true(conv->is_edited);
    assert_int_equal(conv->input_count, 3);
    assert_ptr_equal(conv->inputs[2].value, value("t"));
    assert_int_equal(value("t")->use_count, 3);
    assert_consistent();

    edit_set_input(conv, 4, value("s"));
    assert_int_equal(conv->input_count, 5);
    assert_null(node_input(conv, 3));
    assert_consistent();

    edit_set_input(conv, 4, NULL);
    assert_int_equal(conv->input_count, 3);
    edit_set_input(conv, 9, NULL);
    edit_set_input(conv, 1, NULL);
    assert_int_equal(conv->input_count, 3);
    assert_int_equal(value("w")->use_count, 0);
    edit_set_input(conv, 2, NULL);
    assert_int_equal(conv->input_count, 1);
    assert_consistent();
}

static void attributes_are_set_replaced_and_removed(void **state)
{
    (void)state;
    struct node *conv = node("conv");
    const int64_t strides[] = { 2, 1 }, *ints = NULL;
    edit_set_int(conv, "group", 2);
    edit_set_ints(conv, "strides", strides, 2);
    edit_set_float(conv, "alpha", 0.5F);
    assert_int_equal(node_int(conv, "group", 1), 2);
    assert_int_equal(node_ints(conv, "strides", &ints), 2);
    assert_int_equal(ints[0], 2);
    assert_true(node_float(conv, "alpha", 0) == 0.5F);
    assert_string_equal(node_text(conv, "auto_pad", "x"), "NOTSET");
    assert_int_equal(conv->proto->n_attribute, 5);
    edit_remove_attribute(conv, "pads");
    edit_remove_attribute(conv, "never");
    assert_int_equal(node_ints(conv, "pads", &ints), 0);
    assert_int_equal(conv->proto->n_attribute, 4);
    assert_string_equal(node_text(conv, "auto_pad", "x"), "NOTSET");
    edit_set_int(conv, "auto_pad", 3);
    assert_string_equal(node_text(conv, "auto_pad", "x"), "x");
}

/* What a fold does: the Conv takes the place of the BatchNormalization. */
static void a_node_takes_the_output_of_another(void **state)
{
    (void)state;
    struct node *conv = node("conv"), *bn = node("bn");
    struct value *y = value("y"), *z = value("z");
    edit_take_output(conv, 0, z);
    assert_null(y->writer);
    assert_null(bn->outputs[0]);
    edit_remove_node(bn);
    assert_ptr_equal(z->writer, conv);
    assert_null(graph_value(net.main, "y"));
    assert_int_equal(net.main->node_count, 2);
    assert_int_equal(value("s")->use_count, 0);
    assert_consistent();
    edit_remove_initializer(value("s"));
    edit_remove_initializer(value("t"));
    assert_int_equal(net.main->initializer_count, 1);
    assert_null(graph_value(net.main, "s"));
    assert_consistent();
}

static void what_nothing_defines_or_reads_any_more_is_not_found_by_name(void **state)
{
    (void)state;
    struct value *y = value("y"), *z = value("z"), *new = edit_add_value(net.main, "new", NULL);
    edit_set_input(node("bn"), 0, value("x"));
    edit_take_output(node("conv"), 0, new);
    assert_null(graph_value(net.main, "y"));
    edit_replace_uses(z, new);
    assert_ptr_equal(graph_value(net.main, "z"), z);
    edit_set_input(node("relu"), 0, y);
    assert_ptr_equal(graph_value(net.main, "y"), y);
    edit_take_output(node("conv"), 0, y);
    assert_null(graph_value(net.main, "new"));
    assert_consistent();
}

static void initializers_are_removed_in_any_order(void **state)
{
    (void)state;
    edit_set_input(node("conv"), 1, value("x"));
    edit_remove_initializer(value("w"));
    assert_int_equal(net.main->initializer_count, 2);
    assert_consistent();
    for (size_t i = 1; i < 5; i++) edit_set_input(node("bn"), i, value("x"));
    edit_remove_initializer(value("t"));
    assert_ptr_equal(net.main->initializers[0], value("s"));
    edit_remove_initializer(value("s"));
    assert_int_equal(net.main->initializer_count, 0);
}

static void new_nodes_and_initializers_stand_where_they_belong(void **state)
{
    (void)state;
    const int64_t dims[] = { 4, 1 };
    const double values[] = { 1, 2, 3, 4 };
    struct value *y = value("y"), *z = value("z");
    y->type = DTYPE_FLOAT16;
    struct value *scale = edit_add_initializer(net.main, "w", tensor_exact(&b.arena, DTYPE_FLOAT, 2, dims, values));
    assert_string_equal(scale->name, "w_2");
    assert_false(scale->is_input);
    assert_int_equal(scale->shape.rank, 2);
    assert_int_equal(scale->shape.dims[0].size, 4);
    assert_ptr_equal(net.main->initializers[3], scale);

    struct node *mul = edit_add_node(net.main, node("bn"), "Mul", "conv", (struct value *[]){ y, scale }, 2, y);
    assert_string_equal(mul->proto->name, "conv_2");
    assert_true(node_is(mul, "Mul"));
    assert_int_equal(mul->opset, 13);
    assert_true(mul->is_new);
    assert_ptr_equal(node("conv")->next, mul);
    assert_int_equal(mul->outputs[0]->type, DTYPE_FLOAT16);
    edit_set_input(node("bn"), 0, mul->outputs[0]);
    assert_consistent();

    struct node *end = edit_add_node(net.main, NULL, "Clip", "", (struct value *[]){ z, NULL, scale }, 3, NULL);
    assert_ptr_equal(net.main->last, end);
    assert_int_equal(end->input_count, 3);
    assert_null(node_input(end, 1));
    assert_int_equal(end->outputs[0]->shape.rank, -1);
    assert_consistent();
}

static void before_ir_4_a_new_initializer_is_an_input_too(void **state)
{
    (void)state;
    b.model->ir_version = 3;
    reload();
    struct value *v = edit_add_initializer(net.main, "v", tensor_exact(&b.arena, DTYPE_FLOAT, 0, NULL, &(double){ 1 }));
    assert_true(v->is_input);
    assert_ptr_equal(net.main->inputs[1], v);
    edit_remove_initializer(v);
    assert_int_equal(net.main->input_count, 1);
    assert_int_equal(net.main->initializer_count, 3);
    assert_consistent();
}

static void readers_and_output_lists_follow_a_replacement(void **state)
{
    (void)state;
    build_node(&b, "If", "choice", "x", "c", NULL);
    build_body(&b, "then_branch");
    build_node(&b, "Neg", "inner", "r", "n", NULL);
    build_output(&b, "r", DTYPE_FLOAT, NULL);
    build_output(&b, "n", DTYPE_FLOAT, NULL);
    build_end(&b);
    reload();
    struct value *r = value("r"), *z = value("z");
    edit_replace_uses(r, z);
    struct graph *body = node("choice")->inner[0];
    assert_ptr_equal(net.main->outputs[0], z);
    assert_ptr_equal(body->outputs[0], z);
    assert_ptr_equal(node("inner")->inputs[0].value, z);
    assert_true(z->is_output && !r->is_output);
    assert_null(r->uses);
    assert_int_equal(z->use_count, 3);
    assert_consistent();
    edit_remove_node(node("relu"));
    assert_consistent();
    edit_remove_node(node("choice"));
    assert_int_equal(z->use_count, 0);
    assert_true(z->is_output);
    assert_consistent();
}

static void a_value_that_only_a_removed_body_listed_is_no_output_any_more(void **state)
{
    (void)state;
    build_node(&b, "If", "choice", "x", "c", NULL);
    build_body(&b, "then_branch");
    build_node(&b, "If", "nested", "y", "k", NULL);
    build_body(&b, "else_branch");
    build_output(&b, "z", DTYPE_FLOAT, NULL);
    build_end(&b);
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    build_end(&b);
    reload();
    assert_true(value("y")->is_output && value("z")->is_output);
    edit_remove_node(node("choice"));
    assert_false(value("y")->is_output || value("z")->is_output);
    assert_int_equal(value("y")->use_count, 1);
    assert_consistent();
}

static void a_value_knows_which_output_it_is(void **state)
{
    (void)state;
    build_node(&b, "Split", "parts", "x", "first second", "axis=0");
    reload();
    struct value *third = edit_add_value(net.main, "third", NULL);
    edit_take_output(node("parts"), 1, third);
    assert_int_equal(third->writer_slot, 1);
    edit_rename(third);
    assert_string_equal(node("parts")->outputs[0]->name, "first");
    assert_ptr_equal(node("parts")->outputs[1], third);
    assert_consistent();
}

static void a_renamed_value_takes_its_writer_and_readers_along(void **state)
{
    (void)state;
    build_node(&b, "If", "choice", "x", "c", NULL);
    build_body(&b, "then_branch");
    build_node(&b, "Neg", "inner", "y", "n", NULL);
    build_output(&b, "n", DTYPE_FLOAT, NULL);
    build_end(&b);
    reload();
    struct value *y = value("y");
    edit_rename(y);
    assert_string_equal(y->name, "y_2");
    assert_null(graph_value(net.main, "y"));
    assert_ptr_equal(graph_value(net.main, "y_2"), y);
    assert_ptr_equal(node("inner")->inputs[0].value, y);
    assert_consistent();
    struct value *w = value("w");
    edit_rename(w);
    assert_null(w->proto);
    assert_non_null(w->initializer);
    assert_consistent();
}

static void a_name_inside_a_body_that_would_hide_a_new_read_is_changed(void **state)
{
    (void)state;
    build_node(&b, "If", "choice", "x", "c", NULL);
    build_body(&b, "then_branch");
    build_node(&b, "Neg", "hides", "r", "z", NULL);
    build_node(&b, "Abs", "reader", "r", "n", NULL);
    build_node(&b, "Add", "both", "n z", "o", NULL);
    build_output(&b, "o", DTYPE_FLOAT, NULL);
    build_end(&b);
    reload();
    struct value *outer = graph_value(net.main, "z"), *inner = node("hides")->outputs[0];
    edit_set_input(node("reader"), 0, outer);
    assert_string_equal(outer->name, "z");
    assert_string_not_equal(inner->name, "z");
    assert_ptr_equal(node("both")->inputs[1].value, inner);
    assert_consistent();
}

static void an_input_leaves_and_its_initializer_stays(void **state)
{
    (void)state;
    build_input(&b, "w", DTYPE_FLOAT, "4,3,3,3");
    reload();
    struct value *w = value("w");
    assert_true(value_is_overridable(w));
    edit_remove_input(w);
    assert_false(value_is_overridable(w));
    assert_int_equal(net.main->input_count, 1);
    assert_ptr_equal(graph_value(net.main, "w"), w);
    assert_consistent();
}

static void what_is_so_already_stays_so(void **state)
{
    (void)state;
    struct node *conv = node("conv"), *first = net.main->first;
    struct value *y = value("y");
    edit_take_output(conv, 0, y);
    assert_ptr_equal(y->writer, conv);
    assert_ptr_equal(conv->outputs[0], y);
    edit_replace_uses(y, y);
    assert_int_equal(y->use_count, 1);
    assert_ptr_equal(y->uses->node, node("bn"));
    edit_move_node(conv, conv);
    assert_ptr_equal(net.main->first, first);
    assert_consistent();
}

static void a_function_that_goes_calls_no_other(void **state)
{
    (void)state;
    static char local[] = "local";
    build_import(&b, local, 1);
    build_function(&b, local, "Inner", "a", "c", NULL);
    build_import(&b, "", 13);
    build_node(&b, "Exp", NULL, "a", "c", NULL);
    build_end(&b);
    build_function(&b, local, "Outer", "a", "c", NULL);
    build_import(&b, "", 13);
    build_import(&b, local, 1);
    build_node(&b, "Inner", "inner", "a", "c", NULL)->domain = local;
    build_end(&b);
    reload();
    assert_int_equal(net.function_count, 2);
    assert_int_equal(net.functions[0]->call_count, 1);
    assert_int_equal(net.functions[1]->call_count, 0);
    edit_drop_function(net.functions[1]);
    assert_int_equal(net.functions[0]->call_count, 0);
    assert_true(net.functions[1]->is_dropped);
}

static void a_copy_of_a_call_is_a_call(void **state)
{
    (void)state;
    build_import(&b, "local", 1);
    build_node(&b, "F", "call", "r", "u", NULL)->domain = (char *)"local";
    build_function(&b, "local", "F", "a", "a", NULL);
    build_end(&b);
    reload();
    struct node *call = build_find_node(&net, "call");
    struct node *copy = edit_copy_node(net.main, call, call, "again");
    assert_ptr_equal(copy->function, call->function);
    assert_int_equal(call->function->call_count, 2);
    assert_ptr_equal(call->function->caller, copy);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_build, close_build)
    const struct CMUnitTest tests[] = {
        TEST(a_copy_of_a_call_is_a_call),
        TEST(what_is_so_already_stays_so),
        TEST(a_function_that_goes_calls_no_other),
        TEST(fresh_names_avoid_every_name_of_the_model),
        TEST(names_of_inner_graphs_and_functions_are_taken_too),
        TEST(many_fresh_names_of_one_base_come_fast),
        TEST(an_input_can_be_set_added_and_dropped),
        TEST(attributes_are_set_replaced_and_removed),
        TEST(a_node_takes_the_output_of_another),
        TEST(what_nothing_defines_or_reads_any_more_is_not_found_by_name),
        TEST(initializers_are_removed_in_any_order),
        TEST(new_nodes_and_initializers_stand_where_they_belong),
        TEST(before_ir_4_a_new_initializer_is_an_input_too),
        TEST(readers_and_output_lists_follow_a_replacement),
        TEST(a_value_that_only_a_removed_body_listed_is_no_output_any_more),
        TEST(a_value_knows_which_output_it_is),
        TEST(a_renamed_value_takes_its_writer_and_readers_along),
        TEST(a_name_inside_a_body_that_would_hide_a_new_read_is_changed),
        TEST(an_input_leaves_and_its_initializer_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
