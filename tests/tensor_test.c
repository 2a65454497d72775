/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors: every field that may hold their elements, and factors over any axes, against plain loops. */
#include "onnx/read/tensor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct memory memory;
static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    memory = (struct memory){ 0 };
    arena_open(&arena, &memory);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    return memory.used != 0;
}

static struct tensor taken(const BnfuseOnnx__TensorProto *proto)
{
    struct tensor tensor;
    struct bnfuse_error error = { 0 };
    bool ok = tensor_from_proto(&tensor, &arena, NULL, proto, &error);
    if (!ok) print_message("%s\n", error.message);
    assert_true(ok);
    return tensor;
}

static void assert_refused(const BnfuseOnnx__TensorProto *proto, const char *words)
{
    struct tensor tensor;
    struct bnfuse_error error = { 0 };
    assert_false(tensor_from_proto(&tensor, &arena, NULL, proto, &error));
    assert_int_equal(error.status, BNFUSE_INVALID);
    if (!strstr(error.message, words)) print_message("%s\n", error.message);
    assert_non_null(strstr(error.message, words));
}

static BnfuseOnnx__TensorProto proto_of(int type, size_t rank, int64_t *dims)
{
    BnfuseOnnx__TensorProto proto = BNFUSE_ONNX__TENSOR_PROTO__INIT;
    proto.name = "w";
    proto.has_data_type = true;
    proto.data_type = type;
    proto.n_dims = rank;
    proto.dims = dims;
    return proto;
}

static void assert_reals(const struct tensor *tensor, const double *expected)
{
    double *values;
    assert_true(tensor_values(tensor, &arena, &values, NULL));
    for (int64_t i = 0; i < tensor->count; i++) assert_true(values[i] == expected[i]);
}

static void raw_data_and_typed_fields_read_alike(void **state)
{
    (void)state;
    int64_t dims[] = { 3, 1 };
    const double expected[] = { 1.5, -2, 0.25 };
    float floats[] = { 1.5F, -2, 0.25F };
    BnfuseOnnx__TensorProto proto = proto_of(DTYPE_FLOAT, 2, dims);
    proto.n_float_data = 3;
    proto.float_data = floats;
    struct tensor typed = taken(&proto);
    assert_int_equal(typed.rank, 2);
    assert_int_equal(typed.count, 3);
    assert_reals(&typed, expected);

    uint8_t unaligned[13];
    memcpy(unaligned + 1, floats, sizeof floats);
    proto = proto_of(DTYPE_FLOAT, 2, dims);
    proto.has_raw_data = true;
    proto.raw_data = (ProtobufCBinaryData){ 12, unaligned + 1 };
    struct tensor raw = taken(&proto);
    assert_reals(&raw, expected);
}

static void every_type_of_the_int32_field_is_narrowed(void **state)
{
    (void)state;
    static const struct {
        int type;
        int32_t entry;
        double value;
    } rows[] = {
        { DTYPE_INT32, -70000, -70000 }, { DTYPE_INT16, -300, -300 },   { DTYPE_UINT16, 65535, 65535 },
        { DTYPE_INT8, -128, -128 },      { DTYPE_UINT8, 255, 255 },     { DTYPE_BOOL, 1, 1 },
        { DTYPE_FLOAT16, 0xc500, -5 },   { DTYPE_BFLOAT16, 0x4040, 3 }, { DTYPE_FLOAT8E4M3FN, 0x39, 1.125 },
        { DTYPE_FLOAT8E5M2, 0xbc, -1 },  { DTYPE_FLOAT8E8M0, 128, 2 },
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        int64_t dims[] = { 3 };
        int32_t entries[] = { 0, rows[k].entry, rows[k].entry };
        BnfuseOnnx__TensorProto proto = proto_of(rows[k].type, 1, dims);
        proto.n_int32_data = 3;
        proto.int32_data = entries;
        struct tensor tensor = taken(&proto);
        double values[2];
        assert_true(tensor_read_real(&tensor, 1, 2, values, NULL));
        assert_true(values[0] == rows[k].value && values[1] == rows[k].value);
    }
}

static void small_types_share_the_entries_of_the_int32_field(void **state)
{
    (void)state;
    int64_t dims[] = { 5 };
    int32_t entries[] = { 0x21, 0xe3, 0x07 };
    const double expected[] = { 1, 2, 3, -2, 7 };
    BnfuseOnnx__TensorProto proto = proto_of(DTYPE_INT4, 1, dims);
    proto.n_int32_data = 3;
    proto.int32_data = entries;
    struct tensor tensor = taken(&proto);
    assert_reals(&tensor, expected);
    proto.n_int32_data = 5;
    assert_refused(&proto, "need 3 entries but it has 5");
}

