/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules that operators of several families share. The others stand beside their kernels, in runtime/ops. */
#include "onnx/shape/rules.h"

bool shape_same(struct shaping *s)
{
    return set_like(s, 0, rule_type(s), 0);
}

bool axes_exist(const struct shaping *s)
{
    const int rank = input_rank(s, 0);
    bool marked[SHAPE_MAX_RANK];
    struct axes axes;
    int normal;
    axes_from_attribute(s, "axes", &axes);
    return rank <= 0 || (normal_axis(node_int(s->node, "axis", 0), rank, &normal) && mark_axes(&axes, rank, marked));
}

bool shape_along_axis(struct shaping *s)
{
    return axes_exist(s) && shape_same(s);
}

/* numpy broadcasting of all inputs. */
bool shape_broadcast(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = 0;
    enum dtype type = rule_type(s);
    if (s->node->input_count == 0) return false;
    for (size_t i = 0; i < s->node->input_count; i++) {
        int other = input_rank(s, i);
        if (type == DTYPE_UNDEFINED && s->row->type == DTYPE_UNDEFINED && i >= (size_t)s->row->type_from)
            type = input_type(s, i);
        if (other < 0) rank = -1;
        if (rank >= 0 && !broadcast_onto(s, &rank, dims, other, input_dims(s, i))) return false;
    }
    return set_output(s, 0, type, rank, dims);
}

bool shape_broadcast_by_attribute(struct shaping *s)
{
    return node_int(s->node, "broadcast", 0) ? shape_same(s) : shape_broadcast(s);
}

/* Up to opset 5 the type is given by its name, which is left to the declaration. */
bool shape_cast(struct shaping *s)
{
    return set_like(s, 0, type_attribute(s, "to", DTYPE_UNDEFINED), 0);
}

bool shape_rank_alone(struct shaping *s)
{
    return set_rank(s, 0, rule_type(s), input_rank(s, 0));
}

bool shape_any(struct shaping *s)
{
    return set_type(s, 0, rule_type(s));
}

struct dim shape_first_dim(struct shaping *s, size_t slot)
{
    return input_rank(s, slot) > 0 ? input_dim(s, slot, 0) : fresh_dim(s);
}

struct dim shape_channel_dim(struct shaping *s)
{
    return input_rank(s, 0) > 1 ? input_dim(s, 0, 1) : fresh_dim(s);
}

/* numpy.matmul: a vector counts as a row on the left and a column on the right, and that axis goes again. */
bool shape_matmul_dims(struct shaping *s, int a, const struct dim *left, int b, const struct dim *right,
                       enum dtype type)
{
    struct dim dims[SHAPE_MAX_RANK], merged;
    int rank = 0;
    if (a == 0 || b == 0) return false;
    if (!merge_dims(left[a - 1], right[b == 1 ? 0 : b - 2], &merged)) return false;
    if (a > 2 && !broadcast_onto(s, &rank, dims, a - 2, left)) return false;
    if (b > 2 && !broadcast_onto(s, &rank, dims, b - 2, right)) return false;
    if (a > 1) dims[rank++] = left[a - 2];
    if (b > 1) dims[rank++] = right[b - 1];
    return set_output(s, 0, type, rank, dims);
}

bool shape_matmul_of(struct shaping *s, size_t left, size_t right, enum dtype type)
{
    int a = input_rank(s, left), b = input_rank(s, right);
    if (a < 0 || b < 0) return set_type(s, 0, type);
    return shape_matmul_dims(s, a, input_dims(s, left), b, input_dims(s, right), type);
}

bool shape_matmul(struct shaping *s)
{
    return shape_matmul_of(s, 0, 1, common_type(s, 2));
}

bool shape_gemm(struct shaping *s)
{
    struct dim dims[2] = { fresh_dim(s), fresh_dim(s) }, merged;
    int a = input_rank(s, 0), b = input_rank(s, 1);
    bool turn_a = node_int(s->node, "transA", 0) != 0, turn_b = node_int(s->node, "transB", 0) != 0;
    if ((a >= 0 && a != 2) || (b >= 0 && b != 2)) return false;
    if (a == 2) dims[0] = input_dim(s, 0, turn_a ? 1 : 0);
    if (b == 2) dims[1] = input_dim(s, 1, turn_b ? 0 : 1);
    if (a == 2 && b == 2 && !merge_dims(input_dim(s, 0, turn_a ? 0 : 1), input_dim(s, 1, turn_b ? 1 : 0), &merged))
        return false;
    for (int c = input_rank(s, 2), i = 1; c > 0; i--) {
        int64_t size = input_dim(s, 2, --c).size;
        if (i < 0 || (size > 1 && dims[i].size >= 0 && size != dims[i].size)) return false;
    }
    return set_output(s, 0, common_type(s, 3), 2, dims);
}
