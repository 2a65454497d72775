/* SPDX-License-Identifier: Apache-2.0
 *
 * From wanted values back to given ones: which nodes run, in which order, and when each value was last read.
 *
 * The search starts at the wanted values and follows writers; a node is placed once all it reads is. It keeps its own
 * stack, so a graph of any depth is fine; only bodies within bodies recurse, to a bounded depth. */
#include "runtime/plan.h"

#define MAX_NESTING 64
/* Function calls are planned one by one, and calls of calls multiply: a model that outgrows this is refused. */
#define MAX_STEPS   ((size_t)1 << 20)
#define STEP_WORK   1000 /* of planning a step */

struct builder {
    struct arena *arena;
    struct bnfuse_error *error;
    size_t *steps_left;
    int depth;
    const struct node *call; /* of the function that is planned; NULL outside of any */
    struct schedule *schedule;
    struct step **writers; /* by slot; NULL: given, constant or captured */
    size_t slot_room, step_room, capture_room;
    struct visit *visits;
    size_t visit_count, visit_room;
};

/* A node whose reads are being placed. */
struct visit {
    struct step *step;
    size_t read_count, next;
};

enum { STEP_WAITS, STEP_PLACED };

struct placed_step {
    struct step step; /* first: a step is cast back to this while the plan is built */
    int state;
};

/* Room for one more at the end of a growing array. */
static void *room_for_one(struct arena *arena, void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room) return array;
    *room = *room ? 2 * *room : 8;
    return arena_grow(arena, array, count, *room, size);
}

static size_t add_slot(struct builder *builder, struct value *value, struct step *writer)
{
    struct schedule *schedule = builder->schedule;
    size_t slot = schedule->slot_count, room = builder->slot_room;
    schedule->values =
        room_for_one(builder->arena, schedule->values, slot, &builder->slot_room, sizeof(struct value *));
    builder->writers = room_for_one(builder->arena, builder->writers, slot, &room, sizeof(struct step *));
    schedule->values[slot] = value;
    builder->writers[slot] = writer;
    schedule->slot_count++;
    value->plan_slot = (uint32_t)slot;
    return slot;
}

/* What the value says of its slot counts only where the slot says the same: it may be left from another schedule. */
static size_t slot_of(const struct builder *builder, const struct value *value)
{
    const struct schedule *schedule = builder->schedule;
    if (!value || value->plan_slot >= schedule->slot_count) return NO_SLOT;
    return schedule->values[value->plan_slot] == value ? value->plan_slot : NO_SLOT;
}

static bool build_schedule(struct schedule **schedule, const struct builder *outer, const struct graph *graph,
                           const struct node *call, struct value *const *given, size_t given_count,
                           struct value *const *wanted, size_t wanted_count, int depth);

static bool plan_bodies(struct builder *builder, struct step *step)
{
    const struct node *node = step->node;
    if (node->inner_count) step->bodies = NEW_ARRAY(builder->arena, struct schedule *, node->inner_count);
    for (size_t i = 0; i < node->inner_count; i++) {
        const struct graph *body = node->inner[i];
        if (!build_schedule(&step->bodies[i], builder, body, builder->call, body->inputs, body->input_count,
                            body->outputs, body->output_count, builder->depth + 1))
            return false;
    }
    return true;
}

static bool plan_function(struct builder *builder, struct step *step)
{
    const struct node *node = step->node;
    const struct graph *body = node->function;
    return build_schedule(&step->function, builder, body, node, body->inputs, body->input_count, body->outputs,
                          body->output_count, builder->depth + 1);
}

/* What the node reads, and after that what its bodies do. */
static size_t count_reads(const struct step *step)
{
    size_t count = step->node->input_count;
    for (size_t i = 0; i < step->node->inner_count; i++) count += step->bodies[i]->capture_count;
    return count;
}

/* NULL for an absent input. */
static struct value *read_at(const struct step *step, size_t at)
{
    if (at < step->node->input_count) return step->node->inputs[at].value;
    at -= step->node->input_count;
    struct schedule *const *body = step->bodies;
    for (; at >= (*body)->capture_count; body++) at -= (*body)->capture_count;
    return (*body)->captures[at].value;
}

static bool refuse(struct builder *builder, enum bnfuse_status status, const struct node *node, const char *why)
{
    return fail(builder->error, status, "%s: %s", node_label(node, builder->arena), why);
}

