/* SPDX-License-Identifier: Apache-2.0
 *
 * Scaling quantized weights. */
#include "passes/algebra/quantized.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/schema.h"

#include <assert.h>
#include <math.h>

struct quantized {
    const struct tensor *integers, *scales, *zeros; /* zeros may be NULL */
};

static enum reason read_parts(struct decision *decision, const struct node *node, struct quantized *q)
{
    enum reason why;
    const struct tensor **parts[] = { &q->integers, &q->scales, &q->zeros };
    *q = (struct quantized){ NULL, NULL, NULL };
    for (size_t i = 0; i < 3; i++) {
        struct value *value = node_input(node, i);
        if (!value && i == 2) break;
        *parts[i] = value ? decision_constant(decision, value, &why) : NULL;
        if (!*parts[i])
            return decision_stop(decision, REASON_QUANTIZED, node_title(node), "its inputs are not all constant");
    }
    if (dtype_kind(q->integers->type) != KIND_WHOLE || dtype_kind(q->scales->type) != KIND_REAL
        || (q->zeros && (q->zeros->count != q->scales->count || q->zeros->type != q->integers->type)))
        return decision_stop(decision, REASON_QUANTIZED, node_title(node), "its parts do not fit each other");
    return REASON_NONE;
}

const struct tensor *quantized_shape(struct decision *decision, const struct node *node, enum reason *why)
{
    struct quantized q;
    if ((*why = read_parts(decision, node, &q))) return NULL;
    struct tensor *shape = NEW(decision->arena, struct tensor);
    *shape = (struct tensor){
        .type = q.scales->type, .rank = q.integers->rank, .dims = q.integers->dims, .count = q.integers->count
    };
    return shape;
}

/* The channels of one group are on one axis: the weight of a ConvTranspose [C, M, k...], seen as [1, 1, C, M, k]. */
static struct factor along_one_axis(const struct factor *view)
{
    if (view->rows != 1) return *view;
    return (struct factor){ view->outer * view->middle, view->columns, 1, 1, view->inner, view->scale };
}

/* The axis of the integers that the channels of the view lie on; -1 when they lie on none. */
static int channel_axis(const struct quantized *q, const struct factor *view)
{
    int64_t outer = 1;
    if (view->middle != 1 || view->columns != 1) return -1;
    for (int i = 0; i < q->integers->rank; i++) {
        if (outer == view->outer && q->integers->dims[i] == view->rows) return i;
        outer *= q->integers->dims[i];
    }
    return -1;
}

/* One scale for all elements, which may become one for each channel. */
static bool is_per_tensor(const struct node *node, const struct quantized *q)
{
    return q->scales->count == 1 && q->scales->rank <= 1 && schema_knows(node, "axis");
}

/* Whether the scales run along exactly the channels of the view, or can be made to. */
static bool runs_along(const struct node *node, const struct quantized *q, const struct factor *view, bool is_output)
{
    int64_t axis = node_int(node, "axis", 1);
    int along = channel_axis(q, view);
    if (axis < 0) axis += q->integers->rank;
    if (along < 0 || node_int(node, "block_size", 0) != 0) return false;
    return (is_output && is_per_tensor(node, q))
           || (q->scales->rank == 1 && q->scales->count == view->rows && axis == along);
}

/* The zero point of every channel; NULL where they cannot be read. */
static int64_t *all_zeros(struct arena *arena, const struct quantized *q, const struct factor *view)
{
    int64_t *zeros = NEW_ARRAY(arena, int64_t, (size_t)view->rows);
    if (q->zeros && !tensor_read_whole(q->zeros, 0, q->zeros->count, zeros, NULL)) return NULL;
    for (int64_t i = 1; q->zeros && q->zeros->count == 1 && i < view->rows; i++) zeros[i] = zeros[0];
    return zeros;
}

/* All integers, mirrored where the channel's scale is negative; false when one does not fit. */
static bool mirrored(struct arena *arena, const struct quantized *q, const struct factor *view, const double *scale,
                     int64_t **values)
{
    int64_t *zeros = all_zeros(arena, q, view);
    *values = NEW_ARRAY(arena, int64_t, (size_t)q->integers->count);
    if (!tensor_read_whole(q->integers, 0, q->integers->count, *values, NULL)) return false;
    if (!zeros) return false;
    for (int64_t i = 0; i < q->integers->count; i++) {
        int64_t channel = i / view->inner % view->rows;
        if (!(scale[channel] < 0)) continue;
        int64_t value = 2 * zeros[channel] - (*values)[i];
        if (dtype_wrap(q->integers->type, value) != value) return false;
        (*values)[i] = value;
    }
    return true;
}

