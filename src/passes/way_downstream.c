/* SPDX-License-Identifier: Apache-2.0
 *
 * Downstream: into the readers of a value
 *
 *   BN -> movers -> anchors  ->  movers -> anchors
 *
 * Every reader must take its part. */
#include "passes/way_meet.h"

#include "onnx/graph/bn.h"
#include "onnx/graph/edit.h"
#include "passes/algebra/absorb.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/mover.h"
#include "passes/algebra/shift_map.h"
#include "passes/decide/remark.h"

#include <assert.h>

#define SIBLING_LIMIT 64 /* readers of a value of which one may go while the others make up for it */

static enum reason downstream_changed(struct decision *decision, struct value *value, const struct affine *a);

/* What one input alone cannot carry across waits for the others. */
static enum reason downstream_through_meeting(struct decision *decision, const struct mover *mover, struct use *use,
                                              const struct affine *a, enum reason stops)
{
    const struct affine *whole;
    enum reason reason = way_meet(decision, mover, use, a, stops, &whole);
    if (reason || !whole || affine_is_identity(whole)) return reason;
    reason = downstream_changed(decision, use->node->outputs[0], whole);
    if (!reason) decision_rename(decision, use->node->outputs[0]);
    return reason;
}

static enum reason downstream_through_mover(struct decision *decision, const struct mover *mover, struct use *use,
                                            const struct affine *a)
{
    struct node *node = use->node;
    struct crossing x = { .decision = decision, .node = node, .slot = use->slot, .affine = a };
    struct decision_mark mark = decision_mark(decision);
    enum reason reason = mover_downstream(mover, &x);
    const struct affine *uniform = reason ? affine_uniform(decision->arena, a) : NULL;
    if (uniform) {
        decision_undo(decision, mark);
        x = (struct crossing){ .decision = decision, .node = node, .slot = use->slot, .affine = uniform };
        reason = mover_downstream(mover, &x);
    }
    if (reason) decision_undo(decision, mark);
    if (reason) return downstream_through_meeting(decision, mover, use, a, reason);
    for (size_t i = 0; !reason && i < node->output_count; i++) {
        if (!x.onto[i] || !node->outputs[i] || affine_is_identity(x.onto[i])) continue;
        reason = downstream_changed(decision, node->outputs[i], x.onto[i]);
        if (!reason) decision_rename(decision, node->outputs[i]);
    }
    return reason;
}

static void apply_own(struct decision *decision, const struct step *step)
{
    struct node *bn = step->node;
    struct value *output = bn->outputs[0];
    (void)decision;
    if (affine_relower(bn, step->affine)) return;
    struct value *result =
        affine_lower(bn->graph, bn, node_input(bn, 0), step->affine, root_type(bn), true, node_title(bn));
    result->writer->mark = bn->mark;
    edit_take_output(result->writer, result->writer_slot, output);
    remark_forget(bn);
    edit_remove_node(bn);
}

/* Where padding stops a shift, an average over the whole plane may make one number a channel of it again. */
static enum reason downstream_into_anchor(struct decision *decision, const struct anchor *anchor, struct use *use,
                                          const struct affine *a)
{
    struct decision_mark mark = decision_mark(decision);
    enum reason reason = absorb_input(decision, anchor, use->node, use->slot, a);
    if (reason != REASON_PADDED_SHIFT) return reason;
    const struct words first = decision->words;
    struct node *average = shift_map_average(decision, use->node);
    const struct affine *left = absorb_padded(decision, anchor, use->node, use->slot, a, average);
    if (left && !way_downstream(decision, average->outputs[0], left)) {
        decision_rename(decision, use->node->outputs[0]);
        if (!affine_is_identity(left)) decision_rename(decision, average->outputs[0]);
        return REASON_NONE;
    }
    decision_undo(decision, mark);
    decision->words = first;
    return reason;
}

/* A product that has no weight to take the affine may still be crossed. */
static enum reason downstream_into_either(struct decision *decision, const struct anchor *anchor,
                                          const struct mover *mover, struct use *use, const struct affine *a)
{
    struct decision_mark mark = decision_mark(decision);
    enum reason reason = downstream_into_anchor(decision, anchor, use, a);
    if (!reason || !mover) return reason;
    decision_undo(decision, mark);
    const struct words first = decision->words;
    if (!downstream_through_mover(decision, mover, use, a)) return REASON_NONE;
    decision->words = first;
    return reason;
}

/* A BatchNormalization that stays takes what comes into its own parameters: it is `both` from then on. */
static bool joins(struct decision *decision, struct node *bn, const struct affine *both)
{
    if (!bn_is(bn) || way_is_changed(decision, bn) || both->axis != 1 || !affine_has_scale(both)) return false;
    decision_step(decision, apply_own, bn)->affine = both;
    return true;
}

