/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that a model's bytes come from. */
#include "api/handles.h"
#include "onnx/write/data_file.h"

#include <sys/stat.h>

static uint64_t size_of_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
}

void sources_find(struct sources *sources, const struct model *model)
{
    struct references references;
    references_of(&references, model->arena, model);
    const size_t own = model->file != NULL;
    const char **paths = NEW_ARRAY(model->arena, const char *, own + references.count);
    *sources = (struct sources){ paths, own + references.count, model->size };
    if (own) paths[0] = model->file->path;
    for (size_t i = 0; i < references.count; i++) {
        const char *path = arena_printf(model->arena, "%s/%s", model->directory, references.names[i]);
        sources->bytes += size_of_file(path);
        paths[own + i] = path;
    }
}
