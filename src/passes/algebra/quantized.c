/* SPDX-License-Identifier: Apache-2.0
 *
 * Scaling quantized weights and biases. */
#include "passes/algebra/quantized.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/schema.h"
#include "onnx/shape/infer.h"
#include "passes/algebra/mover.h"

#include <assert.h>
#include <math.h>

#define MOVES 8     /* nodes between a DequantizeLinear and the operator that reads the weight */
#define WHOLE 1e-12 /* what rounding in double may add to a whole number of steps */

static const char dequantize_linear[] = "DequantizeLinear";

bool quantized_is(const struct value *value)
{
    return value->writer && node_is(value->writer, dequantize_linear);
}

struct quantized {
    const struct tensor *integers, *scales, *zeros; /* zeros may be NULL */
};

static enum reason unfit(struct decision *decision, const struct node *node, const char *why)
{
    decision_stop(decision, REASON_QUANTIZED, node_title(node), "%s", why);
    return REASON_QUANTIZED;
}

static enum reason read_parts(struct decision *decision, const struct node *node, struct quantized *q)
{
    enum reason why;
    const struct tensor **parts[] = { &q->integers, &q->scales, &q->zeros };
    *q = (struct quantized){ NULL, NULL, NULL };
    for (size_t i = 0; i < 3; i++) {
        struct value *value = node_input(node, i);
        if (!value && i == 2) break;
        *parts[i] = decision_constant(decision, value, &why);
        if (!*parts[i]) return unfit(decision, node, "its inputs are not all constant");
    }
    if (dtype_kind(q->integers->type) != KIND_WHOLE || dtype_kind(q->scales->type) != KIND_REAL
        || (q->zeros && (q->zeros->count != q->scales->count || q->zeros->type != q->integers->type)))
        return unfit(decision, node, "its parts do not fit each other");
    return REASON_NONE;
}

/* ---- What moves the elements on their way ---- */

/* Whether the node only moves what its input 0 holds; everything else that it reads is constant. */
static bool moves_elements(struct decision *decision, const struct node *node)
{
    enum reason why;
    const struct value *from = node_input(node, 0);
    if (!node->row || node->row->passes != SLOT(0) || node->output_count != 1) return false;
    if (from->type != node->outputs[0]->type || !(node->row->idle || mover_of(node))) return false;
    for (size_t i = 1; i < node->input_count; i++)
        if (node_input(node, i) && !decision_constant(decision, node_input(node, i), &why)) return false;
    return true;
}

/* The nodes that move it, from the value upwards. */
struct moves {
    const struct node *source;
    struct node *nodes[MOVES];
    int count;
};

static bool trace(struct decision *decision, const struct value *value, struct moves *moves)
{
    moves->count = 0;
    for (struct node *node = value->writer; node; node = node_input(node, 0)->writer) {
        moves->source = node;
        if (node_is(node, dequantize_linear)) return true;
        if (moves->count == MOVES || !moves_elements(decision, node)) return false;
        moves->nodes[moves->count++] = node;
    }
    return false;
}

const struct node *quantized_source(struct decision *decision, const struct value *value)
{
    struct moves moves;
    return trace(decision, value, &moves) ? moves.source : NULL;
}

/* A scale of the value, as one of what the DequantizeLinear writes. NULL where it does not run along one axis there. */
static const struct affine *scale_at_source(struct decision *decision, const struct moves *moves,
                                            const struct affine *scale)
{
    for (int i = 0; i < moves->count; i++) {
        struct node *node = moves->nodes[i];
        struct crossing x = { .decision = decision, .node = node, .affine = scale };
        if (!mover_of(node)) continue;
        if (mover_upstream(mover_of(node), &x)) return NULL;
        scale = x.onto[0];
    }
    return scale->spread ? NULL : scale;
}

