/* SPDX-License-Identifier: Apache-2.0
 *
 * Products and their innermost loops: equal to the last bit to the order that product.h promises, whatever the shape,
 * the strides, the threads and the width of the vectors. */
#include "noise.h"
#include "runtime/math/product.h"
#include "runtime/math/simd.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct bench {
    struct memory memory;
    struct arena arena;
    struct array_pool pool;
    struct call call;
};

static void bench_open(struct bench *b, int threads)
{
    *b = (struct bench){ .memory = { 0 } };
    arena_open(&b->arena, &b->memory);
    pool_open(&b->pool, &b->memory);
    b->call = (struct call){ .threads = threads, .pool = &b->pool, .scratch = &b->arena };
    b->call.team = team_open(&b->arena, threads);
}

static void bench_close(struct bench *b)
{
    pool_close(&b->pool);
    arena_close(&b->arena);
    assert_int_equal(b->memory.used, 0);
}

/* Values with many digits, so that every other order of summing shows. */
static double value_of(uint64_t seed, int64_t i)
{
    return noise(seed, i) * 1.1 + noise(seed + 1, i) / 3;
}

static struct array *new_values(struct bench *b, enum store store, int64_t count, uint64_t seed)
{
    struct array *array = array_new(&b->pool, DTYPE_DOUBLE, store, 1, &count);
    for (int64_t i = 0; i < count; i++) {
        if (store == STORE_F32) array->f32[i] = (float)value_of(seed, i);
        else if (store == STORE_F64) array->f64[i] = value_of(seed, i);
        else array->i64[i] = (int64_t)(noise(seed, i) * 64) * 0x123456789ab;
    }
    return array;
}

/* The promised order, term by term. volatile: no compiler may do it otherwise. */
static float expected_f32(const struct product *p, const struct operands *on, int64_t r, int64_t j)
{
    const float *a = on->a, *b = on->b;
    float total = 0;
    for (int64_t k = 0; k < p->depth;) {
        volatile float sum = 0;
        for (int64_t end = k + PRODUCT_DEPTH; k < end && k < p->depth; k++) {
            sum = fmaf(a[r * p->a_row + k * p->a_step], b[k * p->b_step + j * p->b_column], sum);
        }
        total = k <= PRODUCT_DEPTH ? sum : total + sum;
    }
    return on->bias ? total + ((const float *)on->bias)[r] : total;
}

static double expected_f64(const struct product *p, const struct operands *on, int64_t r, int64_t j)
{
    const double *a = on->a, *b = on->b;
    double total = 0;
    for (int64_t k = 0; k < p->depth;) {
        volatile double sum = 0;
        for (int64_t end = k + PRODUCT_DEPTH; k < end && k < p->depth; k++) {
            sum = fma(a[r * p->a_row + k * p->a_step], b[k * p->b_step + j * p->b_column], sum);
        }
        total = k <= PRODUCT_DEPTH ? sum : total + sum;
    }
    return on->bias ? total + ((const double *)on->bias)[r] : total;
}

static int64_t expected_i64(const struct product *p, const struct operands *on, int64_t r, int64_t j)
{
    const int64_t *a = on->a, *b = on->b;
    uint64_t total = on->bias ? (uint64_t)((const int64_t *)on->bias)[r] : 0;
    for (int64_t k = 0; k < p->depth; k++)
        total += (uint64_t)a[r * p->a_row + k * p->a_step] * (uint64_t)b[k * p->b_step + j * p->b_column];
    return (int64_t)total;
}

static void check(const struct product *p)
{
    int64_t span = p->span ? p->span : p->columns;
    for (int64_t i = 0; i < p->count; i++)
        for (int64_t r = 0; r < p->rows; r++)
            for (int64_t j = 0; j < p->columns; j++) {
                const struct operands *on = &p->each[i];
                int64_t at = r * p->c_row + j / span * p->c_span + j % span * p->c_column;
                bool same = p->store == STORE_F32   ? ((const float *)on->c)[at] == expected_f32(p, on, r, j)
                            : p->store == STORE_F64 ? ((const double *)on->c)[at] == expected_f64(p, on, r, j)
                                                    : ((const int64_t *)on->c)[at] == expected_i64(p, on, r, j);
                if (!same)
                    fail_msg("%lld x %lld x %lld: element %lld, %lld of product %lld", (long long)p->rows,
                             (long long)p->columns, (long long)p->depth, (long long)r, (long long)j, (long long)i);
            }
}

/* The first product alone, b packed as a whole: by the first run, for the second. Columns from the fourth are another
 * form. */
