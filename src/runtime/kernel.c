/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the kernel of a node, and the helpers every family needs. */
#include "runtime/kernel.h"
#include "runtime/run.h"

#include <stdio.h>
#include <string.h>

/* One line per family. */
static const struct kernel *const families[] = {
    elementwise_kernels, cast_kernels,       shape_kernels,  move_kernels,    gather_kernels,  reduce_kernels,
    softmax_kernels,     gemm_kernels,       einsum_kernels, conv_kernels,    pool_kernels,    norm_kernels,
    resize_kernels,      rnn_kernels,        quant_kernels,  integer_kernels, control_kernels, sequence_kernels,
    sort_kernels,        detect_kernels,     loss_kernels,   random_kernels,  signal_kernels,  attention_kernels,
    rotary_kernels,      recurrence_kernels, text_kernels,   sample_kernels,  col2im_kernels,  determinant_kernels,
    ml_kernels,
};

/* The rows of ai.onnx carry the bare operator; those of another domain "domain:operator". */
static bool row_is(const struct kernel *row, const struct node *node)
{
    if (node->domain[0] == '\0') return strcmp(row->op, node->op) == 0;
    size_t length = strlen(node->domain);
    return strncmp(row->op, node->domain, length) == 0 && row->op[length] == ':'
           && strcmp(row->op + length + 1, node->op) == 0;
}

const struct kernel *kernel_find(const struct node *node, struct arena *arena, const char **why)
{
    bool known = false;
    const char *domain = node->domain[0] ? node->domain : "ai.onnx";
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const struct kernel *row = families[f]; row->op; row++) {
            if (!row_is(row, node)) continue;
            known = true;
            if (node->opset >= row->first && node->opset <= (row->last == LATEST ? LATEST_OPSET : row->last))
                return row;
        }
    if (node->opset == 0) *why = arena_printf(arena, "the model imports no opset of %s", domain);
    else if (!known) *why = arena_printf(arena, "operator %s of %s is not known", node->op, domain);
    else
        *why = arena_printf(arena, "operator %s is not known at opset %lld of %s", node->op, (long long)node->opset,
                            domain);
    return NULL;
}

struct array *call_output(struct call *call, size_t slot, enum dtype type, int rank, const int64_t *dims)
{
    enum store store = dtype_kind(type) == KIND_REAL ? call->real : store_of(type, call->exact);
    struct array *array = array_new(call->pool, type, store, rank, dims);
    call_give(call, slot, array);
    return array;
}

void call_give(struct call *call, size_t slot, struct array *array)
{
    if (slot >= call->output_count) {
        array_drop(array);
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
