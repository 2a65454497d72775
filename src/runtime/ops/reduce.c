/* SPDX-License-Identifier: Apache-2.0
 *
 * Reductions, positions of extremes, and running sums.
 *
 * A reduction sees its input as [outer, reduced, inner] and accumulates in double (or int64) a block of inner columns
 * at a time; where the reduced dimensions are not adjacent they are brought together first. With one column, its
 * elements are dealt out to lanes that are merged in the end: the order of the sum never depends on threads. */
#include "onnx/shape/content.h"
#include "onnx/shape/rules.h"
#include "runtime/gradient.h"
#include "runtime/math/layout.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

#define COLUMNS 64 /* in a block */
#define LANES   8  /* of a single column */

union total {
    double real[COLUMNS];
    int64_t whole[COLUMNS];
};

/* totals[c] = step(totals[c], x[r * stride + c]) for all rows r. `shift` is what LogSumExp subtracts. */
typedef void (*accumulate)(union total *totals, const double *shift, const void *x, int64_t rows, int64_t stride,
                           int64_t columns);

#define STEP(name, type, total_type, member, expression)                                                       \
    static void name(union total *totals, const double *shift, const void *from, int64_t rows, int64_t stride, \
                     int64_t columns)                                                                          \
    {                                                                                                          \
        const type *data = from;                                                                               \
        (void)shift;                                                                                           \
        for (int64_t r = 0; r < rows; r++)                                                                     \
            for (int64_t c = 0; c < columns; c++) {                                                            \
                const total_type t = (total_type)totals->member[c], x = (total_type)data[r * stride + c];      \
                totals->member[c] = (__typeof__(totals->member[c]))(expression);                               \
            }                                                                                                  \
    }
