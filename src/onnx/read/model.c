/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes to ModelProto: scan, skeleton, protobuf-c, and a map from every message back to its place in the file. */
#include "onnx/read/model.h"

#include "base/platform.h"
#include "onnx/read/external.h"
#include "onnx/read/foreign.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void *allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

/* The arena frees everything at once. */
static void leave(void *arena, void *block)
{
    (void)arena;
    (void)block;
}

static bool unpack(struct model *model, struct wire *wire, struct bnfuse_error *error)
{
    ProtobufCAllocator allocator = { allocate, leave, model->arena };
    wire_skeleton(wire);
    if (wire->kept->size > INT_MAX)
        return fail(error, BNFUSE_UNSUPPORTED,
                    "%s: %zu bytes outside raw_data, more than protobuf can hold; export the "
                    "model with its weights as raw_data or external data",
                    model->name, wire->kept->size);
    model->proto = bnfuse_onnx__model_proto__unpack(&allocator, wire->kept->size, wire->kept->bytes);
    wire_release(wire);
    if (!model->proto) return fail(error, BNFUSE_INVALID, "%s: protobuf-c cannot read the model", model->name);
    if (!model->proto->graph)
        return fail(error, BNFUSE_INVALID,
                    "%s: holds no graph, so it is not an ONNX model (a TensorProto, perhaps, or "
                    "a file of another kind)",
                    model->name);
    return true;
}

/* The message that is at `part`, the next of its field in `parent`. `met` counts those by field. */
static const ProtobufCMessage *next_child(const ProtobufCMessage *parent, const struct part *part, uint32_t *met)
{
    const ProtobufCMessageDescriptor *type = parent->descriptor;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, part->field);
    const char *member = (const char *)parent + field->offset;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) return *(ProtobufCMessage *const *)member;
    return (*(ProtobufCMessage * *const *)member)[met[field - type->fields]++];
}

