/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding a mover, and the questions that movers ask. The rows stand at the end of each family's file. */
#include "passes/algebra/crossing.h"

#include "onnx/graph/attr.h"

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
    int64_t size = axis >= 0 && axis < value_rank(value) ? value->shape.dims[axis].size : -1;
    return size <= MOST_CHANNELS ? size : -1;
}

bool crossing_list(const struct crossing *x, const char *name, size_t slot, const int64_t **values, size_t *count,
                   bool *given)
{
    enum reason why;
    *count = node_ints(x->node, name, values);
    *given = node_attribute(x->node, name) != NULL;
    if (*given) return true;
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

/* By family; a new family is a file and its table here. */
static const struct mover *const families[] = { order_movers, branch_movers, channel_movers, window_movers,
                                                copy_movers,  select_movers, bending_movers };

static bool moves(const struct mover *mover, const struct node *node)
{
    return mover->op ? node_is(node, mover->op) && node->opset >= mover->first_opset : mover->of(node);
}

/* As for anchors, none without a row. */
const struct mover *mover_of(const struct node *node)
{
    for (size_t i = 0; node->row && i < sizeof(families) / sizeof(*families); i++)
        for (const struct mover *mover = families[i]; mover->op || mover->of; mover++)
            if (moves(mover, node)) return mover;
    return NULL;
}

enum root_ways mover_root_ways(const struct node *node)
{
    const struct mover *mover = mover_of(node);
    return mover ? mover->roots : ROOTS_UPSTREAM;
}

static enum reason cross(const struct mover *mover, enum reason (*way)(struct crossing *), struct crossing *crossing)
{
    if (crossing->affine->spread && !mover->follows_several)
        return crossing_stop(crossing, REASON_VARIES_INSIDE, "its channels lie on several axes there");
    if (!way) return crossing_stop(crossing, REASON_NON_LINEAR, "");
    const struct node *node = crossing->node;
    size_t most = node->input_count > node->output_count ? node->input_count : node->output_count;
    crossing->onto = NEW_ARRAY(crossing->decision->arena, const struct affine *, most);
    if (mover->moves_elements && crossing->slot != 0)
        return crossing_stop(crossing, REASON_NON_LINEAR, "it says which elements are moved where");
    if (mover->moves_elements && crossing->affine->axis == AXIS_ANY) return crossing_same(crossing);
    return way(crossing);
}

enum reason mover_upstream(const struct mover *mover, struct crossing *crossing)
{
    return cross(mover, mover->upstream, crossing);
}

bool mover_widens(const struct mover *mover)
{
    return mover->widens;
}

enum reason mover_downstream(const struct mover *mover, struct crossing *crossing)
{
    return cross(mover, mover->downstream, crossing);
}
