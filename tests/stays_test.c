/* SPDX-License-Identifier: Apache-2.0
 *
 * What does not fit, holds nothing or cannot be read keeps the BatchNormalization, for the reason that says so. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const affine = "affine", *const fold = "fold", *const scale = "relu-scale";
static const struct bnfuse_fuse_options little = { .fold_limit = 10 };
static const struct bnfuse_fuse_options no_folds = { .fold_limit = 1 << 28, .disabled = { &fold, 1 } };
static const struct bnfuse_fuse_options no_affines = { .fold_limit = 1 << 28, .disabled = { &affine, 1 } };
static const struct bnfuse_fuse_options relu_scale = { .fold_limit = 1 << 28, .enabled = { &scale, 1 } };

static void two_scales_that_overflow_together_stay(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; fill k 1 1e200; m = Mul y k; fill s 4 1e200; fill b 4 0; fill u "
          "4 0; fill v 4 1; z = BatchNormalization m s b u v; out z",
          1, REASON_NOT_FINITE, NULL, DTYPE_DOUBLE },
    };
    (void)state;
    RUN(cases, &no_affines);
}

static void what_is_left_over_needs_a_rank(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,?,?; q = Squeeze x; init s 3; init b 3; a = InstanceNormalization q s b; r = Relu a; z = bn+ r 3; "
          "out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
    };
    (void)state;
    RUN(cases, &relu_scale);
}

/* From `first` to `last` over so many Transposes that turn two axes back and forth. */
static void put_chain(char *text, const char *first, const char *last, int length)
{
    char from[16], to[16];
    snprintf(from, sizeof from, "%s", first);
    for (int i = 1; i <= length; i++) {
        if (i < length) snprintf(to, sizeof to, "t%d", i);
        else snprintf(to, sizeof to, "%s", last);
        sprintf(text + strlen(text), "%s = Transpose %s perm=0,1,3,2; ", to, from);
        memcpy(from, to, sizeof from);
    }
}

static void what_lies_too_far_is_not_looked_at(void **state)
{
    enum { NEAR = 180, FAR = 220 };
    static const int lengths[] = { NEAR, FAR };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char upstream[16384] = "in x 2,3,5,5; init w 4,3,1,1; c = Conv x w; ";
        char downstream[16384] = "in x 2,3,5,5; r = Relu x; y = bn r 3; init w 4,3,1,1; ";
        put_chain(upstream, "c", "y", lengths[i]);
        put_chain(downstream, "y", "c", lengths[i]);
        strcat(upstream, "z = bn y 4; out z");
        strcat(downstream, "z = Conv c w; out z");
        const int left = lengths[i] == FAR;
        const struct fold_case cases[] = {
            { upstream, left, left ? REASON_NON_LINEAR : REASON_NONE, NULL, 0 },
            { downstream, left, left ? REASON_NON_LINEAR : REASON_NONE, NULL, 0 },
        };
        RUN(cases, NULL);
    }
}

