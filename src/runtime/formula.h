/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators inside a kernel: what is said to be a formula of other operators is computed as one.
 *
 *     struct formula f;
 *     formula_open(&f, call);
 *     struct array *x = call_input(call, 0);
 *     formula_give(&f, 0, formula_mul(&f, x, formula_add(&f, x, x)));
 *     return formula_close(&f);
 *
 * Each step is a kernel of ai.onnx at its newest opset, with all that the runner does around one. The arrays a formula
 * makes are its own until formula_close; a result that is wanted longer is kept (array_keep) or given. The first step
 * that fails leaves the call's error, and those after it return NULL without doing anything, so that only the end is
 * asked. */
#ifndef RUNTIME_FORMULA_H
#define RUNTIME_FORMULA_H

#include "runtime/kernel.h"
#include "runtime/tape.h"

struct formula {
    struct call *call;
    struct tape *tape; /* of the call */
    bool failed;
    int64_t opset;         /* of the steps; the newest unless set */
    struct arena *scratch; /* of one step */
    struct array **made;
    size_t count, room;
};

void formula_open(struct formula *f, struct call *call);
/* Drops what was made. False when a step failed. */
bool formula_close(struct formula *f);

/* Attributes of a step; a list of them is ended by one without name. */
struct setting {
    const char *name;
    enum { SETTING_INT, SETTING_FLOAT, SETTING_TEXT, SETTING_INTS } kind;
    int64_t whole;
    float real;
    const char *text;
    const int64_t *list;
    size_t count;
};
#define SET_INT(n, v)                                  \
    {                                                  \
        .name = (n), .kind = SETTING_INT, .whole = (v) \
    }
#define SET_FLOAT(n, v)                                 \
    {                                                   \
        .name = (n), .kind = SETTING_FLOAT, .real = (v) \
    }
#define SET_TEXT(n, v)                                 \
    {                                                  \
        .name = (n), .kind = SETTING_TEXT, .text = (v) \
    }
#define SET_INTS(n, l, c)                                                    \
    {                                                                        \
        .name = (n), .kind = SETTING_INTS, .list = (l), .count = (size_t)(c) \
    }
#define SETTINGS(...) ((const struct setting[]){ __VA_ARGS__, { 0 } })
#define FROM(...)     (struct array *[]){ __VA_ARGS__ }, sizeof((struct array *[]){ __VA_ARGS__ }) / sizeof(void *)

/* Output 0 of an operator; settings may be NULL. */
struct array *formula_op(struct formula *f, const char *op, const struct setting *settings, struct array *const *inputs,
                         size_t count);
/* The first `wanted` outputs; false, with NULLs, when a step failed. */
bool formula_ops(struct formula *f, const char *op, const struct setting *settings, struct array *const *inputs,
                 size_t count, struct array **outputs, size_t wanted);
/* An operator with the attributes of the call's own node. */
struct array *formula_own(struct formula *f, const char *op, struct array *const *inputs, size_t count);
bool formula_owns(struct formula *f, const char *op, struct array *const *inputs, size_t count, struct array **outputs,
                  size_t wanted);

/* The call's own node on other inputs. `outputs` has room for as many as the node has; absent ones are NULL. */
bool formula_repeat(struct formula *f, struct array *const *inputs, size_t count, struct array **outputs);

