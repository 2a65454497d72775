/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights and biases that a DequantizeLinear writes, scaled without being dequantized
 *
 *   s * (q - z) * d  =  (q - z) * (|s|*d)             s >= 0: into the scales d
 *                    =  ((2z - q) - z) * (|s|*d)      s <  0: the integers are mirrored about the zero point z
 *
 * Possible when d runs along the output channels, or is one number and the opset has scales along an axis, and every
 * mirrored integer fits its type (-128 does not). Between the DequantizeLinear and the linear operator may stand what
 * only moves elements: Transpose, Reshape and their like. */
#ifndef PASSES_ALGEBRA_QUANTIZED_H
#define PASSES_ALGEBRA_QUANTIZED_H

#include "passes/decide/decision.h"

/* Whether the value is what a DequantizeLinear writes. */
bool quantized_is(const struct value *value);

/* The DequantizeLinear that the value comes from; NULL if it does not come from one. */
const struct node *quantized_source(struct decision *decision, const struct value *value);

/* The weight as anchors need to see it: dims and type of the value, no elements. NULL with a reason in *why when the
 * parts of its DequantizeLinear are not constant. */
const struct tensor *quantized_shape(struct decision *decision, const struct value *value, enum reason *why);

/* Whether scaling channel i of `view` of the weight by scale[i] is possible. One scale for all becomes one a channel
 * only for output channels: along others no runtime has kernels. */
enum reason quantized_fits(struct decision *decision, const struct value *weight, const struct factor *view,
                           bool is_output, const double *scale);

/* The scaled weight, written by new nodes before `reader`. */
struct value *quantized_scaled(struct decision *decision, const struct value *weight, struct node *reader,
                               const struct factor *view, const double *scale);

/* The numbers that a DequantizeLinear of a vector writes, `count` of them. NULL when they cannot be read. */
double *quantized_values(struct decision *decision, const struct node *node, int64_t count);

/* The same vector as values[i] in steps of |scale[i]| times its own, which keeps the steps of a bias those of the data
 * times those of the weight. Possible where each is a whole number of steps that the type holds. */
enum reason quantized_restates(struct decision *decision, const struct node *node, int64_t count, const double *scale,
                               const double *values);
/* Its new value, written by a new node before `reader`. */
struct value *quantized_restated(struct decision *decision, const struct node *node, struct node *reader, int64_t count,
                                 const double *scale, const double *values);

#endif
