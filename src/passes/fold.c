/* SPDX-License-Identifier: Apache-2.0
 *
 * The fold: an affine goes into the producer of its input, or into the readers of its output
 *
 *   anchor -> movers -> BN                  anchor -> movers
 *   BN -> movers -> anchors                 movers -> anchors
 *
 * Upstream, every value on the way must have no other reader and be no graph output, since it changes. Downstream, every
 * reader must take its part. Whole ways are decided before anything changes; of two open ones the one that leaves less
 * work at run time is taken, upstream when they are equal. Affine nodes met on the way (Mul and Add of constants, other
 * BatchNormalizations) are swallowed: affines compose.
 *
 * Roots are taken by depth in the graph and then by name, so that the result does not depend on the order of nodes in
 * the file. Rounds are repeated until nothing changes. */
#include "passes/fold.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/bn.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "passes/algebra/absorb.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/affine_root.h"
#include "passes/algebra/mover.h"
#include "passes/algebra/residue.h"
#include "passes/algebra/shift_map.h"
#include "passes/algebra/sibling.h"
#include "passes/decide/extras.h"
#include "passes/decide/remark.h"
#include "passes/decide/roots.h"
#include "runtime/kernel.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIBLING_LIMIT 64      /* readers of a value of which one may go while the others make up for it */
#define VISIT_LIMIT   4096    /* values and readers one decision may look at; more are quadratic on hostile graphs */
#define NEAR_VISITS   64      /* the same when all decisions together have looked at ALL_VISITS */
#define WIDE          1024    /* channels that make a visit count once more: each computes affines of that many */
#define DEPTH_LIMIT   200     /* nodes between a BatchNormalization and its anchor */
#define ALL_VISITS    1000000 /* what all decisions look at before they are content with what is near */
#define NEAR_LIMIT    12      /* the depth from then on */
#define READERS       256     /* of a value, beyond which nobody asks whether each takes an inverse */
#define ROUND_LIMIT   32

static enum reason upstream(struct decision *decision, struct use *use, const struct affine *a);
static enum reason downstream(struct decision *decision, struct value *value, const struct affine *a);
static enum reason downstream_use(struct decision *decision, struct use *use, const struct affine *a);

/* ---- Words ---- */

static enum reason blocked(struct decision *decision, struct node *node)
{
    return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "%s", node->op);
}

static void remember_step(struct decision *decision, const struct node *node)
{
    size_t length = strlen(decision->path);
    snprintf(decision->path + length, sizeof decision->path - length, "%s%s", length ? " -> " : "", node->op);
}

static bool is_opaque(const struct node *node)
{
    return (*node->domain && !anchor_is(node)) || node->opset > LATEST_OPSET || node_refers(node);
}

/* ---- Steps ---- */

/* Per element: a BatchNormalization multiplies and adds, Identity does nothing. */
static int operations_of(const struct node *node)
{
    if (node->row && node->row->idle) return 0;
    return bn_is(node) ? 2 : 1;
}

/* The node's readers read its input instead, and it goes. */
static void apply_bypass(struct decision *decision, const struct step *step)
{
    edit_replace_uses(step->node->outputs[0], node_input(step->node, step->slot));
    remark_applied(step->node, BNFUSE_OUTCOME_FOLDED, decision->where, decision->path);
    remark_forget(step->node);
    edit_remove_node(step->node);
}

static void bypass_step(struct decision *decision, struct node *node, size_t slot)
{
    decision_step(decision, apply_bypass, node)->slot = slot;
    work_add(&decision->cost.removed, &node->outputs[0]->shape, operations_of(node));
    decision->cost.removed_nodes++;
}

/* Two branches that meet again would merge what is upstream of the meeting twice. */
static bool is_bypassed(const struct decision *decision, const struct node *node)
{
    for (const struct step *step = decision->steps; step; step = step->next)
        if (step->node == node && step->apply == apply_bypass) return true;
    return false;
}

/* ---- What the kind of root allows ---- */

static bool may_enter(struct decision *decision, const struct node *anchor, bool is_downstream)
{
    return !decision->kind->may_enter || decision->kind->may_enter(decision, anchor, is_downstream);
}

static bool may_cross(const struct decision *decision, const struct node *mover, bool is_downstream)
{
    return !decision->kind->may_cross || decision->kind->may_cross(mover, is_downstream);
}

/* ---- Upstream ---- */

