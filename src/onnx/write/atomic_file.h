/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that replaces another only when it is whole: a temporary file in the target's directory, synced, then renamed
 * over the target, whose mode it keeps. What is no regular file (a device, a pipe, standard output) is sent the whole
 * temporary file, which then is in TMPDIR. The path of a symbolic link means the file it points to.
 *
 * Where the file system has no files without a name, the temporary file is `.bnfuse-<process>-<n>.tmp`. While it has
 * that name, signals that end a program wait in this thread; the next write sees them, fails, and the name goes
 * first. */
#ifndef ONNX_WRITE_ATOMIC_FILE_H
#define ONNX_WRITE_ATOMIC_FILE_H

#include "onnx/read/span.h"

#include <signal.h>
#include <sys/stat.h>

struct atomic_file {
    const char *path;        /* for messages */
    const char *directory;   /* of the file itself, links resolved; NULL when it is no regular file */
    const char *name;        /* in that directory */
    char temporary_name[64]; /* likewise, while has_name */
    bool has_name;
    bool holds_signals;        /* SIGTERM, SIGINT and SIGHUP wait until the name is gone */
    sigset_t signals;          /* those blocked before */
    sigset_t ending;           /* those that would have ended the program meanwhile */
    int fd, directory_fd;      /* -1: closed */
    int sink;                  /* what is sent the file, if it is no regular one */
    bool is_read_only;         /* the temporary file is all that is wanted: it is read back */
    uint64_t written, started; /* bytes of the file, and how many of them are on their way to the disk */
};

/* Where `path` ("-": standard output; NULL: nowhere, the temporary file is read back) leads, without opening or
 * creating anything. */
bool atomic_file_find(struct atomic_file *target, struct arena *arena, const char *path, struct bnfuse_error *error);
/* A file of this name in the same folder as `beside`, itself and not what it may be a link to. */
bool atomic_file_beside(struct atomic_file *target, struct arena *arena, const struct atomic_file *beside,
                        const char *name, struct bnfuse_error *error);
/* Creates the temporary file, which goes with the arena unless it is committed. */
bool atomic_file_open(struct atomic_file *target, struct arena *arena, struct bnfuse_error *error);
/* So many bytes will be written. */
void atomic_file_reserve(const struct atomic_file *target, uint64_t size);
bool atomic_file_write(struct atomic_file *target, const void *bytes, size_t size, struct bnfuse_error *error);
/* All that was written, open for reading until the target is committed or its arena closed. */
bool atomic_file_read_back(struct atomic_file *target, struct file *file, struct bnfuse_error *error);
/* Everything written is on the disk, and the mode is right. */
bool atomic_file_finish(struct atomic_file *target, struct bnfuse_error *error);
/* The finished file takes the target's place. */
bool atomic_file_commit(struct atomic_file *target, struct bnfuse_error *error);
/* Before the arena closes it: nothing of it stays open, and what was not committed is gone. */
void atomic_file_close(struct atomic_file *target);
/* The finished file gets a name that no file has; false with errno EEXIST when one has it. */
bool atomic_file_link(struct atomic_file *target);
/* The names in its folder are on the disk. */
bool atomic_file_sync_folder(const struct atomic_file *target);
/* One writer at a time gives names in a folder, until it closes the target; *locked is false on file systems that have
 * no locks. False when another does not finish within half a minute. */
bool atomic_file_lock_folder(const struct atomic_file *target, bool *locked);

#endif
