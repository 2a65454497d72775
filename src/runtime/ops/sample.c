/* SPDX-License-Identifier: Apache-2.0
 *
 * Values between the points of a grid: GridSample, the AffineGrid it is fed with, and DeformConv, whose kernel sees
 * through displaced points. Each place becomes taps (runtime/math/taps.h). */
#include "onnx/shape/rules.h"
#include "onnx/shape/slide.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/kernel.h"
#include "runtime/math/taps.h"
#include "runtime/math/window.h"
#include "runtime/ops/operators.h"
#include "runtime/team.h"

#include <math.h>
#include <string.h>

/* ---- GridSample ---- */

struct grid_sample {
    const struct array *x, *grid;
    int rank, taps;
    enum padding padding;
    bool align;
};

static bool read_mode(struct call *call, struct grid_sample *g)
{
    static const struct {
        const char *name;
        int taps;
    } modes[] = {
        { "nearest", 1 }, { "linear", 2 }, { "bilinear", 2 }, { "cubic", 4 }, { "bicubic", 4 },
    };
    static const char *const paddings[] = { "zeros", "border", "reflection" };
    const char *mode = node_text(call->node, "mode", "linear");
    const char *padding = node_text(call->node, "padding_mode", "zeros");
    g->taps = 0;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(mode, modes[i].name) == 0) g->taps = modes[i].taps;
    if (!g->taps) return call_fail(call, "mode \"%s\" is not known", mode);
    for (int i = PADDING_ZEROS; i <= PADDING_REFLECTION; i++)
        if (strcmp(padding, paddings[i]) == 0) {
            g->padding = (enum padding)i;
            return true;
        }
    return call_fail(call, "padding_mode \"%s\" is not known", padding);
}

static bool read_grid_sample(struct call *call, struct grid_sample *g)
{
    const struct array *x = g->x = call_input(call, 0), *grid = g->grid = call_input(call, 1);
    if (!x || !(is_real(x) || is_whole(x)) || x->rank < 3 || !grid || !is_real(grid) || grid->rank != x->rank)
        return call_fail(call, "needs x [N, C, D1, ...] and a grid of as many dimensions");
    g->rank = x->rank - 2;
    if (grid->dims[0] != x->dims[0] || grid->dims[grid->rank - 1] != g->rank)
        return call_fail(call, "needs a grid [%lld, ..., %d]", (long long)x->dims[0], g->rank);
    if (g->rank > TAPS_MOST_AXES)
        return call_unsupported(call, "samples along %d axes, %d are the most", g->rank, TAPS_MOST_AXES);
    g->align = node_int(call->node, "align_corners", 0) != 0;
    return read_mode(call, g);
}

/* Where a grid's number in -1 .. 1 is among `size` points; then, outside, where the padding puts it. *slope: how much
 * the place grows with the number. */
static double place_of(const struct grid_sample *g, double number, int64_t size, double *slope)
{
    double last = (double)size - 1, low = g->align ? 0 : -0.5, high = g->align ? last : last + 0.5, way = 1;
    *slope = g->taps == 1 ? 0 : (g->align ? last : (double)size) / 2;
    double place = taps_tame(g->align ? (number + 1) / 2 * last : ((number + 1) * (double)size - 1) / 2);
    if (g->taps == 1) place = rint(place);
    if (place >= low && place <= high) return place;
    if (g->padding == PADDING_REFLECTION) place = taps_reflect(place, low, high, &way);
    if (g->padding == PADDING_BORDER) place = fmin(fmax(place, 0), last);
    *slope *= g->padding == PADDING_BORDER ? 0 : way;
    return place;
}

/* The taps of a point of the grid, which names the last axis first. */
static struct taps taps_of_point(const struct grid_sample *g, int64_t point, double *slopes)
{
    struct taps s = { .rank = g->rank, .count = g->taps, .dims = g->x->dims + 2 };
    for (int axis = 0; axis < g->rank; axis++) {
        double number = element_real(g->grid, point * g->rank + g->rank - 1 - axis);
        taps_take(&s, axis, place_of(g, number, s.dims[axis], &slopes[axis]), g->padding, g->align);
    }
    return s;
}

struct grid_job {
    const struct grid_sample *g;
    struct array *y;
    int64_t channels, points, plane; /* points of a sampled plane; elements of an image's plane */
};

