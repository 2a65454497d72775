/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: a model runs on random inputs, in double and in its own types. Every value that it computes has the
 * type that was inferred. */
#include "check/input.h"
#include "fuzz/fuzz.h"
#include "onnx/graph/index.h"
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

/* What a run is given: random data for each input that has no initializer. */
struct given {
    struct value **values;
    struct datum *data;
    size_t count;
};

static bool choose_inputs(const struct net *net, struct given *given, struct arena *arena, struct bnfuse_error *error)
{
    static const struct draw draw = { .name = "", .form = DRAW_NORMAL, .scale = 1, .rounds = 2 };
    struct check_options options = { .asked.seed = 1, .asked.threads = 1 };
    struct chooser chooser;
    chooser_open(&chooser, arena, &options, net->symbols, &guesses[0]);
    chooser.draw = &draw;
    *given = (struct given){ NEW_ARRAY(arena, struct value *, net->main->input_count),
                             NEW_ARRAY(arena, struct datum, net->main->input_count), 0 };
    for (size_t i = 0; i < net->main->input_count; i++) {
        struct value *input = net->main->inputs[i];
        if (input->initializer || input->sparse) continue;
        if (!choose_input(&chooser, &given->data[given->count], input, error)) return false;
        given->values[given->count++] = input;
    }
    return true;
}

/* Shapes are no promise where a model is wrong in a way that the kernel takes and the rule does not. */
static bool is_as_inferred(const struct value *value, const struct array *array)
{
    return value->type == DTYPE_UNDEFINED || value->type == array->type;
}

static bool observe(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    (void)context, (void)error;
    REQUIRE(!array || array->store == STORE_SEQUENCE || is_as_inferred(value, array));
    return true;
}

/* What the model declares of values that it computes may be wrong, and is believed where there is no rule. */
static void forget_declarations(const struct net *net)
{
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (const struct node *node = graph->first; node; node = node->next)
            for (size_t i = 0; i < node->output_count; i++)
                if (node->outputs[i]) node->outputs[i]->info = NULL;
}

static bool run_once(struct input *input, const struct net *net, const struct given *given, bool exact,
                     struct bnfuse_error *error)
{
    struct array_pool *pool = NEW(&input->arena, struct array_pool); /* outlives an escape from here */
    const struct graph *graph = net->main;
    struct run_options options = { .exact = exact, .threads = 1, .memory = &input->memory, .pool = pool };
    options.observe = observe;
    struct array **inputs = NEW_ARRAY(&input->arena, struct array *, given->count);
    struct array **outputs = NEW_ARRAY(&input->arena, struct array *, graph->output_count);
    struct plan *plan;
    pool_open(pool, &input->memory);
    arena_defer(&input->arena, (void (*)(void *))pool_close, pool);
    for (size_t i = 0; i < given->count; i++)
        if (!array_from_datum(&inputs[i], &given->data[i], &options, error)) return false;
    return plan_build(&plan, &input->arena, net, given->values, given->count, graph->outputs, graph->output_count,
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
    if (!net_index(&net, &input->arena, &model, error) || !net_validate(&net, error)) return false;
    forget_declarations(&net);
    if (!shape_infer(&net, error)) return false;
    struct given given;
    return choose_inputs(&net, &given, &input->arena, error) && run_once(input, &net, &given, true, error)
           && run_once(input, &net, &given, false, error);
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
