/* SPDX-License-Identifier: Apache-2.0
 *
 * Mutates models by their structure: a model is unpacked, one of its fields is changed through protobuf-c's
 * descriptors, and it is packed again. So what comes out is a ModelProto most of the time, and the code behind the
 * reader is reached; the names that a model uses, and the operators that there are, are what a name is changed to. What
 * is no model is mutated as bytes. */
#include "fuzz/fuzz.h"
#include "onnx/graph/operator.h"
#include "onnx/read/wire.h"

#include <string.h>

enum { MOST_SLOTS = 4096, MOST_CHANGES = 4, BYTES_ROOM = 64, BYTES_NOW_AND_THEN = 8 };

struct mutator {
    struct memory memory;
    struct arena arena;
    ProtobufCAllocator allocator;
    uint64_t random;
    ProtobufCMessage *model;
    ProtobufCMessage ***messages; /* where each message hangs, the model first */
    size_t message_count;
    const char **texts; /* all names and other texts */
    size_t text_count;
};

static void *allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void leave(void *arena, void *pointer)
{
    (void)arena, (void)pointer;
}

/* xorshift64* */
static uint64_t draw(struct mutator *m)
{
    m->random ^= m->random >> 12;
    m->random ^= m->random << 25;
    m->random ^= m->random >> 27;
    return m->random * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static size_t draw_below(struct mutator *m, size_t count)
{
    return (size_t)(draw(m) % count);
}

static void mutator_open(struct mutator *m, unsigned seed)
{
    *m = (struct mutator){ .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1 };
    arena_open(&m->arena, &m->memory);
    m->allocator = (ProtobufCAllocator){ allocate, leave, &m->arena };
    m->messages = NEW_ARRAY(&m->arena, ProtobufCMessage **, MOST_SLOTS);
    m->texts = NEW_ARRAY(&m->arena, const char *, MOST_SLOTS);
}

/* ---- looking ---- */

static void *member(const ProtobufCMessage *message, unsigned offset)
{
    return (char *)message + offset;
}

static size_t element_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return 8;
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    default: return 4;
    }
}

static bool is_oneof(const ProtobufCFieldDescriptor *field)
{
    return field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
}

/* The elements of a field, and how many there are. */
static void *elements_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t *count)
{
    void *at = member(message, field->offset), *quantifier = member(message, field->quantifier_offset);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        *count = *(size_t *)quantifier;
        return *(void **)at;
    }
    bool is_pointer = field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING;
    if (is_oneof(field)) *count = *(uint32_t *)quantifier == field->id;
    else if (is_pointer) *count = 1;
    else *count = field->label != PROTOBUF_C_LABEL_OPTIONAL || *(protobuf_c_boolean *)quantifier;
    if (is_pointer && *count) *count = *(void **)at != NULL && *(void **)at != field->default_value;
    return at;
}

static void collect(struct mutator *m, ProtobufCMessage **slot);

static void collect_field(struct mutator *m, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    size_t count;
    void **elements = elements_of(message, field, &count);
    for (size_t i = 0; i < count; i++) {
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) collect(m, (ProtobufCMessage **)&elements[i]);
        if (field->type == PROTOBUF_C_TYPE_STRING && m->text_count < MOST_SLOTS)
            m->texts[m->text_count++] = elements[i];
    }
}

static void collect(struct mutator *m, ProtobufCMessage **slot)
{
    if (m->message_count == MOST_SLOTS) return;
    m->messages[m->message_count++] = slot;
    const ProtobufCMessageDescriptor *descriptor = (*slot)->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) collect_field(m, *slot, &descriptor->fields[i]);
}

/* False where the bytes are no model that protobuf-c can unpack. */
static bool unpack(struct mutator *m, const uint8_t *bytes, size_t size, ProtobufCMessage **model)
{
    const ProtobufCMessageDescriptor *type = &bnfuse_onnx__model_proto__descriptor;
    return wire_check(&m->arena, "", type, bytes, size, NULL)
           && (*model = protobuf_c_message_unpack(type, &m->allocator, size, bytes));
}

/* ---- changing ---- */

/* A copy, so that no message ever hangs at two places, or inside itself. */
static ProtobufCMessage *copy_message(struct mutator *m, const ProtobufCMessage *message)
{
    uint8_t *bytes = arena_alloc(&m->arena, protobuf_c_message_get_packed_size(message));
    size_t size = protobuf_c_message_pack(message, bytes);
    return protobuf_c_message_unpack(message->descriptor, &m->allocator, size, bytes);
}

