/* SPDX-License-Identifier: Apache-2.0
 *
 * What the readers of a value say about it, where nothing upstream does: the output of an operator that nobody knows. A
 * Conv or a Gemm with constant weights reads one type, one rank and one number of channels; operators that keep the shape
 * hand on what their own readers say. */
#include "onnx/shape/rules.h"

enum { DEPTH_LIMIT = 4, VISIT_LIMIT = 64 };

struct demand {
    enum dtype type;
    int rank;         /* -1: unknown */
    int channel_axis; /* -1: unknown */
    int64_t channels;
    int visits;
};

static void weights_demand(const struct tensor *w, int rank, int axis, int64_t channels, struct demand *demand)
{
    if (dtype_kind(w->type) != KIND_REAL || demand->rank >= 0) return;
    demand->type = w->type;
    demand->rank = rank;
    demand->channel_axis = axis;
    demand->channels = channels;
}

static void conv_demands(const struct node *node, const struct tensor *w, struct demand *demand)
{
    int64_t channels;
    if (w->rank >= 3 && size_multiply(w->dims[1], node_int(node, "group", 1), &channels))
        weights_demand(w, w->rank, 1, channels, demand);
}

static void transposed_conv_demands(const struct node *node, const struct tensor *w, struct demand *demand)
{
    (void)node;
    if (w->rank >= 3) weights_demand(w, w->rank, 1, w->dims[0], demand);
}

static void gemm_demands(const struct node *node, const struct tensor *w, struct demand *demand)
{
    if (w->rank == 2)
        weights_demand(w, 2, node_int(node, "transA", 0) ? 0 : 1, w->dims[node_int(node, "transB", 0) ? 1 : 0], demand);
}

static void norm_demands(const struct node *node, const struct tensor *w, struct demand *demand)
{
    (void)node;
    if (dtype_kind(w->type) == KIND_REAL && demand->type == DTYPE_UNDEFINED) demand->type = w->type;
}

/* Operators that say something by their second input, and operators that keep the shape of their first. */
static const struct {
    const char *op;
    void (*demands)(const struct node *node, const struct tensor *w, struct demand *demand);
    bool keeps_shape;
} rows[] = {
    { "Conv", conv_demands, false }, { "ConvTranspose", transposed_conv_demands, false },
    { "Gemm", gemm_demands, false }, { "BatchNormalization", norm_demands, true },
    { "Relu", NULL, true },          { "LeakyRelu", NULL, true },
    { "Sigmoid", NULL, true },       { "Tanh", NULL, true },
    { "Clip", NULL, true },          { "Identity", NULL, true },
    { "Dropout", NULL, true },       { "HardSwish", NULL, true },
};

static void ask_readers(const struct value *value, int depth, struct demand *demand)
{
    for (const struct use *use = value->uses; use && demand->visits < VISIT_LIMIT; use = use->next, demand->visits++)
        for (size_t i = 0; use->node && use->slot == 0 && i < sizeof rows / sizeof *rows; i++) {
            if (!node_is(use->node, rows[i].op)) continue;
            struct value *weight = node_input(use->node, 1);
            const struct tensor *w = rows[i].demands && weight ? value_constant(weight) : NULL;
            if (w) rows[i].demands(use->node, w, demand);
            if (rows[i].keeps_shape && depth > 0 && node_output(use->node, 0))
                ask_readers(node_output(use->node, 0), depth - 1, demand);
        }
}

void set_demanded(struct shaping *s, size_t slot)
{
    const struct value *value = node_output(s->node, slot);
    struct demand demand = { DTYPE_UNDEFINED, -1, -1, -1, 0 };
    struct dim dims[SHAPE_MAX_RANK];
    ask_readers(value, DEPTH_LIMIT, &demand);
    if (value->type != DTYPE_UNDEFINED && demand.type != value->type) return;
    if (demand.type == DTYPE_UNDEFINED || demand.rank > SHAPE_MAX_RANK) return;
    if (demand.rank < 0) {
        set_type(s, slot, demand.type);
        return;
    }
    for (int i = 0; i < demand.rank; i++)
        dims[i] = i == demand.channel_axis ? number_dim(demand.channels) : fresh_dim(s);
    set_output(s, slot, demand.type, demand.rank, dims);
}
