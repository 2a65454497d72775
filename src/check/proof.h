/* SPDX-License-Identifier: Apache-2.0
 *
 * One site at work: a trial is one set of arrays in site->fed, what `before` makes of it in site->expected, and what
 * `after` makes of it against that. */
#ifndef CHECK_PROOF_H
#define CHECK_PROOF_H

#include "check/part.h"
#include "check/site.h"

/* Its parts of both nets are planned once, in the prover's scratch. */
struct proof {
    const struct prover *prover;
    struct site *site;
    struct plan *before, *after; /* NULL: not yet */
    bool differs;                /* on small tensors, when last tried */
};

bool proof_plan_before(struct proof *proof, struct bnfuse_error *error);
bool proof_plan_after(struct proof *proof, struct bnfuse_error *error);
bool proof_run_before(struct proof *proof, struct array *const *fed, struct array **output, struct bnfuse_error *error);
bool proof_run_after(struct proof *proof, struct array *const *fed, bool stored, struct array **output,
                     struct bnfuse_error *error);

/* Runs `after` on the trial and adds the outcome. False with the reason when it cannot be run. */
bool proof_try(struct proof *proof, struct bnfuse_error *error);
/* Where no edit may change a bit, both parts run in the model's own types, and have to agree to the bit. A part that
 * does not run so leaves the question open; float64 has had its say. */
bool proof_try_bits(struct proof *proof, struct bnfuse_error *error);
/* The folded weights as they will be stored. Whatever rounding them does not explain is a mistake; and what it explains
 * may still be more than the last place of the original's weights leaves open. */
bool proof_try_stored(struct proof *proof, struct bnfuse_error *error);

/* One more outcome. A mistake stays a mistake, whatever else is found; and one trial that tells something is enough. */
void proof_add(struct bnfuse_site *result, const struct bnfuse_difference *difference, bool ill_conditioned);
/* Whether a mistake was found; and as if the site had not been looked at. */
bool proof_differs(const struct bnfuse_site *result);
void proof_forget(struct site *site);
/* Whether the difference is one, and no more than what the numbers that an edit idealized had lost to their type. */
bool proof_idealizes(const struct site *site, const struct bnfuse_difference *difference);
/* Drops the arrays of the trial. */
void proof_release(struct site *site);

#endif
