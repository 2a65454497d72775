/* SPDX-License-Identifier: Apache-2.0
 *
 * GroupQueryAttention of com.microsoft, which decoders of language models are made of: by ai.onnx's Attention.
 *
 *   key [b, kept by the past of b ...] then the new ones        and values likewise
 *   softmax(softcap(scale * q k^T) + bias, a sink beside the keys) v
 *
 * Each batch element has a length of its own; a query sees the keys up to its own place, in a window if there is
 * one. */
#include "runtime/ops/fused_attention.h"

#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/ops/operators.h"

#include <math.h>

enum { KEY = 1, VALUE, PAST_KEY, PAST_VALUE, LENGTHS, TOTAL, COSINES, SINES, POSITIONS, BIAS, SINKS, KNOWN_SLOTS };

struct grouped {
    struct array *q, *k, *v; /* [batch, heads, steps, size] */
    int64_t heads, key_heads, batch, steps, size;
    int64_t room;         /* steps of what is kept afterwards */
    struct array *starts; /* how many steps of the past each batch element has */
};

/* ---- what is read ---- */

static bool refuse_news(struct formula *f)
{
    static const char *const attributes[] = { "qk_output", "kv_cache_bit_width", "sliding_window_cache" };
    const struct node *node = f->call->node;
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        if (node_int(node, attributes[i], 0) != 0) return formula_refuse(f, attributes[i]);
    if (node_int(node, "causal", 1) == 0) return formula_refuse(f, "causal=0");
    for (size_t i = KNOWN_SLOTS; i < f->call->input_count; i++)
        if (call_input(f->call, i))
            return formula_refuse(f, "a quantized cache or a normalization of queries and keys");
    return !call_wants(f->call, 3) || formula_refuse(f, "output qk");
}

/* Queries, keys and values side by side are cut apart. */
static void read_heads(struct formula *f, struct grouped *g)
{
    struct array *q = call_input(f->call, 0), *k = call_input(f->call, KEY), *v = call_input(f->call, VALUE);
    int64_t parts = g->heads + 2 * g->key_heads;
    if (!q || q->rank != 3 || (!k && q->dims[2] % parts != 0)) {
        formula_fail(f, "needs queries [batch, steps, features]");
        return;
    }
    if (!k) {
        int64_t size = q->dims[2] / parts, first = g->heads * size, second = first + g->key_heads * size;
        k = formula_slice(f, q, 2, first, second);
        v = formula_slice(f, q, 2, second, q->dims[2]);
        q = formula_slice(f, q, 2, 0, first);
    }
    g->q = heads_apart(f, q, g->heads);
    g->k = heads_apart(f, k, g->key_heads);
    g->v = heads_apart(f, v, g->key_heads);
}

static bool past_fits(const struct grouped *g, const struct array *past, const struct array *x)
{
    return !past
           || (past->rank == 4 && past->dims[0] == g->batch && past->dims[1] == g->key_heads
               && past->dims[3] == x->dims[3]);
}

/* How many steps there are before, for each batch element: none when all steps are given. */
static bool read_lengths(struct formula *f, struct grouped *g)
{
    struct call *call = f->call;
    const struct array *lengths = call_input(call, LENGTHS), *total = call_input(call, TOTAL);
    const struct array *past = call_input(call, PAST_KEY);
    if (f->failed || !g->v) return false;
    g->batch = g->q->dims[0];
    g->steps = g->q->dims[2];
    g->size = g->q->dims[3];
    bool fits = lengths && is_whole(lengths) && lengths->count == g->batch && total && is_whole(total)
                && total->count == 1 && g->k->dims[2] == g->steps && g->v->dims[2] == g->steps
                && past_fits(g, past, g->k) && past_fits(g, call_input(call, PAST_VALUE), g->v);
    if (!fits)
        return formula_fail(f, "needs keys, values, seqlens_k, total_sequence_length and a past that fit") != NULL;
    int64_t most = past ? past->dims[2] : 0;
    g->room = total->i64[0] > most ? total->i64[0] : most;
    g->starts = formula_hold(f, array_new(call->pool, DTYPE_INT64, STORE_I64, 1, &g->batch));
    for (int64_t b = 0; b < g->batch; b++) {
        int64_t start = g->steps == total->i64[0] ? 0 : lengths->i64[b] + 1 - g->steps;
        if (start < 0 || start > g->room - g->steps)
            return formula_fail(f, "has %lld steps of %lld, and room for %lld", (long long)g->steps,
                                (long long)lengths->i64[b] + 1, (long long)g->room)
                   != NULL;
        g->starts->i64[b] = start;
    }
    return true;
}

