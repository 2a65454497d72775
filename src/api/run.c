/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a model on given inputs. */
#include "api/handles.h"

struct run_call {
    struct bnfuse_model *model;
    const struct bnfuse_tensors *inputs;
    struct bnfuse_tensors *outputs;
    bnfuse_run_options options;
    size_t steps; /* values computed so far, for progress */
    struct array_pool pool;
};

static bool inputs_exist(const struct run_call *call, struct bnfuse_error *error)
{
    for (size_t i = 0; i < call->inputs->count; i++) {
        const struct value *value = graph_value(call->model->after.main, call->inputs->data[i].name);
        if (!value || !value->is_input)
            return fail(error, BNFUSE_USAGE, "%s: has no input \"%s\"", call->model->name, call->inputs->data[i].name);
    }
    return true;
}

static bool is_optional(const struct value *value)
{
    const BnfuseOnnx__TypeProto *type = value_declared(value);
    return type && type->value_case == BNFUSE_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE;
}

/* Fills the given values and their arrays; inputs with an initializer may be left out. */
static bool make_inputs(struct run_call *call, const struct run_options *options, struct value **given,
                        struct array **arrays, size_t *count, struct bnfuse_error *error)
{
    const struct graph *graph = call->model->after.main;
    for (size_t i = 0; i < graph->input_count; i++) {
        struct value *input = graph->inputs[i];
        const struct datum *datum = tensors_find(call->inputs, input->name);
        if (!datum && value_is_stored(input)) continue;
        if (!datum && !is_optional(input))
            return fail(error, BNFUSE_USAGE, "%s: no data for input \"%s\"; give --input %s=FILE", call->model->name,
                        input->name, input->name);
        given[*count] = input;
        if (datum && !array_from_datum(&arrays[*count], datum, options, error)) return false;
        ++*count;
    }
    return true;
}

static void close_pool(void *pool)
{
    pool_close(pool);
}

/* The outputs draw on a budget of their own, for they outlive the model. */
struct copy_call {
    struct bnfuse_tensors *to;
    const struct graph *graph;
    struct array **from;
};

static bool copy_outputs(void *context, struct bnfuse_error *error)
{
    struct copy_call *call = context;
    (void)error;
    for (size_t i = 0; i < call->graph->output_count; i++) {
        const char *name = call->graph->outputs[i]->name;
        struct datum datum;
        datum_from_array(&datum, &call->to->arena, name, call->from[i]);
        tensors_append(call->to, name, &datum);
    }
    return true;
}

static bool report_progress(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    struct run_call *call = context;
    (void)value, (void)array;
    size_t all = call->model->after.main->node_count, done = call->steps < all ? call->steps++ : all;
    return call->options.progress(call->options.context, all ? (double)done / (double)all : 1)
           || fail(error, BNFUSE_CANCELLED, "the run was cancelled");
}

static bool run_model(struct run_call *call, struct arena *arena, struct bnfuse_error *error)
{
    const struct graph *graph = call->model->after.main;
    struct run_options options = { .exact = call->options.exact,
                                   .threads = call->options.threads,
                                   .memory = &call->model->memory,
                                   .pool = &call->pool,
                                   .random_seed = call->options.seed,
                                   .observe = call->options.progress ? report_progress : NULL,
                                   .context = call };
    struct value **given = NEW_ARRAY(arena, struct value *, graph->input_count);
    struct array **inputs = NEW_ARRAY(arena, struct array *, graph->input_count);
    struct array **outputs = NEW_ARRAY(arena, struct array *, graph->output_count);
    struct plan *plan;
    size_t count = 0;
    if (!inputs_exist(call, error) || !make_inputs(call, &options, given, inputs, &count, error)
        || !plan_build(&plan, arena, &call->model->after, given, count, graph->outputs, graph->output_count, error)
        || !plan_run(plan, &options, inputs, outputs, error))
        return false;
    const struct memory *memory = &call->model->memory;
    if (memory->limit)
        bnfuse_tensors_limit(call->outputs, memory->limit > memory->used ? memory->limit - memory->used : 1);
    struct copy_call copy = { call->outputs, graph, outputs };
    return guarded(&call->outputs->memory, copy_outputs, &copy, error);
}

struct guarded_run {
    struct run_call *call;
    struct arena arena;
};

static bool run_in_arena(void *context, struct bnfuse_error *error)
{
    struct guarded_run *run = context;
    pool_open(&run->call->pool, &run->call->model->memory);
    arena_defer(&run->arena, close_pool, &run->call->pool);
    return run_model(run->call, &run->arena, error);
}

static bool run_into(struct run_call *call, struct bnfuse_error *error)
{
    struct guarded_run run = { .call = call };
    arena_open(&run.arena, &call->model->memory);
    const size_t held = tensors_bytes(&call->inputs, 1);
    call->model->memory.used += held;
    bool ran = guarded(&call->model->memory, run_in_arena, &run, error);
    call->model->memory.used -= held;
    arena_close(&run.arena);
    return error_with_name(call->model, ran, error);
}

bnfuse_tensors *bnfuse_run(bnfuse_model *model, const bnfuse_tensors *inputs, const bnfuse_run_options *options,
                           bnfuse_error *error)
{
    static const struct bnfuse_tensors none = { .count = 0 };
    struct run_call call = { .model = model, .inputs = inputs ? inputs : &none };
    bnfuse_run_options_init(&call.options);
    if (is_unfit(model, "model", error) || !options_take(&call.options, sizeof call.options, options, error)
        || threads_are_negative(call.options.threads, error))
        return NULL;
    if (call.inputs->count) limit_widen(model);
    call.outputs = bnfuse_tensors_new();
    if (!call.outputs) fail(error, BNFUSE_INTERNAL, "%s: out of memory", model->name);
    if (call.outputs && run_into(&call, error)) return call.outputs;
    bnfuse_tensors_free(call.outputs);
    return NULL;
}
