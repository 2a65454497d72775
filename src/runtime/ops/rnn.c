/* SPDX-License-Identifier: Apache-2.0
 *
 * RNN, GRU and LSTM. The share of the input in all gates of all steps is one product beforehand; each step adds the
 * share of the previous state, a product with the recurrence weights, which are packed once, and runs the cell.
 *
 * Inside, a sequence is [steps, batch, ...] whatever the layout. A sequence shorter than the longest stops early: its
 * state stays, its outputs are zero; backward, it starts at its own end. */
#include "runtime/ops/rnn.h"
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/product.h"
#include "runtime/math/real.h"
#include "runtime/math/simd.h"
#include "runtime/math/unstride.h"
#include "runtime/ops/activation.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

#define MOST_NAME 32  /* bytes of the name of a function that are looked at */
#define RUN       128 /* units computed together */

/* An activation, as an operator on double, and its attributes for the cell. */
struct function {
    const struct operation *operation;
    double p[2];
};

/* --- one node --- */

struct rnn {
    struct call *call;
    const struct simd *simd, *simd_of_x; /* for double; and for the store of x */
    const struct cell *cell;
    struct array *x, *w, *r, *bias, *hidden_start, *memory_start, *peepholes;
    const int64_t *lengths; /* NULL: all are full */
    int64_t steps, batch, inputs, hidden, directions, direction;
    bool batch_first, reset_last, couple;
    bool backwards; /* every other product goes through the weights from their end, which is in a cache still */
    double clip;
    struct function functions[2 * MOST_FUNCTIONS];
    struct array *input;                  /* of the direction at hand: [steps * batch, gates * hidden] */
    struct array *recurrent;              /* [batch, gates * hidden] */
    struct array *state, *memory, *reset; /* [batch, hidden] */
    int64_t *at;                          /* per sequence: its row of `input` at this step; -1 when it is over */
    struct array *y, *last, *last_memory;
};

/* Units of the cell that runs one of the sequences; at most RUN of them. */
struct units {
    int64_t first, count, place; /* place: of the first, in [batch, hidden] */
    int64_t input, recurrent;    /* of the first one's first gate in those arrays */
};

static void read_reals(const struct array *from, int64_t first, int64_t count, double *to)
{
    if (from->store == STORE_F32)
        for (int64_t i = 0; i < count; i++) to[i] = (double)from->f32[first + i];
    else
        for (int64_t i = 0; i < count; i++) to[i] = from->f64[first + i];
}

static void put_reals(const double *from, int64_t count, struct array *to, int64_t first)
{
    if (to->store == STORE_F32)
        for (int64_t i = 0; i < count; i++) to->f32[first + i] = (float)from[i];
    else
        for (int64_t i = 0; i < count; i++) to->f64[first + i] = from[i];
}

static const void *element(const struct array *array, int64_t index)
{
    return array ? (const char *)array->data + index * (int64_t)store_size(array->store) : NULL;
}

/* to[i] += from[first + i] * by[i]; by NULL: once */
static void add_reals(const struct array *from, int64_t first, int64_t count, const double *by, double *to)
{
    double terms[RUN];
    read_reals(from, first, count, terms);
    if (by)
        for (int64_t i = 0; i < count; i++) to[i] += terms[i] * by[i];
    else
        for (int64_t i = 0; i < count; i++) to[i] += terms[i];
}

static const struct function *function_of(const struct rnn *rnn, int function)
{
    return &rnn->functions[rnn->direction * rnn->cell->functions + function];
}

static void squash(const struct rnn *rnn, int function, int64_t count, double *values)
{
    const struct function *f = function_of(rnn, function);
    f->operation->f64(&(struct inner_loop){
        .count = count, .to = values, .from = { values }, .moves = { true }, .parameters = f->p, .simd = rnn->simd });
}

static void activate(const struct rnn *rnn, int function, int64_t count, double *values)
{
    double clip = rnn->clip;
    for (int64_t i = 0; clip < (double)INFINITY && i < count; i++)
        values[i] = values[i] > clip ? clip : values[i] < -clip ? -clip : values[i];
    squash(rnn, function, count, values);
}

