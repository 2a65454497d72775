/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays and the pool they live in: counted blocks that are recycled by size, and conversion between stores. */
#include "runtime/array.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define BLOCK_ALIGNMENT 64
/* Spare blocks are kept for the next array of about their size, up to this many bytes in all. */
#define SPARE_LIMIT     ((size_t)256 << 20)
/* Of an array, however few elements it has. */
#define ARRAY_WORK      500

struct block {
    size_t size; /* of the data */
    int owners;
    struct block *next, **link;
};

static size_t block_total(size_t size)
{
    return size + sizeof(struct block) + BLOCK_ALIGNMENT;
}

static void *block_data(struct block *block)
{
    uintptr_t start = (uintptr_t)(block + 1);
    return (void *)((start + BLOCK_ALIGNMENT - 1) & ~(uintptr_t)(BLOCK_ALIGNMENT - 1));
}

static void block_link(struct block *block, struct block **list)
{
    block->next = *list;
    block->link = list;
    if (block->next) block->next->link = &block->next;
    *list = block;
}

static void block_unlink(struct block *block)
{
    *block->link = block->next;
    if (block->next) block->next->link = block->link;
}

static int size_class(size_t size)
{
    return size == 0 ? 0 : 63 - __builtin_clzll(size);
}

static void block_free(struct array_pool *pool, struct block *block)
{
    block_unlink(block);
    memory_give(pool->memory, block, block_total(block->size));
}

static void pool_release_spare(struct array_pool *pool)
{
    for (size_t i = 0; i < sizeof pool->spare / sizeof *pool->spare; i++)
        while (pool->spare[i]) block_free(pool, pool->spare[i]);
    pool->spare_bytes = 0;
}

/* A spare block wastes at most half of itself: smaller requests of its class take it, too. */
static struct block *block_take(struct array_pool *pool, size_t size)
{
    for (struct block *spare = pool->spare[size_class(size)]; spare; spare = spare->next) {
        if (spare->size < size) continue;
        block_unlink(spare);
        pool->spare_bytes -= spare->size;
        block_link(spare, &pool->blocks);
        spare->owners = 1;
        return spare;
    }
    struct memory *memory = pool->memory;
    size_t total = block_total(size);
    if (memory->limit && (total > memory->limit || memory->used > memory->limit - total)) pool_release_spare(pool);
    struct block *block = memory_take(memory, total);
    block->size = size;
    block->owners = 1;
    block_link(block, &pool->blocks);
    return block;
}

static void block_drop(struct array_pool *pool, struct block *block)
{
    if (--block->owners > 0) return;
    if (block->size > SPARE_LIMIT - pool->spare_bytes) {
        block_free(pool, block);
        return;
    }
    block_unlink(block);
    pool->spare_bytes += block->size;
    block_link(block, &pool->spare[size_class(block->size)]);
}

void pool_open(struct array_pool *pool, struct memory *memory)
{
    *pool = (struct array_pool){ .memory = memory };
    arena_open(&pool->text, memory);
}

/* Sequences hold owners of their items, so arrays are not dropped one by one here but freed wholesale. */
void pool_close(struct array_pool *pool)
{
    while (pool->arrays) {
        struct array *array = pool->arrays;
        pool->arrays = array->next;
        memory_give(pool->memory, array, sizeof *array);
    }
    while (pool->blocks) block_free(pool, pool->blocks);
    pool_release_spare(pool);
    arena_close(&pool->text);
}

size_t store_size(enum store store)
{
    static const size_t sizes[] = { [STORE_F32] = sizeof(float),
                                    [STORE_F64] = sizeof(double),
                                    [STORE_I64] = sizeof(int64_t),
                                    [STORE_C64] = 2 * sizeof(float),
                                    [STORE_C128] = 2 * sizeof(double),
                                    [STORE_TEXT] = sizeof(char *),
                                    [STORE_SEQUENCE] = sizeof(struct array *) };
    return sizes[store];
}

enum store store_of(enum dtype type, bool exact)
{
    switch (dtype_kind(type)) {
    case KIND_REAL: return exact || type == DTYPE_DOUBLE ? STORE_F64 : STORE_F32;
    case KIND_COMPLEX: return exact || type == DTYPE_COMPLEX128 ? STORE_C128 : STORE_C64;
    case KIND_STRING: return STORE_TEXT;
    default: return STORE_I64;
    }
}

