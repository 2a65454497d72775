/* SPDX-License-Identifier: Apache-2.0
 *
 * A scan over the wire format with a stack of its own, driven by protobuf-c's descriptors. */
#include "onnx/read/wire.h"

#include <assert.h>
#include <string.h>

/* Of a part: its place in a list that doubles, and in a map (model.c). */
enum { PART_HEAP = 3 * sizeof(struct part) };
enum { TAG_BYTES = 5, LENGTH_BYTES = 5, VARINT_BYTES = 10, NO_CUT = -1 };

/* How a field of each protobuf-c type is on the wire, and what an element of it takes in memory. */
static const struct {
    uint8_t wire, memory;
} kinds[] = {
    [PROTOBUF_C_TYPE_INT32] = { 0, 4 },   [PROTOBUF_C_TYPE_SINT32] = { 0, 4 },  [PROTOBUF_C_TYPE_SFIXED32] = { 5, 4 },
    [PROTOBUF_C_TYPE_INT64] = { 0, 8 },   [PROTOBUF_C_TYPE_SINT64] = { 0, 8 },  [PROTOBUF_C_TYPE_SFIXED64] = { 1, 8 },
    [PROTOBUF_C_TYPE_UINT32] = { 0, 4 },  [PROTOBUF_C_TYPE_FIXED32] = { 5, 4 }, [PROTOBUF_C_TYPE_UINT64] = { 0, 8 },
    [PROTOBUF_C_TYPE_FIXED64] = { 1, 8 }, [PROTOBUF_C_TYPE_FLOAT] = { 5, 4 },   [PROTOBUF_C_TYPE_DOUBLE] = { 1, 8 },
    [PROTOBUF_C_TYPE_BOOL] = { 0, 4 },    [PROTOBUF_C_TYPE_ENUM] = { 0, 4 },    [PROTOBUF_C_TYPE_STRING] = { 2, 8 },
    [PROTOBUF_C_TYPE_BYTES] = { 2, 16 },  [PROTOBUF_C_TYPE_MESSAGE] = { 2, 8 },
};

static const ProtobufCMessageDescriptor *const parted[] = {
    &bnfuse_onnx__model_proto__descriptor,      &bnfuse_onnx__graph_proto__descriptor,
    &bnfuse_onnx__node_proto__descriptor,       &bnfuse_onnx__attribute_proto__descriptor,
    &bnfuse_onnx__tensor_proto__descriptor,     &bnfuse_onnx__sparse_tensor_proto__descriptor,
    &bnfuse_onnx__value_info_proto__descriptor, &bnfuse_onnx__tensor_annotation__descriptor,
    &bnfuse_onnx__function_proto__descriptor,   &bnfuse_onnx__training_info_proto__descriptor,
};

/* Messages that say nothing when they are empty, and cost the more: such a file is not a model. */
static const ProtobufCMessageDescriptor *const never_empty[] = {
    &bnfuse_onnx__node_proto__descriptor,
    &bnfuse_onnx__attribute_proto__descriptor,
    &bnfuse_onnx__tensor_proto__descriptor,
    &bnfuse_onnx__sparse_tensor_proto__descriptor,
    &bnfuse_onnx__value_info_proto__descriptor,
    &bnfuse_onnx__tensor_annotation__descriptor,
    &bnfuse_onnx__function_proto__descriptor,
    &bnfuse_onnx__training_info_proto__descriptor,
    &bnfuse_onnx__operator_set_id_proto__descriptor,
};

/* An open message. */
struct frame {
    const ProtobufCMessageDescriptor *type;
    uint64_t start, size; /* of the whole, and of its content */
    uint32_t head, tag;   /* bytes of tag and length, and of the tag */
    uint64_t end;         /* of its content */
    uint64_t seen;        /* singular sub-messages met: a bit for each field of the descriptor */
    uint64_t lost;        /* bytes its content loses on the way to the skeleton */
    uint64_t fields;
    int64_t cut, part; /* its entry in the lists; negative if none */
};

