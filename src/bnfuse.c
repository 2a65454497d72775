/* SPDX-License-Identifier: Apache-2.0
 *
 * The library: load -> index -> passes -> check -> write, and the reports in between. Two indexes are over one
 * model: `after`, which the passes edit, and `before`, the model as it was read, built when it is first asked for. */
#include "bnfuse.h"

#include "api/handles.h"
#include "check/calibrate.h"
#include "check/check.h"
#include "check/diff.h"
#include "onnx/graph/index.h"
#include "onnx/graph/print.h"
#include "onnx/graph/validate.h"
#include "onnx/shape/infer.h"
#include "onnx/write/data_file.h"
#include "passes/decide/extras.h"
#include "passes/fix_shapes.h"
#include "passes/inference.h"
#include "passes/passes.h"
#include "passes/simplify/simplify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *bnfuse_version(void)
{
    return BNFUSE_VERSION;
}

void bnfuse_escape(char *to, size_t size, const char *text)
{
    if (to && size) escape_text(to, size, text ? text : "");
}

/* ---- load and index ---- */

struct load_call {
    struct bnfuse_model *model;
    bnfuse_read_options options;
    const char *path; /* or, when it is NULL: */
    const void *bytes;
    size_t size;
};

static bool load(void *context, struct bnfuse_error *error)
{
    struct load_call *call = context;
    struct bnfuse_model *model = call->model;
    model->name = arena_copy_text(&model->arena, model->name);
    bool loaded = call->path ? model_load(&model->model, &model->arena, call->path, error)
                             : model_read(&model->model, &model->arena, model->name, call->bytes, call->size, error);
    if (!loaded) return false;
    model->model.opener = (struct opener){ call->options.opener, call->options.context };
    if (call->options.name) model->model.name = model->name;
    sources_find(&model->sources, &model->model);
    limit_narrow(model);
    return net_index(&model->after, &model->arena, &model->model, error) && net_validate(&model->after, error);
}

static bnfuse_model *open_model(struct load_call *call, const bnfuse_read_options *options, bnfuse_error *error)
{
    bnfuse_read_options_init(&call->options);
    if (!options_take(&call->options, sizeof call->options, options, error)) return NULL;
    const char *name = call->options.name ? call->options.name : call->path ? call->path : "model";
    struct bnfuse_model *model = calloc(1, sizeof *model);
    if (!model) {
        fail(error, BNFUSE_INTERNAL, "%s: out of memory", name);
        return NULL;
    }
    limit_set(model, call->options.memory_limit);
    model->name = name;
    arena_open(&model->arena, &model->memory);
    call->model = model;
    if (error_with_name(model, guarded(&model->memory, load, call, error), error)) return model;
    bnfuse_free(model);
    return NULL;
}

bnfuse_model *bnfuse_load(const char *path, const bnfuse_read_options *options, bnfuse_error *error)
{
    if (is_missing(path, "path", error)) return NULL;
    return open_model(&(struct load_call){ .path = path }, options, error);
}

bnfuse_model *bnfuse_read(const void *bytes, size_t size, const bnfuse_read_options *options, bnfuse_error *error)
{
    if (is_missing(bytes, "bytes", error)) return NULL;
    return open_model(&(struct load_call){ .bytes = bytes, .size = size }, options, error);
}

void bnfuse_free(bnfuse_model *model)
{
    if (!model) return;
    draft_close(&model->draft);
    arena_close(&model->arena);
    free(model);
}

void bnfuse_limit(bnfuse_model *model, size_t bytes)
{
    if (!model) return;
    limit_set(model, bytes);
    limit_narrow(model);
}

const char *bnfuse_get_source(bnfuse_model *model, size_t i)
{
    return model && i < model->sources.count ? model->sources.paths[i] : NULL;
}

struct digest_call {
    struct bnfuse_model *model;
    char *digest;
};

static bool find_digest(void *context, struct bnfuse_error *error)
{
    const struct digest_call *call = context;
    const struct model *model = &call->model->model;
    struct sha256 sha;
    if (model->file) return sha256_of_file(call->digest, &call->model->arena, model->file, error);
    sha256_open(&sha);
    sha256_add(&sha, model->bytes, model->size);
    sha256_text(&sha, call->digest);
    return true;
}

