/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of anchors and their descriptions. */
#include "passes/algebra/anchor.h"

#include "onnx/graph/attr.h"
#include "passes/algebra/quantized.h"

#include <string.h>

struct anchor {
    const char *op;
    int64_t first_opset;
    bool behind, on_input;
    /* Fills the description for an affine behind the node (on_input false) or on input `slot`. */
    enum reason (*describe)(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                            struct linear *linear);
};

static enum reason find_weight(struct decision *decision, const struct node *node, size_t slot, struct linear *linear)
{
    enum reason why;
    struct value *value = node_input(node, slot);
    if (!value) return decision_stop(decision, REASON_MISMATCH, node_title(node), "its weight is missing");
    linear->weight_slot = slot;
    if (value->writer && node_is(value->writer, "DequantizeLinear")) {
        linear->quantised = value->writer;
        linear->weight = quantised_shape(decision, value->writer, &why);
        return linear->weight ? REASON_NONE : why;
    }
    linear->weight = decision_constant(decision, value, &why);
    if (!linear->weight)
        return decision_stop(decision,
                             why == REASON_OVERRIDABLE    ? REASON_WEIGHT_OVERRIDE
                             : why == REASON_NOT_CONSTANT ? REASON_WEIGHT_DYNAMIC
                                                          : why,
                             value->name, "the weight of %s", node_title(node));
    if (dtype_kind(linear->weight->type) != KIND_REAL || linear->weight->count < 1)
        return decision_stop(decision, REASON_MISMATCH, value->name, "the weight of %s is not a tensor of reals",
                             node_title(node));
    return REASON_NONE;
}

static void plain_bias(struct linear *linear, int slot)
{
    linear->bias_slot = slot;
    linear->bias_rows = 1;
    linear->bias_block = linear->bias_stride = linear->bias_dims[0] = linear->output_channels;
    linear->bias_rank = 1;
}

static enum reason malformed(struct decision *decision, const struct node *node, const char *what)
{
    return decision_stop(decision, REASON_MISMATCH, node_title(node), "%s", what);
}

static bool all_ones(const struct node *node, const char *attribute)
{
    const int64_t *values;
    size_t count = node_ints(node, attribute, &values);
    for (size_t i = 0; i < count; i++)
        if (values[i] != 1) return false;
    return true;
}

static bool none_positive(const struct node *node, const char *attribute)
{
    const int64_t *values;
    size_t count = node_ints(node, attribute, &values);
    for (size_t i = 0; i < count; i++)
        if (values[i] > 0) return false;
    return true;
}

static bool unit_kernel(const struct tensor *weight)
{
    for (int i = 2; i < weight->rank; i++)
        if (weight->dims[i] != 1) return false;
    return true;
}

/* Whether SAME padding adds nothing: the windows tile the input exactly. */
static bool same_adds_nothing(const struct node *node, const struct tensor *weight)
{
    const int64_t *strides, *dilations;
    size_t stride_count = node_ints(node, "strides", &strides);
    size_t dilation_count = node_ints(node, "dilations", &dilations);
    const struct shape *x = &node_input(node, 0)->shape;
    for (int i = 2; i < weight->rank; i++) {
        size_t k = (size_t)i - 2;
        int64_t stride = k < stride_count ? strides[k] : 1, dilation = k < dilation_count ? dilations[k] : 1;
        int64_t size = x->rank == weight->rank ? x->dims[i].size : -1, reach, extent;
        if (weight->dims[i] == 1) continue;
        if (size < 1 || stride < 1 || !size_multiply(weight->dims[i] - 1, dilation, &extent)
            || !size_multiply((size - 1) / stride, stride, &reach) || !size_add(reach, extent, &reach)
            || reach + 1 > size)
            return false;
    }
    return true;
}

static bool conv_reads_no_padding(const struct node *node, const struct tensor *weight)
{
    const char *auto_pad = node_text(node, "auto_pad", "NOTSET");
    if (strcmp(auto_pad, "NOTSET") == 0 || !*auto_pad) return none_positive(node, "pads");
    if (strcmp(auto_pad, "VALID") == 0) return true;
    return same_adds_nothing(node, weight);
}

static bool transposed_conv_is_pointwise(const struct node *node, const struct tensor *weight)
{
    const int64_t *pads;
    size_t count = node_ints(node, "pads", &pads);
    for (size_t i = 0; i < count; i++)
        if (pads[i] != 0) return false;
    const char *auto_pad = node_text(node, "auto_pad", "NOTSET");
    return unit_kernel(weight) && all_ones(node, "strides") && none_positive(node, "output_padding")
           && !node_attribute(node, "output_shape")
           && (strcmp(auto_pad, "NOTSET") == 0 || strcmp(auto_pad, "VALID") == 0);
}

