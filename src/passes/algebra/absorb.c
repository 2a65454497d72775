/* SPDX-License-Identifier: Apache-2.0
 *
 * What absorbing an affine does to the weight and the bias of a linear operator. */
#include "passes/algebra/absorb.h"

#include "base/hash.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "passes/algebra/absorb_constant.h"
#include "passes/algebra/bias.h"
#include "passes/algebra/quantized.h"
#include "passes/algebra/residue.h"
#include "passes/algebra/shift_map.h"
#include "passes/decide/extras.h"
#include "passes/decide/roots.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

static const struct tensor *scaled_weight(struct arena *arena, const struct tensor *weight, const struct factor *view,
                                          const double *scale)
{
    struct factor factor = *view;
    factor.scale = scale;
    return tensor_scaled(arena, weight, &factor);
}

#define PIECE 1024

/* The first element of the tensor, as it will be stored, that is not finite; -1 if none. -2 if it cannot be read. */
static int64_t first_not_finite(const struct tensor *tensor)
{
    double piece[PIECE];
    for (int64_t at = 0; at < tensor->count; at += PIECE) {
        int64_t n = tensor->count - at < PIECE ? tensor->count - at : PIECE;
        if (!tensor_read_rounded(tensor, at, n, piece, NULL)) return -2;
        double sum = 0;
        for (int64_t i = 0; i < n; i++) sum += piece[i] * 0; /* 0, or NaN if any is not finite */
        if (sum == 0) continue;
        for (int64_t i = 0; i < n; i++)
            if (!isfinite(piece[i])) return at + i;
    }
    return -1;
}

static enum reason check_weight(struct decision *decision, const struct node *node, const struct anchor_parts *l,
                                const struct factor *view, const double *scale)
{
    if (l->quantized) return quantized_fits(decision, l->quantized, view, view == &l->output_view, scale);
    if (decision->options->unread && l->weight->span.file) return REASON_NONE;
    const struct tensor *scaled = scaled_weight(decision->arena, l->weight, view, scale);
    if (tensor_bound(scaled) < (double)FLT_MAX) return REASON_NONE;
    int64_t at = first_not_finite(scaled);
    if (at == -1) return REASON_NONE;
    if (at == -2) return decision_stop(decision, REASON_WEIGHT_DYNAMIC, node_title(node), "its weight cannot be read");
    return decision_stop(decision, REASON_NOT_FINITE, node_title(node), "channel %lld: its weight would leave %s",
                         (long long)view_channel(view, at), dtype_name(l->weight->type));
}

/* weight_gain * W·t per output channel. */
static enum reason weight_times(struct decision *decision, const struct node *node, const struct anchor_parts *l,
                                const double *t, double **sums)
{
    double piece[PIECE];
    if (l->quantized) return decision_stop(decision, REASON_QUANTIZED, node_title(node), "a shift on its input");
    *sums = NEW_ARRAY(decision->arena, double, (size_t)l->output_channels);
    for (int64_t at = 0; at < l->weight->count; at += PIECE) {
        int64_t n = l->weight->count - at < PIECE ? l->weight->count - at : PIECE;
        if (!tensor_read_real(l->weight, at, n, piece, NULL))
            return decision_stop(decision, REASON_WEIGHT_DYNAMIC, node_title(node), "its weight cannot be read");
        for (int64_t i = 0; i < n; i++)
            (*sums)[view_channel(&l->output_view, at + i)] +=
                l->weight_gain * piece[i] * t[view_channel(&l->input_view, at + i)];
    }
    return REASON_NONE;
}

/* What a shift on the input adds to each output channel; also under padding, where every output reads the same taps. */
static enum reason shift_sums(struct decision *decision, const struct node *node, const struct anchor_parts *l,
                              const double *t, double **sums)
{
    struct shift_map map;
    if (!l->shift_stays) return weight_times(decision, node, l, t, sums);
    if (l->shift_stays == REASON_PADDED_SHIFT && shift_map_make(decision, node, l, t, 1, &map)) {
        *sums = map.values;
        return REASON_NONE;
    }
    return decision_stop(decision, l->shift_stays, node_title(node),
                         "a constant added to its input reaches its borders differently from its interior");
}