static void add_bias(const struct rnn *rnn, const struct units *u, int64_t gate, bool recurrent, double *to)
{
    int64_t width = rnn->cell->gates * rnn->hidden;
    int64_t first = (rnn->direction * 2 + recurrent) * width + gate * rnn->hidden + u->first;
    if (rnn->bias) add_reals(rnn->bias, first, u->count, NULL, to);
}

/* What the input and the previous state add to a gate. */
static void input_share(const struct rnn *rnn, const struct units *u, int64_t gate, double *to)
{
    read_reals(rnn->input, u->input + gate * rnn->hidden, u->count, to);
    add_bias(rnn, u, gate, false, to);
}

static void state_share(const struct rnn *rnn, const struct units *u, int64_t gate, double *to)
{
    read_reals(rnn->recurrent, u->recurrent + gate * rnn->hidden, u->count, to);
    add_bias(rnn, u, gate, true, to);
}

static void gate_sum(const struct rnn *rnn, const struct units *u, int64_t gate, double *to)
{
    int64_t bias = rnn->direction * 2 * rnn->cell->gates * rnn->hidden + gate * rnn->hidden + u->first;
    rnn->simd_of_x->add_four(element(rnn->input, u->input + gate * rnn->hidden), element(rnn->bias, bias),
                             element(rnn->recurrent, u->recurrent + gate * rnn->hidden),
                             element(rnn->bias, bias + rnn->cell->gates * rnn->hidden), u->count, to);
}

/* recurrent[:, first ...] = state times `count` gates of the direction's weights, which are transposed. */
static void multiply_state(struct rnn *rnn, const struct array *state, int64_t first, int64_t count)
{
    int64_t width = rnn->cell->gates * rnn->hidden, element = (int64_t)store_size(state->store);
    int64_t row = rnn->direction * width + first * rnn->hidden;
    struct product product = product_packed(state->store, rnn->batch, rnn->hidden, count * rnn->hidden);
    product.b_step = 1;
    product.b_column = rnn->hidden;
    product.c_row = width; /* some of the gates side by side */
    product.count = 1;
    product.weights = rnn->r;
    product.repeats = true;
    product.backwards = rnn->backwards = !rnn->backwards;
    product.each = &(struct operands){ .a = state->data,
                                       .b = (char *)rnn->r->data + row * rnn->hidden * element,
                                       .c = (char *)rnn->recurrent->data + first * rnn->hidden * element };
    product_run(rnn->call, &product);
}

struct work {
    const struct rnn *rnn;
    void (*compute)(const struct rnn *rnn, const struct units *units);
};

/* Pieces are RUN units of one sequence. */
static void compute_units(const void *context, int64_t first, int64_t end, int member)
{
    const struct work *work = context;
    const struct rnn *rnn = work->rnn;
    int64_t width = rnn->cell->gates * rnn->hidden, per_row = (rnn->hidden + RUN - 1) / RUN;
    (void)member;
    for (int64_t i = first; i < end; i++) {
        int64_t row = i / per_row, unit = i % per_row * RUN, left = rnn->hidden - unit;
        struct units units = { .first = unit, .count = left < RUN ? left : RUN, .place = row * rnn->hidden + unit };
        units.input = rnn->at[row] * width + unit;
        units.recurrent = row * width + unit;
        if (rnn->at[row] >= 0) work->compute(rnn, &units);
    }
}

/* For every unit of every sequence that is not over. */
static void each_unit(const struct rnn *rnn, void (*compute)(const struct rnn *rnn, const struct units *units))
{
    int64_t count = rnn->batch * ((rnn->hidden + RUN - 1) / RUN);
    team_run(rnn->call->team, count, team_piece(count, rnn->batch * rnn->hidden * 16), compute_units,
             &(struct work){ rnn, compute });
}

