/* SPDX-License-Identifier: Apache-2.0
 *
 * Anchors: linear operators with constant weights, which absorb an affine for good.
 *
 *   output:   s*(W·x + b) + t  =  (s*W)·x + (s*b + t)        s runs along W's output channels
 *   input:    W·(s*x + t) + b  =  (W*s)·x + (b + W·t)        s runs along W's input channels
 *
 * anchor.h says where an operator keeps its channels; the arithmetic is written here, once. */
#ifndef PASSES_ALGEBRA_ABSORB_H
#define PASSES_ALGEBRA_ABSORB_H

#include "passes/algebra/affine.h"
#include "passes/algebra/anchor.h"
#include "passes/decide/decision.h"

/* Decides whether `a` on output 0 of the node can be absorbed, and adds the steps. */
enum reason absorb_output(struct decision *decision, const struct anchor *anchor, struct node *node,
                          const struct affine *a);
/* The same for `a` on input `slot`. */
enum reason absorb_input(struct decision *decision, const struct anchor *anchor, struct node *node, size_t slot,
                         const struct affine *a);

/* The same where padding stands in the way of the shift, but a reader averages it away (shift_map_average): the shift
 * that is left downstream of that reader. NULL when it cannot be. */
const struct affine *absorb_padded(struct decision *decision, const struct anchor *anchor, struct node *node,
                                   size_t slot, const struct affine *a, const struct node *average);

#endif
