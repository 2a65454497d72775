/* SPDX-License-Identifier: Apache-2.0
 *
 * BatchNormalization read as an affine. */
#include "passes/algebra/norm.h"

#include "onnx/graph/bn.h"
#include "onnx/graph/operator.h"

#include <math.h>
#include <string.h>

static enum reason per_element(struct decision *decision, const struct node *bn)
{
    const struct value *x = node_input(bn, 0);
    enum reason why;
    const struct tensor *tensor = decision_parameter(decision, node_input(bn, 1), &why);
    if (x->shape.rank < 0)
        return decision_stop(decision, REASON_PER_ELEMENT, node_title(bn), "the rank of its input is unknown");
    if (tensor && tensor->rank == 1 && x->shape.rank > 2)
        return decision_stop(decision, REASON_PER_ELEMENT, node_title(bn),
                             "its parameters are vectors, so no runtime takes it: spatial = 0 was written by mistake; "
                             "remove the attribute");
    return decision_stop(decision, REASON_PER_ELEMENT, node_title(bn), "spatial = 0 with an input of rank %d",
                         x->shape.rank);
}

/* Nothing makes one an inference whose statistics are wanted. */
static enum reason training(struct decision *decision, const struct node *bn)
{
    const bool is_read = node_outputs_are_read(bn, 1);
    decision_stop(decision, REASON_TRAINING_MODE, node_title(bn),
                  is_read                    ? "its mean or variance is read, so --assume-inference leaves it"
                  : bn_trains_by_default(bn) ? "is_test is not 1, and before opset 7 that means training"
                                             : "an InstanceNormalization is sometimes exported in this form");
    if (is_read) decision->words.help = "export in inference mode";
    return REASON_TRAINING_MODE;
}

enum parameter { SCALE, BIAS, MEAN, VARIANCE };

/* What the parameters of a BatchNormalization come to. Many ways ask, so it is remembered by the tensor of the scale,
 * whoever reads that. */
struct norm {
    const struct tensor *parameters[NORM_PARAMETERS];
    double epsilon;
    const double *scale, *shift;
    bool is_invertible;
    struct {
        int64_t channel; /* the first that has no affine, or -1 */
        double scale, mean, variance;
    } broken;
};

/* The inverse is asked for above this share of the bias that BatchNormalization adds: what the bias loses in its last
 * place comes back some ten times at most. */
#define SMALLEST_OF_BIAS 0.09375
/* And up to so many deviations from zero: a mean further away leaves the shift no digits for what it is added to. */
#define MOST_DEVIATIONS  1000

static bool is_norm_of(const struct norm *norm, const struct tensor *const *parameters, double epsilon)
{
    for (size_t i = 0; i < NORM_PARAMETERS; i++)
        if (norm->parameters[i] != parameters[i]) return false;
    return norm->epsilon == epsilon;
}

static bool holds_only(const struct tensor *tensor, double number)
{
    for (int64_t c = 0; c < tensor->count; c++)
        if (tensor->exact[c] != number) return false;
    return true;
}

bool norm_is_added(const struct tensor *const *parameters, double epsilon)
{
    for (size_t i = 0; i < NORM_PARAMETERS; i++)
        if (!parameters[i] || !parameters[i]->exact || parameters[i]->factor_count) return false;
    return epsilon == 0 && holds_only(parameters[MEAN], 0) && holds_only(parameters[VARIANCE], 1);
}

static bool is_invertible_at(double scale, double bias, double mean, double deviation)
{
    return fabs(scale) > SMALLEST_OF_BIAS * fabs(bias) && fabs(mean) <= MOST_DEVIATIONS * deviation;
}

/* Its vectors are those of the tensors. Who gives them other numbers (tensor_renewed) makes other tensors of them, for
 * which this norm is not found. */
static struct norm *norm_of_added(struct arena *arena, const struct tensor *const *parameters)
{
    struct norm *norm = NEW(arena, struct norm);
    *norm = (struct norm){
        .scale = parameters[SCALE]->exact, .shift = parameters[BIAS]->exact, .is_invertible = true, .broken.channel = -1
    };
    memcpy(norm->parameters, parameters, sizeof norm->parameters);
    for (int64_t c = 0; c < parameters[SCALE]->count && norm->is_invertible; c++)
        norm->is_invertible = is_invertible_at(norm->scale[c], norm->shift[c], 0, 1);
    return norm;
}

/* NULL when *unread, one of the parameters, cannot be read. */
static struct norm *norm_new(struct decision *decision, struct arena *arena, const struct tensor *const *parameters,
                             double epsilon, size_t *unread)
{
    double *values[NORM_PARAMETERS];
    const int64_t channels = parameters[SCALE]->count;
    if (norm_is_added(parameters, epsilon)) return norm_of_added(arena, parameters);
    for (*unread = 0; *unread < NORM_PARAMETERS; ++*unread)
        if (!tensor_values(parameters[*unread], decision->arena, &values[*unread], NULL)) return NULL;
    struct norm *norm = NEW(arena, struct norm);
    double *scale = NEW_ROOM(arena, double, (size_t)channels), *shift = NEW_ROOM(arena, double, (size_t)channels);
    *norm = (struct norm){
        .epsilon = epsilon, .scale = scale, .shift = shift, .is_invertible = true, .broken.channel = -1
    };
    memcpy(norm->parameters, parameters, sizeof norm->parameters);
    for (int64_t c = 0; c < channels; c++) {
        const double variance = values[VARIANCE][c] + epsilon, deviation = sqrt(variance);
        scale[c] = values[SCALE][c] / deviation;
        shift[c] = values[BIAS][c] - values[MEAN][c] * scale[c];
        if (norm->broken.channel < 0 && (!(variance > 0) || !isfinite(scale[c]) || !isfinite(shift[c]))) {
            norm->broken.channel = c;
            norm->broken.scale = values[SCALE][c];
            norm->broken.mean = values[MEAN][c];
            norm->broken.variance = variance;
        }
        norm->is_invertible &= is_invertible_at(values[SCALE][c], values[BIAS][c], values[MEAN][c], deviation);
    }
    return norm;
}

