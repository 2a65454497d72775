/* SPDX-License-Identifier: Apache-2.0
 *
 * QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear.
 *
 *   y = saturate(round(x / scale) + zero)        x = (y - zero) * scale
 *
 * A scale belongs to the whole tensor, to an index of one axis, or to a block of `block_size` indices of one axis. The
 * division comes first and is rounded to the precision it is said to have: x * (1 / scale) is another number. */
#include "runtime/ops/quant.h"
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/formula.h"
#include "runtime/kernel.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

/* 8- and 4-bit floats: the greatest finite value, and the least magnitude that rounds beyond it (for 448 and 57344,
 * ties go to even, so 464 still is 448). What then becomes of it: infinity, NaN, or (4 bits) the greatest value. */
struct small_float {
    enum dtype type;
    double greatest, beyond, overflow;
};

static const struct small_float small_floats[] = {
    { DTYPE_FLOAT8E4M3FN, 448, 464, NAN },
    { DTYPE_FLOAT8E4M3FNUZ, 240, 248, NAN },
    { DTYPE_FLOAT8E5M2, 57344, 61440, INFINITY },
    { DTYPE_FLOAT8E5M2FNUZ, 57344, 61440, NAN },
    { DTYPE_FLOAT4E2M1, 6, 7, 6 },
};

static const struct small_float *find_small_float(enum dtype type)
{
    for (size_t i = 0; i < sizeof small_floats / sizeof *small_floats; i++)
        if (small_floats[i].type == type) return &small_floats[i];
    return NULL;
}

bool quant_range(enum dtype type, double *least, double *greatest)
{
    const struct small_float *small = find_small_float(type);
    if (small) {
        *greatest = small->greatest;
        *least = -small->greatest;
        return true;
    }
    int bits = dtype_bits(type);
    if (dtype_kind(type) != KIND_WHOLE || type == DTYPE_BOOL || bits > 16) return false;
    bool is_signed = dtype_wrap(type, -1) < 0;
    *greatest = ldexp(1, is_signed ? bits - 1 : bits) - 1;
    *least = is_signed ? -ldexp(1, bits - 1) : 0;
    return true;
}

int64_t quant_whole(double value, double zero_point, double least, double greatest)
{
    if (isnan(value)) value = 0;
    return (int64_t)fmin(fmax(rint(value) + zero_point, least), greatest);
}

/* With saturation infinity too becomes the greatest value. */
static double quant_small_float(const struct small_float *to, double value, bool saturate)
{
    if (isnan(value)) return value;
    if (saturate || to->type == DTYPE_FLOAT4E2M1) return fmin(fmax(value, -to->greatest), to->greatest);
    bool is_beyond = to->type == DTYPE_FLOAT8E4M3FN ? fabs(value) > to->beyond : fabs(value) >= to->beyond;
    return is_beyond ? copysign(to->overflow, value) : value;
}

/* The elements as rows of `inner`, `length` rows along the axis. The scale of element i of row (outer, along) is at
 * outer * by_outer + along / block * by_block + i * by_inner. */
struct grain {
    int64_t outer, length, inner;
    int64_t block, by_outer, by_block, by_inner;
};

static int64_t grain_row(const struct grain *grain, int64_t row)
{
    return row / grain->length * grain->by_outer + row % grain->length / grain->block * grain->by_block;
}

static bool read_blocks(struct call *call, const struct array *x, const struct array *scale, int axis,
                        struct grain *grain)
{
    int64_t block = node_int(call->node, "block_size", 0);
    int64_t blocks = block > 0 ? x->dims[axis] / block + (x->dims[axis] % block != 0) : 0;
    bool fits = block > 0 && scale->rank == x->rank;
    for (int i = 0; fits && i < x->rank; i++) fits = scale->dims[i] == (i == axis ? blocks : x->dims[i]);
    if (!fits)
        return call_fail(call, "has a scale whose shape does not fit its input and block_size=%lld", (long long)block);
    grain->block = block;
    grain->by_outer = blocks * grain->inner;
    grain->by_block = grain->inner;
    grain->by_inner = 1;
    return true;
}

