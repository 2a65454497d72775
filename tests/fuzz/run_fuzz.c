/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: a model runs on random inputs, in double and in its own types. What shape inference promised of a value
 * holds of every value that a run computes. */
#include "check/input.h"
#include "fuzz/fuzz.h"
#include "onnx/graph/validate.h"
#include "onnx/shape/infer.h"
#include "runtime/run.h"

const size_t fuzz_prefix = 0;

#define WORK (WORK_SECOND / 1000)
enum { MEMORY = 64 << 20 };

struct input {
    struct memory memory;
    struct arena arena;
    const uint8_t *bytes;
    size_t size;
};

static bool choose_inputs(const struct net *net, struct datum *data, struct arena *arena, struct bnfuse_error *error)
{
    static const struct draw draw = { .name = "", .form = DRAW_NORMAL, .scale = 1, .rounds = 2 };
    struct check_options options = { .seed = 1, .threads = 1 };
    struct chooser chooser;
    chooser_open(&chooser, arena, &options, &guesses[0]);
    chooser.draw = &draw;
    for (size_t i = 0; i < net->main->input_count; i++)
        if (!choose_input(&chooser, &data[i], net->main->inputs[i], error)) return false;
    return true;
}

static bool observe(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    const struct shape *shape = &value->shape;
    (void)context, (void)error;
    if (!array || array->store == STORE_SEQUENCE || shape->rank < 0) return true;
    REQUIRE(value->type == DTYPE_UNDEFINED || value->type == array->type);
    REQUIRE(shape->rank == array->rank);
    for (int i = 0; i < shape->rank; i++) REQUIRE(shape->dims[i].size < 0 || shape->dims[i].size == array->dims[i]);
    return true;
}

static bool run_once(struct input *input, const struct net *net, const struct datum *data, bool exact,
                     struct bnfuse_error *error)
{
    struct array_pool *pool = NEW(&input->arena, struct array_pool); /* outlives an escape from here */
    const struct graph *graph = net->main;
    struct run_options options = { .exact = exact, .threads = 1, .memory = &input->memory, .pool = pool };
    options.observe = observe;
    struct array **inputs = NEW_ARRAY(&input->arena, struct array *, graph->input_count);
    struct array **outputs = NEW_ARRAY(&input->arena, struct array *, graph->output_count);
    struct plan *plan;
    pool_open(pool, &input->memory);
    arena_defer(&input->arena, (void (*)(void *))pool_close, pool);
    for (size_t i = 0; i < graph->input_count; i++)
        if (!array_from_datum(&inputs[i], &data[i], &options, error)) return false;
    return plan_build(&plan, &input->arena, net, graph->inputs, graph->input_count, graph->outputs, graph->output_count,
                      error)
           && plan_run(plan, &options, inputs, outputs, error);
}

static bool run(void *context, struct bnfuse_error *error)
{
    struct input *input = context;
    struct model model;
    struct net net;
    if (!model_read(&model, &input->arena, "input", input->bytes, input->size, error)) return false;
    model.opener = (struct opener){ fuzz_find_data, NULL };
    if (!net_index(&net, &input->arena, &model, error) || !net_validate(&net, error) || !shape_infer(&net, error))
        return false;
    struct datum *data = NEW_ARRAY(&input->arena, struct datum, net.main->input_count);
    return choose_inputs(&net, data, &input->arena, error) && run_once(input, &net, data, true, error)
           && run_once(input, &net, data, false, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = { .memory = { .limit = MEMORY, .work_limit = WORK }, .bytes = bytes, .size = size };
    struct bnfuse_error error = { .status = BNFUSE_OK };
    arena_open(&input.arena, &input.memory);
    if (!guarded(&input.memory, run, &input, &error)) REQUIRE(error.status != BNFUSE_OK && *error.message);
    arena_close(&input.arena);
    REQUIRE(input.memory.used == 0);
    return 0;
}
