/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the sites: what changed, and upstream from every value after it to the nearest unchanged ones. See site.h. */
#include "check/site.h"

#include "onnx/graph/reads.h"

#include <string.h>

/* ---- what changed ---- */

/* What is known of a node of `after` while sites are looked for. */
struct node_mark {
    bool changed, by_itself; /* at all; and not only in its bodies or its function */
    size_t visitor;          /* the walk that saw it last */
    struct node *origin;     /* its counterpart; NULL: none */
    struct graph **bodies;   /* the bodies of its counterpart, in its own order */
};

struct finder {
    const struct site_finder *with;
    struct graph **graphs, **origins; /* of after, outer before inner; and their counterparts or NULL */
    size_t graph_count;
    bool *changed_functions; /* by their places */
    struct site *first, **last;
    const struct graph *origin; /* the counterpart of the graph in which the walk in progress is */
    size_t walks;
    bool by_itself;       /* the last walk met a node that changed by itself */
    struct value **stack; /* of the walk in progress */
    size_t stack_count, stack_space;
    struct value **given;
    size_t given_count, given_space;
    const struct site *same; /* of another output of the node, with the same inputs; NULL: none */
    size_t reads, repeated;  /* of the last walk; and of all for one more output of a node, or call of a function */
    bool keeps_bits;         /* so far on the walk in progress */
    bool is_idealized;
};

static struct node_mark *mark_of(const struct node *node)
{
    return node->mark;
}

static void push(struct finder *finder, struct value ***list, size_t *count, size_t *space, struct value *value)
{
    if (*count == *space) {
        *list = arena_grow(finder->with->arena, *list, *space, 2 * *space + 16, sizeof **list);
        *space = 2 * *space + 16;
    }
    (*list)[(*count)++] = value;
}

bool same_name(const struct value *a, const struct value *b)
{
    return a && b ? strcmp(a->name, b->name) == 0 : !a && !b;
}

static bool is_constant(const struct finder *finder, const struct value *value)
{
    return value_is_stored(value) && !finder->with->is_supplied(finder->with->context, value);
}

static bool same_constant(const struct value *a, const struct value *b)
{
    if (!value_is_stored(a)) return true;
    return b && a->proto == b->proto && a->sparse == b->sparse && (a->proto || a->sparse);
}

/* The node of `before` that writes what this one writes. Mostly it is the one after that of the node before. */
static struct node *counterpart(const struct node *node, const struct graph *origin, struct node *likely)
{
    if (likely && node->output_count && node->outputs[0] && likely->output_count
        && same_name(node->outputs[0], likely->outputs[0]))
        return likely;
    for (size_t i = 0; i < node->output_count; i++) {
        struct value *value = node->outputs[i] ? graph_value(origin, node->outputs[i]->name) : NULL;
        if (value && value->writer) return value->writer;
    }
    return NULL;
}

/* Whether both are the file's own node; or both copies of one, out of the body of a function. */
static bool same_proto(const struct node *node, const struct node *other)
{
    const BnfuseOnnx__NodeProto *proto = node->proto, *from = other->proto;
    if (node->is_new != other->is_new || !node->is_new) return !node->is_new && proto == from;
    if (strcmp(node->op, other->op) != 0 || strcmp(node->domain, other->domain) != 0
        || proto->n_attribute != from->n_attribute)
        return false;
    for (size_t i = 0; i < proto->n_attribute; i++)
        if (proto->attribute[i] != from->attribute[i]) return false;
    return true;
}

static bool same_node(const struct node *node, const struct node *other, const struct graph *origin)
{
    if (!same_proto(node, other) || node->input_count != other->input_count
        || node->output_count != other->output_count)
        return false;
    for (size_t i = 0; i < node->output_count; i++)
        if (!same_name(node->outputs[i], other->outputs[i])) return false;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node->inputs[i].value;
        if (!same_name(value, other->inputs[i].value)) return false;
        if (value && value_is_stored(value) && !same_constant(value, scope_value(origin, value->name))) return false;
    }
    return true;
}

