/* SPDX-License-Identifier: Apache-2.0
 *
 * What shape inference said of values, held against what they are in a run: type, rank, sizes, elements, and one size
 * to a symbol. */
#ifndef TESTS_SHAPES_H
#define TESTS_SHAPES_H

#include "onnx/shape/infer.h"
#include "runtime/array.h"

struct shapes {
    struct arena *arena;
    int64_t *sizes; /* that symbols had; -1 until seen */
    size_t size_count;
    size_t values, ranked, compared, elements, contradictions;
    char first[256]; /* the first contradiction, in words */
};

void shapes_see_dims(struct shapes *shapes, const struct value *value, enum dtype type, int rank, const int64_t *dims);
/* run_options.observe, with the shapes as its context. Never stops the run. */
bool shapes_observe(void *shapes, struct value *value, struct array *array, struct bnfuse_error *error);

#endif
