/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention and FlexAttention, row by row of the queries, sums in double:
 *
 *   y = softmax(softcap(scale * q k^T) + bias) v
 *
 * The bias is -infinity where the mask, causality, a window or padding hides a key. A query that sees no key at all
 * yields zeros, not NaN. Group-query attention: `group` query heads share a key head. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/simd.h"
#include "runtime/ops/operators.h"
#include "runtime/run.h"
#include "runtime/slices.h"

#include <math.h>
#include <string.h>

#define MOST (INT64_C(1) << 40) /* steps or features of an empty tensor may be any number */

/* A tensor seen as [batch, heads, steps, size], stored so, or as [batch, steps, heads * size]. */
struct heads {
    struct array *array;
    int64_t batch, heads, steps, size;
    int64_t by_batch, by_head, by_step;
};

static void set_strides(struct heads *h)
{
    bool packed = h->array->rank == 3;
    h->by_batch = h->heads * h->steps * h->size;
    h->by_head = packed ? h->size : h->steps * h->size;
    h->by_step = packed ? h->heads * h->size : h->size;
}

static bool see_heads(struct call *call, struct array *array, const char *what, const char *attribute, struct heads *h)
{
    if (!array || !is_real(array) || (array->rank != 3 && array->rank != 4))
        return call_fail(call, "needs %s as a real tensor of 3 or 4 dimensions", what);
    *h = (struct heads){ .array = array, .batch = array->dims[0] };
    if (array->rank == 4) {
        h->heads = array->dims[1];
        h->steps = array->dims[2];
        h->size = array->dims[3];
    } else {
        h->heads = attribute ? node_int(call->node, attribute, 0) : 0;
        h->steps = array->dims[1];
        if (h->heads < 1 || array->dims[2] % h->heads != 0)
            return call_fail(call, "cannot cut %s of %lld features into %s", what, (long long)array->dims[2],
                             attribute ? attribute : "heads");
        h->size = array->dims[2] / h->heads;
    }
    if (h->heads < 1) return call_fail(call, "has no heads in %s", what);
    if (h->steps > MOST || h->size > MOST) return call_fail(call, "has a %s beyond all bounds", what);
    set_strides(h);
    return true;
}

static int64_t head_at(const struct heads *h, int64_t batch, int64_t head, int64_t step)
{
    return batch * h->by_batch + head * h->by_head + step * h->by_step;
}

struct attention {
    const struct simd *simd, *exact; /* for the tensors' store; for double */
    struct heads q, k, v, y;
    const struct array *mask, *lengths; /* lengths: the keys that are not padding, per batch */
    int64_t mask_by[3], mask_keys;      /* strides of batch, head, query; keys the mask knows */
    int64_t past;
    bool causal;
    int64_t left, right; /* window; -1 open */
    double scale, softcap;
    struct array *scores; /* output 3, or NULL */
    int64_t mode;         /* which stage of the scores it shows */
};

/* Keys or values as [batch, heads, steps, size], after those of the past. One owner. */
static bool with_past(struct call *call, struct heads *h, size_t past_slot)
{
    int64_t dims[] = { h->batch, h->heads, h->steps, h->size };
    struct array *own = array_keep(h->array), *past = call_input(call, past_slot);
    if (h->array->rank == 3) {
        array_drop(own);
        own = array_new(call->pool, h->array->type, h->array->store, 4, dims);
        size_t element = store_size(own->store), size = (size_t)h->size * element;
        for (int64_t i = 0; size > 0 && i < h->batch * h->heads * h->steps; i++) {
            int64_t at = head_at(h, i / h->steps / h->heads, i / h->steps % h->heads, i % h->steps);
            memcpy((char *)own->data + (size_t)i * size, (const char *)h->array->data + (size_t)at * element, size);
        }
    }
    if (past) {
        struct array *whole;
        if (past->rank != 4) return call_fail(call, "needs a past of 4 dimensions");
        if (!slices_join(call, (struct array *[]){ past, own }, 2, 2, &whole)) return false;
        array_drop(own);
        own = whole;
    }
    h->array = own;
    h->steps = own->dims[2];
    set_strides(h);
    return true;
}

