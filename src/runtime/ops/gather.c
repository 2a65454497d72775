/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that pick elements by index. Each first turns its indices into places: where in the data, as a flat index,
 * a piece of `length` elements begins. Indices are checked there, and nowhere else; then pieces are copied, out of the
 * data (gather) or into it (scatter). */
#include "onnx/shape/content.h"
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/kernel.h"
#include "runtime/math/layout.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

static bool index_input(struct call *call, size_t slot, struct array **array)
{
    *array = call_input(call, slot);
    if (*array && is_whole(*array)) return true;
    return call_fail(call, "input %zu must be a tensor of integers", slot);
}

/* An index of a dimension: from the back when negative. */
static bool normal_index(struct call *call, int64_t dim, int64_t *index)
{
    if (*index < -dim || *index >= dim)
        return call_fail(call, "index %lld is outside of a dimension of %lld", (long long)*index, (long long)dim);
    if (*index < 0) *index += dim;
    return true;
}

static struct array *new_places(struct call *call, int64_t count)
{
    return array_new(call->pool, DTYPE_INT64, STORE_I64, 1, &count);
}

struct pieces {
    struct array *y;
    const struct array *x, *places;
    int64_t length;
};

/* y = the pieces of x, one after the other. */
static void gather_pieces(const void *context, int64_t first, int64_t end, int member)
{
    const struct pieces *p = context;
    size_t element = store_size(p->x->store), bytes = (size_t)p->length * element;
    const int64_t *places = p->places->i64;
    const char *from = p->x->data;
    char *to = p->y->data;
    (void)member;
    for (int64_t i = first; i < end; i++)
        if (element == 4 && p->length == 1) ((uint32_t *)p->y->data)[i] = ((const uint32_t *)p->x->data)[places[i]];
        else memcpy(to + (size_t)i * bytes, from + (size_t)places[i] * element, bytes);
}

static bool give_pieces(struct call *call, const struct array *x, int rank, const int64_t *dims, struct array *places,
                        int64_t length)
{
    struct array *y = array_new(call->pool, x->type, x->store, rank, dims);
    struct pieces pieces = { y, x, places, length };
    if (y->count > 0) team_run(call->team, places->count, team_piece(places->count, y->count), gather_pieces, &pieces);
    array_drop(places);
    call_give(call, 0, y);
    return true;
}

static bool gather(struct call *call)
{
    struct array *x, *indices;
    int axis = 0;
    if (!call_tensor(call, 0, &x) || !index_input(call, 1, &indices)
        || !call_axis(call, node_int(call->node, "axis", 0), x->rank, &axis))
        return false;
    int rank = x->rank - 1 + indices->rank;
    int64_t dims[2 * ARRAY_MAX_RANK], outer = dims_product(x->dims, 0, axis), count;
    int64_t length = dims_product(x->dims, axis + 1, x->rank), dim = x->dims[axis];
    if (rank > ARRAY_MAX_RANK) return call_unsupported(call, "more than %d dimensions", ARRAY_MAX_RANK);
    memcpy(dims, x->dims, sizeof *dims * (size_t)axis);
    memcpy(dims + axis, indices->dims, sizeof *dims * (size_t)indices->rank);
    memcpy(dims + axis + indices->rank, x->dims + axis + 1, sizeof *dims * (size_t)(x->rank - axis - 1));
    if (!size_multiply(outer, indices->count, &count)) return call_fail(call, "the result is too large");

    struct array *places = new_places(call, count);
    for (int64_t i = 0; i < indices->count; i++) {
        int64_t index = indices->i64[i];
        if (!normal_index(call, dim, &index)) {
            array_drop(places);
            return false;
        }
        for (int64_t o = 0; o < outer; o++) places->i64[o * indices->count + i] = (o * dim + index) * length;
    }
    return give_pieces(call, x, rank, dims, places, length);
}

