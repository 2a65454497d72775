/* SPDX-License-Identifier: Apache-2.0
 *
 * Resize and Upsample. Interpolation is separable: each axis that changes is one pass, in which every output position
 * is a weighted sum of a few input positions. Nearest neighbors are one gather over all axes at once. Positions and
 * weights are computed in double. */
#include "onnx/shape/reals.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/real.h"
#include "runtime/math/simd.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

struct resize {
    struct call *call;
    struct array *x;
    int64_t out[ARRAY_MAX_RANK];
    double scale[ARRAY_MAX_RANK], length[ARRAY_MAX_RANK]; /* output over input; output as the formulas mean it */
    double start[ARRAY_MAX_RANK], end[ARRAY_MAX_RANK];    /* roi */
    double (*coordinate)(const struct resize *r, int axis, double o);
    double (*nearest)(double x);
    double (*filter)(double x, double a); /* NULL: nearest */
    double a;
    int reach; /* of the filter, to each side */
    bool crop, antialias, exclude_outside;
    double extrapolation;
};

/* --- where an output position is in the input --- */

static double half_pixel(const struct resize *r, int axis, double o)
{
    return (o + 0.5) / r->scale[axis] - 0.5;
}

static double half_pixel_symmetric(const struct resize *r, int axis, double o)
{
    double center = (double)r->x->dims[axis] / 2, adjustment = (double)r->out[axis] / r->length[axis];
    return center * (1 - adjustment) + half_pixel(r, axis, o);
}

static double pytorch_half_pixel(const struct resize *r, int axis, double o)
{
    return r->out[axis] > 1 ? half_pixel(r, axis, o) : 0;
}

static double align_corners(const struct resize *r, int axis, double o)
{
    return r->length[axis] == 1 ? 0 : o * (double)(r->x->dims[axis] - 1) / (r->length[axis] - 1);
}

static double asymmetric(const struct resize *r, int axis, double o)
{
    return o / r->scale[axis];
}

static double half_pixel_for_nn(const struct resize *r, int axis, double o)
{
    return (o + 0.5) / r->scale[axis];
}

static double crop_and_resize(const struct resize *r, int axis, double o)
{
    double last = (double)(r->x->dims[axis] - 1), start = r->start[axis], end = r->end[axis];
    if (r->length[axis] <= 1) return 0.5 * (start + end) * last;
    return start * last + o * (end - start) * last / (r->length[axis] - 1);
}

static const struct {
    const char *name;
    double (*coordinate)(const struct resize *r, int axis, double o);
} coordinates[] = {
    { "half_pixel", half_pixel },
    { "half_pixel_symmetric", half_pixel_symmetric },
    { "pytorch_half_pixel", pytorch_half_pixel },
    { "align_corners", align_corners },
    { "asymmetric", asymmetric },
    { "tf_half_pixel_for_nn", half_pixel_for_nn },
    { "tf_crop_and_resize", crop_and_resize },
};

static double prefer_floor(double x)
{
    return ceil(x - 0.5);
}

static double prefer_ceil(double x)
{
    return floor(x + 0.5);
}

static const struct {
    const char *name;
    double (*round)(double x);
} roundings[] = {
    { "round_prefer_floor", prefer_floor },
    { "round_prefer_ceil", prefer_ceil },
    { "floor", floor },
    { "ceil", ceil },
};

/* --- weights --- */

static double linear(double x, double a)
{
    (void)a;
    return fmax(0, 1 - fabs(x));
}

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* What the positions along one axis are made of: `taps` input positions and their weights each. */
struct axis_map {
    int64_t taps;
    int64_t *from;
    double *weights;
};

static int64_t clamp(double x, int64_t size)
{
    return !(x > 0) ? 0 : x > (double)(size - 1) ? size - 1 : (int64_t)x;
}

/* With antialiasing the filter is stretched by the factor of a reduction. */
static void fill_taps(const struct resize *r, int axis, double x, double stretch, int64_t first, int64_t taps,
                      int64_t *from, double *weights)
{
    double base = floor(x), sum = 0;
    int64_t size = r->x->dims[axis];
    for (int64_t t = 0; t < taps; t++) {
        double position = base + (double)(first + t);
        bool outside = position < 0 || position > (double)(size - 1);
        from[t] = clamp(position, size);
        weights[t] = r->exclude_outside && outside ? 0 : r->filter((position - x) * stretch, r->a);
        sum += weights[t];
    }
    if (r->antialias || r->exclude_outside)
        for (int64_t t = 0; t < taps; t++) weights[t] /= sum;
}

