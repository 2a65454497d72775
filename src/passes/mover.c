/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue of movers: one row and two small functions an operator. */
#include "passes/mover.h"

#include "onnx/attr.h"
#include "onnx/edit.h"
#include "onnx/shape.h"
#include "runtime/kernel.h"

#include <math.h>
#include <string.h>

struct mover {
    const char *op;
    int64_t first_opset;
    enum reason (*backward)(struct crossing *crossing);
    enum reason (*forward)(struct crossing *crossing);
};

/* ---- Small questions ---- */

static enum reason cannot(struct crossing *x, enum reason reason, const char *why)
{
    x->search->culprit = x->node;
    return search_stop(x->search, reason, node_title(x->node), "%s", why);
}

static const struct value *in(const struct crossing *x, size_t slot)
{
    return node_input(x->node, slot);
}

static const struct value *out(const struct crossing *x, size_t slot)
{
    return node_output(x->node, slot);
}

static int rank_of(const struct value *value)
{
    return value ? value->shape.rank : -1;
}

static int64_t size_at(const struct value *value, int axis)
{
    return axis >= 0 && axis < rank_of(value) ? value->shape.dims[axis].size : -1;
}

static struct arena *arena_of(const struct crossing *x)
{
    return x->search->arena;
}

/* A small list of integers: attribute `name`, or, when absent, constant input `slot`. False when neither is there or
 * the input is not constant; *given tells whether there is one at all. */
static bool list(const struct crossing *x, const char *name, size_t slot, const int64_t **values, size_t *count,
                 bool *given)
{
    enum reason why;
    *count = node_ints(x->node, name, values);
    *given = node_attribute(x->node, name) != NULL;
    if (*given || slot == SIZE_MAX) return *given;
    struct value *value = node_input(x->node, slot);
    if (!value) return false;
    *given = true;
    const struct tensor *tensor = search_constant(x->search, value, &why);
    if (!tensor || dtype_kind(tensor->type) != KIND_WHOLE || tensor->count > TENSOR_MAX_RANK * 2) return false;
    int64_t *read = NEW_ARRAY(arena_of(x), int64_t, (size_t)tensor->count);
    if (!tensor_read_whole(tensor, 0, tensor->count, read, NULL)) return false;
    *values = read;
    *count = (size_t)tensor->count;
    return true;
}

static bool scale_not_negative(const struct affine *a, bool positive, int64_t *channel)
{
    for (int64_t c = 0; c < a->channels; c++)
        if (positive ? !(a->scale[c] > 0) : !(a->scale[c] >= 0)) {
            *channel = c;
            return false;
        }
    return true;
}

/* ---- Same elements in the same order: Reshape, Flatten, Squeeze, Unsqueeze ---- */

static enum reason relabel(struct crossing *x, const struct value *from, const struct value *to)
{
    const struct affine *moved = from && to ? affine_reshaped(arena_of(x), x->affine, &from->shape, &to->shape) : NULL;
    if (!moved) return cannot(x, REASON_AXIS_NOT_PROVEN, "where its channels go cannot be proven");
    x->onto[0] = moved;
    return REASON_NONE;
}

static enum reason reshape_backward(struct crossing *x) { return relabel(x, out(x, 0), in(x, 0)); }
static enum reason reshape_forward(struct crossing *x) { return x->slot == 0 ? relabel(x, in(x, 0), out(x, 0))
                                                                           : cannot(x, REASON_NON_LINEAR, "it is its shape"); }

/* Squeeze and Unsqueeze name the axes, so that the rank alone is enough: which of the longer shape's axes are the
 * extra ones of size 1? */
static bool extra_axes(const struct crossing *x, const struct value *longer, bool extra[TENSOR_MAX_RANK])
{
    const int64_t *axes;
    size_t count;
    bool given;
    int rank = rank_of(longer);
    memset(extra, 0, sizeof(bool) * TENSOR_MAX_RANK);
    if (rank < 0 || rank > TENSOR_MAX_RANK || !list(x, "axes", 1, &axes, &count, &given)) return false;
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
    if (x->affine->axis == AXIS_ANY || !longer || !extra_axes(x, longer, extra) || extra[x->affine->axis])
        return relabel(x, longer, shorter);
    int axis = 0;
    for (int i = 0; i < x->affine->axis; i++) axis += !extra[i];
    x->onto[0] = affine_moved(arena_of(x), x->affine, axis);
    return REASON_NONE;
}

static enum reason to_longer(struct crossing *x, const struct value *shorter, const struct value *longer)
{
    bool extra[TENSOR_MAX_RANK];
    if (x->affine->axis == AXIS_ANY || !longer || !extra_axes(x, longer, extra)) return relabel(x, shorter, longer);
    int left = x->affine->axis;
    for (int i = 0; i < rank_of(longer); i++) {
        if (extra[i] || left-- > 0) continue;
        x->onto[0] = affine_moved(arena_of(x), x->affine, i);
        return REASON_NONE;
    }
    return cannot(x, REASON_MISMATCH, "the channel axis is not there");
}

