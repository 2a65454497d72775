/* SPDX-License-Identifier: Apache-2.0
 *
 * A file about to be written, as a list of extents. */
#include "onnx/write/extents.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Outside the arena: what the list outgrows goes at once. */
struct piece_list {
    struct memory *memory;
    struct piece *list;
    size_t room;
};

static void release(void *object)
{
    struct piece_list *pieces = object;
    memory_give(pieces->memory, pieces->list, pieces->room * sizeof *pieces->list);
    pieces->list = NULL;
}

void extents_open(struct extents *extents, struct arena *arena)
{
    *extents = (struct extents){ .arena = arena, .pieces = NEW(arena, struct piece_list) };
    extents->pieces->memory = arena->memory;
    arena_defer(arena, release, extents->pieces);
}

const struct piece *extents_piece(const struct extents *extents, size_t i)
{
    assert(i < extents->count);
    return &extents->pieces->list[i];
}

const void *piece_bytes(const struct piece *piece)
{
    assert(piece->kind < PIECE_FILE);
    return piece->kind == PIECE_HEAD ? piece->head : piece->bytes;
}

static void enlarge(struct piece_list *pieces, size_t count)
{
    struct piece_list larger = { .memory = pieces->memory, .room = pieces->room ? pieces->room * 2 : 64 };
    if (larger.room > SIZE_MAX / sizeof *larger.list) memory_exhausted(pieces->memory);
    larger.list = memory_take(pieces->memory, larger.room * sizeof *larger.list);
    if (count) memcpy(larger.list, pieces->list, count * sizeof *larger.list);
    release(pieces);
    *pieces = larger;
}

static struct piece *add_piece(struct extents *extents, enum piece_kind kind, uint64_t size)
{
    if (extents->count == extents->pieces->room) enlarge(extents->pieces, extents->count);
    struct piece *piece = &extents->pieces->list[extents->count++];
    *piece = (struct piece){ .kind = kind, .size = size };
    extents->size += size;
    return piece;
}

/* Whether the run that starts here continues the last piece. */
static bool continues(const struct piece *last, const struct model *model, uint64_t start)
{
    if (!last || !last->is_run) return false;
    if (model->file) return last->offset + last->size == start;
    return (const char *)last->bytes + last->size == (const char *)model->bytes + start;
}

void extents_add_run(struct extents *extents, const struct model *model, uint64_t start, uint64_t size)
{
    struct piece *last = extents->count ? &extents->pieces->list[extents->count - 1] : NULL;
    if (!size) return;
    if (!continues(last, model, start)) {
        last = add_piece(extents, model->file ? PIECE_FILE : PIECE_BYTES, 0);
        last->is_run = true;
        last->offset = start;
        if (model->file) last->file = model->file;
        else last->bytes = (const char *)model->bytes + start;
    }
    last->size += size;
    extents->size += size;
}

void extents_add_bytes(struct extents *extents, const void *bytes, uint64_t size)
{
    if (size) add_piece(extents, PIECE_BYTES, size)->bytes = bytes;
}

void extents_add_zeros(struct extents *extents, uint64_t size)
{
    extents_add_bytes(extents, arena_alloc(extents->arena, size), size);
}

void extents_add_tensor(struct extents *extents, const struct tensor *tensor, uint64_t size)
{
    if (!size) return;
    if (tensor->factor_count || !(tensor->span.file || tensor->bytes)) {
        add_piece(extents, PIECE_TENSOR, size)->tensor = tensor;
    } else if (tensor->span.file) {
        struct piece *piece = add_piece(extents, PIECE_FILE, size);
        piece->file = tensor->span.file;
        piece->offset = tensor->span.offset;
    } else {
        extents_add_bytes(extents, tensor->bytes, size);
    }
}

/* The head comes first but is known last. */
struct open_message extents_begin(struct extents *extents, uint32_t field)
{
    struct open_message message = { extents->count, 0, field };
    add_piece(extents, PIECE_HEAD, 0);
    message.before = extents->size;
    return message;
}

