/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax, LogSoftmax and Hardmax. Until opset 12 the dimensions from `axis` on count as one; from 13 on it is one
 * dimension. Either way the input is [outer, dim, inner], and the largest element is subtracted first. */
#include "runtime/kernel.h"
#include "runtime/real_math.h"

#include <math.h>

struct view {
    int64_t outer, dim, inner;
};

/* A column of `dim` elements, `stride` apart. */
typedef void (*column_function)(const void *from, void *to, int64_t dim, int64_t stride);

#define LARGEST(x)                                                                          \
    double largest = (double)(x)[0];                                                        \
    for (int64_t i = 1; i < dim; i++) {                                                     \
        double value = (double)(x)[i * stride];                                             \
        largest = value > largest || value != value ? value : largest;                      \
    }

#define SOFTMAX(name, type, exponential)                                                    \
    VECTOR_CLONES static void name(const void *from, void *to, int64_t dim, int64_t stride) \
    {                                                                                       \
        const type *x = from;                                                               \
        type *y = to;                                                                       \
        LARGEST(x)                                                                          \
        if (stride == 1)                                                                    \
            for (int64_t i = 0; i < dim; i++) y[i] = (type)exponential((double)x[i] - largest); \
        else                                                                                \
            for (int64_t i = 0; i < dim; i++)                                               \
                y[i * stride] = (type)exponential((double)x[i * stride] - largest);         \
        double sum = 0;                                                                     \
        for (int64_t i = 0; i < dim; i++) sum += (double)y[i * stride];                     \
        for (int64_t i = 0; i < dim; i++) y[i * stride] = (type)((double)y[i * stride] / sum); \
    }

#define LOG_SOFTMAX(name, type, exponential)                                                \
    static void name(const void *from, void *to, int64_t dim, int64_t stride)               \
    {                                                                                       \
        const type *x = from;                                                               \
        type *y = to;                                                                       \
        LARGEST(x)                                                                          \
        double sum = 0;                                                                     \
        for (int64_t i = 0; i < dim; i++) sum += exponential((double)x[i * stride] - largest); \
        double shift = log(sum);                                                            \
        for (int64_t i = 0; i < dim; i++)                                                   \
            y[i * stride] = (type)((double)x[i * stride] - largest - shift);                \
    }

/* One for the first of the largest. */
#define HARDMAX(name, type)                                                                 \
    static void name(const void *from, void *to, int64_t dim, int64_t stride)               \
    {                                                                                       \
        const type *x = from;                                                               \
        type *y = to;                                                                       \
        int64_t best = 0;                                                                   \
        for (int64_t i = 0; i < dim; i++) {                                                 \
            if (x[i * stride] > x[best * stride]) best = i;                                 \
            y[i * stride] = 0;                                                              \
        }                                                                                   \
        y[best * stride] = 1;                                                               \
    }

SOFTMAX(softmax_f32, float, quick_exp)
SOFTMAX(softmax_f64, double, exp)
LOG_SOFTMAX(log_softmax_f32, float, quick_exp)
LOG_SOFTMAX(log_softmax_f64, double, exp)
HARDMAX(hardmax_f32, float)
HARDMAX(hardmax_f64, double)

struct columns {
    column_function f32, f64;
};

struct passes {
    const struct array *x;
    struct array *y;
    struct view view;
    column_function column;
};

static void run_columns(const void *context, int64_t first, int64_t end, int member)
{
    const struct passes *p = context;
    int64_t element = (int64_t)store_size(p->x->store), inner = p->view.inner;
    (void)member;
    for (int64_t i = first; i < end; i++) {
        int64_t start = (i / inner * p->view.dim * inner + i % inner) * element;
        p->column((const char *)p->x->data + start, (char *)p->y->data + start, p->view.dim, inner);
    }
}

static bool run(struct call *call, const struct array *x, struct view view)
{
    const struct columns *columns = call->kernel->data;
    struct passes passes = { .x = x, .y = call_output(call, 0, x->type, x->rank, x->dims), .view = view };
    int64_t count = view.outer * view.inner;
    if (x->count == 0) return true;
    passes.column = x->store == STORE_F32 ? columns->f32 : columns->f64;
    team_run(call->team, count, team_piece(count, x->count * 4), run_columns, &passes);
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
    return run(call, x, (struct view){dims_product(x->dims, 0, at), dims_product(x->dims, at, x->rank), 1});
}

static bool along_axis(struct call *call)
{
    struct array *x;
    int axis = 0;
    if (!real_input(call, &x)) return false;
    if (x->rank == 0) return run(call, x, (struct view){1, 1, 1});
    if (!call_axis(call, node_int(call->node, "axis", -1), x->rank, &axis)) return false;
    return run(call, x, (struct view){dims_product(x->dims, 0, axis), x->dims[axis],
                                      dims_product(x->dims, axis + 1, x->rank)});
}

#define COLUMNS(name) &(const struct columns){name##_f32, name##_f64}

const struct kernel softmax_kernels[] = {
    { "Hardmax",     1, 12,     from_axis_on, COLUMNS(hardmax) },
    { "Hardmax",    13, LATEST, along_axis,   COLUMNS(hardmax) },
    { "LogSoftmax",  1, 12,     from_axis_on, COLUMNS(log_softmax) },
    { "LogSoftmax", 13, LATEST, along_axis,   COLUMNS(log_softmax) },
    { "Softmax",     1, 12,     from_axis_on, COLUMNS(softmax) },
    { "Softmax",    13, LATEST, along_axis,   COLUMNS(softmax) },
    { 0 },
};
