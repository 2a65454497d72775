/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking upstream in both models until pairs are met. */
#include "check/frontier.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/reads.h"

#include <math.h>
#include <string.h>

struct frontier {
    struct pairing *pairing;
    struct value **b, **a;
    size_t count, space;
    struct pointer_map on; /* the same values, when they are many */
    struct node **stack;
    size_t stack_count, stack_space;
    void *tag;
    bool is_b; /* the walk is in the second model */
    bool is_curved;
    double constant;
    const struct node **passed; /* of a: the walk goes through them, whatever is paired */
    size_t passed_count, passed_space;
};

static void put_on(struct frontier *f, const struct value *b, const struct value *a)
{
    if (b) pointer_map_set(&f->on, b, f);
    if (a) pointer_map_set(&f->on, a, f);
}

/* In a wide frontier, by a map of the values on it. */
static bool is_on_frontier(struct frontier *f, struct value *b, struct value *a)
{
    enum { WIDE = 32 };
    for (size_t i = 0; i < f->count && f->count <= WIDE; i++)
        if ((b && f->b[i] == b) || (a && f->a[i] == a)) return true;
    if (f->count < WIDE) return false;
    for (size_t i = 0; i < f->count && f->count == WIDE; i++) put_on(f, f->b[i], f->a[i]);
    if ((b && pointer_map_get(&f->on, b)) || (a && pointer_map_get(&f->on, a))) return true;
    put_on(f, b, a);
    return false;
}

static void frontier_add(struct frontier *f, struct value *b, struct value *a)
{
    if (is_on_frontier(f, b, a)) return;
    if (f->count == f->space) {
        size_t space = 2 * f->space + 8;
        f->b = arena_grow(f->pairing->arena, f->b, f->space, space, sizeof *f->b);
        f->a = arena_grow(f->pairing->arena, f->a, f->space, space, sizeof *f->a);
        f->space = space;
    }
    f->b[f->count] = b;
    f->a[f->count++] = a;
}

static void push_writer(struct frontier *f, struct node *node)
{
    if (!node || node->mark == f->tag || node_is_literal(node)) return;
    node->mark = f->tag;
    if (f->stack_count == f->stack_space) {
        size_t space = 2 * f->stack_space + 16;
        f->stack = arena_grow(f->pairing->arena, f->stack, f->stack_space, space, sizeof *f->stack);
        f->stack_space = space;
    }
    f->stack[f->stack_count++] = node;
}

static bool is_passed(const struct frontier *f, const struct node *node)
{
    for (size_t i = 0; i < f->passed_count; i++)
        if (f->passed[i] == node) return true;
    return false;
}

static void reach(void *context, struct value *value)
{
    struct frontier *f = context;
    const bool is_b = f->is_b;
    if (value->mark == f->tag || (!value->writer && value_is_stored(value))) return;
    value->mark = f->tag;
    struct trace *trace = pointer_map_get(f->pairing->traces, value), *partner = trace ? trace->partner : NULL;
    bool constant = value->writer && node_is_literal(value->writer);
    if (constant) return;
    if (partner && value->writer && is_passed(f, is_b ? partner->value->writer : value->writer)) partner = NULL;
    if (partner) frontier_add(f, is_b ? value : partner->value, is_b ? partner->value : value);
    else if (value->writer) push_writer(f, value->writer);
    else frontier_add(f, is_b ? value : NULL, is_b ? NULL : value);
}

enum { FEW = 4 };

/* The limits of a Clip and the like: numbers beyond them are worth feeding. */
static void look_at_constants(struct frontier *f, const struct node *node)
{
    for (size_t i = 0; i < node->input_count; i++) {
        struct value *value = node_input(node, i);
        const struct tensor *constant = value_constant(value);
        double numbers[FEW];
        if (!constant || constant->count > FEW || dtype_kind(constant->type) != KIND_REAL) continue;
        if (!tensor_read_real(constant, 0, constant->count, numbers, NULL)) continue;
        for (int64_t k = 0; k < constant->count; k++)
            if (fabs(numbers[k]) < 1e6) f->constant = fmax(f->constant, fabs(numbers[k]));
    }
    static const char *const names[] = { "min", "max", "alpha", "threshold", "lambd" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        double limit = fabs((double)node_float(node, names[i], 0));
        if (limit < 1e6) f->constant = fmax(f->constant, limit);
    }
}

