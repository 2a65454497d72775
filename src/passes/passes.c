/* SPDX-License-Identifier: Apache-2.0
 *
 * The passes in running order, and the runner: it attaches the state of each node, runs each pass, checks the graph
 * after each in debug builds, and counts. */
#include "passes/passes.h"

#include "onnx/graph/names.h"
#include "onnx/graph/validate.h"
#include "onnx/shape/infer.h"
#include "passes/clean.h"
#include "passes/decide/evaluate.h"
#include "passes/decide/remark.h"
#include "passes/fold.h"
#include "passes/inline.h"
#include "passes/instance.h"
#include "passes/lower.h"
#include "passes/reparam.h"
#include "passes/simplify/simplify.h"
#include "passes/tidy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_LIMIT 10 /* of the whole list; real models need three, the last to see that nothing is left to do */

const struct pass passes[] = {
    { { "inline", "before all: what is in a function that many call cannot be folded for one of them", false },
      inline_run,
      PASS_FIRST },
    { { "clean", "first: a BatchNormalization that nobody reads must not hold others back", false },
      clean_run,
      PASS_REPEATED },
    { { "fold", "folds every BatchNormalization that can be folded exactly", false }, fold_run, PASS_REPEATED },
    { { "affine", "folds Mul, Add and their like, once it is known what the fold has left of them", false },
      fold_affines_run,
      PASS_REPEATED },
    { { "tidy", "merges what stays with its affine neighbors, after the fold has taken all it can", false },
      tidy_run,
      PASS_REPEATED },
    { { "reparam", "merges Convs that are added, when the folds have left nothing between them", true },
      reparam_run,
      PASS_REPEATED },
    { { "instance", "before lower: what it replaces has no constants to lower", true }, instance_run, PASS_REPEATED },
    { { "lower", "after the last round: only then is it known what stays", true }, lower_run, PASS_LAST },
    { { "affine", "after lower: where a shift could not go, the scale of it may", false },
      fold_affines_run,
      PASS_LAST },
    { { "clean", "last: removes what the others left without readers", false }, clean_run, PASS_REPEATED | PASS_LAST },
    { { "simplify", "after the folds, from which it must not take anything; what it does may open another fold", true },
      simplify_run,
      PASS_REPEATED | PASS_LAST },
};
const size_t pass_count = sizeof(passes) / sizeof(*passes);

static bool is_listed(const bnfuse_names *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->names[i], name) == 0) return true;
    return false;
}

static bool is_wanted(const struct pass *pass, const struct bnfuse_fuse_options *options)
{
    return !is_listed(&options->disabled, pass->is.name);
}

/* Where a body stands in the place of its call, types meet that the file kept apart: of an invalid model, not of a
 * fault of ours. */
static bool check_inlined(const struct net *net, struct bnfuse_error *error)
{
    struct bnfuse_error broken;
    if (net_validate(net, &broken)) return true;
    return fail(error, broken.status, "%s (seen where the body of a function stands in the place of its call)",
                broken.message);
}

/* A pass that breaks a graph is a bug of ours: name it. False when there is no memory to look. One that edited nothing
 * broke nothing. */
static bool check_after(const struct net *net, const struct pass *pass, size_t edits, struct bnfuse_error *error)
{
    if (net->edit_count == edits) return true;
    if (pass->times & PASS_FIRST) return check_inlined(net, error);
#ifdef BNFUSE_CHECK_PASSES
    struct bnfuse_error broken;
    if (net_contradiction(net) || net_validate(net, &broken)) return true; /* what was wrong before is for the writer */
    if (broken.status == BNFUSE_INTERNAL) return fail(error, broken.status, "%s", broken.message);
    fprintf(stderr, "the pass %s broke the graph: %s\n", pass->is.name, broken.message);
    abort();
#else
    (void)pass;
#endif
    return true;
}

/* No pass meets a node whose inputs are known not to go together, also where the pass before came to know it; the
 * writer says so. */
static bool run_each(struct net *net, enum pass_time time, const struct bnfuse_fuse_options *options,
                     struct pass_report *report, struct bnfuse_error *error)
{
    for (size_t i = 0; i < pass_count; i++) {
        if (!(passes[i].times & (int)time) || !is_wanted(&passes[i], options)) continue;
        if (net_contradiction(net)) return true;
        const size_t edits = net->edit_count;
        if (!passes[i].run(net, options, report, error)) return false;
        if (!check_after(net, &passes[i], edits, error)) return false;
        if (options->after_pass && !options->after_pass(options->context, passes[i].is.name))
            return fail(error, BNFUSE_CANCELLED, "fusing was cancelled after the pass %s", passes[i].is.name);
    }
    return true;
}

