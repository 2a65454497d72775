/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine of the rewrites: a worklist in waves.
 *
 * A wave is asked in order of depth and name. What a rewrite touches and the wave has yet to come to is asked there;
 * the rest makes the next wave. When a wave ends with nothing touched, equal constants are shared, which may touch
 * more. */
#include "passes/simplify/engine.h"
#include "base/text.h"

#include "base/pointer_map.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/order.h"
#include "onnx/shape/infer.h"
#include "passes/decide/decision.h"
#include "passes/simplify/simplify.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct rewrite *const rewrite_families[] = {
    common_rewrites,    declaration_rewrites, constant_rewrites, noop_rewrites, pair_rewrites,
    view_rewrites,      part_rewrites,        chain_rewrites,    pad_rewrites,  control_rewrites,
    transpose_rewrites, shuffle_rewrites,     form_rewrites,     NULL
};

static bool is_row(const struct rewrite *rewrite)
{
    return rewrite->apply || rewrite->sweep;
}

const struct bnfuse_rule *rewrite_rule(size_t i)
{
    for (const struct rewrite *const *family = rewrite_families; *family; family++)
        for (const struct rewrite *rewrite = *family; is_row(rewrite); rewrite++)
            if (i-- == 0) return &rewrite->is;
    return NULL;
}

/* ---- items ---- */

static struct item *add_item(struct simplifier *s, struct node *node, uint32_t depth, uint32_t position)
{
    struct item *item = NEW(s->net->arena, struct item);
    const char *name = text_or_empty(node->proto->name);
    for (size_t i = node->output_count; i-- > 0;)
        if (node->outputs[i]) name = node->outputs[i]->name;
    *item = (struct item){ .node = node, .depth = depth, .position = position, .name = name };
    item->was_unread = !node_outputs_are_read(node, 0);
    for (const struct graph *graph = node->graph; graph->owner; graph = graph->owner->graph) item->nesting++;
    return node->item = item;
}

static void push(struct simplifier *s, struct wave *wave, struct item *item)
{
    if (item->is_pending || item->is_gone) return;
    if (wave->count == wave->room) {
        size_t room = wave->room ? 2 * wave->room : 64;
        wave->items = arena_grow(s->net->arena, wave->items, wave->count, room, sizeof(struct item *));
        wave->room = room;
    }
    wave->items[wave->count++] = item;
    item->is_pending = true;
}

static int by_depth_then_name(const void *left, const void *right)
{
    const struct item *a = *(struct item *const *)left, *b = *(struct item *const *)right;
    if (a->nesting != b->nesting) return a->nesting < b->nesting ? -1 : 1;
    if (a->depth != b->depth) return a->depth < b->depth ? -1 : 1;
    int order = strcmp(a->name, b->name);
    if (order || a->node->graph == b->node->graph) return order;
    return strcmp(graph_scope(a->node->graph), graph_scope(b->node->graph));
}

/* Most waves are in order as they come. */
static void sort(struct wave *wave)
{
    size_t sorted = 1;
    while (sorted < wave->count && by_depth_then_name(&wave->items[sorted - 1], &wave->items[sorted]) <= 0) sorted++;
    if (sorted < wave->count) qsort(wave->items, wave->count, sizeof *wave->items, by_depth_then_name);
}

void rewrite_touch(struct simplifier *s, struct node *node)
{
    push(s, &s->next, node->item);
}

static void touch_writer(struct simplifier *s, const struct value *value)
{
    if (value && value->writer) rewrite_touch(s, value->writer);
}

static void touch_readers(struct simplifier *s, const struct value *value)
{
    for (const struct use *use = value->uses; use; use = use->next)
        if (use->node) rewrite_touch(s, use->node);
}

/* Of a value that will have more: whoever reads it beside them may be equal to one. */
static void touch_only_reader(struct simplifier *s, const struct value *value)
{
    if (value->use_count == 1) touch_readers(s, value);
}

