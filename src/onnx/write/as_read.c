/* SPDX-License-Identifier: Apache-2.0
 *
 * An edited index beside the messages that it was read from. */
#include "onnx/write/as_read.h"

#include <assert.h>
#include <string.h>

const char *name_of(const struct value *value)
{
    return value ? value->name : "";
}

bool is_name_of(const char *text, const struct value *value)
{
    return !strcmp(text ? text : "", name_of(value));
}

static bool same_names(char *const *texts, size_t text_count, struct value *const *values, size_t count)
{
    if (text_count != count) return false;
    for (size_t i = 0; i < count; i++)
        if (!is_name_of(texts[i], values[i])) return false;
    return true;
}

static bool same_infos(BnfuseOnnx__ValueInfoProto *const *infos, size_t info_count, struct value *const *values,
                       size_t count)
{
    if (info_count != count) return false;
    for (size_t i = 0; i < count; i++)
        if (!is_name_of(infos[i]->name, values[i])) return false;
    return true;
}

bool node_is_as_read(const struct model *model, const struct node *node)
{
    if (node->is_edited || !model_part(model, node->proto)) return false;
    if (node->input_count != node->proto->n_input) return false;
    for (size_t i = 0; i < node->input_count; i++)
        if (!is_name_of(node->proto->input[i], node->inputs[i].value)) return false;
    return same_names(node->proto->output, node->proto->n_output, node->outputs, node->output_count);
}

static bool nodes_differ(const struct model *model, const struct graph *graph)
{
    BnfuseOnnx__NodeProto *const *protos = graph->proto ? graph->proto->node : graph->function->node;
    size_t count = graph->proto ? graph->proto->n_node : graph->function->n_node, i = 0;
    for (const struct node *node = graph->first; node; node = node->next, i++)
        if (i == count || node->proto != protos[i] || !node_is_as_read(model, node)) return true;
    return i < count;
}

const void *initializer_as_read(const struct value *value)
{
    if (value->proto && is_name_of(value->proto->name, value)) return value->proto;
    return value->sparse && is_name_of(value->sparse->values->name, value) ? value->sparse : NULL;
}

static bool initializers_differ(const struct graph *graph)
{
    const BnfuseOnnx__GraphProto *proto = graph->proto;
    if (graph->initializer_count != proto->n_initializer + proto->n_sparse_initializer) return true;
    for (size_t i = 0; i < graph->initializer_count; i++) {
        size_t k = i - proto->n_initializer;
        const void *own = i < proto->n_initializer ? (void *)proto->initializer[i] : proto->sparse_initializer[k];
        if (initializer_as_read(graph->initializers[i]) != own) return true;
    }
    return false;
}

bool graph_is_as_read(const struct model *model, const struct graph *graph)
{
    if (graph->is_redeclared) return false;
    if (nodes_differ(model, graph)) return false;
    if (graph->function) {
        /* Its inputs and outputs are what callers know; no edit changes them. */
        const BnfuseOnnx__FunctionProto *function = graph->function;
        assert(same_names(function->input, function->n_input, graph->inputs, graph->input_count));
        assert(same_names(function->output, function->n_output, graph->outputs, graph->output_count));
        (void)function;
        return true;
    }
    return !initializers_differ(graph)
           && same_infos(graph->proto->input, graph->proto->n_input, graph->inputs, graph->input_count)
           && same_infos(graph->proto->output, graph->proto->n_output, graph->outputs, graph->output_count);
}
