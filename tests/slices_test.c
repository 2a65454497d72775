/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces of arrays: cut along any axis, and laid back, the whole is what it was. */
#include "runtime/slices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#undef fail

static struct memory memory;
static struct array_pool pool;

static int open_pool(void **state)
{
    (void)state;
    memory = (struct memory){ 0 };
    pool_open(&pool, &memory);
    return 0;
}

static int close_pool(void **state)
{
    (void)state;
    pool_close(&pool);
    assert_int_equal(memory.used, 0);
    return 0;
}

/* [2, 3, 4] of 0 .. 23, as this store. */
static struct array *counting(enum dtype type, enum store store)
{
    struct array *array = array_new(&pool, type, store, 3, (int64_t[]){ 2, 3, 4 });
    for (int i = 0; i < 24; i++) {
        if (store == STORE_I64) array->i64[i] = i;
        else array->f32[i] = (float)i;
    }
    return array;
}

static void a_slice_keeps_its_axis(void **state)
{
    (void)state;
    struct array *whole = counting(DTYPE_INT32, STORE_I64);
    struct array *piece = piece_slice(&pool, whole, 1, 1, 2);
    static const int64_t expected[] = { 4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23 };
    assert_int_equal(piece->rank, 3);
    assert_int_equal(piece->dims[1], 2);
    assert_int_equal(piece->type, DTYPE_INT32);
    assert_memory_equal(piece->i64, expected, sizeof expected);
}

static void an_element_along_an_axis_loses_it(void **state)
{
    (void)state;
    struct array *whole = counting(DTYPE_FLOAT, STORE_F32);
    struct array *piece = piece_at(&pool, whole, 2, 3);
    static const float expected[] = { 3, 7, 11, 15, 19, 23 };
    assert_int_equal(piece->rank, 2);
    assert_int_equal(piece->dims[0], 2);
    assert_int_equal(piece->dims[1], 3);
    assert_memory_equal(piece->f32, expected, sizeof expected);
}

static void slices_laid_back_make_the_whole(void **state)
{
    (void)state;
    struct array *whole = counting(DTYPE_INT64, STORE_I64);
    for (int axis = 0; axis < 3; axis++) {
        struct array *copy = array_new(&pool, DTYPE_INT64, STORE_I64, 3, whole->dims);
        struct array *first = piece_slice(&pool, whole, axis, 0, 1);
        struct array *rest = piece_slice(&pool, whole, axis, 1, whole->dims[axis] - 1);
        piece_lay(copy, rest, axis, 1);
        piece_lay(copy, first, axis, 0);
        assert_memory_equal(copy->i64, whole->i64, sizeof(int64_t[24]));
    }
}

static void the_axis_is_seen_between_its_neighbors(void **state)
{
    (void)state;
    struct along along = along_axis(counting(DTYPE_INT64, STORE_I64), 1);
    assert_int_equal(along.outer, 2);
    assert_int_equal(along.length, 3);
    assert_int_equal(along.inner, 4);
}

/* A dim of 2^60 beside one of 0: nothing to copy, and nothing to loop over. */
static void empty_arrays_of_endless_dims_are_cut_at_once(void **state)
{
    (void)state;
    struct array *empty = array_new(&pool, DTYPE_FLOAT, STORE_F32, 3, (int64_t[]){ INT64_C(1) << 60, 5, 0 });
    struct array *piece = piece_slice(&pool, empty, 1, 2, 2);
    assert_int_equal(piece->count, 0);
    assert_int_equal(piece->dims[1], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_slice_keeps_its_axis, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(an_element_along_an_axis_loses_it, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(slices_laid_back_make_the_whole, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(the_axis_is_seen_between_its_neighbors, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(empty_arrays_of_endless_dims_are_cut_at_once, open_pool, close_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
