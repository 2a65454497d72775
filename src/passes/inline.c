/* SPDX-License-Identifier: Apache-2.0
 *
 * Inlining what a fold could not reach. */
#include "passes/inline.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/bn.h"
#include "onnx/graph/copy.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/anchor.h"
#include "passes/algebra/mover.h"

enum { ROUND_LIMIT = 8, SEARCH_LIMIT = 1000, COPY_LIMIT = 1 << 17 /* nodes that one function may become */ };
enum { ALL_VISITS = 1 << 22 /* of all searches of a round */ };

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

/* The function, or the main graph, that the graph is in. */
static const struct graph *root_of(const struct graph *graph)
{
    while (graph->owner) graph = graph->owner->graph;
    return graph;
}

/* What a parameter of the function stands for is one thing where it is called once, unless that is an attribute or the
 * call itself stands in a body that several share. */
static bool has_several_calls(const struct graph *function, const struct calls *calls, const struct node *bn)
{
    bool even_once = node_refers(bn);
    for (size_t i = 0; i < calls->count; i++) even_once = even_once || root_of(calls->nodes[i]->graph)->call_count > 1;
    return function->call_count > (even_once ? 0 : 1);
}

/* The calls stand in graphs that are still there, and their opsets are that of the body. */
static bool opsets_agree(const struct graph *body, const struct calls *calls)
{
    for (size_t i = 0; i < calls->count; i++) {
        const struct graph *root = root_of(calls->nodes[i]->graph);
        if (root->is_dropped || graph_opset(root) != graph_opset(body)) return false;
    }
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

/* A call through which a search went into its function, and through which it leaves that. */
struct entry {
    const struct node *call;
    const struct entry *outer;
};

/* A look for linear operators around a BatchNormalization, through movers, out of functions and into them. */
struct search {
    const struct calls *calls;   /* of every function */
    bool *opened;                /* functions whose border is on the way to one that was found */
    const struct entry *entered; /* NULL where it began, and outside of that */
    int visits, all_visits;
};

static bool goes_too_far(struct search *search)
{
    return ++search->visits > SEARCH_LIMIT || ++search->all_visits > ALL_VISITS;
}

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

typedef bool finder(struct search *search, struct value *value);
typedef struct value *value_at(const struct node *call, size_t slot);

/* Goes on inside the call's function; one that leads to a linear operator has its border opened. */
static bool find_inside(struct search *search, finder *find, const struct node *call, struct value *value)
{
    const struct entry entry = { call, search->entered };
    search->entered = &entry;
    bool is_found = find(search, value);
    search->entered = entry.outer;
    if (is_found) search->opened[call->function->slot] = true;
    return is_found;
}

/* Goes on outside of the function: at the call through which it came, or at any where it began inside. */
static bool find_outside(struct search *search, finder *find, const struct graph *function, value_at *outside,
                         size_t slot)
{
    const struct entry *entry = search->entered;
    const struct calls *calls = &search->calls[function->slot];
    bool is_found = false;
    search->entered = entry ? entry->outer : NULL;
    if (entry) is_found = find(search, outside(entry->call, slot));
    for (size_t k = 0; !entry && !is_found && k < calls->count; k++)
        is_found = find(search, outside(calls->nodes[k], slot));
    search->entered = entry;
    if (is_found) search->opened[function->slot] = true;
    return is_found;
}

/* Whether an affine on the value would be absorbed upstream: by an anchor, or a constant that is moved. */
static bool find_upstream(struct search *search, struct value *value)
{
    const struct graph *graph = value ? value->graph : NULL;
    const struct node *writer = value ? value->writer : NULL;
    if (!value || !is_real(value) || goes_too_far(search)) return false;
    const struct tensor *constant = value_constant(value);
    if (constant) return dtype_kind(constant->type) == KIND_REAL;
    if (writer && writer->function)
        return value->writer_slot < writer->function->output_count
               && find_inside(search, find_upstream, writer, writer->function->outputs[value->writer_slot]);
    if (writer && anchor_is(writer)) return true;
    bool is_found = false;
    if (writer && is_crossed(writer)) {
        const bool has_terms = affine_is_operator(writer);
        for (size_t i = 0; !is_found && i < (has_terms ? writer->input_count : 1); i++) {
            struct value *term = node_input(writer, i);
            if (!has_terms || (term && !value_constant(term))) is_found = find_upstream(search, term);
        }
    }
    for (size_t i = 0; value->is_input && graph->function && !is_found && i < graph->input_count; i++)
        if (graph->inputs[i] == value) is_found = find_outside(search, find_upstream, graph, node_input, i);
    return is_found;
}

static bool find_downstream(struct search *search, struct value *value);

static bool find_at_reader(struct search *search, const struct use *use)
{
    const struct node *reader = use->node;
    if (!reader) return false;
    if (reader->function)
        return use->slot < reader->function->input_count
               && find_inside(search, find_downstream, reader, reader->function->inputs[use->slot]);
    return anchor_is(reader) || (is_crossed(reader) && find_downstream(search, node_output(reader, 0)));
}

/* The same downstream, at every reader: one that does not absorb it holds it back. */
static bool find_downstream(struct search *search, struct value *value)
{
    const struct graph *graph = value ? value->graph : NULL;
    bool is_found = false;
    if (!value || !is_real(value) || goes_too_far(search)) return false;
    for (const struct use *use = value->uses; use; use = use->next) is_found |= find_at_reader(search, use);
    for (size_t i = 0; value->is_output && graph->function && !is_found && i < graph->output_count; i++)
        if (graph->outputs[i] == value) is_found = find_outside(search, find_downstream, graph, node_output, i);
    return is_found;
}

/* Notes the functions without whose borders the BatchNormalization may fold: a linear operator is upstream of it, or
 * else downstream. */
static void find_borders(struct search *search, const struct node *bn)
{
    const struct graph *function = root_of(bn->graph);
    search->visits = 0;
    if (!find_upstream(search, node_input(bn, 0)) && !find_downstream(search, node_output(bn, 0))) return;
    if (function->function && has_several_calls(function, &search->calls[function->slot], bn) && depends_on_call(bn))
        search->opened[function->slot] = true;
}

/* Of every function, by its place in net->functions. */
static bool *find_all_borders(const struct net *net, const struct calls *calls)
{
    struct search search = { .calls = calls, .opened = NEW_ARRAY(net->arena, bool, net->function_count) };
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (const struct node *node = graph->first; node; node = node->next)
            if (bn_is(node) && !node->is_skipped) find_borders(&search, node);
    return search.opened;
}

/* A call that another function's copy has brought meanwhile is not listed: the next round sees it. */
static bool inline_function(struct graph *function, const struct calls *calls)
{
    const size_t size = copy_size(function);
    if (size == 0 || function->call_count == 0 || size > COPY_LIMIT / function->call_count) return false;
    if (calls->count != function->call_count || !opsets_agree(function, calls)) return false;
    for (size_t i = 0; i < calls->count; i++) copy_in_place_of(calls->nodes[i]);
    edit_drop_function(function);
    return true;
}

bool inline_took_unknown(const struct net *net)
{
    for (size_t i = 0; i < net->function_count; i++) {
        const struct graph *graph = net->functions[i]->is_dropped ? net->functions[i] : NULL;
        for (; graph; graph = graph_next(graph))
            for (const struct node *node = graph->first; node; node = node->next)
                if (!node->row && !node->function) return true;
    }
    return false;
}

bool inline_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                struct bnfuse_error *error)
{
    (void)options, (void)report, (void)error;
    bool changed = net->function_count > 0;
    for (int round = 0; changed && round < ROUND_LIMIT; round++) {
        const struct calls *calls = all_calls(net);
        const bool *opened = find_all_borders(net, calls);
        changed = false;
        for (size_t i = 0; i < net->function_count; i++)
            if (opened[i] && !net->functions[i]->is_dropped && inline_function(net->functions[i], &calls[i]))
                changed = true;
    }
    return true;
}
