/* SPDX-License-Identifier: Apache-2.0
 *
 * Two models of unknown kinship. Only their stored weights are known, so exactness cannot be asked for: what matters is
 * whether they differ by more than the storage of their weights leaves open. That noise is measured, on several kinds
 * of input: each model against itself, every stored weight moved by half a unit in its last place. */
#include "check/check.h"

#include "check/measure.h"
#include "check/prove.h"
#include "check/session.h"

#include <math.h>
#include <string.h>

/* Around zero; as images between 0 and 1; small, where activations stay in their linear part. */
static const struct kind_of_input {
    double scale, offset;
} kinds[] = { { 1, 0 }, { 0.25, 0.5 }, { 0.05, 0 } };

enum { KIND_COUNT = sizeof kinds / sizeof *kinds, NOISE_RUNS = 2 };

/* Below this, in float64, there is nothing to explain. */
#define NOTHING 1e-12

struct comparison {
    struct session *session;
    struct bnfuse_check_result *result;
    bool identical; /* bit for bit, in the models' own types */
};

static struct array **output_list(struct session *session, size_t count)
{
    return NEW_ARRAY(&session->data, struct array *, count);
}

static bool add_noise(struct comparison *comparison, const struct side *side, struct array *const *exact,
                      struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    size_t count = comparison->result->output_count;
    struct array **noisy = output_list(session, count);
    bool ran = true;
    for (uint64_t seed = 1; ran && seed <= NOISE_RUNS; seed++) {
        ran = session_run(session, side, EXACT_ROUNDED, session->options->seed * NOISE_RUNS + seed, NULL, noisy, error);
        for (size_t i = 0; ran && i < count; i++) {
            struct bnfuse_difference noise = measure(exact[i], noisy[i]);
            struct bnfuse_output *output = &comparison->result->outputs[i];
            bool comparable = !noise.shape_differs && !noise.pattern_differs;
            output->noise = comparable ? fmax(output->noise, noise.relative) : INFINITY;
        }
        drop_all(noisy, count);
    }
    return ran;
}

struct runs {
    struct array **exact_a, **exact_b, **native_a, **native_b;
};

static void merge(struct comparison *comparison, const struct runs *of)
{
    const struct check_options *options = comparison->session->options;
    for (size_t i = 0; i < comparison->result->output_count; i++) {
        struct bnfuse_output *output = &comparison->result->outputs[i];
        output->rounding = worse_difference(output->rounding, measure(of->exact_a[i], of->exact_b[i]));
        output->deployment = worse_difference(output->deployment, measure(of->native_a[i], of->native_b[i]));
        output->truth_before = fmax(output->truth_before, measure(of->exact_a[i], of->native_a[i]).root_mean_square);
        output->truth_after = fmax(output->truth_after, measure(of->exact_a[i], of->native_b[i]).root_mean_square);
        output->within_tolerance &= within_tolerance(of->native_a[i], of->native_b[i], options->atol, options->rtol);
        comparison->identical &= same_elements(of->native_a[i], of->native_b[i]);
    }
}

static bool run_both(struct comparison *comparison, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    size_t count = comparison->result->output_count;
    const struct side *a = &session->before, *b = &session->after;
    struct runs of = { output_list(session, count), output_list(session, count), output_list(session, count),
                       output_list(session, count) };
    bool ran = session_run(session, a, EXACT_ROUNDED, 0, NULL, of.exact_a, error)
               && session_run(session, b, EXACT_ROUNDED, 0, NULL, of.exact_b, error)
               && session_run(session, a, NATIVE, 0, NULL, of.native_a, error)
               && session_run(session, b, NATIVE, 0, NULL, of.native_b, error);
    if (ran) merge(comparison, &of);
    bool agree = ran && comparison->identical;
    if (ran && !agree) ran = add_noise(comparison, a, of.exact_a, error) && add_noise(comparison, b, of.exact_b, error);
    drop_all(of.exact_a, count);
    drop_all(of.exact_b, count);
    drop_all(of.native_a, count);
    drop_all(of.native_b, count);
    return ran;
}

/* One kind of input, or one set that the user gave. Open dims take the first guess that both models can run. */
static bool compare_inputs(struct comparison *comparison, struct kind_of_input kind, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    struct bnfuse_error first = { .status = BNFUSE_OK };
    bool guessed = true;
    for (size_t i = 0; i < guess_count && guessed; i++) {
        struct bnfuse_error latest;
        bool fed = session_feed(session, &guesses[i], kind.scale, kind.offset, &guessed, &latest);
        if (fed && run_both(comparison, &latest)) {
            comparison->result->inputs = describe_inputs(session->arena, &session->before);
            comparison->result->set_count++;
            return true;
        }
        if (i == 0 || latest.status == BNFUSE_INTERNAL) first = latest;
        if (!fed || latest.status == BNFUSE_INTERNAL) break;
    }
    return pass_error(error, &first);
}

