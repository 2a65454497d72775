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

#include "check/part.h"
#include "check/site.h"

/* Everything that the site needs has been seen, and is released. The outcome is in site->result; of several, the worst.
 * False only when memory runs out. */
bool prove_site(const struct prover *prover, struct site *site, struct bnfuse_error *error);
/* The same without the reference run, or with what little has been seen of it; `before` must work on it as well. */
bool prove_site_apart(const struct prover *prover, struct site *site, struct bnfuse_error *error);

/* On the smallest tensors that tell right from wrong, without any run of a whole graph: site->is_proven, or nothing
 * known yet. */
bool prove_site_small(const struct prover *prover, struct site *site, struct bnfuse_error *error);

/* Fills what the site lacks with constants and random numbers that `before` runs on; what that makes of them is in
 * site->expected. False when there are none, or not within the limits; site->result says why. */
bool prover_find_trial(const struct prover *prover, struct site *site);

#endif
