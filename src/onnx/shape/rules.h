/* SPDX-License-Identifier: Apache-2.0
 *
 * Between shape_infer and its rules: what a rule can ask of the node at hand, and how it answers.
 *
 * A rule is a function of an operator's row. It sets what it knows of each output and returns true; an output it does
 * not set falls back to the model's declaration. It returns false when its inputs contradict each other (the node
 * cannot run): all outputs are then unknown. A rule never guesses; where a dimension depends on what a run computes, it
 * gets a symbol of its own.
 *
 * Inside the inference every unknown dimension has a symbol, and elements of contents are symbols throughout (0 where
 * unknown, numbers included); shape_infer turns contents into sizes at the end. */
#ifndef ONNX_SHAPE_RULES_H
#define ONNX_SHAPE_RULES_H

#include "onnx/graph/attr.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "onnx/shape/symbol.h"

#define SHAPE_MAX_RANK TENSOR_MAX_RANK
#define CONTENT_MAX    64 /* elements of a whole tensor whose content is followed */

struct shaping {
    struct net *net;
    struct arena *arena;   /* of what is found */
    struct arena *scratch; /* until shape_infer returns */
    struct symbols *symbols;
    const struct node *node;
    const struct operator_row *row;
    int age;                   /* of the symbols, when the bodies of the node at hand were entered */
    struct contents *contents; /* values whose content was set; private to facts.c */
};

/* What is known of an input. A rank of -1 and UNDEFINED where nothing is, or the input is absent. */
int input_rank(const struct shaping *s, size_t slot);
enum dtype input_type(const struct shaping *s, size_t slot);
struct dim input_dim(const struct shaping *s, size_t slot, int axis);
const struct dim *input_dims(const struct shaping *s, size_t slot);
/* The number of elements if it is known, else -1. */
int64_t input_count(const struct shaping *s, size_t slot);

/* The elements of a value as symbols (dim.symbol), or NULL when none is known. */
const struct dim *value_content(struct shaping *s, struct value *value);
const struct dim *input_content(struct shaping *s, size_t slot);
/* The elements of a small whole input as numbers: their count, or -1 when they are not all known. At most `room`. */
int64_t input_numbers(struct shaping *s, size_t slot, int64_t *numbers, int64_t room);
/* One number: the input's only element. */
bool input_number(struct shaping *s, size_t slot, int64_t *number);

/* Axes that an attribute or an input lists. */
enum axes_known { AXES_ABSENT, AXES_KNOWN, AXES_COUNTED, AXES_UNKNOWN };
struct axes {
    enum axes_known known;      /* COUNTED: only how many there are; UNKNOWN: not even that, or too many */
    int count;                  /* 0 where unknown */
    int64_t at[SHAPE_MAX_RANK]; /* as listed, possibly negative */
};
void axes_from_attribute(const struct shaping *s, const char *name, struct axes *axes);
void axes_from_input(struct shaping *s, size_t slot, struct axes *axes);
/* Where none are listed: the first `count`, in order. */
void axes_default(struct axes *axes, int count);
/* -rank..rank-1 -> 0..rank-1; false outside. */
bool normal_axis(int64_t axis, int rank, int *normal);
/* Marks each listed axis; false when one is outside or listed twice. */
bool mark_axes(const struct axes *axes, int rank, bool *marked);
/* Whether the attributes `axis` and `axes` are, as far as they are there, of input 0. */
bool axes_exist(const struct shaping *s);

/* How many inputs of a Scan's body are states; those of batches are not followed. */
size_t scan_states(const struct node *node, const struct graph *body);

