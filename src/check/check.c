/* SPDX-License-Identifier: Apache-2.0
 *
 * Fused against unfused: the four questions. First each site by itself on small tensors, which proves most of them;
 * then both models in their own types. What that leaves open, float64 runs of the whole graphs decide. The reference
 * run asks about sites in lock-step: one is checked, and its inputs released, as soon as the last value it needs has
 * been seen. */
#include "check/check.h"

#include "check/check_verdict.h"
#include "check/depth.h"
#include "check/measure.h"
#include "check/metrics.h"
#include "check/proof.h"
#include "check/prove.h"
#include "check/session.h"

#include <math.h>
#include <string.h>

/* ---- question 1, while the reference run goes on ---- */

/* A site waits for a value of `before`, either to be fed with it or to compare with it. */
struct waiting {
    struct site *site;
    struct array **slot;
    struct waiting *next;
};

static void wait_for(struct check *check, struct site *site, struct value *value, struct array **slot)
{
    struct waiting *waiting = NEW(&check->session->data, struct waiting);
    *waiting = (struct waiting){ site, slot, value->mark };
    value->mark = waiting;
}

static bool is_visible(const struct check *check, const struct value *origin)
{
    return origin && origin->graph == check->session->before.net->main;
}

/* What the original does not have, or has in a body, is never seen; the rest of such a site is. */
static void prepare_sites(struct check *check)
{
    for (struct site *site = check->sites; site; site = site->next) {
        if (site->is_passed_over || (site->is_proven && !check_is_full(check))) continue;
        site->waiting = site->given_count + 1;
        if (!site->inner) wait_for(check, site, site->origin, &site->expected);
        for (size_t i = 0; i < site->given_count; i++)
            if (is_visible(check, site->origins[i])) wait_for(check, site, site->origins[i], &site->fed[i]);
    }
}

static void stop_waiting(struct check *check)
{
    for (struct site *site = check->sites; site; site = site->next) {
        site->origin->mark = NULL;
        for (size_t i = 0; i < site->given_count; i++)
            if (site->origins[i]) site->origins[i]->mark = NULL;
    }
}

static bool observe(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    struct check *check = context;
    struct waiting *waiting = value->mark;
    value->mark = NULL;
    depth_see_exact(check->depth, value, array);
    for (; waiting; waiting = waiting->next) {
        array_drop(*waiting->slot);
        *waiting->slot = array ? array_keep(array) : NULL;
        if (--waiting->site->waiting == 0 && !prove_site(&check->prover, waiting->site, error)) return false;
    }
    return true;
}

static void note_body(void *context, const struct graph *graph)
{
    const struct check *check = context;
    if (!pointer_map_get(check->entered, graph)) pointer_map_set(check->entered, graph, check->session);
}

/* After memory ran out: arrays that nobody will drop any more. */
static void forget_arrays(struct check *check)
{
    stop_waiting(check);
    for (struct site *site = check->sites; site; site = site->next) {
        for (size_t i = 0; i < site->given_count; i++) site->fed[i] = NULL;
        site->expected = NULL;
    }
    pool_close(&check->session->pool);
    pool_open(&check->session->pool, check->session->options->memory);
    arena_close(&check->session->scratch);
}

/* One site that is proven apart from the reference run; memory that runs out costs no other site. */
struct single {
    struct check *check;
    struct site *site;
    bool (*prove)(const struct prover *prover, struct site *site, struct bnfuse_error *error);
};

static bool prove_one(void *context, struct bnfuse_error *error)
{
    const struct single *single = context;
    return single->prove(&single->check->prover, single->site, error);
}

static bool prove_single(struct single *single, struct bnfuse_error *error)
{
    struct memory *memory = single->check->session->options->memory;
    struct bnfuse_error why = { .status = BNFUSE_OK };
    if (single->site->is_passed_over || guarded(memory, prove_one, single, &why)) return true;
    if (why.status != BNFUSE_INTERNAL) return pass_error(error, &why);
    memory_require_machine(memory);
    forget_arrays(single->check);
    single->site->result->why = arena_copy_text(single->check->session->arena, why.message);
    return true;
}

static bool prove_small(struct check *check, struct bnfuse_error *error)
{
    struct pointer_map *sites = NEW(&check->session->plans, struct pointer_map);
    sites->arena = &check->session->plans;
    for (struct site *site = check->sites; site; site = site->next) pointer_map_set(sites, site->value, site);
    check->prover.sites = sites;
    for (struct site *site = check->sites; site; site = site->next) {
        struct single single = { check, site, prove_site_small };
        if (!prove_single(&single, error)) return false;
    }
    return true;
}

