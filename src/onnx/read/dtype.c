/* SPDX-License-Identifier: Apache-2.0
 *
 * Element types: a row each, a row more for each of the small floats, and their conversion. */
#include "onnx/read/dtype.h"

#include "base/memory.h"
#include "onnx/read/convert.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "a big-endian machine: ONNX stores elements little-endian, and they are copied as they are");

static const struct {
    const char *name;
    int bits;
    enum kind kind;
    enum dtype_field field;
    int fraction;
    const char *numpy;
    enum dtype stand_in;
} dtypes[DTYPE_COUNT] = {
#define ROW(name, number, text, bits, kind, field, fraction, numpy, stand_in) \
    [number] = { text, bits, KIND_##kind, FIELD_##field, fraction, numpy, DTYPE_##stand_in },
    DTYPES(ROW)
#undef ROW
};

enum {
#define ROW(name, number, text, bits, kind, field, fraction, numpy, stand_in) FRACTION_##name = fraction,
    DTYPES(ROW)
#undef ROW
};

/* The types that C has as well. */
#define C_TYPES(ROW)    \
    ROW(FLOAT, float)   \
    ROW(DOUBLE, double) \
    C_WHOLE_TYPES(ROW)
#define C_WHOLE_TYPES(ROW) \
    ROW(UINT8, uint8_t)    \
    ROW(INT8, int8_t)      \
    ROW(UINT16, uint16_t)  \
    ROW(INT16, int16_t)    \
    ROW(UINT32, uint32_t)  \
    ROW(INT32, int32_t)    \
    ROW(UINT64, uint64_t)  \
    ROW(INT64, int64_t)

static const struct format formats[DTYPE_COUNT] = {
    [DTYPE_FLOAT16] = { FRACTION_FLOAT16, 0x8000, 0x7bff, 0x7c00, 0x7e00, true, 0, 0x1p-14, 65504, 0x1p16 },
    [DTYPE_BFLOAT16] = { FRACTION_BFLOAT16, 0x8000, 0x7f7f, 0x7f80, 0x7fc0, true, 0, 0x1p-126, 0x1.fep127, 0x1p128 },
    [DTYPE_FLOAT8E4M3FN] = { FRACTION_FLOAT8E4M3FN, 0x80, 0x7e, 0x7e, 0x7f, true, 0, 0x1p-6, 448, 0x1p9 },
    [DTYPE_FLOAT8E4M3FNUZ] = { FRACTION_FLOAT8E4M3FNUZ, 0x80, 0x7f, 0x7f, 0x80, false, 0, 0x1p-7, 240, 0x1p8 },
    [DTYPE_FLOAT8E5M2] = { FRACTION_FLOAT8E5M2, 0x80, 0x7b, 0x7c, 0x7e, true, 0, 0x1p-14, 57344, 0x1p16 },
    [DTYPE_FLOAT8E5M2FNUZ] = { FRACTION_FLOAT8E5M2FNUZ, 0x80, 0x7f, 0x7f, 0x80, false, 0, 0x1p-15, 57344, 0x1p16 },
    [DTYPE_FLOAT4E2M1] = { FRACTION_FLOAT4E2M1, 0x8, 0x7, 0x7, 0x7, true, 0, 1, 6, 8 },
    [DTYPE_FLOAT8E8M0] = { FRACTION_FLOAT8E8M0, 0, 0xfe, 0xfe, 0xff, true, 0x1p-127, 0x1p-127, 0x1p127, 0x1p128 },
};

static bool is_type(int64_t type)
{
    return type >= 0 && type < DTYPE_COUNT;
}

const char *dtype_name(int64_t type)
{
    return dtypes[is_type(type) ? type : DTYPE_UNDEFINED].name;
}

enum kind dtype_kind(int64_t type)
{
    return is_type(type) ? dtypes[type].kind : KIND_NONE;
}

int dtype_bits(int64_t type)
{
    return is_type(type) ? dtypes[type].bits : 0;
}

enum dtype_field dtype_field(int64_t type)
{
    return is_type(type) ? dtypes[type].field : FIELD_NONE;
}

int dtype_fraction(int64_t type)
{
    return is_type(type) ? dtypes[type].fraction : 0;
}

const char *dtype_numpy(int64_t type)
{
    return is_type(type) ? dtypes[type].numpy : NULL;
}

enum dtype dtype_stand_in(int64_t type)
{
    return is_type(type) ? dtypes[type].stand_in : DTYPE_UNDEFINED;
}

enum dtype dtype_part(enum dtype type)
{
    return type == DTYPE_COMPLEX64 ? DTYPE_FLOAT : type == DTYPE_COMPLEX128 ? DTYPE_DOUBLE : type;
}

bool dtype_bytes(enum dtype type, int64_t count, int64_t *bytes)
{
    int64_t bits = dtype_bits(type);
    if (bits == 0 || count < 0) return false;
    if (bits >= 8) return size_multiply(count, bits / 8, bytes);
    int64_t in_a_byte = 8 / bits;
    *bytes = count / in_a_byte + (count % in_a_byte != 0);
    return true;
}

int64_t dtype_size(enum dtype type, int64_t count)
{
    int64_t bytes = 0;
    const bool fits = dtype_bytes(type, count, &bytes);
    assert(fits || dtype_bits(type) == 0);
    (void)fits;
    return bytes;
}

/* Element `index` of a type of fewer than 8 bits, sign not extended. */
static inline uint32_t packed_code(const uint8_t *bytes, int64_t index, int bits)
{
    int64_t bit = (index & 7) * bits;
    return (uint32_t)(bytes[(index >> 3) * bits + (bit >> 3)] >> (bit & 7)) & ((1U << bits) - 1);
}

/* In rising order of `index`. */
static inline void set_packed_code(uint8_t *bytes, int64_t index, int bits, uint32_t code)
{
    int64_t bit = (index & 7) * bits;
    uint8_t *byte = &bytes[(index >> 3) * bits + (bit >> 3)];
    uint32_t before = (bit & 7) == 0 ? 0 : *byte; /* so the rest of a last byte is zero */
    *byte = (uint8_t)(before | (code & ((1U << bits) - 1)) << (bit & 7));
}

static inline int64_t extend_sign(enum dtype type, uint32_t code)
{
    bool is_signed = type == DTYPE_INT4 || type == DTYPE_INT2;
    uint32_t sign = is_signed ? 1U << (dtype_bits(type) - 1) : 0;
    return (int64_t)(code ^ sign) - (int64_t)sign;
}

static void load_real_codes(enum dtype type, const uint8_t *bytes, int64_t first, int64_t count, double *to)
{
    const struct format *format = &formats[type];
    int bits = dtype_bits(type);
    if (bits == 16) convert_for(0)->load_small16(format, bytes + first * 2, count, to);
    else if (bits == 8) convert_for(0)->load_small8(format, bytes + first, count, to);
    else
        for (int64_t i = 0; i < count; i++) to[i] = decode(format, packed_code(bytes, first + i, bits));
}

static void store_real_codes(enum dtype type, const double *from, int64_t count, uint8_t *bytes)
{
    const struct format *format = &formats[type];
    int bits = dtype_bits(type);
    if (bits == 16) convert_for(0)->store_small16(format, from, count, bytes);
    else if (bits == 8) convert_for(0)->store_small8(format, from, count, bytes);
    else
        for (int64_t i = 0; i < count; i++) set_packed_code(bytes, i, bits, encode(format, from[i]));
}

/* Truncated; out of range the nearest end, NaN 0. A uint64 comes as its bit pattern. */
static int64_t whole_of(enum dtype type, double value)
{
    if (value != value) return 0;
    if (type == DTYPE_UINT64 && value >= 0x1p63) return value < 0x1p64 ? (int64_t)(uint64_t)value : -1;
    return value >= 0x1p63 ? INT64_MAX : value < -0x1p63 ? INT64_MIN : (int64_t)value;
}

void dtype_load_real(enum dtype type, const void *bytes, int64_t first, int64_t count, double *to)
{
    const uint8_t *from = bytes;
    switch (type) {
    case DTYPE_FLOAT: convert_for(0)->load_float(from + first * (int64_t)sizeof(float), count, to); return;
    case DTYPE_DOUBLE:
        if (count > 0) memcpy(to, from + first * (int64_t)sizeof *to, (size_t)count * sizeof *to);
        return;
#define ROW(name, ctype)                                                                    \
    case DTYPE_##name:                                                                      \
        for (int64_t i = 0; i < count; i++) {                                               \
            ctype element;                                                                  \
            memcpy(&element, from + (first + i) * (int64_t)sizeof element, sizeof element); \
            to[i] = (double)element;                                                        \
        }                                                                                   \
        return;
        C_WHOLE_TYPES(ROW)
#undef ROW
    case DTYPE_BOOL:
        for (int64_t i = 0; i < count; i++) to[i] = from[first + i] != 0;
        return;
    case DTYPE_UINT4:
    case DTYPE_INT4:
    case DTYPE_UINT2:
    case DTYPE_INT2:
        for (int64_t i = 0; i < count; i++)
            to[i] = (double)extend_sign(type, packed_code(from, first + i, dtype_bits(type)));
        return;
    default: assert(dtype_kind(type) == KIND_REAL); load_real_codes(type, from, first, count, to);
    }
}

void dtype_load_whole(enum dtype type, const void *bytes, int64_t first, int64_t count, int64_t *to)
{
    const uint8_t *from = bytes;
    switch (type) {
#define ROW(name, ctype)                                                                    \
    case DTYPE_##name:                                                                      \
        for (int64_t i = 0; i < count; i++) {                                               \
            ctype element;                                                                  \
            memcpy(&element, from + (first + i) * (int64_t)sizeof element, sizeof element); \
            to[i] = (int64_t)element;                                                       \
        }                                                                                   \
        return;
        C_WHOLE_TYPES(ROW)
#undef ROW
    case DTYPE_BOOL:
        for (int64_t i = 0; i < count; i++) to[i] = from[first + i] != 0;
        return;
    case DTYPE_UINT4:
    case DTYPE_INT4:
    case DTYPE_UINT2:
    case DTYPE_INT2:
        for (int64_t i = 0; i < count; i++) to[i] = extend_sign(type, packed_code(from, first + i, dtype_bits(type)));
        return;
    default:
        assert(dtype_kind(type) == KIND_REAL);
        for (int64_t i = 0; i < count; i++) {
            double value;
            dtype_load_real(type, bytes, first + i, 1, &value);
            to[i] = whole_of(type, value);
        }
    }
}

void dtype_store_whole(enum dtype type, const int64_t *from, int64_t count, void *bytes)
{
    uint8_t *to = bytes;
    switch (type) {
#define ROW(name, ctype)                                                        \
    case DTYPE_##name:                                                          \
        for (int64_t i = 0; i < count; i++) {                                   \
            ctype element = (ctype)from[i];                                     \
            memcpy(to + i * (int64_t)sizeof element, &element, sizeof element); \
        }                                                                       \
        return;
        C_TYPES(ROW)
#undef ROW
    case DTYPE_BOOL:
        for (int64_t i = 0; i < count; i++) to[i] = from[i] != 0;
        return;
    case DTYPE_UINT4:
    case DTYPE_INT4:
    case DTYPE_UINT2:
    case DTYPE_INT2:
        for (int64_t i = 0; i < count; i++) set_packed_code(to, i, dtype_bits(type), (uint32_t)from[i]);
        return;
    default:
        assert(dtype_kind(type) == KIND_REAL);
        const struct format format = formats[type];
        for (int64_t i = 0; i < count; i++) {
            uint32_t code = encode(&format, (double)from[i]);
            if (dtype_bits(type) < 8) set_packed_code(to, i, dtype_bits(type), code);
            else memcpy(to + i * dtype_bits(type) / 8, &code, (size_t)dtype_bits(type) / 8);
        }
    }
}

void dtype_store_real(enum dtype type, const double *from, int64_t count, void *bytes)
{
    uint8_t *to = bytes;
    switch (type) {
    case DTYPE_FLOAT: convert_for(0)->store_float(from, count, to); return;
    case DTYPE_DOUBLE:
        if (count > 0) memcpy(to, from, (size_t)count * sizeof *from);
        return;
    default:
        if (dtype_kind(type) == KIND_REAL) {
            store_real_codes(type, from, count, to);
            return;
        }
        assert(dtype_kind(type) == KIND_WHOLE);
        /* In eights, so that types that share bytes begin at one. */
        for (int64_t i = 0; i < count; i += 8) {
            int64_t whole[8], n = count - i < 8 ? count - i : 8;
            for (int64_t k = 0; k < n; k++)
                whole[k] = type == DTYPE_BOOL ? from[i + k] != 0 : whole_of(type, from[i + k]);
            dtype_store_whole(type, whole, n, to + i / 8 * dtype_bits(type));
        }
    }
}

/* At a glance, where there is one. */
static bool may_not_be_finite(enum dtype type, const uint8_t *bytes, int64_t count)
{
    switch (type) {
    case DTYPE_FLOAT: return convert_for(0)->any_above32(bytes, count, 0x7f7fffff);
    case DTYPE_FLOAT16:
    case DTYPE_BFLOAT16: return convert_for(0)->any_above16(bytes, count, (uint16_t)formats[type].top);
    default: return dtype_kind(type) == KIND_REAL;
    }
}

int64_t dtype_first_not_finite(enum dtype type, const void *bytes, int64_t count)
{
    double value;
    if (!may_not_be_finite(type, bytes, count)) return -1;
    for (int64_t i = 0; i < count; i++) {
        dtype_load_real(type, bytes, i, 1, &value);
        if (value * 0 != 0) return i; /* NaN */
    }
    return -1;
}

double dtype_round(enum dtype type, double value)
{
    uint8_t element[8] = { 0 };
    if (type == DTYPE_DOUBLE) return value;
    if (type == DTYPE_FLOAT) return (double)(float)value;
    dtype_store_real(type, &value, 1, element);
    dtype_load_real(type, element, 0, 1, &value);
    return value;
}

bool dtype_all_finite(enum dtype type, const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(dtype_round(type, values[i]))) return false;
    return true;
}

int64_t dtype_wrap(enum dtype type, int64_t value)
{
    uint8_t element[8] = { 0 };
    if (type == DTYPE_INT64 || type == DTYPE_UINT64) return value;
    dtype_store_whole(type, &value, 1, element);
    dtype_load_whole(type, element, 0, 1, &value);
    return value;
}
