/* SPDX-License-Identifier: Apache-2.0
 *
 * What became of the model: the remark of each BatchNormalization, and operators, nodes and parameters before and
 * after. */
#include "api/handles.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/bn.h"
#include "onnx/read/external.h"
#include "passes/decide/decision.h"

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
        const struct tensor *tensor = value_constant(value);
        if (!tensor || (i && tensor->count != channels->count)) return false;
        channels->count = tensor->count;
        if (!tensor_values(tensor, arena, lists[i], NULL)) return false;
    }
    channels->epsilon = (double)node_float(bn, "epsilon", 1e-5f);
    return true;
}

static bool is_odd_channel(const struct channels *channels, int64_t i);

/* What the report knows of a BatchNormalization's channels, in the order of the file. */
struct channel_list {
    const char *output;
    bnfuse_channels of;
    struct channel_list *next;
};

static struct channel_list *list_channels(struct arena *arena, const struct node *bn, const struct channels *channels)
{
    struct channel_list *list = NEW(arena, struct channel_list);
    double *scales = NEW_ARRAY(arena, double, (size_t)channels->count);
    bool *degenerate = NEW_ARRAY(arena, bool, (size_t)channels->count);
    for (int64_t i = 0; i < channels->count; i++) {
        scales[i] = channels->scale[i] / sqrt(channels->variance[i] + channels->epsilon);
        degenerate[i] = is_odd_channel(channels, i);
    }
    *list = (struct channel_list){ node_title(bn), { (size_t)channels->count, scales, degenerate }, NULL };
    return list;
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

static bool is_odd_channel(const struct channels *channels, int64_t i)
{
    return has_no_scale(channels, i) || has_no_variance(channels, i) || is_below_epsilon(channels, i)
           || is_far_off(channels, i);
}

static const char *degenerate_channels(struct arena *arena, const struct channels *channels)
{
    const char *text = count_channels(arena, "", channels, has_no_scale, "of scale 0");
    text = count_channels(arena, text, channels, has_no_variance, "of variance near 0");
    text = count_channels(arena, text, channels, is_below_epsilon, "of a variance below epsilon");
    return count_channels(arena, text, channels, is_far_off, "with a mean of a thousand deviations");
}

static bool has_degenerate(const bnfuse_channels *channels)
{
    for (size_t i = 0; i < channels->count; i++)
        if (channels->degenerate[i]) return true;
    return false;
}

/* A note for every BatchNormalization whose stored statistics are odd, and the channels of all. */
static void note_channels(struct bnfuse_model *model)
{
    struct arena *arena = &model->arena, *scratch = arena_scratch(arena);
    struct channel_list **end = &model->channels;
    size_t room = 0;
    for (struct graph *graph = NULL; (graph = net_next_graph(&model->after, graph));)
        for (const struct node *node = graph->first; node; node = node->next) {
            struct channels channels = { .count = 0 };
            arena_clear(scratch);
            if (!bn_is(node) || !read_channels(scratch, node, &channels)) continue;
            const struct channel_list *list = *end = list_channels(arena, node, &channels);
            end = &(*end)->next;
            if (!has_degenerate(&list->of)) continue;
            const char *odd = degenerate_channels(scratch, &channels);
            if (model->note_count == room) {
                room = 2 * room + 8;
                model->notes = arena_grow(arena, model->notes, model->note_count, room, sizeof *model->notes);
            }
            model->notes[model->note_count++] = arena_printf(arena,
                                                             "%s has degenerate statistics: %s; bnfuse calibrate "
                                                             "estimates them again from data",
                                                             node_label(node, scratch), odd);
        }
    arena_close(scratch);
}

/* Those of the passes, then those from before, then one that writing settles. */
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

void note_written(struct bnfuse_model *model, uint64_t bytes)
{
    const char **notes = (const char **)model->report.notes;
    model->report.note_count -= model->is_unread + model->has_grown;
    model->is_unread = false;
    model->has_grown = notes && bytes > model->bytes_read;
    if (!model->has_grown) return;
    notes[model->report.note_count++] =
        arena_printf(&model->arena, "what is written takes %llu bytes more than what was read",
                     (unsigned long long)(bytes - model->bytes_read));
}

/* What external data the model's tensors name. */
static uint64_t count_external(const struct net *net)
{
    uint64_t sum = 0;
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));)
        for (size_t i = 0; i < graph->initializer_count; i++) {
            const struct value *value = graph->initializers[i];
            int64_t bytes = 0;
            if (value->proto && value->initializer && tensor_is_external(value->proto)
                && dtype_bytes(value->initializer->type, value->initializer->count, &bytes))
                sum += (uint64_t)bytes;
        }
    return sum;
}

void summarize_before(struct bnfuse_model *model)
{
    model->ops = NEW(&model->arena, struct op_tallies);
    name_map_open(&model->ops->by_op, &model->arena);
    note_channels(model);
    model->report.before.nodes = tally_ops(model->ops, &model->after, 0);
    model->report.before.parameters = count_parameters(&model->after);
    model->report.before.bytes = model->model.size;
    model->bytes_read = model->model.size + count_external(&model->after);
}

/* Both lists are in the order of the file. */
static void report_channels(struct bnfuse_model *model)
{
    const struct channel_list *next = model->channels;
    for (size_t i = 0; i < model->report.remark_count; i++) {
        const struct channel_list *own = next;
        while (own && strcmp(own->output, model->report.remarks[i]->node) != 0) own = own->next;
        if (!own) continue;
        model->report.remarks[i]->channels = &own->of;
        next = own->next;
    }
}

void summarize_after(struct bnfuse_model *model, const struct pass_report *from)
{
    report_remarks(model, from);
    report_channels(model);
    model->report.after.nodes = tally_ops(model->ops, &model->after, 1);
    model->report.after.parameters = count_parameters(&model->after);
    report_ops(model);
    model->report.left = from->left;
    model->report.multiply_adds_saved = from->multiply_adds_saved;
    model->report.affine_chains_folded = from->chains_folded;
    model->report.affines_folded = from->affines_folded;
    model->report.affines_left = from->affines_left;
    model->report.affines_left_count = from->affines_left_count;
    model->report.grown = from->grown;
    report_notes(model, from);
}
