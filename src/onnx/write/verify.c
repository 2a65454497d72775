/* SPDX-License-Identifier: Apache-2.0
 *
 * The index and the messages of the model that was read, beside those of the model that was written. Neither the list
 * of extents nor the code that made it is asked what the new file should say, but for the bytes between its weights. */
#include "onnx/write/verify.h"
#include "base/text.h"

#include "onnx/read/external.h"
#include "onnx/write/elements.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct verify {
    const struct written *written;
    const struct model *old, *new;
    struct arena *arena;
    struct arena *scratch; /* of one tensor */
    struct elements *elements;
    const char *kind, *name; /* of what is being compared: node, tensor, value; for messages */
    struct bnfuse_error *error;
};

static void look_at(struct verify *v, const char *kind, const char *name)
{
    v->kind = kind;
    v->name = text_or_empty(name);
}

static bool differs(struct verify *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes the place of an error of the reader's, too. */
static bool differs(struct verify *v, const char *format, ...)
{
    char what[400];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    return fail(v->error, BNFUSE_INTERNAL,
                "%s: the file as written is not the fused model: %s \"%s\": %s; nothing was written; run again, and "
                "report it if it stays",
                v->written->file->path, v->kind, v->name, what);
}

/* ---- elements -------------------------------------------------------------------------------------------------- */

/* Whether it was held against its elements when it was written, at the place where the reader finds it now. */
static bool was_held(const struct verify *v, const struct tensor *expected, const struct tensor *written)
{
    const struct written *w = v->written;
    if (!written->span.file) return false;
    if (written->span.file->fd == w->file->fd) return extents_held(w->held, written->span.offset, expected);
    return w->data_file && written->span.file->fd == w->data_file->fd
           && extents_held(w->data_held, written->span.offset, expected);
}

static bool same_elements(struct verify *v, const struct tensor *expected, const struct tensor *written)
{
    int64_t at;
    assert(expected->type == written->type); /* the heads were compared before */
    if (expected->count != written->count)
        return differs(v, "%lld elements became %lld", (long long)expected->count, (long long)written->count);
    if (expected->type == DTYPE_STRING) {
        for (int64_t i = 0; i < expected->count; i++)
            if (strcmp(expected->strings[i], written->strings[i]) != 0) return differs(v, "element %lld", (long long)i);
        return true;
    }
    if (was_held(v, expected, written)) return true;
    if (!elements_compare(v->elements, expected, written, 0, expected->count, NULL, &at, v->error)) return false;
    if (at >= 0) return differs(v, "element %lld", (long long)at);
    return true;
}

/* The raw_data of a tensor as it is in its file, or in memory. */
static struct tensor raw_data(const struct model *model, const BnfuseOnnx__TensorProto *proto)
{
    struct tensor raw = { .type = DTYPE_UINT8, .rank = 1 };
    if (model_payload(model, proto, &raw.span)) {
        raw.count = (int64_t)raw.span.size;
    } else {
        raw.count = (int64_t)proto->raw_data.len;
        raw.bytes = proto->raw_data.data;
    }
    return raw;
}

/* ---- messages, field by field ---------------------------------------------------------------------------------- */

static bool same_message(struct verify *v, const ProtobufCMessage *a, const ProtobufCMessage *b);

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static size_t scalar_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return 8;
    default: return 4;
    }
}

static size_t member_size(ProtobufCType type)
{
    if (type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_MESSAGE) return sizeof(void *);
    return type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData) : scalar_size(type);
}

static bool same_value(struct verify *v, const ProtobufCFieldDescriptor *field, const void *a, const void *b)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return same_message(v, *(ProtobufCMessage *const *)a, *(ProtobufCMessage *const *)b);
    bool same;
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        same = same_text(*(char *const *)a, *(char *const *)b);
    } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
        const ProtobufCBinaryData *x = a, *y = b;
        same = x->len == y->len && (!x->len || !memcmp(x->data, y->data, x->len));
    } else {
        same = !memcmp(a, b, scalar_size(field->type));
    }
    if (!same) return differs(v, "its %s", field->name);
    return true;
}

