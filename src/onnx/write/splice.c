/* SPDX-License-Identifier: Apache-2.0
 *
 * The index spliced into the bytes it was read from. A part of the file is `touched` when it cannot be copied as it is:
 * a graph that differs from its index, a tensor that moves to the data file, and whatever holds one of these. */
#include "onnx/write/splice.h"

#include "base/pointer_map.h"
#include "onnx/read/external.h"
#include "onnx/write/as_read.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 4096 }; /* of tensors in a data file, so that they can be mapped */

/* Field numbers: of GraphProto, of a FunctionProto's nodes, and of what is in a node. */
enum {
    GRAPH_NODE = 1,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    FUNCTION_NODE = 7,
    NODE_ATTRIBUTE = 5,
    ATTRIBUTE_TENSOR = 5,
    TENSOR_RAW_DATA = 9,
    TENSOR_STRING_DATA = 6
};

struct splice {
    const struct net *net;
    const struct model *model;
    struct arena *arena;
    struct arena *scratch; /* until the fields of one message are packed */
    struct extents *out;
    struct side_data *side;
    bool *touched;             /* by index of the part */
    uint32_t *parents;         /* likewise */
    struct pointer_map graphs; /* GraphProto or FunctionProto -> the graph over it, if that differs */
    struct node **nodes;       /* by index of the part; NULL: not of those graphs, or no more in one */
    struct pointer_map values; /* TensorProto or SparseTensorProto of an initializer -> its value, likewise */
    struct bnfuse_error *error;
};

/* A graph being written. */
struct graph_splice {
    struct splice *splice;
    const struct graph *graph;
    struct node *node;    /* the first that is not written yet */
    size_t input, output; /* likewise */
    const char **gone;    /* names that were written, stored or read in and are no more; sorted */
    size_t gone_count, gone_room;
};

static size_t part_index(const struct splice *splice, const struct part *part)
{
    return (size_t)(part - splice->model->parts);
}

/* ---- what differs ---------------------------------------------------------------------------------------------- */

static void touch(struct splice *splice, const struct part *part)
{
    for (size_t i = part_index(splice, part); !splice->touched[i]; i = splice->parents[i]) splice->touched[i] = true;
}

/* A function that an edit dropped is left out. */
static void note_dropped(struct splice *splice)
{
    for (size_t i = 0; i < splice->net->function_count; i++) {
        struct graph *body = splice->net->functions[i];
        const struct part *part = body->is_dropped ? model_part(splice->model, body->function) : NULL;
        if (!part) continue;
        pointer_map_set(&splice->graphs, body->function, body);
        touch(splice, part);
    }
}

static void note_differences(struct splice *splice)
{
    note_dropped(splice);
    for (struct graph *graph = NULL; (graph = net_next_graph(splice->net, graph));) {
        const void *message = graph->proto ? (const void *)graph->proto : graph->function;
        const struct part *part = model_part(splice->model, message);
        if (!part || graph_is_as_read(splice->model, graph)) continue;
        pointer_map_set(&splice->graphs, message, graph);
        touch(splice, part);
        for (struct node *node = graph->first; node; node = node->next) {
            const struct part *own = node->is_edited ? NULL : model_part(splice->model, node->proto);
            if (own) splice->nodes[part_index(splice, own)] = node;
        }
        for (size_t i = 0; i < graph->initializer_count; i++) {
            const void *own = initializer_as_read(graph->initializers[i]);
            if (own) pointer_map_set(&splice->values, own, graph->initializers[i]);
        }
    }
}

static void find_parents(struct splice *splice)
{
    const struct part *parts = splice->model->parts;
    for (size_t i = 0; i < splice->model->part_count; i++) {
        const struct part *end = part_next(parts, &parts[i]);
        for (const struct part *child = &parts[i + 1]; child < end; child = part_next(parts, child))
            splice->parents[part_index(splice, child)] = (uint32_t)i;
    }
}

/* ---- the data file --------------------------------------------------------------------------------------------- */

static bool is_large(const struct tensor *tensor, int64_t *bytes)
{
    return tensor->type != DTYPE_STRING && dtype_bytes(tensor->type, tensor->count, bytes) && *bytes >= WIRE_PAYLOAD;
}

