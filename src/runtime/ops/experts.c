/* SPDX-License-Identifier: Apache-2.0
 *
 * MoE and QMoE of com.microsoft: a layer of two products, of which there are several, the experts. Each row of the
 * input goes through the few that its router scores highest.
 *
 *   p = softmax(router)        y = sum over the k best experts e of  p_e * (act(x W1_e^T + b1_e) W2_e^T + b2_e)
 *
 * With a third product x W3^T + b3, the activation's result is multiplied by it. Weights of QMoE are of few bits. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/ops/activation.h"
#include "runtime/ops/operators.h"
#include "runtime/ops/packed.h"

#include <math.h>
#include <string.h>

/* The slots of a product's weight [experts, outputs, inputs], its scales and zero points, and its bias. */
struct layer_slots {
    size_t weight, scales, zeros, bias;
};

/* The three products, and whether the shares of a row's experts sum to 1 without being told to. */
struct kind_of_experts {
    struct layer_slots layers[3];
    bool normalizes;
};

static const struct kind_of_experts real_experts = {
    { { 2, NO_INPUT, NO_INPUT, 3 }, { 4, NO_INPUT, NO_INPUT, 5 }, { 6, NO_INPUT, NO_INPUT, 7 } }, false
};
/* ONNX Runtime's kernel always normalizes. */
static const struct kind_of_experts quantized_experts = { { { 2, 3, 11, 4 }, { 5, 6, 12, 7 }, { 8, 9, 13, 10 } },
                                                          true };

struct experts {
    const struct kind_of_experts *kind;
    struct array *x, *shares; /* [rows, features]; [rows, experts]: 0 for those that a row does not go through */
    int64_t rows, count;
};

/* ---- routing ---- */

/* shares: the k largest of softmax(router), which may be made to sum to 1. */
static void route(struct formula *f, struct experts *e)
{
    struct call *call = f->call;
    struct array *router = call_input(call, 1), *best[2];
    int64_t k = node_int(call->node, "k", 1);
    if (!router || router->rank != 2 || router->dims[0] != e->rows || k < 1 || k > router->dims[1]) {
        formula_fail(f, "needs scores [%lld, experts], of which it takes %lld", (long long)e->rows, (long long)k);
        return;
    }
    e->count = router->dims[1];
    struct array *shares = formula_softmax(f, router);
    struct array *most = formula_hold(f, array_new(call->pool, DTYPE_INT64, STORE_I64, 1, (int64_t[]){ 1 }));
    most->i64[0] = k;
    if (!formula_ops(f, "TopK", NULL, FROM(shares, most), best, 2)) return;
    if (node_int(call->node, "normalize_routing_weights", 0) || e->kind->normalizes)
        best[0] = formula_div(f, best[0], formula_sum(f, best[0], (int64_t[]){ 1 }, 1, true));
    struct array *none = formula_scaled(f, shares, 0);
    e->shares = formula_scattered(f, none, best[1], best[0], 1);
}

/* The rows that go through an expert, as [n, 1]; NULL when there are none. */
static struct array *rows_of(struct formula *f, const struct experts *e, int64_t expert)
{
    int64_t count = 0;
    if (f->failed) return NULL;
    for (int64_t i = 0; i < e->rows; i++) count += element_real(e->shares, i * e->count + expert) != 0;
    if (count == 0) return NULL;
    struct array *rows = array_new(f->call->pool, DTYPE_INT64, STORE_I64, 2, (int64_t[]){ count, 1 });
    for (int64_t i = 0, at = 0; i < e->rows; i++)
        if (element_real(e->shares, i * e->count + expert) != 0) rows->i64[at++] = i;
    return formula_hold(f, rows);
}

/* ---- an expert ---- */

static struct array *of_expert(struct formula *f, const struct experts *e, size_t slot, int64_t expert)
{
    struct array *all = call_input(f->call, slot);
    if (!all) return NULL;
    if (all->rank < 2 || all->dims[0] != e->count) return formula_fail(f, "has an input %zu of other experts", slot);
    struct array *one = formula_slice(f, all, 0, expert, expert + 1);
    return formula_reshaped(f, one, all->rank - 1, all->dims + 1);
}

/* [outputs, inputs] */
static struct array *weight_of(struct formula *f, const struct experts *e, const struct layer_slots *slots,
                               int64_t expert)
{
    struct array *w = of_expert(f, e, slots->weight, expert);
    if (!w || w->rank != 2) return formula_fail(f, "needs weights [experts, outputs, inputs]");
    if (slots->scales == NO_INPUT) return w;
    struct packed_table table = { .data = w,
                                  .scales = of_expert(f, e, slots->scales, expert),
                                  .zeros = of_expert(f, e, slots->zeros, expert),
                                  .bits = node_int(f->call->node, "expert_weight_bits", 4),
                                  .size = node_int(f->call->node, "block_size", 0) };
    return f->failed ? NULL : formula_cast(f, packed_unpack(f, &table, 1), e->x->type);
}

static struct array *layer(struct formula *f, const struct experts *e, int which, struct array *x, int64_t expert)
{
    const struct layer_slots *slots = &e->kind->layers[which];
    struct array *y = formula_matmul(f, x, formula_turned(f, weight_of(f, e, slots, expert)));
    struct array *bias = of_expert(f, e, slots->bias, expert);
    return bias ? formula_add(f, y, bias) : y;
}

