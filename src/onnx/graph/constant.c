/* SPDX-License-Identifier: Apache-2.0
 *
 * Which values are constant without computing anything: a leaf (an initializer, or a Constant node), seen through nodes
 * that keep the elements and change at most the dims.
 *
 * A chain of such nodes is followed for CHAIN_LIMIT steps, which also ends cycles. Their shape and axes inputs must be
 * leaves, or Identity of leaves. Nothing recurses. */
#include "onnx/graph/attr.h"
#include "onnx/graph/operator.h"

#include <string.h>

enum { CHAIN_LIMIT = 32, CALL_LIMIT = 100, DENSE_LIMIT = 256 << 20 };

/* ---- leaves ---------------------------------------------------------------------------------------------------- */

/* Whether the caller of the graph may supply another value: a caller, training, or the node whose body the graph is. */
static bool is_replaceable(const struct value *value)
{
    const struct net *net = value->graph->net;
    if (value->graph == net->main) return value_is_overridable(value) && !net->freeze_weights;
    return value->is_input && net->model->proto->ir_version >= 4;
}

static struct tensor *constant_tensor(struct arena *arena, enum dtype type, int rank, int64_t length)
{
    struct tensor *tensor = NEW(arena, struct tensor);
    int64_t *dims = NEW_ARRAY(arena, int64_t, 1);
    dims[0] = length;
    *tensor = (struct tensor){ .type = type, .rank = rank, .count = length, .dims = dims };
    return tensor;
}

static const struct tensor *numbers(struct arena *arena, enum dtype type, int rank, size_t length, const void *bytes)
{
    struct tensor *tensor = constant_tensor(arena, type, rank, (int64_t)length);
    tensor->bytes = bytes;
    return tensor;
}

static const struct tensor *texts(struct arena *arena, int rank, size_t length, const ProtobufCBinaryData *given)
{
    struct tensor *tensor = constant_tensor(arena, DTYPE_STRING, rank, (int64_t)length);
    char **strings = NEW_ARRAY(arena, char *, length);
    for (size_t i = 0; i < length; i++) {
        strings[i] = arena_alloc(arena, given[i].len + 1);
        if (given[i].len) memcpy(strings[i], given[i].data, given[i].len);
    }
    tensor->strings = strings;
    return tensor;
}

static const struct tensor *stored(struct arena *arena, const struct model *model, const BnfuseOnnx__TensorProto *proto)
{
    struct tensor *tensor = NEW(arena, struct tensor);
    return proto && tensor_from_proto(tensor, arena, model, proto, NULL) ? tensor : NULL;
}

/* A sparse tensor as a dense one, if that is not too large. */
static const struct tensor *densified(struct arena *arena, const struct model *model,
                                      const BnfuseOnnx__SparseTensorProto *sparse)
{
    struct tensor *dense = NEW(arena, struct tensor);
    return tensor_from_sparse(dense, arena, model, sparse, DENSE_LIMIT, NULL) ? dense : NULL;
}

/* What a Constant node says. A reference to a parameter of a function says nothing. */
static const struct tensor *node_tensor(const struct node *node)
{
    struct arena *arena = node->graph->net->arena;
    const struct model *model = node->graph->net->model;
    const BnfuseOnnx__AttributeProto *a;
    if ((a = node_attribute(node, "value"))) return stored(arena, model, a->t);
    if ((a = node_attribute(node, "sparse_value")))
        return a->sparse_tensor ? densified(arena, model, a->sparse_tensor) : NULL;
    if ((a = node_attribute(node, "value_int"))) return a->has_i ? numbers(arena, DTYPE_INT64, 0, 1, &a->i) : NULL;
    if ((a = node_attribute(node, "value_float"))) return a->has_f ? numbers(arena, DTYPE_FLOAT, 0, 1, &a->f) : NULL;
    if ((a = node_attribute(node, "value_string"))) return a->has_s ? texts(arena, 0, 1, &a->s) : NULL;
    if (node->proto->n_attribute == 0 || attr_refers(node->proto->attribute[0])) return NULL;
    if ((a = node_attribute(node, "value_ints"))) return numbers(arena, DTYPE_INT64, 1, a->n_ints, a->ints);
    if ((a = node_attribute(node, "value_floats"))) return numbers(arena, DTYPE_FLOAT, 1, a->n_floats, a->floats);
    if ((a = node_attribute(node, "value_strings"))) return texts(arena, 1, a->n_strings, a->strings);
    return NULL;
}