static bool same_list(struct verify *v, const ProtobufCFieldDescriptor *field, const char *a, const char *b)
{
    size_t count = *(const size_t *)(a + field->quantifier_offset), size = member_size(field->type);
    if (count != *(const size_t *)(b + field->quantifier_offset))
        return differs(v, "%zu of %s became %zu", count, field->name, *(const size_t *)(b + field->quantifier_offset));
    const char *list_a = *(char *const *)(a + field->offset), *list_b = *(char *const *)(b + field->offset);
    if (count && field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE
        && field->type != PROTOBUF_C_TYPE_BYTES) {
        if (memcmp(list_a, list_b, count * size) != 0) return differs(v, "its %s", field->name);
        return true;
    }
    for (size_t i = 0; i < count; i++)
        if (!same_value(v, field, list_a + i * size, list_b + i * size)) return false;
    return true;
}

/* Whether a field that may be absent is there. */
static bool is_there(const ProtobufCFieldDescriptor *field, const char *message)
{
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)(message + field->quantifier_offset) == field->id;
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(void *const *)(message + field->offset) != NULL;
    return *(const protobuf_c_boolean *)(message + field->quantifier_offset);
}

static bool same_field(struct verify *v, const ProtobufCFieldDescriptor *field, const void *a, const void *b)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) return same_list(v, field, a, b);
    assert(field->label == PROTOBUF_C_LABEL_OPTIONAL); /* onnx.proto requires nothing */
    bool there = is_there(field, a);
    if (there != is_there(field, b)) return differs(v, "its %s", field->name);
    if (!there) return true;
    return same_value(v, field, (const char *)a + field->offset, (const char *)b + field->offset);
}

static bool same_unknown(struct verify *v, const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    if (a->n_unknown_fields != b->n_unknown_fields) return differs(v, "a field that ONNX does not know");
    for (unsigned i = 0; i < a->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *x = &a->unknown_fields[i], *y = &b->unknown_fields[i];
        if (x->tag != y->tag || x->wire_type != y->wire_type || x->len != y->len
            || (x->len && memcmp(x->data, y->data, x->len) != 0))
            return differs(v, "field %u, which ONNX does not know", x->tag);
    }
    return true;
}

/* Every field, but those that `skip` names. */
static bool same_fields(struct verify *v, const ProtobufCMessage *a, const ProtobufCMessage *b,
                        bool (*skip)(const ProtobufCFieldDescriptor *field))
{
    for (unsigned i = 0; i < a->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &a->descriptor->fields[i];
        if (!(skip && skip(field)) && !same_field(v, field, a, b)) return false;
    }
    return same_unknown(v, a, b);
}

/* ---- tensors --------------------------------------------------------------------------------------------------- */

static bool is_raw_data(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_BYTES && !strcmp(field->name, "raw_data");
}

/* Fields of TensorProto that say which elements, and where they are, by their numbers: float_data, int32_data,
 * string_data, int64_data; raw_data, double_data, uint64_data; external_data, data_location. */
static bool is_data(const ProtobufCFieldDescriptor *field)
{
    const uint32_t numbers = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 13 | 1 << 14;
    return field->id < 32 && numbers >> field->id & 1;
}

static bool is_in_data_file(const struct verify *v, const BnfuseOnnx__TensorProto *proto)
{
    const char *location = tensor_is_external(proto) ? external_key(proto, "location") : NULL;
    return v->written->data_file && location && !strcmp(location, v->written->location);
}

static bool read_tensor(struct verify *v, const BnfuseOnnx__TensorProto *proto, struct tensor *tensor)
{
    arena_clear(v->scratch);
    if (!tensor_from_proto(tensor, v->scratch, v->new, proto, v->error)) return differs(v, "it cannot be read");
    return true;
}

static bool same_data(struct verify *v, const struct tensor *expected, const BnfuseOnnx__TensorProto *proto)
{
    struct tensor tensor;
    return read_tensor(v, proto, &tensor) && same_elements(v, expected, &tensor);
}

/* Everything but the elements, which are where they were or in the new data file. */
static bool same_head(struct verify *v, const BnfuseOnnx__TensorProto *a, const BnfuseOnnx__TensorProto *b)
{
    if (is_in_data_file(v, b)) return same_fields(v, &a->base, &b->base, is_data);
    if (a->has_raw_data != b->has_raw_data) return differs(v, "its raw_data");
    return same_fields(v, &a->base, &b->base, is_raw_data);
}

