/* SPDX-License-Identifier: Apache-2.0
 *
 * A check of a fusion: what check.c finds out, and the verdict on that (check_verdict.c). */
#ifndef CHECK_CHECK_VERDICT_H
#define CHECK_CHECK_VERDICT_H

#include "check/prove.h"

struct check {
    struct session *session;
    struct bnfuse_check_result *result;
    struct site *sites;
    struct prover prover;
    struct pointer_map *entered; /* bodies and functions of before that the run has executed */
    bool has_elements;           /* an output had some, or should have had some of what the user gave */
    struct metrics *metrics;     /* an output each */
    double *input_noise;         /* an output each: what the last bit of the inputs does to it */
    double *result_noise;        /* likewise what rounding after each node does to it, at the size of what cancels */
    struct depth *depth;         /* NULL: no whole graph was run */
};

bool check_is_full(const struct check *check);
/* Storing the weights of a site costs more than it should. */
bool check_is_damaged(const struct check *check);
/* A site that could not be proven. Where the whole graph ran, `hidden` ones are those that it did not run through. */
const struct bnfuse_site *check_find_unchecked(const struct check *check, bool hidden);

/* Fills the result's sites and its verdict. `why_not`: why the whole graph did not run; NULL: it did. */
void check_judge(struct check *check, const char *why_not);

#endif