/* The places in `x` that indices of its rank mean: each replaces its own coordinate along `axis`. NULL: failed. */
static struct array *places_along(struct call *call, const struct array *x, const struct array *indices, int axis)
{
    for (int i = 0; i < x->rank; i++)
        if (i != axis && indices->dims[i] > x->dims[i]) {
            call_fail(call, "indices reach beyond dimension %d of the data", i);
            return NULL;
        }
    struct layout packed = layout_packed(x->rank, x->dims);
    struct array *places = new_places(call, indices->count);
    int64_t at[ARRAY_MAX_RANK] = { 0 };
    for (int64_t i = 0; i < indices->count; i++) {
        int64_t index = indices->i64[i], place = 0;
        if (!normal_index(call, x->dims[axis], &index)) {
            array_drop(places);
            return NULL;
        }
        for (int d = 0; d < x->rank; d++) place += (d == axis ? index : at[d]) * packed.steps[d];
        places->i64[i] = place;
        for (int d = x->rank - 1; d >= 0 && ++at[d] == indices->dims[d]; d--) at[d] = 0;
    }
    return places;
}

static bool elements_input(struct call *call, struct array **x, struct array **indices, int *axis)
{
    *axis = 0;
    if (!call_tensor(call, 0, x) || !index_input(call, 1, indices)
        || !call_axis(call, node_int(call->node, "axis", 0), (*x)->rank, axis))
        return false;
    return (*x)->rank == (*indices)->rank || call_fail(call, "data and indices differ in rank");
}

static bool gather_elements(struct call *call)
{
    struct array *x, *indices;
    int axis;
    if (!elements_input(call, &x, &indices, &axis)) return false;
    struct array *places = places_along(call, x, indices, axis);
    return places && give_pieces(call, x, indices->rank, indices->dims, places, 1);
}

/* The places that the tuples in the last dimension of `indices` mean: each indexes the dims of x from `batch` on;
 * before these, tuples and data go together. NULL: failed. */
static struct array *places_of_tuples(struct call *call, const struct array *x, const struct array *indices, int batch)
{
    int64_t width = indices->dims[indices->rank - 1], count = dims_product(indices->dims, 0, indices->rank - 1);
    struct layout packed = layout_packed(x->rank, x->dims);
    int64_t batches = dims_product(x->dims, 0, batch), per_batch = batches > 0 ? count / batches : 0;
    int64_t batch_step = dims_product(x->dims, batch, x->rank);
    struct array *places = new_places(call, count);
    for (int64_t i = 0; i < count; i++) {
        int64_t place = batch > 0 ? i / per_batch * batch_step : 0;
        for (int64_t k = 0; k < width; k++) {
            int64_t index = indices->i64[i * width + k];
            if (!normal_index(call, x->dims[batch + k], &index)) {
                array_drop(places);
                return NULL;
            }
            place += index * packed.steps[batch + k];
        }
        places->i64[i] = place;
    }
    return places;
}

static bool tuples_input(struct call *call, struct array **x, struct array **indices, int64_t batch)
{
    if (!call_tensor(call, 0, x) || !index_input(call, 1, indices)) return false;
    const struct array *a = *x, *t = *indices;
    if (t->rank < 1 || batch < 0 || batch >= t->rank || batch > a->rank || t->dims[t->rank - 1] > a->rank - batch)
        return call_fail(call, "indices and data do not go together");
    for (int i = 0; i < batch; i++)
        if (a->dims[i] != t->dims[i]) return call_fail(call, "indices and data differ in batch dimension %d", i);
    return true;
}

static bool gather_nd(struct call *call)
{
    struct array *x, *indices;
    int64_t wanted = node_int(call->node, "batch_dims", 0), dims[2 * ARRAY_MAX_RANK];
    if (!tuples_input(call, &x, &indices, wanted)) return false;
    int batch = (int)wanted, used = batch + (int)indices->dims[indices->rank - 1];
    int rank = indices->rank - 1 + x->rank - used;
    if (rank > ARRAY_MAX_RANK) return call_unsupported(call, "more than %d dimensions", ARRAY_MAX_RANK);
    memcpy(dims, indices->dims, sizeof *dims * (size_t)(indices->rank - 1));
    memcpy(dims + indices->rank - 1, x->dims + used, sizeof *dims * (size_t)(x->rank - used));
    struct array *places = places_of_tuples(call, x, indices, batch);
    return places && give_pieces(call, x, rank, dims, places, dims_product(x->dims, used, x->rank));
}

/* Scatter: what becomes of an element when an update meets it. */

enum reduction { REDUCE_NONE, REDUCE_ADD, REDUCE_MUL, REDUCE_MAX, REDUCE_MIN, REDUCTION_COUNT };

static const char *const reduction_names[] = { "none", "add", "mul", "max", "min" };

