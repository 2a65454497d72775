/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said of two models, from the scores of their outputs and from the segments. */
#include "check/comparison.h"

#include "check/measure.h"
#include "check/segment.h"

#include <math.h>

bool settle(struct bnfuse_check_result *result, enum bnfuse_verdict verdict, const char *why)
{
    result->verdict = verdict;
    result->why = why;
    return true;
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

bool fail_by_segment(struct comparison *comparison, const struct site *site, const char *how)
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

/* Whatever is fed, what reads the value gives the same, and not for being stuck: a Relu of what is below 0 in both. */
static bool is_harmless(const struct site *site)
{
    const struct site *reader = site->hidden_by;
    return reader && reader->result->checked && !reader->is_mistaken && reader->is_alive;
}

const struct site *first_mistake(const struct site *sites, bool any, bool hidden)
{
    for (const struct site *site = sites; site; site = site->next)
        if (site->is_mistaken && (any || !site->is_guess || (hidden && site->is_hidden && !is_harmless(site))))
            return site;
    return NULL;
}

bool is_proven(const struct comparison *comparison, const struct site *sites)
{
    const struct graph *graph = comparison->session->after.net->main;
    for (size_t i = 0; i < graph->output_count; i++)
        if (!pairing_is_matched(&comparison->pairing, graph->outputs[i])) return false;
    for (const struct site *site = sites; site; site = site->next)
        if (!site->is_guess && (!site->result->checked || site->result->ill_conditioned)) return false;
    return true;
}

bool is_any_output_different(const struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->result->output_count; i++)
        if (comparison->scores[i].excess > 1) return true;
    return false;
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
        if (!(comparison->scores[i].excess > 1)) continue;
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
        double explained =
            fmax(comparison->scores[i].native_a, fmax(output->noise, 4 * comparison_resolution(comparison, NULL)));
        bool is_lower = comparison->scores[i].native_b > LOWER_PRECISION;
        if (output->within_tolerance && !is_lower) continue;
        if (d->pattern_differs && !output->heals && !output->rounding.pattern_differs)
            return settle(comparison->result, BNFUSE_VERDICT_FAIL,
                          arena_printf(arena, "output \"%s\" %s in the models' own types, not in float64", output->name,
                                       describe_difference(arena, d)));
        if (comparison->scores[i].native_b > NOISE_FACTOR * explained)
            return settle(comparison->result, BNFUSE_VERDICT_FAIL,
                          arena_printf(arena,
                                       "output \"%s\" of the second model loses digits in its own types: %.3g of its "
                                       "scale from float64, the first %.3g",
                                       output->name, comparison->scores[i].native_b, comparison->scores[i].native_a));
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
        bool told = comparison->scores[i].clear && !comparison->scores[i].first_unclear;
        bool proven = is_proven(comparison, sites);
        if (!comparison->scores[i].unclear || told || (proven && output->noise <= HOPELESS)) continue;
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

void judge(struct comparison *comparison, const struct site *sites)
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
