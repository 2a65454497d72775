/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers for kernels: the same for the same run seed, output name and `seed` attribute. */
#ifndef RUNTIME_OPS_RANDOM_H
#define RUNTIME_OPS_RANDOM_H

#include "runtime/kernel.h"

/* The state that the call's numbers begin with. */
uint64_t random_start(const struct call *call);
/* The next 64 bits (splitmix64: Steele, Lea, Flood 2014). */
static inline uint64_t random_bits(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* The next number in [0, 1), 53 bits of it. */
double random_unit(uint64_t *state);

#endif
