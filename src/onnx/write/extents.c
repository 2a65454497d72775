/* SPDX-License-Identifier: Apache-2.0
 *
 * A file about to be written, as a list of extents. */
#include "onnx/write/extents.h"

#include <assert.h>
#include <string.h>

enum { BUFFER = 256 << 10, LARGEST_HEAD = 15 };

static struct piece *add_piece(struct extents *extents, uint64_t size)
{
    if (extents->count == extents->room) {
        size_t room = extents->room ? extents->room * 2 : 64;
        extents->list = arena_grow(extents->arena, extents->list, extents->count, room, sizeof *extents->list);
        extents->room = room;
    }
    extents->size += size;
    extents->list[extents->count].size = size;
    return &extents->list[extents->count++];
}

void extents_add_run(struct extents *extents, const struct model *model, uint64_t start, uint64_t size)
{
    struct piece *last = extents->count ? &extents->list[extents->count - 1] : NULL;
    const char *bytes = model->file ? NULL : (const char *)model->bytes + start;
    if (!size) return;
    bool touches =
        last && last->is_run
        && (model->file ? last->span.offset + last->size == start : (const char *)last->bytes + last->size == bytes);
    if (!touches) {
        last = add_piece(extents, 0);
        last->is_run = true;
        last->bytes = bytes;
        if (model->file) last->span = (struct span){ model->file, start, 0 };
    }
    last->size += size;
    last->span.size += model->file ? size : 0;
    extents->size += size;
}

void extents_add_bytes(struct extents *extents, const void *bytes, uint64_t size)
{
    if (size) add_piece(extents, size)->bytes = bytes;
}

void extents_add_zeros(struct extents *extents, uint64_t size)
{
    extents_add_bytes(extents, arena_alloc(extents->arena, size), size);
}

void extents_add_tensor(struct extents *extents, const struct tensor *tensor, uint64_t size)
{
    if (!size) return;
    struct piece *piece = add_piece(extents, size);
    if (tensor->factor_count || !(tensor->span.file || tensor->bytes)) piece->tensor = tensor;
    else if (tensor->span.file) piece->span = tensor->span;
    else piece->bytes = tensor->bytes;
}

/* The head comes first but is known last. */
struct open_message extents_begin(struct extents *extents, uint32_t field)
{
    struct open_message message = { extents->count, 0, field };
    add_piece(extents, 0)->bytes = arena_alloc(extents->arena, LARGEST_HEAD);
    message.before = extents->size;
    return message;
}

void extents_end(struct extents *extents, struct open_message message)
{
    struct piece *piece = &extents->list[message.piece];
    uint8_t *head = (uint8_t *)piece->bytes;
    piece->size = varint_put(head, (uint64_t)message.field << 3 | 2);
    piece->size += varint_put(head + piece->size, extents->size - message.before);
    extents->size += piece->size;
}

/* As many elements at a time as fill the buffer; a multiple of eight, because small types share bytes. */
static bool write_tensor(const struct tensor *tensor, uint64_t size, char *buffer, struct atomic_file *target,
                         struct bnfuse_error *error)
{
    const int64_t step = (int64_t)BUFFER * 8 / dtype_bits(tensor->type) / 8 * 8;
    for (int64_t first = 0; first < tensor->count; first += step) {
        int64_t count = tensor->count - first < step ? tensor->count - first : step, bytes = 0;
        bool sized = dtype_bytes(tensor->type, count, &bytes);
        assert(sized && bytes <= BUFFER && (uint64_t)bytes <= size);
        (void)sized;
        if (!tensor_read_bytes(tensor, first, count, buffer, error)) return false;
        if (!atomic_file_write(target, buffer, (size_t)bytes, error)) return false;
        size -= (uint64_t)bytes;
    }
    assert(!size);
    return true;
}

bool extents_write(const struct extents *extents, struct atomic_file *target, struct bnfuse_error *error)
{
    char *buffer = arena_alloc(extents->arena, BUFFER);
    for (size_t i = 0; i < extents->count; i++) {
        const struct piece *piece = &extents->list[i];
        bool ok = piece->tensor      ? write_tensor(piece->tensor, piece->size, buffer, target, error)
                  : piece->span.file ? atomic_file_copy(target, &piece->span, error)
                                     : atomic_file_write(target, piece->bytes, piece->size, error);
        if (!ok) return false;
    }
    return true;
}
