/* SPDX-License-Identifier: Apache-2.0
 *
 * Open dims become numbers. See fix_shapes.h. */
#include "passes/fix_shapes.h"

#include "base/error.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/validate.h"
#include "onnx/shape/infer.h"

#include <string.h>

typedef BnfuseOnnx__ValueInfoProto info_message;
typedef BnfuseOnnx__TensorShapeProto__Dimension dimension;

/* Sizes by name: those of the options, and those that a shape gives for a name. */
struct sizes {
    bnfuse_dim *list;
    size_t count;
};

static const bnfuse_dim *find_size(const struct sizes *sizes, const char *name)
{
    for (size_t i = 0; i < sizes->count; i++)
        if (strcmp(sizes->list[i].name, name) == 0) return &sizes->list[i];
    return NULL;
}

static const BnfuseOnnx__TensorShapeProto *declared_shape(const info_message *info)
{
    const BnfuseOnnx__TypeProto__Tensor *tensor = type_tensor(info->type);
    return tensor ? tensor->shape : NULL;
}

static const char *name_of(const dimension *dim)
{
    bool named = dim->value_case == BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    return named && *dim->dim_param ? dim->dim_param : NULL;
}

static bool is_number(const dimension *dim)
{
    return dim->value_case == BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
}

static const bnfuse_shape *find_shape(const struct bnfuse_fuse_options *options, const char *name)
{
    for (size_t i = 0; i < options->shape_count; i++)
        if (strcmp(options->shapes[i].name, name) == 0) return &options->shapes[i];
    return NULL;
}

/* ---- sizes of names ---- */

static bool add_size(struct sizes *sizes, const char *name, int64_t size, struct bnfuse_error *error)
{
    const bnfuse_dim *known = find_size(sizes, name);
    if (known && known->size != size)
        return fail(error, BNFUSE_USAGE, "the dim \"%s\" cannot be both %lld and %lld", name, (long long)known->size,
                    (long long)size);
    if (!known) sizes->list[sizes->count++] = (bnfuse_dim){ name, size };
    return true;
}

static bool add_sizes_of(struct sizes *sizes, const struct value *input, const bnfuse_shape *given,
                         struct bnfuse_error *error)
{
    const BnfuseOnnx__TensorShapeProto *shape = input->info ? declared_shape(input->info) : NULL;
    if (!shape) return true;
    if (shape->n_dim != (size_t)given->rank)
        return fail(error, BNFUSE_USAGE, "input \"%s\" has %zu dims, not %d", input->name, shape->n_dim, given->rank);
    for (size_t i = 0; i < shape->n_dim; i++) {
        const char *name = name_of(shape->dim[i]);
        if (is_number(shape->dim[i]) && shape->dim[i]->dim_value != given->dims[i])
            return fail(error, BNFUSE_USAGE, "input \"%s\" has %lld along axis %zu, not %lld", input->name,
                        (long long)shape->dim[i]->dim_value, i, (long long)given->dims[i]);
        if (name && !add_size(sizes, name, given->dims[i], error)) return false;
    }
    return true;
}

static struct value *find_input(const struct net *net, const char *name)
{
    struct value *input = graph_value(net->main, name);
    return input && input->is_input ? input : NULL;
}

static bool collect_sizes(struct sizes *sizes, const struct net *net, const struct bnfuse_fuse_options *options,
                          struct bnfuse_error *error)
{
    size_t room = options->dim_count;
    for (size_t i = 0; i < options->shape_count; i++) room += (size_t)options->shapes[i].rank;
    sizes->list = NEW_ARRAY(net->arena, bnfuse_dim, room);
    for (size_t i = 0; i < options->dim_count; i++) {
        if (!graph_has_dim(net->main, options->dims[i].name))
            return fail(error, BNFUSE_USAGE, "a size was given for dimension \"%s\", which no input of the model has",
                        options->dims[i].name);
        if (!add_size(sizes, options->dims[i].name, options->dims[i].size, error)) return false;
    }
    for (size_t i = 0; i < options->shape_count; i++) {
        const struct value *input = find_input(net, options->shapes[i].name);
        if (!input) return fail(error, BNFUSE_USAGE, "there is no input \"%s\"", options->shapes[i].name);
        if (!add_sizes_of(sizes, input, &options->shapes[i], error)) return false;
    }
    return true;
}

/* ---- declarations ---- */

