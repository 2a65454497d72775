/* SPDX-License-Identifier: Apache-2.0
 *
 * One site at work. See proof.h. */
#include "check/proof.h"

#include "check/measure.h"
#include "runtime/element.h"

#include <math.h>
#include <string.h>

/* ---- its parts ---- */

void proof_release(struct site *site)
{
    arrays_drop(site->fed, site->given_count);
    arrays_drop(&site->expected, 1);
}

static struct partial_run part_before(const struct proof *proof, struct array *const *fed)
{
    const struct site *site = proof->site;
    return (struct partial_run){ .net = proof->prover->before,
                                 .given = site->origins,
                                 .given_count = site->given_count,
                                 .fed = fed,
                                 .wanted = site->origin };
}

static struct partial_run part_after(const struct proof *proof, struct array *const *fed)
{
    const struct site *site = proof->site;
    return (struct partial_run){ .net = proof->prover->after,
                                 .given = site->given,
                                 .given_count = site->given_count,
                                 .fed = fed,
                                 .wanted = site->value };
}

bool proof_plan_before(struct proof *proof, struct bnfuse_error *error)
{
    const struct partial_run part = part_before(proof, NULL);
    struct plan *plan = proof->before;
    if (!plan && !prover_plan(proof->prover, &part, &plan, error)) return false;
    proof->before = plan;
    return true;
}

bool proof_plan_after(struct proof *proof, struct bnfuse_error *error)
{
    const struct partial_run part = part_after(proof, NULL);
    struct plan *plan = proof->after;
    if (!plan && !prover_plan(proof->prover, &part, &plan, error)) return false;
    proof->after = plan;
    return true;
}

bool proof_run_before(struct proof *proof, struct array *const *fed, struct array **output, struct bnfuse_error *error)
{
    const struct partial_run part = part_before(proof, fed);
    *output = NULL;
    return proof_plan_before(proof, error) && prover_run_plan(proof->prover, proof->before, &part, output, error);
}

bool proof_run_after(struct proof *proof, struct array *const *fed, bool stored, struct array **output,
                     struct bnfuse_error *error)
{
    struct partial_run part = part_after(proof, fed);
    part.stored = stored;
    *output = NULL;
    return proof_plan_after(proof, error) && prover_run_plan(proof->prover, proof->after, &part, output, error);
}

/* ---- one trial ---- */

/* How far the original site moves when every input moves by its last bit: what float64 itself cannot tell. A site that
 * cannot be moved has none. */
static bool own_noise(struct proof *proof, double *noise, struct bnfuse_error *error)
{
    const struct prover *prover = proof->prover;
    const struct site *site = proof->site;
    struct array **fed = NEW_ARRAY(prover->scratch, struct array *, site->given_count), *output = NULL;
    struct bnfuse_error why = { .status = BNFUSE_OK };
    *noise = 0;
    for (size_t i = 0; i < site->given_count; i++)
        if (!site->origins[i]) return true;
    for (size_t i = 0; i < site->given_count; i++) {
        fed[i] = array_keep(site->fed[i]);
        if (!pointer_map_get(prover->sizes, site->origins[i])) fed[i] = perturb(fed[i]);
    }
    if (proof_run_before(proof, fed, &output, &why)) {
        struct bnfuse_difference moved = measure(site->expected, output);
        if (!moved.shape_differs && !moved.pattern_differs) *noise = moved.relative;
    }
    arrays_drop(fed, site->given_count);
    array_drop(output);
    return !is_fatal(&why) || pass_error(error, &why);
}

static bool is_mistake(const struct bnfuse_difference *difference, bool ill_conditioned)
{
    return exceeds(difference, SITE_LIMIT) && !ill_conditioned;
}

bool proof_differs(const struct bnfuse_site *result)
{
    return result->checked && is_mistake(&result->difference, result->ill_conditioned);
}

void proof_forget(struct site *site)
{
    struct bnfuse_site *result = site->result;
    result->checked = result->ill_conditioned = result->bits_equal = result->bits_differ = false;
    result->difference = (struct bnfuse_difference){ 0 };
    site->is_misstored = site->is_damaged = false;
}

void proof_add(struct bnfuse_site *result, const struct bnfuse_difference *difference, bool ill_conditioned)
{
    bool degenerate = difference->degenerate && (!result->checked || result->difference.degenerate);
    bool was = proof_differs(result);
    bool is = is_mistake(difference, ill_conditioned);
    if (!result->checked || (is && !was)) {
        result->difference = *difference;
        result->ill_conditioned = ill_conditioned;
    } else if (is == was) {
        result->ill_conditioned |= ill_conditioned;
        result->difference = worse_difference(result->difference, *difference);
    }
    result->difference.degenerate = degenerate;
    result->checked = true;
}

bool proof_idealizes(const struct site *site, const struct bnfuse_difference *difference)
{
    return site->is_idealized && exceeds(difference, SITE_LIMIT) && !difference->shape_differs
           && !difference->pattern_differs && difference->relative <= resolution_of(site->expected->type);
}

