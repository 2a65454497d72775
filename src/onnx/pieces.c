/* SPDX-License-Identifier: Apache-2.0
 *
 * A file about to be written, as a list of pieces. */
#include "onnx/pieces.h"

#include <assert.h>
#include <string.h>

enum { BUFFER = 256 << 10, LARGEST_HEAD = 15 };

static struct piece *add_piece(struct pieces *pieces, uint64_t size)
{
    if (pieces->count == pieces->room) {
        size_t room = pieces->room ? pieces->room * 2 : 64;
        pieces->list = arena_grow(pieces->arena, pieces->list, pieces->count, room, sizeof *pieces->list);
        pieces->room = room;
    }
    pieces->size += size;
    pieces->list[pieces->count].size = size;
    return &pieces->list[pieces->count++];
}

void pieces_add_run(struct pieces *pieces, const struct model *model, uint64_t start, uint64_t size)
{
    struct piece *last = pieces->count ? &pieces->list[pieces->count - 1] : NULL;
    const char *bytes = model->file ? NULL : (const char *)model->bytes + start;
    if (!size) return;
    bool touches = last && last->is_run && (model->file ? last->span.offset + last->size == start
                                                        : (const char *)last->bytes + last->size == bytes);
    if (!touches) {
        last = add_piece(pieces, 0);
        last->is_run = true;
        last->bytes = bytes;
        if (model->file) last->span = (struct span){ model->file, start, 0 };
    }
    last->size += size;
    last->span.size += model->file ? size : 0;
    pieces->size += size;
}

void pieces_add_bytes(struct pieces *pieces, const void *bytes, uint64_t size)
{
    if (size) add_piece(pieces, size)->bytes = bytes;
}

void pieces_add_zeros(struct pieces *pieces, uint64_t size)
{
    pieces_add_bytes(pieces, arena_alloc(pieces->arena, size), size);
}

void pieces_add_tensor(struct pieces *pieces, const struct tensor *tensor, uint64_t size)
{
    if (!size) return;
    struct piece *piece = add_piece(pieces, size);
    if (tensor->factor_count || !(tensor->span.file || tensor->bytes)) piece->tensor = tensor;
    else if (tensor->span.file) piece->span = tensor->span;
    else piece->bytes = tensor->bytes;
}

/* The head comes first but is known last. */
struct open_message pieces_begin(struct pieces *pieces, uint32_t field)
{
    struct open_message message = { pieces->count, 0, field };
    add_piece(pieces, 0)->bytes = arena_alloc(pieces->arena, LARGEST_HEAD);
    message.before = pieces->size;
    return message;
}

void pieces_end(struct pieces *pieces, struct open_message message)
{
    struct piece *piece = &pieces->list[message.piece];
    uint8_t *head = (uint8_t *)piece->bytes;
    piece->size = varint_put(head, (uint64_t)message.field << 3 | 2);
    piece->size += varint_put(head + piece->size, pieces->size - message.before);
    pieces->size += piece->size;
}

/* As many elements at a time as fill the buffer; a multiple of eight, because small types share bytes. */
static bool write_tensor(const struct tensor *tensor, uint64_t size, char *buffer, struct target *target,
                         struct bnfuse_error *error)
{
    const int64_t step = (int64_t)BUFFER * 8 / dtype_bits(tensor->type) / 8 * 8;
    for (int64_t first = 0; first < tensor->count; first += step) {
        int64_t count = tensor->count - first < step ? tensor->count - first : step, bytes = 0;
        bool sized = dtype_bytes(tensor->type, count, &bytes);
        assert(sized && bytes <= BUFFER && (uint64_t)bytes <= size);
        (void)sized;
        if (!tensor_read_bytes(tensor, first, count, buffer, error)) return false;
        if (!target_write(target, buffer, (size_t)bytes, error)) return false;
        size -= (uint64_t)bytes;
    }
    assert(!size);
    return true;
}

bool pieces_write(const struct pieces *pieces, struct target *target, struct bnfuse_error *error)
{
    char *buffer = arena_alloc(pieces->arena, BUFFER);
    for (size_t i = 0; i < pieces->count; i++) {
        const struct piece *piece = &pieces->list[i];
        bool ok = piece->tensor ? write_tensor(piece->tensor, piece->size, buffer, target, error)
                : piece->span.file ? target_copy(target, &piece->span, error)
                : target_write(target, piece->bytes, piece->size, error);
        if (!ok) return false;
    }
    return true;
}
