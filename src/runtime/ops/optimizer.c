/* SPDX-License-Identifier: Apache-2.0
 *
 * Optimizers of ai.onnx.preview.training: one step of gradient descent on any number of tensors.
 *
 * Inputs are the learning rate R, how many steps there were before (T), then all tensors X, their gradients, and one or
 * two lists of what the optimizer remembers of each; outputs are the new tensors, then what is remembered of them. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/kernel.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

/* The attributes, and what depends on R and T alone. */
struct descent {
    double alpha, beta, epsilon, decay, norm, norm_post;
    bool nesterov;
    double rate, steps;
};

struct optimizer {
    size_t memories; /* tensors remembered for each X */
    /* Steps one element: x and its memories change. */
    void (*step)(const struct descent *d, double *x, double gradient, double *memories);
    float alpha, beta; /* defaults */
};

/* Squares of all gradients so far; the rate goes down as they add up. */
static void adagrad(const struct descent *d, double *x, double gradient, double *squares)
{
    double rate = d->rate / (1 + d->steps * d->decay);
    *squares += gradient * gradient;
    *x -= rate * gradient / (sqrt(*squares) + d->epsilon);
}

/* Running means of the gradients and of their squares, both corrected for having begun at zero. */
static void adam(const struct descent *d, double *x, double gradient, double *means)
{
    double rate = d->rate;
    means[0] = d->alpha * means[0] + (1 - d->alpha) * gradient;
    means[1] = d->beta * means[1] + (1 - d->beta) * gradient * gradient;
    if (d->steps > 0) rate *= sqrt(1 - pow(d->beta, d->steps)) / (1 - pow(d->alpha, d->steps));
    *x -= rate * means[0] / (sqrt(means[1]) + d->epsilon);
    *x *= 1 - d->norm_post;
}

/* The first step takes the gradient as it is. */
static void momentum(const struct descent *d, double *x, double gradient, double *velocity)
{
    double beta = d->steps > 0 ? d->beta : 1;
    *velocity = d->alpha * *velocity + beta * gradient;
    *x -= d->rate * (d->nesterov ? gradient + d->alpha * *velocity : *velocity);
}

static bool read_descent(struct call *call, const struct optimizer *optimizer, struct descent *d)
{
    const struct array *rate = call_input(call, 0), *steps = call_input(call, 1);
    if (!rate || !is_real(rate) || rate->count != 1 || !steps || !is_whole(steps) || steps->count != 1)
        return call_fail(call, "needs a learning rate and a count of steps, one number each");
    d->rate = element_real(rate, 0);
    d->steps = element_real(steps, 0);
    d->alpha = (double)node_float(call->node, "alpha", optimizer->alpha);
    d->beta = (double)node_float(call->node, "beta", optimizer->beta);
    d->epsilon = (double)node_float(call->node, "epsilon", 1e-6f);
    d->decay = (double)node_float(call->node, "decay_factor", 0);
    d->norm = (double)node_float(call->node, "norm_coefficient", 0);
    d->norm_post = (double)node_float(call->node, "norm_coefficient_post", 0);
    d->nesterov = strcmp(node_text(call->node, "mode", "standard"), "nesterov") == 0;
    return true;
}

/* Inputs 2 + i, 2 + i + count, ... belong together. */
static bool read_group(struct call *call, const struct optimizer *optimizer, size_t i, size_t count,
                       const struct array **group)
{
    for (size_t k = 0; k < optimizer->memories + 2; k++) {
        group[k] = call_input(call, 2 + i + k * count);
        if (!group[k] || !is_real(group[k]) || group[k]->count != group[0]->count)
            return call_fail(call, "needs a real tensor like input %zu as input %zu", 2 + i, 2 + i + k * count);
    }
    return true;
}

static bool step_tensor(struct call *call, const struct descent *d, size_t i, size_t count)
{
    const struct optimizer *optimizer = call->row->data;
    const struct array *group[4] = { NULL };
    struct array *made[3];
    if (!read_group(call, optimizer, i, count, group)) return false;
    for (size_t k = 0; k < optimizer->memories + 1; k++) {
        const struct array *like = group[k ? k + 1 : 0];
        made[k] = array_new(call->pool, like->type, like->store, like->rank, like->dims);
    }
    for (int64_t e = 0; e < group[0]->count; e++) {
        double x = element_real(group[0], e), memories[2] = { 0 };
        for (size_t k = 0; k < optimizer->memories; k++) memories[k] = element_real(group[2 + k], e);
        optimizer->step(d, &x, d->norm * x + element_real(group[1], e), memories);
        element_put(made[0], e, x);
        for (size_t k = 0; k < optimizer->memories; k++) element_put(made[1 + k], e, memories[k]);
    }
    for (size_t k = 0; k < optimizer->memories + 1; k++) call_give(call, i + k * count, made[k]);
    return true;
}

static bool optimize(struct call *call)
{
    const struct optimizer *optimizer = call->row->data;
    struct descent d;
    size_t each = optimizer->memories + 2, count = call->input_count >= 2 ? (call->input_count - 2) / each : 0;
    if (count == 0 || call->input_count != 2 + count * each)
        return call_fail(call, "has %zu inputs, not 2 and %zu for each tensor", call->input_count, each);
    if (!read_descent(call, optimizer, &d)) return false;
    for (size_t i = 0; i < count; i++)
        if (!step_tensor(call, &d, i, count)) return false;
    return true;
}

/* ---- shapes ---- */

/* As many lists of outputs as of inputs, less the gradients. */
static bool shape_optimizer(struct shaping *s)
{
    const struct optimizer *optimizer = s->row->data;
    size_t each = optimizer->memories + 2, count = (s->node->input_count - 2) / each;
    if (s->node->input_count < 2 + each) return true;
    for (size_t i = 0; i < s->node->output_count; i++)
        if (!set_like(s, i, input_type(s, 2 + i % count), 2 + i % count)) return false;
    return true;
}

const struct operator_row optimizer_operators[] = {
    { "ai.onnx.preview.training:Adagrad", 1, LATEST, .run = optimize,
      .data = &(const struct optimizer){ 1, adagrad, 0, 0 }, .shape = shape_optimizer,
      .schemas = SCHEMAS({ 1, LATEST, ". i64 . *. > . *.", "decay_factor:f epsilon:f norm_coefficient:f" }) },
    { "ai.onnx.preview.training:Adam", 1, LATEST, .run = optimize,
      .data = &(const struct optimizer){ 2, adam, 0.9f, 0.999f }, .shape = shape_optimizer,
      .schemas = SCHEMAS(
          { 1, LATEST, ". i64 . *. > . *.", "alpha:f beta:f epsilon:f norm_coefficient:f norm_coefficient_post:f" }) },
    { "ai.onnx.preview.training:Momentum", 1, LATEST, .run = optimize,
      .data = &(const struct optimizer){ 1, momentum, 0, 0 }, .shape = shape_optimizer,
      .schemas = SCHEMAS({ 1, LATEST, ". i64 . *. > . *.", "alpha!f beta!f mode!s norm_coefficient!f" }) },
    { 0 },
};
