/* SPDX-License-Identifier: Apache-2.0
 *
 * A Pad that adds nothing; a Pad into the operator that reads it, which pads by itself.
 *
 * Conv pads with zeros by its definition, AveragePool where padding counts, and MaxPool with less than any number. So a
 * MaxPool takes the place of zeros only where none of its elements is negative, and every window has one of them. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/schema.h"
#include "passes/simplify/rewrite.h"

#include <math.h>
#include <string.h>

/* What it takes away at one end it may add at the other, so the shape says nothing. */
static bool no_pad(struct simplifier *s, struct node *node)
{
    int64_t list[2 * TENSOR_MAX_RANK], count = 0;
    const int64_t *pads = NULL;
    size_t length = node_ints(node, "pads", &pads);
    if (!length) length = node_ints(node, "paddings", &pads);
    if (!length && constant_ints(node_input(node, 1), 2 * TENSOR_MAX_RANK, list, &count)) {
        pads = list;
        length = (size_t)count;
    }
    if (!pads || !length) return false;
    for (size_t i = 0; i < length; i++)
        if (pads[i] != 0) return false;
    return rewrite_bypass(s, node, node_input(node, 0));
}

struct padding {
    int spatial;                                             /* axes after the first two */
    int64_t before[TENSOR_MAX_RANK], after[TENSOR_MAX_RANK]; /* of those */
    double value;
};

static bool read_value(const struct node *pad, double *value)
{
    *value = (double)node_float(pad, "value", 0);
    return !node_input(pad, 2) || constant_number(node_input(pad, 2), value);
}

/* The amounts of a Pad by a constant along spatial axes, none of them negative. */
static bool read_padding(const struct node *pad, struct padding *padding)
{
    int64_t list[2 * TENSOR_MAX_RANK], count;
    const int64_t *pads = list;
    int rank = node_input(pad, 0)->shape.rank;
    if (strcmp(node_text(pad, "mode", "constant"), "constant") != 0 || node_input(pad, 3)) return false;
    if (node_attribute(pad, "pads")) count = (int64_t)node_ints(pad, "pads", &pads);
    else if (!constant_ints(node_input(pad, 1), 2 * TENSOR_MAX_RANK, list, &count)) return false;
    if (rank < 3 || count != 2 * rank || !read_value(pad, &padding->value)) return false;
    padding->spatial = rank - 2;
    for (int i = 0; i < rank; i++) {
        int64_t before = pads[i], after = pads[rank + i];
        if (before < 0 || after < 0 || (i < 2 && (before || after))) return false;
        if (i < 2) continue;
        padding->before[i - 2] = before;
        padding->after[i - 2] = after;
    }
    return true;
}

/* The node's own pads; false when a rule decides them. */
static bool own_pads(const struct node *node, int spatial, int64_t *pads, bool *is_padded)
{
    const char *rule = node_text(node, "auto_pad", "NOTSET");
    if (strcmp(rule, "NOTSET") != 0 && strcmp(rule, "VALID") != 0) return false;
    *is_padded = false;
    for (size_t i = 0; i < 2 * (size_t)spatial; i++) {
        pads[i] = node_int_at(node, "pads", i, 0);
        *is_padded = *is_padded || pads[i];
        if (pads[i] > INT32_MAX) return false;
    }
    return true;
}

/* The node pads for both, and reads what the Pad read. */
static bool absorb(struct simplifier *s, struct node *node, const struct node *pad, const struct padding *padding,
                   int64_t *pads)
{
    for (int i = 0; i < padding->spatial; i++) {
        if (padding->before[i] > INT32_MAX || padding->after[i] > INT32_MAX) return false;
        pads[i] += padding->before[i];
        pads[padding->spatial + i] += padding->after[i];
    }
    edit_remove_attribute(node, "auto_pad");
    edit_set_ints(node, "pads", pads, 2 * (size_t)padding->spatial);
    rewrite_where(s, node_output(node, 0)->name);
    rewrite_set_input(s, node, 0, node_input(pad, 0));
    return true;
}

