/* SPDX-License-Identifier: Apache-2.0
 *
 * How far the original and the fused model, each in its own types, are from float64 along the depth: at the values of
 * the main graph that both have, by samples of their elements. The native runs come first, then the reference. */
#ifndef CHECK_DEPTH_H
#define CHECK_DEPTH_H

#include "check/session.h"

struct depth;

/* Up to a few hundred values, evenly spread in the order of `after`. */
struct depth *depth_open(struct arena *arena, const struct net *before, const struct net *after);
/* Forgets the samples: other inputs follow, or what follows is no reference for them. */
void depth_forget(struct depth *depth);

/* For observers (session.h) of the two native runs; `context` is the depth. */
bool depth_see_before(void *context, struct value *value, struct array *array, struct bnfuse_error *error);
bool depth_see_after(void *context, struct value *value, struct array *array, struct bnfuse_error *error);
/* A value of `before` in float64: holds the samples against it. */
void depth_see_exact(struct depth *depth, const struct value *value, const struct array *array);

/* The values that all three runs have shown, in order; the worst of all sets. */
void depth_collect(const struct depth *depth, struct arena *arena, struct bnfuse_check_result *result);

#endif