/* NaN wins. */
#define COMBINE(to, from, type)                                    \
    for (int64_t k = 0; k < length; k++) {                         \
        const type a = (to)[k], b = (from)[k];                     \
        (to)[k] = how == REDUCE_ADD   ? (type)(a + b)              \
                  : how == REDUCE_MUL ? (type)(a * b)              \
                  : how == REDUCE_MAX ? (a > b || a != a ? a : b)  \
                                      : (a < b || a != a ? a : b); \
    }

static void combine_complex(struct array *y, int64_t place, const struct array *updates, int64_t start, int64_t length,
                            enum reduction how)
{
    struct array to = element_parts(y), from = element_parts(updates);
    for (int64_t k = 0; k < length; k++) {
        int64_t t = 2 * (place + k), f = 2 * (start + k);
        double re = element_real(&to, t), im = element_real(&to, t + 1);
        double by_re = element_real(&from, f), by_im = element_real(&from, f + 1);
        element_put(&to, t, how == REDUCE_ADD ? re + by_re : re * by_re - im * by_im);
        element_put(&to, t + 1, how == REDUCE_ADD ? im + by_im : re * by_im + im * by_re);
    }
}

static void combine_piece(struct array *y, int64_t place, const struct array *updates, int64_t start, int64_t length,
                          enum reduction how)
{
    bool is_order = how == REDUCE_MAX || how == REDUCE_MIN;
    if (is_complex(y)) combine_complex(y, place, updates, start, length, how);
    else if (y->store == STORE_F32) COMBINE(y->f32 + place, updates->f32 + start, float)
    else if (y->store == STORE_F64) COMBINE(y->f64 + place, updates->f64 + start, double)
    else if (is_order && y->type != DTYPE_UINT64) COMBINE(y->i64 + place, updates->i64 + start, int64_t)
    else COMBINE((uint64_t *)y->i64 + place, (const uint64_t *)updates->i64 + start, uint64_t)
}

static bool scatter_pieces(struct call *call, const struct array *x, const struct array *updates, struct array *places,
                           int64_t length)
{
    const char *name = node_text(call->node, "reduction", "none");
    enum reduction how = REDUCE_NONE;
    while (how < REDUCTION_COUNT && strcmp(name, reduction_names[how]) != 0) how++;
    bool has_no_order = is_complex(x) && how > REDUCE_MUL;
    if (how == REDUCTION_COUNT || has_no_order || (how != REDUCE_NONE && is_text(x))) {
        array_drop(places);
        return call_fail(call, "reduction \"%s\" is not defined for %s", name, dtype_name(x->type));
    }
    size_t element = store_size(x->store), bytes = (size_t)length * element;
    struct array *y = array_new(call->pool, x->type, x->store, x->rank, x->dims);
    memcpy(y->data, x->data, (size_t)x->count * element);
    for (int64_t i = 0; i < places->count && length > 0; i++)
        if (how != REDUCE_NONE) combine_piece(y, places->i64[i], updates, i * length, length, how);
        else
            memcpy((char *)y->data + (size_t)places->i64[i] * element, (const char *)updates->data + (size_t)i * bytes,
                   bytes);
    array_drop(places);
    call_give(call, 0, y);
    return true;
}

static bool updates_input(struct call *call, const struct array *x, struct array **updates, int rank,
                          const int64_t *dims)
{
    if (!call_tensor(call, 2, updates)) return false;
    if ((*updates)->store != x->store) return call_fail(call, "data and updates differ in type");
    if ((*updates)->rank != rank || memcmp((*updates)->dims, dims, sizeof *dims * (size_t)rank) != 0)
        return call_fail(call, "updates do not fit the indices");
    return true;
}

static bool scatter_elements(struct call *call)
{
    struct array *x, *indices, *updates;
    int axis;
    if (!elements_input(call, &x, &indices, &axis) || !updates_input(call, x, &updates, indices->rank, indices->dims))
        return false;
    struct array *places = places_along(call, x, indices, axis);
    return places && scatter_pieces(call, x, updates, places, 1);
}

static bool scatter_nd(struct call *call)
{
    struct array *x, *indices, *updates;
    int64_t dims[2 * ARRAY_MAX_RANK];
    if (!tuples_input(call, &x, &indices, 0)) return false;
    int used = (int)indices->dims[indices->rank - 1], rank = indices->rank - 1 + x->rank - used;
    memcpy(dims, indices->dims, sizeof *dims * (size_t)(indices->rank - 1));
    memcpy(dims + indices->rank - 1, x->dims + used, sizeof *dims * (size_t)(x->rank - used));
    if (!updates_input(call, x, &updates, rank, dims)) return false;
    struct array *places = places_of_tuples(call, x, indices, 0);
    return places && scatter_pieces(call, x, updates, places, dims_product(x->dims, used, x->rank));
}

