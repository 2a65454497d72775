/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that cut a tensor into parts, or put it together of parts: Concat, Split, Slice. */
#include "onnx/shape/content.h"
#include "onnx/shape/reals.h"
#include "runtime/gradient.h"
#include "runtime/math/layout.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

/* Concat */

static bool concat_fits(struct call *call, const struct array *first, const struct array *x, size_t slot, int axis)
{
    bool fits = x->store == first->store && x->rank == first->rank;
    for (int i = 0; fits && i < x->rank; i++) fits = i == axis || x->dims[i] == first->dims[i];
    return fits || call_fail(call, "input %zu does not fit input 0", slot);
}

static bool concat(struct call *call)
{
    struct array *first, *x;
    int axis = 0;
    int64_t dims[ARRAY_MAX_RANK];
    if (!call_tensor(call, 0, &first)) return false;
    int64_t wanted = node_int(call->node, "axis", call->node->opset < 4 ? 1 : 0);
    if (!call_axis(call, wanted, first->rank, &axis)) return false;
    memcpy(dims, first->dims, sizeof dims);
    dims[axis] = 0;
    for (size_t i = 0; i < call->input_count; i++)
        if (!call_tensor(call, i, &x) || !concat_fits(call, first, x, i, axis)) return false;
        else if (!size_add(dims[axis], x->dims[axis], &dims[axis])) return call_fail(call, "the result is too large");

    struct array *y = call_output_like(call, 0, first, first->rank, dims);
    struct layout target = layout_packed(y->rank, dims);
    for (size_t i = 0; i < call->input_count; i++) {
        x = call_input(call, i);
        struct layout source = layout_packed(x->rank, x->dims);
        layout_copy(call, x->rank, x->dims, y, &target, x, &source);
        target.start += x->dims[axis] * target.steps[axis];
    }
    return true;
}

/* Split */

/* Sizes where the node gives none: equal ones, the last smaller where they do not go in. */
static void equal_parts(int64_t dim, size_t count, int64_t *sizes)
{
    int64_t part = (dim + (int64_t)count - 1) / (int64_t)count, left = dim;
    for (size_t i = 0; i < count; i++) {
        sizes[i] = left < part ? left : part;
        left -= sizes[i];
    }
}

static bool split_by(struct call *call, const int64_t *given, int64_t given_count)
{
    struct array *x;
    int axis = 0;
    size_t count = call->output_count;
    if (!call_tensor(call, 0, &x) || !call_axis(call, node_int(call->node, "axis", 0), x->rank, &axis)) return false;
    int64_t dims[ARRAY_MAX_RANK], *sizes = NEW_ARRAY(call->scratch, int64_t, count), total = 0;
    if (count == 0) return true;
    if (given && given_count != (int64_t)count)
        return call_fail(call, "%lld sizes for %zu outputs", (long long)given_count, count);
    if (given) memcpy(sizes, given, count * sizeof *sizes);
    else equal_parts(x->dims[axis], count, sizes);
    for (size_t i = 0; i < count; i++)
        if (sizes[i] < 0 || !size_add(total, sizes[i], &total)) return call_fail(call, "size %zu is negative", i);
    if (total != x->dims[axis])
        return call_fail(call, "its sizes add up to %lld, not to %lld", (long long)total, (long long)x->dims[axis]);

    struct layout source = layout_packed(x->rank, x->dims);
    memcpy(dims, x->dims, sizeof dims);
    for (size_t i = 0; i < count; i++) {
        dims[axis] = sizes[i];
        struct layout target = layout_packed(x->rank, dims);
        if (call_wants(call, i))
            layout_copy(call, x->rank, dims, call_output_like(call, i, x, x->rank, dims), &target, x, &source);
        source.start += sizes[i] * source.steps[axis];
    }
    return true;
}

static bool split_by_input(struct call *call)
{
    const int64_t *sizes = NULL;
    int64_t count = 0;
    if (call_input(call, 1) && !call_list(call, 1, &sizes, &count)) return false;
    return split_by(call, sizes, count);
}

/* Opset 1 takes sizes from either. */
static bool split_by_attribute(struct call *call)
{
    const int64_t *sizes;
    size_t count = node_ints(call->node, "split", &sizes);
    if (count == 0 && call->node->opset < 2) return split_by_input(call);
    return split_by(call, count ? sizes : NULL, (int64_t)count);
}

/* Slice */

struct stretch {
    int64_t start, step, count;
};

