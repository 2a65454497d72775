/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples of what runs gave for a value. See sample.h. */
#include "check/sample.h"

#include "base/hash.h"

#include <math.h>
#include <string.h>

static double element(const struct array *array, int64_t i)
{
    return array->store == STORE_F64   ? array->f64[i]
           : array->store == STORE_F32 ? (double)array->f32[i]
                                       : (double)array->i64[i];
}

static void take_samples(struct trace *trace, struct arena *arena, const struct array *array)
{
    double *to = NEW_ARRAY(arena, double, SAMPLES + 2), sum = 0, size = 0, scale = 0;
    trace->samples[trace->draws] = to;
    for (int64_t i = 0; i < array->count; i++) {
        double x = element(array, i);
        sum += x;
        size += fabs(x);
        scale = fabs(x) > scale ? fabs(x) : scale;
    }
    for (uint64_t i = 0; i < SAMPLES; i++) {
        bool few = array->count <= SAMPLES;
        uint64_t at = few ? i : hash_mix(19, i) % (uint64_t)array->count;
        to[i] = (int64_t)at < array->count ? element(array, (int64_t)at) : 0;
    }
    to[SAMPLES] = array->count ? sum / (double)array->count : 0;
    to[SAMPLES + 1] = array->count ? size / (double)array->count : 0;
    trace->scale[trace->draws++] = scale;
}

/* At least three different numbers that are not whole, or six that are. */
static bool is_telling(const struct trace *trace)
{
    double seen[6];
    size_t different = 0, broken = 0;
    for (size_t draw = 0; draw < trace->draws; draw++)
        for (size_t i = 0; i < SAMPLES && different < 6; i++) {
            double x = trace->samples[draw][i];
            size_t k = 0;
            while (k < different && seen[k] != x) k++;
            if (k < different || !isfinite(x)) continue;
            seen[different++] = x;
            broken += x != floor(x);
        }
    return broken >= 3 || different >= 6;
}

static bool is_shaped_like(const struct trace *trace, const struct array *array)
{
    return trace->rank == array->rank && trace->store == array->store
           && memcmp(trace->dims, array->dims, (size_t)array->rank * sizeof *array->dims) == 0;
}

void trace_sample(struct trace *trace, struct arena *arena, const struct array *array)
{
    if (!array || array->store > STORE_I64 || trace->draws == MOST_SAMPLED_DRAWS) return;
    if (trace->draws && !is_shaped_like(trace, array)) return;
    if (!trace->draws) {
        int64_t *dims = NEW_ARRAY(arena, int64_t, (size_t)array->rank);
        if (array->rank) memcpy(dims, array->dims, (size_t)array->rank * sizeof *dims);
        trace->dims = dims;
        trace->rank = array->rank;
        trace->type = array->type;
        trace->store = array->store;
    }
    take_samples(trace, arena, array);
    trace->is_telling = is_telling(trace);
}

bool trace_has_form_of(const struct trace *a, const struct trace *b)
{
    const bool is_real = a->store != STORE_I64 && b->store != STORE_I64;
    return a->draws && b->draws && a->rank == b->rank && a->draws == b->draws && (is_real || a->type == b->type)
           && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

double trace_distance_within(const struct trace *a, const struct trace *b, double most)
{
    double far = 0;
    for (size_t draw = 0; draw < a->draws; draw++) {
        double scale = fmax(a->scale[draw], b->scale[draw]);
        for (size_t i = 0; i < SAMPLES + 2; i++) {
            double x = a->samples[draw][i], y = b->samples[draw][i];
            if (x == y || (isnan(x) && isnan(y))) continue;
            if (!isfinite(x) || !isfinite(y)) return INFINITY;
            double gap = fabs(x - y) / scale;
            if (gap > most) return INFINITY;
            if (gap > far) far = gap;
        }
    }
    return far;
}

double trace_distance(const struct trace *a, const struct trace *b)
{
    return trace_distance_within(a, b, INFINITY);
}