/* A tensor of the old file that is no initializer, or one that an edit put into an attribute. */
static bool same_tensor(struct verify *v, const BnfuseOnnx__TensorProto *a, const BnfuseOnnx__TensorProto *b)
{
    const char *kind = v->kind, *name = v->name;
    struct tensor old = raw_data(v->old, a), new = raw_data(v->new, b);
    if (b->name && *b->name) look_at(v, "tensor", b->name);
    if (!same_head(v, a, b)) return false;
    bool same = !is_in_data_file(v, b)
                    ? same_elements(v, &old, &new)
                    : tensor_from_proto(&old, v->arena, v->old, a, v->error) && same_data(v, &old, b);
    look_at(v, kind, name);
    return same;
}

/* A tensor that the old file does not hold: name, type and dims are all it has besides its elements. */
static bool same_new_tensor(struct verify *v, const struct value *value, const BnfuseOnnx__TensorProto *b)
{
    const struct tensor *tensor = value->initializer;
    BnfuseOnnx__TensorProto head = BNFUSE_ONNX__TENSOR_PROTO__INIT;
    head.name = (char *)value->name;
    head.has_data_type = true;
    head.data_type = (int32_t)tensor->type;
    head.n_dims = (size_t)tensor->rank;
    head.dims = (int64_t *)tensor->dims;
    return same_fields(v, &head.base, &b->base, is_data) && same_data(v, tensor, b);
}

static bool same_message(struct verify *v, const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    if (a->descriptor == &bnfuse_onnx__tensor_proto__descriptor)
        return same_tensor(v, (const BnfuseOnnx__TensorProto *)a, (const BnfuseOnnx__TensorProto *)b);
    return same_fields(v, a, b, NULL);
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

static bool same_graph(struct verify *v, const struct graph *a, const BnfuseOnnx__GraphProto *b);

static bool same_name(struct verify *v, const struct value *value, const char *name, const char *what, size_t i)
{
    const char *wanted = value ? value->name : "";
    if (strcmp(wanted, text_or_empty(name)) != 0)
        return differs(v, "%s %zu is \"%s\", not \"%s\"", what, i, text_or_empty(name), wanted);
    return true;
}

static bool same_names(struct verify *v, const struct node *node, const BnfuseOnnx__NodeProto *b)
{
    if (node->input_count != b->n_input) return differs(v, "%u inputs became %zu", node->input_count, b->n_input);
    if (node->output_count != b->n_output) return differs(v, "%u outputs became %zu", node->output_count, b->n_output);
    for (size_t i = 0; i < node->input_count; i++)
        if (!same_name(v, node->inputs[i].value, b->input[i], "input", i)) return false;
    for (size_t i = 0; i < node->output_count; i++)
        if (!same_name(v, node->outputs[i], b->output[i], "output", i)) return false;
    return true;
}

static bool is_body(const ProtobufCFieldDescriptor *field)
{
    return field->descriptor == &bnfuse_onnx__graph_proto__descriptor;
}

/* Of one attribute, which has as many as it had; `at` counts the node's bodies, which stand in its list in the order of
 * the attributes. */
static bool same_bodies(struct verify *v, const struct node *a, const BnfuseOnnx__AttributeProto *b, size_t *at)
{
    assert((b->g != NULL) + b->n_graphs <= a->inner_count - *at);
    if (b->g && !same_graph(v, a->inner[(*at)++], b->g)) return false;
    for (size_t i = 0; i < b->n_graphs; i++)
        if (!same_graph(v, a->inner[(*at)++], b->graphs[i])) return false;
    return true;
}

/* Bodies are compared as graphs. */
static bool same_attributes(struct verify *v, const struct node *a, const BnfuseOnnx__NodeProto *b)
{
    size_t body = 0;
    if (a->proto->n_attribute != b->n_attribute)
        return differs(v, "%zu attributes became %zu", a->proto->n_attribute, b->n_attribute);
    for (size_t i = 0; i < b->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *x = a->proto->attribute[i], *y = b->attribute[i];
        if (!same_text(x->name, y->name) || !x->g != !y->g || x->n_graphs != y->n_graphs)
            return differs(v, "its attribute \"%s\"", text_or_empty(x->name));
        if (!same_fields(v, &x->base, &y->base, is_body) || !same_bodies(v, a, y, &body)) return false;
    }
    assert(body == a->inner_count);
    return true;
}

static bool is_of_node(const ProtobufCFieldDescriptor *field)
{
    return !strcmp(field->name, "input") || !strcmp(field->name, "output") || !strcmp(field->name, "attribute");
}

static bool same_node(struct verify *v, const struct node *a, const BnfuseOnnx__NodeProto *b)
{
    const char *name = text_or_empty(a->proto->name);
    look_at(v, "node", *name || !a->output_count || !a->outputs[0] ? name : a->outputs[0]->name);
    if (strcmp(a->op, text_or_empty(b->op_type)) != 0) return differs(v, "%s became %s", a->op, b->op_type);
    return same_fields(v, &a->proto->base, &b->base, is_of_node) && same_names(v, a, b) && same_attributes(v, a, b);
}

static bool is_tensor(const ProtobufCFieldDescriptor *field)
{
    return field->descriptor == &bnfuse_onnx__tensor_proto__descriptor;
}

/* A new constant that cannot be an initializer. */
static bool same_constant(struct verify *v, const struct value *value, const BnfuseOnnx__NodeProto *b)
{
    BnfuseOnnx__NodeProto node = BNFUSE_ONNX__NODE_PROTO__INIT;
    BnfuseOnnx__AttributeProto attribute = BNFUSE_ONNX__ATTRIBUTE_PROTO__INIT;
    node.op_type = (char *)LITERAL_OPERATOR;
    attribute.name = (char *)"value";
    attribute.has_type = true;
    attribute.type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    look_at(v, "constant", value->name);
    if (b->n_input || b->n_output != 1 || b->n_attribute != 1 || !b->attribute[0]->t)
        return differs(v, "it is not there");
    return same_fields(v, &node.base, &b->base, is_of_node)
           && same_fields(v, &attribute.base, &b->attribute[0]->base, is_tensor)
           && same_name(v, value, b->output[0], "output", 0) && same_new_tensor(v, value, b->attribute[0]->t);
}

static size_t count_literals(const struct graph *graph)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->initializer_count; i++) count += value_becomes_literal(graph->initializers[i]);
    return count;
}

