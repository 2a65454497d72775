/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairing: classes, samples, and which pairs are to be proven. See pair.h. */
#include "check/pair.h"

#include "base/hash.h"
#include "check/ends.h"
#include "check/frontier.h"
#include "check/part.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/order.h"

#include <math.h>
#include <string.h>

/* ---- classes ---- */

struct class_slot {
    uint64_t class;
    struct trace *trace;
};

struct class_table {
    struct class_slot *slots;
    size_t capacity, count;
};

static struct class_slot *class_slot(const struct class_table *table, uint64_t class)
{
    size_t at = (size_t) class & (table->capacity - 1);
    while (table->slots[at].trace && table->slots[at].class != class) at = (at + 1) & (table->capacity - 1);
    return &table->slots[at];
}

static bool is_main(const struct trace *trace)
{
    return !trace->value->graph->owner && !trace->value->graph->function;
}

/* The slot of a class that gets a trace, if it has none. */
static struct class_slot *class_slot_to_fill(struct pairing *pairing, struct class_table *table, uint64_t class)
{
    if (2 * table->count >= table->capacity) {
        struct class_table old = *table;
        table->capacity = 2 * old.capacity + 64;
        while (table->capacity & (table->capacity - 1)) table->capacity &= table->capacity - 1;
        table->slots = NEW_ARRAY(pairing->arena, struct class_slot, table->capacity);
        for (size_t i = 0; i < old.capacity; i++)
            if (old.slots[i].trace) *class_slot(table, old.slots[i].class) = old.slots[i];
    }
    struct class_slot *slot = class_slot(table, class);
    table->count += !slot->trace;
    slot->class = class;
    return slot;
}

/* The first trace of a class stays, unless it is a body's: runs are seen in the main graph. */
static void class_add(struct pairing *pairing, struct trace *trace)
{
    struct class_slot *slot = class_slot_to_fill(pairing, pairing->classes, trace->class);
    if (!slot->trace || (is_main(trace) && !is_main(slot->trace))) slot->trace = trace;
}

static struct trace *class_find(const struct class_table *table, uint64_t class)
{
    return table->capacity ? class_slot(table, class)->trace : NULL;
}

static struct trace *trace_of(struct pairing *pairing, struct value *value)
{
    struct trace *trace = pointer_map_get(pairing->traces, value);
    if (trace) return trace;
    trace = NEW(pairing->arena, struct trace);
    trace->value = value;
    trace->next = pairing->all;
    pairing->all = trace;
    pointer_map_set(pairing->traces, value, trace);
    return trace;
}

/* Which of the two a graph belongs to, with the table that its classes are looked up in or added to. */
struct numbering {
    struct pairing *pairing;
    const struct net *net;
    bool is_b;
    bool adopts;  /* b's values take the classes of the pairs that samples make */
    bool guesses; /* and those that guesses make */
};

static uint64_t class_of(const struct numbering *n, struct value *value)
{
    if (!value) return 7;
    struct trace *trace = trace_of(n->pairing, value);
    if (trace->class || !value_is_stored(value)) return trace->class;
    trace->class = value->initializer ? hash_tensor(&n->pairing->prints, value->initializer)
                                      : hash_sparse(&n->pairing->prints, n->net, value->sparse);
    return trace->class;
}

static size_t last_input(const struct node *node)
{
    size_t count = node->input_count;
    while (count && !node_input(node, count - 1)) count--;
    return count;
}

/* The same where constants count by their type and dims alone. */
static uint64_t hash_form(const struct numbering *n, const struct node *node)
{
    uint64_t hash = hash_text(hash_text(4, node->op), node->domain);
    for (size_t i = 0; i < last_input(node); i++) {
        struct value *input = node_input(node, i);
        const struct tensor *constant = value_constant(input);
        if (!constant) {
            hash = hash_mix(hash, class_of(n, input));
            continue;
        }
        hash = hash_mix(hash_mix(hash, constant->type), (uint64_t)constant->rank);
        for (int axis = 0; axis < constant->rank; axis++) hash = hash_mix(hash, (uint64_t)constant->dims[axis]);
    }
    return hash;
}