/* A cache of sequences, updated from write_indices[batch] on. Sequences are along `axis`, batches along the first. */
static bool tensor_scatter(struct call *call)
{
    struct array *x, *updates, *starts = call_input(call, 2);
    int axis = 0;
    if (!call_tensor(call, 0, &x) || !call_tensor(call, 1, &updates) || (starts && !index_input(call, 2, &starts))
        || !call_axis(call, node_int(call->node, "axis", -2), x->rank, &axis))
        return false;
    bool fits = axis > 0 && updates->rank == x->rank && updates->store == x->store;
    for (int i = 0; fits && i < x->rank; i++)
        fits = i == axis ? updates->dims[i] <= x->dims[i] : updates->dims[i] == x->dims[i];
    if (!fits || (starts && (starts->rank != 1 || starts->count != x->dims[0])))
        return call_fail(call, "cache, update and write_indices do not go together");
    bool is_circular = strcmp(node_text(call->node, "mode", "linear"), "circular") == 0;
    int64_t most = x->dims[axis], written = updates->dims[axis], outer = dims_product(x->dims, 0, axis);
    int64_t length = dims_product(x->dims, axis + 1, x->rank);
    struct array *places = new_places(call, outer * written);
    for (int64_t i = 0; i < places->count; i++) {
        int64_t o = i / written, start = starts ? starts->i64[o / (outer / x->dims[0])] : 0;
        if (start < 0 || (start > most - written && !is_circular)) {
            array_drop(places);
            return call_fail(call, "write index %lld leaves no room for the update", (long long)start);
        }
        places->i64[i] = (o * most + (start % most + i % written) % most) * length;
    }
    return scatter_pieces(call, x, updates, places, length);
}

/* Indices may be real numbers. Those that name no place leave all of them off. */
static bool one_hot(struct call *call)
{
    struct array *indices, *depth_input, *values;
    int axis = 0;
    if (!call_tensor(call, 0, &indices) || !call_tensor(call, 1, &depth_input) || !call_tensor(call, 2, &values))
        return false;
    if (indices->store > STORE_I64 || depth_input->store > STORE_I64 || depth_input->count != 1 || values->count != 2)
        return call_fail(call, "needs numbers as indices, one as depth and two values");
    double size = trunc(element_real(depth_input, 0)); /* of a real number, the whole part */
    if (!(size >= 0 && size < 0x1p62)) return call_fail(call, "depth is %g", size);
    int64_t depth = (int64_t)size, dims[ARRAY_MAX_RANK];
    int rank = indices->rank + 1;
    if (rank > ARRAY_MAX_RANK) return call_unsupported(call, "more than %d dimensions", ARRAY_MAX_RANK);
    if (!call_axis(call, node_int(call->node, "axis", -1), rank, &axis)) return false;
    for (int i = 0; i < rank; i++) dims[i] = i == axis ? depth : indices->dims[i - (i > axis)];

    struct array *y = array_new(call->pool, values->type, values->store, rank, dims);
    struct layout to = layout_packed(rank, dims), off = { 0 };
    size_t element = store_size(values->store);
    layout_copy(call, rank, dims, y, &to, values, &off);
    int64_t inner = dims_product(dims, axis + 1, rank);
    for (int64_t i = 0; i < indices->count; i++) {
        double index = is_whole(indices) ? (double)indices->i64[i] : element_real(indices, i);
        if (index < 0 && call->node->opset >= 11) index += size;
        if (!(index >= 0 && index < size)) continue;
        int64_t place = (i / inner * depth + (int64_t)index) * inner + i % inner;
        memcpy((char *)y->data + (size_t)place * element, (const char *)values->data + element, element);
    }
    call_give(call, 0, y);
    return true;
}

static bool has_nonzero_part(const struct array *x, int64_t i)
{
    const struct array parts = element_parts(x);
    return element_real(&parts, 2 * i) != 0 || element_real(&parts, 2 * i + 1) != 0;
}

