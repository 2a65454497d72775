/* SPDX-License-Identifier: Apache-2.0
 *
 * Proving a site: what is fed to it. See prove.h. */
#include "check/prove.h"

#include "check/footprint.h"
#include "check/measure.h"
#include "check/proof.h"
#include "check/widen.h"
#include "onnx/shape/symbol.h"

#include <math.h>
#include <string.h>

enum { MOST_EXTENSIONS = 4 };

/* ---- constants ---- */

/* *array stays NULL where the value is no constant, or none that can be computed. */
static bool take_constant(const struct prover *prover, struct value *value, struct array **array,
                          struct bnfuse_error *error)
{
    struct bnfuse_error why = { .status = BNFUSE_OK };
    const struct partial_run part = { .net = prover->before, .wanted = value_argument(value) };
    if (site_is_constant(value, prover->varying)) prover_run(prover, &part, array, &why);
    return !is_fatal(&why) || pass_error(error, &why);
}

/* ---- other numbers of the same shapes ---- */

/* Random ones of the same size and sign: who feeds on what a Relu lets through need not work on anything else, and what
 * is zero throughout mostly comes from one. */
static struct array *other_numbers(const struct prover *prover, const struct array *seen, const char *name)
{
    struct array *other = array_new(prover->pool, seen->type, seen->store, seen->rank, seen->dims);
    double lowest = 0, highest = 0;
    for (int64_t i = 0; i < seen->count; i++) {
        if (!isfinite(seen->f64[i])) continue;
        lowest = fmin(lowest, seen->f64[i]);
        highest = fmax(highest, seen->f64[i]);
    }
    if (lowest == 0 && highest == 0) highest = 1;
    random_normal(other->f64, other->count, prover->options->asked.seed + 1, name);
    for (int64_t i = 0; i < other->count; i++) {
        double part = fmin(fmax(other->f64[i] / 4, -1), 1);
        bool below = lowest < 0 && (part < 0 || highest == 0);
        other->f64[i] = fabs(part) * (below ? lowest : highest > 0 ? highest : lowest);
    }
    return other;
}

static bool is_free(const struct prover *prover, const struct site *site, size_t i)
{
    return site->fed[i] && site->fed[i]->store == STORE_F64 && site->origins[i]
           && !pointer_map_get(prover->sizes, site->origins[i]) && !site_is_constant(site->origins[i], prover->varying);
}

/* Whether what was fed, or what came of it, is too uniform to tell right from wrong. */
static bool says_little(const struct prover *prover, const struct site *site)
{
    if (is_uniform(site->expected)) return true;
    for (size_t i = 0; i < site->given_count; i++)
        if (is_free(prover, site, i) && is_uniform(site->fed[i])) return true;
    return false;
}

/* One more trial. The first one stands where the site does not work on random numbers, or where they cannot go
 * together. */
static bool try_other_numbers(struct proof *proof, struct bnfuse_error *error)
{
    const struct prover *prover = proof->prover;
    struct site *site = proof->site;
    struct bnfuse_error why = { .status = BNFUSE_OK };
    size_t changed = 0;
    if (site_is_bound(site, prover->scratch)) return true;
    for (size_t i = 0; i < site->given_count; i++) {
        if (!site->origins[i]) return true;
        if (!is_free(prover, site, i)) continue;
        struct array *other = other_numbers(prover, site->fed[i], site->origins[i]->name);
        array_drop(site->fed[i]);
        site->fed[i] = other;
        changed++;
    }
    const struct bnfuse_site seen = *site->result;
    arrays_drop(&site->expected, 1);
    if (changed && proof_run_before(proof, site->fed, &site->expected, &why) && array_is_finite(site->expected)
        && proof_try(proof, &why) && !proof_differs(&seen) && proof_differs(site->result)
        && site_input_follows(site, prover->scratch))
        *site->result = seen;
    return !is_fatal(&why) || pass_error(error, &why);
}

bool prove_site(const struct prover *prover, struct site *site, struct bnfuse_error *error)
{
    struct proof proof = { .prover = prover, .site = site };
    struct bnfuse_error why;
    bool good = proof_try(&proof, &why);
    if (good && !site->is_proven) good = proof_try_bits(&proof, &why);
    if (good && !site->is_proven && !site->result->ill_conditioned) good = proof_try_stored(&proof, &why);
    if (good && !site->is_proven && says_little(prover, site)) good = try_other_numbers(&proof, &why);
    if (!good && !is_fatal(&why)) {
        site->result->why = arena_copy_text(prover->after->arena, why.message);
        good = true;
    }
    proof_release(site);
    arena_clear(prover->scratch);
    return good || pass_error(error, &why);
}