/* A weight that others read too is cloned, one that was computed is stored, and the model grows. */
static enum reason check_growth(struct decision *decision, const struct node *node, const struct anchor_parts *l)
{
    uint64_t bytes = l->quantized ? 0 : constant_growth(node_input(node, l->weight_slot), l->weight);
    if (bytes == 0 || (decision->kind->copies_weights && constants_fit(decision->constants, bytes))) return REASON_NONE;
    return decision_stop(decision, REASON_BUDGET, node_title(node),
                         "its weight is read by others or computed, and would be stored anew");
}

/* ---- The steps ---- */

/* What became of a weight; in a chain of those with the same hash. */
struct folded {
    const struct value *from;
    struct factor factor;
    struct value *value;
    struct folded *next;
};

static size_t factor_bytes(const struct factor *factor)
{
    return sizeof(double) * (size_t)(factor->rows * factor->columns);
}

static bool same_factor(const struct factor *a, const struct factor *b)
{
    return a->outer == b->outer && a->rows == b->rows && a->middle == b->middle && a->columns == b->columns
           && a->inner == b->inner && memcmp(a->scale, b->scale, factor_bytes(a)) == 0;
}

/* As a key of a map, which is never NULL. */
static const void *hash_of_fold(const struct value *from, const struct graph *graph, const struct factor *factor)
{
    uint64_t hash = hash_mix((uintptr_t)from, (uintptr_t)graph);
    for (int64_t i = 0; i < factor->rows * factor->columns; i++) {
        uint64_t bits;
        memcpy(&bits, &factor->scale[i], sizeof bits);
        hash = hash_mix(hash, bits);
        hash ^= hash >> 32;
    }
    return (const void *)(uintptr_t)(hash | 1);
}

/* A new initializer with the scaled weight; equal folds of a shared weight share it. */
static void apply_weight(struct decision *decision, const struct step *step, const struct anchor_parts *l,
                         const struct factor *view)
{
    struct arena *arena = decision->net->arena;
    struct value *old = node_input(step->node, l->weight_slot);
    if (l->quantized) {
        edit_set_input(step->node, l->weight_slot,
                       quantized_scaled(decision, l->quantized, step->node, view, step->affine->scale));
        return;
    }
    struct factor factor = *view;
    factor.scale = step->affine->scale;
    struct pointer_map *folds = constants_folds(decision->constants);
    const void *hash = hash_of_fold(old, step->node->graph, &factor);
    struct folded *known = pointer_map_get(folds, hash);
    for (struct folded *f = known; f; f = f->next) {
        if (f->from != old || f->value->graph != step->node->graph || !same_factor(&f->factor, &factor)) continue;
        edit_set_input(step->node, l->weight_slot, f->value);
        return;
    }
    struct tensor *scaled = tensor_scaled(arena, l->weight, &factor);
    constants_spend(decision->constants, constant_growth(old, l->weight));
    struct folded *f = NEW(folds->arena, struct folded);
    *f = (struct folded){ old, factor, NULL, known };
    f->factor.scale = scaled->factors[scaled->factor_count - 1].scale;
    f->value = edit_add_initializer(step->node->graph, fused_name(folds->arena, old->name), scaled);
    if (scaled->factor_count == l->weight->factor_count + 1) pointer_map_set(folds, hash, f);
    edit_set_input(step->node, l->weight_slot, f->value);
}

/* s*b + t in every row. */
static enum reason bias_for_output(struct decision *decision, const struct node *node, const struct anchor_parts *l,
                                   const struct affine *a, double **values)
{
    enum reason reason = bias_read(decision, node, l, values);
    if (reason) return reason;
    for (int64_t row = 0; row < l->bias_rows; row++)
        for (int64_t c = 0; c < l->output_channels; c++) {
            double *b = &(*values)[bias_index(l, row, c)];
            *b = *b * a->scale[c] + a->shift[c];
        }
    return REASON_NONE;
}

static enum reason bias_for_input(struct decision *decision, const struct node *node, const struct anchor_parts *l,
                                  const double *sums, double **values)
{
    enum reason reason = bias_read(decision, node, l, values);
    if (reason) return reason;
    for (int64_t row = 0; row < l->bias_rows; row++)
        for (int64_t c = 0; c < l->output_channels; c++) (*values)[bias_index(l, row, c)] += sums[c];
    return REASON_NONE;
}

/* Steps are decided on the node as it was and applied to the node as it is: an earlier step of the same decision may
 * have changed it (two branches that meet again), so the description is read anew. */
