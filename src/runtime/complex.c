/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernels where elements are complex. */
#include "runtime/complex.h"

#include "runtime/element.h"

#include <string.h>

static const struct array *first_complex(const struct call *call)
{
    for (size_t i = 0; i < call->input_count; i++)
        if (call->inputs[i] && dtype_kind(call->inputs[i]->type) == KIND_COMPLEX) return call->inputs[i];
    return NULL;
}

/* The real parts (0) of an array's elements, or the imaginary ones (1). */
static struct array *take_part(struct array_pool *pool, const struct array *x, int part)
{
    const struct array parts = element_parts(x);
    struct array *taken = array_new(pool, parts.type, parts.store, x->rank, x->dims);
    for (int64_t i = 0; i < x->count; i++)
        if (parts.store == STORE_F32) taken->f32[i] = parts.f32[2 * i + part];
        else taken->f64[i] = parts.f64[2 * i + part];
    return taken;
}

static struct array *join_parts(struct call *call, enum dtype type, const struct array *const *parts)
{
    struct array *whole = array_new(call->pool, type, store_of(type, call->exact), parts[0]->rank, parts[0]->dims);
    struct array to = element_parts(whole);
    for (int64_t i = 0; i < to.count; i++)
        if (to.store == STORE_F32 && parts[i & 1]->store == STORE_F32) to.f32[i] = parts[i & 1]->f32[i / 2];
        else element_put(&to, i, element_real(parts[i & 1], i / 2));
    return whole;
}

/* Runs the kernel on one part of the complex inputs; its first output is the same part of the result. */
static bool run_part(struct call *call, enum store store, int part, struct array **result)
{
    struct array **given = call->inputs;
    struct call half = *call;
    half.real = store;
    half.inputs = NEW_ARRAY(call->scratch, struct array *, call->input_count);
    half.outputs = NEW_ARRAY(call->scratch, struct array *, call->output_count);
    for (size_t i = 0; i < call->input_count; i++)
        half.inputs[i] = !given[i]              ? NULL
                         : is_complex(given[i]) ? take_part(call->pool, given[i], part)
                         : is_real(given[i])    ? array_stored(given[i], store)
                                                : array_keep(given[i]);
    bool good = call->row->run(&half);
    for (size_t i = 0; i < call->input_count; i++) array_drop(half.inputs[i]);
    for (size_t i = 1; i < call->output_count; i++) array_drop(half.outputs[i]);
    *result = half.outputs[0];
    return good;
}

static bool run_by_parts(struct call *call, enum dtype type)
{
    struct array *parts[2] = { NULL, NULL };
    enum store store = store_of(dtype_part(type), call->exact);
    bool good = run_part(call, store, 0, &parts[0]) && run_part(call, store, 1, &parts[1]);
    if (good && parts[0] && parts[1]) call_give(call, 0, join_parts(call, type, (const struct array *const *)parts));
    array_drop(parts[0]);
    array_drop(parts[1]);
    return good;
}

bool complex_run(struct call *call)
{
    const struct array *given = first_complex(call);
    if (!given || call->row->complex == MOVES_COMPLEX) return call->row->run(call);
    if (call->row->complex == COMPLEX_BY_PARTS) return run_by_parts(call, given->type);
    return call_fail(call, "is not defined for elements of type %s", dtype_name(given->type));
}
