/* SPDX-License-Identifier: Apache-2.0 */
#include "random_check.h"

#include "api/handles.h"
#include "check/session.h"
#include "client.h"
#include "onnx/graph/index.h"
#include "onnx/graph/print.h"
#include "shapes.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT 1e-10

struct files {
    char first[4096], second[4096];
};

static bool found(struct finding *finding, enum failure failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Notes a failure; returns false. */
static bool found(struct finding *finding, enum failure failure, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    finding->failure = failure;
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
    return false;
}

static bool is_planted(const struct random_graph *graph, const char *node)
{
    for (size_t i = 0; i < graph->planted_count; i++)
        if (strcmp(graph->planted[i].node, node) == 0) return true;
    return false;
}

static bool check_remarks(const struct random_graph *graph, const bnfuse_report *report, struct finding *finding)
{
    for (size_t i = 0; i < report->remark_count; i++) {
        const bnfuse_remark *remark = report->remarks[i];
        bool stays = remark->outcome == BNFUSE_OUTCOME_STAYS;
        if (stays && remark->code == 0)
            return found(finding, FAILURE_REASON, "%s stays without a reason", remark->node);
        if (stays && is_planted(graph, remark->node))
            found(finding, FAILURE_PLANTED, "%s has a home but stays: BNF%d %s (%s) %s; %s", remark->node, remark->code,
                  remark->reason, remark->where, remark->detail, remark->path);
        finding->left += stays;
    }
    finding->remarks = report->remark_count;
    finding->folded = report->folded;
    if (finding->left != report->left)
        return found(finding, FAILURE_REASON, "%zu stay, but %zu are left", finding->left, report->left);
    return true;
}

/* Mul, Add and their like have no remark: those that are planted are in no graph any more. */
static void check_affines(const struct random_graph *graph, const bnfuse_model *model, struct finding *finding)
{
    for (const struct graph *g = net_next_graph(&model->after, NULL); g; g = net_next_graph(&model->after, g))
        for (const struct node *node = g->first; node; node = node->next)
            if (is_planted(graph, node_title(node)))
                found(finding, FAILURE_PLANTED, "%s has a home but stays", node_title(node));
}

static bool check_sites(const bnfuse_check_result *result, struct finding *finding)
{
    for (size_t i = 0; i < result->site_count; i++) {
        const bnfuse_site *site = result->sites[i];
        if (!site->checked) continue; /* the verdict says whether an output depends on it */
        if (!(site->difference.relative <= LIMIT) && !site->ill_conditioned)
            return found(finding, FAILURE_ALGEBRA, "site %s (%s) differs by %g", site->value, site->node,
                         site->difference.relative);
    }
    return true;
}

static bool is_fine(bnfuse_level level, bnfuse_verdict verdict)
{
    return bnfuse_verdict_status(verdict) == BNFUSE_OK
           && (level == BNFUSE_LEVEL_QUICK || verdict != BNFUSE_VERDICT_PASS_SITES);
}

static bool check_level(const struct random_graph *graph, bnfuse_model *model, bnfuse_level level,
                        struct finding *finding)
{
    bnfuse_check_options options;
    bnfuse_error error;
    bnfuse_check_options_init(&options);
    options.threads = 1;
    options.level = level;
    options.dims = graph->dims;
    options.dim_count = graph->dim_count;
    const bnfuse_check_result *result = bnfuse_check(model, &options, &error);
    if (!result) return found(finding, FAILURE_CHECK, "%s", error.message);
    if (!check_sites(result, finding)) return false;
    if (graph->amplifies) return true; /* each site is proven; the whole is at the mercy of rounding */
    if (!is_fine(level, result->verdict))
        return found(finding, FAILURE_CHECK, "%s: %s: %s", bnfuse_level_text(level),
                     bnfuse_verdict_text(result->verdict), result->why);
    for (size_t i = 0; i < result->output_count; i++) {
        const bnfuse_output *output = result->outputs[i];
        if (!(output->algebra.relative <= LIMIT) && result->verdict != BNFUSE_VERDICT_ILL_CONDITIONED)
            return found(finding, FAILURE_ALGEBRA, "output %s differs by %g", output->name, output->algebra.relative);
        if (output->rounding.relative > finding->rounding) finding->rounding = output->rounding.relative;
    }
    return true;
}

static bool check_proof(const struct random_graph *graph, bnfuse_model *model, struct finding *finding)
{
    return check_level(graph, model, BNFUSE_LEVEL_QUICK, finding)
           && check_level(graph, model, BNFUSE_LEVEL_STANDARD, finding)
           && check_level(graph, model, BNFUSE_LEVEL_FULL, finding);
}

static bool fuse(const struct random_graph *graph, bnfuse_model *model, struct finding *finding, enum failure failure)
{
    bnfuse_fuse_options options;
    bnfuse_error error;
    bnfuse_fuse_options_init(&options);
    options.freeze_weights = graph->freeze_weights;
    options.enabled = (bnfuse_names){ graph->enabled, graph->enabled_count };
    return bnfuse_fuse(model, &options, &error) || found(finding, failure, "%s", error.message);
}

static bool files_equal(const char *first, const char *second)
{
    FILE *a = fopen(first, "rb"), *b = fopen(second, "rb");
    bool equal = a && b;
    int x = 0;
    while (equal && x != EOF) {
        x = getc(a);
        equal = x == getc(b);
    }
    if (a) fclose(a);
    if (b) fclose(b);
    return equal;
}

/* The model as it was written, against the one it was made from: within the noise of its stored weights, or as far off
 * as the rounding of the folded ones explains. */
static bool check_stored(const struct random_graph *graph, bnfuse_model *before, bnfuse_model *written,
                         struct finding *finding)
{
    bnfuse_check_options options;
    bnfuse_error error;
    bnfuse_check_options_init(&options);
    options.threads = 1;
    options.dims = graph->dims;
    options.dim_count = graph->dim_count;
    const bnfuse_check_result *result = bnfuse_compare(before, written, &options, &error);
    if (!result) return found(finding, FAILURE_STORED, "%s", error.message);
    double worst = 0;
    for (size_t i = 0; i < result->output_count; i++)
        if (!(result->outputs[i]->algebra.relative <= worst)) worst = result->outputs[i]->algebra.relative;
    bool explained = graph->amplifies || (result->output_count && worst <= 1.01 * finding->rounding);
    if (result->verdict == BNFUSE_VERDICT_NOT_CHECKED || (result->verdict == BNFUSE_VERDICT_FAIL && !explained))
        return found(finding, FAILURE_STORED, "as written: %s: %s", bnfuse_verdict_text(result->verdict), result->why);
    return true;
}

static bool check_second(const struct random_graph *graph, bnfuse_model *written, const struct files *files,
                         struct finding *finding)
{
    bnfuse_error error;
    if (!fuse(graph, written, finding, FAILURE_AGAIN)) return false;
    const bnfuse_report *report = bnfuse_get_report(written);
    if (report->folded) return found(finding, FAILURE_AGAIN, "a second run folds %s", report->remarks[0]->node);
    if (!bnfuse_write(written, files->second, NULL, &error)) return found(finding, FAILURE_AGAIN, "%s", error.message);
    return files_equal(files->first, files->second) || found(finding, FAILURE_AGAIN, "a second run writes other bytes");
}

static bool check_written(const struct random_graph *graph, const void *bytes, size_t size, const struct files *files,
                          struct finding *finding)
{
    bnfuse_error error;
    bnfuse_model *before = read_named("before", bytes, size, 0, &error);
    bnfuse_model *written = bnfuse_load(files->first, NULL, &error);
    bool good = before && written ? check_stored(graph, before, written, finding)
                                  : found(finding, FAILURE_RELOAD, "%s", error.message);
    bnfuse_free(written);
    bnfuse_free(before);
    if (!good) return false;
    written = bnfuse_load(files->first, NULL, &error);
    good = written ? check_second(graph, written, files, finding) : found(finding, FAILURE_RELOAD, "%s", error.message);
    bnfuse_free(written);
    return good;
}

/* A home counts in a model that can run; random ones can, but not all that they are shrunk to. */
static bool check_home(const struct random_graph *graph, const void *bytes, size_t size, struct finding *finding)
{
    bnfuse_error error;
    if (finding->failure == FAILURE_NONE) return true;
    bnfuse_model *a = read_named("random", bytes, size, 0, &error), *b = read_named("random", bytes, size, 0, &error);
    if (a && b) check_stored(graph, a, b, finding);
    bnfuse_free(a);
    bnfuse_free(b);
    return false;
}

struct shape_check {
    const struct random_graph *graph;
    const void *bytes;
    size_t size;
    struct memory memory;
    struct arena arena;
    struct shapes shapes;
};

/* Runs the model on random inputs, its values seen by shapes_observe. */
static bool run_for_shapes(void *context, struct bnfuse_error *error)
{
    struct shape_check *c = context;
    struct model model;
    struct net net;
    bool guessed;
    struct check_options options = { .asked.seed = 1,
                                     .asked.threads = 1,
                                     .memory = &c->memory,
                                     .asked.dims = c->graph->dims,
                                     .asked.dim_count = c->graph->dim_count };
    if (!model_read(&model, &c->arena, "random", c->bytes, c->size, error) || !net_index(&net, &c->arena, &model, error)
        || !shape_infer(&net, error))
        return false;
    const struct draw draw = { .name = "normal", .scale = 1, .rounds = 2 };
    struct session *session = session_open(&c->arena, &net, &net, &options);
    struct array **outputs = NEW_ARRAY(&c->arena, struct array *, net.main->output_count);
    struct observer observer = { shapes_observe, &c->shapes, NULL };
    bool ran = session_plan(session, error) && session_feed(session, &guesses[0], &draw, &guessed, error)
               && session_run(session, &session->before, NATIVE, 0, &observer, outputs, error);
    session_close(session);
    return ran;
}

static bool check_shapes(const struct random_graph *graph, const void *bytes, size_t size, struct finding *finding)
{
    struct shape_check c = { .graph = graph, .bytes = bytes, .size = size };
    struct bnfuse_error error;
    arena_open(&c.arena, &c.memory);
    c.shapes.arena = &c.arena;
    bool ran = guarded(&c.memory, run_for_shapes, &c, &error);
    arena_close(&c.arena);
    if (!ran) return found(finding, FAILURE_SHAPE, "cannot run: %s", error.message);
    return !c.shapes.contradictions || found(finding, FAILURE_SHAPE, "shape inference: %s", c.shapes.first);
}

static bool check_model(const struct random_graph *graph, bnfuse_model *model, const struct files *files,
                        struct finding *finding)
{
    bnfuse_error error;
    if (!fuse(graph, model, finding, FAILURE_FUSE)) return false;
    check_affines(graph, model, finding);
    if (!check_remarks(graph, bnfuse_get_report(model), finding) || !check_proof(graph, model, finding)) return false;
    return bnfuse_write(model, files->first, NULL, &error) || found(finding, FAILURE_WRITE, "%s", error.message);
}

void random_check(const struct random_graph *graph, const char *directory, struct finding *finding)
{
    size_t size = bnfuse_onnx__model_proto__get_packed_size(graph->build.model);
    uint8_t *bytes = malloc(size);
    bnfuse_error error;
    struct files files;
    *finding = (struct finding){ .failure = FAILURE_NONE, .planted = graph->planted_count };
    snprintf(files.first, sizeof files.first, "%s/%d-first.onnx", directory, (int)getpid());
    snprintf(files.second, sizeof files.second, "%s/%d-second.onnx", directory, (int)getpid());
    bnfuse_onnx__model_proto__pack(graph->build.model, bytes);
    bnfuse_model *model = read_named("random", bytes, size, 0, &error);
    if (!model) found(finding, FAILURE_LOAD, "%s", error.message);
    bool good = model && check_shapes(graph, bytes, size, finding) && check_model(graph, model, &files, finding);
    bnfuse_free(model);
    if (good && check_home(graph, bytes, size, finding)) check_written(graph, bytes, size, &files, finding);
    unlink(files.first);
    unlink(files.second);
    free(bytes);
}

void random_print(const struct random_graph *graph, FILE *to)
{
    struct memory memory = { 0 };
    struct arena arena;
    struct model model;
    struct net net;
    struct bnfuse_error error;
    arena_open(&arena, &memory);
    size_t size = bnfuse_onnx__model_proto__get_packed_size(graph->build.model);
    void *bytes = arena_alloc(&arena, size);
    bnfuse_onnx__model_proto__pack(graph->build.model, bytes);
    if (model_read(&model, &arena, "random", bytes, size, &error) && net_index(&net, &arena, &model, &error))
        net_print(&net, to);
    else fprintf(to, "%s\n", error.message);
    arena_close(&arena);
}