bool bnfuse_get_digest(bnfuse_model *model, char digest[65], bnfuse_error *error)
{
    if (is_missing(model, "model", error) || is_missing(digest, "digest", error)) return false;
    return guarded(&model->memory, find_digest, &(struct digest_call){ model, digest }, error);
}

/* ---- print ---- */

struct print_call {
    struct bnfuse_model *model;
    FILE *to;
};

static bool print(void *context, struct bnfuse_error *error)
{
    struct print_call *call = context;
    if (!call->model->is_fused && !shape_infer(&call->model->after, error)) return false;
    net_print_all(&call->model->after, call->to);
    return true;
}

bool bnfuse_print(bnfuse_model *model, bnfuse_sink sink, void *context, bnfuse_error *error)
{
    char *text = NULL;
    size_t size = 0;
    if (!sink) return !is_missing(NULL, "sink", error);
    if (!(model && model->is_fusing) && is_unfit(model, "model", error)) return false;
    struct print_call call = { model, open_memstream(&text, &size) };
    if (!call.to) return fail(error, BNFUSE_INTERNAL, "%s: no memory for its text", model->name);
    bool printed = guarded(&model->memory, print, &call, error);
    if (fclose(call.to) != 0 && printed) printed = fail(error, BNFUSE_INTERNAL, "no memory for the text");
    if (printed && !sink(context, text, size)) printed = fail(error, BNFUSE_CANCELLED, "printing was cancelled");
    free(text);
    return error_with_name(model, printed, error);
}

/* ---- passes ---- */

const bnfuse_reason *bnfuse_get_reason(size_t i)
{
    return i < reason_count ? &reasons[i] : NULL;
}

const char *bnfuse_reason_page(int code)
{
    return reason_page(code);
}

const bnfuse_pass *bnfuse_get_pass(size_t i)
{
    return i < pass_count ? &passes[i].is : NULL;
}

const bnfuse_rule *bnfuse_get_rule(size_t i)
{
    return rewrite_rule(i);
}

const bnfuse_extra *bnfuse_get_extra(size_t i)
{
    return i < EXTRA_COUNT ? &extras[i] : NULL;
}

const char *bnfuse_outcome_text(bnfuse_outcome outcome)
{
    static const char *const texts[] = {
        [BNFUSE_OUTCOME_FOLDED] = "folded",   [BNFUSE_OUTCOME_MERGED] = "merged", [BNFUSE_OUTCOME_REMOVED] = "removed",
        [BNFUSE_OUTCOME_LOWERED] = "lowered", [BNFUSE_OUTCOME_STAYS] = "stays",
    };
    return (unsigned)outcome < sizeof texts / sizeof *texts ? texts[outcome] : "";
}

static const char *name_of_pass(size_t i)
{
    return i < pass_count ? passes[i].is.name : NULL;
}

static const char *name_of_extra(size_t i)
{
    return i < EXTRA_COUNT ? extras[i].name : NULL;
}

/* Whether every given name is one of those that `name_of` counts through; `what` says what has such names. */
static bool all_exist(const bnfuse_names *given, const char *(*name_of)(size_t i), const char *what,
                      struct bnfuse_error *error)
{
    if (given->count && !given->names) return fail(error, BNFUSE_USAGE, "%zu names are NULL", given->count);
    for (size_t i = 0; i < given->count; i++) {
        const char *name = given->names[i];
        if (!name) return fail(error, BNFUSE_USAGE, "a name is NULL");
        const char *known = "";
        for (size_t k = 0; name_of && (known = name_of(k)) && strcmp(known, name) != 0;) k++;
        if (!known) return fail(error, BNFUSE_USAGE, "there is no %s \"%s\"", what, name);
    }
    return true;
}

static bool names_are_good(const bnfuse_fuse_options *options, struct bnfuse_error *error)
{
    return all_exist(&options->enabled, name_of_extra, "fold to enable called", error)
           && all_exist(&options->disabled, name_of_pass, "pass", error)
           && all_exist(&options->skipped, NULL, "", error);
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
    bnfuse_fuse_options options;
};

