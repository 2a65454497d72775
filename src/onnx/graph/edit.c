/* SPDX-License-Identifier: Apache-2.0
 *
 * Changing an index. The file's protos stay as they are. What a node reads and writes is the index's to say; the first
 * change of its attributes gives it a copy of its proto, with a list of attributes of its own. */
#include "onnx/graph/edit.h"

#include "base/pointer_map.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/names.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/uses.h"

#include <assert.h>
#include <string.h>

static struct arena *arena_of(const struct graph *graph)
{
    return graph->net->arena;
}

static void count_edit(const struct graph *graph)
{
    graph->net->edit_count++;
}

/* A copy of a list of pointers with room for `room` of them. */
static void *copy_list(struct arena *arena, const void *list, size_t count, size_t room)
{
    return arena_grow(arena, list, count, room, sizeof(void *));
}

static void note_edit(struct node *node)
{
    count_edit(node->graph);
    node->is_rounded |= !node->graph->net->edits_keep_bits;
    node->is_idealized |= node->graph->net->edits_idealize;
    node->is_edited = true;
}

/* The node's proto, whose attributes are to be changed. */
static BnfuseOnnx__NodeProto *own_proto(struct node *node)
{
    struct arena *arena = arena_of(node->graph);
    note_edit(node);
    if (node->owns_proto) return (BnfuseOnnx__NodeProto *)node->proto;
    BnfuseOnnx__NodeProto *proto = NEW(arena, BnfuseOnnx__NodeProto);
    *proto = *node->proto;
    proto->attribute = copy_list(arena, proto->attribute, proto->n_attribute, proto->n_attribute);
    node->proto = proto;
    node->owns_proto = true;
    return proto;
}

/* A value that nothing defines and nothing reads is not found by name any more; when it comes to life again, it is. */
static void forget_if_gone(struct value *value)
{
    if (value->writer || value->uses || value->is_input || value->is_output || value_is_stored(value)) return;
    if (value->is_found) graph_take_value(value);
}

static void remember(struct value *value)
{
    if (!value->is_found) graph_put_value(value);
}

const char *edit_fresh_name(struct net *net, const char *base)
{
    return net_take_name(net, *base ? base : "unnamed");
}

struct value *edit_add_value(struct graph *graph, const char *base, const struct value *like)
{
    struct value *value = graph_add_value(graph, edit_fresh_name(graph->net, base));
    assert(value);
    if (!like) return value;
    value->type = like->type;
    value->shape = like->shape;
    return value;
}

static void set_shape(struct value *value, const struct tensor *tensor)
{
    value->type = tensor->type;
    value->shape.rank = tensor->rank;
    value->shape.dims = NEW_ARRAY(arena_of(value->graph), struct dim, (size_t)tensor->rank);
    for (int i = 0; i < tensor->rank; i++) value->shape.dims[i].size = tensor->dims[i];
}

/* Appends to a list whose room grows by half. */
static void append_value(struct graph *graph, struct value ***list, size_t *count, size_t *room, struct value *value)
{
    if (*count == *room) {
        *room += *room / 2 + 4;
        *list = copy_list(arena_of(graph), *list, *count, *room);
    }
    (*list)[(*count)++] = value;
}

struct value *edit_add_constant(struct graph *graph, const char *base, struct tensor *tensor)
{
    struct value *value = edit_add_value(graph, base, NULL);
    count_edit(graph);
    value->initializer = tensor;
    set_shape(value, tensor);
    value->initializer_slot = (uint32_t)graph->initializer_count;
    append_value(graph, &graph->initializers, &graph->initializer_count, &graph->initializer_room, value);
    return value;
}

struct value *edit_add_initializer(struct graph *graph, const char *base, struct tensor *tensor)
{
    struct value *value = edit_add_constant(graph, base, tensor);
    if (graph != graph->net->main || graph->net->model->proto->ir_version >= 4) return value;
    value->is_input = true;
    append_value(graph, &graph->inputs, &graph->input_count, &graph->input_room, value);
    return value;
}