/* Below this share of the largest scale, 1/s would multiply the rounding of stored weights too much. */
#define SMALLEST_SHARE   1e-3
/* And below this share of the bias that BatchNormalization adds: what the bias loses in its last place comes back
 * some ten times at most. */
#define SMALLEST_OF_BIAS 0.09375

/* The value becomes a(value); another reader of it takes the inverse on its input. */
static enum reason compensate(struct decision *decision, struct use *other, const struct affine *a)
{
    double *scale, *shift, largest = 0;
    struct affine *inverse = affine_blank(decision->arena, a->axis, a->channels, &scale, &shift);
    inverse->spread = a->spread;
    for (int64_t c = 0; c < a->channels; c++) largest = fmax(largest, fabs(a->scale[c]));
    for (int64_t c = 0; c < a->channels; c++) {
        if (!(fabs(a->scale[c]) > SMALLEST_SHARE * largest))
            return decision_stop(decision, REASON_READ_ELSEWHERE, other->node ? node_title(other->node) : "",
                                 "reads it too, and channel %lld has too small a scale to invert", (long long)c);
        scale[c] = 1 / a->scale[c];
        shift[c] = -a->shift[c] / a->scale[c];
    }
    return downstream_use(decision, other, inverse);
}

/* Whether this value may come to hold something else: nothing but `use` would notice. */
static enum reason may_change(struct decision *decision, const struct value *value, const struct use *use,
                              const struct affine *a)
{
    if (value->graph != use->graph)
        return decision_stop(decision, REASON_READ_ELSEWHERE, value->name,
                             "it is computed outside the body that reads it");
    if (value->is_output) return decision_stop(decision, REASON_GRAPH_OUTPUT, value->name, "%s", "");
    for (struct use *other = value->uses; other; other = other->next) {
        if (other == use || use_is_unaffected(decision, other, a)) continue;
        if (decision->compensates && value->use_count <= READERS && !compensate(decision, other, a)) continue;
        return decision_stop(decision, REASON_READ_ELSEWHERE, other->node ? node_title(other->node) : value->name,
                             "reads \"%s\" too", value->name);
    }
    return REASON_NONE;
}

static enum reason upstream_through_affine(struct decision *decision, struct node *node, size_t slot,
                                           const struct affine *first, const struct affine *second)
{
    const struct affine *both = affine_compose(decision->arena, first, second);
    if (!both) return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it scales another axis");
    if (is_bypassed(decision, node))
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it is met twice");
    int64_t channel = affine_not_finite(both);
    if (channel >= 0)
        return decision_stop(decision, REASON_NOT_FINITE, node_title(node), "channel %lld of the two together",
                             (long long)channel);
    enum reason reason = upstream(decision, &node->inputs[slot], both);
    if (!reason) bypass_step(decision, node, slot);
    return reason;
}

/* A branch that cannot take its part may keep it, if that is less than what stood there before. */
static enum reason upstream_branch(struct decision *decision, struct crossing *x, size_t slot)
{
    struct decision_mark mark = decision_mark(decision);
    enum reason reason = upstream(decision, &x->node->inputs[slot], x->onto[slot]);
    if (!reason) return REASON_NONE;
    decision_undo(decision, mark);
    if (!x->may_leave) return reason;
    const char *where = decision->where, *detail = decision->detail;
    enum reason left = residue_before(decision, x->node, slot, x->onto[slot]);
    decision->where = where;
    decision->detail = detail;
    return left ? reason : REASON_NONE;
}

