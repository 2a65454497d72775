/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of named tensors: from memory, from files, into files, and against each other. */
#include "api/handles.h"
#include "check/measure.h"
#include "io/npy.h"
#include "io/npz.h"
#include "io/pb.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Element types have two statements, the public one and the table of dtype.h. */
#define ROW(name, ...) _Static_assert((int)BNFUSE_DTYPE_##name == (int)DTYPE_##name, "the public number of this type");
DTYPES(ROW)
#undef ROW

const char *bnfuse_dtype_text(bnfuse_dtype type)
{
    return dtype_name((int64_t)type);
}

bnfuse_tensors *bnfuse_tensors_new(void)
{
    struct bnfuse_tensors *tensors = calloc(1, sizeof *tensors);
    if (tensors) arena_open(&tensors->arena, &tensors->memory);
    return tensors;
}

static void drop_pending(struct bnfuse_tensors *tensors)
{
    if (tensors->pending.arena) arena_close(tensors->pending.arena);
    tensors->pending.arena = NULL;
}

void bnfuse_tensors_free(bnfuse_tensors *tensors)
{
    if (!tensors) return;
    drop_pending(tensors);
    arena_close(&tensors->arena);
    free(tensors);
}

void bnfuse_tensors_limit(bnfuse_tensors *tensors, size_t bytes)
{
    if (tensors) tensors->memory.limit = bytes;
}

size_t tensors_bytes(const struct bnfuse_tensors *const *sets, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += sets[i]->memory.used;
    return bytes;
}

size_t bnfuse_tensors_count(const bnfuse_tensors *tensors)
{
    return tensors ? tensors->count : 0;
}

const bnfuse_tensor *bnfuse_tensors_get(const bnfuse_tensors *tensors, size_t i)
{
    return tensors && i < tensors->count ? tensors->views[i] : NULL;
}

static bnfuse_tensor view_of(const struct datum *datum)
{
    const struct tensor *tensor = &datum->tensor;
    int64_t size = 0;
    if (datum->form != FORM_TENSOR) return (bnfuse_tensor){ .name = datum->name };
    if (tensor->bytes) dtype_bytes(tensor->type, tensor->count, &size);
    return (bnfuse_tensor){ .name = datum->name,
                            .type = (bnfuse_dtype)tensor->type,
                            .rank = tensor->rank,
                            .dims = tensor->dims,
                            .count = tensor->count,
                            .bytes = tensor->bytes,
                            .size = (size_t)size,
                            .strings = (const char *const *)tensor->strings };
}

void tensors_append(struct bnfuse_tensors *tensors, const char *name, const struct datum *datum)
{
    struct arena *arena = &tensors->arena;
    if (tensors->count == tensors->space) {
        size_t space = 2 * tensors->space + 8;
        tensors->data = arena_grow(arena, tensors->data, tensors->space, space, sizeof *tensors->data);
        tensors->views = arena_grow(arena, tensors->views, tensors->space, space, sizeof *tensors->views);
        tensors->space = space;
    }
    bnfuse_tensor *view = NEW(arena, bnfuse_tensor);
    struct datum *to = &tensors->data[tensors->count];
    *to = *datum;
    to->name = arena_copy_text(arena, name);
    *view = view_of(to);
    tensors->views[tensors->count++] = view;
}

struct add_call {
    struct bnfuse_tensors *tensors;
    const bnfuse_tensor *tensor;
};

static bool refuse(const bnfuse_tensor *tensor, const char *what, struct bnfuse_error *error)
{
    return fail(error, BNFUSE_USAGE, "tensor \"%s\": %s", tensor->name, what);
}

static bool copy_dims(struct tensor *to, struct arena *arena, const bnfuse_tensor *from, struct bnfuse_error *error)
{
    if (from->rank < 0 || from->rank > TENSOR_MAX_RANK || dtype_kind(from->type) == KIND_NONE)
        return refuse(from, "no such type or rank", error);
    if (from->rank && !from->dims) return refuse(from, "its dims are NULL", error);
    int64_t *dims = NEW_ARRAY(arena, int64_t, (size_t)from->rank);
    for (int axis = 0; axis < from->rank; axis++) {
        dims[axis] = from->dims[axis];
        if (dims[axis] < 0) return refuse(from, "a dim is negative", error);
        if (!size_multiply(to->count, dims[axis], &to->count)) return refuse(from, "too large", error);
    }
    to->dims = dims;
    return true;
}

static bool copy_strings(struct tensor *to, struct arena *arena, const bnfuse_tensor *from, struct bnfuse_error *error)
{
    if (to->count && !from->strings) return refuse(from, "its strings are NULL", error);
    char **strings = NEW_ARRAY(arena, char *, (size_t)to->count);
    for (int64_t i = 0; i < to->count; i++) {
        if (!from->strings[i]) return refuse(from, "one of its strings is NULL", error);
        strings[i] = arena_copy_text(arena, from->strings[i]);
    }
    to->strings = strings;
    return true;
}

