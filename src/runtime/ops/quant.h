/* SPDX-License-Identifier: Apache-2.0
 *
 * What quantized kernels share: the range of a type, and how a real number becomes one of its elements. */
#ifndef RUNTIME_OPS_QUANT_H
#define RUNTIME_OPS_QUANT_H

#include "runtime/array.h"

/* Whether the type can hold quantized values, and the least and greatest of them (finite ones of an 8-bit float). */
bool quant_range(enum dtype type, double *least, double *greatest);

/* round(value) + zero_point within the range of a whole type; half to even, NaN is 0. */
int64_t quant_whole(double value, double zero_point, double least, double greatest);

#endif
