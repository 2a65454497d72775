/* SPDX-License-Identifier: Apache-2.0
 *
 * The planes that shifts add under padding. */
#include "passes/algebra/shift_map.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "passes/algebra/affine_node.h"
#include "passes/decide/remark.h"

#include <math.h>
#include <string.h>

#define PAIRS_LIMIT (1 << 24) /* positions times taps */
#define WORK_MOST   (1 << 28) /* and times channels */
#define PIECE       4096

/* One spatial axis. */
struct window {
    int64_t in, out, kernel, stride, dilation, before;
    bool transposed;
};

/* Cells that are padded before the axis; false where the file does not say it in a way that is followed. */
static bool find_padding(const struct node *node, size_t i, struct window *w)
{
    const char *mode = node_text(node, "auto_pad", "NOTSET");
    int64_t reach, last;
    w->before = node_int_at(node, "pads", i, 0);
    if (strcmp(mode, "NOTSET") == 0) return !node_attribute(node, "output_shape");
    w->before = 0;
    if (strcmp(mode, "VALID") == 0) return !node_attribute(node, "output_shape");
    if (w->transposed || !size_multiply(w->out - 1, w->stride, &last)
        || !size_multiply(w->kernel - 1, w->dilation, &reach) || !size_add(last, reach + 1, &last))
        return false;
    int64_t total = last > w->in ? last - w->in : 0;
    w->before = strcmp(mode, "SAME_LOWER") == 0 ? total - total / 2 : total / 2;
    return true;
}

static bool find_window(const struct node *node, const struct tensor *weight, size_t i, struct window *w)
{
    const struct value *x = node_input(node, 0), *y = node_output(node, 0);
    int axis = (int)i + 2;
    if (x->shape.rank != weight->rank || y->shape.rank != weight->rank) return false;
    *w = (struct window){ .in = x->shape.dims[axis].size,
                          .out = y->shape.dims[axis].size,
                          .kernel = weight->dims[axis],
                          .stride = node_int_at(node, "strides", i, 1),
                          .dilation = node_int_at(node, "dilations", i, 1),
                          .transposed = operator_has(node, CONVOLVES_BACK) };
    return w->in > 0 && w->out > 0 && w->kernel > 0 && find_padding(node, i, w);
}

/* Whether tap k reads an element at position y. */
static bool reads(const struct window *w, int64_t y, int64_t k)
{
    int64_t at = w->transposed ? y + w->before - k * w->dilation : y * w->stride + k * w->dilation - w->before;
    if (w->transposed && at % w->stride != 0) return false;
    if (w->transposed) at /= w->stride;
    return at >= 0 && at < w->in;
}

/* For each position, whether each tap reads an element there. */
static bool *taps_read(struct arena *arena, const struct window *windows, int count, int64_t positions, int64_t taps)
{
    bool *read = NEW_ARRAY(arena, bool, (size_t)(positions * taps));
    for (int64_t p = 0; p < positions; p++)
        for (int64_t t = 0; t < taps; t++) {
            bool inside = true;
            int64_t position = p, tap = t;
            for (int i = count - 1; i >= 0; i--) {
                inside = inside && reads(&windows[i], position % windows[i].out, tap % windows[i].kernel);
                position /= windows[i].out;
                tap /= windows[i].kernel;
            }
            read[p * taps + t] = inside;
        }
    return read;
}

/* sum over the input channels of W*t, per output channel and tap. */
static double *tap_sums(struct decision *decision, const struct anchor_parts *l, const double *t, int64_t taps)
{
    double piece[PIECE], *sums = NEW_ARRAY(decision->arena, double, (size_t)(l->output_channels * taps));
    for (int64_t at = 0; at < l->weight->count; at += PIECE) {
        int64_t n = l->weight->count - at < PIECE ? l->weight->count - at : PIECE;
        if (!tensor_read_real(l->weight, at, n, piece, NULL)) return NULL;
        for (int64_t i = 0; i < n; i++)
            sums[view_channel(&l->output_view, at + i) * taps + (at + i) % taps] +=
                piece[i] * t[view_channel(&l->input_view, at + i)];
    }
    return sums;
}

bool shift_map_make(struct decision *decision, const struct node *node, const struct anchor_parts *l, const double *t,
                    int64_t most, struct shift_map *map)
{
    struct window windows[TENSOR_MAX_RANK];
    int64_t taps = 1, pairs, work;
    *map = (struct shift_map){ .rank = l->weight->rank, .channels = l->output_channels, .positions = 1 };
    if (l->quantized || !operator_has(node, CONVOLVES | CONVOLVES_BACK)) return false;
    map->dims[0] = 1;
    map->dims[1] = map->channels;
    int count = map->rank - 2;
    for (int i = 0; i < count; i++) {
        if (!find_window(node, l->weight, (size_t)i, &windows[i])) return false;
        map->dims[i + 2] = windows[i].out;
        taps *= windows[i].kernel;
        if (!size_multiply(map->positions, windows[i].out, &map->positions)) return false;
    }
    if (map->positions > most || !size_multiply(map->positions, taps, &pairs) || pairs > PAIRS_LIMIT) return false;
    if (!size_multiply(pairs, map->channels, &work) || work > WORK_MOST) return false;
    if (!constants_fit_doubles(decision->constants, map->positions * map->channels)) return false;
    const bool *read = taps_read(decision->arena, windows, count, map->positions, taps);
    const double *sums = tap_sums(decision, l, t, taps);
    if (!sums) return false;
    map->values = NEW_ARRAY(decision->arena, double, (size_t)(map->channels * map->positions));
    for (int64_t c = 0; c < map->channels; c++)
        for (int64_t p = 0; p < map->positions; p++)
            for (int64_t k = 0; k < taps; k++)
                if (read[p * taps + k]) map->values[c * map->positions + p] += sums[c * taps + k];
    return true;
}

