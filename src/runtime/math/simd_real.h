/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: the innermost loops of products and windows, for one element type and one vector width.
 *
 * Included by simd_row.h, with
 *   REAL                 float or double
 *   WORD                 the signed integer of the same size
 *   BYTES                of a vector register
 *   TARGET               the function attribute that allows such registers
 *   NAME(x)              x with a suffix
 *   LOWER, UPPER         the places that interleave halves of two vectors
 *   UNROLLED(i, count)   a loop from 0 that is to be none in the end
 *   FUSED(a, b, c)       a * b + c of vectors, rounded once
 *   FUSED_ONE(a, b, c)   the same of numbers; in loops over rows it becomes vectors where the processor has them
 * A loop works on LANES outputs side by side; what it does to one output does not depend on LANES. */

#define LANES ((int64_t)(BYTES / sizeof(REAL)))

typedef REAL NAME(vector) __attribute__((vector_size(BYTES)));
typedef REAL NAME(loose) __attribute__((vector_size(BYTES), aligned(sizeof(REAL)), may_alias));
typedef __typeof__((NAME(vector)){ 0 } != (NAME(vector)){ 0 }) NAME(mask);
typedef WORD NAME(places) __attribute__((vector_size(BYTES)));
typedef WORD NAME(word) __attribute__((may_alias));

TARGET static inline __attribute__((always_inline)) NAME(vector) NAME(splat)(REAL x)
{
    return x - (NAME(vector)){ 0 };
}

#ifndef FUSED
#define FUSED NAME(fused)
TARGET static inline __attribute__((always_inline)) NAME(vector)
    NAME(fused)(NAME(vector) a, NAME(vector) b, NAME(vector) c)
{
    NAME(vector) result;
    for (int i = 0; i < LANES; i++) result[i] = FUSED_ONE(a[i], b[i], c[i]);
    return result;
}
#endif

/* The sum over k of a(r, k) * b(k, j), for `rows` rows and `vectors` * LANES columns, all in registers, into C. */
TARGET static inline __attribute__((always_inline)) void NAME(tile)(int rows, int vectors, int64_t depth, const REAL *a,
                                                                    int64_t a_row, const REAL *b, int64_t b_step,
                                                                    const struct merge *merge)
{
    const REAL *bias = merge->bias;
    REAL *to = merge->c;
    NAME(vector) total[TILE_ROWS][WIDE_VECTORS];
    const REAL *row[TILE_ROWS];
    UNROLLED(r, rows) {
        row[r] = a + r * a_row;
        UNROLLED(v, vectors) total[r][v] = (NAME(vector)){ 0 };
    }
    for (int64_t k = 0; k < depth; k++, b += b_step) {
        NAME(vector) line[WIDE_VECTORS];
        UNROLLED(v, vectors) line[v] = *(const NAME(loose) *)(b + v * LANES);
        UNROLLED(r, rows)
            UNROLLED(v, vectors) total[r][v] = FUSED(line[v], NAME(splat)(row[r][k]), total[r][v]);
    }
    if (!merge->first)
        UNROLLED(r, rows)
            UNROLLED(v, vectors) total[r][v] += *(const NAME(loose) *)(to + r * merge->c_row + v * LANES);
    if (bias)
        UNROLLED(r, rows)
            UNROLLED(v, vectors) total[r][v] += NAME(splat)(bias[r]);
    UNROLLED(r, rows)
        UNROLLED(v, vectors) *(NAME(loose) *)(to + r * merge->c_row + v * LANES) = total[r][v];
}

#define TILE(rows, vectors)                                                                                      \
    TARGET static void NAME(tile_##rows##_##vectors)(int64_t depth, const void *a, int64_t a_row, const void *b, \
                                                     int64_t b_step, const struct merge *merge)                  \
    {                                                                                                            \
        NAME(tile)(rows, vectors, depth, a, a_row, b, b_step, merge);                                            \
    }