static bool add_graph(struct simplifier *s, const struct graph *graph, struct bnfuse_error *error)
{
    struct node **order;
    uint32_t position = 0;
    if (!graph_order(graph, s->net->arena, &order, error)) return false;
    for (size_t i = 0; i < graph->node_count; i++) {
        uint32_t depth = 0;
        for (size_t k = 0; k < order[i]->input_count; k++) {
            const struct value *value = order[i]->inputs[k].value;
            const struct node *writer = value && value->graph == graph ? value->writer : NULL;
            if (writer && writer->item->depth >= depth) depth = writer->item->depth + 1;
        }
        push(s, &s->next, add_item(s, order[i], depth, 0));
    }
    for (const struct node *node = graph->first; node; node = node->next) node->item->position = position++;
    return true;
}

/* ---- what rows ask ---- */

static bool is_plain(const struct node *node)
{
    return !*node->domain && node->row && !node_refers(node) && !node->is_skipped;
}

struct node *rewrite_writer(const struct value *value, const struct graph *graph)
{
    if (!value || !value->writer || value->graph != graph) return NULL;
    return is_plain(value->writer) ? value->writer : NULL;
}

struct node *rewrite_upstream(const struct node *node, size_t slot)
{
    return rewrite_writer(node_input(node, slot), node->graph);
}

/* ---- formulas of rewrites ---- */

struct span_of_text {
    const char *text;
    size_t length;
};

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The next operator, which is a name before a parenthesis: there is one, or the row's formula is wrong. */
static struct span_of_text next_operator(const char *text)
{
    for (size_t length;; text += length ? length : 1) {
        assert(*text);
        for (length = 0; is_letter(text[length]);) length++;
        if (length > 0 && text[length] == '(') return (struct span_of_text){ text, length };
    }
}

static bool is_text(struct span_of_text span, const char *text)
{
    return strncmp(span.text, text, span.length) == 0 && !text[span.length];
}

/* What follows the comma that ends a left side; NULL after the last, which an arrow follows. */
static const char *next_side(const char *text)
{
    int depth = 0;
    for (; strncmp(text, "->", 2) != 0; text++) {
        if (*text == ',' && depth == 0) return text + 1;
        depth += (*text == '(') - (*text == ')');
    }
    return NULL;
}

/* The left side that begins with the operator: its name there; else nothing. */
static struct span_of_text side_of(const struct rewrite *rewrite, const char *op)
{
    for (const char *side = rewrite->is.formula; side; side = next_side(side)) {
        struct span_of_text first = next_operator(side);
        if (is_text(first, op)) return first;
    }
    return (struct span_of_text){ rewrite->is.formula, 0 };
}

struct node *rewrite_inner(const struct simplifier *s, const struct node *node, size_t slot)
{
    struct node *writer = rewrite_upstream(node, slot);
    struct span_of_text outer = side_of(s->running, node->op);
    return writer && is_text(next_operator(outer.text + outer.length), writer->op) ? writer : NULL;
}

const char *rewrite_made(struct simplifier *s)
{
    struct span_of_text made = next_operator(strstr(s->running->is.formula, "->") + 2);
    return arena_printf(&s->scratch, "%.*s", (int)made.length, made.text);
}

struct node *rewrite_upstream_is(const struct node *node, size_t slot, const char *op)
{
    struct node *writer = rewrite_upstream(node, slot);
    return writer && node_is(writer, op) ? writer : NULL;
}

bool is_read_once(const struct value *value)
{
    return value->use_count == 1 && !value->is_output;
}

bool has_one_output(const struct node *node)
{
    return node_output(node, 0) && !node_outputs_are_read(node, 1);
}

bool is_same_shape(const struct value *a, const struct value *b)
{
    if (a->shape.rank < 0 || a->shape.rank != b->shape.rank) return false;
    for (int i = 0; i < a->shape.rank; i++)
        if (!dim_equal(a->shape.dims[i], b->shape.dims[i])) return false;
    return true;
}

