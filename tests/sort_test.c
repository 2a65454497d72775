/* SPDX-License-Identifier: Apache-2.0
 *
 * TopK and Unique: order, ties, axes, and what cannot be asked. */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

static void top_k_takes_equal_elements_by_lower_index(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "2,4", (double[]){ 3, 1, 3, 3, 0, 5, 5, -2 });
    trial_input(&t, "k", DTYPE_INT64, "1", (double[]){ 3 });
    build_node(&t.build, "TopK", "top", "x k", "best where", NULL);
    trial_run(&t, "best where");
    trial_expect(&t, "best", DTYPE_FLOAT, "2,3", (double[]){ 3, 3, 3, 5, 5, 0 });
    trial_expect(&t, "where", DTYPE_INT64, "2,3", (double[]){ 0, 2, 3, 1, 2, 0 });
    trial_close(&t);
}

static void top_k_takes_the_smallest_along_an_inner_axis(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_INT32, "2,3,2", (double[]){ 5, -1, 4, 7, 6, -1, 0, 2, -9, 2, 0, 3 });
    trial_input(&t, "k", DTYPE_INT64, "1", (double[]){ 2 });
    build_node(&t.build, "TopK", "top", "x k", "best where", "axis=-2 largest=0");
    trial_run(&t, "best where");
    trial_expect(&t, "best", DTYPE_INT32, "2,2,2", (double[]){ 4, -1, 5, -1, -9, 2, 0, 2 });
    trial_expect(&t, "where", DTYPE_INT64, "2,2,2", (double[]){ 1, 0, 0, 2, 1, 0, 0, 1 });
    trial_close(&t);
}

static void top_k_1_has_k_as_an_attribute(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 9);
    trial_input(&t, "x", DTYPE_DOUBLE, "5", (double[]){ 1, NAN, -INFINITY, 8, -0.0 });
    build_node(&t.build, "TopK", "top", "x", "best where", "k=5");
    trial_run(&t, "best where");
    trial_expect(&t, "best", DTYPE_DOUBLE, "5", (double[]){ NAN, 8, 1, -0.0, -INFINITY });
    trial_expect(&t, "where", DTYPE_INT64, "5", (double[]){ 1, 3, 0, 4, 2 });
    trial_close(&t);
}

static void top_k_orders_many_elements(void **state)
{
    (void)state;
    enum { COUNT = 1000, BEST = 300 };
    struct trial t;
    double x[COUNT], best[BEST], where[BEST];
    trial_open(&t, 11);
    for (int i = 0; i < COUNT; i++) x[i] = i * 371 % COUNT; /* each number once */
    for (int i = 0; i < COUNT; i++)
        if (x[i] >= COUNT - BEST) {
            best[COUNT - 1 - (int)x[i]] = x[i];
            where[COUNT - 1 - (int)x[i]] = i;
        }
    trial_input(&t, "x", DTYPE_FLOAT, "1000", x);
    trial_input(&t, "k", DTYPE_INT64, "1", (double[]){ BEST });
    build_node(&t.build, "TopK", "top", "x k", "best where", NULL);
    trial_run(&t, "best where");
    trial_expect(&t, "best", DTYPE_FLOAT, "300", best);
    trial_expect(&t, "where", DTYPE_INT64, "300", where);
    trial_close(&t);
}

static void top_k_refuses_more_than_there_are(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "2,4", (double[8]){ 0 });
    trial_input(&t, "k", DTYPE_INT64, "1", (double[]){ 5 });
    build_node(&t.build, "TopK", "top", "x k", "best where", NULL);
    trial_fails(&t, "best where", "TopK \"top\"");
    trial_close(&t);
}

static void top_k_of_an_empty_row_is_empty(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "3,0", NULL);
    trial_input(&t, "k", DTYPE_INT64, "1", (double[]){ 0 });
    build_node(&t.build, "TopK", "top", "x k", "best where", NULL);
    trial_run(&t, "best where");
    trial_expect(&t, "best", DTYPE_FLOAT, "3,0", NULL);
    trial_expect(&t, "where", DTYPE_INT64, "3,0", NULL);
    trial_close(&t);
}

static void unique_sorts_and_counts(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_FLOAT, "2,3", (double[]){ 2, 1, 1, 3, 4, 3 });
    build_node(&t.build, "Unique", "unique", "x", "y first inverse counts", NULL);
    trial_run(&t, "y first inverse counts");
    trial_expect(&t, "y", DTYPE_FLOAT, "4", (double[]){ 1, 2, 3, 4 });
    trial_expect(&t, "first", DTYPE_INT64, "4", (double[]){ 1, 0, 3, 4 });
    trial_expect(&t, "inverse", DTYPE_INT64, "6", (double[]){ 1, 0, 0, 2, 3, 2 });
    trial_expect(&t, "counts", DTYPE_INT64, "4", (double[]){ 2, 1, 2, 1 });
    trial_close(&t);
}

static void unique_unsorted_keeps_the_order_of_occurrence(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_text(&t, "x", "6", (const char *[]){ "pear", "fig", "pear", "apple", "fig", "zoo" });
    build_node(&t.build, "Unique", "unique", "x", "y first inverse counts", "sorted=0");
    trial_run(&t, "y first inverse counts");
    trial_expect_text(&t, "y", "4", (const char *[]){ "pear", "fig", "apple", "zoo" });
    trial_expect(&t, "first", DTYPE_INT64, "4", (double[]){ 0, 1, 3, 5 });
    trial_expect(&t, "inverse", DTYPE_INT64, "6", (double[]){ 0, 1, 0, 2, 1, 3 });
    trial_expect(&t, "counts", DTYPE_INT64, "4", (double[]){ 2, 2, 1, 1 });
    trial_close(&t);
}

static void unique_compares_slices_along_an_axis(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, 11);
    trial_input(&t, "x", DTYPE_INT64, "2,3", (double[]){ 4, 1, 4, 0, 2, 0 });
    build_node(&t.build, "Unique", "unique", "x", "y first inverse counts", "axis=1");
    trial_run(&t, "y first inverse counts");
    trial_expect(&t, "y", DTYPE_INT64, "2,2", (double[]){ 1, 4, 2, 0 });
    trial_expect(&t, "first", DTYPE_INT64, "2", (double[]){ 1, 0 });
    trial_expect(&t, "inverse", DTYPE_INT64, "3", (double[]){ 1, 0, 1 });
    trial_expect(&t, "counts", DTYPE_INT64, "2", (double[]){ 1, 2 });
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(top_k_takes_equal_elements_by_lower_index),
        cmocka_unit_test(top_k_takes_the_smallest_along_an_inner_axis),
        cmocka_unit_test(top_k_1_has_k_as_an_attribute),
        cmocka_unit_test(top_k_orders_many_elements),
        cmocka_unit_test(top_k_refuses_more_than_there_are),
        cmocka_unit_test(top_k_of_an_empty_row_is_empty),
        cmocka_unit_test(unique_sorts_and_counts),
        cmocka_unit_test(unique_unsorted_keeps_the_order_of_occurrence),
        cmocka_unit_test(unique_compares_slices_along_an_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