static void number_graph(const struct numbering *n, const struct graph *graph);
static void adopt(const struct numbering *n, struct trace *trace);

static void set_class(const struct numbering *n, struct value *value, uint64_t class)
{
    struct trace *trace = trace_of(n->pairing, value);
    trace->class = class;
    if (!n->is_b) class_add(n->pairing, trace);
    else if (n->adopts) adopt(n, trace);
}

/* A body, with its inputs named by place: what it makes of them and of what it captures. */
static uint64_t hash_body(const struct numbering *n, const struct graph *body, uint64_t seed)
{
    uint64_t hash = hash_mix(5, body->output_count);
    for (size_t i = 0; i < body->input_count; i++)
        if (!value_is_stored(body->inputs[i])) set_class(n, body->inputs[i], hash_mix(hash_mix(seed, 11), i));
    number_graph(n, body);
    for (size_t i = 0; i < body->output_count; i++) hash = hash_mix(hash, class_of(n, body->outputs[i]));
    return hash;
}

/* The body of a function once, whoever calls it. */
static uint64_t hash_function(const struct numbering *n, const struct graph *body)
{
    uint64_t *known = pointer_map_get(n->pairing->traces, body);
    if (!known) {
        known = NEW(n->pairing->arena, uint64_t);
        pointer_map_set(n->pairing->traces, body, known);
        *known = hash_body(&(struct numbering){ n->pairing, n->net, n->is_b, false, false }, body, 13);
    }
    return *known;
}

static uint64_t hash_node(const struct numbering *n, const struct node *node)
{
    uint64_t hash = hash_operator(&n->pairing->prints, n->net, node);
    for (size_t i = 0; i < last_input(node); i++) hash = hash_mix(hash, class_of(n, node_input(node, i)));
    /* Attributes stand in any order. */
    uint64_t bodies = 0;
    for (size_t i = 0; i < node->inner_count; i++) {
        uint64_t seed = hash_text(hash, node->inner_names[i]);
        bodies += hash_mix(seed, hash_body(n, node->inner[i], seed));
    }
    hash = hash_mix(hash, bodies);
    if (node->function) hash = hash_mix(hash, hash_function(n, node->function));
    return hash;
}

static void pair_bodies(const struct numbering *n, const struct node *node);

static void number_node(const struct numbering *n, const struct node *node)
{
    uint64_t hash = hash_node(n, node), form = hash_form(n, node);
    for (size_t i = 0; i < node->output_count; i++) {
        struct value *output = node->outputs[i];
        const struct tensor *constant = output && node_is_literal(node) ? value_constant(output) : NULL;
        if (!output) continue;
        trace_of(n->pairing, output)->form = hash_mix(form, i);
        set_class(n, output, constant ? hash_tensor(&n->pairing->prints, constant) : hash_mix(hash, i));
    }
    if (n->is_b && n->adopts && !n->guesses && node->inner_count) pair_bodies(n, node);
}

static void number_graph(const struct numbering *n, const struct graph *graph)
{
    struct node **order;
    if (!graph_order(graph, n->pairing->arena, &order, NULL)) return;
    for (size_t i = 0; i < graph->node_count; i++) number_node(n, order[i]);
}

/* ---- opening ---- */

/* Pairs that are given, with a class of their own. */
static void pair_by_place(struct pairing *pairing, struct value *a, struct value *b, uint64_t class)
{
    struct trace *of_a = trace_of(pairing, a), *of_b = trace_of(pairing, b);
    of_a->class = of_b->class = class;
    of_a->partner = of_b;
    of_b->partner = of_a;
    of_a->is_matched = of_b->is_matched = of_a->is_given = of_b->is_given = true;
    class_add(pairing, of_a);
}

