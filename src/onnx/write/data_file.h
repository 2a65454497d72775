/* SPDX-License-Identifier: Apache-2.0
 *
 * Which data file belongs to which model of a folder: what names are free, and what may go when a model is replaced. */
#ifndef ONNX_WRITE_DATA_FILE_H
#define ONNX_WRITE_DATA_FILE_H

#include "base/sha256.h"
#include "onnx/graph/graph.h"

/* The files that a model's tensors refer to, relative to its folder, each once. */
struct references {
    const char **names;
    size_t count;
};

void references_of(struct references *references, struct arena *arena, const struct model *model);
/* Of the model file `name` in `directory`; none when it cannot be read as a model. */
void references_of_file(struct references *references, struct arena *arena, const char *directory, const char *name);
bool is_referred_to(const struct references *references, const char *name);

/* Whether a model in the folder other than `except` refers to the file; true as well when that is unknown. */
bool is_used_by_others(struct arena *arena, const char *directory, const char *except, const char *name);

/* Whether two open files hold the same bytes. */
bool same_content(struct arena *arena, const struct file *a, const struct file *b);

/* A digest of what the file holds, for its name: equal for equal content, and no secret. */
bool content_digest(struct arena *arena, const struct file *file, uint64_t *digest, struct bnfuse_error *error);

bool sha256_of_file(char text[static SHA256_TEXT], struct arena *arena, const struct file *file,
                    struct bnfuse_error *error);

/* `<base>.<digest>.data`, or with `given` the digest before its extension. Its length is bounded. */
const char *digest_name(struct arena *arena, const char *base, const char *given, uint64_t digest);
/* Whether digest_name made this name for the model `base`. */
bool is_digest_name(const char *base, const char *name);

#endif
