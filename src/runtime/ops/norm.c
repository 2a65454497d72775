/* SPDX-License-Identifier: Apache-2.0
 *
 * Normalizations: (x - mean) * scale / sqrt(variance + epsilon) + shift, over whatever belongs together. Variances are
 * those of the population (divided by N). Statistics are computed in double, elements in the store of the call. */
#include "runtime/ops/norm.h"
#include "onnx/graph/bn.h"
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/broadcast.h"
#include "runtime/math/real.h"
#include "runtime/math/simd.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

char *norm_at(const struct array *array, int64_t index)
{
    return (char *)array->data + index * (int64_t)store_size(array->store);
}

double norm_epsilon(const struct call *call)
{
    return (double)node_float(call->node, "epsilon", 1e-5f);
}

void norm_round_back(struct array *y, enum dtype type, int64_t first, int64_t count)
{
    for (int64_t i = first; i < first + count; i++) element_put(y, i, dtype_round(type, element_real(y, i)));
}

bool norm_is_rounded_between(const struct call *call, const struct array *x)
{
    return !call->exact && x->type != DTYPE_FLOAT && x->type != DTYPE_DOUBLE;
}

/* --- BatchNormalization --- */

/* x as [images, features, plane]: each feature has its own parameters. Channels, or with spatial=0 every element of an
 * image. */
struct batch {
    const struct simd *simd;
    struct array *x, *scale, *shift, *mean, *variance, *y;
    int64_t images, features, plane;
    double epsilon, momentum;
    const struct array *used_mean; /* given or the batch's */
    struct array *factors;         /* scale / sqrt(variance + epsilon) */
    struct array *batch_mean, *batch_variance;
};

static bool read_parameter(struct call *call, const struct batch *b, size_t slot, const char *name, struct array **to)
{
    if (!call_real(call, slot, name, true, 1, to)) return false;
    if ((*to)->count != b->features)
        return call_fail(call, "input %s has %lld elements for %lld channels", name, (long long)(*to)->count,
                         (long long)b->features);
    return true;
}

static bool read_batch(struct call *call, struct batch *b)
{
    if (!call_real(call, 0, "X", true, 1, &b->x)) return false;
    const struct array *x = b->x;
    b->simd = simd_for(x->store, call->simd_row);
    bool each = bn_is_per_element(call->node);
    b->images = x->dims[0];
    b->features = x->rank > 1 ? x->dims[1] : 1;
    b->plane = 1;
    for (int i = 2; i < x->rank; i++)
        if (!size_multiply(each ? b->features : b->plane, x->dims[i], each ? &b->features : &b->plane))
            return call_fail(call, "input X is too large");
    b->epsilon = bn_epsilon(call->node);
    b->momentum = (double)node_float(call->node, "momentum", 0.9f);
    return read_parameter(call, b, 1, "scale", &b->scale) && read_parameter(call, b, 2, "B", &b->shift)
           && read_parameter(call, b, 3, "mean", &b->mean) && read_parameter(call, b, 4, "var", &b->variance);
}

static struct array *make_factors(const struct call *call, const struct batch *b, const struct array *variance)
{
    struct array *factors = array_new(call->pool, b->x->type, b->x->store, 1, &b->features);
    for (int64_t f = 0; f < b->features; f++)
        element_put(factors, f, element_real(b->scale, f) / sqrt(element_real(variance, f) + b->epsilon));
    return factors;
}

/* Each plane of a feature with its numbers. */
static void normalize_planes(const void *context, int64_t first, int64_t end, int member)
{
    const struct batch *b = context;
    const struct simd *simd = b->simd;
    (void)member;
    for (int64_t i = first; i < end; i++) {
        int64_t f = i % b->features;
        simd->normalize(norm_at(b->x, i * b->plane), element_real(b->used_mean, f), element_real(b->factors, f),
                        element_real(b->shift, f), b->plane, norm_at(b->y, i * b->plane));
    }
}

/* Planes of one element: all features of an image side by side. */
static void normalize_images(const void *context, int64_t first, int64_t end, int member)
{
    const struct batch *b = context;
    (void)member;
    for (int64_t i = first; i < end; i++)
        b->simd->normalize_each(norm_at(b->x, i * b->features), b->used_mean->data, b->factors->data, b->shift->data,
                                b->features, norm_at(b->y, i * b->features));
}

