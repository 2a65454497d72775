/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers: the same for the same run seed, output name and `seed` attribute, on every machine. So the original
 * and the fused model draw alike, and may be compared.
 *
 * The generator is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014). */
#include "runtime/ops/random.h"

#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/math/order.h"
#include "runtime/ops/operators.h"
#include "runtime/run.h"

#include <math.h>
#include <string.h>

double random_unit(uint64_t *state)
{
    return (double)(random_bits(state) >> 11) * 0x1p-53;
}

/* Box and Muller's transform, one of its two numbers. */
static double next_normal(uint64_t *state)
{
    double radius = sqrt(-2 * log(1 - random_unit(state)));
    return radius * cos(2 * M_PI * random_unit(state));
}

uint64_t random_start(const struct call *call)
{
    float seed = node_float(call->node, "seed", (float)node_int(call->node, "seed", 0));
    uint32_t bits;
    memcpy(&bits, &seed, sizeof bits);
    return run_seed(call->run, call->node) ^ ((uint64_t)bits << 32 | bits);
}

/* The type that `dtype` names, or `absent`. */
static bool read_type(struct call *call, enum dtype absent, enum dtype *type)
{
    int64_t wanted = node_int(call->node, "dtype", absent);
    if (dtype_kind(wanted) != KIND_REAL && dtype_kind(wanted) != KIND_WHOLE)
        return call_fail(call, "cannot draw random numbers of type %lld", (long long)wanted);
    *type = (enum dtype)wanted;
    return true;
}

/* Which distribution a row draws from, and the attributes that place it. */
struct distribution {
    double (*draw)(uint64_t *state);
    const char *low, *high; /* uniform: the interval; normal: mean and scale */
    bool spans;             /* `high` is an end, not a factor */
    int64_t work;           /* of a draw */
};

static const struct distribution uniform = { random_unit, "low", "high", true, WORK_ELEMENT };
static const struct distribution normal = { next_normal, "mean", "scale", false, 8 * WORK_ELEMENT };

static bool draw(struct call *call, enum dtype absent, int rank, const int64_t *dims)
{
    const struct distribution *distribution = call->row->data;
    double low = (double)node_float(call->node, distribution->low, 0);
    double high = (double)node_float(call->node, distribution->high, 1);
    double factor = distribution->spans ? high - low : high;
    enum dtype type = DTYPE_FLOAT;
    if (!read_type(call, absent, &type)) return false;
    if (dtype_kind(type) != KIND_REAL) return call_fail(call, "draws real numbers, not %s", dtype_name(type));
    struct array *y = call_output(call, 0, type, rank, dims);
    uint64_t state = random_start(call);
    CALL_WORK(call, y->count, distribution->work);
    for (int64_t i = 0; i < y->count; i++) element_put(y, i, low + factor * distribution->draw(&state));
    return true;
}

static bool random_shaped(struct call *call)
{
    const int64_t *dims;
    size_t rank = node_ints(call->node, "shape", &dims);
    if (rank > ARRAY_MAX_RANK) return call_fail(call, "has a shape of more than %d dimensions", ARRAY_MAX_RANK);
    for (size_t i = 0; i < rank; i++)
        if (dims[i] < 0) return call_fail(call, "has a dimension of %lld", (long long)dims[i]);
    return draw(call, DTYPE_FLOAT, (int)rank, dims);
}

static bool random_like(struct call *call)
{
    const struct array *like = call_input(call, 0);
    if (!like || !is_tensor(like)) return call_fail(call, "needs a tensor");
    return draw(call, like->type, like->rank, like->dims);
}

static bool bernoulli(struct call *call)
{
    const struct array *x = call_input(call, 0);
    enum dtype type = DTYPE_FLOAT;
    if (!x || !is_real(x)) return call_fail(call, "needs real probabilities");
    if (!read_type(call, x->type, &type)) return false;
    struct array *y = call_output(call, 0, type, x->rank, x->dims);
    uint64_t state = random_start(call);
    for (int64_t i = 0; i < x->count; i++) element_put(y, i, random_unit(&state) < element_real(x, i) ? 1 : 0);
    return true;
}

/* The class a draw falls on, given the running sums of the classes' probabilities. */
static int64_t pick(const double *sums, int64_t classes, double at)
{
    int64_t low = 0, high = classes - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sums[middle] > at) high = middle;
        else low = middle + 1;
    }
    return low;
}