static void rnn_units(const struct rnn *rnn, const struct units *u)
{
    double state[RUN];
    gate_sum(rnn, u, 0, state);
    activate(rnn, 0, u->count, state);
    put_reals(state, u->count, rnn->state, u->place);
}

static void step_rnn(struct rnn *rnn)
{
    multiply_state(rnn, rnn->state, 0, 1);
    each_unit(rnn, rnn_units);
}

/* Gates i, o, f, c; peepholes i, o, f. */
static void lstm_gate(const struct rnn *rnn, const struct units *u, int64_t gate, const double *memory, double *to)
{
    int64_t peephole = (rnn->direction * 3 + gate) * rnn->hidden + u->first;
    gate_sum(rnn, u, gate, to);
    if (rnn->peepholes) add_reals(rnn->peepholes, peephole, u->count, memory, to);
    activate(rnn, 0, u->count, to);
}

static void lstm_units(const struct rnn *rnn, const struct units *u)
{
    double memory[RUN], in[RUN], kept[RUN], new[RUN], out[RUN];
    read_reals(rnn->memory, u->place, u->count, memory);
    lstm_gate(rnn, u, 0, memory, in);
    if (rnn->couple)
        for (int64_t i = 0; i < u->count; i++) kept[i] = 1 - in[i];
    else lstm_gate(rnn, u, 2, memory, kept);
    gate_sum(rnn, u, 3, new);
    activate(rnn, 1, u->count, new);
    for (int64_t i = 0; i < u->count; i++) memory[i] = kept[i] * memory[i] + in[i] * new[i];
    lstm_gate(rnn, u, 1, memory, out);
    put_reals(memory, u->count, rnn->memory, u->place);
    squash(rnn, 2, u->count, memory); /* is not clipped */
    for (int64_t i = 0; i < u->count; i++) out[i] *= memory[i];
    put_reals(out, u->count, rnn->state, u->place);
}

static void step_lstm(struct rnn *rnn)
{
    multiply_state(rnn, rnn->state, 0, 4);
    each_unit(rnn, lstm_units);
}

/* Gates z, r, h. The reset acts on the state before its product for h, or with linear_before_reset on the product. */
static void reset_units(const struct rnn *rnn, const struct units *u)
{
    double reset[RUN], state[RUN];
    gate_sum(rnn, u, 1, reset);
    activate(rnn, 0, u->count, reset);
    read_reals(rnn->state, u->place, u->count, state);
    for (int64_t i = 0; i < u->count; i++) reset[i] *= state[i];
    put_reals(reset, u->count, rnn->reset, u->place);
}

static void gru_units(const struct rnn *rnn, const struct units *u)
{
    double update[RUN], old[RUN], new[RUN], share[RUN], reset[RUN];
    gate_sum(rnn, u, 0, update);
    activate(rnn, 0, u->count, update);
    input_share(rnn, u, 2, new);
    state_share(rnn, u, 2, share);
    if (rnn->reset_last) {
        gate_sum(rnn, u, 1, reset);
        activate(rnn, 0, u->count, reset);
        for (int64_t i = 0; i < u->count; i++) share[i] *= reset[i];
    }
    for (int64_t i = 0; i < u->count; i++) new[i] += share[i];
    activate(rnn, 1, u->count, new);
    read_reals(rnn->state, u->place, u->count, old);
    for (int64_t i = 0; i < u->count; i++) new[i] = (1 - update[i]) * new[i] + update[i] * old[i];
    put_reals(new, u->count, rnn->state, u->place);
}

static void step_gru(struct rnn *rnn)
{
    multiply_state(rnn, rnn->state, 0, rnn->reset_last ? 3 : 2);
    if (!rnn->reset_last) {
        each_unit(rnn, reset_units);
        multiply_state(rnn, rnn->reset, 2, 1);
    }
    each_unit(rnn, gru_units);
}

/* --- one direction --- */

