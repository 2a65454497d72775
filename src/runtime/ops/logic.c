/* SPDX-License-Identifier: Apache-2.0
 *
 * Comparisons, logic, bits, and Where. */
#include "onnx/shape/content.h"
#include "onnx/shape/rules.h"
#include "runtime/gradient.h"
#include "runtime/math/elementwise.h"
#include "runtime/ops/elementwise.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

REAL_TEST(is_nan, x != x)
REAL_TEST(is_infinite, isinf(x) && p[x < 0] != 0)
REAL_COMPARE(equal, x == y)
REAL_COMPARE(less, x < y)
REAL_COMPARE(less_or_equal, x <= y)
REAL_COMPARE(greater, x > y)
REAL_COMPARE(greater_or_equal, x >= y)

WHOLE_UNARY(logical_not, x == 0)
WHOLE_UNARY(bitwise_not, ~x)
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
UNSIGNED_BINARY(less, x < y)
UNSIGNED_BINARY(less_or_equal, x <= y)
UNSIGNED_BINARY(greater, x > y)
UNSIGNED_BINARY(greater_or_equal, x >= y)

struct string {
    const char *bytes;
};

BINARY_STRIP(equal_text, struct string, int64_t, strcmp(x.bytes, y.bytes) == 0)

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
    if (!elementwise_present(call, 3)) return false;
    const struct array *from[] = { call_input(call, 0), call_input(call, 1), call_input(call, 2) };
    int rank;
    int64_t dims[ARRAY_MAX_RANK];
    if (from[0]->store != STORE_I64) return call_fail(call, "the condition must be of type bool");
    if (from[1]->store != from[2]->store || from[1]->store == STORE_SEQUENCE)
        return call_fail(call, "the types of inputs 1 and 2 differ");
    if (!broadcast_shape(call, 3, from, &rank, dims)) return false;
    struct array *result = array_new(call->pool, from[1]->type, from[1]->store, rank, dims);
    broadcast_run(call, store_size(from[1]->store) == 4 ? where_4 : where_8, result, 3, from, NULL, NULL);
    call_give(call, 0, result);
    return true;
}

/* ---- elements of shapes ---- */

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
        int a = small_broadcast(&yes, &output, index), b = small_broadcast(&no, &output, index);
        bool certain = symbol_is_number(s->symbols, small_broadcast(&condition, &output, index), &truth_value);
        symbols[i] = certain ? (truth_value ? a : b) : a == b ? a : 0;
    }
    if (known) set_content(s, 0, symbols);
}

