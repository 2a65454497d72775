/* SPDX-License-Identifier: Apache-2.0
 *
 * How far one array is from another. */
#ifndef CHECK_MEASURE_H
#define CHECK_MEASURE_H

#include "check/check.h"

/* `a` is the reference. Either may be NULL (absent); they may be held in different stores.
 * Complex elements are taken part by part. */
struct bnfuse_difference measure(const struct array *a, const struct array *b);
/* |b-a| <= atol + rtol*|a| everywhere, in the plane where elements are complex, equal shapes, equal NaN and
 * infinities. */
bool within_tolerance(const struct array *a, const struct array *b, double atol, double rtol);
/* Whether NaN and infinities of `a` stand, wherever `b` has others, where `truth` and `b` are finite: `a` overflowed
 * its type and `b` did not. */
bool heals_overflow(const struct array *truth, const struct array *a, const struct array *b);
/* Equal types and dims, and elements bit for bit; a NaN is equal to any other. */
bool same_elements(const struct array *a, const struct array *b);
/* Whether it is constant, saturated, or equal all over some slice: a channel that is dead, a row of padding. */
bool is_uniform(const struct array *array);
/* The worse of the two in every respect. */
struct bnfuse_difference worse_difference(struct bnfuse_difference a, struct bnfuse_difference b);
/* Whether it is more than rounding can explain at `limit` relative to the tensor's scale. */
bool exceeds(const struct bnfuse_difference *difference, double limit);
/* Half a unit in the last place, times four, of the type that a number is stored in: differences so small are
 * nobody's. */
double resolution_of(enum dtype type);

#endif