/* W is [M, C/group, k...] for Conv, [C, M/group, k...] for ConvTranspose: its first axis is whole, the channels of the
 * second lie inside each group. */
static enum reason describe_conv(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                 struct linear *l)
{
    (void)slot, (void)on_input;
    bool transposed = node_is(node, "ConvTranspose");
    enum reason reason = find_weight(decision, node, 1, l);
    if (reason) return reason;
    const struct tensor *w = l->weight;
    int64_t groups = node_int(node, "group", 1), inner = 1;
    if (w->rank < 3 || groups < 1 || w->dims[0] % groups != 0)
        return malformed(decision, node, "its weight and group attribute do not fit");
    for (int i = 2; i < w->rank; i++) inner *= w->dims[i];
    struct factor whole = { 1, w->dims[0], 1, 1, w->dims[1] * inner, NULL };
    struct factor grouped = { 1, groups, w->dims[0] / groups, w->dims[1], inner, NULL };
    l->output_view = transposed ? grouped : whole;
    l->input_view = transposed ? whole : grouped;
    l->output_channels = l->output_view.rows * l->output_view.columns;
    l->input_channels = l->input_view.rows * l->input_view.columns;
    l->output_axis = l->input_axis = 1;
    plain_bias(l, 2);
    bool exact = transposed ? transposed_conv_is_pointwise(node, w) : conv_reads_no_padding(node, w);
    l->shift_upstream = exact ? REASON_NONE : REASON_PADDED_SHIFT;
    return REASON_NONE;
}

/* Y = alpha * A·B + beta * C; C broadcasts to [M, N]. */
static enum reason describe_gemm(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                 struct linear *l)
{
    (void)slot;
    enum reason reason = find_weight(decision, node, 1, l), why;
    if (reason) return reason;
    const struct tensor *w = l->weight;
    if (w->rank != 2) return malformed(decision, node, "its B is not a matrix");
    bool trans = node_int(node, "transB", 0) != 0;
    struct factor first = { 1, w->dims[0], 1, 1, w->dims[1], NULL }, second = { w->dims[0], w->dims[1], 1, 1, 1, NULL };
    l->output_view = trans ? first : second;
    l->input_view = trans ? second : first;
    l->output_channels = l->output_view.rows;
    l->input_channels = l->input_view.rows;
    l->output_axis = 1;
    l->input_axis = node_int(node, "transA", 0) ? 0 : 1;
    l->weight_gain = (double)node_float(node, "alpha", 1);
    l->bias_gain = (double)node_float(node, "beta", 1);
    plain_bias(l, 2);
    struct value *c = node_input(node, 2);
    const struct tensor *bias = c ? decision_constant(decision, c, &why) : NULL;
    if (on_input && c && !bias)
        return decision_stop(decision, REASON_WEIGHT_DYNAMIC, c->name, "the C of %s", node_title(node));
    if (bias && bias->rank == 2 && bias->dims[0] > 1) {
        l->bias_rows = l->bias_dims[0] = bias->dims[0];
        l->bias_dims[1] = l->output_channels;
        l->bias_rank = 2;
    }
    return REASON_NONE;
}

/* The constant stands on one side; its row or column axis is the output's channel axis. */
static enum reason describe_matmul(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                   struct linear *l)
{
    struct value *left = node_input(node, 0), *right = node_input(node, 1);
    if (!left || !right) return malformed(decision, node, "an input is missing");
    enum reason why;
    size_t weight_slot = on_input ? 1 - slot : decision_constant(decision, right, &why) ? 1 : 0;
    if (!on_input && weight_slot == 0 && !decision_constant(decision, left, &why)) weight_slot = 1;
    enum reason reason = find_weight(decision, node, weight_slot, l);
    if (reason) return reason;
    const struct tensor *w = l->weight;
    const struct value *data = weight_slot ? left : right;
    int rank = data->shape.rank;
    if (w->rank < 2) return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "its weight is a vector");
    if (rank < 0)
        return decision_stop(decision, REASON_AXIS_NOT_PROVEN, data->name, "the rank of its input is unknown");
    if (rank < 2) return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "its input is a vector");
    int64_t rows = w->dims[w->rank - 2], columns = w->dims[w->rank - 1], batch = w->count / (rows * columns);
    struct factor by_row = { batch, rows, 1, 1, columns, NULL }, by_column = { batch * rows, columns, 1, 1, 1, NULL };
    int output_rank = rank > w->rank ? rank : w->rank;
    l->data_slot = 1 - weight_slot;
    l->output_view = weight_slot ? by_column : by_row;
    l->input_view = weight_slot ? by_row : by_column;
    l->output_axis = weight_slot ? output_rank - 1 : output_rank - 2;
    l->input_axis = weight_slot ? rank - 1 : rank - 2;
    l->output_channels = l->output_view.rows;
    l->input_channels = l->input_view.rows;
    if (on_input && batch != 1) l->shift_upstream = REASON_NON_LINEAR; /* W·t differs from batch to batch */
    return REASON_NONE;
}

