/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_runtime MODEL INPUT.npy [THREADS]: milliseconds of a run of the whole graph in the model's own types and in
 * double, the best of ten. The model has one input. (runtime.mjs measures the same in ONNX Runtime.) */
#include "io/datum.h"
#include "io/npy.h"
#include "onnx/graph/index.h"
#include "runtime/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS 10

struct bench {
    const char *model, *input;
    int threads;
    struct memory memory;
    struct arena arena;
    struct array_pool pool;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct value *only_input(const struct graph *graph)
{
    for (size_t i = 0; i < graph->input_count; i++)
        if (!graph->inputs[i]->initializer) return graph->inputs[i];
    return NULL;
}

static bool time_runs(struct bench *b, const struct plan *plan, const struct graph *graph, bool exact, double *best,
                      struct bnfuse_error *error)
{
    struct datum datum = { .form = FORM_TENSOR };
    struct pointer_map weights = { .arena = &b->arena };
    struct run_options options = {
        .exact = exact, .threads = b->threads, .memory = &b->memory, .pool = &b->pool, .weights = &weights
    };
    struct array *input, **outputs = NEW_ARRAY(&b->arena, struct array *, graph->output_count);
    if (!npy_read(&datum.tensor, &b->arena, b->input, error) || !array_from_datum(&input, &datum, &options, error))
        return false;
    *best = 1e9;
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        if (!plan_run(plan, &options, &input, outputs, error)) return false;
        double taken = now() - start;
        if (taken < *best) *best = taken;
        for (size_t o = 0; o < graph->output_count; o++) array_drop(outputs[o]);
    }
    array_drop(input);
    return true;
}

static bool run_all(void *context, struct bnfuse_error *error)
{
    struct bench *b = context;
    struct model model;
    struct net net = { .model = NULL };
    struct plan *plan;
    double best[2];
    if (!model_load(&model, &b->arena, b->model, error) || !net_index(&net, &b->arena, &model, error)) return false;
    struct value *input = only_input(net.main);
    if (!input) return fail(error, BNFUSE_USAGE, "%s has no input", b->model);
    if (!plan_build(&plan, &b->arena, &net, &input, 1, net.main->outputs, net.main->output_count, error)) return false;
    for (int exact = 0; exact < 2; exact++)
        if (!time_runs(b, plan, net.main, exact, &best[exact], error)) return false;
    printf("%s: %.2f ms, in double %.2f ms\n", b->model, best[0] * 1e3, best[1] * 1e3);
    return true;
}

int main(int count, char **arguments)
{
    if (count < 3) {
        fprintf(stderr, "usage: bench_runtime MODEL INPUT.npy [THREADS]\n");
        return 2;
    }
    struct bench b = { .model = arguments[1], .input = arguments[2], .threads = count > 3 ? atoi(arguments[3]) : 0 };
    struct bnfuse_error error = { 0 };
    arena_open(&b.arena, &b.memory);
    pool_open(&b.pool, &b.memory);
    bool good = guarded(&b.memory, run_all, &b, &error);
    if (!good) fprintf(stderr, "%s\n", error.message);
    pool_close(&b.pool);
    arena_close(&b.arena);
    return good ? 0 : 1;
}
