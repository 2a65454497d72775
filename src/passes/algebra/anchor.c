/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of anchors and their descriptions. */
#include "passes/algebra/anchor.h"

#include "onnx/graph/attr.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/schema.h"
#include "passes/algebra/affine.h"
#include "passes/algebra/equation.h"
#include "passes/algebra/quantized.h"

#include <string.h>

/* Which affines an anchor absorbs; ON_ANY_INPUT: on whichever input its constant is not. */
enum { ON_OUTPUT = 1, ON_INPUT = 2, ON_ANY_INPUT = 4 };

struct anchor {
    const char *op;
    int absorbs;
    int64_t first_opset; /* 0: every opset */
    size_t inputs;       /* 0: any number */
    enum root_entry roots;
    /* Fills the description for an affine on the output (on_input false) or on input `slot`. */
    enum reason (*describe)(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                            struct anchor_parts *parts);
};

static enum reason find_weight(struct decision *decision, const struct node *node, size_t slot,
                               struct anchor_parts *parts)
{
    enum reason why;
    struct value *value = node_input(node, slot);
    parts->weight_slot = slot;
    parts->weight = decision_constant(decision, value, &why);
    if (!parts->weight && quantized_source(decision, value)) {
        parts->quantized = value;
        parts->weight = quantized_shape(decision, value, &why);
        if (!parts->weight) return why;
    }
    if (!parts->weight)
        return decision_stop(decision,
                             why == REASON_OVERRIDABLE    ? REASON_WEIGHT_OVERRIDE
                             : why == REASON_NOT_CONSTANT ? REASON_WEIGHT_DYNAMIC
                                                          : why,
                             value->name, "the weight of %s", node_title(node));
    if (parts->weight->count < 1 || dtype_kind(parts->weight->type) != KIND_REAL)
        return decision_stop(decision, REASON_NON_LINEAR, value->name, "the weight of %s has no real elements",
                             node_title(node));
    return REASON_NONE;
}

/* Whether the value can be the weight of a product that takes it on either side. */
static bool may_be_weight(struct decision *decision, struct value *value)
{
    enum reason why;
    return decision_constant(decision, value, &why) || quantized_source(decision, value);
}