static void touch_externals(struct splice *splice)
{
    for (size_t i = 0; i < splice->model->part_count; i++) {
        const struct part *part = &splice->model->parts[i];
        if (part->message->descriptor != &bnfuse_onnx__tensor_proto__descriptor) continue;
        const BnfuseOnnx__TensorProto *tensor = (const BnfuseOnnx__TensorProto *)part->message;
        if (tensor_is_external(tensor) && tensor->data_type != DTYPE_STRING) touch(splice, part);
    }
}

static void touch_large(struct splice *splice)
{
    for (struct graph *graph = NULL; (graph = net_next_graph(splice->net, graph));)
        for (size_t i = 0; i < graph->initializer_count; i++) {
            const struct value *value = graph->initializers[i];
            const struct part *part = model_part(splice->model, value->proto);
            int64_t bytes;
            if (part && is_large(value->initializer, &bytes)) touch(splice, part);
        }
}

static BnfuseOnnx__StringStringEntryProto *new_entry(struct arena *arena, const char *key, const char *value)
{
    BnfuseOnnx__StringStringEntryProto *entry = NEW(arena, BnfuseOnnx__StringStringEntryProto);
    bnfuse_onnx__string_string_entry_proto__init(entry);
    entry->key = (char *)key;
    entry->value = (char *)value;
    return entry;
}

/* Appends the tensor's bytes to the data file and makes `proto` say so. */
static void move_to_side(struct splice *splice, BnfuseOnnx__TensorProto *proto, const struct tensor *tensor,
                         uint64_t bytes)
{
    struct extents *data = &splice->side->extents;
    extents_add_zeros(data, (ALIGNMENT - data->size % ALIGNMENT) % ALIGNMENT);
    proto->has_data_location = true;
    proto->data_location = BNFUSE_ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    proto->n_external_data = 3;
    proto->external_data = NEW_ARRAY(splice->arena, BnfuseOnnx__StringStringEntryProto *, 3);
    proto->external_data[0] = new_entry(splice->arena, "location", splice->side->location);
    proto->external_data[1] =
        new_entry(splice->arena, "offset", arena_printf(splice->arena, "%llu", (unsigned long long)data->size));
    proto->external_data[2] =
        new_entry(splice->arena, "length", arena_printf(splice->arena, "%llu", (unsigned long long)bytes));
    extents_add_tensor(data, tensor, bytes);
    splice->side->count++;
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

static bool add_message(struct splice *splice, uint32_t field, const ProtobufCMessage *message);

static void add_run(struct splice *splice, uint64_t start, uint64_t end)
{
    extents_add_run(splice->out, splice->model, start, end - start);
}

static void add_part(struct splice *splice, const struct part *part)
{
    add_run(splice, part->start, part_end(part));
}

/* The fields of a message without its tag and length. */
static void add_packed(struct splice *splice, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(splice->arena, size);
    protobuf_c_message_pack(message, bytes);
    extents_add_bytes(splice->out, bytes, size);
}

/* In scratch memory. */
static ProtobufCMessage *copy_message(struct splice *splice, const ProtobufCMessage *message)
{
    size_t size = message->descriptor->sizeof_message;
    return memcpy(arena_alloc(splice->scratch, size), message, size);
}

/* Whether messages of this kind may be parts, or hold some. */
static bool may_hold_parts(const ProtobufCFieldDescriptor *field)
{
    const void *kind = field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
    return kind == &bnfuse_onnx__attribute_proto__descriptor || kind == &bnfuse_onnx__graph_proto__descriptor
           || kind == &bnfuse_onnx__node_proto__descriptor || kind == &bnfuse_onnx__tensor_proto__descriptor
           || kind == &bnfuse_onnx__sparse_tensor_proto__descriptor;
}

/* A message that the file does not hold. What it took over from the file is spliced in turn: the large weights among
 * it are not in memory. */
static bool add_new_fields(struct splice *splice, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    ProtobufCMessage *rest = copy_message(splice, message);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (!may_hold_parts(field)) continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) *(size_t *)((char *)rest + field->quantifier_offset) = 0;
        else *(ProtobufCMessage **)((char *)rest + field->offset) = NULL;
    }
    add_packed(splice, rest);
    arena_clear(splice->scratch);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        const char *member = (const char *)message + field->offset;
        if (!may_hold_parts(field)) continue;
        bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
        size_t count = repeated ? *(const size_t *)((const char *)message + field->quantifier_offset)
                                : *(ProtobufCMessage *const *)member != NULL;
        ProtobufCMessage *const *items =
            repeated ? *(ProtobufCMessage * *const *)member : (ProtobufCMessage *const *)member;
        for (size_t k = 0; k < count; k++)
            if (!add_message(splice, field->id, items[k])) return false;
    }
    return true;
}