#ifndef FEW_TILES
TILE(8, 3)
TILE(8, 2)
TILE(8, 1)
TILE(4, 3)
TILE(2, 3)
#endif
TILE(4, 2)
TILE(4, 1)
TILE(2, 2)
TILE(2, 1)
TILE(1, 3)
TILE(1, 2)
TILE(1, 1)
TILE(1, 8)
TILE(1, 7)
TILE(1, 6)
TILE(1, 5)
TILE(1, 4)
#undef TILE

/* One run of the columns of a tile that could not write them there into C: sets it or adds to it, and adds the bias
 * when that is due. */
TARGET static void NAME(merge)(const void *tile, int64_t width, const struct merge *merge)
{
    const REAL *sum = tile, *bias = merge->bias;
    REAL *to = merge->c;
    int64_t step = merge->c_column;
    for (int64_t r = 0; r < merge->rows; r++, sum += width, to += merge->c_row) {
        if (merge->first && step == 1)
            for (int64_t j = 0; j < merge->columns; j++) to[j] = sum[j];
        else if (merge->first)
            for (int64_t j = 0; j < merge->columns; j++) to[j * step] = sum[j];
        else if (step == 1)
            for (int64_t j = 0; j < merge->columns; j++) to[j] += sum[j];
        else
            for (int64_t j = 0; j < merge->columns; j++) to[j * step] += sum[j];
        if (bias)
            for (int64_t j = 0; j < merge->columns; j++) to[j * step] += bias[r];
    }
}

/* x[i][j] and x[j][i] change places. Row and column together number an element; interleaving the vectors of the first
 * half with those of the second rotates the bits of all numbers by one, so that after log2(LANES) rounds a column's
 * bits stand where the row's were. */
TARGET static inline __attribute__((always_inline)) void NAME(turn)(NAME(vector) * x)
{
    for (int64_t done = 1; done < LANES; done *= 2) {
        NAME(vector) mixed[LANES];
        for (int64_t i = 0; i < LANES / 2; i++) {
            mixed[2 * i] = SHUFFLE(x[i], x[i + LANES / 2], LOWER);
            mixed[2 * i + 1] = SHUFFLE(x[i], x[i + LANES / 2], UPPER);
        }
        for (int64_t i = 0; i < LANES; i++) x[i] = mixed[i];
    }
}

/* to[j * to_row + i] = from[i * from_row + j], of whatever type is as large as REAL: nothing but moved. */
TARGET static void NAME(transpose)(const void *source, int64_t from_row, int64_t rows, int64_t columns, void *target,
                                   int64_t to_row)
{
    const NAME(word) *from = source;
    NAME(word) *to = target;
    int64_t whole_rows = rows / LANES * LANES, whole_columns = columns / LANES * LANES;
    for (int64_t i = 0; i < whole_rows; i += LANES)
        for (int64_t j = 0; j < whole_columns; j += LANES) {
            NAME(vector) x[LANES];
            for (int64_t l = 0; l < LANES; l++) x[l] = *(const NAME(loose) *)(from + (i + l) * from_row + j);
            NAME(turn)(x);
            for (int64_t l = 0; l < LANES; l++) *(NAME(loose) *)(to + (j + l) * to_row + i) = x[l];
        }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; j++)
            to[j * to_row + i] = from[i * from_row + j];
}

/* b(k, j) of any strides into rows of `width`, zero beyond `columns`. */
TARGET static void NAME(pack)(const void *b, int64_t b_step, int64_t b_column, int64_t depth, int64_t columns,
                              int64_t width, void *packed)
{
    const REAL *from = b;
    REAL *to = packed;
    bool turned = b_step == 1 && b_column != 1;
    if (turned) NAME(transpose)(from, b_column, columns, depth, to, width);
    for (int64_t k = 0; k < depth; k++, from += b_step, to += width) {
        if (b_column == 1)
            for (int64_t j = 0; j < columns; j++) to[j] = from[j];
        else if (!turned)
            for (int64_t j = 0; j < columns; j++) to[j] = from[j * b_column];
        for (int64_t j = columns; j < width; j++) to[j] = 0;
    }
}

