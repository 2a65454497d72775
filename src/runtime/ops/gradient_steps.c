/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients of operators that are written out as steps of others here: CumProd, the pools of p-norms; of a determinant
 * by its cofactors; and of DFT, which is linear, by its transpose. */
#include "runtime/gradient.h"
#include "runtime/math/matrix.h"

/* ---- CumProd ---- */

static struct array *slab(struct formula *f, struct array *x, int axis, int64_t at)
{
    return formula_slice(f, x, axis, at, at + 1);
}

/* A product more at each step; nothing is divided by, for an element may be zero. */
static bool multiply_by_steps(struct call *call)
{
    struct formula f;
    struct array *x = call_input(call, 0), *axis_input = call_input(call, 1), *product = NULL;
    bool exclusive = node_int(call->node, "exclusive", 0) != 0, backward = node_int(call->node, "reverse", 0) != 0;
    int axis = 0;
    if (!call_axis(call, axis_input->i64[0], x->rank, &axis)) return false;
    formula_open(&f, call);
    int64_t count = x->dims[axis];
    struct array **made = NEW_ARRAY(call->scratch, struct array *, (size_t)count);
    for (int64_t i = 0; i < count && !f.failed; i++) {
        int64_t at = backward ? count - 1 - i : i;
        struct array *next = slab(&f, x, axis, at);
        if (exclusive) made[at] = product ? product : formula_shifted(&f, formula_scaled(&f, next, 0), 1);
        product = product ? formula_mul(&f, product, next) : next;
        if (!exclusive) made[at] = product;
    }
    if (count > 0) formula_give(&f, 0, formula_concat(&f, made, (size_t)count, axis));
    return formula_close(&f);
}

void gradient_cumprod(struct backward *b)
{
    gradient_through(b, multiply_by_steps);
}

/* ---- p-norms of windows ---- */

static double order_of_norm(const struct call *call)
{
    return (double)node_int(call->node, "p", 2);
}

/* The sums of a window are a convolution by ones, each channel by itself. */
static bool norms_by_steps(struct call *call)
{
    struct formula f;
    const int64_t *kernel;
    struct array *x = call_input(call, 0);
    int rank = x->rank;
    int64_t dims[ARRAY_MAX_RANK], ones[ARRAY_MAX_RANK] = { 1, 1 };
    size_t count = node_ints(call->node, "kernel_shape", &kernel);
    formula_open(&f, call);
    for (int i = 2; i < rank; i++) {
        dims[i] = x->dims[i];
        ones[i] = (size_t)(i - 2) < count ? kernel[i - 2] : 1;
    }
    dims[0] = x->dims[0] * x->dims[1];
    dims[1] = 1;
    struct array *powers = formula_power(&f, formula_absolute(&f, x), order_of_norm(call));
    struct array *weights = formula_expanded(&f, formula_number(&f, x->type, 1), rank, ones);
    struct array *sums = formula_own(&f, "Conv", FROM(formula_reshaped(&f, powers, rank, dims), weights));
    if (sums) {
        dims[0] = x->dims[0];
        dims[1] = x->dims[1];
        for (int i = 2; i < rank; i++) dims[i] = sums->dims[i];
        formula_give(&f, 0, formula_reshaped(&f, formula_power(&f, sums, 1 / order_of_norm(call)), rank, dims));
    }
    return formula_close(&f);
}

void gradient_lp_pool(struct backward *b)
{
    if (node_int(gradient_node(b), "ceil_mode", 0)) gradient_refuse(b, "ceil_mode");
    else gradient_through(b, norms_by_steps);
}

static bool norm_by_steps(struct call *call)
{
    struct formula f;
    struct array *x = call_input(call, 0);
    int64_t axes[ARRAY_MAX_RANK];
    formula_open(&f, call);
    for (int i = 2; i < x->rank; i++) axes[i - 2] = i;
    struct array *powers = formula_power(&f, formula_absolute(&f, x), order_of_norm(call));
    formula_give(&f, 0, formula_power(&f, formula_sum(&f, powers, axes, x->rank - 2, true), 1 / order_of_norm(call)));
    return formula_close(&f);
}

void gradient_global_lp_pool(struct backward *b)
{
    gradient_through(b, norm_by_steps);
}

