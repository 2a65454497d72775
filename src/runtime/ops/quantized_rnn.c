/* SPDX-License-Identifier: Apache-2.0
 *
 * DynamicQuantizeLSTM of com.microsoft: an LSTM whose products are of bytes.
 *
 *   x, and h before each step, become what DynamicQuantizeLinear makes of them, then the step is an LSTM's
 *
 * Products of whole numbers, scaled, are those of the real numbers they stand for. Steps come in the order of time; a
 * sequence that runs backwards is turned round. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/formula.h"
#include "runtime/ops/operators.h"

#include <string.h>

enum { X, W, R, B, LENGTHS, H, C, P, W_SCALE, W_ZERO, R_SCALE, R_ZERO };

struct quantized_lstm {
    int64_t steps, batch, hidden, directions, direction; /* steps: of the longest; direction: of those, which one */
    struct array *x, *lengths;                           /* [steps, batch, inputs]; [batch], whole */
    struct array *w, *r, *b, *p;                         /* of the direction, as LSTM has them */
    struct array *h, *c;                                 /* [1, batch, hidden] */
    struct array **rows;                                 /* of Y, each [1, 1, batch, hidden] */
};

/* What is left of real numbers that were bytes for a while. */
static struct array *rounded(struct formula *f, struct array *x)
{
    struct array *q[3];
    formula_quantized_by_range(f, x, q);
    return f->failed ? NULL : formula_dequantized(f, q[0], q[1], q[2]);
}

static struct array *of_direction(struct formula *f, const struct quantized_lstm *l, size_t slot)
{
    struct array *all = call_input(f->call, slot);
    if (!all) return NULL;
    if (all->rank < 1 || all->dims[0] != l->directions)
        return formula_fail(f, "has an input %zu of other directions", slot);
    return formula_slice(f, all, 0, l->direction, l->direction + 1);
}

/* Weights [1, rows, 4 * hidden] with a scale, or one for each column, as real numbers [1, 4 * hidden, rows]. */
static struct array *weight(struct formula *f, const struct quantized_lstm *l, size_t slot, size_t scale_slot)
{
    struct array *q = of_direction(f, l, slot), *scale = of_direction(f, l, scale_slot),
                 *zero = of_direction(f, l, scale_slot + 1);
    if (!q || !scale || q->rank != 3) return formula_fail(f, "needs weights, and a scale of them");
    bool by_column = scale->count > 1;
    int64_t columns = scale->count;
    if (zero && zero->count != columns)
        return formula_fail(f, "has %lld scales, but not as many zero points", (long long)columns);
    scale = formula_reshaped(f, scale, by_column, &columns);
    if (zero) zero = formula_reshaped(f, zero, by_column, &columns);
    struct array *real = formula_dequantized_along(f, q, scale, zero, 2);
    return formula_turned(f, real);
}

/* Time in the other direction, within each sequence's length. */
static struct array *turned(struct formula *f, const struct quantized_lstm *l, struct array *x)
{
    const struct setting *settings = SETTINGS(SET_INT("time_axis", 0), SET_INT("batch_axis", 1));
    return formula_op(f, "ReverseSequence", settings, FROM(x, formula_cast(f, l->lengths, DTYPE_INT64)));
}

static bool runs_backward(const struct call *call, int64_t direction)
{
    return direction == 1 || strcmp(node_text(call->node, "direction", "forward"), "reverse") == 0;
}

/* [1, batch, hidden]: the initial state, or zeros. */
static struct array *state_of(struct formula *f, const struct quantized_lstm *l, size_t slot)
{
    int64_t dims[] = { 1, l->batch, l->hidden };
    if (call_input(f->call, slot)) return of_direction(f, l, slot);
    return formula_expanded(f, formula_number(f, l->x->type, 0), 3, dims);
}

static void begin_direction(struct formula *f, struct quantized_lstm *l)
{
    l->w = weight(f, l, W, W_SCALE);
    l->r = weight(f, l, R, R_SCALE);
    l->b = of_direction(f, l, B);
    l->p = of_direction(f, l, P);
    l->h = state_of(f, l, H);
    l->c = state_of(f, l, C);
}

/* 1 for the sequences that have a step `t`, else 0. */
static struct array *lengths_of_step(struct formula *f, const struct quantized_lstm *l, int64_t t)
{
    struct array *one = formula_hold(f, array_new(f->call->pool, DTYPE_INT32, STORE_I64, 1, &l->batch));
    for (int64_t i = 0; i < l->batch; i++) one->i64[i] = t < l->lengths->i64[i];
    return one;
}

/* States of the sequences that have a step `t`, and others for those that have ended. */
static struct array *states_at(struct formula *f, const struct quantized_lstm *l, int64_t t, struct array *states,
                               struct array *ended)
{
    struct array *runs = formula_cast(f, lengths_of_step(f, l, t), DTYPE_BOOL);
    runs = formula_reshaped(f, runs, 3, (int64_t[]){ 1, l->batch, 1 });
    return formula_where(f, runs, states, ended);
}

static void read_settings(const struct call *call, const struct quantized_lstm *l, struct setting *settings)
{
    const struct node *node = call->node;
    settings[0] = (struct setting)SET_INT("hidden_size", l->hidden);
    settings[1] = (struct setting)SET_INT("input_forget", node_int(node, "input_forget", 0));
    settings[2] = (struct setting){ 0 };
    if (node_attribute(node, "clip")) settings[2] = (struct setting)SET_FLOAT("clip", node_float(node, "clip", 0));
    settings[3] = (struct setting){ 0 };
}

/* In how states are rounded, a sequence that has ended has its last state a part once more, and zeros after that: so
 * ONNX Runtime does it. */
