/* SPDX-License-Identifier: Apache-2.0
 *
 * Two rounds over all graphs, outer before inner: first every definition, then every read. So nodes may stand in any
 * order, and a body finds what its surroundings define after it. Nothing recurses: bodies wait in a queue. */
#include "onnx/graph/index.h"
#include "base/text.h"

#include "onnx/graph/names.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/uses.h"

#include <stdio.h>
#include <string.h>

struct import {
    const char *domain;
    int64_t version;
};

struct function_entry {
    const char *key;
    struct graph *body;
};

/* What building needs besides the net. */
struct builder {
    struct net *net;
    struct arena *arena;
    struct name_map imports; /* of the model, or of the function being read */
    struct name_map functions;
    char *key; /* scratch */
    size_t key_room;
    struct bnfuse_error *error;
};

static const char *domain_of(const char *domain)
{
    return domain && strcmp(domain, "ai.onnx") ? domain : "";
}

/* ---- round one: definitions ------------------------------------------------------------------------------------ */

static struct graph *new_graph(struct builder *b)
{
    struct net *net = b->net;
    struct graph *graph = NEW(b->arena, struct graph);
    graph->net = net;
    name_map_open(&graph->values, b->arena);
    if (net->graph_count == net->graph_room) {
        net->graph_room = net->graph_room * 2 + 8;
        net->graphs = arena_grow(b->arena, net->graphs, net->graph_count, net->graph_room, sizeof *net->graphs);
    }
    net->graphs[net->graph_count++] = graph;
    return graph;
}

static bool define(struct builder *b, struct graph *graph, const char *name, const char *what, struct value **value)
{
    if (!name || !*name) return fail(b->error, BNFUSE_INVALID, "%s has no name; export the model again", what);
    *value = graph_add_value(graph, name);
    if (*value) return true;
    return fail(b->error, BNFUSE_INVALID, "%s \"%s\" is defined twice in one graph; export the model again", what,
                name);
}

static bool define_inputs(struct builder *b, struct graph *graph)
{
    size_t count = graph->proto ? graph->proto->n_input : graph->function->n_input;
    graph->inputs = NEW_ARRAY(b->arena, struct value *, count);
    graph->input_count = graph->input_room = count;
    for (size_t i = 0; i < count; i++) {
        const BnfuseOnnx__ValueInfoProto *info = graph->proto ? graph->proto->input[i] : NULL;
        const char *name = info ? info->name : graph->function->input[i];
        if (!define(b, graph, name, "graph input", &graph->inputs[i])) return false;
        graph->inputs[i]->is_input = true;
        graph->inputs[i]->info = info;
    }
    return true;
}

/* The value an initializer belongs to: an input of that name, else a new one. */
static bool define_initializer(struct builder *b, struct graph *graph, const char *name, struct value **value)
{
    *value = name ? graph_value(graph, name) : NULL;
    if (!*value && !define(b, graph, name, "initializer", value)) return false;
    if ((*value)->proto || (*value)->sparse)
        return fail(b->error, BNFUSE_INVALID,
                    "initializer \"%s\" is defined twice in one graph; export the model "
                    "again",
                    name);
    (*value)->initializer_slot = (uint32_t)graph->initializer_count;
    graph->initializers[graph->initializer_count++] = *value;
    return true;
}

static bool define_initializers(struct builder *b, struct graph *graph)
{
    const BnfuseOnnx__GraphProto *proto = graph->proto;
    struct value *value;
    graph->initializer_room = proto->n_initializer + proto->n_sparse_initializer;
    graph->initializers = NEW_ARRAY(b->arena, struct value *, graph->initializer_room);
    for (size_t i = 0; i < proto->n_initializer; i++) {
        const BnfuseOnnx__TensorProto *tensor = proto->initializer[i];
        if (!define_initializer(b, graph, tensor->name, &value)) return false;
        value->proto = tensor;
        value->initializer = NEW(b->arena, struct tensor);
        if (!tensor_from_proto(value->initializer, b->arena, b->net->model, tensor, b->error)) return false;
    }
    for (size_t i = 0; i < proto->n_sparse_initializer; i++) {
        const BnfuseOnnx__SparseTensorProto *sparse = proto->sparse_initializer[i];
        if (!define_initializer(b, graph, sparse->values ? sparse->values->name : NULL, &value)) return false;
        value->sparse = sparse;
    }
    return true;
}

