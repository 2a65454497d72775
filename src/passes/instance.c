/* SPDX-License-Identifier: Apache-2.0
 *
 * Batch statistics of one sample. */
#include "passes/instance.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/bn.h"
#include "onnx/graph/edit.h"
#include "passes/decide/decision.h"
#include "passes/decide/extras.h"
#include "passes/decide/roots.h"

static bool is_of_one_sample(const struct node *bn)
{
    const struct value *x = node_input(bn, 0);
    if (x->shape.rank < 3 || x->shape.dims[0].size != 1) return false;
    if (!bn_is_training(bn) || node_outputs_are_read(bn, 1) || node_refers(bn)) return false;
    for (size_t i = 1; i < 3; i++)
        if (node_input(bn, i)->type != x->type || node_input(bn, i)->shape.rank != 1) return false;
    return true;
}

static void replace(struct graph *graph, struct node *bn)
{
    struct value *inputs[3] = { node_input(bn, 0), node_input(bn, 1), node_input(bn, 2) }, *output = bn->outputs[0];
    const char *title = node_title(bn);
    struct node *norm = edit_add_node(graph, bn, "InstanceNormalization", title, inputs, 3, output);
    edit_set_float(norm, "epsilon", (float)bn_epsilon(bn));
    remark_applied(bn, BNFUSE_OUTCOME_LOWERED, "InstanceNormalization", "");
    norm->mark = bn->mark;
    edit_take_output(norm, 0, output);
    remark_forget(bn);
    edit_remove_node(bn);
}

bool instance_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                  struct bnfuse_error *error)
{
    (void)report, (void)error;
    if (!is_enabled(options, EXTRA_INSTANCE)) return true;
    for (struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first, *next; node; node = next) {
            next = node->next;
            if (bn_is(node) && !node->is_skipped && node_output(node, 0) && is_of_one_sample(node))
                replace(graph, node);
        }
    return true;
}
