/* SPDX-License-Identifier: Apache-2.0
 *
 * What was written, read again and held against the index it was written from, before it gets its name.
 *
 * The reader scans and unpacks the new file as it would any other. Then every graph is compared with the index, node by
 * node and name by name; every other message with the one it was copied from, unknown fields included; every tensor
 * with the elements that the check ran on; and what is between the large weights byte by byte. The index is validated
 * before, so a file that says the same is valid, and needs no index of its own. */
#ifndef ONNX_WRITE_VERIFY_H
#define ONNX_WRITE_VERIFY_H

#include "onnx/graph/graph.h"
#include "onnx/write/writer.h"

struct written {
    const struct net *net;                /* what the file must say */
    const struct extents *extents, *data; /* as they were written; data: NULL when there is no data file */
    const struct held_list *held, *data_held;
    const struct file *file, *data_file; /* open for reading; data_file likewise */
    const char *location;                /* of the data file, as the model names it */
    const char *directory;               /* where the model's other data files are */
};

/* First what lies between the weights; `model` is scanned then. The extents are of no more use after it. False with the
 * place of the first difference (BNFUSE_INTERNAL), or when a file cannot be read. */
bool verify_bytes(const struct written *written, struct arena *arena, struct model *model, struct bnfuse_error *error);
/* Then everything else. Unpacks `model`. */
bool verify_model(const struct written *written, struct model *model, struct bnfuse_error *error);

#endif