/* The mask broadcasts to [batch, heads, queries, keys]; keys beyond its last dimension are hidden. */
static bool read_mask(struct call *call, struct attention *a)
{
    const struct array *mask = a->mask = call_input(call, 3);
    int64_t whole[] = { a->q.batch, a->q.heads, a->q.steps };
    if (!mask) return true;
    if (!(is_real(mask) || is_whole(mask)) || mask->rank < 1 || mask->rank > 4)
        return call_fail(call, "needs a mask of 1 to 4 dimensions");
    a->mask_keys = mask->dims[mask->rank - 1];
    if (a->mask_keys > a->k.steps)
        return call_fail(call, "has a mask of %lld keys, but %lld keys", (long long)a->mask_keys,
                         (long long)a->k.steps);
    int64_t stride = a->mask_keys;
    for (int i = mask->rank - 2, axis = 2; i >= 0; i--, axis--) {
        if (mask->dims[i] != 1 && mask->dims[i] != whole[axis])
            return call_fail(call, "has a mask of %lld along axis %d, not %lld", (long long)mask->dims[i], i,
                             (long long)whole[axis]);
        a->mask_by[axis] = mask->dims[i] == 1 ? 0 : stride;
        stride *= mask->dims[i];
    }
    return true;
}

static bool check_heads(struct call *call, const struct attention *a)
{
    const struct heads *q = &a->q, *k = &a->k, *v = &a->v;
    if (q->array->rank != k->array->rank || q->array->rank != v->array->rank)
        return call_fail(call, "needs Q, K and V of one rank");
    if (q->batch != k->batch || q->batch != v->batch || q->size != k->size || k->heads != v->heads
        || k->steps != v->steps || q->heads % k->heads != 0)
        return call_fail(call,
                         "has Q [%lld, %lld, %lld, %lld], K [%lld, %lld, %lld, %lld] and V [%lld, %lld, %lld, %lld] "
                         "as batch, heads, steps, size",
                         (long long)q->batch, (long long)q->heads, (long long)q->steps, (long long)q->size,
                         (long long)k->batch, (long long)k->heads, (long long)k->steps, (long long)k->size,
                         (long long)v->batch, (long long)v->heads, (long long)v->steps, (long long)v->size);
    return true;
}

static bool read_heads(struct call *call, struct attention *a)
{
    if (!see_heads(call, call_input(call, 0), "Q", "q_num_heads", &a->q)
        || !see_heads(call, call_input(call, 1), "K", "kv_num_heads", &a->k)
        || !see_heads(call, call_input(call, 2), "V", "kv_num_heads", &a->v))
        return false;
    a->simd = simd_for(a->q.array->store, call->simd_row);
    a->exact = simd_for(STORE_F64, call->simd_row);
    return check_heads(call, a);
}

static double read_scale(const struct call *call, const struct heads *q)
{
    if (node_attribute(call->node, "scale")) return (double)node_float(call->node, "scale", 1);
    return 1 / sqrt((double)q->size);
}

static bool read_attention(struct call *call, struct attention *a)
{
    const struct array *past = call_input(call, 4);
    if (!read_heads(call, a)) return false;
    if ((past == NULL) != (call_input(call, 5) == NULL))
        return call_fail(call, "needs past_key and past_value together");
    a->past = past && past->rank == 4 ? past->dims[2] : 0;
    a->lengths = call_input(call, 6);
    if (a->lengths && (past || !is_whole(a->lengths) || a->lengths->count != a->q.batch))
        return call_fail(call, "takes nonpad_kv_seqlen as one whole number per batch element, and without a past");
    if (!with_past(call, &a->k, 4) || !with_past(call, &a->v, 5)) return false;
    if (a->k.steps != a->v.steps) return call_fail(call, "has pasts of different lengths");
    for (int64_t b = 0; a->lengths && b < a->lengths->count; b++)
        if (a->lengths->i64[b] < 0 || a->lengths->i64[b] > a->k.steps)
            return call_fail(call, "has nonpad_kv_seqlen %lld with %lld keys", (long long)a->lengths->i64[b],
                             (long long)a->k.steps);
    a->causal = node_int(call->node, "is_causal", 0) != 0;
    a->left = node_int(call->node, "left_window_size", -1);
    a->right = node_int(call->node, "right_window_size", -1);
    a->scale = read_scale(call, &a->q);
    a->softcap = (double)node_float(call->node, "softcap", 0);
    a->mode = node_int(call->node, "qk_matmul_output_mode", 0);
    return read_mask(call, a);
}