/* A copy of the declaration whose dims are the caller's to change; NULL when it declares no shape of a tensor. */
static info_message *copy_info(struct arena *arena, const info_message *info, size_t rank)
{
    const BnfuseOnnx__TensorShapeProto *shape = declared_shape(info);
    info_message *copy = NEW(arena, info_message);
    BnfuseOnnx__TypeProto *type = NEW(arena, BnfuseOnnx__TypeProto);
    BnfuseOnnx__TypeProto__Tensor *tensor = NEW(arena, BnfuseOnnx__TypeProto__Tensor);
    BnfuseOnnx__TensorShapeProto *own = NEW(arena, BnfuseOnnx__TensorShapeProto);
    *copy = *info;
    *type = *info->type;
    *tensor = *info->type->tensor_type;
    if (shape) *own = *shape;
    else bnfuse_onnx__tensor_shape_proto__init(own);
    own->n_dim = rank;
    own->dim = NEW_ARRAY(arena, dimension *, rank);
    for (size_t i = 0; i < rank; i++) {
        own->dim[i] = NEW(arena, dimension);
        if (shape) *own->dim[i] = *shape->dim[i];
        else bnfuse_onnx__tensor_shape_proto__dimension__init(own->dim[i]);
    }
    tensor->shape = own;
    type->tensor_type = tensor;
    copy->type = type;
    return copy;
}

static void set_size(const info_message *info, size_t axis, int64_t size)
{
    dimension *dim = info->type->tensor_type->shape->dim[axis];
    dim->value_case = BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    dim->dim_value = size;
}

/* The size of an open dim, -1: still open. */
typedef int64_t size_rule(const void *context, const struct value *value, const dimension *dim, size_t axis);

static void redeclare(struct graph *graph, const info_message *info, size_rule *rule, const void *context)
{
    const info_message *now = declaration(graph->net, info); /* none was taken out yet */
    const BnfuseOnnx__TensorShapeProto *shape = declared_shape(now);
    const struct value *value = info->name ? graph_value(graph, info->name) : NULL;
    info_message *own = NULL;
    for (size_t i = 0; shape && i < shape->n_dim; i++) {
        int64_t size = is_number(shape->dim[i]) ? -1 : rule(context, value, shape->dim[i], i);
        if (size < 0) continue;
        if (!own) own = copy_info(graph->net->arena, now, shape->n_dim);
        set_size(own, i, size);
    }
    if (own) edit_redeclare(graph, info, own);
}

static void redeclare_all(struct net *net, size_rule *rule, const void *context)
{
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));) {
        const BnfuseOnnx__GraphProto *proto = graph->proto;
        if (!proto) continue;
        for (size_t i = 0; i < proto->n_input; i++) redeclare(graph, proto->input[i], rule, context);
        for (size_t i = 0; i < proto->n_output; i++) redeclare(graph, proto->output[i], rule, context);
        for (size_t i = 0; i < proto->n_value_info; i++) redeclare(graph, proto->value_info[i], rule, context);
    }
}

static int64_t size_by_name(const void *context, const struct value *value, const dimension *dim, size_t axis)
{
    const bnfuse_dim *size = name_of(dim) ? find_size(context, dim->dim_param) : NULL;
    (void)value, (void)axis;
    return size ? size->size : -1;
}

static int64_t inferred_size(const void *context, const struct value *value, const dimension *dim, size_t axis)
{
    (void)context, (void)dim;
    return value && axis < (size_t)(value->shape.rank < 0 ? 0 : value->shape.rank) ? value->shape.dims[axis].size : -1;
}

/* All dims of an input that has a shape of its own. */
static void set_shape_of(struct graph *graph, const info_message *info, const bnfuse_shape *given)
{
    const info_message *now = declaration(graph->net, info);
    if (!type_tensor(now->type)) return;
    info_message *own = copy_info(graph->net->arena, now, (size_t)given->rank);
    for (int i = 0; i < given->rank; i++) set_size(own, (size_t)i, given->dims[i]);
    edit_redeclare(graph, info, own);
}

/* An input that has a value in the file is as large as that. */
static bool all_fit_stored(const struct net *net, struct bnfuse_error *error)
{
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));)
        for (size_t i = 0; i < graph->initializer_count; i++)
            if (!initializer_fits(graph->initializers[i]))
                return fail(error, BNFUSE_USAGE,
                            "the sizes that were given do not fit initializer \"%s\"; leave its own to it",
                            graph->initializers[i]->name);
    return true;
}

bool fix_shapes(struct net *net, const struct bnfuse_fuse_options *options, struct bnfuse_error *error)
{
    struct sizes sizes = { NULL, 0 };
    const BnfuseOnnx__GraphProto *proto = net->main->proto;
    if (!options->fix_shapes) return true;
    if (!collect_sizes(&sizes, net, options, error)) return false;
    redeclare_all(net, size_by_name, &sizes);
    for (size_t i = 0; i < proto->n_input; i++) {
        const bnfuse_shape *given = proto->input[i]->name ? find_shape(options, proto->input[i]->name) : NULL;
        if (given) set_shape_of(net->main, proto->input[i], given);
    }
    if (!all_fit_stored(net, error) || !shape_infer(net, error)) return false;
    redeclare_all(net, inferred_size, NULL);
    return true;
}