static void walk_back(struct frontier *f, struct value *from, bool is_b)
{
    f->tag = NEW(f->pairing->arena, char);
    f->is_b = is_b;
    push_writer(f, from->writer);
    while (f->stack_count > 0) {
        const struct node *node = f->stack[--f->stack_count];
        f->is_curved |= is_hider(node) || node->inner_count || node->function;
        look_at_constants(f, node);
        visit_reads(&(struct read_visitor){ reach, f, node->graph }, node);
    }
}

static void pass_node(struct frontier *f, const struct node *node)
{
    if (is_passed(f, node)) return;
    if (f->passed_count == f->passed_space) {
        size_t space = 2 * f->passed_space + 4;
        f->passed = arena_grow(f->pairing->arena, f->passed, f->passed_space, space, sizeof *f->passed);
        f->passed_space = space;
    }
    f->passed[f->passed_count++] = node;
}

/* The node that moved the elements of the value to where they are; NULL: it computed them. */
static const struct node *mover_of(const struct value *value)
{
    const struct node *node = value->writer;
    bool moves = node && node->row && node->row->passes == SLOT(0) && value->writer_slot == 0;
    return moves && node_input(node, 0) ? node : NULL;
}

static const struct value *source_of(const struct value *value)
{
    const struct node *mover;
    while ((mover = mover_of(value))) value = node_input(mover, 0);
    return value;
}

static void pass_movers(struct frontier *f, const struct value *value)
{
    const struct node *mover;
    for (; (mover = mover_of(value)); value = node_input(mover, 0)) pass_node(f, mover);
}

/* Two results of one node, moved or not, follow from each other: the last state of an LSTM is in the list of all.
 * Whether there are such; what they come from is fed then. */
static bool pass_siblings(struct frontier *f)
{
    enum { MOST_COMPARED = 32 };
    const size_t before = f->passed_count;
    for (size_t i = 0; i < f->count && i < MOST_COMPARED; i++)
        for (size_t k = 0; f->a[i] && k < i; k++) {
            const struct value *one = source_of(f->a[i]), *other = f->a[k] ? source_of(f->a[k]) : NULL;
            if (!other || (one != other && (!one->writer || one->writer != other->writer))) continue;
            pass_movers(f, f->a[i]);
            pass_movers(f, f->a[k]);
            if (one != other) pass_node(f, one->writer);
        }
    return f->passed_count > before;
}

static const char *scope_of(struct arena *arena, const struct graph *graph)
{
    const char *scope = "";
    for (; graph->owner; graph = graph->owner->graph)
        scope = arena_printf(arena, "%s%s%s", node_label(graph->owner, arena), *scope ? " / " : "", scope);
    return scope;
}

static const char *label_of(struct arena *arena, const struct value *value)
{
    return value->writer ? node_label(value->writer, arena) : "a constant";
}

struct site *pairing_add_segment(struct pairing *pairing, struct value *b, struct value *a)
{
    struct arena *arena = pairing->arena;
    struct frontier f = { .pairing = pairing };
    do {
        f.count = 0;
        f.on = (struct pointer_map){ .arena = arena };
        walk_back(&f, b, true);
        walk_back(&f, a, false);
    } while (pass_siblings(&f));
    struct site *site = NEW(arena, struct site);
    *site = (struct site){ .value = b,
                           .origin = a,
                           .given_count = f.count,
                           .given = f.b,
                           .origins = f.a,
                           .is_curved = f.is_curved,
                           .reach = f.constant };
    site->fed = NEW_ARRAY(arena, struct array *, f.count);
    site->waiting = f.count;
    site->result = NEW(arena, struct bnfuse_site);
    site->result->value = b->name;
    site->result->node = strcmp(a->name, b->name) == 0 && a->writer && b->writer && a->writer->op == b->writer->op
                             ? label_of(arena, b)
                             : arena_printf(arena, "%s; %s in the first", label_of(arena, b), label_of(arena, a));
    site->result->scope = scope_of(arena, b->graph);
    site->result->why = "";
    *pairing->last = site;
    pairing->last = &site->next;
    return site;
}

bool is_hider(const struct node *node)
{
    return node->row && node->row->hides;
}
