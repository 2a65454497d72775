/* SPDX-License-Identifier: Apache-2.0
 *
 * Fails unless every row of this processor's table of instruction sets gives the bits that simd_digest.h promises.
 * Needs nothing but libm, so that it can be built for another processor. */
#include "simd_digest.h"

#include <stdio.h>

int main(void)
{
    int wrong = 0;
    for (int row = 0; row < simd_row_count(); row++) {
        const struct simd *f32 = simd_for(STORE_F32, row), *f64 = simd_for(STORE_F64, row);
        bool good = simd_digest(f32, STORE_F32) == SIMD_DIGEST_F32 && simd_digest(f64, STORE_F64) == SIMD_DIGEST_F64;
        printf("%s: %s\n", f32->name, good ? "the same bits" : "OTHER BITS");
        wrong += !good;
    }
    return wrong > 0;
}
