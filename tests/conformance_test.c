/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime against what others computed: ONNX's own operator tests (a folder each: model.onnx and test_data_set_N
 * with input_K.pb and output_K.pb), in the models' own types and in double; and whole models with inputs and outputs
 * that ONNX Runtime stored. A wrong answer fails, and so does a test that the runtime does not know unless
 * unsupported.txt lists it, or one of that list that it does know.
 *
 * Arguments, if any, name the folders to try (parts of their paths), and more is told about each. */
#include "io/npy.h"
#include "io/pb.h"
#include "onnx/graph/graph.h"
#include "onnx/graph/index.h"
#include "runtime/run.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MEMORY_LIMIT ((size_t)4 << 30)
#define MOST_NAMES   4096

struct tolerance {
    double absolute, relative;
};

struct tally {
    int passed, failed, unsupported;
    int unexpected; /* unsupported and not listed, or listed and not unsupported */
    struct bnfuse_error error;
};

/* A model being run; everything of it lives in the arena and the pool. */
struct bench {
    struct memory memory;
    struct arena arena;
    struct array_pool pool;
    struct model model;
    struct net net;
    struct plan *plan;
    struct run_options options;
    struct array **inputs, **outputs;
    const char *folder;
    struct tolerance tolerance;
    bool (*load_inputs)(struct bench *bench, struct bnfuse_error *error);
    bool (*load_expected)(struct bench *bench, size_t i, struct array **expected, struct bnfuse_error *error);
    const char *data_set;
};

static int argument_count;
static char **arguments;

/* Their outputs are random numbers: only types and dims can agree. */
static bool is_random(const char *folder)
{
    static const char *const names[] = { "test_bernoulli", "test_training_dropout" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strstr(folder, names[i])) return true;
    return false;
}

static bool differ(struct bench *bench, struct bnfuse_error *error, size_t output, const char *what)
{
    return (fail)(error, BNFUSE_DIFFER, "output %zu \"%s\": %s", output, bench->net.main->outputs[output]->name, what);
}

static bool close_enough(double a, double b, struct tolerance tolerance)
{
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b)) return a == b;
    return fabs(a - b) <= tolerance.absolute + tolerance.relative * fabs(b);
}

/* Others round half-precision models elsewhere than after every node; older ONNX cut bfloat16 off, and computed a test
 * of Adam with an epsilon of 0.01 that its node does not have. */
static struct tolerance tolerance_for(const struct bench *bench, enum dtype type)
{
    struct tolerance tolerance = bench->tolerance;
    if (type == DTYPE_FLOAT16 && strstr(bench->folder, "/models/")) tolerance.absolute = 5e-3;
    if (type == DTYPE_BFLOAT16 && strstr(bench->folder, "libonnx")) tolerance.relative = 0x1p-7;
    if (strstr(bench->folder, "libonnx") && strstr(bench->folder, "test_adam_multiple")) tolerance.absolute = 1e-2;
    return tolerance;
}

/* In double a number to be quantized may lie on the other side of a tie. */
static bool same_whole(const struct bench *bench, enum dtype type, int64_t a, int64_t b)
{
    return a == b || (bench->options.exact && dtype_bits(type) == 8 && llabs(a - b) == 1);
}

static bool compare_reals(struct bench *bench, struct array *found, struct array *expected, size_t output,
                          struct bnfuse_error *error)
{
    struct array *a = array_stored(found, STORE_F64), *b = array_stored(expected, STORE_F64);
    struct array *rounded = array_new(&bench->pool, expected->type, STORE_F64, a->rank, a->dims);
    memcpy(rounded->f64, a->f64, (size_t)a->count * sizeof *a->f64);
    array_round(rounded);
    struct tolerance tolerance = tolerance_for(bench, expected->type);
    int64_t wrong = 0, first = 0;
    for (int64_t i = a->count - 1; i >= 0; i--)
        if (!close_enough(rounded->f64[i], b->f64[i], tolerance)) wrong++, first = i;
    char text[200];
    snprintf(text, sizeof text, "%lld of %lld elements differ, the first at %lld: %.9g, not %.9g", (long long)wrong,
             (long long)a->count, (long long)first, wrong ? rounded->f64[first] : 0, wrong ? b->f64[first] : 0);
    array_drop(a);
    array_drop(b);
    array_drop(rounded);
    return wrong == 0 || differ(bench, error, output, text);
}

