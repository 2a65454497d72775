/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored elements are compared as bytes. Of folded ones the source is read as double, multiplied by each factor, stored
 * in the tensor's type and compared as bytes too. */
#include "onnx/write/elements.h"

#include "base/instruction_set.h"

#include <assert.h>
#include <string.h>

enum { CHUNK = 128 << 10, MOST = 1 << 10 }; /* bytes read and elements recomputed at a time */

/* Part of each of the loops for one kind of processor. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

struct elements {
    const struct tensor *expected, *written;
    _Alignas(16) uint8_t source[CHUNK], found[CHUNK];
};

struct elements *elements_open(struct arena *arena)
{
    return NEW(arena, struct elements);
}

/* The packed elements of a tensor, before its factors, wherever they are. */
static const uint8_t *packed(const struct tensor *tensor, int64_t first, int64_t bytes, uint8_t *buffer,
                             struct bnfuse_error *error)
{
    uint64_t from = (uint64_t)(first / 8 * dtype_bits(tensor->type));
    if (!tensor->span.file) return (const uint8_t *)tensor->bytes + from;
    return span_read(&tensor->span, from, buffer, (size_t)bytes, error) ? buffer : NULL;
}

/* How a run of elements of a view [outer, rows, middle, columns, inner] is multiplied: all by one number, or each by
 * its own. */
struct run {
    int64_t count;
    const double *scale;
    bool is_single;
};

/* The run that starts at an element, at most `left` long. */
ALWAYS_INLINE struct run run_at(const struct factor *view, int64_t at, int64_t left)
{
    const int64_t line = at / view->inner;
    const int64_t column = line % view->columns, row = line / view->columns / view->middle % view->rows;
    struct run run = { .scale = view->scale + row * view->columns + column, .is_single = view->inner != 1 };
    run.count = run.is_single ? view->inner - at % view->inner : view->columns - column;
    run.count = run.count < left ? run.count : left;
    return run;
}

ALWAYS_INLINE void multiply(const struct factor *view, int64_t first, int64_t count, double *real)
{
    for (int64_t done = 0; done < count;) {
        const struct run run = run_at(view, first + done, count - done);
        for (int64_t k = 0; k < run.count; k++) real[done + k] *= run.scale[run.is_single ? 0 : k];
        done += run.count;
    }
}

static inline uint32_t float_difference(const uint8_t *source, double factor, const uint8_t *found)
{
    float element;
    uint32_t wanted, there;
    memcpy(&element, source, sizeof element);
    element = (float)((double)element * factor);
    memcpy(&wanted, &element, sizeof wanted);
    memcpy(&there, found, sizeof there);
    return wanted ^ there;
}

/* Bits that are different in `found` from those of each of `source` times its factor, rounded to float. */
#define FLOAT_RUN(name, target)                                                                     \
    target static uint32_t name(const struct run *run, const uint8_t *source, const uint8_t *found) \
    {                                                                                               \
        const double factor = *run->scale;                                                          \
        uint32_t different = 0;                                                                     \
        if (run->is_single)                                                                         \
            for (int64_t k = 0; k < run->count; k++)                                                \
                different |= float_difference(source + 4 * k, factor, found + 4 * k);               \
        else                                                                                        \
            for (int64_t k = 0; k < run->count; k++)                                                \
                different |= float_difference(source + 4 * k, run->scale[k], found + 4 * k);        \
        return different;                                                                           \
    }

FLOAT_RUN(float_run_portable, )
#ifdef TARGET_AVX2
FLOAT_RUN(float_run_avx2, TARGET_AVX2)
FLOAT_RUN(float_run_avx512, TARGET_AVX512)
#endif

/* The types that C has are converted by C, so that the conversions of the reader and the writer are judged too. */
ALWAYS_INLINE void load_real(enum dtype type, const uint8_t *source, int64_t count, double *real)
{
    if (type == DTYPE_FLOAT)
        for (int64_t i = 0; i < count; i++) {
            float element;
            memcpy(&element, source + i * (int64_t)sizeof element, sizeof element);
            real[i] = (double)element;
        }
    else dtype_load_real(type, source, 0, count, real);
}

ALWAYS_INLINE void store_real(enum dtype type, const double *real, int64_t count, uint8_t *to)
{
    if (type == DTYPE_FLOAT)
        for (int64_t i = 0; i < count; i++) {
            float element = (float)real[i];
            memcpy(to + i * (int64_t)sizeof element, &element, sizeof element);
        }
    else dtype_store_real(type, real, count, to);
}

static int64_t byte_count(enum dtype type, int64_t count)
{
    int64_t bytes = 0;
    bool sized = dtype_bytes(type, count, &bytes);
    assert(sized);
    (void)sized;
    return bytes;
}

/* The first of these elements that is another; -1 if there is none. */
static int64_t stored_differ(enum dtype type, int64_t count, const uint8_t *wanted, const uint8_t *found)
{
    const size_t bytes = (size_t)byte_count(type, count);
    size_t i = 0;
    if (!memcmp(wanted, found, bytes)) return -1;
    while (wanted[i] == found[i]) i++;
    return (int64_t)i * 8 / dtype_bits(type);
}

