/* SPDX-License-Identifier: Apache-2.0
 *
 * Floats of at most 16 bits, to and from double.
 *
 * They are rounded straight from double. Adding 2^(e+52-fraction), where e is the number's own exponent (the least
 * normal one for what is below), makes the processor round to the last place of the small type, half to even; the low
 * bits of the sum then hold hidden bit and fraction, and a carry moves into the exponent by itself. So one formula
 * serves normal numbers, subnormal ones and the step between them, without a branch. */
#ifndef ONNX_READ_SMALL_FLOAT_H
#define ONNX_READ_SMALL_FLOAT_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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

/* All bits set where a < b (both below 2^31), else none: selection without branches, which compilers vectorize. */
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

#endif
