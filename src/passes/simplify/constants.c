/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be known before anything runs is stored: results of constants, and sizes.
 *
 * Results are computed by the runtime in the model's own types, and only where every machine computes the same bits:
 * elements that are moved, whole numbers, and operations that IEEE 754 fixes to the bit (struct operator_row, exact). An
 * Exp is not among them: another runtime may round its last bit the other way. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "passes/simplify/engine.h"
#include "runtime/run.h"

#include <math.h>
#include <string.h>

enum { OUTPUT_LIMIT = 16, TENSOR_OVERHEAD = 16 };

/* ---- what storing costs ---- */

static int64_t stored_size(const struct value *value, int rank, int64_t bytes)
{
    return bytes + (int64_t)strlen(value->name) + 2 * rank + TENSOR_OVERHEAD;
}

/* Bytes of the file that go when the node does: its own, and those of constants that nobody else reads. */
static int64_t freed_by(const struct node *node)
{
    int64_t freed = (int64_t)bnfuse_onnx__node_proto__get_packed_size(node->proto), bytes;
    for (size_t i = 0; i < node->input_count; i++) {
        struct value *value = node->inputs[i].value;
        const struct tensor *tensor = value && is_read_once(value) ? value->initializer : NULL;
        if (value && is_read_once(value) && value->writer && node_is_literal(value->writer))
            tensor = value_constant(value);
        if (tensor && dtype_bytes(tensor->type, tensor->count, &bytes))
            freed += stored_size(value, tensor->rank, bytes);
    }
    return freed;
}

/* Tensors of external files stay where they are. */
static bool is_external(const struct value *value)
{
    return value->proto && value->proto->has_data_location
           && value->proto->data_location == BNFUSE_ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

/* ---- computing ---- */

static bool is_exact_input(const struct node *node, struct value *value, bool whole_only)
{
    const struct tensor *tensor = value_constant(value);
    if (!tensor || is_external(value) || value->graph != node->graph) return false;
    enum kind kind = dtype_kind(tensor->type);
    return kind == KIND_WHOLE || (kind == KIND_REAL && !whole_only);
}

/* Whether every element is a number of the type: what becomes of others is not fixed. */
static bool fits_type(struct value *value, enum dtype type)
{
    const struct tensor *tensor = value_constant(value);
    double chunk[256];
    int bits = dtype_bits(type);
    bool is_signed = dtype_wrap(type, -1) < 0;
    double most = ldexp(1, is_signed ? bits - 1 : bits), least = is_signed ? -most : 0;
    for (int64_t at = 0; at < tensor->count; at += 256) {
        int64_t count = tensor->count - at < 256 ? tensor->count - at : 256;
        if (!tensor_read_rounded(tensor, at, count, chunk, NULL)) return false;
        for (int64_t i = 0; i < count; i++)
            if (!(chunk[i] >= least && chunk[i] < most)) return false;
    }
    return true;
}

static bool is_exact_output(const struct node *node, const struct value *output)
{
    struct value *x = node_input(node, 0);
    const struct tensor *tensor = x ? value_constant(x) : NULL;
    enum kind kind = dtype_kind(output->type);
    if (output->is_output || (kind != KIND_WHOLE && kind != KIND_REAL)) return false;
    /* What a type of eight bits makes of a number that it does not hold differs. */
    if (kind == KIND_REAL && dtype_bits(output->type) < 16) return false;
    if (node->row->exact == EXACT_WHOLE && kind != KIND_WHOLE) return false;
    /* A Cast from real to whole numbers. */
    if (tensor && dtype_kind(tensor->type) == KIND_REAL && kind == KIND_WHOLE && output->type != DTYPE_BOOL)
        return fits_type(x, output->type);
    return true;
}

/* Whether every input is constant, and the results are fixed to the bit. */
static bool is_computable(const struct node *node)
{
    if (!node->row || node->row->exact == INEXACT || node->row->random || node->row->expands || !node->row->run)
        return false;
    if (!node->input_count || node->output_count > OUTPUT_LIMIT || node_is_literal(node)) return false;
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i].value && !is_exact_input(node, node->inputs[i].value, node->row->exact == EXACT_WHOLE))
            return false;
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] && !is_exact_output(node, node->outputs[i])) return false;
    return true;
}

