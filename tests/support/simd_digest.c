/* SPDX-License-Identifier: Apache-2.0
 *
 * Every loop of a row on the same numbers; the results, folded into one. */
#include "simd_digest.h"

#include <math.h>
#include <string.h>

#define MOST  4096
#define DEPTH 19
#define COUNT 203 /* no multiple of any width */

/* Numbers of either store. */
struct row {
    enum store store;
    union {
        float f32[MOST];
        double f64[MOST];
    };
};

static const int64_t offsets[] = { 3, 0, 17, 40, 8 };
#define TAPS ((int64_t)(sizeof offsets / sizeof *offsets))

static double next_number(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(int64_t)(*seed >> 11) * 0x1p-52 - 1;
}

static void put(struct row *row, int64_t i, double value)
{
    if (row->store == STORE_F32) row->f32[i] = (float)value;
    else row->f64[i] = value;
}

static double get(const struct row *row, int64_t i)
{
    return row->store == STORE_F32 ? (double)row->f32[i] : row->f64[i];
}

/* Sizes from tiny to large, and the ends of the range. */
static void fill(struct row *row, enum store store, uint64_t seed)
{
    static const double ends[] = { 0, -0.0, INFINITY, -INFINITY, NAN, 1e30, -1e30, 88.7, -745.1, 1e-310 };
    row->store = store;
    for (int64_t i = 0; i < MOST; i++) put(row, i, next_number(&seed) * (i % 7 == 0 ? 30 : i % 5 == 0 ? 1e-3 : 2));
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) put(row, (int64_t)(MOST / 2 + i), ends[i]);
}

static void fold_in(uint64_t *digest, double value)
{
    uint64_t bits;
    if (value != value) value = NAN;
    memcpy(&bits, &value, sizeof bits);
    if (value != value) bits = 0x7ff8000000000000u;
    *digest = (*digest ^ bits) * 0x100000001b3u;
    *digest ^= *digest >> 29;
}

static void fold_row(uint64_t *digest, const struct row *row, int64_t count)
{
    for (int64_t i = 0; i < count; i++) fold_in(digest, get(row, i));
}

/* A tile's columns are compared one by one, since its width is the row's own. */
static void fold_tiles(uint64_t *digest, const struct simd *simd, const struct row *a, const struct row *b)
{
    enum { COLUMNS = TILE_VECTORS * SIMD_LANES_MOST };
    int64_t element = a->store == STORE_F32 ? sizeof(float) : sizeof(double);
    for (int height = 0; height < TILE_HEIGHTS; height++)
        for (int64_t r = 0; r < TILE_ROWS >> height; r++)
            for (int64_t j = 0; j < COLUMNS; j++) {
                struct row sum = { .store = a->store };
                int64_t vector = j % (TILE_VECTORS * simd->width) / simd->width, width = (vector + 1) * simd->width;
                const char *columns = (const char *)b->f32 + (j - j % simd->width - vector * simd->width) * element;
                struct merge merge = { .c = sum.f32, .c_row = width, .first = true };
                simd->tile[height][vector](DEPTH, a->f32, DEPTH, columns, COLUMNS, &merge);
                merge.first = false; /* adds to it, and the bias */
                merge.bias = b->f32;
                simd->tile[height][vector](DEPTH, a->f32, DEPTH, columns, COLUMNS, &merge);
                fold_in(digest, get(&sum, r * width + vector * simd->width + j % simd->width));
            }
}

static void fold_windows(uint64_t *digest, const struct simd *simd, const struct row *from, const struct row *by)
{
    struct row to = { .store = from->store };
    simd->window_sum(from->f32, offsets, by->f32, TAPS, by->f32, to.f32, COUNT);
    fold_row(digest, &to, COUNT);
    simd->window_max(from->f32, offsets, TAPS, to.f32, COUNT);
    fold_row(digest, &to, COUNT);
}