bool pairing_open(struct pairing *pairing, struct arena *arena, const struct net *a, const struct net *b, bool any_real,
                  struct bnfuse_error *error)
{
    *pairing = (struct pairing){ .arena = arena, .a = a, .b = b, .any_real = any_real, .note = "" };
    pairing->traces = NEW(arena, struct pointer_map);
    pairing->traces->arena = arena;
    pairing->classes = NEW(arena, struct class_table);
    fingerprints_open(&pairing->prints, arena);
    if (!pairing_match_ends(pairing, error)) return false;
    pairing->ends = NEW(arena, struct pointer_map);
    pairing->ends->arena = arena;
    for (size_t i = b->main->output_count; i-- > 0;)
        pointer_map_set(pairing->ends, b->main->outputs[i], pairing->outputs[i]);
    for (size_t i = 0; i < b->main->input_count; i++)
        if (pairing->inputs[i] && !value_is_stored(b->main->inputs[i]))
            pair_by_place(pairing, pairing->inputs[i], b->main->inputs[i], hash_mix(17, i));
    number_graph(&(struct numbering){ pairing, a, false, false, false }, a->main);
    number_graph(&(struct numbering){ pairing, b, true, false, false }, b->main);
    return true;
}

bool pairing_is_identical(struct pairing *pairing)
{
    const struct numbering of_a = { pairing, pairing->a, false, false, false },
                           of_b = { pairing, pairing->b, true, false, false };
    for (size_t i = 0; i < pairing->b->main->output_count; i++)
        if (class_of(&of_a, pairing->outputs[i]) != class_of(&of_b, pairing->b->main->outputs[i])) return false;
    return !pairing->prints.failed;
}

bool pairing_is_matched(const struct pairing *pairing, const struct value *value)
{
    const struct trace *trace = pointer_map_get(pairing->traces, value);
    return trace && trace->is_matched;
}

void pairing_sample(struct pairing *pairing, struct value *value, const struct array *array)
{
    trace_sample(trace_of(pairing, value), pairing->arena, array);
}

/* ---- pairs ---- */

#define NEAR  1e-4 /* so near, samples need no other reason */
#define VAGUE 1e-2 /* so near, they do: a name, or an operator at its place */

#define FARTHEST 0.4

/* Below it, one is as near as the other. */
#define NO_DISTANCE 1e-6

struct candidate {
    struct trace *trace;
    double far;
    bool is_namesake, is_form;
};

static bool is_better(const struct candidate *a, const struct candidate *b, const struct trace *of)
{
    double far_a = a->far < NO_DISTANCE ? 0 : a->far, far_b = b->far < NO_DISTANCE ? 0 : b->far;
    if (!b->trace || far_a != far_b) return !b->trace || far_a < far_b;
    if (a->is_namesake != b->is_namesake) return a->is_namesake;
    if (a->is_form != b->is_form) return a->is_form;
    bool op_a = strcmp(a->trace->value->writer->op, of->value->writer->op) == 0;
    bool op_b = strcmp(b->trace->value->writer->op, of->value->writer->op) == 0;
    if (op_a != op_b) return op_a;
    return !a->trace->partner && b->trace->partner;
}

/* Types of few digits differ by more, layer by layer. */
static double near_of(const struct trace *trace)
{
    return trace->type == DTYPE_FLOAT16 ? 100 * NEAR : trace->type == DTYPE_BFLOAT16 ? 1000 * NEAR : NEAR;
}

static bool is_acceptable(const struct candidate *candidate, const struct trace *of, bool is_only_form)
{
    double near = fmax(near_of(of), near_of(candidate->trace));
    bool related = candidate->is_namesake || (candidate->is_form && is_only_form);
    if (!of->is_telling || !candidate->trace->is_telling) return related && candidate->far <= near;
    return candidate->far <= near || (related && candidate->far <= fmax(VAGUE, 4 * near));
}

/* Of looking at a value, and of comparing samples: the first of them, or all. */
enum { LOOK_WORK = 40, FIRST_WORK = 100, ALL_WORK = 1500 };

static struct trace *find_by_samples(const struct pairing *pairing, const struct trace *of)
{
    struct candidate best = { .trace = NULL };
    size_t forms = 0;
    if (!of->draws) return NULL;
    for (size_t i = 0; i < pairing->known_count; i++) {
        struct trace *trace = pairing->known[i];
        struct candidate one = { .trace = trace, .is_form = trace->form == of->form };
        if (!work_spend(pairing->work, LOOK_WORK)) return NULL;
        forms += one.is_form;
        if (!trace_has_form_of(trace, of)) continue;
        one.far = trace_distance_within(trace, of, best.trace ? fmax(best.far, NO_DISTANCE) : FARTHEST);
        work_spend(pairing->work, isfinite(one.far) ? ALL_WORK : FIRST_WORK);
        if (!isfinite(one.far)) continue;
        one.is_namesake = strcmp(trace->value->name, of->value->name) == 0;
        if (is_better(&one, &best, of)) best = one;
    }
    return best.trace && is_acceptable(&best, of, forms == 1) ? best.trace : NULL;
}

