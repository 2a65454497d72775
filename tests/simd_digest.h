/* SPDX-License-Identifier: Apache-2.0
 *
 * A number that every bit of every loop of an instruction set's row goes into. */
#ifndef SUPPORT_SIMD_DIGEST_H
#define SUPPORT_SIMD_DIGEST_H

#include "runtime/math/simd.h"

/* Of every row of every processor. */
#define SIMD_DIGEST_F32 0x5fe09e908e0e1095u
#define SIMD_DIGEST_F64 0xc91b5f13aeed7c94u

/* NaN counts as one value: processors differ in its sign. */
uint64_t simd_digest(const struct simd *simd, enum store store);

#endif
