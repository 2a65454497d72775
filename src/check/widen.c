/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking around the parts of a site, and behind its inputs. See widen.h. */
#include "check/widen.h"

#include "check/part.h"
#include "onnx/graph/reads.h"

#include <string.h>

enum { MOST_VISITED = 512, MOST_BEHIND = 128, MOST_ROUNDS = 8, MOST_GIVEN = 256 };
enum { VISIT_WORK = 200 }; /* of each node beyond MOST_VISITED */

/* What is around a part of a site, the original one or the new: its inputs are known beforehand, to the map of them,
 * and what it computes from them to the surroundings. */
struct surroundings {
    struct pointer_map *known, *inputs; /* those of the site that it has not come to yet stand in `inputs` */
    const struct widening *with;        /* NULL: only a look, that goes as far as MOST_VISITED */
    const struct node **stack;
    size_t count, visited, room;
    bool is_open; /* something else is read, or it goes on too far */
};

static bool may_go_on(const struct surroundings *around)
{
    return around->visited < MOST_VISITED || (around->with && work_spend(around->with->work, VISIT_WORK));
}

static void push(struct surroundings *around, const struct node *node)
{
    if (around->visited == around->room) {
        const size_t room = 2 * around->room + 16;
        around->stack = arena_grow(around->known->arena, around->stack, around->room, room, sizeof *around->stack);
        around->room = room;
    }
    around->stack[around->visited++] = node;
}

static void visit_value(void *context, struct value *value)
{
    struct surroundings *around = context;
    if (!value || value_is_stored(value)) return;
    if (pointer_map_get(around->inputs, value)) pointer_map_set(around->inputs, value, NULL);
    if (pointer_map_get(around->known, value)) return;
    pointer_map_set(around->known, value, around);
    if (!value->writer || !may_go_on(around)) {
        around->is_open = true;
        return;
    }
    if (pointer_map_get(around->known, value->writer)) return;
    pointer_map_set(around->known, value->writer, around);
    push(around, value->writer);
}

static void look_around(struct surroundings *around, struct value *wanted, struct value *const *given, size_t count,
                        const struct widening *with, struct arena *arena)
{
    *around = (struct surroundings){ .known = NEW(arena, struct pointer_map),
                                     .inputs = NEW(arena, struct pointer_map),
                                     .with = with };
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
    bool meets;   /* any input of the site */
};

static void visit_behind(void *context, struct value *value)
{
    struct behind *behind = context;
    if (!value || value_is_stored(value)) return;
    const void *known = pointer_map_get(behind->around->known, value);
    behind->is_tied |= known == behind->around || pointer_map_get(behind->others, value);
    behind->meets |= known == behind->around->inputs;
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
    look_around(&after, site->value, site->given, site->given_count, around->with, arena);
    for (size_t i = 0; i < site->given_count; i++)
        if (is_unread(around, site->origins[i]) && !is_unread(&after, site->given[i]))
            pointer_map_set(others, site->origins[i], others);
    return others;
}

static struct behind look_behind(const struct surroundings *around, const struct site *site, struct arena *arena)
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
    return behind;
}

/* Whether inputs follow from each other: one that is computed and that the original part does not read; or one that
 * follows from what this part computes, or from another that the new part alone reads. */
static bool has_bound_input(const struct surroundings *around, const struct site *site, struct arena *arena)
{
    for (size_t i = 0; i < site->given_count; i++)
        if (site->origins[i] && site->origins[i]->writer && is_unread(around, site->origins[i])) return true;
    return site->given_count > 1 && look_behind(around, site, arena).is_tied;
}

bool site_is_bound(const struct site *site, struct arena *arena)
{
    struct surroundings around;
    look_around(&around, site->origin, site->origins, site->given_count, NULL, arena);
    return !around.is_open && has_bound_input(&around, site, arena);
}

bool site_input_follows(const struct site *site, struct arena *arena)
{
    struct surroundings around;
    look_around(&around, site->origin, site->origins, site->given_count, NULL, arena);
    return site->given_count > 1 && look_behind(&around, site, arena).meets;
}

