/* SPDX-License-Identifier: Apache-2.0
 *
 * Products of quantized numbers: MatMulInteger, QLinearMatMul, ConvInteger, QLinearConv.
 *
 * Small whole numbers less their zero points are multiplied and added in double, where they are exact (terms below
 * 2^18, so more than 2^35 of them), by the products and convolutions that real numbers use. */
#include "onnx/shape/rules.h"
#include "onnx/shape/slide.h"
#include "runtime/element.h"
#include "runtime/formula.h"
#include "runtime/math/product.h"
#include "runtime/ops/conv.h"
#include "runtime/ops/operators.h"
#include "runtime/ops/quant.h"

#include <math.h>
#include <string.h>

/* A scale or zero point stretched over a tensor: one element for all, a vector along `axis`, or broadcast. */
struct stretched {
    const struct array *array; /* NULL: reads as `absent` */
    double absent;
    int rank;
    const int64_t *dims;
    int64_t by[ARRAY_MAX_RANK];
};

static bool stretch(struct call *call, size_t slot, double absent, int rank, const int64_t *dims, int axis,
                    struct stretched *s)
{
    const struct array *array = call_input(call, slot);
    *s = (struct stretched){ .array = array, .absent = absent, .rank = rank, .dims = dims };
    if (!array) return true;
    if (!(is_real(array) || is_whole(array))) return call_fail(call, "needs numbers as input %zu", slot + 1);
    if (array->count == 1) return true;
    bool fits = array->rank <= rank;
    if (array->rank == 1 && rank > 0) {
        fits = axis < rank && array->count == dims[axis];
        s->by[axis] = 1;
    }
    for (int i = 0; fits && array->rank > 1 && i < array->rank; i++) {
        int to = rank - array->rank + i;
        fits = array->dims[i] == 1 || array->dims[i] == dims[to];
        s->by[to] = array->dims[i] == 1 ? 0 : dims_product(array->dims, i + 1, array->rank);
    }
    if (!fits) return call_fail(call, "has an input %zu whose shape does not fit what it scales", slot + 1);
    return true;
}

static double stretched_at(const struct stretched *s, int64_t i)
{
    int64_t at = 0;
    if (!s->array) return s->absent;
    if (s->array->count == 1) return element_real(s->array, 0);
    for (int axis = s->rank - 1; axis >= 0; axis--) {
        at += i % s->dims[axis] * s->by[axis];
        i /= s->dims[axis];
    }
    return element_real(s->array, at);
}

/* Input `slot` less its zero point, in double. NULL after call_fail. */
static struct array *centerd(struct call *call, size_t slot, size_t zero_slot, int axis)
{
    const struct array *x = call_input(call, slot);
    struct stretched zero;
    double least = 0, greatest = 0;
    if (!x || !quant_range(x->type, &least, &greatest) || dtype_bits(x->type) > 8) {
        call_fail(call, "needs a tensor of 8 bits as input %zu", slot + 1);
        return NULL;
    }
    if (!stretch(call, zero_slot, 0, x->rank, x->dims, axis, &zero)) return NULL;
    struct array *y = array_new(call->pool, DTYPE_DOUBLE, STORE_F64, x->rank, x->dims);
    for (int64_t i = 0; i < x->count; i++) y->f64[i] = element_real(x, i) - stretched_at(&zero, i);
    return y;
}

/* ---- Matrix products ---- */

/* numpy.matmul: a vector counts as a matrix of one row (left) or column (right), which the result lacks. */
struct matmul {
    struct array *a, *b;
    int64_t rows, depth, columns;
    int batch_rank, rank;         /* of the batch dims, and of the result */
    int64_t dims[ARRAY_MAX_RANK]; /* of the result */
};

