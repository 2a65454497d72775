/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients against central differences, in float64: every element of every real input of an operator, by the loss
 * sum(sin(y)) over its outputs. The difference may be 1e-6 of the largest element of the gradient, and is far less. */
#include "build.h"
#include "runtime/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST 8 /* inputs */

/* An operator on inputs between blanks: "2,3" are random numbers of these dims in [-1, 1), "+2,3" in [0.2, 1.2), ">2,3"
 * in [1.2, 2.2); ":2,3" are such numbers that nothing is derived by, "=1,2" a vector of whole numbers, "=3" one, "!" is
 * true, "_" is absent. */
struct derivation {
    int64_t opset;
    const char *op, *attributes, *inputs, *outputs;
};

#define MS "com.microsoft:"

static const struct derivation derivations[] = {
    { 13, "Abs", NULL, "2,3", "y" },
    { 13, "Acosh", NULL, ">2,3", "y" },
    { 13, "Acos", NULL, "2,3", "y" },
    { 13, "Asin", NULL, "2,3", "y" },
    { 13, "Asinh", NULL, "2,3", "y" },
    { 13, "Atan", NULL, "2,3", "y" },
    { 13, "Atanh", NULL, "2,3", "y" },
    { 13, "Celu", "alpha=0.5", "2,3", "y" },
    { 13, "Cos", NULL, "2,3", "y" },
    { 13, "Cosh", NULL, "2,3", "y" },
    { 13, "Elu", "alpha=0.5", "2,3", "y" },
    { 13, "Erf", NULL, "2,3", "y" },
    { 13, "Exp", NULL, "2,3", "y" },
    { 20, "Gelu", NULL, "2,3", "y" },
    { 20, "Gelu", "approximate=tanh", "2,3", "y" },
    { 13, "HardSigmoid", "alpha=0.75", "2,3", "y" },
    { 14, "HardSwish", NULL, "2,3", "y" },
    { 13, "LeakyRelu", "alpha=0.25", "2,3", "y" },
    { 13, "Log", NULL, "+2,3", "y" },
    { 18, "Mish", NULL, "2,3", "y" },
    { 13, "Neg", NULL, "2,3", "y" },
    { 13, "Reciprocal", NULL, "+2,3", "y" },
    { 13, "Relu", NULL, "2,3", "y" },
    { 13, "Selu", NULL, "2,3", "y" },
    { 13, "Shrink", "lambd=0.25 bias=0.125", "2,3", "y" },
    { 13, "Sigmoid", NULL, "2,3", "y" },
    { 13, "Sin", NULL, "2,3", "y" },
    { 13, "Sinh", NULL, "2,3", "y" },
    { 13, "Softplus", NULL, "2,3", "y" },
    { 13, "Softsign", NULL, "2,3", "y" },
    { 13, "Sqrt", NULL, "+2,3", "y" },
    { 24, "Swish", "alpha=1.5", "2,3", "y" },
    { 13, "Tan", NULL, "2,3", "y" },
    { 13, "Tanh", NULL, "2,3", "y" },
    { 13, "ThresholdedRelu", "alpha=0.25", "2,3", "y" },
    { 13, "Identity", NULL, "2,3", "y" },
    { 13, "Cast", "to=11", "2,3", "y" },
    { 13, "Dropout", NULL, "2,3 :", "y" },
    { 13, "Dropout", NULL, "4,5 : !", "y" },
    { 13, "Add", NULL, "2,3 3", "y" },
    { 13, "Sub", NULL, "2,1 2,3", "y" },
    { 13, "Mul", NULL, "2,3 2,1,1", "y" },
    { 13, "Div", NULL, "2,3 +3", "y" },
    { 13, "Pow", NULL, "+2,3 1,3", "y" },
    { 13, "Pow", NULL, "2,3 =3", "y" },
    { 13, "PRelu", NULL, "2,3 3", "y" },
    { 13, "Sum", NULL, "2,3 3 2,1", "y" },
    { 13, "Mean", NULL, "2,3 3", "y" },
    { 13, "Max", NULL, "2,3 3 2,1", "y" },
    { 13, "Min", NULL, "2,3 3", "y" },
    { 13, "Clip", NULL, "3,4 : _", "y" },
    { 13, "Reshape", NULL, "2,3 =3,2", "y" },
    { 13, "Flatten", NULL, "2,3,2", "y" },
    { 13, "Squeeze", NULL, "2,1,3 =1", "y" },
    { 11, "Unsqueeze", "axes=0,", "2,3", "y" },
    { 13, "Transpose", "perm=2,0,1", "2,3,4", "y" },
    { 13, "Concat", "axis=1", "2,3 2,1 2,2", "y" },
    { 13, "Split", "axis=1", "2,4", "y z" },
    { 13, "Split", "axis=1", "2,4", "_ z" },
    { 13, "Slice", NULL, "4,5 =3,0 =0,5 =0,1 =-1,2", "y" },
    { 13, "Gather", "axis=1", "2,3 =2,0,2", "y" },
    { 13, "Pad", NULL, "2,3 =1,0,-1,2", "y" },
    { 13, "Pad", "mode=reflect", "3,4 =1,2,0,1", "y" },
    { 13, "Expand", NULL, "2,1 =2,2,3", "y" },
    { 13, "Tile", NULL, "2,3 =2,1", "y" },
    { 13, "DepthToSpace", "blocksize=2", "1,4,2,2", "y" },
    { 13, "SpaceToDepth", "blocksize=2", "1,1,4,2", "y" },
    { 14, "Trilu", NULL, "3,3", "y" },
    { 13, "Resize", NULL, "1,1,2,3 _ _ =1,1,4,6", "y" },
    { 13, "MatMul", NULL, "2,3 3,4", "y" },
    { 13, "MatMul", NULL, "2,1,2,3 3,3,4", "y" },
    { 13, "MatMul", NULL, "3 2,3,4", "y" },
    { 13, "MatMul", NULL, "2,2,3 3", "y" },
    { 13, "MatMul", NULL, "3 3", "y" },
    { 13, "Gemm", "alpha=0.5 beta=2.0", "2,3 3,4 4", "y" },
    { 13, "Gemm", "transA=1 transB=1", "3,2 4,3 2,1", "y" },
    { 13, "Conv", "pads=1,0,1,2", "2,2,4,3 3,2,3,2 3", "y" },
    { 13, "Conv", "strides=2,3 dilations=2,1 auto_pad=SAME_UPPER", "1,2,5,7 2,2,2,3", "y" },
    { 13, "Conv", "group=2 strides=2,", "2,4,6 6,2,3", "y" },
    { 13, "Conv", "group=3", "1,3,2,2,3 3,1,2,1,2 3", "y" },
    { 13, "ConvTranspose", "strides=2,1 pads=1,0,0,1 output_padding=1,0", "1,2,3,3 2,3,3,2 3", "y" },
    { 13, "ConvTranspose", "group=2 dilations=2,", "2,4,3 4,1,2 2", "y" },
    { 13, "AveragePool", "kernel_shape=3,2 pads=1,1,1,1 strides=2,1", "2,1,4,4", "y" },
    { 13, "AveragePool", "kernel_shape=3,3 pads=1,1,0,0 strides=2,2 ceil_mode=1 count_include_pad=1", "1,2,5,4", "y" },
    { 13, "MaxPool", "kernel_shape=2,2 strides=1,2 pads=0,1,1,0", "2,2,4,4", "y" },
    { 13, "GlobalAveragePool", NULL, "2,2,3,2", "y" },
    { 13, "GlobalMaxPool", NULL, "2,2,3,2", "y" },
    { 13, "ReduceSum", "keepdims=0", "2,3,4 =1,-1", "y" },
    { 13, "ReduceMean", "axes=0,2 keepdims=0", "2,3,4", "y" },
    { 18, "ReduceMax", NULL, "2,3,4 =1", "y" },
    { 13, "ReduceMin", NULL, "2,3", "y" },
    { 13, "ReduceL1", "axes=1,", "2,3", "y" },
    { 13, "ReduceL2", "axes=1,", "2,3", "y" },
    { 13, "ReduceLogSum", "axes=1,", "+2,3", "y" },
    { 13, "ReduceLogSumExp", "axes=1, keepdims=0", "2,3", "y" },
    { 13, "ReduceSumSquare", NULL, "2,3", "y" },
    { 14, "CumSum", "exclusive=1 reverse=1", "2,3 =1", "y" },
    { 11, "Softmax", "axis=1", "2,3,2", "y" },
    { 13, "Softmax", "axis=1", "2,3,2", "y" },
    { 13, "LogSoftmax", NULL, "2,3", "y" },
    { 13, "SoftmaxCrossEntropyLoss", NULL, "2,3 =2,0", "y p" },
    { 13, "SoftmaxCrossEntropyLoss", "reduction=none ignore_index=1", "3,2 =1,0,1", "y" },
    { 13, "SoftmaxCrossEntropyLoss", NULL, "3,3 =1,0,1 :3", "y" },
    { 13, "NegativeLogLikelihoodLoss", "reduction=sum", "2,3 =2,0 :3", "y" },
    { 15, "BatchNormalization", NULL, "2,3,2,2 3 3 3 +3", "y" },
    { 15, "BatchNormalization", "training_mode=1", "2,3,2,2 3 3 3 +3", "y m v" },
    { 15, "BatchNormalization", "training_mode=1 epsilon=0.01 momentum=0.75", "5,3 3 3 :3 :3", "y" },
    { 17, "LayerNormalization", "axis=1 epsilon=0.01", "2,3,2 3,2 3,2", "y" },
    { 17, "LayerNormalization", NULL, "2,3,4 4", "y" },
    { 23, "RMSNormalization", NULL, "2,3,4 4", "y" },
    { 13, "InstanceNormalization", NULL, "2,3,4,2 3 3", "y" },
    { 21, "GroupNormalization", "num_groups=2", "2,4,3 4 4", "y" },
    { 18, "GroupNormalization", "num_groups=2", "2,4,3 2 2", "y" },
    { 13, "ReduceProd", "axes=0,2 keepdims=0", "2,3,2", "y" },
    { 18, "ReduceProd", NULL, "2,3", "y" },
    { 13, "TopK", "axis=0 largest=0", "4,3 =2", "y _" },
    { 11, "TopK", NULL, "2,4 =3", "y _" },
    { 13, "Resize", "mode=linear", "2,1,3,4 _ _ =2,1,5,7", "y" },
    { 13, "Resize", "mode=linear coordinate_transformation_mode=align_corners", "1,2,4,3 _ _ =1,2,2,6", "y" },
    { 18, "Resize", "mode=linear antialias=1", "1,1,6,5 _ _ =1,1,3,3", "y" },
    { 13, "Resize", "mode=cubic", "1,1,4,4 _ _ =1,1,6,7", "y" },
    { 13, "LpNormalization", "axis=1", "2,3,2", "y" },
    { 13, "LpNormalization", "axis=0 p=1", "4,3", "y" },
    { 9, "MeanVarianceNormalization", NULL, "2,3,2,2", "y" },
    { 13, "LRN", "size=3 alpha=0.5 bias=1.5", "2,5,2", "y" },
    { 13, "LRN", "size=4 alpha=0.5", "1,3,2,2", "y" },
    { 28, "SwiGLU", "alpha=1.5", "2,3 2,3", "y" },
    { 23, "RotaryEmbedding", NULL, "1,2,3,4 :1,3,2 :1,3,2", "y" },
    { 23, "RotaryEmbedding", "interleaved=1 num_heads=2 rotary_embedding_dim=2", "2,3,8 :2,3,1 :2,3,1", "y" },
    { 16, "ScatterND", "reduction=add", "3,2 =1 2", "y" },
    { 18, "ScatterElements", "reduction=add", "4 =1,1,3 3", "y" },
    { 12, "Einsum", "equation=bij,bjk->bik", "2,2,3 2,3,2", "y" },
    { 12, "Einsum", "equation=ij,jk,kl", "2,3 3,2 2,4", "y" },
    { 12, "Einsum", "equation=...ij,j->...i", "2,2,3 3", "y" },
    { 12, "Einsum", "equation=ijk->j", "2,3,2", "y" },
    { 12, "Einsum", "equation=i,j->ji", "2 3", "y" },
    { 12, "Einsum", "equation=i,i->", "3 3", "y" },
    { 12, "Einsum", "equation=kk,ij->i", ":2,2 2,3", "y" },
    { 23, "Attention", NULL, "2,2,3,4 2,2,5,4 2,2,5,3", "y" },
    { 23, "Attention", "is_causal=1 q_num_heads=4 kv_num_heads=2", "1,3,8 1,3,4 1,3,4", "y" },
    { 23, "Attention", "softcap=2.0 scale=0.7", "1,2,2,3 1,2,4,3 1,2,4,3 2,4", "y" },
    { 23, "Attention", "is_causal=1", "1,1,2,3 1,1,2,3 1,1,2,3 _ 1,1,2,3 1,1,2,3", "y k v" },
    { 17, "SimplifiedLayerNormalization", NULL, "2,3,4 4", "y" },
    { 17, MS "BiasGelu", NULL, "2,3 3", "y" },
    { 17, MS "FastGelu", NULL, "2,3 3", "y" },
    { 17, MS "Gelu", NULL, "2,3", "y" },
    { 17, MS "QuickGelu", NULL, "2,3", "y" },
    { 17, MS "BiasSoftmax", "axis=1 is_inner_broadcast=0", "2,3,2 1,3,2", "y" },
    { 17, MS "FusedConv", "activation=Tanh", "1,2,4 3,2,2 3 1,3,3", "y" },
    { 17, MS "FusedConv", "activation=HardSigmoid activation_params=0.2,0.4", "1,2,4 3,2,2 3", "y" },
    { 17, MS "FusedGemm", "activation=LeakyRelu activation_alpha=0.2 transB=1", "2,3 4,3 4", "y" },
    { 17, MS "FusedMatMul", "alpha=0.5 transA=1", "3,2 3,4", "y" },
    { 17, MS "FusedMatMul", "transBatchA=1", "3,2,4 2,4,5", "y" },
    { 17, MS "TransposeMatMul", "transB=1", "2,3 4,3", "y" },
    { 17, MS "FusedMatMulActivation", "activation=Sigmoid", "2,3 3,4", "y" },
    { 17, MS "SkipLayerNormalization", "epsilon=0.01", "2,3,4 2,3,4 4 4 4", "y" },
    { 17, MS "SkipSimplifiedLayerNormalization", "epsilon=0.01", "2,3,4 3,4 4 4", "y _ _ s" },
    { 17, MS "Attention", "num_heads=2 unidirectional=1", "1,3,4 4,12 12", "y" },
    { 17, MS "MultiHeadAttention", "num_heads=2", "1,2,4 1,3,4 1,3,4 12 _ 1,1,2,3", "y" },
    { 17, MS "BiasAdd", NULL, "1,2,3 3 1,2,3", "y" },
    { 17, MS "BiasSplitGelu", NULL, "1,2,4 4", "y" },
    { 17, MS "CDist", "metric=euclidean", "2,3 3,3", "y" },
    { 17, MS "GatherND", NULL, "2,3 =1", "y" },
    { 17, MS "GroupNorm", "groups=2 activation=1", "1,2,2,4 4 4", "y" },
    { 17, MS "SkipGroupNorm", "groups=2 activation=0", "2,1,2,4 4 4 2,4 4", "y s" },
    { 17, MS "Pad", "mode=reflect", "2,3 =1,1,0,0", "y" },
    { 17, MS "Trilu", NULL, "3,3", "y" },
    { 17, MS "MoE", "k=2 activation_type=silu", "3,4 3,3 3,5,4 3,5 3,4,5 3,4", "y" },
    { 17, MS "MoE", "k=1 activation_type=swiglu swiglu_fusion=1 normalize_routing_weights=1", "2,4 2,3 3,6,4 _ 3,4,3",
      "y" },
    { 17, MS "GroupQueryAttention", "num_heads=2 kv_num_heads=1", "2,2,4 2,2,2 2,2,2 _ _ =1,1 =2", "y k v" },
    { 17, MS "GroupQueryAttention", "num_heads=2 kv_num_heads=1 softcap=2.0 local_window_size=2",
      "1,1,4 1,1,2 1,1,2 1,1,3,2 1,1,3,2 =2 =3", "y k v" },
    { 14, "RNN", "hidden_size=2", "3,2,3 1,2,3 1,2,2 1,4 _ 1,2,2", "y h" },
    { 14, "RNN", "hidden_size=2 direction=bidirectional", "3,1,2 2,2,2 2,2,2", "y h" },
    { 14, "GRU", "hidden_size=2", "3,2,3 1,6,3 1,6,2 1,12 _ 1,2,2", "y h" },
    { 14, "GRU", "hidden_size=2 linear_before_reset=1 direction=reverse", "3,2,2 1,6,2 1,6,2 1,12", "y h" },
    { 14, "GRU", "hidden_size=2", "2,1,2 1,6,2 1,6,2", "_ h" },
    { 14, "LSTM", "hidden_size=2", "3,2,3 1,8,3 1,8,2 1,16 _ 1,2,2 1,2,2 1,6", "y h c" },
    { 14, "LSTM", "hidden_size=2 direction=bidirectional", "3,1,2 2,8,2 2,8,2 2,16", "y" },
    { 14, "LSTM", "hidden_size=2 direction=bidirectional", "3,2,2 2,8,2 2,8,2 2,16 =3,1 2,2,2 2,2,2", "y h c" },
    { 14, "LSTM", "hidden_size=2 clip=0.25 input_forget=1", "3,2,3 1,8,3 1,8,2 1,16 _ _ _ 1,6", "y h c" },
    { 14, "GRU", "hidden_size=2 clip=0.25 direction=reverse", "3,2,3 1,6,3 1,6,2 1,12 =2,3 1,2,2", "y h" },
    { 14, "RNN", "hidden_size=2 clip=0.5", "3,2,3 1,2,3 1,2,2 1,4 =1,3", "y h" },
    { 20, "GridSample", NULL, "2,2,3,4 2,2,3,2", "y" },
    { 20, "GridSample", "mode=linear padding_mode=border align_corners=1", "1,2,3,4 >1,2,3,2", "y" },
    { 20, "GridSample", "mode=linear padding_mode=reflection", "2,1,3,4 >2,1,3,2", "y" },
    { 20, "GridSample", "mode=linear padding_mode=reflection align_corners=1", "1,1,2,3,2 >1,2,1,2,3", "y" },
    { 20, "GridSample", "mode=cubic", "1,2,4,5 1,2,3,2", "y" },
    { 20, "GridSample", "mode=cubic padding_mode=border", "1,1,4,5 >1,2,3,2", "y" },
    { 20, "GridSample", "mode=nearest", "1,2,3,4 1,2,3,2", "y" },
    { 16, "RoiAlign", "output_height=2 output_width=2 sampling_ratio=2 spatial_scale=4.0", "2,2,4,5 :2,4 =1,0", "y" },
    { 16, "RoiAlign", "mode=max output_height=1 output_width=2 spatial_scale=5.0", "1,2,4,5 :3,4 =0,0,0", "y" },
    { 10, "RoiAlign", "output_height=2 sampling_ratio=1 spatial_scale=4.0", "1,2,4,5 :1,4 =0", "y" },
    { 19, "DeformConv", "pads=1,0,0,1", "2,2,3,4 3,2,2,2 2,8,3,4 3 2,4,3,4", "y" },
    { 19, "DeformConv", "group=2 offset_group=2 strides=2,1 dilations=1,2", "1,4,4,5 2,2,2,2 1,16,2,3", "y" },
    { 24, "TensorScatter", NULL, "2,3,2 2,1,2 =2,0", "y" },
    { 26, "CumProd", NULL, "2,4 =1", "y" },
    { 26, "CumProd", "exclusive=1 reverse=1", "3,2 =0", "y" },
    { 13, "Det", NULL, "2,3,3", "y" },
    { 13, "Det", NULL, "1,1", "y" },
    { 17, "DFT", NULL, "2,5,2", "y" },
    { 17, "DFT", "inverse=1 axis=2", "2,2,6,2", "y" },
    { 17, "DFT", "onesided=1", "1,6,1", "y" },
    { 20, "DFT", NULL, "2,4,3,2 =7 =1", "y" },
    { 20, "DFT", "inverse=1", "5,1 =3", "y" },
    { 18, "LpPool", "kernel_shape=2,3 strides=2,1 pads=1,0,0,1 p=3", "2,2,3,4", "y" },
    { 18, "LpPool", "kernel_shape=2, auto_pad=SAME_UPPER dilations=2,", "1,2,5", "y" },
    { 13, "GlobalLpPool", "p=3", "2,2,3,2", "y" },
};