/* Points first .. end-1 of all images, in every channel. */
static void sample_points(const void *context, int64_t first, int64_t end, int member)
{
    const struct grid_job *job = context;
    const struct grid_sample *g = job->g;
    (void)member;
    for (int64_t p = first; p < end; p++) {
        double slopes[TAPS_MOST_AXES];
        struct taps s = taps_of_point(g, p, slopes);
        for (int64_t c = 0; c < job->channels; c++) {
            int64_t image = p / job->points * job->channels + c;
            element_put(job->y, image * job->points + p % job->points, taps_read(&s, g->x, image * job->plane));
        }
    }
}

static bool grid_sample(struct call *call)
{
    struct grid_sample g = { 0 };
    if (!read_grid_sample(call, &g)) return false;
    int64_t dims[ARRAY_MAX_RANK], channels = g.x->dims[1];
    memcpy(dims, g.x->dims, sizeof dims);
    memcpy(dims + 2, g.grid->dims + 1, (size_t)g.rank * sizeof *dims);
    struct array *y = call_output(call, 0, g.x->type, g.x->rank, dims);
    if (y->count == 0) return true;
    if (g.x->count == 0) return call_fail(call, "samples an empty image");
    CALL_WORK(call, y->count, 16, WORK_ELEMENT); /* the neighbors of a cubic sample */
    struct grid_job job = { &g, y, channels, dims_product(dims, 2, g.x->rank), g.x->count / (dims[0] * channels) };
    team_run(call->team, dims[0] * job.points, team_piece(dims[0] * job.points, y->count * 10), sample_points, &job);
    return true;
}

static void gradient_grid_sample(struct backward *b)
{
    struct grid_sample g = { 0 };
    if (!read_grid_sample(b->f.call, &g)) {
        b->f.failed = true;
        return;
    }
    const struct array *dy = gradient_dy(b, 0);
    struct array *dx = gradient_zeros(b, g.x), *dgrid = gradient_zeros(b, g.grid);
    int64_t points = dims_product(g.grid->dims, 1, g.rank + 1), channels = g.x->dims[1];
    int64_t plane = dims_product(g.x->dims, 2, g.x->rank);
    CALL_WORK(b->f.call, dy->count, 16, WORK_ELEMENT);
    for (int64_t p = 0; dy->count > 0 && p < g.x->dims[0] * points; p++) {
        double slopes[TAPS_MOST_AXES], moves[TAPS_MOST_AXES] = { 0 };
        struct taps s = taps_of_point(&g, p, slopes);
        for (int64_t c = 0; c < channels; c++) {
            int64_t image = p / points * channels + c;
            double grows = element_real(dy, image * points + p % points);
            taps_spread(&s, g.x, image * plane, grows, dx, moves);
        }
        for (int axis = 0; axis < g.rank; axis++)
            element_put(dgrid, p * g.rank + g.rank - 1 - axis, slopes[axis] * moves[axis]);
    }
    gradient_give(b, 0, dx);
    gradient_give(b, 1, dgrid);
}

/* ---- AffineGrid ---- */

/* Number i of `size` from -1 to 1: centers of the outermost points, or their outer edges, at the ends. */
static double spread_number(int64_t i, int64_t size, bool align)
{
    if (align) return size > 1 ? -1 + 2 * (double)i / (double)(size - 1) : 0;
    return -1 + (2 * (double)i + 1) / (double)size;
}

static bool affine_grid(struct call *call)
{
    const struct array *theta = call_input(call, 0);
    const int64_t *size;
    int64_t count = 0;
    if (!call_list(call, 1, &size, &count)) return false;
    if (!theta || !is_real(theta) || theta->rank != 3 || (count != 4 && count != 5) || theta->dims[0] != size[0]
        || theta->dims[1] != count - 2 || theta->dims[2] != count - 1)
        return call_fail(call, "needs theta [N, 2, 3] and a size of 4, or [N, 3, 4] and 5");
    int rank = (int)count - 2;
    int64_t dims[5] = { size[0] };
    for (int i = 0; i < rank; i++) {
        if (size[2 + i] < 0) return call_fail(call, "makes a grid of size %lld", (long long)size[2 + i]);
        dims[1 + i] = size[2 + i];
    }
    dims[1 + rank] = rank;
    struct array *y = call_output(call, 0, theta->type, rank + 2, dims);
    bool align = node_int(call->node, "align_corners", 0) != 0;
    for (int64_t p = 0; p < y->count / rank; p++) {
        double place[4] = { 0 }; /* x, y(, z), 1 */
        int64_t rest = p;
        for (int i = 0; i < rank; i++) {
            place[i] = spread_number(rest % dims[rank - i], dims[rank - i], align);
            rest /= dims[rank - i];
        }
        place[rank] = 1;
        for (int row = 0; row < rank; row++) {
            double sum = 0;
            for (int k = 0; k <= rank; k++) sum += element_real(theta, (rest * rank + row) * (rank + 1) + k) * place[k];
            element_put(y, p * rank + row, sum);
        }
    }
    return true;
}

