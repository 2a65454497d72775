/* SPDX-License-Identifier: Apache-2.0
 *
 * Differences of arrays: scale, special values, shapes, and what proves little. */
#include "check/measure.h"
#include "check/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
    return memory.used != 0;
}

static struct array *doubles(int64_t count, const double *values)
{
    struct array *array = array_new(&pool, DTYPE_FLOAT, STORE_F64, 1, &count);
    memcpy(array->f64, values, (size_t)count * sizeof *values);
    return array;
}

static struct array *floats(int64_t count, const double *values)
{
    struct array *array = array_new(&pool, DTYPE_FLOAT, STORE_F32, 1, &count);
    for (int64_t i = 0; i < count; i++) array->f32[i] = (float)values[i];
    return array;
}

static struct array *wholes(int64_t count, const int64_t *values)
{
    struct array *array = array_new(&pool, DTYPE_INT64, STORE_I64, 1, &count);
    memcpy(array->i64, values, (size_t)count * sizeof *values);
    return array;
}

static void a_difference_is_relative_to_the_largest_of_the_reference(void **state)
{
    (void)state;
    struct bnfuse_difference d =
        measure(doubles(3, (double[]){ 1, -8, 0.001 }), doubles(3, (double[]){ 1, -8, 0.002 }));
    assert_true(fabs(d.largest - 0.001) < 1e-15);
    assert_true(fabs(d.relative - 0.001 / 8) < 1e-15);
    assert_int_equal(d.at, 2);
    assert_false(d.shape_differs || d.pattern_differs);
    assert_true(exceeds(&d, 1e-5));
    assert_false(exceeds(&d, 1e-3));
}

static void the_place_of_the_largest_is_found_beyond_the_first_chunk(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static double a[COUNT], c[COUNT];
    for (int i = 0; i < COUNT; i++) a[i] = c[i] = i % 13 - 6;
    c[17] += 0.5;
    c[3456] -= 2;
    c[4999] += 1;
    struct bnfuse_difference d = measure(doubles(COUNT, a), floats(COUNT, c));
    assert_int_equal(d.at, 3456);
    assert_true(d.largest == 2);
    assert_true(d.relative == 2.0 / 6);
}

static void special_values_must_stand_in_the_same_places(void **state)
{
    (void)state;
    double a[] = { 1, NAN, INFINITY, -INFINITY }, same[] = { 1, -NAN, INFINITY, -INFINITY },
           other[] = { 1, 2, INFINITY, -INFINITY }, turned[] = { 1, NAN, -INFINITY, -INFINITY };
    assert_false(measure(doubles(4, a), doubles(4, same)).pattern_differs);
    assert_true(within_tolerance(doubles(4, a), floats(4, same), 0, 0));
    assert_true(measure(doubles(4, a), doubles(4, other)).pattern_differs);
    assert_true(measure(doubles(4, other), doubles(4, a)).pattern_differs);
    assert_true(measure(doubles(4, a), doubles(4, turned)).pattern_differs);
    assert_false(within_tolerance(doubles(4, a), doubles(4, other), 1e9, 1e9));
}

static void a_special_value_does_not_hide_a_difference_beside_it(void **state)
{
    (void)state;
    struct bnfuse_difference d = measure(doubles(3, (double[]){ NAN, 4, 4 }), doubles(3, (double[]){ NAN, 4, 3 }));
    assert_true(d.largest == 1 && d.relative == 0.25);
}

static void other_shapes_and_types_differ(void **state)
{
    (void)state;
    struct array *a = doubles(2, (double[]){ 1, 2 });
    assert_true(measure(a, doubles(3, (double[]){ 1, 2, 3 })).shape_differs);
    assert_true(measure(a, wholes(2, (int64_t[]){ 1, 2 })).shape_differs);
    assert_true(measure(a, NULL).shape_differs);
    assert_false(measure(NULL, NULL).shape_differs);
    assert_true(measure(a, array_reshaped(a, 2, (int64_t[]){ 1, 2 })).shape_differs);
}

static void where_the_reference_is_zero_the_difference_stands_for_itself(void **state)
{
    (void)state;
    struct bnfuse_difference d = measure(doubles(2, (double[]){ 0, 0 }), doubles(2, (double[]){ 0, 1e-17 }));
    assert_true(d.relative == 1e-17);
}

static void constant_and_saturated_outputs_prove_little(void **state)
{
    (void)state;
    double constant[] = { 3, 3, 3, 3 }, saturated[] = { 0, 1, 1, 0 }, lively[] = { 0, 1, 0.5, 0 };
    assert_true(measure(doubles(4, constant), doubles(4, constant)).degenerate);
    assert_true(measure(doubles(4, saturated), doubles(4, saturated)).degenerate);
    assert_false(measure(doubles(4, lively), doubles(4, lively)).degenerate);
    assert_false(measure(doubles(1, constant), doubles(1, constant)).degenerate);
    int64_t zeros[] = { 0, 0, 0 }, bits[] = { 0, 1, 0 };
    assert_true(measure(wholes(3, zeros), wholes(3, zeros)).degenerate);
    assert_false(measure(wholes(3, bits), wholes(3, bits)).degenerate);
}

