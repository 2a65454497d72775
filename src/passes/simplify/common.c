/* SPDX-License-Identifier: Apache-2.0
 *
 * What is computed for nobody, computed twice, or stored twice.
 *
 * Of two equal things the one that comes first by depth and name stays. Hashes only say where to look: what is called
 * equal has been compared. */
#include "base/hash.h"
#include "base/text.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "passes/decide/decision.h"
#include "passes/simplify/engine.h"

#include <stdlib.h>
#include <string.h>

/* ---- hashes ---- */

#define HASH_START UINT64_C(0x9e3779b97f4a7c15)

/* ---- for nobody ---- */

static bool unused(struct simplifier *s, struct node *node)
{
    (void)s;
    return may_go_unread(node);
}

/* ---- computed twice ---- */

/* Whether the attribute's bytes are all there is to it: no tensor whose elements are elsewhere. (A node with bodies is
 * never asked.) */
static bool is_self_contained(const BnfuseOnnx__AttributeProto *a)
{
    const BnfuseOnnx__TensorProto *t = a->t;
    if (a->sparse_tensor || a->n_tensors + a->n_sparse_tensors > 0) return false;
    return !t
           || t->raw_data.len + t->n_float_data + t->n_int32_data + t->n_int64_data + t->n_double_data
                      + t->n_uint64_data
                  > 0;
}

static bool is_deterministic(const struct node *node)
{
    if (!node->row || node->row->random || node->inner_count || node_is_literal(node)) return false;
    for (size_t i = 0; i < node->proto->n_attribute; i++)
        if (!is_self_contained(node->proto->attribute[i])) return false;
    return node->output_count > 0;
}

struct packed {
    size_t size;
    uint8_t *bytes;
};

static struct packed pack(struct arena *arena, const BnfuseOnnx__AttributeProto *a)
{
    struct packed packed = { .size = bnfuse_onnx__attribute_proto__get_packed_size(a) };
    packed.bytes = arena_alloc(arena, packed.size);
    bnfuse_onnx__attribute_proto__pack(a, packed.bytes);
    return packed;
}

/* Independent of the order of attributes. */
static uint32_t hash_node(struct arena *arena, const struct node *node)
{
    uint64_t hash = hash_mix((uint64_t)(uintptr_t)node->row, (uint64_t)(uintptr_t)node->graph), attributes = 0;
    for (size_t i = 0; i < node->input_count; i++) hash = hash_mix(hash, (uint64_t)(uintptr_t)node->inputs[i].value);
    for (size_t i = 0; i < node->proto->n_attribute; i++) {
        struct packed packed = pack(arena, node->proto->attribute[i]);
        attributes += hash_bytes(HASH_START, packed.bytes, packed.size);
    }
    hash = hash_mix(hash_mix(hash, attributes), node->output_count);
    return (uint32_t)(hash ^ hash >> 32);
}

static bool same_attributes(struct arena *arena, const struct node *a, const struct node *b)
{
    if (a->proto->n_attribute != b->proto->n_attribute) return false;
    for (size_t i = 0; i < a->proto->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *mine = a->proto->attribute[i];
        const BnfuseOnnx__AttributeProto *other = node_attribute(b, mine->name);
        if (!other) return false;
        struct packed x = pack(arena, mine), y = pack(arena, other);
        if (x.size != y.size || memcmp(x.bytes, y.bytes, x.size) != 0) return false;
    }
    return true;
}

static bool same_computation(struct arena *arena, const struct node *a, const struct node *b)
{
    if (a->graph != b->graph || a->row != b->row) return false;
    if (a->input_count != b->input_count || a->output_count != b->output_count) return false;
    for (size_t i = 0; i < a->input_count; i++)
        if (a->inputs[i].value != b->inputs[i].value) return false;
    for (size_t i = 0; i < a->output_count; i++)
        if (!a->outputs[i] != !b->outputs[i]) return false;
    return same_attributes(arena, a, b);
}

