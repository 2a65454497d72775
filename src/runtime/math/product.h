/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrix products at the speed of the machine, and the same to the last bit on every machine.
 *
 * Each element of C is a sum over k in ascending order, in runs of PRODUCT_DEPTH terms: the terms of a run are added
 * one after the other starting from zero, each by a fused multiply-add (simd.h), and the runs' sums are added one after
 * the other. Vector width, number of threads and the shape of blocks decide only which elements are worked
 * on together, never the order within one. */
#ifndef RUNTIME_MATH_PRODUCT_H
#define RUNTIME_MATH_PRODUCT_H

#include "runtime/kernel.h"

#define PRODUCT_DEPTH 256

/* The operands of one product. bias: one value per row, added at the end; NULL: none. */
struct operands {
    const void *a, *b, *bias;
    void *c;
};

/* `count` products of one shape: c(r, j) = sum over k of a(r, k) * b(k, j). Strides are in elements. */
struct product {
    enum store store; /* of all operands; I64 works too, slowly, and wraps */
    int64_t rows, columns, depth;
    int64_t a_row, a_step;    /* a(r, k) is a[r * a_row + k * a_step] */
    int64_t b_step, b_column; /* b(k, j) is b[k * b_step + j * b_column], unless there is `pack`; 0 is fine */
    int64_t c_row, c_column;  /* c(r, j) is c[r * c_row + j / span * c_span + j % span * c_column] */
    int64_t span, c_span;     /* span 0: all columns are one span */
    /* Writes b(k, j) for `depth` steps from `step` and `columns` columns from `column`, row after row of `width`
     * elements, those beyond `columns` zero. Called from many threads. NULL: b as above. */
    void (*pack)(const void *context, const void *b, int64_t step, int64_t depth, int64_t column, int64_t columns,
                 int64_t width, void *to);
    const void *context;
    const struct operands *each;
    int64_t count;
    const struct epilogue *epilogue; /* of the array that all of C lies in, where c_column is 1; or NULL */
    /* The array that the one b lies in, where it is worth keeping packed with it: since it lasts (array.h), or, with
     * `repeats`, since many products take it until product_forget. NULL: neither. */
    struct array *weights;
    bool repeats;
    bool backwards; /* the last columns first */
};

/* A product of packed matrices, [rows, depth] by [depth, columns]; without operands. */
struct product product_packed(enum store store, int64_t rows, int64_t depth, int64_t columns);

/* Drops what products kept packed with an array that does not last. */
void product_forget(struct array *weights);

/* Uses the call's threads and pool. Depth 0 leaves the bias, or zeros. */
void product_run(const struct call *call, const struct product *product);

#endif
