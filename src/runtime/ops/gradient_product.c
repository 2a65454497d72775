/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients of matrix products, convolutions and pools.
 *
 *   Y = A B              dA = dY B^T, dB = A^T dY
 *   Y = Conv(X, W)       dX = ConvTranspose(dY, W); dW = a Conv of X by dY, strides and dilations exchanged, images as
 *                        channels and channels as images
 *   Y = ConvTranspose    the other way round */
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/window.h"

#include <string.h>

/* ---- matrix products ---- */

/* A vector as a matrix of one row or column. */
static struct array *as_matrix(struct formula *f, struct array *x, bool left)
{
    if (!x || x->rank != 1) return x;
    int64_t row[] = { 1, x->dims[0] }, column[] = { x->dims[0], 1 };
    return formula_reshaped(f, x, 2, left ? row : column);
}

static void give_factor(struct backward *b, size_t slot, struct array *dx, const struct array *matrix)
{
    int64_t axes[ARRAY_MAX_RANK], count = 0;
    const struct array *x = gradient_x(b, slot);
    if (!dx || x->rank > 1) {
        gradient_give(b, slot, dx);
        return;
    }
    for (int i = 0; i < dx->rank - matrix->rank; i++) axes[count++] = i;
    if (count > 0) dx = formula_sum(&b->f, dx, axes, count, false);
    gradient_give(b, slot, formula_reshaped(&b->f, dx, x->rank, x->dims));
}

void gradient_matmul(struct backward *b)
{
    struct formula *f = &b->f;
    struct array *a = as_matrix(f, gradient_x(b, 0), true), *c = as_matrix(f, gradient_x(b, 1), false);
    struct array *dy = gradient_dy(b, 0);
    int64_t dims[ARRAY_MAX_RANK];
    int rank = dy->rank - (gradient_x(b, 0)->rank > 1) - (gradient_x(b, 1)->rank > 1);
    if (!a || !c) return;
    memcpy(dims, dy->dims, (size_t)rank * sizeof *dims);
    dims[rank++] = a->dims[a->rank - 2];
    dims[rank++] = c->dims[c->rank - 1];
    dy = formula_reshaped(f, dy, rank, dims);
    give_factor(b, 0, formula_matmul(f, dy, formula_turned(f, c)), a);
    give_factor(b, 1, formula_matmul(f, formula_turned(f, a), dy), c);
}

void gradient_gemm(struct backward *b)
{
    struct formula *f = &b->f;
    const struct node *node = gradient_node(b);
    bool turn_a = node_int(node, "transA", 0) != 0, turn_b = node_int(node, "transB", 0) != 0;
    struct array *a = gradient_x(b, 0), *c = gradient_x(b, 1);
    struct array *dy = formula_scaled(f, gradient_dy(b, 0), (double)node_float(node, "alpha", 1));
    struct array *da = formula_matmul(f, dy, turn_b ? c : formula_turned(f, c));
    struct array *dc = formula_matmul(f, turn_a ? a : formula_turned(f, a), dy);
    gradient_give(b, 0, turn_a ? formula_turned(f, da) : da);
    gradient_give(b, 1, turn_b ? formula_turned(f, dc) : dc);
    if (gradient_x(b, 2))
        gradient_give(b, 2, formula_scaled(f, gradient_dy(b, 0), (double)node_float(node, "beta", 1)));
}

/* ---- convolutions ---- */

/* The window of a Conv from `in` to `out`, with the padding as it came out. */
struct geometry {
    struct window window;
    int64_t groups, pads[2 * ARRAY_MAX_RANK];
};

static void list_pads(struct geometry *g)
{
    for (int i = 0; i < g->window.rank; i++) {
        g->pads[i] = g->window.begin[i];
        g->pads[g->window.rank + i] = g->window.end[i];
    }
}

static bool read_geometry(struct backward *b, const struct array *in, const int64_t *kernel, struct geometry *g)
{
    enum auto_pad mode;
    bool up = node_int(gradient_node(b), "ceil_mode", 0) != 0;
    g->groups = node_int(gradient_node(b), "group", 1);
    if (b->f.failed || !window_read(b->f.call, in->rank - 2, in->dims + 2, kernel, &g->window, &mode)
        || !window_size(b->f.call, &g->window, mode, up))
        b->f.failed = true;
    list_pads(g);
    return !b->f.failed;
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
    return formula_op(f, "Concat", SETTINGS(SET_INT("axis", 0)), parts, (size_t)g->groups);
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

/* ---- pools ---- */

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
    struct geometry g;
    const struct array *x = gradient_x(b, 0), *dy = gradient_dy(b, 0);
    bool padding_counts = node_int(gradient_node(b), "count_include_pad", 0) != 0;
    if (!read_geometry(b, x, NULL, &g)) return;
    CALL_WORK(b->f.call, dy->count, g.window.taps, WORK_ELEMENT, 2);
    struct array *dx = gradient_zeros(b, x);
    for (int64_t i = 0; i < dy->count; i++)
        share_output(&g.window, padding_counts, i % g.window.out_count, element_real(dy, i), dx,
                     i / g.window.out_count * g.window.in_count);
    gradient_give(b, 0, dx);
}

/* Where each maximum came from is the operator's second output. */
void gradient_max_pool(struct backward *b)
{
    const struct array *x = gradient_x(b, 0), *dy = gradient_dy(b, 0);
    struct array *outputs[2];
    if (node_int(gradient_node(b), "storage_order", 0)) gradient_refuse(b, "a MaxPool with storage_order");
    if (!formula_owns(&b->f, "MaxPool", FROM(gradient_x(b, 0)), outputs, 2)) return;
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
    struct array *is = formula_cast(f, formula_op(f, "Equal", NULL, FROM(x, y)), x->type);
    struct array *ties = formula_sum(f, is, axes, x->rank - 2, true);
    gradient_give(b, 0, formula_mul(f, is, formula_div(f, gradient_dy(b, 0), ties)));
}
