/* SPDX-License-Identifier: Apache-2.0
 *
 * Inlining what a fold could not reach. */
#include "passes/inline.h"

#include "base/pointer_map.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/bn.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/anchor.h"
#include "passes/algebra/mover.h"

enum { ROUND_LIMIT = 8, SEARCH_LIMIT = 1000, COPY_LIMIT = 1 << 17 /* nodes that one function may become */ };

/* The calls of one function. */
struct calls {
    struct node **nodes;
    size_t count, room;
};

/* Of every function, by its place in net->functions. */
static struct calls *all_calls(const struct net *net)
{
    struct calls *all = NEW_ARRAY(net->arena, struct calls, net->function_count);
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next) {
            struct calls *calls = node->function ? &all[node->function->slot] : NULL;
            if (!calls) continue;
            if (calls->count == calls->room) {
                size_t room = calls->room ? 2 * calls->room : 4;
                calls->nodes = arena_grow(net->arena, calls->nodes, calls->count, room, sizeof *calls->nodes);
                calls->room = room;
            }
            calls->nodes[calls->count++] = node;
        }
    return all;
}

static bool holds_norm(const struct graph *body)
{
    for (const struct node *node = body->first; node; node = node->next)
        if (bn_is(node)) return true;
    return false;
}

/* What a parameter of the body stands for is one thing where it is called once, unless that is an attribute or the call
 * itself stands in a body that several share. */
static bool has_several_calls(const struct graph *body, const struct calls *calls)
{
    bool even_once = false;
    for (const struct node *node = body->first; node; node = node->next)
        even_once = even_once || (bn_is(node) && node_refers(node));
    for (size_t i = 0; i < calls->count; i++) even_once = even_once || calls->nodes[i]->graph->call_count > 1;
    return body->call_count > (even_once ? 0 : 1);
}

static bool is_small(const struct graph *body)
{
    return body->call_count > 0 && body->call_count <= COPY_LIMIT && body->node_count <= COPY_LIMIT / body->call_count;
}

/* Every output is written by a node of its own output, nothing in the body has a body, and what is not known there is
 * the same for all calls. */
static bool can_be_copied(const struct graph *body)
{
    for (const struct node *node = body->first; node; node = node->next)
        if (node->inner_count || (!node->row && !node->function && node_refers(node))) return false;
    for (size_t i = 0; i < body->output_count; i++) {
        if (!body->outputs[i]->writer) return false;
        for (size_t k = 0; k < i; k++)
            if (body->outputs[k] == body->outputs[i]) return false;
    }
    return true;
}

/* The calls stand in graphs that are still there, and their opsets are that of the body. */
static bool opsets_agree(const struct graph *body, const struct calls *calls)
{
    for (size_t i = 0; i < calls->count; i++)
        if (calls->nodes[i]->graph->is_dropped || graph_opset(calls->nodes[i]->graph) != graph_opset(body))
            return false;
    return true;
}

/* Whether the parameters of the BatchNormalization, or of the operator before it, are what a call passes: what the body
 * alone decides folds in the body, for all calls at once. */
static bool depends_on_call(const struct node *bn)
{
    const struct value *x = node_input(bn, 0);
    const struct node *writer = x ? x->writer : NULL;
    if (node_refers(bn)) return true;
    for (size_t i = 1; i < bn->input_count; i++)
        if (bn->inputs[i].value && bn->inputs[i].value->is_input) return true;
    for (size_t i = 1; writer && i < writer->input_count; i++)
        if (writer->inputs[i].value && writer->inputs[i].value->is_input) return true;
    return false;
}

/* A look for linear operators around a body, through movers and out of the functions that call. */
struct search {
    const struct calls *calls; /* of every function */
    int visits;
};

/* What an affine may cross, as far as its operator says. */
static bool is_crossed(const struct node *node)
{
    if (node->function) return false;
    return bn_is(node) || affine_is_operator(node) || mover_of(node) || (node->row && node->row->idle);
}

static bool is_real(const struct value *value)
{
    return value->type == DTYPE_UNDEFINED || dtype_kind(value->type) == KIND_REAL;
}

/* The graph where an affine on the value would be absorbed upstream: by an anchor, or a constant that is moved. NULL if
 * there is none. */
static const struct graph *find_upstream(struct search *search, struct value *value)
{
    const struct graph *graph = value ? value->graph : NULL, *home = NULL;
    const struct node *writer = value ? value->writer : NULL;
    if (!value || !is_real(value) || ++search->visits > SEARCH_LIMIT) return NULL;
    const struct tensor *constant = value_constant(value);
    if (constant) return dtype_kind(constant->type) == KIND_REAL ? graph : NULL;
    if (writer && !writer->function && anchor_is(writer)) return graph;
    if (writer && is_crossed(writer)) {
        const bool has_terms = affine_is_operator(writer);
        for (size_t i = 0; !home && i < (has_terms ? writer->input_count : 1); i++) {
            struct value *term = node_input(writer, i);
            if (!has_terms || (term && !value_constant(term))) home = find_upstream(search, term);
        }
    }
    for (size_t i = 0; value->is_input && graph->function && i < graph->input_count; i++)
        for (size_t k = 0; graph->inputs[i] == value && !home && k < search->calls[graph->slot].count; k++)
            home = find_upstream(search, node_input(search->calls[graph->slot].nodes[k], i));
    return home;
}

