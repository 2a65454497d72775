/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequences and optionals. A sequence is never changed: each operator makes a new one that shares the tensors. An
 * optional is the array itself, or none. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/ops/operators.h"
#include "runtime/slices.h"

#include <string.h>

static struct array *make_sequence(struct call *call, enum dtype type, int64_t count)
{
    return array_new(call->pool, type, STORE_SEQUENCE, 1, &count);
}

static bool read_sequence(struct call *call, const struct array **sequence)
{
    *sequence = call_input(call, 0);
    if (!*sequence || (*sequence)->store != STORE_SEQUENCE) return call_fail(call, "needs a sequence as first input");
    return true;
}

/* Input `slot` as a position in 0 .. last, counted from `end` when negative; `absent` when there is none. */
static bool read_position(struct call *call, size_t slot, int64_t end, int64_t last, int64_t absent, int64_t *position)
{
    const struct array *input = call_input(call, slot);
    *position = absent;
    if (input) {
        if (!is_whole(input) || input->count != 1) return call_fail(call, "takes its position as one whole number");
        *position = input->i64[0] < 0 ? input->i64[0] + end : input->i64[0];
    }
    if (*position < 0 || *position > last)
        return call_fail(call, "has no position %lld in a sequence of %lld",
                         (long long)(input ? input->i64[0] : absent), (long long)end);
    return true;
}

static bool sequence_construct(struct call *call)
{
    const struct array *first = call_input(call, 0);
    for (size_t i = 0; i < call->input_count; i++) {
        const struct array *item = call_input(call, i);
        if (!item || !is_tensor(item) || item->type != first->type) return call_fail(call, "needs tensors of one type");
    }
    if (!first) return call_fail(call, "needs at least one tensor");
    struct array *sequence = make_sequence(call, first->type, (int64_t)call->input_count);
    for (size_t i = 0; i < call->input_count; i++) sequence->items[i] = array_keep(call_input(call, i));
    call_give(call, 0, sequence);
    return true;
}

static bool sequence_empty(struct call *call)
{
    int64_t type = node_int(call->node, "dtype", DTYPE_FLOAT);
    if (dtype_kind(type) == KIND_NONE) return call_fail(call, "has no element type %lld", (long long)type);
    call_give(call, 0, make_sequence(call, (enum dtype)type, 0));
    return true;
}

static bool sequence_length(struct call *call)
{
    const struct array *sequence;
    if (!read_sequence(call, &sequence)) return false;
    call_output(call, 0, DTYPE_INT64, 0, NULL)->i64[0] = sequence->count;
    return true;
}

static bool sequence_at(struct call *call)
{
    const struct array *sequence;
    int64_t position;
    if (!read_sequence(call, &sequence) || !read_position(call, 1, sequence->count, sequence->count - 1, -1, &position))
        return false;
    call_give(call, 0, array_keep(sequence->items[position]));
    return true;
}

static bool sequence_insert(struct call *call)
{
    const struct array *sequence;
    struct array *item = call_input(call, 1);
    int64_t position;
    if (!read_sequence(call, &sequence)) return false;
    if (!item || !is_tensor(item) || item->type != sequence->type)
        return call_fail(call, "needs a tensor of %s to insert", dtype_name(sequence->type));
    if (!read_position(call, 2, sequence->count, sequence->count, sequence->count, &position)) return false;
    struct array *longer = make_sequence(call, sequence->type, sequence->count + 1);
    for (int64_t i = 0; i < sequence->count; i++)
        longer->items[i < position ? i : i + 1] = array_keep(sequence->items[i]);
    longer->items[position] = array_keep(item);
    call_give(call, 0, longer);
    return true;
}

static bool sequence_erase(struct call *call)
{
    const struct array *sequence;
    int64_t position;
    if (!read_sequence(call, &sequence)
        || !read_position(call, 1, sequence->count, sequence->count - 1, sequence->count - 1, &position))
        return false;
    struct array *shorter = make_sequence(call, sequence->type, sequence->count - 1);
    for (int64_t i = 0; i < sequence->count; i++)
        if (i != position) shorter->items[i < position ? i : i - 1] = array_keep(sequence->items[i]);
    call_give(call, 0, shorter);
    return true;
}

/* How a tensor is cut: into pieces of `size`, the last one shorter, or of the sizes listed. */
struct split {
    const int64_t *sizes; /* NULL: all of `size` */
    int64_t size, count;
};

static bool read_split(struct call *call, int64_t length, struct split *split)
{
    const struct array *input = call_input(call, 1);
    int64_t sum = 0;
    *split = (struct split){ NULL, 1, length };
    if (!input) return true;
    if (!is_whole(input) || input->rank > 1) return call_fail(call, "takes split as whole numbers");
    if (input->rank == 0) {
        split->size = input->i64[0];
        if (split->size < 1) return call_fail(call, "splits into pieces of %lld", (long long)split->size);
        split->count = length / split->size + (length % split->size != 0);
        return true;
    }
    for (int64_t i = 0; i < input->count; i++)
        if (!size_add(sum, input->i64[i], &sum))
            return call_fail(call, "splits into a piece of %lld", (long long)input->i64[i]);
    if (sum != length)
        return call_fail(call, "splits %lld elements into pieces of %lld in all", (long long)length, (long long)sum);
    *split = (struct split){ input->i64, 0, input->count };
    return true;
}