/* What is added to the score of key j for query i of head h: -infinity where the query must not see it. */
static double bias_of(const struct attention *a, int64_t b, int64_t h, int64_t i, int64_t j)
{
    int64_t length = a->lengths ? a->lengths->i64[b] : 0;
    int64_t distance = j - i - (a->lengths ? length - a->q.steps : a->past); /* from the query's own position */
    if (a->causal && distance > 0) return -INFINITY;
    if (a->left >= 0 && distance < 0 && -distance > a->left) return -INFINITY;
    if (a->right >= 0 && distance > a->right) return -INFINITY;
    if (a->lengths && j >= length) return -INFINITY;
    if (!a->mask) return 0;
    if (j >= a->mask_keys) return -INFINITY;
    double mask = element_real(a->mask, b * a->mask_by[0] + h * a->mask_by[1] + i * a->mask_by[2] + j);
    if (a->mask->type == DTYPE_BOOL) return mask != 0 ? 0 : -INFINITY;
    return mask;
}

static const char *at(const struct array *array, int64_t index)
{
    return (const char *)array->data + index * (int64_t)store_size(array->store);
}

/* scores[j] = scale * q . k(j) */
static void score_keys(const struct attention *a, int64_t b, int64_t h, int64_t i, double *scores)
{
    int64_t query = head_at(&a->q, b, h, i), head = h / (a->q.heads / a->k.heads);
    for (int64_t j = 0; j < a->k.steps; j++) {
        int64_t key = head_at(&a->k, b, head, j);
        scores[j] = a->scale * a->simd->dot(at(a->q.array, query), at(a->k.array, key), a->q.size);
    }
}

static void softmax(const struct attention *a, double *scores, int64_t count)
{
    double most = -INFINITY, sum = 0;
    for (int64_t j = 0; j < count; j++) most = fmax(most, scores[j]);
    for (int64_t j = 0; j < count; j++) scores[j] -= most;
    a->exact->each[SIMD_exp](scores, NULL, count, scores);
    for (int64_t j = 0; j < count; j++) sum += scores[j];
    for (int64_t j = 0; j < count; j++) scores[j] /= sum;
}

/* y = sum over j of weights[j] * v(j); `sums` has room for one value of v. */
static void mix_values(const struct attention *a, int64_t b, int64_t h, int64_t i, const double *weights, double *sums)
{
    int64_t out = head_at(&a->y, b, h, i), head = h / (a->q.heads / a->k.heads);
    for (int64_t d = 0; d < a->v.size; d++) sums[d] = 0;
    for (int64_t j = 0; j < a->k.steps; j++) {
        int64_t value = head_at(&a->v, b, head, j);
        a->simd->add_times(weights[j], at(a->v.array, value), a->v.size, sums);
    }
    for (int64_t d = 0; d < a->v.size; d++) element_put(a->y.array, out + d, sums[d]);
}

static void show(const struct attention *a, int64_t stage, int64_t row, const double *scores)
{
    if (!a->scores || a->mode != stage) return;
    for (int64_t j = 0; j < a->k.steps; j++) element_put(a->scores, row * a->k.steps + j, scores[j]);
}

/* Adds the bias; false when it hides every key. */
static bool add_bias(const struct attention *a, int64_t b, int64_t h, int64_t i, double *scores)
{
    bool seen = false;
    for (int64_t j = 0; j < a->k.steps; j++) {
        double bias = bias_of(a, b, h, i, j);
        seen |= !(isinf(bias) && bias < 0);
        scores[j] += bias;
    }
    return seen;
}

