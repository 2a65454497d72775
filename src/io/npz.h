/* SPDX-License-Identifier: Apache-2.0
 *
 * numpy's .npz archives: one .npy file a name, zipped. No entry is a path: what would make it one (a slash, a colon, a
 * dot at the beginning), and %, are written as %XX of their code, and read back. */
#ifndef IO_NPZ_H
#define IO_NPZ_H

#include "io/bytes.h"
#include "io/datum.h"

/* All tensors of the archive, in its order; names without ".npy". */
bool npz_read(struct datum **data, size_t *count, struct arena *arena, const char *path, struct bnfuse_error *error);
/* Tensors only; BNFUSE_USAGE for a sequence. */
bool npz_write(const struct datum *data, size_t count, struct pending_files *to, const char *path,
               struct bnfuse_error *error);

#endif
