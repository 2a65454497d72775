/* SPDX-License-Identifier: Apache-2.0
 *
 * Control flow: If, Loop, Scan, SequenceMap. A body runs through run_body; what it captures from outside, the run
 * finds.
 *
 * Loop and Scan collect one array per iteration and scan output, and join them at the end. A Loop that runs for ever,
 * or 2^62 times, is stopped by the run, which counts bodies. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/ops/operators.h"
#include "runtime/run.h"
#include "runtime/slices.h"

#include <string.h>

static struct graph *find_body(const struct call *call, const char *name)
{
    for (size_t i = 0; i < call->node->inner_count; i++)
        if (strcmp(call->node->inner_names[i], name) == 0) return call->node->inner[i];
    return NULL;
}

/* A scalar (any tensor of one element) of whole numbers or bool. */
static bool read_scalar(struct call *call, size_t slot, const char *what, int64_t *value)
{
    const struct array *array = call_input(call, slot);
    if (!array || !is_whole(array) || array->count != 1)
        return call_fail(call, "takes %s as one whole number or bool", what);
    *value = array->i64[0];
    return true;
}

static struct array *scalar(struct call *call, enum dtype type, int64_t value)
{
    struct array *array = array_new(call->pool, type, STORE_I64, 0, NULL);
    array->i64[0] = value;
    return array;
}

static bool branch(struct call *call)
{
    int64_t condition = 0;
    if (!read_scalar(call, 0, "its condition", &condition)) return false;
    const char *name = condition ? "then_branch" : "else_branch";
    struct graph *body = find_body(call, name);
    if (!body) return call_fail(call, "has no %s", name);
    if (body->output_count < call->output_count)
        return call_fail(call, "has %zu outputs, its %s %zu", call->output_count, name, body->output_count);
    struct array **results = NEW_ARRAY(call->scratch, struct array *, body->output_count);
    if (!run_body(call->run, body, NULL, 0, results, body->output_count, call->error)) return false;
    for (size_t i = 0; i < body->output_count; i++) {
        if (i < call->output_count && call_wants(call, i)) call_give(call, i, results[i]);
        else array_drop(results[i]);
    }
    return true;
}

/* The values one scan output had, in the order of the iterations. */
struct track {
    struct array **items;
    int64_t count, room;
};

static void track_add(struct call *call, struct track *track, struct array *item)
{
    if (track->count == track->room) {
        int64_t room = track->room ? 2 * track->room : 16;
        track->items =
            arena_grow(call->scratch, track->items, (size_t)track->count, (size_t)room, sizeof *track->items);
        track->room = room;
    }
    track->items[track->count++] = item;
}

static void track_drop(struct track *track)
{
    for (int64_t i = 0; i < track->count; i++) array_drop(track->items[i]);
    track->count = 0;
}

/* Inferred, else declared. */
static enum dtype declared_type(const struct value *value)
{
    return value && value->type != DTYPE_UNDEFINED ? value->type : type_element(value_declared(value));
}

/* The dims that are inferred or declared for it, 0 where they are open; the rank, or -1. */
static int declared_dims(const struct value *value, int64_t *dims)
{
    const BnfuseOnnx__TypeProto__Tensor *declared = type_tensor(value_declared(value));
    int rank = value ? value->shape.rank : -1;
    if (rank >= 0) {
        for (int i = 0; i < rank && i < ARRAY_MAX_RANK; i++)
            dims[i] = value->shape.dims[i].size > 0 ? value->shape.dims[i].size : 0;
        return rank;
    }
    if (!declared || !declared->shape || declared->shape->n_dim > ARRAY_MAX_RANK) return -1;
    for (size_t i = 0; i < declared->shape->n_dim; i++) {
        const BnfuseOnnx__TensorShapeProto__Dimension *dim = declared->shape->dim[i];
        bool known = dim->value_case == BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dims[i] = known && dim->dim_value > 0 ? dim->dim_value : 0;
    }
    return (int)declared->shape->n_dim;
}

