/* SPDX-License-Identifier: Apache-2.0
 *
 * The fold: an affine goes into the producer of its input, or into the readers of its output
 *
 *   anchor -> movers -> BN                  anchor -> movers
 *   BN -> movers -> anchors                 movers -> anchors
 *
 * Roots are taken by depth in the graph and then by name, so that the result does not depend on the order of nodes in
 * the file. Rounds are repeated until nothing changes. What one root can do is in attempt.c. */
#include "passes/fold.h"

#include "onnx/graph/bn.h"
#include "passes/algebra/affine_node.h"
#include "passes/algebra/affine_root.h"
#include "passes/attempt.h"
#include "passes/decide/roots.h"
#include "passes/way.h"

#define ROUND_LIMIT 32

static void count_savings(const struct decision *way, const struct node *root, struct pass_report *report)
{
    const struct work removed = attempt_removes(way, root);
    int64_t before = work_number(&removed), after = work_number(&way->cost.work);
    int64_t *saved = &report->multiply_adds_saved;
    if (after >= 0 && after <= before && !size_add(*saved, (before - after) / 2, saved)) *saved = INT64_MAX;
    report->affines_folded += (size_t)way->cost.removed_nodes + !bn_is(root);
}

/* Edits so far that may open a way, and one. */
static size_t edits_before(const struct decision *decision)
{
    return decision->net->edit_count - decision->net->idle_edits + 1;
}

/* Whether it was left where it is, and nothing has changed since. */
static bool is_settled(const struct decision *decision, const struct node *node)
{
    const struct note *note = node->mark;
    return note && note->edits_before == edits_before(decision) && note->was_late == decision->is_late;
}

static bool settle(const struct decision *decision, struct node *node)
{
    struct note *note = node->mark;
    if (note) note->edits_before = edits_before(decision);
    if (note) note->was_late = decision->is_late;
    return false;
}

static bool fold_one(struct decision *decision, struct node *node, struct pass_report *report)
{
    struct affine *a;
    size_t slot;
    if (is_settled(decision, node)) return false;
    decision_clear(decision);
    decision_begin(decision, node, root_type(node));
    remark_affine(node, REASON_NONE);
    enum reason reason = affine_of_node(decision, node, &a, &slot);
    if (!reason && decision->kind->may_go && (way_is_opaque(node) || !decision->kind->may_go(decision, a, slot)))
        return settle(decision, node);
    enum reason kept = !reason && decision->kind->is_kept ? decision->kind->is_kept(decision) : REASON_NONE;
    if (kept) {
        remark_affine(node, kept);
        return settle(decision, node);
    }
    if (reason) {
        remark_missed(node, reason, &decision->words, "");
        return settle(decision, node);
    }
    struct attempt *best = attempt_best(decision, node, slot, a);
    if (!best) return settle(decision, node);
    count_savings(&best->decision, node, report);
    attempt_apply(best, node, slot);
    return true;
}

/* The only reader of what the fold left, if it is Mul, Add, Sub or Div: it may follow. */
static struct node *follower(const struct value *output)
{
    if (output->use_count != 1 || output->is_output) return NULL;
    struct node *reader = output->uses->node;
    return reader && affine_is_operator(reader) && node_output(reader, 0) ? reader : NULL;
}

static bool fold_with_followers(struct decision *decision, struct node *node, struct pass_report *report)
{
    const bool is_norm = bn_is(node);
    bool folded = false;
    while (node) {
        struct value *output = node->outputs[0];
        if (!fold_one(decision, node, report)) break;
        folded = true;
        node = follower(output);
    }
    report->chains_folded += folded && !is_norm;
    return folded;
}

/* ---- The pass ---- */

static bool report_progress(const struct bnfuse_fuse_options *options, size_t done, size_t all,
                            struct bnfuse_error *error)
{
    if (!options->progress || options->progress(options->context, (double)done / (double)all)) return true;
    return fail(error, BNFUSE_CANCELLED, "fusing was cancelled");
}

static bool fold_roots(struct net *net, const struct bnfuse_fuse_options *options, const struct root_kind *kind,
                       struct pass_report *report, struct bnfuse_error *error)
{
    struct decision *decision = decision_open(net, options, report, kind);
    bool changed = true, goes_on = true;
    for (int round = 0; goes_on && changed && round < ROUND_LIMIT; round++) {
        struct roots roots = roots_of(net, net->arena, kind);
        changed = false;
        for (size_t i = 0; i < roots.count; i++) {
            if (roots.nodes[i]->mark && fold_with_followers(decision, roots.nodes[i], report)) changed = true;
            if (i % 64 == 0 && !(goes_on = report_progress(options, i, roots.count, error))) break;
        }
    }
    decision_close(decision);
    return goes_on;
}

void fold_nothing(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                  const struct node *wrong)
{
    struct decision *decision = decision_open(net, options, report, &norm_roots);
    const struct roots roots = roots_of(net, net->arena, &norm_roots);
    for (size_t i = 0; i < roots.count; i++) {
        struct affine *a;
        size_t slot;
        decision_clear(decision);
        decision_begin(decision, roots.nodes[i], root_type(roots.nodes[i]));
        if (affine_of_node(decision, roots.nodes[i], &a, &slot) != REASON_MISMATCH)
            decision_stop(decision, REASON_MISMATCH, node_title(wrong), "its types or shapes do not go together");
        remark_missed(roots.nodes[i], REASON_MISMATCH, &decision->words, "");
    }
    decision_close(decision);
}

bool fold_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
              struct bnfuse_error *error)
{
    return fold_roots(net, options, &norm_roots, report, error);
}

bool fold_affines_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                      struct bnfuse_error *error)
{
    return fold_roots(net, options, &affine_roots, report, error);
}
