/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairs of nodes of which the second undoes the first, or does what one could. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/shape/infer.h"
#include "passes/simplify/rewrite.h"

#include <string.h>

/* What the node computes is `x`, which stands upstream of the pair. */
static bool cancel(struct simplifier *s, struct node *node, struct value *x)
{
    if (!x || !rewrite_can_replace(node, 0, x)) return false;
    rewrite_where(s, x->name);
    return rewrite_replace(s, node, 0, x);
}

/* The node reads x, which is as good as what it read. */
static bool skip_upstream(struct simplifier *s, struct node *node, struct value *x)
{
    rewrite_where(s, node_output(node, 0)->name);
    rewrite_set_input(s, node, 0, x);
    return true;
}

static bool is_read_by_pair_alone(const struct node *node)
{
    return is_read_once(node_input(node, 0));
}

/* ---- Transpose ---- */

static bool read_perm(const struct node *node, int64_t *perm, int *rank)
{
    const int64_t *given;
    const struct value *x = node_input(node, 0);
    size_t count = node_ints(node, "perm", &given);
    if (!x || count > TENSOR_MAX_RANK || (!count && x->shape.rank < 0)) return false;
    *rank = count ? (int)count : x->shape.rank;
    if (*rank > TENSOR_MAX_RANK) return false;
    for (int i = 0; i < *rank; i++) {
        perm[i] = count ? given[i] : *rank - 1 - i;
        if (perm[i] < 0 || perm[i] >= *rank) return false;
    }
    return true;
}

static bool transpose_transpose(struct simplifier *s, struct node *node)
{
    int64_t first[TENSOR_MAX_RANK], second[TENSOR_MAX_RANK], both[TENSOR_MAX_RANK];
    const struct node *upstream = rewrite_upstream_is(node, 0, "Transpose");
    int rank, other;
    bool is_identity = true;
    if (!upstream || !read_perm(node, second, &rank) || !read_perm(upstream, first, &other) || rank != other)
        return false;
    for (int i = 0; i < rank; i++) {
        both[i] = first[second[i]];
        is_identity = is_identity && both[i] == i;
    }
    if (is_identity) return cancel(s, node, node_input(upstream, 0));
    if (!is_read_by_pair_alone(node)) return false;
    edit_set_ints(node, "perm", both, (size_t)rank);
    return skip_upstream(s, node, node_input(upstream, 0));
}

/* ---- other dims ---- */

enum { VIEW_LIMIT = 16 };

static bool is_view(const struct node *node)
{
    return node && node->row && node->row->view && has_one_output(node);
}

/* Back to the dims that some value further up has. */
static bool view_back(struct simplifier *s, struct node *node)
{
    const struct node *at = node;
    for (int i = 0; i < VIEW_LIMIT && is_view(at); i++) {
        struct value *x = node_input(at, 0);
        if (at != node && x && is_same_shape(x, node->outputs[0])) return cancel(s, node, x);
        at = rewrite_upstream(at, 0);
    }
    return false;
}

/* Whether the dims that a Reshape asks for mean the same over x as over its input: a 0 takes the dim that stands there. */
static bool asks_the_same(const struct node *node, const struct value *x)
{
    int64_t dims[TENSOR_MAX_RANK];
    int count;
    bool given;
    const struct value *between = node_input(node, 0);
    if (!node_list(node, "shape", dims, &count, &given) || !given) return false;
    for (int i = 0; i < count; i++) {
        if (dims[i] != 0 || node_int(node, "allowzero", 0) != 0) continue;
        if (i >= between->shape.rank || i >= x->shape.rank) return false;
        if (!dim_equal(between->shape.dims[i], x->shape.dims[i])) return false;
    }
    return true;
}

static bool reshape_of_view(struct simplifier *s, struct node *node)
{
    const struct node *upstream = rewrite_upstream(node, 0);
    if (!is_view(upstream) || !is_read_by_pair_alone(node)) return false;
    struct value *x = node_input(upstream, 0);
    return x && asks_the_same(node, x) && skip_upstream(s, node, x);
}

/* ---- Cast ---- */

