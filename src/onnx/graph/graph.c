/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at an index: walks over graphs and scopes, what a node and a value are, how messages name them. */
#include "onnx/graph/graph.h"
#include "base/pointer_map.h"
#include "base/text.h"

#include "onnx/graph/operator.h"

#include <string.h>

struct graph *use_graph(const struct use *use)
{
    return use->node ? use->node->graph : ((const struct output_use *)use)->graph;
}

struct value *graph_value(const struct graph *graph, const char *name)
{
    return name_map_get(&graph->values, name);
}

struct value *scope_value(const struct graph *graph, const char *name)
{
    const uint32_t hash = name_hash(name);
    for (; graph; graph = graph->owner ? graph->owner->graph : NULL) {
        struct value *value = name_map_get_hashed(&graph->values, name, hash);
        if (value) return value;
    }
    return NULL;
}

struct graph *graph_next(const struct graph *graph)
{
    struct node *node = graph->owner_count ? graph->first : NULL;
    for (;;) {
        for (; node; node = node->next)
            if (node->inner_count) return node->inner[0];
        /* Nothing further in this graph: on with what follows it in its owner, or its owner's graph. */
        while (graph->owner && graph->slot + 1 >= graph->owner->inner_count && !graph->owner->next)
            graph = graph->owner->graph;
        if (!graph->owner) return NULL;
        if (graph->slot + 1 < graph->owner->inner_count) return graph->owner->inner[graph->slot + 1];
        node = graph->owner->next;
        graph = graph->owner->graph;
    }
}

struct graph *net_next_graph(const struct net *net, const struct graph *graph)
{
    if (!graph) return net->main;
    struct graph *next = graph_next(graph);
    if (next) return next;
    while (graph->owner) graph = graph->owner->graph;
    size_t function = graph == net->main ? 0 : graph->slot + 1;
    while (function < net->function_count && net->functions[function]->is_dropped) function++;
    return function < net->function_count ? net->functions[function] : NULL;
}

/* Before IR 3 there were no imports: every operator is of the first opset. */
int64_t implied_version(const struct model *model, const char *domain)
{
    return model->proto->ir_version < 3 && !model->proto->n_opset_import && !*domain ? 1 : 0;
}

int64_t graph_opset(const struct graph *graph)
{
    while (graph->owner) graph = graph->owner->graph;
    const BnfuseOnnx__ModelProto *model = graph->net->model->proto;
    if (graph->function) return opset_version(graph->function->opset_import, graph->function->n_opset_import, "");
    int64_t version = opset_version(model->opset_import, model->n_opset_import, "");
    return version ? version : implied_version(graph->net->model, "");
}

const struct node *net_contradiction(const struct net *net)
{
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (const struct node *node = graph->first; node; node = node->next)
            if (node->is_contradicted) return node;
    return NULL;
}

bool node_is(const struct node *node, const char *op)
{
    return *node->op == *op && !strcmp(node->op, op) && !*node->domain && !node->function;
}

struct value *node_input(const struct node *node, size_t slot)
{
    return slot < node->input_count ? node->inputs[slot].value : NULL;
}

struct value *node_output(const struct node *node, size_t slot)
{
    return slot < node->output_count ? node->outputs[slot] : NULL;
}

bool node_outputs_are_read(const struct node *node, size_t first)
{
    for (size_t i = first; i < node->output_count; i++)
        if (node->outputs[i] && (node->outputs[i]->use_count || node->outputs[i]->is_output)) return true;
    return false;
}

enum { SCOPE_SHOWN = 512 }; /* the end of a longer one, for each of its graphs has a text of its own */

const char *graph_scope(const struct graph *graph)
{
    struct arena *arena = graph->net->arena;
    const struct node *owner = graph->owner;
    const char *text = "";
    if (graph->scope) return graph->scope;
    if (graph->function) text = arena_printf(arena, "function %s", graph->function->name);
    if (owner) {
        const char *outer = graph_scope(owner->graph);
        text = arena_printf(arena, "%s%s%s %s", outer, *outer ? " / " : "", node_label(owner, arena),
                            owner->inner_names[graph->slot]);
    }
    const size_t length = strlen(text);
    if (length > SCOPE_SHOWN) text = arena_printf(arena, "...%s", text + length - SCOPE_SHOWN);
    return ((struct graph *)graph)->scope = text; /* which changes nothing that another sees */
}

struct graph *node_body(const struct node *node, const char *name)
{
    for (size_t i = 0; i < node->inner_count; i++)
        if (strcmp(node->inner_names[i], name) == 0) return node->inner[i];
    return NULL;
}

bool graph_is_around(const struct graph *outer, const struct graph *graph)
{
    while (graph && graph != outer) graph = graph->owner ? graph->owner->graph : NULL;
    return graph != NULL;
}

