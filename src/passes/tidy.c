/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fold had to leave is made as small as it gets
 *
 *   BN with s = 1, t = 0 in storage precision    ->  nothing
 *   affine -> BN -> affine                       ->  one BN
 *
 * An affine is Mul, Add, Sub, Div or Neg by constants that nobody else reads between. */
#include "passes/tidy.h"

#include "onnx/edit.h"
#include "passes/affine_node.h"
#include "passes/fate.h"
#include "passes/fold.h"

/* Whether every channel rounds to s = 1, t = 0 in the type of its parameters. */
static bool is_identity_when_stored(const struct affine *a, enum dtype type)
{
    for (int64_t c = 0; c < a->channels; c++)
        if (dtype_round(type, a->scale[c]) != 1 || a->shift[c] != 0) return false;
    return true;
}

/* The affine node that alone feeds input 0 of `node` and reads from the same graph, composed in front of *a. */
static struct node *affine_in_front(struct search *search, struct node *node, struct affine **a, size_t *slot)
{
    struct affine *first, *both;
    const struct value *between = node_input(node, 0);
    struct node *writer = between->writer;
    if (!writer || between->graph != node->graph || between->use_count != 1 || between->is_output) return NULL;
    if (affine_of_node(search, writer, &first, slot) || !(both = affine_compose(search->arena, first, *a))) return NULL;
    if (both->axis != 1 || affine_not_finite(both) >= 0) return NULL;
    *a = both;
    return writer;
}

/* The affine node that alone reads the output of `node`, composed behind *a. */
static struct node *affine_behind(struct search *search, struct node *node, struct affine **a, size_t *slot)
{
    struct affine *second, *both;
    const struct value *between = node->outputs[0];
    if (between->use_count != 1 || between->is_output || !between->uses->node) return NULL;
    struct node *reader = between->uses->node;
    if (reader->graph != node->graph || affine_of_node(search, reader, &second, slot) || *slot != between->uses->slot)
        return NULL;
    if (!(both = affine_compose(search->arena, *a, second)) || both->axis != 1 || affine_not_finite(both) >= 0) return NULL;
    *a = both;
    return reader;
}

/* The BatchNormalization computes `a` from now on: a new one takes its place, and its fate. */
static void replace(struct search *search, struct node *bn, const struct affine *a)
{
    struct value *output = bn->outputs[0];
    struct value *lowered = affine_lower(bn->graph, bn, node_input(bn, 0), a, search->type, true, node_title(bn));
    struct node *last = lowered->writer;
    last->mark = bn->mark;
    edit_take_output(last, lowered->writer_slot, output);
    fates_forget(bn);
    edit_remove_node(bn);
}

static void drop(struct node *neighbour, const struct node *bn)
{
    fates_tell(neighbour, OUTCOME_MERGED, node_title(bn), "");
    fates_forget(neighbour);
    edit_remove_node(neighbour);
}

/* Takes a neighbour's place, whose affine goes into *a; false when there is none to swallow. */
static bool swallow_in_front(struct search *search, struct node *bn, struct affine **a)
{
    size_t slot;
    struct node *neighbour = affine_in_front(search, bn, a, &slot);
    if (!neighbour) return false;
    edit_set_input(bn, 0, node_input(neighbour, slot));
    drop(neighbour, bn);
    return true;
}

static bool swallow_behind(struct search *search, struct node *bn, struct affine **a)
{
    size_t slot;
    struct node *neighbour = affine_behind(search, bn, a, &slot);
    if (!neighbour) return false;
    edit_set_input(neighbour, slot, NULL);
    edit_take_output(bn, 0, neighbour->outputs[0]);
    drop(neighbour, bn);
    return true;
}

/* Swallows all there is before anything is replaced: a chain of n neighbours takes n steps, not n new nodes. */
static void tidy_one(struct search *search, struct node *bn)
{
    struct affine *a;
    size_t slot;
    bool swallowed = false;
    arena_close(search->arena);
    arena_open(search->arena, search->net->arena->memory);
    const struct value *scale = node_input(bn, 1);
    search_begin(search, bn, scale && scale->initializer ? scale->initializer->type : DTYPE_FLOAT);
    if (affine_of_node(search, bn, &a, &slot)) return;
    while (swallow_in_front(search, bn, &a) || swallow_behind(search, bn, &a)) swallowed = true;
    if (is_identity_when_stored(a, search->type)) {
        fates_tell(bn, OUTCOME_REMOVED, "it changes nothing", "");
        fold_finish(bn, 0);
    } else if (swallowed) {
        replace(search, bn, a);
    }
}

bool tidy_run(struct net *net, const struct pass_options *options, struct pass_report *report,
              struct bnfuse_error *error)
{
    struct search *search = search_open(net, options);
    struct seeds seeds = seeds_of(net, net->arena, options);
    for (size_t i = 0; i < seeds.count; i++)
        if (seeds.nodes[i]->mark && node_is(seeds.nodes[i], "BatchNormalization")) tidy_one(search, seeds.nodes[i]);
    search_close(search);
    (void)report, (void)error;
    return true;
}
