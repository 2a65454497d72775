/* SPDX-License-Identifier: Apache-2.0
 *
 * Absorbing an affine into the center taps of a Conv beside it. */
#include "passes/algebra/sibling.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/bias.h"
#include "passes/algebra/product.h"
#include "passes/decide/remark.h"
#include "passes/decide/roots.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { SUM_DEPTH = 8, SUM_TERMS = 64 }; /* of sums in sums; looked at in each, as each root of thousands would */

/* The affine that is added, and what it is of. */
struct added {
    struct node *root;
    const struct value *x;
    const struct affine *a;
};

bool is_sum(const struct node *node)
{
    return affine_sum_sign(node, 0) > 0 && affine_sum_sign(node, 1) > 0 && affine_terms_align(node);
}

bool is_difference(const struct node *node)
{
    return affine_sum_sign(node, 0) > 0 && affine_sum_sign(node, 1) < 0 && affine_terms_align(node);
}

/* Only one node of the same graph reads it. */
bool sum_has_alone(const struct value *value)
{
    return value->use_count == 1 && !value->is_output && use_graph(value->uses) == value->graph;
}

/* Cells that the Conv pads before the first element of a spatial axis; -1 where that is not known. */
static int64_t pad_before(const struct node *conv, size_t i, int64_t reach)
{
    const char *mode = node_text(conv, "auto_pad", "NOTSET");
    if (strcmp(mode, "SAME_UPPER") == 0) return reach / 2;
    if (strcmp(mode, "SAME_LOWER") == 0) return reach - reach / 2;
    if (strcmp(mode, "VALID") == 0) return 0;
    return node_int_at(conv, "pads", i, 0);
}

static int64_t pad_after(const struct node *conv, size_t i, size_t axes, int64_t reach)
{
    const char *mode = node_text(conv, "auto_pad", "NOTSET");
    if (strcmp(mode, "SAME_UPPER") == 0 || strcmp(mode, "SAME_LOWER") == 0) return reach - pad_before(conv, i, reach);
    if (strcmp(mode, "VALID") == 0) return 0;
    return node_int_at(conv, "pads", axes + i, 0);
}

/* The place, within one kernel of the weight, of the tap that is on the element itself; -1 when there is none, or the
 * output is not of the input's size. */
static int64_t center_tap(const struct node *conv, const struct tensor *w)
{
    int64_t place = 0;
    size_t axes = (size_t)w->rank - 2;
    for (size_t i = 0; i < axes; i++) {
        int64_t size = w->dims[i + 2], dilation = node_int_at(conv, "dilations", i, 1), reach;
        if (node_int_at(conv, "strides", i, 1) != 1 || !size_multiply(size - 1, dilation, &reach)) return -1;
        int64_t before = pad_before(conv, i, reach);
        if (before < 0 || before % dilation != 0 || before > reach) return -1;
        if (before + pad_after(conv, i, axes, reach) != reach) return -1;
        place = place * size + before / dilation;
    }
    return place;
}

struct taps {
    const struct tensor *weight, *bias; /* bias may be NULL */
    int64_t channels, columns, inner, center;
};

static enum reason unfit(struct decision *decision, const struct node *conv, const char *why)
{
    return decision_stop(decision, REASON_NON_LINEAR, node_title(conv), "%s", why);
}

