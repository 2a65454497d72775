/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling what is not equal. */
#include "check/diff.h"

#include "base/text.h"
#include "check/diff_match.h"
#include "onnx/graph/attr.h"

#include <inttypes.h>
#include <string.h>

struct diff {
    struct arena *arena;
    struct matching matching;
    bnfuse_change **changes;
    size_t count, room;
};

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
                               .scope = graph ? graph_scope(graph) : "",
                               .op = op,
                               .name = name,
                               .other = other,
                               .detail = detail };
    diff->changes[diff->count++] = change;
}

/* ---- What is not equal ---- */

static const char *value_title(const struct value *value)
{
    return value ? value->name : "nothing";
}

static void add_input_changes(struct diff *diff, struct text *text, const struct node *a, const struct node *b)
{
    size_t count = a->input_count > b->input_count ? a->input_count : b->input_count;
    for (size_t i = 0; i < count; i++) {
        const struct value *x = node_input(a, i), *y = node_input(b, i);
        if (!matching_same_input(&diff->matching, a, b, i))
            text_add_item(text, "; ", "input %zu: %s -> %s", i, value_title(x), value_title(y));
    }
}

static void add_attribute_changes(struct diff *diff, struct text *text, const struct node *a, const struct node *b)
{
    for (size_t i = 0; i < a->proto->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *own = a->proto->attribute[i], *other = node_attribute(b, own->name);
        if (!other || !matching_same_attribute(&diff->matching, own, other))
            text_add_item(text, "; ", "attribute %s %s", own->name, other ? "changed" : "removed");
    }
    for (size_t i = 0; i < b->proto->n_attribute; i++)
        if (!node_attribute(a, b->proto->attribute[i]->name))
            text_add_item(text, "; ", "attribute %s added", b->proto->attribute[i]->name);
}

static void tell_pair(struct diff *diff, const struct node *a, const struct node *b)
{
    struct text detail = { .arena = diff->arena };
    add_attribute_changes(diff, &detail, a, b);
    add_input_changes(diff, &detail, a, b);
    if (a->opset != b->opset && !*a->domain && a->row != b->row)
        text_add_item(&detail, "; ", "opset %" PRId64 " -> %" PRId64, a->opset, b->opset);
    bool renamed = strcmp(node_title(a), node_title(b)) != 0;
    if (detail.length)
        tell(diff, BNFUSE_CHANGE_CHANGED, BNFUSE_SUBJECT_NODE, b->graph, b->op, node_title(b), node_title(a),
             text_chars(&detail));
    else if (renamed)
        tell(diff, BNFUSE_CHANGE_RENAMED, BNFUSE_SUBJECT_NODE, b->graph, b->op, node_title(b), node_title(a), "");
}

/* Where a tensor is stored: a move from one to another changes nothing. */
static const char *storage(const struct value *value, const struct tensor *tensor, const struct model *model)
{
    if (value->writer && node_is_literal(value->writer)) return "Constant node";
    if (value->sparse) return "sparse initializer";
    if (tensor->span.file && tensor->span.file != model->file) return "external data";
    return "initializer";
}

static void tell_stored(struct diff *diff, struct value *a, struct value *b)
{
    const struct tensor *x = stored_tensor(a), *y = stored_tensor(b);
    if (!x || !y) return;
    const char *from = storage(a, x, diff->matching.a->model), *to = storage(b, y, diff->matching.b->model);
    if (!same_tensor_type(x, y)) {
        tell(diff, BNFUSE_CHANGE_CHANGED, BNFUSE_SUBJECT_TENSOR, b->graph, "", b->name, a->name,
             arena_printf(diff->arena, "%s -> %s", tensor_type_text(diff->arena, x), tensor_type_text(diff->arena, y)));
        return;
    }
    struct contrast found = tensor_contrast(&diff->matching, x, y);
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
    struct stored_walk walk = stored_walk(a);
    for (struct value *value; (value = stored_next(&walk));)
        if (!matching_partner(&diff->matching, value))
            tell(diff, BNFUSE_CHANGE_REMOVED, BNFUSE_SUBJECT_TENSOR, a, "", value->name, "",
                 stored_tensor(value) ? tensor_type_text(diff->arena, stored_tensor(value)) : "");
    walk = stored_walk(b);
    for (struct value *value; (value = stored_next(&walk));) {
        struct value *other = matching_partner(&diff->matching, value);
        if (other) tell_stored(diff, other, value);
        else
            tell(diff, BNFUSE_CHANGE_ADDED, BNFUSE_SUBJECT_TENSOR, b, "", value->name, "",
                 stored_tensor(value) ? tensor_type_text(diff->arena, stored_tensor(value)) : "");
    }
}

