/* SPDX-License-Identifier: Apache-2.0
 *
 * Two unrelated models. Equal graphs are identical, whatever their names. Else both run on draws of several kinds, and
 * the difference of their outputs is held, draw by draw, against what half a unit in the last place of their weights
 * does. Then the values inside are paired (pair.h), and every segment where the graphs part is proven by itself
 * (segment.h): so that nothing downstream hides a difference, and the first one can be named. */
#include "check/check.h"

#include "check/measure.h"
#include "check/metrics.h"
#include "check/repro.h"
#include "check/segment.h"
#include "check/session.h"

#include <math.h>
#include <string.h>

static const struct draw draws[] = {
    { .name = "normal", .scale = 1, .rounds = 2, .is_native = true },
    { .name = "positive", .form = DRAW_POSITIVE, .scale = 1, .rounds = 0, .is_native = true },
    { .name = "sparse", .form = DRAW_SPARSE, .scale = 3, .rounds = 1 },
    { .name = "uniform", .form = DRAW_UNIFORM, .scale = 1, .rounds = 3, .is_native = true, .is_other_size = true },
    /* Where not every segment is proven. */
    { .name = "large", .scale = 20, .rounds = 2 },
    { .name = "small", .scale = 0.05, .rounds = 2, .is_native = true, .is_other_size = true },
    { .name = "constant", .form = DRAW_CONSTANT, .scale = 0.5, .rounds = 2 },
    { .name = "huge", .scale = 1000, .rounds = 2, .is_other_size = true },
};

/* Where the other draws are narrower: of numbers that a Log can take, of whole ones that may be flags. */
static const struct draw anything = { .name = "anything", .scale = 1, .rounds = 2, .is_anything = true };

enum { DRAW_COUNT = sizeof draws / sizeof *draws, FIRST_DRAWS = 4, PERTURBED_RUNS = 2 };

/* Below this, in float64, there is nothing to explain. */
#define NOTHING 1e-12

/* What open dims become for draws of another size. */
static const struct guess odd_sizes = { 3, 95, 13, 5 }, other_sizes = { 3, 96, 12, 5 };

struct comparison {
    struct session *session;
    struct bnfuse_check_result *result;
    struct pairing pairing;
    size_t *partners;            /* by output of a: the output of b */
    struct metrics *metrics;     /* an output each */
    double *excess;              /* an output each: difference over what is explained, the worst of all draws */
    double *native_a, *native_b; /* an output each: the largest distance from float64, relative */
    double *least;               /* an output each: the least perturbation that a draw had; < 0: not measured */
    size_t *clear, *unclear;     /* an output each: draws that told, and draws that perturbation fills */
    bool *first_unclear;
    bool equal; /* bit for bit, in the models' own types */
    const struct guess *guess;
    bool is_open;     /* a dim of an input had to be guessed */
    bool is_narrowed; /* a draw of anything gives other numbers */
    struct prover prover;
    const struct site *blamed; /* the segment of the verdict */
    const char *broken;        /* b did not run where a did */
};

/* ---- the runs of one draw ---- */

struct runs {
    struct array **exact_a, **exact_b, **native_a, **native_b, **other;
};

static struct array **output_list(struct session *session, size_t count)
{
    return NEW_ARRAY(&session->data, struct array *, count);
}

static struct runs open_runs(struct session *session, size_t count)
{
    return (struct runs){ output_list(session, count), output_list(session, count), output_list(session, count),
                          output_list(session, count), output_list(session, count) };
}

static void drop_runs(struct runs *runs, size_t count)
{
    arrays_drop(runs->exact_a, count);
    arrays_drop(runs->exact_b, count);
    arrays_drop(runs->native_a, count);
    arrays_drop(runs->native_b, count);
    arrays_drop(runs->other, count);
}

static bool sample(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    struct comparison *comparison = context;
    (void)error;
    pairing_sample(&comparison->pairing, value, array);
    return true;
}

/* The outputs of b in the order and under the types of those of a. */
static void align(const struct comparison *comparison, struct array *const *like, struct array **arrays, size_t count)
{
    struct array **aligned = output_list(comparison->session, count);
    for (size_t i = 0; i < count; i++) aligned[i] = as_type_of(like[i], arrays[comparison->partners[i]]);
    arrays_drop(arrays, count);
    if (count) memcpy(arrays, aligned, count * sizeof *aligned);
}

