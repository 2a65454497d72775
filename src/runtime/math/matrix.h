/* SPDX-License-Identifier: Apache-2.0
 *
 * Determinants and inverses of small matrices, by elimination with the greatest pivot of a column. */
#ifndef RUNTIME_MATH_MATRIX_H
#define RUNTIME_MATH_MATRIX_H

#include <stdbool.h>
#include <stdint.h>

/* Of a matrix [n, n], which is used up; 1 for n = 0. */
double matrix_determinant(double *m, int64_t n);
/* Of m in the left half of rows that are twice as wide, with the identity in the right half, where the inverse ends.
 * False where there is none. */
bool matrix_invert(double *m, int64_t n);

#endif