static bool fuse(void *context, struct bnfuse_error *error)
{
    struct fuse_call *call = context;
    struct bnfuse_model *model = call->model;
    const bnfuse_fuse_options *options = &call->options;
    struct pass_report report = { .remarks = NULL };
    if (!options->any_opset && !opset_is_known(model, error)) return false;
    if (!names_are_good(options, error)) return false;
    summarize_before(model);
    model->after.freeze_weights = options->freeze_weights;
    model->is_fused = model->is_broken = true;
    model->assumes_inference = options->assume_inference;
    if (options->assume_inference) assume_inference(&model->after);
    if (!fix_shapes(&model->after, options, error)) return false;
    model->is_fusing = true;
    if (!passes_run(&model->after, options, &report, error)) return false;
    model->is_unread = options->unread;
    summarize_after(model, &report);
    model->is_broken = false;
    return true;
}

static bool null_in_list(bnfuse_error *error)
{
    return fail(error, BNFUSE_USAGE, "a list of the options, or a name in it, is NULL");
}

static bool dims_are_good(const bnfuse_dim *dims, size_t count, bnfuse_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (!dims || !dims[i].name) return null_in_list(error);
        if (dims[i].size < 1)
            return fail(error, BNFUSE_USAGE, "the size of dimension \"%s\" is %lld, must be 1 or more", dims[i].name,
                        (long long)dims[i].size);
    }
    return true;
}

static bool shape_is_good(const bnfuse_shape *shape, bnfuse_error *error)
{
    if (shape->rank < 0 || shape->rank > TENSOR_MAX_RANK)
        return fail(error, BNFUSE_USAGE, "the shape of \"%s\" has %d dimensions, must have 0 to %d", shape->name,
                    shape->rank, TENSOR_MAX_RANK);
    if (!shape->dims && shape->rank) return null_in_list(error);
    for (int axis = 0; axis < shape->rank; axis++)
        if (shape->dims[axis] < 1)
            return fail(error, BNFUSE_USAGE, "the shape of \"%s\" has the size %lld, must be 1 or more", shape->name,
                        (long long)shape->dims[axis]);
    return true;
}

static bool shapes_are_good(const bnfuse_shape *shapes, size_t count, bnfuse_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (!shapes || !shapes[i].name) return null_in_list(error);
        if (!shape_is_good(&shapes[i], error)) return false;
    }
    return true;
}

bool bnfuse_fuse(bnfuse_model *model, const bnfuse_fuse_options *options, bnfuse_error *error)
{
    struct fuse_call call = { .model = model };
    bnfuse_fuse_options_init(&call.options);
    if (is_unfit(model, "model", error) || !options_take(&call.options, sizeof call.options, options, error))
        return false;
    if (!dims_are_good(call.options.dims, call.options.dim_count, error)
        || !shapes_are_good(call.options.shapes, call.options.shape_count, error))
        return false;
    if (model->is_calibrated)
        return fail(error, BNFUSE_USAGE, "%s: was calibrated; write it, and load what was written", model->name);
    if (model->is_fused) return fail(error, BNFUSE_USAGE, "%s: was fused before", model->name);
    if (call.options.dim_count || call.options.shape_count) limit_widen(model);
    bool fused = guarded(&model->memory, fuse, &call, error);
    model->is_fusing = false;
    return error_with_name(model, fused, error);
}

const bnfuse_report *bnfuse_get_report(const bnfuse_model *model)
{
    return model && model->is_fused && !model->is_broken ? &model->report : NULL;
}

/* ---- check ---- */

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

static const struct verdict *verdict_row(bnfuse_verdict verdict)
{
    static const struct verdict none = { "", BNFUSE_USAGE };
    return (unsigned)verdict < sizeof verdicts / sizeof *verdicts ? &verdicts[verdict] : &none;
}

const char *bnfuse_verdict_text(bnfuse_verdict verdict)
{
    return verdict_row(verdict)->text;
}

bnfuse_status bnfuse_verdict_status(bnfuse_verdict verdict)
{
    return verdict_row(verdict)->status;
}

const char *bnfuse_level_text(bnfuse_level level)
{
    static const char *const texts[] = { "quick", "standard", "full" };
    return (unsigned)level < sizeof texts / sizeof *texts ? texts[level] : "";
}

struct check_call {
    struct bnfuse_model *a, *b;
    bnfuse_check_options options;
    struct bnfuse_check_result *result;
    struct input_set set; /* the one in use */
    size_t held;          /* bytes of b's budget that sets of inputs draw */
};

