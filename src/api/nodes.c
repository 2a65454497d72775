/* SPDX-License-Identifier: Apache-2.0
 *
 * The nodes of a model as callers see them: a list for each side, made when it is first asked for. */
#include "api/handles.h"
#include "passes/decide/decision.h"

struct list_call {
    struct bnfuse_model *model;
    bool fused;
};

static const char *const *input_names(const struct node *node, struct arena *arena)
{
    const char **names = NEW_ARRAY(arena, const char *, node->input_count);
    for (size_t i = 0; i < node->input_count; i++) names[i] = node->inputs[i].value ? node->inputs[i].value->name : "";
    return names;
}

static const char *const *output_names(const struct node *node, struct arena *arena)
{
    const char **names = NEW_ARRAY(arena, const char *, node->output_count);
    for (size_t i = 0; i < node->output_count; i++) names[i] = node->outputs[i] ? node->outputs[i]->name : "";
    return names;
}

static void describe(bnfuse_node *to, const struct node *node, const char *scope, struct arena *arena)
{
    *to = (bnfuse_node){ .name = node_title(node),
                         .op = *node->domain ? arena_printf(arena, "%s.%s", node->domain, node->op) : node->op,
                         .scope = scope,
                         .inputs = input_names(node, arena),
                         .outputs = output_names(node, arena),
                         .input_count = node->input_count,
                         .output_count = node->output_count };
}

static bool make_list(void *context, struct bnfuse_error *error)
{
    struct list_call *call = context;
    struct bnfuse_model *model = call->model;
    const struct net *net = call->fused ? &model->after : index_as_read(model, error);
    struct node_list *list = &model->lists[call->fused];
    size_t room = 0, count = 0;
    if (!net) return false;
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));) room += graph->node_count;
    bnfuse_node *nodes = NEW_ARRAY(&model->arena, bnfuse_node, room);
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));) {
        const char *scope = graph_scope(graph);
        for (const struct node *node = graph->first; node; node = node->next)
            describe(&nodes[count++], node, scope, &model->arena);
    }
    *list = (struct node_list){ nodes, count, true };
    return true;
}

const bnfuse_node *bnfuse_get_node(bnfuse_model *model, bool fused, size_t i)
{
    if (!model) return NULL;
    struct node_list *list = &model->lists[fused];
    struct list_call call = { model, fused };
    if (!list->is_made && !guarded(&model->memory, make_list, &call, NULL)) return NULL;
    return i < list->count ? &list->nodes[i] : NULL;
}