/* Where the number of the message's part is, plus one; 0 where it belongs. */
static uint32_t *find_slot(const struct model *model, const void *message)
{
    const size_t mask = model->part_slot_count - 1; /* a power of two */
    size_t at = (size_t)((uint64_t)(uintptr_t)message * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
    while (model->part_slots[at] && (const void *)model->parts[model->part_slots[at] - 1].message != message)
        at = (at + 1) & mask;
    return &model->part_slots[at];
}

/* So that it can be used as text. */
static void end_text(struct arena *arena, const ProtobufCMessage *message)
{
    if (message->descriptor != &bnfuse_onnx__attribute_proto__descriptor) return;
    ProtobufCBinaryData *text = &((BnfuseOnnx__AttributeProto *)message)->s;
    if (text->len) text->data = memcpy(arena_alloc(arena, text->len + 1), text->data, text->len);
}

/* Walks the parts in the order of the file beside the messages they became. */
static void link_parts(struct model *model, struct part *parts)
{
    enum { FIELDS = 32 };
    struct {
        size_t part;
        uint32_t met[FIELDS];
    } stack[WIRE_DEPTH];
    int depth = 0;
    model->part_slot_count = 8;
    while (model->part_slot_count / 4 * 3 < model->part_count) model->part_slot_count *= 2;
    model->part_slots = NEW_ARRAY(model->arena, uint32_t, model->part_slot_count);
    parts[0].message = &model->proto->base;
    for (size_t i = 0; i < model->part_count; i++) {
        while (depth && &parts[i] >= part_next(parts, &parts[stack[depth - 1].part])) depth--;
        if (depth) {
            size_t parent = stack[depth - 1].part;
            parts[i].message = next_child(parts[parent].message, &parts[i], stack[depth - 1].met);
        }
        *find_slot(model, parts[i].message) = (uint32_t)i + 1;
        end_text(model->arena, parts[i].message);
        assert(parts[i].message->descriptor->n_fields <= FIELDS && depth < WIRE_DEPTH);
        stack[depth].part = i;
        memset(stack[depth++].met, 0, sizeof stack->met);
    }
}

/* In a model from memory, what was taken out of the skeleton is at hand after all. */
static void point_into_bytes(const struct model *model)
{
    for (size_t i = 0; i < model->part_count; i++) {
        const struct part *part = &model->parts[i];
        if (!part->payload_size) continue;
        ((BnfuseOnnx__TensorProto *)part->message)->raw_data =
            (ProtobufCBinaryData){ .len = part->payload_size, .data = (uint8_t *)model->bytes + part_payload(part) };
    }
}

/* An error of a file that is no ONNX model becomes one that says what it is. */
static bool name_foreign(const struct model *model, struct bnfuse_error *error)
{
    char head[FOREIGN_HEAD];
    const struct span span = { model->file, 0, model->size };
    size_t size = model->size < sizeof head ? (size_t)model->size : sizeof head;
    struct bnfuse_error ignored;
    if (error && error->status != BNFUSE_INVALID) return false;
    if (model->bytes) memcpy(head, model->bytes, size);
    else if (!span_read(&span, 0, head, size, &ignored)) return false;
    const char *what = foreign_format(head, size);
    if (what) fail(error, BNFUSE_INVALID, "%s: not an ONNX model: it is %s", model->name, what);
    return false;
}

static bool scan(struct model *model, struct bnfuse_error *error)
{
    struct wire *wire = NEW(model->arena, struct wire);
    model->externals = external_list(model->arena);
    if (!model->size)
        return fail(error, BNFUSE_INVALID, "%s: is empty, not an ONNX model; get or export it again", model->name);
    if (!wire_scan(wire, model->arena, model->name, model->file, model->bytes, model->size, error))
        return name_foreign(model, error);
    model->wire = wire;
    model->parts = wire->parts;
    model->part_count = wire->part_count;
    return true;
}

bool model_unpack(struct model *model, struct bnfuse_error *error)
{
    if (!unpack(model, model->wire, error)) return name_foreign(model, error);
    link_parts(model, model->wire->parts);
    model->wire = NULL;
    return true;
}

bool model_read(struct model *model, struct arena *arena, const char *name, const void *bytes, size_t size,
                struct bnfuse_error *error)
{
    *model = (struct model){ .arena = arena, .bytes = bytes, .size = size, .directory = "." };
    model->name = arena_copy_text(arena, name);
    if (!scan(model, error) || !model_unpack(model, error)) return false;
    point_into_bytes(model);
    return true;
}

static void close_file(void *file)
{
    if (((struct file *)file)->fd >= 0) close(((struct file *)file)->fd);
}

/* -1 with errno, or the number of bytes moved; 0 at the end. */
static ssize_t move_piece(int from, int to, char *piece, size_t size)
{
    ssize_t count, done = 0;
    do count = read(from, piece, size);
    while (count < 0 && errno == EINTR);
    while (done < count) {
        ssize_t written = write(to, piece + done, (size_t)(count - done));
        if (written < 0) return -1;
        done += written;
    }
    return count;
}

/* What cannot be mapped (a pipe, a terminal) moves to a file that is in memory. */
static bool read_stream(struct file *file, struct arena *arena, struct bnfuse_error *error)
{
    enum { PIECE = 64 << 10 };
    char *piece = arena_alloc(arena, PIECE);
    size_t limit = arena->memory->limit ? arena->memory->limit : SIZE_MAX;
    int from = file->fd;
    ssize_t count = -1;
    file->fd = platform_memory_file();
    if (file->fd >= 0)
        while (file->size <= limit && (count = move_piece(from, file->fd, piece, PIECE)) > 0)
            file->size += (uint64_t)count;
    int reason = errno;
    close(from);
    if (count < 0) return fail(error, BNFUSE_USAGE, "%s: cannot read: %s", file->path, strerror(reason));
    if (!count) return true;
    return fail(error, BNFUSE_USAGE, "%s: longer than the memory limit of %zu MiB; save it to a file first", file->path,
                limit >> 20);
}

static bool open_file(struct file *file, struct arena *arena, const char *path, struct bnfuse_error *error)
{
    struct stat status;
    bool standard = !strcmp(path, "-");
    file->path = standard ? "standard input" : arena_copy_text(arena, path);
    file->fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &status)) {
        int reason = errno;
        close_file(file);
        file->fd = -1;
        return fail(error, BNFUSE_USAGE, "%s: cannot open: %s", file->path, strerror(reason));
    }
    arena_defer(arena, close_file, file);
    const char *what = S_ISDIR(status.st_mode) ? foreign_folder(path) : NULL;
    if (what) return fail(error, BNFUSE_USAGE, "%s: not an ONNX model: it is %s", file->path, what);
    if (S_ISDIR(status.st_mode))
        return fail(error, BNFUSE_USAGE, "%s: is a directory; name the model file in it", file->path);
    if (!S_ISREG(status.st_mode)) return read_stream(file, arena, error);
    file->size = (uint64_t)status.st_size;
    file->modified = platform_modified(&status);
    return true;
}