static void insert_node(struct graph *graph, struct node *before, struct node *node)
{
    count_edit(graph);
    node->next = before;
    node->previous = before ? before->previous : graph->last;
    if (node->previous) node->previous->next = node;
    else graph->first = node;
    if (before) before->previous = node;
    else graph->last = node;
    graph->node_count++;
}

struct node *edit_add_node(struct graph *graph, struct node *before, const char *op, const char *base_name,
                           struct value *const *inputs, size_t input_count, const struct value *like)
{
    struct arena *arena = arena_of(graph);
    struct node *node = NEW(arena, struct node);
    BnfuseOnnx__NodeProto *proto = NEW(arena, BnfuseOnnx__NodeProto);
    bnfuse_onnx__node_proto__init(proto);
    proto->name = (char *)edit_fresh_name(graph->net, base_name);
    proto->op_type = arena_copy_text(arena, op);
    node->proto = proto;
    node->is_new = node->is_edited = node->owns_proto = true;
    node->is_rounded = !graph->net->edits_keep_bits;
    node->is_idealized = graph->net->edits_idealize;
    node->graph = graph;
    node->op = proto->op_type;
    node->domain = "";
    node->opset = graph_opset(graph);
    node->row = operator_find(graph->net->operators, node->domain, node->op, node->opset);
    insert_node(graph, before, node);
    for (size_t i = 0; i < input_count; i++)
        if (inputs[i]) edit_set_input(node, i, inputs[i]);
    edit_take_output(node, 0, edit_add_value(graph, arena_printf(arena, "%s_output", proto->name), like));
    return node;
}

/* ---- names that hide others ------------------------------------------------------------------------------------ */

struct node *edit_copy_node(struct graph *graph, struct node *before, const struct node *model, const char *base_name)
{
    struct arena *arena = arena_of(graph);
    struct node *node = NEW(arena, struct node);
    BnfuseOnnx__NodeProto *proto = NEW(arena, BnfuseOnnx__NodeProto);
    *proto = *model->proto;
    proto->base.n_unknown_fields = 0;
    proto->base.unknown_fields = NULL;
    proto->name = (char *)edit_fresh_name(graph->net, base_name);
    proto->n_input = proto->n_output = 0;
    proto->input = proto->output = NULL;
    proto->attribute = copy_list(arena, proto->attribute, proto->n_attribute, proto->n_attribute);
    node->proto = proto;
    node->is_new = node->is_edited = node->owns_proto = true;
    node->is_rounded = !graph->net->edits_keep_bits || model->is_rounded;
    node->is_idealized = graph->net->edits_idealize || model->is_idealized;
    node->graph = graph;
    node->op = model->op;
    node->domain = model->domain;
    node->opset = model->opset;
    node->row = model->row;
    if ((node->function = model->function)) {
        node->function->call_count++;
        node->function->caller = node;
    }
    insert_node(graph, before, node);
    return node;
}

static void unlink_node(struct node *node)
{
    struct graph *graph = node->graph;
    if (node->previous) node->previous->next = node->next;
    else graph->first = node->next;
    if (node->next) node->next->previous = node->previous;
    else graph->last = node->previous;
    graph->node_count--;
}

void edit_move_node(struct node *node, struct node *before)
{
    assert(node->graph == before->graph);
    if (node == before) return;
    unlink_node(node);
    insert_node(node->graph, before, node);
}

void edit_drop_function(struct graph *body)
{
    assert(body->function && body->call_count == 0);
    count_edit(body);
    for (const struct graph *graph = body; graph; graph = graph_next(graph))
        for (const struct node *node = graph->first; node; node = node->next)
            if (node->function) node->function->call_count--;
    body->is_dropped = true;
}

static bool can_be_renamed(const struct value *value)
{
    return !value->is_input && !value->is_output && !value->sparse;
}