static bool run_b(struct comparison *comparison, enum precision precision, const struct observer *observer,
                  struct array *const *like, struct array **outputs, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    size_t count = comparison->result->output_count;
    if (!session_run(session, &session->after, precision, 0, observer, outputs, error)) {
        if (error->status == BNFUSE_INVALID)
            comparison->broken = arena_printf(session->arena, "the second model does not run on %s, the first does: %s",
                                              describe_inputs(session->arena, &session->before), error->message);
        return false;
    }
    align(comparison, like, outputs, count);
    return true;
}

static bool run_draw(struct comparison *comparison, struct runs *runs, bool is_native, bool is_sampled,
                     struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    const struct observer sampler = { sample, comparison, NULL }, *observer = is_sampled ? &sampler : NULL;
    return session_run(session, &session->before, EXACT_ROUNDED, 0, observer, runs->exact_a, error)
           && run_b(comparison, EXACT_ROUNDED, observer, runs->exact_a, runs->exact_b, error)
           && (!is_native
               || (session_run(session, &session->before, NATIVE, 0, NULL, runs->native_a, error)
                   && run_b(comparison, NATIVE, NULL, runs->native_a, runs->native_b, error)));
}

/* ---- what a draw says ---- */

/* How far one model strays, perturbed, from what it computed. */
static bool run_perturbed(struct comparison *comparison, const struct side *side, struct runs *runs, double *far,
                          struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    size_t count = comparison->result->output_count;
    bool is_b = side == &session->after, ran = true;
    for (uint64_t seed = 1; ran && seed <= PERTURBED_RUNS; seed++) {
        ran = session_run(session, side, EXACT_ROUNDED, session->options->asked.seed * PERTURBED_RUNS + seed, NULL,
                          runs->other, error);
        if (ran && is_b) align(comparison, runs->exact_a, runs->other, count);
        for (size_t i = 0; ran && i < count; i++) {
            struct bnfuse_difference moved = measure(is_b ? runs->exact_b[i] : runs->exact_a[i], runs->other[i]);
            bool comparable = !moved.shape_differs && !moved.pattern_differs;
            far[i] = comparable ? fmax(far[i], moved.relative) : INFINITY;
        }
        arrays_drop(runs->other, count);
    }
    return ran;
}

static double resolution(const struct comparison *comparison, const struct array *array)
{
    enum dtype precision = (enum dtype)comparison->session->options->asked.precision;
    double own = resolution_of(array ? array->type : DTYPE_FLOAT);
    return precision ? fmax(own, resolution_of(precision)) : own;
}

static bool is_different(const struct comparison *comparison, const struct runs *runs)
{
    for (size_t i = 0; i < comparison->result->output_count; i++) {
        struct bnfuse_difference d = measure(runs->exact_a[i], runs->exact_b[i]);
        bool is_first = comparison->result->set_count == 0;
        double known = NOISE_FACTOR * fmax(comparison->least[i], 0);
        if (exceeds(&d, is_first ? NOTHING : fmax(known, resolution(comparison, runs->exact_a[i])))) return true;
    }
    return false;
}

/* More than the perturbation, and at most ten times that much, explains: above 1. */
static double excess_of(const struct bnfuse_difference *d, double least, double perturbation)
{
    if (d->pattern_differs && d->near_overflow) return 0;
    if (d->shape_differs || d->pattern_differs) return INFINITY;
    return isfinite(perturbation) ? d->relative / fmax(least, NOISE_FACTOR * perturbation) : 0;
}

static void judge_exact(struct comparison *comparison, const struct runs *runs, size_t i, double perturbation)
{
    struct bnfuse_output *output = comparison->result->outputs[i];
    struct bnfuse_difference d = measure(runs->exact_a[i], runs->exact_b[i]);
    double least = resolution(comparison, runs->exact_a[i]), excess = excess_of(&d, least, perturbation);
    bool unclear = exceeds(&d, least) && excess <= 1 && !(perturbation <= MOST_PERTURBATION);
    bool is_first = !output->rounding.compared;
    bool degenerate = d.degenerate && (is_first || output->rounding.degenerate);
    int64_t compared = output->rounding.compared + d.compared;
    if (is_first || excess > comparison->excess[i]) {
        output->rounding = d;
        output->noise = perturbation;
    }
    output->rounding.degenerate = degenerate;
    output->rounding.compared = compared;
    comparison->excess[i] = fmax(comparison->excess[i], excess);
    comparison->unclear[i] += unclear;
    comparison->clear[i] += !unclear && !d.degenerate;
    comparison->first_unclear[i] |= unclear && (is_first || comparison->session->set);
}

