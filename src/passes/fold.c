/* SPDX-License-Identifier: Apache-2.0
 *
 * The fold: an affine goes into the producer of its input, or into the readers of its output
 *
 *   anchor -> movers -> BN                  anchor -> movers
 *   BN -> movers -> anchors                 movers -> anchors
 *
 * Backward, every value on the way must have no other reader and be no graph output, since it changes. Forward, every
 * reader must take its part. Whole ways are decided before anything changes; of two open ones the one that leaves less
 * work at run time is taken, backward when they are equal. Affine nodes met on the way (Mul and Add of constants, other
 * BatchNormalizations) are swallowed: affines compose.
 *
 * Seeds are taken by depth in the graph and then by name, so that the result does not depend on the order of nodes in
 * the file. Rounds are repeated until nothing changes. */
#include "passes/fold.h"

#include "onnx/attr.h"
#include "onnx/edit.h"
#include "onnx/shape.h"
#include "passes/affine_node.h"
#include "passes/anchor.h"
#include "passes/fate.h"
#include "passes/mover.h"
#include "passes/residue.h"
#include "runtime/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VISIT_LIMIT 2048      /* nodes one decision may look at; more make the fold quadratic on hostile graphs */
#define DEPTH_LIMIT 200       /* nodes between a BatchNormalization and its anchor */
#define ROUND_LIMIT 32

static enum reason backward(struct search *search, struct use *use, const struct affine *a);
static enum reason forward(struct search *search, struct value *value, const struct affine *a);

/* ---- Words ---- */

static enum reason blocked(struct search *search, struct node *node)
{
    return search_stop(search, REASON_NON_LINEAR, node_title(node), "%s", node->op);
}

static void remember_step(struct search *search, const struct node *node)
{
    size_t length = strlen(search->path);
    snprintf(search->path + length, sizeof search->path - length, "%s%s", length ? " -> " : "", node->op);
}

static bool is_opaque(const struct node *node)
{
    return *node->domain || node->opset > LATEST_OPSET || node_refers(node);
}

/* ---- Steps ---- */

/* Per element: a BatchNormalization multiplies and adds, Identity does nothing. */
static int operations_of(const struct node *node)
{
    static const char *const idle[] = { "Identity", "Dropout", "Cast" };
    for (size_t i = 0; i < sizeof(idle) / sizeof(*idle); i++)
        if (node_is(node, idle[i])) return 0;
    return node_is(node, "BatchNormalization") ? 2 : 1;
}

static void apply_rename(struct search *search, const struct step *step)
{
    (void)search;
    edit_rename(step->value);
}

static void rename_step(struct search *search, struct value *value)
{
    search_step(search, apply_rename, NULL)->value = value;
}

/* `work` and that of this affine node; INT64_MAX, and staying that, where a shape is unknown. */
static int64_t work_with(int64_t work, const struct node *node)
{
    int64_t own = shape_count(&node->outputs[0]->shape);
    return size_multiply(own, operations_of(node), &own) && size_add(work, own, &work) ? work : INT64_MAX;
}

/* The node's readers read its input instead, and it goes. */
static void apply_bypass(struct search *search, const struct step *step)
{
    edit_replace_uses(step->node->outputs[0], node_input(step->node, step->slot));
    fates_tell(step->node, OUTCOME_FOLDED, search->where, search->path);
    fates_forget(step->node);
    edit_remove_node(step->node);
}

static void bypass_step(struct search *search, struct node *node, size_t slot)
{
    search_step(search, apply_bypass, node)->slot = slot;
    search->cost.removed_work = work_with(search->cost.removed_work, node);
    search->cost.removed_nodes++;
}

/* Two branches that meet again would swallow what lies behind the meeting twice. */
static bool is_bypassed(const struct search *search, const struct node *node)
{
    for (const struct step *step = search->steps; step; step = step->next)
        if (step->node == node && step->apply == apply_bypass) return true;
    return false;
}

/* ---- Backward ---- */

/* Whether this value may come to hold something else: nobody but `use` would notice. */
static enum reason may_change(struct search *search, const struct value *value, const struct use *use,
                              const struct affine *a)
{
    if (value->graph != use->graph)
        return search_stop(search, REASON_READ_ELSEWHERE, value->name, "it is computed outside the body that reads it");
    if (value->is_output) return search_stop(search, REASON_GRAPH_OUTPUT, value->name, "%s", "");
    for (const struct use *other = value->uses; other; other = other->next)
        if (other != use && !use_is_unaffected(search, other, a))
            return search_stop(search, REASON_READ_ELSEWHERE, other->node ? node_title(other->node) : value->name,
                               "reads \"%s\" too", value->name);
    return REASON_NONE;
}

