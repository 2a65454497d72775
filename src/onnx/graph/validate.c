/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold of every graph, beyond what an index can be built from. Where exporters are known to be sloppy and
 * nothing is ambiguous (unsorted nodes, missing names of graphs and nodes, initializers that are no inputs), nothing is
 * said. */
#include "onnx/graph/validate.h"

#include "onnx/graph/attr.h"

#include <stdio.h>
#include <string.h>

enum { NEWEST_IR = 14, MOST_IMPORTS = 1000, MOST_ATTRIBUTES = 256, MOST_NESTED_CALLS = 64 };

struct validation {
    const struct net *net;
    struct arena scratch; /* closed after each graph */
};

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

/* ---- the model ------------------------------------------------------------------------------------------------- */

static bool validate_imports(BnfuseOnnx__OperatorSetIdProto *const *imports, size_t count, const char *whose,
                             struct bnfuse_error *error)
{
    if (count > MOST_IMPORTS)
        return fail(error, BNFUSE_INVALID, "%s imports %zu opsets, more than there are domains; export the model again",
                    whose, count);
    for (size_t i = 0; i < count; i++) {
        const char *domain = text_or_empty(imports[i]->domain);
        if (imports[i]->version < 1)
            return fail(error, BNFUSE_INVALID,
                        "%s imports the opset of domain \"%s\" without a version; export the "
                        "model again",
                        whose, domain);
        if (imports[i]->version != opset_version(imports, count, domain))
            return fail(error, BNFUSE_INVALID, "%s imports two versions of domain \"%s\"; export the model again",
                        whose, domain);
    }
    return true;
}

static bool validate_model(const BnfuseOnnx__ModelProto *model, struct bnfuse_error *error)
{
    if (!model->has_ir_version || model->ir_version < 1)
        return fail(error, BNFUSE_INVALID, "the model does not say its IR version; it may be no ONNX model at all");
    if (model->ir_version > NEWEST_IR)
        return fail(error, BNFUSE_INVALID,
                    "the model has IR version %lld, newer than %d, the newest known here; use a "
                    "newer bnfuse or export the model with an older ONNX",
                    (long long)model->ir_version, NEWEST_IR);
    return validate_imports(model->opset_import, model->n_opset_import, "the model", error);
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

#define TYPE(name) BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##name

/* Which fields hold something, as a bit for each type of attribute. */
static unsigned fields_set(const BnfuseOnnx__AttributeProto *a)
{
    const bool set[] = {
        [TYPE(FLOAT)] = a->has_f,
        [TYPE(INT)] = a->has_i,
        [TYPE(STRING)] = a->has_s,
        [TYPE(TENSOR)] = a->t != NULL,
        [TYPE(GRAPH)] = a->g != NULL,
        [TYPE(FLOATS)] = a->n_floats > 0,
        [TYPE(INTS)] = a->n_ints > 0,
        [TYPE(STRINGS)] = a->n_strings > 0,
        [TYPE(TENSORS)] = a->n_tensors > 0,
        [TYPE(GRAPHS)] = a->n_graphs > 0,
        [TYPE(SPARSE_TENSOR)] = a->sparse_tensor != NULL,
        [TYPE(SPARSE_TENSORS)] = a->n_sparse_tensors > 0,
        [TYPE(TYPE_PROTO)] = a->tp != NULL,
        [TYPE(TYPE_PROTOS)] = a->n_type_protos > 0,
    };
    unsigned fields = 0;
    for (size_t i = 0; i < sizeof set; i++)
        if (set[i]) fields |= 1U << i;
    return fields;
}

/* Types whose field has no default to fall back on. */
static bool needs_field(unsigned type)
{
    return type == TYPE(TENSOR) || type == TYPE(GRAPH) || type == TYPE(SPARSE_TENSOR) || type == TYPE(TYPE_PROTO);
}

static const char *attribute_flaw(const BnfuseOnnx__AttributeProto *a, bool in_function)
{
    const unsigned fields = fields_set(a), type = (unsigned)a->type;
    const bool is_reference = a->ref_attr_name && *a->ref_attr_name;
    if (!a->name || !*a->name) return "has no name";
    if (is_reference && !in_function) return "refers to a parameter, but stands in no function";
    if (type > TYPE(TYPE_PROTOS)) return "has a type that ONNX does not know";
    if (is_reference) return fields ? "both refers to a parameter and holds a value" : NULL;
    if (type == TYPE(UNDEFINED)) return fields & (fields - 1) ? "holds several values and no type" : NULL;
    if (fields & ~(1U << type)) return "holds another type than it claims";
    if (needs_field(type) && !fields) return "holds nothing";
    return NULL;
}

static bool validate_tensor(struct validation *v, const BnfuseOnnx__TensorProto *proto, struct bnfuse_error *error)
{
    struct tensor tensor;
    return tensor_from_proto(&tensor, &v->scratch, v->net->model, proto, error);
}

static bool validate_sparse(struct validation *v, const BnfuseOnnx__SparseTensorProto *sparse,
                            struct bnfuse_error *error)
{
    int64_t count = 1;
    if (!sparse->values || !sparse->indices)
        return fail(error, BNFUSE_INVALID, "a sparse tensor lacks its values or indices; export the model again");
    for (size_t i = 0; i < sparse->n_dims; i++)
        if (!size_multiply(count, sparse->dims[i], &count))
            return fail(error, BNFUSE_INVALID,
                        "sparse tensor \"%s\": its dims are negative or beyond any memory; "
                        "export the model again",
                        text_or_empty(sparse->values->name));
    return validate_tensor(v, sparse->values, error) && validate_tensor(v, sparse->indices, error);
}

static bool validate_tensors(struct validation *v, const BnfuseOnnx__AttributeProto *a, struct bnfuse_error *error)
{
    if (a->t && !validate_tensor(v, a->t, error)) return false;
    if (a->sparse_tensor && !validate_sparse(v, a->sparse_tensor, error)) return false;
    for (size_t i = 0; i < a->n_tensors; i++)
        if (!validate_tensor(v, a->tensors[i], error)) return false;
    for (size_t i = 0; i < a->n_sparse_tensors; i++)
        if (!validate_sparse(v, a->sparse_tensors[i], error)) return false;
    return true;
}

static bool node_fail(struct validation *v, const struct node *node, const char *what, const char *name,
                      struct bnfuse_error *error)
{
    return fail(error, BNFUSE_INVALID, "%s: %s \"%s\"; export the model again", node_label(node, &v->scratch), what,
                name);
}

static bool is_in_function(const struct graph *graph)
{
    while (graph->owner) graph = graph->owner->graph;
    return graph->function != NULL;
}

static bool validate_attributes(struct validation *v, const struct node *node, struct bnfuse_error *error)
{
    const BnfuseOnnx__NodeProto *proto = node->proto;
    const bool in_function = is_in_function(node->graph);
    if (proto->n_attribute > MOST_ATTRIBUTES)
        return fail(error, BNFUSE_INVALID,
                    "%s has %zu attributes, more than any operator knows; export the model "
                    "again",
                    node_label(node, &v->scratch), proto->n_attribute);
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *a = proto->attribute[i];
        const char *flaw = attribute_flaw(a, in_function);
        if (!flaw && node_attribute(node, a->name) != a) flaw = "stands there twice";
        if (flaw)
            return fail(error, BNFUSE_INVALID, "%s: attribute \"%s\" %s; export the model again",
                        node_label(node, &v->scratch), text_or_empty(a->name), flaw);
        if (!validate_tensors(v, a, error)) return false;
    }
    return true;
}