static bool may_be_guessed(const struct trace *trace, const struct trace *of)
{
    return !trace->is_matched && !trace->is_claimed && !trace->partner && trace_has_form_of(trace, of);
}

/* Where samples say no: a value of this name, or what the only operator of this kind makes of the same inputs. */
static struct trace *find_guess(const struct pairing *pairing, const struct trace *of)
{
    const struct value *namesake = graph_value(pairing->a->main, of->value->name);
    struct trace *named = namesake ? pointer_map_get(pairing->traces, namesake) : NULL, *form = NULL;
    size_t forms = 0;
    if (named && namesake->writer && !node_is_literal(namesake->writer) && may_be_guessed(named, of)
        && strcmp(namesake->writer->op, of->value->writer->op) == 0)
        return named;
    for (struct trace *trace = class_find(pairing->forms, of->form); trace; trace = trace->alike) {
        if (!work_spend(pairing->work, LOOK_WORK)) return NULL;
        if (!may_be_guessed(trace, of)) continue;
        form = trace;
        forms++;
    }
    return forms == 1 ? form : NULL;
}

static void pair(struct trace *b, struct trace *a, bool is_guess)
{
    b->partner = a;
    if (!a->partner || (a->partner->is_guess && !is_guess)) a->partner = b;
    b->is_guess = is_guess;
    b->is_matched = !is_guess;
    a->is_matched |= !is_guess;
    a->claims += !is_guess;
}

static struct trace *output_partner(const struct pairing *pairing, const struct value *value)
{
    const struct value *end = pointer_map_get(pairing->ends, value);
    return end ? pointer_map_get(pairing->traces, end) : NULL;
}

static void adopt_twin(struct pairing *pairing, struct trace *trace)
{
    if (!trace->twin) return;
    pairing_add_segment(pairing, trace->value, trace->twin->value)->result->accumulated =
        trace_distance(trace->twin, trace);
    pair(trace, trace->twin, false);
    trace->class = trace->twin->class;
}

/* Nothing is proven by it: it is for the blame. */
static void adopt_guess(struct pairing *pairing, struct trace *trace)
{
    struct trace *found = output_partner(pairing, trace->value);
    if (!found) found = find_guess(pairing, trace);
    if (!found || !found->value->writer || found->is_matched) return;
    struct site *site = pairing_add_segment(pairing, trace->value, found->value);
    site->is_guess = true;
    if (trace_has_form_of(found, trace)) site->result->accumulated = trace_distance(found, trace);
    pair(trace, found, true);
    trace->class = found->class;
}

/* A value of b gets its partner: that of its class, or, with a segment to be proven, that of its samples. */
static void adopt(const struct numbering *n, struct trace *trace)
{
    bool is_computed = is_main(trace) && trace->value->writer;
    struct trace *found = class_find(n->pairing->classes, trace->class);
    if (trace->is_matched) trace->class = trace->partner->class;
    else if (found && (is_main(found) || !is_main(trace))) pair(trace, found, n->guesses);
    else if (is_computed && n->guesses) adopt_guess(n->pairing, trace);
    else if (is_computed) adopt_twin(n->pairing, trace);
}

/* ---- bodies ---- */

/* An If, Loop or Scan that is paired with another of its kind: its bodies' outputs are pairs as well. */
static const struct node *counterpart(const struct numbering *n, const struct node *node)
{
    for (size_t i = 0; i < node->output_count; i++) {
        const struct trace *trace = node->outputs[i] ? trace_of(n->pairing, node->outputs[i]) : NULL;
        const struct node *other = trace && trace->partner ? trace->partner->value->writer : NULL;
        if (other && strcmp(other->op, node->op) == 0 && other->inner_count == node->inner_count) return other;
    }
    return NULL;
}

