/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an affine can go: a table of ways, of which each is an attempt of its own. */
#ifndef PASSES_ATTEMPT_H
#define PASSES_ATTEMPT_H

#include "passes/algebra/affine.h"
#include "passes/decide/roots.h"

struct attempt {
    struct decision decision;
    enum reason reason; /* NONE: the way is open, and worth it */
    const struct way *way;
};

/* The best of the open ways for the root, whose affine of input `slot` is `a`. NULL if there is none: the remark then
 * says why. */
struct attempt *attempt_best(struct decision *decision, struct node *root, size_t slot, const struct affine *a);
/* Of the root and of what goes with it. */
struct work attempt_removes(const struct decision *decision, const struct node *root);
/* Makes the fold. */
void attempt_apply(struct attempt *attempt, struct node *root, size_t slot);

#endif
