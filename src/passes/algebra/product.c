/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrices that take a diagonal, or another matrix. */
#include "passes/algebra/product.h"

#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/bias.h"
#include "passes/decide/roots.h"

#include <assert.h>
#include <math.h>

bool product_of(struct decision *decision, const struct node *node, const struct value *x, struct anchor_parts *parts)
{
    const struct anchor *anchor = anchor_of_output(node);
    if (!anchor || anchor_describe(decision, anchor, node, 0, false, AXIS_ANY, parts)) return false;
    const struct value *result = node_output(node, 0);
    return parts->is_product && !parts->quantized && node_input(node, parts->data_slot) == x
           && x->shape.rank == result->shape.rank && parts->input_axis >= 0 && parts->input_axis == parts->output_axis;
}

/* All elements of the weight; NULL where they cannot be read, or do not fit the limit. */
static double *read_weight(struct decision *decision, const struct node *node, const struct anchor_parts *l)
{
    double *values;
    if (node_input(node, l->weight_slot)->use_count > 1 && !decision->kind->copies_weights) return NULL;
    if (!constants_fit_doubles(decision->constants, l->weight->count)
        || !tensor_values(l->weight, decision->arena, &values, NULL))
        return NULL;
    return values;
}

static void store_weight(struct decision *decision, struct node *node, const struct anchor_parts *l,
                         const double *values)
{
    struct arena *arena = decision->net->arena;
    const struct tensor *w = l->weight;
    edit_set_input(node, l->weight_slot,
                   edit_add_initializer(node->graph, fused_name(arena, node_input(node, l->weight_slot)->name),
                                        tensor_exact(arena, w->type, w->rank, w->dims, values)));
}

/* ---- A diagonal ---- */

/* sign*W with s on the diagonal, and sign*b + t in every row (NULL: there is no bias). */
static enum reason with_diagonal(struct decision *decision, const struct node *node, const struct anchor_parts *l,
                                 double sign, const struct affine *a, double **weight, double **bias)
{
    *weight = read_weight(decision, node, l);
    *bias = NULL;
    if (!*weight)
        return decision_stop(decision, REASON_BUDGET, node_title(node), "its weight would be changed in memory");
    for (int64_t i = 0; i < l->weight->count; i++) {
        int64_t channel = view_channel(&l->output_view, i);
        (*weight)[i] *= sign;
        if (channel == view_channel(&l->input_view, i)) (*weight)[i] += a->scale[channel] / l->weight_gain;
    }
    if (!dtype_all_finite(l->weight->type, *weight, l->weight->count))
        return decision_stop(decision, REASON_NOT_FINITE, node_title(node), "its diagonal would not be finite");
    if (l->bias_slot < 0 || (!node_input(node, (size_t)l->bias_slot) && !affine_has_shift(a))) return REASON_NONE;
    enum reason reason = bias_read(decision, node, l, bias);
    for (int64_t row = 0; !reason && row < l->bias_rows; row++)
        for (int64_t c = 0; c < l->output_channels; c++) {
            double *b = &(*bias)[bias_index(l, row, c)];
            *b = sign * *b + a->shift[c];
        }
    return reason ? reason : bias_check(decision, node, l, NULL, *bias);
}

static void apply_diagonal(struct decision *decision, const struct step *step)
{
    struct anchor_parts l;
    double *weight, *bias;
    enum reason reason = anchor_describe(decision, step->anchor, step->node, 0, false, AXIS_ANY, &l);
    if (!reason) reason = with_diagonal(decision, step->node, &l, step->number, step->affine, &weight, &bias);
    assert(!reason);
    (void)reason;
    if (bias) bias_apply(decision, step->node, &l, NULL, bias);
    store_weight(decision, step->node, &l, weight);
}

/* The place of the term is taken by its shift, which aligns at the right; where it is subtracted, by the opposite. */
static void apply_shift_stays(struct decision *decision, const struct step *step)
{
    struct arena *arena = decision->net->arena;
    const struct affine *a = step->affine;
    struct value *output = step->node->outputs[0];
    const struct use *use = output->uses;
    double sign = affine_sum_sign(use->node, use->slot), *shift = NEW_ARRAY(arena, double, (size_t)a->channels);
    int64_t dims[TENSOR_MAX_RANK] = { a->channels };
    int rank = output->shape.rank - a->axis;
    for (int i = 1; i < rank; i++) dims[i] = 1;
    for (int64_t c = 0; c < a->channels; c++) shift[c] = sign * a->shift[c];
    edit_set_input(use->node, use->slot,
                   edit_add_initializer(output->graph, arena_printf(arena, "%s_shift", node_title(step->node)),
                                        tensor_exact(arena, output->type, rank, dims, shift)));
}