static const struct node *pad_before(const struct simplifier *s, const struct node *node, struct padding *padding)
{
    const struct node *pad = rewrite_inner(s, node, 0);
    return pad && is_read_once(node_input(node, 0)) && read_padding(pad, padding) ? pad : NULL;
}

static bool is_plain_zero(double value)
{
    return value == 0 && !signbit(value);
}

static bool pad_conv(struct simplifier *s, struct node *node)
{
    struct padding padding;
    int64_t pads[2 * TENSOR_MAX_RANK];
    bool is_padded;
    const struct node *pad = pad_before(s, node, &padding);
    if (!pad || !is_plain_zero(padding.value) || !own_pads(node, padding.spatial, pads, &is_padded)) return false;
    return absorb(s, node, pad, &padding, pads);
}

/* Whether every window holds an element, as runtimes ask of a pool; and nothing is rounded up or spread. */
static bool is_plain_pool(const struct node *node, const struct padding *padding, const int64_t *pads)
{
    const int64_t *kernel, *dilations;
    size_t count = node_ints(node, "kernel_shape", &kernel), spread = node_ints(node, "dilations", &dilations);
    if (node_int(node, "ceil_mode", 0) != 0 || !has_one_output(node)) return false;
    for (size_t i = 0; i < spread; i++)
        if (dilations[i] != 1) return false;
    for (size_t i = 0; i < count; i++)
        if (pads[i] + padding->before[i] >= kernel[i] || pads[count + i] + padding->after[i] >= kernel[i]) return false;
    return true;
}

static bool pad_average(struct simplifier *s, struct node *node)
{
    struct padding padding;
    int64_t pads[2 * TENSOR_MAX_RANK];
    bool is_padded;
    const struct node *pad = pad_before(s, node, &padding);
    if (!pad || !schema_knows(node, "count_include_pad") || !is_plain_zero(padding.value)) return false;
    if (!own_pads(node, padding.spatial, pads, &is_padded) || !is_plain_pool(node, &padding, pads)) return false;
    if (is_padded && node_int(node, "count_include_pad", 0) == 0) return false;
    edit_set_int(node, "count_include_pad", 1);
    return absorb(s, node, pad, &padding, pads);
}

enum { RANGE_STEPS = 8 };

/* Whether what writes the value never gives less than 0. */
static bool is_never_negative(const struct node *node)
{
    for (int i = 0; node && i < RANGE_STEPS; i++) {
        const struct interval *within = &node->row->within;
        if (within->high > within->low) return within->low >= 0;
        if (!node->row->keeps_range) return false;
        node = rewrite_upstream(node, 0);
    }
    return false;
}

static bool pad_max(struct simplifier *s, struct node *node)
{
    struct padding padding;
    int64_t pads[2 * TENSOR_MAX_RANK];
    bool is_padded;
    const struct node *pad = pad_before(s, node, &padding);
    if (!pad || dtype_kind(node_input(node, 0)->type) != KIND_REAL) return false;
    bool is_lowest = isinf(padding.value) && padding.value < 0;
    if (!is_lowest && !(padding.value == 0 && is_never_negative(rewrite_upstream(pad, 0)))) return false;
    if (!own_pads(node, padding.spatial, pads, &is_padded) || !is_plain_pool(node, &padding, pads)) return false;
    return absorb(s, node, pad, &padding, pads);
}

const struct rewrite pad_rewrites[] = {
    { { "no-pad", "Pad(x) -> x by nothing" }, "simplify_noops", .apply = no_pad },
    { { "pad-conv", "Conv(Pad(x)) -> Conv(x) that pads" }, "simplify_pads", .apply = pad_conv },
    { { "pad-average", "AveragePool(Pad(x)) -> AveragePool(x) that pads and counts it" },
      "simplify_pads",
      .apply = pad_average },
    { { "pad-max", "MaxPool(Pad(Relu(x))) -> MaxPool(Relu(x)) that pads" }, "simplify_pads", .apply = pad_max },
    { .apply = NULL },
};