static void judge_native(struct comparison *comparison, const struct runs *runs, size_t i)
{
    const struct check_options *options = comparison->session->options;
    struct bnfuse_output *output = comparison->result->outputs[i];
    struct array *exact = runs->exact_a[i], *a = runs->native_a[i], *b = runs->native_b[i];
    struct bnfuse_difference d = measure(a, b), far_a = measure(exact, a), far_b = measure(exact, b);
    output->deployment = worse_difference(output->deployment, d);
    if (d.pattern_differs) output->heals &= heals_overflow(exact, a, b);
    output->truth_before = fmax(output->truth_before, far_a.root_mean_square);
    output->truth_after = fmax(output->truth_after, far_b.root_mean_square);
    if (!far_a.pattern_differs) comparison->native_a[i] = fmax(comparison->native_a[i], far_a.relative);
    if (!far_b.pattern_differs) comparison->native_b[i] = fmax(comparison->native_b[i], far_b.relative);
    bnfuse_tolerance tolerance = tolerance_of(options, output->name);
    output->within_tolerance &= within_tolerance(a, b, tolerance.atol, tolerance.rtol);
    metrics_add(&comparison->metrics[i], a, b, tolerance.atol, tolerance.rtol);
    output->metrics = metrics_finish(&comparison->metrics[i]);
    comparison->equal &= same_elements(a, b);
}

static bool judge_draw(struct comparison *comparison, struct runs *runs, bool is_native, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    size_t count = comparison->result->output_count;
    double *far_a = NEW_ARRAY(&session->data, double, count), *far_b = NEW_ARRAY(&session->data, double, count);
    if (is_different(comparison, runs)
        && (!run_perturbed(comparison, &session->before, runs, far_a, error)
            || !run_perturbed(comparison, &session->after, runs, far_b, error)))
        return false;
    for (size_t i = 0; i < count; i++) {
        double resolved = resolution(comparison, runs->exact_a[i]);
        double perturbation = perturbation_of(far_a[i], far_b[i], resolved), *least = &comparison->least[i];
        if (perturbation > 0) *least = *least < 0 ? perturbation : fmin(*least, perturbation);
        judge_exact(comparison, runs, i, perturbation > 0 ? perturbation : fmax(*least, 0));
        if (is_native) judge_native(comparison, runs, i);
        else comparison->equal &= same_elements(runs->exact_a[i], runs->exact_b[i]);
    }
    return true;
}

static bool compare_draw(struct comparison *comparison, bool is_native, bool is_sampled, struct bnfuse_error *error)
{
    size_t count = comparison->result->output_count;
    struct runs runs = open_runs(comparison->session, count);
    bool ran =
        run_draw(comparison, &runs, is_native, is_sampled, error) && judge_draw(comparison, &runs, is_native, error);
    drop_runs(&runs, count);
    return ran;
}

/* ---- all draws ---- */

/* The first draw, or a set that the user gave. Open dims take the first guess that the first model can run. */
static bool compare_first(struct comparison *comparison, bool is_sampled, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    struct bnfuse_error first = { .status = BNFUSE_OK };
    bool guessed = true;
    for (size_t i = 0; i < guess_count && guessed; i++) {
        struct bnfuse_error latest;
        bool fed = session_feed(session, &guesses[i], &draws[0], &guessed, &latest);
        if (fed && compare_draw(comparison, true, is_sampled, &latest)) {
            comparison->guess = &guesses[i];
            comparison->is_open = guessed;
            comparison->is_narrowed = session->narrowed;
            comparison->result->inputs = describe_inputs(session->arena, &session->before);
            comparison->result->set_count++;
            return true;
        }
        if (i == 0 || is_fatal(&latest)) first = latest;
        if (!fed || comparison->broken || is_fatal(&latest) || session->set) break;
    }
    if (!comparison->broken) refuse_chosen(session, &first);
    return pass_error(error, &first);
}

