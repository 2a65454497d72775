/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients of reductions, of softmax and of losses. */
#include "runtime/element.h"
#include "runtime/gradient.h"

#include <string.h>

/* ---- reductions ---- */

/* What was reduced: the gradient and the output with the axes kept, as 1; and over how many elements each. */
struct reduced {
    struct array *x, *y, *dy;
    int64_t axes[ARRAY_MAX_RANK];
    int64_t axis_count;
    double count;
    bool passes; /* no axes, and the node says that it then passes its input on */
};

static bool read_axes(struct backward *b, const struct array *x, bool *reduces)
{
    const struct array *input = gradient_x(b, 1);
    const int64_t *list = input ? input->i64 : NULL;
    size_t count = input ? (size_t)input->count : node_ints(gradient_node(b), "axes", &list);
    bool passes = count == 0 && node_int(gradient_node(b), "noop_with_empty_axes", 0) != 0;
    for (int i = 0; i < x->rank; i++) reduces[i] = count == 0 && !passes;
    for (size_t i = 0; i < count; i++) {
        int axis;
        if (!call_axis(b->f.call, list[i], x->rank, &axis)) b->f.failed = true;
        else reduces[axis] = true;
    }
    return !b->f.failed;
}

static bool read_reduced(struct backward *b, struct reduced *r)
{
    bool reduces[ARRAY_MAX_RANK];
    int64_t dims[ARRAY_MAX_RANK];
    *r = (struct reduced){ .x = gradient_x(b, 0), .count = 1 };
    if (!read_axes(b, r->x, reduces)) return false;
    for (int i = 0; i < r->x->rank; i++) {
        dims[i] = reduces[i] ? 1 : r->x->dims[i];
        if (reduces[i]) r->axes[r->axis_count++] = i;
        if (reduces[i]) r->count *= (double)r->x->dims[i];
    }
    r->y = formula_reshaped(&b->f, gradient_y(b, 0), r->x->rank, dims);
    r->dy = formula_reshaped(&b->f, gradient_dy(b, 0), r->x->rank, dims);
    return !b->f.failed;
}

void gradient_reduce_sum(struct backward *b)
{
    struct reduced r;
    if (read_reduced(b, &r)) gradient_give(b, 0, formula_expanded(&b->f, r.dy, r.x->rank, r.x->dims));
}

void gradient_reduce_mean(struct backward *b)
{
    struct reduced r;
    if (!read_reduced(b, &r)) return;
    gradient_give(b, 0, formula_expanded(&b->f, formula_scaled(&b->f, r.dy, 1 / r.count), r.x->rank, r.x->dims));
}

/* Those that are equal to the greatest or least share it. */
void gradient_reduce_extreme(struct backward *b)
{
    struct reduced r;
    if (!read_reduced(b, &r)) return;
    struct array *is = formula_equal(&b->f, r.x, r.y);
    struct array *ties = formula_sum(&b->f, is, r.axes, r.axis_count, true);
    gradient_give(b, 0, formula_mul(&b->f, is, formula_div(&b->f, r.dy, ties)));
}

void gradient_reduce_l1(struct backward *b)
{
    struct reduced r;
    if (read_reduced(b, &r)) gradient_give(b, 0, formula_mul(&b->f, r.dy, formula_op(&b->f, "Sign", NULL, FROM(r.x))));
}

/* x / y; the norm of zeros has no slope, and 0 / 0 says so. */
void gradient_reduce_l2(struct backward *b)
{
    struct reduced r;
    if (read_reduced(b, &r)) gradient_give(b, 0, formula_mul(&b->f, r.dy, formula_div(&b->f, r.x, r.y)));
}

/* y = log(sum): 1 / exp(y) */
void gradient_reduce_log_sum(struct backward *b)
{
    struct reduced r;
    if (!read_reduced(b, &r)) return;
    struct array *each = formula_div(&b->f, r.dy, formula_op(&b->f, "Exp", NULL, FROM(r.y)));
    gradient_give(b, 0, formula_expanded(&b->f, each, r.x->rank, r.x->dims));
}

void gradient_reduce_log_sum_exp(struct backward *b)
{
    struct reduced r;
    if (!read_reduced(b, &r)) return;
    struct array *share = formula_op(&b->f, "Exp", NULL, FROM(formula_sub(&b->f, r.x, r.y)));
    gradient_give(b, 0, formula_mul(&b->f, r.dy, share));
}

void gradient_reduce_sum_square(struct backward *b)
{
    struct reduced r;
    if (read_reduced(b, &r)) gradient_give(b, 0, formula_mul(&b->f, formula_scaled(&b->f, r.x, 2), r.dy));
}

/* The running sum from the other end. */
void gradient_cumsum(struct backward *b)
{
    const struct node *node = gradient_node(b);
    bool back = node_int(node, "reverse", 0) != 0;
    gradient_give(b, 0,
                  formula_op(&b->f, node->op,
                             SETTINGS(SET_INT("reverse", !back), SET_INT("exclusive", node_int(node, "exclusive", 0))),
                             FROM(gradient_dy(b, 0), gradient_x(b, 1))));
}