static bool same_nodes(struct verify *v, const struct graph *a, BnfuseOnnx__NodeProto *const *nodes, size_t count)
{
    size_t at = 0, constants = count_literals(a);
    if (count != a->node_count + constants) return differs(v, "%zu nodes became %zu", a->node_count + constants, count);
    for (size_t i = 0; i < a->initializer_count; i++)
        if (value_becomes_literal(a->initializers[i]) && !same_constant(v, a->initializers[i], nodes[at++]))
            return false;
    for (const struct node *node = a->first; node; node = node->next)
        if (!same_node(v, node, nodes[at++])) return false;
    return true;
}

/* ---- initializers, inputs and outputs -------------------------------------------------------------------------- */

/* External data that was not moved: not even the new model's are in another file. */
static bool stays_outside(const struct verify *v, const BnfuseOnnx__TensorProto *proto)
{
    return tensor_is_external(proto) && !is_in_data_file(v, proto) && proto->data_type != DTYPE_STRING;
}

static bool same_file(struct verify *v, const struct tensor *written)
{
    struct stat status;
    if (fstat(written->span.file->fd, &status) || !external_is(v->old, &status))
        return differs(v, "its data are in another file than they were");
    return true;
}

/* The value that is stored under this name. `seen` says of each initializer whether it was met: none may come twice. */
static const struct value *next_stored(struct verify *v, const struct graph *a, const char *name, bool *seen)
{
    const struct value *value = graph_value(a, text_or_empty(name));
    look_at(v, "initializer", name);
    bool is_stored = value && value_is_stored(value) && !value_becomes_literal(value);
    if (!is_stored || seen[value->initializer_slot]) {
        differs(v, "it should not be there");
        return NULL;
    }
    seen[value->initializer_slot] = true;
    return value;
}

