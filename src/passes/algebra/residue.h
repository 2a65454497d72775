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
enum reason residue_after(struct decision *decision, struct node *node, size_t slot, const struct affine *affine);

#endif
