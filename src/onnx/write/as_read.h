/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether what the file says still holds, so that its bytes can be copied. */
#ifndef ONNX_WRITE_AS_READ_H
#define ONNX_WRITE_AS_READ_H

#include "onnx/graph/graph.h"

/* "" of NULL, an absent input or output. */
const char *name_of(const struct value *value);
/* Whether a message's text, which may be NULL, is that name. */
bool is_name_of(const char *text, const struct value *value);
/* Whether the file's own message says what the node is; its bodies are another matter. */
bool node_is_as_read(const struct model *model, const struct node *node);
/* The file's own message of an initializer; NULL if it has none that holds. */
const void *initializer_as_read(const struct value *value);
/* Whether the message of the graph lists its nodes, inputs, outputs and initializers. Bodies are graphs of their
 * own. */
bool graph_is_as_read(const struct model *model, const struct graph *graph);

#endif