#define REAL_STEP(name, expression_f32, expression_f64)   \
    STEP(name##_f32, float, double, real, expression_f32) \
    STEP(name##_f64, double, double, real, expression_f64)
#define WHOLE_STEP(name, expression) STEP(name##_i64, int64_t, uint64_t, whole, expression)

REAL_STEP(sum, t + x, t + x)
REAL_STEP(product, t *x, t *x)
REAL_STEP(absolute, t + fabs(x), t + fabs(x))
REAL_STEP(square, t + x * x, t + x * x)
REAL_STEP(largest, ((x > t) | (x != x)) ? x : t, ((x > t) | (x != x)) ? x : t)
REAL_STEP(smallest, ((x < t) | (x != x)) ? x : t, ((x < t) | (x != x)) ? x : t)
REAL_STEP(exponential, t + exp(x - shift[c]), t + exp(x - shift[c]))
WHOLE_STEP(sum, t + x)
WHOLE_STEP(product, t *x)
WHOLE_STEP(absolute, t + ((int64_t)x < 0 ? 0 - x : x))
WHOLE_STEP(square, t + x * x)
STEP(largest_i64, int64_t, int64_t, whole, x > t ? x : t)
STEP(smallest_i64, int64_t, int64_t, whole, x < t ? x : t)
STEP(largest_u64, int64_t, uint64_t, whole, x > t ? x : t)
STEP(smallest_u64, int64_t, uint64_t, whole, x < t ? x : t)

struct steps {
    accumulate f32, f64, i64, u64;
};

#define STEPS(name)                              \
    {                                            \
        name##_f32, name##_f64, name##_i64, NULL \
    }

static const struct steps sums = STEPS(sum), products = STEPS(product),
                          largests = { largest_f32, largest_f64, largest_i64, largest_u64 },
                          smallests = { smallest_f32, smallest_f64, smallest_i64, smallest_u64 };

enum empty { EMPTY_ZERO, EMPTY_ONE, EMPTY_LEAST, EMPTY_MOST };

struct reduction {
    struct steps steps;
    const struct steps *merge; /* of lanes */
    enum empty empty;          /* the result for no elements, which totals start with */
    double (*finish)(double total, double count);
    bool is_real;        /* whole numbers are computed as real ones */
    bool is_exponential; /* two rounds: the largest first */
};

static double divide_by_count(double total, double count)
{
    return total / count;
}

static double take_root(double total, double count)
{
    (void)count;
    return sqrt(total);
}

static double take_log(double total, double count)
{
    (void)count;
    return log(total);
}

static accumulate step_for(const struct steps *steps, const struct array *x)
{
    if (x->store == STORE_F32) return steps->f32;
    if (x->store == STORE_F64) return steps->f64;
    return x->type == DTYPE_UINT64 && steps->u64 ? steps->u64 : steps->i64;
}

/* The end of a whole type's range. */
static int64_t whole_limit(enum dtype type, bool most)
{
    int bits = type == DTYPE_BOOL ? 1 : dtype_bits(type);
    bool is_signed = type != DTYPE_BOOL && dtype_wrap(type, -1) < 0;
    if (!is_signed) return !most ? 0 : bits == 64 ? -1 : ((int64_t)1 << bits) - 1;
    int64_t largest = (int64_t)(((uint64_t)1 << (bits - 1)) - 1);
    return most ? largest : -largest - 1;
}

static void start_totals(union total *totals, enum empty empty, const struct array *x, int64_t columns)
{
    static const double reals[] = { 0, 1, -INFINITY, INFINITY };
    int64_t whole = empty <= EMPTY_ONE ? empty == EMPTY_ONE : 0;
    if (x->store == STORE_I64 && empty >= EMPTY_LEAST) whole = whole_limit(x->type, empty == EMPTY_MOST);
    for (int64_t c = 0; c < columns; c++)
        if (x->store == STORE_I64) totals->whole[c] = whole;
        else totals->real[c] = reals[empty];
}

/* What is to be reduced: x as [outer, reduced, inner]. */
struct work {
    const struct reduction *reduction;
    const struct array *x;
    int64_t outer, reduced, inner;
};

static const void *element_at(const struct array *x, int64_t i)
{
    return (const char *)x->data + (size_t)i * store_size(x->store);
}

/* One column: lanes, then what is left over, then the lanes together. The merging steps of a store read its totals. */
static void run_column(const struct steps *steps, const struct steps *merge, union total *totals, const double *shift,
                       const struct work *work, int64_t start, enum empty empty)
{
    const struct array *x = work->x;
    const struct array as_total = { .type = x->type, .store = x->store == STORE_I64 ? STORE_I64 : STORE_F64 };
    double shifts[LANES];
    for (int i = 0; i < LANES; i++) shifts[i] = shift ? shift[0] : 0;
    start_totals(totals, empty, x, LANES);
    int64_t rows = work->reduced / LANES, rest = work->reduced % LANES;
    accumulate step = step_for(steps, x), join = step_for(merge, &as_total);
    step(totals, shifts, element_at(x, start), rows, LANES, LANES);
    step(totals, shifts, element_at(x, start + rows * LANES), 1, LANES, rest);
    union total lanes = *totals;
    join(totals, shifts, (const char *)&lanes + sizeof lanes.real[0], LANES - 1, 1, 1);
}

static void run_columns(const struct steps *steps, const struct steps *merge, union total *totals, const double *shift,
                        const struct work *work, int64_t start, int64_t columns, enum empty empty)
{
    if (work->inner == 1) {
        run_column(steps, merge, totals, shift, work, start, empty);
        return;
    }
    start_totals(totals, empty, work->x, columns);
    step_for(steps, work->x)(totals, shift, element_at(work->x, start), work->reduced, work->inner, columns);
}

static void reduce_block(const struct work *work, int64_t outer, int64_t column, int64_t columns, struct array *y)
{
    const struct reduction *reduction = work->reduction;
    union total totals;
    double shift[COLUMNS] = { 0 };
    int64_t start = outer * work->reduced * work->inner + column, to = outer * work->inner + column;
    if (reduction->is_exponential) {
        run_columns(&largests, &largests, &totals, NULL, work, start, columns, EMPTY_LEAST);
        for (int64_t c = 0; c < columns; c++) shift[c] = totals.real[c];
    }
    run_columns(&reduction->steps, reduction->merge, &totals, shift, work, start, columns, reduction->empty);
    for (int64_t c = 0; c < columns; c++) {
        bool is_whole = y->store == STORE_I64;
        double total = is_whole ? (double)totals.whole[c] : totals.real[c];
        if (reduction->finish) total = reduction->finish(total, (double)work->reduced);
        if (reduction->is_exponential) total = isfinite(shift[c]) ? total + shift[c] : shift[c];
        if (is_whole) y->i64[to + c] = totals.whole[c];
        else if (y->store == STORE_F32) y->f32[to + c] = (float)total;
        else y->f64[to + c] = total;
    }
}

struct blocks {
    const struct work *work;
    struct array *y;
    int64_t per_row;
};

static void reduce_blocks(const void *context, int64_t first, int64_t end, int member)
{
    const struct blocks *blocks = context;
    (void)member;
    for (int64_t i = first; i < end; i++) {
        int64_t column = i % blocks->per_row * COLUMNS, left = blocks->work->inner - column;
        reduce_block(blocks->work, i / blocks->per_row, column, left < COLUMNS ? left : COLUMNS, blocks->y);
    }
}

static void reduce_work(const struct call *call, const struct work *work, struct array *y)
{
    struct blocks blocks = { work, y, (work->inner + COLUMNS - 1) / COLUMNS };
    int64_t count = work->outer * blocks.per_row;
    team_run(call->team, count, team_piece(count, work->x->count), reduce_blocks, &blocks);
}

/* The reduced dimensions brought together at the end, unless they are together. Owned by the caller. */
static struct array *gathered(const struct call *call, struct array *x, const bool *reduced, struct work *work)
{
    int rank = x->rank, first = rank, last = -1;
    for (int i = 0; i < rank; i++) {
        if (!reduced[i] || x->dims[i] == 1) continue;
        if (first == rank) first = i;
        last = i;
    }
    bool together = true;
    for (int i = first; i <= last; i++) together = together && (reduced[i] || x->dims[i] == 1);
    if (together) {
        work->outer = dims_product(x->dims, 0, first);
        work->reduced = dims_product(x->dims, first, last + 1);
        work->inner = last < 0 ? 1 : dims_product(x->dims, last + 1, rank);
        if (last < 0) work->outer = x->count;
        return array_keep(x);
    }
    struct layout packed = layout_packed(rank, x->dims), source = { 0 };
    int64_t dims[ARRAY_MAX_RANK];
    int next = 0;
    for (int wanted = 0; wanted <= 1; wanted++) {
        if (wanted) work->outer = dims_product(dims, 0, next);
        for (int i = 0; i < rank; i++) {
            if (reduced[i] != (wanted == 1)) continue;
            dims[next] = x->dims[i];
            source.steps[next++] = packed.steps[i];
        }
    }
    struct array *moved = array_new(call->pool, x->type, x->store, rank, dims);
    struct layout target = layout_packed(rank, dims);
    layout_copy(call, rank, dims, moved, &target, x, &source);
    work->inner = 1;
    work->reduced = work->outer > 0 ? x->count / work->outer : 0;
    return moved;
}

static bool read_axes(struct call *call, int rank, bool *reduced)
{
    const int64_t *axes = NULL;
    int64_t count = 0;
    if (call->node->opset >= (strcmp(call->node->op, "ReduceSum") == 0 ? 13 : 18)) {
        if (call_input(call, 1) && !call_list(call, 1, &axes, &count)) return false;
    } else {
        count = (int64_t)node_ints(call->node, "axes", &axes);
    }
    bool all = count == 0 && node_int(call->node, "noop_with_empty_axes", 0) == 0;
    for (int i = 0; i < rank; i++) reduced[i] = all;
    for (int64_t i = 0; i < count; i++) {
        int axis = 0;
        if (!call_axis(call, axes[i], rank, &axis)) return false;
        reduced[axis] = true;
    }
    return true;
}

/* The dims that stay: the reduced ones as 1, or gone. */
static int kept_dims(const struct array *x, const bool *reduced, bool keep, int64_t *dims)
{
    int rank = 0;
    for (int i = 0; i < x->rank; i++)
        if (!reduced[i]) dims[rank++] = x->dims[i];
        else if (keep) dims[rank++] = 1;
    return rank;
}

/* A mean of whole numbers is cut off like their quotient. */
static void divide_whole(struct array *y, int64_t count)
{
    for (int64_t i = 0; i < y->count && count > 0; i++) y->i64[i] /= count;
}

static bool reduce(struct call *call)
{
    const struct reduction *reduction = call->row->data;
    struct array *input = call_input(call, 0);
    bool reduced[ARRAY_MAX_RANK];
    int64_t dims[ARRAY_MAX_RANK];
    if (!input || input->store > STORE_I64) return call_fail(call, "input 0 must be a tensor of numbers");
    if (!read_axes(call, input->rank, reduced)) return false;
    int rank = kept_dims(input, reduced, node_int(call->node, "keepdims", 1) != 0, dims);

    struct work work = { .reduction = reduction };
    enum store store = input->store == STORE_I64 && reduction->is_real ? STORE_F64 : input->store;
    struct array *stored = array_stored(input, store);
    struct array *x = gathered(call, stored, reduced, &work);
    struct array *y = array_new(call->pool, x->type, x->store, rank, dims);
    work.x = x;
    /* Nothing to sum up but results wanted: outer and inner were counted with a dim of 0 among them. */
    if (x->count == 0 && y->count > 0) work.outer = y->count, work.reduced = 0, work.inner = 1;
    if (y->count > 0) reduce_work(call, &work, y);
    if (y->store == STORE_I64 && reduction->finish) divide_whole(y, work.reduced);
    array_drop(x);
    array_drop(stored);
    call_give(call, 0, array_stored(y, input->store));
    array_drop(y);
    return true;
}

/* ArgMax and ArgMin. The first NaN is further out than any number. */

static int compare_at(const struct array *x, int64_t a, int64_t b)
{
    if (x->store == STORE_I64 && x->type == DTYPE_UINT64) {
        uint64_t p = (uint64_t)x->i64[a], q = (uint64_t)x->i64[b];
        return (p > q) - (p < q);
    }
    if (x->store == STORE_I64) return (x->i64[a] > x->i64[b]) - (x->i64[a] < x->i64[b]);
    double p = x->store == STORE_F32 ? (double)x->f32[a] : x->f64[a];
    double q = x->store == STORE_F32 ? (double)x->f32[b] : x->f64[b];
    return (p > q) - (p < q);
}

static bool is_nan_at(const struct array *x, int64_t i)
{
    return x->store == STORE_F32 ? x->f32[i] != x->f32[i] : x->store == STORE_F64 && x->f64[i] != x->f64[i];
}

static int64_t extreme_along(const struct array *x, int64_t start, int64_t stride, int64_t dim, int sign, bool last)
{
    int64_t best = 0;
    for (int64_t i = 0; i < dim; i++) {
        int64_t at = start + i * stride;
        if (is_nan_at(x, at)) return i;
        int order = sign * compare_at(x, at, start + best * stride);
        if (order > 0 || (order == 0 && last)) best = i;
    }
    return best;
}

struct extremes {
    const struct array *x;
    struct array *y;
    int64_t inner, dim;
    int sign;
    bool last;
};

static void find_extremes(const void *context, int64_t first, int64_t end, int member)
{
    const struct extremes *e = context;
    (void)member;
    for (int64_t i = first; i < end; i++) {
        int64_t start = i / e->inner * e->dim * e->inner + i % e->inner;
        e->y->i64[i] = extreme_along(e->x, start, e->inner, e->dim, e->sign, e->last);
    }
}

static bool arg_extreme(struct call *call)
{
    struct array *x = call_input(call, 0);
    int axis = 0;
    bool reduced[ARRAY_MAX_RANK] = { false };
    int64_t dims[ARRAY_MAX_RANK];
    if (!x || x->store > STORE_I64) return call_fail(call, "input 0 must be a tensor of numbers");
    if (!call_axis(call, node_int(call->node, "axis", 0), x->rank, &axis)) return false;
    reduced[axis] = true;
    int rank = kept_dims(x, reduced, node_int(call->node, "keepdims", 1) != 0, dims);
    struct array *y = call_output(call, 0, DTYPE_INT64, rank, dims);
    if (x->dims[axis] == 0 && y->count > 0) return call_fail(call, "dimension %d is empty", axis);
    struct extremes extremes = { .x = x,
                                 .y = y,
                                 .inner = dims_product(x->dims, axis + 1, x->rank),
                                 .dim = x->dims[axis],
                                 .sign = call->row->data ? -1 : 1,
                                 .last = node_int(call->node, "select_last_index", 0) != 0 };
    team_run(call->team, y->count, team_piece(y->count, x->count), find_extremes, &extremes);
    return true;
}

/* CumSum and CumProd. */

#define RUNNING(name, type, total_type, operator)                                                              \
    static void name(void *to, const void *from, int64_t start, int64_t stride, int64_t dim, total_type total, \
                     bool exclusive)                                                                           \
    {                                                                                                          \
        for (int64_t i = 0; i < dim; i++) {                                                                    \
            total_type next = total operator(total_type)((const type *)from)[start + i * stride];              \
            ((type *)to)[start + i * stride] = (type)(exclusive ? total : next);                               \
            total = next;                                                                                      \
        }                                                                                                      \
    }

RUNNING(running_sum_f32, float, double, +)
RUNNING(running_sum_f64, double, double, +)
RUNNING(running_sum_i64, int64_t, uint64_t, +)
RUNNING(running_product_f32, float, double, *)
RUNNING(running_product_f64, double, double, *)
RUNNING(running_product_i64, int64_t, uint64_t, *)

struct running {
    void (*f32)(void *, const void *, int64_t, int64_t, int64_t, double, bool);
    void (*f64)(void *, const void *, int64_t, int64_t, int64_t, double, bool);
    void (*i64)(void *, const void *, int64_t, int64_t, int64_t, uint64_t, bool);
    int start;
};

static bool accumulate_along(struct call *call)
{
    const struct running *running = call->row->data;
    struct array *x = call_input(call, 0);
    const int64_t *wanted;
    int64_t count;
    int axis = 0;
    if (!x || x->store > STORE_I64) return call_fail(call, "input 0 must be a tensor of numbers");
    if (!call_list(call, 1, &wanted, &count)) return false;
    if (count != 1) return call_fail(call, "the axis must be one number");
    if (!call_axis(call, wanted[0], x->rank, &axis)) return false;
    struct array *y = call_output(call, 0, x->type, x->rank, x->dims);
    if (x->count == 0) return true;
    bool exclusive = node_int(call->node, "exclusive", 0) != 0, reverse = node_int(call->node, "reverse", 0) != 0;
    int64_t inner = dims_product(x->dims, axis + 1, x->rank), dim = x->dims[axis];
    for (int64_t i = 0; i < x->count / dim; i++) {
        int64_t start = i / inner * dim * inner + i % inner, stride = reverse ? -inner : inner;
        if (reverse) start += (dim - 1) * inner;
        if (x->store == STORE_F32) running->f32(y->data, x->data, start, stride, dim, running->start, exclusive);
        else if (x->store == STORE_F64) running->f64(y->data, x->data, start, stride, dim, running->start, exclusive);
        else running->i64(y->data, x->data, start, stride, dim, (uint64_t)running->start, exclusive);
    }
    return true;
}

/* ---- shapes ---- */

static bool drop_axes(struct shaping *s, const bool *marked, bool keep)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), count = 0;
    for (int i = 0; i < rank; i++) {
        if (!marked[i]) dims[count++] = input_dim(s, 0, i);
        else if (keep) dims[count++] = number_dim(1);
    }
    return set_output(s, 0, rule_type(s), count, dims);
}

