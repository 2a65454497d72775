/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the inputs of a site may be anything, and sites that are made wider until they may. */
#ifndef CHECK_WIDEN_H
#define CHECK_WIDEN_H

#include "check/site.h"

/* Whether an input of the site is not free to be anything: the original part computes with others, of which that one
 * may follow. */
bool site_is_bound(const struct site *site, struct arena *arena);

/* Whether an input is computed from another, as far as the first hundred nodes upstream tell: then what both parts make
 * of numbers that do not go together need not be equal. */
bool site_input_follows(const struct site *site, struct arena *arena);

/* What is needed to make a site wider. */
struct widening {
    const struct pointer_map *sites; /* of after, by their values */
    struct arena *arena;             /* of the lists */
    uint64_t *work;                  /* left, for parts of many nodes; NULL: no limit */
};

/* A site whose original part reads more than its inputs in `after` (a value that is now computed back from a later one;
 * what two equal nodes read, of which one is left) is made wider, site upstream by site, or by what an unchanged node
 * reads, until both parts read the same: *wide. False when it does not come to that within a few steps. */
bool site_widen(struct site *wide, const struct site *site, const struct widening *with);

/* Inputs of a wide site give way to those of the sites that they are the values of; or else to what the unchanged nodes
 * that compute them read: for a change that is right because of what such a node gives (a Relu, no number below zero).
 * Nodes with weights stay out, for they may make a channel constant, and what a change does to that would go unseen.
 * False when there is no other, or the parts would not read the same. */
bool site_extend(struct site *wide, const struct widening *with);

#endif
