/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention and MultiHeadAttention of com.microsoft, by ai.onnx's Attention: what differs is how queries, keys, values,
 * the past and the mask are laid out.
 *
 *   Attention            one product of the input makes queries, keys and values, side by side
 *   QAttention           likewise, of whole numbers
 *   MultiHeadAttention   gets them; or packed [batch, steps, heads, 3 or 2, size]; or keys and values by heads */
#include "runtime/ops/fused_attention.h"

#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/ops/operators.h"

#include <math.h>

#define MASKED (-10000.0f) /* is added to the score of a masked key, unless mask_filter_value says otherwise */

/* What both operators come to. q, k and v are [batch, steps, heads * size], or [batch, heads, steps, size]; the past is
 * [batch, heads, steps, size]. */
struct attending {
    struct array *q, *k, *v;
    struct array *past_key, *past_value;
    const struct array *mask; /* whole numbers, in one of four layouts; or NULL */
    struct array *bias;       /* real, [batch or 1, heads or 1, queries, keys]; or NULL */
    int64_t heads;
    int64_t batch, queries, keys; /* keys: the past's too */
};

static bool count_steps(struct formula *f, struct attending *a)
{
    if (f->failed) return false;
    if (!a->q || !a->k || !a->v || a->heads < 1) formula_fail(f, "needs queries, keys, values and num_heads");
    else if (a->q->rank < 3 || a->k->rank < 3) formula_fail(f, "needs queries and keys of 3 or 4 dimensions");
    if (f->failed) return false;
    a->batch = a->q->dims[0];
    a->queries = a->q->dims[a->q->rank - 2];
    a->keys = a->k->dims[a->k->rank - 2] + (a->past_key ? a->past_key->dims[2] : 0);
    return true;
}

/* ---- masks: what is added to the scores ---- */

/* Of the end of the keys in each batch element, and their beginning where the vector has twice as many elements. */
static bool hidden_by_ends(const struct attending *a, int64_t b, int64_t key)
{
    const struct array *mask = a->mask;
    if (key >= mask->i64[b]) return true;
    return mask->count == 2 * a->batch && key < mask->i64[a->batch + b];
}

/* [batch, keys], [batch, queries, keys] or [batch, 1, most, most], whose rows begin with those of the past. */
static bool hidden_by_zeros(const struct attending *a, int64_t b, int64_t query, int64_t key)
{
    const struct array *mask = a->mask;
    int64_t keys = mask->dims[mask->rank - 1];
    int64_t row = mask->rank == 2 ? b : b * mask->dims[mask->rank - 2] + query;
    if (mask->rank == 4) row += a->keys - a->queries;
    return mask->i64[row * keys + key] == 0;
}

static bool mask_fits(const struct attending *a)
{
    const struct array *mask = a->mask;
    if (!is_whole(mask) || mask->rank < 1 || mask->rank > 4) return false;
    if (mask->rank == 1) return mask->count == a->batch || mask->count == 2 * a->batch;
    if (mask->dims[0] != a->batch) return false;
    if (mask->rank == 4)
        return mask->dims[1] == 1 && mask->dims[2] >= a->keys && mask->dims[3] >= a->keys && a->keys >= a->queries;
    return mask->dims[mask->rank - 1] == a->keys && (mask->rank == 2 || mask->dims[1] == a->queries);
}

/* As [batch, 1, queries or 1, keys]. */
static struct array *bias_of_mask(struct formula *f, const struct attending *a, enum dtype type)
{
    double masked = (double)node_float(f->call->node, "mask_filter_value", MASKED);
    if (!mask_fits(a))
        return formula_fail(f, "has a mask that does not fit %lld batch elements of %lld queries and %lld keys",
                            (long long)a->batch, (long long)a->queries, (long long)a->keys);
    int64_t rows = a->mask->rank > 2 ? a->queries : 1, dims[] = { a->batch, 1, rows, a->keys };
    struct array *bias = array_new(f->call->pool, type, store_of(type, f->call->exact), 4, dims);
    for (int64_t i = 0; i < bias->count; i++) {
        int64_t key = i % a->keys, query = i / a->keys % rows, b = i / a->keys / rows;
        bool hidden = a->mask->rank == 1 ? hidden_by_ends(a, b, key) : hidden_by_zeros(a, b, query, key);
        element_put(bias, i, hidden ? masked : 0);
    }
    return formula_hold(f, array_settled(bias, f->call->exact));
}

