/* SPDX-License-Identifier: Apache-2.0
 *
 * What changed between two models, by structure.
 *
 * Values and nodes of the two are paired. Inputs, outputs and stored tensors pair by name, then by what they hold; a
 * node pairs with one of the same operator and attributes that reads the paired values, else with one of the same
 * operator and name, else with one of the same operator whose output is read in the same place. What is left on either
 * side was added or removed; what is paired and not equal was changed, renamed or moved. A Constant node is a stored
 * tensor. */
#ifndef CHECK_DIFF_H
#define CHECK_DIFF_H

#include "bnfuse.h"
#include "onnx/graph/graph.h"

/* The changes in the order of the graphs, in the arena. False when a weight cannot be read. */
bool diff_find(const struct net *a, const struct net *b, struct arena *arena, bnfuse_changes *list,
               struct bnfuse_error *error);

#endif