/* ---- DeformConv ---- */

struct deform {
    const struct array *x, *w, *offset, *bias, *mask;
    struct window window;
    int64_t groups, offset_groups, channels, outputs;
};

static bool check_deform(struct call *call, const struct deform *d)
{
    const struct window *window = &d->window;
    int64_t dims[ARRAY_MAX_RANK] = { d->x->dims[0], d->offset_groups * window->taps };
    memcpy(dims + 2, window->out, (size_t)window->rank * sizeof *dims);
    size_t spatial = (size_t)d->x->rank * sizeof *dims;
    if (d->mask && (!is_real(d->mask) || d->mask->rank != d->x->rank || memcmp(d->mask->dims, dims, spatial) != 0))
        return call_fail(call, "needs a mask for each tap, offset group and output");
    dims[1] *= window->rank;
    if (!is_real(d->offset) || d->offset->rank != d->x->rank || memcmp(d->offset->dims, dims, spatial) != 0)
        return call_fail(call, "needs an offset for each axis, tap, offset group and output");
    if (d->bias && (!is_real(d->bias) || d->bias->count != d->outputs))
        return call_fail(call, "needs one bias for each of %lld outputs", (long long)d->outputs);
    return true;
}

static bool read_deform(struct call *call, struct deform *d)
{
    enum auto_pad mode = PAD_GIVEN;
    *d = (struct deform){ .x = call_input(call, 0),
                          .w = call_input(call, 1),
                          .offset = call_input(call, 2),
                          .bias = call_input(call, 3),
                          .mask = call_input(call, 4),
                          .groups = node_int(call->node, "group", 1),
                          .offset_groups = node_int(call->node, "offset_group", 1) };
    if (!d->x || !d->w || !d->offset || !is_real(d->x) || !is_real(d->w) || d->x->rank < 3 || d->w->rank != d->x->rank)
        return call_fail(call, "needs an input [N, C, ...], a weight of as many dimensions and offsets");
    int rank = d->x->rank - 2;
    d->channels = d->x->dims[1];
    d->outputs = d->w->dims[0];
    if (rank > TAPS_MOST_AXES)
        return call_unsupported(call, "samples along %d axes, %d are the most", rank, TAPS_MOST_AXES);
    if (d->groups < 1 || d->offset_groups < 1 || d->channels % d->groups || d->outputs % d->groups
        || d->channels % d->offset_groups || d->w->dims[1] != d->channels / d->groups)
        return call_fail(call, "cannot cut %lld channels and %lld outputs into %lld groups and %lld offset groups",
                         (long long)d->channels, (long long)d->outputs, (long long)d->groups,
                         (long long)d->offset_groups);
    if (!window_read(call, rank, d->x->dims + 2, d->w->dims + 2, &d->window, &mode)
        || !window_size(call, &d->window, mode, false))
        return false;
    return check_deform(call, d);
}

/* Where tap `tap` of offset group `og` sees for output `o` of image `n`; its mask. */
static double take_deformed(const struct deform *d, int64_t n, int64_t og, int64_t tap, int64_t o, struct taps *s)
{
    const struct window *window = &d->window;
    int64_t row = (n * d->offset_groups + og) * window->taps + tap, out = o, in_kernel = tap;
    for (int axis = window->rank - 1; axis >= 0; axis--) {
        double moved = element_real(d->offset, (row * window->rank + axis) * window->out_count + o);
        int64_t index = out % window->out[axis] * window->stride[axis] - window->begin[axis]
                        + in_kernel % window->kernel[axis] * window->dilation[axis];
        taps_take(s, axis, taps_tame((double)index + moved), PADDING_ZEROS, false);
        out /= window->out[axis];
        in_kernel /= window->kernel[axis];
    }
    return d->mask ? element_real(d->mask, row * window->out_count + o) : 1;
}

