/* SPDX-License-Identifier: Apache-2.0
 *
 * The innermost loops of the runtime, one row per instruction set (simd_real.h and simd_function.h say what each does).
 *
 * Results do not depend on the row: every loop that multiplies and adds does so by fused multiply-add, which rounds
 * once on every processor, and libm does it where the processor cannot; nothing is summed in an order that a vector's
 * width decides. WebAssembly alone, which has no such instruction, rounds twice. */
#ifndef RUNTIME_MATH_SIMD_H
#define RUNTIME_MATH_SIMD_H

#include "runtime/array.h"

#define TILE_ROWS       8  /* of the largest tile */
#define WIDE_VECTORS    8  /* in one of a single row, which would otherwise wait for its own sums */
#define TILE_HEIGHTS    4  /* tiles of 8, 4, 2 and 1 rows */
#define SIMD_LANES_MOST 16 /* of the widest vector */
#define SIMD_ROOM       64 /* elements that a window may read or write beyond the last one asked for */

/* Vectors side by side in a wide tile. Of WebAssembly's 16 registers each product takes one, too. */
#ifdef __wasm__
#define TILE_VECTORS 2
#else
#define TILE_VECTORS 3
#endif

/* Where a tile's columns go. A tile itself writes all of its own, side by side: c_column, rows and columns are for
 * merge. */
struct merge {
    void *c;
    int64_t c_row, c_column;
    int64_t rows, columns;
    bool first;       /* sets c rather than adding to it */
    const void *bias; /* added after, one per row; or NULL */
};

/* Elements side by side in a row that is put together from several places. */
struct stretch {
    int64_t from, to, count;
};

typedef void tile_loop(int64_t depth, const void *a, int64_t a_row, const void *b, int64_t b_step,
                       const struct merge *merge);

/* Functions of real numbers: computed in double, rounded once (real_math.h has their bounds). NEAR(f) is f, or for
 * float the shorter f_f32; not where the result is what is left of two nearly equal numbers. p: an operator's alpha. */
#define SIMD_FUNCTIONS(F)                                                                          \
    F(ceil, ceil(x))                                                                               \
    F(floor, floor(x))                                                                             \
    F(round_even, rint(x))                                                                         \
    F(exp, NEAR(math_exp)(x))                                                                      \
    F(log, math_log(x))                                                                            \
    F(erf, NEAR(math_erf)(x))                                                                      \
    F(tanh, NEAR(math_tanh)(x))                                                                    \
    F(sigmoid, NEAR(math_sigmoid)(x))                                                              \
    F(softplus, math_softplus(x))                                                                  \
    F(swish, x *NEAR(math_sigmoid)(p[0] * x))                                                      \
    F(mish, x *math_tanh(math_softplus(x)))                                                        \
    F(gelu, 0.5 * x * (1.0 + math_erf(x * M_SQRT1_2)))                                             \
    F(gelu_tanh, 0.5 * x * (1.0 + math_tanh(M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x)))) \
    F(elu, x < 0 ? p[0] * NEAR(math_expm1)(x) : x)                                                 \
    F(celu, x > 0 ? x : x != x ? x : p[0] * NEAR(math_expm1)(x / p[0]))                            \
    F(selu, p[1] * (x < 0 ? p[0] * NEAR(math_expm1)(x) : x))

/* The same in the store itself, each operation rounded; */
#define SIMD_ARITHMETIC(F)                                            \
    F(absolute, x < 0 ? -x : x + 0)                                   \
    F(hard_sigmoid, NUMBER_WITHIN((REAL)p[0] * x + (REAL)p[1], 0, 1)) \
    F(hard_swish, x *NUMBER_WITHIN(x / 6 + (REAL)0.5, 0, 1))          \
    F(leaky_relu, x < 0 ? (REAL)p[0] * x : x)                         \
    F(negate, -x)                                                     \
    F(reciprocal, 1 / x)                                              \
    F(relu, x < 0 ? 0 : x)                                            \
    F(softsign, x / (1 + (x < 0 ? -x : x)))                           \
    F(times, x *(REAL)p[0])
#define NUMBER_WITHIN(value, low, high) ((value) < (low) ? (low) : (value) > (high) ? (high) : (value))