static bool same_dense(struct verify *v, const struct value *value, const BnfuseOnnx__TensorProto *b)
{
    struct tensor written;
    if (value->sparse) return differs(v, "a sparse one became dense");
    if (!value->proto) return same_new_tensor(v, value, b);
    /* The check ran on the tensor, the file was copied from the message: they must be one. */
    if (!same_head(v, value->proto, b) || !read_tensor(v, b, &written)) return false;
    /* What a caller's opener gives is no file that could be another. */
    bool is_same_file_asked = stays_outside(v, b) && !written.span.file->bytes;
    return is_same_file_asked ? same_file(v, &written) : same_elements(v, value->initializer, &written);
}

static bool same_sparse(struct verify *v, const struct value *value, const BnfuseOnnx__SparseTensorProto *b)
{
    return value->sparse ? same_message(v, &value->sparse->base, &b->base) : differs(v, "a dense one became sparse");
}

static bool same_initializers(struct verify *v, const struct graph *a, const BnfuseOnnx__GraphProto *b)
{
    size_t wanted = a->initializer_count - count_literals(a), count = b->n_initializer + b->n_sparse_initializer;
    const struct value *value;
    look_at(v, "graph", a->proto->name);
    if (count != wanted) return differs(v, "%zu initializers became %zu", wanted, count);
    bool *seen = NEW_ARRAY(v->arena, bool, a->initializer_count);
    for (size_t i = 0; i < b->n_initializer; i++)
        if (!(value = next_stored(v, a, b->initializer[i]->name, seen)) || !same_dense(v, value, b->initializer[i]))
            return false;
    for (size_t i = 0; i < b->n_sparse_initializer; i++) {
        const BnfuseOnnx__TensorProto *values = b->sparse_initializer[i]->values;
        if (!(value = next_stored(v, a, values ? values->name : NULL, seen))
            || !same_sparse(v, value, b->sparse_initializer[i]))
            return false;
    }
    return true;
}

/* The declaration of an initializer that is an input because models of that age want it. */
static bool declares(const BnfuseOnnx__ValueInfoProto *info, const struct tensor *tensor)
{
    const BnfuseOnnx__TypeProto__Tensor *type = type_tensor(info->type);
    const BnfuseOnnx__TensorShapeProto *shape = type ? type->shape : NULL;
    if (!tensor || !type) return false;
    if (type->elem_type != (int32_t)tensor->type || !shape || shape->n_dim != (size_t)tensor->rank) return false;
    for (int i = 0; i < tensor->rank; i++)
        if (shape->dim[i]->dim_value != tensor->dims[i]) return false;
    return true;
}

static bool same_declaration(struct verify *v, const struct graph *a, const BnfuseOnnx__ValueInfoProto *old,
                             const struct value *value, const BnfuseOnnx__ValueInfoProto *new)
{
    BnfuseOnnx__ValueInfoProto expected = *declaration(a->net, old);
    expected.name = (char *)value->name;
    return same_message(v, &expected.base, &new->base);
}

/* Those of a body stay, whatever their names. Others stand in the old order, without those that an edit took out, and
 * with new ones at the end. */
static bool same_inputs(struct verify *v, const struct graph *a, const BnfuseOnnx__GraphProto *new)
{
    const BnfuseOnnx__GraphProto *old = a->proto;
    size_t at = 0;
    look_at(v, "graph", old->name);
    if (a->input_count != new->n_input) return differs(v, "%zu inputs became %zu", a->input_count, new->n_input);
    for (size_t i = 0; i < new->n_input; i++) {
        look_at(v, "input", new->input[i]->name);
        if (!same_name(v, a->inputs[i], new->input[i]->name, "input", i)) return false;
        if (a->owner) at = i;
        while (!a->owner && at < old->n_input && strcmp(text_or_empty(old->input[at]->name), a->inputs[i]->name) != 0)
            at++;
        if (at == old->n_input && !declares(new->input[i], a->inputs[i]->initializer)) return differs(v, "its type");
        if (at < old->n_input && !same_declaration(v, a, old->input[at], a->inputs[i], new->input[i])) return false;
    }
    return true;
}

