/* SPDX-License-Identifier: Apache-2.0
 *
 * Element types: every code of every small float against its definition, every midpoint between neighbors. */
#include "onnx/read/dtype.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* By the definition of each type: sign, exponent and fraction bits, bias, and which codes are special. */
static const struct small_float {
    enum dtype type;
    int exponent_bits, fraction_bits, bias;
    int finite;   /* codes 0 .. finite-1 are finite and rise */
    int infinity; /* code, or -1 */
    bool is_signed, minus_zero, nan;
} small_floats[] = {
    { DTYPE_FLOAT16, 5, 10, 15, 0x7c00, 0x7c00, true, true, true },
    { DTYPE_BFLOAT16, 8, 7, 127, 0x7f80, 0x7f80, true, true, true },
    { DTYPE_FLOAT8E4M3FN, 4, 3, 7, 0x7f, -1, true, true, true },
    { DTYPE_FLOAT8E4M3FNUZ, 4, 3, 8, 0x80, -1, true, false, true },
    { DTYPE_FLOAT8E5M2, 5, 2, 15, 0x7c, 0x7c, true, true, true },
    { DTYPE_FLOAT8E5M2FNUZ, 5, 2, 16, 0x80, -1, true, false, true },
    { DTYPE_FLOAT4E2M1, 2, 1, 1, 0x8, -1, true, true, false },
};
#define SMALL_FLOATS (sizeof small_floats / sizeof small_floats[0])

static double defined_value(const struct small_float *f, int code)
{
    int exponent = code >> f->fraction_bits, fraction = code & ((1 << f->fraction_bits) - 1);
    if (exponent == 0) return ldexp(fraction, 1 - f->bias - f->fraction_bits);
    return ldexp((1 << f->fraction_bits) + fraction, exponent - f->bias - f->fraction_bits);
}

static double load_code(enum dtype type, int code)
{
    double value;
    uint16_t element = (uint16_t)code;
    dtype_load_real(type, &element, 0, 1, &value);
    return value;
}

static int store_code(enum dtype type, double value)
{
    uint16_t element = 0;
    dtype_store_real(type, &value, 1, &element);
    return element;
}

static int sign_of(const struct small_float *f)
{
    return 1 << (f->exponent_bits + f->fraction_bits);
}

static void every_finite_code_has_its_value_and_comes_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < SMALL_FLOATS; k++) {
        const struct small_float *f = &small_floats[k];
        for (int code = 0; code < f->finite; code++) {
            double value = load_code(f->type, code);
            assert_true(value == defined_value(f, code));
            assert_int_equal(store_code(f->type, value), code);
            if (code == 0) continue;
            assert_true(load_code(f->type, code | sign_of(f)) == -value);
            assert_int_equal(store_code(f->type, -value), code | sign_of(f));
        }
    }
}

static void between_two_codes_the_nearest_wins_and_a_tie_goes_to_the_even_one(void **state)
{
    (void)state;
    for (size_t k = 0; k < SMALL_FLOATS; k++) {
        const struct small_float *f = &small_floats[k];
        for (int code = 0; code + 1 < f->finite; code++) {
            double middle = (defined_value(f, code) + defined_value(f, code + 1)) / 2;
            assert_int_equal(store_code(f->type, middle), code + (code & 1));
            assert_int_equal(store_code(f->type, nextafter(middle, 0)), code);
            assert_int_equal(store_code(f->type, nextafter(middle, INFINITY)), code + 1);
            if (code > 0) assert_int_equal(store_code(f->type, -middle), (code + (code & 1)) | sign_of(f));
        }
    }
}

static void overflow_becomes_infinity_where_there_is_one_and_saturates_elsewhere(void **state)
{
    (void)state;
    for (size_t k = 0; k < SMALL_FLOATS; k++) {
        const struct small_float *f = &small_floats[k];
        double largest = defined_value(f, f->finite - 1);
        double half_step = (largest - defined_value(f, f->finite - 2)) / 2;
        int over = f->infinity >= 0 ? f->infinity : f->finite - 1;
        assert_int_equal(store_code(f->type, nextafter(largest + half_step, 0)), f->finite - 1);
        assert_int_equal(store_code(f->type, largest + half_step + half_step), over);
        assert_int_equal(store_code(f->type, 1e300), over);
        assert_int_equal(store_code(f->type, INFINITY), over);
        assert_int_equal(store_code(f->type, -INFINITY), over | sign_of(f));
        if (f->infinity >= 0) assert_true(isinf(load_code(f->type, f->infinity)));
    }
}

