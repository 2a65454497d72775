/* SPDX-License-Identifier: Apache-2.0
 *
 * Det: the determinant of each matrix in the last two dimensions, by elimination with the greatest pivot, in double. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/kernel.h"
#include "runtime/ops/operators.h"

#include <math.h>

/* Swaps the row with the greatest element of `column`, from the diagonal down, to the diagonal; that element, with the
 * sign that the swap gives the determinant. */
static double take_pivot(double *m, int64_t n, int64_t column)
{
    int64_t best = column;
    for (int64_t r = column + 1; r < n; r++)
        if (fabs(m[r * n + column]) > fabs(m[best * n + column])) best = r;
    for (int64_t c = 0; best != column && c < n; c++) {
        double old = m[column * n + c];
        m[column * n + c] = m[best * n + c];
        m[best * n + c] = old;
    }
    return best == column ? m[column * n + column] : -m[column * n + column];
}

static double determinant(double *m, int64_t n)
{
    double product = 1;
    for (int64_t k = 0; k < n && product != 0; k++) {
        product *= take_pivot(m, n, k);
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

/* ---- shapes ---- */

static bool shape_determinant(struct shaping *s)
{
    int rank = input_rank(s, 0);
    if (rank < 0) return set_type(s, 0, rule_type(s));
    return rank >= 2 && set_output(s, 0, rule_type(s), rank - 2, input_dims(s, 0));
}

const struct operator_row determinant_operators[] = {
    { "Det", 11, LATEST, .run = det, .shape = shape_determinant, .schemas = SCHEMAS({ 11, LATEST, "T > T", "" }) },
    { 0 },
};