/* [steps, batch, inputs] times the direction's weights. */
static void multiply_input(struct rnn *rnn, const struct array *x)
{
    int64_t width = rnn->cell->gates * rnn->hidden, element = (int64_t)store_size(x->store);
    char *w = (char *)rnn->w->data + rnn->direction * width * rnn->inputs * element;
    struct product product = product_packed(x->store, rnn->steps * rnn->batch, rnn->inputs, width);
    product.b_step = 1; /* the weights are transposed */
    product.b_column = rnn->inputs;
    product.count = 1;
    product.weights = rnn->w;
    product.each = &(struct operands){ .a = x->data, .b = w, .c = rnn->input->data };
    product_run(rnn->call, &product);
}

/* Copies `hidden` elements per sequence between [batch, hidden] and a direction of [directions, batch, hidden], or of
 * [batch, directions, hidden]. */
static void copy_state(const struct rnn *rnn, struct array *state, struct array *all, bool out)
{
    size_t bytes = (size_t)rnn->hidden * store_size(state->store);
    for (int64_t n = 0; n < rnn->batch; n++) {
        int64_t row = rnn->batch_first ? n * rnn->directions + rnn->direction : rnn->direction * rnn->batch + n;
        char *inside = (char *)state->data + (size_t)n * bytes, *outside = (char *)all->data + (size_t)row * bytes;
        memcpy(out ? outside : inside, out ? inside : outside, bytes);
    }
}

static void start_state(const struct rnn *rnn, struct array *state, struct array *start)
{
    if (start) copy_state(rnn, state, start, false);
    else memset(state->data, 0, (size_t)state->count * store_size(state->store));
}

/* The position in its sequence that sequence n reads at a step; -1 when it is over. */
static int64_t position_at(const struct rnn *rnn, int64_t n, int64_t step, bool backward)
{
    int64_t length = rnn->lengths ? rnn->lengths[n] : rnn->steps;
    if (step >= length) return -1;
    return backward ? length - 1 - step : step;
}

static void put_outputs(const struct rnn *rnn)
{
    size_t bytes = (size_t)rnn->hidden * store_size(rnn->state->store);
    for (int64_t n = 0; n < rnn->batch; n++) {
        if (rnn->at[n] < 0) continue;
        int64_t t = rnn->at[n] / rnn->batch;
        int64_t row = rnn->batch_first ? (n * rnn->steps + t) * rnn->directions + rnn->direction
                                       : (t * rnn->directions + rnn->direction) * rnn->batch + n;
        memcpy((char *)rnn->y->data + (size_t)row * bytes, (char *)rnn->state->data + (size_t)n * bytes, bytes);
    }
}

static void run_direction(struct rnn *rnn, const struct array *x, bool backward)
{
    multiply_input(rnn, x);
    start_state(rnn, rnn->state, rnn->hidden_start);
    start_state(rnn, rnn->memory, rnn->memory_start);
    CALL_WORK(rnn->call, rnn->steps * rnn->batch, rnn->hidden * rnn->cell->gates, 2, WORK_ELEMENT);
    memset(rnn->reset->data, 0, (size_t)rnn->reset->count * store_size(x->store));
    for (int64_t step = 0; step < rnn->steps; step++) {
        for (int64_t n = 0; n < rnn->batch; n++) {
            int64_t t = position_at(rnn, n, step, backward);
            rnn->at[n] = t < 0 ? -1 : t * rnn->batch + n;
        }
        rnn->cell->step(rnn);
        if (rnn->y) put_outputs(rnn);
    }
    if (rnn->last) copy_state(rnn, rnn->state, rnn->last, true);
    if (rnn->last_memory) copy_state(rnn, rnn->memory, rnn->last_memory, true);
}

/* --- reading the node --- */

/* A list of numbers that the attributes of all functions share. */
struct numbers {
    const float *list;
    size_t count, at;
};

/* The next one; what the operator has by itself where the list ends. */
static double next_number(struct numbers *numbers, double absent)
{
    return numbers->at < numbers->count ? (double)numbers->list[numbers->at++] : absent;
}

