/* SPDX-License-Identifier: Apache-2.0
 *
 * Trials of a segment: what is fed, what both make of it, what the weights explain. See segment.h. */
#include "check/segment.h"

#include "check/driver.h"
#include "check/footprint.h"
#include "check/input.h"
#include "check/measure.h"
#include "check/widen.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/reads.h"

#include <math.h>
#include <string.h>

double perturbation_of(double a, double b, double resolution)
{
    return fmax(a, fmin(b, fmax(10 * a, resolution)));
}

struct array *as_type_of(const struct array *a, struct array *b)
{
    bool real = a && b && a->store <= STORE_F64 && b->store <= STORE_F64;
    if (!real || (a->type == b->type && a->store == b->store)) return array_keep(b);
    struct array *same = array_stored(b, a->store);
    struct array *shared = array_reshaped(same, same->rank, same->dims);
    array_drop(same);
    shared->type = a->type;
    return shared;
}

/* ---- one trial ---- */

/* What each element of the value came to, from trial to trial. */
struct reaction {
    double *low, *high;
    int64_t count;
    size_t trials;
};

struct proof {
    const struct prover *prover;
    const struct pointer_map *sizes_of_b;
    struct site *site;
    struct plan *plan_a, *plan_b;
    double perturbation; /* the largest that was measured; < 0: none */
    bool says_little;
    double usual;                 /* the largest number of what was seen */
    struct reaction reactions[2]; /* to arrays of the size of those that were seen, and to smaller ones */
    bool meets;                   /* thresholds are met for certain, so the last bit of an input says nothing */
    bool *dependent;              /* of what is fed: computed from something else that is fed */
    struct driver driver;
    const int64_t **dims; /* of what is fed: those of a smaller image; NULL: it is none */
    bool shrinks;         /* some array does */
};

static struct partial_run part_a(const struct proof *proof, struct array *const *fed, uint64_t noise)
{
    const struct site *site = proof->site;
    return (struct partial_run){ proof->prover->before,
                                 site->origins,
                                 site->given_count,
                                 fed,
                                 site->origin,
                                 noise,
                                 proof->prover->sizes,
                                 true,
                                 false };
}

static struct partial_run part_b(const struct proof *proof, struct array *const *fed, uint64_t noise)
{
    const struct site *site = proof->site;
    return (struct partial_run){
        proof->prover->after, site->given, site->given_count, fed, site->value, noise, proof->sizes_of_b, true, false
    };
}

static bool plan_parts(struct proof *proof, struct bnfuse_error *error)
{
    const struct partial_run a = part_a(proof, NULL, 0), b = part_b(proof, NULL, 0);
    return prover_plan(proof->prover, &a, &proof->plan_a, error)
           && prover_plan(proof->prover, &b, &proof->plan_b, error);
}

static bool run_a(const struct proof *proof, struct array *const *fed, uint64_t noise, struct array **output,
                  struct bnfuse_error *error)
{
    const struct partial_run part = part_a(proof, fed, noise);
    return prover_run_plan(proof->prover, proof->plan_a, &part, output, error);
}

static bool run_b(const struct proof *proof, struct array *const *fed, uint64_t noise, struct array **output,
                  struct bnfuse_error *error)
{
    const struct partial_run part = part_b(proof, fed, noise);
    return prover_run_plan(proof->prover, proof->plan_b, &part, output, error);
}

static double moved_by(const struct array *from, struct array *to)
{
    struct array *same = as_type_of(from, to);
    struct bnfuse_difference moved = measure(from, same);
    array_drop(same);
    return moved.shape_differs || moved.pattern_differs ? INFINITY : moved.relative;
}

enum { SEEDS = 2 };

/* Weights by half a unit in their last place; and inputs by the last bit of a double, which float64 cannot tell. */
static bool measure_perturbation(struct proof *proof, struct array *const *fed, const struct array *of_a,
                                 const struct array *of_b, double *perturbation, struct bnfuse_error *error)
{
    double a = 0, b = 0, last_bit = 0;
    struct array *output = NULL;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        if (!run_a(proof, fed, seed, &output, error)) return false;
        a = fmax(a, moved_by(of_a, output));
        array_drop(output);
        if (!run_b(proof, fed, seed, &output, error)) return false;
        b = fmax(b, moved_by(of_b, output));
        array_drop(output);
    }
    size_t count = proof->site->given_count;
    struct array **moved = NEW_ARRAY(proof->prover->scratch, struct array *, count);
    for (size_t i = 0; i < count; i++) {
        moved[i] = array_keep(fed[i]);
        if (!pointer_map_get(proof->prover->sizes, proof->site->origins[i])) moved[i] = perturb(moved[i]);
    }
    output = NULL;
    if (!proof->meets && run_a(proof, moved, 0, &output, error)) last_bit = moved_by(of_a, output);
    array_drop(output);
    for (size_t i = 0; i < count; i++) array_drop(moved[i]);
    *perturbation = fmax(perturbation_of(a, b, resolution_of(proof->site->type)), PERTURBATION_FACTOR / 10 * last_bit);
    return !is_fatal(error);
}

