/* SPDX-License-Identifier: Apache-2.0
 *
 * The library: load -> index -> passes -> check -> write, and what can be told on the way. Two indexes lie over one
 * model: `before`, which stays as it was read, and `after`, which the passes edit. */
#include "bnfuse.h"

#include "check/check.h"
#include "check/measure.h"
#include "data/npy.h"
#include "data/npz.h"
#include "data/pb.h"
#include "onnx/shape.h"
#include "onnx/validate.h"
#include "onnx/write.h"
#include "passes/inference.h"
#include "passes/passes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct bnfuse_model {
    struct memory memory;
    struct arena arena;
    const char *name;         /* the file, for messages */
    struct model model;
    struct net before, after;
    bool is_fused, is_inferred;       /* passes have run; shapes of `before` are known */
    bnfuse_report report;
};

struct bnfuse_tensors {
    struct memory memory;
    struct arena arena;
    struct datum *data;
    size_t count, space;
};

void bnfuse_escape(char *to, size_t size, const char *text)
{
    escape_text(to, size, text);
}

/* Messages from below know the node, not the file. */
static bool about(const struct bnfuse_model *model, bool good, struct bnfuse_error *error)
{
    if (good || !error) return good;
    struct bnfuse_error named;
    char name[256];
    escape_text(name, sizeof name, model->name);
    if (strstr(error->message, name)) return false;
    size_t length = strlen(name);
    memcpy(named.message, name, length);
    snprintf(named.message + length, sizeof named.message - length, ": %.760s", error->message);
    memcpy(error->message, named.message, sizeof error->message);
    return false;
}

/* ---- load and index ---- */

struct load_call { struct bnfuse_model *model; const char *path; const void *bytes; size_t size; };

static bool load(void *context, struct bnfuse_error *error)
{
    struct load_call *call = context;
    struct bnfuse_model *model = call->model;
    model->name = arena_copy_text(&model->arena, call->path);
    bool loaded = call->bytes ? model_read(&model->model, &model->arena, model->name, call->bytes, call->size, error)
                              : model_load(&model->model, &model->arena, model->name, error);
    return loaded && net_index(&model->before, &model->arena, &model->model, error) &&
           net_validate(&model->before, error) && net_index(&model->after, &model->arena, &model->model, error);
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
    if (about(model, guarded(&model->memory, load, call, error), error)) return model;
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

static const char *reason_entry(enum reason reason, bool help)
{
    size_t count;
    const bnfuse_reason *reasons = bnfuse_reasons(&count);
    for (size_t i = 0; i < count; i++)
        if (reasons[i].code == (int)reason) return help ? reasons[i].help : reasons[i].text;
    return "";
}

/* What may be enabled. */
static const struct way { const char *name; size_t offset; } ways[] = {
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
        if (k == pass_count) return fail(error, BNFUSE_USAGE, "there is no pass \"%s\" to disable", options->disabled[i]);
    }
    return true;
}

static bool opset_is_known(const struct bnfuse_model *model, struct bnfuse_error *error)
{
    const BnfuseOnnx__ModelProto *proto = model->model.proto;
    int64_t opset = opset_version(proto->opset_import, proto->n_opset_import, "");
    if (opset <= LATEST_OPSET) return true;
    return fail(error, BNFUSE_UNSUPPORTED, "%s: opset %lld of ai.onnx is newer than %d, the newest that this bnfuse knows; "
                "update bnfuse, or export with an older opset", model->name, (long long)opset, LATEST_OPSET);
}

/* ---- the report ---- */

