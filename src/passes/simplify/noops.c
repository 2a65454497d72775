/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes that change nothing: the output is the input. */
#include "onnx/graph/attr.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "passes/simplify/rewrite.h"

#include <math.h>
#include <string.h>

static bool bypass(struct simplifier *s, struct node *node, size_t slot)
{
    struct value *value = node_input(node, slot);
    if (!value || !rewrite_can_replace(node, 0, value)) return false;
    rewrite_where(s, value->name);
    return rewrite_replace(s, node, 0, value);
}

static bool identity(struct simplifier *s, struct node *node)
{
    return bypass(s, node, 0);
}

static bool dropout(struct simplifier *s, struct node *node)
{
    return has_one_output(node) && (!node->row->infers || node->row->infers(node)) && bypass(s, node, 0);
}

static bool cast(struct simplifier *s, struct node *node)
{
    const struct value *x = node_input(node, 0), *y = node_output(node, 0);
    if (!x || !y || x->type == DTYPE_UNDEFINED || x->type != y->type) return false;
    return bypass(s, node, 0);
}

static bool transpose(struct simplifier *s, struct node *node)
{
    const struct value *x = node_input(node, 0);
    const int64_t *perm;
    size_t count = node_ints(node, "perm", &perm);
    if (count == 0) return x && x->shape.rank >= 0 && x->shape.rank <= 1 && bypass(s, node, 0);
    for (size_t i = 0; i < count; i++)
        if (perm[i] != (int64_t)i) return false;
    return bypass(s, node, 0);
}

static bool keeps_its_shape(const struct node *node)
{
    const struct value *x = node_input(node, 0), *y = node_output(node, 0);
    return x && y && has_one_output(node) && x->type == y->type && is_same_shape(x, y);
}

/* What only names dims anew or repeats along axes, and has the shape that it had. */
static bool same_shape(struct simplifier *s, struct node *node)
{
    return keeps_its_shape(node) && bypass(s, node, 0);
}

/* A Slice may also run backwards. */
static bool slice(struct simplifier *s, struct node *node)
{
    int64_t steps[TENSOR_MAX_RANK], count = 0;
    if (!keeps_its_shape(node)) return false;
    if (node_input(node, 4) && !constant_ints(node_input(node, 4), TENSOR_MAX_RANK, steps, &count)) return false;
    for (int64_t i = 0; i < count; i++)
        if (steps[i] < 1) return false;
    return bypass(s, node, 0);
}

/* What it takes away at one end it may add at the other, so the shape says nothing. */
static bool pad(struct simplifier *s, struct node *node)
{
    int64_t list[2 * TENSOR_MAX_RANK], count = 0;
    const int64_t *pads = NULL;
    size_t length = node_ints(node, node->opset < 2 ? "paddings" : "pads", &pads);
    if (!length && constant_ints(node_input(node, 1), 2 * TENSOR_MAX_RANK, list, &count)) {
        pads = list;
        length = (size_t)count;
    }
    if (!pads || !length) return false;
    for (size_t i = 0; i < length; i++)
        if (pads[i] != 0) return false;
    return bypass(s, node, 0);
}

/* Of one input. */
static bool only_input(struct simplifier *s, struct node *node)
{
    return node->input_count == 1 && bypass(s, node, 0);
}

static bool only_output(struct simplifier *s, struct node *node)
{
    return node->output_count == 1 && keeps_its_shape(node) && bypass(s, node, 0);
}

/* ---- x * 1, x - 0 and their like ---- */

/* Whether x has the result's shape when the other operand is the constant: all dims of that are 1 and there are no more of
 * them, or the shapes are known. */
static bool keeps_shape_of(const struct node *node, const struct value *x, struct value *constant)
{
    const struct tensor *tensor = value_constant(constant);
    if (is_same_shape(x, node->outputs[0])) return true;
    return tensor->count == 1 && (tensor->rank == 0 || (x->shape.rank >= 0 && tensor->rank <= x->shape.rank));
}

static bool is_neutral(const struct neutral *neutral, const struct node *node, size_t slot)
{
    double number, wanted;
    struct value *value = node_input(node, slot);
    const struct value *x = node_input(node, 1 - slot);
    if (!value || !x || !(neutral->slots & SLOT(slot)) || !constant_number(value, &number)) return false;
    wanted = dtype_kind(value_constant(value)->type) == KIND_REAL ? neutral->real : neutral->whole;
    if (memcmp(&number, &wanted, sizeof number) != 0) return false;
    return x->type == value_constant(value)->type && keeps_shape_of(node, x, value);
}

static bool neutral(struct simplifier *s, struct node *node)
{
    const struct neutral *number = node->row ? node->row->neutral : NULL;
    if (!number || !has_one_output(node) || node->input_count != 2) return false;
    for (size_t slot = 0; slot < 2; slot++)
        if (is_neutral(number, node, slot) && bypass(s, node, 1 - slot)) return true;
    return false;
}

/* ---- Where ---- */

static bool where(struct simplifier *s, struct node *node)
{
    double chosen;
    if (!constant_number(node_input(node, 0), &chosen) || node->input_count != 3) return false;
    size_t slot = chosen != 0 ? 1 : 2;
    const struct value *x = node_input(node, slot);
    return x && has_one_output(node) && is_same_shape(x, node->outputs[0]) && bypass(s, node, slot);
}

const struct rewrite noop_rewrites[] = {
    { { "identity", "Identity(x) -> x" }, "simplify_noops", .laws = IDENTITY, .apply = identity },
    { { "dropout", "Dropout(x) -> x at inference" },
      "simplify_noops",
      .laws = IDENTITY_AT_INFERENCE,
      .apply = dropout },
    { { "same-type", "Cast(x) -> x to the type of x" }, "simplify_noops", .laws = IDENTITY_OF_TYPE, .apply = cast },
    { { "same-order", "Transpose(x) -> x in the order of x" }, "simplify_noops", { "Transpose" }, .apply = transpose },
    { { "same-shape", "Reshape(x) -> x to the shape of x" },
      "simplify_noops",
      .laws = IDENTITY_OF_SHAPE,
      .apply = same_shape },
    { { "whole-slice", "Slice(x) -> x of all of x" }, "simplify_noops", { "Slice" }, .apply = slice },
    { { "no-pad", "Pad(x) -> x by nothing" }, "simplify_noops", { "Pad" }, .apply = pad },
    { { "only-input", "Concat(x) -> x of one input" }, "simplify_noops", .laws = IDENTITY_OF_ONE, .apply = only_input },
    { { "only-output", "Split(x) -> x into one" }, "simplify_noops", { "Split" }, .apply = only_output },
    { { "neutral", "x*1, x/1, x-0, x + -0 -> x" }, "simplify_neutral", .apply = neutral },
    { { "known-where", "Where(true, x, y) -> x" }, "simplify_noops", { "Where" }, .apply = where },
    { .apply = NULL },
};