static void try_kept(const struct call *call, struct product p, struct array *weights)
{
    struct operands shifted = p.each[0];
    p.count = 1;
    p.weights = weights;
    weights->lasts = true;
    for (int run = 0; run < 2; run++) {
        p.backwards = run;
        product_run(call, &p);
        check(&p);
    }
    if (p.columns <= 3 || p.span) return;
    p.columns -= 3;
    p.repeats = true;
    shifted.b = (const char *)shifted.b + 3 * p.b_column * (int64_t)store_size(p.store);
    p.each = &shifted;
    product_run(call, &p);
    check(&p);
    if (p.store != STORE_I64 && p.depth > 0 && p.rows > 0) assert_non_null(weights->packed);
}

enum layout_bits { PLAIN, TURN_A = 1, TURN_B = 2, BIAS = 4, SPANS = 8, SAME_B = 16 };

static void try_product(enum store store, int64_t rows, int64_t columns, int64_t depth, int kind, int threads)
{
    struct bench b;
    bench_open(&b, threads);
    int64_t count = 3, element = (int64_t)store_size(store);
    struct array *a = new_values(&b, store, count * rows * depth, 1);
    struct array *right = new_values(&b, store, count * depth * columns, 3);
    struct array *bias = new_values(&b, store, rows, 5);
    struct array *c = new_values(&b, store, count * rows * columns + 1, 7);
    struct operands each[3];
    for (int64_t i = 0; i < count; i++)
        each[i] = (struct operands){ .a = (char *)a->data + i * rows * depth * element,
                                     .b = (char *)right->data + (kind & SAME_B ? 0 : i * depth * columns * element),
                                     .bias = kind & BIAS ? bias->data : NULL,
                                     .c = (char *)c->data + i * rows * columns * element };
    struct product p = { .store = store,
                         .rows = rows,
                         .columns = columns,
                         .depth = depth,
                         .a_row = kind & TURN_A ? 1 : depth,
                         .a_step = kind & TURN_A ? rows : 1,
                         .b_step = kind & TURN_B ? 1 : columns,
                         .b_column = kind & TURN_B ? depth : 1,
                         .c_row = columns,
                         .c_column = 1,
                         .each = each,
                         .count = count };
    if (kind & SPANS && columns % 3 == 0) {
        p.span = columns / 3;
        p.c_row = p.span;
        p.c_span = p.span * rows;
    }
    product_run(&b.call, &p);
    check(&p);
    p.backwards = true;
    product_run(&b.call, &p);
    check(&p);
    try_kept(&b.call, p, right);
    array_drop(a);
    array_drop(right);
    array_drop(bias);
    array_drop(c);
    bench_close(&b);
}

/* Around the sizes of tiles, panels and steps. */
static const int64_t sizes[][3] = {
    { 1, 1, 1 },   { 3, 5, 7 },    { 8, 48, 256 }, { 9, 49, 257 },  { 7, 47, 255 },  { 17, 99, 20 },
    { 64, 3, 70 }, { 2, 130, 33 }, { 1, 60, 600 }, { 130, 1, 513 }, { 12, 500, 40 }, { 33, 33, 33 },
};

static void sums_are_made_in_one_order(void **state)
{
    (void)state;
    const int kinds[] = { PLAIN, TURN_A, TURN_B, TURN_A | TURN_B, BIAS, BIAS | TURN_B, BIAS | SPANS, SAME_B | TURN_B };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            for (int threads = 1; threads <= 3; threads += 2) {
                try_product(STORE_F32, sizes[i][0], sizes[i][1], sizes[i][2], kinds[k], threads);
                try_product(STORE_F64, sizes[i][0], sizes[i][1], sizes[i][2], kinds[k], threads);
            }
}

static void whole_numbers_wrap(void **state)
{
    (void)state;
    try_product(STORE_I64, 5, 6, 7, BIAS | SPANS, 2);
    try_product(STORE_I64, 4, 3, 9, TURN_A | TURN_B, 2);
}

static void nothing_to_sum_leaves_the_bias(void **state)
{
    (void)state;
    try_product(STORE_F32, 5, 6, 0, BIAS | SPANS, 2);
    try_product(STORE_F64, 5, 6, 0, PLAIN, 2);
    try_product(STORE_F32, 0, 6, 4, PLAIN, 2);
    try_product(STORE_F32, 6, 0, 4, PLAIN, 2);
}

/* --- the loops, for every width that the processor has --- */

#define TAPS  5
#define COUNT 100

