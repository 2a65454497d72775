/* SPDX-License-Identifier: Apache-2.0
 *
 * Building the index, in two rounds over all graphs, outer before inner: first every definition, then every read. So
 * nodes may stand in any order, and a body finds what its surroundings define after it. Nothing recurses: bodies wait
 * in a queue. */
#include "onnx/graph/graph.h"
#include "base/pointer_map.h"

#include "onnx/graph/index.h"
#include "onnx/graph/operator.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The smallest number that a name which is taken has not been tried with. */
struct suffix {
    const char *base;
    size_t next;
};

struct name_table {
    struct graph **graphs; /* every graph that was read */
    size_t graph_count, graph_room;
    struct name_set taken; /* filled when the first new name is asked for */
    struct name_map suffixes;
    bool are_closed;
};

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

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

static const char *domain_of(const char *domain)
{
    return domain && strcmp(domain, "ai.onnx") ? domain : "";
}

/* ---- values and uses ------------------------------------------------------------------------------------------- */

void graph_put_value(struct value *value)
{
    bool is_new = name_map_add(&value->graph->values, value);
    assert(is_new);
    (void)is_new;
}

void graph_take_value(struct value *value)
{
    const void *taken = name_map_remove(&value->graph->values, value->name);
    assert(taken == value);
    (void)taken;
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

struct value *graph_add_value(struct graph *graph, const char *name)
{
    struct value *value = NEW(graph->net->arena, struct value);
    value->name = name;
    value->graph = graph;
    value->shape.rank = -1;
    return name_map_add(&graph->values, value) ? value : NULL;
}

void use_add(struct use *use, struct value *value)
{
    use->value = value;
    use->next = value->uses;
    use->link = &value->uses;
    if (use->next) use->next->link = &use->next;
    value->uses = use;
    value->use_count++;
}

void use_remove(struct use *use)
{
    *use->link = use->next;
    if (use->next) use->next->link = use->link;
    use->value->use_count--;
    use->value = NULL;
    use->next = NULL;
    use->link = NULL;
}

/* ---- round one: definitions ------------------------------------------------------------------------------------ */

static struct graph *new_graph(struct builder *b)
{
    struct name_table *names = b->net->names;
    struct graph *graph = NEW(b->arena, struct graph);
    graph->net = b->net;
    name_map_open(&graph->values, b->arena);
    if (names->graph_count == names->graph_room) {
        names->graph_room = names->graph_room * 2 + 8;
        names->graphs =
            arena_grow(b->arena, names->graphs, names->graph_count, names->graph_room, sizeof *names->graphs);
    }
    names->graphs[names->graph_count++] = graph;
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
    struct value *value = graph_value(node->graph, name);
    if (value)
        return fail(b->error, BNFUSE_INVALID, "%s writes \"%s\", which is already %s; export the model again",
                    node_label(node, b->arena), name,
                    value->is_input ? "an input of its graph" : "written elsewhere in its graph");
    value = graph_add_value(node->graph, name);
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

static bool define_node(struct builder *b, struct graph *graph, const BnfuseOnnx__NodeProto *proto)
{
    struct node *node = NEW(b->arena, struct node);
    node->proto = proto;
    node->graph = graph;
    node->op = text_or_empty(proto->op_type);
    node->domain = domain_of(proto->domain);
    node->input_count = proto->n_input;
    node->output_count = proto->n_output;
    node->inputs = NEW_ARRAY(b->arena, struct use, proto->n_input);
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

static bool define_graph(struct builder *b, struct graph *graph)
{
    size_t count = graph->proto ? graph->proto->n_node : graph->function->n_node;
    BnfuseOnnx__NodeProto *const *nodes = graph->proto ? graph->proto->node : graph->function->node;
    name_map_reserve(&graph->values, count_definitions(graph));
    if (!define_inputs(b, graph)) return false;
    if (graph->proto && !define_initializers(b, graph)) return false;
    for (size_t i = 0; i < count; i++)
        if (!define_node(b, graph, nodes[i])) return false;
    return true;
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

/* Before IR 3 there were no imports: every operator is of the first opset. */
static int64_t implied_version(const struct model *model, const char *domain)
{
    return model->proto->ir_version < 3 && !model->proto->n_opset_import && !*domain ? 1 : 0;
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
        node->inputs[i].graph = node->graph;
        node->inputs[i].slot = i;
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
    graph->output_uses = NEW_ARRAY(b->arena, struct use, count);
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
        graph->output_uses[i].slot = i;
        value->is_output = true;
        if (value->graph != graph) use_add(&graph->output_uses[i], value);
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
    net->names = NEW(arena, struct name_table);
    name_set_open(&net->names->taken, arena);
    name_map_open(&net->names->suffixes, arena);
    net->operators = operator_index_new(arena);
    if (!model->proto->graph)
        return fail(error, BNFUSE_INVALID, "the model has no graph; it may be cut short, or be no model at all");
    net->main = new_graph(b);
    net->main->proto = model->proto->graph;
    if (!define_functions(b)) return false;
    /* The list of graphs grows while it is worked off: bodies come after the graphs that hold them. */
    for (size_t i = 0; i < net->names->graph_count; i++)
        if (!define_graph(b, net->names->graphs[i])) return false;
    return read_roots(b);
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

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
    for (size_t i = 0; i < net->names->graph_count; i++) count += net->names->graphs[i]->values.count;
    name_set_reserve(&net->names->taken, count);
    for (size_t i = 0; i < net->names->graph_count; i++) {
        const struct graph *graph = net->names->graphs[i];
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
    size_t room = strlen(base) + 24;
    char *name = arena_alloc(net->arena, room);
    /* The suffixes below are known to be taken, so no name is looked up twice. */
    do snprintf(name, room, "%s_%zu", base, suffix->next++);
    while (name_set_has(&names->taken, name));
    return take(net, name);
}

/* ---- order ----------------------------------------------------------------------------------------------------- */

/* Kahn's algorithm; a heap holds the ready nodes' places in the file, least first. */
struct ordering {
    const struct graph *graph;
    struct node **nodes; /* in file order */
    size_t *waiting;     /* reads of this graph's values that are still unwritten, bodies included */
    size_t *heap, ready;
    struct node **order;
    size_t count;
};

/* The node of this graph in or under which a read happens; NULL for this graph's own outputs. */
static struct node *reader_in(const struct graph *graph, const struct use *use)
{
    struct node *reader = use->node ? use->node : use->graph->owner;
    while (reader && reader->graph != graph) reader = reader->graph->owner;
    return reader;
}

static void heap_push(struct ordering *o, size_t place)
{
    size_t i = o->ready++;
    for (; i > 0 && o->heap[(i - 1) / 2] > place; i = (i - 1) / 2) o->heap[i] = o->heap[(i - 1) / 2];
    o->heap[i] = place;
}

static size_t heap_pop(struct ordering *o)
{
    size_t least = o->heap[0], last = o->heap[--o->ready], i = 0;
    for (size_t child; (child = 2 * i + 1) < o->ready; i = child) {
        if (child + 1 < o->ready && o->heap[child + 1] < o->heap[child]) child++;
        if (o->heap[child] >= last) break;
        o->heap[i] = o->heap[child];
    }
    o->heap[i] = last;
    return least;
}

/* The nodes in file order, each of which knows its place in it. */
static struct node **list_nodes(const struct graph *graph, struct arena *arena)
{
    struct node **nodes = NEW_ARRAY(arena, struct node *, graph->node_count);
    size_t place = 0;
    for (struct node *node = graph->first; node; node = node->next) {
        node->place = place;
        nodes[place++] = node;
    }
    assert(place == graph->node_count);
    return nodes;
}

/* Whether every node stands after the writers of what it reads, as the standard wants it: then the file's order is the
 * one that is asked for. What bodies read is not looked for here. */
static bool is_sorted(const struct graph *graph)
{
    for (const struct node *node = graph->first; node; node = node->next) {
        if (node->inner_count) return false;
        for (size_t i = 0; i < node->input_count; i++) {
            const struct node *writer = node->inputs[i].value ? node->inputs[i].value->writer : NULL;
            if (writer && writer->graph == graph && writer->place >= node->place) return false;
        }
    }
    return true;
}

static void open_ordering(struct ordering *o, const struct graph *graph, struct node **nodes, struct arena *arena)
{
    *o = (struct ordering){ .graph = graph, .nodes = nodes };
    o->waiting = NEW_ARRAY(arena, size_t, graph->node_count);
    o->heap = NEW_ARRAY(arena, size_t, graph->node_count);
    o->order = NEW_ARRAY(arena, struct node *, graph->node_count);
}

/* Calls `visit` for every read of what the node writes. */
static void for_readers(struct ordering *o, struct node *node,
                        void (*visit)(struct ordering *o, struct node *writer, struct node *reader))
{
    for (size_t i = 0; i < node->output_count; i++)
        for (struct use *use = node->outputs[i] ? node->outputs[i]->uses : NULL; use; use = use->next) {
            struct node *reader = reader_in(o->graph, use);
            if (reader) visit(o, node, reader);
        }
}

static void count_reader(struct ordering *o, struct node *writer, struct node *reader)
{
    (void)writer;
    o->waiting[reader->place]++;
}

static void release_reader(struct ordering *o, struct node *writer, struct node *reader)
{
    (void)writer;
    if (--o->waiting[reader->place] == 0) heap_push(o, reader->place);
}

/* For nodes that wait for ever: who they wait for. The heap is empty then, its memory free. */
static void note_writer(struct ordering *o, struct node *writer, struct node *reader)
{
    if (o->waiting[writer->place]) o->heap[reader->place] = writer->place;
}

/* Going back from writer to writer among nodes that wait for ever ends up in a cycle. */
static bool fail_cycle(struct ordering *o, struct arena *arena, struct bnfuse_error *error)
{
    size_t place = 0;
    for (size_t i = 0; i < o->graph->node_count; i++) for_readers(o, o->nodes[i], note_writer);
    while (!o->waiting[place]) place++;
    for (size_t i = 0; i < o->graph->node_count; i++) place = o->heap[place];
    return fail(error, BNFUSE_INVALID, "the graph has a cycle: %s needs its own result; export the model again",
                node_label(o->nodes[place], arena));
}

bool graph_order(const struct graph *graph, struct arena *arena, struct node ***order, struct bnfuse_error *error)
{
    struct ordering o;
    *order = list_nodes(graph, arena);
    if (is_sorted(graph)) return true;
    open_ordering(&o, graph, *order, arena);
    for (size_t i = 0; i < graph->node_count; i++) for_readers(&o, o.nodes[i], count_reader);
    for (size_t i = 0; i < graph->node_count; i++)
        if (!o.waiting[i]) heap_push(&o, i);
    while (o.ready) {
        struct node *node = o.nodes[heap_pop(&o)];
        o.order[o.count++] = node;
        for_readers(&o, node, release_reader);
    }
    if (o.count < graph->node_count) return fail_cycle(&o, arena, error);
    *order = o.order;
    return true;
}

/* ---- looking at nodes ------------------------------------------------------------------------------------------ */

int64_t graph_opset(const struct graph *graph)
{
    while (graph->owner) graph = graph->owner->graph;
    const BnfuseOnnx__ModelProto *model = graph->net->model->proto;
    if (graph->function) return opset_version(graph->function->opset_import, graph->function->n_opset_import, "");
    int64_t version = opset_version(model->opset_import, model->n_opset_import, "");
    return version ? version : implied_version(graph->net->model, "");
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

const char *graph_scope(const struct graph *graph, struct arena *arena)
{
    const char *text = "";
    for (; graph->owner; graph = graph->owner->graph) {
        const struct node *owner = graph->owner;
        const char *attribute = owner->inner_names[graph->slot];
        text = arena_printf(arena, "%s %s%s%s", node_label(owner, arena), attribute, *text ? " / " : "", text);
    }
    if (graph->function) text = arena_printf(arena, "function %s%s%s", graph->function->name, *text ? " / " : "", text);
    return text;
}

const char *node_label(const struct node *node, struct arena *arena)
{
    const char *op = *node->op ? node->op : "node without operator";
    if (node->proto->name && *node->proto->name) return arena_printf(arena, "%s \"%s\"", op, node->proto->name);
    for (size_t i = 0; i < node->proto->n_output; i++)
        if (*node->proto->output[i]) return arena_printf(arena, "%s (output \"%s\")", op, node->proto->output[i]);
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

bool value_is_overridable(const struct value *value)
{
    const struct net *net = value->graph->net;
    if ((!value->initializer && !value->sparse) || value->graph != net->main) return false;
    return (value->is_input && net->model->proto->ir_version >= 4) || value->is_named || is_trained(net, value->name);
}

const BnfuseOnnx__ValueInfoProto *declaration(const struct net *net, const BnfuseOnnx__ValueInfoProto *info)
{
    const BnfuseOnnx__ValueInfoProto *own = net->redeclared ? pointer_map_get(net->redeclared, info) : NULL;
    return own ? own : info;
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
            if (dim->value_case == BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && dim->dim_param
                && strcmp(dim->dim_param, name) == 0)
                return true;
        }
    }
    return false;
}
