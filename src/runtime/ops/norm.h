/* SPDX-License-Identifier: Apache-2.0
 *
 * What normalizations share (norm.c, layer_norm.c). */
#ifndef RUNTIME_OPS_NORM_H
#define RUNTIME_OPS_NORM_H

#include "runtime/kernel.h"

/* The place of an element, in any store. */
char *norm_at(const struct array *array, int64_t index);
double norm_epsilon(const struct call *call);
/* Whether intermediate results of a half-sized type have to be rounded to it; and rounding elements of y to it, as the
 * specification has it between normalizing and scaling. */
bool norm_is_rounded_between(const struct call *call, const struct array *x);
void norm_round_back(struct array *y, enum dtype type, int64_t first, int64_t count);

#endif
