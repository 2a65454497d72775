/* SPDX-License-Identifier: Apache-2.0
 *
 * An operator is one row: everything the program knows of it over a range of opsets.
 *
 * The row is declared here, at the bottom, and written at the top: each family file of runtime/ops ends in its table,
 * and runtime/ops/operators.c lists the families. So the floors below can ask a row of a node (node->row) whatever they
 * need of it, while only the family file knows what a run or a shape is made of. What is not in a row is not known:
 * nobody else compares operator names with opsets.
 *
 * The rows of one operator stand together, from old opsets to new. Their ranges break wherever the meaning of a field
 * does; an opset newer than LATEST_OPSET is refused by name, never guessed. */
#ifndef ONNX_GRAPH_OPERATOR_H
#define ONNX_GRAPH_OPERATOR_H

#include "onnx/graph/graph.h"
#include "onnx/graph/schema.h"

#define LATEST_OPSET 28    /* the newest ai.onnx opset the rows were read against */
#define LATEST       30000 /* a row that holds up to LATEST_OPSET */
#define SLOT(n)      (1u << (n))
#define ALL_SLOTS    (~0u)

struct call;    /* runtime/kernel.h: one node in a run */
struct shaping; /* onnx/shape/rules.h: one node in shape inference */

/* The dims of a tensor seen through nodes that keep its elements. */
struct view_dims {
    int rank;
    int64_t dims[TENSOR_MAX_RANK];
    int64_t count;
};

struct interval {
    double low, high;
};

/* Every element is a copy, or one operation whose result IEEE 754 or the standard fixes to the bit; or only so on whole
 * numbers. */
enum exactness { INEXACT, EXACT_WHOLE, EXACT };

/* Which numbers a generated input may hold, so that the node that reads them can run. */
enum number_limit {
    LIMIT_NONE,
    LIMIT_INDEX,     /* of an element along `axis` of input 0 */
    LIMIT_ANY_INDEX, /* of an element along every axis of input 0 */
    LIMIT_DEPTH,     /* below the number that input 1 holds */
    LIMIT_LENGTH,    /* 1 to the first dim of input 0 */
    LIMIT_ZERO,
    LIMIT_ONE,
    LIMIT_TWO,
    LIMIT_ROUNDS,   /* as many as a draw asks for */
    LIMIT_POSITIVE, /* a variance, a scale of quantized numbers */
    LIMIT_SHARE,    /* 0 to 1: a probability, an overlap */
};
#define LIMITED_SLOTS 8

/* What becomes of complex elements, which the standard lets into few operators. */
enum complex_use {
    NO_COMPLEX,       /* they are refused */
    MOVES_COMPLEX,    /* the kernel takes them, mostly to carry them bit for bit */
    COMPLEX_BY_PARTS, /* it runs on the real parts, then on the imaginary ones: output 0 is linear in the elements */
};

/* What a reader of input 0 needs: `rank` dims, and one axis fixed by its weight; or as many dims as an attribute
 * lists. */
struct weight_need {
    int rank;        /* -1: that of the weight; 0: any */
    int axis;        /* of the input; from the end when negative */
    int weight_axis; /* of input 1; from the end when negative */
    bool times_group;
    const char *transposed; /* attribute that exchanges the last two axes of the weight */
    const char *transposes; /* attribute that exchanges the last two axes of the input */
    const char *listed;     /* attribute with one entry for each axis of the input, which has no weight then */
};

/* How the bodies of a node are bound to it. */
enum bodies {
    NO_BODIES,
    BODIES_CHOSEN,     /* one of them runs, without inputs, and returns the node's outputs */
    BODY_LOOPS,        /* takes (turn, whether to go on, states), returns (whether to go on, states, rows of outputs) */
    BODY_SCANS,        /* takes (states, slices of inputs), returns (states, slices of outputs) */
    BODY_SCANS_BATCHES /* the same for each element of a batch, its lengths coming first */
};

