/* SPDX-License-Identifier: Apache-2.0
 *
 * The discrete Fourier transform of any length in n log n steps, in double.
 *
 * A power of two is transformed directly; another length by Bluestein's chirp, as a convolution of such a length. */
#ifndef RUNTIME_MATH_FOURIER_H
#define RUNTIME_MATH_FOURIER_H

#include "base/memory.h"

/* Complex numbers, real and imaginary parts apart. */
struct complexes {
    double *re, *im;
};

struct fourier;

/* What the tables, and each transform, of such a length cost in units of work. */
int64_t fourier_work(int64_t length);

/* Tables for transforms of `length` >= 1, in the arena. NULL when the length is beyond all bounds. */
struct fourier *fourier_new(struct arena *arena, int64_t length);

/* Transforms `length` numbers in place: X[k] = sum x[n] exp(-2 pi i k n / length); the inverse divides by length. */
void fourier_run(const struct fourier *fourier, struct complexes x, bool inverse);

#endif
