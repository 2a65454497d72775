/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes that give elements other dims: Reshape, Flatten, Squeeze, Unsqueeze. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "passes/decide/decision.h"
#include "passes/simplify/rewrite.h"

enum { VIEW_LIMIT = 16 };

static bool is_view(const struct node *node)
{
    return node && node->row->view && has_one_output(node);
}

/* Back to the dims that some value further up has. */
static bool view_back(struct simplifier *s, struct node *node)
{
    const struct node *at = node;
    for (int i = 0; i < VIEW_LIMIT && is_view(at); i++) {
        struct value *x = node_input(at, 0);
        if (at != node && is_same_shape(x, node->outputs[0])) return rewrite_bypass(s, node, x);
        at = rewrite_upstream(at, 0);
    }
    return false;
}

/* Whether the dims that a Reshape asks for mean the same over x as over its input: a 0 takes the dim that stands
 * there. */
static bool asks_the_same(const struct node *node, const struct value *x)
{
    int64_t dims[TENSOR_MAX_RANK];
    int count;
    bool given;
    const struct value *between = node_input(node, 0);
    if (!node_list(node, "shape", dims, &count, &given) || !given) return false;
    for (int i = 0; i < count; i++) {
        if (dims[i] != 0 || node_int(node, "allowzero", 0) != 0) continue;
        if (i >= between->shape.rank || i >= x->shape.rank) return false;
        if (!dim_equal(between->shape.dims[i], x->shape.dims[i])) return false;
    }
    return true;
}

static bool reshape_of_view(struct simplifier *s, struct node *node)
{
    const struct node *upstream = rewrite_upstream(node, 0);
    if (!is_view(upstream) || !is_read_once(node_input(node, 0))) return false;
    struct value *x = node_input(upstream, 0);
    if (!asks_the_same(node, x)) return false;
    return rewrite_read(s, node, x);
}

/* ---- a Reduce that keeps its axes, or does not ---- */

bool reduced_axes(const struct node *node, int rank, uint32_t *axes)
{
    int64_t list[TENSOR_MAX_RANK];
    int count;
    bool given;
    *axes = 0;
    if (rank < 0 || !node_list(node, "axes", list, &count, &given) || !given) return false;
    for (int i = 0; i < count; i++) {
        int64_t axis = list[i] < 0 ? list[i] + rank : list[i];
        if (axis < 0 || axis >= rank) return false;
        *axes |= UINT32_C(1) << axis;
    }
    return count > 0;
}

/* Unsqueeze after a Reduce without its axes, Squeeze after one with them. */
static bool reduce_dims(struct simplifier *s, struct node *node)
{
    struct node *upstream = rewrite_upstream(node, 0);
    uint32_t reduced, named;
    if (!upstream || !operator_has(upstream, REDUCES) || !is_read_once(node_input(node, 0))) return false;
    if (!has_one_output(node)) return false;
    bool keeps = node->outputs[0]->shape.rank > node_input(node, 0)->shape.rank;
    if (node_int(upstream, "keepdims", 1) != !keeps) return false;
    int rank = node_input(upstream, 0)->shape.rank;
    if (!reduced_axes(upstream, rank, &reduced) || !reduced_axes(node, rank, &named) || reduced != named) return false;
    edit_set_int(upstream, "keepdims", keeps);
    rewrite_where(s, node_title(upstream));
    rewrite_take_output(s, upstream, node);
    rewrite_touch(s, upstream);
    return true;
}

/* ---- a Reshape to computed dims ---- */

/* What a Reshape asks for, in numbers: the size; 0, which takes the input's, where the two are proven to be one; -1 for
 * one that is open. A -1 beside a 0 would not do for a tensor without elements. */
static bool dims_in_numbers(const struct value *x, const struct value *y, int64_t *dims)
{
    int open = 0, taken = 0;
    for (int i = 0; i < y->shape.rank; i++) {
        dims[i] = y->shape.dims[i].size;
        if (dims[i] > 0) continue;
        if (dims[i] == 0) return false;
        bool same = i < x->shape.rank && dim_equal(x->shape.dims[i], y->shape.dims[i]);
        dims[i] = same ? 0 : -1;
        taken += same;
        open += !same;
    }
    return !open || (open == 1 && !taken);
}

static bool reshape_to_numbers(struct simplifier *s, struct node *node)
{
    struct value *x = node_input(node, 0), *shape = node_input(node, 1), *y = node_output(node, 0);
    int64_t dims[TENSOR_MAX_RANK], rank;
    if (!shape || value_constant(shape) || y->shape.rank < 0) return false;
    if (x->shape.rank < 0 || node_int(node, "allowzero", 0) != 0 || !dims_in_numbers(x, y, dims)) return false;
    rank = y->shape.rank;
    if (!rewrite_can_store(s, 8 * rank, 0)) return false;
    struct value *constant =
        rewrite_add_constant(s, node, shape->name, tensor_whole(rewrite_net(s)->arena, DTYPE_INT64, 1, &rank, dims));
    rewrite_where(s, constant->name);
    rewrite_set_input(s, node, 1, constant);
    return true;
}

const struct rewrite view_rewrites[] = {
    { { "back-to-shape", "Unsqueeze(Squeeze(x)) -> x where the dims are those of x" },
      "simplify_pairs",
      .laws = IDENTITY_OF_SHAPE,
      .apply = view_back },
    { { "reshapes", "Reshape(Reshape(x, a), b) -> Reshape(x, b)" }, "simplify_pairs", .apply = reshape_of_view },
    { { "reduce-dims", "Unsqueeze(ReduceMax(x)), Squeeze(ReduceMax(x)) -> ReduceMax(x) that keeps its axes, or not" },
      "simplify_chains",
      .apply = reduce_dims },
    { { "reshape-to-numbers", "Reshape(x, computed) -> Reshape(x, [0, 12, -1])" },
      "simplify_constants",
      .apply = reshape_to_numbers },
    { .apply = NULL },
};
