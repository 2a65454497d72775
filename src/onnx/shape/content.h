/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements of small tensors as far as shape arithmetic goes: what Shape, Gather, Concat, Mul, ... compute on the way to
 * a Reshape or Expand. A content rule is asked when the type and shape of output 0 are known and small. An element that
 * is unknown is 0. */
#ifndef ONNX_SHAPE_CONTENT_H
#define ONNX_SHAPE_CONTENT_H

#include "onnx/shape/rules.h"

/* A small tensor while its elements are moved about. */
struct small {
    int rank;
    int64_t count, dims[SHAPE_MAX_RANK];
    const struct dim *elements; /* NULL: nothing known */
};

/* False when the count is not known; input: also when no element is. */
bool small_of(struct shaping *s, struct value *value, struct small *small);
bool small_input(struct shaping *s, size_t slot, struct small *small);
void small_output(struct shaping *s, struct small *small);
int small_element(const struct small *small, int64_t at);
/* The index along each axis of element `at`, and back. */
void small_unravel(const struct small *small, int64_t at, int64_t *index);
int64_t small_ravel(const struct small *small, const int64_t *index);
/* The element of an input that broadcasts to this index of the output. */
int small_broadcast(const struct small *input, const struct small *output, const int64_t *index);

/* Of two elements. */
int combine_add(struct shaping *s, int a, int b);
int combine_multiply(struct shaping *s, int a, int b);
int combine_maximum(struct shaping *s, int a, int b);
int combine_least(struct shaping *s, int a, int b);
int content_truth(struct shaping *s, bool is);

/* Rules: the same elements under other dims; element (i mod size) along every axis. */
void content_same(struct shaping *s);
void content_repeat(struct shaping *s);
/* Element by element, by the row's `combine`: of input 0; of all inputs, from the left. */
void content_unary(struct shaping *s);
void content_binary(struct shaping *s);

#endif
