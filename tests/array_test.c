/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays and their pool: owners, shared blocks, conversion between stores, rounding to a type. */
#include "runtime/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <string.h>

#include <cmocka.h>

struct context {
    struct memory memory;
    struct array_pool pool;
};

static int open_pool(void **state)
{
    static struct context context;
    context = (struct context){ 0 };
    pool_open(&context.pool, &context.memory);
    *state = &context;
    return 0;
}

static int close_pool(void **state)
{
    struct context *context = *state;
    pool_close(&context->pool);
    return context->memory.used == 0 ? 0 : -1;
}

static struct array_pool *pool_of(void **state)
{
    return &((struct context *)*state)->pool;
}

static void a_reshaped_array_keeps_the_elements_alive(void **state)
{
    struct array *a = array_new(pool_of(state), DTYPE_FLOAT, STORE_F32, 2, (int64_t[]){ 2, 3 });
    for (int i = 0; i < 6; i++) a->f32[i] = (float)i;
    struct array *b = array_reshaped(a, 1, (int64_t[]){ 6 });
    assert_ptr_equal(a->data, b->data);
    array_drop(a);
    struct array *c = array_new(pool_of(state), DTYPE_FLOAT, STORE_F32, 1, (int64_t[]){ 6 });
    assert_ptr_not_equal(b->data, c->data);
    assert_true(b->f32[5] == 5);
}

static void a_dropped_block_serves_the_next_array_of_its_size(void **state)
{
    struct array *a = array_new(pool_of(state), DTYPE_FLOAT, STORE_F32, 1, (int64_t[]){ 1000 });
    void *data = a->data;
    array_keep(a);
    array_drop(a);
    assert_ptr_equal(a->data, data);
    array_drop(a);
    size_t used = ((struct context *)*state)->memory.used;
    struct array *b = array_new(pool_of(state), DTYPE_INT64, STORE_I64, 1, (int64_t[]){ 490 });
    assert_ptr_equal(b->data, data);
    assert_true(((struct context *)*state)->memory.used <= used + sizeof *b);
}

static void a_sequence_owns_its_items(void **state)
{
    struct array *item = array_new(pool_of(state), DTYPE_FLOAT, STORE_F32, 0, NULL);
    struct array *list = array_new(pool_of(state), DTYPE_FLOAT, STORE_SEQUENCE, 1, (int64_t[]){ 3 });
    item->f32[0] = 7;
    list->items[0] = array_keep(item);
    list->items[2] = array_keep(item);
    array_drop(list);
    assert_int_equal(item->owners, 1);
    assert_true(item->f32[0] == 7);
}

static void conversion_cuts_saturates_and_knows_uint64(void **state)
{
    static const double reals[] = { -2.9, 1e30, -1e30, NAN };
    static const int64_t wholes[] = { -2, INT64_MAX, INT64_MIN, 0 };
    struct array *a = array_new(pool_of(state), DTYPE_DOUBLE, STORE_F64, 1, (int64_t[]){ 4 });
    memcpy(a->f64, reals, sizeof reals);
    struct array *b = array_stored(a, STORE_I64);
    assert_memory_equal(b->i64, wholes, sizeof wholes);
    struct array *u = array_new(pool_of(state), DTYPE_UINT64, STORE_I64, 1, (int64_t[]){ 1 });
    u->i64[0] = -1;
    assert_true(array_stored(u, STORE_F64)->f64[0] == 0x1p64);
    assert_true(array_stored(u, STORE_F32)->f32[0] == 0x1p64f);
    assert_ptr_equal(array_stored(a, STORE_F64), a);
    assert_int_equal(a->owners, 2);
}

static void try_rounding(struct array_pool *pool, enum dtype type, double value)
{
    struct array *a = array_new(pool, type, STORE_F32, 0, NULL);
    struct array *b = array_new(pool, type, STORE_F64, 0, NULL);
    double rounded = dtype_round(type, (float)value);
    a->f32[0] = (float)value;
    b->f64[0] = (float)value;
    array_round(a);
    array_round(b);
    assert_true(a->f32[0] == (float)rounded || (isnan(a->f32[0]) && isnan(rounded)));
    assert_true(b->f64[0] == rounded || (isnan(b->f64[0]) && isnan(rounded)));
    assert_true(!signbit(a->f32[0]) == !signbit(rounded) || isnan(rounded));
}

