/* SPDX-License-Identifier: Apache-2.0
 *
 * The innermost loops of products and windows, chosen once for the processor at hand (lanes_real.h says what each
 * does). Results do not depend on the choice. */
#ifndef RUNTIME_MATH_SIMD_H
#define RUNTIME_MATH_SIMD_H

#include "runtime/array.h"

#define TILE_ROWS    8  /* of the largest tile */
#define TILE_VECTORS 3  /* vectors side by side in the widest tile */
#define TILE_HEIGHTS 4  /* tiles of 8, 4, 2 and 1 rows */
#define LANES_MOST   16 /* of the widest vector */
#define LANES_ROOM   64 /* elements that a window may read or write beyond the last one asked for */

/* Where a tile's columns go. */
struct merge {
    void *c;
    int64_t c_row, c_column;
    int64_t rows, columns;
    bool first;       /* sets c rather than adding to it */
    const void *bias; /* added after, one per row; or NULL */
};

/* Elements side by side in a row that is put together from several places. */
struct stretch {
    int64_t from, to, count;
};

typedef void tile_loop(int64_t depth, const void *a, int64_t a_row, const void *b, int64_t b_step, void *sum);

struct lanes {
    int64_t width;                               /* elements of a vector */
    int tallest;                                 /* index of the tallest tile worth using: registers decide */
    tile_loop *tile[TILE_HEIGHTS][TILE_VECTORS]; /* [8 >> height rows][vectors - 1] */
    void (*merge)(const void *tile, int64_t width, const struct merge *merge);
    void (*pack)(const void *b, int64_t b_step, int64_t b_column, int64_t depth, int64_t columns, int64_t width,
                 void *packed);
    void (*pack_stretches)(const void *base, const int64_t *offsets, int64_t depth, const struct stretch *stretches,
                           int64_t stretch_count, int64_t width, bool room, void *packed);
    void (*spread)(const void *row, int64_t size, int64_t stride, int64_t first, double fill, int64_t count,
                   void *spread);
    void (*blend)(double alpha, double beta, const void *terms, int64_t step, int64_t count, void *values);
    void (*divide)(const void *by, int64_t step, int64_t count, void *values);
    double (*sum)(const void *values, int64_t count);
    double (*squares)(const void *values, int64_t count, double mean);
    void (*normalize)(const void *from, double mean, double scale, double shift, int64_t count, void *to);
    void (*normalize_each)(const void *from, const void *means, const void *scales, const void *shifts, int64_t count,
                           void *to);
    void (*scale_each)(const void *scales, const void *shifts, int64_t count, void *values);
    void (*weigh_rows)(const void *from, const int64_t *rows, const double *weights, int64_t taps, int64_t width,
                       void *to);
    void (*weigh_points)(const void *from, const int64_t *points, const double *weights, int64_t taps, int64_t count,
                         void *to);
    void (*shift)(const void *by, int64_t count, void *values);
    void (*scatter)(const void *from, int64_t count, int64_t stride, void *to);
    void (*window_sum)(const void *plane, const int64_t *offsets, const void *weights, int64_t taps, const void *bias,
                       void *output, int64_t count);
    void (*window_max)(const void *plane, const int64_t *offsets, int64_t taps, void *output, int64_t count);
};

/* For F32 or F64: the widest that the processor has, and all that it has, widest first. */
const struct lanes *lanes_for(enum store store);
const struct lanes *lanes_every(enum store store, size_t *count);

#endif
