/* SPDX-License-Identifier: Apache-2.0
 *
 * One decision in progress: can this affine go, where to, and if not, what is in the way?
 *
 * Looking changes nothing: it collects steps. When the whole way is clear the steps are applied, and applying cannot
 * decline. A branch that fails takes its steps back (search_mark, search_undo). Everything lives in the search's
 * scratch arena, which is emptied after the decision. */
#ifndef PASSES_SEARCH_H
#define PASSES_SEARCH_H

#include "onnx/graph.h"
#include "passes/evaluate.h"
#include "passes/passes.h"

struct affine;
struct anchor;
struct search;

/* One change, decided. The fields mean what `apply` says. */
struct step {
    void (*apply)(struct search *search, const struct step *step);
    struct node *node;
    size_t slot;
    struct value *value;
    const struct affine *affine;
    const struct anchor *anchor;
    double number;
    struct step *next;
};

struct search {
    struct net *net;
    const struct pass_options *options;
    struct constants *constants;
    struct arena *arena;              /* scratch */
    struct step *steps, **last;
    struct cost {
        int64_t work;                 /* element operations per run of what the steps leave behind (a multiplication or
                                       * an addition is one); INT64_MAX where a shape is unknown */
        int nodes, norms;             /* nodes left behind, and how many of them are BatchNormalization */
        int64_t removed_work;         /* element operations of affine nodes that the steps make superfluous */
        int removed_nodes;
    } cost;
    enum dtype type;                  /* of constants that residues need: that of the seed's parameters */
    bool seed_is_norm;                /* the seed is a BatchNormalization, so a residue may be one */
    const struct node *seed;
    unsigned visits, depth;           /* work done so far, bounded */
    const char *where;                /* the name of the thing in the way, or of the anchor that took the affine */
    const char *detail;               /* one more clause, or "" */
    char path[160];                   /* operators visited */
};

/* Says what is in the way, and returns the reason. `where` and the formatted detail live in the scratch arena. */
enum reason search_stop(struct search *search, enum reason reason, const char *where, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));

/* Ready for a decision about `seed`: no steps, no cost, no words. The other fields stay. */
void search_begin(struct search *search, const struct node *seed, enum dtype type);

struct step *search_step(struct search *search, void (*apply)(struct search *, const struct step *), struct node *node);

struct search_mark {
    struct step **last;
    struct cost cost;
};
struct search_mark search_mark(const struct search *search);
void search_undo(struct search *search, struct search_mark mark);

/* The constant that `value` holds. NULL with the reason in *why: OVERRIDABLE, NOT_CONSTANT or BUDGET. */
const struct tensor *search_constant(struct search *search, struct value *value, enum reason *why);

/* How a report names a node or value. */
const char *node_title(const struct node *node);

#endif
