/* SPDX-License-Identifier: Apache-2.0
 *
 * Running an operation on arrays: which loop, over which dims. */
#include "runtime/ops/elementwise.h"
#include "runtime/element.h"
#include "runtime/run.h"

#include <string.h>

inner_loop_function elementwise_loop(const struct operation *operation, const struct array *array)
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

bool elementwise_no_type(struct call *call, const struct array *array)
{
    return call_fail(call, "is not defined for elements of type %s", dtype_name(array->type));
}

bool elementwise_present(struct call *call, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!call_input(call, i)) return call_fail(call, "input %zu is missing", i);
    return true;
}

/* Always true. Leaves through the recovery point when the budget has less. */
static bool meter(struct call *call, const struct operation *operation, const struct array *from, int rank,
                  const int64_t *dims)
{
    int64_t factors[ARRAY_MAX_RANK + 1] = { is_real(from) ? operation->work * WORK_ELEMENT : 0 };
    memcpy(factors + 1, dims, (size_t)rank * sizeof *dims);
    call_work(call, factors, (size_t)rank + 1);
    return true;
}

/* `is_last`: what comes of it is output 0, so that steps that follow may join. */
static bool apply(struct call *call, const struct operation *operation, size_t count, const struct array *const *from,
                  bool is_last, struct array **to)
{
    int rank;
    int64_t dims[ARRAY_MAX_RANK];
    double parameters[2];
    inner_loop_function function = elementwise_loop(operation, from[0]);
    *to = NULL;
    if (!function) return elementwise_no_type(call, from[0]);
    for (size_t i = 1; i < count; i++)
        if (from[i]->store != from[0]->store)
            return call_fail(call, "inputs of types %s and %s do not go together", dtype_name(from[0]->type),
                             dtype_name(from[i]->type));
    if (!broadcast_shape(call, count, from, &rank, dims)) return false;
    read_attributes(call, operation, parameters);
    if (call->joins)
        return !operation->is_test && from[0]->type == call->joins->to->type
               && broadcast_join(call, function, rank, dims, count, from, parameters)
               && meter(call, operation, from[0], rank, dims);
    meter(call, operation, from[0], rank, dims);
    enum dtype type = operation->is_test ? DTYPE_BOOL : from[0]->type;
    enum store store = operation->is_test ? STORE_I64 : from[0]->store;
    *to = array_new(call->pool, type, store, rank, dims);
    broadcast_run(call, function, *to, count, from, parameters, is_last ? run_epilogue(call, *to) : NULL);
    return true;
}

bool elementwise_apply(struct call *call, const struct operation *operation, size_t count,
                       const struct array *const *from, struct array **to)
{
    return apply(call, operation, count, from, false, to);
}

static bool give(struct call *call, const struct operation *operation, size_t count, const struct array *const *from)
{
    struct array *result;
    if (!apply(call, operation, count, from, true, &result)) return false;
    call_give(call, 0, result);
    return true;
}

bool elementwise_unary(struct call *call)
{
    return elementwise_present(call, 1)
           && give(call, call->row->data, 1, (const struct array *[]){ call_input(call, 0) });
}

bool elementwise_combine(struct call *call, const struct operation *operation, const struct array *a,
                         const struct array *b)
{
    struct array *result;
    if (!elementwise_apply(call, operation, 2, (const struct array *[]){ a, b }, &result)) return false;
    call_give(call, 0, result);
    return true;
}

bool elementwise_binary(struct call *call)
{
    return elementwise_present(call, 2)
           && give(call, call->row->data, 2, (const struct array *[]){ call_input(call, 0), call_input(call, 1) });
}

struct array *elementwise_aligned_at(struct array *array, int64_t axis, int rank)
{
    int64_t dims[ARRAY_MAX_RANK];
    if (axis < 0) axis += rank;
    if (axis < 0 || axis > rank - array->rank) return NULL;
    int ones = rank - (int)axis - array->rank;
    for (int i = 0; i < array->rank + ones; i++) dims[i] = i < array->rank ? array->dims[i] : 1;
    return array_reshaped(array, array->rank + ones, dims);
}

/* Before opset 7: without `broadcast` the dims are equal; with it, those of b are a part of a's, from `axis` on. */
bool elementwise_binary_aligned(struct call *call)
{
    if (!elementwise_present(call, 2)) return false;
    struct array *a = call_input(call, 0), *b = call_input(call, 1);
    bool equal = a->rank == b->rank && memcmp(a->dims, b->dims, sizeof *a->dims * (size_t)a->rank) == 0;
    if (!equal && node_int(call->node, "broadcast", 0) == 0)
        return call_fail(call, "the dims of its inputs differ and broadcast is not set");
    if (equal || !node_attribute(call->node, "axis")) return elementwise_combine(call, call->row->data, a, b);
    struct array *aligned = elementwise_aligned_at(b, node_int(call->node, "axis", 0), a->rank);
    if (!aligned)
        return call_fail(call, "input 1 does not fit input 0 at axis %lld", (long long)node_int(call->node, "axis", 0));
    bool good = elementwise_combine(call, call->row->data, a, aligned);
    array_drop(aligned);
    return good;
}

bool elementwise_fold(struct call *call)
{
    if (call->input_count == 0 || !elementwise_present(call, call->input_count))
        return call_fail(call, "an input is missing");
    if (call->input_count == 2)
        return elementwise_combine(call, call->row->data, call_input(call, 0), call_input(call, 1));
    if (call->joins) return false;
    struct array *sum = array_keep(call_input(call, 0));
    if (!elementwise_loop(call->row->data, sum)) {
        array_drop(sum);
        return elementwise_no_type(call, call_input(call, 0));
    }
    for (size_t i = 1; i < call->input_count; i++) {
        struct array *next;
        bool good =
            elementwise_apply(call, call->row->data, 2, (const struct array *[]){ sum, call_input(call, i) }, &next);
        array_drop(sum);
        if (!good) return false;
        sum = next;
    }
    call_give(call, 0, sum);
    return true;
}

static const struct operation *chosen(const struct call *call)
{
    const struct choice *choice = call->row->data;
    bool is_so = choice->text ? strcmp(node_text(call->node, choice->attribute, ""), choice->text) == 0
                              : node_int(call->node, choice->attribute, 0) != 0;
    return is_so ? &choice->chosen : &choice->otherwise;
}

bool elementwise_unary_choice(struct call *call)
{
    return elementwise_present(call, 1) && give(call, chosen(call), 1, (const struct array *[]){ call_input(call, 0) });
}

bool elementwise_binary_choice(struct call *call)
{
    return elementwise_present(call, 2)
           && elementwise_combine(call, chosen(call), call_input(call, 0), call_input(call, 1));
}
