/* SPDX-License-Identifier: Apache-2.0
 *
 * Anchors: linear operators with constant weights, which absorb an affine for good.
 *
 *   behind:      s*(W·x + b) + t  =  (s*W)·x + (s*b + t)        s runs along W's output channels
 *   in front:    W·(s*x + t) + b  =  (W*s)·x + (b + W·t)        s runs along W's input channels
 *
 * linear.h says where an operator keeps its channels; the arithmetic is written here, once. */
#ifndef PASSES_ANCHOR_H
#define PASSES_ANCHOR_H

#include "passes/affine.h"
#include "passes/linear.h"
#include "passes/search.h"

/* Decides whether `a` on output 0 of the node can be absorbed, and adds the steps. */
enum reason anchor_absorb_behind(struct search *search, const struct anchor *anchor, struct node *node,
                                 const struct affine *a);
/* The same for `a` on input `slot`. */
enum reason anchor_absorb_in_front(struct search *search, const struct anchor *anchor, struct node *node, size_t slot,
                                   const struct affine *a);

/* s*k + t, elementwise, for a constant read by input `slot` of `node`: adds the step that gives the node a new constant. */
enum reason anchor_absorb_constant(struct search *search, struct node *node, size_t slot, const struct tensor *constant,
                                   const struct affine *a);

#endif