/* W is [directions, gates * hidden, input]; B is [directions, 2 * gates * hidden], the input's half first. */
static enum reason describe_recurrent(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                      struct linear *l)
{
    (void)slot, (void)on_input;
    enum reason reason = find_weight(decision, node, 1, l);
    if (reason) return reason;
    const struct tensor *w = l->weight;
    int gates = node_is(node, "LSTM") ? 4 : node_is(node, "GRU") ? 3 : 1;
    if (w->rank != 3 || w->dims[1] % gates != 0)
        return malformed(decision, node, "its W is not [directions, gates, input]");
    l->input_axis = 2;
    l->input_view = (struct factor){ w->dims[0] * w->dims[1], w->dims[2], 1, 1, 1, NULL };
    l->output_view = (struct factor){ 1, w->dims[0] * w->dims[1], 1, 1, w->dims[2], NULL };
    l->input_channels = w->dims[2];
    l->output_channels = w->dims[0] * w->dims[1];
    l->bias_slot = 3;
    l->bias_rows = 1;
    l->bias_block = w->dims[1];
    l->bias_stride = 2 * w->dims[1];
    l->bias_rank = 2;
    l->bias_dims[0] = w->dims[0];
    l->bias_dims[1] = 2 * w->dims[1];
    return REASON_NONE;
}

/* y = W[c] * normalised(x)[c] + b[c] along one axis. */
static enum reason describe_norm(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                 struct linear *l)
{
    (void)slot, (void)on_input;
    enum reason reason = find_weight(decision, node, 1, l);
    if (reason) return reason;
    if (l->weight->rank != 1)
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "its scale is not per channel");
    bool over_last = node_is(node, "LayerNormalization") || node_is(node, "RMSNormalization");
    const struct value *x = node_input(node, 0);
    l->output_axis = over_last ? (x ? x->shape.rank : -1) - 1 : 1;
    if (l->output_axis < 0)
        return decision_stop(decision, REASON_AXIS_NOT_PROVEN, node_title(node), "the rank of its input is unknown");
    l->output_channels = l->weight->count;
    l->output_view = (struct factor){ 1, l->weight->count, 1, 1, 1, NULL };
    if (!node_is(node, "RMSNormalization")) plain_bias(l, 2);
    return REASON_NONE;
}

static const struct anchor anchors[] = {
    { "Conv", 1, true, true, describe_conv },
    { "ConvTranspose", 1, true, true, describe_conv },
    { "Gemm", 1, true, true, describe_gemm },
    { "MatMul", 1, true, true, describe_matmul },
    { "LSTM", 1, false, true, describe_recurrent },
    { "GRU", 1, false, true, describe_recurrent },
    { "RNN", 1, false, true, describe_recurrent },
    { "InstanceNormalization", 1, true, false, describe_norm },
    { "GroupNormalization", 21, true, false, describe_norm },
    { "LayerNormalization", 1, true, false, describe_norm },
    { "RMSNormalization", 1, true, false, describe_norm },
};

static const struct anchor *find(const struct node *node)
{
    for (size_t i = 0; i < sizeof(anchors) / sizeof(*anchors); i++)
        if (node_is(node, anchors[i].op) && node->opset >= anchors[i].first_opset) return &anchors[i];
    return NULL;
}

const struct anchor *anchor_of_output(const struct node *node)
{
    const struct anchor *anchor = find(node);
    return anchor && anchor->behind ? anchor : NULL;
}

const struct anchor *anchor_of_input(const struct node *node, size_t slot)
{
    const struct anchor *anchor = find(node);
    return anchor && anchor->on_input && (slot == 0 || node_is(node, "MatMul")) ? anchor : NULL;
}

enum reason linear_describe(struct decision *decision, const struct anchor *anchor, const struct node *node,
                            size_t slot, bool on_input, struct linear *linear)
{
    *linear = (struct linear){ .input_axis = -1, .output_axis = -1, .bias_slot = -1, .weight_gain = 1, .bias_gain = 1 };
    return anchor->describe(decision, node, slot, on_input, linear);
}
