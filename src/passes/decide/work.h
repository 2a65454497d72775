/* SPDX-License-Identifier: Apache-2.0
 *
 * Work: element operations per run, as a polynomial over the open dims of the model. Two amounts compare when one is
 * the smaller whatever the open dims are: per image of a batch of N, say. */
#ifndef PASSES_DECIDE_WORK_H
#define PASSES_DECIDE_WORK_H

#include "onnx/graph/graph.h"

enum { WORK_TERMS = 6, WORK_SYMBOLS = 4 };

struct work {
    bool is_unknown; /* a dim without a symbol, or more than fits */
    int count;
    struct work_term {
        int64_t times;
        int symbols[WORK_SYMBOLS]; /* ascending; 0: none */
    } terms[WORK_TERMS];
};

/* Adds `operations` for each element of the shape. */
void work_add(struct work *work, const struct shape *shape, int operations);
/* The same where some of the open dims have sizes: those that `size_of` does not say -1 of. */
typedef int64_t work_size_of(void *context, int symbol);
struct work work_at(const struct work *work, work_size_of *size_of, void *context);
/* Whether a < b, or a <= b, for all sizes of the open dims (each at least 1). False when that cannot be said. */
bool work_is_less(const struct work *a, const struct work *b);
bool work_is_at_most(const struct work *a, const struct work *b);
bool work_has(const struct work *work, int symbol);
/* The number; -1 where it depends on an open dim. */
int64_t work_number(const struct work *work);

#endif
