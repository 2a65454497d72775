/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes_real.h for each element type and vector width, and the choice among them. */
#include "runtime/math/simd.h"

#define REAL  float
#define BYTES 16
#define TARGET
#define NAME(x) x##_f32_narrow
#include "runtime/math/simd_real.h"
#undef REAL
#undef NAME

#define REAL    double
#define NAME(x) x##_f64_narrow
#include "runtime/math/simd_real.h"
#undef REAL
#undef NAME
#undef BYTES
#undef TARGET

#define ROW(suffix, lane_count, top)                                                                                  \
    {                                                                                                                 \
        lane_count, top,                                                                                              \
            { { tile_8_1_##suffix, tile_8_2_##suffix, tile_8_3_##suffix },                                            \
              { tile_4_1_##suffix, tile_4_2_##suffix, tile_4_3_##suffix },                                            \
              { tile_2_1_##suffix, tile_2_2_##suffix, tile_2_3_##suffix },                                            \
              { tile_1_1_##suffix, tile_1_2_##suffix, tile_1_3_##suffix } },                                          \
            merge_##suffix, pack_##suffix, pack_stretches_##suffix, spread_##suffix, blend_##suffix, divide_##suffix, \
            sum_##suffix, squares_##suffix, normalize_##suffix, normalize_each_##suffix, scale_each_##suffix,         \
            weigh_rows_##suffix, weigh_points_##suffix, shift_##suffix, scatter_##suffix, window_sum_##suffix,        \
            window_max_##suffix                                                                                       \
    }

#ifdef __x86_64__

#define REAL    float
#define BYTES   32
#define TARGET  __attribute__((target("avx2")))
#define NAME(x) x##_f32_middle
#include "runtime/math/simd_real.h"
#undef REAL
#undef NAME

#define REAL    double
#define NAME(x) x##_f64_middle
#include "runtime/math/simd_real.h"
#undef REAL
#undef NAME
#undef BYTES
#undef TARGET

#define REAL    float
#define BYTES   64
#define TARGET  __attribute__((target("avx512f,avx512dq")))
#define NAME(x) x##_f32_wide
#include "runtime/math/simd_real.h"
#undef REAL
#undef NAME

#define REAL    double
#define NAME(x) x##_f64_wide
#include "runtime/math/simd_real.h"
#undef REAL
#undef NAME
#undef BYTES
#undef TARGET

/* Widest first. */
const struct lanes *lanes_every(enum store store, size_t *count)
{
    static const struct lanes f32[] = { ROW(f32_wide, 16, 0), ROW(f32_middle, 8, 1), ROW(f32_narrow, 4, 1) };
    static const struct lanes f64[] = { ROW(f64_wide, 8, 0), ROW(f64_middle, 4, 1), ROW(f64_narrow, 2, 1) };
    size_t skip = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? 0
                  : __builtin_cpu_supports("avx2")                                        ? 1
                                                                                          : 2;
    *count = sizeof f32 / sizeof *f32 - skip;
    return (store == STORE_F32 ? f32 : f64) + skip;
}

#else

const struct lanes *lanes_every(enum store store, size_t *count)
{
    static const struct lanes f32 = ROW(f32_narrow, 4, 0), f64 = ROW(f64_narrow, 2, 0);
    *count = 1;
    return store == STORE_F32 ? &f32 : &f64;
}

#endif

const struct lanes *lanes_for(enum store store)
{
    size_t count;
    return lanes_every(store, &count);
}
