/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of every value before anything runs: type, rank, dims (symbolically), and the elements of the small
 * whole tensors that shape arithmetic computes (Shape, Gather, Concat, Slice, Mul, ... feeding Reshape).
 *
 * Sources, in this order: the declared graph inputs, constants, and a rule per operator; where no rule applies, the
 * model's own value_info. Unknown stays unknown: nothing is guessed. A batch dimension without size is a symbol. */
#ifndef ONNX_SHAPE_INFER_H
#define ONNX_SHAPE_INFER_H

#include "onnx/graph/graph.h"

/* Fills type, shape and content of every value of the net. A contradiction (a rule's condition does not hold, e.g. the
 * channels of a Conv) leaves the outputs unknown and the node marked; it is not an error here. */
bool shape_infer(struct net *net, struct bnfuse_error *error);

/* Known equal: same non-negative size, or same non-zero symbol. */
bool dim_equal(struct dim a, struct dim b);
/* The number of elements if every dim is known, else -1. */
int64_t shape_count(const struct shape *shape);

#endif
