/* SPDX-License-Identifier: Apache-2.0
 *
 * Which values are constant without computing anything: a leaf (an initializer, or a Constant node), seen through nodes
 * that keep the elements and change at most the dims.
 *
 * A chain of such nodes is followed for CHAIN_LIMIT steps, which also ends cycles. Their shape and axes inputs must be
 * leaves, or Identity of leaves. Nothing recurses. */
#include "onnx/graph/attr.h"
#include "onnx/graph/graph.h"

#include <string.h>

enum { CHAIN_LIMIT = 32, DENSE_LIMIT = 256 << 20 };

/* ---- leaves ---------------------------------------------------------------------------------------------------- */

/* Whether whoever runs the graph may supply another value: a caller, training, or the node whose body the graph is. */
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
    if (node->proto->n_attribute == 0) return NULL;
    a = node->proto->attribute[0];
    if (a->ref_attr_name && *a->ref_attr_name) return NULL;
    if ((a = node_attribute(node, "value_ints"))) return numbers(arena, DTYPE_INT64, 1, a->n_ints, a->ints);
    if ((a = node_attribute(node, "value_floats"))) return numbers(arena, DTYPE_FLOAT, 1, a->n_floats, a->floats);
    if ((a = node_attribute(node, "value_strings"))) return texts(arena, 1, a->n_strings, a->strings);
    return NULL;
}

static const struct tensor *leaf_constant(struct value *value)
{
    const struct net *net = value->graph->net;
    const bool is_literal = value->writer && node_is(value->writer, "Constant");
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
        if (!writer || !node_is(writer, "Identity")) return leaf_constant(value);
        value = node_input(writer, 0);
    }
    return NULL;
}

/* ---- views ----------------------------------------------------------------------------------------------------- */

struct dims {
    int rank;
    int64_t sizes[TENSOR_MAX_RANK];
    int64_t count;
};

/* A list that is an attribute in old opsets and an input in new ones. `given` is false when it is neither. */
static bool node_list(const struct node *node, const char *name, int64_t *list, int *count, bool *given)
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

static bool view_same(const struct node *node, struct dims *dims)
{
    (void)node;
    (void)dims;
    return true;
}

static bool view_reshape(const struct node *node, struct dims *dims)
{
    int64_t shape[TENSOR_MAX_RANK], known = 1;
    int rank, open = -1;
    bool given, keeps_zero = node_int(node, "allowzero", 0) == 0;
    if (!node_list(node, "shape", shape, &rank, &given) || !given) return false;
    for (int i = 0; i < rank; i++) {
        if (shape[i] == 0 && keeps_zero && i >= dims->rank) return false;
        if (shape[i] == 0 && keeps_zero) shape[i] = dims->sizes[i];
        if (shape[i] == -1 && open >= 0) return false;
        if (shape[i] == -1) open = i;
        else if (!size_multiply(known, shape[i], &known)) return false;
    }
    if (open >= 0 && (known == 0 || dims->count % known != 0)) return false;
    if (open >= 0) shape[open] = dims->count / known;
    else if (known != dims->count) return false;
    dims->rank = rank;
    memcpy(dims->sizes, shape, (size_t)rank * sizeof *shape);
    return true;
}

/* Marks the axes of a list within a rank. False for one out of range, or twice. */
static bool mark_axes(const int64_t *axes, int count, int rank, bool *marked)
{
    memset(marked, 0, TENSOR_MAX_RANK * sizeof *marked);
    for (int i = 0; i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 0 || axis >= rank || marked[axis]) return false;
        marked[axis] = true;
    }
    return true;
}

static bool view_squeeze(const struct node *node, struct dims *dims)
{
    int64_t axes[TENSOR_MAX_RANK];
    int count, rank = 0;
    bool given, marked[TENSOR_MAX_RANK];
    if (!node_list(node, "axes", axes, &count, &given) || !mark_axes(axes, count, dims->rank, marked)) return false;
    for (int i = 0; i < dims->rank; i++) {
        if (marked[i] && dims->sizes[i] != 1) return false;
        if (given ? !marked[i] : dims->sizes[i] != 1) dims->sizes[rank++] = dims->sizes[i];
    }
    dims->rank = rank;
    return true;
}

static bool view_unsqueeze(const struct node *node, struct dims *dims)
{
    int64_t axes[TENSOR_MAX_RANK];
    int count, from;
    bool given, marked[TENSOR_MAX_RANK];
    if (!node_list(node, "axes", axes, &count, &given) || !given || count > TENSOR_MAX_RANK - dims->rank) return false;
    int rank = dims->rank + count;
    if (!mark_axes(axes, count, rank, marked)) return false;
    from = dims->rank;
    for (int i = rank; i-- > 0;) dims->sizes[i] = marked[i] ? 1 : dims->sizes[--from];
    dims->rank = rank;
    return true;
}

static bool view_flatten(const struct node *node, struct dims *dims)
{
    int64_t axis = node_int(node, "axis", 1), rows = 1, columns = 1;
    if (axis < 0) axis += dims->rank;
    if (axis < 0 || axis > dims->rank) return false;
    for (int i = 0; i < dims->rank; i++) {
        int64_t *side = i < axis ? &rows : &columns;
        if (!size_multiply(*side, dims->sizes[i], side)) return false;
    }
    dims->rank = 2;
    dims->sizes[0] = rows;
    dims->sizes[1] = columns;
    return true;
}

static const struct view {
    const char *op;
    bool (*apply)(const struct node *node, struct dims *dims);
} views[] = {
    { "Identity", view_same },       { "Reshape", view_reshape }, { "Squeeze", view_squeeze },
    { "Unsqueeze", view_unsqueeze }, { "Flatten", view_flatten },
};

static const struct view *find_view(const struct node *node)
{
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (node_is(node, views[i].op)) return &views[i];
    return NULL;
}

static bool is_same_elements(const struct tensor *a, const struct tensor *b)
{
    return a->type == b->type && a->bytes == b->bytes && a->exact == b->exact && a->strings == b->strings
           && a->span.file == b->span.file && a->span.offset == b->span.offset && a->factors == b->factors;
}

static bool has_dims(const struct tensor *tensor, const struct dims *dims)
{
    if (tensor->rank != dims->rank) return false;
    for (int i = 0; i < dims->rank; i++)
        if (tensor->dims[i] != dims->sizes[i]) return false;
    return true;
}

const struct tensor *value_constant(struct value *value)
{
    const struct node *chain[CHAIN_LIMIT];
    struct value *leaf = value;
    struct dims dims;
    int length = 0;
    while (leaf && leaf->writer && find_view(leaf->writer)) {
        if (length == CHAIN_LIMIT) return NULL;
        chain[length++] = leaf->writer;
        leaf = node_input(leaf->writer, 0);
    }
    const struct tensor *tensor = leaf ? leaf_constant(leaf) : NULL;
    if (!tensor || !length) return tensor;
    dims.rank = tensor->rank;
    dims.count = tensor->count;
    if (tensor->rank) memcpy(dims.sizes, tensor->dims, (size_t)tensor->rank * sizeof *dims.sizes);
    while (length-- > 0)
        if (!find_view(chain[length])->apply(chain[length], &dims)) return NULL;
    if (has_dims(tensor, &dims)) return tensor;
    if (value->constant && is_same_elements(value->constant, tensor) && has_dims(value->constant, &dims))
        return value->constant;
    return value->constant = tensor_reshaped(value->graph->net->arena, tensor, dims.rank, dims.sizes);
}
