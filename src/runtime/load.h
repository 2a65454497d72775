/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored tensors as arrays of a run: read in pieces, converted, and moved by noise where a run asks for it. */
#ifndef RUNTIME_LOAD_H
#define RUNTIME_LOAD_H

#include "runtime/run.h"

/* `name` decides the signs of the noise. Strings are copied into the pool. */
bool load_tensor(struct array **array, const char *name, const struct tensor *tensor, const struct run_options *options,
                 struct bnfuse_error *error);
bool load_sparse(struct array **array, const char *name, const BnfuseOnnx__SparseTensorProto *proto,
                 const struct model *model, const struct run_options *options, struct arena *scratch,
                 struct bnfuse_error *error);

/* Moves what a node has computed by result_noise, where it is real and nothing else holds it. */
void load_result(struct array *array, const char *name, const struct run_options *options);

/* The node as a run with noise sees it: numbers in its attributes are moved by a unit in their last place (a float
 * holds nothing between), but those that are sizes or thresholds and those of a few bits, which are meant as they are.
 * The node itself where nothing is moved. */
const struct node *load_node(const struct node *node, const struct run_options *options, struct arena *arena);

/* A well mixed number from a seed and a text. */
uint64_t seed_for(uint64_t seed, const char *text);

#endif
