/* SPDX-License-Identifier: Apache-2.0
 *
 * Models built in memory, a line an element:
 *
 *     struct build b;
 *     build_open(&b, 8, 13);
 *     build_input(&b, "x", DTYPE_FLOAT, "N,3,8,8");
 *     build_init(&b, "w", DTYPE_FLOAT, "4,3,3,3", 1);
 *     build_node(&b, "Conv", "conv1", "x w", "y", "group=1 pads=1,1,1,1");
 *     build_output(&b, "y", DTYPE_FLOAT, "N,4,8,8");
 *     build_load(&b, &model, &net);
 *     build_close(&b);
 *
 * Everything, the loaded model too, lives in b.arena and goes with build_close, which fails the test on a leak.
 * Shapes: sizes and symbols between commas; "?" is a dim without either; "" is a scalar; NULL is no shape at all.
 * Names: between blanks; "_" is an absent one. Attributes: name=value between blanks, where 1 is an int, 1.0 a float,
 * 1,2 and 1, are ints, 1.0,2 and 1.0, floats, @p a reference to parameter p of the function, |a|b a
 * list of texts, anything else text. */
#ifndef TESTS_BUILD_H
#define TESTS_BUILD_H

#include "onnx/graph/graph.h"

struct build {
    struct memory memory;
    struct arena arena;
    BnfuseOnnx__ModelProto *model;
    struct build_scope *scope; /* the graph or function that lines go to */
};

void build_open(struct build *b, int64_t ir_version, int64_t opset);
void build_close(struct build *b);
void build_import(struct build *b, const char *domain, int64_t version);

/* type 0: declared without a type. */
void build_input(struct build *b, const char *name, enum dtype type, const char *shape);
void build_output(struct build *b, const char *name, enum dtype type, const char *shape);
void build_value_info(struct build *b, const char *name, enum dtype type, const char *shape);

/* An initializer as raw_data: random values in [-1, 1) (whole types: -100 .. 100, bool: both), or the ones given. */
BnfuseOnnx__TensorProto *build_init(struct build *b, const char *name, enum dtype type, const char *dims,
                                    uint64_t seed);
BnfuseOnnx__TensorProto *build_init_values(struct build *b, const char *name, enum dtype type, const char *dims,
                                           const double *values);
/* Its data are in a file from now on; `offset` NULL: from its beginning to its end. The file is the caller's. */
void build_external(struct build *b, BnfuseOnnx__TensorProto *tensor, const char *location, const size_t *offset);
/* A tensor of its own, for what the lines do not reach. */
BnfuseOnnx__TensorProto *build_tensor(struct build *b, const char *name, enum dtype type, const char *dims,
                                      const double *values);

/* name and attributes may be NULL. */
BnfuseOnnx__NodeProto *build_node(struct build *b, const char *op, const char *name, const char *inputs,
                                  const char *outputs, const char *attributes);
/* One more attribute, of the last node. */
void build_attribute_tensor(struct build *b, const char *name, BnfuseOnnx__TensorProto *tensor);

/* Lines go to a body of the last node, given as this attribute; to a new local function; and back. Functions declare
 * the domain's import themselves; `attributes` are the names of parameters. */
void build_body(struct build *b, const char *attribute);
void build_function(struct build *b, const char *domain, const char *name, const char *inputs, const char *outputs,
                    const char *attributes);
void build_end(struct build *b);

/* The model's bytes. */
const void *build_bytes(struct build *b, size_t *size);
/* Packed, read and indexed; the first fails the test when that fails, the second reports. */
void build_load(struct build *b, struct model *model, struct net *net);
bool build_try_load(struct build *b, struct model *model, struct net *net, struct bnfuse_error *error);

/* The node of this name in the main graph and its bodies (or the one that writes a value of this name); fails the test
 * when there is none. Likewise a value. */
struct node *build_find_node(const struct net *net, const char *name);
struct value *build_find_value(const struct net *net, const char *name);

#endif
