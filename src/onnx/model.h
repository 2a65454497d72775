/* SPDX-License-Identifier: Apache-2.0
 *
 * A model file and the ModelProto read from it. The proto is never changed after loading: what passes change, they
 * change in an index over it (graph.h), and the writer splices the changes into the bytes of the file.
 *
 * Loading, in order: open; map for scanning; wire_scan (wire.h) rejects what protobuf-c would crash on or cut, and lifts
 * large raw_data out; protobuf-c unpacks the rest into the arena. */
#ifndef ONNX_MODEL_H
#define ONNX_MODEL_H

#include "onnx/span.h"
#include "onnx.pb-c.h"

/* Where a message lies in the file: [start, start+head) are its tag and length, then `size` bytes of content. */
struct place {
    uint64_t start;
    uint32_t head;
    uint64_t size;
};

struct model {
    struct arena *arena;               /* owns everything here; freed by whoever opened it */
    struct file *file;                 /* NULL when the model was read from memory */
    const void *bytes;                 /* the whole file's bytes when `file` is NULL */
    uint64_t size;
    const BnfuseOnnx__ModelProto *proto;
    struct place_map *places;          /* private to model.c */
    const char *directory;             /* where external data is looked for; "." when from memory */
};

/* Reads a model. `path` "-" is standard input, read into memory. */
bool model_load(struct model *model, struct arena *arena, const char *path, struct bnfuse_error *error);
/* The same for bytes in memory, which must outlive the model. `name` is used in messages. */
bool model_read(struct model *model, struct arena *arena, const char *name, const void *bytes, size_t size,
                struct bnfuse_error *error);

/* Where this GraphProto, NodeProto, AttributeProto, TensorProto, SparseTensorProto, ValueInfoProto or FunctionProto
 * came from; NULL if it was not read from the file. */
const struct place *model_place(const struct model *model, const void *message);

/* The raw_data of this tensor when it was left in the file (then tensor->raw_data holds a placeholder). */
bool model_payload(const struct model *model, const BnfuseOnnx__TensorProto *tensor, struct span *span);

/* The opset version imported for `domain` ("" and "ai.onnx" are one); 0 if none. */
int64_t opset_version(BnfuseOnnx__OperatorSetIdProto *const *imports, size_t count, const char *domain);

#endif
