/* SPDX-License-Identifier: Apache-2.0
 *
 * Products that ONNX Runtime fuses others into: each is computed as the formula of what it was fused from
 * (runtime/formula.h). */
#include "onnx/shape/rules.h"
#include "onnx/shape/slide.h"
#include "runtime/gradient.h"
#include "runtime/ops/activation.h"
#include "runtime/ops/operators.h"

#include <string.h>

/* ---- products ---- */

/* activation(Conv(X, W, B) + Z) */
static bool fused_conv(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *y =
        formula_own(&f, formula_base(&f, "Fused"), FROM(call_input(call, 0), call_input(call, 1), call_input(call, 2)));
    if (call_input(call, 3)) y = formula_add(&f, y, call_input(call, 3));
    formula_give(&f, 0, activation_apply(&f, y));
    return formula_close(&f);
}

static bool fused_gemm(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *y =
        formula_own(&f, formula_base(&f, "Fused"), FROM(call_input(call, 0), call_input(call, 1), call_input(call, 2)));
    formula_give(&f, 0, activation_apply(&f, y));
    return formula_close(&f);
}

/* The first axis stands before the last: a stack of matrices from [rows, batch..., columns]. */
static struct array *batch_turned(struct formula *f, struct array *a)
{
    int64_t order[ARRAY_MAX_RANK];
    if (!a || a->rank < 3) return a;
    for (int i = 0; i < a->rank; i++) order[i] = i + 1;
    order[a->rank - 2] = 0;
    order[a->rank - 1] = a->rank - 1;
    return formula_transposed(f, a, order);
}

static struct array *factor(struct formula *f, size_t slot, const char *batch, const char *last)
{
    struct array *a = call_input(f->call, slot);
    if (node_int(f->call->node, batch, 0)) a = batch_turned(f, a);
    return node_int(f->call->node, last, 0) ? formula_turned(f, a) : a;
}

/* alpha * A' B' */
static bool fused_matmul(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    float alpha = node_float(call->node, "alpha", 1);
    struct array *a = factor(&f, 0, "transBatchA", "transA"), *b = factor(&f, 1, "transBatchB", "transB");
    struct array *y = formula_matmul(&f, a, b);
    formula_give(&f, 0, activation_apply(&f, alpha == 1 ? y : formula_scaled(&f, y, (double)alpha)));
    return formula_close(&f);
}

/* ---- shapes ---- */

/* As for matrices stacked in the usual way, where no batch is turned. */
static bool shape_fused_matmul(struct shaping *s)
{
    bool turned = node_int(s->node, "transA", 0) || node_int(s->node, "transB", 0)
                  || node_int(s->node, "transBatchA", 0) || node_int(s->node, "transBatchB", 0);
    if (!turned) return shape_matmul(s);
    int a = input_rank(s, 0), b = input_rank(s, 1);
    if (a < 2 || b < 2) return set_type(s, 0, common_type(s, 2));
    return set_rank(s, 0, common_type(s, 2), a > b ? a : b);
}

const struct operator_row fused_operators[] = {
    { "com.microsoft:FusedConv", 1, LATEST, .gradient = gradient_formula, .run = fused_conv, .shape = shape_conv,
      .hides = true,
      .need = &(const struct weight_need){ .rank = -1, .axis = 1, .weight_axis = 1, .times_group = true },
      .schemas = SCHEMAS({ 1, LATEST, "T T ?T ?T > T",
                           "activation:s activation_params:F " AUTO_PAD "dilations:I group:i kernel_shape:I pads:I "
                           "strides:I" }) },
    { "com.microsoft:FusedGemm", 1, LATEST, .gradient = gradient_formula, .run = fused_gemm, .shape = shape_gemm,
      .hides = true, .need = &(const struct weight_need){ .rank = 2, .axis = 1, .transposed = "transB" },
      .schemas = SCHEMAS({ 1, LATEST, "T T ?T > T",
                           "activation:s activation_alpha:f activation_beta:f activation_gamma:f alpha:f beta:f "
                           "transA:i transB:i" }) },
    { "com.microsoft:FusedMatMul", 1, LATEST, .gradient = gradient_formula, .run = fused_matmul,
      .shape = shape_fused_matmul,
      .schemas = SCHEMAS({ 1, LATEST, "T T > T", "alpha:f transA:i transB:i transBatchA:i transBatchB:i" }) },
    { "com.microsoft:FusedMatMulActivation", 1, LATEST, .gradient = gradient_formula, .run = fused_matmul,
      .shape = shape_fused_matmul, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "T T > T",
                           "activation!s activation_alpha:f activation_axis:i activation_beta:f activation_gamma:f "
                           "alpha:f transA:i transB:i transBatchA:i transBatchB:i" }) },
    { "com.microsoft:TransposeMatMul", 1, LATEST, .gradient = gradient_formula, .run = fused_matmul,
      .shape = shape_fused_matmul,
      .schemas = SCHEMAS({ 1, LATEST, "T T > T", "alpha:f transA:i transB:i transBatchA:i transBatchB:i" }) },
    { 0 },
};
