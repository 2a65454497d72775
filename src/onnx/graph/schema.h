/* SPDX-License-Identifier: Apache-2.0
 *
 * What the standard allows a node to be: its inputs, outputs and attributes, for every operator and range of opsets of
 * ai.onnx and ai.onnx.ml. Opsets that differ in the allowed element types alone share a schema.
 *
 * A schema is text. `slots` lists inputs > outputs. A slot is a type: a capital stands for one element type wherever it
 * occurs in the schema, "i64" and the like are that type, "." is anything. Behind a capital that occurs for the first
 * time, and behind ".", stand the types that are allowed, a letter a set (see schema.c); a number says from which opset
 * on those behind it are. Before it, "?" says that the slot may be absent, "*" that it may be repeated, or missing.
 * Behind it, "[]" says that it is a list, of one dim at most, "[1]" that it holds one number at most, "[=]" that its
 * dims are those of the input before; other brackets list dims: a letter is one size wherever it occurs in the schema,
 * a digit is that size, "_" any, and "." at the end, or at the start, as many more as there are.
 * `attributes` lists name:type, name!type where it must be there, or name^type where exactly one of these must; the
 * types are float, int, string, tensor, graph (f i s t g), lists of them in capitals, sparse tensor (p), type (y). Of
 * an int that is 0 or 1 it is b, of one that is positive n, of a list of those N; of a list of numbers from 0 on O, of
 * pads of both ends P, which are such numbers, or Q, which may be negative; of an order of axes M. A string or an int
 * that is one of a few has them behind it, s=one|another; a tensor, and an int that is the number of an element type,
 * has the letters of the types, e=f13h, where k stands for 0. Of a slot k stands for what is no tensor.
 *
 *   Split:   { 13, 17, "Tah ?i64 > T *T", "axis:i" }
 *   Relu:    { 6, LATEST, "Tf13h14iz > T", "" }
 *
 * They stand in the operators' rows. */
#ifndef ONNX_GRAPH_SCHEMA_H
#define ONNX_GRAPH_SCHEMA_H

#include "onnx/graph/graph.h"

struct schema {
    int16_t first, last;
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

/* The slots of a schema at an opset, read from left to right. */
struct schema_reader {
    const char *at;
    int64_t opset;
    uint32_t types[26]; /* that the groups read so far are allowed; 0: any */
};
struct schema_reader schema_read(const struct schema *schema, int64_t opset);

/* One slot, read. */
struct schema_slot {
    char group;       /* 'A'..'Z': the element type that all of this letter have; 0: none */
    enum dtype type;  /* where it is fixed; UNDEFINED otherwise */
    uint32_t types;   /* that are allowed, 1 << type | ...; 0: any */
    const char *dims; /* up to ']', what its dims are; NULL: anything */
    bool optional, repeated;
};
/* False at the end of the inputs, and of the outputs, where the reader stays. */
bool schema_next_slot(struct schema_reader *reader, struct schema_slot *slot);
/* Moves past the inputs that were not read. */
void schema_skip_inputs(struct schema_reader *reader);
/* The types that letters and numbers stand for, up to a space. */
uint32_t schema_types(const char *letters, int64_t opset);
/* Whether the inputs whose types and shapes shape inference knows hold a type that is allowed, one wherever the schema
 * wants one, and no more than a list, or a number, where it wants that. */
bool schema_agrees(const struct node *node);

/* One attribute, read. */
struct schema_attribute {
    const char *name; /* `length` bytes */
    size_t length;
    BnfuseOnnx__AttributeProto__AttributeType type;
    bool required, is_one_of;
    char letter;        /* of the type */
    const char *values; /* `values_length` bytes: what it may be, between bars or as the letter says; NULL: anything */
    size_t values_length;
    bool is_type; /* it names an element type, or is a tensor, and `values` are letters of types */
};
bool schema_next_attribute(const char **at, struct schema_attribute *attribute);
/* Whether the node's operator has this attribute at its opset. */
bool schema_knows(const struct node *node, const char *attribute);

#endif
