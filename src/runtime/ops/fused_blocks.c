/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights of few bits, in blocks that have a scale each: MatMulNBits of com.microsoft, a product with such a weight,
 * and GatherBlockQuantized, which picks from one. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/formula.h"
#include "runtime/ops/operators.h"
#include "runtime/ops/packed.h"

#include <string.h>

/* B is [rows, blocks, bytes of a block]; row n belongs to column n of the product. */
struct blocks {
    const struct array *bytes, *scales, *zeros; /* zeros: packed like a row of blocks, real, or NULL */
    int64_t rows, columns, blocks, size, bits;
};

static bool read_blocks(struct call *call, struct blocks *b)
{
    b->bytes = call_input(call, 1);
    b->scales = call_input(call, 2);
    b->zeros = call_input(call, 3);
    b->rows = node_int(call->node, "N", 0);
    b->columns = node_int(call->node, "K", 0);
    b->size = node_int(call->node, "block_size", 0);
    b->bits = node_int(call->node, "bits", 4);
    if (call_input(call, 4)) return call_unsupported(call, "g_idx is not supported");
    if (b->bits != 2 && b->bits != 4 && b->bits != 8)
        return call_unsupported(call, "weights of %lld bits are not supported", (long long)b->bits);
    if (b->rows < 1 || b->columns < 1 || b->size < 16 || b->size > INT32_MAX || (b->size & (b->size - 1)) != 0)
        return call_fail(call, "has K=%lld, N=%lld, block_size=%lld", (long long)b->columns, (long long)b->rows,
                         (long long)b->size);
    b->blocks = (b->columns - 1) / b->size + 1;
    int64_t packed = (b->blocks * b->bits + 7) / 8, scales, bytes, zeros;
    if (!b->bytes || !b->scales || !is_whole(b->bytes) || !is_real(b->scales)
        || !size_multiply(b->rows, b->blocks, &scales) || !size_multiply(scales, b->size * b->bits / 8, &bytes)
        || !size_multiply(b->rows, packed, &zeros) || b->scales->count != scales || b->bytes->count != bytes
        || (b->zeros && b->zeros->count != (is_real(b->zeros) ? scales : zeros)))
        return call_fail(call, "has no weights, scales and zero points for %lld by %lld blocks", (long long)b->rows,
                         (long long)b->blocks);
    return true;
}

/* Number i of those that are packed from byte `at` on, the low bits first. */
static int64_t packed_number(const struct array *bytes, int64_t at, int64_t i, int64_t bits)
{
    return bytes->i64[at + i * bits / 8] >> (i * bits % 8) & ((1 << bits) - 1);
}

static double zero_of(const struct blocks *b, int64_t row, int64_t block)
{
    if (!b->zeros) return (double)(1 << (b->bits - 1));
    if (is_real(b->zeros)) return element_real(b->zeros, row * b->blocks + block);
    return (double)packed_number(b->zeros, row * ((b->blocks * b->bits + 7) / 8), block, b->bits);
}

/* [columns, rows] */
static struct array *unpacked(struct formula *f, const struct blocks *b, enum dtype type)
{
    struct array *w =
        array_new(f->call->pool, type, store_of(type, f->call->exact), 2, (int64_t[]){ b->columns, b->rows });
    for (int64_t row = 0; row < b->rows; row++)
        for (int64_t k = 0; k < b->columns; k++) {
            int64_t block = row * b->blocks + k / b->size;
            int64_t number = packed_number(b->bytes, block * (b->size * b->bits / 8), k % b->size, b->bits);
            element_put(w, k * b->rows + row,
                        ((double)number - zero_of(b, row, k / b->size)) * element_real(b->scales, block));
        }
    return formula_hold(f, array_settled(w, f->call->exact));
}

static bool matmul_n_bits(struct call *call)
{
    struct formula f;
    struct blocks b = { 0 };
    struct array *a = call_input(call, 0), *bias = call_input(call, 5);
    if (!a || !is_real(a)) return call_fail(call, "needs a real A");
    if (!read_blocks(call, &b)) return false;
    formula_open(&f, call);
    struct array *y = formula_matmul(&f, a, unpacked(&f, &b, a->type));
    formula_give(&f, 0, bias ? formula_add(&f, y, bias) : y);
    return formula_close(&f);
}

/* ---- GatherBlockQuantized ---- */

static int64_t row_bytes(int64_t count, int64_t bits)
{
    return (count * bits + 7) / 8;
}

static double packed_zero(const struct packed_table *p, int64_t outer, int64_t block, int64_t inner)
{
    if (!p->zeros) return p->bits ? (double)(1 << (p->bits - 1)) : 0;
    if (!p->bits) return (double)p->zeros->i64[(outer * p->blocks + block) * p->inner + inner];
    if (p->size == 0) return (double)packed_number(p->zeros, 0, outer, p->bits);
    return (double)packed_number(p->zeros, outer * row_bytes(p->blocks, p->bits), block, p->bits);
}