static struct array *array_link(struct array_pool *pool, const struct array *like)
{
    struct array *array = memory_take(pool->memory, sizeof *array);
    *array = *like;
    array->pool = pool;
    array->lasts = false;
    array->packed = NULL;
    array->owners = 1;
    array->next = pool->arrays;
    array->link = &pool->arrays;
    if (array->next) array->next->link = &array->next;
    pool->arrays = array;
    return array;
}

static void copy_dims(struct array *array, int rank, const int64_t *dims)
{
    assert(rank >= 0 && rank <= ARRAY_MAX_RANK);
    array->rank = rank;
    array->count = 1;
    for (int i = 0; i < rank; i++) array->dims[i] = dims[i];
}

/* The product of dims. False when that of the dims other than zero does not fit, so that the product of any part of
 * the dims of an array fits. */
static bool count_elements(int rank, const int64_t *dims, int64_t *count)
{
    bool empty = false;
    *count = 1;
    for (int i = 0; i < rank; i++) {
        empty = empty || dims[i] == 0;
        if (dims[i] != 0 && !size_multiply(*count, dims[i], count)) return false;
    }
    if (empty) *count = 0;
    return true;
}

struct array *array_room(struct array_pool *pool, enum dtype type, enum store store, int rank, const int64_t *dims)
{
    struct array shape = { .type = type, .store = store };
    int64_t bytes;
    copy_dims(&shape, rank, dims);
    if (!count_elements(rank, dims, &shape.count) || !size_multiply(shape.count, (int64_t)store_size(store), &bytes)
        || bytes > INT64_MAX / 2)
        memory_exhausted(pool->memory);
    struct array *array = array_link(pool, &shape);
    array->block = block_take(pool, (size_t)bytes);
    array->data = block_data(array->block);
    if (store == STORE_TEXT || store == STORE_SEQUENCE) memset(array->data, 0, (size_t)bytes);
    return array;
}

struct array *array_new(struct array_pool *pool, enum dtype type, enum store store, int rank, const int64_t *dims)
{
    int64_t count;
    if (!count_elements(rank, dims, &count)) memory_exhausted(pool->memory);
    memory_work(pool->memory, ARRAY_WORK, 1);
    memory_work(pool->memory, count, WORK_ELEMENT);
    return array_room(pool, type, store, rank, dims);
}

char *pool_text(struct array_pool *pool, const void *from, size_t length)
{
    memory_work(pool->memory, (int64_t)length, WORK_ELEMENT);
    char *text = arena_alloc(&pool->text, length + 1);
    if (from && length > 0) memcpy(text, from, length);
    return text;
}

struct array *array_reshaped(struct array *array, int rank, const int64_t *dims)
{
    struct array shape = *array;
    copy_dims(&shape, rank, dims);
    if (!count_elements(rank, dims, &shape.count)) memory_exhausted(array->pool->memory);
    assert(shape.count == array->count && array->store != STORE_SEQUENCE);
    struct array *result = array_link(array->pool, &shape);
    result->block->owners++;
    return result;
}

struct array *array_keep(struct array *array)
{
    if (array) array->owners++;
    return array;
}

static void array_free(struct array *array)
{
    *array->link = array->next;
    if (array->next) array->next->link = array->link;
    block_drop(array->pool, array->block);
    memory_give(array->pool->memory, array, sizeof *array);
}

/* A sequence holds tensors only (ONNX has no sequence of sequences among its operators), so this nests once; deeper
 * ones, which only a hostile kernel could make, would still end. */
void array_drop(struct array *array)
{
    if (!array || --array->owners > 0) return;
    if (array->store == STORE_SEQUENCE)
        for (int64_t i = 0; i < array->count; i++) array_drop(array->items[i]);
    array_drop(array->packed);
    array_free(array);
}

void arrays_drop(struct array **arrays, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        array_drop(arrays[i]);
        arrays[i] = NULL;
    }
}

bool array_is_finite(const struct array *array)
{
    for (int64_t i = 0; array && array->store == STORE_F64 && i < array->count; i++)
        if (!isfinite(array->f64[i])) return false;
    return true;
}

