/* SPDX-License-Identifier: Apache-2.0
 *
 * Proving a site. A trial is one set of arrays in site->fed, what `before` makes of it in site->expected, and what
 * `after` makes of it against that. See prove.h. */
#include "check/prove.h"

#include "check/footprint.h"
#include "check/input.h"
#include "check/measure.h"
#include "onnx/shape/symbol.h"
#include "runtime/element.h"

#include <math.h>
#include <string.h>

bool pass_error(struct bnfuse_error *error, const struct bnfuse_error *why)
{
    if (error) *error = *why;
    return false;
}

static void release(struct site *site)
{
    arrays_drop(site->fed, site->given_count);
    arrays_drop(&site->expected, 1);
}

bool prover_run_plan(const struct prover *prover, const struct plan *plan, const struct partial_run *part,
                     struct array **output, struct bnfuse_error *error)
{
    struct run_options options = { .exact = !part->native,
                                   .unrounded = !part->stored && !part->native,
                                   .team = prover->team,
                                   .memory = prover->options->memory,
                                   .pool = prover->pool,
                                   .weight_noise = part->noise,
                                   .noise_type = (enum dtype)prover->options->asked.precision,
                                   .unmoved = part->unmoved,
                                   .random_seed = prover->options->asked.seed };
    *output = NULL;
    const struct work_share share = work_begin(options.memory, prover->work, UINT64_MAX / 2);
    bool ran = plan_run(plan, &options, part->fed, output, error);
    work_end(options.memory, &share);
    return ran;
}

bool prover_plan(const struct prover *prover, const struct partial_run *part, struct plan **plan,
                 struct bnfuse_error *error)
{
    struct value *wanted = part->wanted;
    return plan_build(plan, prover->scratch, part->net, part->given, part->given_count, &wanted, 1, error);
}

bool prover_run(const struct prover *prover, const struct partial_run *part, struct array **output,
                struct bnfuse_error *error)
{
    struct plan *plan;
    *output = NULL;
    return prover_plan(prover, part, &plan, error) && prover_run_plan(prover, plan, part, output, error);
}

/* A site at work: its parts of both nets, planned once, in the prover's scratch. */
struct proof {
    const struct prover *prover;
    struct site *site;
    struct plan *before, *after; /* NULL: not yet */
    bool differs;                /* on small tensors, when last tried */
};

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

static bool plan_before(struct proof *proof, struct bnfuse_error *error)
{
    const struct partial_run part = part_before(proof, NULL);
    struct plan *plan = proof->before;
    if (!plan && !prover_plan(proof->prover, &part, &plan, error)) return false;
    proof->before = plan;
    return true;
}

static bool plan_after(struct proof *proof, struct bnfuse_error *error)
{
    const struct partial_run part = part_after(proof, NULL);
    struct plan *plan = proof->after;
    if (!plan && !prover_plan(proof->prover, &part, &plan, error)) return false;
    proof->after = plan;
    return true;
}

static bool run_before(struct proof *proof, struct array *const *fed, struct array **output, struct bnfuse_error *error)
{
    const struct partial_run part = part_before(proof, fed);
    *output = NULL;
    return plan_before(proof, error) && prover_run_plan(proof->prover, proof->before, &part, output, error);
}

static bool run_after(struct proof *proof, struct array *const *fed, bool stored, struct array **output,
                      struct bnfuse_error *error)
{
    struct partial_run part = part_after(proof, fed);
    part.stored = stored;
    *output = NULL;
    return plan_after(proof, error) && prover_run_plan(proof->prover, proof->after, &part, output, error);
}

/* ---- one trial ---- */

