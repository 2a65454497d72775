/* SPDX-License-Identifier: Apache-2.0
 *
 * External data: one opener, and the list of what it has opened. */
#include "onnx/read/external.h"
#include "base/text.h"

#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct external {
    struct external *next;
    const char *location;
    struct file file;
};

struct external_list {
    struct external *first; /* the one used last: models read their files one after the other */
};

struct external_list *external_list(struct arena *arena)
{
    return NEW(arena, struct external_list);
}

bool tensor_is_external(const BnfuseOnnx__TensorProto *tensor)
{
    return tensor->data_location == BNFUSE_ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

const char *external_key(const BnfuseOnnx__TensorProto *tensor, const char *key)
{
    for (size_t i = tensor->n_external_data; i--;) {
        const BnfuseOnnx__StringStringEntryProto *entry = tensor->external_data[i];
        if (entry->key && !strcmp(entry->key, key)) return entry->value ? entry->value : "";
    }
    return NULL;
}

static bool refuse(struct bnfuse_error *error, const struct model *model, const BnfuseOnnx__TensorProto *tensor,
                   const char *location, const char *what)
{
    return fail(error, BNFUSE_INVALID, "%s: tensor \"%s\": external data \"%s\": %s", model->name,
                text_or_empty(tensor->name), location, what);
}

static void close_external(void *external)
{
    if (((struct external *)external)->file.fd >= 0) close(((struct external *)external)->file.fd);
}

/* Opens a path of plain names beneath `directory`, which is closed: one name after the other, following no link. -1
 * with errno otherwise; EINVAL when a name is none. */
static int open_beneath(int directory, char *path)
{
    for (char *name = path, *slash; directory >= 0; name = slash + 1) {
        slash = strchr(name, '/');
        if (slash) *slash = 0;
        bool plain = *name && strcmp(name, "..");
        int flags = O_CLOEXEC | O_NOFOLLOW | (slash ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK | O_NOCTTY);
        int inner = plain ? openat(directory, name, flags) : -1, reason = plain ? errno : EINVAL;
        close(directory);
        errno = reason;
        directory = inner;
        if (!slash) break;
    }
    return directory;
}

static const char *open_advice(int reason, const char *location)
{
    if (reason == ENOENT && strchr(location, '\\'))
        return "no such file; ONNX wants \"/\" where Windows has \"\\\", so export the model with such a location";
    return reason == EINVAL    ? "must be a path beneath the model's folder, without \"..\"; move the file there"
           : reason == ELOOP   ? "is a symbolic link, which is not followed; put the file itself beside the model"
           : reason == ENOTDIR ? "a folder on its path is missing or a symbolic link, which is not followed"
           : reason == ENOENT  ? "no such file; put it beside the model"
                               : strerror(reason);
}

/* Why this is not a file to read weights from; NULL if it is. */
static const char *unfit(const struct stat *status)
{
    if (!S_ISREG(status->st_mode)) return "is not a regular file";
    if (status->st_nlink > 1) return "has several hard links, so it may be another's file; put a copy beside the model";
    return NULL;
}

/* From the caller's opener. An empty file may be NULL. */
static bool ask_opener(struct external *external, const struct model *model, const BnfuseOnnx__TensorProto *tensor,
                       struct bnfuse_error *error)
{
    struct file *file = &external->file;
    file->path = external->location;
    file->fd = -1;
    if (!model->opener.find(model->opener.context, external->location, &file->bytes, &file->size))
        return refuse(error, model, tensor, external->location, "the caller's opener does not have it");
    if (!file->bytes && file->size)
        return refuse(error, model, tensor, external->location, "the caller's opener gave no bytes");
    if (!file->bytes) file->bytes = "";
    return true;
}

static bool open_external(struct external *external, const struct model *model, const BnfuseOnnx__TensorProto *tensor,
                          struct bnfuse_error *error)
{
    if (model->opener.find) return ask_opener(external, model, tensor, error);
    struct stat status;
    char *path = arena_copy_text(model->arena, external->location);
    external->file.path = arena_printf(model->arena, "%s/%s", model->directory, external->location);
    external->file.fd = open_beneath(open(model->directory, O_PATH | O_DIRECTORY | O_CLOEXEC), path);
    int reason = errno;
    if (external->file.fd < 0)
        return refuse(error, model, tensor, external->location, open_advice(reason, external->location));
    arena_defer(model->arena, close_external, external);
    if (fstat(external->file.fd, &status)) return refuse(error, model, tensor, external->location, strerror(errno));
    const char *problem = unfit(&status);
    if (problem) return refuse(error, model, tensor, external->location, problem);
    external->file.size = (uint64_t)status.st_size;
    external->file.modified = platform_modified(&status);
    return true;
}

/* The file of this location, opened if it is new. */
static const struct file *find_file(const struct model *model, const BnfuseOnnx__TensorProto *tensor,
                                    const char *location, struct bnfuse_error *error)
{
    struct external **link = &model->externals->first, *external;
    while ((external = *link) && strcmp(external->location, location)) link = &external->next;
    if (external) {
        *link = external->next;
    } else {
        external = NEW(model->arena, struct external);
        external->location = location;
        if (!open_external(external, model, tensor, error)) return NULL;
    }
    external->next = model->externals->first;
    model->externals->first = external;
    return &external->file;
}

void external_supply(const struct model *model, const char *location, const struct file *file)
{
    struct external *external = NEW(model->arena, struct external);
    *external = (struct external){ .next = model->externals->first, .location = location, .file = *file };
    model->externals->first = external;
}

/* Whether each key stands there once. There are five; anything beyond a few is not meant to be read. */
static bool has_plain_keys(const BnfuseOnnx__TensorProto *tensor)
{
    enum { MOST_KEYS = 16 };
    if (tensor->n_external_data > MOST_KEYS) return false;
    for (size_t i = 0; i < tensor->n_external_data; i++)
        for (size_t k = 0; k < i; k++) {
            const char *a = tensor->external_data[i]->key, *b = tensor->external_data[k]->key;
            if (strcmp(a ? a : "", b ? b : "") == 0) return false;
        }
    return true;
}

/* A number of plain digits; `absent` when there is no text. */
static bool read_number(const char *text, int64_t absent, int64_t *number)
{
    *number = text ? 0 : absent;
    if (text && !*text) return false;
    for (; text && *text; text++) {
        if (*text < '0' || *text > '9') return false;
        if (!size_multiply(*number, 10, number) || !size_add(*number, *text - '0', number)) return false;
    }
    return true;
}

bool external_open(struct span *span, const struct model *model, const BnfuseOnnx__TensorProto *tensor,
                   int64_t expected_bytes, struct bnfuse_error *error)
{
    int64_t offset, length, end;
    const char *location = external_key(tensor, "location");
    if (!location) return refuse(error, model, tensor, "", "its location is missing");
    if (!has_plain_keys(tensor)) return refuse(error, model, tensor, location, "a key stands there twice");
    if (!read_number(external_key(tensor, "offset"), 0, &offset))
        return refuse(error, model, tensor, location, "its offset is not a number");
    if (!read_number(external_key(tensor, "length"), expected_bytes, &length))
        return refuse(error, model, tensor, location, "its length is not a number");
    if (length != expected_bytes)
        return refuse(error, model, tensor, location, "its length does not fit type and dims of the tensor");
    const struct file *file = find_file(model, tensor, location, error);
    if (!file) return false;
    if (!size_add(offset, length, &end) || (uint64_t)end > file->size)
        return refuse(error, model, tensor, location, "the file ends before the tensor does; get it again");
    *span = (struct span){ file, (uint64_t)offset, (uint64_t)length };
    return true;
}

bool external_is(const struct model *model, const struct stat *status)
{
    struct stat own;
    for (const struct external *external = model->externals->first; external; external = external->next)
        if (!external->file.bytes && !fstat(external->file.fd, &own) && own.st_dev == status->st_dev
            && own.st_ino == status->st_ino)
            return true;
    return false;
}

bool external_is_unchanged(const struct model *model, struct bnfuse_error *error)
{
    for (const struct external *external = model->externals->first; external; external = external->next)
        if (!file_is_unchanged(&external->file, error)) return false;
    return true;
}
