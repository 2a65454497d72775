/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements one at a time, whatever the store: for kernels whose time goes elsewhere. */
#ifndef RUNTIME_ELEMENT_H
#define RUNTIME_ELEMENT_H

#include "runtime/array.h"

/* Element i of an array of numbers as a double. */
static inline double element_real(const struct array *array, int64_t i)
{
    if (array->store == STORE_F32) return (double)array->f32[i];
    return array->store == STORE_F64 ? array->f64[i] : (double)array->i64[i];
}

/* The greater of a number and a next one, which does not count when it is NaN: fmax where `so_far` is a number. As a
 * comparison, because gcc 12 for AArch64 stops with an internal error where it makes vectors of fmax over
 * element_real. */
static inline double greatest_so_far(double so_far, double next)
{
    return next > so_far ? next : so_far;
}

static inline double least_so_far(double so_far, double next)
{
    return next < so_far ? next : so_far;
}

/* Sets element i of an array of numbers; whole ones are cut off, and hold what a double of that size can be. */
static inline void element_put(struct array *array, int64_t i, double value)
{
    if (array->store == STORE_F32) array->f32[i] = (float)value;
    else if (array->store == STORE_F64) array->f64[i] = value;
    else array->i64[i] = (int64_t)value;
}

/* Whether the array is a tensor of real numbers, of whole numbers (bool too), or of strings. */
static inline bool is_real(const struct array *array)
{
    return array->store == STORE_F32 || array->store == STORE_F64;
}

static inline bool is_whole(const struct array *array)
{
    return array->store == STORE_I64;
}

static inline bool is_text(const struct array *array)
{
    return array->store == STORE_TEXT;
}

static inline bool is_complex(const struct array *array)
{
    return array->store == STORE_C64 || array->store == STORE_C128;
}

/* The parts of a complex array as a list of real numbers, real and imaginary ones in turn: a view, which owns
 * nothing. */
static inline struct array element_parts(const struct array *array)
{
    return (struct array){ .type = dtype_part(array->type),
                           .store = array->store == STORE_C64 ? STORE_F32 : STORE_F64,
                           .rank = 1,
                           .count = 2 * array->count,
                           .dims = { 2 * array->count },
                           .data = array->data };
}

static inline bool is_tensor(const struct array *array)
{
    return array->store != STORE_SEQUENCE;
}

#endif