static void tell_list(struct diff *diff, bnfuse_change_subject subject, const struct graph *a, const struct graph *b,
                      struct value **old, size_t old_count, struct value **new, size_t new_count)
{
    for (size_t i = 0; i < old_count; i++)
        if (old[i] && !old[i]->initializer && !matching_partner(&diff->matching, old[i]))
            tell(diff, BNFUSE_CHANGE_REMOVED, subject, a, "", old[i]->name, "", value_type_text(old[i], diff->arena));
    for (size_t i = 0; i < new_count; i++) {
        if (!new[i] || new[i]->initializer) continue;
        const struct value *other = matching_partner(&diff->matching, new[i]);
        const char *now = value_type_text(new[i], diff->arena);
        if (!other) {
            tell(diff, BNFUSE_CHANGE_ADDED, subject, b, "", new[i]->name, "", now);
            continue;
        }
        const char *then = value_type_text(other, diff->arena);
        if (strcmp(then, now) != 0)
            tell(diff, BNFUSE_CHANGE_CHANGED, subject, b, "", new[i]->name, other->name,
                 arena_printf(diff->arena, "%s -> %s", then, now));
        else if (strcmp(other->name, new[i]->name) != 0)
            tell(diff, BNFUSE_CHANGE_RENAMED, subject, b, "", new[i]->name, other->name, "");
    }
}

static void tell_node(struct diff *diff, bnfuse_change_kind kind, const struct node *node)
{
    if (node_is_literal(node)) return;
    tell(diff, kind, BNFUSE_SUBJECT_NODE, node->graph, node->op, node_title(node), "", "");
}

/* Removed nodes of a are listed before the next node that both have. */
static void tell_nodes(struct diff *diff, const struct graph *a, const struct graph *b)
{
    const struct node *old = a->first;
    for (const struct node *node = b->first; node; node = node->next) {
        const struct node *twin = matching_partner(&diff->matching, node);
        if (!twin) {
            tell_node(diff, BNFUSE_CHANGE_ADDED, node);
            continue;
        }
        for (; old && !matching_partner(&diff->matching, old); old = old->next)
            tell_node(diff, BNFUSE_CHANGE_REMOVED, old);
        if (old == twin) old = old->next;
        tell_pair(diff, twin, node);
    }
    for (; old; old = old->next)
        if (!matching_partner(&diff->matching, old)) tell_node(diff, BNFUSE_CHANGE_REMOVED, old);
}