/* What all taps see for one output of one image: [channels][taps]. */
static void fill_column(const struct deform *d, int64_t n, int64_t o, double *column)
{
    const struct window *window = &d->window;
    int64_t per_group = d->channels / d->offset_groups;
    struct taps s = { .rank = window->rank, .count = 2, .dims = d->x->dims + 2 };
    for (int64_t og = 0; og < d->offset_groups; og++)
        for (int64_t tap = 0; tap < window->taps; tap++) {
            double mask = take_deformed(d, n, og, tap, o, &s);
            for (int64_t c = og * per_group; c < (og + 1) * per_group; c++)
                column[c * window->taps + tap] = mask * taps_read(&s, d->x, (n * d->channels + c) * window->in_count);
        }
}

static bool deform_conv(struct call *call)
{
    struct deform d;
    if (!read_deform(call, &d)) return false;
    int64_t dims[ARRAY_MAX_RANK] = { d.x->dims[0], d.outputs }, depth = d.channels / d.groups * d.window.taps;
    memcpy(dims + 2, d.window.out, (size_t)d.window.rank * sizeof *dims);
    struct array *y = call_output(call, 0, d.x->type, d.x->rank, dims);
    CALL_WORK(call, dims[0], d.window.out_count, d.outputs + d.groups, depth, WORK_ELEMENT);
    double *column = NEW_ARRAY(call->scratch, double, (size_t)(d.channels * d.window.taps));
    for (int64_t p = 0; y->count > 0 && p < dims[0] * d.window.out_count; p++) {
        int64_t n = p / d.window.out_count, o = p % d.window.out_count;
        fill_column(&d, n, o, column);
        for (int64_t m = 0; m < d.outputs; m++) {
            const double *seen = column + m / (d.outputs / d.groups) * depth;
            double sum = d.bias ? element_real(d.bias, m) : 0;
            for (int64_t k = 0; k < depth; k++) sum += element_real(d.w, m * depth + k) * seen[k];
            element_put(y, (n * d.outputs + m) * d.window.out_count + o, sum);
        }
    }
    return true;
}

static void add_to(struct array *to, int64_t at, double more)
{
    element_put(to, at, element_real(to, at) + more);
}

/* What the loss grows by with what a tap sees of a channel: over the outputs of its group. */
static double gradient_of_column(const struct deform *d, const struct array *dy, int64_t n, int64_t o, int64_t channel,
                                 int64_t tap)
{
    int64_t outputs = d->outputs / d->groups, inputs = d->channels / d->groups, group = channel / inputs;
    double sum = 0;
    for (int64_t m = group * outputs; m < (group + 1) * outputs; m++)
        sum += element_real(dy, (n * d->outputs + m) * d->window.out_count + o)
               * element_real(d->w, (m * inputs + channel % inputs) * d->window.taps + tap);
    return sum;
}

struct deform_gradients {
    struct array *x, *w, *offset, *bias, *mask;
};

/* By weights and biases, of one output of one image. */
static void derive_weights(const struct deform *d, const struct array *dy, int64_t n, int64_t o, const double *column,
                           const struct deform_gradients *to)
{
    int64_t depth = d->channels / d->groups * d->window.taps;
    for (int64_t m = 0; m < d->outputs; m++) {
        const double *seen = column + m / (d->outputs / d->groups) * depth;
        double grows = element_real(dy, (n * d->outputs + m) * d->window.out_count + o);
        for (int64_t k = 0; k < depth; k++) add_to(to->w, m * depth + k, grows * seen[k]);
        if (to->bias) add_to(to->bias, m, grows);
    }
}