static bool is_set(const struct array *x, int64_t i)
{
    if (is_text(x)) return x->text[i][0] != '\0';
    if (is_complex(x)) return has_nonzero_part(x, i);
    return is_whole(x) ? x->i64[i] != 0 : element_real(x, i) != 0;
}

/* A column for each element that is not zero; a scalar counts as a vector. */
static bool non_zero(struct call *call)
{
    struct array *x;
    if (!call_tensor(call, 0, &x)) return false;
    int rank = x->rank > 0 ? x->rank : 1;
    const int64_t *dims = x->rank > 0 ? x->dims : &x->count;
    int64_t found = 0, at = 0;
    for (int64_t i = 0; i < x->count; i++) found += is_set(x, i);
    struct array *y = call_output(call, 0, DTYPE_INT64, 2, (int64_t[]){ rank, found });
    for (int64_t i = 0; i < x->count; i++) {
        if (!is_set(x, i)) continue;
        int64_t rest = i;
        for (int d = rank - 1; d >= 0; d--) {
            y->i64[d * found + at] = rest % dims[d];
            rest /= dims[d];
        }
        at++;
    }
    return true;
}

/* Without an axis the data is one vector. The condition may be shorter than the axis. */
static bool compress(struct call *call)
{
    struct array *x, *condition;
    int axis = 0, rank = 1;
    int64_t dims[ARRAY_MAX_RANK], kept = 0, count;
    if (!call_tensor(call, 0, &x) || !index_input(call, 1, &condition)) return false;
    bool is_flat = !node_attribute(call->node, "axis");
    if (!is_flat && !call_axis(call, node_int(call->node, "axis", 0), x->rank, &axis)) return false;
    if (is_flat) dims[0] = x->count;
    else memcpy(dims, x->dims, sizeof *dims * (size_t)(rank = x->rank));
    int64_t dim = dims[axis], length = dims_product(dims, axis + 1, rank), outer = dims_product(dims, 0, axis);
    for (int64_t i = 0; i < condition->count; i++) {
        if (condition->i64[i] && i >= dim) return call_fail(call, "the condition picks beyond the axis");
        kept += condition->i64[i] != 0;
    }
    dims[axis] = kept;
    if (!size_multiply(outer, kept, &count)) return call_fail(call, "the result is too large");
    struct array *places = new_places(call, count);
    int64_t next = 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < dim && i < condition->count; i++)
            if (condition->i64[i]) places->i64[next++] = (o * dim + i) * length;
    return give_pieces(call, x, rank, dims, places, length);
}

/* ---- shapes ---- */

/* Whether the indices that are known are those of the axis. */
static bool indices_exist(struct shaping *s, int axis)
{
    int64_t numbers[CONTENT_MAX], listed = input_numbers(s, 1, numbers, CONTENT_MAX), size = input_dim(s, 0, axis).size;
    for (int64_t i = 0; size > 0 && i < listed; i++)
        if (numbers[i] < -size || numbers[i] >= size) return false;
    return true;
}

static bool shape_gather(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), picks = input_rank(s, 1), axis, count = 0;
    if (rank < 0 || picks < 0 || rank + picks - 1 > SHAPE_MAX_RANK) return shape_any(s);
    if (!normal_axis(node_int(s->node, "axis", 0), rank, &axis) || !indices_exist(s, axis)) return false;
    for (int i = 0; i < axis; i++) dims[count++] = input_dim(s, 0, i);
    for (int i = 0; i < picks; i++) dims[count++] = input_dim(s, 1, i);
    for (int i = axis + 1; i < rank; i++) dims[count++] = input_dim(s, 0, i);
    return set_output(s, 0, rule_type(s), count, dims);
}

/* Whether the indices are elements of input 0 along the axis, and stay within it along the others. */
static bool elements_exist(struct shaping *s)
{
    const int rank = input_rank(s, 0), picks = input_rank(s, 1);
    int axis;
    if (rank < 0 || picks < 0) return axes_exist(s);
    if (rank != picks || !normal_axis(node_int(s->node, "axis", 0), rank, &axis) || !indices_exist(s, axis))
        return false;
    for (int i = 0; i < rank; i++)
        if (i != axis && input_dim(s, 0, i).size >= 0 && input_dim(s, 1, i).size > input_dim(s, 0, i).size)
            return false;
    return true;
}

static bool shape_gather_elements(struct shaping *s)
{
    return elements_exist(s) && set_like(s, 0, rule_type(s), 1);
}

