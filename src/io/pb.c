/* SPDX-License-Identifier: Apache-2.0
 *
 * TensorProto goes through protobuf-c. SequenceProto and OptionalProto are walked by hand: they nest in each other, and
 * what nests must not recurse as deep as a file pleases.
 *
 *   SequenceProto  1 name  2 elem_type  3 tensor_values*  4 sparse  5 sequence_values*  6 map  7 optional_values*
 *   OptionalProto  1 name  2 elem_type  3 tensor_value    4 sparse  5 sequence_value    6 map  7 optional_value */
#include "io/pb.h"

#include <string.h>

enum { FIELD_NAME = 1, FIELD_ELEM_TYPE, FIELD_TENSOR, FIELD_SPARSE, FIELD_SEQUENCE, FIELD_MAP, FIELD_OPTIONAL };
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct reader {
    struct arena *arena;
    const char *name;
    struct bnfuse_error *error;
};

struct field {
    uint64_t number;
    uint64_t value;
    struct bytes bytes; /* WIRE_BYTES */
};

static bool broken(const struct reader *reader)
{
    return fail(reader->error, BNFUSE_USAGE, "%s: not a data file of the type that the model declares", reader->name);
}

static bool take_varint(struct bytes *from, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 64 && from->size > 0; shift += 7) {
        unsigned char byte = *from->at++;
        from->size--;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

static bool take_bytes(struct bytes *from, uint64_t size, struct bytes *bytes)
{
    if (size > from->size) return false;
    *bytes = (struct bytes){ from->at, (size_t)size };
    from->at += size;
    from->size -= (size_t)size;
    return true;
}

static bool take_field(struct bytes *from, struct field *field)
{
    uint64_t tag, length;
    *field = (struct field){ 0 };
    if (!take_varint(from, &tag)) return false;
    field->number = tag >> 3;
    switch (tag & 7) {
    case WIRE_VARINT: return take_varint(from, &field->value);
    case WIRE_64: return take_bytes(from, 8, &field->bytes);
    case WIRE_32: return take_bytes(from, 4, &field->bytes);
    case WIRE_BYTES: return take_varint(from, &length) && take_bytes(from, length, &field->bytes);
    default: return false;
    }
}

static void *proto_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void proto_free(void *arena, void *pointer)
{
    (void)arena, (void)pointer;
}

static bool read_tensor(struct reader *reader, struct datum *datum, struct bytes bytes)
{
    ProtobufCAllocator allocator = { proto_alloc, proto_free, reader->arena };
    if (!wire_check(reader->arena, reader->name, &bnfuse_onnx__tensor_proto__descriptor, bytes.at, bytes.size,
                    reader->error))
        return false;
    BnfuseOnnx__TensorProto *proto = bnfuse_onnx__tensor_proto__unpack(&allocator, bytes.size, bytes.at);
    if (!proto) return broken(reader);
    datum->form = FORM_TENSOR;
    datum->name = proto->name ? proto->name : "";
    return tensor_from_proto(&datum->tensor, reader->arena, NULL, proto, reader->error);
}

static bool is_item(const struct field *field)
{
    return field->number == FIELD_TENSOR || field->number == FIELD_SEQUENCE || field->number == FIELD_OPTIONAL;
}

static bool read_collection(struct reader *reader, struct datum *datum, struct bytes bytes, bool optional, int depth);

static bool read_item(struct reader *reader, struct datum *datum, const struct field *field, int depth)
{
    *datum = (struct datum){ .name = "" };
    if (field->number == FIELD_TENSOR) return read_tensor(reader, datum, field->bytes);
    return read_collection(reader, datum, field->bytes, field->number == FIELD_OPTIONAL, depth + 1);
}

/* Counts the items (so that they can be allocated at once), or false where the bytes are no fields. */
static bool count_items(struct bytes bytes, size_t *count)
{
    *count = 0;
    struct field field;
    while (bytes.size > 0) {
        if (!take_field(&bytes, &field) || field.number == FIELD_SPARSE || field.number == FIELD_MAP) return false;
        if (is_item(&field)) ++*count;
    }
    return true;
}

static enum dtype type_of(const struct datum *datum)
{
    return datum->form == FORM_TENSOR ? datum->tensor.type : datum->type;
}

/* An optional is its one item, or absent. */
static bool read_collection(struct reader *reader, struct datum *datum, struct bytes bytes, bool optional, int depth)
{
    size_t count;
    if (depth > DATUM_MAX_DEPTH || !count_items(bytes, &count) || (optional && count > 1)) return broken(reader);
    datum->form = optional ? FORM_ABSENT : FORM_SEQUENCE;
    datum->items = optional ? NULL : NEW_ARRAY(reader->arena, struct datum, count);
    struct field field;
    while (bytes.size > 0 && take_field(&bytes, &field)) {
        if (!is_item(&field)) continue;
        if (optional) return read_item(reader, datum, &field, depth);
        if (!read_item(reader, &datum->items[datum->count], &field, depth)) return false;
        datum->type = type_of(&datum->items[datum->count++]);
    }
    return true;
}

static enum dtype element_type(const BnfuseOnnx__TypeProto *type)
{
    while (type && type->value_case == BNFUSE_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE)
        type = type->sequence_type->elem_type;
    return type_element(type);
}

static bool is_sequence(const BnfuseOnnx__TypeProto *type)
{
    return type && type->value_case == BNFUSE_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
}

static bool is_optional(const BnfuseOnnx__TypeProto *type)
{
    return type && type->value_case == BNFUSE_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE;
}

static bool read_datum(struct reader *reader, struct datum *datum, struct bytes bytes,
                       const BnfuseOnnx__TypeProto *type)
{
    *datum = (struct datum){ .name = "" };
    if (!is_sequence(type) && !is_optional(type)) return read_tensor(reader, datum, bytes);
    if (!read_collection(reader, datum, bytes, is_optional(type), 0)) return false;
    if (datum->form == FORM_SEQUENCE && datum->type == DTYPE_UNDEFINED) datum->type = element_type(type);
    return true;
}

bool pb_parse(struct datum *datum, struct arena *arena, const char *name, struct bytes bytes,
              const BnfuseOnnx__TypeProto *type, struct bnfuse_error *error)
{
    struct reader reader = { .arena = arena, .name = name, .error = error };
    if (read_datum(&reader, datum, bytes, type)) return true;
    /* What is wrong is the file of data, not the model. */
    if (error && error->status == BNFUSE_INVALID) error->status = BNFUSE_USAGE;
    return error_prefix(false, name, error);
}

bool pb_read(struct datum *datum, struct arena *arena, const char *path, const BnfuseOnnx__TypeProto *type,
             struct bnfuse_error *error)
{
    struct bytes bytes;
    return bytes_read(&bytes, arena, path, error) && pb_parse(datum, arena, path, bytes, type, error);
}

static bool pack_tensor(const struct datum *datum, struct arena *arena, struct bytes *bytes, struct bnfuse_error *error)
{
    const struct tensor *tensor = &datum->tensor;
    BnfuseOnnx__TensorProto proto = BNFUSE_ONNX__TENSOR_PROTO__INIT;
    proto.has_data_type = 1;
    proto.data_type = (int32_t)tensor->type;
    proto.n_dims = (size_t)tensor->rank;
    proto.dims = NEW_ARRAY(arena, int64_t, proto.n_dims);
    if (proto.n_dims) memcpy(proto.dims, tensor->dims, proto.n_dims * sizeof *proto.dims);
    if (*datum->name) proto.name = arena_copy_text(arena, datum->name);
    if (tensor->type == DTYPE_STRING) {
        proto.n_string_data = (size_t)tensor->count;
        proto.string_data = NEW_ARRAY(arena, ProtobufCBinaryData, proto.n_string_data);
        for (size_t i = 0; i < proto.n_string_data; i++)
            proto.string_data[i] = (ProtobufCBinaryData){ strlen(tensor->strings[i]), (uint8_t *)tensor->strings[i] };
    } else {
        int64_t size;
        if (!dtype_bytes(tensor->type, tensor->count, &size)) memory_exhausted(arena->memory);
        proto.has_raw_data = 1;
        proto.raw_data = (ProtobufCBinaryData){ (size_t)size, arena_alloc(arena, (size_t)size) };
        if (!tensor_read_bytes(tensor, 0, tensor->count, proto.raw_data.data, error)) return false;
    }
    unsigned char *at = arena_alloc(arena, bnfuse_onnx__tensor_proto__get_packed_size(&proto));
    *bytes = (struct bytes){ at, bnfuse_onnx__tensor_proto__pack(&proto, at) };
    return true;
}

static size_t put_varint(unsigned char *to, uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) to[size++] = (unsigned char)(value | 0x80);
    to[size++] = (unsigned char)value;
    return size;
}

