/* SPDX-License-Identifier: Apache-2.0
 *
 * Movers that copy whole elements along axes other than the channels: Gather, GatherND, Expand, Tile, ReverseSequence.
 *
 *   copy(s*x + t)  =  s*copy(x) + t        scale and shift run along an axis that is not copied along
 *
 * Where the channel axis itself is copied along, scale and shift are copied with it, if it is known how. */
#include "passes/algebra/crossing.h"

#include "onnx/graph/attr.h"

/* ---- Gather, GatherND ---- */

static const int64_t *constant_indices(struct crossing *x, struct value *indices, int64_t *count)
{
    enum reason why;
    const struct tensor *tensor = decision_constant(x->decision, indices, &why);
    if (!tensor || dtype_kind(tensor->type) != KIND_WHOLE) return NULL;
    int64_t *values = NEW_ARRAY(x->decision->arena, int64_t, (size_t)tensor->count);
    *count = tensor->count;
    return tensor_read_whole(tensor, 0, tensor->count, values, NULL) ? values : NULL;
}

/* Channels picked by constant indices of rank 1: output channel i is input channel index[i]. */
static enum reason pick_channels(struct crossing *x, int axis, bool upstream)
{
    int64_t count, size = value_size(crossing_input(x, 0), axis);
    const int64_t *indices = constant_indices(x, node_input(x->node, 1), &count);
    struct arena *arena = x->decision->arena;
    if (!indices) return crossing_stop(x, REASON_NON_LINEAR, "which channels it gathers is not known");
    if (size < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the number of its channels is unknown");
    if (upstream && count != x->affine->channels) return crossing_stop(x, REASON_MISMATCH, "the channels do not fit");
    int64_t *from = NEW_ARRAY(arena, int64_t, (size_t)(upstream ? size : count));
    for (int64_t i = 0; upstream && i < size; i++) from[i] = -1;
    for (int64_t i = 0; i < count; i++) {
        int64_t channel = indices[i] < 0 ? indices[i] + size : indices[i];
        if (channel < 0 || channel >= size) return crossing_stop(x, REASON_MISMATCH, "an index is out of range");
        if (!upstream) from[i] = channel;
        else if (from[channel] < 0) from[channel] = i;
        else if (x->affine->scale[i] != x->affine->scale[from[channel]]
                 || x->affine->shift[i] != x->affine->shift[from[channel]])
            return crossing_stop(x, REASON_NON_LINEAR, "it gathers a channel twice, for two scales");
    }
    x->onto[0] = affine_picked(arena, x->affine, upstream ? size : count, from);
    return REASON_NONE;
}

/* One channel, picked by a constant scalar: its scale and shift are those of all that is left. */
static enum reason pick_one(struct crossing *x)
{
    int64_t count;
    const struct affine *a = x->affine;
    const int64_t *indices = constant_indices(x, node_input(x->node, 1), &count);
    if (!indices) return crossing_stop(x, REASON_NON_LINEAR, "which channel it gathers is not known");
    int64_t channel = indices[0] < 0 ? indices[0] + a->channels : indices[0];
    if (channel < 0 || channel >= a->channels) return crossing_stop(x, REASON_MISMATCH, "an index is out of range");
    x->onto[0] = affine_new(x->decision->arena, AXIS_ANY, 1, a->scale + channel, a->shift + channel);
    return REASON_NONE;
}

/* Several indices for each sample, and a parameter for each of them: a row of the table would have to be several. */
static enum reason gather_of_fields(struct crossing *x, bool upstream)
{
    enum reason why;
    const bool is_table = upstream && decision_constant(x->decision, node_input(x->node, 0), &why);
    return crossing_stop(x, REASON_VARIES_INSIDE,
                         is_table ? "one table serves several fields, whose parameters differ"
                                  : "its channels lie on several axes there");
}

/* The output's axes are those of the data, with the gathered one replaced by those of the indices. */
static enum reason gather(struct crossing *x, bool upstream)
{
    int rank = value_rank(crossing_input(x, 0)), index_rank = value_rank(crossing_input(x, 1)), axis = x->affine->axis;
    int64_t given = node_int(x->node, "axis", 0);
    if (x->affine->spread) return gather_of_fields(x, upstream);
    if (index_rank < 0 || (given < 0 && rank < 0))
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the ranks of its inputs are unknown");
    int gathered = (int)(given < 0 ? given + rank : given);
    bool by_channel = upstream ? axis >= gathered && axis < gathered + index_rank : axis == gathered;
    if (by_channel && index_rank == 1) return pick_channels(x, gathered, upstream);
    if (by_channel && index_rank == 0 && !upstream) return pick_one(x);
    if (by_channel) return crossing_stop(x, REASON_NON_LINEAR, "the channels are what it gathers by");
    int moved = axis < gathered ? axis : upstream ? axis - index_rank + 1 : axis + index_rank - 1;
    x->onto[0] = affine_moved(x->decision->arena, x->affine, moved);
    return REASON_NONE;
}

static enum reason gather_upstream(struct crossing *x)
{
    return gather(x, true);
}
static enum reason gather_downstream(struct crossing *x)
{
    return gather(x, false);
}

/* Indices [..., k] pick along the first k axes after batch_dims; the axes after those are copied whole. */
static enum reason gather_nd(struct crossing *x, bool upstream)
{
    const struct value *indices = crossing_input(x, 1);
    int index_rank = value_rank(indices), axis = x->affine->axis;
    int64_t batch = node_int(x->node, "batch_dims", 0), depth = value_size(indices, index_rank - 1);
    if (index_rank < 1 || depth < 0 || batch < 0)
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the shape of its indices is unknown");
    int64_t first_in = batch + depth, first_out = index_rank - 1;
    int64_t first = upstream ? first_out : first_in;
    if (axis < batch) return crossing_same(x);
    if (axis < first) return crossing_stop(x, REASON_NON_LINEAR, "the channels are what it gathers by");
    x->onto[0] = affine_moved(x->decision->arena, x->affine, (int)(axis - first + (upstream ? first_in : first_out)));
    return REASON_NONE;
}

static enum reason gather_nd_upstream(struct crossing *x)
{
    return gather_nd(x, true);
}
static enum reason gather_nd_downstream(struct crossing *x)
{
    return gather_nd(x, false);
}

/* ---- Expand, Tile ---- */

/* Axes align at the right. Expand repeats an axis of size 1: scale and shift are then one number, or stay. */
static enum reason expand(struct crossing *x, bool upstream)
{
    const struct value *in = crossing_input(x, 0), *out = crossing_output(x, 0);
    int added = value_rank(out) - value_rank(in), axis = x->affine->axis;
    if (value_rank(out) < 0 || value_rank(in) < 0)
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its ranks are unknown");
    int moved = upstream ? axis - added : axis + added;
    if (moved < 0 || value_size(upstream ? in : out, moved) != x->affine->channels)
        return crossing_stop(x, REASON_NON_LINEAR, "it repeats the channel axis");
    x->onto[0] = affine_moved(x->decision->arena, x->affine, moved);
    return REASON_NONE;
}

static enum reason expand_upstream(struct crossing *x)
{
    return expand(x, true);
}
static enum reason expand_downstream(struct crossing *x)
{
    return expand(x, false);
}

/* Along the channels a Tile makes channel i of position i mod channels; upstream the copies must agree. */
static enum reason tile(struct crossing *x, bool upstream)
{
    int axis = x->affine->axis;
    int64_t in = value_size(crossing_input(x, 0), axis), out = value_size(crossing_output(x, 0), axis);
    if (in < 1 || out < 1) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "how often it repeats is unknown");
    const struct affine *a = x->affine;
    int64_t *from = NEW_ARRAY(x->decision->arena, int64_t, (size_t)(upstream ? in : out));
    for (int64_t i = 0; i < (upstream ? in : out); i++) from[i] = i % in;
    for (int64_t i = 0; upstream && i < a->channels; i++)
        if (a->scale[i] != a->scale[i % in] || a->shift[i] != a->shift[i % in])
            return crossing_stop(x, REASON_NON_LINEAR, "it repeats the channels, for different scales");
    x->onto[0] = affine_picked(x->decision->arena, a, upstream ? in : out, from);
    return REASON_NONE;
}

