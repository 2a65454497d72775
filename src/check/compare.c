/* SPDX-License-Identifier: Apache-2.0
 *
 * Two unrelated models. Equal graphs are identical, whatever their names. Else both run on draws of several kinds, and
 * the difference of their outputs is held, draw by draw, against what half a unit in the last place of their weights
 * does. Then the values inside are paired (pair.h), and every segment where the graphs part is proven by itself
 * (segment.h): so that nothing downstream hides a difference, and the first one can be named. */
#include "check/check.h"

#include "check/comparison.h"
#include "check/measure.h"
#include "check/repro.h"
#include "check/segment.h"
#include "check/widen.h"

#include <math.h>
#include <string.h>

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

/* What no run has computed, beside what follows from the same: no numbers made for it would go with those. */
static void leave_tied(struct comparison *comparison, struct site *sites)
{
    for (struct site *site = sites; site; site = site->next) {
        if (site->result->checked || *site->result->why || !is_whole(site)) continue;
        site->is_tied = site_is_bound(site, comparison->prover.scratch);
        if (site->is_tied) site->result->why = "its inputs follow from each other";
        arena_clear(comparison->prover.scratch);
    }
}

static bool prove_segments(struct comparison *comparison, struct site *sites, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    struct bnfuse_error why = { .status = BNFUSE_OK };
    const struct observer observer = { feed_segments, comparison, NULL };
    if (!compare_feed_first(comparison, error)) return false;
    struct array **outputs = output_list(session, comparison->result->output_count);
    for (struct site *site = sites; site; site = site->next)
        for (size_t i = 0; is_whole(site) && i < site->given_count; i++)
            if (site->origins[i]->graph == session->before.net->main) wait_for(comparison, site, i);
    if (sites) session_run(session, &session->before, EXACT_ROUNDED, 0, &observer, outputs, &why);
    stop_waiting(sites);
    arrays_drop(outputs, comparison->result->output_count);
    if (is_fatal(&why)) return pass_error(error, &why);
    leave_tied(comparison, sites);
    return prove_rest(comparison, sites, error);
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

/* ---- together ---- */

static void open_results(struct comparison *comparison)
{
    struct session *session = comparison->session;
    struct bnfuse_check_result *result = comparison->result;
    const struct graph *a = session->before.net->main;
    size_t count = a->output_count;
    open_outputs(result, session->arena, a, 0);
    comparison->scores = NEW_ARRAY(session->arena, struct score, count);
    struct pointer_map places = { .arena = session->arena }; /* of b's outputs, by their partners */
    for (size_t k = 0; k < count; k++)
        pointer_map_set(&places, comparison->pairing.outputs[k], &comparison->pairing.outputs[k]);
    for (size_t i = 0; i < count; i++) {
        struct value **place = pointer_map_get(&places, a->outputs[i]);
        comparison->scores[i].least = -1;
        if (place) comparison->scores[i].partner = (size_t)(place - comparison->pairing.outputs);
    }
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

/* Whether every input is a tensor of real numbers: others choose what runs, and that is not proven by one draw. */
static bool is_all_real(const struct session *session)
{
    for (size_t i = 0; i < session->before.given_count; i++)
        if (dtype_kind(session->before.given[i]->type) != KIND_REAL) return false;
    return true;
}

/* Every segment is proven, by more than what one draw has shown of it. */
static bool is_proven_beyond(const struct comparison *comparison, const struct site *sites)
{
    for (const struct site *site = sites; site; site = site->next)
        if (site->is_tied) return false;
    return is_proven(comparison, sites);
}

/* One draw is enough to find the segments by, where every one of them is then proven: what is left to try is sizes. */
static bool prove_at_once(struct comparison *comparison, struct site **sites, bool *proven, struct bnfuse_error *error)
{
    const struct session *session = comparison->session;
    *proven = false;
    if (session->options->sets.count || !is_all_real(session) || is_any_output_different(comparison)) return true;
    if (!prove_pairs(comparison, sites, error)) return false;
    *proven = is_proven_beyond(comparison, *sites) && !first_mistake(*sites, true, true);
    return !*proven || !comparison->is_open || compare_draws(comparison, DRAWS_OF_OTHER_SIZES, error);
}

/* By more draws. */
static bool prove_at_length(struct comparison *comparison, struct site **sites, struct bnfuse_error *error)
{
    if (!compare_draws(comparison, DRAWS_FIRST, error)) return false;
    return prove_pairs(comparison, sites, error)
           && (is_proven_beyond(comparison, *sites) || compare_draws(comparison, DRAWS_REST, error));
}

static bool compare_all(struct comparison *comparison, struct bnfuse_error *error)
{
    struct site *sites = NULL;
    bool proven;
    open_results(comparison);
    if (!compare_first_draw(comparison, error) || !prove_at_once(comparison, &sites, &proven, error)
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

/* A runtime refuses it, whatever we would make of it. */
static bool is_broken(struct comparison *comparison)
{
    const struct session *session = comparison->session;
    const struct node *wrong = net_contradiction(session->after.net);
    if (!wrong || net_contradiction(session->before.net)) return false;
    comparison->broken = arena_printf(session->arena,
                                      "the second model cannot run, the first can: the types or shapes of "
                                      "%s do not go together",
                                      node_label(wrong, session->arena));
    return true;
}

static bool compare_graphs(struct comparison *comparison, struct bnfuse_error *error)
{
    struct session *session = comparison->session;
    struct bnfuse_check_result *result = comparison->result;
    struct pairing *pairing = &comparison->pairing;
    const bool takes_other_types = session->options->asked.precision != BNFUSE_DTYPE_UNDEFINED;
    if (!session_accepts(session, error)
        || !pairing_open(pairing, session->arena, session->before.net, session->after.net, takes_other_types, error))
        return false;
    pairing->work = session->work ? &session->work->apart : NULL;
    result->note = pairing->note;
    if (pairing_is_identical(pairing)) return true;
    session->inputs = pairing->inputs;
    if (is_broken(comparison)) return false;
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
                                         .options = options,
                                         .work = session->work ? &session->work->seen : NULL };
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
