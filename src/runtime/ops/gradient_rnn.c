/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients of RNN, GRU and LSTM: back through the steps of time, which are written out here as formulas
 * (gradient_through). What is rarely trained (other activations, layout 1) is refused by name. */
#include "runtime/gradient.h"
#include "runtime/ops/rnn.h"

#include <string.h>

struct recurrence {
    struct formula f;
    int64_t steps, batch, hidden, gates;
    int direction;               /* at hand */
    bool backward;               /* in time */
    struct array *x;             /* [steps, batch, gates * hidden]: what the inputs bring, with the biases */
    struct array *r;             /* [hidden, gates * hidden] */
    struct array *bias;          /* [2 * gates * hidden], or NULL: inputs' and states' */
    struct array *peepholes;     /* [3 * hidden], or NULL */
    struct array *h, *c;         /* [batch, hidden] */
    const struct array *lengths; /* of the sequences, or NULL */
};

/* One step of time: h and c from x [batch, gates * hidden]. */
typedef void time_step(struct recurrence *t, struct array *x);

/* Which of the activations that the cell has when none are named. */
enum activation { F, G, H };

static struct array *apply(struct recurrence *t, enum activation which, struct array *x)
{
    const struct cell *cell = t->f.call->row->data;
    const float clip = node_float(t->f.call->node, "clip", 0);
    if (clip > 0 && which != H && x) x = formula_clipped(&t->f, x, (double)-clip, (double)clip);
    return formula_op(&t->f, cell->defaults[which], NULL, FROM(x));
}

/* Number `gate` of the parts that lie side by side on the last axis. */
static struct array *gate_of(struct recurrence *t, struct array *x, int64_t gate)
{
    return x ? formula_slice(&t->f, x, x->rank - 1, gate * t->hidden, (gate + 1) * t->hidden) : NULL;
}

/* The part of direction d of an input, without the axis of directions; NULL where it is absent. */
static struct array *part(struct recurrence *t, size_t slot)
{
    struct array *a = call_input(t->f.call, slot);
    if (!a) return NULL;
    struct array *one = formula_slice(&t->f, a, 0, t->direction, t->direction + 1);
    return formula_reshaped(&t->f, one, a->rank - 1, a->dims + 1);
}

static struct array *product(struct recurrence *t, struct array *h)
{
    return formula_matmul(&t->f, h, t->r);
}

static void step_rnn(struct recurrence *t, struct array *x)
{
    t->h = apply(t, F, formula_add(&t->f, x, product(t, t->h)));
}

/* Gates: update, reset, hidden. The bias of the hidden state of the last is inside what is reset, or not. */
static void step_gru(struct recurrence *t, struct array *x)
{
    struct formula *f = &t->f;
    bool inside = node_int(f->call->node, "linear_before_reset", 0) != 0;
    struct array *sums = product(t, t->h);
    struct array *z = apply(t, F, formula_add(f, gate_of(t, x, 0), gate_of(t, sums, 0)));
    struct array *r = apply(t, F, formula_add(f, gate_of(t, x, 1), gate_of(t, sums, 1)));
    struct array *own, *bias = t->bias ? gate_of(t, t->bias, 5) : NULL;
    if (inside) {
        own = gate_of(t, sums, 2);
        if (bias) own = formula_add(f, own, bias);
        own = formula_mul(f, r, own);
    } else {
        own = formula_matmul(f, formula_mul(f, r, t->h), gate_of(t, t->r, 2));
        if (bias) own = formula_add(f, own, bias);
    }
    struct array *fresh = apply(t, G, formula_add(f, gate_of(t, x, 2), own));
    /* (1 - z) * fresh + z * h */
    t->h = formula_add(f, fresh, formula_mul(f, z, formula_sub(f, t->h, fresh)));
}

static struct array *peeped(struct recurrence *t, struct array *gate, int64_t which, struct array *c)
{
    if (!t->peepholes) return gate;
    return formula_add(&t->f, gate, formula_mul(&t->f, gate_of(t, t->peepholes, which), c));
}

/* Gates: input, output, forget, cell. */
static void step_lstm(struct recurrence *t, struct array *x)
{
    struct formula *f = &t->f;
    struct array *sums = formula_add(f, x, product(t, t->h));
    struct array *in = apply(t, F, peeped(t, gate_of(t, sums, 0), 0, t->c));
    bool coupled = node_int(f->call->node, "input_forget", 0) != 0;
    struct array *keep = coupled ? formula_shifted(f, formula_scaled(f, in, -1), 1)
                                 : apply(t, F, peeped(t, gate_of(t, sums, 2), 2, t->c));
    struct array *cell = apply(t, G, gate_of(t, sums, 3));
    t->c = formula_add(f, formula_mul(f, keep, t->c), formula_mul(f, in, cell));
    struct array *out = apply(t, F, peeped(t, gate_of(t, sums, 1), 1, t->c));
    t->h = formula_mul(f, out, apply(t, H, t->c));
}

