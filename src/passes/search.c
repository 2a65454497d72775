/* SPDX-License-Identifier: Apache-2.0
 *
 * The bookkeeping of one decision: steps, costs, words. */
#include "passes/search.h"

#include <stdio.h>
#include <string.h>

enum reason search_stop(struct search *search, enum reason reason, const char *where, const char *detail, ...)
{
    char text[256];
    va_list values;
    va_start(values, detail);
    vsnprintf(text, sizeof text, detail, values);
    va_end(values);
    search->where = where;
    search->detail = arena_copy_text(search->arena, text);
    return reason;
}

struct step *search_step(struct search *search, void (*apply)(struct search *, const struct step *), struct node *node)
{
    struct step *step = NEW(search->arena, struct step);
    *step = (struct step){ .apply = apply, .node = node };
    *search->last = step;
    search->last = &step->next;
    return step;
}

void search_begin(struct search *search, const struct node *seed, enum dtype type)
{
    search->steps = NULL;
    search->last = &search->steps;
    search->cost = (struct cost){ 0 };
    search->visits = search->depth = 0;
    search->where = search->detail = "";
    search->path[0] = '\0';
    search->seed = seed;
    search->seed_is_norm = node_is(seed, "BatchNormalization");
    search->type = type;
}

struct search_mark search_mark(const struct search *search)
{
    return (struct search_mark){ search->last, search->cost };
}

void search_undo(struct search *search, struct search_mark mark)
{
    search->last = mark.last;
    *search->last = NULL;
    search->cost = mark.cost;
}

const struct tensor *search_constant(struct search *search, struct value *value, enum reason *why)
{
    bool over_budget;
    const struct tensor *tensor = constant_find(search->constants, value, &over_budget);
    *why = over_budget ? REASON_BUDGET : value_is_overridable(value) ? REASON_OVERRIDABLE : REASON_NOT_CONSTANT;
    return tensor;
}

const char *node_title(const struct node *node)
{
    if (node->proto->name && *node->proto->name) return node->proto->name;
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i]) return node->outputs[i]->name;
    return node->op;
}
