/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairs of nodes of which the second undoes the first, or does what one could. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "passes/simplify/rewrite.h"

#include <string.h>

/* ---- Cast ---- */

/* The types whose values are all numbers of a range or of so many bits. */
struct numbers {
    bool is_real, is_signed;
    int bits, exponent; /* of a whole number without its sign, of a fraction with its first bit; of the exponent */
};

/* Bits of 0: none of these. */
static const struct numbers numbers[DTYPE_COUNT] = {
    [DTYPE_BOOL] = { false, false, 1, 0 },    [DTYPE_FLOAT16] = { true, true, 11, 5 },
    [DTYPE_BFLOAT16] = { true, true, 8, 8 },  [DTYPE_FLOAT] = { true, true, 24, 8 },
    [DTYPE_DOUBLE] = { true, true, 53, 11 },  [DTYPE_UINT8] = { false, false, 8, 0 },
    [DTYPE_UINT16] = { false, false, 16, 0 }, [DTYPE_UINT32] = { false, false, 32, 0 },
    [DTYPE_UINT64] = { false, false, 64, 0 }, [DTYPE_INT8] = { false, true, 7, 0 },
    [DTYPE_INT16] = { false, true, 15, 0 },   [DTYPE_INT32] = { false, true, 31, 0 },
    [DTYPE_INT64] = { false, true, 63, 0 },
};

/* Whether every value of the one type is one of the other. */
static bool is_lossless(enum dtype from, enum dtype to)
{
    const struct numbers a = numbers[from], b = numbers[to];
    if (!a.bits || !b.bits || to == DTYPE_BOOL) return false;
    if (a.is_real) return b.is_real && a.bits <= b.bits && a.exponent <= b.exponent;
    return a.bits <= b.bits && (b.is_signed || !a.is_signed);
}

static bool cast_cast(struct simplifier *s, struct node *node)
{
    const struct node *upstream = rewrite_inner(s, node, 0);
    if (!upstream) return false;
    struct value *x = node_input(upstream, 0);
    if (!is_lossless(x->type, node_input(node, 0)->type)) return false;
    enum dtype last = node_output(node, 0)->type;
    if (last == x->type) return rewrite_bypass(s, node, x);
    if (!is_lossless(node_input(node, 0)->type, last) || !is_read_once(node_input(node, 0))) return false;
    return rewrite_read(s, node, x);
}

/* ---- f(f(x)) = x ---- */

static bool involution(struct simplifier *s, struct node *node)
{
    const struct node *upstream = rewrite_upstream_is(node, 0, node->op);
    return upstream && rewrite_bypass(s, node, node_input(upstream, 0));
}

/* ---- DepthToSpace and SpaceToDepth ---- */

/* SpaceToDepth orders channels as the mode DCR of its inverse does. */
static bool space_depth(struct simplifier *s, struct node *node)
{
    const struct node *upstream = rewrite_inner(s, node, 0);
    if (!upstream || node_int(node, "blocksize", 0) != node_int(upstream, "blocksize", 0)) return false;
    if (strcmp(node_text(node, "mode", "DCR"), "DCR") != 0 || strcmp(node_text(upstream, "mode", "DCR"), "DCR") != 0)
        return false;
    return rewrite_bypass(s, node, node_input(upstream, 0));
}

/* ---- DequantizeLinear and QuantizeLinear ---- */

/* Scales of which (q - zero point) * scale / scale rounds to q - zero point again: what float32 loses in two roundings
 * is less than a half as long as nothing is near the ends of its range. */
static bool are_plain_scales(struct value *value)
{
    const struct tensor *tensor = value_constant(value);
    double chunk[256];
    if (!tensor || tensor->type != DTYPE_FLOAT || tensor->count < 1) return false;
    for (int64_t at = 0; at < tensor->count; at += 256) {
        int64_t count = tensor->count - at < 256 ? tensor->count - at : 256;
        if (!tensor_read_rounded(tensor, at, count, chunk, NULL)) return false;
        for (int64_t i = 0; i < count; i++)
            if (!(chunk[i] >= 1e-30 && chunk[i] <= 1e30)) return false;
    }
    return true;
}

static bool quantize_again(struct simplifier *s, struct node *node)
{
    const struct node *upstream = rewrite_inner(s, node, 0);
    if (!upstream) return false;
    struct value *q = node_input(upstream, 0);
    if (q->type != node_output(node, 0)->type) return false;
    if (q->type != DTYPE_INT8 && q->type != DTYPE_UINT8 && q->type != DTYPE_INT16 && q->type != DTYPE_UINT16)
        return false;
    if (node_input(node, 1) != node_input(upstream, 1) || node_input(node, 2) != node_input(upstream, 2)) return false;
    if (node_int(node, "axis", 1) != node_int(upstream, "axis", 1)) return false;
    if (node_int(node, "block_size", 0) || node_int(upstream, "block_size", 0)) return false;
    return node_input(node, 0)->type == DTYPE_FLOAT && are_plain_scales(node_input(node, 1))
           && rewrite_bypass(s, node, q);
}

const struct rewrite pair_rewrites[] = {
    { { "casts", "Cast(Cast(x, wider), a) -> Cast(x, a)" }, "simplify_pairs", .apply = cast_cast },
    { { "involution", "Neg(Neg(x)) -> x" }, "simplify_pairs", .laws = INVOLUTION, .apply = involution },
    { { "space-depth", "SpaceToDepth(DepthToSpace(x)), DepthToSpace(SpaceToDepth(x)) -> x" },
      "simplify_pairs",
      .apply = space_depth },
    { { "quantize-again", "QuantizeLinear(DequantizeLinear(q)) -> q by the same scale" },
      "simplify_pairs",
      .apply = quantize_again },
    { .apply = NULL },
};
