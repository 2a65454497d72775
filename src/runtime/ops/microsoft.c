/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators of com.microsoft that no family of ai.onnx has: formulas (runtime/formula.h). */
#include "onnx/shape/rules.h"
#include "runtime/gradient.h"
#include "runtime/ops/operators.h"

#include <string.h>

/* Of each row of A from each of B. */
static bool distances(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *a = call_input(call, 0), *b = call_input(call, 1);
    const char *metric = node_text(call->node, "metric", "sqeuclidean");
    bool rooted = strcmp(metric, "euclidean") == 0;
    if (!a || !b || a->rank != 2 || b->rank != 2) formula_fail(&f, "needs two matrices");
    else if (!rooted && strcmp(metric, "sqeuclidean") != 0) formula_fail(&f, "has an unknown metric");
    if (f.failed) return formula_close(&f);
    a = formula_reshaped(&f, a, 3, (int64_t[]){ a->dims[0], 1, a->dims[1] });
    struct array *d = formula_sub(&f, a, b);
    struct array *sums = formula_sum(&f, formula_mul(&f, d, d), (int64_t[]){ 2 }, 1, false);
    formula_give(&f, 0, rooted ? formula_root(&f, sums) : sums);
    return formula_close(&f);
}

/* ---- what diffusion models are made of ---- */

/* x + bias + skip */
static bool bias_add(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *sum = formula_add(&f, call_input(call, 0), call_input(call, 1));
    formula_give(&f, 0, formula_add(&f, sum, call_input(call, 2)));
    return formula_close(&f);
}

/* ---- shapes ---- */

static bool shape_distances(struct shaping *s)
{
    struct dim dims[] = { input_rank(s, 0) == 2 ? input_dim(s, 0, 0) : fresh_dim(s),
                          input_rank(s, 1) == 2 ? input_dim(s, 1, 0) : fresh_dim(s) };
    return set_output(s, 0, rule_type(s), 2, dims);
}

const struct operator_row microsoft_operators[] = {
    { "com.microsoft:BiasAdd", 1, LATEST, .gradient = gradient_formula, .run = bias_add, .shape = shape_same,
      .schemas = SCHEMAS({ 1, LATEST, "Trt[__c] T[c] T[__c] > T", "" }) },
    { "com.microsoft:CDist", 1, LATEST, .gradient = gradient_formula, .run = distances, .shape = shape_distances,
      .hides = true, .schemas = SCHEMAS({ 1, LATEST, "Trg[_k] T[_k] > T", "metric:s" }) },
    { 0 },
};
