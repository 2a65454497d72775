/* SPDX-License-Identifier: Apache-2.0
 *
 * What a shift on the input of a padded Conv or ConvTranspose adds to its output: a plane per channel, whose border is
 * not its middle
 *
 *   conv(x + t)  =  conv(x) + map        map[o][y] = sum of W[o][c][k]*t[c] over the taps k that read an element at y
 *
 * Known where the sizes of input and output are. */
#ifndef PASSES_ALGEBRA_SHIFT_MAP_H
#define PASSES_ALGEBRA_SHIFT_MAP_H

#include "passes/algebra/affine.h"
#include "passes/algebra/anchor.h"

struct shift_map {
    int rank;                      /* of the output */
    int64_t dims[TENSOR_MAX_RANK]; /* 1, channels, then the sizes of the spatial axes */
    int64_t channels, positions;
    double *values; /* [channels][positions] */
};

/* The map of `t`, one number per input channel. False when a size is unknown, the node is neither, or there are more
 * than `most` positions or too much to compute. In the scratch arena. */
bool shift_map_make(struct decision *decision, const struct node *node, const struct anchor_parts *parts,
                    const double *t, int64_t most, struct shift_map *map);

/* The same where the description says along which axes of the weight what `t` comes to differs: a product with a stack
 * of matrices, each of which makes another shift of it. */
bool shift_map_of_stack(struct decision *decision, const struct anchor_parts *parts, const double *t,
                        struct shift_map *map);

/* The reader that alone reads the output of `node` and averages over all its spatial axes; NULL: there is none. */
struct node *shift_map_average(struct decision *decision, const struct node *node);

/* The mean of the map per channel, as a shift along axis 1. */
const struct affine *shift_map_mean(struct arena *arena, const struct shift_map *map);

/* Leaves an Add of the map after the node. */
enum reason shift_map_add(struct decision *decision, struct node *node, const struct shift_map *map, enum dtype type);

#endif