void extents_end(struct extents *extents, struct open_message message)
{
    struct piece *piece = &extents->pieces->list[message.piece];
    size_t tag = varint_put(piece->head, (uint64_t)message.field << 3 | 2);
    piece->size = tag + varint_put(piece->head + tag, extents->size - message.before);
    extents->size += piece->size;
}

/* ---- what was written -------------------------------------------------------------------------------------------- */

/* The large tensors of a model in the order of its file. */
struct payloads {
    const struct part *at, *end;
};

/* How many bytes from `offset` on, at most `size`, are part of a large tensor (`inside`) or are not. */
static uint64_t stretch(struct payloads *payloads, uint64_t offset, uint64_t size, bool *inside)
{
    const struct part *part = payloads->at;
    while (part < payloads->end && (!part->payload_size || part_payload(part) + part->payload_size <= offset)) part++;
    payloads->at = part;
    *inside = part < payloads->end && part_payload(part) <= offset;
    uint64_t end = part == payloads->end ? UINT64_MAX : part_payload(part) + (*inside ? part->payload_size : 0);
    return end - offset < size ? end - offset : size;
}

struct reading_back {
    struct file_window old, new;
    const char *path;
    struct bnfuse_error *error;
};

static bool same_bytes(struct reading_back *r, const struct piece *piece, uint64_t from, uint64_t at, uint64_t size)
{
    for (uint64_t done = 0; done < size;) {
        size_t step = size - done < FILE_WINDOW / 4 ? (size_t)(size - done) : FILE_WINDOW / 4;
        const void *wanted = piece->kind == PIECE_FILE
                                 ? file_window_read(&r->old, piece->offset + from + done, step, r->error)
                                 : (const char *)piece_bytes(piece) + from + done;
        const void *found = file_window_read(&r->new, at + done, step, r->error);
        if (!wanted || !found) return false;
        if (memcmp(wanted, found, step) != 0)
            return fail(
                r->error, BNFUSE_INTERNAL,
                "%s: is not on the disk as it was written: bytes %llu to %llu; nothing was written; see whether "
                "the disk is sound",
                r->path, (unsigned long long)(at + done), (unsigned long long)(at + done + step));
        done += step;
    }
    return true;
}

static bool has_size(const struct extents *extents, const struct file *file, struct bnfuse_error *error)
{
    if (file->size == extents->size) return true;
    return fail(error, BNFUSE_INTERNAL, "%s: %llu bytes were written and %llu are there; nothing was written",
                file->path, (unsigned long long)extents->size, (unsigned long long)file->size);
}

bool extents_agree(const struct extents *extents, const struct model *model, struct bnfuse_error *error)
{
    struct payloads payloads = { model->parts, model->parts + model->part_count };
    struct reading_back r = { .path = model->file->path, .error = error };
    uint64_t at = 0;
    file_window_open(&r.old, model->arena, NULL);
    file_window_open(&r.new, model->arena, model->file);
    if (!has_size(extents, model->file, error)) return false;
    for (size_t i = 0; i < extents->count; i++) {
        const struct piece *piece = extents_piece(extents, i);
        if (piece->kind == PIECE_FILE && piece->file != r.old.file)
            r.old = (struct file_window){ .file = piece->file, .bytes = r.old.bytes };
        for (uint64_t done = 0, size; done < piece->size && piece->kind != PIECE_TENSOR; done += size) {
            bool inside;
            size = stretch(&payloads, at + done, piece->size - done, &inside);
            if (!inside && !same_bytes(&r, piece, done, at + done, size)) return false;
        }
        at += piece->size;
    }
    return true;
}

bool extents_agree_with_data(const struct extents *extents, const struct file *file, struct arena *arena,
                             struct bnfuse_error *error)
{
    struct reading_back r = { .path = file->path, .error = error };
    uint64_t at = 0;
    file_window_open(&r.new, arena, file);
    if (!has_size(extents, file, error)) return false;
    for (size_t i = 0; i < extents->count; i++) {
        const struct piece *piece = extents_piece(extents, i);
        if (piece->kind < PIECE_FILE && !same_bytes(&r, piece, 0, at, piece->size)) return false;
        at += piece->size;
    }
    return true;
}
