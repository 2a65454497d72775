/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that put elements elsewhere and compute nothing: each is a copy between two layouts, or a few of them. */
#include "onnx/shape/content.h"
#include "onnx/shape/reals.h"
#include "runtime/gradient.h"
#include "runtime/math/layout.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

static struct array *new_like(struct call *call, size_t slot, const struct array *like, int rank, const int64_t *dims)
{
    struct array *array = array_new(call->pool, like->type, like->store, rank, dims);
    call_give(call, slot, array);
    return array;
}

/* All elements become the one of `value`, or zero (the empty string) when it is NULL. */
static void fill(const struct call *call, struct array *to, const struct array *value)
{
    struct array *zero = NULL;
    if (!value) {
        zero = array_new(call->pool, to->type, to->store, 0, NULL);
        if (zero->store == STORE_TEXT) zero->text[0] = "";
        else memset(zero->data, 0, store_size(zero->store));
    }
    struct layout packed = layout_packed(to->rank, to->dims), still = { 0 };
    layout_copy(call, to->rank, to->dims, to, &packed, value ? value : zero, &still);
    array_drop(zero);
}

/* Transpose */

/* Whether only dims of size 1 change places: then the elements stay in order. */
static bool keeps_order(const struct array *x, const int *from)
{
    int last = -1;
    for (int i = 0; i < x->rank; i++) {
        if (x->dims[from[i]] == 1) continue;
        if (from[i] < last) return false;
        last = from[i];
    }
    return true;
}

static bool read_permutation(struct call *call, int rank, int *from)
{
    const int64_t *perm;
    size_t count = node_ints(call->node, "perm", &perm);
    bool seen[ARRAY_MAX_RANK] = { false };
    if (count == 0)
        for (int i = 0; i < rank; i++) from[i] = rank - 1 - i;
    if (count == 0) return true;
    if (count != (size_t)rank) return call_fail(call, "perm has %zu entries for %d dimensions", count, rank);
    for (int i = 0; i < rank; i++) {
        if (!call_axis(call, perm[i], rank, &from[i])) return false;
        if (seen[from[i]]) return call_fail(call, "perm names dimension %d twice", from[i]);
        seen[from[i]] = true;
    }
    return true;
}

static bool transpose(struct call *call)
{
    struct array *x;
    int from[ARRAY_MAX_RANK];
    int64_t dims[ARRAY_MAX_RANK];
    if (!call_tensor(call, 0, &x) || !read_permutation(call, x->rank, from)) return false;
    for (int i = 0; i < x->rank; i++) dims[i] = x->dims[from[i]];
    if (keeps_order(x, from)) {
        call_give(call, 0, array_reshaped(x, x->rank, dims));
        return true;
    }
    struct layout packed = layout_packed(x->rank, x->dims), source = { 0 }, target = layout_packed(x->rank, dims);
    for (int i = 0; i < x->rank; i++) source.steps[i] = packed.steps[from[i]];
    layout_copy(call, x->rank, dims, new_like(call, 0, x, x->rank, dims), &target, x, &source);
    return true;
}

/* Concat and Split */

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

    struct array *y = new_like(call, 0, first, first->rank, dims);
    struct layout target = layout_packed(y->rank, dims);
    for (size_t i = 0; i < call->input_count; i++) {
        x = call_input(call, i);
        struct layout source = layout_packed(x->rank, x->dims);
        layout_copy(call, x->rank, x->dims, y, &target, x, &source);
        target.start += x->dims[axis] * target.steps[axis];
    }
    return true;
}

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
            layout_copy(call, x->rank, dims, new_like(call, i, x, x->rank, dims), &target, x, &source);
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
    layout_copy(call, x->rank, dims, new_like(call, 0, x, x->rank, dims), &target, x, &source);
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

/* Pad */

/* One axis: what is cropped and added at either end. */
struct margin {
    int64_t before, after;
};

