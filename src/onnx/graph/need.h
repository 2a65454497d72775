/* SPDX-License-Identifier: Apache-2.0
 *
 * What the readers of a value need of its shape: the rows state it (operator.h), their weights give the sizes. */
#ifndef ONNX_GRAPH_NEED_H
#define ONNX_GRAPH_NEED_H

#include "onnx/graph/operator.h"

/* What one reader needs of the value it reads, as far as the shape of its weight is known: the rank (0: any, -1:
 * nothing is known), and the size along an axis of a value of `rank` dims (-1: any). */
int use_needs_rank(const struct use *use);
int64_t use_needs_size(const struct use *use, int rank, int axis);

#endif
