/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes read as affines, and affines written as nodes. */
#include "passes/algebra/affine_node.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/bn.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/schema.h"
#include "onnx/shape/infer.h"
#include "onnx/shape/rules.h"
#include "passes/algebra/norm.h"
#include "runtime/kernel.h"

#include <assert.h>
#include <math.h>

/* How many elements `axis` of the value has; -1 if unknown. */
static int64_t dim_size(const struct value *value, int axis)
{
    return value->shape.dims[axis].size;
}

/* Whether the constant has the shape of x, as far as that is known. */
static bool has_shape_of(const struct value *x, const struct tensor *constant)
{
    if (constant->rank != x->shape.rank) return false;
    for (int i = 0; i < constant->rank; i++)
        if (dim_size(x, i) >= 0 && dim_size(x, i) != constant->dims[i]) return false;
    return true;
}

/* Which axis of x the constant's only axis longer than 1 falls on, by the broadcasting rules of the node's opset.
 * AXIS_ANY for a single element; -2 when it is no affine of x: several axes, or it would expand x. */
static int operand_axis(const struct node *node, const struct value *x, const struct tensor *constant)
{
    int long_axis = -1;
    if (!operator_has(node, BROADCASTS) && !affine_aligns_by_attribute(node) && !has_shape_of(x, constant)) return -2;
    for (int i = 0; i < constant->rank; i++) {
        if (constant->dims[i] == 1) continue;
        if (long_axis >= 0) return -2;
        long_axis = i;
    }
    int rank = x->shape.rank;
    if (constant->rank > 0 && (rank < 0 || constant->rank > rank)) return -2;
    if (long_axis < 0) return AXIS_ANY;
    int64_t first = rank - constant->rank;
    if (affine_aligns_by_attribute(node)) {
        if (!node_int(node, "broadcast", 0) && constant->rank != rank) return -2;
        first = node_int(node, "axis", first);
        if (first < 0) first += rank;
    }
    int64_t axis = first + long_axis;
    if (axis < 0 || axis >= rank || dim_size(x, (int)axis) != constant->dims[long_axis]) return -2;
    return (int)axis;
}

/* What the node is of its other input when a constant stands in this one; NULL: no affine. */
static const struct affine_form *form_of(const struct node *node, size_t constant_slot)
{
    return node->row ? node->row->affine[constant_slot > 0] : NULL;
}

bool affine_is_operator(const struct node *node)
{
    return form_of(node, 1) != NULL;
}

bool affine_is_sum(const struct node *node)
{
    const struct affine_form *form = form_of(node, 1);
    return form && form->shift[1] != 0;
}

bool affine_is_product(const struct node *node)
{
    const struct affine_form *form = form_of(node, 1);
    return form && form->scale[1] != 0;
}

bool affine_divides(const struct node *node)
{
    const struct affine_form *form = form_of(node, 1);
    return form && form->inverse;
}

double affine_sum_sign(const struct node *node, size_t slot)
{
    const struct affine_form *form = form_of(node, slot);
    return form ? form->shift[1] : 0;
}

bool affine_aligns_by_attribute(const struct node *node)
{
    return node->row->shape == shape_broadcast_by_attribute;
}

bool affine_terms_align(const struct node *node)
{
    return !affine_aligns_by_attribute(node) || !node_int(node, "broadcast", 0);
}

static enum reason operand(struct decision *decision, const struct node *node, const struct affine_form *form,
                           size_t constant_slot, struct affine **affine, size_t *slot)
{
    enum reason why;
    struct value *x = node_input(node, 1 - constant_slot), *k = node_input(node, constant_slot);
    const struct tensor *constant = decision_constant(decision, k, &why);
    if (!constant || dtype_kind(constant->type) != KIND_REAL || constant->count < 1) return REASON_NON_LINEAR;
    int axis = operand_axis(node, x, constant);
    if (axis < AXIS_ANY) return REASON_NON_LINEAR;
    double *scale, *shift, *values;
    if (!tensor_values(constant, decision->arena, &values, NULL)) return REASON_NON_LINEAR;
    *affine = affine_blank(decision->arena, axis, constant->count, &scale, &shift);
    *slot = 1 - constant_slot;
    for (int64_t c = 0; c < constant->count; c++) {
        double with = form->inverse ? 1 / values[c] : values[c];
        scale[c] = form->scale[1] != 0 ? form->scale[1] * with : form->scale[0];
        shift[c] = form->shift[1] != 0 ? form->shift[1] * with : form->shift[0];
    }
    int64_t channel = affine_not_finite(*affine);
    if (channel < 0) return REASON_NONE;
    return decision_stop(decision, REASON_NOT_FINITE, node_title(node), "channel %lld", (long long)channel);
}