static enum reason upstream_through_mover(struct decision *decision, const struct mover *mover, struct node *node,
                                          size_t slot, const struct affine *a)
{
    struct crossing x = { .decision = decision, .node = node, .slot = slot, .affine = a };
    enum reason reason = mover_upstream(mover, &x);
    const struct affine *uniform = reason ? affine_uniform(decision->arena, a) : NULL;
    bool some = false;
    if (uniform) {
        /* Where the channel axis cannot follow, one number for all channels still may. */
        x = (struct crossing){ .decision = decision, .node = node, .slot = slot, .affine = uniform };
        reason = mover_upstream(mover, &x);
    }
    if (reason) return reason;
    for (size_t i = 0; i < node->input_count; i++) {
        if (!x.onto[i] || (x.any_branch && some)) continue;
        struct decision_mark mark = decision_mark(decision);
        reason = upstream_branch(decision, &x, i);
        if (!reason) some = true;
        else if (x.any_branch) decision_undo(decision, mark);
        else return reason;
    }
    if (x.any_branch && !some) return reason;
    if (x.residue) return residue_after(decision, node, slot, x.residue);
    return REASON_NONE;
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
    if (!node) return decision_stop(decision, REASON_NO_NEIGHBOUR, value->name, "it is an input");
    if ((reason = may_change(decision, value, use, a))) return reason;
    remember_step(decision, node);
    if (is_opaque(node)) return blocked(decision, node);

    const struct anchor *anchor = anchor_of_output(node);
    const struct mover *mover = mover_of(node);
    struct affine *own;
    size_t slot;
    if (anchor && may_enter(decision, node, false)) {
        reason = absorb_output(decision, anchor, node, a);
    } else if (!(reason = affine_of_node(decision, node, &own, &slot))
               && (!mover || affine_compose(decision->arena, own, a))) {
        return upstream_through_affine(decision, node, slot, own, a);
    } else if (mover && (!reason || reason == REASON_NON_LINEAR) && may_cross(decision, node, false)) {
        reason = upstream_through_mover(decision, mover, node, value->writer_slot, a);
    } else {
        return blocked(decision, node);
    }
    if (!reason) decision_rename(decision, value);
    return reason;
}

/* Counts a visit with this affine, and says whether it is one too many. */
static bool is_too_far(struct decision *decision, const struct affine *a)
{
    const size_t cost = 1 + (size_t)a->channels / WIDE;
    const bool is_near = (*decision->all_visits += cost) > ALL_VISITS;
    decision->visits += (unsigned)(cost < UINT16_MAX ? cost : UINT16_MAX);
    return decision->visits > (is_near ? NEAR_VISITS : VISIT_LIMIT)
           || decision->depth >= (is_near ? NEAR_LIMIT : DEPTH_LIMIT);
}

static enum reason upstream(struct decision *decision, struct use *use, const struct affine *a)
{
    if (affine_is_identity(a)) return REASON_NONE;
    if (is_too_far(decision, a))
        return decision_stop(decision, REASON_NON_LINEAR, use->value->name, "too many nodes lie on the way");
    decision->depth++;
    enum reason reason = upstream_once(decision, use, a);
    decision->depth--;
    return reason;
}

/* ---- Downstream ---- */

static enum reason downstream_through_mover(struct decision *decision, const struct mover *mover, struct use *use,
                                            const struct affine *a)
{
    struct node *node = use->node;
    struct crossing x = { .decision = decision, .node = node, .slot = use->slot, .affine = a };
    enum reason reason = mover_downstream(mover, &x);
    const struct affine *uniform = reason ? affine_uniform(decision->arena, a) : NULL;
    if (uniform) {
        x = (struct crossing){ .decision = decision, .node = node, .slot = use->slot, .affine = uniform };
        reason = mover_downstream(mover, &x);
    }
    for (size_t i = 0; !reason && i < node->output_count; i++) {
        if (!x.onto[i] || !node->outputs[i] || affine_is_identity(x.onto[i])) continue;
        reason = downstream(decision, node->outputs[i], x.onto[i]);
        if (!reason) decision_rename(decision, node->outputs[i]);
    }
    return reason;
}

/* a, then what the BatchNormalization itself does; NULL where one BatchNormalization cannot hold it. */
static const struct affine *with_own(struct decision *decision, const struct node *bn, const struct affine *a)
{
    struct affine *own, *both;
    size_t slot;
    if (affine_of_node(decision, bn, &own, &slot) || !(both = affine_compose(decision->arena, a, own))) return NULL;
    return both->axis == 1 && affine_has_scale(both) && affine_not_finite(both) < 0 ? both : NULL;
}

static void apply_own(struct decision *decision, const struct step *step)
{
    struct node *bn = step->node;
    struct value *output = bn->outputs[0];
    const struct affine *both = with_own(decision, bn, step->affine);
    assert(both);
    struct value *result = affine_lower(bn->graph, bn, node_input(bn, 0), both, root_type(bn), true, node_title(bn));
    result->writer->mark = bn->mark;
    edit_take_output(result->writer, result->writer_slot, output);
    remark_forget(bn);
    edit_remove_node(bn);
}