static bool matmul_dims(struct call *call, struct matmul *m)
{
    const struct array *a = m->a, *b = m->b;
    bool is_row = a->rank == 1, is_column = b->rank == 1;
    if (a->rank < 1 || b->rank < 1) return call_fail(call, "multiplies a scalar");
    m->rows = is_row ? 1 : a->dims[a->rank - 2];
    m->depth = a->dims[a->rank - 1];
    m->columns = is_column ? 1 : b->dims[b->rank - 1];
    int64_t depth = is_column ? b->dims[0] : b->dims[b->rank - 2];
    if (depth != m->depth)
        return call_fail(call, "multiplies rows of %lld by columns of %lld", (long long)m->depth, (long long)depth);
    if (!broadcast_dims(is_row ? 0 : a->rank - 2, a->dims, is_column ? 0 : b->rank - 2, b->dims, &m->batch_rank,
                        m->dims))
        return call_fail(call, "has batch dimensions that do not broadcast");
    m->rank = m->batch_rank;
    if (!is_row) m->dims[m->rank++] = m->rows;
    if (!is_column) m->dims[m->rank++] = m->columns;
    return true;
}

/* Where the matrix for batch index `i` of the result begins in an operand, in matrices. */
static int64_t matrix_of(const struct matmul *m, const struct array *operand, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int d = m->batch_rank - 1, from = operand->rank - 3; d >= 0 && from >= 0; d--, from--) {
        int64_t index = i % m->dims[d];
        at += operand->dims[from] == 1 ? 0 : index * step;
        step *= operand->dims[from];
        i /= m->dims[d];
    }
    return at;
}

