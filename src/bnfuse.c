/* SPDX-License-Identifier: Apache-2.0
 *
 * The library: load -> index -> passes -> check -> write, and what can be told on the way. Two indexes lie over one
 * model: `before`, which stays as it was read, and `after`, which the passes edit. */
#include "bnfuse.h"

#include "api/handles.h"
#include "check/check.h"
#include "onnx/graph/validate.h"
#include "onnx/shape/infer.h"
#include "onnx/write/write.h"
#include "passes/inference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bnfuse_escape(char *to, size_t size, const char *text)
{
    escape_text(to, size, text);
}

/* ---- load and index ---- */

struct load_call {
    struct bnfuse_model *model;
    const char *path;
    const void *bytes;
    size_t size;
};

static bool load(void *context, struct bnfuse_error *error)
{
    struct load_call *call = context;
    struct bnfuse_model *model = call->model;
    model->name = arena_copy_text(&model->arena, call->path);
    bool loaded = call->bytes ? model_read(&model->model, &model->arena, model->name, call->bytes, call->size, error)
                              : model_load(&model->model, &model->arena, model->name, error);
    return loaded && net_index(&model->before, &model->arena, &model->model, error)
           && net_validate(&model->before, error) && net_index(&model->after, &model->arena, &model->model, error);
}

static bnfuse_model *open_model(struct load_call *call, size_t memory_limit, bnfuse_error *error)
{
    struct bnfuse_model *model = calloc(1, sizeof *model);
    if (!model) {
        fail(error, BNFUSE_INTERNAL, "%s: out of memory", call->path);
        return NULL;
    }
    model->memory.limit = memory_limit;
    model->name = call->path;
    arena_open(&model->arena, &model->memory);
    call->model = model;
    if (error_with_name(model, guarded(&model->memory, load, call, error), error)) return model;
    bnfuse_free(model);
    return NULL;
}

bnfuse_model *bnfuse_load(const char *path, size_t memory_limit, bnfuse_error *error)
{
    return open_model(&(struct load_call){ .path = path }, memory_limit, error);
}

bnfuse_model *bnfuse_read(const char *name, const void *bytes, size_t size, size_t memory_limit, bnfuse_error *error)
{
    return open_model(&(struct load_call){ .path = name, .bytes = bytes, .size = size }, memory_limit, error);
}

void bnfuse_free(bnfuse_model *model)
{
    if (!model) return;
    arena_close(&model->arena);
    free(model);
}

/* ---- passes ---- */

void bnfuse_fuse_options_init(bnfuse_fuse_options *options)
{
    *options = (bnfuse_fuse_options){ .fold_limit = UINT64_C(256) << 20 };
}

const bnfuse_reason *bnfuse_reasons(size_t *count)
{
    static const bnfuse_reason reasons[] = {
#define ROW(code, name, text, help) { code, #name, text, help },
        REASONS(ROW)
#undef ROW
    };
    *count = sizeof reasons / sizeof *reasons;
    return reasons;
}

bool bnfuse_get_pass(size_t i, bnfuse_pass *pass)
{
    if (i >= pass_count) return false;
    *pass = (bnfuse_pass){ passes[i].name, passes[i].why_here, passes[i].optional };
    return true;
}

/* What may be enabled. */
static const struct way {
    const char *name;
    size_t offset;
} ways[] = {
    { "relu-scale", offsetof(struct pass_options, relu_scale) },
    { "bn-before-padded-conv", offsetof(struct pass_options, before_padded_conv) },
};

static bool enable_ways(const bnfuse_fuse_options *from, struct pass_options *to, struct bnfuse_error *error)
{
    for (size_t i = 0; i < from->enabled_count; i++) {
        bool known = false;
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++)
            if (strcmp(from->enabled[i], ways[k].name) == 0) known = *((bool *)to + ways[k].offset) = true;
        if (!known)
            return fail(error, BNFUSE_USAGE, "\"%s\" cannot be enabled: there are relu-scale and bn-before-padded-conv",
                        from->enabled[i]);
    }
    return true;
}