/* ---- Det ---- */

/* What is left of a matrix [n, n] without a row and a column. */
static void read_minor(const struct array *x, int64_t first, int64_t n, int64_t row, int64_t column, double *minor)
{
    for (int64_t i = 0, at = 0; i < n * n; i++)
        if (i / n != row && i % n != column)
            minor[at++] = x->store == STORE_F32 ? (double)x->f32[first + i] : x->f64[first + i];
}

/* The determinant grows with an element as its cofactor says, whether the matrix has an inverse or not. */
void gradient_det(struct backward *b)
{
    struct call *call = b->f.call;
    struct array *x = gradient_x(b, 0), *dy = gradient_dy(b, 0);
    struct array *cofactors = formula_hold(&b->f, array_new(call->pool, x->type, x->store, x->rank, x->dims));
    int64_t n = x->dims[x->rank - 1], dims[ARRAY_MAX_RANK];
    if (x->count) CALL_WORK(call, x->count, n, n, n);
    double *minor = arena_array(call->scratch, (size_t)n, (size_t)n * sizeof *minor);
    for (int64_t i = 0; i < x->count; i++) {
        int64_t row = i / n % n, column = i % n;
        read_minor(x, i - i % (n * n), n, row, column, minor);
        double cofactor = matrix_determinant(minor, n - 1) * ((row + column) % 2 ? -1 : 1);
        if (x->store == STORE_F32) cofactors->f32[i] = (float)cofactor;
        else cofactors->f64[i] = cofactor;
    }
    for (int i = 0; i < x->rank; i++) dims[i] = i < x->rank - 2 ? x->dims[i] : 1;
    gradient_give(b, 0, formula_mul(&b->f, cofactors, formula_reshaped(&b->f, dy, x->rank, dims)));
}

/* ---- DFT ---- */

/* The first `length` along an axis, zeros after the end. */
static struct array *cut_or_padded(struct formula *f, struct array *x, int axis, int64_t length)
{
    int64_t dims[ARRAY_MAX_RANK];
    if (!x || x->dims[axis] == length) return x;
    if (x->dims[axis] > length) return formula_slice(f, x, axis, 0, length);
    for (int i = 0; i < x->rank; i++) dims[i] = i == axis ? length - x->dims[i] : x->dims[i];
    return formula_concat(f, FROM(x, formula_expanded(f, formula_number(f, x->type, 0), x->rank, dims)), axis);
}

static struct array *whole_number(struct formula *f, int64_t value)
{
    struct array *number = formula_hold(f, array_new(f->call->pool, DTYPE_INT64, STORE_I64, 0, NULL));
    number->i64[0] = value;
    return number;
}

/* The transpose of the transform is, but for a factor, the one back. Of half a spectrum, the rest was not looked at; of
 * real signals, imaginary parts were none. */
void gradient_dft(struct backward *b)
{
    struct formula *f = &b->f;
    const struct node *node = gradient_node(b);
    struct array *x = gradient_x(b, 0), *length_input = gradient_x(b, 1), *axis_input = gradient_x(b, 2);
    bool inverse = node_int(node, "inverse", 0) != 0;
    int axis = 0, parts = x->rank - 1;
    int64_t wanted = schema_knows(node, "axis") ? node_int(node, "axis", 1) : axis_input ? axis_input->i64[0] : -2;
    if (!call_axis(f->call, wanted, x->rank, &axis)) {
        f->failed = true;
        return;
    }
    int64_t length = length_input ? length_input->i64[0] : x->dims[axis];
    if (inverse && node_int(node, "onesided", 0)) {
        gradient_refuse(b, "a one-sided inverse");
        return;
    }
    struct array *dy = cut_or_padded(f, gradient_dy(b, 0), axis, length);
    struct array *dx =
        formula_op(f, node->op, SETTINGS(SET_INT("inverse", !inverse)), FROM(dy, NULL, whole_number(f, axis)));
    dx = formula_scaled(f, dx, inverse ? 1 / (double)length : (double)length);
    if (x->dims[parts] == 1) dx = dx ? formula_slice(f, dx, parts, 0, 1) : NULL;
    gradient_give(b, 0, cut_or_padded(f, dx, axis, x->dims[axis]));
}
