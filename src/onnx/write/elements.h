/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements in a file held against the tensor they were written from. What a folded weight must have become is computed
 * here a second time, from the source and its factors, by loops of its own: the writer's are what is being judged. */
#ifndef ONNX_WRITE_ELEMENTS_H
#define ONNX_WRITE_ELEMENTS_H

#include "onnx/read/tensor.h"

/* Buffers for it. */
struct elements;
struct elements *elements_open(struct arena *arena);

/* Packed elements before their factors, as somebody read them already. */
struct elements_read {
    const void *bytes;
    const struct file *file;
    uint64_t offset; /* in it */
};

/* The first of `count` elements of `written` (no factors) from `first` (a multiple of eight) on that is not what
 * `expected` (of equal type and count) rounds to; -1 if there is none. `read`: those of `expected`, if they come from
 * where its elements are; NULL: they are read here. False when one of them cannot be read. */
bool elements_compare(struct elements *elements, const struct tensor *expected, const struct tensor *written,
                      int64_t first, int64_t count, const struct elements_read *read, int64_t *different,
                      struct bnfuse_error *error);

#endif
