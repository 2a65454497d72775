/* SPDX-License-Identifier: Apache-2.0
 *
 * MatMulNBits of com.microsoft: a product with a weight of few bits, in blocks along a row that have a scale each. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/formula.h"
#include "runtime/ops/operators.h"

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
    { "com.microsoft:MatMulNBits", 1, LATEST, .run = matmul_n_bits, .shape = shape_matmul_n_bits,
      .schemas = SCHEMAS(
          { 1, LATEST, "T u8 . ?. ?i32 ?T > T", "K!i N!i accuracy_level:i bits:i block_size!i weight_prepacked:i" }) },
    { 0 },
};
