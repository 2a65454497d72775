/* SPDX-License-Identifier: Apache-2.0
 *
 * Pools: the largest, the mean or the p-norm of what each window sees, of a whole plane, or of a region.
 *
 * Real pools slide over unstrided channels (window.h). Maxima of whole numbers and maxima with their places walk
 * through the windows one by one. */
#include "onnx/shape/rules.h"
#include "onnx/shape/slide.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/real.h"
#include "runtime/math/window.h"
#include "runtime/ops/conv.h"
#include "runtime/ops/operators.h"

#include <float.h>
#include <math.h>
#include <string.h>

struct pooling {
    const struct array *x;
    struct window window;
    enum auto_pad mode;
    int64_t channels;         /* of all images */
    const struct array *mask; /* zero where a maximum does not look, or NULL */
};

static bool read_pooling(struct call *call, struct pooling *p)
{
    p->x = call_input(call, 0);
    p->mask = NULL;
    if (!p->x) return call_fail(call, "input X is missing");
    if (!is_real(p->x) && p->x->type != DTYPE_INT8 && p->x->type != DTYPE_UINT8)
        return call_fail(call, "input X has type %s", dtype_name(p->x->type));
    if (p->x->rank < 3) return call_fail(call, "input X has %d dimensions, at least 3 are needed", p->x->rank);
    if (!size_multiply(p->x->dims[0], p->x->dims[1], &p->channels)) return call_fail(call, "input X is too large");
    return window_read(call, p->x->rank - 2, p->x->dims + 2, NULL, &p->window, &p->mode)
           && window_size(call, &p->window, p->mode, node_int(call->node, "ceil_mode", 0) != 0);
}

static struct array *make_output(struct call *call, const struct pooling *p, size_t slot, enum dtype type)
{
    int64_t dims[ARRAY_MAX_RANK];
    memcpy(dims, p->x->dims, 2 * sizeof *dims);
    memcpy(dims + 2, p->window.out, (size_t)p->window.rank * sizeof *dims);
    return call_output(call, slot, type, p->x->rank, dims);
}

static bool slide_over(struct call *call, const struct pooling *p, const void *from, double fill, struct array *y,
                       void (*chunk)(const struct slide *, int64_t, const void *, int64_t, void *), const void *context)
{
    struct unstride unstride;
    if (y->count == 0) return true;
    if (!unstride_plan(call, &p->window, &unstride)) return false;
    struct slide slide = { .unstride = &unstride,
                           .store = y->store,
                           .from = from,
                           .to = y->data,
                           .channels = p->channels,
                           .outputs = 1,
                           .fill = fill,
                           .chunk = chunk,
                           .context = context };
    slide_run(call, &slide);
    return true;
}

/* --- MaxPool --- */

static void largest_of_taps(const struct slide *slide, int64_t output, const void *from, int64_t count, void *results)
{
    (void)output;
    slide->simd->window_max(from, slide->unstride->taps, slide->unstride->window.taps, results, count);
}

/* Which taps of the window at `o` see the input, or with `padding` the input and its explicit padding: *first and so
 * many. */
static int64_t taps_inside(const struct window *w, int axis, int64_t o, bool padding, int64_t *first)
{
    int64_t start = o * w->stride[axis] - w->begin[axis], d = w->dilation[axis];
    int64_t low = padding ? -w->begin[axis] : 0, high = w->in[axis] + (padding ? w->end[axis] : 0);
    int64_t last = start < high ? (high - 1 - start) / d + 1 : 0;
    *first = start < low ? (low - start + d - 1) / d : 0;
    if (last > w->kernel[axis]) last = w->kernel[axis];
    return last > *first ? last - *first : 0;
}

/* What a window sees of the input. */
struct sight {
    int64_t start[ARRAY_MAX_RANK], count[ARRAY_MAX_RANK];
    int64_t all; /* product of the counts */
};

