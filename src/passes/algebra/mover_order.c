/* SPDX-License-Identifier: Apache-2.0
 *
 * Movers that keep the elements, in the same order under other dims (Reshape, Flatten, Squeeze, Unsqueeze) or in
 * another order (Transpose). */
#include "passes/algebra/crossing.h"

#include "onnx/graph/attr.h"
#include "passes/decide/extras.h"

#include <string.h>

static enum reason relabel(struct crossing *x, const struct value *from, const struct value *to)
{
    bool varies = false;
    const struct affine *moved = affine_reshaped(x->decision->arena, x->affine, &from->shape, &to->shape, &varies);
    if (!moved && varies)
        return crossing_stop(x, REASON_VARIES_INSIDE, "it splits the axis that scale and shift run along");
    if (!moved) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "where its channels go cannot be proven");
    x->onto[0] = moved;
    return REASON_NONE;
}

static enum reason reshape_upstream(struct crossing *x)
{
    return relabel(x, crossing_output(x, 0), crossing_input(x, 0));
}
static enum reason reshape_downstream(struct crossing *x)
{
    return relabel(x, crossing_input(x, 0), crossing_output(x, 0));
}

/* Squeeze and Unsqueeze name the axes, so that the rank alone is enough: which of the longer shape's axes are the
 * extra ones of size 1? */
static bool extra_axes(const struct crossing *x, const struct value *longer, bool extra[TENSOR_MAX_RANK])
{
    const int64_t *axes;
    size_t count;
    bool given;
    int rank = value_rank(longer);
    memset(extra, 0, sizeof(bool) * TENSOR_MAX_RANK);
    if (rank < 0 || !crossing_list(x, "axes", 1, &axes, &count, &given)) return false;
    for (size_t i = 0; i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 0 || axis >= rank) return false;
        extra[axis] = true;
    }
    return true;
}

static enum reason to_shorter(struct crossing *x, const struct value *longer, const struct value *shorter)
{
    bool extra[TENSOR_MAX_RANK];
    if (!extra_axes(x, longer, extra) || extra[x->affine->axis]) return relabel(x, longer, shorter);
    int axis = 0;
    for (int i = 0; i < x->affine->axis; i++) axis += !extra[i];
    x->onto[0] = affine_moved(x->decision->arena, x->affine, axis);
    return REASON_NONE;
}

static enum reason to_longer(struct crossing *x, const struct value *shorter, const struct value *longer)
{
    bool extra[TENSOR_MAX_RANK];
    if (!extra_axes(x, longer, extra)) return relabel(x, shorter, longer);
    int left = x->affine->axis;
    for (int i = 0; i < value_rank(longer); i++) {
        if (extra[i] || left-- > 0) continue;
        x->onto[0] = affine_moved(x->decision->arena, x->affine, i);
        return REASON_NONE;
    }
    return crossing_stop(x, REASON_MISMATCH, "the channel axis is not there");
}

static enum reason squeeze_upstream(struct crossing *x)
{
    return to_longer(x, crossing_output(x, 0), crossing_input(x, 0));
}
static enum reason squeeze_downstream(struct crossing *x)
{
    return to_shorter(x, crossing_input(x, 0), crossing_output(x, 0));
}
static enum reason unsqueeze_upstream(struct crossing *x)
{
    return to_shorter(x, crossing_output(x, 0), crossing_input(x, 0));
}
static enum reason unsqueeze_downstream(struct crossing *x)
{
    return to_longer(x, crossing_input(x, 0), crossing_output(x, 0));
}

/* Where an axis goes; -1 when the permutation is none. Without one (`count` 0) the axes are reversed. */
static int transposed_axis(int axis, const int64_t *perm, int count, int rank, bool upstream)
{
    for (int i = 0; i < rank; i++) {
        int64_t from = count ? perm[i] : rank - 1 - i;
        if (upstream ? i == axis : from == axis) return upstream ? (int)from : i;
    }
    return -1;
}

static enum reason transpose_several(struct crossing *x, const int64_t *perm, int count, int rank, bool upstream)
{
    struct axis_set set = *x->affine->spread;
    for (int i = 0; i < set.count; i++) {
        set.axes[i] = transposed_axis(set.axes[i], perm, count, rank, upstream);
        if (set.axes[i] < 0) return crossing_stop(x, REASON_MISMATCH, "its perm is no permutation");
    }
    x->onto[0] = affine_over(x->decision->arena, x->affine, &set);
    return REASON_NONE;
}

static enum reason transpose(struct crossing *x, bool upstream)
{
    const int64_t *perm;
    int axis = x->affine->axis;
    size_t count = node_ints(x->node, "perm", &perm);
    int rank = count ? (int)count : value_rank(crossing_input(x, 0));
    if (rank < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "neither perm nor the rank is known");
    if (axis >= rank) return crossing_stop(x, REASON_MISMATCH, "the channel axis is not there");
    if (x->affine->spread) return transpose_several(x, perm, (int)count, rank, upstream);
    int to = transposed_axis(axis, perm, (int)count, rank, upstream);
    x->onto[0] = affine_moved(x->decision->arena, x->affine, to);
    return REASON_NONE;
}

static enum reason transpose_upstream(struct crossing *x)
{
    return transpose(x, true);
}
static enum reason transpose_downstream(struct crossing *x)
{
    return transpose(x, false);
}

/* Rounding before the affine is not rounding after it, so this is done on request. */
static enum reason cast(struct crossing *x)
{
    const struct value *in = crossing_input(x, 0), *out = crossing_output(x, 0);
    if (dtype_kind(in->type) != KIND_REAL || dtype_kind(out->type) != KIND_REAL)
        return crossing_stop(x, REASON_NON_LINEAR, "it turns numbers into others");
    if (!is_enabled(x->decision->options, EXTRA_CAST))
        return crossing_stop(x, REASON_NON_LINEAR, "it rounds; --enable cast crosses it");
    return crossing_same(x);
}

const struct mover order_movers[] = {
    { .op = "Cast", cast, cast, .roots = ROOTS_NO_WAY },
    { .op = "Reshape", reshape_upstream, reshape_downstream, .follows_several = true, .moves_elements = true },
    { .op = "Flatten", reshape_upstream, reshape_downstream, .moves_elements = true },
    { .op = "Squeeze", squeeze_upstream, squeeze_downstream, .moves_elements = true },
    { .op = "Unsqueeze", unsqueeze_upstream, unsqueeze_downstream, .moves_elements = true },
    { .op = "Transpose",
      transpose_upstream,
      transpose_downstream,
      .roots = ROOTS_BOTH_WAYS,
      .follows_several = true,
      .moves_elements = true },
    { 0 },
};