/* Where element `i` of the weight comes to in the map. */
static int64_t place_in_map(const struct tensor *w, const struct map_axes *axes, const int64_t *steps, int64_t i)
{
    int64_t place = 0;
    for (int axis = w->rank - 1; axis >= 0; axis--) {
        if (axes->of_weight[axis] >= 0) place += i % w->dims[axis] * steps[axes->of_weight[axis]];
        i /= w->dims[axis];
    }
    return place;
}

bool shift_map_of_stack(struct decision *decision, const struct anchor_parts *l, const double *t, struct shift_map *map)
{
    const struct tensor *w = l->weight;
    double piece[PIECE];
    int64_t steps[TENSOR_MAX_RANK], count = 1;
    if (!l->map.rank || l->quantized) return false;
    *map = (struct shift_map){ .rank = l->map.rank, .channels = 1 };
    for (int i = map->rank - 1; i >= 0; i--) {
        steps[i] = count;
        map->dims[i] = l->map.dims[i];
        count *= map->dims[i];
    }
    map->positions = count;
    if (!constants_fit_doubles(decision->constants, count)) return false;
    map->values = NEW_ARRAY(decision->arena, double, (size_t)count);
    for (int64_t at = 0; at < w->count; at += PIECE) {
        int64_t n = w->count - at < PIECE ? w->count - at : PIECE;
        if (!tensor_read_real(w, at, n, piece, NULL)) return false;
        for (int64_t i = 0; i < n; i++)
            map->values[place_in_map(w, &l->map, steps, at + i)] +=
                l->weight_gain * piece[i] * t[view_channel(&l->input_view, at + i)];
    }
    return true;
}

/* Whether the reduction is over the axes from 2 on, all of them and no others. */
static bool reduces_all_positions(struct decision *decision, const struct node *reader, int rank)
{
    enum reason why;
    const int64_t *axes;
    int64_t read[TENSOR_MAX_RANK];
    bool seen[TENSOR_MAX_RANK] = { false };
    size_t count = node_ints(reader, "axes", &axes);
    struct value *value = node_input(reader, 1);
    const struct tensor *tensor = decision_constant(decision, value, &why);
    if (value) {
        if (!tensor || tensor->count > TENSOR_MAX_RANK || !tensor_read_whole(tensor, 0, tensor->count, read, NULL))
            return false;
        axes = read;
        count = (size_t)tensor->count;
    }
    if (count != (size_t)rank - 2) return false;
    for (size_t i = 0; i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 2 || axis >= rank || seen[axis]) return false;
        seen[axis] = true;
    }
    return true;
}

struct node *shift_map_average(struct decision *decision, const struct node *node)
{
    const struct value *y = node_output(node, 0);
    struct node *reader = y->use_count == 1 && !y->is_output ? y->uses->node : NULL;
    if (!reader || y->uses->slot != 0 || use_graph(y->uses) != y->graph || y->shape.rank < 3 || !node_output(reader, 0))
        return NULL;
    if (!operator_has(reader, AVERAGES)) return NULL;
    return !operator_has(reader, REDUCES) || reduces_all_positions(decision, reader, y->shape.rank) ? reader : NULL;
}

const struct affine *shift_map_mean(struct arena *arena, const struct shift_map *map)
{
    double *scale, *shift;
    struct affine *mean = affine_blank(arena, 1, map->channels, &scale, &shift);
    for (int64_t c = 0; c < map->channels; c++) {
        double sum = 0;
        for (int64_t p = 0; p < map->positions; p++) sum += map->values[c * map->positions + p];
        scale[c] = 1;
        shift[c] = sum / (double)map->positions;
    }
    return mean;
}

/* ---- An Add of the map ---- */

static void apply_map(struct decision *decision, const struct step *step)
{
    struct node *node = step->node;
    struct value *value = node_output(node, 0), *bare = edit_add_value(node->graph, value->name, value);
    const struct shift_map *map = step->map;
    edit_take_output(node, 0, bare);
    struct tensor *tensor = tensor_exact(node->graph->net->arena, step->value->type, map->rank, map->dims, map->values);
    const char *name = arena_printf(node->graph->net->arena, "%s_map", value->name);
    struct value *plane = edit_add_initializer(node->graph, name, tensor);
    struct node *add = affine_add_constant(node->graph, node->next, bare, plane, node_title(node));
    remark_share(add, decision->root);
    edit_take_output(add, 0, value);
    constants_spend(decision->constants, (uint64_t)dtype_size(tensor->type, tensor->count));
}

enum reason shift_map_add(struct decision *decision, struct node *node, const struct shift_map *map, enum dtype type)
{
    int64_t count = map->channels * map->positions;
    if (!affine_broadcasts(node->graph))
        return decision_stop(decision, REASON_PADDED_SHIFT, node_title(node), "Add does not broadcast at this opset");
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(dtype_round(type, map->values[i])))
            return decision_stop(decision, REASON_NOT_FINITE, node_title(node), "its shift under padding");
    struct shift_map *kept = NEW(decision->arena, struct shift_map);
    *kept = *map;
    struct step *step = decision_step(decision, apply_map, node);
    step->map = kept;
    step->has_sums = true;
    step->value = node_input(node, 1);
    work_add(&decision->cost.work, &node->outputs[0]->shape, 1);
    decision->cost.nodes++;
    return REASON_NONE;
}
