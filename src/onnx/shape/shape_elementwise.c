/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of what works element by element, of normalisations, and of what keeps or broadcasts its inputs' shapes. */
#include "onnx/shape/rules.h"

static bool same_shape(struct shaping *s)
{
    return set_like(s, 0, rule_type(s), 0);
}

/* numpy broadcasting of all inputs. */
static bool broadcast(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = 0;
    enum dtype type = rule_type(s);
    if (s->node->input_count == 0) return false;
    for (size_t i = 0; i < s->node->input_count; i++) {
        int other = input_rank(s, i);
        if (type == DTYPE_UNDEFINED && s->rule->type == DTYPE_UNDEFINED && i >= (size_t)s->rule->slot)
            type = input_type(s, i);
        if (other < 0) rank = -1;
        if (rank >= 0 && !broadcast_onto(s, &rank, dims, other, input_dims(s, i))) return false;
    }
    return set_output(s, 0, type, rank, dims);
}

/* Up to opset 6 the second input is spread over the first, where an attribute says so. */
static bool broadcast_by_attribute(struct shaping *s)
{
    return node_int(s->node, "broadcast", 0) ? same_shape(s) : broadcast(s);
}

/* Up to opset 5 the type is given by its name, which is left to the declaration. */
static bool cast(struct shaping *s)
{
    return set_like(s, 0, type_attribute(s, "to", DTYPE_UNDEFINED), 0);
}

static bool typed_by_attribute(struct shaping *s)
{
    return set_like(s, 0, type_attribute(s, "dtype", input_type(s, 0)), 0);
}

static bool dropout(struct shaping *s)
{
    return set_like(s, 0, input_type(s, 0), 0) && set_like(s, 1, rule_type(s), 0);
}

/* Statistics have the type and shape of the ones that come in. */
static bool batch_normalization(struct shaping *s)
{
    int rank = input_rank(s, 0);
    for (size_t i = 1; i < 5 && rank >= 2; i++) {
        struct dim channels = input_dim(s, 0, 1);
        if (input_rank(s, i) == 1 && !merge_dims(channels, input_dim(s, i, 0), &channels)) return false;
    }
    for (size_t i = 1; i < s->node->output_count; i++)
        if (!set_like(s, i, input_type(s, 3), 3)) return false;
    return set_like(s, 0, input_type(s, 0), 0);
}

static bool layer_normalization(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    enum dtype stash = type_attribute(s, "stash_type", DTYPE_FLOAT);
    if (rank < 0) return set_type(s, 0, input_type(s, 0)) && set_type(s, 1, stash) && set_type(s, 2, stash);
    if (!normal_axis(node_int(s->node, "axis", -1), rank, &axis)) return false;
    for (int i = 0; i < rank; i++) dims[i] = i < axis ? input_dim(s, 0, i) : number_dim(1);
    return set_like(s, 0, input_type(s, 0), 0) && set_output(s, 1, stash, rank, dims)
           && set_output(s, 2, stash, rank, dims);
}

static bool quantize(struct shaping *s)
{
    enum dtype type = type_attribute(s, "output_dtype", DTYPE_UNDEFINED);
    if (type == DTYPE_UNDEFINED) type = node_input(s->node, 2) ? input_type(s, 2) : DTYPE_UINT8;
    return set_like(s, 0, type, 0);
}

static bool dequantize(struct shaping *s)
{
    enum dtype type = type_attribute(s, "output_dtype", DTYPE_UNDEFINED);
    return set_like(s, 0, type == DTYPE_UNDEFINED ? input_type(s, 1) : type, 0);
}

static bool dynamic_quantize(struct shaping *s)
{
    return set_like(s, 0, DTYPE_UINT8, 0) && set_rank(s, 1, DTYPE_FLOAT, 0) && set_rank(s, 2, DTYPE_UINT8, 0);
}

/* One number for the whole batch, or with reduction "none" one for each label. */
static bool loss(struct shaping *s)
{
    const char *reduction = node_text(s->node, "reduction", "mean");
    bool each = reduction[0] == 'n';
    return (each ? set_like(s, 0, input_type(s, 0), 1) : set_rank(s, 0, input_type(s, 0), 0))
           && set_like(s, 1, input_type(s, 0), 0);
}

static bool scalar(struct shaping *s)
{
    return set_rank(s, 0, rule_type(s), 0);
}