/* Bodies of which one runs are the same ones where the same decides. */
static bool is_chosen_alike(const struct numbering *of_b, const struct node *b, const struct numbering *of_a,
                            const struct node *a)
{
    bool is_choice = b->row && b->row->bodies == BODIES_CHOSEN;
    return !is_choice || class_of(of_b, node_input(b, 0)) == class_of(of_a, node_input(a, 0));
}

static void pair_bodies(const struct numbering *n, const struct node *node)
{
    const struct node *other = counterpart(n, node);
    const struct numbering of_a = { n->pairing, n->pairing->a, false, false, false };
    if (!other || !is_chosen_alike(n, node, &of_a, other)) return;
    for (size_t i = 0; i < node->inner_count; i++) {
        const struct graph *b = node->inner[i], *a = node_body(other, node->inner_names[i]);
        for (size_t k = 0; a && k < b->output_count && k < a->output_count; k++) {
            if (class_of(&of_a, a->outputs[k]) == class_of(n, b->outputs[k])) continue;
            struct site *site = pairing_add_segment(n->pairing, b->outputs[k], a->outputs[k]);
            site->inner = true;
        }
    }
}

/* ---- what hides ---- */

/* Neither value is anything that the other model has: with equal ones downstream, one of them is wrong. */
static void look_upstream(struct pairing *pairing, const struct value *value, const struct value *origin,
                          struct site *site)
{
    struct node *b = value->writer, *a = origin->writer;
    if (!a || !b || strcmp(a->op, b->op) != 0 || !is_hider(b)) return;
    for (size_t i = 0; i < b->input_count && i < a->input_count; i++) {
        struct value *of_b = node_input(b, i), *of_a = node_input(a, i);
        struct trace *in_b = of_b ? pointer_map_get(pairing->traces, of_b) : NULL;
        struct trace *in_a = of_a ? pointer_map_get(pairing->traces, of_a) : NULL;
        if (!in_a || !in_b || in_a->is_matched || in_b->is_matched || !trace_has_form_of(in_a, in_b)) continue;
        if (in_a->is_claimed || in_b->twin) continue;
        struct site *upstream = pairing_add_segment(pairing, of_b, of_a);
        upstream->is_guess = true;
        upstream->is_hidden = true;
        upstream->hidden_by = site;
        if (site) site->hides = true;
    }
}

static void collect_known(struct pairing *pairing)
{
    const struct graph *graph = pairing->a->main;
    struct node **order;
    size_t room = 0;
    for (const struct node *node = graph->first; node; node = node->next) room += node->output_count;
    pairing->known = NEW_ARRAY(pairing->arena, struct trace *, room);
    if (!graph_order(graph, pairing->arena, &order, NULL)) return;
    for (size_t i = 0; i < graph->node_count; i++)
        for (size_t k = 0; k < order[i]->output_count; k++)
            if (order[i]->outputs[k] && !node_is_literal(order[i]))
                pairing->known[pairing->known_count++] = trace_of(pairing, order[i]->outputs[k]);
    pairing->forms = NEW(pairing->arena, struct class_table);
    for (size_t i = pairing->known_count; i-- > 0;) {
        struct trace *trace = pairing->known[i];
        struct class_slot *slot = class_slot_to_fill(pairing, pairing->forms, trace->form);
        trace->alike = slot->trace;
        slot->trace = trace;
    }
}

/* What samples say, before classes say anything: a value that one of b agrees with is nobody's guess. */
static void find_twins(struct pairing *pairing)
{
    for (const struct node *node = pairing->b->main->first; node; node = node->next)
        for (size_t i = 0; i < node->output_count; i++) {
            struct trace *trace = node->outputs[i] ? trace_of(pairing, node->outputs[i]) : NULL;
            if (!trace || node_is_literal(node)) continue;
            if (!trace->is_alone) trace->twin = find_by_samples(pairing, trace);
            if (trace->twin) trace->twin->is_claimed = true;
        }
}

static void clear_marks(const struct net *net)
{
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));) {
        for (size_t i = 0; i < graph->input_count; i++) graph->inputs[i]->mark = NULL;
        for (struct node *node = graph->first; node; node = node->next) {
            node->mark = NULL;
            for (size_t i = 0; i < node->output_count; i++)
                if (node->outputs[i]) node->outputs[i]->mark = NULL;
        }
    }
}