static bool is_changed(const struct decision *decision, const struct node *bn)
{
    for (const struct step *step = decision->steps; step; step = step->next)
        if (step->node == bn) return true;
    return false;
}

/* Where padding stops a shift, an average over the whole plane may make one number a channel of it again. */
static enum reason downstream_into_anchor(struct decision *decision, const struct anchor *anchor, struct use *use,
                                          const struct affine *a)
{
    struct decision_mark mark = decision_mark(decision);
    enum reason reason = absorb_input(decision, anchor, use->node, use->slot, a);
    if (reason != REASON_PADDED_SHIFT) return reason;
    const char *where = decision->where, *detail = decision->detail;
    struct node *average = shift_map_average(decision, use->node);
    const struct affine *left = absorb_padded(decision, anchor, use->node, use->slot, a, average);
    if (left && !downstream(decision, average->outputs[0], left)) {
        decision_rename(decision, use->node->outputs[0]);
        decision_rename(decision, average->outputs[0]);
        return REASON_NONE;
    }
    decision_undo(decision, mark);
    decision->where = where;
    decision->detail = detail;
    return reason;
}

/* A BatchNormalization that stays takes the affine into its own parameters. */
static bool joins(struct decision *decision, struct node *bn, const struct affine *a)
{
    if (!bn_is(bn) || is_changed(decision, bn) || !with_own(decision, bn, a)) return false;
    decision_step(decision, apply_own, bn)->affine = a;
    return true;
}

/* Another BatchNormalization beside a reader that has to be satisfied: it takes `a` along, or stays and takes it in. */
static enum reason downstream_through_affine(struct decision *decision, struct node *node, size_t slot,
                                             const struct affine *a, const struct affine *both)
{
    /* Two that cancel out need no anchor, but a graph output keeps its writer and so its name. */
    const struct value *output = node->outputs[0];
    struct decision_mark mark = decision_mark(decision);
    enum reason reason;
    if (output->is_output) {
        reason = decision_stop(decision, REASON_GRAPH_OUTPUT, output->name, "%s", "");
    } else if (is_bypassed(decision, node)) {
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it is met twice");
    } else {
        reason = downstream(decision, node->outputs[0], both);
    }
    if (!reason) {
        bypass_step(decision, node, slot);
        return REASON_NONE;
    }
    decision_undo(decision, mark);
    if (!decision->is_late || !decision->compensates || node->inputs[slot].value->use_count > SIBLING_LIMIT)
        return reason;
    return joins(decision, node, a) ? REASON_NONE : reason;
}

/* The value that `use` reads shall lose `a`; its reader makes up for it. */
static enum reason downstream_use(struct decision *decision, struct use *use, const struct affine *a)
{
    enum reason reason;
    struct node *node = use->node;
    struct affine *own;
    size_t slot;
    if (use_is_unaffected(decision, use, a)) return REASON_NONE;
    if (!node || use->graph != use->value->graph)
        return decision_stop(decision, REASON_NON_LINEAR, node ? node_title(node) : use->value->name,
                             "it is read inside a body");
    /* An inverse on another branch that comes back to where all began. */
    if (node == decision->root)
        return decision_stop(decision, REASON_READ_ELSEWHERE, node_title(node), "it is met twice");
    if (is_too_far(decision, a))
        return decision_stop(decision, REASON_NON_LINEAR, use->value->name, "too many nodes lie on the way");
    remember_step(decision, node);
    if (is_opaque(node)) return blocked(decision, node);
    const struct anchor *anchor = anchor_of_input(node, use->slot);
    const struct mover *mover = mover_of(node);
    if (anchor && may_enter(decision, node, true)) return downstream_into_anchor(decision, anchor, use, a);
    if (!(reason = affine_of_node(decision, node, &own, &slot)) && slot == use->slot) {
        const struct affine *both = affine_compose(decision->arena, a, own);
        if (both && affine_not_finite(both) < 0) return downstream_through_affine(decision, node, slot, a, both);
    }
    if (mover && may_cross(decision, node, true)) return downstream_through_mover(decision, mover, use, a);
    return blocked(decision, node);
}

static enum reason downstream_once(struct decision *decision, struct value *value, const struct affine *a)
{
    if (value->is_output) return decision_stop(decision, REASON_GRAPH_OUTPUT, value->name, "%s", "");
    for (struct use *use = value->uses; use; use = use->next) {
        enum reason reason = downstream_use(decision, use, a);
        if (reason) return reason;
    }
    return REASON_NONE;
}

