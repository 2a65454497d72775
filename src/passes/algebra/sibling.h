/* SPDX-License-Identifier: Apache-2.0
 *
 * An affine beside a Conv of the same value, where the two are added
 *
 *   conv(x, W, b) + (s*x + t)  =  conv(x, W', b + t)      W'[c][c][center] = W[c][c][center] + s[c]
 *
 * when the Conv has stride 1, as many channels out as in, and a tap that its pads put on the element itself. In a group
 * convolution the second index is the channel's position in its group; in a depthwise one it is 0. A product with a
 * matrix takes it on its diagonal (product.h). */
#ifndef PASSES_ALGEBRA_SIBLING_H
#define PASSES_ALGEBRA_SIBLING_H

#include "passes/algebra/affine.h"
#include "passes/decide/decision.h"

/* Decides whether the affine `a` that `root` is of its input `slot` can go into a Conv or product of that input which
 * alone is added to it, directly or through further additions; adds the steps. */
enum reason sibling_absorbs(struct decision *decision, struct node *root, size_t slot, const struct affine *a);

/* An Add or Sum whose terms align at the right; and whether one node of its own graph, and nothing else, reads a
 * term. */
bool is_sum(const struct node *node);
bool sum_has_alone(const struct value *term);

/* A Sub whose terms align at the right. */
bool is_difference(const struct node *node);

/* Takes a term out of a sum; where one is left, the sum goes too. Of a difference, only the second. */
void sum_remove_term(struct node *sum, size_t slot);

/* Takes the root and its share of the sum out, after the steps. */
void sibling_remove(struct node *root);

#endif