static enum reason one_number(struct decision *decision, double scale, struct affine **affine, size_t *slot)
{
    double *scales, *shifts;
    *affine = affine_blank(decision->arena, AXIS_ANY, 1, &scales, &shifts);
    scales[0] = scale;
    shifts[0] = 0;
    *slot = 0;
    return REASON_NONE;
}

/* Neg, where no constant has a part. */
static enum reason one_operand(struct decision *decision, const struct node *node, struct affine **affine, size_t *slot)
{
    const struct affine_form *form = form_of(node, 1);
    const struct value *x = node_input(node, 0);
    if (!form || form->scale[1] != 0 || form->shift[1] != 0 || dtype_kind(x->type) != KIND_REAL)
        return REASON_NON_LINEAR;
    return one_number(decision, form->scale[0], affine, slot);
}

/* Identity, a Cast to the type that it reads, Dropout at inference. */
static bool passes_through(const struct node *node)
{
    const struct value *x = node_input(node, 0), *y = node_output(node, 0);
    if (!node->row || !node->row->idle || x->type != y->type) return false;
    if (!operator_has(node, IDENTITY_AT_INFERENCE)) return true;
    return !node_outputs_are_read(node, 1) && (!node->row->infers || node->row->infers(node));
}

/* The sum of the signs of its terms, which are all one value; false: it is no such sum. */
static bool multiple(const struct node *node, double *times)
{
    const struct value *x = node_input(node, 0);
    *times = 0;
    for (size_t slot = 0; slot < node->input_count; slot++) {
        const double sign = affine_sum_sign(node, slot);
        if (node_input(node, slot) != x || sign == 0) return false;
        *times += sign;
    }
    return node->input_count > 1 && dtype_kind(x->type) == KIND_REAL;
}

bool affine_multiplies(const struct node *node)
{
    double times;
    return multiple(node, &times);
}

enum reason affine_of_node(struct decision *decision, const struct node *node, struct affine **affine, size_t *slot)
{
    double times;
    if (!node_output(node, 0)) return REASON_NON_LINEAR;
    if (node->is_skipped) return decision_stop(decision, REASON_SKIPPED, node_title(node), "%s", "");
    if (bn_is(node)) return norm_affine(decision, node, affine, slot);
    if (passes_through(node)) return one_number(decision, 1, affine, slot);
    if (multiple(node, &times)) return one_number(decision, times, affine, slot);
    if (node->input_count != 2) return one_operand(decision, node, affine, slot);
    for (size_t constant_slot = 0; constant_slot < 2; constant_slot++) {
        const struct affine_form *form = form_of(node, constant_slot);
        enum reason reason = form ? operand(decision, node, form, constant_slot, affine, slot) : REASON_NON_LINEAR;
        if (reason != REASON_NON_LINEAR) return reason;
    }
    return REASON_NON_LINEAR;
}

/* ---- Affines as nodes ---- */

static struct value *vector(struct graph *graph, const char *base, const char *suffix, enum dtype type, int rank,
                            const int64_t *dims, const double *values)
{
    struct arena *arena = graph->net->arena;
    return edit_add_initializer(graph, arena_printf(arena, "%s_%s", base, suffix),
                                tensor_exact(arena, type, rank, dims, values));
}

