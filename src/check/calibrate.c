/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibration: levels of BatchNormalizations, one pass over the data for each, one more to see that it holds. See
 * calibrate.h. */
#include "check/calibrate.h"

#include "check/session.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/bn.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/order.h"
#include "passes/inference.h"

#include <math.h>
#include <string.h>

/* A BatchNormalization whose input is measured: mean and sum of squared deviations of every channel. */
struct gauge {
    struct node *bn;
    size_t level; /* BatchNormalizations upstream of it, the longest way */
    int64_t channels;
    double count, *mean, *deviations;
    bnfuse_calibrated *result;
};

struct calibration {
    struct session *session;
    struct net *net;
    struct gauge *gauges;
    size_t count, levels;
    double momentum;
};

/* ---- which, and in which order ---- */

static size_t level_of(const struct pointer_map *levels, const struct value *value)
{
    return value ? (size_t)(uintptr_t)pointer_map_get(levels, value) : 0;
}

/* What bodies capture counts as well. */
static size_t level_of_inputs(const struct pointer_map *levels, const struct node *node)
{
    size_t level = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        size_t of = level_of(levels, node_input(node, i));
        level = of > level ? of : level;
    }
    for (size_t i = 0; i < node->inner_count; i++)
        for (const struct node *inner = node->inner[i]->first; inner; inner = inner->next) {
            size_t of = level_of_inputs(levels, inner);
            level = of > level ? of : level;
        }
    return level;
}

static bool has_statistics(const struct node *bn)
{
    const struct value *mean = node_input(bn, 3), *variance = node_input(bn, 4);
    return mean && variance && mean->shape.rank == 1 && mean->shape.dims[0].size > 0 && mean->type != DTYPE_UNDEFINED
           && variance->type != DTYPE_UNDEFINED;
}

static bool collect_gauges(struct calibration *c, struct bnfuse_error *error)
{
    const struct graph *graph = c->net->main;
    struct arena *arena = c->net->arena;
    struct pointer_map levels = { .arena = &c->session->plans };
    struct node **order;
    if (!graph_order(graph, &c->session->plans, &order, error)) return false;
    c->gauges = NEW_ARRAY(arena, struct gauge, graph->node_count);
    for (size_t i = 0; i < graph->node_count; i++) {
        struct node *node = order[i];
        size_t level = level_of_inputs(&levels, node);
        bool is_bn = bn_is(node) && has_statistics(node);
        if (is_bn) {
            c->gauges[c->count++] =
                (struct gauge){ .bn = node, .level = level, .channels = node_input(node, 3)->shape.dims[0].size };
            c->levels = level + 1 > c->levels ? level + 1 : c->levels;
        }
        for (size_t k = 0; k < node->output_count; k++)
            if (node->outputs[k]) pointer_map_set(&levels, node->outputs[k], (void *)(uintptr_t)(level + is_bn));
    }
    return true;
}

/* ---- measuring ---- */

/* Adds the channel's numbers to what was seen (Chan, Golub, LeVeque 1983). */
static void add_channel(struct gauge *gauge, const struct array *x, int64_t channel)
{
    int64_t batch = x->dims[0], inner = x->count / (batch * gauge->channels > 0 ? batch * gauge->channels : 1);
    double count = (double)(batch * inner), sum = 0, deviations = 0;
    for (int64_t n = 0; n < batch; n++)
        for (int64_t i = 0; i < inner; i++) sum += x->f64[(n * gauge->channels + channel) * inner + i];
    double mean = count > 0 ? sum / count : 0;
    for (int64_t n = 0; n < batch; n++)
        for (int64_t i = 0; i < inner; i++) {
            double far = x->f64[(n * gauge->channels + channel) * inner + i] - mean;
            deviations += far * far;
        }
    double all = gauge->count + count, far = mean - gauge->mean[channel];
    if (!(all > 0)) return;
    gauge->deviations[channel] += deviations + far * far * gauge->count * count / all;
    gauge->mean[channel] += far * count / all;
}

static bool add_array(struct gauge *gauge, const struct array *x, struct arena *arena, struct bnfuse_error *error)
{
    if (!x || x->store != STORE_F64 || x->rank < 2 || x->dims[1] != gauge->channels)
        return fail(error, BNFUSE_UNSUPPORTED, "%s: its input has no channels along axis 1",
                    node_label(gauge->bn, arena));
    for (int64_t channel = 0; channel < gauge->channels; channel++) add_channel(gauge, x, channel);
    gauge->count += (double)(x->count / (gauge->channels ? gauge->channels : 1));
    return true;
}

