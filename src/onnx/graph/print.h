/* SPDX-License-Identifier: Apache-2.0
 *
 * A graph as text, one line a node; golden tests compare it. Deterministic; names escaped; an absent name is "_".
 * Tensors of up to eight elements show them. Bodies stand indented under their node, functions after the main graph.
 *
 *   graph "g"  opset 13
 *     input  x float32 [N, 3, 8, 8]
 *     init   w float32 [4, 3, 3, 3]
 *     init   b float32 [4] {1, 2, 3, 4.5}
 *     y = Conv(x, w, b) {group=1, pads=[1, 1, 1, 1]}  "conv1"
 *     output y
 */
#ifndef ONNX_GRAPH_PRINT_H
#define ONNX_GRAPH_PRINT_H

#include "onnx/graph/graph.h"

#include <stdio.h>

void net_print(const struct net *net, FILE *to);

/* With what is known besides: type and shape of every output, least and largest element of larger tensors. Shape
 * inference has run.
 *
 *     init   w float32 [4, 3, 3, 3] {-0.31 to 0.42}
 *     y float32 [N, 4, 8, 8] = Conv(x, w, b) {group=1, pads=[1, 1, 1, 1]}  "conv1"
 */
void net_print_all(const struct net *net, FILE *to);

#endif
