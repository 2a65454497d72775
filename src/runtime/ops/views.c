/* SPDX-License-Identifier: Apache-2.0
 *
 * The same elements under other dims: Reshape, Flatten, Squeeze, Unsqueeze, Identity. */
#include "onnx/shape/content.h"
#include "onnx/shape/rules.h"
#include "runtime/gradient.h"
#include "runtime/ops/operators.h"

#include <stdlib.h>
#include <string.h>

static bool give_reshaped(struct call *call, struct array *x, int rank, const int64_t *dims)
{
    call_give(call, 0, array_reshaped(x, rank, dims));
    return true;
}

/* The dims that `wanted` (with 0: as it was, and one -1: the rest) means for x. */
static bool reshaped_dims(struct call *call, const struct array *x, const int64_t *wanted, int64_t rank,
                          bool allow_zero, int64_t *dims)
{
    int64_t known = 1, rest = -1, present = 1, count = 1;
    if (rank > ARRAY_MAX_RANK) return call_unsupported(call, "more than %d dimensions", ARRAY_MAX_RANK);
    for (int64_t i = 0; i < rank; i++) {
        dims[i] = wanted[i];
        if (wanted[i] == 0 && !allow_zero) {
            if (i >= x->rank) return call_fail(call, "dim %lld is to stay, but the input has none", (long long)i);
            dims[i] = x->dims[i];
        }
        if (dims[i] == -1 && rest < 0) rest = i;
        else if (dims[i] < 0) return call_fail(call, "dim %lld of the new shape is negative", (long long)i);
        else if (dims[i] > 0 && !size_multiply(known, dims[i], &known))
            return call_fail(call, "the shape is too large");
    }
    for (int i = 0; i < x->rank; i++)
        if (x->dims[i] > 0) present *= x->dims[i];
    if (rest >= 0) dims[rest] = present / known;
    for (int64_t i = 0; i < rank; i++)
        if (!size_multiply(count, dims[i], &count)) return call_fail(call, "the shape is too large");
    if (count != x->count) return call_fail(call, "%lld elements do not fit the new shape", (long long)x->count);
    return true;
}

static bool reshape_to(struct call *call, const int64_t *wanted, int64_t rank)
{
    struct array *x;
    int64_t dims[ARRAY_MAX_RANK];
    return call_tensor(call, 0, &x)
           && reshaped_dims(call, x, wanted, rank, node_int(call->node, "allowzero", 0) != 0, dims)
           && give_reshaped(call, x, (int)rank, dims);
}

static bool reshape_by_attribute(struct call *call)
{
    const int64_t *wanted;
    size_t rank = node_ints(call->node, "shape", &wanted);
    return reshape_to(call, wanted, (int64_t)rank);
}

static bool reshape(struct call *call)
{
    const int64_t *wanted;
    int64_t rank;
    return call_list(call, 1, &wanted, &rank) && reshape_to(call, wanted, rank);
}

static bool flatten(struct call *call)
{
    struct array *x;
    if (!call_tensor(call, 0, &x)) return false;
    int64_t axis = node_int(call->node, "axis", 1);
    if (axis < -x->rank || axis > x->rank)
        return call_fail(call, "axis %lld does not exist in %d dimensions", (long long)axis, x->rank);
    int at = (int)(axis < 0 ? axis + x->rank : axis);
    return give_reshaped(call, x, 2, (int64_t[]){ dims_product(x->dims, 0, at), dims_product(x->dims, at, x->rank) });
}

/* Marks each of the axes of `rank` dimensions. Fails on one twice. */
static bool mark_listed(struct call *call, const int64_t *axes, int64_t count, int rank, bool *marked)
{
    memset(marked, 0, ARRAY_MAX_RANK * sizeof *marked);
    for (int64_t i = 0; i < count; i++) {
        int axis;
        if (!call_axis(call, axes[i], rank, &axis)) return false;
        if (marked[axis]) return call_fail(call, "axis %lld is given twice", (long long)axes[i]);
        marked[axis] = true;
    }
    return true;
}

