/* SPDX-License-Identifier: Apache-2.0
 *
 * Five nodes around a value: two upstream, the node itself, two that read it. */
#include "report/neighbours.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { READERS = 2, UPSTREAM = 2, BOXES = UPSTREAM + 1 + READERS };

struct entry {
    const char *value;
    const bnfuse_node *writer, *readers[READERS];
    int reader_count; /* all of them */
    UT_hash_handle hh;
};

struct neighbours {
    struct entry *entries, *table; /* storage, and the hash over it */
    size_t count;
};

static struct entry *find(const struct neighbours *neighbours, const char *value)
{
    struct entry *entry;
    HASH_FIND_STR(neighbours->table, value, entry);
    return entry;
}

static struct entry *find_or_add(struct neighbours *neighbours, const char *value)
{
    struct entry *entry = find(neighbours, value);
    if (entry) return entry;
    entry = &neighbours->entries[neighbours->count++];
    *entry = (struct entry){ .value = value };
    HASH_ADD_KEYPTR(hh, neighbours->table, value, strlen(value), entry);
    return entry;
}

static void add_node(struct neighbours *neighbours, const bnfuse_node *node)
{
    for (size_t i = 0; i < node->output_count; i++) {
        struct entry *entry = *node->outputs[i] ? find_or_add(neighbours, node->outputs[i]) : NULL;
        if (entry && !entry->writer) entry->writer = node;
    }
    for (size_t i = 0; i < node->input_count; i++) {
        struct entry *entry = *node->inputs[i] ? find_or_add(neighbours, node->inputs[i]) : NULL;
        if (!entry) continue;
        if (entry->reader_count < READERS) entry->readers[entry->reader_count] = node;
        entry->reader_count++;
    }
}

struct neighbours *neighbours_open(bnfuse_model *model, bool fused)
{
    size_t room = 1;
    const bnfuse_node *node;
    for (size_t i = 0; (node = bnfuse_get_node(model, fused, i)); i++) room += node->input_count + node->output_count;
    struct neighbours *neighbours = calloc(1, sizeof *neighbours);
    if (neighbours) neighbours->entries = calloc(room, sizeof *neighbours->entries);
    if (!neighbours || !neighbours->entries) {
        free(neighbours);
        return NULL;
    }
    for (size_t i = 0; (node = bnfuse_get_node(model, fused, i)); i++) add_node(neighbours, node);
    return neighbours;
}

void neighbours_close(struct neighbours *neighbours)
{
    if (!neighbours) return;
    HASH_CLEAR(hh, neighbours->table);
    free(neighbours->entries);
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
    const struct entry *entry = find(neighbours, node->inputs[0]);
    return entry ? entry->writer : NULL;
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
    const struct entry *entry = find(neighbours, value);
    if (!entry || !entry->writer) return false;
    const bnfuse_node *chain[UPSTREAM + 1] = { entry->writer };
    int length = 1;
    while (length <= UPSTREAM && (chain[length] = upstream_of(neighbours, chain[length - 1]))) length++;
    struct sketch sketch = { .box_count = 0 };
    for (int i = length - 1; i >= 0; i--) {
        add_box(&sketch, chain[i], length - 1 - i, i ? TONE_PLAIN : tone);
        if (i < length - 1) add_arrow(&sketch, sketch.box_count - 2, sketch.box_count - 1);
    }
    add_readers(&sketch, entry, sketch.box_count - 1, length);
    picture_graph(to, title, sketch.boxes, sketch.box_count, sketch.arrows, sketch.arrow_count);
    return true;
}

const char *neighbours_reader(const struct neighbours *neighbours, const char *value)
{
    const struct entry *entry = find(neighbours, value);
    return entry && entry->reader_count && entry->readers[0]->output_count ? entry->readers[0]->outputs[0] : NULL;
}
