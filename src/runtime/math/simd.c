/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of instruction sets, and the choice among them. */
#include "runtime/math/simd.h"
#include "runtime/math/real_math.h"

#define ROW      portable
#define ROW_NAME "portable"
#define BYTES    16
#define TARGET
#ifdef __wasm__ /* rounds twice (real_math.h), so it can do so with whole vectors; each product takes a register, too */
#define TALLEST                   2
#define FUSED_VECTOR_F32(a, b, c) ((a) * (b) + (c))
#define FUSED_VECTOR_F64(a, b, c) ((a) * (b) + (c))
#else
#define TALLEST 1
#endif
#include "runtime/math/simd_row.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define ROW                       avx2
#define ROW_NAME                  "AVX2 and FMA"
#define BYTES                     32
#define TARGET                    __attribute__((target("avx2,fma")))
#define TALLEST                   1
#define FUSED_VECTOR_F32(a, b, c) _mm256_fmadd_ps(a, b, c)
#define FUSED_VECTOR_F64(a, b, c) _mm256_fmadd_pd(a, b, c)
#include "runtime/math/simd_row.h"

/* Left alone, gcc keeps to half of the register. */
#ifdef __clang__
#define AVX512 "avx512f,avx512dq,fma"
#else
#define AVX512 "avx512f,avx512dq,fma,prefer-vector-width=512"
#endif

#define ROW                       avx512
#define ROW_NAME                  "AVX-512"
#define BYTES                     64
#define TARGET                    __attribute__((target(AVX512)))
#define TALLEST                   0
#define FUSED_VECTOR_F32(a, b, c) _mm512_fmadd_ps(a, b, c)
#define FUSED_VECTOR_F64(a, b, c) _mm512_fmadd_pd(a, b, c)
#include "runtime/math/simd_row.h"

static int unusable(void)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 2;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? 0 : 1;
}

static const struct simd *const rows[][2] = {
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

static int unusable(void)
{
    return 0;
}

static const struct simd *const rows[][2] = {
    { &simd_f32_neon, &simd_f64_neon },
    { &simd_f32_portable, &simd_f64_portable },
};

#else

static int unusable(void)
{
    return 0;
}

static const struct simd *const rows[][2] = { { &simd_f32_portable, &simd_f64_portable } };

#endif

int simd_row_count(void)
{
    return (int)(sizeof rows / sizeof *rows) - unusable();
}

const struct simd *simd_for(enum store store, int row)
{
    int last = simd_row_count() - 1;
    return rows[unusable() + (row < last ? row : last)][store == STORE_F64];
}