static ProtobufCMessage *new_message(struct mutator *m, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = arena_alloc(&m->arena, type->sizeof_message);
    protobuf_c_message_init(type, message);
    return message;
}

/* A copy of one that the model has of this type, or an empty one. */
static ProtobufCMessage *draw_message(struct mutator *m, const ProtobufCMessageDescriptor *type)
{
    size_t first = draw_below(m, m->message_count);
    for (size_t i = 0; i < m->message_count && draw_below(m, 16); i++) {
        const ProtobufCMessage *message = *m->messages[(first + i) % m->message_count];
        if (message && message->descriptor == type) return copy_message(m, message);
    }
    return new_message(m, type);
}

/* Of a family that is drawn first; without its domain. */
static const char *draw_operator(struct mutator *m)
{
    size_t families = 0, rows = 0;
    while (operator_families[families]) families++;
    const struct operator_row *family = operator_families[draw_below(m, families)];
    while (family[rows].name) rows++;
    const char *name = family[draw_below(m, rows)].name, *colon = strchr(name, ':');
    return colon ? colon + 1 : name;
}

/* An operator, a byte or more of anything, or what the model has elsewhere. */
static char *draw_text(struct mutator *m)
{
    char text[BYTES_ROOM + 1] = { 0 };
    switch (draw_below(m, 8)) {
    case 0:
    case 1: return arena_copy_text(&m->arena, draw_operator(m));
    case 2: LLVMFuzzerMutate((uint8_t *)text, 0, BYTES_ROOM); return arena_copy_text(&m->arena, text);
    default: return arena_copy_text(&m->arena, m->text_count ? m->texts[draw_below(m, m->text_count)] : "");
    }
}

static int64_t draw_number(struct mutator *m, int64_t old)
{
    static const int64_t limits[] = { 0,         1,          -1,        2,         3,          4,
                                      7,         8,          16,        64,        127,        128,
                                      255,       256,        1000,      INT16_MAX, UINT16_MAX, INT32_MAX,
                                      INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN };
    switch (draw_below(m, 4)) {
    case 0: return (int64_t)((uint64_t)old + 1);
    case 1: return (int64_t)((uint64_t)old - 1);
    case 2: return (int64_t)((uint64_t)old ^ UINT64_C(1) << draw_below(m, 64));
    default: return limits[draw_below(m, sizeof limits / sizeof *limits)];
    }
}

static ProtobufCBinaryData mutate_bytes(struct mutator *m, ProtobufCBinaryData old)
{
    size_t room = old.len + BYTES_ROOM;
    uint8_t *bytes = arena_alloc(&m->arena, room);
    if (old.len) memcpy(bytes, old.data, old.len);
    return (ProtobufCBinaryData){ LLVMFuzzerMutate(bytes, old.len, room), bytes };
}

/* Sets the element at `at`, which holds a value already, to another. */
static void change_element(struct mutator *m, const ProtobufCFieldDescriptor *field, void *at)
{
    int64_t wide = 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE: *(ProtobufCMessage **)at = draw_message(m, field->descriptor); return;
    case PROTOBUF_C_TYPE_STRING: *(char **)at = draw_text(m); return;
    case PROTOBUF_C_TYPE_BYTES: *(ProtobufCBinaryData *)at = mutate_bytes(m, *(ProtobufCBinaryData *)at); return;
    default: break;
    }
    size_t size = element_size(field->type);
    memcpy(&wide, at, size);
    wide = field->type == PROTOBUF_C_TYPE_BOOL ? !wide : draw_number(m, wide);
    memcpy(at, &wide, size);
}

/* A field with one value at most: it gets another one, or goes. */
static void change_single(struct mutator *m, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    size_t count;
    void *at = elements_of(message, field, &count), *quantifier = member(message, field->quantifier_offset);
    bool goes = count && field->label == PROTOBUF_C_LABEL_OPTIONAL && !draw_below(m, 4);
    if (!count) memset(at, 0, element_size(field->type));
    if (is_oneof(field)) *(uint32_t *)quantifier = goes ? 0 : field->id;
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING) *(void **)at = NULL;
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL) *(protobuf_c_boolean *)quantifier = !goes;
    if (!goes) change_element(m, field, at);
}