/* Of what an earlier search found, only the inputs stay paired. */
static void forget_pairs(struct pairing *pairing)
{
    for (struct trace *trace = pairing->all; trace; trace = trace->next) {
        if (trace->is_given) continue;
        trace->partner = trace->twin = NULL;
        trace->is_guess = trace->is_matched = trace->is_claimed = false;
        trace->claims = 0;
    }
    pairing->known_count = 0;
    pairing->first = NULL;
    pairing->last = &pairing->first;
}

struct site *pairing_find(struct pairing *pairing)
{
    const struct graph *b = pairing->b->main;
    forget_pairs(pairing);
    collect_known(pairing);
    find_twins(pairing);
    number_graph(&(struct numbering){ pairing, pairing->b, true, true, false }, b);
    for (size_t i = 0; i < b->output_count; i++)
        if (!pairing_is_matched(pairing, b->outputs[i]))
            look_upstream(pairing, b->outputs[i], pairing->outputs[i], NULL);
    for (struct site *site = pairing->first; site; site = site->next)
        if (!site->inner) look_upstream(pairing, site->value, site->origin, site);
    clear_marks(pairing->a);
    clear_marks(pairing->b);
    return pairing->first;
}

/* A Min whose limit nothing reached looks like what it reads. */
bool pairing_refute(struct pairing *pairing, const struct site *sites)
{
    bool any = false;
    for (const struct site *site = sites; site; site = site->next) {
        struct trace *of_b = trace_of(pairing, site->value);
        bool is_one_of_many = trace_of(pairing, site->origin)->claims > 1;
        if (!site->is_mistaken || site->is_guess || site->inner || !is_one_of_many || site->value->is_output) continue;
        any |= !of_b->is_alone;
        of_b->is_alone = true;
    }
    return any;
}

/* ---- around what cannot run ---- */

static bool is_opaque(const struct node *node)
{
    return !node->function && (!node->row || !node->row->run);
}

static const char *first_output(const struct node *node)
{
    return node->output_count && node->outputs[0] ? node->outputs[0]->name : "";
}

static const struct node *opaque_counterpart(struct pairing *pairing, const struct node *node)
{
    const uint64_t hash = hash_operator(&pairing->prints, pairing->b, node);
    const struct node *found = NULL;
    size_t count = 0;
    for (const struct node *other = pairing->a->main->first; other; other = other->next) {
        if (!is_opaque(other) || last_input(other) != last_input(node)
            || hash_operator(&pairing->prints, pairing->a, other) != hash)
            continue;
        if (strcmp(first_output(other), first_output(node)) == 0) return other;
        found = other;
        count++;
    }
    return count == 1 ? found : NULL;
}

/* To be proven equal, where the classes do not say so already. */
static void expect_equal(struct pairing *pairing, struct value *b, struct value *a)
{
    if (a && b && a->writer && b->writer && !is_opaque(b->writer)) trace_of(pairing, b)->twin = trace_of(pairing, a);
}

struct site *pairing_find_around(struct pairing *pairing)
{
    const struct graph *b = pairing->b->main;
    pairing->last = &pairing->first;
    for (const struct node *node = b->first; node; node = node->next) {
        const struct node *other = is_opaque(node) ? opaque_counterpart(pairing, node) : NULL;
        for (size_t i = 0; other && i < last_input(node); i++)
            expect_equal(pairing, node_input(node, i), node_input(other, i));
    }
    for (size_t i = 0; i < b->output_count; i++) expect_equal(pairing, b->outputs[i], pairing->outputs[i]);
    number_graph(&(struct numbering){ pairing, pairing->b, true, true, false }, b);
    clear_marks(pairing->a);
    clear_marks(pairing->b);
    return pairing->first;
}

struct site *pairing_guess(struct pairing *pairing)
{
    struct site **end = pairing->last;
    number_graph(&(struct numbering){ pairing, pairing->b, true, true, true }, pairing->b->main);
    clear_marks(pairing->a);
    clear_marks(pairing->b);
    return *end;
}
