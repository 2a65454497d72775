/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators, and the passes, under models that lie. ONNX's own operator tests are bent at random: attributes changed
 * or removed, inputs left out, given other types, dims or indices. Whatever comes of it, an answer or an error, no
 * memory is misused (the sanitizers watch), nothing hangs, and all memory is given back. What was valid stays so.
 *
 * Arguments: how often each model is bent, then parts of the names of those to try. */
#include "io/pb.h"
#include "onnx/graph/graph.h"
#include "onnx/graph/index.h"
#include "onnx/graph/print.h"
#include "onnx/graph/validate.h"
#include "passes/passes.h"
#include "runtime/run.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define MEMORY_LIMIT ((size_t)64 << 20)
#define SECONDS      120 /* for one run: SIGPROF ends the test */

static int argument_count;
static char **arguments;

struct trial {
    const char *folder;
    uint64_t state;
    struct memory memory;
    struct arena arena;
    struct array_pool pool;
    bool exact;
};

static uint64_t next_random(struct trial *trial)
{
    trial->state = trial->state * 6364136223846793005u + 1442695040888963407u;
    return trial->state >> 33;
}

static int64_t below(struct trial *trial, size_t count)
{
    return (int64_t)(next_random(trial) % count);
}

static int64_t odd_number(struct trial *trial)
{
    static const int64_t numbers[] = { 0,     1,         -1,        2,         3,         -2,
                                       5,     7,         16,        100,       -100,      1000,
                                       65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, (int64_t)1 << 40 };
    return numbers[below(trial, sizeof numbers / sizeof *numbers)];
}

static void bend_attribute(struct trial *trial, BnfuseOnnx__AttributeProto *attribute)
{
    static char *const words[] = { "", "none", "SAME_UPPER", "reflect", "bogus", "linear", "mean" };
    if (attribute->n_ints > 0 && below(trial, 3) == 0) attribute->n_ints--;
    else if (attribute->n_ints > 0) attribute->ints[below(trial, attribute->n_ints)] = odd_number(trial);
    else if (attribute->n_floats > 0 && below(trial, 3) == 0) attribute->n_floats--;
    else if (attribute->n_floats > 0) attribute->floats[below(trial, attribute->n_floats)] = (float)odd_number(trial);
    else if (attribute->s.len > 0) {
        char *word = words[below(trial, sizeof words / sizeof *words)];
        attribute->s = (ProtobufCBinaryData){ strlen(word), (uint8_t *)word };
    } else {
        attribute->i = odd_number(trial);
        attribute->f = (float)attribute->i;
    }
}

static void bend_node(struct trial *trial, BnfuseOnnx__NodeProto *node)
{
    if (node->n_attribute > 0 && below(trial, 2) == 0) {
        size_t which = (size_t)below(trial, node->n_attribute);
        if (below(trial, 4) == 0) node->attribute[which] = node->attribute[--node->n_attribute];
        else bend_attribute(trial, node->attribute[which]);
    }
    if (node->n_input > 0 && below(trial, 8) == 0) node->input[below(trial, node->n_input)] = "";
    if (node->n_input > 0 && below(trial, 12) == 0) node->n_input--;
    if (node->n_output > 0 && below(trial, 12) == 0) node->output[below(trial, node->n_output)] = "";
    if (node->n_output > 0 && below(trial, 12) == 0) node->n_output--;
    if (node->n_input > 1 && below(trial, 12) == 0) node->input[0] = node->input[below(trial, node->n_input)];
}

static void set_numbers(struct trial *trial, struct array *array)
{
    for (int64_t i = 0; i < array->count; i++)
        if (array->store == STORE_F32) array->f32[i] = (float)(below(trial, 9) - 4);
        else if (array->store == STORE_F64) array->f64[i] = (double)(below(trial, 9) - 4);
        else if (array->store == STORE_I64) array->i64[i] = below(trial, 4) ? below(trial, 7) - 3 : odd_number(trial);
        else if (array->store == STORE_TEXT) array->text[i] = "text";
    if (array->store == STORE_I64) array_round(array);
}