/* A field's head, read. */
struct head {
    const ProtobufCFieldDescriptor *field; /* NULL: unknown */
    uint64_t start, length;                /* length: of the content, which starts at the scan's `at` */
    uint32_t number, wire, tag;
};

struct scan {
    struct wire *wire;
    struct arena *arena;
    const char *name;
    const struct file *file; /* NULL: the bytes are at hand */
    const uint8_t *bytes;
    uint64_t at, read;               /* where the scan is; how far the bytes were read */
    uint64_t lifted;                 /* of what is before `read`, bytes that were not kept */
    uint64_t ahead;                  /* how much to read at a time */
    struct wire_bytes *kept, *parts; /* what wire->parts points to until all are known */
    struct bnfuse_error *error;
    bool keeps_payloads; /* raw_data stays where it is, whatever its size */
    int depth;
    struct frame stack[WIRE_DEPTH];
};

static struct frame *top(struct scan *scan)
{
    return &scan->stack[scan->depth - 1];
}

/* What the whole is, in messages. */
static const char *noun(const struct scan *scan)
{
    const ProtobufCMessageDescriptor *type = scan->stack[0].type;
    return type == &bnfuse_onnx__model_proto__descriptor ? "ONNX model" : type->short_name;
}

static bool defect(struct scan *scan, uint64_t at, const ProtobufCFieldDescriptor *field, const char *what)
{
    return fail(scan->error, BNFUSE_INVALID, "%s: not a valid %s: byte %llu (%s%s%s): %s; get or export it again",
                scan->name, noun(scan), (unsigned long long)at, top(scan)->type->short_name, field ? "." : "",
                field ? field->name : "", what);
}