struct bench {
    const struct derivation *of;
    struct build build;
    struct array_pool pool;
    struct net net;
    struct array *inputs[MOST];
    bool is_derived[MOST];
    size_t input_count;
    struct array *made[MOST + 1];
    uint64_t state;
    double worst;
};

/* ---- inputs ---- */

static double draw(struct bench *b)
{
    b->state = b->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(b->state >> 11) * 0x1p-53;
}

static int parse(const char *text, int64_t *numbers)
{
    int count = 0;
    for (char *end; *text && *text != ' '; text = *end == ',' ? end + 1 : end)
        numbers[count++] = strtoll(text, &end, 10);
    return count;
}

static void add_input(struct bench *b, enum dtype type, struct array *array, bool is_derived)
{
    char name[8];
    snprintf(name, sizeof name, "x%zu", b->input_count);
    build_input(&b->build, name, type, NULL);
    b->is_derived[b->input_count] = is_derived;
    b->inputs[b->input_count++] = array;
}

static void add_reals(struct bench *b, const char *text, double least, double width, bool is_derived)
{
    int64_t dims[ARRAY_MAX_RANK];
    int rank = parse(text, dims);
    struct array *array = array_new(&b->pool, DTYPE_DOUBLE, STORE_F64, rank, dims);
    for (int64_t i = 0; i < array->count; i++) array->f64[i] = least + width * draw(b);
    add_input(b, DTYPE_DOUBLE, array, is_derived);
}

