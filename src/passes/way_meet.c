/* SPDX-License-Identifier: Apache-2.0
 *
 * What inputs want, and what waits at them, as steps. */
#include "passes/way_meet.h"

#include "passes/algebra/affine_node.h"

/* The steps: an input wants an affine; it gets it from upstream; an affine waits at an input; a node where all have
 * arrived. */
enum { DEMAND = 1, SUPPLY, ARRIVAL, DEPARTURE };

enum { NEAR_NODES = 32 };

static void apply_nothing(struct decision *decision, const struct step *step)
{
    (void)decision, (void)step;
}

static const struct step *find(const struct decision *decision, int role, const struct node *node, size_t slot)
{
    for (const struct step *step = decision_steps_of(decision, node); step; step = step->earlier)
        if (step->role == role && step->slot == slot) return step;
    return NULL;
}

static struct step *note(struct decision *decision, int role, const struct use *use, const struct affine *a)
{
    struct step *step = decision_step(decision, apply_nothing, use->node);
    step->role = role;
    step->slot = use->slot;
    step->affine = a;
    return step;
}

/* Whether what arrived at an input is what is wanted there. In a sum the scales must agree; the shifts add up. */
static bool fits(const struct decision *decision, const struct node *node, const struct affine *wanted,
                 const struct affine *arrived)
{
    if (affine_sum_sign(node, 0) == 0) return affine_is_equal(wanted, arrived);
    return affine_is_equal(affine_scale_only(decision->arena, wanted), affine_scale_only(decision->arena, arrived));
}

/* ---- Upstream ---- */

const struct step *way_demand(struct decision *decision, const struct use *use, const struct affine *a)
{
    return note(decision, DEMAND, use, a);
}

void way_serve(struct decision *decision, const struct step *demand)
{
    struct step *supply = decision_step(decision, apply_nothing, demand->node);
    supply->role = SUPPLY;
    supply->demand = demand;
}

static bool is_met(const struct decision *decision, const struct step *demand)
{
    for (const struct step *step = decision_steps_of(decision, demand->node); step; step = step->earlier)
        if (step->demand == demand) return true;
    return false;
}

bool way_is_supplied(const struct decision *decision, const struct step *demand)
{
    return decision->has_supplies && is_met(decision, demand);
}

/* The first that nothing supplies yet. A node that several ways cross has one for each of them. */
static const struct step *open_demand(const struct decision *decision, const struct use *use)
{
    const struct step *open = NULL;
    for (const struct step *step = decision_steps_of(decision, use->node); step; step = step->earlier)
        if (step->role == DEMAND && step->slot == use->slot && !is_met(decision, step)) open = step;
    return open;
}

enum reason way_supply_all(struct decision *decision, struct value *value, const struct affine *a)
{
    enum reason reason = REASON_NONE;
    if (affine_is_identity(a)) return REASON_NONE;
    if (value->is_output) return decision_stop(decision, REASON_GRAPH_OUTPUT, value->name, "%s", "");
    if (value->use_count > WAY_BRANCHES)
        return decision_stop(decision, REASON_READ_ELSEWHERE, value->name, "it has %u readers", value->use_count);
    for (struct use *use = value->uses; use && !reason; use = use->next) reason = way_supply(decision, use, a);
    if (!reason) decision_rename(decision, value);
    return reason;
}

/* The first of these readers that neither wants anything nor lets anything through, whatever comes; or NULL. */
static const struct use *end_of(const struct decision *decision, const struct use *uses)
{
    for (const struct use *use = uses; use; use = use->next)
        if (use->node && !way_mover(decision, use->node, false) && !find(decision, DEMAND, use->node, use->slot)
            && !use_reads_no_numbers(use))
            return use;
    return NULL;
}

/* A crossing that changes a constant makes it what stands before an affine that goes downstream. Here the affine comes
 * with the value, and the constant would have to change the other way. */
static enum reason supply_through(struct decision *decision, struct use *use, const struct affine *a)
{
    struct node *node = use->node;
    const struct decision_mark mark = decision_mark(decision);
    struct crossing x = { .decision = decision, .node = node, .slot = use->slot, .affine = a };
    const struct mover *mover = way_mover(decision, node, false);
    if (!mover || node == decision->root || way_is_opaque(node)) return way_blocked(decision, node);
    /* Not for nothing. */
    const struct use *end = mover_widens(mover) ? end_of(decision, node->outputs[0]->uses) : NULL;
    if (end) return way_blocked(decision, end->node);
    enum reason reason = mover_downstream(mover, &x);
    if (!reason && decision->last != mark.last)
        return decision_stop(decision, REASON_READ_ELSEWHERE, node_title(node), "reads \"%s\" too", use->value->name);
    for (size_t i = 0; i < node->output_count && !reason; i++)
        if (x.onto[i] && node->outputs[i]) reason = way_supply_all(decision, node->outputs[i], x.onto[i]);
    return reason;
}