/* The same downstream. */
static const struct graph *find_downstream(struct search *search, const struct value *value)
{
    const struct graph *graph = value ? value->graph : NULL, *home = NULL;
    if (!value || !is_real(value) || ++search->visits > SEARCH_LIMIT) return NULL;
    for (const struct use *use = value->uses; use && !home; use = use->next) {
        if (!use->node || use->node->function) continue;
        if (anchor_is(use->node)) return use->node->graph;
        if (is_crossed(use->node)) home = find_downstream(search, node_output(use->node, 0));
    }
    for (size_t i = 0; value->is_output && graph->function && i < graph->output_count; i++)
        for (size_t k = 0; graph->outputs[i] == value && !home && k < search->calls[graph->slot].count; k++)
            home = find_downstream(search, node_output(search->calls[graph->slot].nodes[k], i));
    return home;
}

/* Whether the BatchNormalization may fold in a copy of the body and not in the body: a linear operator is upstream of
 * it, or else downstream, seen from some call. */
static bool gains_by_copies(const struct calls *calls, const struct graph *body, const struct node *bn)
{
    struct search search = { .calls = calls };
    const struct graph *home = find_upstream(&search, node_input(bn, 0));
    if (!home) home = find_downstream(&search, node_output(bn, 0));
    return home && (home != body || (has_several_calls(body, &calls[body->slot]) && depends_on_call(bn)));
}

static bool is_worth_it(const struct graph *body, const struct calls *calls)
{
    for (const struct node *node = body->first; node; node = node->next)
        if (bn_is(node) && gains_by_copies(calls, body, node)) return true;
    return false;
}

/* One copy of a body node before the call; its outputs are new values, noted in the map. */
static struct node *copy_node(const struct node *node, struct node *call, struct pointer_map *values)
{
    struct arena *arena = call->graph->net->arena;
    struct node *copy = edit_copy_node(call->graph, call, node_bound(node, call, arena), node_label(call, arena));
    edit_list_outputs(copy, node->output_count);
    for (size_t i = 0; i < node->output_count; i++) {
        if (!node->outputs[i]) continue;
        struct value *value = edit_add_value(call->graph, node->outputs[i]->name, NULL);
        edit_take_output(copy, i, value);
        pointer_map_set(values, node->outputs[i], value);
    }
    return copy;
}

/* The call's outputs, by name, are written by the copies. */
static void hand_over_outputs(const struct graph *body, struct node *call, const struct pointer_map *values)
{
    for (size_t i = 0; i < body->output_count; i++) {
        struct value *outer = node_output(call, i), *inner = pointer_map_get(values, body->outputs[i]);
        if (!outer) continue;
        struct node *writer = inner->writer;
        size_t slot = inner->writer_slot;
        edit_replace_uses(inner, outer);
        edit_take_output(writer, slot, outer);
    }
}

static void inline_call(const struct graph *body, struct node *call)
{
    struct arena *arena = call->graph->net->arena;
    struct pointer_map values = { .arena = arena };
    struct node **copies = NEW_ARRAY(arena, struct node *, body->node_count);
    size_t at = 0;
    for (size_t i = 0; i < body->input_count; i++)
        if (node_input(call, i)) pointer_map_set(&values, body->inputs[i], node_input(call, i));
    for (const struct node *node = body->first; node; node = node->next) copies[at++] = copy_node(node, call, &values);
    at = 0;
    for (const struct node *node = body->first; node; node = node->next, at++)
        for (size_t i = 0; i < node->input_count; i++)
            if (node->inputs[i].value) edit_set_input(copies[at], i, pointer_map_get(&values, node->inputs[i].value));
    hand_over_outputs(body, call, &values);
    edit_remove_node(call);
}

/* A call that another function's copy has brought meanwhile is not listed: the next round sees it. */
static bool inline_function(struct graph *body, const struct calls *all)
{
    const struct calls *calls = &all[body->slot];
    if (!is_small(body) || !holds_norm(body) || !can_be_copied(body)) return false;
    if (calls->count != body->call_count || !opsets_agree(body, calls) || !is_worth_it(body, all)) return false;
    for (size_t i = 0; i < calls->count; i++) inline_call(body, calls->nodes[i]);
    edit_drop_function(body);
    return true;
}

bool inline_took_unknown(const struct net *net)
{
    for (size_t i = 0; i < net->function_count; i++)
        for (const struct node *node = net->functions[i]->first; net->functions[i]->is_dropped && node;
             node = node->next)
            if (!node->row && !node->function) return true;
    return false;
}

bool inline_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                struct bnfuse_error *error)
{
    (void)options, (void)report, (void)error;
    bool changed = net->function_count > 0;
    for (int round = 0; changed && round < ROUND_LIMIT; round++) {
        struct calls *calls = all_calls(net);
        changed = false;
        for (size_t i = 0; i < net->function_count; i++)
            if (!net->functions[i]->is_dropped && inline_function(net->functions[i], calls)) changed = true;
    }
    return true;
}