static enum reason squeeze_backward(struct crossing *x) { return to_longer(x, out(x, 0), in(x, 0)); }
static enum reason squeeze_forward(struct crossing *x) { return to_shorter(x, in(x, 0), out(x, 0)); }
static enum reason unsqueeze_backward(struct crossing *x) { return to_shorter(x, out(x, 0), in(x, 0)); }
static enum reason unsqueeze_forward(struct crossing *x) { return to_longer(x, in(x, 0), out(x, 0)); }

/* ---- Transpose ---- */

static enum reason transpose(struct crossing *x, bool backward)
{
    const int64_t *perm;
    int axis = x->affine->axis;
    if (axis == AXIS_ANY) {
        x->onto[0] = x->affine;
        return REASON_NONE;
    }
    size_t count = node_ints(x->node, "perm", &perm);
    int rank = count ? (int)count : rank_of(in(x, 0));
    if (rank < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "neither perm nor the rank is known");
    if (axis >= rank) return cannot(x, REASON_MISMATCH, "the channel axis is not there");
    for (int i = 0; i < rank; i++) {
        int64_t from = count ? perm[i] : rank - 1 - i;
        if (backward ? i != axis : from != axis) continue;
        x->onto[0] = affine_moved(arena_of(x), x->affine, backward ? (int)from : i);
        return REASON_NONE;
    }
    return cannot(x, REASON_MISMATCH, "its perm is no permutation");
}

static enum reason transpose_backward(struct crossing *x) { return transpose(x, true); }
static enum reason transpose_forward(struct crossing *x) { return transpose(x, false); }

/* ---- Concat, Split, Slice: channels picked by position ---- */

/* Channels first .. first+count-1 of `a`. */
static struct affine *part(struct crossing *x, const struct affine *a, int64_t first, int64_t count)
{
    if (a->axis == AXIS_ANY) return affine_moved(arena_of(x), a, AXIS_ANY);
    return affine_new(arena_of(x), a->axis, count, a->scale + first, a->shift + first);
}

/* `a` on channels first .. of `channels`, the others left alone. */
static struct affine *placed(struct arena *arena, const struct affine *a, int axis, int64_t channels, int64_t first,
                             int64_t count)
{
    const struct affine *along = affine_along(arena, a, axis, count);
    if (!along || first < 0 || first + count > channels) return NULL;
    int64_t *from = NEW_ARRAY(arena, int64_t, (size_t)channels);
    for (int64_t c = 0; c < channels; c++) from[c] = c >= first && c < first + count ? c - first : -1;
    return affine_picked(arena, along, channels, from);
}

static bool concat_axis(const struct crossing *x, int *axis)
{
    int64_t given = node_int(x->node, "axis", x->node->opset < 4 ? 1 : 0);
    int rank = rank_of(out(x, 0));
    for (size_t i = 0; rank < 0 && i < x->node->input_count; i++) rank = rank_of(in(x, i));
    if (given < 0 && rank < 0) return false;
    *axis = (int)(given < 0 ? given + rank : given);
    return true;
}