static bool compare_arrays(struct bench *bench, struct array *found, struct array *expected, size_t output, bool values,
                           struct bnfuse_error *error)
{
    if (!found || !expected) return found == expected || differ(bench, error, output, "is absent on one side");
    if (found->store == STORE_SEQUENCE || expected->store == STORE_SEQUENCE) {
        if (found->store != expected->store || found->count != expected->count)
            return differ(bench, error, output, "is another sequence");
        for (int64_t i = 0; i < found->count; i++)
            if (!compare_arrays(bench, found->items[i], expected->items[i], output, values, error)) return false;
        return true;
    }
    if (found->type != expected->type) return differ(bench, error, output, "has another type");
    if (found->rank != expected->rank || memcmp(found->dims, expected->dims, sizeof *found->dims * (size_t)found->rank))
        return differ(bench, error, output, "has other dims");
    if (!values) return true;
    if (found->store == STORE_F32 || found->store == STORE_F64)
        return compare_reals(bench, found, expected, output, error);
    for (int64_t i = 0; i < found->count; i++) {
        bool same = found->store == STORE_TEXT ? strcmp(found->text[i], expected->text[i]) == 0
                                               : same_whole(bench, found->type, found->i64[i], expected->i64[i]);
        char text[100];
        snprintf(text, sizeof text, "element %lld differs", (long long)i);
        if (!same) return differ(bench, error, output, text);
    }
    return true;
}

/* Older ONNX wrote bfloat16 as uint16. */
static bool read_pb(struct bench *bench, struct datum *datum, const char *path, const struct value *value,
                    struct bnfuse_error *error)
{
    const BnfuseOnnx__TypeProto *type = value->info ? value->info->type : NULL;
    if (!pb_read(datum, &bench->arena, path, type, error)) return false;
    bool is_bfloat = type && type->value_case == BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
                     && type->tensor_type->elem_type == DTYPE_BFLOAT16;
    if (is_bfloat && datum->form == FORM_TENSOR && datum->tensor.type == DTYPE_UINT16)
        datum->tensor.type = DTYPE_BFLOAT16;
    return true;
}

/* Inputs that are initializers, too, may be absent from the folder. */
static bool load_pb_inputs(struct bench *bench, struct bnfuse_error *error)
{
    const struct graph *graph = bench->net.main;
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct value *value = graph->inputs[i];
        const char *path = arena_printf(&bench->arena, "%s/%s/input_%zu.pb", bench->folder, bench->data_set, i);
        struct datum datum;
        if (access(path, R_OK) != 0) continue;
        if (!read_pb(bench, &datum, path, value, error)
            || !array_from_datum(&bench->inputs[i], &datum, &bench->options, error))
            return false;
    }
    return true;
}

static bool load_pb_expected(struct bench *bench, size_t i, struct array **expected, struct bnfuse_error *error)
{
    const struct value *value = bench->net.main->outputs[i];
    const char *path = arena_printf(&bench->arena, "%s/%s/output_%zu.pb", bench->folder, bench->data_set, i);
    struct run_options options = bench->options;
    struct datum datum;
    options.exact = false;
    return read_pb(bench, &datum, path, value, error) && array_from_datum(expected, &datum, &options, error);
}

/* input_K.npy belongs to the K-th input that is no initializer. */
static bool load_npy_inputs(struct bench *bench, struct bnfuse_error *error)
{
    const struct graph *graph = bench->net.main;
    size_t next = 0;
    for (size_t i = 0; i < graph->input_count; i++) {
        struct tensor tensor;
        if (graph->inputs[i]->initializer) continue;
        const char *path = arena_printf(&bench->arena, "%s/input_%zu.npy", bench->data_set, next++);
        if (!npy_read(&tensor, &bench->arena, path, error)
            || !array_from_tensor(&bench->inputs[i], &tensor, &bench->options, error))
            return false;
    }
    return true;
}

static bool load_npy_expected(struct bench *bench, size_t i, struct array **expected, struct bnfuse_error *error)
{
    struct tensor tensor;
    const char *path = arena_printf(&bench->arena, "%s/ort_output_%zu.npy", bench->data_set, i);
    return npy_read(&tensor, &bench->arena, path, error)
           && array_from_tensor(expected, &tensor, &bench->options, error);
}

