/* SPDX-License-Identifier: Apache-2.0
 *
 * What the standard allows a node to be: its inputs, outputs and attributes, for every operator and range of opsets of
 * ai.onnx and ai.onnx.ml. Opsets that differ in the allowed element types alone share a schema.
 *
 * A schema is text. `slots` lists inputs > outputs. A slot is a type: a letter stands for one element type wherever it
 * occurs in the schema, "i64" and the like are that type, "." is anything. Before it, "?" says that the slot may be
 * absent, "*" that it may be repeated, or missing. `attributes` lists name:type, or name!type where it must be there;
 * the types are float, int, string, tensor, graph (f i s t g), lists of them in capitals, sparse tensor (p) and type
 * (y). Of an int that is 0 or 1 it is b; and a string that is one of a few has them behind it, s=one|another.
 *
 *   Split:   { 13, 17, "T ?i64 > T *T", "axis:i" }
 *
 * They stand in the operators' rows. */
#ifndef ONNX_GRAPH_SCHEMA_H
#define ONNX_GRAPH_SCHEMA_H

#include "onnx/graph/graph.h"

struct schema {
    int64_t first, last;
    const char *slots, *attributes;
};

#define AUTO_PAD      "auto_pad:s=NOTSET|SAME_UPPER|SAME_LOWER|VALID| " /* "" is NOTSET */
#define RNN_DIRECTION "direction:s=forward|reverse|bidirectional "

/* A list of them, ended by one without slots. */
#define SCHEMAS(...) ((const struct schema[]){ __VA_ARGS__, { 0, 0, NULL, NULL } })

/* All schemas of the operator that the node calls; NULL when the standard has none, or the node calls a function. */
const struct schema *schema_list(const struct node *node);
/* The one at the node's opset; NULL when there is none. */
const struct schema *schema_find(const struct node *node);

/* One slot, read. */
struct schema_slot {
    char group;      /* 'A'..'Z': the element type that all of this letter have; 0: none */
    enum dtype type; /* where it is fixed; UNDEFINED otherwise */
    bool optional, repeated;
};
/* Reads the slot at *at and moves past it. False at '>' or the end, where *at stays. */
bool schema_next_slot(const char **at, struct schema_slot *slot);
/* Whether the inputs whose types shape inference knows hold one type wherever the schema wants one. */
bool schema_types_agree(const struct node *node);
/* Where the list of outputs begins. */
const char *schema_outputs(const struct schema *schema);

/* One attribute, read. */
struct schema_attribute {
    const char *name; /* `length` bytes */
    size_t length;
    BnfuseOnnx__AttributeProto__AttributeType type;
    bool required;
    const char *values; /* `values_length` bytes: what it may be, between bars; NULL: anything */
    size_t values_length;
};
bool schema_next_attribute(const char **at, struct schema_attribute *attribute);
/* Whether the node's operator has this attribute at its opset. */
bool schema_knows(const struct node *node, const char *attribute);

#endif
