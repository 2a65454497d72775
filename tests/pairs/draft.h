/* SPDX-License-Identifier: Apache-2.0
 *
 * A model that is being changed into another: the messages of a file, unpacked into an arena, and a seed that chooses
 * where. A change (wrong.c, right.c) is a function that finds its place, changes it and says what it did; false where
 * the model has no such place. */
#ifndef PAIRS_DRAFT_H
#define PAIRS_DRAFT_H

#include "base/memory.h"
#include "onnx.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef BnfuseOnnx__NodeProto node_proto;
typedef BnfuseOnnx__TensorProto tensor_proto;
typedef BnfuseOnnx__AttributeProto attribute_proto;

struct change;

struct draft {
    struct arena *arena;
    BnfuseOnnx__ModelProto *model;
    BnfuseOnnx__GraphProto *graph;
    uint64_t state;
    size_t names; /* made so far */
    const struct change *change;
    const char *what; /* the place, for people */
    uint8_t *outside; /* the weights that are external data; NULL: none are */
    size_t outside_size;
};

struct change {
    const char *kind;
    bool (*apply)(struct draft *draft, const struct change *change);
    const char *op, *name; /* what rows of one function are told apart by: an operator and an attribute */
    size_t slot;
    double by, absent;                    /* how much; an attribute where it does not stand */
    bool (*prepare)(struct draft *draft); /* both models, before the change; NULL: nothing */
};

extern const struct change wrong_changes[], right_changes[];
extern const size_t wrong_change_count, right_change_count;

bool draft_open(struct draft *draft, struct arena *arena, const void *bytes, size_t size, uint64_t seed);
const void *draft_pack(const struct draft *draft, size_t *size);

uint64_t draft_random(struct draft *draft, uint64_t below);
char *draft_name(struct draft *draft, const char *stem);
int64_t draft_opset(const struct draft *draft);

/* A node of this operator (NULL: any) that `fits`, chosen by the seed; NULL: none. */
node_proto *draft_choose(struct draft *draft, const char *op,
                         bool (*fits)(struct draft *draft, const node_proto *node));
bool node_op(const node_proto *node, const char *op);
size_t node_place(const struct draft *draft, const node_proto *node);
/* A node in front of place `at` of the list. Inputs and outputs end with NULL; names are copied. */
node_proto *draft_insert(struct draft *draft, size_t at, const char *op, const char *const *inputs,
                         const char *const *outputs);
/* An empty body as the node's attribute; and an input or output of a body, a tensor of any shape. */
BnfuseOnnx__GraphProto *add_body(struct draft *draft, node_proto *node, const char *name);
void body_value(struct draft *draft, bool is_input, const char *name, int type);
void draft_remove(struct draft *draft, size_t at);
void set_input(struct draft *draft, node_proto *node, size_t slot, const char *name);
/* Whoever reads the one name in the main graph's nodes and outputs reads the other. */
void redirect_readers(struct draft *draft, const char *from, const char *to);
/* The value gets another name wherever it stands, in bodies too. */
void rename_value(struct draft *draft, const char *from, const char *to);
size_t count_readers(const struct draft *draft, const char *name);
node_proto *writer_of(const struct draft *draft, const char *name);
bool is_graph_output(const struct draft *draft, const char *name);
bool is_graph_input(const struct draft *draft, const char *name);

attribute_proto *find_attribute(const node_proto *node, const char *name);
attribute_proto *make_attribute(struct draft *draft, node_proto *node, const char *name);
void set_int(struct draft *draft, node_proto *node, const char *name, int64_t value);
void set_real(struct draft *draft, node_proto *node, const char *name, float value);
void set_list(struct draft *draft, node_proto *node, const char *name, size_t count, const int64_t *values);
void set_text(struct draft *draft, node_proto *node, const char *name, const char *text);

/* A float32 initializer that one node alone reads, as numbers that may be changed; NULL: none. */
float *numbers_of(const struct draft *draft, const char *name, size_t *count, tensor_proto **tensor);
/* The whole numbers of an initializer that add_whole made; NULL: none. */
int64_t *whole_of(const struct draft *draft, const char *name);
tensor_proto *add_numbers(struct draft *draft, const char *name, size_t rank, const int64_t *dims, const float *values);
tensor_proto *add_whole(struct draft *draft, const char *name, size_t count, const int64_t *values);

#endif
