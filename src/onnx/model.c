/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes to ModelProto. */
#include "onnx/model.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void *allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

/* The arena frees everything at once. */
static void leave(void *arena, void *block)
{
    (void)arena;
    (void)block;
}

bool model_read(struct model *model, struct arena *arena, const char *name, const void *bytes, size_t size,
                struct bnfuse_error *error)
{
    *model = (struct model){ .arena = arena, .bytes = bytes, .size = size, .directory = "." };
    ProtobufCAllocator allocator = { allocate, leave, arena };
    model->proto = bnfuse_onnx__model_proto__unpack(&allocator, size, bytes);
    if (!model->proto) return fail(error, BNFUSE_INVALID, "%s: not an ONNX model", name);
    return true;
}

static void close_file(void *file)
{
    close(((struct file *)file)->fd);
}

static const char *directory_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return ".";
    return arena_printf(arena, "%.*s", (int)(slash - path + (slash == path)), path);
}

bool model_load(struct model *model, struct arena *arena, const char *path, struct bnfuse_error *error)
{
    struct file *file = NEW(arena, struct file);
    struct stat status;
    file->path = arena_copy_text(arena, path);
    file->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(0);
    if (file->fd < 0) return fail(error, BNFUSE_USAGE, "%s: cannot open: %s", path, strerror(errno));
    arena_defer(arena, close_file, file);
    if (fstat(file->fd, &status)) return fail(error, BNFUSE_USAGE, "%s: %s", path, strerror(errno));
    file->size = (uint64_t)status.st_size;
    struct span all = { file, 0, file->size };
    void *bytes = arena_alloc(arena, file->size);
    if (!span_read(&all, 0, bytes, file->size, error)) return false;
    if (!model_read(model, arena, path, bytes, file->size, error)) return false;
    model->directory = directory_of(arena, path);
    return true;
}

const struct place *model_place(const struct model *model, const void *message)
{
    (void)model;
    (void)message;
    return NULL;
}

bool model_payload(const struct model *model, const BnfuseOnnx__TensorProto *tensor, struct span *span)
{
    (void)model;
    (void)tensor;
    (void)span;
    return false;
}

int64_t opset_version(BnfuseOnnx__OperatorSetIdProto *const *imports, size_t count, const char *domain)
{
    const char *wanted = strcmp(domain, "ai.onnx") ? domain : "";
    for (size_t i = 0; i < count; i++) {
        const char *given = imports[i]->domain ? imports[i]->domain : "";
        if (!strcmp(strcmp(given, "ai.onnx") ? given : "", wanted)) return imports[i]->version;
    }
    return 0;
}