static bool all_checked(const struct check *check)
{
    for (const struct site *site = check->sites; site; site = site->next)
        if (!site->result->checked) return false;
    return true;
}

/* Those that no reference run has seen whole: in bodies, behind outputs that are not wanted, or all. One that even
 * small does not fit the memory stays unproven. */
static bool prove_rest(struct check *check, struct bnfuse_error *error)
{
    if (check->session->work) check->prover.work = &check->session->work->apart;
    for (struct site *site = check->sites; site; site = site->next) {
        struct single single = { check, site, prove_site_apart };
        if (!site->result->checked && !prove_single(&single, error)) return false;
    }
    return true;
}

/* A change that differs on numbers made for it may be right for what the model makes: that takes a run of the whole
 * graph. */
static void reopen_mistakes(struct check *check)
{
    for (struct site *site = check->sites; site; site = site->next)
        if (!site->inner && !site->is_proven && proof_differs(site->result)) proof_forget(site);
}

/* ---- questions 2 to 4 ---- */

struct outputs {
    struct array **exact, **unrounded, **rounded, **native_before, **native_after;
};

static struct array **output_list(struct session *session, size_t count)
{
    return NEW_ARRAY(&session->data, struct array *, count);
}

static struct outputs output_lists(struct session *session, size_t count)
{
    return (struct outputs){ output_list(session, count), output_list(session, count), output_list(session, count),
                             output_list(session, count), output_list(session, count) };
}

/* The truth; and on the way the sites that are still open. */
static bool run_reference(struct check *check, struct outputs *to, struct bnfuse_error *error)
{
    struct session *session = check->session;
    struct observer observer = { observe, check, note_body };
    prepare_sites(check);
    bool ran = session_run(session, &session->before, EXACT_ROUNDED, 0, &observer, to->exact, error);
    stop_waiting(check);
    depth_forget(check->depth);
    return ran;
}

static bool run_fused(struct check *check, struct outputs *to, bool stored, struct bnfuse_error *error)
{
    struct session *session = check->session;
    return session_run(session, &session->after, EXACT_UNROUNDED, 0, NULL, to->unrounded, error)
           && (!stored || session_run(session, &session->after, EXACT_ROUNDED, 0, NULL, to->rounded, error));
}

static bool run_natively(struct check *check, struct outputs *to, struct bnfuse_error *error)
{
    struct session *session = check->session;
    const struct observer before = { depth_see_before, check->depth, NULL },
                          after = { depth_see_after, check->depth, NULL };
    depth_forget(check->depth);
    return session_run(session, &session->before, NATIVE, 0, &before, to->native_before, error)
           && session_run(session, &session->after, NATIVE, 0, &after, to->native_after, error);
}

/* One set of inputs that tells something is enough. */
static void merge_algebra(struct bnfuse_output *result, const struct outputs *of, size_t i, bool is_first)
{
    struct bnfuse_difference algebra = measure(of->exact[i], of->unrounded[i]);
    bool degenerate = algebra.degenerate && (is_first || result->algebra.degenerate);
    result->algebra = worse_difference(result->algebra, algebra);
    result->algebra.degenerate = degenerate;
}

static void merge_stored(struct bnfuse_output *result, const struct outputs *of, size_t i)
{
    result->rounding = worse_difference(result->rounding, measure(of->exact[i], of->rounded[i]));
    if (result->deployment.pattern_differs)
        result->heals &= heals_overflow(of->exact[i], of->native_before[i], of->native_after[i]);
    result->truth_before = fmax(result->truth_before, measure(of->exact[i], of->native_before[i]).root_mean_square);
    result->truth_after = fmax(result->truth_after, measure(of->exact[i], of->native_after[i]).root_mean_square);
}

static void merge_native(const struct check *check, struct bnfuse_output *result, const struct outputs *of, size_t i)
{
    bnfuse_tolerance tolerance = tolerance_of(check->session->options, result->name);
    result->deployment = worse_difference(result->deployment, measure(of->native_before[i], of->native_after[i]));
    result->within_tolerance &=
        within_tolerance(of->native_before[i], of->native_after[i], tolerance.atol, tolerance.rtol);
    metrics_add(&check->metrics[i], of->native_before[i], of->native_after[i], tolerance.atol, tolerance.rtol);
    result->metrics = metrics_finish(&check->metrics[i]);
}

