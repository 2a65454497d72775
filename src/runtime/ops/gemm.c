/* SPDX-License-Identifier: Apache-2.0
 *
 * Gemm and MatMul: shapes and strides around product_run. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/product.h"
#include "runtime/math/simd.h"
#include "runtime/ops/operators.h"
#include "runtime/run.h"

#include <math.h>
#include <string.h>

static char *at(const struct array *array, int64_t index)
{
    return (char *)array->data + index * (int64_t)store_size(array->store);
}

/* A and B: two tensors of numbers in one store. */
static bool read_factors(struct call *call, const struct array **a, const struct array **b)
{
    *a = call_input(call, 0);
    *b = call_input(call, 1);
    if (!*a || !*b) return call_fail(call, "input %s is missing", *a ? "B" : "A");
    if ((*a)->store != (*b)->store || !(is_real(*a) || is_whole(*a)))
        return call_fail(call, "cannot multiply %s by %s", dtype_name((*a)->type), dtype_name((*b)->type));
    return true;
}

/* --- Gemm: Y = alpha * A' * B' + beta * C --- */

/* How far C moves per row and column of Y; C broadcasts to Y, not Y to C. */
static bool read_addend(struct call *call, const struct array *c, const struct array *y, int64_t *row, int64_t *column)
{
    int64_t rows = c->rank > 1 ? c->dims[c->rank - 2] : 1, columns = c->rank > 0 ? c->dims[c->rank - 1] : 1;
    bool fits = c->rank <= 2 && (rows == 1 || rows == y->dims[0]) && (columns == 1 || columns == y->dims[1]);
    if (call->node->opset < 7 && !node_int(call->node, "broadcast", 0))
        fits = fits && c->rank == 2 && rows == y->dims[0] && columns == y->dims[1];
    if (!fits || c->store != y->store)
        return call_fail(call, "C (%d dimensions, %lld x %lld of %s) does not fit the product, %lld x %lld of %s",
                         c->rank, (long long)rows, (long long)columns, dtype_name(c->type), (long long)y->dims[0],
                         (long long)y->dims[1], dtype_name(y->type));
    *row = rows == 1 ? 0 : columns;
    *column = columns == 1 ? 0 : 1;
    return true;
}

static void blend_whole(double alpha, double beta, const int64_t *terms, int64_t step, int64_t count, int64_t *values)
{
    uint64_t a = (uint64_t)(int64_t)alpha, b = (uint64_t)(int64_t)beta;
    for (int64_t i = 0; i < count; i++) values[i] = (int64_t)(a * (uint64_t)values[i] + b * (uint64_t)terms[i * step]);
}

/* The factors of whole tensors have to be whole, too. */
static bool check_scales(struct call *call, const struct array *y, double alpha, double beta)
{
    bool whole = alpha == rint(alpha) && beta == rint(beta) && fabs(alpha) < 0x1p53 && fabs(beta) < 0x1p53;
    if (is_real(y) || whole) return true;
    return call_unsupported(call, "alpha %g and beta %g on %s", alpha, beta, dtype_name(y->type));
}

static bool finish_gemm(struct call *call, struct array *y, double alpha)
{
    static const int64_t zeros[1]; /* all bits zero is zero in every store */
    const struct array *c = call_input(call, 2);
    double beta = c ? (double)node_float(call->node, "beta", 1) : 0;
    int64_t row = 0, column = 0;
    if (c && !read_addend(call, c, y, &row, &column)) return false;
    if (!check_scales(call, y, alpha, beta)) return false;
    if (!c && alpha == 1) return true;
    for (int64_t r = 0; r < y->dims[0]; r++) {
        const void *terms = c ? at(c, r * row) : (const void *)zeros;
        void *to = at(y, r * y->dims[1]);
        if (is_whole(y)) blend_whole(alpha, beta, terms, column, y->dims[1], to);
        else simd_for(y->store, call->simd_row)->blend(alpha, beta, terms, column, y->dims[1], to);
    }
    return true;
}