static bool map_axis(const struct resize *r, int axis, struct axis_map *map)
{
    double stretch = r->antialias && r->scale[axis] < 1 ? r->scale[axis] : 1, first = floor(-r->reach / stretch) + 1;
    int64_t size;
    if (!(first > -0x1p40)) return call_fail(r->call, "the scale of axis %d is too small", axis);
    map->taps = 2 - 2 * (int64_t)first;
    if (!size_multiply(map->taps, r->out[axis], &size)) return call_fail(r->call, "the output is too large");
    CALL_WORK(r->call, size, 2, WORK_ELEMENT);
    map->from = NEW_ARRAY(r->call->scratch, int64_t, (size_t)size);
    map->weights = NEW_ARRAY(r->call->scratch, double, (size_t)size);
    for (int64_t o = 0; o < r->out[axis]; o++)
        fill_taps(r, axis, r->coordinate(r, axis, (double)o), stretch, (int64_t)first, map->taps,
                  map->from + o * map->taps, map->weights + o * map->taps);
    return true;
}

/* --- passes --- */

static bool is_unchanged(const struct resize *r, int axis)
{
    return !r->crop && r->out[axis] == r->x->dims[axis] && r->scale[axis] == 1;
}

/* One axis being interpolated: [planes, in, inner] to [planes, out, inner]. */
struct interpolation {
    const struct simd *simd;
    const struct array *from;
    struct array *to;
    struct axis_map map;
    int64_t in, out, inner;
};

static void interpolate_lines(const void *context, int64_t first, int64_t end, int member)
{
    const struct interpolation *p = context;
    int64_t element = (int64_t)store_size(p->from->store);
    (void)member;
    for (int64_t plane = first; plane < end; plane++)
        p->simd->weigh_points((const char *)p->from->data + plane * p->in * element, p->map.from, p->map.weights,
                              p->map.taps, p->out, (char *)p->to->data + plane * p->out * element);
}

static void interpolate_rows(const void *context, int64_t first, int64_t end, int member)
{
    const struct interpolation *p = context;
    int64_t element = (int64_t)store_size(p->from->store);
    (void)member;
    for (int64_t i = first; i < end; i++) {
        int64_t taps = i % p->out * p->map.taps;
        p->simd->weigh_rows((const char *)p->from->data + i / p->out * p->in * p->inner * element, p->map.from + taps,
                            p->map.weights + taps, p->map.taps, p->inner, (char *)p->to->data + i * p->inner * element);
    }
}

/* `from` has the sizes of the output along the axes that are done. */
static bool interpolate_axis(const struct resize *r, const struct array *from, int axis, struct array **to)
{
    struct interpolation p = { .from = from, .in = from->dims[axis], .out = r->out[axis] };
    int64_t dims[ARRAY_MAX_RANK];
    if (!map_axis(r, axis, &p.map)) return false;
    p.simd = simd_for(from->store, r->call->simd_row);
    memcpy(dims, from->dims, sizeof dims);
    dims[axis] = p.out;
    *to = p.to = array_new(r->call->pool, from->type, from->store, from->rank, dims);
    p.inner = dims_product(dims, axis + 1, from->rank);
    int64_t rows = p.to->count / (p.inner == 1 ? p.out : p.inner);
    CALL_WORK(r->call, from->count + p.to->count, WORK_ELEMENT);
    team_run(r->call->team, rows, team_piece(rows, p.to->count), p.inner == 1 ? interpolate_lines : interpolate_rows,
             &p);
    return true;
}

static bool is_outside(const struct resize *r, int axis, int64_t o)
{
    double x = r->coordinate(r, axis, (double)o);
    return !(x >= 0 && x <= (double)(r->x->dims[axis] - 1));
}

/* What is outside of the input along any axis gets the extrapolation value. */
static void extrapolate(const struct resize *r, struct array *y)
{
    int64_t whole = fabs(r->extrapolation) < 0x1p62 ? (int64_t)r->extrapolation : 0;
    CALL_WORK(r->call, y->count, y->rank, WORK_ELEMENT);
    for (int64_t i = 0; i < y->count; i++) {
        int64_t rest = i;
        bool outside = false;
        for (int a = y->rank - 1; a >= 0 && !outside; a--) {
            outside = is_outside(r, a, rest % r->out[a]);
            rest /= r->out[a];
        }
        if (outside && is_real(y)) element_put(y, i, r->extrapolation);
        else if (outside) y->i64[i] = whole;
    }
}