static enum reason downstream(struct decision *decision, struct value *value, const struct affine *a)
{
    if (affine_is_identity(a)) return REASON_NONE;
    if (is_too_far(decision, a))
        return decision_stop(decision, REASON_NON_LINEAR, value->name, "too many nodes lie on the way");
    decision->depth++;
    enum reason reason = downstream_once(decision, value, a);
    decision->depth--;
    return reason;
}

/* ---- One decision ---- */

/* Downstream, readers look past the node; its output is gone. */
static void finish_downstream(const struct decision *decision, struct node *node, size_t slot)
{
    (void)decision;
    edit_replace_uses(node->outputs[0], node_input(node, slot));
    remark_forget(node);
    edit_remove_node(node);
}

/* Of the root and of what goes with it. */
static struct work removed_work(const struct decision *decision, const struct node *root)
{
    struct work removed = decision->cost.removed;
    work_add(&removed, &root->outputs[0]->shape, operations_of(root));
    return removed;
}

/* What goes must be more than what is left over. A BatchNormalization goes if no more nodes than it takes with it are
 * left, none of them another one; else what is left must be less work than what goes, and one BatchNormalization is never
 * traded for two. Other roots go if fewer nodes are left. */
static bool is_worth_it(const struct decision *decision, const struct node *root)
{
    const struct cost *cost = &decision->cost;
    if (cost->nodes == 0) return true;
    if (!decision->kind->trades_nodes) return cost->norms == 0 && cost->nodes <= cost->removed_nodes;
    if (decision->root_is_norm && cost->norms == 0 && cost->nodes <= 1 + cost->removed_nodes) return true;
    if (cost->norms > 1 || (cost->norms == 1 && cost->nodes > 1)) return false;
    const struct work removed = removed_work(decision, root);
    return decision_is_less(decision, &cost->work, &removed);
}

static void apply_steps(struct decision *decision)
{
    for (const struct step *step = decision->steps; step; step = step->next) step->apply(decision, step);
}

/* Whether the downstream reason is more specific than the upstream one: a fold that nearly worked, then an operator that
 * stops the affine, then no neighbour at all. */
static bool says_more(enum reason down, enum reason up)
{
    if (down == REASON_NO_NEIGHBOUR || down == REASON_GRAPH_OUTPUT) return false;
    return up == REASON_NO_NEIGHBOUR || (up == REASON_NON_LINEAR && down != REASON_NON_LINEAR);
}

/* Whether the way is worth it at some sizes of the open dims, for all that is known. */
static bool depends_on_sizes(const struct decision *decision, const struct work *removed)
{
    const struct cost *cost = &decision->cost;
    if (!decision->kind->trades_nodes || cost->norms > 1 || (cost->norms == 1 && cost->nodes > 1)) return false;
    return !decision_is_at_most(decision, removed, &cost->work);
}

/* The name of a dim that decides which is less, as a graph input declares it; NULL if none does. */
static const char *deciding_dim(const struct decision *decision, const struct work *left, const struct work *removed)
{
    const struct graph *graph = decision->net->main;
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct value *input = graph->inputs[i];
        for (int axis = 0; axis < input->shape.rank; axis++) {
            int symbol = input->shape.dims[axis].symbol;
            if (work_has(left, symbol) == work_has(removed, symbol) || decision_has_size(decision, symbol)) continue;
            if (value_dim_name(input, axis)) return value_dim_name(input, axis);
        }
    }
    return NULL;
}

/* A way that is open and worth it. */
static enum reason judge(struct decision *decision, const struct node *root, enum reason reason)
{
    if (reason || is_worth_it(decision, root)) return reason;
    struct work removed = removed_work(decision, root);
    if (!depends_on_sizes(decision, &removed))
        return decision_stop(decision, REASON_NOT_WORTH, decision->where, "%d nodes would be left over",
                             decision->cost.nodes);
    const char *dim = deciding_dim(decision, &decision->cost.work, &removed);
    return decision_stop(decision, REASON_NOT_WORTH, decision->where,
                         "%d nodes would be left over; whether that is less work depends on sizes that the graph's "
                         "inputs leave open: %s%s%s",
                         decision->cost.nodes, dim ? "--dim " : "declare them", dim ? dim : "", dim ? "=N" : "");
}

/* ---- Ways ---- */