/* What a scan output is when no iteration ran: no elements, of the type and shape that the body declares. */
static bool empty_track(struct call *call, const struct value *declared, int64_t axis, struct array **whole)
{
    int64_t each[ARRAY_MAX_RANK] = { 0 }, dims[ARRAY_MAX_RANK] = { 0 };
    enum dtype type = declared_type(declared);
    int rank = declared_dims(declared, each), at;
    if (type == DTYPE_UNDEFINED)
        return call_fail(call, "runs no iteration, and its body does not declare the type of a scan output");
    if (rank < 0) rank = 0;
    if (rank + 1 > ARRAY_MAX_RANK) return call_fail(call, "makes a tensor of more than %d dimensions", ARRAY_MAX_RANK);
    if (!call_axis(call, axis, rank + 1, &at)) return false;
    for (int i = 0; i <= rank; i++) dims[i] = i == at ? 0 : each[i < at ? i : i - 1];
    *whole = array_new(call->pool, type, store_of(type, call->exact), rank + 1, dims);
    return true;
}

static bool join_track(struct call *call, struct track *track, const struct value *declared, int64_t axis,
                       bool backward, struct array **whole)
{
    int at;
    if (track->count == 0) return empty_track(call, declared, axis, whole);
    if (!track->items[0]) return call_fail(call, "has a scan output that is no tensor");
    if (!call_axis(call, axis, track->items[0]->rank + 1, &at)) return false;
    bool joined = slices_stack(call, track->items, track->count, at, backward, whole);
    track_drop(track);
    return joined;
}

/* Keeps `carried` values of one iteration for the next, of the type that they had, and files the rest as scan
 * outputs. */
static bool take_results(struct call *call, struct array **state, struct array **results, size_t carried,
                         struct track *tracks, size_t track_count)
{
    for (size_t i = 0; i < carried; i++) {
        if (state[i] && results[i] && is_tensor(state[i]) && is_tensor(results[i])
            && state[i]->type != results[i]->type)
            return call_fail(call, "carries a value of type %s, for which its body gives one of type %s",
                             dtype_name(state[i]->type), dtype_name(results[i]->type));
        array_drop(state[i]);
        state[i] = results[i];
    }
    for (size_t i = 0; i < track_count; i++) track_add(call, &tracks[i], results[carried + i]);
    return true;
}

/* Returns output `slot`, or drops it where it is not needed. */
static void give(struct call *call, size_t slot, struct array *array)
{
    if (slot < call->output_count && call_wants(call, slot)) call_give(call, slot, array);
    else array_drop(array);
}

struct loop {
    struct graph *body;
    size_t carried, scans;
    bool asks, bounded; /* whether the body's condition counts, and the trip count */
    int64_t condition, trips;
};

static bool read_loop(struct call *call, struct loop *loop)
{
    loop->body = find_body(call, "body");
    if (!loop->body) return call_fail(call, "has no body");
    loop->carried = call->input_count > 2 ? call->input_count - 2 : 0;
    if (loop->body->input_count != loop->carried + 2 || loop->body->output_count < loop->carried + 1)
        return call_fail(call, "carries %zu values, but its body takes %zu and yields %zu", loop->carried,
                         loop->body->input_count, loop->body->output_count);
    loop->scans = loop->body->output_count - loop->carried - 1;
    if (call->output_count > loop->carried + loop->scans)
        return call_fail(call, "has %zu outputs, its body makes %zu", call->output_count, loop->carried + loop->scans);
    loop->bounded = call_input(call, 0) != NULL;
    loop->asks = call_input(call, 1) != NULL;
    loop->condition = 1;
    if (loop->bounded && !read_scalar(call, 0, "its trip count", &loop->trips)) return false;
    return !loop->asks || read_scalar(call, 1, "its condition", &loop->condition);
}