static bool reduce_axes(struct shaping *s, const struct axes *axes)
{
    bool marked[SHAPE_MAX_RANK], keep = node_int(s->node, "keepdims", 1) != 0;
    int rank = input_rank(s, 0);
    if (rank < 0) return shape_any(s);
    if (axes->known == AXES_ABSENT || (axes->known == AXES_KNOWN && axes->count == 0)) {
        if (node_int(s->node, "noop_with_empty_axes", 0)) return set_like(s, 0, rule_type(s), 0);
        for (int i = 0; i < rank; i++) marked[i] = true;
        return drop_axes(s, marked, keep);
    }
    if (axes->known != AXES_KNOWN) return keep ? set_rank(s, 0, rule_type(s), rank) : shape_any(s);
    return mark_axes(axes, rank, marked) && drop_axes(s, marked, keep);
}

static bool shape_reduce_by_attribute(struct shaping *s)
{
    struct axes axes;
    axes_from_attribute(s, "axes", &axes);
    return reduce_axes(s, &axes);
}

static bool shape_reduce_by_input(struct shaping *s)
{
    struct axes axes;
    axes_from_input(s, 1, &axes);
    return reduce_axes(s, &axes);
}

static bool shape_arg_extreme(struct shaping *s)
{
    struct axes axes = { AXES_KNOWN, 1, { node_int(s->node, "axis", 0) } };
    return reduce_axes(s, &axes);
}

