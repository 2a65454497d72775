/* SPDX-License-Identifier: Apache-2.0
 *
 * Atomic replacement of a file. */
#include "onnx/write/atomic_file.h"

#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { WORTH_IT = 1 << 20 }; /* bytes for which the system is told something in advance */

static bool cannot(const struct atomic_file *target, const char *what, struct bnfuse_error *error)
{
    return fail(error, BNFUSE_USAGE, "%s: cannot %s: %s", target->path, what, strerror(errno));
}

/* Splits at the last slash. */
static void split_path(struct atomic_file *target, struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    target->directory = slash ? arena_printf(arena, "%.*s", (int)(slash - path + (slash == path)), path) : ".";
    target->name = arena_copy_text(arena, slash ? slash + 1 : path);
}

/* After a path could not be asked about: whether nothing is there. */
static bool is_free(const struct atomic_file *target, struct bnfuse_error *error)
{
    if (errno != ENOENT) return cannot(target, "write", error);
    return true;
}

bool atomic_file_find(struct atomic_file *target, struct arena *arena, const char *path, struct bnfuse_error *error)
{
    struct stat status;
    char resolved[PATH_MAX];
    *target = (struct atomic_file){ .fd = -1, .directory_fd = -1, .sink = -1, .is_read_only = !path };
    if (!path) {
        target->path = "the new model";
        return true;
    }
    bool standard = !strcmp(path, "-");
    target->path = standard ? "standard output" : arena_copy_text(arena, path);
    if (standard) return true;
    if (!lstat(path, &status) && S_ISLNK(status.st_mode)) {
        if (!realpath(path, resolved)) return cannot(target, "follow the symbolic link", error);
        path = resolved;
    }
    split_path(target, arena, path);
    if (!*target->name) return fail(error, BNFUSE_USAGE, "%s: is a directory; name a file in it", target->path);
    if (stat(path, &status)) return is_free(target, error);
    if (S_ISDIR(status.st_mode))
        return fail(error, BNFUSE_USAGE, "%s: is a directory; name a file in it", target->path);
    if (!S_ISREG(status.st_mode)) target->directory = NULL;
    else if (access(path, W_OK)) return cannot(target, "write", error);
    return true;
}

bool atomic_file_beside(struct atomic_file *target, struct arena *arena, const struct atomic_file *beside,
                        const char *name, struct bnfuse_error *error)
{
    struct stat status;
    *target =
        (struct atomic_file){ .fd = -1, .directory_fd = -1, .sink = -1, .directory = beside->directory, .name = name };
    target->path = arena_printf(arena, "%s/%s", beside->directory, name);
    if (lstat(target->path, &status)) return is_free(target, error);
    if (S_ISREG(status.st_mode)) return true;
    return fail(error, BNFUSE_USAGE, "%s: is no regular file; choose another name", target->path);
}

static const int ending[] = { SIGTERM, SIGINT, SIGHUP };

static void hold_signals(struct atomic_file *target)
{
    pthread_sigmask(SIG_SETMASK, NULL, &target->signals);
    sigemptyset(&target->ending);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        struct sigaction action;
        sigaction(ending[i], NULL, &action);
        if (!sigismember(&target->signals, ending[i]) && action.sa_handler != SIG_IGN)
            sigaddset(&target->ending, ending[i]);
    }
    target->holds_signals = !pthread_sigmask(SIG_BLOCK, &target->ending, NULL);
}

static void let_signals(struct atomic_file *target)
{
    if (target->holds_signals) pthread_sigmask(SIG_SETMASK, &target->signals, NULL);
    target->holds_signals = false;
}

static bool is_ending(const struct atomic_file *target)
{
    sigset_t pending;
    if (!target->holds_signals) return false;
    sigpending(&pending);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
        if (sigismember(&pending, ending[i]) == 1 && sigismember(&target->ending, ending[i]) == 1) return true;
    return false;
}