static void nan_stays_nan_and_zero_keeps_its_sign_where_it_can(void **state)
{
    (void)state;
    for (size_t k = 0; k < SMALL_FLOATS; k++) {
        const struct small_float *f = &small_floats[k];
        if (f->nan) assert_true(isnan(load_code(f->type, store_code(f->type, NAN))));
        assert_int_equal(store_code(f->type, -0.0), f->minus_zero ? sign_of(f) : 0);
        assert_int_equal(store_code(f->type, -1e-300), f->minus_zero ? sign_of(f) : 0);
        if (f->nan) assert_true(isnan(load_code(f->type, f->minus_zero ? 2 * sign_of(f) - 1 : sign_of(f))));
    }
}

static void e8m0_holds_powers_of_two_only(void **state)
{
    (void)state;
    for (int code = 0; code < 255; code++) {
        double value = load_code(DTYPE_FLOAT8E8M0, code);
        assert_true(value == ldexp(1, code - 127));
        assert_int_equal(store_code(DTYPE_FLOAT8E8M0, value), code);
        assert_int_equal(store_code(DTYPE_FLOAT8E8M0, nextafter(value * 1.5, 0)), code);
        assert_int_equal(store_code(DTYPE_FLOAT8E8M0, value * 1.75), code < 254 ? code + 1 : 254);
    }
    assert_true(isnan(load_code(DTYPE_FLOAT8E8M0, 255)));
    assert_int_equal(store_code(DTYPE_FLOAT8E8M0, NAN), 255);
    assert_int_equal(store_code(DTYPE_FLOAT8E8M0, 0), 0);
}

static void rounding_goes_straight_from_double(void **state)
{
    (void)state;
    /* Through float32 this would first round to the tie 1 + 2^-11, and then to even: 1. */
    assert_true(dtype_round(DTYPE_FLOAT16, 1 + 0x1p-11 + 0x1p-40) == 1 + 0x1p-10);
    assert_true(dtype_round(DTYPE_BFLOAT16, 1 + 0x1p-8 + 0x1p-40) == 1 + 0x1p-7);
    assert_true(dtype_round(DTYPE_FLOAT, 0.1) == (double)0.1F);
    assert_true(dtype_round(DTYPE_DOUBLE, 0.1) == 0.1);
}

static void small_whole_types_lie_packed_low_bits_first(void **state)
{
    (void)state;
    const int64_t values[] = { -8, 7, -1, 3, 5 };
    int64_t back[5];
    uint8_t bytes[4] = { 0xee, 0xee, 0xee, 0xee };
    dtype_store_whole(DTYPE_INT4, values, 5, bytes);
    assert_int_equal(bytes[0], 0x78);
    assert_int_equal(bytes[1], 0x3f);
    assert_int_equal(bytes[2], 0x05);
    assert_int_equal(bytes[3], 0xee);
    dtype_load_whole(DTYPE_INT4, bytes, 1, 4, back);
    assert_memory_equal(back, values + 1, 4 * sizeof *back);
    dtype_load_whole(DTYPE_UINT4, bytes, 0, 3, back);
    assert_int_equal(back[0], 8);
    assert_int_equal(back[2], 15);

    const int64_t pairs[] = { 1, -2, -1, 0, 1 };
    dtype_store_whole(DTYPE_INT2, pairs, 5, bytes);
    assert_int_equal(bytes[0], 0x39);
    assert_int_equal(bytes[1], 0x01);
    dtype_load_whole(DTYPE_INT2, bytes, 0, 5, back);
    assert_memory_equal(back, pairs, sizeof pairs);

    const double floats[] = { 6, -0.5, 100 };
    double float_back[2];
    dtype_store_real(DTYPE_FLOAT4E2M1, floats, 3, bytes);
    assert_int_equal(bytes[0], 0x97);
    assert_int_equal(bytes[1], 0x07);
    dtype_load_real(DTYPE_FLOAT4E2M1, bytes, 1, 2, float_back);
    assert_true(float_back[0] == -0.5 && float_back[1] == 6);
}