static bool run_node(struct simplifier *s, const struct node *node, struct array **results, size_t *count)
{
    struct value *wanted[OUTPUT_LIMIT];
    struct plan *plan;
    struct memory *memory = s->net->arena->memory;
    struct run_options options = { .threads = 1, .memory = memory, .pool = &s->pool };
    *count = 0;
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i]) wanted[(*count)++] = node->outputs[i];
    if (!plan_build(&plan, &s->scratch, s->net, NULL, 0, wanted, *count, NULL)) return false;
    const struct work_share share = work_begin(memory, &s->work_left, WORK_SECOND);
    bool ran = plan_run(plan, &options, NULL, results, NULL);
    work_end(memory, &share);
    return ran;
}

/* The array's elements as a tensor of the net. */
static struct tensor *tensor_of(struct simplifier *s, const struct array *array)
{
    struct arena *arena = s->net->arena;
    struct tensor *tensor = NEW(arena, struct tensor);
    int64_t bytes, *dims = NEW_ARRAY(arena, int64_t, (size_t)array->rank);
    if (array->store > STORE_I64 || !dtype_bytes(array->type, array->count, &bytes)) return NULL;
    void *elements = arena_alloc(arena, (size_t)bytes);
    array_to_bytes(array, elements);
    if (array->rank) memcpy(dims, array->dims, (size_t)array->rank * sizeof *dims);
    *tensor = (struct tensor){
        .type = array->type, .rank = array->rank, .count = array->count, .dims = dims, .bytes = elements
    };
    return tensor;
}

static bool fits(struct simplifier *s, const struct node *node, struct array *const *results, size_t count)
{
    int64_t bytes, sum = 0;
    size_t at = 0;
    for (size_t i = 0; i < node->output_count; i++) {
        const struct array *array = node->outputs[i] ? results[at++] : NULL;
        if (!array) continue;
        if (array->store > STORE_I64 || !dtype_bytes(array->type, array->count, &bytes)) return false;
        sum += stored_size(node->outputs[i], array->rank, bytes);
    }
    return at == count && rewrite_can_store(s, node, sum, freed_by(node));
}

/* Readers of the output read a stored constant. */
static void store(struct simplifier *s, struct node *node, size_t slot, struct tensor *tensor)
{
    struct value *output = node->outputs[slot];
    struct value *constant = rewrite_add_constant(s, node, output->name, tensor);
    rewrite_where(s, constant->name);
    rewrite_replace(s, node, slot, constant);
}

static bool compute(struct simplifier *s, struct node *node)
{
    struct array *results[OUTPUT_LIMIT] = { NULL };
    size_t count, at = 0;
    if (!is_computable(node)) return false;
    bool good = run_node(s, node, results, &count) && fits(s, node, results, count);
    for (size_t i = 0; good && i < node->output_count; i++)
        if (node->outputs[i]) store(s, node, i, tensor_of(s, results[at++]));
    for (size_t i = 0; i < OUTPUT_LIMIT; i++) array_drop(results[i]);
    return good;
}

/* The result of a node that keeps elements is the same stored tensor under other dims: nothing is read. */
static bool constant_view(struct simplifier *s, struct node *node)
{
    struct value *x = node_input(node, 0), *output = node_output(node, 0);
    const struct tensor *tensor =
        output && has_one_output(node) && node->row && node->row->view ? value_constant(output) : NULL;
    int64_t bytes;
    if (!tensor || output->is_output || is_external(x) || tensor->strings) return false;
    if (!dtype_bytes(tensor->type, tensor->count, &bytes)) return false;
    if (!rewrite_can_store(s, node, stored_size(output, tensor->rank, bytes), freed_by(node))) return false;
    struct tensor *copy = NEW(s->net->arena, struct tensor);
    *copy = *tensor;
    store(s, node, 0, copy);
    return true;
}