bool keeps_its_shape(const struct node *node)
{
    const struct value *x = node_input(node, 0), *y = node_output(node, 0);
    return has_one_output(node) && x->type == y->type && is_same_shape(x, y);
}

int64_t axis_size(const struct value *value, int axis)
{
    return axis >= 0 && axis < value->shape.rank ? value->shape.dims[axis].size : -1;
}

bool constant_ints(struct value *value, int64_t most, int64_t *list, int64_t *count)
{
    const struct tensor *tensor = value_constant(value);
    if (!tensor || dtype_kind(tensor->type) != KIND_WHOLE || tensor->rank > 1 || tensor->count > most) return false;
    *count = tensor->count;
    return tensor_read_whole(tensor, 0, tensor->count, list, NULL);
}

enum { NUMBER_LIMIT = 1 << 16 };

typedef bool read_elements(const struct tensor *tensor, int64_t first, int64_t count, double *to,
                           struct bnfuse_error *error);

/* What all elements are, as `read` reads them. */
static bool one_number(struct value *value, read_elements *read, double *number)
{
    const struct tensor *tensor = value_constant(value);
    double chunk[256];
    if (!tensor || tensor->count < 1 || tensor->count > NUMBER_LIMIT) return false;
    if (dtype_kind(tensor->type) != KIND_REAL && dtype_kind(tensor->type) != KIND_WHOLE) return false;
    for (int64_t at = 0, step; at < tensor->count; at += step) {
        step = tensor->count - at < 256 ? tensor->count - at : 256;
        if (!read(tensor, at, step, chunk, NULL)) return false;
        if (!at) *number = chunk[0];
        for (int64_t i = 0; i < step; i++)
            if (memcmp(&chunk[i], number, sizeof *number) != 0) return false;
    }
    return *number == *number;
}

bool constant_number(struct value *value, double *number)
{
    return one_number(value, tensor_read_rounded, number);
}

bool constant_exact_number(struct value *value, double *number)
{
    return one_number(value, tensor_read_real, number);
}

/* ---- what rows do ---- */

/* Whether what writes `value` may write a graph's output instead of it. */
static bool can_be_output(const struct value *value, const struct value *output)
{
    return value->writer && value->graph == output->graph && !value->is_output;
}

bool rewrite_can_replace(const struct node *node, size_t slot, const struct value *value)
{
    const struct value *output = node_output(node, slot);
    if (!output || output == value) return false;
    if (output->type && value->type && output->type != value->type) return false;
    return !output->is_output || can_be_output(value, output);
}

bool rewrite_replace(struct simplifier *s, struct node *node, size_t slot, struct value *value)
{
    struct value *output = node_output(node, slot);
    if (!rewrite_can_replace(node, slot, value)) return false;
    touch_readers(s, output);
    touch_only_reader(s, value);
    touch_writer(s, value);
    if (!output->is_output) {
        edit_replace_uses(output, value);
        return true;
    }
    struct node *writer = value->writer;
    size_t writer_slot = value->writer_slot;
    touch_readers(s, value);
    edit_replace_uses(value, output);
    edit_take_output(writer, writer_slot, output);
    return true;
}

void rewrite_set_input(struct simplifier *s, struct node *node, size_t slot, struct value *value)
{
    touch_writer(s, node_input(node, slot));
    if (value) touch_only_reader(s, value);
    if (value) touch_writer(s, value);
    edit_set_input(node, slot, value);
    rewrite_touch(s, node);
}

bool rewrite_bypass(struct simplifier *s, struct node *node, struct value *value)
{
    if (!rewrite_can_replace(node, 0, value)) return false;
    rewrite_where(s, value->name);
    return rewrite_replace(s, node, 0, value);
}

bool rewrite_read(struct simplifier *s, struct node *node, struct value *value)
{
    rewrite_where(s, node_output(node, 0)->name);
    rewrite_set_input(s, node, 0, value);
    return true;
}

