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
#include "onnx/graph/edit.h"
#include "onnx/shape/infer.h"
#include "passes/algebra/absorb.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/mover.h"
#include "passes/algebra/residue.h"
#include "passes/decide/remark.h"
#include "passes/decide/roots.h"
#include "runtime/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VISIT_LIMIT 2048 /* nodes one decision may look at; more make the fold quadratic on hostile graphs */
#define DEPTH_LIMIT 200  /* nodes between a BatchNormalization and its anchor */
#define ROUND_LIMIT 32

static enum reason upstream(struct decision *decision, struct use *use, const struct affine *a);
static enum reason downstream(struct decision *decision, struct value *value, const struct affine *a);

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
    return *node->domain || node->opset > LATEST_OPSET || node_refers(node);
}

/* ---- Steps ---- */

/* Per element: a BatchNormalization multiplies and adds, Identity does nothing. */
static int operations_of(const struct node *node)
{
    static const char *const idle[] = { "Identity", "Dropout", "Cast" };
    for (size_t i = 0; i < sizeof(idle) / sizeof(*idle); i++)
        if (node_is(node, idle[i])) return 0;
    return node_is(node, "BatchNormalization") ? 2 : 1;
}

static void apply_rename(struct decision *decision, const struct step *step)
{
    (void)decision;
    edit_rename(step->value);
}

static void rename_step(struct decision *decision, struct value *value)
{
    decision_step(decision, apply_rename, NULL)->value = value;
}

/* `work` and that of this affine node; INT64_MAX, and staying that, where a shape is unknown. */
static int64_t work_with(int64_t work, const struct node *node)
{
    int64_t own = shape_count(&node->outputs[0]->shape);
    return size_multiply(own, operations_of(node), &own) && size_add(work, own, &work) ? work : INT64_MAX;
}

/* The node's readers read its input instead, and it goes. */
static void apply_bypass(struct decision *decision, const struct step *step)
{
    edit_replace_uses(step->node->outputs[0], node_input(step->node, step->slot));
    remark_applied(step->node, OUTCOME_FOLDED, decision->where, decision->path);
    remark_forget(step->node);
    edit_remove_node(step->node);
}

static void bypass_step(struct decision *decision, struct node *node, size_t slot)
{
    decision_step(decision, apply_bypass, node)->slot = slot;
    decision->cost.removed_work = work_with(decision->cost.removed_work, node);
    decision->cost.removed_nodes++;
}

/* Two branches that meet again would merge what is upstream of the meeting twice. */
static bool is_bypassed(const struct decision *decision, const struct node *node)
{
    for (const struct step *step = decision->steps; step; step = step->next)
        if (step->node == node && step->apply == apply_bypass) return true;
    return false;
}

/* ---- Upstream ---- */

/* Whether this value may come to hold something else: nobody but `use` would notice. */
static enum reason may_change(struct decision *decision, const struct value *value, const struct use *use,
                              const struct affine *a)
{
    if (value->graph != use->graph)
        return decision_stop(decision, REASON_READ_ELSEWHERE, value->name,
                             "it is computed outside the body that reads it");
    if (value->is_output) return decision_stop(decision, REASON_GRAPH_OUTPUT, value->name, "%s", "");
    for (const struct use *other = value->uses; other; other = other->next)
        if (other != use && !use_is_unaffected(decision, other, a))
            return decision_stop(decision, REASON_READ_ELSEWHERE, other->node ? node_title(other->node) : value->name,
                                 "reads \"%s\" too", value->name);
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
    if (anchor) {
        reason = absorb_output(decision, anchor, node, a);
    } else if (!(reason = affine_of_node(decision, node, &own, &slot))) {
        return upstream_through_affine(decision, node, slot, own, a);
    } else if (mover && reason == REASON_NON_LINEAR) {
        reason = upstream_through_mover(decision, mover, node, value->writer_slot, a);
    } else {
        return blocked(decision, node);
    }
    if (!reason) rename_step(decision, value);
    return reason;
}

static enum reason upstream(struct decision *decision, struct use *use, const struct affine *a)
{
    if (affine_is_identity(a)) return REASON_NONE;
    if (++decision->visits > VISIT_LIMIT || decision->depth >= DEPTH_LIMIT)
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
    for (size_t i = 0; !reason && i < node->output_count && i < CROSSING_MAX; i++) {
        if (!x.onto[i] || !node->outputs[i] || affine_is_identity(x.onto[i])) continue;
        reason = downstream(decision, node->outputs[i], x.onto[i]);
        if (!reason) rename_step(decision, node->outputs[i]);
    }
    return reason;
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
    remember_step(decision, node);
    if (is_opaque(node)) return blocked(decision, node);
    const struct anchor *anchor = anchor_of_input(node, use->slot);
    const struct mover *mover = mover_of(node);
    if (anchor) return absorb_input(decision, anchor, node, use->slot, a);
    if (!(reason = affine_of_node(decision, node, &own, &slot)) && slot == use->slot) {
        const struct affine *both = affine_compose(decision->arena, a, own);
        if (both && affine_not_finite(both) < 0) {
            /* Two that cancel out need no home, but a graph output keeps its writer and so its name. */
            const struct value *output = node->outputs[0];
            if (output->is_output) return decision_stop(decision, REASON_GRAPH_OUTPUT, output->name, "%s", "");
            if (is_bypassed(decision, node))
                return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it is met twice");
            reason = downstream(decision, node->outputs[0], both);
            if (!reason) bypass_step(decision, node, slot);
            return reason;
        }
    }
    if (mover) return downstream_through_mover(decision, mover, use, a);
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
    if (++decision->visits > VISIT_LIMIT || decision->depth >= DEPTH_LIMIT)
        return decision_stop(decision, REASON_NON_LINEAR, value->name, "too many nodes lie on the way");
    decision->depth++;
    enum reason reason = downstream_once(decision, value, a);
    decision->depth--;
    return reason;
}