/* Whether the lists that the caller set are there, and their sizes are some. */
static bool lists_exist(const bnfuse_check_options *options, struct bnfuse_error *error)
{
    bool exist =
        (options->sets || options->set || !options->set_count) && (options->tolerances || !options->tolerance_count);
    for (size_t i = 0; exist && options->sets && i < options->set_count; i++) exist = options->sets[i];
    for (size_t i = 0; exist && i < options->tolerance_count; i++) exist = options->tolerances[i].name;
    return exist ? dims_are_good(options->dims, options->dim_count, error)
                       && shapes_are_good(options->shapes, options->shape_count, error)
                 : null_in_list(error);
}

static bool is_level(bnfuse_level level, struct bnfuse_error *error)
{
    return (unsigned)level <= BNFUSE_LEVEL_FULL || fail(error, BNFUSE_USAGE, "there is no level %d", (int)level);
}

static bool take_options(struct check_call *call, const bnfuse_check_options *options, struct bnfuse_error *error)
{
    const bnfuse_check_options *taken = &call->options;
    bnfuse_check_options_init(&call->options);
    if (!options_take(&call->options, sizeof call->options, options, error) || !lists_exist(taken, error)
        || !is_level(taken->level, error) || threads_are_negative(taken->threads, error))
        return false;
    if (taken->set_count || taken->dim_count || taken->shape_count) {
        limit_widen(call->a);
        limit_widen(call->b);
    }
    return true;
}

/* What sets of inputs take counts against the budget of b. */
static void hold(struct check_call *call, size_t bytes)
{
    call->b->memory.used += bytes - call->held;
    call->held = bytes;
}

/* The caller's `set` releases the one before, which is therefore not counted any more while this one is read. */
static const bnfuse_tensors *read_set(struct check_call *call, size_t index, struct bnfuse_error *error)
{
    struct bnfuse_error why = { .status = BNFUSE_OK };
    hold(call, 0);
    const bnfuse_tensors *set = call->options.set(call->options.context, index, &why);
    if (set) hold(call, tensors_bytes(&set, 1));
    else if (why.status == BNFUSE_OK) fail(&why, BNFUSE_CANCELLED, "set %zu of the inputs was not given", index);
    if (!set && error) *error = why;
    return set;
}

static const struct input_set *take_set(void *context, size_t index, struct bnfuse_error *error)
{
    struct check_call *call = context;
    const bnfuse_tensors *set = call->options.sets ? call->options.sets[index] : read_set(call, index, error);
    if (!set) return NULL;
    call->set = (struct input_set){ .name = "", .data = set->data, .count = set->count };
    return &call->set;
}

static struct check_options check_options(struct check_call *call)
{
    return (struct check_options){ .asked = call->options,
                                   .sets = { call->options.set_count, take_set, call },
                                   .memory = &call->b->memory };
}

/* Within the budget of b, on which the sets of inputs draw as well. */
static bool guarded_with_sets(bool (*work)(void *context, struct bnfuse_error *error), struct check_call *call,
                              struct bnfuse_error *error)
{
    struct memory *memory = &call->b->memory;
    if (call->options.sets) hold(call, tensors_bytes(call->options.sets, call->options.set_count));
    bool good = guarded(memory, work, call, error);
    hold(call, 0);
    return good;
}

static bool check(void *context, struct bnfuse_error *error)
{
    struct check_call *call = context;
    struct check_options options = check_options(call);
    call->result = NEW(&call->b->arena, struct bnfuse_check_result);
    const struct net *before = index_to_check(call->b, error);
    return before && check_fusion(before, &call->b->after, &options, call->result, error);
}

const bnfuse_check_result *bnfuse_check(bnfuse_model *model, const bnfuse_check_options *options, bnfuse_error *error)
{
    struct check_call call = { .a = model, .b = model };
    if (is_unfit(model, "model", error) || !take_options(&call, options, error)) return NULL;
    return error_with_name(model, guarded_with_sets(check, &call, error), error) ? call.result : NULL;
}

static bool prepare(void *context, struct bnfuse_error *error)
{
    struct bnfuse_model *model = context;
    return index_with_shapes(model, error);
}

static bool compare(void *context, struct bnfuse_error *error)
{
    struct check_call *call = context;
    struct check_options options = check_options(call);
    options.is_unrelated = true;
    call->result = NEW(&call->b->arena, struct bnfuse_check_result);
    return check_compare(&call->a->after, &call->b->after, &options, call->result, error);
}

