/* SPDX-License-Identifier: Apache-2.0
 *
 * Which affine nodes may be folded without harm to what runtimes recognize. */
#include "passes/algebra/affine_root.h"

#include "onnx/graph/operator.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/anchor.h"
#include "passes/algebra/mover.h"

enum { PATTERN_DEPTH = 4, INPUT_DEPTH = 8 };

/* The marks of LayerNormalization, RMSNormalization and Gelu written out. */
static bool is_pattern_op(const struct node *node)
{
    return node->row && node->row->marks_pattern;
}

static bool is_idle(const struct node *node)
{
    return node->row && node->row->idle;
}

static bool is_constant(struct decision *decision, struct value *value)
{
    enum reason why;
    return decision_constant(decision, value, &why) != NULL;
}

/* Whether such a mark is upstream, within a few elementwise nodes; what is constant does not count. */
static bool completes_pattern(struct decision *decision, const struct node *node, int depth)
{
    for (size_t i = 0; i < node->input_count; i++) {
        struct value *value = node->inputs[i].value;
        const struct node *writer = value ? value->writer : NULL;
        if (!writer || !(is_pattern_op(writer) || affine_is_operator(writer) || is_idle(writer))) continue;
        if (is_constant(decision, value)) continue;
        if (is_pattern_op(writer) || (depth > 0 && completes_pattern(decision, writer, depth - 1))) return true;
    }
    return false;
}

static bool begins_pattern(const struct node *node)
{
    for (const struct use *use = node->outputs[0]->uses; use; use = use->next)
        if (use->node && is_pattern_op(use->node)) return true;
    return false;
}

static bool is_linear_operator(const struct node *node)
{
    return node && anchor_root_entry(node) != ROOTS_NEVER;
}

/* Whether it adds several values that are computed, of which one may be a multiple of another. */
static bool is_sum_of_values(const struct node *node)
{
    size_t count = 0;
    for (size_t i = 0; affine_sum_sign(node, 0) != 0 && i < node->input_count; i++)
        count += node_input(node, i) && !value_constant(node_input(node, i));
    return count > 1;
}

/* An affine that changes nothing goes only from where it could be absorbed, or stands in the way of one that can. */
static bool is_in_the_way(const struct node *root, const struct value *x)
{
    const struct value *y = root->outputs[0];
    const struct use *reader = y->use_count == 1 && !y->is_output ? y->uses : NULL;
    return (x->use_count == 1 && is_linear_operator(x->writer))
           || (reader && reader->slot == 0 && is_linear_operator(reader->node))
           || (reader && reader->node && is_sum_of_values(reader->node));
}

/* The value is known to be of real numbers (so that the check can feed it), and not constant. */
static bool may_go(struct decision *decision, const struct affine *affine, size_t slot)
{
    const struct node *root = decision->root;
    struct value *x = node_input(root, slot);
    if (affine_is_identity(affine) && !is_in_the_way(root, x)) return false;
    return dtype_kind(x->type) == KIND_REAL && !is_constant(decision, x);
}

static enum reason is_kept(struct decision *decision)
{
    const struct node *root = decision->root;
    bool kept = begins_pattern(root) || completes_pattern(decision, root, PATTERN_DEPTH);
    return kept ? REASON_RECOGNIZED : REASON_NONE;
}

/* Whether the root prepares a graph input: between is nothing but affines by constants, Transpose, Pad and what
 * computes nothing (Cast). */
static bool prepares_input(struct decision *decision)
{
    const struct node *node = decision->root;
    for (int i = 0; i < INPUT_DEPTH; i++) {
        struct value *data = node_input(node, 0);
        if (affine_is_operator(node) && node->input_count == 2 && is_constant(decision, data))
            data = node_input(node, 1);
        if (!data->writer) return data->is_input && data->graph == decision->net->main;
        node = data->writer;
        bool is_crossed = is_idle(node) || mover_root_ways(node) == ROOTS_BOTH_WAYS;
        if (!affine_is_operator(node) && !is_crossed) return false;
    }
    return false;
}

static bool may_enter(struct decision *decision, const struct node *anchor, bool downstream)
{
    enum root_entry entry = anchor_root_entry(anchor);
    return entry == ROOTS_ALWAYS || (entry != ROOTS_NEVER && (!downstream || prepares_input(decision)));
}

static bool may_cross(const struct node *mover, bool downstream)
{
    enum root_ways ways = mover_root_ways(mover);
    return ways == ROOTS_BOTH_WAYS || (ways == ROOTS_UPSTREAM && !downstream);
}

const struct root_kind affine_roots = {
    .is_root = affine_is_operator,
    .may_go = may_go,
    .is_kept = is_kept,
    .may_enter = may_enter,
    .may_cross = may_cross,
};