static bool read_function(struct rnn *rnn, const char *name, struct numbers *numbers, struct function *f)
{
    const struct operator_row *row = activation_find(name);
    if (!row) return call_fail(rnn->call, "activation \"%s\" is not known", name);
    f->operation = row->data;
    for (int i = 0; i < 2 && f->operation->attributes[i].name; i++)
        f->p[i] = next_number(&numbers[i], f->operation->attributes[i].absent);
    return true;
}

static bool read_functions(struct rnn *rnn)
{
    const struct node *node = rnn->call->node;
    const BnfuseOnnx__AttributeProto *names = node_attribute(node, "activations");
    size_t count = (size_t)(rnn->directions * rnn->cell->functions), given = names ? names->n_strings : 0;
    struct numbers numbers[2] = { { 0 } };
    numbers[0].count = node_floats(node, "activation_alpha", &numbers[0].list);
    numbers[1].count = node_floats(node, "activation_beta", &numbers[1].list);
    if (given && given != count) return call_fail(rnn->call, "activations has %zu entries, not %zu", given, count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rnn->cell->defaults[i % (size_t)rnn->cell->functions];
        if (given) {
            int length = names->strings[i].len < MOST_NAME ? (int)names->strings[i].len : MOST_NAME;
            name = arena_printf(rnn->call->scratch, "%.*s", length, (const char *)names->strings[i].data);
        }
        if (!read_function(rnn, name, numbers, &rnn->functions[i])) return false;
    }
    return true;
}

static bool read_attributes(struct rnn *rnn, bool *backward)
{
    const struct node *node = rnn->call->node;
    const char *direction = node_text(node, "direction", "forward");
    bool both = strcmp(direction, "bidirectional") == 0;
    *backward = strcmp(direction, "reverse") == 0;
    if (!both && !*backward && strcmp(direction, "forward") != 0)
        return call_fail(rnn->call, "direction \"%s\" is not known", direction);
    rnn->directions = both ? 2 : 1;
    rnn->batch_first = node_int(node, "layout", 0) == 1;
    rnn->reset_last = node_int(node, "linear_before_reset", 0) != 0;
    rnn->couple = node_int(node, "input_forget", 0) != 0;
    rnn->clip = (double)node_float(node, "clip", INFINITY);
    if (!(rnn->clip > 0)) return call_fail(rnn->call, "clip %g is not positive", rnn->clip);
    return read_functions(rnn);
}

static bool has_dims(struct call *call, const struct array *array, const char *name, int rank, const int64_t *dims)
{
    if (!array) return true;
    bool same = array->rank == rank;
    for (int i = 0; same && i < rank; i++) same = array->dims[i] == dims[i];
    return same || call_fail(call, "input %s has another shape than the weights and the input ask for", name);
}

static bool read_sizes(struct rnn *rnn)
{
    struct call *call = rnn->call;
    int64_t width, rows;
    if (rnn->x->rank != 3 || rnn->w->rank != 3 || rnn->r->rank != 3)
        return call_fail(call, "X, W and R need 3 dimensions");
    rnn->steps = rnn->x->dims[rnn->batch_first ? 1 : 0];
    rnn->batch = rnn->x->dims[rnn->batch_first ? 0 : 1];
    rnn->inputs = rnn->x->dims[2];
    rnn->hidden = rnn->r->dims[2];
    int64_t named = node_int(call->node, "hidden_size", rnn->hidden);
    if (named != rnn->hidden)
        return call_fail(call, "hidden_size is %lld, R is for %lld", (long long)named, (long long)rnn->hidden);
    if (!size_multiply(rnn->hidden, rnn->cell->gates, &width) || !size_multiply(rnn->steps, rnn->batch, &rows))
        return call_fail(call, "X or R is too large");
    int64_t first = rnn->batch_first ? rnn->batch : rnn->directions;
    int64_t second = rnn->batch_first ? rnn->directions : rnn->batch;
    return has_dims(call, rnn->w, "W", 3, (int64_t[]){ rnn->directions, width, rnn->inputs })
           && has_dims(call, rnn->r, "R", 3, (int64_t[]){ rnn->directions, width, rnn->hidden })
           && has_dims(call, rnn->bias, "B", 2, (int64_t[]){ rnn->directions, 2 * width })
           && has_dims(call, rnn->hidden_start, "initial_h", 3, (int64_t[]){ first, second, rnn->hidden })
           && has_dims(call, rnn->memory_start, "initial_c", 3, (int64_t[]){ first, second, rnn->hidden })
           && has_dims(call, rnn->peepholes, "P", 2, (int64_t[]){ rnn->directions, 3 * rnn->hidden });
}