/* An array is the formula's from now on, and returned. */
struct array *formula_hold(struct formula *f, struct array *array);
/* Output `slot` of the call, if it is wanted and no step failed. */
void formula_give(struct formula *f, size_t slot, struct array *array);
/* Fails as a step would. Returns NULL. */
struct array *formula_fail(struct formula *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for what this program does not do. Returns false. */
bool formula_refuse(struct formula *f, const char *what);

/* A constant: one number of a type. */
struct array *formula_number(struct formula *f, enum dtype type, double value);

/* What formulas are mostly made of. */
struct array *formula_add(struct formula *f, struct array *a, struct array *b);
struct array *formula_sub(struct formula *f, struct array *a, struct array *b);
struct array *formula_mul(struct formula *f, struct array *a, struct array *b);
struct array *formula_div(struct formula *f, struct array *a, struct array *b);
struct array *formula_scaled(struct formula *f, struct array *a, double factor); /* times a number of its type */
struct array *formula_shifted(struct formula *f, struct array *a, double term);
struct array *formula_matmul(struct formula *f, struct array *a, struct array *b);
struct array *formula_cast(struct formula *f, struct array *a, enum dtype type);
struct array *formula_transposed(struct formula *f, struct array *a, const int64_t *order);
/* Exchanges the last two axes. */
struct array *formula_turned(struct formula *f, struct array *a);
struct array *formula_reshaped(struct formula *f, struct array *a, int rank, const int64_t *dims);
/* Sums over axes; `keep` leaves them as 1. */
struct array *formula_sum(struct formula *f, struct array *a, const int64_t *axes, int64_t count, bool keep);
struct array *formula_mean(struct formula *f, struct array *a, const int64_t *axes, int64_t count, bool keep);
struct array *formula_expanded(struct formula *f, struct array *a, int rank, const int64_t *dims);
struct array *formula_concat(struct formula *f, struct array *const *parts, size_t count, int axis);
/* 1 where two arrays are equal, else 0, as numbers of b's type. */
struct array *formula_equal(struct formula *f, struct array *a, struct array *b);
struct array *formula_absolute(struct formula *f, struct array *a);
struct array *formula_power(struct formula *f, struct array *a, double exponent);
struct array *formula_root(struct formula *f, struct array *a);
/* Along the last axis. */
struct array *formula_softmax(struct formula *f, struct array *a);
/* a * sigmoid(slope * a) */
struct array *formula_swish(struct formula *f, struct array *a, double slope);
/* Between two numbers; an infinite one is none. */
struct array *formula_clipped(struct formula *f, struct array *a, double low, double high);
struct array *formula_where(struct formula *f, struct array *condition, struct array *a, struct array *b);
struct array *formula_gather(struct formula *f, struct array *table, struct array *indices, int axis);
/* `into` with the elements of `from` where `at` says along an axis. */
struct array *formula_scattered(struct formula *f, struct array *into, struct array *at, struct array *from,
                                int64_t axis);
/* 1 / sqrt(a + term) */
struct array *formula_inverse_root(struct formula *f, struct array *a, double term);
/* Whole numbers as the real ones that they stand for; the zero point may be NULL. */
struct array *formula_dequantized(struct formula *f, struct array *q, struct array *scale, struct array *zero);
struct array *formula_dequantized_along(struct formula *f, struct array *q, struct array *scale, struct array *zero,
                                        int64_t axis);
/* Real numbers as bytes, by a scale and a zero point that suit them: q[0] to q[2]. */
bool formula_quantized_by_range(struct formula *f, struct array *a, struct array **q);
/* Input 0 of the call, plus input 1 where it is there. */
struct array *formula_with_bias(struct formula *f);
/* y in whole numbers by the scale in a slot of the call and the zero point after it, which is a zero of type `absent`
 * where there is none. */
struct array *formula_quantized(struct formula *f, struct array *y, size_t slot, enum dtype absent);
/* [N, ..., C] as [N, C, ...], and back. */
struct array *formula_channels_first(struct formula *f, struct array *x);
struct array *formula_channels_last(struct formula *f, struct array *x);
/* The kernel of an operator that ai.onnx has under the same name. */
bool formula_renamed(struct call *call);
/* What follows a prefix in the name of the call's operator, which is named after what it is made of: QLinearAdd. */
const char *formula_base(const struct formula *f, const char *prefix);
/* first .. end-1 along an axis. */
struct array *formula_slice(struct formula *f, struct array *a, int axis, int64_t first, int64_t end);

#endif
