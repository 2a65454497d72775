/* SPDX-License-Identifier: Apache-2.0
 *
 * Roots: the affine nodes that a pass tries to remove, and what passes share in removing them. */
#ifndef PASSES_DECIDE_ROOTS_H
#define PASSES_DECIDE_ROOTS_H

#include "passes/decide/decision.h"

/* The affine nodes a pass works on: every BatchNormalization of the net that is not in a function called from several
 * places, by depth and then by name. In `arena`. */
struct roots {
    struct node **nodes;
    size_t count;
};
struct roots roots_of(const struct net *net, struct arena *arena, const struct pass_options *options);

/* The type of the values that an affine node computes with: that of its input, if known, else of a constant beside it. */
enum dtype root_type(const struct node *node);

/* The affine node's output is what its input `slot` holds now: the node goes, the output keeps its name. */
void root_remove(struct node *node, size_t slot);

#endif
