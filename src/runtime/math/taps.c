/* SPDX-License-Identifier: Apache-2.0
 *
 * Places between points (taps.h). */
#include "runtime/math/taps.h"
#include "runtime/element.h"

#include <math.h>

#define FAR 1e15 /* a place beyond this, or none at all (NaN), is this far outside */

double taps_tame(double place)
{
    if (isnan(place) || place < -FAR) return -FAR;
    return place > FAR ? FAR : place;
}

double taps_reflect(double place, double low, double high, double *way)
{
    double span = high - low, over = place < low ? low - place : place - high;
    if (over <= 0) return place;
    if (span <= 0) return low;
    double times = floor(over / span), rest = over - times * span;
    bool from_low = (place < low) == (fmod(times, 2) == 0);
    if (way) *way = from_low == (place < low) ? -1 : 1;
    return from_low ? low + rest : high - rest;
}

/* The index that stands for `index`, which may be outside of 0 .. size-1; -1: nothing does. */
static int64_t inside(double index, int64_t size, enum padding padding, bool align)
{
    double last = (double)size - 1;
    if (index >= 0 && index <= last) return (int64_t)index;
    if (padding == PADDING_ZEROS) return -1;
    if (padding == PADDING_REFLECTION) index = taps_reflect(index, align ? 0 : -0.5, align ? last : last + 0.5, NULL);
    return (int64_t)fmin(fmax(index, 0), last);
}

/* Keys' cubic convolution with a = -0.75, at distances 1+x, x, 1-x, 2-x. */
static void cubic_weights(double x, double *weights, double *slopes)
{
    const double a = -0.75;
    for (int i = 0; i < 4; i++) {
        double d = fabs(x + 1 - i), sign = x + 1 - i < 0 ? -1 : 1;
        slopes[i] = sign * (d <= 1 ? (3 * (a + 2) * d - 2 * (a + 3)) * d : (3 * a * d - 10 * a) * d + 8 * a);
        weights[i] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    }
}

void taps_take(struct taps *s, int axis, double place, enum padding padding, bool align)
{
    double first = s->count == 1 ? rint(place) : floor(place) - (s->count == 4), rest = place - floor(place);
    double *weights = s->weight[axis], *slopes = s->slope[axis];
    weights[0] = s->count == 1 ? 1 : 1 - rest;
    weights[1] = rest;
    slopes[0] = s->count == 1 ? 0 : -1;
    slopes[1] = 1;
    if (s->count == 4) cubic_weights(rest, weights, slopes);
    for (int t = 0; t < s->count; t++) s->index[axis][t] = inside(first + t, s->dims[axis], padding, align);
}

/* One of the points around a place: at[axis] is the tap along each axis. -1 where it is outside. */
static int64_t point_at(const struct taps *s, const int *at, double *weight)
{
    int64_t index = 0;
    *weight = 1;
    for (int i = 0; i < s->rank; i++) {
        if (s->index[i][at[i]] < 0) return -1;
        index = index * s->dims[i] + s->index[i][at[i]];
        *weight *= s->weight[i][at[i]];
    }
    return index;
}

/* To the next of the points; false after the last. */
static bool next_point(const struct taps *s, int *at)
{
    int axis = s->rank - 1;
    while (axis >= 0 && ++at[axis] == s->count) at[axis--] = 0;
    return axis >= 0;
}

double taps_read(const struct taps *s, const struct array *x, int64_t plane)
{
    int at[TAPS_MOST_AXES] = { 0 };
    double sum = 0, weight;
    do {
        int64_t index = point_at(s, at, &weight);
        if (index >= 0) sum += weight * element_real(x, plane + index);
    } while (next_point(s, at));
    return sum;
}

/* The product of the weights along all axes but one, and of the slope along that one. */
static double slope_along(const struct taps *s, const int *at, int axis)
{
    double slope = 1;
    for (int i = 0; i < s->rank; i++) slope *= i == axis ? s->slope[i][at[i]] : s->weight[i][at[i]];
    return slope;
}

void taps_spread(const struct taps *s, const struct array *x, int64_t plane, double grows, struct array *dx,
                 double *moves)
{
    int at[TAPS_MOST_AXES] = { 0 };
    double weight;
    do {
        int64_t index = point_at(s, at, &weight);
        if (index < 0) continue;
        double value = element_real(x, plane + index);
        element_put(dx, plane + index, element_real(dx, plane + index) + grows * weight);
        for (int axis = 0; axis < s->rank; axis++) moves[axis] += grows * value * slope_along(s, at, axis);
    } while (next_point(s, at));
}