static enum reason backward_through_affine(struct search *search, struct node *node, size_t slot,
                                           const struct affine *first, const struct affine *second)
{
    const struct affine *both = affine_compose(search->arena, first, second);
    if (!both) return search_stop(search, REASON_NON_LINEAR, node_title(node), "it scales another axis");
    if (is_bypassed(search, node)) return search_stop(search, REASON_NON_LINEAR, node_title(node), "it is met twice");
    int64_t channel = affine_not_finite(both);
    if (channel >= 0)
        return search_stop(search, REASON_NOT_FINITE, node_title(node), "channel %lld of the two together",
                           (long long)channel);
    enum reason reason = backward(search, &node->inputs[slot], both);
    if (!reason) bypass_step(search, node, slot);
    return reason;
}

/* A branch that cannot take its part may keep it, if that is less than what stood there before. */
static enum reason backward_branch(struct search *search, struct crossing *x, size_t slot)
{
    struct search_mark mark = search_mark(search);
    enum reason reason = backward(search, &x->node->inputs[slot], x->onto[slot]);
    if (!reason) return REASON_NONE;
    search_undo(search, mark);
    if (!x->leave_behind) return reason;
    const char *where = search->where, *detail = search->detail;
    enum reason left = residue_before(search, x->node, slot, x->onto[slot]);
    search->where = where;
    search->detail = detail;
    return left ? reason : REASON_NONE;
}

static enum reason backward_through_mover(struct search *search, const struct mover *mover, struct node *node,
                                          size_t slot, const struct affine *a)
{
    struct crossing x = { .search = search, .node = node, .slot = slot, .affine = a };
    enum reason reason = mover_backward(mover, &x);
    const struct affine *uniform = reason ? affine_uniform(search->arena, a) : NULL;
    bool some = false;
    if (uniform) {
        /* Where the channel axis cannot follow, one number for all channels still may. */
        x = (struct crossing){ .search = search, .node = node, .slot = slot, .affine = uniform };
        reason = mover_backward(mover, &x);
    }
    if (reason) return reason;
    for (size_t i = 0; i < node->input_count; i++) {
        if (!x.onto[i] || (x.any_branch && some)) continue;
        struct search_mark mark = search_mark(search);
        reason = backward_branch(search, &x, i);
        if (!reason) some = true;
        else if (x.any_branch) search_undo(search, mark);
        else return reason;
    }
    if (x.any_branch && !some) return reason;
    if (x.residue) return residue_after(search, node, slot, x.residue);
    return REASON_NONE;
}

/* The value that `use` reads shall become a(value), by changing what computes it. */
static enum reason backward_once(struct search *search, struct use *use, const struct affine *a)
{
    enum reason why, reason;
    struct value *value = use->value;
    const struct tensor *constant = search_constant(search, value, &why);
    if (constant) return anchor_absorb_constant(search, use->node, use->slot, constant, a);
    struct node *node = value->writer;
    if (!node && value_is_overridable(value)) return search_stop(search, REASON_WEIGHT_OVERRIDE, value->name, "%s", "");
    if (!node) return search_stop(search, REASON_NO_NEIGHBOUR, value->name, "it is an input");
    if ((reason = may_change(search, value, use, a))) return reason;
    remember_step(search, node);
    if (is_opaque(node)) return blocked(search, node);

    const struct anchor *anchor = anchor_behind(node);
    const struct mover *mover = mover_of(node);
    struct affine *own;
    size_t slot;
    if (anchor) {
        reason = anchor_absorb_behind(search, anchor, node, a);
    } else if (!(reason = affine_of_node(search, node, &own, &slot))) {
        return backward_through_affine(search, node, slot, own, a);
    } else if (mover && reason == REASON_NON_LINEAR) {
        reason = backward_through_mover(search, mover, node, value->writer_slot, a);
    } else {
        return blocked(search, node);
    }
    if (!reason) rename_step(search, value);
    return reason;
}