static bool squeeze_axes(struct call *call, const int64_t *axes, int64_t count)
{
    struct array *x;
    bool leaves[ARRAY_MAX_RANK];
    int64_t dims[ARRAY_MAX_RANK];
    int rank = 0;
    if (!call_tensor(call, 0, &x) || !mark_listed(call, axes, count, x->rank, leaves)) return false;
    for (int i = 0; i < x->rank; i++) {
        if (axes ? leaves[i] : x->dims[i] == 1) {
            if (x->dims[i] != 1) return call_fail(call, "dim %d is %lld, not 1", i, (long long)x->dims[i]);
        } else {
            dims[rank++] = x->dims[i];
        }
    }
    return give_reshaped(call, x, rank, dims);
}

static bool unsqueeze_axes(struct call *call, const int64_t *axes, int64_t count)
{
    struct array *x;
    bool enters[ARRAY_MAX_RANK];
    int64_t dims[ARRAY_MAX_RANK];
    if (!call_tensor(call, 0, &x)) return false;
    if (count > ARRAY_MAX_RANK - x->rank) return call_unsupported(call, "more than %d dimensions", ARRAY_MAX_RANK);
    int rank = x->rank + (int)count, next = 0;
    if (!mark_listed(call, axes, count, rank, enters)) return false;
    for (int i = 0; i < rank; i++) dims[i] = enters[i] ? 1 : x->dims[next++];
    return give_reshaped(call, x, rank, dims);
}

static bool axes_attribute(struct call *call, bool (*run)(struct call *, const int64_t *, int64_t))
{
    const int64_t *axes;
    size_t count = node_ints(call->node, "axes", &axes);
    return run(call, node_attribute(call->node, "axes") ? axes : NULL, (int64_t)count);
}

static bool axes_input(struct call *call, bool (*run)(struct call *, const int64_t *, int64_t))
{
    const int64_t *axes = NULL;
    int64_t count = 0;
    if (call_input(call, 1) && !call_list(call, 1, &axes, &count)) return false;
    return run(call, axes, count);
}

static bool squeeze_by_attribute(struct call *call)
{
    return axes_attribute(call, squeeze_axes);
}

static bool squeeze(struct call *call)
{
    return axes_input(call, squeeze_axes);
}

static bool unsqueeze_by_attribute(struct call *call)
{
    return axes_attribute(call, unsqueeze_axes);
}

static bool unsqueeze(struct call *call)
{
    return axes_input(call, unsqueeze_axes);
}

/* Tensors, sequences and absent optional values alike. */
static bool identity(struct call *call)
{
    call_give(call, 0, array_keep(call_input(call, 0)));
    return true;
}

/* ---- shapes ---- */

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

static bool shape_reshape_to(struct shaping *s, const int *targets, int rank)
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

static bool shape_reshape_by_attribute(struct shaping *s)
{
    struct axes shape;
    int targets[SHAPE_MAX_RANK];
    axes_from_attribute(s, "shape", &shape);
    if (shape.known != AXES_KNOWN) return shape_any(s);
    for (int i = 0; i < shape.count; i++) targets[i] = symbol_number(s->symbols, shape.at[i]);
    return shape_reshape_to(s, targets, shape.count);
}

static bool shape_reshape(struct shaping *s)
{
    int targets[SHAPE_MAX_RANK] = { 0 };
    const struct dim *content = input_content(s, 1);
    int64_t rank = input_count(s, 1);
    if (rank < 0 || rank > SHAPE_MAX_RANK || input_rank(s, 1) != 1) return shape_any(s);
    if (!content) {
        struct dim all;
        if (rank != 1 || input_rank(s, 0) < 0) return set_rank(s, 0, rule_type(s), (int)rank);
        all = product_dim(s, input_dims(s, 0), 0, input_rank(s, 0));
        return set_output(s, 0, rule_type(s), 1, &all);
    }
    for (int i = 0; i < rank; i++) targets[i] = content[i].symbol;
    return shape_reshape_to(s, targets, (int)rank);
}

static bool shape_flatten(struct shaping *s)
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