static void add_new_item(struct simplifier *s, struct node *node, const struct node *before)
{
    const struct item *item = before->item;
    struct item *added = add_item(s, node, item->depth, item->position);
    added->was_unread = false;
    push(s, &s->next, added);
}

struct node *rewrite_add_node(struct simplifier *s, struct node *before, const char *op, struct value *const *inputs,
                              size_t input_count, const struct value *like)
{
    struct node *node = edit_add_node(before->graph, before, op, node_title(before), inputs, input_count, like);
    add_new_item(s, node, before);
    return node;
}

struct node *rewrite_add_node_after(struct simplifier *s, struct node *after, const char *op,
                                    struct value *const *inputs, size_t input_count, const struct value *like)
{
    struct node *node = edit_add_node(after->graph, after->next, op, node_title(after), inputs, input_count, like);
    add_new_item(s, node, after);
    return node;
}

struct node *rewrite_copy_node(struct simplifier *s, struct node *before, const struct node *model)
{
    const char *name = model->proto->name && *model->proto->name ? model->proto->name : node_title(before);
    struct node *node = edit_copy_node(before->graph, before, model, name);
    add_new_item(s, node, before);
    return node;
}

void rewrite_take_output(struct simplifier *s, struct node *node, struct node *old)
{
    touch_readers(s, old->outputs[0]);
    edit_take_output(node, 0, old->outputs[0]);
}

void rewrite_put_first(struct node *first, struct node *second)
{
    struct item *a = first->item;
    const struct item *b = second->item;
    if (a->position < b->position) return;
    edit_move_node(first, second);
    a->position = b->position;
}

bool rewrite_can_store(const struct simplifier *s, int64_t bytes, int64_t freed)
{
    return bytes <= freed || (bytes - freed <= SMALL_BYTES && (uint64_t)(bytes - freed) <= s->options->fold_limit);
}

bool rewrite_may_work(struct simplifier *s, uint64_t work)
{
    const bool may = work <= s->work_left;
    if (may) s->work_left -= work;
    return may;
}

struct value *rewrite_add_constant(struct simplifier *s, const struct node *node, const char *base,
                                   struct tensor *tensor)
{
    s->made_constants = true;
    return edit_add_constant(node->graph, base, tensor);
}

void rewrite_where(struct simplifier *s, const char *where)
{
    s->where = where;
}

struct net *rewrite_net(const struct simplifier *s)
{
    return s->net;
}

struct arena *rewrite_arena(const struct simplifier *s)
{
    return (struct arena *)&s->scratch; /* which changes nothing that another sees */
}

/* ---- remarks ---- */

void rewrite_remark(struct simplifier *s, const char *name, const struct node *node, const char *title,
                    const char *where)
{
    struct pass_report *report = s->report;
    struct arena *arena = s->net->arena;
    if (report->rewrite_count == s->rewrite_room) {
        size_t room = s->rewrite_room ? 2 * s->rewrite_room : 64;
        report->rewrites =
            arena_grow(arena, report->rewrites, report->rewrite_count, room, sizeof(struct bnfuse_rewrite *));
        s->rewrite_room = room;
    }
    struct bnfuse_rewrite *rewrite = NEW(arena, struct bnfuse_rewrite);
    *rewrite = (struct bnfuse_rewrite){ .rule = name,
                                        .node = title,
                                        .op = node ? node->op : "",
                                        .scope = node ? graph_scope(node->graph) : "",
                                        .where = arena_copy_text(arena, where) };
    report->rewrites[report->rewrite_count++] = rewrite;
}

/* ---- the run ---- */

/* Rows by the operator of a node; those that look at every node stand in all lists. */
struct rows {
    const struct rewrite **list;
    size_t count;
};

static bool is_wanted(const struct bnfuse_fuse_options *options, const struct rewrite *rewrite)
{
    if (!rewrite->on_request) return options->simplify;
    for (size_t i = 0; i < options->enabled.count; i++)
        if (strcmp(options->enabled.names[i], rewrite->is.name) == 0) return true;
    return false;
}