const struct operator_row logic_operators[] = {
    { "And", 1, 6, .run = elementwise_binary_aligned, .data = OF(WHOLES(logical_and)),
      .shape = shape_broadcast_by_attribute, .neutral = NEUTRAL(NAN, 1, SLOT(0) | SLOT(1)), .type = DTYPE_BOOL,
      .content = content_binary, .combine = combine_both, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 6, "bool bool > bool", "axis:i broadcast:i" }, { 7, LATEST, "bool bool > bool", "" }),
      .exact = EXACT },
    { "And", 7, LATEST, .run = elementwise_binary, .data = OF(WHOLES(logical_and)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(NAN, 1, SLOT(0) | SLOT(1)), .type = DTYPE_BOOL,
      .content = content_binary, .combine = combine_both, .arithmetic = true, .exact = EXACT },
    { "BitShift", 11, LATEST, .run = elementwise_binary_choice,
      .data = EITHER("direction", "LEFT", { WHOLES(shift_right) }, { WHOLES(shift_left) }), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(NAN, 0, SLOT(1)),
      .schemas = SCHEMAS({ 11, LATEST, "Twv T > T", "direction!s=LEFT|RIGHT" }), .exact = EXACT },
    { "BitwiseAnd", 18, LATEST, .run = elementwise_binary, .data = OF(WHOLES(bitwise_and)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .schemas = SCHEMAS({ 18, LATEST, "Tiwzv T > T", "" }), .exact = EXACT },
    { "BitwiseNot", 18, LATEST, .run = elementwise_unary, .data = OF(WHOLES(bitwise_not)), .shape = shape_same,
      .laws = ELEMENTWISE | INVOLUTION, .schemas = SCHEMAS({ 18, LATEST, "Tiwzv > T", "" }), .exact = EXACT },
    { "BitwiseOr", 18, LATEST, .run = elementwise_binary, .data = OF(WHOLES(bitwise_or)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(NAN, 0, SLOT(0) | SLOT(1)),
      .schemas = SCHEMAS({ 18, LATEST, "Tiwzv T > T", "" }), .exact = EXACT },
    { "BitwiseXor", 18, LATEST, .run = elementwise_binary, .data = OF(WHOLES(bitwise_xor)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(NAN, 0, SLOT(0) | SLOT(1)),
      .schemas = SCHEMAS({ 18, LATEST, "Tiwzv T > T", "" }), .exact = EXACT },
    { "Equal", 1, 6, .symbol = '=', .gradient = gradient_flat, .run = elementwise_binary_aligned,
      .data = OF(BOTH(equal), .is_test = true), .shape = shape_broadcast_by_attribute, .type = DTYPE_BOOL,
      .hides = true, .content = content_binary, .combine = combine_equal, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 6, "Tib T > bool", "axis:i broadcast:i" }, { 7, LATEST, "Tib11fwzv13h19s T > bool", "" }),
      .exact = EXACT },
    { "Equal", 7, LATEST, .symbol = '=', .gradient = gradient_flat, .run = elementwise_binary,
      .data = OF(BOTH(equal), .text = equal_text, .is_test = true), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .type = DTYPE_BOOL, .hides = true, .content = content_binary,
      .combine = combine_equal, .arithmetic = true, .exact = EXACT },
    { "Greater", 1, 6, .gradient = gradient_flat, .run = elementwise_binary_aligned,
      .data = OF(ALL(greater), .is_test = true), .shape = shape_broadcast_by_attribute, .type = DTYPE_BOOL,
      .hides = true, .content = content_binary, .combine = combine_greater, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 6, "Tf T > bool", "axis:i broadcast:i" }, { 7, LATEST, "Tf9iwzv13h T > bool", "" }),
      .exact = EXACT },
    { "Greater", 7, LATEST, .gradient = gradient_flat, .run = elementwise_binary,
      .data = OF(ALL(greater), .is_test = true), .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS,
      .hides = true, .type = DTYPE_BOOL, .content = content_binary, .combine = combine_greater, .arithmetic = true,
      .exact = EXACT },
    { "GreaterOrEqual", 12, LATEST, .gradient = gradient_flat, .run = elementwise_binary,
      .data = OF(ALL(greater_or_equal), .is_test = true), .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS,
      .type = DTYPE_BOOL, .hides = true, .content = content_binary, .combine = combine_greater_or_equal,
      .arithmetic = true, .schemas = SCHEMAS({ 12, LATEST, "Tn16h T > bool", "" }), .exact = EXACT },
    { "IsInf", 10, LATEST, .gradient = gradient_flat, .run = elementwise_unary,
      .data =
          OF(REALS(is_infinite), .is_test = true, .attributes = { { "detect_positive", 1 }, { "detect_negative", 1 } }),
      .shape = shape_same, .laws = ELEMENTWISE, .type = DTYPE_BOOL,
      .schemas = SCHEMAS({ 10, LATEST, ".rg20the > bool", "detect_negative:i detect_positive:i" }), .exact = EXACT },
    { "IsNaN", 9, LATEST, .gradient = gradient_flat, .run = elementwise_unary,
      .data = OF(REALS(is_nan), .is_test = true), .shape = shape_same, .laws = ELEMENTWISE, .type = DTYPE_BOOL,
      .schemas = SCHEMAS({ 9, LATEST, ".f13h20e > bool", "" }), .exact = EXACT },
    { "Less", 1, 6, .gradient = gradient_flat, .run = elementwise_binary_aligned,
      .data = OF(ALL(less), .is_test = true), .shape = shape_broadcast_by_attribute, .type = DTYPE_BOOL, .hides = true,
      .content = content_binary, .combine = combine_less, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 6, "Tf T > bool", "axis:i broadcast:i" }, { 7, LATEST, "Tf9iwzv13h T > bool", "" }),
      .exact = EXACT },
    { "Less", 7, LATEST, .gradient = gradient_flat, .run = elementwise_binary, .data = OF(ALL(less), .is_test = true),
      .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS, .hides = true, .type = DTYPE_BOOL,
      .content = content_binary, .combine = combine_less, .arithmetic = true, .exact = EXACT },
    { "LessOrEqual", 12, LATEST, .gradient = gradient_flat, .run = elementwise_binary,
      .data = OF(ALL(less_or_equal), .is_test = true), .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS,
      .type = DTYPE_BOOL, .hides = true, .content = content_binary, .combine = combine_less_or_equal,
      .arithmetic = true, .schemas = SCHEMAS({ 12, LATEST, "Tn16h T > bool", "" }), .exact = EXACT },
    { "Not", 1, LATEST, .run = elementwise_unary, .data = OF(WHOLES(logical_not)), .shape = shape_same,
      .laws = ELEMENTWISE | INVOLUTION, .type = DTYPE_BOOL, .content = content_unary, .combine = combine_invert,
      .arithmetic = true, .schemas = SCHEMAS({ 1, LATEST, "bool > bool", "" }), .exact = EXACT },
    { "Or", 1, 6, .run = elementwise_binary_aligned, .data = OF(WHOLES(logical_or)),
      .shape = shape_broadcast_by_attribute, .neutral = NEUTRAL(NAN, 0, SLOT(0) | SLOT(1)), .type = DTYPE_BOOL,
      .content = content_binary, .combine = combine_either, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 6, "bool bool > bool", "axis:i broadcast:i" }, { 7, LATEST, "bool bool > bool", "" }),
      .exact = EXACT },
    { "Or", 7, LATEST, .run = elementwise_binary, .data = OF(WHOLES(logical_or)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(NAN, 0, SLOT(0) | SLOT(1)), .type = DTYPE_BOOL,
      .content = content_binary, .combine = combine_either, .arithmetic = true, .exact = EXACT },
    { "Where", 9, LATEST, .gradient = gradient_moved, .run = where, .complex = COMPLEX_BY_PARTS,
      .shape = shape_broadcast, .laws = ELEMENTWISE | BROADCASTS, .type_from = 1, .content = content_where,
      .arithmetic = true, .schemas = SCHEMAS({ 9, LATEST, "bool Ta16h T > T", "" }), .exact = EXACT },
    { "Xor", 1, 6, .run = elementwise_binary_aligned, .data = OF(WHOLES(logical_xor)),
      .shape = shape_broadcast_by_attribute, .neutral = NEUTRAL(NAN, 0, SLOT(0) | SLOT(1)), .type = DTYPE_BOOL,
      .schemas = SCHEMAS({ 1, 6, "bool bool > bool", "axis:i broadcast:i" }, { 7, LATEST, "bool bool > bool", "" }),
      .exact = EXACT },
    { "Xor", 7, LATEST, .run = elementwise_binary, .data = OF(WHOLES(logical_xor)), .shape = shape_broadcast,
      .laws = ELEMENTWISE | BROADCASTS, .neutral = NEUTRAL(NAN, 0, SLOT(0) | SLOT(1)), .type = DTYPE_BOOL,
      .exact = EXACT },
    { 0 },
};
