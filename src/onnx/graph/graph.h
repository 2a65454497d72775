/* SPDX-License-Identifier: Apache-2.0
 *
 * The index over a model: nodes and values with pointers to each other.
 *
 * The proto stays as it was read. The index starts as its image; edit.c changes the index, and the writer compares the
 * two: a node or initializer whose proto pointer is the file's own is copied from the file byte for byte. Several
 * indexes may refer to one model (the check keeps one without edits). Everything here lives in the net's arena.
 *
 * A value belongs to the graph that introduces it. A read of an outer graph's value inside an If, Loop or Scan body is
 * an ordinary use, by the inner node. The names "" (an absent optional input or output) become NULL pointers. */
#ifndef ONNX_GRAPH_GRAPH_H
#define ONNX_GRAPH_GRAPH_H

#include "base/name_map.h"
#include "onnx/read/tensor.h"

/* One dimension of a shape: a size, or unknown (-1). Equal non-zero symbols are equal sizes (see net.symbols). */
struct dim {
    int64_t size;
    int symbol;
};

struct shape {
    int rank; /* at most TENSOR_MAX_RANK; -1: not even the rank is known, then dims is NULL */
    struct dim *dims;
};

/* One read: input `slot` of `node`. When `node` is NULL, an inner graph's output list reads it (then the value is an
 * output: value->is_output). */
struct use {
    struct value *value; /* NULL: the optional input is absent */
    struct node *node;
    struct use *next, **link; /* in value->uses */
    uint32_t slot;
};

/* That of a list of outputs. */
struct output_use {
    struct use use;
    struct graph *graph;
};

/* There are hundreds of thousands in a large model, so what is small lies together. */
struct value {
    const char *name; /* first, for struct name_map */
    struct graph *graph;
    struct node *writer; /* NULL: input or initializer */
    struct use *uses;    /* in no particular order */
    uint32_t writer_slot, use_count;
    const BnfuseOnnx__TensorProto *proto;        /* the initializer as read; NULL if none or replaced by an edit */
    const BnfuseOnnx__SparseTensorProto *sparse; /* likewise */
    struct tensor *initializer;                  /* dense initializer, read or new; NULL if none */
    const BnfuseOnnx__ValueInfoProto *info;      /* declared type; NULL if none */
    struct shape shape;                          /* what shape_infer found, as `type` */
    struct dim *content;           /* elements of a small whole tensor where known, else NULL; -1 where unknown */
    const struct tensor *constant; /* what value_constant found last; private to constant.c */
    void *mark;                    /* scratch of the pass that runs; NULL between passes */
    uint32_t initializer_slot;     /* in graph->initializers; private to edit.c */
    uint32_t plan_slot; /* in the schedule that is built; private to runtime/plan.c, and nothing without it */
    int16_t content_count;
    enum dtype type : 8; /* UNDEFINED if unknown */
    bool is_found;       /* by its name in the graph; private to uses.c and edit.c */
    bool is_input;       /* of its graph (a main graph's input, an inner graph's or function's parameter) */
    bool is_output;      /* of its graph; for an outer value, also when an inner graph lists it as its output */
    bool is_named; /* by an attribute (Gradient's): its name stays, as that of an output does, and it can be varied */
    bool varies;   /* depends on what a run is given, as far as was asked; private to evaluate.c */
};

