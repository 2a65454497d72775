/* SPDX-License-Identifier: Apache-2.0
 *
 * --static: the sizes that the user gives for open dims stand in the file from then on.
 *
 *   input x [N, 3, H, W]  ->  input x [1, 3, 224, 224]          --dim N=1 --dim H=224 --dim W=224
 *
 * A size given for one place of a name is that of the name everywhere. What is declared of other values, outputs among
 * them, is made as definite as shape inference can tell. A size that contradicts a declared one is an error. */
#ifndef PASSES_FIX_SHAPES_H
#define PASSES_FIX_SHAPES_H

#include "bnfuse.h"
#include "onnx/graph/graph.h"

/* Nothing unless options->fix_shapes. */
bool fix_shapes(struct net *net, const struct bnfuse_fuse_options *options, struct bnfuse_error *error);

#endif