/* The reference against itself: how far does one more run of `before` stray from the exact one? */
static bool run_perturbed(struct check *check, const struct outputs *of, enum precision precision, uint64_t noise,
                          double *far, struct bnfuse_error *error)
{
    struct session *session = check->session;
    size_t count = check->result->output_count;
    struct array **perturbed = output_list(session, count);
    bool ran = session_run(session, &session->before, precision, noise, NULL, perturbed, error);
    for (size_t i = 0; ran && i < count; i++) {
        struct bnfuse_difference d = measure(of->exact[i], perturbed[i]);
        far[i] = fmax(far[i], d.shape_differs || d.pattern_differs ? INFINITY : d.relative);
    }
    arrays_drop(perturbed, count);
    return ran;
}

static bool exceeds_in_float64(const struct bnfuse_check_result *result)
{
    for (size_t i = 0; i < result->output_count; i++)
        if (exceeds(&result->outputs[i]->algebra, SITE_LIMIT)) return true;
    return false;
}

/* What rounding after each node does, also where the terms of a sum that cancel are rounded alike in the original. One
 * that turns numbers into others, or into none, explains nothing, nor does a run that it ends. */
static bool measure_result_noise(struct check *check, const struct outputs *of, struct bnfuse_error *error)
{
    const size_t count = check->result->output_count;
    double *far = NEW_ARRAY(&check->session->data, double, count);
    if (!run_perturbed(check, of, PERTURBED_RESULTS, check->session->options->asked.seed | 1, far, error))
        return error->status != BNFUSE_CANCELLED && error->status != BNFUSE_INTERNAL;
    for (size_t i = 0; i < count; i++)
        if (isfinite(far[i])) check->result_noise[i] = fmax(check->result_noise[i], far[i]);
    return true;
}

/* Every stored weight moved by half a unit in its last place: what the storage of the weights leaves open anyway. And,
 * where a difference in float64 has to be explained, every input moved by the last bit of a double. */
static bool measure_noise(struct check *check, const struct outputs *of, struct bnfuse_error *error)
{
    struct bnfuse_check_result *result = check->result;
    double *far = NEW_ARRAY(&check->session->data, double, result->output_count);
    if (!run_perturbed(check, of, EXACT_ROUNDED, check->session->options->asked.seed | 1, far, error)
        || (exceeds_in_float64(result) && !run_perturbed(check, of, PERTURBED_INPUTS, 0, check->input_noise, error)))
        return false;
    for (size_t i = 0; i < result->output_count; i++)
        result->outputs[i]->noise = fmax(result->outputs[i]->noise, far[i]);
    return measure_result_noise(check, of, error);
}

static bool needs_noise(const struct check *check)
{
    const struct bnfuse_check_result *result = check->result;
    if (check_is_damaged(check)) return true;
    for (size_t i = 0; i < result->output_count; i++)
        if (!result->outputs[i]->within_tolerance) return true;
    return exceeds_in_float64(result);
}

static void drop_outputs(struct outputs *of, size_t count)
{
    struct array **const lists[] = { of->exact, of->unrounded, of->rounded, of->native_before, of->native_after };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) arrays_drop(lists[i], count);
}

/* With every site proven the whole follows by composition, up to rounding: and that is what the models' own types
 * show. */
static bool is_settled(const struct check *check)
{
    const struct bnfuse_check_result *result = check->result;
    if (check_is_full(check) || !all_checked(check) || check_is_damaged(check)) return false;
    for (size_t i = 0; i < result->output_count; i++)
        if (!result->outputs[i]->within_tolerance || !result->outputs[i]->deployment.compared) return false;
    return true;
}

static bool check_natively(struct check *check, struct outputs *of, struct bnfuse_error *error)
{
    struct bnfuse_check_result *result = check->result;
    if (!run_natively(check, of, error)) return false;
    for (size_t i = 0; i < result->output_count; i++) {
        merge_native(check, result->outputs[i], of, i);
        check->has_elements |= check->session->set || (of->native_before[i] && of->native_before[i]->count > 0);
    }
    return true;
}

/* `again`: inputs of another scale, for the algebra alone: in the model's own types they may be beyond all bounds. */
static bool check_exactly(struct check *check, struct outputs *of, bool again, struct bnfuse_error *error)
{
    struct bnfuse_check_result *result = check->result;
    if (!run_reference(check, of, error)) return false;
    if (!again && is_settled(check)) return true;
    if (!run_fused(check, of, !again, error)) return false;
    check->result->level = BNFUSE_LEVEL_FULL;
    for (size_t i = 0; i < result->output_count; i++) {
        merge_algebra(result->outputs[i], of, i, !again && result->set_count == 0);
        if (!again) merge_stored(result->outputs[i], of, i);
    }
    return !needs_noise(check) || measure_noise(check, of, error);
}

