/* SPDX-License-Identifier: Apache-2.0
 *
 * Residues as steps, with what they cost at run time. */
#include "passes/algebra/residue.h"

#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "passes/algebra/absorb_constant.h"
#include "passes/algebra/affine_node.h"
#include "passes/decide/remark.h"

static bool as_norm(const struct decision *decision, const struct affine *a)
{
    return decision->root_is_norm && a->axis == 1 && affine_has_scale(a);
}

static struct value *lower(struct decision *decision, struct graph *graph, struct node *before, struct value *value,
                           const struct affine *a)
{
    struct node *last = before ? before->previous : graph->last;
    enum dtype type = dtype_kind(value->type) == KIND_REAL ? value->type : decision->type;
    value = affine_lower(graph, before, value, a, type, as_norm(decision, a), node_title(decision->root));
    /* What is left of a BatchNormalization stands for it from now on. */
    for (struct node *node = last ? last->next : graph->first; node != before; node = node->next)
        remark_share(node, decision->root);
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
                           struct node *node, size_t slot, const struct value *value, const struct shape *shape,
                           const struct affine *a)
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
    work_add(&decision->cost.work, shape, operations);
    decision->cost.nodes += norm ? 1 : operations;
    decision->cost.norms += norm;
    if (decision->cost.norms <= MOST_NORMS) return REASON_NONE;
    return decision_stop(decision, REASON_NOT_WORTH, node_title(node), "%d BatchNormalizations would be left",
                         decision->cost.norms);
}

/* The constant operand of a sum that alone reads the value; its slot, or -1. */
static int addend_slot(struct decision *decision, const struct value *value)
{
    enum reason why;
    if (value->use_count != 1 || value->is_output || use_graph(value->uses) != value->graph) return -1;
    struct node *reader = value->uses->node;
    if (!operator_has(reader, BROADCASTS)) return -1;
    for (size_t slot = 0; slot < reader->input_count; slot++) {
        struct value *addend = affine_sum_sign(reader, slot) != 0 ? node_input(reader, slot) : NULL;
        if (addend && decision_constant(decision, addend, &why)) return (int)slot;
    }
    return -1;
}

/* A shift needs no node of its own where a sum with a constant follows: k + t, or k - t where one of them is
 * subtracted, along the axis that broadcasting gives the constant. */
bool residue_joins(struct decision *decision, struct node *node, const struct affine *a)
{
    enum reason why;
    struct value *value = node_output(node, 0);
    int slot = affine_has_scale(a) ? -1 : addend_slot(decision, value);
    if (slot < 0) return false;
    struct node *reader = value->uses->node;
    const struct tensor *addend = decision_constant(decision, node_input(reader, (size_t)slot), &why);
    int axis = a->axis == AXIS_ANY ? AXIS_ANY : a->axis - (value->shape.rank - addend->rank);
    if (value->shape.rank < addend->rank || (axis < 0 && a->axis != AXIS_ANY)) return false;
    if (axis >= 0 && addend->dims[axis] != a->channels) return false;
    double *shift = NEW_ROOM(decision->arena, double, (size_t)a->channels);
    double sign = affine_sum_sign(reader, value->uses->slot) * affine_sum_sign(reader, (size_t)slot);
    for (int64_t c = 0; c < a->channels; c++) shift[c] = sign * a->shift[c];
    const struct affine *added = affine_new(decision->arena, axis, a->channels, a->scale, shift);
    struct decision_mark mark = decision_mark(decision);
    const struct words first = decision->words;
    if (absorb_constant(decision, reader, (size_t)slot, addend, added)) {
        decision_undo(decision, mark);
        return false;
    }
    decision->words = first;
    decision_rename(decision, value);
    return true;
}

enum reason residue_before(struct decision *decision, struct node *node, size_t slot, const struct affine *affine)
{
    return residue_before_as(decision, node, slot, affine, &node_input(node, slot)->shape);
}

enum reason residue_before_as(struct decision *decision, struct node *node, size_t slot, const struct affine *affine,
                              const struct shape *shape)
{
    return residue(decision, apply_before, node, slot, node_input(node, slot), shape, affine);
}

enum reason residue_after(struct decision *decision, struct node *node, size_t slot, const struct affine *affine)
{
    const struct value *value = node_output(node, slot);
    return residue(decision, apply_after, node, slot, value, &value->shape, affine);
}