static int64_t kept_of(int64_t dim, struct margin margin)
{
    return dim + (margin.before < 0 ? margin.before : 0) + (margin.after < 0 ? margin.after : 0);
}

/* Which element of an axis of n a place outside of it repeats. */
static int64_t reflected(int64_t place, int64_t n)
{
    if (n == 1) return 0;
    int64_t period = 2 * (n - 1), at = place % period;
    if (at < 0) at += period;
    return at < n ? at : period - at;
}

static int64_t nearest(int64_t place, int64_t n)
{
    return place < 0 ? 0 : place >= n ? n - 1 : place;
}

static int64_t wrapped(int64_t place, int64_t n)
{
    int64_t at = place % n;
    return at < 0 ? at + n : at;
}

struct border {
    const char *mode;
    int64_t (*source)(int64_t place, int64_t n);
};

static const struct border borders[] = {
    { "reflect", reflected },
    { "edge", nearest },
    { "wrap", wrapped },
};

/* Where the elements of y are in x: the sum of an entry per axis. */
struct repeats {
    const struct array *x;
    struct array *y;
    int64_t *places[ARRAY_MAX_RANK];
};

#define PICK(type) \
    for (int64_t i = 0; i < columns; i++) ((type *)(void *)to)[i] = ((const type *)(const void *)from)[at[i]]

/* Row by row; the places of a row's elements in the source's row are the same for all of them. */
static void repeat_rows(const void *context, int64_t first, int64_t end, int member)
{
    const struct repeats *r = context;
    const int64_t *dims = r->y->dims, *at = r->places[r->y->rank - 1];
    int inner = r->y->rank - 1;
    size_t element = store_size(r->x->store);
    (void)member;
    for (int64_t row = first; row < end; row++) {
        int64_t rest = row, start = 0, columns = dims[inner];
        for (int axis = inner - 1; axis >= 0; axis--) {
            start += r->places[axis][rest % dims[axis]];
            rest /= dims[axis];
        }
        char *to = (char *)r->y->data + (size_t)(row * columns) * element;
        const char *from = (const char *)r->x->data + (size_t)start * element;
        if (element == sizeof(uint32_t)) PICK(uint32_t);
        else PICK(uint64_t);
    }
}

static void pad_with_repeats(const struct call *call, const struct array *x, const struct margin *margins,
                             int64_t (*source)(int64_t, int64_t), struct array *y)
{
    struct repeats repeats = { .x = x, .y = y };
    int rank = y->rank;
    int64_t rows = dims_product(y->dims, 0, rank - 1);
    struct layout packed = layout_packed(x->rank, x->dims);
    for (int axis = 0; axis < rank; axis++) {
        int64_t kept = kept_of(x->dims[axis], margins[axis]);
        int64_t cropped = margins[axis].before < 0 ? -margins[axis].before : 0;
        int64_t *places = repeats.places[axis] = NEW_ARRAY(call->scratch, int64_t, (size_t)y->dims[axis]);
        for (int64_t i = 0; i < y->dims[axis]; i++) {
            int64_t before = margins[axis].before > 0 ? margins[axis].before : 0;
            places[i] = (cropped + source(i - before, kept)) * packed.steps[axis];
        }
    }
    team_run(call->team, rows, team_piece(rows, y->count), repeat_rows, &repeats);
}

/* The part of x that stays, in its place in y. */
static void copy_kept(const struct call *call, const struct array *x, const struct margin *margins, struct array *y)
{
    int64_t kept[ARRAY_MAX_RANK];
    struct layout source = layout_packed(x->rank, x->dims), target = layout_packed(y->rank, y->dims);
    for (int axis = 0; axis < x->rank; axis++) {
        kept[axis] = kept_of(x->dims[axis], margins[axis]);
        if (kept[axis] <= 0) return;
        if (margins[axis].before < 0) source.start -= margins[axis].before * source.steps[axis];
        else target.start += margins[axis].before * target.steps[axis];
    }
    layout_copy(call, x->rank, kept, y, &target, x, &source);
}