/* The types whose values are all numbers of a range or of so many bits. */
struct numbers {
    bool is_real, is_signed;
    int bits, exponent; /* of a whole number without its sign, of a fraction with its first bit; of the exponent */
};

static bool numbers_of(enum dtype type, struct numbers *n)
{
    switch (type) {
    case DTYPE_BOOL: *n = (struct numbers){ false, false, 1, 0 }; return true;
    case DTYPE_FLOAT16: *n = (struct numbers){ true, true, 11, 5 }; return true;
    case DTYPE_BFLOAT16: *n = (struct numbers){ true, true, 8, 8 }; return true;
    case DTYPE_FLOAT: *n = (struct numbers){ true, true, 24, 8 }; return true;
    case DTYPE_DOUBLE: *n = (struct numbers){ true, true, 53, 11 }; return true;
    case DTYPE_UINT8:
    case DTYPE_UINT16:
    case DTYPE_UINT32:
    case DTYPE_UINT64: *n = (struct numbers){ false, false, dtype_bits(type), 0 }; return true;
    case DTYPE_INT8:
    case DTYPE_INT16:
    case DTYPE_INT32:
    case DTYPE_INT64: *n = (struct numbers){ false, true, dtype_bits(type) - 1, 0 }; return true;
    default: return false;
    }
}

/* Whether every value of the one type is one of the other. */
static bool is_lossless(enum dtype from, enum dtype to)
{
    struct numbers a, b;
    if (!numbers_of(from, &a) || !numbers_of(to, &b) || to == DTYPE_BOOL) return false;
    if (a.is_real) return b.is_real && a.bits <= b.bits && a.exponent <= b.exponent;
    if (b.is_real) return a.bits <= b.bits && a.bits < 1 << (b.exponent - 1);
    return a.bits <= b.bits && (b.is_signed || !a.is_signed);
}

static bool cast_cast(struct simplifier *s, struct node *node)
{
    const struct node *upstream = rewrite_upstream_is(node, 0, "Cast");
    struct value *x = upstream ? node_input(upstream, 0) : NULL;
    if (!x || !is_lossless(x->type, node_input(node, 0)->type)) return false;
    enum dtype last = node_output(node, 0)->type;
    if (last == x->type) return cancel(s, node, x);
    return is_lossless(node_input(node, 0)->type, last) && is_read_by_pair_alone(node) && skip_upstream(s, node, x);
}

/* ---- f(f(x)) = x ---- */

static bool involution(struct simplifier *s, struct node *node)
{
    const struct node *upstream = rewrite_upstream_is(node, 0, node->op);
    return upstream && cancel(s, node, node_input(upstream, 0));
}

/* ---- Split and Concat ---- */

static bool axis_of(const struct node *node, const struct value *x, int64_t absent, int64_t *axis)
{
    *axis = node_int(node, "axis", absent);
    if (*axis < 0 && x && x->shape.rank >= 0) *axis += x->shape.rank;
    return *axis >= 0;
}

static bool split_concat(struct simplifier *s, struct node *node)
{
    const struct node *split = rewrite_upstream_is(node, 0, "Split");
    int64_t parted, joined;
    if (!split || split->output_count != node->input_count) return false;
    for (size_t i = 0; i < node->input_count; i++)
        if (!split->outputs[i] || node_input(node, i) != split->outputs[i]) return false;
    if (!axis_of(split, node_input(split, 0), 0, &parted) || !axis_of(node, node_input(node, 0), 1, &joined))
        return false;
    return parted == joined && node_attribute(node, "axis") && cancel(s, node, node_input(split, 0));
}

static bool concat_split(struct simplifier *s, struct node *node)
{
    const struct node *concat = rewrite_upstream_is(node, 0, "Concat");
    int64_t parted, joined;
    if (!concat || concat->input_count != node->output_count || !node_attribute(concat, "axis")) return false;
    if (!axis_of(node, node_input(node, 0), 0, &parted) || !axis_of(concat, node_output(concat, 0), 1, &joined))
        return false;
    if (parted != joined) return false;
    for (size_t i = 0; i < node->output_count; i++) {
        const struct value *in = node_input(concat, i), *out = node->outputs[i];
        if (!in || !out || out->is_output || parted >= in->shape.rank || parted >= out->shape.rank) return false;
        if (!dim_equal(in->shape.dims[parted], out->shape.dims[parted]) || !rewrite_can_replace(node, i, in))
            return false;
    }
    rewrite_where(s, node_input(concat, 0)->name);
    for (size_t i = 0; i < node->output_count; i++) rewrite_replace(s, node, i, node_input(concat, i));
    return true;
}