static const char *directory_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return ".";
    return arena_printf(arena, "%.*s", (int)(slash - path + (slash == path)), path);
}

bool model_load(struct model *model, struct arena *arena, const char *path, struct bnfuse_error *error)
{
    struct file *file = NEW(arena, struct file);
    return open_file(file, arena, path, error) && model_load_file(model, arena, file, directory_of(arena, path), error);
}

bool model_scan_file(struct model *model, struct arena *arena, const struct file *file, const char *directory,
                     struct bnfuse_error *error)
{
    *model = (struct model){ .arena = arena, .name = file->path, .file = file, .directory = directory };
    model->size = file->size;
    return scan(model, error);
}

bool model_load_file(struct model *model, struct arena *arena, const struct file *file, const char *directory,
                     struct bnfuse_error *error)
{
    return model_scan_file(model, arena, file, directory, error) && model_unpack(model, error);
}

static bool holds_text(const uint8_t *bytes, size_t size, const char *text)
{
    const size_t length = strlen(text);
    const uint8_t *end = bytes + size;
    while ((size_t)(end - bytes) >= length && (bytes = memchr(bytes, *text, (size_t)(end - bytes) - length + 1))) {
        if (!memcmp(bytes, text, length)) return true;
        bytes++;
    }
    return false;
}

bool model_file_holds(struct arena *arena, const char *path, const char *text, bool *holds, struct bnfuse_error *error)
{
    struct file *file = NEW(arena, struct file);
    struct wire wire;
    if (!open_file(file, arena, path, error)) return false;
    if (!wire_scan(&wire, arena, file->path, file, NULL, file->size, error)) return false;
    *holds = wire.kept->size && holds_text(wire.kept->bytes, wire.kept->size, text);
    wire_release(&wire);
    return true;
}

const struct part *model_part(const struct model *model, const void *message)
{
    const uint32_t number = message ? *find_slot(model, message) : 0;
    return number ? &model->parts[number - 1] : NULL;
}

bool model_payload(const struct model *model, const BnfuseOnnx__TensorProto *tensor, struct span *span)
{
    /* What was taken out of the skeleton left an empty field there. */
    if (!model->file || !tensor->has_raw_data || tensor->raw_data.len) return false;
    const struct part *part = model_part(model, tensor);
    if (!part || !part->payload_size) return false;
    *span = (struct span){ model->file, part_payload(part), part->payload_size };
    return true;
}

int64_t opset_version(BnfuseOnnx__OperatorSetIdProto *const *imports, size_t count, const char *domain)
{
    const char *wanted = strcmp(domain, "ai.onnx") ? domain : "";
    for (size_t i = 0; i < count; i++) {
        const char *given = imports[i]->domain ? imports[i]->domain : "";
        if (!strcmp(strcmp(given, "ai.onnx") ? given : "", wanted)) return imports[i]->version;
    }
    return 0;
}