static void run_step(struct formula *f, struct quantized_lstm *l, struct array *x, int64_t t)
{
    struct array *y[3], *h = states_at(f, l, t - 1, l->h, formula_number(f, l->x->type, 0));
    struct array *inputs[] = { formula_slice(f, x, 0, t, t + 1), l->w,          l->r, l->b,
                               lengths_of_step(f, l, t),         rounded(f, h), l->c, l->p };
    struct setting settings[4];
    read_settings(f->call, l, settings);
    formula_ops(f, formula_base(f, "DynamicQuantize"), settings, inputs, 8, y, 3);
    l->rows[t] = y[0];
    l->h = states_at(f, l, t, y[1], l->h);
    l->c = states_at(f, l, t, y[2], l->c);
}

/* Y of the direction: [steps, 1, batch, hidden]. */
static struct array *run_direction(struct formula *f, struct quantized_lstm *l)
{
    int64_t dims[] = { l->steps, l->batch, l->hidden }, rows[] = { l->steps, 1, l->batch, l->hidden };
    bool backward = runs_backward(f->call, l->direction);
    begin_direction(f, l);
    struct array *x = rounded(f, backward ? turned(f, l, l->x) : l->x);
    for (int64_t t = 0; t < l->steps && !f->failed; t++) run_step(f, l, x, t);
    struct array *y = f->failed ? NULL : formula_concat(f, l->rows, (size_t)l->steps, 0);
    if (backward && y) y = formula_reshaped(f, turned(f, l, formula_reshaped(f, y, 3, dims)), 4, rows);
    return y;
}

/* What no sequence reaches has no part in how numbers are rounded. */
static void keep_longest(struct formula *f, struct quantized_lstm *l)
{
    int64_t longest = 1;
    for (int64_t i = 0; !f->failed && i < l->batch; i++)
        longest = l->lengths->i64[i] > longest ? l->lengths->i64[i] : longest;
    if (longest > l->steps)
        formula_fail(f, "has a sequence of %lld steps of %lld", (long long)longest, (long long)l->steps);
    l->steps = longest;
    l->x = formula_slice(f, l->x, 0, 0, longest);
}

static bool read_lstm(struct formula *f, struct quantized_lstm *l)
{
    struct call *call = f->call;
    l->x = call_input(call, X);
    l->lengths = call_input(call, LENGTHS);
    l->directions = strcmp(node_text(call->node, "direction", "forward"), "bidirectional") == 0 ? 2 : 1;
    l->hidden = node_int(call->node, "hidden_size", 0);
    if (node_attribute(call->node, "activations")) return formula_refuse(f, "activations other than an LSTM's");
    if (!l->x || !is_real(l->x) || l->x->rank != 3 || l->x->dims[0] < 1 || l->hidden < 1)
        return formula_fail(f, "needs sequences of at least one step, and hidden_size") != NULL;
    l->steps = l->x->dims[0];
    l->batch = l->x->dims[1];
    if (l->lengths && (!is_whole(l->lengths) || l->lengths->count != l->batch))
        return formula_fail(f, "needs a length for each sequence") != NULL;
    if (!l->lengths) l->lengths = formula_expanded(f, formula_number(f, DTYPE_INT32, (double)l->steps), 1, &l->batch);
    keep_longest(f, l);
    l->rows = NEW_ARRAY(call->scratch, struct array *, (size_t)l->steps);
    return !f->failed;
}

/* Zeros after the longest sequence. */
static struct array *padded(struct formula *f, const struct quantized_lstm *l, struct array *y)
{
    int64_t dims[] = { call_input(f->call, X)->dims[0] - l->steps, l->directions, l->batch, l->hidden };
    if (!y || dims[0] == 0) return y;
    return formula_concat(f, FROM(y, formula_expanded(f, formula_number(f, y->type, 0), 4, dims)), 0);
}

static bool dynamic_quantize_lstm(struct call *call)
{
    struct formula f;
    struct quantized_lstm l = { 0 };
    struct array *made[3][2] = { { NULL } };
    static const int axes[] = { 1, 0, 0 };
    formula_open(&f, call);
    if (read_lstm(&f, &l))
        for (; l.direction < l.directions && !f.failed; l.direction++) {
            made[0][l.direction] = run_direction(&f, &l);
            made[1][l.direction] = l.h;
            made[2][l.direction] = l.c;
        }
    for (size_t i = 0; i < 3 && !f.failed; i++) {
        struct array *y = formula_concat(&f, made[i], (size_t)l.directions, axes[i]);
        formula_give(&f, i, i == 0 ? padded(&f, &l, y) : y);
    }
    return formula_close(&f);
}

static bool shape_quantized_lstm(struct shaping *s)
{
    return set_rank(s, 0, rule_type(s), 4) && set_rank(s, 1, rule_type(s), 3) && set_rank(s, 2, rule_type(s), 3);
}

const struct operator_row quantized_rnn_operators[] = {
    { "com.microsoft:DynamicQuantizeLSTM", 1, LATEST, .run = dynamic_quantize_lstm, .shape = shape_quantized_lstm,
      .hides = true, .sizes = SLOT(LENGTHS), .limits = { [LENGTHS] = LIMIT_LENGTH },
      .schemas = SCHEMAS({ 1, LATEST, "f32 Ty T ?f32 ?i32 ?f32 ?f32 ?f32 f32 T f32 T > ?f32 ?f32 ?f32",
                           "activation_alpha:F activation_beta:F activations:S clip:f " RNN_DIRECTION "hidden_size:i "
                           "input_forget:i" }) },
    { 0 },
};
