/* SPDX-License-Identifier: Apache-2.0
 *
 * Differences are relative to the scale of the reference tensor, not element by element: an element near zero is the
 * difference of large ones, and its own relative error says nothing. */
#include "check/measure.h"

#include "runtime/element.h"

#include <math.h>
#include <string.h>

static double element(const struct array *array, int64_t i)
{
    switch (array->store) {
    case STORE_F32: return (double)array->f32[i];
    case STORE_F64: return array->f64[i];
    case STORE_I64: return (double)array->i64[i];
    case STORE_C64:
    case STORE_C128:
    case STORE_TEXT:
    case STORE_SEQUENCE: break;
    }
    return 0;
}

static bool same_shape(const struct array *a, const struct array *b)
{
    return a->type == b->type && a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0
           && (a->store == STORE_SEQUENCE) == (b->store == STORE_SEQUENCE)
           && (a->store == STORE_TEXT) == (b->store == STORE_TEXT)
           && (a->store == STORE_I64) == (b->store == STORE_I64);
}

static bool same_special(double a, double b)
{
    return (isnan(a) && isnan(b)) || a == b;
}

/* Constant, or nothing but its two extremes (a saturated sigmoid), or nothing finite at all. */
static bool is_degenerate(const struct array *a, double lowest, double highest)
{
    if (a->count < 2) return false;
    if (!(highest > lowest)) return true;
    if (a->count < 3 || a->store == STORE_I64) return false;
    double margin = 1e-9 * (highest - lowest);
    for (int64_t i = 0; i < a->count; i++) {
        double x = element(a, i);
        if (x > lowest + margin && x < highest - margin) return false;
    }
    return true;
}

/* All elements with this index along the axis are the same. */
static bool is_equal_slice(const struct array *a, int64_t outer, int64_t size, int64_t inner, int64_t index)
{
    double first = element(a, index * inner);
    for (int64_t i = 0; i < outer; i++)
        for (int64_t k = 0; k < inner; k++)
            if (!same_special(element(a, (i * size + index) * inner + k), first)) return false;
    return true;
}

bool is_uniform(const struct array *a)
{
    if (!a || (a->store != STORE_F32 && a->store != STORE_F64) || a->count < 2) return false;
    int64_t inner = a->count, outer = 1;
    for (int axis = 0; axis < a->rank; outer *= a->dims[axis], axis++) {
        inner /= a->dims[axis];
        if (a->count / a->dims[axis] < 2) continue;
        for (int64_t i = 0; i < a->dims[axis]; i++)
            if (is_equal_slice(a, outer, a->dims[axis], inner, i)) return true;
    }
    return measure(a, a).degenerate;
}

/* What is gathered on the way; chunks keep the loop free of stores and of special values. */
struct tally {
    double largest, scale, lowest, highest, squares, reference;
    int64_t at, compared;
    bool pattern_differs;
};

enum { CHUNK = 512 };

/* A sum of some hundred million such numbers may be infinite or not, as its order has it. */
#define NEAR_OVERFLOW 1e300

static const double *load(const struct array *array, int64_t first, int64_t count, double *buffer)
{
    if (array->store == STORE_F64) return array->f64 + first;
    for (int64_t i = 0; i < count; i++) buffer[i] = element(array, first + i);
    return buffer;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* One element at a time, because something here is not finite. */
static void tally_special(struct tally *tally, const double *x, const double *y, int64_t first, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) {
            tally->pattern_differs |= !same_special(x[i], y[i]);
            continue;
        }
        double error = fabs(x[i] - y[i]);
        tally->compared++;
        if (error > tally->largest) tally->at = first + i;
        tally->largest = larger(error, tally->largest);
        tally->squares += error * error;
        tally->reference += x[i] * x[i];
        tally->scale = larger(fabs(x[i]), tally->scale);
        tally->lowest = smaller(x[i], tally->lowest);
        tally->highest = larger(x[i], tally->highest);
    }
}

static void tally_chunk(struct tally *tally, const double *x, const double *y, int64_t first, int64_t count)
{
    double largest = 0, squares = 0, reference = 0, lowest = x[0], highest = x[0], special = 0;
    for (int64_t i = 0; i < count; i++) {
        double error = fabs(x[i] - y[i]);
        special += x[i] * 0 + y[i] * 0; /* NaN as soon as one of them is not finite */
        squares += error * error;
        reference += x[i] * x[i];
        largest = larger(error, largest);
        lowest = smaller(x[i], lowest);
        highest = larger(x[i], highest);
    }
    if (special != 0 || largest > tally->largest) {
        tally_special(tally, x, y, first, count);
        return;
    }
    tally->compared += count;
    tally->squares += squares;
    tally->reference += reference;
    tally->scale = larger(larger(fabs(lowest), fabs(highest)), tally->scale);
    tally->lowest = smaller(lowest, tally->lowest);
    tally->highest = larger(highest, tally->highest);
}

