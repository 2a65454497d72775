/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a net: where it goes, which tensors go to a data file, a draft of both, and their names at the end. */
#include "onnx/write/write.h"

#include "onnx/graph/index.h"
#include "onnx/graph/validate.h"
#include "onnx/read/external.h"
#include "onnx/write/data_file.h"
#include "onnx/write/splice.h"
#include "onnx/write/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct writing {
    const struct net *net;
    const char *path;
    struct write_options options;
    struct arena arena;
    struct arena extents_arena; /* of extents and side, until what was written is verified */
    struct arena read_arena;    /* of the model as read back, and its index, until the commit */
    struct held_list held, data_held;
    struct draft *draft;
    struct atomic_file model, data;
    struct file model_back, data_back; /* as written, for reading */
    struct extents extents;
    struct side_data side;
    struct extents data_extents; /* side.extents as they were written */
    bool has_externals;          /* the file that was read refers to others */
    struct references old_use;   /* of the model that is to be replaced */
    struct references new_use;   /* of the one that replaces it */
    bool is_locked;              /* nobody else gives names in the folder */
    bool is_there;               /* the data file's content was there already, under its name */
    struct model model_read;     /* its proto is NULL when there is none */
};

/* ---- sources ---------------------------------------------------------------------------------------------------- */

static bool has_externals(const struct model *model)
{
    for (size_t i = 0; i < model->part_count; i++) {
        const ProtobufCMessage *message = model->parts[i].message;
        if (message->descriptor == &bnfuse_onnx__tensor_proto__descriptor
            && tensor_is_external((const BnfuseOnnx__TensorProto *)message))
            return true;
    }
    return false;
}