static size_t node_count(const struct net *net)
{
    size_t count = 0;
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        count += graph->node_count;
    return count;
}

/* What a pass removes may have held back an earlier one: a reader that is gone, a branch that is not used. When nothing
 * changes any more, what changes most is allowed too, and what that opens. */
static bool run_rounds(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                       struct bnfuse_error *error)
{
    for (int round = 0; round < ROUND_LIMIT; round++) {
        size_t before = node_count(net);
        if (round > 0) constants_look_again(net);
        if (!run_each(net, PASS_REPEATED, options, report, error)) return false;
        if (node_count(net) != before) continue;
        if (report->is_late) break;
        report->is_late = true;
    }
    return true;
}

/* A model that cannot run as it is stays as it is: a change might hide the mistake. */
static bool run_passes(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                       struct bnfuse_error *error)
{
    const struct node *wrong = net_contradiction(net);
    if (wrong && net->edit_count)
        return fail(error, BNFUSE_INVALID, "%s: the types or shapes of %s do not go together", net->model->name,
                    node_label(wrong, net->arena));
    if (wrong) {
        fold_nothing(net, options, report, wrong);
        return true;
    }
    return run_rounds(net, options, report, error) && run_each(net, PASS_LAST, options, report, error);
}

enum { NOTE_LIMIT = 5, GROWTH_NOTED = 4096 };

static void add_note(const struct net *net, struct pass_report *report, const char *note)
{
    if (!report->notes) report->notes = NEW_ARRAY(net->arena, const char *, NOTE_LIMIT);
    if (report->note_count < NOTE_LIMIT) report->notes[report->note_count++] = note;
}

/* Affine nodes have no remarks; one line tells how many went. */
static void note_affines(const struct net *net, struct pass_report *report)
{
    if (report->affines_folded == 0) return;
    add_note(net, report,
             arena_printf(net->arena,
                          "%zu affine chain%s folded without a BatchNormalization; %zu Mul, Add, Sub, Div and Neg "
                          "are gone in all",
                          report->chains_folded, report->chains_folded == 1 ? "" : "s", report->affines_folded));
}

static void note_merged(const struct net *net, struct pass_report *report)
{
    if (report->convs_merged)
        add_note(net, report,
                 arena_printf(net->arena, "%zu Convs merged into others of the same input", report->convs_merged));
}

static void note_growth(const struct net *net, struct pass_report *report)
{
    if (report->grown > GROWTH_NOTED)
        add_note(net, report,
                 arena_printf(net->arena, "the model grows by %llu bytes of weights that were shared or computed",
                              (unsigned long long)report->grown));
}

/* The first node of a domain without an opset import: a strict reader refuses such a file, and no opset says what the
 * node means. */
static void note_missing_import(const struct net *net, struct pass_report *report)
{
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (const struct node *node = graph->first; node; node = node->next) {
            if (node->function || node->opset || !*node->domain) continue;
            add_note(net, report,
                     arena_printf(net->arena,
                                  "%s is of domain \"%s\", which opset_import does not list; it stays as it is",
                                  node_label(node, net->arena), node->domain));
            return;
        }
}

static void note_sizes(const struct net *net, size_t declarations, struct pass_report *report)
{
    if (declarations)
        add_note(net, report,
                 arena_printf(net->arena, "the model is for the given sizes alone; they stand in %zu declarations",
                              declarations));
}

/* Copies of a body inherit the mark, and have names of their own. */
static void mark_skipped(const struct net *net, const bnfuse_names *skipped)
{
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node && skipped->count; node = node->next)
            if (is_listed(skipped, node_title(node))) node->is_skipped = true;
}

bool passes_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                struct bnfuse_error *error)
{
    *report = (struct pass_report){ .constants = constants_open(net->arena, options->fold_limit),
                                    .all_visits = NEW(net->arena, size_t) };
    const size_t declarations = net->redeclared ? net->redeclared->count : 0; /* that were given sizes */
    mark_skipped(net, &options->skipped);
    if (!run_each(net, PASS_FIRST, options, report, error)) return false;
    mark_skipped(net, &options->skipped);
    if (!shape_infer(net, error) || !remarks_open(net, report, error)) return false;
    if (!run_passes(net, options, report, error)) return false;
    remarks_close(net, report);
    net_close_names(net);
    report->grown = constants_spent(report->constants);
    constants_close(report->constants);
    report->constants = NULL;
    note_affines(net, report);
    note_merged(net, report);
    note_growth(net, report);
    note_sizes(net, declarations, report);
    note_missing_import(net, report);
    return true;
}
