/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes that change nothing: the output is the input. */
#include "onnx/graph/attr.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "passes/simplify/rewrite.h"

#include <math.h>
#include <string.h>

static bool identity(struct simplifier *s, struct node *node)
{
    return rewrite_bypass(s, node, node_input(node, 0));
}

static bool dropout(struct simplifier *s, struct node *node)
{
    return has_one_output(node) && (!node->row->infers || node->row->infers(node))
           && rewrite_bypass(s, node, node_input(node, 0));
}

static bool cast(struct simplifier *s, struct node *node)
{
    const struct value *x = node_input(node, 0), *y = node_output(node, 0);
    if (!y || x->type == DTYPE_UNDEFINED || x->type != y->type) return false;
    return rewrite_bypass(s, node, node_input(node, 0));
}

/* What only names dims anew or repeats along axes, and has the shape that it had. */
static bool same_shape(struct simplifier *s, struct node *node)
{
    return keeps_its_shape(node) && rewrite_bypass(s, node, node_input(node, 0));
}

/* Of one input. */
static bool only_input(struct simplifier *s, struct node *node)
{
    return node->input_count == 1 && rewrite_bypass(s, node, node_input(node, 0));
}

/* ---- x * 1, x - 0 and their like ---- */

/* Whether x has the result's shape when the other operand is the constant: all dims of that are 1 and there are no more
 * of them, or the shapes are known. */
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
    if (!(neutral->slots & SLOT(slot)) || !constant_number(value, &number)) return false;
    wanted = dtype_kind(value_constant(value)->type) == KIND_REAL ? neutral->real : neutral->whole;
    if (memcmp(&number, &wanted, sizeof number) != 0) return false;
    return x->type == value_constant(value)->type && keeps_shape_of(node, x, value);
}

static bool neutral(struct simplifier *s, struct node *node)
{
    const struct neutral *number = node->row ? node->row->neutral : NULL;
    if (!number || !has_one_output(node) || node->input_count != 2) return false;
    for (size_t slot = 0; slot < 2; slot++)
        if (is_neutral(number, node, slot) && rewrite_bypass(s, node, node_input(node, 1 - slot))) return true;
    return false;
}

/* ---- Where ---- */

static bool where(struct simplifier *s, struct node *node)
{
    double chosen;
    if (!constant_number(node_input(node, 0), &chosen)) return false;
    struct value *x = node_input(node, chosen != 0 ? 1 : 2);
    return has_one_output(node) && is_same_shape(x, node->outputs[0]) && rewrite_bypass(s, node, x);
}

const struct rewrite noop_rewrites[] = {
    { { "identity", "Identity(x) -> x" }, "simplify_noops", .laws = IDENTITY, .apply = identity },
    { { "dropout", "Dropout(x) -> x at inference" },
      "simplify_noops",
      .laws = IDENTITY_AT_INFERENCE,
      .apply = dropout },
    { { "same-type", "Cast(x) -> x to the type of x" }, "simplify_noops", .laws = IDENTITY_OF_TYPE, .apply = cast },
    { { "same-shape", "Reshape(x) -> x to the shape of x" },
      "simplify_noops",
      .laws = IDENTITY_OF_SHAPE,
      .apply = same_shape },
    { { "only-input", "Concat(x) -> x of one input" }, "simplify_noops", .laws = IDENTITY_OF_ONE, .apply = only_input },
    { { "neutral", "x*1, x/1, x-0, x + -0 -> x" }, "simplify_neutral", .everywhere = true, .apply = neutral },
    { { "known-where", "Where(true, x, y) -> x" }, "simplify_noops", .apply = where },
    { .apply = NULL },
};
