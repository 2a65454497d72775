/* SPDX-License-Identifier: Apache-2.0
 *
 * Proving a site: its inputs are fed to the subgraph between, as it is in `after` and unrounded, which has to compute
 * the site's outputs as `before` does.
 *
 * What the reference run has seen is the best to feed. Where that says little, a channel that is dead or a sigmoid that
 * is saturated, other numbers of the same shapes are fed as well. Where nothing was seen there are the constants of the
 * model, and random numbers that fit what reads them. */
#ifndef CHECK_PROVE_H
#define CHECK_PROVE_H

#include "base/pointer_map.h"
#include "check/input.h"
#include "check/site.h"
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
};

/* Everything that the site needs has been seen, and is released. The outcome is in site->result; of several, the worst.
 * False only when memory runs out. */
bool prove_site(const struct prover *prover, struct site *site, struct bnfuse_error *error);
/* The same without the reference run, or with what little has been seen of it; `before` must work on it as well. */
bool prove_site_apart(const struct prover *prover, struct site *site, struct bnfuse_error *error);

/* On the smallest tensors that tell right from wrong, without any run of a whole graph: site->is_proven, or nothing known
 * yet. */
bool prove_site_small(const struct prover *prover, struct site *site, struct bnfuse_error *error);

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
/* Fills what the site lacks with constants and random numbers that `before` runs on; what that makes of them is in
 * site->expected. False when there are none, or not within the limits; site->result says why. */
bool prover_find_trial(const struct prover *prover, struct site *site);

/* Every real element moved by its last bit, up or down; the array itself where it has none. Takes the caller's
 * ownership, and gives that of the result. NULL stays NULL. */
struct array *perturb(struct array *array);
/* Of what an input's last bit does to a result, so many times may be rounding: inner values round as well. */
#define PERTURBATION_FACTOR 1e3

/* Hands on an error that was held back. False. */
bool pass_error(struct bnfuse_error *error, const struct bnfuse_error *why);

#endif
