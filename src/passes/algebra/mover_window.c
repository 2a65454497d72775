/* SPDX-License-Identifier: Apache-2.0
 *
 * Movers that average, compare, interpolate or repeat neighbors: pools, reductions, Resize, Pad. */
#include "passes/algebra/crossing.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/schema.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Whether a window may lie over padding alone, where it has no average. */
static bool may_be_empty(const struct node *pool, const int64_t *pads, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (count > 1 && pads[i] > 0
            && (pads[i] >= node_int_at(pool, "kernel_shape", i % (count / 2), 1)
                || node_int_at(pool, "dilations", i % (count / 2), 1) > 1))
            return true;
    return false;
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
    bool counts_padding = node_int(x->node, "count_include_pad", 0) || !schema_knows(x->node, "count_include_pad");
    if (x->affine->axis > 1) return crossing_stop(x, REASON_NON_LINEAR, "it averages over the channels");
    if (counts_padding && (padded || node_int(x->node, "ceil_mode", 0)) && affine_has_shift(x->affine))
        return crossing_stop(x, REASON_PADDED_SHIFT, "count_include_pad averages the padding's zeros");
    if (affine_has_shift(x->affine) && may_be_empty(x->node, pads, count))
        return crossing_stop(x, REASON_PADDED_SHIFT, "a window may lie over padding alone");
    return crossing_same(x);
}

static enum reason global_average(struct crossing *x)
{
    return x->affine->axis > 1 ? crossing_stop(x, REASON_NON_LINEAR, "it averages over the channels")
                               : crossing_same(x);
}

static enum reason maximum(struct crossing *x)
{
    int64_t channel;
    bool indices = node_outputs_are_read(x->node, 1);
    if (!scale_not_negative(x->affine, indices, &channel)) {
        return decision_stop(x->decision, REASON_NEGATIVE_SCALE, node_title(x->node), "channel %lld: %g",
                             (long long)channel, x->affine->scale[channel]);
    }
    return crossing_same(x);
}

static enum reason max_pool(struct crossing *x)
{
    return x->affine->axis > 1 ? crossing_stop(x, REASON_NON_LINEAR, "it compares the channels") : maximum(x);
}