void atomic_file_close(struct atomic_file *target)
{
    if (target->has_name) unlinkat(target->directory_fd, target->temporary_name, 0);
    let_signals(target);
    if (target->fd >= 0) close(target->fd);
    if (target->directory_fd >= 0) close(target->directory_fd);
    if (target->sink >= 0) close(target->sink);
    target->has_name = false;
    target->fd = target->directory_fd = target->sink = -1;
}

static void abandon(void *target)
{
    atomic_file_close(target);
}

/* Calls `make` with one name after the other until it no longer meets a file of that name. The name's length is fixed,
 * because the target's own may be as long as the system allows. */
static bool take_name(struct atomic_file *target, bool (*make)(struct atomic_file *target, const char *name))
{
    for (int attempt = 0; attempt < 1000; attempt++) {
        snprintf(target->temporary_name, sizeof target->temporary_name, ".bnfuse-%ld-%d.tmp", (long)getpid(), attempt);
        target->has_name = make(target, target->temporary_name);
        if (target->has_name || errno != EEXIST) break;
    }
    return target->has_name;
}

static bool create_named(struct atomic_file *target, const char *name)
{
    target->fd = openat(target->directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return target->fd >= 0;
}

static bool link_unnamed(struct atomic_file *target, const char *name)
{
    return !platform_link_unnamed(target->fd, target->directory_fd, name);
}

/* A file without a name disappears, however the program ends. */
static bool create_unnamed(struct atomic_file *target)
{
    target->fd = platform_open_unnamed(target->directory_fd);
    return target->fd >= 0;
}

static bool create_temporary(struct atomic_file *target)
{
    target->directory_fd = open(target->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target->directory_fd < 0) return false;
    if (create_unnamed(target)) return true;
    hold_signals(target);
    if (take_name(target, create_named)) return true;
    let_signals(target);
    return false;
}

/* Somewhere to put what is sent on when it is whole. */
static int create_spool(void)
{
    const char *folder = getenv("TMPDIR");
    int directory = open(folder && *folder ? folder : "/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = directory >= 0 ? platform_open_unnamed(directory) : -1;
    if (directory >= 0) close(directory);
    return fd >= 0 ? fd : platform_memory_file();
}

bool atomic_file_open(struct atomic_file *target, struct arena *arena, struct bnfuse_error *error)
{
    arena_defer(arena, abandon, target);
    if (target->directory) {
        if (create_temporary(target)) return true;
        return fail(error, BNFUSE_USAGE, "%s: cannot create a file in its folder: %s", target->path, strerror(errno));
    }
    if (!target->is_read_only)
        target->sink = target->name ? open(target->path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
                                    : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    if (target->is_read_only || target->sink >= 0) target->fd = create_spool();
    if (target->fd < 0) return cannot(target, "write", error);
    return true;
}

/* A large file in pieces for which the kernel takes pages that it has just freed. For more it takes whole blocks,
 * which a virtual machine may have to get from its host first, at several times the cost of the copy. */
static size_t piece_of(const struct atomic_file *target, size_t size)
{
    enum { LARGE = 64 << 20, PIECE = 32 << 10 };
    return target->written >= LARGE && size > PIECE ? PIECE : size;
}

static bool write_bytes(const struct atomic_file *target, int fd, const char *bytes, size_t size,
                        struct bnfuse_error *error)
{
    while (size) {
        ssize_t count = write(fd, bytes, piece_of(target, size));
        if (count < 0 && errno == EINTR) continue;
        if (is_ending(target)) return fail(error, BNFUSE_USAGE, "%s: interrupted; nothing was written", target->path);
        if (count < 0) return cannot(target, "write", error);
        bytes += count;
        size -= (size_t)count;
    }
    return true;
}

/* Starts to put on the disk what was written since the last time: verifying the file goes on meanwhile. */
static void write_early(struct atomic_file *target, uint64_t step)
{
    if (!target->directory || target->written - target->started < step) return;
    platform_write_early(target->fd, (off_t)target->started, (off_t)(target->written - target->started));
    target->started = target->written;
}

void atomic_file_reserve(const struct atomic_file *target, uint64_t size)
{
    if (target->directory && size >= WORTH_IT) platform_reserve(target->fd, (off_t)size);
}

bool atomic_file_write(struct atomic_file *target, const void *bytes, size_t size, struct bnfuse_error *error)
{
    enum { STEP = 4 << 20 };
    if (!write_bytes(target, target->fd, bytes, size, error)) return false;
    target->written += size;
    write_early(target, STEP);
    return true;
}

/* The mode of the file it replaces. */
static bool keep_mode(struct atomic_file *target)
{
    struct stat status;
    if (fstatat(target->directory_fd, target->name, &status, 0)) return errno == ENOENT;
    return !fchmod(target->fd, status.st_mode & 07777);
}

bool atomic_file_read_back(struct atomic_file *target, struct file *file, struct bnfuse_error *error)
{
    struct stat status;
    write_early(target, WORTH_IT);
    if (fstat(target->fd, &status)) return cannot(target, "read back", error);
    *file = (struct file){ .path = target->path, .fd = target->fd, .size = (uint64_t)status.st_size };
    return true;
}

bool atomic_file_finish(struct atomic_file *target, struct bnfuse_error *error)
{
    if (target->directory && (fsync(target->fd) || !keep_mode(target))) return cannot(target, "write", error);
    return true;
}

/* The temporary file has a name for as long as it takes to give it another. */
static bool replace(struct atomic_file *target)
{
    if (!target->has_name && !take_name(target, link_unnamed)) return false;
    if (renameat(target->directory_fd, target->temporary_name, target->directory_fd, target->name)) return false;
    target->has_name = false;
    return true;
}

/* All of it to where it cannot be taken back. A pipe or a terminal cannot be synced, and need not be. */
static bool send(struct atomic_file *target, struct bnfuse_error *error)
{
    char buffer[16 << 10];
    ssize_t count;
    for (off_t at = 0; (count = pread(target->fd, buffer, sizeof buffer, at)) != 0; at += count) {
        if (count < 0 && errno == EINTR) count = 0;
        if (count < 0) return cannot(target, "write", error);
        if (!write_bytes(target, target->sink, buffer, (size_t)count, error)) return false;
    }
    if (fsync(target->sink) && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
        return cannot(target, "write", error);
    return true;
}

bool atomic_file_commit(struct atomic_file *target, struct bnfuse_error *error)
{
    if (is_ending(target)) return fail(error, BNFUSE_USAGE, "%s: interrupted; nothing was written", target->path);
    if (!target->directory) return send(target, error);
    if (!replace(target)) return cannot(target, "replace", error);
    /* From here on the file is there. Should the machine stop before its folder is on the disk, the old file comes
     * back, whole; that is no reason to say that nothing was written. */
    fsync(target->directory_fd);
    let_signals(target);
    return true;
}

bool atomic_file_link(struct atomic_file *target)
{
    if (!target->has_name) {
        if (!link_unnamed(target, target->name)) return false;
    } else {
        if (platform_rename_new(target->directory_fd, target->temporary_name, target->name)) return false;
        target->has_name = false;
    }
    return true;
}

bool atomic_file_sync_folder(const struct atomic_file *target)
{
    return !fsync(target->directory_fd) || errno == EINVAL;
}

bool atomic_file_lock_folder(const struct atomic_file *target, bool *locked)
{
    const struct timespec pause = { .tv_nsec = 10000000 };
    for (int attempt = 0; attempt < 3000; attempt++) {
        *locked = !flock(target->directory_fd, LOCK_EX | LOCK_NB);
        if (*locked || (errno != EWOULDBLOCK && errno != EINTR)) return true;
        nanosleep(&pause, NULL);
    }
    return false;
}