static bool same_outputs(struct verify *v, const struct graph *a, const BnfuseOnnx__GraphProto *new)
{
    const BnfuseOnnx__GraphProto *old = a->proto;
    look_at(v, "graph", old->name);
    if (old->n_output != new->n_output) return differs(v, "%zu outputs became %zu", old->n_output, new->n_output);
    for (size_t i = 0; i < new->n_output; i++) {
        look_at(v, "output", a->outputs[i]->name);
        if (!same_declaration(v, a, old->output[i], a->outputs[i], new->output[i])) return false;
    }
    return true;
}

/* ---- declarations ---------------------------------------------------------------------------------------------- */

/* The names that the old graph defined, sorted. */
struct names {
    const char **list;
    size_t count;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct names old_names(struct arena *arena, const struct graph *graph)
{
    const BnfuseOnnx__GraphProto *proto = graph->proto;
    size_t node_count = proto ? proto->n_node : graph->function->n_node, room = 0;
    BnfuseOnnx__NodeProto *const *nodes = proto ? proto->node : graph->function->node;
    for (size_t i = 0; i < node_count; i++) room += nodes[i]->n_output;
    if (proto) room += proto->n_input + proto->n_initializer + proto->n_sparse_initializer;
    struct names names = { NEW_ARRAY(arena, const char *, room), 0 };
    for (size_t i = 0; i < node_count; i++)
        for (size_t k = 0; k < nodes[i]->n_output; k++) names.list[names.count++] = nodes[i]->output[k];
    for (size_t i = 0; proto && i < proto->n_input; i++) names.list[names.count++] = proto->input[i]->name;
    for (size_t i = 0; proto && i < proto->n_initializer; i++) names.list[names.count++] = proto->initializer[i]->name;
    for (size_t i = 0; proto && i < proto->n_sparse_initializer; i++)
        names.list[names.count++] = proto->sparse_initializer[i]->values->name;
    qsort(names.list, names.count, sizeof *names.list, compare_names);
    return names;
}

static bool defines(const struct graph *graph, const char *name)
{
    const struct value *value = graph_value(graph, name);
    return value && value_is_defined(value);
}

/* Whether the old graph defined the name and its index, to which the new one is equal by now, does not. */
static bool is_gone(const struct names *old, const struct graph *graph, const char *name)
{
    return name && *name && !defines(graph, name)
           && bsearch(&name, old->list, old->count, sizeof *old->list, compare_names);
}

static bool annotation_is_gone(const struct names *old, const struct graph *graph,
                               const BnfuseOnnx__TensorAnnotation *annotation)
{
    bool gone = is_gone(old, graph, annotation->tensor_name);
    for (size_t i = 0; i < annotation->n_quant_parameter_tensor_names; i++)
        gone |= is_gone(old, graph, annotation->quant_parameter_tensor_names[i]->value);
    return gone;
}

/* All that the old file declares of what is still there, in its order, and nothing else. */
static bool same_infos(struct verify *v, const struct graph *a, const struct names *names,
                       BnfuseOnnx__ValueInfoProto *const *b, size_t count)
{
    const BnfuseOnnx__GraphProto *old = a->proto;
    BnfuseOnnx__ValueInfoProto *const *infos = old ? old->value_info : a->function->value_info;
    size_t old_count = old ? old->n_value_info : a->function->n_value_info, at = 0;
    for (size_t i = 0; i < old_count; i++) {
        const BnfuseOnnx__ValueInfoProto *info = declaration(a->net, infos[i]);
        if (!info || is_gone(names, a, infos[i]->name)) continue;
        look_at(v, "declaration", infos[i]->name);
        if (at == count) return differs(v, "it is not there");
        if (!same_message(v, &info->base, &b[at++]->base)) return false;
    }
    if (at < count) return differs(v, "a declaration of \"%s\" follows it", text_or_empty(b[at]->name));
    return true;
}

/* The same of annotations. */
static bool same_annotations(struct verify *v, const struct graph *a, const struct names *names,
                             const BnfuseOnnx__GraphProto *b)
{
    const BnfuseOnnx__GraphProto *old = a->proto;
    size_t at = 0;
    for (size_t i = 0; i < old->n_quantization_annotation; i++) {
        if (annotation_is_gone(names, a, old->quantization_annotation[i])) continue;
        look_at(v, "annotation", old->quantization_annotation[i]->tensor_name);
        if (at == b->n_quantization_annotation) return differs(v, "it is not there");
        if (!same_message(v, &old->quantization_annotation[i]->base, &b->quantization_annotation[at++]->base))
            return false;
    }
    if (at < b->n_quantization_annotation) return differs(v, "one more than there should be");
    return true;
}

static bool declares_nothing(const BnfuseOnnx__GraphProto *graph)
{
    return !graph->n_value_info && !graph->n_quantization_annotation;
}

/* ---- graphs ---------------------------------------------------------------------------------------------------- */

static bool is_of_graph(const ProtobufCFieldDescriptor *field)
{
    static const char *const names[] = { "node",   "initializer", "sparse_initializer",     "input",
                                         "output", "value_info",  "quantization_annotation" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(field->name, names[i])) return true;
    return false;
}

static bool is_of_function(const ProtobufCFieldDescriptor *field)
{
    return !strcmp(field->name, "node") || !strcmp(field->name, "value_info");
}

static bool same_graph(struct verify *v, const struct graph *a, const BnfuseOnnx__GraphProto *b)
{
    const BnfuseOnnx__GraphProto *old = a->proto;
    look_at(v, "graph", old->name);
    if (!same_fields(v, &old->base, &b->base, is_of_graph) || !same_inputs(v, a, b) || !same_outputs(v, a, b)
        || !same_nodes(v, a, b->node, b->n_node) || !same_initializers(v, a, b))
        return false;
    if (declares_nothing(old) && declares_nothing(b)) return true;
    const struct names names = old_names(v->arena, a);
    return same_infos(v, a, &names, b->value_info, b->n_value_info) && same_annotations(v, a, &names, b);
}

static bool same_function(struct verify *v, const struct graph *a, const BnfuseOnnx__FunctionProto *b)
{
    const BnfuseOnnx__FunctionProto *old = a->function;
    look_at(v, "function", old->name);
    if (!same_fields(v, &old->base, &b->base, is_of_function) || !same_nodes(v, a, b->node, b->n_node)) return false;
    const struct names names = old_names(v->arena, a);
    return same_infos(v, a, &names, b->value_info, b->n_value_info);
}

static bool is_graph_or_function(const ProtobufCFieldDescriptor *field)
{
    return is_body(field) || field->descriptor == &bnfuse_onnx__function_proto__descriptor;
}

static bool same_model(struct verify *v, const struct net *a, const BnfuseOnnx__ModelProto *b)
{
    look_at(v, "model", a->model->name);
    size_t kept = 0;
    if (!same_fields(v, &a->model->proto->base, &b->base, is_graph_or_function)) return false;
    for (size_t i = 0; i < a->function_count; i++) {
        if (a->functions[i]->is_dropped) continue;
        if (kept == b->n_functions) return differs(v, "its functions");
        if (!same_function(v, a->functions[i], b->functions[kept++])) return false;
    }
    if (kept != b->n_functions) return differs(v, "its functions");
    return same_graph(v, a->main, b->graph);
}

/* ---- loading --------------------------------------------------------------------------------------------------- */

static bool cannot_be_read(const struct written *written, struct bnfuse_error *error)
{
    struct bnfuse_error reason = *error;
    return fail(error, BNFUSE_INTERNAL, "%s: the file as written cannot be read back: %.600s; nothing was written",
                written->file->path, reason.message);
}

bool verify_bytes(const struct written *written, struct arena *arena, struct model *model, struct bnfuse_error *error)
{
    struct bnfuse_error own;
    error = error ? error : &own;
    if (!model_scan_file(model, arena, written->file, written->directory, error)) return cannot_be_read(written, error);
    if (!extents_agree(written->extents, model, error)) return false;
    return !written->data_file || extents_agree_with_data(written->data, written->data_file, arena, error);
}

bool verify_model(const struct written *written, struct model *model, struct bnfuse_error *error)
{
    struct bnfuse_error own;
    struct verify v = { .written = written, .old = written->net->model, .new = model, .arena = model->arena };
    v.error = error ? error : &own;
    v.elements = elements_open(model->arena);
    if (!model_unpack(model, v.error)) return cannot_be_read(written, v.error);
    if (written->data_file) external_supply(model, written->location, written->data_file);
    v.scratch = arena_scratch(model->arena);
    bool same = same_model(&v, written->net, model->proto);
    arena_close(v.scratch);
    return same;
}
