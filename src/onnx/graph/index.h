/* SPDX-License-Identifier: Apache-2.0
 *
 * Building the index over a model. */
#ifndef ONNX_GRAPH_INDEX_H
#define ONNX_GRAPH_INDEX_H

#include "onnx/graph/graph.h"

/* Builds the index (freeze_weights is false after it). Fails (BNFUSE_INVALID) on what no index can hold: a value
 * written twice, a read of a value that no scope defines, an initializer whose data do not fit its type and dims. */
bool net_index(struct net *net, struct arena *arena, const struct model *model, struct bnfuse_error *error);

#endif