static bool padded_dims(struct call *call, const struct array *x, const struct margin *margins, bool repeats,
                        int64_t *dims)
{
    for (int axis = 0; axis < x->rank; axis++) {
        struct margin margin = margins[axis];
        int64_t kept = 0;
        if (margin.before < -x->dims[axis] || margin.after < -x->dims[axis]
            || (kept = kept_of(x->dims[axis], margin)) < 0)
            return call_fail(call, "more is cropped from dimension %d than it has", axis);
        if (!size_add(kept, margin.before > 0 ? margin.before : 0, &dims[axis])
            || !size_add(dims[axis], margin.after > 0 ? margin.after : 0, &dims[axis]))
            return call_fail(call, "the result is too large");
        if (repeats && kept == 0 && dims[axis] > 0)
            return call_fail(call, "nothing to repeat along dimension %d", axis);
    }
    return true;
}

static bool pad_by(struct call *call, const struct margin *margins, const char *mode, const struct array *value)
{
    struct array *x = call_input(call, 0);
    int64_t dims[ARRAY_MAX_RANK], (*source)(int64_t, int64_t) = NULL;
    for (size_t i = 0; i < sizeof borders / sizeof *borders; i++)
        if (strcmp(mode, borders[i].mode) == 0) source = borders[i].source;
    if (!source && strcmp(mode, "constant") != 0) return call_fail(call, "mode \"%s\" is not known", mode);
    if (!padded_dims(call, x, margins, source != NULL, dims)) return false;
    struct array *y = new_like(call, 0, x, x->rank, dims);
    if (y->count == 0) return true;
    if (source && x->rank > 0) {
        pad_with_repeats(call, x, margins, source, y);
    } else {
        fill(call, y, value);
        copy_kept(call, x, margins, y);
    }
    return true;
}

static bool pad_by_attribute(struct call *call)
{
    struct array *x;
    const int64_t *pads;
    size_t count = node_ints(call->node, call->node->opset < 2 ? "paddings" : "pads", &pads);
    struct margin margins[ARRAY_MAX_RANK];
    if (!call_tensor(call, 0, &x)) return false;
    if (x->store > STORE_F64) return call_fail(call, "is not defined for elements of type %s", dtype_name(x->type));
    if (count != 2 * (size_t)x->rank) return call_fail(call, "%zu pads for %d dimensions", count, x->rank);
    for (int i = 0; i < x->rank; i++) margins[i] = (struct margin){ pads[i], pads[i + x->rank] };
    struct array *value = array_new(call->pool, x->type, x->store, 0, NULL);
    float number = node_float(call->node, "value", 0);
    if (value->store == STORE_F32) value->f32[0] = number;
    else value->f64[0] = number;
    bool good = pad_by(call, margins, node_text(call->node, "mode", "constant"), value);
    array_drop(value);
    return good;
}

static bool pad(struct call *call)
{
    struct array *x;
    const int64_t *pads, *axes = NULL;
    int64_t pad_count, axis_count = 0;
    struct margin margins[ARRAY_MAX_RANK] = { { 0, 0 } };
    const struct array *value = call_input(call, 2);
    if (!call_tensor(call, 0, &x) || !call_list(call, 1, &pads, &pad_count)) return false;
    if (call_input(call, 3) && !call_list(call, 3, &axes, &axis_count)) return false;
    if (!axes) axis_count = x->rank;
    if (pad_count != 2 * axis_count)
        return call_fail(call, "%lld pads for %lld axes", (long long)pad_count, (long long)axis_count);
    for (int64_t i = 0; i < axis_count; i++) {
        int axis = 0;
        if (!call_axis(call, axes ? axes[i] : i, x->rank, &axis)) return false;
        margins[axis] = (struct margin){ pads[i], pads[i + axis_count] };
    }
    if (value && value->count == 0) value = NULL;
    if (value && (value->count != 1 || value->store != x->store))
        return call_fail(call, "constant_value must be one element of the input's type");
    return pad_by(call, margins, node_text(call->node, "mode", "constant"), value);
}

