/* SPDX-License-Identifier: Apache-2.0
 *
 * Constants that absorb an affine: s*k + t in place of k. */
#ifndef PASSES_ALGEBRA_ABSORB_CONSTANT_H
#define PASSES_ALGEBRA_ABSORB_CONSTANT_H

#include "passes/algebra/affine.h"
#include "passes/decide/decision.h"

/* For a constant read by input `slot` of `node`: adds the step that gives the node a new constant. */
enum reason absorb_constant(struct decision *decision, struct node *node, size_t slot, const struct tensor *constant,
                            const struct affine *a);

/* The same for the constant that input 0 of the node is which writes what `use` reads: that gets a copy of the node,
 * and others read it as it was. */
enum reason absorb_copy(struct decision *decision, const struct use *use, const struct tensor *constant,
                        const struct affine *a);

/* By how much the model grows when a new constant of so many bytes takes the place of this one: wholly where the old
 * one has to stay, else by what was computed and not stored (ConstantOfShape makes large weights of few bytes). */
uint64_t constant_growth(struct value *old, const struct tensor *constant);

#endif
