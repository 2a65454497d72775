/* SPDX-License-Identifier: Apache-2.0
 *
 * Losses: NegativeLogLikelihoodLoss, and SoftmaxCrossEntropyLoss, which is the same of a log-softmax along axis 1.
 *
 *   loss(n, d) = -weight[c] * p(n, c, d)  with c = target(n, d);  0 where c is ignore_index
 *
 * The mean divides by the sum of the weights that were used, so ignored targets do not count. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/kernel.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

enum reduction { REDUCE_NONE, REDUCE_SUM, REDUCE_MEAN };

struct loss {
    const struct array *target, *weight;
    int64_t outer, classes, inner; /* of the scores: [outer, classes, inner] */
    bool ignores;
    int64_t ignored;
    enum reduction reduction;
};

static bool read_reduction(struct call *call, struct loss *loss)
{
    static const char *const names[] = { "none", "sum", "mean" };
    const char *name = node_text(call->node, "reduction", "mean");
    for (int i = REDUCE_NONE; i <= REDUCE_MEAN; i++) {
        loss->reduction = (enum reduction)i;
        if (strcmp(name, names[i]) == 0) return true;
    }
    return call_fail(call, "has a reduction that is neither none, sum nor mean");
}

static bool check_targets(struct call *call, const struct loss *loss)
{
    for (int64_t i = 0; i < loss->target->count; i++) {
        int64_t c = loss->target->i64[i];
        if ((c < 0 || c >= loss->classes) && !(loss->ignores && c == loss->ignored))
            return call_fail(call, "has target %lld of %lld classes", (long long)c, (long long)loss->classes);
    }
    return true;
}

static bool read_loss(struct call *call, const struct array *scores, struct loss *loss)
{
    loss->target = call_input(call, 1);
    loss->weight = call_input(call, 2);
    if (!scores || !is_real(scores) || scores->rank < 2) return call_fail(call, "needs real scores [N, C, ...]");
    bool fits = loss->target && is_whole(loss->target) && loss->target->rank == scores->rank - 1;
    for (int i = 0; fits && i < loss->target->rank; i++)
        fits = loss->target->dims[i] == scores->dims[i < 1 ? i : i + 1];
    if (!fits) return call_fail(call, "needs targets of the shape of its scores without axis 1");
    loss->outer = scores->dims[0];
    loss->classes = scores->dims[1];
    loss->inner = dims_product(scores->dims, 2, scores->rank);
    if (loss->weight && (!is_real(loss->weight) || loss->weight->count != loss->classes))
        return call_fail(call, "needs one weight for each of %lld classes", (long long)loss->classes);
    loss->ignores = node_attribute(call->node, "ignore_index") != NULL;
    loss->ignored = node_int(call->node, "ignore_index", 0);
    return read_reduction(call, loss) && check_targets(call, loss);
}

/* Writes output 0 from log-probabilities laid out as the scores are. */
static void put_loss(struct call *call, const struct loss *loss, const double *logs, enum dtype type)
{
    bool whole = loss->reduction != REDUCE_NONE;
    struct array *y = call_output(call, 0, type, whole ? 0 : loss->target->rank, loss->target->dims);
    double sum = 0, weights = 0;
    for (int64_t i = 0; i < loss->target->count; i++) {
        int64_t c = loss->target->i64[i];
        bool ignored = loss->ignores && c == loss->ignored;
        double weight = ignored ? 0 : loss->weight ? element_real(loss->weight, c) : 1;
        int64_t at = (i / loss->inner * loss->classes + c) * loss->inner + i % loss->inner;
        double value = ignored ? 0 : -logs[at] * weight;
        if (!whole) element_put(y, i, value);
        sum += value;
        weights += weight;
    }
    if (whole) element_put(y, 0, loss->reduction == REDUCE_MEAN ? sum / weights : sum);
}

static bool negative_log_likelihood(struct call *call)
{
    const struct array *scores = call_input(call, 0);
    struct loss loss = { 0 };
    if (!read_loss(call, scores, &loss)) return false;
    double *logs = NEW_ARRAY(call->scratch, double, (size_t)scores->count);
    for (int64_t i = 0; i < scores->count; i++) logs[i] = element_real(scores, i);
    put_loss(call, &loss, logs, scores->type);
    return true;
}

/* One log-softmax of `classes` scores, `step` elements apart, the greatest subtracted first. */
static void log_softmax(const struct array *scores, int64_t first, int64_t classes, int64_t step, double *logs)
{
    double most = -INFINITY, sum = 0;
    for (int64_t c = 0; c < classes; c++) most = greatest_so_far(most, element_real(scores, first + c * step));
    for (int64_t c = 0; c < classes; c++) sum += exp(element_real(scores, first + c * step) - most);
    for (int64_t c = 0; c < classes; c++)
        logs[first + c * step] = element_real(scores, first + c * step) - most - log(sum);
}

static bool softmax_cross_entropy(struct call *call)
{
    const struct array *scores = call_input(call, 0);
    struct loss loss = { 0 };
    if (!read_loss(call, scores, &loss)) return false;
    double *logs = NEW_ARRAY(call->scratch, double, (size_t)scores->count);
    for (int64_t o = 0; scores->count > 0 && o < loss.outer; o++)
        for (int64_t i = 0; i < loss.inner; i++)
            log_softmax(scores, o * loss.classes * loss.inner + i, loss.classes, loss.inner, logs);
    put_loss(call, &loss, logs, scores->type);
    if (!call_wants(call, 1)) return true;
    struct array *log_prob = call_output(call, 1, scores->type, scores->rank, scores->dims);
    for (int64_t i = 0; i < scores->count; i++) element_put(log_prob, i, logs[i]);
    return true;
}

/* ---- shapes ---- */

/* One number for the whole batch, or with reduction "none" one for each label. */
static bool shape_loss(struct shaping *s)
{
    const char *reduction = node_text(s->node, "reduction", "mean");
    bool each = reduction[0] == 'n';
    if (input_rank(s, 0) >= 0 && input_rank(s, 1) >= 0 && input_rank(s, 1) != input_rank(s, 0) - 1) return false;
    return (each ? set_like(s, 0, input_type(s, 0), 1) : set_rank(s, 0, input_type(s, 0), 0))
           && set_like(s, 1, input_type(s, 0), 0);
}

const struct operator_row loss_operators[] = {
    { "NegativeLogLikelihoodLoss", 12, LATEST, .gradient = gradient_nll_loss, .run = negative_log_likelihood,
      .shape = shape_loss,
      .schemas = SCHEMAS({ 12, LATEST, "Tf22h[nc.] .i[n.] ?T[c] > T", "ignore_index:i reduction:s=none|sum|mean" }) },
    { "SoftmaxCrossEntropyLoss", 12, LATEST, .gradient = gradient_cross_entropy, .run = softmax_cross_entropy,
      .shape = shape_loss,
      .schemas =
          SCHEMAS({ 12, LATEST, "Tf13h[nc.] .i[n.] ?T[c] > T ?T", "ignore_index:i reduction:s=none|sum|mean" }) },
    { 0 },
};
