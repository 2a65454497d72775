/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of what moves, selects, repeats or makes elements: Reshape, Transpose, Slice, Gather, Concat, ... */
#include "onnx/shape/rules.h"

#include <stdlib.h>
#include <string.h>

static bool any_of_type(struct shaping *s)
{
    return set_type(s, 0, rule_type(s));
}

static bool transpose(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    struct axes perm;
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    axes_from_attribute(s, "perm", &perm);
    if (rank < 0) return perm.known == AXES_KNOWN ? set_rank(s, 0, rule_type(s), perm.count) : any_of_type(s);
    if (perm.known == AXES_ABSENT)
        for (int i = rank; i > 0; i--) perm.at[perm.count++] = i - 1;
    if (perm.count != rank || !mark_axes(&perm, rank, marked)) return false;
    for (int i = 0; i < rank; i++) {
        if (!normal_axis(perm.at[i], rank, &axis)) return false;
        dims[i] = input_dim(s, 0, axis);
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

/* Reshape */

/* The sizes still to be placed: the input's dims that no output dim has taken. */
struct pile {
    int symbols[SHAPE_MAX_RANK];
    int count; /* -1: the input's rank is unknown */
};

static bool pile_take(struct pile *pile, int symbol)
{
    for (int i = 0; i < pile->count; i++) {
        if (pile->symbols[i] != symbol) continue;
        pile->symbols[i] = pile->symbols[--pile->count];
        return true;
    }
    return false;
}

static int pile_product(struct shaping *s, const struct pile *pile)
{
    int product = symbol_number(s->symbols, 1);
    for (int i = 0; i < pile->count; i++) product = symbol_multiply(s->symbols, product, pile->symbols[i]);
    return product;
}

static void pile_input(struct shaping *s, struct pile *pile)
{
    pile->count = input_rank(s, 0);
    for (int i = 0; i < pile->count; i++) pile->symbols[i] = dim_symbol(s, input_dim(s, 0, i));
}

/* The element count of the input divided by the given dims (all but `except`): what the one left must be. Sizes common
 * to both cancel first, so that no product need be written out. */
static int remaining_size(struct shaping *s, const struct dim *dims, int rank, int except)
{
    struct pile pile;
    int divisor = symbol_number(s->symbols, 1);
    pile_input(s, &pile);
    if (pile.count < 0) return 0;
    for (int i = 0; i < rank; i++) {
        int symbol = i == except ? 0 : dim_symbol(s, dims[i]);
        if (symbol && !pile_take(&pile, symbol)) divisor = symbol_multiply(s->symbols, divisor, symbol);
    }
    int64_t number;
    if (symbol_is_number(s->symbols, divisor, &number) && number == 0) return 0;
    return symbol_divide(s->symbols, pile_product(s, &pile), divisor);
}

/* Whether a size that is one of the input's, or that may be 0 at run time, divides the input's elements: where it is 0,
 * the tensor is empty. Otherwise 0 would mean "as in the input", and nothing could be said. */
static bool divides_input(struct shaping *s, int symbol)
{
    struct pile pile;
    pile_input(s, &pile);
    if (pile.count < 0) return false;
    if (pile_take(&pile, symbol)) return true;
    return symbol_minimum(s->symbols, symbol) >= 0
           && symbol_divide_exactly(s->symbols, pile_product(s, &pile), symbol) != 0;
}

/* How an element of the target reads. */
enum target { TARGET_WRONG, TARGET_DIM, TARGET_REST, TARGET_OPEN };

static enum target read_target(struct shaping *s, int symbol, int axis, bool zero_is_zero, struct dim *dim)
{
    int64_t number;
    int rank = input_rank(s, 0);
    if (!symbol_is_number(s->symbols, symbol, &number)) {
        int64_t minimum = symbol_minimum(s->symbols, symbol);
        bool size = minimum > 0 || (minimum == 0 && zero_is_zero);
        if (!size && !divides_input(s, symbol)) return TARGET_OPEN;
        *dim = symbol_dim(s, symbol);
        return TARGET_DIM;
    }
    if (number < 0) return number == -1 ? TARGET_REST : TARGET_WRONG;
    *dim = number_dim(number);
    if (number > 0 || zero_is_zero) return TARGET_DIM;
    if (rank >= 0 && axis >= rank) return TARGET_WRONG;
    if (rank < 0) return TARGET_OPEN;
    *dim = input_dim(s, 0, axis);
    return TARGET_DIM;
}

/* False when all sizes are numbers and the counts differ. */
static bool counts_agree(const struct shaping *s, int rank, const struct dim *dims)
{
    int64_t from = input_count(s, 0), to = 1;
    for (int i = 0; i < rank; i++)
        if (!size_multiply(to, dims[i].size, &to)) return true;
    return from < 0 || from == to;
}

static bool all_numbers(const struct dim *dims, int rank, int except)
{
    for (int i = 0; i < rank; i++)
        if (i != except && dims[i].size < 1) return false;
    return true;
}

static bool reshape_to(struct shaping *s, const int *targets, int rank)
{
    struct dim dims[SHAPE_MAX_RANK];
    bool zero_is_zero = node_int(s->node, "allowzero", 0) != 0;
    int rest = -1, open = -1, open_count = 0;
    for (int i = 0; i < rank; i++) {
        enum target target = read_target(s, targets[i], i, zero_is_zero, &dims[i]);
        if (target == TARGET_WRONG || (target == TARGET_REST && rest >= 0)) return false;
        if (target == TARGET_DIM) continue;
        dims[i] = fresh_dim(s);
        if (target == TARGET_REST) rest = i;
        else open = i, open_count++;
    }
    if (rest >= 0 && open_count == 0) dims[rest] = symbol_dim(s, remaining_size(s, dims, rank, rest));
    if (rest < 0 && open_count == 1 && all_numbers(dims, rank, open))
        dims[open] = symbol_dim(s, remaining_size(s, dims, rank, open));
    if (!counts_agree(s, rank, dims)) return false;
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool reshape_by_attribute(struct shaping *s)
{
    struct axes shape;
    int targets[SHAPE_MAX_RANK];
    axes_from_attribute(s, "shape", &shape);
    if (shape.known != AXES_KNOWN) return any_of_type(s);
    for (int i = 0; i < shape.count; i++) targets[i] = symbol_number(s->symbols, shape.at[i]);
    return reshape_to(s, targets, shape.count);
}

static bool reshape(struct shaping *s)
{
    int targets[SHAPE_MAX_RANK] = { 0 };
    const struct dim *content = input_content(s, 1);
    int64_t rank = input_count(s, 1);
    if (rank < 0 || rank > SHAPE_MAX_RANK || input_rank(s, 1) != 1) return any_of_type(s);
    if (!content) {
        struct dim all;
        if (rank != 1 || input_rank(s, 0) < 0) return set_rank(s, 0, rule_type(s), (int)rank);
        all = product_dim(s, input_dims(s, 0), 0, input_rank(s, 0));
        return set_output(s, 0, rule_type(s), 1, &all);
    }
    for (int i = 0; i < rank; i++) targets[i] = content[i].symbol;
    return reshape_to(s, targets, (int)rank);
}

static bool flatten(struct shaping *s)
{
    struct dim dims[2];
    int rank = input_rank(s, 0);
    int64_t axis = node_int(s->node, "axis", 1);
    if (rank < 0) return set_rank(s, 0, rule_type(s), 2);
    if (axis < -rank || axis > rank) return false;
    if (axis < 0) axis += rank;
    dims[0] = product_dim(s, input_dims(s, 0), 0, (int)axis);
    dims[1] = product_dim(s, input_dims(s, 0), (int)axis, rank);
    return set_output(s, 0, rule_type(s), 2, dims);
}

/* Squeeze and Unsqueeze: axes are an attribute up to opset 12, an input from 13 on. */

static void axes_by_opset(struct shaping *s, int64_t first_with_input, struct axes *axes)
{
    if (s->node->opset >= first_with_input) axes_from_input(s, 1, axes);
    else axes_from_attribute(s, "axes", axes);
}

/* Without axes every 1 goes, so each dim must be known to be 1 or not. */
static bool mark_ones(struct shaping *s, int rank, bool *marked)
{
    for (int i = 0; i < rank; i++) {
        struct dim dim = input_dim(s, 0, i);
        if (dim.size < 0 && symbol_minimum(s->symbols, dim.symbol) < 2) return false;
        marked[i] = dim.size == 1;
    }
    return true;
}

static bool squeeze(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), kept = 0;
    axes_by_opset(s, 13, &axes);
    if (rank < 0 || axes.known == AXES_UNKNOWN) return any_of_type(s);
    if (axes.known == AXES_COUNTED)
        return axes.count <= rank && axes.count > 0 ? set_rank(s, 0, rule_type(s), rank - axes.count) : any_of_type(s);
    if (axes.known == AXES_ABSENT || axes.count == 0) {
        if (!mark_ones(s, rank, marked)) return any_of_type(s);
    } else if (!mark_axes(&axes, rank, marked)) {
        return false;
    }
    for (int i = 0; i < rank; i++) {
        if (marked[i] && input_dim(s, 0, i).size >= 0 && input_dim(s, 0, i).size != 1) return false;
        if (!marked[i]) dims[kept++] = input_dim(s, 0, i);
    }
    return set_output(s, 0, rule_type(s), kept, dims);
}

static bool unsqueeze(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), from = 0;
    axes_by_opset(s, 13, &axes);
    if (rank < 0 || axes.known == AXES_UNKNOWN || rank + axes.count > SHAPE_MAX_RANK) return any_of_type(s);
    if (axes.known == AXES_COUNTED) return set_rank(s, 0, rule_type(s), rank + axes.count);
    if (!mark_axes(&axes, rank + axes.count, marked)) return false;
    for (int i = 0; i < rank + axes.count; i++) dims[i] = marked[i] ? number_dim(1) : input_dim(s, 0, from++);
    return set_output(s, 0, rule_type(s), rank + axes.count, dims);
}

/* Joining and cutting */

static bool concat(struct shaping *s)
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
    if (s->node->opset < 13 && count) {
        for (size_t i = 0; i < outputs && i < count; i++) sizes[i] = symbol_number(s->symbols, list[i]);
        return count == outputs;
    }
    for (size_t i = 0; i < outputs; i++) sizes[i] = content && i < CONTENT_MAX ? content[i].symbol : 0;
    int64_t listed = input_count(s, 1);
    return listed < 0 || listed == (int64_t)outputs;
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

static bool split(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    const int64_t *list;
    int rank = input_rank(s, 0), axis;
    size_t outputs = s->node->output_count;
    int64_t parts = node_int(s->node, "num_outputs", (int64_t)outputs);
    if (rank < 0 || outputs == 0 || parts != (int64_t)outputs) {
        for (size_t i = 0; i < outputs; i++) set_type(s, i, rule_type(s));
        return true;
    }
    if (!normal_axis(node_int(s->node, "axis", 0), rank, &axis)) return false;
    int *sizes = NEW_ARRAY(s->scratch, int, outputs);
    bool listed = node_input(s->node, 1) || (s->node->opset < 13 && node_ints(s->node, "split", &list));
    if (!(listed ? listed_pieces(s, sizes) : equal_pieces(s, input_dim(s, 0, axis), sizes))) return false;
    if (listed && !pieces_fit(s, input_dim(s, 0, axis), sizes)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    for (size_t i = 0; i < outputs; i++) {
        dims[axis] = symbol_dim(s, sizes[i]);
        if (!set_output(s, i, rule_type(s), rank, dims)) return false;
    }
    return true;
}

/* A start or end of a slice, clamped to 0 .. dim: negative ones count from the end. 0 when it cannot be told. */
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

static bool slice_by_attribute(struct shaping *s)
{
    struct axes axes, starts, ends;
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), one = symbol_number(s->symbols, 1), axis;
    axes_from_attribute(s, "axes", &axes);
    axes_from_attribute(s, "starts", &starts);
    axes_from_attribute(s, "ends", &ends);
    if (rank < 0 || starts.known != AXES_KNOWN || ends.known != AXES_KNOWN) return any_of_type(s);
    if (axes.known == AXES_UNKNOWN || starts.count != ends.count
        || (axes.known == AXES_KNOWN && axes.count != starts.count))
        return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    for (int i = 0; i < starts.count; i++) {
        if (!normal_axis(axes.known == AXES_KNOWN ? axes.at[i] : i, rank, &axis)) return false;
        int start = symbol_number(s->symbols, starts.at[i]), end = symbol_number(s->symbols, ends.at[i]);
        if (!slice_axis(s, &dims[axis], start, end, one)) return false;
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool slice(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    int64_t count = input_count(s, 1);
    if (rank < 0) return any_of_type(s);
    axes_from_input(s, 3, &axes);
    if (axes.known == AXES_ABSENT && count >= 0 && count <= rank)
        for (axes.known = AXES_KNOWN; axes.count < count; axes.count++) axes.at[axes.count] = axes.count;
    if (axes.known != AXES_KNOWN) return set_rank(s, 0, rule_type(s), rank);
    if (!mark_axes(&axes, rank, marked) || (count >= 0 && count != axes.count)) return false;
    const struct dim *starts = input_content(s, 1), *ends = input_content(s, 2), *steps = input_content(s, 4);
    if (input_count(s, 2) != axes.count) ends = NULL;
    if (steps && input_count(s, 4) != axes.count) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    for (int i = 0; i < axes.count; i++) {
        int step = steps ? steps[i].symbol : node_input(s->node, 4) ? 0 : symbol_number(s->symbols, 1);
        normal_axis(axes.at[i], rank, &axis);
        if (!slice_axis(s, &dims[axis], starts ? starts[i].symbol : 0, ends ? ends[i].symbol : 0, step)) return false;
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool gather(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), picks = input_rank(s, 1), axis, count = 0;
    if (rank < 0 || picks < 0 || rank + picks - 1 > SHAPE_MAX_RANK) return any_of_type(s);
    if (!normal_axis(node_int(s->node, "axis", 0), rank, &axis)) return false;
    for (int i = 0; i < axis; i++) dims[count++] = input_dim(s, 0, i);
    for (int i = 0; i < picks; i++) dims[count++] = input_dim(s, 1, i);
    for (int i = axis + 1; i < rank; i++) dims[count++] = input_dim(s, 0, i);
    return set_output(s, 0, rule_type(s), count, dims);
}

static bool gather_elements(struct shaping *s)
{
    return set_like(s, 0, rule_type(s), 1);
}

static bool gather_nd(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), picks = input_rank(s, 1), count = 0;
    int64_t batch = node_int(s->node, "batch_dims", 0);
    if (rank < 0 || picks < 1 || rank + picks > SHAPE_MAX_RANK) return any_of_type(s);
    int64_t depth = input_dim(s, 1, picks - 1).size;
    if (depth < 0) return any_of_type(s);
    if (batch < 0 || batch >= picks || depth > rank - batch) return false;
    for (int i = 0; i < picks - 1; i++) dims[count++] = input_dim(s, 1, i);
    for (int i = (int)(batch + depth); i < rank; i++) dims[count++] = input_dim(s, 0, i);
    return set_output(s, 0, rule_type(s), count, dims);
}

static bool compress(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    if (!node_attribute(s->node, "axis")) return set_rank(s, 0, rule_type(s), 1);
    if (rank < 0) return any_of_type(s);
    if (!normal_axis(node_int(s->node, "axis", 0), rank, &axis)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    dims[axis] = fresh_dim(s);
    return set_output(s, 0, rule_type(s), rank, dims);
}

/* Growing */

static struct dim padded(struct shaping *s, struct dim dim, int before, int after)
{
    int size = symbol_add(s->symbols, dim_symbol(s, dim), symbol_add(s->symbols, before, after));
    return symbol_dim(s, size);
}

static bool pad_by_attribute(struct shaping *s)
{
    const int64_t *pads;
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    size_t count = node_ints(s->node, s->node->opset == 1 ? "paddings" : "pads", &pads);
    if (rank < 0) return any_of_type(s);
    if (count != 2 * (size_t)rank) return false;
    for (int i = 0; i < rank; i++)
        dims[i] = padded(s, input_dim(s, 0, i), symbol_number(s->symbols, pads[i]),
                         symbol_number(s->symbols, pads[i + rank]));
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool pad(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    const struct dim *pads = input_content(s, 1);
    if (rank < 0) return any_of_type(s);
    axes_from_input(s, 3, &axes);
    if (axes.known == AXES_ABSENT)
        for (axes.known = AXES_KNOWN; axes.count < rank; axes.count++) axes.at[axes.count] = axes.count;
    if (axes.known != AXES_KNOWN) return set_rank(s, 0, rule_type(s), rank);
    if (!mark_axes(&axes, rank, marked) || (pads && input_count(s, 1) != 2 * axes.count)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    for (int i = 0; i < axes.count; i++) {
        normal_axis(axes.at[i], rank, &axis);
        dims[axis] = padded(s, dims[axis], pads ? pads[i].symbol : 0, pads ? pads[i + axes.count].symbol : 0);
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

/* Tile-1: so many copies along one axis. */
static bool tile_one_axis(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), normal;
    int64_t copies, axis;
    if (rank < 0) return any_of_type(s);
    if (!input_number(s, 1, &copies) || !input_number(s, 2, &axis)) return set_rank(s, 0, rule_type(s), rank);
    if (!normal_axis(axis, rank, &normal)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    dims[normal] = scale_dim(s, dims[normal], copies);
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool tile(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    const struct dim *repeats = input_content(s, 1);
    int64_t listed = input_count(s, 1);
    if (rank < 0)
        return listed > 0 && listed <= SHAPE_MAX_RANK ? set_rank(s, 0, rule_type(s), (int)listed) : any_of_type(s);
    if (!repeats) return set_rank(s, 0, rule_type(s), rank);
    if (listed != rank) return false;
    for (int i = 0; i < rank; i++)
        dims[i] =
            symbol_dim(s, symbol_minimum(s->symbols, repeats[i].symbol) < 0
                              ? 0
                              : symbol_multiply(s->symbols, dim_symbol(s, input_dim(s, 0, i)), repeats[i].symbol));
    return set_output(s, 0, rule_type(s), rank, dims);
}

/* One dim under Expand: a target that is not known leaves a dim alone only if that cannot be stretched. */
static bool expand_axis(struct shaping *s, struct dim dim, int target, struct dim *result)
{
    int64_t number;
    if (symbol_is_number(s->symbols, target, &number) && number < 0) return false;
    if (symbol_minimum(s->symbols, target) >= 0) return broadcast_dim(s, dim, symbol_dim(s, target), result);
    bool fixed = dim.size > 1 || (dim.size == -1 && symbol_minimum(s->symbols, dim.symbol) > 1);
    *result = fixed ? dim : fresh_dim(s);
    return true;
}

static bool expand(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), result;
    const struct dim *targets = input_content(s, 1);
    int64_t listed = input_count(s, 1);
    if (rank < 0 || listed < 0 || listed > SHAPE_MAX_RANK) return any_of_type(s);
    result = rank > listed ? rank : (int)listed;
    for (int i = 0; i < result; i++) {
        int from = i - (result - rank), to = i - (result - (int)listed);
        struct dim dim = from < 0 ? number_dim(1) : input_dim(s, 0, from);
        int target = to < 0 ? symbol_number(s->symbols, 1) : targets ? targets[to].symbol : 0;
        if (!expand_axis(s, dim, target, &dims[i])) return false;
    }
    return set_output(s, 0, rule_type(s), result, dims);
}

/* Blocks of pixels */

static bool divide_axis(struct shaping *s, struct dim *dim, int64_t divisor)
{
    if (dim->size >= 0 && dim->size % divisor != 0) return false;
    *dim = symbol_dim(s, symbol_divide(s->symbols, dim_symbol(s, *dim), symbol_number(s->symbols, divisor)));
    return true;
}

static bool depth_to_space(struct shaping *s)
{
    struct dim dims[4];
    int64_t block = node_int(s->node, "blocksize", 0);
    if (input_rank(s, 0) < 0) return set_rank(s, 0, rule_type(s), 4);
    if (input_rank(s, 0) != 4 || block < 1 || block > INT32_MAX) return false;
    memcpy(dims, input_dims(s, 0), sizeof dims);
    if (!divide_axis(s, &dims[1], block * block)) return false;
    for (int i = 2; i < 4; i++) dims[i] = scale_dim(s, dims[i], block);
    return set_output(s, 0, rule_type(s), 4, dims);
}

static bool space_to_depth(struct shaping *s)
{
    struct dim dims[4];
    int64_t block = node_int(s->node, "blocksize", 0);
    if (input_rank(s, 0) < 0) return set_rank(s, 0, rule_type(s), 4);
    if (input_rank(s, 0) != 4 || block < 1 || block > INT32_MAX) return false;
    memcpy(dims, input_dims(s, 0), sizeof dims);
    dims[1] = scale_dim(s, dims[1], block * block);
    return divide_axis(s, &dims[2], block) && divide_axis(s, &dims[3], block)
           && set_output(s, 0, rule_type(s), 4, dims);
}

/* Making */

static bool constant(struct shaping *s)
{
    struct value *output = node_output(s->node, 0);
    const struct tensor *tensor = output ? value_constant(output) : NULL;
    const BnfuseOnnx__AttributeProto *sparse = node_attribute(s->node, "sparse_value");
    if (tensor) set_constant(s, output, tensor);
    else if (output && sparse && sparse->sparse_tensor) set_sparse_constant(s, output, sparse->sparse_tensor);
    return true;
}

static bool constant_of_shape(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    const BnfuseOnnx__AttributeProto *value = node_attribute(s->node, "value");
    enum dtype type = DTYPE_FLOAT;
    if (value && value->t) type = dtype_kind(value->t->data_type) ? (enum dtype)value->t->data_type : DTYPE_UNDEFINED;
    const struct dim *sizes = input_content(s, 0);
    int64_t rank = input_count(s, 0);
    if (rank < 0 || rank > SHAPE_MAX_RANK) return set_type(s, 0, type);
    for (int i = 0; i < rank; i++) {
        int size = sizes ? sizes[i].symbol : 0;
        int64_t number;
        if (symbol_is_number(s->symbols, size, &number) && number < 0) return false;
        dims[i] = symbol_dim(s, symbol_minimum(s->symbols, size) < 0 ? 0 : size);
    }
    return set_output(s, 0, type, (int)rank, dims);
}

static bool range(struct shaping *s)
{
    int bounds[3];
    int64_t start, limit, delta;
    struct dim dim = fresh_dim(s);
    for (size_t i = 0; i < 3; i++) {
        const struct dim *content = input_content(s, i);
        bounds[i] = content ? content[0].symbol : 0;
    }
    bool numbers = symbol_is_number(s->symbols, bounds[0], &start) && symbol_is_number(s->symbols, bounds[2], &delta);
    if (numbers && delta == 0) return false;
    if (numbers && symbol_is_number(s->symbols, bounds[1], &limit)) {
        int64_t span;
        bool ordered = delta > 0 ? limit > start : limit < start;
        if (delta == INT64_MIN || __builtin_sub_overflow(limit, start, &span) || span == INT64_MIN) return true;
        dim = number_dim(!ordered ? 0 : (llabs(span) - 1) / llabs(delta) + 1);
    } else if (numbers && delta > 0) {
        int length = symbol_divide_up(s->symbols, symbol_subtract(s->symbols, bounds[1], bounds[0]), bounds[2]);
        dim = symbol_dim(s, symbol_maximum(s->symbols, length, symbol_number(s->symbols, 0)));
    }
    return set_output(s, 0, rule_type(s), 1, &dim);
}

static bool shape_of(struct shaping *s)
{
    int rank = input_rank(s, 0);
    if (rank < 0) return set_rank(s, 0, DTYPE_INT64, 1);
    int64_t start = node_int(s->node, "start", 0), end = node_int(s->node, "end", rank);
    start = start < -rank ? 0 : start < 0 ? start + rank : start > rank ? rank : start;
    end = end < -rank ? 0 : end < 0 ? end + rank : end > rank ? rank : end;
    struct dim dim = number_dim(end > start ? end - start : 0);
    return set_output(s, 0, DTYPE_INT64, 1, &dim);
}

static bool size_of(struct shaping *s)
{
    return set_rank(s, 0, DTYPE_INT64, 0);
}

static bool eye_like(struct shaping *s)
{
    return set_like(s, 0, type_attribute(s, "dtype", input_type(s, 0)), 0);
}

static bool one_hot(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis, from = 0;
    const struct dim *depth = input_content(s, 1);
    if (rank < 0 || rank + 1 > SHAPE_MAX_RANK) return any_of_type(s);
    if (!normal_axis(node_int(s->node, "axis", -1), rank + 1, &axis)) return false;
    int size = depth ? depth[0].symbol : 0;
    for (int i = 0; i <= rank; i++)
        dims[i] = i == axis ? symbol_dim(s, symbol_minimum(s->symbols, size) < 0 ? 0 : size) : input_dim(s, 0, from++);
    return set_output(s, 0, rule_type(s), rank + 1, dims);
}

/* [rank, number of non-zero elements]; the content of a small input tells how many. */
static bool non_zero(struct shaping *s)
{
    int rank = input_rank(s, 0);
    if (rank < 1) return set_rank(s, 0, DTYPE_INT64, 2);
    struct dim dims[2] = { number_dim(rank), fresh_dim(s) };
    const struct dim *content = input_content(s, 0);
    int64_t count = 0, known = 0, number;
    for (int64_t i = 0; content && i < input_count(s, 0); i++) {
        if (!symbol_is_number(s->symbols, content[i].symbol, &number)) break;
        known++;
        count += number != 0;
    }
    if (content && known == input_count(s, 0)) dims[1] = number_dim(count);
    return set_output(s, 0, DTYPE_INT64, 2, dims);
}

static bool unique(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK], count = fresh_dim(s), whole = fresh_dim(s);
    int rank = input_rank(s, 0), axis = 0;
    bool flat = !node_attribute(s->node, "axis");
    if (!flat && rank >= 0 && !normal_axis(node_int(s->node, "axis", 0), rank, &axis)) return false;
    if (rank >= 0) {
        whole = flat ? product_dim(s, input_dims(s, 0), 0, rank) : input_dim(s, 0, axis);
        memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
        dims[axis] = count;
    }
    return (flat ? set_output(s, 0, rule_type(s), 1, &count) : set_output(s, 0, rule_type(s), rank, dims))
           && set_output(s, 1, DTYPE_INT64, 1, &count) && set_output(s, 2, DTYPE_INT64, 1, &whole)
           && set_output(s, 3, DTYPE_INT64, 1, &count);
}

static bool random_of_shape(struct shaping *s)
{
    const int64_t *shape;
    struct dim dims[SHAPE_MAX_RANK];
    enum dtype type = type_attribute(s, "dtype", DTYPE_FLOAT);
    size_t rank = node_ints(s->node, "shape", &shape);
    if (rank > SHAPE_MAX_RANK || !node_attribute(s->node, "shape")) return set_type(s, 0, type);
    for (size_t i = 0; i < rank; i++) dims[i] = number_dim(shape[i]);
    return set_output(s, 0, type, (int)rank, dims);
}

static bool multinomial(struct shaping *s)
{
    struct dim dims[2] = { fresh_dim(s), number_dim(node_int(s->node, "sample_size", 1)) };
    if (input_rank(s, 0) == 2) dims[0] = input_dim(s, 0, 0);
    return set_output(s, 0, type_attribute(s, "dtype", DTYPE_INT32), 2, dims);
}

static bool window_function(struct shaping *s)
{
    const struct dim *size = input_content(s, 0);
    struct dim dim = symbol_dim(s, size && symbol_minimum(s->symbols, size[0].symbol) >= 0 ? size[0].symbol : 0);
    return set_output(s, 0, type_attribute(s, "output_datatype", DTYPE_FLOAT), 1, &dim);
}

/* The axes listed take the sizes given. */
static bool center_crop_pad(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    const struct dim *sizes = input_content(s, 1);
    if (rank < 0) return any_of_type(s);
    axes_from_attribute(s, "axes", &axes);
    if (axes.known == AXES_ABSENT)
        for (; axes.count < rank; axes.count++) axes.at[axes.count] = axes.count;
    if (axes.known == AXES_UNKNOWN || !mark_axes(&axes, rank, marked)) return false;
    if (sizes && input_count(s, 1) != axes.count) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    for (int i = 0; i < axes.count; i++) {
        int size = sizes ? sizes[i].symbol : 0;
        normal_axis(axes.at[i], rank, &axis);
        dims[axis] = symbol_dim(s, symbol_minimum(s->symbols, size) < 0 ? 0 : size);
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

/* Along an axis */

static bool top_k(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    if (rank < 0) return any_of_type(s) && set_type(s, 1, DTYPE_INT64);
    if (!normal_axis(node_int(s->node, "axis", -1), rank, &axis)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    if (s->node->opset < 10) {
        dims[axis] = number_dim(node_int(s->node, "k", -1));
    } else {
        const struct dim *k = input_content(s, 1);
        dims[axis] = symbol_dim(s, k && symbol_minimum(s->symbols, k[0].symbol) >= 0 ? k[0].symbol : 0);
    }
    return set_output(s, 0, rule_type(s), rank, dims) && set_output(s, 1, DTYPE_INT64, rank, dims);
}

static bool drop_axes(struct shaping *s, const bool *marked, bool keep)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), count = 0;
    for (int i = 0; i < rank; i++) {
        if (!marked[i]) dims[count++] = input_dim(s, 0, i);
        else if (keep) dims[count++] = number_dim(1);
    }
    return set_output(s, 0, rule_type(s), count, dims);
}

static bool reduce_axes(struct shaping *s, const struct axes *axes)
{
    bool marked[SHAPE_MAX_RANK], keep = node_int(s->node, "keepdims", 1) != 0;
    int rank = input_rank(s, 0);
    if (rank < 0) return any_of_type(s);
    if (axes->known == AXES_ABSENT || (axes->known == AXES_KNOWN && axes->count == 0)) {
        if (node_int(s->node, "noop_with_empty_axes", 0)) return set_like(s, 0, rule_type(s), 0);
        for (int i = 0; i < rank; i++) marked[i] = true;
        return drop_axes(s, marked, keep);
    }
    if (axes->known != AXES_KNOWN) return keep ? set_rank(s, 0, rule_type(s), rank) : any_of_type(s);
    return mark_axes(axes, rank, marked) && drop_axes(s, marked, keep);
}

static bool reduce_by_attribute(struct shaping *s)
{
    struct axes axes;
    axes_from_attribute(s, "axes", &axes);
    return reduce_axes(s, &axes);
}

static bool reduce_by_input(struct shaping *s)
{
    struct axes axes;
    axes_from_input(s, 1, &axes);
    return reduce_axes(s, &axes);
}

static bool arg_extreme(struct shaping *s)
{
    struct axes axes = { AXES_KNOWN, 1, { node_int(s->node, "axis", 0) } };
    return reduce_axes(s, &axes);
}

const struct shape_rule shape_move_rules[] = { { "ArgMax", 1, SHAPE_LATEST, .infer = arg_extreme, .type = DTYPE_INT64 },
                                               { "ArgMin", 1, SHAPE_LATEST, .infer = arg_extreme, .type = DTYPE_INT64 },
                                               { "BlackmanWindow", 17, SHAPE_LATEST, .infer = window_function },
                                               { "CenterCropPad", 18, SHAPE_LATEST, .infer = center_crop_pad },
                                               { "Compress", 9, SHAPE_LATEST, .infer = compress },
                                               { "Concat", 1, SHAPE_LATEST, .infer = concat },
                                               { "Constant", 1, SHAPE_LATEST, .infer = constant },
                                               { "ConstantOfShape", 9, SHAPE_LATEST, .infer = constant_of_shape },
                                               { "DepthToSpace", 1, SHAPE_LATEST, .infer = depth_to_space },
                                               { "Expand", 8, SHAPE_LATEST, .infer = expand },
                                               { "EyeLike", 9, SHAPE_LATEST, .infer = eye_like },
                                               { "Flatten", 1, SHAPE_LATEST, .infer = flatten },
                                               { "Gather", 1, SHAPE_LATEST, .infer = gather },
                                               { "GatherElements", 11, SHAPE_LATEST, .infer = gather_elements },
                                               { "GatherND", 11, SHAPE_LATEST, .infer = gather_nd },
                                               { "HammingWindow", 17, SHAPE_LATEST, .infer = window_function },
                                               { "HannWindow", 17, SHAPE_LATEST, .infer = window_function },
                                               { "Multinomial", 7, SHAPE_LATEST, .infer = multinomial },
                                               { "NonZero", 9, SHAPE_LATEST, .infer = non_zero },
                                               { "OneHot", 9, SHAPE_LATEST, .infer = one_hot, .slot = 2 },
                                               { "Pad", 1, 10, .infer = pad_by_attribute },
                                               { "Pad", 11, SHAPE_LATEST, .infer = pad },
                                               { "RandomNormal", 1, SHAPE_LATEST, .infer = random_of_shape },
                                               { "RandomUniform", 1, SHAPE_LATEST, .infer = random_of_shape },
                                               { "Range", 11, SHAPE_LATEST, .infer = range },
                                               { "ReduceL1", 1, 17, .infer = reduce_by_attribute },
                                               { "ReduceL1", 18, SHAPE_LATEST, .infer = reduce_by_input },
                                               { "ReduceL2", 1, 17, .infer = reduce_by_attribute },
                                               { "ReduceL2", 18, SHAPE_LATEST, .infer = reduce_by_input },
                                               { "ReduceLogSum", 1, 17, .infer = reduce_by_attribute },
                                               { "ReduceLogSum", 18, SHAPE_LATEST, .infer = reduce_by_input },
                                               { "ReduceLogSumExp", 1, 17, .infer = reduce_by_attribute },
                                               { "ReduceLogSumExp", 18, SHAPE_LATEST, .infer = reduce_by_input },
                                               { "ReduceMax", 1, 17, .infer = reduce_by_attribute },
                                               { "ReduceMax", 18, SHAPE_LATEST, .infer = reduce_by_input },
                                               { "ReduceMean", 1, 17, .infer = reduce_by_attribute },
                                               { "ReduceMean", 18, SHAPE_LATEST, .infer = reduce_by_input },
                                               { "ReduceMin", 1, 17, .infer = reduce_by_attribute },
                                               { "ReduceMin", 18, SHAPE_LATEST, .infer = reduce_by_input },
                                               { "ReduceProd", 1, 17, .infer = reduce_by_attribute },
                                               { "ReduceProd", 18, SHAPE_LATEST, .infer = reduce_by_input },
                                               { "ReduceSum", 1, 12, .infer = reduce_by_attribute },
                                               { "ReduceSum", 13, SHAPE_LATEST, .infer = reduce_by_input },
                                               { "ReduceSumSquare", 1, 17, .infer = reduce_by_attribute },
                                               { "ReduceSumSquare", 18, SHAPE_LATEST, .infer = reduce_by_input },
                                               { "Reshape", 1, 4, .infer = reshape_by_attribute },
                                               { "Reshape", 5, SHAPE_LATEST, .infer = reshape },
                                               { "Shape", 1, SHAPE_LATEST, .infer = shape_of },
                                               { "Size", 1, SHAPE_LATEST, .infer = size_of },
                                               { "Slice", 1, 9, .infer = slice_by_attribute },
                                               { "Slice", 10, SHAPE_LATEST, .infer = slice },
                                               { "SpaceToDepth", 1, SHAPE_LATEST, .infer = space_to_depth },
                                               { "Split", 1, SHAPE_LATEST, .infer = split },
                                               { "Squeeze", 1, SHAPE_LATEST, .infer = squeeze },
                                               { "Tile", 1, 5, .infer = tile_one_axis },
                                               { "Tile", 6, SHAPE_LATEST, .infer = tile },
                                               { "TopK", 1, SHAPE_LATEST, .infer = top_k },
                                               { "Transpose", 1, SHAPE_LATEST, .infer = transpose },
                                               { "Unique", 11, SHAPE_LATEST, .infer = unique },
                                               { "Unsqueeze", 1, SHAPE_LATEST, .infer = unsqueeze },
                                               { 0 } };