static enum reason backward(struct search *search, struct use *use, const struct affine *a)
{
    if (affine_is_identity(a)) return REASON_NONE;
    if (++search->visits > VISIT_LIMIT || search->depth >= DEPTH_LIMIT)
        return search_stop(search, REASON_NON_LINEAR, use->value->name, "too many nodes lie on the way");
    search->depth++;
    enum reason reason = backward_once(search, use, a);
    search->depth--;
    return reason;
}

/* ---- Forward ---- */

static enum reason forward_through_mover(struct search *search, const struct mover *mover, struct use *use,
                                         const struct affine *a)
{
    struct node *node = use->node;
    struct crossing x = { .search = search, .node = node, .slot = use->slot, .affine = a };
    enum reason reason = mover_forward(mover, &x);
    const struct affine *uniform = reason ? affine_uniform(search->arena, a) : NULL;
    if (uniform) {
        x = (struct crossing){ .search = search, .node = node, .slot = use->slot, .affine = uniform };
        reason = mover_forward(mover, &x);
    }
    for (size_t i = 0; !reason && i < node->output_count && i < CROSSING_MAX; i++) {
        if (!x.onto[i] || !node->outputs[i] || affine_is_identity(x.onto[i])) continue;
        reason = forward(search, node->outputs[i], x.onto[i]);
        if (!reason) rename_step(search, node->outputs[i]);
    }
    return reason;
}

/* The value that `use` reads shall lose `a`; its reader makes up for it. */
static enum reason forward_use(struct search *search, struct use *use, const struct affine *a)
{
    enum reason reason;
    struct node *node = use->node;
    struct affine *own;
    size_t slot;
    if (use_is_unaffected(search, use, a)) return REASON_NONE;
    if (!node || use->graph != use->value->graph)
        return search_stop(search, REASON_NON_LINEAR, node ? node_title(node) : use->value->name, "it is read inside a body");
    remember_step(search, node);
    if (is_opaque(node)) return blocked(search, node);
    const struct anchor *anchor = anchor_in_front(node, use->slot);
    const struct mover *mover = mover_of(node);
    if (anchor) return anchor_absorb_in_front(search, anchor, node, use->slot, a);
    if (!(reason = affine_of_node(search, node, &own, &slot)) && slot == use->slot) {
        const struct affine *both = affine_compose(search->arena, a, own);
        if (both && affine_not_finite(both) < 0) {
            /* Two that cancel out need no home, but a graph output keeps its writer and so its name. */
            const struct value *output = node->outputs[0];
            if (output->is_output) return search_stop(search, REASON_GRAPH_OUTPUT, output->name, "%s", "");
            if (is_bypassed(search, node))
                return search_stop(search, REASON_NON_LINEAR, node_title(node), "it is met twice");
            reason = forward(search, node->outputs[0], both);
            if (!reason) bypass_step(search, node, slot);
            return reason;
        }
    }
    if (mover) return forward_through_mover(search, mover, use, a);
    return blocked(search, node);
}

static enum reason forward_once(struct search *search, struct value *value, const struct affine *a)
{
    if (value->is_output) return search_stop(search, REASON_GRAPH_OUTPUT, value->name, "%s", "");
    for (struct use *use = value->uses; use; use = use->next) {
        enum reason reason = forward_use(search, use, a);
        if (reason) return reason;
    }
    return REASON_NONE;
}

static enum reason forward(struct search *search, struct value *value, const struct affine *a)
{
    if (affine_is_identity(a)) return REASON_NONE;
    if (++search->visits > VISIT_LIMIT || search->depth >= DEPTH_LIMIT)
        return search_stop(search, REASON_NON_LINEAR, value->name, "too many nodes lie on the way");
    search->depth++;
    enum reason reason = forward_once(search, value, a);
    search->depth--;
    return reason;
}

/* ---- One decision ---- */

static void release_scratch(void *arena)
{
    arena_close(arena);
}

struct search *search_open(struct net *net, const struct pass_options *options)
{
    struct search *search = NEW(net->arena, struct search);
    search->net = net;
    search->options = options;
    search->constants = constants_open(net->arena, options->fold_limit);
    search->arena = NEW(net->arena, struct arena);
    arena_open(search->arena, net->arena->memory);
    arena_defer(net->arena, release_scratch, search->arena);
    return search;
}