/* Other dims, or another type, or both. */
static struct array *bent_array(struct trial *trial, struct array *array)
{
    static const enum dtype types[] = { DTYPE_FLOAT, DTYPE_DOUBLE,  DTYPE_INT64,  DTYPE_INT32,  DTYPE_BOOL,
                                        DTYPE_UINT8, DTYPE_FLOAT16, DTYPE_STRING, DTYPE_UINT64, DTYPE_FLOAT8E4M3FN };
    int64_t dims[ARRAY_MAX_RANK];
    int rank = array->rank;
    enum dtype type = array->type;
    memcpy(dims, array->dims, sizeof dims);
    int64_t how = below(trial, 4);
    if (how == 0) type = types[below(trial, sizeof types / sizeof *types)];
    if (how == 1)
        for (int i = rank = (int)below(trial, 6); i > 0; i--) dims[i - 1] = below(trial, 5);
    if (how == 2 && rank > 0) dims[below(trial, (size_t)rank)] = below(trial, 6);
    struct array *bent = array_new(&trial->pool, type, store_of(type, trial->exact), rank, dims);
    set_numbers(trial, bent);
    return bent;
}

static bool load_input(struct trial *trial, const struct value *value, size_t i, const struct run_options *options,
                       struct array **array, struct bnfuse_error *error)
{
    const char *path = arena_printf(&trial->arena, "%s/test_data_set_0/input_%zu.pb", trial->folder, i);
    struct datum datum;
    if (access(path, R_OK) != 0) return true;
    if (!pb_read(&datum, &trial->arena, path, value->info ? value->info->type : NULL, error)
        || !array_from_datum(array, &datum, options, error))
        return false;
    int64_t how = below(trial, 5);
    if (how == 0 && *array && (*array)->store != STORE_SEQUENCE && (*array)->count < 10000)
        *array = bent_array(trial, *array);
    if (how == 1 && below(trial, 3) == 0) *array = NULL;
    return true;
}

/* Fuses and simplifies it, as far as it is a valid model, which it stays; and prints it. */
static bool fuse_and_print(struct trial *trial, const struct model *model, struct bnfuse_error *error)
{
    struct net net;
    struct pass_report report;
    const struct bnfuse_fuse_options options = { .fold_limit = 1 << 20,
                                                 .simplify = true,
                                                 .lower_mul_add = below(trial, 2) != 0,
                                                 .freeze_weights = below(trial, 2) != 0 };
    if (!net_index(&net, &trial->arena, model, error) || !net_validate(&net, error)) return true;
    if (!passes_run(&net, &options, &report, error)) return true;
    if (!net_validate(&net, error)) return false;
    FILE *nowhere = fopen("/dev/null", "w");
    if (nowhere) {
        net_print_all(&net, nowhere);
        fclose(nowhere);
    }
    return true;
}

static bool bend_and_run(void *context, struct bnfuse_error *error)
{
    struct trial *trial = context;
    struct model model;
    struct net net;
    struct plan *plan;
    const char *path = arena_printf(&trial->arena, "%s/model.onnx", trial->folder);
    struct run_options options = {
        .exact = trial->exact, .memory = &trial->memory, .pool = &trial->pool, .threads = 1
    };
    if (!model_load(&model, &trial->arena, path, error)) return false;
    for (size_t i = 0; i < model.proto->graph->n_node; i++)
        if (model.proto->graph->n_node == 1 || below(trial, 3) == 0) bend_node(trial, model.proto->graph->node[i]);
    if (!net_index(&net, &trial->arena, &model, error)) return false;
    if (!fuse_and_print(trial, &model, error)) fail_msg("%s", error->message);
    const struct graph *graph = net.main;
    struct array **inputs = NEW_ARRAY(&trial->arena, struct array *, graph->input_count);
    struct array **outputs = NEW_ARRAY(&trial->arena, struct array *, graph->output_count);
    for (size_t i = 0; i < graph->input_count; i++)
        if (!load_input(trial, graph->inputs[i], i, &options, &inputs[i], error)) return false;
    return plan_build(&plan, &trial->arena, &net, graph->inputs, graph->input_count, graph->outputs,
                      graph->output_count, error)
           && plan_run(plan, &options, inputs, outputs, error);
}