static bool reads_its_inputs_alone(const struct site *site, const struct widening *with)
{
    struct surroundings around;
    look_around(&around, site->origin, site->origins, site->given_count, with, with->arena);
    return !around.is_open && !has_bound_input(&around, site, with->arena);
}

/* ---- wider sites ---- */

enum { GIVEN_STEP = 16 };

static bool add_given(struct site *wide, struct value *value, struct value *origin, struct arena *arena)
{
    const size_t count = wide->given_count, room = count + GIVEN_STEP;
    for (size_t i = 0; i < wide->given_count; i++)
        if (wide->given[i] == value) return true;
    if (count == MOST_GIVEN) return false;
    if (count % GIVEN_STEP == 0) {
        wide->given = arena_grow(arena, wide->given, count, room, sizeof *wide->given);
        wide->origins = arena_grow(arena, wide->origins, count, room, sizeof *wide->origins);
    }
    wide->given[wide->given_count] = value;
    wide->origins[wide->given_count++] = origin;
    return true;
}

static void clear_given(struct site *wide)
{
    wide->given = wide->origins = NULL;
    wide->given_count = 0;
}

/* Each input that is the value of a site gives way to the inputs of that. */
static bool widen_once(struct site *wide, const struct pointer_map *sites, struct arena *arena, bool *moved)
{
    const struct site narrow = *wide;
    clear_given(wide);
    for (size_t i = 0; i < narrow.given_count; i++) {
        const struct site *upstream = pointer_map_get(sites, narrow.given[i]);
        if (upstream && upstream->is_passed_over) return false;
        if (!upstream && !add_given(wide, narrow.given[i], narrow.origins[i], arena)) return false;
        for (size_t k = 0; upstream && k < upstream->given_count; k++)
            if (!add_given(wide, upstream->given[k], upstream->origins[k], arena)) return false;
        if (!upstream) continue;
        *moved = true;
        wide->keeps_bits = wide->keeps_bits && upstream->keeps_bits;
        wide->is_idealized |= upstream->is_idealized;
    }
    return true;
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

static bool add_inputs_of_node(struct site *wide, const struct node *node, const struct node *other,
                               struct arena *arena)
{
    for (size_t i = 0; i < node->input_count; i++) {
        struct value *input = node_input(node, i);
        if (input && !value_is_stored(input) && !add_given(wide, input, node_input(other, i), arena)) return false;
    }
    return true;
}

/* Each input that unchanged nodes without weights compute gives way to what those read. */
static bool extend_once(struct site *wide, struct arena *arena, bool *moved)
{
    const struct site narrow = *wide;
    clear_given(wide);
    for (size_t i = 0; i < narrow.given_count; i++) {
        struct value *value = narrow.given[i], *origin = narrow.origins[i];
        const bool is_alike = is_written_alike(value, origin);
        *moved |= is_alike;
        if (!(is_alike ? add_inputs_of_node(wide, value->writer, origin->writer, arena)
                       : add_given(wide, value, origin, arena)))
            return false;
    }
    return true;
}

bool site_widen(struct site *wide, const struct site *site, const struct widening *with)
{
    bool moved = true;
    *wide = *site;
    for (int i = 0; i < MOST_ROUNDS && moved; i++) {
        if (reads_its_inputs_alone(wide, with)) {
            wide->fed = NEW_ARRAY(with->arena, struct array *, wide->given_count);
            wide->expected = NULL;
            return true;
        }
        moved = false;
        if (!widen_once(wide, with->sites, with->arena, &moved)) return false;
        if (!moved && !extend_once(wide, with->arena, &moved)) return false;
    }
    return false;
}

bool site_extend(struct site *wide, const struct widening *with)
{
    struct site extended = *wide;
    bool moved = false;
    if (!widen_once(&extended, with->sites, with->arena, &moved)) return false;
    if (!moved && !extend_once(&extended, with->arena, &moved)) return false;
    return moved && site_widen(wide, &extended, with);
}
