/* SPDX-License-Identifier: Apache-2.0
 *
 * Executing a plan: one frame of slots per schedule being executed, one call per step.
 *
 * Around each kernel the runner does what kernels must not repeat: it converts real inputs to one store, checks what
 * came out, and rounds or wraps it to the type it is said to have. */
#include "base/platform.h"
#include "runtime/complex.h"
#include "runtime/element.h"
#include "runtime/load.h"
#include "runtime/plan.h"

#include <stdio.h>
#include <string.h>

#define MOST_BODIES (1 << 20)          /* bodies of Loops and Scans executed in one run, the inner ones too */
#define MOST_ITEMS  ((int64_t)1 << 29) /* in all sequences made in one run: a Loop that grows one copies it each time */

/* The values of a schedule while it is executed. */
struct frame {
    const struct schedule *schedule;
    struct array **slots;
    struct frame *outer;
    const struct step *step; /* that runs */
    const struct step *last; /* of those that joined it, or itself */
    struct arena scratch;    /* of its call */
};

/* Initializers of a body, loaded by its first execution for the later ones. */
struct kept {
    const struct schedule *schedule;
    struct array **slots;
    struct kept *next;
};

struct run {
    const struct plan *plan;
    const struct run_options *options;
    struct array_pool *pool;
    struct frame *frame; /* the innermost */
    struct kept *kept;
    struct arena arena;
    int threads;
    struct team *team;
    uint64_t bodies_run;
    int64_t items_made;
};

const struct run_options *run_settings(const struct run *run)
{
    return run->options;
}

uint64_t run_seed(const struct run *run, const struct node *node)
{
    const struct value *output = node_output(node, 0);
    uint64_t seed = seed_for(run->options->random_seed, output ? output->name : "");
    return run->frame->outer ? seed + run->bodies_run * 0x9e3779b97f4a7c15u : seed;
}

/* What loads this value: without noise when it is to stay. */
static struct run_options loading_options(const struct run *run, const struct value *value)
{
    struct run_options options = *run->options;
    options.team = run->team;
    if (options.weight_noise && options.unmoved && value && pointer_map_get(options.unmoved, value))
        options.weight_noise = 0;
    return options;
}

bool run_load(struct run *run, const char *name, const BnfuseOnnx__TensorProto *proto, struct array **array,
              struct bnfuse_error *error)
{
    struct tensor tensor;
    struct run_options options = loading_options(run, node_output(run->frame->step->node, 0));
    return tensor_from_proto(&tensor, &run->frame->scratch, run->plan->net->model, proto, error)
           && load_tensor(array, name, &tensor, &options, error);
}

bool run_load_sparse(struct run *run, const char *name, const BnfuseOnnx__SparseTensorProto *proto,
                     struct array **array, struct bnfuse_error *error)
{
    struct run_options options = loading_options(run, node_output(run->frame->step->node, 0));
    return load_sparse(array, name, proto, run->plan->net->model, &options, &run->frame->scratch, error);
}

static struct frame *frame_enter(struct run *run, const struct schedule *schedule)
{
    struct frame *frame = memory_take(run->options->memory, sizeof *frame);
    *frame = (struct frame){ .schedule = schedule, .outer = run->frame };
    arena_open(&frame->scratch, run->options->memory);
    run->frame = frame;
    frame->slots = memory_take(run->options->memory, (schedule->slot_count + 1) * sizeof(struct array *));
    memset(frame->slots, 0, (schedule->slot_count + 1) * sizeof(struct array *));
    return frame;
}

static void frame_leave(struct run *run)
{
    struct frame *frame = run->frame;
    size_t count = frame->schedule->slot_count;
    run->frame = frame->outer;
    if (frame->slots) {
        for (size_t i = 0; i < count; i++) array_drop(frame->slots[i]);
        memory_give(run->options->memory, frame->slots, (count + 1) * sizeof(struct array *));
    }
    arena_close(&frame->scratch);
    memory_give(run->options->memory, frame, sizeof *frame);
}

static struct kept *kept_of(struct run *run, const struct schedule *schedule)
{
    for (struct kept *kept = run->kept; kept; kept = kept->next)
        if (kept->schedule == schedule) return kept;
    struct kept *kept = NEW(&run->arena, struct kept);
    *kept = (struct kept){ schedule, NEW_ARRAY(&run->arena, struct array *, schedule->slot_count), run->kept };
    run->kept = kept;
    return kept;
}

