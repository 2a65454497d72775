/* SPDX-License-Identifier: Apache-2.0
 *
 * Attempts: whole ways are decided before anything changes; of two open ones the one that leaves less work at run time
 * is taken, upstream when they are equal. */
#include "passes/attempt.h"

#include "onnx/graph/edit.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/norm.h"
#include "passes/algebra/sibling.h"
#include "passes/decide/extras.h"
#include "passes/decide/remark.h"
#include "passes/way_beside.h"
#include "passes/way_meet.h"

#include <math.h>
#include <string.h>

/* Downstream, readers look past the node; its output is gone. */
static void finish_downstream(const struct decision *decision, struct node *node, size_t slot)
{
    (void)decision;
    edit_replace_uses(node->outputs[0], node_input(node, slot));
    remark_forget(node);
    edit_remove_node(node);
}

struct work attempt_removes(const struct decision *decision, const struct node *root)
{
    struct work removed = decision->cost.removed;
    work_add(&removed, &root->outputs[0]->shape, way_operations(root));
    return removed;
}

/* What goes must be more than what is left over. A BatchNormalization goes if no more nodes than it takes with it are
 * left, none of them another one; else what is left must be less work than what goes. Other roots go if fewer nodes
 * are left. */
static bool is_worth_it(struct decision *decision, const struct node *root)
{
    const struct cost *cost = &decision->cost;
    if (cost->nodes == 0) return true;
    if (!decision->kind->trades_nodes) return cost->norms == 0 && cost->nodes <= cost->removed_nodes;
    if (decision->root_is_norm && cost->norms == 0 && cost->nodes <= 1 + cost->removed_nodes) return true;
    if (cost->norms == MOST_NORMS && cost->nodes > MOST_NORMS) return false;
    const struct work removed = attempt_removes(decision, root);
    return decision_is_less(decision, &cost->work, &removed);
}

static void apply_steps(struct decision *decision)
{
    for (const struct step *step = decision->steps; step; step = step->next) step->apply(decision, step);
}

/* Whether the downstream reason is more specific than the upstream one: a fold that nearly worked, then an operator
 * that stops the affine, then no neighbor at all. */
static bool says_more(enum reason down, enum reason up)
{
    if (down == REASON_NO_NEIGHBOR || down == REASON_GRAPH_OUTPUT) return false;
    return up == REASON_NO_NEIGHBOR || (up == REASON_NON_LINEAR && down != REASON_NON_LINEAR);
}

/* Whether the way is worth it at some sizes of the open dims, for all that is known. */
static bool depends_on_sizes(struct decision *decision, const struct work *removed)
{
    const struct cost *cost = &decision->cost;
    if (!decision->kind->trades_nodes || (cost->norms == MOST_NORMS && cost->nodes > MOST_NORMS)) return false;
    return !decision_is_at_most(decision, removed, &cost->work);
}

/* The name of a dim that may decide which is less, as a graph input declares it; rather one that only one of them has.
 * NULL if there is none. */
static const char *deciding_dim(const struct decision *decision, const struct work *left, const struct work *removed)
{
    const struct graph *graph = decision->net->main;
    const char *best = NULL;
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct value *input = graph->inputs[i];
        for (int axis = 0; axis < input->shape.rank; axis++) {
            int symbol = input->shape.dims[axis].symbol;
            const char *name = value_dim_name(input, axis);
            if (!symbol || !name || decision_has_size(decision, symbol)) continue;
            if (work_has(left, symbol) != work_has(removed, symbol)) return name;
            if (!best && axis > 0 && !work_has(left, symbol)) best = name; /* what is computed from it may decide */
        }
    }
    return best;
}