static void add_wholes(struct bench *b, const char *text, enum dtype type, int64_t value)
{
    int64_t numbers[ARRAY_MAX_RANK] = { value }, count = text ? parse(text, numbers) : 1;
    struct array *array = array_new(&b->pool, type, STORE_I64, text ? 1 : 0, &count);
    for (int64_t i = 0; i < array->count; i++) array->i64[i] = numbers[i];
    add_input(b, type, array, false);
}

/* The names of the node's inputs. */
static void add_inputs(struct bench *b, char *names, size_t size)
{
    const char *text = b->of->inputs;
    *names = 0;
    while (*text) {
        size_t length = strlen(names);
        snprintf(names + length, size - length, *text == '_' ? "_ " : "x%zu ", b->input_count);
        if (*text == '=') add_wholes(b, text + 1, DTYPE_INT64, 0);
        else if (*text == '!') add_wholes(b, NULL, DTYPE_BOOL, 1);
        else if (*text == '+') add_reals(b, text + 1, 0.2, 1, true);
        else if (*text == '>') add_reals(b, text + 1, 1.2, 1, true);
        else if (*text == ':') add_reals(b, text + 1, 0.2, 0.6, false);
        else if (*text != '_') add_reals(b, text, -1, 2, true);
        text += strcspn(text, " ");
        text += *text == ' ';
    }
}

