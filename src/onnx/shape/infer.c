/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk of shape inference: what is given is set down, then each graph's nodes are asked in an order a run could
 * take, bodies before the node that owns them. The walk keeps its own stack; a chain of calls of any length is only a
 * longer list. */
#include "onnx/graph/order.h"
#include "onnx/graph/schema.h"
#include "onnx/shape/rules.h"

#include <math.h>
#include <string.h>

/* A Loop or Scan is walked with its states' shapes as they go in. If a turn leaves them so, they are always so; those
 * that it changes are unknown the next time, and so on; the last time all of them are. */
#define LOOP_WALKS 4
#define LOOP_DEPTH 2 /* loops in loops beyond it are walked once, their states unknown */

/* One graph being walked. */
struct frame {
    struct graph *graph;
    struct node **order;
    size_t at;               /* the node at hand */
    size_t body;             /* the next of its bodies to walk */
    int age;                 /* of the symbols before its first body */
    int walks, loops;        /* through the bodies of the loop at hand; loops around this graph */
    bool *changing;          /* its states, by input of its body: those whose shape is not what goes in */
    const struct node *call; /* the only one of the function that the graph stands in; NULL: not known */
    struct frame *below;
};

/* A local function and how far it is. */
struct callee {
    size_t calls;
    enum { CALLEE_WAITS, CALLEE_OPEN, CALLEE_DONE } state;
};

struct named_symbol {
    const char *name;
    int symbol;
};

struct walk {
    struct shaping s;
    struct frame *top;
    struct callee *callees;     /* parallel to net->functions */
    struct named_symbol *names; /* of dim_param, by hash */
    size_t name_slots, name_count;
};

/* What the model declares */

/* A declared name stands for one size if it is an identifier. Exporters that do not know the rule write "?", "None" or
 * the like for every dimension. */
static bool names_one_size(const char *name)
{
    static const char *const placeholders[] = { "None", "none", "unk", "unknown", "Unknown", "dynamic", "undefined" };
    if (!*name || (*name >= '0' && *name <= '9')) return false;
    for (const char *c = name; *c; c++)
        if (!(*c >= 'a' && *c <= 'z') && !(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9') && *c != '_')
            return false;
    for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++)
        if (strcmp(name, placeholders[i]) == 0) return false;
    return true;
}

static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash ^ (hash >> 31);
}

static struct named_symbol *find_name(struct named_symbol *names, size_t slots, const char *name)
{
    size_t at = hash_text(name) & (slots - 1);
    while (names[at].name && strcmp(names[at].name, name) != 0) at = (at + 1) & (slots - 1);
    return &names[at];
}

static int name_symbol(struct walk *walk, const char *name)
{
    if (2 * (walk->name_count + 1) > walk->name_slots) {
        size_t slots = walk->name_slots ? 2 * walk->name_slots : 32;
        struct named_symbol *names = NEW_ARRAY(walk->s.scratch, struct named_symbol, slots);
        for (size_t i = 0; i < walk->name_slots; i++)
            if (walk->names[i].name) *find_name(names, slots, walk->names[i].name) = walk->names[i];
        walk->names = names;
        walk->name_slots = slots;
    }
    struct named_symbol *entry = find_name(walk->names, walk->name_slots, name);
    if (!entry->name) {
        *entry = (struct named_symbol){ name, symbol_fresh(walk->s.symbols, 0) };
        walk->name_count++;
    }
    return entry->symbol;
}

