/* SPDX-License-Identifier: Apache-2.0
 *
 * Two nets, the same inputs, many runs. See session.h. */
#include "check/session.h"
#include "base/platform.h"
#include "base/text.h"

#include "check/measure.h"
#include "check/prove.h"
#include "check/sizes.h"

#include <string.h>

static void close_pool(void *pool)
{
    pool_close(pool);
}

static void close_arena(void *arena)
{
    arena_close(arena);
}

void open_outputs(struct bnfuse_check_result *result, struct arena *arena, const struct graph *graph, double noise)
{
    struct bnfuse_output **list = NEW_ARRAY(arena, struct bnfuse_output *, graph->output_count);
    for (size_t i = 0; i < graph->output_count; i++) {
        list[i] = NEW(arena, struct bnfuse_output);
        *list[i] = (struct bnfuse_output){ .name = graph->outputs[i]->name,
                                           .algebra = { .relative = -1 },
                                           .rounding = { .relative = -1 },
                                           .noise = noise,
                                           .truth_before = -1,
                                           .truth_after = -1,
                                           .within_tolerance = true,
                                           .heals = true };
    }
    result->outputs = list;
    result->output_count = graph->output_count;
}

/* Seconds in units of work; what is beyond all clocks is no limit. */
static uint64_t work_limit(double seconds)
{
    double units = seconds * (double)WORK_SECOND;
    return units > 0 && units < 1e18 ? (uint64_t)units + 1 : 0;
}

struct session *session_open(struct arena *arena, const struct net *before, const struct net *after,
                             const struct check_options *options)
{
    struct session *session = NEW(arena, struct session);
    session->options = options;
    session->arena = arena;
    session->before.net = before;
    session->after.net = after;
    arena_open(&session->plans, options->memory);
    arena_defer(arena, close_arena, &session->plans);
    arena_open(&session->data, options->memory);
    arena_defer(&session->plans, close_arena, &session->data);
    arena_open(&session->scratch, options->memory);
    arena_defer(&session->plans, close_arena, &session->scratch);
    pool_open(&session->pool, options->memory);
    arena_defer(&session->plans, close_pool, &session->pool);
    session->team =
        team_open(&session->plans, options->asked.threads > 0 ? options->asked.threads : platform_processors());
    name_map_open(&session->supplied, &session->plans);
    session->before.sizes = sizes_find(before, &session->plans);
    session->after.sizes = sizes_find(after, &session->plans);
    const uint64_t work = work_limit(options->asked.work);
    if (work) {
        session->work = NEW(&session->plans, struct check_work);
        *session->work = (struct check_work){ work / 12, work / 12 * 7, work / 4, work / 6 };
    }
    return session;
}

void session_close(struct session *session)
{
    arena_close(&session->plans);
}

bool is_supplied(const void *context, const struct value *value)
{
    const struct session *session = context;
    return value->is_input && !value->graph->owner && !value->graph->function
           && name_map_get(&session->supplied, value->name);
}

static bool is_fed(const struct session *session, const struct value *value)
{
    return !value_is_stored(value) || is_supplied(session, value);
}

static bool plan_side(struct session *session, struct side *side, struct bnfuse_error *error)
{
    const struct graph *graph = side->net->main;
    side->given = NEW_ARRAY(&session->plans, struct value *, graph->input_count);
    side->data = NEW_ARRAY(&session->plans, struct datum, graph->input_count);
    side->given_count = 0;
    side->weights = session->options->sets.count > 1 ? NEW(&session->plans, struct pointer_map) : NULL;
    if (side->weights) side->weights->arena = &session->plans;
    for (size_t i = 0; i < graph->input_count; i++)
        if (is_fed(session, graph->inputs[i])) side->given[side->given_count++] = graph->inputs[i];
    return plan_build(&side->plan, &session->plans, side->net, side->given, side->given_count, graph->outputs,
                      graph->output_count, error);
}

bool session_plan(struct session *session, struct bnfuse_error *error)
{
    return plan_side(session, &session->before, error) && plan_side(session, &session->after, error);
}

/* Data under names that no input has would be ignored without a word. */
static bool names_exist(const struct session *session, struct bnfuse_error *error)
{
    const struct graph *graph = session->before.net->main;
    for (size_t i = 0; session->set && i < session->set->count; i++) {
        const char *name = session->set->data[i].name;
        const struct value *value = graph_value(graph, name), *now = graph_value(session->after.net->main, name);
        if (!value || !value->is_input)
            return fail(error, BNFUSE_USAGE, "data was given for \"%s\", which is no input of the model", name);
        if (!session->options->is_unrelated && (!now || !now->is_input))
            return fail(error, BNFUSE_USAGE, "data was given for \"%s\", which --freeze-weights made a constant", name);
    }
    return true;
}

