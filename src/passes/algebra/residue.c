/* SPDX-License-Identifier: Apache-2.0
 *
 * Residues as steps, with what they cost at run time. */
#include "passes/algebra/residue.h"

#include "onnx/graph/edit.h"
#include "onnx/shape/infer.h"
#include "passes/algebra/affine_node.h"

static bool as_norm(const struct decision *decision, const struct affine *a)
{
    return decision->root_is_norm && a->axis == 1 && affine_has_scale(a);
}

static struct value *lower(struct decision *decision, struct graph *graph, struct node *before, struct value *value,
                           const struct affine *a)
{
    struct node *last = before ? before->previous : graph->last;
    value = affine_lower(graph, before, value, a, decision->type, as_norm(decision, a), node_title(decision->root));
    /* What is left of a BatchNormalization stands for it from now on. */
    for (struct node *node = last ? last->next : graph->first; node != before; node = node->next)
        node->mark = decision->root->mark;
    return value;
}

static void apply_before(struct decision *decision, const struct step *step)
{
    struct value *value = node_input(step->node, step->slot);
    edit_set_input(step->node, step->slot, lower(decision, step->node->graph, step->node, value, step->affine));
}

/* The value keeps its name downstream of the residue; what the node itself writes is new. */
static void apply_after(struct decision *decision, const struct step *step)
{
    struct value *value = node_output(step->node, step->slot);
    struct value *bare = edit_add_value(step->node->graph, value->name, value);
    edit_take_output(step->node, step->slot, bare);
    struct value *whole = lower(decision, step->node->graph, step->node->next, bare, step->affine);
    edit_take_output(whole->writer, whole->writer_slot, value);
}

static enum reason residue(struct decision *decision, void (*apply)(struct decision *, const struct step *),
                           struct node *node, size_t slot, const struct value *value, const struct affine *a)
{
    bool norm = as_norm(decision, a);
    const struct affine *uniform = affine_uniform(decision->arena, a);
    if (uniform && !norm) a = uniform;
    if (affine_is_identity(a)) return REASON_NONE;
    if (!norm && !affine_can_lower(node->graph, value, a))
        return decision_stop(decision, REASON_AXIS_NOT_PROVEN, value->name, "its rank is unknown");
    struct step *step = decision_step(decision, apply, node);
    step->slot = slot;
    step->affine = a;
    int operations = norm ? 2 : affine_has_scale(a) + affine_has_shift(a);
    int64_t work = shape_count(&value->shape);
    if (!size_multiply(work, operations, &work) || !size_add(decision->cost.work, work, &decision->cost.work))
        decision->cost.work = INT64_MAX; /* and stays that: a sum beyond it does not fit */
    decision->cost.nodes += norm ? 1 : operations;
    decision->cost.norms += norm;
    return REASON_NONE;
}

enum reason residue_before(struct decision *decision, struct node *node, size_t slot, const struct affine *affine)
{
    return residue(decision, apply_before, node, slot, node_input(node, slot), affine);
}

enum reason residue_after(struct decision *decision, struct node *node, size_t slot, const struct affine *affine)
{
    return residue(decision, apply_after, node, slot, node_output(node, slot), affine);
}