static void attend(const struct attention *a, int64_t row, double *scores)
{
    int64_t i = row % a->q.steps, h = row / a->q.steps % a->q.heads, b = row / a->q.steps / a->q.heads;
    score_keys(a, b, h, i, scores);
    show(a, 0, row, scores);
    for (int64_t j = 0; a->softcap > 0 && j < a->k.steps; j++) scores[j] = a->softcap * tanh(scores[j] / a->softcap);
    show(a, 1, row, scores);
    bool seen = add_bias(a, b, h, i, scores);
    show(a, 2, row, scores);
    if (seen) softmax(a, scores, a->k.steps);
    else if (a->k.steps > 0) memset(scores, 0, (size_t)a->k.steps * sizeof *scores);
    show(a, 3, row, scores);
    mix_values(a, b, h, i, scores, scores + a->k.steps);
}

/* Output 0, shaped as Q with the values' size. */
static void make_output(struct call *call, struct attention *a)
{
    int64_t four[] = { a->q.batch, a->q.heads, a->q.steps, a->v.size };
    int64_t three[] = { a->q.batch, a->q.steps, a->q.heads * a->v.size };
    bool packed = a->q.array->rank == 3;
    a->y = (struct heads){ .batch = a->q.batch, .heads = a->q.heads, .steps = a->q.steps, .size = a->v.size };
    a->y.array = call_output(call, 0, a->q.array->type, packed ? 3 : 4, packed ? three : four);
    set_strides(&a->y);
}

struct rows {
    const struct attention *attention;
    double *scores;
    int64_t room; /* of a member: its scores, and a sum of values */
};

static void attend_rows(const void *context, int64_t first, int64_t end, int member)
{
    const struct rows *rows = context;
    for (int64_t row = first; row < end; row++) attend(rows->attention, row, rows->scores + member * rows->room);
}

static bool attention(struct call *call)
{
    struct attention a = { 0 };
    if (!read_attention(call, &a)) return false;
    make_output(call, &a);
    if (call_wants(call, 3))
        a.scores = call_output(call, 3, a.q.array->type, 4, (int64_t[]){ a.q.batch, a.q.heads, a.q.steps, a.k.steps });
    bool has_rows = a.y.array->count > 0 || (a.scores && a.scores->count > 0);
    int64_t rows = has_rows ? a.q.batch * a.q.heads * a.q.steps : 0;
    CALL_WORK(call, rows, a.k.steps + 1, a.q.size + a.v.size + WORK_ELEMENT, 2);
    struct rows each = { .attention = &a, .room = a.k.steps + a.v.size };
    each.scores = NEW_ARRAY(call->scratch, double, (size_t)(each.room * call->threads));
    team_run(call->team, rows, rows > 16 ? 0 : rows, attend_rows, &each);
    if (call_wants(call, 1)) call_give(call, 1, a.k.array);
    else array_drop(a.k.array);
    if (call_wants(call, 2)) call_give(call, 2, a.v.array);
    else array_drop(a.v.array);
    return true;
}

/* ---- FlexAttention ---- */

/* Lets the body named so, if the node has one, replace the whole [batch, heads, queries, keys] array. */
static bool modify(struct call *call, const char *name, struct array **scores)
{
    for (size_t i = 0; i < call->node->inner_count; i++) {
        struct array *result;
        struct graph *body = call->node->inner[i];
        if (strcmp(call->node->inner_names[i], name) != 0) continue;
        if (body->input_count != 1 || body->output_count != 1)
            return call_fail(call, "needs %s with one input and output", name);
        if (!run_body(call->run, body, scores, 1, &result, 1, call->error)) return false;
        if (!result || !is_real(result) || result->count != (*scores)->count)
            return call_fail(call, "has a %s that changes the shape or kind of what it modifies", name);
        array_drop(*scores);
        *scores = result;
    }
    return true;
}