static bool center_crop_pad(struct call *call)
{
    struct array *x;
    const int64_t *sizes, *axes;
    int64_t count;
    size_t axis_count = node_ints(call->node, "axes", &axes);
    struct margin margins[ARRAY_MAX_RANK] = { { 0, 0 } };
    if (!call_tensor(call, 0, &x) || !call_list(call, 1, &sizes, &count)) return false;
    if (count != (axis_count ? (int64_t)axis_count : x->rank))
        return call_fail(call, "shape and axes differ in length");
    for (int64_t i = 0; i < count; i++) {
        int axis = 0;
        if (!call_axis(call, axis_count ? axes[i] : i, x->rank, &axis)) return false;
        if (sizes[i] < 0) return call_fail(call, "a size is negative");
        int64_t extra = sizes[i] - x->dims[axis], before = extra / 2;
        margins[axis] = (struct margin){ before, extra - before };
    }
    return pad_by(call, margins, "constant", NULL);
}

/* Tile */

static bool tile_by(struct call *call, const int64_t *repeats)
{
    struct array *x = call_input(call, 0);
    int64_t dims[ARRAY_MAX_RANK], split[LAYOUT_MAX_RANK];
    for (int i = 0; i < x->rank; i++) {
        if (repeats[i] < 0 || !size_multiply(x->dims[i], repeats[i], &dims[i]))
            return call_fail(call, "%lld repeats of dimension %d", (long long)repeats[i], i);
        split[2 * i] = repeats[i];
        split[2 * i + 1] = x->dims[i];
    }
    struct array *y = new_like(call, 0, x, x->rank, dims);
    if (y->count == 0) return true;
    struct layout packed = layout_packed(x->rank, x->dims), source = { 0 }, target = layout_packed(2 * x->rank, split);
    for (int i = 0; i < x->rank; i++) source.steps[2 * i + 1] = packed.steps[i];
    layout_copy(call, 2 * x->rank, split, y, &target, x, &source);
    return true;
}

static bool tile(struct call *call)
{
    struct array *x;
    const int64_t *repeats;
    int64_t count;
    if (!call_tensor(call, 0, &x) || !call_list(call, 1, &repeats, &count)) return false;
    if (count != x->rank) return call_fail(call, "%lld repeats for %d dimensions", (long long)count, x->rank);
    return tile_by(call, repeats);
}

static bool whole_scalar(struct call *call, size_t slot, int64_t *value)
{
    const struct array *array = call_input(call, slot);
    if (!array || array->count != 1 || array->store > STORE_I64)
        return call_fail(call, "input %zu must be one number", slot);
    *value = array->store == STORE_I64   ? array->i64[0]
             : array->store == STORE_F32 ? (int64_t)lrintf(array->f32[0])
                                         : (int64_t)lrint(array->f64[0]);
    return true;
}

/* Opset 1: one axis, so many tiles. */
static bool tile_one_axis(struct call *call)
{
    struct array *x;
    int64_t tiles = 0, wanted = 0, repeats[ARRAY_MAX_RANK];
    int axis = 0;
    if (!call_tensor(call, 0, &x) || !whole_scalar(call, 1, &tiles) || !whole_scalar(call, 2, &wanted)
        || !call_axis(call, wanted, x->rank, &axis))
        return false;
    for (int i = 0; i < x->rank; i++) repeats[i] = i == axis ? tiles : 1;
    return tile_by(call, repeats);
}

/* DepthToSpace and SpaceToDepth: six dims, of which the order differs. */

/* Copies x, seen as `dims`, with its dims in the order `from`; the result is of dims `shape`. */
static bool permute_split(struct call *call, const struct array *x, const int64_t *dims, const int *from,
                          const int64_t *shape)
{
    int64_t permuted[6];
    struct layout packed = layout_packed(6, dims), source = { 0 };
    for (int i = 0; i < 6; i++) {
        permuted[i] = dims[from[i]];
        source.steps[i] = packed.steps[from[i]];
    }
    struct layout target = layout_packed(6, permuted);
    layout_copy(call, 6, permuted, new_like(call, 0, x, 4, shape), &target, x, &source);
    return true;
}

