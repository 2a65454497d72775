/* SPDX-License-Identifier: Apache-2.0
 *
 * Which values, nodes and graphs of one model are those of another, for what is told of their differences. */
#ifndef CHECK_DIFF_MATCH_H
#define CHECK_DIFF_MATCH_H

#include "base/pointer_map.h"
#include "onnx/graph/graph.h"

struct matching {
    struct arena *arena;
    const struct net *a, *b;
    struct pointer_map pairs; /* values, nodes and graphs of a to those of b, and of b to those of a */
    struct bnfuse_error *error;
    bool failed; /* a weight could not be read, says `error` */
};

/* Pairs two graphs, and those inside their paired nodes. False when the nodes of b have no order. */
bool matching_pair(struct matching *matching, struct graph *a, struct graph *b);
/* Of a value, a node or a graph of either model; NULL where it has none, and of NULL. */
void *matching_partner(const struct matching *matching, const void *one);
/* Whether input `slot` of a is, or would be, that of b. */
bool matching_same_input(const struct matching *matching, const struct node *a, const struct node *b, size_t slot);
/* Bodies are equal where both are there. */
bool matching_same_attribute(struct matching *matching, const BnfuseOnnx__AttributeProto *a,
                             const BnfuseOnnx__AttributeProto *b);

/* An initializer or what a Constant node holds; NULL of any other value, and of NULL. */
const struct tensor *stored_tensor(struct value *value);
/* Each stored value of the graph: initializers, then outputs of Constant nodes; NULL after the last. */
struct stored_walk {
    const struct graph *graph;
    size_t initializer;
    const struct node *node;
};
struct stored_walk stored_walk(const struct graph *graph);
struct value *stored_next(struct stored_walk *walk);

/* Equal types and dims. */
bool same_tensor_type(const struct tensor *a, const struct tensor *b);
/* How many elements of two of one type differ, the first of the largest differences, and how large it is. */
struct contrast {
    int64_t differing, at;
    double largest;
};
struct contrast tensor_contrast(struct matching *matching, const struct tensor *a, const struct tensor *b);

#endif
