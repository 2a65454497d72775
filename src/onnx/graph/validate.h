/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold of every graph: names present and unique, no cycle, every read defined, attributes of the type they
 * claim, tensors whose length fits their dims, an opset for every domain used. Run after loading, and by the pass
 * runner after every pass in debug builds. */
#ifndef ONNX_GRAPH_VALIDATE_H
#define ONNX_GRAPH_VALIDATE_H

#include "onnx/graph/graph.h"

/* False with the first violation in *error (BNFUSE_INVALID). */
bool net_validate(const struct net *net, struct bnfuse_error *error);
/* Whether the dims of an initializer are those that are declared for it. Sizes of 0 and below are how some exporters
 * write "unknown". */
bool initializer_fits(const struct value *value);

#endif
