/* SPDX-License-Identifier: Apache-2.0
 *
 * What a pair of values is to be proven from: the nearest pairs upstream of it, in either model. */
#ifndef CHECK_FRONTIER_H
#define CHECK_FRONTIER_H

#include "check/pair.h"

/* A new segment at the end of those of the pairing: from the frontier of the two values to them. Marks of both nets are
 * used. */
struct site *pairing_add_segment(struct pairing *pairing, struct value *b, struct value *a);

/* The values upstream of it are compared as well: inputs that differ may give it the same output. */
bool is_hider(const struct node *node);

#endif