static bool read_initializer(struct run *run, const struct value *value, struct array **array,
                             struct bnfuse_error *error)
{
    struct run_options options = loading_options(run, value);
    if (value->initializer) return load_tensor(array, value->name, value->initializer, &options, error);
    if (value->sparse)
        return load_sparse(array, value->name, value->sparse, run->plan->net->model, &options, &run->arena, error);
    return true;
}

/* The value's initializer, if it has one; else *array stays NULL (an absent optional). */
static bool load_initializer(struct run *run, const struct value *value, struct array **array,
                             struct bnfuse_error *error)
{
    struct pointer_map *weights = run->options->weights;
    const struct memory *memory = run->options->memory;
    *array = weights ? array_keep(pointer_map_get(weights, value)) : NULL;
    if (*array) return true;
    if (!read_initializer(run, value, array, error)) return false;
    if (weights && *array && (!memory->limit || memory->used < memory->limit / 2)) {
        (*array)->lasts = true;
        pointer_map_set(weights, value, array_keep(*array));
    }
    return true;
}

/* What a slot holds, loading it when it is an initializer's. NULL for an absent optional value. */
static bool fetch(struct run *run, struct frame *frame, size_t slot, struct array **array, struct bnfuse_error *error)
{
    *array = NULL;
    if (slot == NO_SLOT) return true;
    struct array **held = &frame->slots[slot];
    const struct value *value = frame->schedule->values[slot];
    bool is_constant = value_is_stored(value);
    if (!*held && is_constant && frame->outer) {
        struct kept *kept = kept_of(run, frame->schedule);
        if (!kept->slots[slot] && !load_initializer(run, value, &kept->slots[slot], error)) return false;
        *held = array_keep(kept->slots[slot]);
    } else if (!*held && is_constant) {
        if (!load_initializer(run, value, held, error)) return false;
    }
    *array = *held;
    return true;
}

/* A call of the frame's step, without its inputs. */
static struct call open_call(struct run *run, struct bnfuse_error *error)
{
    struct frame *frame = run->frame;
    const struct node *node = frame->step->node;
    struct call call = { .node = load_node(node, run->options, &frame->scratch),
                         .row = node->row,
                         .input_count = node->input_count,
                         .output_count = node->output_count,
                         .exact = run->options->exact,
                         .real = STORE_F64,
                         .simd_row = run->options->simd_row,
                         .threads = run->threads,
                         .team = run->team,
                         .pool = run->pool,
                         .run = run,
                         .scratch = &frame->scratch,
                         .error = error };
    call.inputs = NEW_ARRAY(&frame->scratch, struct array *, node->input_count);
    call.outputs = NEW_ARRAY(&frame->scratch, struct array *, node->output_count);
    return call;
}

/* The inputs as the kernel sees them; each has one owner more, dropped after the call. */
static bool gather_inputs(struct run *run, struct call *call, struct bnfuse_error *error)
{
    const struct step *step = run->frame->step;
    for (size_t i = 0; i < call->input_count; i++) {
        if (!fetch(run, run->frame, step->inputs[i], &call->inputs[i], error)) return false;
        array_keep(call->inputs[i]);
    }
    call->real = call_real_store(call);
    for (size_t i = 0; i < call->input_count; i++) {
        struct array *input = call->inputs[i];
        if (!input || !is_real(input) || input->store == call->real) continue;
        call->inputs[i] = array_stored(input, call->real);
        array_drop(input);
    }
    return true;
}

/* Whether rounding is asked for and touches the value: it is no size, and its node does more than to pass elements
 * on. */
static bool is_rounded(const struct run *run, const struct node *node, const struct value *value)
{
    const struct run_options *options = run->options;
    if (!options->result_noise || (node->row && node->row->passes)) return false;
    return !options->unmoved || !pointer_map_get(options->unmoved, value);
}

static bool store_outputs(struct run *run, struct call *call, struct bnfuse_error *error)
{
    struct frame *frame = run->frame;
    const struct step *step = frame->step;
    for (size_t i = 0; i < call->output_count; i++) {
        if (step->outputs[i] == NO_SLOT) continue;
        size_t slot = i == 0 ? frame->last->outputs[0] : step->outputs[i];
        struct value *value = frame->schedule->values[slot];
        struct array *array = array_settled(call->outputs[i], run->options->exact);
        call->outputs[i] = NULL;
        frame->slots[slot] = array;
        if (array && is_rounded(run, step->node, value)) load_result(array, value->name, run->options);
        if (array && array->store == STORE_SEQUENCE && (run->items_made += array->count) > MOST_ITEMS)
            return fail(error, BNFUSE_UNSUPPORTED, "%s: sequences grow and there is no end of it",
                        node_label(step->node, &frame->scratch));
        if (!frame->outer && array && run->options->observe
            && !run->options->observe(run->options->context, value, array, error))
            return false;
    }
    return true;
}