/* ---- the model: node, loss, Gradient ---- */

static void add_strings(struct bench *b, BnfuseOnnx__NodeProto *node, const char *name, bool derived)
{
    BnfuseOnnx__AttributeProto *a = NEW(&b->build.arena, BnfuseOnnx__AttributeProto);
    bnfuse_onnx__attribute_proto__init(a);
    a->name = arena_copy_text(&b->build.arena, name);
    a->type = BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS;
    a->strings = NEW_ARRAY(&b->build.arena, ProtobufCBinaryData, b->input_count);
    for (size_t i = 0; i < b->input_count; i++) {
        char *text = arena_printf(&b->build.arena, "x%zu", i);
        if (b->is_derived[i] == derived)
            a->strings[a->n_strings++] = (ProtobufCBinaryData){ strlen(text), (uint8_t *)text };
    }
    BnfuseOnnx__AttributeProto **all = NEW_ARRAY(&b->build.arena, BnfuseOnnx__AttributeProto *, node->n_attribute + 1);
    for (size_t i = 0; i < node->n_attribute; i++) all[i] = node->attribute[i];
    all[node->n_attribute++] = a;
    node->attribute = all;
}

static void list_names(const struct bench *b, const char *prefix, bool derived, char *names)
{
    for (size_t i = 0; i < b->input_count; i++)
        if (b->is_derived[i] == derived) sprintf(names + strlen(names), "%s%zu ", prefix, i);
}

