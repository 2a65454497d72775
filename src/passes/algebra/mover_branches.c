/* SPDX-License-Identifier: Apache-2.0
 *
 * Movers with several branches: Add, Sum and Sub share a scale among them; Mul, Div, MatMul and Einsum take it into
 * one. */
#include "passes/algebra/crossing.h"

#include "onnx/graph/attr.h"
#include "passes/algebra/absorb_constant.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/equation.h"

/* The axis of branch `slot` on which that of `a` falls, which is on the output, if the branch has all the channels
 * there. */
static bool branch_axis(const struct crossing *x, const struct affine *a, size_t slot, int *axis)
{
    if (a->axis == AXIS_ANY) {
        /* One number for all elements: any branch takes it, if it is no narrower than the others need. */
        *axis = AXIS_ANY;
        return true;
    }
    int out_rank = value_rank(crossing_output(x, 0)), rank = value_rank(crossing_input(x, slot));
    if (out_rank < 0 || rank < 0) return false;
    *axis = a->axis - (out_rank - rank);
    return *axis >= 0 && value_size(crossing_input(x, slot), *axis) == a->channels;
}

/* The shift goes where it is free: rather into a constant, then into a branch that nothing else reads; in a Sub only
 * into the first branch. SIZE_MAX: none has all the channels. */
static size_t slot_for_shift(const struct crossing *x)
{
    enum reason why;
    size_t best = SIZE_MAX;
    int best_rank = -1;
    for (size_t i = 0; i < x->node->input_count; i++) {
        int axis;
        struct value *branch = node_input(x->node, i);
        if (affine_sum_sign(x->node, i) < 0 || !branch_axis(x, x->affine, i, &axis)) continue;
        int rank = decision_constant(x->decision, branch, &why) ? 2 : branch->use_count == 1 && !branch->is_output;
        if (rank <= best_rank) continue;
        best = i;
        best_rank = rank;
    }
    return best;
}

/* An equal part of the shift for each term, which all have the channels. */
static enum reason share_upstream(struct crossing *x)
{
    const struct affine *a = x->affine;
    double *scale, *shift;
    struct affine *part = affine_blank(x->decision->arena, a->axis, a->channels, &scale, &shift);
    for (int64_t c = 0; c < a->channels; c++) {
        scale[c] = a->scale[c];
        shift[c] = a->shift[c] / (double)x->node->input_count;
    }
    for (size_t i = 0; i < x->node->input_count; i++) {
        int axis;
        if (affine_sum_sign(x->node, i) < 0 || !branch_axis(x, a, i, &axis))
            return crossing_stop(x, REASON_NON_LINEAR, "its branches cannot share a shift");
        x->onto[i] = affine_moved(x->decision->arena, part, axis);
    }
    return REASON_NONE;
}

static enum reason add_upstream(struct crossing *x)
{
    if (x->shares) return share_upstream(x);
    if (!affine_terms_align(x->node))
        return crossing_stop(x, REASON_NON_LINEAR, "it broadcasts by the rules before opset 7");
    size_t shift_slot = slot_for_shift(x);
    if (shift_slot == SIZE_MAX) return crossing_stop(x, REASON_NON_LINEAR, "no branch has all the channels");
    const struct affine *scale = affine_scale_only(x->decision->arena, x->affine);
    for (size_t i = 0; i < x->node->input_count; i++) {
        int axis;
        const struct affine *mine = i == shift_slot ? x->affine : scale;
        if (!branch_axis(x, x->affine, i, &axis)) {
            /* A branch that is broadcast along the channels takes a scale only if it is one number. */
            const struct affine *uniform = affine_uniform(x->decision->arena, mine);
            if (!uniform) return crossing_stop(x, REASON_NON_LINEAR, "a branch is broadcast over the channels");
            x->onto[i] = uniform;
            continue;
        }
        x->onto[i] = affine_moved(x->decision->arena, mine, axis);
    }
    return REASON_NONE;
}

/* The mean of branches that are all under the affine is. */
static enum reason mean_upstream(struct crossing *x)
{
    for (size_t i = 0; i < x->node->input_count; i++) {
        int axis;
        if (!branch_axis(x, x->affine, i, &axis))
            return crossing_stop(x, REASON_NON_LINEAR, "a branch is broadcast over the channels");
        x->onto[i] = affine_moved(x->decision->arena, x->affine, axis);
    }
    return REASON_NONE;
}