static void plain_bias(struct anchor_parts *parts, int slot)
{
    parts->bias_slot = slot;
    parts->bias_rows = 1;
    parts->bias_block = parts->bias_stride = parts->bias_dims[0] = parts->output_channels;
    parts->bias_rank = 1;
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
    const struct shape *x = &node_input(node, 0)->shape;
    for (int i = 2; i < weight->rank; i++) {
        size_t k = (size_t)i - 2;
        int64_t stride = node_int_at(node, "strides", k, 1), dilation = node_int_at(node, "dilations", k, 1);
        int64_t size = x->rank == weight->rank ? x->dims[i].size : -1, reach, extent;
        if (weight->dims[i] == 1) continue;
        if (size < 1 || !size_multiply(weight->dims[i] - 1, dilation, &extent)
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
    const char *auto_pad = node_text(node, "auto_pad", "NOTSET");
    return unit_kernel(weight) && all_ones(node, "strides") && none_positive(node, "pads")
           && none_positive(node, "output_padding") && !node_attribute(node, "output_shape")
           && (strcmp(auto_pad, "NOTSET") == 0 || strcmp(auto_pad, "VALID") == 0);
}

/* The weight of Conv is [M, C/group, k...], that of ConvTranspose [C, M/group, k...]: `whole` views the first axis,
 * `grouped` the channels of the second, which are inside each group. */
static enum reason describe_kernel(struct decision *decision, const struct node *node, struct anchor_parts *parts,
                                   struct factor *whole, struct factor *grouped)
{
    enum reason reason = find_weight(decision, node, 1, parts);
    if (reason) return reason;
    const struct tensor *w = parts->weight;
    int64_t groups = node_int(node, "group", 1), inner = 1;
    if (w->rank < 3 || w->dims[0] % groups != 0)
        return malformed(decision, node, "its weight and group attribute do not fit");
    for (int i = 2; i < w->rank; i++) inner *= w->dims[i];
    *whole = (struct factor){ 1, w->dims[0], 1, 1, w->dims[1] * inner, NULL };
    *grouped = (struct factor){ 1, groups, w->dims[0] / groups, w->dims[1], inner, NULL };
    return REASON_NONE;
}

static enum reason finish_kernel(struct anchor_parts *parts, bool shift_is_exact)
{
    parts->output_channels = parts->output_view.rows * parts->output_view.columns;
    parts->input_channels = parts->input_view.rows * parts->input_view.columns;
    parts->output_axis = parts->input_axis = 1;
    parts->shift_stays = shift_is_exact ? REASON_NONE : REASON_PADDED_SHIFT;
    plain_bias(parts, 2);
    return REASON_NONE;
}

static enum reason describe_conv(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                 struct anchor_parts *parts)
{
    (void)slot, (void)on_input;
    enum reason reason = describe_kernel(decision, node, parts, &parts->output_view, &parts->input_view);
    return reason ? reason : finish_kernel(parts, conv_reads_no_padding(node, parts->weight));
}

static enum reason describe_transposed_conv(struct decision *decision, const struct node *node, size_t slot,
                                            bool on_input, struct anchor_parts *parts)
{
    (void)slot, (void)on_input;
    enum reason reason = describe_kernel(decision, node, parts, &parts->input_view, &parts->output_view);
    return reason ? reason : finish_kernel(parts, transposed_conv_is_pointwise(node, parts->weight));
}

/* A Conv whose taps lie where the offsets say, between elements or outside, where zeros are. */
static enum reason describe_deformed_conv(struct decision *decision, const struct node *node, size_t slot,
                                          bool on_input, struct anchor_parts *parts)
{
    (void)slot, (void)on_input;
    enum reason reason = describe_kernel(decision, node, parts, &parts->output_view, &parts->input_view);
    if (reason) return reason;
    finish_kernel(parts, false);
    plain_bias(parts, 3);
    return REASON_NONE;
}

/* Y = alpha * A·B + beta * C; C broadcasts to [M, N]. */
static enum reason describe_gemm(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                 struct anchor_parts *l)
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
    l->is_product = true;
    l->weight_gain = (double)node_float(node, "alpha", 1);
    l->bias_gain = (double)node_float(node, "beta", 1);
    plain_bias(l, 2);
    l->bias_broadcasts = true;
    l->bias_by_attribute = schema_knows(node, "broadcast");
    struct value *c = node_input(node, 2);
    const struct tensor *bias = decision_constant(decision, c, &why);
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
                                   struct anchor_parts *l)
{
    struct value *left = node_input(node, 0), *right = node_input(node, 1);
    size_t weight_slot = on_input ? 1 - slot : may_be_weight(decision, right) || !may_be_weight(decision, left);
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
    l->is_product = true;
    if (on_input && batch != 1) {
        l->shift_stays = REASON_NON_LINEAR; /* W·t differs from batch to batch */
        l->map.rank = w->rank;
        for (int i = 0; i < w->rank; i++) {
            const bool is_summed = i == w->rank - 1 - (int)weight_slot;
            l->map.dims[i] = is_summed ? 1 : w->dims[i];
            l->map.of_weight[i] = is_summed ? -1 : i;
        }
    }
    return REASON_NONE;
}

/* The weight is a matrix: one letter is summed over, the other is new. All other letters of the data are kept. */
static bool is_matrix_product(struct term data, struct term weight, struct term result, int *summed)
{
    if (weight.count != 2 || result.count != data.count) return false;
    *summed = term_axis(data, weight.letters[0]) >= 0 ? 0 : 1;
    char from = weight.letters[*summed], to = weight.letters[1 - *summed];
    if (term_axis(data, from) < 0 || term_axis(result, from) >= 0) return false;
    if (term_axis(data, to) >= 0 || term_axis(result, to) < 0) return false;
    for (int i = 0; i < data.count; i++)
        if (data.letters[i] != from && term_axis(result, data.letters[i]) < 0) return false;
    return true;
}

/* The axis of a tensor, everything else inside or outside of it. */
static struct factor view_of_axis(const struct tensor *tensor, int axis)
{
    struct factor view = { 1, tensor->dims[axis], 1, 1, 1, NULL };
    for (int i = 0; i < axis; i++) view.outer *= tensor->dims[i];
    for (int i = axis + 1; i < tensor->rank; i++) view.inner *= tensor->dims[i];
    return view;
}

/* Every letter of the data is summed with the weight or kept, and an ellipsis, which broadcasts, is none of the
 * weight's. */
static bool is_contraction(struct term data, struct term weight, struct term result)
{
    for (int i = 0; i < weight.count; i++)
        if (weight.letters[i] <= TENSOR_MAX_RANK) return false;
    for (int i = 0; i < data.count; i++)
        if (term_axis(weight, data.letters[i]) < 0 && term_axis(result, data.letters[i]) < 0) return false;
    return true;
}

/* What a shift on the data comes to: one number, one along an axis of the result, or a constant along several. */
static void find_map(struct term weight, struct term result, struct anchor_parts *parts)
{
    const struct tensor *w = parts->weight;
    int first = result.count, shared = 0;
    parts->output_view = (struct factor){ 1, 1, 1, 1, w->count, NULL };
    parts->output_axis = AXIS_ANY;
    for (int i = result.count; i-- > 0;)
        if (term_axis(weight, result.letters[i]) >= 0) {
            first = i;
            shared++;
            parts->output_axis = i;
            parts->output_view = view_of_axis(w, term_axis(weight, result.letters[i]));
        }
    parts->output_channels = parts->output_view.rows;
    if (shared < 2) return;
    parts->shift_stays = REASON_NON_LINEAR;
    parts->map.rank = result.count - first;
    for (int i = 0; i < parts->map.rank; i++) parts->map.dims[i] = 1;
    for (int i = 0; i < w->rank; i++) {
        const int at = term_axis(result, weight.letters[i]);
        parts->map.of_weight[i] = at < 0 ? -1 : at - first;
        if (at >= 0) parts->map.dims[at - first] = w->dims[i];
    }
}

/* The weight takes an affine along a letter that it shares with the data, summed over or not. */
static enum reason describe_contraction(struct decision *decision, const struct node *node, struct term data,
                                        struct term weight, struct term result, struct anchor_parts *parts)
{
    int axis = parts->asked_axis;
    for (int i = 0; i < data.count && axis == AXIS_ANY; i++)
        if (term_axis(weight, data.letters[i]) >= 0) axis = i;
    const int in_weight = axis >= 0 && axis < data.count ? term_axis(weight, data.letters[axis]) : -1;
    if (in_weight < 0 || weight.count != parts->weight->rank || !is_contraction(data, weight, result))
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "its weight has no such axis");
    parts->input_axis = axis;
    parts->input_view = view_of_axis(parts->weight, in_weight);
    parts->input_channels = parts->input_view.rows;
    find_map(weight, result, parts);
    return REASON_NONE;
}