/* What shows the mistake, for whoever wants to take it away. */
static void keep_witness(const struct proof *proof, struct array *const *fed, const struct array *of_a)
{
    struct site *site = proof->site;
    struct arena *arena = proof->prover->after->arena;
    if (!proof->prover->options->asked.repro) return;
    site->witness = NEW_ARRAY(arena, struct datum, site->given_count + 1);
    for (size_t i = 0; i < site->given_count; i++)
        datum_from_array(&site->witness[i], arena, site->origins[i]->name, fed[i]);
    datum_from_array(&site->witness[site->given_count], arena, site->origin->name, of_a);
}

/* What a trial came to. */
struct outcome {
    struct bnfuse_difference difference;
    double perturbation;
    bool is_mistake, is_unclear;
};

static struct outcome outcome_of(const struct site *site, const struct bnfuse_difference *difference,
                                 double perturbation)
{
    double resolution = resolution_of(site->type), limit = fmax(resolution, NOISE_FACTOR * perturbation);
    bool is_mistake = exceeds(difference, limit) && !(difference->pattern_differs && difference->near_overflow);
    bool is_unclear = !is_mistake && exceeds(difference, resolution) && !(perturbation <= MOST_PERTURBATION);
    return (struct outcome){ *difference, perturbation, is_mistake, is_unclear };
}

static void settle_trial(struct proof *proof, struct array *const *fed, const struct array *of_a,
                         const struct outcome *outcome)
{
    struct site *site = proof->site;
    struct bnfuse_site *result = site->result;
    bool is_mistake = outcome->is_mistake;
    if (is_mistake && !site->is_mistaken) result->difference = outcome->difference;
    else if (is_mistake == site->is_mistaken)
        result->difference =
            result->checked ? worse_difference(result->difference, outcome->difference) : outcome->difference;
    if (is_mistake && !site->is_mistaken && of_a) keep_witness(proof, fed, of_a);
    if (is_mistake && !site->is_mistaken) result->noise = outcome->perturbation;
    else if (!site->is_mistaken) result->noise = fmax(result->noise, outcome->perturbation);
    site->is_mistaken |= is_mistake;
    result->ill_conditioned |= outcome->is_unclear;
    result->checked = true;
}

/* SEEN: the arrays are those of a run, so that the outcome counts whatever it is. SMALL: they are smaller than those,
 * so that only agreement counts: a segment may be meant for its own sizes alone. */
enum trial { SEEN, DRIVEN, SMALL };

static bool judge_trial(struct proof *proof, struct array *const *fed, const struct array *of_a, struct array *of_b,
                        struct outcome *outcome, struct bnfuse_error *error)
{
    double perturbation = fmax(proof->perturbation, 0), resolution = resolution_of(proof->site->type);
    struct array *same = as_type_of(of_a, of_b);
    struct bnfuse_difference difference = measure(of_a, same);
    bool comparable = !difference.shape_differs && !difference.pattern_differs;
    array_drop(same);
    if (comparable && exceeds(&difference, fmax(resolution, NOISE_FACTOR * perturbation))) {
        if (!measure_perturbation(proof, fed, of_a, of_b, &perturbation, error)) return false;
        proof->perturbation = fmax(proof->perturbation, perturbation);
    }
    *outcome = outcome_of(proof->site, &difference, perturbation);
    return true;
}

/* INFINITY: of what are no real numbers. */
static double largest_of(const struct array *array)
{
    double largest = 0;
    if (!array || array->store != STORE_F64) return INFINITY;
    for (int64_t i = 0; i < array->count; i++) largest = fmax(largest, fabs(array->f64[i]));
    return largest;
}

/* So much smaller than what a run gave: the far tail of a Gelu, which goes by digits that no constant has. */
#define FADED 1e-6