static void wide_fields_hold_wide_types(void **state)
{
    (void)state;
    int64_t dims[] = { 2 }, whole[2];
    uint64_t unsigned_entries[] = { UINT32_MAX, 7 };
    BnfuseOnnx__TensorProto proto = proto_of(DTYPE_UINT32, 1, dims);
    proto.n_uint64_data = 2;
    proto.uint64_data = unsigned_entries;
    struct tensor tensor = taken(&proto);
    assert_true(tensor_read_whole(&tensor, 0, 2, whole, NULL));
    assert_true(whole[0] == UINT32_MAX && whole[1] == 7);

    int64_t signed_entries[] = { INT64_MIN, 9 };
    proto = proto_of(DTYPE_INT64, 1, dims);
    proto.n_int64_data = 2;
    proto.int64_data = signed_entries;
    tensor = taken(&proto);
    assert_true(tensor_read_whole(&tensor, 0, 2, whole, NULL));
    assert_true(whole[0] == INT64_MIN && whole[1] == 9);

    double doubles[] = { 0.1, -1e300 };
    proto = proto_of(DTYPE_DOUBLE, 1, dims);
    proto.n_double_data = 2;
    proto.double_data = doubles;
    tensor = taken(&proto);
    assert_reals(&tensor, doubles);
}

static void strings_and_complex_numbers_are_held_but_are_no_numbers(void **state)
{
    (void)state;
    int64_t dims[] = { 2 };
    ProtobufCBinaryData texts[] = { { 3, (uint8_t *)"one" }, { 0, NULL } };
    BnfuseOnnx__TensorProto proto = proto_of(DTYPE_STRING, 1, dims);
    proto.n_string_data = 2;
    proto.string_data = texts;
    struct tensor tensor = taken(&proto);
    assert_string_equal(tensor.strings[0], "one");
    assert_string_equal(tensor.strings[1], "");
    double values[2];
    struct bnfuse_error error = { 0 };
    assert_false(tensor_read_real(&tensor, 0, 2, values, &error));
    assert_non_null(strstr(error.message, "string"));
    assert_false(tensor_read_bytes(&tensor, 0, 2, values, &error));

    float floats[] = { 1, 2, 3, 4 };
    proto = proto_of(DTYPE_COMPLEX64, 1, dims);
    proto.n_float_data = 4;
    proto.float_data = floats;
    tensor = taken(&proto);
    float back[4];
    assert_true(tensor_read_bytes(&tensor, 0, 2, back, NULL));
    assert_memory_equal(back, floats, sizeof floats);
    assert_false(tensor_read_real(&tensor, 0, 2, values, &error));
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    int64_t dims[] = { 2, 3 }, negative[] = { 2, -1 }, huge[] = { 1LL << 40, 1LL << 40 }, wide[] = { 1LL << 61 },
            many[TENSOR_MAX_RANK + 1] = { 0 };
    float floats[6] = { 0 };
    BnfuseOnnx__TensorProto proto = proto_of(DTYPE_FLOAT, 2, dims);
    proto.n_float_data = 5;
    proto.float_data = floats;
    assert_refused(&proto, "6 elements of float32 need 6 entries but it has 5");
    proto = proto_of(DTYPE_FLOAT, 2, dims);
    proto.has_raw_data = true;
    proto.raw_data = (ProtobufCBinaryData){ 23, (uint8_t *)floats };
    assert_refused(&proto, "need 24 bytes but it has 23");
    proto = proto_of(DTYPE_FLOAT, 2, negative);
    assert_refused(&proto, "negative");
    proto = proto_of(DTYPE_FLOAT, 2, huge);
    assert_refused(&proto, "product");
    proto = proto_of(DTYPE_DOUBLE, 1, wide);
    assert_refused(&proto, "beyond any memory");
    proto = proto_of(DTYPE_STRING, 1, wide);
    assert_refused(&proto, "strings");
    proto = proto_of(DTYPE_FLOAT, TENSOR_MAX_RANK + 1, many);
    assert_refused(&proto, "more dims");
    proto = proto_of(99, 2, dims);
    assert_refused(&proto, "type");
    proto = proto_of(DTYPE_FLOAT, 2, dims);
    proto.has_data_location = true;
    proto.data_location = BNFUSE_ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    assert_refused(&proto, "another file");
}

