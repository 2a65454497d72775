/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of an affine together with what else is added to it and is an affine of the same value. */
#ifndef PASSES_WAY_BESIDE_H
#define PASSES_WAY_BESIDE_H

#include "passes/way.h"

/* Adds the steps by which `a`, which the root is of its input `slot`, goes with the sum that reads it. */
enum reason way_beside(struct decision *decision, struct node *root, size_t slot, const struct affine *a);
/* Takes the root and its share of the sum out, after the steps. */
void way_beside_finish(const struct decision *decision, struct node *root, size_t slot);

#endif
