/* SPDX-License-Identifier: Apache-2.0
 *
 * The discrete Fourier transform (fourier.h). Bluestein: with w = exp(-i pi / n), kj = (k^2 + j^2 - (k-j)^2) / 2 makes
 *
 *   X[k] = w^(k^2) * sum over j of (x[j] * w^(j^2)) * w^(-(k-j)^2)
 *
 * a convolution, done by transforms of a power of two of at least 2n - 1. */
#include "runtime/math/fourier.h"

#include <math.h>
#include <string.h>

#define MOST (INT64_C(1) << 40)

struct fourier {
    int64_t length, power;   /* power: of two; equal to length, or the convolution's */
    struct complexes roots;  /* exp(-2 pi i j / power), j < power / 2 */
    struct complexes chirp;  /* w^(j^2), j < length; when length is no power of two */
    struct complexes filter; /* the transform of w^(-j^2), wrapped around */
    struct complexes work;
};

static struct complexes complexes_new(struct arena *arena, int64_t count)
{
    return (struct complexes){ NEW_ARRAY(arena, double, (size_t)count), NEW_ARRAY(arena, double, (size_t)count) };
}

static void swap(double *a, double *b)
{
    double old = *a;
    *a = *b;
    *b = old;
}

/* Element i goes where the bits of i, read backwards, say. */
static void reverse_bits(struct complexes x, int64_t n)
{
    for (int64_t i = 1, j = 0; i < n; i++) {
        int64_t bit = n >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i >= j) continue;
        swap(&x.re[i], &x.re[j]);
        swap(&x.im[i], &x.im[j]);
    }
}

static void transform_power(const struct fourier *f, struct complexes x)
{
    reverse_bits(x, f->power);
    for (int64_t half = 1; half < f->power; half *= 2) {
        int64_t step = f->power / (2 * half);
        for (int64_t first = 0; first < f->power; first += 2 * half) {
            for (int64_t j = 0; j < half; j++) {
                int64_t a = first + j, b = a + half;
                double c = f->roots.re[j * step], s = f->roots.im[j * step];
                double re = x.re[b] * c - x.im[b] * s, im = x.re[b] * s + x.im[b] * c;
                x.re[b] = x.re[a] - re;
                x.im[b] = x.im[a] - im;
                x.re[a] += re;
                x.im[a] += im;
            }
        }
    }
}

static void multiply(double *re, double *im, double by_re, double by_im)
{
    double old = *re;
    *re = old * by_re - *im * by_im;
    *im = old * by_im + *im * by_re;
}

static void transform_chirp(const struct fourier *f, struct complexes x)
{
    struct complexes work = f->work, back = { f->work.im, f->work.re }; /* exchanged: the inverse transform */
    memset(work.re, 0, (size_t)f->power * sizeof *work.re);
    memset(work.im, 0, (size_t)f->power * sizeof *work.im);
    for (int64_t j = 0; j < f->length; j++) {
        work.re[j] = x.re[j];
        work.im[j] = x.im[j];
        multiply(&work.re[j], &work.im[j], f->chirp.re[j], f->chirp.im[j]);
    }
    transform_power(f, work);
    for (int64_t j = 0; j < f->power; j++) multiply(&work.re[j], &work.im[j], f->filter.re[j], f->filter.im[j]);
    transform_power(f, back);
    for (int64_t k = 0; k < f->length; k++) {
        x.re[k] = work.re[k] / (double)f->power;
        x.im[k] = work.im[k] / (double)f->power;
        multiply(&x.re[k], &x.im[k], f->chirp.re[k], f->chirp.im[k]);
    }
}

/* j^2 modulo 2n grows by 2j + 1, so no angle is larger than 2 pi. */
static void make_chirp(struct fourier *f, struct arena *arena)
{
    f->chirp = complexes_new(arena, f->length);
    f->filter = complexes_new(arena, f->power);
    f->work = complexes_new(arena, f->power);
    for (int64_t j = 0, square = 0; j < f->length; j++) {
        double angle = -M_PI * (double)square / (double)f->length;
        f->chirp.re[j] = cos(angle);
        f->chirp.im[j] = sin(angle);
        f->filter.re[j] = f->chirp.re[j];
        f->filter.im[j] = -f->chirp.im[j];
        if (j > 0) {
            f->filter.re[f->power - j] = f->filter.re[j];
            f->filter.im[f->power - j] = f->filter.im[j];
        }
        square = (square + 2 * j + 1) % (2 * f->length);
    }
    transform_power(f, f->filter);
}

/* The power of two that a transform of such a length takes: the length, or room for its convolution. */
static int64_t power_for(int64_t length)
{
    int64_t power = 1;
    while (power < length) power *= 2;
    return power == length ? power : 2 * power;
}

int64_t fourier_work(int64_t length)
{
    if (length < 1 || length > MOST) return 0;
    int64_t power = power_for(length);
    return power * (power == length ? 1 : 3) * 16 * WORK_ELEMENT;
}

struct fourier *fourier_new(struct arena *arena, int64_t length)
{
    if (length < 1 || length > MOST) return NULL;
    struct fourier *f = NEW(arena, struct fourier);
    f->length = length;
    f->power = power_for(length);
    f->roots = complexes_new(arena, f->power / 2 + 1);
    for (int64_t j = 0; j < f->power / 2; j++) {
        double angle = -2 * M_PI * (double)j / (double)f->power;
        f->roots.re[j] = cos(angle);
        f->roots.im[j] = sin(angle);
    }
    if (f->power != length) make_chirp(f, arena);
    return f;
}

void fourier_run(const struct fourier *f, struct complexes x, bool inverse)
{
    struct complexes seen = inverse ? (struct complexes){ x.im, x.re } : x;
    if (f->power == f->length) transform_power(f, seen);
    else transform_chirp(f, seen);
    for (int64_t j = 0; inverse && j < f->length; j++) {
        x.re[j] /= (double)f->length;
        x.im[j] /= (double)f->length;
    }
}