/* ---- DepthToSpace and SpaceToDepth ---- */

/* SpaceToDepth orders channels as the mode DCR of its inverse does. */
static bool space_depth(struct simplifier *s, struct node *node)
{
    const char *inverse = node_is(node, "SpaceToDepth") ? "DepthToSpace" : "SpaceToDepth";
    const struct node *upstream = rewrite_upstream_is(node, 0, inverse);
    if (!upstream || node_int(node, "blocksize", 0) != node_int(upstream, "blocksize", 0)) return false;
    if (strcmp(node_text(node, "mode", "DCR"), "DCR") != 0 || strcmp(node_text(upstream, "mode", "DCR"), "DCR") != 0)
        return false;
    return cancel(s, node, node_input(upstream, 0));
}

/* ---- DequantizeLinear and QuantizeLinear ---- */

/* Scales of which (q - zero point) * scale / scale rounds to q - zero point again: what float32 loses in two roundings is
 * less than a half as long as nothing is near the ends of its range. */
static bool are_plain_scales(struct value *value)
{
    const struct tensor *tensor = value ? value_constant(value) : NULL;
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
    const struct node *upstream = rewrite_upstream_is(node, 0, "DequantizeLinear");
    struct value *q = upstream ? node_input(upstream, 0) : NULL;
    if (!q || q->type != node_output(node, 0)->type) return false;
    if (q->type != DTYPE_INT8 && q->type != DTYPE_UINT8 && q->type != DTYPE_INT16 && q->type != DTYPE_UINT16)
        return false;
    if (node_input(node, 1) != node_input(upstream, 1) || node_input(node, 2) != node_input(upstream, 2)) return false;
    if (node_int(node, "axis", 1) != node_int(upstream, "axis", 1)) return false;
    if (node_int(node, "block_size", 0) || node_int(upstream, "block_size", 0)) return false;
    return node_input(node, 0)->type == DTYPE_FLOAT && are_plain_scales(node_input(node, 1)) && cancel(s, node, q);
}

const struct rewrite pair_rewrites[] = {
    { { "transposes", "Transpose(Transpose(x, p), q) -> Transpose(x, p[q])" },
      "simplify_pairs",
      { "Transpose" },
      .apply = transpose_transpose },
    { { "back-to-shape", "Unsqueeze(Squeeze(x)) -> x where the dims are those of x" },
      "simplify_pairs",
      .laws = IDENTITY_OF_SHAPE,
      .apply = view_back },
    { { "reshapes", "Reshape(Reshape(x, a), b) -> Reshape(x, b)" },
      "simplify_pairs",
      { "Reshape" },
      .apply = reshape_of_view },
    { { "casts", "Cast(Cast(x, wider), a) -> Cast(x, a)" }, "simplify_pairs", { "Cast" }, .apply = cast_cast },
    { { "involution", "Neg(Neg(x)) -> x" }, "simplify_pairs", .laws = INVOLUTION, .apply = involution },
    { { "split-concat", "Concat(Split(x)) -> x" }, "simplify_pairs", { "Concat" }, .apply = split_concat },
    { { "concat-split", "Split(Concat(x, y)) -> x, y" }, "simplify_pairs", { "Split" }, .apply = concat_split },
    { { "space-depth", "SpaceToDepth(DepthToSpace(x)) -> x" },
      "simplify_pairs",
      { "SpaceToDepth", "DepthToSpace" },
      .apply = space_depth },
    { { "quantize-again", "QuantizeLinear(DequantizeLinear(q)) -> q by the same scale" },
      "simplify_pairs",
      { "QuantizeLinear" },
      .apply = quantize_again },
    { .apply = NULL },
};
