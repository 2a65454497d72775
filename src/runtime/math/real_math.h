/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions that libm does not vectorize, in double, without branches: a loop around one becomes vectors where it is
 * compiled for them (simd_function.h). Made of additions, products, quotients and fused multiply-adds, each of which
 * every machine rounds alike, so that the results are the same bits at every vector width.
 *
 *   function                    units in the last place from the exact value, at most (held by a test)
 *   math_exp, math_log          1
 *   math_erf, math_expm1        2
 *   math_tanh, math_softplus    3
 *   math_sigmoid                3
 *
 * Those named _f32 take shorter series, for results that are rounded to float: they are within 2^-29 of the exact value
 * times that value, so that the rounding is nearly all of the error. */
#ifndef RUNTIME_MATH_REAL_MATH_H
#define RUNTIME_MATH_REAL_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* a * b + c, rounded once. WebAssembly has no instruction for it, and libm's way around it takes a hundred; there it is
 * rounded twice. */
#ifdef __wasm__
#define FUSED_F32(a, b, c) ((a) * (b) + (c))
#define FUSED_F64(a, b, c) ((a) * (b) + (c))
#else
#define FUSED_F32(a, b, c) __builtin_fmaf(a, b, c)
#define FUSED_F64(a, b, c) __builtin_fma(a, b, c)
#endif

#define MATH_FUNCTION static inline __attribute__((always_inline, unused)) double
/* Of those that are many instructions WebAssembly has one copy, called: there size counts, and vectors are two wide. */
#ifdef __wasm__
#define MATH_LARGE static __attribute__((noinline, unused)) double
#else
#define MATH_LARGE MATH_FUNCTION
#endif

#define LOG2_HIGH    0x1.62e42fefa0000p-1 /* times a whole number below 2^13: exact */
#define LOG2_LOW     0x1.cf79abc9e3b3ap-40
#define ROUNDER      0x1.8p52 /* added, it rounds to a whole number and leaves that in the low bits */
#define LEAST_NORMAL 0x1p-1022

MATH_FUNCTION math_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline __attribute__((always_inline, unused)) uint64_t math_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* 2^n for a whole n, -1022 <= n <= 1023 */
MATH_FUNCTION math_power_of_two(double n)
{
    return math_from_bits((math_bits(n + ROUNDER) + 1023) << 52);
}

/* e^r - 1 for |r| <= log(2) / 2: the series up to r^13 / 13! */
MATH_FUNCTION math_exp_series(double r)
{
    double p = 1.0 / 6227020800.0;
    p = FUSED_F64(p, r, 1.0 / 479001600.0);
    p = FUSED_F64(p, r, 1.0 / 39916800.0);
    p = FUSED_F64(p, r, 1.0 / 3628800.0);
    p = FUSED_F64(p, r, 1.0 / 362880.0);
    p = FUSED_F64(p, r, 1.0 / 40320.0);
    p = FUSED_F64(p, r, 1.0 / 5040.0);
    p = FUSED_F64(p, r, 1.0 / 720.0);
    p = FUSED_F64(p, r, 1.0 / 120.0);
    p = FUSED_F64(p, r, 1.0 / 24.0);
    p = FUSED_F64(p, r, 1.0 / 6.0);
    p = FUSED_F64(p, r, 0.5);
    return FUSED_F64(r * r, p, r);
}

/* x = n * log(2) + *r */
MATH_FUNCTION math_reduce(double x, double *r)
{
    double n = FUSED_F64(x, 1.4426950408889634, ROUNDER) - ROUNDER;
    *r = FUSED_F64(-n, LOG2_LOW, FUSED_F64(-n, LOG2_HIGH, x));
    return n;
}

/* 2^n * (1 + p). The power is applied in two halves, so that the ends round once, to what is below normal or
 * infinite. */
MATH_FUNCTION math_exp(double x)
{
    double r, near = x < -760.0 ? -760.0 : x > 720.0 ? 720.0 : x, n = math_reduce(near, &r);
    double half = FUSED_F64(n, 0.5, ROUNDER) - ROUNDER;
    return (1.0 + math_exp_series(r)) * math_power_of_two(half) * math_power_of_two(n - half);
}

/* 2^n * p + (2^n - 1) */
MATH_LARGE math_expm1(double x)
{
    double r, near = x < -50.0 ? -50.0 : x > 720.0 ? 720.0 : x, n = math_reduce(near, &r);
    double half = FUSED_F64(n, 0.5, ROUNDER) - ROUNDER, power = math_power_of_two(half),
           rest = math_power_of_two(n - half);
    double p = math_exp_series(r), small = FUSED_F64(power * rest, p, power * rest - 1.0);
    double large = (1.0 + p) * power * rest;
    return x == 0 ? x : n > 60.0 ? large : small;
}

