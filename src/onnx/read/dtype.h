/* SPDX-License-Identifier: Apache-2.0
 *
 * The element types of ONNX (TensorProto.DataType, IR 14), one row each.
 *
 * Elements are packed and little-endian, as in raw_data; 4-bit and 2-bit types hold the first element in the low bits
 * of a byte. Conversions go through double (real types) or int64_t (whole types), rounding or wrapping once. */
#ifndef ONNX_READ_DTYPE_H
#define ONNX_READ_DTYPE_H

#include "base/error.h"

enum kind { KIND_NONE, KIND_REAL, KIND_WHOLE, KIND_STRING, KIND_COMPLEX };

/* Columns: name, number, ONNX text, bits, kind; the field of TensorProto that holds its elements; bits of a float's
 * fraction; its form in numpy, NULL if it has none; the type that stands for it there. */
#define DTYPES(ROW)                                                                \
    ROW(UNDEFINED, 0, "undefined", 0, NONE, NONE, 0, NULL, UNDEFINED)              \
    ROW(FLOAT, 1, "float32", 32, REAL, FLOAT, 23, "<f4", FLOAT)                    \
    ROW(UINT8, 2, "uint8", 8, WHOLE, INT32, 0, "|u1", UINT8)                       \
    ROW(INT8, 3, "int8", 8, WHOLE, INT32, 0, "|i1", INT8)                          \
    ROW(UINT16, 4, "uint16", 16, WHOLE, INT32, 0, "<u2", UINT16)                   \
    ROW(INT16, 5, "int16", 16, WHOLE, INT32, 0, "<i2", INT16)                      \
    ROW(INT32, 6, "int32", 32, WHOLE, INT32, 0, "<i4", INT32)                      \
    ROW(INT64, 7, "int64", 64, WHOLE, INT64, 0, "<i8", INT64)                      \
    ROW(STRING, 8, "string", 0, STRING, STRING, 0, NULL, UNDEFINED)                \
    ROW(BOOL, 9, "bool", 8, WHOLE, INT32, 0, "|b1", BOOL)                          \
    ROW(FLOAT16, 10, "float16", 16, REAL, INT32, 10, "<f2", FLOAT16)               \
    ROW(DOUBLE, 11, "float64", 64, REAL, DOUBLE, 52, "<f8", DOUBLE)                \
    ROW(UINT32, 12, "uint32", 32, WHOLE, UINT64, 0, "<u4", UINT32)                 \
    ROW(UINT64, 13, "uint64", 64, WHOLE, UINT64, 0, "<u8", UINT64)                 \
    ROW(COMPLEX64, 14, "complex64", 64, COMPLEX, FLOAT, 0, "<c8", COMPLEX64)       \
    ROW(COMPLEX128, 15, "complex128", 128, COMPLEX, DOUBLE, 0, "<c16", COMPLEX128) \
    ROW(BFLOAT16, 16, "bfloat16", 16, REAL, INT32, 7, NULL, FLOAT)                 \
    ROW(FLOAT8E4M3FN, 17, "float8e4m3fn", 8, REAL, INT32, 3, NULL, FLOAT)          \
    ROW(FLOAT8E4M3FNUZ, 18, "float8e4m3fnuz", 8, REAL, INT32, 3, NULL, FLOAT)      \
    ROW(FLOAT8E5M2, 19, "float8e5m2", 8, REAL, INT32, 2, NULL, FLOAT)              \
    ROW(FLOAT8E5M2FNUZ, 20, "float8e5m2fnuz", 8, REAL, INT32, 2, NULL, FLOAT)      \
    ROW(UINT4, 21, "uint4", 4, WHOLE, INT32, 0, NULL, UINT8)                       \
    ROW(INT4, 22, "int4", 4, WHOLE, INT32, 0, NULL, INT8)                          \
    ROW(FLOAT4E2M1, 23, "float4e2m1", 4, REAL, INT32, 1, NULL, FLOAT)              \
    ROW(FLOAT8E8M0, 24, "float8e8m0", 8, REAL, INT32, 0, NULL, FLOAT)              \
    ROW(UINT2, 25, "uint2", 2, WHOLE, INT32, 0, NULL, UINT8)                       \
    ROW(INT2, 26, "int2", 2, WHOLE, INT32, 0, NULL, INT8)

enum dtype_field { FIELD_NONE, FIELD_FLOAT, FIELD_DOUBLE, FIELD_INT32, FIELD_INT64, FIELD_UINT64, FIELD_STRING };

enum dtype {
#define ROW(name, number, ...) DTYPE_##name = number,
    DTYPES(ROW)
#undef ROW
        DTYPE_COUNT
};

/* Every function below accepts any number a file may hold; those that are no type read as UNDEFINED. */
const char *dtype_name(int64_t type);
enum kind dtype_kind(int64_t type);
int dtype_bits(int64_t type); /* 0 for strings and unknown types */
enum dtype_field dtype_field(int64_t type);
int dtype_fraction(int64_t type);        /* bits; 0 for what is no float */
const char *dtype_numpy(int64_t type);   /* "<f4"; NULL without a numpy form */
enum dtype dtype_stand_in(int64_t type); /* itself with a numpy form; UNDEFINED when nothing stands for it */

/* The real type of which a complex one is two; any other type itself. */
enum dtype dtype_part(enum dtype type);

/* Bytes of `count` packed elements; false on overflow or a type without a size. */
bool dtype_bytes(enum dtype type, int64_t count, int64_t *bytes);
/* The same of elements that are there, which fit; 0 of strings. */
int64_t dtype_size(enum dtype type, int64_t count);

/* Elements first .. first+count-1 of packed `bytes`, converted. Real and whole types alike; bool reads as 0 or 1. */
void dtype_load_real(enum dtype type, const void *bytes, int64_t first, int64_t count, double *to);
void dtype_load_whole(enum dtype type, const void *bytes, int64_t first, int64_t count, int64_t *to);
/* To packed elements starting at element 0 of `bytes`. Real: round half to even straight from double (no double
 * rounding), overflow to infinity where the type has one, else saturate. Whole: wrap; bool: non-zero is 1. */
void dtype_store_real(enum dtype type, const double *from, int64_t count, void *bytes);
void dtype_store_whole(enum dtype type, const int64_t *from, int64_t count, void *bytes);

/* The first of packed elements that is infinite or NaN; -1 if there is none, as in types that have neither. */
int64_t dtype_first_not_finite(enum dtype type, const void *bytes, int64_t count);

/* What a stored value of the type would read back as. */
double dtype_round(enum dtype type, double value);
/* Whether all of them stay finite. */
bool dtype_all_finite(enum dtype type, const double *values, int64_t count);
int64_t dtype_wrap(enum dtype type, int64_t value);

#endif