static void tiles_agree_at_every_width(void **state)
{
    (void)state;
    enum { DEPTH = 37, WIDEST = WIDE_VECTORS * SIMD_LANES_MOST };
    static float a[TILE_ROWS * DEPTH], b[DEPTH * WIDEST], c[TILE_ROWS * WIDEST];
    for (size_t i = 0; i < sizeof a / sizeof *a; i++) a[i] = (float)value_of(1, (int64_t)i);
    for (size_t i = 0; i < sizeof b / sizeof *b; i++) b[i] = (float)value_of(3, (int64_t)i);
    struct product p = { .depth = DEPTH, .a_row = DEPTH, .a_step = 1, .b_step = WIDEST, .b_column = 1 };
    struct operands on = { .a = a, .b = b };
    for (int l = 0; l < simd_row_count(); l++)
        for (int height = 0; height < TILE_HEIGHTS; height++)
            for (int v = 0; v < (height == TILE_HEIGHTS - 1 ? WIDE_VECTORS : TILE_VECTORS); v++) {
                int64_t width = (v + 1) * simd_for(STORE_F32, l)->width;
                struct merge merge = { .c = c, .c_row = width, .first = true };
                simd_for(STORE_F32, l)->tile[height][v](DEPTH, a, DEPTH, b, WIDEST, &merge);
                for (int64_t r = 0; r < TILE_ROWS >> height; r++)
                    for (int64_t j = 0; j < width; j++) assert_true(c[r * width + j] == expected_f32(&p, &on, r, j));
            }
}

static void windows_agree_at_every_width(void **state)
{
    (void)state;
    static double plane[COUNT + 40 + SIMD_ROOM], sums[COUNT + SIMD_ROOM], most[COUNT + SIMD_ROOM];
    const int64_t offsets[TAPS] = { 3, 0, 17, 40, 8 };
    const double weights[TAPS] = { 0.3, -1.7, 0.9, 1.1, -0.2 }, bias = 0.7;
    for (int64_t i = 0; i < COUNT + 40 + SIMD_ROOM; i++) plane[i] = value_of(9, i);
    plane[50] = __builtin_nan("");
    for (int l = 0; l < simd_row_count(); l++) {
        simd_for(STORE_F64, l)->window_sum(plane, offsets, weights, TAPS, &bias, sums, COUNT);
        simd_for(STORE_F64, l)->window_max(plane, offsets, TAPS, most, COUNT);
        for (int64_t q = 0; q < COUNT; q++) {
            volatile double sum = 0;
            double largest = plane[offsets[0] + q];
            for (int t = 0; t < TAPS; t++) {
                sum = fma(plane[offsets[t] + q], weights[t], sum);
                double next = plane[offsets[t] + q];
                if (next > largest || next != next) largest = next;
            }
            double expected = sum + bias;
            assert_true(sums[q] == expected || (sums[q] != sums[q] && expected != expected));
            assert_true(most[q] == largest || (most[q] != most[q] && largest != largest));
        }
    }
}

static void statistics_agree_at_every_width(void **state)
{
    (void)state;
    float values[COUNT];
    double exact = 0;
    for (int64_t i = 0; i < COUNT; i++) exact += (double)(values[i] = (float)value_of(11, i));
    for (int l = 0; l < simd_row_count(); l++) {
        assert_true(simd_for(STORE_F32, l)->sum(values, COUNT) == simd_for(STORE_F32, 0)->sum(values, COUNT));
        assert_true(simd_for(STORE_F32, l)->squares(values, COUNT, 0.3)
                    == simd_for(STORE_F32, 0)->squares(values, COUNT, 0.3));
        assert_true(simd_for(STORE_F32, l)->sum(values, 3)
                    == (double)values[0] + (double)values[2] + (double)values[1]);
    }
    assert_true(fabs(simd_for(STORE_F32, 0)->sum(values, COUNT) - exact) < 1e-12);
}

/* Elements of rows in steps, and nothing between the rows of the copy. */
static void rows_are_copied_at_every_width(void **state)
{
    (void)state;
    enum { ROWS = 2, ROW = 90, GAP = 3 };
    float from[ROWS * ROW], to[ROWS * (ROW + GAP)];
    for (int i = 0; i < ROWS * ROW; i++) from[i] = (float)i + 1;
    for (int l = 0; l < simd_row_count(); l++)
        for (int64_t stride = 1; stride <= 4; stride++)
            for (int64_t count = 0; (count - 1) * stride < ROW; count++) {
                for (int i = 0; i < ROWS * (ROW + GAP); i++) to[i] = -1;
                simd_for(STORE_F32, l)->copy_rows(from, ROW, stride, ROWS, count, to, ROW + GAP);
                for (int64_t i = 0; i < ROWS * (ROW + GAP); i++) {
                    int64_t row = i / (ROW + GAP), column = i % (ROW + GAP);
                    assert_true(to[i] == (column < count ? from[row * ROW + column * stride] : -1.0f));
                }
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_made_in_one_order),     cmocka_unit_test(whole_numbers_wrap),
        cmocka_unit_test(nothing_to_sum_leaves_the_bias), cmocka_unit_test(tiles_agree_at_every_width),
        cmocka_unit_test(windows_agree_at_every_width),   cmocka_unit_test(statistics_agree_at_every_width),
        cmocka_unit_test(rows_are_copied_at_every_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
