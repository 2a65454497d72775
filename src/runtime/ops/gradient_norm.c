/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients of normalizations. With r = 1 / sqrt(variance + epsilon) and h = (x - mean) * r,
 *
 *   y = scale * h + shift      dscale = sum(dy * h), dshift = sum(dy), dh = dy * scale
 *   given statistics           dx = dh * r, dmean = -sum(dh * r), dvariance = -sum(dh * h) * r^2 / 2
 *   statistics of x            dx = r * (dh - mean(dh) - h * mean(dh * h))
 *
 * sums and means over what is normalized together. RMSNormalization has no mean: the term mean(dh) is absent. */
#include "onnx/graph/bn.h"
#include "runtime/element.h"
#include "runtime/gradient.h"

#include <string.h>

/* x seen as what is normalized together: by axes, each statistic kept as 1. */
struct normalized {
    struct array *h, *r, *centerd;
};

static struct normalized normalize(struct formula *f, struct array *x, const int64_t *axes, int64_t count,
                                   double epsilon, bool has_mean)
{
    struct normalized n = { .centerd = x };
    if (has_mean) n.centerd = formula_sub(f, x, formula_mean(f, x, axes, count, true));
    struct array *variance = formula_mean(f, formula_mul(f, n.centerd, n.centerd), axes, count, true);
    n.r = formula_inverse_root(f, variance, epsilon);
    n.h = formula_mul(f, n.centerd, n.r);
    return n;
}

/* dx where the statistics are those of x. */
static struct array *through_statistics(struct formula *f, const struct normalized *n, struct array *dh,
                                        const int64_t *axes, int64_t count, bool has_mean)
{
    struct array *along = formula_mul(f, n->h, formula_mean(f, formula_mul(f, dh, n->h), axes, count, true));
    struct array *rest = formula_sub(f, dh, along);
    if (has_mean) rest = formula_sub(f, rest, formula_mean(f, dh, axes, count, true));
    return formula_mul(f, rest, n->r);
}

static double epsilon_of(const struct backward *b)
{
    return (double)node_float(gradient_node(b), "epsilon", 1e-5f);
}

/* A vector along axis 1 of an array of this rank. */
static struct array *along_channels(struct formula *f, struct array *vector, int rank)
{
    int64_t dims[ARRAY_MAX_RANK];
    if (!vector) return NULL;
    for (int i = 0; i < rank; i++) dims[i] = i == 1 ? vector->count : 1;
    return formula_reshaped(f, vector, rank, dims);
}

/* All axes but 1. */
static int64_t other_axes(int rank, int64_t *axes)
{
    int64_t count = 0;
    for (int i = 0; i < rank; i++)
        if (i != 1) axes[count++] = i;
    return count;
}

/* The gradient of a vector along axis 1. */
static void give_channels(struct backward *b, size_t slot, struct array *terms)
{
    int64_t axes[ARRAY_MAX_RANK];
    if (terms) gradient_give(b, slot, formula_sum(&b->f, terms, axes, other_axes(terms->rank, axes), false));
}

/* ---- BatchNormalization ---- */

static void through_given(struct backward *b, struct array *dh, struct normalized *n)
{
    struct formula *f = &b->f;
    struct array *dx = formula_mul(f, dh, n->r), *half = formula_scaled(f, formula_mul(f, n->r, n->r), -0.5);
    gradient_give(b, 0, dx);
    give_channels(b, 3, formula_scaled(f, dx, -1));
    give_channels(b, 4, formula_mul(f, formula_mul(f, dh, n->h), half));
}

/* The running statistics (outputs 1 and 2) keep `momentum` of the old ones; the rest is the batch's. */
static void through_running(struct backward *b, const struct normalized *n)
{
    struct formula *f = &b->f;
    struct array *x = gradient_x(b, 0), *of_mean = gradient_dy(b, 1), *of_variance = gradient_dy(b, 2);
    double momentum = (double)node_float(gradient_node(b), "momentum", 0.9f);
    double share = (1 - momentum) / ((double)x->count / (double)x->dims[1]);
    if (of_mean) {
        struct array *each = along_channels(f, formula_scaled(f, of_mean, share), x->rank);
        gradient_give(b, 0, formula_expanded(f, each, x->rank, x->dims));
    }
    if (of_variance)
        gradient_give(
            b, 0, formula_mul(f, n->centerd, along_channels(f, formula_scaled(f, of_variance, 2 * share), x->rank)));
    gradient_give(b, 3, of_mean ? formula_scaled(f, of_mean, momentum) : gradient_zeros(b, gradient_x(b, 3)));
    gradient_give(b, 4, of_variance ? formula_scaled(f, of_variance, momentum) : gradient_zeros(b, gradient_x(b, 4)));
}

