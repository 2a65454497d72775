/* SPDX-License-Identifier: Apache-2.0
 *
 * Changing the messages of a model. See draft.h. */
#include "draft.h"

#include <string.h>

static void *take(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void leave(void *arena, void *block)
{
    (void)arena;
    (void)block;
}

bool draft_open(struct draft *draft, struct arena *arena, const void *bytes, size_t size, uint64_t seed)
{
    ProtobufCAllocator *allocator = NEW(arena, ProtobufCAllocator);
    *allocator = (ProtobufCAllocator){ take, leave, arena };
    *draft = (struct draft){ .arena = arena, .state = seed * 2 + 1, .what = "" };
    draft->model = bnfuse_onnx__model_proto__unpack(allocator, size, bytes);
    if (draft->model) draft->graph = draft->model->graph;
    return draft->graph != NULL;
}

const void *draft_pack(const struct draft *draft, size_t *size)
{
    *size = bnfuse_onnx__model_proto__get_packed_size(draft->model);
    void *bytes = arena_alloc(draft->arena, *size);
    bnfuse_onnx__model_proto__pack(draft->model, bytes);
    return bytes;
}

uint64_t draft_random(struct draft *draft, uint64_t below)
{
    uint64_t z = draft->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return below ? (z >> 8) % below : 0;
}

char *draft_name(struct draft *draft, const char *stem)
{
    return arena_printf(draft->arena, "%s_pair%zu", stem, draft->names++);
}

int64_t draft_opset(const struct draft *draft)
{
    for (size_t i = 0; i < draft->model->n_opset_import; i++) {
        const char *domain = draft->model->opset_import[i]->domain;
        if (!domain || !*domain || strcmp(domain, "ai.onnx") == 0) return draft->model->opset_import[i]->version;
    }
    return 0;
}

bool node_op(const node_proto *node, const char *op)
{
    return strcmp(node->op_type, op) == 0 && (!node->domain || !*node->domain);
}

size_t node_place(const struct draft *draft, const node_proto *node)
{
    size_t i = 0;
    while (draft->graph->node[i] != node) i++;
    return i;
}

node_proto *draft_choose(struct draft *draft, const char *op, bool (*fits)(struct draft *draft, const node_proto *node))
{
    size_t count = draft->graph->n_node, start = count ? draft_random(draft, count) : 0;
    for (size_t i = 0; i < count; i++) {
        node_proto *node = draft->graph->node[(start + i) % count];
        if (op && !node_op(node, op)) continue;
        if (fits && !fits(draft, node)) continue;
        draft->what = arena_printf(draft->arena, "%s -> %s", node->op_type, node->n_output ? node->output[0] : "");
        return node;
    }
    return NULL;
}

static char **copy_names(struct draft *draft, const char *const *names, size_t *count)
{
    for (*count = 0; names[*count];) ++*count;
    char **copies = NEW_ARRAY(draft->arena, char *, *count);
    for (size_t i = 0; i < *count; i++) copies[i] = arena_copy_text(draft->arena, names[i]);
    return copies;
}

node_proto *draft_insert(struct draft *draft, size_t at, const char *op, const char *const *inputs,
                         const char *const *outputs)
{
    BnfuseOnnx__GraphProto *graph = draft->graph;
    node_proto *node = NEW(draft->arena, node_proto), **list = NEW_ARRAY(draft->arena, node_proto *, graph->n_node + 1);
    bnfuse_onnx__node_proto__init(node);
    node->op_type = arena_copy_text(draft->arena, op);
    node->input = copy_names(draft, inputs, &node->n_input);
    node->output = copy_names(draft, outputs, &node->n_output);
    memcpy(list, graph->node, at * sizeof *list);
    memcpy(list + at + 1, graph->node + at, (graph->n_node - at) * sizeof *list);
    list[at] = node;
    graph->node = list;
    graph->n_node++;
    return node;
}

BnfuseOnnx__GraphProto *add_body(struct draft *draft, node_proto *node, const char *name)
{
    attribute_proto *attribute = make_attribute(draft, node, name);
    attribute->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
    attribute->g = NEW(draft->arena, BnfuseOnnx__GraphProto);
    bnfuse_onnx__graph_proto__init(attribute->g);
    attribute->g->name = arena_copy_text(draft->arena, name);
    return attribute->g;
}

void body_value(struct draft *draft, bool is_input, const char *name, int type)
{
    typedef BnfuseOnnx__ValueInfoProto value_proto;
    BnfuseOnnx__GraphProto *graph = draft->graph;
    value_proto ***list = is_input ? &graph->input : &graph->output;
    size_t *count = is_input ? &graph->n_input : &graph->n_output;
    value_proto **longer = NEW_ARRAY(draft->arena, value_proto *, *count + 1);
    value_proto *value = NEW(draft->arena, value_proto);
    if (*count) memcpy(longer, *list, *count * sizeof *longer);
    bnfuse_onnx__value_info_proto__init(value);
    value->name = arena_copy_text(draft->arena, name);
    value->type = NEW(draft->arena, BnfuseOnnx__TypeProto);
    bnfuse_onnx__type_proto__init(value->type);
    value->type->value_case = BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    value->type->tensor_type = NEW(draft->arena, BnfuseOnnx__TypeProto__Tensor);
    bnfuse_onnx__type_proto__tensor__init(value->type->tensor_type);
    value->type->tensor_type->has_elem_type = 1;
    value->type->tensor_type->elem_type = type;
    longer[(*count)++] = value;
    *list = longer;
}

void draft_remove(struct draft *draft, size_t at)
{
    BnfuseOnnx__GraphProto *graph = draft->graph;
    memmove(graph->node + at, graph->node + at + 1, (--graph->n_node - at) * sizeof *graph->node);
}

void set_input(struct draft *draft, node_proto *node, size_t slot, const char *name)
{
    if (slot >= node->n_input) {
        char **list = NEW_ARRAY(draft->arena, char *, slot + 1);
        for (size_t i = 0; i <= slot; i++)
            list[i] = i < node->n_input ? node->input[i] : arena_copy_text(draft->arena, "");
        node->input = list;
        node->n_input = slot + 1;
    }
    node->input[slot] = arena_copy_text(draft->arena, name);
}

void redirect_readers(struct draft *draft, const char *from, const char *to)
{
    for (size_t i = 0; i < draft->graph->n_node; i++)
        for (size_t k = 0; k < draft->graph->node[i]->n_input; k++)
            if (strcmp(draft->graph->node[i]->input[k], from) == 0)
                draft->graph->node[i]->input[k] = arena_copy_text(draft->arena, to);
}

static void rename_in(struct draft *draft, BnfuseOnnx__GraphProto *graph, const char *from, char *to)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        node_proto *node = graph->node[i];
        for (size_t k = 0; k < node->n_input; k++)
            if (strcmp(node->input[k], from) == 0) node->input[k] = to;
        for (size_t k = 0; k < node->n_output; k++)
            if (strcmp(node->output[k], from) == 0) node->output[k] = to;
        for (size_t k = 0; k < node->n_attribute; k++)
            if (node->attribute[k]->g) rename_in(draft, node->attribute[k]->g, from, to);
    }
    for (size_t i = 0; i < graph->n_initializer; i++)
        if (strcmp(graph->initializer[i]->name, from) == 0) graph->initializer[i]->name = to;
    BnfuseOnnx__ValueInfoProto **lists[] = { graph->input, graph->output, graph->value_info };
    size_t counts[] = { graph->n_input, graph->n_output, graph->n_value_info };
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < counts[i]; k++)
            if (strcmp(lists[i][k]->name, from) == 0) lists[i][k]->name = to;
}