/* to[q] = sum over taps t, in order, of weights[t] * from[offsets[t] + q], then plus bias. Writes whole vectors: `to`
 * and `from` have room for count rounded up to SIMD_ROOM. */
TARGET static void NAME(window_sum)(const void *plane, const int64_t *offsets, const void *weight_of_taps, int64_t taps,
                                    const void *bias, void *output, int64_t count)
{
    const REAL *from = plane, *weights = weight_of_taps;
    REAL *to = output, shift = bias ? *(const REAL *)bias : 0;
    for (int64_t q = 0; q < count; q += 4 * LANES) {
        NAME(vector) total[4] = { 0 };
        for (int64_t t = 0; t < taps; t++) {
            const REAL *line = from + offsets[t] + q;
            NAME(vector) weight = NAME(splat)(weights[t]);
            UNROLLED(v, 4) total[v] = FUSED(*(const NAME(loose) *)(line + v * LANES), weight, total[v]);
        }
        UNROLLED(v, 4) *(NAME(loose) *)(to + q + v * LANES) = total[v] + shift;
    }
}

/* `next` where it is larger than `most` or NaN, else `most`. */
TARGET static inline __attribute__((always_inline)) NAME(vector) NAME(larger)(NAME(vector) next, NAME(vector) most)
{
    NAME(mask) take = (next > most) | (next != next);
    return (NAME(vector))((take & (NAME(mask))next) | (~take & (NAME(mask))most));
}

/* to[q] = the largest of from[offsets[t] + q]; a NaN wins. */
TARGET static void NAME(window_max)(const void *plane, const int64_t *offsets, int64_t taps, void *output,
                                    int64_t count)
{
    const REAL *from = plane;
    REAL *to = output;
    for (int64_t q = 0; q < count; q += 4 * LANES) {
        NAME(vector) most[4];
        UNROLLED(v, 4) most[v] = *(const NAME(loose) *)(from + offsets[0] + q + v * LANES);
        for (int64_t t = 1; t < taps; t++) {
            const REAL *line = from + offsets[t] + q;
            UNROLLED(v, 4) most[v] = NAME(larger)(*(const NAME(loose) *)(line + v * LANES), most[v]);
        }
        UNROLLED(v, 4) *(NAME(loose) *)(to + q + v * LANES) = most[v];
    }
}

/* Two halves of n to 2 * n elements, which overlap where there are fewer. */
#define MOVE_HALVES(n)                                            \
    if (n < LANES && count >= n) {                                \
        memcpy(to, from, n * sizeof *to);                         \
        memcpy(to + count - n, from + count - n, n * sizeof *to); \
        return;                                                   \
    }

/* Copies elements by whole vectors, the last of which overlaps the one before it. */
TARGET static inline __attribute__((always_inline)) void NAME(move)(const REAL *from, int64_t count, REAL *to)
{
    for (int64_t i = 0; i + LANES <= count; i += LANES) *(NAME(loose) *)(to + i) = *(const NAME(loose) *)(from + i);
    if (count >= LANES) {
        *(NAME(loose) *)(to + count - LANES) = *(const NAME(loose) *)(from + count - LANES);
        return;
    }
    MOVE_HALVES(8)
    MOVE_HALVES(4)
    MOVE_HALVES(2)
    if (count > 0) *to = *from;
}

#undef MOVE_HALVES

/* Row by row, to[i] = from[i * stride]. */
TARGET static void NAME(copy_rows)(const void *source, int64_t from_row, int64_t stride, int64_t rows, int64_t count,
                                   void *target, int64_t to_row)
{
    const REAL *from = source;
    REAL *to = target;
    for (int64_t r = 0; r < rows; r++, from += from_row, to += to_row) {
        if (stride == 1) NAME(move)(from, count, to);
        else if (stride == 2)
            for (int64_t i = 0; i < count; i++) to[i] = from[2 * i];
        else
            for (int64_t i = 0; i < count; i++) to[i] = from[i * stride];
    }
}

