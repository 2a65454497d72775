/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolutions: one matrix product per group, whose right operand is never laid out as a whole.
 *
 *   Conv             y(m, o) = sum over (c, t) of w(m, (c, t)) * x(c, what o sees through t)
 *                    columns of the right operand are packed straight from unstrided channels (window.h) when needed
 *   1 x 1            the input itself is the right operand
 *   depthwise        one channel in, few out: the taps run over the unstrided channel, no product
 *   ConvTranspose    columns((m, t), i) = sum over c of w(c, (m, t)) * x(c, i), then scattered
 */
#include "runtime/ops/conv.h"
#include "onnx/shape/rules.h"
#include "onnx/shape/slide.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/product.h"
#include "runtime/math/real.h"
#include "runtime/math/window.h"
#include "runtime/ops/operators.h"
#include "runtime/run.h"

#include <string.h>

#define FEW_CHANNELS 4    /* outputs per group up to which one input channel is worth the direct way */
#define SMALL_PLANE  256  /* positions below which images are put side by side */
#define WIDE_ENOUGH  1024 /* columns that keep all threads busy */

struct conv {
    const struct array *x, *w, *bias;
    struct array *y;
    const struct epilogue *epilogue;
    const struct simd *simd;
    struct window window;
    int64_t images, channels, groups, group_channels, outputs, group_outputs;
    int64_t element; /* bytes */
};