static bool image_input(struct call *call, struct array **x, int64_t *block)
{
    *block = node_int(call->node, "blocksize", 0);
    if (!call_tensor(call, 0, x)) return false;
    if ((*x)->rank != 4) return call_fail(call, "its input must have 4 dimensions");
    if (*block < 1 || *block > INT32_MAX) return call_fail(call, "blocksize is %lld", (long long)*block);
    return true;
}

static bool depth_to_space(struct call *call)
{
    struct array *x;
    int64_t b;
    if (!image_input(call, &x, &b)) return false;
    const int64_t *d = x->dims;
    if (d[1] % (b * b) != 0) return call_fail(call, "blocksize %lld does not go into the channels", (long long)b);
    int64_t depth = d[1] / (b * b), shape[] = { d[0], depth, 0, 0 };
    if (!size_multiply(d[2], b, &shape[2]) || !size_multiply(d[3], b, &shape[3])) return call_fail(call, "too large");
    if (strcmp(node_text(call->node, "mode", "DCR"), "CRD") == 0)
        return permute_split(call, x, (int64_t[]){ d[0], depth, b, b, d[2], d[3] }, (int[]){ 0, 1, 4, 2, 5, 3 }, shape);
    return permute_split(call, x, (int64_t[]){ d[0], b, b, depth, d[2], d[3] }, (int[]){ 0, 3, 4, 1, 5, 2 }, shape);
}

static bool space_to_depth(struct call *call)
{
    struct array *x;
    int64_t b;
    if (!image_input(call, &x, &b)) return false;
    const int64_t *d = x->dims;
    if (d[2] % b != 0 || d[3] % b != 0)
        return call_fail(call, "blocksize %lld does not go into the image", (long long)b);
    int64_t shape[] = { d[0], 0, d[2] / b, d[3] / b };
    if (!size_multiply(d[1], b * b, &shape[1])) return call_fail(call, "too large");
    return permute_split(call, x, (int64_t[]){ d[0], d[1], shape[2], b, shape[3], b }, (int[]){ 0, 3, 5, 1, 2, 4 },
                         shape);
}

/* Trilu: zero on the other side of the diagonal. */

static bool trilu(struct call *call)
{
    struct array *x;
    int64_t k = 0;
    if (!call_tensor(call, 0, &x) || (call_input(call, 1) && !whole_scalar(call, 1, &k))) return false;
    if (x->rank < 2 || x->store > STORE_I64) return call_fail(call, "its input must be matrices of numbers");
    bool upper = node_int(call->node, "upper", 1) != 0;
    int64_t columns = x->dims[x->rank - 1], rows = x->dims[x->rank - 2];
    size_t element = store_size(x->store);
    struct array *y = new_like(call, 0, x, x->rank, x->dims);
    if (y->count == 0) return true;
    for (int64_t row = 0; row < y->count / columns; row++) {
        int64_t first, i = row % rows; /* the first column on or right of the diagonal */
        if (__builtin_add_overflow(i, k, &first)) first = k > 0 ? columns : 0;
        if (!upper && first < INT64_MAX) first++;
        first = first < 0 ? 0 : first > columns ? columns : first;
        int64_t start = upper ? first : 0, end = upper ? columns : first;
        char *to = (char *)y->data + (size_t)(row * columns) * element;
        const char *from = (const char *)x->data + (size_t)(row * columns) * element;
        memset(to, 0, (size_t)columns * element);
        memcpy(to + (size_t)start * element, from + (size_t)start * element, (size_t)(end - start) * element);
    }
    return true;
}

/* ReverseSequence: for each batch index the first lens[index] time steps turned round. */