static bool copy_bytes(struct tensor *to, struct arena *arena, const bnfuse_tensor *from, struct bnfuse_error *error)
{
    int64_t size = 0;
    if (!dtype_bytes(to->type, to->count, &size)) return refuse(from, "too large", error);
    if ((uint64_t)size != from->size)
        return fail(error, BNFUSE_USAGE, "tensor \"%s\": its type and dims ask for %lld bytes, not for %zu", from->name,
                    (long long)size, from->size);
    if (size && !from->bytes) return refuse(from, "its bytes are NULL", error);
    void *bytes = arena_alloc(arena, (size_t)size);
    if (size) memcpy(bytes, from->bytes, (size_t)size);
    to->bytes = bytes;
    return true;
}

static bool add_tensor(void *context, struct bnfuse_error *error)
{
    struct add_call *call = context;
    const bnfuse_tensor *from = call->tensor;
    struct arena *arena = &call->tensors->arena;
    struct datum datum = { .form = FORM_TENSOR };
    struct tensor *to = &datum.tensor;
    *to = (struct tensor){ .type = (enum dtype)from->type, .rank = from->rank, .count = 1 };
    if (!copy_dims(to, arena, from, error)) return false;
    if (to->type == DTYPE_STRING ? !copy_strings(to, arena, from, error) : !copy_bytes(to, arena, from, error))
        return false;
    tensors_append(call->tensors, from->name, &datum);
    return true;
}

bool bnfuse_tensors_add(bnfuse_tensors *tensors, const bnfuse_tensor *tensor, bnfuse_error *error)
{
    if (is_missing(tensors, "tensors", error) || is_missing(tensor, "tensor", error)) return false;
    if (is_missing(tensor->name, "tensor->name", error)) return false;
    return guarded(&tensors->memory, add_tensor, &(struct add_call){ tensors, tensor }, error);
}

struct file_call {
    struct bnfuse_tensors *tensors;
    const struct bnfuse_model *model;
    const char *name, *path;
    struct pending_files *to; /* what is written */
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static const BnfuseOnnx__TypeProto *type_in(BnfuseOnnx__ValueInfoProto *const *infos, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (infos[i]->name && !strcmp(infos[i]->name, name)) return infos[i]->type;
    return NULL;
}

/* As the model that was read declares the value; NULL when it does not. */
static const BnfuseOnnx__TypeProto *declared_type(const struct bnfuse_model *model, const char *name)
{
    const BnfuseOnnx__GraphProto *graph = model ? model->model.proto->graph : NULL;
    if (!graph) return NULL;
    const BnfuseOnnx__TypeProto *type = type_in(graph->input, graph->n_input, name);
    if (!type) type = type_in(graph->output, graph->n_output, name);
    return type ? type : type_in(graph->value_info, graph->n_value_info, name);
}

/* numpy's default is float64, most models want float32: better said here than found out later. */
static bool fit_type(const struct file_call *call, struct datum *datum, const char *name, struct bnfuse_error *error)
{
    enum dtype wanted = type_element(declared_type(call->model, name));
    return datum_convert(datum, &call->tensors->arena, wanted)
           || fail(error, BNFUSE_USAGE, "%s: holds %s, but \"%s\" is declared as %s", call->path,
                   dtype_name(datum->tensor.type), name, dtype_name(wanted));
}

static bool read_npz(struct file_call *call, struct bnfuse_error *error)
{
    struct datum *data;
    size_t count;
    if (!npz_read(&data, &count, &call->tensors->arena, call->path, error)) return false;
    for (size_t i = 0; i < count; i++) {
        if (!fit_type(call, &data[i], data[i].name, error)) return false;
        tensors_append(call->tensors, data[i].name, &data[i]);
    }
    return true;
}

static bool read_one(struct file_call *call, struct bnfuse_error *error)
{
    struct arena *arena = &call->tensors->arena;
    if (!call->name) return fail(error, BNFUSE_USAGE, "%s: say which input it is for: NAME=FILE", call->path);
    struct datum datum = { .form = FORM_TENSOR };
    bool read = ends_with(call->path, ".pb")
                    ? pb_read(&datum, arena, call->path, declared_type(call->model, call->name), error)
                    : npy_read(&datum.tensor, arena, call->path, error);
    if (!read || !fit_type(call, &datum, call->name, error)) return false;
    tensors_append(call->tensors, call->name, &datum);
    return true;
}

static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

/* kind_N.pb, kind_N.npy or NAME.npy. A file left out is a value left out; who needs it will say so. */
static bool read_numbered(struct file_call *call, const char *kind, size_t number, const char *name,
                          struct bnfuse_error *error)
{
    struct arena *arena = &call->tensors->arena;
    const char *const paths[] = { arena_printf(arena, "%s/%s_%zu.pb", call->path, kind, number),
                                  arena_printf(arena, "%s/%s_%zu.npy", call->path, kind, number),
                                  arena_printf(arena, "%s/%s.npy", call->path, name) };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct file_call one = { call->tensors, call->model, name, paths[i], NULL };
        if (!(i == 2 && strchr(name, '/')) && is_file(paths[i])) return read_one(&one, error);
    }
    return true;
}

