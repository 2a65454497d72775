/* SPDX-License-Identifier: Apache-2.0
 *
 * Affines cross what copies elements along other axes, in both directions, and stay where channels are copied. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void gather_picks_elsewhere(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,7,6; init w 6,5; ints k -1; y = MatMul x w; i = Squeeze k; g = Gather y i axis=1; z = bn g 5; out z",
          0, 0, NULL, 0 },
        { "in x 2,7,6; init w 6,5; ints k 3,0,3; y = MatMul x w; g = Gather y k axis=1; t = Transpose g perm=0,2,1; "
          "z = bn t 5; out z",
          0, 0, NULL, 0 },
        { "in x 2,6,7; r = Relu x; b = bn r 6; t = Transpose b perm=0,2,1; ints k 0; i = Squeeze k; "
          "g = Gather t i axis=1; init w 6,4; init c 4; z = Gemm g w c; out z",
          0, 0, "Relu Transpose Squeeze Gather Gemm", 0 },
        { "in x 2,6,5,7; r = Relu x; b = bn r 6; ints k -2; i = Squeeze k; g = Gather b i axis=1; ints a 1; "
          "u = Unsqueeze g a; init w 4,1,3,3; z = Conv u w; out z",
          0, 0, "Relu Squeeze Gather Unsqueeze Conv", 0 },
        { "in x 2,6,5,7; init w 6,6,1,1; y = Conv x w; ints k 4,1,0; g = Gather y k axis=1; z = bn g 3; out z", 0, 0,
          "Conv Gather", 0 },
        { "in x 2,6,5,7; init w 6,6,1,1; y = Conv x w; ints k 4,1,4; g = Gather y k axis=1; z = bn g 3; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,6,5,7; init w 4,3,1,1; r = Relu x; b = bn r 6; ints k 5,2,2; g = Gather b k axis=1; z = Conv g w; "
          "out z",
          0, 0, "Relu Gather Conv", 0 },
        { "in x 2,6,5,7; in k 3; init w 4,3,1,1; y = Conv x v; init v 6,6,1,1; j = Cast k to=7; "
          "g = Gather y j axis=1; z = bn g 3; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,7,6; init w 6,5; y = MatMul x w; ints k 0,3,1,2; ints s 2,2,1; i = Reshape k s; "
          "g = GatherND y i batch_dims=1; t = Transpose g perm=0,2,1; z = bn t 5; out z",
          0, 0, NULL, 0 },
        { "in x 2,3,6; init w 4,3,1; y = Conv x w; ints k 0,1,2,3,5,4,3,2; ints s 2,4,1; i = Reshape k s; "
          "g = GatherND y i batch_dims=2; ints t 2,4,1; q = Reshape g t; z = bn q 4; out z",
          0, 0, NULL, 0 },
        { "in x 2,7,6; init w 6,5; y = MatMul x w; ints k 0,3,1,2; ints s 2,2; i = Reshape k s; g = GatherND y i; "
          "z = bn g 5; out z",
          0, 0, NULL, 0 },
        { "in x 2,6,3; r = Relu x; b = bn r 6; ints k 0,3,1,2; ints s 2,2; i = Reshape k s; "
          "g = GatherND b i; init w 3,4; z = MatMul g w; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void repetition_along_other_axes_passes(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,1,1; init w 4,3,1,1; y = Conv x w; ints s 2,4,5,7; e = Expand y s; z = bn e 4; out z", 0, 0,
          "Conv Expand", 0 },
        { "in x 2,3; init w 3,4; y = Gemm x w; ints s 6,2,4; e = Expand y s; t = Transpose e perm=0,2,1; z = bn t 4; "
          "out z",
          0, 0, "Gemm Expand Transpose", 0 },
        { "in x 2,3,1,1; init w 1,3,1,1; y = Conv x w; ints s 2,4,5,7; e = Expand y s; z = bn e 4; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,1,1; r = Relu x; b = bn r 3; ints s 2,3,5,7; e = Expand b s; init w 4,3,3,3; z = Conv e w; out z",
          0, 0, "Relu Expand Conv", 0 },
        { "in x 2,3,2,2; init w 4,3,1,1; y = Conv x w; ints k 1,1,3,2; e = Tile y k; z = bn e 4; out z", 0, 0,
          "Conv Tile", 0 },
        { "in x 2,3,2,2; init w 4,3,1,1; y = Conv x w; ints k 1,2,1,1; e = Tile y k; z = bn e 8; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,2,2; r = Relu x; b = bn r 3; ints k 1,2,1,1; e = Tile b k; init w 4,6,1,1; z = Conv e w; out z", 0,
          0, "Relu Tile Conv", 0 },
        { "in x 5,2,3; init w 3,4; y = MatMul x w; ints n 3,5; e = ReverseSequence y n; t = Transpose e perm=0,2,1; "
          "z = bn t 4; out z",
          0, 0, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void negative_pads_only_cut(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; ints p 0,0,-1,0,0,0,0,-2; e = Pad y p; z = bn e 4; out z", 0, 0,
          "Conv Pad", 0 },
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; ints p 0,0,-1,0,0,0,0,-2; e = Pad b p; init w 4,3,1,1; z = Conv e w; "
          "out z",
          0, 0, "Relu Pad Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; ints p 0,-1,0,0,0,-1,0,0; e = Pad y p; z = bn e 2; out z", 0, 0,
          "Conv Pad", 0 },
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; ints p 0,-1,0,0,0,0,0,0; e = Pad b p; init w 4,2,1,1; z = Conv e w; "
          "out z",
          0, 0, "Relu Pad Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; ints p 0,-1,1,0,0,0,0,0; e = Pad y p; z = bn e 3; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; y = Conv x w; ints p 0,1,0,0,0,0,0,0; e = Pad y p; z = bn e 5; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void parameters_inside_a_channel_have_their_own_reason(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,4,5; init w 6,3,1,1; y = Conv x w; f = Flatten y; z = bn f 120; out z", 1, REASON_VARIES_INSIDE,
          NULL, 0 },
        { "in x 2,3,4,5; init w 6,3,1,1; y = Conv x w; ints s 0,12,2,5; f = Reshape y s; z = bn f 12; out z", 1,
          REASON_VARIES_INSIDE, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void scales_that_constants_compute_are_known(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 11; in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; floats a 1,1; floats b 1.5,2; s = Concat a b axis=0; "
          "fill e 0 0; r = Resize c e s mode=linear; z = bn r 4; out z",
          0, 0, NULL, 0 },
        { "opset 11; in x 2,3,4,6; init w 4,3,1,1; c = Conv x w; ints a 1,1,1,1; f = Cast a to=1; floats b 2,2,1,1; "
          "g = Div f b; floats k 1,1,0.5,1; h = Mul k b; s = Mul g h; fill e 0 0; "
          "r = Resize c e s mode=nearest; z = bn r 4; out z",
          0, 0, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void batchnorm_7_per_element_of_rank_2_is_per_channel(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 8; in x 2,3; init w 3,5; init c 5; y = Gemm x w c; z = bn y 5 spatial=0; out z", 0, 0, "Gemm", 0 },
        { "opset 7; in x 5,5; init w 5,5; init c 5; y = Gemm x w c; z = bn y 5 spatial=0; out z", 0, 0, "Gemm", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void quantized_weights_of_transposed_convolutions_take_a_scale(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,4,5,7; init8 q 4,6,2,2; init s 6; w = DequantizeLinear q s axis=1; y = ConvTranspose x w; "
          "z = bn y 6; out z",
          0, 0, NULL, 0 },
        { "in x 2,4,5,7; init8 q 4,6,2,2; init s 4; w = DequantizeLinear q s axis=0; y = ConvTranspose x w; "
          "z = bn y 6; out z",
          1, REASON_QUANTIZED, NULL, 0 },
        { "in x 2,4,5,7; init8 q 4,3,2,2; init s 3; w = DequantizeLinear q s axis=1; y = ConvTranspose x w group=2; "
          "z = bn y 6; out z",
          1, REASON_QUANTIZED, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_is_copied_must_be_known(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 5,3,6; in i 2 int64; init w 6,4; r = Relu x; y = bn r 3; g = Gather y i axis=1; z = MatMul g w; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,6,4; in i 3 int64; init w 6,6,1; a = Conv x w; g = Gather a i axis=1; z = bn g 3; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,6; in i 1 int64; j = Squeeze i; r = Relu x; y = bn r 3; g = Gather y j axis=1; init w 6,4; z = "
          "MatMul g w; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,6; in i 2,2 int64; init w 4,3,1,1; a = Conv x w; g = Gather a i axis=2; z = bn g 4; out z", 0, 0,
          "Conv Gather", 0 },
        { "in x 2,3,?,?; q = Squeeze x; in i 1 int64; y = bn q 3; g = Gather y i axis=-1; init w 4,3,1,1; z = Conv g "
          "w; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,3,4,4; init w 4,3,1,1; a = Conv x w; n = Neg a; ints i 0,1; g = Gather n i axis=2; z = bn1 g 4; out "
          "z",
          0, 0, "Conv Gather", 0 },
        { "in x 3,2,4,5; in i 2,1 int64; r = Relu x; y = bn r 2; g = GatherND y i; init w 4,2,1,1; z = Conv g w; out z",
          0, 0, "Relu GatherND Conv", 0 },
        { "in x 3,3,4,5; in i 2,2 int64; r = Relu x; y = bn r 3; g = GatherND y i; out g", 1, REASON_NON_LINEAR, NULL,
          0 },
        { "in x 3,3,4,5; in i ?,? int64; r = Relu x; y = bn r 3; g = GatherND y i; out g", 1, REASON_AXIS_NOT_PROVEN,
          NULL, 0 },
        { "in x 3,3,4,5; in i 3,3,1 int64; r = Relu x; y = bn r 3; g = GatherND y i batch_dims=1; out g", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 3,3,4,5; in i 2,1 int64; init w 4,3,1,1; a = Conv x w; n = Neg a; g = GatherND n i; z = bn1 g 4; out z",
          0, 0, "Conv GatherND", 0 },
        { "in x 2,3,?,?; q = Squeeze x; ints s 2,3,1,1; e = Expand q s; z = bn e 3; out z", 1, REASON_AXIS_NOT_PROVEN,
          NULL, 0 },
        { "in x 2,1,4,5; init w 1,1,1,1; a = Conv x w; ints s 2,3,1,1; e = Expand a s; z = bn e 3; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,1,4,5; init w 1,1,1,1; a = Conv x w; ints s 2,3,1,1; e = Expand a s; z = bn1 e 3; out z", 0, 0,
          "Conv Expand", 0 },
        { "in x 2,?,4; ints t 1,2,1; e = Tile x t; z = bn e 4; out z", 1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,2,4; init w 2,2,1; a = Conv x w; ints t 1,2,1; e = Tile a t; z = bn e 4; out z", 1, REASON_NON_LINEAR,
          NULL, 0 },
        { "in x 2,2,4; r = Relu x; y = bn r 2; ints t 1,2,3; e = Tile y t; init w 4,4,1; z = Conv e w; out z", 0, 0,
          "Relu Tile Conv", 0 },
        { "in x 5,3,2; in n 3 int64; r = Relu x; y = bn r 3; t = ReverseSequence y n time_axis=0 batch_axis=1; init w "
          "2,3,1; z = Conv t w; out z",
          0, 0, "Relu ReverseSequence Conv", 0 },
        { "in x 3,5,2; in n 3 int64; r = Relu x; y = bn r 5; t = ReverseSequence y n time_axis=1 batch_axis=0; init w "
          "2,5,1; z = Conv t w; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; n = Neg c; t = Expand n s; ints s 2,2,4,4,5; z = Sigmoid t; out "
          "z",
          0, 0, "Conv Expand Sigmoid", 0 },
        { "in x 2,3,4; init w 4,3,1; c = Conv x w; n = Neg c; t = Tile n s; ints s 1,2,1; z = Sigmoid t; out z", 0, 0,
          "Conv Tile Sigmoid", 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; ints i -1,0,-2,1; g = Gather c i axis=-3; z = bn g 4; out z", 0,
          0, "Conv Gather", 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; ints i -1,0; g = Gather y i axis=-3; init w 4,2,1,1; z = Conv g w; "
          "out z",
          0, 0, "Relu Gather Conv", 0 },
        { "broken; in x 2,3,4,5; r = Relu x; y = bn r 3; ints i 1,3; g = Gather y i axis=1; init w 4,2,1,1; z = Conv g "
          "w; out z",
          1, REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,4,5; r = Relu x; y = bn r 3; ints i -4; j = Squeeze i; g = Gather y j axis=1; out g", 1,
          REASON_MISMATCH, NULL, 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; ints i -1; j = Squeeze i; g = Gather y j axis=1; init w 2,4,1; z = "
          "Conv g w; out z",
          0, 0, "Relu Squeeze Gather Conv", 0 },
        { "in x 2,3,4; init w 4,3,1; c = Conv x w; ints i 0,0; g = Gather c i axis=1; z = bn g 2; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4; init w 4,3,1; c = Conv x w; ints i 0,0; g = Gather c i axis=1; z = bn1 g 2; out z", 0, 0,
          "Conv Gather", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* What is flattened afterwards has a parameter for each field and each feature. */
