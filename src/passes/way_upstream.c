/* SPDX-License-Identifier: Apache-2.0
 *
 * Upstream: into the producer of a value
 *
 *   anchor -> movers -> BN  ->  anchor -> movers
 *
 * Every value on the way must have no other reader that would notice and be no graph output, since it changes. Affine
 * nodes met on the way (Mul and Add of constants, other BatchNormalizations) are swallowed: affines compose. */
#include "passes/way_meet.h"

#include "onnx/graph/operator.h"
#include "passes/algebra/absorb.h"
#include "passes/algebra/absorb_constant.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/mover.h"
#include "passes/algebra/residue.h"

#include <math.h>
#include <string.h>

#define READERS 256 /* of a value, beyond which nobody asks whether each takes an inverse */

/* The value becomes a(value); another reader of it takes the inverse on its input. */
static enum reason compensate(struct decision *decision, struct use *other, const struct affine *a)
{
    double *scale, *shift, largest = 0;
    struct affine *inverse = affine_blank(decision->arena, a->axis, a->channels, &scale, &shift);
    decision->words = (struct words){ "", "", NULL };
    inverse->spread = a->spread;
    for (int64_t c = 0; c < a->channels; c++) largest = fmax(largest, fabs(a->scale[c]));
    for (int64_t c = 0; c < a->channels; c++) {
        if (!(fabs(a->scale[c]) > SMALLEST_SHARE * largest))
            return decision_stop(decision, REASON_READ_ELSEWHERE, node_title(other->node),
                                 "channel %lld has too small a scale to invert", (long long)c);
        scale[c] = 1 / a->scale[c];
        shift[c] = -a->shift[c] / a->scale[c];
    }
    return way_downstream_use(decision, other, inverse);
}

/* Whether the other reader leads to where its part is wanted. */
static bool is_supplied(struct decision *decision, struct use *other, const struct affine *a)
{
    struct decision_mark mark = decision_mark(decision);
    const struct words words = decision->words;
    if (!way_has_demands(decision)) return false;
    if (!way_supply(decision, other, a)) return true;
    decision_undo(decision, mark);
    decision->words = words;
    return false;
}

/* Another reader holds the fold back; `reason`: why it takes no inverse, where it was asked. */
static enum reason read_by(struct decision *decision, const struct use *other, enum reason reason)
{
    const struct words words = decision->words;
    const char *reader = node_title(other->node), *name = other->value->name;
    const bool is_elsewhere = *words.where && strcmp(words.where, reader) != 0;
    if (!reason) return decision_stop(decision, REASON_READ_ELSEWHERE, reader, "reads \"%s\" too", name);
    return decision_stop(decision, REASON_READ_ELSEWHERE, reader, "reads \"%s\" too, and takes no inverse: %s%s%s",
                         name, is_elsewhere ? words.where : "", is_elsewhere ? ", " : "",
                         *words.detail ? words.detail : reason_find(reason)->text);
}

/* Whether this value may come to hold something else: nothing but `use` would notice. */
static enum reason may_change(struct decision *decision, const struct value *value, const struct use *use,
                              const struct affine *a)
{
    if (value->graph != use_graph(use))
        return decision_stop(decision, REASON_READ_ELSEWHERE, value->name,
                             "it is computed outside the body that reads it");
    if (value->is_output) return decision_stop(decision, REASON_GRAPH_OUTPUT, value->name, "%s", "");
    const bool is_sum = use->node && value->use_count > 1 && affine_multiplies(use->node);
    for (struct use *other = value->uses; other; other = other->next) {
        if (other == use || use_is_unaffected(decision, other, a)) continue;
        if (other->node == use->node && is_sum) continue;
        if (value->use_count <= READERS && is_supplied(decision, other, a)) continue;
        const bool is_asked = decision->compensates && value->use_count <= READERS;
        const enum reason reason = is_asked ? compensate(decision, other, a) : REASON_READ_ELSEWHERE;
        if (reason) return read_by(decision, other, is_asked ? reason : REASON_NONE);
    }
    return REASON_NONE;
}

static enum reason upstream_through_affine(struct decision *decision, struct node *node, size_t slot,
                                           const struct affine *first, const struct affine *second)
{
    const struct affine *both = affine_compose(decision->arena, first, second);
    if (!both) return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it scales another axis");
    if (way_is_changed(decision, node))
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it is met twice");
    int64_t channel = affine_not_finite(both);
    if (channel >= 0)
        return decision_stop(decision, REASON_NOT_FINITE, node_title(node), "channel %lld of the two together",
                             (long long)channel);
    enum reason reason = way_upstream(decision, &node->inputs[slot], both);
    if (!reason) way_bypass(decision, node, slot);
    return reason;
}

/* A branch is joined along the affine's axis, so along the others it has what the whole has, however that was
 * computed. */