/* ---- apart from the reference run ---- */

static bool feed_random(const struct prover *prover, struct chooser *chooser, struct value *value, struct array **array,
                        struct bnfuse_error *error)
{
    struct run_options options = { .exact = true, .pool = prover->pool, .memory = prover->options->memory };
    struct datum datum;
    return choose_input(chooser, &datum, value, error) && array_from_datum(array, &datum, &options, error);
}

struct trial {
    struct proof proof;
    const struct guess *guess;
    bool invents; /* guess unknowns, from which dims are computed (input.h) */
    struct array **fed;
    bool guessed, computed; /* a dim was; one that is computed was */
};

/* Whether a dim is an expression over others: it follows once those are chosen. */
static bool is_computed(const struct symbols *symbols, const struct value *value)
{
    for (int axis = 0; axis < value->shape.rank; axis++)
        if (symbol_is_computed(symbols, value->shape.dims[axis].symbol)) return true;
    return false;
}

/* What was seen, what is constant, and what fits both. */
static bool feed(struct trial *trial, struct bnfuse_error *error)
{
    const struct prover *prover = trial->proof.prover;
    const struct site *site = trial->proof.site;
    struct array **fed = trial->fed;
    struct chooser chooser;
    chooser_open(&chooser, prover->scratch, prover->options, prover->before->symbols, trial->guess);
    chooser.invents = trial->invents;
    chooser.unlimited = prover->unlimited;
    chooser.clip = prover->clip;
    chooser.footprint = prover->footprint;
    if (prover->draw) chooser.draw = prover->draw;
    for (size_t i = 0; i < site->given_count; i++) {
        struct value *origin = site->origins[i];
        if (!origin) return fail(error, BNFUSE_UNSUPPORTED, "\"%s\" is not in the original", site->given[i]->name);
        fed[i] = array_keep(site->fed[i]);
        if (!fed[i] && !take_constant(prover, origin, &fed[i], error)) return false;
        if (fed[i]) chooser_learn(&chooser, origin, fed[i]->rank, fed[i]->dims);
    }
    for (int computed = 0; computed < 2; computed++)
        for (size_t i = 0; i < site->given_count; i++)
            if (!fed[i] && is_computed(prover->before->symbols, site->origins[i]) == computed
                && !feed_random(prover, &chooser, site->origins[i], &fed[i], error))
                return false;
    trial->guessed = chooser.guessed;
    trial->computed = chooser.computed;
    return true;
}

static bool run_trial(void *context, struct bnfuse_error *error)
{
    struct trial *trial = context;
    struct proof *proof = &trial->proof;
    return proof_plan_before(proof, error) && feed(trial, error)
           && proof_run_before(proof, trial->fed, &proof->site->expected, error);
}

/* At the first guess that `before` works on. The guesses that come first suit a camera; a
 * site needs no more than its operators do. */
bool prover_find_trial(const struct prover *prover, struct site *site)
{
    struct array **fed = NEW_ARRAY(prover->scratch, struct array *, site->given_count);
    struct trial trial = { .proof = { .prover = prover, .site = site }, .fed = fed, .guessed = true };
    for (size_t i = 0; i < 2 * guess_count && trial.guessed; i++) {
        struct bnfuse_error why;
        trial.invents = i % 2;
        if (trial.invents && !trial.computed) continue;
        trial.guessed = false;
        trial.guess = &guesses[(i / 2 + 2) % guess_count];
        if (guarded(prover->options->memory, run_trial, &trial, &why)) {
            arrays_drop(site->fed, site->given_count);
            if (site->given_count) memcpy(site->fed, fed, site->given_count * sizeof *fed);
            return true;
        }
        arrays_drop(fed, site->given_count);
        if (why.status == BNFUSE_INTERNAL) memory_require_machine(prover->options->memory);
        if (!*site->result->why) site->result->why = arena_copy_text(prover->after->arena, why.message);
    }
    return false;
}

/* ---- on small tensors ---- */

struct small_trial {
    struct trial trial;
    bool ran, agrees, tells; /* both parts; to the last bits; and numbers that tell right from wrong */
    struct bnfuse_difference difference;
};

