/* SPDX-License-Identifier: Apache-2.0
 *
 * A file about to be written, as a list of extents: runs of the model it was read from, bytes, and tensors that are
 * streamed through their factors. Sizes are known before anything is written, so that messages get their lengths. */
#ifndef ONNX_WRITE_EXTENTS_H
#define ONNX_WRITE_EXTENTS_H

#include "onnx/read/tensor.h"

enum piece_kind { PIECE_HEAD, PIECE_BYTES, PIECE_FILE, PIECE_TENSOR };

/* There are several for each message that is new, so they are small. */
struct piece {
    uint64_t size;
    union {
        uint8_t head[16]; /* tag and length of a message */
        const void *bytes;
        const struct tensor *tensor; /* packed elements as they will be stored */
        struct {
            const struct file *file;
            uint64_t offset; /* within it */
        };
    };
    enum piece_kind kind : 8;
    bool is_run; /* of the model that was read; another may be joined to it */
};

struct extents {
    struct arena *arena;
    struct piece_list *pieces; /* private */
    size_t count;
    uint64_t size;
};

/* A message whose content is being added. */
struct open_message {
    size_t piece;
    uint64_t before;
    uint32_t field;
};

/* Piece i of `count`, until another is added. */
const struct piece *extents_piece(const struct extents *extents, size_t i);
/* Of a head or bytes. */
const void *piece_bytes(const struct piece *piece);
/* No pieces yet. */
void extents_open(struct extents *extents, struct arena *arena);
/* A run of the model's file, joined with the one before where they touch. */
void extents_add_run(struct extents *extents, const struct model *model, uint64_t start, uint64_t size);
/* The bytes must stay until the extents are written. */
void extents_add_bytes(struct extents *extents, const void *bytes, uint64_t size);
void extents_add_zeros(struct extents *extents, uint64_t size);
void extents_add_tensor(struct extents *extents, const struct tensor *tensor, uint64_t size);
/* A length-delimited field around what is added between the two. */
struct open_message extents_begin(struct extents *extents, uint32_t field);
void extents_end(struct extents *extents, struct open_message message);

/* Whether the model just scanned in a file is made of these extents, but for the elements of its large tensors: they
 * are compared as elements (elements.h). */
bool extents_agree(const struct extents *extents, const struct model *model, struct bnfuse_error *error);
/* The same for a data file. */
bool extents_agree_with_data(const struct extents *extents, const struct file *file, struct arena *arena,
                             struct bnfuse_error *error);

#endif
