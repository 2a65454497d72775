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

#include "onnx/graph.h"

#define SITE_LIMIT 1e-9

enum verdict { VERDICT_IDENTICAL, VERDICT_PASS, VERDICT_PASS_ROUNDING, VERDICT_PASS_SITES, VERDICT_FAIL,
               VERDICT_ILL_CONDITIONED, VERDICT_NOT_CHECKED };

/* How far b is from a, over one tensor. */
struct difference {
    double largest;           /* max |a-b| */
    double relative;          /* largest / max |a| (0 when both are 0) */
    double root_mean_square;  /* of a-b, relative to that of a */
    int64_t at;               /* flat index of the largest */
    bool pattern_differs;     /* NaN or infinity in one and not in the other, or other shapes or types */
    bool degenerate;          /* a is constant or saturated: agreement proves little */
};

struct check_options {
    uint64_t seed;            /* of random inputs */
    double atol, rtol;        /* of question 4 */
    int threads;
    bool full;                /* --check=full: the whole graph must run */
    struct memory *memory;
    /* Inputs given by the user, by name; others are random. */
    const struct named_input *inputs;
    size_t input_count;
    /* --dim NAME=N and --shape NAME:AxBxC */
    const struct dim_choice *dims;
    size_t dim_count;
    const struct shape_choice *shapes;
    size_t shape_count;
    void (*progress)(void *context, double done);
    void *context;
};

struct named_input { const char *name; enum dtype type; int rank; const int64_t *dims; const void *bytes; };
struct dim_choice { const char *name; int64_t size; };
struct shape_choice { const char *name; int rank; const int64_t *dims; };

struct site_result { const char *value; const char *node; struct difference difference; };

struct output_result {
    const char *name;
    struct difference algebra, rounding, deployment;      /* questions 2, 3, 4 */
    double truth_before, truth_after;                     /* question 4: distance from float64, relative */
    bool within_tolerance;
};

struct check_result {
    enum verdict verdict;
    const char *why;                  /* one line when not a plain pass: node, value, what */
    const char *first_divergent;      /* the first surviving value that differs, or NULL */
    struct site_result *sites;
    size_t site_count, sites_checked;
    double worst_site;                /* largest relative difference of question 1 */
    struct output_result *outputs;
    size_t output_count;
    uint64_t seed;
};

/* The result lives in after->arena. False only for errors of the check itself (memory, an unreadable weight);
 * a difference is a verdict. */
bool check_fusion(const struct net *before, const struct net *after, const struct check_options *options,
                  struct check_result *result, struct bnfuse_error *error);

/* Any two models with equal inputs and outputs; judged against the noise of their stored weights. */
bool check_compare(const struct net *a, const struct net *b, const struct check_options *options,
                   struct check_result *result, struct bnfuse_error *error);

const char *verdict_text(enum verdict verdict);

#endif
