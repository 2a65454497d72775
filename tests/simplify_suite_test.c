/* SPDX-License-Identifier: Apache-2.0
 *
 * --simplify over ONNX's own operator tests, their inputs and all: what the runtime runs before, it runs afterwards, to
 * the same bits; a second pass finds nothing more to do; and the order of the nodes in the file does not matter.
 *
 * Arguments, if any, name the folders to try (parts of their paths). */
#include "io/pb.h"
#include "onnx/graph/graph.h"
#include "onnx/graph/index.h"
#include "passes/passes.h"
#include "runtime/run.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MEMORY_LIMIT ((size_t)1 << 30)

struct tally {
    int equal, changed, not_run, wrong;
};

struct subject {
    struct memory memory;
    struct arena arena;
    struct array_pool pool;
    struct model model;
    const char *folder;
    struct array **inputs;
    struct array **outputs[2];
    bool ran, is_changed;
};

static int argument_count;
static char **arguments;

static const char *const folds[] = { "fold", "affine", "tidy", "reparam", "instance" };
static const struct bnfuse_fuse_options simplifying = { .fold_limit = 1 << 28,
                                                        .simplify = true,
                                                        .disabled = { folds, sizeof folds / sizeof *folds } };

static bool load_inputs(struct subject *s, const struct net *net, const struct run_options *run,
                        struct bnfuse_error *error)
{
    s->inputs = NEW_ARRAY(&s->arena, struct array *, net->main->input_count);
    for (size_t i = 0; i < net->main->input_count; i++) {
        const struct value *value = net->main->inputs[i];
        const char *path = arena_printf(&s->arena, "%s/test_data_set_0/input_%zu.pb", s->folder, i);
        struct datum datum;
        FILE *file = fopen(path, "rb");
        if (!file) continue;
        fclose(file);
        if (!pb_read(&datum, &s->arena, path, value->info ? value->info->type : NULL, error)
            || !array_from_datum(&s->inputs[i], &datum, run, error))
            return false;
    }
    return true;
}

static bool run_net(struct subject *s, struct net *net, struct array ***outputs, struct bnfuse_error *error)
{
    const struct graph *graph = net->main;
    struct run_options run = { .memory = &s->memory, .pool = &s->pool, .threads = 1, .random_seed = 1 };
    struct plan *plan;
    *outputs = NEW_ARRAY(&s->arena, struct array *, graph->output_count);
    return load_inputs(s, net, &run, error)
           && plan_build(&plan, &s->arena, net, graph->inputs, graph->input_count, graph->outputs, graph->output_count,
                         error)
           && plan_run(plan, &run, s->inputs, *outputs, error);
}

static bool same_element(const struct array *a, const struct array *b, int64_t i);

/* Equal bit for bit; a NaN is equal to any other. */
static bool same_array(const struct array *a, const struct array *b)
{
    if (!a || !b) return a == b;
    if (a->type != b->type || a->store != b->store || a->rank != b->rank || a->count != b->count) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    for (int64_t i = 0; i < a->count; i++)
        if (!same_element(a, b, i)) return false;
    return true;
}

static bool same_element(const struct array *a, const struct array *b, int64_t i)
{
    switch (a->store) {
    case STORE_F32: return memcmp(&a->f32[i], &b->f32[i], 4) == 0 || (isnan(a->f32[i]) && isnan(b->f32[i]));
    case STORE_F64: return memcmp(&a->f64[i], &b->f64[i], 8) == 0 || (isnan(a->f64[i]) && isnan(b->f64[i]));
    case STORE_TEXT: return strcmp(a->text[i], b->text[i]) == 0;
    case STORE_SEQUENCE: return same_array(a->items[i], b->items[i]);
    default: return a->i64[i] == b->i64[i];
    }
}

/* How often each operator stands in the net, as one number. */
static uint64_t operators_of(const struct net *net)
{
    uint64_t sum = 0;
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (const struct node *node = graph->first; node; node = node->next) {
            uint64_t hash = 0xcbf29ce484222325u;
            for (const char *at = node->op; *at; at++) hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
            sum += hash;
        }
    return sum;
}

static bool simplify(struct subject *s, struct net *net, struct pass_report *report, struct bnfuse_error *error)
{
    return net_index(net, &s->arena, &s->model, error) && passes_run(net, &simplifying, report, error);
}