/* A setting for a name that does not exist is probably a typo. */
static bool choices_exist(const struct session *session, struct bnfuse_error *error)
{
    const struct check_options *options = session->options;
    const struct graph *graph = session->before.net->main;
    for (size_t i = 0; i < options->asked.shape_count; i++) {
        const struct value *value = graph_value(graph, options->asked.shapes[i].name);
        if (!value || !value->is_input)
            return fail(error, BNFUSE_USAGE, "a shape was given for \"%s\", which is no input of the model",
                        options->asked.shapes[i].name);
    }
    for (size_t i = 0; i < options->asked.tolerance_count; i++) {
        size_t k = 0;
        while (k < graph->output_count && strcmp(graph->outputs[k]->name, options->asked.tolerances[i].name) != 0) k++;
        if (k == graph->output_count)
            return fail(error, BNFUSE_USAGE, "a tolerance was given for \"%s\", which is no output of the model",
                        options->asked.tolerances[i].name);
    }
    for (size_t i = 0; i < options->asked.dim_count; i++)
        if (!graph_has_dim(graph, options->asked.dims[i].name))
            return fail(error, BNFUSE_USAGE, "a size was given for dimension \"%s\", which no input of the model has",
                        options->asked.dims[i].name);
    return true;
}

/* What was given is used as it is, or refused. */
static bool fits(const struct session *session, const struct value *value, const struct datum *datum,
                 struct bnfuse_error *error)
{
    const struct tensor *tensor = &datum->tensor;
    const struct shape *shape = &value->shape;
    if (datum->form != FORM_TENSOR || (!value->info && value->initializer)) return true;
    bool good = value->type == DTYPE_UNDEFINED || tensor->type == value->type;
    good = good && (shape->rank < 0 || shape->rank == tensor->rank);
    for (int axis = 0; good && axis < shape->rank; axis++)
        good = shape->dims[axis].size < 0 || shape->dims[axis].size == tensor->dims[axis];
    return good
           || fail(error, BNFUSE_USAGE, "input \"%s\" is declared as %s, the data given are: %s", value->name,
                   value_type_text(value, session->arena), describe_input(session->arena, value->name, datum));
}

bool session_take(struct session *session, size_t i, struct bnfuse_error *error)
{
    const struct set_list *sets = &session->options->sets;
    session->set = NULL;
    if (sets->count) session->set = sets->take(sets->context, i, error);
    return session->set || !sets->count;
}

static bool accepts_set(struct session *session, struct bnfuse_error *error)
{
    if (!names_exist(session, error)) return false;
    for (size_t i = 0; i < session->set->count; i++) {
        const struct datum *datum = &session->set->data[i];
        struct value *value = graph_value(session->before.net->main, datum->name);
        if (!fits(session, value, datum, error)) return false;
        name_map_add(&session->supplied, value);
    }
    return true;
}

bool session_accepts(struct session *session, struct bnfuse_error *error)
{
    bool good = choices_exist(session, error);
    for (size_t i = 0; good && i < session->options->sets.count; i++)
        good = session_take(session, i, error) && accepts_set(session, error);
    session->set = NULL;
    return good;
}

bool is_chosen(const struct session *session)
{
    const struct check_options *options = session->options;
    return session->set || options->asked.shape_count || options->asked.dim_count;
}

bool refuse_chosen(struct session *session, struct bnfuse_error *error)
{
    if (is_chosen(session) && !is_fatal(error) && error->status != BNFUSE_USAGE) {
        const char *inputs = describe_inputs(session->arena, &session->before);
        const char *why = arena_copy_text(session->arena, error->message);
        fail(error, BNFUSE_USAGE, "the model does not run on what was given (%s): %s", inputs, why);
    }
    return false;
}

/* Both sides mostly have the same inputs in the same order, so it is looked for at `likely` first. */
static size_t find_given(const struct side *side, const char *name, size_t likely)
{
    size_t i = 0;
    if (likely < side->given_count && strcmp(side->given[likely]->name, name) == 0) return likely;
    while (i < side->given_count && strcmp(side->given[i]->name, name) != 0) i++;
    return i;
}

/* Where the data of an input of `after` is among those of `before`. */
static size_t find_partner(const struct session *session, const struct value *value, size_t likely)
{
    const struct graph *graph = session->after.net->main;
    const char *name = value->name;
    for (size_t i = 0; session->inputs && i < graph->input_count; i++)
        if (graph->inputs[i] == value && session->inputs[i]) name = session->inputs[i]->name;
    return find_given(&session->before, name, likely);
}

