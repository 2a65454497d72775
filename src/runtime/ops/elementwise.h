/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that work element by element: such a row has one of the kernels below, and as its data an operation: the
 * inner loops (math/elementwise.h) for each store. Kernels of other operands are made of what follows them here. */
#ifndef RUNTIME_OPS_ELEMENTWISE_H
#define RUNTIME_OPS_ELEMENTWISE_H

#include "runtime/kernel.h"
#include "runtime/math/broadcast.h"

struct attribute {
    const char *name;
    double absent;
};

/* The loops of an operator for each store (NULL: not defined there; u64 NULL: as i64), its attributes, whether its
 * result is BOOL, and what a real element costs at worst beyond that it is read and written, in WORK_ELEMENTs. */
struct operation {
    inner_loop_function f32, f64, i64, u64, text;
    bool is_test;
    struct attribute attributes[2];
    short work;
};

#define OF(...)               \
    &(const struct operation) \
    {                         \
        __VA_ARGS__           \
    }

/* Loops by the kinds of numbers that they are defined on. */
#define REALS(name)   .f32 = name##_f32, .f64 = name##_f64
#define WHOLES(name)  .i64 = name##_i64
#define BOTH(name)    REALS(name), WHOLES(name)
#define ALL(name)     BOTH(name), .u64 = name##_u64
#define ALPHA(absent) .attributes = { { "alpha", absent } }

/* One of two operations, the second where the attribute is so. */
struct choice {
    const char *attribute, *text; /* text NULL: an integer other than 0 */
    struct operation otherwise, chosen;
};

#define EITHER(...)        \
    &(const struct choice) \
    {                      \
        __VA_ARGS__        \
    }

/* The number that leaves the other operand as it is (operator.h). */
#define NEUTRAL(...)        \
    &(const struct neutral) \
    {                       \
        __VA_ARGS__         \
    }

/* Kernels of one input, and of two, which broadcast; before opset 7 only as `broadcast` and `axis` say. */
bool elementwise_unary(struct call *call);
bool elementwise_binary(struct call *call);
bool elementwise_binary_aligned(struct call *call);
/* The same with a struct choice as data. */
bool elementwise_unary_choice(struct call *call);
bool elementwise_binary_choice(struct call *call);
/* Sum, Max, Min: of all inputs, from left to right. */
bool elementwise_fold(struct call *call);

/* An operation on arrays, which broadcast; *to is new, or NULL for a call that joins. False with a line. */
bool elementwise_apply(struct call *call, const struct operation *operation, size_t count,
                       const struct array *const *from, struct array **to);
/* On two arrays as input 0 and 1 of the call, of which it gives output 0. */
bool elementwise_combine(struct call *call, const struct operation *operation, const struct array *a,
                         const struct array *b);
/* The loop for an array's elements; NULL: not defined there. */
inner_loop_function elementwise_loop(const struct operation *operation, const struct array *array);
/* The array with its dims followed by as many ones as make its first dim stand at `axis` of `rank` dims. NULL: no. */
struct array *elementwise_aligned_at(struct array *array, int64_t axis, int rank);
/* Whether the first `count` inputs are there; a line where not. */
bool elementwise_present(struct call *call, size_t count);
/* Fails: false. */
bool elementwise_no_type(struct call *call, const struct array *array);

#endif