static struct value *lower_batchnorm(struct graph *graph, struct node *before, struct value *value,
                                     const struct affine *a, enum dtype type, const char *base)
{
    struct value *inputs[5] = { value };
    struct arena *scratch = arena_scratch(graph->net->arena);
    inputs[1] = vector(graph, base, "scale", type, 1, &a->channels, a->scale);
    inputs[2] = vector(graph, base, "bias", type, 1, &a->channels, a->shift);
    inputs[3] = vector(graph, base, "mean", type, 1, &a->channels, vector_of(scratch, a->channels, 0));
    inputs[4] = vector(graph, base, "var", type, 1, &a->channels, vector_of(scratch, a->channels, 1));
    arena_close(scratch);
    struct node *bn = edit_add_node(graph, before, BN_OPERATOR, base, inputs, 5, value);
    edit_set_float(bn, "epsilon", 0);
    if (schema_knows(bn, "is_test")) edit_set_int(bn, "is_test", 1);
    /* Before opset 6 it had to say that it writes over no input. */
    if (schema_knows(bn, "consumed_inputs")) edit_set_ints(bn, "consumed_inputs", (const int64_t[5]){ 0 }, 5);
    return bn->outputs[0];
}

/* Whether lower_batchnorm made it, and nobody else reads its parameters. */
static bool is_lowered(const struct node *bn)
{
    const struct tensor *parameters[NORM_PARAMETERS];
    for (size_t i = 0; i < NORM_PARAMETERS; i++) {
        const struct value *value = node_input(bn, i + 1);
        parameters[i] = value->use_count == 1 ? value->initializer : NULL;
    }
    return norm_is_added(parameters, bn_epsilon(bn));
}

static void renew(struct node *bn, size_t slot, const char *suffix, const double *values)
{
    struct arena *arena = bn->graph->net->arena;
    struct value *old = node_input(bn, slot);
    const char *base = arena_printf(arena, "%s_%s", node_title(bn), suffix);
    edit_set_input(bn, slot, edit_add_initializer(bn->graph, base, tensor_renewed(arena, old->initializer, values)));
    edit_remove_initializer(old);
}

bool affine_relower(struct node *bn, const struct affine *a)
{
    if (!is_lowered(bn)) return false;
    renew(bn, 1, "scale", a->scale);
    renew(bn, 2, "bias", a->shift);
    return true;
}

bool affine_broadcasts(const struct graph *graph)
{
    return operator_of_graph_has(graph, operator_written(graph, '+'), BROADCASTS);
}

/* The product with the values along the affine's axis, or the sum: aligned at the right by trailing ones, or, before
 * opset 7, by the axis attribute. */
static struct value *lower_operand(struct graph *graph, struct node *before, struct value *value, char symbol,
                                   const struct affine *a, const double *values, enum dtype type, const char *base)
{
    const char *op = operator_written(graph, symbol);
    bool by_attribute = !affine_broadcasts(graph);
    int64_t dims[TENSOR_MAX_RANK] = { a->channels };
    int rank = a->axis == AXIS_ANY ? 0 : by_attribute ? 1 : value->shape.rank - a->axis;
    assert(rank >= 0 && rank <= TENSOR_MAX_RANK);
    for (int i = 1; i < rank; i++) dims[i] = 1;
    struct value *inputs[2] = { value, vector(graph, base, op, type, rank, dims, values) };
    struct node *node = edit_add_node(graph, before, op, base, inputs, 2, value);
    if (by_attribute) edit_set_int(node, "broadcast", 1);
    if (by_attribute && rank) edit_set_int(node, "axis", a->axis);
    return node->outputs[0];
}

struct node *affine_add_constant(struct graph *graph, struct node *before, struct value *value, struct value *constant,
                                 const char *base_name)
{
    return edit_add_node(graph, before, operator_written(graph, '+'), base_name, (struct value *[]){ value, constant },
                         2, value);
}

bool affine_can_lower(const struct graph *graph, const struct value *value, const struct affine *a)
{
    if (a->spread) return false;
    return a->axis == AXIS_ANY || !affine_broadcasts(graph) || value->shape.rank > a->axis;
}

struct value *affine_lower(struct graph *graph, struct node *before, struct value *value, const struct affine *a,
                           enum dtype type, bool as_batchnorm, const char *base_name)
{
    if (as_batchnorm && a->axis == 1 && affine_has_scale(a))
        return lower_batchnorm(graph, before, value, a, type, base_name);
    if (affine_has_scale(a)) value = lower_operand(graph, before, value, '*', a, a->scale, type, base_name);
    if (affine_has_shift(a)) value = lower_operand(graph, before, value, '+', a, a->shift, type, base_name);
    return value;
}
