/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that add elements around a tensor, or take them away: Pad, CenterCropPad. */
#include "onnx/shape/content.h"
#include "onnx/shape/reals.h"
#include "runtime/gradient.h"
#include "runtime/math/layout.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

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

/* An element of 16 bytes. */
struct pair {
    uint64_t parts[2];
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
        else if (element == sizeof(uint64_t)) PICK(uint64_t);
        else PICK(struct pair);
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
    struct array *y = call_output_like(call, 0, x, x->rank, dims);
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

/* ---- shapes ---- */

/* False where there is nothing to repeat. Runtimes reflect an axis once. */
static bool pad_dim(struct shaping *s, struct dim *dim, int before, int after)
{
    int64_t b, a;
    const char *mode = node_text(s->node, "mode", "constant");
    if (*mode != 'c' && dim->size >= 0 && symbol_is_number(s->symbols, before, &b)
        && symbol_is_number(s->symbols, after, &a)) {
        const int64_t kept = dim->size + (b < 0 ? b : 0) + (a < 0 ? a : 0);
        if ((a || b) && (kept <= 0 || (*mode == 'r' && (a >= kept || b >= kept)))) return false;
    }
    *dim = symbol_dim(s, symbol_add(s->symbols, dim_symbol(s, *dim), symbol_add(s->symbols, before, after)));
    return true;
}

static bool shape_pad_by_attribute(struct shaping *s)
{
    const int64_t *pads;
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    size_t count = node_ints(s->node, s->node->opset == 1 ? "paddings" : "pads", &pads);
    if (rank < 0) return shape_any(s);
    if (count != 2 * (size_t)rank) return false;
    for (int i = 0; i < rank; i++) {
        dims[i] = input_dim(s, 0, i);
        if (!pad_dim(s, &dims[i], symbol_number(s->symbols, pads[i]), symbol_number(s->symbols, pads[i + rank])))
            return false;
    }
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
    axes_default(&axes, rank);
    if (axes.known != AXES_KNOWN) return set_rank(s, 0, rule_type(s), rank);
    if (!mark_axes(&axes, rank, marked) || (pads && input_count(s, 1) != 2 * axes.count)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    for (int i = 0; i < axes.count; i++) {
        normal_axis(axes.at[i], rank, &axis);
        if (!pad_dim(s, &dims[axis], pads ? pads[i].symbol : 0, pads ? pads[i + axes.count].symbol : 0)) return false;
    }
    return set_output(s, 0, rule_type(s), rank, dims);
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
    axes_default(&axes, rank);
    if (axes.known == AXES_UNKNOWN || !mark_axes(&axes, rank, marked)) return false;
    if (sizes && input_count(s, 1) != axes.count) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    for (int i = 0; i < axes.count; i++) {
        normal_axis(axes.at[i], rank, &axis);
        if (!size_dim(s, sizes ? sizes[i].symbol : 0, &dims[axis])) return false;
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

const struct operator_row pad_operators[] = {
    { "CenterCropPad", 18, LATEST, .gradient = gradient_moved, .run = center_crop_pad, .complex = MOVES_COMPLEX,
      .shape = shape_center_crop_pad, .sizes = SLOT(1), .schemas = SCHEMAS({ 18, LATEST, "Tah .i[] > T", "axes:I" }),
      .exact = EXACT },
    { "Pad", 1, 10, .gradient = gradient_moved, .run = pad_by_attribute, .shape = shape_pad_by_attribute,
      .sizes = SLOT(1) | SLOT(3), .passes = SLOT(0),
      .schemas = SCHEMAS({ 1, 1, "Tf > T", "mode:s=constant|reflect|edge|wrap paddings!Q value:f" },
                         { 2, 10, "Tf > T", "mode:s=constant|reflect|edge|wrap pads!Q value:f" },
                         { 11, 17, "Tn13hbsc i64[] ?T[1] > T", "mode:s=constant|reflect|edge|wrap" },
                         { 18, LATEST, "Tah21eq23p24o25d i64[] ?T[1] ?.i[] > T", "mode:s=constant|reflect|edge|wrap" }),
      .exact = EXACT },
    { "Pad", 11, LATEST, .gradient = gradient_moved, .run = pad, .complex = MOVES_COMPLEX, .shape = shape_pad,
      .sizes = SLOT(1) | SLOT(3), .passes = SLOT(0), .exact = EXACT },
    { "com.microsoft:Pad", 1, LATEST, .gradient = gradient_formula, .run = formula_renamed, .shape = shape_rank_alone,
      .sizes = SLOT(1), .passes = SLOT(0),
      .schemas = SCHEMAS({ 1, LATEST, "Tf i64 ?T > T", "mode:s=constant|reflect|edge|wrap" }), .exact = EXACT },
    { 0 },
};
