/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: a row of the table of instruction sets, for float and for double. Included by simd.c, with
 *   ROW                        its suffix, and
 *   ROW_NAME                   its name
 *   BYTES                      of a vector register
 *   TARGET                     the function attribute that allows such registers
 *   TALLEST                    the index of the tallest tile worth using: registers decide
 *   FUSED_VECTOR_F32, _F64     the processor's fused multiply-add of vectors; not defined: it has none */
#define NAME_OF(name, type, row)  name##_##type##_##row
#define NAME_FOR(name, type, row) NAME_OF(name, type, row)
#define LANES                     ((int64_t)(BYTES / sizeof(REAL)))

#define REAL      float
#define WORD      int32_t
#define NAME(x)   NAME_FOR(x, f32, ROW)
#define LOWER     NAME_FOR(LOWER, f32, BYTES)
#define UPPER     NAME_FOR(UPPER, f32, BYTES)
#define FUSED_ONE FUSED_F32
#define NEAR(f)   f##_f32
#ifdef FUSED_VECTOR_F32
#define FUSED FUSED_VECTOR_F32
#endif
#include "runtime/math/simd_real.h"

#include "runtime/math/simd_function.h"
#undef REAL
#undef WORD
#undef NAME
#undef LOWER
#undef UPPER
#undef FUSED
#undef FUSED_ONE
#undef NEAR

#define REAL      double
#define WORD      int64_t
#define NAME(x)   NAME_FOR(x, f64, ROW)
#define LOWER     NAME_FOR(LOWER, f64, BYTES)
#define UPPER     NAME_FOR(UPPER, f64, BYTES)
#define FUSED_ONE FUSED_F64
#define NEAR(f)   f
#ifdef FUSED_VECTOR_F64
#define FUSED FUSED_VECTOR_F64
#endif
#include "runtime/math/simd_real.h"

#include "runtime/math/simd_function.h"
#undef REAL
#undef WORD
#undef NAME
#undef LOWER
#undef UPPER
#undef FUSED
#undef FUSED_ONE
#undef NEAR

#undef LANES
#undef NAME_OF
#undef NAME_FOR
#undef ROW
#undef ROW_NAME
#undef BYTES
#undef TARGET
#undef TALLEST
#undef FUSED_VECTOR_F32
#undef FUSED_VECTOR_F64