static bool run_gemm(struct call *call)
{
    const struct array *a, *b;
    if (!read_factors(call, &a, &b)) return false;
    if (a->rank != 2 || b->rank != 2)
        return call_fail(call, "A and B have %d and %d dimensions, 2 are needed", a->rank, b->rank);
    bool turn_a = node_int(call->node, "transA", 0) != 0, turn_b = node_int(call->node, "transB", 0) != 0;
    int64_t depth = a->dims[turn_a ? 0 : 1], rows = a->dims[turn_a ? 1 : 0], columns = b->dims[turn_b ? 0 : 1];
    if (depth != b->dims[turn_b ? 1 : 0])
        return call_fail(call, "the product is over %lld elements of A, but %lld of B", (long long)depth,
                         (long long)b->dims[turn_b ? 1 : 0]);
    struct array *y = call_output(call, 0, a->type, 2, (int64_t[]){ rows, columns });
    struct product product = { .store = a->store,
                               .rows = rows,
                               .columns = columns,
                               .depth = depth,
                               .a_row = turn_a ? 1 : depth,
                               .a_step = turn_a ? rows : 1,
                               .b_step = turn_b ? 1 : columns,
                               .b_column = turn_b ? depth : 1,
                               .c_row = columns,
                               .c_column = 1,
                               .count = 1,
                               .weights = call->inputs[1],
                               .each = &(struct operands){ .a = a->data, .b = b->data, .c = y->data } };
    product_run(call, &product);
    return finish_gemm(call, y, (double)node_float(call->node, "alpha", 1));
}

/* --- MatMul: as numpy's --- */

/* A factor seen as a stack of matrices; a vector is a row on the left, a column on the right. */
struct stack {
    int rank; /* of the stack */
    int64_t rows, columns;
    const int64_t *dims;
};

static struct stack stack_of(const struct array *array, bool left)
{
    if (array->rank == 1) return (struct stack){ 0, left ? 1 : array->dims[0], left ? array->dims[0] : 1, array->dims };
    int rank = array->rank - 2;
    return (struct stack){ rank, array->dims[rank], array->dims[rank + 1], array->dims };
}

/* Which matrix of the stack the i-th of the broadcast stacks is. */
static int64_t matrix_index(const struct stack *stack, int rank, const int64_t *dims, int64_t i)
{
    int64_t index = 0, size = 1;
    for (int d = rank - 1; d >= rank - stack->rank; d--) {
        int64_t own = stack->dims[d - (rank - stack->rank)];
        if (own != 1) index += i % dims[d] * size;
        size *= own;
        i /= dims[d];
    }
    return index;
}

/* Rows of a stack times one matrix are rows of one matrix. */
static void multiply_stacks(struct call *call, const struct array *a, const struct array *b, const struct stack *left,
                            const struct stack *right, int rank, const int64_t *dims, struct array *y)
{
    int64_t rows = left->rows, depth = left->columns, columns = right->columns, count = dims_product(dims, 0, rank);
    bool one = right->rank == 0 || dims_product(right->dims, 0, right->rank) == 1;
    if (one && left->rank == rank) {
        rows *= count;
        count = 1;
    }
    struct operands *each = NEW_ARRAY(call->scratch, struct operands, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        each[i].a = at(a, one && count == 1 ? 0 : matrix_index(left, rank, dims, i) * rows * depth);
        each[i].b = at(b, one ? 0 : matrix_index(right, rank, dims, i) * depth * columns);
        each[i].c = at(y, i * rows * columns);
    }
    struct product product = product_packed(a->store, rows, depth, columns);
    product.each = each;
    product.count = count;
    product.weights = call->inputs[1];
    product.epilogue = run_epilogue(call, y);
    product_run(call, &product);
}

static bool run_matmul(struct call *call)
{
    const struct array *a, *b;
    if (!read_factors(call, &a, &b)) return false;
    if (a->rank == 0 || b->rank == 0) return call_fail(call, "a scalar is no factor of a matrix product");
    struct stack left = stack_of(a, true), right = stack_of(b, false);
    int64_t dims[ARRAY_MAX_RANK + 2];
    int rank;
    if (left.columns != right.rows)
        return call_fail(call, "the product is over %lld elements of A, but %lld of B", (long long)left.columns,
                         (long long)right.rows);
    if (!broadcast_dims(left.rank, left.dims, right.rank, right.dims, &rank, dims))
        return call_fail(call, "the stacks of matrices do not broadcast to each other");
    int out = rank;
    if (a->rank > 1) dims[out++] = left.rows;
    if (b->rank > 1) dims[out++] = right.columns;
    struct array *y = call_output(call, 0, a->type, out, dims);
    if (y->count > 0) multiply_stacks(call, a, b, &left, &right, rank, dims, y);
    return true;
}

