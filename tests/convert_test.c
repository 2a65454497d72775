/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversions: every row of the table gives the bits that C gives. */
#include "onnx/read/convert.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { COUNT = 1003 }; /* a vector and a rest, whatever the vector */

/* All exponents and signs; in between infinities, NaNs, zeros, and what lies between two floats. */
static void fill(double *values, uint64_t seed)
{
    static const double special[] = { 0.0,      -0.0,     INFINITY,   -INFINITY,      NAN,
                                      0x1p-149, 0x1p-150, 0x1.8p-150, 0x1.ffffffp127, 65519.9 };
    for (int i = 0; i < COUNT; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double size = ldexp(1.0 + (double)(seed >> 12) * 0x1p-52, (int)(seed >> 33 & 511) - 256);
        values[i] = i % 17 ? (seed & 1 << 20 ? -size : size) : special[i / 17 % 10];
    }
}

static void floats_are_converted_and_scaled_as_c_does_it(void **state)
{
    static double values[COUNT], factors[COUNT], expected[COUNT], found[COUNT];
    static float narrow[COUNT], stored[COUNT];
    (void)state;
    fill(values, 1);
    fill(factors, 2);
    for (int i = 0; i < COUNT; i++) narrow[i] = (float)values[i];
    for (int row = 0; row < convert_row_count(); row++) {
        const struct convert *convert = convert_for(row);
        convert->store_float(values, COUNT, stored);
        assert_memory_equal(stored, narrow, sizeof narrow);
        for (int i = 0; i < COUNT; i++) expected[i] = (double)narrow[i];
        convert->load_float(narrow, COUNT, found);
        assert_memory_equal(found, expected, sizeof expected);
        for (int i = 0; i < COUNT; i++) expected[i] *= 0.7;
        convert->scale(0.7, COUNT, found);
        assert_memory_equal(found, expected, sizeof expected);
        for (int i = 0; i < COUNT; i++) expected[i] *= factors[i];
        convert->scale_each(factors, COUNT, found);
        for (int i = 0; i < COUNT; i++) /* of two NaNs, the processor chooses one */
            assert_true(found[i] != found[i] ? expected[i] != expected[i] : !memcmp(&found[i], &expected[i], 8));
    }
}

static const struct format half = { 10, 0x8000, 0x7bff, 0x7c00, 0x7e00, true, 0, 0x1p-14, 65504, 0x1p16 };
static const struct format byte = { 3, 0x80, 0x7e, 0x7e, 0x7f, true, 0, 0x1p-6, 448, 0x1p9 };

static void small_floats_are_the_same_on_every_row(void **state)
{
    static double values[COUNT], expected[65536], found[65536];
    static uint16_t codes[65536], stored[COUNT], wanted[COUNT];
    static uint8_t bytes[256], stored_bytes[COUNT], wanted_bytes[COUNT];
    const struct convert *portable = convert_for(convert_row_count() - 1);
    (void)state;
    fill(values, 3);
    for (int i = 0; i < 65536; i++) codes[i] = (uint16_t)i;
    for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)i;
    portable->store_small16(&half, values, COUNT, wanted);
    portable->store_small8(&byte, values, COUNT, wanted_bytes);
    for (int row = 0; row < convert_row_count(); row++) {
        const struct convert *convert = convert_for(row);
        convert->store_small16(&half, values, COUNT, stored);
        assert_memory_equal(stored, wanted, sizeof wanted);
        convert->store_small8(&byte, values, COUNT, stored_bytes);
        assert_memory_equal(stored_bytes, wanted_bytes, sizeof wanted_bytes);
        for (int i = 0; i < 65536; i++) expected[i] = decode(&half, codes[i]);
        convert->load_small16(&half, codes, 65536, found);
        assert_memory_equal(found, expected, sizeof expected);
        for (int i = 0; i < 256; i++) expected[i] = decode(&byte, bytes[i]);
        convert->load_small8(&byte, bytes, 256, found);
        assert_memory_equal(found, expected, sizeof *expected * 256);
    }
}

static void a_code_beyond_the_numbers_is_found_wherever_it_stands(void **state)
{
    static uint32_t wide[COUNT];
    static uint16_t narrow[COUNT];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        wide[i] = i & 1 ? 0xff7fffff : 0x7f7fffff;
        narrow[i] = i & 1 ? 0xfbff : 0x7bff;
    }
    for (int row = 0; row < convert_row_count(); row++) {
        const struct convert *convert = convert_for(row);
        assert_false(convert->any_above32(wide, COUNT, 0x7f7fffff));
        assert_false(convert->any_above16(narrow, COUNT, 0x7bff));
        for (int i = 0; i < COUNT; i++) {
            wide[i]++;
            narrow[i]++;
            assert_true(convert->any_above32(wide, COUNT, 0x7f7fffff));
            assert_true(convert->any_above16(narrow, COUNT, 0x7bff));
            wide[i]--;
            narrow[i]--;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_are_converted_and_scaled_as_c_does_it),
        cmocka_unit_test(small_floats_are_the_same_on_every_row),
        cmocka_unit_test(a_code_beyond_the_numbers_is_found_wherever_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
