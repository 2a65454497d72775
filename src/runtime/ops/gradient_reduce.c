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

/* The product of the others: of those before, times those behind, with what is reduced side by side at the end. */
void gradient_reduce_prod(struct backward *b)
{
    struct reduced r;
    struct formula *f = &b->f;
    int64_t order[ARRAY_MAX_RANK], back[ARRAY_MAX_RANK], dims[ARRAY_MAX_RANK], rest = 0, outer = 1;
    if (!read_reduced(b, &r)) return;
    for (int i = 0; i < r.x->rank; i++) {
        bool reduces = false;
        for (int64_t k = 0; k < r.axis_count; k++) reduces = reduces || r.axes[k] == i;
        if (!reduces) order[rest++] = i;
        if (!reduces) outer *= r.x->dims[i];
    }
    for (int64_t k = 0; k < r.axis_count; k++) order[rest + k] = r.axes[k];
    for (int i = 0; i < r.x->rank; i++) {
        back[order[i]] = i;
        dims[i] = r.x->dims[order[i]];
    }
    struct array *rows = formula_transposed(f, r.x, order), *last = formula_number(f, DTYPE_INT64, 1);
    rows = formula_reshaped(f, rows, 2, (int64_t[]){ outer, (int64_t)r.count });
    struct array *before = formula_op(f, "CumProd", SETTINGS(SET_INT("exclusive", 1)), FROM(rows, last));
    struct array *behind =
        formula_op(f, "CumProd", SETTINGS(SET_INT("exclusive", 1), SET_INT("reverse", 1)), FROM(rows, last));
    struct array *others = formula_reshaped(f, formula_mul(f, before, behind), r.x->rank, dims);
    gradient_give(b, 0, formula_mul(f, formula_transposed(f, others, back), r.dy));
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

/* To where each was taken from, which is found once more, for nobody may have asked. */
void gradient_top_k(struct backward *b)
{
    struct formula *f = &b->f;
    const struct node *node = gradient_node(b);
    struct array *x = gradient_x(b, 0), *y = gradient_y(b, 0), *found[2];
    int64_t axis = node_int(node, "axis", -1);
    int64_t taken = y->dims[axis < 0 ? axis + y->rank : axis];
    struct array *count = formula_reshaped(f, formula_number(f, DTYPE_INT64, (double)taken), 1, (int64_t[]){ 1 });
    formula_ops(f, node->op,
                SETTINGS(SET_INT("axis", axis), SET_INT("largest", node_int(node, "largest", 1)),
                         SET_INT("sorted", node_int(node, "sorted", 1))),
                FROM(x, count), found, 2);
    gradient_give(b, 0, formula_scattered(f, gradient_zeros(b, x), found[1], gradient_dy(b, 0), axis));
}

/* ---- interpolation ---- */

/* How one axis is resized, [out, in]: from inputs that are one at a place of the axis and zero at the others. All other
 * axes see a constant, which their weights, that sum up to 1, leave as it is. */
static struct array *resizing(struct backward *b, int axis)
{
    const struct array *x = gradient_x(b, 0), *y = gradient_y(b, 0);
    struct call *call = b->f.call;
    int64_t in = x->dims[axis], out = y->dims[axis], inner = dims_product(x->dims, axis + 1, x->rank);
    int64_t step = dims_product(y->dims, axis + 1, y->rank);
    struct array *weights = array_new(call->pool, x->type, x->store, 2, (int64_t[]){ out, in });
    formula_hold(&b->f, weights);
    CALL_WORK(call, in, x->count, WORK_ELEMENT);
    for (int64_t place = 0; place < in && !b->f.failed; place++) {
        struct array *one = gradient_zeros(b, x), *seen = NULL;
        struct array **inputs = NEW_ARRAY(call->scratch, struct array *, call->input_count);
        for (size_t i = 0; i < call->input_count; i++) inputs[i] = gradient_x(b, i);
        for (int64_t i = 0; i < x->count; i++) element_put(one, i, i / inner % in == place);
        inputs[0] = one;
        if (formula_repeat(&b->f, inputs, call->input_count, &seen))
            for (int64_t i = 0; i < out; i++) element_put(weights, i * in + place, element_real(seen, i * step));
    }
    return weights;
}

/* Interpolation is linear in the elements, and goes axis by axis. */
static void resize_back(struct backward *b)
{
    const struct array *x = gradient_x(b, 0), *y = gradient_y(b, 0);
    struct array *d = gradient_dy(b, 0);
    int64_t order[ARRAY_MAX_RANK];
    for (int axis = 0; axis < x->rank && !b->f.failed; axis++) {
        if (x->dims[axis] == y->dims[axis]) continue;
        for (int i = 0; i < x->rank; i++) order[i] = i;
        order[axis] = x->rank - 1;
        order[x->rank - 1] = axis;
        struct array *rows = formula_transposed(&b->f, d, order);
        d = formula_transposed(&b->f, formula_matmul(&b->f, rows, resizing(b, axis)), order);
    }
    gradient_give(b, 0, d);
}

void gradient_resize(struct backward *b)
{
    const struct node *node = gradient_node(b);
    if (strcmp(node_text(node, "mode", "nearest"), "nearest") == 0) gradient_moved(b);
    else if (strcmp(node_text(node, "coordinate_transformation_mode", ""), "tf_crop_and_resize") == 0)
        gradient_refuse(b, "a crop that is interpolated");
    else resize_back(b);
}

/* What is replaced is moved; what is added to stays, and what is added is found where it went. */
static void scatter(struct backward *b, const char *finding)
{
    const struct node *node = gradient_node(b);
    const char *reduction = node_text(node, "reduction", "none");
    if (strcmp(reduction, "none") == 0) gradient_moved(b);
    else if (strcmp(reduction, "add") != 0) gradient_refuse(b, "a scattering with such a reduction");
    else {
        struct array *dy = gradient_dy(b, 0), *at = gradient_x(b, 1);
        gradient_give(b, 0, dy);
        gradient_give(b, 2,
                      formula_op(&b->f, finding, SETTINGS(SET_INT("axis", node_int(node, "axis", 0))), FROM(dy, at)));
    }
}

void gradient_scatter_elements(struct backward *b)
{
    scatter(b, "GatherElements");
}

void gradient_scatter_nd(struct backward *b)
{
    scatter(b, "GatherND");
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
