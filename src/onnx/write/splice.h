/* SPDX-License-Identifier: Apache-2.0
 *
 * The index spliced into the bytes it was read from. Messages that neither an edit nor a move of external data touched
 * become runs of the old file, however they were encoded; around the others, only lengths change. */
#ifndef ONNX_WRITE_SPLICE_H
#define ONNX_WRITE_SPLICE_H

#include "onnx/graph/graph.h"
#include "onnx/write/extents.h"

/* Which tensors go to a data file beside the new model, and those that went. */
struct side_data {
    const char *location;   /* the data file's name; NULL: there is none, every new tensor is written inline */
    bool all_large;         /* initializers of WIRE_PAYLOAD bytes and more */
    bool all_external;      /* whatever was external */
    bool new_large;         /* initializers that the file does not hold, of WIRE_PAYLOAD bytes and more */
    struct extents extents; /* the data file's content */
    size_t count;           /* tensors in it */
};

/* Fills `extents` with the new model and side->extents with its data file. Both draw on `arena`. */
bool splice_net(struct extents *extents, struct side_data *side, const struct net *net, struct arena *arena,
                struct bnfuse_error *error);

#endif