static void normalize_batch(const struct call *call, struct batch *b, const struct array *mean,
                            const struct array *variance)
{
    if (b->y->count == 0) return;
    int64_t count = b->plane == 1 ? b->images : b->images * b->features;
    b->used_mean = mean;
    b->factors = make_factors(call, b, variance);
    team_run(call->team, count, team_piece(count, b->x->count), b->plane == 1 ? normalize_images : normalize_planes, b);
    array_drop(b->factors);
}

static void find_moments(const void *context, int64_t first, int64_t end, int member)
{
    const struct batch *b = context;
    const struct simd *simd = b->simd;
    double count = (double)(b->images * b->plane);
    (void)member;
    for (int64_t f = first; f < end; f++) {
        double sum = 0, squares = 0;
        for (int64_t n = 0; n < b->images; n++)
            sum += simd->sum(norm_at(b->x, (n * b->features + f) * b->plane), b->plane);
        double mean = sum / count;
        for (int64_t n = 0; n < b->images; n++)
            squares += simd->squares(norm_at(b->x, (n * b->features + f) * b->plane), b->plane, mean);
        element_put(b->batch_mean, f, mean);
        element_put(b->batch_variance, f, squares / count);
    }
}

/* The old value weighs `momentum`. */
static void put_running(struct call *call, const struct batch *b, size_t slot, const struct array *old,
                        const struct array *current)
{
    if (!call_wants(call, slot)) return;
    struct array *running = call_output(call, slot, old->type, old->rank, old->dims);
    for (int64_t f = 0; f < b->features; f++)
        element_put(running, f, element_real(old, f) * b->momentum + element_real(current, f) * (1 - b->momentum));
}

/* Outputs 1 and 2 are the running statistics; before opset 14, 3 and 4 are those of the batch. */
static void train(struct call *call, struct batch *b)
{
    struct array *mean = array_new(call->pool, b->mean->type, b->x->store, b->mean->rank, b->mean->dims);
    struct array *variance = array_new(call->pool, b->variance->type, b->x->store, b->mean->rank, b->mean->dims);
    b->batch_mean = mean;
    b->batch_variance = variance;
    team_run(call->team, b->features, team_piece(b->features, b->x->count), find_moments, b);
    normalize_batch(call, b, mean, variance);
    put_running(call, b, 1, b->mean, mean);
    put_running(call, b, 2, b->variance, variance);
    if (call_wants(call, 3)) call_give(call, 3, array_keep(mean));
    if (call_wants(call, 4)) call_give(call, 4, array_keep(variance));
    array_drop(mean);
    array_drop(variance);
}

/* x, mean, factor, shift */
static void normalize_loop(const struct inner_loop *loop)
{
    const void *const *from = loop->from;
    double numbers[4];
    if (loop->moves[1]) {
        loop->simd->normalize_each(from[0], from[1], from[2], from[3], loop->count, loop->to);
        return;
    }
    for (int i = 1; i < 4; i++)
        numbers[i] = loop->simd->element == sizeof(float) ? (double)*(const float *)from[i] : *(const double *)from[i];
    loop->simd->normalize(from[0], numbers[1], numbers[2], numbers[3], loop->count, loop->to);
}

/* As a pass over x: the parameters stand along its axis 1, or all of an image's. */
static bool join_batch(struct call *call, struct batch *b)
{
    bool each = bn_is_per_element(call->node);
    struct array *factors = make_factors(call, b, b->variance);
    struct array *parameters[] = { b->mean, factors, b->shift }, *from[4] = { b->x };
    int64_t dims[ARRAY_MAX_RANK];
    for (int i = 0; i + 1 < b->x->rank; i++) dims[i] = i == 0 || each ? b->x->dims[i + 1] : 1;
    for (int i = 0; i < 3; i++) from[i + 1] = array_reshaped(parameters[i], b->x->rank - 1, dims);
    bool joined =
        broadcast_join(call, normalize_loop, b->x->rank, b->x->dims, 4, (const struct array *const *)from, NULL);
    for (int i = 0; i < 3; i++) array_drop(from[i + 1]);
    array_drop(factors);
    return joined;
}