static enum reason decide_upstream(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    return upstream(decision, &root->inputs[slot], a);
}

static enum reason decide_downstream(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    (void)slot;
    return downstream(decision, root->outputs[0], a);
}

/* Whether the inverse of a BatchNormalization finds back what went in, as far as single precision can hold it: no bias
 * drowns its scale. */
static bool is_invertible(struct decision *decision, const struct node *root)
{
    enum reason why;
    double *scale, *bias;
    const struct tensor *scales = decision_constant(decision, node_input(root, 1), &why);
    const struct tensor *biases = decision_constant(decision, node_input(root, 2), &why);
    if (decision->type != DTYPE_FLOAT && decision->type != DTYPE_DOUBLE) return false;
    if (!scales || !biases || !tensor_values(scales, decision->arena, &scale, NULL)
        || !tensor_values(biases, decision->arena, &bias, NULL))
        return false;
    for (int64_t c = 0; c < scales->count && c < biases->count; c++)
        if (!(fabs(scale[c]) > SMALLEST_OF_BIAS * fabs(bias[c]))) return false;
    return true;
}

/* As upstream, where further readers take the inverse. */
static enum reason decide_inverse(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    if (!is_invertible(decision, root))
        return decision_stop(decision, REASON_READ_ELSEWHERE, node_title(root), "its inverse would lose what went in");
    decision->compensates = true;
    return upstream(decision, &root->inputs[slot], a);
}

/* s*x + t = s*(x + t/s): the shift goes upstream, and out of other readers again; the scale downstream, where it crosses
 * Relu and padding does it no harm. */
static enum reason decide_parts(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    double largest = 0, *scale, *shift;
    const struct affine *upper = affine_blank(decision->arena, a->axis, a->channels, &scale, &shift);
    if (!is_invertible(decision, root))
        return decision_stop(decision, REASON_READ_ELSEWHERE, node_title(root), "its inverse would lose what went in");
    for (int64_t c = 0; c < a->channels; c++) largest = fmax(largest, fabs(a->scale[c]));
    for (int64_t c = 0; c < a->channels; c++) {
        if (!(fabs(a->scale[c]) > SMALLEST_SHARE * largest))
            return decision_stop(decision, REASON_READ_ELSEWHERE, node_title(root),
                                 "channel %lld has too small a scale to invert", (long long)c);
        scale[c] = 1;
        shift[c] = a->shift[c] / a->scale[c];
    }
    decision->compensates = true;
    decision->leaves_scale = affine_has_scale(a);
    enum reason reason = upstream(decision, &root->inputs[slot], upper);
    decision->compensates = false;
    return reason ? reason : downstream(decision, root->outputs[0], affine_scale_only(decision->arena, a));
}

static enum reason decide_sibling(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    return sibling_absorbs(decision, root, slot, a);
}

/* The affine nodes that alone feed a use go with what follows them; the use that the whole is of. */
static struct use *swallow_upstream(struct decision *decision, struct use *use, const struct affine **a)
{
    for (unsigned steps = 0; steps < DEPTH_LIMIT; steps++) {
        struct affine *own;
        size_t slot;
        const struct value *value = use->value;
        struct node *node = value->writer;
        if (!node || value->graph != use->graph || value->use_count != 1 || value->is_output || is_opaque(node)) break;
        if (affine_of_node(decision, node, &own, &slot)) break;
        const struct affine *both = affine_compose(decision->arena, own, *a);
        if (!both || affine_not_finite(both) >= 0) break;
        bypass_step(decision, node, slot);
        *a = both;
        use = &node->inputs[slot];
    }
    return use;
}

/* s*x + t = g*(|s|*x + g*t) with g the sign of s: the part in brackets goes upstream, where it passes Relu and Clip, and
 * g, a mere scale, downstream, where padding does it no harm. */
static enum reason decide_floor(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    struct use *use = swallow_upstream(decision, &root->inputs[slot], &a);
    double *scale, *shift, *sign, *zero;
    const struct affine *upper = affine_blank(decision->arena, a->axis, a->channels, &scale, &shift);
    const struct affine *lower = affine_blank(decision->arena, a->axis, a->channels, &sign, &zero);
    for (int64_t c = 0; c < a->channels; c++) {
        sign[c] = a->scale[c] < 0 ? -1 : 1;
        scale[c] = fabs(a->scale[c]);
        shift[c] = sign[c] * a->shift[c];
    }
    decision->floors = true;
    decision->leaves_scale = affine_has_scale(lower);
    enum reason reason = upstream(decision, use, upper);
    return reason ? reason : downstream(decision, root->outputs[0], lower);
}