static bool shape_scatter_elements(struct shaping *s)
{
    return elements_exist(s) && shape_same(s);
}

/* Of what the indices pick: its rank, or -1 where it is not known. */
static bool picked_dims(struct shaping *s, struct dim *dims, int *count)
{
    int rank = input_rank(s, 0), picks = input_rank(s, 1);
    int64_t batch = node_int(s->node, "batch_dims", 0);
    *count = -1;
    if (rank < 0 || picks < 1 || rank + picks > SHAPE_MAX_RANK) return picks != 0;
    int64_t depth = input_dim(s, 1, picks - 1).size;
    if (depth < 0) return true;
    if (batch < 0 || batch >= picks || depth > rank - batch) return false;
    *count = 0;
    for (int i = 0; i < picks - 1; i++) dims[(*count)++] = input_dim(s, 1, i);
    for (int i = (int)(batch + depth); i < rank; i++) dims[(*count)++] = input_dim(s, 0, i);
    return true;
}

static bool shape_gather_nd(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int count;
    return picked_dims(s, dims, &count) && set_output(s, 0, rule_type(s), count, dims);
}

static bool shape_scatter_nd(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int count;
    if (!picked_dims(s, dims, &count)) return false;
    if (count >= 0 && input_rank(s, 2) >= 0 && input_rank(s, 2) != count) return false;
    for (int i = 0; i < count && input_rank(s, 2) >= 0; i++)
        if (!merge_dims(dims[i], input_dim(s, 2, i), &dims[i])) return false;
    return shape_same(s);
}

