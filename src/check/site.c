/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the sites: what changed, and upstream from every value after it to the nearest unchanged ones. See site.h. */
#include "check/site.h"

#include "check/prove.h"

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
    bool keeps_bits; /* so far on the walk in progress */
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

static bool same_name(const struct value *a, const struct value *b)
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
    if (!value || is_constant(finder, value) || value->mark) return;
    bool constant = value->writer && node_is_literal(value->writer);
    if (value->writer && (constant || !origin_of(finder, value, finder->origin))) {
        push(finder, &finder->stack, &finder->stack_count, &finder->stack_space, value);
        return;
    }
    value->mark = finder;
    push(finder, &finder->given, &finder->given_count, &finder->given_space, value);
}

struct read_visitor {
    void (*visit)(void *context, struct value *value);
    void *context;
    const struct graph *region; /* values of this graph and of those around it alone */
};

static void visit_read(const struct read_visitor *visitor, struct value *value)
{
    if (value && graph_is_around(value->graph, visitor->region)) visitor->visit(visitor->context, value);
}

/* What a node reads: its inputs, and what its bodies capture. Bodies nest no deeper than the loader lets them. */
static void visit_reads(const struct read_visitor *visitor, const struct node *node)
{
    for (size_t i = 0; i < node->input_count; i++) visit_read(visitor, node->inputs[i].value);
    for (size_t i = 0; i < node->inner_count; i++) {
        const struct graph *body = node->inner[i];
        for (const struct node *inner = body->first; inner; inner = inner->next) visit_reads(visitor, inner);
        for (size_t k = 0; k < body->output_count; k++) visit_read(visitor, body->outputs[k]);
    }
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

static void add_site(struct finder *finder, struct value *value, struct value *origin, const struct graph *graph)
{
    struct arena *arena = finder->with->arena;
    give_arguments(finder, graph, origin->graph);
    give_further_reads(finder, origin, graph);
    struct site *site = NEW(arena, struct site);
    *site = (struct site){ .value = value,
                           .origin = origin,
                           .given_count = finder->given_count,
                           .only_within = value->writer && !finder->by_itself,
                           .keeps_bits = finder->keeps_bits,
                           .is_idealized = finder->is_idealized,
                           .inner = graph != finder->with->after->main };
    site->given = NEW_ARRAY(arena, struct value *, site->given_count);
    site->origins = NEW_ARRAY(arena, struct value *, site->given_count);
    site->fed = NEW_ARRAY(arena, struct array *, site->given_count);
    for (size_t i = 0; i < site->given_count; i++) {
        site->given[i] = finder->given[i];
        site->origins[i] = origin_of(finder, finder->given[i], origin->graph);
    }
    site->waiting = site->given_count + 1;
    site->result = NEW(arena, struct bnfuse_site);
    site->result->value = value->name;
    site->result->node = value->writer ? node_label(value->writer, arena) : "a constant";
    site->result->scope = graph_scope(graph, arena);
    site->result->why = "";
    *finder->last = site;
    finder->last = &site->next;
}

static void find_in_graph(struct finder *finder, const struct graph *graph, const struct graph *origin)
{
    for (size_t i = 0; i < graph->initializer_count; i++) {
        struct value *value = graph->initializers[i], *other = graph_value(origin, value->name);
        finder->given_count = 0;
        finder->keeps_bits = finder->is_idealized = false;
        if (other && other->writer && !node_is_literal(other->writer)) add_site(finder, value, other, graph);
    }
    for (const struct node *node = graph->first; node; node = node->next)
        for (size_t i = 0; i < node->output_count; i++) {
            struct value *value = node->outputs[i], *other = value ? namesake(value, origin) : NULL;
            bool is_shared = other && other->graph == origin && other->writer;
            if (is_shared && walk(finder, value, origin)) add_site(finder, value, other, graph);
        }
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

/* ---- widening ---- */

enum { MOST_VISITED = 512, MOST_BEHIND = 128, MOST_ROUNDS = 8, MOST_GIVEN = 256 };

/* What is around a part of a site, the original one or the new: its inputs are known beforehand, to the map of them,
 * and what it computes from them to the surroundings. */
struct surroundings {
    struct pointer_map *known, *inputs; /* those of the site that it has not come to yet stand in `inputs` */
    const struct node *stack[MOST_VISITED];
    size_t count, visited;
    bool is_open; /* something else is read, or it goes on too far */
};

static void visit_value(void *context, struct value *value)
{
    struct surroundings *around = context;
    if (!value || value_is_stored(value)) return;
    if (pointer_map_get(around->inputs, value)) pointer_map_set(around->inputs, value, NULL);
    if (pointer_map_get(around->known, value)) return;
    pointer_map_set(around->known, value, around);
    if (!value->writer || around->visited == MOST_VISITED) {
        around->is_open = true;
        return;
    }
    if (pointer_map_get(around->known, value->writer)) return;
    pointer_map_set(around->known, value->writer, around);
    around->stack[around->visited++] = value->writer;
}

static void look_around(struct surroundings *around, struct value *wanted, struct value *const *given, size_t count,
                        struct arena *arena)
{
    *around =
        (struct surroundings){ .known = NEW(arena, struct pointer_map), .inputs = NEW(arena, struct pointer_map) };
    around->known->arena = around->inputs->arena = arena;
    for (size_t i = 0; i < count; i++) {
        if (!given[i]) continue;
        pointer_map_set(around->known, given[i], around->inputs);
        pointer_map_set(around->inputs, given[i], around);
    }
    const struct read_visitor visitor = { visit_value, around, wanted->graph };
    visit_value(around, wanted);
    for (; around->count < around->visited && !around->is_open; around->count++)
        visit_reads(&visitor, around->stack[around->count]);
}

static bool is_unread(const struct surroundings *around, const struct value *input)
{
    return input && pointer_map_get(around->inputs, input);
}

/* What the inputs of a site are computed from, as far as the other inputs. */
struct behind {
    const struct surroundings *around;
    struct pointer_map *seen, *others; /* `others`: inputs that the new part reads and the original one does not */
    const struct node *stack[MOST_BEHIND];
    size_t count, visited;
    bool is_tied; /* something that the original part computes, or one of the others */
};

static void visit_behind(void *context, struct value *value)
{
    struct behind *behind = context;
    if (!value || value_is_stored(value)) return;
    const void *known = pointer_map_get(behind->around->known, value);
    behind->is_tied |= known == behind->around || pointer_map_get(behind->others, value);
    if (known || !value->writer || behind->visited == MOST_BEHIND || pointer_map_get(behind->seen, value->writer))
        return;
    pointer_map_set(behind->seen, value->writer, behind);
    behind->stack[behind->visited++] = value->writer;
}

static struct pointer_map *inputs_of_new_part(const struct surroundings *around, const struct site *site,
                                              struct arena *arena)
{
    struct pointer_map *others = NEW(arena, struct pointer_map);
    struct surroundings after;
    bool any = false;
    others->arena = arena;
    for (size_t i = 0; i < site->given_count; i++) any |= is_unread(around, site->origins[i]);
    if (!any) return others;
    look_around(&after, site->value, site->given, site->given_count, arena);
    for (size_t i = 0; i < site->given_count; i++)
        if (is_unread(around, site->origins[i]) && !is_unread(&after, site->given[i]))
            pointer_map_set(others, site->origins[i], others);
    return others;
}

static bool is_tied_behind(const struct surroundings *around, const struct site *site, struct arena *arena)
{
    struct behind behind = { .around = around, .seen = NEW(arena, struct pointer_map) };
    behind.seen->arena = arena;
    behind.others = inputs_of_new_part(around, site, arena);
    for (size_t i = 0; i < site->given_count; i++) {
        const struct node *writer = site->origins[i] ? site->origins[i]->writer : NULL;
        if (writer && behind.visited < MOST_BEHIND) behind.stack[behind.visited++] = writer;
    }
    const struct read_visitor visitor = { visit_behind, &behind, site->origin->graph };
    for (; behind.count < behind.visited && !behind.is_tied; behind.count++)
        visit_reads(&visitor, behind.stack[behind.count]);
    return behind.is_tied;
}

/* Whether inputs follow from each other: one that is computed and that the original part does not read; or one that
 * follows from what this part computes, or from another that the new part alone reads. */
static bool has_bound_input(const struct surroundings *around, const struct site *site, struct arena *arena)
{
    for (size_t i = 0; i < site->given_count; i++)
        if (site->origins[i] && site->origins[i]->writer && is_unread(around, site->origins[i])) return true;
    return site->given_count > 1 && is_tied_behind(around, site, arena);
}

static void look_around_original(struct surroundings *around, const struct site *site, struct arena *arena)
{
    look_around(around, site->origin, site->origins, site->given_count, arena);
}

bool site_is_bound(const struct site *site, struct arena *arena)
{
    struct surroundings around;
    look_around_original(&around, site, arena);
    return !around.is_open && has_bound_input(&around, site, arena);
}

static bool reads_its_inputs_alone(const struct site *site, struct arena *arena)
{
    struct surroundings around;
    look_around_original(&around, site, arena);
    return !around.is_open && !has_bound_input(&around, site, arena);
}

static bool add_given(struct site *wide, struct value *value, struct value *origin)
{
    for (size_t i = 0; i < wide->given_count; i++)
        if (wide->given[i] == value) return true;
    if (wide->given_count == MOST_GIVEN) return false;
    wide->given[wide->given_count] = value;
    wide->origins[wide->given_count++] = origin;
    return true;
}

static void clear_given(struct site *wide, struct arena *arena)
{
    wide->given = NEW_ARRAY(arena, struct value *, MOST_GIVEN);
    wide->origins = NEW_ARRAY(arena, struct value *, MOST_GIVEN);
    wide->given_count = 0;
}

/* Each input that is the value of a site gives way to the inputs of that. */
static bool widen_once(struct site *wide, const struct pointer_map *sites, struct arena *arena, bool *moved)
{
    const struct site narrow = *wide;
    clear_given(wide, arena);
    for (size_t i = 0; i < narrow.given_count; i++) {
        const struct site *upstream = pointer_map_get(sites, narrow.given[i]);
        if (!upstream && !add_given(wide, narrow.given[i], narrow.origins[i])) return false;
        for (size_t k = 0; upstream && k < upstream->given_count; k++)
            if (!add_given(wide, upstream->given[k], upstream->origins[k])) return false;
        if (!upstream) continue;
        *moved = true;
        wide->keeps_bits = wide->keeps_bits && upstream->keeps_bits;
        wide->is_idealized |= upstream->is_idealized;
    }
    return true;
}

bool site_widen(struct site *wide, const struct site *site, const struct pointer_map *sites, struct arena *arena)
{
    bool moved = true;
    *wide = *site;
    for (int i = 0; i < MOST_ROUNDS && moved; i++) {
        if (reads_its_inputs_alone(wide, arena)) {
            wide->fed = NEW_ARRAY(arena, struct array *, wide->given_count);
            wide->expected = NULL;
            return true;
        }
        moved = false;
        if (!widen_once(wide, sites, arena, &moved)) return false;
    }
    return false;
}

/* A number that holds for all channels, or a list of axes and the like. */
static bool is_weight(const struct value *value)
{
    const struct tensor *tensor = value->initializer;
    return !tensor || value->is_input || (tensor->count > 1 && dtype_kind(tensor->type) != KIND_WHOLE);
}

/* Whether both models compute the value with one node of the file, and that without weights. */
static bool is_written_alike(const struct value *value, const struct value *origin)
{
    const struct node *node = value->writer, *other = origin ? origin->writer : NULL;
    if (!node || !other || node->proto != other->proto || node->input_count != other->input_count || node->inner_count
        || node->function)
        return false;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *input = node_input(node, i);
        if (!same_name(input, node_input(other, i))) return false;
        if (input && (value_is_stored(input) ? is_weight(input) : input->writer && node_is_literal(input->writer)))
            return false;
    }
    return true;
}

static bool add_inputs_of_node(struct site *wide, const struct node *node, const struct node *other)
{
    for (size_t i = 0; i < node->input_count; i++) {
        struct value *input = node_input(node, i);
        if (input && !value_is_stored(input) && !add_given(wide, input, node_input(other, i))) return false;
    }
    return true;
}

bool site_extend(struct site *wide, const struct pointer_map *sites, struct arena *arena)
{
    struct site extended = *wide;
    bool moved = false;
    clear_given(&extended, arena);
    for (size_t i = 0; i < wide->given_count; i++) {
        struct value *value = wide->given[i], *origin = wide->origins[i];
        const bool is_alike = is_written_alike(value, origin);
        moved |= is_alike;
        if (!(is_alike ? add_inputs_of_node(&extended, value->writer, origin->writer)
                       : add_given(&extended, value, origin)))
            return false;
    }
    return moved && site_widen(wide, &extended, sites, arena);
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
