/* SPDX-License-Identifier: Apache-2.0
 *
 * What is cut into parts, and put together of parts: Split, Slice, Concat. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/shape/infer.h"
#include "passes/decide/decision.h"
#include "passes/simplify/rewrite.h"

#include <assert.h>

/* A Slice may also run backwards. */
static bool whole_slice(struct simplifier *s, struct node *node)
{
    int64_t steps[TENSOR_MAX_RANK], count = 0;
    if (!keeps_its_shape(node)) return false;
    if (node_input(node, 4) && !constant_ints(node_input(node, 4), TENSOR_MAX_RANK, steps, &count)) return false;
    for (int64_t i = 0; i < count; i++)
        if (steps[i] < 1) return false;
    return rewrite_bypass(s, node, node_input(node, 0));
}

static bool only_output(struct simplifier *s, struct node *node)
{
    return node->output_count == 1 && keeps_its_shape(node) && rewrite_bypass(s, node, node_input(node, 0));
}

/* ---- Split and Concat ---- */

#define NOT_SAID INT64_MIN

/* The axis, not from the end; `absent` where the node does not say it. False when it is not known. */
static bool axis_of(const struct node *node, int64_t absent, int64_t *axis)
{
    const struct value *x = node_input(node, 0), *y = node_output(node, 0);
    int rank = x->shape.rank < 0 && y ? y->shape.rank : x->shape.rank;
    *axis = node_int(node, "axis", absent);
    if (*axis < 0 && rank >= 0) *axis += rank;
    return *axis >= 0;
}

static bool split_concat(struct simplifier *s, struct node *node)
{
    const struct node *split = rewrite_inner(s, node, 0);
    int64_t parted, joined;
    if (!split || split->output_count != node->input_count) return false;
    for (size_t i = 0; i < node->input_count; i++)
        if (node_input(node, i) != split->outputs[i]) return false;
    if (!axis_of(split, 0, &parted) || !axis_of(node, NOT_SAID, &joined)) return false;
    return parted == joined && rewrite_bypass(s, node, node_input(split, 0));
}

static bool concat_split(struct simplifier *s, struct node *node)
{
    const struct node *concat = rewrite_inner(s, node, 0);
    int64_t parted, joined;
    if (!concat || concat->input_count != node->output_count) return false;
    if (!axis_of(node, 0, &parted) || !axis_of(concat, NOT_SAID, &joined)) return false;
    if (parted != joined) return false;
    for (size_t i = 0; i < node->output_count; i++) {
        const struct value *in = node_input(concat, i), *out = node->outputs[i];
        if (!out || out->is_output || parted >= in->shape.rank || parted >= out->shape.rank) return false;
        if (!dim_equal(in->shape.dims[parted], out->shape.dims[parted]) || !rewrite_can_replace(node, i, in))
            return false;
    }
    rewrite_where(s, node_input(concat, 0)->name);
    for (size_t i = 0; i < node->output_count; i++) rewrite_replace(s, node, i, node_input(concat, i));
    return true;
}

/* ---- Concat of Concat ---- */

enum { CONCAT_LIMIT = 1024, SPLICE_WORK = 1000 };

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
    if (!axis_of(node, NOT_SAID, &axis)) return false;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct node *inner = rewrite_inner(s, node, i);
        if (!inner || !is_read_once(node_input(node, i)) || !axis_of(inner, NOT_SAID, &other) || axis != other)
            continue;
        const size_t count = node->input_count + inner->input_count;
        if (count > CONCAT_LIMIT || !rewrite_may_work(s, count * SPLICE_WORK)) continue;
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

static bool constant_int(struct value *value, int64_t *number)
{
    int64_t count;
    return constant_ints(value, 1, number, &count) && count == 1;
}

