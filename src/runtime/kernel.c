/* SPDX-License-Identifier: Apache-2.0
 *
 * The helpers every family needs. */
#include "runtime/kernel.h"
#include "runtime/element.h"
#include "runtime/run.h"

#include <stdio.h>
#include <string.h>

#define NODE_WORK 2000 /* of calling a kernel, whatever it does */

struct array *call_output(struct call *call, size_t slot, enum dtype type, int rank, const int64_t *dims)
{
    enum store store = dtype_kind(type) == KIND_REAL ? call->real : store_of(type, call->exact);
    struct array *array = array_new(call->pool, type, store, rank, dims);
    call_give(call, slot, array);
    return array;
}

struct array *call_output_like(struct call *call, size_t slot, const struct array *like, int rank, const int64_t *dims)
{
    struct array *array = array_new(call->pool, like->type, like->store, rank, dims);
    call_give(call, slot, array);
    return array;
}

static void drop_array(void *array)
{
    array_drop(array);
}

void call_give(struct call *call, size_t slot, struct array *array)
{
    if (slot >= call->output_count) { /* not listed by the node; whoever made it may still fill it */
        arena_defer(call->scratch, drop_array, array);
        return;
    }
    array_drop(call->outputs[slot]);
    call->outputs[slot] = array;
}

bool call_wants(const struct call *call, size_t slot)
{
    return slot < call->output_count && node_output(call->node, slot) != NULL;
}

struct array *call_input(const struct call *call, size_t slot)
{
    return slot < call->input_count ? call->inputs[slot] : NULL;
}

static bool call_error(struct call *call, enum bnfuse_status status, const char *format, va_list arguments)
{
    char text[sizeof call->error->message];
    vsnprintf(text, sizeof text, format, arguments);
    return fail(call->error, status, "%s: %s", node_label(call->node, call->scratch), text);
}

bool call_fail(struct call *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    call_error(call, BNFUSE_INVALID, format, arguments);
    va_end(arguments);
    return false;
}

bool call_unsupported(struct call *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    call_error(call, BNFUSE_UNSUPPORTED, format, arguments);
    va_end(arguments);
    return false;
}

bool call_axis(struct call *call, int64_t axis, int rank, int *normal)
{
    if (axis < -rank || axis >= rank)
        return call_fail(call, "axis %lld does not exist in %d dimensions", (long long)axis, rank);
    *normal = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

bool call_tensor(struct call *call, size_t slot, struct array **array)
{
    *array = call_input(call, slot);
    if (*array && (*array)->store != STORE_SEQUENCE) return true;
    return call_fail(call, "input %zu must be a tensor", slot);
}

bool call_list(struct call *call, size_t slot, const int64_t **values, int64_t *count)
{
    const struct array *array = call_input(call, slot);
    if (!array || array->store != STORE_I64) return call_fail(call, "input %zu must be a tensor of integers", slot);
    *values = array->i64;
    *count = array->count;
    return true;
}

bool broadcast_dims(int rank_a, const int64_t *a, int rank_b, const int64_t *b, int *rank, int64_t *dims)
{
    *rank = rank_a > rank_b ? rank_a : rank_b;
    for (int i = 0; i < *rank; i++) {
        int at_a = i - (*rank - rank_a), at_b = i - (*rank - rank_b);
        int64_t size_a = at_a < 0 ? 1 : a[at_a], size_b = at_b < 0 ? 1 : b[at_b];
        if (size_a != size_b && size_a != 1 && size_b != 1) return false;
        dims[i] = size_a == 1 ? size_b : size_a;
    }
    return true;
}

int64_t dims_product(const int64_t *dims, int from, int to)
{
    int64_t product = 1;
    for (int i = from; i < to; i++)
        if (dims[i] == 0) return 0;
    for (int i = from; i < to; i++) product *= dims[i];
    return product;
}

void call_work(const struct call *call, const int64_t *factors, size_t count)
{
    int64_t product = 1;
    for (size_t i = 0; i < count; i++)
        if (!size_multiply(product, factors[i], &product)) product = INT64_MAX;
    memory_work(call->pool->memory, product, 1);
}

/* Of text, every byte counts; one by one, since the same long text may stand in many places. */
static void meter_array(struct memory *memory, const struct array *array)
{
    memory_work(memory, array->count, WORK_ELEMENT);
    for (int64_t i = 0; array->store == STORE_TEXT && i < array->count; i++)
        memory_work(memory, (int64_t)strlen(array->text[i]), WORK_ELEMENT);
}

void call_meter(const struct call *call, struct array *const *arrays, size_t count)
{
    memory_work(call->pool->memory, NODE_WORK, 1);
    for (size_t i = 0; i < count; i++)
        if (arrays[i] && arrays[i]->store != STORE_SEQUENCE) meter_array(call->pool->memory, arrays[i]);
}

enum store call_real_store(const struct call *call)
{
    if (call->exact || node_int(call->node, "to", 0) == DTYPE_DOUBLE) return STORE_F64;
    if (node_int(call->node, "dtype", 0) == DTYPE_DOUBLE) return STORE_F64;
    for (size_t i = 0; i < call->input_count; i++)
        if (call->inputs[i] && is_real(call->inputs[i]) && call->inputs[i]->store == STORE_F64) return STORE_F64;
    return STORE_F32;
}
