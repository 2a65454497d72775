/* SPDX-License-Identifier: Apache-2.0
 *
 * Models from one-liners. */
#include "build.h"
#include "onnx/graph/index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct build_scope {
    struct build_scope *outer;
    BnfuseOnnx__GraphProto *graph; /* one of the two */
    BnfuseOnnx__FunctionProto *function;
    BnfuseOnnx__NodeProto *last;
};

/* Appends to a proto's repeated field of pointers. */
static void append(struct build *b, void *field, size_t *count, void *item)
{
    void **items;
    memcpy(&items, field, sizeof items);
    if ((*count & (*count - 1)) == 0)
        items = arena_grow(&b->arena, items, *count, *count ? *count * 2 : 1, sizeof *items);
    items[(*count)++] = item;
    memcpy(field, &items, sizeof items);
}

static char *copy(struct build *b, const char *text)
{
    return text ? arena_copy_text(&b->arena, text) : NULL;
}

#define MESSAGE(b, type, init)                                          \
    ((BnfuseOnnx__##type *)memcpy(NEW(&(b)->arena, BnfuseOnnx__##type), \
                                  &(BnfuseOnnx__##type)BNFUSE_ONNX__##init##__INIT, sizeof(BnfuseOnnx__##type)))

static void open_scope(struct build *b, BnfuseOnnx__GraphProto *graph, BnfuseOnnx__FunctionProto *function)
{
    struct build_scope *scope = NEW(&b->arena, struct build_scope);
    *scope = (struct build_scope){ b->scope, graph, function, NULL };
    b->scope = scope;
}

void build_open(struct build *b, int64_t ir_version, int64_t opset)
{
    *b = (struct build){ .model = NULL };
    arena_open(&b->arena, &b->memory);
    b->model = MESSAGE(b, ModelProto, MODEL_PROTO);
    b->model->has_ir_version = true;
    b->model->ir_version = ir_version;
    b->model->graph = MESSAGE(b, GraphProto, GRAPH_PROTO);
    b->model->graph->name = copy(b, "g");
    open_scope(b, b->model->graph, NULL);
    build_import(b, "", opset);
}

void build_close(struct build *b)
{
    arena_close(&b->arena);
    assert_int_equal(b->memory.used, 0);
}

static BnfuseOnnx__OperatorSetIdProto *import_of(struct build *b, const char *domain, int64_t version)
{
    BnfuseOnnx__OperatorSetIdProto *import = MESSAGE(b, OperatorSetIdProto, OPERATOR_SET_ID_PROTO);
    import->domain = copy(b, domain);
    import->has_version = true;
    import->version = version;
    return import;
}

void build_import(struct build *b, const char *domain, int64_t version)
{
    BnfuseOnnx__OperatorSetIdProto *import = import_of(b, domain, version);
    if (b->scope->function) append(b, &b->scope->function->opset_import, &b->scope->function->n_opset_import, import);
    else append(b, &b->model->opset_import, &b->model->n_opset_import, import);
}

/* The next piece of *text before `separator`, which is skipped; NULL at the end. */
static char *next_piece(struct build *b, const char **text, char separator)
{
    while (*text && separator == ' ' && **text == ' ') ++*text;
    if (!*text || !**text) return NULL;
    size_t length = strcspn(*text, (char[]){ separator, 0 });
    char *piece = arena_alloc(&b->arena, length + 1);
    memcpy(piece, *text, length);
    *text += length;
    if (**text == separator) ++*text;
    return piece;
}

static bool is_size(const char *text)
{
    char *end;
    strtoll(text, &end, 10);
    return end != text && !*end;
}

static BnfuseOnnx__TypeProto *type_of(struct build *b, enum dtype type, const char *shape)
{
    BnfuseOnnx__TypeProto *proto = MESSAGE(b, TypeProto, TYPE_PROTO);
    BnfuseOnnx__TypeProto__Tensor *tensor = MESSAGE(b, TypeProto__Tensor, TYPE_PROTO__TENSOR);
    proto->value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    proto->tensor_type = tensor;
    tensor->has_elem_type = true;
    tensor->elem_type = (int32_t)type;
    if (!shape) return proto;
    tensor->shape = MESSAGE(b, TensorShapeProto, TENSOR_SHAPE_PROTO);
    for (char *piece; (piece = next_piece(b, &shape, ','));) {
        BnfuseOnnx__TensorShapeProto__Dimension *dim =
            MESSAGE(b, TensorShapeProto__Dimension, TENSOR_SHAPE_PROTO__DIMENSION);
        if (is_size(piece)) {
            dim->value_case = BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = strtoll(piece, NULL, 10);
        } else if (strcmp(piece, "?") != 0) {
            dim->value_case = BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = piece;
        }
        append(b, &tensor->shape->dim, &tensor->shape->n_dim, dim);
    }
    return proto;
}

static BnfuseOnnx__ValueInfoProto *info_of(struct build *b, const char *name, enum dtype type, const char *shape)
{
    BnfuseOnnx__ValueInfoProto *info = MESSAGE(b, ValueInfoProto, VALUE_INFO_PROTO);
    info->name = copy(b, name);
    if (type) info->type = type_of(b, type, shape);
    return info;
}

void build_input(struct build *b, const char *name, enum dtype type, const char *shape)
{
    append(b, &b->scope->graph->input, &b->scope->graph->n_input, info_of(b, name, type, shape));
}

void build_output(struct build *b, const char *name, enum dtype type, const char *shape)
{
    append(b, &b->scope->graph->output, &b->scope->graph->n_output, info_of(b, name, type, shape));
}

void build_value_info(struct build *b, const char *name, enum dtype type, const char *shape)
{
    BnfuseOnnx__ValueInfoProto *info = info_of(b, name, type, shape);
    if (b->scope->function) append(b, &b->scope->function->value_info, &b->scope->function->n_value_info, info);
    else append(b, &b->scope->graph->value_info, &b->scope->graph->n_value_info, info);
}

static int64_t *whole_list(struct build *b, const char *text, size_t *count)
{
    size_t room = text ? strlen(text) + 1 : 1;
    int64_t *values = NEW_ARRAY(&b->arena, int64_t, room);
    *count = 0;
    for (char *piece; (piece = next_piece(b, &text, ','));) values[(*count)++] = strtoll(piece, NULL, 10);
    return values;
}

BnfuseOnnx__TensorProto *build_tensor(struct build *b, const char *name, enum dtype type, const char *dims,
                                      const double *values)
{
    BnfuseOnnx__TensorProto *tensor = MESSAGE(b, TensorProto, TENSOR_PROTO);
    int64_t count = 1, bytes = 0;
    tensor->name = copy(b, name);
    tensor->has_data_type = true;
    tensor->data_type = (int32_t)type;
    tensor->dims = whole_list(b, dims, &tensor->n_dims);
    for (size_t i = 0; i < tensor->n_dims; i++) count *= tensor->dims[i];
    assert_true(dtype_bytes(type, count, &bytes));
    tensor->has_raw_data = true;
    tensor->raw_data.len = (size_t)bytes;
    tensor->raw_data.data = arena_alloc(&b->arena, (size_t)bytes);
    dtype_store_real(type, values, count, tensor->raw_data.data);
    return tensor;
}

static void add_init(struct build *b, BnfuseOnnx__TensorProto *tensor)
{
    append(b, &b->scope->graph->initializer, &b->scope->graph->n_initializer, tensor);
}

BnfuseOnnx__TensorProto *build_init_values(struct build *b, const char *name, enum dtype type, const char *dims,
                                           const double *values)
{
    BnfuseOnnx__TensorProto *tensor = build_tensor(b, name, type, dims, values);
    add_init(b, tensor);
    return tensor;
}

static void add_entry(struct build *b, BnfuseOnnx__TensorProto *tensor, const char *key, const char *value)
{
    BnfuseOnnx__StringStringEntryProto *entry = MESSAGE(b, StringStringEntryProto, STRING_STRING_ENTRY_PROTO);
    entry->key = copy(b, key);
    entry->value = copy(b, value);
    append(b, &tensor->external_data, &tensor->n_external_data, entry);
}

void build_external(struct build *b, BnfuseOnnx__TensorProto *tensor, const char *location, const size_t *offset)
{
    add_entry(b, tensor, "location", location);
    if (offset) add_entry(b, tensor, "offset", arena_printf(&b->arena, "%zu", *offset));
    if (offset) add_entry(b, tensor, "length", arena_printf(&b->arena, "%zu", tensor->raw_data.len));
    tensor->has_data_location = true;
    tensor->data_location = BNFUSE_ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    tensor->has_raw_data = false;
    tensor->n_float_data = 0;
}

/* splitmix64 */
static double random_value(uint64_t *seed, enum dtype type)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    z ^= z >> 31;
    if (type == DTYPE_BOOL) return (double)(z & 1);
    if (dtype_kind(type) == KIND_WHOLE) return (double)(z % 201) - 100;
    return (double)(z >> 11) * 0x1p-52 - 1;
}

BnfuseOnnx__TensorProto *build_init(struct build *b, const char *name, enum dtype type, const char *dims, uint64_t seed)
{
    size_t rank;
    int64_t *sizes = whole_list(b, dims, &rank), count = 1;
    for (size_t i = 0; i < rank; i++) count *= sizes[i];
    double *values = NEW_ARRAY(&b->arena, double, (size_t)count);
    for (int64_t i = 0; i < count; i++) values[i] = random_value(&seed, type);
    return build_init_values(b, name, type, dims, values);
}

static BnfuseOnnx__AttributeProto *add_attribute(struct build *b, BnfuseOnnx__NodeProto *node, const char *name,
                                                 int type)
{
    BnfuseOnnx__AttributeProto *attribute = MESSAGE(b, AttributeProto, ATTRIBUTE_PROTO);
    attribute->name = copy(b, name);
    attribute->has_type = true;
    attribute->type = (BnfuseOnnx__AttributeProto__AttributeType)type;
    append(b, &node->attribute, &node->n_attribute, attribute);
    return attribute;
}

#define TYPE(name) BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##name

static bool is_number_list(const char *text)
{
    return *text && strspn(text, "0123456789.,+-e") == strlen(text) && strspn(text, "e.,") < strlen(text);
}

static void add_list(struct build *b, BnfuseOnnx__NodeProto *node, const char *name, const char *text)
{
    bool real = strpbrk(text, ".e") != NULL;
    BnfuseOnnx__AttributeProto *attribute = add_attribute(b, node, name, real ? TYPE(FLOATS) : TYPE(INTS));
    if (!real) {
        attribute->ints = whole_list(b, text, &attribute->n_ints);
        return;
    }
    attribute->floats = NEW_ARRAY(&b->arena, float, strlen(text));
    for (char *piece; (piece = next_piece(b, &text, ','));)
        attribute->floats[attribute->n_floats++] = strtof(piece, NULL);
}

static void add_value(struct build *b, BnfuseOnnx__NodeProto *node, const char *name, const char *text)
{
    if (*text == '@') {
        add_attribute(b, node, name, TYPE(UNDEFINED))->ref_attr_name = copy(b, text + 1);
    } else if (*text == '|') {
        BnfuseOnnx__AttributeProto *attribute = add_attribute(b, node, name, TYPE(STRINGS));
        attribute->strings = NEW_ARRAY(&b->arena, ProtobufCBinaryData, strlen(text));
        text++;
        for (char *piece; (piece = next_piece(b, &text, '|'));)
            attribute->strings[attribute->n_strings++] = (ProtobufCBinaryData){ strlen(piece), (uint8_t *)piece };
    } else if (is_number_list(text) && strchr(text, ',')) {
        add_list(b, node, name, text);
    } else if (is_size(text)) {
        BnfuseOnnx__AttributeProto *attribute = add_attribute(b, node, name, TYPE(INT));
        attribute->has_i = true;
        attribute->i = strtoll(text, NULL, 10);
    } else if (is_number_list(text)) {
        BnfuseOnnx__AttributeProto *attribute = add_attribute(b, node, name, TYPE(FLOAT));
        attribute->has_f = true;
        attribute->f = strtof(text, NULL);
    } else {
        BnfuseOnnx__AttributeProto *attribute = add_attribute(b, node, name, TYPE(STRING));
        attribute->has_s = true;
        attribute->s = (ProtobufCBinaryData){ strlen(text), (uint8_t *)copy(b, text) };
    }
}

static void add_attributes(struct build *b, BnfuseOnnx__NodeProto *node, const char *text)
{
    for (char *piece; (piece = next_piece(b, &text, ' '));) {
        char *equals = strchr(piece, '=');
        assert_non_null(equals);
        *equals = 0;
        add_value(b, node, piece, equals + 1);
    }
}

static void add_names(struct build *b, void *field, size_t *count, const char *text)
{
    for (char *piece; (piece = next_piece(b, &text, ' '));)
        append(b, field, count, strcmp(piece, "_") ? piece : copy(b, ""));
}

BnfuseOnnx__NodeProto *build_node(struct build *b, const char *op, const char *name, const char *inputs,
                                  const char *outputs, const char *attributes)
{
    struct build_scope *scope = b->scope;
    BnfuseOnnx__NodeProto *node = MESSAGE(b, NodeProto, NODE_PROTO);
    node->op_type = copy(b, op);
    node->name = copy(b, name);
    add_names(b, &node->input, &node->n_input, inputs);
    add_names(b, &node->output, &node->n_output, outputs);
    add_attributes(b, node, attributes);
    if (scope->function) append(b, &scope->function->node, &scope->function->n_node, node);
    else append(b, &scope->graph->node, &scope->graph->n_node, node);
    scope->last = node;
    return node;
}

void build_attribute_tensor(struct build *b, const char *name, BnfuseOnnx__TensorProto *tensor)
{
    add_attribute(b, b->scope->last, name, TYPE(TENSOR))->t = tensor;
}

void build_body(struct build *b, const char *attribute)
{
    BnfuseOnnx__GraphProto *graph = MESSAGE(b, GraphProto, GRAPH_PROTO);
    graph->name = copy(b, attribute);
    add_attribute(b, b->scope->last, attribute, TYPE(GRAPH))->g = graph;
    open_scope(b, graph, NULL);
}

void build_function(struct build *b, const char *domain, const char *name, const char *inputs, const char *outputs,
                    const char *attributes)
{
    BnfuseOnnx__FunctionProto *function = MESSAGE(b, FunctionProto, FUNCTION_PROTO);
    function->domain = copy(b, domain);
    function->name = copy(b, name);
    add_names(b, &function->input, &function->n_input, inputs);
    add_names(b, &function->output, &function->n_output, outputs);
    add_names(b, &function->attribute, &function->n_attribute, attributes);
    append(b, &b->model->functions, &b->model->n_functions, function);
    open_scope(b, NULL, function);
}

void build_end(struct build *b)
{
    b->scope = b->scope->outer;
}

const void *build_bytes(struct build *b, size_t *size)
{
    *size = bnfuse_onnx__model_proto__get_packed_size(b->model);
    void *bytes = arena_alloc(&b->arena, *size);
    bnfuse_onnx__model_proto__pack(b->model, bytes);
    return bytes;
}

bool build_try_load(struct build *b, struct model *model, struct net *net, struct bnfuse_error *error)
{
    size_t size;
    const void *bytes = build_bytes(b, &size);
    return model_read(model, &b->arena, "built", bytes, size, error) && net_index(net, &b->arena, model, error);
}

void build_load(struct build *b, struct model *model, struct net *net)
{
    struct bnfuse_error error;
    if (!build_try_load(b, model, net, &error)) fail_msg("%s", error.message);
}

struct node *build_find_node(const struct net *net, const char *name)
{
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));) {
        struct value *value = graph_value(graph, name);
        if (value && value->writer) return value->writer;
        for (struct node *node = graph->first; node; node = node->next)
            if (node->proto->name && !strcmp(node->proto->name, name)) return node;
    }
    fail_msg("no node \"%s\"", name);
    return NULL;
}

struct value *build_find_value(const struct net *net, const char *name)
{
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));) {
        struct value *value = graph_value(graph, name);
        if (value) return value;
    }
    fail_msg("no value \"%s\"", name);
    return NULL;
}