/* ---- keys and values ---- */

static struct array *turned_by_place(struct formula *f, const struct grouped *g, struct array *x)
{
    struct call *call = f->call;
    struct array *cosines = call_input(call, COSINES), *places = call_input(call, POSITIONS);
    if (!cosines || cosines->rank != 2 || !x) return formula_fail(f, "needs cos_cache and sin_cache");
    if (!places) {
        places = formula_hold(f, array_new(call->pool, DTYPE_INT64, STORE_I64, 2, (int64_t[]){ g->batch, g->steps }));
        for (int64_t i = 0; i < places->count; i++) places->i64[i] = g->starts->i64[i / g->steps] + i % g->steps;
    }
    int64_t turned = 2 * cosines->dims[1];
    const struct setting *settings = SETTINGS(SET_INT("interleaved", node_int(call->node, "rotary_interleaved", 0)),
                                              SET_INT("rotary_embedding_dim", turned < x->dims[3] ? turned : 0));
    return formula_op(f, "RotaryEmbedding", settings, FROM(x, cosines, call_input(call, SINES), places));
}

static struct array *zeros(struct formula *f, const struct array *like, int64_t steps)
{
    if (!like) return NULL;
    int64_t dims[] = { like->dims[0], like->dims[1], steps, like->dims[3] };
    return formula_expanded(f, formula_number(f, like->type, 0), 4, dims);
}

/* Zeros where a batch element has no past. */
static struct array *begun(struct formula *f, const struct grouped *g, struct array *past)
{
    int64_t dims[] = { g->batch, 1, past->dims[2], 1 };
    struct array *is_there = formula_hold(f, array_new(f->call->pool, DTYPE_BOOL, STORE_I64, 4, dims));
    for (int64_t i = 0; i < is_there->count; i++) is_there->i64[i] = i % dims[2] < g->starts->i64[i / dims[2]];
    return formula_where(f, is_there, past, formula_number(f, past->type, 0));
}

/* The past with room for all, and x in it from each batch element's start on. */
static struct array *kept(struct formula *f, const struct grouped *g, struct array *past, struct array *x)
{
    int64_t missing = g->room - (past ? past->dims[2] : 0);
    if (past) past = begun(f, g, past);
    struct array *cache = missing > 0 ? zeros(f, x, missing) : past;
    if (past && missing > 0) cache = formula_concat(f, FROM(past, cache), 2);
    return formula_op(f, "TensorScatter", SETTINGS(SET_INT("axis", 2)), FROM(cache, x, g->starts));
}

/* ---- scores ---- */

/* What hides keys, as [batch, 1, steps, room]: those after the query's place, and before its window. */
static struct array *hiding(struct formula *f, const struct grouped *g)
{
    int64_t window = node_int(f->call->node, "local_window_size", -1), dims[] = { g->batch, 1, g->steps, g->room };
    struct array *mask = array_new(f->call->pool, g->q->type, store_of(g->q->type, f->call->exact), 4, dims);
    for (int64_t i = 0; i < mask->count; i++) {
        int64_t key = i % g->room, row = i / g->room, place = g->starts->i64[row / g->steps] + row % g->steps;
        bool hidden = key > place || (window > 0 && key <= place - window);
        element_put(mask, i, hidden ? -INFINITY : 0);
    }
    return formula_hold(f, mask);
}

/* The bias may be for the keys there are, and end before the room does. */
static struct array *with_bias(struct formula *f, const struct grouped *g, struct array *mask)
{
    struct array *bias = call_input(f->call, BIAS);
    if (!bias) return mask;
    if (bias->rank != 4 || bias->dims[3] > g->room) return formula_fail(f, "has a bias of scores that does not fit");
    if (bias->dims[3] < g->room) {
        int64_t dims[] = { bias->dims[0], bias->dims[1], bias->dims[2], g->room - bias->dims[3] };
        bias = formula_concat(f, FROM(bias, formula_expanded(f, formula_number(f, bias->type, 0), 4, dims)), 3);
    }
    return formula_add(f, mask, bias);
}

