/* SPDX-License-Identifier: Apache-2.0
 *
 * What people ask of two arrays of numbers, gathered over all sets of inputs. */
#ifndef CHECK_METRICS_H
#define CHECK_METRICS_H

#include "check/check.h"

enum { ULP_BUCKETS = 80 };

struct metrics {
    bnfuse_metrics of;
    double squares, reference, other, product; /* of a-b, a, b; a*b */
    int64_t outside, rows, top1, top5;
    int64_t ulps[ULP_BUCKETS]; /* differences of 0; up to 1, 2, 4, ... units in the last place */
};

/* One more set: both in the models' own types, `a` the reference. */
void metrics_add(struct metrics *metrics, const struct array *a, const struct array *b, double atol, double rtol);
/* What came together, in metrics->of. */
const bnfuse_metrics *metrics_finish(struct metrics *metrics);

#endif
