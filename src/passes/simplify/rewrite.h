/* SPDX-License-Identifier: Apache-2.0
 *
 * A rewrite is one row: what it is called, its formula, and the function that matches, checks the condition and edits.
 * It looks at the operators of which a law is true, or which formulas write as a symbol; else at those that its formula
 * begins with: `Where(Not(c), x, y) -> Where(c, y, x)` is asked about each Where, and finds the Not upstream by the
 * same formula (rewrite_inner). A comma divides two left sides. So the names stand there, and nowhere else.
 *
 * Every rewrite but those on request keeps every value that survives equal bit for bit, on every input; a NaN stays a
 * NaN, with whatever payload. Where that cannot be shown from types, shapes and constants, nothing is rewritten. The
 * engine (engine.c) asks the rows at each node in an order that does not depend on the file's: by depth, then by name.
 * After a rewrite it asks again whoever may see something new: the node, who reads it now, who wrote what it read. So
 * what it costs is proportional to the nodes and to what is rewritten.
 *
 * A rewrite leaves fewer nodes than it found, or fewer bytes, or a constant in place of a computed value; none makes
 * what another takes away. So it ends. */
#ifndef PASSES_SIMPLIFY_REWRITE_H
#define PASSES_SIMPLIFY_REWRITE_H

#include "passes/decide/remark.h"

struct simplifier;

struct rewrite {
    struct bnfuse_rule is; /* its name, as remarks and docs/simplify.md have it; and a formula */
    const char *model;     /* the model in models/ that shows it */
    unsigned laws;         /* it looks at operators of which one of these is true, */
    const char *symbols;   /* and at those with one of these; */
    bool everywhere;       /* or at every node; else at those that its formula begins with */
    /* Whether it rewrote; then the node may be gone. It has not changed anything when it says no. */
    bool (*apply)(struct simplifier *s, struct node *node);
    bool on_request; /* by its name in options->enabled, and then only; it may round elsewhere (forms.c) */
    /* Instead: what is not of one node, asked when no node is left to ask. Whether that touched any. */
    bool (*sweep)(struct simplifier *s);
};

extern const struct rewrite constant_rewrites[], noop_rewrites[], pair_rewrites[], view_rewrites[], part_rewrites[],
    chain_rewrites[], common_rewrites[], declaration_rewrites[], pad_rewrites[], control_rewrites[],
    transpose_rewrites[], shuffle_rewrites[], form_rewrites[];

/* ---- what rows ask ---- */

struct net *rewrite_net(const struct simplifier *s);
/* Scratch for one rewrite. */
struct arena *rewrite_arena(const struct simplifier *s);

/* The node that writes the value, if it is of ai.onnx, stands in this graph, says all its attributes itself and is not
 * to be skipped; else NULL. */
struct node *rewrite_writer(const struct value *value, const struct graph *graph);
/* The node that writes input `slot`, if it is of ai.onnx, stands in the same graph and says all its attributes itself;
 * else NULL. */
struct node *rewrite_upstream(const struct node *node, size_t slot);
/* The same, if it is this operator. */
struct node *rewrite_upstream_is(const struct node *node, size_t slot, const char *op);
/* The same, if it is the operator that the formula of the rewrite has inside the node's. */
struct node *rewrite_inner(const struct simplifier *s, const struct node *node, size_t slot);
/* The name of the operator that the rewrite makes: the first one after the arrow. In scratch. */
const char *rewrite_made(struct simplifier *s);
/* Whether one node's input reads the value, and nobody else sees it. */
bool is_read_once(const struct value *value);
/* The axes that a Reduce, Squeeze or Unsqueeze names, as a set of bits; false when they are not known, or it names
 * none. */
bool reduced_axes(const struct node *node, int rank, uint32_t *axes);
/* The axes of its input that the axes of a Transpose's output are; reversed where it does not say. Room for
 * TENSOR_MAX_RANK. */
bool transpose_perm(const struct node *node, int64_t *perm, int *rank);
/* Whether only output 0 of the node is there. */
bool has_one_output(const struct node *node);

/* Equal ranks and, proven, equal dims. */
bool is_same_shape(const struct value *a, const struct value *b);
/* Whether all that is read of the node has type and shape of its input 0. */
bool keeps_its_shape(const struct node *node);
/* Size of an axis (not from the end), -1: unknown. */
int64_t axis_size(const struct value *value, int axis);

/* Whole elements of a constant; false when it is none, or not of so many. */
bool constant_ints(struct value *value, int64_t most, int64_t *list, int64_t *count);
/* The one number that all elements of a constant are, as it is stored; false when there is none. The sign of zero
 * counts, and NaN is no number. */
bool constant_number(struct value *value, double *number);
/* The same before it is rounded to the type: what a fold computed, for a new constant that takes its place. */
bool constant_exact_number(struct value *value, double *number);

/* ---- what rows do ---- */

/* The node's output `slot` is `value` from now on; readers of the one read the other. False, with nothing changed, when
 * both have names that must stay, or the types say otherwise. */
bool rewrite_replace(struct simplifier *s, struct node *node, size_t slot, struct value *value);
bool rewrite_can_replace(const struct node *node, size_t slot, const struct value *value);
/* The node changes nothing: who reads its output 0 reads `value` instead. False, with nothing changed, when that cannot
 * be, or the value is NULL. */
bool rewrite_bypass(struct simplifier *s, struct node *node, struct value *value);
/* Input 0 reads `value` from now on, which is as good. Always true. */
bool rewrite_read(struct simplifier *s, struct node *node, struct value *value);
/* Input `slot` reads `value` from now on; NULL: nothing. */
void rewrite_set_input(struct simplifier *s, struct node *node, size_t slot, struct value *value);
/* A new node before `before`, or after `after`, as edit_add_node makes it. */
struct node *rewrite_add_node(struct simplifier *s, struct node *before, const char *op, struct value *const *inputs,
                              size_t input_count, const struct value *like);
struct node *rewrite_add_node_after(struct simplifier *s, struct node *after, const char *op,
                                    struct value *const *inputs, size_t input_count, const struct value *like);
/* A new node before `before` that does what `model` does, of a body; no inputs and outputs yet. */
struct node *rewrite_copy_node(struct simplifier *s, struct node *before, const struct node *model);
/* `node` writes what `old` wrote in its output 0. */
void rewrite_take_output(struct simplifier *s, struct node *node, struct node *old);
/* A new constant in the graph of `node` (edit_add_constant). */
struct value *rewrite_add_constant(struct simplifier *s, const struct node *node, const char *base,
                                   struct tensor *tensor);
/* Whether so much may still be worked on what takes more than its share of the model's size; then it is spent. */
bool rewrite_may_work(struct simplifier *s, uint64_t work);
/* Whether a constant of so many bytes is no more than what goes for it. */
bool rewrite_can_store(const struct simplifier *s, int64_t bytes, int64_t freed);
/* Something about the node has changed: it is asked again. */
void rewrite_touch(struct simplifier *s, struct node *node);
/* `first` stands before `second` in the list of nodes from now on, whose inputs are there before both. */
void rewrite_put_first(struct node *first, struct node *second);
/* Says where what went has gone; words are copied. */
void rewrite_where(struct simplifier *s, const char *where);

#endif