/* One element more, one less, two that change places, or one with another value. */
static void change_repeated(struct mutator *m, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    size_t count, size = element_size(field->type);
    const char *old = elements_of(message, field, &count);
    char *list = arena_array(&m->arena, count + 1, size);
    if (count) memcpy(list, old, count * size);
    size_t i = draw_below(m, count + 1), kind = draw_below(m, 4);
    if (kind == 0 || i == count) {
        memmove(list + (i + 1) * size, list + i * size, (count - i) * size);
        memset(list + i * size, 0, size);
        if (count && size < sizeof(void *)) memcpy(list + i * size, old, size);
        change_element(m, field, list + i * size);
        count++;
    } else if (kind == 1) {
        memmove(list + i * size, list + (i + 1) * size, (count - i - 1) * size);
        count--;
    } else if (kind == 2) {
        size_t k = draw_below(m, count);
        memcpy(list + i * size, old + k * size, size);
        memcpy(list + k * size, old + i * size, size);
    } else {
        change_element(m, field, list + i * size);
    }
    *(void **)member(message, field->offset) = list;
    *(size_t *)member(message, field->quantifier_offset) = count;
}

static void change_something(struct mutator *m)
{
    m->message_count = m->text_count = 0; /* what hung somewhere may have gone with the last change */
    collect(m, &m->model);
    ProtobufCMessage *message = *m->messages[draw_below(m, m->message_count)];
    if (!message->descriptor->n_fields) return;
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[draw_below(m, message->descriptor->n_fields)];
    if (field->label == PROTOBUF_C_LABEL_REPEATED) change_repeated(m, message, field);
    else change_single(m, message, field);
}

/* The new size; 0 where it does not fit. */
static size_t pack(const struct mutator *m, uint8_t *to, size_t room)
{
    return protobuf_c_message_get_packed_size(m->model) <= room ? protobuf_c_message_pack(m->model, to) : 0;
}

static size_t mutate_model(struct mutator *m, uint8_t *bytes, size_t size, size_t room)
{
    if (!unpack(m, bytes, size, &m->model)) return 0;
    for (size_t n = draw_below(m, MOST_CHANGES) + 1; n-- > 0;) change_something(m);
    return pack(m, bytes, room);
}

/* The bytes before the model, or the model. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned seed)
{
    struct mutator m;
    if (size < fuzz_prefix) return LLVMFuzzerMutate(bytes, size, room);
    mutator_open(&m, seed);
    uint8_t *model = bytes + fuzz_prefix;
    bool before = fuzz_prefix && draw_below(&m, 2), structured = !before && draw_below(&m, BYTES_NOW_AND_THEN);
    size_t packed = structured ? mutate_model(&m, model, size - fuzz_prefix, room - fuzz_prefix) : 0;
    arena_close(&m.arena);
    if (packed) return fuzz_prefix + packed;
    if (!before) return fuzz_prefix + LLVMFuzzerMutate(model, size - fuzz_prefix, room - fuzz_prefix);
    size_t kept = LLVMFuzzerMutate(bytes, fuzz_prefix, fuzz_prefix);
    memset(bytes + kept, 0, fuzz_prefix - kept);
    return size;
}

/* A message of a becomes one of b that is of its type. */
static size_t cross_models(struct mutator *m, ProtobufCMessage *b, uint8_t *to, size_t room)
{
    collect(m, &m->model);
    size_t own = m->message_count;
    collect(m, &b);
    if (m->message_count == own) return 0;
    const ProtobufCMessage *from = *m->messages[own + draw_below(m, m->message_count - own)];
    size_t first = draw_below(m, own);
    for (size_t i = 0; i < own; i++) {
        ProtobufCMessage **slot = m->messages[(first + i) % own];
        if ((*slot)->descriptor != from->descriptor) continue;
        *slot = copy_message(m, from);
        break;
    }
    return pack(m, to, room);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *to,
                                 size_t room, unsigned seed)
{
    struct mutator m;
    ProtobufCMessage *other;
    if (a_size < fuzz_prefix || b_size < fuzz_prefix || room < fuzz_prefix) return 0;
    mutator_open(&m, seed);
    bool good = unpack(&m, a + fuzz_prefix, a_size - fuzz_prefix, &m.model)
                && unpack(&m, b + fuzz_prefix, b_size - fuzz_prefix, &other);
    size_t packed = good ? cross_models(&m, other, to + fuzz_prefix, room - fuzz_prefix) : 0;
    arena_close(&m.arena);
    memcpy(to, a, fuzz_prefix);
    return packed ? fuzz_prefix + packed : 0;
}