static bool check_set(struct check *check, bool again, struct bnfuse_error *error)
{
    size_t count = check->result->output_count;
    struct outputs of = output_lists(check->session, count);
    bool ran = again || check_natively(check, &of, error);
    if (ran && (again || !is_settled(check))) ran = check_exactly(check, &of, again, error);
    drop_outputs(&of, count);
    return ran;
}

/* ---- inputs ---- */

/* Of random inputs, where an output is constant or saturated at 1. */
static const struct draw other_draws[] = {
    { .name = "small", .scale = 0.1, .rounds = 2 },
    { .name = "large", .scale = 10, .rounds = 2 },
    { .name = "tiny", .scale = 0.01, .rounds = 2 },
}, first_draw = { .name = "normal", .scale = 1, .rounds = 2 };

static bool tells_little(const struct bnfuse_check_result *result)
{
    for (size_t i = 0; i < result->output_count; i++)
        if (result->outputs[i]->algebra.degenerate) return true;
    return false;
}

/* A model that does not run on them has been checked all the same. */
static bool check_other_scales(struct check *check, const struct guess *guess, struct bnfuse_error *error)
{
    struct session *session = check->session;
    bool guessed;
    for (size_t i = 0; i < sizeof other_draws / sizeof *other_draws && !session->set; i++) {
        struct bnfuse_error why = { .status = BNFUSE_OK };
        if (!tells_little(check->result)) break;
        if (session_feed(session, guess, &other_draws[i], &guessed, &why)) check_set(check, true, &why);
        if (is_fatal(&why)) return pass_error(error, &why);
    }
    return true;
}

/* Random inputs may have dims that the model cannot take: the next guess then. Given inputs are run once. Where memory
 * runs out there is no telling what the guess was worth. */
static bool check_guesses(struct check *check, struct bnfuse_error *error)
{
    struct session *session = check->session;
    struct bnfuse_error first = { .status = BNFUSE_OK }, *report = &first;
    bool guessed = true;
    for (size_t i = 0; i < guess_count && guessed; i++, report = NULL) {
        struct bnfuse_error latest;
        if (!session_feed(session, &guesses[i], &first_draw, &guessed, &latest)) {
            if (report) first = latest;
            break;
        }
        if (check_set(check, false, &latest)) {
            check->result->inputs = describe_inputs(session->arena, &session->before);
            return check_other_scales(check, &guesses[i], error);
        }
        if (report || is_fatal(&latest)) first = latest;
        if (is_fatal(&latest) || session->set) break;
    }
    refuse_chosen(session, &first);
    return pass_error(error, &first);
}

/* Of many rows a few say as much, if the model takes them. */
static bool check_inputs(struct check *check, struct bnfuse_error *error)
{
    struct session *session = check->session;
    struct bnfuse_error why;
    session->clip = check_is_full(check) || is_chosen(session) ? CLIP_NONE : CLIP_ROWS;
    if (check_guesses(check, &why)) return true;
    if (is_fatal(&why) || !session->clipped) return pass_error(error, &why);
    session->clip = CLIP_NONE;
    return check_guesses(check, error);
}

static bool run_for_depth(void *context, struct bnfuse_error *error)
{
    struct check *check = context;
    const struct observer observer = { observe, check, NULL };
    struct array **exact = output_list(check->session, check->result->output_count);
    bool ran = session_run(check->session, &check->session->before, EXACT_ROUNDED, 0, &observer, exact, error);
    arrays_drop(exact, check->result->output_count);
    return ran;
}

/* The error along the depth, where the sites settled the check without a run in float64: of the last set, whose samples
 * are still there. No verdict depends on it, so that memory or work that runs out here is no error. */
static bool measure_depth(struct check *check, struct bnfuse_error *error)
{
    struct bnfuse_error why = { .status = BNFUSE_OK };
    struct memory *memory = check->session->options->memory;
    if (guarded(memory, run_for_depth, check, &why)) return true;
    if (why.status == BNFUSE_CANCELLED) return pass_error(error, &why);
    if (why.status != BNFUSE_INTERNAL) return true;
    memory_require_machine(memory);
    forget_arrays(check);
    return true;
}

