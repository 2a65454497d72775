/* SPDX-License-Identifier: Apache-2.0
 *
 * Every instruction set gives the same bits, and the functions keep their bounds. */
#include "runtime/math/real_math.h"
#include "simd_digest.h"

#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <string.h>

#include <cmocka.h>

/* What every row of every processor gives; simd_rows.sh asks the same of other processors under an emulator. */
static void every_instruction_set_gives_the_same_bits(void **state)
{
    (void)state;
    for (int row = 0; row < simd_row_count(); row++) {
        print_message("%s\n", simd_for(STORE_F32, row)->name);
        assert_true(simd_digest(simd_for(STORE_F32, row), STORE_F32) == SIMD_DIGEST_F32);
        assert_true(simd_digest(simd_for(STORE_F64, row), STORE_F64) == SIMD_DIGEST_F64);
    }
}

/* Words of any bits, signalling NaNs among them, at sizes that blocks divide and others; what is not written stays. */
static void transpose_moves_words(const struct simd *simd, size_t size, int64_t rows, int64_t columns)
{
    enum { FROM_ROW = 41, TO_ROW = 43 };
    unsigned char from[FROM_ROW * FROM_ROW * 8], to[TO_ROW * TO_ROW * 8], expected[sizeof to];
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof from; i++) from[i] = (unsigned char)((seed = seed * 6364136223846793005u + 1) >> 56);
    memset(from, 0xff, size - 1);
    memset(to, 7, sizeof to);
    memset(expected, 7, sizeof expected);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            memcpy(expected + (size_t)(j * TO_ROW + i) * size, from + (size_t)(i * FROM_ROW + j) * size, size);
    simd->transpose(from, FROM_ROW, rows, columns, to, TO_ROW);
    assert_memory_equal(to, expected, sizeof to);
}

static void every_transpose_moves_words_to_their_places(void **state)
{
    static const int64_t sizes[][2] = { { 1, 1 },   { 2, 4 },   { 16, 16 }, { 17, 15 }, { 15, 33 },
                                        { 32, 16 }, { 40, 39 }, { 0, 5 },   { 5, 0 } };
    (void)state;
    for (int row = 0; row < simd_row_count(); row++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            transpose_moves_words(simd_for(STORE_F32, row), 4, sizes[i][0], sizes[i][1]);
            transpose_moves_words(simd_for(STORE_F64, row), 8, sizes[i][0], sizes[i][1]);
        }
}

static void a_row_beyond_the_last_is_the_last(void **state)
{
    (void)state;
    assert_string_equal(simd_for(STORE_F64, 1000)->name, "portable");
    assert_ptr_equal(simd_for(STORE_F64, simd_row_count() - 1), simd_for(STORE_F64, 1000));
}

/* --- bounds: against libm in long double, which has 11 bits more --- */

static double exp_of(double x)
{
    return math_exp(x);
}

static double expm1_of(double x)
{
    return math_expm1(x);
}

static double log_of(double x)
{
    return math_log(x);
}

static double sigmoid_of(double x)
{
    return math_sigmoid(x);
}

static double tanh_of(double x)
{
    return math_tanh(x);
}

static double softplus_of(double x)
{
    return math_softplus(x);
}

static double erf_of(double x)
{
    return math_erf(x);
}

static double exp_f32_of(double x)
{
    return math_exp_f32(x);
}

static double expm1_f32_of(double x)
{
    return math_expm1_f32(x);
}

static double sigmoid_f32_of(double x)
{
    return math_sigmoid_f32(x);
}

static double tanh_f32_of(double x)
{
    return math_tanh_f32(x);
}

static double erf_f32_of(double x)
{
    return math_erf_f32(x);
}

static long double logistic(long double x)
{
    return x >= 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x));
}

static long double soft_ramp(long double x)
{
    return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x)));
}

#define NEAR_UNITS 0x1p24 /* 2^-29 of the value */

static const struct bound {
    const char *name;
    double (*function)(double x);
    long double (*exact)(long double x);
    double from, to, units;
} bounds[] = {
    { "exp", exp_of, expl, -750, 710, 1 },
    { "exp", exp_of, expl, -1, 1, 1 },
    { "expm1", expm1_of, expm1l, -60, 710, 2 },
    { "expm1", expm1_of, expm1l, -1, 1, 2 },
    { "log", log_of, logl, 0, 1e-300, 1 },
    { "log", log_of, logl, 0, 2, 1 },
    { "log", log_of, logl, 0.9, 1.1, 1 },
    { "log", log_of, logl, 0, 1e300, 1 },
    { "sigmoid", sigmoid_of, logistic, -750, 40, 3 },
    { "sigmoid", sigmoid_of, logistic, -5, 5, 3 },
    { "tanh", tanh_of, tanhl, -25, 25, 3 },
    { "tanh", tanh_of, tanhl, -1, 1, 3 },
    { "softplus", softplus_of, soft_ramp, -750, 750, 2 },
    { "softplus", softplus_of, soft_ramp, -5, 5, 2 },
    { "erf", erf_of, erfl, -7, 7, 2 },
    { "erf", erf_of, erfl, -1.2, 1.2, 2 },
    { "exp_f32", exp_f32_of, expl, -700, 700, NEAR_UNITS },
    { "exp_f32", exp_f32_of, expl, -1, 1, NEAR_UNITS },
    { "expm1_f32", expm1_f32_of, expm1l, -60, 700, NEAR_UNITS },
    { "expm1_f32", expm1_f32_of, expm1l, -1, 1, NEAR_UNITS },
    { "sigmoid_f32", sigmoid_f32_of, logistic, -700, 40, NEAR_UNITS },
    { "sigmoid_f32", sigmoid_f32_of, logistic, -5, 5, NEAR_UNITS },
    { "tanh_f32", tanh_f32_of, tanhl, -25, 25, NEAR_UNITS },
    { "tanh_f32", tanh_f32_of, tanhl, -1, 1, NEAR_UNITS },
    { "erf_f32", erf_f32_of, erfl, -4, 4, NEAR_UNITS },
    { "erf_f32", erf_f32_of, erfl, -0.1, 0.1, NEAR_UNITS },
};