static bool all_passes_exist(const bnfuse_fuse_options *options, struct bnfuse_error *error)
{
    for (size_t i = 0; i < options->disabled_count; i++) {
        size_t k = 0;
        while (k < pass_count && strcmp(passes[k].name, options->disabled[i]) != 0) k++;
        if (k == pass_count)
            return fail(error, BNFUSE_USAGE, "there is no pass \"%s\" to disable", options->disabled[i]);
    }
    return true;
}

static bool opset_is_known(const struct bnfuse_model *model, struct bnfuse_error *error)
{
    const BnfuseOnnx__ModelProto *proto = model->model.proto;
    int64_t opset = opset_version(proto->opset_import, proto->n_opset_import, "");
    if (opset <= LATEST_OPSET) return true;
    return fail(error, BNFUSE_UNSUPPORTED,
                "%s: opset %lld of ai.onnx is newer than %d, the newest that this bnfuse "
                "knows; update bnfuse, or export with an older opset",
                model->name, (long long)opset, LATEST_OPSET);
}

struct fuse_call {
    struct bnfuse_model *model;
    const bnfuse_fuse_options *options;
};

static bool fuse(void *context, struct bnfuse_error *error)
{
    struct fuse_call *call = context;
    struct bnfuse_model *model = call->model;
    const bnfuse_fuse_options *from = call->options;
    struct pass_options options = {
        .lower_mul_add = from->lower_mul_add,
        .fold_limit = from->fold_limit,
        .disabled = from->disabled,
        .disabled_count = from->disabled_count,
        .skip = from->skipped,
        .skip_count = from->skipped_count,
        .progress = from->progress,
        .context = from->context,
    };
    struct pass_report report = { .remarks = NULL };
    if (!from->any_opset && !opset_is_known(model, error)) return false;
    if (!enable_ways(from, &options, error) || !all_passes_exist(from, error)) return false;
    model->after.freeze_weights = from->freeze_weights;
    model->is_fused = true;
    if (from->assume_inference) {
        assume_inference(&model->before);
        assume_inference(&model->after);
    }
    if (!passes_run(&model->after, &options, &report, error)) return false;
    summarise(model, &report);
    return true;
}

bool bnfuse_fuse(bnfuse_model *model, const bnfuse_fuse_options *options, bnfuse_error *error)
{
    bnfuse_fuse_options defaults;
    bnfuse_fuse_options_init(&defaults);
    if (model->is_fused) return fail(error, BNFUSE_USAGE, "%s: was fused before", model->name);
    struct fuse_call call = { model, options ? options : &defaults };
    return error_with_name(model, guarded(&model->memory, fuse, &call, error), error);
}

const bnfuse_report *bnfuse_get_report(const bnfuse_model *model)
{
    return model->is_fused ? &model->report : NULL;
}

/* ---- check ---- */

void bnfuse_check_options_init(bnfuse_check_options *options)
{
    *options = (bnfuse_check_options){ .seed = 20, .atol = 1e-5, .rtol = 1e-3 };
}

static const struct verdict {
    const char *text;
    bnfuse_status status;
} verdicts[] = {
    [BNFUSE_VERDICT_IDENTICAL] = { "identical", BNFUSE_OK },
    [BNFUSE_VERDICT_PASS] = { "pass", BNFUSE_OK },
    [BNFUSE_VERDICT_PASS_ROUNDING] = { "pass (rounding only)", BNFUSE_OK },
    [BNFUSE_VERDICT_PASS_SITES] = { "pass (sites only)", BNFUSE_OK },
    [BNFUSE_VERDICT_FAIL] = { "fail", BNFUSE_DIFFER },
    [BNFUSE_VERDICT_ILL_CONDITIONED] = { "ill-conditioned", BNFUSE_OK },
    [BNFUSE_VERDICT_NOT_CHECKED] = { "not checked", BNFUSE_UNSUPPORTED },
    [BNFUSE_VERDICT_EQUAL] = { "equal on what was tried", BNFUSE_OK },
    [BNFUSE_VERDICT_PASS_LOWER_PRECISION] = { "pass (lower precision)", BNFUSE_OK },
    [BNFUSE_VERDICT_CANNOT_TELL] = { "cannot tell", BNFUSE_UNSUPPORTED },
};

