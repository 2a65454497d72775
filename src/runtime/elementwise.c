/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that work element by element. */
#include "runtime/kernel.h"

static bool relu(struct call *call)
{
    const struct array *x = call_input(call, 0);
    if (!x || x->store != call->real) return call_fail(call, "input 0 must be a real tensor");
    struct array *y = call_output(call, 0, x->type, x->rank, x->dims);
    for (int64_t i = 0; i < x->count; i++)
        if (x->store == STORE_F32) y->f32[i] = x->f32[i] < 0 ? 0 : x->f32[i];
        else y->f64[i] = x->f64[i] < 0 ? 0 : x->f64[i];
    return true;
}

const struct kernel elementwise_kernels[] = {
    { "Relu", 6, LATEST, relu, NULL },
    { 0 },
};