/* 0 .. 1 */
static double next_fraction(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(*seed >> 11) * 0x1p-53;
}

static double units_apart(double value, long double exact)
{
    double rounded = (double)exact, unit = nextafter(fabs(rounded), INFINITY) - fabs(rounded);
    if (value == rounded) return 0;
    return isfinite(value) && isfinite(rounded) ? (double)fabsl((long double)value - exact) / unit : INFINITY;
}

static void functions_keep_their_bounds(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
        double worst = 0, at = 0;
        for (int64_t i = 0; i < 100000; i++) {
            double x = bounds[b].from + (bounds[b].to - bounds[b].from) * next_fraction(&seed);
            if (i % 4 == 0) x = ldexp(x, -(int)(i % 61));
            double units = units_apart(bounds[b].function(x), bounds[b].exact(x));
            if (!(units <= worst)) worst = units, at = x;
        }
        if (!(worst <= bounds[b].units)) fail_msg("%s is %g units off at %a", bounds[b].name, worst, at);
    }
}

static void functions_know_the_ends_of_the_range(void **state)
{
    (void)state;
    double inf = (double)INFINITY, nan = (double)NAN;
    assert_true(math_exp(-inf) == 0 && math_exp(inf) == inf && math_exp(0) == 1 && isnan(math_exp(nan)));
    assert_true(math_expm1(-inf) == -1 && math_expm1(inf) == inf && isnan(math_expm1(nan)));
    assert_true(math_log(0) == -inf && math_log(inf) == inf && isnan(math_log(-1)) && isnan(math_log(nan)));
    assert_true(math_sigmoid(-inf) == 0 && math_sigmoid(inf) == 1 && isnan(math_sigmoid(nan)));
    assert_true(math_tanh(-inf) == -1 && math_tanh(inf) == 1 && isnan(math_tanh(nan)));
    assert_true(math_softplus(-inf) == 0 && math_softplus(inf) == inf && isnan(math_softplus(nan)));
    assert_true(math_erf(-inf) == -1 && math_erf(inf) == 1 && isnan(math_erf(nan)));
    assert_true(signbit(math_expm1(-0.0)) && signbit(math_tanh(-0.0)) && signbit(math_erf(-0.0)));
}

static void functions_for_float_know_the_ends_of_its_range(void **state)
{
    (void)state;
    float inf = INFINITY, nan = NAN;
    assert_true((float)math_exp_f32(-INFINITY) == 0 && (float)math_exp_f32(inf) == inf && math_exp_f32(0) == 1);
    assert_true(isnan(math_exp_f32(nan)) && isnan(math_expm1_f32(nan)) && isnan(math_sigmoid_f32(nan)));
    assert_true(isnan(math_tanh_f32(nan)) && isnan(math_erf_f32(nan)));
    assert_true((float)math_expm1_f32(-INFINITY) == -1 && (float)math_expm1_f32(inf) == inf);
    assert_true(math_sigmoid_f32(inf) == 1 && (float)((double)-FLT_MAX * math_sigmoid_f32((double)-FLT_MAX)) == 0);
    assert_true((float)math_erf_f32(inf) == 1 && (float)math_erf_f32(-INFINITY) == -1 && math_tanh_f32(inf) == 1);
    assert_true((float)math_erf_f32(3.95) == 1 && (float)math_erf_f32(4.1) == 1 && math_erf_f32(0) == 0);
    assert_true(signbit(math_expm1_f32(-0.0)) && signbit(math_tanh_f32(-0.0)) && signbit(math_erf_f32(-0.0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_instruction_set_gives_the_same_bits),
        cmocka_unit_test(every_transpose_moves_words_to_their_places),
        cmocka_unit_test(a_row_beyond_the_last_is_the_last),
        cmocka_unit_test(functions_keep_their_bounds),
        cmocka_unit_test(functions_know_the_ends_of_the_range),
        cmocka_unit_test(functions_for_float_know_the_ends_of_its_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