bool proof_try(struct proof *proof, struct bnfuse_error *error)
{
    struct site *site = proof->site;
    struct array *output = NULL;
    bool ran = proof_run_after(proof, site->fed, false, &output, error);
    if (ran) {
        struct bnfuse_difference difference = measure(site->expected, output);
        double noise = 0;
        if (exceeds(&difference, SITE_LIMIT) && !difference.shape_differs && !difference.pattern_differs)
            ran = own_noise(proof, &noise, error);
        if (ran)
            proof_add(site->result, &difference,
                      (difference.pattern_differs && difference.near_overflow) || proof_idealizes(site, &difference)
                          || (!difference.shape_differs && !difference.pattern_differs
                              && exceeds(&difference, SITE_LIMIT)
                              && difference.relative <= PERTURBATION_FACTOR * noise));
    }
    array_drop(output);
    return ran;
}

/* ---- bits ---- */

/* What was fed, in the types of the model. */
static struct array **native_arrays(const struct prover *prover, const struct site *site)
{
    struct array **native = NEW_ARRAY(prover->scratch, struct array *, site->given_count);
    for (size_t i = 0; i < site->given_count; i++) {
        struct array *fed = site->fed[i];
        if (!fed || (fed->store != STORE_F64 && fed->store != STORE_C128)) {
            native[i] = fed ? array_keep(fed) : NULL;
            continue;
        }
        native[i] = array_stored(fed, store_of(fed->type, false));
        if (native[i] != fed) array_round(native[i]);
    }
    return native;
}

bool proof_try_bits(struct proof *proof, struct bnfuse_error *error)
{
    struct site *site = proof->site;
    struct bnfuse_error why = { .status = BNFUSE_OK };
    struct array *before = NULL, *after = NULL;
    if (!site->keeps_bits) return true;
    struct array **fed = native_arrays(proof->prover, site);
    struct partial_run first = part_before(proof, fed), second = part_after(proof, fed);
    first.native = second.native = true;
    bool ran = proof_plan_before(proof, &why) && proof_plan_after(proof, &why)
               && prover_run_plan(proof->prover, proof->before, &first, &before, &why)
               && prover_run_plan(proof->prover, proof->after, &second, &after, &why);
    if (ran) {
        bool equal = same_elements(before, after);
        site->result->bits_equal = equal && !site->result->bits_differ;
        site->result->bits_differ |= !equal;
        struct bnfuse_difference differs = { .largest = INFINITY, .relative = INFINITY, .pattern_differs = true };
        if (!equal) proof_add(site->result, &differs, false);
    }
    arrays_drop(fed, site->given_count);
    array_drop(before);
    array_drop(after);
    return ran || !is_fatal(&why) || pass_error(error, &why);
}

/* ---- what storing costs ---- */

/* Where a few weights count, those of one draw may cancel each other: the more draws, the surer. */
enum { DRAWS = 32 };

/* Whether no draw of noise on the weights moves the value by so much, within the factor that noise is allowed. */
static bool is_beyond_noise(const struct proof *proof, bool is_before, const struct bnfuse_difference *difference,
                            bool *beyond, struct bnfuse_error *error)
{
    const struct prover *prover = proof->prover;
    *beyond = true;
    for (uint64_t seed = 1; *beyond && seed <= DRAWS; seed++) {
        struct partial_run part =
            is_before ? part_before(proof, proof->site->fed) : part_after(proof, proof->site->fed);
        struct array *output = NULL;
        part.noise = seed;
        part.unmoved = is_before ? prover->sizes : prover->sizes_after;
        if (!prover_run_plan(prover, is_before ? proof->before : proof->after, &part, &output, error)) return false;
        struct bnfuse_difference moved = measure(proof->site->expected, output);
        bool is_other = moved.shape_differs || moved.pattern_differs;
        *beyond = !is_other && exceeds(difference, NOISE_FACTOR * moved.relative);
        array_drop(output);
    }
    return true;
}

/* A fold that divides by a scale of a thousandth costs ten bits more than the original's weights leave open; what costs
 * more has lost them. */
static double damage_limit(enum dtype type)
{
    return fmin(1024 * resolution_of(type), 0.1);
}

bool proof_try_stored(struct proof *proof, struct bnfuse_error *error)
{
    struct site *site = proof->site;
    struct array *output = NULL;
    bool beyond;
    if (!site->expected || !proof_run_after(proof, site->fed, true, &output, error)) return !site->expected;
    const enum dtype type = site->expected->type;
    struct bnfuse_difference difference = measure(site->expected, output);
    array_drop(output);
    if (!exceeds(&difference, fmax(resolution_of(type), 2 * SITE_LIMIT)) || difference.near_overflow) return true;
    if (!proof_plan_before(proof, error) || !is_beyond_noise(proof, false, &difference, &beyond, error)) return false;
    site->is_misstored |= beyond;
    if (!exceeds(&difference, damage_limit(type))) return true;
    if (!is_beyond_noise(proof, true, &difference, &beyond, error)) return false;
    site->is_damaged |= beyond;
    return true;
}