/* The moves again, of another value, before `reader`. */
static struct value *move_again(const struct moves *moves, struct value *value, struct node *reader)
{
    for (int i = moves->count - 1; i >= 0; i--) {
        const struct node *model = moves->nodes[i];
        struct node *copy = edit_copy_node(reader->graph, reader, model, node_title(model));
        struct value *moved = edit_add_value(reader->graph, model->outputs[0]->name, model->outputs[0]);
        edit_set_input(copy, 0, value);
        for (size_t slot = 1; slot < model->input_count; slot++)
            if (node_input(model, slot)) edit_set_input(copy, slot, node_input(model, slot));
        edit_take_output(copy, 0, moved);
        value = moved;
    }
    return value;
}

/* ---- Weights ---- */

const struct tensor *quantized_shape(struct decision *decision, const struct value *value, enum reason *why)
{
    struct quantized q;
    struct tensor *shape = NEW(decision->arena, struct tensor);
    const struct node *source = quantized_source(decision, value);
    if ((*why = read_parts(decision, source, &q))) return NULL;
    if (value->writer == source) {
        *shape = (struct tensor){
            .type = value->type, .rank = q.integers->rank, .dims = q.integers->dims, .count = q.integers->count
        };
        return shape;
    }
    int64_t count = shape_count(&value->shape);
    if (count < 0) { /* what moves them is invalid */
        *why = unfit(decision, source, "its shape is unknown where it is read");
        return NULL;
    }
    int64_t *dims = NEW_ARRAY(decision->arena, int64_t, (size_t)value->shape.rank);
    for (int i = 0; i < value->shape.rank; i++) dims[i] = value->shape.dims[i].size;
    *shape = (struct tensor){ .type = value->type, .rank = value->shape.rank, .dims = dims, .count = count };
    return shape;
}

/* The channels of one group are on one axis: the weight of a ConvTranspose [C, M, k...], seen as [1, 1, C, M, k]. */
static struct factor along_one_axis(const struct factor *view)
{
    if (view->rows != 1) return *view;
    return (struct factor){ view->outer * view->middle, view->columns, 1, 1, view->inner, view->scale };
}

/* The axis of a tensor that the channels of the view lie on; -1 when they lie on none. */
static int channel_axis(const struct tensor *tensor, const struct factor *view)
{
    int64_t outer = 1;
    if (view->middle != 1 || view->columns != 1) return -1;
    for (int i = 0; i < tensor->rank; i++) {
        if (outer == view->outer && tensor->dims[i] == view->rows) return i;
        outer *= tensor->dims[i];
    }
    return -1;
}

/* A DequantizeLinear whose result is scaled along an axis of its integers, or as a whole. */
struct scaling {
    struct quantized q;
    int axis;           /* AXIS_ANY: as a whole */
    int64_t channels;   /* 1 of a whole */
    struct factor view; /* of the integers */
    const double *scale;
};

/* One scale for all elements, which may become one for each channel. */
static bool is_per_tensor(const struct node *node, const struct quantized *q)
{
    return q->scales->count == 1 && q->scales->rank <= 1 && schema_knows(node, "axis");
}

/* Whether the scales run along exactly the channels that are scaled, or can be made to. */
static bool runs_along(const struct node *node, const struct scaling *s, bool is_output)
{
    int64_t axis = node_int(node, "axis", 1);
    if (axis < 0) axis += s->q.integers->rank;
    if (node_int(node, "block_size", 0) != 0) return false;
    return (is_output && is_per_tensor(node, &s->q))
           || (s->q.scales->rank == 1 && s->q.scales->count == s->channels && axis == s->axis);
}

static const char *why_not_along(const struct node *node, const struct scaling *s, bool is_output)
{
    if (node_int(node, "block_size", 0) != 0) return "each of its scales is that of a block";
    if (s->q.scales->count == 1)
        return is_output ? "it has one scale; one for each channel needs opset 13"
                         : "it has one scale for all input channels";
    return is_output ? "its scales do not run along the output channels"
                     : "its scales do not run along the input channels";
}

