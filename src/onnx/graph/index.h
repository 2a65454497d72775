/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables behind an index: values by name within a graph, names in use within a net. Private to graph.c and
 * edit.c. Everything is allocated from the net's arena and stays there. */
#ifndef ONNX_GRAPH_INDEX_H
#define ONNX_GRAPH_INDEX_H

#include "onnx/graph/graph.h"

/* A new value of this graph, in its table. NULL when the graph has one of this name. */
struct value *graph_add_value(struct graph *graph, const char *name);
/* Out of the table, and in again under value->name. */
void graph_take_value(struct value *value);
void graph_put_value(struct value *value);

/* Puts a read into its value's list of uses, and out of it. */
void use_add(struct use *use, struct value *value);
void use_remove(struct use *use);

/* The graph after this one below the same root, outer before inner; NULL at the end. */
struct graph *graph_next(const struct graph *graph);

/* A name that nothing in the model bears: `base`, base_2, base_3, ...; taken from now on. */
const char *net_take_name(struct net *net, const char *base);

#endif