/* Around every power of two that half precision, bfloat16 and float can tell apart, ties among them. */
static void quick_rounding_agrees_with_the_table_of_types(void **state)
{
    static const enum dtype types[] = { DTYPE_FLOAT16, DTYPE_BFLOAT16, DTYPE_FLOAT8E5M2 };
    static const double steps[] = { 1,
                                    1.25,
                                    1 + 0x1p-11,
                                    1 + 0x1p-10,
                                    1 + 3 * 0x1p-11,
                                    1 + 0x1p-8,
                                    1 + 3 * 0x1p-8,
                                    1 + 0x1p-11 + 0x1p-20,
                                    2 - 0x1p-11,
                                    2 - 0x1p-12,
                                    2 - 0x1p-23,
                                    1.5 };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        for (int exponent = -149; exponent <= 127; exponent++)
            for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
                try_rounding(pool_of(state), types[t], ldexp(steps[s], exponent));
                try_rounding(pool_of(state), types[t], -ldexp(steps[s], exponent));
            }
        try_rounding(pool_of(state), types[t], 0);
        try_rounding(pool_of(state), types[t], -0.0);
        try_rounding(pool_of(state), types[t], 65520);
        try_rounding(pool_of(state), types[t], 65519.99);
        try_rounding(pool_of(state), types[t], NAN);
        try_rounding(pool_of(state), types[t], INFINITY);
    }
}

static void whole_numbers_wrap_to_every_width(void **state)
{
    static const enum dtype types[] = { DTYPE_UINT8, DTYPE_INT8,  DTYPE_UINT16, DTYPE_INT16, DTYPE_INT32,  DTYPE_UINT32,
                                        DTYPE_INT4,  DTYPE_UINT4, DTYPE_BOOL,   DTYPE_INT64, DTYPE_UINT64, DTYPE_INT2 };
    static const int64_t values[] = { 0, 1, -1, 127, 128, 255, 256, -129, 65535, 1 << 20, INT64_MAX, INT64_MIN, 7, 8 };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        struct array *a =
            array_new(pool_of(state), types[t], STORE_I64, 1, (int64_t[]){ sizeof values / sizeof *values });
        memcpy(a->i64, values, sizeof values);
        array_round(a);
        for (int64_t i = 0; i < a->count; i++) assert_int_equal(a->i64[i], dtype_wrap(types[t], values[i]));
    }
}

static void bytes_come_back_as_they_were(void **state)
{
    static const enum dtype types[] = {
        DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_FLOAT16, DTYPE_INT4, DTYPE_BOOL, DTYPE_UINT64
    };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int exact = 0; exact < 2; exact++) {
            unsigned char bytes[3000 * 8] = { 0 }, back[sizeof bytes] = { 0 };
            int64_t size = 0, count = 2999;
            assert_true(dtype_bytes(types[t], count, &size));
            for (int64_t i = 0; i < size; i++) bytes[i] = (unsigned char)(types[t] == DTYPE_BOOL ? i % 3 == 0 : i % 61);
            if (types[t] == DTYPE_INT4) bytes[size - 1] &= 15;
            struct array *a = array_from_bytes(pool_of(state), types[t], exact != 0, 1, &count, bytes);
            array_to_bytes(a, back);
            assert_memory_equal(bytes, back, (size_t)size);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reshaped_array_keeps_the_elements_alive, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(a_dropped_block_serves_the_next_array_of_its_size, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(a_sequence_owns_its_items, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(conversion_cuts_saturates_and_knows_uint64, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(quick_rounding_agrees_with_the_table_of_types, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(whole_numbers_wrap_to_every_width, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(bytes_come_back_as_they_were, open_pool, close_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