/* One round: the body's own condition comes first of its results. */
static bool loop_round(struct call *call, struct loop *loop, int64_t round, struct array **arguments,
                       struct array **results, struct track *tracks)
{
    arguments[0] = scalar(call, DTYPE_INT64, round);
    arguments[1] = scalar(call, DTYPE_BOOL, loop->condition != 0);
    bool ran =
        run_body(call->run, loop->body, arguments, loop->carried + 2, results, loop->body->output_count, call->error);
    array_drop(arguments[0]);
    array_drop(arguments[1]);
    if (!ran) return false;
    if (!results[0] || !is_whole(results[0]) || results[0]->count != 1)
        return call_fail(call, "has a body whose condition is not one bool");
    if (loop->asks) loop->condition = results[0]->i64[0];
    array_drop(results[0]);
    return take_results(call, arguments + 2, results + 1, loop->carried, tracks, loop->scans);
}

static bool loop(struct call *call)
{
    struct loop loop = { 0 };
    if (!read_loop(call, &loop)) return false;
    struct array **arguments = NEW_ARRAY(call->scratch, struct array *, loop.carried + 2);
    struct array **results = NEW_ARRAY(call->scratch, struct array *, loop.body->output_count);
    struct track *tracks = NEW_ARRAY(call->scratch, struct track, loop.scans);
    for (size_t i = 0; i < loop.carried; i++) {
        struct array *first = call_input(call, i + 2);
        arguments[i + 2] = first ? array_keep(first) : NULL;
    }
    for (int64_t round = 0; loop.condition && (!loop.bounded || round < loop.trips); round++) {
        if (!loop_round(call, &loop, round, arguments, results, tracks)) return false;
    }
    for (size_t i = 0; i < loop.carried; i++) give(call, i, arguments[i + 2]);
    for (size_t i = 0; i < loop.scans; i++) {
        struct array *whole;
        const struct value *declared = loop.body->outputs[loop.carried + 1 + i];
        if (!join_track(call, &tracks[i], declared, 0, false, &whole)) return false;
        give(call, loop.carried + i, whole);
    }
    return true;
}

/* Both Scans: `states` carried values, then `scans` inputs cut along their axes; `yields` scan outputs. */
struct scan {
    struct graph *body;
    size_t first; /* slot of the first state */
    size_t states, scans, yields;
    int64_t length;                                       /* of every scan input */
    int *axes;                                            /* of the scan inputs */
    const int64_t *in_backward, *out_backward, *out_axes; /* as the attributes list them */
    size_t in_backward_count, out_backward_count, out_axes_count;
};

static int64_t listed(const int64_t *values, size_t count, size_t i)
{
    return i < count ? values[i] : 0;
}

static bool read_scan(struct call *call, struct scan *scan, size_t first)
{
    int64_t scans = node_int(call->node, "num_scan_inputs", 0);
    scan->body = find_body(call, "body");
    if (!scan->body) return call_fail(call, "has no body");
    if (call->input_count <= first || scans < 1 || (uint64_t)scans > call->input_count - first)
        return call_fail(call, "has %zu inputs, of which num_scan_inputs=%lld cannot be scanned", call->input_count,
                         (long long)scans);
    scan->first = first;
    scan->scans = (size_t)scans;
    scan->states = call->input_count - first - scan->scans;
    if (scan->body->input_count != scan->states + scan->scans || scan->body->output_count < scan->states)
        return call_fail(call, "has %zu states and %zu scan inputs, but its body takes %zu and yields %zu",
                         scan->states, scan->scans, scan->body->input_count, scan->body->output_count);
    scan->yields = scan->body->output_count - scan->states;
    if (call->output_count > scan->body->output_count)
        return call_fail(call, "has %zu outputs, its body makes %zu", call->output_count, scan->body->output_count);
    for (size_t i = first; i < call->input_count; i++)
        if (!call_input(call, i) || !is_tensor(call_input(call, i)))
            return call_fail(call, "needs a tensor as input %zu", i);
    return true;
}

