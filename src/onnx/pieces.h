/* SPDX-License-Identifier: Apache-2.0
 *
 * A file about to be written, as a list of pieces: runs of the model it was read from, bytes, and tensors that are
 * streamed through their factors. Sizes are known before anything is written, so that messages get their lengths. */
#ifndef ONNX_PIECES_H
#define ONNX_PIECES_H

#include "onnx/target.h"
#include "onnx/tensor.h"

/* One of the three. */
struct piece {
    uint64_t size;
    struct span span;             /* a run of a file */
    const void *bytes;
    const struct tensor *tensor;  /* packed elements as they will be stored */
    bool is_run;                  /* of the model's own file; another may be joined to it */
};

struct pieces {
    struct arena *arena;
    struct piece *list;
    size_t count, room;
    uint64_t size;
};

/* A message whose content is being added. */
struct open_message {
    size_t piece;
    uint64_t before;
    uint32_t field;
};

/* A run of the model's file, joined with the one before where they touch. */
void pieces_add_run(struct pieces *pieces, const struct model *model, uint64_t start, uint64_t size);
/* The bytes must stay until the pieces are written. */
void pieces_add_bytes(struct pieces *pieces, const void *bytes, uint64_t size);
void pieces_add_zeros(struct pieces *pieces, uint64_t size);
void pieces_add_tensor(struct pieces *pieces, const struct tensor *tensor, uint64_t size);
/* A length-delimited field around what is added between the two. */
struct open_message pieces_begin(struct pieces *pieces, uint32_t field);
void pieces_end(struct pieces *pieces, struct open_message message);

bool pieces_write(const struct pieces *pieces, struct target *target, struct bnfuse_error *error);

#endif
