/* SPDX-License-Identifier: Apache-2.0
 *
 * Det, and Inverse of com.microsoft: of each matrix in the last two dimensions, by elimination with the greatest pivot, in
 * double. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/kernel.h"
#include "runtime/ops/operators.h"

#include <math.h>

/* Swaps the row with the greatest element of `column`, from the diagonal down, to the diagonal; that element, with the
 * sign that the swap gives the determinant. Rows are `width` wide. */
static double take_pivot(double *m, int64_t n, int64_t width, int64_t column)
{
    int64_t best = column;
    for (int64_t r = column + 1; r < n; r++)
        if (fabs(m[r * width + column]) > fabs(m[best * width + column])) best = r;
    for (int64_t c = 0; best != column && c < width; c++) {
        double old = m[column * width + c];
        m[column * width + c] = m[best * width + c];
        m[best * width + c] = old;
    }
    return best == column ? m[column * width + column] : -m[column * width + column];
}

static double determinant(double *m, int64_t n)
{
    double product = 1;
    for (int64_t k = 0; k < n && product != 0; k++) {
        product *= take_pivot(m, n, n, k);
        for (int64_t r = k + 1; product != 0 && r < n; r++) {
            double factor = m[r * n + k] / m[k * n + k];
            for (int64_t c = k + 1; c < n; c++) m[r * n + c] -= factor * m[k * n + c];
        }
    }
    return product;
}

static bool det(struct call *call)
{
    const struct array *x = call_input(call, 0);
    if (!x || !is_real(x) || x->rank < 2 || x->dims[x->rank - 1] != x->dims[x->rank - 2])
        return call_fail(call, "needs square matrices");
    int64_t n = x->dims[x->rank - 1];
    struct array *y = call_output(call, 0, x->type, x->rank - 2, x->dims);
    double *m = NEW_ARRAY(call->scratch, double, (size_t)(x->count ? n * n : 0));
    if (x->count) CALL_WORK(call, y->count, n, n, n);
    for (int64_t i = 0; i < y->count; i++) {
        for (int64_t k = 0; x->count && k < n * n; k++) m[k] = element_real(x, i * n * n + k);
        element_put(y, i, determinant(m, x->count ? n : 0));
    }
    return true;
}

/* Of m in the left half of rows that are twice as wide; it ends in the right half. False where there is none. */
static bool invert(double *m, int64_t n)
{
    int64_t width = 2 * n;
    for (int64_t k = 0; k < n; k++) {
        if (take_pivot(m, n, width, k) == 0) return false;
        double pivot = m[k * width + k];
        for (int64_t c = k; c < width; c++) m[k * width + c] /= pivot;
        for (int64_t r = 0; r < n; r++) {
            double factor = m[r * width + k];
            for (int64_t c = k; r != k && c < width; c++) m[r * width + c] -= factor * m[k * width + c];
        }
    }
    return true;
}

static bool inverse(struct call *call)
{
    const struct array *x = call_input(call, 0);
    if (!x || !is_real(x) || x->rank < 2 || x->dims[x->rank - 1] != x->dims[x->rank - 2])
        return call_fail(call, "needs square matrices");
    struct array *y = call_output(call, 0, x->type, x->rank, x->dims);
    int64_t n = x->dims[x->rank - 1], width = 2 * n;
    if (x->count == 0) return true;
    CALL_WORK(call, x->count, n, 2);
    double *m = arena_array(call->scratch, (size_t)n, 2 * (size_t)n * sizeof *m);
    for (int64_t at = 0; at < x->count; at += n * n) {
        for (int64_t i = 0; i < n * width; i++) {
            int64_t r = i / width, c = i % width;
            m[i] = c < n ? element_real(x, at + r * n + c) : c - n == r;
        }
        if (!invert(m, n)) return call_fail(call, "has a matrix without an inverse");
        for (int64_t i = 0; i < n * n; i++) element_put(y, at + i, m[i / n * width + n + i % n]);
    }
    return true;
}

/* ---- shapes ---- */

static bool shape_determinant(struct shaping *s)
{
    int rank = input_rank(s, 0);
    if (rank < 0) return set_type(s, 0, rule_type(s));
    return rank >= 2 && set_output(s, 0, rule_type(s), rank - 2, input_dims(s, 0));
}

const struct operator_row determinant_operators[] = {
    { "Det", 11, LATEST, .run = det, .shape = shape_determinant, .schemas = SCHEMAS({ 11, LATEST, "T > T", "" }) },
    { "com.microsoft:Inverse", 1, LATEST, .run = inverse, .shape = shape_same,
      .schemas = SCHEMAS({ 1, LATEST, "T > T", "" }) },
    { 0 },
};
