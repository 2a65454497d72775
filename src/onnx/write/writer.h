/* SPDX-License-Identifier: Apache-2.0
 *
 * Extents on their way into a file. What is large is read back and held against its elements right after it was
 * written, while source and result are still in the processor's caches; elements.h does that, and shares nothing with
 * what made them but the bytes of the source, whose place it checks. */
#ifndef ONNX_WRITE_WRITER_H
#define ONNX_WRITE_WRITER_H

#include "onnx/write/atomic_file.h"
#include "onnx/write/extents.h"

/* Elements that were held against their source, and where in the file that was. */
struct held {
    uint64_t at;
    const struct tensor *tensor; /* a run that was copied is one of bytes */
};

/* In the order of the file. They outlive the extents. */
struct held_list {
    struct arena *arena;
    struct held *list;
    size_t count, room;
};

/* `overflow`: NULL, or writing fails at an element that its factors have carried out of its type, and sets it. */
bool extents_write(const struct extents *extents, struct atomic_file *target, struct held_list *held, bool *overflow,
                   struct bnfuse_error *error);

/* Whether the file, from the offset on, was held against the elements of the tensor. */
bool extents_held(const struct held_list *held, uint64_t offset, const struct tensor *tensor);

#endif