/* A draw that the first model does not run on is left out: the first draw has said that both run. */
static bool compare_more(struct comparison *comparison, const struct draw *draw, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    const struct guess *sizes[] = { &odd_sizes, &other_sizes, comparison->guess };
    const size_t count = sizeof sizes / sizeof *sizes;
    for (size_t i = draw->is_other_size ? 0 : count - 1; i < count; i++) {
        struct bnfuse_error why = { .status = BNFUSE_OK };
        bool guessed, is_sampled = sizes[i] == comparison->guess && !draw->is_anything;
        if (session_feed(session, sizes[i], draw, &guessed, &why)
            && compare_draw(comparison, draw->is_native, is_sampled, &why)) {
            comparison->result->set_count++;
            break;
        }
        if (comparison->broken || is_fatal(&why)) return pass_error(error, &why);
    }
    return true;
}

/* Sets of the user's, or the draws that come first. */
static bool compare_first_draws(struct comparison *comparison, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    const struct check_options *options = session->options;
    size_t sets = options->sets.count ? options->sets.count : 1;
    session->runs_planned = (options->sets.count ? sets : DRAW_COUNT) * (3 + 2 * PERTURBED_RUNS);
    for (size_t i = 0; i < sets; i++) {
        if (!session_take(session, i, error) || !compare_first(comparison, i < MOST_SAMPLED_DRAWS, error)) return false;
    }
    return true;
}

static bool compare_more_draws(struct comparison *comparison, size_t from, size_t to, bool other_sizes_only,
                               struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    session->set = NULL;
    for (size_t i = from; i < to && !session->options->sets.count && session->before.given_count; i++)
        if ((draws[i].is_other_size || !other_sizes_only) && !compare_more(comparison, &draws[i], error)) return false;
    return true;
}

/* ---- segments, while the first model runs once more ---- */

struct waiting {
    struct site *site;
    size_t slot;
    struct waiting *next;
};

static void wait_for(struct comparison *comparison, struct site *site, size_t slot)
{
    struct waiting *waiting = NEW(&comparison->session->data, struct waiting);
    *waiting = (struct waiting){ site, slot, site->origins[slot]->mark };
    site->origins[slot]->mark = waiting;
}

static bool is_whole(const struct site *site)
{
    for (size_t i = 0; i < site->given_count; i++)
        if (!site->given[i] || !site->origins[i]) return false;
    return true;
}

static bool feed_segments(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    struct comparison *comparison = context;
    struct waiting *waiting = value->mark;
    value->mark = NULL;
    for (; waiting; waiting = waiting->next) {
        struct site *site = waiting->site;
        site->fed[waiting->slot] = array ? array_keep(array) : NULL;
        if (--site->waiting == 0 && !prove_segment(&comparison->prover, comparison->session->after.sizes, site, error))
            return false;
    }
    return true;
}

static void stop_waiting(const struct site *sites)
{
    for (const struct site *site = sites; site; site = site->next)
        for (size_t i = 0; i < site->given_count; i++)
            if (site->origins[i]) site->origins[i]->mark = NULL;
}

/* What depends on nothing, and what no run of the main graph sees. */
static bool prove_rest(struct comparison *comparison, struct site *sites, struct bnfuse_error *error)
{
    for (struct site *site = sites; site; site = site->next) {
        const struct pointer_map *sizes = comparison->session->after.sizes;
        if (site->result->checked || *site->result->why) continue;
        if (!is_whole(site)) site->result->why = "the models do not compute it from the same values";
        else if (!prove_segment_apart(&comparison->prover, sizes, site, error)) return false;
    }
    return true;
}

static bool prove_segments(struct comparison *comparison, struct site *sites, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    struct bnfuse_error why = { .status = BNFUSE_OK };
    const struct observer observer = { feed_segments, comparison, NULL };
    bool guessed;
    if (!session_take(session, 0, error) || !session_feed(session, comparison->guess, &draws[0], &guessed, error))
        return false;
    struct array **outputs = output_list(session, comparison->result->output_count);
    for (struct site *site = sites; site; site = site->next)
        for (size_t i = 0; is_whole(site) && i < site->given_count; i++)
            if (site->origins[i]->graph == session->before.net->main) wait_for(comparison, site, i);
    if (sites) session_run(session, &session->before, EXACT_ROUNDED, 0, &observer, outputs, &why);
    stop_waiting(sites);
    arrays_drop(outputs, comparison->result->output_count);
    if (is_fatal(&why)) return pass_error(error, &why);
    return prove_rest(comparison, sites, error);
}