struct array *perturb(struct array *array)
{
    if (!array || array->store != STORE_F64) return array;
    struct array *copy = array_new(array->pool, array->type, array->store, array->rank, array->dims);
    uint64_t state = 1;
    for (int64_t i = 0; i < array->count; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        copy->f64[i] = nextafter(array->f64[i], state >> 63 ? INFINITY : -INFINITY);
    }
    array_drop(array);
    return copy;
}

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
    if (run_before(proof, fed, &output, &why)) {
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

/* One more outcome. A mistake stays a mistake, whatever else is found; and one trial that tells something is enough. */
static void add_outcome(struct bnfuse_site *result, const struct bnfuse_difference *difference, bool ill_conditioned)
{
    bool degenerate = difference->degenerate && (!result->checked || result->difference.degenerate);
    bool was = result->checked && is_mistake(&result->difference, result->ill_conditioned);
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

/* Whether the difference is one, and no more than what the numbers that an edit idealized had lost to their type. */
static bool is_idealization(const struct site *site, const struct bnfuse_difference *difference)
{
    return site->is_idealized && exceeds(difference, SITE_LIMIT) && !difference->shape_differs
           && !difference->pattern_differs && difference->relative <= resolution_of(site->expected->type);
}

/* False with the reason when `after` cannot be run. */
static bool try_site(struct proof *proof, struct bnfuse_error *error)
{
    struct site *site = proof->site;
    struct array *output = NULL;
    bool ran = run_after(proof, site->fed, false, &output, error);
    if (ran) {
        struct bnfuse_difference difference = measure(site->expected, output);
        double noise = 0;
        if (exceeds(&difference, SITE_LIMIT) && !difference.shape_differs && !difference.pattern_differs)
            ran = own_noise(proof, &noise, error);
        if (ran)
            add_outcome(site->result, &difference,
                        (difference.pattern_differs && difference.near_overflow) || is_idealization(site, &difference)
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

/* Zeros of other signs differ. A float is the same as a double. */
static bool is_same_number(const struct array *a, const struct array *b, int64_t i)
{
    const double of_a = a->store == STORE_F32 ? (double)a->f32[i] : a->f64[i],
                 of_b = b->store == STORE_F32 ? (double)b->f32[i] : b->f64[i];
    return (of_a == of_b && signbit(of_a) == signbit(of_b)) || (isnan(of_a) && isnan(of_b));
}

static bool is_same_complex(const struct array *a, const struct array *b, int64_t i)
{
    const struct array parts_of_a = element_parts(a), parts_of_b = element_parts(b);
    return is_same_number(&parts_of_a, &parts_of_b, 2 * i) && is_same_number(&parts_of_a, &parts_of_b, 2 * i + 1);
}

static bool is_same_element(const struct array *a, const struct array *b, int64_t i)
{
    if (is_real(a)) return is_same_number(a, b, i);
    if (a->store == STORE_TEXT) return strcmp(a->text[i], b->text[i]) == 0;
    if (is_complex(a)) return is_same_complex(a, b, i);
    return a->i64[i] == b->i64[i];
}

/* A NaN is equal to any other. */
static bool same_bits(const struct array *a, const struct array *b)
{
    if (!a || !b) return a == b;
    if (a->type != b->type || a->store != b->store || a->rank != b->rank || a->count != b->count) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    for (int64_t i = 0; i < a->count; i++) {
        if (a->store == STORE_SEQUENCE && !same_bits(a->items[i], b->items[i])) return false;
        if (a->store != STORE_SEQUENCE && !is_same_element(a, b, i)) return false;
    }
    return true;
}

/* Where no edit may change a bit, both parts run in the model's own types, and have to agree to the bit. A part that does not
 * run so leaves the question open; float64 has had its say. */
static bool try_bits(struct proof *proof, struct bnfuse_error *error)
{
    struct site *site = proof->site;
    struct bnfuse_error why = { .status = BNFUSE_OK };
    struct array *before = NULL, *after = NULL;
    if (!site->keeps_bits) return true;
    struct array **fed = native_arrays(proof->prover, site);
    struct partial_run first = part_before(proof, fed), second = part_after(proof, fed);
    first.native = second.native = true;
    bool ran = plan_before(proof, &why) && plan_after(proof, &why)
               && prover_run_plan(proof->prover, proof->before, &first, &before, &why)
               && prover_run_plan(proof->prover, proof->after, &second, &after, &why);
    if (ran) {
        bool equal = same_bits(before, after);
        site->result->bits_equal = equal && !site->result->bits_differ;
        site->result->bits_differ |= !equal;
        struct bnfuse_difference differs = { .largest = INFINITY, .relative = INFINITY, .pattern_differs = true };
        if (!equal) add_outcome(site->result, &differs, false);
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

/* The folded weights as they will be stored. Whatever rounding them does not explain is a mistake; and what it explains
 * may still be more than the last place of the original's weights leaves open. */
static bool try_stored(struct proof *proof, struct bnfuse_error *error)
{
    struct site *site = proof->site;
    struct array *output = NULL;
    bool beyond;
    if (!site->expected || !run_after(proof, site->fed, true, &output, error)) return !site->expected;
    const enum dtype type = site->expected->type;
    struct bnfuse_difference difference = measure(site->expected, output);
    array_drop(output);
    if (!exceeds(&difference, fmax(resolution_of(type), 2 * SITE_LIMIT)) || difference.near_overflow) return true;
    if (!plan_before(proof, error) || !is_beyond_noise(proof, false, &difference, &beyond, error)) return false;
    site->is_misstored |= beyond;
    if (!exceeds(&difference, damage_limit(type))) return true;
    if (!is_beyond_noise(proof, true, &difference, &beyond, error)) return false;
    site->is_damaged |= beyond;
    return true;
}

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

/* Random ones of the same size and sign: who feeds on what a Relu lets through need not work on anything else, and what is
 * zero throughout mostly comes from one. */
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

/* One more trial. The first one stands where the site does not work on random numbers. */
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
    arrays_drop(&site->expected, 1);
    if (changed && run_before(proof, site->fed, &site->expected, &why) && array_is_finite(site->expected))
        try_site(proof, &why);
    return !is_fatal(&why) || pass_error(error, &why);
}

bool prove_site(const struct prover *prover, struct site *site, struct bnfuse_error *error)
{
    struct proof proof = { .prover = prover, .site = site };
    struct bnfuse_error why;
    bool good = try_site(&proof, &why);
    if (good && !site->is_proven) good = try_bits(&proof, &why);
    if (good && !site->is_proven && !site->result->ill_conditioned) good = try_stored(&proof, &why);
    if (good && !site->is_proven && says_little(prover, site)) good = try_other_numbers(&proof, &why);
    if (!good && !is_fatal(&why)) {
        site->result->why = arena_copy_text(prover->after->arena, why.message);
        good = true;
    }
    release(site);
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
    return plan_before(proof, error) && feed(trial, error)
           && run_before(proof, trial->fed, &proof->site->expected, error);
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
    if (!run_after(proof, site->fed, false, &output, error)) return false;
    small->ran = true;
    small->difference = measure(site->expected, output);
    array_drop(output);
    small->agrees = !exceeds(&small->difference, SITE_LIMIT) || is_idealization(site, &small->difference);
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
        release(site);
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
            add_outcome(site->result, &small.difference, is_idealization(site, &small.difference));
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
    if (!try_bits(proof, error)) return !is_fatal(error);
    if (site->result->bits_differ) return true;
    if (!site->result->bits_equal && !try_stored(proof, error)) return !is_fatal(error);
    struct bnfuse_site before = *site->result;
    add_outcome(site->result, &small.difference, is_idealization(site, &small.difference));
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
    bool good = plan_before(proof, error) && plan_after(proof, error);
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
    struct prover small = *prover;
    struct proof proof = { .prover = &small, .site = wide };
    bool good = prove_parts(&proof, &small, &footprint, is_wide, error);
    *differs = proof.differs;
    release(wide);
    return good;
}

/* A difference on small tensors is no verdict: the site may be meant for its own sizes alone, or for what its inputs can
 * be. */
bool prove_site_small(const struct prover *prover, struct site *site, struct bnfuse_error *error)
{
    enum { MOST_EXTENSIONS = 4 };
    struct site wide;
    struct bnfuse_error why = { .status = BNFUSE_OK };
    bool good = true, differs;
    if (site_widen(&wide, site, prover->sites, prover->scratch)) {
        good = prove_wide(prover, &wide, wide.given != site->given, &differs, &why);
        for (int i = 0; i < MOST_EXTENSIONS && good && differs && !wide.is_proven; i++) {
            if (!site_extend(&wide, prover->sites, prover->scratch)) break;
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
        release(site);
        arena_clear(prover->scratch);
        found = prover_find_trial(&clipped, site);
    }
    arena_clear(prover->scratch);
    if (found) return prove_site(prover, site, error);
    release(site);
    return true;
}

bool prove_site_apart(const struct prover *prover, struct site *site, struct bnfuse_error *error)
{
    struct site wide;
    bool is_bound = site_is_bound(site, prover->scratch);
    arena_clear(prover->scratch);
    if (!is_bound) return prove_free(prover, site, error);
    site->result->why = "its inputs follow from each other";
    if (!prover->sites || !site_widen(&wide, site, prover->sites, prover->after->arena)) return true;
    bool good = prove_free(prover, &wide, error);
    site->is_damaged |= wide.is_damaged;
    site->is_misstored |= wide.is_misstored;
    return good;
}