const struct shape_rule shape_elementwise_rules[] = {
    { "Abs", 1, SHAPE_LATEST, .infer = same_shape },
    { "Acos", 7, SHAPE_LATEST, .infer = same_shape },
    { "Acosh", 9, SHAPE_LATEST, .infer = same_shape },
    { "Asin", 7, SHAPE_LATEST, .infer = same_shape },
    { "Asinh", 9, SHAPE_LATEST, .infer = same_shape },
    { "Atan", 7, SHAPE_LATEST, .infer = same_shape },
    { "Atanh", 9, SHAPE_LATEST, .infer = same_shape },
    { "BitwiseNot", 18, SHAPE_LATEST, .infer = same_shape },
    { "Ceil", 1, SHAPE_LATEST, .infer = same_shape },
    { "Celu", 12, SHAPE_LATEST, .infer = same_shape },
    { "Clip", 1, SHAPE_LATEST, .infer = same_shape },
    { "Cos", 7, SHAPE_LATEST, .infer = same_shape },
    { "Cosh", 9, SHAPE_LATEST, .infer = same_shape },
    { "CumProd", 26, SHAPE_LATEST, .infer = same_shape },
    { "CumSum", 11, SHAPE_LATEST, .infer = same_shape },
    { "Elu", 1, SHAPE_LATEST, .infer = same_shape },
    { "Erf", 9, SHAPE_LATEST, .infer = same_shape },
    { "Exp", 1, SHAPE_LATEST, .infer = same_shape },
    { "Floor", 1, SHAPE_LATEST, .infer = same_shape },
    { "Gelu", 20, SHAPE_LATEST, .infer = same_shape },
    { "GroupNormalization", 18, SHAPE_LATEST, .infer = same_shape },
    { "HardSigmoid", 1, SHAPE_LATEST, .infer = same_shape },
    { "HardSwish", 14, SHAPE_LATEST, .infer = same_shape },
    { "Hardmax", 1, SHAPE_LATEST, .infer = same_shape },
    { "Identity", 1, SHAPE_LATEST, .infer = same_shape },
    { "InstanceNormalization", 1, SHAPE_LATEST, .infer = same_shape },
    { "IsInf", 10, SHAPE_LATEST, .infer = same_shape, .type = DTYPE_BOOL },
    { "IsNaN", 9, SHAPE_LATEST, .infer = same_shape, .type = DTYPE_BOOL },
    { "LRN", 1, SHAPE_LATEST, .infer = same_shape },
    { "LeakyRelu", 1, SHAPE_LATEST, .infer = same_shape },
    { "Log", 1, SHAPE_LATEST, .infer = same_shape },
    { "LogSoftmax", 1, SHAPE_LATEST, .infer = same_shape },
    { "LpNormalization", 1, SHAPE_LATEST, .infer = same_shape },
    { "MeanVarianceNormalization", 9, SHAPE_LATEST, .infer = same_shape },
    { "Mish", 18, SHAPE_LATEST, .infer = same_shape },
    { "Neg", 1, SHAPE_LATEST, .infer = same_shape },
    { "Not", 1, SHAPE_LATEST, .infer = same_shape, .type = DTYPE_BOOL },
    { "RMSNormalization", 23, SHAPE_LATEST, .infer = same_shape, .slot = 1 },
    { "Reciprocal", 1, SHAPE_LATEST, .infer = same_shape },
    { "Relu", 1, SHAPE_LATEST, .infer = same_shape },
    { "ReverseSequence", 10, SHAPE_LATEST, .infer = same_shape },
    { "RotaryEmbedding", 23, SHAPE_LATEST, .infer = same_shape },
    { "Round", 11, SHAPE_LATEST, .infer = same_shape },
    { "Scatter", 9, 10, .infer = same_shape },
    { "ScatterElements", 11, SHAPE_LATEST, .infer = same_shape },
    { "ScatterND", 11, SHAPE_LATEST, .infer = same_shape },
    { "Selu", 1, SHAPE_LATEST, .infer = same_shape },
    { "Shrink", 9, SHAPE_LATEST, .infer = same_shape },
    { "Sigmoid", 1, SHAPE_LATEST, .infer = same_shape },
    { "Sign", 9, SHAPE_LATEST, .infer = same_shape },
    { "Sin", 7, SHAPE_LATEST, .infer = same_shape },
    { "Sinh", 9, SHAPE_LATEST, .infer = same_shape },
    { "Softmax", 1, SHAPE_LATEST, .infer = same_shape },
    { "Softplus", 1, SHAPE_LATEST, .infer = same_shape },
    { "Softsign", 1, SHAPE_LATEST, .infer = same_shape },
    { "Sqrt", 1, SHAPE_LATEST, .infer = same_shape },
    { "Swish", 24, SHAPE_LATEST, .infer = same_shape },
    { "Tan", 7, SHAPE_LATEST, .infer = same_shape },
    { "Tanh", 1, SHAPE_LATEST, .infer = same_shape },
    { "TensorScatter", 24, SHAPE_LATEST, .infer = same_shape },
    { "ThresholdedRelu", 10, SHAPE_LATEST, .infer = same_shape },
    { "Trilu", 14, SHAPE_LATEST, .infer = same_shape },

    { "Add", 1, 6, .infer = broadcast_by_attribute },
    { "Add", 7, SHAPE_LATEST, .infer = broadcast },
    { "And", 1, 6, .infer = broadcast_by_attribute, .type = DTYPE_BOOL },
    { "And", 7, SHAPE_LATEST, .infer = broadcast, .type = DTYPE_BOOL },
    { "BitShift", 11, SHAPE_LATEST, .infer = broadcast },
    { "BitwiseAnd", 18, SHAPE_LATEST, .infer = broadcast },
    { "BitwiseOr", 18, SHAPE_LATEST, .infer = broadcast },
    { "BitwiseXor", 18, SHAPE_LATEST, .infer = broadcast },
    { "Div", 1, 6, .infer = broadcast_by_attribute },
    { "Div", 7, SHAPE_LATEST, .infer = broadcast },
    { "Equal", 1, 6, .infer = broadcast_by_attribute, .type = DTYPE_BOOL },
    { "Equal", 7, SHAPE_LATEST, .infer = broadcast, .type = DTYPE_BOOL },
    { "Greater", 1, 6, .infer = broadcast_by_attribute, .type = DTYPE_BOOL },
    { "Greater", 7, SHAPE_LATEST, .infer = broadcast, .type = DTYPE_BOOL },
    { "GreaterOrEqual", 12, SHAPE_LATEST, .infer = broadcast, .type = DTYPE_BOOL },
    { "Less", 1, 6, .infer = broadcast_by_attribute, .type = DTYPE_BOOL },
    { "Less", 7, SHAPE_LATEST, .infer = broadcast, .type = DTYPE_BOOL },
    { "LessOrEqual", 12, SHAPE_LATEST, .infer = broadcast, .type = DTYPE_BOOL },
    { "Max", 1, SHAPE_LATEST, .infer = broadcast },
    { "Mean", 1, SHAPE_LATEST, .infer = broadcast },
    { "Min", 1, SHAPE_LATEST, .infer = broadcast },
    { "Mod", 10, SHAPE_LATEST, .infer = broadcast },
    { "Mul", 1, 6, .infer = broadcast_by_attribute },
    { "Mul", 7, SHAPE_LATEST, .infer = broadcast },
    { "Or", 1, 6, .infer = broadcast_by_attribute, .type = DTYPE_BOOL },
    { "Or", 7, SHAPE_LATEST, .infer = broadcast, .type = DTYPE_BOOL },
    { "PRelu", 1, 6, .infer = same_shape },
    { "PRelu", 7, SHAPE_LATEST, .infer = broadcast },
    { "Pow", 1, 6, .infer = broadcast_by_attribute },
    { "Pow", 7, SHAPE_LATEST, .infer = broadcast },
    { "StringConcat", 20, SHAPE_LATEST, .infer = broadcast, .type = DTYPE_STRING },
    { "Sub", 1, 6, .infer = broadcast_by_attribute },
    { "Sub", 7, SHAPE_LATEST, .infer = broadcast },
    { "Sum", 1, SHAPE_LATEST, .infer = broadcast },
    { "Where", 9, SHAPE_LATEST, .infer = broadcast, .slot = 1 },
    { "Xor", 1, 6, .infer = broadcast_by_attribute, .type = DTYPE_BOOL },
    { "Xor", 7, SHAPE_LATEST, .infer = broadcast, .type = DTYPE_BOOL },

    { "BatchNormalization", 1, SHAPE_LATEST, .infer = batch_normalization },
    { "Bernoulli", 15, SHAPE_LATEST, .infer = typed_by_attribute },
    { "BitCast", 26, SHAPE_LATEST, .infer = cast },
    { "Cast", 1, SHAPE_LATEST, .infer = cast },
    { "CastLike", 15, SHAPE_LATEST, .infer = same_shape, .slot = 1 },
    { "DequantizeLinear", 10, SHAPE_LATEST, .infer = dequantize },
    { "Dropout", 1, 9, .infer = dropout },
    { "Dropout", 10, SHAPE_LATEST, .infer = dropout, .type = DTYPE_BOOL },
    { "DynamicQuantizeLinear", 11, SHAPE_LATEST, .infer = dynamic_quantize },
    { "LayerNormalization", 17, SHAPE_LATEST, .infer = layer_normalization },
    { "NegativeLogLikelihoodLoss", 12, SHAPE_LATEST, .infer = loss },
    { "OptionalHasElement", 15, SHAPE_LATEST, .infer = scalar, .type = DTYPE_BOOL },
    { "QuantizeLinear", 10, SHAPE_LATEST, .infer = quantize },
    { "RandomNormalLike", 1, SHAPE_LATEST, .infer = typed_by_attribute },
    { "RandomUniformLike", 1, SHAPE_LATEST, .infer = typed_by_attribute },
    { "RegexFullMatch", 20, SHAPE_LATEST, .infer = same_shape, .type = DTYPE_BOOL },
    { "SequenceLength", 11, SHAPE_LATEST, .infer = scalar, .type = DTYPE_INT64 },
    { "SoftmaxCrossEntropyLoss", 12, SHAPE_LATEST, .infer = loss },
    { 0 }
};