/* A tensor of the file that moves to the data file. What stood in it besides the data stays. */
static bool add_moved_tensor(struct splice *splice, uint32_t field, const BnfuseOnnx__TensorProto *tensor)
{
    int64_t bytes;
    struct tensor *data = NEW(splice->arena, struct tensor);
    if (!tensor_from_proto(data, splice->arena, splice->model, tensor, splice->error)) return false;
    bool sized = dtype_bytes(data->type, data->count, &bytes);
    assert(sized);
    (void)sized;
    BnfuseOnnx__TensorProto head = *tensor;
    head.has_raw_data = false;
    head.n_float_data = head.n_int32_data = head.n_int64_data = head.n_double_data = head.n_uint64_data = 0;
    move_to_side(splice, &head, data, (uint64_t)bytes);
    struct open_message message = extents_begin(splice->out, field);
    add_packed(splice, &head.base);
    extents_end(splice->out, message);
    return true;
}

static bool add_graph_fields(struct splice *splice, const struct graph *graph, const struct part *part);

/* A part of the file that was touched. */
static bool add_touched(struct splice *splice, const struct part *part)
{
    const struct part *parts = splice->model->parts;
    const struct part *end = part_next(parts, part);
    uint64_t at = part_content(part);
    if (part->message->descriptor == &bnfuse_onnx__tensor_proto__descriptor)
        return add_moved_tensor(splice, part->field, (const BnfuseOnnx__TensorProto *)part->message);
    const struct graph *graph = pointer_map_get(&splice->graphs, part->message);
    struct open_message message = { 0 };
    if (graph && graph->is_dropped) return true;
    if (part->head) message = extents_begin(splice->out, part->field);
    if (graph) {
        if (!add_graph_fields(splice, graph, part)) return false;
    } else {
        for (const struct part *child = part + 1; child < end; child = part_next(parts, child)) {
            add_run(splice, at, child->start);
            if (!add_message(splice, child->field, child->message)) return false;
            at = part_end(child);
        }
        add_run(splice, at, part_end(part));
    }
    if (part->head) extents_end(splice->out, message);
    return true;
}

static bool add_message(struct splice *splice, uint32_t field, const ProtobufCMessage *message)
{
    const struct part *part = model_part(splice->model, message);
    if (part && splice->touched[part_index(splice, part)]) return add_touched(splice, part);
    if (part) {
        assert(part->field == field);
        add_part(splice, part);
        return true;
    }
    struct open_message open = extents_begin(splice->out, field);
    if (!add_new_fields(splice, message)) return false;
    extents_end(splice->out, open);
    return true;
}

/* ---- graphs: what is no more ----------------------------------------------------------------------------------- */

/* Whether something still writes it, stores it or passes it in. */
static bool is_live(const struct graph *graph, const char *name)
{
    const struct value *value = graph_value(graph, name);
    return value && value_is_defined(value);
}