static struct shape shape_of_branch(struct decision *decision, const struct crossing *x, size_t slot)
{
    const struct shape *own = &x->node->inputs[slot].value->shape, *whole = &x->node->outputs[0]->shape;
    int axis = x->onto[slot]->axis;
    if (own->rank < 0 || own->rank != whole->rank || axis < 0) return *own;
    struct shape shape = { own->rank, NEW_ARRAY(decision->arena, struct dim, (size_t)own->rank) };
    for (int i = 0; i < own->rank; i++)
        shape.dims[i] = i == axis || own->dims[i].size >= 0 ? own->dims[i] : whole->dims[i];
    return shape;
}

/* A branch that cannot take its part may keep it, if that is less than what stood there before. */
static enum reason upstream_branch(struct decision *decision, struct crossing *x, size_t slot)
{
    struct decision_mark mark = decision_mark(decision);
    enum reason reason = way_upstream(decision, &x->node->inputs[slot], x->onto[slot]);
    if (!reason) return REASON_NONE;
    decision_undo(decision, mark);
    if (!x->may_leave) return reason;
    const struct words first = decision->words;
    const struct shape shape = shape_of_branch(decision, x, slot);
    enum reason left = residue_before_as(decision, x->node, slot, x->onto[slot], &shape);
    if (left == REASON_NOT_WORTH) return left;
    decision->words = first;
    return left ? reason : REASON_NONE;
}

/* Where every output comes under the affine, the others have to be wanted so. */
static enum reason supply_outputs(struct decision *decision, const struct crossing *x)
{
    enum reason reason = REASON_NONE;
    for (size_t i = 0; i < x->node->output_count && x->all_outputs && !reason; i++)
        if (i != x->slot && x->node->outputs[i]) reason = way_supply_all(decision, x->node->outputs[i], x->affine);
    return reason;
}

/* Each branch has to take its part, unless one of them brings what another wants. */
static enum reason upstream_all(struct decision *decision, struct crossing *x)
{
    struct node *node = x->node;
    const struct step **demands = NEW_ARRAY(decision->arena, const struct step *, node->input_count);
    enum reason reason = REASON_NONE;
    const bool may_wait = node->input_count > 1 && node->input_count <= WAY_BRANCHES;
    for (size_t i = 0; i < node->input_count && may_wait; i++)
        if (x->onto[i]) demands[i] = way_demand(decision, &node->inputs[i], x->onto[i]);
    for (size_t i = 0; i < node->input_count && !reason; i++) {
        if (!x->onto[i] || (demands[i] && way_is_supplied(decision, demands[i]))) continue;
        if (demands[i]) way_serve(decision, demands[i]);
        reason = upstream_branch(decision, x, i);
    }
    return reason;
}

/* The branches are alternatives. */
static enum reason upstream_any(struct decision *decision, struct crossing *x)
{
    enum reason reason = REASON_NONE;
    for (size_t i = 0; i < x->node->input_count; i++) {
        struct decision_mark mark = decision_mark(decision);
        if (!x->onto[i]) continue;
        if (!(reason = upstream_branch(decision, x, i))) return REASON_NONE;
        decision_undo(decision, mark);
    }
    return reason;
}

/* All that the crossing asks for. */
static enum reason upstream_branches(struct decision *decision, struct crossing *x)
{
    enum reason reason = supply_outputs(decision, x);
    if (!reason) reason = x->any_branch ? upstream_any(decision, x) : upstream_all(decision, x);
    return reason || !x->residue ? reason : residue_after(decision, x->node, x->slot, x->residue);
}

static enum reason upstream_through_mover(struct decision *decision, const struct mover *mover, struct node *node,
                                          size_t slot, const struct affine *a)
{
    struct crossing x = { .decision = decision, .node = node, .slot = slot, .affine = a };
    struct decision_mark start = decision_mark(decision);
    enum reason reason = mover_upstream(mover, &x);
    const struct affine *uniform = reason ? affine_uniform(decision->arena, a) : NULL;
    if (uniform) {
        decision_undo(decision, start);
        /* Where the channel axis cannot follow, one number for all channels still may. */
        x = (struct crossing){ .decision = decision, .node = node, .slot = slot, .affine = uniform };
        reason = mover_upstream(mover, &x);
    }
    if (reason || !(reason = upstream_branches(decision, &x)) || decision->shares != node) return reason;
    const struct words first = decision->words;
    decision_undo(decision, start);
    decision->shares = NULL;
    x.shares = true;
    if (!mover_upstream(mover, &x) && !upstream_branches(decision, &x)) return REASON_NONE;
    decision->words = first;
    return reason;
}

/* Crosses a node that is an affine too: only the scale goes on, and the constant takes the shift. Worth it where
 * nothing is left over. A product could keep the whole scale, and two of them be one, which is no fold into an
 * anchor. */
static bool upstream_across_affine(struct decision *decision, const struct mover *mover, struct node *node,
                                   const struct affine *a)
{
    struct decision_mark mark = decision_mark(decision);
    const bool crosses = decision->crosses;
    decision->crosses = true;
    bool is_open = mover && !way_is_bypassed(decision, node) && (decision->root_is_norm || affine_is_sum(node))
                   && !upstream_through_mover(decision, mover, node, 0, a) && decision->cost.nodes == mark.cost.nodes;
    decision->crosses = crosses;
    if (is_open) decision_rename(decision, node->outputs[0]);
    else decision_undo(decision, mark);
    return is_open;
}

