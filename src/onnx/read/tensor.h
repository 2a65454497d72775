/* SPDX-License-Identifier: Apache-2.0
 *
 * A constant tensor: dims, and elements that are in memory, in a file, or are yet to be written.
 *
 * A weight is a view until it is written. Folding scales it by factors, each a vector over one or two of its axes, held
 * in double; composed factors are applied together and rounded once, by the reader of the tensor. So the writer can
 * stream a folded weight of any size, and the check can evaluate the very same weight unrounded. */
#ifndef ONNX_READ_TENSOR_H
#define ONNX_READ_TENSOR_H

#include "onnx/read/dtype.h"
#include "onnx/read/model.h"

#define TENSOR_MAX_RANK 32

/* View the elements as [outer, rows, middle, columns, inner]: element (o, r, m, c, i) is multiplied by
 * scale[r * columns + c]. One axis of n: {outer, n, 1, 1, inner}. The channels of a grouped ConvTranspose weight
 * [g * a, b, k]: {1, g, a, b, k}. */
struct factor {
    int64_t outer, rows, middle, columns, inner;
    const double *scale; /* rows * columns of them */
};

/* Exactly one of bytes, span.file, exact and strings is set (none of them matters when count is 0). */
struct tensor {
    enum dtype type : 8;
    uint16_t factor_count;
    int rank;
    int64_t count; /* product of dims; 1 for rank 0 */
    const int64_t *dims;
    const void *bytes;    /* packed elements, as in raw_data */
    struct span span;     /* the same in a file */
    const double *exact;  /* real values not yet rounded to `type` */
    char *const *strings; /* NUL-terminated (type STRING) */
    const struct factor *factors;
};

/* A TensorProto, whichever field holds its data: raw_data (in memory or left in the file), typed fields, external data
 * (opened through the model's directory). Checks type, dims and length against each other. */
bool tensor_from_proto(struct tensor *tensor, struct arena *arena, const struct model *model,
                       const BnfuseOnnx__TensorProto *proto, struct bnfuse_error *error);

/* A SparseTensorProto made dense, if that takes no more than `limit` bytes. Types of less than a byte are not
 * supported. */
bool tensor_from_sparse(struct tensor *dense, struct arena *arena, const struct model *model,
                        const BnfuseOnnx__SparseTensorProto *proto, int64_t limit, struct bnfuse_error *error);
/* Where in `dense`, of which the dims alone count, each of the values stands; NULL where the indices do not fit. */
const int64_t *tensor_sparse_places(struct arena *arena, const struct tensor *dense, const struct tensor *values,
                                    const struct tensor *indices);

/* Elements first .. first+count-1 as double, factors applied, not rounded. Real and whole types. */
bool tensor_read_real(const struct tensor *tensor, int64_t first, int64_t count, double *to,
                      struct bnfuse_error *error);
/* The same as they will be stored: rounded once to the tensor's type. */
bool tensor_read_rounded(const struct tensor *tensor, int64_t first, int64_t count, double *to,
                         struct bnfuse_error *error);
/* A number that the magnitude of no element exceeds, before rounding; infinity when it cannot be bounded without
 * reading everything. Far cheaper than reading the elements. */
double tensor_bound(const struct tensor *tensor);
/* Whole types. */
bool tensor_read_whole(const struct tensor *tensor, int64_t first, int64_t count, int64_t *to,
                       struct bnfuse_error *error);
/* Packed elements as they will be stored; `first` must be a multiple of 8 (4-bit types share bytes). */
bool tensor_read_bytes(const struct tensor *tensor, int64_t first, int64_t count, void *to, struct bnfuse_error *error);
/* The same of a tensor with factors, from the packed elements that were read for them; in place, too. */
void tensor_scale_bytes(const struct tensor *tensor, int64_t first, int64_t count, const void *source, void *to);
/* Whether the elements are somewhere just as they will be stored. */
bool tensor_is_stored(const struct tensor *tensor);

/* All elements as doubles, in the arena. */
bool tensor_values(const struct tensor *tensor, struct arena *arena, double **values, struct bnfuse_error *error);

/* A new tensor of values not yet rounded; dims and values are copied. */
struct tensor *tensor_exact(struct arena *arena, enum dtype type, int rank, const int64_t *dims, const double *values);
/* Another such tensor, of the shape and in the room of an exact one, which nobody may read any more. */
struct tensor *tensor_renewed(struct arena *arena, const struct tensor *old, const double *values);
/* A new tensor of whole values (type INT64 and so on); copied. */
struct tensor *tensor_whole(struct arena *arena, enum dtype type, int rank, const int64_t *dims, const int64_t *values);
/* The same elements under other dims (their product must agree). */
struct tensor *tensor_reshaped(struct arena *arena, const struct tensor *tensor, int rank, const int64_t *dims);
/* The tensor with one more factor; factors of the same view are multiplied together. The scale is copied. */
struct tensor *tensor_scaled(struct arena *arena, const struct tensor *tensor, const struct factor *factor);

/* What a type says of a tensor: NULL when it is of another kind; its element type, UNDEFINED when that is not known. */
/* As a message names its type: `float [3, 4]`. In the arena. */
const char *tensor_type_text(struct arena *arena, const struct tensor *tensor);

const BnfuseOnnx__TypeProto__Tensor *type_tensor(const BnfuseOnnx__TypeProto *type);
enum dtype type_element(const BnfuseOnnx__TypeProto *type);
/* Whether it is known to be no dense tensor: a sequence, an optional, a map, a sparse tensor. */
bool type_is_other(const BnfuseOnnx__TypeProto *type);
/* What a sequence, an optional or a map (its values) is of; NULL of any other type, and of NULL. */
const BnfuseOnnx__TypeProto *type_inner(const BnfuseOnnx__TypeProto *type);
/* What a type is that is no tensor: "sequence". */
const char *type_kind(const BnfuseOnnx__TypeProto *type);

#endif
