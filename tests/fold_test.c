/* SPDX-License-Identifier: Apache-2.0
 *
 * Every fold fires, declines with its reason, and is exact: the graphs are the lines below (fold_case.h). Shapes come
 * twice where an axis could be mistaken: all dims different, and all dims equal. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_convolution_takes_what_follows_it(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = bn y 4; out z", 0, 0, "Conv", 0 },
        { "in x 4,4,4,4; init w 4,4,2,2; init b 4; y = Conv x w b pads=1,1,0,0; z = bn y 4; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,9; init w 4,3,3; y = Conv x w strides=2,; z = bn y 4; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,4,5,6; init w 4,3,2,2,2; y = Conv x w; z = bn y 4; out z", 0, 0, "Conv", 0 },
        { "in x 2,6,5,7; init w 4,3,3,3; init b 4; y = Conv x w b group=2; z = bn y 4; out z", 0, 0, "Conv", 0 },
        { "in x 2,4,5,7; init w 8,1,3,3; y = Conv x w group=4 auto_pad=SAME_UPPER; z = bn y 8; out z", 0, 0, "Conv",
          0 },
        { "in x N,3,?,?; init w 4,3,1,1; y = Conv x w; z = bn y 4; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; i = Identity y; d = Dropout i; z = bn d 4; out z", 0, 0, "Conv",
          0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; i = Cast y to=1; z = bn i 4; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; i = Cast y to=11; j = Cast i to=1; z = bn j 4; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "opset 9; in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = bn y 4; out z", 0, 0, "Conv", DTYPE_DOUBLE },
        { "opset 6; ir 3; in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = bn y 4 is_test=1; out z", 0, 0, "Conv", 0 },
        { "opset 15; in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = bn y 4; out z", 0, 0, "Conv", DTYPE_FLOAT16 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_transposed_convolution_takes_what_follows_it(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 3,4,3,3; y = ConvTranspose x w; z = bn y 4; out z", 0, 0, "ConvTranspose", 0 },
        { "in x 2,6,5,7; init w 6,2,3,2; y = ConvTranspose x w group=2 strides=2,2; z = bn y 4; out z", 0, 0, NULL, 0 },
        { "in x 4,4,4,4; init w 4,4,4,4; init b 4; y = ConvTranspose x w b; z = bn y 4; out z", 0, 0, NULL, 0 },
        { "in x 2,4,5,7; init w 4,2,3,3; y = ConvTranspose x w group=4; z = bn y 8; out z", 0, 0, NULL, 0 },
        { "in x 2,3,5; init w 3,4,3; y = ConvTranspose x w; z = bn y 4; out z", 0, 0, NULL, 0 },
        { "in x 2,3,4,4,5; init w 3,2,2,2,2; y = ConvTranspose x w; z = bn y 2; out z", 0, 0, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_gemm_takes_what_follows_it_in_all_its_forms(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3; init w 3,5; y = Gemm x w; z = bn y 5; out z", 0, 0, "Gemm", 0 },
        { "in x 2,3; init w 5,3; init c 5; y = Gemm x w c transB=1 alpha=0.5 beta=3.0; z = bn y 5; out z", 0, 0, "Gemm",
          0 },
        { "in x 3,2; init w 3,5; init c 1,5; y = Gemm x w c transA=1 beta=0.5; z = bn y 5; out z", 0, 0, "Gemm", 0 },
        { "in x 2,3; init w 3,5; init c 2,1; y = Gemm x w c beta=2.0; z = bn y 5; out z", 0, 0, "Gemm", 0 },
        { "in x 2,3; init w 3,5; init c 2,5; y = Gemm x w c; z = bn y 5; out z", 0, 0, "Gemm", 0 },
        { "in x 2,3; init w 3,5; init c 1; y = Gemm x w c; z = bn y 5; out z", 0, 0, "Gemm", 0 },
        { "in x 2,3; init w 3,5; fill c 1 2; y = Gemm x w c beta=0.0; z = bn y 5; out z", 0, 0, "Gemm", 0 },
        { "in x 4,4; init w 4,4; init c 4,4; y = Gemm x w c; z = bn y 4; out z", 0, 0, "Gemm", 0 },
        { "opset 9; in x 2,3; init w 3,5; init c 5; y = Gemm x w c; z = bn y 5; out z", 0, 0, "Gemm", 0 },
        { "opset 6; ir 3; in x 2,3; init w 3,5; init c 2,5; y = Gemm x w c; z = bn y 5 is_test=1; out z", 0, 0, "Gemm",
          0 },
        { "opset 6; ir 3; in x 1,3; init w 3,5; init c 1,5; y = Gemm x w c; z = bn y 5 is_test=1; out z", 0, 0, "Gemm",
          0 },
        { "in x 2,3; init w 3,5; in c 5; y = Gemm x w c; z = bn y 5; out z", 1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 2,3; init w 3,5; y = Gemm x w; r = Reshape y s; ints s 2,5,1,1; z = bn r 5; out z", 0, 0,
          "Gemm Reshape", 0 },
        { "in x N,3; init w 3,30; y = Gemm x w; r = Reshape y s; ints s -1,5,2,3; z = bn r 5; out z", 0, 0,
          "Gemm Reshape", 0 },
        { "in x N,3; init w 3,27; y = Gemm x w; r = Reshape y s; ints s 0,3,3,3; z = bn r 3; out z", 0, 0,
          "Gemm Reshape", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_vector_has_one_channel(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 7,3; init w 3,1; g = Gemm x w; ints s -1; r = Reshape g s; z = bn r 1; out z", 0, 0, "Gemm Reshape",
          0 },
        { "in x N,3; init w 3,1; init b 1; m = MatMul x w; a = Add m b; ints s -1; r = Reshape a s; z = bn r 1; out z",
          0, 0, "MatMul Add Reshape", 0 },
        { "in x 7; r = Sigmoid x; y = bn r 1; ints s 7,1; t = Reshape y s; init w 1,4; z = Gemm t w; out z", 0, 0,
          "Sigmoid Reshape Gemm", 0 },
        { "broken; in x 3; r = Sigmoid x; z = bn r 3; out z", 1, REASON_MISMATCH, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_matmul_takes_the_scale_and_leaves_an_add(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3; init w 3,5; y = MatMul x w; z = bn y 5; out z", 0, 0, "MatMul Add", 0 },
        { "in x 2,3; init w 3,5; init b 5; y = MatMul x w; a = Add y b; z = bn a 5; out z", 0, 0, "MatMul Add", 0 },
        { "in x 2,3; init w 3,5; y = MatMul x w; b = bn y 5; n = Neg b; z = Neg n; out z", 0, 0, "MatMul Add", 0 },
        { "in x 2,3,5,7; fill m 1 -1; r = Relu x; n = Neg r; b = bn n 3; c = Neg b; z = Mul c m; out z", 1, 0,
          "Relu BatchNormalization", 0 },
        { "in x 2,3; init w 3,5; init b 5; y = MatMul x w; a = Add b y; z = bn0 a 5; out z", 0, 0, "MatMul Add", 0 },
        { "in x 2,7,3; init w 3,5; y = MatMul x w; p = Transpose y perm=0,2,1; z = bn p 5; q = Transpose z perm=0,2,1; "
          "out q",
          0, 0, "MatMul Add Transpose Transpose", 0 },
        { "in x 2,7,3; init w 3,7; y = MatMul x w; z = bn y 7; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 4,4,4; init w 4,4; y = MatMul x w; z = bn y 4; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,7; init w 5,3; y = MatMul w x; z = bn y 5; out z", 0, 0, "MatMul Add", 0 },
        { "in x 4,4,4; init w 4,4; y = MatMul w x; z = bn y 4; out z", 0, 0, "MatMul Add", 0 },
        { "in x N,7,3; init w 3,5; init b 5; y = MatMul x w; a = Add y b; r = Reshape a s; ints s -1,5; z = bn r 5; "
          "q = Reshape z t; ints t -1,7,5; out q",
          0, 0, "MatMul Add Reshape Reshape", 0 },
        { "in x 2,3; init w 3,5; y = MatMul x w; u = Unsqueeze y a; ints a 2; z = bn u 5; q = Squeeze z a; out q", 0, 0,
          "MatMul Add Unsqueeze Squeeze", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void chains_of_constants_compose(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; init m 4,1,1; init a 1,4,1,1; y = Conv x w; b = bn y 4; c = Mul b m; d = Add "
          "c a; "
          "z = bn d 4; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init m 4,1,1; init a 4,1,1; y = Conv x w; b = bn y 4; c = Mul m b; z = Sub a "
          "c; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; fill m 1 3; y = Conv x w; a = Div y m; b = Neg a; z = bn b 4; out z", 0, 0,
          "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init m 1; y = Conv x w; a = Div m y; z = bn a 4; out z", 1, REASON_NON_LINEAR,
          NULL, 0 },
        { "in x 2,3,4,4; init w 4,3,1,1; init m 4; y = Conv x w; a = Mul y m; z = bn a 4; out z", 0, 0, "Conv Mul Add",
          0 },
        { "in x 2,3,4,4; init w 4,3,1,1; init m 4; y = Conv x w; b = bn y 4; z = Mul b m; out z", 0, 0, "Conv Mul", 0 },
        { "in x 2,3,5,7; b = bn x 3; z = bn b 3; out z", 1, 0, "BatchNormalization", 0 },
        { "in x 2,3,5,7; init m 3,1,1; b = bn x 3; z = Mul b m; out z", 1, 0, "BatchNormalization", 0 },
        { "in x 2,3,5,7; init w 3,2,3,3; init c 2,1,1; y = ConvTranspose x w; a = Add y c; z = bn a 2; out z", 0, 0,
          "ConvTranspose", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void weights_are_found_behind_constant_nodes(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; v = Identity w; y = Conv x v; z = bn y 4; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 3,3,3,4; v = Transpose w perm=3,0,1,2; y = Conv x v; z = bn y 4; out z", 0, 0, "Conv",
          0 },
        { "in x 2,3,5,7; init w 108; ints s 4,3,3,3; v = Reshape w s; y = Conv x v; z = bn y 4; out z", 0, 0, "Conv",
          0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init u 4,3,3,3; v = Add w u; y = Conv x v; z = bn y 4; out z", 0, 0, "Conv",
          0 },
        { "in x 2,3,5,7; in w 4,3,3,3; y = Conv x w; z = bn y 4; out z", 1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; in b 4; y = Conv x w b; z = bn y 4; out z", 1, REASON_WEIGHT_DYNAMIC, NULL,
          0 },
        { "in x 2,3,5,7; init w 4,3,3,3; in w 4,3,3,3; y = Conv x w; z = bn y 4; out z", 1, REASON_WEIGHT_OVERRIDE,
          NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_others_read_stays(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = bn y 4; r = Relu y; out z; out r", 1, REASON_READ_ELSEWHERE,
          NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = bn y 4; out z; out y", 1, REASON_GRAPH_OUTPUT, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = bn y 4; s = Shape y; out z; out s", 0, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; r = Relu y; z = bn r 4; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5,7; z = bn x 3; out z", 1, REASON_NO_NEIGHBOR, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; a = Conv x w; b = Conv x w; y = bn a 4; z = bn b 4; out y; out z", 0, 0,
          "Conv Conv", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_precedes_an_anchor_goes_into_it(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; y = bn x 3; z = Conv y w; out z", 0, 0, "Conv", 0 },
        { "in x 2,6,5,7; init w 4,3,3,3; init b 4; y = bn x 6; z = Conv y w b group=2; out z", 0, 0, "Conv", 0 },
        { "in x 2,6,5,7; init w 6,1,3,3; y = bn x 6; z = Conv y w group=6; out z", 0, 0, "Conv", 0 },
        { "in x 4,4,4,4; init w 4,4,1,1; y = bn x 4; z = Conv y w auto_pad=SAME_UPPER; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,6,8; init w 4,3,2,2; y = bn x 3; z = Conv y w auto_pad=SAME_UPPER strides=2,2; out z", 0, 0, "Conv",
          0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = bn x 3; z = Conv y w pads=1,1,1,1; out z", 1, REASON_PADDED_SHIFT, NULL,
          0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = bn0 x 3; z = Conv y w pads=1,1,1,1; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = bn x 3; z = Conv y w auto_pad=SAME_LOWER; out z", 1, REASON_PADDED_SHIFT,
          NULL, 0 },
        { "in x 2,3,5,7; init w 3,4,1,1; y = bn x 3; z = ConvTranspose y w; out z", 0, 0, "ConvTranspose", 0 },
        { "in x 2,6,5,7; init w 6,2,1,1; y = bn x 6; z = ConvTranspose y w group=3; out z", 0, 0, "ConvTranspose", 0 },
        { "in x 2,3,5,7; init w 3,4,2,2; y = bn x 3; z = ConvTranspose y w; out z", 1, REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,5,7; init w 3,4,2,2; y = bn0 x 3; z = ConvTranspose y w strides=2,2; out z", 0, 0, "ConvTranspose",
          0 },
        { "in x 2,3; init w 3,5; y = bn x 3; z = Gemm y w; out z", 0, 0, "Gemm", 0 },
        { "in x 2,3; init w 5,3; init c 2,1; y = bn x 3; z = Gemm y w c transB=1 alpha=2.0 beta=0.5; out z", 0, 0,
          "Gemm", 0 },
        { "in x 4,4; init w 4,4; y = bn x 4; z = Gemm y w transA=1; out z", 1, 0, NULL, 0 },
        { "in x 2,3; init w 3,5; y = bn x 3; z = MatMul y w; out z", 0, 0, "MatMul Add", 0 },
        { "in x 2,3,5,7; r = Relu x; fill s 3 1; init b 3; fill m 3 0; fill v 3 1; y = BatchNormalization r s b m v "
          "epsilon=0.0; "
          "a = Transpose y perm=0,1,2,3; c = Transpose y perm=0,1,2,3; d = Add a c; e = Neg d; init w 4,3,1,1; z = "
          "Conv e w; out z",
          0, 0, "Relu Transpose Transpose Add Conv", 0 },
        { "in x 3,3; r = Relu x; fill s 3 1; init b 3; fill m 3 0; fill v 3 1; y = BatchNormalization r s b m v "
          "epsilon=0.0; a = Transpose y perm=0,1; c = Transpose y perm=0,1; d = Add a c; e = Neg d; init w 3,4; "
          "z = Gemm e w; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,4,3,3; r = Relu x; floats s 1,1,2,3; floats b 0,0,1,-1; fill m 4 0; fill v 4 1; init w 3,2,1,1; "
          "y = BatchNormalization r s b m v epsilon=0.0; p q = Split y axis=1; z = Conv q w; out p; out z",
          0, 0, "Relu Split Conv", 0 },
        { "in x 2,3,4; init w 2,5,3; r = Relu x; y = bn r 3; z = MatMul w y; out z", 0, 0, "Relu MatMul Add", 0 },
        { "in x 2,3,4; init w 2,5,3; r = Relu x; y = bn0 r 3; z = MatMul w y; out z", 0, 0, "Relu MatMul", 0 },
        { "in x 2,3,5,7; in u 2,3,2,7; init w 4,3,1,1; y = bn0 x 3; c = Concat y u axis=2; z = Conv c w; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5,7; in k 2,3,5,7; fill s 3 1; init b 3; fill m 3 0; fill v 3 1; init w 4,3,1,1; "
          "y = BatchNormalization x s b m v epsilon=0.0; d = Sub k y; z = Conv d w; out z",
          0, 0, "Sub Conv", 0 },
        { "in x 2,3,5,7; in k 2,3,5,7; fill s 3 1; init b 3; fill m 3 0; fill v 3 1; init w 4,3,1,1; "
          "y = BatchNormalization x s b m v epsilon=0.0; d = Add k y; z = Conv d w; out z",
          0, 0, "Add Conv", 0 },
        { "in x 2,3,7; init w 5,3; y = bn x 3; z = MatMul w y; out z", 0, 0, "MatMul Add", 0 },
        { "in x 2,3,7; init w 7,5; y = bn x 3; z = MatMul y w; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; init w 60,7; y = bn x 3; f = Flatten y; z = Gemm f w; out z", 0, 0, "Flatten Gemm", 0 },
        { "in x N,3,4,5; init w 60,7; d = bn x 3; e = Dropout d; f = Flatten e; g = Gemm f w; z = bn g 7; out z", 0, 0,
          "Flatten Gemm", 0 },
        { "in x N,3,4,4; init w 3,7; y = bn x 3; g = GlobalAveragePool y; f = Flatten g; z = Gemm f w; out z", 0, 0,
          NULL, 0 },
        { "in x 5,2,3; init w 1,16,3; init r 1,16,4; t = Transpose x perm=1,2,0; b = bn t 3; u = Transpose b "
          "perm=2,0,1; "
          "z q s = LSTM u w r hidden_size=4; out z",
          0, 0, NULL, 0 },
        { "in x 5,3,4; init w 2,12,3; init r 2,12,4; init B 2,24; t = Transpose x perm=0,1,2; b = bn t 3; u = "
          "Transpose b perm=0,2,1; "
          "z = GRU u w r B hidden_size=4 direction=bidirectional; out z",
          0, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init v 2,3,1,1; y = bn x 3; z = Conv y w; q = Conv y v; out z; out q", 0, 0,
          "Conv Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = bn x 3; z = Conv y w; out z; out y", 1, REASON_NO_NEIGHBOR, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void movers_carry_an_affine(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; init v 2,3,1,1; a = Conv x w; b = Conv x v; c = Concat a b axis=1; z = bn c "
          "6; out z",
          0, 0, "Conv Conv Concat", 0 },
        { "in x 2,3,6,6; init w 4,3,3,3; a = Conv x w strides=2,2 pads=1,1,1,1; b = MaxPool x kernel_shape=2,2 "
          "strides=2,2; "
          "c = Concat a b axis=1; z = bn c 7; out z",
          1, 0, "Conv MaxPool BatchNormalization Concat", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; a = Conv x w; b = Conv x w; c = Concat a b axis=2; z = bn c 4; out z", 0, 0,
          NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 4,3,1,1; a = Conv x w; b = Conv x v; c = Add a b; z = bn c 4; out z", 0,
          0, "Conv Conv Add", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 4,3,1,1; a = Conv x w; b = Conv x v; c = Sub a b; z = bn c 4; out z", 0,
          0, "Conv Conv Sub", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 4,3,1,1; init u 4,3,1,1; a = Conv x w; b = Conv x v; d = Conv x u; c = "
          "Sum a b d; z = bn c 4; out z",
          0, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init k 4,5,7; a = Conv x w; c = Add a k; z = bn c 4; out z", 0, 0, "Conv Add",
          0 },
        { "in x 2,3,5,7; init w 8,3,1,1; a = Conv x w; b c = Split a axis=1; y = bn b 4; z = bn c 4; out y; out z", 0,
          0, "Conv Split", 0 },
        { "in x 2,3,5,4; init w 2,3,1,1; a = Conv x w; b c = Split a axis=1; z = bn c 1; out z; out b", 0, 0,
          "Conv Split", 0 },
        { "in x 2,3,4,5; init w 2,3,1,1; a = Conv x w; b c = Split a axis=2; z = bn c 2; out z; out b", 1,
          REASON_GRAPH_OUTPUT, NULL, 0 },
        { "in x 2,3; r = Relu x; init w 3,5; init b 5; y = bn r 3; m = MatMul y w; z = Add m b; out z", 0, 0,
          "Relu MatMul Add", 0 },
        { "in x 2,3; init w 3,12; init b 12; y = MatMul x w; a = Add y b; ints s 2,10; c d = Split a s axis=1; z = bn "
          "c 2; out z; out d",
          0, 0, "MatMul Add Split", 0 },
        { "in x 2,1,3; r = Relu x; init w 3,3; y = bn r 1; f = Flatten y; z = MatMul f w; out z", 0, 0,
          "Relu Flatten MatMul Add", 0 },
        { "opset 7; in x 2,3,5,7; init w 4,3,1,1; init v 4,3,1,1; a = Conv x w; b = Conv x v; c = Sum a b; z = bn c 4; "
          "out z",
          0, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 8,3,1,1; ints s 2; ints e 5; ints p 1; a = Conv x w; b = Slice a s e p; z = bn b 3; "
          "out z",
          0, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 8,3,1,1; ints s 2; ints e 5; ints t 6; ints f 8; ints p 1; a = Conv x w; b = Slice a s "
          "e p; "
          "c = Slice a t f p; z = bn b 3; y = bn c 2; out z; out y",
          0, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; ints s 0; ints m 2; ints e 4; ints p 1; a = Conv x w; n = Neg a; b = Slice n "
          "s m p; "
          "d = Slice n m e p; c = Concat b d axis=1; z = bn c 4; out z",
          0, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; a = Conv x w; g = GlobalAveragePool a; z = bn g 4; out z", 0, 0, NULL, 0 },
        { "in x 2,3,6,8; init w 4,3,1,1; a = Conv x w; g = AveragePool a kernel_shape=3,2 pads=1,0,1,1; z = bn g 4; "
          "out z",
          0, 0, NULL, 0 },
        { "in x 2,3,6,8; init w 4,3,1,1; a = Conv x w; g = AveragePool a kernel_shape=3,3 pads=1,1,1,1 "
          "count_include_pad=1; z = bn g 4; out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,6,8; init w 4,3,1,1; a = Conv x w; g = AveragePool a kernel_shape=3,3 pads=1,1,1,1 "
          "count_include_pad=1; z = bn0 g 4; out z",
          0, 0, NULL, 0 },
        { "in x 2,3,6,8; init w 4,3,1,1; a = Conv x w; g = ReduceMean a axes=2,3 keepdims=0; z = bn g 4; out z", 0, 0,
          NULL, 0 },
        { "in x 2,3,6,8; init w 4,3,1,1; ints s 2,-1; a = Conv x w; g = ReduceSum a s; z = bn g 4; out z", 0, 0, NULL,
          0 },
        { "in x 2,3,6,8; init w 4,3,1,1; a = Conv x w; g = ReduceMean a axes=1,2 keepdims=1; z = bn1 g 1; out z", 0, 0,
          NULL, 0 },
        { "in x 2,3,6,8; init w 4,3,1,1; a = Conv x w; g = MaxPool a kernel_shape=2,2 strides=2,2; z = bn+ g 4; out z",
          0, 0, NULL, 0 },
        { "in x 2,3,6,8; init w 16,3,1,1; a = Conv x w; g = MaxPool a kernel_shape=2,2 strides=2,2; z = bn g 16; out z",
          1, REASON_NEGATIVE_SCALE, NULL, 0 },
        { "in x 2,3,4,4; init w 4,3,1,1; init f 1,1,2,2; fill s 4 1; a = Conv x w; g = Resize a _ k mode=linear; fill "
          "k 4 1; z = bn g 4; out z",
          0, 0, NULL, 0 },
        { "in x 2,3,4,4; init w 4,3,1,1; floats k 1,2,1,1; a = Conv x w; g = Resize a _ k mode=linear; z = bn g 8; out "
          "z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; init w 12,3,1,1; a = Conv x w; g = DepthToSpace a blocksize=2; z = bn g 3; out z", 0, 0, NULL,
          0 },
        { "in x 2,3,4,5; init w 12,3,1,1; a = Conv x w; g = DepthToSpace a blocksize=2 mode=CRD; z = bn g 3; out z", 0,
          0, NULL, 0 },
        { "in x 2,3,4,6; init w 12,3,1,1; a = Conv x w; ints s 2,3,2,2,4,6; r = Reshape a s; t = Transpose r "
          "perm=0,1,4,2,5,3; ints u 2,3,8,12; g = Reshape t u; z = bn g 3; out z",
          0, 0, NULL, 0 },
        { "in x 2,3,4,6; init w 5,12,1,1; y = bn x 3; g = SpaceToDepth y blocksize=2; z = Conv g w; out z", 0, 0, NULL,
          0 },
        { "in x 2,3,4,6; init w 4,3,1,1; ints p 0,0,1,1,0,0,1,2; a = Conv x w; g = Pad a p mode=reflect; z = bn g 4; "
          "out z",
          0, 0, NULL, 0 },
        { "in x 2,3,4,6; init w 4,3,1,1; ints p 0,0,1,1,0,0,1,2; a = Conv x w; g = Pad a p; z = bn g 4; out z", 1,
          REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,4,6; init w 4,3,1,1; ints p 0,0,1,1,0,0,1,2; a = Conv x w; g = Pad a p; z = bn0 g 4; out z", 0, 0,
          NULL, 0 },
        { "in x 2,3,4,6; init w 1,3,1,1; ints p 0,0,1,1,0,0,1,2; a = Conv x w; g = Pad a p; z = bn g 1; out z", 0, 0,
          "Conv Pad", 0 },
        { "opset 10; in x 2,3,4,6; init w 1,3,1,1; a = Conv x w; g = Pad a pads=0,0,1,1,0,0,1,2; z = bn g 1; out z", 1,
          REASON_PADDED_SHIFT, NULL, DTYPE_DOUBLE },
        { "in x 2,3,4,6; in g 2,4,1,1; init w 4,3,1,1; a = Conv x w; h = Sigmoid g; m = Mul a h; z = bn m 4; out z", 0,
          0, "Conv Sigmoid Mul Add", 0 },
        { "in x 2,3,5,7; fill s 3 1; fill b 3 0; a = InstanceNormalization x s b; z = bn a 3; out z", 0, 0,
          "InstanceNormalization", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* Each matrix of a stack makes another shift of it, which is an Add, or goes into one that follows. */
