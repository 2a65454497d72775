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

#include "io/datum.h"
#include "onnx/graph/graph.h"

#define SITE_LIMIT   1e-9 /* questions 1 and 2: above it, a difference is no rounding of float64 */
#define NOISE_FACTOR 10.0 /* a difference of more than so many times the noise of the stored weights is a bug */

/* One set of inputs given by the user, by name; inputs without a datum are random. */
struct input_set {
    const char *name;
    const struct datum *data;
    size_t count;
};

/* Sets that may be many: taking one may release the one before. NULL with an error where it cannot be read. */
struct set_list {
    size_t count; /* 0: one random set */
    const struct input_set *(*take)(void *context, size_t index, struct bnfuse_error *error);
    void *context;
};

struct check_options {
    bnfuse_check_options asked; /* as the caller filled it; but sets of inputs come from `sets` */
    struct set_list sets;
    struct memory *memory;
    bool is_unrelated; /* the inputs of the two models may have other names */
};

/* The result lives in after->arena. shape_infer has run on both nets. Both nets' marks are used, and NULL afterwards.
 * False only for errors of the check itself (memory, an unreadable weight, data that does not fit the model); a
 * difference is a verdict. */
bool check_fusion(const struct net *before, const struct net *after, const struct check_options *options,
                  struct bnfuse_check_result *result, struct bnfuse_error *error);

/* Whether the new file as it was read back gives what the fused model gives, bit for bit, in their own types. False
 * with BNFUSE_INTERNAL where it does not. */
bool check_read_back(const struct net *fused, const struct net *written, const struct check_options *options,
                     struct bnfuse_error *error);

/* Any two models with equal inputs and outputs; judged against the noise of their stored weights. The result lives in
 * b's arena; sites stay empty. */
bool check_compare(const struct net *a, const struct net *b, const struct check_options *options,
                   struct bnfuse_check_result *result, struct bnfuse_error *error);

#endif
