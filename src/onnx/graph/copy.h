/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a local function in the place of one of its calls. */
#ifndef ONNX_GRAPH_COPY_H
#define ONNX_GRAPH_COPY_H

#include "onnx/graph/graph.h"

/* How many nodes a copy has, those of bodies in it included; 0 where none can be made: an output is no node's, or that
 * of another too; a body in it hands on an input of the function, stores sparse or has an initializer as an
 * input, or lies deep in others; an operator that is not known has an attribute of the call. */
size_t copy_size(const struct graph *function);

/* Copies of the nodes stand before the call, which goes; they read what it reads and write what it writes. */
void copy_in_place_of(struct node *call);

#endif