static struct sight sight_of(const struct window *w, int64_t o)
{
    struct sight sight = { .all = 1 };
    for (int a = w->rank - 1; a >= 0; a--) {
        int64_t along = o % w->out[a], first;
        sight.count[a] = taps_inside(w, a, along, false, &first);
        sight.start[a] = along * w->stride[a] - w->begin[a] + first * w->dilation[a];
        sight.all *= sight.count[a];
        o /= w->out[a];
    }
    return sight;
}

/* The place in the plane of the i-th position in sight. *turned is the same with the first spatial axis fastest. */
static int64_t place_of(const struct window *w, const struct sight *sight, int64_t i, int64_t *turned)
{
    int64_t at[ARRAY_MAX_RANK], place = 0, size = 1;
    for (int a = w->rank - 1; a >= 0; a--) {
        at[a] = sight->start[a] + i % sight->count[a] * w->dilation[a];
        i /= sight->count[a];
        place += at[a] * size;
        size *= w->in[a];
    }
    *turned = 0;
    for (int a = w->rank - 1; a >= 0; a--) *turned = *turned * w->in[a] + at[a];
    return place;
}

/* One mask is for all channels. ONNX Runtime, whose operator this is, never masks the first element of a plane or
 * volume. */
static bool is_masked(const struct pooling *p, int64_t position)
{
    return p->mask && p->mask->i64[position] == 0 && (position > 0 || p->window.rank == 1);
}

/* The first maximum in the window; a NaN is one. False when the window sees padding only. A masked element ends its row
 * of the window. */
static bool find_largest(const struct pooling *p, int64_t channel, int64_t o, int64_t *place, int64_t *turned)
{
    const struct window *w = &p->window;
    struct sight sight = sight_of(w, o);
    double most = 0;
    bool found = false;
    for (int64_t i = 0, row = sight.count[w->rank - 1]; i < sight.all; i++) {
        int64_t other, position = place_of(w, &sight, i, &other);
        if (is_masked(p, position)) {
            i += row - 1 - i % row;
            continue;
        }
        double value = element_real(p->x, channel * w->in_count + position);
        if (found && (most != most || !(value > most || value != value))) continue;
        most = value;
        found = true;
        *place = channel * w->in_count + position;
        *turned = channel * w->in_count + other;
    }
    return found;
}

/* What a maximum over nothing is; whole types are INT8 and UINT8. */
static double lowest(enum dtype type)
{
    return type == DTYPE_INT8 ? INT8_MIN : type == DTYPE_UINT8 ? 0 : -INFINITY;
}

static void put(struct array *y, int64_t i, double value)
{
    if (is_real(y)) element_put(y, i, value);
    else y->i64[i] = (int64_t)value;
}

struct walk {
    const struct pooling *pooling;
    bool columns_first;
    struct array *y, *indices; /* indices: or NULL */
};

static void walk_windows(const void *context, int64_t first, int64_t end, int member)
{
    const struct walk *walk = context;
    const struct pooling *p = walk->pooling;
    (void)member;
    for (int64_t i = first; i < end; i++) {
        int64_t place = 0, turned = 0;
        bool found = find_largest(p, i / p->window.out_count, i % p->window.out_count, &place, &turned);
        put(walk->y, i, found ? element_real(p->x, place) : lowest(walk->y->type));
        if (walk->indices) walk->indices->i64[i] = walk->columns_first ? turned : place;
    }
}

static bool run_max_pool(struct call *call)
{
    struct pooling p;
    if (!read_pooling(call, &p)) return false;
    struct array *y = make_output(call, &p, 0, p.x->type);
    if (!call_wants(call, 1) && is_real(p.x))
        return slide_over(call, &p, p.x->data, -INFINITY, y, largest_of_taps, NULL);
    struct walk walk = { &p, node_int(call->node, "storage_order", 0) == 1, y, NULL };
    if (call_wants(call, 1)) walk.indices = make_output(call, &p, 1, DTYPE_INT64);
    CALL_WORK(call, y->count, p.window.taps, WORK_ELEMENT);
    team_run(call->team, y->count, team_piece(y->count, y->count * 16), walk_windows, &walk);
    return true;
}