/* What is true of an operator for every input, to the bit. */
enum law {
    ELEMENTWISE = 1 << 0,            /* an element of output 0 comes of those at its place in the inputs, */
    BROADCASTS = 1 << 1,             /* which take one shape as numpy has it */
    IDEMPOTENT = 1 << 2,             /* f(f(x)) = f(x) */
    INVOLUTION = 1 << 3,             /* f(f(x)) = x */
    IDENTITY = 1 << 4,               /* output 0 is input 0, */
    IDENTITY_OF_ONE = 1 << 5,        /* when there is no other input, */
    IDENTITY_OF_SHAPE = 1 << 6,      /* when it has the shape of input 0, */
    IDENTITY_OF_TYPE = 1 << 7,       /* or its type */
    IDENTITY_AT_INFERENCE = 1 << 12, /* or it does not train (`infers`) and its other outputs are not read */
    REDUCES = 1 << 8,         /* one element for all along `axes`, which stay as dims of 1 unless `keepdims` is 0 */
    AVERAGES = 1 << 9,        /* the mean, along all axes but the first two unless it reduces those that it is told */
    CONVOLVES = 1 << 10,      /* input 0 by input 1, both with channels, strides, pads of zeros, dilations, groups */
    CONVOLVES_BACK = 1 << 11, /* and its transpose */
    INVERTS = 1 << 13,        /* 1 / x */
};

/* The number that leaves the other operand of two as it is. x + 0 is not x where x is -0; x + -0 is. */
struct neutral {
    double real, whole; /* NAN: none */
    unsigned slots;     /* the operands that may be it */
};

/* Output 0 is an input, or a bound where the input is past that. */
struct bound {
    enum { UNBOUNDED, BOUND_ZERO, BOUND_INPUT, BOUND_ATTRIBUTE, BOUND_OPERAND } kind;
    size_t slot;           /* INPUT: which; OPERAND: whichever is not the input that is bounded */
    const char *attribute; /* ATTRIBUTE */
};
struct clamp {
    struct bound low, high;
};

/* Output 0 of an input x and a constant k: (scale[0] + scale[1]*k) * x + (shift[0] + shift[1]*k). */
struct affine_form {
    double scale[2], shift[2];
    bool inverse; /* of 1/k instead of k */
};

/* What the operator may stand for: a formula over others (passes/simplify/term.h) of its inputs. It is given the
 * attribute then; and what the formula calls has the wanted ones. */
#define OPERATOR_FORM_WANTED 2
struct operator_form {
    const char *formula; /* NULL ends the list */
    const char *attribute, *text;
    struct {
        const char *name;
        float value, absent;
    } wanted[OPERATOR_FORM_WANTED];
};

/* Writes at most `room` elements of output 0, computed from constants; their count, or -1 (onnx/shape/reals.h). */
struct reals_walk;
typedef int64_t reals_rule(struct reals_walk *walk, const struct node *node, double *to, int64_t room);

/* What a loss grows by with each element (runtime/gradient.h). */
struct backward;
typedef void gradient_function(struct backward *b);

struct operator_row {
    const char *name; /* of ai.onnx; other domains stand before it, with a colon */
    int16_t first, last;
    const struct schema *schemas; /* what the standard allows, at all opsets: in the operator's first row */

    bool (*run)(struct call *call); /* the kernel; NULL: the operator does not run */
    bool joins;                     /* the kernel can be a pass over the output of another (runtime/epilogue.h) */
    const char *refused;            /* why it never will, and what to do instead: follows "operator X of D " */
    const void *data;               /* what tells rows of one kernel apart */

    bool (*shape)(struct shaping *s);   /* the shape rule; NULL: see open_shape */
    const char *open_shape;             /* why there is none: what the shapes depend on */
    enum dtype type;                    /* of output 0, where the operator fixes it */
    unsigned char type_from;            /* the input that output 0 takes its type from, where it does not */
    void (*content)(struct shaping *s); /* sets the elements of output 0, whose type and shape are known and small */
    int (*combine)(struct shaping *s, int a, int b); /* two elements, where that goes element by element */
    reals_rule *reals;                               /* the elements of output 0 as fractions; NULL: not followed */
    double (*combine_reals)(double a, double b);     /* and two of them, where that goes element by element */

