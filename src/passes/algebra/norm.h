/* SPDX-License-Identifier: Apache-2.0
 *
 * BatchNormalization read as an affine: s = scale / sqrt(variance + epsilon), t = bias - mean * s. */
#ifndef PASSES_ALGEBRA_NORM_H
#define PASSES_ALGEBRA_NORM_H

#include "passes/algebra/affine.h"
#include "passes/decide/decision.h"

enum { NORM_PARAMETERS = 4 }; /* scale, bias, mean and variance, in the order of the inputs */

/* REASON_NONE with the affine of its input, whose number is *slot; or why it must stay. */
enum reason norm_affine(struct decision *decision, const struct node *bn, struct affine **affine, size_t *slot);

/* Whether the inverse of one that is an affine finds back what went in, as far as single precision can hold it: no bias
 * drowns its scale, and no mean its deviation. */
bool norm_is_invertible(struct decision *decision, const struct node *bn);

/* Whether these are parameters (NULL: none of the graph's own) that a fold added (affine_lower): mean 0 and variance 1,
 * so that scale and bias are the affine, not rounded yet. */
bool norm_is_added(const struct tensor *const *parameters, double epsilon);

#endif