/* Dimensions. A symbol of 0 becomes a fresh dimension, a negative number one that set_output refuses. */
struct dim number_dim(int64_t size);
struct dim fresh_dim(struct shaping *s);
struct dim symbol_dim(struct shaping *s, int symbol);
int dim_symbol(struct shaping *s, struct dim dim);
/* A size that an input lists; false where it is known to be negative. */
bool size_dim(struct shaping *s, int symbol, struct dim *dim);
struct dim add_to_dim(struct shaping *s, struct dim dim, int64_t number);
struct dim scale_dim(struct shaping *s, struct dim dim, int64_t factor);
/* The product of dims[from] .. dims[to-1]. */
struct dim product_dim(struct shaping *s, const struct dim *dims, int from, int to);
/* Two dims known to be the same size: the better known one. False when they are different numbers. */
bool merge_dims(struct dim a, struct dim b, struct dim *merged);
bool broadcast_dim(struct shaping *s, struct dim a, struct dim b, struct dim *result);
/* numpy broadcasting onto `rank` and `dims`; false when they do not fit. */
bool broadcast_onto(struct shaping *s, int *rank, struct dim *dims, int other_rank, const struct dim *other);

/* What the row says of the type of output 0; and what an attribute says, `absent` without one. */
enum dtype rule_type(const struct shaping *s);
enum dtype type_attribute(const struct shaping *s, const char *name, enum dtype absent);
/* The same for operators whose first `inputs` inputs have one type: whichever is known says it. */
enum dtype common_type(const struct shaping *s, size_t inputs);
bool set_output(struct shaping *s, size_t slot, enum dtype type, int rank, const struct dim *dims);
/* The type alone, of an output whose rank is not known. Always true. */
bool set_type(struct shaping *s, size_t slot, enum dtype type);
/* The shape of an input. */
bool set_like(struct shaping *s, size_t slot, enum dtype type, size_t input);
/* `rank` fresh dimensions. */
bool set_rank(struct shaping *s, size_t slot, enum dtype type, int rank);
/* Elements of output `slot`, which has a known count of at most CONTENT_MAX; symbols, copied. What its type cannot hold
 * exactly becomes unknown. */
void set_content(struct shaping *s, size_t slot, const int *symbols);

/* Type and shape of a value that nothing upstream says anything of, as far as those who read it leave no choice;
 * nothing where they do. */
void set_demanded(struct shaping *s, struct value *value);
/* Nothing is known of the value any more; what is known of one value is known of another. */
void facts_forget(struct value *value);
void facts_copy(struct shaping *s, struct value *to, const struct value *from);
/* Whether its elements are followed: they are numbers, and few. */
bool content_can_be(const struct value *value);
/* Contents as others see them after the inference: sizes and symbols of whole tensors. */
void contents_finish(struct shaping *s);
/* The dims are copied. */
void set_shape(struct shaping *s, struct value *value, int rank, const struct dim *dims);

/* Rules that several families share. */
bool shape_same(struct shaping *s);       /* of input 0 */
bool shape_along_axis(struct shaping *s); /* the same, if the axes exist */
bool shape_broadcast(struct shaping *s);  /* numpy broadcasting of all inputs */
/* Before opset 7: attributes say whether input 1 is repeated over input 0, and along which axes. */
bool shape_broadcast_by_attribute(struct shaping *s);
bool shape_cast(struct shaping *s);       /* of input 0, with the type that attribute "to" says */
bool shape_any(struct shaping *s);        /* the type alone */
bool shape_rank_alone(struct shaping *s); /* and the rank of input 0 */
bool shape_matmul(struct shaping *s);     /* numpy.matmul of inputs 0 and 1 */
bool shape_gemm(struct shaping *s);
bool shape_matmul_of(struct shaping *s, size_t left, size_t right, enum dtype type);
bool shape_matmul_dims(struct shaping *s, int a, const struct dim *left, int b, const struct dim *right,
                       enum dtype type); /* the same of shapes that are known */
/* Of input `slot` its first dim, of input 0 its second; fresh ones where they are not known. */
struct dim shape_first_dim(struct shaping *s, size_t slot);
struct dim shape_channel_dim(struct shaping *s);

/* Type, shape and elements of stored data. */
void set_constant(struct shaping *s, struct value *value, const struct tensor *tensor);
void set_sparse_constant(struct shaping *s, struct value *value, const BnfuseOnnx__SparseTensorProto *sparse);

#endif