static bool read_lengths(struct rnn *rnn)
{
    int64_t count;
    if (!call_input(rnn->call, 4)) return true;
    if (!call_list(rnn->call, 4, &rnn->lengths, &count)) return false;
    if (count != rnn->batch)
        return call_fail(rnn->call, "sequence_lens has %lld entries for %lld sequences", (long long)count,
                         (long long)rnn->batch);
    for (int64_t n = 0; n < count; n++)
        if (rnn->lengths[n] < 0 || rnn->lengths[n] > rnn->steps)
            return call_fail(rnn->call, "sequence_lens holds %lld for %lld steps", (long long)rnn->lengths[n],
                             (long long)rnn->steps);
    return true;
}

static bool read_rnn(struct rnn *rnn, bool *backward)
{
    struct call *call = rnn->call;
    if (!call_real(call, 0, "X", true, 3, &rnn->x) || !call_real(call, 1, "W", true, 3, &rnn->w)
        || !call_real(call, 2, "R", true, 3, &rnn->r) || !call_real(call, 3, "B", false, 2, &rnn->bias)
        || !call_real(call, 5, "initial_h", false, 3, &rnn->hidden_start))
        return false;
    if (rnn->cell->has_memory
        && (!call_real(call, 6, "initial_c", false, 3, &rnn->memory_start)
            || !call_real(call, 7, "P", false, 2, &rnn->peepholes)))
        return false;
    return read_attributes(rnn, backward) && read_sizes(rnn) && read_lengths(rnn);
}

static struct array *wanted_state(struct rnn *rnn, size_t slot)
{
    if (!call_wants(rnn->call, slot)) return NULL;
    int64_t first = rnn->batch_first ? rnn->batch : rnn->directions;
    int64_t second = rnn->batch_first ? rnn->directions : rnn->batch;
    return call_output(rnn->call, slot, rnn->x->type, 3, (int64_t[]){ first, second, rnn->hidden });
}

static void make_outputs(struct rnn *rnn)
{
    int64_t rows[] = { rnn->steps, rnn->directions, rnn->batch, rnn->hidden };
    int64_t columns[] = { rnn->batch, rnn->steps, rnn->directions, rnn->hidden };
    if (call_wants(rnn->call, 0)) {
        rnn->y = call_output(rnn->call, 0, rnn->x->type, 4, rnn->batch_first ? columns : rows);
        memset(rnn->y->data, 0, (size_t)rnn->y->count * store_size(rnn->y->store));
    }
    rnn->last = wanted_state(rnn, 1);
    rnn->last_memory = rnn->cell->has_memory ? wanted_state(rnn, 2) : NULL;
}

static struct array *make_room(const struct rnn *rnn, int64_t rows, int64_t columns)
{
    return array_new(rnn->call->pool, rnn->x->type, rnn->x->store, 2, (int64_t[]){ rows, columns });
}

static void run_directions(struct rnn *rnn, bool backward)
{
    int64_t width = rnn->cell->gates * rnn->hidden, inputs = rnn->inputs, hidden = rnn->hidden;
    int64_t swapped[] = { rnn->steps, rnn->batch, inputs }, swapped_strides[] = { inputs, rnn->steps * inputs, 1 };
    struct array *x =
        rnn->batch_first ? strided_copy(rnn->call, rnn->x, 3, swapped, swapped_strides) : array_keep(rnn->x);
    rnn->at = NEW_ARRAY(rnn->call->scratch, int64_t, (size_t)rnn->batch);
    rnn->input = make_room(rnn, rnn->steps * rnn->batch, width);
    rnn->recurrent = make_room(rnn, rnn->batch, width);
    rnn->state = make_room(rnn, rnn->batch, hidden);
    rnn->memory = make_room(rnn, rnn->batch, hidden);
    rnn->reset = make_room(rnn, rnn->batch, hidden);
    for (; rnn->direction < rnn->directions; rnn->direction++) run_direction(rnn, x, backward || rnn->direction == 1);
    product_forget(rnn->r);
    struct array *rooms[] = { x, rnn->input, rnn->recurrent, rnn->state, rnn->memory, rnn->reset };
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) array_drop(rooms[i]);
}