/* Elements first .. first+count-1, at most MOST, as they must be; `source` is NULL when there are exact ones. */
#define COMPUTE(name, target)                                                                                 \
    target static void name(const struct tensor *tensor, int64_t first, int64_t count, const uint8_t *source, \
                            uint8_t *wanted)                                                                  \
    {                                                                                                         \
        double real[MOST];                                                                                    \
        if (source) load_real(tensor->type, source, count, real);                                             \
        else memcpy(real, tensor->exact + first, (size_t)count * sizeof *real);                               \
        for (size_t i = 0; i < tensor->factor_count; i++) multiply(&tensor->factors[i], first, count, real);  \
        store_real(tensor->type, real, count, wanted);                                                        \
    }

COMPUTE(compute_portable, )
#ifdef TARGET_AVX2
COMPUTE(compute_avx2, TARGET_AVX2)
COMPUTE(compute_avx512, TARGET_AVX512)
#endif

/* The loops for one kind of processor. */
struct loops {
    uint32_t (*float_run)(const struct run *run, const uint8_t *source, const uint8_t *found);
    void (*compute)(const struct tensor *tensor, int64_t first, int64_t count, const uint8_t *source, uint8_t *wanted);
};

static const struct loops *loops_here(void)
{
#ifdef TARGET_AVX2
    static const struct loops rows[INSTRUCTION_SETS] = { { float_run_avx512, compute_avx512 },
                                                         { float_run_avx2, compute_avx2 },
                                                         { float_run_portable, compute_portable } };
    return &rows[instruction_set_first()];
#else
    static const struct loops row = { float_run_portable, compute_portable };
    return &row;
#endif
}

/* The usual case, without a look at where the difference is: floats of a file with one factor. */
static bool floats_agree(const struct factor *view, int64_t first, int64_t count, const uint8_t *source,
                         const uint8_t *found)
{
    const struct loops *const loops = loops_here();
    uint32_t different = 0;
    for (int64_t done = 0; done < count;) {
        const struct run run = run_at(view, first + done, count - done);
        different |=
            loops->float_run(&run, source + done * (int64_t)sizeof(float), found + done * (int64_t)sizeof(float));
        done += run.count;
    }
    return !different;
}

/* The first of these elements that is another than it must be; -1 if there is none. */
static int64_t computed_differ(const struct tensor *tensor, int64_t first, int64_t count, const uint8_t *source,
                               const uint8_t *found)
{
    uint8_t wanted[MOST * sizeof(double)];
    const struct loops *const loops = loops_here();
    int64_t at = -1;
    for (int64_t done = 0; done < count && at < 0; done += MOST) {
        const int64_t n = count - done < MOST ? count - done : MOST, skip = done / 8 * dtype_bits(tensor->type);
        loops->compute(tensor, first + done, n, source ? source + skip : NULL, wanted);
        at = stored_differ(tensor->type, n, wanted, found + skip);
        if (at >= 0) at += done;
    }
    return at;
}

static bool compare_chunk(struct elements *c, int64_t first, int64_t count, const uint8_t *source, int64_t *different,
                          struct bnfuse_error *error)
{
    const struct tensor *tensor = c->expected;
    const int64_t bytes = byte_count(tensor->type, count);
    const uint8_t *found;
    if (!tensor->exact && !source && !(source = packed(tensor, first, bytes, c->source, error))) return false;
    if (!(found = packed(c->written, first, bytes, c->found, error))) return false;
    if (source && tensor->type == DTYPE_FLOAT && tensor->factor_count == 1
        && floats_agree(&tensor->factors[0], first, count, source, found))
        return true;
    int64_t at = tensor_is_stored(tensor) ? stored_differ(tensor->type, count, source, found)
                                          : computed_differ(tensor, first, count, source, found);
    if (at >= 0) *different = first + at;
    return true;
}

/* Whether somebody who wanted the elements from `first` on read them where they are. */
static bool is_right_place(const struct tensor *tensor, int64_t first, const struct elements_read *read)
{
    return read->file == tensor->span.file
           && read->offset == tensor->span.offset + (uint64_t)(first / 8 * dtype_bits(tensor->type));
}

bool elements_compare(struct elements *elements, const struct tensor *expected, const struct tensor *written,
                      int64_t first, int64_t count, const struct elements_read *read, int64_t *different,
                      struct bnfuse_error *error)
{
    assert(expected->type == written->type && expected->count == written->count && !written->factor_count);
    *different = read && !is_right_place(expected, first, read) ? first : -1;
    if (!count) return true;
    /* A multiple of eight, because small types share bytes. */
    const int64_t bits = dtype_bits(expected->type), step = (int64_t)CHUNK * 8 / bits / 8 * 8;
    elements->expected = expected;
    elements->written = written;
    for (int64_t done = 0; done < count && *different < 0; done += step) {
        const int64_t n = count - done < step ? count - done : step;
        const uint8_t *source = read ? (const uint8_t *)read->bytes + done / 8 * bits : NULL;
        if (!compare_chunk(elements, first + done, n, source, different, error)) return false;
    }
    return true;
}