static bool run_batch_normalization(struct call *call)
{
    struct batch b;
    if (!read_batch(call, &b)) return false;
    bool training = bn_is_training(call->node);
    for (size_t i = 1; !training && i < call->output_count; i++)
        if (call_wants(call, i)) return call_fail(call, "output %zu exists in training mode only", i);
    for (size_t i = 3; call->node->opset >= 14 && i < call->output_count; i++)
        if (call_wants(call, i)) return call_fail(call, "output %zu does not exist", i);
    if (call->joins) return !training && join_batch(call, &b);
    b.y = call_output(call, 0, b.x->type, b.x->rank, b.x->dims);
    if (training) train(call, &b);
    else normalize_batch(call, &b, b.mean, b.variance);
    return true;
}

/* --- InstanceNormalization, GroupNormalization: x as [images, groups, channels of a group, plane] --- */

struct groups {
    const struct simd *simd;
    struct array *x, *scale, *shift, *y;
    int64_t count, channels, plane; /* groups of all images; channels per group */
    int64_t parameters;             /* a period of scale and shift, in channels, or in groups ... */
    bool per_group;                 /* ... when one serves all channels of a group */
    double epsilon;
    bool half; /* the normalized elements are rounded to x's type before scaling */
};

static void normalize_group(const struct groups *g, int64_t group)
{
    const struct simd *simd = g->simd;
    int64_t size = g->channels * g->plane, first = group * size;
    double mean = simd->sum(norm_at(g->x, first), size) / (double)size;
    double factor = 1 / sqrt(simd->squares(norm_at(g->x, first), size, mean) / (double)size + g->epsilon);
    for (int64_t c = 0; c < g->channels; c++) {
        int64_t p = (g->per_group ? group : group * g->channels + c) % g->parameters, place = first + c * g->plane;
        double scale = element_real(g->scale, p), shift = element_real(g->shift, p);
        if (!g->half) {
            simd->normalize(norm_at(g->x, place), mean, factor * scale, shift, g->plane, norm_at(g->y, place));
            continue;
        }
        simd->normalize(norm_at(g->x, place), mean, factor, 0, g->plane, norm_at(g->y, place));
        norm_round_back(g->y, g->x->type, place, g->plane);
        simd->normalize(norm_at(g->y, place), 0, scale, shift, g->plane, norm_at(g->y, place));
    }
}

static void normalize_some_groups(const void *context, int64_t first, int64_t end, int member)
{
    (void)member;
    for (int64_t i = first; i < end; i++) normalize_group(context, i);
}

static bool normalize_groups(struct call *call, struct groups *g)
{
    g->epsilon = norm_epsilon(call);
    g->simd = simd_for(g->x->store, call->simd_row);
    g->y = call_output(call, 0, g->x->type, g->x->rank, g->x->dims);
    if (g->y->count == 0) return true;
    g->plane = dims_product(g->x->dims, 2, g->x->rank);
    if (!call_vector(call, 1, "scale", true, g->parameters, &g->scale)
        || !call_vector(call, 2, "B", true, g->parameters, &g->shift))
        return false;
    team_run(call->team, g->count, team_piece(g->count, g->x->count), normalize_some_groups, g);
    return true;
}

static bool run_instance_normalization(struct call *call)
{
    struct groups g = { .channels = 1 };
    if (!call_real(call, 0, "input", true, 3, &g.x)) return false;
    g.parameters = g.x->dims[1];
    g.count = g.x->count ? g.x->dims[0] * g.x->dims[1] : 0;
    return normalize_groups(call, &g);
}

/* Opset 18 has parameters per group, 21 per channel; with as many groups as channels the shapes do not tell. */
static bool run_group_normalization(struct call *call)
{
    int64_t groups = node_int(call->node, "num_groups", 0);
    struct groups g = { .per_group = call->node->opset < 21 };
    if (!call_real(call, 0, "X", true, 2, &g.x)) return false;
    if (groups < 1 || g.x->dims[1] % groups)
        return call_fail(call, "num_groups %lld does not divide %lld channels", (long long)groups,
                         (long long)g.x->dims[1]);
    g.channels = g.x->dims[1] / groups;
    g.parameters = g.per_group ? groups : g.x->dims[1];
    g.count = g.x->count ? g.x->dims[0] * groups : 0;
    g.half = !g.per_group && norm_is_rounded_between(call, g.x);
    return normalize_groups(call, &g);
}

