/* SPDX-License-Identifier: Apache-2.0
 *
 * Names in use: gathered from the whole file when the first new one is asked for. */
#include "onnx/graph/names.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_SUFFIX = 24 };

/* The smallest number that a name which is taken has not been tried with. */
struct suffix {
    const char *base;
    size_t next;
};

struct name_table {
    struct name_set taken; /* filled when the first new name is asked for */
    struct name_map suffixes;
    char *text; /* where the next one is tried */
    size_t room;
    bool are_closed;
};

struct name_table *name_table_new(struct arena *arena)
{
    struct name_table *names = NEW(arena, struct name_table);
    name_set_open(&names->taken, arena);
    name_map_open(&names->suffixes, arena);
    return names;
}

static void add_name(struct net *net, const char *name)
{
    if (name && *name) name_set_add(&net->names->taken, name);
}

static void add_names(struct net *net, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) add_name(net, names[i]);
}

static void add_info_names(struct net *net, BnfuseOnnx__ValueInfoProto *const *infos, size_t count)
{
    for (size_t i = 0; i < count; i++) add_name(net, infos[i]->name);
}

static void add_node_names(struct net *net, BnfuseOnnx__NodeProto *const *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add_name(net, nodes[i]->name);
        add_names(net, nodes[i]->output, nodes[i]->n_output);
    }
}

static void add_graph_names(struct net *net, const BnfuseOnnx__GraphProto *graph)
{
    add_name(net, graph->name);
    add_info_names(net, graph->input, graph->n_input);
    add_info_names(net, graph->output, graph->n_output);
    add_info_names(net, graph->value_info, graph->n_value_info);
    add_node_names(net, graph->node, graph->n_node);
    for (size_t i = 0; i < graph->n_initializer; i++) add_name(net, graph->initializer[i]->name);
    for (size_t i = 0; i < graph->n_sparse_initializer; i++)
        if (graph->sparse_initializer[i]->values) add_name(net, graph->sparse_initializer[i]->values->name);
}

static void add_function_names(struct net *net, const BnfuseOnnx__FunctionProto *function)
{
    add_name(net, function->name);
    add_names(net, function->input, function->n_input);
    add_names(net, function->output, function->n_output);
    add_info_names(net, function->value_info, function->n_value_info);
    add_node_names(net, function->node, function->n_node);
}

/* From the protos, so that names of what an edit removed stay taken. */
static void collect_names(struct net *net)
{
    size_t count = 0;
    for (size_t i = 0; i < net->graph_count; i++) count += net->graphs[i]->values.count;
    name_set_reserve(&net->names->taken, count);
    for (size_t i = 0; i < net->graph_count; i++) {
        const struct graph *graph = net->graphs[i];
        if (graph->proto) add_graph_names(net, graph->proto);
        else add_function_names(net, graph->function);
    }
}

static const char *take(struct net *net, const char *name)
{
    name_set_add(&net->names->taken, name);
    return name;
}

void net_close_names(struct net *net)
{
    name_set_close(&net->names->taken);
    name_map_close(&net->names->suffixes);
    net->names->are_closed = true;
}

static void make_room(struct net *net, size_t size)
{
    struct name_table *names = net->names;
    if (size <= names->room) return;
    names->room = 2 * size;
    names->text = arena_alloc(net->arena, names->room);
}

const char *net_take_name(struct net *net, const char *base)
{
    struct name_table *names = net->names;
    assert(!names->are_closed);
    if (!names->taken.count) collect_names(net);
    if (!name_set_has(&names->taken, base)) return take(net, arena_copy_text(net->arena, base));
    struct suffix *suffix = name_map_get(&names->suffixes, base);
    if (!suffix) {
        suffix = NEW(net->arena, struct suffix);
        *suffix = (struct suffix){ arena_copy_text(net->arena, base), 2 };
        name_map_add(&names->suffixes, suffix);
    }
    /* The suffixes below are known to be taken, so no name is looked up twice. */
    make_room(net, strlen(base) + LONGEST_SUFFIX);
    do snprintf(names->text, names->room, "%s_%zu", base, suffix->next++);
    while (name_set_has(&names->taken, names->text));
    return take(net, arena_copy_text(net->arena, names->text));
}
