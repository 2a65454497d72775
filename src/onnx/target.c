/* SPDX-License-Identifier: Apache-2.0
 *
 * Atomic replacement of a file. */
#include "onnx/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER = 256 << 10, LONG_SPAN = 64 << 10 };

static bool cannot(const struct target *target, const char *what, struct bnfuse_error *error)
{
    return fail(error, BNFUSE_USAGE, "%s: cannot %s: %s", target->path, what, strerror(errno));
}

/* Splits at the last slash. */
static void split_path(struct target *target, struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    target->directory = slash ? arena_printf(arena, "%.*s", (int)(slash - path + (slash == path)), path) : ".";
    target->name = arena_copy_text(arena, slash ? slash + 1 : path);
}

bool target_find(struct target *target, struct arena *arena, const char *path, struct bnfuse_error *error)
{
    struct stat status;
    char resolved[PATH_MAX];
    bool standard = !strcmp(path, "-");
    *target = (struct target){ .fd = -1, .directory_fd = -1 };
    target->path = standard ? "standard output" : arena_copy_text(arena, path);
    if (standard) return true;
    if (!lstat(path, &status) && S_ISLNK(status.st_mode)) {
        if (!realpath(path, resolved)) return cannot(target, "follow the symbolic link", error);
        path = resolved;
    }
    split_path(target, arena, path);
    if (!*target->name) return fail(error, BNFUSE_USAGE, "%s: is a directory; name a file in it", target->path);
    if (stat(path, &status)) return errno == ENOENT || cannot(target, "write", error);
    if (S_ISDIR(status.st_mode)) return fail(error, BNFUSE_USAGE, "%s: is a directory; name a file in it", target->path);
    if (!S_ISREG(status.st_mode)) target->directory = NULL;
    else if (access(path, W_OK)) return cannot(target, "write", error);
    return true;
}

bool target_beside(struct target *target, struct arena *arena, const struct target *beside, const char *name,
                   struct bnfuse_error *error)
{
    struct stat status;
    *target = (struct target){ .fd = -1, .directory_fd = -1, .directory = beside->directory, .name = name };
    target->path = arena_printf(arena, "%s/%s", beside->directory, name);
    if (lstat(target->path, &status)) return errno == ENOENT || cannot(target, "write", error);
    if (S_ISREG(status.st_mode)) return true;
    return fail(error, BNFUSE_USAGE, "%s: is no regular file; choose another name", target->path);
}

static void abandon(void *object)
{
    struct target *target = object;
    if (target->temporary) unlinkat(target->directory_fd, target->temporary, 0);
    if (target->fd >= 0) close(target->fd);
    if (target->directory_fd >= 0) close(target->directory_fd);
    target->temporary = NULL;
    target->fd = target->directory_fd = -1;
}

/* A name of fixed length, because the target's may be as long as the system allows. */
static bool create_temporary(struct target *target, struct arena *arena)
{
    char *name = arena_alloc(arena, 64);
    target->directory_fd = open(target->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int attempt = 0; target->directory_fd >= 0 && attempt < 1000; attempt++) {
        snprintf(name, 64, ".bnfuse-%ld-%d.tmp", (long)getpid(), attempt);
        target->fd = openat(target->directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (target->fd >= 0) target->temporary = name;
        if (target->fd >= 0 || errno != EEXIST) break;
    }
    return target->fd >= 0;
}

bool target_open(struct target *target, struct arena *arena, struct bnfuse_error *error)
{
    target->buffer = arena_alloc(arena, BUFFER);
    arena_defer(arena, abandon, target);
    if (target->directory) {
        if (create_temporary(target, arena)) return true;
        return fail(error, BNFUSE_USAGE, "%s: cannot create a file in its folder: %s", target->path, strerror(errno));
    }
    target->fd = target->name ? open(target->path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
                              : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    return target->fd >= 0 || cannot(target, "write", error);
}

static bool write_through(struct target *target, const char *bytes, size_t size, struct bnfuse_error *error)
{
    while (size) {
        ssize_t count = write(target->fd, bytes, size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return cannot(target, "write", error);
        bytes += count;
        size -= (size_t)count;
    }
    return true;
}

static bool flush(struct target *target, struct bnfuse_error *error)
{
    size_t size = target->buffered;
    target->buffered = 0;
    return write_through(target, target->buffer, size, error);
}

bool target_write(struct target *target, const void *bytes, size_t size, struct bnfuse_error *error)
{
    if (size > BUFFER - target->buffered && !flush(target, error)) return false;
    if (size >= BUFFER) return write_through(target, bytes, size, error);
    if (size) memcpy(target->buffer + target->buffered, bytes, size);
    target->buffered += size;
    return true;
}

/* Through the buffer, which is empty or has room for it. */
static bool copy_short(struct target *target, const struct span *span, uint64_t from, size_t size,
                       struct bnfuse_error *error)
{
    if (size > BUFFER - target->buffered && !flush(target, error)) return false;
    if (!span_read(span, from, target->buffer + target->buffered, size, error)) return false;
    target->buffered += size;
    return true;
}

/* Within the kernel as far as it goes. What makes it stop will stop read and write as well, or not matter to them. */
static uint64_t copy_in_kernel(struct target *target, const struct span *span)
{
    enum { PIECE = 1 << 30 };
    uint64_t done = 0;
    off_t from = (off_t)span->offset;
    while (done < span->size) {
        size_t size = span->size - done < PIECE ? (size_t)(span->size - done) : PIECE;
        ssize_t count = copy_file_range(span->file->fd, &from, target->fd, NULL, size, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        done += (uint64_t)count;
    }
    return done;
}

bool target_copy(struct target *target, const struct span *span, struct bnfuse_error *error)
{
    uint64_t done = 0;
    if (span->size >= LONG_SPAN) {
        if (!flush(target, error)) return false;
        done = copy_in_kernel(target, span);
    }
    while (done < span->size) {
        size_t size = span->size - done < BUFFER ? (size_t)(span->size - done) : BUFFER;
        if (!copy_short(target, span, done, size, error)) return false;
        done += size;
    }
    return true;
}

/* The mode of the file it replaces. */
static bool keep_mode(struct target *target)
{
    struct stat status;
    if (fstatat(target->directory_fd, target->name, &status, 0)) return errno == ENOENT;
    return !fchmod(target->fd, status.st_mode & 07777);
}

bool target_finish(struct target *target, struct bnfuse_error *error)
{
    if (!flush(target, error)) return false;
    if (target->temporary) return (!fsync(target->fd) && keep_mode(target)) || cannot(target, "write", error);
    /* A pipe or a terminal cannot be synced, and need not be. */
    return !fsync(target->fd) || errno == EINVAL || errno == EROFS || errno == ENOTSUP || cannot(target, "write", error);
}

bool target_commit(struct target *target, struct bnfuse_error *error)
{
    int fd = target->fd;
    target->fd = -1;
    if (close(fd)) return cannot(target, "write", error);
    if (!target->temporary) return true;
    if (renameat(target->directory_fd, target->temporary, target->directory_fd, target->name))
        return cannot(target, "replace", error);
    target->temporary = NULL;
    return !fsync(target->directory_fd) || errno == EINVAL || cannot(target, "sync the folder of", error);
}