static void add_gradient(struct bench *b)
{
    char inputs[200] = "", outputs[200] = "";
    list_names(b, "x", true, inputs);
    list_names(b, "x", false, inputs);
    list_names(b, "d", true, outputs);
    BnfuseOnnx__NodeProto *node = build_node(&b->build, "Gradient", "gradient", inputs, outputs, "y=loss");
    node->domain = arena_copy_text(&b->build.arena, "ai.onnx.preview.training");
    add_strings(b, node, "xs", true);
    add_strings(b, node, "zs", false);
    for (char *name = strtok(outputs, " "); name; name = strtok(NULL, " "))
        build_output(&b->build, name, DTYPE_DOUBLE, NULL);
}

/* The domain stands before the name. */
static void add_operator(struct bench *b, const char *names)
{
    const char *colon = strchr(b->of->op, ':'), *op = colon ? colon + 1 : b->of->op;
    BnfuseOnnx__NodeProto *node = build_node(&b->build, op, "op", names, b->of->outputs, b->of->attributes);
    if (colon) node->domain = arena_printf(&b->build.arena, "%.*s", (int)(colon - b->of->op), b->of->op);
}

static void add_loss(struct bench *b)
{
    char outputs[40], terms[80] = "";
    snprintf(outputs, sizeof outputs, "%s", b->of->outputs);
    for (char *name = strtok(outputs, " "); name; name = strtok(NULL, " ")) {
        char sine[20], sum[20];
        if (*name == '_') continue;
        snprintf(sine, sizeof sine, "sin_%s", name);
        snprintf(sum, sizeof sum, "sum_%s", name);
        build_node(&b->build, "Sin", NULL, name, sine, NULL);
        build_node(&b->build, "ReduceSum", NULL, sine, sum, "keepdims=0");
        snprintf(terms + strlen(terms), sizeof terms - strlen(terms), "%s ", sum);
    }
    build_node(&b->build, "Sum", NULL, terms, "loss", NULL);
    build_output(&b->build, "loss", DTYPE_DOUBLE, NULL);
}