static bool define_output(struct builder *b, struct node *node, size_t slot, const char *name)
{
    if (!name || !*name) return true;
    struct value *value = graph_add_value(node->graph, name);
    if (!value)
        return fail(b->error, BNFUSE_INVALID, "%s writes \"%s\", which is already %s; export the model again",
                    node_label(node, b->arena), name,
                    graph_value(node->graph, name)->is_input ? "an input of its graph"
                                                             : "written elsewhere in its graph");
    value->writer = node;
    value->writer_slot = (uint32_t)slot;
    node->outputs[slot] = value;
    return true;
}

static void define_body(struct builder *b, struct node *node, const char *attribute,
                        const BnfuseOnnx__GraphProto *proto)
{
    struct graph *body = new_graph(b);
    body->proto = proto;
    body->owner = node;
    body->slot = node->inner_count;
    node->inner[node->inner_count] = body;
    node->inner_names[node->inner_count++] = text_or_empty(attribute);
}

static void define_bodies(struct builder *b, struct node *node)
{
    size_t count = 0;
    for (size_t i = 0; i < node->proto->n_attribute; i++)
        count += (node->proto->attribute[i]->g != NULL) + node->proto->attribute[i]->n_graphs;
    if (!count) return;
    node->graph->owner_count++;
    node->inner = NEW_ARRAY(b->arena, struct graph *, count);
    node->inner_names = NEW_ARRAY(b->arena, const char *, count);
    for (size_t i = 0; i < node->proto->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *attribute = node->proto->attribute[i];
        if (attribute->g) define_body(b, node, attribute->name, attribute->g);
        for (size_t k = 0; k < attribute->n_graphs; k++) define_body(b, node, attribute->name, attribute->graphs[k]);
    }
}

static void append_node(struct graph *graph, struct node *node)
{
    node->previous = graph->last;
    if (graph->last) graph->last->next = node;
    else graph->first = node;
    graph->last = node;
    graph->node_count++;
}

static bool define_node(struct builder *b, struct graph *graph, struct node *node, struct use *inputs,
                        const BnfuseOnnx__NodeProto *proto)
{
    node->proto = proto;
    node->graph = graph;
    node->op = text_or_empty(proto->op_type);
    node->domain = domain_of(proto->domain);
    node->input_count = (uint32_t)proto->n_input;
    node->output_count = (uint32_t)proto->n_output;
    node->inputs = inputs;
    node->outputs = NEW_ARRAY(b->arena, struct value *, proto->n_output);
    append_node(graph, node);
    for (size_t i = 0; i < proto->n_output; i++)
        if (!define_output(b, node, i, proto->output[i])) return false;
    define_bodies(b, node);
    return true;
}

/* As many values as the graph defines, or a few less. */
static size_t count_definitions(const struct graph *graph)
{
    if (graph->function) return graph->function->n_input + graph->function->n_node;
    return graph->proto->n_input + graph->proto->n_initializer + graph->proto->n_node;
}

/* Many a pass walks over all nodes, so they lie side by side, and so does what they read. */
static bool define_nodes(struct builder *b, struct graph *graph, BnfuseOnnx__NodeProto *const *protos, size_t count)
{
    struct node *nodes = NEW_ARRAY(b->arena, struct node, count);
    size_t reads = 0;
    for (size_t i = 0; i < count; i++) reads += protos[i]->n_input;
    struct use *inputs = NEW_ARRAY(b->arena, struct use, reads);
    for (size_t i = 0; i < count; i++) {
        if (!define_node(b, graph, &nodes[i], inputs, protos[i])) return false;
        inputs += protos[i]->n_input;
    }
    return true;
}

