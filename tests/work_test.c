/* SPDX-License-Identifier: Apache-2.0
 *
 * Polynomials of element operations: what fits them, what they say of sizes that are open, and what they do not. */
#include "passes/decide/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { OPEN = -1, NO_SYMBOL = 0 };

/* One operation for each element: symbols are negative, sizes are not. */
static void add(struct work *work, int operations, const int64_t *dims, int rank)
{
    struct dim list[8];
    for (int i = 0; i < rank; i++)
        list[i] = dims[i] < 0 ? (struct dim){ OPEN, (int)-dims[i] } : (struct dim){ dims[i], NO_SYMBOL };
    work_add(work, &(struct shape){ rank, list }, operations);
}
#define ADD(work, operations, ...) \
    add(work, operations, (int64_t[]){ __VA_ARGS__ }, (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)))

static void terms_of_the_same_dims_are_one(void **state)
{
    struct work a = { 0 }, b = { 0 };
    (void)state;
    ADD(&a, 2, -7, 3, -5);
    ADD(&a, 1, -5, 4, -7);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.terms[0].times, 10);
    assert_true(work_has(&a, 5) && work_has(&a, 7) && !work_has(&a, 6) && !work_has(&a, NO_SYMBOL));
    assert_int_equal(work_number(&a), -1);
    ADD(&a, 0, -9);
    ADD(&a, 3, 0, -9);
    assert_int_equal(a.count, 1);
    ADD(&b, 1, 11, -7, -5);
    assert_true(work_is_less(&a, &b) && work_is_at_most(&a, &b) && !work_is_at_most(&b, &a));
    ADD(&b, 1, 2);
    assert_int_equal(work_number(&b), -1);
    assert_int_equal(work_number(&(struct work){ 0 }), 0);
}

/* An open dim is at least 1, so that fewer of them are less. */
static void fewer_open_dims_are_less(void **state)
{
    struct work few = { 0 }, many = { 0 }, other = { 0 };
    (void)state;
    ADD(&few, 3, -5);
    ADD(&many, 3, -5, -6, -7, -8);
    ADD(&other, 3, -9);
    assert_true(work_is_at_most(&few, &many) && !work_is_at_most(&many, &few));
    assert_false(work_is_at_most(&few, &other) || work_is_at_most(&other, &few));
    assert_false(work_is_at_most(&few, &(struct work){ 0 }));
    assert_false(work_is_less(&few, &few));
    /* What pays for one term is spent. */
    struct work both = { 0 }, one = { 0 };
    ADD(&both, 3, -5);
    ADD(&both, 3, -5, -6);
    ADD(&one, 3, -5, -6);
    assert_false(work_is_at_most(&both, &one));
    ADD(&one, 3, -5, -6);
    assert_true(work_is_at_most(&both, &one) && !work_is_less(&both, &one));
}

static void assert_unknown(const struct work *work)
{
    struct work one = { 0 };
    ADD(&one, 1, 1);
    assert_true(work->is_unknown);
    assert_int_equal(work_number(work), -1);
    assert_false(work_is_less(&one, work) || work_is_at_most(&one, work));
    assert_false(work_is_less(work, &one) || work_is_at_most(work, &one));
}

static void what_does_not_fit_is_unknown(void **state)
{
    struct work product = { 0 }, sum = { 0 }, symbols = { 0 }, terms = { 0 }, nameless = { 0 }, rankless = { 0 };
    (void)state;
    ADD(&product, 1, INT64_MAX, 2);
    assert_unknown(&product);
    ADD(&sum, 1, INT64_MAX);
    ADD(&sum, 1, 1);
    assert_unknown(&sum);
    ADD(&symbols, 1, -1, -2, -3, -4, -5);
    assert_unknown(&symbols);
    for (int64_t i = 1; i <= WORK_TERMS; i++) ADD(&terms, 1, -i);
    assert_false(terms.is_unknown);
    ADD(&terms, 1, -WORK_TERMS - 1);
    assert_unknown(&terms);
    ADD(&terms, 1, 1);
    assert_unknown(&terms);
    work_add(&nameless, &(struct shape){ 1, &(struct dim){ OPEN, NO_SYMBOL } }, 1);
    assert_unknown(&nameless);
    work_add(&rankless, &(struct shape){ -1, NULL }, 1);
    assert_unknown(&rankless);
}

/* Symbol 1 is 10, symbol 2 is the largest size, the others are open. */
static int64_t size_of(void *context, int symbol)
{
    (void)context;
    return symbol == 1 ? 10 : symbol == 2 ? INT64_MAX : -1;
}

static void sizes_take_the_place_of_symbols(void **state)
{
    struct work work = { 0 }, four = { 0 }, three = { 0 }, large = { 0 }, both = { 0 };
    (void)state;
    ADD(&work, 3, -1, 2);
    ADD(&work, 5, 4);
    struct work at = work_at(&work, size_of, NULL);
    assert_int_equal(work_number(&at), 80);
    ADD(&four, 1, -1, -3, -4, -5);
    at = work_at(&four, size_of, NULL);
    ADD(&three, 10, -3, -4, -5);
    assert_memory_equal(&at, &three, sizeof at);
    ADD(&four, 1, -3, -4, -5, -6);
    at = work_at(&four, size_of, NULL);
    assert_true(at.count == 2 && work_has(&at, 6));
    ADD(&large, 2, -2);
    at = work_at(&large, size_of, NULL);
    assert_unknown(&at);
    ADD(&large, 2, -1);
    at = work_at(&large, size_of, NULL);
    assert_unknown(&at);
    at = work_at(&at, size_of, NULL);
    assert_unknown(&at);
    ADD(&both, 1, -2);
    ADD(&both, 1, 1);
    at = work_at(&both, size_of, NULL);
    assert_unknown(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_of_the_same_dims_are_one),
        cmocka_unit_test(fewer_open_dims_are_less),
        cmocka_unit_test(what_does_not_fit_is_unknown),
        cmocka_unit_test(sizes_take_the_place_of_symbols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
