/* SPDX-License-Identifier: Apache-2.0
 *
 * The index back into a file. The new file is the old one with splices: every message that no edit touched is copied
 * byte for byte (copy_file_range for long runs), changed nodes and initializers are packed, new weights stream through
 * their factors in extents of 256 KiB, and only the lengths of the enclosing messages change. Nothing changed at all =>
 * the input's bytes verbatim.
 *
 * The target is replaced atomically: temporary file in its directory, fsync, rename, fsync of the directory; the mode
 * of an existing target is kept. A failed or killed write leaves the old target whole and no temporary behind (a kill
 * may leave it on file systems that have no files without a name). */
#ifndef ONNX_WRITE_WRITE_H
#define ONNX_WRITE_WRITE_H

#include "onnx/graph/graph.h"

struct write_options {
    const char *external_data; /* file name, beside the target, for all tensors of 1 KiB and more; NULL: as they are */
};

/* Writes to `path` ("-": standard output); in == out is allowed. *bytes, if not NULL, receives the size of the model
 * file.
 *
 * External data: tensors that nobody changed stay where they are, unless the output goes to another folder, where they
 * would not be found; then they, and in any case new weights of 1 KiB and more, go to `<basename of path>.data`, or
 * `<basename>.2.data` where that name belongs to the model that was read, whose files are never written. To standard
 * output, changed weights go inline and references stay as they are. Memory running out is an error like any other. */
bool net_write(const struct net *net, const char *path, const struct write_options *options, uint64_t *bytes,
               struct bnfuse_error *error);

#endif
