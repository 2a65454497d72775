/* SPDX-License-Identifier: Apache-2.0
 *
 * A value while a graph runs.
 *
 * Whatever its ONNX type, an array holds float, double or int64 elements: real types as double in an exact run, else as
 * float (DOUBLE as double); whole types and bool as int64. The type says how results are rounded or wrapped, which the
 * runner does after each node; a kernel is arithmetic on three stores and nothing else. uint64 is held as its bit
 * pattern. A complex number is two floats or two doubles, as a real one would be one; few operators take them
 * (runtime/complex.h). Strings are pointers; a sequence holds arrays; an absent optional is a NULL array pointer.
 *
 * Arrays are counted: array_keep adds an owner, array_drop removes one; the last returns the block to the pool. All of
 * a pool's arrays go when the pool is closed, so an escape (base/memory.h) leaks nothing. Reshaped arrays share
 * data. */
#ifndef RUNTIME_ARRAY_H
#define RUNTIME_ARRAY_H

#include "base/memory.h"
#include "onnx/read/dtype.h"

#define ARRAY_MAX_RANK 32

enum store { STORE_F32, STORE_F64, STORE_I64, STORE_C64, STORE_C128, STORE_TEXT, STORE_SEQUENCE };

struct array {
    enum dtype type; /* of the elements; of a sequence's elements */
    enum store store;
    int rank;      /* 0 for a scalar; 1 for a sequence */
    int64_t count; /* product of dims */
    int64_t dims[ARRAY_MAX_RANK];
    union {
        void *data;
        float *f32; /* of complex elements: real and imaginary parts in turn */
        double *f64;
        int64_t *i64;
        const char **text;    /* the strings live as long as the pool */
        struct array **items; /* owned by the sequence */
    };
    bool lasts;           /* an initializer that is kept for later runs */
    struct array *packed; /* forms of its matrices that products use (math/product.h), each holding the next; or NULL */
    int64_t packed_as[6]; /* of such a form: which one it is */
    struct array_pool *pool;
    struct block *block; /* the counted memory that data points into */
    int owners;
    struct array *next, **link; /* in the pool */
};

/* Memory of one run: recycles blocks of equal size class, and knows all that is out. */
struct array_pool {
    struct memory *memory;
    struct array *arrays;
    struct block *blocks;
    struct block *spare[64];
    size_t spare_bytes;
    struct arena text; /* strings */
};

void pool_open(struct array_pool *pool, struct memory *memory);
void pool_close(struct array_pool *pool);

/* Bytes of one element in memory: 4, 8, 16, or that of a pointer. */
size_t store_size(enum store store);
/* How elements of `type` are held in a run (exact: all real types as double). */
enum store store_of(enum dtype type, bool exact);

/* A new array, elements not set; count and bytes are checked, escapes when they do not fit. Its elements are work,
 * taken before there are any: so an operator that makes much of small inputs is refused before it does. One owner. */
struct array *array_new(struct array_pool *pool, enum dtype type, enum store store, int rank, const int64_t *dims);
/* The same without work, for what is no result: a tensor of the file, room for threads. */
struct array *array_room(struct array_pool *pool, enum dtype type, enum store store, int rank, const int64_t *dims);
/* A string that lives as long as the pool: `length` bytes from `from` (NULL: zeros) and a NUL. They are work, too. */
char *pool_text(struct array_pool *pool, const void *from, size_t length);
/* The same elements under other dims of the same count; shares the block. One owner. */
struct array *array_reshaped(struct array *array, int rank, const int64_t *dims);
/* The same array if `store` agrees (one more owner), else a converted copy. Real <-> real, whole <-> real, complex <->
 * complex. */
struct array *array_stored(struct array *array, enum store store);
struct array *array_keep(struct array *array);
void array_drop(struct array *array); /* NULL is fine */
/* All of a list, whose entries are NULL afterwards. */
void arrays_drop(struct array **arrays, size_t count);
/* Whether nothing else holds the array, or its elements under other dims. */
bool array_is_sole(const struct array *array);
/* Whether all elements are finite, as far as they are doubles; NULL is. */
bool array_is_finite(const struct array *array);

/* Rounds (real) or wraps (whole) all elements to array->type. Nothing for FLOAT in F32, DOUBLE, INT64. */
void array_round(struct array *array);

/* An array as the rest of a run sees it: rounded to its type once, and in the store of its type. What somebody else
 * owns too was settled before. The caller's ownership passes to the result; NULL, strings and sequences are left
 * alone. */
struct array *array_settled(struct array *array, bool exact);

/* Packed little-endian elements of array->type to and from memory (ONNX raw_data). */
void array_to_bytes(const struct array *array, void *bytes);
struct array *array_from_bytes(struct array_pool *pool, enum dtype type, bool exact, int rank, const int64_t *dims,
                               const void *bytes);

#endif