/* A scale of one element is the whole tensor's whatever its rank; of rank 1 it runs along `axis`; else in blocks. */
static bool read_grain(struct call *call, const struct array *x, const struct array *scale, struct grain *grain)
{
    int axis = 0;
    *grain = (struct grain){ 1, 1, x->count, 1, 0, 0, 0 };
    bool blocked = call->node->opset >= 21 && node_int(call->node, "block_size", 0) != 0;
    if (scale->count == 1 && !blocked) return true;
    if (!call_axis(call, node_int(call->node, "axis", 1), x->rank, &axis)) return false;
    grain->outer = x->count ? dims_product(x->dims, 0, axis) : 0;
    grain->length = x->dims[axis];
    grain->inner = dims_product(x->dims, axis + 1, x->rank);
    if (blocked) return read_blocks(call, x, scale, axis, grain);
    if (scale->rank != 1 || scale->count != x->dims[axis])
        return call_fail(call, "has %lld scales for %lld elements along axis %d", (long long)scale->count,
                         (long long)x->dims[axis], axis);
    grain->by_block = 1;
    return true;
}

static bool same_dims(const struct array *a, const struct array *b)
{
    if (a->count == 1 && b->count == 1) return true;
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

static bool read_pair(struct call *call, const struct array **scale, const struct array **zero)
{
    *scale = call_input(call, 1);
    *zero = call_input(call, 2);
    if (!*scale || !(is_real(*scale) || is_whole(*scale))) return call_fail(call, "needs a scale");
    if (*zero && (!(is_real(*zero) || is_whole(*zero)) || !same_dims(*scale, *zero)))
        return call_fail(call, "needs a zero point of the shape of its scale");
    return true;
}

struct quantizer {
    const struct array *x, *scale, *zero;
    struct array *y;
    const struct small_float *small; /* NULL: a whole type */
    double least, greatest;
    enum dtype type;      /* to make */
    enum dtype precision; /* of the division; UNDEFINED: as it comes */
    bool saturate;
};

static void quantize_element(const struct quantizer *q, int64_t i, int64_t at)
{
    double value = element_real(q->x, i) / element_real(q->scale, at);
    double zero = q->zero ? element_real(q->zero, at) : 0;
    if (q->precision != DTYPE_UNDEFINED) value = dtype_round(q->precision, value);
    if (q->small) element_put(q->y, i, dtype_round(q->type, quant_small_float(q->small, value + zero, q->saturate)));
    else q->y->i64[i] = quant_whole(value, zero, q->least, q->greatest);
}

static void dequantize_element(const struct quantizer *q, int64_t i, int64_t at)
{
    double value = element_real(q->x, i) - (q->zero ? element_real(q->zero, at) : 0);
    element_put(q->y, i, value * element_real(q->scale, at));
}

struct elements {
    const struct quantizer *quantizer;
    const struct grain *grain;
    void (*compute)(const struct quantizer *q, int64_t i, int64_t at);
};

static void compute_rows(const void *context, int64_t first, int64_t end, int member)
{
    const struct elements *e = context;
    int64_t inner = e->grain->inner;
    (void)member;
    for (int64_t row = first; row < end; row++) {
        int64_t at = grain_row(e->grain, row);
        for (int64_t i = 0; i < inner; i++) e->compute(e->quantizer, row * inner + i, at + i * e->grain->by_inner);
    }
}

/* Calls `element` for every element i and the place of its scale. */
static void for_each_element(const struct call *call, const struct quantizer *q, const struct grain *grain,
                             void (*element)(const struct quantizer *q, int64_t i, int64_t at))
{
    int64_t rows = grain->outer * grain->length;
    struct elements elements = { q, grain, element };
    team_run(call->team, rows, team_piece(rows, q->x->count), compute_rows, &elements);
}

/* The type to make: of the zero point, or as the attribute says, or uint8. */
static bool read_quantized_type(struct call *call, const struct array *zero, enum dtype *type)
{
    int64_t wanted = node_int(call->node, "output_dtype", 0);
    if (zero && wanted && wanted != (int64_t)zero->type)
        return call_fail(call, "has output_dtype %s and a zero point of %s", dtype_name(wanted),
                         dtype_name(zero->type));
    *type = zero ? zero->type : wanted > 0 && wanted < DTYPE_COUNT ? (enum dtype)wanted : DTYPE_UINT8;
    return true;
}

static bool read_quantizer(struct call *call, struct quantizer *q)
{
    q->x = call_input(call, 0);
    if (!q->x || !(is_real(q->x) || is_whole(q->x))) return call_fail(call, "needs a tensor of numbers");
    if (!read_pair(call, &q->scale, &q->zero) || !read_quantized_type(call, q->zero, &q->type)) return false;
    if (!quant_range(q->type, &q->least, &q->greatest))
        return call_fail(call, "cannot quantize to %s", dtype_name(q->type));
    int64_t precision = node_int(call->node, "precision", 0);
    if (precision == 0) precision = q->scale->type == DTYPE_FLOAT8E8M0 ? DTYPE_FLOAT : q->scale->type;
    q->precision = !call->exact && dtype_kind(precision) == KIND_REAL ? (enum dtype)precision : DTYPE_UNDEFINED;
    q->saturate = node_int(call->node, "saturate", 1) != 0;
    q->small = find_small_float(q->type);
    return true;
}

static bool quantize(struct call *call)
{
    struct quantizer q = { 0 };
    struct grain grain;
    if (!read_quantizer(call, &q) || !read_grain(call, q.x, q.scale, &grain)) return false;
    q.y = call_output(call, 0, q.type, q.x->rank, q.x->dims);
    for_each_element(call, &q, &grain, quantize_element);
    return true;
}

static bool dequantize(struct call *call)
{
    struct quantizer q = { .x = call_input(call, 0) };
    struct grain grain;
    if (!q.x || !(is_real(q.x) || is_whole(q.x))) return call_fail(call, "needs a tensor of numbers");
    if (!read_pair(call, &q.scale, &q.zero) || !read_grain(call, q.x, q.scale, &grain)) return false;
    int64_t wanted = node_int(call->node, "output_dtype", 0);
    if (wanted == 0) wanted = q.scale->type;
    if (dtype_kind(wanted) != KIND_REAL) return call_fail(call, "cannot dequantize to %s", dtype_name(wanted));
    q.y = call_output(call, 0, (enum dtype)wanted, q.x->rank, q.x->dims);
    for_each_element(call, &q, &grain, dequantize_element);
    return true;
}

/* Scale and zero point from the range of x, widened to hold 0. All zeros: the scale is 1, as if nothing had a size. */
static bool dynamic_quantize(struct call *call)
{
    const struct array *x = call_input(call, 0);
    double least = 0, greatest = 0;
    if (!x || !is_real(x)) return call_fail(call, "needs a real tensor");
    for (int64_t i = 0; i < x->count; i++) {
        least = least_so_far(least, element_real(x, i));
        greatest = greatest_so_far(greatest, element_real(x, i));
    }
    enum dtype precision = call->exact ? DTYPE_DOUBLE : DTYPE_FLOAT;
    double scale = greatest > least ? dtype_round(precision, dtype_round(precision, greatest - least) / 255) : 1;
    double zero = rint(fmin(fmax(dtype_round(precision, -least / scale), 0), 255));
    if (!isfinite(scale)) zero = 0;
    struct array *y = call_output(call, 0, DTYPE_UINT8, x->rank, x->dims);
    for (int64_t i = 0; i < x->count; i++)
        y->i64[i] = quant_whole(dtype_round(precision, element_real(x, i) / scale), zero, 0, 255);
    element_put(call_output(call, 1, DTYPE_FLOAT, 0, NULL), 0, scale);
    call_output(call, 2, DTYPE_UINT8, 0, NULL)->i64[0] = (int64_t)zero;
    return true;
}

/* ---- shapes ---- */

/* A scale for each place along an axis, of opsets that have one. Those of blocks are not looked at. */
static bool scales_fit(struct shaping *s)
{
    struct dim merged;
    int axis;
    if (input_rank(s, 1) != 1 || input_dim(s, 1, 0).size <= 1 || node_int(s->node, "block_size", 0)) return true;
    return s->node->opset >= 13
           && (input_rank(s, 0) < 0
               || (normal_axis(node_int(s->node, "axis", 1), input_rank(s, 0), &axis)
                   && merge_dims(input_dim(s, 0, axis), input_dim(s, 1, 0), &merged)));
}

static bool shape_quantize(struct shaping *s)
{
    enum dtype type = type_attribute(s, "output_dtype", DTYPE_UNDEFINED);
    if (type == DTYPE_UNDEFINED) type = node_input(s->node, 2) ? input_type(s, 2) : DTYPE_UINT8;
    return scales_fit(s) && set_like(s, 0, type, 0);
}

static bool shape_dequantize(struct shaping *s)
{
    enum dtype type = type_attribute(s, "output_dtype", DTYPE_UNDEFINED);
    return scales_fit(s) && set_like(s, 0, type == DTYPE_UNDEFINED ? input_type(s, 1) : type, 0);
}

static bool shape_dynamic_quantize(struct shaping *s)
{
    return set_like(s, 0, DTYPE_UINT8, 0) && set_rank(s, 1, DTYPE_FLOAT, 0) && set_rank(s, 2, DTYPE_UINT8, 0);
}

/* Of com.microsoft: the type of the zero point. */
static bool shape_requantize(struct shaping *s)
{
    return set_like(s, 0, node_input(s->node, 2) ? input_type(s, 2) : DTYPE_UINT8, 0);
}

const struct operator_row quant_operators[] = {
    { "DequantizeLinear", 10, LATEST, .limits = { [1] = LIMIT_POSITIVE }, .run = dequantize, .shape = shape_dequantize,
      .expands = true,
      .schemas = SCHEMAS({ 10, 12, "Txy f32 ?T[=] > f32", "" }, { 13, 18, "Txy f32 ?T[=] > f32", "axis:i" },
                         { 19, 20, "Txye Urth ?T[=] > U", "axis:i" },
                         { 21, 22, "Tzvxeq Urth ?T[=] > U", "axis:i block_size:i" },
                         { 23, LATEST, "Tzvxeqp25d .rth24o ?T[=] > .", "axis:i block_size:i output_dtype:e=krth" }) },
    { "DynamicQuantizeLinear", 11, LATEST, .run = dynamic_quantize, .shape = shape_dynamic_quantize,
      .schemas = SCHEMAS({ 11, LATEST, "f32 > u8 f32 u8", "" }) },
    { "QuantizeLinear", 10, LATEST, .limits = { [1] = LIMIT_POSITIVE }, .run = quantize, .shape = shape_quantize,
      .hides = true,
      .schemas = SCHEMAS({ 10, 12, ".rx f32 ?Ty[=] > T", "" }, { 13, 18, ".rx f32 ?Ty[=] > T", "axis:i" },
                         { 19, 20, "Trxth T ?Uye[=] > U", "axis:i saturate:i" },
                         { 21, 22, "Trxth T ?Uzveq[=] > U", "axis:i block_size:i output_dtype:e=kzveq saturate:i" },
                         { 23, LATEST, ".rxth .rxth24o ?Tzveqp25d[=] > T",
                           "axis:i block_size:i output_dtype:e=kzveqp25d precision:e=kfh saturate:i" }) },
    { "com.microsoft:DequantizeLinear", 1, LATEST, .limits = { [1] = LIMIT_POSITIVE }, .run = formula_renamed,
      .shape = shape_same, .type_from = 1, .expands = true,
      .schemas = SCHEMAS({ 1, LATEST, "Tyqvmx Urt ?T > U", "axis:i block_size:i" }) },
    { "com.microsoft:QuantizeLinear", 1, LATEST, .limits = { [1] = LIMIT_POSITIVE }, .run = formula_renamed,
      .shape = shape_requantize, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Urt U ?Tyqvm > T", "axis:i block_size:i saturate:i" }) },
    { 0 },
};
