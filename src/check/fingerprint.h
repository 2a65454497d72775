/* SPDX-License-Identifier: Apache-2.0
 *
 * What a tensor holds and what an operator does, as hashes of 64 bits: names of values are left out, so that equal ones
 * of two models have equal hashes. */
#ifndef CHECK_FINGERPRINT_H
#define CHECK_FINGERPRINT_H

#include "onnx/graph/graph.h"

struct fingerprints {
    struct arena *arena;
    void *piece;
    bool failed; /* a tensor could not be read: its hash is that of no other */
};

void fingerprints_open(struct fingerprints *prints, struct arena *arena);
/* Type, dims and elements as they are stored. */
uint64_t hash_tensor(struct fingerprints *prints, const struct tensor *tensor);
uint64_t hash_sparse(struct fingerprints *prints, const struct net *net, const BnfuseOnnx__SparseTensorProto *proto);
/* What the node does, without what it does it to, and without its bodies. */
uint64_t hash_operator(struct fingerprints *prints, const struct net *net, const struct node *node);

#endif
