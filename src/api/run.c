/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a model on given inputs. */
#include "api/handles.h"

struct run_call {
    struct bnfuse_model *model;
    const struct bnfuse_tensors *inputs;
    struct bnfuse_tensors *outputs;
    bool exact;
    int threads;
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
    const BnfuseOnnx__TypeProto *type = type_of(value);
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
        if (!datum && (input->initializer || input->sparse)) continue;
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
        struct datum *datum = tensors_add(call->to, call->graph->outputs[i]->name);
        datum_from_array(datum, &call->to->arena, datum->name, call->from[i]);
    }
    return true;
}

static bool run_model(struct run_call *call, struct arena *arena, struct bnfuse_error *error)
{
    const struct graph *graph = call->model->after.main;
    struct run_options options = { .exact = call->exact,
                                   .threads = call->threads,
                                   .memory = &call->model->memory,
                                   .pool = &call->pool,
                                   .random_seed = 1 };
    struct value **given = NEW_ARRAY(arena, struct value *, graph->input_count);
    struct array **inputs = NEW_ARRAY(arena, struct array *, graph->input_count);
    struct array **outputs = NEW_ARRAY(arena, struct array *, graph->output_count);
    struct plan *plan;
    size_t count = 0;
    if (!inputs_exist(call, error) || !make_inputs(call, &options, given, inputs, &count, error)
        || !plan_build(&plan, arena, &call->model->after, given, count, graph->outputs, graph->output_count, error)
        || !plan_run(plan, &options, inputs, outputs, error))
        return false;
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

bnfuse_tensors *bnfuse_run(bnfuse_model *model, const bnfuse_tensors *inputs, bool exact, int threads,
                           bnfuse_error *error)
{
    struct run_call call = {
        .model = model, .inputs = inputs, .outputs = bnfuse_tensors_new(), .exact = exact, .threads = threads
    };
    struct guarded_run run = { .call = &call };
    if (!call.outputs) {
        fail(error, BNFUSE_INTERNAL, "%s: out of memory", model->name);
        return NULL;
    }
    arena_open(&run.arena, &model->memory);
    bool ran = guarded(&model->memory, run_in_arena, &run, error);
    arena_close(&run.arena);
    if (error_with_name(model, ran, error)) return call.outputs;
    bnfuse_tensors_free(call.outputs);
    return NULL;
}