static void unpack_table(const struct packed_table *p, struct array *y)
{
    for (int64_t i = 0; i < y->count; i++) {
        int64_t inner = i % p->inner, at = i / p->inner % p->length, outer = i / p->inner / p->length;
        int64_t block = p->size ? at / p->size : 0;
        double number = p->bits ? (double)packed_number(p->data, outer * (p->length * p->bits / 8), at, p->bits)
                                : (double)p->data->i64[i];
        double scale = element_real(p->scales, (outer * p->blocks + block) * p->inner + inner);
        element_put(y, i, (number - packed_zero(p, outer, block, inner)) * scale);
    }
}

static bool table_fits(const struct packed_table *p)
{
    int64_t scales = p->outer * p->blocks * p->inner;
    int64_t zeros = !p->bits       ? scales
                    : p->size == 0 ? row_bytes(p->outer, p->bits)
                                   : p->outer * row_bytes(p->blocks, p->bits);
    return p->scales && is_real(p->scales) && p->scales->count == scales && (!p->zeros || p->zeros->count == zeros);
}

struct array *packed_unpack(struct formula *f, struct packed_table *p, int axis)
{
    int64_t dims[ARRAY_MAX_RANK];
    int rank = p->data->rank;
    memcpy(dims, p->data->dims, sizeof dims);
    if (p->bits != 0 && p->bits != 2 && p->bits != 4 && p->bits != 8)
        return formula_fail(f, "has numbers of %lld bits", (long long)p->bits);
    if (p->bits && !size_multiply(dims[rank - 1], 8 / p->bits, &dims[rank - 1]))
        memory_exhausted(f->call->pool->memory);
    p->outer = dims_product(dims, 0, axis);
    p->inner = dims_product(dims, axis + 1, rank);
    p->length = dims[axis];
    p->blocks = p->size ? p->length / p->size + (p->length % p->size != 0) : 1;
    if (!table_fits(p)) return formula_fail(f, "has scales or zero points that do not fit its blocks");
    enum dtype type = p->scales->type;
    struct array *y = array_new(f->call->pool, type, store_of(type, f->call->exact), rank, dims);
    unpack_table(p, y);
    return formula_hold(f, array_settled(y, f->call->exact));
}

static bool read_table(struct call *call, struct packed_table *p, int *gathered, int *axis)
{
    const struct array *data = call_input(call, 0), *zeros = call_input(call, 3);
    p->size = node_int(call->node, "block_size", 128);
    p->bits = data && data->type == DTYPE_UINT8 ? node_int(call->node, "bits", 4) : 0;
    if (!data || !is_whole(data) || !call_input(call, 1) || !call_input(call, 2) || (zeros && !is_whole(zeros)))
        return call_fail(call, "needs whole numbers, indices, scales and whole zero points");
    if (!call_axis(call, node_int(call->node, "gather_axis", 0), data->rank, gathered)
        || !call_axis(call, node_int(call->node, "quantize_axis", 1), data->rank, axis))
        return false;
    if (p->size < 1 || *gathered == *axis || (p->bits != 0 && *axis != data->rank - 1))
        return call_fail(call, "has blocks of %lld along axis %d, and picks along axis %d", (long long)p->size, *axis,
                         *gathered);
    return true;
}

static bool gather_block_quantized(struct call *call)
{
    struct formula f;
    struct packed_table p = { 0 };
    int gathered, axis;
    if (!read_table(call, &p, &gathered, &axis)) return false;
    formula_open(&f, call);
    struct array *indices = call_input(call, 1), *zeros = call_input(call, 3);
    p.data = formula_gather(&f, call_input(call, 0), indices, gathered);
    p.scales = formula_gather(&f, call_input(call, 2), indices, gathered);
    p.zeros = zeros ? formula_gather(&f, zeros, indices, gathered) : NULL;
    if (!f.failed) formula_give(&f, 0, packed_unpack(&f, &p, gathered < axis ? axis + indices->rank - 1 : axis));
    return formula_close(&f);
}

/* ---- shapes ---- */

static bool shape_gather_block_quantized(struct shaping *s)
{
    int rank = input_rank(s, 0), picks = input_rank(s, 1);
    return set_rank(s, 0, rule_type(s), rank < 0 || picks < 0 ? -1 : rank + picks - 1);
}

static bool shape_matmul_n_bits(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    if (rank < 1) return set_type(s, 0, rule_type(s));
    for (int i = 0; i < rank - 1; i++) dims[i] = input_dim(s, 0, i);
    dims[rank - 1] = number_dim(node_int(s->node, "N", 0));
    return set_output(s, 0, rule_type(s), rank, dims);
}

const struct operator_row fused_blocks_operators[] = {
    { "com.microsoft:GatherBlockQuantized", 1, LATEST, .run = gather_block_quantized,
      .shape = shape_gather_block_quantized, .type_from = 2, .sizes = SLOT(1), .limits = { [1] = LIMIT_INDEX },
      .schemas = SCHEMAS({ 1, LATEST, "Tvq Ui Vrth ?T > V", "bits:i block_size:i gather_axis:i quantize_axis:i" }) },
    { "com.microsoft:MatMulNBits", 1, LATEST, .run = matmul_n_bits, .shape = shape_matmul_n_bits,
      .schemas = SCHEMAS({ 1, LATEST, "Trth u8 T ?.rthv ?i32 ?T > T",
                           "K!i N!i accuracy_level:i bits:i block_size!i weight_prepacked:i" }) },
    { 0 },
};
