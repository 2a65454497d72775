/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights that a DequantizeLinear writes, scaled without being dequantized
 *
 *   s * (q - z) * d  =  (q - z) * (|s|*d)             s >= 0: into the scales d
 *                    =  ((2z - q) - z) * (|s|*d)      s <  0: the integers are mirrored about the zero point z
 *
 * Possible when d runs along the output channels, or is one number and the opset has scales along an axis, and every
 * mirrored integer fits its type (-128 does not). */
#ifndef PASSES_ALGEBRA_QUANTIZED_H
#define PASSES_ALGEBRA_QUANTIZED_H

#include "passes/decide/decision.h"

/* The weight as anchors need to see it: dims of the integers, type of the result; no elements. NULL with a reason in
 * *why when its parts are not constant. `node` is the DequantizeLinear. */
const struct tensor *quantized_shape(struct decision *decision, const struct node *node, enum reason *why);

/* Whether scaling channel i of `view` by scale[i] is possible. One scale for all becomes one a channel only for output
 * channels: along others no runtime has kernels. */
enum reason quantized_fits(struct decision *decision, const struct node *node, const struct factor *view,
                           bool is_output, const double *scale);

/* A new DequantizeLinear with the scaled weight, before `reader`; its output. */
struct value *quantized_scaled(struct decision *decision, const struct node *node, struct node *reader,
                               const struct factor *view, const double *scale);

#endif
