/* SPDX-License-Identifier: Apache-2.0
 *
 * The passes in their running order, the runner, and what they report. */
#ifndef PASSES_PASSES_H
#define PASSES_PASSES_H

#include "base/pointer_map.h"
#include "onnx/graph.h"
#include "passes/reasons.h"

struct pass_options {
    bool relu_scale;                  /* --enable relu-scale */
    bool before_padded_conv;          /* --enable bn-before-padded-conv */
    bool lower_mul_add;               /* --lower mul-add */
    uint64_t fold_limit;              /* bytes the model may grow by through computed constants and clones */
    const char *const *disabled;      /* names of passes */
    size_t disabled_count;
    const char *const *skip;          /* names of nodes */
    size_t skip_count;
    /* Called now and then with the share of work done, 0..1; NULL: not called. */
    void (*progress)(void *context, double done);
    void *context;
};

enum outcome { OUTCOME_FOLDED, OUTCOME_MERGED, OUTCOME_REMOVED, OUTCOME_LOWERED, OUTCOME_STAYS };

/* One BatchNormalization of the model as it was loaded, in file order, bodies and functions included. */
struct fate {
    const char *node;                 /* its name, or the name of its output when it has none */
    const char *output;               /* its output's name */
    const char *scope;                /* the enclosing bodies or function, "" for the main graph */
    enum outcome outcome;
    enum reason reason;               /* when it stays */
    const char *where;                /* folded into, merged into; or the name of the thing in the way */
    const char *detail;               /* one more clause for the report, or "" */
    const char *path;                 /* operators tried or crossed, "backward: Transpose -> MatMul"; or "" */
};

struct pass_report {
    struct fate *fates;
    size_t fate_count;
    size_t left;                      /* BatchNormalization nodes in the model afterwards */
    int64_t multiply_adds_saved;      /* per run, where shapes are known */
    uint64_t grown;                   /* bytes of clones and computed constants */
    const char **notes;               /* further lines worth telling, e.g. dead nodes removed */
    size_t note_count;
    struct pointer_map unread;        /* initializers that nobody read before any pass ran */
};

struct pass {
    const char *name;                 /* command-line name */
    bool optional;                    /* runs only when asked for */
    bool (*run)(struct net *net, const struct pass_options *options, struct pass_report *report,
                struct bnfuse_error *error);
    const char *why_here;
};

extern const struct pass passes[];
extern const size_t pass_count;

/* Runs all passes to their fixed point. The report lives in the net's arena. */
bool passes_run(struct net *net, const struct pass_options *options, struct pass_report *report,
                struct bnfuse_error *error);

#endif