/* Sees to it that in this graph the value's name means the value. */
static void unhide(struct value *value, const struct graph *graph)
{
    for (struct value *found; (found = scope_value(graph, value->name)) != value;) {
        assert(found && (can_be_renamed(found) || can_be_renamed(value)));
        edit_rename(can_be_renamed(found) ? found : value);
    }
}

void edit_rename(struct value *value)
{
    assert(can_be_renamed(value));
    remember(value);
    graph_take_value(value);
    value->name = edit_fresh_name(value->graph->net, value->name);
    value->info = NULL;
    value->proto = NULL;
    graph_put_value(value);
    if (value->writer) note_edit(value->writer);
    for (struct use *use = value->uses; use; use = use->next) note_edit(use->node);
}

/* ---- inputs and outputs ---------------------------------------------------------------------------------------- */

/* Room for inputs 0 .. count-1; the uses move, so they are taken out of their lists and put in again. */
static void grow_inputs(struct node *node, size_t count)
{
    struct use *inputs = NEW_ARRAY(arena_of(node->graph), struct use, count);
    for (size_t i = 0; i < count; i++) {
        struct value *value = i < node->input_count ? node->inputs[i].value : NULL;
        if (value) use_remove(&node->inputs[i]);
        inputs[i] = (struct use){ .node = node, .slot = (uint32_t)i };
        if (value) use_add(&inputs[i], value);
    }
    node->inputs = inputs;
    node->input_count = (uint32_t)count;
}

void edit_inherit(struct node *node, const struct node *from)
{
    node->is_rounded |= from->is_rounded;
    node->is_idealized |= from->is_idealized;
}

void edit_set_input(struct node *node, size_t slot, struct value *value)
{
    if (slot >= node->input_count) {
        if (!value) return;
        grow_inputs(node, slot + 1);
    }
    note_edit(node);
    struct value *old = node->inputs[slot].value;
    if (old && old->writer) edit_inherit(node, old->writer);
    if (old) use_remove(&node->inputs[slot]);
    if (value) {
        remember(value);
        unhide(value, node->graph);
        use_add(&node->inputs[slot], value);
    }
    if (old) forget_if_gone(old);
    while (node->input_count && !node->inputs[node->input_count - 1].value) node->input_count--;
}

void edit_list_outputs(struct node *node, size_t count)
{
    if (count <= node->output_count) return;
    node->outputs = copy_list(arena_of(node->graph), node->outputs, node->output_count, count);
    node->output_count = (uint32_t)count;
}

static void set_output(struct node *node, size_t slot, struct value *value)
{
    node->outputs[slot] = value;
    note_edit(node);
    if (!value) return;
    value->writer = node;
    value->writer_slot = (uint32_t)slot;
}

void edit_take_output(struct node *node, size_t slot, struct value *value)
{
    assert(value->graph == node->graph && !value->is_input && !value_is_stored(value));
    edit_list_outputs(node, slot + 1);
    struct value *old = node->outputs[slot];
    if (old == value) return;
    if (value->writer) set_output(value->writer, value->writer_slot, NULL);
    remember(value);
    set_output(node, slot, value);
    if (!old) return;
    old->writer = NULL;
    forget_if_gone(old);
}

void edit_drop_outputs(struct node *node, size_t slot)
{
    assert(slot < node->output_count);
    count_edit(node->graph);
    for (size_t i = slot; i < node->output_count; i++) {
        struct value *value = node->outputs[i];
        if (!value) continue;
        assert(!value->uses && !value->is_output);
        value->writer = NULL;
        forget_if_gone(value);
    }
    node->output_count = (uint32_t)slot;
}

/* The reads of `old` by output lists: of inner graphs they are uses, of its own graph they are not. */
static void replace_in_outputs(struct graph *graph, struct value *old, struct value *value)
{
    count_edit(graph);
    for (size_t i = 0; i < graph->output_count; i++)
        if (graph->outputs[i] == old) graph->outputs[i] = value;
    value->is_output = true;
}