static bool run_small(void *context, struct bnfuse_error *error)
{
    struct small_trial *small = context;
    struct proof *proof = &small->trial.proof;
    struct site *site = proof->site;
    struct array *output = NULL;
    if (!run_trial(&small->trial, error)) return false;
    for (size_t i = 0; i < site->given_count; i++) {
        site->fed[i] = small->trial.fed[i];
        small->trial.fed[i] = NULL;
    }
    if (!proof_run_after(proof, site->fed, false, &output, error)) return false;
    small->ran = true;
    small->difference = measure(site->expected, output);
    array_drop(output);
    small->agrees = !exceeds(&small->difference, SITE_LIMIT) || proof_idealizes(site, &small->difference);
    small->tells = small->difference.compared > 0 && !says_little(proof->prover, site);
    return true;
}

/* At the first guess that both parts work on. The arrays stay in the site. False when memory ran out. */
static bool find_small(struct small_trial *small, const struct guess *least, struct bnfuse_error *error)
{
    enum { FURTHER = 3 };
    const struct prover *prover = small->trial.proof.prover;
    struct site *site = small->trial.proof.site;
    bool guessed = true;
    for (size_t i = 0; i < 2 * (FURTHER + 1) && guessed && !small->ran; i++) {
        struct bnfuse_error why;
        small->trial.invents = i % 2;
        if (small->trial.invents && !small->trial.computed) continue;
        small->trial.guess = i / 2 ? &guesses[i / 2 + 1] : least;
        small->trial.guessed = false;
        proof_release(site);
        bool ran = guarded(prover->options->memory, run_small, small, &why);
        arrays_drop(small->trial.fed, site->given_count);
        if (!ran && is_fatal(&why)) return pass_error(error, &why);
        guessed = small->trial.guessed;
    }
    return true;
}

static struct small_trial small_trial(const struct proof *proof, const struct prover *prover)
{
    struct small_trial small = { .trial = { .proof = *proof } };
    small.trial.proof.prover = prover;
    small.trial.fed = NEW_ARRAY(prover->scratch, struct array *, proof->site->given_count);
    return small;
}

/* Numbers beyond the limits on the way, where something there has limits; and, where sizes are open, tensors that no
 * window fits in whole, which the original may not take. */
static bool try_further(const struct proof *proof, const struct prover *prover, bool guessed, bool *agrees,
                        struct bnfuse_error *error)
{
    const struct footprint *footprint = prover->footprint;
    const struct site *site = proof->site;
    const int64_t below = footprint_below(footprint), least = footprint_least(footprint);
    const struct draw large = { .name = "large", .scale = 2 * fmax(footprint->reach, 2), .rounds = 2 };
    const struct guess sizes[] = { { 2, least, least, least }, { 2, below, below, below } };
    for (int i = 0; i < 2 && *agrees; i++) {
        struct prover further = *prover;
        struct small_trial small = small_trial(proof, &further);
        if (i == 0 ? !footprint->hides : !guessed || footprint->extent < 2) continue;
        if (i == 0) further.draw = &large;
        if (!find_small(&small, &sizes[i], error)) return false;
        *agrees = !small.ran || small.agrees;
        if (small.ran && small.agrees)
            proof_add(site->result, &small.difference, proof_idealizes(site, &small.difference));
    }
    return true;
}

/* Few numbers may be equal by chance: then others. */
static bool find_telling(struct small_trial *small, const struct proof *proof, const struct prover *prover,
                         struct bnfuse_error *error)
{
    static const struct draw others = { .name = "wider", .scale = 1.5, .rounds = 2 };
    int64_t least = footprint_least(prover->footprint);
    const struct guess guess = { 2, least, least, least < 4 ? 4 : least };
    struct prover further = *prover;
    further.draw = &others;
    *small = small_trial(proof, prover);
    if (!find_small(small, &guess, error)) return false;
    if (!small->ran || !small->agrees || small->tells) return true;
    *small = small_trial(proof, &further);
    bool good = find_small(small, &guess, error);
    small->trial.proof.prover = prover;
    return good;
}

static bool prove_clipped(struct proof *proof, const struct prover *prover, struct bnfuse_error *error)
{
    struct site *site = proof->site;
    struct small_trial small;
    if (!find_telling(&small, proof, prover, error)) return false;
    proof->differs = small.ran && !small.agrees;
    if (!small.ran || !small.agrees || !small.tells) return true;
    if (!proof_try_bits(proof, error)) return !is_fatal(error);
    if (site->result->bits_differ) return true;
    if (!site->result->bits_equal && !proof_try_stored(proof, error)) return !is_fatal(error);
    struct bnfuse_site before = *site->result;
    proof_add(site->result, &small.difference, proof_idealizes(site, &small.difference));
    site->is_proven = true;
    if (!try_further(proof, prover, small.trial.guessed, &site->is_proven, error)) return false;
    if (!site->is_proven) *site->result = before;
    return true;
}

