/* SPDX-License-Identifier: Apache-2.0
 *
 * The outputs of two models, draw by draw: the difference is held against what half a unit in the last place of their
 * weights does. */
#include "check/comparison.h"

#include "check/measure.h"
#include "check/segment.h"

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
#define ANYTHING(size)                                                        \
    {                                                                         \
        .name = "anything", .scale = (size), .rounds = 2, .is_anything = true \
    }
static const struct draw anything[MOST_DRAWS_BEYOND] = { ANYTHING(1), ANYTHING(2), ANYTHING(0.5),
                                                         ANYTHING(4), ANYTHING(8), ANYTHING(0.25) };

enum { DRAW_COUNT = sizeof draws / sizeof *draws, FIRST_DRAWS = 4, PERTURBED_RUNS = 2 };

/* Below this, in float64, there is nothing to explain. */
#define NOTHING 1e-12

/* What open dims become for draws of another size. */
static const struct guess odd_sizes = { 3, 95, 13, 5 }, other_sizes = { 3, 96, 12, 5 };

/* ---- the runs of one draw ---- */

struct runs {
    struct array **exact_a, **exact_b, **native_a, **native_b, **other;
};

struct array **output_list(struct session *session, size_t count)
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
    for (size_t i = 0; i < count; i++) aligned[i] = as_type_of(like[i], arrays[comparison->scores[i].partner]);
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

double comparison_resolution(const struct comparison *comparison, const struct array *array)
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
        double known = NOISE_FACTOR * fmax(comparison->scores[i].least, 0);
        if (exceeds(&d, is_first ? NOTHING : fmax(known, comparison_resolution(comparison, runs->exact_a[i]))))
            return true;
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
    double least = comparison_resolution(comparison, runs->exact_a[i]), excess = excess_of(&d, least, perturbation);
    bool unclear = exceeds(&d, least) && excess <= 1 && !(perturbation <= MOST_PERTURBATION);
    bool is_first = !output->rounding.compared;
    bool degenerate = d.degenerate && (is_first || output->rounding.degenerate);
    int64_t compared = output->rounding.compared + d.compared;
    if (is_first || excess > comparison->scores[i].excess) {
        output->rounding = d;
        output->noise = perturbation;
    }
    output->rounding.degenerate = degenerate;
    output->rounding.compared = compared;
    comparison->scores[i].excess = fmax(comparison->scores[i].excess, excess);
    comparison->scores[i].unclear += unclear;
    comparison->scores[i].clear += !unclear && !d.degenerate;
    comparison->scores[i].first_unclear |= unclear && (is_first || comparison->session->set);
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
    if (!far_a.pattern_differs) comparison->scores[i].native_a = fmax(comparison->scores[i].native_a, far_a.relative);
    if (!far_b.pattern_differs) comparison->scores[i].native_b = fmax(comparison->scores[i].native_b, far_b.relative);
    bnfuse_tolerance tolerance = tolerance_of(options, output->name);
    output->within_tolerance &= within_tolerance(a, b, tolerance.atol, tolerance.rtol);
    metrics_add(&comparison->scores[i].metrics, a, b, tolerance.atol, tolerance.rtol);
    output->metrics = metrics_finish(&comparison->scores[i].metrics);
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
        double resolved = comparison_resolution(comparison, runs->exact_a[i]);
        double perturbation = perturbation_of(far_a[i], far_b[i], resolved), *least = &comparison->scores[i].least;
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
            comparison->beyond = session->beyond;
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

/* Where other draws give other numbers than the first can. */
static bool compare_beyond(struct comparison *comparison, struct bnfuse_error *error)
{
    const int count = comparison->session->options->sets.count ? 0 : comparison->beyond;
    comparison->session->set = NULL;
    for (int i = 0; i < count; i++)
        if (!compare_more(comparison, &anything[i], error)) return false;
    return true;
}

bool compare_first_draw(struct comparison *comparison, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    const struct check_options *options = session->options;
    size_t sets = options->sets.count ? options->sets.count : 1;
    session->runs_planned = (options->sets.count ? sets : DRAW_COUNT) * (3 + 2 * PERTURBED_RUNS);
    for (size_t i = 0; i < sets; i++) {
        if (!session_take(session, i, error) || !compare_first(comparison, i < MOST_SAMPLED_DRAWS, error)) return false;
    }
    return compare_beyond(comparison, error);
}

static bool is_of_stage(size_t i, enum draw_stage stage)
{
    bool is_early = i > 0 && i < FIRST_DRAWS;
    return stage == DRAWS_REST ? i >= FIRST_DRAWS : is_early && (stage == DRAWS_FIRST || draws[i].is_other_size);
}

bool compare_draws(struct comparison *comparison, enum draw_stage stage, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    session->set = NULL;
    if (session->options->sets.count) return true;
    for (size_t i = 0; i < DRAW_COUNT && session->before.given_count; i++)
        if (is_of_stage(i, stage) && !compare_more(comparison, &draws[i], error)) return false;
    return true;
}

bool compare_feed_first(struct comparison *comparison, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    bool guessed;
    return session_take(session, 0, error) && session_feed(session, comparison->guess, &draws[0], &guessed, error);
}
