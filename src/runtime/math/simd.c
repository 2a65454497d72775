/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of instruction sets, and the choice among them. */
#include "runtime/math/simd.h"

#include "base/instruction_set.h"
#include "runtime/math/real_math.h"

#include <string.h>

/* Elements of two vectors in turn, those of their lower halves and of their upper ones, by type and bytes of a
 * vector. */
#define LOWER_f64_16 0, 2
#define UPPER_f64_16 1, 3
#define LOWER_f32_16 0, 4, 1, 5
#define UPPER_f32_16 2, 6, 3, 7
#define LOWER_f64_32 LOWER_f32_16
#define UPPER_f64_32 UPPER_f32_16
#define LOWER_f32_32 0, 8, 1, 9, 2, 10, 3, 11
#define UPPER_f32_32 4, 12, 5, 13, 6, 14, 7, 15
#define LOWER_f64_64 LOWER_f32_32
#define UPPER_f64_64 UPPER_f32_32
#define LOWER_f32_64 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define UPPER_f32_64 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (NAME(places)){ __VA_ARGS__ })
#endif

/* A loop over registers, which none of them would be if it were one in the end. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define UNROLLED(i, count) UNROLL for (int i = 0; i < (count); i++)

/* A loop over elements that may be written where they are read, but nowhere else that another turn reads. */
#ifdef __clang__
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif
#define EACH_ELEMENT(i, count) INDEPENDENT for (int64_t i = 0; i < (count); i++)

#define ROW      portable
#define ROW_NAME "portable"
#define BYTES    16
#define TARGET
#define TALLEST 1
#ifdef __wasm__                   /* rounds twice (real_math.h), so it can do so with whole vectors */
#define FEW_TILES                 /* what is larger is not even there: size counts */
#define FUSED_VECTOR_F32(a, b, c) ((a) * (b) + (c))
#define FUSED_VECTOR_F64(a, b, c) ((a) * (b) + (c))
#endif
#include "runtime/math/simd_row.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define ROW                       avx2
#define ROW_NAME                  "AVX2 and FMA"
#define BYTES                     32
#define TARGET                    TARGET_AVX2
#define TALLEST                   1
#define FUSED_VECTOR_F32(a, b, c) _mm256_fmadd_ps(a, b, c)
#define FUSED_VECTOR_F64(a, b, c) _mm256_fmadd_pd(a, b, c)
#include "runtime/math/simd_row.h"

#define ROW                       avx512
#define ROW_NAME                  "AVX-512"
#define BYTES                     64
#define TARGET                    TARGET_AVX512
#define TALLEST                   0
#define FUSED_VECTOR_F32(a, b, c) _mm512_fmadd_ps(a, b, c)
#define FUSED_VECTOR_F64(a, b, c) _mm512_fmadd_pd(a, b, c)
#include "runtime/math/simd_row.h"

static const struct simd *const rows[INSTRUCTION_SETS][2] = {
    { &simd_f32_avx512, &simd_f64_avx512 },
    { &simd_f32_avx2, &simd_f64_avx2 },
    { &simd_f32_portable, &simd_f64_portable },
};

#elif defined(__aarch64__)

#include <arm_neon.h>

#define ROW      neon
#define ROW_NAME "NEON"
#define BYTES    16
#define TARGET
#define TALLEST                   0
#define FUSED_VECTOR_F32(a, b, c) vfmaq_f32(c, a, b)
#define FUSED_VECTOR_F64(a, b, c) vfmaq_f64(c, a, b)
#include "runtime/math/simd_row.h"

static const struct simd *const rows[INSTRUCTION_SETS][2] = {
    { &simd_f32_neon, &simd_f64_neon },
    { &simd_f32_portable, &simd_f64_portable },
};

#else

static const struct simd *const rows[INSTRUCTION_SETS][2] = { { &simd_f32_portable, &simd_f64_portable } };

#endif

int simd_row_count(void)
{
    return (int)(sizeof rows / sizeof *rows) - instruction_set_first();
}

const struct simd *simd_for(enum store store, int row)
{
    int last = simd_row_count() - 1;
    return rows[instruction_set_first() + (row < last ? row : last)][store == STORE_F64];
}
