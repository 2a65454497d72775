/* SPDX-License-Identifier: Apache-2.0
 *
 * The bookkeeping of one decision: steps, costs, words. */
#include "passes/decide/decision.h"

#include "onnx/graph/bn.h"
#include "onnx/graph/edit.h"
#include "onnx/shape/symbol.h"
#include "passes/decide/remark.h"

#include <stdio.h>
#include <string.h>

enum { NAMED_SIZES = 16 }; /* of the dims that a caller names */

static int64_t named_size(const struct bnfuse_fuse_options *options, const char *name)
{
    for (size_t i = 0; name && i < options->dim_count; i++)
        if (strcmp(options->dims[i].name, name) == 0) return options->dims[i].size;
    return -1;
}

bool decision_has_size(const struct decision *decision, int symbol)
{
    for (size_t i = 0; i < decision->size_count; i++)
        if (decision->sizes[i].symbol == symbol) return true;
    return false;
}

static void take_sizes(struct decision *decision)
{
    const struct graph *graph = decision->net->main;
    if (decision->options->dim_count == 0) return;
    decision->sizes = NEW_ARRAY(decision->net->arena, struct named_size, NAMED_SIZES);
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct value *input = graph->inputs[i];
        for (int axis = 0; axis < input->shape.rank && decision->size_count < NAMED_SIZES; axis++) {
            struct named_size named = { input->shape.dims[axis].symbol, -1 };
            if (!decision_has_size(decision, named.symbol))
                named.size = named_size(decision->options, value_dim_name(input, axis));
            if (named.symbol && named.size > 0) decision->sizes[decision->size_count++] = named;
        }
    }
}

struct decision *decision_open(struct net *net, const struct bnfuse_fuse_options *options,
                               const struct pass_report *report, const struct root_kind *kind)
{
    struct decision *decision = NEW(net->arena, struct decision);
    decision->net = net;
    decision->options = options;
    decision->kind = kind;
    take_sizes(decision);
    decision->all_visits = report->all_visits;
    decision->constants = report->constants;
    decision->is_late = report->is_late;
    decision->arena = arena_scratch(net->arena);
    return decision;
}

void decision_close(struct decision *decision)
{
    constants_forget(decision->constants);
    arena_close(decision->arena);
}

enum reason decision_stop(struct decision *decision, enum reason reason, const char *where, const char *detail, ...)
{
    char text[256];
    va_list values;
    va_start(values, detail);
    vsnprintf(text, sizeof text, detail, values);
    va_end(values);
    decision->words.where = where;
    decision->words.detail = arena_copy_text(decision->arena, text);
    decision->words.help = NULL;
    return reason;
}

static bool size_of_unknown(void *context, int unknown, int64_t *size)
{
    const struct decision *decision = context;
    for (size_t i = 0; i < decision->size_count; i++) {
        *size = decision->sizes[i].size;
        if (symbol_unknown(decision->net->symbols, decision->sizes[i].symbol) == unknown) return true;
    }
    return false;
}

/* Also one that is computed from those named: what a strided Conv leaves of H. */
static int64_t size_of(void *context, int symbol)
{
    const struct decision *decision = context;
    int64_t size;
    for (size_t i = 0; i < decision->size_count; i++)
        if (decision->sizes[i].symbol == symbol) return decision->sizes[i].size;
    bool is_known =
        decision->size_count > 0 && symbol_evaluate(decision->net->symbols, symbol, size_of_unknown, context, &size);
    return is_known && size > 0 ? size : -1;
}

bool decision_is_less(struct decision *decision, const struct work *a, const struct work *b)
{
    const struct work left = work_at(a, size_of, decision), right = work_at(b, size_of, decision);
    return work_is_less(&left, &right);
}

bool decision_is_at_most(struct decision *decision, const struct work *a, const struct work *b)
{
    const struct work left = work_at(a, size_of, decision), right = work_at(b, size_of, decision);
    return work_is_at_most(&left, &right);
}

struct step *decision_step(struct decision *decision, void (*apply)(struct decision *, const struct step *),
                           struct node *node)
{
    struct step *step = NEW(decision->arena, struct step);
    *step = (struct step){ .apply = apply, .node = node, .previous = decision->last };
    *(step->previous ? &step->previous->next : &decision->steps) = step;
    decision->last = step;
    if (!node) return step;
    step->earlier = decision_steps_of(decision, node);
    pointer_map_set(&decision->steps_of, node, step);
    return step;
}

struct step *decision_steps_of(const struct decision *decision, const struct node *node)
{
    return pointer_map_get(&decision->steps_of, node);
}

void decision_clear(struct decision *decision)
{
    arena_clear(decision->arena);
    constants_make_room(decision->constants);
}

void decision_begin(struct decision *decision, const struct node *root, enum dtype type)
{
    decision->steps = decision->last = NULL;
    decision->steps_of = (struct pointer_map){ .arena = decision->arena };
    decision->cost = (struct cost){ 0 };
    decision->visits = decision->depth = 0;
    decision->words = (struct words){ "", "", NULL };
    decision->floors = decision->ceilings = decision->compensates = decision->crosses = decision->leaves_scale = false;
    decision->copies = false;
    decision->path[0] = '\0';
    decision->root = root;
    decision->shares = NULL;
    decision->has_supplies = false;
    decision->root_is_norm = bn_is(root);
    decision->type = type;
}

static void apply_rename(struct decision *decision, const struct step *step)
{
    (void)decision;
    edit_rename(step->value);
}

void decision_rename(struct decision *decision, struct value *value)
{
    decision_step(decision, apply_rename, NULL)->value = value;
}

struct decision_mark decision_mark(const struct decision *decision)
{
    return (struct decision_mark){ decision->last, decision->cost };
}

void decision_undo(struct decision *decision, struct decision_mark mark)
{
    for (; decision->last != mark.last; decision->last = decision->last->previous)
        if (decision->last->node) pointer_map_set(&decision->steps_of, decision->last->node, decision->last->earlier);
    *(mark.last ? &mark.last->next : &decision->steps) = NULL;
    decision->cost = mark.cost;
}

/* A parameter of a local function that is called from several places: each may give another value. */
static bool is_argument_of_many(const struct value *value)
{
    return value->is_input && value->graph->function && value->graph->call_count > 1;
}

static enum reason why_not(const struct value *value, bool over_budget)
{
    return over_budget                   ? REASON_BUDGET
           : value_is_overridable(value) ? REASON_OVERRIDABLE
           : is_argument_of_many(value)  ? REASON_SHARED_FUNCTION
                                         : REASON_NOT_CONSTANT;
}

const struct tensor *decision_constant(struct decision *decision, struct value *value, enum reason *why)
{
    bool over_budget;
    *why = REASON_NOT_CONSTANT;
    if (!value) return NULL;
    const struct tensor *tensor = constant_find(decision->constants, value, &over_budget);
    *why = why_not(value, over_budget);
    return tensor;
}

const struct tensor *decision_parameter(struct decision *decision, struct value *value, enum reason *why)
{
    bool over_budget;
    const struct tensor *tensor = constant_find_expanded(decision->constants, value, &over_budget);
    *why = why_not(value, over_budget);
    return tensor;
}