static void enlarge(struct simplifier *s)
{
    struct known larger = { .capacity = s->known.capacity ? 2 * s->known.capacity : 256, .count = s->known.count };
    larger.heads = NEW_ARRAY(s->net->arena, struct item *, larger.capacity);
    for (size_t i = 0; i < s->known.capacity; i++)
        for (struct item *item = s->known.heads[i], *next; item; item = next) {
            struct item **head = &larger.heads[item->hash & (larger.capacity - 1)];
            next = item->next;
            item->next = *head;
            *head = item;
        }
    s->known = larger;
}

static struct item **place_of(const struct simplifier *s, uint32_t hash)
{
    return &s->known.heads[hash & (s->known.capacity - 1)];
}

/* Out of the table: what the node computes has changed. */
static void forget(struct simplifier *s, struct item *item)
{
    if (!item->is_known) return;
    struct item **link = place_of(s, item->hash);
    while (*link != item) link = &(*link)->next;
    *link = item->next;
    item->is_known = false;
    s->known.count--;
}

static void remember(struct simplifier *s, struct item *item, uint32_t hash)
{
    if (s->known.count >= s->known.capacity) enlarge(s);
    struct item **head = place_of(s, hash);
    item->hash = hash;
    item->next = *head;
    item->is_known = true;
    *head = item;
    s->known.count++;
}

/* What has gone leaves the table here. */
static struct item *find_equal(struct simplifier *s, const struct node *node, uint32_t hash)
{
    struct item **link = s->known.capacity ? place_of(s, hash) : NULL;
    while (link && *link) {
        struct item *item = *link;
        if (!item->is_gone && item->hash == hash && same_computation(&s->scratch, item->node, node)) return item;
        if (item->is_gone) {
            *link = item->next;
            item->is_known = false;
            s->known.count--;
        } else link = &item->next;
    }
    return NULL;
}

/* Whether whoever reads the other may read this one. */
static bool can_stand_for(const struct node *node, const struct node *other)
{
    for (size_t i = 0; i < other->output_count; i++)
        if (other->outputs[i] && (other->outputs[i]->is_output || !rewrite_can_replace(other, i, node->outputs[i])))
            return false;
    return true;
}

/* Whether it is alone in reading one of its inputs: then nothing equals it. */
static bool reads_alone(const struct node *node)
{
    for (size_t i = 0; i < node->input_count; i++)
        if (node->inputs[i].value && node->inputs[i].value->use_count == 1) return true;
    return false;
}

static bool common_subexpression(struct simplifier *s, struct node *node)
{
    struct item *item = node->item;
    if (reads_alone(node) || !is_deterministic(node)) {
        forget(s, item);
        return false;
    }
    uint32_t hash = hash_node(&s->scratch, node);
    if (item->is_known && item->hash == hash) return false; /* whoever came after it has been compared with it */
    forget(s, item);
    struct item *equal = find_equal(s, node, hash);
    if (!equal) {
        remember(s, item, hash);
        return false;
    }
    struct node *stays = equal->node, *goes = node;
    if (!can_stand_for(stays, goes)) {
        if (!can_stand_for(goes, stays)) return false;
        stays = node;
        goes = equal->node;
        forget(s, equal);
        remember(s, item, hash);
    }
    rewrite_put_first(stays, goes);
    rewrite_where(s, node_title(stays));
    for (size_t i = 0; i < goes->output_count; i++)
        if (goes->outputs[i]) rewrite_replace(s, goes, i, stays->outputs[i]);
    if (goes != node) rewrite_remove(s, goes);
    return true;
}

/* ---- stored twice ---- */

/* A constant as it is stored: an initializer, or a Constant node. */
struct stored {
    struct value *value;
    const struct tensor *tensor;
    uint64_t form, content;
};

/* Whether it is a constant whose elements may be read, and that may be shared: no caller can replace it, and no list of
 * outputs names it. */
static bool is_stored(const struct value *value, const struct tensor *tensor)
{
    return tensor && !value->is_output && !value->sparse && !tensor->strings && value->use_count && tensor->count;
}

enum { FIRST = 64 }; /* elements that are looked at before all others: most constants of one shape differ there */