static int is_archive(const struct dirent *entry)
{
    return ends_with(entry->d_name, ".npz");
}

struct listing {
    struct dirent **entries;
    int count;
};

static void release_listing(void *object)
{
    struct listing *listing = object;
    for (int i = 0; i < listing->count; i++) free(listing->entries[i]);
    if (listing->count >= 0) free(listing->entries);
}

/* Every archive of the folder, in the order of their names. */
static bool read_archives(struct file_call *call, struct bnfuse_error *error)
{
    struct arena *arena = &call->tensors->arena;
    struct listing *listing = NEW(arena, struct listing);
    listing->count = scandir(call->path, &listing->entries, is_archive, alphasort);
    if (listing->count < 0) return fail_system(error, errno, "%s: cannot be read", call->path);
    arena_defer(arena, release_listing, listing);
    for (int i = 0; i < listing->count; i++) {
        const char *path = arena_printf(arena, "%s/%s", call->path, listing->entries[i]->d_name);
        struct file_call one = { call->tensors, call->model, NULL, path, NULL };
        if (!read_npz(&one, error)) return false;
    }
    return true;
}

/* Input files are numbered over the inputs that have no initializer; passes leave those as they were. */
static bool read_directory(struct file_call *call, struct bnfuse_error *error)
{
    if (!call->model) return fail(error, BNFUSE_USAGE, "%s: a directory is read for a model", call->path);
    const struct graph *graph = call->model->after.main;
    size_t number = 0, before = call->tensors->count;
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct value *input = graph->inputs[i];
        if (value_is_stored(input)) continue;
        if (!read_numbered(call, "input", number++, input->name, error)) return false;
    }
    if (!read_archives(call, error)) return false;
    return call->tensors->count > before || number == 0
           || fail(error, BNFUSE_USAGE, "%s: holds no data: input_0.pb, input_0.npy, NAME.npy or FILE.npz", call->path);
}

/* Reads within the list's own limit, and within what is left of the model's; by default within what any may take. */
static bool read_within(bool (*read)(void *context, struct bnfuse_error *error), struct file_call *call,
                        struct bnfuse_error *error)
{
    struct memory *own = &call->tensors->memory;
    const size_t limit = own->limit;
    size_t left = SIZE_MAX;
    if (call->model && __builtin_add_overflow(own->used, limit_left(call->model), &left)) left = SIZE_MAX;
    if (!call->model && !limit) left = limit_most();
    if (!limit || left < limit) own->limit = left ? left : 1; /* 0 would be none */
    bool good = guarded(own, read, call, error);
    own->limit = limit;
    return error_prefix(good, call->path, error);
}

static bool read_outputs(void *context, struct bnfuse_error *error)
{
    struct file_call *call = context;
    const BnfuseOnnx__GraphProto *graph = call->model->model.proto->graph;
    for (size_t i = 0; i < graph->n_output; i++)
        if (!read_numbered(call, "output", i, graph->output[i]->name, error)) return false;
    return true;
}

bool bnfuse_tensors_load_outputs(bnfuse_tensors *tensors, const bnfuse_model *model, const char *directory,
                                 bnfuse_error *error)
{
    if (is_missing(tensors, "tensors", error) || is_missing(model, "model", error)
        || is_missing(directory, "directory", error))
        return false;
    return read_within(read_outputs, &(struct file_call){ .tensors = tensors, .model = model, .path = directory },
                       error);
}

static bool read_tensors(void *context, struct bnfuse_error *error)
{
    struct file_call *call = context;
    struct stat status;
    if (stat(call->path, &status) == 0 && S_ISDIR(status.st_mode)) return read_directory(call, error);
    return ends_with(call->path, ".npz") ? read_npz(call, error) : read_one(call, error);
}

bool bnfuse_tensors_load(bnfuse_tensors *tensors, const bnfuse_model *model, const char *name, const char *path,
                         bnfuse_error *error)
{
    if (is_missing(tensors, "tensors", error) || is_missing(path, "path", error)) return false;
    return read_within(read_tensors,
                       &(struct file_call){ .tensors = tensors, .model = model, .name = name, .path = path }, error);
}

const struct datum *tensors_find(const struct bnfuse_tensors *tensors, const char *name)
{
    for (size_t i = 0; i < tensors->count; i++)
        if (strcmp(tensors->data[i].name, name) == 0) return &tensors->data[i];
    return NULL;
}

