/* SPDX-License-Identifier: Apache-2.0
 *
 * On request, for runtimes without BatchNormalization
 *
 *   BN  ->  Mul -> Add                  --lower mul-add
 *   BN  ->  Conv, depthwise, kernel 1   --lower conv; Mul -> Add where there is no spatial axis
 *
 * Stays when the input's rank is unknown: the constants could not be aligned with axis 1. */
#include "passes/lower.h"

#include "onnx/graph/edit.h"
#include "passes/algebra/affine_node.h"
#include "passes/decide/remark.h"
#include "passes/decide/roots.h"

static struct value *add_constant(struct decision *decision, struct node *bn, const char *suffix, int rank,
                                  int64_t channels, const double *values)
{
    int64_t dims[TENSOR_MAX_RANK] = { channels };
    struct arena *arena = bn->graph->net->arena;
    for (int i = 1; i < rank; i++) dims[i] = 1;
    return edit_add_initializer(bn->graph, arena_printf(arena, "%s_%s", node_title(bn), suffix),
                                tensor_exact(arena, decision->type, rank, dims, values));
}

static struct value *lower_to_conv(struct decision *decision, struct node *bn, struct value *x, const struct affine *a)
{
    struct value *inputs[3] = { x, add_constant(decision, bn, "weight", x->shape.rank, a->channels, a->scale),
                                add_constant(decision, bn, "bias", 1, a->channels, a->shift) };
    struct node *conv = edit_add_node(bn->graph, bn, "Conv", node_title(bn), inputs, 3, x);
    edit_set_int(conv, "group", a->channels);
    return conv->outputs[0];
}

/* Conv computes with one type: that of the data. */
static bool is_convolvable(const struct decision *decision, const struct value *x)
{
    return decision->options->lower_conv && x->shape.rank >= 3 && x->type == decision->type;
}

static void lower_one(struct decision *decision, struct node *bn)
{
    struct affine *a;
    size_t slot;
    decision_clear(decision);
    struct value *x = node_input(bn, 0);
    decision_begin(decision, bn, root_type(bn));
    if (affine_of_node(decision, bn, &a, &slot) || !affine_can_lower(bn->graph, x, a)) return;
    bool convolves = is_convolvable(decision, x);
    struct node *const last = bn->previous;
    struct value *lowered = convolves ? lower_to_conv(decision, bn, x, a)
                                      : affine_lower(bn->graph, bn, x, a, decision->type, false, node_title(bn));
    remark_applied(bn, BNFUSE_OUTCOME_LOWERED, convolves ? "a depthwise Conv" : "Mul and Add", "");
    for (struct node *node = last ? last->next : bn->graph->first; node != bn; node = node->next)
        remark_follow(node, bn);
    edit_set_input(bn, 0, lowered);
    root_remove(bn, 0);
}

bool lower_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
               struct bnfuse_error *error)
{
    (void)error;
    if (!options->lower_mul_add && !options->lower_conv) return true;
    struct decision *decision = decision_open(net, options, report, &norm_roots);
    struct roots roots = roots_of(net, net->arena, &norm_roots);
    for (size_t i = 0; i < roots.count; i++)
        if (roots.nodes[i]->mark) lower_one(decision, roots.nodes[i]);
    decision_close(decision);
    return true;
}