void rename_value(struct draft *draft, const char *from, const char *to)
{
    rename_in(draft, draft->graph, arena_copy_text(draft->arena, from), arena_copy_text(draft->arena, to));
}

static size_t count_in(const BnfuseOnnx__GraphProto *graph, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->n_node; i++) {
        const node_proto *node = graph->node[i];
        for (size_t k = 0; k < node->n_input; k++) count += strcmp(node->input[k], name) == 0;
        for (size_t k = 0; k < node->n_attribute; k++)
            if (node->attribute[k]->g) count += count_in(node->attribute[k]->g, name);
    }
    for (size_t i = 0; i < graph->n_output; i++) count += strcmp(graph->output[i]->name, name) == 0;
    return count;
}

size_t count_readers(const struct draft *draft, const char *name)
{
    return count_in(draft->graph, name);
}

node_proto *writer_of(const struct draft *draft, const char *name)
{
    for (size_t i = 0; i < draft->graph->n_node; i++)
        for (size_t k = 0; k < draft->graph->node[i]->n_output; k++)
            if (*name && strcmp(draft->graph->node[i]->output[k], name) == 0) return draft->graph->node[i];
    return NULL;
}

bool is_graph_output(const struct draft *draft, const char *name)
{
    for (size_t i = 0; i < draft->graph->n_output; i++)
        if (strcmp(draft->graph->output[i]->name, name) == 0) return true;
    return false;
}

bool is_graph_input(const struct draft *draft, const char *name)
{
    for (size_t i = 0; i < draft->graph->n_input; i++)
        if (strcmp(draft->graph->input[i]->name, name) == 0) return true;
    return false;
}

/* ---- attributes ---- */

attribute_proto *find_attribute(const node_proto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(node->attribute[i]->name, name) == 0) return node->attribute[i];
    return NULL;
}

