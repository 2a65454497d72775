/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains of which fewer nodes compute the same. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "passes/decide/decision.h"
#include "passes/simplify/rewrite.h"

#include <math.h>
#include <string.h>

static bool read_from_above(struct simplifier *s, struct node *node, struct value *x)
{
    rewrite_where(s, node_output(node, 0)->name);
    rewrite_set_input(s, node, 0, x);
    return true;
}

/* ---- f(f(x)) = f(x) ---- */

static bool idempotent(struct simplifier *s, struct node *node)
{
    struct value *once = node_input(node, 0);
    if (!rewrite_upstream_is(node, 0, node->op) || !rewrite_can_replace(node, 0, once)) return false;
    rewrite_where(s, once->name);
    return rewrite_replace(s, node, 0, once);
}

/* ---- Relu, Clip, Min, Max: what their rows call a clamp ---- */

/* One end of the range that a node lets through. An open end of a Clip is none for finite numbers, but runtimes differ
 * about infinities: some clip to the largest number of the type. */
struct end {
    enum { END_NONE, END_OPEN, END_NUMBER } kind;
    double number;
};

struct range {
    size_t slot; /* of the input that is clipped */
    struct end low, high;
};

static bool is_good_bound(double number)
{
    return isfinite(number) && !(number == 0 && signbit(number));
}

/* A number that is compared with; zero as an operand is none, for which of two zeros comes out is left open. */
static bool read_bound(struct value *value, bool is_operand, struct end *end)
{
    end->kind = END_NUMBER;
    return constant_number(value, &end->number) && is_good_bound(end->number) && (!is_operand || end->number != 0);
}

/* One end, where input `slot` is what is clamped. */
static bool read_end(const struct node *node, const struct bound *bound, size_t slot, struct end *end)
{
    struct value *value = NULL;
    switch (bound->kind) {
    case UNBOUNDED: end->kind = END_NONE; return true;
    case BOUND_ZERO: *end = (struct end){ END_NUMBER, 0 }; return true;
    case BOUND_ATTRIBUTE: return false;
    case BOUND_INPUT: value = node_input(node, bound->slot); break;
    case BOUND_OPERAND: value = node_input(node, 1 - slot); break;
    }
    end->kind = END_OPEN;
    return value ? read_bound(value, bound->kind == BOUND_OPERAND, end) : bound->kind == BOUND_INPUT;
}

static bool has_operand(const struct clamp *clamp)
{
    return clamp->low.kind == BOUND_OPERAND || clamp->high.kind == BOUND_OPERAND;
}

static bool read_ends(const struct node *node, size_t slot, struct range *range)
{
    const struct clamp *clamp = node->row->clamp;
    const struct value *x = node_input(node, slot), *y = node_output(node, 0);
    range->slot = slot;
    if (has_operand(clamp) && (node->input_count != 2 || !x || x->type != y->type || !is_same_shape(x, y)))
        return false;
    return read_end(node, &clamp->low, slot, &range->low) && read_end(node, &clamp->high, slot, &range->high);
}

static bool read_range(const struct node *node, struct range *range)
{
    const struct clamp *clamp = node->row ? node->row->clamp : NULL;
    if (!clamp || !has_one_output(node)) return false;
    if (!read_ends(node, 0, range) && !(has_operand(clamp) && read_ends(node, 1, range))) return false;
    return range->low.kind != END_NUMBER || range->high.kind != END_NUMBER || range->low.number <= range->high.number;
}

/* Whether what one end has let through passes the other end unchanged. `sign` is 1 for low ends, -1 for high ones. */
static bool passes_end(const struct end *first, const struct end *second, int sign)
{
    if (second->kind == END_NONE) return true;
    if (second->kind == END_OPEN) return first->kind != END_NONE;
    return first->kind == END_NUMBER && sign * first->number >= sign * second->number;
}

/* Whether the second end makes the first one superfluous. */
static bool covers_end(const struct end *first, const struct end *second, int sign)
{
    if (first->kind == END_NONE) return true;
    if (first->kind == END_OPEN) return second->kind != END_NONE;
    return second->kind == END_NUMBER && sign * second->number >= sign * first->number;
}