static enum reason describe_einsum(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                   struct anchor_parts *parts)
{
    struct equation equation;
    int summed;
    if (!equation_read(decision->arena, node, &equation) || equation.count != 2)
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it is not a product of two");
    size_t weight_slot = on_input ? 1 - slot : may_be_weight(decision, node_input(node, 1));
    enum reason reason = find_weight(decision, node, weight_slot, parts);
    if (reason) return reason;
    const struct tensor *w = parts->weight;
    struct term data = equation.operands[1 - weight_slot], weight = equation.operands[weight_slot];
    parts->data_slot = 1 - weight_slot;
    const bool is_matrix = w->rank == 2 && is_matrix_product(data, weight, equation.result, &summed);
    if (!is_matrix && on_input) return describe_contraction(decision, node, data, weight, equation.result, parts);
    if (!is_matrix)
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it is no product with a matrix");
    parts->input_view = view_of_axis(w, summed);
    parts->output_view = view_of_axis(w, 1 - summed);
    parts->input_axis = term_axis(data, weight.letters[summed]);
    parts->output_axis = term_axis(equation.result, weight.letters[1 - summed]);
    parts->input_channels = parts->input_view.rows;
    parts->output_channels = parts->output_view.rows;
    parts->is_product = true;
    return REASON_NONE;
}

