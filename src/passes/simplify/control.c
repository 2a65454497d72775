/* SPDX-License-Identifier: Apache-2.0
 *
 * Branches and loops of which it is known before anything runs what they do. The body's nodes are copied in front of
 * the node, its constants into the graph around it; its results are the node's. */
#include "base/pointer_map.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/schema.h"
#include "passes/decide/remark.h"
#include "passes/simplify/rewrite.h"

#include <string.h>

enum { BODY_LIMIT = 1 << 16 };

/* Whether the body can be copied: no bodies in it, no constants in a form or a place that the graph around has not. */
static bool can_be_copied(const struct graph *body)
{
    if (body->node_count > BODY_LIMIT) return false;
    for (const struct node *node = body->first; node; node = node->next)
        if (node->is_skipped || node->inner_count || node_refers(node) || (node->row && node->row->random))
            return false;
    for (size_t i = 0; i < body->initializer_count; i++)
        if (body->initializers[i]->sparse || body->initializers[i]->is_input) return false;
    return true;
}

/* What stands for the body's value in the graph around it, or by now for what did. */
static struct value *outer_of(const struct pointer_map *values, struct value *value)
{
    for (struct value *outer; (outer = pointer_map_get(values, value));) value = outer;
    return value;
}

static void copy_body(struct simplifier *s, struct node *owner, const struct graph *body, struct pointer_map *values)
{
    struct arena *arena = rewrite_net(s)->arena;
    struct node **copies = NEW_ARRAY(arena, struct node *, body->node_count);
    size_t at = 0;
    for (size_t i = 0; i < body->initializer_count; i++) {
        struct value *value = body->initializers[i];
        pointer_map_set(values, value, rewrite_add_constant(s, owner, value->name, value->initializer));
    }
    for (struct node *node = body->first; node; node = node->next) {
        struct node *copy = copies[at++] = rewrite_copy_node(s, owner, node);
        remark_move(node, copy);
        edit_list_outputs(copy, node->output_count);
        for (size_t i = 0; i < node->output_count; i++) {
            if (!node->outputs[i]) continue;
            struct value *value = edit_add_value(owner->graph, node->outputs[i]->name, node->outputs[i]);
            edit_take_output(copy, i, value);
            pointer_map_set(values, node->outputs[i], value);
        }
    }
    at = 0;
    for (const struct node *node = body->first; node; node = node->next, at++)
        for (size_t i = 0; i < node->input_count; i++)
            if (node->inputs[i].value) edit_set_input(copies[at], i, outer_of(values, node->inputs[i].value));
}

/* Output `slot` of the node is `value`, if need be by an Identity that keeps a name. Whoever wrote the value may write
 * the output instead, which stands for the value from then on: a body may list one value twice. */
static void hand_out(struct simplifier *s, struct node *node, size_t slot, struct pointer_map *values,
                     struct value *value)
{
    struct value *output = node_output(node, slot);
    if (!output) return;
    if (rewrite_replace(s, node, slot, value)) {
        if (output->is_output) pointer_map_set(values, value, output);
        return;
    }
    struct node *identity = rewrite_add_node(s, node, "Identity", &value, 1, output);
    edit_take_output(identity, 0, output);
}

static bool known_branch(struct simplifier *s, struct node *node)
{
    double condition;
    if (!constant_number(node_input(node, 0), &condition)) return false;
    const struct graph *body = node_body(node, condition != 0 ? "then_branch" : "else_branch");
    if (!body || !can_be_copied(body) || body->output_count < node->output_count) return false;
    struct pointer_map values = { .arena = rewrite_net(s)->arena };
    copy_body(s, node, body, &values);
    rewrite_where(s, condition != 0 ? "then_branch" : "else_branch");
    for (size_t i = 0; i < node->output_count; i++) hand_out(s, node, i, &values, outer_of(&values, body->outputs[i]));
    return true;
}

