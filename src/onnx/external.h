/* SPDX-License-Identifier: Apache-2.0
 *
 * External data: side files of weights, confined to the model's folder. Only regular files beneath it are opened,
 * through no symbolic link, with no second hard link; each once per model, closed with the model's arena. */
#ifndef ONNX_EXTERNAL_H
#define ONNX_EXTERNAL_H

#include "onnx/model.h"

/* Whether the tensor says that its data lies in another file. */
bool tensor_is_external(const BnfuseOnnx__TensorProto *tensor);

/* Where the data of an external tensor lies: its keys location, offset and length. `expected_bytes` is what type and
 * dims ask for; a file or a length that does not hold exactly that much is an error naming the tensor. */
bool external_open(struct span *span, const struct model *model, const BnfuseOnnx__TensorProto *tensor,
                   int64_t expected_bytes, struct bnfuse_error *error);

#endif