/* ---- the product ---- */

/* y, and the keys and values with the past before them. */
static void attend(struct formula *f, struct attending *a, struct array **outputs)
{
    const struct node *node = f->call->node;
    outputs[0] = outputs[1] = outputs[2] = NULL;
    if (!count_steps(f, a)) return;
    struct array *bias = a->mask ? bias_of_mask(f, a, a->q->type) : NULL;
    if (a->bias) bias = bias ? formula_add(f, a->bias, bias) : a->bias;
    float scale = node_float(node, "scale", 0);
    struct setting settings[5] = { SET_INT("q_num_heads", a->heads), SET_INT("kv_num_heads", a->heads),
                                   SET_INT("is_causal", node_int(node, "unidirectional", 0)) };
    if (scale != 0) settings[3] = (struct setting)SET_FLOAT("scale", scale);
    formula_ops(f, "Attention", settings, FROM(a->q, a->k, a->v, bias, a->past_key, a->past_value), outputs, 3);
}

struct array *heads_apart(struct formula *f, struct array *x, int64_t heads)
{
    if (!x || x->rank != 3) return x;
    if (x->dims[2] % heads != 0)
        return formula_fail(f, "cannot cut %lld features into %lld heads", (long long)x->dims[2], (long long)heads);
    struct array *cut = formula_reshaped(f, x, 4, (int64_t[]){ x->dims[0], x->dims[1], heads, x->dims[2] / heads });
    return formula_transposed(f, cut, (int64_t[]){ 0, 2, 1, 3 });
}

struct array *heads_together(struct formula *f, struct array *x)
{
    if (!x || x->rank != 4) return x;
    struct array *turned = formula_transposed(f, x, (int64_t[]){ 0, 2, 1, 3 });
    return formula_reshaped(f, turned, 3, (int64_t[]){ x->dims[0], x->dims[2], x->dims[1] * x->dims[3] });
}

/* Keys and values are seen by heads where any of the three is, which ai.onnx wants alike. */
static void attend_by_heads(struct formula *f, struct attending *a, struct array **outputs)
{
    a->q = heads_apart(f, a->q, a->heads);
    a->k = heads_apart(f, a->k, a->heads);
    a->v = heads_apart(f, a->v, a->heads);
    attend(f, a, outputs);
    formula_give(f, 0, heads_together(f, outputs[0]));
}

/* ---- Attention ---- */

/* Where queries, keys and values begin in the product, and where the last ends. */
static bool read_parts(struct formula *f, const struct array *x, int64_t *at)
{
    const int64_t *sizes;
    size_t count = node_ints(f->call->node, "qkv_hidden_sizes", &sizes);
    int64_t width = x ? x->dims[x->rank - 1] : 0;
    at[0] = 0;
    for (int i = 0; i < 3; i++) at[i + 1] = at[i] + (count == 3 ? sizes[i] : width / 3);
    bool rises = at[1] > 0 && at[2] > at[1] && at[3] > at[2];
    if (x && (x->rank != 3 || at[3] != width || !rises))
        formula_fail(f, "has a product that is not queries, keys and values");
    return !f->failed;
}

/* One of the two halves of [2, batch, heads, steps, size]. */
static struct array *half(struct formula *f, struct array *past, int64_t which)
{
    if (!past) return NULL;
    if (past->rank != 5 || past->dims[0] != 2) return formula_fail(f, "needs a past [2, batch, heads, steps, size]");
    return formula_reshaped(f, formula_slice(f, past, 0, which, which + 1), 4, past->dims + 1);
}