/* ---- nodes and graphs ------------------------------------------------------------------------------------------ */

static bool is_defined(const struct value *value)
{
    return value->writer || value->is_input || value->initializer || value->sparse;
}

/* True of every index as it was built; edits must keep it so. */
static bool validate_reads(struct validation *v, const struct node *node, struct bnfuse_error *error)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node->inputs[i].value;
        const char *name = i < node->proto->n_input ? node->proto->input[i] : "";
        if (!value) continue;
        if (!is_defined(value)) return node_fail(v, node, "reads what nothing defines,", value->name, error);
        if (strcmp(name, value->name) != 0 || scope_value(node->graph, name) != value)
            return node_fail(v, node, "reads by a name that means something else,", name, error);
    }
    return true;
}

static bool validate_operator(struct validation *v, const struct node *node, struct bnfuse_error *error)
{
    if (!*node->op)
        return fail(error, BNFUSE_INVALID, "%s says no operator; export the model again",
                    node_label(node, &v->scratch));
    /* A node of another domain that is not imported only has to stay as it is; old exporters write such files. */
    if (!node->function && node->opset < 1 && !*node->domain)
        return fail(error, BNFUSE_INVALID, "%s is of ai.onnx, whose opset is not imported; export the model again",
                    node_label(node, &v->scratch));
    if (!node->function) return true;
    if (node->input_count > node->function->input_count || node->output_count > node->function->output_count)
        return fail(error, BNFUSE_INVALID,
                    "%s has more inputs or outputs than the function it calls; export the model "
                    "again",
                    node_label(node, &v->scratch));
    return true;
}