static enum reason find_taps(struct decision *decision, const struct node *conv, const struct affine *a,
                             struct taps *taps)
{
    enum reason why;
    struct value *weight = node_input(conv, 1), *bias = node_input(conv, 2);
    *taps = (struct taps){ .weight = decision_constant(decision, weight, &why) };
    if (!taps->weight || dtype_kind(taps->weight->type) != KIND_REAL || taps->weight->rank < 3)
        return decision_stop(decision, REASON_WEIGHT_DYNAMIC, node_title(conv), "its weight is not constant");
    if (bias && !(taps->bias = decision_constant(decision, bias, &why)))
        return decision_stop(decision, REASON_WEIGHT_DYNAMIC, node_title(conv), "its bias is not constant");
    const struct tensor *w = taps->weight;
    int64_t groups = node_int(conv, "group", 1);
    taps->channels = w->dims[0];
    taps->columns = w->dims[1];
    taps->inner = taps->columns > 0 && w->dims[0] > 0 ? w->count / w->dims[0] / taps->columns : 0;
    taps->center = center_tap(conv, w);
    if (taps->center < 0) return unfit(decision, conv, "none of its taps lies on the element itself");
    if (groups < 1 || taps->columns * groups != taps->channels || taps->channels != a->channels)
        return unfit(decision, conv, "it has more or fewer channels out than in");
    if (taps->bias && taps->bias->count != taps->channels) return unfit(decision, conv, "its bias does not fit");
    return REASON_NONE;
}

/* sign*W with s on the center taps, and sign*b + t. */
static bool add_affine(struct arena *arena, const struct taps *taps, double sign, const struct affine *a,
                       double **weight, double **bias)
{
    *bias = NEW_ARRAY(arena, double, (size_t)taps->channels);
    if (!tensor_values(taps->weight, arena, weight, NULL)) return false;
    if (taps->bias && !tensor_values(taps->bias, arena, bias, NULL)) return false;
    for (int64_t i = 0; i < taps->weight->count; i++) (*weight)[i] *= sign;
    for (int64_t c = 0; c < taps->channels; c++) {
        double *tap = &(*weight)[(c * taps->columns + c % taps->columns) * taps->inner + taps->center];
        *tap += a->scale[c];
        (*bias)[c] = sign * (*bias)[c] + a->shift[c];
        if (!isfinite(dtype_round(taps->weight->type, *tap)) || !isfinite(dtype_round(taps->weight->type, (*bias)[c])))
            return false;
    }
    return true;
}

static void apply_taps(struct decision *decision, const struct step *step)
{
    struct taps taps;
    double *weight, *bias;
    struct node *conv = step->node;
    struct arena *arena = decision->net->arena;
    bool fits = !find_taps(decision, conv, step->affine, &taps)
                && add_affine(decision->arena, &taps, step->number, step->affine, &weight, &bias);
    assert(fits);
    (void)fits;
    enum dtype type = taps.weight->type;
    struct value *old = node_input(conv, 1), *old_bias = node_input(conv, 2);
    const char *bias_name = old_bias ? fused_name(arena, old_bias->name) : arena_printf(arena, "%s_bias", old->name);
    edit_set_input(conv, 1,
                   edit_add_initializer(conv->graph, fused_name(arena, old->name),
                                        tensor_exact(arena, type, taps.weight->rank, taps.weight->dims, weight)));
    if (old_bias || affine_has_shift(step->affine))
        edit_set_input(
            conv, 2, edit_add_initializer(conv->graph, bias_name, tensor_exact(arena, type, 1, &taps.channels, bias)));
}

static enum reason conv_absorbs(struct decision *decision, struct node *conv, double sign, const struct affine *a)
{
    struct taps taps;
    double *weight, *bias;
    enum reason reason = find_taps(decision, conv, a, &taps);
    if (reason) return reason;
    if (!constants_fit_doubles(decision->constants, taps.weight->count))
        return decision_stop(decision, REASON_BUDGET, node_title(conv), "its weight would be changed in memory");
    if (!add_affine(decision->arena, &taps, sign, a, &weight, &bias))
        return decision_stop(decision, REASON_NOT_FINITE, node_title(conv), "a center tap would not be finite");
    struct step *step = decision_step(decision, apply_taps, conv);
    step->affine = a;
    step->number = sign;
    decision->words.where = node_title(conv);
    return REASON_NONE;
}

static bool is_conv_of(const struct node *node, const struct value *x)
{
    return operator_has(node, CONVOLVES) && node_input(node, 0) == x;
}

