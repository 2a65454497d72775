/* SPDX-License-Identifier: Apache-2.0
 *
 * Notes and fates. */
#include "passes/fate.h"

#include "passes/search.h"

#include <string.h>

/* "If \"x\" then_branch / Loop \"y\" body": where a graph lies. */
static const char *scope_of(const struct graph *graph, struct arena *arena)
{
    const char *text = "";
    for (; graph->owner; graph = graph->owner->graph) {
        const struct node *owner = graph->owner;
        const char *attribute = "";
        for (size_t i = 0; i < owner->inner_count; i++)
            if (owner->inner[i] == graph) attribute = owner->inner_names[i];
        text = arena_printf(arena, "%s \"%s\" %s%s%s", owner->op, node_title(owner), attribute, *text ? " / " : "", text);
    }
    if (graph->function)
        text = arena_printf(arena, "function %s%s%s", graph->function->name, *text ? " / " : "", text);
    return text;
}

static bool is_dead(const struct node *node)
{
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] && (node->outputs[i]->use_count || node->outputs[i]->is_output)) return false;
    return true;
}

static size_t depth_of(const struct node *node)
{
    size_t depth = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node->inputs[i].value;
        const struct note *note = value && value->writer ? value->writer->mark : NULL;
        if (note && value->graph == node->graph && note->depth >= depth) depth = note->depth + 1;
    }
    return depth;
}

bool fates_open(struct net *net, struct pass_report *report, struct bnfuse_error *error)
{
    size_t count = 0;
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next) count += node_is(node, "BatchNormalization");
    report->unread = (struct pointer_map){ .arena = net->arena };
    report->fates = NEW_ARRAY(net->arena, struct fate, count);
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph)) {
        struct node **order;
        if (!graph_order(graph, net->arena, &order, error)) return false;
        for (size_t i = 0; i < graph->node_count; i++) {
            struct note *note = NEW(net->arena, struct note);
            *note = (struct note){ .depth = depth_of(order[i]), .was_dead = is_dead(order[i]) };
            order[i]->mark = note;
        }
        for (size_t i = 0; i < graph->initializer_count; i++)
            if (!graph->initializers[i]->use_count)
                pointer_map_set(&report->unread, graph->initializers[i], graph->initializers[i]);
        const char *scope = scope_of(graph, net->arena);
        for (struct node *node = graph->first; node; node = node->next) {
            if (!node_is(node, "BatchNormalization")) continue;
            struct fate *fate = &report->fates[report->fate_count++];
            const struct value *output = node_output(node, 0);
            *fate = (struct fate){ .node = node_title(node), .output = output ? output->name : "", .scope = scope,
                                   .outcome = OUTCOME_STAYS, .where = "", .detail = "", .path = "" };
            ((struct note *)node->mark)->fate = fate;
        }
    }
    return true;
}

void fates_close(struct net *net, struct pass_report *report)
{
    report->left = 0;
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next) {
            report->left += node_is(node, "BatchNormalization");
            node->mark = NULL;
        }
}

static struct fate *fate_of(const struct node *node)
{
    const struct note *note = node->mark;
    return note ? note->fate : NULL;
}

void fates_tell(const struct node *node, enum outcome outcome, const char *where, const char *path)
{
    struct fate *fate = fate_of(node);
    if (!fate) return;
    fate->outcome = outcome;
    fate->reason = REASON_NONE;
    fate->where = arena_copy_text(node->graph->net->arena, where);
    fate->detail = "";
    fate->path = arena_copy_text(node->graph->net->arena, path);
}

void fates_stay(const struct node *node, enum reason reason, const char *where, const char *detail, const char *path)
{
    struct fate *fate = fate_of(node);
    struct arena *arena = node->graph->net->arena;
    if (!fate) return;
    fate->outcome = OUTCOME_STAYS;
    fate->reason = reason;
    fate->where = arena_copy_text(arena, where);
    fate->detail = arena_copy_text(arena, detail);
    fate->path = arena_copy_text(arena, path);
}

void fates_forget(struct node *node)
{
    node->mark = NULL;
}