/* Both ends in one; false when that is none or open. */
static bool both_ends(const struct end *first, const struct end *second, int sign, double *number)
{
    bool is_first = first->kind == END_NUMBER, is_second = second->kind == END_NUMBER;
    if (!is_first && !is_second) return false;
    *number = !is_second || (is_first && sign * first->number > sign * second->number) ? first->number : second->number;
    return true;
}

static struct value *add_bound(struct simplifier *s, struct node *node, enum dtype type, const char *name, double bound)
{
    return rewrite_add_constant(s, node, name, tensor_exact(rewrite_net(s)->arena, type, 0, NULL, &bound));
}

static bool clip_takes_inputs(const struct graph *graph)
{
    const struct operator_row *clip = operator_of_graph(graph, "Clip");
    return clip && clip->clamp->low.kind == BOUND_INPUT;
}

static bool one_clip(struct simplifier *s, struct node *node, const struct range *first, const struct range *second,
                     struct value *x)
{
    double low, high;
    if (!both_ends(&first->low, &second->low, 1, &low) || !both_ends(&first->high, &second->high, -1, &high))
        return false;
    if (low > high || !clip_takes_inputs(node->graph) || !is_read_once(node_input(node, second->slot))) return false;
    if ((x->type != DTYPE_FLOAT && x->type != DTYPE_DOUBLE && x->type != DTYPE_FLOAT16)
        || !rewrite_can_store(s, node, 64, 0))
        return false;
    struct value *inputs[] = { x, add_bound(s, node, x->type, "min", low), add_bound(s, node, x->type, "max", high) };
    struct node *clip = rewrite_add_node(s, node, "Clip", inputs, 3, node_output(node, 0));
    rewrite_where(s, clip->proto->name);
    rewrite_take_output(s, clip, node);
    return true;
}

static bool clips(struct simplifier *s, struct node *node)
{
    struct range first, second;
    if (!read_range(node, &second)) return false;
    const struct node *upstream = rewrite_upstream(node, second.slot);
    if (!upstream || !read_range(upstream, &first)) return false;
    struct value *between = node_input(node, second.slot), *x = node_input(upstream, first.slot);
    if (passes_end(&first.low, &second.low, 1) && passes_end(&first.high, &second.high, -1)) {
        rewrite_where(s, between->name);
        return rewrite_replace(s, node, 0, between);
    }
    if (covers_end(&first.low, &second.low, 1) && covers_end(&first.high, &second.high, -1) && is_read_once(between)) {
        rewrite_where(s, node_output(node, 0)->name);
        rewrite_set_input(s, node, second.slot, x);
        return true;
    }
    return one_clip(s, node, &first, &second, x);
}

/* ---- Where(Not(c), x, y) ---- */

static bool not_where(struct simplifier *s, struct node *node)
{
    const struct node *upstream = rewrite_upstream_is(node, 0, "Not");
    if (!upstream || node->input_count != 3 || !is_read_once(node_input(node, 0))) return false;
    struct value *chosen = node_input(node, 1), *other = node_input(node, 2);
    rewrite_set_input(s, node, 1, other);
    rewrite_set_input(s, node, 2, chosen);
    return read_from_above(s, node, node_input(upstream, 0));
}

/* ---- a Reduce that keeps its axes, or does not ---- */

bool reduced_axes(const struct node *node, int rank, uint32_t *axes)
{
    int64_t list[TENSOR_MAX_RANK];
    int count;
    bool given;
    *axes = 0;
    if (rank < 0 || rank > TENSOR_MAX_RANK || !node_list(node, "axes", list, &count, &given) || !given) return false;
    for (int i = 0; i < count; i++) {
        int64_t axis = list[i] < 0 ? list[i] + rank : list[i];
        if (axis < 0 || axis >= rank) return false;
        *axes |= UINT32_C(1) << axis;
    }
    return count > 0;
}