/* Sizes of 0 and below are how some exporters write "unknown". `sizes` false: the rank only. */
static void set_declared(struct walk *walk, struct value *value, bool sizes, bool names)
{
    const BnfuseOnnx__TypeProto__Tensor *tensor = type_tensor(value_declared(value));
    if (!tensor) return;
    if (value->type == DTYPE_UNDEFINED) value->type = type_element(value_declared(value));
    if (!tensor->shape || tensor->shape->n_dim > SHAPE_MAX_RANK) return;
    struct dim dims[SHAPE_MAX_RANK];
    for (size_t i = 0; i < tensor->shape->n_dim; i++) {
        const BnfuseOnnx__TensorShapeProto__Dimension *dim = tensor->shape->dim[i];
        bool has_size = dim->value_case == BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        bool has_name = dim->value_case == BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        if (sizes && has_size && dim->dim_value > 0) dims[i] = number_dim(dim->dim_value);
        else if (names && has_name && names_one_size(dim->dim_param))
            dims[i] = symbol_dim(&walk->s, name_symbol(walk, dim->dim_param));
        else dims[i] = fresh_dim(&walk->s);
    }
    set_shape(&walk->s, value, (int)tensor->shape->n_dim, dims);
}

/* Entering graphs */

/* Element i of iteration-like input: the shape without one axis. */
static void bind_slice(struct shaping *s, struct value *to, const struct value *from, int64_t axis)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = from->shape.rank, normal, kept = 0;
    to->type = from->type;
    if (rank < 0 || !normal_axis(axis, rank, &normal)) return;
    for (int i = 0; i < rank; i++)
        if (i != normal) dims[kept++] = from->shape.dims[i];
    set_shape(s, to, kept, dims);
}

/* A loop carries it: its type stays; its shape is that of `from` as long as nothing says that it changes. */
static void bind_state(struct walk *walk, struct value *to, const struct value *from, bool changing)
{
    if (from) to->type = from->type;
    if (changing || !from || from->shape.rank < 0) set_declared(walk, to, false, false);
    else set_shape(&walk->s, to, from->shape.rank, from->shape.dims);
    if (to->type == DTYPE_UNDEFINED) to->type = type_element(value_declared(to));
}

static void bind_loop(struct walk *walk, const struct frame *frame, const struct node *node, struct graph *body)
{
    for (size_t i = 0; i < body->input_count; i++) {
        struct value *to = body->inputs[i];
        if (i >= 2) {
            bind_state(walk, to, node_input(node, i), frame->changing[i]);
            continue;
        }
        to->type = i == 0 ? DTYPE_INT64 : DTYPE_BOOL;
        set_declared(walk, to, false, false);
    }
}

static bool has_bodies(const struct node *node, enum bodies bodies)
{
    return node->row && node->row->bodies == bodies;
}

static void bind_scan(struct walk *walk, const struct frame *frame, const struct node *node, struct graph *body)
{
    size_t states = scan_states(node, body);
    const int64_t *axes;
    size_t axis_count = node_ints(node, "scan_input_axes", &axes);
    for (size_t i = 0; i < body->input_count && has_bodies(node, BODY_SCANS); i++) {
        const struct value *from = node_input(node, i);
        if (i < states || !from) bind_state(walk, body->inputs[i], from, frame->changing[i]);
        else bind_slice(&walk->s, body->inputs[i], from, i - states < axis_count ? axes[i - states] : 0);
    }
}

static struct callee *callee_of(const struct walk *walk, const struct graph *function)
{
    return &walk->callees[function->slot];
}

/* Of several calls holds what the body itself declares: a type, as the sizes are those of one call. */
static void bind_call(struct walk *walk, const struct node *node, struct graph *body)
{
    const bool only_call = callee_of(walk, body)->calls == 1;
    for (size_t i = 0; i < body->input_count; i++)
        if (!only_call) body->inputs[i]->type = type_element(value_declared(body->inputs[i]));
        else if (node_input(node, i)) facts_copy(&walk->s, body->inputs[i], node_input(node, i));
}

/* A value with data under it. What a caller can replace is known by its declaration only. */
static void set_initializer(struct walk *walk, struct value *value)
{
    if (value_is_overridable(value) && !walk->s.net->freeze_weights) return;
    if (value->initializer) set_constant(&walk->s, value, value->initializer);
    else if (value->sparse) set_sparse_constant(&walk->s, value, value->sparse);
}