static bool is_any_wanted(const struct bnfuse_fuse_options *options)
{
    for (const struct rewrite *const *family = rewrite_families; *family; family++)
        for (const struct rewrite *rewrite = *family; is_row(rewrite); rewrite++)
            if (is_wanted(options, rewrite)) return true;
    return false;
}

static bool has_symbol(const struct operator_row *row, const char *symbols)
{
    return row->symbol && symbols && strchr(symbols, row->symbol);
}

static bool looks_at(const struct simplifier *s, const struct rewrite *rewrite, const struct operator_row *row)
{
    if (!is_wanted(s->options, rewrite)) return false;
    if (!rewrite->apply || rewrite->everywhere || !row) return rewrite->apply && rewrite->everywhere;
    if (rewrite->laws || rewrite->symbols) return row->laws & rewrite->laws || has_symbol(row, rewrite->symbols);
    return side_of(rewrite, row->name).length > 0;
}

static const struct rows *rows_of(struct simplifier *s, const struct operator_row *row)
{
    static const struct operator_row none = { .name = "" };
    const struct operator_row *key = row ? row : &none;
    struct rows *rows = pointer_map_get(&s->rows, key);
    if (rows) return rows;
    rows = NEW(s->net->arena, struct rows);
    size_t count = 0;
    for (const struct rewrite *const *family = rewrite_families; *family; family++)
        for (const struct rewrite *rewrite = *family; is_row(rewrite); rewrite++) count += looks_at(s, rewrite, row);
    rows->list = NEW_ARRAY(s->net->arena, const struct rewrite *, count);
    for (const struct rewrite *const *family = rewrite_families; *family; family++)
        for (const struct rewrite *rewrite = *family; is_row(rewrite); rewrite++)
            if (looks_at(s, rewrite, row)) rows->list[rows->count++] = rewrite;
    pointer_map_set(&s->rows, key, rows);
    return rows;
}

/* A node whose operator is known, or that calls a function. What the attributes of a node in a function refer to is not
 * known. */
static bool may_be_asked(const struct node *node)
{
    return (node->row || node->function) && !node_refers(node) && !node->is_skipped;
}

/* Nothing in the bodies of a node that goes is asked any more; who wrote what they read is. */
static void leave_bodies(struct simplifier *s, const struct node *node)
{
    for (size_t i = 0; i < node->inner_count; i++) {
        const struct graph *body = node->inner[i];
        for (const struct node *inner = body->first; inner; inner = inner->next) {
            inner->item->is_gone = true;
            remark_removed(inner, "it never runs");
            for (size_t k = 0; k < inner->input_count; k++) touch_writer(s, inner->inputs[k].value);
            leave_bodies(s, inner);
        }
        for (size_t k = 0; k < body->output_count; k++) touch_writer(s, body->outputs[k]);
    }
}

/* The node goes, and whoever it read from is asked again. */
void rewrite_remove(struct simplifier *s, struct node *node)
{
    struct item *item = node->item;
    for (size_t i = 0; i < node->input_count; i++) touch_writer(s, node->inputs[i].value);
    if (*s->where) remark_applied(node, BNFUSE_OUTCOME_REMOVED, s->where, "");
    else remark_removed(node, "nobody reads it");
    remark_forget(node);
    leave_bodies(s, node);
    edit_remove_node(node);
    item->is_gone = true;
}

/* A random operator may draw from a sequence that others draw from, and an operator that is not known may do
 * anything. */
bool may_go_unread(const struct node *node)
{
    return node->row && !node->row->random && !node_outputs_are_read(node, 0);
}

