/* SPDX-License-Identifier: Apache-2.0
 *
 * Extents on their way into a file, in chunks that end at multiples of their size: the system keeps such a chunk in one
 * piece, which halves its work. An element may stand across the end of a chunk; so the buffer keeps a few bytes that
 * are in the file already, and may hold a few more than a chunk. */
#include "onnx/write/writer.h"

#include "onnx/write/elements.h"

#include <assert.h>
#include <string.h>

/* MOST_HELD: large tensors of which a part is in the buffer. */
enum { CHUNK = 256 << 10, SLACK = 256, HELD = 64 << 10, MOST_HELD = 2 + (CHUNK + SLACK) / HELD };

/* Elements of a large tensor that were made, and not yet all held against the file. */
struct stretch {
    const struct tensor *tensor;
    uint64_t at;          /* of the tensor, in the file */
    int64_t first, count; /* of the elements */
    size_t place;         /* of the first in the buffer */
    uint64_t origin;      /* where its source was read from */
    bool differs;         /* an earlier one did */
};

struct writer {
    struct atomic_file *target;
    struct held_list *held;
    bool *overflow;
    struct file file; /* the target, for reading back */
    struct elements *elements;
    struct stretch stretches[MOST_HELD];
    size_t stretch_count;
    uint64_t start;                 /* of the buffer, in the file */
    size_t written, filled, limit;  /* of the buffer: bytes that are in the file; made; at the end of the chunk */
    unsigned char *buffer, *source; /* bytes for the file; at the same places, those they were made of */
    struct span read;               /* what was read last */
    struct bnfuse_error *error;
};

/* ---- reading back ------------------------------------------------------------------------------------------------ */

static int64_t byte_count(const struct tensor *tensor, int64_t count)
{
    int64_t bytes = 0;
    bool sized = dtype_bytes(tensor->type, count, &bytes);
    assert(sized);
    (void)sized;
    return bytes;
}

static void note_held(struct held_list *held, uint64_t at, const struct tensor *tensor)
{
    if (held->count == held->room) {
        size_t room = held->room * 2 + 8;
        held->list = arena_grow(held->arena, held->list, held->count, room, sizeof *held->list);
        held->room = room;
    }
    held->list[held->count++] = (struct held){ at, tensor };
}

/* Those elements of a stretch that are in the file; in eights, because small types share bytes. */
static int64_t count_written(const struct writer *w, const struct stretch *stretch)
{
    const int64_t bytes = (int64_t)w->written - (int64_t)stretch->place;
    if (byte_count(stretch->tensor, stretch->count) <= bytes) return stretch->count;
    return bytes < 0 ? 0 : bytes * 8 / dtype_bits(stretch->tensor->type) / 8 * 8;
}

/* A difference is for verify.c to report. */
static bool read_back(struct writer *w, struct stretch *stretch)
{
    const struct tensor *tensor = stretch->tensor;
    const struct span span = { &w->file, stretch->at, (uint64_t)byte_count(tensor, tensor->count) };
    const struct tensor written = { .type = tensor->type, .count = tensor->count, .span = span };
    const struct elements_read read = { w->source + stretch->place, tensor->span.file, stretch->origin };
    const int64_t count = count_written(w, stretch), bytes = count / 8 * dtype_bits(tensor->type);
    int64_t different = -1;
    if (!stretch->differs
        && !elements_compare(w->elements, tensor, &written, stretch->first, count, read.file ? &read : NULL, &different,
                             w->error))
        return false;
    stretch->differs |= different >= 0;
    stretch->first += count;
    stretch->count -= count;
    stretch->place += (size_t)bytes;
    stretch->origin += (uint64_t)bytes;
    if (stretch->first == tensor->count && !stretch->differs) note_held(w->held, stretch->at, tensor);
    return true;
}

