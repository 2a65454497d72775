/* SPDX-License-Identifier: Apache-2.0
 *
 * Order: keys that compare as elements do, a stable sort, the best of many. */
#include "runtime/math/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

static uint64_t real_key(double value)
{
    struct array array = { .type = DTYPE_DOUBLE, .store = STORE_F64, .count = 1, .f64 = &value };
    return order_key(&array, 0);
}

static uint64_t float_key(float value)
{
    struct array array = { .type = DTYPE_FLOAT, .store = STORE_F32, .count = 1, .f32 = &value };
    return order_key(&array, 0);
}

static uint64_t whole_key(enum dtype type, int64_t value)
{
    struct array array = { .type = type, .store = STORE_I64, .count = 1, .i64 = &value };
    return order_key(&array, 0);
}

static void keys_of_real_numbers_rise_with_them(void **state)
{
    (void)state;
    static const double values[] = { -INFINITY, -1e300, -2, -1, -1e-310, 0, 1e-310, 1, 1.5, 1e300, INFINITY };
    for (size_t i = 1; i < sizeof values / sizeof *values; i++) {
        assert_true(real_key(values[i - 1]) < real_key(values[i]));
        assert_true(float_key((float)values[i - 1]) <= float_key((float)values[i]));
    }
    assert_true(real_key(-0.0) == real_key(0));
    assert_true(float_key(-0.0f) == float_key(0));
    assert_true(real_key(NAN) > real_key(INFINITY));
    assert_true(real_key(NAN) == real_key(-NAN));
}

static void keys_of_whole_numbers_know_their_sign(void **state)
{
    (void)state;
    assert_true(whole_key(DTYPE_INT64, INT64_MIN) < whole_key(DTYPE_INT64, -1));
    assert_true(whole_key(DTYPE_INT64, -1) < whole_key(DTYPE_INT64, 0));
    assert_true(whole_key(DTYPE_INT8, -3) < whole_key(DTYPE_INT8, 2));
    assert_true(whole_key(DTYPE_UINT64, -1) > whole_key(DTYPE_UINT64, INT64_MAX)); /* 2^64 - 1 */
}

static int compare_tens(const void *context, int64_t a, int64_t b)
{
    const int64_t *values = context;
    return (values[a] / 10 > values[b] / 10) - (values[a] / 10 < values[b] / 10);
}

static void equal_elements_keep_their_places(void **state)
{
    (void)state;
    enum { MOST = 70 };
    int64_t values[MOST] = { 0 }, order[MOST], spare[MOST];
    for (int64_t count = 0; count <= MOST; count++) {
        for (int64_t i = 0; i < count; i++) {
            values[i] = i * 37 % 50;
            order[i] = i;
        }
        order_sort(order, spare, count, compare_tens, values);
        for (int64_t i = 1; i < count; i++) {
            int compared = compare_tens(values, order[i - 1], order[i]);
            assert_true(compared < 0 || (compared == 0 && order[i - 1] < order[i]));
        }
    }
}

static void the_best_are_the_first_of_a_full_sort(void **state)
{
    (void)state;
    enum { COUNT = 90 };
    uint64_t keys[COUNT];
    int64_t all[COUNT], best[COUNT];
    for (int64_t i = 0; i < COUNT; i++) keys[i] = (uint64_t)(i * 53 % 40); /* each some times */
    order_best(keys, COUNT, COUNT, all);
    for (int64_t i = 1; i < COUNT; i++)
        assert_true(keys[all[i - 1]] > keys[all[i]] || (keys[all[i - 1]] == keys[all[i]] && all[i - 1] < all[i]));
    for (int64_t count = 0; count < COUNT; count++) {
        order_best(keys, COUNT, count, best);
        assert_memory_equal(best, all, (size_t)count * sizeof *best);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_real_numbers_rise_with_them),
        cmocka_unit_test(keys_of_whole_numbers_know_their_sign),
        cmocka_unit_test(equal_elements_keep_their_places),
        cmocka_unit_test(the_best_are_the_first_of_a_full_sort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
