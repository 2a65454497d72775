/* SPDX-License-Identifier: Apache-2.0
 *
 * What gradient functions share, and those of operators that only move elements. */
#include "runtime/gradient.h"

#include "base/pointer_map.h"
#include "runtime/element.h"

#include <string.h>

struct array *gradient_x(const struct backward *b, size_t slot)
{
    return call_input(b->f.call, slot);
}

struct array *gradient_y(const struct backward *b, size_t slot)
{
    return slot < b->f.call->output_count ? b->y[slot] : NULL;
}

struct array *gradient_dy(const struct backward *b, size_t slot)
{
    return slot < b->f.call->output_count ? b->dy[slot] : NULL;
}

const struct node *gradient_node(const struct backward *b)
{
    return b->f.call->node;
}

void gradient_refuse(struct backward *b, const char *what)
{
    if (!b->f.failed) call_unsupported(b->f.call, "the gradient of %s is not known", what);
    b->f.failed = true;
}

struct array *gradient_zeros(struct backward *b, const struct array *like)
{
    struct array *zeros = array_new(b->f.call->pool, like->type, like->store, like->rank, like->dims);
    memset(zeros->data, 0, (size_t)zeros->count * store_size(zeros->store));
    return formula_hold(&b->f, zeros);
}

/* Sums over the axes along which `like` was repeated to get the shape of dx. */
static struct array *unbroadcast(struct formula *f, struct array *dx, const struct array *like)
{
    int64_t axes[ARRAY_MAX_RANK], count = 0;
    for (int i = 0; i < dx->rank; i++) {
        int at = i - (dx->rank - like->rank);
        if (at < 0 || (like->dims[at] == 1 && dx->dims[i] != 1)) axes[count++] = i;
    }
    if (count > 0) dx = formula_sum(f, dx, axes, count, true);
    if (dx && (dx->rank != like->rank || count > 0)) dx = formula_reshaped(f, dx, like->rank, like->dims);
    return dx;
}

void gradient_give(struct backward *b, size_t slot, struct array *dx)
{
    const struct array *x = gradient_x(b, slot);
    if (b->f.failed || !x || !dx || !is_real(x)) return;
    dx = unbroadcast(&b->f, dx, x);
    if (dx && dx->type != x->type) dx = formula_cast(&b->f, dx, x->type);
    if (dx && b->dx[slot]) dx = formula_add(&b->f, b->dx[slot], dx);
    if (!dx) return;
    array_keep(dx);
    array_drop(b->dx[slot]);
    b->dx[slot] = dx;
}

void gradient_flat(struct backward *b)
{
    b->is_flat = true;
}

/* ---- elements that move ---- */

/* Whether elements of the outputs are elements of this input: as the row says, or all that are real and no sizes. */
static bool is_moved(const struct backward *b, size_t slot)
{
    const struct operator_row *row = gradient_node(b)->row;
    const struct array *x = gradient_x(b, slot);
    unsigned bit = slot < 32 ? SLOT(slot) : 0;
    if (!x || !is_real(x)) return false;
    if (row->passes == ALL_SLOTS) return true;
    return row->passes ? (row->passes & bit) != 0 : !(row->sizes & bit);
}

/* Numbers from `first`, shaped as x. */
static struct array *numbered(struct formula *f, const struct array *x, int64_t first)
{
    struct array *numbers = array_new(f->call->pool, DTYPE_INT64, STORE_I64, x->rank, x->dims);
    for (int64_t i = 0; i < numbers->count; i++) numbers->i64[i] = first + i;
    return formula_hold(f, numbers);
}

/* Adds each element of dy to that of dx whose number, counted from `first`, is in its place. */
static void add_back(struct array *dx, int64_t first, const struct array *numbers, const struct array *dy)
{
    for (int64_t i = 0; i < dy->count && i < numbers->count; i++) {
        int64_t at = numbers->i64[i] - first;
        if (at >= 0 && at < dx->count) element_put(dx, at, element_real(dx, at) + element_real(dy, i));
    }
}

/* A number of 0 stands for what is no element of an input: padding. */
void gradient_moved(struct backward *b)
{
    struct call *call = b->f.call;
    struct array **inputs = NEW_ARRAY(call->scratch, struct array *, call->input_count);
    struct array **numbers = NEW_ARRAY(call->scratch, struct array *, call->output_count);
    int64_t *first = NEW_ARRAY(call->scratch, int64_t, call->input_count), next = 1;
    for (size_t i = 0; i < call->input_count; i++) {
        inputs[i] = gradient_x(b, i);
        first[i] = next;
        if (is_moved(b, i)) inputs[i] = numbered(&b->f, inputs[i], next);
        else if (inputs[i] && is_real(inputs[i]) && call->node->row->passes) inputs[i] = NULL;
        if (is_moved(b, i)) next += inputs[i]->count;
    }
    if (!formula_repeat(&b->f, inputs, call->input_count, numbers)) return;
    for (size_t i = 0; i < call->input_count; i++) {
        if (!is_moved(b, i)) continue;
        struct array *dx = gradient_zeros(b, gradient_x(b, i));
        for (size_t k = 0; k < call->output_count; k++)
            if (numbers[k] && is_whole(numbers[k]) && gradient_dy(b, k))
                add_back(dx, first[i], numbers[k], gradient_dy(b, k));
        gradient_give(b, i, dx);
    }
}

