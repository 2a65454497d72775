/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk of shape inference: what is given is set down, then each graph's nodes are asked in an order a run could take,
 * bodies before the node that owns them. The walk keeps its own stack; a chain of calls of any length is only a longer
 * list. What a rule may ask and answer stands at the end of the file. */
#include "onnx/shape/rules.h"

#include <math.h>
#include <string.h>

/* Values whose content was set, to be turned into sizes at the end; not those that have another by then. */
struct contents {
    struct value *value;
    struct dim *content;
    struct contents *next;
};

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

bool dim_equal(struct dim a, struct dim b)
{
    if (a.size >= 0 || b.size >= 0) return a.size == b.size;
    return a.symbol != 0 && a.symbol == b.symbol;
}

int64_t shape_count(const struct shape *shape)
{
    if (shape->rank < 0) return -1;
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        if (!size_multiply(count, shape->dims[i].size, &count)) return -1;
    return count;
}

/* What is known of a value */

static void forget(struct value *value)
{
    value->type = DTYPE_UNDEFINED;
    value->shape = (struct shape){ -1, NULL };
    value->content = NULL;
    value->content_count = 0;
}

void set_shape(struct shaping *s, struct value *value, int rank, const struct dim *dims)
{
    value->shape.dims = NEW_ARRAY(s->arena, struct dim, (size_t)rank);
    if (rank) memcpy(value->shape.dims, dims, (size_t)rank * sizeof *dims);
    value->shape.rank = rank;
}

static struct dim *new_content(struct shaping *s, struct value *value, int64_t count)
{
    struct contents *entry = NEW(s->scratch, struct contents);
    value->content = NEW_ARRAY(s->arena, struct dim, (size_t)count);
    value->content_count = (int32_t)count;
    *entry = (struct contents){ value, value->content, s->contents };
    s->contents = entry;
    return value->content;
}

/* The symbol if an element of the type holds just this number, else 0. Small types and real types hold numbers only.
 * Symbols in 32 bits are taken as they are: a dimension beyond them would have broken the model. */
static int exact_element(struct shaping *s, enum dtype type, int symbol)
{
    int64_t number;
    bool is_number = symbol_is_number(s->symbols, symbol, &number);
    if (!is_number) return dtype_kind(type) == KIND_WHOLE && dtype_bits(type) >= 32 ? symbol : 0;
    if (dtype_kind(type) == KIND_WHOLE)
        return dtype_wrap(type, number) == number && (type != DTYPE_UINT64 || number >= 0) ? symbol : 0;
    if (dtype_kind(type) != KIND_REAL || number < -(INT64_C(1) << 50) || number > INT64_C(1) << 50) return 0;
    return dtype_round(type, (double)number) == (double)number ? symbol : 0;
}

static void load_content(struct shaping *s, struct value *value, const struct tensor *tensor)
{
    double reals[CONTENT_MAX];
    int64_t wholes[CONTENT_MAX];
    bool whole = dtype_kind(tensor->type) == KIND_WHOLE;
    if (tensor->count > CONTENT_MAX || (!whole && dtype_kind(tensor->type) != KIND_REAL)) return;
    if (whole ? !tensor_read_whole(tensor, 0, tensor->count, wholes, NULL)
              : !tensor_read_real(tensor, 0, tensor->count, reals, NULL))
        return;
    struct dim *content = new_content(s, value, tensor->count);
    for (int64_t i = 0; i < tensor->count; i++) {
        if (!whole && !(fabs(reals[i]) < 1e15 && reals[i] == floor(reals[i]))) continue;
        int number = symbol_number(s->symbols, whole ? wholes[i] : (int64_t)reals[i]);
        content[i].symbol = exact_element(s, tensor->type, number);
    }
}

void set_constant(struct shaping *s, struct value *value, const struct tensor *tensor)
{
    struct dim dims[SHAPE_MAX_RANK];
    if (tensor->rank > SHAPE_MAX_RANK) return;
    for (int i = 0; i < tensor->rank; i++) dims[i] = number_dim(tensor->dims[i]);
    value->type = tensor->type;
    set_shape(s, value, tensor->rank, dims);
    if (dtype_kind(tensor->type) == KIND_WHOLE) load_content(s, value, tensor);
}