static bool same_outputs(const struct graph *graph, const struct graph *origin)
{
    if (graph->output_count != origin->output_count) return false;
    for (size_t i = 0; i < graph->output_count; i++) {
        if (!same_name(graph->outputs[i], origin->outputs[i])) return false;
        if (!same_constant(graph->outputs[i], origin->outputs[i])) return false;
    }
    return true;
}

static void mark_node(const struct finder *finder, struct node *node, const struct graph *origin, struct node *likely)
{
    struct node_mark *mark = NEW(finder->with->arena, struct node_mark);
    node->mark = mark;
    struct node *other = mark->origin = origin ? counterpart(node, origin, likely) : NULL;
    mark->changed = !other || !same_node(node, other, origin);
    mark->by_itself = mark->changed;
    if (!node->inner_count) return;
    mark->bodies = NEW_ARRAY(finder->with->arena, struct graph *, node->inner_count);
    for (size_t i = 0; other && i < node->inner_count; i++) {
        mark->bodies[i] = node_body(other, node->inner_names[i]);
        mark->changed |= !mark->bodies[i] || !same_outputs(node->inner[i], mark->bodies[i]);
    }
    mark->by_itself = mark->changed;
}

/* Both nets lie over one model, so its functions stand at the same places. */
static struct graph *counterpart_of_graph(const struct finder *finder, const struct graph *graph)
{
    if (graph->function) return finder->with->before->functions[graph->slot];
    if (!graph->owner) return finder->with->before->main;
    for (size_t i = 0; i < graph->owner->inner_count; i++)
        if (graph->owner->inner[i] == graph) return mark_of(graph->owner)->bodies[i];
    return NULL;
}

static void collect_graphs(struct finder *finder)
{
    const struct net *after = finder->with->after;
    for (struct graph *graph = NULL; (graph = net_next_graph(after, graph));) finder->graph_count++;
    finder->graphs = NEW_ARRAY(finder->with->arena, struct graph *, finder->graph_count);
    finder->origins = NEW_ARRAY(finder->with->arena, struct graph *, finder->graph_count);
    size_t i = 0;
    for (struct graph *graph = NULL; (graph = net_next_graph(after, graph)); i++) {
        finder->graphs[i] = graph;
        finder->origins[i] = counterpart_of_graph(finder, graph);
        struct node *likely = finder->origins[i] ? finder->origins[i]->first : NULL;
        for (struct node *node = graph->first; node; node = node->next) {
            mark_node(finder, node, finder->origins[i], likely);
            if (mark_of(node)->origin) likely = mark_of(node)->origin->next;
        }
    }
}

static bool any_changed(const struct graph *graph)
{
    for (const struct node *node = graph->first; node; node = node->next)
        if (mark_of(node)->changed) return true;
    return false;
}

static bool spread_to_calls(const struct finder *finder, const struct graph *graph)
{
    bool moved = false;
    for (struct node *node = graph->first; finder->with->after->function_count && node; node = node->next)
        if (node->function && !mark_of(node)->changed && finder->changed_functions[node->function->slot]) {
            moved = mark_of(node)->changed = true;
            mark_of(node)->by_itself = !same_outputs(node->function, counterpart_of_graph(finder, node->function));
        }
    return moved;
}

/* To what holds or names the graph. */
static bool spread_from(const struct finder *finder, const struct graph *graph)
{
    bool *known = graph->owner      ? &mark_of(graph->owner)->changed
                  : graph->function ? &finder->changed_functions[graph->slot]
                                    : NULL;
    if (!known || *known || !any_changed(graph)) return false;
    return *known = true;
}

/* A node whose body or function changed has changed. Functions call functions, so until nothing moves any more; calls
 * cannot be circular, so the number of rounds is bounded by their depth. */
