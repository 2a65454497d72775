/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole small files: read into an arena, written several in one go or none. Data files only; a model is read by model.h
 * and written by write.h, which never hold it in memory. */
#ifndef IO_BYTES_H
#define IO_BYTES_H

#include "onnx/write/atomic_file.h"

struct bytes {
    const unsigned char *at;
    size_t size;
};

/* A regular file as a whole; BNFUSE_USAGE when it cannot be read. */
bool bytes_read(struct bytes *bytes, struct arena *arena, const char *path, struct bnfuse_error *error);

struct pending_file {
    struct atomic_file file;
    struct pending_file *next;
};

/* Files that are whole and on the disk, but get their names only when all are committed. What is not goes with the
 * arena. */
struct pending_files {
    struct arena *arena;
    struct pending_file *first, **last; /* where the next one is linked */
    size_t count;
};

void pending_open(struct pending_files *pending, struct arena *arena);
/* One more: the parts one after the other. Each holds descriptors, so that those of more than 256 files get their names
 * early. */
bool pending_add(struct pending_files *pending, const char *path, const struct bytes *parts, size_t count,
                 struct bnfuse_error *error);
/* In the order in which they were added, up to the first that cannot take its name. */
bool pending_commit(struct pending_files *pending, struct bnfuse_error *error);

#endif
