/* SPDX-License-Identifier: Apache-2.0
 *
 * numpy's .npy files (versions 1.0 to 3.0, numpy.lib.format) as tensors.
 *
 * Read: bool, whole, real and complex types of either byte order and either memory order, and fixed-width unicode or
 * byte strings. Raw types (V1, V2) are what extension types are saved as: V2 reads as bfloat16, V1 as uint8. Python
 * objects are refused: they are pickles, that is, programs. Written: C order, little-endian; 4-bit and 2-bit whole
 * types as one int8 or uint8 an element, 8-bit and 4-bit floats as float32, bfloat16 as float32. */
#ifndef IO_NPY_H
#define IO_NPY_H

#include "io/bytes.h"
#include "onnx/read/tensor.h"

/* The tensor lives in the arena. `name` (a path) is for messages. */
bool npy_read(struct tensor *tensor, struct arena *arena, const char *path, struct bnfuse_error *error);
bool npy_parse(struct tensor *tensor, struct arena *arena, const char *name, struct bytes bytes,
               struct bnfuse_error *error);

bool npy_write(const struct tensor *tensor, struct pending_files *to, const char *path, struct bnfuse_error *error);
/* The two parts of a file: header and elements. */
bool npy_format(const struct tensor *tensor, struct arena *arena, struct bytes parts[2], struct bnfuse_error *error);

#endif