static void spread_changes(struct finder *finder)
{
    finder->changed_functions = NEW_ARRAY(finder->with->arena, bool, finder->with->after->function_count);
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = finder->graph_count; i-- > 0;) {
            moved |= spread_to_calls(finder, finder->graphs[i]);
            moved |= spread_from(finder, finder->graphs[i]);
        }
    }
}

/* ---- walking back ---- */

/* The value of `before` under the name: what the counterpart of its writer writes, or found by the name. */
static struct value *namesake(const struct value *value, const struct graph *origin)
{
    const struct node *other = value->writer ? mark_of(value->writer)->origin : NULL;
    struct value *found = other && value->writer_slot < other->output_count ? other->outputs[value->writer_slot] : NULL;
    bool is_right = found && found->graph == origin && same_name(found, value);
    return is_right ? found : scope_value(origin, value->name);
}

/* Whether the value is computed, or fed, in both nets. */
static struct value *origin_of(const struct finder *finder, const struct value *value, const struct graph *origin)
{
    struct value *other = origin ? namesake(value, origin) : NULL;
    if (!other || is_constant(finder, other)) return NULL;
    return other->writer || other->is_input ? other : NULL;
}

static void reach(void *context, struct value *value)
{
    struct finder *finder = context;
    finder->reads++;
    if (!value || is_constant(finder, value) || value->mark) return;
    bool constant = value->writer && node_is_literal(value->writer);
    if (value->writer && (constant || !origin_of(finder, value, finder->origin))) {
        push(finder, &finder->stack, &finder->stack_count, &finder->stack_space, value);
        return;
    }
    value->mark = finder;
    push(finder, &finder->given, &finder->given_count, &finder->given_space, value);
}

/* What happened to a body, or to a function, is not looked into. */
static bool node_keeps_bits(const struct node *node)
{
    return !node->is_rounded && !((node->inner_count || node->function) && mark_of(node)->changed);
}

/* Fills `given`; true when something on the way has changed. */
static bool walk(struct finder *finder, struct value *from, const struct graph *origin)
{
    bool changed = false;
    finder->walks++;
    finder->reads = 0;
    finder->by_itself = false;
    finder->keeps_bits = true;
    finder->is_idealized = false;
    finder->stack_count = finder->given_count = 0;
    const struct read_visitor visitor = { reach, finder, from->graph };
    finder->origin = origin;
    push(finder, &finder->stack, &finder->stack_count, &finder->stack_space, from);
    while (finder->stack_count > 0) {
        struct node *node = finder->stack[--finder->stack_count]->writer;
        if (!node || mark_of(node)->visitor == finder->walks) continue;
        mark_of(node)->visitor = finder->walks;
        changed |= mark_of(node)->changed;
        finder->by_itself |= mark_of(node)->by_itself;
        finder->keeps_bits = finder->keeps_bits && node_keeps_bits(node);
        finder->is_idealized |= node->is_idealized;
        visit_reads(&visitor, node);
    }
    for (size_t i = 0; i < finder->given_count; i++) finder->given[i]->mark = NULL;
    return changed;
}

enum { MOST_CONSTANT = 64 };

/* Whether shape inference knows all its elements: the Shape of a value of known dims. */
static bool is_known(const struct value *value)
{
    for (int32_t i = 0; i < value->content_count; i++)
        if (value->content[i].size < 0) return false;
    return value->content && value->content_count;
}

static bool rests_on_constants(struct value *value, const struct pointer_map *varying, bool or_sizes)
{
    struct value *queue[MOST_CONSTANT] = { value };
    size_t known = 1;
    for (size_t done = 0; done < known; done++) {
        const struct node *node = queue[done]->writer;
        if (varying && pointer_map_get(varying, queue[done])) return false;
        if ((!node && value_is_stored(queue[done])) || (or_sizes && is_known(queue[done]))) continue;
        if (!node || node->inner_count) return false;
        for (size_t i = 0; i < node->input_count; i++) {
            struct value *input = node_input(node, i);
            size_t at = 0;
            while (at < known && queue[at] != input) at++;
            if (!input || at < known) continue;
            if (known == MOST_CONSTANT) return false;
            queue[known++] = input;
        }
    }
    return true;
}

