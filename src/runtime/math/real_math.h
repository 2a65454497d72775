/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions that libm does not vectorise, for results that are rounded to float: computed in double with a relative
 * error below 1e-10, by operations that every machine rounds alike. Exact runs use libm. */
#ifndef RUNTIME_MATH_REAL_MATH_H
#define RUNTIME_MATH_REAL_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Loops around these are worth their own code for wide vectors. Nothing is contracted or reordered, so all of them give
 * the same bits. (The address sanitizer is not up when the choice is made.) */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTOR_CLONES
#endif

/* e^x = 2^n * e^r with |r| <= log(2)/2. Adding 1.5 * 2^52 leaves n in the low bits. Ends that no float reaches are
 * clamped; NaN stays. */
static inline double quick_exp(double x)
{
    const double magic = 0x1.8p52;
    x = x < -708.0 ? -708.0 : x;
    x = x > 709.0 ? 709.0 : x;
    double shifted = x * 1.4426950408889634 + magic, n = shifted - magic;
    double r = (x - n * 0x1.62e42fefa0000p-1) - n * 0x1.cf79abc9e3b3ap-40;
    double p = 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

static inline double quick_sigmoid(double x)
{
    return 1.0 / (1.0 + quick_exp(-x));
}

/* Near 0 the quotient would cancel: there the series does. */
static inline double quick_tanh(double x)
{
    double e = quick_exp(2.0 * x), square = x * x;
    double quotient = 1.0 - 2.0 / (e + 1.0), series = x * (1.0 - square * (1.0 / 3.0 - square * (2.0 / 15.0)));
    return square < 1e-4 ? series : quotient;
}

static inline double exact_sigmoid(double x)
{
    double e = exp(-fabs(x));
    return x >= 0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
}

#endif
