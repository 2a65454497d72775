/* SPDX-License-Identifier: Apache-2.0
 *
 * Simplifying (--simplify): what the graph computes in more nodes than it needs. */
#ifndef PASSES_SIMPLIFY_SIMPLIFY_H
#define PASSES_SIMPLIFY_SIMPLIFY_H

#include "passes/simplify/rewrite.h"

/* Applies every rewrite wherever it fits, until none does. Nothing unless options->simplify. */
bool simplify_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                  struct bnfuse_error *error);

/* Row i of all families in turn, as callers may see it; NULL beyond the last. */
const struct bnfuse_rule *rewrite_rule(size_t i);

/* The families of rewrites, each ended by a row without function; NULL ends the list. The order is that in which a node
 * is asked. */
extern const struct rewrite *const rewrite_families[];

#endif