/* numpy's rule for one axis: ends count from the back when negative, and are clamped to the axis. */
static struct stretch stretch_of(int64_t dim, int64_t start, int64_t end, int64_t step)
{
    int64_t least = step > 0 ? 0 : -1, most = step > 0 ? dim : dim - 1;
    if (start < 0) start += dim;
    if (end < 0) end += dim;
    start = start < 0 ? (step > 0 ? 0 : -1) : start > most ? most : start;
    end = end < least ? least : end > most ? most : end;
    int64_t span = step > 0 ? end - start : start - end;
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    int64_t count = span <= 0 ? 0 : (int64_t)(((uint64_t)span - 1) / stride) + 1;
    return (struct stretch){ start, count > 1 ? step : 1, count };
}

static bool slice_by(struct call *call, int64_t count, const int64_t *starts, const int64_t *ends, const int64_t *axes,
                     const int64_t *steps)
{
    struct array *x;
    int64_t dims[ARRAY_MAX_RANK];
    if (!call_tensor(call, 0, &x)) return false;
    if (count > x->rank && !axes) return call_fail(call, "more starts than the input has dimensions");
    struct layout source = layout_packed(x->rank, x->dims);
    bool seen[ARRAY_MAX_RANK] = { false };
    memcpy(dims, x->dims, sizeof dims);
    for (int64_t i = 0; i < count; i++) {
        int axis = 0;
        if (!call_axis(call, axes ? axes[i] : i, x->rank, &axis)) return false;
        if (seen[axis]) return call_fail(call, "axis %d is given twice", axis);
        if (steps && steps[i] == 0) return call_fail(call, "a step is 0");
        seen[axis] = true;
        struct stretch part = stretch_of(x->dims[axis], starts[i], ends[i], steps ? steps[i] : 1);
        dims[axis] = part.count;
        if (part.count > 0) source.start += part.start * source.steps[axis];
        source.steps[axis] *= part.step;
    }
    struct layout target = layout_packed(x->rank, dims);
    layout_copy(call, x->rank, dims, call_output_like(call, 0, x, x->rank, dims), &target, x, &source);
    return true;
}

static bool slice_by_attribute(struct call *call)
{
    const int64_t *starts, *ends, *axes;
    size_t count = node_ints(call->node, "starts", &starts), end_count = node_ints(call->node, "ends", &ends);
    size_t axis_count = node_ints(call->node, "axes", &axes);
    if (count != end_count || (axis_count > 0 && axis_count != count))
        return call_fail(call, "starts, ends and axes differ in length");
    return slice_by(call, (int64_t)count, starts, ends, axis_count ? axes : NULL, NULL);
}

static bool slice(struct call *call)
{
    const int64_t *lists[4] = { NULL };
    int64_t counts[4];
    for (size_t i = 0; i < 4; i++) {
        if (i >= 2 && !call_input(call, i + 1)) continue;
        if (!call_list(call, i + 1, &lists[i], &counts[i])) return false;
        if (counts[i] != counts[0]) return call_fail(call, "starts, ends, axes and steps differ in length");
    }
    return slice_by(call, counts[0], lists[0], lists[1], lists[2], lists[3]);
}

/* ---- shapes ---- */

static bool shape_concat(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = -1, axis = 0, sum = symbol_number(s->symbols, 0);
    for (size_t i = 0; i < s->node->input_count; i++) {
        int other = input_rank(s, i);
        if (other < 0) {
            sum = 0;
            continue;
        }
        if (rank < 0) {
            rank = other;
            if (!normal_axis(node_int(s->node, "axis", 1), rank, &axis)) return false;
            memcpy(dims, input_dims(s, i), (size_t)rank * sizeof *dims);
        }
        if (other != rank) return false;
        for (int d = 0; d < rank; d++)
            if (d != axis && !merge_dims(dims[d], input_dim(s, i, d), &dims[d])) return false;
        sum = symbol_add(s->symbols, sum, dim_symbol(s, input_dim(s, i, axis)));
    }
    if (rank < 0) return set_type(s, 0, common_type(s, s->node->input_count));
    dims[axis] = symbol_dim(s, sum);
    return set_output(s, 0, common_type(s, s->node->input_count), rank, dims);
}

/* Sizes of the pieces as symbols; 0 where unknown. False when there are not as many as outputs. */
static bool listed_pieces(struct shaping *s, int *sizes)
{
    const int64_t *list;
    size_t outputs = s->node->output_count, count = node_ints(s->node, "split", &list);
    const struct dim *content = input_content(s, 1);
    if (node_attribute(s->node, "split")) {
        for (size_t i = 0; i < outputs && i < count; i++) sizes[i] = symbol_number(s->symbols, list[i]);
        return count == outputs;
    }
    int64_t listed = input_count(s, 1);
    if (listed >= 0 && listed != (int64_t)outputs) return false;
    for (size_t i = 0; i < outputs; i++) sizes[i] = content && listed >= 0 ? content[i].symbol : 0;
    return true;
}

