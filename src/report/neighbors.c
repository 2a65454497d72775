/* SPDX-License-Identifier: Apache-2.0
 *
 * Five nodes around a value: two upstream, the node itself, two that read it. */
#include "report/neighbors.h"

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

struct neighbors {
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

static bool is_of(const struct neighbors *neighbors, size_t i, const char *value)
{
    return i < neighbors->count && strcmp(neighbors->links[i].value, value) == 0;
}

/* The first link that is not before the value. */
static size_t first_of(const struct neighbors *neighbors, const char *value)
{
    size_t low = 0, high = neighbors->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(neighbors->links[middle].value, value) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static struct entry find(const struct neighbors *neighbors, const char *value)
{
    struct entry entry = { NULL };
    for (size_t i = first_of(neighbors, value); is_of(neighbors, i, value); i++) {
        const struct link *link = &neighbors->links[i];
        if (!link->reads && !entry.writer) entry.writer = link->place;
        if (link->reads && entry.reader_count++ < READERS) entry.readers[entry.reader_count - 1] = link->place;
    }
    return entry;
}

static void add_links(struct neighbors *neighbors, struct place *place, const char *const *values, size_t count,
                      bool reads)
{
    for (size_t i = 0; i < count; i++) {
        if (!*values[i]) continue;
        neighbors->links[neighbors->count] = (struct link){ values[i], place, reads, neighbors->count };
        neighbors->count++;
    }
}

static struct neighbors *make_room(size_t nodes, size_t links)
{
    struct neighbors *neighbors = calloc(1, sizeof *neighbors);
    if (!neighbors) return NULL;
    neighbors->places = calloc(nodes + 1, sizeof *neighbors->places);
    neighbors->links = calloc(links + 1, sizeof *neighbors->links);
    if (neighbors->places && neighbors->links) return neighbors;
    neighbors_close(neighbors);
    return NULL;
}

static void add_node(struct neighbors *neighbors, const bnfuse_node *node)
{
    struct place *place = &neighbors->places[neighbors->place_count++];
    place->node = node;
    add_links(neighbors, place, node->outputs, node->output_count, false);
    add_links(neighbors, place, node->inputs, node->input_count, true);
}

struct neighbors *neighbors_of_nodes(const bnfuse_node *const *nodes, size_t count)
{
    size_t links = 0;
    for (size_t i = 0; i < count; i++) links += nodes[i]->input_count + nodes[i]->output_count;
    struct neighbors *neighbors = make_room(count, links);
    if (!neighbors) return NULL;
    for (size_t i = 0; i < count; i++) add_node(neighbors, nodes[i]);
    qsort(neighbors->links, neighbors->count, sizeof *neighbors->links, by_value);
    return neighbors;
}

struct neighbors *neighbors_open(bnfuse_model *model, bool fused)
{
    size_t count = 0;
    while (bnfuse_get_node(model, fused, count)) count++;
    const bnfuse_node **nodes = calloc(count + 1, sizeof *nodes);
    if (!nodes) return NULL;
    for (size_t i = 0; i < count; i++) nodes[i] = bnfuse_get_node(model, fused, i);
    struct neighbors *neighbors = neighbors_of_nodes(nodes, count);
    free(nodes);
    return neighbors;
}

void neighbors_close(struct neighbors *neighbors)
{
    if (!neighbors) return;
    free(neighbors->places);
    free(neighbors->links);
    free(neighbors);
}

/* ---- A place and what is around it ---- */

/* The node that writes the first input, or NULL. */
static struct place *upstream_of(const struct neighbors *neighbors, const struct place *place)
{
    const bnfuse_node *node = place->node;
    if (!node->input_count || !*node->inputs[0]) return NULL;
    return find(neighbors, node->inputs[0]).writer;
}

/* The node that writes a value and those upstream of it, nearest first; how many. */
static int chain_of(const struct neighbors *neighbors, const char *value, struct place *chain[UPSTREAM + 1])
{
    int length = 0;
    struct place *place = find(neighbors, value).writer;
    for (; place && length <= UPSTREAM; place = upstream_of(neighbors, place)) chain[length++] = place;
    return length;
}

/* The first output of the first node that reads the value; NULL when there is none. */
static const char *downstream_of(const struct entry *entry)
{
    if (!entry->reader_count || !entry->readers[0]->node->output_count) return NULL;
    return entry->readers[0]->node->outputs[0];
}

const char *neighbors_find(const struct neighbors *of, const struct neighbors *on, const char *value)
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

static void mark_around(const struct neighbors *neighbors, const char *value)
{
    struct place *chain[UPSTREAM + 1];
    const struct entry entry = find(neighbors, value);
    for (int i = chain_of(neighbors, value, chain); i > 0; i--) mark(chain[i - 1]);
    for (int i = 0; i < READERS; i++) mark(entry.readers[i]);
}

void neighbors_mark(struct neighbors *of, struct neighbors *on, const char *value)
{
    const char *at = neighbors_find(of, on, value);
    if (at) mark_around(on, at);
    for (int step = 0; step < STEPS_MOST && value && (!at || strcmp(value, at) != 0); step++) {
        const struct entry entry = find(of, value);
        mark(entry.readers[0]);
        value = downstream_of(&entry);
    }
}

const bnfuse_node *neighbors_marked(const struct neighbors *neighbors, size_t *i)
{
    while (*i < neighbors->place_count)
        if (neighbors->places[(*i)++].is_marked) return neighbors->places[*i - 1].node;
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

void neighbors_draw(const struct neighbors *neighbors, FILE *to, const char *title, const char *value, enum tone tone)
{
    const struct entry entry = find(neighbors, value);
    struct place *chain[UPSTREAM + 1];
    int length = chain_of(neighbors, value, chain);
    struct sketch sketch = { .box_count = 0 };
    for (int i = length - 1; i >= 0; i--) {
        add_box(&sketch, chain[i]->node, length - 1 - i, i ? TONE_PLAIN : tone);
        if (i < length - 1) add_arrow(&sketch, sketch.box_count - 2, sketch.box_count - 1);
    }
    add_readers(&sketch, &entry, sketch.box_count - 1, length);
    picture_graph(to, title, sketch.boxes, sketch.box_count, sketch.arrows, sketch.arrow_count);
}
