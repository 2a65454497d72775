/* SPDX-License-Identifier: Apache-2.0
 *
 * What readers need. See need.h. */
#include "onnx/graph/need.h"

#include "onnx/graph/attr.h"

static const struct weight_need *need_of(const struct use *use)
{
    return use->node && use->slot == 0 && use->node->row ? use->node->row->need : NULL;
}

static const struct shape *weight_shape(const struct use *use)
{
    const struct value *weight = node_input(use->node, 1);
    return weight && weight->shape.rank > 0 ? &weight->shape : NULL;
}

int use_needs_rank(const struct use *use)
{
    const struct weight_need *need = need_of(use);
    if (!need || need->rank >= 0) return need ? need->rank : -1;
    return weight_shape(use) ? weight_shape(use)->rank : -1;
}

/* The axis, counted from the start; the last two exchanged where an attribute says so. */
static int plain_axis(const struct node *node, int axis, int rank, const char *exchanged)
{
    if (axis < 0) axis += rank;
    bool is_one_of_last = axis >= rank - 2 && rank >= 2;
    return exchanged && is_one_of_last && node_int(node, exchanged, 0) ? 2 * rank - 3 - axis : axis;
}

int64_t use_needs_size(const struct use *use, int rank, int axis)
{
    const struct weight_need *need = need_of(use);
    const struct shape *weight = need ? weight_shape(use) : NULL;
    if (!weight || plain_axis(use->node, need->axis, rank, need->transposes) != axis) return -1;
    int from = plain_axis(use->node, need->weight_axis, weight->rank, need->transposed);
    if (from < 0 || from >= weight->rank || weight->dims[from].size < 0) return -1;
    int64_t size = weight->dims[from].size;
    return need->times_group && !size_multiply(size, node_int(use->node, "group", 1), &size) ? -1 : size;
}
