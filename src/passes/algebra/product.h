/* SPDX-License-Identifier: Apache-2.0
 *
 * Products with matrices (Gemm, MatMul and their like) that are added to something else made of the same value
 *
 *   x·V + a  +  x·W + b        =  x·(V + W) + (a + b)
 *   x·W + b  +  (s*x + t)      =  x·(W + diag(s)) + (b + t)       as many channels out as in
 *
 * A MatMul has no bias: there a, b and t stay terms of the sum. */
#ifndef PASSES_ALGEBRA_PRODUCT_H
#define PASSES_ALGEBRA_PRODUCT_H

#include "passes/algebra/affine.h"
#include "passes/algebra/anchor.h"

/* Whether the node is a product of `x` with a constant matrix, channels last in both; then its description. */
bool product_of(struct decision *decision, const struct node *node, const struct value *x, struct anchor_parts *parts);

/* Decides whether sign * node can take the affine `a` of `x` that `term`, which is added, is; adds the steps. Where the
 * product has no bias, the shift stays as a constant in the place of the term. */
enum reason product_absorbs(struct decision *decision, struct node *node, double sign, const struct value *x,
                            struct node *term, const struct affine *a);

/* Makes `into` the sum of both. False when they do not fit, or that cannot be stored; nothing has changed then. */
bool product_merge(struct decision *decision, struct node *into, const struct node *other);

#endif