static bool reverse_sequence(struct call *call)
{
    struct array *x;
    const int64_t *lens;
    int64_t count, dims[ARRAY_MAX_RANK];
    int batch = 0, time = 0;
    if (!call_tensor(call, 0, &x) || !call_list(call, 1, &lens, &count)
        || !call_axis(call, node_int(call->node, "batch_axis", 1), x->rank, &batch)
        || !call_axis(call, node_int(call->node, "time_axis", 0), x->rank, &time))
        return false;
    if (batch == time || count != x->dims[batch]) return call_fail(call, "sequence_lens does not fit the batch axis");
    struct array *y = new_like(call, 0, x, x->rank, x->dims);
    struct layout packed = layout_packed(x->rank, x->dims);
    memcpy(dims, x->dims, sizeof dims);
    dims[batch] = 1;
    for (int64_t b = 0; b < count; b++) {
        int64_t length = lens[b];
        if (length < 0 || length > x->dims[time])
            return call_fail(call, "sequence %lld has no such length", (long long)b);
        struct layout to = packed, from = packed;
        to.start = from.start = b * packed.steps[batch];
        dims[time] = length;
        from.start += (length - 1) * packed.steps[time];
        from.steps[time] = -packed.steps[time];
        if (length > 0) layout_copy(call, x->rank, dims, y, &to, x, &from);
        dims[time] = x->dims[time] - length;
        to.start = b * packed.steps[batch] + length * packed.steps[time];
        if (dims[time] > 0) layout_copy(call, x->rank, dims, y, &to, x, &to);
    }
    return true;
}

/* ---- shapes ---- */