/* SequenceProto.DataType and OptionalProto.DataType: 1 tensor, 3 sequence. */
static int elem_code(const struct datum *item)
{
    return item->form == FORM_SEQUENCE ? 3 : 1;
}

static int field_of(const struct datum *item)
{
    return item->form == FORM_SEQUENCE ? FIELD_SEQUENCE : FIELD_TENSOR;
}

static bool pack_datum(const struct datum *datum, struct arena *arena, struct bytes *bytes, struct bnfuse_error *error);

static bool pack_collection(const struct datum *items, size_t count, const char *name, struct arena *arena,
                            struct bytes *bytes, struct bnfuse_error *error)
{
    struct bytes *packed = NEW_ARRAY(arena, struct bytes, count);
    size_t total = 32 + strlen(name);
    for (size_t i = 0; i < count; i++) {
        if (!pack_datum(&items[i], arena, &packed[i], error)) return false;
        total += packed[i].size + 16;
    }
    unsigned char *to = arena_alloc(arena, total), *start = to;
    if (*name) {
        *to++ = FIELD_NAME << 3 | WIRE_BYTES;
        to += put_varint(to, strlen(name));
        memcpy(to, name, strlen(name));
        to += strlen(name);
    }
    *to++ = FIELD_ELEM_TYPE << 3 | WIRE_VARINT;
    *to++ = (unsigned char)(count ? elem_code(&items[0]) : 1);
    for (size_t i = 0; i < count; i++) {
        *to++ = (unsigned char)(field_of(&items[i]) << 3 | WIRE_BYTES);
        to += put_varint(to, packed[i].size);
        memcpy(to, packed[i].at, packed[i].size);
        to += packed[i].size;
    }
    *bytes = (struct bytes){ start, (size_t)(to - start) };
    return true;
}

static bool pack_datum(const struct datum *datum, struct arena *arena, struct bytes *bytes, struct bnfuse_error *error)
{
    switch (datum->form) {
    case FORM_TENSOR: return pack_tensor(datum, arena, bytes, error);
    case FORM_SEQUENCE: return pack_collection(datum->items, datum->count, datum->name, arena, bytes, error);
    case FORM_ABSENT: break;
    }
    return fail(error, BNFUSE_USAGE, "\"%s\": an absent value inside a sequence cannot be written", datum->name);
}

bool pb_write(const struct datum *datum, struct pending_files *to, const char *path, const BnfuseOnnx__TypeProto *type,
              struct bnfuse_error *error)
{
    struct arena *arena = to->arena;
    struct bytes bytes;
    bool optional = is_optional(type) || datum->form == FORM_ABSENT;
    if (!(optional ? pack_collection(datum, datum->form != FORM_ABSENT, datum->name, arena, &bytes, error)
                   : pack_datum(datum, arena, &bytes, error)))
        return false;
    return pending_add(to, path, &bytes, 1, error);
}