/* Runs the body `length` times over states (replaced by their last values) and scan inputs. */
static bool scan_run(struct call *call, const struct scan *scan, int64_t length, struct array **states,
                     struct array *const *inputs, struct track *tracks)
{
    size_t taken = scan->states + scan->scans;
    struct array **arguments = NEW_ARRAY(call->scratch, struct array *, taken);
    struct array **results = NEW_ARRAY(call->scratch, struct array *, scan->body->output_count);
    for (int64_t t = 0; t < length; t++) {
        memcpy(arguments, states, scan->states * sizeof *states);
        for (size_t i = 0; i < scan->scans; i++) {
            bool backward = listed(scan->in_backward, scan->in_backward_count, i) != 0;
            arguments[scan->states + i] = piece_at(call->pool, inputs[i], scan->axes[i], backward ? length - 1 - t : t);
        }
        if (!run_body(call->run, scan->body, arguments, taken, results, scan->body->output_count, call->error))
            return false;
        for (size_t i = 0; i < scan->scans; i++) array_drop(arguments[scan->states + i]);
        if (!take_results(call, states, results, scan->states, tracks, scan->yields)) return false;
    }
    return true;
}

static bool scan_axes(struct call *call, struct scan *scan)
{
    const int64_t *axes;
    size_t count = node_ints(call->node, "scan_input_axes", &axes);
    scan->axes = NEW_ARRAY(call->scratch, int, scan->scans);
    for (size_t i = 0; i < scan->scans; i++) {
        const struct array *input = call_input(call, scan->states + i);
        if (!call_axis(call, listed(axes, count, i), input->rank, &scan->axes[i])) return false;
        int64_t length = input->dims[scan->axes[i]];
        if (i > 0 && length != scan->length)
            return call_fail(call, "scans inputs of %lld and %lld elements", (long long)scan->length,
                             (long long)length);
        scan->length = length;
    }
    scan->in_backward_count = node_ints(call->node, "scan_input_directions", &scan->in_backward);
    scan->out_backward_count = node_ints(call->node, "scan_output_directions", &scan->out_backward);
    scan->out_axes_count = node_ints(call->node, "scan_output_axes", &scan->out_axes);
    return true;
}

static bool scan(struct call *call)
{
    struct scan scan = { 0 };
    if (!read_scan(call, &scan, 0) || !scan_axes(call, &scan)) return false;
    struct array **states = NEW_ARRAY(call->scratch, struct array *, scan.states);
    struct track *tracks = NEW_ARRAY(call->scratch, struct track, scan.yields);
    for (size_t i = 0; i < scan.states; i++) states[i] = array_keep(call_input(call, i));
    if (!scan_run(call, &scan, scan.length, states, call->inputs + scan.states, tracks)) return false;
    for (size_t i = 0; i < scan.states; i++) give(call, i, states[i]);
    for (size_t i = 0; i < scan.yields; i++) {
        struct array *whole;
        if (!join_track(call, &tracks[i], scan.body->outputs[scan.states + i],
                        listed(scan.out_axes, scan.out_axes_count, i),
                        listed(scan.out_backward, scan.out_backward_count, i) != 0, &whole))
            return false;
        give(call, scan.states + i, whole);
    }
    return true;
}

/* The dims of Scan-8: axis 0 of everything is the batch, axis 1 of the scan inputs the sequence. */
static bool scan_8_dims(struct call *call, struct scan *scan, int64_t *batch)
{
    for (size_t i = 0; i < scan->states + scan->scans; i++) {
        const struct array *input = call_input(call, scan->first + i);
        bool scanned = i >= scan->states;
        if (input->rank < (scanned ? 2 : 1))
            return call_fail(call, "has an input %zu without a batch or sequence", i + 1);
        if (i == 0) *batch = input->dims[0];
        if (i == scan->states) scan->length = input->dims[1];
        if (input->dims[0] != *batch || (scanned && input->dims[1] != scan->length))
            return call_fail(call, "has inputs of different batch sizes or lengths");
    }
    const struct array *lengths = call_input(call, 0);
    if (!lengths) return true;
    if (!is_whole(lengths) || lengths->count != *batch)
        return call_fail(call, "takes sequence_lens as [%lld] whole numbers", (long long)*batch);
    for (int64_t b = 0; b < *batch; b++)
        if (lengths->i64[b] < 0 || lengths->i64[b] > scan->length)
            return call_fail(call, "has a sequence of %lld steps where %lld are stored", (long long)lengths->i64[b],
                             (long long)scan->length);
    return true;
}

