/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers of few bits that have a scale for each block along an axis. */
#ifndef RUNTIME_OPS_PACKED_H
#define RUNTIME_OPS_PACKED_H

#include "runtime/formula.h"

struct packed_table {
    const struct array *data, *scales, *zeros; /* zeros: packed along the axis, or NULL */
    int64_t size;                              /* numbers of a block; 0: all along the axis, zeros packed over it */
    int64_t bits;                         /* of a number, several to a byte along the last axis; 0: one an element */
    int64_t outer, length, inner, blocks; /* set when it is unpacked: around the axis, numbers and blocks along it */
};

/* The real numbers of a table whose blocks are along `axis`, of the scales' type. A zero point that is not there is
 * in the middle of the packed numbers. Fails where scales or zero points do not fit. */
struct array *packed_unpack(struct formula *f, struct packed_table *table, int axis);

#endif