/* Unsqueeze after a Reduce without its axes, Squeeze after one with them. */
static bool reduce_dims(struct simplifier *s, struct node *node)
{
    struct node *upstream = rewrite_upstream(node, 0);
    bool keeps = node_is(node, "Unsqueeze");
    uint32_t reduced, named;
    if (!upstream || !operator_has(upstream, REDUCES) || !is_read_once(node_input(node, 0))) return false;
    if (node_int(upstream, "keepdims", 1) != !keeps) return false;
    int rank = node_input(upstream, 0)->shape.rank;
    if (!reduced_axes(upstream, rank, &reduced) || !reduced_axes(node, rank, &named) || reduced != named) return false;
    edit_set_int(upstream, "keepdims", keeps);
    rewrite_where(s, node_title(upstream));
    rewrite_take_output(s, upstream, node);
    rewrite_touch(s, upstream);
    return true;
}

/* ---- Concat of Concat ---- */

enum { CONCAT_LIMIT = 1024 };

static bool axis_of(const struct node *node, int64_t *axis)
{
    const struct value *y = node_output(node, 0);
    if (!node_attribute(node, "axis")) return false;
    *axis = node_int(node, "axis", 0);
    if (*axis < 0 && y->shape.rank >= 0) *axis += y->shape.rank;
    return *axis >= 0;
}

/* Input `slot` of a Concat is itself one: its inputs take its place. */
static void splice(struct simplifier *s, struct node *node, size_t slot, const struct node *inner)
{
    size_t count = node->input_count - 1 + inner->input_count, at = 0;
    struct value **inputs = NEW_ARRAY(rewrite_arena(s), struct value *, count);
    for (size_t i = 0; i < node->input_count; i++) {
        if (i != slot) inputs[at++] = node_input(node, i);
        for (size_t k = 0; i == slot && k < inner->input_count; k++) inputs[at++] = node_input(inner, k);
    }
    for (size_t i = count; i-- > slot;) rewrite_set_input(s, node, i, inputs[i]);
}

static bool concats(struct simplifier *s, struct node *node)
{
    int64_t axis, other;
    if (!axis_of(node, &axis)) return false;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct node *inner = rewrite_upstream_is(node, i, "Concat");
        if (!inner || !is_read_once(node_input(node, i)) || !axis_of(inner, &other) || axis != other) continue;
        if (node->input_count + inner->input_count > CONCAT_LIMIT) continue;
        rewrite_where(s, node_title(node));
        splice(s, node, i, inner);
        return true;
    }
    return false;
}

/* ---- Slice ---- */

struct section {
    int64_t axis, start, end;
};

/* A Slice of one axis, forward and whole. */
static bool read_section(const struct node *node, struct section *section)
{
    int64_t list[TENSOR_MAX_RANK], count;
    const struct value *x = node_input(node, 0);
    if (!x || node->opset < 10 || !node_input(node, 3)) return false;
    if (!constant_ints(node_input(node, 1), 1, &section->start, &count) || count != 1) return false;
    if (!constant_ints(node_input(node, 2), 1, &section->end, &count) || count != 1) return false;
    if (!constant_ints(node_input(node, 3), 1, &section->axis, &count) || count != 1) return false;
    if (node_input(node, 4) && (!constant_ints(node_input(node, 4), 1, list, &count) || count != 1 || list[0] != 1))
        return false;
    if (section->axis < 0 && x->shape.rank >= 0) section->axis += x->shape.rank;
    return section->axis >= 0;
}

/* How many inputs of the Concat from `first` on are sections of one value, *x, that meet, from its start to its end; 0 when
 * they are not so. */
static size_t whole_run(const struct node *node, size_t first, int64_t axis, struct value **x)
{
    int64_t at = 0;
    for (size_t i = first; i < node->input_count; i++) {
        const struct node *slice = rewrite_upstream_is(node, i, "Slice");
        struct section section;
        if (!slice || !read_section(slice, &section) || section.axis != axis || section.start != at) return 0;
        if (section.end < section.start || (i > first && node_input(slice, 0) != *x)) return 0;
        *x = node_input(slice, 0);
        at = section.end;
        int64_t size = axis_size(*x, (int)axis);
        if (i > first && (at >= INT32_MAX || (size >= 0 && at >= size))) return i - first + 1;
    }
    return 0;
}