static void a_table_of_several_fields_takes_what_is_alike_in_all(void **state)
{
#define NORM8 "fill m 8 0.5; fill v 8 2; z = BatchNormalization f s t m v; out z"
    static const struct fold_case cases[] = {
        { "in i N,2 int64; init w 7,4; g = Gather w i; f = Flatten g; floats s 1,-2,0,0.5,1,-2,0,0.5; floats t "
          "1,-2,3,0.25,1,-2,3,0.25; " NORM8,
          0, 0, "Gather Flatten", 0 },
        { "opset 9; in i N,2 int64; init w 7,4; g = Gather w i; f = Flatten g; floats s 1,-2,0,0.5,1,-2,0,0.5; floats "
          "t "
          "1,-2,3,0.25,1,-2,3,0.25; " NORM8,
          0, 0, "Gather Flatten", 0 },
        { "in i N,4 int64; init w 7,2; g = Gather w i; f = Flatten g; floats s 1,-2,1,-2,1,-2,1,-2; floats t "
          "1,3,1,3,1,3,1,3; " NORM8,
          0, 0, "Gather Flatten", 0 },
        { "in i N,4 int64; init w 7,2; g = Gather w i; f = Flatten g; floats s 1,1,-2,-2,1,1,-2,-2; floats t "
          "1,3,1,3,1,3,1,3; " NORM8,
          1, REASON_VARIES_INSIDE, NULL, 0 },
        { "in i N,2 int64; init w 7,4; g = Gather w i; f = Flatten g; z = bn f 8; out z", 1, REASON_VARIES_INSIDE, NULL,
          0 },
        { "in i N,2 int64; init w 7,4; g = Gather w i; f = Flatten g; z = bn f 8; init k 8,3; y = MatMul z k; out y", 0,
          0, "Gather Flatten MatMul Add", 0 },
        { "in i N int64; in j N int64; init w 7,4; g = Gather w i; h = Gather w j; f = Concat g h axis=1; z = bn f 8; "
          "out z",
          0, 0, "Gather Gather Concat", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* Each reader of what a table gives has a table then, if nothing simpler is left: where the other reader takes the
 * inverse there is one. */
static void a_table_that_others_read_through_the_gather_is_copied(void **state)
{
    static const struct fold_case cases[] = {
        { "in i N int64; init w 7,4; g = Gather w i; a = bn g 4; b = bn g 4; p = Relu a; q = Relu b; out p; out q", 0,
          0, "Gather Gather Relu Relu", 0 },
        { "opset 9; in i N int64; init w 7,4; g = Gather w i; a = bn g 4; p = Relu a; q = Exp g; out p; out q", 0, 0,
          "Gather Gather Relu Exp", 0 },
        { "in i N,3 int64; init w 7,4; g = Gather w i; t = Transpose g perm=0,2,1; a = bn t 4; b = Sigmoid g; p = Relu "
          "a; out p; out b",
          0, 0, "Gather Gather Transpose Sigmoid Relu", DTYPE_DOUBLE },
        { "in i N int64; init w 7,4; g = Gather w i; a = bn0 g 4; p = Relu a; out p; out g", 0, 0, "Gather Gather Relu",
          DTYPE_FLOAT16 },
        { "in i N int64; init w 7,4; g = Gather w i; a = bn g 4; init k 4,3; b = MatMul g k; p = Relu a; out p; out b",
          0, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; a = bn c 4; p = Relu a; q = Exp c; out p; out q", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "in i N int64; in w 7,4; g = Gather w i; a = bn g 4; p = Relu a; q = Exp g; out p; out q", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,7; init w 5,3; y = MatMul w x; z = bn0 y 5; r = Relu z; q = Exp y; out r; out q", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_that_others_read_through_the_gather_is_copied),
        cmocka_unit_test(a_table_of_several_fields_takes_what_is_alike_in_all),
        cmocka_unit_test(gather_picks_elsewhere),
        cmocka_unit_test(repetition_along_other_axes_passes),
        cmocka_unit_test(negative_pads_only_cut),
        cmocka_unit_test(parameters_inside_a_channel_have_their_own_reason),
        cmocka_unit_test(scales_that_constants_compute_are_known),
        cmocka_unit_test(batchnorm_7_per_element_of_rank_2_is_per_channel),
        cmocka_unit_test(quantized_weights_of_transposed_convolutions_take_a_scale),
        cmocka_unit_test(what_is_copied_must_be_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
