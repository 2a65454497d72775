/* SPDX-License-Identifier: Apache-2.0
 *
 * Shape inference against the truth: ONNX's own tests and real models are run, and every value of the main graph must
 * have the type, dims and elements that were inferred, with one size to a symbol. Models that the runtime cannot run
 * are held against their stored outputs only. */
#include "io/npy.h"
#include "io/pb.h"
#include "onnx/graph/index.h"
#include "runtime/run.h"
#include "shapes.h"

#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define MAX_INPUTS 1024

/* Over one model. */
struct truth {
    struct arena arena;
    struct model model;
    struct net net;
    struct array_pool pool;
    const char *path;
    struct shapes shapes;
};

/* Over all models. */
struct tally {
    size_t models, ran, values, ranked, sizes, elements, contradictory;
};

static struct memory memory;
static struct tally tally;

/* Loading */

static const char *join(struct truth *truth, const char *directory, const char *name)
{
    return arena_printf(&truth->arena, "%s/%s", directory, name);
}

static bool exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

static bool read_pb(struct truth *truth, const char *path, struct value *value, struct datum *datum)
{
    struct bnfuse_error error;
    return exists(path) && pb_read(datum, &truth->arena, path, value->info ? value->info->type : NULL, &error);
}

static void check_outputs(struct truth *truth, const char *directory)
{
    const struct graph *graph = truth->net.main;
    for (size_t i = 0; i < graph->output_count; i++) {
        struct datum datum;
        const char *path = arena_printf(&truth->arena, "%s/output_%zu.pb", directory, i);
        if (!read_pb(truth, path, graph->outputs[i], &datum) || datum.form != FORM_TENSOR) continue;
        shapes_see_dims(&truth->shapes, graph->outputs[i], datum.tensor.type, datum.tensor.rank, datum.tensor.dims);
    }
}

static void run_model(struct truth *truth, struct value **given, struct array **inputs, size_t count)
{
    struct graph *graph = truth->net.main;
    struct plan *plan;
    struct bnfuse_error error;
    if (!plan_build(&plan, &truth->arena, &truth->net, given, count, graph->outputs, graph->output_count, &error))
        return;
    struct array **outputs = NEW_ARRAY(&truth->arena, struct array *, graph->output_count);
    struct run_options options = {
        .memory = &memory, .pool = &truth->pool, .observe = shapes_observe, .context = &truth->shapes, .threads = 1
    };
    if (plan_run(plan, &options, inputs, outputs, &error)) tally.ran++;
}

static struct array *to_array(struct truth *truth, const struct datum *datum)
{
    struct run_options options = { .memory = &memory, .pool = &truth->pool };
    struct array *array = NULL;
    struct bnfuse_error error;
    if (!array_from_datum(&array, datum, &options, &error)) fail_msg("%s: %s", truth->path, error.message);
    return array;
}

/* ONNX's own layout: input_i.pb is for input i of the graph. */
static void check_data_set(struct truth *truth, const char *directory)
{
    struct graph *graph = truth->net.main;
    struct value *given[MAX_INPUTS];
    struct array *inputs[MAX_INPUTS];
    size_t count = 0;
    check_outputs(truth, directory);
    for (size_t i = 0; i < graph->input_count && i < MAX_INPUTS; i++) {
        struct datum datum;
        const char *path = arena_printf(&truth->arena, "%s/input_%zu.pb", directory, i);
        if (!read_pb(truth, path, graph->inputs[i], &datum)) continue;
        given[count] = graph->inputs[i];
        inputs[count++] = to_array(truth, &datum);
    }
    run_model(truth, given, inputs, count);
}

/* Real models: NumPy files, with their names listed beside them or in the order of the inputs. */
static void check_npy(struct truth *truth, const char *directory)
{
    struct value *given[MAX_INPUTS];
    struct array *inputs[MAX_INPUTS];
    size_t count = 0;
    json_t *list = json_load_file(join(truth, directory, "inputs.json"), 0, NULL);
    for (; count < MAX_INPUTS; count++) {
        struct bnfuse_error error;
        struct datum datum = { .form = FORM_TENSOR };
        const char *path = arena_printf(&truth->arena, "%s/input_%zu.npy", directory, count);
        const char *name = json_string_value(json_object_get(json_array_get(list, count), "name"));
        if (!exists(path)) break;
        given[count] = name ? graph_value(truth->net.main, name) : truth->net.main->inputs[count];
        if (!npy_read(&datum.tensor, &truth->arena, path, &error)) fail_msg("%s: %s", path, error.message);
        inputs[count] = to_array(truth, &datum);
    }
    json_decref(list);
    run_model(truth, given, inputs, count);
}

static bool check_model(void *context, struct bnfuse_error *error)
{
    struct truth *truth = context;
    if (!model_load(&truth->model, &truth->arena, truth->path, error)
        || !net_index(&truth->net, &truth->arena, &truth->model, error) || !shape_infer(&truth->net, error))
        return false;
    tally.models++;
    char *directory = arena_copy_text(&truth->arena, truth->path);
    *strrchr(directory, '/') = 0;
    const char *set = join(truth, directory, "test_data_set_0");
    char *beside = arena_copy_text(&truth->arena, truth->path);
    strcpy(strrchr(beside, '.'), ".io");
    if (exists(set)) check_data_set(truth, set);
    else check_npy(truth, exists(beside) ? beside : directory);
    return true;
}

static void check_path(const char *path)
{
    struct truth truth = { .path = path };
    struct bnfuse_error error = { 0 };
    arena_open(&truth.arena, &memory);
    truth.shapes.arena = &truth.arena;
    pool_open(&truth.pool, &memory);
    if (!guarded(&memory, check_model, &truth, &error)) print_message("%s: %s\n", path, error.message);
    if (truth.shapes.contradictions) print_message("%s: %s\n", path, truth.shapes.first);
    tally.values += truth.shapes.values;
    tally.ranked += truth.shapes.ranked;
    tally.sizes += truth.shapes.compared;
    tally.elements += truth.shapes.elements;
    tally.contradictory += truth.shapes.contradictions != 0;
    pool_close(&truth.pool);
    arena_close(&truth.arena);
}

static void check_tree(const char *directory)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char *path;
        const char *name = entries[i]->d_name, *suffix = strrchr(name, '.');
        if (asprintf(&path, "%s/%s", directory, name) < 0) fail();
        if (name[0] != '.' && entries[i]->d_type == DT_DIR) check_tree(path);
        else if (suffix && strcmp(suffix, ".onnx") == 0) check_path(path);
        free(path);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
}

static void check_shared(const char *directory, size_t least)
{
    const char *shared = getenv("BNFUSE_SHARED");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", shared ? shared : ".", directory);
    if (!exists(path)) {
        print_message("%s is not there: skipped\n", path);
        skip();
    }
    tally = (struct tally){ 0 };
    check_tree(path);
    print_message("%zu models, %zu run; of %zu values %zu with their rank; %zu sizes and %zu elements compared\n",
                  tally.models, tally.ran, tally.values, tally.ranked, tally.sizes, tally.elements);
    assert_true(tally.models >= least);
    assert_int_equal(tally.contradictory, 0);
}

static void values_of_real_models_have_the_shapes_inferred(void **state)
{
    (void)state;
    check_shared("models", 30);
}

static void values_of_the_tests_of_onnx_have_the_shapes_inferred(void **state)
{
    (void)state;
    check_shared("onnx-suite", 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_real_models_have_the_shapes_inferred),
        cmocka_unit_test(values_of_the_tests_of_onnx_have_the_shapes_inferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