static void fold_statistics(uint64_t *digest, const struct simd *simd, const struct row *from, const struct row *by)
{
    struct row to = *from;
    fold_in(digest, simd->sum(from->f32, COUNT));
    fold_in(digest, simd->squares(from->f32, COUNT, 0.3));
    fold_in(digest, simd->dot(from->f32, by->f32, COUNT));
    double sums[COUNT] = { 0.7 };
    simd->add_times(0.3, from->f32, COUNT, sums);
    simd->add_times(-1.7, by->f32, COUNT, sums);
    for (int i = 0; i < COUNT; i++) fold_in(digest, sums[i]);
    simd->add_four(from->f32, by->f32, by->f32, from->f32, COUNT, sums);
    for (int i = 0; i < COUNT; i++) fold_in(digest, sums[i]);
    simd->add_four(from->f32, NULL, by->f32, NULL, COUNT, sums);
    for (int i = 0; i < COUNT; i++) fold_in(digest, sums[i]);
    simd->normalize(from->f32, 0.3, 1.7, -0.9, COUNT, to.f32);
    simd->normalize_each(to.f32, by->f32, from->f32, by->f32, COUNT, to.f32);
    simd->scale_each(by->f32, from->f32, COUNT, to.f32);
    simd->scale_each(by->f32, NULL, COUNT, to.f32);
    simd->blend(0.7, -1.3, from->f32, 1, COUNT, to.f32);
    simd->blend(0.7, -1.3, from->f32, 2, COUNT, to.f32);
    simd->divide(by->f32, 1, COUNT, to.f32);
    simd->shift(by->f32, COUNT, to.f32);
    simd->scatter(from->f32, COUNT, 2, to.f32);
    fold_row(digest, &to, 2 * COUNT);
}

static void fold_weighing(uint64_t *digest, const struct simd *simd, const struct row *from)
{
    static const double weights[] = { 0.3, -1.7, 0.9, 1.1, -0.2, 0.7, 0.7, -0.1, 2.1, 0.4 };
    struct row to = { .store = from->store };
    simd->weigh_rows(from->f32, offsets, weights, TAPS, 67, to.f32);
    fold_row(digest, &to, 67);
    simd->weigh_points(from->f32, (const int64_t[]){ 3, 1, 4, 1, 5, 9, 2, 6, 5, 3 }, weights, TAPS, 2, to.f32);
    fold_row(digest, &to, 2);
}

static void fold_transpose(uint64_t *digest, const struct simd *simd, const struct row *from)
{
    struct row to = { .store = from->store };
    simd->transpose(from->f32, 41, 37, 39, to.f32, 43);
    fold_row(digest, &to, 39 * 43);
}

static void fold_functions(uint64_t *digest, const struct simd *simd, const struct row *from, const struct row *by)
{
    struct row to = { .store = from->store };
    for (int f = 0; f < SIMD_FUNCTION_COUNT; f++) {
        simd->each[f](from->f32, (const double[]){ 1.1, 0.9 }, MOST - 1, to.f32);
        fold_row(digest, &to, MOST - 1);
    }
    for (int f = 0; f < SIMD_PAIR_COUNT; f++) {
        simd->pair[f](from->f32, by->f32, MOST - 1, to.f32);
        fold_row(digest, &to, MOST - 1);
    }
    simd->clip(from->f32, by->f32, from->f32, MOST - 1, to.f32);
    fold_row(digest, &to, MOST - 1);
    for (int is_log = 0; is_log < 2; is_log++) {
        simd->softmax[is_log](from->f32, COUNT, to.f32);
        fold_row(digest, &to, COUNT);
        simd->softmax_columns(from->f32, 20, SOFTMAX_COLUMNS, SOFTMAX_COLUMNS - 3, is_log, to.f32);
        fold_row(digest, &to, 20 * SOFTMAX_COLUMNS);
    }
}

uint64_t simd_digest(const struct simd *simd, enum store store)
{
    static struct row a, b;
    uint64_t digest = 0xcbf29ce484222325u;
    fill(&a, store, 1);
    fill(&b, store, 2);
    fold_tiles(&digest, simd, &a, &b);
    fold_windows(&digest, simd, &a, &b);
    fold_statistics(&digest, simd, &a, &b);
    fold_weighing(&digest, simd, &a);
    fold_transpose(&digest, simd, &a);
    fold_functions(&digest, simd, &a, &b);
    return digest;
}