enum reason way_supply(struct decision *decision, struct use *use, const struct affine *a)
{
    if (use_is_unaffected(decision, use, a)) return REASON_NONE;
    if (use_graph(use) != use->value->graph)
        return decision_stop(decision, REASON_READ_ELSEWHERE, use->value->name, "it is read inside a body");
    const struct step *demand = open_demand(decision, use);
    if (demand && affine_is_equal(demand->affine, a)) {
        way_serve(decision, demand);
        decision->has_supplies = true;
        return REASON_NONE;
    }
    if (demand && fits(decision, use->node, demand->affine, a)) decision->shares = use->node;
    if (find(decision, DEMAND, use->node, use->slot) || way_is_too_far(decision, a))
        return decision_stop(decision, REASON_READ_ELSEWHERE, node_title(use->node), "reads \"%s\" too",
                             use->value->name);
    decision->depth++;
    enum reason reason = supply_through(decision, use, a);
    decision->depth--;
    return reason;
}

bool way_has_demands(const struct decision *decision)
{
    for (const struct step *step = decision->steps; step; step = step->next)
        if (step->role == DEMAND) return true;
    return false;
}

/* ---- Downstream ---- */

/* The affine of the output when that is `a` on this input, as what each input wants says; false: there is none. */
static bool is_wanted(struct decision *decision, const struct mover *mover, struct use *use, const struct affine *a,
                      struct crossing *x)
{
    struct node *node = use->node;
    const struct value *output = node_output(node, 0);
    const int rank = use->value->shape.rank, out_rank = output ? output->shape.rank : -1;
    struct decision_mark mark = decision_mark(decision);
    if (node->output_count != 1 || rank < 0 || out_rank < 0 || a->spread) return false;
    const struct affine *whole = affine_moved(decision->arena, a, a->axis < 0 ? a->axis : a->axis + out_rank - rank);
    *x = (struct crossing){ .decision = decision, .node = node, .affine = whole };
    const bool crosses = !mover_upstream(mover, x) && decision->last == mark.last && !x->residue && !x->any_branch;
    decision_undo(decision, mark);
    return crosses && x->onto[use->slot] && fits(decision, node, x->onto[use->slot], a);
}

/* Whether an affine may come down to the value, as far as a few nodes upstream of it tell: movers only, below one that
 * others read too. */
static bool descends_from_branching(const struct value *value, int *visits)
{
    if (!value || --*visits < 0) return false;
    if (value->use_count > 1) return true;
    const struct node *writer = value->writer;
    if (!writer || !mover_of(writer)) return false;
    for (size_t i = 0; i < writer->input_count; i++)
        if (descends_from_branching(writer->inputs[i].value, visits)) return true;
    return false;
}

static bool may_arrive(const struct value *value)
{
    int visits = NEAR_NODES;
    return descends_from_branching(value, &visits);
}

static bool may_others_arrive(const struct use *use)
{
    for (size_t i = 0; i < use->node->input_count; i++)
        if (i != use->slot && may_arrive(node_input(use->node, i))) return true;
    return false;
}

/* Several inputs take part, and all may arrive; a constant never does. */
static bool can_all_arrive(struct decision *decision, const struct crossing *x)
{
    enum reason why;
    size_t count = 0;
    for (size_t i = 0; i < x->node->input_count; i++) {
        struct value *value = x->onto[i] ? node_input(x->node, i) : NULL;
        if (!value) continue;
        if (decision_constant(decision, value, &why) || !may_arrive(value)) return false;
        count++;
    }
    return count > 1;
}

/* What the output is under when every input that takes part has arrived, else NULL. */
static const struct affine *whole_of(struct decision *decision, const struct crossing *x)
{
    const struct affine *wanted = x->affine;
    double *scale, *shift;
    struct affine *whole = affine_blank(decision->arena, wanted->axis, wanted->channels, &scale, &shift);
    for (int64_t c = 0; c < whole->channels; c++) {
        scale[c] = wanted->scale[c];
        shift[c] = 0;
    }
    for (size_t i = 0; i < x->node->input_count; i++) {
        if (!x->onto[i]) continue;
        const struct step *arrival = find(decision, ARRIVAL, x->node, i);
        if (!arrival || !fits(decision, x->node, x->onto[i], arrival->affine)) return NULL;
        const struct affine *a = arrival->affine;
        for (int64_t c = 0; c < whole->channels; c++)
            shift[c] += affine_sum_sign(x->node, i) * a->shift[a->channels > 1 ? c : 0];
    }
    return affine_sum_sign(x->node, 0) != 0 ? whole : wanted;
}

enum reason way_meet(struct decision *decision, const struct mover *mover, struct use *use, const struct affine *a,
                     enum reason stops, const struct affine **whole)
{
    struct node *node = use->node;
    struct crossing x;
    const struct words words = decision->words;
    const bool meets = node->input_count <= WAY_BRANCHES && may_others_arrive(use)
                       && !find(decision, ARRIVAL, node, use->slot) && is_wanted(decision, mover, use, a, &x)
                       && can_all_arrive(decision, &x);
    decision->words = words;
    *whole = NULL;
    if (!meets) return stops;
    struct step *arrival = note(decision, ARRIVAL, use, a);
    arrival->stops = stops;
    arrival->words = words;
    if ((*whole = whole_of(decision, &x))) note(decision, DEPARTURE, &node->inputs[0], *whole);
    return REASON_NONE;
}

enum reason way_waits(struct decision *decision)
{
    for (const struct step *step = decision->steps; step; step = step->next) {
        if (step->role != ARRIVAL || find(decision, DEPARTURE, step->node, 0)) continue;
        decision->words = step->words;
        return step->stops;
    }
    return REASON_NONE;
}