static enum reason find_scaling(struct decision *decision, const struct node *node, const struct affine *scale,
                                struct scaling *s)
{
    enum reason reason = read_parts(decision, node, &s->q);
    const struct tensor *integers = s->q.integers;
    if (reason) return reason;
    s->axis = scale->axis;
    s->channels = scale->channels;
    s->scale = scale->scale;
    s->view = (struct factor){ 1, 1, 1, 1, integers->count, NULL };
    if (s->axis == AXIS_ANY && node_int(node, "block_size", 0) == 0 && s->q.scales->rank == 1) {
        /* One number for all, repeated for each of the scales that there are. */
        int64_t axis = node_int(node, "axis", 1);
        if (axis < 0) axis += integers->rank;
        if (axis >= 0 && axis < integers->rank && integers->dims[axis] == s->q.scales->count) {
            s->axis = (int)axis;
            s->channels = s->q.scales->count;
            s->scale = vector_of(decision->arena, s->channels, scale->scale[0]);
        }
    }
    if (s->axis == AXIS_ANY) return REASON_NONE;
    if (s->axis >= integers->rank || integers->dims[s->axis] != s->channels)
        return unfit(decision, node, "its integers have no axis of these channels");
    s->view = (struct factor){ 1, s->channels, 1, 1, 1, NULL };
    for (int i = 0; i < s->axis; i++) s->view.outer *= integers->dims[i];
    for (int i = s->axis + 1; i < integers->rank; i++) s->view.inner *= integers->dims[i];
    return REASON_NONE;
}

/* Through the moves, to the integers. */
static enum reason trace_scaling(struct decision *decision, const struct value *weight, const struct factor *channels,
                                 const double *scale, struct moves *moves, struct scaling *s)
{
    enum reason why;
    const struct factor view = along_one_axis(channels);
    const struct tensor *shape = quantized_shape(decision, weight, &why);
    if (!shape) return why;
    trace(decision, weight, moves);
    int axis = channel_axis(shape, &view);
    const struct affine *along =
        axis < 0 ? NULL : affine_new(decision->arena, axis, view.rows, scale, vector_of(decision->arena, view.rows, 0));
    const struct affine *at_source = along ? scale_at_source(decision, moves, along) : NULL;
    if (!at_source) return unfit(decision, moves->source, "its integers have no axis of these channels");
    return find_scaling(decision, moves->source, at_source, s);
}

/* `count` integers: one for each, or one for all, is stored; zeros where nothing is. NULL where they cannot be read. */
static int64_t *read_whole(struct arena *arena, const struct tensor *stored, int64_t count)
{
    int64_t *values = NEW_ARRAY(arena, int64_t, (size_t)count);
    if (stored && !tensor_read_whole(stored, 0, stored->count, values, NULL)) return NULL;
    for (int64_t i = 1; stored && stored->count == 1 && i < count; i++) values[i] = values[0];
    return values;
}

/* All integers, mirrored where the channel's scale is negative; false when one does not fit. */
static bool mirrored(struct arena *arena, const struct scaling *s, int64_t **values)
{
    const struct tensor *integers = s->q.integers;
    const int64_t *zeros = read_whole(arena, s->q.zeros, s->channels);
    *values = read_whole(arena, integers, integers->count);
    if (!zeros || !*values) return false;
    for (int64_t i = 0; i < integers->count; i++) {
        int64_t channel = i / s->view.inner % s->view.rows;
        if (!(s->scale[channel] < 0)) continue;
        int64_t value = 2 * zeros[channel] - (*values)[i];
        if (dtype_wrap(integers->type, value) != value) return false;
        (*values)[i] = value;
    }
    return true;
}

static bool any_negative(const struct scaling *s)
{
    for (int64_t i = 0; i < s->channels; i++)
        if (s->scale[i] < 0) return true;
    return false;
}

/* The scale of every channel, times that of the fold. */
static double *scaled_scales(struct arena *arena, const struct quantized *q, int64_t channels, const double *scale)
{
    double *stored, *values = NEW_ARRAY(arena, double, (size_t)channels);
    if (!tensor_values(q->scales, arena, &stored, NULL)) return NULL;
    for (int64_t i = 0; i < channels; i++) values[i] = stored[q->scales->count == 1 ? 0 : i] * fabs(scale[i]);
    return values;
}