/* ---- the verdict ---- */

static bool settle(struct bnfuse_check_result *result, enum bnfuse_verdict verdict, const char *why)
{
    result->verdict = verdict;
    result->why = why;
    return true;
}

static void collect_sites(struct comparison *comparison, const struct site *sites)
{
    struct bnfuse_check_result *result = comparison->result;
    size_t count = 0;
    for (const struct site *site = sites; site; site = site->next) count += !site->is_guess || site->is_mistaken;
    struct bnfuse_site **list = NEW_ARRAY(comparison->session->arena, struct bnfuse_site *, count);
    result->sites = list;
    for (const struct site *site = sites; site; site = site->next) {
        if (site->is_guess && !site->is_mistaken) continue;
        list[result->site_count++] = site->result;
        result->sites_checked += site->result->checked;
        if (site->result->checked && !site->result->ill_conditioned)
            result->worst_site = fmax(result->worst_site, site->result->difference.relative);
    }
}

static const char *describe_difference(struct arena *arena, const struct bnfuse_difference *d)
{
    if (d->shape_differs) return "has another shape or type";
    if (d->pattern_differs) return "has NaN, infinities or strings elsewhere";
    return arena_printf(arena, "differs by %.3g of its scale", d->relative);
}

/* The last pair upstream of the segment: up to there the models agree. */
static const char *last_agreed(const struct site *site)
{
    return site->given_count && site->given[site->given_count - 1] ? site->given[site->given_count - 1]->name : NULL;
}

static bool fail_by_segment(struct comparison *comparison, const struct site *site, const char *how)
{
    struct arena *arena = comparison->session->arena;
    struct bnfuse_check_result *result = comparison->result;
    const char *agreed = last_agreed(site);
    comparison->blamed = site;
    result->first_divergent = site->value->name;
    result->last_agreed = agreed;
    return settle(result, BNFUSE_VERDICT_FAIL,
                  arena_printf(arena, "%s\"%s\" (%s%s%s) %s when both are fed the same%s%s%s; the weights explain %.3g",
                               how, site->value->name, site->result->node, *site->result->scope ? " in " : "",
                               site->result->scope, describe_difference(arena, &site->result->difference),
                               agreed ? " (up to \"" : "", agreed ? agreed : "", agreed ? "\" they agree)" : "",
                               site->result->noise));
}

static const struct site *first_mistake(const struct site *sites, bool any, bool hidden)
{
    for (const struct site *site = sites; site; site = site->next)
        if (site->is_mistaken && (any || !site->is_guess || (hidden && site->is_hidden))) return site;
    return NULL;
}

/* Whether the outputs are proven equal, whatever comes in. */
static bool is_proven(const struct comparison *comparison, const struct site *sites)
{
    const struct graph *graph = comparison->session->after.net->main;
    for (size_t i = 0; i < graph->output_count; i++)
        if (!pairing_is_matched(&comparison->pairing, graph->outputs[i])) return false;
    for (const struct site *site = sites; site; site = site->next)
        if (!site->is_guess && (!site->result->checked || site->result->ill_conditioned)) return false;
    return true;
}

static bool fail_by_output(struct comparison *comparison, const struct site *sites, const char *why)
{
    const struct site *site = first_mistake(sites, true, true);
    if (site) return fail_by_segment(comparison, site, arena_printf(comparison->session->arena, "%s; first ", why));
    return settle(comparison->result, BNFUSE_VERDICT_FAIL, why);
}

static bool judge_difference(struct comparison *comparison, const struct site *sites)
{
    struct arena *arena = comparison->session->arena;
    for (size_t i = 0; i < comparison->result->output_count; i++) {
        const struct bnfuse_output *output = comparison->result->outputs[i];
        if (!(comparison->excess[i] > 1)) continue;
        const char *what = describe_difference(arena, &output->rounding);
        bool measured = !output->rounding.shape_differs && !output->rounding.pattern_differs;
        const char *noise = measured ? arena_printf(arena, "; the weights explain %.3g", output->noise) : "";
        return fail_by_output(comparison, sites,
                              arena_printf(arena, "output \"%s\" %s in float64%s", output->name, what, noise));
    }
    return false;
}