static bool is_faded(const struct proof *proof, const struct array *of_a, const struct array *of_b)
{
    return fmax(largest_of(of_a), largest_of(of_b)) < FADED * proof->usual;
}

static void watch(struct proof *proof, struct reaction *reaction, const struct array *of_a)
{
    if (!proof->site->hides || !of_a || of_a->store != STORE_F64) return;
    if (!reaction->trials) {
        reaction->count = of_a->count;
        reaction->low = NEW_ARRAY(proof->prover->scratch, double, (size_t)of_a->count);
        reaction->high = NEW_ARRAY(proof->prover->scratch, double, (size_t)of_a->count);
    }
    for (int64_t i = 0; i < of_a->count && of_a->count == reaction->count; i++) {
        double x = of_a->f64[i];
        reaction->low[i] = reaction->trials ? fmin(reaction->low[i], x) : x;
        reaction->high[i] = reaction->trials ? fmax(reaction->high[i], x) : x;
    }
    reaction->trials++;
}

static bool is_alive(const struct reaction *reaction)
{
    enum { FEWEST_TRIALS = 4 };
    const double least = 1e-3;
    double largest = 0;
    for (int64_t i = 0; i < reaction->count; i++)
        largest = fmax(largest, fmax(fabs(reaction->low[i]), fabs(reaction->high[i])));
    for (int64_t i = 0; i < reaction->count; i++)
        if (!(reaction->high[i] - reaction->low[i] > least * largest)) return false;
    return reaction->count && reaction->trials >= FEWEST_TRIALS;
}

/* *told: the outcome counts. */
static bool try_segment(struct proof *proof, struct array *const *fed, enum trial trial, bool *told,
                        struct bnfuse_error *error)
{
    struct array *of_a = NULL, *of_b = NULL;
    struct outcome outcome = { 0 };
    const bool is_small = trial == SMALL;
    *told = false;
    bool ran = run_a(proof, fed, 0, &of_a, error);
    if (ran && trial != SEEN && !array_is_finite(of_a)) {
        array_drop(of_a);
        return true;
    }
    ran = ran && run_b(proof, fed, 0, &of_b, error);
    if (ran) {
        proof->site->type = of_a ? of_a->type : DTYPE_UNDEFINED;
        proof->says_little |= trial == SEEN && is_uniform(of_a);
        if (trial == SEEN) proof->usual = largest_of(of_a);
        if (trial != SEEN && is_faded(proof, of_a, of_b)) trial = SMALL;
        ran = judge_trial(proof, fed, of_a, of_b, &outcome, error);
    }
    *told = ran && (trial != SMALL || (!outcome.is_mistake && !outcome.is_unclear));
    if (*told) settle_trial(proof, fed, of_a, &outcome);
    if (*told) watch(proof, &proof->reactions[is_small], of_a);
    array_drop(of_a);
    array_drop(of_b);
    return ran;
}

/* ---- tables ---- */

/* The constant that the value's elements are taken from, by whatever else its operator reads; or NULL. */
static const struct tensor *table_of(const struct value *value)
{
    const struct node *node = value->writer;
    struct value *from = node && node->row && node->row->passes == SLOT(0) ? node_input(node, 0) : NULL;
    const struct tensor *table = value_constant(from);
    return table && dtype_kind(table->type) == KIND_REAL ? table : NULL;
}

static bool is_like(const struct tensor *a, const struct tensor *b)
{
    if (!a || !b || a == b || a->rank != b->rank) return false;
    for (int axis = 0; axis < a->rank; axis++)
        if (a->dims[axis] != b->dims[axis]) return false;
    return true;
}

/* False where a piece of either cannot be read. */
static bool measure_tables(const struct tensor *a, const struct tensor *b, struct bnfuse_difference *difference)
{
    enum { PIECE = 512 };
    double x[PIECE], y[PIECE], scale = 0;
    for (int64_t done = 0; done < a->count; done += PIECE) {
        int64_t count = a->count - done < PIECE ? a->count - done : PIECE;
        if (!tensor_read_real(a, done, count, x, NULL) || !tensor_read_real(b, done, count, y, NULL)) return false;
        for (int64_t i = 0; i < count; i++) {
            double far = fabs(x[i] - y[i]);
            if (!isfinite(far)) { /* NaN or an infinity: the same in both, or a difference */
                difference->pattern_differs |= x[i] != y[i] && !(isnan(x[i]) && isnan(y[i]));
                continue;
            }
            scale = fmax(scale, fabs(x[i]));
            if (far > difference->largest) difference->at = done + i;
            difference->largest = fmax(difference->largest, far);
        }
    }
    difference->relative = scale > 0 ? difference->largest / scale : difference->largest;
    difference->compared = a->count;
    return true;
}