/* All of it upstream, where Relu becomes Max on some channels and Min on others. */
static enum reason decide_floor_and_ceiling(struct decision *decision, struct node *root, size_t slot,
                                            const struct affine *a)
{
    struct use *use = swallow_upstream(decision, &root->inputs[slot], &a);
    decision->floors = decision->ceilings = true;
    return upstream(decision, use, a);
}

static void finish_upstream(const struct decision *decision, struct node *root, size_t slot)
{
    if (decision->leaves_scale) finish_downstream(decision, root, slot);
    else root_remove(root, slot);
}

static void finish_sibling(const struct decision *decision, struct node *root, size_t slot)
{
    (void)decision, (void)slot;
    sibling_remove(root);
}

static bool floors_are_wanted(const struct decision *decision)
{
    return is_enabled(decision->options, EXTRA_FLOOR);
}

static bool root_is_norm(const struct decision *decision)
{
    return decision->root_is_norm;
}

/* What changes other BatchNormalizations waits until nothing simpler is left to do. */
static bool is_late_norm(const struct decision *decision)
{
    return decision->root_is_norm && decision->is_late;
}

/* Where an affine can go, in the order of preference. Each way is decided by itself; `finish` takes the root out after
 * the steps. */
static const struct way {
    const char *name;
    bool (*is_wanted)(const struct decision *decision); /* NULL: always */
    enum reason (*decide)(struct decision *decision, struct node *root, size_t slot, const struct affine *a);
    void (*finish)(const struct decision *decision, struct node *root, size_t slot);
} ways[] = {
    { "upstream", NULL, decide_upstream, finish_upstream },
    { "downstream", NULL, decide_downstream, finish_downstream },
    { "sibling", NULL, decide_sibling, finish_sibling },
    { "upstream, with the inverse into other readers", root_is_norm, decide_inverse, finish_upstream },
    { "the shift upstream, the scale downstream", is_late_norm, decide_parts, finish_upstream },
    { "upstream, with floors", floors_are_wanted, decide_floor, finish_upstream },
    { "upstream, with floors and ceilings", floors_are_wanted, decide_floor_and_ceiling, finish_upstream },
};
enum { WAY_COUNT = sizeof(ways) / sizeof(*ways), TOLD_COUNT = 2 };

struct attempt {
    struct decision decision;
    enum reason reason;
};

/* Tries the ways in order until one leaves nothing over; the number of the best, or WAY_COUNT if none is open. A later
 * way has to be less work than an earlier one. */
static size_t best_way(struct decision *decision, struct attempt *attempts, struct node *root, size_t slot,
                       const struct affine *a)
{
    size_t best = WAY_COUNT;
    for (size_t i = 0; i < WAY_COUNT; i++) {
        struct attempt *attempt = &attempts[i];
        attempt->reason = REASON_NOT_WORTH;
        if (best < WAY_COUNT && attempts[best].decision.cost.nodes == 0) continue;
        if (ways[i].is_wanted && !ways[i].is_wanted(decision)) continue;
        attempt->decision = *decision;
        decision_begin(&attempt->decision, root, decision->type);
        attempt->reason = judge(&attempt->decision, root, ways[i].decide(&attempt->decision, root, slot, a));
        if (attempt->reason) continue;
        if (best == WAY_COUNT
            || decision_is_less(decision, &attempt->decision.cost.work, &attempts[best].decision.cost.work))
            best = i;
    }
    return best;
}

/* Of the first closed ways the one told is that which says most, and the path has the code of each; the others are
 * attempts that few graphs are made for. */
static void tell(struct decision *decision, const struct attempt *attempts, const struct node *root)
{
    size_t best = 0;
    const char *path = "";
    for (size_t i = 0; i < TOLD_COUNT; i++) {
        const char *visited = *attempts[i].decision.path ? attempts[i].decision.path : "nothing";
        path = arena_printf(decision->arena, "%s%s%s: %s (BNF%d)", path, *path ? "; " : "", ways[i].name, visited,
                            reason_find(attempts[i].reason)->code);
        if (i > 0 && says_more(attempts[i].reason, attempts[best].reason)) best = i;
    }
    const struct decision *told = &attempts[best].decision;
    remark_missed(root, attempts[best].reason, told->where, told->detail, path);
    remark_affine(root, attempts[best].reason);
}

