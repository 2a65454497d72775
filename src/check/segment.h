/* SPDX-License-Identifier: Apache-2.0
 *
 * Proving a segment of two unrelated models: fed with the same arrays, both have to give the same, up to what half a
 * unit in the last place of their weights explains.
 *
 * What the first model computed on a draw is fed first: the single error of the segment, free of what accumulated
 * upstream of it. Where something inside gives the same for inputs that differ (a Relu whose input is negative, a Clip
 * whose limits nothing reaches), or where what was seen is too uniform, numbers made for the purpose are fed as well:
 * within what the upstream operators can give at all, of other sizes, a few at a time. */
#ifndef CHECK_SEGMENT_H
#define CHECK_SEGMENT_H

#include "check/pair.h"
#include "check/prove.h"

/* A perturbation above this share of the scale leaves nothing to say. */
#define MOST_PERTURBATION 0.01

/* What the weights of two models leave open of one value: as much as those of `a` do; or where those of `b` leave more,
 * up to ten times that, and up to the resolution of its type: the constants of a Gelu written out are rounded, the
 * operator has none. */
double perturbation_of(double a, double b, double resolution);

/* b as an array of a's type where both are real numbers: a version of lower precision is compared by its numbers. */
struct array *as_type_of(const struct array *a, struct array *b);

/* site->fed holds what was seen, which is released; the outcome is in site. False only when memory runs out. */
bool prove_segment(const struct prover *prover, const struct pointer_map *sizes_of_b, struct site *site,
                   struct bnfuse_error *error);
/* The same with random inputs for what was not seen. */
bool prove_segment_apart(const struct prover *prover, const struct pointer_map *sizes_of_b, struct site *site,
                         struct bnfuse_error *error);

#endif