static bool run_and_compare(struct bench *bench, struct bnfuse_error *error)
{
    const struct graph *graph = bench->net.main;
    bench->inputs = NEW_ARRAY(&bench->arena, struct array *, graph->input_count);
    bench->outputs = NEW_ARRAY(&bench->arena, struct array *, graph->output_count);
    if (!bench->load_inputs(bench, error)) return false;
    if (!plan_run(bench->plan, &bench->options, bench->inputs, bench->outputs, error)) return false;
    for (size_t i = 0; i < graph->output_count; i++) {
        struct array *expected;
        if (!bench->load_expected(bench, i, &expected, error)) return false;
        if (!compare_arrays(bench, bench->outputs[i], expected, i, !is_random(bench->folder), error)) return false;
    }
    return true;
}

static bool each_data_set(struct bench *bench, struct bnfuse_error *error)
{
    if (bench->data_set) return run_and_compare(bench, error);
    for (int i = 0; i < 16; i++) {
        bench->data_set = arena_printf(&bench->arena, "test_data_set_%d", i);
        if (access(arena_printf(&bench->arena, "%s/%s", bench->folder, bench->data_set), R_OK) != 0) return true;
        if (!run_and_compare(bench, error)) return false;
    }
    return true;
}

static bool bench_work(void *context, struct bnfuse_error *error)
{
    struct bench *bench = context;
    const char *path =
        strstr(bench->folder, ".onnx") ? bench->folder : arena_printf(&bench->arena, "%s/model.onnx", bench->folder);
    if (!model_load(&bench->model, &bench->arena, path, error)) return false;
    if (!net_index(&bench->net, &bench->arena, &bench->model, error)) return false;
    const struct graph *graph = bench->net.main;
    if (!plan_build(&bench->plan, &bench->arena, &bench->net, graph->inputs, graph->input_count, graph->outputs,
                    graph->output_count, error))
        return false;
    return each_data_set(bench, error);
}

/* Whether the folder holds an image of a format that this build has no library for. */
static bool is_unread_image(const char *folder)
{
    static const char prefix[] = "image_decoder_decode_";
    const char *format = strstr(folder, prefix);
    char name[20], word[24];
    if (!format || sscanf(format + strlen(prefix), "%19[a-z0-9]", name) != 1) return false;
    snprintf(word, sizeof word, " %s ", name);
    return strstr(" " IMAGE_FORMATS " ", word) == NULL;
}

/* Whether unsupported.txt has the folder: its last three names are suite, kind and test. */
static bool is_listed(const char *folder)
{
    if (is_unread_image(folder)) return true;
    static char list[1 << 14];
    char path[1024], line[300];
    const char *name = folder + strlen(folder);
    for (int slashes = 0; name > folder && slashes < 3; name--) slashes += name[-1] == '/';
    name += name > folder;
    if (!*list) {
        snprintf(path, sizeof path, "%s/unsupported.txt", getenv("BNFUSE_TESTS"));
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        assert_true(fread(list, 1, sizeof list - 1, file) < sizeof list - 1);
        fclose(file);
    }
    snprintf(line, sizeof line, "\n%s\n", name);
    return strstr(list, line) != NULL;
}

static void try_folder(struct bench setup, bool exact, struct tally *tally)
{
    struct bench bench = setup;
    struct bnfuse_error error = { 0 };
    bench.memory = (struct memory){ .limit = MEMORY_LIMIT };
    arena_open(&bench.arena, &bench.memory);
    pool_open(&bench.pool, &bench.memory);
    bench.options = (struct run_options){
        .exact = exact, .memory = &bench.memory, .pool = &bench.pool, .threads = 2, .random_seed = 1
    };
    bool good = guarded(&bench.memory, bench_work, &bench, &error);
    pool_close(&bench.pool);
    arena_close(&bench.arena);
    assert_int_equal(bench.memory.used, 0);
    if (good) tally->passed++;
    else if (error.status == BNFUSE_UNSUPPORTED) tally->unsupported++;
    else tally->failed++;
    if ((!good && error.status == BNFUSE_UNSUPPORTED) != is_listed(bench.folder)) {
        tally->unexpected++;
        printf("UNEXPECTED %s: unsupported.txt %s it\n", bench.folder, good ? "lists" : "does not list");
    }
    if (!good)
        printf("%s %s%s: %s\n", error.status == BNFUSE_UNSUPPORTED ? "unsupported" : "FAILED", bench.folder,
               exact ? " (exact)" : "", error.message);
    else if (argument_count > 0) printf("passed %s%s\n", bench.folder, exact ? " (exact)" : "");
}

