/* SPDX-License-Identifier: Apache-2.0
 *
 * What became of the model: the remark of each BatchNormalization, and operators, nodes and parameters before and
 * after. */
#include "api/handles.h"

#include <stdlib.h>
#include <string.h>

static void report_remarks(struct bnfuse_model *model, const struct pass_report *from)
{
    for (size_t i = 0; i < from->remark_count; i++)
        model->report.folded += from->remarks[i]->outcome != BNFUSE_OUTCOME_STAYS;
    model->report.remarks = from->remarks;
    model->report.remark_count = from->remark_count;
}

struct op_name {
    const char *op, *domain;
    int64_t side;
};

static int compare_ops(const void *left, const void *right)
{
    const struct op_name *a = left, *b = right;
    int order = strcmp(a->op, b->op);
    return order ? order : strcmp(a->domain, b->domain);
}

static size_t collect_ops(const struct net *net, struct op_name *names, int64_t side)
{
    size_t count = 0;
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));)
        for (const struct node *node = graph->first; node; node = node->next, count++)
            if (names) names[count] = (struct op_name){ node->op, node->domain, side };
    return count;
}

static void report_ops(struct bnfuse_model *model)
{
    size_t before = collect_ops(&model->before, NULL, 0), after = collect_ops(&model->after, NULL, 1);
    struct op_name *names = NEW_ARRAY(&model->arena, struct op_name, before + after);
    collect_ops(&model->before, names, 0);
    collect_ops(&model->after, names + before, 1);
    qsort(names, before + after, sizeof *names, compare_ops);
    bnfuse_op_count **ops = NEW_ARRAY(&model->arena, bnfuse_op_count *, before + after);
    size_t count = 0;
    for (size_t i = 0; i < before + after; i++) {
        if (i == 0 || compare_ops(&names[i - 1], &names[i]) != 0) {
            ops[count] = NEW(&model->arena, bnfuse_op_count);
            ops[count++]->op =
                *names[i].domain ? arena_printf(&model->arena, "%s.%s", names[i].domain, names[i].op) : names[i].op;
        }
        if (names[i].side) ops[count - 1]->after++;
        else ops[count - 1]->before++;
    }
    model->report.ops = ops;
    model->report.op_count = count;
    model->report.before.nodes = (int64_t)before;
    model->report.after.nodes = (int64_t)after;
}

static int64_t count_parameters(const struct net *net)
{
    int64_t sum = 0;
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));)
        for (size_t i = 0; i < graph->initializer_count; i++)
            if (graph->initializers[i]->initializer && !size_add(sum, graph->initializers[i]->initializer->count, &sum))
                return INT64_MAX;
    return sum;
}

void summarise(struct bnfuse_model *model, const struct pass_report *from)
{
    report_remarks(model, from);
    report_ops(model);
    model->report.left = from->left;
    model->report.multiply_adds_saved = from->multiply_adds_saved;
    model->report.grown = from->grown;
    model->report.notes = from->notes;
    model->report.note_count = from->note_count;
    model->report.before.parameters = count_parameters(&model->before);
    model->report.before.bytes = model->model.size;
    model->report.after.parameters = count_parameters(&model->after);
}
