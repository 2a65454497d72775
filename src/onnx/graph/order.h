/* SPDX-License-Identifier: Apache-2.0
 *
 * The order in which a graph runs. */
#ifndef ONNX_GRAPH_ORDER_H
#define ONNX_GRAPH_ORDER_H

#include "onnx/graph/graph.h"

/* Nodes that a run would execute in this order: each after the writers of what it (or its bodies) reads. `order` has
 * node_count entries. False (naming a node) when the graph has a cycle. */
bool graph_order(const struct graph *graph, struct arena *arena, struct node ***order, struct bnfuse_error *error);

#endif