struct agree_call {
    const struct bnfuse_tensors *expected, *tensors;
    double atol, rtol;
    struct memory memory;
    struct array_pool pool;
};

static bool agree(void *context, struct bnfuse_error *error)
{
    struct agree_call *call = context;
    struct run_options options = { .memory = &call->memory, .pool = &call->pool };
    for (size_t i = 0; i < call->expected->count; i++) {
        const struct datum *expected = &call->expected->data[i], *got = tensors_find(call->tensors, expected->name);
        struct array *a, *b;
        if (!got) return fail(error, BNFUSE_DIFFER, "output \"%s\" is missing", expected->name);
        if (!array_from_datum(&a, expected, &options, error) || !array_from_datum(&b, got, &options, error))
            return false;
        struct bnfuse_difference difference = measure(a, b);
        bool within = within_tolerance(a, b, call->atol, call->rtol);
        array_drop(a);
        array_drop(b);
        if (!within)
            return fail(error, BNFUSE_DIFFER,
                        difference.shape_differs ? "output \"%s\" has another shape or type"
                                                 : "output \"%s\" differs by %g (at element %lld)",
                        expected->name, difference.largest, (long long)difference.at);
    }
    return true;
}

bool bnfuse_tensors_agree(const bnfuse_tensors *expected, const bnfuse_tensors *tensors, double atol, double rtol,
                          bnfuse_error *error)
{
    if (is_missing(expected, "expected", error) || is_missing(tensors, "tensors", error)) return false;
    struct agree_call call = { .expected = expected, .tensors = tensors, .atol = atol, .rtol = rtol };
    pool_open(&call.pool, &call.memory);
    bool agreed = guarded(&call.memory, agree, &call, error);
    pool_close(&call.pool);
    return agreed;
}

static bool write_directory(struct file_call *call, struct bnfuse_error *error)
{
    if (!call->model) return fail(error, BNFUSE_USAGE, "%s: a directory is written for a model", call->path);
    for (size_t i = 0; i < call->tensors->count; i++) {
        const struct datum *datum = &call->tensors->data[i];
        const char *path = arena_printf(call->to->arena, "%s/output_%zu.pb", call->path, i);
        if (!pb_write(datum, call->to, path, declared_type(call->model, datum->name), error)) return false;
    }
    return true;
}

static bool prepare_tensors(void *context, struct bnfuse_error *error)
{
    struct file_call *call = context;
    const struct bnfuse_tensors *tensors = call->tensors;
    struct stat status;
    if (stat(call->path, &status) == 0 && S_ISDIR(status.st_mode)) return write_directory(call, error);
    if (ends_with(call->path, ".npz")) return npz_write(tensors->data, tensors->count, call->to, call->path, error);
    if (tensors->count != 1 || tensors->data[0].form != FORM_TENSOR)
        return fail(error, BNFUSE_USAGE, "%s: there is not exactly one tensor to write; use a directory or FILE.npz",
                    call->path);
    if (ends_with(call->path, ".pb")) return pb_write(tensors->data, call->to, call->path, NULL, error);
    return npy_write(&tensors->data[0].tensor, call->to, call->path, error);
}

/* What a call needs lives with its files, which go with the list. */
bool bnfuse_tensors_prepare(bnfuse_tensors *tensors, const bnfuse_model *model, const char *path, bnfuse_error *error)
{
    if (is_missing(tensors, "tensors", error) || is_missing(path, "path", error)) return false;
    if (!tensors->pending.arena) {
        arena_open(&tensors->scratch, &tensors->memory);
        pending_open(&tensors->pending, &tensors->scratch);
    }
    struct file_call call = { .tensors = tensors, .model = model, .path = path, .to = &tensors->pending };
    return guarded(&tensors->memory, prepare_tensors, &call, error);
}

static bool commit_tensors(void *tensors, struct bnfuse_error *error)
{
    return pending_commit(&((struct bnfuse_tensors *)tensors)->pending, error);
}

bool bnfuse_tensors_commit(bnfuse_tensors *tensors, bnfuse_error *error)
{
    if (is_missing(tensors, "tensors", error)) return false;
    bool committed = !tensors->pending.arena || guarded(&tensors->memory, commit_tensors, tensors, error);
    drop_pending(tensors);
    return committed;
}

bool bnfuse_tensors_write(const bnfuse_tensors *tensors, const bnfuse_model *model, const char *path,
                          bnfuse_error *error)
{
    struct bnfuse_tensors *list = (struct bnfuse_tensors *)tensors; /* files wait there, no tensor changes */
    if (bnfuse_tensors_prepare(list, model, path, error)) return bnfuse_tensors_commit(list, error);
    if (list) drop_pending(list);
    return false;
}