static bool check_whole(struct check *check, struct bnfuse_error *error)
{
    struct session *session = check->session;
    const struct check_options *options = session->options;
    const struct graph *graph = session->before.net->main;
    struct bnfuse_check_result *result = check->result;
    if (!session_plan(session, error)) return false;
    open_outputs(result, session->arena, graph, -1);
    check->metrics = NEW_ARRAY(session->arena, struct metrics, graph->output_count);
    check->input_noise = NEW_ARRAY(&session->plans, double, graph->output_count);
    check->result_noise = NEW_ARRAY(&session->plans, double, graph->output_count);
    check->depth = depth_open(&session->plans, session->before.net, session->after.net);
    size_t sets = options->sets.count ? options->sets.count : 1;
    session->runs_planned = (check_is_full(check) || !all_checked(check) ? 5 : 2) * sets + options->asked.depth;
    for (size_t i = 0; i < sets; i++) {
        if (!session_take(session, i, error) || !check_inputs(check, error)) return false;
        result->set_count++;
    }
    if (options->asked.depth && result->level == BNFUSE_LEVEL_STANDARD && !measure_depth(check, error)) return false;
    depth_collect(check->depth, session->arena, result);
    return true;
}

/* ---- all of it ---- */

static bool run_whole(void *context, struct bnfuse_error *error)
{
    return check_whole(context, error);
}

/* Where the whole graph does not fit the memory or the work allowed, or cannot be run for another reason, the sites are
 * proven one by one. */
static bool check_graphs(struct check *check, bool *whole, const char **why_not, struct bnfuse_error *error)
{
    struct bnfuse_error why = { .status = BNFUSE_OK };
    struct memory *memory = check->session->options->memory;
    const struct work_share share = work_begin(memory, NULL, 0);
    *whole = guarded(memory, run_whole, check, &why);
    work_end(memory, &share);
    if (*whole) return true;
    if (why.status == BNFUSE_USAGE || why.status == BNFUSE_CANCELLED) return pass_error(error, &why);
    if (why.status == BNFUSE_INTERNAL) {
        memory_require_machine(memory);
        forget_arrays(check);
    }
    check->result->output_count = 0;
    check->result->level = BNFUSE_LEVEL_QUICK;
    *why_not = arena_copy_text(check->session->arena, why.message);
    return true;
}

static bool check_changes(struct check *check, struct bnfuse_error *error)
{
    struct bnfuse_check_result *result = check->result;
    const bool is_quick = check->session->options->asked.level == BNFUSE_LEVEL_QUICK;
    const char *why_not = "no whole graph was run, as asked for";
    bool whole = false;
    if (!prove_small(check, error)) return false;
    if (is_quick && !prove_rest(check, error)) return false;
    if (is_quick) reopen_mistakes(check);
    if (!is_quick || check_find_unchecked(check, false) || check_is_damaged(check)) {
        if (is_quick) result->level = BNFUSE_LEVEL_STANDARD;
        if (!check_graphs(check, &whole, &why_not, error)) return false;
    }
    if (!prove_rest(check, error)) return false;
    check_judge(check, whole ? NULL : why_not);
    return true;
}

bool check_fusion(const struct net *before, const struct net *after, const struct check_options *options,
                  struct bnfuse_check_result *result, struct bnfuse_error *error)
{
    *result = (struct bnfuse_check_result){ .verdict = BNFUSE_VERDICT_IDENTICAL,
                                            .why = "",
                                            .inputs = "",
                                            .seed = options->asked.seed,
                                            .level = options->asked.level };
    struct session *session = session_open(after->arena, before, after, options);
    struct check check = { .session = session, .result = result, .entered = NEW(&session->plans, struct pointer_map) };
    struct site_finder finder = { before, after, after->arena, is_supplied, session };
    check.prover = (struct prover){ .before = before,
                                    .after = after,
                                    .sizes = session->before.sizes,
                                    .sizes_after = session->after.sizes,
                                    .scratch = &session->scratch,
                                    .pool = &session->pool,
                                    .team = session->team,
                                    .options = options,
                                    .unlimited = NEW(&session->plans, struct pointer_map),
                                    .varying = NEW(&session->plans, struct pointer_map),
                                    .work = session->work ? &session->work->seen : NULL };
    check.prover.unlimited->arena = check.prover.varying->arena = check.entered->arena = &session->plans;
    bool done = session_accepts(session, error);
    if (done) check.sites = sites_find(&finder);
    bool changed = check.sites || !outputs_survive(before, after);
    done = done && (!changed || check_changes(&check, error));
    session_close(session);
    return done;
}