/* ---- runs ---- */

struct job {
    struct bench *bench;
    bool all; /* the gradients too */
};

static bool run_job(void *context, struct bnfuse_error *error)
{
    struct job *job = context;
    struct bench *b = job->bench;
    const struct graph *graph = b->net.main;
    struct plan *plan;
    struct run_options options = {
        .exact = true, .threads = 1, .memory = &b->build.memory, .pool = &b->pool, .random_seed = 5
    };
    size_t count = job->all ? graph->output_count : 1;
    return plan_build(&plan, &b->build.arena, &b->net, graph->inputs, b->input_count, graph->outputs, count, error)
           && plan_run(plan, &options, b->inputs, b->made, error);
}

static void run(struct bench *b, bool all)
{
    struct bnfuse_error error = { 0 };
    struct job job = { b, all };
    if (!guarded(&b->build.memory, run_job, &job, &error)) fail_msg("%s", error.message);
}

static double loss_at(struct bench *b, double *x, double moved)
{
    double old = *x;
    *x = moved;
    run(b, false);
    *x = old;
    double loss = b->made[0]->f64[0];
    array_drop(b->made[0]);
    return loss;
}

/* Of fourth order. */
static double difference(struct bench *b, double *x)
{
    const double h = 1e-3;
    double near = loss_at(b, x, *x + h) - loss_at(b, x, *x - h);
    double far = loss_at(b, x, *x + 2 * h) - loss_at(b, x, *x - 2 * h);
    return (8 * near - far) / (12 * h);
}