static void apply_output(struct decision *decision, const struct step *step)
{
    struct anchor_parts l;
    double *bias;
    enum reason reason = anchor_describe(decision, step->anchor, step->node, 0, false, step->affine->axis, &l);
    assert(reason == REASON_NONE);
    if (bias_changes(&l, step->node, step->affine)) {
        reason = bias_for_output(decision, step->node, &l, step->affine, &bias);
        assert(reason == REASON_NONE);
        bias_apply(decision, step->node, &l, step->affine->scale, bias);
    }
    if (affine_has_scale(step->affine)) apply_weight(decision, step, &l, &l.output_view);
    (void)reason;
}

static void apply_input(struct decision *decision, const struct step *step)
{
    struct anchor_parts l;
    double *sums, *bias;
    enum reason reason = anchor_describe(decision, step->anchor, step->node, step->slot, true, step->affine->axis, &l);
    assert(reason == REASON_NONE);
    if (l.bias_slot >= 0 && affine_has_shift(step->affine)) {
        reason = shift_sums(decision, step->node, &l, step->affine->shift, &sums);
        assert(reason == REASON_NONE);
        reason = bias_for_input(decision, step->node, &l, sums, &bias);
        assert(reason == REASON_NONE);
        bias_apply(decision, step->node, &l, NULL, bias);
    }
    if (affine_has_scale(step->affine)) apply_weight(decision, step, &l, &l.input_view);
    (void)reason;
}

/* ---- The decisions ---- */

static enum reason fit(struct decision *decision, const struct node *node, int axis, int64_t channels,
                       const struct affine **a)
{
    assert(axis >= 0);
    if ((*a)->spread)
        return decision_stop(decision, REASON_VARIES_INSIDE, node_title(node),
                             "its channels lie on several axes there");
    if ((*a)->axis != AXIS_ANY && (*a)->axis != axis)
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node),
                             "it mixes the channels (they lie on axis %d)", (*a)->axis);
    const struct affine *along = affine_along(decision->arena, *a, axis, channels);
    if (!along)
        return decision_stop(decision, REASON_MISMATCH, node_title(node), "%lld channels meet %lld",
                             (long long)(*a)->channels, (long long)channels);
    *a = along;
    return REASON_NONE;
}

static struct step *absorb(struct decision *decision, void (*apply)(struct decision *, const struct step *),
                           const struct anchor *anchor, struct node *node, size_t slot, const struct affine *a)
{
    struct step *step = decision_step(decision, apply, node);
    step->anchor = anchor;
    step->slot = slot;
    step->affine = a;
    decision->words.where = node_title(node);
    return step;
}

/* Whether a step of the decision changes the weights of the node already: what a shift on its input comes to, computed
 * from those of now, would not be so. */
static bool is_absorbing(const struct decision *decision, const struct node *node)
{
    for (const struct step *step = decision_steps_of(decision, node); step; step = step->earlier)
        if (step->anchor) return true;
    return false;
}

/* Whether weights that change now come too late for a step. */
static bool has_sums(const struct decision *decision, const struct node *node)
{
    for (const struct step *step = decision_steps_of(decision, node); step; step = step->earlier)
        if (step->has_sums) return true;
    return false;
}

static enum reason stop_at_sums(struct decision *decision, const struct node *node)
{
    return decision_stop(decision, REASON_PADDED_SHIFT, node_title(node),
                         "its weights change, and so does what a shift on its input comes to");
}

enum reason absorb_output(struct decision *decision, const struct anchor *anchor, struct node *node,
                          const struct affine *a)
{
    struct anchor_parts l;
    double *bias;
    enum reason reason = anchor_describe(decision, anchor, node, 0, false, a->axis, &l);
    if (!reason && has_sums(decision, node)) reason = stop_at_sums(decision, node);
    if (!reason) reason = fit(decision, node, l.output_axis, l.output_channels, &a);
    if (!reason && affine_has_scale(a)) reason = check_growth(decision, node, &l);
    if (!reason && affine_has_scale(a)) reason = check_weight(decision, node, &l, &l.output_view, a->scale);
    if (!reason && bias_changes(&l, node, a)) {
        reason = bias_for_output(decision, node, &l, a, &bias);
        if (!reason) reason = bias_check(decision, node, &l, a->scale, bias);
    }
    if (reason) return reason;
    absorb(decision, apply_output, anchor, node, 0, a);
    if (l.bias_slot < 0 && affine_has_shift(a))
        return residue_after(decision, node, 0, affine_shift_only(decision->arena, a));
    return REASON_NONE;
}