/* --- MeanVarianceNormalization: (x - mean) / (sqrt(variance) + 1e-9) over any axes --- */

static bool read_reduced(struct call *call, const struct array *x, bool *reduced)
{
    const int64_t absent[] = { 0, 2, 3, 1 }, *axes = absent;
    size_t count = node_ints(call->node, "axes", &axes);
    if (count == 0) count = node_int(call->node, "across_channels", 0) ? 4 : 3; /* of old opsets */
    for (int i = 0; i < x->rank; i++) reduced[i] = false;
    for (size_t i = 0; i < count; i++) {
        int axis;
        if (!call_axis(call, axes[i], x->rank, &axis)) return false;
        reduced[axis] = true;
    }
    return true;
}

/* Which of the statistics element i belongs to. */
static int64_t group_of(const struct array *x, const bool *reduced, int64_t i)
{
    int64_t group = 0, size = 1;
    for (int a = x->rank - 1; a >= 0; a--) {
        if (!reduced[a]) {
            group += i % x->dims[a] * size;
            size *= x->dims[a];
        }
        i /= x->dims[a];
    }
    return group;
}

static bool run_mean_variance(struct call *call)
{
    struct array *x;
    bool reduced[ARRAY_MAX_RANK];
    int64_t groups = 1;
    if (!call_real(call, 0, "X", true, 1, &x) || !read_reduced(call, x, reduced)) return false;
    struct array *y = call_output(call, 0, x->type, x->rank, x->dims);
    if (y->count == 0) return true;
    for (int i = 0; i < x->rank; i++) groups *= reduced[i] ? 1 : x->dims[i];
    double *means = NEW_ARRAY(call->scratch, double, (size_t)groups), size = (double)(x->count / groups);
    double *deviations = NEW_ARRAY(call->scratch, double, (size_t)groups);
    for (int64_t i = 0; i < x->count; i++) means[group_of(x, reduced, i)] += element_real(x, i);
    for (int64_t g = 0; g < groups; g++) means[g] /= size;
    for (int64_t i = 0; i < x->count; i++) {
        int64_t g = group_of(x, reduced, i);
        double d = element_real(x, i) - means[g];
        deviations[g] += d * d;
    }
    bool divides = node_int(call->node, "normalize_variance", 1) != 0; /* of old opsets */
    for (int64_t g = 0; g < groups; g++) deviations[g] = divides ? sqrt(deviations[g] / size) + 1e-9 : 1;
    for (int64_t i = 0; i < x->count; i++) {
        int64_t g = group_of(x, reduced, i);
        element_put(y, i, (element_real(x, i) - means[g]) / deviations[g]);
    }
    return true;
}

/* --- LRN: x / (bias + alpha / size * sum of squares of the neighboring channels) ^ beta --- */

struct response {
    struct array *x, *y;
    int64_t size, channels, plane;
    double alpha, beta, bias;
};

static void normalize_response(const void *context, int64_t from, int64_t end, int member)
{
    const struct response *r = context;
    int64_t before = (r->size - 1) / 2, after = r->size - 1 - before; /* an even size has one more after */
    (void)member;
    for (int64_t i = from; i < end; i++) {
        int64_t c = i / r->plane % r->channels, rest = r->channels - 1 - c;
        int64_t first = before < c ? -before : -c, last = after < rest ? after : rest;
        double squares = 0;
        for (int64_t d = first; d <= last; d++) {
            double neighbor = element_real(r->x, i + d * r->plane);
            squares += neighbor * neighbor;
        }
        double divisor = pow(r->bias + r->alpha / (double)r->size * squares, r->beta);
        element_put(r->y, i, element_real(r->x, i) / divisor);
    }
}