void set_sparse_constant(struct shaping *s, struct value *value, const BnfuseOnnx__SparseTensorProto *sparse)
{
    struct dim dims[SHAPE_MAX_RANK];
    if (sparse->n_dims > SHAPE_MAX_RANK) return;
    for (size_t i = 0; i < sparse->n_dims; i++) {
        if (sparse->dims[i] < 0) return;
        dims[i] = number_dim(sparse->dims[i]);
    }
    if (sparse->values && dtype_kind(sparse->values->data_type) != KIND_NONE)
        value->type = (enum dtype)sparse->values->data_type;
    set_shape(s, value, (int)sparse->n_dims, dims);
}

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

static void copy_facts(struct shaping *s, struct value *to, const struct value *from)
{
    to->type = from->type;
    to->shape = from->shape;
    if (from->content)
        memcpy(new_content(s, to, from->content_count), from->content,
               (size_t)from->content_count * sizeof *from->content);
}

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

/* How many of the body's inputs are states; those of batches are not followed. */
static size_t scan_states(const struct node *node, const struct graph *body)
{
    int64_t scans = node_int(node, "num_scan_inputs", 0);
    bool fits = scans >= 0 && (uint64_t)scans <= body->input_count && has_bodies(node, BODY_SCANS);
    return fits ? body->input_count - (size_t)scans : 0;
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

static void bind_call(struct walk *walk, const struct node *node, struct graph *body)
{
    if (callee_of(walk, body)->calls != 1) return;
    for (size_t i = 0; i < body->input_count; i++)
        if (node_input(node, i)) copy_facts(&walk->s, body->inputs[i], node_input(node, i));
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

static bool small_and_known(const struct value *value)
{
    int64_t count = value ? shape_count(&value->shape) : -1;
    enum kind kind = value ? dtype_kind(value->type) : KIND_NONE;
    return count >= 0 && count <= CONTENT_MAX && (kind == KIND_WHOLE || kind == KIND_REAL);
}

/* Results of a function: what it says without knowing its inputs holds for every call, except its unknowns. */
static void set_call(struct shaping *s, const struct node *node, bool only_call)
{
    const struct graph *body = node->function;
    for (size_t i = 0; i < node->output_count && i < body->output_count; i++) {
        struct value *to = node->outputs[i];
        const struct value *from = body->outputs[i];
        if (!to || !from) continue;
        if (only_call) {
            copy_facts(s, to, from);
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
        if (node->outputs[i]) forget(node->outputs[i]);
}

static void forget_graph(const struct graph *graph)
{
    for (size_t i = 0; i < graph->input_count; i++) forget(graph->inputs[i]);
    for (size_t i = 0; i < graph->initializer_count; i++) forget(graph->initializers[i]);
    for (const struct node *node = graph->first; node; node = node->next) forget_outputs(node);
}

static void infer_node(struct walk *walk, const struct node *node, int age)
{
    struct shaping *s = &walk->s;
    const struct operator_row *row = node_refers(node) ? NULL : node->row;
    bool ruled = row && row->shape;
    s->node = node;
    s->row = row;
    s->age = age;
    if (ruled && !row->shape(s)) {
        forget_outputs(node);
        return;
    }
    if (node->function && callee_of(walk, node->function)->state == CALLEE_DONE)
        set_call(s, node, callee_of(walk, node->function)->calls == 1);
    if (ruled && row->content && small_and_known(node_output(node, 0))) row->content(s);
    for (size_t i = 0; i < node->output_count; i++) {
        struct value *output = node->outputs[i];
        if (output && output->shape.rank < 0 && !output->is_output) set_declared(walk, output, true, false);
        if (output && output->shape.rank < 0 && !node->function && (!row || dtype_kind(output->type) == KIND_REAL))
            set_demanded(s, output);
    }
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
        infer_node(walk, node, frame->age);
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

/* Contents as others see them: sizes and symbols of whole tensors. */
static void finish_contents(struct shaping *s)
{
    for (struct contents *entry = s->contents; entry; entry = entry->next) {
        struct value *value = entry->value;
        bool known = false;
        if (value->content != entry->content) continue;
        for (int64_t i = 0; i < value->content_count; i++) {
            int symbol = value->content[i].symbol;
            int64_t number = -1;
            bool is_number = symbol_is_number(s->symbols, symbol, &number);
            value->content[i] = (struct dim){ number < 0 ? -1 : number, is_number ? 0 : symbol };
            known |= number >= 0 || (symbol && !is_number);
        }
        if (dtype_kind(value->type) != KIND_WHOLE || (!known && value->content_count)) {
            value->content = NULL;
            value->content_count = 0;
        }
    }
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
    if (walked) finish_contents(&walk.s);
    else forget_all(net);
    arena_close(scratch);
    return walked;
}

/* What a rule can ask */

int input_rank(const struct shaping *s, size_t slot)
{
    const struct value *value = node_input(s->node, slot);
    return value ? value->shape.rank : -1;
}

enum dtype input_type(const struct shaping *s, size_t slot)
{
    const struct value *value = node_input(s->node, slot);
    return value ? value->type : DTYPE_UNDEFINED;
}

const struct dim *input_dims(const struct shaping *s, size_t slot)
{
    return node_input(s->node, slot)->shape.dims;
}

struct dim input_dim(const struct shaping *s, size_t slot, int axis)
{
    return input_dims(s, slot)[axis];
}

int64_t input_count(const struct shaping *s, size_t slot)
{
    const struct value *value = node_input(s->node, slot);
    return value ? shape_count(&value->shape) : -1;
}

const struct dim *value_content(struct shaping *s, struct value *value)
{
    if (value->content || !small_and_known(value)) return value->content;
    if (dtype_kind(value->type) == KIND_REAL && value_constant(value)) load_content(s, value, value_constant(value));
    return value->content;
}

const struct dim *input_content(struct shaping *s, size_t slot)
{
    struct value *value = node_input(s->node, slot);
    return value ? value_content(s, value) : NULL;
}

int64_t input_numbers(struct shaping *s, size_t slot, int64_t *numbers, int64_t room)
{
    const struct value *value = node_input(s->node, slot);
    const struct dim *content = input_content(s, slot);
    if (!content || value->content_count > room || dtype_kind(value->type) != KIND_WHOLE) return -1;
    for (int64_t i = 0; i < value->content_count; i++)
        if (!symbol_is_number(s->symbols, content[i].symbol, &numbers[i])) return -1;
    return value->content_count;
}

bool input_number(struct shaping *s, size_t slot, int64_t *number)
{
    return input_numbers(s, slot, number, 1) == 1;
}

void axes_from_attribute(const struct shaping *s, const char *name, struct axes *axes)
{
    const int64_t *list = NULL;
    size_t count = node_ints(s->node, name, &list);
    *axes = (struct axes){ .known = node_attribute(s->node, name) ? AXES_KNOWN : AXES_ABSENT };
    if (count > SHAPE_MAX_RANK) {
        axes->known = AXES_UNKNOWN;
        return;
    }
    if (count) memcpy(axes->at, list, count * sizeof *list);
    axes->count = (int)count;
}

void axes_from_input(struct shaping *s, size_t slot, struct axes *axes)
{
    *axes = (struct axes){ .known = AXES_ABSENT };
    if (!node_input(s->node, slot)) return;
    int64_t count = input_numbers(s, slot, axes->at, SHAPE_MAX_RANK);
    axes->known = count >= 0 ? AXES_KNOWN : AXES_UNKNOWN;
    if (count < 0) count = input_count(s, slot);
    if (count >= 0 && count <= SHAPE_MAX_RANK) {
        if (axes->known == AXES_UNKNOWN) axes->known = AXES_COUNTED;
        axes->count = (int)count;
    }
}

bool normal_axis(int64_t axis, int rank, int *normal)
{
    if (axis < -rank || axis >= rank) return false;
    *normal = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

bool mark_axes(const struct axes *axes, int rank, bool *marked)
{
    memset(marked, 0, (size_t)rank * sizeof *marked);
    for (int i = 0; i < axes->count; i++) {
        int axis;
        if (!normal_axis(axes->at[i], rank, &axis) || marked[axis]) return false;
        marked[axis] = true;
    }
    return true;
}

struct dim number_dim(int64_t size)
{
    return (struct dim){ size < 0 ? INT64_MIN : size, 0 };
}

struct dim fresh_dim(struct shaping *s)
{
    return (struct dim){ -1, symbol_fresh(s->symbols, 0) };
}

struct dim symbol_dim(struct shaping *s, int symbol)
{
    int64_t number;
    if (!symbol) return fresh_dim(s);
    return symbol_is_number(s->symbols, symbol, &number) ? number_dim(number) : (struct dim){ -1, symbol };
}

int dim_symbol(struct shaping *s, struct dim dim)
{
    return dim.size == -1 ? dim.symbol : symbol_number(s->symbols, dim.size);
}

struct dim add_to_dim(struct shaping *s, struct dim dim, int64_t number)
{
    return symbol_dim(s, symbol_add(s->symbols, dim_symbol(s, dim), symbol_number(s->symbols, number)));
}

struct dim scale_dim(struct shaping *s, struct dim dim, int64_t factor)
{
    return symbol_dim(s, symbol_multiply(s->symbols, dim_symbol(s, dim), symbol_number(s->symbols, factor)));
}

struct dim product_dim(struct shaping *s, const struct dim *dims, int from, int to)
{
    int product = symbol_number(s->symbols, 1);
    for (int i = from; i < to; i++) product = symbol_multiply(s->symbols, product, dim_symbol(s, dims[i]));
    return symbol_dim(s, product);
}

bool merge_dims(struct dim a, struct dim b, struct dim *merged)
{
    if (a.size >= 0 && b.size >= 0 && a.size != b.size) return false;
    *merged = b.size >= 0 ? b : a;
    return true;
}

bool broadcast_dim(struct shaping *s, struct dim a, struct dim b, struct dim *result)
{
    int symbol = symbol_broadcast(s->symbols, dim_symbol(s, a), dim_symbol(s, b));
    if (!symbol) return false;
    *result = symbol_dim(s, symbol);
    return true;
}

bool broadcast_onto(struct shaping *s, int *rank, struct dim *dims, int other_rank, const struct dim *other)
{
    if (other_rank > *rank) {
        int more = other_rank - *rank;
        memmove(dims + more, dims, (size_t)*rank * sizeof *dims);
        for (int i = 0; i < more; i++) dims[i] = number_dim(1);
        *rank = other_rank;
    }
    for (int i = 0; i < other_rank; i++) {
        struct dim *dim = &dims[*rank - other_rank + i];
        if (!broadcast_dim(s, *dim, other[i], dim)) return false;
    }
    return true;
}

/* How a rule answers */

enum dtype rule_type(const struct shaping *s)
{
    return s->row->type != DTYPE_UNDEFINED ? s->row->type : input_type(s, (size_t)s->row->type_from);
}

enum dtype common_type(const struct shaping *s, size_t inputs)
{
    enum dtype type = rule_type(s);
    if (s->row->type != DTYPE_UNDEFINED) return type;
    for (size_t i = 0; i < inputs && type == DTYPE_UNDEFINED; i++) type = input_type(s, i);
    return type;
}

enum dtype type_attribute(const struct shaping *s, const char *name, enum dtype absent)
{
    if (!node_attribute(s->node, name)) return absent;
    int64_t type = node_int(s->node, name, DTYPE_UNDEFINED);
    return dtype_kind(type) == KIND_NONE ? DTYPE_UNDEFINED : (enum dtype)type;
}

bool set_output(struct shaping *s, size_t slot, enum dtype type, int rank, const struct dim *dims)
{
    struct value *output = node_output(s->node, slot);
    for (int i = 0; i < rank; i++)
        if (dims[i].size < -1) return false;
    if (!output) return true;
    output->type = type;
    if (rank >= 0 && rank <= SHAPE_MAX_RANK) set_shape(s, output, rank, dims);
    return true;
}

bool set_type(struct shaping *s, size_t slot, enum dtype type)
{
    return set_output(s, slot, type, -1, NULL);
}

bool set_like(struct shaping *s, size_t slot, enum dtype type, size_t input)
{
    int rank = input_rank(s, input);
    return set_output(s, slot, type, rank, rank < 0 ? NULL : input_dims(s, input));
}

bool set_rank(struct shaping *s, size_t slot, enum dtype type, int rank)
{
    struct dim dims[SHAPE_MAX_RANK];
    if (rank < 0 || rank > SHAPE_MAX_RANK) return set_type(s, slot, type);
    for (int i = 0; i < rank; i++) dims[i] = fresh_dim(s);
    return set_output(s, slot, type, rank, dims);
}

void set_content(struct shaping *s, size_t slot, const int *symbols)
{
    struct value *output = node_output(s->node, slot);
    int64_t count = output ? shape_count(&output->shape) : -1;
    if (count < 0 || count > CONTENT_MAX) return;
    struct dim *content = new_content(s, output, count);
    for (int64_t i = 0; i < count; i++) content[i] = (struct dim){ -1, exact_element(s, output->type, symbols[i]) };
}