static bool check_order(struct subject *s, const struct net *simplified, struct bnfuse_error *error)
{
    BnfuseOnnx__GraphProto *graph = s->model.proto->graph;
    struct pass_report report;
    struct net backward;
    for (size_t i = 0; i < graph->n_node / 2; i++) {
        BnfuseOnnx__NodeProto *node = graph->node[i];
        graph->node[i] = graph->node[graph->n_node - 1 - i];
        graph->node[graph->n_node - 1 - i] = node;
    }
    if (!simplify(s, &backward, &report, error)) return false;
    return operators_of(&backward) == operators_of(simplified)
           || (fail)(error, BNFUSE_DIFFER, "other operators are left when the file lists its nodes backward");
}

static bool compare_outputs(const struct subject *s, const struct net *net, struct bnfuse_error *error)
{
    for (size_t i = 0; i < net->main->output_count; i++)
        if (!same_array(s->outputs[0][i], s->outputs[1][i]))
            return (fail)(error, BNFUSE_DIFFER, "output %zu \"%s\" is not the same bit for bit", i,
                          net->main->outputs[i]->name);
    return true;
}

static bool try_model(void *context, struct bnfuse_error *error)
{
    struct subject *s = context;
    struct net before, after;
    struct pass_report report, again;
    struct bnfuse_error why;
    if (!model_load(&s->model, &s->arena, arena_printf(&s->arena, "%s/model.onnx", s->folder), error)
        || !net_index(&before, &s->arena, &s->model, error))
        return false;
    s->ran = run_net(s, &before, &s->outputs[0], &why);
    if (!simplify(s, &after, &report, error)) return false;
    s->is_changed = report.rewrite_count > 0;
    if (s->ran && (!run_net(s, &after, &s->outputs[1], error) || !compare_outputs(s, &before, error))) return false;
    if (!passes_run(&after, &simplifying, &again, error)) return false;
    if (again.rewrite_count)
        return (fail)(error, BNFUSE_DIFFER, "a second run does %s to \"%s\"", again.rewrites[0]->rule,
                      again.rewrites[0]->node);
    return check_order(s, &after, error);
}

static void try_folder(const char *folder, struct tally *tally)
{
    struct subject s = { .folder = folder, .memory = { .limit = MEMORY_LIMIT } };
    struct bnfuse_error error = { 0 };
    arena_open(&s.arena, &s.memory);
    pool_open(&s.pool, &s.memory);
    bool good = guarded(&s.memory, try_model, &s, &error);
    pool_close(&s.pool);
    arena_close(&s.arena);
    tally->equal += good && s.ran;
    tally->changed += s.is_changed;
    tally->not_run += !s.ran;
    tally->wrong += !good;
    if (!good) printf("WRONG %s: %s\n", folder, error.message);
    else if (argument_count) printf("%s %s\n", s.ran ? "equal" : "not run", folder);
}

static bool is_wanted(const char *folder)
{
    for (int i = 0; i < argument_count; i++)
        if (strstr(folder, arguments[i])) return true;
    return argument_count == 0;
}

static bool try_kind(const char *root, const char *kind, struct tally *tally)
{
    char folder[2048];
    snprintf(folder, sizeof folder, "%s/%s", root, kind);
    DIR *stream = opendir(folder);
    if (!stream) return false;
    for (struct dirent *entry; (entry = readdir(stream));) {
        snprintf(folder, sizeof folder, "%s/%s/%s", root, kind, entry->d_name);
        if (entry->d_name[0] != '.' && is_wanted(folder)) try_folder(folder, tally);
    }
    closedir(stream);
    return true;
}

static void try_suite(const char *root)
{
    static const char *const kinds[] = { "node", "simple", "pytorch-converted", "pytorch-operator" };
    struct tally tally = { 0 };
    bool found = false;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) found |= try_kind(root, kinds[k], &tally);
    if (!found) {
        printf("%s is not there\n", root);
        skip();
    }
    printf("%d models run to the same bits, %d changed, %d do not run, %d wrong\n", tally.equal, tally.changed,
           tally.not_run, tally.wrong);
    assert_int_equal(tally.wrong, 0);
    if (!argument_count) assert_true(tally.equal > 900 && tally.changed > 80);
}

static void the_suite_computes_what_it_did(void **state)
{
    char root[1024];
    const char *shared = getenv("BNFUSE_SHARED");
    (void)state;
    snprintf(root, sizeof root, "%s/onnx-suite", shared ? shared : "../shared");
    try_suite(root);
}

static void the_older_suite_computes_what_it_did(void **state)
{
    (void)state;
    try_suite("/usr/share/libonnx-testdata/data");
}

int main(int count, char **values)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_suite_computes_what_it_did),
        cmocka_unit_test(the_older_suite_computes_what_it_did),
    };
    argument_count = count - 1;
    arguments = values + 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