static bool run_lrn(struct call *call)
{
    struct response r = { .size = node_int(call->node, "size", 0),
                          .alpha = (double)node_float(call->node, "alpha", 0.0001f),
                          .beta = (double)node_float(call->node, "beta", 0.75f),
                          .bias = (double)node_float(call->node, "bias", 1) };
    if (!call_real(call, 0, "X", true, 2, &r.x)) return false;
    if (r.size < 1) return call_fail(call, "size %lld is no number of channels", (long long)r.size);
    r.y = call_output(call, 0, r.x->type, r.x->rank, r.x->dims);
    if (r.y->count == 0) return true;
    CALL_WORK(call, r.x->count, r.size < r.x->dims[1] ? r.size : r.x->dims[1], WORK_ELEMENT);
    r.channels = r.x->dims[1];
    r.plane = r.x->count / r.x->dims[0] / r.channels;
    team_run(call->team, r.x->count, team_piece(r.x->count, r.x->count * 16), normalize_response, &r);
    return true;
}

/* --- LpNormalization: x / norm along an axis, zero where the norm is --- */

static bool run_lp_normalization(struct call *call)
{
    struct array *x;
    int axis;
    int64_t p = node_int(call->node, "p", 2);
    if (!call_real(call, 0, "input", true, 1, &x) || !call_axis(call, node_int(call->node, "axis", -1), x->rank, &axis))
        return false;
    if (p != 1 && p != 2) return call_fail(call, "p is %lld, only 1 and 2 exist", (long long)p);
    struct array *y = call_output(call, 0, x->type, x->rank, x->dims);
    if (y->count == 0) return true;
    int64_t length = x->dims[axis], inner = dims_product(x->dims, axis + 1, x->rank);
    for (int64_t i = 0; i < x->count / length; i++) {
        int64_t first = i / inner * length * inner + i % inner;
        double norm = 0;
        for (int64_t k = 0; k < length; k++) {
            double value = element_real(x, first + k * inner);
            norm += p == 1 ? fabs(value) : value * value;
        }
        if (p == 2) norm = sqrt(norm);
        for (int64_t k = 0; k < length; k++)
            element_put(y, first + k * inner, norm == 0 ? 0 : element_real(x, first + k * inner) / norm);
    }
    return true;
}

/* ---- com.microsoft: GroupNormalization of images ---- */

/* GroupNormalization of images whose channels stand last, unless told otherwise, and Silu of it where it is wanted. */
static void normalize_images_in_groups(struct formula *f, struct array *x)
{
    const struct node *node = f->call->node;
    bool turns = node_int(node, "channels_last", 1) != 0;
    if (x && x->rank != 4) formula_fail(f, "needs images");
    const struct setting *settings = SETTINGS(SET_INT("num_groups", node_int(node, "groups", 0)),
                                              SET_FLOAT("epsilon", node_float(node, "epsilon", 1e-5f)));
    struct array *y = turns ? formula_channels_first(f, x) : x;
    y = formula_op(f, "GroupNormalization", settings, FROM(y, call_input(f->call, 1), call_input(f->call, 2)));
    if (node_int(node, "activation", 0)) y = formula_swish(f, y, 1);
    formula_give(f, 0, turns ? formula_channels_last(f, y) : y);
}

static bool group_norm(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    normalize_images_in_groups(&f, call_input(call, 0));
    return formula_close(&f);
}

/* What is added may be one number for each image and channel. */
static bool skip_group_norm(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *skip = call_input(call, 3), *bias = call_input(call, 4);
    if (skip && skip->rank == 2)
        skip = formula_reshaped(&f, skip, 4, (int64_t[]){ skip->dims[0], 1, 1, skip->dims[1] });
    if (node_int(call->node, "channels_last", 1) == 0) formula_fail(&f, "needs the channels last");
    struct array *sum = formula_add(&f, call_input(call, 0), skip);
    if (bias) sum = formula_add(&f, sum, bias);
    normalize_images_in_groups(&f, sum);
    formula_give(&f, 1, sum);
    return formula_close(&f);
}

/* ---- shapes ---- */

/* Statistics have the type and shape of the ones that come in. */
static bool shape_batch_normalization(struct shaping *s)
{
    int rank = input_rank(s, 0);
    for (size_t i = 1; i < 5 && rank >= 2; i++) {
        struct dim channels = input_dim(s, 0, 1);
        if (input_rank(s, i) == 1 && !merge_dims(channels, input_dim(s, i, 0), &channels)) return false;
    }
    for (size_t i = 1; i < s->node->output_count; i++)
        if (!set_like(s, i, input_type(s, 3), 3)) return false;
    return set_like(s, 0, input_type(s, 0), 0);
}