/* Where a window sees nothing, its maximum is the lowest finite number. */
static bool run_masked_max_pool(struct call *call)
{
    struct pooling p;
    const struct array *mask = call_input(call, 1);
    if (!read_pooling(call, &p)) return false;
    bool fits = mask && is_whole(mask) && mask->rank == p.x->rank && is_real(p.x);
    for (int i = 2; fits && i < mask->rank; i++) fits = mask->dims[i] == p.x->dims[i];
    if (!fits) return call_fail(call, "needs a mask of whole numbers for its planes of real ones");
    if (mask->dims[0] != 1 || mask->dims[1] != 1) return call_unsupported(call, "masks of several channels");
    p.mask = mask;
    struct array *y = make_output(call, &p, 0, p.x->type);
    struct walk walk = { &p, false, y, NULL };
    CALL_WORK(call, y->count, p.window.taps, WORK_ELEMENT);
    team_run(call->team, y->count, team_piece(y->count, y->count * 16), walk_windows, &walk);
    for (int64_t i = 0; i < y->count; i++)
        if (element_real(y, i) == -INFINITY) element_put(y, i, -(double)FLT_MAX);
    return true;
}

/* --- AveragePool, LpPool --- */

static void sum_of_taps(const struct slide *slide, int64_t output, const void *from, int64_t count, void *results)
{
    (void)output;
    slide->simd->window_sum(from, slide->unstride->taps, slide->context, slide->unstride->window.taps, NULL, results,
                            count);
}

/* Sums are weighted ones, every weight one. */
static bool sum_windows(struct call *call, const struct pooling *p, const void *from, struct array *y)
{
    struct array *weights = array_new(call->pool, p->x->type, p->x->store, 1, &p->window.taps);
    for (int64_t t = 0; t < p->window.taps; t++) element_put(weights, t, 1);
    bool done = slide_over(call, p, from, 0, y, sum_of_taps, weights->data);
    array_drop(weights);
    return done;
}

static void divide_by_taps(const struct call *call, const struct pooling *p, bool padding, struct array *y)
{
    const struct window *w = &p->window;
    const struct simd *simd = simd_for(y->store, call->simd_row);
    struct array *sizes = array_new(call->pool, y->type, y->store, 1, &w->out_count);
    for (int64_t o = 0; o < w->out_count; o++) {
        int64_t size = 1, rest = o, first;
        for (int a = w->rank - 1; a >= 0; a--) {
            size *= taps_inside(w, a, rest % w->out[a], padding, &first);
            rest /= w->out[a];
        }
        element_put(sizes, o, size ? (double)size : 1);
    }
    for (int64_t i = 0; i < p->channels; i++)
        simd->divide(sizes->data, 1, w->out_count, (char *)y->data + i * w->out_count * (int64_t)store_size(y->store));
    array_drop(sizes);
}

static bool run_average_pool(struct call *call)
{
    struct pooling p;
    struct array *x;
    if (!call_real(call, 0, "X", true, 3, &x) || !read_pooling(call, &p)) return false;
    struct array *y = make_output(call, &p, 0, x->type);
    if (!sum_windows(call, &p, x->data, y)) return false;
    divide_by_taps(call, &p, node_int(call->node, "count_include_pad", 0) != 0, y);
    return true;
}

/* The norm's p: a float in opset 1, an integer later. */
static double read_power(struct call *call)
{
    return call->node->opset < 2 ? (double)node_float(call->node, "p", 2) : (double)node_int(call->node, "p", 2);
}

static void raise(const struct array *from, double power, struct array *to)
{
    for (int64_t i = 0; i < from->count; i++) {
        double value = fabs(element_real(from, i));
        element_put(to, i, power == 1 ? value : power == 2 ? value * value : pow(value, power));
    }
}

static void root(double power, struct array *y)
{
    for (int64_t i = 0; i < y->count; i++) {
        double value = element_real(y, i);
        element_put(y, i, power == 1 ? value : power == 2 ? sqrt(value) : pow(value, 1 / power));
    }
}