static struct array *stacked(struct formula *f, struct array *keys, struct array *values)
{
    if (!keys || !values) return NULL;
    int64_t dims[] = { 1, keys->dims[0], keys->dims[1], keys->dims[2], keys->dims[3] };
    return formula_concat(f, FROM(formula_reshaped(f, keys, 5, dims), formula_reshaped(f, values, 5, dims)), 0);
}

/* x: the product, with the bias in it. */
static bool attend_to(struct formula *f, struct array *x, struct attending *a, struct array *past)
{
    struct array *outputs[3];
    int64_t at[4];
    a->heads = node_int(f->call->node, "num_heads", 0);
    if (node_int(f->call->node, "do_rotary", 0)) formula_refuse(f, "do_rotary");
    if (node_int(f->call->node, "past_present_share_buffer", 0)) formula_refuse(f, "past_present_share_buffer");
    if (read_parts(f, x, at)) {
        a->q = formula_slice(f, x, 2, at[0], at[1]);
        a->k = formula_slice(f, x, 2, at[1], at[2]);
        a->v = formula_slice(f, x, 2, at[2], at[3]);
    }
    a->past_key = half(f, past, 0);
    a->past_value = half(f, past, 1);
    attend(f, a, outputs);
    formula_give(f, 0, outputs[0]);
    if (call_wants(f->call, 1)) formula_give(f, 1, stacked(f, outputs[1], outputs[2]));
    return formula_close(f);
}

static bool attention(struct call *call)
{
    struct formula f;
    struct attending a = { .mask = call_input(call, 3), .bias = call_input(call, 5) };
    formula_open(&f, call);
    struct array *x = formula_matmul(&f, call_input(call, 0), call_input(call, 1));
    if (call_input(call, 2)) x = formula_add(&f, x, call_input(call, 2));
    return attend_to(&f, x, &a, call_input(call, 4));
}

static bool quantized_attention(struct call *call)
{
    struct formula f;
    struct attending a = { .mask = call_input(call, 5) };
    formula_open(&f, call);
    struct array *x =
        formula_op(&f, "MatMulInteger", NULL,
                   FROM(call_input(call, 0), call_input(call, 1), call_input(call, 6), call_input(call, 7)));
    struct array *scale = formula_mul(&f, call_input(call, 3), call_input(call, 4));
    x = scale ? formula_mul(&f, formula_cast(&f, x, scale->type), scale) : NULL;
    return attend_to(&f, formula_add(&f, x, call_input(call, 2)), &a, call_input(call, 8));
}

/* ---- MultiHeadAttention ---- */

/* Number `which` of [batch, steps, heads, several, size], as [batch, heads, steps, size]. */
static struct array *unpacked(struct formula *f, struct array *x, int64_t which)
{
    if (x->rank != 5 || which >= x->dims[3])
        return formula_fail(f, "needs packed queries, keys or values of 5 dimensions");
    struct array *one = formula_slice(f, x, 3, which, which + 1);
    int64_t dims[] = { x->dims[0], x->dims[1], x->dims[2], x->dims[4] };
    return formula_transposed(f, formula_reshaped(f, one, 4, dims), (int64_t[]){ 0, 2, 1, 3 });
}

static void read_queries(struct formula *f, struct attending *a)
{
    struct array *q = call_input(f->call, 0), *k = call_input(f->call, 1), *v = call_input(f->call, 2);
    if (!q) return;
    a->q = k ? q : unpacked(f, q, 0);
    a->k = !k ? unpacked(f, q, 1) : v ? k : unpacked(f, k, 0);
    a->v = !k ? unpacked(f, q, 2) : v ? v : unpacked(f, k, 1);
}

/* The bias of queries, keys and values, one after the other; keys and values by heads have theirs in them. */
static void add_biases(struct formula *f, struct attending *a)
{
    struct array *bias = call_input(f->call, 3), **const to[] = { &a->q, &a->k, &a->v };
    int64_t from = 0;
    for (int i = 0; bias && !f->failed && i < 3; i++) {
        struct array *x = *to[i] = heads_apart(f, *to[i], a->heads);
        if (!x || x->rank != 4) break;
        int64_t size = x->dims[1] * x->dims[3], dims[] = { 1, x->dims[1], 1, x->dims[3] };
        struct array *part = formula_slice(f, bias, 0, from, from + size);
        *to[i] = formula_add(f, x, formula_reshaped(f, part, 4, dims));
        from += size;
    }
}