/* Readers would not agree on which of them counts. */
static void data_in_two_fields_are_refused(void **state)
{
    (void)state;
    int64_t dims[] = { 2 };
    float floats[2] = { 0 };
    int32_t ints[2] = { 0 };
    BnfuseOnnx__TensorProto proto = proto_of(DTYPE_FLOAT, 1, dims);
    proto.n_float_data = 2;
    proto.float_data = floats;
    struct tensor tensor = taken(&proto);
    assert_int_equal(tensor.count, 2);
    proto.has_raw_data = true;
    proto.raw_data = (ProtobufCBinaryData){ 8, (uint8_t *)floats };
    assert_refused(&proto, "in two fields");
    proto.has_raw_data = false;
    proto.raw_data.len = 0;
    proto.n_int32_data = 2;
    proto.int32_data = ints;
    assert_refused(&proto, "in two fields");
    proto.n_int32_data = 0;
    proto.has_data_location = true;
    proto.data_location = BNFUSE_ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    assert_refused(&proto, "in two fields");
    proto.n_float_data = 0;
    proto.n_string_data = 2;
    assert_refused(&proto, "in two fields");
}

static void data_of_no_elements_are_refused(void **state)
{
    (void)state;
    int64_t dims[] = { 0, 4 };
    double doubles[1] = { 0 };
    BnfuseOnnx__TensorProto proto = proto_of(DTYPE_FLOAT, 2, dims);
    proto.n_double_data = 1; /* of whatever field */
    proto.double_data = doubles;
    assert_refused(&proto, "no elements, and data");
    proto.n_double_data = 0;
    proto.has_raw_data = true;
    proto.raw_data = (ProtobufCBinaryData){ 4, (uint8_t *)doubles };
    assert_refused(&proto, "no elements, and data");
}

static void a_tensor_without_elements_is_fine(void **state)
{
    (void)state;
    int64_t dims[] = { 0, 4 };
    BnfuseOnnx__TensorProto proto = proto_of(DTYPE_FLOAT, 2, dims);
    struct tensor tensor = taken(&proto);
    double none;
    char byte;
    assert_int_equal(tensor.count, 0);
    assert_true(tensor_read_real(&tensor, 0, 0, &none, NULL));
    assert_true(tensor_read_bytes(&tensor, 0, 0, &byte, NULL));
    struct factor factor = { 1, 0, 1, 1, 4, &none };
    struct tensor *scaled = tensor_scaled(&arena, &tensor, &factor);
    assert_true(tensor_read_rounded(scaled, 0, 0, &none, NULL));
}

static double element(int64_t i)
{
    return (double)((i * 7919) % 1009) / 64 - 5;
}

/* outer, rows, middle, columns, inner: one axis and two, at every place. */
static const struct factor views[] = {
    { 1, 5, 1, 1, 18, NULL }, { 3, 5, 1, 1, 6, NULL },  { 18, 5, 1, 1, 1, NULL }, { 1, 1, 1, 1, 90, NULL },
    { 1, 3, 2, 5, 3, NULL },  { 1, 3, 6, 5, 1, NULL },  { 2, 3, 3, 5, 1, NULL },  { 1, 3, 1, 5, 6, NULL },
    { 6, 1, 3, 5, 1, NULL },  { 1, 9, 10, 1, 1, NULL },
};

static double expected_scale(const struct factor *f, int64_t i)
{
    int64_t c = i / f->inner % f->columns, r = i / (f->inner * f->columns * f->middle) % f->rows;
    return f->scale[r * f->columns + c];
}

static void factors_scale_the_elements_of_their_axes(void **state)
{
    (void)state;
    double values[90], scale[90], read[90];
    int64_t dims[] = { 90 };
    for (int64_t i = 0; i < 90; i++) {
        values[i] = element(i);
        scale[i] = 1 + (double)i / 3;
    }
    struct tensor *tensor = tensor_exact(&arena, DTYPE_FLOAT, 1, dims, values);
    for (size_t k = 0; k < sizeof views / sizeof *views; k++) {
        struct factor factor = views[k];
        factor.scale = scale;
        struct tensor *scaled = tensor_scaled(&arena, tensor, &factor);
        for (int64_t first = 0; first < 90; first += 11) {
            int64_t count = 90 - first < 23 ? 90 - first : 23;
            assert_true(tensor_read_real(scaled, first, count, read, NULL));
            for (int64_t i = 0; i < count; i++)
                assert_true(read[i] == values[first + i] * expected_scale(&factor, first + i));
        }
    }
}