/* s*x + t = s*(x + t/s): the shift that is left when the scale alone is absorbed. NULL where it does not exist. */
static const struct affine *shift_before_scale(struct arena *arena, const struct affine *a)
{
    double *shift = NEW_ARRAY(arena, double, (size_t)a->channels);
    for (int64_t c = 0; c < a->channels; c++) {
        shift[c] = a->shift[c] / a->scale[c];
        if (!isfinite(shift[c])) return NULL;
    }
    return affine_new(arena, a->axis, a->channels, vector_of(arena, a->channels, 1), shift);
}

enum reason absorb_input(struct decision *decision, const struct anchor *anchor, struct node *node, size_t slot,
                         const struct affine *a)
{
    struct anchor_parts l;
    struct shift_map map;
    double *sums, *bias;
    enum reason reason = anchor_describe(decision, anchor, node, slot, true, a->axis, &l);
    if (!reason) reason = fit(decision, node, l.input_axis, l.input_channels, &a);
    if (reason) return reason;
    bool shift = affine_has_shift(a);
    if (shift) reason = shift_sums(decision, node, &l, a->shift, &sums);
    if (shift && (reason || l.bias_slot < 0) && is_absorbing(decision, node)) return stop_at_sums(decision, node);
    if (reason == REASON_NON_LINEAR && shift_map_of_stack(decision, &l, a->shift, &map)) {
        reason = shift_map_add(decision, node, &map, l.weight->type);
        if (reason) return reason;
        a = affine_scale_only(decision->arena, a);
        shift = false;
    } else if (reason == REASON_PADDED_SHIFT && is_enabled(decision->options, EXTRA_SHIFT_MAP)
               && shift_map_make(decision, node, &l, a->shift, INT64_MAX, &map)) {
        reason = shift_map_add(decision, node, &map, l.weight->type);
        if (reason) return reason;
        a = affine_scale_only(decision->arena, a);
        shift = false;
    } else if (reason == REASON_PADDED_SHIFT && is_enabled(decision->options, EXTRA_BEFORE_PADDED_CONV)) {
        const struct affine *on_input = shift_before_scale(decision->arena, a);
        reason = on_input ? residue_before(decision, node, slot, on_input) : REASON_PADDED_SHIFT;
        if (reason) return reason;
        a = affine_scale_only(decision->arena, a);
        shift = false;
    }
    if (reason) return reason;
    if (affine_has_scale(a)) reason = check_growth(decision, node, &l);
    if (!reason && affine_has_scale(a)) reason = check_weight(decision, node, &l, &l.input_view, a->scale);
    if (!reason && shift && l.bias_slot >= 0) {
        reason = bias_for_input(decision, node, &l, sums, &bias);
        if (!reason) reason = bias_check(decision, node, &l, NULL, bias);
    }
    if (reason) return reason;
    struct step *step = absorb(decision, apply_input, anchor, node, slot, a);
    step->has_sums = shift && l.bias_slot < 0;
    if (!step->has_sums) return REASON_NONE;
    const double *ones = vector_of(decision->arena, l.output_channels, 1);
    const struct affine *left = affine_new(decision->arena, l.output_axis, l.output_channels, ones, sums);
    return residue_joins(decision, node, left) ? REASON_NONE : residue_after(decision, node, 0, left);
}

const struct affine *absorb_padded(struct decision *decision, const struct anchor *anchor, struct node *node,
                                   size_t slot, const struct affine *a, const struct node *average)
{
    struct anchor_parts l;
    struct shift_map map;
    if (!average || anchor_describe(decision, anchor, node, slot, true, a->axis, &l)
        || fit(decision, node, l.input_axis, l.input_channels, &a)
        || !shift_map_make(decision, node, &l, a->shift, INT64_MAX, &map) || is_absorbing(decision, node)
        || absorb_input(decision, anchor, node, slot, affine_scale_only(decision->arena, a)))
        return NULL;
    for (struct step *step = decision_steps_of(decision, node); step; step = step->earlier) step->has_sums = true;
    return shift_map_mean(decision->arena, &map);
}
