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

/* A sum, and those of its terms that are affines of x. The root is one; of the others the first stays, and is x. */
struct beside {
    struct node *sum;
    const struct use *own;
    const struct value *x;
    const struct affine *total;
    struct term {
        size_t slot;
        const struct use *use; /* of x */
    } others[BESIDE_TERMS];
    size_t count;
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
    double *scale, *shift;
    const struct use *use = &b->sum->inputs[slot];
    const struct affine *other = affine_blank(decision->arena, AXIS_ANY, 1, &scale, &shift), *both;
    scale[0] = 1;
    follow(decision, b->x, &use, &other);
    if (use->value != b->x || !(both = total(decision, b, slot, other))) return false;
    b->total = both;
    b->others[b->count++] = (struct term){ slot, use };
    return true;
}

static void find_terms(struct decision *decision, struct beside *b)
{
    for (size_t slot = 0; slot < b->sum->input_count; slot++) {
        const struct decision_mark mark = decision_mark(decision);
        if (slot != b->own->slot && !add_term(decision, b, slot)) decision_undo(decision, mark);
    }
}

static void apply_removal(struct decision *decision, const struct step *step)
{
    (void)decision;
    sum_remove_term(step->node, step->slot);
}

/* Every term wants x under the total. The last are removed first, so that the slots of the others stay. */
static enum reason beside_upstream(struct decision *decision, const struct beside *b, struct use *use)
{
    for (size_t i = 0; i < b->count; i++) way_demand(decision, b->others[i].use, b->total);
    for (size_t i = b->count; i-- > 1;) decision_step(decision, apply_removal, b->sum)->slot = b->others[i].slot;
    return way_upstream(decision, use, b->total);
}

enum reason way_beside(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    const struct use *use = &root->inputs[slot];
    const struct value *output = root->outputs[0];
    struct node *sum = sum_has_alone(output) ? output->uses->node : NULL;
    struct beside b = { .sum = sum, .own = output->uses };
    const bool is_small = sum && (is_sum(sum) || is_difference(sum)) && sum->input_count <= BESIDE_TERMS;
    follow(decision, NULL, &use, &a);
    b.x = use->value;
    b.total = a;
    if (is_small) find_terms(decision, &b);
    if (!b.count) return decision_stop(decision, REASON_READ_ELSEWHERE, b.x->name, "no affine of it is added");
    const bool is_whole = b.count + 1 == sum->input_count;
    decision->cost.removed_nodes += is_whole;
    const struct decision_mark mark = decision_mark(decision);
    enum reason reason = beside_upstream(decision, &b, &use->node->inputs[use->slot]);
    if (!reason || !is_whole) return reason;
    decision_undo(decision, mark);
    decision->leaves_scale = true;
    decision_rename(decision, sum->outputs[0]);
    return way_downstream(decision, sum->outputs[0], b.total);
}

void way_beside_finish(const struct decision *decision, struct node *root, size_t slot)
{
    const struct use *own = root->outputs[0]->uses;
    struct node *sum = own->node;
    if (decision->leaves_scale) {
        edit_replace_uses(sum->outputs[0], node_input(root, slot));
        remark_forget(sum);
        edit_remove_node(sum);
    } else {
        sum_remove_term(sum, own->slot);
    }
    remark_forget(root);
    edit_remove_node(root);
}
