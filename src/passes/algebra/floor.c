/* SPDX-License-Identifier: Apache-2.0
 *
 * Movers that bend: Relu, LeakyRelu, PRelu, Clip, Max, Min.
 *
 *   s*Relu(z) + t           =  Max(s*z + t, t)                        s >= 0
 *   s*Clip(z, lo, hi) + t   =  Min(Max(s*z + t, s*lo + t), s*hi + t)  s >= 0
 *   s*Max(z, k) + t         =  Max(s*z + t, s*k + t)                  s >= 0; Min alike
 *   s*Relu(z) + t           =  Min(s*z + t, t)                        s <  0, Clip alike, exchanging its bounds
 *   s*LeakyRelu(z)          =  LeakyRelu(s*z)                         s >= 0, no shift; Relu and PRelu alike
 *
 * Relu and Clip change into other operators, so this is done on request (--enable floor), by a fold that has sent the
 * sign of every scale downstream (decision->floors); or, where a sign cannot go there, with Max for some channels and
 * Min for the others (decision->ceilings), an infinite bound being none. --enable relu-scale moves the scale alone and
 * leaves an Add. Max and Min stay what they are, so a scale that is nowhere negative crosses them unasked. Downstream a
 * scale that has no shift crosses without being asked for: nothing changes and nothing is left. */
#include "passes/algebra/crossing.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "passes/decide/extras.h"

#include <math.h>

static enum reason negative_scale(struct crossing *x, bool positive)
{
    int64_t channel;
    if (scale_not_negative(x->affine, positive, &channel)) return REASON_NONE;
    return decision_stop(x->decision, REASON_NEGATIVE_SCALE, node_title(x->node), "channel %lld: %g",
                         (long long)channel, x->affine->scale[channel]);
}

/* ---- The scale alone ---- */

static enum reason homogeneous(struct crossing *x)
{
    enum reason reason;
    if (x->decision->floors && !affine_has_shift(x->affine)) {
        reason = negative_scale(x, false);
        return reason ? reason : crossing_same(x);
    }
    if (!is_enabled(x->decision->options, EXTRA_RELU_SCALE)) return crossing_stop(x, REASON_NON_LINEAR, "");
    if ((reason = negative_scale(x, true))) return reason;
    x->onto[0] = affine_scale_only(x->decision->arena, x->affine);
    if (affine_has_shift(x->affine)) x->residue = affine_shift_only(x->decision->arena, x->affine);
    return REASON_NONE;
}

/* Downstream a scale goes through whole; there is no shift to leave anywhere. */
static enum reason homogeneous_downstream(struct crossing *x)
{
    if (x->slot != 0 || affine_has_shift(x->affine) || !x->decision->is_late)
        return crossing_stop(x, REASON_NON_LINEAR, "");
    enum reason reason = negative_scale(x, false);
    return reason ? reason : crossing_same(x);
}

/* ---- Bounds ---- */

/* What a bound is under the affine on channel c. A negative scale makes a lower bound of an upper one; infinite:
 * none. */
static double bound_at(const struct affine *a, int64_t c, double low, double high, bool is_upper)
{
    double bound = (a->scale[c] >= 0) == is_upper ? high : low;
    if (isinf(bound)) return is_upper ? INFINITY : -INFINITY;
    return a->scale[c] * bound + a->shift[c];
}

static bool any_bound(const struct affine *a, double low, double high, bool is_upper)
{
    for (int64_t c = 0; c < a->channels; c++)
        if (!isinf(bound_at(a, c, low, high, is_upper))) return true;
    return false;
}

/* A constant of bounds that broadcasts along the affine's axis of `like`. */
static struct value *bound_value(struct node *node, const struct step *step, bool is_upper)
{
    const struct affine *a = step->affine;
    struct arena *arena = node->graph->net->arena;
    const struct value *like = node->outputs[0];
    int64_t dims[TENSOR_MAX_RANK] = { a->channels };
    int rank = a->axis == AXIS_ANY ? 0 : like->shape.rank - a->axis;
    for (int i = 1; i < rank; i++) dims[i] = 1;
    double *values = NEW_ARRAY(arena, double, (size_t)a->channels);
    for (int64_t c = 0; c < a->channels; c++) values[c] = bound_at(a, c, step->low, step->high, is_upper);
    return edit_add_initializer(node->graph,
                                arena_printf(arena, "%s_%s", node_title(node), is_upper ? "ceiling" : "floor"),
                                tensor_exact(arena, like->type, rank, dims, values));
}

static struct value *bounded(struct node *node, const char *op, struct value *data, struct value *bound)
{
    struct value *inputs[2] = { data, bound };
    struct node *added = edit_add_node(node->graph, node, op, node_title(node), inputs, 2, node->outputs[0]);
    added->mark = node->mark;
    return added->outputs[0];
}

/* The node's place is taken by Max and Min of its data with bounds under the affine. */
static void apply_bounds(struct decision *decision, const struct step *step)
{
    struct node *node = step->node;
    struct value *data = node_input(node, step->slot), *last = data;
    (void)decision;
    if (any_bound(step->affine, step->low, step->high, false))
        last = bounded(node, "Max", last, bound_value(node, step, false));
    if (any_bound(step->affine, step->low, step->high, true))
        last = bounded(node, "Min", last, bound_value(node, step, true));
    edit_take_output(last->writer, last->writer_slot, node->outputs[0]);
    node->mark = NULL;
    edit_remove_node(node);
}