static const char *const outcomes[] = {
    [OUTCOME_FOLDED] = "folded", [OUTCOME_MERGED] = "merged", [OUTCOME_REMOVED] = "removed",
    [OUTCOME_LOWERED] = "lowered", [OUTCOME_STAYS] = "stays",
};

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void report_fates(struct bnfuse_model *model, const struct pass_report *from)
{
    bnfuse_fate *fates = NEW_ARRAY(&model->arena, bnfuse_fate, from->fate_count);
    for (size_t i = 0; i < from->fate_count; i++) {
        const struct fate *fate = &from->fates[i];
        bool stays = fate->outcome == OUTCOME_STAYS;
        fates[i] = (bnfuse_fate){
            .node = or_empty(fate->node), .output = or_empty(fate->output), .scope = or_empty(fate->scope),
            .outcome = outcomes[fate->outcome], .code = stays ? (int)fate->reason : 0,
            .reason = stays ? reason_entry(fate->reason, false) : "", .help = stays ? reason_entry(fate->reason, true) : "",
            .where = or_empty(fate->where), .detail = or_empty(fate->detail), .path = or_empty(fate->path),
        };
        model->report.folded += !stays;
    }
    model->report.fates = fates;
    model->report.fate_count = from->fate_count;
}

struct op_name { const char *op, *domain; int64_t side; };

static int compare_ops(const void *left, const void *right)
{
    const struct op_name *a = left, *b = right;
    int order = strcmp(a->op, b->op);
    return order ? order : strcmp(a->domain, b->domain);
}

static size_t collect_ops(const struct net *net, struct op_name *names, int64_t side)
{
    size_t count = 0;
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));)
        for (const struct node *node = graph->first; node; node = node->next, count++)
            if (names) names[count] = (struct op_name){ node->op, node->domain, side };
    return count;
}

static void report_ops(struct bnfuse_model *model)
{
    size_t before = collect_ops(&model->before, NULL, 0), after = collect_ops(&model->after, NULL, 1);
    struct op_name *names = NEW_ARRAY(&model->arena, struct op_name, before + after);
    collect_ops(&model->before, names, 0);
    collect_ops(&model->after, names + before, 1);
    qsort(names, before + after, sizeof *names, compare_ops);
    bnfuse_op_count *ops = NEW_ARRAY(&model->arena, bnfuse_op_count, before + after);
    size_t count = 0;
    for (size_t i = 0; i < before + after; i++) {
        if (i == 0 || compare_ops(&names[i - 1], &names[i]) != 0)
            ops[count++].op = *names[i].domain ? arena_printf(&model->arena, "%s.%s", names[i].domain, names[i].op)
                                               : names[i].op;
        if (names[i].side) ops[count - 1].after++;
        else ops[count - 1].before++;
    }
    model->report.ops = ops;
    model->report.op_count = count;
    model->report.before.nodes = (int64_t)before;
    model->report.after.nodes = (int64_t)after;
}

static int64_t count_parameters(const struct net *net)
{
    int64_t sum = 0;
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));)
        for (size_t i = 0; i < graph->initializer_count; i++)
            if (graph->initializers[i]->initializer && !size_add(sum, graph->initializers[i]->initializer->count, &sum))
                return INT64_MAX;
    return sum;
}

static void report_all(struct bnfuse_model *model, const struct pass_report *from)
{
    report_fates(model, from);
    report_ops(model);
    model->report.left = from->left;
    model->report.multiply_adds_saved = from->multiply_adds_saved;
    model->report.grown = from->grown;
    model->report.notes = from->notes;
    model->report.note_count = from->note_count;
    model->report.before.parameters = count_parameters(&model->before);
    model->report.before.bytes = model->model.size;
    model->report.after.parameters = count_parameters(&model->after);
}

struct fuse_call { struct bnfuse_model *model; const bnfuse_fuse_options *options; };

static bool fuse(void *context, struct bnfuse_error *error)
{
    struct fuse_call *call = context;
    struct bnfuse_model *model = call->model;
    const bnfuse_fuse_options *from = call->options;
    struct pass_options options = {
        .lower_mul_add = from->lower_mul_add, .fold_limit = from->fold_limit,
        .disabled = from->disabled, .disabled_count = from->disabled_count,
        .skip = from->skipped, .skip_count = from->skipped_count, .progress = from->progress, .context = from->context,
    };
    struct pass_report report = { .fates = NULL };
    if (!from->any_opset && !opset_is_known(model, error)) return false;
    if (!enable_ways(from, &options, error) || !all_passes_exist(from, error)) return false;
    model->after.freeze_weights = from->freeze_weights;
    model->is_fused = true;
    if (from->assume_inference) {
        assume_inference(&model->before);
        assume_inference(&model->after);
    }
    if (!passes_run(&model->after, &options, &report, error)) return false;
    report_all(model, &report);
    return true;
}