static struct bnfuse_difference difference_of(const struct tally *tally, const struct array *a)
{
    return (struct bnfuse_difference){
        .largest = tally->largest,
        .relative = tally->scale > 0 ? tally->largest / tally->scale : tally->largest,
        .root_mean_square = sqrt(tally->reference > 0 ? tally->squares / tally->reference : tally->squares),
        .at = tally->at,
        .pattern_differs = tally->pattern_differs,
        .near_overflow = tally->scale > NEAR_OVERFLOW,
        .compared = tally->compared,
        .degenerate = is_degenerate(a, tally->lowest, tally->highest),
    };
}

static struct bnfuse_difference measure_numbers(const struct array *a, const struct array *b)
{
    struct tally tally = { .lowest = INFINITY, .highest = -INFINITY };
    double x[CHUNK], y[CHUNK];
    for (int64_t first = 0; first < a->count; first += CHUNK) {
        int64_t count = a->count - first < CHUNK ? a->count - first : CHUNK;
        tally_chunk(&tally, load(a, first, count, x), load(b, first, count, y), first, count);
    }
    return difference_of(&tally, a);
}

/* A whole number is right or wrong: one beyond this is not less wrong for its size. */
#define LARGE_WHOLE 0x1p20

/* Exact where a double is not. */
static double whole_error(int64_t x, int64_t y)
{
    return (double)(x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x);
}

static struct bnfuse_difference measure_whole(const struct array *a, const struct array *b)
{
    struct tally tally = { .lowest = INFINITY, .highest = -INFINITY };
    for (int64_t i = 0; i < a->count; i++) {
        double error = whole_error(a->i64[i], b->i64[i]), x = element(a, i);
        if (error > tally.largest) tally.at = i;
        tally.largest = larger(error, tally.largest);
        tally.squares += error * error;
        tally.reference += x * x;
        tally.lowest = smaller(x, tally.lowest);
        tally.highest = larger(x, tally.highest);
    }
    tally.compared = a->count;
    tally.scale = a->count ? smaller(larger(fabs(tally.lowest), fabs(tally.highest)), LARGE_WHOLE) : 0;
    return difference_of(&tally, a);
}

/* Part by part, as real numbers. */
static struct bnfuse_difference measure_complex(const struct array *a, const struct array *b)
{
    const struct array parts_of_a = element_parts(a), parts_of_b = element_parts(b);
    struct bnfuse_difference d = measure_numbers(&parts_of_a, &parts_of_b);
    d.at /= 2;
    d.compared = a->count;
    return d;
}

static struct bnfuse_difference measure_text(const struct array *a, const struct array *b)
{
    struct bnfuse_difference d = { .compared = a->count };
    for (int64_t i = 0; i < a->count; i++) d.pattern_differs |= strcmp(a->text[i], b->text[i]) != 0;
    return d;
}

static struct bnfuse_difference measure_sequence(const struct array *a, const struct array *b)
{
    struct bnfuse_difference d = { 0 };
    for (int64_t i = 0; i < a->count; i++) d = worse_difference(d, measure(a->items[i], b->items[i]));
    return d;
}

struct bnfuse_difference measure(const struct array *a, const struct array *b)
{
    if (!a && !b) return (struct bnfuse_difference){ 0 };
    if (!a || !b || !same_shape(a, b)) return (struct bnfuse_difference){ .shape_differs = true };
    if (a->store == STORE_TEXT) return measure_text(a, b);
    if (a->store == STORE_SEQUENCE) return measure_sequence(a, b);
    if (a->store == STORE_I64 && b->store == STORE_I64) return measure_whole(a, b);
    return is_complex(a) ? measure_complex(a, b) : measure_numbers(a, b);
}