struct diff_call {
    struct bnfuse_model *a, *b;
    bnfuse_changes *changes;
};

static bool diff(void *context, struct bnfuse_error *error)
{
    struct diff_call *call = context;
    const struct net *a = index_as_read(call->a, error), *b = a ? index_as_read(call->b, error) : NULL;
    call->changes = NEW(&call->b->arena, bnfuse_changes);
    return b && diff_find(a, b, &call->b->arena, call->changes, error);
}

static bool prepare_diff(void *context, struct bnfuse_error *error)
{
    return index_as_read(context, error) && prepare(context, error);
}

const bnfuse_changes *bnfuse_diff(bnfuse_model *a, bnfuse_model *b, bnfuse_error *error)
{
    struct diff_call call = { a, b, NULL };
    if (is_unfit(a, "a", error) || is_unfit(b, "b", error)) return NULL;
    bool found = error_with_name(a, guarded(&a->memory, prepare_diff, a, error), error)
                 && error_with_name(b, guarded(&b->memory, prepare_diff, b, error), error)
                 && error_with_name(b, guarded(&b->memory, diff, &call, error), error);
    return found ? call.changes : NULL;
}

const char *bnfuse_change_kind_text(bnfuse_change_kind kind)
{
    static const char *const texts[] = { "added", "removed", "changed", "renamed", "moved" };
    return (size_t)kind < sizeof texts / sizeof *texts ? texts[kind] : "";
}

const char *bnfuse_change_subject_text(bnfuse_change_subject subject)
{
    static const char *const texts[] = { "model", "input", "output", "node", "tensor", "function" };
    return (size_t)subject < sizeof texts / sizeof *texts ? texts[subject] : "";
}

const bnfuse_check_result *bnfuse_compare(bnfuse_model *a, bnfuse_model *b, const bnfuse_check_options *options,
                                          bnfuse_error *error)
{
    struct check_call call = { .a = a, .b = b };
    if (is_unfit(a, "a", error) || is_unfit(b, "b", error) || !take_options(&call, options, error)) return NULL;
    if (a == b) {
        fail(error, BNFUSE_USAGE, "%s: is compared with itself; load it twice", a->name);
        return NULL;
    }
    if (!error_with_name(a, guarded(&a->memory, prepare, a, error), error)) return NULL;
    const size_t held = a->memory.used; /* both stay within what b may take, or by default the larger one */
    if (a->has_default_limit && b->has_default_limit && a->memory.limit > b->memory.limit)
        b->memory.limit = a->memory.limit;
    b->memory.used += held;
    bool compared = error_with_name(b, guarded(&b->memory, prepare, b, error), error)
                    && error_with_name(b, guarded_with_sets(compare, &call, error), error);
    b->memory.used -= held;
    return compared ? call.result : NULL;
}

/* ---- calibrate ---- */

struct calibrate_call {
    struct check_call check;
    double momentum;
    bnfuse_calibration *result;
};

static bool calibrate(void *context, struct bnfuse_error *error)
{
    struct calibrate_call *call = context;
    struct bnfuse_model *model = call->check.b;
    struct check_options options = check_options(&call->check);
    call->result = NEW(&model->arena, bnfuse_calibration);
    bool prepared = prepare(model, error);
    model->is_calibrated = true;
    return prepared && check_calibrate(&model->after, &options, call->momentum, call->result, error);
}

const bnfuse_calibration *bnfuse_calibrate(bnfuse_model *model, const bnfuse_check_options *options, double momentum,
                                           bnfuse_error *error)
{
    struct calibrate_call call = { .check = { .a = model, .b = model }, .momentum = momentum };
    if (is_unfit(model, "model", error) || !take_options(&call.check, options, error)) return NULL;
    if (model->is_fused || model->is_calibrated || !(momentum > 0 && momentum <= 1)) {
        fail(error, BNFUSE_USAGE, "%s: %s", model->name,
             momentum > 0 && momentum <= 1 ? "was fused or calibrated before" : "momentum is not above 0 and up to 1");
        return NULL;
    }
    bool done = error_with_name(model, guarded_with_sets(calibrate, &call.check, error), error);
    model->is_broken |= !done;
    return done ? call.result : NULL;
}

/* ---- write ---- */