attribute_proto *make_attribute(struct draft *draft, node_proto *node, const char *name)
{
    attribute_proto *attribute = find_attribute(node, name);
    if (attribute) return attribute;
    attribute_proto **list = NEW_ARRAY(draft->arena, attribute_proto *, node->n_attribute + 1);
    if (node->n_attribute) memcpy(list, node->attribute, node->n_attribute * sizeof *list);
    attribute = list[node->n_attribute++] = NEW(draft->arena, attribute_proto);
    node->attribute = list;
    bnfuse_onnx__attribute_proto__init(attribute);
    attribute->name = arena_copy_text(draft->arena, name);
    attribute->has_type = 1;
    return attribute;
}

void set_int(struct draft *draft, node_proto *node, const char *name, int64_t value)
{
    attribute_proto *attribute = make_attribute(draft, node, name);
    attribute->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    attribute->has_i = 1;
    attribute->i = value;
}

void set_real(struct draft *draft, node_proto *node, const char *name, float value)
{
    attribute_proto *attribute = make_attribute(draft, node, name);
    attribute->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    attribute->has_f = 1;
    attribute->f = value;
}

void set_list(struct draft *draft, node_proto *node, const char *name, size_t count, const int64_t *values)
{
    attribute_proto *attribute = make_attribute(draft, node, name);
    attribute->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    attribute->ints = NEW_ARRAY(draft->arena, int64_t, count);
    memcpy(attribute->ints, values, count * sizeof *values);
    attribute->n_ints = count;
}

void set_text(struct draft *draft, node_proto *node, const char *name, const char *text)
{
    attribute_proto *attribute = make_attribute(draft, node, name);
    attribute->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
    attribute->has_s = 1;
    attribute->s.data = (uint8_t *)arena_copy_text(draft->arena, text);
    attribute->s.len = strlen(text);
}

/* ---- numbers ---- */

float *numbers_of(const struct draft *draft, const char *name, size_t *count, tensor_proto **tensor)
{
    for (size_t i = 0; i < draft->graph->n_initializer; i++) {
        tensor_proto *found = draft->graph->initializer[i];
        if (strcmp(found->name, name) != 0) continue;
        if (found->data_type != BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT) return NULL;
        *tensor = found;
        *count = found->has_raw_data ? found->raw_data.len / sizeof(float) : found->n_float_data;
        return found->has_raw_data ? (float *)found->raw_data.data : found->float_data;
    }
    return NULL;
}

int64_t *whole_of(const struct draft *draft, const char *name)
{
    for (size_t i = 0; i < draft->graph->n_initializer; i++) {
        const tensor_proto *found = draft->graph->initializer[i];
        if (strcmp(found->name, name) != 0) continue;
        bool fits = found->data_type == BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__INT64 && found->raw_data.len >= 8;
        return fits ? (int64_t *)(void *)found->raw_data.data : NULL;
    }
    return NULL;
}

static tensor_proto *add_tensor(struct draft *draft, const char *name, int type, size_t rank, const int64_t *dims)
{
    BnfuseOnnx__GraphProto *graph = draft->graph;
    tensor_proto **list = NEW_ARRAY(draft->arena, tensor_proto *, graph->n_initializer + 1);
    if (graph->n_initializer) memcpy(list, graph->initializer, graph->n_initializer * sizeof *list);
    tensor_proto *tensor = list[graph->n_initializer++] = NEW(draft->arena, tensor_proto);
    graph->initializer = list;
    bnfuse_onnx__tensor_proto__init(tensor);
    tensor->name = arena_copy_text(draft->arena, name);
    tensor->has_data_type = 1;
    tensor->data_type = type;
    tensor->n_dims = rank;
    tensor->dims = NEW_ARRAY(draft->arena, int64_t, rank);
    if (rank) memcpy(tensor->dims, dims, rank * sizeof *dims);
    tensor->has_raw_data = 1;
    return tensor;
}

static void set_bytes(struct draft *draft, tensor_proto *tensor, const void *bytes, size_t size)
{
    tensor->raw_data.data = arena_alloc(draft->arena, size);
    tensor->raw_data.len = size;
    if (size) memcpy(tensor->raw_data.data, bytes, size);
}

tensor_proto *add_numbers(struct draft *draft, const char *name, size_t rank, const int64_t *dims, const float *values)
{
    size_t count = 1;
    for (size_t i = 0; i < rank; i++) count *= (size_t)dims[i];
    tensor_proto *tensor = add_tensor(draft, name, BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, rank, dims);
    set_bytes(draft, tensor, values, count * sizeof *values);
    return tensor;
}

tensor_proto *add_whole(struct draft *draft, const char *name, size_t count, const int64_t *values)
{
    const int64_t dims[] = { (int64_t)count };
    tensor_proto *tensor = add_tensor(draft, name, BNFUSE_ONNX__TENSOR_PROTO__DATA_TYPE__INT64, 1, dims);
    set_bytes(draft, tensor, values, count * sizeof *values);
    return tensor;
}
