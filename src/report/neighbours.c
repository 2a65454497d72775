/* SPDX-License-Identifier: Apache-2.0
 *
 * Five nodes around a value: two upstream, the node itself, two that read it. */
#include "report/neighbours.h"

#include <stdlib.h>
#include <string.h>

enum { READERS = 2, UPSTREAM = 2, BOXES = UPSTREAM + 1 + READERS, STEPS_MOST = 6 };

struct place {
    const bnfuse_node *node;
    bool is_marked;
};

/* A node that writes or reads a value. */
struct link {
    const char *value;
    struct place *place;
    bool reads;
    size_t order; /* in the file */
};

struct neighbours {
    struct place *places; /* in the order of the file */
    struct link *links;   /* by value; its writer stands before its readers */
    size_t place_count, count;
};

static int by_value(const void *a, const void *b)
{
    const struct link *x = a, *y = b;
    int order = strcmp(x->value, y->value);
    if (order) return order;
    if (x->reads != y->reads) return x->reads ? 1 : -1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* A value with what is around it. */
struct entry {
    struct place *writer, *readers[READERS];
    int reader_count; /* all of them */
};

static bool is_of(const struct neighbours *neighbours, size_t i, const char *value)
{
    return i < neighbours->count && strcmp(neighbours->links[i].value, value) == 0;
}

/* The first link that is not before the value. */
static size_t first_of(const struct neighbours *neighbours, const char *value)
{
    size_t low = 0, high = neighbours->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(neighbours->links[middle].value, value) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static struct entry find(const struct neighbours *neighbours, const char *value)
{
    struct entry entry = { NULL };
    for (size_t i = first_of(neighbours, value); is_of(neighbours, i, value); i++) {
        const struct link *link = &neighbours->links[i];
        if (!link->reads && !entry.writer) entry.writer = link->place;
        if (link->reads && entry.reader_count++ < READERS) entry.readers[entry.reader_count - 1] = link->place;
    }
    return entry;
}

static void add_links(struct neighbours *neighbours, struct place *place, const char *const *values, size_t count,
                      bool reads)
{
    for (size_t i = 0; i < count; i++) {
        if (!*values[i]) continue;
        neighbours->links[neighbours->count] = (struct link){ values[i], place, reads, neighbours->count };
        neighbours->count++;
    }
}

static struct neighbours *make_room(size_t nodes, size_t links)
{
    struct neighbours *neighbours = calloc(1, sizeof *neighbours);
    if (!neighbours) return NULL;
    neighbours->places = calloc(nodes + 1, sizeof *neighbours->places);
    neighbours->links = calloc(links + 1, sizeof *neighbours->links);
    if (neighbours->places && neighbours->links) return neighbours;
    neighbours_close(neighbours);
    return NULL;
}

static void add_node(struct neighbours *neighbours, const bnfuse_node *node)
{
    struct place *place = &neighbours->places[neighbours->place_count++];
    place->node = node;
    add_links(neighbours, place, node->outputs, node->output_count, false);
    add_links(neighbours, place, node->inputs, node->input_count, true);
}

struct neighbours *neighbours_of_nodes(const bnfuse_node *const *nodes, size_t count)
{
    size_t links = 0;
    for (size_t i = 0; i < count; i++) links += nodes[i]->input_count + nodes[i]->output_count;
    struct neighbours *neighbours = make_room(count, links);
    if (!neighbours) return NULL;
    for (size_t i = 0; i < count; i++) add_node(neighbours, nodes[i]);
    qsort(neighbours->links, neighbours->count, sizeof *neighbours->links, by_value);
    return neighbours;
}

struct neighbours *neighbours_open(bnfuse_model *model, bool fused)
{
    size_t count = 0;
    while (bnfuse_get_node(model, fused, count)) count++;
    const bnfuse_node **nodes = calloc(count + 1, sizeof *nodes);
    if (!nodes) return NULL;
    for (size_t i = 0; i < count; i++) nodes[i] = bnfuse_get_node(model, fused, i);
    struct neighbours *neighbours = neighbours_of_nodes(nodes, count);
    free(nodes);
    return neighbours;
}

void neighbours_close(struct neighbours *neighbours)
{
    if (!neighbours) return;
    free(neighbours->places);
    free(neighbours->links);
    free(neighbours);
}

/* ---- A place and what is around it ---- */

/* The node that writes the first input, or NULL. */
static struct place *upstream_of(const struct neighbours *neighbours, const struct place *place)
{
    const bnfuse_node *node = place->node;
    if (!node->input_count || !*node->inputs[0]) return NULL;
    return find(neighbours, node->inputs[0]).writer;
}

/* The node that writes a value and those upstream of it, nearest first; how many. */
static int chain_of(const struct neighbours *neighbours, const char *value, struct place *chain[UPSTREAM + 1])
{
    int length = 0;
    struct place *place = find(neighbours, value).writer;
    for (; place && length <= UPSTREAM; place = upstream_of(neighbours, place)) chain[length++] = place;
    return length;
}

/* The first output of the first node that reads the value; NULL when there is none. */
static const char *downstream_of(const struct entry *entry)
{
    if (!entry->reader_count || !entry->readers[0]->node->output_count) return NULL;
    return entry->readers[0]->node->outputs[0];
}

const char *neighbours_find(const struct neighbours *of, const struct neighbours *on, const char *value)
{
    for (int step = 0; step < STEPS_MOST && value; step++) {
        if (find(on, value).writer) return value;
        const struct entry entry = find(of, value);
        value = downstream_of(&entry);
    }
    return NULL;
}

/* ---- What pictures need of a model ---- */

static void mark(struct place *place)
{
    if (place) place->is_marked = true;
}

static void mark_around(const struct neighbours *neighbours, const char *value)
{
    struct place *chain[UPSTREAM + 1];
    const struct entry entry = find(neighbours, value);
    for (int i = chain_of(neighbours, value, chain); i > 0; i--) mark(chain[i - 1]);
    for (int i = 0; i < READERS; i++) mark(entry.readers[i]);
}

void neighbours_mark(struct neighbours *of, struct neighbours *on, const char *value)
{
    const char *at = neighbours_find(of, on, value);
    if (at) mark_around(on, at);
    for (int step = 0; step < STEPS_MOST && value && (!at || strcmp(value, at) != 0); step++) {
        const struct entry entry = find(of, value);
        mark(entry.readers[0]);
        value = downstream_of(&entry);
    }
}

const bnfuse_node *neighbours_marked(const struct neighbours *neighbours, size_t *i)
{
    while (*i < neighbours->place_count)
        if (neighbours->places[(*i)++].is_marked) return neighbours->places[*i - 1].node;
    return NULL;
}

/* ---- The picture ---- */

struct sketch {
    struct box boxes[BOXES];
    struct arrow arrows[BOXES];
    size_t box_count, arrow_count;
};

static void add_box(struct sketch *sketch, const bnfuse_node *node, int row, enum tone tone)
{
    sketch->boxes[sketch->box_count++] =
        (struct box){ .op = node->op, .name = node->name, .row = row, .columns = 1, .tone = tone };
}

static void add_arrow(struct sketch *sketch, size_t from, size_t to)
{
    sketch->arrows[sketch->arrow_count++] = (struct arrow){ from, to };
}

static void add_readers(struct sketch *sketch, const struct entry *entry, size_t node, int row)
{
    int count = entry->reader_count < READERS ? entry->reader_count : READERS;
    for (int i = 0; i < count; i++) {
        add_arrow(sketch, node, sketch->box_count);
        add_box(sketch, entry->readers[i]->node, row, TONE_PLAIN);
        sketch->boxes[sketch->box_count - 1].column = i;
        sketch->boxes[sketch->box_count - 1].columns = count;
    }
}

void neighbours_draw(const struct neighbours *neighbours, FILE *to, const char *title, const char *value,
                     enum tone tone)
{
    const struct entry entry = find(neighbours, value);
    struct place *chain[UPSTREAM + 1];
    int length = chain_of(neighbours, value, chain);
    struct sketch sketch = { .box_count = 0 };
    for (int i = length - 1; i >= 0; i--) {
        add_box(&sketch, chain[i]->node, length - 1 - i, i ? TONE_PLAIN : tone);
        if (i < length - 1) add_arrow(&sketch, sketch.box_count - 2, sketch.box_count - 1);
    }
    add_readers(&sketch, &entry, sketch.box_count - 1, length);
    picture_graph(to, title, sketch.boxes, sketch.box_count, sketch.arrows, sketch.arrow_count);
}
