/* SPDX-License-Identifier: Apache-2.0
 *
 * BatchNormalization from training to inference mode, in the way each opset says it. */
#include "passes/inference.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"

static void to_inference(struct node *bn)
{
    bool has_statistics = false;
    if (node_outputs_are_read(bn, 1)) return;
    for (size_t i = 1; i < bn->output_count; i++) has_statistics = has_statistics || bn->outputs[i];
    if (has_statistics) edit_drop_outputs(bn, 1);
    if (bn->opset >= 14 && node_int(bn, "training_mode", 0)) edit_remove_attribute(bn, "training_mode");
    if (bn->opset < 7 && !node_int(bn, "is_test", 0)) edit_set_int(bn, "is_test", 1);
}

void assume_inference(struct net *net)
{
    for (struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next)
            if (node_is(node, "BatchNormalization")) to_inference(node);
}