/* What ends beyond the file was most likely cut off on its way. */
static bool overrun(struct scan *scan, uint64_t at, const ProtobufCFieldDescriptor *field, uint64_t length)
{
    if (length <= scan->wire->size - scan->at)
        return defect(scan, at, field, "reaches beyond the end of the message around it");
    return fail(scan->error, BNFUSE_INVALID,
                "%s: cut short, or not a valid %s: byte %llu (%s%s%s) announces %llu "
                "bytes but the file ends after %llu; get or export it again",
                scan->name, noun(scan), (unsigned long long)at, top(scan)->type->short_name, field ? "." : "",
                field ? field->name : "", (unsigned long long)length,
                (unsigned long long)(scan->wire->size - scan->at));
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

enum { READ_FIRST = 4 << 10, READ_MOST = 64 << 10 };

static void release(void *object)
{
    struct wire_bytes *kept = object;
    if (kept->bytes) memory_give(kept->memory, kept->bytes, kept->room);
    kept->bytes = NULL;
    kept->size = kept->room = 0;
}

static struct wire_bytes *new_bytes(struct arena *arena)
{
    struct wire_bytes *bytes = NEW(arena, struct wire_bytes);
    bytes->memory = arena->memory;
    arena_defer(arena, release, bytes);
    return bytes;
}

/* Twice as much as before, but no more than `most`. */
static void make_room(struct wire_bytes *kept, uint64_t size, uint64_t most)
{
    if (size <= kept->room) return;
    uint64_t room = 2 * (uint64_t)kept->room < most ? 2 * (uint64_t)kept->room : most;
    room = room > size ? room : size;
    uint8_t *bytes = memory_take(kept->memory, room);
    if (kept->size) memcpy(bytes, kept->bytes, kept->size);
    if (kept->bytes) memory_give(kept->memory, kept->bytes, kept->room);
    kept->bytes = bytes;
    kept->room = room;
}

/* Sees to it that the next `size` bytes, which the file has, are in memory. */
static bool need(struct scan *scan, uint64_t size)
{
    struct wire_bytes *kept = scan->kept;
    if (scan->read - scan->at >= size) return true;
    uint64_t more = scan->at + size - scan->read, left = scan->wire->size - scan->read;
    scan->ahead = scan->ahead < READ_MOST / 2 ? 2 * scan->ahead : READ_MOST;
    if (more < scan->ahead) more = scan->ahead < left ? scan->ahead : left;
    make_room(kept, kept->size + more, kept->size + left);
    if (scan->file) {
        const struct span whole = { scan->file, 0, scan->wire->size };
        if (!span_read(&whole, scan->read, kept->bytes + kept->size, more, scan->error)) return false;
    } else {
        memcpy(kept->bytes + kept->size, scan->bytes + scan->read, more);
    }
    kept->size += more;
    scan->read += more;
    return true;
}

/* The bytes that come next, as many as were needed. */
static const uint8_t *here(const struct scan *scan)
{
    return scan->kept->bytes + (scan->at - scan->lifted);
}

/* Goes on `size` bytes further, and keeps none of those. */
static void jump(struct scan *scan, uint64_t size)
{
    uint64_t read = scan->read - scan->at;
    if (read <= size) {
        scan->kept->size -= read;
        scan->read = scan->at + size;
        scan->ahead = READ_FIRST / 2;
    } else {
        uint8_t *to = scan->kept->bytes + (scan->at - scan->lifted);
        memmove(to, to + size, read - size);
        scan->kept->size -= size;
    }
    scan->lifted += size;
    scan->at += size;
}

/* The length of the varint at `bytes`, 0 if it does not end within `size` bytes. */
static uint32_t read_varint(const uint8_t *bytes, uint64_t size, uint64_t *value)
{
    *value = 0;
    for (uint32_t i = 0; i < VARINT_BYTES && i < size; i++) {
        *value |= i < 9 ? (uint64_t)(bytes[i] & 0x7f) << 7 * i : (uint64_t)bytes[i] << 63;
        if (!(bytes[i] & 0x80)) return i + 1;
    }
    return 0;
}

/* ---- fields ---------------------------------------------------------------------------------------------------- */

static bool skip_varint(struct scan *scan, uint64_t start, const ProtobufCFieldDescriptor *field, uint32_t limit,
                        uint64_t *value)
{
    uint64_t left = top(scan)->end - scan->at, most = left < limit ? left : limit;
    if (left && scan->read > scan->at && !(*here(scan) & 0x80)) { /* most of them */
        *value = *here(scan);
        scan->at++;
        return true;
    }
    if (!need(scan, most)) return false;
    uint32_t size = read_varint(here(scan), most, value);
    if (!size && left < limit) return overrun(scan, start, field, left + 1);
    if (!size) return defect(scan, start, field, "a number of too many bytes");
    scan->at += size;
    return true;
}

static bool is_packed(const ProtobufCFieldDescriptor *field, uint32_t wire)
{
    return wire == 2 && field->label == PROTOBUF_C_LABEL_REPEATED && kinds[field->type].wire != 2;
}

static bool read_head(struct scan *scan, struct head *head)
{
    static const uint64_t fixed[] = { [1] = 8, [5] = 4 };
    const struct frame *frame = top(scan);
    uint64_t tag;
    *head = (struct head){ .start = scan->at };
    if (!skip_varint(scan, head->start, NULL, TAG_BYTES, &tag)) return false;
    head->tag = (uint32_t)(scan->at - head->start);
    head->number = (uint32_t)(tag >> 3);
    head->wire = tag & 7;
    if (!head->number || tag > UINT32_MAX) return defect(scan, head->start, NULL, "no field has such a number");
    if (head->wire == 3 || head->wire == 4) return defect(scan, head->start, NULL, "a group, which ONNX does not use");
    if (head->wire > 5) return defect(scan, head->start, NULL, "not a protobuf field");
    head->field = protobuf_c_message_descriptor_get_field(frame->type, head->number);
    if (head->field && head->wire != kinds[head->field->type].wire && !is_packed(head->field, head->wire))
        return defect(scan, head->start, head->field, "lies there as another type than ONNX gives it");
    if (head->wire == 0) return skip_varint(scan, head->start, head->field, VARINT_BYTES, &(uint64_t){ 0 });
    if (head->wire != 2) head->length = fixed[head->wire];
    else if (!skip_varint(scan, head->start, head->field, LENGTH_BYTES, &head->length)) return false;
    if (head->length > frame->end - scan->at) return overrun(scan, head->start, head->field, head->length);
    return true;
}

static struct cut *add_cut(struct scan *scan)
{
    struct wire *wire = scan->wire;
    if (wire->cut_count == wire->cut_room) {
        size_t room = wire->cut_room ? wire->cut_room * 2 : 64;
        wire->cuts = arena_grow(scan->arena, wire->cuts, wire->cut_count, room, sizeof *wire->cuts);
        wire->cut_room = room;
    }
    return &wire->cuts[wire->cut_count++];
}

static struct part *add_part(struct scan *scan)
{
    struct wire *wire = scan->wire;
    scan->parts->size = wire->part_count * sizeof *wire->parts;
    make_room(scan->parts, scan->parts->size + sizeof *wire->parts, SIZE_MAX);
    wire->parts = (struct part *)scan->parts->bytes;
    return &wire->parts[wire->part_count++];
}

static bool is_among(const ProtobufCMessageDescriptor *const *types, size_t count,
                     const ProtobufCMessageDescriptor *type)
{
    for (size_t i = 0; i < count; i++)
        if (types[i] == type) return true;
    return false;
}

#define IS_AMONG(types, type) is_among((types), sizeof(types) / sizeof *(types), (type))

/* Opens the message whose head was just read. */
static bool push(struct scan *scan, const struct head *head, const ProtobufCMessageDescriptor *type)
{
    if (!head->length && scan->depth && IS_AMONG(never_empty, type))
        return defect(scan, head->start, head->field, "is empty");
    if (scan->depth == WIRE_DEPTH) return defect(scan, head->start, head->field, "nested deeper than any ONNX model");
    struct frame *frame = &scan->stack[scan->depth++];
    *frame =
        (struct frame){ .type = type, .end = scan->at + head->length, .tag = head->tag, .cut = NO_CUT, .part = -1 };
    frame->start = head->start;
    frame->head = (uint32_t)(scan->at - head->start);
    frame->size = head->length;
    scan->wire->heap += type->sizeof_message + 32;
    if (!IS_AMONG(parted, type)) return true;
    scan->wire->heap += PART_HEAP;
    frame->part = (int64_t)scan->wire->part_count;
    *add_part(scan) = (struct part){
        .start = frame->start, .size = frame->size, .head = (uint16_t)frame->head, .field = (uint16_t)head->number
    };
    return true;
}

/* protobuf-c's list of fields grows by doubling once it holds sixteen, and is not reused. */
static uint64_t list_heap(uint64_t fields)
{
    return fields > 16 ? fields * 64 : 0;
}

/* Closes the message on top and settles its new length, which shortens the messages around it too. */
static void pop(struct scan *scan)
{
    struct frame *frame = top(scan);
    struct wire *wire = scan->wire;
    scan->depth--;
    wire->heap += list_heap(frame->fields);
    if (frame->part >= 0 && !wire->parts[frame->part].payload_size)
        wire->parts[frame->part].next = (uint32_t)wire->part_count;
    if (frame->cut < 0) {
        assert(!frame->lost || !scan->depth);
        return;
    }
    struct cut *cut = &wire->cuts[frame->cut];
    uint8_t length[VARINT_BYTES];
    *cut = (struct cut){
        .start = frame->start, .tag = frame->tag, .head = frame->head, .length = frame->size - frame->lost
    };
    top(scan)->lost += frame->lost + cut->head - (cut->tag + varint_put(length, cut->length));
}

/* Takes a payload out. The messages around it will be shorter; those not in the list of cuts yet start behind all that
 * is, so that the list stays sorted. */
static void lift(struct scan *scan, const struct head *head)
{
    for (int i = 1; i < scan->depth; i++) {
        if (scan->stack[i].cut >= 0) continue;
        scan->stack[i].cut = (int64_t)scan->wire->cut_count;
        *add_cut(scan) = (struct cut){ .start = scan->stack[i].start };
    }
    uint32_t size = (uint32_t)(scan->at - head->start);
    *add_cut(scan) = (struct cut){ .start = head->start, .tag = head->tag, .head = size, .lost = head->length };
    top(scan)->lost += head->length + size - (head->tag + 1);
}

/* raw_data. Where there are several, the last one counts. */
static bool meet_raw_data(struct scan *scan, const struct head *head)
{
    struct part *part = &scan->wire->parts[top(scan)->part];
    bool large = head->length >= WIRE_PAYLOAD && !scan->keeps_payloads && scan->at - part->start <= UINT32_MAX;
    part->payload = large ? (uint32_t)(scan->at - part->start) : 0;
    part->payload_size = large ? head->length : 0;
    if (large) {
        lift(scan, head);
        jump(scan, head->length);
        return true;
    }
    if (!need(scan, head->length)) return false;
    scan->wire->heap += head->length + 32;
    scan->at += head->length;
    return true;
}

/* Elements without tags of their own. */
static bool check_packed(struct scan *scan, const struct head *head)
{
    uint8_t wire = kinds[head->field->type].wire, memory = kinds[head->field->type].memory;
    uint64_t count = 0;
    if (wire) {
        if (head->length % memory)
            return defect(scan, head->start, head->field, "its length is no multiple of its type's");
        count = head->length / memory;
    } else {
        for (uint64_t at = 0, value; at < head->length; count++) {
            uint32_t size = read_varint(here(scan) + at, head->length - at, &value);
            if (!size) return defect(scan, scan->at + at, head->field, "a number without end");
            at += size;
        }
    }
    scan->wire->heap += count * memory + 32;
    return true;
}

static bool meet_message(struct scan *scan, const struct head *head)
{
    struct frame *frame = top(scan);
    if (head->field->label != PROTOBUF_C_LABEL_REPEATED) {
        uint64_t bit = UINT64_C(1) << (head->field - frame->type->fields);
        if (frame->seen & bit) return defect(scan, head->start, head->field, "there for the second time");
        frame->seen |= bit;
    }
    return push(scan, head, head->field->descriptor);
}

static bool scan_field(struct scan *scan)
{
    struct head head;
    if (!read_head(scan, &head)) return false;
    const ProtobufCFieldDescriptor *field = head.field;
    top(scan)->fields++;
    if (field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
        scan->wire->heap += kinds[field->type].memory;
        return meet_message(scan, &head);
    }
    if (field && top(scan)->type == &bnfuse_onnx__tensor_proto__descriptor && !strcmp(field->name, "raw_data"))
        return meet_raw_data(scan, &head);
    if (!need(scan, head.length)) return false;
    if (!field) {
        scan->wire->heap += (scan->at - head.start) + head.length + 64;
    } else if (is_packed(field, head.wire)) {
        if (!check_packed(scan, &head)) return false;
    } else {
        scan->wire->heap += kinds[field->type].memory + (head.wire == 2 ? head.length + 32 : 0);
        if (field->type == PROTOBUF_C_TYPE_STRING && memchr(here(scan), 0, head.length))
            return defect(scan, head.start, field, "a NUL inside a name");
    }
    scan->at += head.length;
    return true;
}

/* Real models take up to twenty times the bytes of their structure. */
#define HEAP_FACTOR 40
#define HEAP_ALWAYS ((uint64_t)64 << 20)

static bool is_bounded(struct scan *scan)
{
    const struct memory *memory = scan->arena->memory;
    if (scan->wire->heap > HEAP_ALWAYS && scan->wire->heap - HEAP_ALWAYS > HEAP_FACTOR * scan->wire->size)
        return fail(scan->error, BNFUSE_INVALID,
                    "%s: not a valid %s: its structure would take more than %d times its bytes, as no real one does",
                    scan->name, noun(scan), HEAP_FACTOR);
    if (memory->limit && scan->wire->heap > memory->limit - memory->used)
        return fail(scan->error, BNFUSE_INVALID,
                    "%s: its structure alone (%llu bytes of file so far) would take more "
                    "memory than the limit of %zu MiB leaves; raise the limit if you trust the file",
                    scan->name, (unsigned long long)scan->at, memory->limit >> 20);
    if (scan->wire->part_count < UINT32_MAX / 2) return true;
    return fail(scan->error, BNFUSE_UNSUPPORTED, "%s: more than two thousand million messages; split the model",
                scan->name);
}

static bool scan_message(struct scan *scan, const ProtobufCMessageDescriptor *type)
{
    const struct head whole = { .length = scan->wire->size };
    push(scan, &whole, type);
    while (scan->depth) {
        if (scan->at < top(scan)->end) {
            if (!scan_field(scan)) return false;
        } else {
            pop(scan);
        }
        if (!is_bounded(scan)) return false;
    }
    return true;
}

static struct scan *new_scan(struct wire *wire, struct arena *arena, const char *name, struct bnfuse_error *error)
{
    struct scan *scan = NEW(arena, struct scan);
    *scan = (struct scan){ .wire = wire, .arena = arena, .name = name, .error = error, .ahead = READ_FIRST / 2 };
    scan->kept = wire->kept = new_bytes(arena);
    scan->parts = new_bytes(arena);
    return scan;
}

bool wire_scan(struct wire *wire, struct arena *arena, const char *name, const struct file *file, const void *bytes,
               uint64_t size, struct bnfuse_error *error)
{
    *wire = (struct wire){ .size = size };
    struct scan *scan = new_scan(wire, arena, name, error);
    scan->file = file;
    scan->bytes = bytes;
    bool valid = scan_message(scan, &bnfuse_onnx__model_proto__descriptor);
    wire->parts = arena_grow(arena, wire->parts, wire->part_count, wire->part_count, sizeof *wire->parts);
    release(scan->parts);
    return valid;
}

bool wire_check(struct arena *arena, const char *name, const ProtobufCMessageDescriptor *type, const void *bytes,
                uint64_t size, struct bnfuse_error *error)
{
    struct wire wire = { .size = size };
    struct scan *scan = new_scan(&wire, arena, name, error);
    scan->bytes = bytes;
    scan->keeps_payloads = true;
    bool valid = scan_message(scan, type);
    wire_release(&wire);
    release(scan->parts);
    return valid;
}

/* In place, as no length grows. */
void wire_skeleton(struct wire *wire)
{
    uint8_t *bytes = wire->kept->bytes, *out = bytes;
    uint64_t at = 0, lifted = 0;
    for (size_t i = 0; i < wire->cut_count; i++) {
        const struct cut *cut = &wire->cuts[i];
        uint64_t start = cut->start - lifted, run = start + cut->tag - at;
        memmove(out, bytes + at, run);
        out += run;
        out += varint_put(out, cut->length);
        at = start + cut->head;
        lifted += cut->lost;
        assert(out <= bytes + at);
    }
    if (wire->kept->size > at) memmove(out, bytes + at, wire->kept->size - at);
    wire->kept->size -= at - (uint64_t)(out - bytes);
}

void wire_release(struct wire *wire)
{
    release(wire->kept);
}

size_t varint_put(uint8_t *to, uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) to[size++] = (uint8_t)(value | 0x80);
    to[size++] = (uint8_t)value;
    return size;
}
