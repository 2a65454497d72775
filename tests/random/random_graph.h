/* SPDX-License-Identifier: Apache-2.0
 *
 * Random models around BatchNormalization: anchors that can absorb one, movers and constants that it must cross, and
 * things that stand in its way. The same seed makes the same model on every machine.
 *
 * Some BatchNormalizations and other affine nodes are *planted*: made together with an exact home, so that none of them
 * may be left. */
#ifndef RANDOM_GRAPH_H
#define RANDOM_GRAPH_H

#include "bnfuse.h"
#include "build.h"

#define RANDOM_MAX_PLANTED 128

/* A BatchNormalization, or a Mul, Add and the like, with a home. Names are numbered in the order they are made; those
 * numbered from..to are of the segment that holds both. */
struct planted {
    const char *node;
    bool is_affine;
    int from, to;
};

struct random_graph {
    struct build build; /* the model is build.model; everything lives in build.arena */
    uint64_t seed;
    bool freeze_weights, floors; /* options the model is to be fused with */
    const char *enabled[4];      /* further folds on request; "floor" is one of them where floors is set */
    size_t enabled_count;
    bool amplifies; /* it has batch statistics, which can make rounding as large as one likes */
    struct planted planted[RANDOM_MAX_PLANTED];
    size_t planted_count;
    bnfuse_dim dims[8]; /* sizes that fit for the dims it leaves open */
    size_t dim_count;
};

/* To be closed with build_close(&graph->build). */
void random_graph(struct random_graph *graph, uint64_t seed);

#endif