/* Of processors, because a machine may be busy with other things; 0: no limit. */
static void limit_time(int seconds)
{
    setitimer(ITIMER_PROF, &(struct itimerval){ .it_value.tv_sec = seconds }, NULL);
}

/* The line that is on the screen when something goes wrong. */
static bool bend(const char *folder, uint64_t seed)
{
    struct trial trial = { .folder = folder, .state = seed, .memory = { .limit = MEMORY_LIMIT } };
    struct bnfuse_error error = { 0 };
    if (argument_count > 0) fprintf(stderr, "%s, seed %llu\n", folder, (unsigned long long)seed);
    arena_open(&trial.arena, &trial.memory);
    pool_open(&trial.pool, &trial.memory);
    trial.exact = below(&trial, 2) != 0;
    limit_time(SECONDS);
    bool good = guarded(&trial.memory, bend_and_run, &trial, &error);
    limit_time(0);
    assert_true(good || error.message[0] != '\0');
    if (argument_count > 0 && !good) fprintf(stderr, "    %s\n", error.message);
    pool_close(&trial.pool);
    arena_close(&trial.arena);
    assert_int_equal(trial.memory.used, 0);
    return good;
}

static bool is_wanted(const char *name)
{
    for (int i = 1; i < argument_count; i++)
        if (strstr(name, arguments[i])) return true;
    return argument_count <= 1;
}

static uint64_t seed_of(const char *name)
{
    uint64_t seed = 0;
    for (; *name; name++) seed = seed * 31 + (unsigned char)*name;
    return seed;
}

struct count {
    int bent, ran;
};

/* False when the folder is not there. */
static bool bend_all(const char *root, struct count *count)
{
    char folder[1400];
    int times = argument_count > 0 ? atoi(arguments[0]) : 3;
    DIR *stream = opendir(root);
    if (!stream) {
        printf("%s is not there\n", root);
        return false;
    }
    for (struct dirent *entry; (entry = readdir(stream));) {
        if (entry->d_name[0] == '.' || !is_wanted(entry->d_name)) continue;
        snprintf(folder, sizeof folder, "%s/%s", root, entry->d_name);
        for (int i = 0; i < times; i++, count->bent++) count->ran += bend(folder, seed_of(entry->d_name) + (uint64_t)i);
    }
    closedir(stream);
    return true;
}

static void bend_suite(const char *root)
{
    static const char *const kinds[] = { "node", "simple", "pytorch-converted", "pytorch-operator" };
    struct count count = { 0, 0 };
    bool found = false;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        char folder[1100];
        snprintf(folder, sizeof folder, "%s/%s", root, kinds[k]);
        if (bend_all(folder, &count)) found = true;
    }
    if (!found) skip();
    printf("%d bent models, of which %d ran\n", count.bent, count.ran);
    if (argument_count <= 1) assert_true(count.ran > 0 && count.ran < count.bent);
}

static void no_operator_is_broken_by_a_model_that_lies(void **state)
{
    char root[1000];
    const char *shared = getenv("BNFUSE_SHARED");
    (void)state;
    snprintf(root, sizeof root, "%s/onnx-suite", shared ? shared : "../shared");
    bend_suite(root);
}

static void no_older_operator_is_broken_by_a_model_that_lies(void **state)
{
    (void)state;
    bend_suite("/usr/share/libonnx-testdata/data");
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_operator_is_broken_by_a_model_that_lies),
        cmocka_unit_test(no_older_operator_is_broken_by_a_model_that_lies),
    };
    argument_count = count - 1;
    arguments = values + 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