/* a times b in double, both from inputs less their zero points. NULL after call_fail. */
static struct array *multiply(struct call *call, struct matmul *m, size_t a, size_t a_zero, size_t b, size_t b_zero)
{
    const struct array *left = call_input(call, a), *right = call_input(call, b);
    m->a = centerd(call, a, a_zero, left && left->rank > 1 ? left->rank - 2 : 0);
    m->b = m->a ? centerd(call, b, b_zero, right && right->rank > 0 ? right->rank - 1 : 0) : NULL;
    if (!m->b || !matmul_dims(call, m)) return NULL;
    struct array *c = array_new(call->pool, DTYPE_DOUBLE, STORE_F64, m->rank, m->dims);
    int64_t count = c->count > 0 ? dims_product(m->dims, 0, m->batch_rank) : 0;
    struct operands *each = NEW_ARRAY(call->scratch, struct operands, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        each[i] = (struct operands){ .a = m->a->f64 + matrix_of(m, m->a, i) * m->rows * m->depth,
                                     .b = m->b->f64 + matrix_of(m, m->b, i) * m->depth * m->columns,
                                     .c = c->f64 + i * m->rows * m->columns };
    struct product product = product_packed(STORE_F64, m->rows, m->depth, m->columns);
    product.each = each;
    product.count = count;
    if (count > 0) product_run(call, &product);
    array_drop(m->a);
    array_drop(m->b);
    return c;
}

static void put_int32(struct call *call, struct array *sums)
{
    struct array *y = call_output(call, 0, DTYPE_INT32, sums->rank, sums->dims);
    for (int64_t i = 0; i < y->count; i++) y->i64[i] = (int64_t)sums->f64[i];
    array_drop(sums);
}

static bool matmul_integer(struct call *call)
{
    struct matmul m = { 0 };
    struct array *sums = multiply(call, &m, 0, 2, 1, 3);
    if (!sums) return false;
    put_int32(call, sums);
    return true;
}

/* ---- Back to quantized numbers: y = saturate(round(sum * (x_scale * w_scale / y_scale)) + y_zero) ---- */

struct requantizer {
    struct stretched x_scale, w_scale, y_scale, y_zero;
    enum dtype type, precision; /* precision of the factor; DOUBLE in an exact run */
    double least, greatest;
};

static bool read_requantizer(struct call *call, struct requantizer *q, const struct array *sums, const size_t *slots,
                             const int *axes)
{
    struct stretched *const scales[] = { &q->x_scale, &q->w_scale, &q->y_scale, &q->y_zero };
    for (int i = 0; i < 4; i++) {
        if (!call_input(call, slots[i])) return call_fail(call, "needs input %zu", slots[i] + 1);
        if (!stretch(call, slots[i], 0, sums->rank, sums->dims, axes[i], scales[i])) return false;
    }
    q->type = q->y_zero.array->type;
    q->precision = call->exact ? DTYPE_DOUBLE : q->x_scale.array->type;
    if (dtype_kind(q->type) != KIND_WHOLE || !quant_range(q->type, &q->least, &q->greatest))
        return call_unsupported(call, "cannot requantize to %s", dtype_name(q->type));
    if (dtype_kind(q->precision) != KIND_REAL) return call_fail(call, "needs real scales");
    return true;
}

static void requantize(struct call *call, const struct requantizer *q, struct array *sums)
{
    struct array *y = call_output(call, 0, q->type, sums->rank, sums->dims);
    for (int64_t i = 0; i < y->count; i++) {
        double factor = dtype_round(q->precision, stretched_at(&q->x_scale, i) * stretched_at(&q->w_scale, i));
        factor = dtype_round(q->precision, factor / stretched_at(&q->y_scale, i));
        y->i64[i] = quant_whole(sums->f64[i] * factor, stretched_at(&q->y_zero, i), q->least, q->greatest);
    }
    array_drop(sums);
}

static bool qlinear_matmul(struct call *call)
{
    static const size_t slots[] = { 1, 4, 6, 7 };
    struct matmul m = { 0 };
    struct requantizer q = { 0 };
    struct array *sums = multiply(call, &m, 0, 2, 3, 5);
    if (!sums) return false;
    int last = sums->rank > 0 ? sums->rank - 1 : 0, row = sums->rank > 1 ? sums->rank - 2 : 0;
    if (!read_requantizer(call, &q, sums, slots, (int[]){ row, last, last, last })) return false;
    requantize(call, &q, sums);
    return true;
}

/* ---- Convolutions ---- */

/* The slots of input and weight, their zero points, and the bias. */
struct conv_slots {
    size_t x, x_zero, w, w_zero, bias;
};

static struct array *convolve(struct call *call, const struct conv_slots *slots)
{
    const struct array *bias = call_input(call, slots->bias);
    struct array *x = centerd(call, slots->x, slots->x_zero, 1);
    struct array *w = x ? centerd(call, slots->w, slots->w_zero, 0) : NULL;
    if (!w) return NULL;
    if (bias && !is_whole(bias)) {
        call_fail(call, "needs a bias of whole numbers");
        return NULL;
    }
    struct array *real_bias = bias ? array_stored(call_input(call, slots->bias), STORE_F64) : NULL;
    struct array *sums = conv(call, x, w, real_bias);
    array_drop(x);
    array_drop(w);
    array_drop(real_bias);
    return sums;
}

static bool conv_integer(struct call *call)
{
    static const struct conv_slots slots = { 0, 2, 1, 3, NO_INPUT };
    struct array *sums = convolve(call, &slots);
    if (!sums) return false;
    put_int32(call, sums);
    return true;
}

static bool qlinear_conv(struct call *call)
{
    static const struct conv_slots slots = { 0, 2, 3, 5, 8 };
    static const size_t scales[] = { 1, 4, 6, 7 };
    static const int axes[] = { 1, 1, 1, 1 };
    struct requantizer q = { 0 };
    struct array *sums = convolve(call, &slots);
    if (!sums || !read_requantizer(call, &q, sums, scales, axes)) return false;
    requantize(call, &q, sums);
    return true;
}

/* ---- com.microsoft: formulas of them ---- */

/* ai.onnx's QLinearConv, or with the channels last. */
static bool qlinear_conv_formula(struct call *call)
{
    struct formula f;
    struct array *inputs[9];
    bool last = node_int(call->node, "channels_last", 0) != 0;
    formula_open(&f, call);
    for (size_t i = 0; i < 9; i++) inputs[i] = call_input(call, i);
    if (last) inputs[0] = formula_channels_first(&f, inputs[0]);
    struct array *y = formula_own(&f, call->node->op, inputs, 9);
    formula_give(&f, 0, last ? formula_channels_last(&f, y) : y);
    return formula_close(&f);
}

/* sums * (a_scale * b_scale), and a bias; sums are whole. */
static struct array *scaled_sums(struct formula *f, struct array *sums, struct array *a_scale, struct array *b_scale,
                                 struct array *bias)
{
    if (!sums || !a_scale || !b_scale) return formula_fail(f, "has no scale");
    struct array *real = formula_cast(f, sums, b_scale->type);
    struct array *y = formula_mul(f, real, formula_mul(f, a_scale, b_scale));
    return bias ? formula_add(f, y, bias) : y;
}

static bool dynamic_quantize_matmul(struct call *call)
{
    struct formula f;
    struct array *a[3];
    formula_open(&f, call);
    formula_quantized_by_range(&f, call_input(call, 0), a);
    struct array *sums =
        formula_op(&f, "MatMulInteger", NULL, FROM(a[0], call_input(call, 1), a[2], call_input(call, 3)));
    formula_give(&f, 0, scaled_sums(&f, sums, a[1], call_input(call, 2), call_input(call, 4)));
    return formula_close(&f);
}

/* Sums of products of 16 bits, in 32. */
static bool matmul_integer_16(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *a = formula_cast(&f, call_input(call, 0), DTYPE_INT32);
    formula_give(&f, 0, formula_matmul(&f, a, formula_cast(&f, call_input(call, 1), DTYPE_INT32)));
    return formula_close(&f);
}

static bool matmul_integer_to_float(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *sums =
        formula_op(&f, "MatMulInteger", NULL,
                   FROM(call_input(call, 0), call_input(call, 1), call_input(call, 4), call_input(call, 5)));
    formula_give(&f, 0, scaled_sums(&f, sums, call_input(call, 2), call_input(call, 3), call_input(call, 6)));
    return formula_close(&f);
}

/* Real without a scale for the result, else quantized. C is whole, in units of the sums. */
static bool quantized_gemm(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *a = call_input(call, 0), *b = call_input(call, 3), *c = call_input(call, 6);
    if (node_int(call->node, "transA", 0)) a = formula_turned(&f, a);
    if (node_int(call->node, "transB", 0)) b = formula_turned(&f, b);
    struct array *sums = formula_op(&f, "MatMulInteger", NULL, FROM(a, b, call_input(call, 2), call_input(call, 5)));
    if (c) sums = formula_add(&f, sums, c);
    struct array *scale = formula_scaled(&f, call_input(call, 1), (double)node_float(call->node, "alpha", 1));
    struct array *y = scaled_sums(&f, sums, scale, call_input(call, 4), NULL);
    if (call_input(call, 7) && !f.failed) y = formula_quantized(&f, y, 7, call_input(call, 0)->type);
    formula_give(&f, 0, y);
    return formula_close(&f);
}

/* ---- shapes ---- */

static bool shape_quantized_conv(struct shaping *s)
{
    return slide_convolve(s, 3, rule_type(s));
}

static bool shape_quantized_matmul(struct shaping *s)
{
    return shape_matmul_of(s, 0, 3, rule_type(s));
}

static bool shape_dynamic_matmul(struct shaping *s)
{
    return shape_matmul_of(s, 0, 1, DTYPE_FLOAT);
}

static bool shape_quantized_gemm(struct shaping *s)
{
    return set_rank(s, 0, node_input(s->node, 7) ? input_type(s, 0) : input_type(s, 1), 2);
}

static bool shape_any_quantized_conv(struct shaping *s)
{
    enum dtype type = input_type(s, 7);
    if (node_int(s->node, "channels_last", 0)) return set_rank(s, 0, type, input_rank(s, 0));
    return slide_convolve(s, 3, type);
}

const struct operator_row integer_operators[] = {
    { "ConvInteger", 10, LATEST, .run = conv_integer, .shape = shape_conv, .type = DTYPE_INT32,
      .schemas = SCHEMAS(
          { 10, LATEST, "Ty Uy ?T ?U > i32", AUTO_PAD "dilations:N group:n kernel_shape:N pads:P strides:N" }) },
    { "MatMulInteger", 10, LATEST, .run = matmul_integer, .shape = shape_matmul, .type = DTYPE_INT32,
      .schemas = SCHEMAS({ 10, LATEST, "Ty Uy ?T ?U > i32", "" }) },
    { "QLinearConv", 10, LATEST, .limits = { [1] = LIMIT_POSITIVE, [4] = LIMIT_POSITIVE, [6] = LIMIT_POSITIVE },
      .run = qlinear_conv, .shape = shape_quantized_conv, .type_from = 7,
      .schemas = SCHEMAS({ 10, LATEST, "Ty f32[1] T[1] Uy[m.] f32 U f32[1] Vy[1] ?i32[m] > V",
                           AUTO_PAD "dilations:N group:n kernel_shape:N pads:P strides:N" }) },
    { "QLinearMatMul", 10, LATEST, .limits = { [1] = LIMIT_POSITIVE, [4] = LIMIT_POSITIVE, [6] = LIMIT_POSITIVE },
      .run = qlinear_matmul, .shape = shape_quantized_matmul, .type_from = 7,
      .schemas = SCHEMAS({ 10, 20, "Ty f32 T[=] Uy f32 U[=] f32 Vy[=] > V", "" },
                         { 21, LATEST, "Tye Urth T[=] Vye U V[=] U Wye[=] > W", "" }) },
    { "com.microsoft:DynamicQuantizeMatMul", 1, LATEST, .limits = { [2] = LIMIT_POSITIVE },
      .run = dynamic_quantize_matmul, .shape = shape_dynamic_matmul, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "f32 Ty f32 ?T ?f32 > f32", "" }) },
    { "com.microsoft:MatMulInteger16", 1, LATEST, .run = matmul_integer_16, .shape = shape_matmul, .type = DTYPE_INT32,
      .schemas = SCHEMAS({ 1, LATEST, "Tvm Uvm > i32", "" }) },
    { "com.microsoft:MatMulIntegerToFloat", 1, LATEST, .limits = { [2] = LIMIT_POSITIVE, [3] = LIMIT_POSITIVE },
      .run = matmul_integer_to_float, .shape = shape_matmul, .type_from = 2,
      .schemas = SCHEMAS({ 1, LATEST, "Ty Uy Vrt V ?T ?U ?V > V", "" }) },
    { "com.microsoft:QGemm", 1, LATEST, .limits = { [1] = LIMIT_POSITIVE, [4] = LIMIT_POSITIVE, [7] = LIMIT_POSITIVE },
      .run = quantized_gemm, .shape = shape_quantized_gemm,
      .schemas =
          SCHEMAS({ 1, LATEST, "Ty[__] Rr[1] T[1] Uy[__] R U ?i32 ?R[1] ?.ry[1] > .", "alpha:f transA:i transB:i" }) },
    { "com.microsoft:QLinearConv", 1, LATEST,
      .limits = { [1] = LIMIT_POSITIVE, [4] = LIMIT_POSITIVE, [6] = LIMIT_POSITIVE }, .run = qlinear_conv_formula,
      .shape = shape_any_quantized_conv, .type_from = 7, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Ty f32 T Uy f32 U f32 Vy ?i32 > V",
                           AUTO_PAD "channels_last:i dilations:I group:i kernel_shape:I pads:I strides:I" }) },
    { 0 },
};