static bool split_to_sequence(struct call *call)
{
    const struct array *x = call_input(call, 0);
    struct split split;
    int axis = 0;
    if (!x || !is_tensor(x)) return call_fail(call, "needs a tensor");
    if (!call_axis(call, node_int(call->node, "axis", 0), x->rank, &axis)) return false;
    if (!read_split(call, x->dims[axis], &split)) return false;
    bool drops = !call_input(call, 1) && !node_int(call->node, "keepdims", 1);
    struct array *sequence = make_sequence(call, x->type, split.count);
    call_give(call, 0, sequence);
    for (int64_t i = 0, first = 0; i < split.count; i++) {
        int64_t left = x->dims[axis] - first;
        int64_t size = split.sizes ? split.sizes[i] : split.size < left ? split.size : left;
        sequence->items[i] =
            drops ? piece_at(call->pool, x, axis, first) : piece_slice(call->pool, x, axis, first, size);
        first += size;
    }
    return true;
}

static bool concat_from_sequence(struct call *call)
{
    const struct array *sequence;
    struct array *whole;
    int axis = 0;
    if (!read_sequence(call, &sequence)) return false;
    if (sequence->count == 0) return call_fail(call, "concatenates an empty sequence");
    bool stacks = node_int(call->node, "new_axis", 0) != 0;
    int rank = sequence->items[0]->rank + stacks;
    if (!call_axis(call, node_int(call->node, "axis", 0), rank, &axis)) return false;
    if (stacks ? !slices_stack(call, sequence->items, sequence->count, axis, false, &whole)
               : !slices_join(call, sequence->items, sequence->count, axis, &whole))
        return false;
    call_give(call, 0, whole);
    return true;
}

/* Optional and OptionalGetElement alike hand on what they got; only the latter must have got something. */
static bool optional(struct call *call)
{
    struct array *input = call_input(call, 0);
    call_give(call, 0, array_keep(input));
    return true;
}

static bool optional_get_element(struct call *call)
{
    if (!call_input(call, 0)) return call_fail(call, "has an empty optional");
    return optional(call);
}

static bool optional_has_element(struct call *call)
{
    call_output(call, 0, DTYPE_BOOL, 0, NULL)->i64[0] = call_input(call, 0) != NULL;
    return true;
}

/* ---- shapes ---- */

static bool shape_scalar(struct shaping *s)
{
    return set_rank(s, 0, rule_type(s), 0);
}

const struct operator_row sequence_operators[] = {
    { "ConcatFromSequence", 11, LATEST, .run = concat_from_sequence, .complex = MOVES_COMPLEX,
      .open_shape = "the tensors of a sequence may differ in shape",
      .schemas = SCHEMAS({ 11, LATEST, ".k > .", "axis!i new_axis:i" }) },
    { "Optional", 15, LATEST, .run = optional, .complex = MOVES_COMPLEX,
      .open_shape = "it may hold nothing, a tensor or a sequence",
      .schemas = SCHEMAS({ 15, LATEST, "?.ak > .k", "type:y" }) },
    { "OptionalGetElement", 15, LATEST, .run = optional_get_element, .complex = MOVES_COMPLEX,
      .open_shape = "what it was given may be a sequence", .schemas = SCHEMAS({ 15, LATEST, ".k18a > .", "" }) },
    { "OptionalHasElement", 15, LATEST, .run = optional_has_element, .complex = MOVES_COMPLEX, .shape = shape_scalar,
      .type = DTYPE_BOOL, .schemas = SCHEMAS({ 15, 17, ".k > bool", "" }, { 18, LATEST, "?.ak > bool", "" }) },
    { "SequenceAt", 11, LATEST, .run = sequence_at, .complex = MOVES_COMPLEX,
      .open_shape = "the tensors of a sequence may differ in shape", .sizes = SLOT(1), .arithmetic = true,
      .schemas = SCHEMAS({ 11, LATEST, ".k .i > .", "" }) },
    { "SequenceConstruct", 11, LATEST, .run = sequence_construct, .complex = MOVES_COMPLEX,
      .open_shape = "a sequence has no shape", .arithmetic = true,
      .schemas = SCHEMAS({ 11, LATEST, "Ta *T > .k", "" }) },
    { "SequenceEmpty", 11, LATEST, .run = sequence_empty, .open_shape = "a sequence has no shape",
      .schemas = SCHEMAS({ 11, LATEST, "> .k", "dtype:e=a" }) },
    { "SequenceErase", 11, LATEST, .run = sequence_erase, .complex = MOVES_COMPLEX,
      .open_shape = "a sequence has no shape", .sizes = SLOT(1),
      .schemas = SCHEMAS({ 11, LATEST, ".k ?.i > .k", "" }) },
    { "SequenceInsert", 11, LATEST, .run = sequence_insert, .complex = MOVES_COMPLEX,
      .open_shape = "a sequence has no shape", .sizes = SLOT(2),
      .schemas = SCHEMAS({ 11, LATEST, ".k .a ?.i > .k", "" }) },
    { "SequenceLength", 11, LATEST, .run = sequence_length, .complex = MOVES_COMPLEX, .shape = shape_scalar,
      .type = DTYPE_INT64, .schemas = SCHEMAS({ 11, LATEST, ".k > i64", "" }) },
    { "SplitToSequence", 11, LATEST, .run = split_to_sequence, .complex = MOVES_COMPLEX,
      .open_shape = "a sequence has no shape", .sizes = SLOT(1),
      .schemas = SCHEMAS({ 11, LATEST, ".a24h ?.i > .k", "axis:i keepdims:b" }) },
    { 0 },
};
