/* SPDX-License-Identifier: Apache-2.0
 *
 * Error along the depth. See depth.h. */
#include "check/depth.h"

#include "base/pointer_map.h"

#include <math.h>

enum { POINTS_MOST = 400, SAMPLES = 256 };

enum side_index { BEFORE, AFTER, SIDES };

/* Samples of one model at one value; the elements are those of a tensor of `count`. */
struct samples {
    int64_t count; /* 0: none taken */
    double values[SAMPLES];
};

struct point {
    const char *value;
    struct samples samples[SIDES];
    double distance[SIDES]; /* the worst so far; < 0: not measured */
};

struct depth {
    struct point *points;
    size_t count;
    struct pointer_map by_value; /* values of both graphs */
};

/* What a node without inputs gives is a constant, or random. */
static bool is_computed(const struct value *value)
{
    return value && value->writer->input_count > 0;
}

static size_t count_computed(const struct graph *graph)
{
    size_t count = 0;
    for (const struct node *node = graph->first; node; node = node->next)
        for (size_t i = 0; i < node->output_count; i++) count += is_computed(node->outputs[i]);
    return count;
}

static void add_point(struct depth *depth, struct value *origin, struct value *value)
{
    struct point *point = &depth->points[depth->count++];
    point->value = value->name;
    point->distance[BEFORE] = point->distance[AFTER] = -1;
    pointer_map_set(&depth->by_value, origin, point);
    pointer_map_set(&depth->by_value, value, point);
}

struct depth *depth_open(struct arena *arena, const struct net *before, const struct net *after)
{
    struct depth *depth = NEW(arena, struct depth);
    size_t count = count_computed(after->main), step = (count + POINTS_MOST - 1) / POINTS_MOST, seen = 0;
    depth->points = NEW_ARRAY(arena, struct point, step ? count / step + 1 : 0);
    depth->by_value.arena = arena;
    for (const struct node *node = after->main->first; node; node = node->next)
        for (size_t i = 0; i < node->output_count; i++) {
            struct value *value = node->outputs[i];
            if (!is_computed(value) || seen++ % step != 0) continue;
            struct value *origin = graph_value(before->main, value->name);
            if (origin) add_point(depth, origin, value);
        }
    return depth;
}

void depth_forget(struct depth *depth)
{
    for (size_t i = 0; i < depth->count; i++)
        for (size_t side = 0; side < SIDES; side++) depth->points[i].samples[side].count = 0;
}

static bool is_real(const struct array *array)
{
    return array && (array->store == STORE_F32 || array->store == STORE_F64) && array->count > 0;
}

static double sampled(const struct array *array, int64_t i, int64_t samples)
{
    int64_t at = array->count / samples * i + array->count % samples * i / samples;
    return array->store == STORE_F64 ? array->f64[at] : (double)array->f32[at];
}

static int64_t sample_count(const struct array *array)
{
    return array->count < SAMPLES ? array->count : SAMPLES;
}

static void take_samples(struct depth *depth, const struct value *value, const struct array *array,
                         enum side_index side)
{
    struct point *point = pointer_map_get(&depth->by_value, value);
    if (!point || !is_real(array)) return;
    point->samples[side].count = array->count;
    for (int64_t i = 0, count = sample_count(array); i < count; i++)
        point->samples[side].values[i] = sampled(array, i, count);
}

bool depth_see_before(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    (void)error;
    take_samples(context, value, array, BEFORE);
    return true;
}

bool depth_see_after(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    (void)error;
    take_samples(context, value, array, AFTER);
    return true;
}

/* The root mean square of the differences, relative to that of the truth; what is not finite is left out. */
static double distance(const struct array *truth, const struct samples *samples)
{
    double squares = 0, reference = 0;
    for (int64_t i = 0, count = sample_count(truth); i < count; i++) {
        double exact = sampled(truth, i, count), error = samples->values[i] - exact;
        if (!isfinite(error)) continue;
        squares += error * error;
        reference += exact * exact;
    }
    return sqrt(reference > 0 ? squares / reference : squares);
}

void depth_see_exact(struct depth *depth, const struct value *value, const struct array *array)
{
    struct point *point = pointer_map_get(&depth->by_value, value);
    if (!point || !is_real(array)) return;
    for (size_t side = 0; side < SIDES; side++)
        if (point->samples[side].count != array->count) return;
    for (size_t side = 0; side < SIDES; side++)
        point->distance[side] = fmax(point->distance[side], distance(array, &point->samples[side]));
}

void depth_collect(const struct depth *depth, struct arena *arena, struct bnfuse_check_result *result)
{
    bnfuse_depth **list = NEW_ARRAY(arena, bnfuse_depth *, depth->count);
    result->depth = list;
    for (size_t i = 0; i < depth->count; i++) {
        const struct point *point = &depth->points[i];
        if (point->distance[BEFORE] < 0) continue;
        bnfuse_depth *entry = list[result->depth_count++] = NEW(arena, bnfuse_depth);
        *entry = (bnfuse_depth){ point->value, point->distance[BEFORE], point->distance[AFTER] };
    }
}