/* and of two numbers. */
#define SIMD_PAIRS(F)                   \
    F(add, x + y)                       \
    F(subtract, x - y)                  \
    F(multiply, x *y)                   \
    F(divide, x / y)                    \
    F(maximum, x > y || x != x ? x : y) \
    F(minimum, x < y || x != x ? x : y) \
    F(prelu, x < 0 ? x * y : x)

#define SIMD_ENUM(name, expression) SIMD_##name,
enum simd_function { SIMD_FUNCTIONS(SIMD_ENUM) SIMD_ARITHMETIC(SIMD_ENUM) SIMD_FUNCTION_COUNT };
enum simd_pair { SIMD_PAIRS(SIMD_ENUM) SIMD_PAIR_COUNT };
#undef SIMD_ENUM

#define SOFTMAX_COLUMNS 32 /* at most, side by side */

/* What works element by element may write where it reads: `to` is `from`, or apart from it. */
struct simd {
    const char *name;
    size_t element;                              /* bytes */
    int64_t width;                               /* elements of a vector */
    int tallest;                                 /* index of the tallest tile worth using: registers decide */
    tile_loop *tile[TILE_HEIGHTS][WIDE_VECTORS]; /* [8 >> height rows][vectors - 1] */
    void (*merge)(const void *tile, int64_t width, const struct merge *merge);
    void (*pack)(const void *b, int64_t b_step, int64_t b_column, int64_t depth, int64_t columns, int64_t width,
                 void *packed);
    void (*transpose)(const void *from, int64_t from_row, int64_t rows, int64_t columns, void *to, int64_t to_row);
    void (*pack_stretches)(const void *base, const int64_t *offsets, int64_t depth, const struct stretch *stretches,
                           int64_t stretch_count, int64_t width, bool room, void *packed);
    void (*copy_rows)(const void *from, int64_t from_row, int64_t stride, int64_t rows, int64_t count, void *to,
                      int64_t to_row);
    void (*blend)(double alpha, double beta, const void *terms, int64_t step, int64_t count, void *values);
    void (*divide)(const void *by, int64_t step, int64_t count, void *values);
    double (*sum)(const void *values, int64_t count);
    double (*squares)(const void *values, int64_t count, double mean);
    double (*dot)(const void *a, const void *b, int64_t count);
    void (*add_four)(const void *a, const void *b, const void *c, const void *d, int64_t count, double *sums);
    void (*add_times)(double factor, const void *from, int64_t count, double *sums);
    void (*normalize)(const void *from, double mean, double scale, double shift, int64_t count, void *to);
    void (*normalize_each)(const void *from, const void *means, const void *scales, const void *shifts, int64_t count,
                           void *to);
    void (*scale_each)(const void *scales, const void *shifts, int64_t count, void *values);
    void (*weigh_rows)(const void *from, const int64_t *rows, const double *weights, int64_t taps, int64_t width,
                       void *to);
    void (*weigh_points)(const void *from, const int64_t *points, const double *weights, int64_t taps, int64_t count,
                         void *to);
    void (*shift)(const void *by, int64_t count, void *values);
    void (*scatter)(const void *from, int64_t count, int64_t stride, void *to);
    void (*window_sum)(const void *plane, const int64_t *offsets, const void *weights, int64_t taps, const void *bias,
                       void *output, int64_t count);
    void (*window_max)(const void *plane, const int64_t *offsets, int64_t taps, void *output, int64_t count);
    void (*each[SIMD_FUNCTION_COUNT])(const void *from, const double *p, int64_t count, void *to);
    void (*pair[SIMD_PAIR_COUNT])(const void *a, const void *b, int64_t count, void *to);
    void (*clip)(const void *from, const void *low, const void *high, int64_t count, void *to);
    void (*softmax[2])(const void *from, int64_t dim, void *to); /* [1]: its logarithm */
    void (*softmax_columns)(const void *from, int64_t dim, int64_t stride, int64_t columns, bool is_log, void *to);
};

/* For F32 or F64. Row 0 is the widest that the processor has; a row beyond the last is the last, which is portable. */
const struct simd *simd_for(enum store store, int row);
int simd_row_count(void);

#endif
