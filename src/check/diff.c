/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairing two graphs, and telling what is not equal. */
#include "check/diff.h"

#include "base/name_map.h"
#include "base/pointer_map.h"
#include "base/sha256.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/order.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { CHUNK = 1 << 9, ROUND_LIMIT = 4 };

struct diff {
    struct arena *arena;
    const struct net *a, *b;
    struct pointer_map pairs; /* values, nodes and graphs of a to those of b, and of b to those of a */
    bnfuse_change **changes;
    size_t count, room;
    struct bnfuse_error *error;
    bool failed;
};

static void *partner(const struct diff *diff, const void *one)
{
    return one ? pointer_map_get(&diff->pairs, one) : NULL;
}

static void join(struct diff *diff, void *a, void *b)
{
    if (!a || !b || partner(diff, a) || partner(diff, b)) return;
    pointer_map_set(&diff->pairs, a, b);
    pointer_map_set(&diff->pairs, b, a);
}

/* ---- Telling ---- */

static void tell(struct diff *diff, bnfuse_change_kind kind, bnfuse_change_subject subject, const struct graph *graph,
                 const char *op, const char *name, const char *other, const char *detail)
{
    if (diff->count == diff->room) {
        size_t room = 2 * diff->room + 16;
        diff->changes = arena_grow(diff->arena, diff->changes, diff->room, room, sizeof *diff->changes);
        diff->room = room;
    }
    bnfuse_change *change = NEW(diff->arena, bnfuse_change);
    *change = (bnfuse_change){ .kind = kind,
                               .subject = subject,
                               .scope = graph ? graph_scope(graph, diff->arena) : "",
                               .op = op,
                               .name = name,
                               .other = other,
                               .detail = detail };
    diff->changes[diff->count++] = change;
}

/* `text`, then "; more" or just more. */
static const char *also(struct diff *diff, const char *text, const char *more)
{
    return *text ? arena_printf(diff->arena, "%s; %s", text, more) : more;
}

/* ---- Stored tensors ---- */

static bool is_constant_node(const struct node *node)
{
    return node && node_is_literal(node);
}

static const struct tensor *stored(struct value *value)
{
    if (!value) return NULL;
    if (value->initializer) return value->initializer;
    return is_constant_node(value->writer) ? value_constant(value) : NULL;
}

