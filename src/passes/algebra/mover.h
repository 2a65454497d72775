/* SPDX-License-Identifier: Apache-2.0
 *
 * Movers: operators that an affine may cross, because they only move, repeat, average or compare elements.
 *
 * A row says how scale and shift change on the way. Upstream: the affine stands on output `slot` and is wanted on the
 * inputs instead; downstream: it stands on input `slot` and is wanted on the outputs. Inputs and outputs that a row
 * does not mention keep their values. */
#ifndef PASSES_ALGEBRA_MOVER_H
#define PASSES_ALGEBRA_MOVER_H

#include "passes/algebra/affine.h"
#include "passes/decide/decision.h"

struct crossing {
    struct decision *decision;
    struct node *node;
    size_t slot;
    const struct affine *affine;
    bool shares;                  /* upstream: a shift goes in equal parts into the terms of a sum */
    const struct affine **onto;   /* result: per input (upstream) or output (downstream); NULL: unchanged */
    const struct affine *residue; /* result: what is left over on output 0; NULL: nothing */
    bool may_leave;               /* result: a branch that cannot take its part may keep it as nodes of its own */
    bool any_branch;              /* result: one of the branches suffices, they are alternatives */
    bool all_outputs;             /* result: upstream: the other outputs come under the affine too */
};

struct mover;

const struct mover *mover_of(const struct node *node);

/* Which ways an affine without BatchNormalization crosses a mover: runtimes look for patterns of nodes, which it must
 * not break up. */
enum root_ways { ROOTS_UPSTREAM, ROOTS_BOTH_WAYS, ROOTS_NO_WAY };
/* Also where the node is no mover: then ROOTS_UPSTREAM. */
enum root_ways mover_root_ways(const struct node *node);

/* Fills the crossing; a reason if the affine cannot cross. May add steps for the node itself (a pad value). */
enum reason mover_upstream(const struct mover *mover, struct crossing *crossing);
enum reason mover_downstream(const struct mover *mover, struct crossing *crossing);

/* Whether an affine that crosses downstream becomes one of more channels, of the node's only output. */
bool mover_widens(const struct mover *mover);

/* Whether this read of a value, by a node, does not notice that the value becomes a(value): it writes nothing, it reads
 * only the shape, or only channels that `a` leaves alone. */
bool use_is_unaffected(struct decision *decision, const struct use *use, const struct affine *a);
/* The same, whatever becomes of the value. */
bool use_reads_no_numbers(const struct use *use);

#endif
