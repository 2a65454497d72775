/* SPDX-License-Identifier: Apache-2.0
 *
 * What people take for an ONNX model: other formats of this field, by their first bytes. */
#ifndef ONNX_READ_FOREIGN_H
#define ONNX_READ_FOREIGN_H

#include <stddef.h>

enum { FOREIGN_HEAD = 1024 }; /* so many bytes of a file are enough */

/* What begins with these bytes and how to make an ONNX model of it, as the end of a sentence "it is ..."; NULL when
 * they say nothing. Only for a file that is known to be no ONNX model: a few of the rules would take one for something
 * else. */
const char *foreign_format(const void *bytes, size_t size);

/* The same for a folder: some formats are one. */
const char *foreign_folder(const char *path);

#endif
