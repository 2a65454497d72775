/* SPDX-License-Identifier: Apache-2.0
 *
 * A number that every bit of every loop of an instruction set's row goes into. */
#ifndef SUPPORT_SIMD_DIGEST_H
#define SUPPORT_SIMD_DIGEST_H

#include "runtime/math/simd.h"

/* Of every row of every processor. */
#define SIMD_DIGEST_F32 0x14fdc0cc3ca18b8bu
#define SIMD_DIGEST_F64 0x3be4712c4248f9a7u

/* NaN counts as one value: processors differ in its sign. */
uint64_t simd_digest(const struct simd *simd, enum store store);

#endif
