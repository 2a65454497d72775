/* SPDX-License-Identifier: Apache-2.0
 *
 * The verdict. See check_verdict.h. */
#include "check/check_verdict.h"

#include "check/measure.h"
#include "check/metrics.h"
#include "check/proof.h"
#include "check/session.h"

#include <math.h>

bool check_is_full(const struct check *check)
{
    return check->session->options->asked.level == BNFUSE_LEVEL_FULL;
}

bool check_is_damaged(const struct check *check)
{
    for (const struct site *site = check->sites; site; site = site->next)
        if (site->is_damaged) return true;
    return false;
}

static bool settle(struct bnfuse_check_result *result, enum bnfuse_verdict verdict, const char *why)
{
    result->verdict = verdict;
    result->why = why;
    return true;
}

static void collect_sites(struct check *check)
{
    struct bnfuse_check_result *result = check->result;
    for (const struct site *site = check->sites; site; site = site->next) result->site_count++;
    struct bnfuse_site **sites = NEW_ARRAY(check->session->arena, struct bnfuse_site *, result->site_count);
    result->sites = sites;
    for (const struct site *site = check->sites; site; site = site->next) {
        *sites++ = site->result;
        result->sites_checked += site->result->checked;
        if (site->result->checked && !site->result->ill_conditioned)
            result->worst_site = fmax(result->worst_site, site->result->difference.relative);
    }
}

static const char *describe_difference(struct arena *arena, const struct bnfuse_difference *difference)
{
    if (difference->shape_differs) return "has another shape or type";
    if (difference->pattern_differs) return "has NaN, infinities or strings where the original has others";
    return arena_printf(arena, "differs by %.3g of its scale", difference->relative);
}

/* Question 1: any site beyond float64 rounding is a bug, whatever the whole graph says. */
static bool judge_sites(struct check *check)
{
    struct bnfuse_check_result *result = check->result;
    for (size_t i = 0; i < result->site_count; i++) {
        const struct bnfuse_site *site = result->sites[i];
        if (!proof_differs(site)) continue;
        result->first_divergent = site->value;
        return settle(result, BNFUSE_VERDICT_FAIL,
                      arena_printf(check->session->arena, "\"%s\" (%s%s%s) %s", site->value, site->node,
                                   *site->scope ? " in " : "", site->scope,
                                   describe_difference(check->session->arena, &site->difference)));
    }
    return false;
}

static bool judge_stored(struct check *check)
{
    for (const struct site *site = check->sites; site; site = site->next) {
        if (!site->is_misstored) continue;
        check->result->first_divergent = site->result->value;
        return settle(check->result, BNFUSE_VERDICT_FAIL,
                      arena_printf(check->session->arena,
                                   "\"%s\" (%s) differs with its weights as they are stored by more than rounding "
                                   "explains",
                                   site->result->value, site->result->node));
    }
    return false;
}

const struct bnfuse_site *check_find_unchecked(const struct check *check, bool hidden)
{
    for (const struct site *site = check->sites; site; site = site->next) {
        bool was_run = !site->inner || pointer_map_get(check->entered, site->origin->graph);
        if (!site->result->checked && !site->only_within && !(hidden && was_run)) return site->result;
    }
    return NULL;
}

/* The whole graph did not run, for this reason. */
static bool judge_sites_only(struct check *check, const char *reason)
{
    struct bnfuse_check_result *result = check->result;
    const struct bnfuse_site *unchecked = check_find_unchecked(check, false);
    if (judge_sites(check) || judge_stored(check)) return true;
    if (unchecked)
        return settle(result, BNFUSE_VERDICT_NOT_CHECKED,
                      arena_printf(check->session->arena, "%s; nor can the site of \"%s\" alone: %s", reason,
                                   unchecked->value, unchecked->why));
    if (check_is_damaged(check))
        return settle(result, BNFUSE_VERDICT_NOT_CHECKED,
                      arena_printf(check->session->arena, "%s, and storing weights costs more than it should", reason));
    return settle(result, !check_is_full(check) ? BNFUSE_VERDICT_PASS_SITES : BNFUSE_VERDICT_NOT_CHECKED, reason);
}

static bool is_real_damage(const struct bnfuse_output *output, double noise)
{
    const struct bnfuse_difference *of[] = { &output->rounding, &output->deployment };
    for (size_t i = 0; i < 2; i++)
        if (of[i]->pattern_differs && !of[i]->near_overflow && !(i == 1 && output->heals)) return true;
    return output->rounding.relative > NOISE_FACTOR * noise
           && output->truth_after > NOISE_FACTOR * fmax(output->truth_before, noise);
}

/* Noise that fills the output leaves nothing to compare. */
#define HOPELESS 0.1

/* Whether the model itself turns rounding of float64 into as much. */
static bool is_amplified(const struct bnfuse_output *output, double input_noise)
{
    if (output->algebra.shape_differs) return false;
    if (output->algebra.pattern_differs) return output->algebra.near_overflow;
    return output->algebra.relative <= PERTURBATION_FACTOR * input_noise || output->noise > HOPELESS;
}