/* Stacks one scan output of one batch element and pads it with zeros to the full length. */
static bool scan_8_padded(struct call *call, struct track *track, const struct value *declared, int64_t length,
                          struct array **padded)
{
    struct array *whole;
    int64_t dims[ARRAY_MAX_RANK];
    if (!join_track(call, track, declared, 0, false, &whole)) return false;
    if (whole->dims[0] == length) {
        *padded = whole;
        return true;
    }
    memcpy(dims, whole->dims, sizeof dims);
    dims[0] = length;
    *padded = array_new(call->pool, whole->type, whole->store, whole->rank, dims);
    if (is_text(whole))
        for (int64_t i = 0; i < (*padded)->count; i++) (*padded)->text[i] = "";
    else memset((*padded)->data, 0, (size_t)(*padded)->count * store_size((*padded)->store));
    piece_lay(*padded, whole, 0, 0);
    array_drop(whole);
    return true;
}

/* One batch element: its results go to the tracks, one item a batch element. */
static bool scan_8_element(struct call *call, const struct scan *scan, int64_t b, struct track *outputs)
{
    struct array **states = NEW_ARRAY(call->scratch, struct array *, scan->states);
    struct array **inputs = NEW_ARRAY(call->scratch, struct array *, scan->scans);
    struct track *tracks = NEW_ARRAY(call->scratch, struct track, scan->yields);
    const struct array *lengths = call_input(call, 0);
    for (size_t i = 0; i < scan->states; i++) states[i] = piece_at(call->pool, call_input(call, 1 + i), 0, b);
    for (size_t i = 0; i < scan->scans; i++)
        inputs[i] = piece_at(call->pool, call_input(call, 1 + scan->states + i), 0, b);
    if (!scan_run(call, scan, lengths ? lengths->i64[b] : scan->length, states, inputs, tracks)) return false;
    for (size_t i = 0; i < scan->scans; i++) array_drop(inputs[i]);
    for (size_t i = 0; i < scan->states; i++) track_add(call, &outputs[i], states[i]);
    for (size_t i = 0; i < scan->yields; i++) {
        struct array *padded;
        const struct value *declared = scan->body->outputs[scan->states + i];
        if (!scan_8_padded(call, &tracks[i], declared, scan->length, &padded)) return false;
        track_add(call, &outputs[scan->states + i], padded);
    }
    return true;
}

static bool scan_8(struct call *call)
{
    struct scan scan = { 0 };
    int64_t batch = 0;
    if (!read_scan(call, &scan, 1) || !scan_8_dims(call, &scan, &batch)) return false;
    if (batch == 0) return call_fail(call, "scans an empty batch");
    scan.axes = NEW_ARRAY(call->scratch, int, scan.scans); /* 0: the batch axis is gone when the body runs */
    scan.in_backward_count = node_ints(call->node, "directions", &scan.in_backward);
    struct track *outputs = NEW_ARRAY(call->scratch, struct track, scan.body->output_count);
    for (int64_t b = 0; b < batch; b++)
        if (!scan_8_element(call, &scan, b, outputs)) return false;
    for (size_t i = 0; i < scan.body->output_count; i++) {
        struct array *whole;
        if (!join_track(call, &outputs[i], NULL, 0, false, &whole)) return false;
        give(call, i, whole);
    }
    return true;
}

/* Runs the body on item i of every sequence, and on the tensors as they are. */
static bool map_item(struct call *call, struct graph *body, int64_t i, struct array **arguments, struct array **results,
                     struct track *tracks)
{
    for (size_t k = 0; k < call->input_count; k++) {
        struct array *input = call_input(call, k);
        arguments[k] = input->store == STORE_SEQUENCE ? input->items[i] : input;
    }
    if (!run_body(call->run, body, arguments, call->input_count, results, body->output_count, call->error))
        return false;
    for (size_t k = 0; k < body->output_count; k++) {
        if (!results[k] || !is_tensor(results[k]))
            return call_fail(call, "has a body that yields something but tensors");
        track_add(call, &tracks[k], results[k]);
    }
    return true;
}