/* ---- gradients ----
 *
 *   Y = A B    dA = dY B^T, dB = A^T dY */

/* A vector as a matrix of one row or column. */
static struct array *as_matrix(struct formula *f, struct array *x, bool left)
{
    if (!x || x->rank != 1) return x;
    int64_t row[] = { 1, x->dims[0] }, column[] = { x->dims[0], 1 };
    return formula_reshaped(f, x, 2, left ? row : column);
}

static void give_factor(struct backward *b, size_t slot, struct array *dx, const struct array *matrix)
{
    int64_t axes[ARRAY_MAX_RANK], count = 0;
    const struct array *x = gradient_x(b, slot);
    if (!dx || x->rank > 1) {
        gradient_give(b, slot, dx);
        return;
    }
    for (int i = 0; i < dx->rank - matrix->rank; i++) axes[count++] = i;
    if (count > 0) dx = formula_sum(&b->f, dx, axes, count, false);
    gradient_give(b, slot, formula_reshaped(&b->f, dx, x->rank, x->dims));
}

void gradient_matmul(struct backward *b)
{
    struct formula *f = &b->f;
    struct array *a = as_matrix(f, gradient_x(b, 0), true), *c = as_matrix(f, gradient_x(b, 1), false);
    struct array *dy = gradient_dy(b, 0);
    int64_t dims[ARRAY_MAX_RANK];
    int rank = dy->rank - (gradient_x(b, 0)->rank > 1) - (gradient_x(b, 1)->rank > 1);
    if (!a || !c) return;
    memcpy(dims, dy->dims, (size_t)rank * sizeof *dims);
    dims[rank++] = a->dims[a->rank - 2];
    dims[rank++] = c->dims[c->rank - 1];
    dy = formula_reshaped(f, dy, rank, dims);
    give_factor(b, 0, formula_matmul(f, dy, formula_turned(f, c)), a);
    give_factor(b, 1, formula_matmul(f, formula_turned(f, a), dy), c);
}

void gradient_gemm(struct backward *b)
{
    struct formula *f = &b->f;
    const struct node *node = gradient_node(b);
    bool turn_a = node_int(node, "transA", 0) != 0, turn_b = node_int(node, "transB", 0) != 0;
    struct array *a = gradient_x(b, 0), *c = gradient_x(b, 1);
    struct array *dy = formula_scaled(f, gradient_dy(b, 0), (double)node_float(node, "alpha", 1));
    struct array *da = formula_matmul(f, dy, turn_b ? c : formula_turned(f, c));
    struct array *dc = formula_matmul(f, turn_a ? a : formula_turned(f, a), dy);
    gradient_give(b, 0, turn_a ? formula_turned(f, da) : da);
    gradient_give(b, 1, turn_b ? formula_turned(f, dc) : dc);
    if (gradient_x(b, 2))
        gradient_give(b, 2, formula_scaled(f, gradient_dy(b, 0), (double)node_float(node, "beta", 1)));
}

const struct operator_row gemm_operators[] = {
    { "Gemm", 1, LATEST, .gradient = gradient_gemm, .run = run_gemm, .shape = shape_gemm,
      .need = &(const struct weight_need){ .rank = 2, .axis = 1, .transposed = "transB", .transposes = "transA" },
      .schemas = SCHEMAS({ 1, 6, "Tf T T > T", "alpha:f beta:f broadcast:i transA:i transB:i" },
                         { 7, 10, "Tf9iw T T > T", "alpha:f beta:f transA:i transB:i" },
                         { 11, LATEST, "Tl13h T ?T > T", "alpha:f beta:f transA:i transB:i" }) },
    { "MatMul", 1, LATEST, .symbol = '@', .gradient = gradient_matmul, .run = run_matmul, .shape = shape_matmul,
      .need = &(const struct weight_need){ .axis = -1, .weight_axis = -2 },
      .schemas = SCHEMAS({ 1, LATEST, "Tf9iw13h T > T", "" }) },
    { 0 },
};