bool bnfuse_fuse(bnfuse_model *model, const bnfuse_fuse_options *options, bnfuse_error *error)
{
    bnfuse_fuse_options defaults;
    bnfuse_fuse_options_init(&defaults);
    if (model->is_fused) return fail(error, BNFUSE_USAGE, "%s: was fused before", model->name);
    struct fuse_call call = { model, options ? options : &defaults };
    return about(model, guarded(&model->memory, fuse, &call, error), error);
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

static const struct verdict { const char *text; bnfuse_status status; } verdicts[] = {
    [BNFUSE_VERDICT_IDENTICAL] = { "identical", BNFUSE_OK },
    [BNFUSE_VERDICT_PASS] = { "pass", BNFUSE_OK },
    [BNFUSE_VERDICT_PASS_ROUNDING] = { "pass (rounding only)", BNFUSE_OK },
    [BNFUSE_VERDICT_PASS_SITES] = { "pass (sites only)", BNFUSE_OK },
    [BNFUSE_VERDICT_FAIL] = { "fail", BNFUSE_DIFFER },
    [BNFUSE_VERDICT_ILL_CONDITIONED] = { "ill-conditioned", BNFUSE_OK },
    [BNFUSE_VERDICT_NOT_CHECKED] = { "not checked", BNFUSE_UNSUPPORTED },
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
        .seed = from->seed, .atol = from->atol, .rtol = from->rtol, .threads = from->threads, .full = from->full,
        .memory = &call->b->memory, .sets = sets, .set_count = from->set_count, .dims = from->dims,
        .dim_count = from->dim_count, .shapes = from->shapes, .shape_count = from->shape_count,
        .progress = from->progress, .context = from->context,
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
    return infer_shapes(call->b, error) &&
           check_fusion(&call->b->before, &call->b->after, &options, call->result, error);
}

bool bnfuse_check(bnfuse_model *model, const bnfuse_check_options *options, bnfuse_check_result *result,
                  bnfuse_error *error)
{
    bnfuse_check_options defaults;
    bnfuse_check_options_init(&defaults);
    struct check_call call = { model, model, options ? options : &defaults, result };
    return about(model, guarded(&model->memory, check, &call, error), error);
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
    return check_compare(&call->a->after, &call->b->after, &options, call->result, error);
}

bool bnfuse_compare(bnfuse_model *a, bnfuse_model *b, const bnfuse_check_options *options, bnfuse_check_result *result,
                    bnfuse_error *error)
{
    bnfuse_check_options defaults;
    bnfuse_check_options_init(&defaults);
    struct check_call call = { a, b, options ? options : &defaults, result };
    return about(a, guarded(&a->memory, prepare, a, error), error) &&
           about(b, guarded(&b->memory, prepare, b, error), error) &&
           about(b, guarded(&b->memory, compare, &call, error), error);
}

/* ---- write ---- */

struct write_call { struct bnfuse_model *model; const char *path, *external_data; };

static bool write_model(void *context, struct bnfuse_error *error)
{
    struct write_call *call = context;
    struct write_options options = { .external_data = call->external_data };
    return net_write(&call->model->after, call->path, &options, &call->model->report.after.bytes, error);
}

bool bnfuse_write(bnfuse_model *model, const char *path, const char *external_data, bnfuse_error *error)
{
    struct write_call call = { model, path, external_data };
    return about(model, guarded(&model->memory, write_model, &call, error), error);
}

/* ---- tensors ---- */

bnfuse_tensors *bnfuse_tensors_new(void)
{
    struct bnfuse_tensors *tensors = calloc(1, sizeof *tensors);
    if (tensors) arena_open(&tensors->arena, &tensors->memory);
    return tensors;
}

void bnfuse_tensors_free(bnfuse_tensors *tensors)
{
    if (!tensors) return;
    arena_close(&tensors->arena);
    free(tensors);
}

size_t bnfuse_tensors_count(const bnfuse_tensors *tensors)
{
    return tensors->count;
}

bnfuse_tensor bnfuse_tensors_get(const bnfuse_tensors *tensors, size_t i)
{
    const struct datum *datum = &tensors->data[i];
    const struct tensor *tensor = &datum->tensor;
    if (datum->form != FORM_TENSOR) return (bnfuse_tensor){ .name = datum->name };
    return (bnfuse_tensor){ .name = datum->name, .type = (int)tensor->type, .rank = tensor->rank, .dims = tensor->dims,
                            .count = tensor->count, .bytes = tensor->bytes,
                            .strings = (const char *const *)tensor->strings };
}

static struct datum *add_datum(struct bnfuse_tensors *tensors, const char *name)
{
    if (tensors->count == tensors->space) {
        size_t space = 2 * tensors->space + 8;
        tensors->data = arena_grow(&tensors->arena, tensors->data, tensors->space, space, sizeof *tensors->data);
        tensors->space = space;
    }
    struct datum *datum = &tensors->data[tensors->count++];
    *datum = (struct datum){ .name = arena_copy_text(&tensors->arena, name) };
    return datum;
}

struct add_call { struct bnfuse_tensors *tensors; const bnfuse_tensor *tensor; };

static bool copy_strings(struct arena *arena, struct tensor *to, const bnfuse_tensor *from)
{
    char **strings = NEW_ARRAY(arena, char *, (size_t)to->count);
    for (int64_t i = 0; i < to->count; i++) strings[i] = arena_copy_text(arena, from->strings[i]);
    to->strings = strings;
    return true;
}

static bool add_tensor(void *context, struct bnfuse_error *error)
{
    struct add_call *call = context;
    const bnfuse_tensor *from = call->tensor;
    struct arena *arena = &call->tensors->arena;
    struct tensor to = { .type = (enum dtype)from->type, .rank = from->rank, .count = 1 };
    int64_t size = 0;
    if (from->rank < 0 || from->rank > TENSOR_MAX_RANK || dtype_kind(from->type) == KIND_NONE)
        return fail(error, BNFUSE_USAGE, "tensor \"%s\": no such type or rank", from->name);
    int64_t *dims = NEW_ARRAY(arena, int64_t, (size_t)from->rank);
    for (int axis = 0; axis < from->rank; axis++) {
        dims[axis] = from->dims[axis];
        if (!size_multiply(to.count, dims[axis], &to.count))
            return fail(error, BNFUSE_USAGE, "tensor \"%s\": too large", from->name);
    }
    to.dims = dims;
    if (to.type == DTYPE_STRING) {
        copy_strings(arena, &to, from);
    } else {
        if (!dtype_bytes(to.type, to.count, &size))
            return fail(error, BNFUSE_USAGE, "tensor \"%s\": too large", from->name);
        void *bytes = arena_alloc(arena, (size_t)size);
        if (size) memcpy(bytes, from->bytes, (size_t)size);
        to.bytes = bytes;
    }
    struct datum *datum = add_datum(call->tensors, from->name);
    datum->form = FORM_TENSOR;
    datum->tensor = to;
    return true;
}

bool bnfuse_tensors_add(bnfuse_tensors *tensors, const bnfuse_tensor *tensor, bnfuse_error *error)
{
    return guarded(&tensors->memory, add_tensor, &(struct add_call){ tensors, tensor }, error);
}

struct file_call {
    struct bnfuse_tensors *tensors;
    const struct bnfuse_model *model;
    const char *name, *path;
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static const BnfuseOnnx__TypeProto *type_of(const struct value *value)
{
    return value && value->info ? value->info->type : NULL;
}

static enum dtype declared_type(const BnfuseOnnx__TypeProto *type)
{
    bool tensor = type && type->value_case == BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    return tensor && type->tensor_type->has_elem_type ? (enum dtype)type->tensor_type->elem_type : DTYPE_UNDEFINED;
}

/* numpy's default is float64, most models want float32: better said here than found out later. */
static bool fit_type(const struct file_call *call, struct datum *datum, const char *name, struct bnfuse_error *error)
{
    const struct value *value = call->model ? graph_value(call->model->before.main, name) : NULL;
    enum dtype wanted = declared_type(type_of(value));
    return datum_convert(datum, &call->tensors->arena, wanted) ||
           fail(error, BNFUSE_USAGE, "%s: holds %s, but \"%s\" is declared as %s", call->path,
                dtype_name(datum->tensor.type), name, dtype_name(wanted));
}

static bool read_npz(struct file_call *call, struct bnfuse_error *error)
{
    struct datum *data;
    size_t count;
    if (!npz_read(&data, &count, &call->tensors->arena, call->path, error)) return false;
    for (size_t i = 0; i < count; i++) {
        if (!fit_type(call, &data[i], data[i].name, error)) return false;
        struct datum *datum = add_datum(call->tensors, data[i].name);
        data[i].name = datum->name;
        *datum = data[i];
    }
    return true;
}

static bool read_one(struct file_call *call, struct bnfuse_error *error)
{
    struct arena *arena = &call->tensors->arena;
    if (!call->name) return fail(error, BNFUSE_USAGE, "%s: say which input it is for: NAME=FILE", call->path);
    struct datum datum = { .form = FORM_TENSOR };
    const struct value *value = call->model ? graph_value(call->model->before.main, call->name) : NULL;
    bool read = ends_with(call->path, ".pb") ? pb_read(&datum, arena, call->path, type_of(value), error)
                                             : npy_read(&datum.tensor, arena, call->path, error);
    if (!read || !fit_type(call, &datum, call->name, error)) return false;
    struct datum *to = add_datum(call->tensors, call->name);
    datum.name = to->name;
    *to = datum;
    return true;
}

/* A file left out is a value left out; who needs it will say so. */
static bool read_numbered(struct file_call *call, const char *kind, size_t number, const char *name,
                          struct bnfuse_error *error)
{
    const char *path = arena_printf(&call->tensors->arena, "%s/%s_%zu.pb", call->path, kind, number);
    struct file_call one = { call->tensors, call->model, name, path };
    struct stat status;
    return stat(path, &status) != 0 || read_one(&one, error);
}

/* Input files are numbered over the inputs that have no initializer. */
static bool read_directory(struct file_call *call, struct bnfuse_error *error)
{
    if (!call->model) return fail(error, BNFUSE_USAGE, "%s: a directory is read for a model", call->path);
    const struct graph *graph = call->model->before.main;
    size_t number = 0;
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct value *input = graph->inputs[i];
        if (input->initializer || input->sparse) continue;
        if (!read_numbered(call, "input", number++, input->name, error)) return false;
    }
    return true;
}

static bool read_outputs(void *context, struct bnfuse_error *error)
{
    struct file_call *call = context;
    const struct graph *graph = call->model->before.main;
    for (size_t i = 0; i < graph->output_count; i++)
        if (!read_numbered(call, "output", i, graph->outputs[i]->name, error)) return false;
    return true;
}

bool bnfuse_tensors_read_outputs(bnfuse_tensors *tensors, const bnfuse_model *model, const char *directory,
                                 bnfuse_error *error)
{
    return guarded(&tensors->memory, read_outputs, &(struct file_call){ tensors, model, NULL, directory }, error);
}

static bool read_tensors(void *context, struct bnfuse_error *error)
{
    struct file_call *call = context;
    struct stat status;
    if (stat(call->path, &status) == 0 && S_ISDIR(status.st_mode)) return read_directory(call, error);
    return ends_with(call->path, ".npz") ? read_npz(call, error) : read_one(call, error);
}

bool bnfuse_tensors_read(bnfuse_tensors *tensors, const bnfuse_model *model, const char *name, const char *path,
                         bnfuse_error *error)
{
    return guarded(&tensors->memory, read_tensors, &(struct file_call){ tensors, model, name, path }, error);
}

static const struct datum *find_tensor(const struct bnfuse_tensors *tensors, const char *name)
{
    for (size_t i = 0; i < tensors->count; i++)
        if (strcmp(tensors->data[i].name, name) == 0) return &tensors->data[i];
    return NULL;
}

struct agree_call {
    const struct bnfuse_tensors *expected, *tensors;
    double atol, rtol;
    struct memory memory;
    struct pool pool;
};

static bool agree(void *context, struct bnfuse_error *error)
{
    struct agree_call *call = context;
    struct run_options options = { .memory = &call->memory, .pool = &call->pool };
    for (size_t i = 0; i < call->expected->count; i++) {
        const struct datum *expected = &call->expected->data[i], *got = find_tensor(call->tensors, expected->name);
        struct array *a, *b;
        if (!got) return fail(error, BNFUSE_DIFFER, "output \"%s\" is missing", expected->name);
        if (!array_from_datum(&a, expected, &options, error) || !array_from_datum(&b, got, &options, error)) return false;
        struct bnfuse_difference difference = measure(a, b);
        bool within = within_tolerance(a, b, call->atol, call->rtol);
        array_drop(a);
        array_drop(b);
        if (!within)
            return fail(error, BNFUSE_DIFFER, difference.shape_differs
                        ? "output \"%s\" has another shape or type" : "output \"%s\" differs by %g (at element %lld)",
                        expected->name, difference.largest, (long long)difference.at);
    }
    return true;
}

bool bnfuse_tensors_agree(const bnfuse_tensors *expected, const bnfuse_tensors *tensors, double atol, double rtol,
                          bnfuse_error *error)
{
    struct agree_call call = { .expected = expected, .tensors = tensors, .atol = atol, .rtol = rtol };
    pool_open(&call.pool, &call.memory);
    bool agreed = guarded(&call.memory, agree, &call, error);
    pool_close(&call.pool);
    return agreed;
}

static bool write_directory(struct file_call *call, struct bnfuse_error *error)
{
    struct arena *arena = &call->tensors->arena;
    for (size_t i = 0; i < call->tensors->count; i++) {
        const struct datum *datum = &call->tensors->data[i];
        const struct value *value = graph_value(call->model->before.main, datum->name);
        const char *path = arena_printf(arena, "%s/output_%zu.pb", call->path, i);
        if (!pb_write(datum, arena, path, type_of(value), error)) return false;
    }
    return true;
}

static bool write_tensors(void *context, struct bnfuse_error *error)
{
    struct file_call *call = context;
    struct bnfuse_tensors *tensors = call->tensors;
    struct stat status;
    if (stat(call->path, &status) == 0 && S_ISDIR(status.st_mode)) return write_directory(call, error);
    if (ends_with(call->path, ".npz"))
        return npz_write(tensors->data, tensors->count, &tensors->arena, call->path, error);
    if (tensors->count != 1 || tensors->data[0].form != FORM_TENSOR)
        return fail(error, BNFUSE_USAGE, "%s: there is not exactly one tensor to write; use a directory or FILE.npz",
                    call->path);
    if (ends_with(call->path, ".pb")) return pb_write(tensors->data, &tensors->arena, call->path, NULL, error);
    return npy_write(&tensors->data[0].tensor, &tensors->arena, call->path, error);
}

/* Writing needs scratch memory, and takes it where the tensors live. */
bool bnfuse_tensors_write(const bnfuse_tensors *tensors, const bnfuse_model *model, const char *path,
                          bnfuse_error *error)
{
    struct file_call call = { (struct bnfuse_tensors *)tensors, model, NULL, path };
    return guarded(&call.tensors->memory, write_tensors, &call, error);
}

/* ---- run ---- */

struct run_call {
    struct bnfuse_model *model;
    const struct bnfuse_tensors *inputs;
    struct bnfuse_tensors *outputs;
    bool exact;
    int threads;
    struct pool pool;
};

static bool inputs_exist(const struct run_call *call, struct bnfuse_error *error)
{
    for (size_t i = 0; i < call->inputs->count; i++) {
        const struct value *value = graph_value(call->model->after.main, call->inputs->data[i].name);
        if (!value || !value->is_input)
            return fail(error, BNFUSE_USAGE, "%s: has no input \"%s\"", call->model->name, call->inputs->data[i].name);
    }
    return true;
}

static bool is_optional(const struct value *value)
{
    const BnfuseOnnx__TypeProto *type = type_of(value);
    return type && type->value_case == BNFUSE_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE;
}

/* Fills the given values and their arrays; inputs with an initializer may be left out. */
static bool make_inputs(struct run_call *call, const struct run_options *options, struct value **given,
                        struct array **arrays, size_t *count, struct bnfuse_error *error)
{
    const struct graph *graph = call->model->after.main;
    for (size_t i = 0; i < graph->input_count; i++) {
        struct value *input = graph->inputs[i];
        const struct datum *datum = find_tensor(call->inputs, input->name);
        if (!datum && (input->initializer || input->sparse)) continue;
        if (!datum && !is_optional(input))
            return fail(error, BNFUSE_USAGE, "%s: no data for input \"%s\"; give --input %s=FILE", call->model->name,
                        input->name, input->name);
        given[*count] = input;
        if (datum && !array_from_datum(&arrays[*count], datum, options, error)) return false;
        ++*count;
    }
    return true;
}

static void close_pool(void *pool)
{
    pool_close(pool);
}

/* The outputs draw on a budget of their own, for they outlive the model. */
struct copy_call { struct bnfuse_tensors *to; const struct graph *graph; struct array **from; };

static bool copy_outputs(void *context, struct bnfuse_error *error)
{
    struct copy_call *call = context;
    (void)error;
    for (size_t i = 0; i < call->graph->output_count; i++) {
        struct datum *datum = add_datum(call->to, call->graph->outputs[i]->name);
        datum_from_array(datum, &call->to->arena, datum->name, call->from[i]);
    }
    return true;
}

static bool run_model(struct run_call *call, struct arena *arena, struct bnfuse_error *error)
{
    const struct graph *graph = call->model->after.main;
    struct run_options options = { .exact = call->exact, .threads = call->threads, .memory = &call->model->memory,
                                   .pool = &call->pool, .random_seed = 1 };
    struct value **given = NEW_ARRAY(arena, struct value *, graph->input_count);
    struct array **inputs = NEW_ARRAY(arena, struct array *, graph->input_count);
    struct array **outputs = NEW_ARRAY(arena, struct array *, graph->output_count);
    struct plan *plan;
    size_t count = 0;
    if (!inputs_exist(call, error) || !make_inputs(call, &options, given, inputs, &count, error) ||
        !plan_build(&plan, arena, &call->model->after, given, count, graph->outputs, graph->output_count, error) ||
        !plan_run(plan, &options, inputs, outputs, error))
        return false;
    struct copy_call copy = { call->outputs, graph, outputs };
    return guarded(&call->outputs->memory, copy_outputs, &copy, error);
}

struct guarded_run { struct run_call *call; struct arena arena; };

static bool run_in_arena(void *context, struct bnfuse_error *error)
{
    struct guarded_run *run = context;
    pool_open(&run->call->pool, &run->call->model->memory);
    arena_defer(&run->arena, close_pool, &run->call->pool);
    return run_model(run->call, &run->arena, error);
}

bnfuse_tensors *bnfuse_run(bnfuse_model *model, const bnfuse_tensors *inputs, bool exact, int threads,
                           bnfuse_error *error)
{
    struct run_call call = { .model = model, .inputs = inputs, .outputs = bnfuse_tensors_new(), .exact = exact,
                             .threads = threads };
    struct guarded_run run = { .call = &call };
    if (!call.outputs) {
        fail(error, BNFUSE_INTERNAL, "%s: out of memory", model->name);
        return NULL;
    }
    arena_open(&run.arena, &model->memory);
    bool ran = guarded(&model->memory, run_in_arena, &run, error);
    arena_close(&run.arena);
    if (about(model, ran, error)) return call.outputs;
    bnfuse_tensors_free(call.outputs);
    return NULL;
}
