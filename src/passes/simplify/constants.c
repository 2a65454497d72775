/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be known before anything runs is stored: results of constants, and sizes.
 *
 * Results are computed by the runtime in the model's own types, and only where every machine computes the same bits:
 * elements that are moved, whole numbers, and operations that IEEE 754 fixes to the bit (struct operator_row, exact).
 * An Exp is not among them: another runtime may round its last bit the other way. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/read/external.h"
#include "onnx/shape/infer.h"
#include "passes/simplify/engine.h"
#include "runtime/element.h"
#include "runtime/run.h"

#include <math.h>
#include <string.h>

enum { OUTPUT_LIMIT = 16, TENSOR_OVERHEAD = 16, CONE_LIMIT = 64 };

/* ---- the cone ---- */

/* The nodes above a result, and the constants that they rest on. */
struct cone {
    struct node *nodes[CONE_LIMIT];
    bool goes[CONE_LIMIT]; /* nobody outside the cone reads it */
    size_t count;
    struct value *leaves[CONE_LIMIT];
    size_t leaf_count;
};

static size_t place_in(const struct cone *cone, const struct node *node)
{
    size_t at = 0;
    while (at < cone->count && cone->nodes[at] != node) at++;
    return at;
}

static bool add_leaf(struct cone *cone, struct value *value)
{
    for (size_t i = 0; i < cone->leaf_count; i++)
        if (cone->leaves[i] == value) return true;
    if (cone->leaf_count == CONE_LIMIT) return false;
    cone->leaves[cone->leaf_count++] = value;
    return true;
}

static bool add_node(struct cone *cone, struct node *node)
{
    if (place_in(cone, node) < cone->count) return true;
    if (cone->count == CONE_LIMIT) return false;
    cone->nodes[cone->count++] = node;
    return true;
}

/* Tensors of external files stay where they are. */
static bool is_external(const struct value *value)
{
    return value->proto && tensor_is_external(value->proto);
}

/* Whether every element is a number of the type: what becomes of others is not fixed. */
static bool fits_type(const struct tensor *tensor, enum dtype type)
{
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

static bool is_exact_type(const struct node *node, enum dtype type)
{
    enum kind kind = dtype_kind(type);
    if (kind == KIND_COMPLEX) return node->row->exact == EXACT;
    if (kind == KIND_REAL) return node->row->exact == EXACT && dtype_bits(type) >= 16;
    return kind == KIND_WHOLE;
}

static bool is_exact_output(const struct node *node, const struct value *output)
{
    struct value *x = node_input(node, 0);
    const struct tensor *tensor = value_constant(x);
    if (!is_exact_type(node, output->type)) return false;
    /* A Cast from real to whole numbers. */
    if (x && dtype_kind(x->type) == KIND_REAL && dtype_kind(output->type) == KIND_WHOLE && output->type != DTYPE_BOOL)
        return tensor && fits_type(tensor, output->type);
    return true;
}

/* Whether what the node gives is fixed to the bit by what it reads. */
static bool is_exact(const struct node *node)
{
    if (node->is_skipped || !node->row || node->row->exact == INEXACT || node->row->random || node->row->expands)
        return false;
    if (node->output_count > OUTPUT_LIMIT || node_is_literal(node) || node_refers(node)) return false;
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] && !is_exact_output(node, node->outputs[i])) return false;
    return true;
}

/* One step up: a constant is a leaf, the writer of anything else belongs to the cone. */
static bool add_input(struct cone *cone, const struct node *node, struct value *value)
{
    const struct tensor *tensor = value_constant(value);
    if (value->graph != node->graph) return false;
    if (tensor) return !is_external(value) && is_exact_type(node, tensor->type) && add_leaf(cone, value);
    return value->writer && !value->writer->item->varies && is_exact(value->writer) && is_exact_type(node, value->type)
           && add_node(cone, value->writer);
}

static bool collect(struct cone *cone, struct node *node)
{
    cone->count = cone->leaf_count = 0;
    if (!is_exact(node)) return false;
    add_node(cone, node);
    for (size_t at = 0; at < cone->count; at++)
        for (size_t i = 0; i < cone->nodes[at]->input_count; i++) {
            struct value *value = cone->nodes[at]->inputs[i].value;
            if (value && !add_input(cone, cone->nodes[at], value)) return false;
        }
    return true;
}

/* ---- what storing costs ---- */

static int64_t stored_size(const struct value *value, int rank, int64_t bytes)
{
    return bytes + (int64_t)strlen(value->name) + 2 * rank + TENSOR_OVERHEAD;
}

enum { USE_LIMIT = 64 };

/* Whether only nodes that go read it. */
static bool is_read_by_cone(const struct cone *cone, const struct value *value)
{
    if (value->is_output || value->use_count > USE_LIMIT) return false;
    for (const struct use *use = value->uses; use; use = use->next) {
        size_t at = place_in(cone, use->node);
        if (at == cone->count || !cone->goes[at]) return false;
    }
    return true;
}

static bool is_left(const struct cone *cone, const struct node *node)
{
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] && !is_read_by_cone(cone, node->outputs[i])) return false;
    return true;
}

