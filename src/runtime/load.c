/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored tensors as arrays. Whatever the file says has been checked by tensor_from_proto. */
#include "runtime/load.h"

#include "runtime/team.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#define PIECE 1024

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t seed_for(uint64_t seed, const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return mix(seed + mix(hash));
}

/* Bits of the fraction, and the exponent of the smallest normal number: 0 fraction bits where there is no noise to
 * speak of (the 4- and 8-bit types, whose weights are quantized on purpose). */
static int fraction_bits(enum dtype type, int *smallest)
{
    if (dtype_kind(type) != KIND_REAL || dtype_bits(type) < 16) return 0;
    int exponent_bits = dtype_bits(type) - 1 - dtype_fraction(type);
    *smallest = 2 - (1 << (exponent_bits - 1));
    return dtype_fraction(type);
}

static double largest_of(const struct array *array)
{
    double largest = 0;
    for (int64_t i = 0; i < array->count; i++) largest = fmax(largest, fabs(array->f64[i]));
    return isfinite(largest) ? largest : 0;
}

/* The power of two at or below the size of a normal number; 0 for one below normal. */
static double power_below(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits &= UINT64_C(0x7ff0000000000000);
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Half a unit in the last place (of 8 bits: half a step, of 127 up to the largest), up or down; zeros stay, for they
 * are mostly meant. */
static void add_noise(struct array *array, uint64_t state, const struct run_options *options)
{
    enum dtype type = options->noise_type ? options->noise_type : array->type;
    int smallest = -1022, bits = fraction_bits(type, &smallest);
    if (array->store != STORE_F64 || fraction_bits(array->type, &smallest) == 0) return;
    if (bits == 0 && type != DTYPE_INT8) return;
    double half_step = type == DTYPE_INT8 ? largest_of(array) / 254 : 0;
    double least = ldexp(1, smallest), share = ldexp(0.5, -bits);
    for (int64_t i = 0; i < array->count; i++) {
        double value = array->f64[i];
        if (value == 0 || !isfinite(value)) continue;
        double power = power_below(value), half = half_step > 0 ? half_step : (power < least ? least : power) * share;
        array->f64[i] = mix(state + (uint64_t)i) & 1 ? value + half : value - half;
    }
}

void load_result(struct array *array, const char *name, const struct run_options *options)
{
    if (array_is_sole(array)) add_noise(array, seed_for(options->result_noise, name), options);
}

/* A few bits of fraction: 1, 0.5 and 6 are meant as they are, 0.1 has been rounded. */
static bool is_short(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0xffff) == 0 || !isfinite(value);
}

static void move_numbers(float *values, size_t count, const struct run_options *options, uint64_t state)
{
    for (size_t i = 0; i < count; i++) {
        double number = (double)values[i];
        struct array one = { .type = DTYPE_FLOAT, .store = STORE_F64, .count = 1, .f64 = &number };
        if (is_short(values[i])) continue;
        bool goes_up = mix(state + i) & 1;
        if (options->noise_type && options->noise_type != DTYPE_FLOAT)
            add_noise(&one, seed_for(options->weight_noise, goes_up ? "+" : "-"), options);
        float moved = (float)number;
        values[i] = moved != values[i] ? moved : nextafterf(moved, goes_up ? INFINITY : -INFINITY);
    }
}

static bool is_moved(const struct node *node, const BnfuseOnnx__AttributeProto *attribute)
{
    const char *fixed = node->row ? node->row->fixed_attribute : NULL;
    if (fixed && strcmp(fixed, attribute->name) == 0) return false;
    return attribute->has_f || (attribute->n_floats && node_is_literal(node));
}

const struct node *load_node(const struct node *node, const struct run_options *options, struct arena *arena)
{
    const struct value *output = node_output(node, 0);
    size_t count = node->proto->n_attribute, found = 0;
    for (size_t i = 0; i < count; i++) found += is_moved(node, node->proto->attribute[i]);
    if (!options->weight_noise || found == 0 || !node->row || node->row->random || !output) return node;
    if (options->unmoved && pointer_map_get(options->unmoved, output)) return node;
    struct node *moved = NEW(arena, struct node);
    BnfuseOnnx__NodeProto *proto = NEW(arena, BnfuseOnnx__NodeProto);
    *moved = *node;
    *proto = *node->proto;
    moved->proto = proto;
    proto->attribute = NEW_ARRAY(arena, BnfuseOnnx__AttributeProto *, count);
    for (size_t i = 0; i < count; i++) {
        const BnfuseOnnx__AttributeProto *old = node->proto->attribute[i];
        BnfuseOnnx__AttributeProto *copy = proto->attribute[i] = NEW(arena, BnfuseOnnx__AttributeProto);
        uint64_t state = seed_for(seed_for(options->weight_noise, output->name), old->name);
        *copy = *old;
        if (!is_moved(node, old)) continue;
        copy->floats = NEW_ARRAY(arena, float, old->n_floats);
        for (size_t k = 0; k < old->n_floats; k++) copy->floats[k] = old->floats[k];
        move_numbers(copy->floats, copy->n_floats, options, state);
        move_numbers(&copy->f, copy->has_f != 0, options, state);
    }
    return moved;
}

