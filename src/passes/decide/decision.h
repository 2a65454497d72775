/* SPDX-License-Identifier: Apache-2.0
 *
 * One decision in progress: can this affine go, where to, and if not, what is in the way?
 *
 * Looking changes nothing: it collects steps. When the whole way is clear the steps are applied, and applying cannot
 * decline. A branch that fails takes its steps back (decision_mark, decision_undo). Everything lives in the search's
 * scratch arena, which is emptied after the decision. */
#ifndef PASSES_DECIDE_DECISION_H
#define PASSES_DECIDE_DECISION_H

#include "base/pointer_map.h"
#include "onnx/graph/graph.h"
#include "passes/decide/evaluate.h"
#include "passes/decide/reasons.h"
#include "passes/decide/work.h"

struct affine;
struct anchor;
struct decision;
struct pass_report;
struct root_kind;
struct shift_map;

/* What a decision says. Where a second attempt fares no better than the first, the words of the first are put back. */
struct words {
    const char *where;  /* the name of the thing */
    const char *detail; /* one more clause, or "" */
    const char *help;   /* what would help, where that of the reason's row does not apply; NULL: it does */
};

/* One change, decided. The fields mean what `apply` says. */
struct step {
    void (*apply)(struct decision *decision, const struct step *step);
    struct node *node;
    size_t slot;
    struct value *value;
    const struct affine *affine;
    const struct anchor *anchor;
    const struct shift_map *map;
    bool has_sums; /* it adds, further downstream, what a shift comes to with the weights that the node has now */
    double number, low, high;
    int role;                  /* of one that only notes what has been decided (way_meet.c) */
    enum reason stops;         /* where no more of them come */
    const struct step *demand; /* that is met */
    struct words words;
    struct step *previous, *next;
    struct step *earlier; /* the one before it that changes the same node */
};

/* One BatchNormalization is never traded for two: no way that leaves more is followed to its end. */
enum { MOST_NORMS = 1 };

struct decision {
    struct net *net;
    const struct bnfuse_fuse_options *options;
    struct constants *constants;
    struct arena *arena; /* scratch */
    struct step *steps, *last;
    struct pointer_map steps_of; /* the last one of each node */
    struct cost {
        struct work work;    /* per run, of what the steps leave over (a multiplication or an addition is one) */
        int nodes, norms;    /* nodes left over, and how many of them are BatchNormalization */
        struct work removed; /* of affine nodes that the steps make superfluous */
        int removed_nodes;
    } cost;
    struct named_size { /* of an open dim, as the caller's options name it */
        int symbol;
        int64_t size;
    } * sizes;
    size_t size_count;
    enum dtype type;   /* of constants that residues need: that of the root's parameters */
    bool floors;       /* Relu and Clip may become Max and Min (floor.c): every scale is known not to be negative */
    bool ceilings;     /* and where one is, both may stand for one of them */
    bool compensates;  /* other readers of a value that changes may take the inverse on their inputs */
    bool has_supplies; /* some input got what it wants from another branch (way_meet.c) */
    const struct node *shares; /* a sum that one value feeds twice, of which its terms want other shifts */
    bool copies;               /* what only picks from a constant may be there twice, for one of its readers */
    bool crosses;              /* an affine node on the way is rather crossed than taken along */
    bool leaves_scale;         /* the output of the root holds something else afterwards */
    bool is_late;              /* the ways that change most are open too, as nothing simpler is left to do */
    bool root_is_norm;         /* the root is a BatchNormalization, so a residue may be one */
    const struct root_kind *kind;
    const struct node *root;
    unsigned visits, depth; /* work done so far, bounded */
    size_t *all_visits;     /* of all decisions of a run of the passes */
    struct words words;     /* what is in the way, or the anchor that took the affine */
    char path[160];         /* operators visited */
};

/* A decision for a pass: its scratch arena is released with the net's arena, or by decision_close. The constants are
 * those of the report. */
struct decision *decision_open(struct net *net, const struct bnfuse_fuse_options *options,
                               const struct pass_report *report, const struct root_kind *kind);
void decision_close(struct decision *decision);

/* Says what is in the way, and returns the reason. `where` and the formatted detail live in the scratch arena. */
enum reason decision_stop(struct decision *decision, enum reason reason, const char *where, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));

/* Between two decisions: nothing that the last one made is needed any more. */
void decision_clear(struct decision *decision);

/* Ready for a decision about `root`: no steps, no cost, no words. The other fields stay. */
void decision_begin(struct decision *decision, const struct node *root, enum dtype type);

struct step *decision_step(struct decision *decision, void (*apply)(struct decision *, const struct step *),
                           struct node *node);
/* The last step of a node, and from there the `earlier` ones; NULL if there is none. */
struct step *decision_steps_of(const struct decision *decision, const struct node *node);

/* Whether a < b, or a <= b, at the sizes that the caller named and at any other of the rest. */
bool decision_is_less(struct decision *decision, const struct work *a, const struct work *b);
bool decision_has_size(const struct decision *decision, int symbol);
bool decision_is_at_most(struct decision *decision, const struct work *a, const struct work *b);

/* A step that renames a value because it will hold something else. */
void decision_rename(struct decision *decision, struct value *value);

struct decision_mark {
    struct step *last;
    struct cost cost;
};
struct decision_mark decision_mark(const struct decision *decision);
void decision_undo(struct decision *decision, struct decision_mark mark);

/* The constant that `value` holds, if there is a value. NULL with the reason in *why: OVERRIDABLE, NOT_CONSTANT,
 * SHARED_FUNCTION or BUDGET. */
const struct tensor *decision_constant(struct decision *decision, struct value *value, enum reason *why);
/* The same of a parameter of a BatchNormalization, which may be stored quantized. */
const struct tensor *decision_parameter(struct decision *decision, struct value *value, enum reason *why);

#endif