/* So far from float64, relative to its scale, is no float32 by rounding; eleven bits are, whatever the tolerance. */
#define LOWER_PRECISION 0x1p-15

/* In the models' own types: a loss of digits, or an infinity, that float64 does not have. */
static bool judge_own_types(struct comparison *comparison)
{
    struct arena *arena = comparison->session->arena;
    for (size_t i = 0; i < comparison->result->output_count; i++) {
        const struct bnfuse_output *output = comparison->result->outputs[i];
        const struct bnfuse_difference *d = &output->deployment;
        double explained = fmax(comparison->native_a[i], fmax(output->noise, 4 * resolution(comparison, NULL)));
        bool is_lower = comparison->native_b[i] > LOWER_PRECISION;
        if (output->within_tolerance && !is_lower) continue;
        if (d->pattern_differs && !output->heals && !output->rounding.pattern_differs)
            return settle(comparison->result, BNFUSE_VERDICT_FAIL,
                          arena_printf(arena, "output \"%s\" %s in the models' own types, not in float64", output->name,
                                       describe_difference(arena, d)));
        if (comparison->native_b[i] > NOISE_FACTOR * explained)
            return settle(comparison->result, BNFUSE_VERDICT_FAIL,
                          arena_printf(arena,
                                       "output \"%s\" of the second model loses digits in its own types: %.3g of its "
                                       "scale from float64, the first %.3g",
                                       output->name, comparison->native_b[i], comparison->native_a[i]));
    }
    return false;
}

/* With every segment proven, a perturbation above this share of the scale is worth a word. */
#define HOPELESS 0.1

static bool judge_unclear(struct comparison *comparison, const struct site *sites)
{
    struct arena *arena = comparison->session->arena;
    for (size_t i = 0; i < comparison->result->output_count; i++) {
        const struct bnfuse_output *output = comparison->result->outputs[i];
        bool told = comparison->clear[i] && !comparison->first_unclear[i];
        bool proven = is_proven(comparison, sites);
        if (!comparison->unclear[i] || told || (proven && output->noise <= HOPELESS)) continue;
        const char *what = arena_printf(arena,
                                        "output \"%s\" %s, and half a unit in the last place of the weights "
                                        "moves it by %.3g",
                                        output->name, describe_difference(arena, &output->rounding), output->noise);
        if (proven)
            return settle(comparison->result, BNFUSE_VERDICT_ILL_CONDITIONED,
                          arena_printf(arena, "%s, although every segment agrees", what));
        return settle(
            comparison->result, BNFUSE_VERDICT_CANNOT_TELL,
            arena_printf(arena, "%s; --data with real inputs, or outputs further upstream, would tell", what));
    }
    return false;
}

static const struct site *unchecked_body(const struct site *sites)
{
    for (const struct site *site = sites; site; site = site->next)
        if (site->inner && !site->result->checked) return site;
    return NULL;
}

static bool is_anything_compared(const struct bnfuse_check_result *result)
{
    for (size_t i = 0; i < result->output_count; i++)
        if (result->outputs[i]->rounding.compared) return true;
    return false;
}

static bool is_lower_precision(const struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->result->output_count; i++)
        if (comparison->session->options->asked.precision
            && comparison->result->outputs[i]->rounding.relative > NOISE_FACTOR * resolution_of(DTYPE_FLOAT))
            return true;
    return false;
}

static void judge_agreement(struct comparison *comparison)
{
    struct bnfuse_check_result *result = comparison->result;
    if (comparison->equal) settle(result, BNFUSE_VERDICT_EQUAL, "");
    else if (is_lower_precision(comparison)) settle(result, BNFUSE_VERDICT_PASS_LOWER_PRECISION, "");
    else settle(result, BNFUSE_VERDICT_PASS_ROUNDING, "");
}

static void judge(struct comparison *comparison, const struct site *sites)
{
    struct arena *arena = comparison->session->arena;
    const struct site *mistake = first_mistake(sites, false, false), *hidden = first_mistake(sites, false, true),
                      *body = unchecked_body(sites);
    if (judge_difference(comparison, sites)) return;
    if (mistake) fail_by_segment(comparison, mistake, "");
    else if (hidden) fail_by_segment(comparison, hidden, "what follows hides it, but ");
    else if (judge_own_types(comparison) || judge_unclear(comparison, sites)) return;
    else if (!is_anything_compared(comparison->result) && comparison->session->before.net->main->output_count)
        settle(comparison->result, BNFUSE_VERDICT_NOT_CHECKED, "no finite number came out to compare");
    else if (body)
        settle(comparison->result, BNFUSE_VERDICT_CANNOT_TELL,
               arena_printf(arena, "\"%s\" in %s differs from the first model's, and it cannot be run alone: %s",
                            body->value->name, body->result->scope, body->result->why));
    else judge_agreement(comparison);
}