static bool read_strings(const struct tensor *tensor, struct array *array)
{
    for (int64_t i = 0; i < tensor->count; i++)
        array->text[i] = arena_copy_text(&array->pool->text, tensor->strings[i]);
    return true;
}

static bool read_floats(const struct tensor *tensor, int64_t first, int64_t count, float *to,
                        struct bnfuse_error *error)
{
    double piece[PIECE];
    for (int64_t done = 0; done < count; done += PIECE) {
        int64_t n = count - done < PIECE ? count - done : PIECE;
        if (!tensor_read_rounded(tensor, first + done, n, piece, error)) return false;
        for (int64_t i = 0; i < n; i++) to[done + i] = (float)piece[i];
    }
    return true;
}

/* Parts of float as parts of double. */
static bool read_wide_complex(const struct tensor *tensor, int64_t first, int64_t count, double *to,
                              struct bnfuse_error *error)
{
    float piece[2 * PIECE];
    for (int64_t done = 0; done < count; done += PIECE) {
        int64_t n = count - done < PIECE ? count - done : PIECE;
        if (!tensor_read_bytes(tensor, first + done, n, piece, error)) return false;
        dtype_load_real(DTYPE_FLOAT, piece, 0, 2 * n, to + 2 * done);
    }
    return true;
}

/* As they are stored, unless single precision becomes double. */
static bool read_complex(const struct tensor *tensor, const struct array *array, int64_t first, int64_t count,
                         struct bnfuse_error *error)
{
    if (array->store == STORE_C64) return tensor_read_bytes(tensor, first, count, array->f32 + 2 * first, error);
    if (tensor->type == DTYPE_COMPLEX64) return read_wide_complex(tensor, first, count, array->f64 + 2 * first, error);
    return tensor_read_bytes(tensor, first, count, array->f64 + 2 * first, error);
}

/* ---- bytes that are read once ---- */

enum { LEAST_KEPT = 64 << 10, MOST_KEPT = 32 << 20, STRETCH = 256 << 10 };

struct filling {
    const struct span *span;
    unsigned char *to;
    atomic_bool failed;
};

static void fill_stretches(const void *context, int64_t first, int64_t end, int member)
{
    struct filling *filling = *(struct filling *const *)context;
    (void)member;
    for (uint64_t at = (uint64_t)first * STRETCH; at < (uint64_t)end * STRETCH && at < filling->span->size;
         at += STRETCH) {
        uint64_t left = filling->span->size - at;
        if (!span_read(filling->span, at, filling->to + at, left < STRETCH ? (size_t)left : STRETCH, NULL))
            atomic_store_explicit(&filling->failed, true, memory_order_relaxed);
    }
}

static struct array *read_span(const struct span *span, const struct run_options *options)
{
    const int64_t dims[] = { (int64_t)(span->size + sizeof(float) - 1) / (int64_t)sizeof(float) };
    struct array *array = array_new(options->pool, DTYPE_FLOAT, STORE_F32, 1, dims);
    struct filling filling = { span, array->data, false }, *context = &filling;
    team_run(options->team, (int64_t)((span->size + STRETCH - 1) / STRETCH), 1, fill_stretches, &context);
    if (!filling.failed) return array;
    array_drop(array);
    return NULL;
}

static struct array *find_bytes(const struct weight_bytes *bytes, const struct span *span)
{
    for (size_t i = 0; i < bytes->count; i++) {
        const struct span *other = &bytes->kept[i].span;
        if (other->file == span->file && other->offset == span->offset && other->size == span->size)
            return bytes->kept[i].array;
    }
    return NULL;
}

static struct array *keep_bytes(const struct span *span, const struct run_options *options)
{
    struct weight_bytes *bytes = options->bytes;
    const struct memory *memory = options->memory;
    const size_t room = sizeof bytes->kept / sizeof *bytes->kept;
    bool fits = bytes->count < room && span->size >= LEAST_KEPT && span->size <= MOST_KEPT;
    if (!fits || span->file->bytes || (memory->limit && memory->used >= memory->limit / 2)) return NULL;
    struct array *array = read_span(span, options);
    if (!array) return NULL;
    bytes->kept[bytes->count].span = *span;
    bytes->kept[bytes->count++].array = array;
    return array;
}

