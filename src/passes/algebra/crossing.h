/* SPDX-License-Identifier: Apache-2.0
 *
 * What the families of movers share: their row, and the questions they all ask. Private to the movers. */
#ifndef PASSES_ALGEBRA_CROSSING_H
#define PASSES_ALGEBRA_CROSSING_H

#include "passes/algebra/mover.h"

/* One operator: how an affine on an output becomes affines on the inputs, and one on an input affines on the outputs.
 * NULL: it does not cross in that direction. */
struct mover {
    const char *op; /* NULL: see `of` */
    enum reason (*upstream)(struct crossing *crossing);
    enum reason (*downstream)(struct crossing *crossing);
    int64_t first_opset; /* 0: every opset */
    enum root_ways roots;
    bool follows_several;                /* knows what to do with AXIS_SEVERAL */
    bool moves_elements;                 /* all of output 0 are of input 0: what is alike on them crosses as it is */
    bool widens;                         /* downstream, to the channels of all inputs: that costs as much as those */
    bool (*of)(const struct node *node); /* it moves what this is true of, whatever its operator */
};

/* The affine cannot cross, in a few words. */
enum reason crossing_stop(struct crossing *x, enum reason reason, const char *why);
/* It crosses as it is, between input 0 and output 0. */
enum reason crossing_same(struct crossing *x);

const struct value *crossing_input(const struct crossing *x, size_t slot);
const struct value *crossing_output(const struct crossing *x, size_t slot);
/* -1: unknown, or there is no such value or axis, or it is longer than MOST_CHANNELS. */
int value_rank(const struct value *value);
int64_t value_size(const struct value *value, int axis);

/* A small list of integers: attribute `name`, or, when absent, constant input `slot`. False when neither
 * can be read; *given tells whether there is one at all. */
bool crossing_list(const struct crossing *x, const char *name, size_t slot, const int64_t **values, size_t *count,
                   bool *given);

/* Whether no scale is below zero (positive: above zero); else the first channel that is. */
bool scale_not_negative(const struct affine *a, bool positive, int64_t *channel);

/* The tables of the families; each ends with a row without op and `of`. */
extern const struct mover order_movers[], branch_movers[], channel_movers[], window_movers[], copy_movers[],
    select_movers[], bending_movers[];

#endif
