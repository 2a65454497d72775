/* SPDX-License-Identifier: Apache-2.0
 *
 * Transposes that change nothing, follow each other, or are carried through operators that work element by element: to
 * meet their inverse, or to become one with another.
 *
 *   Transpose(f(Transpose(x, p)), q)           ->  f(x)                    where q undoes p
 *   f(Transpose(x, p), Transpose(y, p))        ->  Transpose(f(x, y), p)
 *
 * The values between hold their elements in another order afterwards, so they get other names. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "passes/simplify/rewrite.h"

#include <string.h>

bool transpose_perm(const struct node *node, int64_t *perm, int *rank)
{
    const int64_t *given;
    const struct value *x = node_input(node, 0);
    size_t count = node_ints(node, "perm", &given);
    if (!count && x->shape.rank < 0) return false;
    *rank = count ? (int)count : x->shape.rank;
    for (int i = 0; i < *rank; i++) perm[i] = count ? given[i] : *rank - 1 - i;
    return true;
}

static bool same_order(struct simplifier *s, struct node *node)
{
    int64_t perm[TENSOR_MAX_RANK];
    int rank;
    if (!transpose_perm(node, perm, &rank)) return false;
    for (int i = 0; i < rank; i++)
        if (perm[i] != i) return false;
    return rewrite_bypass(s, node, node_input(node, 0));
}

static bool transpose_transpose(struct simplifier *s, struct node *node)
{
    int64_t first[TENSOR_MAX_RANK], second[TENSOR_MAX_RANK], both[TENSOR_MAX_RANK];
    const struct node *upstream = rewrite_inner(s, node, 0);
    int rank, other;
    bool is_identity = true;
    if (!upstream || !transpose_perm(node, second, &rank) || !transpose_perm(upstream, first, &other) || rank != other)
        return false;
    for (int i = 0; i < rank; i++) {
        both[i] = first[second[i]];
        is_identity = is_identity && both[i] == i;
    }
    if (is_identity) return rewrite_bypass(s, node, node_input(upstream, 0));
    if (!is_read_once(node_input(node, 0))) return false;
    edit_set_ints(node, "perm", both, (size_t)rank);
    return rewrite_read(s, node, node_input(upstream, 0));
}

/* ---- through what works element by element ---- */

/* Whether the input may be broadcast from one element, whatever the order of the axes. */
static bool is_scalar(struct value *value, int rank)
{
    const struct tensor *tensor = value_constant(value);
    return !value || (tensor && tensor->count == 1 && tensor->rank <= rank);
}

/* The one input of an elementwise node that is no scalar; -1 when there are several. */
static int moving_input(const struct node *node, int rank)
{
    int slot = -1;
    if (!operator_has(node, ELEMENTWISE) || !has_one_output(node)) return -1;
    for (size_t i = 0; i < node->input_count; i++) {
        if (is_scalar(node_input(node, i), rank)) continue;
        if (slot >= 0) return -1;
        slot = (int)i;
    }
    return slot;
}

enum { CHAIN_LIMIT = 32 };

/* The value will hold the same elements in the order of `like`. */
static void reorder(struct value *value, const struct value *like)
{
    edit_rename(value);
    value->shape = like->shape;
}

static bool meet_inverse(struct simplifier *s, struct node *node)
{
    int64_t last[TENSOR_MAX_RANK], first[TENSOR_MAX_RANK];
    struct node *chain[CHAIN_LIMIT], *at = node;
    int rank, other, length = 0, slots[CHAIN_LIMIT];
    struct value *tail = node_input(node, 0);
    if (!transpose_perm(node, last, &rank)) return false;
    for (size_t slot = 0;; slot = (size_t)slots[length++]) {
        struct node *upstream = rewrite_upstream(at, slot);
        if (!upstream || !is_read_once(node_input(at, slot))) return false;
        at = upstream;
        if (node_is(at, "Transpose")) break;
        if (length == CHAIN_LIMIT || (slots[length] = moving_input(at, rank)) < 0) return false;
        chain[length] = at;
    }
    if (!length || !transpose_perm(at, first, &other) || rank != other) return false;
    for (int i = 0; i < rank; i++)
        if (first[last[i]] != i) return false;
    if (!rewrite_can_replace(node, 0, tail)) return false;
    struct value *x = node_input(at, 0);
    for (int i = 0; i < length; i++) reorder(chain[i]->outputs[0], x);
    rewrite_set_input(s, chain[length - 1], (size_t)slots[length - 1], x);
    rewrite_where(s, x->name);
    return rewrite_replace(s, node, 0, tail);
}

/* ---- several in one ---- */

/* Whether all inputs but scalars are Transposes of one kind, two at least, that nobody else reads. */
static bool all_transposed(const struct node *node, int64_t *perm, int *rank)
{
    int64_t other[TENSOR_MAX_RANK];
    int count = 0, others;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct node *upstream = rewrite_upstream_is(node, i, "Transpose");
        if (!upstream) continue;
        if (!is_read_once(node_input(node, i))
            || !transpose_perm(upstream, count ? other : perm, count ? &others : rank))
            return false;
        if (count++ && (others != *rank || memcmp(other, perm, (size_t)*rank * sizeof *perm) != 0)) return false;
    }
    for (size_t i = 0; count > 1 && i < node->input_count; i++)
        if (!rewrite_upstream_is(node, i, "Transpose") && !is_scalar(node_input(node, i), *rank)) return false;
    return count > 1;
}

/* The dims that the output has before it is transposed. */
static void turn_back(struct simplifier *s, struct value *value, const struct value *turned, const int64_t *perm)
{
    value->type = turned->type;
    value->shape.rank = turned->shape.rank;
    if (turned->shape.rank < 0) return;
    value->shape.dims = NEW_ARRAY(rewrite_net(s)->arena, struct dim, (size_t)turned->shape.rank);
    for (int i = 0; i < turned->shape.rank; i++) value->shape.dims[perm[i]] = turned->shape.dims[i];
}

static bool transpose_after(struct simplifier *s, struct node *node)
{
    int64_t perm[TENSOR_MAX_RANK];
    int rank;
    struct value *output = node_output(node, 0);
    if (!has_one_output(node) || !all_transposed(node, perm, &rank)) return false;
    if (output->shape.rank >= 0 && output->shape.rank != rank) return false;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct node *upstream = rewrite_upstream_is(node, i, "Transpose");
        if (upstream) rewrite_set_input(s, node, i, node_input(upstream, 0));
    }
    struct value *between = edit_add_value(node->graph, output->name, NULL);
    turn_back(s, between, output, perm);
    struct node *transpose = rewrite_add_node_after(s, node, "Transpose", &between, 1, output);
    edit_set_ints(transpose, "perm", perm, (size_t)rank);
    rewrite_take_output(s, transpose, node);
    edit_take_output(node, 0, between);
    rewrite_where(s, transpose->proto->name);
    return true;
}

const struct rewrite transpose_rewrites[] = {
    { { "same-order", "Transpose(x) -> x in the order of x" }, "simplify_noops", .apply = same_order },
    { { "transposes", "Transpose(Transpose(x, p), q) -> Transpose(x, p[q])" },
      "simplify_pairs",
      .apply = transpose_transpose },
    { { "inverse-transpose", "Transpose(f(Transpose(x, p)), q) -> f(x)" },
      "simplify_transpose",
      .apply = meet_inverse },
    { { "transpose-after", "f(Transpose(x), Transpose(y)) -> Transpose(f(x, y))" },
      "simplify_transpose",
      .laws = ELEMENTWISE,
      .apply = transpose_after },
    { .apply = NULL },
};