bool site_is_constant(struct value *value, struct pointer_map *varying)
{
    struct value *argument = value_argument(value);
    bool constant = rests_on_constants(argument, varying, false);
    if (!constant && varying) pointer_map_set(varying, argument, argument);
    return constant;
}

bool site_is_fixed(struct value *value)
{
    return rests_on_constants(value_argument(value), NULL, true);
}

/* A fold in a function took the numbers that its one call passes, and reads the parameter no more; the original
 * does. */
static void give_arguments(struct finder *finder, const struct graph *graph, const struct graph *origin)
{
    while (graph->owner) graph = graph->owner->graph;
    for (size_t i = 0; graph->function && graph->call_count == 1 && i < graph->input_count; i++) {
        struct value *parameter = graph->inputs[i], *other = origin_of(finder, parameter, origin);
        bool known = !other || value_argument(other) == other || !site_is_constant(other, NULL);
        for (size_t k = 0; k < finder->given_count && !known; k++) known = finder->given[k] == parameter;
        if (!known) push(finder, &finder->given, &finder->given_count, &finder->given_space, parameter);
    }
}

enum { MOST_FURTHER = 256 }; /* nodes of the original behind a site */

/* A walk through the original, from what a site is held against. */
struct further {
    struct finder *finder;
    const struct graph *graph, *origin; /* of the site, and its counterpart */
    struct pointer_map seen;
};

static void give_or_follow(void *context, struct value *value)
{
    struct further *further = context;
    struct finder *finder = further->finder;
    if (is_constant(finder, value) || pointer_map_get(&further->seen, value)) return;
    pointer_map_set(&further->seen, value, value);
    struct value *own = scope_value(further->graph, value->name);
    if (own && origin_of(finder, own, further->origin) == value)
        push(finder, &finder->given, &finder->given_count, &finder->given_space, own);
    else if (value->writer) push(finder, &finder->stack, &finder->stack_count, &finder->stack_space, value);
}

/* A call in the original reads all that it passes, and its body in the place of it maybe less: what both nets have of
 * that is given as well. */
static void give_further_reads(struct finder *finder, struct value *origin, const struct graph *graph)
{
    struct further further = { finder, graph, origin->graph, { .arena = finder->with->arena } };
    const struct read_visitor visitor = { give_or_follow, &further, origin->graph };
    if (!origin->graph->net->function_count) return;
    for (size_t i = 0; i < finder->given_count; i++) {
        struct value *given = origin_of(finder, finder->given[i], origin->graph);
        if (given) pointer_map_set(&further.seen, given, given);
    }
    finder->stack_count = 0;
    push(finder, &finder->stack, &finder->stack_count, &finder->stack_space, origin);
    for (int nodes = 0; finder->stack_count > 0 && nodes < MOST_FURTHER; nodes++) {
        struct node *node = finder->stack[--finder->stack_count]->writer;
        if (!node || pointer_map_get(&further.seen, node)) continue;
        pointer_map_set(&further.seen, node, node);
        visit_reads(&visitor, node);
    }
}

enum { MOST_REPEATED = 1 << 20 }; /* a second's work or so, where each is proven by itself */

/* What is looked at once more for this site. */
static size_t repeated_reads(const struct finder *finder, const struct site *site, bool is_same)
{
    const struct node *writer = site->origin->writer;
    return is_same ? finder->reads : writer && writer->function ? writer->function->node_count : 0;
}