/* False when the pieces are known not to make up the whole. */
static bool pieces_fit(struct shaping *s, struct dim dim, const int *sizes)
{
    int64_t difference;
    int sum = symbol_number(s->symbols, 0);
    for (size_t i = 0; i < s->node->output_count; i++) sum = symbol_add(s->symbols, sum, sizes[i]);
    return !symbol_is_number(s->symbols, symbol_subtract(s->symbols, sum, dim_symbol(s, dim)), &difference)
           || difference == 0;
}

/* Equal pieces; with num_outputs (opset 18) the last is what is left. */
static bool equal_pieces(struct shaping *s, struct dim dim, int *sizes)
{
    size_t outputs = s->node->output_count;
    bool uneven = s->node->opset >= 18;
    if (dim.size >= 0 && !uneven && dim.size % (int64_t)outputs != 0) return false;
    int whole = dim_symbol(s, dim), count = symbol_number(s->symbols, (int64_t)outputs);
    int piece = uneven ? symbol_divide_up(s->symbols, whole, count) : symbol_divide(s->symbols, whole, count);
    for (size_t i = 0; i < outputs; i++) sizes[i] = piece;
    if (uneven) {
        int before = symbol_multiply(s->symbols, piece, symbol_number(s->symbols, (int64_t)outputs - 1));
        sizes[outputs - 1] = symbol_subtract(s->symbols, whole, before);
    }
    return true;
}

