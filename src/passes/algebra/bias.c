/* SPDX-License-Identifier: Apache-2.0
 *
 * The bias of a linear operator, read in full and written anew. */
#include "passes/algebra/bias.h"

#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "passes/algebra/affine.h"
#include "passes/algebra/quantized.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

int64_t bias_count(const struct anchor_parts *l)
{
    return l->bias_rows * (l->output_channels / l->bias_block) * l->bias_stride;
}

int64_t bias_index(const struct anchor_parts *l, int64_t row, int64_t channel)
{
    int64_t per_row = l->output_channels / l->bias_block * l->bias_stride;
    return row * per_row + channel / l->bias_block * l->bias_stride + channel % l->bias_block;
}

/* The DequantizeLinear that writes the bias; NULL if none does. */
static const struct node *quantized_bias(const struct node *node, const struct anchor_parts *l)
{
    const struct value *value = node_input(node, (size_t)l->bias_slot);
    return value && quantized_is(value) ? value->writer : NULL;
}

/* A bias of integers, which is one vector and is added as it is. */
static enum reason read_quantized_bias(struct decision *decision, const struct node *node, const struct anchor_parts *l,
                                       double **values)
{
    const struct node *source = quantized_bias(node, l);
    bool is_plain = l->bias_rows == 1 && l->bias_gain == 1 && bias_count(l) == l->output_channels;
    *values = is_plain ? quantized_values(decision, source, l->output_channels) : NULL;
    if (*values) return REASON_NONE;
    return decision_stop(decision, REASON_QUANTIZED, node_title(source), "the bias of %s", node_title(node));
}

/* The bias in full, bias_gain applied, zeros when absent: by broadcasting what is stored. */
enum reason bias_read(struct decision *decision, const struct node *node, const struct anchor_parts *l, double **values)
{
    enum reason why;
    int64_t count = bias_count(l);
    if (l->bias_rows > 1 && !constants_fit_doubles(decision->constants, count))
        return decision_stop(decision, REASON_BUDGET, node_title(node),
                             "its bias would become a matrix of %lld elements", (long long)count);
    *values = NEW_ARRAY(decision->arena, double, (size_t)count);
    struct value *value = node_input(node, (size_t)l->bias_slot);
    if (!value) return REASON_NONE;
    const struct tensor *bias = decision_constant(decision, value, &why);
    if (!bias && quantized_bias(node, l)) return read_quantized_bias(decision, node, l, values);
    if (!bias)
        return decision_stop(decision, why == REASON_OVERRIDABLE ? REASON_WEIGHT_OVERRIDE : REASON_WEIGHT_DYNAMIC,
                             value->name, "the bias of %s", node_title(node));
    double *stored;
    int64_t last = bias->rank ? bias->dims[bias->rank - 1] : 1, rows = last ? bias->count / last : 0;
    bool fits = dtype_kind(bias->type) == KIND_REAL
                && (bias->count == count
                    || (l->bias_broadcasts && bias->rank <= 2 && (last == 1 || last == l->output_channels)
                        && (rows == 1 || rows == l->bias_rows)));
    if (!fits)
        return decision_stop(decision, REASON_MISMATCH, value->name, "the bias of %s does not fit its weight",
                             node_title(node));
    if (!tensor_values(bias, decision->arena, &stored, NULL))
        return decision_stop(decision, REASON_WEIGHT_DYNAMIC, value->name, "the bias of %s cannot be read",
                             node_title(node));
    for (int64_t i = 0; i < count; i++) {
        int64_t from = bias->count == count
                           ? i
                           : (rows == 1 ? 0 : i / l->output_channels * last) + (last == 1 ? 0 : i % l->output_channels);
        (*values)[i] = l->bias_gain * stored[from];
    }
    return REASON_NONE;
}

enum reason bias_check(struct decision *decision, const struct node *node, const struct anchor_parts *l,
                       const double *scale, const double *values)
{
    const struct node *source = quantized_bias(node, l);
    if (source && !scale) scale = vector_of(decision->arena, l->output_channels, 1);
    if (source) return quantized_restates(decision, source, l->output_channels, scale, values);
    for (int64_t i = 0; i < bias_count(l); i++)
        if (!isfinite(dtype_round(l->weight->type, values[i])))
            return decision_stop(decision, REASON_NOT_FINITE, node_title(node), "channel %lld: its bias would leave %s",
                                 (long long)(i % l->output_channels), dtype_name(l->weight->type));
    return REASON_NONE;
}

/* What was folded before keeps its suffix, without the number that made it unique: a name does not grow with the
 * folds. */
const char *fused_name(struct arena *arena, const char *name)
{
    static const char suffix[] = "_fused";
    size_t length = strlen(name), end = sizeof suffix - 1, bare = length;
    while (bare > 0 && isdigit((unsigned char)name[bare - 1])) bare--;
    if (bare == length || bare == 0 || name[--bare] != '_') bare = length;
    if (bare < end || strncmp(name + bare - end, suffix, end) != 0) return arena_printf(arena, "%s%s", name, suffix);
    return bare == length ? name : arena_printf(arena, "%.*s", (int)bare, name);
}

void bias_apply(struct decision *decision, struct node *node, const struct anchor_parts *l, const double *scale,
                const double *values)
{
    struct arena *arena = decision->net->arena;
    struct value *old = node_input(node, (size_t)l->bias_slot), *weight = node_input(node, l->weight_slot);
    const struct node *source = quantized_bias(node, l);
    if (source) {
        if (!scale) scale = vector_of(decision->arena, l->output_channels, 1);
        edit_set_input(node, (size_t)l->bias_slot,
                       quantized_restated(decision, source, node, l->output_channels, scale, values));
        return;
    }
    const char *name = old ? fused_name(arena, old->name) : arena_printf(arena, "%s_bias", weight->name);
    struct tensor *bias = tensor_exact(arena, l->weight->type, l->bias_rank, l->bias_dims, values);
    edit_set_input(node, (size_t)l->bias_slot, edit_add_initializer(node->graph, name, bias));
    if (l->bias_gain != 1) edit_remove_attribute(node, "beta");
    if (l->bias_by_attribute) edit_set_int(node, "broadcast", 1);
}

bool bias_changes(const struct anchor_parts *l, const struct node *node, const struct affine *a)
{
    return l->bias_slot >= 0 && (node_input(node, (size_t)l->bias_slot) || affine_has_shift(a));
}
