/* SPDX-License-Identifier: Apache-2.0
 *
 * BatchNormalization from training to inference mode. */
#include "passes/inference.h"

#include "onnx/graph/bn.h"

void assume_inference(struct net *net)
{
    for (struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next)
            if (bn_is(node) && !node_outputs_are_read(node, 1)) bn_set_inference(node);
}
