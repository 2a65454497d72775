/* SPDX-License-Identifier: Apache-2.0
 *
 * Five nodes around a value: two upstream, the node itself, two that read it. */
#include "report/neighbours.h"

#include <stdlib.h>
#include <string.h>

enum { READERS = 2, UPSTREAM = 2, BOXES = UPSTREAM + 1 + READERS };

/* A node that writes or reads a value. */
struct link {
    const char *value;
    const bnfuse_node *node;
    bool reads;
    size_t place; /* in the file */
};

struct neighbours {
    struct link *links; /* by value; its writer stands before its readers */
    size_t count;
};

static int by_value(const void *a, const void *b)
{
    const struct link *x = a, *y = b;
    int order = strcmp(x->value, y->value);
    if (order) return order;
    if (x->reads != y->reads) return x->reads ? 1 : -1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* A value with what is around it. */
struct entry {
    const bnfuse_node *writer, *readers[READERS];
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
        if (!link->reads && !entry.writer) entry.writer = link->node;
        if (link->reads && entry.reader_count++ < READERS) entry.readers[entry.reader_count - 1] = link->node;
    }
    return entry;
}

static void add_links(struct neighbours *neighbours, const bnfuse_node *node, const char *const *values, size_t count,
                      bool reads)
{
    for (size_t i = 0; i < count; i++) {
        if (!*values[i]) continue;
        neighbours->links[neighbours->count] = (struct link){ values[i], node, reads, neighbours->count };
        neighbours->count++;
    }
}

struct neighbours *neighbours_open(bnfuse_model *model, bool fused)
{
    size_t room = 1;
    const bnfuse_node *node;
    for (size_t i = 0; (node = bnfuse_get_node(model, fused, i)); i++) room += node->input_count + node->output_count;
    struct neighbours *neighbours = calloc(1, sizeof *neighbours);
    if (neighbours) neighbours->links = calloc(room, sizeof *neighbours->links);
    if (!neighbours || !neighbours->links) {
        free(neighbours);
        return NULL;
    }
    for (size_t i = 0; (node = bnfuse_get_node(model, fused, i)); i++) {
        add_links(neighbours, node, node->outputs, node->output_count, false);
        add_links(neighbours, node, node->inputs, node->input_count, true);
    }
    qsort(neighbours->links, neighbours->count, sizeof *neighbours->links, by_value);
    return neighbours;
}

void neighbours_close(struct neighbours *neighbours)
{
    if (!neighbours) return;
    free(neighbours->links);
    free(neighbours);
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

/* The node that writes the first input, or NULL. */
static const bnfuse_node *upstream_of(const struct neighbours *neighbours, const bnfuse_node *node)
{
    if (!node->input_count || !*node->inputs[0]) return NULL;
    return find(neighbours, node->inputs[0]).writer;
}

static void add_readers(struct sketch *sketch, const struct entry *entry, size_t node, int row)
{
    int count = entry->reader_count < READERS ? entry->reader_count : READERS;
    for (int i = 0; i < count; i++) {
        add_arrow(sketch, node, sketch->box_count);
        add_box(sketch, entry->readers[i], row, TONE_PLAIN);
        sketch->boxes[sketch->box_count - 1].column = i;
        sketch->boxes[sketch->box_count - 1].columns = count;
    }
}

bool neighbours_draw(const struct neighbours *neighbours, FILE *to, const char *title, const char *value,
                     enum tone tone)
{
    const struct entry entry = find(neighbours, value);
    if (!entry.writer) return false;
    const bnfuse_node *chain[UPSTREAM + 1] = { entry.writer };
    int length = 1;
    while (length <= UPSTREAM && (chain[length] = upstream_of(neighbours, chain[length - 1]))) length++;
    struct sketch sketch = { .box_count = 0 };
    for (int i = length - 1; i >= 0; i--) {
        add_box(&sketch, chain[i], length - 1 - i, i ? TONE_PLAIN : tone);
        if (i < length - 1) add_arrow(&sketch, sketch.box_count - 2, sketch.box_count - 1);
    }
    add_readers(&sketch, &entry, sketch.box_count - 1, length);
    picture_graph(to, title, sketch.boxes, sketch.box_count, sketch.arrows, sketch.arrow_count);
    return true;
}

const char *neighbours_reader(const struct neighbours *neighbours, const char *value)
{
    const struct entry entry = find(neighbours, value);
    return entry.reader_count && entry.readers[0]->output_count ? entry.readers[0]->outputs[0] : NULL;
}
