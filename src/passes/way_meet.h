/* SPDX-License-Identifier: Apache-2.0
 *
 * Branches of one value that meet again
 *
 *   x -> Slice -> Concat -> BN                 x -> Slice -> Concat
 *    \-> Slice ->/                              \-> Slice ->/
 *
 * Upstream the node where they meet wants an affine on each of its inputs. When the way of one input reaches x, the
 * other readers of x are followed down to inputs that want just what comes. Downstream, what arrives at one input waits
 * for the others. What is wanted and what waits are steps that change nothing, so an undone way takes them back. */
#ifndef PASSES_WAY_MEET_H
#define PASSES_WAY_MEET_H

#include "passes/way.h"

enum { WAY_BRANCHES = 64 }; /* that wait for each other: each that arrives looks at all */

/* Upstream: the node of `use` wants `a` on that input. */
const struct step *way_demand(struct decision *decision, const struct use *use, const struct affine *a);
bool way_has_demands(const struct decision *decision);
/* It gets it, from here on by way_upstream; or already, by way_supply. */
void way_serve(struct decision *decision, const struct step *demand);
bool way_is_supplied(const struct decision *decision, const struct step *demand);
/* The value becomes a(value): all that comes of it, through one use or all, is wanted where it comes to. */
enum reason way_supply(struct decision *decision, struct use *use, const struct affine *a);
enum reason way_supply_all(struct decision *decision, struct value *value, const struct affine *a);

/* Downstream: `a` on this input, which the mover stops for a reason, waits for the other inputs; *whole is what the
 * output is under when none is missing, else NULL. The reason where there is nothing to wait for. */
enum reason way_meet(struct decision *decision, const struct mover *mover, struct use *use, const struct affine *a,
                     enum reason stops, const struct affine **whole);
/* When all has been followed: the reason of one that still waits. */
enum reason way_waits(struct decision *decision);

#endif
