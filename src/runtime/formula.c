/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps of formulas. A step is called as the runner calls a node: on a node of its own that lives in the step's
 * scratch, is named as the call's node is, and whose outputs are all wanted. */
#include "runtime/formula.h"

#include "runtime/element.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STEP_OUTPUTS 4

void formula_open(struct formula *f, struct call *call)
{
    *f = (struct formula){
        .call = call, .tape = call->tape, .opset = LATEST_OPSET, .scratch = arena_scratch(call->scratch)
    };
}

bool formula_close(struct formula *f)
{
    for (size_t i = 0; i < f->count; i++) array_drop(f->made[i]);
    f->count = 0;
    return !f->failed;
}

struct array *formula_hold(struct formula *f, struct array *array)
{
    if (f->count == f->room) {
        f->room = f->room ? 2 * f->room : 16;
        f->made = arena_grow(f->call->scratch, f->made, f->count, f->room, sizeof *f->made);
    }
    return f->made[f->count++] = array;
}

void formula_give(struct formula *f, size_t slot, struct array *array)
{
    if (!f->failed && array && call_wants(f->call, slot)) call_give(f->call, slot, array_keep(array));
}

struct array *formula_fail(struct formula *f, const char *format, ...)
{
    char text[sizeof f->call->error->message];
    va_list arguments;
    if (f->failed) return NULL;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    f->failed = true;
    call_fail(f->call, "%s", text);
    return NULL;
}

bool formula_refuse(struct formula *f, const char *what)
{
    if (f->failed) return false;
    f->failed = true;
    return call_unsupported(f->call, "%s is not supported", what);
}

/* ---- steps ---- */

static BnfuseOnnx__AttributeProto *new_attribute(struct arena *arena, const struct setting *setting)
{
    static const BnfuseOnnx__AttributeProto__AttributeType types[] = {
        [SETTING_INT] = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
        [SETTING_FLOAT] = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT,
        [SETTING_TEXT] = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING,
        [SETTING_INTS] = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
    };
    BnfuseOnnx__AttributeProto *a = NEW(arena, BnfuseOnnx__AttributeProto);
    bnfuse_onnx__attribute_proto__init(a);
    a->name = (char *)setting->name;
    a->type = types[setting->kind];
    a->has_i = setting->kind == SETTING_INT;
    a->i = setting->whole;
    a->has_f = setting->kind == SETTING_FLOAT;
    a->f = setting->real;
    a->has_s = setting->kind == SETTING_TEXT;
    if (setting->text) a->s = (ProtobufCBinaryData){ strlen(setting->text), (uint8_t *)setting->text };
    a->ints = NEW_ARRAY(arena, int64_t, setting->count); /* what the caller has may be gone before the node */
    a->n_ints = setting->count;
    if (setting->count > 0) memcpy(a->ints, setting->list, setting->count * sizeof *a->ints);
    return a;
}

static const BnfuseOnnx__NodeProto *new_proto(struct arena *arena, const BnfuseOnnx__NodeProto *outer,
                                              const struct setting *settings)
{
    BnfuseOnnx__NodeProto *proto = NEW(arena, BnfuseOnnx__NodeProto);
    size_t count = 0;
    *proto = *outer;
    while (settings && settings[count].name) count++;
    proto->attribute = NEW_ARRAY(arena, BnfuseOnnx__AttributeProto *, count);
    proto->n_attribute = count;
    for (size_t i = 0; i < count; i++) proto->attribute[i] = new_attribute(arena, &settings[i]);
    return proto;
}

/* The node of a step; it has the outer node's attributes where `own`. */
static struct node *new_node(struct formula *f, const struct operator_row *row, const char *op,
                             const struct setting *settings, bool own, size_t wanted)
{
    const struct node *outer = f->call->node;
    struct arena *arena = f->tape ? f->tape->arena : f->scratch;
    struct node *node = NEW(arena, struct node);
    struct value *output = NEW(arena, struct value);
    output->name = "";
    *node = (struct node){ .graph = outer->graph, .op = op, .domain = "", .opset = f->opset };
    node->proto = own ? outer->proto : new_proto(arena, outer->proto, settings);
    node->row = row;
    node->output_count = (uint32_t)wanted;
    node->outputs = NEW_ARRAY(arena, struct value *, wanted);
    for (size_t i = 0; i < wanted; i++) node->outputs[i] = output;
    return node;
}