static bool shape_squeeze(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), kept = 0;
    axes_by_opset(s, 13, &axes);
    if (rank < 0 || axes.known == AXES_UNKNOWN) return shape_any(s);
    if (axes.known == AXES_COUNTED)
        return axes.count <= rank && axes.count > 0 ? set_rank(s, 0, rule_type(s), rank - axes.count) : shape_any(s);
    if (axes.known == AXES_ABSENT || axes.count == 0) {
        if (!mark_ones(s, rank, marked)) return shape_any(s);
    } else if (!mark_axes(&axes, rank, marked)) {
        return false;
    }
    for (int i = 0; i < rank; i++) {
        if (marked[i] && input_dim(s, 0, i).size >= 0 && input_dim(s, 0, i).size != 1) return false;
        if (!marked[i]) dims[kept++] = input_dim(s, 0, i);
    }
    return set_output(s, 0, rule_type(s), kept, dims);
}

static bool shape_unsqueeze(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), from = 0;
    axes_by_opset(s, 13, &axes);
    if (rank < 0 || axes.known == AXES_UNKNOWN || rank + axes.count > SHAPE_MAX_RANK) return shape_any(s);
    if (axes.known == AXES_COUNTED) return set_rank(s, 0, rule_type(s), rank + axes.count);
    if (!mark_axes(&axes, rank + axes.count, marked)) return false;
    for (int i = 0; i < rank + axes.count; i++) dims[i] = marked[i] ? number_dim(1) : input_dim(s, 0, from++);
    return set_output(s, 0, rule_type(s), rank + axes.count, dims);
}

/* One axis more. */
static bool shape_expand_dims(struct shaping *s)
{
    int rank = input_rank(s, 0);
    return rank < 0 ? set_type(s, 0, rule_type(s)) : set_rank(s, 0, rule_type(s), rank + 1);
}

/* ---- constants seen through it ---- */
static bool view_identity(const struct node *node, struct view_dims *view)
{
    (void)node;
    (void)view;
    return true;
}

static bool view_reshape(const struct node *node, struct view_dims *view)
{
    int64_t shape[TENSOR_MAX_RANK], known = 1;
    int rank, open = -1;
    bool given, keeps_zero = node_int(node, "allowzero", 0) == 0;
    if (!node_list(node, "shape", shape, &rank, &given) || !given) return false;
    for (int i = 0; i < rank; i++) {
        if (shape[i] == 0 && keeps_zero && i >= view->rank) return false;
        if (shape[i] == 0 && keeps_zero) shape[i] = view->dims[i];
        if (shape[i] == -1 && open >= 0) return false;
        if (shape[i] == -1) open = i;
        else if (!size_multiply(known, shape[i], &known)) return false;
    }
    if (open >= 0 && (known == 0 || view->count % known != 0)) return false;
    if (open >= 0) shape[open] = view->count / known;
    else if (known != view->count) return false;
    view->rank = rank;
    memcpy(view->dims, shape, (size_t)rank * sizeof *shape);
    return true;
}

static bool view_squeeze(const struct node *node, struct view_dims *view)
{
    struct axes axes;
    int rank = 0;
    bool given, marked[TENSOR_MAX_RANK];
    if (!node_list(node, "axes", axes.at, &axes.count, &given) || !mark_axes(&axes, view->rank, marked)) return false;
    for (int i = 0; i < view->rank; i++) {
        if (marked[i] && view->dims[i] != 1) return false;
        if (given ? !marked[i] : view->dims[i] != 1) view->dims[rank++] = view->dims[i];
    }
    view->rank = rank;
    return true;
}

static bool view_unsqueeze(const struct node *node, struct view_dims *view)
{
    struct axes axes;
    bool given, marked[TENSOR_MAX_RANK];
    if (!node_list(node, "axes", axes.at, &axes.count, &given) || !given) return false;
    int rank = view->rank + axes.count, from;
    if (rank > TENSOR_MAX_RANK || !mark_axes(&axes, rank, marked)) return false;
    from = view->rank;
    for (int i = rank; i-- > 0;) view->dims[i] = marked[i] ? 1 : view->dims[--from];
    view->rank = rank;
    return true;
}

static bool view_flatten(const struct node *node, struct view_dims *view)
{
    int64_t axis = node_int(node, "axis", 1), rows = 1, columns = 1;
    if (axis < 0) axis += view->rank;
    if (axis < 0 || axis > view->rank) return false;
    for (int i = 0; i < view->rank; i++) {
        int64_t *side = i < axis ? &rows : &columns;
        if (!size_multiply(*side, view->dims[i], side)) return false;
    }
    view->rank = 2;
    view->dims[0] = rows;
    view->dims[1] = columns;
    return true;
}

