/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a model before protobuf-c sees them. protobuf-c overflows the stack on deep nesting, merges repeated
 * sub-messages in quadratic time, cuts strings at NUL and answers every defect with the same NULL. The scan runs
 * without recursion, names the byte and the reason, and notes where the messages are that the writer splices. It also
 * takes large raw_data out: what protobuf-c unpacks is a skeleton in which each of them is empty.
 *
 * A file is read once, from its beginning to its end, and jumped over where its weights are. What was scanned is what
 * is unpacked: it stays in memory, so a file that changes meanwhile cannot slip anything past the scan. */
#ifndef ONNX_READ_WIRE_H
#define ONNX_READ_WIRE_H

#include "onnx.pb-c.h"
#include "onnx/read/span.h"

enum {
    WIRE_DEPTH = 100,       /* messages inside each other, the model included */
    WIRE_PAYLOAD = 1 << 10, /* raw_data of so many bytes stays in the file */
};

/* One message of a kind that the writer splices: model, graph, node, attribute, tensor, sparse tensor, value_info,
 * annotation, function, training info. All messages that can hold one of these are of these kinds. */
struct part {
    uint64_t start, size;            /* in the file: `head` bytes of tag and length, then `size` of content */
    uint64_t payload_size;           /* of a tensor whose raw_data was taken out; else 0 */
    const ProtobufCMessage *message; /* filled in by model.c */
    uint16_t head, field;            /* field: its number in the enclosing message; 0 for the model */
    union {
        uint32_t next;    /* index of the first part after everything in this one, without a payload */
        uint32_t payload; /* with one: where it begins, from `start` on; such a part holds no other */
    };
};

/* The first of the list that comes after everything in this one. */
static inline const struct part *part_next(const struct part *parts, const struct part *part)
{
    return part->payload_size ? part + 1 : parts + part->next;
}

static inline uint64_t part_payload(const struct part *part)
{
    return part->start + part->payload;
}

static inline uint64_t part_content(const struct part *part)
{
    return part->start + part->head;
}

static inline uint64_t part_end(const struct part *part)
{
    return part_content(part) + part->size;
}

/* A change on the way from the file to the skeleton: the field at `start` keeps its tag, gets a new length, and loses
 * the `lost` bytes behind its old head. */
struct cut {
    uint64_t start, length, lost;
    uint32_t tag, head; /* bytes of the tag; of tag and old length */
};

struct wire {
    struct part *parts; /* in the order of the file, an enclosing message before what it holds; [0] is the model */
    size_t part_count;
    struct cut *cuts; /* by start */
    size_t cut_count, cut_room;
    uint64_t size;
    uint64_t heap;           /* what protobuf-c will need at most, roughly */
    struct wire_bytes *kept; /* the bytes without the large raw_data */
};

/* Bytes of their own, outside the arena, so that they can go early. */
struct wire_bytes {
    struct memory *memory;
    uint8_t *bytes;
    size_t size, room;
};

/* Scans the ModelProto in a file, or in `bytes` when `file` is NULL; lists live in the arena. `name` is the file's in
 * messages. Also when it fails, wire->kept holds what was read so far. */
bool wire_scan(struct wire *wire, struct arena *arena, const char *name, const struct file *file, const void *bytes,
               uint64_t size, struct bnfuse_error *error);

/* Whether protobuf-c can safely unpack a message of this type that stands alone; nothing is taken out of it. */
bool wire_check(struct arena *arena, const char *name, const ProtobufCMessageDescriptor *type, const void *bytes,
                uint64_t size, struct bnfuse_error *error);

/* Turns what was kept into the skeleton: lengths become those of the messages without their raw_data. */
void wire_skeleton(struct wire *wire);
/* Lets the bytes go. */
void wire_release(struct wire *wire);

/* Appends `value` in base 128; at most 10 bytes. The number of bytes. */
size_t varint_put(uint8_t *to, uint64_t value);

#endif