struct node {
    const BnfuseOnnx__NodeProto *proto; /* of the file, or an edited copy; inputs and outputs: as they were read */
    bool is_new;                        /* not in the file */
    bool is_rounded;                    /* an edit changed it that may change bits of its results */
    bool is_idealized;                  /* an edit took a stored number for one that it is the rounding of */
    bool is_skipped;                    /* --skip names it, or what it is a copy of: it stays as it is */
    bool is_edited;                     /* an edit changed it; always so for a new node */
    bool owns_proto;                    /* the proto is a copy of ours */
    bool is_contradicted; /* its inputs cannot go together, as far as their types and shapes are known (shape_infer) */
    struct graph *graph;
    struct node *previous, *next;   /* file order; a new node stands where it was inserted */
    const char *op, *domain;        /* domain "" for ai.onnx */
    int64_t opset;                  /* of its domain, in force at the node; 0 if not imported */
    const struct operator_row *row; /* its row (operator.h); NULL when there is none, or it calls a function */
    uint32_t input_count, output_count;
    struct use *inputs;
    struct value **outputs;   /* NULL: absent */
    struct graph **inner;     /* bodies, in attribute order */
    const char **inner_names; /* their attribute names */
    uint32_t inner_count;
    uint32_t place;         /* private to order.c */
    struct graph *function; /* the body, if it calls a local function of the model */
    struct item *item;      /* in the worklist of the simplifier that runs (passes/simplify/engine.h) */
    void *mark;
};

struct graph {
    struct net *net;
    const BnfuseOnnx__GraphProto *proto;       /* NULL for a function body */
    const BnfuseOnnx__FunctionProto *function; /* NULL for a graph */
    struct node *owner;                        /* the node whose body this is; NULL for the main graph and functions */
    const char *scope;                         /* NULL before it is asked for; private to graph.c */
    size_t slot;                               /* which of owner->inner, or of net->functions, it is */
    struct node *first, *last;
    size_t node_count;
    size_t owner_count;               /* nodes with bodies of their own */
    size_t call_count;                /* of a function body: how many nodes of the model call it */
    struct node *caller;              /* one of them; NULL if there is none */
    bool is_redeclared;               /* an edit replaced types that the file declares */
    bool is_dropped;                  /* a function body that an edit took out of the net */
    struct value **inputs, **outputs; /* as listed; an inner graph may list an outer value as its output */
    struct output_use *output_uses;   /* parallel to outputs; in use for those of an outer graph only */
    size_t input_count, output_count;
    struct value **initializers; /* every value with one, in file order, new ones last; but when one is removed,
                                           the last takes its place */
    size_t initializer_count;
    size_t input_room, initializer_room; /* private to edit.c */
    struct name_map values;              /* by name; changed by uses.c alone */
};

/* What an edit made of a declaration. */
struct redeclaration {
    const BnfuseOnnx__ValueInfoProto *own; /* NULL: it is out */
};

struct net {
    const struct model *model;
    struct arena *arena;
    struct graph *main;
    struct graph **functions; /* bodies of the model's local functions */
    size_t function_count;
    struct graph **graphs; /* every graph that was read, also what edits dropped; private to index.c and names.c */
    size_t graph_count, graph_room;
    size_t edit_count;                /* grows with every edit */
    size_t idle_edits;                /* those among them that took away what nobody reads: no neighbor notices */
    bool edits_keep_bits;             /* those made now: no result changes by a bit */
    bool edits_idealize;              /* those made now: a stored number is taken for one that it is the rounding of */
    bool freeze_weights;              /* overridable initializers count as constants (--freeze-weights) */
    struct pointer_map *redeclared;   /* by a ValueInfoProto of the file, what an edit made of it; or NULL */
    struct operator_index *operators; /* rows by name (operator.h) */
    struct name_table *names;         /* names in use; private to names.c */
    const struct symbols *symbols;    /* what the symbols of dims stand for; NULL before shape_infer */
};

/* The graph the read happens in. */
struct graph *use_graph(const struct use *use);

/* The value of this name in the graph itself, or NULL; and in the graph or those around it. */
struct value *graph_value(const struct graph *graph, const char *name);
struct value *scope_value(const struct graph *graph, const char *name);

/* Every graph of the net, outer before inner: main, its bodies, functions and theirs, dropped ones left out. Start with
 * NULL. */
struct graph *net_next_graph(const struct net *net, const struct graph *graph);
/* The graph after this one below the same root, outer before inner; NULL at the end. */
struct graph *graph_next(const struct graph *graph);

