/* SPDX-License-Identifier: Apache-2.0
 *
 * External data: side files of weights, confined to the model's folder. Only regular files beneath it are opened,
 * through no symbolic link and with no second hard link, so that a model cannot make anyone read, or copy into another
 * model, what is elsewhere. Each is opened once per model and closed with the model's arena. */
#ifndef ONNX_READ_EXTERNAL_H
#define ONNX_READ_EXTERNAL_H

#include "onnx/read/model.h"

struct external_list *external_list(struct arena *arena);

/* Whether the tensor says that its data is in another file. */
bool tensor_is_external(const BnfuseOnnx__TensorProto *tensor);
/* The value of its external_data entry of this key; NULL if there is none. */
const char *external_key(const BnfuseOnnx__TensorProto *tensor, const char *key);

/* Where the data of an external tensor is: its keys location, offset and length. `expected_bytes` is what type and
 * dims ask for; a length that says otherwise, or a file that ends before, is an error naming the tensor. */
bool external_open(struct span *span, const struct model *model, const BnfuseOnnx__TensorProto *tensor,
                   int64_t expected_bytes, struct bnfuse_error *error);

/* From now on `location` means this file, which is open and stays so, whatever the model's folder holds. */
void external_supply(const struct model *model, const char *location, const struct file *file);

/* Whether a file opened for this model is that one. */
struct stat;
bool external_is(const struct model *model, const struct stat *status);
/* False, saying so, when a file opened for this model has been changed since. */
bool external_is_unchanged(const struct model *model, struct bnfuse_error *error);

#endif