static void replace_listed(struct use *use, struct value *value)
{
    struct graph *graph = use_graph(use);
    count_edit(graph);
    use_remove(use);
    graph->outputs[use->slot] = value;
    value->is_output = true;
    if (value->graph != graph) use_add(use, value);
}

void edit_replace_uses(struct value *old, struct value *value)
{
    if (old == value) return;
    remember(value);
    while (old->uses) {
        struct use *use = old->uses;
        if (use->node) edit_set_input(use->node, use->slot, value);
        else replace_listed(use, value);
    }
    if (old->is_output) replace_in_outputs(old->graph, old, value);
    old->is_output = false;
    forget_if_gone(old);
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

/* An attribute of this name and nothing else, in place of an old one or at the end. */
static BnfuseOnnx__AttributeProto *set_attribute(struct node *node, const char *name, int type)
{
    struct arena *arena = arena_of(node->graph);
    BnfuseOnnx__NodeProto *proto = own_proto(node);
    BnfuseOnnx__AttributeProto *attribute = NEW(arena, BnfuseOnnx__AttributeProto);
    bnfuse_onnx__attribute_proto__init(attribute);
    attribute->name = arena_copy_text(arena, name);
    attribute->has_type = true;
    attribute->type = (BnfuseOnnx__AttributeProto__AttributeType)type;
    size_t i = 0;
    while (i < proto->n_attribute && strcmp(proto->attribute[i]->name, name) != 0) i++;
    if (i == proto->n_attribute) proto->attribute = copy_list(arena, proto->attribute, i, ++proto->n_attribute);
    proto->attribute[i] = attribute;
    return attribute;
}

#define TYPE(name) BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##name

void edit_set_int(struct node *node, const char *attribute, int64_t value)
{
    BnfuseOnnx__AttributeProto *proto = set_attribute(node, attribute, TYPE(INT));
    proto->has_i = true;
    proto->i = value;
}

void edit_set_float(struct node *node, const char *attribute, float value)
{
    BnfuseOnnx__AttributeProto *proto = set_attribute(node, attribute, TYPE(FLOAT));
    proto->has_f = true;
    proto->f = value;
}

void edit_set_text(struct node *node, const char *attribute, const char *value)
{
    BnfuseOnnx__AttributeProto *proto = set_attribute(node, attribute, TYPE(STRING));
    proto->has_s = true;
    proto->s.len = strlen(value);
    proto->s.data = (uint8_t *)arena_copy_text(arena_of(node->graph), value);
}

void edit_set_ints(struct node *node, const char *attribute, const int64_t *values, size_t count)
{
    BnfuseOnnx__AttributeProto *proto = set_attribute(node, attribute, TYPE(INTS));
    proto->n_ints = count;
    proto->ints = arena_grow(arena_of(node->graph), values, count, count, sizeof *values);
}

void edit_remove_attribute(struct node *node, const char *attribute)
{
    const BnfuseOnnx__AttributeProto *found = node_attribute(node, attribute);
    if (!found) return;
    BnfuseOnnx__NodeProto *proto = own_proto(node);
    size_t kept = 0;
    for (size_t i = 0; i < proto->n_attribute; i++)
        if (proto->attribute[i] != found) proto->attribute[kept++] = proto->attribute[i];
    proto->n_attribute = kept;
}

/* ---- removal --------------------------------------------------------------------------------------------------- */

static bool is_below(const struct graph *graph, const struct node *node)
{
    while (graph && graph->owner != node) graph = graph->owner ? graph->owner->graph : NULL;
    return graph != NULL;
}

/* Whether any output list still names the value. */
static bool is_listed(const struct value *value)
{
    for (size_t i = 0; i < value->graph->output_count; i++)
        if (value->graph->outputs[i] == value) return true;
    for (const struct use *use = value->uses; use; use = use->next)
        if (!use->node) return true;
    return false;
}

static void drop_use(struct use *use)
{
    struct value *value = use->value;
    if (!value) return;
    use_remove(use);
    if (!use->node) value->is_output = is_listed(value);
    forget_if_gone(value);
}

/* Everything that the node's bodies read of the graphs around them. */
static void drop_captures(struct node *node)
{
    for (struct graph *graph = node->inner_count ? node->inner[0] : NULL; graph && is_below(graph, node);
         graph = graph_next(graph)) {
        for (struct node *inner = graph->first; inner; inner = inner->next)
            for (size_t i = 0; i < inner->input_count; i++) drop_use(&inner->inputs[i]);
        for (size_t i = 0; i < graph->output_count; i++) drop_use(&graph->output_uses[i].use);
    }
}

void edit_remove_node(struct node *node)
{
    struct graph *graph = node->graph;
    count_edit(graph);
    drop_captures(node);
    if (node->inner_count) graph->owner_count--;
    if (node->function) node->function->call_count--;
    for (size_t i = 0; i < node->input_count; i++) drop_use(&node->inputs[i]);
    for (size_t i = 0; i < node->output_count; i++) {
        struct value *value = node->outputs[i];
        if (!value) continue;
        assert(!value->uses && !value->is_output);
        value->writer = NULL;
        forget_if_gone(value);
    }
    unlink_node(node);
}

void edit_remove_input(struct value *value)
{
    struct graph *graph = value->graph;
    size_t kept = 0;
    count_edit(graph);
    for (size_t i = 0; i < graph->input_count; i++)
        if (graph->inputs[i] != value) graph->inputs[kept++] = graph->inputs[i];
    graph->input_count = kept;
    value->is_input = false;
}

void edit_remove_initializer(struct value *value)
{
    struct graph *graph = value->graph;
    assert(value_is_stored(value) && !value->uses && !value->is_output);
    count_edit(graph);
    graph->net->idle_edits++;
    struct value *last = graph->initializers[--graph->initializer_count];
    graph->initializers[value->initializer_slot] = last;
    last->initializer_slot = value->initializer_slot;
    value->initializer = NULL;
    value->proto = NULL;
    value->sparse = NULL;
    if (value->is_input) edit_remove_input(value);
    forget_if_gone(value);
}

/* ---- declarations ---------------------------------------------------------------------------------------------- */

void edit_redeclare(struct graph *graph, const BnfuseOnnx__ValueInfoProto *info, const BnfuseOnnx__ValueInfoProto *own)
{
    struct net *net = graph->net;
    struct value *value = info->name ? graph_value(graph, info->name) : NULL;
    if (!net->redeclared) {
        net->redeclared = NEW(net->arena, struct pointer_map);
        net->redeclared->arena = net->arena;
    }
    if (value && value->info == declaration(net, info)) value->info = own;
    struct redeclaration *edited = NEW(net->arena, struct redeclaration);
    edited->own = own;
    pointer_map_set(net->redeclared, info, edited);
    graph->is_redeclared = true;
    count_edit(graph);
}

static void redeclare_list(struct graph *graph, const struct net *like, BnfuseOnnx__ValueInfoProto *const *infos,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const BnfuseOnnx__ValueInfoProto *own = declaration(like, infos[i]);
        if (own && own != infos[i]) edit_redeclare(graph, infos[i], own);
    }
}

void edit_redeclare_like(struct net *net, const struct net *like)
{
    for (struct graph *graph = NULL; (graph = net_next_graph(net, graph));) {
        const BnfuseOnnx__GraphProto *proto = graph->proto;
        if (!proto) continue;
        redeclare_list(graph, like, proto->input, proto->n_input);
        redeclare_list(graph, like, proto->output, proto->n_output);
        redeclare_list(graph, like, proto->value_info, proto->n_value_info);
    }
}
