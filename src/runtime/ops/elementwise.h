/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators of one input that work element by element, and what applies them by their names.
 *
 * Such a row has `.run = elementwise_unary` and an operation as its data. */
#ifndef RUNTIME_OPS_ELEMENTWISE_H
#define RUNTIME_OPS_ELEMENTWISE_H

#include "runtime/math/broadcast.h"

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

struct attribute {
    const char *name;
    double absent;
};

/* The loops of an operator for each store (NULL: not defined there; u64 NULL: as i64), its attributes, and whether its
 * result is BOOL. */
struct operation {
    inner_loop_function f32, f64, i64, u64, text;
    bool is_test;
    struct attribute attributes[2];
};

#define OF(...)               \
    &(const struct operation) \
    {                         \
        __VA_ARGS__           \
    }

bool elementwise_unary(struct call *call);

/* The row of an activation, whose case does not count: of an operator that elementwise_unary runs. NULL: none. */
const struct operator_row *activation_find(const char *name);

#endif