/* ---- sizes ---- */

/* The elements that shape inference knows: of Shape, and of what is computed from sizes. */
static bool known_elements(struct simplifier *s, struct node *node)
{
    struct value *output = node_output(node, 0);
    struct arena *arena = s->net->arena;
    int64_t bytes;
    if (!output || !output->content || output->is_output || !has_one_output(node) || node_is_literal(node))
        return false;
    if (!node->row || node->row->random || shape_count(&output->shape) != output->content_count) return false;
    if (dtype_kind(output->type) != KIND_WHOLE || !dtype_bytes(output->type, output->content_count, &bytes))
        return false;
    int64_t *elements = NEW_ARRAY(arena, int64_t, (size_t)output->content_count);
    int64_t *dims = NEW_ARRAY(arena, int64_t, (size_t)output->shape.rank);
    for (int64_t i = 0; i < output->content_count; i++) {
        elements[i] = output->content[i].size;
        if (elements[i] < 0) return false;
    }
    for (int i = 0; i < output->shape.rank; i++) dims[i] = output->shape.dims[i].size;
    if (!rewrite_can_store(s, node, stored_size(output, output->shape.rank, bytes), freed_by(node))) return false;
    store(s, node, 0, tensor_whole(arena, output->type, output->shape.rank, dims, elements));
    return true;
}

/* What a Reshape asks for, in numbers: the size; 0, which takes the input's, where the two are proven to be one; -1 for one
 * that is open. A -1 beside a 0 would not do for a tensor without elements. */
static bool dims_in_numbers(const struct value *x, const struct value *y, int64_t *dims)
{
    int open = 0, taken = 0;
    for (int i = 0; i < y->shape.rank; i++) {
        dims[i] = y->shape.dims[i].size;
        if (dims[i] > 0) continue;
        if (dims[i] == 0) return false;
        bool same = i < x->shape.rank && dim_equal(x->shape.dims[i], y->shape.dims[i]);
        dims[i] = same ? 0 : -1;
        taken += same;
        open += !same;
    }
    return !open || (open == 1 && !taken);
}

static bool reshape_to_numbers(struct simplifier *s, struct node *node)
{
    struct value *x = node_input(node, 0), *shape = node_input(node, 1), *y = node_output(node, 0);
    int64_t dims[TENSOR_MAX_RANK], rank;
    if (!x || !shape || value_constant(shape) || y->shape.rank < 0 || y->shape.rank > TENSOR_MAX_RANK) return false;
    if (x->shape.rank < 0 || node_int(node, "allowzero", 0) != 0 || !dims_in_numbers(x, y, dims)) return false;
    rank = y->shape.rank;
    if (!rewrite_can_store(s, node, 8 * rank, 0)) return false;
    struct value *constant =
        rewrite_add_constant(s, node, shape->name, tensor_whole(s->net->arena, DTYPE_INT64, 1, &rank, dims));
    rewrite_where(s, constant->name);
    rewrite_set_input(s, node, 1, constant);
    return true;
}

const struct rewrite constant_rewrites[] = {
    { { "known-elements", "Shape(x), and what is computed from it -> a constant" },
      "simplify_constants",
      { NULL },
      .apply = known_elements },
    { { "constant-view", "Reshape(c) -> c under other dims" }, "simplify_constants", { NULL }, .apply = constant_view },
    { { "constant", "f(c) -> a constant" }, "simplify_constants", { NULL }, .apply = compute },
    { { "reshape-to-numbers", "Reshape(x, computed) -> Reshape(x, [0, 12, -1])" },
      "simplify_constants",
      { "Reshape" },
      .apply = reshape_to_numbers },
    { .apply = NULL },
};