/* ---- together ---- */

static void open_results(struct comparison *comparison)
{
    struct session *session = comparison->session;
    struct bnfuse_check_result *result = comparison->result;
    const struct graph *a = session->before.net->main, *b = session->after.net->main;
    size_t count = a->output_count;
    open_outputs(result, session->arena, a, 0);
    comparison->partners = NEW_ARRAY(&session->plans, size_t, count);
    comparison->metrics = NEW_ARRAY(session->arena, struct metrics, count);
    comparison->excess = NEW_ARRAY(&session->plans, double, count);
    comparison->native_a = NEW_ARRAY(&session->plans, double, count);
    comparison->native_b = NEW_ARRAY(&session->plans, double, count);
    comparison->least = NEW_ARRAY(&session->plans, double, count);
    comparison->clear = NEW_ARRAY(&session->plans, size_t, count);
    comparison->unclear = NEW_ARRAY(&session->plans, size_t, count);
    comparison->first_unclear = NEW_ARRAY(&session->plans, bool, count);
    for (size_t i = 0; i < count; i++) {
        comparison->least[i] = -1;
        for (size_t k = 0; k < b->output_count; k++)
            if (comparison->pairing.outputs[k] == a->outputs[i]) comparison->partners[i] = k;
    }
}

static bool is_any_output_different(const struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->result->output_count; i++)
        if (comparison->excess[i] > 1) return true;
    return false;
}

static const struct site *unchecked_site(const struct site *sites)
{
    for (const struct site *site = sites; site; site = site->next)
        if (!site->result->checked) return site;
    return NULL;
}

/* Neither graph can run as a whole: what is between the operators that cannot is proven by itself. */
static bool compare_around(struct comparison *comparison, const char *why, struct bnfuse_error *error)
{
    struct bnfuse_check_result *result = comparison->result;
    struct site *sites = pairing_find_around(&comparison->pairing);
    if (!prove_rest(comparison, sites, error)) return false;
    collect_sites(comparison, sites);
    const struct site *mistake = first_mistake(sites, true, true), *unchecked = unchecked_site(sites);
    if (mistake) return fail_by_segment(comparison, mistake, "");
    if (is_proven(comparison, sites)) return settle(result, BNFUSE_VERDICT_PASS_SITES, why);
    if (!unchecked) return settle(result, BNFUSE_VERDICT_NOT_CHECKED, why);
    return settle(result, BNFUSE_VERDICT_NOT_CHECKED,
                  arena_printf(comparison->session->arena, "%s; nor can the segment of \"%s\" alone: %s", why,
                               unchecked->value->name, unchecked->result->why));
}

/* The user's data are for whole graphs. */
static bool may_go_around(const struct session *session, const struct bnfuse_error *why)
{
    return why->status == BNFUSE_UNSUPPORTED && !session->options->sets.count;
}

static bool write_blamed(const struct comparison *comparison, struct bnfuse_error *error)
{
    const struct session *session = comparison->session;
    const struct site *blamed = comparison->blamed;
    const char *directory = session->options->asked.repro;
    if (!directory || !blamed || !blamed->witness) return true;
    return write_repro(session->before.net, session->after.net, blamed, session->arena, directory, error);
}

/* Samples may take two values for one that are not. */
static bool prove_pairs(struct comparison *comparison, struct site **sites, struct bnfuse_error *error)
{
    enum { SEARCHES = 4 };
    for (int search = 0; search < SEARCHES; search++) {
        *sites = pairing_find(&comparison->pairing);
        if (!prove_segments(comparison, *sites, error)) return false;
        if (!pairing_refute(&comparison->pairing, *sites)) break;
    }
    return true;
}

static bool compare_beyond(struct comparison *comparison, struct bnfuse_error *error)
{
    comparison->session->set = NULL;
    return !comparison->is_narrowed || comparison->session->options->sets.count
           || compare_more(comparison, &anything, error);
}

