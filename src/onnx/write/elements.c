/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored elements are compared as bytes. Of folded ones the source is read as double, multiplied by each factor, stored
 * in the tensor's type and compared as bytes too. */
#include "onnx/write/elements.h"

#include <assert.h>
#include <string.h>

enum { MOST = 16 << 10, CHUNK = 64 << 10 }; /* elements and bytes at a time */

struct elements {
    const struct tensor *expected, *written;
    _Alignas(16) double real[MOST];
    _Alignas(16) uint8_t source[CHUNK], wanted[CHUNK], found[CHUNK];
};

struct elements *elements_open(struct arena *arena)
{
    return NEW(arena, struct elements);
}

/* The packed elements of a tensor without factors, wherever they are. */
static const uint8_t *packed(const struct tensor *tensor, int64_t first, int64_t bytes, uint8_t *buffer,
                             struct bnfuse_error *error)
{
    uint64_t from = (uint64_t)(first / 8 * dtype_bits(tensor->type));
    if (!tensor->span.file) return (const uint8_t *)tensor->bytes + from;
    return span_read(&tensor->span, from, buffer, (size_t)bytes, error) ? buffer : NULL;
}

/* Elements of a view [outer, rows, middle, columns, inner] from `first` on, times what the view says of their row and
 * column. One product for each run of equal factors. */
static void multiply(const struct factor *view, int64_t first, int64_t count, double *real)
{
    for (int64_t done = 0; done < count;) {
        const int64_t at = first + done, line = at / view->inner;
        const int64_t column = line % view->columns, row = line / view->columns / view->middle % view->rows;
        const double *scale = view->scale + row * view->columns + column;
        int64_t left = count - done;
        if (view->inner == 1) {
            int64_t run = view->columns - column < left ? view->columns - column : left;
            for (int64_t k = 0; k < run; k++) real[done + k] *= scale[k];
            done += run;
        } else {
            int64_t run = view->inner - at % view->inner;
            run = run < left ? run : left;
            const double s = *scale;
            for (int64_t k = 0; k < run; k++) real[done + k] *= s;
            done += run;
        }
    }
}

/* The types that C has are converted by C, so that the conversions of the reader and the writer are judged too. */
static void load_real(enum dtype type, const uint8_t *source, int64_t count, double *real)
{
    if (type == DTYPE_FLOAT)
        for (int64_t i = 0; i < count; i++) {
            float element;
            memcpy(&element, source + i * (int64_t)sizeof element, sizeof element);
            real[i] = (double)element;
        }
    else dtype_load_real(type, source, 0, count, real);
}

static void store_real(enum dtype type, const double *real, int64_t count, uint8_t *to)
{
    if (type == DTYPE_FLOAT)
        for (int64_t i = 0; i < count; i++) {
            float element = (float)real[i];
            memcpy(to + i * (int64_t)sizeof element, &element, sizeof element);
        }
    else dtype_store_real(type, real, count, to);
}

static const uint8_t *recomputed(struct elements *c, int64_t first, int64_t count, int64_t bytes,
                                 struct bnfuse_error *error)
{
    const struct tensor *tensor = c->expected;
    if (tensor->exact) {
        memcpy(c->real, tensor->exact + first, (size_t)count * sizeof *c->real);
    } else {
        const uint8_t *source = packed(tensor, first, bytes, c->source, error);
        if (!source) return NULL;
        load_real(tensor->type, source, count, c->real);
    }
    for (size_t i = 0; i < tensor->factor_count; i++) multiply(&tensor->factors[i], first, count, c->real);
    store_real(tensor->type, c->real, count, c->wanted);
    return c->wanted;
}

static int64_t first_difference(const uint8_t *a, const uint8_t *b, int64_t bytes)
{
    int64_t i = 0;
    while (i < bytes && a[i] == b[i]) i++;
    return i;
}

static bool compare_chunk(struct elements *c, int64_t first, int64_t count, int64_t *different,
                          struct bnfuse_error *error)
{
    const struct tensor *tensor = c->expected;
    const bool stored = !tensor->exact && !tensor->factor_count;
    int64_t bytes = 0;
    bool sized = dtype_bytes(tensor->type, count, &bytes);
    assert(sized && bytes <= (int64_t)sizeof c->found);
    (void)sized;
    const uint8_t *wanted =
        stored ? packed(tensor, first, bytes, c->wanted, error) : recomputed(c, first, count, bytes, error);
    const uint8_t *found = packed(c->written, first, bytes, c->found, error);
    if (!wanted || !found) return false;
    if (memcmp(wanted, found, (size_t)bytes) != 0)
        *different = first + first_difference(wanted, found, bytes) * 8 / dtype_bits(tensor->type);
    return true;
}

bool elements_compare(struct elements *elements, const struct tensor *expected, const struct tensor *written,
                      int64_t *different, struct bnfuse_error *error)
{
    assert(expected->type == written->type && expected->count == written->count && !written->factor_count);
    *different = -1;
    if (!expected->count) return true;
    /* A multiple of eight, because small types share bytes. */
    int64_t step = (int64_t)CHUNK * 8 / dtype_bits(expected->type) / 8 * 8;
    step = step < MOST ? step : MOST;
    elements->expected = expected;
    elements->written = written;
    for (int64_t first = 0; first < expected->count && *different < 0; first += step) {
        int64_t left = expected->count - first;
        if (!compare_chunk(elements, first, left < step ? left : step, different, error)) return false;
    }
    return true;
}
