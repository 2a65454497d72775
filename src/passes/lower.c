/* SPDX-License-Identifier: Apache-2.0
 *
 * On request (--lower mul-add), for runtimes without BatchNormalization
 *
 *   BN  ->  Mul -> Add
 *
 * Stays when the input's rank is unknown: the constants could not be aligned with axis 1. */
#include "passes/lower.h"

#include "onnx/edit.h"
#include "passes/affine_node.h"
#include "passes/fate.h"
#include "passes/fold.h"

static void lower_one(struct search *search, struct node *bn)
{
    struct affine *a;
    size_t slot;
    arena_close(search->arena);
    arena_open(search->arena, search->net->arena->memory);
    struct value *x = node_input(bn, 0);
    search_begin(search, bn, fold_type(bn));
    if (affine_of_node(search, bn, &a, &slot) || !affine_can_lower(bn->graph, x, a)) return;
    struct value *lowered = affine_lower(bn->graph, bn, x, a, search->type, false, node_title(bn));
    fates_tell(bn, OUTCOME_LOWERED, "Mul and Add", "");
    edit_set_input(bn, 0, lowered);
    fold_finish(bn, 0);
}

bool lower_run(struct net *net, const struct pass_options *options, struct pass_report *report,
              struct bnfuse_error *error)
{
    struct search *search = search_open(net, options);
    struct seeds seeds = seeds_of(net, net->arena, options);
    for (size_t i = 0; i < seeds.count; i++)
        if (seeds.nodes[i]->mark) lower_one(search, seeds.nodes[i]);
    search_close(search);
    (void)report, (void)error;
    return true;
}
