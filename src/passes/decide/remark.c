/* SPDX-License-Identifier: Apache-2.0
 *
 * Notes and remarks. */
#include "passes/decide/remark.h"

#include "onnx/graph/bn.h"
#include "onnx/graph/order.h"

#include "passes/decide/decision.h"

#include <string.h>

static size_t depth_of(const struct node *node)
{
    size_t depth = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node->inputs[i].value;
        const struct note *note = value && value->writer ? value->writer->mark : NULL;
        if (note && value->graph == node->graph && note->depth >= depth) depth = note->depth + 1;
    }
    return depth;
}

bool remarks_open(struct net *net, struct pass_report *report, struct bnfuse_error *error)
{
    size_t count = 0;
    const struct bnfuse_reason *not_tried = reason_find(REASON_NOT_TRIED);
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next) count += bn_is(node);
    report->notes_arena = arena_scratch(net->arena);
    report->unread = (struct pointer_map){ .arena = report->notes_arena };
    report->remarks = NEW_ARRAY(net->arena, struct bnfuse_remark *, count);
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph)) {
        struct node **order;
        if (!graph_order(graph, report->notes_arena, &order, error)) return false;
        for (size_t i = 0; i < graph->node_count; i++) {
            struct note *note = NEW(report->notes_arena, struct note);
            *note = (struct note){ .depth = depth_of(order[i]), .was_dead = !node_outputs_are_read(order[i], 0) };
            order[i]->mark = note;
        }
        for (size_t i = 0; i < graph->initializer_count; i++)
            if (!graph->initializers[i]->use_count)
                pointer_map_set(&report->unread, graph->initializers[i], graph->initializers[i]);
        const char *scope = graph_scope(graph);
        for (struct node *node = graph->first; node; node = node->next) {
            if (!bn_is(node)) continue;
            struct bnfuse_remark *remark = NEW(net->arena, struct bnfuse_remark);
            const struct value *output = node_output(node, 0);
            *remark = (struct bnfuse_remark){ .node = node_title(node),
                                              .output = output ? output->name : "",
                                              .scope = scope,
                                              .outcome = BNFUSE_OUTCOME_STAYS,
                                              .code = not_tried->code,
                                              .reason = not_tried->text,
                                              .help = not_tried->help,
                                              .where = "",
                                              .detail = "",
                                              .path = "" };
            report->remarks[report->remark_count++] = ((struct note *)node->mark)->remark = remark;
        }
    }
    return true;
}

static void count_affines(const struct net *net, struct pass_report *report, const size_t *counts)
{
    report->affines_left = NEW_ARRAY(net->arena, struct bnfuse_affines_left *, reason_count);
    for (size_t i = 0; i < reason_count; i++) {
        if (!counts[i]) continue;
        struct bnfuse_affines_left *left = NEW(net->arena, struct bnfuse_affines_left);
        *left = (struct bnfuse_affines_left){ reasons[i].code, reasons[i].text, counts[i] };
        report->affines_left[report->affines_left_count++] = left;
    }
}

void remarks_close(struct net *net, struct pass_report *report)
{
    size_t *counts = NEW_ARRAY(net->arena, size_t, reason_count);
    report->left = 0;
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (struct node *node = graph->first; node; node = node->next) {
            const struct note *note = node->mark;
            report->left += bn_is(node);
            if (note && note->affine) counts[reason_find(note->affine) - reasons]++;
            node->mark = NULL;
        }
    count_affines(net, report, counts);
    arena_close(report->notes_arena);
    report->unread = (struct pointer_map){ .arena = NULL };
}

static struct bnfuse_remark *remark_of(const struct node *node)
{
    const struct note *note = node->mark;
    return note ? note->remark : NULL;
}

static void remark_reason(struct bnfuse_remark *remark, enum reason reason)
{
    const struct bnfuse_reason *row = reason_find(reason);
    remark->code = row->code;
    remark->reason = row->text;
    remark->help = row->help;
}

static void remark_outcome(const struct node *node, enum bnfuse_outcome outcome, const char *where, const char *detail,
                           const char *path)
{
    struct bnfuse_remark *remark = remark_of(node);
    struct arena *arena = node->graph->net->arena;
    if (!remark) return;
    remark->outcome = outcome;
    remark_reason(remark, outcome == BNFUSE_OUTCOME_STAYS ? REASON_NOT_TRIED : REASON_NONE);
    remark->where = arena_copy_text(arena, where);
    remark->detail = arena_copy_text(arena, detail);
    remark->path = arena_copy_text(arena, path);
}

void remark_applied(const struct node *node, enum bnfuse_outcome outcome, const char *where, const char *path)
{
    remark_outcome(node, outcome, where, "", path);
}

void remark_removed(const struct node *node, const char *why)
{
    remark_outcome(node, BNFUSE_OUTCOME_REMOVED, "", why, "");
}

void remark_missed(const struct node *node, enum reason reason, const struct words *words, const char *path)
{
    struct bnfuse_remark *remark = bn_is(node) ? remark_of(node) : NULL;
    struct arena *arena = node->graph->net->arena;
    if (!remark) return;
    remark->outcome = BNFUSE_OUTCOME_STAYS;
    remark_reason(remark, reason);
    if (words->help) remark->help = words->help;
    remark->where = arena_copy_text(arena, words->where);
    remark->detail = arena_copy_text(arena, words->detail);
    remark->path = arena_copy_text(arena, path);
}

void remark_affine(const struct node *node, enum reason reason)
{
    struct note *note = node->mark;
    if (note && !note->remark) note->affine = reason;
}

void remark_share(struct node *node, const struct node *from)
{
    const struct note *note = from->mark;
    struct note *own = note ? NEW(node->graph->net->arena, struct note) : NULL;
    if (own) *own = *note;
    if (own) own->edits_before = 0;
    node->mark = own;
}

void remark_follow(struct node *node, const struct node *from)
{
    const struct note *note = from->mark;
    struct note *own = note ? NEW(node->graph->net->arena, struct note) : NULL;
    if (own) own->depth = note->depth;
    node->mark = own;
}

void remark_forget(struct node *node)
{
    node->mark = NULL;
}

void remark_move(struct node *node, struct node *copy)
{
    copy->mark = node->mark;
    node->mark = NULL;
}