static bool execute(struct run *run, const struct schedule *schedule, struct array *const *inputs, size_t input_count,
                    struct array **outputs, size_t output_count, struct bnfuse_error *error);

static bool call_body(struct run *run, const struct schedule *schedule, struct array *const *arguments,
                      size_t argument_count, struct array **results, size_t result_count, struct bnfuse_error *error)
{
    if (++run->bodies_run > MOST_BODIES)
        return fail(error, BNFUSE_UNSUPPORTED, "%s: bodies ran %d times and there is no end of it",
                    node_label(run->frame->step->node, &run->frame->scratch), MOST_BODIES);
    if (run->options->enter) run->options->enter(run->options->context, schedule->graph);
    return execute(run, schedule, arguments, argument_count, results, result_count, error);
}

static bool perform(struct run *run, struct call *call, struct bnfuse_error *error)
{
    const struct step *step = run->frame->step;
    if (!gather_inputs(run, call, error)) return false;
    call_meter(call, call->inputs, call->input_count);
    bool good = !step->function ? complex_run(call)
                                : call_body(run, step->function, call->inputs, call->input_count, call->outputs,
                                            call->output_count, error);
    return good && store_outputs(run, call, error);
}

/* An observer is shown every value, so there each has to be there. */
static bool may_join(const struct run *run)
{
    return run->frame->step->follower && !(run->options->observe && !run->frame->outer);
}

/* Whether the runner would neither round nor convert it before the next step. */
static bool is_settled(const struct array *array, bool exact)
{
    bool is_own = exact || array->type == DTYPE_FLOAT || array->type == DTYPE_DOUBLE;
    return is_real(array) && array->store == store_of(array->type, exact) && is_own;
}

/* The step describes itself to the epilogue, with what `slot` will hold as an input. What keeps it from doing so is its
 * own affair when its turn comes. */
static bool join_step(struct run *run, const struct step *step, struct epilogue *epilogue, size_t slot)
{
    struct frame *frame = run->frame;
    const struct step *leader = frame->step;
    struct bnfuse_error ignored;
    frame->step = step;
    frame->slots[slot] = array_keep(epilogue->to);
    struct call call = open_call(run, &ignored);
    call.joins = epilogue;
    bool joined = gather_inputs(run, &call, &ignored) && call.row->run(&call);
    if (joined) {
        call_meter(&call, call.inputs, call.input_count);
        call_meter(&call, &epilogue->to, 1);
    }
    arrays_drop(call.inputs, call.input_count);
    arrays_drop(&frame->slots[slot], 1);
    frame->step = leader;
    return joined;
}

const struct epilogue *run_epilogue(struct call *call, struct array *output)
{
    struct epilogue *epilogue = call->epilogue;
    if (!epilogue || epilogue->node != call->node || !is_settled(output, call->exact)) return NULL;
    struct frame *frame = call->run->frame;
    epilogue->to = output;
    while (frame->last->follower && join_step(call->run, frame->last->follower, epilogue, frame->last->outputs[0]))
        frame->last = frame->last->follower;
    return epilogue->passes ? epilogue : NULL;
}

static bool run_step(struct run *run, const struct step *step, struct bnfuse_error *error)
{
    struct frame *frame = run->frame;
    struct epilogue epilogue;
    frame->step = frame->last = step;
    struct call call = open_call(run, error);
    epilogue_open(&epilogue, call.node);
    if (may_join(run)) call.epilogue = &epilogue;
    bool good = perform(run, &call, error);
    epilogue_close(&epilogue);
    arrays_drop(call.inputs, call.input_count);
    arrays_drop(call.outputs, call.output_count);
    arena_clear(&frame->scratch);
    return good;
}

static void release(struct frame *frame, const struct step *step)
{
    for (size_t i = 0; i < step->release_count; i++) {
        array_drop(frame->slots[step->release[i]]);
        frame->slots[step->release[i]] = NULL;
    }
}

