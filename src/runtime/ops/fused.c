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

/* The dims of a factor once it is turned as the attributes say. */
static void turn_dims(const struct shaping *s, size_t slot, const char *batch, const char *last, struct dim *dims)
{
    const int rank = input_rank(s, slot);
    const bool by_batch = rank >= 3 && node_int(s->node, batch, 0);
    for (int i = 0; i < rank; i++) dims[i] = input_dim(s, slot, by_batch && i < rank - 2 ? i + 1 : i);
    if (by_batch) dims[rank - 2] = input_dim(s, slot, 0);
    if (rank < 2 || !node_int(s->node, last, 0)) return;
    const struct dim rows = dims[rank - 2];
    dims[rank - 2] = dims[rank - 1];
    dims[rank - 1] = rows;
}

static bool shape_fused_matmul(struct shaping *s)
{
    struct dim left[SHAPE_MAX_RANK], right[SHAPE_MAX_RANK];
    const int a = input_rank(s, 0), b = input_rank(s, 1);
    if (a < 0 || b < 0) return set_type(s, 0, common_type(s, 2));
    turn_dims(s, 0, "transBatchA", "transA", left);
    turn_dims(s, 1, "transBatchB", "transB", right);
    return shape_matmul_dims(s, a, left, b, right, common_type(s, 2));
}

const struct operator_row fused_operators[] = {
    { "com.microsoft:FusedConv", 1, LATEST, .gradient = gradient_formula, .run = fused_conv, .shape = shape_conv,
      .hides = true,
      .need = &(const struct weight_need){ .rank = -1, .axis = 1, .weight_axis = 1, .times_group = true },
      .schemas = SCHEMAS({ 1, LATEST, "Tf T[m.] ?T[m] ?T > T",
                           "activation:s activation_params:F " AUTO_PAD "dilations:N group:n kernel_shape:N pads:P "
                           "strides:N" }) },
    { "com.microsoft:FusedGemm", 1, LATEST, .gradient = gradient_formula, .run = fused_gemm, .shape = shape_gemm,
      .hides = true, .need = &(const struct weight_need){ .rank = 2, .axis = 1, .transposed = "transB" },
      .schemas = SCHEMAS({ 1, LATEST, "Tl T ?T > T",
                           "activation:s activation_alpha:f activation_beta:f activation_gamma:f alpha:f beta:f "
                           "transA:i transB:i" }) },
    { "com.microsoft:FusedMatMul", 1, LATEST, .gradient = gradient_formula, .run = fused_matmul,
      .shape = shape_fused_matmul,
      .schemas = SCHEMAS({ 1, LATEST, "Tfh T > T", "alpha:f transA:i transB:i transBatchA:i transBatchB:i" }) },
    { "com.microsoft:FusedMatMulActivation", 1, LATEST, .gradient = gradient_formula, .run = fused_matmul,
      .shape = shape_fused_matmul, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Tfh T > T",
                           "activation!s activation_alpha:f activation_axis:i activation_beta:f activation_gamma:f "
                           "alpha:f transA:i transB:i transBatchA:i transBatchB:i" }) },
    { "com.microsoft:TransposeMatMul", 1, LATEST, .gradient = gradient_formula, .run = fused_matmul,
      .shape = shape_fused_matmul,
      .schemas = SCHEMAS({ 1, LATEST, "Tfh T > T", "alpha:f transA:i transB:i transBatchA:i transBatchB:i" }) },
    { 0 },
};
