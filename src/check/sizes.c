/* SPDX-License-Identifier: Apache-2.0
 *
 * From the inputs that steer a shape or choose elements, back through what sizes are computed with. The way ends at any
 * other operator: what a net makes of its data by weights is no size, whatever is done with it later. */
#include "check/sizes.h"

#include "onnx/graph/operator.h"

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

static bool is_stored(const struct value *value)
{
    return value && (value->initializer || (value->writer && node_is_literal(value->writer)));
}

/* A stored threshold that moves by its last bit turns the answer of a comparison over. */
static void reach_thresholds(struct size_search *search, const struct node *node)
{
    for (size_t slot = 0; node->row && node->row->type == DTYPE_BOOL && slot < node->input_count; slot++)
        if (is_stored(node_input(node, slot))) reach(search, node_input(node, slot));
}

static void reach_size_inputs(struct size_search *search, const struct node *node)
{
    reach_thresholds(search, node);
    for (size_t slot = 0; node->row && slot < node->input_count && slot < 32; slot++)
        if (node->row->sizes & SLOT(slot)) reach(search, node_input(node, slot));
}

static bool has_bodies(const struct node *node)
{
    return node->row && node->row->bodies != NO_BODIES;
}

/* Input i of a body is input i of its node and, a round later, output i - shift of the body; output i of the node is
 * output i + shift of the body. */
static size_t shift_of(const struct node *node)
{
    return node->row->bodies == BODY_LOOPS ? 1 : 0;
}

static void reach_output(struct size_search *search, const struct graph *graph, size_t i)
{
    if (i < graph->output_count) reach(search, graph->outputs[i]);
}

/* What the node computes the value from. */
static void reach_sources(struct size_search *search, const struct node *node, size_t slot)
{
    size_t shift = has_bodies(node) ? shift_of(node) : 0;
    if (node->function) reach_output(search, node->function, slot);
    for (size_t i = 0; has_bodies(node) && i < node->inner_count; i++)
        reach_output(search, node->inner[i], slot + shift);
    for (size_t i = 0; node->row && node->row->arithmetic && i < node->input_count; i++)
        reach(search, node_input(node, i));
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
    if (home->owner && has_bodies(home->owner)) {
        size_t shift = shift_of(home->owner);
        reach(search, node_input(home->owner, place));
        if (place >= shift) reach_output(search, home, place - shift);
    }
    for (struct graph *graph = NULL; home->function && (graph = net_next_graph(search->net, graph));)
        for (const struct node *node = graph->first; node; node = node->next)
            if (node->function == home) reach(search, node_input(node, place));
}

struct pointer_map *sizes_find(const struct net *net, struct arena *arena)
{
    struct size_search search = { .net = net, .arena = arena, .found = NEW(arena, struct pointer_map) };
    search.found->arena = arena;
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));)
        for (const struct node *node = graph->first; node; node = node->next) reach_size_inputs(&search, node);
    while (search.count > 0) {
        const struct value *value = search.stack[--search.count];
        if (value->writer) reach_sources(&search, value->writer, value->writer_slot);
        else if (value->is_input) reach_arguments(&search, value);
    }
    return search.found;
}