static bool run_rnn(struct call *call)
{
    struct rnn rnn = { .call = call, .simd = simd_for(STORE_F64, call->simd_row), .cell = call->row->data };
    bool backward;
    if (!read_rnn(&rnn, &backward)) return false;
    rnn.simd_of_x = simd_for(rnn.x->store, call->simd_row);
    make_outputs(&rnn);
    if (rnn.batch > 0 && rnn.hidden > 0) run_directions(&rnn, backward);
    return true;
}

static const struct cell plain = { 1, 1, { "Tanh" }, false, step_rnn };
static const struct cell gru = { 3, 2, { "Sigmoid", "Tanh" }, false, step_gru };
static const struct cell lstm = { 4, 3, { "Sigmoid", "Tanh", "Tanh" }, true, step_lstm };

/* ---- shapes ---- */

/* The hidden size: the attribute, or the last axis of the recurrence weights [directions, gates * hidden, hidden]. */
static struct dim hidden_dim(struct shaping *s)
{
    if (node_attribute(s->node, "hidden_size")) return number_dim(node_int(s->node, "hidden_size", -1));
    return input_rank(s, 2) == 3 ? input_dim(s, 2, 2) : fresh_dim(s);
}

/* Y [sequence, directions, batch, hidden], Y_h and Y_c [directions, batch, hidden]; with layout 1 the batch is
 * first. */
static bool shape_recurrent(struct shaping *s)
{
    struct dim sequence = fresh_dim(s), batch = fresh_dim(s), hidden = hidden_dim(s);
    bool batch_first = node_int(s->node, "layout", 0) != 0;
    bool both = strcmp(node_text(s->node, "direction", "forward"), "bidirectional") == 0;
    if (input_rank(s, 0) >= 0) {
        if (input_rank(s, 0) != 3) return false;
        sequence = input_dim(s, 0, batch_first ? 1 : 0);
        batch = input_dim(s, 0, batch_first ? 0 : 1);
    }
    struct dim directions = number_dim(both ? 2 : 1), merged;
    const int64_t gates = ((const struct cell *)s->row->data)->gates;
    if (input_rank(s, 2) == 3
        && !(merge_dims(input_dim(s, 2, 0), directions, &merged)
             && merge_dims(input_dim(s, 2, 1), scale_dim(s, hidden, gates), &merged)
             && merge_dims(input_dim(s, 2, 2), hidden, &merged)))
        return false;
    if (input_rank(s, 3) == 2 && !merge_dims(input_dim(s, 3, 1), scale_dim(s, hidden, 2 * gates), &merged))
        return false;
    if (input_rank(s, 7) == 2 && !merge_dims(input_dim(s, 7, 1), scale_dim(s, hidden, 3), &merged)) return false;
    struct dim all[4] = { batch_first ? batch : sequence, batch_first ? sequence : directions,
                          batch_first ? directions : batch, hidden };
    struct dim last[3] = { batch_first ? batch : directions, batch_first ? directions : batch, hidden };
    enum dtype type = common_type(s, 3);
    return set_output(s, 0, type, 4, all) && set_output(s, 1, type, 3, last) && set_output(s, 2, type, 3, last);
}

static const struct weight_need recurrent_need = { .rank = 3, .axis = 2, .weight_axis = 2 };

