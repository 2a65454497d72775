/* SPDX-License-Identifier: Apache-2.0
 *
 * What language models built on recurrences use: LinearAttention and CausalConvWithState. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/ops/operators.h"
#include "runtime/slices.h"

#include <math.h>
#include <string.h>

/* ---- LinearAttention: a matrix of keys by values per head, updated step by step ----
 *
 *   S = exp(g) * S;  S += k (v or beta * (v - S^T k))^T;  y = scale * S^T q */

struct linear {
    const struct array *query, *key, *value, *past, *decay, *beta;
    int64_t batch, steps, query_heads, heads, keys, values;
    bool gated, corrects;
    double scale;
};

static bool read_rule(struct call *call, struct linear *l)
{
    static const struct {
        const char *name;
        bool gated, corrects;
    } rules[] = {
        { "linear", false, false },
        { "gated", true, false },
        { "delta", false, true },
        { "gated_delta", true, true },
    };
    const char *name = node_text(call->node, "update_rule", "gated_delta");
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (strcmp(name, rules[i].name) != 0) continue;
        l->gated = rules[i].gated;
        l->corrects = rules[i].corrects;
        if (l->gated == (l->decay != NULL) && l->corrects == (l->beta != NULL)) return true;
        return call_fail(call, "%s decay and %s beta for update_rule=%s", l->gated ? "needs" : "takes no",
                         l->corrects ? "needs" : "takes no", name);
    }
    return call_fail(call, "has an update_rule it does not know");
}

/* Whether the tensor is [batch, steps, features]. */
static bool is_sequence(const struct linear *l, const struct array *array, int64_t features)
{
    return array && is_real(array) && array->rank == 3 && array->dims[0] == l->batch && array->dims[1] == l->steps
           && array->dims[2] == features;
}

static bool check_linear(struct call *call, const struct linear *l)
{
    if (!is_sequence(l, l->query, l->query_heads * l->keys) || !is_sequence(l, l->key, l->heads * l->keys)
        || !is_sequence(l, l->value, l->heads * l->values))
        return call_fail(call, "needs query, key and value of one batch, length and head size");
    if (l->decay && !is_sequence(l, l->decay, l->heads) && !is_sequence(l, l->decay, l->heads * l->keys))
        return call_fail(call, "needs a decay per head or per key feature");
    if (l->beta && !is_sequence(l, l->beta, l->heads) && !is_sequence(l, l->beta, 1))
        return call_fail(call, "needs a beta per head, or one");
    const int64_t dims[] = { l->batch, l->heads, l->keys, l->values };
    if (l->past && (!is_real(l->past) || l->past->rank != 4 || memcmp(l->past->dims, dims, sizeof dims) != 0))
        return call_fail(call, "needs a past state [%lld, %lld, %lld, %lld]", (long long)dims[0], (long long)dims[1],
                         (long long)dims[2], (long long)dims[3]);
    return true;
}

static bool read_linear(struct call *call, struct linear *l)
{
    *l = (struct linear){ .query = call_input(call, 0),
                          .key = call_input(call, 1),
                          .value = call_input(call, 2),
                          .past = call_input(call, 3),
                          .decay = call_input(call, 4),
                          .beta = call_input(call, 5),
                          .query_heads = node_int(call->node, "q_num_heads", 0),
                          .heads = node_int(call->node, "kv_num_heads", 0) };
    if (!read_rule(call, l)) return false;
    if (l->heads < 1 || l->query_heads < 1 || l->query_heads % l->heads != 0)
        return call_fail(call, "needs q_num_heads as a multiple of kv_num_heads");
    if (!l->query || !l->value || l->query->rank != 3 || l->value->rank != 3 || l->query->dims[2] % l->query_heads != 0
        || l->value->dims[2] % l->heads != 0)
        return call_fail(call, "needs query and value [batch, steps, heads * size]");
    l->batch = l->query->dims[0];
    l->steps = l->query->dims[1];
    l->keys = l->query->dims[2] / l->query_heads;
    l->values = l->value->dims[2] / l->heads;
    l->scale = (double)node_float(call->node, "scale", 0);
    if (l->scale == 0) l->scale = 1 / sqrt((double)l->keys);
    if (l->query_heads > INT32_MAX || l->keys > INT32_MAX || l->values > INT32_MAX)
        return call_fail(call, "has heads beyond all bounds");
    return check_linear(call, l);
}

