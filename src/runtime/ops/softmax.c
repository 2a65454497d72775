/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax, LogSoftmax and Hardmax. Until opset 12 the dimensions from `axis` on count as one; from 13 on it is one
 * dimension. Either way the input is [outer, dim, inner], and the largest element is subtracted first. */
#include "onnx/shape/rules.h"
#include "runtime/gradient.h"
#include "runtime/kernel.h"
#include "runtime/math/simd.h"
#include "runtime/ops/operators.h"

struct view {
    int64_t outer, dim, inner;
};

/* `columns` columns of `dim` elements each, `stride` apart; more than one of them are adjacent. */
typedef void (*block_function)(const struct simd *simd, const void *from, void *to, int64_t dim, int64_t stride,
                               int64_t columns);

static void softmax_block(const struct simd *simd, const void *from, void *to, int64_t dim, int64_t stride,
                          int64_t columns)
{
    if (columns == 1 && stride == 1) simd->softmax[false](from, dim, to);
    else simd->softmax_columns(from, dim, stride, columns, false, to);
}

static void log_softmax_block(const struct simd *simd, const void *from, void *to, int64_t dim, int64_t stride,
                              int64_t columns)
{
    if (columns == 1 && stride == 1) simd->softmax[true](from, dim, to);
    else simd->softmax_columns(from, dim, stride, columns, true, to);
}

/* One for the first of the largest. */
#define HARDMAX(name, type)                                                                            \
    static void name(const struct simd *simd, const void *from, void *to, int64_t dim, int64_t stride, \
                     int64_t columns)                                                                  \
    {                                                                                                  \
        (void)simd;                                                                                    \
        for (int64_t c = 0; c < columns; c++) {                                                        \
            const type *x = (const type *)from + c;                                                    \
            type *y = (type *)to + c;                                                                  \
            int64_t best = 0;                                                                          \
            for (int64_t i = 0; i < dim; i++) {                                                        \
                if (x[i * stride] > x[best * stride]) best = i;                                        \
                y[i * stride] = 0;                                                                     \
            }                                                                                          \
            y[best * stride] = 1;                                                                      \
        }                                                                                              \
    }

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
    const struct simd *simd;
};

static void run_blocks(const void *context, int64_t first, int64_t end, int member)
{
    const struct passes *p = context;
    int64_t element = (int64_t)store_size(p->x->store), inner = p->view.inner;
    (void)member;
    for (int64_t i = first; i < end; i++) {
        int64_t column = i % p->per_outer * SOFTMAX_COLUMNS, left = inner - column;
        int64_t start = (i / p->per_outer * p->view.dim * inner + column) * element;
        p->block(p->simd, (const char *)p->x->data + start, (char *)p->y->data + start, p->view.dim, inner,
                 left < SOFTMAX_COLUMNS ? left : SOFTMAX_COLUMNS);
    }
}

static bool run(struct call *call, const struct array *x, struct view view)
{
    const struct blocks *blocks = call->row->data;
    struct passes passes = { .x = x, .y = call_output(call, 0, x->type, x->rank, x->dims), .view = view };
    if (x->count == 0) return true;
    passes.per_outer = (view.inner + SOFTMAX_COLUMNS - 1) / SOFTMAX_COLUMNS;
    passes.simd = simd_for(x->store, call->simd_row);
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

#define BLOCKS(f32, f64)   \
    &(const struct blocks) \
    {                      \
        f32, f64           \
    }

/* softmax(x + bias) along what follows `axis` */
static bool bias_softmax(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *sum = formula_with_bias(&f);
    int axis = 0;
    if (sum && !call_axis(call, node_int(call->node, "axis", 1), sum->rank, &axis)) f.failed = true;
    if (sum) {
        int64_t rows = dims_product(sum->dims, 0, axis), columns = dims_product(sum->dims, axis, sum->rank);
        struct array *flat = formula_reshaped(&f, sum, 2, (int64_t[]){ rows, columns });
        struct array *y = formula_op(&f, "Softmax", NULL, FROM(flat));
        formula_give(&f, 0, formula_reshaped(&f, y, sum->rank, sum->dims));
    }
    return formula_close(&f);
}

/* Before opset 11, which says what is accepted, the axis may be the rank: nothing is left behind it. */
static bool shape_from_axis_on(struct shaping *s)
{
    const bool may_be_rank = s->node->opset < 11 || !node_attribute(s->node, "axis");
    return may_be_rank && node_int(s->node, "axis", 1) == input_rank(s, 0) ? shape_same(s) : shape_along_axis(s);
}

const struct operator_row softmax_operators[] = {
    { "Hardmax", 1, 12, .run = from_axis_on, .data = BLOCKS(hardmax_f32, hardmax_f64), .shape = shape_from_axis_on,
      .keeps_shape = true, .within = { 0, 1 }, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Tf13h > T", "axis:i" }) },
    { "Hardmax", 13, LATEST, .run = along_axis, .data = BLOCKS(hardmax_f32, hardmax_f64), .shape = shape_along_axis,
      .keeps_shape = true, .within = { 0, 1 }, .hides = true },
    { "LogSoftmax", 1, 12, .gradient = gradient_log_softmax, .run = from_axis_on,
      .data = BLOCKS(log_softmax_block, log_softmax_block), .shape = shape_from_axis_on, .keeps_shape = true,
      .hides = true, .schemas = SCHEMAS({ 1, LATEST, "Tf13h > T", "axis:i" }) },
    { "LogSoftmax", 13, LATEST, .gradient = gradient_log_softmax, .run = along_axis,
      .data = BLOCKS(log_softmax_block, log_softmax_block), .shape = shape_along_axis, .keeps_shape = true,
      .hides = true },
    { "Softmax", 1, 12, .gradient = gradient_softmax, .run = from_axis_on, .data = BLOCKS(softmax_block, softmax_block),
      .shape = shape_from_axis_on, .keeps_shape = true, .within = { 0, 1 }, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Tf13h > T", "axis:i" }) },
    { "Softmax", 13, LATEST, .gradient = gradient_softmax, .run = along_axis,
      .data = BLOCKS(softmax_block, softmax_block), .shape = shape_along_axis, .keeps_shape = true, .within = { 0, 1 },
      .hides = true },
    { "com.microsoft:BiasSoftmax", 1, LATEST, .gradient = gradient_formula, .run = bias_softmax, .shape = shape_same,
      .within = { 0, 1 }, .hides = true, .schemas = SCHEMAS({ 1, LATEST, "Tf T > T", "axis:i is_inner_broadcast!i" }) },
    { 0 },
};
