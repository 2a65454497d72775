/* SPDX-License-Identifier: Apache-2.0
 *
 * Between nodes and affines: BatchNormalization, Mul, Add, Sub, Div, Neg by constants, Identity and inference Dropout
 * read as s*x + t; and s*x + t written as nodes. */
#ifndef PASSES_ALGEBRA_AFFINE_NODE_H
#define PASSES_ALGEBRA_AFFINE_NODE_H

#include "passes/algebra/affine.h"
#include "passes/decide/decision.h"

/* Reads a node as an affine of one of its inputs. REASON_NONE with the affine and the slot it applies to; NON_LINEAR
 * when the operator is none; another reason (with words->) when it is one that must stay. */
enum reason affine_of_node(struct decision *decision, const struct node *node, struct affine **affine, size_t *slot);

/* Mul, Add, Sum, Sub, Div or Neg, whose constants may make it one. */
bool affine_is_operator(const struct node *node);

/* Whether it adds a value to itself, or takes it from itself: a multiple of input 0, which all its inputs read. */
bool affine_multiplies(const struct node *node);

/* Whether its inputs are added or subtracted (Add, Sum, Sub), multiplied or divided (Mul, Div); and divided. */
bool affine_is_sum(const struct node *node);
bool affine_is_product(const struct node *node);
bool affine_divides(const struct node *node);

/* With which sign input `slot` enters a sum: 1 or -1, 0 when the node is none (Add, Sum, Sub). */
double affine_sum_sign(const struct node *node, size_t slot);

/* Whether the inputs are aligned by attributes (before opset 7), not as numpy does. */
bool affine_aligns_by_attribute(const struct node *node);

/* Whether the terms of a sum align at the right: as numpy does it, or because all have one shape. */
bool affine_terms_align(const struct node *node);

/* Whether Mul and Add align their operands at the right in this graph, not by an attribute. */
bool affine_broadcasts(const struct graph *graph);

/* A new Add of a value and a constant, which broadcasts, before `before`. */
struct node *affine_add_constant(struct graph *graph, struct node *before, struct value *value, struct value *constant,
                                 const char *base_name);

/* Whether affine_lower can write it after this value without a BatchNormalization (the rank must be known). */
bool affine_can_lower(const struct graph *graph, const struct value *value, const struct affine *a);

/* Adds nodes that compute the affine after `value`, before node `before`; the last one's output is returned. A
 * BatchNormalization when it runs along axis 1 and has both scale and shift, else Mul and / or Add. Types as `type`. */
struct value *affine_lower(struct graph *graph, struct node *before, struct value *value, const struct affine *a,
                           enum dtype type, bool as_batchnorm, const char *base_name);

/* Makes a BatchNormalization that affine_lower added compute another affine of its channels; false: it is none. */
bool affine_relower(struct node *bn, const struct affine *a);

#endif