static bool push_graph(struct walk *walk, struct graph *graph, const struct node *call, struct bnfuse_error *error)
{
    struct frame *frame = NEW(walk->s.scratch, struct frame);
    frame->graph = graph;
    frame->call = call;
    if (!graph_order(graph, walk->s.scratch, &frame->order, error)) return false;
    for (size_t i = 0; i < graph->initializer_count; i++) set_initializer(walk, graph->initializers[i]);
    frame->below = walk->top;
    walk->top = frame;
    return true;
}

static bool push_main(struct walk *walk, struct bnfuse_error *error)
{
    struct graph *graph = walk->s.net->main;
    for (size_t i = 0; i < graph->input_count; i++)
        if (!graph->inputs[i]->writer) set_declared(walk, graph->inputs[i], true, true);
    if (!push_graph(walk, graph, NULL, error)) return false;
    for (size_t i = 0; i < graph->input_count; i++)
        if (graph->inputs[i]->shape.rank < 0 && dtype_kind(graph->inputs[i]->type) == KIND_REAL)
            set_demanded(&walk->s, graph->inputs[i]);
    return true;
}

/* Asking the rules */

/* Results of a function: what it says without knowing its inputs holds for every call, except its unknowns. */
static void set_call(struct shaping *s, const struct node *node, bool only_call)
{
    const struct graph *body = node->function;
    for (size_t i = 0; i < node->output_count && i < body->output_count; i++) {
        struct value *to = node->outputs[i];
        const struct value *from = body->outputs[i];
        if (!to || !from) continue;
        if (only_call) {
            facts_copy(s, to, from);
            continue;
        }
        to->type = from->type;
        if (from->shape.rank < 0) continue;
        struct dim dims[SHAPE_MAX_RANK];
        for (int d = 0; d < from->shape.rank; d++)
            dims[d] = from->shape.dims[d].size >= 0 ? from->shape.dims[d] : fresh_dim(s);
        set_shape(s, to, from->shape.rank, dims);
    }
}

static void forget_outputs(const struct node *node)
{
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i]) facts_forget(node->outputs[i]);
}

static void forget_graph(const struct graph *graph)
{
    for (size_t i = 0; i < graph->input_count; i++) facts_forget(graph->inputs[i]);
    for (size_t i = 0; i < graph->initializer_count; i++) facts_forget(graph->initializers[i]);
    for (const struct node *node = graph->first; node; node = node->next) forget_outputs(node);
}

/* A runtime goes by what it infers, and refuses a model that declares another type. */
static bool declared_types_agree(const struct node *node)
{
    for (size_t i = 0; i < node->output_count; i++) {
        const struct value *output = node->outputs[i];
        enum dtype declared = output ? type_element(value_declared(output)) : DTYPE_UNDEFINED;
        if (output && output->type != DTYPE_UNDEFINED && type_is_other(value_declared(output))) return false;
        if (declared != DTYPE_UNDEFINED && output->type != DTYPE_UNDEFINED && declared != output->type) return false;
    }
    return true;
}

/* Whether readers of a body's input, some of them, can take a value of the type that a call gives it. */
static bool input_takes(struct value *input, enum dtype type)
{
    enum { LOOK = 8 };
    const enum dtype own = input->type;
    bool takes = own == DTYPE_UNDEFINED || type == DTYPE_UNDEFINED || own == type;
    if (own == DTYPE_UNDEFINED) input->type = type;
    int looks = 0;
    for (const struct use *use = input->uses; use && takes && looks < LOOK; use = use->next, looks++)
        takes = !use->node || !use->node->row || schema_agrees(use->node);
    input->type = own;
    return takes;
}

/* A body that several calls share is inferred without what they give it. */
static bool call_types_agree(const struct node *node)
{
    const struct graph *body = node->function;
    for (size_t i = 0; i < body->input_count; i++)
        if (node_input(node, i) && !input_takes(body->inputs[i], node_input(node, i)->type)) return false;
    return true;
}

