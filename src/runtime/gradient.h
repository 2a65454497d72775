/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients: how much a loss grows with each element of a tensor. Reverse mode: each node that the loss was computed by
 * is asked once, the last first, for the gradients of its inputs, given those of its outputs.
 *
 * A gradient function is of an operator's row. It reads the node's inputs and outputs and the gradients of the outputs
 * (NULL: zero), computes by formulas (runtime/formula.h), and gives a gradient for every real input, or refuses. */
#ifndef RUNTIME_GRADIENT_H
#define RUNTIME_GRADIENT_H

#include "runtime/formula.h"

struct backward {
    struct formula f; /* f.call is that of the node, with the inputs it had */
    struct array *const *y;
    struct array *const *dy; /* parallel to the node's outputs */
    struct array **dx;       /* what was given so far, kept; parallel to its inputs */
    bool is_flat;            /* the outputs do not change with small changes of the inputs: nothing is given */
};

/* An input, an output, and the gradient of an output; NULL when absent. */
struct array *gradient_x(const struct backward *b, size_t slot);
struct array *gradient_y(const struct backward *b, size_t slot);
struct array *gradient_dy(const struct backward *b, size_t slot);
const struct node *gradient_node(const struct backward *b);
/* Adds to the gradient of an input; sums over what the input was broadcast along. */
void gradient_give(struct backward *b, size_t slot, struct array *dx);
/* What this program does not know; one line. */
void gradient_refuse(struct backward *b, const char *what);
/* Zeros shaped as an array, or with given dims. */
struct array *gradient_zeros(struct backward *b, const struct array *like);

/* Of operators whose outputs are elements of their inputs: Reshape, Slice, Gather, Concat, Pad, ... They are run once
 * more on the numbers of the elements, which say where each went. */
gradient_function gradient_moved;
/* Of operators whose outputs are steps: Floor, Sign, ... */
gradient_function gradient_flat;

/* Of a node that is computed by this formula: back through its steps. Every real input has to go into a step as it
 * is. */
void gradient_through(struct backward *b, bool (*formula)(struct call *call));
/* By the formula that the row's kernel is. */
gradient_function gradient_formula;

/* Asks the row of a node for its part: `dx`, parallel to the inputs, gets arrays that are kept. *is_flat: see backward.
 * False with a line. */
bool gradient_ask(const struct call *outer, const struct node *node, struct array **inputs, size_t input_count,
                  struct array *const *y, struct array *const *dy, struct array **dx, bool *is_flat);

/* Those of the families. WebAssembly goes without the files of the longer ones (cmake/library.cmake), whose operators
 * then have none: weak names that nobody defines are NULL. */
#ifdef __EMSCRIPTEN__
#pragma clang attribute push(__attribute__((weak)), apply_to = function)
#endif
gradient_function gradient_add, gradient_sub, gradient_mul, gradient_div, gradient_pow, gradient_prelu, gradient_sum,
    gradient_mean, gradient_extreme, gradient_clip, gradient_cast, gradient_dropout;
gradient_function gradient_abs, gradient_acos, gradient_acosh, gradient_asin, gradient_asinh, gradient_atan,
    gradient_atanh, gradient_celu, gradient_cos, gradient_cosh, gradient_elu, gradient_erf, gradient_exp, gradient_gelu,
    gradient_hard_sigmoid, gradient_hard_swish, gradient_leaky_relu, gradient_log, gradient_mish, gradient_neg,
    gradient_reciprocal, gradient_relu, gradient_selu, gradient_shrink, gradient_sigmoid, gradient_sin, gradient_sinh,
    gradient_softplus, gradient_softsign, gradient_sqrt, gradient_swish, gradient_tan, gradient_tanh,
    gradient_thresholded_relu;
gradient_function gradient_matmul, gradient_gemm, gradient_conv, gradient_conv_transpose;
gradient_function gradient_average_pool, gradient_max_pool, gradient_global_average_pool, gradient_global_max_pool;
gradient_function gradient_reduce_sum, gradient_reduce_mean, gradient_reduce_extreme, gradient_reduce_l1,
    gradient_reduce_l2, gradient_reduce_log_sum, gradient_reduce_log_sum_exp, gradient_reduce_sum_square,
    gradient_reduce_prod, gradient_cumsum, gradient_top_k, gradient_resize, gradient_scatter_elements,
    gradient_scatter_nd;
gradient_function gradient_cumprod, gradient_det, gradient_dft, gradient_lp_pool, gradient_global_lp_pool;
gradient_function gradient_rnn, gradient_gru, gradient_lstm;
gradient_function gradient_softmax, gradient_log_softmax, gradient_nll_loss, gradient_cross_entropy;
gradient_function gradient_batch_norm, gradient_layer_norm, gradient_rms_norm, gradient_instance_norm,
    gradient_group_norm, gradient_lp_norm, gradient_mean_variance, gradient_lrn;
gradient_function gradient_attention, gradient_rotary, gradient_einsum, gradient_swiglu;
#ifdef __EMSCRIPTEN__
#pragma clang attribute pop
#endif

#endif
