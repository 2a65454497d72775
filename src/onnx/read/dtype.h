/* SPDX-License-Identifier: Apache-2.0
 *
 * The element types of ONNX (TensorProto.DataType, IR 14), one row each.
 *
 * Elements lie packed and little-endian, as in raw_data; 4-bit and 2-bit types hold the first element in the low bits
 * of a byte. Conversions go through double (real types) or int64_t (whole types), rounding or wrapping once. */
#ifndef ONNX_READ_DTYPE_H
#define ONNX_READ_DTYPE_H

#include "base/error.h"

enum kind { KIND_NONE, KIND_REAL, KIND_WHOLE, KIND_STRING, KIND_COMPLEX };

/*       name             ONNX text               bits  kind */
#define DTYPES(ROW)                                    \
    ROW(UNDEFINED, 0, "undefined", 0, NONE)            \
    ROW(FLOAT, 1, "float32", 32, REAL)                 \
    ROW(UINT8, 2, "uint8", 8, WHOLE)                   \
    ROW(INT8, 3, "int8", 8, WHOLE)                     \
    ROW(UINT16, 4, "uint16", 16, WHOLE)                \
    ROW(INT16, 5, "int16", 16, WHOLE)                  \
    ROW(INT32, 6, "int32", 32, WHOLE)                  \
    ROW(INT64, 7, "int64", 64, WHOLE)                  \
    ROW(STRING, 8, "string", 0, STRING)                \
    ROW(BOOL, 9, "bool", 8, WHOLE)                     \
    ROW(FLOAT16, 10, "float16", 16, REAL)              \
    ROW(DOUBLE, 11, "float64", 64, REAL)               \
    ROW(UINT32, 12, "uint32", 32, WHOLE)               \
    ROW(UINT64, 13, "uint64", 64, WHOLE)               \
    ROW(COMPLEX64, 14, "complex64", 64, COMPLEX)       \
    ROW(COMPLEX128, 15, "complex128", 128, COMPLEX)    \
    ROW(BFLOAT16, 16, "bfloat16", 16, REAL)            \
    ROW(FLOAT8E4M3FN, 17, "float8e4m3fn", 8, REAL)     \
    ROW(FLOAT8E4M3FNUZ, 18, "float8e4m3fnuz", 8, REAL) \
    ROW(FLOAT8E5M2, 19, "float8e5m2", 8, REAL)         \
    ROW(FLOAT8E5M2FNUZ, 20, "float8e5m2fnuz", 8, REAL) \
    ROW(UINT4, 21, "uint4", 4, WHOLE)                  \
    ROW(INT4, 22, "int4", 4, WHOLE)                    \
    ROW(FLOAT4E2M1, 23, "float4e2m1", 4, REAL)         \
    ROW(FLOAT8E8M0, 24, "float8e8m0", 8, REAL)         \
    ROW(UINT2, 25, "uint2", 2, WHOLE)                  \
    ROW(INT2, 26, "int2", 2, WHOLE)

enum dtype {
#define ROW(name, number, text, bits, kind) DTYPE_##name = number,
    DTYPES(ROW)
#undef ROW
        DTYPE_COUNT
};

/* Every function below accepts any number a file may hold; those that are no type read as UNDEFINED. */
const char *dtype_name(int64_t type);
enum kind dtype_kind(int64_t type);
int dtype_bits(int64_t type); /* 0 for strings and unknown types */

/* Bytes of `count` packed elements; false on overflow or a type without a size. */
bool dtype_bytes(enum dtype type, int64_t count, int64_t *bytes);

/* Elements first .. first+count-1 of packed `bytes`, converted. Real and whole types alike; bool reads as 0 or 1. */
void dtype_load_real(enum dtype type, const void *bytes, int64_t first, int64_t count, double *to);
void dtype_load_whole(enum dtype type, const void *bytes, int64_t first, int64_t count, int64_t *to);
/* To packed elements starting at element 0 of `bytes`. Real: round half to even straight from double (no double
 * rounding), overflow to infinity where the type has one, else saturate. Whole: wrap; bool: non-zero is 1. */
void dtype_store_real(enum dtype type, const double *from, int64_t count, void *bytes);
void dtype_store_whole(enum dtype type, const int64_t *from, int64_t count, void *bytes);

/* What a stored value of the type would read back as. */
double dtype_round(enum dtype type, double value);
int64_t dtype_wrap(enum dtype type, int64_t value);

#endif
