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

/* The first of `count` elements of `written` (no factors) from `first` (a multiple of eight) on that is not what `expected`
 * (of equal type and count) rounds to; -1 if there is none. False when one of them cannot be read. */
bool elements_compare(struct elements *elements, const struct tensor *expected, const struct tensor *written,
                      int64_t first, int64_t count, int64_t *different, struct bnfuse_error *error);

#endif