/* What one of the constants beside the branch takes: s*u + t + k = s*(u + (k + t)/s). *shift is that of one of them. */
static enum reason divide_addend(struct crossing *x, size_t slot, const struct affine *whole, bool *shifts)
{
    enum reason why;
    int axis;
    struct value *addend = node_input(x->node, slot);
    const struct tensor *constant = decision_constant(x->decision, addend, &why);
    if (!constant) return crossing_stop(x, REASON_NON_LINEAR, "a scale on one branch is none on the sum");
    double *inverse, *shift, sign = affine_sum_sign(x->node, slot);
    const struct affine *mine = affine_blank(x->decision->arena, whole->axis, whole->channels, &inverse, &shift);
    for (int64_t c = 0; c < whole->channels; c++) {
        inverse[c] = 1 / whole->scale[c];
        shift[c] = *shifts ? sign * whole->shift[c] / whole->scale[c] : 0;
    }
    const bool has_channels = branch_axis(x, whole, slot, &axis);
    *shifts = *shifts && !has_channels;
    mine = has_channels ? affine_moved(x->decision->arena, mine, axis)
                        : affine_uniform(x->decision->arena, affine_scale_only(x->decision->arena, mine));
    if (!mine || affine_not_finite(mine) >= 0)
        return crossing_stop(x, REASON_NON_LINEAR, "a constant added to it cannot take the inverse");
    return absorb_constant(x->decision, x->node, slot, constant, mine);
}

static enum reason add_scale_downstream(struct crossing *x, const struct affine *whole)
{
    bool shifts = affine_has_shift(whole);
    for (size_t i = 0; i < x->node->input_count; i++) {
        enum reason reason = i == x->slot ? REASON_NONE : divide_addend(x, i, whole, &shifts);
        if (reason) return reason;
    }
    if (shifts) return crossing_stop(x, REASON_NON_LINEAR, "no constant added to it has all the channels");
    x->onto[0] = affine_scale_only(x->decision->arena, whole);
    return REASON_NONE;
}

static enum reason add_downstream(struct crossing *x)
{
    if (!affine_terms_align(x->node))
        return crossing_stop(x, REASON_NON_LINEAR, "it broadcasts by the rules before opset 7");
    const struct affine *a = x->affine;
    int axis = a->axis;
    if (axis != AXIS_ANY) {
        int out_rank = value_rank(crossing_output(x, 0)), rank = value_rank(crossing_input(x, x->slot));
        if (out_rank < 0 || rank < 0)
            return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the ranks of its branches are unknown");
        axis += out_rank - rank;
        if (value_size(crossing_output(x, 0), axis) != a->channels)
            return crossing_stop(x, REASON_NON_LINEAR, "it broadcasts the channels");
    }
    double *shift = NEW_ROOM(x->decision->arena, double, (size_t)a->channels), sign = affine_sum_sign(x->node, x->slot);
    for (int64_t c = 0; c < a->channels; c++) shift[c] = sign * a->shift[c];
    x->onto[0] = affine_new(x->decision->arena, axis, a->channels, a->scale, shift);
    return affine_has_scale(a) ? add_scale_downstream(x, x->onto[0]) : REASON_NONE;
}

/* ---- Products ---- */

/* s*(u*g) + t: the scale goes into one of the factors that have the channels, the shift is left over as an Add. */
static enum reason scale_a_factor(struct crossing *x, size_t factors,
                                  bool (*axis_of)(const struct crossing *x, const struct affine *a, size_t slot,
                                                  int *axis))
{
    const struct affine *scale = affine_scale_only(x->decision->arena, x->affine);
    x->any_branch = true;
    bool some = false;
    for (size_t i = 0; i < factors; i++) {
        int axis;
        if (!axis_of(x, x->affine, i, &axis)) continue;
        x->onto[i] = affine_moved(x->decision->arena, scale, axis);
        some = true;
    }
    if (affine_has_shift(x->affine)) x->residue = affine_shift_only(x->decision->arena, x->affine);
    return some ? REASON_NONE : crossing_stop(x, REASON_NON_LINEAR, "no factor has all the channels");
}

static enum reason mul_upstream(struct crossing *x)
{
    if (!affine_terms_align(x->node))
        return crossing_stop(x, REASON_NON_LINEAR, "it broadcasts by the rules before opset 7");
    return scale_a_factor(x, affine_divides(x->node) ? 1 : x->node->input_count, branch_axis);
}

static enum reason mul_downstream(struct crossing *x)
{
    if (affine_has_shift(x->affine))
        return crossing_stop(x, REASON_NON_LINEAR, "a shift on one factor is none on the product");
    if (!affine_terms_align(x->node) || (affine_divides(x->node) && x->slot != 0))
        return crossing_stop(x, REASON_NON_LINEAR, "it divides by the value");
    if (x->affine->axis == AXIS_ANY) {
        x->onto[0] = x->affine;
        return REASON_NONE;
    }
    int out_rank = value_rank(crossing_output(x, 0)), rank = value_rank(crossing_input(x, x->slot));
    if (out_rank < 0 || rank < 0)
        return crossing_stop(x, REASON_AXIS_NOT_PROVEN, "the ranks of its factors are unknown");
    int axis = x->affine->axis + out_rank - rank;
    if (value_size(crossing_output(x, 0), axis) != x->affine->channels)
        return crossing_stop(x, REASON_NON_LINEAR, "it broadcasts the channels");
    x->onto[0] = affine_moved(x->decision->arena, x->affine, axis);
    return REASON_NONE;
}

