/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fold had to leave is made as small as it gets
 *
 *   BN with s = 1, t = 0                         ->  nothing
 *   affine -> BN -> affine                       ->  one BN
 *   BN(x) + affine(x) + rest                     ->  one BN of x, + rest; a difference alike
 *   affine -> Add left by a fold -> affine       ->  one node, where one is enough
 *
 * An affine is Mul, Add, Sub, Div or Neg by constants that nothing else reads between. */
#include "passes/tidy.h"

#include "onnx/graph/bn.h"
#include "onnx/graph/edit.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/sibling.h"
#include "passes/decide/remark.h"
#include "passes/decide/roots.h"

#include <float.h>
#include <math.h>

enum { CHAIN_DEPTH = 8 }; /* affine nodes between a value and a term */
enum { SUM_TERMS = 64 };  /* of a sum, beyond which nobody looks for equal values among them */

/* Whether s = 1, t = 0 in every channel, but for what dividing and multiplying in double leaves. An s that only the
 * parameters' own type takes for 1 is none: what it scales may be stored between. */
static bool is_identity(const struct affine *a)
{
    for (int64_t c = 0; c < a->channels; c++)
        if (fabs(a->scale[c] - 1) > 4 * DBL_EPSILON || a->shift[c] != 0) return false;
    return true;
}

/* Whether one node can compute it of x in the place of `node`: a BatchNormalization along axis 1, else a Mul or an
 * Add. */
static bool is_one_node(const struct node *node, const struct value *x, const struct affine *a)
{
    if (affine_not_finite(a) >= 0) return false;
    if (bn_is(node) && affine_has_scale(a)) return a->axis == 1;
    return !(affine_has_scale(a) && affine_has_shift(a)) && affine_can_lower(node->graph, x, a);
}

/* The affine node that alone feeds input 0 of `node` and reads from the same graph, composed upstream of *a. */
static struct node *affine_upstream(struct decision *decision, struct node *node, struct affine **a, size_t *slot)
{
    struct affine *first, *both;
    const struct value *between = node_input(node, 0);
    struct node *writer = between->writer;
    if (!writer || between->graph != node->graph || between->use_count != 1 || between->is_output) return NULL;
    if (affine_of_node(decision, writer, &first, slot) || !(both = affine_compose(decision->arena, first, *a)))
        return NULL;
    if (!is_one_node(node, node_input(writer, *slot), both)) return NULL;
    *a = both;
    return writer;
}

/* The affine node that alone reads the output of `node`, composed downstream of *a. */
static struct node *affine_downstream(struct decision *decision, struct node *node, struct affine **a, size_t *slot)
{
    struct affine *second, *both;
    const struct value *between = node->outputs[0];
    if (between->use_count != 1 || between->is_output) return NULL;
    struct node *reader = between->uses->node;
    if (reader->graph != node->graph || affine_of_node(decision, reader, &second, slot) || *slot != between->uses->slot)
        return NULL;
    if (!(both = affine_compose(decision->arena, *a, second)) || !is_one_node(node, node_input(node, 0), both))
        return NULL;
    *a = both;
    return reader;
}

/* The node computes `a`, which is not the identity, from now on: a new one takes its place, and its remark. */
static void replace(struct decision *decision, struct node *node, const struct affine *a)
{
    struct value *output = node->outputs[0];
    struct value *lowered = affine_lower(node->graph, node, node_input(node, 0), a, decision->type,
                                         decision->root_is_norm, node_title(node));
    struct node *last = lowered->writer;
    last->mark = node->mark;
    edit_take_output(last, lowered->writer_slot, output);
    remark_forget(node);
    edit_remove_node(node);
}

static void drop(struct node *neighbor, const struct node *node)
{
    remark_applied(neighbor, BNFUSE_OUTCOME_MERGED, node_title(node), "");
    remark_forget(neighbor);
    edit_remove_node(neighbor);
}

/* Takes a neighbor's place, whose affine goes into *a; false when there is none to swallow. */
static bool merge_upstream(struct decision *decision, struct node *node, struct affine **a)
{
    size_t slot;
    struct node *neighbor = affine_upstream(decision, node, a, &slot);
    if (!neighbor) return false;
    edit_set_input(node, 0, node_input(neighbor, slot));
    drop(neighbor, node);
    return true;
}

static bool merge_downstream(struct decision *decision, struct node *node, struct affine **a)
{
    size_t slot;
    struct node *neighbor = affine_downstream(decision, node, a, &slot);
    if (!neighbor) return false;
    edit_set_input(neighbor, slot, NULL);
    edit_take_output(node, 0, neighbor->outputs[0]);
    drop(neighbor, node);
    return true;
}