static bool sequence_map(struct call *call)
{
    struct graph *body = find_body(call, "body");
    const struct array *first = call_input(call, 0);
    if (!body || body->input_count != call->input_count || body->output_count < call->output_count)
        return call_fail(call, "needs a body with its inputs and outputs");
    if (!first || first->store != STORE_SEQUENCE) return call_fail(call, "needs a sequence as first input");
    for (size_t k = 0; k < call->input_count; k++) {
        const struct array *input = call_input(call, k);
        if (!input || (input->store == STORE_SEQUENCE && input->count != first->count))
            return call_fail(call, "needs inputs of one length");
    }
    struct array **arguments = NEW_ARRAY(call->scratch, struct array *, call->input_count);
    struct array **results = NEW_ARRAY(call->scratch, struct array *, body->output_count);
    struct track *tracks = NEW_ARRAY(call->scratch, struct track, body->output_count);
    for (int64_t i = 0; i < first->count; i++)
        if (!map_item(call, body, i, arguments, results, tracks)) return false;
    for (size_t k = 0; k < body->output_count; k++) {
        enum dtype type = first->count ? tracks[k].items[0]->type : declared_type(body->outputs[k]);
        struct array *sequence = array_new(call->pool, type, STORE_SEQUENCE, 1, &first->count);
        for (int64_t i = 0; i < first->count; i++) sequence->items[i] = tracks[k].items[i];
        give(call, k, sequence);
    }
    return true;
}

/* ---- shapes ---- */

/* What holds of a value whichever of the two it is. */
static void set_either(struct shaping *s, size_t slot, const struct value *a, const struct value *b)
{
    struct dim dims[SHAPE_MAX_RANK];
    enum dtype type = a->type == b->type ? a->type : DTYPE_UNDEFINED;
    int rank = a->shape.rank == b->shape.rank ? a->shape.rank : -1;
    for (int i = 0; i < rank; i++)
        dims[i] = dim_equal(a->shape.dims[i], b->shape.dims[i]) ? a->shape.dims[i] : fresh_dim(s);
    set_output(s, slot, type, rank, dims);
}

/* Where the condition is known, only its branch counts. */
static bool shape_branch(struct shaping *s)
{
    const struct graph *yes = node_body(s->node, "then_branch"), *no = node_body(s->node, "else_branch");
    int64_t condition;
    if (!yes || !no) return false;
    if (input_number(s, 0, &condition)) {
        if (condition) no = yes;
        else yes = no;
    }
    for (size_t i = 0; i < s->node->output_count; i++) {
        if (i >= yes->output_count || i >= no->output_count) return false;
        if (yes->outputs[i] && no->outputs[i]) set_either(s, i, yes->outputs[i], no->outputs[i]);
    }
    return true;
}

/* A dim of a body as it is seen from outside: what depends on a turn of the loop has no single size. */
static struct dim outside(struct shaping *s, struct dim dim)
{
    return dim.size >= 0 || symbol_newest(s->symbols, dim.symbol) <= s->age ? dim : fresh_dim(s);
}

/* A state after the loop: as it went in, if no turn was taken, or as a turn left it. */
static void set_state(struct shaping *s, size_t slot, const struct value *before, const struct value *after)
{
    struct dim dims[SHAPE_MAX_RANK];
    if (!before || !after) return;
    int rank = before->shape.rank == after->shape.rank ? before->shape.rank : -1;
    for (int i = 0; i < rank; i++) {
        struct dim dim = outside(s, after->shape.dims[i]);
        dims[i] = dim_equal(before->shape.dims[i], dim) ? dim : fresh_dim(s);
    }
    set_output(s, slot, before->type, rank, dims);
}

/* The results of all turns, stacked along `axis`. */
static void set_stack(struct shaping *s, size_t slot, const struct value *turn, int64_t axis, struct dim turns)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = turn ? turn->shape.rank : -1, at, from = 0;
    if (rank < 0 || rank + 1 > SHAPE_MAX_RANK || !normal_axis(axis, rank + 1, &at)) {
        if (turn) set_type(s, slot, turn->type);
        return;
    }
    for (int i = 0; i <= rank; i++) dims[i] = i == at ? turns : outside(s, turn->shape.dims[from++]);
    set_output(s, slot, turn->type, rank + 1, dims);
}

