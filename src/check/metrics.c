/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics: sums over elements, a histogram of units in the last place, and the order of class scores. See metrics.h. */
#include "check/metrics.h"

#include "runtime/element.h"

#include <math.h>

static double part(const struct array *array, int64_t i)
{
    const struct array parts = element_parts(array);
    return element_real(&parts, i);
}

/* Of a complex element, its absolute value. */
static double element(const struct array *array, int64_t i)
{
    if (is_complex(array)) return hypot(part(array, 2 * i), part(array, 2 * i + 1));
    return array->store == STORE_F64   ? array->f64[i]
           : array->store == STORE_F32 ? (double)array->f32[i]
                                       : (double)array->i64[i];
}

/* A unit in the last place of a number of this type; 1 for whole numbers. */
static double unit(enum dtype type, double x)
{
    static const struct {
        enum dtype type;
        int bits, smallest;
    } rows[] = {
        { DTYPE_FLOAT, 23, -126 }, { DTYPE_DOUBLE, 52, -1022 }, { DTYPE_FLOAT16, 10, -14 }, { DTYPE_BFLOAT16, 7, -126 }
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == dtype_part(type)) {
            int exponent = x == 0 ? rows[i].smallest : ilogb(x);
            return ldexp(1, (exponent < rows[i].smallest ? rows[i].smallest : exponent) - rows[i].bits);
        }
    return 1;
}

static int bucket_of(double ulps)
{
    if (!(ulps > 0)) return 0;
    int bucket = 1 + (ulps <= 1 ? 0 : (int)ceil(log2(ulps)));
    return bucket < ULP_BUCKETS ? bucket : ULP_BUCKETS - 1;
}

/* Two elements: their sizes or values, how far they are apart, and what they contribute to a scalar product. */
struct couple {
    double a, b, far, product;
};

static struct couple couple_of(const struct array *x, const struct array *y, int64_t i)
{
    double a = element(x, i), b = element(y, i);
    if (!is_complex(x)) return (struct couple){ a, b, fabs(a - b), a * b };
    double re = part(x, 2 * i), im = part(x, 2 * i + 1), other_re = part(y, 2 * i), other_im = part(y, 2 * i + 1);
    return (struct couple){ a, b, hypot(re - other_re, im - other_im), re * other_re + im * other_im };
}

static void add_element(struct metrics *m, enum dtype type, int64_t i, const struct couple *c)
{
    double a = c->a, b = c->b, far = c->far, relative = a != 0 ? far / fabs(a) : 0;
    if (far > m->of.largest.difference || m->of.compared == 0) m->of.largest = (bnfuse_place){ far, i, a, b };
    if (relative > m->of.most_relative.difference || m->of.compared == 0)
        m->of.most_relative = (bnfuse_place){ relative, i, a, b };
    m->of.compared++;
    m->squares += far * far;
    m->reference += a * a;
    m->other += b * b;
    m->product += c->product;
    m->ulps[bucket_of(far / unit(type, fmax(fabs(a), fabs(b))))]++;
}

/* The place of the largest of a row that is not yet taken. */
static int64_t best_of(const struct array *array, int64_t row, int64_t classes, const int64_t *taken, int count)
{
    int64_t best = -1;
    for (int64_t i = 0; i < classes; i++) {
        bool is_taken = false;
        for (int k = 0; k < count; k++) is_taken |= taken[k] == i;
        if (!is_taken && (best < 0 || element(array, row * classes + i) > element(array, row * classes + best)))
            best = i;
    }
    return best;
}

/* A row of five numbers or more looks like the scores of classes. */
static void add_ranks(struct metrics *m, const struct array *a, const struct array *b)
{
    int64_t classes = a->rank == 2 ? a->dims[1] : 0;
    if (classes < 5 || a->store > STORE_F64) return;
    for (int64_t row = 0; row < a->dims[0]; row++) {
        int64_t of_a[5], of_b[5];
        int common = 0;
        for (int k = 0; k < 5; k++) {
            of_a[k] = best_of(a, row, classes, of_a, k);
            of_b[k] = best_of(b, row, classes, of_b, k);
        }
        for (int k = 0; k < 5; k++)
            for (int l = 0; l < 5; l++) common += of_a[k] == of_b[l];
        m->rows++;
        m->top1 += of_a[0] == of_b[0];
        m->top5 += common == 5;
    }
}

static bool is_comparable(const struct array *a, const struct array *b)
{
    bool numbers = a && b && a->store < STORE_TEXT && b->store < STORE_TEXT && is_complex(a) == is_complex(b)
                   && a->rank == b->rank;
    for (int axis = 0; numbers && axis < a->rank; axis++) numbers = a->dims[axis] == b->dims[axis];
    return numbers;
}

void metrics_add(struct metrics *m, const struct array *a, const struct array *b, double atol, double rtol)
{
    if (!is_comparable(a, b)) return;
    for (int64_t i = 0; i < a->count; i++) {
        double x = element(a, i), y = element(b, i);
        m->of.nan_before += isnan(x);
        m->of.nan_after += isnan(y);
        m->of.infinite_before += isinf(x) != 0;
        m->of.infinite_after += isinf(y) != 0;
        m->of.elements++;
        if (isfinite(x) && isfinite(y)) {
            struct couple couple = couple_of(a, b, i);
            add_element(m, a->type, i, &couple);
            m->outside += !(couple.far <= atol + rtol * fabs(x));
        } else {
            m->outside += !(x == y || (isnan(x) && isnan(y)));
        }
    }
    add_ranks(m, a, b);
}

/* So many units in the last place, at most, are this share of the differences. */
static double quantile(const struct metrics *m, double share)
{
    int64_t wanted = (int64_t)ceil(share * (double)m->of.compared), seen = 0;
    for (int i = 0; i < ULP_BUCKETS; i++)
        if ((seen += m->ulps[i]) >= wanted) return i ? ldexp(1, i - 1) : 0;
    return INFINITY;
}

const bnfuse_metrics *metrics_finish(struct metrics *m)
{
    double count = (double)m->of.compared;
    bool any = m->of.compared > 0;
    m->of.root_mean_square = any ? sqrt(m->squares / count) : 0;
    m->of.cosine = m->reference > 0 && m->other > 0 ? m->product / sqrt(m->reference) / sqrt(m->other) : 1;
    m->of.signal_to_noise = m->squares > 0 ? 10 * log10(m->reference / m->squares) : INFINITY;
    m->of.ulp_median = any ? quantile(m, 0.5) : 0;
    m->of.ulp_99 = any ? quantile(m, 0.99) : 0;
    m->of.ulp_largest = any ? quantile(m, 1) : 0;
    m->of.outside = m->of.elements ? (double)m->outside / (double)m->of.elements : 0;
    m->of.top1 = m->rows ? (double)m->top1 / (double)m->rows : -1;
    m->of.top5 = m->rows ? (double)m->top5 / (double)m->rows : -1;
    m->of.ulps = m->ulps;
    m->of.ulp_count = ULP_BUCKETS;
    while (m->of.ulp_count && !m->ulps[m->of.ulp_count - 1]) m->of.ulp_count--;
    return &m->of;
}