/* to[i] = alpha * to[i] + beta * terms[i * step], the second product rounded */
TARGET static void NAME(blend)(double alpha, double beta, const void *terms, int64_t step, int64_t count, void *values)
{
    const REAL *from = terms;
    REAL *to = values, a = (REAL)alpha, b = (REAL)beta;
    if (step == 1)
        for (int64_t i = 0; i < count; i++) to[i] = FUSED_ONE(a, to[i], b * from[i]);
    else
        for (int64_t i = 0; i < count; i++) to[i] = FUSED_ONE(a, to[i], b * from[i * step]);
}

/* values[i] /= by[i * step] */
TARGET static void NAME(divide)(const void *by, int64_t step, int64_t count, void *values)
{
    const REAL *from = by;
    REAL *to = values;
    if (step == 1)
        for (int64_t i = 0; i < count; i++) to[i] /= from[i];
    else
        for (int64_t i = 0; i < count; i++) to[i] /= from[i * step];
}

/* Statistics are in double whatever REAL is: eight sums side by side, element i into sum i % 8, added up at the end in
 * one order. */
TARGET static double NAME(add_up)(const double *sums)
{
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

TARGET static double NAME(sum)(const void *values, int64_t count)
{
    const REAL *from = values;
    double sums[8] = { 0 };
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int l = 0; l < 8; l++) sums[l] += (double)from[i + l];
    for (int l = 0; i + l < count; l++) sums[l] += (double)from[i + l];
    return NAME(add_up)(sums);
}

/* Sum of (value - mean)^2 */
TARGET static double NAME(squares)(const void *values, int64_t count, double mean)
{
    const REAL *from = values;
    double sums[8] = { 0 };
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int l = 0; l < 8; l++) {
            double d = (double)from[i + l] - mean;
            sums[l] = FUSED_F64(d, d, sums[l]);
        }
    for (int l = 0; i + l < count; l++) {
        double d = (double)from[i + l] - mean;
        sums[l] = FUSED_F64(d, d, sums[l]);
    }
    return NAME(add_up)(sums);
}

/* Sum of a[i] * b[i] */
TARGET static double NAME(dot)(const void *a, const void *b, int64_t count)
{
    const REAL *x = a, *y = b;
    double sums[8] = { 0 };
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int l = 0; l < 8; l++) sums[l] = FUSED_F64((double)x[i + l], (double)y[i + l], sums[l]);
    for (int l = 0; i + l < count; l++) sums[l] = FUSED_F64((double)x[i + l], (double)y[i + l], sums[l]);
    return NAME(add_up)(sums);
}

/* sums[i] = (a[i] + b[i]) + (c[i] + d[i]); b and d NULL: a[i] + c[i] */
TARGET static void NAME(add_four)(const void *a, const void *b, const void *c, const void *d, int64_t count,
                                  double *sums)
{
    const REAL *p = a, *q = b, *r = c, *s = d;
    if (b && d)
        for (int64_t i = 0; i < count; i++) sums[i] = ((double)p[i] + (double)q[i]) + ((double)r[i] + (double)s[i]);
    else
        for (int64_t i = 0; i < count; i++) sums[i] = (double)p[i] + (double)r[i];
}

/* sums[i] += factor * from[i] */
TARGET static void NAME(add_times)(double factor, const void *values, int64_t count, double *sums)
{
    const REAL *from = values;
    for (int64_t i = 0; i < count; i++) sums[i] = FUSED_F64((double)from[i], factor, sums[i]);
}

/* to[i] = (from[i] - mean) * scale + shift */
TARGET static void NAME(normalize)(const void *values, double mean, double scale, double shift, int64_t count,
                                   void *results)
{
    const REAL *from = values;
    REAL *to = results, m = (REAL)mean, s = (REAL)scale, t = (REAL)shift;
    EACH_ELEMENT(i, count) to[i] = FUSED_ONE(from[i] - m, s, t);
}