static bool run_lp_pool(struct call *call)
{
    struct pooling p;
    struct array *x;
    if (!call_real(call, 0, "X", true, 3, &x) || !read_pooling(call, &p)) return false;
    double power = read_power(call);
    struct array *powers = array_new(call->pool, x->type, x->store, x->rank, x->dims);
    struct array *y = make_output(call, &p, 0, x->type);
    raise(x, power, powers);
    if (!sum_windows(call, &p, powers->data, y)) return false;
    root(power, y);
    array_drop(powers);
    return true;
}

/* --- pools of whole planes --- */

struct global {
    struct array *x, *y;
    const struct simd *simd;
    int64_t plane; /* elements that one of y pools */
};

/* Reads X and makes an output of size one along every spatial axis. */
static bool read_global(struct call *call, struct global *g)
{
    if (!call_real(call, 0, "X", true, 2, &g->x)) return false;
    g->simd = simd_for(g->x->store, call->simd_row);
    int64_t dims[ARRAY_MAX_RANK];
    for (int i = 0; i < g->x->rank; i++) dims[i] = i < 2 ? g->x->dims[i] : 1;
    g->y = call_output(call, 0, g->x->type, g->x->rank, dims);
    if (g->y->count > 0 && g->x->count == 0) return call_fail(call, "the planes of input X are empty");
    g->plane = g->y->count ? g->x->count / g->y->count : 0;
    return true;
}

static double plane_sum(const struct global *g, int64_t i)
{
    return g->simd->sum((const char *)g->x->data + i * g->plane * (int64_t)store_size(g->x->store), g->plane);
}

static void average_planes(const void *context, int64_t first, int64_t end, int member)
{
    const struct global *g = context;
    (void)member;
    for (int64_t i = first; i < end; i++) element_put(g->y, i, plane_sum(g, i) / (double)g->plane);
}

static void largest_of_planes(const void *context, int64_t first, int64_t end, int member)
{
    const struct global *g = context;
    (void)member;
    for (int64_t i = first; i < end; i++) {
        double most = element_real(g->x, i * g->plane);
        for (int64_t j = 1; j < g->plane && most == most; j++) {
            double value = element_real(g->x, i * g->plane + j);
            if (!(value <= most)) most = value;
        }
        element_put(g->y, i, most);
    }
}

static bool pool_planes(struct call *call, void (*work)(const void *, int64_t, int64_t, int))
{
    struct global g;
    if (!read_global(call, &g)) return false;
    team_run(call->team, g.y->count, team_piece(g.y->count, g.x->count), work, &g);
    return true;
}

static bool run_global_average(struct call *call)
{
    return pool_planes(call, average_planes);
}

static bool run_global_max(struct call *call)
{
    return pool_planes(call, largest_of_planes);
}

static bool run_global_lp(struct call *call)
{
    struct global g;
    if (!read_global(call, &g)) return false;
    double power = read_power(call);
    struct array *powers = array_new(call->pool, g.x->type, g.x->store, g.x->rank, g.x->dims);
    raise(g.x, power, powers);
    g.x = powers;
    for (int64_t i = 0; i < g.y->count; i++) element_put(g.y, i, plane_sum(&g, i));
    root(power, g.y);
    array_drop(powers);
    return true;
}

/* --- MaxUnpool: values go back where the indices of a MaxPool say, in a tensor of zeros --- */

/* The shape that the indices count in. */
static bool unpooled_dims(struct call *call, const struct array *x, int64_t *dims)
{
    struct window window;
    enum auto_pad mode;
    if (!window_read(call, x->rank - 2, x->dims + 2, NULL, &window, &mode)) return false;
    memcpy(dims, x->dims, 2 * sizeof *dims);
    for (int a = 0; a < window.rank; a++) {
        dims[a + 2] = (x->dims[a + 2] - 1) * window.stride[a] + window.kernel[a] - window.begin[a] - window.end[a];
        if (dims[a + 2] < 0) return call_fail(call, "the output would have a negative size along spatial axis %d", a);
    }
    return true;
}

