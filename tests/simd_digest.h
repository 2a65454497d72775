/* SPDX-License-Identifier: Apache-2.0
 *
 * A number that every bit of every loop of an instruction set's row goes into. */
#ifndef SUPPORT_SIMD_DIGEST_H
#define SUPPORT_SIMD_DIGEST_H

#include "runtime/math/simd.h"

/* Of every row of every processor. */
#define SIMD_DIGEST_F32 0xb161d4e8c5157dd9u
#define SIMD_DIGEST_F64 0xb7cd7b29ca8695c4u

/* NaN counts as one value: processors differ in its sign. */
uint64_t simd_digest(const struct simd *simd, enum store store);

#endif