static bool any_negative(const double *scale, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (scale[i] < 0) return true;
    return false;
}

/* The scale of every channel, times that of the fold. */
static double *scaled_scales(struct arena *arena, const struct quantized *q, const struct factor *view,
                             const double *scale)
{
    double *stored, *values = NEW_ARRAY(arena, double, (size_t)view->rows);
    if (!tensor_values(q->scales, arena, &stored, NULL)) return NULL;
    for (int64_t i = 0; i < view->rows; i++) values[i] = stored[q->scales->count == 1 ? 0 : i] * fabs(scale[i]);
    return values;
}

enum reason quantized_fits(struct decision *decision, const struct node *node, const struct factor *channels,
                           bool is_output, const double *scale)
{
    struct quantized q;
    const struct factor one_axis = along_one_axis(channels), *view = &one_axis;
    int64_t *values, bytes;
    enum reason reason = read_parts(decision, node, &q);
    if (reason) return reason;
    if (!runs_along(node, &q, view, is_output))
        return decision_stop(decision, REASON_QUANTIZED, node_title(node),
                             "its scales do not run along the output channels");
    double *scales = scaled_scales(decision->arena, &q, view, scale);
    for (int64_t i = 0; i < view->rows; i++)
        if (!scales || !isfinite(dtype_round(q.scales->type, scales[i])))
            return decision_stop(decision, REASON_NOT_FINITE, node_title(node), "channel %lld: its scale",
                                 (long long)i);
    if (!any_negative(scale, view->rows)) return REASON_NONE;
    if (!size_multiply(q.integers->count, sizeof(int64_t), &bytes)
        || !constants_fit(decision->constants, (uint64_t)bytes))
        return decision_stop(decision, REASON_BUDGET, node_title(node), "its integers would be mirrored in memory");
    if (!mirrored(decision->arena, &q, view, scale, &values))
        return decision_stop(decision, REASON_QUANTIZED, node_title(node),
                             "a negative scale would mirror an integer out of its type");
    return REASON_NONE;
}

struct value *quantized_scaled(struct decision *decision, const struct node *node, struct node *reader,
                               const struct factor *channels, const double *scale)
{
    struct quantized q;
    const struct factor one_axis = along_one_axis(channels), *view = &one_axis;
    struct arena *arena = decision->net->arena;
    enum reason reason = read_parts(decision, node, &q);
    double *scales = scaled_scales(decision->arena, &q, view, scale);
    struct value *inputs[3] = { node_input(node, 0), NULL, node_input(node, 2) };
    assert(!reason && scales);
    (void)reason;
    inputs[1] = edit_add_initializer(reader->graph, arena_printf(arena, "%s_fused", node_input(node, 1)->name),
                                     tensor_exact(arena, q.scales->type, 1, &view->rows, scales));
    if (q.zeros && q.zeros->count != view->rows)
        inputs[2] = edit_add_initializer(
            reader->graph, arena_printf(arena, "%s_fused", inputs[2]->name),
            tensor_whole(arena, q.zeros->type, 1, &view->rows, all_zeros(decision->arena, &q, view)));
    if (any_negative(scale, view->rows)) {
        int64_t *values;
        bool fits = mirrored(decision->arena, &q, view, scale, &values);
        assert(fits);
        (void)fits;
        inputs[0] =
            edit_add_initializer(reader->graph, arena_printf(arena, "%s_fused", inputs[0]->name),
                                 tensor_whole(arena, q.integers->type, q.integers->rank, q.integers->dims, values));
    }
    struct node *scaled = edit_add_node(reader->graph, reader, "DequantizeLinear", node_title(node), inputs,
                                        inputs[2] ? 3 : 2, node->outputs[0]);
    edit_set_int(scaled, "axis", channel_axis(&q, view));
    if (node_attribute(node, "output_dtype")) edit_set_int(scaled, "output_dtype", node_int(node, "output_dtype", 0));
    return scaled->outputs[0];
}