/* x = 2^k * (1 + f), 1/sqrt(2) <= 1 + f < sqrt(2). With s = f / (2 + f), log(1 + f) = 2 (s + s^3/3 + s^5/5 + ...); the
 * first term is taken from f itself, which is exact. */
MATH_LARGE math_log(double x)
{
    double scaled = x < LEAST_NORMAL ? x * 0x1p54 : x;
    uint64_t bits = math_bits(scaled) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
    double k = math_from_bits((bits >> 52) | math_bits(0x1p52)) - 0x1p52 - (x < LEAST_NORMAL ? 1077.0 : 1023.0);
    double f = math_from_bits((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
    double s = f / (2.0 + f), square = s * s, half = 0.5 * f * f;
    double p = 2.0 / 23.0;
    p = FUSED_F64(p, square, 2.0 / 21.0);
    p = FUSED_F64(p, square, 2.0 / 19.0);
    p = FUSED_F64(p, square, 2.0 / 17.0);
    p = FUSED_F64(p, square, 2.0 / 15.0);
    p = FUSED_F64(p, square, 2.0 / 13.0);
    p = FUSED_F64(p, square, 2.0 / 11.0);
    p = FUSED_F64(p, square, 2.0 / 9.0);
    p = FUSED_F64(p, square, 2.0 / 7.0);
    p = FUSED_F64(p, square, 2.0 / 5.0);
    p = FUSED_F64(p, square, 2.0 / 3.0);
    double rest = FUSED_F64(s, FUSED_F64(p, square, half), k * LOG2_LOW);
    double result = FUSED_F64(k, LOG2_HIGH, f - (half - rest));
    result = x == 0 ? -(double)INFINITY : x == (double)INFINITY ? x : result;
    return x >= 0 ? result : (double)NAN;
}

/* The same to 2^-34 of e^r */
MATH_FUNCTION math_exp_series_f32(double r)
{
    double p = 0x1.9f089cb1ae766p-13;
    p = FUSED_F64(p, r, 0x1.6d8d07e7b7c07p-10);
    p = FUSED_F64(p, r, 0x1.111270b015eecp-7);
    p = FUSED_F64(p, r, 0x1.55548dc32db11p-5);
    p = FUSED_F64(p, r, 0x1.555554433c1c3p-3);
    p = FUSED_F64(p, r, 0x1.0000003a24463p-1);
    return FUSED_F64(r * r, p, r);
}

/* Floats end long before 2^n does, so one step will do. */
MATH_FUNCTION math_exp_f32(double x)
{
    double r, near = x < -708.0 ? -708.0 : x > 709.0 ? 709.0 : x, power = math_power_of_two(math_reduce(near, &r));
    return FUSED_F64(power, math_exp_series_f32(r), power);
}

MATH_LARGE math_expm1_f32(double x)
{
    double r, near = x < -50.0 ? -50.0 : x > 709.0 ? 709.0 : x, power = math_power_of_two(math_reduce(near, &r));
    return x == 0 ? x : FUSED_F64(power, math_exp_series_f32(r), power - 1.0);
}

MATH_FUNCTION math_sigmoid_of(double x, double e)
{
    return (x >= 0 ? 1.0 : e) / (1.0 + e) + (x == x ? 0.0 : x);
}

MATH_FUNCTION math_sigmoid(double x)
{
    return math_sigmoid_of(x, math_exp(-fabs(x)));
}

MATH_FUNCTION math_sigmoid_f32(double x)
{
    return math_sigmoid_of(x, math_exp_f32(-fabs(x)));
}

/* m / (m + 2) with m = e^(2|x|) - 1; beyond 22 that is 1. */
MATH_LARGE math_tanh(double x)
{
    double size = fabs(x), m = math_expm1(2.0 * (size > 22.0 ? 22.0 : size));
    return copysign(m / (m + 2.0), x);
}

MATH_LARGE math_tanh_f32(double x)
{
    double size = fabs(x), m = math_expm1_f32(2.0 * (size > 22.0 ? 22.0 : size));
    return copysign(m / (m + 2.0), x);
}

/* log(1 + e^x) = max(x, 0) + log(1 + e), e = e^-|x|; what 1 + e loses of e is added back. */
MATH_LARGE math_softplus(double x)
{
    double e = math_exp(-fabs(x)), sum = 1.0 + e, lost = (e - (sum - 1.0)) / sum;
    return (x > 0 ? x : 0.0) + (math_log(sum) + lost) + (x == x ? 0.0 : x);
}

/* Below 1 the series; from there 1 - e^(-x^2) q(t), q being e^(x^2) erfc(x) interpolated at the 15 Chebyshev nodes of
 * t = (x - 2.5) / (x + 2.5) in +-0.4375, which is x in 0.98 .. 6.39; from 6 on 1. */
MATH_LARGE math_erf(double x)
{
    double size = fabs(x) > 6.0 ? 6.0 : fabs(x), square = size * size, s = 0x1.5f7919bc67b8cp-58;
    s = FUSED_F64(s, square, -0x1.a2007af3447f6p-54);
    s = FUSED_F64(s, square, 0x1.d70b3537f4765p-50);
    s = FUSED_F64(s, square, -0x1.f56f071a885cfp-46);
    s = FUSED_F64(s, square, 0x1.f683ae4a97007p-42);
    s = FUSED_F64(s, square, -0x1.d8453cb0c46eap-38);
    s = FUSED_F64(s, square, 0x1.9e6ad5e55a730p-34);
    s = FUSED_F64(s, square, -0x1.51d7181c5d36dp-30);
    s = FUSED_F64(s, square, 0x1.fcc5720624c1cp-27);
    s = FUSED_F64(s, square, -0x1.5f742ec43e71ap-23);
    s = FUSED_F64(s, square, 0x1.b9e6c9dc651a3p-20);
    s = FUSED_F64(s, square, -0x1.f4d25c3e0c2ebp-17);
    s = FUSED_F64(s, square, 0x1.f9a326f9b89b7p-14);
    s = FUSED_F64(s, square, -0x1.c02db40040b86p-11);
    s = FUSED_F64(s, square, 0x1.565bcd0e6a53fp-8);
    s = FUSED_F64(s, square, -0x1.b82ce31288b51p-6);
    s = FUSED_F64(s, square, 0x1.ce2f21a042be2p-4);
    s = FUSED_F64(s, square, -0x1.812746b0379e7p-2);
    s = FUSED_F64(s, square, 0x1.20dd750429b6dp+0);
    double t = (size - 2.5) / (size + 2.5), q = -0x1.a1747ee4407d7p-20;
    q = FUSED_F64(q, t, -0x1.2a1492fadbf7bp-19);
    q = FUSED_F64(q, t, 0x1.f617b99402623p-18);
    q = FUSED_F64(q, t, 0x1.37e4a2e7d0c27p-16);
    q = FUSED_F64(q, t, -0x1.1ea791f29aa3dp-15);
    q = FUSED_F64(q, t, -0x1.0e446e5bd9960p-13);
    q = FUSED_F64(q, t, 0x1.def258f189c90p-13);
    q = FUSED_F64(q, t, 0x1.cb3b579930e5fp-11);
    q = FUSED_F64(q, t, -0x1.5a5716859f543p-9);
    q = FUSED_F64(q, t, -0x1.05bb2fd8924cdp-8);
    q = FUSED_F64(q, t, 0x1.470ba1f66a0ccp-5);
    q = FUSED_F64(q, t, -0x1.0011543718aa6p-3);
    q = FUSED_F64(q, t, 0x1.01c11a735cdcep-2);
    q = FUSED_F64(q, t, -0x1.7ca88dec21793p-2);
    q = FUSED_F64(q, t, 0x1.afbb3f3b7343bp-3);
    double tail = FUSED_F64(-math_exp(-square), q, 1.0), result = size < 1.0 ? size * s : tail;
    return copysign(x == x ? result : x, x);
}

/* 1 - e^(-x q(x)), q being -log(erfc(x)) / x fitted on 0 .. 4; from there on a float's 1. */
MATH_LARGE math_erf_f32(double x)
{
    double size = fabs(x) > 4.0 ? 4.0 : fabs(x), q = 0x1.4053f365643fcp-20;
    q = FUSED_F64(q, size, -0x1.6645f374c2a6cp-16);
    q = FUSED_F64(q, size, 0x1.5f3bfc2eb5819p-13);
    q = FUSED_F64(q, size, -0x1.8455595e6cccep-11);
    q = FUSED_F64(q, size, 0x1.d7b0b0a013b48p-10);
    q = FUSED_F64(q, size, -0x1.095acd65ace2cp-12);
    q = FUSED_F64(q, size, -0x1.39396c402dba4p-6);
    q = FUSED_F64(q, size, 0x1.a4f37ea2f5208p-4);
    q = FUSED_F64(q, size, 0x1.45f308f2fe954p-1);
    q = FUSED_F64(q, size, 0x1.20dd7502277e6p+0);
    return copysign(math_expm1_f32(-size * q), x);
}

#endif