/* Of eight bits, the lowest precision that can be asked for, relative to the largest number. */
#define HALF_A_STEP 0x1p-8

/* What no index that was fed asks for: two tables that the same operator takes elements from are compared as they
 * are. */
static void compare_tables(struct proof *proof)
{
    struct site *site = proof->site;
    const struct tensor *a = table_of(site->origin), *b = table_of(site->value);
    const bool is_lower = proof->prover->options->asked.precision != BNFUSE_DTYPE_UNDEFINED;
    struct bnfuse_difference difference = { 0 };
    if (site->is_mistaken || !is_like(a, b) || strcmp(site->origin->writer->op, site->value->writer->op) != 0) return;
    if (!measure_tables(a, b, &difference)) return;
    const struct outcome outcome = outcome_of(site, &difference, is_lower ? HALF_A_STEP : 0);
    if (outcome.is_mistake) settle_trial(proof, site->fed, NULL, &outcome);
}

/* ---- what is fed depends on what else is fed ---- */

struct cone {
    const struct site *site;
    const struct pointer_map *given; /* the places of what is fed */
    size_t from;
    struct pointer_map seen;
    struct arena *arena;
    const struct node **stack;
    size_t count, space;
    bool meets;
};

static void cone_reach(void *context, struct value *value)
{
    struct cone *cone = context;
    if (cone->meets || pointer_map_get(&cone->seen, value)) return;
    pointer_map_set(&cone->seen, value, cone);
    struct value *const *given = pointer_map_get(cone->given, value);
    if (given && given != &cone->site->origins[cone->from]) cone->meets = true;
    if (!value->writer) return;
    if (cone->count == cone->space) {
        size_t space = 2 * cone->space + 16;
        cone->stack = arena_grow(cone->arena, cone->stack, cone->space, space, sizeof *cone->stack);
        cone->space = space;
    }
    cone->stack[cone->count++] = value->writer;
}

enum { VISIT_WORK = 200 };

/* Whether the first model computes what is fed here from something else that is fed; or whether nobody looked that
 * far. */
static bool is_dependent(const struct proof *proof, const struct pointer_map *given, size_t i)
{
    struct cone cone = { .site = proof->site, .given = given, .from = i, .arena = proof->prover->scratch };
    const struct value *origin = proof->site->origins[i];
    if (proof->site->given_count < 2) return false;
    cone.seen.arena = proof->prover->scratch;
    const struct read_visitor visitor = { cone_reach, &cone, origin->graph };
    if (origin->writer) visit_reads(&visitor, origin->writer);
    while (cone.count && !cone.meets) {
        visit_reads(&visitor, cone.stack[--cone.count]);
        cone.meets |= !work_spend(proof->prover->work, VISIT_WORK);
    }
    return cone.meets;
}

static struct pointer_map places_of_given(const struct site *site, struct arena *arena)
{
    struct pointer_map places = { .arena = arena };
    for (size_t i = 0; i < site->given_count; i++)
        if (site->origins[i]) pointer_map_set(&places, site->origins[i], &site->origins[i]);
    return places;
}

/* Computes what was left out as the first model does, from what is fed; in one run, for one may follow from another. */
static bool fill_dependent(const struct proof *proof, struct array **fed, const bool *dependent,
                           struct bnfuse_error *error)
{
    const struct prover *prover = proof->prover;
    const struct site *site = proof->site;
    struct value **given = NEW_ARRAY(prover->scratch, struct value *, site->given_count),
                 **wanted = NEW_ARRAY(prover->scratch, struct value *, site->given_count);
    struct array **arrays = NEW_ARRAY(prover->scratch, struct array *, site->given_count),
                 **made = NEW_ARRAY(prover->scratch, struct array *, site->given_count);
    size_t given_count = 0, wanted_count = 0;
    struct plan *plan;
    for (size_t i = 0; i < site->given_count; i++)
        if (fed[i]) {
            given[given_count] = site->origins[i];
            arrays[given_count++] = fed[i];
        } else if (dependent[i]) wanted[wanted_count++] = site->origins[i];
    if (!wanted_count) return true;
    const struct partial_run run = { .net = prover->before, .fed = arrays, .stored = true };
    if (!plan_build(&plan, prover->scratch, prover->before, given, given_count, wanted, wanted_count, error)
        || !prover_run_plan(prover, plan, &run, made, error))
        return false;
    for (size_t i = 0, next = 0; i < site->given_count; i++)
        if (!fed[i] && dependent[i]) fed[i] = made[next++];
    return true;
}