static bool interpolate(struct resize *r)
{
    struct call *call = r->call;
    struct array *y = array_stored(r->x, is_real(r->x) ? r->x->store : STORE_F64);
    for (int axis = 0; axis < r->x->rank; axis++) {
        struct array *next;
        if (is_unchanged(r, axis)) continue;
        if (!interpolate_axis(r, y, axis, &next)) return false;
        array_drop(y);
        y = next;
    }
    if (r->crop && y != r->x) extrapolate(r, y);
    struct array *result = array_stored(y, r->x->store); /* to whole types: towards zero */
    array_drop(y);
    call_give(call, 0, result);
    return true;
}

/* Coordinates are rounded to float first: scales are floats, so that 1 / (1/3) is a hair beside 3. */
static int64_t *nearest_map(const struct resize *r, int axis)
{
    int64_t *map = NEW_ARRAY(r->call->scratch, int64_t, (size_t)r->out[axis]);
    for (int64_t o = 0; o < r->out[axis]; o++) {
        double x = (double)(float)r->coordinate(r, axis, (double)o);
        map[o] = clamp(r->nearest(x), r->x->dims[axis]);
    }
    return map;
}

static void gather_row(const char *from, const int64_t *map, int64_t count, size_t element, char *to)
{
    if (element == 4)
        for (int64_t i = 0; i < count; i++) memcpy(to + i * 4, from + map[i] * 4, 4);
    else
        for (int64_t i = 0; i < count; i++) memcpy(to + i * 8, from + map[i] * 8, 8);
}

struct neighbors {
    const struct resize *resize;
    struct array *y;
    int64_t *maps[ARRAY_MAX_RANK];
};

static void take_rows(const void *context, int64_t first, int64_t end, int member)
{
    const struct neighbors *n = context;
    const struct array *x = n->resize->x;
    const int64_t *out = n->resize->out;
    int last = x->rank - 1;
    size_t element = store_size(x->store);
    (void)member;
    for (int64_t i = first; i < end; i++) {
        int64_t place = 0, size = x->dims[last], rest = i;
        for (int a = last - 1; a >= 0; a--) {
            place += n->maps[a][rest % out[a]] * size;
            size *= x->dims[a];
            rest /= out[a];
        }
        gather_row((const char *)x->data + (size_t)place * element, n->maps[last], out[last], element,
                   (char *)n->y->data + (size_t)(i * out[last]) * element);
    }
}

static void take_nearest(const struct resize *r)
{
    int rank = r->x->rank;
    struct neighbors n = { .resize = r, .y = call_output(r->call, 0, r->x->type, rank, r->out) };
    if (rank == 0) {
        memcpy(n.y->data, r->x->data, store_size(n.y->store));
        return;
    }
    for (int a = 0; a < rank; a++) n.maps[a] = nearest_map(r, a);
    int64_t rows = n.y->count / r->out[rank - 1];
    team_run(r->call->team, rows, team_piece(rows, n.y->count), take_rows, &n);
    if (r->crop) extrapolate(r, n.y);
}

/* --- reading the node --- */

static bool read_modes(struct resize *r, bool old)
{
    const struct node *node = r->call->node;
    const char *mode = node_text(node, "mode", "nearest");
    const char *where = node_text(node, "coordinate_transformation_mode", "half_pixel");
    const char *rounding = node_text(node, "nearest_mode", "round_prefer_floor");
    if (old) {
        where = "asymmetric";
        rounding = "floor";
    }
    for (size_t i = 0; i < sizeof coordinates / sizeof *coordinates; i++)
        if (strcmp(coordinates[i].name, where) == 0) r->coordinate = coordinates[i].coordinate;
    for (size_t i = 0; i < sizeof roundings / sizeof *roundings; i++)
        if (strcmp(roundings[i].name, rounding) == 0) r->nearest = roundings[i].round;
    r->crop = r->coordinate == crop_and_resize;
    r->filter = strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0 ? linear
                : strcmp(mode, "cubic") == 0                                 ? cubic
                                                                             : NULL;
    r->reach = r->filter == cubic ? 2 : 1;
    r->a = (double)node_float(node, "cubic_coeff_a", -0.75f);
    r->antialias = node_int(node, "antialias", 0) != 0;
    r->exclude_outside = node_int(node, "exclude_outside", 0) != 0;
    r->extrapolation = (double)node_float(node, "extrapolation_value", 0);
    if (!r->coordinate) return call_fail(r->call, "coordinate_transformation_mode \"%s\" is not known", where);
    if (!r->nearest) return call_fail(r->call, "nearest_mode \"%s\" is not known", rounding);
    return r->filter || strcmp(mode, "nearest") == 0 || call_fail(r->call, "mode \"%s\" is not known", mode);
}

