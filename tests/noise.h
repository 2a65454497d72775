/* SPDX-License-Identifier: Apache-2.0
 *
 * Values for tests: the same on every machine, spread over -2 .. 2, and exact in float32 and in sums of a few. */
#ifndef TESTS_NOISE_H
#define TESTS_NOISE_H

#include <stdint.h>

static inline double noise(uint64_t seed, int64_t i)
{
    uint64_t x = (seed * 0x9e3779b97f4a7c15u) ^ ((uint64_t)i * 0xbf58476d1ce4e5b9u);
    x ^= x >> 31;
    x *= 0x94d049bb133111ebu;
    x ^= x >> 29;
    return ((double)(x % 257) - 128) / 64;
}

static inline const double *fill_noise(double *to, int64_t count, uint64_t seed)
{
    for (int64_t i = 0; i < count; i++) to[i] = noise(seed, i);
    return to;
}

#endif