static bool run_step(struct formula *f, const struct node *node, struct array *const *inputs, size_t count,
                     struct array **outputs)
{
    struct call step = *f->call;
    step.tape = NULL;
    step.node = node;
    step.row = node->row;
    step.input_count = count;
    step.output_count = node->output_count;
    step.inputs = NEW_ARRAY(f->scratch, struct array *, count);
    step.outputs = NEW_ARRAY(f->scratch, struct array *, node->output_count);
    step.scratch = f->scratch;
    memcpy(step.inputs, inputs, count * sizeof *inputs);
    step.real = call_real_store(&step);
    for (size_t i = 0; i < count; i++)
        if (inputs[i] && is_real(inputs[i]) && inputs[i]->store != step.real)
            step.inputs[i] = formula_hold(f, array_stored(inputs[i], step.real));
    call_meter(&step, step.inputs, count);
    bool good = node->row->run(&step);
    for (size_t i = 0; i < node->output_count; i++)
        if (step.outputs[i]) outputs[i] = formula_hold(f, array_settled(step.outputs[i], step.exact));
    return good;
}

/* An output that is an input under its own name is told apart from it. */
static void note_step(struct formula *f, const struct node *node, struct array *const *inputs, size_t count,
                      struct array **outputs)
{
    for (size_t i = 0; i < node->output_count; i++)
        for (size_t k = 0; k < count; k++)
            if (outputs[i] && outputs[i] == inputs[k] && is_tensor(outputs[i]))
                outputs[i] = formula_hold(f, array_reshaped(outputs[i], outputs[i]->rank, outputs[i]->dims));
    tape_note(f->tape, node, inputs, count, outputs);
}

static bool take_step(struct formula *f, const struct node *node, struct array *const *inputs, size_t count,
                      struct array **outputs)
{
    size_t wanted = node->output_count;
    for (size_t i = 0; i < wanted; i++) outputs[i] = NULL;
    if (!node->row || !node->row->run) formula_fail(f, "is made of %s, which does not run", node->op);
    else f->failed = !run_step(f, node, inputs, count, outputs);
    for (size_t i = 0; f->failed && i < wanted; i++) outputs[i] = NULL;
    if (f->tape && !f->failed) note_step(f, node, inputs, count, outputs);
    arena_clear(f->scratch);
    return !f->failed;
}

static bool take_new_step(struct formula *f, const char *op, const struct setting *settings, bool own,
                          struct array *const *inputs, size_t count, struct array **outputs, size_t wanted)
{
    const struct operator_row *row = operator_find(f->call->node->graph->net->operators, "", op, f->opset);
    for (size_t i = 0; i < wanted; i++) outputs[i] = NULL;
    return !f->failed && take_step(f, new_node(f, row, op, settings, own, wanted), inputs, count, outputs);
}

/* Of two operands, by its symbol. */
static struct array *between(struct formula *f, char symbol, struct array *a, struct array *b)
{
    const struct operator_row *row = operator_of_symbol(f->call->node->graph->net->operators, symbol, f->opset);
    struct array *output = NULL;
    if (!f->failed) take_step(f, new_node(f, row, row->name, NULL, false, 1), (struct array *[]){ a, b }, 2, &output);
    return output;
}

bool formula_repeat(struct formula *f, struct array *const *inputs, size_t count, struct array **outputs)
{
    return !f->failed && take_step(f, f->call->node, inputs, count, outputs);
}

bool formula_ops(struct formula *f, const char *op, const struct setting *settings, struct array *const *inputs,
                 size_t count, struct array **outputs, size_t wanted)
{
    return take_new_step(f, op, settings, false, inputs, count, outputs, wanted);
}

bool formula_owns(struct formula *f, const char *op, struct array *const *inputs, size_t count, struct array **outputs,
                  size_t wanted)
{
    return take_new_step(f, op, NULL, true, inputs, count, outputs, wanted);
}

struct array *formula_op(struct formula *f, const char *op, const struct setting *settings, struct array *const *inputs,
                         size_t count)
{
    struct array *output;
    take_new_step(f, op, settings, false, inputs, count, &output, 1);
    return output;
}

struct array *formula_own(struct formula *f, const char *op, struct array *const *inputs, size_t count)
{
    struct array *output;
    take_new_step(f, op, NULL, true, inputs, count, &output, 1);
    return output;
}