/* The type that bodies see: 16-bit floats are widened. */
static enum dtype score_type(const struct call *call, enum dtype type)
{
    int64_t wanted = node_int(call->node, "softmax_precision", 0);
    if (dtype_kind(wanted) == KIND_REAL) return (enum dtype)wanted;
    return dtype_bits(type) < 32 ? DTYPE_FLOAT : type;
}

static bool flex_attention(struct call *call)
{
    struct attention a = { 0 };
    if (!read_heads(call, &a)) return false;
    if (a.q.array->rank != 4) return call_fail(call, "needs tensors of 4 dimensions");
    a.scale = read_scale(call, &a.q);
    enum dtype type = score_type(call, a.q.array->type);
    int64_t dims[] = { a.q.batch, a.q.heads, a.q.steps, a.k.steps };
    struct array *scores = array_new(call->pool, type, store_of(type, call->exact), 4, dims);
    double *row = NEW_ARRAY(call->scratch, double, (size_t)(a.k.steps + a.v.size));
    int64_t steps = a.k.steps, rows = scores->count ? scores->count / steps : 0;
    for (int64_t r = 0; r < rows; r++) {
        score_keys(&a, r / a.q.steps / a.q.heads, r / a.q.steps % a.q.heads, r % a.q.steps, row);
        for (int64_t j = 0; j < steps; j++) element_put(scores, r * steps + j, row[j]);
    }
    if (!modify(call, "score_mod", &scores)) return false;
    struct array *shares = array_new(call->pool, type, store_of(type, call->exact), 4, dims);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t j = 0; j < steps; j++) row[j] = element_real(scores, r * steps + j);
        softmax(&a, row, steps);
        for (int64_t j = 0; j < steps; j++) element_put(shares, r * steps + j, row[j]);
    }
    array_drop(scores);
    if (!modify(call, "prob_mod", &shares)) return false;
    make_output(call, &a);
    for (int64_t i = 0; rows == 0 && i < a.y.array->count; i++) element_put(a.y.array, i, 0);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t j = 0; j < steps; j++) row[j] = element_real(shares, r * steps + j);
        mix_values(&a, r / a.q.steps / a.q.heads, r / a.q.steps % a.q.heads, r % a.q.steps, row, row + steps);
    }
    array_drop(shares);
    return true;
}

/* ---- the gradient, by a formula ---- */

/* [batch, heads, steps, size], with the past before it, and repeated for each head of the queries. */
static struct array *spread_heads(struct formula *f, const struct heads *h, size_t past_slot, int64_t heads)
{
    struct array *x = h->array, *past = call_input(f->call, past_slot);
    if (x->rank == 3) {
        x = formula_reshaped(f, x, 4, (int64_t[]){ h->batch, h->steps, h->heads, h->size });
        x = formula_transposed(f, x, (int64_t[]){ 0, 2, 1, 3 });
    }
    if (past) x = formula_concat(f, (struct array *[]){ past, x }, 2, 2);
    if (past_slot != NO_INPUT) formula_give(f, past_slot - 3, x); /* as present_key or present_value */
    if (heads == h->heads || f->failed) return x;
    int64_t steps = x->dims[2], times = heads / h->heads, apart[] = { h->batch, h->heads, 1, steps, h->size };
    int64_t wide[] = { h->batch, h->heads, times, steps, h->size }, whole[] = { h->batch, heads, steps, h->size };
    x = formula_expanded(f, formula_reshaped(f, x, 5, apart), 5, wide);
    return formula_reshaped(f, x, 4, whole);
}

/* What is added to the scores; a real mask goes by itself, so that it can be derived by. */
static struct array *score_bias(struct formula *f, const struct attention *a)
{
    int64_t dims[] = { a->q.batch, a->q.heads, a->q.steps, a->k.steps };
    enum dtype type = a->q.array->type;
    struct array *bias = array_new(f->call->pool, type, store_of(type, f->call->exact), 4, dims);
    for (int64_t i = 0; i < bias->count; i++) {
        int64_t j = i % dims[3], row = i / dims[3];
        element_put(bias, i, bias_of(a, row / dims[2] / dims[1], row / dims[2] % dims[1], row % dims[2], j));
    }
    return formula_hold(f, bias);
}