const char *bnfuse_verdict_text(bnfuse_verdict verdict)
{
    return verdicts[verdict].text;
}

bnfuse_status bnfuse_verdict_status(bnfuse_verdict verdict)
{
    return verdicts[verdict].status;
}

struct check_call {
    struct bnfuse_model *a, *b;
    const bnfuse_check_options *options;
    struct bnfuse_check_result *result;
};

static struct check_options check_options(struct check_call *call)
{
    const bnfuse_check_options *from = call->options;
    struct input_set *sets = NEW_ARRAY(&call->b->arena, struct input_set, from->set_count);
    for (size_t i = 0; i < from->set_count; i++)
        sets[i] = (struct input_set){ .name = "", .data = from->sets[i]->data, .count = from->sets[i]->count };
    return (struct check_options){
        .seed = from->seed,
        .atol = from->atol,
        .rtol = from->rtol,
        .threads = from->threads,
        .full = from->full,
        .memory = &call->b->memory,
        .sets = sets,
        .set_count = from->set_count,
        .dims = from->dims,
        .dim_count = from->dim_count,
        .shapes = from->shapes,
        .shape_count = from->shape_count,
        .progress = from->progress,
        .context = from->context,
    };
}

static bool infer_shapes(struct bnfuse_model *model, struct bnfuse_error *error)
{
    if (model->is_inferred) return true;
    model->is_inferred = true;
    return shape_infer(&model->before, error);
}

static bool check(void *context, struct bnfuse_error *error)
{
    struct check_call *call = context;
    struct check_options options = check_options(call);
    return infer_shapes(call->b, error)
           && check_fusion(&call->b->before, &call->b->after, &options, call->result, error);
}

bool bnfuse_check(bnfuse_model *model, const bnfuse_check_options *options, bnfuse_check_result *result,
                  bnfuse_error *error)
{
    bnfuse_check_options defaults;
    bnfuse_check_options_init(&defaults);
    struct check_call call = { model, model, options ? options : &defaults, result };
    return error_with_name(model, guarded(&model->memory, check, &call, error), error);
}

static bool prepare(void *context, struct bnfuse_error *error)
{
    struct bnfuse_model *model = context;
    return infer_shapes(model, error) && (model->is_fused || shape_infer(&model->after, error));
}

static bool compare(void *context, struct bnfuse_error *error)
{
    struct check_call *call = context;
    struct check_options options = check_options(call);
    options.is_unrelated = true;
    return check_compare(&call->a->after, &call->b->after, &options, call->result, error);
}

bool bnfuse_compare(bnfuse_model *a, bnfuse_model *b, const bnfuse_check_options *options, bnfuse_check_result *result,
                    bnfuse_error *error)
{
    bnfuse_check_options defaults;
    bnfuse_check_options_init(&defaults);
    struct check_call call = { a, b, options ? options : &defaults, result };
    return error_with_name(a, guarded(&a->memory, prepare, a, error), error)
           && error_with_name(b, guarded(&b->memory, prepare, b, error), error)
           && error_with_name(b, guarded(&b->memory, compare, &call, error), error);
}

/* ---- write ---- */

struct write_call {
    struct bnfuse_model *model;
    const char *path, *external_data;
};

static bool write_model(void *context, struct bnfuse_error *error)
{
    struct write_call *call = context;
    struct write_options options = { .external_data = call->external_data };
    return net_write(&call->model->after, call->path, &options, &call->model->report.after.bytes, error);
}

bool bnfuse_write(bnfuse_model *model, const char *path, const char *external_data, bnfuse_error *error)
{
    struct write_call call = { model, path, external_data };
    return error_with_name(model, guarded(&model->memory, write_model, &call, error), error);
}