static void count_savings(const struct decision *way, const struct node *root, struct pass_report *report)
{
    const struct work removed = removed_work(way, root);
    int64_t before = work_number(&removed), after = work_number(&way->cost.work);
    if (after >= 0 && after <= before) report->multiply_adds_saved += (before - after) / 2;
    report->affines_folded += (size_t)way->cost.removed_nodes + !bn_is(root);
}

static bool fold_one(struct decision *decision, struct node *node, struct pass_report *report)
{
    struct affine *a;
    size_t slot;
    arena_close(decision->arena);
    arena_open(decision->arena, decision->net->arena->memory);
    decision_begin(decision, node, root_type(node));
    remark_affine(node, REASON_NONE);
    enum reason reason = affine_of_node(decision, node, &a, &slot);
    if (!reason && decision->kind->may_go && (is_opaque(node) || !decision->kind->may_go(decision, a, slot)))
        return false;
    enum reason kept = !reason && decision->kind->is_kept ? decision->kind->is_kept(decision) : REASON_NONE;
    if (kept) {
        remark_affine(node, kept);
        return false;
    }
    if (reason) {
        remark_missed(node, reason, decision->where, decision->detail, "");
        return false;
    }
    struct attempt *attempts = NEW_ARRAY(decision->arena, struct attempt, WAY_COUNT);
    size_t best = best_way(decision, attempts, node, slot, a);
    if (best == WAY_COUNT) {
        tell(decision, attempts, node);
        return false;
    }
    struct decision *way = &attempts[best].decision;
    count_savings(way, node, report);
    /* When a smaller BatchNormalization stays, it inherits the remark and will say why in the next round. */
    remark_applied(node, way->cost.norms ? BNFUSE_OUTCOME_STAYS : BNFUSE_OUTCOME_FOLDED, way->where,
                   arena_printf(decision->arena, "%s: %s", ways[best].name, way->path));
    apply_steps(way);
    ways[best].finish(way, node, slot);
    return true;
}

/* The only reader of what the fold left, if it is Mul, Add, Sub or Div: it may follow. */
static struct node *follower(const struct value *output)
{
    if (output->use_count != 1 || output->is_output) return NULL;
    struct node *reader = output->uses->node;
    return reader && affine_is_operator(reader) ? reader : NULL;
}

static bool fold_with_followers(struct decision *decision, struct node *node, struct pass_report *report)
{
    const bool is_norm = bn_is(node);
    bool folded = false;
    while (node) {
        struct value *output = node->outputs[0];
        if (!fold_one(decision, node, report)) break;
        folded = true;
        node = follower(output);
    }
    report->chains_folded += folded && !is_norm;
    return folded;
}

/* ---- The pass ---- */

static bool report_progress(const struct bnfuse_fuse_options *options, size_t done, size_t all,
                            struct bnfuse_error *error)
{
    return !options->progress || options->progress(options->context, (double)done / (double)all)
           || fail(error, BNFUSE_CANCELLED, "fusing was cancelled");
}

static bool fold_roots(struct net *net, const struct bnfuse_fuse_options *options, const struct root_kind *kind,
                       struct pass_report *report, struct bnfuse_error *error)
{
    struct decision *decision = decision_open(net, options, kind);
    constants_spend(decision->constants, report->grown); /* by an earlier round */
    bool changed = true, goes_on = true;
    decision->is_late = report->is_late;
    for (int round = 0; goes_on && changed && round < ROUND_LIMIT; round++) {
        struct roots roots = roots_of(net, net->arena, options, kind);
        changed = false;
        for (size_t i = 0; i < roots.count; i++) {
            if (roots.nodes[i]->mark && fold_with_followers(decision, roots.nodes[i], report)) changed = true;
            if (i % 64 == 0 && !(goes_on = report_progress(options, i, roots.count, error))) break;
        }
    }
    report->grown = constants_spent(decision->constants);
    decision_close(decision);
    return goes_on;
}

bool fold_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
              struct bnfuse_error *error)
{
    return fold_roots(net, options, &norm_roots, report, error);
}

bool fold_affines_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                      struct bnfuse_error *error)
{
    return fold_roots(net, options, &affine_roots, report, error);
}