static bool compare_all(struct comparison *comparison, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    const struct check_options *options = session->options;
    struct bnfuse_check_result *result = comparison->result;
    const struct graph *graph = session->before.net->main;
    if (!session_plan(session, error)) return false;
    result->output_count = graph->output_count;
    result->outputs = NEW_ARRAY(session->arena, struct bnfuse_output, graph->output_count);
    for (size_t i = 0; i < graph->output_count; i++)
        result->outputs[i] =
            (struct bnfuse_output){ .name = graph->outputs[i]->name, .noise = 0, .within_tolerance = true };
    size_t sets = options->set_count ? options->set_count : KIND_COUNT;
    session->runs_planned = sets * (4 + 2 * NOISE_RUNS);
    for (size_t i = 0; i < sets; i++) {
        session->set = options->set_count ? &options->sets[i] : NULL;
        if (!compare_inputs(comparison, options->set_count ? kinds[0] : kinds[i], error)) return false;
    }
    return true;
}

/* ---- the verdict ---- */

/* Relative to the whole of an output, this much noise leaves nothing to compare. */
#define HOPELESS 0.1

static enum bnfuse_verdict judge(struct bnfuse_check_result *result, struct arena *arena,
                                 const struct bnfuse_output *output)
{
    const struct bnfuse_difference *d = &output->rounding;
    if (d->shape_differs || d->pattern_differs) {
        result->why = arena_printf(arena, "output \"%s\" has %s", output->name,
                                   d->shape_differs ? "another shape or type" : "NaN, infinities or strings elsewhere");
        return BNFUSE_VERDICT_FAIL;
    }
    if (d->relative <= NOTHING) return output->within_tolerance ? BNFUSE_VERDICT_PASS : BNFUSE_VERDICT_PASS_ROUNDING;
    result->why = arena_printf(arena,
                               "output \"%s\" differs by %.3g of its scale in float64; half a unit in the "
                               "last place of the stored weights moves it by %.3g",
                               output->name, d->relative, output->noise);
    if (d->relative > NOISE_FACTOR * output->noise) return BNFUSE_VERDICT_FAIL;
    return output->noise > HOPELESS ? BNFUSE_VERDICT_ILL_CONDITIONED : BNFUSE_VERDICT_PASS_ROUNDING;
}

/* From best to worst. */
static const enum bnfuse_verdict order[] = { BNFUSE_VERDICT_IDENTICAL, BNFUSE_VERDICT_PASS,
                                             BNFUSE_VERDICT_PASS_ROUNDING, BNFUSE_VERDICT_ILL_CONDITIONED,
                                             BNFUSE_VERDICT_FAIL };

static int rank(enum bnfuse_verdict verdict)
{
    int at = 0;
    while (order[at] != verdict) at++;
    return at;
}

static void judge_all(struct comparison *comparison)
{
    struct bnfuse_check_result *result = comparison->result;
    if (comparison->identical) return;
    result->verdict = BNFUSE_VERDICT_PASS;
    double noise = 0;
    const char *why = "";
    for (size_t i = 0; i < result->output_count; i++) {
        result->why = "";
        enum bnfuse_verdict verdict = judge(result, comparison->session->arena, &result->outputs[i]);
        noise = fmax(noise, result->outputs[i].noise);
        if (rank(verdict) <= rank(result->verdict)) continue;
        result->verdict = verdict;
        why = result->why;
    }
    result->why = why;
    if (result->verdict == BNFUSE_VERDICT_FAIL)
        result->first_divergent = first_divergent(comparison->session, fmax(NOISE_FACTOR * noise, SITE_LIMIT));
}

static bool same_interface(const struct net *a, const struct net *b, struct bnfuse_error *error)
{
    const struct graph *first = a->main, *second = b->main;
    if (first->output_count != second->output_count)
        return fail(error, BNFUSE_DIFFER, "the models have %zu and %zu outputs", first->output_count,
                    second->output_count);
    for (size_t i = 0; i < second->input_count; i++) {
        const struct value *input = second->inputs[i], *other = graph_value(first, input->name);
        if (!(input->initializer || input->sparse) && (!other || !other->is_input))
            return fail(error, BNFUSE_DIFFER, "input \"%s\" is not an input of both models", input->name);
    }
    for (size_t i = 0; i < first->output_count; i++)
        if (strcmp(first->outputs[i]->name, second->outputs[i]->name) != 0)
            return fail(error, BNFUSE_DIFFER, "output %zu is \"%s\" in one model and \"%s\" in the other", i,
                        first->outputs[i]->name, second->outputs[i]->name);
    return true;
}

bool check_compare(const struct net *a, const struct net *b, const struct check_options *options,
                   struct bnfuse_check_result *result, struct bnfuse_error *error)
{
    *result = (struct bnfuse_check_result){
        .verdict = BNFUSE_VERDICT_IDENTICAL, .why = "", .inputs = "", .seed = options->seed
    };
    struct bnfuse_error why = { .status = BNFUSE_OK };
    struct session *session = session_open(b->arena, a, b, options);
    struct comparison comparison = { session, result, true };
    bool done = true;
    if (!session_accepts(session, &why)) {
        done = false;
    } else if (!same_interface(a, b, &why)) {
        result->verdict = BNFUSE_VERDICT_FAIL;
    } else if (compare_all(&comparison, &why)) {
        judge_all(&comparison);
    } else {
        result->verdict = BNFUSE_VERDICT_NOT_CHECKED;
        result->output_count = 0;
        done = why.status != BNFUSE_INTERNAL && why.status != BNFUSE_USAGE;
    }
    session_close(session);
    if (!done) return pass_error(error, &why);
    if (why.status != BNFUSE_OK) result->why = arena_copy_text(b->arena, why.message);
    return true;
}
