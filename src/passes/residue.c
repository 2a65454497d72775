/* SPDX-License-Identifier: Apache-2.0
 *
 * Residues as steps, with what they cost at run time. */
#include "passes/residue.h"

#include "onnx/edit.h"
#include "onnx/shape.h"
#include "passes/affine_node.h"

static bool as_norm(const struct search *search, const struct affine *a)
{
    return search->seed_is_norm && a->axis == 1 && affine_has_scale(a);
}

static struct value *lower(struct search *search, struct graph *graph, struct node *before, struct value *value,
                           const struct affine *a)
{
    struct node *last = before ? before->previous : graph->last;
    value = affine_lower(graph, before, value, a, search->type, as_norm(search, a), node_title(search->seed));
    /* What is left of a BatchNormalization stands for it from now on. */
    for (struct node *node = last ? last->next : graph->first; node != before; node = node->next)
        node->mark = search->seed->mark;
    return value;
}

static void apply_before(struct search *search, const struct step *step)
{
    struct value *value = node_input(step->node, step->slot);
    edit_set_input(step->node, step->slot, lower(search, step->node->graph, step->node, value, step->affine));
}

/* The value keeps its name behind the residue; what the node itself writes is new. */
static void apply_after(struct search *search, const struct step *step)
{
    struct value *value = node_output(step->node, step->slot);
    struct value *bare = edit_add_value(step->node->graph, value->name, value);
    edit_take_output(step->node, step->slot, bare);
    struct value *whole = lower(search, step->node->graph, step->node->next, bare, step->affine);
    edit_take_output(whole->writer, whole->writer_slot, value);
}

static enum reason residue(struct search *search, void (*apply)(struct search *, const struct step *),
                           struct node *node, size_t slot, const struct value *value, const struct affine *a)
{
    bool norm = as_norm(search, a);
    const struct affine *uniform = affine_uniform(search->arena, a);
    if (uniform && !norm) a = uniform;
    if (affine_is_identity(a)) return REASON_NONE;
    if (!norm && !affine_can_lower(node->graph, value, a))
        return search_stop(search, REASON_AXIS_NOT_PROVEN, value->name, "its rank is unknown");
    struct step *step = search_step(search, apply, node);
    step->slot = slot;
    step->affine = a;
    int operations = norm ? 2 : affine_has_scale(a) + affine_has_shift(a);
    int64_t work = shape_count(&value->shape);
    if (!size_multiply(work, operations, &work) || !size_add(search->cost.work, work, &search->cost.work))
        search->cost.work = INT64_MAX;     /* and stays that: a sum beyond it does not fit */
    search->cost.nodes += norm ? 1 : operations;
    search->cost.norms += norm;
    return REASON_NONE;
}

enum reason residue_before(struct search *search, struct node *node, size_t slot, const struct affine *affine)
{
    return residue(search, apply_before, node, slot, node_input(node, slot), affine);
}

enum reason residue_after(struct search *search, struct node *node, size_t slot, const struct affine *affine)
{
    return residue(search, apply_after, node, slot, node_output(node, slot), affine);
}