/* A way that is open and worth it. */
static enum reason judge(struct decision *decision, const struct node *root, enum reason reason)
{
    if (reason || (reason = way_waits(decision)) || is_worth_it(decision, root)) return reason;
    struct work removed = attempt_removes(decision, root);
    if (!depends_on_sizes(decision, &removed))
        return decision_stop(decision, REASON_NOT_WORTH, decision->words.where, "%d nodes would be left over",
                             decision->cost.nodes);
    const char *dim = deciding_dim(decision, &decision->cost.work, &removed);
    return decision_stop(decision, REASON_NOT_WORTH, decision->words.where,
                         "%d nodes would be left over; whether that is less work depends on sizes that the graph's "
                         "inputs leave open: %s%s%s",
                         decision->cost.nodes, dim ? "--dim " : "declare them", dim ? dim : "", dim ? "=N" : "");
}

/* ---- Ways ---- */

static enum reason decide_upstream(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    return way_upstream(decision, &root->inputs[slot], a);
}

static enum reason decide_downstream(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    (void)slot;
    return way_downstream(decision, root->outputs[0], a);
}

static bool is_invertible(struct decision *decision, const struct node *root)
{
    const bool is_single = decision->type == DTYPE_FLOAT || decision->type == DTYPE_DOUBLE;
    return is_single && norm_is_invertible(decision, root);
}

/* As upstream, where further readers take the inverse. */
static enum reason decide_inverse(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    if (!is_invertible(decision, root))
        return decision_stop(decision, REASON_READ_ELSEWHERE, node_title(root), "an inverse would lose what went in");
    decision->compensates = true;
    return way_upstream(decision, &root->inputs[slot], a);
}

/* As upstream, where a table that others read too is there twice then. */
static enum reason decide_copy(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    decision->copies = true;
    return way_upstream(decision, &root->inputs[slot], a);
}

/* s*x + t = s*(x + t/s): the shift goes upstream, and out of other readers again; the scale downstream, where it
 * crosses Relu and padding does it no harm. */
static enum reason decide_parts(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    double largest = 0, *scale, *shift;
    const struct affine *upper = affine_blank(decision->arena, a->axis, a->channels, &scale, &shift);
    if (!is_invertible(decision, root))
        return decision_stop(decision, REASON_READ_ELSEWHERE, node_title(root), "an inverse would lose what went in");
    for (int64_t c = 0; c < a->channels; c++) largest = fmax(largest, fabs(a->scale[c]));
    for (int64_t c = 0; c < a->channels; c++) {
        if (!(fabs(a->scale[c]) > SMALLEST_SHARE * largest))
            return decision_stop(decision, REASON_READ_ELSEWHERE, node_title(root),
                                 "channel %lld has too small a scale to invert", (long long)c);
        scale[c] = 1;
        shift[c] = a->shift[c] / a->scale[c];
    }
    decision->compensates = true;
    decision->leaves_scale = affine_has_scale(a);
    enum reason reason = way_upstream(decision, &root->inputs[slot], upper);
    decision->compensates = false;
    return reason ? reason : way_downstream(decision, root->outputs[0], affine_scale_only(decision->arena, a));
}

static enum reason decide_sibling(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    return sibling_absorbs(decision, root, slot, a);
}

/* The affine nodes that alone feed a use go with what follows them; the use that the whole is of. */
static struct use *swallow_upstream(struct decision *decision, struct use *use, const struct affine **a)
{
    for (unsigned steps = 0; steps < WAY_DEPTH; steps++) {
        struct affine *own;
        size_t slot;
        const struct value *value = use->value;
        struct node *node = value->writer;
        if (!node || value->graph != use_graph(use) || value->use_count != 1 || value->is_output || way_is_opaque(node))
            break;
        if (affine_of_node(decision, node, &own, &slot)) break;
        const struct affine *both = affine_compose(decision->arena, own, *a);
        if (!both || affine_not_finite(both) >= 0) break;
        way_bypass(decision, node, slot);
        *a = both;
        use = &node->inputs[slot];
    }
    return use;
}

/* s*x + t = g*(|s|*x + g*t) with g the sign of s: the part in brackets goes upstream, where it passes Relu and Clip,
 * and g, a mere scale, downstream, where padding does it no harm. */
