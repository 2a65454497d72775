/* SPDX-License-Identifier: Apache-2.0
 *
 * What became of the model: the remark of each BatchNormalization, and operators, nodes and parameters before and
 * after. */
#include "api/handles.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/bn.h"

#include <math.h>
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

/* ---- degenerate statistics ---- */

#define TINY_VARIANCE   1e-12
#define MANY_DEVIATIONS 1e3

struct channels {
    double *scale, *mean, *variance;
    int64_t count;
    double epsilon;
};

static bool read_channels(struct arena *arena, const struct node *bn, struct channels *channels)
{
    static const size_t slots[] = { 1, 3, 4 };
    double **lists[] = { &channels->scale, &channels->mean, &channels->variance };
    for (size_t i = 0; i < 3; i++) {
        struct value *value = node_input(bn, slots[i]);
        const struct tensor *tensor = value ? value_constant(value) : NULL;
        if (!tensor || (i && tensor->count != channels->count)) return false;
        channels->count = tensor->count;
        if (!tensor_values(tensor, arena, lists[i], NULL)) return false;
    }
    channels->epsilon = (double)node_float(bn, "epsilon", 1e-5f);
    return true;
}

/* "2 channels of scale 0 (first 7)"; nothing where there are none. */
static const char *count_channels(struct arena *arena, const char *text, const struct channels *channels,
                                  bool (*is_odd)(const struct channels *channels, int64_t i), const char *what)
{
    int64_t count = 0, first = 0;
    for (int64_t i = channels->count; i-- > 0;)
        if (is_odd(channels, i)) {
            count++;
            first = i;
        }
    if (!count) return text;
    return arena_printf(arena, "%s%s%lld channel%s %s (first %lld)", text, *text ? ", " : "", (long long)count,
                        count == 1 ? "" : "s", what, (long long)first);
}

static bool has_no_scale(const struct channels *c, int64_t i)
{
    return c->scale[i] == 0;
}

static bool has_no_variance(const struct channels *c, int64_t i)
{
    return c->variance[i] < TINY_VARIANCE;
}

static bool is_below_epsilon(const struct channels *c, int64_t i)
{
    return c->variance[i] >= TINY_VARIANCE && c->variance[i] < c->epsilon;
}

static bool is_far_off(const struct channels *c, int64_t i)
{
    return fabs(c->mean[i]) > MANY_DEVIATIONS * sqrt(fmax(c->variance[i], 0) + c->epsilon);
}

static const char *degenerate_channels(struct arena *arena, const struct node *bn)
{
    struct channels channels = { .count = 0 };
    if (!read_channels(arena, bn, &channels)) return "";
    const char *text = count_channels(arena, "", &channels, has_no_scale, "of scale 0");
    text = count_channels(arena, text, &channels, has_no_variance, "of variance near 0");
    text = count_channels(arena, text, &channels, is_below_epsilon, "of a variance below epsilon");
    return count_channels(arena, text, &channels, is_far_off, "with a mean of a thousand deviations");
}

/* Notes of the passes, and one for every BatchNormalization whose stored statistics are odd. */
static void report_notes(struct bnfuse_model *model, const struct pass_report *from)
{
    struct arena *arena = &model->arena;
    size_t room = from->note_count, count = from->note_count;
    for (struct graph *graph = NULL; (graph = net_next_graph(&model->before, graph));) room += graph->node_count;
    const char **notes = NEW_ARRAY(arena, const char *, room);
    for (size_t i = 0; i < from->note_count; i++) notes[i] = from->notes[i];
    for (struct graph *graph = NULL; (graph = net_next_graph(&model->before, graph));)
        for (const struct node *node = graph->first; node; node = node->next) {
            const char *odd = bn_is(node) ? degenerate_channels(arena, node) : "";
            if (*odd)
                notes[count++] = arena_printf(arena,
                                              "%s has degenerate statistics: %s; bnfuse calibrate estimates "
                                              "them again from data",
                                              node_label(node, arena), odd);
        }
    model->report.notes = notes;
    model->report.note_count = count;
}

void summarise(struct bnfuse_model *model, const struct pass_report *from)
{
    report_remarks(model, from);
    report_ops(model);
    model->report.left = from->left;
    model->report.multiply_adds_saved = from->multiply_adds_saved;
    model->report.grown = from->grown;
    report_notes(model, from);
    model->report.before.parameters = count_parameters(&model->before);
    model->report.before.bytes = model->model.size;
    model->report.after.parameters = count_parameters(&model->after);
}