static void factors_of_one_view_become_one_and_others_stack(void **state)
{
    (void)state;
    double values[6] = { 1, 2, 3, 4, 5, 6 }, read[6];
    const double rows[] = { 2, 10 }, columns[] = { 1, 0.5, -1 };
    int64_t dims[] = { 2, 3 };
    struct factor by_row = { 1, 2, 1, 1, 3, rows }, by_column = { 2, 3, 1, 1, 1, columns };
    struct tensor *tensor = tensor_exact(&arena, DTYPE_DOUBLE, 2, dims, values);
    struct tensor *once = tensor_scaled(&arena, tensor, &by_row);
    struct tensor *twice = tensor_scaled(&arena, tensor_scaled(&arena, once, &by_column), &by_row);
    assert_int_equal(once->factor_count, 1);
    assert_int_equal(twice->factor_count, 2);
    const double expected[] = { 4, 4, -12, 400, 250, -600 };
    assert_true(tensor_read_real(twice, 0, 6, read, NULL));
    assert_memory_equal(read, expected, sizeof expected);
    const double expected_once[] = { 2, 4, 6, 40, 50, 60 };
    assert_true(tensor_read_real(once, 0, 6, read, NULL));
    assert_memory_equal(read, expected_once, sizeof expected_once);
}

static void elements_round_once_after_all_factors(void **state)
{
    (void)state;
    /* 3 * 0.1 in double, rounded to fp16; rounding 0.1 first would give another number. */
    double values[5000], read[5000], scale[] = { 3 };
    uint16_t bytes[5000];
    int64_t dims[] = { 5000 };
    for (int i = 0; i < 5000; i++) values[i] = 0.1 + i * 0.001;
    struct factor factor = { 1, 1, 1, 1, 5000, scale };
    struct tensor *scaled = tensor_scaled(&arena, tensor_exact(&arena, DTYPE_FLOAT16, 1, dims, values), &factor);
    assert_true(tensor_read_rounded(scaled, 0, 5000, read, NULL));
    assert_true(tensor_read_bytes(scaled, 0, 5000, bytes, NULL));
    int differ = 0;
    for (int i = 0; i < 5000; i++) {
        double from_bytes;
        dtype_load_real(DTYPE_FLOAT16, bytes, i, 1, &from_bytes);
        assert_true(read[i] == dtype_round(DTYPE_FLOAT16, values[i] * 3));
        assert_true(read[i] == from_bytes);
        differ += read[i] != dtype_round(DTYPE_FLOAT16, dtype_round(DTYPE_FLOAT16, values[i]) * 3);
    }
    assert_true(differ > 100);
    assert_true(tensor_read_real(scaled, 7, 1, read, NULL));
    assert_true(read[0] == values[7] * 3);
}

static void bytes_of_small_types_are_read_from_any_eighth_element(void **state)
{
    (void)state;
    int64_t dims[] = { 21 }, whole[21], back[21];
    uint8_t bytes[11];
    for (int i = 0; i < 21; i++) whole[i] = i % 16 - 8;
    struct tensor *tensor = tensor_whole(&arena, DTYPE_INT4, 1, dims, whole);
    assert_true(tensor_read_bytes(tensor, 8, 13, bytes, NULL));
    dtype_load_whole(DTYPE_INT4, bytes, 0, 13, back);
    assert_memory_equal(back, whole + 8, 13 * sizeof *back);
    assert_true(tensor_read_whole(tensor, 3, 18, back, NULL));
    assert_memory_equal(back, whole + 3, 18 * sizeof *back);
    assert_false(tensor_read_whole(tensor_exact(&arena, DTYPE_FLOAT, 0, NULL, &(double){ 1 }), 0, 1, back, NULL));
}