static bool shape_skip_group_norm(struct shaping *s)
{
    return shape_same(s) && set_like(s, 1, rule_type(s), 0);
}

const struct operator_row norm_operators[] = {
    { "BatchNormalization", 1, LATEST, .gradient = gradient_batch_norm, .limits = { [4] = LIMIT_POSITIVE },
      .run = run_batch_normalization, .joins = true, .shape = shape_batch_normalization, .keeps_shape = true,
      .need = &(const struct weight_need){ .axis = 1 },
      .schemas =
          SCHEMAS({ 1, 5, "Tf T T T T > T ?T ?T ?T ?T", "consumed_inputs!I epsilon:f is_test:i momentum:f spatial:b" },
                  { 6, 6, "Tf T T T T > T ?T ?T ?T ?T", "epsilon:f is_test:i momentum:f spatial:b" },
                  { 7, 8, "Tf T T[=] T[=] T[=] > T ?T ?T ?T ?T", "epsilon:f momentum:f spatial:b" },
                  { 9, 13, "Tf T[c] T[c] T[c] T[c] > T ?T ?T ?T ?T", "epsilon:f momentum:f" },
                  { 14, 14, "Tfh T[c] T[c] Ufh[c] U[c] > T ?U ?U", "epsilon:f momentum:f training_mode:i" },
                  { 15, LATEST, "Tfh Ufh[c] U[c] Vfh[c] V[c] > T ?V ?V", "epsilon:f momentum:f training_mode:i" }) },
    { "GroupNormalization", 18, LATEST, .gradient = gradient_group_norm, .run = run_group_normalization,
      .shape = shape_same,
      .schemas = SCHEMAS({ 21, LATEST, "Tfh[_c.] T[c] T[c] > T", "epsilon:f num_groups!n stash_type:e=fh" }) },
    { "InstanceNormalization", 1, LATEST, .gradient = gradient_instance_norm, .run = run_instance_normalization,
      .shape = shape_same, .need = &(const struct weight_need){ .axis = 1 },
      .schemas = SCHEMAS({ 1, 5, "Tf T[] T[] > T", "consumed_inputs:I epsilon:f" },
                         { 6, LATEST, "Tf22h[_c.] T[c] T[c] > T", "epsilon:f" }) },
    { "LRN", 1, LATEST, .gradient = gradient_lrn, .run = run_lrn, .shape = shape_same,
      .schemas = SCHEMAS({ 1, LATEST, "Tf13h > T", "alpha:f beta:f bias:f size!n" }) },
    /* ONNX Runtime writes it at any opset. */
    { "LpNormalization", 1, LATEST, .gradient = gradient_lp_norm, .run = run_lp_normalization,
      .shape = shape_along_axis, .keeps_shape = true,
      .schemas = SCHEMAS({ 1, LATEST, "Tf22h > T", "axis:i p:i=1|2" }) },
    { "MeanVarianceNormalization", 1, LATEST, .gradient = gradient_mean_variance, .run = run_mean_variance,
      .shape = shape_along_axis, .keeps_shape = true,
      .schemas =
          SCHEMAS({ 1, 8, "T > T", "across_channels:i normalize_variance:i" }, { 9, LATEST, "Tf13h > T", "axes:I" }) },
    { "com.microsoft:GroupNorm", 1, LATEST, .gradient = gradient_formula, .run = group_norm, .shape = shape_same,
      .schemas = SCHEMAS({ 1, LATEST, "Trt Urt[c] U[c] > T", "activation!i channels_last:i epsilon:f groups!i" }) },
    { "com.microsoft:SkipGroupNorm", 1, LATEST, .gradient = gradient_formula, .run = skip_group_norm,
      .shape = shape_skip_group_norm,
      .schemas =
          SCHEMAS({ 1, LATEST, "Trt Urt[c] U[c] T ?T > T ?T", "activation!i channels_last:i epsilon:f groups!i" }) },
    { 0 },
};