/* Asks the rows in turn, until one rewrites. */
static void ask(struct simplifier *s, struct item *item)
{
    struct node *node = item->node;
    if (!may_be_asked(node)) return;
    /* What a rewrite left without readers is part of that rewrite. */
    s->where = "";
    if (!item->was_unread && may_go_unread(node)) {
        rewrite_remove(s, node);
        return;
    }
    if (!item->rows) item->rows = rows_of(s, node->row);
    const char *title = NULL;
    for (size_t i = 0; i < item->rows->count; i++) {
        const struct rewrite *row = item->rows->list[i];
        s->where = "";
        if (!title) title = node_title(node);
        s->net->edits_keep_bits = !row->on_request;
        s->running = row;
        bool rewritten = row->apply(s, node);
        if (rewritten) {
            rewrite_remark(s, row->is.name, node, title, s->where);
            assert(!item->is_gone);
            if (!node_outputs_are_read(node, 0)) rewrite_remove(s, node);
            rewrite_touch(s, node);
        }
        if (s->scratch.blocks) {
            arena_clear(&s->scratch);
        }
        if (rewritten) return;
    }
}

static void run_waves(struct simplifier *s)
{
    while (s->next.count) {
        struct wave wave = s->next;
        s->next = s->done;
        sort(&wave);
        for (size_t i = 0; i < wave.count; i++) {
            wave.items[i]->is_pending = false;
            if (!wave.items[i]->is_gone) ask(s, wave.items[i]);
        }
        wave.count = 0;
        s->done = wave;
    }
}

static bool sweep(struct simplifier *s)
{
    bool touched = false;
    for (const struct rewrite *const *family = rewrite_families; *family; family++)
        for (const struct rewrite *rewrite = *family; is_row(rewrite); rewrite++)
            if (rewrite->sweep && is_wanted(s->options, rewrite)) touched |= rewrite->sweep(s);
    return touched;
}

enum { TURN_LIMIT = 16 }; /* over all nodes; real models need three */

static void release(void *context)
{
    struct simplifier *s = context;
    arena_close(&s->scratch);
    pool_close(&s->pool);
}

static struct simplifier *open_simplifier(struct net *net, const struct bnfuse_fuse_options *options,
                                          struct pass_report *report)
{
    struct simplifier *s = NEW(net->arena, struct simplifier);
    *s = (struct simplifier){ .net = net, .options = options, .report = report, .work_left = WORK_SECOND };
    s->rows.arena = s->defined.arena = s->terms.arena = net->arena;
    s->rewrite_room = report->rewrite_count;
    arena_open(&s->scratch, net->arena->memory);
    pool_open(&s->pool, net->arena->memory);
    arena_defer(net->arena, release, s);
    return s;
}

/* Until no row has anything to do at the nodes that were touched. */
static bool run_touched(struct simplifier *s, struct bnfuse_error *error)
{
    s->made_constants = false;
    s->net->edits_keep_bits = true;
    do run_waves(s);
    while (sweep(s));
    s->net->edits_keep_bits = false;
    return !s->made_constants || shape_infer(s->net, error);
}

static void touch_all(struct simplifier *s)
{
    for (const struct graph *graph = net_next_graph(s->net, NULL); graph; graph = net_next_graph(s->net, graph))
        for (struct node *node = graph->first; node; node = node->next) rewrite_touch(s, node);
}

/* A value may have lost a reader far from where it is asked for its only one, and constants tell more of shapes: where
 * anything was rewritten, all nodes are asked once more. */
bool simplify_run(struct net *net, const struct bnfuse_fuse_options *options, struct pass_report *report,
                  struct bnfuse_error *error)
{
    if (!is_any_wanted(options) || report->simplified_at == net->edit_count + 1) return true;
    struct simplifier *s = open_simplifier(net, options, report);
    for (const struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        if (!add_graph(s, graph, error)) return false;
    for (int i = 0; i < TURN_LIMIT; i++) {
        size_t count = report->rewrite_count;
        if (!run_touched(s, error)) return false;
        if (report->rewrite_count == count) break;
        touch_all(s);
    }
    release(s);
    report->simplified_at = net->edit_count + 1;
    return true;
}