enum reason product_absorbs(struct decision *decision, struct node *node, double sign, const struct value *x,
                            struct node *term, const struct affine *a)
{
    struct anchor_parts l;
    double *weight, *bias;
    if (!product_of(decision, node, x, &l) || l.weight_gain == 0)
        return decision_stop(decision, REASON_READ_ELSEWHERE, x->name, "it is no product with a matrix");
    a = affine_along(decision->arena, a, l.output_axis, l.output_channels);
    if (!a || l.input_channels != l.output_channels)
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it has other channels out than in");
    const struct node *sum = term->outputs[0]->uses->node;
    const bool stays = l.bias_slot < 0 && affine_has_shift(a);
    if (stays && (sign < 0 || !operator_has(sum, BROADCASTS) || term->outputs[0]->type != l.weight->type))
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it has no bias");
    enum reason reason = with_diagonal(decision, node, &l, sign, a, &weight, &bias);
    if (reason) return reason;
    struct step *step = decision_step(decision, apply_diagonal, node);
    step->anchor = anchor_of_output(node);
    step->affine = a;
    step->number = sign;
    if (stays) decision_step(decision, apply_shift_stays, term)->affine = a;
    decision->words.where = node_title(node);
    return REASON_NONE;
}

/* ---- Another matrix ---- */

static bool fit(const struct anchor_parts *a, const struct anchor_parts *b)
{
    const struct tensor *v = a->weight, *w = b->weight;
    int64_t pairs;
    if (v->type != w->type || a->input_channels != b->input_channels || a->output_channels != b->output_channels)
        return false;
    /* One matrix each, or stacks of them that are stored alike. */
    if (v->count != w->count || !size_multiply(a->input_channels, a->output_channels, &pairs)) return false;
    bool alike = v->rank == w->rank && a->output_view.inner == b->output_view.inner;
    for (int i = 0; alike && i < v->rank; i++) alike = v->dims[i] == w->dims[i];
    return (alike || v->count == pairs) && a->weight_gain != 0 && a->bias_rows <= 1 && b->bias_rows <= 1;
}

/* Where the other weight has what `i` is in this one. */
static int64_t same_pair(const struct anchor_parts *a, const struct anchor_parts *b, int64_t i)
{
    if (a->output_view.inner == b->output_view.inner) return i;
    int64_t out = view_channel(&a->output_view, i), in = view_channel(&a->input_view, i);
    return out * b->output_view.inner + in * b->input_view.inner;
}

bool product_merge(struct decision *decision, struct node *into, const struct node *other)
{
    struct anchor_parts a, b;
    double *weight, *added, *bias = NULL, *more = NULL;
    const struct anchor *anchor = anchor_of_output(into);
    if (!anchor || anchor_describe(decision, anchor, into, 0, false, AXIS_ANY, &a)) return false;
    const struct value *x = node_input(into, a.data_slot);
    if (!product_of(decision, into, x, &a) || !product_of(decision, other, x, &b)) return false;
    bool has_bias = b.bias_slot >= 0 && node_input(other, (size_t)b.bias_slot);
    if (!fit(&a, &b) || a.output_axis != b.output_axis || (has_bias && a.bias_slot < 0)) return false;
    if (!(weight = read_weight(decision, into, &a)) || !(added = read_weight(decision, other, &b))) return false;
    for (int64_t i = 0; i < a.weight->count; i++)
        weight[i] += added[same_pair(&a, &b, i)] * b.weight_gain / a.weight_gain;
    if (!dtype_all_finite(a.weight->type, weight, a.weight->count)) return false;
    if (has_bias) {
        if (bias_read(decision, into, &a, &bias) || bias_read(decision, other, &b, &more)) return false;
        for (int64_t c = 0; c < a.output_channels; c++) bias[bias_index(&a, 0, c)] += more[bias_index(&b, 0, c)];
        if (bias_check(decision, into, &a, NULL, bias)) return false;
        bias_apply(decision, into, &a, NULL, bias);
    }
    store_weight(decision, into, &a, weight);
    return true;
}
