/* SPDX-License-Identifier: Apache-2.0
 *
 * Folding, and the decisions it shares with the passes that tidy up after it. */
#ifndef PASSES_FOLD_H
#define PASSES_FOLD_H

#include "passes/search.h"

/* The affine nodes a pass works on: every BatchNormalization of the net that is not in a function called from several
 * places, by depth and then by name. In `arena`. */
struct seeds { struct node **nodes; size_t count; };
struct seeds seeds_of(const struct net *net, struct arena *arena, const struct pass_options *options);

/* A search for passes: scratch arena and constants, both released with the net's arena, or by search_close. */
struct search *search_open(struct net *net, const struct pass_options *options);
void search_close(struct search *search);

/* The type of the values that an affine node computes with: that of its input, if known, else of a constant beside it. */
enum dtype fold_type(const struct node *node);

/* The affine node's output is what its input `slot` holds now: the node goes, the output keeps its name. */
void fold_finish(struct node *node, size_t slot);

bool fold_run(struct net *net, const struct pass_options *options, struct pass_report *report,
              struct bnfuse_error *error);

#endif