/* The axes that scales, sizes and roi are about. */
static bool read_axes(struct resize *r, int *axes, int *count)
{
    const int64_t *values;
    bool seen[ARRAY_MAX_RANK] = { false };
    size_t given = node_ints(r->call->node, "axes", &values);
    *count = given ? (int)given : r->x->rank;
    if (given > (size_t)r->x->rank) return call_fail(r->call, "axes has more entries than the input dimensions");
    for (int i = 0; i < *count; i++) {
        if (!call_axis(r->call, given ? values[i] : i, r->x->rank, &axes[i])) return false;
        if (seen[axes[i]]) return call_fail(r->call, "axes names axis %d twice", axes[i]);
        seen[axes[i]] = true;
    }
    return true;
}

/* floor(in * scale) in float, as the type of scales is; everybody agrees on that. */
static bool use_scale(struct resize *r, int axis, double scale)
{
    double size = floor((double)((float)r->x->dims[axis] * (float)scale));
    if (!(scale > 0) || !(size < 0x1p40)) return call_fail(r->call, "scale %g of axis %d makes no size", scale, axis);
    r->scale[axis] = scale;
    r->out[axis] = (int64_t)size;
    r->length[axis] = (double)r->x->dims[axis] * scale;
    return true;
}

static bool use_scales(struct resize *r, const int *axes, int count, const struct array *scales, const float *list,
                       int64_t given)
{
    if (given != count) return call_fail(r->call, "scales has %lld entries for %d axes", (long long)given, count);
    for (int i = 0; i < count; i++)
        if (!use_scale(r, axes[i], scales ? element_real(scales, i) : (double)list[i])) return false;
    return true;
}

static bool use_sizes(struct resize *r, const int *axes, int count, const int64_t *sizes, int64_t given)
{
    const char *policy = node_text(r->call->node, "keep_aspect_ratio_policy", "stretch");
    bool larger = strcmp(policy, "not_larger") == 0, smaller = strcmp(policy, "not_smaller") == 0;
    double one = larger ? INFINITY : 0;
    if (!larger && !smaller && strcmp(policy, "stretch") != 0)
        return call_fail(r->call, "keep_aspect_ratio_policy \"%s\" is not known", policy);
    if (given != count) return call_fail(r->call, "sizes has %lld entries for %d axes", (long long)given, count);
    for (int i = 0; i < count; i++) {
        int axis = axes[i];
        if (sizes[i] < 0 || sizes[i] > INT32_MAX) return call_fail(r->call, "size %lld", (long long)sizes[i]);
        r->out[axis] = sizes[i];
        r->length[axis] = (double)sizes[i];
        r->scale[axis] = r->x->dims[axis] ? (double)sizes[i] / (double)r->x->dims[axis] : 1;
        one = larger ? fmin(one, r->scale[axis]) : fmax(one, r->scale[axis]);
    }
    for (int i = 0; (larger || smaller) && i < count; i++) {
        r->scale[axes[i]] = one;
        r->length[axes[i]] = (double)r->x->dims[axes[i]] * one;
        r->out[axes[i]] = (int64_t)floor(r->length[axes[i]] + 0.5);
    }
    return true;
}

static bool read_roi(struct resize *r, const int *axes, int count, const struct array *roi)
{
    if (!r->crop) return true;
    if (!roi || !is_real(roi) || roi->count != 2 * count)
        return call_fail(r->call, "roi has to hold %d numbers", 2 * count);
    for (int i = 0; i < count; i++) {
        r->start[axes[i]] = element_real(roi, i);
        r->end[axes[i]] = element_real(roi, count + i);
    }
    return true;
}

static bool resize(struct resize *r)
{
    int64_t count = 1;
    for (int a = 0; a < r->x->rank; a++) {
        if (r->x->dims[a] == 0 && r->out[a] > 0)
            return call_fail(r->call, "axis %d is empty and cannot grow to %lld", a, (long long)r->out[a]);
        if (!size_multiply(count, r->out[a], &count)) return call_fail(r->call, "the output is too large");
    }
    if (count == 0) {
        call_output(r->call, 0, r->x->type, r->x->rank, r->out);
        return true;
    }
    if (r->filter) return interpolate(r);
    take_nearest(r);
    return true;
}