/* What equal ones have in common, without reading much: type, dims and the first elements. */
static bool hash_form(const struct tensor *tensor, uint64_t *form)
{
    uint8_t first[FIRST * 16];
    const int64_t count = tensor->count < FIRST ? tensor->count : FIRST;
    *form = hash_mix(HASH_START, tensor->type);
    for (int i = 0; i < tensor->rank; i++) *form = hash_mix(*form, (uint64_t)tensor->dims[i]);
    if (!tensor_read_bytes(tensor, 0, count, first, NULL)) return false;
    *form = hash_bytes(hash_mix(*form, (uint64_t)tensor->rank), first, (size_t)dtype_size(tensor->type, count));
    return true;
}

static void add_stored(struct stored *list, size_t *count, struct value *value)
{
    const struct tensor *tensor = value_constant(value);
    uint64_t form;
    if (is_stored(value, tensor) && hash_form(tensor, &form))
        list[(*count)++] = (struct stored){ value, tensor, form, 0 };
}

enum { CHUNK = 1 << 14 }; /* elements, a multiple of 8, of at most sixteen bytes */

static uint8_t *chunk_of(struct simplifier *s, int which)
{
    if (!s->chunks[which]) s->chunks[which] = arena_alloc(s->net->arena, CHUNK * 16);
    return s->chunks[which];
}

/* Whether all could be read. */
static bool hash_content(struct simplifier *s, struct stored *stored)
{
    uint64_t hash = HASH_START;
    uint8_t *chunk = chunk_of(s, 0);
    for (int64_t at = 0; at < stored->tensor->count; at += CHUNK) {
        int64_t count = stored->tensor->count - at < CHUNK ? stored->tensor->count - at : CHUNK;
        if (!tensor_read_bytes(stored->tensor, at, count, chunk, NULL)) return false;
        hash = hash_bytes(hash, chunk, (size_t)dtype_size(stored->tensor->type, count));
    }
    stored->content = hash;
    return true;
}

static bool same_form(const struct tensor *a, const struct tensor *b)
{
    if (a->type != b->type || a->rank != b->rank || a->count != b->count) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

static bool is_rounded(const struct tensor *tensor)
{
    return !tensor->exact && !tensor->factor_count;
}

/* What a fold has made is equal before it is rounded, too. */
static bool same_elements(struct simplifier *s, const struct tensor *a, const struct tensor *b)
{
    const bool as_stored = is_rounded(a) && is_rounded(b);
    void *x = chunk_of(s, 0), *y = chunk_of(s, 1);
    for (int64_t at = 0; at < a->count; at += CHUNK) {
        const int64_t count = a->count - at < CHUNK ? a->count - at : CHUNK;
        if (as_stored ? !tensor_read_bytes(a, at, count, x, NULL) || !tensor_read_bytes(b, at, count, y, NULL)
                      : !tensor_read_real(a, at, count, x, NULL) || !tensor_read_real(b, at, count, y, NULL))
            return false;
        const int64_t size = as_stored ? dtype_size(a->type, count) : count * (int64_t)sizeof(double);
        if (memcmp(x, y, (size_t)size) != 0) return false;
    }
    return true;
}

/* Initializers come before Constant nodes, which can always go. */
static int by_name(const struct stored *a, const struct stored *b)
{
    if (!a->value->writer != !b->value->writer) return a->value->writer ? 1 : -1;
    return strcmp(a->value->name, b->value->name);
}

static int by_form(const void *left, const void *right)
{
    const struct stored *a = left, *b = right;
    return a->form != b->form ? (a->form < b->form ? -1 : 1) : by_name(a, b);
}

static int by_content(const void *left, const void *right)
{
    const struct stored *a = left, *b = right;
    return a->content != b->content ? (a->content < b->content ? -1 : 1) : by_name(a, b);
}

/* `second` is read through `first` from now on. */
static void share(struct simplifier *s, struct value *first, struct value *second)
{
    rewrite_remark(s, "shared-constant", second->writer, second->name, first->name);
    if (first->writer) rewrite_put_first(first->writer, second->writer);
    for (const struct use *use = second->uses; use; use = use->next)
        if (use->node) rewrite_touch(s, use->node);
    edit_replace_uses(second, first);
    if (second->writer) rewrite_remove(s, second->writer);
    else edit_remove_initializer(second);
}

/* An initializer that is an input before IR 4 is part of what the model promises to callers. */
static bool may_go(const struct value *value)
{
    return !value->is_input || value->graph->net->freeze_weights;
}

/* Equal ones of the same form, which stand side by side by their hashes. */
static bool share_equal(struct simplifier *s, const struct stored *list, size_t count)
{
    bool shared = false;
    for (size_t i = 1, first = 0; i < count; i++) {
        const struct stored *a = &list[first], *b = &list[i];
        if (a->content != b->content || !same_form(a->tensor, b->tensor) || !same_elements(s, a->tensor, b->tensor))
            first = i;
        else if (may_go(b->value)) {
            share(s, a->value, b->value);
            shared = true;
        }
    }
    return shared;
}

static bool share_form(struct simplifier *s, struct stored *list, size_t count)
{
    size_t readable = 0;
    if (count < 2) return false;
    for (size_t i = 0; i < count; i++)
        if (hash_content(s, &list[i])) list[readable++] = list[i];
    qsort(list, readable, sizeof *list, by_content);
    return share_equal(s, list, readable);
}

static bool share_in_graph(struct simplifier *s, const struct graph *graph)
{
    size_t count = 0;
    bool shared = false;
    struct stored *list = NEW_ARRAY(s->net->arena, struct stored, graph->initializer_count + graph->node_count);
    for (size_t i = 0; i < graph->initializer_count; i++) add_stored(list, &count, graph->initializers[i]);
    for (const struct node *node = graph->first; node; node = node->next)
        if (node_is_literal(node) && !node_refers(node) && node_output(node, 0))
            add_stored(list, &count, node->outputs[0]);
    qsort(list, count, sizeof *list, by_form);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && list[end].form == list[i].form; end++) {}
        shared |= share_form(s, list + i, end - i);
    }
    return shared;
}