static bool validate_graph(struct validation *v, const struct graph *graph, struct bnfuse_error *error)
{
    struct node **order;
    if (graph->function
        && !validate_imports(graph->function->opset_import, graph->function->n_opset_import,
                             arena_printf(&v->scratch, "function \"%s\"", text_or_empty(graph->function->name)), error))
        return false;
    for (const struct node *node = graph->first; node; node = node->next)
        if (!validate_operator(v, node, error) || !validate_reads(v, node, error)
            || !validate_attributes(v, node, error))
            return false;
    for (size_t i = 0; i < graph->initializer_count; i++)
        if (graph->initializers[i]->sparse && !validate_sparse(v, graph->initializers[i]->sparse, error)) return false;
    for (size_t i = 0; i < graph->output_count; i++)
        if (!is_defined(graph->outputs[i]))
            return fail(error, BNFUSE_INVALID, "graph output \"%s\" is what nothing defines; export the model again",
                        graph->outputs[i]->name);
    return graph_order(graph, &v->scratch, &order, error);
}

/* ---- functions that call functions ----------------------------------------------------------------------------- */

struct calls {
    size_t *callees; /* of function f: from[f] .. from[f + 1] */
    size_t *from, *callers, *depth;
};

static size_t function_of(const struct graph *graph)
{
    while (graph->owner) graph = graph->owner->graph;
    return graph->slot;
}

/* The calls made inside functions, sorted by who calls: counted, then filled from each function's end. */
static void collect_calls(struct validation *v, struct calls *calls)
{
    const size_t count = v->net->function_count;
    struct graph *graph = NULL;
    calls->from = NEW_ARRAY(&v->scratch, size_t, count + 2);
    calls->callers = NEW_ARRAY(&v->scratch, size_t, count);
    calls->depth = NEW_ARRAY(&v->scratch, size_t, count);
    while ((graph = net_next_graph(v->net, graph)))
        for (const struct node *node = is_in_function(graph) ? graph->first : NULL; node; node = node->next)
            calls->from[function_of(graph) + 1] += node->function != NULL;
    for (size_t f = 0; f < count; f++) calls->from[f + 1] += calls->from[f];
    calls->callees = NEW_ARRAY(&v->scratch, size_t, calls->from[count]);
    size_t *next = arena_grow(&v->scratch, calls->from, count, count, sizeof *next);
    while ((graph = net_next_graph(v->net, graph)))
        for (const struct node *node = is_in_function(graph) ? graph->first : NULL; node; node = node->next) {
            if (!node->function) continue;
            calls->callees[next[function_of(graph)]++] = node->function->slot;
            calls->callers[node->function->slot]++;
        }
}

/* No function may reach itself, and calls nest only so deep, since a run nests with them. */
static bool validate_calls(struct validation *v, struct bnfuse_error *error)
{
    const size_t count = v->net->function_count;
    struct calls calls;
    size_t done = 0, ready = 0;
    collect_calls(v, &calls);
    size_t *queue = NEW_ARRAY(&v->scratch, size_t, count);
    for (size_t f = 0; f < count; f++)
        if (!calls.callers[f]) queue[ready++] = f;
    while (done < ready) {
        size_t f = queue[done++];
        if (calls.depth[f] >= MOST_NESTED_CALLS)
            return fail(error, BNFUSE_INVALID, "function calls nest deeper than %d; inline the functions",
                        MOST_NESTED_CALLS);
        for (size_t i = calls.from[f]; i < calls.from[f + 1]; i++) {
            size_t callee = calls.callees[i];
            if (--calls.callers[callee] > 0) continue;
            calls.depth[callee] = calls.depth[f] + 1; /* the last caller to be done is the deepest */
            queue[ready++] = callee;
        }
    }
    for (size_t f = 0; f < count; f++)
        if (calls.callers[f])
            return fail(error, BNFUSE_INVALID,
                        "function \"%s\" calls itself, or is called by functions that do; "
                        "export the model again",
                        text_or_empty(v->net->functions[f]->function->name));
    return true;
}

/* ---------------------------------------------------------------------------------------------------------------- */

static bool validate(void *context, struct bnfuse_error *error)
{
    struct validation *v = context;
    if (!validate_model(v->net->model->proto, error)) return false;
    for (struct graph *graph = NULL; (graph = net_next_graph(v->net, graph));) {
        if (!validate_graph(v, graph, error)) return false;
        arena_close(&v->scratch);
        arena_open(&v->scratch, v->net->arena->memory);
    }
    return validate_calls(v, error);
}

bool net_validate(const struct net *net, struct bnfuse_error *error)
{
    struct validation v = { .net = net };
    arena_open(&v.scratch, net->arena->memory);
    bool ok = guarded(net->arena->memory, validate, &v, error);
    arena_close(&v.scratch);
    return ok;
}
