/* SPDX-License-Identifier: Apache-2.0
 *
 * Folds that are made only on request (--enable NAME), because they keep a BatchNormalization, add a node or
 * change an operator that runtimes like. */
#ifndef PASSES_DECIDE_EXTRAS_H
#define PASSES_DECIDE_EXTRAS_H

#include "bnfuse.h"

/*  constant           name                    what it does */
#define EXTRAS(ROW)                                                                                           \
    ROW(RELU_SCALE, "relu-scale", "a positive scale crosses a Relu; an Add for the shift stays")              \
    ROW(BEFORE_PADDED_CONV, "bn-before-padded-conv",                                                          \
        "the scale folds into a Conv with zero padding; an Add for the shift stays")                          \
    ROW(SHIFT_MAP, "shift-map", "a shift before zero padding becomes an Add of a constant plane per channel") \
    ROW(CAST, "cast", "folds cross a Cast between float types, which rounds at another place then")           \
    ROW(REPARAM, "reparam", "Convs, or matrix products, of one input that are added become one")              \
    ROW(FLOOR, "floor", "folds cross Relu and Clip, which become Max and Min with one number a channel")      \
    ROW(INSTANCE, "instance", "batch statistics of a batch of one become InstanceNormalization")              \
    ROW(GEMM, "gemm", "MatMul and Add of matrices become Gemm")                                               \
    ROW(LAYER_NORM, "layer-norm", "LayerNormalization that is written out becomes one (opset 17)")            \
    ROW(GELU, "gelu", "Gelu that is written out, with Erf or Tanh, becomes one (opset 20)")                   \
    ROW(HARD_SWISH, "hard-swish", "HardSwish that is written out becomes one (opset 14)")                     \
    ROW(MISH, "mish", "x * Tanh(Softplus(x)) becomes Mish (opset 18)")

enum extra {
#define ROW(constant, name, help) EXTRA_##constant,
    EXTRAS(ROW)
#undef ROW
        EXTRA_COUNT
};

/* By enum extra. */
extern const struct bnfuse_extra extras[EXTRA_COUNT];

bool is_enabled(const struct bnfuse_fuse_options *options, enum extra extra);

#endif