void gradient_batch_norm(struct backward *b)
{
    struct formula *f = &b->f;
    const struct node *node = gradient_node(b);
    struct array *x = gradient_x(b, 0), *dy = gradient_dy(b, 0), *scale = along_channels(f, gradient_x(b, 1), x->rank);
    bool training = bn_is_training(node);
    int64_t axes[ARRAY_MAX_RANK], count = other_axes(x->rank, axes);
    if (x->rank < 2 || bn_is_per_element(node) || gradient_dy(b, 3) || gradient_dy(b, 4)) {
        gradient_refuse(b, "a BatchNormalization of one dimension, by element, or of its saved statistics");
        return;
    }
    if (!dy) dy = gradient_zeros(b, x);
    struct normalized n;
    if (training) n = normalize(f, x, axes, count, bn_epsilon(node), true);
    else {
        n.r = along_channels(f, formula_inverse_root(f, gradient_x(b, 4), bn_epsilon(node)), x->rank);
        n.centerd = formula_sub(f, x, along_channels(f, gradient_x(b, 3), x->rank));
        n.h = formula_mul(f, n.centerd, n.r);
    }
    struct array *dh = formula_mul(f, dy, scale);
    give_channels(b, 1, formula_mul(f, dy, n.h));
    give_channels(b, 2, dy);
    if (!training) through_given(b, dh, &n);
    else gradient_give(b, 0, through_statistics(f, &n, dh, axes, count, true));
    if (training) through_running(b, &n);
}

/* ---- LayerNormalization, RMSNormalization ---- */

static void layer_norm(struct backward *b, bool has_mean)
{
    struct formula *f = &b->f;
    struct array *x = gradient_x(b, 0), *dy = gradient_dy(b, 0);
    int64_t axis = node_int(gradient_node(b), "axis", -1), axes[ARRAY_MAX_RANK], count = 0;
    if (!dy || gradient_dy(b, 1) || gradient_dy(b, 2)) {
        gradient_refuse(b, "statistics that a normalization hands out");
        return;
    }
    for (int64_t i = axis < 0 ? axis + x->rank : axis; i < x->rank; i++) axes[count++] = i;
    struct normalized n = normalize(f, x, axes, count, epsilon_of(b), has_mean);
    struct array *dh = formula_mul(f, dy, gradient_x(b, 1));
    gradient_give(b, 0, through_statistics(f, &n, dh, axes, count, has_mean));
    gradient_give(b, 1, formula_mul(f, dy, n.h));
    if (gradient_x(b, 2)) gradient_give(b, 2, dy);
}

void gradient_layer_norm(struct backward *b)
{
    layer_norm(b, true);
}

void gradient_rms_norm(struct backward *b)
{
    layer_norm(b, false);
}

/* ---- InstanceNormalization, GroupNormalization: x as [images, groups, all of a group] ---- */

static void group_norm(struct backward *b, int64_t groups, bool per_group)
{
    struct formula *f = &b->f;
    struct array *x = gradient_x(b, 0), *dy = gradient_dy(b, 0);
    int64_t last = 2, size = dims_product(x->dims, 1, x->rank) / groups, dims[] = { x->dims[0], groups, size };
    struct array *scale = gradient_x(b, 1);
    if (per_group) scale = along_channels(f, scale, 3);
    else scale = along_channels(f, scale, x->rank);
    struct normalized n = normalize(f, formula_reshaped(f, x, 3, dims), &last, 1, epsilon_of(b), true);
    struct array *flat = formula_reshaped(f, dy, 3, dims);
    struct array *dh =
        per_group ? formula_mul(f, flat, scale) : formula_reshaped(f, formula_mul(f, dy, scale), 3, dims);
    struct array *dx = through_statistics(f, &n, dh, &last, 1, true);
    gradient_give(b, 0, formula_reshaped(f, dx, x->rank, x->dims));
    give_channels(
        b, 1, per_group ? formula_mul(f, flat, n.h) : formula_mul(f, dy, formula_reshaped(f, n.h, x->rank, x->dims)));
    give_channels(b, 2, per_group ? flat : dy);
}