static bool share_constants(struct simplifier *s)
{
    bool shared = false;
    for (const struct graph *graph = net_next_graph(s->net, NULL); graph; graph = net_next_graph(s->net, graph))
        shared |= share_in_graph(s, graph);
    return shared;
}

/* ---- without use ---- */

static void drop_initializers(struct simplifier *s, struct graph *graph)
{
    for (size_t i = graph->initializer_count; i-- > 0;) {
        struct value *value = graph->initializers[i];
        if (value->use_count || value->is_output || !may_go(value) || value_is_overridable(value)) continue;
        if (pointer_map_get(&s->report->unread, value)) rewrite_remark(s, "unused-initializer", NULL, value->name, "");
        edit_remove_initializer(value);
    }
}

static bool drop_functions(struct simplifier *s)
{
    bool dropped = false;
    for (size_t i = 0; i < s->net->function_count; i++) {
        struct graph *body = s->net->functions[i];
        if (body->is_dropped || body->call_count) continue;
        rewrite_remark(s, "unused-function", NULL, text_or_empty(body->function->name), "");
        edit_drop_function(body);
        dropped = true;
    }
    return dropped;
}

static bool unused_functions(struct simplifier *s)
{
    while (drop_functions(s)) {}
    return false;
}

static bool unused_initializers(struct simplifier *s)
{
    for (struct graph *graph = net_next_graph(s->net, NULL); graph; graph = net_next_graph(s->net, graph))
        drop_initializers(s, graph);
    return false;
}

const struct rewrite common_rewrites[] = {
    { { "unused", "f(x), which nobody reads -> nothing" }, "simplify_unused", .everywhere = true, .apply = unused },
    { { "common", "f(x), f(x) -> f(x), read by both readers" },
      "simplify_common",
      .everywhere = true,
      .apply = common_subexpression },
    { { "shared-constant", "c, c -> c, read by both readers" }, "simplify_common", .sweep = share_constants },
    { { "unused-function", "a function that nobody calls -> nothing" }, "simplify_unused", .sweep = unused_functions },
    { { "unused-initializer", "an initializer that nobody reads -> nothing" },
      "simplify_unused",
      .sweep = unused_initializers },
    { .apply = NULL },
};