void search_close(struct search *search)
{
    constants_close(search->constants);
    arena_close(search->arena);
}

enum dtype fold_type(const struct node *node)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node->inputs[i].value;
        if (value && dtype_kind(value->type) == KIND_REAL) return value->type;
        if (value && value->initializer) return value->initializer->type;
    }
    return DTYPE_FLOAT;
}

void fold_finish(struct node *node, size_t slot)
{
    struct value *result = node_input(node, slot), *output = node->outputs[0];
    struct graph *graph = node->graph;
    struct node *writer = result->writer;
    edit_set_input(node, slot, NULL);
    if (writer && !result->is_output && result->graph == graph) {
        size_t writer_slot = result->writer_slot;
        edit_replace_uses(result, output);
        edit_take_output(writer, writer_slot, output);
        fates_forget(node);
        edit_remove_node(node);
    } else if (!output->is_output) {
        edit_replace_uses(output, result);
        fates_forget(node);
        edit_remove_node(node);
    } else {
        /* A constant, an input or another output stands for a graph output: the name needs a writer. */
        struct node *identity = edit_add_node(graph, node, "Identity", node_title(node), &result, 1, output);
        edit_take_output(identity, 0, output);
        fates_forget(node);
        edit_remove_node(node);
    }
}

/* Forward, readers look past the node; its output is gone. */
static void finish_forward(struct node *node, size_t slot)
{
    edit_replace_uses(node->outputs[0], node_input(node, slot));
    fates_forget(node);
    edit_remove_node(node);
}

/* A BatchNormalization goes if no more nodes than it takes with it stay, none of them another one. Else what stays must
 * be less work than what goes; and one BatchNormalization is never traded for two. */
static bool is_worth_it(const struct search *search, const struct node *seed)
{
    const struct cost *cost = &search->cost;
    int64_t removed = work_with(cost->removed_work, seed);
    if (cost->nodes == 0) return true;
    if (search->seed_is_norm && cost->norms == 0 && cost->nodes <= 1 + cost->removed_nodes) return true;
    if (cost->norms > 1 || (cost->norms == 1 && cost->nodes > 1)) return false;
    return removed != INT64_MAX && cost->work < removed;
}

static void apply_steps(struct search *search)
{
    for (const struct step *step = search->steps; step; step = step->next) step->apply(search, step);
}

/* Whether the reason ahead tells the user more than the one behind: a fold that nearly worked more than a wall, a wall
 * more than nothing being there at all. */
static bool says_more(enum reason ahead, enum reason behind)
{
    if (ahead == REASON_NO_NEIGHBOUR || ahead == REASON_GRAPH_OUTPUT) return false;
    return behind == REASON_NO_NEIGHBOUR || (behind == REASON_NON_LINEAR && ahead != REASON_NON_LINEAR);
}

static void tell(struct search *search, struct search *behind, enum reason reason_behind, struct search *ahead,
                 enum reason reason_ahead, const struct node *seed)
{
    struct search *best = says_more(reason_ahead, reason_behind) ? ahead : behind;
    const char *path = arena_printf(search->arena, "backward: %s; forward: %s", *behind->path ? behind->path : "nothing",
                                    *ahead->path ? ahead->path : "nothing");
    fates_stay(seed, best == ahead ? reason_ahead : reason_behind, best->where, best->detail, path);
}

/* A way that is open and worth it. */
static enum reason judge(struct search *search, const struct node *seed, enum reason reason)
{
    if (!reason && !is_worth_it(search, seed))
        return search_stop(search, REASON_NOT_WORTH, search->where, "%d nodes would stay behind", search->cost.nodes);
    return reason;
}

