/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a net: where it goes, which tensors go to a data file, and both put in place when both are whole. */
#include "onnx/write/write.h"

#include "onnx/read/external.h"
#include "onnx/write/splice.h"

#include <limits.h>
#include <string.h>

struct writing {
    const struct net *net;
    const char *path;
    const struct write_options *options;
    struct arena arena;
    struct atomic_file model, data;
    struct extents extents;
    struct side_data side;
    bool has_externals; /* the file that was read refers to others */
};

static bool is_external_part(const struct part *part)
{
    return part->message->descriptor == &bnfuse_onnx__tensor_proto__descriptor
           && tensor_is_external((const BnfuseOnnx__TensorProto *)part->message);
}

static bool has_externals(const struct model *model)
{
    for (size_t i = 0; i < model->part_count; i++)
        if (is_external_part(&model->parts[i])) return true;
    return false;
}

static const char *plain_location(const char *location)
{
    while (location && !strncmp(location, "./", 2)) location += 2;
    return location ? location : "";
}

/* Whether the new model will find the files that the old one refers to. */
static bool same_folder(const struct model *model, const struct atomic_file *target)
{
    struct stat a, b;
    return !stat(model->directory, &a) && !stat(target->directory, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Whether a tensor of the model that was read refers to a file of this name. */
static bool is_referred_to(const struct model *model, const char *name)
{
    for (size_t i = 0; i < model->part_count; i++) {
        if (!is_external_part(&model->parts[i])) continue;
        const char *location = external_key((const BnfuseOnnx__TensorProto *)model->parts[i].message, "location");
        if (!strcmp(plain_location(location), name)) return true;
    }
    return false;
}

/* Whether the model that was read lies in this file, or its weights do. */
static bool is_source(const struct model *model, const struct atomic_file *target)
{
    struct stat status, own;
    if (same_folder(model, target) && is_referred_to(model, target->name)) return true;
    if (stat(target->path, &status)) return false;
    if (model->file && !fstat(model->file->fd, &own) && own.st_dev == status.st_dev && own.st_ino == status.st_ino)
        return true;
    return external_is(model, &status);
}

static bool find_given_data(struct writing *w, const char *name, struct bnfuse_error *error)
{
    if (!w->model.directory)
        return fail(error, BNFUSE_USAGE, "%s: external data needs a file to lie beside; write the model to a file",
                    w->model.path);
    if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, w->model.name))
        return fail(error, BNFUSE_USAGE, "external data \"%s\": must be the name of another file beside the model",
                    name);
    if (!atomic_file_beside(&w->data, &w->arena, &w->model, name, error)) return false;
    if (!is_source(w->net->model, &w->data)) return true;
    return fail(error, BNFUSE_USAGE,
                "%s: holds data of the model that was read, which stays as it is; choose another "
                "name",
                w->data.path);
}

/* <model>.data, or the first of <model>.2.data, ... that does not belong to the model that was read. */
static bool find_usual_data(struct writing *w, struct bnfuse_error *error)
{
    const char *name = arena_printf(&w->arena, "%s.data", w->model.name);
    for (int number = 2;; number++) {
        if (!atomic_file_beside(&w->data, &w->arena, &w->model, name, error)) return false;
        if (!is_source(w->net->model, &w->data)) return true;
        name = arena_printf(&w->arena, "%s.%d.data", w->model.name, number);
    }
}

/* Data stays where it is as far as possible. It moves when the user says so, and when the new model lies in another
 * folder, where it would not be found. New weights of a model with external data become external too. To a stream
 * everything new goes inline. */
static bool place_data(struct writing *w, struct bnfuse_error *error)
{
    const char *given = w->options ? w->options->external_data : NULL;
    if (given) {
        if (!find_given_data(w, given, error)) return false;
        w->side.all_large = w->side.all_external = true;
    } else if (w->model.directory && w->has_externals) {
        if (!find_usual_data(w, error)) return false;
        w->side.new_large = true;
        w->side.all_external = !same_folder(w->net->model, &w->model);
    }
    w->side.location = w->data.name;
    return true;
}

static bool write_file(struct writing *w, struct atomic_file *target, const struct extents *extents,
                       struct bnfuse_error *error)
{
    return atomic_file_open(target, &w->arena, error) && extents_write(extents, target, error)
           && atomic_file_finish(target, error);
}

static bool check_size(const struct writing *w, struct bnfuse_error *error)
{
    if (w->extents.size <= INT_MAX) return true;
    return fail(error, BNFUSE_USAGE,
                "%s: the model would have %llu bytes, and nobody can read one of 2 GiB or more; put "
                "its weights into a file of their own with --external-data FILE",
                w->model.path, (unsigned long long)w->extents.size);
}

static bool sources_are_unchanged(const struct model *model, struct bnfuse_error *error)
{
    return (!model->file || file_is_unchanged(model->file, error)) && external_is_unchanged(model, error);
}

static bool write_all(void *context, struct bnfuse_error *error)
{
    struct writing *w = context;
    w->has_externals = has_externals(w->net->model);
    if (!atomic_file_find(&w->model, &w->arena, w->path, error)) return false;
    if (!place_data(w, error)) return false;
    if (!splice_net(&w->extents, &w->side, w->net, &w->arena, error)) return false;
    if (!check_size(w, error)) return false;
    if (w->side.count && !write_file(w, &w->data, &w->side.extents, error)) return false;
    if (!write_file(w, &w->model, &w->extents, error)) return false;
    if (!sources_are_unchanged(w->net->model, error)) return false;
    if (w->side.count && !atomic_file_commit(&w->data, error)) return false;
    return atomic_file_commit(&w->model, error);
}

bool net_write(const struct net *net, const char *path, const struct write_options *options, uint64_t *bytes,
               struct bnfuse_error *error)
{
    struct writing writing = { .net = net, .path = path, .options = options };
    arena_open(&writing.arena, net->arena->memory);
    bool ok = guarded(net->arena->memory, write_all, &writing, error);
    arena_close(&writing.arena);
    if (ok && bytes) *bytes = writing.extents.size;
    return ok;
}
