/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that a model's bytes come from, and how much memory it may take by default. */
#include "api/handles.h"
#include "base/name_map.h"
#include "base/platform.h"
#include "onnx/read/external.h"

#include <string.h>
#include <sys/stat.h>

#define ROOM   ((size_t)2 << 30)
#define GROWTH 128 /* a file of 16 MiB gets all the room */
/* What no budget counts: the program, its stacks, pages of the file, what the allocator adds and does not give back. */
#define BESIDE (ROOM / 4)

/* ---- sources ---- */

/* Of an external tensor: its file, relative to the model's folder. */
static const char *location_of(const struct part *part)
{
    if (part->message->descriptor != &bnfuse_onnx__tensor_proto__descriptor) return NULL;
    const BnfuseOnnx__TensorProto *tensor = (const BnfuseOnnx__TensorProto *)part->message;
    const char *name = tensor_is_external(tensor) ? external_key(tensor, "location") : NULL;
    while (name && !strncmp(name, "./", 2)) name += 2;
    return name && *name ? name : NULL;
}

static uint64_t size_of_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
}

static void add_source(struct sources *sources, struct name_map *seen, const struct model *from, const char *name)
{
    const char **object = NEW(seen->arena, const char *);
    *object = name;
    if (!name_map_add(seen, object)) return;
    const char *path = arena_printf(from->arena, "%s/%s", from->directory, name);
    sources->bytes += size_of_file(path);
    sources->paths[sources->count++] = path;
}

void sources_find(struct sources *sources, const struct model *model)
{
    struct name_map seen;
    size_t count = model->file != NULL;
    for (size_t i = 0; i < model->part_count; i++) count += location_of(&model->parts[i]) != NULL;
    *sources = (struct sources){ .paths = NEW_ARRAY(model->arena, const char *, count), .bytes = model->size };
    if (model->file) sources->paths[sources->count++] = model->file->path;
    if (sources->count == count) return;
    struct arena *scratch = arena_scratch(model->arena);
    name_map_open(&seen, scratch);
    for (size_t i = 0; i < model->part_count; i++) {
        const char *name = location_of(&model->parts[i]);
        if (name) add_source(sources, &seen, model, name);
    }
    arena_close(scratch);
}

/* ---- limits ---- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t limit_most(void)
{
    const size_t all = platform_memory();
    return least(all / 4 > ROOM ? all / 4 : ROOM, all);
}

/* For what a small model says of itself: one of up to 16 MiB ends within 2 GiB of all that the process takes. */
static size_t limit_of(uint64_t bytes)
{
    const size_t most = limit_most(), small = ROOM - BESIDE;
    if (bytes >= most / GROWTH) return most;
    return least(most, bytes > ROOM / GROWTH ? (size_t)bytes * GROWTH : small);
}

void limit_set(struct bnfuse_model *model, size_t asked)
{
    model->has_default_limit = !asked;
    model->memory.limit = asked == SIZE_MAX ? 0 : asked ? asked : limit_most();
}

void limit_narrow(struct bnfuse_model *model)
{
    if (model->has_default_limit && !model->model.opener.find) model->memory.limit = limit_of(model->sources.bytes);
}

void limit_widen(struct bnfuse_model *model)
{
    if (model->has_default_limit) model->memory.limit = limit_most();
    model->has_default_limit = false;
}

size_t limit_left(const struct bnfuse_model *model)
{
    const size_t used = model->memory.used, limit = model->has_default_limit ? limit_most() : model->memory.limit;
    return !limit ? SIZE_MAX : limit > used ? limit - used : 0;
}