static bool same_dims(const struct tensor *a, const struct tensor *b)
{
    if (a->type != b->type || a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

/* How many elements differ, the first of the largest differences, and how large it is. */
struct contrast {
    int64_t differing, at;
    double largest;
};

static void contrast_strings(struct contrast *contrast, const struct tensor *a, const struct tensor *b)
{
    for (int64_t i = 0; i < a->count; i++)
        if (strcmp(a->strings[i], b->strings[i]) != 0 && contrast->differing++ == 0) contrast->at = i;
}

static bool contrast_numbers(struct diff *diff, struct contrast *contrast, const struct tensor *a,
                             const struct tensor *b)
{
    double x[CHUNK], y[CHUNK];
    for (int64_t first = 0; first < a->count; first += CHUNK) {
        int64_t n = a->count - first < CHUNK ? a->count - first : CHUNK;
        if (!tensor_read_rounded(a, first, n, x, diff->error) || !tensor_read_rounded(b, first, n, y, diff->error))
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

static struct contrast contrast(struct diff *diff, const struct tensor *a, const struct tensor *b)
{
    struct contrast found = { 0 };
    if (a->type == DTYPE_STRING) contrast_strings(&found, a, b);
    else if (a->count && !contrast_numbers(diff, &found, a, b)) diff->failed = true;
    return found;
}

/* A digest of what a tensor holds, so that equal ones are found without comparing each with each. */
static const char *digest(struct diff *diff, const struct tensor *tensor)
{
    double chunk[CHUNK];
    struct sha256 sha;
    char *text = arena_alloc(diff->arena, SHA256_TEXT);
    sha256_open(&sha);
    sha256_add(&sha, &tensor->type, sizeof tensor->type);
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

/* Each stored value of the graph: initializers, then outputs of Constant nodes. Start with NULL states. */
struct stored_walk {
    const struct graph *graph;
    size_t initializer;
    const struct node *node;
};

static struct value *next_stored(struct stored_walk *walk)
{
    if (walk->initializer < walk->graph->initializer_count) return walk->graph->initializers[walk->initializer++];
    while (walk->node && !(is_constant_node(walk->node) && node_output(walk->node, 0))) walk->node = walk->node->next;
    if (!walk->node) return NULL;
    struct value *value = node_output(walk->node, 0);
    walk->node = walk->node->next;
    return value;
}

static struct stored_walk walk_stored(const struct graph *graph)
{
    return (struct stored_walk){ graph, 0, graph->first };
}

static void pair_stored_by_name(struct diff *diff, const struct graph *a, const struct graph *b)
{
    struct stored_walk walk = walk_stored(b);
    for (struct value *value; (value = next_stored(&walk));) {
        struct value *other = graph_value(a, value->name);
        if (stored(other)) join(diff, other, value);
    }
}

static void pair_stored_by_content(struct diff *diff, const struct graph *a, const struct graph *b)
{
    struct name_map *table = NEW(diff->arena, struct name_map); /* it is released with the arena */
    struct digest_entry *entry;
    struct stored_walk walk = walk_stored(a);
    name_map_open(table, diff->arena);
    for (struct value *value; (value = next_stored(&walk));) {
        if (partner(diff, value) || !stored(value)) continue;
        struct digest_entry *own = NEW(diff->arena, struct digest_entry);
        *own = (struct digest_entry){ .digest = digest(diff, stored(value)), .value = value };
        entry = name_map_get(table, own->digest);
        own->same = entry ? entry->same : NULL;
        if (entry) entry->same = own;
        else name_map_add(table, own);
    }
    walk = walk_stored(b);
    for (struct value *value; table->count && (value = next_stored(&walk));) {
        if (partner(diff, value) || !stored(value)) continue;
        entry = name_map_get(table, digest(diff, stored(value)));
        while (entry && partner(diff, entry->value)) entry = entry->same;
        if (entry) join(diff, entry->value, value);
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
static bool same_attribute(struct diff *diff, const BnfuseOnnx__AttributeProto *a, const BnfuseOnnx__AttributeProto *b)
{
    struct tensor x, y;
    if (a->g || b->g || a->n_graphs || b->n_graphs)
        return (a->g != NULL) == (b->g != NULL) && a->n_graphs == b->n_graphs;
    if (!a->t || !b->t) return same_packed(&a->base, &b->base, diff->arena);
    if (!tensor_from_proto(&x, diff->arena, diff->a->model, a->t, NULL)
        || !tensor_from_proto(&y, diff->arena, diff->b->model, b->t, NULL))
        return same_packed(&a->base, &b->base, diff->arena);
    return same_dims(&x, &y) && contrast(diff, &x, &y).differing == 0;
}

static bool same_attributes(struct diff *diff, const struct node *a, const struct node *b)
{
    if (a->proto->n_attribute != b->proto->n_attribute) return false;
    for (size_t i = 0; i < a->proto->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *own = a->proto->attribute[i], *other = node_attribute(b, own->name);
        if (!other || !same_attribute(diff, own, other)) return false;
    }
    return true;
}

static bool same_op(const struct node *a, const struct node *b)
{
    return strcmp(a->op, b->op) == 0 && strcmp(a->domain, b->domain) == 0;
}

/* Whether input `slot` of a is, or would be, that of b. */
static bool same_input(const struct diff *diff, const struct node *a, const struct node *b, size_t slot)
{
    struct value *x = node_input(a, slot), *y = node_input(b, slot);
    return x ? partner(diff, x) == y : !y;
}

static bool same_inputs(const struct diff *diff, const struct node *a, const struct node *b)
{
    size_t count = a->input_count > b->input_count ? a->input_count : b->input_count;
    for (size_t i = 0; i < count; i++)
        if (!same_input(diff, a, b, i)) return false;
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

static void join_nodes(struct diff *diff, struct node *a, struct node *b)
{
    join(diff, a, b);
    for (size_t i = 0; i < a->output_count && i < b->output_count; i++)
        join(diff, same_output(a, b, i), node_output(b, i));
    /* Weights that neither name nor content pairs: those in the same place. */
    for (size_t i = 0; i < a->input_count && i < b->input_count; i++) {
        struct value *x = node_input(a, i), *y = node_input(b, i);
        if (stored(x) && stored(y)) join(diff, x, y);
    }
}

/* The node of a that reads the paired values in the same way: it is a reader of any of them. */
static struct node *structural_twin(struct diff *diff, const struct graph *a, const struct node *b)
{
    struct node *found = NULL;
    for (size_t i = 0; i < b->input_count && !found; i++) {
        struct value *value = partner(diff, node_input(b, i));
        if (!value) continue;
        int looked = 0;
        for (struct use *use = value->uses; use && looked < 256; use = use->next, looked++) {
            struct node *node = use->node;
            if (!node || node->graph != a || partner(diff, node) || !same_op(node, b) || !same_inputs(diff, node, b)
                || !same_attributes(diff, node, b))
                continue;
            if (!found || strcmp(node_title(node), node_title(b)) == 0) found = node;
        }
    }
    return found;
}

/* By the name of the node, or of its first output. */
struct name_entry {
    const char *name;
    struct node *node;
};

static struct name_map *names_of(struct diff *diff, const struct graph *graph)
{
    struct name_map *names = NEW(diff->arena, struct name_map);
    name_map_open(names, diff->arena);
    for (struct node *node = graph->first; node; node = node->next) {
        struct name_entry *entry = NEW(diff->arena, struct name_entry);
        *entry = (struct name_entry){ .name = node_title(node), .node = node };
        name_map_add(names, entry);
    }
    return names;
}

static struct node *namesake(struct diff *diff, const struct name_map *names, const struct graph *a,
                             const struct node *b)
{
    const struct name_entry *entry = name_map_get(names, node_title(b));
    if (entry && !partner(diff, entry->node) && same_op(entry->node, b)) return entry->node;
    struct value *output = node_output(b, 0) ? graph_value(a, node_output(b, 0)->name) : NULL;
    struct node *writer = output ? output->writer : NULL;
    return writer && !partner(diff, writer) && same_op(writer, b) ? writer : NULL;
}

/* Whatever computes it now: the value of this name stays the same value. */
static void pair_outputs_by_name(struct diff *diff, const struct graph *a, const struct node *b)
{
    for (size_t i = 0; i < b->output_count; i++) {
        struct value *output = node_output(b, i), *other = output ? graph_value(a, output->name) : NULL;
        if (other && !stored(other)) join(diff, other, output);
    }
}

static void pair_downstream(struct diff *diff, const struct graph *a, struct node **order, size_t count,
                            const struct name_map *names, bool by_name)
{
    for (size_t i = 0; i < count; i++) {
        struct node *node = order[i];
        if (is_constant_node(node) || partner(diff, node)) continue;
        struct node *twin = structural_twin(diff, a, node);
        if (!twin && by_name) twin = namesake(diff, names, a, node);
        if (twin) join_nodes(diff, twin, node);
        else if (by_name) pair_outputs_by_name(diff, a, node);
    }
}

/* From what is paired back to what computes it, where the operator is the same. */
static void pair_upstream(struct diff *diff, struct node **order, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        struct node *node = order[i];
        for (size_t k = 0; k < node->output_count && !partner(diff, node); k++) {
            struct value *other = partner(diff, node_output(node, k));
            struct node *writer = other ? other->writer : NULL;
            if (writer && !partner(diff, writer) && same_op(writer, node)) join_nodes(diff, writer, node);
        }
        const struct node *twin = partner(diff, node);
        for (size_t k = 0; twin && k < node->input_count && k < twin->input_count; k++) {
            struct value *own = node_input(node, k), *other = node_input(twin, k);
            bool alike = own && other && own->writer && other->writer && same_op(own->writer, other->writer);
            if (alike && own->graph == node->graph && other->graph == twin->graph) join(diff, other, own);
        }
    }
}

/* ---- Graphs ---- */

static void pair_list(struct diff *diff, struct value **a, size_t a_count, struct value **b, size_t b_count)
{
    for (size_t i = 0; i < b_count; i++)
        for (size_t k = 0; k < a_count && b[i] && !partner(diff, b[i]); k++)
            if (a[k] && strcmp(a[k]->name, b[i]->name) == 0) join(diff, a[k], b[i]);
    for (size_t i = 0; i < b_count && i < a_count; i++)
        if (a[i] && b[i] && a[i]->type == b[i]->type) join(diff, a[i], b[i]);
}

static bool pair_graph(struct diff *diff, struct graph *a, struct graph *b)
{
    struct node **order;
    if (!graph_order(b, diff->arena, &order, diff->error)) return false;
    join(diff, a, b);
    pair_list(diff, a->inputs, a->input_count, b->inputs, b->input_count);
    pair_stored_by_name(diff, a, b);
    pair_stored_by_content(diff, a, b);
    const struct name_map *names = names_of(diff, a);
    pair_downstream(diff, a, order, b->node_count, names, false);
    pair_list(diff, a->outputs, a->output_count, b->outputs, b->output_count);
    for (int round = 0; round < ROUND_LIMIT; round++) {
        size_t before = diff->pairs.count;
        pair_downstream(diff, a, order, b->node_count, names, true);
        pair_upstream(diff, order, b->node_count);
        if (diff->pairs.count == before) break;
    }
    for (struct node *node = b->first; node; node = node->next) {
        struct node *twin = partner(diff, node);
        for (size_t i = 0; twin && i < node->inner_count && i < twin->inner_count; i++)
            if (!pair_graph(diff, twin->inner[i], node->inner[i])) return false;
    }
    return true;
}

/* ---- What is not equal ---- */

static const char *value_title(const struct value *value)
{
    return value ? value->name : "nothing";
}

static const char *input_changes(struct diff *diff, const struct node *a, const struct node *b)
{
    const char *text = "";
    size_t count = a->input_count > b->input_count ? a->input_count : b->input_count;
    for (size_t i = 0; i < count; i++) {
        struct value *x = node_input(a, i), *y = node_input(b, i);
        if (same_input(diff, a, b, i)) continue;
        text = also(diff, text, arena_printf(diff->arena, "input %zu: %s -> %s", i, value_title(x), value_title(y)));
    }
    return text;
}

static const char *attribute_changes(struct diff *diff, const struct node *a, const struct node *b)
{
    const char *text = "";
    for (size_t i = 0; i < a->proto->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *own = a->proto->attribute[i], *other = node_attribute(b, own->name);
        if (other && same_attribute(diff, own, other)) continue;
        text = also(diff, text, arena_printf(diff->arena, "attribute %s %s", own->name, other ? "changed" : "removed"));
    }
    for (size_t i = 0; i < b->proto->n_attribute; i++)
        if (!node_attribute(a, b->proto->attribute[i]->name))
            text = also(diff, text, arena_printf(diff->arena, "attribute %s added", b->proto->attribute[i]->name));
    return text;
}

static void tell_pair(struct diff *diff, const struct node *a, const struct node *b)
{
    const char *detail = attribute_changes(diff, a, b), *inputs = input_changes(diff, a, b);
    if (*inputs) detail = also(diff, detail, inputs);
    if (a->opset != b->opset && !*a->domain && a->row != b->row)
        detail = also(diff, detail, arena_printf(diff->arena, "opset %" PRId64 " -> %" PRId64, a->opset, b->opset));
    bool renamed = strcmp(node_title(a), node_title(b)) != 0;
    if (*detail)
        tell(diff, BNFUSE_CHANGE_CHANGED, BNFUSE_SUBJECT_NODE, b->graph, b->op, node_title(b), node_title(a), detail);
    else if (renamed)
        tell(diff, BNFUSE_CHANGE_RENAMED, BNFUSE_SUBJECT_NODE, b->graph, b->op, node_title(b), node_title(a), "");
}

static const char *dims_text(struct diff *diff, const struct tensor *tensor)
{
    const char *text = dtype_name(tensor->type);
    for (int i = 0; i < tensor->rank; i++)
        text = arena_printf(diff->arena, "%s%s%" PRId64, text, i ? "x" : " ", tensor->dims[i]);
    return text;
}

/* Where a tensor is stored: a move from one to another changes nothing. */
static const char *storage(const struct value *value, const struct tensor *tensor, const struct model *model)
{
    if (is_constant_node(value->writer)) return "Constant node";
    if (value->sparse) return "sparse initializer";
    if (tensor->span.file && tensor->span.file != model->file) return "external data";
    return "initializer";
}

static void tell_stored(struct diff *diff, struct value *a, struct value *b)
{
    const struct tensor *x = stored(a), *y = stored(b);
    if (!x || !y) return;
    const char *from = storage(a, x, diff->a->model), *to = storage(b, y, diff->b->model);
    if (!same_dims(x, y)) {
        tell(diff, BNFUSE_CHANGE_CHANGED, BNFUSE_SUBJECT_TENSOR, b->graph, "", b->name, a->name,
             arena_printf(diff->arena, "%s -> %s", dims_text(diff, x), dims_text(diff, y)));
        return;
    }
    struct contrast found = contrast(diff, x, y);
    if (found.differing)
        tell(diff, BNFUSE_CHANGE_CHANGED, BNFUSE_SUBJECT_TENSOR, b->graph, "", b->name, a->name,
             arena_printf(diff->arena, "%" PRId64 " of %" PRId64 " elements, most at %" PRId64 ": by %.6g",
                          found.differing, x->count, found.at, found.largest));
    else if (strcmp(a->name, b->name) != 0)
        tell(diff, BNFUSE_CHANGE_RENAMED, BNFUSE_SUBJECT_TENSOR, b->graph, "", b->name, a->name, "");
    if (strcmp(from, to) != 0)
        tell(diff, BNFUSE_CHANGE_MOVED, BNFUSE_SUBJECT_TENSOR, b->graph, "", b->name, a->name,
             arena_printf(diff->arena, "%s -> %s", from, to));
}

static void tell_values(struct diff *diff, const struct graph *a, const struct graph *b)
{
    struct stored_walk walk = walk_stored(a);
    for (struct value *value; (value = next_stored(&walk));)
        if (!partner(diff, value))
            tell(diff, BNFUSE_CHANGE_REMOVED, BNFUSE_SUBJECT_TENSOR, a, "", value->name, "",
                 stored(value) ? dims_text(diff, stored(value)) : "");
    walk = walk_stored(b);
    for (struct value *value; (value = next_stored(&walk));) {
        struct value *other = partner(diff, value);
        if (other) tell_stored(diff, other, value);
        else
            tell(diff, BNFUSE_CHANGE_ADDED, BNFUSE_SUBJECT_TENSOR, b, "", value->name, "",
                 stored(value) ? dims_text(diff, stored(value)) : "");
    }
}

static const char *declared(struct diff *diff, const struct value *value)
{
    const char *text = dtype_name(value->type);
    if (value->shape.rank < 0) return arena_printf(diff->arena, "%s of any rank", text);
    for (int i = 0; i < value->shape.rank; i++) {
        int64_t size = value->shape.dims[i].size;
        const char *gap = i ? "x" : " ";
        text = size < 0 ? arena_printf(diff->arena, "%s%s?", text, gap)
                        : arena_printf(diff->arena, "%s%s%" PRId64, text, gap, size);
    }
    return text;
}

static void tell_list(struct diff *diff, bnfuse_change_subject subject, const struct graph *a, const struct graph *b,
                      struct value **old, size_t old_count, struct value **new, size_t new_count)
{
    for (size_t i = 0; i < old_count; i++)
        if (old[i] && !old[i]->initializer && !partner(diff, old[i]))
            tell(diff, BNFUSE_CHANGE_REMOVED, subject, a, "", old[i]->name, "", declared(diff, old[i]));
    for (size_t i = 0; i < new_count; i++) {
        if (!new[i] || new[i]->initializer) continue;
        const struct value *other = partner(diff, new[i]);
        const char *now = declared(diff, new[i]);
        if (!other) {
            tell(diff, BNFUSE_CHANGE_ADDED, subject, b, "", new[i]->name, "", now);
            continue;
        }
        const char *then = declared(diff, other);
        if (strcmp(then, now) != 0)
            tell(diff, BNFUSE_CHANGE_CHANGED, subject, b, "", new[i]->name, other->name,
                 arena_printf(diff->arena, "%s -> %s", then, now));
        else if (strcmp(other->name, new[i]->name) != 0)
            tell(diff, BNFUSE_CHANGE_RENAMED, subject, b, "", new[i]->name, other->name, "");
    }
}

static void tell_node(struct diff *diff, bnfuse_change_kind kind, const struct node *node)
{
    if (is_constant_node(node)) return;
    tell(diff, kind, BNFUSE_SUBJECT_NODE, node->graph, node->op, node_title(node), "", "");
}

/* Removed nodes of a are listed before the next node that both have. */
static void tell_nodes(struct diff *diff, const struct graph *a, const struct graph *b)
{
    const struct node *old = a->first;
    for (const struct node *node = b->first; node; node = node->next) {
        const struct node *twin = partner(diff, node);
        if (!twin) {
            tell_node(diff, BNFUSE_CHANGE_ADDED, node);
            continue;
        }
        for (; old && !partner(diff, old); old = old->next) tell_node(diff, BNFUSE_CHANGE_REMOVED, old);
        if (old == twin) old = old->next;
        tell_pair(diff, twin, node);
    }
    for (; old; old = old->next)
        if (!partner(diff, old)) tell_node(diff, BNFUSE_CHANGE_REMOVED, old);
}

static void tell_graph(struct diff *diff, const struct graph *a, const struct graph *b)
{
    tell_list(diff, BNFUSE_SUBJECT_INPUT, a, b, a->inputs, a->input_count, b->inputs, b->input_count);
    tell_nodes(diff, a, b);
    tell_values(diff, a, b);
    tell_list(diff, BNFUSE_SUBJECT_OUTPUT, a, b, a->outputs, a->output_count, b->outputs, b->output_count);
    for (const struct node *node = b->first; node; node = node->next) {
        const struct node *twin = partner(diff, node);
        for (size_t i = 0; twin && i < node->inner_count && i < twin->inner_count; i++)
            tell_graph(diff, twin->inner[i], node->inner[i]);
    }
}

/* ---- The model around the graph ---- */

static void tell_model(struct diff *diff, const char *name, const char *then, const char *now)
{
    if (!then) then = "";
    if (!now) now = "";
    if (strcmp(then, now) == 0) return;
    tell(diff, BNFUSE_CHANGE_CHANGED, BNFUSE_SUBJECT_MODEL, NULL, "", name, name,
         arena_printf(diff->arena, "\"%s\" -> \"%s\"", then, now));
}

static const char *number_text(struct diff *diff, int64_t number)
{
    return arena_printf(diff->arena, "%" PRId64, number);
}

static const char *opsets_text(struct diff *diff, const BnfuseOnnx__ModelProto *proto)
{
    const char *text = "";
    for (size_t i = 0; i < proto->n_opset_import; i++) {
        const BnfuseOnnx__OperatorSetIdProto *opset = proto->opset_import[i];
        const char *domain = opset->domain && *opset->domain ? opset->domain : "ai.onnx";
        text = arena_printf(diff->arena, "%s%s%s %" PRId64, text, *text ? ", " : "", domain, (int64_t)opset->version);
    }
    return text;
}

static const char *metadata_text(struct diff *diff, const BnfuseOnnx__ModelProto *proto)
{
    const char *text = "";
    for (size_t i = 0; i < proto->n_metadata_props; i++)
        text = arena_printf(diff->arena, "%s%s%s=%s", text, *text ? ", " : "",
                            proto->metadata_props[i]->key ? proto->metadata_props[i]->key : "",
                            proto->metadata_props[i]->value ? proto->metadata_props[i]->value : "");
    return text;
}

static void tell_header(struct diff *diff)
{
    const BnfuseOnnx__ModelProto *a = diff->a->model->proto, *b = diff->b->model->proto;
    tell_model(diff, "ir_version", number_text(diff, a->ir_version), number_text(diff, b->ir_version));
    tell_model(diff, "opset_import", opsets_text(diff, a), opsets_text(diff, b));
    tell_model(diff, "producer_name", a->producer_name, b->producer_name);
    tell_model(diff, "producer_version", a->producer_version, b->producer_version);
    tell_model(diff, "domain", a->domain, b->domain);
    tell_model(diff, "model_version", number_text(diff, a->model_version), number_text(diff, b->model_version));
    tell_model(diff, "metadata_props", metadata_text(diff, a), metadata_text(diff, b));
}

static struct graph *function_named(const struct net *net, const struct graph *other)
{
    for (size_t i = 0; i < net->function_count; i++) {
        const BnfuseOnnx__FunctionProto *own = net->functions[i]->function, *wanted = other->function;
        const char *domain = own->domain ? own->domain : "", *other_domain = wanted->domain ? wanted->domain : "";
        if (strcmp(own->name, wanted->name) == 0 && strcmp(domain, other_domain) == 0) return net->functions[i];
    }
    return NULL;
}

static bool diff_functions(struct diff *diff)
{
    for (size_t i = 0; i < diff->a->function_count; i++)
        if (!function_named(diff->b, diff->a->functions[i]))
            tell(diff, BNFUSE_CHANGE_REMOVED, BNFUSE_SUBJECT_FUNCTION, NULL, "", diff->a->functions[i]->function->name,
                 "", "");
    for (size_t i = 0; i < diff->b->function_count; i++) {
        struct graph *body = diff->b->functions[i], *other = function_named(diff->a, body);
        if (!other) tell(diff, BNFUSE_CHANGE_ADDED, BNFUSE_SUBJECT_FUNCTION, NULL, "", body->function->name, "", "");
        else if (!pair_graph(diff, other, body)) return false;
        else tell_graph(diff, other, body);
    }
    return true;
}

bool diff_find(const struct net *a, const struct net *b, struct arena *arena, bnfuse_changes *list,
               struct bnfuse_error *error)
{
    struct diff diff = { .arena = arena, .a = a, .b = b, .pairs = { .arena = arena }, .error = error };
    tell_header(&diff);
    if (!pair_graph(&diff, a->main, b->main)) return false;
    tell_graph(&diff, a->main, b->main);
    if (!diff_functions(&diff) || diff.failed) return false;
    list->changes = (const bnfuse_change *const *)diff.changes;
    list->count = diff.count;
    return true;
}