static bool shape_split(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    size_t outputs = s->node->output_count;
    int64_t parts = node_int(s->node, "num_outputs", (int64_t)outputs);
    if (rank < 0 || outputs == 0 || parts != (int64_t)outputs) {
        for (size_t i = 0; i < outputs; i++) set_type(s, i, rule_type(s));
        return true;
    }
    if (!normal_axis(node_int(s->node, "axis", 0), rank, &axis)) return false;
    int *sizes = NEW_ARRAY(s->scratch, int, outputs);
    bool listed = node_input(s->node, 1) || node_attribute(s->node, "split");
    if (!(listed ? listed_pieces(s, sizes) : equal_pieces(s, input_dim(s, 0, axis), sizes))) return false;
    if (listed && !pieces_fit(s, input_dim(s, 0, axis), sizes)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    for (size_t i = 0; i < outputs; i++) {
        dims[axis] = symbol_dim(s, sizes[i]);
        if (!set_output(s, i, rule_type(s), rank, dims)) return false;
    }
    return true;
}

/* A start or end of a slice, clamped to 0 .. dim: negative ones count from the end. 0 when it is unknown. */
static int slice_bound(struct shaping *s, int dim, int bound)
{
    int64_t number;
    int zero = symbol_number(s->symbols, 0);
    bool is_number = symbol_is_number(s->symbols, bound, &number);
    if (bound == dim || (is_number && number >= INT32_MAX)) return dim; /* "to the end", as exporters write it */
    if (is_number && number <= -INT32_MAX) return zero;
    if (is_number && number < 0) return symbol_maximum(s->symbols, symbol_add(s->symbols, dim, bound), zero);
    if (symbol_minimum(s->symbols, bound) < 0) return 0;
    return symbol_least(s->symbols, bound, dim);
}

/* ceil((end - start) / step), and not less than 0 where the order of the two is not evident. */
static int slice_forward(struct shaping *s, int dim, int start, int end, int64_t step)
{
    int64_t number;
    int from = slice_bound(s, dim, start), to = slice_bound(s, dim, end);
    int length = symbol_divide_up(s->symbols, symbol_subtract(s->symbols, to, from), symbol_number(s->symbols, step));
    bool ordered = to == dim || (symbol_is_number(s->symbols, from, &number) && number == 0);
    return ordered ? length : symbol_maximum(s->symbols, length, symbol_number(s->symbols, 0));
}

static int slice_backward(struct shaping *s, int dim, int start, int end, int64_t step)
{
    int64_t size, from, to;
    if (!symbol_is_number(s->symbols, start, &from) || !symbol_is_number(s->symbols, end, &to) || step == INT64_MIN)
        return 0;
    if ((from == -1 || from >= INT32_MAX) && to <= -INT32_MAX)
        return symbol_divide_up(s->symbols, dim, symbol_number(s->symbols, -step));
    if (!symbol_is_number(s->symbols, dim, &size)) return 0;
    if (from < 0) from += size;
    if (to < 0) to += size;
    from = from < -1 ? -1 : from > size - 1 ? size - 1 : from;
    to = to < -1 ? -1 : to > size - 1 ? size - 1 : to;
    return symbol_number(s->symbols, from <= to ? 0 : (from - to - 1) / -step + 1);
}

static bool slice_axis(struct shaping *s, struct dim *dim, int start, int end, int step)
{
    int64_t number;
    int symbol = dim_symbol(s, *dim);
    if (!symbol_is_number(s->symbols, step, &number)) {
        *dim = fresh_dim(s);
        return true;
    }
    if (number == 0) return false;
    *dim = symbol_dim(s, number > 0 ? slice_forward(s, symbol, start, end, number)
                                    : slice_backward(s, symbol, start, end, number));
    return true;
}

static bool shape_slice_by_attribute(struct shaping *s)
{
    struct axes axes, starts, ends;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), one = symbol_number(s->symbols, 1), axis;
    axes_from_attribute(s, "axes", &axes);
    axes_from_attribute(s, "starts", &starts);
    axes_from_attribute(s, "ends", &ends);
    axes_default(&axes, starts.count);
    if (axes.count != starts.count || starts.count != ends.count) return false;
    if (rank < 0 || starts.known != AXES_KNOWN || ends.known != AXES_KNOWN) return shape_any(s);
    if (!mark_axes(&axes, rank, marked)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    for (int i = 0; i < starts.count; i++) {
        normal_axis(axes.at[i], rank, &axis);
        int start = symbol_number(s->symbols, starts.at[i]), end = symbol_number(s->symbols, ends.at[i]);
        if (!slice_axis(s, &dims[axis], start, end, one)) return false;
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool shape_slice(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    int64_t count = -1;
    for (size_t slot = 1; slot < 5; slot++) {
        int64_t listed = input_count(s, slot);
        if (count >= 0 && listed >= 0 && listed != count) return false;
        if (listed >= 0) count = listed;
    }
    if (rank < 0) return shape_any(s);
    if (count > rank) return false;
    axes_from_input(s, 3, &axes);
    if (count >= 0) axes_default(&axes, (int)count);
    if (axes.known != AXES_KNOWN) return set_rank(s, 0, rule_type(s), rank);
    if (!mark_axes(&axes, rank, marked)) return false;
    const struct dim *starts = input_content(s, 1), *ends = input_content(s, 2), *steps = input_content(s, 4);
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    for (int i = 0; i < axes.count; i++) {
        int step = steps ? steps[i].symbol : node_input(s->node, 4) ? 0 : symbol_number(s->symbols, 1);
        normal_axis(axes.at[i], rank, &axis);
        if (!slice_axis(s, &dims[axis], starts ? starts[i].symbol : 0, ends ? ends[i].symbol : 0, step)) return false;
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

/* ---- elements ---- */

/* Start and step along each axis, for elements known to be there. */
struct strides {
    int64_t start[SHAPE_MAX_RANK], step[SHAPE_MAX_RANK];
};

static bool content_slice_axis(const struct small *input, struct strides *strides, int64_t axis, int64_t start,
                               int64_t step)
{
    int normal;
    if (!normal_axis(axis, input->rank, &normal)) return false;
    int64_t size = input->dims[normal], last = step > 0 ? size : size - 1;
    if (start < 0) start += size;
    strides->start[normal] = start < 0 ? 0 : start > last ? last : start;
    strides->step[normal] = step;
    return true;
}

static bool read_slice(struct shaping *s, const struct small *input, struct strides *strides)
{
    struct axes starts, axes, steps;
    bool attributes = s->node->opset < 10;
    if (attributes) axes_from_attribute(s, "starts", &starts);
    else axes_from_input(s, 1, &starts);
    if (attributes) axes_from_attribute(s, "axes", &axes);
    else axes_from_input(s, 3, &axes);
    if (attributes) steps = (struct axes){ .known = AXES_ABSENT };
    else axes_from_input(s, 4, &steps);
    if (starts.known != AXES_KNOWN || axes.known > AXES_KNOWN || steps.known > AXES_KNOWN) return false;
    for (int i = 0; i < starts.count; i++) {
        int64_t axis = axes.known == AXES_KNOWN ? axes.at[i] : i, step = steps.known == AXES_KNOWN ? steps.at[i] : 1;
        if (!content_slice_axis(input, strides, axis, starts.at[i], step)) return false;
    }
    return true;
}

/* The output's shape says where each slice ends. */
static void content_slice(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK];
    struct small input, output;
    struct strides strides = { { 0 }, { 0 } };
    small_output(s, &output);
    if (!small_input(s, 0, &input)) return;
    for (int d = 0; d < input.rank; d++) strides.step[d] = 1;
    if (!read_slice(s, &input, &strides)) return;
    for (int64_t i = 0; i < output.count; i++) {
        small_unravel(&output, i, index);
        for (int d = 0; d < input.rank; d++) index[d] = strides.start[d] + index[d] * strides.step[d];
        symbols[i] = small_element(&input, small_ravel(&input, index));
    }
    set_content(s, 0, symbols);
}

static void content_concat(struct shaping *s)
{
    int symbols[CONTENT_MAX] = { 0 }, axis;
    int64_t index[SHAPE_MAX_RANK], before = 0;
    struct small input, output;
    small_output(s, &output);
    if (!normal_axis(node_int(s->node, "axis", 1), output.rank, &axis)) return;
    for (size_t slot = 0; slot < s->node->input_count; slot++) {
        if (!small_of(s, node_input(s->node, slot), &input)) return;
        for (int64_t i = 0; i < input.count; i++) {
            small_unravel(&input, i, index);
            index[axis] += before;
            symbols[small_ravel(&output, index)] = small_element(&input, i);
        }
        before += input.dims[axis];
    }
    set_content(s, 0, symbols);
}

/* The pieces of a list. */
static void content_split(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    int64_t before = 0;
    struct small input, piece;
    if (!small_input(s, 0, &input) || input.rank != 1) return;
    for (size_t slot = 0; slot < s->node->output_count; slot++) {
        struct value *output = node_output(s->node, slot);
        if (!output || !small_of(s, output, &piece) || before + piece.count > input.count) return;
        for (int64_t i = 0; i < piece.count; i++) symbols[i] = small_element(&input, before + i);
        before += piece.count;
        set_content(s, slot, symbols);
    }
}

const struct operator_row part_operators[] = {
    { "Concat", 1, LATEST, .gradient = gradient_moved, .run = concat, .complex = MOVES_COMPLEX, .shape = shape_concat,
      .laws = IDENTITY_OF_ONE, .content = content_concat, .reals = reals_joined, .passes = ALL_SLOTS,
      .arithmetic = true, .schemas = SCHEMAS({ 1, 3, "Tf *T > T", "axis:i" }, { 4, LATEST, "Ta13h *T > T", "axis!i" }),
      .exact = EXACT },
    { "Slice", 1, 9, .gradient = gradient_moved, .run = slice_by_attribute, .complex = MOVES_COMPLEX,
      .shape = shape_slice_by_attribute, .keeps_range = true, .content = content_slice,
      .sizes = SLOT(1) | SLOT(2) | SLOT(3) | SLOT(4), .passes = SLOT(0), .arithmetic = true,
      .schemas =
          SCHEMAS({ 1, 9, "Ta > T", "axes:I ends!I starts!I" }, { 10, LATEST, "Ta13h Ui[_] U[_] ?U[_] ?U[_] > T", "" }),
      .exact = EXACT },
    { "Slice", 10, LATEST, .gradient = gradient_moved, .run = slice, .complex = MOVES_COMPLEX, .shape = shape_slice,
      .keeps_range = true, .content = content_slice, .sizes = SLOT(1) | SLOT(2) | SLOT(3) | SLOT(4), .passes = SLOT(0),
      .arithmetic = true, .exact = EXACT },
    { "Split", 1, 12, .gradient = gradient_moved, .run = split_by_attribute, .complex = MOVES_COMPLEX,
      .shape = shape_split, .keeps_range = true, .content = content_split, .sizes = SLOT(1), .passes = SLOT(0),
      .arithmetic = true,
      .schemas = SCHEMAS({ 1, 1, "Tf ?T > T *T", "axis:i split:O" }, { 2, 12, "Ta > T *T", "axis:i split:O" },
                         { 13, 17, "Tah ?i64[] > T *T", "axis:i" },
                         { 18, LATEST, "Tah ?i64[] > T *T", "axis:i num_outputs:n" }),
      .exact = EXACT },
    { "Split", 13, LATEST, .gradient = gradient_moved, .run = split_by_input, .complex = MOVES_COMPLEX,
      .shape = shape_split, .keeps_range = true, .content = content_split, .sizes = SLOT(1), .passes = SLOT(0),
      .arithmetic = true, .exact = EXACT },
    { 0 },
};