/* A vector has no axis of its own in the product. */
static bool are_matrices(const struct crossing *x)
{
    return value_rank(crossing_input(x, 0)) >= 2 && value_rank(crossing_input(x, 1)) >= 2;
}

/* The product sums over the last axis of its left factor and the last but one of its right one. */
static bool matmul_axis(const struct crossing *x, const struct affine *a, size_t slot, int *axis)
{
    int rank = value_rank(crossing_output(x, 0));
    if (!are_matrices(x)) return false;
    return a->axis != rank - 1 - (int)slot && branch_axis(x, a, slot, axis);
}

static enum reason matmul_upstream(struct crossing *x)
{
    return scale_a_factor(x, 2, matmul_axis);
}

static enum reason matmul_downstream(struct crossing *x)
{
    int rank = value_rank(crossing_input(x, x->slot));
    if (!are_matrices(x)) return crossing_stop(x, REASON_NON_LINEAR, "a factor is a vector, or of unknown rank");
    if (x->affine->axis == rank - 1 - (int)x->slot)
        return crossing_stop(x, REASON_NON_LINEAR, "it sums over the channels");
    return mul_downstream(x);
}

/* An Einsum of one operand that keeps all its letters is a Transpose. */
static bool permutes(const struct equation *equation)
{
    const struct term data = equation->operands[0];
    for (int i = 0; i < data.count; i++)
        if (term_axis(equation->result, data.letters[i]) < 0) return false;
    return equation->count == 1 && data.count == equation->result.count;
}

static bool letter_axis(const struct crossing *x, const struct affine *a, size_t slot, int *axis)
{
    struct equation equation;
    *axis = AXIS_ANY;
    if (!equation_read(x->decision->arena, x->node, &equation)) return false;
    if (a->axis == AXIS_ANY) return true;
    if (a->axis >= equation.result.count) return false;
    *axis = term_axis(equation.operands[slot], equation.result.letters[a->axis]);
    return *axis >= 0 && value_size(crossing_input(x, slot), *axis) == a->channels;
}

static enum reason einsum_upstream(struct crossing *x)
{
    const struct affine *a = x->affine;
    struct equation equation;
    if (!equation_read(x->decision->arena, x->node, &equation)) return crossing_stop(x, REASON_NON_LINEAR, "");
    if (!permutes(&equation)) return scale_a_factor(x, x->node->input_count, letter_axis);
    if (a->axis >= equation.result.count) return crossing_stop(x, REASON_MISMATCH, "the channel axis is not there");
    int axis = a->axis == AXIS_ANY ? AXIS_ANY : term_axis(equation.operands[0], equation.result.letters[a->axis]);
    x->onto[0] = affine_moved(x->decision->arena, a, axis);
    return REASON_NONE;
}

static enum reason einsum_downstream(struct crossing *x)
{
    const struct affine *a = x->affine;
    struct equation equation;
    if (!equation_read(x->decision->arena, x->node, &equation)) return crossing_stop(x, REASON_NON_LINEAR, "");
    const struct term data = equation.operands[x->slot];
    if (affine_has_shift(a) && !permutes(&equation))
        return crossing_stop(x, REASON_NON_LINEAR, "a shift on one factor is none on the product");
    if (a->axis >= data.count) return crossing_stop(x, REASON_MISMATCH, "the channel axis is not there");
    int axis = a->axis == AXIS_ANY ? AXIS_ANY : term_axis(equation.result, data.letters[a->axis]);
    if (a->axis != AXIS_ANY && axis < 0) return crossing_stop(x, REASON_NON_LINEAR, "it sums over the channels");
    if (axis >= 0 && !permutes(&equation) && value_size(crossing_output(x, 0), axis) != a->channels)
        return crossing_stop(x, REASON_NON_LINEAR, "it broadcasts the channels");
    x->onto[0] = affine_moved(x->decision->arena, a, axis);
    return REASON_NONE;
}

const struct mover branch_movers[] = {
    { .op = "Mean", mean_upstream, NULL },
    { .op = "MatMul", matmul_upstream, matmul_downstream, .roots = ROOTS_NO_WAY },
    { .op = "Einsum", einsum_upstream, einsum_downstream, .roots = ROOTS_NO_WAY },
    { .of = affine_is_sum, .upstream = add_upstream, .downstream = add_downstream },
    { .of = affine_is_product, .upstream = mul_upstream, .downstream = mul_downstream },
    { 0 },
};