static void list_inputs(struct finder *finder, struct site *site, const struct graph *graph)
{
    struct arena *arena = finder->with->arena;
    const struct value *origin = site->origin;
    const bool is_same = finder->same && finder->same->origin->writer == origin->writer;
    const size_t repeated = repeated_reads(finder, site, is_same);
    finder->repeated += repeated;
    site->is_passed_over = repeated && finder->repeated > MOST_REPEATED;
    if (is_same) {
        site->given = finder->same->given;
        site->origins = finder->same->origins;
    } else {
        give_arguments(finder, graph, origin->graph);
        give_further_reads(finder, site->origin, graph);
        site->given = NEW_ARRAY(arena, struct value *, finder->given_count);
        site->origins = NEW_ARRAY(arena, struct value *, finder->given_count);
        for (size_t i = 0; i < finder->given_count; i++) {
            site->given[i] = finder->given[i];
            site->origins[i] = origin_of(finder, finder->given[i], origin->graph);
        }
    }
    site->given_count = site->is_passed_over ? 0 : finder->given_count;
    site->fed = NEW_ARRAY(arena, struct array *, site->given_count);
    site->waiting = site->given_count + 1;
}

static void add_site(struct finder *finder, struct value *value, struct value *origin, const struct graph *graph)
{
    struct arena *arena = finder->with->arena;
    struct site *site = NEW(arena, struct site);
    *site = (struct site){ .value = value,
                           .origin = origin,
                           .only_within = value->writer && !finder->by_itself,
                           .keeps_bits = finder->keeps_bits,
                           .is_idealized = finder->is_idealized,
                           .inner = graph != finder->with->after->main };
    list_inputs(finder, site, graph);
    site->result = NEW(arena, struct bnfuse_site);
    site->result->value = value->name;
    site->result->node = value->writer ? node_label(value->writer, arena) : "a constant";
    site->result->scope = graph_scope(graph);
    site->result->why = site->is_passed_over ? "its node is too large to run it for each of its outputs and calls" : "";
    *finder->last = site;
    finder->last = &site->next;
    finder->same = site;
}

/* All outputs of a node are reached from the same values. */
static void find_in_outputs(struct finder *finder, const struct node *node, const struct graph *origin)
{
    bool is_walked = false, changed = false;
    for (size_t i = 0; i < node->output_count; i++) {
        struct value *value = node->outputs[i], *other = value ? namesake(value, origin) : NULL;
        if (!other || other->graph != origin || !other->writer) continue;
        if (!is_walked) changed = walk(finder, value, origin);
        is_walked = true;
        if (changed) add_site(finder, value, other, node->graph);
    }
    finder->same = NULL;
}

static void find_in_graph(struct finder *finder, const struct graph *graph, const struct graph *origin)
{
    for (size_t i = 0; i < graph->initializer_count; i++) {
        struct value *value = graph->initializers[i], *other = graph_value(origin, value->name);
        finder->given_count = 0;
        finder->keeps_bits = finder->is_idealized = false;
        if (other && other->writer && !node_is_literal(other->writer)) add_site(finder, value, other, graph);
        finder->same = NULL;
    }
    for (const struct node *node = graph->first; node; node = node->next) find_in_outputs(finder, node, origin);
}

static void clear_marks(const struct finder *finder)
{
    for (size_t i = 0; i < finder->graph_count; i++)
        for (struct node *node = finder->graphs[i]->first; node; node = node->next) node->mark = NULL;
}

struct site *sites_find(const struct site_finder *with)
{
    struct finder finder = { .with = with };
    finder.last = &finder.first;
    collect_graphs(&finder);
    spread_changes(&finder);
    for (size_t i = 0; i < finder.graph_count; i++)
        if (finder.origins[i]) find_in_graph(&finder, finder.graphs[i], finder.origins[i]);
    clear_marks(&finder);
    return finder.first;
}

bool outputs_survive(const struct net *before, const struct net *after)
{
    const struct graph *a = before->main, *b = after->main;
    if (a->output_count != b->output_count) return false;
    for (size_t i = 0; i < a->output_count; i++) {
        const struct value *value = b->outputs[i];
        if (!same_name(a->outputs[i], value)) return false;
        if (!value->writer && !value->is_input && !value_is_stored(value)) return false;
    }
    return true;
}