static void check_input(struct bench *b, struct array *x, const struct array *dx)
{
    double largest = 1e-30, worst = 0;
    assert_int_equal(x->count, dx->count);
    for (int64_t i = 0; i < x->count; i++) {
        double expected = difference(b, &x->f64[i]);
        largest = fmax(largest, fabs(expected));
        worst = fmax(worst, fabs(expected - dx->f64[i]));
        assert_true(isfinite(dx->f64[i]));
    }
    if (worst > 1e-6 * largest)
        fail_msg("%s-%lld %s: a gradient is off by %g of %g", b->of->op, (long long)b->of->opset, b->of->inputs, worst,
                 largest);
    b->worst = fmax(b->worst, worst / largest);
}

static double check_derivation(const struct derivation *of)
{
    struct bench b = { .of = of, .state = 11 };
    struct model model;
    char names[200];
    build_open(&b.build, 10, of->opset);
    build_import(&b.build, "ai.onnx.preview.training", 1);
    build_import(&b.build, "com.microsoft", 1);
    pool_open(&b.pool, &b.build.memory);
    add_inputs(&b, names, sizeof names);
    add_operator(&b, names);
    add_loss(&b);
    add_gradient(&b);
    build_load(&b.build, &model, &b.net);
    run(&b, true);
    struct array *gradients[MOST + 1];
    memcpy(gradients, b.made, sizeof gradients);
    for (size_t i = 0, k = 1; i < b.input_count; i++)
        if (b.is_derived[i]) check_input(&b, b.inputs[i], gradients[k++]);
    pool_close(&b.pool);
    build_close(&b.build);
    return b.worst;
}

