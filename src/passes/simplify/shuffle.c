/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels that are shuffled by a Transpose between two Reshapes, and taken apart again.
 *
 *   Reshape(Transpose(Reshape(x, s), p), t)    ->  Transpose(Reshape(x, t'), p')    where t only splits axes
 *   Gather(Transpose(x, p), i, axis)           ->  Gather(x, i, p[axis])            where the other axes stay in order
 *
 * A network that cuts its channels in two by their parity has the first, and two Gathers behind it; a Reshape and the
 * Gathers are left. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/shape/infer.h"
#include "passes/simplify/rewrite.h"

/* One tensor under dims `to` whose axes are parts of those of `from`. */
struct split {
    struct shape from, to;
    int part[TENSOR_MAX_RANK]; /* by axis of `to`: the axis of `from` that it is of; -1: it has size 1 and none yet */
};

static bool is_one(struct dim dim)
{
    return dim.size == 1;
}

/* Whether the axis of `from`, of which `left` is not covered yet, begins with this one. */
static bool take_part(struct dim from, struct dim to, int64_t *left)
{
    if (from.size < 0 || to.size < 0) {
        *left = 1;
        return dim_equal(from, to);
    }
    if (to.size == 0 || *left % to.size != 0) return false;
    *left /= to.size;
    return true;
}

static int next_axis(const struct shape *shape, int axis)
{
    while (axis < shape->rank && is_one(shape->dims[axis])) axis++;
    return axis;
}

/* Axes of size 1 go with the one that follows, or with the last. */
static void place_ones(struct split *split)
{
    int part = split->from.rank ? split->from.rank - 1 : 0;
    for (int k = split->to.rank; k-- > 0;) {
        if (split->part[k] < 0) split->part[k] = part;
        part = split->part[k];
    }
}

static bool find_parts(struct split *split)
{
    int axis = -1;
    int64_t left = 1;
    for (int k = 0; k < split->to.rank; k++) {
        split->part[k] = -1;
        if (is_one(split->to.dims[k])) continue;
        if (left == 1) {
            axis = next_axis(&split->from, axis + 1);
            if (axis == split->from.rank) return false;
            left = split->from.dims[axis].size;
        }
        if (!take_part(split->from.dims[axis], split->to.dims[k], &left)) return false;
        split->part[k] = axis;
    }
    place_ones(split);
    return left == 1 && next_axis(&split->from, axis + 1) == split->from.rank;
}

/* The dims of `to` in the order from before the Transpose, and where its axes stand there. */
static bool order_parts(const struct split *split, const int64_t *perm, struct dim *dims, int64_t *numbers,
                        int64_t *places)
{
    int count = 0, open = 0;
    for (int before = 0; before < split->from.rank; before++)
        for (int k = 0; k < split->to.rank; k++) {
            if (perm[split->part[k]] != before) continue;
            dims[count] = split->to.dims[k];
            open += dims[count].size < 0;
            numbers[count] = dims[count].size < 0 ? -1 : dims[count].size;
            places[k] = count++;
        }
    return open <= 1;
}

static bool reshape_around(struct simplifier *s, struct node *node)
{
    struct arena *arena = rewrite_net(s)->arena;
    struct node *transpose = rewrite_inner(s, node, 0);
    struct node *first = transpose ? rewrite_upstream_is(transpose, 0, node->op) : NULL;
    int64_t perm[TENSOR_MAX_RANK], places[TENSOR_MAX_RANK], numbers[TENSOR_MAX_RANK], count;
    int rank;
    if (!first || !node_input(first, 1) || !transpose_perm(transpose, perm, &rank)) return false;
    struct value *between = node_input(transpose, 0);
    struct split split = { .from = node_input(node, 0)->shape, .to = node_output(node, 0)->shape };
    if (!is_read_once(between) || !is_read_once(node_input(node, 0))) return false;
    if (split.from.rank != rank || split.to.rank < 1) return false;
    struct dim *dims = NEW_ARRAY(arena, struct dim, (size_t)split.to.rank);
    count = split.to.rank;
    if (!find_parts(&split) || !order_parts(&split, perm, dims, numbers, places)) return false;
    if (!rewrite_can_store(s, 8 * count, 0)) return false;
    const struct value *shape = node_input(first, 1);
    rewrite_set_input(
        s, first, 1, rewrite_add_constant(s, first, shape->name, tensor_whole(arena, DTYPE_INT64, 1, &count, numbers)));
    edit_rename(between);
    between->shape = (struct shape){ split.to.rank, dims };
    edit_set_ints(transpose, "perm", places, (size_t)count);
    rewrite_where(s, node_output(first, 0)->name);
    rewrite_take_output(s, transpose, node);
    rewrite_touch(s, transpose);
    return true;
}

/* Whether all axes but this one stand in their order. */
static bool keeps_others(const int64_t *perm, int rank, int64_t axis)
{
    int64_t last = -1;
    for (int i = 0; i < rank; i++) {
        if (i == axis) continue;
        if (perm[i] < last) return false;
        last = perm[i];
    }
    return true;
}

static bool gather_before(struct simplifier *s, struct node *node)
{
    const struct node *transpose = rewrite_inner(s, node, 0);
    const struct value *index = node_input(node, 1);
    int64_t perm[TENSOR_MAX_RANK], axis = node_int(node, "axis", 0);
    int rank;
    if (!transpose || index->shape.rank != 0 || !transpose_perm(transpose, perm, &rank)) return false;
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank || !keeps_others(perm, rank, axis)) return false;
    edit_set_int(node, "axis", perm[axis]);
    return rewrite_read(s, node, node_input(transpose, 0));
}

const struct rewrite shuffle_rewrites[] = {
    { { "split-transpose", "Reshape(Transpose(Reshape(x))) -> Transpose(Reshape(x)) where axes are only split" },
      "simplify_shuffle",
      .apply = reshape_around },
    { { "gather-transposed", "Gather(Transpose(x), i) -> Gather(x, i)" }, "simplify_shuffle", .apply = gather_before },
    { .apply = NULL },
};