/* A node that is an affine and a mover goes with `a`; where the two cannot go on as one, `a` crosses it. From there on
 * nodes are crossed first, so that a chain of them is not asked about in every way. */
static enum reason upstream_through_either(struct decision *decision, const struct mover *mover, struct node *node,
                                           size_t slot, const struct affine *own, const struct affine *a)
{
    if (decision->crosses && upstream_across_affine(decision, mover, node, a)) return REASON_NONE;
    struct decision_mark mark = decision_mark(decision);
    enum reason reason = upstream_through_affine(decision, node, slot, own, a);
    if (!reason || reason == REASON_NOT_FINITE || decision->crosses) return reason;
    decision_undo(decision, mark);
    const struct words first = decision->words;
    if (upstream_across_affine(decision, mover, node, a)) return REASON_NONE;
    decision->words = first;
    return reason;
}

/* Through the node that writes the value. */
static enum reason upstream_through(struct decision *decision, struct value *value, const struct affine *a)
{
    struct node *node = value->writer;
    struct affine *own;
    size_t slot;
    const struct mover *mover = way_mover(decision, node, false);
    enum reason reason = affine_of_node(decision, node, &own, &slot);
    if (!reason && (!mover || affine_compose(decision->arena, own, a)))
        return upstream_through_either(decision, mover, node, slot, own, a);
    if (!mover || (reason && reason != REASON_NON_LINEAR)) return way_blocked(decision, node);
    if ((reason = upstream_through_mover(decision, mover, node, value->writer_slot, a))) return reason;
    decision_rename(decision, value);
    return REASON_NONE;
}

/* A product that has no weight to take the affine may still be crossed. */
static enum reason upstream_into_anchor(struct decision *decision, const struct anchor *anchor, struct value *value,
                                        const struct affine *a)
{
    struct node *node = value->writer;
    struct decision_mark mark = decision_mark(decision);
    enum reason reason = absorb_output(decision, anchor, node, a);
    const struct mover *mover = reason ? way_mover(decision, node, false) : NULL;
    if (!mover) return reason;
    decision_undo(decision, mark);
    const struct words first = decision->words;
    if (!upstream_through_mover(decision, mover, node, value->writer_slot, a)) return REASON_NONE;
    decision->words = first;
    return reason;
}

/* What only picks from a constant, and others read too, gets a copy for this reader. */
static enum reason upstream_into_copy(struct decision *decision, struct use *use, const struct affine *a,
                                      enum reason stops)
{
    enum reason why;
    struct node *node = use->value->writer;
    const struct words words = decision->words;
    const struct mover *mover = way_mover(decision, node, false);
    struct crossing x = { .decision = decision, .node = node, .affine = a };
    if (!mover || !node->row || !node->row->passes || node->output_count != 1 || use->value->graph != use_graph(use))
        return stops;
    const struct decision_mark mark = decision_mark(decision);
    const struct tensor *table = decision_constant(decision, node_input(node, 0), &why);
    if (table && !mover_upstream(mover, &x) && x.onto[0] && decision->last == mark.last
        && !absorb_copy(decision, use, table, x.onto[0]))
        return REASON_NONE;
    decision_undo(decision, mark);
    decision->words = words;
    return stops;
}

/* The value that `use` reads shall become a(value), by changing what computes it. */
static enum reason upstream_once(struct decision *decision, struct use *use, const struct affine *a)
{
    enum reason why, reason;
    struct value *value = use->value;
    const struct tensor *constant = decision_constant(decision, value, &why);
    if (constant) return absorb_constant(decision, use->node, use->slot, constant, a);
    struct node *node = value->writer;
    if (!node && value_is_overridable(value))
        return decision_stop(decision, REASON_WEIGHT_OVERRIDE, value->name, "%s", "");
    if (!node)
        return decision_stop(decision, REASON_NO_NEIGHBOR, value->name, "it is an input%s",
                             value->graph->function ? " of its function, which could be inlined" : "");
    if ((reason = may_change(decision, value, use, a)))
        return decision->copies ? upstream_into_copy(decision, use, a, reason) : reason;
    way_visit(decision, node);
    if (way_is_opaque(node)) return way_blocked(decision, node);

    const struct anchor *anchor = anchor_of_output(node);
    if (!anchor || !way_may_enter(decision, node, false)) return upstream_through(decision, value, a);
    if ((reason = upstream_into_anchor(decision, anchor, value, a))) return reason;
    decision_rename(decision, value);
    return REASON_NONE;
}

enum reason way_upstream(struct decision *decision, struct use *use, const struct affine *a)
{
    if (affine_is_identity(a)) return REASON_NONE;
    if (way_is_too_far(decision, a))
        return decision_stop(decision, REASON_NON_LINEAR, use->value->name, "too many nodes lie on the way");
    decision->depth++;
    enum reason reason = upstream_once(decision, use, a);
    decision->depth--;
    return reason;
}
