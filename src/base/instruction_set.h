/* SPDX-License-Identifier: Apache-2.0
 *
 * The instruction sets that a table of loops has a row for, the widest first, the portable one last. A loop is written
 * once and compiled for each row; the compiler neither fuses nor reorders anything by itself, so all rows give the same
 * bits. */
#ifndef BASE_INSTRUCTION_SET_H
#define BASE_INSTRUCTION_SET_H

#if defined(__x86_64__)
#define INSTRUCTION_SETS 3
#define TARGET_AVX2      __attribute__((target("avx2,fma")))
/* Left alone, gcc keeps to half of the register. */
#ifdef __clang__
#define TARGET_AVX512 __attribute__((target("avx512f,avx512dq,fma")))
#else
#define TARGET_AVX512 __attribute__((target("avx512f,avx512dq,fma,prefer-vector-width=512")))
#endif
#elif defined(__aarch64__)
#define INSTRUCTION_SETS 2
#else
#define INSTRUCTION_SETS 1
#endif

/* Of a loop that few models need, where size counts more than they do. */
#ifdef __wasm__
#define SELDOM __attribute__((minsize))
#else
#define SELDOM
#endif

/* The first row that this processor runs; those behind it, it runs as well. */
static inline int instruction_set_first(void)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 2;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? 0 : 1;
#else
    return 0;
#endif
}

#endif
