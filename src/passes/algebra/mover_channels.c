/* SPDX-License-Identifier: Apache-2.0
 *
 * Movers that pick channels by their position: Concat, Split, Slice, DepthToSpace, SpaceToDepth. */
#include "passes/algebra/crossing.h"

#include "onnx/graph/attr.h"

#include <assert.h>
#include <string.h>

/* Channels first .. first+count-1 of `a`. */
static struct affine *part(struct crossing *x, const struct affine *a, int64_t first, int64_t count)
{
    return affine_new(x->decision->arena, a->axis, count, a->scale + first, a->shift + first);
}

/* `a` on channels first .. of `channels`, the others left alone. */
static struct affine *placed(struct arena *arena, const struct affine *a, int axis, int64_t channels, int64_t first,
                             int64_t count)
{
    const struct affine *along = affine_along(arena, a, axis, count);
    if (!along || first + count > channels) return NULL;
    double *scale, *shift;
    struct affine *whole = affine_blank(arena, axis, channels, &scale, &shift);
    for (int64_t c = 0; c < channels; c++) {
        scale[c] = 1;
        shift[c] = 0;
    }
    memcpy(scale + first, along->scale, (size_t)count * sizeof *scale);
    memcpy(shift + first, along->shift, (size_t)count * sizeof *shift);
    return whole;
}

static bool concat_axis(const struct crossing *x, int *axis)
{
    int64_t given = node_int(x->node, "axis", 1);
    int rank = value_rank(crossing_output(x, 0));
    for (size_t i = 0; rank < 0 && i < x->node->input_count; i++) rank = value_rank(crossing_input(x, i));
    if (given < 0 && rank < 0) return false;
    *axis = (int)(given < 0 ? given + rank : given);
    return true;
}

