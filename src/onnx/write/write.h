/* SPDX-License-Identifier: Apache-2.0
 *
 * The index back into a file. The new file is the old one with splices: every message that no edit touched is copied
 * byte for byte, changed nodes and initializers are packed, new weights stream through their factors, and only the
 * lengths of the enclosing messages change. Nothing changed at all => the input's bytes verbatim.
 *
 * Writing has two steps. A draft is the new model, whole, read back and held against the index (verify.h), in files
 * that have no names yet. The commit gives them their names: the data file first, under a name that no file has, then
 * the model, whose rename is the one step that changes anything. So a failed or killed write leaves the old model with
 * its old data, and no temporary behind (a kill may leave `.bnfuse-<process>-<n>.tmp` on file systems that have no
 * files without a name, and a data file that nothing refers to). */
#ifndef ONNX_WRITE_WRITE_H
#define ONNX_WRITE_WRITE_H

#include "onnx/graph/graph.h"

struct write_options {
    const char *external_data; /* file name, beside the target, for all tensors of 1 KiB and more; NULL: as they are */
    bool digest;               /* SHA-256 of what was written, read back */
    bool finds_overflow; /* nobody looked whether a factor carries an element out of its type: fails where one does */
};

/* One file of a draft. */
struct draft_file {
    const char *name; /* as the user will find it: the path given, or a file beside it */
    uint64_t bytes;
    const char *sha256; /* hexadecimal; "" if it was not asked for */
};

struct draft {
    struct draft_file model, data; /* data.name is NULL when there is no data file */
    bool has_overflow;             /* why it failed */
    struct writing *writing;       /* private */
};

/* Makes the files for `path` ("-": standard output; NULL: draft_bytes); in == out is allowed. Memory running out is an
 * error like any other.
 *
 * External data: tensors that are unchanged stay where they are, unless the output goes to another folder, where they
 * would not be found; then they, and in any case new weights of 1 KiB and more, go to `<basename of path>.<digest of
 * the data>.data`. With options->external_data all large tensors go to the file of that name; when it is there already
 * as the data of the model that is being replaced, the digest stands before its extension, and when it is anything
 * else, that is an error. The files of the model that was read are never written. To standard output, changed weights
 * go inline and references stay as they are. */
bool draft_write(struct draft *draft, const struct net *net, const char *path, const struct write_options *options,
                 struct bnfuse_error *error);
/* An index of the new model as it was read back, made anew at every call; NULL with an error. */
const struct net *draft_net(struct draft *draft, struct bnfuse_error *error);
/* The files get their names. Data of the model that was replaced go when neither the new model nor another of its
 * folder refers to them. */
bool draft_commit(struct draft *draft, struct bnfuse_error *error);
/* The model file's content, allocated with malloc, instead of a commit: for a draft whose path was NULL. */
bool draft_bytes(const struct draft *draft, void **bytes, size_t *size, struct bnfuse_error *error);
/* Whether it was committed or not; without commit nothing is left of it. */
void draft_close(struct draft *draft);

/* Both steps. *bytes, if not NULL, receives the size of the model file. */
bool net_write(const struct net *net, const char *path, const struct write_options *options, uint64_t *bytes,
               struct bnfuse_error *error);

#endif
