/* SPDX-License-Identifier: Apache-2.0
 *
 * Kahn's algorithm, unless the file's own order will do. */
#include "onnx/graph/order.h"

#include <assert.h>

/* A heap holds the ready nodes' places in the file, least first. */
struct ordering {
    const struct graph *graph;
    struct node **nodes; /* in file order */
    size_t *waiting;     /* reads of this graph's values that are still unwritten, bodies included */
    size_t *heap, ready;
    struct node **order;
    size_t count;
};

/* The node of this graph in or under which a read happens; NULL for this graph's own outputs. */
static struct node *reader_in(const struct graph *graph, const struct use *use)
{
    struct node *reader = use->node ? use->node : use_graph(use)->owner;
    while (reader && reader->graph != graph) reader = reader->graph->owner;
    return reader;
}

static void heap_push(struct ordering *o, size_t place)
{
    size_t i = o->ready++;
    for (; i > 0 && o->heap[(i - 1) / 2] > place; i = (i - 1) / 2) o->heap[i] = o->heap[(i - 1) / 2];
    o->heap[i] = place;
}

static size_t heap_pop(struct ordering *o)
{
    size_t least = o->heap[0], last = o->heap[--o->ready], i = 0;
    for (size_t child; (child = 2 * i + 1) < o->ready; i = child) {
        if (child + 1 < o->ready && o->heap[child + 1] < o->heap[child]) child++;
        if (o->heap[child] >= last) break;
        o->heap[i] = o->heap[child];
    }
    o->heap[i] = last;
    return least;
}

/* The nodes in file order, each of which knows its place in it. */
static struct node **list_nodes(const struct graph *graph, struct arena *arena)
{
    struct node **nodes = NEW_ARRAY(arena, struct node *, graph->node_count);
    uint32_t place = 0;
    for (struct node *node = graph->first; node; node = node->next) {
        node->place = place;
        nodes[place++] = node;
    }
    assert(place == graph->node_count);
    return nodes;
}

/* Whether every node stands after the writers of what it reads, as the standard wants it: then the file's order is the
 * one that is asked for. What bodies read is not looked for here. */
static bool is_sorted(const struct graph *graph)
{
    for (const struct node *node = graph->first; node; node = node->next) {
        if (node->inner_count) return false;
        for (size_t i = 0; i < node->input_count; i++) {
            const struct node *writer = node->inputs[i].value ? node->inputs[i].value->writer : NULL;
            if (writer && writer->graph == graph && writer->place >= node->place) return false;
        }
    }
    return true;
}

static void open_ordering(struct ordering *o, const struct graph *graph, struct node **nodes, struct arena *arena)
{
    *o = (struct ordering){ .graph = graph, .nodes = nodes };
    o->waiting = NEW_ARRAY(arena, size_t, graph->node_count);
    o->heap = NEW_ARRAY(arena, size_t, graph->node_count);
    o->order = NEW_ARRAY(arena, struct node *, graph->node_count);
}

/* Calls `visit` for every read of what the node writes. */
static void for_readers(struct ordering *o, struct node *node,
                        void (*visit)(struct ordering *o, struct node *writer, struct node *reader))
{
    for (size_t i = 0; i < node->output_count; i++)
        for (struct use *use = node->outputs[i] ? node->outputs[i]->uses : NULL; use; use = use->next) {
            struct node *reader = reader_in(o->graph, use);
            if (reader) visit(o, node, reader);
        }
}

static void count_reader(struct ordering *o, struct node *writer, struct node *reader)
{
    (void)writer;
    o->waiting[reader->place]++;
}

static void release_reader(struct ordering *o, struct node *writer, struct node *reader)
{
    (void)writer;
    if (--o->waiting[reader->place] == 0) heap_push(o, reader->place);
}

/* For nodes that wait for ever: who they wait for. The heap is empty then, its memory free. */
static void note_writer(struct ordering *o, struct node *writer, struct node *reader)
{
    if (o->waiting[writer->place]) o->heap[reader->place] = writer->place;
}

/* Going back from writer to writer among nodes that wait for ever ends up in a cycle. */
static bool fail_cycle(struct ordering *o, struct arena *arena, struct bnfuse_error *error)
{
    size_t place = 0;
    for (size_t i = 0; i < o->graph->node_count; i++) for_readers(o, o->nodes[i], note_writer);
    while (!o->waiting[place]) place++;
    for (size_t i = 0; i < o->graph->node_count; i++) place = o->heap[place];
    return fail(error, BNFUSE_INVALID, "the graph has a cycle: %s needs its own result; export the model again",
                node_label(o->nodes[place], arena));
}

bool graph_order(const struct graph *graph, struct arena *arena, struct node ***order, struct bnfuse_error *error)
{
    struct ordering o;
    *order = list_nodes(graph, arena);
    if (is_sorted(graph)) return true;
    open_ordering(&o, graph, *order, arena);
    for (size_t i = 0; i < graph->node_count; i++) for_readers(&o, o.nodes[i], count_reader);
    for (size_t i = 0; i < graph->node_count; i++)
        if (!o.waiting[i]) heap_push(&o, i);
    while (o.ready) {
        struct node *node = o.nodes[heap_pop(&o)];
        o.order[o.count++] = node;
        for_readers(&o, node, release_reader);
    }
    if (o.count < graph->node_count) return fail_cycle(&o, arena, error);
    *order = o.order;
    return true;
}