/* W is [directions, gates * hidden, input]; B is [directions, 2 * gates * hidden], the input's half first. */
static enum reason describe_recurrent(struct decision *decision, const struct node *node, int gates,
                                      struct anchor_parts *l)
{
    enum reason reason = find_weight(decision, node, 1, l);
    if (reason) return reason;
    const struct tensor *w = l->weight;
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

static enum reason describe_lstm(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                 struct anchor_parts *parts)
{
    (void)slot, (void)on_input;
    return describe_recurrent(decision, node, 4, parts);
}

static enum reason describe_gru(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                struct anchor_parts *parts)
{
    (void)slot, (void)on_input;
    return describe_recurrent(decision, node, 3, parts);
}

static enum reason describe_rnn(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                struct anchor_parts *parts)
{
    (void)slot, (void)on_input;
    return describe_recurrent(decision, node, 1, parts);
}

/* y = W[c] * normalized(x)[c] + b[c] along one axis. */
static enum reason describe_norm(struct decision *decision, const struct node *node, int axis, bool has_bias,
                                 struct anchor_parts *parts)
{
    enum reason reason = find_weight(decision, node, 1, parts);
    if (reason) return reason;
    if (parts->weight->rank != 1)
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "its scale is not per channel");
    if (axis < 0)
        return decision_stop(decision, REASON_AXIS_NOT_PROVEN, node_title(node), "the rank of its input is unknown");
    parts->output_axis = axis;
    parts->output_channels = parts->weight->count;
    parts->output_view = (struct factor){ 1, parts->weight->count, 1, 1, 1, NULL };
    if (has_bias) plain_bias(parts, 2);
    return REASON_NONE;
}

static int last_axis(const struct node *node)
{
    const struct value *x = node_input(node, 0);
    return x->shape.rank - 1;
}

static enum reason describe_channel_norm(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                         struct anchor_parts *parts)
{
    (void)slot, (void)on_input;
    return describe_norm(decision, node, 1, true, parts);
}

static enum reason describe_last_axis_norm(struct decision *decision, const struct node *node, size_t slot,
                                           bool on_input, struct anchor_parts *parts)
{
    (void)slot, (void)on_input;
    return describe_norm(decision, node, last_axis(node), true, parts);
}

static enum reason describe_rms_norm(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                     struct anchor_parts *parts)
{
    (void)slot, (void)on_input;
    return describe_norm(decision, node, last_axis(node), false, parts);
}

/* ---- What ONNX Runtime fuses ---- */

/* An activation, or a further operand that is added, comes after the product. */
static enum reason ends_linear(struct decision *decision, const struct node *node, bool on_input, size_t added)
{
    if (on_input || (!*node_text(node, "activation", "") && !node_input(node, added))) return REASON_NONE;
    return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it ends in an activation or a sum");
}

static enum reason describe_fused_conv(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                       struct anchor_parts *parts)
{
    enum reason reason = ends_linear(decision, node, on_input, 3);
    return reason ? reason : describe_conv(decision, node, slot, on_input, parts);
}

static enum reason describe_fused_gemm(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                       struct anchor_parts *parts)
{
    enum reason reason = ends_linear(decision, node, on_input, 3);
    return reason ? reason : describe_gemm(decision, node, slot, on_input, parts);
}

/* alpha * A·B, each transposed on request: followed where B is a constant matrix and A as it is. */
static enum reason describe_fused_matmul(struct decision *decision, const struct node *node, size_t slot, bool on_input,
                                         struct anchor_parts *parts)
{
    (void)slot, (void)on_input;
    enum reason reason = find_weight(decision, node, 1, parts);
    if (reason) return reason;
    const struct tensor *w = parts->weight;
    const struct value *data = node_input(node, 0);
    int rank = data->shape.rank;
    if (w->rank != 2 || node_int(node, "transA", 0) || node_int(node, "transBatchA", 0)
        || node_int(node, "transBatchB", 0))
        return decision_stop(decision, REASON_NON_LINEAR, node_title(node), "it is no product with a matrix");
    if (rank < 2) return decision_stop(decision, REASON_AXIS_NOT_PROVEN, node_title(node), "the rank of its input");
    bool turned = node_int(node, "transB", 0) != 0;
    struct factor first = { 1, w->dims[0], 1, 1, w->dims[1], NULL }, second = { w->dims[0], w->dims[1], 1, 1, 1, NULL };
    parts->output_view = turned ? first : second;
    parts->input_view = turned ? second : first;
    parts->output_axis = parts->input_axis = rank - 1;
    parts->output_channels = parts->output_view.rows;
    parts->input_channels = parts->input_view.rows;
    parts->is_product = true;
    parts->weight_gain = (double)node_float(node, "alpha", 1);
    return REASON_NONE;
}

