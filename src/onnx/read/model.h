/* SPDX-License-Identifier: Apache-2.0
 *
 * A model file and the ModelProto read from it. The proto is never changed after loading: what passes change, they
 * change in an index over it (graph.h), and the writer splices the changes into the bytes of the file.
 *
 * Loading, in order: open; wire_scan (wire.h) reads it, rejects what protobuf-c would crash on or cut, and lifts large
 * raw_data out; protobuf-c unpacks the rest into the arena. Nothing is mapped: whoever cuts the file short meanwhile
 * gets an error message, not a signal. */
#ifndef ONNX_READ_MODEL_H
#define ONNX_READ_MODEL_H

#include "onnx/read/span.h"
#include "onnx/read/wire.h"

/* Where external data comes from when it is not beside the file. Its bytes outlive the model. */
struct opener {
    bool (*find)(void *context, const char *location, const void **bytes, uint64_t *size); /* NULL: there is none */
    void *context;
};

struct model {
    struct arena *arena;     /* owns everything here; freed by the one that opened it */
    const char *name;        /* for messages */
    const struct file *file; /* NULL when the model was read from memory */
    const void *bytes;       /* the whole file's bytes when `file` is NULL */
    uint64_t size;
    const BnfuseOnnx__ModelProto *proto;
    const char *directory;    /* where external data is looked for; "." when from memory */
    struct opener opener;     /* asked instead; set after loading, before any tensor is read */
    struct wire *wire;        /* between the two steps of loading; private to model.c */
    const struct part *parts; /* where the messages are (wire.h); parts[0] is the proto */
    size_t part_count;
    uint32_t *part_slots; /* parts by message; private to model.c, as the next */
    size_t part_slot_count;
    struct external_list *externals; /* private to external.c */
};

/* Reads a model. `path` "-" is standard input. AttributeProto.s ends in a NUL that its length does not count, and is
 * NULL when empty. */
bool model_load(struct model *model, struct arena *arena, const char *path, struct bnfuse_error *error);
/* The same for bytes in memory, which must outlive the model. `name` is used in messages. */
bool model_read(struct model *model, struct arena *arena, const char *name, const void *bytes, size_t size,
                struct bnfuse_error *error);

/* The same for a regular file that is open already and stays so. Its external data are looked for in `directory`. */
bool model_load_file(struct model *model, struct arena *arena, const struct file *file, const char *directory,
                     struct bnfuse_error *error);

/* Its two steps: with the first, the parts have their places (and no messages yet). */
bool model_scan_file(struct model *model, struct arena *arena, const struct file *file, const char *directory,
                     struct bnfuse_error *error);
bool model_unpack(struct model *model, struct bnfuse_error *error);

/* Whether the text stands anywhere in a model file, as a name or in an attribute, but for its large raw_data. Far
 * cheaper than loading it, and just as strict. */
bool model_file_holds(struct arena *arena, const char *path, const char *text, bool *holds, struct bnfuse_error *error);

/* Where this message came from, if it is of a kind that wire.h lists; NULL if it was not read from the file. */
const struct part *model_part(const struct model *model, const void *message);

/* The raw_data of this tensor when it was left in the file (then tensor->raw_data is there, but empty). A model read
 * from memory leaves none: there raw_data points into the given bytes, at any alignment. */
bool model_payload(const struct model *model, const BnfuseOnnx__TensorProto *tensor, struct span *span);

/* The opset version imported for `domain` ("" and "ai.onnx" are one); 0 if none. */
int64_t opset_version(BnfuseOnnx__OperatorSetIdProto *const *imports, size_t count, const char *domain);

#endif