/* What the term is of x: x itself, or what affine nodes make of it; NULL: something else. */
static const struct affine *affine_of_value(struct decision *decision, const struct value *term, const struct value *x)
{
    const struct affine *all = &affine_identity;
    for (int depth = 0; all && depth < CHAIN_DEPTH; depth++) {
        struct affine *own;
        size_t slot;
        if (term == x) return all;
        if (!term->writer || term->graph != x->graph || affine_of_node(decision, term->writer, &own, &slot))
            return NULL;
        all = affine_compose(decision->arena, own, all);
        term = node_input(term->writer, slot);
    }
    return NULL;
}

/* Takes out of the graph what nothing reads any more of the way from x to the term. */
static void drop_unread(struct decision *decision, struct value *term, const struct node *node)
{
    while (term->writer && term->use_count == 0 && !term->is_output) {
        struct affine *own;
        size_t slot;
        struct node *writer = term->writer;
        if (affine_of_node(decision, writer, &own, &slot)) return;
        term = node_input(writer, slot);
        drop(writer, node);
    }
}

/* Takes a term out of the sum that `own` is in; of a difference it is always the second that goes. */
static void take_term(struct node *sum, size_t slot, struct value *own)
{
    if (slot == 0 && is_difference(sum)) {
        edit_set_input(sum, 0, own);
        slot = 1;
    }
    sum_remove_term(sum, slot);
}

/* What is added to the output, or is the other side of a difference, and is an affine of the same value, goes into the
 * node. */
static bool merge_beside(struct decision *decision, struct node *node, struct affine **a)
{
    struct value *output = node->outputs[0], *x = node_input(node, 0);
    struct node *sum = sum_has_alone(output) ? output->uses->node : NULL;
    const size_t own_slot = sum ? output->uses->slot : 0;
    if (!sum || sum->input_count > SUM_TERMS || !(is_sum(sum) || is_difference(sum))) return false;
    const bool is_taken = is_difference(sum) && own_slot > 0;
    for (size_t slot = 0; slot < sum->input_count; slot++) {
        struct value *term = node_input(sum, slot);
        const struct affine *other = slot != own_slot && term ? affine_of_value(decision, term, x) : NULL;
        if (!other) continue;
        struct affine *both = is_taken ? affine_sum(decision->arena, other, -1, *a)
                                       : affine_sum(decision->arena, *a, affine_sum_sign(sum, slot), other);
        if (!both || !is_one_node(node, x, both)) continue;
        *a = both;
        take_term(sum, slot, output);
        drop_unread(decision, term, node);
        return true;
    }
    return false;
}

/* Swallows all there is before anything is replaced: a chain of n neighbors takes n steps, not n new nodes. */
static void tidy_one(struct decision *decision, struct node *node)
{
    struct affine *a;
    size_t slot;
    bool swallowed = false;
    decision_clear(decision);
    struct value *scale = node_input(node, 1);
    const struct tensor *constant = value_constant(scale);
    decision_begin(decision, node, constant ? constant->type : DTYPE_FLOAT);
    if (affine_of_node(decision, node, &a, &slot) || slot != 0) return;
    const struct value *grown = NULL; /* what holds more than it did */
    for (bool goes_on = true; goes_on; swallowed |= goes_on) {
        const struct value *output = node->outputs[0];
        goes_on = merge_upstream(decision, node, &a) || merge_downstream(decision, node, &a);
        if (goes_on || !bn_is(node) || !merge_beside(decision, node, &a)) continue;
        goes_on = true;
        grown = output;
    }
    if (grown == node->outputs[0]) edit_rename(node->outputs[0]);
    if (is_identity(a)) {
        remark_removed(node, "it changes nothing");
        root_remove(node, 0);
    } else if (swallowed) {
        replace(decision, node, a);
    }
}

/* Mul and Add that a fold left. One that was swallowed meanwhile has no inputs, and is no affine any more. */
static void tidy_residues(struct decision *decision)
{
    for (struct graph *graph = net_next_graph(decision->net, NULL); graph; graph = net_next_graph(decision->net, graph))
        for (struct node *node = graph->first, *next; node; node = next) {
            next = node->next;
            if (node->is_new && affine_is_operator(node)) tidy_one(decision, node);
        }
}

bool tidy_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
              struct bnfuse_error *error)
{
    struct decision *decision = decision_open(net, options, report, &norm_roots);
    struct roots roots = roots_of(net, net->arena, &norm_roots);
    for (size_t i = 0; i < roots.count; i++)
        if (roots.nodes[i]->mark && bn_is(roots.nodes[i])) tidy_one(decision, roots.nodes[i]);
    tidy_residues(decision);
    decision_close(decision);
    (void)error;
    return true;
}
