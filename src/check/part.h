/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a part of a net, from values that are given to one that is wanted, and what such runs share. */
#ifndef CHECK_PART_H
#define CHECK_PART_H

#include "base/pointer_map.h"
#include "check/check.h"
#include "check/input.h"
#include "runtime/array.h"

struct prover {
    const struct net *before, *after;
    const struct pointer_map *sizes; /* of before: values that must stay what they are */
    const struct pointer_map *sizes_after;
    struct arena *scratch; /* emptied after each site */
    struct array_pool *pool;
    struct team *team;
    const struct check_options *options;
    struct pointer_map *unlimited;     /* of before, for choosers (input.h) */
    struct pointer_map *varying;       /* of before: values that are no constants; NULL: not remembered */
    uint64_t *work;                    /* left; NULL: no limit */
    enum clip clip;                    /* of what is guessed */
    const struct pointer_map *sites;   /* by their values, to prove some together; NULL: each alone */
    const struct footprint *footprint; /* of clips that go by it */
    const struct draw *draw;           /* of random numbers; NULL: normal ones */
    struct weight_bytes *bytes;        /* for all runs of a site; NULL: read each time */
};

/* One run of a part of a net, from what is given to one value, in float64. */
struct partial_run {
    const struct net *net;
    struct value *const *given;
    size_t given_count;
    struct array *const *fed;
    struct value *wanted;
    uint64_t noise; /* as weight_noise of run_options; */
    const struct pointer_map *unmoved;
    bool stored; /* weights as they are stored, rounded */
    bool native; /* everything in the model's own types, as `fed` is */
};
bool prover_run(const struct prover *prover, const struct partial_run *part, struct array **output,
                struct bnfuse_error *error);
/* The same in two steps, for many runs: the plan, in the prover's scratch, and a run of it. */
bool prover_plan(const struct prover *prover, const struct partial_run *part, struct plan **plan,
                 struct bnfuse_error *error);
bool prover_run_plan(const struct prover *prover, const struct plan *plan, const struct partial_run *part,
                     struct array **output, struct bnfuse_error *error);
/* Every real element moved by its last bit, up or down; the array itself where it has none. Takes the caller's
 * ownership, and gives that of the result. NULL stays NULL. */
struct array *perturb(struct array *array);
/* Of what an input's last bit does to a result, so many times may be rounding: inner values round as well. */
#define PERTURBATION_FACTOR 1e3

/* From what is left of a share of work, for who can do with less of it. False when nothing is left, and from then on;
 * NULL: no limit. */
static inline bool work_spend(uint64_t *left, uint64_t units)
{
    if (!left) return true;
    *left -= *left < units ? *left : units;
    return *left > 0;
}

/* Hands on an error that was held back. False. */
bool pass_error(struct bnfuse_error *error, const struct bnfuse_error *why);

#endif
