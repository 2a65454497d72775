/* SPDX-License-Identifier: Apache-2.0
 *
 * The bookkeeping of one decision: steps, costs, words. */
#include "passes/decide/decision.h"

#include "onnx/graph/bn.h"
#include "onnx/graph/edit.h"

#include <stdio.h>
#include <string.h>

static void release_scratch(void *arena)
{
    arena_close(arena);
}

struct decision *decision_open(struct net *net, const struct bnfuse_fuse_options *options, const struct root_kind *kind)
{
    struct decision *decision = NEW(net->arena, struct decision);
    decision->net = net;
    decision->options = options;
    decision->kind = kind;
    decision->all_visits = NEW(net->arena, size_t);
    decision->constants = constants_open(net->arena, options->fold_limit);
    decision->arena = NEW(net->arena, struct arena);
    arena_open(decision->arena, net->arena->memory);
    arena_defer(net->arena, release_scratch, decision->arena);
    return decision;
}

void decision_close(struct decision *decision)
{
    constants_close(decision->constants);
    arena_close(decision->arena);
}

enum reason decision_stop(struct decision *decision, enum reason reason, const char *where, const char *detail, ...)
{
    char text[256];
    va_list values;
    va_start(values, detail);
    vsnprintf(text, sizeof text, detail, values);
    va_end(values);
    decision->where = where;
    decision->detail = arena_copy_text(decision->arena, text);
    return reason;
}

struct step *decision_step(struct decision *decision, void (*apply)(struct decision *, const struct step *),
                           struct node *node)
{
    struct step *step = NEW(decision->arena, struct step);
    *step = (struct step){ .apply = apply, .node = node };
    *decision->last = step;
    decision->last = &step->next;
    return step;
}

void decision_begin(struct decision *decision, const struct node *root, enum dtype type)
{
    decision->steps = NULL;
    decision->last = &decision->steps;
    decision->cost = (struct cost){ 0 };
    decision->visits = decision->depth = 0;
    decision->where = decision->detail = "";
    decision->floors = decision->ceilings = decision->compensates = decision->leaves_scale = false;
    decision->path[0] = '\0';
    decision->root = root;
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
    decision->last = mark.last;
    *decision->last = NULL;
    decision->cost = mark.cost;
}

/* A parameter of a local function that is called from several places: each may give another value. */
static bool is_argument_of_many(const struct value *value)
{
    return value->is_input && value->graph->function && value->graph->call_count > 1;
}

const struct tensor *decision_constant(struct decision *decision, struct value *value, enum reason *why)
{
    bool over_budget;
    const struct tensor *tensor = constant_find(decision->constants, value, &over_budget);
    *why = over_budget                   ? REASON_BUDGET
           : value_is_overridable(value) ? REASON_OVERRIDABLE
           : is_argument_of_many(value)  ? REASON_SHARED_FUNCTION
                                         : REASON_NOT_CONSTANT;
    return tensor;
}

const char *node_title(const struct node *node)
{
    if (node->proto->name && *node->proto->name) return node->proto->name;
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i]) return node->outputs[i]->name;
    return node->op;
}
