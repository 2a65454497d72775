/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes of a node by name, with the default when absent. An attribute of another type than asked for counts as
 * absent; validate.c reports such nodes before anyone asks.
 *
 * In the body of a local function an attribute may refer to a parameter of the function instead of holding a value. It
 * counts as absent too, so whoever trusts a default there asks node_refers first, or binds the node to its call. */
#ifndef ONNX_GRAPH_ATTR_H
#define ONNX_GRAPH_ATTR_H

#include "onnx/graph/graph.h"

const BnfuseOnnx__AttributeProto *node_attribute(const struct node *node, const char *name); /* NULL: absent */
int64_t node_int(const struct node *node, const char *name, int64_t absent);
float node_float(const struct node *node, const char *name, float absent);
/* NUL-terminated, in the proto (model.c ends every bytes field with a NUL); `absent` when absent. */
const char *node_text(const struct node *node, const char *name, const char *absent);
/* The count of elements; *values points into the proto. 0 when absent or empty, and *values stays what it was. */
size_t node_ints(const struct node *node, const char *name, const int64_t **values);
/* Element i of the list; `absent` where it has none. */
int64_t node_int_at(const struct node *node, const char *name, size_t i, int64_t absent);
/* As node_ints. */
size_t node_floats(const struct node *node, const char *name, const float **values);

/* Whether it holds nothing but the name of a parameter of the function that its node stands in. */
bool attr_refers(const BnfuseOnnx__AttributeProto *attribute);
/* Whether any attribute refers to a parameter of the function that the node stands in (its bodies not looked at). */
bool node_refers(const struct node *node);
/* A copy of the node in the arena with the references replaced by what the `call` of its function gives, else by the
 * function's default; what neither gives is absent. The node itself when it refers to nothing. */
const struct node *node_bound(const struct node *node, const struct node *call, struct arena *arena);

#endif