static void every_gradient_is_that_of_central_differences(void **state)
{
    double worst = 0;
    (void)state;
    for (size_t i = 0; i < sizeof derivations / sizeof *derivations; i++)
        worst = fmax(worst, check_derivation(&derivations[i]));
    print_message("%zu operators, worst relative difference %.2g\n", sizeof derivations / sizeof *derivations, worst);
}

/* A derivation that is refused, and how. */
static void refuse(const struct derivation *of, const char *y, const char *part)
{
    struct bench b = { .of = of, .state = 11 };
    struct model model;
    struct bnfuse_error error = { 0 };
    struct job job = { &b, true };
    char names[200];
    build_open(&b.build, 10, of->opset);
    build_import(&b.build, "ai.onnx.preview.training", 1);
    build_import(&b.build, "com.microsoft", 1);
    pool_open(&b.pool, &b.build.memory);
    add_inputs(&b, names, sizeof names);
    add_operator(&b, names);
    add_loss(&b);
    add_gradient(&b);
    BnfuseOnnx__NodeProto *node = b.build.model->graph->node[b.build.model->graph->n_node - 1];
    node->attribute[0]->s = (ProtobufCBinaryData){ strlen(y), (uint8_t *)arena_copy_text(&b.build.arena, y) };
    build_load(&b.build, &model, &b.net);
    assert_false(guarded(&b.build.memory, run_job, &job, &error));
    if (!strstr(error.message, part)) fail_msg("\"%s\" does not say \"%s\"", error.message, part);
    pool_close(&b.pool);
    build_close(&b.build);
}

static void what_has_no_gradient_is_refused_by_name(void **state)
{
    static const struct derivation pool = { 13, "MaxRoiPool", "pooled_shape=1,1", "1,1,2,2 :1,5", "y" },
                                   diagonal = { 13, "Einsum", "equation=ii->i", "2,2", "y" },
                                   corners = { 16, "RoiAlign", NULL, "1,1,2,2 1,4 =0", "y" },
                                   crop = { 13, "Resize",
                                            "mode=linear coordinate_transformation_mode=tf_crop_and_resize",
                                            "2 :2 _ =3", "y" },
                                   steps = { 14, "LSTM", "hidden_size=1 layout=1", "1,1,1 1,4,1 1,4,1", "y" },
                                   scatter = { 16, "ScatterND", "reduction=mul", "3 =0 :", "y" },
                                   weights = { 13, "SoftmaxCrossEntropyLoss", NULL, "2,3 =2,0 3", "y" },
                                   relu = { 13, "Relu", NULL, "2,3", "y" };
    (void)state;
    refuse(&diagonal, "loss", "the gradient of input 0 is not known");
    refuse(&corners, "loss", "the gradient of input 1 is not known");
    refuse(&steps, "loss", "the gradient of layout 1 is not known");
    refuse(&pool, "loss", "MaxRoiPool \"op\": the gradient of this operator is not known");
    refuse(&crop, "loss", "the gradient of a crop that is interpolated is not known");
    refuse(&scatter, "loss", "a scattering with such a reduction");
    refuse(&weights, "loss", "the gradient of input 2 is not known");
    refuse(&relu, "nowhere", "there is no value \"nowhere\"");
    refuse(&relu, "d0", "the gradient of a gradient is not known");
}

/* The derivative by what y does not depend on is zero; Floor's is, too. */
static void what_does_not_move_has_a_gradient_of_zero(void **state)
{
    static const struct derivation floors = { 13, "Floor", NULL, "2,3", "y" };
    (void)state;
    check_derivation(&floors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_no_gradient_is_refused_by_name),
        cmocka_unit_test(what_does_not_move_has_a_gradient_of_zero),
        cmocka_unit_test(every_gradient_is_that_of_central_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
