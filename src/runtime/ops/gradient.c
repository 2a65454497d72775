/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradient of ai.onnx.preview.training: the derivatives of a value of the graph by others.
 *
 * The attributes name values of the graph: y, the xs it is derived by, and the zs that are given besides. What lies
 * between is run again, on the numbers that the node gets as inputs for xs and zs, and every value of it is kept; then
 * each of its nodes is asked for its part, the last first (runtime/gradient.h). */
#include "runtime/gradient.h"

#include "base/pointer_map.h"
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/ops/operators.h"
#include "runtime/plan.h"
#include "runtime/run.h"

#include <string.h>

/* What is between xs and y. The maps are by value. */
struct derivation {
    struct call *call;
    struct value **given; /* xs, then zs */
    size_t given_count, x_count;
    struct value *y;
    const struct schedule *schedule;
    struct pointer_map arrays;    /* what each value held */
    struct pointer_map moves;     /* values that change with an x */
    struct pointer_map gradients; /* so far; kept */
};

static bool gradient(struct call *call);

/* ---- names ---- */

static bool find_value(struct derivation *t, ProtobufCBinaryData name, struct value **value)
{
    char *text = arena_alloc(t->call->scratch, name.len + 1);
    if (name.len > 0) memcpy(text, name.data, name.len);
    *value = scope_value(t->call->node->graph, text);
    return *value || call_fail(t->call, "there is no value \"%s\"", text);
}

/* The values that a list attribute names, behind those that are there. */
static bool find_values(struct derivation *t, const char *attribute)
{
    const BnfuseOnnx__AttributeProto *names = node_attribute(t->call->node, attribute);
    for (size_t i = 0; names && i < names->n_strings; i++) {
        if (t->given_count == t->call->input_count || !call_input(t->call, t->given_count))
            return call_fail(t->call, "names more values than it has inputs");
        if (!find_value(t, names->strings[i], &t->given[t->given_count])) return false;
        t->given_count++;
    }
    return true;
}

static bool read_names(struct derivation *t)
{
    const BnfuseOnnx__AttributeProto *y = node_attribute(t->call->node, "y");
    t->given = NEW_ARRAY(t->call->scratch, struct value *, t->call->input_count);
    if (!y || !find_value(t, y->s, &t->y)) return y ? false : call_fail(t->call, "has no attribute y");
    if (!find_values(t, "xs")) return false;
    t->x_count = t->given_count;
    return find_values(t, "zs")
           && (t->given_count == t->call->input_count || call_fail(t->call, "has more inputs than xs and zs name"));
}

/* ---- the run ---- */

/* A second derivative could want the very node that asks for it. */
static bool is_derived(const struct schedule *schedule)
{
    for (size_t i = 0; i < schedule->step_count; i++) {
        const struct step *step = schedule->steps[i];
        if (step->node->row && step->node->row->names_values) return true;
        if (step->function && is_derived(step->function)) return true;
        for (size_t k = 0; k < step->node->inner_count; k++)
            if (is_derived(step->bodies[k])) return true;
    }
    return false;
}

/* Every value between xs and y, and every constant that is read there. */
static bool run_between(struct derivation *t)
{
    struct call *call = t->call;
    struct plan *plan;
    const struct net *net = call->node->graph->net;
    struct run_options options = *run_settings(call->run);
    options.observe = NULL;
    options.team = call->team;
    options.threads = call->threads;
    if (!plan_build(&plan, call->scratch, net, t->given, t->given_count, &t->y, 1, call->error)) return false;
    if (is_derived(plan->schedule)) return call_unsupported(call, "the gradient of a gradient is not known");
    t->schedule = plan->schedule;
    size_t count = t->schedule->slot_count;
    struct value **values = NEW_ARRAY(call->scratch, struct value *, count);
    struct array **arrays = NEW_ARRAY(call->scratch, struct array *, count);
    if (count > 0) memcpy(values, t->schedule->values, count * sizeof *values);
    if (!plan_build(&plan, call->scratch, net, t->given, t->given_count, values, count, call->error)
        || !plan_run(plan, &options, call->inputs, arrays, call->error))
        return false;
    for (size_t i = 0; i < count; i++) pointer_map_set(&t->arrays, values[i], arrays[i]);
    return true;
}

static struct array *array_of(const struct derivation *t, const struct value *value)
{
    return value ? pointer_map_get(&t->arrays, value) : NULL;
}

/* ---- backward ---- */

/* Whether the step's outputs change with an x: then those of real numbers are noted, and the step is asked. */
static bool note_moves(struct derivation *t, const struct step *step)
{
    bool moves = false;
    for (size_t i = 0; i < step->node->input_count; i++)
        moves = moves || (step->node->inputs[i].value && pointer_map_get(&t->moves, step->node->inputs[i].value));
    for (size_t i = 0; moves && i < step->node->output_count; i++) {
        struct array *array = array_of(t, step->node->outputs[i]);
        if (array && is_real(array)) pointer_map_set(&t->moves, step->node->outputs[i], array);
    }
    return moves;
}

