/* SPDX-License-Identifier: Apache-2.0
 *
 * What folding orphaned goes: nodes whose outputs nobody reads any more, and initializers likewise. What nobody read
 * before is not ours to take; only a BatchNormalization without readers goes with the rest. */
#include "passes/clean.h"

#include "base/pointer_map.h"
#include "onnx/graph/edit.h"
#include "passes/decide/remark.h"

static bool may_go(const struct node *node)
{
    const struct note *note = node->mark;
    if (node->inner_count || node_outputs_are_read(node, 0)) return false;
    return !note || !note->was_dead || note->remark;
}

/* Nodes to look at; a node may be listed twice, and is removed once. */
struct worklist {
    struct arena *arena;
    struct node **nodes;
    size_t count, room;
    struct pointer_map removed;
};

static void list(struct worklist *work, struct node *node)
{
    if (work->count == work->room) {
        size_t room = work->room ? 2 * work->room : 64;
        work->nodes = arena_grow(work->arena, work->nodes, work->count, room, sizeof *work->nodes);
        work->room = room;
    }
    work->nodes[work->count++] = node;
}

static void remove_unread_nodes(struct net *net)
{
    struct worklist work = { .arena = net->arena, .removed = { .arena = net->arena } };
    for (struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next)
            if (may_go(node)) list(&work, node);
    while (work.count) {
        struct node *node = work.nodes[--work.count];
        if (pointer_map_get(&work.removed, node) || !may_go(node)) continue;
        for (size_t i = 0; i < node->input_count; i++)
            if (node->inputs[i].value && node->inputs[i].value->writer) list(&work, node->inputs[i].value->writer);
        remark_removed(node, "nobody reads it");
        remark_forget(node);
        edit_remove_node(node);
        pointer_map_set(&work.removed, node, node);
    }
}

static void remove_unread_initializers(struct net *net, const struct pass_report *report)
{
    for (struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (size_t i = graph->initializer_count; i-- > 0;) {
            struct value *value = graph->initializers[i];
            if (value->use_count || value->is_output || pointer_map_get(&report->unread, value)) continue;
            if (net->freeze_weights || !value_is_overridable(value)) edit_remove_initializer(value);
        }
}

bool clean_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
               struct bnfuse_error *error)
{
    remove_unread_nodes(net);
    remove_unread_initializers(net, report);
    (void)options, (void)error;
    return true;
}
