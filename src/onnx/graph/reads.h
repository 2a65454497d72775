/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node reads: its inputs, and what its bodies capture. */
#ifndef ONNX_GRAPH_READS_H
#define ONNX_GRAPH_READS_H

#include "onnx/graph/graph.h"

struct read_visitor {
    void (*visit)(void *context, struct value *value);
    void *context;
    const struct graph *region; /* values of this graph and of those around it alone */
};

/* Calls visit for each value, also more than once. Bodies nest no deeper than the loader lets them. */
void visit_reads(const struct read_visitor *visitor, const struct node *node);

#endif
