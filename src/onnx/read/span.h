/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that stay in a file until they are needed: weights are never copied into memory as a whole. */
#ifndef ONNX_READ_SPAN_H
#define ONNX_READ_SPAN_H

#include "base/memory.h"

#include <time.h>

/* An open regular file, owned by the arena it was opened in and closed with it; or bytes in memory that stand for
 * one. */
struct file {
    const char *path;         /* as the user or the model named it, for messages */
    const void *bytes;        /* NULL: it is a file */
    int fd;                   /* -1: it is bytes */
    uint64_t size;            /* at the time of opening */
    struct timespec modified; /* likewise; 0: nobody else can change it */
};

struct span {
    const struct file *file; /* NULL: no span */
    uint64_t offset, size;   /* within the file, checked */
};

/* Reads `size` bytes from `offset` within the span. */
bool span_read(const struct span *span, uint64_t offset, void *to, size_t size, struct bnfuse_error *error);

/* A file read forwards in small steps: each is answered from a window that grows while the steps are neighbors and
 * starts small again after a jump. */
#define FILE_WINDOW (64 << 10)
struct file_window {
    const struct file *file;
    uint64_t start;       /* of what `bytes` holds */
    size_t size, ahead;   /* of that; how much the next refill asks for */
    unsigned char *bytes; /* FILE_WINDOW of them */
};

void file_window_open(struct file_window *window, struct arena *arena, const struct file *file);
/* `size` bytes (at most FILE_WINDOW) from `offset`, valid until the next call; NULL when the file cannot be read or
 * ends before. */
const void *file_window_read(struct file_window *window, uint64_t offset, size_t size, struct bnfuse_error *error);

/* False, saying so, when the file is not what it was when it was opened. */
bool file_is_unchanged(const struct file *file, struct bnfuse_error *error);

#endif