/* The place in `dims` of a flat place in `own`, which is no larger along any axis. */
static int64_t place_in(int64_t place, int rank, const int64_t *own, const int64_t *dims)
{
    int64_t result = 0, step = 1;
    for (int a = rank - 1; a >= 0; a--) {
        result += place % own[a] * step;
        place /= own[a];
        step *= dims[a];
    }
    return result;
}

static bool run_max_unpool(struct call *call)
{
    struct array *x, *indices = call_input(call, 1);
    int64_t own[ARRAY_MAX_RANK], count = 0, size = 1;
    const int64_t *dims = own;
    if (!call_real(call, 0, "X", true, 3, &x)) return false;
    if (!indices || !is_whole(indices) || indices->count != x->count)
        return call_fail(call, "input I has to hold an index for each of %lld elements", (long long)x->count);
    if (!unpooled_dims(call, x, own)) return false;
    if (call_input(call, 2) && !call_list(call, 2, &dims, &count)) return false;
    if (call_input(call, 2) && count != x->rank)
        return call_fail(call, "output_shape has %lld entries for %d dimensions", (long long)count, x->rank);
    for (int i = 0; i < x->rank; i++) {
        if (dims[i] < own[i]) return call_fail(call, "output_shape is too small along axis %d", i);
        if (!size_multiply(size, own[i], &size)) return call_fail(call, "the output is too large");
    }
    struct array *y = call_output(call, 0, x->type, x->rank, dims);
    memset(y->data, 0, (size_t)y->count * store_size(y->store));
    for (int64_t i = 0; i < x->count; i++) {
        int64_t place = indices->i64[i];
        if (place < 0 || place >= size)
            return call_fail(call, "index %lld lies outside of %lld elements", (long long)place, (long long)size);
        element_put(y, place_in(place, x->rank, own, dims), element_real(x, i));
    }
    return true;
}

/* --- MaxRoiPool: each region of interest is cut into cells, the largest element of each taken --- */

struct region {
    int64_t image, top, left, height, width;
};

static int64_t clamp(int64_t value, int64_t high)
{
    return value < 0 ? 0 : value > high ? high : value;
}

static bool read_region(struct call *call, const struct array *rois, int64_t i, const struct array *x,
                        struct region *region)
{
    double scale = (double)node_float(call->node, "spatial_scale", 1), corner[5];
    for (int k = 0; k < 5; k++) {
        corner[k] = element_real(rois, i * 5 + k) * (k ? scale : 1);
        if (!(fabs(corner[k]) < 0x1p31)) return call_fail(call, "region %lld is not finite", (long long)i);
    }
    region->image = (int64_t)corner[0];
    if (region->image < 0 || region->image >= x->dims[0])
        return call_fail(call, "region %lld is of image %lld, there are %lld", (long long)i, (long long)region->image,
                         (long long)x->dims[0]);
    region->left = (int64_t)round(corner[1]);
    region->top = (int64_t)round(corner[2]);
    region->width = (int64_t)round(corner[3]) - region->left + 1;
    region->height = (int64_t)round(corner[4]) - region->top + 1;
    if (region->width < 1) region->width = 1;
    if (region->height < 1) region->height = 1;
    return true;
}

/* Cell `i` of `cells` along an axis: [*first, *end) within the plane. */
static void cell_range(int64_t start, int64_t size, int64_t i, int64_t cells, int64_t limit, int64_t *first,
                       int64_t *end)
{
    double step = (double)size / (double)cells;
    *first = clamp(start + (int64_t)floor((double)i * step), limit);
    *end = clamp(start + (int64_t)ceil((double)(i + 1) * step), limit);
}