static bool fold_one(struct search *search, struct node *node, struct pass_report *report)
{
    struct affine *a;
    size_t slot;
    arena_close(search->arena);
    arena_open(search->arena, search->net->arena->memory);
    search_begin(search, node, fold_type(node));
    enum reason reason = affine_of_node(search, node, &a, &slot);
    if (reason) {
        fates_stay(node, reason, search->where, search->detail, "");
        return false;
    }
    struct search behind = *search, ahead = *search;
    search_begin(&behind, node, search->type);
    search_begin(&ahead, node, search->type);
    enum reason reason_behind = judge(&behind, node, backward(&behind, &node->inputs[slot], a));
    enum reason reason_ahead = REASON_NOT_WORTH;
    if (reason_behind || behind.cost.nodes)
        reason_ahead = judge(&ahead, node, forward(&ahead, node->outputs[0], a));
    if (reason_behind && reason_ahead) {
        tell(search, &behind, reason_behind, &ahead, reason_ahead, node);
        return false;
    }
    bool go_back = !reason_behind && (reason_ahead || behind.cost.work <= ahead.cost.work);
    struct search *way = go_back ? &behind : &ahead;
    int64_t removed = work_with(way->cost.removed_work, node);
    if (removed != INT64_MAX && way->cost.work <= removed) report->multiply_adds_saved += (removed - way->cost.work) / 2;
    /* When a smaller BatchNormalization stays, it inherits the fate and will say why in the next round. */
    fates_tell(node, way->cost.norms ? OUTCOME_STAYS : OUTCOME_FOLDED, way->where,
               arena_printf(search->arena, "%s: %s", go_back ? "backward" : "forward", way->path));
    apply_steps(way);
    if (go_back) fold_finish(node, slot);
    else finish_forward(node, slot);
    return true;
}

/* The only reader of what the fold left, if it is Mul, Add, Sub or Div: it may follow. */
static struct node *follower(const struct value *output)
{
    static const char *const ops[] = { "Mul", "Add", "Sub", "Div", "Neg" };
    if (output->use_count != 1 || output->is_output) return NULL;
    struct node *reader = output->uses->node;
    for (size_t i = 0; reader && i < sizeof(ops) / sizeof(*ops); i++)
        if (node_is(reader, ops[i])) return reader;
    return NULL;
}

static bool fold_with_followers(struct search *search, struct node *node, struct pass_report *report)
{
    bool folded = false;
    while (node) {
        struct value *output = node->outputs[0];
        if (!fold_one(search, node, report)) break;
        folded = true;
        node = follower(output);
    }
    return folded;
}

/* ---- The pass ---- */

static bool is_called_once(const struct graph *graph)
{
    while (graph->owner) graph = graph->owner->graph;
    return !graph->function || graph->call_count == 1;
}

static int by_depth_then_name(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    const struct note *mine = x->mark, *other = y->mark;
    if (mine->depth != other->depth) return mine->depth < other->depth ? -1 : 1;
    return strcmp(x->outputs[0]->name, y->outputs[0]->name);
}

static bool is_skipped(const struct node *node, const struct pass_options *options)
{
    for (size_t i = 0; i < options->skip_count; i++)
        if (strcmp(options->skip[i], node_title(node)) == 0) return true;
    return false;
}

struct seeds seeds_of(const struct net *net, struct arena *arena, const struct pass_options *options)
{
    struct seeds seeds = { NULL, 0 };
    size_t room = 0;
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next) room += node_is(node, "BatchNormalization");
    seeds.nodes = NEW_ARRAY(arena, struct node *, room);
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next) {
            if (!node_is(node, "BatchNormalization") || !node->mark || !node_output(node, 0)) continue;
            if (is_skipped(node, options)) fates_stay(node, REASON_SKIPPED, node_title(node), "", "");
            else if (!is_called_once(graph)) fates_stay(node, REASON_SHARED_FUNCTION, node_title(node), "", "");
            else if (node_refers(node))
                fates_stay(node, REASON_NOT_CONSTANT, node_title(node), "an attribute is a parameter of the function", "");
            else seeds.nodes[seeds.count++] = node;
        }
    qsort(seeds.nodes, seeds.count, sizeof *seeds.nodes, by_depth_then_name);
    return seeds;
}

bool fold_run(struct net *net, const struct pass_options *options, struct pass_report *report,
              struct bnfuse_error *error)
{
    struct search *search = search_open(net, options);
    constants_spend(search->constants, report->grown);     /* by an earlier round */
    bool changed = true;
    for (int round = 0; changed && round < ROUND_LIMIT; round++) {
        struct seeds seeds = seeds_of(net, net->arena, options);
        changed = false;
        for (size_t i = 0; i < seeds.count; i++) {
            if (seeds.nodes[i]->mark && fold_with_followers(search, seeds.nodes[i], report)) changed = true;
            if (options->progress && i % 64 == 0) options->progress(options->context, (double)i / (double)seeds.count);
        }
    }
    report->grown = constants_spent(search->constants);
    search_close(search);
    (void)error;
    return true;
}