/* ---- constants ---- */

struct array *formula_number(struct formula *f, enum dtype type, double value)
{
    struct array *array = array_new(f->call->pool, type, store_of(type, f->call->exact), 0, NULL);
    element_put(array, 0, value);
    return formula_hold(f, array_settled(array, f->call->exact));
}

/* Whole numbers as a constant vector. */
static struct array *formula_vector(struct formula *f, int64_t count, const int64_t *values)
{
    struct array *array = array_new(f->call->pool, DTYPE_INT64, STORE_I64, 1, &count);
    if (count > 0) memcpy(array->i64, values, (size_t)count * sizeof *values);
    return formula_hold(f, array);
}

/* ---- common steps ---- */

struct array *formula_add(struct formula *f, struct array *a, struct array *b)
{
    return between(f, '+', a, b);
}

struct array *formula_sub(struct formula *f, struct array *a, struct array *b)
{
    return between(f, '-', a, b);
}

struct array *formula_mul(struct formula *f, struct array *a, struct array *b)
{
    return between(f, '*', a, b);
}

struct array *formula_div(struct formula *f, struct array *a, struct array *b)
{
    return between(f, '/', a, b);
}

struct array *formula_scaled(struct formula *f, struct array *a, double factor)
{
    return a ? formula_mul(f, a, formula_number(f, a->type, factor)) : NULL;
}

struct array *formula_shifted(struct formula *f, struct array *a, double term)
{
    return a ? formula_add(f, a, formula_number(f, a->type, term)) : NULL;
}

struct array *formula_matmul(struct formula *f, struct array *a, struct array *b)
{
    return between(f, '@', a, b);
}

struct array *formula_cast(struct formula *f, struct array *a, enum dtype type)
{
    return formula_op(f, "Cast", SETTINGS(SET_INT("to", type)), FROM(a));
}

struct array *formula_transposed(struct formula *f, struct array *a, const int64_t *order)
{
    return a ? formula_op(f, "Transpose", SETTINGS(SET_INTS("perm", order, a->rank)), FROM(a)) : NULL;
}

struct array *formula_turned(struct formula *f, struct array *a)
{
    int64_t order[ARRAY_MAX_RANK];
    if (!a || a->rank < 2) return a;
    for (int i = 0; i < a->rank; i++) order[i] = i;
    order[a->rank - 2] = a->rank - 1;
    order[a->rank - 1] = a->rank - 2;
    return formula_transposed(f, a, order);
}

struct array *formula_reshaped(struct formula *f, struct array *a, int rank, const int64_t *dims)
{
    return formula_op(f, "Reshape", SETTINGS(SET_INT("allowzero", 1)), FROM(a, formula_vector(f, rank, dims)));
}

static struct array *reduced(struct formula *f, const char *op, struct array *a, const int64_t *axes, int64_t count,
                             bool keep)
{
    return formula_op(f, op, SETTINGS(SET_INT("keepdims", keep), SET_INT("noop_with_empty_axes", 1)),
                      FROM(a, formula_vector(f, count, axes)));
}

struct array *formula_sum(struct formula *f, struct array *a, const int64_t *axes, int64_t count, bool keep)
{
    return reduced(f, "ReduceSum", a, axes, count, keep);
}

struct array *formula_mean(struct formula *f, struct array *a, const int64_t *axes, int64_t count, bool keep)
{
    return reduced(f, "ReduceMean", a, axes, count, keep);
}

struct array *formula_expanded(struct formula *f, struct array *a, int rank, const int64_t *dims)
{
    return formula_op(f, "Expand", NULL, FROM(a, formula_vector(f, rank, dims)));
}

struct array *formula_slice(struct formula *f, struct array *a, int axis, int64_t first, int64_t end)
{
    return formula_op(
        f, "Slice", NULL,
        FROM(a, formula_vector(f, 1, &first), formula_vector(f, 1, &end), formula_vector(f, 1, &(int64_t){ axis })));
}

struct array *formula_concat(struct formula *f, struct array *const *parts, size_t count, int axis)
{
    return formula_op(f, "Concat", SETTINGS(SET_INT("axis", axis)), parts, count);
}

struct array *formula_equal(struct formula *f, struct array *a, struct array *b)
{
    return a && b ? formula_cast(f, between(f, '=', a, b), b->type) : NULL;
}