static bool read_input(struct call *call, struct resize *r, bool old)
{
    *r = (struct resize){ .call = call, .x = call_input(call, 0) };
    if (!r->x || !(is_real(r->x) || is_whole(r->x))) return call_fail(call, "input X is no tensor of numbers");
    for (int a = 0; a < r->x->rank; a++) {
        r->out[a] = r->x->dims[a];
        r->length[a] = (double)r->x->dims[a];
        r->scale[a] = r->end[a] = 1;
    }
    return read_modes(r, old);
}

static bool is_given(const struct array *array)
{
    return array && array->count > 0;
}

static bool run_resize(struct call *call)
{
    struct resize r;
    int axes[ARRAY_MAX_RANK], count;
    struct array *scales = call_input(call, 2), *sizes = call_input(call, 3);
    if (!read_input(call, &r, false) || !read_axes(&r, axes, &count)) return false;
    if (is_given(scales) == is_given(sizes) && r.x->rank > 0)
        return call_fail(call, "one of scales and sizes has to be given");
    if (is_given(scales) && !is_real(scales)) return call_fail(call, "scales has to be real");
    if (is_given(sizes) && !is_whole(sizes)) return call_fail(call, "sizes has to be whole");
    if (!read_roi(&r, axes, count, call_input(call, 1))) return false;
    if (is_given(scales) && !use_scales(&r, axes, count, scales, NULL, scales->count)) return false;
    if (is_given(sizes) && !use_sizes(&r, axes, count, sizes->i64, sizes->count)) return false;
    return resize(&r);
}

/* The scales of a node; those of opset 1 are named by themselves, of images. */
static size_t scales_attribute(const struct node *node, const float **list, float room[4])
{
    if (!node_attribute(node, "height_scale")) return node_floats(node, "scales", list);
    room[0] = room[1] = 1;
    room[2] = node_float(node, "height_scale", 1);
    room[3] = node_float(node, "width_scale", 1);
    *list = room;
    return 4;
}

/* Upsample, and Resize before it had modes: asymmetric coordinates, rounded down. */
static bool run_upsample(struct call *call)
{
    struct resize r;
    int axes[ARRAY_MAX_RANK], count;
    struct array *scales = call_input(call, 1);
    const float *list = NULL;
    float room[4];
    size_t listed = scales_attribute(call->node, &list, room);
    if (!read_input(call, &r, true) || !read_axes(&r, axes, &count)) return false;
    if (scales && !is_real(scales)) return call_fail(call, "scales has to be real");
    return use_scales(&r, axes, count, scales, list, scales ? scales->count : (int64_t)listed) && resize(&r);
}

/* ---- shapes ---- */

/* floor(in * scale), unless float and double disagree about it. */
static struct dim scaled_dim(struct shaping *s, struct dim dim, double scale)
{
    if (!(scale > 0 && scale < INT32_MAX) || (scale < 1 && strcmp(s->node->op, "Upsample") == 0)) return number_dim(-1);
    if (scale == floor(scale)) return scale_dim(s, dim, (int64_t)scale);
    if (dim.size < 0 || dim.size > INT32_MAX) return fresh_dim(s);
    double exact = floor((double)dim.size * scale), single = floor((double)((float)dim.size * (float)scale));
    return exact == single ? number_dim((int64_t)exact) : fresh_dim(s);
}

/* The axes that scales and sizes are for: all, or those listed (opset 18). */
static bool resize_axes(const struct shaping *s, int rank, struct axes *axes)
{
    bool marked[SHAPE_MAX_RANK];
    axes_from_attribute(s, "axes", axes);
    axes_default(axes, rank);
    return axes->known != AXES_UNKNOWN && mark_axes(axes, rank, marked);
}

/* False when an input is there and is not the empty list that some write for "absent". */
static bool is_absent(const struct shaping *s, size_t slot)
{
    return !node_input(s->node, slot) || input_count(s, slot) == 0;
}