const char *node_title(const struct node *node)
{
    if (*text_or_empty(node->proto->name)) return node->proto->name;
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i]) return node->outputs[i]->name;
    return node->op;
}

const struct name_map *value_names(struct arena *arena, struct value *const *values, size_t count)
{
    struct name_map *names = NEW(arena, struct name_map); /* it is released with the arena */
    name_map_open(names, arena);
    for (size_t i = 0; i < count; i++)
        if (values[i]) name_map_add(names, values[i]);
    return names;
}

const char *value_type_text(const struct value *value, struct arena *arena)
{
    struct text text = { .arena = arena };
    const BnfuseOnnx__TypeProto *type = value_declared(value);
    if (type && !type_tensor(type)) {
        for (; type; type = type_inner(type))
            text_add_item(&text, " of ", "%s", type_tensor(type) ? dtype_name(type_element(type)) : type_kind(type));
        return text_chars(&text);
    }
    text_add(&text, "%s [%s", dtype_name(value->type), value->shape.rank < 0 ? "..." : "");
    for (int axis = 0; axis < value->shape.rank; axis++) {
        if (axis) text_add(&text, ", ");
        text_add_sizes(&text, &value->shape.dims[axis].size, 1);
    }
    text_add(&text, "]");
    return text_chars(&text);
}

const char *node_label(const struct node *node, struct arena *arena)
{
    const char *op = *node->op ? node->op : "node without operator";
    if (*text_or_empty(node->proto->name)) return arena_printf(arena, "%s \"%s\"", op, node->proto->name);
    for (size_t i = 0; i < node->output_count; i++) {
        const struct value *value = node->outputs[i];
        const char *name = value ? value->name : node->is_edited ? "" : node->proto->output[i];
        if (*name) return arena_printf(arena, "%s (output \"%s\")", op, name);
    }
    return arena_printf(arena, "%s (without outputs)", op);
}

/* Training assigns to the initializers that its bindings name. */
static bool is_trained(const struct net *net, const char *name)
{
    const BnfuseOnnx__ModelProto *proto = net->model->proto;
    for (size_t i = 0; i < proto->n_training_info; i++) {
        const BnfuseOnnx__TrainingInfoProto *info = proto->training_info[i];
        for (size_t k = 0; k < info->n_update_binding; k++)
            if (info->update_binding[k]->key && !strcmp(info->update_binding[k]->key, name)) return true;
    }
    return false;
}

bool value_is_stored(const struct value *value)
{
    return value->initializer || value->sparse;
}

bool value_is_defined(const struct value *value)
{
    return value->writer || value->is_input || value_is_stored(value);
}

bool value_is_overridable(const struct value *value)
{
    const struct net *net = value->graph->net;
    if ((!value->initializer && !value->sparse) || value->graph != net->main) return false;
    return (value->is_input && net->model->proto->ir_version >= 4) || value->is_named || is_trained(net, value->name);
}

bool value_becomes_literal(const struct value *value)
{
    const struct graph *graph = value->graph;
    if (!value->initializer || value->proto || value->sparse || value->is_input) return false;
    return graph->function || graph->net->model->proto->ir_version < 4;
}

const BnfuseOnnx__ValueInfoProto *declaration(const struct net *net, const BnfuseOnnx__ValueInfoProto *info)
{
    const struct redeclaration *edited = net->redeclared ? pointer_map_get(net->redeclared, info) : NULL;
    return edited ? edited->own : info;
}

const BnfuseOnnx__TypeProto *value_declared(const struct value *value)
{
    return value && value->info ? value->info->type : NULL;
}

const char *value_dim_name(const struct value *value, int axis)
{
    const BnfuseOnnx__TypeProto__Tensor *type = type_tensor(value_declared(value));
    if (!type || !type->shape || (size_t)axis >= type->shape->n_dim) return NULL;
    const BnfuseOnnx__TensorShapeProto__Dimension *dim = type->shape->dim[axis];
    return dim->value_case == BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM ? dim->dim_param : NULL;
}

const struct operator_row *operator_of_graph(const struct graph *graph, const char *op)
{
    return operator_find(graph->net->operators, "", op, graph_opset(graph));
}

bool operator_of_graph_has(const struct graph *graph, const char *op, unsigned laws)
{
    const struct operator_row *row = operator_of_graph(graph, op);
    return row && row->laws & laws;
}

bool graph_has_dim(const struct graph *graph, const char *name)
{
    for (size_t i = 0; graph->proto && i < graph->proto->n_input; i++) {
        const BnfuseOnnx__TypeProto__Tensor *type = type_tensor(graph->proto->input[i]->type);
        for (size_t axis = 0; type && type->shape && axis < type->shape->n_dim; axis++) {
            const BnfuseOnnx__TensorShapeProto__Dimension *dim = type->shape->dim[axis];
            if (dim->value_case == BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM
                && strcmp(dim->dim_param, name) == 0)
                return true;
        }
    }
    return false;
}