static void tell_graph(struct diff *diff, const struct graph *a, const struct graph *b)
{
    tell_list(diff, BNFUSE_SUBJECT_INPUT, a, b, a->inputs, a->input_count, b->inputs, b->input_count);
    tell_nodes(diff, a, b);
    tell_values(diff, a, b);
    tell_list(diff, BNFUSE_SUBJECT_OUTPUT, a, b, a->outputs, a->output_count, b->outputs, b->output_count);
    for (const struct node *node = b->first; node; node = node->next) {
        const struct node *twin = matching_partner(&diff->matching, node);
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
    struct text text = { .arena = diff->arena };
    for (size_t i = 0; i < proto->n_opset_import; i++) {
        const BnfuseOnnx__OperatorSetIdProto *opset = proto->opset_import[i];
        const char *domain = opset->domain && *opset->domain ? opset->domain : "ai.onnx";
        text_add_item(&text, ", ", "%s %" PRId64, domain, (int64_t)opset->version);
    }
    return text_chars(&text);
}

static const char *metadata_text(struct diff *diff, const BnfuseOnnx__ModelProto *proto)
{
    struct text text = { .arena = diff->arena };
    for (size_t i = 0; i < proto->n_metadata_props; i++) {
        const BnfuseOnnx__StringStringEntryProto *entry = proto->metadata_props[i];
        text_add_item(&text, ", ", "%s=%s", entry->key ? entry->key : "", entry->value ? entry->value : "");
    }
    return text_chars(&text);
}

static void tell_header(struct diff *diff)
{
    const BnfuseOnnx__ModelProto *a = diff->matching.a->model->proto, *b = diff->matching.b->model->proto;
    tell_model(diff, "ir_version", number_text(diff, a->ir_version), number_text(diff, b->ir_version));
    tell_model(diff, "opset_import", opsets_text(diff, a), opsets_text(diff, b));
    tell_model(diff, "producer_name", a->producer_name, b->producer_name);
    tell_model(diff, "producer_version", a->producer_version, b->producer_version);
    tell_model(diff, "domain", a->domain, b->domain);
    tell_model(diff, "model_version", number_text(diff, a->model_version), number_text(diff, b->model_version));
    tell_model(diff, "metadata_props", metadata_text(diff, a), metadata_text(diff, b));
}

struct function_entry {
    const char *key; /* domain, name and overload */
    struct graph *body;
};

static const char *function_key(struct diff *diff, const struct graph *body)
{
    const BnfuseOnnx__FunctionProto *f = body->function;
    return arena_printf(diff->arena, "%s\n%s\n%s", f->domain ? f->domain : "", f->name, f->overload ? f->overload : "");
}

static struct name_map *functions_of(struct diff *diff, const struct net *net)
{
    struct function_entry *entries = NEW_ARRAY(diff->arena, struct function_entry, net->function_count);
    struct name_map *map = NEW(diff->arena, struct name_map);
    name_map_open(map, diff->arena);
    for (size_t i = 0; i < net->function_count; i++) {
        entries[i] = (struct function_entry){ function_key(diff, net->functions[i]), net->functions[i] };
        name_map_add(map, &entries[i]);
    }
    return map;
}

static void tell_function(struct diff *diff, bnfuse_change_kind kind, const struct graph *body)
{
    tell(diff, kind, BNFUSE_SUBJECT_FUNCTION, NULL, "", body->function->name, "", "");
}

static bool diff_functions(struct diff *diff)
{
    const struct net *a = diff->matching.a, *b = diff->matching.b;
    const struct name_map *of_a = functions_of(diff, a), *of_b = functions_of(diff, b);
    for (size_t i = 0; i < a->function_count; i++)
        if (!name_map_get(of_b, function_key(diff, a->functions[i])))
            tell_function(diff, BNFUSE_CHANGE_REMOVED, a->functions[i]);
    for (size_t i = 0; i < b->function_count; i++) {
        struct graph *body = b->functions[i];
        const struct function_entry *other = name_map_get(of_a, function_key(diff, body));
        if (!other) tell_function(diff, BNFUSE_CHANGE_ADDED, body);
        else if (!matching_pair(&diff->matching, other->body, body)) return false;
        else tell_graph(diff, other->body, body);
    }
    return true;
}

bool diff_find(const struct net *a, const struct net *b, struct arena *arena, bnfuse_changes *list,
               struct bnfuse_error *error)
{
    struct diff diff = { .arena = arena,
                         .matching = { .arena = arena, .a = a, .b = b, .pairs = { .arena = arena }, .error = error } };
    tell_header(&diff);
    if (!matching_pair(&diff.matching, a->main, b->main)) return false;
    tell_graph(&diff, a->main, b->main);
    if (!diff_functions(&diff) || diff.matching.failed) return false;
    list->changes = (const bnfuse_change *const *)diff.changes;
    list->count = diff.count;
    return true;
}