static void note_gone(struct graph_splice *gs, const char *name)
{
    struct arena *arena = gs->splice->arena;
    if (!name || !*name || is_live(gs->graph, name)) return;
    if (gs->gone_count == gs->gone_room) {
        size_t room = gs->gone_room ? gs->gone_room * 2 : 64;
        gs->gone = arena_grow(arena, gs->gone, gs->gone_count, room, sizeof *gs->gone);
        gs->gone_room = room;
    }
    gs->gone[gs->gone_count++] = name;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_gone(const struct graph_splice *gs, const char *name)
{
    return name && gs->gone_count && bsearch(&name, gs->gone, gs->gone_count, sizeof *gs->gone, compare_names);
}

static bool has_declarations(const struct graph *graph)
{
    const BnfuseOnnx__GraphProto *proto = graph->proto;
    return proto ? proto->n_value_info || proto->n_quantization_annotation : graph->function->n_value_info;
}

/* Declarations of what is gone must go too; those of names that the file never defined are not ours to judge. */
static void find_gone(struct graph_splice *gs)
{
    const BnfuseOnnx__GraphProto *proto = gs->graph->proto;
    if (!has_declarations(gs->graph)) return;
    BnfuseOnnx__NodeProto *const *nodes = proto ? proto->node : gs->graph->function->node;
    size_t node_count = proto ? proto->n_node : gs->graph->function->n_node;
    for (size_t i = 0; i < node_count; i++)
        for (size_t k = 0; k < nodes[i]->n_output; k++) note_gone(gs, nodes[i]->output[k]);
    for (size_t i = 0; proto && i < proto->n_input; i++) note_gone(gs, proto->input[i]->name);
    for (size_t i = 0; proto && i < proto->n_initializer; i++) note_gone(gs, proto->initializer[i]->name);
    for (size_t i = 0; proto && i < proto->n_sparse_initializer; i++)
        note_gone(gs, proto->sparse_initializer[i]->values->name);
    if (gs->gone_count) qsort(gs->gone, gs->gone_count, sizeof *gs->gone, compare_names);
}

/* ---- graphs: nodes --------------------------------------------------------------------------------------------- */

static uint32_t node_field(const struct graph *graph)
{
    return graph->function ? FUNCTION_NODE : GRAPH_NODE;
}

static char **list_names(struct splice *splice, size_t count)
{
    return NEW_ARRAY(splice->scratch, char *, count);
}

/* Bodies that several nodes have from one place of the file are each written as its node's. */
static void choose_bodies(struct splice *splice, const struct node *node)
{
    for (size_t i = 0; i < node->inner_count; i++)
        if (pointer_map_get(&splice->graphs, node->inner[i]->proto))
            pointer_map_set(&splice->graphs, node->inner[i]->proto, node->inner[i]);
}

static bool add_node(struct graph_splice *gs, const struct node *node)
{
    struct splice *splice = gs->splice;
    uint32_t field = node_field(gs->graph);
    if (node_is_as_read(splice->model, node)) return add_message(splice, field, &node->proto->base);
    BnfuseOnnx__NodeProto proto = *node->proto;
    choose_bodies(splice, node);
    proto.n_input = node->input_count;
    proto.input = list_names(splice, node->input_count);
    for (size_t i = 0; i < node->input_count; i++) proto.input[i] = (char *)name_of(node->inputs[i].value);
    proto.n_output = node->output_count;
    proto.output = list_names(splice, node->output_count);
    for (size_t i = 0; i < node->output_count; i++) proto.output[i] = (char *)name_of(node->outputs[i]);
    return add_message(splice, field, &proto.base);
}

/* Every node up to and with `last` (NULL: to the end): new ones stand in the list where they belong. */
static bool add_nodes(struct graph_splice *gs, const struct node *last)
{
    while (gs->node) {
        const struct node *node = gs->node;
        gs->node = node->next;
        if (!add_node(gs, node)) return false;
        if (node == last) break;
    }
    return true;
}

/* ---- graphs: initializers and declarations --------------------------------------------------------------------- */

static void add_strings(struct splice *splice, const struct tensor *tensor)
{
    for (int64_t i = 0; i < tensor->count; i++) {
        struct open_message message = extents_begin(splice->out, TENSOR_STRING_DATA);
        extents_add_bytes(splice->out, tensor->strings[i], strlen(tensor->strings[i]));
        extents_end(splice->out, message);
    }
}

static void add_new_tensor(struct splice *splice, uint32_t field, const struct value *value)
{
    const struct tensor *tensor = value->initializer;
    BnfuseOnnx__TensorProto head = BNFUSE_ONNX__TENSOR_PROTO__INIT;
    int64_t bytes = 0;
    bool large = is_large(tensor, &bytes);
    bool moves = splice->side->location && large && (splice->side->new_large || splice->side->all_large);
    head.name = (char *)value->name;
    head.has_data_type = true;
    head.data_type = (int32_t)tensor->type;
    head.n_dims = (size_t)tensor->rank;
    head.dims = (int64_t *)tensor->dims;
    if (moves) move_to_side(splice, &head, tensor, (uint64_t)bytes);
    struct open_message message = extents_begin(splice->out, field), data;
    add_packed(splice, &head.base);
    if (tensor->type == DTYPE_STRING) {
        add_strings(splice, tensor);
    } else if (!moves) {
        data = extents_begin(splice->out, TENSOR_RAW_DATA);
        extents_add_tensor(splice->out, tensor, (uint64_t)bytes);
        extents_end(splice->out, data);
    }
    extents_end(splice->out, message);
}

/* New constants that cannot be initializers are Constant nodes before all others. */
static void add_constant_nodes(struct splice *splice, const struct graph *graph)
{
    for (size_t i = 0; i < graph->initializer_count; i++) {
        const struct value *value = graph->initializers[i];
        if (!value_becomes_literal(value)) continue;
        BnfuseOnnx__NodeProto node = BNFUSE_ONNX__NODE_PROTO__INIT;
        BnfuseOnnx__AttributeProto attribute = BNFUSE_ONNX__ATTRIBUTE_PROTO__INIT;
        node.op_type = (char *)LITERAL_OPERATOR;
        node.n_output = 1;
        node.output = (char *[]){ (char *)value->name };
        attribute.name = (char *)"value";
        attribute.has_type = true;
        attribute.type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
        struct open_message outer = extents_begin(splice->out, node_field(graph));
        add_packed(splice, &node.base);
        struct open_message inner = extents_begin(splice->out, NODE_ATTRIBUTE);
        add_packed(splice, &attribute.base);
        add_new_tensor(splice, ATTRIBUTE_TENSOR, value);
        extents_end(splice->out, inner);
        extents_end(splice->out, outer);
    }
}

/* An input that declares a new initializer, as IR versions below 4 want it. */
static void add_new_input(struct splice *splice, const struct value *value)
{
    const struct tensor *tensor = value->initializer;
    BnfuseOnnx__ValueInfoProto info = BNFUSE_ONNX__VALUE_INFO_PROTO__INIT;
    BnfuseOnnx__TypeProto type = BNFUSE_ONNX__TYPE_PROTO__INIT;
    BnfuseOnnx__TypeProto__Tensor tensor_type = BNFUSE_ONNX__TYPE_PROTO__TENSOR__INIT;
    BnfuseOnnx__TensorShapeProto shape = BNFUSE_ONNX__TENSOR_SHAPE_PROTO__INIT;
    assert(tensor);
    shape.n_dim = (size_t)tensor->rank;
    shape.dim = NEW_ARRAY(splice->arena, BnfuseOnnx__TensorShapeProto__Dimension *, shape.n_dim);
    for (size_t i = 0; i < shape.n_dim; i++) {
        shape.dim[i] = NEW(splice->arena, BnfuseOnnx__TensorShapeProto__Dimension);
        bnfuse_onnx__tensor_shape_proto__dimension__init(shape.dim[i]);
        shape.dim[i]->value_case = BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        shape.dim[i]->dim_value = tensor->dims[i];
    }
    tensor_type.has_elem_type = true;
    tensor_type.elem_type = (int32_t)tensor->type;
    tensor_type.shape = &shape;
    type.value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type.tensor_type = &tensor_type;
    info.name = (char *)value->name;
    info.type = &type;
    struct open_message message = extents_begin(splice->out, GRAPH_INPUT);
    add_packed(splice, &info.base);
    extents_end(splice->out, message);
}

/* One that is another value now keeps its declared type. */
static bool add_declaration(struct splice *splice, uint32_t field, const BnfuseOnnx__ValueInfoProto *info,
                            const struct value *value)
{
    if (is_name_of(info->name, value)) return add_message(splice, field, &info->base);
    BnfuseOnnx__ValueInfoProto renamed = *info;
    renamed.name = (char *)value->name;
    return add_message(splice, field, &renamed.base);
}

/* Declared types of graph inputs stand in the order of the list; those that an edit took from it are left out. A body
 * keeps all of its own. */
static bool add_input(struct graph_splice *gs, const BnfuseOnnx__ValueInfoProto *info)
{
    const struct graph *graph = gs->graph;
    const struct value *value = gs->input < graph->input_count ? graph->inputs[gs->input] : NULL;
    if (!value || (!graph->owner && !is_name_of(info->name, value))) return true;
    gs->input++;
    return add_declaration(gs->splice, GRAPH_INPUT, info, value);
}

/* Outputs keep their number. */
static bool add_output(struct graph_splice *gs, const BnfuseOnnx__ValueInfoProto *info)
{
    assert(gs->output < gs->graph->output_count);
    return add_declaration(gs->splice, GRAPH_OUTPUT, info, gs->graph->outputs[gs->output++]);
}

static bool annotation_is_gone(const struct graph_splice *gs, const BnfuseOnnx__TensorAnnotation *annotation)
{
    bool gone = is_gone(gs, annotation->tensor_name);
    for (size_t i = 0; i < annotation->n_quant_parameter_tensor_names; i++)
        gone |= is_gone(gs, annotation->quant_parameter_tensor_names[i]->value);
    return gone;
}

/* ---- graphs: in the order of the file -------------------------------------------------------------------------- */

static bool add_child_node(struct graph_splice *gs, const struct part *part)
{
    const struct node *node = gs->splice->nodes[part_index(gs->splice, part)];
    return !node || add_nodes(gs, node);
}

static bool add_child_initializer(struct graph_splice *gs, const struct part *part)
{
    if (!pointer_map_get(&gs->splice->values, part->message)) return true;
    return add_message(gs->splice, part->field, part->message);
}

static bool add_child_info(struct graph_splice *gs, const struct part *part)
{
    const BnfuseOnnx__ValueInfoProto *info =
        declaration(gs->splice->net, (const BnfuseOnnx__ValueInfoProto *)part->message);
    if (!info) return true;
    if (gs->graph->proto && part->field == GRAPH_INPUT) return add_input(gs, info);
    if (gs->graph->proto && part->field == GRAPH_OUTPUT) return add_output(gs, info);
    return is_gone(gs, info->name) || add_message(gs->splice, part->field, &info->base);
}

static bool add_child_annotation(struct graph_splice *gs, const struct part *part)
{
    return annotation_is_gone(gs, (const BnfuseOnnx__TensorAnnotation *)part->message)
           || add_message(gs->splice, part->field, part->message);
}

static bool add_child(struct graph_splice *gs, const struct part *part)
{
    static const struct {
        const ProtobufCMessageDescriptor *kind;
        bool (*add)(struct graph_splice *gs, const struct part *part);
    } rows[] = {
        { &bnfuse_onnx__node_proto__descriptor, add_child_node },
        { &bnfuse_onnx__tensor_proto__descriptor, add_child_initializer },
        { &bnfuse_onnx__sparse_tensor_proto__descriptor, add_child_initializer },
        { &bnfuse_onnx__value_info_proto__descriptor, add_child_info },
        { &bnfuse_onnx__tensor_annotation__descriptor, add_child_annotation },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].kind == part->message->descriptor) return rows[i].add(gs, part);
    return add_message(gs->splice, part->field, part->message);
}

