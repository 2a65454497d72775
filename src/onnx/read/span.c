/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that stay in a file until they are needed. */
#include "onnx/read/span.h"

#include "base/platform.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool span_read(const struct span *span, uint64_t offset, void *to, size_t size, struct bnfuse_error *error)
{
    assert(offset <= span->size && size <= span->size - offset);
    if (span->file->bytes) {
        if (size) memcpy(to, (const char *)span->file->bytes + span->offset + offset, size);
        return true;
    }
    for (uint64_t at = span->offset + offset; size;) {
        ssize_t count = pread(span->file->fd, to, size, (off_t)at);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(error, BNFUSE_USAGE, "%s: cannot read: %s", span->file->path, strerror(errno));
        if (!count)
            return fail(error, BNFUSE_USAGE,
                        "%s: ends at byte %llu where it held data before; it was changed while "
                        "being read, run again when nobody writes it",
                        span->file->path, (unsigned long long)at);
        to = (char *)to + count;
        at += (uint64_t)count;
        size -= (size_t)count;
    }
    return true;
}

void file_window_open(struct file_window *window, struct arena *arena, const struct file *file)
{
    *window = (struct file_window){ .file = file, .bytes = arena_alloc(arena, FILE_WINDOW) };
}

/* As much as is worth reading at `offset`. */
static size_t window_ahead(const struct file_window *window, uint64_t offset, size_t size)
{
    enum { FIRST = 4 << 10 };
    bool is_neighbor = window->size && offset <= window->start + window->size && offset > window->start;
    size_t ahead = is_neighbor ? window->ahead * 2 : FIRST;
    uint64_t left = window->file->size - offset;
    ahead = ahead < FILE_WINDOW ? ahead : FILE_WINDOW;
    ahead = ahead < left ? ahead : (size_t)left;
    return ahead > size ? ahead : size;
}

const void *file_window_read(struct file_window *window, uint64_t offset, size_t size, struct bnfuse_error *error)
{
    assert(size <= FILE_WINDOW);
    if (offset >= window->start && offset - window->start <= window->size
        && size <= window->size - (size_t)(offset - window->start))
        return window->bytes + (offset - window->start);
    if (offset > window->file->size || size > window->file->size - offset) {
        fail(error, BNFUSE_USAGE, "%s: ends before byte %llu", window->file->path, (unsigned long long)offset + size);
        return NULL;
    }
    const struct span whole = { window->file, 0, window->file->size };
    size_t ahead = window_ahead(window, offset, size);
    window->size = 0;
    if (!span_read(&whole, offset, window->bytes, ahead, error)) return NULL;
    window->start = offset;
    window->size = window->ahead = ahead;
    return window->bytes;
}

bool file_is_unchanged(const struct file *file, struct bnfuse_error *error)
{
    struct stat status;
    if (!file->modified.tv_sec) return true;
    if (fstat(file->fd, &status)) return fail(error, BNFUSE_USAGE, "%s: %s", file->path, strerror(errno));
    struct timespec modified = platform_modified(&status);
    if ((uint64_t)status.st_size == file->size && modified.tv_sec == file->modified.tv_sec
        && modified.tv_nsec == file->modified.tv_nsec)
        return true;
    return fail(error, BNFUSE_USAGE, "%s: was changed while it was in use; run again when nobody writes it",
                file->path);
}
