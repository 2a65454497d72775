/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold of every random model: every value of a run has the shape that was inferred, it is fused, the check
 * proves it to 1e-10, no planted BatchNormalization is left, every one that is left has a reason, and the model written
 * and read again fuses to the same bytes. */
#ifndef RANDOM_CHECK_H
#define RANDOM_CHECK_H

#include "random_graph.h"

#include <stdio.h>

enum failure {
    FAILURE_NONE,
    FAILURE_CRASH,
    FAILURE_LOAD,
    FAILURE_SHAPE,
    FAILURE_FUSE,
    FAILURE_PLANTED,
    FAILURE_REASON,
    FAILURE_CHECK,
    FAILURE_ALGEBRA,
    FAILURE_WRITE,
    FAILURE_RELOAD,
    FAILURE_STORED,
    FAILURE_AGAIN
};

struct finding {
    enum failure failure;
    char text[1400]; /* one line */
    size_t remarks, planted, left, folded;
    double rounding; /* what storing the folded weights changed, relative, at worst */
};

/* Writes to files of its own in `directory`. */
void random_check(const struct random_graph *graph, const char *directory, struct finding *finding);

/* Makes the model smaller while random_check still finds the same failure, in a child process each time, so that
 * crashes shrink too. Returns how many nodes are left. */
size_t random_shrink(struct random_graph *graph, const char *directory, struct finding *finding);

/* The model as text. */
void random_print(const struct random_graph *graph, FILE *to);

#endif
