/* SPDX-License-Identifier: Apache-2.0
 *
 * Beside: with the other terms of the sum that reads the root
 *
 *   (s*x + t) + (u*x + v)  =  (s + u)*x + (t + v)      x itself is a term, too; a difference alike
 *
 * Either what computes x takes the whole, where nothing else reads x, or the readers of the sum do. */
#include "passes/way_beside.h"

#include "onnx/graph/bn.h"
#include "onnx/graph/edit.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/sibling.h"
#include "passes/decide/remark.h"
#include "passes/way_meet.h"

enum { BESIDE_DEPTH = 8, BESIDE_TERMS = 64 }; /* affine nodes between the value and a term; terms looked at */

/* The affine node that writes what `use` reads, if nothing else reads it. */
static struct node *affine_upstream(struct decision *decision, const struct use *use, struct affine **own, size_t *slot)
{
    const struct value *value = use->value;
    struct node *writer = value ? value->writer : NULL;
    if (!writer || writer->graph != use_graph(use) || !sum_has_alone(value) || way_is_opaque(writer) || bn_is(writer))
        return NULL;
    return affine_of_node(decision, writer, own, slot) ? NULL : writer;
}

/* Follows affine nodes upstream, up to `end` (NULL: as far as they go), and bypasses them: *use reads what is upstream
 * of them then, and *a is composed with what they are. */
static void follow(struct decision *decision, const struct value *end, const struct use **use, const struct affine **a)
{
    for (int depth = 0; depth < BESIDE_DEPTH && (*use)->value != end; depth++) {
        struct affine *own;
        size_t slot;
        struct node *node = affine_upstream(decision, *use, &own, &slot);
        const struct affine *both = node ? affine_compose(decision->arena, own, *a) : NULL;
        if (!both) return;
        way_bypass(decision, node, slot);
        *use = &node->inputs[slot];
        *a = both;
    }
}

/* Sums, the first of which reads the root and each further one what the one before writes, and their other terms that
 * are affines of x. */
struct beside {
    struct node *sum;      /* the last of them */
    const struct use *own; /* its term that the root is in */
    const struct value *x;
    const struct affine *total;             /* of that term, and of the others that were found */
    const struct use *others[BESIDE_TERMS]; /* where x is read for them */
    size_t slots[BESIDE_TERMS];             /* of the last sum: those, and the own one */
    size_t count, slot_count;
};

/* Of a difference the second is taken from the first. */
static const struct affine *total(struct decision *decision, const struct beside *b, size_t slot,
                                  const struct affine *other)
{
    if (affine_sum_sign(b->sum, b->own->slot) < 0) return affine_sum(decision->arena, other, -1, b->total);
    return affine_sum(decision->arena, b->total, affine_sum_sign(b->sum, slot), other);
}

/* One more term, if it is an affine of x; what lies between is bypassed. */
static bool add_term(struct decision *decision, struct beside *b, size_t slot)
{
    const struct use *use = &b->sum->inputs[slot];
    const struct affine *other = &affine_identity, *both;
    follow(decision, b->x, &use, &other);
    if (use->value != b->x || !(both = total(decision, b, slot, other))) return false;
    b->total = both;
    b->others[b->count++] = use;
    return true;
}

/* The sum that alone reads the value, and its terms; false: there is none, or no other term is an affine of x. */
static bool find_terms(struct decision *decision, struct beside *b, const struct value *value)
{
    struct node *sum = sum_has_alone(value) ? value->uses->node : NULL;
    const size_t before = b->count;
    if (!sum || !(is_sum(sum) || is_difference(sum)) || sum->input_count > BESIDE_TERMS - b->count) return false;
    b->sum = sum;
    b->own = value->uses;
    b->slot_count = 0;
    for (size_t slot = 0; slot < sum->input_count; slot++) {
        const struct decision_mark mark = decision_mark(decision);
        if (slot == b->own->slot || add_term(decision, b, slot)) b->slots[b->slot_count++] = slot;
        else decision_undo(decision, mark);
    }
    return b->count > before;
}

static bool is_whole(const struct beside *b)
{
    return b->slot_count == b->sum->input_count;
}

/* The sum, which is a multiple of x, goes, and so do affine nodes that alone read it; what holds the total then. */
static const struct value *climb(struct decision *decision, struct beside *b)
{
    struct node *node = b->sum;
    const struct value *value = node->outputs[0];
    way_bypass(decision, node, b->own->slot);
    for (int depth = 0; depth < BESIDE_DEPTH && sum_has_alone(value); depth++) {
        struct affine *own;
        size_t slot;
        node = value->uses->node;
        if (way_is_opaque(node) || bn_is(node) || affine_of_node(decision, node, &own, &slot)) break;
        const struct affine *both = slot == value->uses->slot ? affine_compose(decision->arena, b->total, own) : NULL;
        if (!both) break;
        way_bypass(decision, node, slot);
        b->total = both;
        value = node->outputs[0];
    }
    return value;
}

/* The readers of the root read x, which is what its input holds now. */
static void apply_redirection(struct decision *decision, const struct step *step)
{
    (void)decision;
    edit_replace_uses(step->node->outputs[0], node_input(step->node, step->slot));
}

static void apply_removal(struct decision *decision, const struct step *step)
{
    (void)decision;
    sum_remove_term(step->node, step->slot);
}

/* What computes x takes the total: every term wants it so. Of the terms, which are all x then, the first stays. */
static enum reason beside_upstream(struct decision *decision, const struct beside *b, struct use *use)
{
    for (size_t i = 0; i < b->count; i++) way_demand(decision, b->others[i], b->total);
    enum reason reason = way_upstream(decision, use, b->total);
    /* The last first, so that the slots of the others stay. */
    for (size_t i = b->slot_count; i-- > 1;) decision_step(decision, apply_removal, b->sum)->slot = b->slots[i];
    decision->cost.removed_nodes += is_whole(b);
    return reason;
}

/* The readers of the sum take the total; the sum, of which all terms are x then, goes. */
static enum reason beside_downstream(struct decision *decision, const struct beside *b)
{
    enum reason reason = way_downstream(decision, b->sum->outputs[0], b->total);
    way_bypass(decision, b->sum, b->own->slot);
    return reason;
}

enum reason way_beside(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    const struct use *use = &root->inputs[slot];
    const struct value *value = root->outputs[0];
    follow(decision, NULL, &use, &a);
    struct beside b = { .x = use->value, .total = a };
    enum reason reason = decision_stop(decision, REASON_READ_ELSEWHERE, b.x->name, "no affine of it is added");
    decision_step(decision, apply_redirection, root)->slot = slot;
    while (reason && find_terms(decision, &b, value)) {
        const struct decision_mark mark = decision_mark(decision);
        reason = beside_upstream(decision, &b, &use->node->inputs[use->slot]);
        if (!reason || !is_whole(&b)) return reason;
        decision_undo(decision, mark);
        if (!beside_downstream(decision, &b)) return REASON_NONE;
        decision_undo(decision, mark);
        value = climb(decision, &b);
    }
    return reason;
}

void way_beside_finish(const struct decision *decision, struct node *root, size_t slot)
{
    (void)decision, (void)slot;
    remark_forget(root);
    edit_remove_node(root);
}