static bool scale_by(struct shaping *s, const struct axes *axes, const double *scales, struct dim *dims)
{
    int rank = input_rank(s, 0), axis;
    for (int i = 0; i < axes->count; i++) {
        normal_axis(axes->at[i], rank, &axis);
        dims[axis] = scales ? scaled_dim(s, dims[axis], scales[i]) : fresh_dim(s);
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

/* With a policy the sizes are bounds, and what comes out depends on all of them. */
static bool size_to(struct shaping *s, const struct axes *axes, size_t slot, struct dim *dims)
{
    int rank = input_rank(s, 0), axis;
    const struct dim *sizes = input_content(s, slot);
    bool exactly = strcmp(node_text(s->node, "keep_aspect_ratio_policy", "stretch"), "stretch") == 0;
    if (sizes && input_count(s, slot) != axes->count) return false;
    for (int i = 0; i < axes->count; i++) {
        normal_axis(axes->at[i], rank, &axis);
        if (!size_dim(s, sizes ? sizes[i].symbol : 0, &dims[axis])) return false;
        if (!exactly) dims[axis] = fresh_dim(s);
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool resize_by(struct shaping *s, size_t scales_slot, size_t sizes_slot)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    double scales[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    if (sizes_slot && is_absent(s, scales_slot) && is_absent(s, sizes_slot)) return false;
    if (sizes_slot && input_count(s, scales_slot) > 0 && input_count(s, sizes_slot) > 0) return false;
    if (rank < 0) return set_type(s, 0, rule_type(s));
    if (!resize_axes(s, rank, &axes)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    if (sizes_slot && !is_absent(s, sizes_slot)) return size_to(s, &axes, sizes_slot, dims);
    int64_t count = input_reals(s, scales_slot, scales, SHAPE_MAX_RANK);
    if (count < 0) return scale_by(s, &axes, NULL, dims);
    return count == axes.count && scale_by(s, &axes, scales, dims);
}

static bool shape_resize(struct shaping *s)
{
    return resize_by(s, 2, 3);
}

static bool shape_scale_by_input(struct shaping *s)
{
    return resize_by(s, 1, 0);
}

static bool shape_scale_by_attribute(struct shaping *s)
{
    const float *listed;
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    double scales[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    float room[4];
    size_t count = scales_attribute(s->node, &listed, room);
    if (rank < 0) return set_type(s, 0, rule_type(s));
    if (count != (size_t)rank || !resize_axes(s, rank, &axes)) return false;
    for (size_t i = 0; i < count; i++) scales[i] = (double)listed[i];
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    return scale_by(s, &axes, scales, dims);
}

#define MODE "mode:s=nearest|linear|bilinear|cubic"
#define SAMPLING                                                                                             \
    MODE " coordinate_transformation_mode:s=half_pixel|half_pixel_symmetric|pytorch_half_pixel|"             \
         "align_corners|asymmetric|tf_half_pixel_for_nn|tf_crop_and_resize "                                 \
         "nearest_mode:s=round_prefer_floor|round_prefer_ceil|floor|ceil cubic_coeff_a:f exclude_outside:b " \
         "extrapolation_value:f"

const struct operator_row resize_operators[] = {
    { "Resize", 10, 10, .gradient = gradient_resize, .run = run_upsample, .complex = COMPLEX_BY_PARTS,
      .shape = shape_scale_by_input, .sizes = SLOT(1) | SLOT(2) | SLOT(3),
      .limits = { [1] = LIMIT_ONE, [2] = LIMIT_ONE },
      .schemas =
          SCHEMAS({ 10, 10, "Ta f32 > T", MODE }, { 11, 12, "Ta .f f32 ?i64 > T", SAMPLING },
                  { 13, 17, "Tah ?.f ?f32 ?i64 > T", SAMPLING },
                  { 18, LATEST, "Tah ?.f ?f32 ?i64 > T",
                    SAMPLING " antialias:b axes:I keep_aspect_ratio_policy:s=stretch|not_larger|not_smaller" }) },
    { "Resize", 11, LATEST, .gradient = gradient_resize, .run = run_resize, .complex = COMPLEX_BY_PARTS,
      .shape = shape_resize, .sizes = SLOT(1) | SLOT(2) | SLOT(3), .limits = { [1] = LIMIT_ONE, [2] = LIMIT_ONE } },
    { "Upsample", 1, 8, .gradient = gradient_resize, .run = run_upsample, .complex = COMPLEX_BY_PARTS,
      .shape = shape_scale_by_attribute, .sizes = SLOT(1), .limits = { [1] = LIMIT_ONE },
      .schemas = SCHEMAS({ 1, 6, "Tfib > T", MODE " height_scale!f width_scale!f" },
                         { 7, 8, "Ta > T", MODE " scales!F" }, { 9, 9, "Ta f32 > T", MODE }) },
    { "Upsample", 9, 9, .gradient = gradient_resize, .run = run_upsample, .complex = COMPLEX_BY_PARTS,
      .shape = shape_scale_by_input, .sizes = SLOT(1), .limits = { [1] = LIMIT_ONE } },
    { 0 },
};
