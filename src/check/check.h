/* SPDX-License-Identifier: Apache-2.0
 *
 * Fused against unfused: is the difference rounding, or a bug?
 *
 * Two indexes over one model: `before`, which nobody edited, and `after`. A name that survives means the same value
 * (edit.h), so every value of `after` whose name exists in `before` can be compared, and the region of `after` between
 * such values that contains a changed or new node is a *site*: it is fed the reference run's values and must reproduce
 * the reference run's result. The four questions (docs/check.md):
 *   1. algebra, site by site, float64, folded weights unrounded: <= SITE_LIMIT relative to the tensor's scale
 *   2. algebra, whole graph, likewise
 *   3. rounding of stored weights: whole graph, float64, weights as they will be written
 *   4. deployment: the model's own types, before against after, |a-b| <= atol + rtol*|b|, and accuracy of both against
 *      the float64 truth */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "data/datum.h"
#include "onnx/graph.h"

#define SITE_LIMIT 1e-9       /* questions 1 and 2: above it, a difference is no rounding of float64 */
#define NOISE_FACTOR 10.0     /* a difference of more than so many times the noise of the stored weights is a bug */

enum verdict { VERDICT_IDENTICAL, VERDICT_PASS, VERDICT_PASS_ROUNDING, VERDICT_PASS_SITES, VERDICT_FAIL,
               VERDICT_ILL_CONDITIONED, VERDICT_NOT_CHECKED };

/* How far b is from a, over one tensor (a sequence: over all its tensors). */
struct difference {
    double largest;           /* max |a-b| */
    double relative;          /* largest / max |a|; largest itself where a is all zero */
    double root_mean_square;  /* of a-b, relative to that of a */
    int64_t at;               /* flat index of the largest */
    bool shape_differs;       /* or the type: then nothing else is measured */
    bool pattern_differs;     /* NaN or infinity in one and not in the other; strings that differ */
    bool degenerate;          /* a is constant or saturated: agreement proves little */
};

/* One set of inputs given by the user, by name; inputs without a datum are random. */
struct input_set { const char *name; const struct datum *data; size_t count; };
struct dim_choice { const char *name; int64_t size; };
struct shape_choice { const char *name; int rank; const int64_t *dims; };

struct check_options {
    uint64_t seed;            /* of random inputs */
    double atol, rtol;        /* of question 4 */
    int threads;              /* 0: as many as the machine has */
    bool full;                /* --check=full: the whole graph must run */
    struct memory *memory;
    const struct input_set *sets;     /* none: one random set */
    size_t set_count;
    const struct dim_choice *dims;    /* --dim NAME=N */
    size_t dim_count;
    const struct shape_choice *shapes;        /* --shape NAME:AxBxC */
    size_t shape_count;
    void (*progress)(void *context, double done);     /* NULL: not called */
    void *context;
};

struct site_result {
    const char *value;        /* the name that survived */
    const char *node;         /* what computes it now, as node_label says */
    const char *scope;        /* the graph it is in: "" for the main graph */
    bool checked;             /* false: it could not be run, see why */
    bool ill_conditioned;     /* above SITE_LIMIT, yet within what float64 can tell of the original site itself */
    const char *why;
    struct difference difference;
};

struct output_result {
    const char *name;
    struct difference algebra, rounding, deployment;      /* questions 2, 3, 4 */
    double noise;             /* relative, of half a unit in the last place of every stored weight; < 0: not measured */
    double truth_before, truth_after;                     /* question 4: distance from float64, root mean square */
    bool within_tolerance;
};

struct check_result {
    enum verdict verdict;
    const char *why;                  /* one line when not a plain pass: node, value, what; else "" */
    const char *first_divergent;      /* the first surviving value that differs, or NULL */
    struct site_result *sites;
    size_t site_count, sites_checked;
    double worst_site;                /* largest relative difference of question 1 */
    struct output_result *outputs;    /* none when the whole graph did not run */
    size_t output_count;
    uint64_t seed;
    size_t set_count;                 /* sets of inputs that were run */
    const char *inputs;               /* what they looked like: x float32 [2, 3, 224, 224], ... */
};

/* The result lives in after->arena. shape_infer has run on both nets. Both nets' marks are used, and NULL afterwards.
 * False only for errors of the check itself (memory, an unreadable weight, data that does not fit the model); a
 * difference is a verdict. */
bool check_fusion(const struct net *before, const struct net *after, const struct check_options *options,
                  struct check_result *result, struct bnfuse_error *error);

/* Any two models with equal inputs and outputs; judged against the noise of their stored weights. The result lives in
 * b's arena; sites stay empty. */
bool check_compare(const struct net *a, const struct net *b, const struct check_options *options,
                   struct check_result *result, struct bnfuse_error *error);

const char *verdict_text(enum verdict verdict);

#endif
