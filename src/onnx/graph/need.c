/* SPDX-License-Identifier: Apache-2.0
 *
 * What readers need. See need.h. */
#include "onnx/graph/need.h"

#include "onnx/graph/attr.h"

static const struct weight_need *need_of(const struct use *use)
{
    return use->node && use->slot == 0 && use->node->row ? use->node->row->need : NULL;
}

/* The dims of the weight. False where there is none, or its rank is not known. */
static bool weight_dims(const struct use *use, int *rank, int64_t *dims)
{
    struct value *weight = node_input(use->node, 1);
    const struct tensor *constant = weight && weight->shape.rank < 0 ? value_constant(weight) : NULL;
    *rank = constant ? constant->rank : weight ? weight->shape.rank : -1;
    for (int i = 0; i < *rank; i++) dims[i] = constant ? constant->dims[i] : weight->shape.dims[i].size;
    return *rank > 0;
}

int use_needs_rank(const struct use *use)
{
    const struct weight_need *need = need_of(use);
    int64_t dims[TENSOR_MAX_RANK];
    const int64_t *listed;
    int rank = need ? need->rank : -1;
    if (!need) return -1;
    if (need->listed) rank = (int)node_ints(use->node, need->listed, &listed);
    else if (rank < 0 && !weight_dims(use, &rank, dims)) rank = -1;
    return rank;
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
    int64_t dims[TENSOR_MAX_RANK];
    int weight_rank;
    if (!need || need->listed || !weight_dims(use, &weight_rank, dims)) return -1;
    if (plain_axis(use->node, need->axis, rank, need->transposes) != axis) return -1;
    int from = plain_axis(use->node, need->weight_axis, weight_rank, need->transposed);
    if (from < 0 || from >= weight_rank || dims[from] < 0) return -1;
    int64_t size = dims[from];
    return need->times_group && !size_multiply(size, node_int(use->node, "group", 1), &size) ? -1 : size;
}