/* An empty cell is zero. */
static double cell_largest(const struct array *x, int64_t plane, int64_t top, int64_t bottom, int64_t left,
                           int64_t right)
{
    double most = top < bottom && left < right ? -INFINITY : 0;
    for (int64_t r = top; r < bottom; r++)
        for (int64_t c = left; c < right; c++)
            most = greatest_so_far(most, element_real(x, (plane * x->dims[2] + r) * x->dims[3] + c));
    return most;
}

static bool run_max_roi_pool(struct call *call)
{
    struct array *x, *rois;
    const int64_t *cells;
    size_t count = node_ints(call->node, "pooled_shape", &cells);
    if (!call_real(call, 0, "X", true, 4, &x) || !call_real(call, 1, "rois", true, 2, &rois)) return false;
    if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != 5)
        return call_fail(call, "X has to have 4 dimensions and rois 2, the last of 5");
    if (count != 2 || cells[0] < 1 || cells[1] < 1) return call_fail(call, "pooled_shape has to hold two sizes");
    struct array *y = call_output(call, 0, x->type, 4, (int64_t[]){ rois->dims[0], x->dims[1], cells[0], cells[1] });
    CALL_WORK(call, rois->dims[0], x->dims[1], x->dims[2] * x->dims[3] + cells[0] * cells[1], WORK_ELEMENT);
    for (int64_t i = 0; i < y->count; i++) {
        int64_t column = i % cells[1], row = i / cells[1] % cells[0], channel = i / cells[1] / cells[0] % x->dims[1];
        struct region region = { 0 };
        int64_t top, bottom, left, right;
        if (!read_region(call, rois, i / cells[1] / cells[0] / x->dims[1], x, &region)) return false;
        cell_range(region.top, region.height, row, cells[0], x->dims[2], &top, &bottom);
        cell_range(region.left, region.width, column, cells[1], x->dims[3], &left, &right);
        element_put(y, i, cell_largest(x, region.image * x->dims[1] + channel, top, bottom, left, right));
    }
    return true;
}

/* ---- gradients ---- */

/* The position in a plane that output `out` sees through tap `tap`; -1: padding, *reached: within the padding said. */
static int64_t seen(const struct window *v, int64_t out, int64_t tap, bool *reached)
{
    int64_t at = 0, step = 1, whole = 1;
    *reached = true;
    for (int i = v->rank - 1; i >= 0; i--) {
        int64_t place = out % v->out[i] * v->stride[i] + tap % v->kernel[i] * v->dilation[i] - v->begin[i];
        out /= v->out[i];
        tap /= v->kernel[i];
        if (place < 0 || place >= v->in[i]) whole = 0;
        if (place >= v->in[i] + v->end[i]) *reached = false;
        at += place * step;
        step *= v->in[i];
    }
    return whole ? at : -1;
}

/* Each output is shared by the positions that it is the mean of. */
static void share_output(const struct window *v, bool padding_counts, int64_t out, double dy, struct array *dx,
                         int64_t plane)
{
    int64_t count = 0;
    bool reached;
    for (int64_t tap = 0; tap < v->taps; tap++) {
        int64_t at = seen(v, out, tap, &reached);
        count += at >= 0 || (padding_counts && reached);
    }
    for (int64_t tap = 0; tap < v->taps; tap++) {
        int64_t at = seen(v, out, tap, &reached);
        if (at >= 0) element_put(dx, plane + at, element_real(dx, plane + at) + dy / (double)count);
    }
}

void gradient_average_pool(struct backward *b)
{
    struct window v;
    const struct array *x = gradient_x(b, 0), *dy = gradient_dy(b, 0);
    bool padding_counts = node_int(gradient_node(b), "count_include_pad", 0) != 0;
    if (!gradient_window(b, x, NULL, &v)) return;
    CALL_WORK(b->f.call, dy->count, v.taps, WORK_ELEMENT, 2);
    struct array *dx = gradient_zeros(b, x);
    for (int64_t i = 0; i < dy->count; i++)
        share_output(&v, padding_counts, i % v.out_count, element_real(dy, i), dx, i / v.out_count * v.in_count);
    gradient_give(b, 0, dx);
}

