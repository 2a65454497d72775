/* SPDX-License-Identifier: Apache-2.0
 *
 * Every model of models/, and some real ones where they are, gives the same bits with one, two and four threads, and
 * with every instruction set that the processor has. */
#include "check/input.h"
#include "check/session.h"
#include "onnx/graph/index.h"
#include "onnx/shape/infer.h"
#include "runtime/math/simd.h"
#include "runtime/run.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct subject {
    struct memory memory;
    struct arena arena;
    struct array_pool pool;
    struct model model;
    struct net net;
    struct plan *plan;
    struct array **inputs, **first, **outputs;
    const char *path;
    bool ran;
};

static size_t models_run;

static bool choose_inputs(struct subject *s, const struct guess *guess, struct bnfuse_error *error)
{
    static const struct draw draw = { .scale = 1, .rounds = 2 };
    const struct graph *graph = s->net.main;
    struct check_options options = { .asked.seed = 1, .memory = &s->memory };
    struct run_options run = { .pool = &s->pool, .memory = &s->memory };
    struct chooser chooser;
    chooser_open(&chooser, &s->arena, &options, s->net.symbols, guess);
    chooser.draw = &draw;
    for (size_t i = 0; i < graph->input_count; i++) {
        struct datum datum;
        if (graph->inputs[i]->initializer) continue;
        if (!choose_input(&chooser, &datum, graph->inputs[i], error)) return false;
        if (datum.form != FORM_ABSENT && !array_from_datum(&s->inputs[i], &datum, &run, error)) return false;
    }
    return true;
}

static bool run_with(struct subject *s, bool exact, int row, int threads, struct array **outputs,
                     struct bnfuse_error *error)
{
    struct run_options options = {
        .exact = exact, .simd_row = row, .threads = threads, .memory = &s->memory, .pool = &s->pool, .random_seed = 1
    };
    struct array **inputs = NEW_ARRAY(&s->arena, struct array *, s->net.main->input_count);
    for (size_t i = 0; i < s->net.main->input_count; i++)
        if (s->inputs[i]) inputs[i] = array_stored(s->inputs[i], store_of(s->inputs[i]->type, exact));
    bool good = plan_run(s->plan, &options, inputs, outputs, error);
    arrays_drop(inputs, s->net.main->input_count);
    return good;
}

/* Of NaN, the sign is the processor's. */
static bool same_element(const struct array *a, const struct array *b, int64_t i)
{
    if (a->store == STORE_F32)
        return memcmp(a->f32 + i, b->f32 + i, sizeof *a->f32) == 0
               || (a->f32[i] != a->f32[i] && b->f32[i] != b->f32[i]);
    if (a->store == STORE_F64)
        return memcmp(a->f64 + i, b->f64 + i, sizeof *a->f64) == 0
               || (a->f64[i] != a->f64[i] && b->f64[i] != b->f64[i]);
    return a->store != STORE_I64 || a->i64[i] == b->i64[i];
}

static void expect_same(const struct subject *s, const char *how)
{
    for (size_t o = 0; o < s->net.main->output_count; o++) {
        const struct array *a = s->first[o], *b = s->outputs[o];
        assert_int_equal(a != NULL, b != NULL);
        if (!a) continue;
        assert_true(a->store == b->store && a->count == b->count);
        for (int64_t i = 0; i < a->count; i++)
            if (!same_element(a, b, i)) fail_msg("%s, output %zu, element %lld: %s", s->path, o, (long long)i, how);
    }
}

static bool try_all(void *context, struct bnfuse_error *error)
{
    static const int threads[] = { 2, 4 };
    struct subject *s = context;
    const struct graph *graph;
    if (!model_load(&s->model, &s->arena, s->path, error) || !net_index(&s->net, &s->arena, &s->model, error)
        || !shape_infer(&s->net, error))
        return false;
    graph = s->net.main;
    s->inputs = NEW_ARRAY(&s->arena, struct array *, graph->input_count);
    s->first = NEW_ARRAY(&s->arena, struct array *, graph->output_count);
    s->outputs = NEW_ARRAY(&s->arena, struct array *, graph->output_count);
    if (!choose_inputs(s, &guesses[0], error)
        || !plan_build(&s->plan, &s->arena, &s->net, graph->inputs, graph->input_count, graph->outputs,
                       graph->output_count, error))
        return false;
    for (int exact = 0; exact < 2; exact++) {
        if (!run_with(s, exact, 0, 1, s->first, error)) return false;
        for (int row = 1; row < simd_row_count(); row++) {
            assert_true(run_with(s, exact, row, 1, s->outputs, error));
            expect_same(s, simd_for(STORE_F32, row)->name);
            arrays_drop(s->outputs, graph->output_count);
        }
        for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
            assert_true(run_with(s, exact, 0, threads[i], s->outputs, error));
            expect_same(s, threads[i] == 2 ? "2 threads" : "4 threads");
            arrays_drop(s->outputs, graph->output_count);
        }
        arrays_drop(s->first, graph->output_count);
    }
    return s->ran = true;
}

static void try_model(const char *folder, const char *name)
{
    char path[4096];
    struct bnfuse_error error = { 0 };
    snprintf(path, sizeof path, "%s/%s", folder, name);
    struct subject s = { .path = path };
    arena_open(&s.arena, &s.memory);
    pool_open(&s.pool, &s.memory);
    guarded(&s.memory, try_all, &s, &error);
    models_run += s.ran;
    pool_close(&s.pool);
    arena_close(&s.arena);
}

static void models_give_the_same_bits(void **state)
{
    (void)state;
    const char *folder = getenv("BNFUSE_MODELS");
    DIR *directory = folder ? opendir(folder) : NULL;
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        if (strlen(entry->d_name) > 5
            && strcmp(strrchr(entry->d_name, '.') ? strrchr(entry->d_name, '.') : "", ".onnx") == 0)
            try_model(folder, entry->d_name);
    closedir(directory);
    print_message("%zu models\n", models_run);
    assert_true(models_run > 50);
}

/* Recurrence, attention, depthwise and strided convolutions, large products: work enough for several threads. */
static void real_models_give_the_same_bits(void **state)
{
    static const char *const names[] = { "fastestdet.onnx", "silero_vad.onnx", "tract_byte_sb_bidi_lstm.onnx",
                                         "dronet.onnx" };
    (void)state;
    const char *shared = getenv("BNFUSE_SHARED");
    char folder[2048];
    snprintf(folder, sizeof folder, "%s/models/real", shared ? shared : "");
    size_t before = models_run;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) try_model(folder, names[i]);
    print_message("%zu real models\n", models_run - before);
    if (models_run == before) skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_give_the_same_bits),
        cmocka_unit_test(real_models_give_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
