/* SPDX-License-Identifier: Apache-2.0
 *
 * Which values a graph has, and who reads each: what building an index and editing it change, and nothing else does.
 * Everything is allocated from the net's arena and stays there. */
#ifndef ONNX_GRAPH_USES_H
#define ONNX_GRAPH_USES_H

#include "onnx/graph/graph.h"

/* A new value of this graph, in its table. NULL when the graph has one of this name. */
struct value *graph_add_value(struct graph *graph, const char *name);
/* Out of the table, and in again under value->name. */
void graph_take_value(struct value *value);
void graph_put_value(struct value *value);

/* Puts a read into its value's list of uses, and out of it. */
void use_add(struct use *use, struct value *value);
void use_remove(struct use *use);

#endif