static struct value *add_scalar(struct simplifier *s, struct node *node, const char *name, enum dtype type,
                                int64_t number)
{
    return rewrite_add_constant(s, node, name, tensor_whole(rewrite_net(s)->arena, type, 0, NULL, &number));
}

/* A result of each round is a row of the output. */
static struct value *as_row(struct simplifier *s, struct node *node, struct value *value)
{
    int64_t one = 1, axis = 0;
    struct tensor *axes = tensor_whole(rewrite_net(s)->arena, DTYPE_INT64, 1, &one, &axis);
    struct node *row = rewrite_add_node(s, node, "Unsqueeze", &value, 1, NULL);
    if (schema_knows(row, "axes")) edit_set_ints(row, "axes", &axis, 1);
    else rewrite_set_input(s, row, 1, rewrite_add_constant(s, node, "axes", axes));
    return row->outputs[0];
}

/* One round, whatever the body's condition says after it. */
static bool is_one_round(const struct node *node, const struct graph *body)
{
    double count, condition = 1;
    struct value *go_on = node_input(node, 1);
    if (!node_input(node, 0) || !constant_number(node_input(node, 0), &count) || count != 1) return false;
    if (go_on && (!constant_number(go_on, &condition) || condition == 0)) return false;
    if (body->input_count < 2 || body->output_count != node->output_count + 1) return false;
    for (size_t i = 2; i < body->input_count; i++)
        if (!node_input(node, i)) return false;
    return body->output_count > body->input_count - 2;
}

static bool one_round(struct simplifier *s, struct node *node)
{
    const struct graph *body = node_body(node, "body");
    if (!body || !is_one_round(node, body) || !can_be_copied(body) || !rewrite_can_store(s, 64, 0)) return false;
    struct pointer_map values = { .arena = rewrite_net(s)->arena };
    size_t carried = body->input_count - 2;
    pointer_map_set(&values, body->inputs[0], add_scalar(s, node, body->inputs[0]->name, DTYPE_INT64, 0));
    pointer_map_set(&values, body->inputs[1], add_scalar(s, node, body->inputs[1]->name, DTYPE_BOOL, 1));
    for (size_t i = 0; i < carried; i++) pointer_map_set(&values, body->inputs[2 + i], node_input(node, 2 + i));
    copy_body(s, node, body, &values);
    rewrite_where(s, "one round");
    for (size_t i = 0; i < node->output_count; i++) {
        struct value *result = outer_of(&values, body->outputs[1 + i]);
        if (node->outputs[i]) hand_out(s, node, i, &values, i < carried ? result : as_row(s, node, result));
    }
    return true;
}

/* No round: a count of 0 or less, or a condition that is false beforehand. */
static bool is_no_round(const struct node *node)
{
    double count, condition;
    return (node_input(node, 0) && constant_number(node_input(node, 0), &count) && count <= 0)
           || (node_input(node, 1) && constant_number(node_input(node, 1), &condition) && condition == 0);
}

/* What is carried comes out as it went in, if its type and shape do not say otherwise. What is collected is empty, and
 * its dims are the body's; so nobody may read it. */
static bool no_round(struct simplifier *s, struct node *node)
{
    const struct graph *body = node_body(node, "body");
    size_t carried = body && body->input_count >= 2 ? body->input_count - 2 : 0;
    if (!carried || !is_no_round(node) || node_outputs_are_read(node, carried)) return false;
    for (size_t i = 0; i < carried; i++)
        if (!node_input(node, 2 + i)) return false;
    struct pointer_map values = { .arena = rewrite_net(s)->arena };
    rewrite_where(s, "no round");
    for (size_t i = 0; i < carried; i++) hand_out(s, node, i, &values, node_input(node, 2 + i));
    return true;
}

const struct rewrite control_rewrites[] = {
    { { "known-branch", "If(true) -> its then_branch" }, "simplify_control", .apply = known_branch },
    { { "one-round", "Loop(1) -> its body" }, "simplify_control", .apply = one_round },
    { { "no-round", "Loop(0) -> what it was given" }, "simplify_no_round", .apply = no_round },
    { .apply = NULL },
};
