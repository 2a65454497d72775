/* SPDX-License-Identifier: Apache-2.0
 *
 * Order: keys that compare as the elements do, a stable sort of indices, and the best k of a row. */
#ifndef RUNTIME_MATH_ORDER_H
#define RUNTIME_MATH_ORDER_H

#include "runtime/array.h"

/* A key for element i of an array of numbers: the keys' unsigned order is the elements' order. -0 equals 0, every NaN
 * is one value above infinity, UINT64 compares as unsigned. */
uint64_t order_key(const struct array *array, int64_t i);

/* What each of `count` items costs when they are sorted, in units of work (base/memory.h). */
int64_t order_work(int64_t count);

/* Sorts `count` indices so that compare(context, a, b) <= 0 for neighbors; equal ones keep their places. `spare` has
 * room for as many. */
void order_sort(int64_t *indices, int64_t *spare, int64_t count,
                int (*compare)(const void *context, int64_t a, int64_t b), const void *context);

/* The indices of the `best` greatest of `count` keys, greatest first; equal keys by lower index. best <= count. */
void order_best(const uint64_t *keys, int64_t count, int64_t best, int64_t *indices);

#endif
