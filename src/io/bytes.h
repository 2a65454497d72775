/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole small files: read into an arena, written in one go. Data files only; a model is read by model.h and written by
 * write.h, which never hold it in memory. */
#ifndef IO_BYTES_H
#define IO_BYTES_H

#include "base/memory.h"

struct bytes {
    const unsigned char *at;
    size_t size;
};

/* A regular file as a whole; BNFUSE_USAGE when it cannot be read. */
bool bytes_read(struct bytes *bytes, struct arena *arena, const char *path, struct bnfuse_error *error);
/* The parts one after the other. A file that cannot be written completely is removed again. */
bool bytes_write(const char *path, const struct bytes *parts, size_t count, struct bnfuse_error *error);

#endif
