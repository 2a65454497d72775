/* SPDX-License-Identifier: Apache-2.0
 *
 * On request (--lower mul-add), for runtimes without BatchNormalization
 *
 *   BN  ->  Mul -> Add
 *
 * Stays when the input's rank is unknown: the constants could not be aligned with axis 1. */
#include "passes/lower.h"

#include "onnx/graph/edit.h"
#include "passes/algebra/affine_node.h"
#include "passes/decide/remark.h"
#include "passes/decide/roots.h"

static void lower_one(struct decision *decision, struct node *bn)
{
    struct affine *a;
    size_t slot;
    arena_close(decision->arena);
    arena_open(decision->arena, decision->net->arena->memory);
    struct value *x = node_input(bn, 0);
    decision_begin(decision, bn, root_type(bn));
    if (affine_of_node(decision, bn, &a, &slot) || !affine_can_lower(bn->graph, x, a)) return;
    struct value *lowered = affine_lower(bn->graph, bn, x, a, decision->type, false, node_title(bn));
    remark_applied(bn, BNFUSE_OUTCOME_LOWERED, "Mul and Add", "");
    edit_set_input(bn, 0, lowered);
    root_remove(bn, 0);
}

bool lower_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
               struct bnfuse_error *error)
{
    (void)report, (void)error;
    if (!options->lower_mul_add) return true;
    struct decision *decision = decision_open(net, options, &norm_roots);
    struct roots roots = roots_of(net, net->arena, options, &norm_roots);
    for (size_t i = 0; i < roots.count; i++)
        if (roots.nodes[i]->mark) lower_one(decision, roots.nodes[i]);
    decision_close(decision);
    return true;
}
