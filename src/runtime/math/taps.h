/* SPDX-License-Identifier: Apache-2.0
 *
 * A place between the points of a grid: along each axis a few taps, each an index and a weight. The products of the
 * weights weigh the points around the place. */
#ifndef RUNTIME_MATH_TAPS_H
#define RUNTIME_MATH_TAPS_H

#include "runtime/array.h"

#define TAPS_MOST_AXES 8 /* 4^8 points for a cubic sample */
#define TAPS_MOST      4

enum padding { PADDING_ZEROS, PADDING_BORDER, PADDING_REFLECTION };

struct taps {
    int rank, count; /* of the taps along each axis: 1 (nearest), 2 (linear) or 4 (cubic) */
    const int64_t *dims;
    int64_t index[TAPS_MOST_AXES][TAPS_MOST]; /* -1: outside, counts as zero */
    double weight[TAPS_MOST_AXES][TAPS_MOST];
    double slope[TAPS_MOST_AXES][TAPS_MOST]; /* how much a weight grows with the place along its axis */
};

/* A place that is none (NaN) or too far away to count, as one that is just far away. */
double taps_tame(double place);
/* Folds a place back into low .. high, as often as it takes. *way: 1, or -1 where it then goes the other way; may be
 * NULL. */
double taps_reflect(double place, double low, double high, double *way);
/* Sets the taps of one axis for a place. */
void taps_take(struct taps *taps, int axis, double place, enum padding padding, bool align);
/* The weighted sum around the place, in the plane of x that begins at `plane`. */
double taps_read(const struct taps *taps, const struct array *x, int64_t plane);
/* Given how much something grows with that sum: adds to dx how much it grows with each point, and to moves[axis] how
 * much with the place along each axis. */
void taps_spread(const struct taps *taps, const struct array *x, int64_t plane, double grows, struct array *dx,
                 double *moves);

#endif
