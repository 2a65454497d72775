/* SPDX-License-Identifier: Apache-2.0
 *
 * Roots: the affine nodes that a pass tries to remove, and what passes share in removing them. */
#ifndef PASSES_DECIDE_ROOTS_H
#define PASSES_DECIDE_ROOTS_H

#include "passes/decide/decision.h"

/* A kind of root: which nodes are one, and what may happen for its sake. */
struct root_kind {
    bool (*is_root)(const struct node *node);
    /* Whether a fold of this root (decision->root) is welcome at all; where the affine may be absorbed; what it may
     * cross (downstream, or upstream). NULL: everywhere. */
    bool (*may_go)(struct decision *decision, const struct affine *affine, size_t slot);
    bool (*may_enter)(struct decision *decision, const struct node *anchor, bool downstream);
    bool (*may_cross)(const struct node *mover, bool downstream);
    /* Why it stays although it may go: runtimes look for it. NULL: never. */
    enum reason (*is_kept)(struct decision *decision);
    bool copies_weights; /* a weight that others read too may be copied for it */
    bool trades_nodes;   /* what is left over may be as many nodes as go, if it is less work; else it must be fewer */
};

extern const struct root_kind norm_roots; /* BatchNormalization */

/* The roots a pass works on, by depth and then by name. In `arena`. */
struct roots {
    struct node **nodes;
    size_t count;
};
struct roots roots_of(const struct net *net, struct arena *arena, const struct root_kind *kind);

/* The type of the values that an affine node computes with: that of its input, if known, else of a constant beside
 * it. */
enum dtype root_type(const struct node *node);

/* The affine node's output is what its input `slot` holds now: the node goes, the output keeps its name. */
void root_remove(struct node *node, size_t slot);

#endif