static bool multi_head_attention(struct call *call)
{
    struct formula f;
    struct array *outputs[3];
    formula_open(&f, call);
    for (size_t i = 8; i < 10; i++)
        if (call_input(call, i)) formula_refuse(&f, "a shared buffer of the past");
    if (call_wants(call, 3)) formula_refuse(&f, "output qk");
    struct attending a = { .mask = call_input(call, 4),
                           .bias = call_input(call, 5),
                           .past_key = call_input(call, 6),
                           .past_value = call_input(call, 7),
                           .heads = node_int(call->node, "num_heads", 0) };
    if (a.heads < 1) formula_fail(&f, "needs num_heads");
    if (!f.failed) read_queries(&f, &a);
    if (!f.failed) add_biases(&f, &a);
    attend_by_heads(&f, &a, outputs);
    formula_give(&f, 1, outputs[1]);
    formula_give(&f, 2, outputs[2]);
    return formula_close(&f);
}

/* ---- shapes ---- */

static bool shape_attention(struct shaping *s)
{
    const int64_t *sizes;
    struct dim dims[3];
    if (input_rank(s, 0) != 3) return set_rank(s, 0, rule_type(s), 3);
    dims[0] = input_dim(s, 0, 0);
    dims[1] = input_dim(s, 0, 1);
    dims[2] = node_ints(s->node, "qkv_hidden_sizes", &sizes) == 3 ? number_dim(sizes[2]) : fresh_dim(s);
    return set_output(s, 0, rule_type(s), 3, dims) && set_rank(s, 1, rule_type(s), 5);
}

static bool shape_quantized_attention(struct shaping *s)
{
    return set_rank(s, 0, rule_type(s), 3) && set_rank(s, 1, rule_type(s), 5);
}

static bool shape_multi_head(struct shaping *s)
{
    return set_rank(s, 0, rule_type(s), 3) && set_rank(s, 1, rule_type(s), 4) && set_rank(s, 2, rule_type(s), 4);
}

const struct operator_row fused_attention_operators[] = {
    { "com.microsoft:Attention", 1, LATEST, .gradient = gradient_formula, .run = attention, .shape = shape_attention,
      .hides = true, .limits = { [3] = LIMIT_ONE },
      .schemas = SCHEMAS({ 1, LATEST, "Trth[__i] T[iw] ?T[w] ?i32 ?T ?T ?i32 > T ?T",
                           "do_rotary:i mask_filter_value:f num_heads!i past_present_share_buffer:i "
                           "qkv_hidden_sizes:I rotary_embedding_dim:i scale:f unidirectional:i" }) },
    { "com.microsoft:MultiHeadAttention", 1, LATEST, .gradient = gradient_formula, .run = multi_head_attention,
      .shape = shape_multi_head, .hides = true, .limits = { [4] = LIMIT_ONE },
      .schemas = SCHEMAS({ 1, LATEST, "Trth ?T ?T ?T ?i32 ?T ?T ?T ?i32 ?i32 > T ?T ?T ?T",
                           "mask_filter_value:f num_heads!i scale:f unidirectional:i" }) },
    { "com.microsoft:QAttention", 1, LATEST, .run = quantized_attention, .shape = shape_quantized_attention,
      .type_from = 2, .hides = true, .limits = { [5] = LIMIT_ONE },
      .schemas = SCHEMAS({ 1, LATEST, ".y[__i] .y[iw] Trt[w] T T ?i32 ?.y ?.y ?T > T ?T",
                           "do_rotary:i mask_filter_value:f num_heads!i past_present_share_buffer:i scale:f "
                           "unidirectional:i" }) },
    { 0 },
};