static void a_slice_of_equal_elements_is_found_on_every_axis(void **state)
{
    (void)state;
    double lively[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    struct array *array = array_reshaped(doubles(12, lively), 3, (int64_t[]){ 2, 3, 2 });
    assert_false(is_uniform(array));
    static const size_t slices[][4] = { { 2, 3, 8, 9 }, { 1, 3, 5, 7 } };
    for (size_t i = 0; i < 2; i++) {
        struct array *dead = array_reshaped(doubles(12, lively), 3, (int64_t[]){ 2, 3, 2 });
        for (size_t k = 0; k < 4; k++) dead->f64[slices[i][k]] = 0;
        if (i == 1) dead->f64[9] = dead->f64[11] = 0;
        assert_true(is_uniform(dead));
    }
    assert_false(is_uniform(doubles(12, lively)));
    assert_false(is_uniform(wholes(2, (int64_t[]){ 1, 1 })));
    assert_false(is_uniform(NULL));
}

static void the_tolerance_is_numpys(void **state)
{
    (void)state;
    struct array *reference = doubles(2, (double[]){ 100, 0 });
    assert_true(within_tolerance(reference, doubles(2, (double[]){ 100.9, 0.009 }), 0.01, 0.01));
    assert_false(within_tolerance(reference, doubles(2, (double[]){ 101.1, 0 }), 0.01, 0.01));
    assert_false(within_tolerance(reference, doubles(2, (double[]){ 100, 0.011 }), 0.01, 0.01));
}

static void sequences_are_measured_item_by_item(void **state)
{
    (void)state;
    int64_t count = 2;
    struct array *a = array_new(&pool, DTYPE_FLOAT, STORE_SEQUENCE, 1, &count),
                 *c = array_new(&pool, DTYPE_FLOAT, STORE_SEQUENCE, 1, &count);
    a->items[0] = doubles(1, (double[]){ 1 });
    c->items[0] = doubles(1, (double[]){ 1 });
    a->items[1] = doubles(2, (double[]){ 2, 4 });
    c->items[1] = doubles(2, (double[]){ 2, 5 });
    assert_true(measure(a, c).relative == 0.25);
    assert_false(within_tolerance(a, c, 0.5, 0));
    assert_true(within_tolerance(a, c, 1, 0));
    array_drop(a);
    array_drop(c);
}

static struct array *complexes(int64_t count, const double *parts)
{
    struct array *array = array_new(&pool, DTYPE_COMPLEX64, STORE_C128, 1, &count);
    memcpy(array->f64, parts, 2 * (size_t)count * sizeof *parts);
    return array;
}

static void complex_elements_differ_by_their_parts(void **state)
{
    (void)state;
    struct array *a = complexes(3, (double[]){ 1, 2, -8, 0, 3, 4 }), *b = complexes(3, (double[]){ 1, 2, -8, 0, 3, 6 });
    struct bnfuse_difference d = measure(a, b);
    assert_true(d.largest == 2 && d.relative == 0.25);
    assert_int_equal(d.at, 2);
    assert_int_equal(d.compared, 3);
    assert_false(same_elements(a, b));
    assert_true(same_elements(a, a));
    assert_true(measure(a, complexes(3, (double[]){ 1, NAN, -8, 0, 3, 4 })).pattern_differs);
    assert_true(measure(a, doubles(3, (double[]){ 1, -8, 3 })).shape_differs);
}

/* Within 5 * 0.1 of 3+4i, as the plane has it: not within 4 * 0.1 of each part. */
static void the_tolerance_of_complex_elements_is_a_distance(void **state)
{
    (void)state;
    struct array *a = complexes(1, (double[]){ 3, 4 });
    assert_true(within_tolerance(a, complexes(1, (double[]){ 3.45, 4 }), 0, 0.1));
    assert_true(within_tolerance(a, complexes(1, (double[]){ 3.3, 4.39 }), 0, 0.1));
    assert_false(within_tolerance(a, complexes(1, (double[]){ 3.4, 4.4 }), 0, 0.1));
    assert_false(within_tolerance(a, complexes(1, (double[]){ INFINITY, 4 }), 0, 0.1));
}

static void metrics_of_complex_elements_are_of_their_plane(void **state)
{
    struct metrics m = { 0 };
    (void)state;
    metrics_add(&m, complexes(2, (double[]){ 3, 4, 0, 2 }), complexes(2, (double[]){ 3, 4, 2, 0 }), 0, 0.1);
    const bnfuse_metrics *found = metrics_finish(&m);
    assert_true(found->elements == 2 && found->compared == 2 && m.outside == 1);
    assert_true(fabs(found->largest.difference - sqrt(8)) < 1e-15 && found->largest.at == 1);
    assert_true(fabs(found->cosine - 25.0 / 29) < 1e-15);
}

static void the_worse_of_two_is_worse_in_every_respect(void **state)
{
    (void)state;
    struct bnfuse_difference a = { .largest = 5, .relative = 0.1, .at = 3 };
    struct bnfuse_difference c = { .largest = 1, .relative = 0.5, .at = 7, .pattern_differs = true };
    struct bnfuse_difference worse = worse_difference(a, c);
    assert_true(worse.largest == 5 && worse.relative == 0.5);
    assert_int_equal(worse.at, 7);
    assert_true(worse.pattern_differs);
    assert_true(exceeds(&worse, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pool, close_pool)
        TEST(a_difference_is_relative_to_the_largest_of_the_reference),
        TEST(the_place_of_the_largest_is_found_beyond_the_first_chunk),
        TEST(special_values_must_stand_in_the_same_places),
        TEST(a_special_value_does_not_hide_a_difference_beside_it),
        TEST(other_shapes_and_types_differ),
        TEST(where_the_reference_is_zero_the_difference_stands_for_itself),
        TEST(a_slice_of_equal_elements_is_found_on_every_axis),
        TEST(constant_and_saturated_outputs_prove_little),
        TEST(the_tolerance_is_numpys),
        TEST(sequences_are_measured_item_by_item),
        TEST(complex_elements_differ_by_their_parts),
        TEST(the_tolerance_of_complex_elements_is_a_distance),
        TEST(metrics_of_complex_elements_are_of_their_plane),
        TEST(the_worse_of_two_is_worse_in_every_respect),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