/* Only what takes the nearest element moves elements. */
void gradient_resize(struct backward *b)
{
    if (strcmp(node_text(gradient_node(b), "mode", "nearest"), "nearest") == 0) gradient_moved(b);
    else gradient_refuse(b, "interpolation");
}

/* What is replaced is moved; what is added to is not. */
void gradient_scatter(struct backward *b)
{
    if (strcmp(node_text(gradient_node(b), "reduction", "none"), "none") == 0) gradient_moved(b);
    else gradient_refuse(b, "a scattering with a reduction");
}

/* ---- softmax ---- */

/* The axes that sum up to 1: one, or before opset 13 all from it on. */
static int64_t softmax_axes(const struct backward *b, int rank, int64_t *axes)
{
    bool flattens = gradient_node(b)->opset < 13;
    int64_t axis = node_int(gradient_node(b), "axis", flattens ? 1 : -1), count = 0;
    if (axis < 0) axis += rank;
    for (int64_t i = axis; i < (flattens ? rank : axis + 1); i++) axes[count++] = i;
    return count;
}

/* dx = y * (dy - sum(dy * y)) */
void gradient_softmax(struct backward *b)
{
    struct array *y = gradient_y(b, 0), *dy = gradient_dy(b, 0);
    int64_t axes[ARRAY_MAX_RANK], count = softmax_axes(b, y->rank, axes);
    struct array *sum = formula_sum(&b->f, formula_mul(&b->f, dy, y), axes, count, true);
    gradient_give(b, 0, formula_mul(&b->f, y, formula_sub(&b->f, dy, sum)));
}

/* dx = dy - exp(y) * sum(dy) */
static struct array *through_log_softmax(struct formula *f, struct array *y, struct array *dy, const int64_t *axes,
                                         int64_t count)
{
    struct array *sum = formula_sum(f, dy, axes, count, true);
    return formula_sub(f, dy, formula_mul(f, formula_op(f, "Exp", NULL, FROM(y)), sum));
}

void gradient_log_softmax(struct backward *b)
{
    struct array *y = gradient_y(b, 0);
    int64_t axes[ARRAY_MAX_RANK], count = softmax_axes(b, y->rank, axes);
    gradient_give(b, 0, through_log_softmax(&b->f, y, gradient_dy(b, 0), axes, count));
}

/* ---- losses: by the scores; the weights of classes are refused ---- */

/* What each target weighs, by its place among them: 0 where it is ignored. The sum of all. */
static double read_weights(const struct backward *b, double *weights)
{
    const struct array *targets = gradient_x(b, 1), *classes = gradient_x(b, 2);
    bool ignores = node_attribute(gradient_node(b), "ignore_index") != NULL;
    int64_t ignored = node_int(gradient_node(b), "ignore_index", 0);
    double sum = 0;
    for (int64_t i = 0; i < targets->count; i++) {
        int64_t c = targets->i64[i];
        weights[i] = ignores && c == ignored ? 0 : classes ? element_real(classes, c) : 1;
        sum += weights[i];
    }
    return sum;
}

/* The gradient of the log-probabilities: minus the weight at each target. */
static struct array *loss_by_logs(struct backward *b)
{
    const struct array *scores = gradient_x(b, 0), *targets = gradient_x(b, 1), *dy = gradient_dy(b, 0);
    const char *reduction = node_text(gradient_node(b), "reduction", "mean");
    struct array *logs = gradient_zeros(b, scores);
    if (!dy) return logs;
    double *weights = NEW_ARRAY(b->f.call->scratch, double, (size_t)targets->count), sum = read_weights(b, weights);
    double share = strcmp(reduction, "mean") == 0 ? sum : 1;
    int64_t inner = dims_product(scores->dims, 2, scores->rank), classes = scores->dims[1];
    for (int64_t i = 0; i < targets->count; i++) {
        int64_t at = (i / inner * classes + targets->i64[i]) * inner + i % inner;
        double each = element_real(dy, dy->count == targets->count ? i : 0);
        if (weights[i] != 0) element_put(logs, at, -weights[i] / share * each);
    }
    return logs;
}

void gradient_nll_loss(struct backward *b)
{
    gradient_give(b, 0, loss_by_logs(b));
}

/* Output 1 is the log-softmax of the scores, which may have readers of its own. */
void gradient_cross_entropy(struct backward *b)
{
    struct array *y = formula_op(&b->f, "LogSoftmax", SETTINGS(SET_INT("axis", 1)), FROM(gradient_x(b, 0)));
    struct array *logs = loss_by_logs(b);
    if (gradient_dy(b, 1)) logs = formula_add(&b->f, logs, gradient_dy(b, 1));
    gradient_give(b, 0, through_log_softmax(&b->f, y, logs, &(int64_t){ 1 }, 1));
}