/* Meets a node for the first time: finds its kernel, plans its bodies, gives its outputs slots. */
static bool enter_node(struct builder *builder, const struct node *indexed)
{
    if (*builder->steps_left == 0)
        return refuse(builder, BNFUSE_UNSUPPORTED, indexed, "the calls of local functions multiply beyond all bounds");
    --*builder->steps_left;
    memory_work(builder->arena->memory, STEP_WORK, 1);

    struct placed_step *placed = NEW(builder->arena, struct placed_step);
    struct step *step = &placed->step;
    step->node = builder->call ? node_bound(indexed, builder->call, builder->arena) : indexed;
    if (indexed->function) {
        if (!plan_function(builder, step)) return false;
    } else {
        if (!indexed->row || !indexed->row->run)
            return refuse(builder, BNFUSE_UNSUPPORTED, indexed, operator_missing(indexed, builder->arena));
    }
    if (!plan_bodies(builder, step)) return false;
    for (size_t i = 0; i < indexed->output_count; i++)
        if (indexed->outputs[i]) add_slot(builder, indexed->outputs[i], step);
    builder->visits =
        room_for_one(builder->arena, builder->visits, builder->visit_count, &builder->visit_room, sizeof(struct visit));
    builder->visits[builder->visit_count++] = (struct visit){ step, count_reads(step), 0 };
    return true;
}

/* Until the slot of the surrounding schedule is known, `outer` keeps what the value says of it. */
static void add_capture(struct builder *builder, struct value *value)
{
    struct schedule *schedule = builder->schedule;
    size_t outer = value->plan_slot;
    schedule->captures = room_for_one(builder->arena, schedule->captures, schedule->capture_count,
                                      &builder->capture_room, sizeof(struct capture));
    schedule->captures[schedule->capture_count++] = (struct capture){ value, outer, add_slot(builder, value, NULL) };
}

static void restore_outer_slots(const struct schedule *schedule)
{
    for (size_t i = 0; i < schedule->capture_count; i++)
        schedule->captures[i].value->plan_slot = (uint32_t)schedule->captures[i].outer;
}

/* Meets a value: where it comes from decides what is next. */
static bool reach(struct builder *builder, struct value *value)
{
    size_t slot = slot_of(builder, value);
    if (slot != NO_SLOT) {
        struct placed_step *writer = (struct placed_step *)builder->writers[slot];
        if (writer && writer->state == STEP_WAITS)
            return refuse(builder, BNFUSE_INVALID, writer->step.node,
                          "depends on its own output: the graph has a cycle");
        return true;
    }
    if (builder->schedule->graph && value->graph != builder->schedule->graph) {
        add_capture(builder, value);
        return true;
    }
    if (value->writer) return enter_node(builder, value->writer);
    if (!value->initializer && !value->sparse)
        return fail(builder->error, BNFUSE_INVALID, "value \"%s\": nothing computes it and nobody supplies it",
                    value->name);
    add_slot(builder, value, NULL);
    return true;
}

static void place(struct builder *builder, struct step *step)
{
    struct schedule *schedule = builder->schedule;
    schedule->steps =
        room_for_one(builder->arena, schedule->steps, schedule->step_count, &builder->step_room, sizeof(struct step *));
    schedule->steps[schedule->step_count++] = step;
    ((struct placed_step *)step)->state = STEP_PLACED;
}

static bool search_from(struct builder *builder, struct value *wanted)
{
    if (!reach(builder, wanted)) return false;
    while (builder->visit_count > 0) {
        struct visit *visit = &builder->visits[builder->visit_count - 1];
        if (visit->next < visit->read_count) {
            struct value *value = read_at(visit->step, visit->next++);
            if (value && !reach(builder, value)) return false;
        } else {
            place(builder, visit->step);
            builder->visit_count--;
        }
    }
    return true;
}

static void resolve_slots(struct builder *builder, struct step *step)
{
    const struct node *node = step->node;
    step->inputs = NEW_ARRAY(builder->arena, size_t, node->input_count);
    step->outputs = NEW_ARRAY(builder->arena, size_t, node->output_count);
    for (size_t i = 0; i < node->input_count; i++) step->inputs[i] = slot_of(builder, node->inputs[i].value);
    for (size_t i = 0; i < node->output_count; i++) step->outputs[i] = slot_of(builder, node->outputs[i]);
    for (size_t i = 0; i < node->inner_count; i++)
        for (size_t c = 0; c < step->bodies[i]->capture_count; c++) {
            struct capture *capture = &step->bodies[i]->captures[c];
            capture->outer = slot_of(builder, capture->value);
        }
}

