/* SPDX-License-Identifier: Apache-2.0
 *
 * Mul, Add, Sub, Div and Neg by constants as roots of their own
 *
 *   s*(W·x + b) + t                 ->  Conv, ConvTranspose, Gemm, MatMul
 *   W·(s*x + t) + b                 ->  Conv, ConvTranspose; Gemm and MatMul where x is a graph input
 *
 * Nothing is left over for them and no weight is copied. Runtimes recognize LayerNormalization, Gelu and attention by
 * such constants; so what stands near Erf, Tanh, Sqrt or Reciprocal stays. */
#ifndef PASSES_ALGEBRA_AFFINE_ROOT_H
#define PASSES_ALGEBRA_AFFINE_ROOT_H

#include "passes/decide/roots.h"

extern const struct root_kind affine_roots;

#endif