/* What numbers that an edit idealized had lost to their type, as the sites have it. */
static double idealized(const struct check *check)
{
    double lost = 0;
    for (const struct site *site = check->sites; site; site = site->next)
        if (site->is_idealized) lost = fmax(lost, resolution_of(site->value->type));
    return lost;
}

/* Whether it is that, and what the model made of it. */
static bool is_idealization(const struct bnfuse_output *output, double lost)
{
    return lost > 0 && !output->algebra.shape_differs && !output->algebra.pattern_differs
           && output->algebra.relative <= NOISE_FACTOR * fmax(output->noise, lost);
}

/* The algebra of the whole graph, when all sites are proven. */
static bool judge_output(struct check *check, size_t slot, bool is_damaged, double lost)
{
    const struct bnfuse_output *output = check->result->outputs[slot];
    const double noise = fmax(output->noise, check->result_noise[slot]);
    struct arena *arena = check->session->arena;
    if (exceeds(&output->algebra, SITE_LIMIT) && !is_idealization(output, lost)) {
        bool amplified = is_amplified(output, check->input_noise[slot]);
        const char *what = describe_difference(arena, &output->algebra);
        if (amplified)
            return settle(check->result, BNFUSE_VERDICT_ILL_CONDITIONED,
                          arena_printf(arena,
                                       "output \"%s\" %s in float64, although every site agrees: the model "
                                       "amplifies rounding (the last bit of its weights moves it by %.3g)",
                                       output->name, what, output->noise));
        return settle(check->result, BNFUSE_VERDICT_FAIL,
                      arena_printf(arena, "output \"%s\" %s in float64", output->name, what));
    }
    if (output->within_tolerance && !is_damaged) return false;
    if (is_real_damage(output, noise))
        return settle(check->result, BNFUSE_VERDICT_FAIL,
                      arena_printf(arena,
                                   "output \"%s\" %s once its weights are stored, %.3g times further from "
                                   "float64 than the original",
                                   output->name, describe_difference(arena, &output->deployment),
                                   output->truth_after / fmax(output->truth_before, noise)));
    if (output->within_tolerance) return false;
    const char *what = output->deployment.pattern_differs && output->heals
                           ? "is finite where the original overflows its type"
                           : arena_printf(arena, "%s, beyond the tolerance, but not in float64",
                                          describe_difference(arena, &output->deployment));
    if (check->result->verdict == BNFUSE_VERDICT_PASS)
        settle(check->result, BNFUSE_VERDICT_PASS_ROUNDING,
               arena_printf(arena, "output \"%s\" %s", output->name, what));
    return false;
}

/* No element was finite in both: of no rows, or where a model makes NaN of everything, there is nothing to agree on. */
static bool is_nothing_compared(const struct check *check)
{
    const struct bnfuse_check_result *result = check->result;
    for (size_t i = 0; i < result->output_count; i++)
        if (result->outputs[i]->algebra.compared || result->outputs[i]->deployment.compared) return false;
    return check->has_elements;
}

/* An output of no rows says that the inputs were wrong, whatever the sites say. */
static bool are_sites_telling(const struct bnfuse_check_result *result)
{
    int64_t elements = 0;
    for (size_t i = 0; i < result->output_count; i++) elements += result->outputs[i]->metrics->elements;
    if (!elements) return false;
    for (size_t i = 0; i < result->site_count; i++)
        if (!result->sites[i]->checked || !result->sites[i]->difference.compared) return false;
    return result->site_count > 0;
}

static void judge_whole(struct check *check)
{
    struct bnfuse_check_result *result = check->result;
    if (judge_sites(check) || judge_stored(check)) return;
    settle(result, BNFUSE_VERDICT_PASS, "");
    const bool is_damaged = check_is_damaged(check);
    const double lost = idealized(check);
    for (size_t i = 0; i < result->output_count; i++) {
        if (!judge_output(check, i, is_damaged, lost)) continue;
        if (!result->first_divergent) result->first_divergent = first_divergent(check->session, SITE_LIMIT);
        return;
    }
    if (is_nothing_compared(check)) {
        settle(result, are_sites_telling(result) ? BNFUSE_VERDICT_PASS_SITES : BNFUSE_VERDICT_NOT_CHECKED,
               "no finite number came out to compare");
        return;
    }
    const struct bnfuse_site *unchecked = check_find_unchecked(check, true);
    if (unchecked)
        settle(result, BNFUSE_VERDICT_NOT_CHECKED,
               arena_printf(check->session->arena,
                            "the run did not come to \"%s\" (in %s), and it cannot be run "
                            "alone: %s",
                            unchecked->value, unchecked->scope, unchecked->why));
}

void check_judge(struct check *check, const char *why_not)
{
    collect_sites(check);
    if (!outputs_survive(check->session->before.net, check->session->after.net))
        settle(check->result, BNFUSE_VERDICT_FAIL, "an output of the model is missing");
    else if (why_not) judge_sites_only(check, why_not);
    else judge_whole(check);
}
