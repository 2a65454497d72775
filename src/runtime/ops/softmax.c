/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax, LogSoftmax and Hardmax. Until opset 12 the dimensions from `axis` on count as one; from 13 on it is one
 * dimension. Either way the input is [outer, dim, inner], and the largest element is subtracted first. */
#include "runtime/kernel.h"
#include "runtime/math/real_math.h"
#include "runtime/ops/operators.h"

#include <math.h>

struct view {
    int64_t outer, dim, inner;
};

/* `columns` columns of `dim` elements each, `stride` apart; more than one of them lie side by side. */
typedef void (*block_function)(const void *from, void *to, int64_t dim, int64_t stride, int64_t columns);

#define COLUMNS 32 /* in a block */
#define LANES   8  /* of a single row */

/* NaN is larger than everything. */
#define LARGER(a, b) ((((a) > (b)) | ((a) != (a))) ? (a) : (b))

#define LARGEST                                                      \
    double largest[COLUMNS];                                         \
    for (int64_t c = 0; c < columns; c++) largest[c] = (double)x[c]; \
    for (int64_t i = 1; i < dim; i++)                                \
        for (int64_t c = 0; c < columns; c++) {                      \
            double value = (double)x[i * stride + c];                \
            largest[c] = LARGER(value, largest[c]);                  \
        }

#define SOFTMAX(name, type, exponential)                                                                           \
    VECTOR_CLONES static void name(const void *from, void *to, int64_t dim, int64_t stride, int64_t columns)       \
    {                                                                                                              \
        const type *restrict x = from;                                                                             \
        type *restrict y = to;                                                                                     \
        double sums[COLUMNS] = { 0 };                                                                              \
        if (columns == 1 && stride == 1) {                                                                         \
            name##_row(x, y, dim);                                                                                 \
            return;                                                                                                \
        }                                                                                                          \
        LARGEST                                                                                                    \
        for (int64_t i = 0; i < dim; i++)                                                                          \
            for (int64_t c = 0; c < columns; c++)                                                                  \
                y[i * stride + c] = (type)exponential((double)x[i * stride + c] - largest[c]);                     \
        for (int64_t i = 0; i < dim; i++)                                                                          \
            for (int64_t c = 0; c < columns; c++) sums[c] += (double)y[i * stride + c];                            \
        for (int64_t c = 0; c < columns; c++) sums[c] = 1 / sums[c];                                               \
        for (int64_t i = 0; i < dim; i++)                                                                          \
            for (int64_t c = 0; c < columns; c++) y[i * stride + c] = (type)((double)y[i * stride + c] * sums[c]); \
    }

/* A single row of elements side by side, dealt out to lanes. */
#define SOFTMAX_ROW(name, type, exponential)                                                   \
    VECTOR_CLONES static void name(const type *restrict x, type *restrict y, int64_t dim)      \
    {                                                                                          \
        double largest[LANES], sums[LANES] = { 0 }, most = (double)x[0], sum = 0;              \
        int64_t whole = dim / LANES * LANES;                                                   \
        for (int l = 0; l < LANES; l++) largest[l] = most;                                     \
        for (int64_t i = 0; i < whole; i += LANES)                                             \
            for (int l = 0; l < LANES; l++) largest[l] = LARGER((double)x[i + l], largest[l]); \
        for (int64_t i = whole; i < dim; i++) most = LARGER((double)x[i], most);               \
        for (int l = 0; l < LANES; l++) most = LARGER(largest[l], most);                       \
        for (int64_t i = 0; i < dim; i++) y[i] = (type)exponential((double)x[i] - most);       \
        for (int64_t i = 0; i < whole; i += LANES)                                             \
            for (int l = 0; l < LANES; l++) sums[l] += (double)y[i + l];                       \
        for (int64_t i = whole; i < dim; i++) sum += (double)y[i];                             \
        for (int l = 0; l < LANES; l++) sum += sums[l];                                        \
        sum = 1 / sum;                                                                         \
        for (int64_t i = 0; i < dim; i++) y[i] = (type)((double)y[i] * sum);                   \
    }

#define LOG_SOFTMAX(name, type, exponential)                                                                      \
    VECTOR_CLONES static void name(const void *from, void *to, int64_t dim, int64_t stride, int64_t columns)      \
    {                                                                                                             \
        const type *restrict x = from;                                                                            \
        type *restrict y = to;                                                                                    \
        double sums[COLUMNS] = { 0 };                                                                             \
        LARGEST                                                                                                   \
        for (int64_t i = 0; i < dim; i++)                                                                         \
            for (int64_t c = 0; c < columns; c++) sums[c] += exponential((double)x[i * stride + c] - largest[c]); \
        for (int64_t c = 0; c < columns; c++) sums[c] = log(sums[c]);                                             \
        for (int64_t i = 0; i < dim; i++)                                                                         \
            for (int64_t c = 0; c < columns; c++)                                                                 \
                y[i * stride + c] = (type)((double)x[i * stride + c] - largest[c] - sums[c]);                     \
    }