static bool shape_compress(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    if (!node_attribute(s->node, "axis")) return set_rank(s, 0, rule_type(s), 1);
    if (rank < 0) return shape_any(s);
    if (!normal_axis(node_int(s->node, "axis", 0), rank, &axis)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    dims[axis] = fresh_dim(s);
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool shape_one_hot(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis, from = 0;
    const struct dim *depth = input_content(s, 1);
    if (rank < 0 || rank + 1 > SHAPE_MAX_RANK) return shape_any(s);
    if (!normal_axis(node_int(s->node, "axis", -1), rank + 1, &axis)) return false;
    int size = depth ? depth[0].symbol : 0;
    for (int i = 0; i <= rank; i++)
        dims[i] = i == axis ? symbol_dim(s, symbol_minimum(s->symbols, size) < 0 ? 0 : size) : input_dim(s, 0, from++);
    return set_output(s, 0, rule_type(s), rank + 1, dims);
}

/* [rank, number of non-zero elements]; the content of a small input tells how many. */
static bool shape_non_zero(struct shaping *s)
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

static void content_gather(struct shaping *s)
{
    int symbols[CONTENT_MAX], axis;
    int64_t inner = 1, pick, middle;
    struct small input, picks, output;
    small_output(s, &output);
    if (!small_input(s, 0, &input) || !small_input(s, 1, &picks) || output.count == 0) return;
    if (!normal_axis(node_int(s->node, "axis", 0), input.rank, &axis)) return;
    middle = input.dims[axis];
    for (int d = axis + 1; d < input.rank; d++) inner *= input.dims[d];
    for (int64_t i = 0; i < output.count; i++) {
        int64_t outer = i / (picks.count * inner), at = i / inner % picks.count;
        bool known = symbol_is_number(s->symbols, small_element(&picks, at), &pick);
        if (known && pick < 0) pick += middle;
        symbols[i] = known && pick >= 0 && pick < middle
                         ? small_element(&input, (outer * middle + pick) * inner + i % inner)
                         : 0;
    }
    set_content(s, 0, symbols);
}

static void content_non_zero(struct shaping *s)
{
    int symbols[CONTENT_MAX];
    int64_t index[SHAPE_MAX_RANK], number, found = 0;
    struct small input, output;
    small_output(s, &output);
    if (!small_input(s, 0, &input)) return;
    for (int64_t i = 0; i < input.count; i++) {
        if (!symbol_is_number(s->symbols, small_element(&input, i), &number)) return;
        if (number == 0) continue;
        small_unravel(&input, i, index);
        for (int d = 0; d < input.rank; d++) symbols[d * output.dims[1] + found] = symbol_number(s->symbols, index[d]);
        found++;
    }
    set_content(s, 0, symbols);
}

const struct operator_row gather_operators[] = {
    { "Compress", 9, LATEST, .gradient = gradient_moved, .run = compress, .complex = MOVES_COMPLEX,
      .shape = shape_compress, .sizes = SLOT(1), .schemas = SCHEMAS({ 9, LATEST, "Ta bool > T", "axis:i" }),
      .exact = EXACT },
    { "Gather", 1, LATEST, .gradient = gradient_moved, .run = gather, .complex = MOVES_COMPLEX, .shape = shape_gather,
      .keeps_range = true, .content = content_gather, .sizes = SLOT(1), .passes = SLOT(0), .arithmetic = true,
      .limits = { [1] = LIMIT_INDEX }, .schemas = SCHEMAS({ 1, LATEST, "Ta13h .i > T", "axis:i" }), .exact = EXACT },
    { "GatherElements", 11, LATEST, .gradient = gradient_moved, .run = gather_elements, .complex = MOVES_COMPLEX,
      .shape = shape_gather_elements, .sizes = SLOT(1), .limits = { [1] = LIMIT_INDEX },
      .schemas = SCHEMAS({ 11, LATEST, "Ta13h .i > T", "axis:i" }), .exact = EXACT },
    { "GatherND", 11, LATEST, .gradient = gradient_moved, .run = gather_nd, .complex = MOVES_COMPLEX,
      .shape = shape_gather_nd, .sizes = SLOT(1), .limits = { [1] = LIMIT_ANY_INDEX },
      .schemas = SCHEMAS({ 11, 11, "Ta i64 > T", "" }, { 12, LATEST, "Ta13h i64 > T", "batch_dims:i" }),
      .exact = EXACT },
    { "NonZero", 9, LATEST, .run = non_zero, .complex = MOVES_COMPLEX, .shape = shape_non_zero, .hides = true,
      .content = content_non_zero, .schemas = SCHEMAS({ 9, LATEST, ".a13h > i64", "" }), .exact = EXACT },
    { "OneHot", 9, LATEST, .run = one_hot, .complex = MOVES_COMPLEX, .shape = shape_one_hot, .type_from = 2,
      .sizes = SLOT(0) | SLOT(1), .limits = { [0] = LIMIT_DEPTH },
      .schemas = SCHEMAS({ 9, LATEST, ".n .n[1] Ta[2] > T", "axis:i" }), .exact = EXACT },
    { "Scatter", 9, 10, .run = scatter_elements, .complex = MOVES_COMPLEX, .shape = shape_scatter_elements,
      .keeps_shape = true, .sizes = SLOT(1), .limits = { [1] = LIMIT_INDEX },
      .schemas = SCHEMAS({ 9, 10, "Ta .i T[=] > T", "axis:i" }) },
    { "ScatterElements", 11, LATEST, .gradient = gradient_scatter_elements, .run = scatter_elements,
      .complex = MOVES_COMPLEX, .shape = shape_scatter_elements, .keeps_shape = true, .sizes = SLOT(1),
      .limits = { [1] = LIMIT_INDEX },
      .schemas = SCHEMAS({ 11, 15, "Ta13h .i T[=] > T", "axis:i" },
                         { 16, LATEST, "Tah .i T[=] > T", "axis:i reduction:s=none|add|mul|max|min" }) },
    { "ScatterND", 11, LATEST, .gradient = gradient_scatter_nd, .run = scatter_nd, .complex = MOVES_COMPLEX,
      .shape = shape_scatter_nd, .keeps_shape = true, .sizes = SLOT(1), .limits = { [1] = LIMIT_ANY_INDEX },
      .schemas = SCHEMAS({ 11, 15, "Ta13h i64 T > T", "" },
                         { 16, LATEST, "Tah i64 T > T", "reduction:s=none|add|mul|max|min" }) },
    { "TensorScatter", 24, LATEST, .gradient = gradient_moved, .run = tensor_scatter, .complex = MOVES_COMPLEX,
      .shape = shape_along_axis, .keeps_shape = true,
      .schemas = SCHEMAS({ 24, LATEST, "Taheqpo T ?i64 > T", "axis:i mode:s=linear|circular" }) },
    { "com.microsoft:GatherND", 1, LATEST, .gradient = gradient_formula, .run = formula_renamed, .shape = shape_any,
      .sizes = SLOT(1), .limits = { [1] = LIMIT_ANY_INDEX }, .schemas = SCHEMAS({ 1, LATEST, "Ta .i > T", "" }),
      .exact = EXACT },
    { 0 },
};
