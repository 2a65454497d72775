/* SPDX-License-Identifier: Apache-2.0
 *
 * Symbols: laws of the normal form, and random expressions held against their values. */
#include "onnx/shape/symbol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct memory memory;
static struct arena arena;
static struct symbols *s;

static int open_arena(void **state)
{
    (void)state;
    arena_open(&arena, &memory);
    s = symbols_new(&arena);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static int n(int64_t value)
{
    return symbol_number(s, value);
}

static void sums_and_products_have_one_form(void **state)
{
    (void)state;
    int a = symbol_fresh(s, 0), b = symbol_fresh(s, 0), c = symbol_fresh(s, 0);
    assert_int_not_equal(a, b);
    assert_int_equal(symbol_add(s, a, b), symbol_add(s, b, a));
    assert_int_equal(symbol_subtract(s, symbol_add(s, a, b), a), b);
    assert_int_equal(symbol_subtract(s, a, a), n(0));
    assert_int_equal(symbol_multiply(s, symbol_add(s, a, b), c),
                     symbol_add(s, symbol_multiply(s, c, b), symbol_multiply(s, a, c)));
    assert_int_equal(symbol_multiply(s, a, n(0)), n(0));
    assert_int_equal(symbol_add(s, n(2), n(3)), n(5));
    assert_int_equal(symbol_add(s, a, 0), 0);
    assert_int_equal(symbol_multiply(s, 0, n(0)), 0);
}

static void quotients_cancel_and_round_down(void **state)
{
    (void)state;
    int a = symbol_fresh(s, 0), b = symbol_fresh(s, 0);
    int ab = symbol_multiply(s, a, b), six = symbol_multiply(s, ab, n(6));
    assert_int_equal(symbol_divide(s, six, symbol_multiply(s, a, n(2))), symbol_multiply(s, b, n(3)));
    assert_int_equal(symbol_divide(s, a, a), n(1));
    assert_int_equal(symbol_divide(s, n(-7), n(2)), n(-4));
    assert_int_equal(symbol_divide_up(s, n(7), n(2)), n(4));
    assert_int_equal(symbol_divide(s, a, n(0)), 0);
    assert_int_equal(symbol_divide_exactly(s, six, n(4)), 0);
    assert_int_equal(symbol_divide(s, six, ab), n(6));
    /* (a + 5) / 2  =  (a + 1) / 2 + 2 */
    assert_int_equal(symbol_divide(s, symbol_add(s, a, n(5)), n(2)),
                     symbol_add(s, symbol_divide(s, symbol_add(s, a, n(1)), n(2)), n(2)));
    assert_int_not_equal(symbol_divide(s, a, n(2)), symbol_divide(s, b, n(2)));
}

static void bounds_decide_maxima_where_they_can(void **state)
{
    (void)state;
    int a = symbol_fresh(s, 1), any = symbol_fresh(s, INT64_MIN);
    int less = symbol_subtract(s, a, n(1));
    assert_int_equal(symbol_minimum(s, symbol_add(s, symbol_multiply(s, a, n(3)), n(2))), 5);
    assert_int_equal(symbol_maximum(s, less, n(0)), less);
    assert_int_equal(symbol_least(s, a, less), less);
    assert_int_equal(symbol_minimum(s, symbol_subtract(s, n(9), a)), INT64_MIN);
    assert_int_not_equal(symbol_maximum(s, any, n(0)), any);
    assert_int_equal(symbol_minimum(s, symbol_maximum(s, any, n(0))), 0);
}

static void dims_broadcast(void **state)
{
    (void)state;
    int a = symbol_fresh(s, 0), b = symbol_fresh(s, 0), more = symbol_add(s, b, n(2));
    assert_int_equal(symbol_broadcast(s, a, a), a);
    assert_int_equal(symbol_broadcast(s, a, n(1)), a);
    assert_int_equal(symbol_broadcast(s, n(7), a), n(7));
    assert_int_equal(symbol_broadcast(s, a, more), more);
    assert_int_equal(symbol_broadcast(s, n(2), n(3)), 0);
    assert_int_equal(symbol_broadcast(s, a, b), symbol_broadcast(s, b, a));
    assert_int_not_equal(symbol_broadcast(s, a, b), a);
}

static void overflow_and_size_end_in_an_unknown(void **state)
{
    (void)state;
    int a = symbol_fresh(s, 0), power = a, sum = a;
    assert_int_equal(symbol_multiply(s, n(INT64_MAX), n(2)), 0);
    assert_int_equal(symbol_add(s, n(INT64_MAX), n(1)), 0);
    for (int i = 0; i < 20; i++) {
        power = symbol_multiply(s, power, a);
        sum = symbol_add(s, sum, symbol_fresh(s, 0));
        assert_int_not_equal(power, 0);
        assert_int_not_equal(sum, 0);
        assert_int_equal(symbol_minimum(s, power), 0);
    }
}

/* What leaves 64 bits in the middle is an expression of its own, or unknown where there is none for it. */
static void coefficients_that_overflow_are_not_computed_with(void **state)
{
    (void)state;
    int a = symbol_fresh(s, 0), b = symbol_fresh(s, 0), big = symbol_multiply(s, a, n(INT64_MAX));
    int above = symbol_add(s, a, n(INT64_MAX)), two_b = symbol_multiply(s, b, n(2)), b_and_2 = symbol_add(s, b, n(2));
    const int opaque[] = {
        symbol_add(s, big, a),
        symbol_add(s, above, b_and_2),
        symbol_multiply(s, above, b_and_2),
        symbol_multiply(s, big, b_and_2),
        symbol_multiply(s, b_and_2, big),
        symbol_multiply(s, big, two_b),
    };
    for (size_t i = 0; i < sizeof opaque / sizeof *opaque; i++) {
        assert_int_not_equal(opaque[i], 0);
        for (size_t k = 0; k < i; k++) assert_true(opaque[i] != opaque[k] || (i == 4 && k == 3));
    }
    assert_int_equal(symbol_subtract(s, a, symbol_add(s, b, n(INT64_MIN))), 0);
    assert_int_equal(symbol_subtract(s, a, symbol_multiply(s, b, n(INT64_MIN))), 0);
    assert_int_equal(symbol_subtract(s, symbol_add(s, a, n(INT64_MAX)), symbol_add(s, b, n(-1))), 0);
    assert_int_equal(symbol_divide_exactly(s, 0, a), 0);
    assert_int_equal(symbol_maximum(s, a, 0), 0);
    assert_int_equal(symbol_least(s, 0, a), 0);
}

static void as_many_factors_as_there_is_room_for_cancel(void **state)
{
    (void)state;
    int power = symbol_fresh(s, 0), last = power;
    for (int i = 1; i < SYMBOL_FACTORS; i++) power = symbol_multiply(s, power, last = symbol_fresh(s, 0));
    int twice = symbol_multiply(s, n(2), power);
    assert_int_equal(symbol_divide_exactly(s, twice, power), n(2));
    assert_int_equal(symbol_multiply(s, symbol_divide_exactly(s, twice, last), last), twice);
    assert_int_equal(symbol_divide_exactly(s, power, twice), 0);
    assert_int_equal(symbol_divide_exactly(s, power, symbol_fresh(s, 0)), 0);
}

static void what_came_later_is_told_apart(void **state)
{
    (void)state;
    int a = symbol_fresh(s, 0);
    int age = symbols_age(s);
    int b = symbol_fresh(s, 0);
    assert_true(symbol_newest(s, symbol_divide(s, a, n(2))) <= age);
    assert_true(symbol_newest(s, symbol_maximum(s, a, b)) > age);
    assert_int_equal(symbol_newest(s, n(3)), 0);
}

/* Random expressions over five unknowns, with the values they take for some choices of the unknowns. */

enum { UNKNOWNS = 5, CHOICES = 4, EXPRESSIONS = 400 };

struct expression {
    int symbol;
    int64_t values[CHOICES];
};

static uint64_t next(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 33;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool combine(const struct expression *a, const struct expression *b, unsigned operation, struct expression *c)
{
    static int (*const by_symbol[])(struct symbols *, int,
                                    int) = { symbol_add,     symbol_subtract, symbol_multiply,      symbol_divide,
                                             symbol_maximum, symbol_least,    symbol_divide_exactly };
    c->symbol = by_symbol[operation](s, a->symbol, b->symbol);
    for (int i = 0; i < CHOICES; i++) {
        int64_t x = a->values[i], y = b->values[i];
        if (llabs(x) > 1 << 30 || llabs(y) > 1 << 30 || (operation % 3 == 0 && operation && y < 1)) return false;
        c->values[i] = operation == 0   ? x + y
                       : operation == 1 ? x - y
                       : operation == 2 ? x * y
                       : operation == 4 ? (x > y ? x : y)
                       : operation == 5 ? (x < y ? x : y)
                                        : floor_divide(x, y);
    }
    return c->symbol != 0;
}

static void check(const struct expression *a, const struct expression *b)
{
    int64_t number;
    for (int i = 0; i < CHOICES; i++) {
        if (a->symbol == b->symbol) assert_int_equal(a->values[i], b->values[i]);
        if (symbol_is_number(s, a->symbol, &number)) assert_int_equal(number, a->values[i]);
        assert_true(symbol_minimum(s, a->symbol) <= a->values[i]);
    }
}

struct choice {
    const struct expression *unknowns;
    int at;
};

static bool chosen(void *context, int unknown, int64_t *size)
{
    const struct choice *choice = context;
    *size = choice->unknowns[unknown - 1].values[choice->at];
    return true;
}

/* How often it came to a value, which is then the right one. */
static size_t evaluate(const struct expression *unknowns, const struct expression *a)
{
    size_t done = 0;
    for (int i = 0; i < CHOICES; i++) {
        struct choice choice = { unknowns, i };
        int64_t value;
        if (!symbol_evaluate(s, a->symbol, chosen, &choice, &value)) continue;
        assert_int_equal(value, a->values[i]);
        done++;
    }
    return done;
}

static bool tells_none(void *context, int unknown, int64_t *size)
{
    (void)context;
    *size = 0;
    return unknown < 0;
}

static void unknowns_are_told_from_expressions(void **state)
{
    (void)state;
    int h = symbol_fresh(s, 1), w = symbol_fresh(s, 1);
    int64_t size;
    assert_int_equal(symbol_unknown(s, h), 1);
    assert_int_equal(symbol_unknown(s, w), 2);
    assert_int_equal(symbol_unknown(s, n(3)), 0);
    assert_int_equal(symbol_unknown(s, symbol_add(s, h, n(1))), 0);
    assert_int_equal(symbol_unknown(s, symbol_multiply(s, h, w)), 0);
    assert_int_equal(symbol_unknown(s, symbol_divide(s, h, n(2))), 0);
    assert_false(symbol_evaluate(s, 0, tells_none, NULL, &size));
    assert_false(symbol_evaluate(s, symbol_divide(s, h, n(2)), tells_none, NULL, &size));
    assert_true(symbol_evaluate(s, n(7), tells_none, NULL, &size));
    assert_int_equal(size, 7);
}

struct pair {
    int first;
    int64_t a, b;
};

static bool of_pair(void *context, int unknown, int64_t *size)
{
    const struct pair *pair = context;
    *size = unknown == pair->first ? pair->a : pair->b;
    return true;
}

/* INT64_MIN: it has none. */
static int64_t value_at(int symbol, int first, int64_t a, int64_t b)
{
    struct pair pair = { symbol_unknown(s, first), a, b };
    int64_t value;
    return symbol_evaluate(s, symbol, of_pair, &pair, &value) ? value : INT64_MIN;
}

static void expressions_have_values_where_their_operations_do(void **state)
{
    (void)state;
    int a = symbol_fresh(s, 0), b = symbol_fresh(s, 0), broadcast = symbol_broadcast(s, a, b);
    int quotient = symbol_divide(s, a, b), square = symbol_multiply(s, a, a);
    int sum = symbol_add(s, a, symbol_multiply(s, b, n(2)));
    assert_int_equal(value_at(broadcast, a, 1, 5), 5);
    assert_int_equal(value_at(broadcast, a, 4, 1), 4);
    assert_int_equal(value_at(broadcast, a, 4, 4), 4);
    assert_int_equal(value_at(broadcast, a, 4, 5), INT64_MIN);
    assert_int_equal(value_at(quotient, a, 7, 2), 3);
    assert_int_equal(value_at(quotient, a, 7, 0), INT64_MIN);
    assert_int_equal(value_at(square, a, 1 << 20, 0), INT64_C(1) << 40);
    assert_int_equal(value_at(square, a, INT64_C(1) << 40, 0), INT64_MIN);
    assert_int_equal(value_at(sum, a, 3, 4), 11);
    assert_int_equal(value_at(sum, a, INT64_MAX, 4), INT64_MIN);
}

static void equal_symbols_have_equal_values(void **state)
{
    (void)state;
    static struct expression list[EXPRESSIONS];
    size_t agreed = 0, evaluated = 0, tried = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed;
        size_t count = 0;
        s = symbols_new(&arena);
        for (; count < UNKNOWNS; count++) {
            list[count].symbol = symbol_fresh(s, count % 2);
            for (int i = 0; i < CHOICES; i++) list[count].values[i] = (int64_t)(count % 2 + next(&random) % 9);
        }
        for (; count < UNKNOWNS + 6; count++) {
            int64_t value = (int64_t)(next(&random) % 9) - 2;
            list[count].symbol = n(value);
            for (int i = 0; i < CHOICES; i++) list[count].values[i] = value;
        }
        for (int tries = 0; tries < 20000 && count < EXPRESSIONS; tries++) {
            const struct expression *a = &list[next(&random) % count], *b = &list[next(&random) % count];
            if (combine(a, b, (unsigned)(next(&random) % 7), &list[count])) count++;
        }
        for (size_t i = 0; i < count; i++) {
            evaluated += evaluate(list, &list[i]);
            tried += CHOICES;
            for (size_t j = 0; j < count; j++) {
                check(&list[i], &list[j]);
                agreed += i != j && list[i].symbol == list[j].symbol;
            }
        }
    }
    assert_true(agreed > 1000);
    assert_true(evaluated > tried - tried / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sums_and_products_have_one_form, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(quotients_cancel_and_round_down, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(bounds_decide_maxima_where_they_can, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(dims_broadcast, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(overflow_and_size_end_in_an_unknown, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(what_came_later_is_told_apart, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(coefficients_that_overflow_are_not_computed_with, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(as_many_factors_as_there_is_room_for_cancel, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(expressions_have_values_where_their_operations_do, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(unknowns_are_told_from_expressions, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(equal_symbols_have_equal_values, open_arena, close_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
