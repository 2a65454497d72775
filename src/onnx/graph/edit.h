/* SPDX-License-Identifier: Apache-2.0
 *
 * The few ways to change an index. Each keeps it consistent: uses, writers, names, counts.
 *
 * A name that survives means the same value: whoever changes what a value holds gives it a new name (edit_rename), and
 * whoever puts another node in a value's place keeps its name (edit_take_output). The check relies on it. */
#ifndef ONNX_GRAPH_EDIT_H
#define ONNX_GRAPH_EDIT_H

#include "onnx/graph/graph.h"

/* A name not used anywhere in the model, derived from `base`: itself, base_2, base_3, ... deterministic. */
const char *edit_fresh_name(struct net *net, const char *base);

/* A new value without writer, of the type and shape of `like` (which may be NULL). */
struct value *edit_add_value(struct graph *graph, const char *base, const struct value *like);
/* A new constant, for readers that had none: an initializer, or a Constant node of the file where the graph can hold no
 * initializer that is not an input (value_becomes_literal). */
struct value *edit_add_constant(struct graph *graph, const char *base, struct tensor *tensor);
/* The same in the place of one that was; but in a main graph before IR version 4 it is an input too, as that was. */
struct value *edit_add_initializer(struct graph *graph, const char *base, struct tensor *tensor);

/* A new node of ai.onnx before `before` (NULL: at the end) with inputs, which may be NULL, and one new output of type
 * and shape like `like`. */
struct node *edit_add_node(struct graph *graph, struct node *before, const char *op, const char *base_name,
                           struct value *const *inputs, size_t input_count, const struct value *like);

/* A new node before `before` that is the operator, or calls the function, that `model` does, with its attributes, but
 * has no inputs, outputs and bodies yet. */
struct node *edit_copy_node(struct graph *graph, struct node *before, const struct node *model, const char *base_name);
/* The node stands before `before` in its graph's list from now on. What it reads must be written further up. */
void edit_move_node(struct node *node, struct node *before);
/* Takes the body of a local function that is not called out of the net. */
void edit_drop_function(struct graph *body);

/* Input `slot` reads `value` (may be NULL) from now on; the list grows, with absent inputs, where needed, and trailing
 * absent inputs are dropped. Where a body around the node has a name of its own that hides the value's, that one is
 * renamed. */
void edit_set_input(struct node *node, size_t slot, struct value *value);
/* What an edit did to the bits of another node's results counts for this one, which is computed from them. Reading
 * something else instead of a value does so by itself. */
void edit_inherit(struct node *node, const struct node *from);
void edit_set_int(struct node *node, const char *attribute, int64_t value);
void edit_set_ints(struct node *node, const char *attribute, const int64_t *values, size_t count);
void edit_set_float(struct node *node, const char *attribute, float value);
void edit_set_text(struct node *node, const char *attribute, const char *value);
void edit_remove_attribute(struct node *node, const char *attribute);

/* `node` writes `value` in its output `slot` from now on. The value's former writer has that output absent after it;
 * the value that `node` wrote before is left without writer (and must be left without readers by the caller). */
void edit_take_output(struct node *node, size_t slot, struct value *value);
/* The list of its outputs is so long at least; those that come to it have no name. */
void edit_list_outputs(struct node *node, size_t count);
/* Outputs from `slot` on are absent from now on; they may have no reader. */
void edit_drop_outputs(struct node *node, size_t slot);
/* All readers of `old`, and the output lists that name it, read `value` instead. That includes a node that computes
 * `value` from `old`: give it its input afterwards. */
void edit_replace_uses(struct value *old, struct value *value);
/* Gives the value a fresh name because it will hold something else. Must not be a graph's input or output. */
void edit_rename(struct value *value);

/* The value that the file declares by `info` in the graph is declared by `own`, of the same name, from now on; NULL: it
 * is not declared any more, which those of inputs and outputs have to be. */
void edit_redeclare(struct graph *graph, const BnfuseOnnx__ValueInfoProto *info, const BnfuseOnnx__ValueInfoProto *own);
/* All that an edit redeclared in the one index is so in the other, over the same model; what it took out is not. */
void edit_redeclare_like(struct net *net, const struct net *like);

/* Removes a node; none of its outputs may be read or be a graph output. Its outputs go with it. */
void edit_remove_node(struct node *node);
/* Removes an initializer that is not read (also from the graph's inputs where it is one). */
void edit_remove_initializer(struct value *value);
/* The value stops being an input; its initializer stays (--freeze-weights). */
void edit_remove_input(struct value *value);

#endif