static bool define_graph(struct builder *b, struct graph *graph)
{
    size_t count = graph->proto ? graph->proto->n_node : graph->function->n_node;
    BnfuseOnnx__NodeProto *const *protos = graph->proto ? graph->proto->node : graph->function->node;
    name_map_reserve(&graph->values, count_definitions(graph));
    if (!define_inputs(b, graph)) return false;
    if (graph->proto && !define_initializers(b, graph)) return false;
    return define_nodes(b, graph, protos, count);
}

/* ---- operators: opsets and functions --------------------------------------------------------------------------- */

/* Of a domain that is imported twice, the first counts. */
static void read_imports(struct builder *b, BnfuseOnnx__OperatorSetIdProto *const *imports, size_t count)
{
    struct import *list = NEW_ARRAY(b->arena, struct import, count);
    name_map_clear(&b->imports);
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct import){ domain_of(imports[i]->domain), imports[i]->version };
        name_map_add(&b->imports, &list[i]);
    }
}

static int64_t imported_version(const struct builder *b, const char *domain)
{
    const struct import *import = name_map_get(&b->imports, domain);
    return import ? import->version : implied_version(b->net->model, domain);
}

/* What names a function, in scratch memory. */
static const char *function_key(struct builder *b, const char *domain, const char *op, const char *overload)
{
    size_t size = strlen(domain) + strlen(op) + strlen(overload) + 3;
    if (size > b->key_room) {
        b->key_room = 2 * size;
        b->key = arena_alloc(b->arena, b->key_room);
    }
    snprintf(b->key, b->key_room, "%s\n%s\n%s", domain, op, overload);
    return b->key;
}

static struct function_entry *find_function(struct builder *b, const char *domain, const char *op, const char *overload)
{
    return name_map_get(&b->functions, function_key(b, domain_of(domain), text_or_empty(op), text_or_empty(overload)));
}

static bool define_functions(struct builder *b)
{
    struct arena *arena = b->arena;
    const BnfuseOnnx__ModelProto *model = b->net->model->proto;
    b->net->functions = NEW_ARRAY(arena, struct graph *, model->n_functions);
    for (size_t i = 0; i < model->n_functions; i++) {
        const BnfuseOnnx__FunctionProto *function = model->functions[i];
        if (find_function(b, function->domain, function->name, function->overload))
            return fail(b->error, BNFUSE_INVALID, "function \"%s\" is defined twice; export the model again",
                        text_or_empty(function->name));
        struct function_entry *entry = NEW(arena, struct function_entry);
        entry->key = arena_copy_text(arena, b->key);
        entry->body = new_graph(b);
        entry->body->function = function;
        entry->body->slot = i;
        b->net->functions[b->net->function_count++] = entry->body;
        name_map_add(&b->functions, entry);
    }
    return true;
}

static void resolve_operator(struct builder *b, struct node *node)
{
    struct function_entry *entry = NULL;
    node->opset = imported_version(b, node->domain);
    if (b->functions.count) entry = find_function(b, node->domain, node->op, node->proto->overload);
    if (!entry) {
        node->row = operator_find(b->net->operators, node->domain, node->op, node->opset);
        /* Many nodes share a row, so its name is near at hand. */
        if (node->row && !*node->domain) node->op = node->row->name;
        return;
    }
    node->function = entry->body;
    entry->body->call_count++;
    entry->body->caller = node;
}

/* ---- round two: reads ------------------------------------------------------------------------------------------ */

static bool read_inputs(struct builder *b, struct node *node)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const char *name = node->proto->input[i];
        node->inputs[i].node = node;
        node->inputs[i].slot = (uint32_t)i;
        if (!name || !*name) continue;
        struct value *value = scope_value(node->graph, name);
        if (!value)
            return fail(b->error, BNFUSE_INVALID,
                        "%s reads \"%s\", which no input, initializer or node defines; "
                        "export the model again",
                        node_label(node, b->arena), name);
        use_add(&node->inputs[i], value);
    }
    return true;
}

static void note_name(struct builder *b, const struct graph *graph, ProtobufCBinaryData name)
{
    char *text = arena_alloc(b->arena, name.len + 1);
    if (name.len > 0) memcpy(text, name.data, name.len);
    struct value *value = scope_value(graph, text);
    if (value) value->is_named = value->is_output = true;
}

