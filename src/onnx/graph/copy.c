/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of nodes, with the bodies in them. First every node, value and body is made; then it is known what stands for
 * what, and the copies read. */
#include "onnx/graph/copy.h"

#include "base/pointer_map.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/uses.h"

enum { MOST_NESTED = 16 }; /* bodies in bodies */

/* What a value, or a node, of the function has become for the call. */
struct copying {
    struct node *call;
    struct pointer_map copies;
};

static bool has_plain_outputs(const struct graph *function)
{
    for (size_t i = 0; i < function->output_count; i++) {
        if (!function->outputs[i]->writer) return false;
        for (size_t k = 0; k < i; k++)
            if (function->outputs[k] == function->outputs[i]) return false;
    }
    return true;
}

static bool is_plain(const struct graph *graph)
{
    for (const struct node *node = graph->first; node; node = node->next)
        if (!node->row && !node->function && node_refers(node)) return false;
    for (size_t i = 0; i < graph->initializer_count; i++)
        if (graph->initializers[i]->sparse || graph->initializers[i]->is_input) return false;
    for (size_t i = 0; graph->owner && i < graph->output_count; i++)
        if (!graph->outputs[i]->writer && graph->outputs[i]->graph->function) return false;
    return true;
}

size_t copy_size(const struct graph *function)
{
    size_t size = 0;
    if (!has_plain_outputs(function)) return 0;
    for (const struct graph *graph = function; graph; graph = graph_next(graph)) {
        int depth = 0;
        for (const struct graph *up = graph; up->owner; up = up->owner->graph) depth++;
        if (depth > MOST_NESTED || !is_plain(graph)) return 0;
        size += graph->node_count;
    }
    return size;
}

static struct value *copy_value(struct copying *c, struct graph *to, const struct value *value)
{
    struct value *copy = edit_add_value(to, value->name, NULL);
    pointer_map_set(&c->copies, value, copy);
    return copy;
}

static struct graph *copy_body(struct copying *c, const struct graph *from, struct node *owner);

/* At the end of the graph, or before a node. */
static void copy_node(struct copying *c, const struct node *node, struct graph *to, struct node *before)
{
    struct arena *arena = to->net->arena;
    const char *name = arena_printf(arena, "%s/%s", node_title(c->call), node_title(node));
    struct node *copy = edit_copy_node(to, before, node_bound(node, c->call, arena), name);
    copy->is_skipped = node->is_skipped || c->call->is_skipped;
    pointer_map_set(&c->copies, node, copy);
    edit_list_outputs(copy, node->output_count);
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i]) edit_take_output(copy, i, copy_value(c, to, node->outputs[i]));
    if (!node->inner_count) return;
    to->owner_count++;
    copy->inner_names = node->inner_names;
    copy->inner = NEW_ARRAY(arena, struct graph *, node->inner_count);
    for (size_t i = 0; i < node->inner_count; i++) {
        copy->inner[i] = copy_body(c, node->inner[i], copy);
        copy->inner_count++;
    }
}

static struct graph *copy_body(struct copying *c, const struct graph *from, struct node *owner)
{
    struct arena *arena = owner->graph->net->arena;
    struct graph *to = NEW(arena, struct graph);
    *to = (struct graph){ .net = from->net, .proto = from->proto, .owner = owner, .slot = from->slot };
    name_map_open(&to->values, arena);
    to->inputs = NEW_ARRAY(arena, struct value *, from->input_count);
    to->input_count = to->input_room = from->input_count;
    for (size_t i = 0; i < from->input_count; i++) {
        to->inputs[i] = copy_value(c, to, from->inputs[i]);
        to->inputs[i]->is_input = true;
        to->inputs[i]->info = from->inputs[i]->info;
    }
    for (size_t i = 0; i < from->initializer_count; i++) {
        const struct value *value = from->initializers[i];
        pointer_map_set(&c->copies, value, edit_add_constant(to, value->name, value->initializer));
    }
    for (const struct node *node = from->first; node; node = node->next) copy_node(c, node, to, NULL);
    return to;
}

static void copy_outputs(const struct copying *c, const struct graph *from, struct graph *to)
{
    struct arena *arena = to->net->arena;
    to->outputs = NEW_ARRAY(arena, struct value *, from->output_count);
    to->output_uses = NEW_ARRAY(arena, struct output_use, from->output_count);
    to->output_count = from->output_count;
    for (size_t i = 0; i < from->output_count; i++) {
        struct value *value = to->outputs[i] = pointer_map_get(&c->copies, from->outputs[i]);
        to->output_uses[i].graph = to;
        to->output_uses[i].use.slot = (uint32_t)i;
        value->is_output = true;
        if (value->graph != to) use_add(&to->output_uses[i].use, value);
        else if (!value->info) value->info = from->outputs[i]->info;
    }
}

/* The copies read; bodies, whose outputs may be of a graph around them, list these. */
static void copy_reads(const struct copying *c, const struct graph *from)
{
    for (const struct node *node = from->first; node; node = node->next) {
        struct node *copy = pointer_map_get(&c->copies, node);
        for (size_t i = 0; i < node->input_count; i++)
            if (node->inputs[i].value) edit_set_input(copy, i, pointer_map_get(&c->copies, node->inputs[i].value));
        for (size_t i = 0; i < node->inner_count; i++) {
            copy_reads(c, node->inner[i]);
            copy_outputs(c, node->inner[i], copy->inner[i]);
        }
    }
}

/* The call's outputs, by name, are written by the copies. */
static void hand_over_outputs(const struct copying *c, const struct graph *function)
{
    for (size_t i = 0; i < function->output_count; i++) {
        struct value *outer = node_output(c->call, i), *inner = pointer_map_get(&c->copies, function->outputs[i]);
        if (!outer) continue;
        struct node *writer = inner->writer;
        size_t slot = inner->writer_slot;
        edit_replace_uses(inner, outer);
        edit_take_output(writer, slot, outer);
    }
}

void copy_in_place_of(struct node *call)
{
    const struct graph *function = call->function;
    struct copying c = { .call = call, .copies = { .arena = call->graph->net->arena } };
    for (size_t i = 0; i < function->input_count; i++)
        if (node_input(call, i)) pointer_map_set(&c.copies, function->inputs[i], node_input(call, i));
    for (const struct node *node = function->first; node; node = node->next) copy_node(&c, node, call->graph, call);
    copy_reads(&c, function);
    hand_over_outputs(&c, function);
    edit_remove_node(call);
}