/* One step of one head: `state` is [keys, values]; `row` = batch element * steps + step. `change` is scratch. */
static void update_state(const struct linear *l, int64_t row, int64_t head, double *state, double *change)
{
    int64_t key = (row * l->heads + head) * l->keys, value = (row * l->heads + head) * l->values;
    bool per_feature = l->decay && l->decay->dims[2] != l->heads;
    for (int64_t d = 0; l->gated && d < l->keys; d++) {
        double factor = exp(element_real(l->decay, per_feature ? key + d : row * l->heads + head));
        for (int64_t m = 0; m < l->values; m++) state[d * l->values + m] *= factor;
    }
    for (int64_t m = 0; m < l->values; m++) change[m] = element_real(l->value, value + m);
    if (l->corrects) {
        double beta = element_real(l->beta, row * l->beta->dims[2] + (l->beta->dims[2] == 1 ? 0 : head));
        for (int64_t d = 0; d < l->keys; d++)
            for (int64_t m = 0; m < l->values; m++)
                change[m] -= state[d * l->values + m] * element_real(l->key, key + d);
        for (int64_t m = 0; m < l->values; m++) change[m] *= beta;
    }
    for (int64_t d = 0; d < l->keys; d++)
        for (int64_t m = 0; m < l->values; m++) state[d * l->values + m] += element_real(l->key, key + d) * change[m];
}

static void read_state(const struct linear *l, int64_t row, int64_t head, const double *state, struct array *y,
                       double *sums)
{
    int64_t group = l->query_heads / l->heads;
    for (int64_t h = head * group; h < (head + 1) * group; h++) {
        int64_t query = (row * l->query_heads + h) * l->keys, out = (row * l->query_heads + h) * l->values;
        for (int64_t m = 0; m < l->values; m++) sums[m] = 0;
        for (int64_t d = 0; d < l->keys; d++)
            for (int64_t m = 0; m < l->values; m++)
                sums[m] += element_real(l->query, query + d) * state[d * l->values + m];
        for (int64_t m = 0; m < l->values; m++) element_put(y, out + m, l->scale * sums[m]);
    }
}

static bool linear_attention(struct call *call)
{
    struct linear l;
    if (!read_linear(call, &l)) return false;
    int64_t size = l.keys * l.values;
    struct array *y = call_output(call, 0, l.query->type, 3, (int64_t[]){ l.batch, l.steps, l.query_heads * l.values });
    struct array *present = call_output(call, 1, l.past ? l.past->type : l.query->type, 4,
                                        (int64_t[]){ l.batch, l.heads, l.keys, l.values });
    bool keeps = call_wants(call, 1);
    double *state = NEW_ARRAY(call->scratch, double, (size_t)size);
    double *change = NEW_ARRAY(call->scratch, double, (size_t)l.values);
    if (size > 0) CALL_WORK(call, l.batch, l.heads + l.query_heads, l.steps + 1, size, WORK_ELEMENT);
    for (int64_t n = 0; size > 0 && n < l.batch * l.heads; n++) {
        for (int64_t i = 0; i < size; i++) state[i] = l.past ? element_real(l.past, n * size + i) : 0;
        for (int64_t t = 0; t < l.steps; t++) {
            int64_t row = n / l.heads * l.steps + t;
            update_state(&l, row, n % l.heads, state, change);
            read_state(&l, row, n % l.heads, state, y, change);
        }
        for (int64_t i = 0; keeps && i < size; i++) element_put(present, n * size + i, state[i]);
    }
    for (int64_t i = 0; size == 0 && i < y->count; i++) element_put(y, i, 0);
    return true;
}

/* ---- CausalConvWithState: a depthwise convolution over what was and what comes ---- */

static double activate(bool silu, double x)
{
    return silu ? x / (1 + exp(-x)) : x;
}

static bool read_causal(struct call *call, bool *silu)
{
    const struct array *x = call_input(call, 0), *w = call_input(call, 1), *bias = call_input(call, 2);
    const struct array *past = call_input(call, 3);
    const char *activation = node_text(call->node, "activation", "none");
    *silu = strcmp(activation, "silu") == 0 || strcmp(activation, "swish") == 0;
    if (!*silu && strcmp(activation, "none") != 0) return call_fail(call, "has an activation it does not know");
    if (!x || !is_real(x) || x->rank != 3 || !w || !is_real(w) || w->rank != 3 || w->dims[0] != x->dims[1]
        || w->dims[1] != 1 || w->dims[2] < 1)
        return call_fail(call, "needs an input [batch, channels, length] and a weight [channels, 1, k]");
    if (bias && (!is_real(bias) || bias->count != x->dims[1]))
        return call_fail(call, "needs one bias for each of %lld channels", (long long)x->dims[1]);
    if (past
        && (!is_real(past) || past->rank != 3 || past->dims[0] != x->dims[0] || past->dims[1] != x->dims[1]
            || past->dims[2] != w->dims[2] - 1))
        return call_fail(call, "needs a past state of %lld steps", (long long)(w->dims[2] - 1));
    return true;
}