void gradient_instance_norm(struct backward *b)
{
    group_norm(b, gradient_x(b, 0)->dims[1], false);
}

/* Before opset 21 a group has one scale and shift. */
void gradient_group_norm(struct backward *b)
{
    group_norm(b, node_int(gradient_node(b), "num_groups", 1), gradient_node(b)->opset < 21);
}

/* ---- by the steps of a formula ---- */

static bool lp_norm_formula(struct call *call)
{
    struct formula f;
    struct array *x = call_input(call, 0);
    int64_t axis = node_int(call->node, "axis", -1);
    bool squares = node_int(call->node, "p", 2) == 2;
    formula_open(&f, call);
    struct array *each = squares ? formula_mul(&f, x, x) : formula_absolute(&f, x);
    struct array *norm = formula_sum(&f, each, &axis, 1, true);
    if (squares) norm = formula_root(&f, norm);
    formula_give(&f, 0, formula_div(&f, x, norm));
    return formula_close(&f);
}

void gradient_lp_norm(struct backward *b)
{
    gradient_through(b, lp_norm_formula);
}

static bool mean_variance_formula(struct call *call)
{
    struct formula f;
    struct array *x = call_input(call, 0);
    const int64_t absent[] = { 0, 2, 3, 1 }, *axes = absent;
    int64_t count = (int64_t)node_ints(call->node, "axes", &axes);
    if (count == 0) count = node_int(call->node, "across_channels", 0) ? 4 : 3;
    formula_open(&f, call);
    struct array *d = formula_sub(&f, x, formula_mean(&f, x, axes, count, true));
    struct array *deviation = formula_root(&f, formula_mean(&f, formula_mul(&f, d, d), axes, count, true));
    bool divides = node_int(call->node, "normalize_variance", 1) != 0;
    formula_give(&f, 0, divides ? formula_div(&f, d, formula_shifted(&f, deviation, 1e-9)) : d);
    return formula_close(&f);
}

void gradient_mean_variance(struct backward *b)
{
    gradient_through(b, mean_variance_formula);
}

/* The squares of the neighboring channels, added one after the other: moved by `by`, with zeros where there is none. */
static struct array *moved_channels(struct formula *f, struct array *squares, int64_t by)
{
    int64_t channels = squares->dims[1], size = by < 0 ? -by : by;
    if (size >= channels) return NULL;
    struct array *kept = formula_slice(f, squares, 1, by < 0 ? 0 : size, by < 0 ? channels - size : channels);
    struct array *zeros = formula_scaled(f, formula_slice(f, squares, 1, 0, size), 0);
    struct array *parts[] = { by < 0 ? zeros : kept, by < 0 ? kept : zeros };
    return size == 0 ? squares : formula_concat(f, parts, 2, 1);
}

static bool lrn_formula(struct call *call)
{
    struct formula f;
    const struct node *node = call->node;
    struct array *x = call_input(call, 0);
    int64_t size = node_int(node, "size", 1);
    formula_open(&f, call);
    struct array *squares = formula_mul(&f, x, x), *sum = squares;
    for (int64_t by = -((size - 1) / 2); by <= size / 2 && !f.failed; by++) {
        struct array *moved = by == 0 ? NULL : moved_channels(&f, squares, by);
        if (moved) sum = formula_add(&f, sum, moved);
    }
    sum = formula_scaled(&f, sum, (double)node_float(node, "alpha", 0.0001f) / (double)size);
    sum = formula_shifted(&f, sum, (double)node_float(node, "bias", 1));
    double power = -(double)node_float(node, "beta", 0.75f);
    formula_give(&f, 0, formula_mul(&f, x, formula_power(&f, sum, power)));
    return formula_close(&f);
}

void gradient_lrn(struct backward *b)
{
    gradient_through(b, lrn_formula);
}