/* Elements just made, at the end of the buffer. They follow those of the same tensor, and so does their source. */
static void add_stretch(struct writer *w, const struct tensor *tensor, uint64_t at, int64_t first, int64_t count)
{
    if (!first) {
        assert(w->stretch_count < MOST_HELD);
        w->stretches[w->stretch_count++] = (struct stretch){ tensor, at, 0, 0, w->filled, w->read.offset, false };
    }
    struct stretch *last = &w->stretches[w->stretch_count - 1];
    assert(last->tensor == tensor && last->first + last->count == first);
    last->differs |= tensor->span.file && w->read.offset != last->origin + (uint64_t)byte_count(tensor, last->count);
    last->count += count;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Takes `gone` bytes out of the buffer. */
static void advance(struct writer *w, size_t gone)
{
    memmove(w->buffer, w->buffer + gone, w->filled - gone);
    memmove(w->source, w->source + gone, w->filled - gone);
    w->start += gone;
    w->written -= gone;
    w->filled -= gone;
    w->limit = CHUNK - (size_t)((w->start + w->written) % CHUNK) + w->written;
    for (size_t i = 0; i < w->stretch_count; i++) w->stretches[i].place -= gone;
}

/* Writes the buffer up to `end`. What of it belongs to elements that go on beyond it, stays. */
static bool drain(struct writer *w, size_t end)
{
    size_t kept = 0, gone = end;
    if (!atomic_file_write(w->target, w->buffer + w->written, end - w->written, w->error)) return false;
    w->written = end;
    for (size_t i = 0; i < w->stretch_count; i++) {
        struct stretch *stretch = &w->stretches[i];
        if (!read_back(w, stretch)) return false;
        if (stretch->first == stretch->tensor->count) continue;
        if (stretch->place < gone) gone = stretch->place;
        w->stretches[kept++] = *stretch;
    }
    w->stretch_count = kept;
    advance(w, gone);
    return true;
}

static bool is_finite(struct writer *w, const struct tensor *tensor, int64_t first, int64_t count)
{
    if (!w->overflow || !tensor->factor_count) return true;
    int64_t at = dtype_first_not_finite(tensor->type, w->buffer + w->filled, count);
    if (at < 0) return true;
    *w->overflow = true;
    return fail(w->error, BNFUSE_INTERNAL, "%s: element %lld of a folded weight leaves %s; nothing was written",
                w->target->path, (long long)(first + at), dtype_name(tensor->type));
}

/* Part of a span into `source`. */
static bool read_source(struct writer *w, const struct span *span, uint64_t from, size_t bytes)
{
    w->read = (struct span){ span->file, span->offset + from, bytes };
    return span_read(&w->read, 0, w->source + w->filled, bytes, w->error);
}

/* Elements as they will be stored, to the end of the buffer. */
static bool make_elements(struct writer *w, const struct tensor *tensor, int64_t first, int64_t count)
{
    const size_t bytes = (size_t)byte_count(tensor, count);
    const uint64_t from = (uint64_t)(first / 8 * dtype_bits(tensor->type));
    unsigned char *to = w->buffer + w->filled, *source = w->source + w->filled;
    if (!tensor->span.file) {
        if (!tensor_read_bytes(tensor, first, count, to, w->error)) return false;
    } else {
        if (!read_source(w, &tensor->span, from, bytes)) return false;
        if (tensor_is_stored(tensor)) memcpy(to, source, bytes);
        else tensor_scale_bytes(tensor, first, count, source, to);
    }
    return is_finite(w, tensor, first, count);
}

static bool add_tensor(struct writer *w, const struct tensor *tensor, uint64_t size)
{
    const uint64_t at = w->start + w->filled;
    const int64_t bits = dtype_bits(tensor->type);
    for (int64_t first = 0, count; first < tensor->count; first += count) {
        count = ((int64_t)(w->limit - w->filled) * 8 / bits / 8 + 1) * 8;
        if (count > tensor->count - first) count = tensor->count - first;
        if (!make_elements(w, tensor, first, count)) return false;
        if (size >= HELD) add_stretch(w, tensor, at, first, count);
        w->filled += (size_t)byte_count(tensor, count);
        if (w->filled >= w->limit && !drain(w, w->limit)) return false;
    }
    return true;
}

static bool add_run(struct writer *w, const struct piece *piece)
{
    struct tensor small, *run = piece->size < HELD ? &small : NEW(w->held->arena, struct tensor);
    *run = (struct tensor){ .type = DTYPE_UINT8,
                            .count = (int64_t)piece->size,
                            .span = { piece->file, piece->offset, piece->size } };
    return add_tensor(w, run, piece->size);
}

static bool add_bytes(struct writer *w, const unsigned char *bytes, uint64_t size)
{
    for (size_t step; size; bytes += step, size -= step) {
        step = size < w->limit - w->filled ? (size_t)size : w->limit - w->filled;
        memcpy(w->buffer + w->filled, bytes, step);
        w->filled += step;
        if (w->filled == w->limit && !drain(w, w->limit)) return false;
    }
    return true;
}

static bool add_piece(struct writer *w, const struct piece *piece)
{
    if (piece->kind == PIECE_TENSOR) return add_tensor(w, piece->tensor, piece->size);
    return piece->kind == PIECE_FILE ? add_run(w, piece) : add_bytes(w, piece_bytes(piece), piece->size);
}

bool extents_write(const struct extents *extents, struct atomic_file *target, struct held_list *held, bool *overflow,
                   struct bnfuse_error *error)
{
    struct writer w = { .target = target, .held = held, .overflow = overflow, .limit = CHUNK, .error = error };
    w.file = (struct file){ .path = target->path, .fd = target->fd, .size = extents->size };
    w.buffer = arena_alloc(extents->arena, CHUNK + SLACK);
    w.source = arena_alloc(extents->arena, CHUNK + SLACK);
    w.elements = elements_open(extents->arena);
    atomic_file_reserve(target, extents->size);
    for (size_t i = 0; i < extents->count; i++)
        if (!add_piece(&w, extents_piece(extents, i))) return false;
    return drain(&w, w.filled);
}

/* ---- what was held ----------------------------------------------------------------------------------------------- */

/* Whether bytes `at` of a run are the elements. */
static bool holds(const struct tensor *run, uint64_t at, const struct tensor *tensor)
{
    const struct span *span = &tensor->span;
    if (!span->file || !tensor_is_stored(tensor) || !tensor_is_stored(run)) return false;
    return span->file == run->span.file && span->offset == run->span.offset + at && at <= run->span.size
           && span->size <= run->span.size - at;
}

bool extents_held(const struct held_list *held, uint64_t offset, const struct tensor *tensor)
{
    size_t low = 0, high = held->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (held->list[middle].at <= offset) low = middle + 1;
        else high = middle;
    }
    if (!low) return false;
    const struct held *last = &held->list[low - 1];
    return (last->at == offset && last->tensor == tensor) || holds(last->tensor, offset - last->at, tensor);
}