/* Which nodes of the cone have no readers once its first does not read. */
static void find_going(struct cone *cone)
{
    bool moved = true;
    for (size_t i = 0; i < cone->count; i++) cone->goes[i] = i == 0;
    while (moved) {
        moved = false;
        for (size_t i = 1; i < cone->count; i++)
            if (!cone->goes[i] && is_left(cone, cone->nodes[i])) moved = cone->goes[i] = true;
    }
}

static int64_t bytes_of_leaf(const struct cone *cone, struct value *value)
{
    const struct tensor *tensor = value->initializer;
    if (value->writer && node_is_literal(value->writer)) tensor = value_constant(value);
    if (!tensor || !is_read_by_cone(cone, value)) return 0;
    return stored_size(value, tensor->rank, dtype_size(tensor->type, tensor->count));
}

/* Bytes of the file that go with the cone. */
static int64_t freed_by(struct cone *cone)
{
    int64_t freed = 0;
    find_going(cone);
    for (size_t i = 0; i < cone->count; i++)
        if (cone->goes[i]) freed += (int64_t)bnfuse_onnx__node_proto__get_packed_size(cone->nodes[i]->proto);
    for (size_t i = 0; i < cone->leaf_count; i++) freed += bytes_of_leaf(cone, cone->leaves[i]);
    return freed;
}

/* The cone that is the node alone. */
static int64_t freed_by_node(struct node *node)
{
    struct cone cone = { .nodes = { node }, .count = 1 };
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i].value && cone.leaf_count < CONE_LIMIT) add_leaf(&cone, node->inputs[i].value);
    return freed_by(&cone);
}

/* ---- computing ---- */

static bool run_node(struct simplifier *s, const struct node *node, bool exact, struct array **results, size_t *count)
{
    struct value *wanted[OUTPUT_LIMIT];
    struct plan *plan;
    struct memory *memory = s->net->arena->memory;
    struct run_options options = {
        .exact = exact, .unrounded = exact, .threads = 1, .memory = memory, .pool = &s->pool
    };
    *count = 0;
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i]) wanted[(*count)++] = node->outputs[i];
    if (!plan_build(&plan, &s->scratch, s->net, NULL, 0, wanted, *count, NULL)) return false;
    const struct work_share share = work_begin(memory, &s->work_left, WORK_SECOND);
    bool ran = plan_run(plan, &options, NULL, results, NULL);
    work_end(memory, &share);
    return ran;
}

static double element(const struct array *array, int64_t i)
{
    return array->store == STORE_F32 ? (double)array->f32[i] : array->f64[i];
}

static bool is_same_number(double a, double b)
{
    return (a == b && !signbit(a) == !signbit(b)) || (a != a && b != b);
}

enum agreement { AGREE_NOT, AGREE_ROUNDED, AGREE_EXACTLY };

/* Complex numbers are carried, not computed. */
static enum agreement agreement_of_parts(const struct array *native, const struct array *exact)
{
    const struct array a = element_parts(native), b = element_parts(exact);
    for (int64_t i = 0; i < a.count; i++)
        if (!is_same_number(element(&a, i), element(&b, i))) return AGREE_NOT;
    return AGREE_EXACTLY;
}

/* Whether what float64 makes of it is what its own type makes of it, once rounded. */
static enum agreement agreement_of(const struct array *native, const struct array *exact)
{
    enum agreement agreement = AGREE_EXACTLY;
    if (native->type != exact->type || native->count != exact->count || native->rank != exact->rank) return AGREE_NOT;
    if (native->store == STORE_I64)
        return exact->store == STORE_I64 && memcmp(native->i64, exact->i64, (size_t)native->count * 8) == 0
                   ? AGREE_EXACTLY
                   : AGREE_NOT;
    if (is_complex(native) && is_complex(exact)) return agreement_of_parts(native, exact);
    if (native->store > STORE_F64 || exact->store != STORE_F64) return AGREE_NOT;
    for (int64_t i = 0; i < native->count; i++) {
        if (is_same_number(element(native, i), exact->f64[i])) continue;
        if (!is_same_number(element(native, i), dtype_round(native->type, exact->f64[i]))) return AGREE_NOT;
        agreement = AGREE_ROUNDED;
    }
    return agreement;
}

static struct tensor *stored_bytes(struct simplifier *s, const struct array *array)
{
    struct arena *arena = s->net->arena;
    struct tensor *tensor = NEW(arena, struct tensor);
    int64_t bytes = 0, *dims = NEW_ARRAY(arena, int64_t, (size_t)array->rank);
    dtype_bytes(array->type, array->count, &bytes);
    void *elements = arena_alloc(arena, (size_t)bytes);
    array_to_bytes(array, elements);
    if (array->rank) memcpy(dims, array->dims, (size_t)array->rank * sizeof *dims);
    *tensor = (struct tensor){
        .type = array->type, .rank = array->rank, .count = array->count, .dims = dims, .bytes = elements
    };
    return tensor;
}