static const struct norm *norm_of(struct decision *decision, const struct tensor *const *parameters, double epsilon,
                                  size_t *unread)
{
    struct pointer_map *known = constants_known(decision->constants);
    struct norm *norm = pointer_map_get(known, parameters[SCALE]);
    if (norm && is_norm_of(norm, parameters, epsilon)) return norm;
    struct arena *room = constants_room(decision->constants, 2 * parameters[SCALE]->count);
    norm = norm_new(decision, room ? room : decision->arena, parameters, epsilon, unread);
    if (norm && room) pointer_map_set(known, parameters[SCALE], norm);
    return norm;
}

/* The parameters are vectors of reals, all of the same size. */
static enum reason read_norm(struct decision *decision, const struct node *bn, const struct norm **norm)
{
    static const char *const names[] = { "scale", "bias", "mean", "variance" };
    const struct tensor *parameters[NORM_PARAMETERS];
    size_t unread;
    for (size_t i = 0; i < NORM_PARAMETERS; i++) {
        enum reason why;
        struct value *value = node_input(bn, i + 1);
        const struct tensor *tensor = parameters[i] = decision_parameter(decision, value, &why);
        if (!tensor) return decision_stop(decision, why, value->name, "its %s", names[i]);
        if (tensor->rank != 1 || dtype_kind(tensor->type) != KIND_REAL)
            return decision_stop(decision, REASON_MISMATCH, value->name, "its %s is not a vector of reals", names[i]);
        if (tensor->count != parameters[SCALE]->count)
            return decision_stop(decision, REASON_MISMATCH, value->name, "its %s has %lld elements, its scale %lld",
                                 names[i], (long long)tensor->count, (long long)parameters[SCALE]->count);
    }
    if ((*norm = norm_of(decision, parameters, bn_epsilon(bn), &unread))) return REASON_NONE;
    return decision_stop(decision, REASON_NOT_CONSTANT, node_input(bn, unread + 1)->name, "its %s cannot be read",
                         names[unread]);
}

bool norm_is_invertible(struct decision *decision, const struct node *bn)
{
    const struct norm *norm;
    return !read_norm(decision, bn, &norm) && norm->is_invertible;
}

enum reason norm_affine(struct decision *decision, const struct node *bn, struct affine **affine, size_t *slot)
{
    const struct value *x = node_input(bn, 0);
    if (bn->opset > LATEST_OPSET)
        return decision_stop(decision, REASON_UNKNOWN_OPSET, node_title(bn), "opset %lld", (long long)bn->opset);
    if (x->type != DTYPE_UNDEFINED && dtype_kind(x->type) != KIND_REAL)
        return decision_stop(decision, REASON_MISMATCH, x->name, "its input is of type %s", dtype_name(x->type));
    if (bn_is_training(bn)) return training(decision, bn);
    if (node_outputs_are_read(bn, 1))
        return decision_stop(decision, REASON_MISMATCH, node_title(bn),
                             "its mean or variance is read, which it does not compute at inference");
    if (bn_is_per_element(bn) && x->shape.rank != 2) return per_element(decision, bn);

    const int64_t arriving = x->shape.rank > 1 ? x->shape.dims[1].size : -1;
    const struct norm *norm;
    const enum reason reason = read_norm(decision, bn, &norm);
    if (reason) return reason;
    const int64_t channels = norm->parameters[SCALE]->count;
    /* A vector is one channel: so the operator is defined. */
    const bool is_vector = x->shape.rank == 1 && channels == 1;
    if (x->shape.rank >= 0 && x->shape.rank < 2 && !is_vector)
        return decision_stop(decision, REASON_MISMATCH, x->name, "its input has rank %d and no channel axis",
                             x->shape.rank);
    if (arriving >= 0 && arriving != channels)
        return decision_stop(decision, REASON_MISMATCH, x->name, "%lld channels arrive, the parameters have %lld",
                             (long long)arriving, (long long)channels);
    if (norm->broken.channel >= 0)
        return decision_stop(decision, REASON_NOT_FINITE, node_title(bn),
                             "channel %lld: scale %g, mean %g, variance + epsilon %g", (long long)norm->broken.channel,
                             norm->broken.scale, norm->broken.mean, norm->broken.variance);
    *affine = affine_new(decision->arena, is_vector ? AXIS_ANY : 1, channels, norm->scale, norm->shift);
    *slot = 0;
    return REASON_NONE;
}