static void a_stack_of_matrices_takes_what_precedes_it(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,4,5; r = Relu x; init w 2,5,6; y = bn0 r 4; t = Transpose y perm=0,2,1; init v 2,4,3; z = MatMul t "
          "v; "
          "out z",
          0, 0, "Relu Transpose MatMul", 0 },
        { "in x 2,4,5; r = Relu x; y = bn r 4; t = Transpose y perm=0,2,1; init v 2,4,3; z = MatMul t v; out z", 0, 0,
          "Relu Transpose MatMul Add", 0 },
        { "in x 2,4,5; r = Relu x; y = bn r 4; init v 2,3,4; z = MatMul v y; out z", 0, 0, "Relu MatMul Add", 0 },
        { "in x 2,4; r = Relu x; y = bn r 4; init v 3,4,1; z = MatMul y v; out z", 0, 0, "Relu MatMul Add", 0 },
        { "in x 5,4; r = Relu x; y = bn r 4; init v 3,2,4,6; init b 6; z = MatMul y v; a = Add z b; out a", 0, 0,
          "Relu MatMul Add", 0 },
        { "in x 2,4,5; r = Relu x; y = bn r 4; t = Transpose y perm=0,2,1; init v 2,4,4; z = MatMul t v; q = Transpose "
          "z perm=0,2,1; p = bn q 4; out p",
          0, 0, "Relu Transpose MatMul Add Transpose", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* What two branches of a Concat compute of open sizes in two ways is equal all the same. */
static void branches_have_the_sizes_of_the_whole(void **state)
{
    static const struct fold_case cases[] = {
        { "in x N,3,H,W; init w 13,3,3,3; c = Conv x w strides=2,2 pads=1,1,1,1; m = MaxPool x kernel_shape=2,2 "
          "strides=2,2; k = Concat c m axis=1; z = bn k 16; r = Relu z; out r",
          1, 0, "Conv MaxPool BatchNormalization Concat Relu", 0 },
        { "in x N,3,H,W; init w 13,3,3,3; c = Conv x w strides=2,2 pads=1,1,1,1; m = MaxPool x kernel_shape=2,2 "
          "strides=2,2; k = Concat m c axis=1; z = bn k 16; r = Relu z; out r",
          1, 0, "Conv MaxPool BatchNormalization Concat Relu", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void quantized_weights_keep_their_form(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.1; w = DequantizeLinear q d axis=0; y = Conv x w; z = bn y 4; out "
          "z",
          0, 0, "DequantizeLinear Conv", 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; init8 k 4; fill d 4 0.1; w = DequantizeLinear q d k axis=0; y = Conv x w; z "
          "= bn+ y 4; out z",
          0, 0, "DequantizeLinear Conv", 0 },
        { "in x 2,3,5,7; init8 q 16,3,3,3; fill8 k 16 3; fill d 16 0.1; w = DequantizeLinear q d k axis=0; y = Conv x "
          "w; z = bn y 16; out z",
          0, 0, "DequantizeLinear Conv", 0 },
        /* What moves the elements may stand between; it is written again. */
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.1; v = DequantizeLinear q d axis=0; w = Identity v; y = Conv x w; "
          "z = bn y 4; out z",
          0, 0, "DequantizeLinear Identity Conv", 0 },
        { "in x 2,3,5,7; init8 q 3,3,3,4; init d 4; v = DequantizeLinear q d axis=-1; w = Transpose v perm=3,2,0,1; y "
          "= "
          "Conv x w; z = bn y 4; out z",
          0, 0, "DequantizeLinear Transpose Conv", 0 },
        { "in x 2,3,5,7; init8 q 4,3; init d 4; ints s 4,3,1,1; v = DequantizeLinear q d axis=0; w = Reshape v s; y = "
          "Conv x w; z = bn y 4; out z",
          0, 0, "DequantizeLinear Reshape Conv", 0 },
        { "in x 2,3; init8 q 5,3; fill d 1 0.1; fill8 k 1 7; v = DequantizeLinear q d k; w = Transpose v; y = MatMul x "
          "w; z = bn0 y 5; out z",
          0, 0, "DequantizeLinear Transpose MatMul", 0 },
        { "in x 2,3,6; init8 q 3,5; init d 5; v = DequantizeLinear q d axis=1; w = Transpose v; y = MatMul w x; z = "
          "bn0 y 5; out z",
          0, 0, "DequantizeLinear Transpose MatMul", 0 },
        { "in x 2,3; init8 q 5,3; init d 3; v = DequantizeLinear q d axis=1; w = Transpose v; y = MatMul x w; z = bn0 "
          "y "
          "5; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        /* The steps of a bias grow with those of the weight, so a shift has to be a whole number of them. */
        { "in x 2,3,5,7; init8 q 4,3,3,3; init d 4; init b 4 int32; init e 4; w = DequantizeLinear q d axis=0; c = "
          "DequantizeLinear b e axis=0; y = Conv x w c; z = bn0 y 4; out z",
          0, 0, "DequantizeLinear DequantizeLinear Conv", 0 },
        { "in x 2,3; init8 q 3,5; fill d 1 0.25; init b 5 int32; fill e 1 0.5; w = DequantizeLinear q d; c = "
          "DequantizeLinear b e; y = Gemm x w c; z = bn0 y 5; out z",
          0, 0, "DequantizeLinear DequantizeLinear Gemm", 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.25; init b 4 int32; fill e 1 0.125; fill k 4,1,1 0.375; w = "
          "DequantizeLinear q d axis=0; c = DequantizeLinear b e; y = Conv x w c; z = Sub k y; out z",
          0, 0, "DequantizeLinear DequantizeLinear Conv", 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; init d 4; init b 4 int32; init e 4; w = DequantizeLinear q d axis=0; c = "
          "DequantizeLinear b e axis=0; y = Conv x w c; z = bn y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "in x 2,3; init8 q 3,5; fill d 5 0.1; init c 5; w = DequantizeLinear q d axis=1; y = Gemm x w c; z = bn y 5; "
          "out z",
          0, 0, "DequantizeLinear Gemm", 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 1 0.1; w = DequantizeLinear q d axis=0; y = Conv x w; z = bn y 4; out "
          "z",
          0, 0, "DequantizeLinear Conv", 0 },
        { "in x 2,3; init8 q 3,5; fill d 1 0.1; fill8 k 1 7; w = DequantizeLinear q d k; y = Gemm x w; z = bn y 5; out "
          "z",
          0, 0, "DequantizeLinear Gemm", 0 },
        { "in x 2,4,5,7; init8 q 4,6,3,3; fill d 1 0.1; w = DequantizeLinear q d; y = ConvTranspose x w; z = bn y 6; "
          "out z",
          0, 0, "DequantizeLinear ConvTranspose", 0 },
        /* Before opset 13 there is one scale and no axis; a block of them is not split. */
        { "opset 11; in x 2,3,5,7; init8 q 4,3,3,3; fill d 1 0.1; w = DequantizeLinear q d; y = Conv x w; z = bn y 4; "
          "out z",
          1, REASON_QUANTIZED, NULL, 0 },
        /* Along the input channels no runtime has kernels for it. */
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 1 0.1; w = DequantizeLinear q d; y = bn0 x 3; z = Conv y w; out z", 1,
          REASON_QUANTIZED, NULL, 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 3 0.1; w = DequantizeLinear q d axis=1; y = Conv x w; z = bn y 4; out "
          "z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.1; w = DequantizeLinear q d axis=0; y = bn x 3; z = Conv y w; out "
          "z",
          1, REASON_QUANTIZED, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* Two Adds stand for one BatchNormalization; each of them is a root of its own when the sibling has gone. */
static void what_is_left_in_two_places_goes_from_both(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,5,4; in f 1,5,1; init w 4,6; m = MatMul x w; init k 6; a = Add m k; q = Mul a f; t = Transpose q "
          "perm=0,2,1; b = bn t 6; init v 6,1,1; c = Conv b v group=6; d = bn+ b 6; y = Add c d; out y",
          0, 0, "MatMul Add Mul Transpose Conv", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* They are computed: only weights stay in the form that they are stored in. */
static void parameters_may_be_stored_quantized(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; init8 q 4; fill d 1 0.02; p = DequantizeLinear q d; fill v 4 2; "
          "y "
          "= BatchNormalization c p p p v; out y",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; r = Relu x; init w 4,3,1,1; init8 q 3; fill8 k 3 5; fill d 3 0.02; p = DequantizeLinear q d k "
          "axis=0; fill v 3 2; b = BatchNormalization r p p p v; y = Conv b w; out y",
          0, 0, "Relu Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; init p 4; fill d - 0.02; fill8 k - 0; q = QuantizeLinear p d k; "
          "s "
          "= DequantizeLinear q d k; t = Cast s to=1; fill v 4 2; y = BatchNormalization c t t t v; out y",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; in i 4 int8; init w 4,3,1,1; c = Conv x w; fill d - 0.02; p = DequantizeLinear i d; fill v 4 "
          "2; "
          "y = BatchNormalization c p p p v; out y",
          1, REASON_NOT_CONSTANT, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void statistics_of_the_batch_are_never_folded(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 15; in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = bn y 4 training_mode=1; out z", 1,
          REASON_TRAINING_MODE, NULL, 0 },
        { "opset 6; in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = bn y 4; out z", 1, REASON_TRAINING_MODE, NULL, 0 },
        { "opset 8; in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; init s 4; init b 4; init m 4; fill v 4 1; "
          "z p q = BatchNormalization y s b m v; out z",
          1, REASON_TRAINING_MODE, NULL, 0 },
        { "opset 8; in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init s 4,5,7; init b 4,5,7; init m 4,5,7; fill v 4,5,7 "
          "1; "
          "z = BatchNormalization y s b m v spatial=0; out z",
          1, REASON_PER_ELEMENT, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_would_not_be_finite_stays(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; init s 4; init b 4; init m 4; fill v 4 -1; z = "
          "BatchNormalization y s b m v; out y; ",
          0, 0, "Conv", 0 },
        { "opset 15; in x 2,3,5,7; fill w 4,3,1,1 60000; y = Conv x w; fill s 4 2; fill b 4 0; fill m 4 0; fill v 4 1; "
          "z = BatchNormalization y s b m v; out z",
          1, REASON_NOT_FINITE, NULL, DTYPE_FLOAT16 },
        { "opset 15; in x 2,3,5,7; fill w 4,3,1,1 1; y = Conv x w; fill s 4 2; fill b 4 60000; fill m 4 -40000; fill v "
          "4 1; "
          "z = BatchNormalization y s b m v; out z",
          1, REASON_NOT_FINITE, NULL, DTYPE_FLOAT16 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_is_left_is_tidied(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 5; ir 3; in x 2,4,5; y = bn x 4 is_test=1 consumed_inputs=0,0,0,1,1; "
          "z = bn y 4 is_test=1 consumed_inputs=0,0,0,1,1; out z",
          1, REASON_NONE, "BatchNormalization", 0 },
        { "in x 2,3,5,7; init m 3,1,1; init a 1; r = Relu x; n = Neg r; c = Mul n m; b = bn c 3; d = Add b a; e = Sub "
          "d m; out e",
          1, 0, "Relu BatchNormalization", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; b = bn x 3; s = Softplus b; d = bn s 3; z = Conv b w; out z", 0, 0, "Conv",
          0 },
        { "in x 2,3,5,7; r = Relu x; fill s 3 1; fill b 3 0; fill v 3 1; z = BatchNormalization r s b b v epsilon=0.0; "
          "out z",
          0, 0, "Relu", 0 },
        { "in x 2,3,5,7; fill s 3 1; fill b 3 0; fill v 3 1; z = BatchNormalization x s b b v epsilon=0.0; out z", 0, 0,
          "Identity", 0 },
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; c = bn b 3; q = Relu c; out q", 1, 0, "Relu BatchNormalization Relu",
          0 },
        { "opset 6; ir 3; in x 2,3,5,7; r = Relu x; b = bn r 3 is_test=1; c = bn b 3 is_test=1; q = Relu c; out q", 1,
          0, "Relu BatchNormalization Relu", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

#define ROLLED  "ints a 2; ints b 9; ints o 0; ints d 3; p = Slice c a b d; q = Slice c o a d; r = Concat p q axis=3; "
#define FLIPPED "ints a -1; ints b -9; ints d 3; f = Slice c a b d a; "

/* What a value is split into and put together of again is crossed as one. */
static void branches_that_meet_again_are_crossed_together(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; " ROLLED "y = bn r 4; out y", 0, 0, "Conv Slice Slice Concat",
          0 },
        { "in x 2,3,5,7; c = bn x 3; " ROLLED "init w 4,3,3,3; y = Conv r w; out y", 0, 0, "Slice Slice Concat Conv",
          0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; " ROLLED
          "ints u 3; ints l 2; s = Slice r o u l; t = Slice r u b l; v = Concat t s axis=2; y = bn v 4; out y",
          0, 0, "Conv Slice Slice Concat Slice Slice Concat", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; " ROLLED "y = bn r 4; out y; out q", 1, REASON_READ_ELSEWHERE,
          NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; " ROLLED "y = bn r 4; out y; t = Relu c; out t", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; m n = Split c axis=2 split=2,3; r = Concat n m axis=2; opset "
          "12; y "
          "= bn r 4; out y",
          0, 0, "Conv Split Concat", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; m n = Split c axis=2 split=2,3; r = Concat n n axis=2; opset "
          "12; y "
          "= bn r 4; out y; out m",
          1, REASON_GRAPH_OUTPUT, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; r = Concat c c axis=1; y = bn1 r 8; out y", 0, 0, "Conv Concat",
          0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; r = Concat c c axis=1; y = bn r 8; out y", 1, REASON_NOT_WORTH,
          NULL, 0 },
        { "in x 2,3,5,7; init w 8,3,3,3; c = Conv x w; d e = Split c axis=1; r = Max d e; y = bn+ r 4; out y", 0, 0,
          "Conv Split Max", 0 },
        { "in x 2,3,5,7; c = bn x 3; r = Concat c c axis=2; init w 4,3,3,3; y = Conv r w; out y", 0, 0, "Concat Conv",
          0 },
        { "in x 2,3,5,7; in q 2,3,5,7; c = bn x 3; r = Concat c q axis=2; init w 4,3,3,3; y = Conv r w; out y", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5,7; in q 2,3,7,5; c = bn x 3; init w 4,3,3,3; p = Conv c w; t = Transpose c perm=0,1,3,2; s = "
          "Relu q; "
          "r = Concat t q axis=2; y = Conv r w; out y; out p; out s",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5,7; c = bn x 3; fill k 2,3,5,7 1; r = Concat c k axis=2; init w 4,3,3,3; y = Conv r w; out y", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5,5; r = Relu x; y = bn r 3; p = Transpose y perm=0,1,3,2; init k 3,1,1; m = Mul y k; s = Add p m; "
          "init "
          "w 4,3,1,1; z = Conv s w; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        /* The constant is no part of what is scaled. */
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; init k 4,1,1; a = Add c k; r = Concat c a axis=1; floats s "
          "2,-1,0.5,3,2,-1,0.5,3; floats b 1,2,3,4,0,0,0,0; fill m 8 0; fill v 8 1; y = BatchNormalization r s b m v; "
          "out y",
          1, REASON_NOT_WORTH, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* Each term of the sum has its part of the shift; going down, the parts add up. */
static void a_value_that_is_added_to_its_mirror_image_is_crossed(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; " FLIPPED "s = Add c f; y = bn s 4; out y", 0, 0,
          "Conv Slice Add", 0 },
        { "in x 2,3,5,7; c = bn x 3; " FLIPPED "s = Add c f; init w 4,3,3,3; y = Conv s w; out y", 0, 0,
          "Slice Add Conv", 0 },
        { "in x 2,3,5,7; c = bn x 3; " FLIPPED "s = Sub f c; init w 4,3,3,3; y = Conv s w pads=1,1,1,1; out y", 0, 0,
          "Slice Sub Conv", 0 },
        { "in x 2,3,5,7; c = bn x 3; " FLIPPED "s = Add c f; init w 4,3,3,3; y = Conv s w pads=1,1,1,1; out y", 1,
          REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; " FLIPPED "s = Sub f c; y = bn s 4; out y", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; " FLIPPED "s = Max c f; y = bn+ s 4; out y", 0, 0,
          "Conv Slice Max", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; m = GlobalMaxPool c; g = GlobalAveragePool c; s = Add m g; y = "
          "bn+ "
          "s 4; out y",
          0, 0, "Conv GlobalMaxPool GlobalAveragePool Add", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; m = GlobalMaxPool c; g = GlobalAveragePool c; s = Add m g; y = "
          "bn "
          "s 4; out y",
          1, REASON_NEGATIVE_SCALE, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; b = Mul c c; init k 4,1,1; d = Add b k; y = bn d 4; out y", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* BN(x) + x and the like are one affine of x. */
static void affines_of_one_value_that_are_added_are_one(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; b = bn c 4; z = Add b c; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; b = bn c 4; z = Sub c b; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; b = bn c 4; z = Sub b c; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; b = bn c 4; d = bn c 4; z = Sum c b d c; out z", 0, 0, "Conv",
          0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; b = bn c 4; d = bn c 4; z = Sub b d; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init k 4,1,1; c = Conv x w; b = bn c 4; n = Neg c; m = Mul n k; z = Add b m; "
          "out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; in q 2,4,5,7; init w 4,3,1,1; c = Conv x w; b = bn c 4; z = Sum b q c; out z", 0, 0,
          "Conv Sum", 0 },
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; z = Add r b; q = Relu z; out q", 1, 0, "Relu BatchNormalization Relu",
          0 },
        { "in x 2,3,5,7; init k 7; init w 4,3,1,1; c = Conv x w; b = bn c 4; m = Mul c k; z = Add b m; out z", 1,
          REASON_READ_ELSEWHERE, "Conv BatchNormalization Mul Add", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; b = bn c 4; z = Add b c; out z; out b", 1, REASON_READ_ELSEWHERE,
          NULL, 0 },
        { "in x 2,3,5,7; in q 2,4,5,7; init w 4,3,1,1; c = Conv x w; b = bn c 4; z = Sub b q; y = Add z c; out y", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; b = bn c 4; m = Neg c; z = Add b m; out z; out m", 1,
          REASON_READ_ELSEWHERE, "Conv BatchNormalization Neg", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; s = Sub c c; z = bn s 4; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; s = Sum c c c; z = bn s 4; out z", 0, 0, "Conv", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_is_opt_in_needs_asking_for(void **state)
{
    static const struct fold_case padded[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; y = bn x 3; z = Conv y w pads=1,1,1,1; out z", 0, 0, "Add Conv", 0 },
        { "in x 2,6,5,7; init w 4,3,3,3; y = bn x 6; z = Conv y w pads=1,1,1,1 group=2; out z", 0, 0, "Add Conv", 0 },
    };
    static const struct fold_case relu[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; r = Relu y; z = bn+ r 4; out z", 0, 0, "Conv Relu Add", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; r = LeakyRelu y alpha=0.2; z = bn+ r 4; out z", 0, 0,
          "Conv LeakyRelu Add", 0 },
        { "in x 2,3,5,7; init w 16,3,1,1; y = Conv x w; r = Relu y; z = bn r 16; out z", 1, REASON_NEGATIVE_SCALE, NULL,
          0 },
    };
    static const struct fold_case lowered[] = {
        { "in x 2,3,5,7; z = bn x 3; out z", 0, 0, "Mul Add", 0 },
        { "opset 6; ir 3; in x 2,3,5,7; z = bn x 3 is_test=1; out z", 0, 0, "Mul Add", 0 },
        { "in x 3,3; z = bn x 3; out z", 0, 0, "Mul Add", 0 },
        /* The scale goes where the shift could not, so a second run has nothing to do. */
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,3; z = Conv b w pads=1,1,1,1; out z", 0, 0,
          "Relu Add Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; a = AveragePool c kernel_shape=3,3 pads=1,1,1,1 "
          "count_include_pad=1; b = bn a 4; z = Relu b; out z",
          0, 0, "Conv AveragePool Add Relu", 0 },
    };
    static const struct fold_case casts[] = {
        { "opset 15; in x 2,3,5,7; init w 4,3,3,3; init a 4; c = Conv x w a; d = Cast c to=1; b = bn d 4; e = Cast b "
          "to=10; z = Relu e; out z",
          0, 0, "Conv Cast Cast Relu", DTYPE_FLOAT16 },
        { "opset 15; in x 2,5,3; init w 3,4; c = MatMul x w; t = Transpose c perm=0,2,1; d = Cast t to=1; b = bn d 4; "
          "z = Cast b to=10; out z",
          0, 0, "MatMul Add Transpose Cast Cast", DTYPE_FLOAT16 },
        { "opset 15; in x 2,3,5,7; init w 4,3,3,3; r = Relu x; d = Cast r to=1; b = bn d 3; e = Cast b to=10; "
          "z = Conv e w; out z",
          0, 0, "Relu Cast Cast Conv", DTYPE_FLOAT16 },
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; d = Cast c to=6; e = Cast d to=1; b = bn e 4; out b", 1,
          REASON_NON_LINEAR, NULL, 0 },
    };
    static const char *const extra[] = { "bn-before-padded-conv", "relu-scale", "cast" };
    static const struct bnfuse_fuse_options across_casts = { .fold_limit = 1 << 28, .enabled = { extra + 2, 1 } };
    static const struct bnfuse_fuse_options before_padded = { .fold_limit = 1 << 28, .enabled = { extra, 1 } };
    static const struct bnfuse_fuse_options relu_scale = { .fold_limit = 1 << 28, .enabled = { extra + 1, 1 } };
    static const struct fold_case convolved[] = {
        { "in x 2,4,5,7; s = Sigmoid x; b = bn s 4; z = Sigmoid b; out z", 0, 0, "Sigmoid Conv Sigmoid", 0 },
        { "in x N,4,W; s = Sigmoid x; b = bn s 4; z = Sigmoid b; out z", 0, 0, "Sigmoid Conv Sigmoid", DTYPE_DOUBLE },
        { "in x 2,4,3,5,7; b = bn x 4; out b", 0, 0, "Conv", 0 },
        { "in x 2,4; s = Sigmoid x; b = bn s 4; z = Sigmoid b; out z", 0, 0, "Sigmoid Mul Add Sigmoid", 0 },
    };
    static const struct bnfuse_fuse_options convolve = { .fold_limit = 1 << 28, .lower_conv = true };
    static const struct bnfuse_fuse_options lower = { .fold_limit = 1 << 28, .lower_mul_add = true };
    (void)state;
    RUN(padded, &before_padded);
    RUN(relu, &relu_scale);
    RUN(lowered, &lower);
    RUN(casts, &across_casts);
    RUN(convolved, &convolve);
}

static void what_stays_says_what_a_quantized_weight_lacks(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 10; says one for each channel needs opset 13; in x 2,3,7,7; init8 q 4,3,1,1; fill s - 0.01; w = "
          "DequantizeLinear q s; y = Conv x w; z = bn y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "opset 21; says that of a block; in x 2,4; init8 q 4,6; fill s 2,6 0.01; w = DequantizeLinear q s axis=0 "
          "block_size=2; y = Gemm x w; z = bn y 6; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "says do not run along the input channels; in x 2,3,7,7; r = Relu x; z = bn0 r 3; init8 q 4,3,1,1; fill s 4 "
          "0.01; w = DequantizeLinear q s axis=0; y = Conv z w; out y",
          1, REASON_QUANTIZED, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_stays_says_which_reader_is_in_the_way_and_why(void **state)
{
    static const struct fold_case cases[] = {
        { "says v, reads \"y\" too, and takes no inverse: a constant added; in x 2,3,9,9; init w 4,3,1,1; y = Conv x "
          "w; b "
          "= bn y 4; r = Relu b; init u 5,4,1,1; init k 5,4,3,3; c = Conv y u; v = Conv y k pads=1,1,1,1; out r; out "
          "c; "
          "out v",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "says c, reads \"y\" too, and takes no inverse: s, Sigmoid; in x 2,3,9,9; init w 4,3,1,1; y = Conv x w; b = "
          "bn y 4; r = Relu b; c = Neg y; s = Sigmoid c; out r; out s",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "says t, reads \"y\" too, and an inverse would lose; in x 2,3,9,9; init w 4,3,1,1; y = Conv x w; fill k 4 1; "
          "fill z 4 0; b = BatchNormalization y z k k k; r = Relu b; init u 5,4,1,1; t = Conv y u; out r; out t",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
    };
    static const struct fold_case bounded[] = {
        { "says r, its bounds are computed at run time; in x 2,3,9,9; in l -; init w 4,3,1,1; y = Conv x w; r = Clip y "
          "l; "
          "z = bn r 4; t = Tanh z; out t",
          1, REASON_NON_LINEAR, NULL, 0 },
    };
    static const char *const floor = "floor";
    const struct bnfuse_fuse_options floors = { .fold_limit = 1 << 28, .enabled = { &floor, 1 } };
    (void)state;
    RUN(cases, NULL);
    RUN(bounded, &floors);
}

static void a_node_or_pass_can_be_left_out(void **state)
{
    static const struct fold_case skipped[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; z = bn y 4; out z", 1, REASON_SKIPPED, NULL, 0 },
        /* Nor does another take it along, or go into it. */
        { "in x 2,3,5,7; r = Relu x; y = bn r 3; z = bn y 3; init w 4,3,1,1; c = Conv z w; out c", 2, 0,
          "Relu BatchNormalization BatchNormalization Conv", 0 },
        { "in x 2,3,5,7; r = Relu x; z = bn r 3; y = bn z 3; t = Tanh y; out t", 2, 0,
          "Relu BatchNormalization BatchNormalization Tanh", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; y = bn+ c 4; z = bn+ c 4; r = Relu y; t = Tanh z; out r; out t",
          2, 0, NULL, 0 },
        { "opset 15; in x 1,3,5,7; init s 3; init b 3; fill v 3 1; z = BatchNormalization x s b b v training_mode=1; "
          "out "
          "z",
          1, REASON_SKIPPED, "BatchNormalization", 0 },
    };
    static const struct fold_case disabled[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; z = bn y 4; out z", 1, 0, "Conv BatchNormalization", 0 },
    };
    static const char *const z = "z", *const fold = "fold";
    static const char *const instance = "instance";
    const struct bnfuse_fuse_options skip = { .fold_limit = 1 << 28,
                                              .skipped = { &z, 1 },
                                              .enabled = { &instance, 1 } };
    const struct bnfuse_fuse_options disable = { .fold_limit = 1 << 28, .disabled = { &fold, 1 } };
    (void)state;
    RUN(skipped, &skip);
    RUN(disabled, &disable);
}

/* Each fails when an offset, a step or a block is one off. */
static void places_along_the_channels_are_counted_exactly(void **state)
{
    (void)state;
    static const struct fold_case cases[] = {
        { "in x 2,6,5,7; init u 3,2,1,1; init v 3,2,1,1; init w 3,2,1,1; r = Relu x; y = bn r 6; p q s = Split y "
          "axis=1; "
          "a = Conv p u; b = Conv q v; c = Conv s w; out a; out b; out c",
          0, 0, "Relu Split Conv Conv Conv", 0 },
        { "in x 2,3,5,7; init w 6,3,1,1; ints s -4; ints e 100; ints ax 1; a = Conv x w; b = Slice a s e ax; y = bn b "
          "4; "
          "out y",
          0, 0, "Conv Slice", 0 },
        { "in x 2,3,5,7; init w 6,3,1,1; ints s 1; ints e 100; ints ax 1; ints st 2; a = Conv x w; b = Slice a s e ax "
          "st; "
          "y = bn b 3; out y",
          0, 0, "Conv Slice", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; ints ax 0; a = Conv x w; b = Unsqueeze a ax; c = Transpose b perm=0,2,1,3,4; "
          "y = bn c 4; out y",
          0, 0, "Conv Unsqueeze Transpose", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; ints ax 0; a = Conv x w; b = ReduceMean a axes=0, keepdims=0; c = Unsqueeze b "
          "ax; "
          "y = bn c 4; out y",
          0, 0, "Conv ReduceMean Unsqueeze", 0 },
        { "in x 2,4,5,7; floats s 1,1,2,2; floats t 0,0,1,1; floats m 0,0,0,0; floats v 1,1,1,1; ints sh 2,2,70; "
          "init w 3,2,1; r = Relu x; y = BatchNormalization r s t m v epsilon=0.0; z = Reshape y sh; c = Conv z w; out "
          "c",
          0, 0, "Relu Reshape Conv", 0 },
        { "in x 2,100; init w 100,50; r = Relu x; y = bn r 100; z = Gemm y w; out z", 0, 0, "Relu Gemm", 0 },
        { "in x 2,4,5; y = bn x 4; r = Relu y; z = bn y 4; out r; out z", 2, 0, NULL, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) fold_case_run(&cases[i], NULL);
}

static void a_shared_weight_is_copied_within_the_limit(void **state)
{
    static const char text[] = "in x 2,3,5,7; init w 4,3,1,1; a = Conv x w; b = Conv x w; y = bn a 4; out y; out b";
    static const struct fold_case within[] = { { text, 0, 0, "Conv Conv", 0 } };
    static const struct fold_case beyond[] = { { text, 1, REASON_BUDGET, NULL, 0 } };
    static const struct bnfuse_fuse_options enough = { .fold_limit = 48 }, short_ = { .fold_limit = 47 };
    (void)state;
    RUN(within, &enough);
    RUN(beyond, &short_);
}

static void a_quantized_weight_is_reached_through_what_moves_it(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init8 q 3,4,1,1; init d 4; v = DequantizeLinear q d axis=1; w = Transpose v perm=1,0,2,3; y = "
          "Conv x w; z = bn0 y 4; out z",
          0, 0, "DequantizeLinear Transpose Conv", 0 },
        { "in x 2,3,5,7; init8 q 1,4,3,1,1; init d 4; v = DequantizeLinear q d axis=1; w = Squeeze v a; ints a 0; y = "
          "Conv x w; z = bn0 y 4; out z",
          0, 0, "DequantizeLinear Squeeze Conv", 0 },
        { "in x 2,3,5,7; init8 q 4,3; init d 4; v = DequantizeLinear q d axis=0; w = Unsqueeze v a; ints a 2,3; y = "
          "Conv x w; z = bn0 y 4; out z",
          0, 0, "DequantizeLinear Unsqueeze Conv", 0 },
        { "in x 2,3,5,7; init8 q 8,3,1,1; init d 8; v = DequantizeLinear q d axis=0; w = Slice v s e a; ints s 0; ints "
          "e 4; ints a 0; y = Conv x w; z = bn0 y 4; out z",
          0, 0, "DequantizeLinear Slice Conv", 0 },
        { "in x 2,3,5,7; init8 q 5,3,1,1; init d 5; v = DequantizeLinear q d axis=0; w = Gather v i axis=0; ints i "
          "4,0,1,2; y = Conv x w; z = bn0 y 4; out z",
          0, 0, "DequantizeLinear Gather Conv", 0 },
        { "in x 2,3,5,7; init8 q 4,3,1,1; init d 4; v = DequantizeLinear q d axis=0; w = Neg v; y = Conv x w; z = bn0 "
          "y 4; out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 2,3,5,7; init8 q 4,3,1,1; init d 4; v = DequantizeLinear q d axis=0; u = Transpose v perm=1,0,2,3; i = "
          "Identity u; w = Transpose i perm=1,0,2,3; y = Conv x w; z = bn0 y 4; out z",
          0, 0, "DequantizeLinear Transpose Identity Transpose Conv", 0 },
        { "in x 2,4,5,7; init8 q 4,4; init d 4; v = DequantizeLinear q d axis=1; u = Transpose v perm=1,0; w = "
          "Unsqueeze u "
          "a; ints a 2,3; y = Conv x w; z = bn0 y 4; out z",
          0, 0, "DequantizeLinear Transpose Unsqueeze Conv", 0 },
        { "in x 2,6,5; init8 q 4,6; init d 4; v = DequantizeLinear q d axis=0; u = Reshape v s; ints s 4,2,3; w = "
          "Transpose "
          "u perm=0,2,1; g = Reshape w t; ints t 4,6,1; y = Conv x g; z = bn0 y 4; out z",
          0, 0, "DequantizeLinear Reshape Transpose Reshape Conv", 0 },
        { "in x 2,3,5,7; init8 q 4,3,1,1; in d 4; w = DequantizeLinear q d axis=0; y = Conv x w; z = bn0 y 4; out z", 1,
          REASON_QUANTIZED, NULL, 0 },
        { "opset 21; in x 2,4,5,7; init8 q 4,4,1,1; init d 2,4,1,1; w = DequantizeLinear q d axis=0 block_size=2; y = "
          "Conv x w; z = bn0 y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "opset 21; in x 2,4; init8 q 4,6; init d 2,6; w = DequantizeLinear q d axis=0 block_size=2; y = MatMul x w; "
          "fill m 1 2; z = Mul y m; out z",
          0, 0, "DequantizeLinear MatMul Mul", 0 },
        { "in x 2,4; init8 q 4,6; init d 4; w = DequantizeLinear q d axis=0; y = MatMul x w; z = bn0 y 6; out z", 1,
          REASON_QUANTIZED, NULL, 0 },
        { "in x 2,4; init8 q 4,6; fill d 1 0.1; w = DequantizeLinear q d; y = MatMul x w; fill m 1 -1; z = Mul y m; "
          "out z",
          0, 0, "DequantizeLinear MatMul", 0 },
        { "in x 2,3,5,7; init8 q 4,3,1,1; fill8 k 4 -100; fill d 4 0.1; w = DequantizeLinear q d k axis=0; y = Conv x "
          "w; z = bn y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "in x 2,3,5,7; init q 4,3,1,1 uint8; fill k 4 200 uint8; fill d 4 0.1; w = DequantizeLinear q d k axis=0; y "
          "= Conv x w; z = bn+ y 4; out z",
          0, 0, "DequantizeLinear Conv", 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.25; init b 4 int32; fill e 4 0.5; w = DequantizeLinear q d "
          "axis=0; c = DequantizeLinear b e axis=0; y = Conv x w c; fill k 4,1,1 0.5; z = Add y k; out z",
          0, 0, "DequantizeLinear DequantizeLinear Conv", 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.25; init8 b 4; fill e 4 0.5; w = DequantizeLinear q d axis=0; c = "
          "DequantizeLinear b e axis=0; y = Conv x w c; fill k 4,1,1 100; z = Add y k; out z",
          0, 0, "DequantizeLinear DequantizeLinear Conv Add", 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.25; in b 4 int32; fill e 4 0.5; w = DequantizeLinear q d axis=0; "
          "c = DequantizeLinear b e axis=0; y = Conv x w c; z = bn0 y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.25; init b 4 int32; fill e 4 3e38; w = DequantizeLinear q d "
          "axis=0; c = DequantizeLinear b e axis=0; y = Conv x w c; fill s 4 2; fill t 4 0; fill v 4 1; z = "
          "BatchNormalization y s t t v; out z",
          1, REASON_NOT_FINITE, NULL, 0 },
        { "in x 2,3,5,7; init8 q 4,3,3,3; fill d 4 0.25; init b 4 int32; fill e 4 0; w = DequantizeLinear q d axis=0; "
          "c = DequantizeLinear b e axis=0; y = Conv x w c; z = bn y 4; out z",
          1, REASON_QUANTIZED, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_description_says_what_an_operator_is_not(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 1,4,3,3; in z 1,4,3,3; init w 4,4,1,1; fill k 1 2; a = Conv x w; b = Mul a k; c = ConvTranspose z w; d "
          "= Mul c k; out b; out d",
          0, 0, "Conv Mul ConvTranspose Mul", 0 },
        { "in x 2,3,5; y = bn x 3; init w 3,4,1; z = ConvTranspose y w auto_pad=VALID; out z", 0, 0, "ConvTranspose",
          0 },
        { "in x 2,3; y = bn x 3; init w 4,5; z = Einsum y w equation=ab,cd->cd; out z", 1, REASON_NON_LINEAR,
          "BatchNormalization Einsum", 0 },
        { "in x 2,3,4; y = bn x 3; init w 4,5; z = com.microsoft:FusedMatMul y w transBatchB=1; out z", 1,
          REASON_NON_LINEAR, "BatchNormalization FusedMatMul", 0 },
        { "opset 18; in x 2,4,3; init s 2; init b 2; y = GroupNormalization x s b num_groups=2; z = bn y 4; out z", 1,
          REASON_NON_LINEAR, "GroupNormalization BatchNormalization", 0 },
        { "broken; in x 2,3,4; y = RMSNormalization x; z = bn y 3; out z", 1, REASON_NON_LINEAR,
          "RMSNormalization BatchNormalization", 0 },
        { "broken; in x 2,5; init w 4,5; g = Gemm x w; b = bn x 5; z = Add g b; out z", 1, REASON_MISMATCH,
          "Gemm BatchNormalization Add", 0 },
        { "in x 1,3,4,4; init w 4,3,1,1; in l -; a = Conv x w; r = Clip a l; z = bn+ r 4; out z", 1, REASON_NON_LINEAR,
          "Conv Clip BatchNormalization", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void biases_of_integers_are_restated_where_they_can_be(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3; init w 3,4; init8 q 4; fill s 1 0.01; fill o 1 0 int8; c = DequantizeLinear q s o; y = Gemm x w c "
          "beta=2.0; z = bn y 4; out z",
          1, REASON_QUANTIZED, "DequantizeLinear Gemm BatchNormalization", 0 },
        { "in x 2,3; init w 3,4; init8 q 2,4; fill s 1 0.01; fill o 1 0 int8; c = DequantizeLinear q s o; y = Gemm x w "
          "c; z = bn y 4; out z",
          1, REASON_QUANTIZED, "DequantizeLinear Gemm BatchNormalization", 0 },
        { "in x 1,3,4,4; fill k 1 1; y = Add x k; fill w 4,3,1,1 1; init8 q 4; fill s 1 0.5; fill o 1 0 int8; c = "
          "DequantizeLinear q s o; v = Conv y w c; out v",
          0, 0, "DequantizeLinear Conv", 0 },
        { "in x 1,3,4,4; y = bn x 3; fill w 4,3,1,1 1; init8 q 4; fill s 1 0.5; fill o 1 0 int8; c = DequantizeLinear "
          "q s o; v = Conv y w c; out v",
          1, REASON_QUANTIZED, "BatchNormalization DequantizeLinear Conv", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void quantized_weights_are_scaled_along_their_channels_alone(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 1,3,4,4; init8 q 4,3,1,1; fill s 1 0.1; w = DequantizeLinear q s; v m = Dropout w; c = Conv x v; z = "
          "bn c 4; out z; n = Not m; out n",
          1, REASON_WEIGHT_DYNAMIC, "DequantizeLinear Dropout Conv BatchNormalization Not", 0 },
        { "in x 1,3,4,4 float64; init8 q 4,3,1,1; fill s 1 0.1; w = DequantizeLinear q s; v = Cast w to=11; c = Conv x "
          "v; fill k 1,4,1,1 0.5 float64; z = Mul c k; out z",
          0, 0, "DequantizeLinear Cast Conv Mul", 0 },
        { "opset 21; in x 1,4,4,4; init8 q 4,4,1,1; fill s 2,4,1,1 0.1; w = DequantizeLinear q s axis=0 block_size=2; "
          "c = Conv x w; z = bn1 c 4; out z",
          1, REASON_QUANTIZED, "DequantizeLinear Conv BatchNormalization", 0 },
        { "opset 23; in x 1,4,4,4; init8 q 4,4,1,1; fill s 1 0.1; w = DequantizeLinear q s output_dtype=1; c = Conv x "
          "w; z = bn c 4; out z",
          0, 0, "DequantizeLinear Conv", 0 },
        /* The scale is stored in another type than the weight is read in. */
        { "opset 23; in x 1,4,4,4; init8 q 4,4,1,1; fill s 1 0.125 float16; w = DequantizeLinear q s output_dtype=1; c "
          "= Conv x w; z = bn c 4; out z; within 1e-3",
          0, 0, "DequantizeLinear Conv", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_an_equation_or_a_block_says_is_followed_as_far_as_it_goes(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 1,4,3,3; in z 1,4,3,3; init w 4,4,1,1; fill s 4 2; fill t 4 0.5; fill m 4 0; fill v 4 1; a = Conv x w; "
          "b = BatchNormalization a s t m v; c = ConvTranspose z w; d = BatchNormalization c s t m v; out b; out d",
          0, 0, "Conv ConvTranspose", 0 },
        { "broken; in x 1,?,4,4; y = bn x 8; d = DepthToSpace y blocksize=4000000000; init w 3,2,1,1; z = Conv d w; "
          "out z",
          1, REASON_MISMATCH, "BatchNormalization DepthToSpace Conv", 0 },
        { "in x 2,3,4,4; init8 q 4,3,1,1; fill s - 0.1; w = DequantizeLinear q s; c = Conv x w; z = bn1 c 4; out z", 0,
          0, "DequantizeLinear Conv", 0 },
        { "in x 2,4; init w 4,4; a = MatMul x w; b = Max a k; in k -; z = bn+ b 4; out z", 1, REASON_NON_LINEAR,
          "MatMul Max BatchNormalization", 0 },
        { "in x 2,4; init w 4,4; a = MatMul x w; b = Min k a; fill k - 3; z = bn+ b 4; out z", 0, 0, "MatMul Add Min",
          0 },
        { "in x 2,3,4; y = bn x 3; init w 2,3; z = Einsum y w equation=abc,db->ad; out z", 1, REASON_NON_LINEAR,
          "BatchNormalization Einsum", 0 },
        { "in x 2,3; y = bn x 3; init w 3,4; z = Einsum y w equation=...b,bc->...c; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,3; y = bn x 3; init w 3,4; in v 4,5; z = Einsum y w v equation=ab,bc,cd->ad; out z", 1,
          REASON_NON_LINEAR, "BatchNormalization Einsum", 0 },
        { "in x 3,3; y = bn x 3; z = Einsum y equation=aa->a; out z", 1, REASON_NON_LINEAR, "BatchNormalization Einsum",
          0 },
        { "in x 1,3,4,4; y = bn x 3; init w 4,3,1,1; z = Conv y w; s = Neg y; r = ReduceMean s axes=2,3; out z; out r",
          1, REASON_NO_NEIGHBOR, "BatchNormalization Conv Neg ReduceMean", 0 },
        { "opset 22; in x 1,3,9; y = bn x 3; p = AveragePool y kernel_shape=3, pads=1,1 ceil_mode=1; init w 4,3,1; z = "
          "Conv p w; out z",
          0, 0, "AveragePool Conv", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_takes_what_follows_it),
        cmocka_unit_test(a_transposed_convolution_takes_what_follows_it),
        cmocka_unit_test(a_gemm_takes_what_follows_it_in_all_its_forms),
        cmocka_unit_test(a_vector_has_one_channel),
        cmocka_unit_test(a_matmul_takes_the_scale_and_leaves_an_add),
        cmocka_unit_test(places_along_the_channels_are_counted_exactly),
        cmocka_unit_test(chains_of_constants_compose),
        cmocka_unit_test(weights_are_found_behind_constant_nodes),
        cmocka_unit_test(what_others_read_stays),
        cmocka_unit_test(what_precedes_an_anchor_goes_into_it),
        cmocka_unit_test(movers_carry_an_affine),
        cmocka_unit_test(a_stack_of_matrices_takes_what_precedes_it),
        cmocka_unit_test(branches_have_the_sizes_of_the_whole),
        cmocka_unit_test(quantized_weights_keep_their_form),
        cmocka_unit_test(what_is_left_in_two_places_goes_from_both),
        cmocka_unit_test(parameters_may_be_stored_quantized),
        cmocka_unit_test(statistics_of_the_batch_are_never_folded),
        cmocka_unit_test(what_would_not_be_finite_stays),
        cmocka_unit_test(what_is_left_is_tidied),
        cmocka_unit_test(branches_that_meet_again_are_crossed_together),
        cmocka_unit_test(a_value_that_is_added_to_its_mirror_image_is_crossed),
        cmocka_unit_test(affines_of_one_value_that_are_added_are_one),
        cmocka_unit_test(what_is_opt_in_needs_asking_for),
        cmocka_unit_test(what_stays_says_what_a_quantized_weight_lacks),
        cmocka_unit_test(what_stays_says_which_reader_is_in_the_way_and_why),
        cmocka_unit_test(a_node_or_pass_can_be_left_out),
        cmocka_unit_test(a_shared_weight_is_copied_within_the_limit),
        cmocka_unit_test(a_quantized_weight_is_reached_through_what_moves_it),
        cmocka_unit_test(a_description_says_what_an_operator_is_not),
        cmocka_unit_test(biases_of_integers_are_restated_where_they_can_be),
        cmocka_unit_test(quantized_weights_are_scaled_along_their_channels_alone),
        cmocka_unit_test(what_an_equation_or_a_block_says_is_followed_as_far_as_it_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