static const struct anchor anchors[] = {
    { .op = "Conv", .describe = describe_conv, .absorbs = ON_OUTPUT | ON_INPUT, .roots = ROOTS_ALWAYS },
    { .op = "ConvTranspose",
      .describe = describe_transposed_conv,
      .absorbs = ON_OUTPUT | ON_INPUT,
      .roots = ROOTS_ALWAYS },
    { .op = "Gemm", .describe = describe_gemm, .absorbs = ON_OUTPUT | ON_INPUT, .roots = ROOTS_UPSTREAM_OR_FROM_INPUT },
    { .op = "MatMul",
      .describe = describe_matmul,
      .absorbs = ON_OUTPUT | ON_ANY_INPUT,
      .roots = ROOTS_UPSTREAM_OR_FROM_INPUT },
    { .op = "DeformConv", .describe = describe_deformed_conv, .absorbs = ON_OUTPUT | ON_INPUT },
    { .op = "Einsum", .describe = describe_einsum, .absorbs = ON_OUTPUT | ON_ANY_INPUT, .inputs = 2 },
    { .op = "com.microsoft:FusedConv", .describe = describe_fused_conv, .absorbs = ON_OUTPUT | ON_INPUT },
    { .op = "com.microsoft:FusedGemm", .describe = describe_fused_gemm, .absorbs = ON_OUTPUT | ON_INPUT },
    { .op = "com.microsoft:FusedMatMul", .describe = describe_fused_matmul, .absorbs = ON_OUTPUT | ON_INPUT },
    { .op = "LSTM", .describe = describe_lstm, .absorbs = ON_INPUT },
    { .op = "GRU", .describe = describe_gru, .absorbs = ON_INPUT },
    { .op = "RNN", .describe = describe_rnn, .absorbs = ON_INPUT },
    { .op = "InstanceNormalization", .describe = describe_channel_norm, .absorbs = ON_OUTPUT },
    { .op = "GroupNormalization", .describe = describe_channel_norm, .absorbs = ON_OUTPUT, .first_opset = 21 },
    { .op = "LayerNormalization", .describe = describe_last_axis_norm, .absorbs = ON_OUTPUT },
    { .op = "RMSNormalization", .describe = describe_rms_norm, .absorbs = ON_OUTPUT },
};

/* None without a row: nothing says that such a node has the inputs that its operator needs. */
static const struct anchor *find(const struct node *node)
{
    if (!node->row) return NULL;
    for (size_t i = 0; i < sizeof(anchors) / sizeof(*anchors); i++)
        if (operator_is_named(anchors[i].op, node->domain, node->op) && node->opset >= anchors[i].first_opset
            && (!anchors[i].inputs || anchors[i].inputs == node->input_count))
            return &anchors[i];
    return NULL;
}

enum root_entry anchor_root_entry(const struct node *node)
{
    const struct anchor *anchor = find(node);
    return anchor ? anchor->roots : ROOTS_NEVER;
}

bool anchor_is(const struct node *node)
{
    return find(node) != NULL;
}

const struct anchor *anchor_of_output(const struct node *node)
{
    const struct anchor *anchor = node_refers(node) ? NULL : find(node);
    return anchor && anchor->absorbs & ON_OUTPUT ? anchor : NULL;
}

const struct anchor *anchor_of_input(const struct node *node, size_t slot)
{
    const struct anchor *anchor = node_refers(node) ? NULL : find(node);
    return anchor && anchor->absorbs & (slot == 0 ? ON_INPUT | ON_ANY_INPUT : ON_ANY_INPUT) ? anchor : NULL;
}

enum reason anchor_describe(struct decision *decision, const struct anchor *anchor, const struct node *node,
                            size_t slot, bool on_input, int axis, struct anchor_parts *parts)
{
    *parts = (struct anchor_parts){
        .asked_axis = axis, .input_axis = -1, .output_axis = -1, .bias_slot = -1, .weight_gain = 1, .bias_gain = 1
    };
    return anchor->describe(decision, node, slot, on_input, parts);
}

int64_t view_channel(const struct factor *view, int64_t element)
{
    int64_t column = element / view->inner % view->columns;
    return element / (view->inner * view->columns * view->middle) % view->rows * view->columns + column;
}
