/* SPDX-License-Identifier: Apache-2.0
 *
 * The bias of a linear operator, in full: one number for each row and output channel, gain applied, zeros where there
 * is none; whatever is stored broadcasts to that. */
#ifndef PASSES_ALGEBRA_BIAS_H
#define PASSES_ALGEBRA_BIAS_H

#include "passes/algebra/anchor.h"

struct affine;

/* How many numbers there are, and where that of a row and channel is. */
int64_t bias_count(const struct anchor_parts *l);
int64_t bias_index(const struct anchor_parts *l, int64_t row, int64_t channel);

/* Whether an affine on the output changes it. */
bool bias_changes(const struct anchor_parts *l, const struct node *node, const struct affine *a);

/* In the scratch arena. A reason where it is not constant, does not fit, or takes too much memory. */
enum reason bias_read(struct decision *decision, const struct node *node, const struct anchor_parts *l,
                      double **values);
/* Whether these values can be stored. `scale` is what the steps of a quantized bias grow by; NULL: they stay. */
enum reason bias_check(struct decision *decision, const struct node *node, const struct anchor_parts *l,
                       const double *scale, const double *values);
/* Stores them. */
void bias_apply(struct decision *decision, struct node *node, const struct anchor_parts *l, const double *scale,
                const double *values);

/* The name of what takes a constant's place: "w" -> "w_fused", and that again stays "w_fused"; edit_fresh_name tells
 * them apart. */
const char *fused_name(struct arena *arena, const char *name);

#endif
