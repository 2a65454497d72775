/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairing two graphs. */
#include "check/diff_match.h"

#include "base/name_map.h"
#include "base/sha256.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/order.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 1 << 9, ROUND_LIMIT = 4 };

void *matching_partner(const struct matching *matching, const void *one)
{
    return one ? pointer_map_get(&matching->pairs, one) : NULL;
}

static void join(struct matching *matching, void *a, void *b)
{
    if (!a || !b || matching_partner(matching, a) || matching_partner(matching, b)) return;
    pointer_map_set(&matching->pairs, a, b);
    pointer_map_set(&matching->pairs, b, a);
}

/* ---- Stored tensors ---- */

const struct tensor *stored_tensor(struct value *value)
{
    if (!value) return NULL;
    if (value->initializer) return value->initializer;
    return value->writer && node_is_literal(value->writer) ? value_constant(value) : NULL;
}

bool same_tensor_type(const struct tensor *a, const struct tensor *b)
{
    if (a->type != b->type || a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

static void contrast_strings(struct contrast *contrast, const struct tensor *a, const struct tensor *b)
{
    for (int64_t i = 0; i < a->count; i++)
        if (strcmp(a->strings[i], b->strings[i]) != 0 && contrast->differing++ == 0) contrast->at = i;
}

static bool contrast_numbers(struct matching *matching, struct contrast *contrast, const struct tensor *a,
                             const struct tensor *b)
{
    double x[CHUNK], y[CHUNK];
    for (int64_t first = 0; first < a->count; first += CHUNK) {
        int64_t n = a->count - first < CHUNK ? a->count - first : CHUNK;
        if (!tensor_read_rounded(a, first, n, x, matching->error)
            || !tensor_read_rounded(b, first, n, y, matching->error))
            return false;
        for (int64_t i = 0; i < n; i++) {
            double gap = fabs(x[i] - y[i]);
            if (x[i] == y[i] || (isnan(x[i]) && isnan(y[i]))) continue;
            if (contrast->differing++ == 0 || gap > contrast->largest) {
                contrast->at = first + i;
                contrast->largest = gap;
            }
        }
    }
    return true;
}

struct contrast tensor_contrast(struct matching *matching, const struct tensor *a, const struct tensor *b)
{
    struct contrast found = { 0 };
    if (a->type == DTYPE_STRING) contrast_strings(&found, a, b);
    else if (a->count && !contrast_numbers(matching, &found, a, b)) matching->failed = true;
    return found;
}

/* A digest of what a tensor holds, so that equal ones are found without comparing each with each. */
static const char *digest(struct matching *matching, const struct tensor *tensor)
{
    double chunk[CHUNK];
    struct sha256 sha;
    const enum dtype type = tensor->type;
    char *text = arena_alloc(matching->arena, SHA256_TEXT);
    sha256_open(&sha);
    sha256_add(&sha, &type, sizeof type);
    sha256_add(&sha, tensor->dims, (size_t)tensor->rank * sizeof *tensor->dims);
    for (int64_t i = 0; tensor->type == DTYPE_STRING && i < tensor->count; i++)
        sha256_add(&sha, tensor->strings[i], strlen(tensor->strings[i]) + 1);
    for (int64_t first = 0; tensor->type != DTYPE_STRING && first < tensor->count; first += CHUNK) {
        int64_t n = tensor->count - first < CHUNK ? tensor->count - first : CHUNK;
        if (!tensor_read_rounded(tensor, first, n, chunk, NULL)) break;
        sha256_add(&sha, chunk, (size_t)n * sizeof *chunk);
    }
    sha256_text(&sha, text);
    return text;
}

struct digest_entry {
    const char *digest;
    struct value *value;
    struct digest_entry *same;
};

struct value *stored_next(struct stored_walk *walk)
{
    if (walk->initializer < walk->graph->initializer_count) return walk->graph->initializers[walk->initializer++];
    while (walk->node && !(node_is_literal(walk->node) && node_output(walk->node, 0))) walk->node = walk->node->next;
    if (!walk->node) return NULL;
    struct value *value = node_output(walk->node, 0);
    walk->node = walk->node->next;
    return value;
}

struct stored_walk stored_walk(const struct graph *graph)
{
    return (struct stored_walk){ graph, 0, graph->first };
}

static void pair_stored_by_name(struct matching *matching, const struct graph *a, const struct graph *b)
{
    struct stored_walk walk = stored_walk(b);
    for (struct value *value; (value = stored_next(&walk));) {
        struct value *other = graph_value(a, value->name);
        if (stored_tensor(other)) join(matching, other, value);
    }
}

static void pair_stored_by_content(struct matching *matching, const struct graph *a, const struct graph *b)
{
    struct name_map *table = NEW(matching->arena, struct name_map); /* it is released with the arena */
    struct digest_entry *entry;
    struct stored_walk walk = stored_walk(a);
    name_map_open(table, matching->arena);
    for (struct value *value; (value = stored_next(&walk));) {
        if (matching_partner(matching, value) || !stored_tensor(value)) continue;
        struct digest_entry *own = NEW(matching->arena, struct digest_entry);
        *own = (struct digest_entry){ .digest = digest(matching, stored_tensor(value)), .value = value };
        entry = name_map_get(table, own->digest);
        own->same = entry ? entry->same : NULL;
        if (entry) entry->same = own;
        else name_map_add(table, own);
    }
    walk = stored_walk(b);
    for (struct value *value; table->count && (value = stored_next(&walk));) {
        if (matching_partner(matching, value) || !stored_tensor(value)) continue;
        entry = name_map_get(table, digest(matching, stored_tensor(value)));
        while (entry && matching_partner(matching, entry->value)) entry = entry->same;
        if (entry) join(matching, entry->value, value);
    }
}

/* ---- Nodes ---- */

static bool same_packed(const ProtobufCMessage *a, const ProtobufCMessage *b, struct arena *arena)
{
    size_t size = protobuf_c_message_get_packed_size(a);
    if (size != protobuf_c_message_get_packed_size(b)) return false;
    uint8_t *x = arena_alloc(arena, size), *y = arena_alloc(arena, size);
    protobuf_c_message_pack(a, x);
    protobuf_c_message_pack(b, y);
    return memcmp(x, y, size) == 0;
}

/* The payload of a large tensor is in the file: such attributes are equal by what they hold. */
bool matching_same_attribute(struct matching *matching, const BnfuseOnnx__AttributeProto *a,
                             const BnfuseOnnx__AttributeProto *b)
{
    struct tensor x, y;
    if (a->g || b->g || a->n_graphs || b->n_graphs)
        return (a->g != NULL) == (b->g != NULL) && a->n_graphs == b->n_graphs;
    if (!a->t || !b->t) return same_packed(&a->base, &b->base, matching->arena);
    if (!tensor_from_proto(&x, matching->arena, matching->a->model, a->t, NULL)
        || !tensor_from_proto(&y, matching->arena, matching->b->model, b->t, NULL))
        return same_packed(&a->base, &b->base, matching->arena);
    return same_tensor_type(&x, &y) && tensor_contrast(matching, &x, &y).differing == 0;
}

static bool same_attributes(struct matching *matching, const struct node *a, const struct node *b)
{
    if (a->proto->n_attribute != b->proto->n_attribute) return false;
    for (size_t i = 0; i < a->proto->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *own = a->proto->attribute[i], *other = node_attribute(b, own->name);
        if (!other || !matching_same_attribute(matching, own, other)) return false;
    }
    return true;
}

static bool same_op(const struct node *a, const struct node *b)
{
    return strcmp(a->op, b->op) == 0 && strcmp(a->domain, b->domain) == 0;
}

/* Whether input `slot` of a is, or would be, that of b. */
bool matching_same_input(const struct matching *matching, const struct node *a, const struct node *b, size_t slot)
{
    struct value *x = node_input(a, slot), *y = node_input(b, slot);
    return x ? matching_partner(matching, x) == y : !y;
}

static bool same_inputs(const struct matching *matching, const struct node *a, const struct node *b)
{
    size_t count = a->input_count > b->input_count ? a->input_count : b->input_count;
    for (size_t i = 0; i < count; i++)
        if (!matching_same_input(matching, a, b, i)) return false;
    return true;
}

/* A fold leaves a value its name and another node to write it: then the name says which value it is. */
static struct value *same_output(const struct node *a, const struct node *b, size_t slot)
{
    struct value *own = node_output(a, slot), *other = node_output(b, slot);
    struct value *namesake = other ? graph_value(a->graph, other->name) : NULL;
    bool moved = own && namesake && namesake->writer && !graph_value(b->graph, own->name);
    return moved ? namesake : own;
}

static void join_nodes(struct matching *matching, struct node *a, struct node *b)
{
    join(matching, a, b);
    for (size_t i = 0; i < a->output_count && i < b->output_count; i++)
        join(matching, same_output(a, b, i), node_output(b, i));
    /* Weights that neither name nor content pairs: those in the same place. */
    for (size_t i = 0; i < a->input_count && i < b->input_count; i++) {
        struct value *x = node_input(a, i), *y = node_input(b, i);
        if (stored_tensor(x) && stored_tensor(y)) join(matching, x, y);
    }
}

/* By the name of the node, or of its first output. */
struct name_entry {
    const char *name;
    struct node *node;
};

static bool is_twin(struct matching *matching, const struct node *a, const struct node *b)
{
    return !matching_partner(matching, a) && same_op(a, b) && same_inputs(matching, a, b)
           && same_attributes(matching, a, b);
}

/* The node of a that reads the paired values in the same way: the one of this name, or a reader of any of them. */
static struct node *structural_twin(struct matching *matching, const struct graph *a, const struct name_map *names,
                                    const struct node *b)
{
    const struct name_entry *entry = name_map_get(names, node_title(b));
    struct node *found = NULL;
    if (entry && is_twin(matching, entry->node, b)) return entry->node;
    for (size_t i = 0; i < b->input_count && !found; i++) {
        struct value *value = matching_partner(matching, node_input(b, i));
        if (!value) continue;
        int looked = 0;
        for (struct use *use = value->uses; use && looked < 256; use = use->next, looked++) {
            struct node *node = use->node;
            if (!found && node && node->graph == a && is_twin(matching, node, b)) found = node;
        }
    }
    return found;
}

static struct name_map *names_of(struct matching *matching, const struct graph *graph)
{
    struct name_map *names = NEW(matching->arena, struct name_map);
    name_map_open(names, matching->arena);
    for (struct node *node = graph->first; node; node = node->next) {
        struct name_entry *entry = NEW(matching->arena, struct name_entry);
        *entry = (struct name_entry){ .name = node_title(node), .node = node };
        name_map_add(names, entry);
    }
    return names;
}

static struct node *namesake(struct matching *matching, const struct name_map *names, const struct graph *a,
                             const struct node *b)
{
    const struct name_entry *entry = name_map_get(names, node_title(b));
    if (entry && !matching_partner(matching, entry->node) && same_op(entry->node, b)) return entry->node;
    struct value *output = node_output(b, 0) ? graph_value(a, node_output(b, 0)->name) : NULL;
    struct node *writer = output ? output->writer : NULL;
    return writer && !matching_partner(matching, writer) && same_op(writer, b) ? writer : NULL;
}

/* Whatever computes it now: the value of this name stays the same value. */
static void pair_outputs_by_name(struct matching *matching, const struct graph *a, const struct node *b)
{
    for (size_t i = 0; i < b->output_count; i++) {
        struct value *output = node_output(b, i), *other = output ? graph_value(a, output->name) : NULL;
        if (other && !stored_tensor(other)) join(matching, other, output);
    }
}

static void pair_downstream(struct matching *matching, const struct graph *a, struct node **order, size_t count,
                            const struct name_map *names, bool by_name)
{
    for (size_t i = 0; i < count; i++) {
        struct node *node = order[i];
        if (node_is_literal(node) || matching_partner(matching, node)) continue;
        struct node *twin = structural_twin(matching, a, names, node);
        if (!twin && by_name) twin = namesake(matching, names, a, node);
        if (twin) join_nodes(matching, twin, node);
        else if (by_name) pair_outputs_by_name(matching, a, node);
    }
}

/* From what is paired back to what computes it, where the operator is the same. */
static void pair_upstream(struct matching *matching, struct node **order, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        struct node *node = order[i];
        for (size_t k = 0; k < node->output_count && !matching_partner(matching, node); k++) {
            struct value *other = matching_partner(matching, node_output(node, k));
            struct node *writer = other ? other->writer : NULL;
            if (writer && !matching_partner(matching, writer) && same_op(writer, node))
                join_nodes(matching, writer, node);
        }
        const struct node *twin = matching_partner(matching, node);
        for (size_t k = 0; twin && k < node->input_count && k < twin->input_count; k++) {
            struct value *own = node_input(node, k), *other = node_input(twin, k);
            bool alike = own && other && own->writer && other->writer && same_op(own->writer, other->writer);
            if (alike && own->graph == node->graph && other->graph == twin->graph) join(matching, other, own);
        }
    }
}

/* ---- Graphs ---- */

static void pair_list(struct matching *matching, struct value **a, size_t a_count, struct value **b, size_t b_count)
{
    const struct name_map *names = value_names(matching->arena, a, a_count);
    for (size_t i = 0; i < b_count; i++)
        if (b[i]) join(matching, name_map_get(names, b[i]->name), b[i]);
    for (size_t i = 0; i < b_count && i < a_count; i++)
        if (a[i] && b[i] && a[i]->type == b[i]->type) join(matching, a[i], b[i]);
}

bool matching_pair(struct matching *matching, struct graph *a, struct graph *b)
{
    struct node **order;
    if (!graph_order(b, matching->arena, &order, matching->error)) return false;
    join(matching, a, b);
    pair_list(matching, a->inputs, a->input_count, b->inputs, b->input_count);
    pair_stored_by_name(matching, a, b);
    pair_stored_by_content(matching, a, b);
    const struct name_map *names = names_of(matching, a);
    pair_downstream(matching, a, order, b->node_count, names, false);
    pair_list(matching, a->outputs, a->output_count, b->outputs, b->output_count);
    for (int round = 0; round < ROUND_LIMIT; round++) {
        size_t before = matching->pairs.count;
        pair_downstream(matching, a, order, b->node_count, names, true);
        pair_upstream(matching, order, b->node_count);
        if (matching->pairs.count == before) break;
    }
    for (struct node *node = b->first; node; node = node->next) {
        struct node *twin = matching_partner(matching, node);
        for (size_t i = 0; twin && i < node->inner_count && i < twin->inner_count; i++)
            if (!matching_pair(matching, twin->inner[i], node->inner[i])) return false;
    }
    return true;
}