static char *at(void *base, int64_t index, int64_t element)
{
    return (char *)base + index * element;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Everything but the output channels, which Conv and ConvTranspose keep in different axes of w. */
static bool read_operands(struct call *call, struct conv *c, const struct array *x, const struct array *w,
                          const struct array *bias)
{
    *c = (struct conv){ .x = x, .w = w, .bias = bias, .groups = node_int(call->node, "group", 1) };
    c->simd = simd_for(x->store, call->simd_row);
    c->element = (int64_t)store_size(x->store);
    if (x->rank < 3) return call_fail(call, "the input has %d dimensions, at least 3 are needed", x->rank);
    if (w->rank != x->rank) return call_fail(call, "the weight has %d dimensions, the input %d", w->rank, x->rank);
    c->images = x->dims[0];
    c->channels = x->dims[1];
    if (c->groups < 1 || c->channels % c->groups || w->dims[0] % c->groups)
        return call_fail(call, "group %lld does not divide %lld channels and %lld rows of the weight",
                         (long long)c->groups, (long long)c->channels, (long long)w->dims[0]);
    c->group_channels = c->channels / c->groups;
    return true;
}

static bool check_channels(struct call *call, const struct conv *c, int64_t weight_channels, int64_t channels)
{
    if (weight_channels != channels)
        return call_fail(call, "the weight is for %lld input channels, there are %lld", (long long)weight_channels,
                         (long long)channels);
    if (c->bias && (c->bias->rank != 1 || c->bias->count != c->outputs))
        return call_fail(call, "the bias has %lld elements for %lld output channels", (long long)c->bias->count,
                         (long long)c->outputs);
    return true;
}

static void make_output(struct call *call, struct conv *c, const int64_t *spatial)
{
    int64_t dims[ARRAY_MAX_RANK] = { c->images, c->outputs };
    memcpy(dims + 2, spatial, (size_t)c->window.rank * sizeof *dims);
    c->y = array_new(call->pool, c->x->type, c->x->store, c->x->rank, dims);
}

/* Elements that no model's size may keep from fitting, not yet set. */
static struct array *make_buffer(struct call *call, const struct conv *c, int64_t a, int64_t b)
{
    return array_new(call->pool, c->x->type, c->x->store, 2, (int64_t[]){ a, b });
}

static struct operands group_operands(const struct conv *c, int64_t group, int64_t depth, int64_t image)
{
    int64_t first = group * c->group_outputs;
    return (struct operands){ .a = at(c->w->data, first * depth, c->element),
                              .bias = c->bias ? at(c->bias->data, first, c->element) : NULL,
                              .c = at(c->y->data, (image * c->outputs + first) * c->window.out_count, c->element) };
}

static struct product group_product(const struct conv *c, int64_t depth)
{
    struct product product = product_packed(c->x->store, c->group_outputs, depth, c->window.out_count);
    product.epilogue = c->epilogue;
    return product;
}

/* Images side by side, each group a product over all their planes. */

struct columns {
    const struct simd *simd;
    const struct unstride *unstride; /* NULL: the channels are the input's own */
    const int64_t *offsets;          /* per step of the depth */
    int64_t image, plane, row;       /* elements from image to image; outputs of a plane; outputs side by side */
};

static void pack_columns(const void *context, const void *base, int64_t step, int64_t depth, int64_t column,
                         int64_t columns, int64_t width, void *to)
{
    const struct columns *from = context;
    struct stretch stretches[SIMD_LANES_MOST * WIDE_VECTORS];
    int64_t count = 0, length;
    for (int64_t done = 0; done < columns; done += length) {
        int64_t place = (column + done) % from->plane, image = (column + done) / from->plane;
        int64_t start = image * from->image + (from->unstride ? unstride_place(from->unstride, place) : place);
        length = least(from->row - place % from->row, columns - done);
        stretches[count++] = (struct stretch){ .from = start, .to = done, .count = length };
    }
    from->simd->pack_stretches(base, from->offsets + step, depth, stretches, count, width, from->unstride != NULL, to);
}

/* channels[i] begins i * channel_size after `base`; images follow each other. */
static void run_side_by_side(struct call *call, const struct conv *c, struct columns *columns, void *base,
                             int64_t channel_size, const int64_t *taps, int64_t image, int64_t images)
{
    int64_t depth = c->group_channels * c->window.taps;
    int64_t *offsets = NEW_ARRAY(call->scratch, int64_t, (size_t)depth);
    for (int64_t k = 0; k < depth; k++) offsets[k] = k / c->window.taps * channel_size + taps[k % c->window.taps];
    columns->simd = c->simd;
    columns->offsets = offsets;
    columns->image = c->channels * channel_size;
    columns->plane = c->window.out_count;
    struct operands *each = NEW_ARRAY(call->scratch, struct operands, (size_t)c->groups);
    for (int64_t g = 0; g < c->groups; g++) {
        each[g] = group_operands(c, g, depth, image);
        each[g].b = at(base, g * c->group_channels * channel_size, c->element);
    }
    struct product product = group_product(c, depth);
    product.columns = images * c->window.out_count;
    product.span = c->window.out_count;
    product.c_span = c->outputs * c->window.out_count;
    product.pack = pack_columns;
    product.context = columns;
    product.each = each;
    product.count = c->groups;
    product_run(call, &product);
}

struct unstriding {
    const struct conv *conv;
    const struct unstride *unstride;
    int64_t channel; /* the first */
    void *to;
};

static void unstride_channels(const void *context, int64_t first, int64_t end, int member)
{
    const struct unstriding *s = context;
    const struct conv *c = s->conv;
    (void)member;
    for (int64_t i = first; i < end; i++) {
        char *to = at(s->to, i * s->unstride->channel, c->element);
        if (s->unstride->is_padded) memset(to, 0, (size_t)(s->unstride->channel * c->element));
        unstride_channel(s->unstride, c->simd, at(c->x->data, (s->channel + i) * c->window.in_count, c->element), to);
    }
}

static bool run_unstrided(struct call *call, const struct conv *c)
{
    struct unstride unstride;
    if (!unstride_plan(call, &c->window, &unstride)) return false;
    struct columns columns = { .unstride = &unstride, .row = unstride.window.out[unstride.window.rank - 1] };
    int64_t together = least((WIDE_ENOUGH + c->window.out_count - 1) / c->window.out_count, c->images), rows;
    if (!size_multiply(together, c->channels, &rows) || !size_multiply(rows, unstride.channel, &(int64_t){ 0 }))
        return call_fail(call, "the padded input is too large");
    struct array *buffer =
        array_new(call->pool, c->x->type, c->x->store, 1, &(int64_t){ rows * unstride.channel + SIMD_ROOM });
    memset(at(buffer->data, rows * unstride.channel, c->element), 0, (size_t)(SIMD_ROOM * c->element));
    for (int64_t image = 0; image < c->images; image += together) {
        int64_t images = least(together, c->images - image);
        struct unstriding unstriding = { c, &unstride, image * c->channels, buffer->data };
        int64_t channels = images * c->channels;
        team_run(call->team, channels, team_piece(channels, channels * unstride.channel), unstride_channels,
                 &unstriding);
        run_side_by_side(call, c, &columns, buffer->data, unstride.channel, unstride.taps, image, images);
    }
    array_drop(buffer);
    return true;
}

/* 1 x 1: the planes of the input are the rows of the right operand. */

static bool is_pointwise(const struct window *window)
{
    for (int a = 0; a < window->rank; a++)
        if (window->kernel[a] != 1 || window->stride[a] != 1 || window->begin[a] || window->end[a]) return false;
    return true;
}

static void run_pointwise(struct call *call, const struct conv *c)
{
    int64_t plane = c->window.in_count, count = c->images * c->groups;
    if (c->images > 1 && plane < SMALL_PLANE) {
        struct columns columns = { .row = plane };
        run_side_by_side(call, c, &columns, c->x->data, plane, &(int64_t){ 0 }, 0, c->images);
        return;
    }
    struct operands *each = NEW_ARRAY(call->scratch, struct operands, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        each[i] = group_operands(c, i % c->groups, c->group_channels, i / c->groups);
        each[i].b = at(c->x->data, i * c->group_channels * plane, c->element);
    }
    struct product product = group_product(c, c->group_channels);
    product.each = each;
    product.count = count;
    product_run(call, &product);
}

/* Depthwise: the taps run over the channel itself. */

static void sum_taps(const struct slide *slide, int64_t output, const void *from, int64_t count, void *sums)
{
    const struct conv *c = slide->context;
    int64_t m = output % c->outputs;
    const void *bias = c->bias ? at(c->bias->data, m, c->element) : NULL;
    const void *weights = at(c->w->data, m * c->window.taps, c->element);
    slide->simd->window_sum(from, slide->unstride->taps, weights, c->window.taps, bias, sums, count);
}

static bool run_depthwise(struct call *call, const struct conv *c)
{
    struct unstride unstride;
    if (!unstride_plan(call, &c->window, &unstride)) return false;
    struct slide slide = { .unstride = &unstride,
                           .store = c->x->store,
                           .from = c->x->data,
                           .to = c->y->data,
                           .channels = c->images * c->groups,
                           .outputs = c->group_outputs,
                           .epilogue = c->epilogue,
                           .chunk = sum_taps,
                           .context = c };
    slide_run(call, &slide);
    return true;
}

static bool run_conv(struct call *call, const struct conv *c)
{
    if (c->y->count == 0) return true;
    if (c->group_channels == 1 && c->group_outputs <= FEW_CHANNELS) return run_depthwise(call, c);
    if (!is_pointwise(&c->window)) return run_unstrided(call, c);
    run_pointwise(call, c);
    return true;
}

/* `joined`: the result is output 0 of the call, and nothing is done to it but what follows. */
static struct array *convolve(struct call *call, const struct array *x, const struct array *w, const struct array *bias,
                              bool joined)
{
    struct conv c;
    enum auto_pad mode;
    if (!read_operands(call, &c, x, w, bias)) return NULL;
    c.outputs = w->dims[0];
    c.group_outputs = c.outputs / c.groups;
    if (!check_channels(call, &c, w->dims[1], c.group_channels)
        || !window_read(call, x->rank - 2, x->dims + 2, w->dims + 2, &c.window, &mode)
        || !window_size(call, &c.window, mode, false))
        return NULL;
    make_output(call, &c, c.window.out);
    if (joined) c.epilogue = run_epilogue(call, c.y);
    if (run_conv(call, &c)) return c.y;
    array_drop(c.y);
    return NULL;
}

struct array *conv(struct call *call, const struct array *x, const struct array *w, const struct array *bias)
{
    return convolve(call, x, w, bias, false);
}

static bool run_conv_node(struct call *call)
{
    struct array *x, *w, *bias, *y;
    if (!call_real(call, 0, "X", true, 3, &x) || !call_real(call, 1, "W", true, 3, &w)
        || !call_real(call, 2, "B", false, 1, &bias))
        return false;
    y = convolve(call, x, w, bias, true);
    if (y) call_give(call, 0, y);
    return y != NULL;
}

/* --- ConvTranspose: c.window is that of the convolution it turns around, whose input is our output --- */

/* Splits what is cut off between both ends; what is missing extends the end. */
static void split_total(struct window *window, int axis, int64_t total, bool upper)
{
    window->begin[axis] = total <= 0 ? 0 : upper ? total / 2 : total - total / 2;
    window->end[axis] = total - window->begin[axis];
}

static bool read_extra(struct call *call, const char *name, int rank, const int64_t **values, size_t *count)
{
    *count = node_ints(call->node, name, values);
    if (*count == (size_t)rank + 2) *values += 2; /* with N and C in front */
    else if (*count != 0 && *count != (size_t)rank)
        return call_fail(call, "%s has %zu entries for %d spatial axes", name, *count, rank);
    for (int i = 0; *count && i < rank; i++)
        if ((*values)[i] < 0 || (*values)[i] > INT32_MAX)
            return call_fail(call, "%s holds %lld, which is no size", name, (long long)(*values)[i]);
    return true;
}

/* window->in so far holds our input's dims, which are the outputs of the convolution turned around. */
static bool turn_around(struct call *call, struct window *window, enum auto_pad mode)
{
    const int64_t *shape, *extra;
    size_t shapes, extras;
    if (!read_extra(call, "output_shape", window->rank, &shape, &shapes)
        || !read_extra(call, "output_padding", window->rank, &extra, &extras))
        return false;
    bool same = mode == PAD_SAME_UPPER || mode == PAD_SAME_LOWER;
    window->out_count = window->in_count;
    window->in_count = 1;
    for (int a = 0; a < window->rank; a++) {
        int64_t from = window->out[a] = window->in[a], stride = window->stride[a];
        int64_t reach = (window->kernel[a] - 1) * window->dilation[a] + 1;
        int64_t full = stride * (from - 1) + (extras ? extra[a] : 0) + reach;
        int64_t size = shapes ? shape[a] : same ? from * stride : full - window->begin[a] - window->end[a];
        if (shapes || same) split_total(window, a, full - size, mode == PAD_SAME_UPPER);
        if (from == 0) size = shapes ? size : 0;
        if (size < 0 || size > INT32_MAX || !size_multiply(window->in_count, size, &window->in_count))
            return call_fail(call, "the output would have size %lld along spatial axis %d", (long long)size, a);
        window->in[a] = size;
    }
    return true;
}

/* The taps of all outputs of one image into their places. */
struct scattering {
    const struct conv *conv;
    int64_t image;
    void *columns;
};

static void scatter_image(const void *context, int64_t first, int64_t end, int member)
{
    const struct scattering *s = context;
    const struct conv *c = s->conv;
    int64_t plane = c->window.in_count, rows = c->window.taps * c->window.out_count;
    (void)member;
    for (int64_t m = first; m < end; m++) {
        char *to = at(c->y->data, (s->image * c->outputs + m) * plane, c->element);
        memset(to, 0, (size_t)(plane * c->element));
        scatter_channel(&c->window, c->simd, c->element, at(s->columns, m * rows, c->element), to);
        if (c->bias) c->simd->shift(at(c->bias->data, m, c->element), plane, to);
    }
}

static bool run_turned(struct call *call, const struct conv *c)
{
    int64_t plane = c->window.out_count, rows, size;
    if (!size_multiply(c->outputs, c->window.taps, &rows) || !size_multiply(rows, plane, &size))
        return call_fail(call, "the output is too large");
    struct array *columns = make_buffer(call, c, rows, plane);
    struct operands *each = NEW_ARRAY(call->scratch, struct operands, (size_t)c->groups);
    struct product product = { .store = c->x->store,
                               .rows = rows / c->groups,
                               .columns = plane,
                               .depth = c->group_channels,
                               .a_row = 1,
                               .a_step = rows / c->groups,
                               .b_step = plane,
                               .b_column = 1,
                               .c_row = plane,
                               .c_column = 1,
                               .each = each,
                               .count = c->groups };
    for (int64_t image = 0; image < c->images; image++) {
        for (int64_t g = 0; g < c->groups; g++) {
            int64_t channel = g * c->group_channels;
            each[g].a = at(c->w->data, channel * (rows / c->groups), c->element);
            each[g].b = at(c->x->data, (image * c->channels + channel) * plane, c->element);
            each[g].c = at(columns->data, g * (rows / c->groups) * plane, c->element);
        }
        product_run(call, &product);
        struct scattering scattering = { c, image, columns->data };
        team_run(call->team, c->outputs, team_piece(c->outputs, size), scatter_image, &scattering);
    }
    array_drop(columns);
    return true;
}

static bool run_conv_transpose(struct call *call)
{
    struct array *x, *w, *bias;
    struct conv c;
    enum auto_pad mode;
    if (!call_real(call, 0, "X", true, 3, &x) || !call_real(call, 1, "W", true, 3, &w)
        || !call_real(call, 2, "B", false, 1, &bias) || !read_operands(call, &c, x, w, bias))
        return false;
    c.group_outputs = w->dims[1];
    if (!size_multiply(c.group_outputs, c.groups, &c.outputs) || !check_channels(call, &c, w->dims[0], c.channels)
        || !window_read(call, x->rank - 2, x->dims + 2, w->dims + 2, &c.window, &mode)
        || !turn_around(call, &c.window, mode))
        return false;
    make_output(call, &c, c.window.in);
    call_give(call, 0, c.y);
    return c.y->count == 0 || run_turned(call, &c);
}

/* ---- gradients ----
 *
 *   Y = Conv(X, W)       dX = ConvTranspose(dY, W); dW = a Conv of X by dY, strides and dilations exchanged, images as
 *                        channels and channels as images
 *   Y = ConvTranspose    the other way round */

bool gradient_window(struct backward *b, const struct array *in, const int64_t *kernel, struct window *window)
{
    enum auto_pad mode;
    bool up = node_int(gradient_node(b), "ceil_mode", 0) != 0;
    if (b->f.failed || !window_read(b->f.call, in->rank - 2, in->dims + 2, kernel, window, &mode)
        || !window_size(b->f.call, window, mode, up))
        b->f.failed = true;
    return !b->f.failed;
}

/* The window of a Conv, with the padding as it came out. */
struct geometry {
    struct window window;
    int64_t groups, pads[2 * ARRAY_MAX_RANK];
};

static bool read_geometry(struct backward *b, const struct array *in, const int64_t *kernel, struct geometry *g)
{
    if (!gradient_window(b, in, kernel, &g->window)) return false;
    g->groups = node_int(gradient_node(b), "group", 1);
    for (int i = 0; i < g->window.rank; i++) {
        g->pads[i] = g->window.begin[i];
        g->pads[g->window.rank + i] = g->window.end[i];
    }
    return true;
}

/* The first dims[i] elements along each axis from `from` on. */
static struct array *cropped(struct formula *f, struct array *x, int from, const int64_t *dims)
{
    for (int i = from; x && i < x->rank; i++)
        if (x->dims[i] > dims[i - from]) x = formula_slice(f, x, i, 0, dims[i - from]);
    return x;
}

/* dX of a Conv: what a ConvTranspose makes of dY, with what the last windows did not reach added at the end. */
static struct array *conv_input_gradient(struct backward *b, const struct geometry *g, struct array *dy,
                                         struct array *w)
{
    const struct window *v = &g->window;
    int64_t more[ARRAY_MAX_RANK];
    for (int i = 0; i < v->rank; i++)
        more[i] =
            v->in[i]
            - (v->stride[i] * (v->out[i] - 1) + (v->kernel[i] - 1) * v->dilation[i] + 1 - v->begin[i] - v->end[i]);
    return formula_op(&b->f, "ConvTranspose",
                      SETTINGS(SET_INTS("strides", v->stride, v->rank), SET_INTS("dilations", v->dilation, v->rank),
                               SET_INTS("pads", g->pads, 2 * v->rank), SET_INTS("output_padding", more, v->rank),
                               SET_INT("group", g->groups)),
                      FROM(dy, w));
}

/* Exchanges the first two axes. */
static struct array *exchanged(struct formula *f, struct array *x)
{
    int64_t order[ARRAY_MAX_RANK] = { 1, 0 };
    if (!x) return NULL;
    for (int i = 2; i < x->rank; i++) order[i] = i;
    return formula_transposed(f, x, order);
}

static struct array *group_weight_gradient(struct backward *b, const struct geometry *g, struct array *x,
                                           struct array *dy)
{
    const struct window *v = &g->window;
    struct array *dw =
        formula_op(&b->f, "Conv",
                   SETTINGS(SET_INTS("strides", v->dilation, v->rank), SET_INTS("dilations", v->stride, v->rank),
                            SET_INTS("pads", g->pads, 2 * v->rank)),
                   FROM(exchanged(&b->f, x), exchanged(&b->f, dy)));
    return exchanged(&b->f, cropped(&b->f, dw, 2, v->kernel));
}

/* dW, [outputs, inputs of a group, kernel], from the input and the gradient of the output. */
static struct array *conv_weight_gradient(struct backward *b, const struct geometry *g, struct array *x,
                                          struct array *dy)
{
    struct formula *f = &b->f;
    if (b->f.failed || g->groups == 1) return group_weight_gradient(b, g, x, dy);
    int64_t in = x->dims[1] / g->groups, out = dy->dims[1] / g->groups;
    struct array **parts = NEW_ARRAY(f->call->scratch, struct array *, (size_t)g->groups);
    for (int64_t i = 0; i < g->groups; i++)
        parts[i] = group_weight_gradient(b, g, formula_slice(f, x, 1, i * in, (i + 1) * in),
                                         formula_slice(f, dy, 1, i * out, (i + 1) * out));
    return formula_concat(f, parts, (size_t)g->groups, 0);
}

/* The bias is added to whole channels. */
static void give_bias(struct backward *b)
{
    int64_t axes[ARRAY_MAX_RANK] = { 0 };
    struct array *dy = gradient_dy(b, 0);
    if (!gradient_x(b, 2)) return;
    for (int i = 1; i < dy->rank - 1; i++) axes[i] = i + 1;
    gradient_give(b, 2, formula_sum(&b->f, dy, axes, dy->rank - 1, false));
}

void gradient_conv(struct backward *b)
{
    struct geometry g;
    struct array *x = gradient_x(b, 0), *w = gradient_x(b, 1), *dy = gradient_dy(b, 0);
    if (!read_geometry(b, x, w->dims + 2, &g)) return;
    gradient_give(b, 0, conv_input_gradient(b, &g, dy, w));
    gradient_give(b, 1, conv_weight_gradient(b, &g, x, dy));
    give_bias(b);
}

/* The Conv that it turns around reads its output. */
void gradient_conv_transpose(struct backward *b)
{
    struct geometry g;
    const int64_t *shape;
    const struct node *node = gradient_node(b);
    struct array *x = gradient_x(b, 0), *w = gradient_x(b, 1), *dy = gradient_dy(b, 0);
    const char *mode = node_text(node, "auto_pad", "NOTSET");
    if (node_ints(node, "output_shape", &shape) || (strcmp(mode, "NOTSET") != 0 && strcmp(mode, "VALID") != 0)) {
        gradient_refuse(b, "a ConvTranspose with output_shape or auto_pad");
        return;
    }
    if (!read_geometry(b, dy, w->dims + 2, &g)) return;
    const struct window *v = &g.window;
    struct array *dx =
        formula_op(&b->f, "Conv",
                   SETTINGS(SET_INTS("strides", v->stride, v->rank), SET_INTS("dilations", v->dilation, v->rank),
                            SET_INTS("pads", g.pads, 2 * v->rank), SET_INT("group", g.groups)),
                   FROM(dy, w));
    gradient_give(b, 0, cropped(&b->f, dx, 2, x->dims + 2));
    gradient_give(b, 1, conv_weight_gradient(b, &g, dy, x));
    give_bias(b);
}

/* ---- shapes ---- */

static bool shape_conv_transpose(struct shaping *s)
{
    struct sliding window;
    struct dim dims[SHAPE_MAX_RANK];
    const int64_t *shape;
    int64_t more[SLIDE_MAX];
    int rank = input_rank(s, 0), weight_rank = input_rank(s, 1);
    size_t listed = node_ints(s->node, "output_shape", &shape);
    if (rank < 0 && weight_rank < 0) return set_type(s, 0, common_type(s, 2));
    if (rank >= 0 && weight_rank >= 0 && rank != weight_rank) return false;
    const struct dim *weight = weight_rank >= 0 ? input_dims(s, 1) : NULL;
    if (rank < 0) rank = weight_rank;
    if (rank < 3) return false;
    if (!weight) return set_rank(s, 0, common_type(s, 2), rank);
    if (!slide_read(s, rank - 2, weight, &window) || !slide_list(s, "output_padding", window.space, 0, 0, more))
        return false;
    dims[0] = input_rank(s, 0) >= 0 ? input_dim(s, 0, 0) : fresh_dim(s);
    dims[1] = scale_dim(s, weight[1], node_int(s->node, "group", 1));
    for (int i = 0; i < window.space; i++)
        if (more[i] && more[i] >= window.stride[i] && more[i] >= window.dilation[i]) return false;
    if (listed && listed != (size_t)window.space) return false;
    struct dim merged;
    if (input_rank(s, 0) >= 0 && !merge_dims(weight[0], input_dim(s, 0, 1), &merged)) return false;
    if (input_rank(s, 2) == 1 && !merge_dims(dims[1], input_dim(s, 2, 0), &merged)) return false;
    struct sliding plain = window; /* without padding */
    plain.padding = SLIDE_EXPLICIT;
    for (int i = 0; i < window.space; i++) {
        const struct dim in = input_rank(s, 0) >= 0 ? input_dim(s, 0, i + 2) : fresh_dim(s);
        plain.begin[i] = plain.end[i] = 0;
        const int64_t most = listed ? slide_back(s, &plain, i, add_to_dim(s, in, 1), 0).size : 0;
        if (most > 0 && shape[i] >= most) return false; /* it would come of a larger input */
        dims[i + 2] = listed ? number_dim(shape[i]) : slide_back(s, &window, i, in, more[i]);
    }
    return set_output(s, 0, common_type(s, 2), rank, dims);
}

const struct operator_row conv_operators[] = {
    { "Conv", 1, LATEST, .gradient = gradient_conv, .run = run_conv_node, .shape = shape_conv, .laws = CONVOLVES,
      .need = &(const struct weight_need){ .rank = -1, .axis = 1, .weight_axis = 1, .times_group = true },
      .schemas = SCHEMAS(
          { 1, LATEST, "Tf22h T[m.] ?T[m] > T", AUTO_PAD "dilations:N group:n kernel_shape:N pads:P strides:N" }) },
    { "ConvTranspose", 1, LATEST, .gradient = gradient_conv_transpose, .run = run_conv_transpose,
      .shape = shape_conv_transpose, .laws = CONVOLVES_BACK,
      .need = &(const struct weight_need){ .rank = -1, .axis = 1 },
      .schemas = SCHEMAS({ 1, LATEST, "Tf22h T ?T[_] > T",
                           AUTO_PAD "dilations:N group:n kernel_shape:N output_padding:O output_shape:N pads:P "
                                    "strides:N" }) },
    { 0 },
};