/* Which axes a reduction runs over; keep is whether they stay as ones. */
static enum reason reduced_axes(struct crossing *x, bool reduced[TENSOR_MAX_RANK], int *rank, bool *keep)
{
    const int64_t *axes;
    size_t count;
    bool given;
    *rank = value_rank(crossing_input(x, 0));
    *keep = node_int(x->node, "keepdims", 1) != 0;
    memset(reduced, 0, sizeof(bool) * TENSOR_MAX_RANK);
    if (*rank < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
    bool known = crossing_list(x, "axes", 1, &axes, &count, &given);
    if (given && !known) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its axes are computed at run time");
    if (count == 0) {
        bool nothing = node_int(x->node, "noop_with_empty_axes", 0) != 0;
        for (int i = 0; i < *rank; i++) reduced[i] = !nothing;
        return REASON_NONE;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + *rank : axes[i];
        if (axis < 0 || axis >= *rank) return crossing_stop(x, REASON_MISMATCH, "an axis is out of range");
        reduced[axis] = true;
    }
    return REASON_NONE;
}

/* The affine on the other side of a reduction that leaves the channel axis alone. */
static enum reason through_reduction(struct crossing *x, bool upstream)
{
    bool reduced[TENSOR_MAX_RANK], keep;
    int rank, axis = x->affine->axis;
    enum reason reason = reduced_axes(x, reduced, &rank, &keep);
    if (reason) return reason;
    if (axis == AXIS_ANY) return crossing_same(x);
    int at = 0;
    for (int i = 0; i < rank; i++) {
        if (reduced[i] && !keep) continue;
        if ((upstream ? at : i) == axis) {
            if (reduced[i]) break;
            x->onto[0] = affine_moved(x->decision->arena, x->affine, upstream ? i : at);
            return REASON_NONE;
        }
        at++;
    }
    return crossing_stop(x, REASON_NON_LINEAR, "it reduces the channels");
}

static enum reason reduce_upstream(struct crossing *x)
{
    return through_reduction(x, true);
}
static enum reason reduce_downstream(struct crossing *x)
{
    return through_reduction(x, false);
}

/* A sum of n elements turns a shift into n shifts. */
static enum reason sum_of(struct crossing *x, bool upstream)
{
    bool reduced[TENSOR_MAX_RANK], keep;
    int rank;
    int64_t count = 1;
    enum reason reason = reduced_axes(x, reduced, &rank, &keep);
    if (!reason) reason = through_reduction(x, upstream);
    if (reason || !affine_has_shift(x->affine)) return reason;
    for (int i = 0; i < rank; i++)
        if (reduced[i]
            && (value_size(crossing_input(x, 0), i) < 1
                || !size_multiply(count, value_size(crossing_input(x, 0), i), &count)))
            return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the number of summed elements is unknown");
    const struct affine *a = x->onto[0];
    double *shift = NEW_ROOM(x->decision->arena, double, (size_t)a->channels);
    for (int64_t c = 0; c < a->channels; c++)
        shift[c] = upstream ? a->shift[c] / (double)count : a->shift[c] * (double)count;
    x->onto[0] = affine_new(x->decision->arena, a->axis, a->channels, a->scale, shift);
    return REASON_NONE;
}

static enum reason sum_upstream(struct crossing *x)
{
    return sum_of(x, true);
}
static enum reason sum_downstream(struct crossing *x)
{
    return sum_of(x, false);
}

static enum reason extreme_upstream(struct crossing *x)
{
    enum reason reason = maximum(x);
    return reason ? reason : through_reduction(x, true);
}

static enum reason extreme_downstream(struct crossing *x)
{
    enum reason reason = maximum(x);
    return reason ? reason : through_reduction(x, false);
}

/* Interpolation weights sum to one, so s*x + t passes, unless a value from outside comes in, or the channel axis itself
 * is resized. */
static enum reason resize(struct crossing *x)
{
    const char *mode = node_text(x->node, "coordinate_transformation_mode", "half_pixel");
    int axis = x->affine->axis;
    if (x->slot != 0) return crossing_stop(x, REASON_NON_LINEAR, "it is its scale or size");
    if (strcmp(mode, "tf_crop_and_resize") == 0)
        return crossing_stop(x, REASON_NON_LINEAR, "its extrapolation value comes in");
    if (axis == AXIS_ANY) return crossing_same(x);
    int64_t before = value_size(crossing_input(x, 0), axis), after = value_size(crossing_output(x, 0), axis);
    if (before >= 0 && after >= 0 && before != after)
        return crossing_stop(x, REASON_NON_LINEAR, "it resizes the channel axis");
    if (before < 0 || after < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "it may resize the channel axis");
    return crossing_same(x);
}

/* Interpolation again; what lies outside is zero, unless the border or a reflection stands for it. */
static enum reason grid_sample(struct crossing *x)
{
    if (x->slot != 0) return crossing_stop(x, REASON_NON_LINEAR, "it is its grid");
    if (x->affine->axis > 1) return crossing_stop(x, REASON_NON_LINEAR, "it samples along that axis");
    if (strcmp(node_text(x->node, "padding_mode", "zeros"), "zeros") == 0 && affine_has_shift(x->affine))
        return crossing_stop(x, REASON_PADDED_SHIFT, "what lies outside is zero");
    return crossing_same(x);
}

static void apply_pad_value(struct decision *decision, const struct step *step)
{
    struct arena *arena = decision->net->arena;
    if (schema_knows(step->node, "value")) {
        edit_set_float(step->node, "value", (float)step->number);
        return;
    }
    enum dtype type = step->value->type;
    const char *name = arena_printf(arena, "%s_pad", step->value->name);
    edit_set_input(step->node, 2,
                   edit_add_initializer(step->node->graph, name, tensor_exact(arena, type, 0, NULL, &step->number)));
}

/* Whether a float attribute becomes another float, whatever the affine's constants are rounded to: another run of the
 * program, which reads them rounded, must not find a way that was closed before. */
static bool keeps_float(double from, double to)
{
    int exponent;
    return fabs(frexp(from / to, &exponent)) == 0.5 && (double)(float)to == to;
}

/* constant padding: the value v upstream of the affine is s*v + t downstream of it; one value must do for all
 * channels. */
static enum reason pad_value(struct crossing *x, bool upstream, double v)
{
    const struct affine *a = x->affine;
    double first = 0;
    for (int64_t c = 0; c < a->channels; c++) {
        double value = upstream ? a->scale[c] * v + a->shift[c] : (v - a->shift[c]) / a->scale[c];
        if (c == 0) first = value;
        if (!isfinite(value) || value != first)
            return crossing_stop(x, REASON_PADDED_SHIFT, "it pads with a constant that would differ by channel");
    }
    if (first == v) return crossing_same(x);
    for (const struct step *step = decision_steps_of(x->decision, x->node); step; step = step->earlier)
        assert(step->apply != apply_pad_value);
    const enum dtype type = crossing_output(x, 0)->type;
    if (dtype_kind(type) != KIND_REAL || !isfinite(dtype_round(type, first)))
        return crossing_stop(x, REASON_PADDED_SHIFT, "its pad value would not be finite");
    /* As a tensor it is rounded once, like any weight. */
    if (schema_knows(x->node, "value") && !keeps_float(v, first))
        return crossing_stop(x, REASON_PADDED_SHIFT, "its pad value would have to be rounded");
    struct step *step = decision_step(x->decision, apply_pad_value, x->node);
    step->value = x->node->outputs[0];
    step->number = first;
    return crossing_same(x);
}

/* What a Pad does: cells before and after the channel axis, and whether it adds cells along any axis. */
struct padding {
    int64_t before, after;
    bool adds;
};

static enum reason read_padding(struct crossing *x, struct padding *padding)
{
    const int64_t *pads, *axes = NULL;
    size_t count, axis_count = 0;
    bool given, axes_given = false;
    int rank = value_rank(crossing_input(x, 0));
    const char *name = node_attribute(x->node, "paddings") ? "paddings" : "pads";
    if (!crossing_list(x, name, 1, &pads, &count, &given))
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its pads are computed at run time");
    if (!crossing_list(x, "axes", 3, &axes, &axis_count, &axes_given) && axes_given)
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its axes are computed at run time");
    size_t half = axes_given && axis_count ? axis_count : count / 2;
    if (half == 0 || count != 2 * half) return crossing_stop(x, REASON_MISMATCH, "its pads do not fit");
    *padding = (struct padding){ 0 };
    for (size_t i = 0; i < count; i++) {
        int64_t at = axes_given && axis_count ? axes[i % half] : (int64_t)(i % half);
        if (at < 0 && rank < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
        padding->adds = padding->adds || pads[i] > 0;
        if ((at < 0 ? at + rank : at) == x->affine->axis) *(i < half ? &padding->before : &padding->after) = pads[i];
    }
    return REASON_NONE;
}

/* Negative pads cut channels off: output channel i is input channel i + cut. */
static enum reason cut_channels(struct crossing *x, const struct padding *padding, bool upstream)
{
    int64_t cut = -padding->before, channels = x->affine->channels;
    int64_t total = upstream ? value_size(crossing_input(x, 0), x->affine->axis) : channels;
    int64_t kept = total - cut + padding->after, count = upstream ? total : kept;
    if (total < 0) return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the number of its channels is unknown");
    if (cut < 0 || padding->after > 0) return crossing_stop(x, REASON_NON_LINEAR, "it pads the channel axis");
    if (kept < 1 || (upstream && kept != channels)) return crossing_stop(x, REASON_MISMATCH, "the channels do not fit");
    int64_t *from = NEW_ARRAY(x->decision->arena, int64_t, (size_t)count);
    for (int64_t c = 0; c < count; c++) from[c] = !upstream ? c + cut : c >= cut && c < cut + kept ? c - cut : -1;
    x->onto[0] = affine_picked(x->decision->arena, x->affine, count, from);
    return REASON_NONE;
}

static enum reason pad(struct crossing *x, bool upstream)
{
    enum reason why;
    struct padding padding;
    if (x->slot != 0) return crossing_stop(x, REASON_NON_LINEAR, "it is its pads or value");
    enum reason reason = read_padding(x, &padding);
    if (reason) return reason;
    if (padding.before || padding.after) {
        bool constant = strcmp(node_text(x->node, "mode", "constant"), "constant") == 0;
        if (padding.adds && constant)
            return crossing_stop(x, REASON_NON_LINEAR, "it cuts channels and pads with a constant");
        return cut_channels(x, &padding, upstream);
    }
    if (!padding.adds || strcmp(node_text(x->node, "mode", "constant"), "constant") != 0) return crossing_same(x);
    double v = (double)node_float(x->node, "value", 0);
    struct value *value = node_input(x->node, 2);
    const struct tensor *tensor = decision_constant(x->decision, value, &why);
    if (value && (!tensor || tensor->count != 1 || !tensor_read_real(tensor, 0, 1, &v, NULL)))
        return crossing_stop(x, REASON_PADDED_SHIFT, "its pad value is computed at run time");
    return pad_value(x, upstream, v);
}

static enum reason pad_upstream(struct crossing *x)
{
    return pad(x, true);
}
static enum reason pad_downstream(struct crossing *x)
{
    return pad(x, false);
}

const struct mover window_movers[] = {
    { .op = "AveragePool", average_pool, average_pool },
    { .op = "GlobalAveragePool", global_average, global_average },
    { .op = "ReduceMean", reduce_upstream, reduce_downstream },
    { .op = "ReduceSum", sum_upstream, sum_downstream },
    { .op = "MaxPool", max_pool, max_pool },
    { .op = "GlobalMaxPool", max_pool, max_pool },
    { .op = "ReduceMax", extreme_upstream, extreme_downstream },
    { .op = "ReduceMin", extreme_upstream, extreme_downstream },
    { .op = "Resize", resize, resize },
    { .op = "Upsample", resize, resize },
    { .op = "GridSample", grid_sample, grid_sample },
    { .op = "Pad", pad_upstream, pad_downstream, .roots = ROOTS_BOTH_WAYS },
    { 0 },
};