static bool causal_conv(struct call *call)
{
    const struct array *x = call_input(call, 0), *w = call_input(call, 1), *bias = call_input(call, 2);
    bool silu = false;
    if (!read_causal(call, &silu)) return false;
    int64_t batch = x->dims[0], channels = x->dims[1], length = x->dims[2], taps = w->dims[2];
    struct array *whole, *past = call_input(call, 3);
    if (past) array_keep(past);
    else {
        past = array_new(call->pool, x->type, x->store, 3, (int64_t[]){ batch, channels, taps - 1 });
        memset(past->data, 0, (size_t)past->count * store_size(past->store));
    }
    if (!slices_join(call, (struct array *[]){ past, call_input(call, 0) }, 2, 2, &whole)) return false;
    array_drop(past);
    struct array *y = call_output(call, 0, x->type, 3, x->dims);
    CALL_WORK(call, y->count, taps, WORK_ELEMENT);
    for (int64_t i = 0; i < y->count; i++) {
        int64_t plane = i / length, c = plane % channels, at = plane * (length + taps - 1) + i % length;
        double sum = bias ? element_real(bias, c) : 0;
        for (int64_t t = 0; t < taps; t++) sum += element_real(whole, at + t) * element_real(w, c * taps + t);
        element_put(y, i, activate(silu, sum));
    }
    call_give(call, 1, piece_slice(call->pool, whole, 2, length, taps - 1));
    array_drop(whole);
    return true;
}

/* ---- shapes ---- */

/* Heads are packed in the last axis: q is [batch, steps, query heads * keys], v [batch, steps, heads * values]. */
static bool shape_linear_attention(struct shaping *s)
{
    int64_t query_heads = node_int(s->node, "q_num_heads", 0), heads = node_int(s->node, "kv_num_heads", 0);
    bool known = input_rank(s, 0) == 3 && input_rank(s, 2) == 3;
    if (query_heads < 1 || heads < 1) return false;
    enum dtype state = node_input(s->node, 3) ? input_type(s, 3) : rule_type(s);
    if (!known) return set_rank(s, 0, rule_type(s), 3) && set_rank(s, 1, state, 4);
    struct dim all_keys = input_dim(s, 0, 2), all_values = input_dim(s, 2, 2);
    int per_query = symbol_number(s->symbols, query_heads), per_head = symbol_number(s->symbols, heads);
    struct dim keys = symbol_dim(s, symbol_divide(s->symbols, dim_symbol(s, all_keys), per_query));
    struct dim values = symbol_dim(s, symbol_divide(s->symbols, dim_symbol(s, all_values), per_head));
    struct dim batch = input_dim(s, 0, 0);
    return set_output(s, 0, rule_type(s), 3,
                      (struct dim[]){ batch, input_dim(s, 0, 1), scale_dim(s, values, query_heads) })
           && set_output(s, 1, state, 4, (struct dim[]){ batch, number_dim(heads), keys, values });
}

/* The state is what the next window needs: all taps but one. */
static bool shape_causal_conv(struct shaping *s)
{
    if (input_rank(s, 0) != 3 || input_rank(s, 1) != 3)
        return set_like(s, 0, rule_type(s), 0) && set_type(s, 1, rule_type(s));
    struct dim state[] = { input_dim(s, 0, 0), input_dim(s, 0, 1), add_to_dim(s, input_dim(s, 1, 2), -1) };
    return set_like(s, 0, rule_type(s), 0) && set_output(s, 1, rule_type(s), 3, state);
}

const struct operator_row recurrence_operators[] = {
    { "CausalConvWithState", 27, LATEST, .run = causal_conv, .shape = shape_causal_conv,
      .schemas = SCHEMAS({ 27, LATEST, "Trth T ?T ?T > T T", "activation:s" }) },
    { "LinearAttention", 27, LATEST, .run = linear_attention, .shape = shape_linear_attention,
      .schemas = SCHEMAS({ 27, LATEST, "Trth T T ?Urth ?T ?T > T U",
                           "chunk_size:n kv_num_heads!i q_num_heads!i scale:f update_rule:s" }) },
    { 0 },
};