    char symbol;                       /* how formulas write it between its two operands: + - * / @ =; 0: by its name */
    const struct operator_form *forms; /* what it may be made of, on request */

    unsigned laws; /* of enum law */
    const struct neutral *neutral;
    const struct clamp *clamp;
    bool is_activation;                  /* recurrent layers and fused operators apply it by its name */
    const struct affine_form *affine[2]; /* with k as input 0; as another input, or not there */

    unsigned sizes; /* inputs that say how much, how many or which: SLOT(n) | ... */
    enum complex_use complex;
    unsigned passes;        /* inputs whose elements output 0 is made of */
    bool arithmetic;        /* what sizes are computed with */
    struct interval within; /* what the elements of output 0 are between, whatever comes in; { 0, 0 }: anything */
    bool keeps_range;       /* they are between those of input 0, or are zero */
    bool hides;             /* inputs that differ may give the same */
    bool keeps_shape;       /* output 0 has type and shape of input 0, though the rule says more than that */
    bool (*view)(const struct node *node, struct view_dims *view); /* output 0 is input 0 under other dims: these */
    bool idle;                                                     /* computes nothing, as a pass counts it */
    bool marks_pattern;   /* runtimes recognize LayerNormalization, RMSNormalization or Gelu written out by it */
    enum exactness exact; /* whether every machine computes the same bits */
    bool random;          /* the same inputs may give other outputs */
    bool expands; /* the result is a larger form of what is stored, which is kept: never computed ahead of a run */
    unsigned char limits[LIMITED_SLOTS]; /* enum number_limit of each input */
    const struct weight_need *need;

    bool early;                              /* runtimes take it; the standard has the operator from a later opset on */
    bool (*infers)(const struct node *node); /* it is told, for certain, not to train; NULL: it never trains */
    enum bodies bodies;
    const char *fixed_attribute; /* a float that is a size or a threshold: what noise leaves alone */

    bool names_values; /* its attributes that are strings name values of the graph */

    gradient_function *gradient; /* from derivatives by the outputs to those by the inputs; NULL: refused by name */
};

/* A list that is an attribute in old opsets and input 1 in new ones, and must be constant without computing anything.
 * `given` is false when it is neither. Room for TENSOR_MAX_RANK. */
bool node_list(const struct node *node, const char *name, int64_t *list, int *count, bool *given);

/* The tables of the families, each ended by a row without name; NULL ends the list. */
extern const struct operator_row *const operator_families[];

/* The rows by name, of one net. */
struct operator_index;
struct operator_index *operator_index_new(struct arena *arena);
/* The first of an operator's rows; NULL when it has none. */
const struct operator_row *operator_first(const struct operator_index *index, const char *domain, const char *op);
/* Whether one of these laws (enum law) is true of the node's operator, as far as it is known. */
bool operator_has(const struct node *node, unsigned laws);
/* How formulas write the node's operator; 0: by its name. */
char operator_symbol(const struct node *node);
/* The row of an operator of ai.onnx at the opset of a graph, or NULL; and whether one of these laws is true of it. */
const struct operator_row *operator_of_graph(const struct graph *graph, const char *op);
bool operator_of_graph_has(const struct graph *graph, const char *op, unsigned laws);
/* Whether a row's name, which may have a domain before it, is that of an operator. */
bool operator_is_named(const char *name, const char *domain, const char *op);
/* The row of an operator at an opset; NULL when there is none. */
const struct operator_row *operator_find(const struct operator_index *index, const char *domain, const char *op,
                                         int64_t opset);
/* The same of the operator that formulas write so. */
const struct operator_row *operator_of_symbol(const struct operator_index *index, char symbol, int64_t opset);
/* Its name. */
const char *operator_written(const struct graph *graph, char symbol);
/* Why a node has no row, or none that runs: one line in the arena. */
const char *operator_missing(const struct node *node, struct arena *arena);

#endif