static void sum_probabilities(const struct array *x, int64_t row, int64_t classes, double *sums)
{
    double most = -INFINITY, sum = 0;
    for (int64_t c = 0; c < classes; c++) most = greatest_so_far(most, element_real(x, row * classes + c));
    for (int64_t c = 0; c < classes; c++) sums[c] = sum += exp(element_real(x, row * classes + c) - most);
}

static bool multinomial(struct call *call)
{
    const struct array *x = call_input(call, 0);
    int64_t samples = node_int(call->node, "sample_size", 1);
    enum dtype type = DTYPE_INT32;
    if (!x || !is_real(x) || x->rank != 2 || x->dims[1] < 1)
        return call_fail(call, "needs log-probabilities [batch, classes]");
    if (samples < 0 || !read_type(call, DTYPE_INT32, &type) || dtype_kind(type) != KIND_WHOLE)
        return call_fail(call, "needs a sample_size of 0 or more and a whole dtype");
    struct array *y = call_output(call, 0, type, 2, (int64_t[]){ x->dims[0], samples });
    CALL_WORK(call, y->count, order_work(x->dims[1]));
    CALL_WORK(call, x->count, 8, WORK_ELEMENT); /* exponentials */
    double *sums = NEW_ARRAY(call->scratch, double, (size_t)x->dims[1]);
    uint64_t state = random_start(call);
    for (int64_t row = 0; y->count > 0 && row < x->dims[0]; row++) {
        sum_probabilities(x, row, x->dims[1], sums);
        for (int64_t i = 0; i < samples; i++)
            y->i64[row * samples + i] = pick(sums, x->dims[1], random_unit(&state) * sums[x->dims[1] - 1]);
    }
    return true;
}

/* ---- shapes ---- */

static bool shape_typed_by_attribute(struct shaping *s)
{
    return set_like(s, 0, type_attribute(s, "dtype", input_type(s, 0)), 0);
}

static bool shape_random_of_shape(struct shaping *s)
{
    const int64_t *shape;
    struct dim dims[SHAPE_MAX_RANK];
    enum dtype type = type_attribute(s, "dtype", DTYPE_FLOAT);
    size_t rank = node_ints(s->node, "shape", &shape);
    if (rank > SHAPE_MAX_RANK || !node_attribute(s->node, "shape")) return set_type(s, 0, type);
    for (size_t i = 0; i < rank; i++) dims[i] = number_dim(shape[i]);
    return set_output(s, 0, type, (int)rank, dims);
}

static bool shape_multinomial(struct shaping *s)
{
    struct dim dims[2] = { fresh_dim(s), number_dim(node_int(s->node, "sample_size", 1)) };
    if (input_rank(s, 0) == 2) dims[0] = input_dim(s, 0, 0);
    return set_output(s, 0, type_attribute(s, "dtype", DTYPE_INT32), 2, dims);
}

const struct operator_row random_operators[] = {
    { "Bernoulli", 15, LATEST, .limits = { LIMIT_SHARE }, .run = bernoulli, .shape = shape_typed_by_attribute,
      .random = true, .schemas = SCHEMAS({ 15, LATEST, ".f22h > .", "dtype:e=nhb seed:f" }) },
    { "Multinomial", 7, LATEST, .run = multinomial, .shape = shape_multinomial, .random = true,
      .schemas = SCHEMAS({ 7, LATEST, ".f22h > .", "dtype:e=i sample_size:n seed:f" }) },
    { "RandomNormal", 1, LATEST, .run = random_shaped, .data = &normal, .shape = shape_random_of_shape, .random = true,
      .schemas = SCHEMAS({ 1, LATEST, "> .", "dtype:e=f22h mean:f scale:f seed:f shape!I" }) },
    { "RandomNormalLike", 1, LATEST, .run = random_like, .complex = MOVES_COMPLEX, .data = &normal,
      .shape = shape_typed_by_attribute, .random = true,
      .schemas = SCHEMAS({ 1, LATEST, ".a22h > .", "dtype:e=f22h mean:f scale:f seed:f" }) },
    { "RandomUniform", 1, LATEST, .run = random_shaped, .data = &uniform, .shape = shape_random_of_shape,
      .random = true, .schemas = SCHEMAS({ 1, LATEST, "> .", "dtype:e=f22h high:f low:f seed:f shape!I" }) },
    { "RandomUniformLike", 1, LATEST, .run = random_like, .complex = MOVES_COMPLEX, .data = &uniform,
      .shape = shape_typed_by_attribute, .random = true,
      .schemas = SCHEMAS({ 1, LATEST, ".a22h > .", "dtype:e=f22h high:f low:f seed:f" }) },
    { 0 },
};
