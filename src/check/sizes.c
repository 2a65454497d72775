/* SPDX-License-Identifier: Apache-2.0
 *
 * From the inputs that steer a shape or choose elements, back through what sizes are computed with. The way ends at any
 * other operator: what a net makes of its data by weights is no size, whatever is done with it later. */
#include "check/sizes.h"

#define SLOT(n) (1u << (n))

/* Inputs that say how much, how many or which. */
static const struct steering {
    const char *op;
    unsigned slots;
} steerings[] = {
    { "Resize", SLOT(1) | SLOT(2) | SLOT(3) },
    { "Upsample", SLOT(1) },
    { "Range", SLOT(0) | SLOT(1) | SLOT(2) },
    { "TopK", SLOT(1) },
    { "Reshape", SLOT(1) },
    { "Expand", SLOT(1) },
    { "Tile", SLOT(1) | SLOT(2) },
    { "Slice", SLOT(1) | SLOT(2) | SLOT(3) | SLOT(4) },
    { "Pad", SLOT(1) | SLOT(3) },
    { "CenterCropPad", SLOT(1) },
    { "Split", SLOT(1) },
    { "SplitToSequence", SLOT(1) },
    { "Squeeze", SLOT(1) },
    { "Unsqueeze", SLOT(1) },
    { "ConstantOfShape", SLOT(0) },
    { "OneHot", SLOT(0) | SLOT(1) },
    { "Gather", SLOT(1) },
    { "GatherElements", SLOT(1) },
    { "GatherND", SLOT(1) },
    { "Scatter", SLOT(1) },
    { "ScatterElements", SLOT(1) },
    { "ScatterND", SLOT(1) },
    { "Compress", SLOT(1) },
    { "SequenceAt", SLOT(1) },
    { "SequenceInsert", SLOT(2) },
    { "SequenceErase", SLOT(1) },
    { "ReverseSequence", SLOT(1) },
    { "CumSum", SLOT(1) },
    { "Trilu", SLOT(1) },
    { "AffineGrid", SLOT(1) },
    { "MaxUnpool", SLOT(1) | SLOT(2) },
    { "MaxRoiPool", SLOT(1) },
    { "RoiAlign", SLOT(1) | SLOT(2) },
    { "NonMaxSuppression", SLOT(2) | SLOT(3) | SLOT(4) },
    { "Col2Im", SLOT(1) | SLOT(2) },
    { "DFT", SLOT(1) | SLOT(2) },
    { "STFT", SLOT(1) | SLOT(3) },
    { "HannWindow", SLOT(0) },
    { "HammingWindow", SLOT(0) },
    { "BlackmanWindow", SLOT(0) },
    { "MelWeightMatrix", SLOT(0) | SLOT(1) | SLOT(2) | SLOT(3) | SLOT(4) },
    { "LSTM", SLOT(4) },
    { "GRU", SLOT(4) },
    { "RNN", SLOT(4) },
    { "If", SLOT(0) },
    { "Loop", SLOT(0) | SLOT(1) },
};

/* What sizes are computed with. */
static const char *const arithmetic[] = {
    "Identity",
    "Cast",
    "CastLike",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Concat",
    "Slice",
    "Gather",
    "Split",
    "Transpose",
    "Expand",
    "Tile",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Mod",
    "Pow",
    "Sqrt",
    "Reciprocal",
    "Exp",
    "Log",
    "Neg",
    "Abs",
    "Floor",
    "Ceil",
    "Round",
    "Min",
    "Max",
    "Clip",
    "Where",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "And",
    "Or",
    "Not",
    "ReduceMin",
    "ReduceMax",
    "ReduceSum",
    "ReduceProd",
    "ReduceMean",
    "Range",
    "ConstantOfShape",
    "SequenceConstruct",
    "SequenceAt",
};

/* Operators with bodies. Input i of a body is input i of its node and, a round later, output i - shift of the body;
 * output i of the node is output i + shift of the body. */
static const struct body_kind {
    const char *op;
    size_t shift;
} body_kinds[] = {
    { "If", 0 },
    { "Loop", 1 },
    { "Scan", 0 },
};

struct size_search {
    const struct net *net;
    struct arena *arena;
    struct pointer_map *found;
    struct value **stack;
    size_t count, space;
};

static void reach(struct size_search *search, struct value *value)
{
    if (!value || pointer_map_get(search->found, value)) return;
    pointer_map_set(search->found, value, value);
    if (search->count == search->space) {
        size_t space = 2 * search->space + 16;
        search->stack = arena_grow(search->arena, search->stack, search->space, space, sizeof *search->stack);
        search->space = space;
    }
    search->stack[search->count++] = value;
}

static void reach_steering(struct size_search *search, const struct node *node)
{
    for (size_t i = 0; i < sizeof steerings / sizeof *steerings; i++)
        for (size_t slot = 0; node_is(node, steerings[i].op) && slot < 5; slot++)
            if (steerings[i].slots & SLOT(slot)) reach(search, node_input(node, slot));
}

static const struct body_kind *body_kind_of(const struct node *node)
{
    for (size_t i = 0; i < sizeof body_kinds / sizeof *body_kinds; i++)
        if (node_is(node, body_kinds[i].op)) return &body_kinds[i];
    return NULL;
}

static bool is_arithmetic(const struct node *node)
{
    for (size_t i = 0; i < sizeof arithmetic / sizeof *arithmetic; i++)
        if (node_is(node, arithmetic[i])) return true;
    return false;
}

static void reach_output(struct size_search *search, const struct graph *graph, size_t i)
{
    if (i < graph->output_count) reach(search, graph->outputs[i]);
}

/* What the node computes the value from. */
static void reach_sources(struct size_search *search, const struct node *node, size_t slot)
{
    const struct body_kind *kind = body_kind_of(node);
    if (node->function) reach_output(search, node->function, slot);
    for (size_t i = 0; kind && i < node->inner_count; i++) reach_output(search, node->inner[i], slot + kind->shift);
    for (size_t i = 0; is_arithmetic(node) && i < node->input_count; i++) reach(search, node_input(node, i));
}

static size_t place_of_input(const struct graph *graph, const struct value *value)
{
    size_t i = 0;
    while (i < graph->input_count && graph->inputs[i] != value) i++;
    return i;
}

/* What an input of a body or function is given. */
static void reach_arguments(struct size_search *search, const struct value *value)
{
    const struct graph *home = value->graph;
    size_t place = place_of_input(home, value);
    const struct body_kind *kind = home->owner ? body_kind_of(home->owner) : NULL;
    if (kind) reach(search, node_input(home->owner, place));
    if (kind && place >= kind->shift) reach_output(search, home, place - kind->shift);
    for (struct graph *graph = NULL; home->function && (graph = net_next_graph(search->net, graph));)
        for (const struct node *node = graph->first; node; node = node->next)
            if (node->function == home) reach(search, node_input(node, place));
}

struct pointer_map *sizes_find(const struct net *net, struct arena *arena)
{
    struct size_search search = { .net = net, .arena = arena, .found = NEW(arena, struct pointer_map) };
    search.found->arena = arena;
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));)
        for (const struct node *node = graph->first; node; node = node->next) reach_steering(&search, node);
    while (search.count > 0) {
        const struct value *value = search.stack[--search.count];
        if (value->writer) reach_sources(&search, value->writer, value->writer_slot);
        else if (value->is_input) reach_arguments(&search, value);
    }
    return search.found;
}