static void elements_in_a_file_are_read_in_pieces(void **state)
{
    (void)state;
    enum { COUNT = 100003 };
    FILE *temporary = tmpfile();
    assert_non_null(temporary);
    uint8_t *packed = arena_alloc(&arena, COUNT * 2);
    for (int i = 0; i < COUNT * 2; i++) packed[i] = (uint8_t)(i * 31 + i / 251);
    fwrite("head", 1, 4, temporary);
    fwrite(packed, 1, COUNT * 2, temporary);
    fflush(temporary);
    struct file file = { .path = "temporary", .fd = fileno(temporary), .size = COUNT * 2 + 4 };
    static const enum dtype types[] = { DTYPE_INT16, DTYPE_UINT8, DTYPE_INT4, DTYPE_BFLOAT16 };
    double *values = NEW_ARRAY(&arena, double, COUNT), *expected = NEW_ARRAY(&arena, double, COUNT);
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        int64_t dims[] = { COUNT }, bytes = 0;
        assert_true(dtype_bytes(types[k], COUNT, &bytes));
        struct tensor tensor = {
            .type = types[k], .rank = 1, .count = COUNT, .dims = dims, .span = { &file, 4, (uint64_t)bytes }
        };
        assert_true(tensor_read_real(&tensor, 5, COUNT - 5, values, NULL));
        dtype_load_real(types[k], packed, 5, COUNT - 5, expected);
        assert_memory_equal(values, expected, (COUNT - 5) * sizeof *values);
        uint8_t part[20];
        assert_true(tensor_read_bytes(&tensor, 80000, 10, part, NULL));
        assert_memory_equal(part, packed + 80000 / 8 * dtype_bits(types[k]), 10 * (size_t)dtype_bits(types[k]) / 8);
        if (dtype_kind(types[k]) != KIND_WHOLE) continue;
        int64_t *whole = NEW_ARRAY(&arena, int64_t, COUNT);
        assert_true(tensor_read_whole(&tensor, 0, COUNT, whole, NULL));
        dtype_load_real(types[k], packed, 0, COUNT, expected);
        for (int i = 0; i < COUNT; i++) assert_true((double)whole[i] == expected[i]);
    }
    fclose(temporary);
}

static void a_bound_holds_for_every_element(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static float values[COUNT];
    const int64_t dims[] = { COUNT };
    const double scale[] = { -3 };
    const struct factor factor = { 1, 1, 1, 1, COUNT, scale };
    struct file file = { .path = "bound", .fd = fileno(tmpfile()), .size = sizeof values };
    struct tensor tensor = {
        .type = DTYPE_FLOAT, .rank = 1, .count = COUNT, .dims = dims, .span = { &file, 0, sizeof values }
    };
    values[COUNT - 1] = -2;
    assert_int_equal(pwrite(file.fd, values, sizeof values, 0), sizeof values);
    assert_true(tensor_bound(&tensor) == 2);
    assert_true(tensor_bound(tensor_scaled(&arena, &tensor, &factor)) == 6);
    const float bad[] = { INFINITY, -INFINITY, NAN };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pwrite(file.fd, &bad[i], sizeof *bad, 4 * 7777), sizeof *bad);
        assert_true(isinf(tensor_bound(&tensor)));
    }
    tensor.type = DTYPE_FLOAT16;
    assert_true(isinf(tensor_bound(&tensor)));
}

static void a_reshaped_tensor_keeps_elements_and_factors(void **state)
{
    (void)state;
    const double values[6] = { 1, 2, 3, 4, 5, 6 }, scale[] = { 1, 10 };
    double read[6];
    int64_t dims[] = { 2, 3 }, other[] = { 3, 1, 2 };
    struct factor factor = { 1, 2, 1, 1, 3, scale };
    struct tensor *scaled = tensor_scaled(&arena, tensor_exact(&arena, DTYPE_FLOAT, 2, dims, values), &factor);
    struct tensor *reshaped = tensor_reshaped(&arena, scaled, 3, other);
    assert_int_equal(reshaped->rank, 3);
    assert_int_equal(reshaped->dims[2], 2);
    assert_true(tensor_read_real(reshaped, 0, 6, read, NULL));
    assert_true(read[2] == 3 && read[3] == 40);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        TEST(raw_data_and_typed_fields_read_alike),
        TEST(every_type_of_the_int32_field_is_narrowed),
        TEST(small_types_share_the_entries_of_the_int32_field),
        TEST(wide_fields_hold_wide_types),
        TEST(strings_and_complex_numbers_are_held_but_are_no_numbers),
        TEST(what_does_not_fit_is_refused),
        TEST(data_in_two_fields_are_refused),
        TEST(data_of_no_elements_are_refused),
        TEST(a_tensor_without_elements_is_fine),
        TEST(factors_scale_the_elements_of_their_axes),
        TEST(factors_of_one_view_become_one_and_others_stack),
        TEST(elements_round_once_after_all_factors),
        TEST(bytes_of_small_types_are_read_from_any_eighth_element),
        TEST(elements_in_a_file_are_read_in_pieces),
        TEST(a_bound_holds_for_every_element),
        TEST(a_reshaped_tensor_keeps_elements_and_factors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