/* Where the graph lies: `If "choose" then_branch / Loop "again" body`, after `function f` inside a local function; ""
 * for the main graph; of a long one "..." and its end. In the net's arena, and the same whenever it is asked for. */
const char *graph_scope(const struct graph *graph);

/* Whether a graph is `outer`, or a body in it at any depth. */
bool graph_is_around(const struct graph *outer, const struct graph *graph);
/* The version of ai.onnx in force in the graph; 0 if not imported. */
int64_t graph_opset(const struct graph *graph);
/* What a domain without import is taken for: 1 for ai.onnx before IR 3, when there were no imports; else 0. */
int64_t implied_version(const struct model *model, const char *domain);

/* The first node whose inputs cannot go together, as far as shape_infer knows; NULL: none. */
const struct node *net_contradiction(const struct net *net);

/* Whether the node is this operator of ai.onnx. */
bool node_is(const struct node *node, const char *op);
/* Whether it is a Constant, in any of its forms. */
#define LITERAL_OPERATOR "Constant"
bool node_is_literal(const struct node *node);
/* Input or output `slot`; NULL when absent or beyond the list. */
struct value *node_input(const struct node *node, size_t slot);
struct value *node_output(const struct node *node, size_t slot);
/* Whether anything reads one of the outputs from `first` on, or the graph hands it out. */
bool node_outputs_are_read(const struct node *node, size_t first);
/* How a message names it: `Conv "conv1"`, or `Conv (output "x")` when it has no name. In the arena. */
const char *node_label(const struct node *node, struct arena *arena);
/* What it is called by: its name, else that of its first output, else its operator. */
const char *node_title(const struct node *node);
/* The values of a list by their names, but NULL; of two of one name the first. In the arena. */
const struct name_map *value_names(struct arena *arena, struct value *const *values, size_t count);
/* How a message names its type: `float [3, ?]`, `float [...]` of any rank, `optional of float`. In the arena. */
const char *value_type_text(const struct value *value, struct arena *arena);
/* The body that an attribute of this name holds; NULL when there is none. */
struct graph *node_body(const struct node *node, const char *name);

/* What stands for this declaration of the file: it, or what an edit put in its place; NULL when an edit took it out. */
const BnfuseOnnx__ValueInfoProto *declaration(const struct net *net, const BnfuseOnnx__ValueInfoProto *info);
/* The type the model declares for it; NULL if none. */
const BnfuseOnnx__TypeProto *value_declared(const struct value *value);
/* The name that it gives a dim (dim_param), or NULL. */
const char *value_dim_name(const struct value *value, int axis);

/* Whether the file declares an input of the graph with a dim of this name. */
bool graph_has_dim(const struct graph *graph, const char *name);

/* Whether it has an initializer, dense or sparse; and whether that, a node or whoever calls its graph gives it. */
bool value_is_stored(const struct value *value);
bool value_is_defined(const struct value *value);
/* Whether a caller can give this initializer another value: a caller (IR >= 4 and it is a main graph input), or
 * training (an update binding of the model's training_info names it). */
bool value_is_overridable(const struct value *value);

/* Whether the file has to hold this new initializer as a Constant node: functions have no initializers, and before IR
 * version 4 each of them is an input as well. */
bool value_becomes_literal(const struct value *value);

/* The one place that decides whether a value is constant without running anything: an initializer that no caller can
 * replace, a Constant node in any of its forms, through Identity, Reshape, Squeeze, Unsqueeze, Flatten of such. NULL if
 * it is not, or there is no value. The tensor lives in the net's arena. (passes/evaluate.h adds what must be
 * computed.) */
const struct tensor *value_constant(struct value *value);

/* A parameter of a function that is called from one place is what that place gives it; any other value is itself. */
struct value *value_argument(struct value *value);

#endif