/* A sink is the score of a key more, whose value is zero: what a query does not want to see goes there. */
static struct array *with_sinks(struct formula *f, const struct grouped *g, struct array *mask)
{
    struct array *sinks = call_input(f->call, SINKS);
    int64_t by_head[] = { 1, g->heads, 1, 1 }, dims[] = { g->batch, g->heads, g->steps, g->room };
    if (!mask) return NULL;
    if (sinks && sinks->count != g->heads) return formula_fail(f, "needs a sink for each head");
    sinks = sinks ? formula_reshaped(f, sinks, 4, by_head) : formula_number(f, mask->type, 0);
    mask = formula_expanded(f, mask, 4, dims);
    dims[3] = 1;
    return formula_concat(f, FROM(mask, formula_expanded(f, sinks, 4, dims)), 3);
}

static struct array *attend(struct formula *f, const struct grouped *g, struct array *k, struct array *v)
{
    const struct node *node = f->call->node;
    float scale = node_float(node, "scale", 0);
    struct array *mask = with_bias(f, g, hiding(f, g));
    if (call_input(f->call, SINKS) || node_int(node, "smooth_softmax", 0) > 0) {
        mask = with_sinks(f, g, mask);
        k = formula_concat(f, FROM(k, zeros(f, k, 1)), 2);
        v = formula_concat(f, FROM(v, zeros(f, v, 1)), 2);
    }
    struct setting settings[3] = { SET_FLOAT("softcap", node_float(node, "softcap", 0)) };
    if (scale != 0) settings[1] = (struct setting)SET_FLOAT("scale", scale);
    return formula_op(f, "Attention", settings, FROM(g->q, k, v, mask));
}

static bool group_query_attention(struct call *call)
{
    struct formula f;
    struct grouped g = { .heads = node_int(call->node, "num_heads", 0),
                         .key_heads = node_int(call->node, "kv_num_heads", 0) };
    formula_open(&f, call);
    if (g.heads < 1 || g.key_heads < 1 || g.heads % g.key_heads != 0 || g.heads > INT32_MAX)
        formula_fail(&f, "has %lld heads on %lld of keys", (long long)g.heads, (long long)g.key_heads);
    else if (refuse_news(&f)) read_heads(&f, &g);
    if (read_lengths(&f, &g)) {
        if (node_int(call->node, "do_rotary", 0)) {
            g.q = turned_by_place(&f, &g, g.q);
            g.k = turned_by_place(&f, &g, g.k);
        }
        struct array *k = kept(&f, &g, call_input(call, PAST_KEY), g.k);
        struct array *v = kept(&f, &g, call_input(call, PAST_VALUE), g.v);
        if (!f.failed) formula_give(&f, 0, heads_together(&f, attend(&f, &g, k, v)));
        formula_give(&f, 1, k);
        formula_give(&f, 2, v);
    }
    return formula_close(&f);
}

static bool shape_group_query(struct shaping *s)
{
    bool same = node_input(s->node, KEY) != NULL && set_rank(s, 1, rule_type(s), 4) && set_rank(s, 2, rule_type(s), 4);
    return same ? shape_same(s) : set_rank(s, 0, rule_type(s), 3);
}

const struct operator_row group_query_operators[] = {
    { "com.microsoft:GroupQueryAttention", 1, LATEST, .gradient = gradient_formula, .run = group_query_attention,
      .shape = shape_group_query, .hides = true, .sizes = SLOT(LENGTHS) | SLOT(TOTAL),
      .schemas = SCHEMAS(
          { 1, LATEST, "Trth[bs_] ?T[b_k] ?T[b_k] ?.rthye ?.rthye i32 i32 ?T ?T ?i64 ?T ?T ?.r ?.r ?T ?T > T . . ?T",
            "causal:i do_rotary:i k_quant_type:s kv_cache_bit_width:i kv_num_heads!i "
            "local_window_size:i num_heads!i qk_output:i rotary_interleaved:i scale:f "
            "sliding_window_cache:i smooth_softmax:i softcap:f v_quant_type:s" }) },
    { 0 },
};
