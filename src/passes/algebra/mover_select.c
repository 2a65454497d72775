/* SPDX-License-Identifier: Apache-2.0
 *
 * Movers that choose each element of the result from one of several places: Where, GatherElements, ScatterND,
 * ScatterElements, Compress. Whatever is chosen is under the affine if all places are.
 *
 *   select(s*x + t, s*y + t)  =  s*select(x, y) + t        scale and shift run along an axis that all have whole */
#include "passes/algebra/crossing.h"

#include "onnx/graph/attr.h"

#include <string.h>

/* Input `slot` takes the affine along the axis that is `axis` in the output, if it has all the channels there. */
static enum reason take_along(struct crossing *x, size_t slot, int axis)
{
    const struct affine *a = x->affine;
    if (a->axis != AXIS_ANY && value_size(crossing_input(x, slot), axis) != a->channels)
        return crossing_stop(x, REASON_NON_LINEAR, "a branch has not all the channels");
    x->onto[slot] = affine_moved(x->decision->arena, a, axis);
    return REASON_NONE;
}

/* ---- Where ---- */

/* Both branches; axes align at the right. */
static enum reason where_upstream(struct crossing *x)
{
    int rank = value_rank(crossing_output(x, 0)), axis = x->affine->axis;
    enum reason reason = REASON_NONE;
    if (dtype_kind(crossing_output(x, 0)->type) != KIND_REAL) return crossing_stop(x, REASON_NON_LINEAR, "");
    if (axis != AXIS_ANY && rank < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
    for (size_t slot = 1; slot <= 2 && !reason; slot++)
        reason = take_along(x, slot, axis - (rank - value_rank(crossing_input(x, slot))));
    return reason;
}

/* ---- GatherElements, ScatterElements ---- */

static bool element_axis(const struct crossing *x, int *axis)
{
    int64_t given = node_int(x->node, "axis", 0);
    int rank = value_rank(crossing_input(x, 0));
    if (given < 0 && rank < 0) return false;
    *axis = (int)(given < 0 ? given + rank : given);
    return true;
}

/* The indices may cover fewer channels than there are: then the first ones. */
static enum reason gather_elements(struct crossing *x)
{
    int picked, axis = x->affine->axis;
    if (!element_axis(x, &picked)) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
    if (axis == picked) return crossing_stop(x, REASON_NON_LINEAR, "the channels are what it gathers by");
    if (value_size(crossing_input(x, 0), axis) != x->affine->channels
        || value_size(crossing_output(x, 0), axis) != x->affine->channels)
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "it may gather fewer channels");
    return crossing_same(x);
}

static bool reduces(const struct node *node)
{
    return strcmp(node_text(node, "reduction", "none"), "none") != 0;
}

static enum reason scatter_elements_upstream(struct crossing *x)
{
    int picked, axis = x->affine->axis;
    if (reduces(x->node)) return crossing_stop(x, REASON_NON_LINEAR, "it combines what it scatters");
    if (axis != AXIS_ANY && !element_axis(x, &picked))
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
    if (axis != AXIS_ANY && axis == picked)
        return crossing_stop(x, REASON_NON_LINEAR, "the channels are what it scatters by");
    enum reason reason = take_along(x, 0, axis);
    return reason ? reason : take_along(x, 2, axis);
}

/* ---- ScatterND ---- */

/* Indices [..., k] place whole slices along the axes from k on; those are the last axes of the updates. */
static enum reason scatter_nd_upstream(struct crossing *x)
{
    const struct value *indices = crossing_input(x, 1);
    int index_rank = value_rank(indices), axis = x->affine->axis;
    int64_t depth = value_size(indices, index_rank - 1);
    if (reduces(x->node)) return crossing_stop(x, REASON_NON_LINEAR, "it combines what it scatters");
    if (axis != AXIS_ANY && (index_rank < 1 || depth < 0))
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the shape of its indices is unknown");
    if (axis != AXIS_ANY && axis < depth)
        return crossing_stop(x, REASON_NON_LINEAR, "the channels are what it scatters by");
    enum reason reason = take_along(x, 0, axis);
    return reason ? reason : take_along(x, 2, (int)(axis - depth) + index_rank - 1);
}

/* ---- Compress ---- */

static enum reason compress(struct crossing *x)
{
    int picked;
    if (!node_attribute(x->node, "axis") || !element_axis(x, &picked))
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "it flattens its input, or its rank is unknown");
    if (x->affine->axis == picked) return crossing_stop(x, REASON_NON_LINEAR, "the channels are what it picks by");
    return crossing_same(x);
}

const struct mover select_movers[] = {
    { .op = "Where", where_upstream, NULL, .roots = ROOTS_NO_WAY },
    { .op = "GatherElements", gather_elements, gather_elements, .roots = ROOTS_NO_WAY, .moves_elements = true },
    { .op = "ScatterElements", scatter_elements_upstream, NULL, .roots = ROOTS_NO_WAY },
    { .op = "ScatterND", scatter_nd_upstream, NULL, .roots = ROOTS_NO_WAY },
    { .op = "Compress", compress, compress, .roots = ROOTS_NO_WAY, .moves_elements = true },
    { 0 },
};