/* One for the first of the largest. */
#define HARDMAX(name, type)                                                                    \
    static void name(const void *from, void *to, int64_t dim, int64_t stride, int64_t columns) \
    {                                                                                          \
        for (int64_t c = 0; c < columns; c++) {                                                \
            const type *x = (const type *)from + c;                                            \
            type *y = (type *)to + c;                                                          \
            int64_t best = 0;                                                                  \
            for (int64_t i = 0; i < dim; i++) {                                                \
                if (x[i * stride] > x[best * stride]) best = i;                                \
                y[i * stride] = 0;                                                             \
            }                                                                                  \
            y[best * stride] = 1;                                                              \
        }                                                                                      \
    }

SOFTMAX_ROW(softmax_f32_row, float, quick_exp)
SOFTMAX_ROW(softmax_f64_row, double, exp)
SOFTMAX(softmax_f32, float, quick_exp)
SOFTMAX(softmax_f64, double, exp)
LOG_SOFTMAX(log_softmax_f32, float, quick_exp)
LOG_SOFTMAX(log_softmax_f64, double, exp)
HARDMAX(hardmax_f32, float)
HARDMAX(hardmax_f64, double)

struct blocks {
    block_function f32, f64;
};

struct passes {
    const struct array *x;
    struct array *y;
    struct view view;
    int64_t per_outer; /* blocks */
    block_function block;
};

static void run_blocks(const void *context, int64_t first, int64_t end, int member)
{
    const struct passes *p = context;
    int64_t element = (int64_t)store_size(p->x->store), inner = p->view.inner;
    (void)member;
    for (int64_t i = first; i < end; i++) {
        int64_t column = i % p->per_outer * COLUMNS, left = inner - column;
        int64_t start = (i / p->per_outer * p->view.dim * inner + column) * element;
        p->block((const char *)p->x->data + start, (char *)p->y->data + start, p->view.dim, inner,
                 left < COLUMNS ? left : COLUMNS);
    }
}

static bool run(struct call *call, const struct array *x, struct view view)
{
    const struct blocks *blocks = call->row->data;
    struct passes passes = { .x = x, .y = call_output(call, 0, x->type, x->rank, x->dims), .view = view };
    if (x->count == 0) return true;
    passes.per_outer = (view.inner + COLUMNS - 1) / COLUMNS;
    passes.block = x->store == STORE_F32 ? blocks->f32 : blocks->f64;
    int64_t count = view.outer * passes.per_outer;
    team_run(call->team, count, team_piece(count, x->count * 4), run_blocks, &passes);
    return true;
}

static bool real_input(struct call *call, struct array **x)
{
    *x = call_input(call, 0);
    if (*x && (*x)->store == call->real) return true;
    return call_fail(call, "input 0 must be a real tensor");
}

static bool from_axis_on(struct call *call)
{
    struct array *x;
    if (!real_input(call, &x)) return false;
    int64_t axis = node_int(call->node, "axis", 1);
    if (axis < -x->rank || axis > x->rank)
        return call_fail(call, "axis %lld does not exist in %d dimensions", (long long)axis, x->rank);
    int at = (int)(axis < 0 ? axis + x->rank : axis);
    return run(call, x, (struct view){ dims_product(x->dims, 0, at), dims_product(x->dims, at, x->rank), 1 });
}

static bool along_axis(struct call *call)
{
    struct array *x;
    int axis = 0;
    if (!real_input(call, &x)) return false;
    if (x->rank == 0) return run(call, x, (struct view){ 1, 1, 1 });
    if (!call_axis(call, node_int(call->node, "axis", -1), x->rank, &axis)) return false;
    return run(
        call, x,
        (struct view){ dims_product(x->dims, 0, axis), x->dims[axis], dims_product(x->dims, axis + 1, x->rank) });
}

#define BLOCKS(name)           \
    &(const struct blocks)     \
    {                          \
        name##_f32, name##_f64 \
    }

const struct operator_row softmax_operators[] = {
    { "Hardmax", 1, 12, .run = from_axis_on, .data = BLOCKS(hardmax) },
    { "Hardmax", 13, LATEST, .run = along_axis, .data = BLOCKS(hardmax) },
    { "LogSoftmax", 1, 12, .run = from_axis_on, .data = BLOCKS(log_softmax) },
    { "LogSoftmax", 13, LATEST, .run = along_axis, .data = BLOCKS(log_softmax) },
    { "Softmax", 1, 12, .run = from_axis_on, .data = BLOCKS(softmax) },
    { "Softmax", 13, LATEST, .run = along_axis, .data = BLOCKS(softmax) },
    { 0 },
};