/* ---- smaller arrays ---- */

/* So many numbers of an array tell as much as more of them do. */
enum { ENOUGH = 4096 };

static bool is_image(const struct proof *proof, size_t i)
{
    return is_driven(&proof->driver, i) && proof->site->fed[i]->rank >= 4;
}

/* Of an axis of an image: what the windows on the way need, and `more` of their steps. */
static int64_t smaller_size(const struct footprint *footprint, int64_t size, int64_t more)
{
    int64_t smaller = footprint_size(footprint, size) + more * footprint->step;
    return smaller < size ? smaller : size;
}

static int64_t smaller_count(const struct footprint *footprint, const struct array *array, int64_t more)
{
    int64_t count = array->dims[0] * array->dims[1];
    for (int axis = 2; axis < array->rank; axis++) count *= smaller_size(footprint, array->dims[axis], more);
    return count;
}

/* How many steps more: until the largest has numbers enough. The same for all, for images of one size stay so. */
static int64_t find_more(const struct proof *proof, const struct footprint *footprint)
{
    for (int64_t more = 0, before = -1;; more++) {
        int64_t largest = 0;
        for (size_t i = 0; i < proof->site->given_count; i++) {
            int64_t count = is_image(proof, i) ? smaller_count(footprint, proof->site->fed[i], more) : 0;
            if (count > largest) largest = count;
        }
        if (largest >= ENOUGH || largest == before) return more;
        before = largest;
    }
}

static void find_smaller(struct proof *proof)
{
    struct footprint footprint = { .extent = 1, .step = 1 };
    footprint_add(&footprint, proof->plan_a);
    footprint_add(&footprint, proof->plan_b);
    const int64_t more = find_more(proof, &footprint);
    for (size_t i = 0; i < proof->site->given_count; i++) {
        const struct array *array = proof->site->fed[i];
        if (!is_image(proof, i)) continue;
        int64_t *dims = NEW_ARRAY(proof->prover->scratch, int64_t, (size_t)array->rank);
        for (int axis = 0; axis < array->rank; axis++)
            dims[axis] = axis < 2 ? array->dims[axis] : smaller_size(&footprint, array->dims[axis], more);
        proof->dims[i] = dims;
        proof->shrinks |= smaller_count(&footprint, array, more) < array->count;
    }
}

/* A trial that the segment does not run on says nothing. */
static bool try_drive(struct proof *proof, enum drive drive, enum trial trial, bool *told, struct bnfuse_error *error)
{
    size_t count = proof->site->given_count;
    struct bnfuse_error why = { .status = BNFUSE_OK };
    struct array **fed = NEW_ARRAY(proof->prover->scratch, struct array *, count);
    *told = false;
    for (size_t i = 0; i < count; i++)
        fed[i] =
            proof->dependent[i] ? NULL : drive_value(&proof->driver, i, trial == SMALL ? proof->dims[i] : NULL, drive);
    if (fill_dependent(proof, fed, proof->dependent, &why)) try_segment(proof, fed, trial, told, &why);
    for (size_t i = 0; i < count; i++) array_drop(fed[i]);
    return !is_fatal(&why) || pass_error(error, &why);
}

static bool drive_segment(struct proof *proof, enum drive drive, struct bnfuse_error *error)
{
    bool told = false;
    if (proof->shrinks && !try_drive(proof, drive, SMALL, &told, error)) return false;
    return told || try_drive(proof, drive, DRIVEN, &told, error);
}

/* Rounding to a few bits hides most of what differs. */
static bool is_coded(const struct proof *proof)
{
    for (size_t i = 0; i < proof->site->given_count; i++)
        if (is_code(&proof->driver, i)) return true;
    return false;
}

static bool is_uniform_somewhere(const struct site *site)
{
    for (size_t i = 0; i < site->given_count; i++)
        if (is_uniform(site->fed[i])) return true;
    return false;
}

/* Few numbers say little: then more of them, above all where only some of them get past what hides the rest. */
static uint64_t rounds_for(const struct site *site)
{
    int64_t count = 0;
    for (size_t i = 0; i < site->given_count; i++) count += site->fed[i] ? site->fed[i]->count : 0;
    if (count < 32 && site->is_curved) return 24;
    return count < 256 ? 6 : count < 4096 ? 3 : 1;
}