static bool shape_transpose(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    struct axes perm;
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    axes_from_attribute(s, "perm", &perm);
    if (rank < 0) return perm.known == AXES_KNOWN ? set_rank(s, 0, rule_type(s), perm.count) : shape_any(s);
    if (perm.known == AXES_ABSENT)
        for (int i = rank; i > 0; i--) perm.at[perm.count++] = i - 1;
    if (perm.count != rank || !mark_axes(&perm, rank, marked)) return false;
    for (int i = 0; i < rank; i++) {
        if (!normal_axis(perm.at[i], rank, &axis)) return false;
        dims[i] = input_dim(s, 0, axis);
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

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

static bool shape_split(struct shaping *s)
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
    int rank = input_rank(s, 0), one = symbol_number(s->symbols, 1), axis;
    axes_from_attribute(s, "axes", &axes);
    axes_from_attribute(s, "starts", &starts);
    axes_from_attribute(s, "ends", &ends);
    if (rank < 0 || starts.known != AXES_KNOWN || ends.known != AXES_KNOWN) return shape_any(s);
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

static bool shape_slice(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    int64_t count = input_count(s, 1);
    if (rank < 0) return shape_any(s);
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

static struct dim padded(struct shaping *s, struct dim dim, int before, int after)
{
    int size = symbol_add(s->symbols, dim_symbol(s, dim), symbol_add(s->symbols, before, after));
    return symbol_dim(s, size);
}

static bool shape_pad_by_attribute(struct shaping *s)
{
    const int64_t *pads;
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    size_t count = node_ints(s->node, s->node->opset == 1 ? "paddings" : "pads", &pads);
    if (rank < 0) return shape_any(s);
    if (count != 2 * (size_t)rank) return false;
    for (int i = 0; i < rank; i++)
        dims[i] = padded(s, input_dim(s, 0, i), symbol_number(s->symbols, pads[i]),
                         symbol_number(s->symbols, pads[i + rank]));
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool shape_pad(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    const struct dim *pads = input_content(s, 1);
    if (rank < 0) return shape_any(s);
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
static bool shape_tile_one_axis(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), normal;
    int64_t copies, axis;
    if (rank < 0) return shape_any(s);
    if (!input_number(s, 1, &copies) || !input_number(s, 2, &axis)) return set_rank(s, 0, rule_type(s), rank);
    if (!normal_axis(axis, rank, &normal)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    dims[normal] = scale_dim(s, dims[normal], copies);
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool shape_tile(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    const struct dim *repeats = input_content(s, 1);
    int64_t listed = input_count(s, 1);
    if (rank < 0)
        return listed > 0 && listed <= SHAPE_MAX_RANK ? set_rank(s, 0, rule_type(s), (int)listed) : shape_any(s);
    if (!repeats) return set_rank(s, 0, rule_type(s), rank);
    if (listed != rank) return false;
    for (int i = 0; i < rank; i++)
        dims[i] =
            symbol_dim(s, symbol_minimum(s->symbols, repeats[i].symbol) < 0
                              ? 0
                              : symbol_multiply(s->symbols, dim_symbol(s, input_dim(s, 0, i)), repeats[i].symbol));
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool divide_axis(struct shaping *s, struct dim *dim, int64_t divisor)
{
    if (dim->size >= 0 && dim->size % divisor != 0) return false;
    *dim = symbol_dim(s, symbol_divide(s->symbols, dim_symbol(s, *dim), symbol_number(s->symbols, divisor)));
    return true;
}

static bool shape_depth_to_space(struct shaping *s)
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

static bool shape_space_to_depth(struct shaping *s)
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

/* The axes listed take the sizes given. */
static bool shape_center_crop_pad(struct shaping *s)
{
    struct axes axes;
    struct dim dims[SHAPE_MAX_RANK];
    bool marked[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    const struct dim *sizes = input_content(s, 1);
    if (rank < 0) return shape_any(s);
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

static void content_transpose(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK], from[SHAPE_MAX_RANK];
    const int64_t *perm;
    struct small input, output;
    bool listed = node_ints(s->node, "perm", &perm) != 0;
    small_output(s, &output);
    if (!small_input(s, 0, &input)) return;
    for (int64_t i = 0; i < output.count; i++) {
        small_unravel(&output, i, index);
        for (int d = 0; d < output.rank; d++) {
            int axis = output.rank - 1 - d;
            if (listed) normal_axis(perm[d], output.rank, &axis);
            from[axis] = index[d];
        }
        symbols[i] = small_element(&input, small_ravel(&input, from));
    }
    set_content(s, 0, symbols);
}

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

const struct operator_row move_operators[] = {
    { "CenterCropPad", 18, LATEST, .gradient = gradient_moved, .run = center_crop_pad, .shape = shape_center_crop_pad,
      .sizes = SLOT(1), .schemas = SCHEMAS({ 18, LATEST, "T . > T", "axes:I" }), .exact = EXACT },
    { "Concat", 1, LATEST, .gradient = gradient_moved, .run = concat, .shape = shape_concat, .laws = IDENTITY_OF_ONE,
      .content = content_concat, .reals = reals_joined, .passes = ALL_SLOTS, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 3, "T *T > T", "axis:i" }, { 4, LATEST, "T *T > T", "axis!i" }), .exact = EXACT },
    { "DepthToSpace", 1, LATEST, .gradient = gradient_moved, .run = depth_to_space, .shape = shape_depth_to_space,
      .keeps_range = true,
      .schemas = SCHEMAS({ 1, 10, "T > T", "blocksize!i" }, { 11, LATEST, "T > T", "blocksize!i mode:s" }),
      .exact = EXACT },
    { "Pad", 1, 10, .gradient = gradient_moved, .run = pad_by_attribute, .shape = shape_pad_by_attribute,
      .sizes = SLOT(1) | SLOT(3), .passes = SLOT(0),
      .schemas = SCHEMAS({ 1, 1, "T > T", "mode:s paddings!I value:f" }, { 2, 10, "T > T", "mode:s pads!I value:f" },
                         { 11, 17, "T i64 ?T > T", "mode:s" }, { 18, LATEST, "T i64 ?T ?. > T", "mode:s" }),
      .exact = EXACT },
    { "Pad", 11, LATEST, .gradient = gradient_moved, .run = pad, .shape = shape_pad, .sizes = SLOT(1) | SLOT(3),
      .passes = SLOT(0), .exact = EXACT },
    { "ReverseSequence", 10, LATEST, .gradient = gradient_moved, .run = reverse_sequence, .shape = shape_same,
      .sizes = SLOT(1), .limits = { [1] = LIMIT_LENGTH },
      .schemas = SCHEMAS({ 10, LATEST, "T i64 > T", "batch_axis:i time_axis:i" }), .exact = EXACT },
    { "Slice", 1, 9, .gradient = gradient_moved, .run = slice_by_attribute, .shape = shape_slice_by_attribute,
      .keeps_range = true, .content = content_slice, .sizes = SLOT(1) | SLOT(2) | SLOT(3) | SLOT(4), .passes = SLOT(0),
      .arithmetic = true,
      .schemas = SCHEMAS({ 1, 9, "T > T", "axes:I ends!I starts!I" }, { 10, LATEST, "T U U ?U ?U > T", "" }),
      .exact = EXACT },
    { "Slice", 10, LATEST, .gradient = gradient_moved, .run = slice, .shape = shape_slice, .keeps_range = true,
      .content = content_slice, .sizes = SLOT(1) | SLOT(2) | SLOT(3) | SLOT(4), .passes = SLOT(0), .arithmetic = true,
      .exact = EXACT },
    { "SpaceToDepth", 1, LATEST, .gradient = gradient_moved, .run = space_to_depth, .shape = shape_space_to_depth,
      .keeps_range = true, .schemas = SCHEMAS({ 1, LATEST, "T > T", "blocksize!i" }), .exact = EXACT },
    { "Split", 1, 12, .gradient = gradient_moved, .run = split_by_attribute, .shape = shape_split, .keeps_range = true,
      .content = content_split, .sizes = SLOT(1), .passes = SLOT(0), .arithmetic = true,
      .schemas =
          SCHEMAS({ 1, 1, "T ?T > T *T", "axis:i split:I" }, { 2, 12, "T > T *T", "axis:i split:I" },
                  { 13, 17, "T ?i64 > T *T", "axis:i" }, { 18, LATEST, "T ?i64 > T *T", "axis:i num_outputs:i" }),
      .exact = EXACT },
    { "Split", 13, LATEST, .gradient = gradient_moved, .run = split_by_input, .shape = shape_split, .keeps_range = true,
      .content = content_split, .sizes = SLOT(1), .passes = SLOT(0), .arithmetic = true, .exact = EXACT },
    { "Tile", 1, 5, .gradient = gradient_moved, .run = tile_one_axis, .shape = shape_tile_one_axis,
      .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_repeat, .sizes = SLOT(1) | SLOT(2),
      .passes = SLOT(0), .arithmetic = true, .limits = { [1] = LIMIT_ONE },
      .schemas = SCHEMAS({ 1, 5, "T T T > T", "" }, { 6, LATEST, "T i64 > T", "" }), .exact = EXACT },
    { "Tile", 6, LATEST, .gradient = gradient_moved, .run = tile, .shape = shape_tile, .laws = IDENTITY_OF_SHAPE,
      .keeps_range = true, .content = content_repeat, .sizes = SLOT(1) | SLOT(2), .passes = SLOT(0), .arithmetic = true,
      .limits = { [1] = LIMIT_ONE }, .exact = EXACT },
    { "Transpose", 1, LATEST, .gradient = gradient_moved, .run = transpose, .shape = shape_transpose,
      .keeps_range = true, .content = content_transpose, .passes = SLOT(0), .arithmetic = true,
      .need = &(const struct weight_need){ .listed = "perm" }, .schemas = SCHEMAS({ 1, LATEST, "T > T", "perm:I" }),
      .exact = EXACT },
    { "Trilu", 14, LATEST, .gradient = gradient_moved, .run = trilu, .shape = shape_same, .sizes = SLOT(1),
      .schemas = SCHEMAS({ 14, LATEST, "T ?i64 > T", "upper:i" }), .exact = EXACT },
    { 0 },
};