/* Concat(x[:a], x[a:b], x[b:], z) is Concat(x, z), and without z it is x, however long that is. */
static bool sliced_concat(struct simplifier *s, struct node *node)
{
    int64_t axis;
    size_t first = 0, count = 0;
    struct value *x = NULL;
    if (node->input_count < 2 || !axis_of(node, &axis)) return false;
    while (first < node->input_count && !(count = whole_run(node, first, axis, &x))) first++;
    if (!count) return false;
    rewrite_where(s, x->name);
    if (count == node->input_count) return rewrite_can_replace(node, 0, x) && rewrite_replace(s, node, 0, x);
    const size_t left = node->input_count - count + 1;
    rewrite_set_input(s, node, first, x);
    for (size_t i = first + 1; i < left; i++) rewrite_set_input(s, node, i, node_input(node, i + count - 1));
    while (node->input_count > left) rewrite_set_input(s, node, node->input_count - 1, NULL);
    return true;
}

/* The constant list `first`, then `second`; NULL when one is none. */
static struct value *joined(struct simplifier *s, struct node *node, struct value *first, struct value *second)
{
    int64_t list[2 * TENSOR_MAX_RANK], count, more;
    if (!constant_ints(first, TENSOR_MAX_RANK, list, &count)) return NULL;
    if (!constant_ints(second, TENSOR_MAX_RANK, list + count, &more)) return NULL;
    count += more;
    return rewrite_add_constant(s, node, second->name,
                                tensor_whole(rewrite_net(s)->arena, DTYPE_INT64, 1, &count, list));
}

static uint32_t sliced_axes(const struct node *node)
{
    int64_t list[TENSOR_MAX_RANK], count;
    uint32_t axes = 0;
    int rank = node_input(node, 0)->shape.rank;
    if (node->opset < 10 || node_input(node, 4) || rank < 0 || rank > TENSOR_MAX_RANK) return 0;
    for (size_t slot = 1; slot < 3; slot++)
        if (!constant_ints(node_input(node, slot), TENSOR_MAX_RANK, list, &count)) return 0;
    if (!constant_ints(node_input(node, 3), TENSOR_MAX_RANK, list, &count)) return 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t axis = list[i] < 0 ? list[i] + rank : list[i];
        if (axis < 0 || axis >= rank) return 0;
        axes |= UINT32_C(1) << axis;
    }
    return axes;
}

/* Slices of different axes, without steps, in one. */
static bool slices(struct simplifier *s, struct node *node)
{
    const struct node *upstream = rewrite_upstream_is(node, 0, "Slice");
    if (!upstream || !is_read_once(node_input(node, 0))) return false;
    uint32_t first = sliced_axes(upstream), second = sliced_axes(node);
    if (!first || !second || (first & second) || !rewrite_can_store(s, node, 96, 0)) return false;
    for (size_t slot = 1; slot < 4; slot++)
        rewrite_set_input(s, node, slot, joined(s, node, node_input(upstream, slot), node_input(node, slot)));
    return read_from_above(s, node, node_input(upstream, 0));
}

const struct rewrite chain_rewrites[] = {
    { { "idempotent", "Abs(Abs(x)) -> Abs(x)" }, "simplify_chains", .laws = IDEMPOTENT, .apply = idempotent },
    { { "clips", "Clip(Relu(x), -1, 6) -> Clip(x, 0, 6)" }, "simplify_chains", .laws = ELEMENTWISE, .apply = clips },
    { { "not-where", "Where(Not(c), x, y) -> Where(c, y, x)" }, "simplify_chains", { "Where" }, .apply = not_where },
    { { "reduce-dims", "Unsqueeze(ReduceMax(x)) -> ReduceMax(x) that keeps its axes" },
      "simplify_chains",
      { "Unsqueeze", "Squeeze" },
      .apply = reduce_dims },
    { { "concats", "Concat(Concat(x, y), z) -> Concat(x, y, z)" }, "simplify_chains", { "Concat" }, .apply = concats },
    { { "sliced-concat", "Concat(x[:k], x[k:], z) -> Concat(x, z)" },
      "simplify_chains",
      { "Concat" },
      .apply = sliced_concat },
    { { "slices", "Slice(Slice(x)) -> Slice(x) of both axes" }, "simplify_chains", { "Slice" }, .apply = slices },
    { .apply = NULL },
};