/* ---- one node ---- */

bool gradient_ask(const struct call *outer, const struct node *node, struct array **inputs, size_t input_count,
                  struct array *const *y, struct array *const *dy, struct array **dx, bool *is_flat)
{
    struct call call = *outer;
    call.node = node;
    call.row = node->row;
    call.tape = NULL;
    call.input_count = input_count;
    call.output_count = node->output_count;
    call.inputs = inputs;
    call.outputs = NEW_ARRAY(outer->scratch, struct array *, node->output_count);
    struct backward b = { .y = y, .dy = dy, .dx = dx };
    if (!node->row || !node->row->gradient)
        return call_unsupported(&call, "the gradient of this operator is not known");
    formula_open(&b.f, &call);
    node->row->gradient(&b);
    *is_flat = b.is_flat;
    return formula_close(&b.f);
}

/* ---- back through the steps of a formula ---- */

/* The maps are by array. */
struct trail {
    struct backward *b;
    struct tape tape;
    struct pointer_map moves;     /* arrays that change with an input */
    struct pointer_map gradients; /* so far; held by b's formula */
};

static void trail_add(struct trail *t, const struct array *array, struct array *dx)
{
    struct array *old = pointer_map_get(&t->gradients, array);
    if (old) dx = formula_add(&t->b->f, old, dx);
    if (dx) pointer_map_set(&t->gradients, array, dx);
}

static bool note_moves(struct trail *t, const struct tape_step *step)
{
    bool moves = false;
    for (size_t i = 0; i < step->input_count; i++)
        moves = moves || (step->inputs[i] && pointer_map_get(&t->moves, step->inputs[i]));
    for (size_t i = 0; moves && i < step->node->output_count; i++)
        if (step->outputs[i] && is_real(step->outputs[i]))
            pointer_map_set(&t->moves, step->outputs[i], step->outputs[i]);
    return moves;
}

static bool step_back(struct trail *t, const struct tape_step *step)
{
    struct formula *f = &t->b->f;
    struct array **dy = NEW_ARRAY(f->call->scratch, struct array *, step->node->output_count);
    struct array **dx = NEW_ARRAY(f->call->scratch, struct array *, step->input_count);
    bool reached = false, is_flat = false;
    for (size_t i = 0; i < step->node->output_count; i++) {
        dy[i] = step->outputs[i] ? pointer_map_get(&t->gradients, step->outputs[i]) : NULL;
        reached = reached || dy[i];
    }
    if (!reached) return true;
    if (!gradient_ask(f->call, step->node, step->inputs, step->input_count, step->outputs, dy, dx, &is_flat))
        return false;
    for (size_t i = 0; i < step->input_count; i++) {
        bool moves = step->inputs[i] && pointer_map_get(&t->moves, step->inputs[i]);
        if (dx[i]) formula_hold(f, dx[i]);
        if (moves && dx[i]) trail_add(t, step->inputs[i], dx[i]);
        else if (moves && !is_flat)
            return call_unsupported(f->call, "the gradient of operator %s is not known", step->node->op);
    }
    return true;
}

static bool walk_back(struct trail *t)
{
    bool *moves = NEW_ARRAY(t->b->f.call->scratch, bool, t->tape.count);
    for (size_t i = 0; i < t->tape.count; i++) moves[i] = note_moves(t, &t->tape.steps[i]);
    for (size_t i = t->tape.count; i-- > 0;)
        if (moves[i] && !step_back(t, &t->tape.steps[i])) return false;
    return !t->b->f.failed;
}

/* The inputs get structures of their own, for one array may be there twice. */
void gradient_through(struct backward *b, bool (*formula)(struct call *call))
{
    struct call call = *b->f.call;
    struct trail t = { .b = b, .tape = { .arena = call.scratch } };
    t.moves.arena = t.gradients.arena = call.scratch;
    call.tape = &t.tape;
    call.inputs = NEW_ARRAY(call.scratch, struct array *, call.input_count);
    call.outputs = NEW_ARRAY(call.scratch, struct array *, call.output_count);
    for (size_t i = 0; i < call.input_count; i++) {
        struct array *x = call.inputs[i] = gradient_x(b, i);
        if (!x || !is_real(x)) continue;
        call.inputs[i] = formula_hold(&b->f, array_reshaped(x, x->rank, x->dims));
        pointer_map_set(&t.moves, call.inputs[i], x);
    }
    bool good = formula(&call);
    for (size_t i = 0; good && i < call.output_count; i++)
        if (call.outputs[i] && gradient_dy(b, i)) trail_add(&t, call.outputs[i], gradient_dy(b, i));
    good = good && walk_back(&t);
    for (size_t i = 0; good && i < call.input_count; i++) {
        struct array *x = gradient_x(b, i);
        if (!x || !is_real(x)) continue;
        struct array *dx = pointer_map_get(&t.gradients, call.inputs[i]);
        gradient_give(b, i, dx ? dx : gradient_zeros(b, x));
    }
    for (size_t i = 0; i < call.output_count; i++) array_drop(call.outputs[i]);
    tape_close(&t.tape);
    b->f.failed = b->f.failed || !good;
}

void gradient_formula(struct backward *b)
{
    gradient_through(b, gradient_node(b)->row->run);
}