static void reset(struct calibration *c, struct gauge *gauge)
{
    gauge->count = 0;
    gauge->mean = NEW_ARRAY(c->net->arena, double, (size_t)gauge->channels);
    gauge->deviations = NEW_ARRAY(c->net->arena, double, (size_t)gauge->channels);
}

/* Runs every set up to the inputs of these gauges. */
static bool measure_gauges(struct calibration *c, struct gauge *const *gauges, size_t count, struct bnfuse_error *error)
{
    struct session *session = c->session;
    struct value **wanted = NEW_ARRAY(&session->plans, struct value *, count);
    struct side *side = &session->before;
    static const struct draw draw = { .name = "normal", .scale = 1, .rounds = 2 };
    for (size_t i = 0; i < count; i++) {
        wanted[i] = node_input(gauges[i]->bn, 0);
        reset(c, gauges[i]);
    }
    if (!session_plan(session, error)
        || !plan_build(&side->plan, &session->plans, side->net, side->given, side->given_count, wanted, count, error))
        return false;
    for (size_t set = 0; set < session->options->sets.count; set++) {
        bool guessed, good = true;
        if (!session_take(session, set, error) || !session_feed(session, &guesses[0], &draw, &guessed, error))
            return false;
        struct array **arrays = NEW_ARRAY(&session->data, struct array *, count);
        good = session_run(session, side, EXACT_ROUNDED, 0, NULL, arrays, error);
        for (size_t i = 0; good && i < count; i++) good = add_array(gauges[i], arrays[i], &session->plans, error);
        arrays_drop(arrays, count);
        if (!good) return false;
    }
    return true;
}

/* ---- new statistics ---- */

static bool old_values(struct calibration *c, const struct gauge *gauge, size_t slot, double **values,
                       struct bnfuse_error *error)
{
    const struct tensor *stored = value_constant(node_input(gauge->bn, slot));
    *values = NULL;
    return !stored || stored->count != gauge->channels || tensor_values(stored, c->net->arena, values, error);
}

static void replace_input(struct calibration *c, struct node *bn, size_t slot, const double *values, int64_t channels)
{
    struct value *old = node_input(bn, slot);
    struct tensor *tensor = tensor_exact(c->net->arena, old->type, 1, &channels, values);
    edit_set_input(bn, slot, edit_add_initializer(bn->graph, old->name, tensor));
    if (!old->use_count && old->initializer && !old->is_input && !old->is_output) edit_remove_initializer(old);
}

/* How far the statistics moved: the mean in old standard deviations, the variance by a factor. */
static void note_move(const struct gauge *gauge, const double *old_mean, const double *old_variance, double epsilon)
{
    bnfuse_calibrated *result = gauge->result;
    result->variance_least = result->variance_most = 1;
    for (int64_t i = 0; old_mean && old_variance && i < gauge->channels; i++) {
        double variance = gauge->deviations[i] / gauge->count;
        double moved = fabs(gauge->mean[i] - old_mean[i]) / sqrt(old_variance[i] + epsilon);
        double factor = (variance + epsilon) / (old_variance[i] + epsilon);
        result->mean_moved = fmax(result->mean_moved, moved);
        result->variance_least = i ? fmin(result->variance_least, factor) : factor;
        result->variance_most = i ? fmax(result->variance_most, factor) : factor;
    }
}

static bool store_statistics(struct calibration *c, struct gauge *gauge, struct bnfuse_error *error)
{
    double *old_mean, *old_variance, epsilon = (double)node_float(gauge->bn, "epsilon", 1e-5f), m = c->momentum;
    if (!(gauge->count > 0))
        return fail(error, BNFUSE_UNSUPPORTED, "%s: the data hold no element for it",
                    node_label(gauge->bn, &c->session->plans));
    if (!old_values(c, gauge, 3, &old_mean, error) || !old_values(c, gauge, 4, &old_variance, error)) return false;
    double *mean = NEW_ARRAY(c->net->arena, double, (size_t)gauge->channels),
           *variance = NEW_ARRAY(c->net->arena, double, (size_t)gauge->channels);
    for (int64_t i = 0; i < gauge->channels; i++) {
        mean[i] = gauge->mean[i];
        variance[i] = gauge->deviations[i] / gauge->count;
        if (!isfinite(mean[i]) || !isfinite(variance[i]))
            return fail(error, BNFUSE_UNSUPPORTED, "%s: channel %lld of its input is not finite on the data",
                        node_label(gauge->bn, &c->session->plans), (long long)i);
        if (old_mean && m < 1) mean[i] = (1 - m) * old_mean[i] + m * mean[i];
        if (old_variance && m < 1) variance[i] = (1 - m) * old_variance[i] + m * variance[i];
    }
    note_move(gauge, old_mean, old_variance, epsilon);
    replace_input(c, gauge->bn, 3, mean, gauge->channels);
    replace_input(c, gauge->bn, 4, variance, gauge->channels);
    return true;
}

