/* SPDX-License-Identifier: Apache-2.0
 *
 * What the file declares of values besides its inputs and outputs (value_info), where it is not true.
 *
 * A name that survives means the same value (edit.h), so no rewrite makes a declaration wrong. But exporters leave
 * those of values that they took out, and whoever changed a model's inputs by hand those of the old sizes. */
#include "base/text.h"
#include "onnx/graph/edit.h"
#include "passes/simplify/engine.h"

#include <string.h>

typedef BnfuseOnnx__ValueInfoProto info_message;

/* Whether something writes it, stores it or passes it in. */
static bool is_live(const struct value *value)
{
    return value && value_is_defined(value);
}

static bool is_size(const BnfuseOnnx__TensorShapeProto__Dimension *dim, int64_t size)
{
    return dim->value_case != BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE || size < 0
           || dim->dim_value == size;
}

/* Whether it may be true of the value, as far as that is known. */
static bool may_be_true(const info_message *info, const struct value *value)
{
    const BnfuseOnnx__TypeProto__Tensor *tensor = type_tensor(info->type);
    if (!tensor) return true;
    enum dtype type = type_element(info->type);
    if (type != DTYPE_UNDEFINED && value->type != DTYPE_UNDEFINED && type != value->type) return false;
    if (!tensor->shape || value->shape.rank < 0) return true;
    if (tensor->shape->n_dim != (size_t)value->shape.rank) return false;
    for (size_t i = 0; i < tensor->shape->n_dim; i++)
        if (!is_size(tensor->shape->dim[i], value->shape.dims[i].size)) return false;
    return true;
}

/* Names that the file's graph defines. */
static struct name_set *defined_names(const struct graph *graph, struct arena *arena)
{
    const BnfuseOnnx__GraphProto *proto = graph->proto;
    BnfuseOnnx__NodeProto *const *nodes = proto ? proto->node : graph->function->node;
    size_t count = proto ? proto->n_node : graph->function->n_node;
    struct name_set *names = NEW(arena, struct name_set);
    name_set_open(names, arena);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < nodes[i]->n_output; k++) name_set_add(names, nodes[i]->output[k]);
    for (size_t i = 0; proto && i < proto->n_input; i++) name_set_add(names, proto->input[i]->name);
    for (size_t i = 0; proto && i < proto->n_initializer; i++) name_set_add(names, proto->initializer[i]->name);
    for (size_t i = 0; proto && i < proto->n_sparse_initializer; i++)
        name_set_add(names, proto->sparse_initializer[i]->values->name);
    return names;
}

/* The writer leaves out the declarations of what edits took away; here goes what was never there. */
static bool is_of_nothing(struct simplifier *s, const struct graph *graph, const char *name)
{
    const struct name_set *names = pointer_map_get(&s->defined, graph);
    if (!names) {
        struct name_set *own = defined_names(graph, s->net->arena);
        pointer_map_set(&s->defined, graph, own);
        names = own;
    }
    return !name_set_has(names, name);
}

static void look_at(struct simplifier *s, struct graph *graph, const info_message *info)
{
    const char *name = text_or_empty(info->name);
    const struct value *value = scope_value(graph, name);
    if (!declaration(s->net, info)) return;
    if (is_live(value) ? may_be_true(declaration(s->net, info), value) : !is_of_nothing(s, graph, name)) return;
    rewrite_remark(s, "false-declaration", NULL, name, "");
    edit_redeclare(graph, info, NULL);
}

static bool false_declarations(struct simplifier *s)
{
    for (struct graph *graph = net_next_graph(s->net, NULL); graph; graph = net_next_graph(s->net, graph)) {
        const BnfuseOnnx__GraphProto *proto = graph->proto;
        size_t count = proto ? proto->n_value_info : graph->function->n_value_info;
        for (size_t i = 0; i < count; i++)
            look_at(s, graph, proto ? proto->value_info[i] : graph->function->value_info[i]);
    }
    return false;
}

const struct rewrite declaration_rewrites[] = {
    { { "false-declaration", "value_info of nothing, or of another type or size -> nothing" },
      "simplify_unused",
      .sweep = false_declarations },
    { .apply = NULL },
};