#define CONVERT(to, from, type) \
    for (int64_t i = 0; i < count; i++) (to)[i] = (type)(from)[i]

/* Out of range is undefined in C: saturate, NaN is 0. */
static int64_t whole_of(double value)
{
    if (!(value >= -0x1p63)) return value != value ? 0 : INT64_MIN;
    return value >= 0x1p63 ? INT64_MAX : (int64_t)value;
}

static void convert_whole_to_real(struct array *to, const struct array *from, int64_t count)
{
    bool is_unsigned = from->type == DTYPE_UINT64;
    if (to->store == STORE_F32 && is_unsigned) CONVERT(to->f32, (const uint64_t *)from->i64, float);
    else if (to->store == STORE_F32) CONVERT(to->f32, from->i64, float);
    else if (is_unsigned) CONVERT(to->f64, (const uint64_t *)from->i64, double);
    else CONVERT(to->f64, from->i64, double);
}

static bool is_complex_store(enum store store)
{
    return store == STORE_C64 || store == STORE_C128;
}

/* Part by part. */
static struct array *stored_complex(struct array *array, enum store store)
{
    struct array *to = array_new(array->pool, array->type, store, array->rank, array->dims);
    int64_t count = 2 * array->count;
    assert(is_complex_store(store));
    if (store == STORE_C128) CONVERT(to->f64, array->f32, double);
    else CONVERT(to->f32, array->f64, float);
    return to;
}

struct array *array_stored(struct array *array, enum store store)
{
    if (array->store == store) return array_keep(array);
    if (is_complex_store(array->store)) return stored_complex(array, store);
    assert(array->store <= STORE_I64 && store <= STORE_I64);
    struct array *to = array_new(array->pool, array->type, store, array->rank, array->dims);
    int64_t count = array->count;
    if (array->store == STORE_I64) {
        convert_whole_to_real(to, array, count);
    } else if (store == STORE_I64) {
        for (int64_t i = 0; i < count; i++)
            to->i64[i] = whole_of(array->store == STORE_F32 ? (double)array->f32[i] : array->f64[i]);
    } else if (store == STORE_F64) {
        CONVERT(to->f64, array->f32, double);
    } else {
        CONVERT(to->f32, array->f64, float);
    }
    return to;
}

/* Half precision of a float, kept in a float: the mantissa cut to 10 bits, half to even; below 2^-14 a multiple of
 * 2^-24, which remains after adding and subtracting 0.75. */
static void round_to_half(float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        float value = values[i], tiny = fabsf(value) + 0.75f - 0.75f;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        uint32_t sign = bits & 0x80000000u, size = bits & 0x7fffffffu;
        uint32_t cut = (size + 0xfffu + ((size >> 13) & 1u)) & ~0x1fffu, small;
        memcpy(&small, &tiny, sizeof small);
        cut = cut >= 0x47800000u ? 0x7f800000u : cut;
        cut = size > 0x7f800000u ? 0x7fc00000u : cut;
        cut = size < 0x38800000u ? small : cut;
        cut |= sign;
        memcpy(&values[i], &cut, sizeof cut);
    }
}

static void round_to_bfloat(float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        uint32_t cut = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
        cut = (bits & 0x7fffffffu) > 0x7f800000u ? (bits & 0x80000000u) | 0x7fc00000u : cut;
        memcpy(&values[i], &cut, sizeof cut);
    }
}

static void round_real(struct array *array)
{
    int64_t count = array->count;
    if (array->type == DTYPE_DOUBLE || (array->type == DTYPE_FLOAT && array->store == STORE_F32)) return;
    if (array->store == STORE_F32 && array->type == DTYPE_FLOAT16) round_to_half(array->f32, count);
    else if (array->store == STORE_F32 && array->type == DTYPE_BFLOAT16) round_to_bfloat(array->f32, count);
    else if (array->store == STORE_F32)
        for (int64_t i = 0; i < count; i++) array->f32[i] = (float)dtype_round(array->type, array->f32[i]);
    else if (array->type == DTYPE_FLOAT)
        for (int64_t i = 0; i < count; i++) array->f64[i] = (double)(float)array->f64[i];
    else
        for (int64_t i = 0; i < count; i++) array->f64[i] = dtype_round(array->type, array->f64[i]);
}

