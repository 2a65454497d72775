/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows by name: a table of the first row of each operator, by the hash of its name; the others stand after it. */
#include "onnx/graph/operator.h"

#include <string.h>

struct operator_index {
    size_t slots; /* a power of two, at most half of them taken */
    const struct operator_row **first;
    const struct operator_row *by_symbol[128]; /* the first row of an operator that has one */
};

static uint64_t hash_on(uint64_t hash, const char *text)
{
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u; /* FNV-1a */
    return hash;
}

static uint64_t hash_name(const char *domain, const char *op)
{
    uint64_t hash = 0xcbf29ce484222325u;
    if (*domain) hash = hash_on(hash_on(hash, domain), ":");
    hash = hash_on(hash, op);
    return hash ^ hash >> 31;
}

bool operator_is_named(const char *name, const char *domain, const char *op)
{
    size_t length = strlen(domain);
    if (length == 0) return strcmp(name, op) == 0 && !strchr(op, ':');
    return strncmp(name, domain, length) == 0 && name[length] == ':' && strcmp(name + length + 1, op) == 0;
}

static bool is_named(const struct operator_row *row, const char *domain, const char *op)
{
    return operator_is_named(row->name, domain, op);
}

static const struct operator_row **find_slot(const struct operator_index *index, const char *domain, const char *op)
{
    size_t at = hash_name(domain, op) & (index->slots - 1);
    while (index->first[at] && !is_named(index->first[at], domain, op)) at = (at + 1) & (index->slots - 1);
    return &index->first[at];
}

static size_t count_rows(void)
{
    size_t count = 0;
    for (const struct operator_row *const *family = operator_families; *family; family++)
        for (const struct operator_row *row = *family; row->name; row++) count++;
    return count;
}

struct operator_index *operator_index_new(struct arena *arena)
{
    struct operator_index *index = NEW(arena, struct operator_index);
    for (index->slots = 64; index->slots < 2 * count_rows();) index->slots *= 2;
    index->first = NEW_ARRAY(arena, const struct operator_row *, index->slots);
    for (const struct operator_row *const *family = operator_families; *family; family++)
        for (const struct operator_row *row = *family; row->name; row++) {
            const struct operator_row **slot = find_slot(index, "", row->name);
            if (!*slot) *slot = row;
            if (row->symbol && *slot == row) index->by_symbol[(unsigned char)row->symbol] = row;
        }
    return index;
}

const struct operator_row *operator_first(const struct operator_index *index, const char *domain, const char *op)
{
    return *find_slot(index, domain, op);
}

/* The row at an opset of an operator, whose first row is given. */
static const struct operator_row *row_at(const struct operator_row *first, int64_t opset)
{
    for (const struct operator_row *row = first; row && row->name && strcmp(row->name, first->name) == 0; row++)
        if (opset >= row->first && opset <= (row->last == LATEST ? LATEST_OPSET : row->last)) return row;
    return NULL;
}

const struct operator_row *operator_find(const struct operator_index *index, const char *domain, const char *op,
                                         int64_t opset)
{
    return row_at(*find_slot(index, domain, op), opset);
}

const struct operator_row *operator_of_symbol(const struct operator_index *index, char symbol, int64_t opset)
{
    return row_at(index->by_symbol[(unsigned char)symbol & 127], opset);
}

const char *operator_written(const struct graph *graph, char symbol)
{
    return operator_of_symbol(graph->net->operators, symbol, LATEST_OPSET)->name;
}

bool operator_has(const struct node *node, unsigned laws)
{
    return node->row && node->row->laws & laws;
}

char operator_symbol(const struct node *node)
{
    return node->row ? node->row->symbol : 0;
}

#define FELL_THROUGH                                                           \
    "is PyTorch's own, which its exporter let through; export the model with " \
    "operator_export_type=OperatorExportTypes.ONNX"

/* Why nothing of a domain runs, where there is more to say than that it is not known. */
static const struct {
    const char *domain, *why;
} refused[] = {
    { "com.microsoft.nchwc", "has a layout that ONNX Runtime blocks for one processor; let it optimize at level "
                             "\"extended\" and not \"all\"" },
    { "aten", FELL_THROUGH },
    { "prim", FELL_THROUGH },
};

static const char *refusal(const struct node *node, struct arena *arena)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcmp(node->domain, refused[i].domain) == 0)
            return arena_printf(arena, "operator %s of %s %s", node->op, node->domain, refused[i].why);
    return NULL;
}

const char *operator_missing(const struct node *node, struct arena *arena)
{
    const char *domain = *node->domain ? node->domain : "ai.onnx";
    const struct operator_row *row = *find_slot(node->graph->net->operators, node->domain, node->op);
    bool runs = false;
    if (refusal(node, arena)) return refusal(node, arena);
    if (node->row && node->row->refused)
        return arena_printf(arena, "operator %s of %s %s", node->op, domain, node->row->refused);
    for (; row && row->name && is_named(row, node->domain, node->op); row++) runs = runs || row->run;
    if (node->opset == 0) return arena_printf(arena, "the model imports no opset of %s", domain);
    if (!runs) return arena_printf(arena, "operator %s of %s is not known", node->op, domain);
    return arena_printf(arena, "operator %s is not known at opset %lld of %s", node->op, (long long)node->opset,
                        domain);
}