static struct proof open_proof(const struct prover *prover, const struct pointer_map *sizes_of_b, struct site *site)
{
    const size_t count = site->given_count;
    struct proof proof = { .prover = prover, .sizes_of_b = sizes_of_b, .site = site, .perturbation = -1 };
    proof.dependent = NEW_ARRAY(prover->scratch, bool, count);
    proof.driver = open_driver(prover, site);
    proof.dims = NEW_ARRAY(prover->scratch, const int64_t *, count);
    const struct pointer_map given = places_of_given(site, prover->scratch);
    for (size_t i = 0; i < count; i++) proof.dependent[i] = is_dependent(&proof, &given, i);
    return proof;
}

/* Several times: each element meets one threshold of many. */
static bool drive_to_thresholds(struct proof *proof, struct bnfuse_error *error)
{
    enum { ROUNDS = 8 };
    const uint64_t rounds = has_thresholds(&proof->driver) ? ROUNDS : 0;
    bool ran = true, told;
    for (enum drive drive = DRIVE_BESIDE; drive <= DRIVE_MEET; drive++) {
        proof->meets = drive == DRIVE_MEET;
        if (proof->meets) proof->perturbation = -1;
        for (proof->driver.round = 0; ran && proof->driver.round < rounds && !proof->site->is_mistaken;
             proof->driver.round++)
            ran = try_drive(proof, drive, DRIVEN, &told, error);
    }
    return ran;
}

static bool drive_all(struct proof *proof, struct bnfuse_error *error)
{
    struct site *site = proof->site;
    bool ran = true, more = site->is_curved || proof->says_little || is_uniform_somewhere(site) || is_coded(proof);
    const uint64_t rounds = rounds_for(site);
    compare_tables(proof);
    site->is_tied = site_is_bound(site, proof->prover->scratch); /* numbers made for one do not go with the others' */
    if (site->is_tied) return true;
    find_smaller(proof);
    for (proof->driver.round = 0; ran && proof->driver.round < rounds; proof->driver.round++)
        for (enum drive drive = 0; ran && drive < (more ? DRIVE_COUNT : DRIVES_ANYWAY) && !site->is_mistaken; drive++)
            ran = drive_segment(proof, drive, error);
    return ran && drive_to_thresholds(proof, error);
}

bool prove_segment(const struct prover *prover, const struct pointer_map *sizes_of_b, struct site *site,
                   struct bnfuse_error *error)
{
    struct proof proof = open_proof(prover, sizes_of_b, site);
    struct bnfuse_error why = { .status = BNFUSE_OK };
    bool told,
        ran = plan_parts(&proof, &why) && try_segment(&proof, site->fed, SEEN, &told, &why) && drive_all(&proof, &why);
    site->is_alive = is_alive(&proof.reactions[0]) || is_alive(&proof.reactions[1]);
    if (!ran) site->result->why = arena_copy_text(prover->after->arena, why.message);
    for (size_t i = 0; i < site->given_count; i++) {
        array_drop(site->fed[i]);
        site->fed[i] = NULL;
    }
    arena_close(prover->scratch);
    return !is_fatal(&why) || pass_error(error, &why);
}

/* What no run has computed, for no output needs it, follows from what was seen all the same. */
static bool fill_unseen(const struct prover *prover, struct site *site, struct bnfuse_error *error)
{
    const struct proof proof = { .prover = prover, .site = site };
    struct bnfuse_error why = { .status = BNFUSE_OK };
    bool *unseen = NEW_ARRAY(prover->scratch, bool, site->given_count);
    const struct pointer_map given = places_of_given(site, prover->scratch);
    for (size_t i = 0; i < site->given_count; i++)
        unseen[i] = !site->fed[i] && site->origins[i] && is_dependent(&proof, &given, i);
    fill_dependent(&proof, site->fed, unseen, &why);
    return !is_fatal(&why) || pass_error(error, &why);
}

bool prove_segment_apart(const struct prover *prover, const struct pointer_map *sizes_of_b, struct site *site,
                         struct bnfuse_error *error)
{
    if (!site->inner && !fill_unseen(prover, site, error)) return false;
    bool found = prover_find_trial(prover, site);
    array_drop(site->expected);
    site->expected = NULL;
    return !found || prove_segment(prover, sizes_of_b, site, error);
}