const struct operator_row view_operators[] = {
    { "Flatten", 1, LATEST, .gradient = gradient_moved, .run = flatten, .complex = MOVES_COMPLEX,
      .shape = shape_flatten, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same,
      .passes = SLOT(0), .arithmetic = true, .view = view_flatten,
      .schemas = SCHEMAS({ 1, LATEST, "Tf9iwzvbsc13h21eq23p24o25d > T", "axis:i" }), .exact = EXACT },
    { "Identity", 1, LATEST, .gradient = gradient_moved, .run = identity, .complex = MOVES_COMPLEX, .shape = shape_same,
      .laws = IDENTITY, .idle = true, .keeps_range = true, .content = content_same, .passes = SLOT(0),
      .arithmetic = true, .view = view_identity,
      .schemas = SCHEMAS({ 1, 13, "Ta13h > T", "" }, { 14, LATEST, ".akh19e21q23p24o25d > .", "" }), .exact = EXACT },
    { "Reshape", 1, 4, .gradient = gradient_moved, .run = reshape_by_attribute, .complex = MOVES_COMPLEX,
      .shape = shape_reshape_by_attribute, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same,
      .sizes = SLOT(1), .passes = SLOT(0), .arithmetic = true, .view = view_reshape, .limits = { [1] = LIMIT_ONE },
      .schemas = SCHEMAS({ 1, 4, "Tf > T", "consumed_inputs:I shape:I" }, { 5, 13, "Ta13h i64[] > T", "" },
                         { 14, LATEST, "Tah19e21q23p24o25d i64[] > T", "allowzero:b" }),
      .exact = EXACT },
    { "Reshape", 5, LATEST, .gradient = gradient_moved, .run = reshape, .complex = MOVES_COMPLEX,
      .shape = shape_reshape, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same, .sizes = SLOT(1),
      .passes = SLOT(0), .arithmetic = true, .view = view_reshape, .limits = { [1] = LIMIT_ONE }, .exact = EXACT },
    { "Squeeze", 1, 12, .gradient = gradient_moved, .run = squeeze_by_attribute, .complex = MOVES_COMPLEX,
      .shape = shape_squeeze, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same, .sizes = SLOT(1),
      .passes = SLOT(0), .arithmetic = true, .view = view_squeeze,
      .schemas = SCHEMAS({ 1, 12, "Ta > T", "axes:I" }, { 13, LATEST, "Tah21eq23p24o25d ?i64[] > T", "" }),
      .exact = EXACT },
    { "Squeeze", 13, LATEST, .gradient = gradient_moved, .run = squeeze, .complex = MOVES_COMPLEX,
      .shape = shape_squeeze, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same, .sizes = SLOT(1),
      .passes = SLOT(0), .arithmetic = true, .view = view_squeeze, .exact = EXACT },
    { "Unsqueeze", 1, 12, .gradient = gradient_moved, .run = unsqueeze_by_attribute, .complex = MOVES_COMPLEX,
      .shape = shape_unsqueeze, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same,
      .sizes = SLOT(1), .passes = SLOT(0), .arithmetic = true, .view = view_unsqueeze,
      .schemas = SCHEMAS({ 1, 12, "Ta > T", "axes!I" }, { 13, LATEST, "Tah21eq23p24o25d i64[] > T", "" }),
      .exact = EXACT },
    { "Unsqueeze", 13, LATEST, .gradient = gradient_moved, .run = unsqueeze, .complex = MOVES_COMPLEX,
      .shape = shape_unsqueeze, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_same,
      .sizes = SLOT(1), .passes = SLOT(0), .arithmetic = true, .view = view_unsqueeze, .exact = EXACT },
    { "com.microsoft:ExpandDims", 1, LATEST, .gradient = gradient_moved, .run = unsqueeze, .shape = shape_expand_dims,
      .sizes = SLOT(1), .passes = SLOT(0), .schemas = SCHEMAS({ 1, LATEST, "Ta i32 > T", "" }), .exact = EXACT },
    { 0 },
};
