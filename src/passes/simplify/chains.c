/* SPDX-License-Identifier: Apache-2.0
 *
 * Chains of which fewer nodes compute the same. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "passes/decide/decision.h"
#include "passes/simplify/rewrite.h"

#include <float.h>
#include <math.h>
#include <string.h>

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
    double number, exact; /* as it is stored; and before it is rounded, where a fold made it */
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
    return constant_number(value, &end->number) && constant_exact_number(value, &end->exact)
           && is_good_bound(end->number) && (!is_operand || end->number != 0);
}

/* An attribute that is not there, or is the largest number of the type, is an open end. */
static bool read_attribute(const struct node *node, const char *name, struct end *end)
{
    end->number = end->exact = (double)node_float(node, name, FLT_MAX);
    end->kind = fabs(end->number) < (double)FLT_MAX ? END_NUMBER : END_OPEN;
    return end->kind == END_OPEN || is_good_bound(end->number);
}

/* One end, where input `slot` is what is clamped. */
static bool read_end(const struct node *node, const struct bound *bound, size_t slot, struct end *end)
{
    struct value *value = NULL;
    switch (bound->kind) {
    case UNBOUNDED: end->kind = END_NONE; return true;
    case BOUND_ZERO: *end = (struct end){ END_NUMBER, 0, 0 }; return true;
    case BOUND_ATTRIBUTE: return read_attribute(node, bound->attribute, end);
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
    if (has_operand(clamp) && (node->input_count != 2 || x->type != y->type || !is_same_shape(x, y))) return false;
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

/* Both ends in one; NULL when that is none or open. */
static const struct end *both_ends(const struct end *first, const struct end *second, int sign)
{
    bool is_first = first->kind == END_NUMBER, is_second = second->kind == END_NUMBER;
    if (!is_first && !is_second) return NULL;
    return !is_second || (is_first && sign * first->number > sign * second->number) ? first : second;
}

static struct value *add_bound(struct simplifier *s, struct node *node, enum dtype type, const char *name,
                               const struct end *end)
{
    return rewrite_add_constant(s, node, name, tensor_exact(rewrite_net(s)->arena, type, 0, NULL, &end->exact));
}

/* A Clip of x as the opset of the graph has it. */
static struct node *add_clip(struct simplifier *s, struct node *node, struct value *x, const struct end *low,
                             const struct end *high)
{
    const struct operator_row *row = operator_of_graph(node->graph, "Clip");
    struct value *inputs[] = { x, NULL, NULL };
    bool takes_inputs = row->clamp->low.kind == BOUND_INPUT;
    if (takes_inputs) {
        inputs[1] = add_bound(s, node, x->type, "min", low);
        inputs[2] = add_bound(s, node, x->type, "max", high);
    }
    struct node *clip = rewrite_add_node(s, node, row->name, inputs, 3, node_output(node, 0));
    if (!takes_inputs) {
        edit_set_float(clip, row->clamp->low.attribute, (float)low->exact);
        edit_set_float(clip, row->clamp->high.attribute, (float)high->exact);
    }
    return clip;
}

/* Attributes hold no more than a float. */
static bool clip_can_hold(const struct graph *graph, double low, double high)
{
    const struct operator_row *row = operator_of_graph(graph, "Clip");
    return row->clamp->low.kind == BOUND_INPUT || ((double)(float)low == low && (double)(float)high == high);
}

static bool one_clip(struct simplifier *s, struct node *node, const struct range *first, const struct range *second,
                     struct value *x)
{
    const struct end *low = both_ends(&first->low, &second->low, 1);
    const struct end *high = both_ends(&first->high, &second->high, -1);
    if (!low || !high || low->number > high->number || !clip_can_hold(node->graph, low->number, high->number)
        || !is_read_once(node_input(node, second->slot)))
        return false;
    if ((x->type != DTYPE_FLOAT && x->type != DTYPE_DOUBLE && x->type != DTYPE_FLOAT16) || !rewrite_can_store(s, 64, 0))
        return false;
    struct node *clip = add_clip(s, node, x, low, high);
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
    const struct node *upstream = rewrite_inner(s, node, 0);
    if (!upstream || !is_read_once(node_input(node, 0))) return false;
    struct value *chosen = node_input(node, 1), *other = node_input(node, 2);
    rewrite_set_input(s, node, 1, other);
    rewrite_set_input(s, node, 2, chosen);
    return rewrite_read(s, node, node_input(upstream, 0));
}

const struct rewrite chain_rewrites[] = {
    { { "idempotent", "Abs(Abs(x)) -> Abs(x)" }, "simplify_chains", .laws = IDEMPOTENT, .apply = idempotent },
    { { "clips", "Clip(Relu(x), -1, 6) -> Clip(x, 0, 6)" }, "simplify_chains", .laws = ELEMENTWISE, .apply = clips },
    { { "not-where", "Where(Not(c), x, y) -> Where(c, y, x)" }, "simplify_chains", .apply = not_where },
    { .apply = NULL },
};
