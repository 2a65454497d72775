/* SPDX-License-Identifier: Apache-2.0
 *
 * Linear operators seen uniformly, y = W·x + b: where an operator keeps its channels, in its data, its weight and its
 * bias. One row and one description an operator; what absorbing an affine does to them is written once (absorb.c). */
#ifndef PASSES_ALGEBRA_ANCHOR_H
#define PASSES_ALGEBRA_ANCHOR_H

#include "passes/decide/decision.h"

/* A constant whose axes those of the weight come to, but for those summed over (-1). */
struct map_axes {
    int rank; /* 0: there is none */
    int64_t dims[TENSOR_MAX_RANK];
    int of_weight[TENSOR_MAX_RANK];
};

struct anchor_parts {
    int asked_axis; /* of the affine, where the operator can take it along several */
    size_t data_slot, weight_slot;
    const struct tensor *weight;
    const struct value *quantized; /* the weight where a DequantizeLinear writes it; then `weight` has no elements */
    int input_axis, output_axis;   /* where the channels are in the data and in the output; -1: nowhere usable */
    struct factor input_view, output_view; /* where they are in the weight (scale unused) */
    int64_t input_channels, output_channels;
    int bias_slot; /* -1: the operator has none */
    /* The bias as [rows, channels / block, stride] of which the first `block` of each stride are channels. */
    int64_t bias_rows, bias_block, bias_stride;
    bool bias_broadcasts;   /* stored as anything that broadcasts to that */
    bool bias_by_attribute; /* and only if the attribute `broadcast` says so (Gemm before opset 7) */
    int bias_rank;
    int64_t bias_dims[2];
    double weight_gain, bias_gain; /* y = weight_gain * W·x + bias_gain * b */
    struct map_axes map;           /* of what a shift on the input comes to, where that differs along several axes */
    bool is_product;         /* with matrices: an element of the weight is between one input channel and one output */
    enum reason shift_stays; /* why a shift on the input cannot be absorbed; NONE if it can */
};

struct anchor;

/* Whether an operator, of whatever domain, has a row. */
bool anchor_is(const struct node *node);

/* The row for a node that may absorb an affine on its output, or on input `slot`; NULL when it is none, or when an
 * attribute is a parameter of the function it stands in. */
const struct anchor *anchor_of_output(const struct node *node);
const struct anchor *anchor_of_input(const struct node *node, size_t slot);

/* Which affines without BatchNormalization an anchor absorbs, so that runtimes still recognize their patterns. */
enum root_entry { ROOTS_NEVER, ROOTS_ALWAYS, ROOTS_UPSTREAM_OR_FROM_INPUT };
/* ROOTS_NEVER where the node is no anchor. */
enum root_entry anchor_root_entry(const struct node *node);

/* Fills the description for an affine along `axis` on the output, or (on_input) on input `slot`. A reason when the node
 * does not fit: its weight is not constant, its parts do not match, its rank is unknown. */
enum reason anchor_describe(struct decision *decision, const struct anchor *anchor, const struct node *node,
                            size_t slot, bool on_input, int axis, struct anchor_parts *parts);

/* Which channel of the view an element of the weight belongs to. */
int64_t view_channel(const struct factor *view, int64_t element);

#endif