/* What an operator calls by its name, and not as an input. */
static void note_names(struct builder *b, const struct node *node)
{
    if (!node->row || !node->row->names_values) return;
    for (size_t i = 0; i < node->proto->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *a = node->proto->attribute[i];
        for (size_t k = 0; k < a->n_strings; k++) note_name(b, node->graph, a->strings[k]);
        if (a->has_s) note_name(b, node->graph, a->s);
    }
}

static bool read_outputs(struct builder *b, struct graph *graph)
{
    size_t count = graph->proto ? graph->proto->n_output : graph->function->n_output;
    graph->outputs = NEW_ARRAY(b->arena, struct value *, count);
    graph->output_uses = NEW_ARRAY(b->arena, struct output_use, count);
    graph->output_count = count;
    for (size_t i = 0; i < count; i++) {
        const BnfuseOnnx__ValueInfoProto *info = graph->proto ? graph->proto->output[i] : NULL;
        const char *name = text_or_empty(info ? info->name : graph->function->output[i]);
        struct value *value = scope_value(graph, name);
        if (!value)
            return fail(b->error, BNFUSE_INVALID,
                        "graph output \"%s\" is what no input, initializer or node defines; "
                        "export the model again",
                        name);
        graph->outputs[i] = value;
        graph->output_uses[i].graph = graph;
        graph->output_uses[i].use.slot = (uint32_t)i;
        value->is_output = true;
        if (value->graph != graph) use_add(&graph->output_uses[i].use, value);
        else if (!value->info) value->info = info;
    }
    return true;
}

static void read_infos(struct graph *graph)
{
    size_t count = graph->proto ? graph->proto->n_value_info : graph->function->n_value_info;
    BnfuseOnnx__ValueInfoProto *const *infos = graph->proto ? graph->proto->value_info : graph->function->value_info;
    for (size_t i = 0; i < count; i++) {
        struct value *value = graph_value(graph, text_or_empty(infos[i]->name));
        if (value && !value->info) value->info = infos[i];
    }
}

static bool read_graph(struct builder *b, struct graph *graph)
{
    for (struct node *node = graph->first; node; node = node->next) {
        resolve_operator(b, node);
        if (!read_inputs(b, node)) return false;
        note_names(b, node);
    }
    if (!read_outputs(b, graph)) return false;
    read_infos(graph);
    return true;
}

static bool read_roots(struct builder *b)
{
    const BnfuseOnnx__ModelProto *model = b->net->model->proto;
    for (struct graph *graph = NULL; (graph = net_next_graph(b->net, graph));) {
        if (graph == b->net->main) read_imports(b, model->opset_import, model->n_opset_import);
        if (graph->function) read_imports(b, graph->function->opset_import, graph->function->n_opset_import);
        if (!read_graph(b, graph)) return false;
    }
    return true;
}

/* A map is released with the arena, so the builder lives as long. */
static struct builder *new_builder(struct net *net, struct arena *arena, struct bnfuse_error *error)
{
    struct builder *b = NEW(arena, struct builder);
    *b = (struct builder){ .net = net, .arena = arena, .error = error };
    name_map_open(&b->imports, arena);
    name_map_open(&b->functions, arena);
    return b;
}

bool net_index(struct net *net, struct arena *arena, const struct model *model, struct bnfuse_error *error)
{
    struct builder *b = new_builder(net, arena, error);
    *net = (struct net){ .model = model, .arena = arena };
    net->names = name_table_new(arena);
    net->operators = operator_index_new(arena);
    if (!model->proto->graph)
        return fail(error, BNFUSE_INVALID, "the model has no graph; it may be cut short, or be no model at all");
    net->main = new_graph(b);
    net->main->proto = model->proto->graph;
    if (!define_functions(b)) return false;
    /* The list of graphs grows while it is worked off: bodies come after the graphs that hold them. */
    for (size_t i = 0; i < net->graph_count; i++)
        if (!define_graph(b, net->graphs[i])) return false;
    return read_roots(b);
}
