/* SPDX-License-Identifier: Apache-2.0
 *
 * Order (order.h): a bottom-up merge sort, and a heap that keeps the best k. */
#include "runtime/math/order.h"

#include <math.h>
#include <string.h>

/* IEEE doubles order as their bits do when negative ones are flipped whole and the others get the sign bit. */
static uint64_t real_key(double value)
{
    uint64_t bits;
    if (isnan(value)) return UINT64_MAX;
    value += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | (UINT64_C(1) << 63);
}

uint64_t order_key(const struct array *array, int64_t i)
{
    if (array->store == STORE_F32) return real_key((double)array->f32[i]);
    if (array->store == STORE_F64) return real_key(array->f64[i]);
    uint64_t sign = array->type == DTYPE_UINT64 ? 0 : UINT64_C(1) << 63;
    return (uint64_t)array->i64[i] ^ sign;
}

/* Merges the sorted runs [first, middle) and [middle, last) of `from` into `to`. */
static void merge(const int64_t *from, int64_t *to, int64_t first, int64_t middle, int64_t last,
                  int (*compare)(const void *, int64_t, int64_t), const void *context)
{
    int64_t left = first, right = middle;
    for (int64_t i = first; i < last; i++) {
        bool take_left = left < middle && (right == last || compare(context, from[left], from[right]) <= 0);
        to[i] = take_left ? from[left++] : from[right++];
    }
}

int64_t order_work(int64_t count)
{
    int64_t comparisons = 1;
    while (count >>= 1) comparisons++;
    return comparisons * 4 * WORK_ELEMENT;
}

void order_sort(int64_t *indices, int64_t *spare, int64_t count,
                int (*compare)(const void *context, int64_t a, int64_t b), const void *context)
{
    int64_t *from = indices, *to = spare;
    for (int64_t run = 1; run < count; run *= 2) {
        for (int64_t first = 0; first < count; first += 2 * run) {
            int64_t middle = first + run < count ? first + run : count;
            int64_t last = middle + run < count ? middle + run : count;
            merge(from, to, first, middle, last, compare, context);
        }
        int64_t *other = from;
        from = to;
        to = other;
    }
    if (from != indices) memcpy(indices, from, (size_t)count * sizeof *indices);
}

/* Whether the element at a belongs before the one at b. */
static bool better(const uint64_t *keys, int64_t a, int64_t b)
{
    return keys[a] != keys[b] ? keys[a] > keys[b] : a < b;
}

/* Lets heap[i] sink: no parent is better than its children, so the worst is at the root. */
static void sink(const uint64_t *keys, int64_t *heap, int64_t count, int64_t i)
{
    int64_t moved = heap[i];
    for (int64_t child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && better(keys, heap[child], heap[child + 1])) child++;
        if (!better(keys, moved, heap[child])) break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

void order_best(const uint64_t *keys, int64_t count, int64_t best, int64_t *indices)
{
    if (best == 0) return;
    for (int64_t i = 0; i < best; i++) indices[i] = i;
    for (int64_t i = best / 2 - 1; i >= 0; i--) sink(keys, indices, best, i);
    for (int64_t i = best; i < count; i++) {
        if (!better(keys, i, indices[0])) continue;
        indices[0] = i;
        sink(keys, indices, best, 0);
    }
    for (int64_t last = best - 1; last > 0; last--) { /* the worst of what is left goes last */
        int64_t worst = indices[0];
        indices[0] = indices[last];
        indices[last] = worst;
        sink(keys, indices, last, 0);
    }
}