static enum reason concat_backward(struct crossing *x)
{
    int axis;
    int64_t first = 0;
    if (!concat_axis(x, &axis)) return cannot(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
    x->leave_behind = axis == x->affine->axis;
    for (size_t i = 0; i < x->node->input_count; i++) {
        if (axis != x->affine->axis) {
            x->onto[i] = x->affine;
            continue;
        }
        int64_t size = size_at(in(x, i), axis);
        if (size < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "the channels of a branch are unknown");
        if (size > x->affine->channels - first) return cannot(x, REASON_MISMATCH, "its branches have more channels");
        x->onto[i] = part(x, x->affine, first, size);
        first += size;
    }
    if (axis == x->affine->axis && first != x->affine->channels)
        return cannot(x, REASON_MISMATCH, "its branches have fewer channels");
    return REASON_NONE;
}

static enum reason concat_forward(struct crossing *x)
{
    int axis;
    int64_t first = 0, total = 0;
    if (!concat_axis(x, &axis)) return cannot(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
    if (axis != x->affine->axis && x->node->input_count > 1)
        return cannot(x, REASON_NON_LINEAR, "it joins other values along another axis");
    for (size_t i = 0; i < x->node->input_count; i++) {
        int64_t size = size_at(in(x, i), axis);
        if (size < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "the channels of a branch are unknown");
        if (i < x->slot) first += size;
        total += size;
    }
    x->onto[0] = placed(arena_of(x), x->affine, axis, total, first, size_at(in(x, x->slot), axis));
    return x->onto[0] ? REASON_NONE : cannot(x, REASON_MISMATCH, "the channels do not fit");
}

/* Where output `slot` of a Split starts along the axis, by the known sizes of the outputs. */
static enum reason split_place(struct crossing *x, size_t slot, int *axis, int64_t *first)
{
    int64_t given = node_int(x->node, "axis", 0);
    int rank = rank_of(in(x, 0));
    if (given < 0 && rank < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
    *axis = (int)(given < 0 ? given + rank : given);
    *first = 0;
    for (size_t i = 0; i < slot; i++) {
        int64_t size = size_at(out(x, i), *axis);
        if (size < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "the sizes of its outputs are unknown");
        *first += size;
    }
    return REASON_NONE;
}

static enum reason split_backward(struct crossing *x)
{
    int axis;
    int64_t first;
    enum reason reason = split_place(x, x->slot, &axis, &first);
    if (reason) return reason;
    if (axis != x->affine->axis) {
        for (size_t i = 0; i < x->node->output_count; i++)
            if (i != x->slot && x->node->outputs[i] && x->node->outputs[i]->use_count)
                return cannot(x, REASON_NON_LINEAR, "its other outputs hold the same channels");
        x->onto[0] = x->affine;
        return REASON_NONE;
    }
    int64_t total = size_at(in(x, 0), axis), size = size_at(out(x, x->slot), axis);
    if (total < 0 || size < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "the number of its channels is unknown");
    x->onto[0] = placed(arena_of(x), x->affine, axis, total, first, size);
    return x->onto[0] ? REASON_NONE : cannot(x, REASON_MISMATCH, "the channels do not fit");
}

static enum reason split_forward(struct crossing *x)
{
    for (size_t i = 0; i < x->node->output_count && i < CROSSING_MAX; i++) {
        int axis;
        int64_t first;
        enum reason reason = split_place(x, i, &axis, &first);
        if (reason) return reason;
        if (!out(x, i)) continue;
        int64_t size = size_at(out(x, i), axis);
        if (axis == x->affine->axis && (size < 0 || size > x->affine->channels - first))
            return cannot(x, REASON_AXIS_NOT_PROVEN, "the sizes of its outputs are unknown");
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
    int rank = rank_of(in(x, 0));
    int64_t size = size_at(in(x, 0), axis);
    *touches = false;
    *first = 0;
    *step = 1;
    if (!list(x, "starts", 1, &starts, &start_count, &given))
        return cannot(x, REASON_AXIS_NOT_PROVEN, "its starts are computed at run time");
    if (!list(x, "axes", 3, &axes, &axis_count, &axes_given) && axes_given)
        return cannot(x, REASON_AXIS_NOT_PROVEN, "its axes are computed at run time");
    if (!list(x, "steps", 4, &steps, &step_count, &steps_given) && steps_given)
        return cannot(x, REASON_AXIS_NOT_PROVEN, "its steps are computed at run time");
    for (size_t i = 0; i < start_count; i++) {
        int64_t at = axes_given ? (i < axis_count ? axes[i] : -1 - rank) : (int64_t)i;
        if (at < 0 && rank < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
        if ((at < 0 ? at + rank : at) != axis) continue;
        if (size < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "the number of its channels is unknown");
        *touches = true;
        *step = steps_given && i < step_count ? steps[i] : 1;
        int64_t limit = *step < 0 ? size - 1 : size, start = starts[i] < 0 ? starts[i] + size : starts[i];
        *first = start < 0 ? 0 : start > limit ? limit : start;
    }
    return REASON_NONE;
}

static enum reason slice_backward(struct crossing *x)
{
    bool touches;
    int64_t first, step;
    int axis = x->affine->axis;
    enum reason reason = axis == AXIS_ANY ? REASON_NONE : slice_range(x, axis, &touches, &first, &step);
    if (reason) return reason;
    if (axis == AXIS_ANY || !touches) {
        x->onto[0] = x->affine;
        return REASON_NONE;
    }
    int64_t total = size_at(in(x, 0), axis);
    int64_t *from = NEW_ARRAY(arena_of(x), int64_t, (size_t)total);
    for (int64_t c = 0; c < total; c++) from[c] = -1;
    for (int64_t i = 0; i < x->affine->channels; i++) {
        int64_t c = first + i * step;
        if (c < 0 || c >= total) return cannot(x, REASON_MISMATCH, "the channels do not fit");
        from[c] = i;
    }
    x->onto[0] = affine_picked(arena_of(x), x->affine, total, from);
    return REASON_NONE;
}

static enum reason slice_forward(struct crossing *x)
{
    bool touches;
    int64_t first, step;
    int axis = x->affine->axis;
    if (x->slot != 0) return cannot(x, REASON_NON_LINEAR, "it is a bound");
    enum reason reason = axis == AXIS_ANY ? REASON_NONE : slice_range(x, axis, &touches, &first, &step);
    if (reason) return reason;
    if (axis == AXIS_ANY || !touches) {
        x->onto[0] = x->affine;
        return REASON_NONE;
    }
    int64_t count = size_at(out(x, 0), axis);
    if (count < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "the number of its channels is unknown");
    int64_t *from = NEW_ARRAY(arena_of(x), int64_t, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        from[i] = first + i * step;
        if (from[i] < 0 || from[i] >= x->affine->channels) return cannot(x, REASON_MISMATCH, "the channels do not fit");
    }
    x->onto[0] = affine_picked(arena_of(x), x->affine, count, from);
    return REASON_NONE;
}

/* ---- Add, Sum, Sub of branches; Mul and Div by a gate ---- */

/* The axis of branch `slot` on which the output's channel axis falls, if the branch has all the channels there. */
static bool branch_axis(const struct crossing *x, size_t slot, int *axis)
{
    if (x->affine->axis == AXIS_ANY) {
        /* One number for all elements: any branch takes it, if it is no narrower than the others need. */
        *axis = AXIS_ANY;
        return true;
    }
    int out_rank = rank_of(out(x, 0)), rank = rank_of(in(x, slot));
    if (out_rank < 0 || rank < 0) return false;
    *axis = x->affine->axis - (out_rank - rank);
    return *axis >= 0 && size_at(in(x, slot), *axis) == x->affine->channels;
}

static bool old_broadcast(const struct crossing *x)
{
    return x->node->opset < 7 && node_int(x->node, "broadcast", 0) != 0;
}

static enum reason add_backward(struct crossing *x)
{
    enum reason why;
    if (old_broadcast(x)) return cannot(x, REASON_NON_LINEAR, "it broadcasts by the rules before opset 7");
    if (!out(x, 0) || dtype_kind(out(x, 0)->type) == KIND_WHOLE) return cannot(x, REASON_NON_LINEAR, "it adds integers");
    /* The shift goes where it is free: rather into a constant; in a Sub only into the first branch. */
    size_t shift_slot = SIZE_MAX;
    for (size_t i = 0; i < (node_is(x->node, "Sub") ? 1 : x->node->input_count); i++) {
        int axis;
        if (!in(x, i) || !branch_axis(x, i, &axis)) continue;
        if (shift_slot == SIZE_MAX || search_constant(x->search, node_input(x->node, i), &why)) shift_slot = i;
    }
    if (shift_slot == SIZE_MAX) return cannot(x, REASON_NON_LINEAR, "no branch has all the channels");
    const struct affine *scale = affine_scale_only(arena_of(x), x->affine);
    for (size_t i = 0; i < x->node->input_count; i++) {
        int axis;
        const struct affine *mine = i == shift_slot ? x->affine : scale;
        if (!in(x, i) || !branch_axis(x, i, &axis)) {
            /* A branch that is broadcast along the channels takes a scale only if it is one number. */
            const struct affine *uniform = affine_uniform(arena_of(x), mine);
            if (!in(x, i) || !uniform) return cannot(x, REASON_NON_LINEAR, "a branch is broadcast over the channels");
            x->onto[i] = uniform;
            continue;
        }
        x->onto[i] = affine_moved(arena_of(x), mine, axis);
    }
    return REASON_NONE;
}

static enum reason add_forward(struct crossing *x)
{
    if (affine_has_scale(x->affine)) return cannot(x, REASON_NON_LINEAR, "a scale on one branch is none on the sum");
    if (old_broadcast(x)) return cannot(x, REASON_NON_LINEAR, "it broadcasts by the rules before opset 7");
    const struct affine *a = x->affine;
    int axis = a->axis;
    if (axis != AXIS_ANY) {
        int out_rank = rank_of(out(x, 0)), rank = rank_of(in(x, x->slot));
        if (out_rank < 0 || rank < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "the ranks of its branches are unknown");
        axis += out_rank - rank;
        if (size_at(out(x, 0), axis) != a->channels) return cannot(x, REASON_NON_LINEAR, "it broadcasts the channels");
    }
    double *shift = NEW_ARRAY(arena_of(x), double, (size_t)a->channels);
    for (int64_t c = 0; c < a->channels; c++)
        shift[c] = node_is(x->node, "Sub") && x->slot == 1 ? -a->shift[c] : a->shift[c];
    x->onto[0] = affine_new(arena_of(x), axis, a->channels, a->scale, shift);
    return REASON_NONE;
}

/* s*(u*g) + t: the scale goes into one of the factors, the shift stays behind as an Add. */
static enum reason mul_backward(struct crossing *x)
{
    if (old_broadcast(x)) return cannot(x, REASON_NON_LINEAR, "it broadcasts by the rules before opset 7");
    if (!out(x, 0) || dtype_kind(out(x, 0)->type) != KIND_REAL) return cannot(x, REASON_NON_LINEAR, "its type is unknown");
    const struct affine *scale = affine_scale_only(arena_of(x), x->affine);
    size_t factors = node_is(x->node, "Div") ? 1 : x->node->input_count;
    x->any_branch = true;
    bool some = false;
    for (size_t i = 0; i < factors; i++) {
        int axis;
        if (!in(x, i) || !branch_axis(x, i, &axis)) continue;
        x->onto[i] = affine_moved(arena_of(x), scale, axis);
        some = true;
    }
    if (affine_has_shift(x->affine)) x->residue = affine_shift_only(arena_of(x), x->affine);
    return some ? REASON_NONE : cannot(x, REASON_NON_LINEAR, "no factor has all the channels");
}

static enum reason mul_forward(struct crossing *x)
{
    if (affine_has_shift(x->affine)) return cannot(x, REASON_NON_LINEAR, "a shift on one factor is none on the product");
    if (old_broadcast(x) || (node_is(x->node, "Div") && x->slot != 0))
        return cannot(x, REASON_NON_LINEAR, "it divides by the value");
    if (x->affine->axis == AXIS_ANY) {
        x->onto[0] = x->affine;
        return REASON_NONE;
    }
    int out_rank = rank_of(out(x, 0)), rank = rank_of(in(x, x->slot));
    if (out_rank < 0 || rank < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "the ranks of its factors are unknown");
    int axis = x->affine->axis + out_rank - rank;
    if (size_at(out(x, 0), axis) != x->affine->channels) return cannot(x, REASON_NON_LINEAR, "it broadcasts the channels");
    x->onto[0] = affine_moved(arena_of(x), x->affine, axis);
    return REASON_NONE;
}

/* ---- Pools and reductions ---- */

static enum reason same(struct crossing *x)
{
    x->onto[0] = x->affine;
    return REASON_NONE;
}

/* Averages of real cells keep s*x + t. With count_include_pad the padding's zeros are averaged too, and a shift does
 * not reach them. Channels must be on axis 1 or before: the pool runs over axes 2 and up. */
static enum reason average_pool(struct crossing *x)
{
    const int64_t *pads;
    size_t count = node_ints(x->node, "pads", &pads);
    const char *auto_pad = node_text(x->node, "auto_pad", "NOTSET");
    bool padded = strcmp(auto_pad, "NOTSET") != 0 && strcmp(auto_pad, "VALID") != 0;
    for (size_t i = 0; i < count; i++) padded = padded || pads[i] != 0;
    bool counts_padding = node_int(x->node, "count_include_pad", 0) || x->node->opset < 7;
    if (x->affine->axis > 1) return cannot(x, REASON_NON_LINEAR, "it averages over the channels");
    if (counts_padding && (padded || node_int(x->node, "ceil_mode", 0)) && affine_has_shift(x->affine))
        return cannot(x, REASON_PADDED_SHIFT, "count_include_pad averages the padding's zeros");
    return same(x);
}

static enum reason global_average(struct crossing *x)
{
    return x->affine->axis > 1 ? cannot(x, REASON_NON_LINEAR, "it averages over the channels") : same(x);
}

static enum reason maximum(struct crossing *x)
{
    int64_t channel;
    bool indices = out(x, 1) && (out(x, 1)->use_count || out(x, 1)->is_output);
    if (x->slot != 0) return cannot(x, REASON_NON_LINEAR, "its indices are read");
    if (!scale_not_negative(x->affine, indices, &channel)) {
        x->search->culprit = x->node;
        return search_stop(x->search, REASON_NEGATIVE_SCALE, node_title(x->node), "channel %lld: %g", (long long)channel,
                           x->affine->scale[channel]);
    }
    return same(x);
}

static enum reason max_pool(struct crossing *x)
{
    return x->affine->axis > 1 ? cannot(x, REASON_NON_LINEAR, "it compares the channels") : maximum(x);
}

/* Which axes a reduction runs over; keep is whether they stay as ones. */
static enum reason reduced_axes(struct crossing *x, bool reduced[TENSOR_MAX_RANK], int *rank, bool *keep)
{
    const int64_t *axes;
    size_t count;
    bool given;
    int64_t input_since = node_is(x->node, "ReduceSum") ? 13 : 18;
    *rank = rank_of(in(x, 0));
    *keep = node_int(x->node, "keepdims", 1) != 0;
    memset(reduced, 0, sizeof(bool) * TENSOR_MAX_RANK);
    if (*rank < 0 || *rank > TENSOR_MAX_RANK) return cannot(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
    bool known = list(x, "axes", x->node->opset >= input_since ? 1 : SIZE_MAX, &axes, &count, &given);
    if (given && !known) return cannot(x, REASON_AXIS_NOT_PROVEN, "its axes are computed at run time");
    if (!known || count == 0) {
        bool nothing = node_int(x->node, "noop_with_empty_axes", 0) != 0;
        for (int i = 0; i < *rank; i++) reduced[i] = !nothing;
        return REASON_NONE;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + *rank : axes[i];
        if (axis < 0 || axis >= *rank) return cannot(x, REASON_MISMATCH, "an axis is out of range");
        reduced[axis] = true;
    }
    return REASON_NONE;
}

/* The affine on the other side of a reduction that leaves the channel axis alone. */
static enum reason through_reduction(struct crossing *x, bool backward)
{
    bool reduced[TENSOR_MAX_RANK], keep;
    int rank, axis = x->affine->axis;
    enum reason reason = reduced_axes(x, reduced, &rank, &keep);
    if (reason) return reason;
    if (x->slot != 0) return cannot(x, REASON_NON_LINEAR, "it is its axes");
    if (axis == AXIS_ANY) return same(x);
    int at = 0;
    for (int i = 0; i < rank; i++) {
        if (reduced[i] && !keep) continue;
        if ((backward ? at : i) == axis) {
            if (reduced[i]) break;
            x->onto[0] = affine_moved(arena_of(x), x->affine, backward ? i : at);
            return REASON_NONE;
        }
        at++;
    }
    return cannot(x, REASON_NON_LINEAR, "it reduces the channels");
}

static enum reason reduce_backward(struct crossing *x) { return through_reduction(x, true); }
static enum reason reduce_forward(struct crossing *x) { return through_reduction(x, false); }

/* A sum of n elements turns a shift into n shifts. */
static enum reason sum_of(struct crossing *x, bool backward)
{
    bool reduced[TENSOR_MAX_RANK], keep;
    int rank;
    int64_t count = 1;
    enum reason reason = reduced_axes(x, reduced, &rank, &keep);
    if (!reason) reason = through_reduction(x, backward);
    if (reason || !affine_has_shift(x->affine)) return reason;
    for (int i = 0; i < rank; i++)
        if (reduced[i] && (size_at(in(x, 0), i) < 1 || !size_multiply(count, size_at(in(x, 0), i), &count)))
            return cannot(x, REASON_AXIS_NOT_PROVEN, "the number of summed elements is unknown");
    const struct affine *a = x->onto[0];
    double *shift = NEW_ARRAY(arena_of(x), double, (size_t)a->channels);
    for (int64_t c = 0; c < a->channels; c++)
        shift[c] = backward ? a->shift[c] / (double)count : a->shift[c] * (double)count;
    x->onto[0] = affine_new(arena_of(x), a->axis, a->channels, a->scale, shift);
    return REASON_NONE;
}

static enum reason sum_backward(struct crossing *x) { return sum_of(x, true); }
static enum reason sum_forward(struct crossing *x) { return sum_of(x, false); }

static enum reason extreme_backward(struct crossing *x)
{
    enum reason reason = maximum(x);
    return reason ? reason : through_reduction(x, true);
}

static enum reason extreme_forward(struct crossing *x)
{
    if (x->slot != 0) return cannot(x, REASON_NON_LINEAR, "it is its axes");
    enum reason reason = maximum(x);
    return reason ? reason : through_reduction(x, false);
}

/* ---- Resize, DepthToSpace, SpaceToDepth, Pad, Gather ---- */

/* Interpolation weights sum to one, so s*x + t passes, unless a value from outside comes in, or the channel axis itself
 * is resized. */
static enum reason resize(struct crossing *x)
{
    const char *mode = node_text(x->node, "coordinate_transformation_mode", "half_pixel");
    int axis = x->affine->axis;
    if (x->slot != 0) return cannot(x, REASON_NON_LINEAR, "it is its scale or size");
    if (strcmp(mode, "tf_crop_and_resize") == 0)
        return cannot(x, REASON_NON_LINEAR, "its extrapolation value comes in");
    if (axis == AXIS_ANY) return same(x);
    int64_t before = size_at(in(x, 0), axis), after = size_at(out(x, 0), axis);
    if (before < 0 || before != after) return cannot(x, REASON_AXIS_NOT_PROVEN, "it may resize the channel axis");
    return same(x);
}

/* Channel of the shallow side that channel c of the deep side [b*b*C] belongs to. */
static int64_t shallow_channel(const struct node *node, int64_t c, int64_t block, int64_t shallow)
{
    bool column_row = strcmp(node_text(node, "mode", "DCR"), "CRD") == 0 && node_is(node, "DepthToSpace");
    return column_row ? c / (block * block) : c % shallow;
}

static enum reason to_deep(struct crossing *x)
{
    int64_t block = node_int(x->node, "blocksize", 0), deep;
    if (x->affine->axis == AXIS_ANY || x->affine->axis == 0) return same(x);
    if (x->affine->axis != 1) return cannot(x, REASON_NON_LINEAR, "it mixes the channel axis");
    if (block < 1 || !size_multiply(block, block, &deep) || !size_multiply(deep, x->affine->channels, &deep))
        return cannot(x, REASON_MISMATCH, "its blocksize is invalid");
    if (size_at(node_is(x->node, "DepthToSpace") ? in(x, 0) : out(x, 0), 1) != deep)
        return cannot(x, REASON_AXIS_NOT_PROVEN, "its channels are unknown");
    int64_t *from = NEW_ARRAY(arena_of(x), int64_t, (size_t)deep);
    for (int64_t c = 0; c < deep; c++) from[c] = shallow_channel(x->node, c, block, x->affine->channels);
    x->onto[0] = affine_picked(arena_of(x), x->affine, deep, from);
    return REASON_NONE;
}

/* The other way round the positions of a block become one channel: they must agree. */
static enum reason to_shallow(struct crossing *x)
{
    int64_t block = node_int(x->node, "blocksize", 0), square;
    const struct affine *a = x->affine;
    if (a->axis == AXIS_ANY || a->axis == 0) return same(x);
    if (a->axis != 1) return cannot(x, REASON_NON_LINEAR, "it mixes the channel axis");
    if (block < 1 || !size_multiply(block, block, &square) || a->channels % square)
        return cannot(x, REASON_MISMATCH, "its blocksize is invalid");
    int64_t shallow = a->channels / square, *from = NEW_ARRAY(arena_of(x), int64_t, (size_t)shallow);
    for (int64_t c = a->channels - 1; c >= 0; c--) from[shallow_channel(x->node, c, block, shallow)] = c;
    for (int64_t c = 0; c < a->channels; c++) {
        int64_t first = from[shallow_channel(x->node, c, block, shallow)];
        if (a->scale[c] != a->scale[first] || a->shift[c] != a->shift[first])
            return cannot(x, REASON_NON_LINEAR, "the positions of a block differ in scale or shift");
    }
    x->onto[0] = affine_picked(arena_of(x), a, shallow, from);
    return REASON_NONE;
}

static void apply_pad_value(struct search *search, const struct step *step)
{
    struct arena *arena = search->net->arena;
    if (step->node->opset < 11) {
        edit_set_float(step->node, "value", (float)step->number);
        return;
    }
    enum dtype type = step->value->type;
    const char *name = arena_printf(arena, "%s_pad", step->value->name);
    edit_set_input(step->node, 2, edit_add_initializer(step->node->graph, name,
                                                       tensor_exact(arena, type, 0, NULL, &step->number)));
}

/* constant padding: the value v in front of the affine is (v - t)/s behind it; one value must do for all channels. */
static enum reason pad_value(struct crossing *x, bool backward, double v)
{
    const struct affine *a = x->affine;
    double first = 0;
    for (int64_t c = 0; c < a->channels; c++) {
        double value = backward ? a->scale[c] * v + a->shift[c] : (v - a->shift[c]) / a->scale[c];
        if (c == 0) first = value;
        if (!isfinite(value) || value != first)
            return cannot(x, REASON_PADDED_SHIFT, "it pads with a constant that would differ by channel");
    }
    if (first == v) return same(x);
    const struct value *typed = out(x, 0);
    if (!typed || dtype_round(typed->type, first) != first)
        return cannot(x, REASON_PADDED_SHIFT, "its pad value would have to be rounded");
    struct step *step = search_step(x->search, apply_pad_value, x->node);
    step->value = x->node->outputs[0];
    step->number = first;
    return same(x);
}

static enum reason pad(struct crossing *x, bool backward)
{
    enum reason why;
    const int64_t *pads, *axes = NULL;
    size_t count, axis_count = 0;
    bool given, axes_given = false;
    int rank = rank_of(in(x, 0)), axis = x->affine->axis;
    const char *mode = node_text(x->node, "mode", "constant");
    if (x->slot != 0) return cannot(x, REASON_NON_LINEAR, "it is its pads or value");
    if (!list(x, x->node->opset < 2 ? "paddings" : "pads", x->node->opset < 11 ? SIZE_MAX : 1, &pads, &count, &given))
        return cannot(x, REASON_AXIS_NOT_PROVEN, "its pads are computed at run time");
    if (x->node->opset >= 18 && !list(x, "axes", 3, &axes, &axis_count, &axes_given) && axes_given)
        return cannot(x, REASON_AXIS_NOT_PROVEN, "its axes are computed at run time");
    for (size_t i = 0; i < count; i++) {
        int64_t at = axes_given && axis_count ? axes[i % axis_count] : (int64_t)(i % (count / 2 ? count / 2 : 1));
        if (at < 0 && rank < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
        if ((at < 0 ? at + rank : at) == axis && pads[i] != 0)
            return cannot(x, REASON_NON_LINEAR, "it pads the channel axis");
    }
    if (strcmp(mode, "constant") != 0) return same(x);
    double v = (double)node_float(x->node, "value", 0);
    struct value *value = x->node->opset >= 11 ? node_input(x->node, 2) : NULL;
    const struct tensor *tensor = value ? search_constant(x->search, value, &why) : NULL;
    if (value && (!tensor || tensor->count != 1 || !tensor_read_real(tensor, 0, 1, &v, NULL)))
        return cannot(x, REASON_PADDED_SHIFT, "its pad value is computed at run time");
    return pad_value(x, backward, v);
}

static enum reason pad_backward(struct crossing *x) { return pad(x, true); }
static enum reason pad_forward(struct crossing *x) { return pad(x, false); }

/* An embedding: the output's axes are the table's, with the gathered one replaced by those of the indices. */
static enum reason gather_backward(struct crossing *x)
{
    int table_rank = rank_of(in(x, 0)), index_rank = rank_of(in(x, 1)), axis = x->affine->axis;
    int64_t gathered = node_int(x->node, "axis", 0);
    if (axis == AXIS_ANY) return same(x);
    if (table_rank < 0 || index_rank < 0) return cannot(x, REASON_AXIS_NOT_PROVEN, "the ranks of its inputs are unknown");
    if (gathered < 0) gathered += table_rank;
    if (axis >= gathered && axis < gathered + index_rank)
        return cannot(x, REASON_NON_LINEAR, "the channels are what it gathers by");
    x->onto[0] = affine_moved(arena_of(x), x->affine, axis < gathered ? axis : axis - index_rank + 1);
    return REASON_NONE;
}

/* ---- ReLU and its kin, on request: a positive scale crosses, the shift stays behind ---- */

static enum reason homogeneous(struct crossing *x)
{
    int64_t channel;
    if (!x->search->options->relu_scale) return cannot(x, REASON_NON_LINEAR, "");
    if (!scale_not_negative(x->affine, true, &channel)) {
        x->search->culprit = x->node;
        return search_stop(x->search, REASON_NEGATIVE_SCALE, node_title(x->node), "channel %lld: %g", (long long)channel,
                           x->affine->scale[channel]);
    }
    x->onto[0] = affine_scale_only(arena_of(x), x->affine);
    if (affine_has_shift(x->affine)) x->residue = affine_shift_only(arena_of(x), x->affine);
    return REASON_NONE;
}

static const struct mover movers[] = {
    { "Reshape",           1, reshape_backward,   reshape_forward },
    { "Flatten",           1, reshape_backward,   reshape_forward },
    { "Squeeze",           1, squeeze_backward,   squeeze_forward },
    { "Unsqueeze",         1, unsqueeze_backward, unsqueeze_forward },
    { "Transpose",         1, transpose_backward, transpose_forward },
    { "Concat",            1, concat_backward,    concat_forward },
    { "Split",             2, split_backward,     split_forward },
    { "Slice",             1, slice_backward,     slice_forward },
    { "Add",               1, add_backward,       add_forward },
    { "Sum",               8, add_backward,       add_forward },
    { "Sub",               1, add_backward,       add_forward },
    { "Mul",               1, mul_backward,       mul_forward },
    { "Div",               1, mul_backward,       mul_forward },
    { "AveragePool",       1, average_pool,       average_pool },
    { "GlobalAveragePool", 1, global_average,     global_average },
    { "ReduceMean",        1, reduce_backward,    reduce_forward },
    { "ReduceSum",         1, sum_backward,       sum_forward },
    { "MaxPool",           1, max_pool,           max_pool },
    { "GlobalMaxPool",     1, max_pool,           max_pool },
    { "ReduceMax",         1, extreme_backward,   extreme_forward },
    { "ReduceMin",         1, extreme_backward,   extreme_forward },
    { "Resize",            1, resize,             resize },
    { "Upsample",          1, resize,             resize },
    { "DepthToSpace",      1, to_deep,            to_shallow },
    { "SpaceToDepth",      1, to_shallow,         to_deep },
    { "Pad",               1, pad_backward,       pad_forward },
    { "Gather",            1, gather_backward,    NULL },
    { "Relu",              1, homogeneous,        NULL },
    { "LeakyRelu",         1, homogeneous,        NULL },
    { "PRelu",             1, homogeneous,        NULL },
};

const struct mover *mover_of(const struct node *node)
{
    for (size_t i = 0; i < sizeof(movers) / sizeof(*movers); i++)
        if (node_is(node, movers[i].op) && node->opset >= movers[i].first_opset) return &movers[i];
    return NULL;
}

static enum reason cross(enum reason (*way)(struct crossing *), struct crossing *crossing)
{
    if (!way) return cannot(crossing, REASON_NON_LINEAR, "");
    if (crossing->node->input_count > CROSSING_MAX || crossing->node->output_count > CROSSING_MAX)
        return cannot(crossing, REASON_NON_LINEAR, "it has too many inputs or outputs");
    return way(crossing);
}

enum reason mover_backward(const struct mover *mover, struct crossing *crossing)
{
    return cross(mover->backward, crossing);
}

enum reason mover_forward(const struct mover *mover, struct crossing *crossing)
{
    return cross(mover->forward, crossing);
}

bool use_is_unaffected(struct search *search, const struct use *use, const struct affine *a)
{
    bool touches;
    int64_t first, step;
    if (!use->node) return false;
    if (node_is(use->node, "Shape") || node_is(use->node, "Size")) return true;
    struct crossing x = { .search = search, .node = use->node, .affine = a };
    if (!node_is(use->node, "Slice") || use->slot != 0 || a->axis == AXIS_ANY) return false;
    if (slice_range(&x, a->axis, &touches, &first, &step) || !touches) return false;
    int64_t count = size_at(out(&x, 0), a->axis);
    if (count < 0) return false;
    for (int64_t i = 0; i < count; i++) {
        int64_t c = first + i * step;
        if (c < 0 || c >= a->channels || a->scale[c] != 1 || a->shift[c] != 0) return false;
    }
    return true;
}
