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
    model->report.rewrites = from->rewrites;
    model->report.rewrite_count = from->rewrite_count;
}

/* Nodes of one operator before and after. */
struct op_tally {
    const char *op; /* first, for struct name_map */
    const char *domain;
    int64_t nodes[2];
    struct op_tally *namesake; /* of another domain */
    struct op_tally *next;     /* any other */
};

struct op_tallies {
    struct name_map by_op;
    struct op_tally *first;
    size_t count;
};

static struct op_tally *tally_of(struct op_tallies *tallies, const struct node *node)
{
    struct op_tally *namesake = name_map_get(&tallies->by_op, node->op), *tally = namesake;
    while (tally && strcmp(tally->domain, node->domain) != 0) tally = tally->namesake;
    if (tally) return tally;
    tally = NEW(tallies->by_op.arena, struct op_tally);
    *tally = (struct op_tally){ .op = node->op, .domain = node->domain, .next = tallies->first };
    tallies->first = tally;
    tallies->count++;
    if (!namesake) {
        name_map_add(&tallies->by_op, tally);
    } else {
        tally->namesake = namesake->namesake;
        namesake->namesake = tally;
    }
    return tally;
}

/* The number of all nodes. */
static int64_t tally_ops(struct op_tallies *tallies, const struct net *net, int side)
{
    int64_t count = 0;
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));)
        for (const struct node *node = graph->first; node; node = node->next, count++)
            tally_of(tallies, node)->nodes[side]++;
    return count;
}

static int compare_tallies(const void *left, const void *right)
{
    const struct op_tally *a = *(struct op_tally *const *)left, *b = *(struct op_tally *const *)right;
    int order = strcmp(a->op, b->op);
    return order ? order : strcmp(a->domain, b->domain);
}

static void report_ops(struct bnfuse_model *model)
{
    struct arena *arena = &model->arena;
    struct op_tally **list = NEW_ARRAY(arena, struct op_tally *, model->ops->count), **end = list;
    for (struct op_tally *tally = model->ops->first; tally; tally = tally->next) *end++ = tally;
    qsort(list, model->ops->count, sizeof(struct op_tally *), compare_tallies);
    bnfuse_op_count **ops = NEW_ARRAY(arena, bnfuse_op_count *, model->ops->count);
    for (size_t i = 0; i < model->ops->count; i++) {
        const char *op = *list[i]->domain ? arena_printf(arena, "%s.%s", list[i]->domain, list[i]->op) : list[i]->op;
        ops[i] = NEW(arena, bnfuse_op_count);
        *ops[i] = (bnfuse_op_count){ op, list[i]->nodes[0], list[i]->nodes[1] };
    }
    model->report.ops = ops;
    model->report.op_count = model->ops->count;
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

/* A note for every BatchNormalization whose stored statistics are odd. */
static void note_degenerate(struct bnfuse_model *model)
{
    struct arena *arena = &model->arena;
    size_t room = 0;
    for (struct graph *graph = NULL; (graph = net_next_graph(&model->after, graph));)
        for (const struct node *node = graph->first; node; node = node->next) {
            const char *odd = bn_is(node) ? degenerate_channels(arena, node) : "";
            if (!*odd) continue;
            if (model->note_count == room) {
                room = 2 * room + 8;
                model->notes = arena_grow(arena, model->notes, model->note_count, room, sizeof *model->notes);
            }
            model->notes[model->note_count++] = arena_printf(arena,
                                                             "%s has degenerate statistics: %s; bnfuse calibrate "
                                                             "estimates them again from data",
                                                             node_label(node, arena), odd);
        }
}

/* Those of the passes, then those from before, then the one that writing settles. */
static void report_notes(struct bnfuse_model *model, const struct pass_report *from)
{
    const size_t count = from->note_count + model->note_count;
    const char **notes = NEW_ARRAY(&model->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++)
        notes[i] = i < from->note_count ? from->notes[i] : model->notes[i - from->note_count];
    notes[count] = "weights were not read: whether a folded one leaves its type is open; --exact looks";
    model->report.notes = notes;
    model->report.note_count = count + model->is_unread;
}

void note_read(struct bnfuse_model *model)
{
    model->report.note_count -= model->is_unread;
    model->is_unread = false;
}

void summarise_before(struct bnfuse_model *model)
{
    model->ops = NEW(&model->arena, struct op_tallies);
    name_map_open(&model->ops->by_op, &model->arena);
    note_degenerate(model);
    model->report.before.nodes = tally_ops(model->ops, &model->after, 0);
    model->report.before.parameters = count_parameters(&model->after);
    model->report.before.bytes = model->model.size;
}

void summarise_after(struct bnfuse_model *model, const struct pass_report *from)
{
    report_remarks(model, from);
    model->report.after.nodes = tally_ops(model->ops, &model->after, 1);
    model->report.after.parameters = count_parameters(&model->after);
    report_ops(model);
    model->report.left = from->left;
    model->report.multiply_adds_saved = from->multiply_adds_saved;
    model->report.grown = from->grown;
    report_notes(model, from);
}
