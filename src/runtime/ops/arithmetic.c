/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic, roundings, powers and roots, exponentials and the trigonometric functions. Whole numbers are those of the
 * two's complement, computed unsigned; the runner wraps results to their type. */
#include "onnx/shape/content.h"
#include "onnx/shape/reals.h"
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/elementwise.h"
#include "runtime/ops/elementwise.h"
#include "runtime/ops/operators.h"

#include <math.h>

/* The remainder that has the divisor's sign. */
static double floored_remainder(double x, double y)
{
    double rest = fmod(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

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

REAL_VECTOR(absolute)
REAL_UNARY(acos, acos(x))
REAL_UNARY(acosh, acosh(x))
REAL_UNARY(asin, asin(x))
REAL_UNARY(asinh, asinh(x))
REAL_UNARY(atan, atan(x))
REAL_UNARY(atanh, atanh(x))
REAL_VECTOR(ceil)
REAL_UNARY(cos, cos(x))
REAL_UNARY(cosh, cosh(x))
REAL_VECTOR(erf)
REAL_VECTOR(exp)
REAL_VECTOR(floor)
REAL_VECTOR(log)
REAL_VECTOR(negate)
REAL_VECTOR(reciprocal)
REAL_VECTOR(round_even)
REAL_UNARY(sign, x > 0 ? 1 : x < 0 ? -1 : x)
REAL_UNARY(sin, sin(x))
REAL_UNARY(sinh, sinh(x))
REAL_UNARY(tan, tan(x))
REAL_VECTOR(times)
REAL_PAIR(add)
REAL_PAIR(subtract)
REAL_PAIR(multiply)
REAL_PAIR(divide)
REAL_PAIR(maximum)
REAL_PAIR(minimum)
REAL_BINARY(power, pow(x, y))
REAL_BINARY(modulo, floored_remainder(x, y))
REAL_BINARY(remainder, fmod(x, y))
UNARY_STRIP(sqrt_f32, float, float, sqrtf(x))
UNARY_STRIP(sqrt_f64, double, double, sqrt(x))

WHOLE_UNARY(absolute, x < 0 ? 0 - UNSIGNED(x) : UNSIGNED(x))
WHOLE_UNARY(negate, 0 - UNSIGNED(x))
WHOLE_UNARY(sign, x > 0 ? 1 : x < 0 ? -1 : 0)
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
UNSIGNED_BINARY(divide, y == 0 ? 0 : x / y)
UNSIGNED_BINARY(maximum, x > y ? x : y)
UNSIGNED_BINARY(minimum, x < y ? x : y)
UNSIGNED_BINARY(power, raised(x, y))
UNSIGNED_BINARY(modulo, y == 0 ? 0 : x % y)

static bool mean(struct call *call)
{
    static const struct operation times = { .f32 = times_f32, .f64 = times_f64 };
    if (!elementwise_fold(call)) return false;
    struct array *sum = call->outputs[0];
    if (!elementwise_loop(&times, sum)) return elementwise_no_type(call, sum);
    struct array *result = array_new(call->pool, sum->type, sum->store, sum->rank, sum->dims);
    double share = 1.0 / (double)call->input_count;
    broadcast_run(call, elementwise_loop(&times, sum), result, 1, (const struct array *[]){ sum }, &share, NULL);
    call_give(call, 0, result);
    return true;
}

static const struct operation square = { .f32 = multiply_f32, .f64 = multiply_f64 };

/* The result has the base's type, also where base and exponent are not of one kind. */
static bool power(struct call *call)
{
    if (!elementwise_present(call, 2)) return false;
    struct array *base = call_input(call, 0), *exponent = call_input(call, 1);
    if (base->store > STORE_I64 || exponent->store > STORE_I64) return elementwise_no_type(call, base);
    enum store store = base->store == exponent->store ? base->store : STORE_F64;
    if (exponent->count == 1 && exponent->rank <= base->rank && is_real(base) && element_real(exponent, 0) == 2)
        return elementwise_combine(call, &square, base, base);
    struct array *x = array_stored(base, store), *y = array_stored(exponent, store), *result;
    bool good = elementwise_apply(call, call->row->data, 2, (const struct array *[]){ x, y }, &result);
    array_drop(x);
    array_drop(y);
    if (!good) return false;
    call_give(call, 0, array_stored(result, base->store));
    array_drop(result);
    return true;
}

/* ---- elements of shapes ---- */

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

static int combine_negate(struct shaping *s, int a, int b)
{
    (void)b;
    return symbol_subtract(s->symbols, symbol_number(s->symbols, 0), a);
}

static int combine_absolute(struct shaping *s, int a, int b)
{
    return symbol_minimum(s->symbols, a) >= 0 ? a : symbol_maximum(s->symbols, a, combine_negate(s, a, b));
}

static const struct affine_form product = { .scale = { 0, 1 } }, quotient = { .scale = { 0, 1 }, .inverse = true },
                                sum = { .scale = { 1, 0 }, .shift = { 0, 1 } },
                                less_k = { .scale = { 1, 0 }, .shift = { 0, -1 } },
                                from_k = { .scale = { -1, 0 }, .shift = { 0, 1 } }, negated = { .scale = { -1, 0 } };

static const struct clamp at_least = { .low = { .kind = BOUND_OPERAND } },
                          at_most = { .high = { .kind = BOUND_OPERAND } };

const struct operator_row arithmetic_operators[] = {
    { "Abs", 1, LATEST, .gradient = gradient_abs, .run = elementwise_unary, .joins = true,
      .data = OF(BOTH(absolute), .u64 = same_i64), .shape = shape_same, .laws = ELEMENTWISE | IDEMPOTENT,
      .within = { 0, INFINITY }, .content = content_unary, .combine = combine_absolute, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T", "consumed_inputs:I" }, { 6, LATEST, "Tn13h > T", "" }), .exact = EXACT },
    { "Acos", 7, LATEST, .gradient = gradient_acos, .run = elementwise_unary, .joins = true, .data = OF(REALS(acos)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 7, LATEST, "Tf22h > T", "" }) },
    { "Acosh", 9, LATEST, .gradient = gradient_acosh, .run = elementwise_unary, .joins = true, .data = OF(REALS(acosh)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 9, LATEST, "Tf22h > T", "" }) },
    { "Add", 1, 6, .symbol = '+', .run = elementwise_binary_aligned, .joins = true, .data = OF(BOTH(add)),
      .shape = shape_broadcast_by_attribute, .affine = { &sum, &sum }, .neutral = NEUTRAL(-0.0, 0, SLOT(0) | SLOT(1)),
      .content = content_binary, .combine = combine_add, .combine_reals = real_add, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf T > T", "axis:i broadcast:i consumed_inputs:I" },
                         { 6, 6, "Tl T > T", "axis:i broadcast:i" }, { 7, LATEST, "Tl13h14zv T > T", "" }),
      .exact = EXACT },
    { "Add", 7, LATEST, .symbol = '+', .gradient = gradient_add, .run = elementwise_binary, .joins = true,
      .data = OF(BOTH(add)), .shape = shape_broadcast, .affine = { &sum, &sum }, .laws = ELEMENTWISE | BROADCASTS,
      .neutral = NEUTRAL(-0.0, 0, SLOT(0) | SLOT(1)), .content = content_binary, .combine = combine_add,
      .combine_reals = real_add, .arithmetic = true, .exact = EXACT },
    { "Asin", 7, LATEST, .gradient = gradient_asin, .run = elementwise_unary, .joins = true, .data = OF(REALS(asin)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 7, LATEST, "Tf22h > T", "" }) },
    { "Asinh", 9, LATEST, .gradient = gradient_asinh, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(asinh), .work = 1), .shape = shape_same, .laws = ELEMENTWISE,
      .schemas = SCHEMAS({ 9, LATEST, "Tf22h > T", "" }) },
    { "Atan", 7, LATEST, .gradient = gradient_atan, .run = elementwise_unary, .joins = true, .data = OF(REALS(atan)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 7, LATEST, "Tf22h > T", "" }) },
    { "Atanh", 9, LATEST, .gradient = gradient_atanh, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(atanh), .work = 1), .shape = shape_same, .laws = ELEMENTWISE,
      .schemas = SCHEMAS({ 9, LATEST, "Tf22h > T", "" }) },
    { "Ceil", 1, LATEST, .gradient = gradient_flat, .run = elementwise_unary, .joins = true, .data = OF(REALS(ceil)),
      .shape = shape_same, .laws = ELEMENTWISE | IDEMPOTENT, .hides = true, .content = content_same, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T", "consumed_inputs:I" }, { 6, LATEST, "Tf13h > T", "" }), .exact = EXACT },
    { "Cos", 7, LATEST, .gradient = gradient_cos, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(cos), .work = 10), .shape = shape_same, .laws = ELEMENTWISE, .within = { -1, 1 },
      .schemas = SCHEMAS({ 7, LATEST, "Tf22h > T", "" }) },
    { "Cosh", 9, LATEST, .gradient = gradient_cosh, .run = elementwise_unary, .joins = true, .data = OF(REALS(cosh)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 9, LATEST, "Tf22h > T", "" }) },
    { "Div", 1, 6, .symbol = '/', .run = elementwise_binary_aligned, .joins = true, .data = OF(ALL(divide)),
      .shape = shape_broadcast_by_attribute, .affine = { NULL, &quotient }, .neutral = NEUTRAL(1, 1, SLOT(1)),
      .content = content_binary, .combine = combine_divide, .combine_reals = real_divide, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf T > T", "axis:i broadcast:i consumed_inputs:I" },
                         { 6, 6, "Tl T > T", "axis:i broadcast:i" }, { 7, LATEST, "Tl13h14zv T > T", "" }),
      .exact = EXACT },
    { "Div", 7, LATEST, .symbol = '/', .gradient = gradient_div, .run = elementwise_binary, .joins = true,
      .data = OF(ALL(divide)), .shape = shape_broadcast, .affine = { NULL, &quotient },
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(1, 1, SLOT(1)), .content = content_binary,
      .combine = combine_divide, .combine_reals = real_divide, .arithmetic = true, .exact = EXACT },
    { "Erf", 9, LATEST, .gradient = gradient_erf, .run = elementwise_unary, .joins = true, .data = OF(REALS(erf)),
      .shape = shape_same, .laws = ELEMENTWISE, .marks_pattern = true, .within = { -1, 1 }, .hides = true,
      .schemas = SCHEMAS({ 9, LATEST, "Tn13h > T", "" }) },
    { "Exp", 1, LATEST, .gradient = gradient_exp, .run = elementwise_unary, .joins = true, .data = OF(REALS(exp)),
      .shape = shape_same, .laws = ELEMENTWISE, .within = { 0, INFINITY }, .hides = true, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T", "consumed_inputs:I" }, { 6, LATEST, "Tf13h > T", "" }) },
    { "Floor", 1, LATEST, .gradient = gradient_flat, .run = elementwise_unary, .joins = true, .data = OF(REALS(floor)),
      .shape = shape_same, .laws = ELEMENTWISE | IDEMPOTENT, .hides = true, .content = content_same, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T", "consumed_inputs:I" }, { 6, LATEST, "Tf13h > T", "" }), .exact = EXACT },
    { "Log", 1, LATEST, .gradient = gradient_log, .limits = { LIMIT_POSITIVE }, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(log)), .shape = shape_same, .laws = ELEMENTWISE, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T", "consumed_inputs:I" }, { 6, LATEST, "Tf13h > T", "" }) },
    { "Max", 1, 7, .gradient = gradient_extreme, .run = elementwise_fold, .joins = true, .data = OF(ALL(maximum)),
      .shape = shape_broadcast, .laws = ELEMENTWISE | IDENTITY_OF_ONE, .clamp = &at_least, .hides = true,
      .content = content_binary, .combine = combine_maximum, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf *T > T", "consumed_inputs:I" }, { 6, LATEST, "Tf12iwzv13h *T > T", "" }),
      .exact = EXACT_WHOLE },
    { "Max", 8, LATEST, .gradient = gradient_extreme, .run = elementwise_fold, .joins = true, .data = OF(ALL(maximum)),
      .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS | IDENTITY_OF_ONE, .clamp = &at_least, .hides = true,
      .content = content_binary, .combine = combine_maximum, .arithmetic = true, .exact = EXACT_WHOLE },
    { "Mean", 1, 7, .gradient = gradient_mean, .run = mean, .data = OF(REALS(add)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | IDENTITY_OF_ONE,
      .schemas = SCHEMAS({ 1, 5, "Tf *T > T", "consumed_inputs:I" }, { 6, LATEST, "Tf13h *T > T", "" }) },
    { "Mean", 8, LATEST, .gradient = gradient_mean, .run = mean, .data = OF(REALS(add)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS | IDENTITY_OF_ONE },
    { "Min", 1, 7, .gradient = gradient_extreme, .run = elementwise_fold, .joins = true, .data = OF(ALL(minimum)),
      .shape = shape_broadcast, .laws = ELEMENTWISE | IDENTITY_OF_ONE, .clamp = &at_most, .hides = true,
      .content = content_binary, .combine = combine_least, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf *T > T", "consumed_inputs:I" }, { 6, LATEST, "Tf12iwzv13h *T > T", "" }),
      .exact = EXACT_WHOLE },
    { "Min", 8, LATEST, .gradient = gradient_extreme, .run = elementwise_fold, .joins = true, .data = OF(ALL(minimum)),
      .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS | IDENTITY_OF_ONE, .clamp = &at_most, .hides = true,
      .content = content_binary, .combine = combine_least, .arithmetic = true, .exact = EXACT_WHOLE },
    { "Mod", 10, LATEST, .run = elementwise_binary_choice, .joins = true,
      .data = EITHER("fmod", NULL, { ALL(modulo), .work = 340 }, { BOTH(remainder), .u64 = modulo_u64, .work = 340 }),
      .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS, .content = content_binary, .combine = combine_modulo,
      .arithmetic = true, .schemas = SCHEMAS({ 10, LATEST, "Tn13h T > T", "fmod:b" }), .exact = EXACT_WHOLE },
    { "Mul", 1, 6, .symbol = '*', .run = elementwise_binary_aligned, .joins = true, .data = OF(BOTH(multiply)),
      .shape = shape_broadcast_by_attribute, .affine = { &product, &product },
      .neutral = NEUTRAL(1, 1, SLOT(0) | SLOT(1)), .content = content_binary, .combine = combine_multiply,
      .combine_reals = real_multiply, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf T > T", "axis:i broadcast:i consumed_inputs:I" },
                         { 6, 6, "Tl T > T", "axis:i broadcast:i" }, { 7, LATEST, "Tl13h14zv T > T", "" }),
      .exact = EXACT },
    { "Mul", 7, LATEST, .symbol = '*', .gradient = gradient_mul, .run = elementwise_binary, .joins = true,
      .data = OF(BOTH(multiply)), .shape = shape_broadcast, .affine = { &product, &product },
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(1, 1, SLOT(0) | SLOT(1)), .content = content_binary,
      .combine = combine_multiply, .combine_reals = real_multiply, .arithmetic = true, .exact = EXACT },
    { "Neg", 1, LATEST, .gradient = gradient_neg, .run = elementwise_unary, .joins = true, .data = OF(BOTH(negate)),
      .shape = shape_same, .affine = { NULL, &negated }, .laws = ELEMENTWISE | INVOLUTION, .content = content_unary,
      .combine = combine_negate, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T", "consumed_inputs:I" }, { 6, LATEST, "Tfiz13h > T", "" }), .exact = EXACT },
    { "Pow", 1, 6, .run = elementwise_binary_aligned, .joins = true, .data = OF(REALS(power), .work = 6),
      .shape = shape_broadcast_by_attribute, .sizes = SLOT(1), .arithmetic = true,
      .schemas = SCHEMAS({ 1, 6, "Tf T > T", "axis:i broadcast:i" }, { 7, 11, "Tf T > T", "" },
                         { 12, LATEST, "Tfi13h .n15h > T", "" }) },
    { "Pow", 7, LATEST, .gradient = gradient_pow, .run = power, .data = OF(ALL(power), .work = 6),
      .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS, .sizes = SLOT(1), .arithmetic = true },
    { "Reciprocal", 1, LATEST, .gradient = gradient_reciprocal, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(reciprocal)), .shape = shape_same, .laws = ELEMENTWISE | INVERTS, .marks_pattern = true,
      .arithmetic = true, .schemas = SCHEMAS({ 1, 5, "Tf > T", "consumed_inputs:I" }, { 6, LATEST, "Tf13h > T", "" }),
      .exact = EXACT },
    { "Round", 11, LATEST, .gradient = gradient_flat, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(round_even)), .shape = shape_same, .laws = ELEMENTWISE | IDEMPOTENT, .hides = true,
      .content = content_same, .arithmetic = true, .schemas = SCHEMAS({ 11, LATEST, "Tf22h > T", "" }),
      .exact = EXACT },
    { "Sign", 9, LATEST, .gradient = gradient_flat, .run = elementwise_unary, .joins = true,
      .data = OF(BOTH(sign), .u64 = sign_u64), .shape = shape_same, .laws = ELEMENTWISE | IDEMPOTENT, .hides = true,
      .schemas = SCHEMAS({ 9, LATEST, "Tn13h > T", "" }), .exact = EXACT },
    { "Sin", 7, LATEST, .gradient = gradient_sin, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(sin), .work = 10), .shape = shape_same, .laws = ELEMENTWISE, .within = { -1, 1 },
      .schemas = SCHEMAS({ 7, LATEST, "Tf22h > T", "" }) },
    { "Sinh", 9, LATEST, .gradient = gradient_sinh, .run = elementwise_unary, .joins = true, .data = OF(REALS(sinh)),
      .shape = shape_same, .laws = ELEMENTWISE, .schemas = SCHEMAS({ 9, LATEST, "Tf22h > T", "" }) },
    { "Sqrt", 1, LATEST, .gradient = gradient_sqrt, .limits = { LIMIT_POSITIVE }, .run = elementwise_unary,
      .joins = true, .data = OF(REALS(sqrt)), .shape = shape_same, .laws = ELEMENTWISE, .marks_pattern = true,
      .within = { 0, INFINITY }, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T", "consumed_inputs:I" }, { 6, LATEST, "Tf13h > T", "" }), .exact = EXACT },
    { "Sub", 1, 6, .symbol = '-', .run = elementwise_binary_aligned, .joins = true, .data = OF(BOTH(subtract)),
      .shape = shape_broadcast_by_attribute, .affine = { &from_k, &less_k }, .neutral = NEUTRAL(0, 0, SLOT(1)),
      .content = content_binary, .combine = combine_subtract, .combine_reals = real_subtract, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 5, "Tf T > T", "axis:i broadcast:i consumed_inputs:I" },
                         { 6, 6, "Tl T > T", "axis:i broadcast:i" }, { 7, LATEST, "Tl13h14zv T > T", "" }),
      .exact = EXACT },
    { "Sub", 7, LATEST, .symbol = '-', .gradient = gradient_sub, .run = elementwise_binary, .joins = true,
      .data = OF(BOTH(subtract)), .shape = shape_broadcast, .affine = { &from_k, &less_k },
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(0, 0, SLOT(1)), .content = content_binary,
      .combine = combine_subtract, .combine_reals = real_subtract, .arithmetic = true, .exact = EXACT },
    { "Sum", 1, 7, .gradient = gradient_sum, .run = elementwise_fold, .joins = true, .data = OF(REALS(add)),
      .shape = shape_broadcast, .affine = { &sum, &sum }, .laws = ELEMENTWISE | IDENTITY_OF_ONE,
      .content = content_binary, .combine = combine_add,
      .schemas = SCHEMAS({ 1, 5, "Tf *T > T", "consumed_inputs:I" }, { 6, LATEST, "Tf13h *T > T", "" }),
      .exact = EXACT_WHOLE },
    { "Sum", 8, LATEST, .gradient = gradient_sum, .run = elementwise_fold, .joins = true, .data = OF(REALS(add)),
      .shape = shape_broadcast, .affine = { &sum, &sum }, .laws = ELEMENTWISE | BROADCASTS | IDENTITY_OF_ONE,
      .content = content_binary, .combine = combine_add, .exact = EXACT_WHOLE },
    { "Tan", 7, LATEST, .gradient = gradient_tan, .run = elementwise_unary, .joins = true,
      .data = OF(REALS(tan), .work = 10), .shape = shape_same, .laws = ELEMENTWISE,
      .schemas = SCHEMAS({ 7, LATEST, "Tf22h > T", "" }) },
    { 0 },
};