/* Whether every input is a tensor of real numbers: others choose what runs, and that is not proven by one draw. */
static bool is_all_real(const struct session *session)
{
    for (size_t i = 0; i < session->before.given_count; i++)
        if (dtype_kind(session->before.given[i]->type) != KIND_REAL) return false;
    return true;
}

/* One draw is enough to find the segments by, where every one of them is then proven: what is left to try is sizes. */
static bool prove_at_once(struct comparison *comparison, struct site **sites, bool *proven, struct bnfuse_error *error)
{
    const struct session *session = comparison->session;
    *proven = false;
    if (session->options->sets.count || !is_all_real(session) || is_any_output_different(comparison)) return true;
    if (!prove_pairs(comparison, sites, error)) return false;
    *proven = is_proven(comparison, *sites) && !first_mistake(*sites, true, true);
    return !*proven || !comparison->is_open || compare_more_draws(comparison, 1, FIRST_DRAWS, true, error);
}

/* By more draws. */
static bool prove_at_length(struct comparison *comparison, struct site **sites, struct bnfuse_error *error)
{
    if (!compare_more_draws(comparison, 1, FIRST_DRAWS, false, error)) return false;
    return prove_pairs(comparison, sites, error)
           && (is_proven(comparison, *sites) || compare_more_draws(comparison, FIRST_DRAWS, DRAW_COUNT, false, error));
}

static bool compare_all(struct comparison *comparison, struct bnfuse_error *error)
{
    struct site *sites = NULL;
    bool proven;
    open_results(comparison);
    if (!compare_first_draws(comparison, error) || !compare_beyond(comparison, error)
        || !prove_at_once(comparison, &sites, &proven, error)
        || (!proven && !prove_at_length(comparison, &sites, error)))
        return false;
    if (is_any_output_different(comparison)) {
        struct site *more = pairing_guess(&comparison->pairing);
        if (!prove_segments(comparison, more, error)) return false;
        if (!sites) sites = more;
    }
    collect_sites(comparison, sites);
    judge(comparison, sites);
    return true;
}

static bool compare_changed(struct comparison *comparison, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    struct bnfuse_error why;
    if (session_plan(session, &why)) return compare_all(comparison, error);
    if (!may_go_around(session, &why)) return pass_error(error, &why);
    return compare_around(comparison, arena_copy_text(session->arena, why.message), error);
}

static bool compare_graphs(struct comparison *comparison, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    struct bnfuse_check_result *result = comparison->result;
    struct pairing *pairing = &comparison->pairing;
    if (!session_accepts(session, error)
        || !pairing_open(pairing, session->arena, session->before.net, session->after.net, error))
        return false;
    result->note = pairing->note;
    if (pairing_is_identical(pairing)) return true;
    session->inputs = pairing->inputs;
    return compare_changed(comparison, error) && write_blamed(comparison, error);
}

bool check_compare(const struct net *a, const struct net *b, const struct check_options *options,
                   struct bnfuse_check_result *result, struct bnfuse_error *error)
{
    *result = (struct bnfuse_check_result){
        .verdict = BNFUSE_VERDICT_IDENTICAL, .why = "", .inputs = "", .note = "", .seed = options->asked.seed
    };
    struct bnfuse_error why = { .status = BNFUSE_OK };
    struct session *session = session_open(b->arena, a, b, options);
    struct comparison comparison = { .session = session, .result = result, .equal = true };
    comparison.prover = (struct prover){ .before = a,
                                         .after = b,
                                         .sizes = session->before.sizes,
                                         .scratch = &session->scratch,
                                         .pool = &session->pool,
                                         .team = session->team,
                                         .options = options };
    bool done = compare_graphs(&comparison, &why);
    if (!done && (comparison.broken || why.status == BNFUSE_DIFFER)) {
        settle(result, BNFUSE_VERDICT_FAIL,
               comparison.broken ? comparison.broken : arena_copy_text(b->arena, why.message));
        done = true;
    } else if (!done && !is_fatal(&why) && why.status != BNFUSE_USAGE) {
        settle(result, BNFUSE_VERDICT_NOT_CHECKED, arena_copy_text(b->arena, why.message));
        result->output_count = 0;
        done = true;
    }
    session_close(session);
    return done || pass_error(error, &why);
}
