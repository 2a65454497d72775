/* SPDX-License-Identifier: Apache-2.0
 *
 * y = s*x + t per channel, in double: everything a BatchNormalization means in inference.
 *
 * BatchNormalization, Mul, Add, Sub, Div and Neg by constants, Identity and inference Dropout are all affine; they
 * compose, and they cross whatever only moves or averages elements (mover.h). Affines live in the arena of the decision
 * that makes them and are never changed after they were made. */
#ifndef PASSES_ALGEBRA_AFFINE_H
#define PASSES_ALGEBRA_AFFINE_H

#include "onnx/graph/graph.h"

/* The axis of an affine that treats all elements alike (channels is 1). It fits every axis. */
#define AXIS_ANY     (-1)
/* The axis of one whose channels a Reshape has split over several axes. Only another Reshape or Transpose follows
 * it. */
#define AXIS_SEVERAL (-2)

/* These axes, the one that varies slowest first; their sizes multiply to the number of channels. */
struct axis_set {
    int count, axes[TENSOR_MAX_RANK];
    int64_t sizes[TENSOR_MAX_RANK];
};

struct affine {
    int axis; /* of the value it applies to, counted from the front; or AXIS_ANY, AXIS_SEVERAL */
    int64_t channels;
    const double *scale, *shift;   /* `channels` of each, finite */
    const struct axis_set *spread; /* of AXIS_SEVERAL */
};

/* No affine is made of more: a shape of a few bytes can claim any number. */
#define MOST_CHANNELS (INT64_C(1) << 22)

/* `count` times the same number. */
double *vector_of(struct arena *arena, int64_t count, double number);

/* s = 1, t = 0 along any axis. */
extern const struct affine affine_identity;
/* The affine of these vectors (kept, not copied); and one whose vectors, which hold anything so far, the caller
 * fills. */
struct affine *affine_new(struct arena *arena, int axis, int64_t channels, const double *scale, const double *shift);
struct affine *affine_blank(struct arena *arena, int axis, int64_t channels, double **scale, double **shift);

bool affine_is_identity(const struct affine *a);                      /* s == 1 and t == 0 everywhere */
bool affine_is_equal(const struct affine *a, const struct affine *b); /* the same numbers along the same axis */
bool affine_has_shift(const struct affine *a);                        /* some t != 0 */
bool affine_has_scale(const struct affine *a);                        /* some s != 1 */
/* The first channel whose s or t is not finite, or -1. */
int64_t affine_not_finite(const struct affine *a);

/* first, then second: second(first(x)). NULL when they run along different axes. */
struct affine *affine_compose(struct arena *arena, const struct affine *first, const struct affine *second);
/* a + sign * b, of the same value. NULL when they run along different axes. */
struct affine *affine_sum(struct arena *arena, const struct affine *a, double sign, const struct affine *b);
/* The same along `axis` of `channels` (an AXIS_ANY affine is repeated); NULL when it runs along another axis or has
 * another number of channels, or for more than MOST_CHANNELS. */
struct affine *affine_along(struct arena *arena, const struct affine *a, int axis, int64_t channels);
/* The same with another axis (relabelled), without the shift, without the scale. */
struct affine *affine_moved(struct arena *arena, const struct affine *a, int axis);
struct affine *affine_scale_only(struct arena *arena, const struct affine *a);
struct affine *affine_shift_only(struct arena *arena, const struct affine *a);
/* The same under AXIS_ANY if all channels are alike, else NULL. */
struct affine *affine_uniform(struct arena *arena, const struct affine *a);
/* The same over other axes, in the order of `a`. */
struct affine *affine_over(struct arena *arena, const struct affine *a, const struct axis_set *axes);
/* New channel i behaves as old channel from[i]; from[i] < 0 means identity. */
struct affine *affine_picked(struct arena *arena, const struct affine *a, int64_t channels, const int64_t *from);

/* What `a` on a tensor of shape `from` is on the same elements, in the same row-major order, under shape `to`. The
 * channel axis must be proven to land on one axis, whole, split with equal values, or merged, or whole on several:
 * NULL otherwise; *varies if it is split and only the values are not equal. */
struct affine *affine_reshaped(struct arena *arena, const struct affine *a, const struct shape *from,
                               const struct shape *to, bool *varies);

#endif