static void whole_types_wrap(void **state)
{
    (void)state;
    assert_int_equal(dtype_wrap(DTYPE_INT8, 200), -56);
    assert_int_equal(dtype_wrap(DTYPE_UINT8, -1), 255);
    assert_int_equal(dtype_wrap(DTYPE_INT16, 40000), 40000 - 65536);
    assert_int_equal(dtype_wrap(DTYPE_UINT32, -1), UINT32_MAX);
    assert_int_equal(dtype_wrap(DTYPE_INT4, 9), -7);
    assert_int_equal(dtype_wrap(DTYPE_BOOL, -3), 1);
    assert_int_equal(dtype_wrap(DTYPE_INT64, INT64_MIN), INT64_MIN);
}

static void every_type_with_a_size_round_trips_small_numbers(void **state)
{
    (void)state;
    for (enum dtype type = 0; type < DTYPE_COUNT; type++) {
        if (dtype_kind(type) != KIND_REAL && dtype_kind(type) != KIND_WHOLE) continue;
        const double ones[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
        uint8_t bytes[11 * 8];
        double real[7];
        int64_t whole[7];
        dtype_store_real(type, ones, 11, bytes);
        dtype_load_real(type, bytes, 4, 7, real);
        dtype_load_whole(type, bytes, 4, 7, whole);
        for (int i = 0; i < 7; i++) {
            assert_true(real[i] == 1);
            assert_int_equal(whole[i], 1);
        }
        dtype_store_whole(type, whole, 7, bytes);
        dtype_load_real(type, bytes, 3, 4, real);
        assert_true(real[0] == 1 && real[3] == 1);
    }
}

static void numbers_that_are_no_type_read_as_undefined(void **state)
{
    (void)state;
    assert_string_equal(dtype_name(1), "float32");
    assert_string_equal(dtype_name(-1), "undefined");
    assert_string_equal(dtype_name(INT64_MAX), "undefined");
    assert_int_equal(dtype_kind(DTYPE_COUNT), KIND_NONE);
    assert_int_equal(dtype_bits(DTYPE_COUNT), 0);
    assert_int_equal(dtype_kind(DTYPE_STRING), KIND_STRING);
}

static void bytes_are_counted_without_overflow(void **state)
{
    (void)state;
    int64_t bytes = -1;
    assert_true(dtype_bytes(DTYPE_INT4, 5, &bytes));
    assert_int_equal(bytes, 3);
    assert_true(dtype_bytes(DTYPE_UINT2, 9, &bytes));
    assert_int_equal(bytes, 3);
    assert_true(dtype_bytes(DTYPE_COMPLEX128, 3, &bytes));
    assert_int_equal(bytes, 48);
    assert_true(dtype_bytes(DTYPE_INT4, INT64_MAX, &bytes));
    assert_false(dtype_bytes(DTYPE_FLOAT, INT64_MAX / 2, &bytes));
    assert_false(dtype_bytes(DTYPE_FLOAT, -1, &bytes));
    assert_false(dtype_bytes(DTYPE_STRING, 1, &bytes));
}

static void an_unsigned_64_bit_number_beyond_the_signed_range_reads_as_a_large_real(void **state)
{
    (void)state;
    uint64_t element = UINT64_MAX - 2047;
    double value;
    dtype_load_real(DTYPE_UINT64, &element, 0, 1, &value);
    assert_true(value == 0x1p64 - 2048);
    uint64_t back = 0;
    dtype_store_real(DTYPE_UINT64, &value, 1, &back);
    assert_true(back == element);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_finite_code_has_its_value_and_comes_back),
        cmocka_unit_test(between_two_codes_the_nearest_wins_and_a_tie_goes_to_the_even_one),
        cmocka_unit_test(overflow_becomes_infinity_where_there_is_one_and_saturates_elsewhere),
        cmocka_unit_test(nan_stays_nan_and_zero_keeps_its_sign_where_it_can),
        cmocka_unit_test(e8m0_holds_powers_of_two_only),
        cmocka_unit_test(rounding_goes_straight_from_double),
        cmocka_unit_test(small_whole_types_lie_packed_low_bits_first),
        cmocka_unit_test(whole_types_wrap),
        cmocka_unit_test(every_type_with_a_size_round_trips_small_numbers),
        cmocka_unit_test(numbers_that_are_no_type_read_as_undefined),
        cmocka_unit_test(bytes_are_counted_without_overflow),
        cmocka_unit_test(an_unsigned_64_bit_number_beyond_the_signed_range_reads_as_a_large_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
