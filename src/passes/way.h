/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of an affine through the graph, decided and not yet gone: upstream into the producer of a value, or
 * downstream into the readers of one. Each function looks and collects steps in the decision; a reason other than NONE
 * says what is in the way, and the steps are then of no use. */
#ifndef PASSES_WAY_H
#define PASSES_WAY_H

#include "passes/algebra/affine.h"
#include "passes/algebra/mover.h"
#include "passes/decide/roots.h"

enum { WAY_DEPTH = 200 }; /* nodes between a root and its anchor */

/* Below this share of the largest scale, 1/s would multiply the rounding of stored weights too much. */
#define SMALLEST_SHARE 1e-3

/* The value that `use` reads shall become a(value), by changing what computes it (way_upstream.c). */
enum reason way_upstream(struct decision *decision, struct use *use, const struct affine *a);
/* The value, or what `use` reads of it, shall lose `a`; its readers make up for it (way_downstream.c). */
enum reason way_downstream(struct decision *decision, struct value *value, const struct affine *a);
enum reason way_downstream_use(struct decision *decision, struct use *use, const struct affine *a);

/* What both need (way.c): stops at an operator that no affine crosses, or that cannot run; adds to the path of the
 * decision; counts a visit with this affine, and says whether it is one too many. */
enum reason way_blocked(struct decision *decision, struct node *node);
void way_visit(struct decision *decision, const struct node *node);
bool way_is_too_far(struct decision *decision, const struct affine *a);
/* Nothing is known of what the node does. */
bool way_is_opaque(const struct node *node);
/* What an affine node does per element: a BatchNormalization multiplies and adds, Identity does nothing. */
int way_operations(const struct node *node);
/* A step: the node's readers read its input instead, and it goes. Two branches that meet again would merge what is
 * upstream of the meeting twice, so they ask whether it goes already. */
void way_bypass(struct decision *decision, struct node *node, size_t slot);
bool way_is_bypassed(const struct decision *decision, const struct node *node);
/* Whether a step changes the node, or takes it away. */
bool way_is_changed(const struct decision *decision, const struct node *node);
/* What the kind of root allows: whether it may enter the anchor, and the mover that the node is to it, or NULL. */
bool way_may_enter(struct decision *decision, const struct node *anchor, bool is_downstream);
const struct mover *way_mover(const struct decision *decision, const struct node *node, bool is_downstream);

#endif