/* The input of `after` that is fed what input `i` of `before` is; NULL: none. */
static const struct value *find_fed_alike(const struct session *session, size_t i)
{
    const struct side *after = &session->after;
    for (size_t k = 0; session->options->is_unrelated && k < after->given_count; k++)
        if (find_partner(session, after->given[k], k) == i) return after->given[k];
    return NULL;
}

bool session_feed(struct session *session, const struct guess *guess, const struct draw *draw, bool *guessed,
                  struct bnfuse_error *error)
{
    struct chooser chooser;
    struct side *before = &session->before, *after = &session->after;
    arena_close(&session->data);
    chooser_open(&chooser, &session->data, session->options, before->net->symbols, guess);
    chooser.draw = draw;
    chooser.clip = session->clip;
    for (size_t i = 0; i < before->given_count; i++) {
        struct value *value = before->given[i];
        const struct datum *given = find_datum(session->set, value->name);
        chooser.other = dtype_kind(value->type) == KIND_REAL ? NULL : find_fed_alike(session, i);
        if (given) before->data[i] = *given;
        else if (value->initializer)
            before->data[i] = (struct datum){ .name = value->name, .tensor = *value->initializer };
        else if (!choose_input(&chooser, &before->data[i], value, error)) return false;
    }
    chooser.other = NULL;
    for (size_t i = 0; i < after->given_count; i++) {
        size_t at = find_partner(session, after->given[i], i);
        const struct value *value = after->given[i];
        bool is_read = value->use_count > 0 || value->is_output;
        if (at < before->given_count) after->data[i] = before->data[at];
        else if (is_read) return fail(error, BNFUSE_USAGE, "input \"%s\" is not an input of both models", value->name);
        else if (!choose_input(&chooser, &after->data[i], after->given[i], error)) return false;
    }
    *guessed = chooser.guessed;
    session->clipped = chooser.clipped;
    session->beyond = chooser.beyond;
    return true;
}

bnfuse_tolerance tolerance_of(const struct check_options *options, const char *output)
{
    bnfuse_tolerance tolerance = { output, options->asked.atol, options->asked.rtol };
    for (size_t i = 0; i < options->asked.tolerance_count; i++) {
        const bnfuse_tolerance *own = &options->asked.tolerances[i];
        if (strcmp(own->name, output) != 0) continue;
        if (own->atol >= 0) tolerance.atol = own->atol;
        if (own->rtol >= 0) tolerance.rtol = own->rtol;
    }
    return tolerance;
}

/* A version of lower precision takes the same numbers in its own type. */
static struct array *retyped(struct array *array, enum dtype type, bool exact)
{
    if (!array || array->store > STORE_F64 || array->type == type || dtype_kind(type) != KIND_REAL) return array;
    struct array *made = array_new(array->pool, type, store_of(type, exact), array->rank, array->dims);
    for (int64_t i = 0; i < array->count; i++) {
        double x = array->store == STORE_F64 ? array->f64[i] : (double)array->f32[i];
        if (made->store == STORE_F64) made->f64[i] = x;
        else made->f32[i] = (float)x;
    }
    if (!exact) array_round(made);
    array_drop(array);
    return made;
}

/* What is given is given: noise is for what is stored. */
static bool make_inputs(const struct side *side, const struct run_options *options, bool perturbed,
                        struct array **inputs, struct bnfuse_error *error)
{
    struct run_options exactly = *options;
    exactly.weight_noise = 0;
    for (size_t i = 0; i < side->given_count; i++) {
        if (!array_from_datum(&inputs[i], &side->data[i], &exactly, error)) return false;
        inputs[i] = retyped(inputs[i], side->given[i]->type, options->exact);
        if (perturbed && !pointer_map_get(side->sizes, side->given[i])) inputs[i] = perturb(inputs[i]);
        if (options->observe && !options->observe(options->context, side->given[i], inputs[i], error)) return false;
    }
    return true;
}

/* Stands between a run and its observer, to see how far the run is. */
struct watch {
    struct session *session;
    const struct observer *observer;
    size_t seen, all;
};

static bool report_progress(const struct session *session, double part, struct bnfuse_error *error)
{
    if (!session->options->asked.progress || !session->runs_planned) return true;
    double done = ((double)session->runs_done + part) / (double)session->runs_planned;
    return session->options->asked.progress(session->options->asked.context, done < 1 ? done : 1)
           || fail(error, BNFUSE_CANCELLED, "the check was cancelled");
}

