/* SPDX-License-Identifier: Apache-2.0
 *
 * What the rows of mover.c are made of: one function an operator and direction, by family, and the questions that they
 * all ask. Private to the movers. */
#ifndef PASSES_ALGEBRA_MOVER_ROWS_H
#define PASSES_ALGEBRA_MOVER_ROWS_H

#include "passes/algebra/mover.h"

/* The affine cannot cross, in a few words. */
enum reason crossing_stop(struct crossing *x, enum reason reason, const char *why);
/* It crosses as it is, between input 0 and output 0. */
enum reason crossing_same(struct crossing *x);

const struct value *crossing_input(const struct crossing *x, size_t slot);
const struct value *crossing_output(const struct crossing *x, size_t slot);
/* -1: unknown, or there is no such value or axis. */
int value_rank(const struct value *value);
int64_t value_size(const struct value *value, int axis);

/* A small list of integers: attribute `name`, or, when absent, constant input `slot` (SIZE_MAX: none). False when neither
 * can be read; *given tells whether there is one at all. */
bool crossing_list(const struct crossing *x, const char *name, size_t slot, const int64_t **values, size_t *count,
                   bool *given);

/* Whether no scale is below zero (positive: above zero); else the first channel that is. */
bool scale_not_negative(const struct affine *a, bool positive, int64_t *channel);

enum reason reshape_backward(struct crossing *x);
enum reason reshape_forward(struct crossing *x);
enum reason squeeze_backward(struct crossing *x);
enum reason squeeze_forward(struct crossing *x);
enum reason unsqueeze_backward(struct crossing *x);
enum reason unsqueeze_forward(struct crossing *x);
enum reason transpose_backward(struct crossing *x);
enum reason transpose_forward(struct crossing *x);
enum reason concat_backward(struct crossing *x);
enum reason concat_forward(struct crossing *x);
enum reason split_backward(struct crossing *x);
enum reason split_forward(struct crossing *x);
enum reason slice_backward(struct crossing *x);
enum reason slice_forward(struct crossing *x);
enum reason add_backward(struct crossing *x);
enum reason add_forward(struct crossing *x);
enum reason mul_backward(struct crossing *x);
enum reason mul_forward(struct crossing *x);
enum reason average_pool(struct crossing *x);
enum reason global_average(struct crossing *x);
enum reason reduce_backward(struct crossing *x);
enum reason reduce_forward(struct crossing *x);
enum reason sum_backward(struct crossing *x);
enum reason sum_forward(struct crossing *x);
enum reason max_pool(struct crossing *x);
enum reason extreme_backward(struct crossing *x);
enum reason extreme_forward(struct crossing *x);
enum reason resize(struct crossing *x);
enum reason to_deep(struct crossing *x);
enum reason to_shallow(struct crossing *x);
enum reason pad_backward(struct crossing *x);
enum reason pad_forward(struct crossing *x);
enum reason gather_backward(struct crossing *x);
enum reason homogeneous(struct crossing *x);

#endif