/* What the file does not hold comes last. */
static bool add_rest(struct graph_splice *gs)
{
    const struct graph *graph = gs->graph;
    if (!add_nodes(gs, NULL)) return false;
    for (size_t i = 0; i < graph->initializer_count; i++)
        if (!initializer_as_read(graph->initializers[i]) && !value_becomes_literal(graph->initializers[i]))
            add_new_tensor(gs->splice, GRAPH_INITIALIZER, graph->initializers[i]);
    while (graph->proto && gs->input < graph->input_count) add_new_input(gs->splice, graph->inputs[gs->input++]);
    return true;
}

static bool add_graph_fields(struct splice *splice, const struct graph *graph, const struct part *part)
{
    const struct part *parts = splice->model->parts;
    struct graph_splice gs = { .splice = splice, .graph = graph, .node = graph->first };
    const struct part *end = part_next(parts, part);
    uint64_t at = part_content(part);
    find_gone(&gs);
    add_constant_nodes(splice, graph);
    for (const struct part *child = part + 1; child < end; child = part_next(parts, child)) {
        add_run(splice, at, child->start);
        if (!add_child(&gs, child)) return false;
        at = part_end(child);
    }
    add_run(splice, at, part_end(part));
    return add_rest(&gs);
}

bool splice_net(struct extents *extents, struct side_data *side, const struct net *net, struct arena *arena,
                struct bnfuse_error *error)
{
    struct splice splice = {
        .net = net, .model = net->model, .arena = arena, .out = extents, .side = side, .error = error
    };
    splice.scratch = arena_scratch(arena);
    extents_open(extents, arena);
    extents_open(&side->extents, arena);
    splice.graphs.arena = splice.values.arena = arena;
    splice.touched = NEW_ARRAY(arena, bool, net->model->part_count);
    splice.nodes = NEW_ARRAY(arena, struct node *, net->model->part_count);
    splice.parents = NEW_ARRAY(arena, uint32_t, net->model->part_count);
    find_parents(&splice);
    note_differences(&splice);
    if (side->all_external) touch_externals(&splice);
    if (side->all_large) touch_large(&splice);
    return add_message(&splice, 0, net->model->parts[0].message);
}