bool node_is_literal(const struct node *node)
{
    return node_is(node, LITERAL_OPERATOR);
}

static const struct tensor *leaf_constant(struct value *value)
{
    const struct net *net = value->graph->net;
    const bool is_literal = value->writer && node_is_literal(value->writer);
    if (is_replaceable(value)) return NULL;
    if (value->initializer) return value->initializer;
    if (!value->sparse && !is_literal) return NULL;
    if (!value->constant)
        value->constant = is_literal ? node_tensor(value->writer) : densified(net->arena, net->model, value->sparse);
    return value->constant;
}

static const struct tensor *plain_constant(struct value *value)
{
    for (int step = 0; value && step < CHAIN_LIMIT; step++) {
        const struct node *writer = value->writer;
        if (!writer || !operator_has(writer, IDENTITY)) return leaf_constant(value);
        value = node_input(writer, 0);
    }
    return NULL;
}

struct value *value_argument(struct value *value)
{
    for (int nesting = 0; nesting < CALL_LIMIT; nesting++) {
        const struct graph *graph = value->graph;
        if (!value->is_input || !graph->function || graph->call_count != 1) return value;
        size_t slot = 0;
        while (slot < graph->input_count && graph->inputs[slot] != value) slot++;
        struct value *argument = node_input(graph->caller, slot);
        if (!argument) return value;
        value = argument;
    }
    return value;
}

/* ---- views ----------------------------------------------------------------------------------------------------- */

bool node_list(const struct node *node, const char *name, int64_t *list, int *count, bool *given)
{
    const int64_t *ints = NULL;
    size_t length = node_ints(node, name, &ints);
    struct value *input = node_input(node, 1);
    *given = input || node_attribute(node, name);
    *count = 0;
    if (input) {
        const struct tensor *tensor = plain_constant(input);
        if (!tensor || tensor->rank > 1 || tensor->count > TENSOR_MAX_RANK) return false;
        *count = (int)tensor->count;
        return tensor_read_whole(tensor, 0, tensor->count, list, NULL);
    }
    if (length > TENSOR_MAX_RANK || (*given && !ints)) return false;
    *count = (int)length;
    if (length) memcpy(list, ints, length * sizeof *list);
    return true;
}

static bool is_view(const struct node *node)
{
    return node->row && node->row->view;
}

static bool is_same_elements(const struct tensor *a, const struct tensor *b)
{
    return a->type == b->type && a->bytes == b->bytes && a->exact == b->exact && a->strings == b->strings
           && a->span.file == b->span.file && a->span.offset == b->span.offset && a->factors == b->factors;
}

static bool has_dims(const struct tensor *tensor, const struct view_dims *view)
{
    if (tensor->rank != view->rank) return false;
    for (int i = 0; i < view->rank; i++)
        if (tensor->dims[i] != view->dims[i]) return false;
    return true;
}

const struct tensor *value_constant(struct value *value)
{
    const struct node *chain[CHAIN_LIMIT];
    struct value *leaf = value;
    struct view_dims view;
    int length = 0;
    while (leaf && leaf->writer && is_view(leaf->writer)) {
        if (length == CHAIN_LIMIT) return NULL;
        chain[length++] = leaf->writer;
        leaf = node_input(leaf->writer, 0);
    }
    const struct tensor *tensor = leaf ? leaf_constant(leaf) : NULL;
    if (!tensor || !length) return tensor;
    view.rank = tensor->rank;
    view.count = tensor->count;
    if (tensor->rank) memcpy(view.dims, tensor->dims, (size_t)tensor->rank * sizeof *view.dims);
    while (length-- > 0)
        if (!chain[length]->row->view(chain[length], &view)) return NULL;
    if (has_dims(tensor, &view)) return tensor;
    if (value->constant && is_same_elements(value->constant, tensor) && has_dims(value->constant, &view))
        return value->constant;
    return value->constant = tensor_reshaped(value->graph->net->arena, tensor, view.rank, view.dims);
}
