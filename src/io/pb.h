/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of ONNX's test layout: TensorProto, SequenceProto (onnx-data.proto) and OptionalProto, each alone in a
 * file.
 *
 * The bytes do not say which of the three they are, so the reader needs the declared type of the graph's input or
 * output. */
#ifndef IO_PB_H
#define IO_PB_H

#include "io/bytes.h"
#include "io/datum.h"

/* `type` is the declared type of the value the file belongs to; NULL: a tensor. */
bool pb_read(struct datum *datum, struct arena *arena, const char *path, const BnfuseOnnx__TypeProto *type,
             struct bnfuse_error *error);
bool pb_parse(struct datum *datum, struct arena *arena, const char *name, struct bytes bytes,
              const BnfuseOnnx__TypeProto *type, struct bnfuse_error *error);
/* Tensor data goes to raw_data (strings to string_data). A value whose declared type is optional is written as an
 * OptionalProto. */
bool pb_write(const struct datum *datum, struct pending_files *to, const char *path, const BnfuseOnnx__TypeProto *type,
              struct bnfuse_error *error);

#endif