static bool is_wanted(const char *folder)
{
    for (int i = 0; i < argument_count; i++)
        if (strstr(folder, arguments[i])) return true;
    return argument_count == 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted; false when there is no such folder. */
static bool list_folder(struct arena *arena, const char *folder, const char ***names, size_t *count)
{
    DIR *stream = opendir(folder);
    *count = 0;
    if (!stream) return false;
    *names = NEW_ARRAY(arena, const char *, MOST_NAMES);
    for (struct dirent *entry; (entry = readdir(stream)) && *count < MOST_NAMES;)
        if (entry->d_name[0] != '.') (*names)[(*count)++] = arena_copy_text(arena, entry->d_name);
    closedir(stream);
    qsort(*names, *count, sizeof **names, compare_names);
    return true;
}

static void report(const char *what, const struct tally *tally)
{
    printf("%s: %d passed, %d failed, %d unsupported\n", what, tally->passed, tally->failed, tally->unsupported);
}

static void try_suite(const char *root)
{
    static const char *const kinds[] = { "node", "simple", "pytorch-converted", "pytorch-operator" };
    struct memory memory = { 0 };
    struct arena arena;
    struct tally native = { 0 }, exact = { 0 };
    bool found = false;
    arena_open(&arena, &memory);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const char **names, *folder = arena_printf(&arena, "%s/%s", root, kinds[k]);
        size_t count;
        if (!list_folder(&arena, folder, &names, &count)) continue;
        found = true;
        for (size_t i = 0; i < count; i++) {
            struct bench bench = { .folder = arena_printf(&arena, "%s/%s", folder, names[i]),
                                   .tolerance = { 1e-5, 1e-3 },
                                   .load_inputs = load_pb_inputs,
                                   .load_expected = load_pb_expected };
            if (!is_wanted(bench.folder) || access(arena_printf(&arena, "%s/model.onnx", bench.folder), R_OK)) continue;
            try_folder(bench, false, &native);
            try_folder(bench, true, &exact);
        }
    }
    report("in the models' types", &native);
    report("in double", &exact);
    arena_close(&arena);
    if (!found) {
        printf("%s is not there\n", root);
        skip();
    }
    assert_int_equal(native.failed + exact.failed, 0);
    assert_int_equal(native.unexpected + exact.unexpected, 0);
}

static const char *shared(void)
{
    const char *path = getenv("BNFUSE_SHARED");
    return path ? path : "../shared";
}

static void operators_compute_what_onnx_says(void **state)
{
    char root[1024];
    (void)state;
    snprintf(root, sizeof root, "%s/onnx-suite", shared());
    try_suite(root);
}

static void operators_compute_what_older_onnx_said(void **state)
{
    (void)state;
    try_suite("/usr/share/libonnx-testdata/data");
}

/* `pattern` finds inputs and outputs: .onnx replaced by .io, or a folder with the model in it. */
static void try_models(const char *kind, bool beside)
{
    struct memory memory = { 0 };
    struct arena arena;
    struct tally native = { 0 };
    const char **names, *folder;
    size_t count;
    arena_open(&arena, &memory);
    folder = arena_printf(&arena, "%s/models/%s", shared(), kind);
    bool found = list_folder(&arena, folder, &names, &count);
    for (size_t i = 0; found && i < count; i++) {
        const char *end = beside ? strstr(names[i], ".io") : "";
        if (!end) continue;
        struct bench bench = { .tolerance = { 1e-4, 1e-3 },
                               .load_inputs = load_npy_inputs,
                               .load_expected = load_npy_expected };
        bench.data_set = arena_printf(&arena, "%s/%s", folder, names[i]);
        bench.folder =
            beside ? arena_printf(&arena, "%s/%.*s.onnx", folder, (int)(end - names[i]), names[i]) : bench.data_set;
        if (is_wanted(bench.folder)) try_folder(bench, false, &native);
    }
    report("whole models", &native);
    arena_close(&arena);
    if (!found) {
        printf("%s is not there\n", kind);
        skip();
    }
    assert_int_equal(native.failed, 0);
    assert_int_equal(native.unexpected, 0);
}

static void published_models_compute_what_onnx_runtime_computed(void **state)
{
    (void)state;
    try_models("real", true);
}

static void exported_models_compute_what_onnx_runtime_computed(void **state)
{
    (void)state;
    try_models("gen", false);
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_compute_what_onnx_says),
        cmocka_unit_test(operators_compute_what_older_onnx_said),
        cmocka_unit_test(published_models_compute_what_onnx_runtime_computed),
        cmocka_unit_test(exported_models_compute_what_onnx_runtime_computed),
    };
    argument_count = count - 1;
    arguments = values + 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