/* By inputs, offsets and masks. */
static void derive_places(const struct deform *d, const struct array *dy, int64_t n, int64_t o,
                          const struct deform_gradients *to)
{
    const struct window *window = &d->window;
    int64_t per_group = d->channels / d->offset_groups;
    struct taps s = { .rank = window->rank, .count = 2, .dims = d->x->dims + 2 };
    for (int64_t og = 0; og < d->offset_groups; og++)
        for (int64_t tap = 0; tap < window->taps; tap++) {
            double mask = take_deformed(d, n, og, tap, o, &s), moves[TAPS_MOST_AXES] = { 0 };
            int64_t row = (n * d->offset_groups + og) * window->taps + tap;
            for (int64_t c = og * per_group; c < (og + 1) * per_group; c++) {
                int64_t plane = (n * d->channels + c) * window->in_count;
                double grows = gradient_of_column(d, dy, n, o, c, tap);
                if (to->mask) add_to(to->mask, row * window->out_count + o, grows * taps_read(&s, d->x, plane));
                taps_spread(&s, d->x, plane, grows * mask, to->x, moves);
            }
            for (int axis = 0; axis < window->rank; axis++)
                add_to(to->offset, (row * window->rank + axis) * window->out_count + o, moves[axis]);
        }
}

static void gradient_deform_conv(struct backward *b)
{
    struct deform d;
    struct call *call = b->f.call;
    if (!read_deform(call, &d)) {
        b->f.failed = true;
        return;
    }
    struct array *dy = gradient_dy(b, 0);
    struct deform_gradients to = { gradient_zeros(b, d.x), gradient_zeros(b, d.w), gradient_zeros(b, d.offset),
                                   d.bias ? gradient_zeros(b, d.bias) : NULL,
                                   d.mask ? gradient_zeros(b, d.mask) : NULL };
    CALL_WORK(call, d.x->dims[0], d.window.out_count, d.outputs + d.groups, d.channels, d.window.taps,
              2 * WORK_ELEMENT);
    double *column = NEW_ARRAY(call->scratch, double, (size_t)(d.channels * d.window.taps));
    for (int64_t p = 0; dy->count > 0 && p < d.x->dims[0] * d.window.out_count; p++) {
        int64_t n = p / d.window.out_count, o = p % d.window.out_count;
        fill_column(&d, n, o, column);
        derive_weights(&d, dy, n, o, column, &to);
        derive_places(&d, dy, n, o, &to);
    }
    struct array *given[] = { to.x, to.w, to.offset, to.bias, to.mask };
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) gradient_give(b, i, given[i]);
}

/* ---- shapes ---- */

/* [N, C] of the data, space of the grid. */
static bool shape_grid_sample(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), grid = input_rank(s, 1);
    if (rank < 0 || grid < 0) return set_rank(s, 0, rule_type(s), rank < 0 ? grid : rank);
    if (rank != grid || rank < 3) return false;
    for (int i = 0; i < rank; i++) dims[i] = i < 2 ? input_dim(s, 0, i) : input_dim(s, 1, i - 1);
    return set_output(s, 0, rule_type(s), rank, dims);
}

/* (N, C, space...) -> (N, space..., number of spatial axes) */
static bool shape_affine_grid(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int64_t rank = input_count(s, 1);
    const struct dim *sizes = input_content(s, 1);
    if (rank < 3 || rank > SHAPE_MAX_RANK) return rank < 0 ? set_type(s, 0, rule_type(s)) : false;
    for (int i = 0; i < rank - 1; i++) {
        int size = sizes ? sizes[i == 0 ? 0 : i + 1].symbol : 0;
        dims[i] = symbol_dim(s, symbol_minimum(s->symbols, size) < 0 ? 0 : size);
    }
    dims[rank - 1] = number_dim(rank - 2);
    return set_output(s, 0, rule_type(s), (int)rank, dims);
}

const struct operator_row sample_operators[] = {
    { "AffineGrid", 20, LATEST, .run = affine_grid, .shape = shape_affine_grid, .sizes = SLOT(1),
      .schemas = SCHEMAS({ 20, LATEST, "Tfh i64 > T", "align_corners:i" }) },
    { "DeformConv", 19, LATEST, .gradient = gradient_deform_conv, .run = deform_conv, .shape = shape_conv,
      .schemas = SCHEMAS({ 19, LATEST, "Tf22h T[m.] T ?T[m] ?T > T",
                           "dilations:N group:n kernel_shape:N offset_group:n pads:P strides:N" }) },
    { "GridSample", 16, LATEST, .gradient = gradient_grid_sample, .run = grid_sample, .complex = COMPLEX_BY_PARTS,
      .shape = shape_grid_sample,
      .schemas = SCHEMAS(
          { 16, LATEST, "Ta22h .f22h > T",
            "align_corners:i mode:s=nearest|linear|bilinear|cubic|bicubic padding_mode:s=zeros|border|reflection" }) },
    { 0 },
};