static enum reason tile_upstream(struct crossing *x)
{
    return tile(x, true);
}
static enum reason tile_downstream(struct crossing *x)
{
    return tile(x, false);
}

/* ---- ReverseSequence ---- */

/* It reorders along time_axis, differently for each index of batch_axis: neither may be the channels. */
static enum reason reverse_sequence(struct crossing *x)
{
    int64_t axis = node_int(x->node, "time_axis", 0);
    if (x->affine->axis == (axis < 0 ? axis + value_rank(crossing_input(x, 0)) : axis))
        return crossing_stop(x, REASON_NON_LINEAR, "it reverses the channels");
    return crossing_same(x);
}

const struct mover copy_movers[] = {
    { .op = "Gather",
      gather_upstream,
      gather_downstream,
      .roots = ROOTS_NO_WAY,
      .follows_several = true,
      .moves_elements = true },
    { .op = "GatherND", gather_nd_upstream, gather_nd_downstream, .moves_elements = true },
    { .op = "Expand", expand_upstream, expand_downstream, .moves_elements = true },
    { .op = "Tile", tile_upstream, tile_downstream, .first_opset = 6, .moves_elements = true },
    { .op = "ReverseSequence", reverse_sequence, reverse_sequence, .moves_elements = true },
    { 0 },
};