static enum reason check_scales(struct decision *decision, const struct node *node, const struct quantized *q,
                                int64_t channels, const double *scale)
{
    const double *scales = scaled_scales(decision->arena, q, channels, scale);
    if (!scales) return decision_stop(decision, REASON_WEIGHT_DYNAMIC, node_title(node), "its scales cannot be read");
    for (int64_t i = 0; i < channels; i++)
        if (!isfinite(dtype_round(q->scales->type, scales[i])))
            return decision_stop(decision, REASON_NOT_FINITE, node_title(node), "channel %lld: its scale",
                                 (long long)i);
    return REASON_NONE;
}

enum reason quantized_fits(struct decision *decision, const struct value *weight, const struct factor *view,
                           bool is_output, const double *scale)
{
    struct moves moves;
    struct scaling s;
    int64_t *values;
    enum reason reason = trace_scaling(decision, weight, view, scale, &moves, &s);
    if (reason) return reason;
    const struct node *node = moves.source;
    bool is_whole = s.axis == AXIS_ANY && s.q.scales->count == 1 && s.q.scales->rank <= 1;
    if (!is_whole && !runs_along(node, &s, is_output)) return unfit(decision, node, why_not_along(node, &s, is_output));
    if ((reason = check_scales(decision, node, &s.q, s.channels, s.scale))) return reason;
    if (!any_negative(&s)) return REASON_NONE;
    if (!constants_fit_doubles(decision->constants, s.q.integers->count))
        return decision_stop(decision, REASON_BUDGET, node_title(node), "its integers would be mirrored in memory");
    if (!mirrored(decision->arena, &s, &values))
        return unfit(decision, node, "a negative scale would mirror an integer out of its type");
    return REASON_NONE;
}

/* ---- Written anew ---- */

static struct value *add_constant(struct node *reader, const struct value *old, struct tensor *tensor)
{
    return edit_add_initializer(reader->graph, arena_printf(reader->graph->net->arena, "%s_fused", old->name), tensor);
}

static struct value *add_scales(struct decision *decision, const struct node *node, struct node *reader,
                                const struct quantized *q, int64_t channels, const double *scale)
{
    const double *scales = scaled_scales(decision->arena, q, channels, scale);
    int rank = channels == 1 ? q->scales->rank : 1;
    assert(scales);
    return add_constant(reader, node_input(node, 1),
                        tensor_exact(decision->net->arena, q->scales->type, rank, &channels, scales));
}

/* A DequantizeLinear like `node`, of these inputs. */
static struct value *dequantize(const struct node *node, struct node *reader, struct value *const *inputs, int64_t axis)
{
    struct node *scaled = edit_add_node(reader->graph, reader, dequantize_linear, node_title(node), inputs,
                                        inputs[2] ? 3 : 2, node->outputs[0]);
    if (axis >= 0 && schema_knows(scaled, "axis")) edit_set_int(scaled, "axis", axis);
    if (node_attribute(node, "output_dtype")) edit_set_int(scaled, "output_dtype", node_int(node, "output_dtype", 0));
    return scaled->outputs[0];
}

struct value *quantized_scaled(struct decision *decision, const struct value *weight, struct node *reader,
                               const struct factor *view, const double *scale)
{
    struct moves moves;
    struct scaling s;
    struct arena *arena = decision->net->arena;
    enum reason reason = trace_scaling(decision, weight, view, scale, &moves, &s);
    const struct node *node = moves.source;
    struct value *inputs[3] = { node_input(node, 0), NULL, node_input(node, 2) };
    const struct tensor *integers = s.q.integers, *zeros = s.q.zeros;
    assert(!reason);
    (void)reason;
    inputs[1] = add_scales(decision, node, reader, &s.q, s.channels, s.scale);
    if (zeros && zeros->count != s.channels)
        inputs[2] = add_constant(
            reader, inputs[2],
            tensor_whole(arena, zeros->type, 1, &s.channels, read_whole(decision->arena, zeros, s.channels)));
    if (any_negative(&s)) {
        int64_t *values;
        bool fits = mirrored(decision->arena, &s, &values);
        assert(fits);
        (void)fits;
        inputs[0] = add_constant(reader, inputs[0],
                                 tensor_whole(arena, integers->type, integers->rank, integers->dims, values));
    }
    return move_again(&moves, dequantize(node, reader, inputs, s.axis), reader);
}