static enum reason decide_floor(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    struct use *use = swallow_upstream(decision, &root->inputs[slot], &a);
    double *scale, *shift, *sign, *zero;
    const struct affine *upper = affine_blank(decision->arena, a->axis, a->channels, &scale, &shift);
    const struct affine *lower = affine_blank(decision->arena, a->axis, a->channels, &sign, &zero);
    for (int64_t c = 0; c < a->channels; c++) {
        sign[c] = a->scale[c] < 0 ? -1 : 1;
        zero[c] = 0;
        scale[c] = fabs(a->scale[c]);
        shift[c] = sign[c] * a->shift[c];
    }
    decision->floors = true;
    decision->leaves_scale = affine_has_scale(lower);
    enum reason reason = way_upstream(decision, use, upper);
    return reason ? reason : way_downstream(decision, root->outputs[0], lower);
}

/* All of it upstream, where Relu becomes Max on some channels and Min on others. */
static enum reason decide_floor_and_ceiling(struct decision *decision, struct node *root, size_t slot,
                                            const struct affine *a)
{
    struct use *use = swallow_upstream(decision, &root->inputs[slot], &a);
    decision->floors = decision->ceilings = true;
    return way_upstream(decision, use, a);
}

static void finish_upstream(const struct decision *decision, struct node *root, size_t slot)
{
    if (decision->leaves_scale) finish_downstream(decision, root, slot);
    else root_remove(root, slot);
}

static void finish_sibling(const struct decision *decision, struct node *root, size_t slot)
{
    (void)decision, (void)slot;
    sibling_remove(root);
}

static bool floors_are_wanted(const struct decision *decision)
{
    return is_enabled(decision->options, EXTRA_FLOOR);
}

static bool root_is_norm(const struct decision *decision)
{
    return decision->root_is_norm;
}

/* A BatchNormalization beside another affine takes that in, and not the other way round (tidy.c). */
static bool root_is_no_norm(const struct decision *decision)
{
    return !decision->root_is_norm;
}

/* What changes other BatchNormalizations waits until nothing simpler is left to do. */
static bool is_late_norm(const struct decision *decision)
{
    return decision->root_is_norm && decision->is_late;
}

/* Where an affine can go, in the order of preference. Each way is decided by itself; `finish` takes the root out after
 * the steps. */
static const struct way {
    const char *name;
    bool (*is_wanted)(const struct decision *decision); /* NULL: always */
    enum reason (*decide)(struct decision *decision, struct node *root, size_t slot, const struct affine *a);
    void (*finish)(const struct decision *decision, struct node *root, size_t slot);
} ways[] = {
    { "upstream", NULL, decide_upstream, finish_upstream },
    { "downstream", NULL, decide_downstream, finish_downstream },
    { "sibling", NULL, decide_sibling, finish_sibling },
    { "beside", root_is_no_norm, way_beside, way_beside_finish },
    { "upstream, with the inverse into other readers", root_is_norm, decide_inverse, finish_upstream },
    { "the shift upstream, the scale downstream", is_late_norm, decide_parts, finish_upstream },
    { "upstream, into a copy", is_late_norm, decide_copy, finish_upstream },
    { "upstream, with floors", floors_are_wanted, decide_floor, finish_upstream },
    { "upstream, with floors and ceilings", floors_are_wanted, decide_floor_and_ceiling, finish_upstream },
};
enum { WAY_COUNT = sizeof(ways) / sizeof(*ways), TOLD_COUNT = 2 };

/* A closed way has nothing but its words. */
static void forget(struct attempt *attempt, struct arena *arena)
{
    struct words *words = &attempt->decision.words;
    words->where = arena_copy_text(arena, words->where);
    words->detail = arena_copy_text(arena, words->detail);
    arena_close(attempt->decision.arena);
}

/* Tries the ways in order until one leaves nothing over; the number of the best, or WAY_COUNT if none is open. A later
 * way has to be less work than an earlier one. */