/* What writes a term, or (sign -1) its opposite, takes the affine. */
static enum reason absorb_into(struct decision *decision, struct node *writer, double sign, const struct added *added)
{
    const struct value *x = added->x;
    if (!is_conv_of(writer, x)) return product_absorbs(decision, writer, sign, x, added->root, added->a);
    if (x->shape.rank < 3) return decision_stop(decision, REASON_NON_LINEAR, x->name, "its channels are not on axis 1");
    const struct affine *along = added->a;
    if (along->axis == AXIS_ANY && x->shape.dims[1].size > 0)
        along = affine_along(decision->arena, along, 1, x->shape.dims[1].size);
    if (!along || along->axis != 1)
        return decision_stop(decision, REASON_NON_LINEAR, x->name, "its channels are not on axis 1");
    return conv_absorbs(decision, writer, sign, along);
}

/* Looks for a Conv or a product of `x` that nothing but the sum reads, among the terms of the sum. */
static enum reason search_terms(struct decision *decision, const struct node *sum, const struct added *added, int depth)
{
    enum reason reason = decision_stop(decision, REASON_READ_ELSEWHERE, added->x->name, "no Conv of it is added");
    for (size_t i = 0; i < sum->input_count && i < SUM_TERMS; i++) {
        const struct value *term = node_input(sum, i);
        struct node *writer = term->writer;
        if (!writer || writer == added->root || term->graph != sum->graph || !sum_has_alone(term)) continue;
        if (is_sum(writer)) {
            if (depth == 0 || search_terms(decision, writer, added, depth - 1)) continue;
        } else if (!anchor_of_output(writer) || (reason = absorb_into(decision, writer, 1, added))) {
            continue;
        }
        decision_rename(decision, writer->outputs[0]);
        return REASON_NONE;
    }
    return reason;
}

static const struct affine *opposite(struct decision *decision, const struct affine *a, double sign)
{
    double *scale, *shift;
    struct affine *taken = affine_blank(decision->arena, a->axis, a->channels, &scale, &shift);
    for (int64_t c = 0; c < a->channels; c++) {
        scale[c] = sign * a->scale[c];
        shift[c] = sign * a->shift[c];
    }
    return taken;
}

/* conv - (s*x + t) and (s*x + t) - conv, where the Conv or product itself is the other side. */
static enum reason difference_absorbs(struct decision *decision, const struct node *difference, size_t slot,
                                      struct added added)
{
    const struct value *other = node_input(difference, 1 - slot);
    struct node *writer = other->writer;
    if (!writer || !anchor_of_output(writer) || other->graph != difference->graph || !sum_has_alone(other))
        return decision_stop(decision, REASON_READ_ELSEWHERE, added.x->name, "no Conv of it is on the other side");
    double sign = slot == 0 ? -1 : 1;
    added.a = opposite(decision, added.a, -sign);
    enum reason reason = absorb_into(decision, writer, sign, &added);
    if (!reason) decision_rename(decision, writer->outputs[0]);
    return reason;
}

enum reason sibling_absorbs(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    const struct added added = { root, node_input(root, slot), a };
    struct value *output = root->outputs[0];
    struct node *sum = sum_has_alone(output) ? output->uses->node : NULL;
    if (sum && is_difference(sum)) return difference_absorbs(decision, sum, output->uses->slot, added);
    if (!sum || !is_sum(sum))
        return decision_stop(decision, REASON_READ_ELSEWHERE, added.x->name, "it is not added to anything");
    return search_terms(decision, sum, &added, SUM_DEPTH);
}

void sum_remove_term(struct node *sum, size_t slot)
{
    size_t last = sum->input_count - 1;
    for (size_t i = slot; i < last; i++) edit_set_input(sum, i, node_input(sum, i + 1));
    edit_set_input(sum, last, NULL);
    if (sum->input_count == 1) root_remove(sum, 0);
}

void sibling_remove(struct node *root)
{
    const struct use *use = root->outputs[0]->uses;
    if (use) sum_remove_term(use->node, use->slot); /* no use: a constant took its place */
    remark_forget(root);
    edit_remove_node(root);
}