/* A site that was made wider spans sizes that may not shrink together; nobody else tries it at those of the model. */
static bool prove_parts(struct proof *proof, struct prover *small, struct footprint *footprint, bool is_wide,
                        struct bnfuse_error *error)
{
    static const enum clip clips[] = { CLIP_IMAGES, CLIP_UNPINNED, CLIP_NONE };
    const size_t clip_count = sizeof clips / sizeof *clips - !is_wide;
    bool good = proof_plan_before(proof, error) && proof_plan_after(proof, error);
    if (!good) return false;
    small->footprint = footprint;
    footprint_add(footprint, proof->before);
    footprint_add(footprint, proof->after);
    for (size_t i = 0; good && i < clip_count && !proof->site->is_proven; i++) {
        small->clip = clips[i];
        good = prove_clipped(proof, small, error);
    }
    return good;
}

static bool prove_wide(const struct prover *prover, struct site *wide, bool is_wide, bool *differs,
                       struct bnfuse_error *error)
{
    struct footprint footprint = { .extent = 1, .step = 1 };
    struct weight_bytes bytes = { .count = 0 };
    struct prover small = *prover;
    struct proof proof = { .prover = &small, .site = wide };
    small.bytes = &bytes;
    bool good = prove_parts(&proof, &small, &footprint, is_wide, error);
    *differs = proof.differs;
    proof_release(wide);
    for (size_t i = 0; i < bytes.count; i++) array_drop(bytes.kept[i].array);
    return good;
}

/* A difference on small tensors is no verdict: the site may be meant for its own sizes alone, or for what its inputs
 * can be. */
bool prove_site_small(const struct prover *prover, struct site *site, struct bnfuse_error *error)
{
    struct site wide;
    struct bnfuse_error why = { .status = BNFUSE_OK };
    bool good = true, differs;
    const struct widening with = { prover->sites, prover->scratch, prover->work };
    if (site_widen(&wide, site, &with)) {
        good = prove_wide(prover, &wide, wide.given != site->given, &differs, &why);
        for (int i = 0; i < MOST_EXTENSIONS && good && differs && !wide.is_proven; i++) {
            if (!site_extend(&wide, &with)) break;
            good = prove_wide(prover, &wide, true, &differs, &why);
        }
        site->is_proven = wide.is_proven;
        site->is_damaged |= wide.is_damaged;
        site->is_misstored |= wide.is_misstored;
    }
    arena_clear(prover->scratch);
    return good || !is_fatal(&why) || pass_error(error, &why);
}

/* What was seen may not go together with what is guessed: then without it. And what is declared may be too much for the
 * limits: then less. */
static bool prove_free(const struct prover *prover, struct site *site, struct bnfuse_error *error)
{
    static const enum clip clips[] = { CLIP_NONE, CLIP_BUT_SECOND, CLIP_BUT_LAST };
    site->result->why = "";
    bool found = prover_find_trial(prover, site);
    for (size_t i = 0; !found && i < sizeof clips / sizeof *clips; i++) {
        struct prover clipped = *prover;
        clipped.clip = clips[i];
        proof_release(site);
        arena_clear(prover->scratch);
        found = prover_find_trial(&clipped, site);
    }
    arena_clear(prover->scratch);
    if (found) return prove_site(prover, site, error);
    proof_release(site);
    return true;
}

/* Nothing was found out about it; or a difference, on inputs of which one follows from another. */
static bool is_open(const struct prover *prover, const struct site *site)
{
    const bool open =
        !site->result->checked || (proof_differs(site->result) && site_input_follows(site, prover->scratch));
    arena_clear(prover->scratch);
    return open;
}

bool prove_site_apart(const struct prover *prover, struct site *site, struct bnfuse_error *error)
{
    const struct widening with = { prover->sites, prover->after->arena, prover->work };
    struct site wide = *site;
    bool is_bound = site_is_bound(site, prover->scratch);
    arena_clear(prover->scratch);
    if (is_bound) site->result->why = "its inputs follow from each other";
    else if (!prove_free(prover, site, error)) return false;
    for (int i = 0; i < MOST_EXTENSIONS && prover->sites && is_open(prover, &wide) && site_extend(&wide, &with); i++) {
        const struct bnfuse_site narrow = *site->result;
        proof_forget(&wide);
        if (!prove_free(prover, &wide, error)) return false;
        if (narrow.checked && (!site->result->checked || proof_differs(wide.result))) *site->result = narrow;
        else {
            site->is_damaged = wide.is_damaged;
            site->is_misstored = wide.is_misstored;
        }
    }
    return true;
}