/* The tensor with its bytes in memory; as it is where that is not wanted, or not to be had. */
static struct tensor with_bytes(const struct tensor *tensor, const struct run_options *options)
{
    struct tensor result = *tensor;
    if (!options->bytes || !tensor->span.file) return result;
    struct array *array = find_bytes(options->bytes, &tensor->span);
    if (!array) array = keep_bytes(&tensor->span, options);
    if (!array) return result;
    result.bytes = array->data;
    result.span = (struct span){ 0 };
    return result;
}

/* ---- numbers ---- */

/* A tensor on its way into an array. It is read in parts that fit a processor's own cache, as they are gone over more
 * than once, by whoever is free. */
struct reading {
    const struct tensor *tensor;
    struct array *array;
    bool unrounded;
    atomic_bool *failed;
};

enum { PART = 32 << 10 }; /* elements; a multiple of 8 */

static bool read_numbers(const struct reading *reading, int64_t first, int64_t count, struct bnfuse_error *error)
{
    const struct tensor *tensor = reading->tensor;
    const struct array *array = reading->array;
    if (dtype_kind(tensor->type) == KIND_COMPLEX) return read_complex(tensor, array, first, count, error);
    if (array->store == STORE_I64) return tensor_read_whole(tensor, first, count, array->i64 + first, error);
    if (array->store == STORE_F64 && reading->unrounded)
        return tensor_read_real(tensor, first, count, array->f64 + first, error);
    if (array->store == STORE_F64) return tensor_read_rounded(tensor, first, count, array->f64 + first, error);
    if (tensor->type == DTYPE_FLOAT) return tensor_read_bytes(tensor, first, count, array->f32 + first, error);
    return read_floats(tensor, first, count, array->f32 + first, error);
}

static void read_parts(const void *context, int64_t first, int64_t end, int member)
{
    const struct reading *reading = context;
    const int64_t count = reading->tensor->count;
    (void)member;
    for (int64_t at = first * PART; at < end * PART && at < count; at += PART)
        if (!read_numbers(reading, at, count - at < PART ? count - at : PART, NULL))
            atomic_store_explicit(reading->failed, true, memory_order_relaxed);
}

/* What went wrong in a part is told by reading once more, alone. */
static bool read_elements(const struct tensor *tensor, struct array *array, const struct run_options *options,
                          struct bnfuse_error *error)
{
    atomic_bool failed = false;
    const struct tensor source = with_bytes(tensor, options);
    const struct reading reading = { &source, array, options->exact && options->unrounded, &failed };
    if (array->store == STORE_TEXT) return read_strings(tensor, array);
    team_run(options->team, (tensor->count + PART - 1) / PART, 1, read_parts, &reading);
    return !failed || read_numbers(&reading, 0, tensor->count, error);
}

bool load_tensor(struct array **array, const char *name, const struct tensor *tensor, const struct run_options *options,
                 struct bnfuse_error *error)
{
    if (dtype_kind(tensor->type) == KIND_NONE)
        return fail(error, BNFUSE_UNSUPPORTED, "tensor \"%s\": elements of type %s are not supported", name,
                    dtype_name(tensor->type));
    *array =
        array_room(options->pool, tensor->type, store_of(tensor->type, options->exact), tensor->rank, tensor->dims);
    if (tensor->count > 0 && !read_elements(tensor, *array, options, error)) {
        array_drop(*array);
        *array = NULL;
        return false;
    }
    if (options->weight_noise != 0) add_noise(*array, seed_for(options->weight_noise, name), options);
    return true;
}

bool array_from_tensor(struct array **array, const struct tensor *tensor, const struct run_options *options,
                       struct bnfuse_error *error)
{
    return load_tensor(array, "", tensor, options, error);
}

bool load_sparse(struct array **array, const char *name, const BnfuseOnnx__SparseTensorProto *proto,
                 const struct model *model, const struct run_options *options, struct arena *scratch,
                 struct bnfuse_error *error)
{
    struct tensor dense;
    struct bnfuse_error why;
    *array = NULL;
    if (!tensor_from_sparse(&dense, scratch, model, proto, INT64_MAX, &why))
        return fail(error, why.status, "sparse tensor \"%s\": %s", name, why.message);
    return load_tensor(array, name, &dense, options, error);
}