static enum reason concat_upstream(struct crossing *x)
{
    int axis;
    int64_t first = 0;
    if (!concat_axis(x, &axis)) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
    x->may_leave = axis == x->affine->axis;
    for (size_t i = 0; i < x->node->input_count; i++) {
        if (axis != x->affine->axis) {
            x->onto[i] = x->affine;
            continue;
        }
        int64_t size = value_size(crossing_input(x, i), axis);
        if (size < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the channels of a branch are unknown");
        if (size > x->affine->channels - first)
            return crossing_stop(x, REASON_MISMATCH, "its branches have more channels");
        x->onto[i] = part(x, x->affine, first, size);
        first += size;
    }
    if (axis == x->affine->axis && first != x->affine->channels)
        return crossing_stop(x, REASON_MISMATCH, "its branches have fewer channels");
    return REASON_NONE;
}

static enum reason concat_downstream(struct crossing *x)
{
    int axis;
    int64_t first = 0, total = 0;
    if (x->node->input_count == 1) return crossing_same(x);
    if (!concat_axis(x, &axis)) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
    if (axis != x->affine->axis) return crossing_stop(x, REASON_NON_LINEAR, "it joins other values along another axis");
    for (size_t i = 0; i < x->node->input_count; i++) {
        int64_t size = value_size(crossing_input(x, i), axis);
        if (size < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the channels of a branch are unknown");
        if (i < x->slot) first += size;
        total += size;
    }
    x->onto[0] =
        placed(x->decision->arena, x->affine, axis, total, first, value_size(crossing_input(x, x->slot), axis));
    return x->onto[0] ? REASON_NONE : crossing_stop(x, REASON_MISMATCH, "the channels do not fit");
}

/* Where output `slot` of a Split starts along the axis, by the known sizes of the outputs. */
static enum reason split_place(struct crossing *x, size_t slot, int *axis, int64_t *first)
{
    int64_t given = node_int(x->node, "axis", 0);
    int rank = value_rank(crossing_input(x, 0));
    if (given < 0 && rank < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
    *axis = (int)(given < 0 ? given + rank : given);
    *first = 0;
    for (size_t i = 0; i < slot; i++) {
        int64_t size = value_size(crossing_output(x, i), *axis);
        if (size < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the sizes of its outputs are unknown");
        *first += size;
    }
    return REASON_NONE;
}

static enum reason split_upstream(struct crossing *x)
{
    int axis;
    int64_t first;
    enum reason reason = split_place(x, x->slot, &axis, &first);
    if (reason) return reason;
    if (axis != x->affine->axis && x->affine->axis != AXIS_ANY) {
        x->all_outputs = true;
        return crossing_same(x);
    }
    int64_t total = value_size(crossing_input(x, 0), axis), size = value_size(crossing_output(x, x->slot), axis);
    if (total < 0 || size < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the number of its channels is unknown");
    x->onto[0] = placed(x->decision->arena, x->affine, axis, total, first, size);
    return x->onto[0] ? REASON_NONE : crossing_stop(x, REASON_MISMATCH, "the channels do not fit");
}

static enum reason split_downstream(struct crossing *x)
{
    for (size_t i = 0; i < x->node->output_count; i++) {
        int axis;
        int64_t first;
        enum reason reason = split_place(x, i, &axis, &first);
        if (reason) return reason;
        if (!crossing_output(x, i)) continue;
        int64_t size = value_size(crossing_output(x, i), axis);
        if (axis == x->affine->axis && (size < 0 || size > x->affine->channels - first))
            return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the sizes of its outputs are unknown");
        x->onto[i] = axis == x->affine->axis ? part(x, x->affine, first, size) : x->affine;
    }
    return REASON_NONE;
}

/* A Slice as, per axis, first, step and the number of elements. Only what it does to `axis` is of interest. */
static enum reason slice_range(struct crossing *x, int axis, bool *touches, int64_t *first, int64_t *step)
{
    const int64_t *starts, *axes, *steps;
    size_t start_count, axis_count, step_count;
    bool given, axes_given, steps_given;
    int rank = value_rank(crossing_input(x, 0));
    int64_t size = value_size(crossing_input(x, 0), axis);
    *touches = false;
    *first = 0;
    *step = 1;
    if (!crossing_list(x, "starts", 1, &starts, &start_count, &given))
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its starts are computed at run time");
    if (!crossing_list(x, "axes", 3, &axes, &axis_count, &axes_given) && axes_given)
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its axes are computed at run time");
    if (!crossing_list(x, "steps", 4, &steps, &step_count, &steps_given) && steps_given)
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its steps are computed at run time");
    for (size_t i = 0; i < start_count; i++) {
        int64_t at = axes_given ? (i < axis_count ? axes[i] : -1 - rank) : (int64_t)i;
        if (at < 0 && rank < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
        if ((at < 0 ? at + rank : at) != axis) continue;
        if (size < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the number of its channels is unknown");
        *touches = true;
        *step = steps_given && i < step_count ? steps[i] : 1;
        int64_t limit = *step < 0 ? size - 1 : size, start = starts[i] < 0 ? starts[i] + size : starts[i];
        *first = start < 0 ? 0 : start > limit ? limit : start;
    }
    return REASON_NONE;
}

static enum reason slice_upstream(struct crossing *x)
{
    bool touches;
    int64_t first, step;
    int axis = x->affine->axis;
    enum reason reason = slice_range(x, axis, &touches, &first, &step);
    if (reason) return reason;
    if (!touches) return crossing_same(x);
    int64_t total = value_size(crossing_input(x, 0), axis);
    int64_t *from = NEW_ARRAY(x->decision->arena, int64_t, (size_t)total);
    for (int64_t c = 0; c < total; c++) from[c] = -1;
    for (int64_t i = 0; i < x->affine->channels; i++) {
        int64_t c = first + i * step;
        if (c < 0 || c >= total) return crossing_stop(x, REASON_MISMATCH, "the channels do not fit");
        from[c] = i;
    }
    x->onto[0] = affine_picked(x->decision->arena, x->affine, total, from);
    return REASON_NONE;
}

static enum reason slice_downstream(struct crossing *x)
{
    bool touches;
    int64_t first, step;
    int axis = x->affine->axis;
    enum reason reason = slice_range(x, axis, &touches, &first, &step);
    if (reason) return reason;
    if (!touches) return crossing_same(x);
    int64_t count = value_size(crossing_output(x, 0), axis);
    if (count < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the number of its channels is unknown");
    int64_t *from = NEW_ARRAY(x->decision->arena, int64_t, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        from[i] = first + i * step;
        assert(from[i] >= 0 && from[i] < x->affine->channels);
    }
    x->onto[0] = affine_picked(x->decision->arena, x->affine, count, from);
    return REASON_NONE;
}

/* Channel of the shallow side that channel c of the deep side [b*b*C] belongs to. */
static int64_t shallow_channel(const struct node *node, int64_t c, int64_t block, int64_t shallow)
{
    return strcmp(node_text(node, "mode", "DCR"), "CRD") == 0 ? c / (block * block) : c % shallow;
}

static enum reason to_deep(struct crossing *x)
{
    int64_t block = node_int(x->node, "blocksize", 0), deep;
    if (x->affine->axis == 0) return crossing_same(x);
    if (x->affine->axis != 1) return crossing_stop(x, REASON_NON_LINEAR, "it mixes the channel axis");
    if (!size_multiply(block, block, &deep) || !size_multiply(deep, x->affine->channels, &deep))
        return crossing_stop(x, REASON_MISMATCH, "its blocksize is invalid");
    if (value_size(node_is(x->node, "DepthToSpace") ? crossing_input(x, 0) : crossing_output(x, 0), 1) != deep)
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its channels are unknown");
    int64_t *from = NEW_ARRAY(x->decision->arena, int64_t, (size_t)deep);
    for (int64_t c = 0; c < deep; c++) from[c] = shallow_channel(x->node, c, block, x->affine->channels);
    x->onto[0] = affine_picked(x->decision->arena, x->affine, deep, from);
    return REASON_NONE;
}

/* The other way round the positions of a block become one channel: they must agree. */
static enum reason to_shallow(struct crossing *x)
{
    int64_t block = node_int(x->node, "blocksize", 0), square;
    const struct affine *a = x->affine;
    if (a->axis == 0) return crossing_same(x);
    if (a->axis != 1) return crossing_stop(x, REASON_NON_LINEAR, "it mixes the channel axis");
    if (!size_multiply(block, block, &square) || a->channels % square)
        return crossing_stop(x, REASON_MISMATCH, "its blocksize is invalid");
    int64_t shallow = a->channels / square, *from = NEW_ARRAY(x->decision->arena, int64_t, (size_t)shallow);
    for (int64_t c = a->channels - 1; c >= 0; c--) from[shallow_channel(x->node, c, block, shallow)] = c;
    for (int64_t c = 0; c < a->channels; c++) {
        int64_t first = from[shallow_channel(x->node, c, block, shallow)];
        if (a->scale[c] != a->scale[first] || a->shift[c] != a->shift[first])
            return crossing_stop(x, REASON_NON_LINEAR, "the positions of a block differ in scale or shift");
    }
    x->onto[0] = affine_picked(x->decision->arena, a, shallow, from);
    return REASON_NONE;
}

/* Names may be left out of a list of outputs, all of them too. What is not known may do more than write. */
static bool writes_nothing(const struct node *node)
{
    if (!node->row) return false;
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i]) return false;
    return true;
}

bool use_reads_no_numbers(const struct use *use)
{
    return writes_nothing(use->node) || node_is(use->node, "Shape") || node_is(use->node, "Size");
}

bool use_is_unaffected(struct decision *decision, const struct use *use, const struct affine *a)
{
    bool touches;
    int64_t first, step;
    if (use_reads_no_numbers(use)) return true;
    struct crossing x = { .decision = decision, .node = use->node, .affine = a };
    if (!node_is(use->node, "Slice") || use->slot != 0 || a->axis == AXIS_ANY) return false;
    if (slice_range(&x, a->axis, &touches, &first, &step) || !touches) return false;
    int64_t count = value_size(crossing_output(&x, 0), a->axis);
    if (count < 0) return false;
    for (int64_t i = 0; i < count; i++) {
        int64_t c = first + i * step;
        if (c < 0 || c >= a->channels || a->scale[c] != 1 || a->shift[c] != 0) return false;
    }
    return true;
}

const struct mover channel_movers[] = {
    { .op = "Concat", concat_upstream, concat_downstream, .widens = true },
    { .op = "Split", split_upstream, split_downstream, .first_opset = 2 },
    { .op = "Slice", slice_upstream, slice_downstream, .moves_elements = true },
    { .op = "DepthToSpace", to_deep, to_shallow, .moves_elements = true },
    { .op = "SpaceToDepth", to_shallow, to_deep, .moves_elements = true },
    { 0 },
};