/* Of complex elements, by their distance in the plane. */
static bool is_within(const struct array *a, const struct array *b, int64_t i, double atol, double rtol)
{
    if (!is_complex(a)) {
        double x = element(a, i), y = element(b, i);
        return isfinite(x) && isfinite(y) ? fabs(y - x) <= atol + rtol * fabs(x) : same_special(x, y);
    }
    const struct array parts_of_a = element_parts(a), parts_of_b = element_parts(b);
    double re = element(&parts_of_a, 2 * i), im = element(&parts_of_a, 2 * i + 1);
    double other_re = element(&parts_of_b, 2 * i), other_im = element(&parts_of_b, 2 * i + 1);
    double far = hypot(other_re - re, other_im - im);
    return isfinite(far) ? far <= atol + rtol * hypot(re, im)
                         : same_special(re, other_re) && same_special(im, other_im);
}

bool within_tolerance(const struct array *a, const struct array *b, double atol, double rtol)
{
    if (!a && !b) return true;
    if (!a || !b || !same_shape(a, b)) return false;
    if (a->store == STORE_TEXT) return !measure_text(a, b).pattern_differs;
    bool within = true;
    for (int64_t i = 0; i < a->count && within; i++)
        within = a->store == STORE_SEQUENCE ? within_tolerance(a->items[i], b->items[i], atol, rtol)
                                            : is_within(a, b, i, atol, rtol);
    return within;
}

bool heals_overflow(const struct array *truth, const struct array *a, const struct array *b)
{
    if (!truth || !a || !b || !same_shape(a, b) || truth->count != a->count || truth->store > STORE_I64) return false;
    for (int64_t i = 0; i < a->count; i++) {
        double x = element(a, i), y = element(b, i);
        if (isfinite(x) ? !isfinite(y) : !same_special(x, y) && !(isfinite(y) && isfinite(element(truth, i))))
            return false;
    }
    return true;
}

/* Zeros of other signs differ. A float is the same as a double. */
static bool is_same_number(const struct array *a, const struct array *b, int64_t i)
{
    const double of_a = a->store == STORE_F32 ? (double)a->f32[i] : a->f64[i],
                 of_b = b->store == STORE_F32 ? (double)b->f32[i] : b->f64[i];
    return (of_a == of_b && signbit(of_a) == signbit(of_b)) || (isnan(of_a) && isnan(of_b));
}

static bool is_same_complex(const struct array *a, const struct array *b, int64_t i)
{
    const struct array parts_of_a = element_parts(a), parts_of_b = element_parts(b);
    return is_same_number(&parts_of_a, &parts_of_b, 2 * i) && is_same_number(&parts_of_a, &parts_of_b, 2 * i + 1);
}

static bool is_same_element(const struct array *a, const struct array *b, int64_t i)
{
    if (is_real(a)) return is_same_number(a, b, i);
    if (a->store == STORE_TEXT) return strcmp(a->text[i], b->text[i]) == 0;
    if (is_complex(a)) return is_same_complex(a, b, i);
    return a->i64[i] == b->i64[i];
}

bool same_elements(const struct array *a, const struct array *b)
{
    if (!a || !b) return a == b;
    if (a->type != b->type || a->store != b->store || a->rank != b->rank || a->count != b->count) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    for (int64_t i = 0; i < a->count; i++) {
        if (a->store == STORE_SEQUENCE && !same_elements(a->items[i], b->items[i])) return false;
        if (a->store != STORE_SEQUENCE && !is_same_element(a, b, i)) return false;
    }
    return true;
}

struct bnfuse_difference worse_difference(struct bnfuse_difference a, struct bnfuse_difference b)
{
    struct bnfuse_difference worse = b.relative > a.relative ? b : a;
    worse.largest = fmax(a.largest, b.largest);
    worse.root_mean_square = fmax(a.root_mean_square, b.root_mean_square);
    worse.shape_differs = a.shape_differs || b.shape_differs;
    worse.pattern_differs = a.pattern_differs || b.pattern_differs;
    worse.degenerate = a.degenerate || b.degenerate;
    worse.near_overflow = a.near_overflow || b.near_overflow;
    worse.compared = a.compared + b.compared;
    return worse;
}

bool exceeds(const struct bnfuse_difference *difference, double limit)
{
    return difference->shape_differs || difference->pattern_differs || !(difference->relative <= limit);
}

double resolution_of(enum dtype type)
{
    static const struct {
        enum dtype type;
        double resolution;
    } rows[] = { { DTYPE_DOUBLE, 1e-11 }, { DTYPE_FLOAT16, 0x1p-9 }, { DTYPE_BFLOAT16, 0x1p-6 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == type) return rows[i].resolution;
    return 0x1p-22;
}