/* False when its inputs contradict each other, or its outputs what is declared. */
static bool infer_node(struct walk *walk, const struct node *node, int age)
{
    struct shaping *s = &walk->s;
    const struct operator_row *row = node_refers(node) ? NULL : node->row;
    bool ruled = row && row->shape;
    s->node = node;
    s->row = row;
    s->age = age;
    if ((ruled && !row->shape(s)) || (row && !(schema_agrees(node) && declared_types_agree(node)))
        || (node->function && !call_types_agree(node))) {
        forget_outputs(node);
        return false;
    }
    if (node->function && callee_of(walk, node->function)->state == CALLEE_DONE)
        set_call(s, node, callee_of(walk, node->function)->calls == 1);
    if (ruled && row->content && content_can_be(node_output(node, 0))) row->content(s);
    for (size_t i = 0; i < node->output_count; i++) {
        struct value *output = node->outputs[i];
        if (output && output->shape.rank < 0 && !output->is_output) set_declared(walk, output, true, false);
        if (output && output->shape.rank < 0 && !node->function && (!row || dtype_kind(output->type) == KIND_REAL))
            set_demanded(s, output);
    }
    return true;
}

static bool is_loop(const struct node *node)
{
    return node->row && node->row->bodies >= BODY_LOOPS && node->inner_count == 1;
}

/* What was found out about a body, the bodies in it, and the functions that only it calls. */
static void forget_body(struct walk *walk, struct graph *body)
{
    struct graph_list {
        struct graph *graph;
        struct graph_list *next;
    } *list = NEW(walk->s.scratch, struct graph_list);
    list->graph = body;
    while (list) {
        struct graph *graph = list->graph;
        list = list->next;
        forget_graph(graph);
        for (const struct node *node = graph->first; node; node = node->next) {
            bool only_call = node->function && callee_of(walk, node->function)->calls == 1;
            if (only_call) callee_of(walk, node->function)->state = CALLEE_WAITS;
            for (size_t i = 0; i < node->inner_count + only_call; i++) {
                struct graph_list *more = NEW(walk->s.scratch, struct graph_list);
                *more = (struct graph_list){ i < node->inner_count ? node->inner[i] : node->function, list };
                list = more;
            }
        }
    }
}

static bool same_shape(const struct value *a, const struct value *b)
{
    bool same = a && b && a->shape.rank >= 0 && a->shape.rank == b->shape.rank;
    for (int i = 0; same && i < a->shape.rank; i++) same = dim_equal(a->shape.dims[i], b->shape.dims[i]);
    return same;
}

/* Notes the states that a turn has changed; true when there are any that were not known to. */
static bool states_change(struct frame *frame, const struct node *node)
{
    const struct graph *body = node->inner[0];
    bool loop = has_bodies(node, BODY_LOOPS), found = false;
    size_t first = loop ? 2 : 0, end = loop ? body->input_count : scan_states(node, body);
    for (size_t i = first; i < end; i++) {
        size_t slot = loop ? i - 1 : i; /* a Loop's body takes (turn, go, states), returns (go, states) */
        const struct value *after = slot < body->output_count ? body->outputs[slot] : NULL;
        if (frame->changing[i] || body->inputs[i]->shape.rank < 0 || same_shape(body->inputs[i], after)) continue;
        frame->changing[i] = found = true;
    }
    return found;
}

static void open_loop(struct walk *walk, struct frame *frame, const struct node *node)
{
    size_t count = node->inner[0]->input_count;
    frame->walks = frame->loops < LOOP_DEPTH ? 0 : LOOP_WALKS - 1;
    frame->changing = NEW_ARRAY(walk->s.scratch, bool, count);
    memset(frame->changing, frame->walks != 0, count * sizeof *frame->changing);
}

/* Whether the loop's body has to be walked again, with less taken for granted. */
static bool again(struct walk *walk, struct frame *frame, const struct node *node)
{
    if (!states_change(frame, node)) return false;
    forget_body(walk, node->inner[0]);
    if (++frame->walks == LOOP_WALKS - 1)
        memset(frame->changing, true, node->inner[0]->input_count * sizeof *frame->changing);
    frame->body = 0;
    return true;
}