/* Where each maximum came from is the operator's second output. */
void gradient_max_pool(struct backward *b)
{
    const struct array *x = gradient_x(b, 0), *dy = gradient_dy(b, 0);
    struct array *outputs[2];
    if (node_int(gradient_node(b), "storage_order", 0)) gradient_refuse(b, "a MaxPool with storage_order");
    if (!formula_owns(&b->f, gradient_node(b)->op, FROM(gradient_x(b, 0)), outputs, 2)) return;
    struct array *dx = gradient_zeros(b, x);
    for (int64_t i = 0; i < dy->count; i++) {
        int64_t at = outputs[1]->i64[i];
        if (at >= 0 && at < dx->count) element_put(dx, at, element_real(dx, at) + element_real(dy, i));
    }
    gradient_give(b, 0, dx);
}

void gradient_global_average_pool(struct backward *b)
{
    const struct array *x = gradient_x(b, 0);
    double plane = (double)dims_product(x->dims, 2, x->rank);
    gradient_give(b, 0, formula_expanded(&b->f, formula_scaled(&b->f, gradient_dy(b, 0), 1 / plane), x->rank, x->dims));
}

void gradient_global_max_pool(struct backward *b)
{
    struct array *x = gradient_x(b, 0), *y = gradient_y(b, 0);
    struct formula *f = &b->f;
    int64_t axes[ARRAY_MAX_RANK];
    for (int i = 2; i < x->rank; i++) axes[i - 2] = i;
    struct array *is = formula_equal(f, x, y);
    struct array *ties = formula_sum(f, is, axes, x->rank - 2, true);
    gradient_give(b, 0, formula_mul(f, is, formula_div(f, gradient_dy(b, 0), ties)));
}

/* ---- shapes ---- */

static bool shape_pool(struct shaping *s)
{
    struct sliding window;
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    if (rank >= 0 && rank < 3) return false;
    if (rank < 0 && !node_attribute(s->node, "kernel_shape")) return set_type(s, 0, rule_type(s));
    if (!slide_read(s, rank - 2, NULL, &window)) return false;
    for (int i = 0; i < window.space; i++) /* runtimes refuse a window that could see nothing but padding */
        if (window.begin[i] >= window.kernel[i].size || window.end[i] >= window.kernel[i].size) return false;
    for (int i = 0; i < window.space + 2; i++)
        dims[i] = rank < 0 ? fresh_dim(s)
                  : i < 2  ? input_dim(s, 0, i)
                           : slide_dim(s, &window, i - 2, input_dim(s, 0, i));
    return set_output(s, 0, rule_type(s), window.space + 2, dims)
           && set_output(s, 1, DTYPE_INT64, window.space + 2, dims);
}