struct array *formula_absolute(struct formula *f, struct array *a)
{
    return formula_op(f, "Abs", NULL, FROM(a));
}

struct array *formula_power(struct formula *f, struct array *a, double exponent)
{
    return a ? formula_op(f, "Pow", NULL, FROM(a, formula_number(f, a->type, exponent))) : NULL;
}

struct array *formula_root(struct formula *f, struct array *a)
{
    return formula_op(f, "Sqrt", NULL, FROM(a));
}

struct array *formula_softmax(struct formula *f, struct array *a)
{
    return formula_op(f, "Softmax", NULL, FROM(a));
}

struct array *formula_swish(struct formula *f, struct array *a, double slope)
{
    return formula_op(f, "Swish", SETTINGS(SET_FLOAT("alpha", (float)slope)), FROM(a));
}

struct array *formula_clipped(struct formula *f, struct array *a, double low, double high)
{
    if (!a) return NULL;
    struct array *least = isinf(low) ? NULL : formula_number(f, a->type, low);
    struct array *most = isinf(high) ? NULL : formula_number(f, a->type, high);
    return formula_op(f, "Clip", NULL, FROM(a, least, most));
}

struct array *formula_where(struct formula *f, struct array *condition, struct array *a, struct array *b)
{
    return formula_op(f, "Where", NULL, FROM(condition, a, b));
}

struct array *formula_gather(struct formula *f, struct array *table, struct array *indices, int axis)
{
    return formula_op(f, "Gather", SETTINGS(SET_INT("axis", axis)), FROM(table, indices));
}

struct array *formula_scattered(struct formula *f, struct array *into, struct array *at, struct array *from,
                                int64_t axis)
{
    return formula_op(f, "ScatterElements", SETTINGS(SET_INT("axis", axis)), FROM(into, at, from));
}

struct array *formula_inverse_root(struct formula *f, struct array *a, double term)
{
    struct array *root = formula_root(f, formula_shifted(f, a, term));
    return formula_op(f, "Reciprocal", NULL, FROM(root));
}

struct array *formula_dequantized(struct formula *f, struct array *q, struct array *scale, struct array *zero)
{
    return formula_dequantized_along(f, q, scale, zero, 1);
}

struct array *formula_dequantized_along(struct formula *f, struct array *q, struct array *scale, struct array *zero,
                                        int64_t axis)
{
    return formula_op(f, "DequantizeLinear", SETTINGS(SET_INT("axis", axis)), FROM(q, scale, zero));
}

bool formula_quantized_by_range(struct formula *f, struct array *a, struct array **q)
{
    return formula_ops(f, "DynamicQuantizeLinear", NULL, FROM(a), q, 3);
}

bool formula_renamed(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    formula_give(&f, 0, formula_own(&f, call->node->op, call->inputs, call->input_count));
    return formula_close(&f);
}

const char *formula_base(const struct formula *f, const char *prefix)
{
    const char *name = f->call->node->op;
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 ? name + length : name;
}

struct array *formula_with_bias(struct formula *f)
{
    struct array *x = call_input(f->call, 0), *bias = call_input(f->call, 1);
    if (!x) return formula_fail(f, "input 0 is missing");
    return bias ? formula_add(f, x, bias) : x;
}

struct array *formula_quantized(struct formula *f, struct array *y, size_t slot, enum dtype absent)
{
    struct array *zero = call_input(f->call, slot + 1);
    if (!call_input(f->call, slot)) return formula_fail(f, "needs input %zu", slot);
    if (!zero) zero = formula_number(f, absent, 0);
    return formula_op(f, "QuantizeLinear", NULL, FROM(y, call_input(f->call, slot), zero));
}

struct array *formula_channels_first(struct formula *f, struct array *x)
{
    int64_t order[ARRAY_MAX_RANK];
    if (!x || x->rank < 2) return x;
    for (int i = 2; i < x->rank; i++) order[i] = i - 1;
    order[0] = 0;
    order[1] = x->rank - 1;
    return formula_transposed(f, x, order);
}

struct array *formula_channels_last(struct formula *f, struct array *x)
{
    int64_t order[ARRAY_MAX_RANK];
    if (!x || x->rank < 2) return x;
    for (int i = 1; i < x->rank; i++) order[i] = i + 1;
    order[0] = 0;
    order[x->rank - 1] = 1;
    return formula_transposed(f, x, order);
}
