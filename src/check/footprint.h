/* SPDX-License-Identifier: Apache-2.0
 *
 * How small the tensors may be that a site is proven on.
 *
 * A site is an identity for every size that its windows fit in. What depends on a size is where a window meets the
 * border, and that repeats with the strides: a size n with m = n modulo all strides together behaves as n does, once it
 * is large enough for one whole window between the two borders. Other sizes that the site fixes (a weight's dims, a
 * Reshape's numbers) are pinned. Whether the guess was good, the run of the original part tells. */
#ifndef CHECK_FOOTPRINT_H
#define CHECK_FOOTPRINT_H

#include "runtime/run.h"

enum { MOST_PINNED = 96 };

struct footprint {
    int64_t extent; /* elements that one result reads along an axis, all windows on the way together; 1: no window */
    int64_t step;   /* all strides together */
    int64_t pinned[MOST_PINNED];
    size_t pinned_count;
    bool is_unknown; /* a body may repeat its windows, or there is too much to remember: no size may change */
    bool hides;      /* something on the way gives the same for inputs that differ */
    double reach;    /* the largest limit that is stored on the way */
};

/* Adds what the plan runs. */
void footprint_add(struct footprint *footprint, const struct plan *plan);
/* What a size n may shrink to: n itself when it is small already. */
int64_t footprint_size(const struct footprint *footprint, int64_t n);
bool footprint_pins(const struct footprint *footprint, int64_t n);
/* The size that is just large enough, for what has none; and one at which every window meets both borders. */
int64_t footprint_least(const struct footprint *footprint);
int64_t footprint_below(const struct footprint *footprint);

#endif