/* Another BatchNormalization beside a reader that has to be satisfied: it takes `a` along, or stays and takes it in. */
static enum reason downstream_through_affine(struct decision *decision, struct node *node, size_t slot,
                                             const struct affine *both)
{
    /* Two that cancel out need no anchor, but a graph output keeps its writer and so its name. */
    const struct value *output = node->outputs[0];
    struct decision_mark mark = decision_mark(decision);
    enum reason reason;
    if (output->is_output) {
        reason = decision_stop(decision, REASON_GRAPH_OUTPUT, output->name, "%s", "");
    } else if (way_is_changed(decision, node)) {
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it is met twice");
    } else {
        reason = way_downstream(decision, node->outputs[0], both);
    }
    if (!reason) {
        way_bypass(decision, node, slot);
        return REASON_NONE;
    }
    decision_undo(decision, mark);
    if (!decision->is_late || !decision->compensates || node->inputs[slot].value->use_count > SIBLING_LIMIT)
        return reason;
    return joins(decision, node, both) ? REASON_NONE : reason;
}

/* Crosses a node that is an affine too, and stays. */
static bool downstream_across_affine(struct decision *decision, struct use *use, const struct affine *a)
{
    const struct mover *mover = affine_multiplies(use->node) ? NULL : mover_of(use->node);
    struct decision_mark mark = decision_mark(decision);
    const bool crosses = decision->crosses;
    decision->crosses = true;
    bool is_open = mover && !downstream_through_mover(decision, mover, use, a);
    decision->crosses = crosses;
    if (!is_open) decision_undo(decision, mark);
    return is_open;
}

/* A node that is an affine and a mover takes `a` along; where the two cannot go on as one, `a` crosses it. From there
 * on nodes are crossed first, so that a chain of them is not asked about in every way. */
static enum reason downstream_through_either(struct decision *decision, struct use *use, const struct affine *a,
                                             const struct affine *both)
{
    if (decision->crosses && downstream_across_affine(decision, use, a)) return REASON_NONE;
    struct decision_mark mark = decision_mark(decision);
    enum reason reason = downstream_through_affine(decision, use->node, use->slot, both);
    if (!reason || reason == REASON_NOT_FINITE || decision->crosses) return reason;
    decision_undo(decision, mark);
    const struct words first = decision->words;
    if (downstream_across_affine(decision, use, a)) return REASON_NONE;
    decision->words = first;
    return reason;
}

/* The value that `use` reads shall lose `a`; its reader makes up for it. */
enum reason way_downstream_use(struct decision *decision, struct use *use, const struct affine *a)
{
    enum reason reason;
    struct node *node = use->node;
    struct affine *own;
    size_t slot;
    if (use_is_unaffected(decision, use, a)) return REASON_NONE;
    if (use_graph(use) != use->value->graph)
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it is read inside a body");
    /* An inverse on another branch that comes back to where all began. */
    if (node == decision->root)
        return decision_stop(decision, REASON_READ_ELSEWHERE, node_title(node), "it is met twice");
    if (way_is_too_far(decision, a))
        return decision_stop(decision, REASON_NON_LINEAR, use->value->name, "too many nodes lie on the way");
    if (use->slot > 0 && affine_multiplies(node)) return REASON_NONE; /* asked about by its first input */
    way_visit(decision, node);
    if (way_is_opaque(node)) return way_blocked(decision, node);
    const struct anchor *anchor = anchor_of_input(node, use->slot);
    const struct mover *mover = way_mover(decision, node, true);
    if (anchor && way_may_enter(decision, node, true)) return downstream_into_either(decision, anchor, mover, use, a);
    if (!(reason = affine_of_node(decision, node, &own, &slot)) && slot == use->slot) {
        const struct affine *both = affine_compose(decision->arena, a, own);
        if (both && affine_not_finite(both) < 0) return downstream_through_either(decision, use, a, both);
    }
    return mover ? downstream_through_mover(decision, mover, use, a) : way_blocked(decision, node);
}

static enum reason downstream_once(struct decision *decision, struct value *value, const struct affine *a)
{
    if (value->is_output) return decision_stop(decision, REASON_GRAPH_OUTPUT, value->name, "%s", "");
    const struct node *reader = NULL; /* the last one that reads it as no first input */
    bool is_sum = false;
    for (struct use *use = value->uses; use; use = use->next) {
        if (use->slot > 0 && use->node != reader) is_sum = (reader = use->node) && affine_multiplies(reader);
        if (use->slot > 0 && is_sum) continue; /* asked about by its first input */
        enum reason reason = way_downstream_use(decision, use, a);
        if (reason) return reason;
    }
    return REASON_NONE;
}

static enum reason downstream_changed(struct decision *decision, struct value *value, const struct affine *a)
{
    if (way_is_too_far(decision, a))
        return decision_stop(decision, REASON_NON_LINEAR, value->name, "too many nodes lie on the way");
    decision->depth++;
    enum reason reason = downstream_once(decision, value, a);
    decision->depth--;
    return reason;
}

enum reason way_downstream(struct decision *decision, struct value *value, const struct affine *a)
{
    return affine_is_identity(a) ? REASON_NONE : downstream_changed(decision, value, a);
}