static size_t best_way(struct decision *decision, struct attempt *attempts, struct node *root, size_t slot,
                       const struct affine *a)
{
    size_t best = WAY_COUNT;
    for (size_t i = 0; i < WAY_COUNT; i++) {
        struct attempt *attempt = &attempts[i];
        attempt->reason = REASON_NOT_WORTH;
        attempt->way = &ways[i];
        if (best < WAY_COUNT && attempts[best].decision.cost.nodes == 0) continue;
        if (ways[i].is_wanted && !ways[i].is_wanted(decision)) continue;
        attempt->decision = *decision;
        attempt->decision.arena = arena_scratch(decision->arena);
        decision_begin(&attempt->decision, root, decision->type);
        attempt->reason = judge(&attempt->decision, root, ways[i].decide(&attempt->decision, root, slot, a));
        if (attempt->reason) forget(attempt, decision->arena);
        else if (best == WAY_COUNT
                 || decision_is_less(decision, &attempt->decision.cost.work, &attempts[best].decision.cost.work))
            best = i;
    }
    return best;
}

/* Whether a way goes further than the upstream one, where both end for the same reason: which of the other readers
 * takes no inverse is more than that there are some. */
static bool goes_further(const struct decision *decision, const struct attempt *attempt, const struct attempt *upstream)
{
    if (attempt->reason != upstream->reason) return false;
    if (attempt->way->decide == decide_inverse) return attempt->reason == REASON_READ_ELSEWHERE;
    return attempt->way->decide == decide_floor && floors_are_wanted(decision);
}

/* Where no reader was asked for an inverse, as the root has none: the words of the upstream way, and why. */
static void complete_words(struct words *words, const struct decision *decision, const struct attempt *upstream,
                           const struct node *root)
{
    const struct words *first = &upstream->decision.words;
    if (strcmp(words->where, node_title(root)) != 0) return;
    words->where = first->where;
    words->detail = arena_printf(decision->arena, "%s, and %s", first->detail, words->detail);
}

/* The path tells of these; the others are attempts that few graphs are made for. */
static bool is_told(const struct decision *decision, const struct way *way)
{
    return way - ways < TOLD_COUNT || (way->decide == decide_floor && floors_are_wanted(decision));
}

/* Of the closed ways that are told the one named is that which says most, and the path has the code of each. */
static void tell(struct decision *decision, struct attempt *attempts, const struct node *root)
{
    size_t best = 0;
    const char *path = "";
    for (size_t i = 0; i < WAY_COUNT; i++) {
        if (best == 0 && goes_further(decision, &attempts[i], &attempts[0])) best = i;
        if (!is_told(decision, attempts[i].way)) continue;
        const char *visited = *attempts[i].decision.path ? attempts[i].decision.path : "nothing";
        path = arena_printf(decision->arena, "%s%s%s: %s (BNF%d)", path, *path ? "; " : "", ways[i].name, visited,
                            reason_find(attempts[i].reason)->code);
        if (i > 0 && says_more(attempts[i].reason, attempts[best].reason)) best = i;
    }
    if (attempts[best].way->decide == decide_inverse)
        complete_words(&attempts[best].decision.words, decision, &attempts[0], root);
    remark_missed(root, attempts[best].reason, &attempts[best].decision.words, path);
    remark_affine(root, attempts[best].reason);
}

struct attempt *attempt_best(struct decision *decision, struct node *root, size_t slot, const struct affine *a)
{
    struct attempt *attempts = NEW_ARRAY(decision->arena, struct attempt, WAY_COUNT);
    size_t best = best_way(decision, attempts, root, slot, a);
    if (best < WAY_COUNT) return &attempts[best];
    tell(decision, attempts, root);
    return NULL;
}

void attempt_apply(struct attempt *attempt, struct node *root, size_t slot)
{
    struct decision *decision = &attempt->decision;
    /* When a smaller BatchNormalization stays, it inherits the remark and will say why in the next round. */
    remark_applied(
        root, decision->cost.norms ? BNFUSE_OUTCOME_STAYS : BNFUSE_OUTCOME_FOLDED, decision->words.where,
        arena_printf(decision->arena, "%s%s%s", attempt->way->name, *decision->path ? ": " : "", decision->path));
    apply_steps(decision);
    attempt->way->finish(decision, root, slot);
}
