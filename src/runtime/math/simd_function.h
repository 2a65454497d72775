/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: functions of real numbers in rows, for one element type and one vector width (see simd_real.h for REAL,
 * TARGET and NAME, simd.h for NEAR). Whatever REAL is they are computed in double by real_math.h, and rounded once. */

#define FUNCTION(name, expression)                                                                   \
    TARGET static void NAME(name##_each)(const void *from, const double *p, int64_t count, void *to) \
    {                                                                                                \
        const REAL *values = from;                                                                   \
        REAL *results = to;                                                                          \
        (void)p;                                                                                     \
        EACH_ELEMENT(i, count) {                                                                     \
            double x = (double)values[i];                                                            \
            results[i] = (REAL)(expression);                                                         \
        }                                                                                            \
    }
SIMD_FUNCTIONS(FUNCTION)
#undef FUNCTION

#define ARITHMETIC(name, expression)                                                                 \
    TARGET static void NAME(name##_each)(const void *from, const double *p, int64_t count, void *to) \
    {                                                                                                \
        const REAL *values = from;                                                                   \
        REAL *results = to;                                                                          \
        (void)p;                                                                                     \
        EACH_ELEMENT(i, count) {                                                                     \
            REAL x = values[i];                                                                      \
            results[i] = (REAL)(expression);                                                         \
        }                                                                                            \
    }
SIMD_ARITHMETIC(ARITHMETIC)
#undef ARITHMETIC

#define PAIR(name, expression)                                                                  \
    TARGET static void NAME(name##_pair)(const void *a, const void *b, int64_t count, void *to) \
    {                                                                                           \
        const REAL *first = a, *second = b;                                                     \
        REAL *results = to;                                                                     \
        EACH_ELEMENT(i, count) {                                                                \
            REAL x = first[i], y = second[i];                                                   \
            results[i] = expression;                                                            \
        }                                                                                       \
    }
SIMD_PAIRS(PAIR)
#undef PAIR

/* *low where they cross below, *high where they cross above; NaN stays. */
TARGET static void NAME(clip)(const void *from, const void *low, const void *high, int64_t count, void *to)
{
    const REAL *values = from;
    REAL *results = to, y = *(const REAL *)low, z = *(const REAL *)high, least = y < z ? y : z;
    if (y <= z)
        EACH_ELEMENT(i, count) {
            REAL x = values[i] < y ? y : values[i];
            results[i] = x > z ? z : x;
        }
    else
        EACH_ELEMENT(i, count) {
            REAL x = values[i];
            results[i] = x < y ? least : x > z ? z : x;
        }
}

/* NaN is larger than everything. */
#define LARGER(a, b) ((((a) > (b)) | ((a) != (a))) ? (a) : (b))

/* The largest of `dim` elements side by side, element i compared in slot i % 16. */
TARGET static REAL NAME(largest)(const REAL *x, int64_t dim)
{
    NAME(vector) most[16 / LANES];
    REAL result = x[0];
    int64_t whole = dim / 16 * 16;
    for (int v = 0; v < 16 / LANES; v++) most[v] = NAME(splat)(result);
    for (int64_t i = 0; i < whole; i += 16)
        for (int v = 0; v < 16 / LANES; v++) most[v] = NAME(larger)(*(const NAME(loose) *)(x + i + v * LANES), most[v]);
    for (int64_t i = whole; i < dim; i++) result = LARGER(x[i], result);
    for (int l = 0; l < 16; l++) result = LARGER(most[l / LANES][l % LANES], result);
    return result;
}

/* e^(x - the largest), divided by their sum. */
TARGET static void NAME(softmax)(const void *from, int64_t dim, void *to)
{
    const REAL *x = from;
    REAL *y = to;
    double most = (double)NAME(largest)(x, dim);
    for (int64_t i = 0; i < dim; i++) y[i] = (REAL)NEAR(math_exp)((double)x[i] - most);
    double share = 1 / NAME(sum)(y, dim);
    for (int64_t i = 0; i < dim; i++) y[i] = (REAL)((double)y[i] * share);
}

TARGET SELDOM static void NAME(log_softmax)(const void *from, int64_t dim, void *to)
{
    const REAL *x = from;
    REAL *y = to;
    double most = (double)NAME(largest)(x, dim), powers[64], sum = 0;
    for (int64_t i = 0; i < dim; i += 64) {
        int64_t count = dim - i < 64 ? dim - i : 64;
        for (int64_t k = 0; k < count; k++) powers[k] = NEAR(math_exp)((double)x[i + k] - most);
        for (int64_t k = 0; k < count; k++) sum += powers[k];
    }
    double log_sum = math_log(sum);
    for (int64_t i = 0; i < dim; i++) y[i] = (REAL)((double)x[i] - most - log_sum);
}

/* Columns side by side, `stride` from row to row; at most SOFTMAX_COLUMNS. */
TARGET SELDOM static void NAME(softmax_columns)(const void *from, int64_t dim, int64_t stride, int64_t columns,
                                                bool is_log, void *to)
{
    const REAL *x = from;
    REAL *y = to;
    double most[SOFTMAX_COLUMNS], sums[SOFTMAX_COLUMNS] = { 0 }, powers[SOFTMAX_COLUMNS];
    for (int64_t c = 0; c < columns; c++) most[c] = (double)x[c];
    for (int64_t i = 1; i < dim; i++)
        for (int64_t c = 0; c < columns; c++) most[c] = LARGER((double)x[i * stride + c], most[c]);
    for (int64_t i = 0; i < dim; i++) {
        for (int64_t c = 0; c < columns; c++) powers[c] = NEAR(math_exp)((double)x[i * stride + c] - most[c]);
        for (int64_t c = 0; c < columns; c++) sums[c] += powers[c];
        for (int64_t c = 0; !is_log && c < columns; c++) y[i * stride + c] = (REAL)powers[c];
    }
    for (int64_t c = 0; c < columns; c++) sums[c] = is_log ? math_log(sums[c]) : 1 / sums[c];
    for (int64_t i = 0; is_log && i < dim; i++)
        for (int64_t c = 0; c < columns; c++) y[i * stride + c] = (REAL)((double)x[i * stride + c] - most[c] - sums[c]);
    for (int64_t i = 0; !is_log && i < dim; i++)
        for (int64_t c = 0; c < columns; c++) y[i * stride + c] = (REAL)((double)y[i * stride + c] * sums[c]);
}

#undef LARGER

#define ROW_ENTRY(name, expression)  NAME(name##_each),
#define PAIR_ENTRY(name, expression) NAME(name##_pair),
static const struct simd NAME(simd) = {
    .name = ROW_NAME,
    .element = sizeof(REAL),
    .width = LANES,
    .tallest = TALLEST,
#ifdef FEW_TILES
    .tile[1] = { NAME(tile_4_1), NAME(tile_4_2) },
    .tile[2] = { NAME(tile_2_1), NAME(tile_2_2) },
#else
    .tile[0] = { NAME(tile_8_1), NAME(tile_8_2), NAME(tile_8_3) },
    .tile[1] = { NAME(tile_4_1), NAME(tile_4_2), NAME(tile_4_3) },
    .tile[2] = { NAME(tile_2_1), NAME(tile_2_2), NAME(tile_2_3) },
#endif
    .tile[3] = { NAME(tile_1_1), NAME(tile_1_2), NAME(tile_1_3), NAME(tile_1_4), NAME(tile_1_5), NAME(tile_1_6),
                 NAME(tile_1_7), NAME(tile_1_8) },
    .merge = NAME(merge),
    .pack = NAME(pack),
    .transpose = NAME(transpose),
    .pack_stretches = NAME(pack_stretches),
    .copy_rows = NAME(copy_rows),
    .blend = NAME(blend),
    .divide = NAME(divide),
    .sum = NAME(sum),
    .squares = NAME(squares),
    .dot = NAME(dot),
    .add_four = NAME(add_four),
    .add_times = NAME(add_times),
    .normalize = NAME(normalize),
    .normalize_each = NAME(normalize_each),
    .scale_each = NAME(scale_each),
    .weigh_rows = NAME(weigh_rows),
    .weigh_points = NAME(weigh_points),
    .shift = NAME(shift),
    .scatter = NAME(scatter),
    .window_sum = NAME(window_sum),
    .window_max = NAME(window_max),
    .each = { SIMD_FUNCTIONS(ROW_ENTRY) SIMD_ARITHMETIC(ROW_ENTRY) },
    .pair = { SIMD_PAIRS(PAIR_ENTRY) },
    .clip = NAME(clip),
    .softmax = { NAME(softmax), NAME(log_softmax) },
    .softmax_columns = NAME(softmax_columns),
};
#undef ROW_ENTRY
#undef PAIR_ENTRY