/* Whether the new model will find the files that the old one refers to. */
static bool same_folder(const struct model *model, const struct atomic_file *target)
{
    struct stat a, b;
    return !stat(model->directory, &a) && !stat(target->directory, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Whether weights of the model that was read are in this file, or would. */
static bool holds_weights(struct writing *w, const struct atomic_file *target)
{
    const struct model *model = w->net->model;
    struct references references;
    struct stat status, own;
    references_of(&references, &w->arena, model);
    if (same_folder(model, target) && is_referred_to(&references, target->name)) return true;
    if (stat(target->path, &status)) return false;
    for (size_t i = 0; i < references.count; i++) {
        const char *path = arena_printf(&w->arena, "%s/%s", model->directory, references.names[i]);
        if (!stat(path, &own) && own.st_dev == status.st_dev && own.st_ino == status.st_ino) return true;
    }
    return false;
}

/* Whether the model that was read is in this file, or its weights are. */
static bool is_source(struct writing *w, const struct atomic_file *target)
{
    const struct file *file = w->net->model->file;
    struct stat status, own;
    if (holds_weights(w, target)) return true;
    return file && !stat(target->path, &status) && !fstat(file->fd, &own) && own.st_dev == status.st_dev
           && own.st_ino == status.st_ino;
}

static bool sources_are_unchanged(const struct model *model, struct bnfuse_error *error)
{
    return (!model->file || file_is_unchanged(model->file, error)) && external_is_unchanged(model, error);
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

static bool find_target(struct writing *w, struct bnfuse_error *error)
{
    if (!atomic_file_find(&w->model, &w->arena, w->path, error)) return false;
    if (!w->model.directory) return true;
    if (holds_weights(w, &w->model))
        return fail(error, BNFUSE_USAGE, "%s: holds weights of the model that was read; write to another file",
                    w->model.path);
    return true;
}

static bool check_given_data(struct writing *w, struct bnfuse_error *error)
{
    const char *name = w->options.external_data;
    if (!w->model.directory)
        return fail(error, BNFUSE_USAGE, "%s: external data needs a file to lie beside; write the model to a file",
                    w->model.path);
    if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, w->model.name))
        return fail(error, BNFUSE_USAGE, "external data \"%s\": must be the name of another file beside the model",
                    name);
    if (!atomic_file_beside(&w->data, &w->arena, &w->model, name, error)) return false;
    if (!is_source(w, &w->data)) return true;
    return fail(error, BNFUSE_USAGE,
                "%s: holds data of the model that was read, which stays as it is; choose another name", w->data.path);
}

/* Data stays where it is as far as possible. It moves when the user says so, and when the new model is in another
 * folder, where it would not be found. New weights of a model with external data become external too. To a stream
 * everything new goes inline. */
static bool place_data(struct writing *w, struct bnfuse_error *error)
{
    const char *given = w->options.external_data;
    if (given) {
        if (!check_given_data(w, error)) return false;
        w->side.all_large = w->side.all_external = true;
    } else if (w->model.directory && w->has_externals) {
        w->side.new_large = true;
        w->side.all_external = w->net->model->opener.find || !same_folder(w->net->model, &w->model);
    }
    /* Its name is not known before its content is; how long it is does not matter yet. */
    if (w->side.all_large || w->side.new_large) w->side.location = "";
    return true;
}

/* ---- the data file --------------------------------------------------------------------------------------------- */

static void close_descriptor(void *fd)
{
    if (*(int *)fd >= 0) close(*(int *)fd);
}

/* Whether the file of this name holds just what was written. */
static bool holds_the_same(struct writing *w, const struct atomic_file *target)
{
    struct stat status;
    int *fd = NEW(&w->arena, int);
    *fd = open(target->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    arena_defer(&w->arena, close_descriptor, fd);
    if (*fd < 0 || fstat(*fd, &status) || !S_ISREG(status.st_mode) || status.st_nlink != 1) return false;
    const struct file file = { .path = target->path, .fd = *fd, .size = (uint64_t)status.st_size };
    return same_content(&w->arena, &file, &w->data_back);
}

/* Makes `name` the data file's if no file has it, or one of the same content. */
static bool try_name(struct writing *w, const char *name, struct bnfuse_error *error)
{
    struct atomic_file place;
    struct stat status;
    if (!atomic_file_beside(&place, &w->arena, &w->model, name, error)) return false;
    bool is_free = lstat(place.path, &status) != 0;
    w->is_there = !is_free && !is_source(w, &place) && holds_the_same(w, &place);
    if (!is_free && !w->is_there) return false;
    w->data.name = place.name;
    w->data.path = place.path;
    return true;
}

/* The name given, when it is free; otherwise one with a digest of the content. */
static bool name_data(struct writing *w, struct bnfuse_error *error)
{
    const char *given = w->options.external_data, *name;
    uint64_t digest;
    if (given && try_name(w, given, error)) return true;
    if (given) references_of_file(&w->old_use, &w->arena, w->model.directory, w->model.name);
    if (given && !is_referred_to(&w->old_use, given))
        return fail(error, BNFUSE_USAGE, "%s: is there already, and \"%s\" does not refer to it; choose another name",
                    w->data.path, w->model.name);
    if (!content_digest(&w->arena, &w->data_back, &digest, error)) return false;
    for (uint64_t attempt = 0; attempt < 100; attempt++) {
        name = digest_name(&w->arena, w->model.name, given, digest + attempt);
        if (try_name(w, name, error)) return true;
    }
    return fail(error, BNFUSE_USAGE, "%s: no name is free for its data", w->model.path);
}

static bool write_extents(struct writing *w, const struct extents *extents, struct held_list *held,
                          struct atomic_file *target, struct bnfuse_error *error)
{
    bool *overflow = w->options.finds_overflow ? &w->draft->has_overflow : NULL;
    return extents_write(extents, target, held, overflow, error);
}

static bool write_data(struct writing *w, struct bnfuse_error *error)
{
    if (!splice_net(&w->extents, &w->side, w->net, &w->extents_arena, error)) return false;
    if (!w->side.count) return true;
    w->data.directory = w->model.directory;
    if (!w->data.path) w->data.path = arena_printf(&w->arena, "data of %s", w->model.path);
    w->data_extents = w->side.extents;
    return atomic_file_open(&w->data, &w->arena, error)
           && write_extents(w, &w->data_extents, &w->data_held, &w->data, error)
           && atomic_file_read_back(&w->data, &w->data_back, error) && name_data(w, error);
}

/* ---- the draft -------------------------------------------------------------------------------------------------- */

static bool check_size(const struct writing *w, struct bnfuse_error *error)
{
    if (w->extents.size <= INT_MAX) return true;
    return fail(error, BNFUSE_USAGE,
                "%s: the model would have %llu bytes, and nobody can read one of 2 GiB or more; put "
                "its weights into a file of their own with --external-data FILE",
                w->model.path, (unsigned long long)w->extents.size);
}

static bool write_model(struct writing *w, struct bnfuse_error *error)
{
    if (w->side.count) {
        w->side.location = w->data.name;
        w->side.count = 0;
        if (!splice_net(&w->extents, &w->side, w->net, &w->extents_arena, error)) return false;
    }
    if (!check_size(w, error) || !atomic_file_open(&w->model, &w->arena, error)) return false;
    if (w->side.count) w->model.ending = w->data.ending; /* they wait already */
    return write_extents(w, &w->extents, &w->held, &w->model, error)
           && atomic_file_read_back(&w->model, &w->model_back, error);
}

static bool verify(struct writing *w, struct bnfuse_error *error)
{
    const bool has_data = w->side.count != 0;
    const struct written written = {
        .net = w->net,
        .extents = &w->extents,
        .data = &w->data_extents,
        .held = &w->held,
        .data_held = &w->data_held,
        .file = &w->model_back,
        .data_file = has_data ? &w->data_back : NULL,
        .location = w->data.name,
        .directory = w->model.directory ? w->model.directory : w->net->model->directory,
    };
    if (!verify_bytes(&written, &w->read_arena, &w->model_read, error)) return false;
    arena_close(&w->extents_arena);
    /* References that stay as they are, which is so in memory, mean what they meant. */
    if (!w->model.directory) w->model_read.opener = w->net->model->opener;
    return verify_model(&written, &w->model_read, error);
}

static bool describe(struct writing *w, const struct atomic_file *target, const struct file *file,
                     struct draft_file *to, struct bnfuse_error *error)
{
    *to = (struct draft_file){ target->path, file->size, "" };
    if (!w->options.digest) return true;
    to->sha256 = arena_alloc(w->net->arena, SHA256_TEXT);
    return sha256_of_file((char *)to->sha256, &w->arena, file, error);
}

/* What no reader would take is not written. An index without edits was valid when it was built. */
static bool validate(const struct net *net, struct bnfuse_error *error)
{
    struct bnfuse_error broken;
    if (!net->edit_count || net_validate(net, &broken)) return true;
    if (broken.status == BNFUSE_INTERNAL) return fail(error, broken.status, "%s", broken.message); /* no memory */
    const struct node *wrong = net_contradiction(net);
    if (wrong) /* of the model: its types followed from nothing that was declared, and what is edited shows them */
        return fail(error, BNFUSE_INVALID, "%s: the inputs of %s do not go together: %.600s; nothing was written",
                    net->model->name, node_label(wrong, net->arena), broken.message);
    return fail(error, BNFUSE_INTERNAL, "%s: the fused model is not valid: %.600s; nothing was written; report it",
                net->model->name, broken.message);
}

static bool write_draft(void *context, struct bnfuse_error *error)
{
    struct writing *w = context;
    w->has_externals = has_externals(w->net->model);
    if (!find_target(w, error) || !place_data(w, error) || !validate(w->net, error)) return false;
    if (!write_data(w, error) || !write_model(w, error) || !verify(w, error)) return false;
    if (!describe(w, &w->model, &w->model_back, &w->draft->model, error)) return false;
    if (w->side.count && !describe(w, &w->data, &w->data_back, &w->draft->data, error)) return false;
    if (w->side.count && !atomic_file_finish(&w->data, error)) return false;
    return atomic_file_finish(&w->model, error) && sources_are_unchanged(w->net->model, error);
}

bool draft_write(struct draft *draft, const struct net *net, const char *path, const struct write_options *options,
                 struct bnfuse_error *error)
{
    struct writing *w = memory_take(net->arena->memory, sizeof *w);
    *draft = (struct draft){ .writing = w };
    *w = (struct writing){ .net = net, .path = path, .draft = draft };
    if (options) w->options = *options;
    arena_open(&w->arena, net->arena->memory);
    arena_open(&w->extents_arena, net->arena->memory);
    arena_open(&w->read_arena, net->arena->memory);
    w->held.arena = w->data_held.arena = &w->arena;
    bool ok = guarded(net->arena->memory, write_draft, w, error);
    if (!ok) draft_close(draft);
    return ok;
}

const struct net *draft_net(struct draft *draft, struct bnfuse_error *error)
{
    struct writing *w = draft->writing;
    struct net *net = NEW(&w->read_arena, struct net);
    return net_index(net, &w->read_arena, &w->model_read, error) && net_validate(net, error) ? net : NULL;
}

void draft_close(struct draft *draft)
{
    struct writing *w = draft->writing;
    draft->writing = NULL;
    if (!w) return;
    struct memory *memory = w->net->arena->memory;
    arena_close(&w->extents_arena);
    arena_close(&w->read_arena);
    arena_close(&w->arena);
    memory_give(memory, w, sizeof *w);
}

/* ---- the commit ------------------------------------------------------------------------------------------------- */

/* The data file gets the name that the model has for it. */
static bool link_data(struct writing *w, bool *linked, struct bnfuse_error *error)
{
    struct stat status;
    if (w->is_there && !lstat(w->data.path, &status) && holds_the_same(w, &w->data)) return true;
    *linked = atomic_file_link(&w->data);
    if (*linked && atomic_file_sync_folder(&w->data)) return true;
    int reason = errno;
    if (!*linked && reason == EEXIST && holds_the_same(w, &w->data)) return true;
    return fail(error, BNFUSE_USAGE, "%s: cannot be given its name: %s", w->data.path, strerror(reason));
}

/* All that the commit has to know of the model as it was read back; it takes as much memory as the one that is to be
 * replaced may need. */
static void forget_read(struct writing *w)
{
    references_of(&w->new_use, &w->arena, &w->model_read);
    arena_close(&w->read_arena);
    w->model_read = (struct model){ 0 };
}

static bool commit(void *context, struct bnfuse_error *error)
{
    struct writing *w = context;
    bool linked = false;
    if (!w->model.directory) return atomic_file_commit(&w->model, error);
    if (w->model_read.proto) forget_read(w);
    if (!atomic_file_lock_folder(&w->model, &w->is_locked))
        return fail(error, BNFUSE_USAGE, "%s: another process has its folder locked; run again", w->model.path);
    references_of_file(&w->old_use, &w->arena, w->model.directory, w->model.name);
    bool ok = (!w->side.count || link_data(w, &linked, error)) && atomic_file_commit(&w->model, error);
    if (!ok && linked) unlinkat(w->model.directory_fd, w->data.name, 0);
    return ok;
}

/* Data that only the replaced model had. A source of this run stays, unless it was made for that very model. */
static bool remove_old_data(void *context, struct bnfuse_error *error)
{
    struct writing *w = context;
    for (size_t i = 0; i < w->old_use.count; i++) {
        const char *name = w->old_use.names[i];
        struct atomic_file old;
        struct stat status;
        if (strchr(name, '/') || is_referred_to(&w->new_use, name)) continue;
        if (!atomic_file_beside(&old, &w->arena, &w->model, name, error)) continue;
        if (lstat(old.path, &status) || status.st_nlink != 1) continue;
        if (is_source(w, &old) && !is_digest_name(w->model.name, name)) continue;
        if (!is_used_by_others(&w->arena, w->model.directory, w->model.name, name))
            unlinkat(w->model.directory_fd, name, 0);
    }
    return true;
}

bool draft_commit(struct draft *draft, struct bnfuse_error *error)
{
    struct writing *w = draft->writing;
    struct memory *memory = w->net->arena->memory;
    if (!guarded(memory, commit, w, error)) return false;
    /* Nothing that goes wrong with the old data matters any more: the new model is in its place. */
    if (w->is_locked) guarded(memory, remove_old_data, w, &(struct bnfuse_error){ .status = BNFUSE_OK });
    return true;
}

bool draft_bytes(const struct draft *draft, void **bytes, size_t *size, struct bnfuse_error *error)
{
    const struct file *file = &draft->writing->model_back;
    const struct span whole = { file, 0, file->size };
    char *to = file->size < SIZE_MAX ? malloc((size_t)file->size + 1) : NULL;
    if (!to) return fail(error, BNFUSE_INTERNAL, "no memory for the new model");
    if (!span_read(&whole, 0, to, (size_t)file->size, error)) {
        free(to);
        return false;
    }
    *bytes = to;
    *size = (size_t)file->size;
    return true;
}

bool net_write(const struct net *net, const char *path, const struct write_options *options, uint64_t *bytes,
               struct bnfuse_error *error)
{
    struct draft draft;
    if (!draft_write(&draft, net, path, options, error)) return false;
    bool ok = draft_commit(&draft, error);
    if (ok && bytes) *bytes = draft.model.bytes;
    draft_close(&draft);
    return ok;
}
