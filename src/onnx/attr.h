/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes of a node by name, with the default when absent. An attribute of another type than asked for counts as
 * absent; validate.c reports such nodes before anyone asks. */
#ifndef ONNX_ATTR_H
#define ONNX_ATTR_H

#include "onnx/graph.h"

const BnfuseOnnx__AttributeProto *node_attribute(const struct node *node, const char *name);   /* NULL: absent */
int64_t node_int(const struct node *node, const char *name, int64_t absent);
float node_float(const struct node *node, const char *name, float absent);
/* NUL-terminated, in the proto; `absent` when absent. */
const char *node_text(const struct node *node, const char *name, const char *absent);
/* The count of elements, 0 when absent; *values points into the proto. */
size_t node_ints(const struct node *node, const char *name, const int64_t **values);
size_t node_floats(const struct node *node, const char *name, const float **values);

#endif
