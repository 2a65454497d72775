/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that work element by element. Each is an expression; macros make an inner loop of it (broadcast.h) for every
 * store it is defined on. The rows at the end say which operator is which, under which opset. */
#include "runtime/ops/elementwise.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/broadcast.h"
#include "runtime/math/simd.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* A function that math/simd.h has in vectors. */
#define VECTOR_STRIP(name, function)                                                               \
    static void name(const struct inner_loop *loop)                                                \
    {                                                                                              \
        loop->simd->each[SIMD_##function](loop->from[0], loop->parameters, loop->count, loop->to); \
    }

/* The same of two numbers. One that stands still is put side by side. */
#define STILL 256

static void run_pair(const struct inner_loop *loop, size_t size, enum simd_pair pair)
{
    union {
        float f32[STILL];
        double f64[STILL];
    } room;
    const char *a = loop->from[0], *b = loop->from[1];
    bool both = loop->count == 1 || (loop->moves[0] && loop->moves[1]);
    int64_t most = both || loop->count < STILL ? loop->count : STILL;
    const void *still = loop->moves[0] ? b : a, *repeated = &room;
    if (!both && size == sizeof(float))
        for (int64_t i = 0; i < most; i++) room.f32[i] = *(const float *)still;
    else if (!both)
        for (int64_t i = 0; i < most; i++) room.f64[i] = *(const double *)still;
    for (int64_t i = 0; i < loop->count; i += most) {
        int64_t count = loop->count - i < most ? loop->count - i : most;
        size_t place = (size_t)i * size;
        loop->simd->pair[pair](both || loop->moves[0] ? a + place : repeated,
                               both || loop->moves[1] ? b + place : repeated, count, (char *)loop->to + place);
    }
}

#define PAIR_STRIP(name, type, function)               \
    static void name(const struct inner_loop *loop)    \
    {                                                  \
        run_pair(loop, sizeof(type), SIMD_##function); \
    }

#define CLIP_STRIP(name)                                                                      \
    static void name(const struct inner_loop *loop)                                           \
    {                                                                                         \
        loop->simd->clip(loop->from[0], loop->from[1], loop->from[2], loop->count, loop->to); \
    }

#ifdef __wasm__ /* one loop in the place of three: there size counts */
#define BINARY_STRIP(name, in, out, expression)                      \
    static void name(const struct inner_loop *loop)                  \
    {                                                                \
        const in *a = loop->from[0], *b = loop->from[1];             \
        const double *p = loop->parameters;                          \
        out *to = loop->to;                                          \
        (void)p;                                                     \
        for (int64_t i = 0; i < loop->count; i++) {                  \
            in x = a[loop->moves[0] * i], y = b[loop->moves[1] * i]; \
            to[i] = (out)(expression);                               \
        }                                                            \
    }
#else
#define BINARY_STRIP(name, in, out, expression)          \
    static void name(const struct inner_loop *loop)      \
    {                                                    \
        const in *a = loop->from[0], *b = loop->from[1]; \
        const double *p = loop->parameters;              \
        out *to = loop->to;                              \
        in x = a[0], y = b[0];                           \
        (void)p;                                         \
        if (loop->moves[0] && loop->moves[1])            \
            for (int64_t i = 0; i < loop->count; i++) {  \
                x = a[i];                                \
                y = b[i];                                \
                to[i] = (out)(expression);               \
            }                                            \
        else if (loop->moves[0])                         \
            for (int64_t i = 0; i < loop->count; i++) {  \
                x = a[i];                                \
                to[i] = (out)(expression);               \
            }                                            \
        else                                             \
            for (int64_t i = 0; i < loop->count; i++) {  \
                y = b[loop->moves[1] ? i : 0];           \
                to[i] = (out)(expression);               \
            }                                            \
    }
#endif

/* y and z stand still for the loop. */
#define TERNARY_STRIP(name, in, expression)                                                \
    static void name(const struct inner_loop *loop)                                        \
    {                                                                                      \
        const in *a = loop->from[0];                                                       \
        in y = *(const in *)loop->from[1], z = *(const in *)loop->from[2], *to = loop->to; \
        for (int64_t i = 0; i < loop->count; i++) {                                        \
            in x = a[i];                                                                   \
            to[i] = (in)(expression);                                                      \
        }                                                                                  \
    }

#define CLAMP(value, low, high) ((value) < (low) ? (low) : (value) > (high) ? (high) : (value))
#define POWER(x, y)             pow((x), (y))

static double logistic(double x)
{
    double e = exp(-fabs(x));
    return x >= 0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
}

/* The remainder that has the divisor's sign. */
static double floored_remainder(double x, double y)
{
    double rest = fmod(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

#define REAL       float
#define NAME(name) name##_f32
#define SQRT       sqrtf
#include "runtime/math/elementwise_real.h"

#define REAL       double
#define NAME(name) name##_f64
#define SQRT       sqrt
#include "onnx/shape/content.h"
#include "onnx/shape/reals.h"
#include "onnx/shape/rules.h"
#include "runtime/math/elementwise_real.h"
#include "runtime/ops/operators.h"
#include "runtime/ops/random.h"

/* Whole numbers. Arithmetic is that of the two's complement, done unsigned; the runner wraps results to their type. */
#define UNSIGNED(x) ((uint64_t)(x))

static int64_t divided(int64_t x, int64_t y)
{
    if (y == 0) return 0;
    return y == -1 ? (int64_t)(0 - UNSIGNED(x)) : x / y;
}

static int64_t truncated_remainder(int64_t x, int64_t y)
{
    return y == 0 || y == -1 ? 0 : x % y;
}

static int64_t floored_remainder_of(int64_t x, int64_t y)
{
    int64_t rest = truncated_remainder(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

static uint64_t raised(uint64_t base, uint64_t exponent)
{
    uint64_t result = 1;
    for (; exponent != 0; exponent >>= 1, base *= base)
        if (exponent & 1) result *= base;
    return result;
}

static int64_t power_of(int64_t x, int64_t y)
{
    if (y >= 0) return (int64_t)raised(UNSIGNED(x), UNSIGNED(y));
    return x == 1 ? 1 : x == -1 ? (y & 1 ? -1 : 1) : 0;
}

static int64_t shrunk(int64_t x, double bias, double limit)
{
    double real = (double)x, moved = real < -limit ? real + bias : real > limit ? real - bias : 0;
    return moved >= -0x1p63 && moved < 0x1p63 ? (int64_t)moved : 0;
}

#define WHOLE_UNARY(name, expression)     UNARY_STRIP(name##_i64, int64_t, int64_t, expression)
#define WHOLE_BINARY(name, expression)    BINARY_STRIP(name##_i64, int64_t, int64_t, expression)
#define UNSIGNED_BINARY(name, expression) BINARY_STRIP(name##_u64, uint64_t, int64_t, expression)

WHOLE_UNARY(absolute, x < 0 ? 0 - UNSIGNED(x) : UNSIGNED(x))
WHOLE_UNARY(negate, 0 - UNSIGNED(x))
WHOLE_UNARY(relu, x < 0 ? 0 : x)
WHOLE_UNARY(sign, x > 0 ? 1 : x < 0 ? -1 : 0)
WHOLE_UNARY(shrink, shrunk(x, p[0], p[1]))
WHOLE_UNARY(logical_not, x == 0)
WHOLE_UNARY(bitwise_not, ~x)
WHOLE_UNARY(same, x)
UNARY_STRIP(sign_u64, uint64_t, int64_t, x != 0)

WHOLE_BINARY(add, UNSIGNED(x) + UNSIGNED(y))
WHOLE_BINARY(subtract, UNSIGNED(x) - UNSIGNED(y))
WHOLE_BINARY(multiply, UNSIGNED(x) * UNSIGNED(y))
WHOLE_BINARY(divide, divided(x, y))
WHOLE_BINARY(maximum, x > y ? x : y)
WHOLE_BINARY(minimum, x < y ? x : y)
WHOLE_BINARY(power, power_of(x, y))
WHOLE_BINARY(modulo, floored_remainder_of(x, y))
WHOLE_BINARY(remainder, truncated_remainder(x, y))
WHOLE_BINARY(prelu, x < 0 ? UNSIGNED(x) * UNSIGNED(y) : UNSIGNED(x))
WHOLE_BINARY(logical_and, (x != 0) & (y != 0))
WHOLE_BINARY(logical_or, (x != 0) | (y != 0))
WHOLE_BINARY(logical_xor, (x != 0) ^ (y != 0))
WHOLE_BINARY(bitwise_and, x &y)
WHOLE_BINARY(bitwise_or, x | y)
WHOLE_BINARY(bitwise_xor, x ^ y)
WHOLE_BINARY(equal, x == y)
WHOLE_BINARY(less, x < y)
WHOLE_BINARY(less_or_equal, x <= y)
WHOLE_BINARY(greater, x > y)
WHOLE_BINARY(greater_or_equal, x >= y)
WHOLE_BINARY(shift_left, UNSIGNED(y) < 64 ? UNSIGNED(x) << y : 0)
WHOLE_BINARY(shift_right, UNSIGNED(y) < 64 ? UNSIGNED(x) >> y : 0)
TERNARY_STRIP(clip_i64, int64_t, x<y ? (y < z ? y : z) : x> z ? z : x)

UNSIGNED_BINARY(divide, y == 0 ? 0 : x / y)
UNSIGNED_BINARY(maximum, x > y ? x : y)
UNSIGNED_BINARY(minimum, x < y ? x : y)
UNSIGNED_BINARY(power, raised(x, y))
UNSIGNED_BINARY(modulo, y == 0 ? 0 : x % y)
UNSIGNED_BINARY(less, x < y)
UNSIGNED_BINARY(less_or_equal, x <= y)
UNSIGNED_BINARY(greater, x > y)
UNSIGNED_BINARY(greater_or_equal, x >= y)
UNSIGNED_BINARY(prelu, x *y)
TERNARY_STRIP(clip_u64, uint64_t, x<y ? (y < z ? y : z) : x> z ? z : x)

struct text {
    const char *bytes;
};

BINARY_STRIP(equal_text, struct text, int64_t, strcmp(x.bytes, y.bytes) == 0)

static inner_loop_function loop_for(const struct operation *operation, const struct array *array)
{
    switch (array->store) {
    case STORE_F32: return operation->f32;
    case STORE_F64: return operation->f64;
    case STORE_I64: return array->type == DTYPE_UINT64 && operation->u64 ? operation->u64 : operation->i64;
    case STORE_TEXT: return operation->text;
    default: return NULL;
    }
}

/* Attributes may be written as floats or as integers (detect_negative). */
static void read_attributes(const struct call *call, const struct operation *operation, double *values)
{
    for (int i = 0; i < 2; i++) {
        const struct attribute *attribute = &operation->attributes[i];
        values[i] = attribute->absent;
        if (!attribute->name || !node_attribute(call->node, attribute->name)) continue;
        int64_t whole = node_int(call->node, attribute->name, INT64_MIN);
        values[i] = (double)whole;
        if (whole == INT64_MIN) values[i] = node_float(call->node, attribute->name, (float)attribute->absent);
    }
}

static bool no_such_type(struct call *call, const struct array *array)
{
    return call_fail(call, "is not defined for elements of type %s", dtype_name(array->type));
}

static bool present(struct call *call, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!call_input(call, i)) return call_fail(call, "input %zu is missing", i);
    return true;
}

static bool apply(struct call *call, const struct operation *operation, size_t count, const struct array *const *from,
                  struct array **to)
{
    int rank;
    int64_t dims[ARRAY_MAX_RANK];
    double parameters[2];
    inner_loop_function function = loop_for(operation, from[0]);
    *to = NULL;
    if (!function) return no_such_type(call, from[0]);
    for (size_t i = 1; i < count; i++)
        if (from[i]->store != from[0]->store)
            return call_fail(call, "inputs of types %s and %s do not go together", dtype_name(from[0]->type),
                             dtype_name(from[i]->type));
    if (!broadcast_shape(call, count, from, &rank, dims)) return false;
    read_attributes(call, operation, parameters);
    enum dtype type = operation->is_test ? DTYPE_BOOL : from[0]->type;
    enum store store = operation->is_test ? STORE_I64 : from[0]->store;
    *to = array_new(call->pool, type, store, rank, dims);
    broadcast_run(call, function, *to, count, from, parameters);
    return true;
}

bool elementwise_unary(struct call *call)
{
    struct array *result;
    if (!present(call, 1)) return false;
    if (!apply(call, call->row->data, 1, (const struct array *[]){ call_input(call, 0) }, &result)) return false;
    call_give(call, 0, result);
    return true;
}

/* `operation` on two arrays as input 0 and 1 of the call. */
static bool combine(struct call *call, const struct operation *operation, const struct array *a, const struct array *b)
{
    struct array *result;
    if (!apply(call, operation, 2, (const struct array *[]){ a, b }, &result)) return false;
    call_give(call, 0, result);
    return true;
}

static bool binary(struct call *call)
{
    return present(call, 2) && combine(call, call->row->data, call_input(call, 0), call_input(call, 1));
}

/* The array with its dims followed by as many ones as make its first dim stand at `axis` of `rank` dims. NULL: no. */
static struct array *aligned_at(struct array *array, int64_t axis, int rank)
{
    int64_t dims[ARRAY_MAX_RANK];
    if (axis < 0) axis += rank;
    if (axis < 0 || axis > rank - array->rank) return NULL;
    int ones = rank - (int)axis - array->rank;
    for (int i = 0; i < array->rank + ones; i++) dims[i] = i < array->rank ? array->dims[i] : 1;
    return array_reshaped(array, array->rank + ones, dims);
}

/* Before opset 7: without `broadcast` the dims are equal; with it, those of b are a part of a's, from `axis` on. */
static bool binary_aligned(struct call *call)
{
    if (!present(call, 2)) return false;
    struct array *a = call_input(call, 0), *b = call_input(call, 1);
    bool equal = a->rank == b->rank && memcmp(a->dims, b->dims, sizeof *a->dims * (size_t)a->rank) == 0;
    if (!equal && node_int(call->node, "broadcast", 0) == 0)
        return call_fail(call, "the dims of its inputs differ and broadcast is not set");
    if (equal || !node_attribute(call->node, "axis")) return combine(call, call->row->data, a, b);
    struct array *aligned = aligned_at(b, node_int(call->node, "axis", 0), a->rank);
    if (!aligned)
        return call_fail(call, "input 1 does not fit input 0 at axis %lld", (long long)node_int(call->node, "axis", 0));
    bool good = combine(call, call->row->data, a, aligned);
    array_drop(aligned);
    return good;
}

/* Sum, Max, Min: from left to right. */
static bool fold(struct call *call)
{
    if (call->input_count == 0 || !present(call, call->input_count)) return call_fail(call, "an input is missing");
    struct array *sum = array_keep(call_input(call, 0));
    if (!loop_for(call->row->data, sum)) {
        array_drop(sum);
        return no_such_type(call, call_input(call, 0));
    }
    for (size_t i = 1; i < call->input_count; i++) {
        struct array *next;
        bool good = apply(call, call->row->data, 2, (const struct array *[]){ sum, call_input(call, i) }, &next);
        array_drop(sum);
        if (!good) return false;
        sum = next;
    }
    call_give(call, 0, sum);
    return true;
}

static bool mean(struct call *call)
{
    static const struct operation times = { .f32 = times_f32, .f64 = times_f64 };
    if (!fold(call)) return false;
    struct array *sum = call->outputs[0];
    if (!loop_for(&times, sum)) return no_such_type(call, sum);
    struct array *result = array_new(call->pool, sum->type, sum->store, sum->rank, sum->dims);
    double share = 1.0 / (double)call->input_count;
    broadcast_run(call, loop_for(&times, sum), result, 1, (const struct array *[]){ sum }, &share);
    call_give(call, 0, result);
    return true;
}

static const struct operation square = { .f32 = multiply_f32, .f64 = multiply_f64 };

/* The result has the base's type, also where base and exponent are not of one kind. */
static bool power(struct call *call)
{
    if (!present(call, 2)) return false;
    struct array *base = call_input(call, 0), *exponent = call_input(call, 1);
    if (base->store > STORE_I64 || exponent->store > STORE_I64) return no_such_type(call, base);
    enum store store = base->store == exponent->store ? base->store : STORE_F64;
    if (exponent->count == 1 && exponent->rank <= base->rank && is_real(base) && element_real(exponent, 0) == 2)
        return combine(call, &square, base, base);
    struct array *x = array_stored(base, store), *y = array_stored(exponent, store), *result;
    bool good = apply(call, call->row->data, 2, (const struct array *[]){ x, y }, &result);
    array_drop(x);
    array_drop(y);
    if (!good) return false;
    call_give(call, 0, array_stored(result, base->store));
    array_drop(result);
    return true;
}

/* One of two operations, the second where the attribute is so. */
struct choice {
    const char *attribute, *text; /* text NULL: an integer other than 0 */
    struct operation otherwise, chosen;
};

static const struct operation *chosen(const struct call *call)
{
    const struct choice *choice = call->row->data;
    bool is_so = choice->text ? strcmp(node_text(call->node, choice->attribute, ""), choice->text) == 0
                              : node_int(call->node, choice->attribute, 0) != 0;
    return is_so ? &choice->chosen : &choice->otherwise;
}

static bool unary_choice(struct call *call)
{
    struct array *result;
    if (!present(call, 1)) return false;
    if (!apply(call, chosen(call), 1, (const struct array *[]){ call_input(call, 0) }, &result)) return false;
    call_give(call, 0, result);
    return true;
}

static bool binary_choice(struct call *call)
{
    return present(call, 2) && combine(call, chosen(call), call_input(call, 0), call_input(call, 1));
}

/* Whether y broadcasts to the dims of x, aligned at their ends. */
static bool broadcasts_to(const struct array *y, const struct array *x)
{
    bool fits = y->rank <= x->rank;
    for (int i = 1; fits && i <= y->rank; i++)
        fits = y->dims[y->rank - i] == 1 || y->dims[y->rank - i] == x->dims[x->rank - i];
    return fits;
}

/* Before opset 7 a slope of C elements goes along axis 1, and one of a single element has any rank. */
static bool prelu_by_channel(struct call *call)
{
    if (!present(call, 2)) return false;
    struct array *x = call_input(call, 0), *slope = call_input(call, 1);
    bool is_by_channel = slope->rank == 1 && slope->count != 1 && x->rank >= 2;
    if (!is_by_channel && slope->count != 1 && !broadcasts_to(slope, x))
        return call_fail(call, "its slope does not fit its input");
    struct array *aligned = is_by_channel       ? aligned_at(slope, 1, x->rank)
                            : slope->count == 1 ? array_reshaped(slope, 0, NULL)
                                                : array_keep(slope);
    bool good = combine(call, call->row->data, x, aligned);
    array_drop(aligned);
    return good;
}

/* A bound as one element of x's store; the end of its range where there is none. */
static struct array *bound_of(struct call *call, const struct array *x, const struct array *bound, double real,
                              int64_t whole)
{
    if (bound) return array_stored((struct array *)bound, x->store);
    struct array *one = array_new(call->pool, x->type, x->store, 0, NULL);
    if (x->store == STORE_F32) one->f32[0] = (float)real;
    else if (x->store == STORE_F64) one->f64[0] = real;
    else one->i64[0] = whole;
    return one;
}

static bool clip_between(struct call *call, struct array *low, struct array *high)
{
    const struct array *x = call_input(call, 0);
    static const struct operation clip = { clip_f32, clip_f64, clip_i64, clip_u64, NULL, false, { { 0 } } };
    struct array *result;
    bool good = apply(call, &clip, 3, (const struct array *[]){ x, low, high }, &result);
    array_drop(low);
    array_drop(high);
    if (good) call_give(call, 0, result);
    return good;
}

static bool clip_by_inputs(struct call *call)
{
    if (!present(call, 1)) return false;
    const struct array *x = call_input(call, 0), *low = call_input(call, 1), *high = call_input(call, 2);
    if ((low && (low->count != 1 || low->rank > x->rank)) || (high && (high->count != 1 || high->rank > x->rank)))
        return call_fail(call, "min and max must be scalars");
    if (x->store > STORE_I64 || (low && low->store > STORE_I64) || (high && high->store > STORE_I64))
        return no_such_type(call, x);
    bool is_u64 = x->type == DTYPE_UINT64;
    return clip_between(call, bound_of(call, x, low, -INFINITY, is_u64 ? 0 : INT64_MIN),
                        bound_of(call, x, high, INFINITY, is_u64 ? -1 : INT64_MAX));
}

static bool clip_by_attributes(struct call *call)
{
    if (!present(call, 1)) return false;
    const struct array *x = call_input(call, 0);
    if (x->store > STORE_F64) return no_such_type(call, x);
    return clip_between(call, bound_of(call, x, NULL, node_float(call->node, "min", -INFINITY), 0),
                        bound_of(call, x, NULL, node_float(call->node, "max", INFINITY), 0));
}

#define WHERE_STRIP(name, type)                                                                        \
    static void name(const struct inner_loop *loop)                                                    \
    {                                                                                                  \
        const int64_t *c = loop->from[0], step = loop->moves[0];                                       \
        const type *a = loop->from[1], *b = loop->from[2];                                             \
        const int64_t step_a = loop->moves[1], step_b = loop->moves[2];                                \
        type *to = loop->to;                                                                           \
        for (int64_t i = 0; i < loop->count; i++) to[i] = c[i * step] ? a[i * step_a] : b[i * step_b]; \
    }

WHERE_STRIP(where_4, uint32_t)
WHERE_STRIP(where_8, uint64_t)

static bool where(struct call *call)
{
    if (!present(call, 3)) return false;
    const struct array *from[] = { call_input(call, 0), call_input(call, 1), call_input(call, 2) };
    int rank;
    int64_t dims[ARRAY_MAX_RANK];
    if (from[0]->store != STORE_I64) return call_fail(call, "the condition must be of type bool");
    if (from[1]->store != from[2]->store || from[1]->store == STORE_SEQUENCE)
        return call_fail(call, "the types of inputs 1 and 2 differ");
    if (!broadcast_shape(call, 3, from, &rank, dims)) return false;
    struct array *result = array_new(call->pool, from[1]->type, from[1]->store, rank, dims);
    broadcast_run(call, store_size(from[1]->store) == 4 ? where_4 : where_8, result, 3, from, NULL);
    call_give(call, 0, result);
    return true;
}

/* In inference nothing is dropped: the mask is all ones. */
static bool dropout(struct call *call)
{
    if (!present(call, 1)) return false;
    struct array *x = call_input(call, 0);
    if (x->store > STORE_F64) return no_such_type(call, x);
    call_give(call, 0, array_keep(x));
    if (!call_wants(call, 1)) return true;
    bool is_bool = call->node->opset >= 10;
    struct array *mask =
        array_new(call->pool, is_bool ? DTYPE_BOOL : x->type, is_bool ? STORE_I64 : x->store, x->rank, x->dims);
    for (int64_t i = 0; i < mask->count; i++)
        if (is_bool) mask->i64[i] = 1;
        else if (mask->store == STORE_F32) mask->f32[i] = 1;
        else mask->f64[i] = 1;
    call_give(call, 1, mask);
    return true;
}

static bool dropout_by_attribute(struct call *call)
{
    if (node_int(call->node, "is_test", 0) == 0 && node_float(call->node, "ratio", 0.5f) != 0)
        return call_unsupported(call, "drops at random (is_test is 0): training is not run");
    return dropout(call);
}

/* Each element is zero with probability `ratio`, or grows so that the mean stays. */
static bool drop_at_random(struct call *call, double ratio)
{
    if (!present(call, 1)) return false;
    const struct array *x = call_input(call, 0);
    if (!is_real(x)) return no_such_type(call, x);
    if (!(ratio > 0 && ratio < 1)) return call_fail(call, "ratio %g is not from 0 to below 1", ratio);
    struct array *y = call_output(call, 0, x->type, x->rank, x->dims);
    struct array *mask = array_new(call->pool, DTYPE_BOOL, STORE_I64, x->rank, x->dims);
    uint64_t state = random_start(call);
    for (int64_t i = 0; i < x->count; i++) {
        mask->i64[i] = random_unit(&state) >= ratio;
        element_put(y, i, mask->i64[i] ? element_real(x, i) / (1 - ratio) : 0);
    }
    call_give(call, 1, mask);
    return true;
}

static bool dropout_by_input(struct call *call)
{
    const struct array *given = call_input(call, 1), *training = call_input(call, 2);
    bool trains = training && training->store == STORE_I64 && training->count == 1 && training->i64[0] != 0;
    if (given && (given->store > STORE_F64 || given->count != 1)) return call_fail(call, "ratio must be a real scalar");
    double ratio = given ? element_real(given, 0) : 0.5;
    return trains && ratio != 0 ? drop_at_random(call, ratio) : dropout(call);
}

static bool infers_by_attribute(const struct node *node)
{
    return node_int(node, "is_test", 0) != 0;
}

static bool infers_by_input(const struct node *node)
{
    struct value *training = node_input(node, 2);
    const struct tensor *constant = training ? value_constant(training) : NULL;
    int64_t trains = 1;
    return !training
           || (constant && constant->count == 1 && tensor_read_whole(constant, 0, 1, &trains, NULL) && trains == 0);
}

/* What BitCast's source and target share are the bytes of their packed elements. */
static bool bit_cast(struct call *call)
{
    if (!present(call, 1)) return false;
    const struct array *x = call_input(call, 0);
    int64_t to = node_int(call->node, "to", 0), bytes;
    if (x->store > STORE_I64 || dtype_bits(to) != dtype_bits(x->type) || dtype_kind(to) == KIND_COMPLEX)
        return call_fail(call, "cannot turn %s into %s", dtype_name(x->type), dtype_name(to));
    if (!dtype_bytes(x->type, x->count, &bytes)) return call_fail(call, "too large");
    void *packed = arena_alloc(call->scratch, (size_t)bytes);
    array_to_bytes(x, packed);
    call_give(call, 0, array_from_bytes(call->pool, (enum dtype)to, call->exact, x->rank, x->dims, packed));
    return true;
}

#define REALS(name)  .f32 = name##_f32, .f64 = name##_f64
#define WHOLES(name) .i64 = name##_i64
#define BOTH(name)   REALS(name), WHOLES(name)
#define ALL(name)    BOTH(name), .u64 = name##_u64
/* ---- shapes ---- */

static bool shape_dropout(struct shaping *s)
{
    return set_like(s, 0, input_type(s, 0), 0) && set_like(s, 1, rule_type(s), 0);
}

/* The element of an input that broadcasts to output index `index`. */
static int broadcast_element(const struct small *input, const struct small *output, const int64_t *index)
{
    int64_t at = 0;
    for (int i = 0; i < input->rank; i++) {
        int64_t along = index[output->rank - input->rank + i];
        at = at * input->dims[i] + (input->dims[i] == 1 ? 0 : along);
    }
    return small_element(input, at);
}

static int combine_subtract(struct shaping *s, int a, int b)
{
    return symbol_subtract(s->symbols, a, b);
}

/* Whole numbers divide towards zero, so signs must be known; real ones have a whole quotient or none that we follow. */
static int combine_divide(struct shaping *s, int a, int b)
{
    int64_t x, y;
    bool real = dtype_kind(node_output(s->node, 0)->type) == KIND_REAL;
    if (symbol_is_number(s->symbols, a, &x) && symbol_is_number(s->symbols, b, &y)) {
        if (y == 0 || (y == -1 && x == INT64_MIN) || (real && x % y != 0)) return 0;
        return symbol_number(s->symbols, x / y);
    }
    if (real || symbol_minimum(s->symbols, a) < 0 || symbol_minimum(s->symbols, b) < 0) return 0;
    return symbol_divide(s->symbols, a, b);
}

/* Signs agree in every convention only where nothing is negative. */
static int combine_modulo(struct shaping *s, int a, int b)
{
    if (symbol_minimum(s->symbols, a) < 0 || symbol_minimum(s->symbols, b) < 1) return 0;
    return symbol_subtract(s->symbols, a, symbol_multiply(s->symbols, symbol_divide(s->symbols, a, b), b));
}

/* -1, 0, 1, or 2 when the order of the two is not certain. */
static int compare(struct shaping *s, int a, int b)
{
    if (!a || !b) return 2;
    if (a == b) return 0;
    if (symbol_minimum(s->symbols, symbol_subtract(s->symbols, a, b)) > 0) return 1;
    return symbol_minimum(s->symbols, symbol_subtract(s->symbols, b, a)) > 0 ? -1 : 2;
}

static int combine_equal(struct shaping *s, int a, int b)
{
    int order = compare(s, a, b);
    return order == 2 ? 0 : content_truth(s, order == 0);
}

static int combine_greater(struct shaping *s, int a, int b)
{
    int order = compare(s, a, b);
    return order == 2 ? 0 : content_truth(s, order > 0);
}

static int combine_less(struct shaping *s, int a, int b)
{
    return combine_greater(s, b, a);
}

static int combine_invert(struct shaping *s, int a, int b)
{
    int64_t number;
    (void)b;
    return symbol_is_number(s->symbols, a, &number) ? content_truth(s, number == 0) : 0;
}

static int combine_greater_or_equal(struct shaping *s, int a, int b)
{
    return combine_invert(s, combine_less(s, a, b), 0);
}

static int combine_less_or_equal(struct shaping *s, int a, int b)
{
    return combine_invert(s, combine_greater(s, a, b), 0);
}

static int combine_both(struct shaping *s, int a, int b)
{
    int64_t x = 1, y = 1;
    bool a_known = symbol_is_number(s->symbols, a, &x), b_known = symbol_is_number(s->symbols, b, &y);
    if (x == 0 || y == 0) return content_truth(s, false);
    return a_known && b_known ? content_truth(s, true) : 0;
}

static int combine_either(struct shaping *s, int a, int b)
{
    return combine_invert(s, combine_both(s, combine_invert(s, a, 0), combine_invert(s, b, 0)), 0);
}

static int combine_negate(struct shaping *s, int a, int b)
{
    (void)b;
    return symbol_subtract(s->symbols, symbol_number(s->symbols, 0), a);
}

static int combine_absolute(struct shaping *s, int a, int b)
{
    return symbol_minimum(s->symbols, a) >= 0 ? a : symbol_maximum(s->symbols, a, combine_negate(s, a, b));
}

static void content_unary(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    struct small input;
    if (!small_input(s, 0, &input)) return;
    for (int64_t i = 0; i < input.count; i++) symbols[i] = s->row->combine(s, small_element(&input, i), 0);
    set_content(s, 0, symbols);
}

/* All inputs, from the left. */
static void content_binary(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK];
    struct small input, output;
    small_output(s, &output);
    if (s->node->opset < 7 && node_int(s->node, "broadcast", 0)) return;
    for (size_t slot = 0; slot < s->node->input_count; slot++) {
        if (!small_input(s, slot, &input)) return;
        for (int64_t i = 0; i < output.count; i++) {
            small_unravel(&output, i, index);
            int other = broadcast_element(&input, &output, index);
            symbols[i] = slot ? s->row->combine(s, symbols[i], other) : other;
        }
    }
    set_content(s, 0, symbols);
}

static void content_where(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK], truth_value;
    struct small condition, yes, no, output;
    small_output(s, &output);
    bool known = small_of(s, node_input(s->node, 0), &condition) && small_of(s, node_input(s->node, 1), &yes)
                 && small_of(s, node_input(s->node, 2), &no);
    for (int64_t i = 0; known && i < output.count; i++) {
        small_unravel(&output, i, index);
        int a = broadcast_element(&yes, &output, index), b = broadcast_element(&no, &output, index);
        bool certain = symbol_is_number(s->symbols, broadcast_element(&condition, &output, index), &truth_value);
        symbols[i] = certain ? (truth_value ? a : b) : a == b ? a : 0;
    }
    if (known) set_content(s, 0, symbols);
}

const struct operator_row *activation_find(const char *name)
{
    for (const struct operator_row *const *family = operator_families; *family; family++)
        for (const struct operator_row *row = *family; row->name; row++)
            if (row->is_activation && row->last == LATEST && strcasecmp(row->name, name) == 0) return row;
    return NULL;
}

#define EITHER(...)        \
    &(const struct choice) \
    {                      \
        __VA_ARGS__        \
    }
#define NEUTRAL(...)        \
    &(const struct neutral) \
    {                       \
        __VA_ARGS__         \
    }
#define ALPHA(absent) .attributes = { { "alpha", absent } }

static const struct affine_form product = { .scale = { 0, 1 } }, quotient = { .scale = { 0, 1 }, .inverse = true },
                                sum = { .scale = { 1, 0 }, .shift = { 0, 1 } },
                                less_k = { .scale = { 1, 0 }, .shift = { 0, -1 } },
                                from_k = { .scale = { -1, 0 }, .shift = { 0, 1 } }, negated = { .scale = { -1, 0 } };

static const struct clamp at_zero = { .low = { .kind = BOUND_ZERO } }, at_least = { .low = { .kind = BOUND_OPERAND } },
                          at_most = { .high = { .kind = BOUND_OPERAND } },
                          by_attributes = { { BOUND_ATTRIBUTE, 0, "min" }, { BOUND_ATTRIBUTE, 0, "max" } },
                          by_inputs = { { BOUND_INPUT, 1, NULL }, { BOUND_INPUT, 2, NULL } };

const struct operator_row elementwise_operators[] = {
    { "Abs", 1, LATEST, .gradient = gradient_abs, .run = elementwise_unary, .data = OF(BOTH(absolute), .u64 = same_i64),
      .shape = shape_same, .laws = ELEMENTWISE | IDEMPOTENT, .within = { 0, INFINITY }, .content = content_unary,
      .combine = combine_absolute, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T > T", "consumed_inputs:I" }, { 6, LATEST, "T > T", "" }), .exact = EXACT },
    { "Acos", 7, LATEST, .gradient = gradient_acos, .run = elementwise_unary, .data = OF(REALS(acos)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 7, LATEST, "T > T", "" }) },
    { "Acosh", 9, LATEST, .gradient = gradient_acosh, .run = elementwise_unary, .data = OF(REALS(acosh)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 9, LATEST, "T > T", "" }) },
    { "Add", 1, 6, .run = binary_aligned, .data = OF(BOTH(add)), .shape = shape_broadcast_by_attribute,
      .affine = { &sum, &sum }, .neutral = NEUTRAL(-0.0, 0, SLOT(0) | SLOT(1)), .content = content_binary,
      .combine = combine_add, .combine_reals = real_add, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T T > T", "axis:i broadcast:i consumed_inputs:I" },
                         { 6, 6, "T T > T", "axis:i broadcast:i" }, { 7, LATEST, "T T > T", "" }),
      .exact = EXACT },
    { "Add", 7, LATEST, .gradient = gradient_add, .run = binary, .data = OF(BOTH(add)), .shape = shape_broadcast,
      .affine = { &sum, &sum }, .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(-0.0, 0, SLOT(0) | SLOT(1)),
      .content = content_binary, .combine = combine_add, .combine_reals = real_add, .arithmetic = true,
      .exact = EXACT },
    { "And", 1, 6, .run = binary_aligned, .data = OF(WHOLES(logical_and)), .shape = shape_broadcast_by_attribute,
      .neutral = NEUTRAL(NAN, 1, SLOT(0) | SLOT(1)), .type = DTYPE_BOOL, .content = content_binary,
      .combine = combine_both, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 6, "bool bool > bool", "axis:i broadcast:i" }, { 7, LATEST, "bool bool > bool", "" }),
      .exact = EXACT },
    { "And", 7, LATEST, .run = binary, .data = OF(WHOLES(logical_and)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(NAN, 1, SLOT(0) | SLOT(1)), .type = DTYPE_BOOL,
      .content = content_binary, .combine = combine_both, .arithmetic = true, .exact = EXACT },
    { "Asin", 7, LATEST, .gradient = gradient_asin, .run = elementwise_unary, .data = OF(REALS(asin)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 7, LATEST, "T > T", "" }) },
    { "Asinh", 9, LATEST, .gradient = gradient_asinh, .run = elementwise_unary, .data = OF(REALS(asinh)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 9, LATEST, "T > T", "" }) },
    { "Atan", 7, LATEST, .gradient = gradient_atan, .run = elementwise_unary, .data = OF(REALS(atan)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 7, LATEST, "T > T", "" }) },
    { "Atanh", 9, LATEST, .gradient = gradient_atanh, .run = elementwise_unary, .data = OF(REALS(atanh)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 9, LATEST, "T > T", "" }) },
    { "BitCast", 26, LATEST, .run = bit_cast, .shape = shape_cast, .schemas = SCHEMAS({ 26, LATEST, ". > .", "to!i" }),
      .exact = EXACT },
    { "BitShift", 11, LATEST, .run = binary_choice,
      .data = EITHER("direction", "LEFT", { WHOLES(shift_right) }, { WHOLES(shift_left) }), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(NAN, 0, SLOT(1)),
      .schemas = SCHEMAS({ 11, LATEST, "T T > T", "direction!s" }), .exact = EXACT },
    { "BitwiseAnd", 18, LATEST, .run = binary, .data = OF(WHOLES(bitwise_and)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .schemas = SCHEMAS({ 18, LATEST, "T T > T", "" }), .exact = EXACT },
    { "BitwiseNot", 18, LATEST, .run = elementwise_unary, .data = OF(WHOLES(bitwise_not)), .shape = shape_same,
      .laws = ELEMENTWISE | INVOLUTION, .schemas = SCHEMAS({ 18, LATEST, "T > T", "" }), .exact = EXACT },
    { "BitwiseOr", 18, LATEST, .run = binary, .data = OF(WHOLES(bitwise_or)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(NAN, 0, SLOT(0) | SLOT(1)),
      .schemas = SCHEMAS({ 18, LATEST, "T T > T", "" }), .exact = EXACT },
    { "BitwiseXor", 18, LATEST, .run = binary, .data = OF(WHOLES(bitwise_xor)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(NAN, 0, SLOT(0) | SLOT(1)),
      .schemas = SCHEMAS({ 18, LATEST, "T T > T", "" }), .exact = EXACT },
    { "Ceil", 1, LATEST, .gradient = gradient_flat, .run = elementwise_unary, .data = OF(REALS(ceil)),
      .shape = shape_same, .laws = ELEMENTWISE | IDEMPOTENT, .hides = true, .content = content_same, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T > T", "consumed_inputs:I" }, { 6, LATEST, "T > T", "" }), .exact = EXACT },
    { "Celu", 12, LATEST, .gradient = gradient_celu, .run = elementwise_unary, .data = OF(REALS(celu), ALPHA(1)),
      .shape = shape_same, .laws = ELEMENTWISE, .hides = true,
      .schemas = SCHEMAS({ 12, 27, "f32 > f32", "alpha:f" }, { 28, LATEST, "T > T", "alpha:f" }) },
    { "Clip", 1, 10, .gradient = gradient_clip, .run = clip_by_attributes, .shape = shape_same, .laws = ELEMENTWISE,
      .clamp = &by_attributes, .hides = true, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T > T", "consumed_inputs:I max:f min:f" }, { 6, 10, "T > T", "max:f min:f" },
                         { 11, LATEST, "T ?T ?T > T", "" }),
      .exact = EXACT_WHOLE },
    { "Clip", 11, LATEST, .gradient = gradient_clip, .run = clip_by_inputs, .shape = shape_same, .laws = ELEMENTWISE,
      .clamp = &by_inputs, .hides = true, .arithmetic = true, .exact = EXACT_WHOLE },
    { "Cos", 7, LATEST, .gradient = gradient_cos, .run = elementwise_unary, .data = OF(REALS(cos)), .shape = shape_same,
      .laws = ELEMENTWISE, .within = { -1, 1 }, .schemas = SCHEMAS({ 7, LATEST, "T > T", "" }) },
    { "Cosh", 9, LATEST, .gradient = gradient_cosh, .run = elementwise_unary, .data = OF(REALS(cosh)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 9, LATEST, "T > T", "" }) },
    { "Div", 1, 6, .run = binary_aligned, .data = OF(ALL(divide)), .shape = shape_broadcast_by_attribute,
      .affine = { NULL, &quotient }, .neutral = NEUTRAL(1, 1, SLOT(1)), .content = content_binary,
      .combine = combine_divide, .combine_reals = real_divide, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T T > T", "axis:i broadcast:i consumed_inputs:I" },
                         { 6, 6, "T T > T", "axis:i broadcast:i" }, { 7, LATEST, "T T > T", "" }),
      .exact = EXACT },
    { "Div", 7, LATEST, .gradient = gradient_div, .run = binary, .data = OF(ALL(divide)), .shape = shape_broadcast,
      .affine = { NULL, &quotient }, .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(1, 1, SLOT(1)),
      .content = content_binary, .combine = combine_divide, .combine_reals = real_divide, .arithmetic = true,
      .exact = EXACT },
    { "Dropout", 1, 6, .gradient = gradient_dropout, .run = dropout_by_attribute, .shape = shape_dropout,
      .laws = IDENTITY_AT_INFERENCE, .infers = infers_by_attribute, .idle = true, .keeps_shape = true,
      .keeps_range = true, .random = true,
      .schemas = SCHEMAS({ 1, 5, "T > T ?T", "consumed_inputs:I is_test:i ratio:f" },
                         { 6, 6, "T > T ?T", "is_test:i ratio:f" }, { 7, 9, "T > T ?T", "ratio:f" },
                         { 10, 11, "T > T ?bool", "ratio:f" }, { 12, LATEST, "T ?. ?bool > T ?bool", "seed:i" }) },
    { "Dropout", 7, 9, .gradient = gradient_dropout, .run = dropout, .shape = shape_dropout,
      .laws = IDENTITY_AT_INFERENCE, .idle = true, .keeps_shape = true, .keeps_range = true, .random = true },
    { "Dropout", 10, 11, .gradient = gradient_dropout, .run = dropout, .shape = shape_dropout,
      .laws = IDENTITY_AT_INFERENCE, .idle = true, .keeps_shape = true, .type = DTYPE_BOOL, .keeps_range = true,
      .random = true },
    { "Dropout", 12, LATEST, .gradient = gradient_dropout, .limits = { [1] = LIMIT_SHARE }, .run = dropout_by_input,
      .shape = shape_dropout, .laws = IDENTITY_AT_INFERENCE, .infers = infers_by_input, .idle = true,
      .keeps_shape = true, .type = DTYPE_BOOL, .keeps_range = true, .random = true },
    { "Elu", 1, LATEST, .gradient = gradient_elu, .run = elementwise_unary, .data = OF(REALS(elu), ALPHA(1)),
      .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true, .hides = true,
      .schemas = SCHEMAS({ 1, 5, "T > T", "alpha:f consumed_inputs:I" }, { 6, LATEST, "T > T", "alpha:f" }) },
    { "Equal", 1, 6, .gradient = gradient_flat, .run = binary_aligned, .data = OF(BOTH(equal), .is_test = true),
      .shape = shape_broadcast_by_attribute, .type = DTYPE_BOOL, .hides = true, .content = content_binary,
      .combine = combine_equal, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 6, "T T > bool", "axis:i broadcast:i" }, { 7, LATEST, "T T > bool", "" }),
      .exact = EXACT },
    { "Equal", 7, LATEST, .gradient = gradient_flat, .run = binary,
      .data = OF(BOTH(equal), .text = equal_text, .is_test = true), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .type = DTYPE_BOOL, .hides = true, .content = content_binary,
      .combine = combine_equal, .arithmetic = true, .exact = EXACT },
    { "Erf", 9, LATEST, .gradient = gradient_erf, .run = elementwise_unary, .data = OF(REALS(erf)), .shape = shape_same,
      .laws = ELEMENTWISE, .marks_pattern = true, .within = { -1, 1 }, .hides = true,
      .schemas = SCHEMAS({ 9, LATEST, "T > T", "" }) },
    { "Exp", 1, LATEST, .gradient = gradient_exp, .run = elementwise_unary, .data = OF(REALS(exp)), .shape = shape_same,
      .laws = ELEMENTWISE, .within = { 0, INFINITY }, .hides = true, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T > T", "consumed_inputs:I" }, { 6, LATEST, "T > T", "" }) },
    { "Floor", 1, LATEST, .gradient = gradient_flat, .run = elementwise_unary, .data = OF(REALS(floor)),
      .shape = shape_same, .laws = ELEMENTWISE | IDEMPOTENT, .hides = true, .content = content_same, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T > T", "consumed_inputs:I" }, { 6, LATEST, "T > T", "" }), .exact = EXACT },
    { "Gelu", 20, LATEST, .gradient = gradient_gelu, .run = unary_choice,
      .data = EITHER("approximate", "tanh", { REALS(gelu) }, { REALS(gelu_tanh) }), .shape = shape_same,
      .laws = ELEMENTWISE, .hides = true, .schemas = SCHEMAS({ 20, LATEST, "T > T", "approximate:s" }) },
    { "Greater", 1, 6, .gradient = gradient_flat, .run = binary_aligned, .data = OF(ALL(greater), .is_test = true),
      .shape = shape_broadcast_by_attribute, .type = DTYPE_BOOL, .hides = true, .content = content_binary,
      .combine = combine_greater, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 6, "T T > bool", "axis:i broadcast:i" }, { 7, LATEST, "T T > bool", "" }),
      .exact = EXACT },
    { "Greater", 7, LATEST, .gradient = gradient_flat, .run = binary, .data = OF(ALL(greater), .is_test = true),
      .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS, .hides = true, .type = DTYPE_BOOL,
      .content = content_binary, .combine = combine_greater, .arithmetic = true, .exact = EXACT },
    { "GreaterOrEqual", 12, LATEST, .gradient = gradient_flat, .run = binary,
      .data = OF(ALL(greater_or_equal), .is_test = true), .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS,
      .type = DTYPE_BOOL, .hides = true, .content = content_binary, .combine = combine_greater_or_equal,
      .arithmetic = true, .schemas = SCHEMAS({ 12, LATEST, "T T > bool", "" }), .exact = EXACT },
    { "HardSigmoid", 1, LATEST, .gradient = gradient_hard_sigmoid, .run = elementwise_unary,
      .data = OF(REALS(hard_sigmoid), .attributes = { { "alpha", 0.2f }, { "beta", 0.5f } }), .shape = shape_same,
      .laws = ELEMENTWISE, .is_activation = true, .within = { 0, 1 }, .hides = true,
      .schemas =
          SCHEMAS({ 1, 5, "T > T", "alpha:f beta:f consumed_inputs:I" }, { 6, LATEST, "T > T", "alpha:f beta:f" }) },
    { "HardSwish", 14, LATEST, .gradient = gradient_hard_swish, .run = elementwise_unary, .data = OF(REALS(hard_swish)),
      .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true, .hides = true,
      .schemas = SCHEMAS({ 14, LATEST, "T > T", "" }) },
    { "IsInf", 10, LATEST, .gradient = gradient_flat, .run = elementwise_unary,
      .data =
          OF(REALS(is_infinite), .is_test = true, .attributes = { { "detect_positive", 1 }, { "detect_negative", 1 } }),
      .shape = shape_same, .laws = ELEMENTWISE, .type = DTYPE_BOOL,
      .schemas = SCHEMAS({ 10, LATEST, ". > bool", "detect_negative:i detect_positive:i" }), .exact = EXACT },
    { "IsNaN", 9, LATEST, .gradient = gradient_flat, .run = elementwise_unary,
      .data = OF(REALS(is_nan), .is_test = true), .shape = shape_same, .laws = ELEMENTWISE, .type = DTYPE_BOOL,
      .schemas = SCHEMAS({ 9, LATEST, ". > bool", "" }), .exact = EXACT },
    { "LeakyRelu", 1, LATEST, .gradient = gradient_leaky_relu, .run = elementwise_unary,
      .data = OF(REALS(leaky_relu), ALPHA(0.01f)), .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true,
      .hides = true,
      .schemas = SCHEMAS({ 1, 5, "T > T", "alpha:f consumed_inputs:I" }, { 6, LATEST, "T > T", "alpha:f" }) },
    { "Less", 1, 6, .gradient = gradient_flat, .run = binary_aligned, .data = OF(ALL(less), .is_test = true),
      .shape = shape_broadcast_by_attribute, .type = DTYPE_BOOL, .hides = true, .content = content_binary,
      .combine = combine_less, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 6, "T T > bool", "axis:i broadcast:i" }, { 7, LATEST, "T T > bool", "" }),
      .exact = EXACT },
    { "Less", 7, LATEST, .gradient = gradient_flat, .run = binary, .data = OF(ALL(less), .is_test = true),
      .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS, .hides = true, .type = DTYPE_BOOL,
      .content = content_binary, .combine = combine_less, .arithmetic = true, .exact = EXACT },
    { "LessOrEqual", 12, LATEST, .gradient = gradient_flat, .run = binary,
      .data = OF(ALL(less_or_equal), .is_test = true), .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS,
      .type = DTYPE_BOOL, .hides = true, .content = content_binary, .combine = combine_less_or_equal,
      .arithmetic = true, .schemas = SCHEMAS({ 12, LATEST, "T T > bool", "" }), .exact = EXACT },
    { "Log", 1, LATEST, .gradient = gradient_log, .limits = { LIMIT_POSITIVE }, .run = elementwise_unary,
      .data = OF(REALS(log)), .shape = shape_same, .laws = ELEMENTWISE, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T > T", "consumed_inputs:I" }, { 6, LATEST, "T > T", "" }) },
    { "Max", 1, 7, .gradient = gradient_extreme, .run = fold, .data = OF(ALL(maximum)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | IDENTITY_OF_ONE, .clamp = &at_least, .hides = true, .content = content_binary,
      .combine = combine_maximum, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T *T > T", "consumed_inputs:I" }, { 6, LATEST, "T *T > T", "" }),
      .exact = EXACT_WHOLE },
    { "Max", 8, LATEST, .gradient = gradient_extreme, .run = fold, .data = OF(ALL(maximum)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS | IDENTITY_OF_ONE, .clamp = &at_least, .hides = true, .content = content_binary,
      .combine = combine_maximum, .arithmetic = true, .exact = EXACT_WHOLE },
    { "Mean", 1, 7, .gradient = gradient_mean, .run = mean, .data = OF(REALS(add)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | IDENTITY_OF_ONE,
      .schemas = SCHEMAS({ 1, 5, "T *T > T", "consumed_inputs:I" }, { 6, LATEST, "T *T > T", "" }) },
    { "Mean", 8, LATEST, .gradient = gradient_mean, .run = mean, .data = OF(REALS(add)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS | IDENTITY_OF_ONE },
    { "Min", 1, 7, .gradient = gradient_extreme, .run = fold, .data = OF(ALL(minimum)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | IDENTITY_OF_ONE, .clamp = &at_most, .hides = true, .content = content_binary,
      .combine = combine_least, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T *T > T", "consumed_inputs:I" }, { 6, LATEST, "T *T > T", "" }),
      .exact = EXACT_WHOLE },
    { "Min", 8, LATEST, .gradient = gradient_extreme, .run = fold, .data = OF(ALL(minimum)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS | IDENTITY_OF_ONE, .clamp = &at_most, .hides = true, .content = content_binary,
      .combine = combine_least, .arithmetic = true, .exact = EXACT_WHOLE },
    { "Mish", 18, LATEST, .gradient = gradient_mish, .run = elementwise_unary, .data = OF(REALS(mish)),
      .shape = shape_same, .laws = ELEMENTWISE, .hides = true, .schemas = SCHEMAS({ 18, LATEST, "T > T", "" }) },
    { "Mod", 10, LATEST, .run = binary_choice,
      .data = EITHER("fmod", NULL, { ALL(modulo) }, { BOTH(remainder), .u64 = modulo_u64 }), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .content = content_binary, .combine = combine_modulo, .arithmetic = true,
      .schemas = SCHEMAS({ 10, LATEST, "T T > T", "fmod:i" }), .exact = EXACT_WHOLE },
    { "Mul", 1, 6, .run = binary_aligned, .data = OF(BOTH(multiply)), .shape = shape_broadcast_by_attribute,
      .affine = { &product, &product }, .neutral = NEUTRAL(1, 1, SLOT(0) | SLOT(1)), .content = content_binary,
      .combine = combine_multiply, .combine_reals = real_multiply, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T T > T", "axis:i broadcast:i consumed_inputs:I" },
                         { 6, 6, "T T > T", "axis:i broadcast:i" }, { 7, LATEST, "T T > T", "" }),
      .exact = EXACT },
    { "Mul", 7, LATEST, .gradient = gradient_mul, .run = binary, .data = OF(BOTH(multiply)), .shape = shape_broadcast,
      .affine = { &product, &product }, .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(1, 1, SLOT(0) | SLOT(1)),
      .content = content_binary, .combine = combine_multiply, .combine_reals = real_multiply, .arithmetic = true,
      .exact = EXACT },
    { "Neg", 1, LATEST, .gradient = gradient_neg, .run = elementwise_unary, .data = OF(BOTH(negate)),
      .shape = shape_same, .affine = { NULL, &negated }, .laws = ELEMENTWISE | INVOLUTION, .content = content_unary,
      .combine = combine_negate, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T > T", "consumed_inputs:I" }, { 6, LATEST, "T > T", "" }), .exact = EXACT },
    { "Not", 1, LATEST, .run = elementwise_unary, .data = OF(WHOLES(logical_not)), .shape = shape_same,
      .laws = ELEMENTWISE | INVOLUTION, .type = DTYPE_BOOL, .content = content_unary, .combine = combine_invert,
      .arithmetic = true, .schemas = SCHEMAS({ 1, LATEST, "bool > bool", "" }), .exact = EXACT },
    { "Or", 1, 6, .run = binary_aligned, .data = OF(WHOLES(logical_or)), .shape = shape_broadcast_by_attribute,
      .neutral = NEUTRAL(NAN, 0, SLOT(0) | SLOT(1)), .type = DTYPE_BOOL, .content = content_binary,
      .combine = combine_either, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 6, "bool bool > bool", "axis:i broadcast:i" }, { 7, LATEST, "bool bool > bool", "" }),
      .exact = EXACT },
    { "Or", 7, LATEST, .run = binary, .data = OF(WHOLES(logical_or)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(NAN, 0, SLOT(0) | SLOT(1)), .type = DTYPE_BOOL,
      .content = content_binary, .combine = combine_either, .arithmetic = true, .exact = EXACT },
    { "PRelu", 1, 6, .run = prelu_by_channel, .data = OF(REALS(prelu)), .shape = shape_same, .hides = true,
      .schemas = SCHEMAS({ 1, 5, "T T > T", "consumed_inputs:I" }, { 6, LATEST, "T T > T", "" }) },
    { "PRelu", 7, LATEST, .gradient = gradient_prelu, .run = binary, .data = OF(ALL(prelu)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .hides = true },
    { "Pow", 1, 6, .run = binary_aligned, .data = OF(REALS(power)), .shape = shape_broadcast_by_attribute,
      .sizes = SLOT(1), .arithmetic = true,
      .schemas =
          SCHEMAS({ 1, 6, "T T > T", "axis:i broadcast:i" }, { 7, 11, "T T > T", "" }, { 12, LATEST, "T . > T", "" }) },
    { "Pow", 7, LATEST, .gradient = gradient_pow, .run = power, .data = OF(ALL(power)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .sizes = SLOT(1), .arithmetic = true },
    { "Reciprocal", 1, LATEST, .gradient = gradient_reciprocal, .run = elementwise_unary, .data = OF(REALS(reciprocal)),
      .shape = shape_same, .laws = ELEMENTWISE, .marks_pattern = true, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T > T", "consumed_inputs:I" }, { 6, LATEST, "T > T", "" }), .exact = EXACT },
    { "Relu", 1, LATEST, .gradient = gradient_relu, .run = elementwise_unary, .data = OF(BOTH(relu)),
      .shape = shape_same, .laws = ELEMENTWISE, .clamp = &at_zero, .is_activation = true, .within = { 0, INFINITY },
      .hides = true, .schemas = SCHEMAS({ 1, 5, "T > T", "consumed_inputs:I" }, { 6, LATEST, "T > T", "" }),
      .exact = EXACT_WHOLE },
    { "Round", 11, LATEST, .gradient = gradient_flat, .run = elementwise_unary, .data = OF(REALS(round_even)),
      .shape = shape_same, .laws = ELEMENTWISE | IDEMPOTENT, .hides = true, .content = content_same, .arithmetic = true,
      .schemas = SCHEMAS({ 11, LATEST, "T > T", "" }), .exact = EXACT },
    { "Selu", 1, 5, .gradient = gradient_selu, .run = elementwise_unary,
      .data = OF(REALS(selu), .attributes = { { "alpha", 1.6732f }, { "gamma", 1.0507f } }), .shape = shape_same,
      .laws = ELEMENTWISE, .is_activation = true, .hides = true,
      .schemas =
          SCHEMAS({ 1, 5, "T > T", "alpha:f consumed_inputs:I gamma:f" }, { 6, LATEST, "T > T", "alpha:f gamma:f" }) },
    { "Selu", 6, LATEST, .gradient = gradient_selu, .run = elementwise_unary,
      .data = OF(REALS(selu),
                 .attributes = { { "alpha", 1.67326319217681884765625 }, { "gamma", 1.05070102214813232421875 } }),
      .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true, .hides = true },
    { "Shrink", 9, LATEST, .gradient = gradient_shrink, .run = elementwise_unary,
      .data = OF(BOTH(shrink), .attributes = { { "bias", 0 }, { "lambd", 0.5 } }), .shape = shape_same,
      .laws = ELEMENTWISE, .hides = true, .fixed_attribute = "lambd",
      .schemas = SCHEMAS({ 9, LATEST, "T > T", "bias:f lambd:f" }) },
    { "Sigmoid", 1, LATEST, .gradient = gradient_sigmoid, .run = elementwise_unary, .data = OF(REALS(sigmoid)),
      .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true, .within = { 0, 1 }, .hides = true,
      .schemas = SCHEMAS({ 1, 5, "T > T", "consumed_inputs:I" }, { 6, LATEST, "T > T", "" }) },
    { "Sign", 9, LATEST, .gradient = gradient_flat, .run = elementwise_unary, .data = OF(BOTH(sign), .u64 = sign_u64),
      .shape = shape_same, .laws = ELEMENTWISE | IDEMPOTENT, .hides = true,
      .schemas = SCHEMAS({ 9, LATEST, "T > T", "" }), .exact = EXACT },
    { "Sin", 7, LATEST, .gradient = gradient_sin, .run = elementwise_unary, .data = OF(REALS(sin)), .shape = shape_same,
      .laws = ELEMENTWISE, .within = { -1, 1 }, .schemas = SCHEMAS({ 7, LATEST, "T > T", "" }) },
    { "Sinh", 9, LATEST, .gradient = gradient_sinh, .run = elementwise_unary, .data = OF(REALS(sinh)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 9, LATEST, "T > T", "" }) },
    { "Softplus", 1, LATEST, .gradient = gradient_softplus, .run = elementwise_unary, .data = OF(REALS(softplus)),
      .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true, .within = { 0, INFINITY }, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "T > T", "" }) },
    { "Softsign", 1, LATEST, .gradient = gradient_softsign, .run = elementwise_unary, .data = OF(REALS(softsign)),
      .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true, .within = { -1, 1 }, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "T > T", "" }) },
    { "Sqrt", 1, LATEST, .gradient = gradient_sqrt, .limits = { LIMIT_POSITIVE }, .run = elementwise_unary,
      .data = OF(REALS(sqrt)), .shape = shape_same, .laws = ELEMENTWISE, .marks_pattern = true,
      .within = { 0, INFINITY }, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T > T", "consumed_inputs:I" }, { 6, LATEST, "T > T", "" }), .exact = EXACT },
    { "Sub", 1, 6, .run = binary_aligned, .data = OF(BOTH(subtract)), .shape = shape_broadcast_by_attribute,
      .affine = { &from_k, &less_k }, .neutral = NEUTRAL(0, 0, SLOT(1)), .content = content_binary,
      .combine = combine_subtract, .combine_reals = real_subtract, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "T T > T", "axis:i broadcast:i consumed_inputs:I" },
                         { 6, 6, "T T > T", "axis:i broadcast:i" }, { 7, LATEST, "T T > T", "" }),
      .exact = EXACT },
    { "Sub", 7, LATEST, .gradient = gradient_sub, .run = binary, .data = OF(BOTH(subtract)), .shape = shape_broadcast,
      .affine = { &from_k, &less_k }, .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(0, 0, SLOT(1)),
      .content = content_binary, .combine = combine_subtract, .combine_reals = real_subtract, .arithmetic = true,
      .exact = EXACT },
    { "Sum", 1, 7, .gradient = gradient_sum, .run = fold, .data = OF(REALS(add)), .shape = shape_broadcast,
      .affine = { &sum, &sum }, .laws = ELEMENTWISE | IDENTITY_OF_ONE, .content = content_binary,
      .combine = combine_add,
      .schemas = SCHEMAS({ 1, 5, "T *T > T", "consumed_inputs:I" }, { 6, LATEST, "T *T > T", "" }),
      .exact = EXACT_WHOLE },
    { "Sum", 8, LATEST, .gradient = gradient_sum, .run = fold, .data = OF(REALS(add)), .shape = shape_broadcast,
      .affine = { &sum, &sum }, .laws = ELEMENTWISE | BROADCASTS | IDENTITY_OF_ONE, .content = content_binary,
      .combine = combine_add, .exact = EXACT_WHOLE },
    { "SwiGLU", 28, LATEST, .gradient = gradient_swiglu, .run = binary, .data = OF(REALS(swiglu), ALPHA(1)),
      .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS,
      .schemas = SCHEMAS({ 28, LATEST, "T T > T", "alpha:f" }) },
    { "Swish", 24, LATEST, .gradient = gradient_swish, .run = elementwise_unary, .data = OF(REALS(swish), ALPHA(1)),
      .shape = shape_same, .laws = ELEMENTWISE, .hides = true, .schemas = SCHEMAS({ 24, LATEST, "T > T", "alpha:f" }) },
    { "Tan", 7, LATEST, .gradient = gradient_tan, .run = elementwise_unary, .data = OF(REALS(tan)), .shape = shape_same,
      .laws = ELEMENTWISE, .schemas = SCHEMAS({ 7, LATEST, "T > T", "" }) },
    { "Tanh", 1, LATEST, .gradient = gradient_tanh, .run = elementwise_unary, .data = OF(REALS(tanh)),
      .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true, .marks_pattern = true, .within = { -1, 1 },
      .hides = true, .schemas = SCHEMAS({ 1, 5, "T > T", "consumed_inputs:I" }, { 6, LATEST, "T > T", "" }) },
    { "ThresholdedRelu", 10, LATEST, .gradient = gradient_thresholded_relu, .run = elementwise_unary,
      .data = OF(REALS(thresholded_relu), ALPHA(1)), .shape = shape_same, .laws = ELEMENTWISE, .is_activation = true,
      .within = { 0, INFINITY }, .hides = true, .fixed_attribute = "alpha",
      .schemas = SCHEMAS({ 10, LATEST, "T > T", "alpha:f" }) },
    { "Where", 9, LATEST, .gradient = gradient_moved, .run = where, .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .type_from = 1, .content = content_where, .arithmetic = true,
      .schemas = SCHEMAS({ 9, LATEST, "bool T T > T", "" }), .exact = EXACT },
    { "Xor", 1, 6, .run = binary_aligned, .data = OF(WHOLES(logical_xor)), .shape = shape_broadcast_by_attribute,
      .neutral = NEUTRAL(NAN, 0, SLOT(0) | SLOT(1)), .type = DTYPE_BOOL,
      .schemas = SCHEMAS({ 1, 6, "bool bool > bool", "axis:i broadcast:i" }, { 7, LATEST, "bool bool > bool", "" }),
      .exact = EXACT },
    { "Xor", 7, LATEST, .run = binary, .data = OF(WHOLES(logical_xor)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(NAN, 0, SLOT(0) | SLOT(1)), .type = DTYPE_BOOL,
      .exact = EXACT },
    { 0 },
};