/* Body: (turn, condition, states) -> (condition, states, results) */
static bool shape_loop(struct shaping *s)
{
    const struct graph *body = node_body(s->node, "body");
    if (!body || body->input_count < 2 || body->input_count != s->node->input_count) return false;
    size_t states = body->input_count - 2;
    struct dim turns = fresh_dim(s);
    for (size_t i = 0; i < s->node->output_count; i++) {
        const struct value *result = i + 1 < body->output_count ? body->outputs[i + 1] : NULL;
        if (i < states) set_state(s, i, node_input(s->node, i + 2), result);
        else set_stack(s, i, result, 0, turns);
    }
    return true;
}

/* How many slices there are: any scanned input's size along its axis. */
static struct dim scan_length(struct shaping *s, size_t states, size_t scans)
{
    const int64_t *axes;
    size_t count = node_ints(s->node, "scan_input_axes", &axes);
    struct dim length = fresh_dim(s);
    for (size_t i = 0; i < scans; i++) {
        int rank = input_rank(s, states + i), axis;
        if (rank >= 0 && normal_axis(i < count ? axes[i] : 0, rank, &axis)
            && !merge_dims(input_dim(s, states + i, axis), length, &length))
            return fresh_dim(s);
    }
    return length;
}

/* Body: (states, slices) -> (states, results). The first form, of opset 8, has a batch axis and is left alone. */
static bool shape_scan(struct shaping *s)
{
    const struct graph *body = node_body(s->node, "body");
    int64_t scans = node_int(s->node, "num_scan_inputs", -1);
    const int64_t *axes;
    size_t axis_count = node_ints(s->node, "scan_output_axes", &axes);
    if (!body || scans < 1 || (uint64_t)scans > s->node->input_count) return false;
    size_t states = s->node->input_count - (size_t)scans;
    struct dim length = scan_length(s, states, (size_t)scans);
    for (size_t i = 0; i < s->node->output_count; i++) {
        const struct value *result = i < body->output_count ? body->outputs[i] : NULL;
        if (i < states) set_state(s, i, node_input(s->node, i), result);
        else set_stack(s, i, result, i - states < axis_count ? axes[i - states] : 0, length);
    }
    return true;
}

const struct operator_row control_operators[] = {
    { "If", 1, LATEST, .run = branch, .bodies = BODIES_CHOSEN, .shape = shape_branch, .sizes = SLOT(0),
      .schemas = SCHEMAS({ 1, LATEST, "bool > . *.", "else_branch!g then_branch!g" }) },
    { "Loop", 1, LATEST, .run = loop, .complex = MOVES_COMPLEX, .bodies = BODY_LOOPS, .shape = shape_loop,
      .sizes = SLOT(0) | SLOT(1), .limits = { [0] = LIMIT_ROUNDS },
      .schemas = SCHEMAS({ 1, 10, "?i64 ?bool .a *.a > . *.", "body!g" },
                         { 11, LATEST, "?i64 ?bool *.a13k16h19e21q23p24o25d > . *.", "body!g" }) },
    { "Scan", 8, 8, .run = scan_8, .complex = MOVES_COMPLEX, .bodies = BODY_SCANS_BATCHES,
      .open_shape = "the batch axis and the lengths of opset 8 are not followed",
      .schemas = SCHEMAS({ 8, 8, "?i64 .a *.a > . *.", "body!g directions:I num_scan_inputs!n" },
                         { 9, LATEST, ".a16h19e21q23p24o25d *.a16h19e21q23p24o25d > . *.",
                           "body!g num_scan_inputs!n scan_input_axes:I scan_input_directions:I "
                           "scan_output_axes:I scan_output_directions:I" }) },
    { "Scan", 9, LATEST, .run = scan, .complex = MOVES_COMPLEX, .bodies = BODY_SCANS, .shape = shape_scan },
    { "SequenceMap", 17, LATEST, .run = sequence_map, .complex = MOVES_COMPLEX, .open_shape = "a sequence has no shape",
      .schemas = SCHEMAS({ 17, LATEST, ".k *.ak > .k *.k", "body!g" }) },
    { 0 },
};