static void wrap_whole(struct array *array)
{
    int64_t *values = array->i64, count = array->count;
    int spare = 64 - dtype_bits(array->type);
    if (array->type == DTYPE_BOOL) {
        for (int64_t i = 0; i < count; i++) values[i] = values[i] != 0;
    } else if (spare > 0 && spare < 64 && dtype_wrap(array->type, -1) < 0) {
        for (int64_t i = 0; i < count; i++) values[i] = (int64_t)((uint64_t)values[i] << spare) >> spare;
    } else if (spare > 0 && spare < 64) {
        for (int64_t i = 0; i < count; i++) values[i] = (int64_t)((uint64_t)values[i] << spare >> spare);
    }
}

void array_round(struct array *array)
{
    if (array->store == STORE_F32 || array->store == STORE_F64) round_real(array);
    else if (array->store == STORE_I64) wrap_whole(array);
}

#define PIECE 1024

/* Elements at a time between float and the conversions of dtype.h, which speak double; whole bytes for 4-bit types. */
static void floats_to_bytes(const struct array *array, unsigned char *bytes)
{
    double piece[PIECE];
    for (int64_t done = 0; done < array->count; done += PIECE) {
        int64_t n = array->count - done < PIECE ? array->count - done : PIECE;
        for (int64_t i = 0; i < n; i++) piece[i] = array->f32[done + i];
        dtype_store_real(array->type, piece, n, bytes + done * dtype_bits(array->type) / 8);
    }
}

/* A copy where the parts are held as they are stored. */
static void complex_to_bytes(const struct array *array, void *bytes)
{
    if (array->store == STORE_C128) dtype_store_real(dtype_part(array->type), array->f64, 2 * array->count, bytes);
    else if (array->count > 0) memcpy(bytes, array->f32, (size_t)array->count * store_size(STORE_C64));
}

static void complex_from_bytes(struct array *array, const void *bytes)
{
    if (array->store == STORE_C128) dtype_load_real(dtype_part(array->type), bytes, 0, 2 * array->count, array->f64);
    else if (array->count > 0) memcpy(array->f32, bytes, (size_t)array->count * store_size(STORE_C64));
}

void array_to_bytes(const struct array *array, void *bytes)
{
    assert(array->store < STORE_TEXT);
    if (is_complex_store(array->store)) complex_to_bytes(array, bytes);
    else if (array->store == STORE_F32 && array->type == DTYPE_FLOAT)
        memcpy(bytes, array->f32, (size_t)array->count * sizeof(float));
    else if (array->store == STORE_F32) floats_to_bytes(array, bytes);
    else if (array->store == STORE_F64) dtype_store_real(array->type, array->f64, array->count, bytes);
    else dtype_store_whole(array->type, array->i64, array->count, bytes);
}

struct array *array_from_bytes(struct array_pool *pool, enum dtype type, bool exact, int rank, const int64_t *dims,
                               const void *bytes)
{
    struct array *array = array_new(pool, type, store_of(type, exact), rank, dims);
    assert(array->store < STORE_TEXT);
    if (is_complex_store(array->store)) {
        complex_from_bytes(array, bytes);
    } else if (array->store == STORE_F64) {
        dtype_load_real(type, bytes, 0, array->count, array->f64);
    } else if (array->store == STORE_I64) {
        dtype_load_whole(type, bytes, 0, array->count, array->i64);
    } else {
        double piece[PIECE];
        for (int64_t done = 0; done < array->count; done += PIECE) {
            int64_t n = array->count - done < PIECE ? array->count - done : PIECE;
            dtype_load_real(type, bytes, done, n, piece);
            for (int64_t i = 0; i < n; i++) array->f32[done + i] = (float)piece[i];
        }
    }
    return array;
}

bool array_is_sole(const struct array *array)
{
    return array->owners == 1 && array->block->owners == 1;
}

struct array *array_settled(struct array *array, bool exact)
{
    if (!array || array->store == STORE_TEXT || array->store == STORE_SEQUENCE) return array;
    if (array->owners == 1 && (array->store == STORE_I64 || !exact)) array_round(array);
    struct array *settled = array_stored(array, store_of(array->type, exact));
    array_drop(array);
    return settled;
}