/* Gate and linear part take turns, or stand one after the other. */
static struct array *half_of(struct formula *f, struct array *x, bool in_turns, int64_t which)
{
    int64_t width = x->dims[1] / 2, dims[] = { x->dims[0], width, 2 };
    if (!in_turns) return formula_slice(f, x, 1, which * width, (which + 1) * width);
    return formula_reshaped(f, formula_slice(f, formula_reshaped(f, x, 3, dims), 2, which, which + 1), 2, dims);
}

/* gate * sigmoid(alpha * gate) * (linear + beta) */
static struct array *swiglu(struct formula *f, struct array *gate, struct array *linear)
{
    const struct node *node = f->call->node;
    double limit = (double)node_float(node, "swiglu_limit", INFINITY);
    if (limit < INFINITY) {
        gate = formula_clipped(f, gate, -INFINITY, limit);
        linear = formula_clipped(f, linear, -limit, limit);
    }
    struct array *slope = formula_scaled(f, gate, (double)node_float(node, "activation_alpha", 1));
    struct array *y = formula_mul(f, gate, formula_op(f, "Sigmoid", NULL, FROM(slope)));
    return formula_mul(f, y, formula_shifted(f, linear, (double)node_float(node, "activation_beta", 0)));
}

static struct array *activated(struct formula *f, struct array *x)
{
    const char *name = node_text(f->call->node, "activation_type", "relu");
    const struct operator_row *row = activation_find(name);
    if (strcmp(name, "identity") == 0) return x;
    if (strcmp(name, "silu") == 0) return formula_swish(f, x, 1);
    if (strcmp(name, "gelu") == 0) return formula_op(f, "Gelu", SETTINGS(SET_TEXT("approximate", "tanh")), FROM(x));
    if (strcmp(name, "relu") == 0) return formula_op(f, row->name, NULL, FROM(x));
    return formula_fail(f, "has an unknown activation_type");
}

static struct array *expert_of(struct formula *f, const struct experts *e, struct array *x, int64_t expert)
{
    int64_t fusion = node_int(f->call->node, "swiglu_fusion", 0);
    bool gates = strcmp(node_text(f->call->node, "activation_type", "relu"), "swiglu") == 0;
    struct array *first = layer(f, e, 0, x, expert), *y;
    if (gates && fusion != 0 && first)
        y = swiglu(f, half_of(f, first, fusion == 1, 0), half_of(f, first, fusion == 1, 1));
    else if (gates) y = swiglu(f, first, layer(f, e, 2, x, expert));
    else y = activated(f, first);
    if (!gates && call_input(f->call, e->kind->layers[2].weight)) y = formula_mul(f, y, layer(f, e, 2, x, expert));
    return layer(f, e, 1, y, expert);
}

/* y with an expert's part added to the rows that go through it. */
static struct array *with_expert(struct formula *f, const struct experts *e, struct array *y, int64_t expert)
{
    struct array *rows = rows_of(f, e, expert);
    if (!rows) return y;
    struct array *list = formula_reshaped(f, rows, 1, rows->dims);
    struct array *x = formula_gather(f, e->x, list, 0);
    struct array *share = formula_gather(f, formula_slice(f, e->shares, 1, expert, expert + 1), list, 0);
    struct array *part = formula_mul(f, expert_of(f, e, x, expert), share);
    return formula_op(f, "ScatterND", SETTINGS(SET_TEXT("reduction", "add")), FROM(y, rows, part));
}

static bool mixture(struct call *call)
{
    struct formula f;
    struct array *x = call_input(call, 0);
    struct experts e = { .kind = call->row->data };
    if (!x || !is_real(x) || x->rank < 2) return call_fail(call, "needs rows of real numbers");
    int64_t width = x->dims[x->rank - 1], dims[] = { dims_product(x->dims, 0, x->rank - 1), width };
    formula_open(&f, call);
    if (node_int(call->node, "use_sparse_mixer", 0)) formula_refuse(&f, "use_sparse_mixer");
    if (call_input(call, 14)) formula_refuse(&f, "input router_weights");
    e.rows = dims[0];
    e.x = formula_reshaped(&f, x, 2, dims);
    if (!f.failed) route(&f, &e);
    struct array *y = formula_scaled(&f, e.x, 0);
    for (int64_t i = 0; i < e.count && !f.failed; i++) y = with_expert(&f, &e, y, i);
    formula_give(&f, 0, formula_reshaped(&f, y, x->rank, x->dims));
    return formula_close(&f);
}

const struct operator_row expert_operators[] = {
    { "com.microsoft:MoE", 1, LATEST, .gradient = gradient_formula, .run = mixture, .data = &real_experts,
      .shape = shape_same, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Trth T T ?T T ?T ?T ?T > T",
                           "activation_alpha:f activation_beta:f activation_type:s k:i normalize_routing_weights:i "
                           "swiglu_fusion:i swiglu_limit:f use_sparse_mixer:i" }) },
    { "com.microsoft:QMoE", 1, LATEST, .run = mixture, .data = &quantized_experts, .shape = shape_same, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Trth T Ueyv ?. ?T U ?. ?T ?U ?. ?T ?U ?U ?U ?T > T",
                           "activation_alpha:f activation_beta:f activation_type:s block_size:i expert_weight_bits:i "
                           "k:i normalize_routing_weights:i swiglu_fusion:i swiglu_limit:f use_sparse_mixer:i" }) },
    { 0 },
};
