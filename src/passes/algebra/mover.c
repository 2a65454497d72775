/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue of movers: a row an operator. */
#include "passes/algebra/mover_rows.h"

#include "onnx/graph/attr.h"

struct mover {
    const char *op;
    int64_t first_opset;
    enum reason (*backward)(struct crossing *crossing);
    enum reason (*forward)(struct crossing *crossing);
};

enum reason crossing_stop(struct crossing *x, enum reason reason, const char *why)
{
    return decision_stop(x->decision, reason, node_title(x->node), "%s", why);
}

const struct value *crossing_input(const struct crossing *x, size_t slot)
{
    return node_input(x->node, slot);
}

const struct value *crossing_output(const struct crossing *x, size_t slot)
{
    return node_output(x->node, slot);
}

int value_rank(const struct value *value)
{
    return value ? value->shape.rank : -1;
}

int64_t value_size(const struct value *value, int axis)
{
    return axis >= 0 && axis < value_rank(value) ? value->shape.dims[axis].size : -1;
}

bool crossing_list(const struct crossing *x, const char *name, size_t slot, const int64_t **values, size_t *count,
                   bool *given)
{
    enum reason why;
    *count = node_ints(x->node, name, values);
    *given = node_attribute(x->node, name) != NULL;
    if (*given || slot == SIZE_MAX) return *given;
    struct value *value = node_input(x->node, slot);
    if (!value) return false;
    *given = true;
    const struct tensor *tensor = decision_constant(x->decision, value, &why);
    if (!tensor || dtype_kind(tensor->type) != KIND_WHOLE || tensor->count > TENSOR_MAX_RANK * 2) return false;
    int64_t *read = NEW_ARRAY(x->decision->arena, int64_t, (size_t)tensor->count);
    if (!tensor_read_whole(tensor, 0, tensor->count, read, NULL)) return false;
    *values = read;
    *count = (size_t)tensor->count;
    return true;
}

bool scale_not_negative(const struct affine *a, bool positive, int64_t *channel)
{
    for (int64_t c = 0; c < a->channels; c++)
        if (positive ? !(a->scale[c] > 0) : !(a->scale[c] >= 0)) {
            *channel = c;
            return false;
        }
    return true;
}

enum reason crossing_same(struct crossing *x)
{
    x->onto[0] = x->affine;
    return REASON_NONE;
}

static const struct mover movers[] = {
    { "Reshape", 1, reshape_backward, reshape_forward },
    { "Flatten", 1, reshape_backward, reshape_forward },
    { "Squeeze", 1, squeeze_backward, squeeze_forward },
    { "Unsqueeze", 1, unsqueeze_backward, unsqueeze_forward },
    { "Transpose", 1, transpose_backward, transpose_forward },
    { "Concat", 1, concat_backward, concat_forward },
    { "Split", 2, split_backward, split_forward },
    { "Slice", 1, slice_backward, slice_forward },
    { "Add", 1, add_backward, add_forward },
    { "Sum", 1, add_backward, add_forward },
    { "Sub", 1, add_backward, add_forward },
    { "Mul", 1, mul_backward, mul_forward },
    { "Div", 1, mul_backward, mul_forward },
    { "AveragePool", 1, average_pool, average_pool },
    { "GlobalAveragePool", 1, global_average, global_average },
    { "ReduceMean", 1, reduce_backward, reduce_forward },
    { "ReduceSum", 1, sum_backward, sum_forward },
    { "MaxPool", 1, max_pool, max_pool },
    { "GlobalMaxPool", 1, max_pool, max_pool },
    { "ReduceMax", 1, extreme_backward, extreme_forward },
    { "ReduceMin", 1, extreme_backward, extreme_forward },
    { "Resize", 1, resize, resize },
    { "Upsample", 1, resize, resize },
    { "DepthToSpace", 1, to_deep, to_shallow },
    { "SpaceToDepth", 1, to_shallow, to_deep },
    { "Pad", 1, pad_backward, pad_forward },
    { "Gather", 1, gather_backward, NULL },
    { "Relu", 1, homogeneous, NULL },
    { "LeakyRelu", 1, homogeneous, NULL },
    { "PRelu", 1, homogeneous, NULL },
};

const struct mover *mover_of(const struct node *node)
{
    for (size_t i = 0; i < sizeof(movers) / sizeof(*movers); i++)
        if (node_is(node, movers[i].op) && node->opset >= movers[i].first_opset) return &movers[i];
    return NULL;
}

static enum reason cross(enum reason (*way)(struct crossing *), struct crossing *crossing)
{
    if (!way) return crossing_stop(crossing, REASON_NON_LINEAR, "");
    if (crossing->node->input_count > CROSSING_MAX || crossing->node->output_count > CROSSING_MAX)
        return crossing_stop(crossing, REASON_NON_LINEAR, "it has too many inputs or outputs");
    return way(crossing);
}

enum reason mover_upstream(const struct mover *mover, struct crossing *crossing)
{
    return cross(mover->backward, crossing);
}

enum reason mover_downstream(const struct mover *mover, struct crossing *crossing)
{
    return cross(mover->forward, crossing);
}