static void add_gradient(struct derivation *t, const struct value *value, struct array *dx)
{
    struct formula f;
    struct array *old = pointer_map_get(&t->gradients, value);
    formula_open(&f, t->call);
    if (old) dx = formula_add(&f, old, dx);
    pointer_map_set(&t->gradients, value, array_keep(dx));
    array_drop(old);
    formula_close(&f);
}

/* Every input that moves must have got a gradient, so that none is forgotten. */
static bool spread(struct derivation *t, const struct node *node, struct array *const *dx, bool is_flat)
{
    struct call call = *t->call;
    call.node = node;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node->inputs[i].value;
        if (!value || !pointer_map_get(&t->moves, value)) continue;
        if (dx[i]) add_gradient(t, value, dx[i]);
        else if (!is_flat) return call_unsupported(&call, "the gradient of input %zu is not known", i);
    }
    return true;
}

static bool ask(struct derivation *t, const struct step *step)
{
    const struct node *node = step->node;
    struct arena *scratch = t->call->scratch;
    struct array **inputs = NEW_ARRAY(scratch, struct array *, node->input_count);
    struct array **y = NEW_ARRAY(scratch, struct array *, node->output_count);
    struct array **dy = NEW_ARRAY(scratch, struct array *, node->output_count);
    struct array **dx = NEW_ARRAY(scratch, struct array *, node->input_count);
    bool reached = false, is_flat = false;
    for (size_t i = 0; i < node->input_count; i++) inputs[i] = array_of(t, node->inputs[i].value);
    for (size_t i = 0; i < node->output_count; i++) {
        y[i] = array_of(t, node->outputs[i]);
        dy[i] = node->outputs[i] ? pointer_map_get(&t->gradients, node->outputs[i]) : NULL;
        reached = reached || dy[i];
    }
    if (!reached) return true;
    bool good =
        gradient_ask(t->call, node, inputs, node->input_count, y, dy, dx, &is_flat) && spread(t, node, dx, is_flat);
    for (size_t i = 0; i < node->input_count; i++) array_drop(dx[i]);
    return good;
}

static bool walk_back(struct derivation *t)
{
    const struct schedule *schedule = t->schedule;
    bool *moves = NEW_ARRAY(t->call->scratch, bool, schedule->step_count);
    for (size_t i = 0; i < t->x_count; i++) pointer_map_set(&t->moves, t->given[i], t->given[i]);
    for (size_t i = 0; i < schedule->step_count; i++) moves[i] = note_moves(t, schedule->steps[i]);
    for (size_t i = schedule->step_count; i-- > 0;)
        if (moves[i] && !ask(t, schedule->steps[i])) return false;
    return true;
}

/* ---- the operator ---- */

/* Ones like y: of several elements the sum is derived. */
static bool begin(struct derivation *t)
{
    struct array *y = array_of(t, t->y);
    if (!y || !is_real(y)) return call_fail(t->call, "needs a real tensor as y");
    struct array *ones = array_new(t->call->pool, y->type, y->store, y->rank, y->dims);
    for (int64_t i = 0; i < ones->count; i++) element_put(ones, i, 1);
    pointer_map_set(&t->gradients, t->y, ones);
    return true;
}

/* Zeros where y does not change with an x. */
static void give_all(struct derivation *t)
{
    for (size_t i = 0; i < t->x_count; i++) {
        const struct array *x = call_input(t->call, i);
        struct array *dx = pointer_map_get(&t->gradients, t->given[i]);
        if (dx) call_give(t->call, i, array_keep(dx));
        if (dx || !is_real(x)) continue;
        dx = call_output(t->call, i, x->type, x->rank, x->dims);
        memset(dx->data, 0, (size_t)dx->count * store_size(dx->store));
    }
}

static void drop_values(struct derivation *t)
{
    for (size_t i = 0; t->schedule && i < t->schedule->slot_count; i++) {
        array_drop(pointer_map_get(&t->arrays, t->schedule->values[i]));
        array_drop(pointer_map_get(&t->gradients, t->schedule->values[i]));
    }
}

static bool gradient(struct call *call)
{
    struct derivation t = { .call = call };
    t.arrays.arena = t.moves.arena = t.gradients.arena = call->scratch;
    bool good = read_names(&t) && run_between(&t) && begin(&t) && walk_back(&t);
    if (good) give_all(&t);
    drop_values(&t);
    return good;
}

static bool shape_gradient(struct shaping *s)
{
    for (size_t i = 0; i < s->node->output_count && i < s->node->input_count; i++)
        if (!set_like(s, i, input_type(s, i), i)) return false;
    return true;
}

const struct operator_row gradient_operators[] = {
    { "ai.onnx.preview.training:Gradient", 1, LATEST, .run = gradient, .shape = shape_gradient, .names_values = true,
      .schemas = SCHEMAS({ 1, LATEST, ". *. > . *.", "xs!S y!s zs:S" }) },
    { 0 },
};