static bool push_function(struct walk *walk, const struct frame *frame, const struct node *node, bool *pushed,
                          struct bnfuse_error *error)
{
    struct callee *callee = callee_of(walk, node->function);
    if (callee->state != CALLEE_WAITS) return true;
    callee->state = CALLEE_OPEN;
    bind_call(walk, node, node->function);
    *pushed = true;
    if (!push_graph(walk, node->function, callee->calls == 1 && !node_refers(node) ? node : NULL, error)) return false;
    walk->top->loops = frame->loops;
    return true;
}

/* Pushes the next body of the node at hand; *pushed false when there is none left. */
static bool push_body(struct walk *walk, struct frame *frame, const struct node *node, bool *pushed,
                      struct bnfuse_error *error)
{
    *pushed = false;
    if (frame->body == 0) frame->age = symbols_age(walk->s.symbols);
    if (node->function) return push_function(walk, frame, node, pushed, error);
    if (frame->body == node->inner_count && !(is_loop(node) && again(walk, frame, node))) return true;
    if (is_loop(node) && !frame->changing) open_loop(walk, frame, node);
    struct graph *body = node->inner[frame->body++];
    if (is_loop(node) && has_bodies(node, BODY_LOOPS)) bind_loop(walk, frame, node, body);
    else if (is_loop(node)) bind_scan(walk, frame, node, body);
    *pushed = true;
    if (!push_graph(walk, body, frame->call, error)) return false;
    walk->top->loops = frame->loops + is_loop(node);
    return true;
}

static void pop_graph(struct walk *walk)
{
    struct graph *graph = walk->top->graph;
    if (graph->function) callee_of(walk, graph)->state = CALLEE_DONE;
    walk->top = walk->top->below;
}

/* The node at hand, with what its function's only call gives for its attributes. */
static const struct node *node_at(const struct walk *walk, const struct frame *frame)
{
    const struct node *node = frame->order[frame->at];
    return frame->call ? node_bound(node, frame->call, walk->s.scratch) : node;
}

static bool walk_graphs(struct walk *walk, struct bnfuse_error *error)
{
    while (walk->top) {
        struct frame *frame = walk->top;
        if (frame->at == frame->graph->node_count) {
            pop_graph(walk);
            continue;
        }
        const struct node *node = node_at(walk, frame);
        bool pushed;
        if (!push_body(walk, frame, node, &pushed, error)) return false;
        if (pushed) continue;
        frame->order[frame->at]->is_contradicted = !infer_node(walk, node, frame->age);
        frame->body = 0;
        frame->changing = NULL;
        frame->at++;
    }
    return true;
}

/* Before and after */

static void forget_all(const struct net *net)
{
    for (struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        forget_graph(graph);
}

static void count_calls(struct walk *walk)
{
    const struct net *net = walk->s.net;
    walk->callees = NEW_ARRAY(walk->s.scratch, struct callee, net->function_count);
    for (struct graph *graph = net_next_graph(net, NULL); graph; graph = net_next_graph(net, graph))
        for (const struct node *node = graph->first; node; node = node->next)
            if (node->function) callee_of(walk, node->function)->calls++;
}

bool shape_infer(struct net *net, struct bnfuse_error *error)
{
    struct arena *scratch = arena_scratch(net->arena);
    struct walk walk = { .s = { .net = net, .arena = net->arena, .scratch = scratch } };
    walk.s.symbols = symbols_new(arena_scratch(net->arena));
    net->symbols = walk.s.symbols;
    forget_all(net);
    count_calls(&walk);
    bool walked = push_main(&walk, error) && walk_graphs(&walk, error);
    for (size_t i = 0; walked && i < net->function_count; i++) {
        if (walk.callees[i].state != CALLEE_WAITS) continue; /* it is not called, or only its own like */
        walk.callees[i].state = CALLEE_OPEN;
        walked = push_graph(&walk, net->functions[i], NULL, error) && walk_graphs(&walk, error);
    }
    if (walked) contents_finish(&walk.s);
    else forget_all(net);
    arena_close(scratch);
    return walked;
}