static bool attention_formula(struct call *call)
{
    struct formula f;
    struct attention a = { 0 };
    struct array *past = call_input(call, 4), *mask = call_input(call, 3);
    formula_open(&f, call);
    if (!read_heads(call, &a)) return false;
    a.past = past ? past->dims[2] : 0;
    struct array *q = spread_heads(&f, &a.q, NO_INPUT, a.q.heads), *k = spread_heads(&f, &a.k, 4, a.q.heads);
    struct array *v = spread_heads(&f, &a.v, 5, a.q.heads);
    a.k.steps += a.past;
    a.lengths = call_input(call, 6);
    a.causal = node_int(call->node, "is_causal", 0) != 0;
    a.left = node_int(call->node, "left_window_size", -1);
    a.right = node_int(call->node, "right_window_size", -1);
    double cap = (double)node_float(call->node, "softcap", 0);
    if (!read_mask(call, &a)) return false;
    bool added = mask && is_real(mask) && a.mask_keys == a.k.steps;
    if (added) a.mask = NULL;
    struct array *scores = formula_scaled(&f, formula_matmul(&f, q, formula_turned(&f, k)), read_scale(call, &a.q));
    if (cap > 0)
        scores = formula_scaled(&f, formula_op(&f, "Tanh", NULL, FROM(formula_scaled(&f, scores, 1 / cap))), cap);
    scores = formula_add(&f, scores, score_bias(&f, &a));
    if (added) scores = formula_add(&f, scores, mask);
    struct array *y = formula_matmul(&f, formula_softmax(&f, scores), v);
    if (y && a.q.array->rank == 3) {
        y = formula_transposed(&f, y, (int64_t[]){ 0, 2, 1, 3 });
        y = formula_reshaped(&f, y, 3, (int64_t[]){ a.q.batch, a.q.steps, a.q.heads * a.v.size });
    }
    formula_give(&f, 0, y);
    return formula_close(&f);
}

/* The scores themselves are not derived. */
void gradient_attention(struct backward *b)
{
    if (gradient_dy(b, 3)) gradient_refuse(b, "the scores");
    else gradient_through(b, attention_formula);
}

/* ---- shapes ---- */

/* Attention in its form with heads apart: Q and V are [batch, heads, length, size]. */
static bool shape_attention(struct shaping *s)
{
    struct dim dims[4];
    if (input_rank(s, 0) != 4 || input_rank(s, 2) != 4) return set_type(s, 0, rule_type(s));
    memcpy(dims, input_dims(s, 0), sizeof dims);
    dims[3] = input_dim(s, 2, 3);
    return set_output(s, 0, rule_type(s), 4, dims);
}

const struct operator_row attention_operators[] = {
    { "Attention", 23, LATEST, .gradient = gradient_attention, .run = attention, .shape = shape_attention,
      .schemas = SCHEMAS({ 23, 23, "Tfh T Ufh ?.nhb ?T ?U > T ?T ?U ?T",
                           "is_causal:i kv_num_heads:i q_num_heads:i qk_matmul_output_mode:i scale:f softcap:f "
                           "softmax_precision:e=fh" },
                         { 24, 24, "Tfh T Ufh ?.nhb ?T ?U ?i64 > T ?T ?U ?T",
                           "is_causal:i kv_num_heads:i q_num_heads:i qk_matmul_output_mode:i scale:f softcap:f "
                           "softmax_precision:e=fh" },
                         { 25, LATEST, "Tfh T Ufh ?.nhb ?T ?U ?i64 > T ?T ?U ?T",
                           "is_causal:i kv_num_heads:i left_window_size:i q_num_heads:i qk_matmul_output_mode:i "
                           "right_window_size:i scale:f softcap:f softmax_precision:e=fh" }) },
    { "ai.onnx.preview:FlexAttention", 1, 1, .run = flex_attention, .shape = shape_attention },
    { 0 },
};