static bool run_steps(struct run *run, struct array *const *inputs, size_t input_count, struct array **outputs,
                      size_t output_count, struct bnfuse_error *error)
{
    struct frame *frame = run->frame;
    const struct schedule *schedule = frame->schedule;
    for (size_t i = 0; i < schedule->input_count && i < input_count; i++) {
        array_drop(frame->slots[schedule->inputs[i]]);
        frame->slots[schedule->inputs[i]] = array_keep(inputs[i]);
    }
    for (size_t i = 0; i < schedule->capture_count; i++) {
        struct array *outer;
        if (!fetch(run, frame->outer, schedule->captures[i].outer, &outer, error)) return false;
        frame->slots[schedule->captures[i].slot] = array_keep(outer);
    }
    for (size_t i = 0; i < schedule->step_count; i++) {
        const struct step *step = schedule->steps[i];
        if (!run_step(run, step, error)) return false;
        release(frame, step);
        /* What has joined the step is done with it. */
        for (; step != frame->last; step = schedule->steps[++i]) release(frame, schedule->steps[i + 1]);
    }
    for (size_t i = 0; i < output_count; i++) {
        struct array *array = NULL;
        if (i < schedule->output_count && !fetch(run, frame, schedule->outputs[i], &array, error)) return false;
        outputs[i] = array_keep(array);
    }
    return true;
}

/* outputs[] must be NULL before; what it holds after a failure is the caller's to drop. */
static bool execute(struct run *run, const struct schedule *schedule, struct array *const *inputs, size_t input_count,
                    struct array **outputs, size_t output_count, struct bnfuse_error *error)
{
    frame_enter(run, schedule);
    bool good = run_steps(run, inputs, input_count, outputs, output_count, error);
    frame_leave(run);
    return good;
}

bool run_body(struct run *run, struct graph *body, struct array *const *arguments, size_t argument_count,
              struct array **results, size_t result_count, struct bnfuse_error *error)
{
    const struct step *step = run->frame->step;
    memset(results, 0, result_count * sizeof *results);
    for (size_t i = 0; i < step->node->inner_count; i++) {
        if (step->node->inner[i] != body) continue;
        if (call_body(run, step->bodies[i], arguments, argument_count, results, result_count, error)) return true;
        arrays_drop(results, result_count);
        return false;
    }
    return fail(error, BNFUSE_INTERNAL, "%s: a body that is not its own", node_label(step->node, &run->frame->scratch));
}

struct run_call {
    struct run *run;
    struct array *const *inputs;
    struct array **outputs;
    bool returned;           /* and did not leave through the recovery point */
    const struct node *node; /* that ran when memory ran out */
};

static bool run_guarded(void *context, struct bnfuse_error *error)
{
    struct run_call *call = context;
    const struct schedule *schedule = call->run->plan->schedule;
    call->run->team =
        call->run->options->team ? call->run->options->team : team_open(&call->run->arena, call->run->threads);
    bool good =
        execute(call->run, schedule, call->inputs, schedule->input_count, call->outputs, schedule->output_count, error);
    call->returned = true;
    return good;
}

/* A budget that ran out, under the name of the node that wanted more. The model is too large for it, which is no fault
 * of the program. */
static bool name_exhausted(void *context, struct bnfuse_error *error)
{
    struct run_call *call = context;
    char why[sizeof error->message];
    snprintf(why, sizeof why, "%s", error->message);
    return fail(error, BNFUSE_UNSUPPORTED, "%s: %s", node_label(call->node, &call->run->arena), why);
}

/* The innermost frame may not have come to a step yet. */
static const struct node *running_node(const struct run *run)
{
    for (const struct frame *frame = run->frame; frame; frame = frame->outer)
        if (frame->step) return frame->step->node;
    return NULL;
}

/* Guarded, so that frames and scratch are gone whichever way a run ends. */
bool plan_run(const struct plan *plan, const struct run_options *options, struct array *const *inputs,
              struct array **outputs, struct bnfuse_error *error)
{
    struct run run = { .plan = plan, .options = options, .pool = options->pool };
    struct run_call call = { .run = &run, .inputs = inputs, .outputs = outputs };
    run.threads = options->team          ? team_members(options->team)
                  : options->threads > 0 ? options->threads
                                         : platform_processors();
    arena_open(&run.arena, options->memory);
    memset(outputs, 0, plan->schedule->output_count * sizeof *outputs);

    bool good = guarded(options->memory, run_guarded, &call, error);

    call.node = running_node(&run);
    while (run.frame) frame_leave(&run);
    bool is_budget = !good && !call.returned && options->memory->spent != SPENT_MACHINE;
    if (is_budget && call.node && error) guarded(options->memory, name_exhausted, &call, error);
    for (struct kept *kept = run.kept; kept; kept = kept->next) arrays_drop(kept->slots, kept->schedule->slot_count);
    if (!good) arrays_drop(outputs, plan->schedule->output_count);
    arena_close(&run.arena);
    if (!good && !is_budget) memory_require_machine(options->memory);
    return good;
}