static bool watch_value(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    struct watch *watch = context;
    if (watch->seen < watch->all) watch->seen++;
    if (!report_progress(watch->session, (double)watch->seen / (double)watch->all, error)) return false;
    return !watch->observer || watch->observer->observe(watch->observer->context, value, array, error);
}

static void watch_body(void *context, const struct graph *body)
{
    const struct watch *watch = context;
    if (watch->observer && watch->observer->enter) watch->observer->enter(watch->observer->context, body);
}

bool session_run(struct session *session, const struct side *side, enum precision precision, uint64_t noise,
                 const struct observer *observer, struct array **outputs, struct bnfuse_error *error)
{
    struct watch watch = { session, observer, 0, side->net->main->node_count + 1 };
    struct run_options options = {
        .exact = precision != NATIVE,
        .unrounded = precision == EXACT_UNROUNDED,
        .team = session->team,
        .memory = session->options->memory,
        .pool = &session->pool,
        .weight_noise = precision == PERTURBED_RESULTS ? 0 : noise,
        .result_noise = precision == PERTURBED_RESULTS ? noise : 0,
        .noise_type = (enum dtype)session->options->asked.precision,
        .unmoved = side->sizes,
        .random_seed = session->options->asked.seed,
        .weights = precision == NATIVE && noise == 0 ? side->weights : NULL,
        .observe = watch_value,
        .enter = watch_body,
        .context = &watch,
    };
    struct array **inputs = NEW_ARRAY(&session->data, struct array *, side->given_count);
    struct check_work *work = session->work;
    const struct work_share share = work_begin(options.memory, work ? &work->runs : NULL, work ? work->run : 0);
    bool ran = make_inputs(side, &options, precision == PERTURBED_INPUTS, inputs, error)
               && plan_run(side->plan, &options, inputs, outputs, error);
    work_end(options.memory, &share);
    arrays_drop(inputs, side->given_count);
    session->runs_done++;
    return ran;
}

const char *describe_inputs(struct arena *arena, const struct side *side)
{
    struct text text = { .arena = arena };
    for (size_t i = 0; i < side->given_count; i++)
        text_add_item(&text, ", ", "%s", describe_input(arena, side->given[i]->name, &side->data[i]));
    return text_chars(&text);
}

/* ---- where two runs part ---- */

struct divergence {
    const struct graph *other;
    double limit;
    const char *found;
};

/* The arrays of the first run hang on the marks of its values. */
static bool keep(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    const struct divergence *divergence = context;
    (void)error;
    if (array && graph_value(divergence->other, value->name)) {
        array_drop(value->mark);
        value->mark = array_keep(array);
    }
    return true;
}

static bool match(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    struct divergence *divergence = context;
    (void)error;
    struct value *other = graph_value(divergence->other, value->name);
    if (!array || !other || !other->mark || divergence->found) return true;
    struct bnfuse_difference difference = measure(other->mark, array);
    if (exceeds(&difference, divergence->limit)) divergence->found = value->name;
    return true;
}

static void drop_kept(const struct graph *graph)
{
    for (size_t i = 0; i < graph->input_count; i++) {
        array_drop(graph->inputs[i]->mark);
        graph->inputs[i]->mark = NULL;
    }
    for (struct node *node = graph->first; node; node = node->next)
        for (size_t i = 0; i < node->output_count; i++)
            if (node->outputs[i]) {
                array_drop(node->outputs[i]->mark);
                node->outputs[i]->mark = NULL;
            }
}

struct search {
    struct session *session;
    struct divergence divergence;
};

static bool search_divergence(void *context, struct bnfuse_error *error)
{
    struct search *search = context;
    struct session *session = search->session;
    struct divergence *divergence = &search->divergence;
    const struct graph *a = session->before.net->main, *b = session->after.net->main;
    struct array **outputs = NEW_ARRAY(&session->data, struct array *, a->output_count + b->output_count);
    divergence->other = b;
    struct observer keeper = { keep, divergence, NULL }, matcher = { match, divergence, NULL };
    if (!session_run(session, &session->before, EXACT_UNROUNDED, 0, &keeper, outputs, error)) return false;
    divergence->other = a;
    return session_run(session, &session->after, EXACT_UNROUNDED, 0, &matcher, outputs + a->output_count, error);
}

/* All values of a run at once may not fit the memory; then there is no answer, and nothing else is lost. */
const char *first_divergent(struct session *session, double limit)
{
    struct search search = { session, { .limit = limit } };
    bool ran = guarded(session->options->memory, search_divergence, &search, NULL);
    drop_kept(session->before.net->main);
    memory_require_machine(session->options->memory);
    return ran || search.divergence.found ? search.divergence.found : NULL;
}
