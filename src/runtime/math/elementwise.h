/* SPDX-License-Identifier: Apache-2.0
 *
 * Inner loops (broadcast.h) of operators that work element by element, each made of one expression by a macro: over x,
 * or x and y, or x, y and z, with p[], the operator's attributes. REAL_... make two of them: name_f32 and name_f64. */
#ifndef RUNTIME_MATH_ELEMENTWISE_H
#define RUNTIME_MATH_ELEMENTWISE_H

#include "runtime/math/broadcast.h"
#include "runtime/math/simd.h"

/* An inner loop over x = a[i] with p[], the operator's attributes. */
#define UNARY_STRIP(name, in, out, expression)      \
    static void name(const struct inner_loop *loop) \
    {                                               \
        const in *a = loop->from[0];                \
        const double *p = loop->parameters;         \
        out *to = loop->to;                         \
        (void)p;                                    \
        for (int64_t i = 0; i < loop->count; i++) { \
            in x = a[i];                            \
            to[i] = (out)(expression);              \
        }                                           \
    }

/* A function that math/simd.h has in vectors. */
#define VECTOR_STRIP(name, function)                                                               \
    static void name(const struct inner_loop *loop)                                                \
    {                                                                                              \
        loop->simd->each[SIMD_##function](loop->from[0], loop->parameters, loop->count, loop->to); \
    }

#define PAIR_STRIP(name, type, function)                       \
    static void name(const struct inner_loop *loop)            \
    {                                                          \
        elementwise_pair(loop, sizeof(type), SIMD_##function); \
    }

#define CLIP_STRIP(name)                                                                      \
    static void name(const struct inner_loop *loop)                                           \
    {                                                                                         \
        loop->simd->clip(loop->from[0], loop->from[1], loop->from[2], loop->count, loop->to); \
    }

#ifdef __wasm__ /* one loop in the place of three: there size counts */
#define BINARY_STRIP(name, in, out, expression)                      \
    static void name(const struct inner_loop *loop)                  \
    {                                                                \
        const in *a = loop->from[0], *b = loop->from[1];             \
        const double *p = loop->parameters;                          \
        out *to = loop->to;                                          \
        (void)p;                                                     \
        for (int64_t i = 0; i < loop->count; i++) {                  \
            in x = a[loop->moves[0] * i], y = b[loop->moves[1] * i]; \
            to[i] = (out)(expression);                               \
        }                                                            \
    }
#else
#define BINARY_STRIP(name, in, out, expression)          \
    static void name(const struct inner_loop *loop)      \
    {                                                    \
        const in *a = loop->from[0], *b = loop->from[1]; \
        const double *p = loop->parameters;              \
        out *to = loop->to;                              \
        in x = a[0], y = b[0];                           \
        (void)p;                                         \
        if (loop->moves[0] && loop->moves[1])            \
            for (int64_t i = 0; i < loop->count; i++) {  \
                x = a[i];                                \
                y = b[i];                                \
                to[i] = (out)(expression);               \
            }                                            \
        else if (loop->moves[0])                         \
            for (int64_t i = 0; i < loop->count; i++) {  \
                x = a[i];                                \
                to[i] = (out)(expression);               \
            }                                            \
        else                                             \
            for (int64_t i = 0; i < loop->count; i++) {  \
                y = b[loop->moves[1] ? i : 0];           \
                to[i] = (out)(expression);               \
            }                                            \
    }
#endif

/* y and z stand still for the loop. */
#define TERNARY_STRIP(name, in, expression)                                                \
    static void name(const struct inner_loop *loop)                                        \
    {                                                                                      \
        const in *a = loop->from[0];                                                       \
        in y = *(const in *)loop->from[1], z = *(const in *)loop->from[2], *to = loop->to; \
        for (int64_t i = 0; i < loop->count; i++) {                                        \
            in x = a[i];                                                                   \
            to[i] = (in)(expression);                                                      \
        }                                                                                  \
    }

#define REAL_UNARY(name, expression)                  \
    UNARY_STRIP(name##_f32, float, float, expression) \
    UNARY_STRIP(name##_f64, double, double, expression)
#define REAL_VECTOR(name)          \
    VECTOR_STRIP(name##_f32, name) \
    VECTOR_STRIP(name##_f64, name)
#define REAL_PAIR(name)                 \
    PAIR_STRIP(name##_f32, float, name) \
    PAIR_STRIP(name##_f64, double, name)
#define REAL_BINARY(name, expression)                  \
    BINARY_STRIP(name##_f32, float, float, expression) \
    BINARY_STRIP(name##_f64, double, double, expression)
#define REAL_TEST(name, expression)                     \
    UNARY_STRIP(name##_f32, float, int64_t, expression) \
    UNARY_STRIP(name##_f64, double, int64_t, expression)
#define REAL_COMPARE(name, expression)                   \
    BINARY_STRIP(name##_f32, float, int64_t, expression) \
    BINARY_STRIP(name##_f64, double, int64_t, expression)

/* Whole numbers. Arithmetic is that of the two's complement, done unsigned; the runner wraps results to their type. */
#define UNSIGNED(x) ((uint64_t)(x))

#define WHOLE_UNARY(name, expression)     UNARY_STRIP(name##_i64, int64_t, int64_t, expression)
#define WHOLE_BINARY(name, expression)    BINARY_STRIP(name##_i64, int64_t, int64_t, expression)
#define UNSIGNED_BINARY(name, expression) BINARY_STRIP(name##_u64, uint64_t, int64_t, expression)

/* A function of two numbers that math/simd.h has, over elements of `size` bytes. */
void elementwise_pair(const struct inner_loop *loop, size_t size, enum simd_pair pair);

#endif