/* ---- Biases ---- */

static bool is_vector(const struct quantized *q, int64_t count)
{
    return q->integers->rank == 1 && q->integers->count == count && q->scales->rank <= 1
           && (q->scales->count == 1 || q->scales->count == count);
}

double *quantized_values(struct decision *decision, const struct node *node, int64_t count)
{
    struct quantized q;
    if (read_parts(decision, node, &q) || !is_vector(&q, count)) return NULL;
    double *values = scaled_scales(decision->arena, &q, count, vector_of(decision->arena, count, 1));
    const int64_t *integers = read_whole(decision->arena, q.integers, count);
    const int64_t *zeros = read_whole(decision->arena, q.zeros, count);
    if (!values || !integers || !zeros) return NULL;
    for (int64_t i = 0; i < count; i++) values[i] *= (double)(integers[i] - zeros[i]);
    return values;
}

/* The integers that stand for the values; false where they are none, or the type does not hold them. */
static bool restate(struct decision *decision, const struct quantized *q, int64_t count, const double *scale,
                    const double *values, int64_t **integers)
{
    const double *steps = scaled_scales(decision->arena, q, count, scale);
    const int64_t *zeros = read_whole(decision->arena, q->zeros, count);
    if (!steps || !zeros) return false;
    *integers = NEW_ARRAY(decision->arena, int64_t, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        double number = values[i] == 0 ? 0 : values[i] / steps[i], whole = nearbyint(number);
        if (!(fabs(number - whole) <= WHOLE * fmax(1, fabs(whole))) || fabs(whole) > INT32_MAX) return false;
        (*integers)[i] = (int64_t)whole + zeros[i];
        if (dtype_wrap(q->integers->type, (*integers)[i]) != (*integers)[i]) return false;
    }
    return true;
}

enum reason quantized_restates(struct decision *decision, const struct node *node, int64_t count, const double *scale,
                               const double *values)
{
    struct quantized q;
    int64_t *integers;
    enum reason reason = read_parts(decision, node, &q);
    if (reason) return reason;
    if (!is_vector(&q, count) || (q.scales->count != count && !schema_knows(node, "axis")))
        return unfit(decision, node, "its scale cannot become one for each channel");
    if ((reason = check_scales(decision, node, &q, count, scale))) return reason;
    if (!restate(decision, &q, count, scale, values, &integers))
        return unfit(decision, node, "the new bias is no whole number of its steps");
    return REASON_NONE;
}

struct value *quantized_restated(struct decision *decision, const struct node *node, struct node *reader, int64_t count,
                                 const double *scale, const double *values)
{
    struct quantized q;
    int64_t *integers;
    struct arena *arena = decision->net->arena;
    enum reason reason = read_parts(decision, node, &q);
    bool fits = !reason && restate(decision, &q, count, scale, values, &integers);
    struct value *inputs[3] = { node_input(node, 0), NULL, node_input(node, 2) };
    assert(fits);
    (void)fits;
    inputs[1] = add_scales(decision, node, reader, &q, count, scale);
    inputs[0] = add_constant(reader, inputs[0], tensor_whole(arena, q.integers->type, 1, &count, integers));
    if (q.zeros && q.zeros->count != count)
        inputs[2] =
            add_constant(reader, inputs[2],
                         tensor_whole(arena, q.zeros->type, 1, &count, read_whole(decision->arena, q.zeros, count)));
    return dequantize(node, reader, inputs, 0);
}