static bool calibrate_level(struct calibration *c, size_t level, struct bnfuse_error *error)
{
    struct gauge **gauges = NEW_ARRAY(&c->session->plans, struct gauge *, c->count);
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->gauges[i].level == level) gauges[count++] = &c->gauges[i];
    if (!measure_gauges(c, gauges, count, error)) return false;
    for (size_t i = 0; i < count; i++)
        if (!store_statistics(c, gauges[i], error)) return false;
    return true;
}

/* ---- once more ---- */

#define SETTLED 1e-3 /* of a standard deviation; and of the variance */

/* What is stored must be what is seen, with all layers calibrated. */
static bool is_settled(struct calibration *c, struct bnfuse_error *error)
{
    struct gauge **gauges = NEW_ARRAY(&c->session->plans, struct gauge *, c->count);
    for (size_t i = 0; i < c->count; i++) gauges[i] = &c->gauges[i];
    if (!measure_gauges(c, gauges, c->count, error)) return false;
    for (size_t i = 0; i < c->count; i++) {
        const struct gauge *gauge = gauges[i];
        double *mean, *variance, epsilon = (double)node_float(gauge->bn, "epsilon", 1e-5f);
        if (!old_values(c, gauge, 3, &mean, error) || !old_values(c, gauge, 4, &variance, error)) return false;
        for (int64_t k = 0; mean && variance && k < gauge->channels; k++) {
            double seen = gauge->deviations[k] / gauge->count, size = variance[k] + epsilon;
            if (fabs(gauge->mean[k] - mean[k]) <= SETTLED * sqrt(size) && fabs(seen - variance[k]) <= SETTLED * size)
                continue;
            return fail(error, BNFUSE_DIFFER, "%s: channel %lld has mean %g and variance %g, %g and %g are stored",
                        node_label(gauge->bn, &c->session->plans), (long long)k, gauge->mean[k], seen, mean[k],
                        variance[k]);
        }
    }
    return true;
}

static size_t count_all(const struct net *net)
{
    size_t count = 0;
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));)
        for (const struct node *node = graph->first; node; node = node->next) count += bn_is(node);
    return count;
}

static void open_result(struct calibration *c, bnfuse_calibration *result)
{
    bnfuse_calibrated **list = NEW_ARRAY(c->net->arena, bnfuse_calibrated *, c->count);
    for (size_t i = 0; i < c->count; i++) {
        list[i] = NEW(c->net->arena, bnfuse_calibrated);
        list[i]->node = node_label(c->gauges[i].bn, c->net->arena);
        list[i]->channels = c->gauges[i].channels;
        c->gauges[i].result = list[i];
    }
    *result = (bnfuse_calibration){ .list = list, .count = c->count, .left = count_all(c->net) - c->count };
    result->set_count = c->session->options->sets.count;
}

bool check_calibrate(struct net *net, const struct check_options *options, double momentum, bnfuse_calibration *result,
                     struct bnfuse_error *error)
{
    if (!options->sets.count) return fail(error, BNFUSE_USAGE, "calibration needs data: --data DIR");
    assume_inference(net);
    struct session *session = session_open(net->arena, net, net, options);
    struct calibration c = { .session = session, .net = net, .momentum = momentum };
    bool good = session_accepts(session, error) && collect_gauges(&c, error);
    if (good) open_result(&c, result);
    session->runs_planned = options->sets.count * (c.levels + 1);
    for (size_t level = 0; good && level < c.levels; level++) good = calibrate_level(&c, level, error);
    good = good && (momentum < 1 || is_settled(&c, error));
    session_close(session);
    return good;
}
