/* SPDX-License-Identifier: Apache-2.0
 *
 * Dropout: nothing at inference; in training, zeros at random. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/ops/elementwise.h"
#include "runtime/ops/operators.h"
#include "runtime/ops/random.h"

/* In inference nothing is dropped: the mask is all ones. */
static bool dropout(struct call *call)
{
    if (!elementwise_present(call, 1)) return false;
    struct array *x = call_input(call, 0);
    if (x->store > STORE_F64) return elementwise_no_type(call, x);
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
    if (!elementwise_present(call, 1)) return false;
    const struct array *x = call_input(call, 0);
    if (!is_real(x)) return elementwise_no_type(call, x);
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
    const struct tensor *constant = value_constant(training);
    int64_t trains = 1;
    return !training
           || (constant && constant->count == 1 && tensor_read_whole(constant, 0, 1, &trains, NULL) && trains == 0);
}

static bool shape_dropout(struct shaping *s)
{
    return set_like(s, 0, input_type(s, 0), 0) && set_like(s, 1, rule_type(s), 0);
}

const struct operator_row dropout_operators[] = {
    { "Dropout", 1, 6, .gradient = gradient_dropout, .run = dropout_by_attribute, .shape = shape_dropout,
      .laws = IDENTITY_AT_INFERENCE, .infers = infers_by_attribute, .idle = true, .keeps_shape = true,
      .keeps_range = true, .random = true,
      .schemas = SCHEMAS({ 1, 5, "Tf > T ?T", "consumed_inputs:I is_test:i ratio:f" },
                         { 6, 6, "Tf > T ?T", "is_test:i ratio:f" }, { 7, 9, "Tf > T ?T", "ratio:f" },
                         { 10, 11, "Tf > T ?bool", "ratio:f" },
                         { 12, LATEST, "Tf13h22e ?.f22he[1] ?bool[1] > T ?bool", "seed:i" }) },
    { "Dropout", 7, 9, .gradient = gradient_dropout, .run = dropout, .shape = shape_dropout,
      .laws = IDENTITY_AT_INFERENCE, .idle = true, .keeps_shape = true, .keeps_range = true, .random = true },
    { "Dropout", 10, 11, .gradient = gradient_dropout, .run = dropout, .shape = shape_dropout,
      .laws = IDENTITY_AT_INFERENCE, .idle = true, .keeps_shape = true, .type = DTYPE_BOOL, .keeps_range = true,
      .random = true },
    { "Dropout", 12, LATEST, .gradient = gradient_dropout, .limits = { [1] = LIMIT_SHARE }, .run = dropout_by_input,
      .shape = shape_dropout, .laws = IDENTITY_AT_INFERENCE, .infers = infers_by_input, .idle = true,
      .keeps_shape = true, .type = DTYPE_BOOL, .keeps_range = true, .random = true },
    { 0 },
};