/* ---- One decision ---- */

/* Downstream, readers look past the node; its output is gone. */
static void finish_downstream(struct node *node, size_t slot)
{
    edit_replace_uses(node->outputs[0], node_input(node, slot));
    remark_forget(node);
    edit_remove_node(node);
}

/* A BatchNormalization goes if no more nodes than it takes with it stay, none of them another one. Else what stays must
 * be less work than what goes; and one BatchNormalization is never traded for two. */
static bool is_worth_it(const struct decision *decision, const struct node *root)
{
    const struct cost *cost = &decision->cost;
    int64_t removed = work_with(cost->removed_work, root);
    if (cost->nodes == 0) return true;
    if (decision->root_is_norm && cost->norms == 0 && cost->nodes <= 1 + cost->removed_nodes) return true;
    if (cost->norms > 1 || (cost->norms == 1 && cost->nodes > 1)) return false;
    return removed != INT64_MAX && cost->work < removed;
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

static void tell(struct decision *decision, struct decision *up, enum reason reason_upstream, struct decision *down,
                 enum reason reason_downstream, const struct node *root)
{
    struct decision *best = says_more(reason_downstream, reason_upstream) ? down : up;
    const char *path = arena_printf(decision->arena, "upstream: %s; downstream: %s", *up->path ? up->path : "nothing",
                                    *down->path ? down->path : "nothing");
    remark_missed(root, best == down ? reason_downstream : reason_upstream, best->where, best->detail, path);
}

/* A way that is open and worth it. */
static enum reason judge(struct decision *decision, const struct node *root, enum reason reason)
{
    if (!reason && !is_worth_it(decision, root))
        return decision_stop(decision, REASON_NOT_WORTH, decision->where, "%d nodes would be left over",
                             decision->cost.nodes);
    return reason;
}

static bool fold_one(struct decision *decision, struct node *node, struct pass_report *report)
{
    struct affine *a;
    size_t slot;
    arena_close(decision->arena);
    arena_open(decision->arena, decision->net->arena->memory);
    decision_begin(decision, node, root_type(node));
    enum reason reason = affine_of_node(decision, node, &a, &slot);
    if (reason) {
        remark_missed(node, reason, decision->where, decision->detail, "");
        return false;
    }
    struct decision up = *decision, down = *decision;
    decision_begin(&up, node, decision->type);
    decision_begin(&down, node, decision->type);
    enum reason reason_upstream = judge(&up, node, upstream(&up, &node->inputs[slot], a));
    enum reason reason_downstream = REASON_NOT_WORTH;
    if (reason_upstream || up.cost.nodes)
        reason_downstream = judge(&down, node, downstream(&down, node->outputs[0], a));
    if (reason_upstream && reason_downstream) {
        tell(decision, &up, reason_upstream, &down, reason_downstream, node);
        return false;
    }
    bool go_upstream = !reason_upstream && (reason_downstream || up.cost.work <= down.cost.work);
    struct decision *way = go_upstream ? &up : &down;
    int64_t removed = work_with(way->cost.removed_work, node);
    if (removed != INT64_MAX && way->cost.work <= removed)
        report->multiply_adds_saved += (removed - way->cost.work) / 2;
    /* When a smaller BatchNormalization stays, it inherits the remark and will say why in the next round. */
    remark_applied(node, way->cost.norms ? OUTCOME_STAYS : OUTCOME_FOLDED, way->where,
                   arena_printf(decision->arena, "%s: %s", go_upstream ? "upstream" : "downstream", way->path));
    apply_steps(way);
    if (go_upstream) root_remove(node, slot);
    else finish_downstream(node, slot);
    return true;
}

/* The only reader of what the fold left, if it is Mul, Add, Sub or Div: it may follow. */
static struct node *follower(const struct value *output)
{
    static const char *const ops[] = { "Mul", "Add", "Sub", "Div", "Neg" };
    if (output->use_count != 1 || output->is_output) return NULL;
    struct node *reader = output->uses->node;
    for (size_t i = 0; reader && i < sizeof(ops) / sizeof(*ops); i++)
        if (node_is(reader, ops[i])) return reader;
    return NULL;
}

static bool fold_with_followers(struct decision *decision, struct node *node, struct pass_report *report)
{
    bool folded = false;
    while (node) {
        struct value *output = node->outputs[0];
        if (!fold_one(decision, node, report)) break;
        folded = true;
        node = follower(output);
    }
    return folded;
}

/* ---- The pass ---- */

bool fold_run(struct net *net, const struct pass_options *options, struct pass_report *report,
              struct bnfuse_error *error)
{
    struct decision *decision = decision_open(net, options);
    constants_spend(decision->constants, report->grown); /* by an earlier round */
    bool changed = true;
    for (int round = 0; changed && round < ROUND_LIMIT; round++) {
        struct roots roots = roots_of(net, net->arena, options);
        changed = false;
        for (size_t i = 0; i < roots.count; i++) {
            if (roots.nodes[i]->mark && fold_with_followers(decision, roots.nodes[i], report)) changed = true;
            if (options->progress && i % 64 == 0) options->progress(options->context, (double)i / (double)roots.count);
        }
    }
    report->grown = constants_spent(decision->constants);
    decision_close(decision);
    (void)error;
    return true;
}