/* `last`: the reader of each slot after which it has none. */
static void find_followers(struct schedule *schedule, struct step *const *last)
{
    for (size_t s = 0; s + 1 < schedule->step_count; s++) {
        struct step *step = schedule->steps[s], *next = schedule->steps[s + 1];
        size_t output = step->node->output_count ? step->outputs[0] : NO_SLOT;
        bool joins = next->node->row && next->node->row->joins && !next->function;
        if (joins && output != NO_SLOT && last[output] == next && next->outputs[0] != NO_SLOT) step->follower = next;
    }
}

/* Hands every slot but the wanted ones to the step after which it has no reader: its last reader, or its writer. */
static void find_releases(struct builder *builder)
{
    struct schedule *schedule = builder->schedule;
    size_t slots = schedule->slot_count;
    struct step **last = NEW_ARRAY(builder->arena, struct step *, slots);
    for (size_t s = 0; s < schedule->step_count; s++) {
        struct step *step = schedule->steps[s];
        for (size_t i = 0; i < step->node->output_count; i++)
            if (step->outputs[i] != NO_SLOT) last[step->outputs[i]] = step;
        for (size_t i = 0, count = count_reads(step); i < count; i++)
            if (read_at(step, i)) last[slot_of(builder, read_at(step, i))] = step;
    }
    for (size_t i = 0; i < schedule->output_count; i++)
        if (schedule->outputs[i] != NO_SLOT) last[schedule->outputs[i]] = NULL;
    for (size_t slot = 0; slot < slots; slot++)
        if (last[slot]) last[slot]->release_count++;
    size_t *release = NEW_ARRAY(builder->arena, size_t, slots);
    for (size_t s = 0; s < schedule->step_count; s++) {
        struct step *step = schedule->steps[s];
        step->release = release;
        release += step->release_count;
        step->release_count = 0;
    }
    for (size_t slot = 0; slot < slots; slot++)
        if (last[slot]) last[slot]->release[last[slot]->release_count++] = slot;
    find_followers(schedule, last);
}

static bool fill_schedule(struct builder *builder, struct value *const *given, size_t given_count,
                          struct value *const *wanted, size_t wanted_count)
{
    struct schedule *schedule = builder->schedule;
    schedule->input_count = given_count;
    schedule->inputs = NEW_ARRAY(builder->arena, size_t, given_count);
    for (size_t i = 0; i < given_count; i++) {
        size_t known = slot_of(builder, given[i]);
        schedule->inputs[i] = known != NO_SLOT ? known : add_slot(builder, given[i], NULL);
    }
    schedule->output_count = wanted_count;
    schedule->outputs = NEW_ARRAY(builder->arena, size_t, wanted_count);
    for (size_t i = 0; i < wanted_count; i++) {
        if (wanted[i] && !search_from(builder, wanted[i])) return false;
        schedule->outputs[i] = slot_of(builder, wanted[i]);
    }
    for (size_t i = 0; i < schedule->step_count; i++) resolve_slots(builder, schedule->steps[i]);
    find_releases(builder);
    return true;
}

static bool build_schedule(struct schedule **schedule, const struct builder *outer, const struct graph *graph,
                           const struct node *call, struct value *const *given, size_t given_count,
                           struct value *const *wanted, size_t wanted_count, int depth)
{
    struct builder builder = {
        .arena = outer->arena, .error = outer->error, .steps_left = outer->steps_left, .depth = depth, .call = call
    };
    if (depth > MAX_NESTING)
        return fail(outer->error, BNFUSE_UNSUPPORTED,
                    "bodies and functions nest more than %d deep (or a function calls itself)", MAX_NESTING);
    builder.schedule = *schedule = NEW(outer->arena, struct schedule);
    builder.schedule->graph = graph;
    if (!fill_schedule(&builder, given, given_count, wanted, wanted_count)) return false;
    restore_outer_slots(builder.schedule);
    return true;
}

bool plan_build(struct plan **plan, struct arena *arena, const struct net *net, struct value *const *given,
                size_t given_count, struct value *const *wanted, size_t wanted_count, struct bnfuse_error *error)
{
    size_t steps_left = MAX_STEPS;
    struct builder root = { .arena = arena, .error = error, .steps_left = &steps_left };
    *plan = NEW(arena, struct plan);
    (*plan)->net = net;
    return build_schedule(&(*plan)->schedule, &root, NULL, NULL, given, given_count, wanted, wanted_count, 0);
}