TARGET static void NAME(normalize_each)(const void *values, const void *means, const void *scales, const void *shifts,
                                        int64_t count, void *results)
{
    const REAL *from = values, *m = means, *s = scales, *t = shifts;
    REAL *to = results;
    EACH_ELEMENT(i, count) to[i] = FUSED_ONE(from[i] - m[i], s[i], t[i]);
}

/* to[i] = to[i] * scales[i] + shifts[i]; shifts NULL: zeros */
TARGET static void NAME(scale_each)(const void *scales, const void *shifts, int64_t count, void *values)
{
    const REAL *s = scales, *t = shifts;
    REAL *to = values;
    if (t)
        for (int64_t i = 0; i < count; i++) to[i] = FUSED_ONE(to[i], s[i], t[i]);
    else
        for (int64_t i = 0; i < count; i++) to[i] *= s[i];
}

/* A row of `width`: the sum over taps t, in order, of weights[t] times row rows[t] of `from`. */
TARGET static void NAME(weigh_rows)(const void *from, const int64_t *rows, const double *weights, int64_t taps,
                                    int64_t width, void *sums)
{
    REAL *to = sums;
    for (int64_t i = 0; i < width; i++) to[i] = 0;
    for (int64_t t = 0; t < taps; t++) {
        const REAL *row = (const REAL *)from + rows[t] * width;
        REAL weight = (REAL)weights[t];
        for (int64_t i = 0; i < width; i++) to[i] = FUSED_ONE(row[i], weight, to[i]);
    }
}

/* to[i] = the sum over its own taps, in order, of weights[i * taps + t] times element points[i * taps + t]. */
TARGET static void NAME(weigh_points)(const void *values, const int64_t *points, const double *weights, int64_t taps,
                                      int64_t count, void *sums)
{
    const REAL *from = values;
    REAL *to = sums;
    for (int64_t i = 0; i < count; i++, points += taps, weights += taps) {
        REAL sum = 0;
        for (int64_t t = 0; t < taps; t++) sum = FUSED_ONE(from[points[t]], (REAL)weights[t], sum);
        to[i] = sum;
    }
}

TARGET static void NAME(shift)(const void *by, int64_t count, void *values)
{
    REAL *to = values, add = *(const REAL *)by;
    for (int64_t i = 0; i < count; i++) to[i] += add;
}

/* to[i * stride] += from[i] */
TARGET static void NAME(scatter)(const void *row, int64_t count, int64_t stride, void *sums)
{
    const REAL *from = row;
    REAL *to = sums;
    if (stride == 1)
        for (int64_t i = 0; i < count; i++) to[i] += from[i];
    else
        for (int64_t i = 0; i < count; i++) to[i * stride] += from[i];
}

/* Rows of `width` gathered from stretches: row k has base[offsets[k] + stretch.from ...] at stretch.to, and zeros after
 * the last stretch. With `room`, up to SIMD_ROOM elements beyond a stretch may be read, and beyond the last row
 * written. */
TARGET static void NAME(pack_stretches)(const void *base, const int64_t *offsets, int64_t depth,
                                        const struct stretch *stretches, int64_t stretch_count, int64_t width,
                                        bool room, void *packed)
{
    REAL *to = packed;
    int64_t end = stretches[stretch_count - 1].to + stretches[stretch_count - 1].count;
    for (int64_t k = 0; k < depth; k++, to += width) {
        for (int64_t i = 0; i < stretch_count; i++) {
            const REAL *from = (const REAL *)base + offsets[k] + stretches[i].from;
            REAL *stretch = to + stretches[i].to;
            int64_t count = stretches[i].count, whole = room ? count : count / LANES * LANES, j = 0;
            for (; j < whole; j += LANES) *(NAME(loose) *)(stretch + j) = *(const NAME(loose) *)(from + j);
            for (; j < count; j++) stretch[j] = from[j];
        }
        for (int64_t j = end; j < width; j++) to[j] = 0;
    }
}
