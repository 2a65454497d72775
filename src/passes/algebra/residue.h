/* SPDX-License-Identifier: Apache-2.0
 *
 * Residues: the part of an affine that cannot go where the rest goes and stays as nodes of its own. */
#ifndef PASSES_ALGEBRA_RESIDUE_H
#define PASSES_ALGEBRA_RESIDUE_H

#include "passes/algebra/affine.h"
#include "passes/decide/decision.h"

/* Leaves an affine on input `slot` of `node` (before it), or on its output `slot` (after it). Not possible where its
 * nodes could not be written (the rank is unknown). */
enum reason residue_before(struct decision *decision, struct node *node, size_t slot, const struct affine *affine);
/* The same where more is known of the shape of what is read than its own says. */
enum reason residue_before_as(struct decision *decision, struct node *node, size_t slot, const struct affine *affine,
                              const struct shape *shape);
enum reason residue_after(struct decision *decision, struct node *node, size_t slot, const struct affine *affine);

/* Puts a shift on output 0 of `node` into the constant of an Add or Sub that alone reads it. False when there is none.
 * Only downstream of the root: upstream, the reader may be the node that goes. */
bool residue_joins(struct decision *decision, struct node *node, const struct affine *shift);

#endif
