/* SPDX-License-Identifier: Apache-2.0
 *
 * Element types: a row each, a row more for each of the small floats, and loops that convert.
 *
 * Floats of 16 bits and fewer are rounded straight from double. Adding 2^(e+52-fraction), where e is the number's own
 * exponent (the least normal one for what is below), makes the processor round to the last place of the small type,
 * half to even; the low bits of the sum then hold hidden bit and fraction, and a carry moves into the exponent by
 * itself. So one formula serves normal numbers, subnormal ones and the step between them, without a branch. */
#include "onnx/read/dtype.h"

#include "base/memory.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements lie little-endian, and are copied as they lie");

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

/* A float of at most 16 bits. */
struct format {
    int fraction;           /* bits of it */
    uint32_t sign;          /* the sign's bit; 0: no sign */
    uint32_t top;           /* code of the largest finite number */
    uint32_t overflow;      /* code of what is larger: infinity, or top */
    uint32_t nan;           /* what NaN becomes */
    bool minus_zero;        /* false: that code is the NaN */
    double lowest;          /* what smaller magnitudes become: the least power of two where there is no zero */
    double normal, largest; /* the least normal and the largest finite number */
    double limit;           /* the power of two above `largest` */
};

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

bool dtype_bytes(enum dtype type, int64_t count, int64_t *bytes)
{
    int64_t bits = dtype_bits(type);
    if (bits == 0 || count < 0) return false;
    if (bits >= 8) return size_multiply(count, bits / 8, bytes);
    int64_t in_a_byte = 8 / bits;
    *bytes = count / in_a_byte + (count % in_a_byte != 0);
    return true;
}

static inline uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t encode(const struct format *f, double value)
{
    double size = fabs(value);
    size = size > f->limit ? f->limit : size;
    size = size < f->lowest ? f->lowest : size;
    double normal = size > f->normal ? size : f->normal;
    uint64_t exponent = bits_of(normal) >> 52;
    double step = double_of((exponent + 52 - (uint64_t)f->fraction) << 52);
    double sum = size + step;
    uint64_t code = bits_of(sum) - bits_of(step) + ((exponent - (bits_of(f->normal) >> 52)) << f->fraction);
    code -= f->lowest > 0; /* no hidden bit to carry into exponent 1 */
    double rounded = sum - step;
    code = rounded > f->largest ? f->overflow : code;
    uint64_t sign = (bits_of(value) >> 63) * f->sign;
    sign = f->minus_zero || rounded > 0 ? sign : 0;
    code = value != value ? f->nan : code;
    return (uint32_t)(code | sign);
}

/* All bits set where a < b (both below 2^31), else none: selection without branches, which compilers vectorise. */
static inline uint64_t mask_less(uint32_t a, uint32_t b)
{
    return 0 - (uint64_t)((a - b) >> 31);
}

static inline double decode(const struct format *f, uint32_t code)
{
    const uint64_t exponent_one = 1ULL << 52, infinity = 0x7ffULL << 52, quiet_nan = 0xfffULL << 51;
    const bool has_hidden_bit = f->lowest == 0;
    const uint64_t bias = (bits_of(f->normal) >> 52) - has_hidden_bit;
    const uint64_t special = f->overflow != f->top ? infinity : quiet_nan;
    const int shift = 32 + __builtin_clz(f->sign | 1); /* of the sign to the top of a double */
    const uint32_t only_nan = f->minus_zero ? INT32_MAX : f->sign, rest = code & ~f->sign;
    /* A subnormal number gets a hidden bit that is subtracted again. */
    const uint64_t subnormal = mask_less(rest, has_hidden_bit ? 1U << f->fraction : 0);
    uint64_t bits = ((uint64_t)rest << (52 - f->fraction)) + (bias << 52) + (subnormal & exponent_one);
    bits = bits_of(double_of(bits) - double_of(subnormal & bits_of(f->normal)));
    bits |= mask_less(f->top, rest) & special;
    bits |= mask_less(code ^ only_nan, 1) & quiet_nan;
    return double_of(bits | (uint64_t)(code & f->sign) << shift);
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
    const struct format format = formats[type];
    int bits = dtype_bits(type);
    if (bits == 16)
        for (int64_t i = 0; i < count; i++) {
            uint16_t code;
            memcpy(&code, bytes + (first + i) * 2, sizeof code);
            to[i] = decode(&format, code);
        }
    else if (bits == 8)
        for (int64_t i = 0; i < count; i++) to[i] = decode(&format, bytes[first + i]);
    else
        for (int64_t i = 0; i < count; i++) to[i] = decode(&format, packed_code(bytes, first + i, bits));
}

static void store_real_codes(enum dtype type, const double *from, int64_t count, uint8_t *bytes)
{
    const struct format format = formats[type];
    int bits = dtype_bits(type);
    if (bits == 16)
        for (int64_t i = 0; i < count; i++) {
            uint16_t code = (uint16_t)encode(&format, from[i]);
            memcpy(bytes + i * 2, &code, sizeof code);
        }
    else if (bits == 8)
        for (int64_t i = 0; i < count; i++) bytes[i] = (uint8_t)encode(&format, from[i]);
    else
        for (int64_t i = 0; i < count; i++) set_packed_code(bytes, i, bits, encode(&format, from[i]));
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
#define ROW(name, ctype)                                                                    \
    case DTYPE_##name:                                                                      \
        for (int64_t i = 0; i < count; i++) {                                               \
            ctype element;                                                                  \
            memcpy(&element, from + (first + i) * (int64_t)sizeof element, sizeof element); \
            to[i] = (double)element;                                                        \
        }                                                                                   \
        return;
        C_TYPES(ROW)
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
    case DTYPE_FLOAT:
        for (int64_t i = 0; i < count; i++) {
            float element = (float)from[i];
            memcpy(to + i * (int64_t)sizeof element, &element, sizeof element);
        }
        return;
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

double dtype_round(enum dtype type, double value)
{
    uint8_t element[8] = { 0 };
    if (type == DTYPE_DOUBLE) return value;
    if (type == DTYPE_FLOAT) return (double)(float)value;
    dtype_store_real(type, &value, 1, element);
    dtype_load_real(type, element, 0, 1, &value);
    return value;
}

int64_t dtype_wrap(enum dtype type, int64_t value)
{
    uint8_t element[8] = { 0 };
    if (type == DTYPE_INT64 || type == DTYPE_UINT64) return value;
    dtype_store_whole(type, &value, 1, element);
    dtype_load_whole(type, element, 0, 1, &value);
    return value;
}