/* What is stored is what the model's own type gives. What float64 gives is kept beside it until then, so that the check
 * can tell this rounding, which the model had, from another. */
static struct tensor *tensor_of(struct simplifier *s, const struct array *native, const struct array *exact)
{
    if (agreement_of(native, exact) == AGREE_EXACTLY) return stored_bytes(s, native);
    return tensor_exact(s->net->arena, exact->type, exact->rank, exact->dims, exact->f64);
}

static bool fits(struct simplifier *s, const struct node *node, struct cone *cone, struct array *const *native,
                 struct array *const *exact)
{
    int64_t sum = 0;
    size_t at = 0;
    for (size_t i = 0; i < node->output_count; i++) {
        if (!node->outputs[i]) continue;
        if (agreement_of(native[at], exact[at]) == AGREE_NOT) return false;
        sum += stored_size(node->outputs[i], native[at]->rank, dtype_size(native[at]->type, native[at]->count));
        at++;
    }
    return rewrite_can_store(s, sum, freed_by(cone));
}

/* Readers of the output read a stored constant. */
static void store(struct simplifier *s, struct node *node, size_t slot, struct tensor *tensor)
{
    struct value *output = node->outputs[slot];
    struct value *constant = rewrite_add_constant(s, node, output->name, tensor);
    rewrite_where(s, constant->name);
    rewrite_replace(s, node, slot, constant);
}

/* Whether the sizes that are known allow it, before anything is run. */
static bool may_fit(struct simplifier *s, const struct node *node, struct cone *cone)
{
    int64_t bytes, sum = 0;
    for (size_t i = 0; i < node->output_count; i++) {
        const struct value *output = node->outputs[i];
        if (!output) continue;
        if (output->is_output) return false;
        int64_t count = shape_count(&output->shape);
        if (count >= 0 && (!dtype_bytes(output->type, count, &bytes) || !size_add(sum, bytes, &sum))) return false;
    }
    return rewrite_can_store(s, sum, freed_by(cone));
}

static bool compute(struct simplifier *s, struct node *node)
{
    struct array *native[OUTPUT_LIMIT] = { NULL }, *exact[OUTPUT_LIMIT] = { NULL };
    struct cone cone;
    size_t count, at = 0;
    node->item->varies = !collect(&cone, node);
    if (node->item->varies || !may_fit(s, node, &cone)) return false;
    bool good = run_node(s, node, false, native, &count) && run_node(s, node, true, exact, &count)
                && fits(s, node, &cone, native, exact);
    for (size_t i = 1; good && i < cone.count; i++) edit_inherit(node, cone.nodes[i]);
    for (size_t i = 0; good && i < node->output_count; i++) {
        if (!node->outputs[i]) continue;
        store(s, node, i, tensor_of(s, native[at], exact[at]));
        at++;
    }
    for (size_t i = 0; i < OUTPUT_LIMIT; i++) {
        array_drop(native[i]);
        array_drop(exact[i]);
    }
    return good;
}

/* The result of a node that keeps elements is the same stored tensor under other dims: nothing is read. */
static bool constant_view(struct simplifier *s, struct node *node)
{
    struct value *x = node_input(node, 0), *output = node_output(node, 0);
    const struct tensor *tensor = has_one_output(node) && node->row && node->row->view ? value_constant(output) : NULL;
    if (!tensor || output->is_output || is_external(x) || tensor->strings) return false;
    const int64_t bytes = dtype_size(tensor->type, tensor->count);
    if (!rewrite_can_store(s, stored_size(output, tensor->rank, bytes), freed_by_node(node))) return false;
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
    if (!output || !output->content || output->is_output || !has_one_output(node) || node_is_literal(node))
        return false;
    if (!node->row || node->row->random || shape_count(&output->shape) != output->content_count) return false;
    if (dtype_kind(output->type) != KIND_WHOLE) return false;
    const int64_t bytes = dtype_size(output->type, output->content_count);
    int64_t *elements = NEW_ARRAY(arena, int64_t, (size_t)output->content_count);
    int64_t *dims = NEW_ARRAY(arena, int64_t, (size_t)output->shape.rank);
    for (int64_t i = 0; i < output->content_count; i++) {
        elements[i] = output->content[i].size;
        if (elements[i] < 0) return false;
    }
    for (int i = 0; i < output->shape.rank; i++) dims[i] = output->shape.dims[i].size;
    if (!rewrite_can_store(s, stored_size(output, output->shape.rank, bytes), freed_by_node(node))) return false;
    store(s, node, 0, tensor_whole(arena, output->type, output->shape.rank, dims, elements));
    return true;
}

const struct rewrite constant_rewrites[] = {
    { { "known-elements", "Shape(x), and what is computed from it -> a constant" },
      "simplify_constants",
      .everywhere = true,
      .apply = known_elements },
    { { "constant-view", "Reshape(c) -> c under other dims" },
      "simplify_constants",
      .everywhere = true,
      .apply = constant_view },
    { { "constant", "f(c) -> a constant" }, "simplify_constants", .everywhere = true, .apply = compute },
    { .apply = NULL },
};