/* A Slice of one axis, forward and whole; its bounds are inputs. */
static bool read_section(const struct node *node, struct section *section)
{
    int64_t step = 1;
    const struct value *x = node_input(node, 0);
    if (!constant_int(node_input(node, 1), &section->start) || !constant_int(node_input(node, 2), &section->end)
        || !constant_int(node_input(node, 3), &section->axis))
        return false;
    if (node_input(node, 4) && (!constant_int(node_input(node, 4), &step) || step != 1)) return false;
    if (section->axis < 0 && x->shape.rank >= 0) section->axis += x->shape.rank;
    return section->axis >= 0;
}

/* How many inputs of the Concat from `first` on are sections of one value, *x, that meet, from its start to its end; 0
 * when they are not so. */
static size_t whole_run(const struct simplifier *s, const struct node *node, size_t first, int64_t axis,
                        struct value **x)
{
    int64_t at = 0;
    for (size_t i = first; i < node->input_count; i++) {
        const struct node *slice = rewrite_inner(s, node, i);
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
    if (node->input_count < 2 || !axis_of(node, NOT_SAID, &axis)) return false;
    while (first < node->input_count && !(count = whole_run(s, node, first, axis, &x))) first++;
    if (!count) return false;
    rewrite_where(s, x->name);
    if (count == node->input_count) return rewrite_replace(s, node, 0, x);
    const size_t left = node->input_count - count + 1;
    rewrite_set_input(s, node, first, x);
    for (size_t i = first + 1; i < left; i++) rewrite_set_input(s, node, i, node_input(node, i + count - 1));
    while (node->input_count > left) rewrite_set_input(s, node, node->input_count - 1, NULL);
    return true;
}

/* The list `first`, then `second`, which are known to be constant. */
static struct value *joined(struct simplifier *s, struct node *node, struct value *first, struct value *second)
{
    int64_t list[2 * TENSOR_MAX_RANK], count = 0, more = 0;
    bool is_known = constant_ints(first, TENSOR_MAX_RANK, list, &count);
    is_known &= constant_ints(second, TENSOR_MAX_RANK, list + count, &more);
    assert(is_known);
    (void)is_known;
    count += more;
    return rewrite_add_constant(s, node, second->name,
                                tensor_whole(rewrite_net(s)->arena, DTYPE_INT64, 1, &count, list));
}

/* Of a Slice whose bounds are inputs; 0 when they are not known. */
static uint32_t sliced_axes(const struct node *node)
{
    int64_t list[TENSOR_MAX_RANK], count;
    uint32_t axes = 0;
    int rank = node_input(node, 0)->shape.rank;
    if (node_input(node, 4) || rank < 0) return 0;
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
    const struct node *upstream = rewrite_inner(s, node, 0);
    if (!upstream || !is_read_once(node_input(node, 0))) return false;
    uint32_t first = sliced_axes(upstream), second = sliced_axes(node);
    if (!first || !second || (first & second) || !rewrite_can_store(s, 96, 0)) return false;
    for (size_t slot = 1; slot < 4; slot++)
        rewrite_set_input(s, node, slot, joined(s, node, node_input(upstream, slot), node_input(node, slot)));
    return rewrite_read(s, node, node_input(upstream, 0));
}

const struct rewrite part_rewrites[] = {
    { { "whole-slice", "Slice(x) -> x of all of x" }, "simplify_noops", .apply = whole_slice },
    { { "only-output", "Split(x) -> x into one" }, "simplify_noops", .apply = only_output },
    { { "split-concat", "Concat(Split(x)) -> x" }, "simplify_pairs", .apply = split_concat },
    { { "concat-split", "Split(Concat(x, y)) -> x, y" }, "simplify_pairs", .apply = concat_split },
    { { "concats", "Concat(Concat(x, y), z) -> Concat(x, y, z)" }, "simplify_chains", .apply = concats },
    { { "sliced-concat", "Concat(Slice(x, 0, k), Slice(x, k, n), z) -> Concat(x, z)" },
      "simplify_chains",
      .apply = sliced_concat },
    { { "slices", "Slice(Slice(x)) -> Slice(x) of both axes" }, "simplify_chains", .apply = slices },
    { .apply = NULL },
};