/* Input `slot` is what is bounded. */
static enum reason bounds(struct crossing *x, size_t slot, double low, double high)
{
    struct decision *decision = x->decision;
    const struct affine *uniform = affine_uniform(decision->arena, x->affine), *a = uniform ? uniform : x->affine;
    const struct value *output = crossing_output(x, 0);
    enum reason reason = decision->ceilings ? REASON_NONE : negative_scale(x, false);
    if (reason) return reason;
    if (dtype_kind(output->type) != KIND_REAL) return crossing_stop(x, REASON_NON_LINEAR, "");
    if (!operator_of_graph_has(x->node->graph, "Max", BROADCASTS))
        return crossing_stop(x, REASON_NON_LINEAR, "Max does not broadcast at this opset");
    if (a->axis != AXIS_ANY && value_rank(output) <= a->axis)
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "its rank is unknown");
    for (int64_t c = 0; c < a->channels; c++) {
        double floor = bound_at(a, c, low, high, false), ceiling = bound_at(a, c, low, high, true);
        if ((isfinite(floor) && !isfinite(dtype_round(output->type, floor)))
            || (isfinite(ceiling) && !isfinite(dtype_round(output->type, ceiling))))
            return decision_stop(decision, REASON_NOT_FINITE, node_title(x->node), "channel %lld: its bound",
                                 (long long)c);
    }
    struct step *step = decision_step(decision, apply_bounds, x->node);
    step->slot = slot;
    step->affine = a;
    step->low = low;
    step->high = high;
    int extra = any_bound(a, low, high, false) + any_bound(a, low, high, true) - 1;
    decision->cost.nodes += extra > 0 ? extra : 0;
    if (extra > 0) work_add(&decision->cost.work, &output->shape, extra);
    x->onto[slot] = x->affine;
    return REASON_NONE;
}

static enum reason relu(struct crossing *x)
{
    bool bends = x->decision->floors && (affine_has_shift(x->affine) || x->decision->ceilings);
    return bends ? bounds(x, 0, 0, INFINITY) : homogeneous(x);
}

/* Attribute `name` before opset 11, input `slot` since; infinite when absent. False when it is computed at run time. */
static bool clip_bound(struct crossing *x, const char *name, size_t slot, double absent, double *bound)
{
    enum reason why;
    struct value *value = node_input(x->node, slot);
    const struct tensor *tensor = decision_constant(x->decision, value, &why);
    *bound = node_attribute(x->node, name) ? (double)node_float(x->node, name, 0) : absent;
    if (!value) return true;
    return tensor && tensor->count == 1 && dtype_kind(tensor->type) == KIND_REAL
           && tensor_read_real(tensor, 0, 1, bound, NULL) && !isnan(*bound);
}

static enum reason clip(struct crossing *x)
{
    double low, high;
    if (!x->decision->floors) return crossing_stop(x, REASON_NON_LINEAR, x->node->op);
    if (!clip_bound(x, "min", 1, -INFINITY, &low) || !clip_bound(x, "max", 2, INFINITY, &high))
        return crossing_stop(x, REASON_NON_LINEAR, "its bounds are computed at run time");
    /* The largest numbers of the type are the defaults of old exporters, and no bounds. */
    if (low <= -3.4028234e38) low = -INFINITY;
    if (high >= 3.4028234e38) high = INFINITY;
    if (low > high || (isinf(low) && isinf(high)))
        return crossing_stop(x, REASON_NON_LINEAR, "its bounds bound nothing");
    return bounds(x, 0, low, high);
}

/* Whether the node bounds one input by one constant number, as Relu and Clip do. */
static bool one_bound(struct crossing *x, size_t *data, double *bound)
{
    enum reason why;
    for (size_t slot = 0; slot < 2 && x->node->input_count == 2; slot++) {
        struct value *value = node_input(x->node, slot);
        const struct tensor *tensor = decision_constant(x->decision, value, &why);
        *data = 1 - slot;
        if (!tensor || tensor->count != 1 || dtype_kind(tensor->type) != KIND_REAL) continue;
        if (value_rank(crossing_input(x, *data)) != value_rank(crossing_output(x, 0))) continue;
        return tensor_read_real(tensor, 0, 1, bound, NULL) && isfinite(*bound);
    }
    return false;
}

/* All branches under the affine; a constant one takes it element by element. */
static enum reason extreme(struct crossing *x, bool is_maximum)
{
    size_t data;
    double bound;
    enum reason reason = negative_scale(x, false);
    if (reason) return reason;
    if (dtype_kind(crossing_output(x, 0)->type) != KIND_REAL) return crossing_stop(x, REASON_NON_LINEAR, "");
    if (x->affine->axis != AXIS_ANY && one_bound(x, &data, &bound))
        return bounds(x, data, is_maximum ? bound : -INFINITY, is_maximum ? INFINITY : bound);
    for (size_t i = 0; i < x->node->input_count; i++) {
        int axis = x->affine->axis - (value_rank(crossing_output(x, 0)) - value_rank(crossing_input(x, i)));
        if (x->affine->axis == AXIS_ANY) axis = AXIS_ANY;
        else if (value_rank(crossing_output(x, 0)) < 0 || axis < 0
                 || value_size(crossing_input(x, i), axis) != x->affine->channels)
            return crossing_stop(x, REASON_NON_LINEAR, "a branch is broadcast over the channels");
        x->onto[i] = affine_moved(x->decision->arena, x->affine, axis);
    }
    return REASON_NONE;
}

static enum reason maximum(struct crossing *x)
{
    return extreme(x, true);
}
static enum reason minimum(struct crossing *x)
{
    return extreme(x, false);
}

const struct mover bending_movers[] = {
    { .op = "Relu", relu, homogeneous_downstream },
    { .op = "LeakyRelu", homogeneous, homogeneous_downstream },
    { .op = "PRelu", homogeneous, homogeneous_downstream },
    { .op = "Clip", clip, NULL },
    { .op = "Max", maximum, NULL },
    { .op = "Min", minimum, NULL },
    { 0 },
};