struct write_call {
    struct bnfuse_model *model;
    const char *path; /* NULL: to memory */
    bnfuse_write_options options;
    void *bytes;
    size_t size;
};

static void list_written(struct bnfuse_model *model, const struct draft *draft)
{
    const struct draft_file *files[] = { &draft->model, &draft->data };
    size_t count = draft->data.name ? 2 : 1;
    const bnfuse_written **list = NEW_ARRAY(&model->arena, const bnfuse_written *, count);
    for (size_t i = 0; i < count; i++) {
        bnfuse_written *written = NEW(&model->arena, bnfuse_written);
        *written =
            (bnfuse_written){ arena_copy_text(&model->arena, files[i]->name), files[i]->bytes, files[i]->sha256 };
        list[i] = written;
    }
    model->report.written = list;
    model->report.written_count = count;
    model->report.after.bytes = draft->model.bytes;
}

static bool prepare_write(void *context, struct bnfuse_error *error)
{
    struct write_call *call = context;
    struct bnfuse_model *model = call->model;
    struct write_options options = { .external_data = call->options.external_data,
                                     .digest = call->options.digest,
                                     .finds_overflow = model->is_unread };
    draft_close(&model->draft);
    bool drafted = draft_write(&model->draft, &model->after, call->path, &options, error);
    model->report.overflows = model->draft.has_overflow;
    if (!drafted) return false;
    list_written(model, &model->draft);
    note_written(model, model->draft.model.bytes + (model->draft.data.name ? model->draft.data.bytes : 0));
    return true;
}

bool bnfuse_prepare(bnfuse_model *model, const char *path, const bnfuse_write_options *options, bnfuse_error *error)
{
    struct write_call call = { .model = model, .path = path };
    bnfuse_write_options_init(&call.options);
    if (is_unfit(model, "model", error) || is_missing(path, "path", error)
        || !options_take(&call.options, sizeof call.options, options, error))
        return false;
    return error_with_name(model, guarded(&model->memory, prepare_write, &call, error), error);
}

static bool run_written(void *context, struct bnfuse_error *error)
{
    struct check_call *call = context;
    struct check_options options = check_options(call);
    const struct net *written = draft_net(&call->b->draft, error);
    return written && check_read_back(&call->b->after, written, &options, error);
}

bool bnfuse_check_written(bnfuse_model *model, const bnfuse_check_options *options, bnfuse_error *error)
{
    struct check_call call = { .a = model, .b = model };
    if (is_unfit(model, "model", error) || !take_options(&call, options, error)) return false;
    if (!model->draft.writing) return fail(error, BNFUSE_USAGE, "%s: nothing is prepared to be written", model->name);
    return error_with_name(model, guarded(&model->memory, prepare, model, error), error)
           && error_with_name(model, guarded_with_sets(run_written, &call, error), error);
}

bool bnfuse_commit(bnfuse_model *model, bnfuse_error *error)
{
    if (is_unfit(model, "model", error)) return false;
    if (!model->draft.writing) return fail(error, BNFUSE_USAGE, "%s: nothing is prepared to be written", model->name);
    bool committed = error_with_name(model, draft_commit(&model->draft, error), error);
    draft_close(&model->draft);
    return committed;
}

bool bnfuse_write(bnfuse_model *model, const char *path, const bnfuse_write_options *options, bnfuse_error *error)
{
    return bnfuse_prepare(model, path, options, error) && bnfuse_commit(model, error);
}

static bool write_bytes(void *context, struct bnfuse_error *error)
{
    struct write_call *call = context;
    if (!prepare_write(call, error)) return false;
    bool written = draft_bytes(&call->model->draft, &call->bytes, &call->size, error);
    draft_close(&call->model->draft);
    return written;
}

bool bnfuse_write_bytes(bnfuse_model *model, void **bytes, size_t *size, bnfuse_error *error)
{
    struct write_call call = { .model = model };
    if (bytes) *bytes = NULL;
    if (size) *size = 0;
    if (is_unfit(model, "model", error) || is_missing(bytes, "bytes", error) || is_missing(size, "size", error))
        return false;
    bool written = error_with_name(model, guarded(&model->memory, write_bytes, &call, error), error);
    if (written) *bytes = call.bytes;
    if (written) *size = call.size;
    return written;
}

void bnfuse_free_bytes(void *bytes)
{
    free(bytes);
}
