/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole small files. While one is read, no descriptor is open as memory is taken: the size is asked for first. */
#include "io/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_fully(int fd, unsigned char *to, size_t size)
{
    while (size > 0) {
        ssize_t got = read(fd, to, size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        size -= (size_t)got;
    }
    return true;
}

bool bytes_read(struct bytes *bytes, struct arena *arena, const char *path, struct bnfuse_error *error)
{
    struct stat status;
    if (stat(path, &status) != 0) return fail_system(error, errno, "%s: cannot be read", path);
    if (!S_ISREG(status.st_mode)) return fail(error, BNFUSE_USAGE, "%s: not a regular file", path);
    unsigned char *at = arena_alloc(arena, (size_t)status.st_size);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_system(error, errno, "%s: cannot be read", path);
    errno = 0;
    bool complete = read_fully(fd, at, (size_t)status.st_size);
    int reason = errno;
    close(fd);
    if (!complete && reason) return fail_system(error, reason, "%s: cannot be read", path);
    if (!complete) return fail(error, BNFUSE_USAGE, "%s: cannot be read: it became shorter meanwhile", path);
    *bytes = (struct bytes){ at, (size_t)status.st_size };
    return true;
}

void pending_open(struct pending_files *pending, struct arena *arena)
{
    *pending = (struct pending_files){ .arena = arena, .last = &pending->first };
}

static bool write_parts(struct atomic_file *file, const struct bytes *parts, size_t count, struct bnfuse_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!atomic_file_write(file, parts[i].at, parts[i].size, error)) return false;
    return atomic_file_finish(file, error);
}

bool pending_add(struct pending_files *pending, const char *path, const struct bytes *parts, size_t count,
                 struct bnfuse_error *error)
{
    enum { MOST_OPEN = 256 };
    if (pending->count == MOST_OPEN && !pending_commit(pending, error)) return false;
    struct pending_file *added = NEW(pending->arena, struct pending_file);
    if (!atomic_file_find(&added->file, pending->arena, path, error)
        || !atomic_file_open(&added->file, pending->arena, error) || !write_parts(&added->file, parts, count, error))
        return false;
    *pending->last = added;
    pending->last = &added->next;
    pending->count++;
    return true;
}

bool pending_commit(struct pending_files *pending, struct bnfuse_error *error)
{
    for (; pending->first; pending->first = pending->first->next) {
        if (!atomic_file_commit(&pending->first->file, error)) return false;
        atomic_file_close(&pending->first->file);
    }
    pending_open(pending, pending->arena);
    return true;
}