static bool shape_global_pool(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    for (int i = 0; i < rank; i++) dims[i] = i < 2 ? input_dim(s, 0, i) : number_dim(1);
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool shape_max_unpool(struct shaping *s)
{
    struct sliding window;
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    const struct dim *sizes = input_content(s, 2);
    if (rank < 3) return rank < 0 ? set_type(s, 0, rule_type(s)) : false;
    if (!slide_read(s, rank - 2, NULL, &window) || (sizes && input_count(s, 2) != rank)) return false;
    for (int i = 0; i < rank; i++) {
        if (!size_dim(s, sizes ? sizes[i].symbol : 0, &dims[i])) return false;
        if (!node_input(s->node, 2))
            dims[i] = i < 2 ? input_dim(s, 0, i) : slide_back(s, &window, i - 2, input_dim(s, 0, i), 0);
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool shape_max_roi_pool(struct shaping *s)
{
    const int64_t *shape;
    if (node_ints(s->node, "pooled_shape", &shape) != 2) return false;
    struct dim dims[4] = { shape_first_dim(s, 1), shape_channel_dim(s), number_dim(shape[0]), number_dim(shape[1]) };
    return set_output(s, 0, rule_type(s), 4, dims);
}

const struct operator_row pool_operators[] = {
    { "AveragePool", 1, LATEST, .gradient = gradient_average_pool, .run = run_average_pool, .shape = shape_pool,
      .keeps_range = true,
      .schemas =
          SCHEMAS({ 1, 6, "Tf > T", AUTO_PAD "kernel_shape!N pads:P strides:N" },
                  { 7, 9, "Tf > T", AUTO_PAD "count_include_pad:i kernel_shape!N pads:P strides:N" },
                  { 10, 18, "Tf > T", AUTO_PAD "ceil_mode:b count_include_pad:i kernel_shape!N pads:P strides:N" },
                  { 19, LATEST, "Tf22h > T",
                    AUTO_PAD "ceil_mode:b count_include_pad:i dilations:N kernel_shape!N pads:P "
                             "strides:N" }) },
    { "GlobalAveragePool", 1, LATEST, .gradient = gradient_global_average_pool, .run = run_global_average,
      .shape = shape_global_pool, .laws = AVERAGES, .keeps_range = true,
      .schemas = SCHEMAS({ 1, LATEST, "Tf22h > T", "" }) },
    { "GlobalLpPool", 1, LATEST, .gradient = gradient_global_lp_pool, .run = run_global_lp, .shape = shape_global_pool,
      .schemas = SCHEMAS({ 1, 1, "Tf > T", "p:f" }, { 2, LATEST, "Tf22h > T", "p:n" }) },
    { "GlobalMaxPool", 1, LATEST, .gradient = gradient_global_max_pool, .run = run_global_max,
      .shape = shape_global_pool, .keeps_range = true, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Tf22h > T", "" }) },
    { "LpPool", 1, LATEST, .gradient = gradient_lp_pool, .run = run_lp_pool, .shape = shape_pool,
      .schemas = SCHEMAS(
          { 1, 1, "Tf > T", AUTO_PAD "kernel_shape:N p:f pads:P strides:N" },
          { 2, 17, "Tf > T", AUTO_PAD "kernel_shape!N p:n pads:P strides:N" },
          { 18, LATEST, "Tf22h > T", AUTO_PAD "ceil_mode:b dilations:N kernel_shape!N p:n pads:P strides:N" }) },
    { "MaxPool", 1, LATEST, .gradient = gradient_max_pool, .run = run_max_pool, .shape = shape_pool,
      .keeps_range = true, .hides = true,
      .schemas = SCHEMAS({ 1, 7, "Tf > T", AUTO_PAD "kernel_shape!N pads:P strides:N" },
                         { 8, 9, "Tf > T ?i64", AUTO_PAD "kernel_shape!N pads:P storage_order:b strides:N" },
                         { 10, LATEST, "Tf12y22h > T ?i64",
                           AUTO_PAD "ceil_mode:b dilations:N kernel_shape!N pads:P storage_order:b strides:N" }) },
    { "MaxRoiPool", 1, LATEST, .run = run_max_roi_pool, .shape = shape_max_roi_pool, .fixed_attribute = "spatial_scale",
      .sizes = SLOT(1), .schemas = SCHEMAS({ 1, LATEST, "Tf22h[____] T[_5] > T", "pooled_shape!N spatial_scale:f" }) },
    { "com.microsoft:MaxpoolWithMask", 1, LATEST, .run = run_masked_max_pool, .shape = shape_pool, .hides = true,
      .limits = { [1] = LIMIT_ONE },
      .schemas = SCHEMAS({ 1, LATEST, "Tr i32 > T",
                           AUTO_PAD "ceil_mode:b dilations:N kernel_shape:N pads:P "
                                    "storage_order:b strides:N" }) },
    { "MaxUnpool", 9, LATEST, .run = run_max_unpool, .shape = shape_max_unpool, .sizes = SLOT(1) | SLOT(2),
      .schemas = SCHEMAS({ 9, LATEST, "Tf22h i64[=] ?i64[] > T", "kernel_shape!N pads:P strides:N" }) },
    { 0 },
};