const struct operator_row rnn_operators[] = {
    { "GRU", 1, LATEST, .gradient = gradient_gru, .run = run_rnn, .data = &gru, .shape = shape_recurrent,
      .sizes = SLOT(4), .limits = { [4] = LIMIT_LENGTH }, .need = &recurrent_need,
      .schemas = SCHEMAS({ 1, 2, "Tf[sbi] T[dgi] T[dgh] ?T[dq] ?i32[b] ?T[dbh] > ?T T",
                           "activation_alpha:F activation_beta:F activations:S clip:f " RNN_DIRECTION "hidden_size:n "
                           "output_sequence:i" },
                         { 3, 6, "Tf[sbi] T[dgi] T[dgh] ?T[dq] ?i32[b] ?T[dbh] > ?T ?T",
                           "activation_alpha:F activation_beta:F activations:S clip:f " RNN_DIRECTION "hidden_size:n "
                           "linear_before_reset:i output_sequence:i" },
                         { 7, 13, "Tf[sbi] T[dgi] T[dgh] ?T[dq] ?i32[b] ?T[dbh] > ?T ?T",
                           "activation_alpha:F activation_beta:F activations:S clip:f " RNN_DIRECTION "hidden_size:n "
                           "linear_before_reset:i" },
                         { 14, LATEST, "Tf22h[__i] T[dgi] T[dgh] ?T[dq] ?i32[_] ?T[__h] > ?T ?T",
                           "activation_alpha:F activation_beta:F activations:S clip:f " RNN_DIRECTION "hidden_size:n "
                           "layout:i linear_before_reset:i" }) },
    { "LSTM", 1, LATEST, .gradient = gradient_lstm, .run = run_rnn, .data = &lstm, .shape = shape_recurrent,
      .sizes = SLOT(4), .limits = { [4] = LIMIT_LENGTH }, .need = &recurrent_need,
      .schemas = SCHEMAS({ 1, 6, "Tf[sbi] T[dgi] T[dgh] ?T[dq] ?i32[b] ?T[dbh] ?T[dbh] ?T[dp] > ?T ?T ?T",
                           "activation_alpha:F activation_beta:F activations:S clip:f " RNN_DIRECTION "hidden_size:n "
                           "input_forget:i output_sequence:i" },
                         { 7, 13, "Tf[sbi] T[dgi] T[dgh] ?T[dq] ?i32[b] ?T[dbh] ?T[dbh] ?T[dp] > ?T ?T ?T",
                           "activation_alpha:F activation_beta:F activations:S clip:f " RNN_DIRECTION "hidden_size:n "
                           "input_forget:i" },
                         { 14, LATEST, "Tf22h[__i] T[dgi] T[dgh] ?T[dq] ?i32[_] ?T[__h] ?T[__h] ?T[dp] > ?T ?T ?T",
                           "activation_alpha:F activation_beta:F activations:S clip:f " RNN_DIRECTION "hidden_size:n "
                           "input_forget:i layout:i" }) },
    { "RNN", 1, LATEST, .gradient = gradient_rnn, .run = run_rnn, .data = &plain, .shape = shape_recurrent,
      .sizes = SLOT(4), .limits = { [4] = LIMIT_LENGTH }, .need = &recurrent_need,
      .schemas = SCHEMAS({ 1, 6, "Tf[sbi] T[dgi] T[dgh] ?T[dq] ?i32[b] ?T[dbh] > ?T ?T",
                           "activation_alpha:F activation_beta:F activations:S clip:f " RNN_DIRECTION "hidden_size:n "
                           "output_sequence:i" },
                         { 7, 13, "Tf[sbi] T[dgi] T[dgh] ?T[dq] ?i32[b] ?T[dbh] > ?T ?T",
                           "activation_alpha:F activation_beta:F activations:S clip:f " RNN_DIRECTION "hidden_size:n" },
                         { 14, LATEST, "Tf22h[__i] T[dgi] T[dgh] ?T[dq] ?i32[_] ?T[__h] > ?T ?T",
                           "activation_alpha:F activation_beta:F activations:S clip:f " RNN_DIRECTION "hidden_size:n "
                           "layout:i" }) },
    { 0 },
};