/* Over all elements of a list. */
static void content_reduce(struct shaping *s)
{
    struct small input, output;
    small_output(s, &output);
    if (!small_input(s, 0, &input) || input.rank != 1 || input.count == 0 || output.count != 1) return;
    int symbol = small_element(&input, 0);
    for (int64_t i = 1; i < input.count; i++) symbol = s->row->combine(s, symbol, small_element(&input, i));
    set_content(s, 0, &symbol);
}

#define OF(...)               \
    &(const struct reduction) \
    {                         \
        __VA_ARGS__           \
    }
#define ALONG(name, start)                        \
    &(const struct running)                       \
    {                                             \
        name##_f32, name##_f64, name##_i64, start \
    }

static const bool is_least = true;

const struct operator_row reduce_operators[] = {
    { "ArgMax", 1, LATEST, .gradient = gradient_flat, .run = arg_extreme, .shape = shape_arg_extreme,
      .type = DTYPE_INT64, .hides = true,
      .schemas = SCHEMAS({ 1, 11, ".n > i64", "axis:i keepdims:b" },
                         { 12, LATEST, ".n13h > i64", "axis:i keepdims:b select_last_index:i" }),
      .exact = EXACT_WHOLE },
    { "ArgMin", 1, LATEST, .gradient = gradient_flat, .run = arg_extreme, .data = &is_least, .shape = shape_arg_extreme,
      .type = DTYPE_INT64, .hides = true,
      .schemas = SCHEMAS({ 1, 11, ".n > i64", "axis:i keepdims:b" },
                         { 12, LATEST, ".n13h > i64", "axis:i keepdims:b select_last_index:i" }),
      .exact = EXACT_WHOLE },
    { "CumProd", 26, LATEST, .gradient = gradient_cumprod, .run = accumulate_along, .data = ALONG(running_product, 1),
      .shape = shape_same, .schemas = SCHEMAS({ 26, LATEST, "Tlh .i > T", "exclusive:b reverse:b" }) },
    { "CumSum", 11, LATEST, .gradient = gradient_cumsum, .run = accumulate_along, .data = ALONG(running_sum, 0),
      .shape = shape_same, .sizes = SLOT(1),
      .schemas = SCHEMAS({ 11, LATEST, "Tiwrg14th .i > T", "exclusive:b reverse:b" }), .exact = EXACT_WHOLE },
    { "ReduceL1", 1, 17, .gradient = gradient_reduce_l1, .run = reduce,
      .data = OF(STEPS(absolute), &sums, EMPTY_ZERO, NULL, false, false), .shape = shape_reduce_by_attribute,
      .laws = REDUCES, .within = { 0, INFINITY },
      .schemas = SCHEMAS({ 1, 17, "Tl13h > T", "axes:I keepdims:b" },
                         { 18, LATEST, "Tlh ?i64[] > T", "keepdims:b noop_with_empty_axes:b" }) },
    { "ReduceL1", 18, LATEST, .gradient = gradient_reduce_l1, .run = reduce,
      .data = OF(STEPS(absolute), &sums, EMPTY_ZERO, NULL, false, false), .shape = shape_reduce_by_input,
      .laws = REDUCES, .within = { 0, INFINITY } },
    { "ReduceL2", 1, 17, .gradient = gradient_reduce_l2, .run = reduce,
      .data = OF(STEPS(square), &sums, EMPTY_ZERO, take_root, true, false), .shape = shape_reduce_by_attribute,
      .laws = REDUCES, .within = { 0, INFINITY },
      .schemas = SCHEMAS({ 1, 17, "Tl13h > T", "axes:I keepdims:b" },
                         { 18, LATEST, "Tlh ?i64[] > T", "keepdims:b noop_with_empty_axes:b" }) },
    { "ReduceL2", 18, LATEST, .gradient = gradient_reduce_l2, .run = reduce,
      .data = OF(STEPS(square), &sums, EMPTY_ZERO, take_root, true, false), .shape = shape_reduce_by_input,
      .laws = REDUCES, .within = { 0, INFINITY } },
    { "ReduceLogSum", 1, 17, .gradient = gradient_reduce_log_sum, .run = reduce,
      .data = OF(STEPS(sum), &sums, EMPTY_ZERO, take_log, true, false), .shape = shape_reduce_by_attribute,
      .laws = REDUCES,
      .schemas = SCHEMAS({ 1, 17, "Tl13h > T", "axes:I keepdims:b" },
                         { 18, LATEST, "Tlh ?i64[] > T", "keepdims:b noop_with_empty_axes:b" }) },
    { "ReduceLogSum", 18, LATEST, .gradient = gradient_reduce_log_sum, .run = reduce,
      .data = OF(STEPS(sum), &sums, EMPTY_ZERO, take_log, true, false), .shape = shape_reduce_by_input,
      .laws = REDUCES },
    { "ReduceLogSumExp", 1, 17, .gradient = gradient_reduce_log_sum_exp, .run = reduce,
      .data = OF({ exponential_f32, exponential_f64, NULL, NULL }, &sums, EMPTY_ZERO, take_log, true, true),
      .shape = shape_reduce_by_attribute, .laws = REDUCES,
      .schemas = SCHEMAS({ 1, 17, "Tl13h > T", "axes:I keepdims:b" },
                         { 18, LATEST, "Tlh ?i64[] > T", "keepdims:b noop_with_empty_axes:b" }) },
    { "ReduceLogSumExp", 18, LATEST, .gradient = gradient_reduce_log_sum_exp, .run = reduce,
      .data = OF({ exponential_f32, exponential_f64, NULL, NULL }, &sums, EMPTY_ZERO, take_log, true, true),
      .shape = shape_reduce_by_input, .laws = REDUCES },
    { "ReduceMax", 1, 17, .gradient = gradient_reduce_extreme, .run = reduce,
      .data = OF({ largest_f32, largest_f64, largest_i64, largest_u64 }, &largests, EMPTY_LEAST, NULL, false, false),
      .shape = shape_reduce_by_attribute, .laws = REDUCES, .keeps_range = true, .hides = true,
      .content = content_reduce, .combine = combine_maximum, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 17, "Tl12y13h > T", "axes:I keepdims:b" },
                         { 18, LATEST, "Tlyh20b ?i64[] > T", "keepdims:b noop_with_empty_axes:b" }),
      .exact = EXACT_WHOLE },
    { "ReduceMax", 18, LATEST, .gradient = gradient_reduce_extreme, .run = reduce,
      .data = OF({ largest_f32, largest_f64, largest_i64, largest_u64 }, &largests, EMPTY_LEAST, NULL, false, false),
      .shape = shape_reduce_by_input, .laws = REDUCES, .keeps_range = true, .hides = true, .content = content_reduce,
      .combine = combine_maximum, .arithmetic = true, .exact = EXACT_WHOLE },
    { "ReduceMean", 1, 17, .gradient = gradient_reduce_mean, .run = reduce,
      .data = OF(STEPS(sum), &sums, EMPTY_ZERO, divide_by_count, false, false), .shape = shape_reduce_by_attribute,
      .laws = AVERAGES | REDUCES, .keeps_range = true, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 17, "Tl13h > T", "axes:I keepdims:b" },
                         { 18, LATEST, "Tlh ?i64[] > T", "keepdims:b noop_with_empty_axes:b" }) },
    { "ReduceMean", 18, LATEST, .gradient = gradient_reduce_mean, .run = reduce,
      .data = OF(STEPS(sum), &sums, EMPTY_ZERO, divide_by_count, false, false), .shape = shape_reduce_by_input,
      .laws = AVERAGES | REDUCES, .keeps_range = true, .arithmetic = true },
    { "ReduceMin", 1, 17, .gradient = gradient_reduce_extreme, .run = reduce,
      .data =
          OF({ smallest_f32, smallest_f64, smallest_i64, smallest_u64 }, &smallests, EMPTY_MOST, NULL, false, false),
      .shape = shape_reduce_by_attribute, .laws = REDUCES, .keeps_range = true, .hides = true,
      .content = content_reduce, .combine = combine_least, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 17, "Tl12y13h > T", "axes:I keepdims:b" },
                         { 18, LATEST, "Tlyh20b ?i64[] > T", "keepdims:b noop_with_empty_axes:b" }),
      .exact = EXACT_WHOLE },
    { "ReduceMin", 18, LATEST, .gradient = gradient_reduce_extreme, .run = reduce,
      .data =
          OF({ smallest_f32, smallest_f64, smallest_i64, smallest_u64 }, &smallests, EMPTY_MOST, NULL, false, false),
      .shape = shape_reduce_by_input, .laws = REDUCES, .keeps_range = true, .hides = true, .content = content_reduce,
      .combine = combine_least, .arithmetic = true, .exact = EXACT_WHOLE },
    { "ReduceProd", 1, 17, .gradient = gradient_reduce_prod, .run = reduce,
      .data = OF(STEPS(product), &products, EMPTY_ONE, NULL, false, false), .shape = shape_reduce_by_attribute,
      .laws = REDUCES, .content = content_reduce, .combine = combine_multiply, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 17, "Tl13h > T", "axes:I keepdims:b" },
                         { 18, LATEST, "Tlh ?i64[] > T", "keepdims:b noop_with_empty_axes:b" }),
      .exact = EXACT_WHOLE },
    { "ReduceProd", 18, LATEST, .gradient = gradient_reduce_prod, .run = reduce,
      .data = OF(STEPS(product), &products, EMPTY_ONE, NULL, false, false), .shape = shape_reduce_by_input,
      .laws = REDUCES, .content = content_reduce, .combine = combine_multiply, .arithmetic = true,
      .exact = EXACT_WHOLE },
    { "ReduceSum", 1, 12, .gradient = gradient_reduce_sum, .run = reduce,
      .data = OF(STEPS(sum), &sums, EMPTY_ZERO, NULL, false, false), .shape = shape_reduce_by_attribute,
      .laws = REDUCES, .content = content_reduce, .combine = combine_add, .arithmetic = true,
      .schemas = SCHEMAS({ 1, 12, "Tl > T", "axes:I keepdims:b" },
                         { 13, LATEST, "Tlh ?i64[] > T", "keepdims:b noop_with_empty_axes:b" }),
      .exact = EXACT_WHOLE },
    { "ReduceSum", 13, LATEST, .gradient = gradient_reduce_sum, .run = reduce,
      .data = OF(STEPS(sum), &sums, EMPTY_ZERO, NULL, false, false), .shape = shape_reduce_by_input, .laws = REDUCES,
      .content = content_reduce, .combine = combine_add, .arithmetic = true, .exact = EXACT_WHOLE },
    { "ReduceSumSquare", 1, 17, .gradient = gradient_reduce_sum_square, .run = reduce,
      .data = OF(STEPS(square), &sums, EMPTY_ZERO, NULL, false, false), .shape = shape_reduce_by_attribute,
      .laws = REDUCES, .within = { 0, INFINITY },
      .schemas = SCHEMAS({ 1, 17, "Tl13h > T", "axes:I keepdims:b" },
                         { 18, LATEST, "Tlh ?i64[] > T", "keepdims:b noop_with_empty_axes:b" }) },
    { "ReduceSumSquare", 18, LATEST, .gradient = gradient_reduce_sum_square, .run = reduce,
      .data = OF(STEPS(square), &sums, EMPTY_ZERO, NULL, false, false), .shape = shape_reduce_by_input, .laws = REDUCES,
      .within = { 0, INFINITY } },
    { 0 },
};