/* What is added to the sums at every step; of GRU without the bias of the hidden state, which is reset. */
static struct array *step_bias(struct recurrence *t, bool is_gru)
{
    struct formula *f = &t->f;
    int64_t width = t->gates * t->hidden, own = is_gru ? 2 * t->hidden : width;
    struct array *inputs = formula_slice(f, t->bias, 0, 0, width);
    struct array *states = formula_slice(f, t->bias, 0, width, width + own);
    if (!is_gru) return formula_add(f, inputs, states);
    struct array *parts[] = { states, formula_scaled(f, formula_slice(f, t->bias, 0, 0, t->hidden), 0) };
    return formula_add(f, inputs, formula_concat(f, parts, 2, 0));
}

static struct array *initial(struct recurrence *t, size_t slot)
{
    struct array *given = part(t, slot), *x = call_input(t->f.call, 0);
    if (given) return given;
    struct array *zero = formula_number(&t->f, x->type, 0);
    return formula_expanded(&t->f, zero, 2, (int64_t[]){ t->batch, t->hidden });
}

static void open_direction(struct recurrence *t, bool is_gru)
{
    struct formula *f = &t->f;
    t->bias = part(t, 3);
    t->peepholes = part(t, 7);
    t->r = formula_turned(f, part(t, 2));
    t->x = formula_matmul(f, call_input(f->call, 0), formula_turned(f, part(t, 1)));
    if (t->bias) t->x = formula_add(f, t->x, step_bias(t, is_gru));
    t->h = initial(t, 5);
    t->c = initial(t, 6);
}

/* What the sequences that have a step `at` made of it, and for the others what they had, or zero. */
static struct array *where_it_runs(struct recurrence *t, int64_t at, struct array *made, struct array *had)
{
    struct formula *f = &t->f;
    if (!t->lengths || !made) return made;
    struct array *runs =
        formula_hold(f, array_new(f->call->pool, DTYPE_BOOL, STORE_I64, 2, (int64_t[]){ t->batch, 1 }));
    for (int64_t i = 0; i < t->batch; i++) runs->i64[i] = at < t->lengths->i64[i];
    return formula_where(f, runs, made, had ? had : formula_number(f, made->type, 0));
}

/* All steps of a direction: [steps, 1, batch, hidden]. */
static struct array *walk(struct recurrence *t, time_step *step)
{
    struct formula *f = &t->f;
    struct array **made = NEW_ARRAY(f->call->scratch, struct array *, (size_t)t->steps);
    for (int64_t i = 0; i < t->steps && !f->failed; i++) {
        int64_t at = t->backward ? t->steps - 1 - i : i;
        struct array *x = formula_slice(f, t->x, 0, at, at + 1);
        struct array *h = t->h, *c = t->c;
        step(t, formula_reshaped(f, x, 2, (int64_t[]){ t->batch, t->gates * t->hidden }));
        struct array *row = where_it_runs(t, at, t->h, NULL);
        t->h = where_it_runs(t, at, t->h, h);
        t->c = where_it_runs(t, at, t->c, c);
        made[at] = formula_reshaped(f, row, 4, (int64_t[]){ 1, 1, t->batch, t->hidden });
    }
    return formula_concat(f, made, (size_t)t->steps, 0);
}

static bool recur(struct call *call, int64_t gates, time_step *step)
{
    struct recurrence t = { .gates = gates, .lengths = call_input(call, 4) };
    struct formula *f = &t.f;
    const struct array *x = call_input(call, 0), *r = call_input(call, 2);
    struct array *all[2], *h[2], *c[2];
    const char *direction = node_text(call->node, "direction", "forward");
    formula_open(f, call);
    t.steps = x->dims[0];
    t.batch = x->dims[1];
    t.hidden = r->dims[2];
    size_t directions = (size_t)r->dims[0];
    for (size_t d = 0; d < directions && !f->failed; d++) {
        int64_t dims[] = { 1, t.batch, t.hidden };
        t.direction = (int)d;
        t.backward = d == 1 || strcmp(direction, "reverse") == 0;
        open_direction(&t, gates == 3);
        all[d] = walk(&t, step);
        h[d] = formula_reshaped(f, t.h, 3, dims);
        c[d] = formula_reshaped(f, t.c, 3, dims);
    }
    if (f->failed) return formula_close(f);
    formula_give(f, 0, formula_concat(f, all, directions, 1));
    formula_give(f, 1, formula_concat(f, h, directions, 0));
    if (gates == 4) formula_give(f, 2, formula_concat(f, c, directions, 0));
    return formula_close(f);
}

static bool recur_rnn(struct call *call)
{
    return recur(call, 1, step_rnn);
}

static bool recur_gru(struct call *call)
{
    return recur(call, 3, step_gru);
}

static bool recur_lstm(struct call *call)
{
    return recur(call, 4, step_lstm);
}

static bool is_usual(struct backward *b)
{
    static const char *const rare[] = { "activations", "activation_alpha", "activation_beta" };
    const struct node *node = gradient_node(b);
    for (size_t i = 0; i < sizeof rare / sizeof *rare; i++)
        if (node_attribute(node, rare[i])) gradient_refuse(b, rare[i]);
    if (node_int(node, "layout", 0)) gradient_refuse(b, "layout 1");
    return !b->f.failed;
}

void gradient_rnn(struct backward *b)
{
    if (is_usual(b)) gradient_through(b, recur_rnn);
}

void gradient_gru(struct backward *b)
{
    if (is_usual(b)) gradient_through(b, recur_gru);
}

void gradient_lstm(struct backward *b)
{
    if (is_usual(b)) gradient_through(b, recur_lstm);
}
