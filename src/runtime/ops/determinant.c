/* SPDX-License-Identifier: Apache-2.0
 *
 * Det, and Inverse of com.microsoft: of each matrix in the last two dimensions, in double. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/kernel.h"
#include "runtime/math/matrix.h"
#include "runtime/ops/operators.h"

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
        element_put(y, i, matrix_determinant(m, x->count ? n : 0));
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
        if (!matrix_invert(m, n)) return call_fail(call, "has a matrix without an inverse");
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
    { "Det", 11, LATEST, .gradient = gradient_det, .run = det, .shape = shape_determinant,
      .schemas = SCHEMAS({ 11, LATEST, "Tf22h[.nn] > T", "" }) },
    { "com.microsoft:Inverse", 1, LATEST, .run = inverse, .shape = shape_same,
      .schemas = SCHEMAS({ 1, LATEST, "Tf[.nn] > T", "" }) },
    { 0 },
};
