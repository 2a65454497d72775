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
    layout_copy(call, x->rank, dims, call_output_like(call, 0, x, x->rank, dims), &target, x, &source);
    return true;
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
    struct array *y = call_output_like(call, 0, x, x->rank, dims);
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
    layout_copy(call, 6, permuted, call_output_like(call, 0, x, 4, shape), &target, x, &source);
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
    if (x->rank < 2 || x->store >= STORE_TEXT) return call_fail(call, "its input must be matrices of numbers");
    bool upper = node_int(call->node, "upper", 1) != 0;
    int64_t columns = x->dims[x->rank - 1], rows = x->dims[x->rank - 2];
    size_t element = store_size(x->store);
    struct array *y = call_output_like(call, 0, x, x->rank, x->dims);
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
    struct array *y = call_output_like(call, 0, x, x->rank, x->dims);
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

/* Tile-1: so many copies along one axis. */
static bool shape_tile_one_axis(struct shaping *s)
{
    int rank = input_rank(s, 0); /* the others are floats, which shapes do not follow */
    return rank < 0 ? shape_any(s) : set_rank(s, 0, rule_type(s), rank);
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
    for (int i = 0; i < rank; i++) {
        if (!size_dim(s, repeats[i].symbol, &dims[i])) return false;
        int size = symbol_multiply(s->symbols, dim_symbol(s, input_dim(s, 0, i)), dim_symbol(s, dims[i]));
        dims[i] = symbol_dim(s, size);
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool shape_reverse_sequence(struct shaping *s)
{
    return node_int(s->node, "batch_axis", 1) != node_int(s->node, "time_axis", 0) && shape_same(s);
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

const struct operator_row move_operators[] = {
    { "DepthToSpace", 1, LATEST, .gradient = gradient_moved, .run = depth_to_space, .complex = MOVES_COMPLEX,
      .shape = shape_depth_to_space, .keeps_range = true,
      .schemas = SCHEMAS({ 1, 10, "Ta > T", "blocksize!n" }, { 11, LATEST, "Ta13h > T", "blocksize!n mode:s=DCR|CRD" }),
      .exact = EXACT },
    { "ReverseSequence", 10, LATEST, .gradient = gradient_moved, .run = reverse_sequence, .complex = MOVES_COMPLEX,
      .shape = shape_reverse_sequence, .keeps_shape = true, .sizes = SLOT(1), .limits = { [1] = LIMIT_LENGTH },
      .schemas = SCHEMAS({ 10, LATEST, "Ta i64[] > T", "batch_axis:b time_axis:b" }), .exact = EXACT },
    { "SpaceToDepth", 1, LATEST, .gradient = gradient_moved, .run = space_to_depth, .complex = MOVES_COMPLEX,
      .shape = shape_space_to_depth, .keeps_range = true, .schemas = SCHEMAS({ 1, LATEST, "Ta13h > T", "blocksize!n" }),
      .exact = EXACT },
    { "Tile", 1, 5, .gradient = gradient_moved, .run = tile_one_axis, .complex = MOVES_COMPLEX,
      .shape = shape_tile_one_axis, .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .sizes = SLOT(1) | SLOT(2),
      .passes = SLOT(0), .arithmetic = true, .limits = { [1] = LIMIT_ONE },
      .schemas = SCHEMAS({ 1, 5, "Tf T T > T", "" }, { 6, LATEST, "Ta13h i64[] > T", "" }), .exact = EXACT },
    { "Tile", 6, LATEST, .gradient = gradient_moved, .run = tile, .complex = MOVES_COMPLEX, .shape = shape_tile,
      .laws = IDENTITY_OF_SHAPE, .keeps_range = true, .content = content_repeat, .sizes = SLOT(1) | SLOT(2),
      .passes = SLOT(0), .arithmetic = true, .limits = { [1] = LIMIT_ONE }, .exact = EXACT },
    { "Transpose", 1, LATEST, .gradient = gradient_moved, .run = transpose, .complex = MOVES_COMPLEX,
      .shape = shape_transpose, .keeps_range = true, .content = content_transpose, .passes = SLOT(0),
      .arithmetic = true, .need = &(const struct weight_need){ .listed = "perm" },
      .schemas = SCHEMAS({ 1, LATEST, "Ta13h21eq23p24o25d > T", "perm:M" }), .exact = EXACT },
    { "Trilu", 14, LATEST, .gradient = gradient_moved, .run = trilu, .complex = MOVES_COMPLEX, .shape = shape_same,
      .sizes = SLOT(1), .schemas = SCHEMAS({ 14, LATEST, "Tah ?i64 > T", "upper:i" }), .exact = EXACT },
    { "com.microsoft:Trilu", 1, LATEST, .gradient = gradient_formula, .run = formula_renamed, .shape = shape_same,
      .sizes = SLOT(1), .passes = SLOT(0), .schemas = SCHEMAS({ 1, LATEST, "Tnhb ?i64 > T", "upper:i" }),
      .exact = EXACT },
    { 0 },
};