static void inputs_that_do_not_go_together_are_not_crossed(void **state)
{
    static const struct fold_case cases[] = {
        { "broken; in x 2,3,5,7; in u 2,5,5,7; init w 4,3,1,1; c = Conv x w; a = Add c u; z = bn a 4; out z", 1,
          REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,5,7; init w 4,3,1,1; init k 5,1,1; c = Conv x w; m = Mul c k; z = bn m 4; out z", 1,
          REASON_MISMATCH, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void parameters_that_do_not_fit_stay(void **state)
{
    static const struct fold_case cases[] = {
        { "broken; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init s 4; init b 3; init m 4; fill v 4 1; z = "
          "BatchNormalization y s b m v; out z",
          1, REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init s 3; init b 3; init m 3; fill v 3 1; z = "
          "BatchNormalization y s b m v; out z",
          1, REASON_MISMATCH, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init s 2,2; init b 4; init m 4; fill v 4 1; z = "
          "BatchNormalization y s b m v; out z",
          1, REASON_MISMATCH, NULL, 0 },
        { "broken; in x 5; r = Relu x; init s 5; init b 5; init m 5; fill v 5 1; z = BatchNormalization r s b m v; out "
          "z",
          1, REASON_MISMATCH, NULL, 0 },
        { "opset 8; in x 2,3,?,?; q = Squeeze x; init s 3,2,2; init b 3,2,2; init m 3,2,2; fill v 3,2,2 1; z = "
          "BatchNormalization q s b m v spatial=0; out z",
          1, REASON_PER_ELEMENT, NULL, 0 },
        { "broken; opset 8; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init s 4; init b 4; init m 4; fill v 4 1; z = "
          "BatchNormalization y s b m v spatial=0; out z",
          1, REASON_PER_ELEMENT, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; fill d 1 0; e = Div y d; z = bn e 4; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init d 4,5,1; e = Mul y d; z = bn e 4; out z", 0, 0,
          "Conv Mul Add", 0 },
        { "broken; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init d 1,1,4,1,1; e = Mul y d; z = bn e 1; out z", 1,
          REASON_MISMATCH, NULL, 0 },
        { "opset 6; ir 3; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init d 4; e = Mul y d broadcast=1 axis=1; z = bn "
          "e 4 is_test=1; out z",
          0, 0, "Conv", 0 },
        { "opset 6; ir 3; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init d 4; e = Mul y d broadcast=1 axis=-3; z = "
          "bn e 4 is_test=1; out z",
          0, 0, "Conv", 0 },
        { "opset 6; ir 3; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init d 7; e = Mul y d broadcast=1; z = bn e 4 "
          "is_test=1; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "broken; opset 15; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init s 4; init b 4; init m 4; fill v 4 1; z p "
          "q = BatchNormalization y s b m v; out z; out p",
          1, REASON_MISMATCH, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void an_operator_that_does_not_fit_takes_nothing(void **state)
{
    static const struct fold_case cases[] = {
        { "broken; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; z = bn y 4; init k 3; q = Add z k; out q", 1,
          REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; z = bn y 4; out z; init v 4,2,1,1; q = Conv x v; out q",
          1, REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,5,7; init w 4,3,3,3; init k 4; b = Cast k to=7; y = Conv x w b; z = bn y 4; out z", 1,
          REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,5,7; init w 4,3,3,3; init b 3; y = Conv x w b; z = bn y 4; out z", 1, REASON_MISMATCH, NULL,
          0 },
        { "broken; in x 2,3,5,7; r = Relu x; y = bn r 3; init w 4,2,1,1; z = Conv y w; out z", 1, REASON_MISMATCH, NULL,
          0 },
        { "broken; in x 2,3,5,7; init w 4,3,3,3; y = Conv x w group=5; z = bn y 4; out z", 1, REASON_MISMATCH, NULL,
          0 },
        { "broken; in x 2,3,5,7; init w 4,3,3,3; y = Conv x w kernel_shape=3,1; z = bn y 4; out z", 1, REASON_MISMATCH,
          NULL, 0 },
        { "broken; in x 2,3,5,7; init w 4,3,3,3; y = Conv x w pads=1,1; z = bn y 4; out z", 1, REASON_MISMATCH, NULL,
          0 },
        { "broken; in x 2,3,5,7; init d 2; e = Mul x d; z = bn e 3; out z", 1, REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init d 3; e = Mul y d; z = bn e 4; out z", 1,
          REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; ints d 3,3; e = Expand y d; z = bn e 4; out z", 1,
          REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; e = MaxPool y kernel_shape=9,9; z = bn e 4; out z", 1,
          REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,5,7; r = Relu x; y = bn r 3; ints d 4,4; e = Expand y d; init w 4,3,1,1; z = Conv e w; out "
          "z",
          1, REASON_MISMATCH, NULL, 0 },
        { "in x 2,3; r = Relu x; y = bn r 3; init w 3,4; in c 4; z = Gemm y w c; out z", 1, REASON_WEIGHT_DYNAMIC, NULL,
          0 },
        { "in x 2,3,?; q = Squeeze x; init w 2,5; y = MatMul q w; z = bn y 3; out z", 1, REASON_AXIS_NOT_PROVEN, NULL,
          0 },
        { "broken; in x 5,2,3; init w 1,3,3; init u 1,4,4; r = Relu x; t = Transpose r perm=1,2,0; b = bn t 3; v = "
          "Transpose b perm=2,0,1; z = LSTM v w u hidden_size=4; out z",
          1, REASON_MISMATCH, NULL, 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; y = Conv x w; t = Transpose y perm=0,2,1,3; z = bn t 4; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5,7; in w 3; init b 3; y = InstanceNormalization x w b; z = bn y 3; out z", 1,
          REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "opset 23; in x 2,5,3; init s 3; y = RMSNormalization x s; t = Transpose y perm=0,2,1; z = bn t 3; out z", 0,
          0, "RMSNormalization Add Transpose", 0 },
        { "opset 17; in x 2,5,3; init s 3; init b 3; y = LayerNormalization x s b; t = Transpose y perm=0,2,1; z = bn "
          "t 3; out z",
          0, 0, "LayerNormalization Transpose", 0 },
        { "opset 17; in x 2,5,3; init s 5,3; init b 5,3; y = LayerNormalization x s b axis=1; t = Transpose y "
          "perm=0,2,1; z = bn t 3; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "opset 17; in x 2,3,?,?; q = Squeeze x; init s 2; init b 2; y = LayerNormalization q s b; z = bn y 3; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; y = com.microsoft:FusedConv x w activation=Relu; z = bn y 4; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init b 4; y = com.microsoft:FusedConv x w b; z = bn y 4; out z", 0, 0,
          "FusedConv", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init b 4; in k 2,4,5,7; y = com.microsoft:FusedConv x w b k; z = bn y 4; out "
          "z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5,7; r = Relu x; y = bn r 3; init w 4,3,1,1; z = com.microsoft:FusedConv y w activation=Tanh; out "
          "z",
          0, 0, "Relu FusedConv", 0 },
        { "in x 2,5,4; init w 2,4,3; y = com.microsoft:FusedMatMul x w; t = Transpose y perm=0,2,1; z = bn t 3; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 3,5; init w 3,4; y = com.microsoft:FusedMatMul x w transA=1; z = bn y 4; out z", 1, REASON_NON_LINEAR,
          NULL, 0 },
        { "in x 2,3; init w 4,3; y = com.microsoft:FusedMatMul x w transB=1 alpha=0.5; z = bn y 4; out z", 0, 0,
          "FusedMatMul Add", 0 },
        { "in x N,T,3; init w 4,3; y = com.microsoft:FusedMatMul x w transB=1; init b 4; a = Add y b; t = Transpose a "
          "perm=0,2,1; z = bn t 4; out z",
          0, 0, "FusedMatMul Add Transpose", 0 },
        { "in x 2,3,?; q = Squeeze x; init w 2,4; y = com.microsoft:FusedMatMul q w; z = bn y 3; out z", 1,
          REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,3; init w 3,4; y = com.microsoft:FusedGemm x w activation=Relu; z = bn y 4; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 5; init w 5,5; y = MatMul x w; u = Unsqueeze y a; ints a 0; z = bn u 5; out z", 1, REASON_NON_LINEAR,
          NULL, 0 },
        { "in x 2,5; init w 5; y = MatMul x w; u = Unsqueeze y a; ints a 0; z = bn u 2; out z", 1, REASON_NON_LINEAR,
          NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void empty_tensors_take_nothing(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5; ints s 0; ints p 2; l = Slice x s s p; init w 4,3,1; a = Conv l w; fill k 4,0 1; c = Add a k; z "
          "= bn0 c 4; q = Shape z; out q",
          1, REASON_MISMATCH, NULL, 0 },
        { "in x 2,5; ints s 0; ints p 1; l = Slice x s s p; init8 q 0,5; fill d 1 0.1; w = DequantizeLinear q d; y = "
          "MatMul l w; z = bn y 5; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,5; ints s 0; ints p 1; l = Slice x s s p; init w 0,5; y = MatMul l w; z = bn y 5; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,4; init8 q 0,3,1,1; fill d 1 0.1; w = DequantizeLinear q d; r = Relu x; y = bn0 r 3; z = Conv y "
          "w; s = Shape z; out s",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,4; init8 q 0,3,1,1; fill d 1 0.1; w = DequantizeLinear q d; y = Conv x w; z = bn y 0; s = Shape "
          "z; out s",
          0, 0, "DequantizeLinear Conv Shape", 0 },
        { "in x 2,5,3; ints s 0; ints p 1; l = Slice x s s p; z = bn l 0; q = Shape z; out q", 0, 0, "Slice Shape", 0 },
        { "broken; in x 2,3,0; init w 4,3,1; a = Conv x w; fill k 4,0 1; c = Add a k; z = bn0 c 4; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_cannot_be_read_stays(void **state)
{
    static const struct fold_case cases[] = {
        { "broken; gone w; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; z = bn y 4; out z", 1, REASON_WEIGHT_DYNAMIC,
          NULL, 0 },
        { "broken; gone w; in x 2,3,5,7; init w 4,3,1,1; r = Relu x; y = bn r 3; z = Conv y w; out z", 1,
          REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "broken; gone w; in x 2,3,5,7; init w 4,3,3,3; r = Relu x; y = bn r 3; z = Conv y w pads=1,1,1,1; out z", 1,
          REASON_PADDED_SHIFT, NULL, 0 },
        { "broken; gone b; in x 2,3,5,7; init w 4,3,1,1; init b 4; y = Conv x w b; z = bn y 4; out z", 1,
          REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "broken; gone s; in x 2,3,5,7; init w 4,3,1,1; init s 4; init b 4; init m 4; fill v 4 1; y = Conv x w; z = "
          "BatchNormalization y s b m v; out z",
          1, REASON_NOT_CONSTANT, NULL, 0 },
        { "broken; gone k; in x 2,3,5,7; init w 4,3,1,1; init k 4,5,7; y = Conv x w; d = Add y k; z = bn d 4; out z", 1,
          REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "broken; gone w; in x 2,3,5,7; init w 3,3,1,1; r = Relu x; y = bn r 3; c = Conv r w; z = Add c y; out z", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "broken; gone b; in x 2,3,5,7; init w 3,3,1,1; init b 3; r = Relu x; y = bn r 3; c = Conv r w b; z = Add c "
          "y; out z",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "broken; gone w; in x 2,3; init w 3,3; r = Relu x; y = bn r 3; c = Gemm r w; z = Add c y; out z", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "broken; gone q; in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.1; w = DequantizeLinear q d axis=0; y = Conv x w; "
          "z = bn y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "broken; gone d; in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.1; w = DequantizeLinear q d axis=0; y = Conv x w; "
          "z = bn y 4; out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "broken; gone k; in x 2,3,5,7; init8 q 4,3,3,3; init8 k 4; fill d 4 0.1; w = DequantizeLinear q d k axis=0; "
          "y = Conv x w; z = bn y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "broken; gone e; in x 2,3,5,7; init8 q 4,3,3,3; init d 4; init b 4 int32; init e 4; w = DequantizeLinear q d "
          "axis=0; c = DequantizeLinear b e axis=0; y = Conv x w c; z = bn0 y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "broken; gone b; in x 2,3,5,7; init8 q 4,3,3,3; init d 4; init b 4 int32; init e 4; w = DequantizeLinear q d "
          "axis=0; c = DequantizeLinear b e axis=0; y = Conv x w c; z = bn0 y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "broken; gone p; in x 2,6,5,7; init w 4,6,1,1; c = Conv x w; ints s 0; ints e 3; ints p 1; l = Slice c s e "
          "p; z = bn l 3; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "broken; gone i; in x 2,6,5,7; init w 4,6,1,1; c = Conv x w; ints i 0,1; l = Gather c i axis=1; z = bn l 2; "
          "out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "broken; gone p; in x 2,3,4,6; init w 4,3,1,1; a = Conv x w; ints p 0,0,1,1,0,0,1,2; fill k 1 0.5; g = Pad a "
          "p k; z = bn1 g 4; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "broken; gone k; in x 2,3,4,6; init w 4,3,1,1; a = Conv x w; ints p 0,0,1,1,0,0,1,2; fill k 1 0.5; g = Pad a "
          "p k; z = bn1 g 4; out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_changes_nothing_goes_without_folds(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; r = Sigmoid x; fill s 3 1; fill b 3 0; fill m 3 0; fill v 3 1; y = BatchNormalization r s b m "
          "v epsilon=0.0; q = Sigmoid y; out q",
          0, 0, "Sigmoid Sigmoid", 0 },
        { "in x 2,3,5,7; r = Sigmoid x; fill s 3 2; fill b 3 0; fill m 3 0; fill v 3 1; y = BatchNormalization r s b m "
          "v epsilon=0.0; fill t 3 0.5; z = BatchNormalization y t b m v epsilon=0.0; q = Sigmoid z; out q",
          0, 0, "Sigmoid Sigmoid", 0 },
    };
    (void)state;
    RUN(cases, &no_folds);
}

static void what_would_leave_its_type_stays(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; fill k 4,5,7 3e38; a = Conv x w; c = Add a k; fill s 4 2; fill b 4 0; fill m "
          "4 0; fill v 4 1; z = BatchNormalization c s b m v; out z",
          1, REASON_NOT_FINITE, NULL, 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 3e38; w = DequantizeLinear q d axis=0; y = Conv x w; fill s 4 2; "
          "fill b 4 0; fill m 4 0; fill v 4 1; z = BatchNormalization y s b m v; out z",
          1, REASON_NOT_FINITE, NULL, 0 },
        { "in x 2,3,5,7; fill w 3,3,1,1 3e38; r = Relu x; fill s 3 3e38; fill b 3 0; fill m 3 0; fill v 3 1; y = "
          "BatchNormalization r s b m v epsilon=0.0; c = Conv r w; z = Add c y; out z",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3; fill w 3,3 3e38; r = Relu x; fill s 3 3e38; fill b 3 0; fill m 3 0; fill v 3 1; y = "
          "BatchNormalization r s b m v epsilon=0.0; c = Gemm r w; z = Add c y; out z",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void quantized_parts_must_fit(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 19; in x 2,3,5,7; init q 4,3,3,3 float8e4m3fn; fill d 4 0.1; w = DequantizeLinear q d axis=0; y = "
          "Conv x w; z = bn y "
          "4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "broken; in x 2,3,5,7; init8 q 4,3,3,3; init8 k 2; fill d 4 0.1; w = DequantizeLinear q d k axis=0; y = Conv "
          "x w; z = bn y 4; out z",
          1, REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,5,7; init8 q 4,3,3,3; in s 4 int64; init d 4; v = DequantizeLinear q d axis=0; w = Reshape "
          "v s; y = Conv x w; z = bn y 4; out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "opset 11; in x 2,3,5,7; init8 q 4,3,3,3; fill d 1 0.25; init b 4 int32; fill e 1 0.5; w = DequantizeLinear "
          "q d; c = DequantizeLinear b e; y = Conv x w c; z = bn0 y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "in x 2,3; init8 q 3,5; fill d 1 0.25; init b 1,5 int32; fill e 1 0.5; w = DequantizeLinear q d; c = "
          "DequantizeLinear b e; y = Gemm x w c; z = bn0 y 5; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "in x 2,3,5,7; init8 q 3,3,4,3; init d 4; v = DequantizeLinear q d axis=2; w = Reshape v s; ints s 4,3,3,3; "
          "y = Conv x w; z = bn y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.25; init b 4 int32; fill e 1 0.5; fill k 1 3 int32; w = "
          "DequantizeLinear q d axis=0; c = DequantizeLinear b e k; y = Conv x w c; z = bn0 y 4; out z",
          0, 0, "DequantizeLinear DequantizeLinear Conv", 0 },
        { "in x 2,3; init8 q 3,5; init d 5; w = DequantizeLinear q d axis=1; y = MatMul x w; fill m 1 -2; z = Mul y m; "
          "out z",
          0, 0, "DequantizeLinear MatMul", 0 },
        { "in x 2,3; init8 q 3,5; init d 5; w = DequantizeLinear q d axis=-1; y = MatMul x w; z = Neg y; out z", 0, 0,
          "DequantizeLinear MatMul", 0 },
        { "in x 2,3,5,7; init8 q 4,27; init d 4; v = DequantizeLinear q d axis=0; w = Reshape v s; ints s 4,3,3,3; y = "
          "Conv x w; z = bn1 y 4; n = Neg z; out n",
          0, 0, "DequantizeLinear Reshape Conv", 0 },
        { "in x 2,3,5,7; init8 q 4,27; init d 4; v = DequantizeLinear q d axis=-2; w = Reshape v s; ints s 4,3,3,3; y "
          "= Conv x w; fill m 1 0.5; z = Mul y m; out z",
          0, 0, "DequantizeLinear Reshape Conv", 0 },
        { "opset 11; in x 2,3,5,7; init w 4,3,3,3; init b 4 int32; fill e 1 0.5; c = DequantizeLinear b e; y = Conv x "
          "w c; z = bn0 y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_fold_beyond_the_limit_stays(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; init k 4,5,7; a = Conv x w; c = Add a k; z = bn c 4; d = Sigmoid k; out z; "
          "out d",
          1, REASON_BUDGET, NULL, 0 },
        { "in x 2,3,5,7; init w 3,3,1,1; r = Relu x; y = bn r 3; c = Conv r w; z = Add c y; out z", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3; init w 3,3; r = Relu x; y = bn r 3; c = Gemm r w; z = Add c y; out z", 1, REASON_READ_ELSEWHERE,
          NULL, 0 },
        { "in x 64,3; init w 3,5; init c 64,5; y = Gemm x w c; z = bn y 5; out z", 1, REASON_BUDGET, NULL, 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.1; w = DequantizeLinear q d axis=0; y = Conv x w; z = bn y 4; out "
          "z",
          1, REASON_BUDGET, NULL, 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.1; w = DequantizeLinear q d axis=0; y = Conv x w; z = bn+ y 4; "
          "out z",
          0, 0, "DequantizeLinear Conv", 0 },
        { "in x 2,4,5; r = Relu x; y = bn r 4; t = Transpose y perm=0,2,1; init v 2,4,3; z = MatMul t v; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=1,1,1,1; g = GlobalAveragePool c; "
          "init v 2,4,1,1; z = Conv g v; out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3; r = Relu x; y = bn r 3; init w 3,5; m = MatMul y w; init k 5; z = Add m k; out z", 0, 0,
          "Relu MatMul Add", 0 },
        { "in i N int64; init w 7,4; g = Gather w i; a = bn0 g 4; p = Relu a; q = Exp g; out p; out q", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
    };
    (void)state;
    RUN(cases, &little);
}

static void neighbors_that_are_not_known_stay(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; in k 4,1,1; init k 4,1,1; q = Add y k; z = bn q 4; out z", 1,
          REASON_WEIGHT_OVERRIDE, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; z = bn y 4; _ _ = custom:Sink y; out z", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,?,?; q = Squeeze x; in k 2,3,2,2; m = Mul q k; z = bn m 3; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; ints p 0,0,1,1,0,0,1,1; y = com.microsoft:Pad c p; z = bn y 4; "
          "out z",
          1, REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_scales_that_overflow_together_stay),
        cmocka_unit_test(what_is_left_over_needs_a_rank),
        cmocka_unit_test(what_lies_too_far_is_not_looked_at),
        cmocka_unit_test(inputs_that_do_not_go_together_are_not_crossed),
        cmocka_unit_test(parameters_that_do_not_fit_stay),
        cmocka_unit_test(an_operator_that_does_not_fit_takes_nothing),
        cmocka_unit_test(empty_tensors_take_nothing),
        cmocka_unit_test(what_cannot_be_read_stays),
        cmocka_unit_test(what_changes_nothing_goes_without_folds),
        cmocka_unit_test(what_would_leave_its_type_stays),
        cmocka_unit_test(quantized_parts_must_fit),
        cmocka_unit_test(a_fold_beyond_the_limit_stays),
        cmocka_unit_test(neighbors_that_are_not_known_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
