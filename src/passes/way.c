/* SPDX-License-Identifier: Apache-2.0
 *
 * What the ways of an affine share: words, bounds, and affine nodes met on the way, which are swallowed. */
#include "passes/way.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/bn.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/anchor.h"
#include "passes/decide/remark.h"

#include <string.h>

#define WIDE 1024 /* channels that make a visit count once more: each computes affines of that many */

/* Values and readers that one decision may look at, more of which are quadratic on hostile graphs, and nodes from its
 * root: less of each when all decisions together have looked at ALL_VISITS, and once more at as much again. */
#define ALL_VISITS 1000000
static const struct {
    unsigned visits, depth;
} limits[] = { { 4096, WAY_DEPTH }, { 64, 12 }, { 6, 3 } };

enum reason way_blocked(struct decision *decision, struct node *node)
{
    return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "%s",
                         node->is_skipped ? "--skip names it" : node->op);
}

void way_visit(struct decision *decision, const struct node *node)
{
    const char *const words[] = { *decision->path ? " -> " : "", node->op };
    char *to = decision->path + strlen(decision->path), *const end = decision->path + sizeof decision->path - 1;
    for (size_t i = 0; i < 2; i++)
        for (const char *from = words[i]; *from && to < end;) *to++ = *from++;
    *to = '\0';
}

bool way_is_opaque(const struct node *node)
{
    return node->is_skipped || (*node->domain && !anchor_is(node)) || node->opset > LATEST_OPSET || node_refers(node);
}

int way_operations(const struct node *node)
{
    if (node->row && node->row->idle) return 0;
    return bn_is(node) ? 2 : 1;
}

static void apply_bypass(struct decision *decision, const struct step *step)
{
    edit_replace_uses(step->node->outputs[0], node_input(step->node, step->slot));
    remark_applied(step->node, BNFUSE_OUTCOME_FOLDED, decision->words.where, decision->path);
    remark_forget(step->node);
    edit_remove_node(step->node);
}

void way_bypass(struct decision *decision, struct node *node, size_t slot)
{
    decision_step(decision, apply_bypass, node)->slot = slot;
    work_add(&decision->cost.removed, &node->outputs[0]->shape, way_operations(node));
    decision->cost.removed_nodes++;
}

bool way_is_changed(const struct decision *decision, const struct node *node)
{
    for (const struct step *step = decision_steps_of(decision, node); step; step = step->earlier)
        if (!step->role) return true;
    return false;
}

bool way_is_bypassed(const struct decision *decision, const struct node *node)
{
    for (const struct step *step = decision_steps_of(decision, node); step; step = step->earlier)
        if (step->apply == apply_bypass) return true;
    return false;
}

bool way_may_enter(struct decision *decision, const struct node *anchor, bool is_downstream)
{
    return !decision->kind->may_enter || decision->kind->may_enter(decision, anchor, is_downstream);
}

const struct mover *way_mover(const struct decision *decision, const struct node *node, bool is_downstream)
{
    bool may_cross = !decision->kind->may_cross || decision->kind->may_cross(node, is_downstream);
    return may_cross && !affine_multiplies(node) ? mover_of(node) : NULL;
}

bool way_is_too_far(struct decision *decision, const struct affine *a)
{
    const size_t cost = 1 + (size_t)a->channels / WIDE, all = *decision->all_visits += cost;
    const size_t level = all <= ALL_VISITS ? 0 : all <= 2 * ALL_VISITS ? 1 : 2;
    decision->visits += (unsigned)(cost < UINT16_MAX ? cost : UINT16_MAX);
    return decision->visits > limits[level].visits || decision->depth >= limits[level].depth;
}
