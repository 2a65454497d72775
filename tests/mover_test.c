/* SPDX-License-Identifier: Apache-2.0
 *
 * Affines cross what orders, joins, parts, averages, pads, adds and multiplies: each channel takes its own part, and
 * what is not known of sizes, ranks or constants keeps the BatchNormalization, for the reason that says so. A Squeeze
 * without axes of an input of open sizes has no known rank. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void what_says_where_to_is_not_what_is_moved(void **state)
{
    static const struct fold_case cases[] = {
        { "in u 2,3,4,4; in x 4,2; r = Sigmoid x; y = bn r 2; k = Reshape y s; ints s 8; floats f 1,1,2,2; g = Resize "
          "u k f mode=linear; out g",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "opset 16; in u 2,1,4,4; in x 2,3,3,2; r = Sigmoid x; y = bn r 3; g = GridSample u y; out g", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in u 2,3,4,4; in x 1,1; r = Sigmoid x; y = bn r 1; k = Reshape y s; ints s 1; ints p 0,0,1,1,0,0,1,1; g = "
          "Pad u p k; out g",
          1, REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_pad_value_that_would_overflow_stays(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 15; in x 2,3,4,6; init w 4,3,1,1; a = Conv x w; ints p 0,0,1,1,0,0,1,2; fill k 1 60000; g = Pad a p "
          "k; fill s 4 2; fill b 4 0; fill m 4 0; fill v 4 1; z = BatchNormalization g s b m v epsilon=0.0; out z",
          1, REASON_PADDED_SHIFT, NULL, DTYPE_FLOAT16 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void an_affine_that_cannot_be_taken_along_is_crossed(void **state)
{
    static const struct fold_case cases[] = {
        /* One number for all channels, over a plane that no Conv holds. */
        { "in x 2,3,6; init w 1,3,2; a = Conv x w; init k 1,1,5; b = Add k a; ints s 2,1,1,5; r = Reshape b s; z = bn "
          "r 1; out z",
          0, 0, "Conv Add Reshape", 0 },
        { "in x 2,3,6; init w 4,3,2; a = Conv x w; init k 1,1,5; b = Mul a k; init l 1,1,5; c = Sub l b; z = bn1 c 4; "
          "out z",
          0, 0, "Conv Mul Sub", 0 },
        /* The mean over padding takes a scale only; the constant takes the shift. */
        { "opset 11; in x 2,3,6,6; init w 4,3,1,1; a = Conv x w; p = AveragePool a kernel_shape=3,3 pads=1,1,1,1 "
          "count_include_pad=1; init k 4,1,1; b = Add p k; z = bn b 4; out z",
          0, 0, "Conv AveragePool Add", 0 },
        { "opset 11; in x 2,3,6,6; init w 4,3,1,1; a = Conv x w; p = AveragePool a kernel_shape=3,3 pads=1,1,1,1 "
          "count_include_pad=1; init k 4,1,1; b = Sub k p; init l 4,1,1; c = Sub b l; init m 4,1,1; d = Mul c m; z = "
          "bn d 4; out z",
          0, 0, NULL, 0 },
        /* Nothing takes the shift. */
        { "opset 11; in x 2,3,6,6; init w 4,3,1,1; a = Conv x w; p = AveragePool a kernel_shape=3,3 pads=1,1,1,1 "
          "count_include_pad=1; init k 4,1,1; b = Mul p k; z = bn b 4; out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        /* Downstream: the scale, or the shift, past a plane. */
        { "in x 2,3,5; r = Relu x; y = bn0 r 3; init k 1,1,5; m = Mul k y; init w 4,3,2; z = Conv m w pads=1,1; out z",
          0, 0, "Relu Mul Conv", 0 },
        { "in x 2,1,5; r = Relu x; y = bn0 r 1; ints s 2,1,1,5; q = Reshape y s; init k 5; m = Div q k; init w "
          "4,1,1,2; z = Conv m w; out z",
          0, 0, "Relu Reshape Div Conv", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void constants_that_are_added_take_the_inverse(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,6,6; r = Relu x; y = bn r 3; init k 3,1,1; a = Add y k; init w 4,3,3,3; z = Conv a w pads=1,1,1,1; "
          "out z",
          0, 0, "Relu Add Conv", 0 },
        { "in x 2,3,6; r = Relu x; y = bn r 3; init k 1,6,3; t = Transpose y perm=0,2,1; a = Sub k t; init w 3,4; z = "
          "MatMul a w; out z",
          0, 0, "Relu Transpose Sub MatMul", 0 },
        { "in x 2,3,6; r = Relu x; y = bn r 3; init k 1,3,6; a = Sub y k; init w 4,3,3; z = Conv a w pads=1,1; out z",
          0, 0, "Relu Sub Conv", 0 },
        { "in x 2,3,6; r = Relu x; y = bn r 3; init k 2,3,6; init l 3,1; a = Sum k y l; init w 4,3,3; z "
          "= "
          "Conv a w; out z",
          0, 0, "Relu Sum Conv", 0 },
        { "in x 2,3,6; r = Relu x; y = bn1 r 3; init k 6; fill m 1 0.5; a = Sum m k y; init w 4,3,3; z = Conv a w "
          "pads=1,1; out z",
          0, 0, NULL, 0 },
        { "in x 2,3; in u 2,4; r = Relu x; y = bn r 3; init w 3,4; m = MatMul y w; init k 4; z = Sum u m k; out z", 0,
          0, "Relu MatMul Sum", 0 },
        /* Nothing to divide by; nothing that has all the channels; a branch that is no constant; a weight too large. */
        { "in x 2,3,6; r = Relu x; fill s 3 0; init b 3; init m 3; fill v 3 1; y = BatchNormalization r s b m v; init "
          "k "
          "2,3,6; a = Add y k; init w 4,3,3; z = Conv a w; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,6; r = Relu x; y = bn r 3; init k 6; a = Add y k; init w 4,3,3; z = Conv a w; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,6; in k 2,3,6; r = Relu x; y = bn r 3; a = Add y k; init w 4,3,3; z = Conv a w; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "opset 15; in x 2,3,6; r = Relu x; fill s 3 0.01; init b 3; init m 3; fill v 3 1; y = BatchNormalization r s "
          "b m v; fill k 2,3,6 60000; a = Add y k; init w 4,3,3; z = Conv a w; out z",
          1, REASON_NOT_FINITE, NULL, DTYPE_FLOAT16 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_product_of_computed_factors_takes_the_scale_in_one(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,6; in g 2,6,5; init w 4,3,1; y = Conv x w; m = MatMul y g; z = bn0 m 4; out z", 0, 0, "Conv MatMul",
          0 },
        { "in x 2,3,6; init g 6,5; init w 4,3,1; y = Conv x w; m = MatMul y g; z = bn m 4; out z", 0, 0,
          "Conv MatMul Add", 0 },
        { "in x 6,3; in g 6,6; init w 3,4; h = MatMul x w; m = MatMul g h; init b 4; a = Add m b; z = bn a 4; out z", 0,
          0, "MatMul MatMul Add", 0 },
        { "in x N,3,6,L; in g 5,6,6; init w 5,3,1,1; y = Conv x w; m = MatMul g y; z = bn m 5; out z", 0, 0,
          "Conv MatMul Add", 0 },
        { "in x 2,3,4,5; in g 2,5,5; init w 8,3,1,1; y = Conv x w; ints s 2,2,4,4,5; q = Reshape y s; m = Einsum q g "
          "equation=nkctv,kvw->nctw; z = bn m 4; out z",
          0, 0, "Conv Reshape Einsum Add", 0 },
        { "in x 2,3,6; in g 2,6,5; r = Relu x; y = bn0 r 3; m = MatMul y g; init w 4,3,2; z = Conv m w pads=1,1; out z",
          0, 0, "Relu MatMul Conv", 0 },
        { "in x 2,3,6; in g 2,6,5; r = Relu x; y = bn0 r 3; m = Einsum y g equation=ncv,nvw->ncw; init w 4,3,2; z = "
          "Conv m w pads=1,1; out z",
          0, 0, "Relu Einsum Conv", 0 },
        /* Summed over, on either side; a vector, which has one axis only; a shift, downstream. */
        { "in x 2,3,4; in g 2,4,4; init w 4,3,1; y = Conv x w; m = MatMul y g; t = Transpose m perm=0,2,1; z = bn t 4; "
          "out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 4,4; in g 4,4; init w 4,4; y = MatMul g x; t = Transpose y perm=1,0; z = bn t 4; out z", 1,
          REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 3,3,3; in g 3,3,3; r = Relu x; y = bn0 r 3; t = Transpose y perm=0,2,1; m = MatMul t g; init w 4,3,2; "
          "z "
          "= Conv m w pads=1,1; out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 3,3,3; in g 3,3,3; r = Relu x; y = bn0 r 3; m = MatMul g y; init w 4,3,2; z = Conv m w pads=1,1; out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 3,3,3; in g 3; r = Relu x; y = bn0 r 3; t = Transpose y perm=0,2,1; m = MatMul t g; init w 3,4; z = "
          "Gemm "
          "m w; out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 3,3,3; in g 3; r = Relu x; y = bn0 r 3; m = MatMul y g; init w 3,4; z = Gemm m w; out z", 1,
          REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 3,3,3; in g 3; r = Relu x; y = bn0 r 3; t = Transpose y perm=1,0,2; m = MatMul t g; init w 3,4; z = "
          "Gemm "
          "m w; out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 3,3; in g 3,3,3; r = Relu x; y = bn0 r 3; v = ReduceMean y axes=0, keepdims=0; m = MatMul g "
          "v; "
          "init w 3,4; z = Gemm m w; out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 2,1,6; in g 2,3,6; r = Relu x; y = bn0 r 1; m = Einsum y g equation=ncv,ncv->ncv; init w 4,3,2; z = "
          "Conv "
          "m w pads=1,1; out z",
          0, 0, "Relu Einsum Conv", 0 },
        { "in x 3,3,3; in g 3,3,3; r = Relu x; y = bn r 3; m = MatMul y g; init w 4,3,2; z = Conv m w; out z", 1,
          REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 2,3,6; in g 2,3,6; r = Relu x; y = bn0 r 3; m = Einsum y g equation=ncv,ncw->nvw; init w 4,6,2; z = "
          "Conv "
          "m w; out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void branches_of_a_concat_take_their_channels(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; init v 2,3,1,1; a = Conv x w; b = Conv x v; c = Concat a b axis=-3; z = bn c "
          "6; out z",
          0, 0, "Conv Conv Concat", 0 },
        { "in x 2,3,5,7; r = Relu x; y = bn r 3; c = Concat y axis=1; init w 4,3,1,1; z = Conv c w; out z", 0, 0,
          "Relu Concat Conv", 0 },
        { "in x 2,3,5,7; r = Relu x; y = bn r 3; c = Concat y axis=2; init w 4,3,1,1; z = Conv c w; out z", 0, 0,
          "Relu Concat Conv", 0 },
        { "in x 2,3,?,?; q = Squeeze x; r = Squeeze x; c = Concat q r axis=1; z = bn c 6; out z", 1,
          REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,3,?,?; q = Squeeze x; r = Squeeze x; c = Concat q r axis=-3; z = bn c 6; out z", 1,
          REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,3,?,?; q = Squeeze x; r = Squeeze x; y = bn q 3; c = Concat y r axis=-3; init w 4,6,1,1; z = Conv c "
          "w; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,3,?,?; q = Squeeze x; r = Squeeze x; y = bn q 3; c = Concat y r axis=1; init w 4,6,1,1; z = Conv c "
          "w; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "broken; in x 2,3,4,4; in u 2,3,?,?; t = Squeeze u; init w 4,3,1,1; a = Conv x w; c = Concat a t axis=1; z = "
          "bn c 3; out z",
          1, REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,4,4; in u 2,3,4; init w 4,3,1,1; init v 2,3,1; a = Conv x w; b = Conv u v; c = Concat a b "
          "axis=1; z = bn c 8; out z",
          1, REASON_MISMATCH, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void parts_of_a_split_take_their_channels(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; a = Conv x w; b = Split a axis=2; z = bn b 4; out z", 0, 0, "Conv Split", 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; p q = Split y axis=2; init w 4,3,1,1; init v 2,3,1,1; a = Conv p w; b "
          "= Conv q v; out a; out b",
          0, 0, "Relu Split Conv Conv", 0 },
        { "in x 2,4,?,?; q = Squeeze x; p r = Split q axis=1; z = bn p 2; out z; out r", 1, REASON_AXIS_NOT_PROVEN,
          NULL, 0 },
        { "in x 2,4,?,?; q = Squeeze x; p r = Split q axis=1; z = bn r 2; out z; out p", 1, REASON_AXIS_NOT_PROVEN,
          NULL, 0 },
        { "in x 2,4,?,?; q = Squeeze x; p r = Split q axis=-3; z = bn r 2; out z; out p", 1, REASON_AXIS_NOT_PROVEN,
          NULL, 0 },
        { "in x 2,4,?,?; q = Squeeze x; y = bn q 4; p r = Split y axis=-3; init w 3,2,1,1; a = Conv p w; b = Conv r w; "
          "out a; out b",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "broken; in x 2,4,5,5; in s 2 int64; r = Relu x; y = bn r 4; p q = Split y s axis=1; init w 3,2,1,1; a = "
          "Conv p w; out a; out q",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_slice_keeps_some_channels(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,6,5,7; r = Relu x; y = bn r 6; ints s 1; ints e 6; ints p 1; ints t 2; b = Slice y s e p t; init w "
          "4,3,1,1; z = Conv b w; out z",
          0, 0, "Relu Slice Conv", 0 },
        { "in x 2,6,5,7; r = Relu x; y = bn r 6; ints s -2; ints e -7; ints p -3; ints t -2; b = Slice y s e p t; init "
          "w 4,3,1,1; z = Conv b w; out z",
          0, 0, "Relu Slice Conv", 0 },
        { "in x 2,6,5,7; r = Relu x; y = bn r 6; ints s 1; ints e 4; ints p 2; b = Slice y s e p; init w 4,6,1,1; z = "
          "Conv b w; out z",
          0, 0, "Relu Slice Conv", 0 },
        { "in x 2,6,5,7; r = Relu x; y = bn r 6; ints s 0,1; ints e 2,4; b = Slice y s e; init w 4,3,1,1; z = Conv b "
          "w; out z",
          0, 0, "Relu Slice Conv", 0 },
        { "in x 2,6,5,7; r = Relu x; y = bn1 r 6; n = Neg y; ints s 1; ints e 4; ints p 1; b = Slice n s e p; init w "
          "4,3,1,1; z = Conv b w; out z",
          0, 0, "Relu Slice Conv", 0 },
        { "opset 9; in x 2,6,5,7; r = Relu x; y = bn r 6; b = Slice y starts=1, ends=4, axes=1,; init w 4,3,1,1; z = "
          "Conv b w; out z",
          0, 0, "Relu Slice Conv", 0 },
        { "in x 2,6,5,7; init w 6,6,1,1; a = Conv x w; ints s 5; ints e -7; ints p 1; ints t -2; b = Slice a s e p t; "
          "z = bn b 3; out z",
          0, 0, "Conv Slice", 0 },
        { "in x 2,6,5,7; init w 6,6,1,1; a = Conv x w; ints s -9; ints e 9; ints p 1; ints t 4; b = Slice a s e p t; z "
          "= bn b 2; out z",
          0, 0, "Conv Slice", 0 },
        { "in x 2,6,5,7; in s 1 int64; init w 4,6,1,1; a = Conv x w; ints e 4; ints p 3; b = Slice a s e p; z = bn b "
          "4; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,6,5,7; in p 1 int64; init w 4,6,1,1; a = Conv x w; ints s 0; ints e 4; b = Slice a s e p; z = bn b "
          "4; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,6,5,7; in t 1 int64; init w 4,6,1,1; a = Conv x w; ints s 0; ints e 4; ints p 1; b = Slice a s e p "
          "t; z = bn b 4; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,6,?,?; q = Squeeze x; y = bn q 6; ints s 1; ints e 4; ints p -3; b = Slice y s e p; init w 4,3,1,1; "
          "z = Conv b w; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,6,?,?; q = Squeeze x; y = bn q 6; ints s 1; ints e 4; ints p 1; b = Slice y s e p; init w 4,3,1,1; z "
          "= Conv b w; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,2,5,7; in e 1 int64; r = Relu x; y = bn r 2; ints s -9; ints p 1; b = Slice y s e p; init m 2,1,1; z "
          "= Mul b m; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "broken; in x 2,6,5,7; r = Relu x; y = bn r 6; ints s 0,2; ints e 4,6; ints p 1,1; b = Slice y s e p; init w "
          "4,3,1,1; z = Conv b w; out z",
          1, REASON_MISMATCH, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void blocks_move_between_depth_and_space(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,12,2,3; r = Relu x; y = bn1 r 12; d = DepthToSpace y blocksize=2; init w 4,3,1,1; z = Conv d w; out "
          "z",
          0, 0, "Relu DepthToSpace Conv", 0 },
        { "in x 2,12,2,3; r = Relu x; y = bn r 12; d = DepthToSpace y blocksize=2; init w 4,3,1,1; z = Conv d w; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,12,2,3; r = Relu x; floats s 1,2,-3,1,2,-3,1,2,-3,1,2,-3; floats b 1,0,-1,1,0,-1,1,0,-1,1,0,-1; fill "
          "m 12 0; fill v 12 1; y = BatchNormalization r s b m v; d = DepthToSpace y blocksize=2; init w 4,3,1,1; z = "
          "Conv d w; out z",
          0, 0, "Relu DepthToSpace Conv", 0 },
        { "in x 2,12,2,3; r = Relu x; floats s 1,1,1,1,2,2,2,2,-3,-3,-3,-3; floats b 0,0,0,0,2,2,2,2,1,1,1,1; fill m "
          "12 0; fill v 12 1; y = BatchNormalization r s b m v; d = DepthToSpace y blocksize=2 mode=CRD; init w "
          "4,3,1,1; z = Conv d w; out z",
          0, 0, "Relu DepthToSpace Conv", 0 },
        { "in x 2,12,2,3; r = Relu x; floats s 1,1,1,1,2,2,2,2,-3,-3,-3,-3; floats b 0,0,0,0,2,2,2,2,1,1,1,1; fill m "
          "12 0; fill v 12 1; y = BatchNormalization r s b m v; d = DepthToSpace y blocksize=2; init w 4,3,1,1; z = "
          "Conv d w; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,6; init w 3,3,1,1; a = Conv x w; d = SpaceToDepth a blocksize=2; floats s "
          "1,2,-3,1,2,-3,1,2,-3,1,2,-3; floats b 1,0,-1,1,0,-1,1,0,-1,1,0,-1; fill m 12 0; fill v 12 1; z = "
          "BatchNormalization d s b m v; out z",
          0, 0, "Conv SpaceToDepth", 0 },
        { "in x 2,3,4,6; init w 3,3,1,1; a = Conv x w; d = SpaceToDepth a blocksize=2; z = bn d 12; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,12,?,?; q = Squeeze x; d = DepthToSpace q blocksize=2; z = bn d 3; out z", 1, REASON_AXIS_NOT_PROVEN,
          NULL, 0 },
        { "in x 2,12,4,6; init w 12,12,1,1; a = Conv x w; n = Neg a; d = DepthToSpace n blocksize=2; z = bn1 d 3; out "
          "z",
          0, 0, "Conv DepthToSpace", 0 },
        { "in x 2,12,4,6; init w 12,12,1,1; a = Conv x w; d = DepthToSpace a blocksize=2; t = Transpose d "
          "perm=0,2,1,3; z = bn t 8; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,6; init w 3,3,1,1; a = Conv x w; d = SpaceToDepth a blocksize=2; t = Transpose d perm=0,2,1,3; z "
          "= bn t 2; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 3,12,4,6; init w 12,12,1,1; a = Conv x w; d = DepthToSpace a blocksize=2; t = Transpose d "
          "perm=1,0,2,3; z = bn t 3; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "broken; in x 2,12,4,6; r = Relu x; y = bn r 12; d = DepthToSpace y blocksize=5; init w 4,3,1,1; z = Conv d "
          "w; out z",
          1, REASON_MISMATCH, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void an_axis_that_is_named_is_followed_without_sizes(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,1,5; init w 4,3,1,1; c = Conv x w; s = Squeeze c a; ints a 2; z = bn s 4; out z", 0, 0,
          "Conv Squeeze", 0 },
        { "in x 2,3,1,5; init w 4,3,1,1; c = Conv x w; s = Squeeze c a; ints a -2; z = bn s 4; out z", 0, 0,
          "Conv Squeeze", 0 },
        { "in x 2,3,5; init w 4,3,1; c = Conv x w; u = Unsqueeze c a; ints a 1; z = bn u 1; out z", 0, 0,
          "Conv Unsqueeze", 0 },
        { "in x 2,3,5; init w 4,3,1; c = Conv x w; u = Unsqueeze c a; ints a -1; z = bn u 4; out z", 0, 0,
          "Conv Unsqueeze", 0 },
        { "in x 2,3,5; init w 4,3,1; c = Conv x w; u = Unsqueeze c a; ints a 0; z = bn u 2; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "broken; in x 2,3,5; init w 4,3,1; c = Conv x w; u = Unsqueeze c a; ints a 7; z = bn u 4; out z", 1,
          REASON_MISMATCH, NULL, 0 },
        { "broken; in x 1,4; init w 4,4; c = Gemm x w; s = Squeeze c a; ints a 0,0; z = bn s 4; out z", 1,
          REASON_MISMATCH, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_transposition_says_where_the_channels_go(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; t = Einsum c equation=abcd->dbca; z = bn t 4; out z", 0, 0,
          "Conv Einsum", 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; n = Neg c; t = Einsum n equation=abcd->abdc; z = bn1 t 4; out z",
          0, 0, "Conv Einsum", 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; t = Einsum y equation=abcd->cbad; init w 4,3,1,1; z = Conv t w; out z",
          0, 0, "Relu Einsum Conv", 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; t = Einsum c equation=abcd->ab; z = bn t 4; out z", 0, 0,
          "Conv Einsum Add", 0 },
        { "in x 4,4,4,5; init w 4,4,1,1; c = Conv x w; t = Einsum c equation=aacd->acd; z = bn t 4; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; in u 2,3; init w 4,3,1,1; c = Conv x w; t = Einsum c u equation=abcd,ae->bcd; z = bn t 4; out "
          "z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 2,3,?,?; q = Squeeze x; t = Transpose q; z = bn t 2; out z", 1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "broken; in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; t = Transpose c perm=0,; z = bn t 2; out z", 1,
          REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,3,4,5; r = Relu x; y = bn r 3; t = Transpose y perm=0,2,1; init w 4,2,1,1; z = Conv t w; "
          "out z",
          1, REASON_MISMATCH, NULL, 0 },
        { "broken; in x 2,6; r = Relu x; y = bn r 6; q = Reshape y s; ints s 2,2,3; t = Transpose q perm=1,0; u = "
          "Reshape t v; ints v 2,6; init w 6,5; z = MatMul u w; out z",
          1, REASON_MISMATCH, NULL, 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; t = Cast c to=7; u = Cast t to=1; z = bn u 4; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x A,B,3; init w 3,4; y = MatMul x w; t = Transpose y perm=1,0,2; r = Reshape t s; ints s -1,4; z = bn r "
          "4; out z",
          0, 0, "MatMul Add Transpose Reshape", 0 },
        { "in x 2,3,A,B; init w 4,3,1,1; y = Conv x w; t = Transpose y perm=0,1,3,2; r = Reshape t s; ints s 0,0,-1; z "
          "= bn r 4; out z",
          0, 0, "Conv Transpose Reshape", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void an_average_leaves_the_channels_alone(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; t = Transpose c perm=0,2,1,3; g = GlobalAveragePool t; u = "
          "Transpose g perm=0,2,1,3; z = bn u 1; out z",
          0, 0, "Conv Transpose GlobalAveragePool Transpose", 0 },
        { "in x 2,4,3,5; init w 6,4,1,1; c = Conv x w; t = Transpose c perm=0,2,1,3; g = AveragePool t "
          "kernel_shape=1,1; u = Transpose g perm=0,2,1,3; z = bn u 6; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; t = Transpose y perm=0,2,1,3; g = GlobalAveragePool t; init w "
          "2,4,1,1; z = Conv g w; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "opset 16; in x 2,3,4,4; in k 2,3,3,2; init w 4,3,1,1; a = Conv x w; t = Transpose a perm=0,2,1,3; g = "
          "GridSample t k; u = Transpose g perm=0,2,1,3; z = bn u 3; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_reduction_keeps_the_channels_it_does_not_reduce(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; ints e 0; g = ReduceSum c e keepdims=1; z = bn g 4; out z", 0, 0,
          "Conv ReduceSum", 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; n = Identity c; g = ReduceSum n noop_with_empty_axes=1; z = bn "
          "g 4; out z",
          0, 0, "Conv ReduceSum", 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; g = ReduceMean c; z = bn g 1; out z", 0, 0, "Conv ReduceMean",
          0 },
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; g = ReduceMean c axes=1,; z = bn g 1; out z", 0, 0,
          "Conv ReduceMean", 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; g = ReduceMean y axes=2,3 keepdims=0; init w 3,4; z = MatMul g w; out "
          "z",
          0, 0, "Relu ReduceMean MatMul Add", 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; g = ReduceMean y axes=0, keepdims=0; init w 4,3; h = Transpose g "
          "perm=1,0,2; init v 3,2; k = Transpose g perm=1,2,0; z = MatMul k v; out z",
          0, 0, "Relu ReduceMean Transpose Transpose MatMul Add", 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; ints a 0,2; g = ReduceSum y a keepdims=0; init w 4,3; z = MatMul w g; "
          "out z",
          0, 0, "Relu ReduceSum MatMul Add", 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; g = ReduceMean y axes=1,; init w 4,1,1,1; z = Conv g w; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,?,5; init w 4,3,1,1; c = Conv x w; ints a 2; g = ReduceSum c a; z = bn0 g 4; out z", 0, 0,
          "Conv ReduceSum", 0 },
        { "in x 2,3,?,5; init w 4,3,1,1; c = Conv x w; ints a 2; g = ReduceSum c a; z = bn g 4; out z", 1,
          REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,3,4,5; in a 1 int64; init w 4,3,1,1; c = Conv x w; g = ReduceSum c a; z = bn0 g 4; out z", 1,
          REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,3,?,?; q = Squeeze x; g = ReduceMean q axes=2,; z = bn g 3; out z", 1, REASON_AXIS_NOT_PROVEN, NULL,
          0 },
        { "broken; in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; g = ReduceMean c axes=4,; z = bn g 4; out z", 1,
          REASON_MISMATCH, NULL, 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; g = ReduceMax c axes=2,; z = bn+ g 4; out z", 0, 0,
          "Conv ReduceMax", 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; c = Conv x w; g = ReduceMin c axes=2, keepdims=0; fill s 4 -1; init b 4; init "
          "m 4; fill v 4 1; z = BatchNormalization g s b m v; out z",
          1, REASON_NEGATIVE_SCALE, NULL, 0 },
        { "in x 2,3,4,5; n = Relu x; y = bn+ n 3; g = ReduceMax y axes=3, keepdims=0; init w 2,3,1; z = Conv g w; out "
          "z",
          0, 0, "Relu ReduceMax Conv", 0 },
        { "in x 2,3,4,5; n = Relu x; y = bn n 3; g = ReduceMin y axes=3, keepdims=0; init w 2,3,1; z = Conv g w; out z",
          1, REASON_NEGATIVE_SCALE, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_comes_in_at_the_borders_is_counted(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,4,4; init w 4,3,1,1; a = Conv x w; floats r 0,0,0,0,1,1,1,1; floats k 1,1,2,2; g = Resize a r k "
          "mode=linear coordinate_transformation_mode=tf_crop_and_resize extrapolation_value=2.0; z = bn g 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,4; init w 4,3,1,1; a = Conv x w; n = Neg a; floats k 1,2,1,1; g = Resize n _ k mode=linear; z = "
          "bn1 g 8; out z",
          0, 0, "Conv Resize", 0 },
        { "opset 9; in x 2,3,4,4; floats k 1,1,2,3; r = Relu x; y = bn r 3; g = Upsample y k; init w 2,3,1,1; z = Conv "
          "g w; out z",
          0, 0, "Relu Upsample Conv", 0 },
        { "opset 10; in x 2,3,4,6; init w 4,3,1,1; a = Conv x w; g = Pad a pads=0,0,1,1,0,0,1,2 value=0.5; fill s 1 "
          "0.125; z = Sub g s; out z",
          0, 0, "Conv Pad Sub", 0 },
        { "opset 10; in x 2,3,4,6; init w 4,3,1,1; a = Conv x w; g = Pad a pads=0,0,1,1,0,0,1,2 value=0.5; fill s 4 2; "
          "fill b 4 1; fill m 4 0; fill v 4 1; z = BatchNormalization g s b m v epsilon=0.0; out z",
          0, 0, "Conv Pad", 0 },
        { "in x 2,3,4,6; init w 4,3,1,1; a = Conv x w; ints p 0,0,1,1,0,0,1,2; fill k 1 0.5; g = Pad a p k; fill s 4 "
          "2; fill b 4 1; fill m 4 0; fill v 4 1; z = BatchNormalization g s b m v epsilon=0.0; out z",
          0, 0, "Conv Pad", 0 },
        { "in x 2,3,4,6; r = Relu x; fill s 3 2; fill b 3 1; fill m 3 0; fill v 3 1; y = BatchNormalization r s b m v "
          "epsilon=0.0; ints p 0,0,1,1,0,0,1,2; g = Pad y p; init w 4,3,1,1; z = Conv g w; out z",
          0, 0, "Relu Pad Conv", 0 },
        { "in x 2,3,4,6; r = Relu x; fill s 3 0; fill b 3 1; fill m 3 0; fill v 3 1; y = BatchNormalization r s b m v "
          "epsilon=0.0; ints p 0,0,1,1,0,0,1,2; g = Pad y p; init w 4,3,1,1; z = Conv g w; out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,4,6; in k 1; init w 4,3,1,1; a = Conv x w; ints p 0,0,1,1,0,0,1,2; g = Pad a p k; z = bn g 4; out "
          "z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,4,6; in p 8 int64; r = Relu x; init w 4,3,1,1; y = bn r 3; g = Pad y p mode=edge; out g", 1,
          REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "opset 18; in x 3,4,4,6; in e 1 int64; init w 4,4,1,1; a = Conv x w; ints p 0,-1; g = Pad a p _ e; z = bn g "
          "4; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "opset 18; in x 2,3,4,6; init w 4,3,1,1; a = Conv x w; ints e -2,-1; ints p 1,1,0,0; g = Pad a p _ e; z = "
          "bn0 g 4; out z",
          0, 0, "Conv Pad", 0 },
        { "opset 18; in x 2,3,?,?; q = Squeeze x; ints e -2,-1; ints p 1,1,0,0; g = Pad q p _ e; z = bn g 3; out z", 1,
          REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "broken; in x 2,3,4,6; init w 4,3,1,1; a = Conv x w; ints p 1,1,1; g = Pad a p; z = bn g 4; out z", 1,
          REASON_MISMATCH, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void branches_share_a_scale(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,4,5; in u 2,4,4,5; init w 4,3,1,1; c = Conv x w; a = Add c u; z = bn a 4; out z", 1,
          REASON_NO_NEIGHBOR, NULL, 0 },
        { "in x 1,1,4,5; in k 2,3,4,5; r = Relu x; fill s 1 1; init b 1; fill m 1 0; fill v 1 1; y = "
          "BatchNormalization r s b m v epsilon=0.0; d = Add y k; init w 4,3,1,1; z = Conv d w; out z",
          0, 0, "Relu Add Conv", 0 },
        { "in x 2,3,4,5; in k 2,3,4,5; fill s 3 1; init b 3; fill m 3 0; fill v 3 1; r = Relu x; y = "
          "BatchNormalization r s b m v epsilon=0.0; d = Sub k y; init w 4,3,1,1; z = Conv d w; out z",
          0, 0, "Relu Sub Conv", 0 },
        { "in x 2,3,?,?; q = Squeeze x; fill s 3 1; init b 3; fill m 3 0; fill v 3 1; in k 2,3,2,2; y = "
          "BatchNormalization q s b m v epsilon=0.0; d = Add y k; init w 4,3,1,1; z = Conv d w; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_product_takes_the_scale_in_one_factor(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,1,4,5; r = Sigmoid x; in k 2,3,4,5; y = bn0 r 1; d = Mul y k; init w 4,3,1,1; z = Conv d w; out z", 0,
          0, "Sigmoid Mul Conv", 0 },
        { "in x 2,3,4,5; r = Sigmoid x; in k 2,3,4,5; y = bn0 r 3; d = Mul k y; init w 4,3,1,1; z = Conv d w; out z", 0,
          0, "Sigmoid Mul Conv", 0 },
        { "in x 2,3,4,5; r = Sigmoid x; in k 2,3,4,5; y = bn0 r 3; d = Div y k; init w 4,3,1,1; z = Conv d w; out z", 0,
          0, "Sigmoid Div Conv", 0 },
        { "in x 2,3,4,5; r = Sigmoid x; in k 2,3,4,5; y = bn0 r 3; d = Div k y; init w 4,3,1,1; z = Conv d w; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; r = Sigmoid x; y = bn0 r 3; d = Mul y y; init w 4,3,1,1; z = Conv d w; out z", 0, 0,
          "Sigmoid Mul Conv", 0 },
        { "broken; in x 2,3,4,5; u = custom.Mystery x; w = custom.Mystery x; d = Mul u w; z = bn d 3; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 3,4,5; r = Sigmoid x; in k 2,3,4,5; t = Reshape r s; ints s 1,3,4,5; y = bn0 t 3; u = Reshape y v; "
          "ints v 3,4,5; d = Mul k u; init w 4,3,1,1; z = Conv d w; out z",
          0, 0, "Sigmoid Reshape Reshape Mul Conv", 0 },
        { "in x 2,3,?,?; q = Squeeze x; in k 2,3,2,2; y = bn0 q 3; d = Mul y k; init w 4,3,1,1; z = Conv d w; out z", 1,
          REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "opset 6; ir 3; in x 2,3,4,5; in k 3; r = Sigmoid x; y = bn0 r 3 is_test=1; d = Mul y k broadcast=1 axis=1; "
          "init w 4,3,1,1; z = Conv d w; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "opset 6; ir 3; in x 2,3,4,5; in k 4; init w 4,3,1,1; c = Conv x w; d = Mul c k broadcast=1 axis=1; z = bn d "
          "4 is_test=1; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "opset 6; ir 3; in x 2,3,4,5; in k 4; init w 4,3,1,1; c = Conv x w; d = Add c k broadcast=1 axis=1; z = bn d "
          "4 is_test=1; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "opset 6; ir 3; in x 2,3,4,5; in k 3; r = Sigmoid x; fill s 3 1; init b 3; fill m 3 0; fill v 3 1; y = "
          "BatchNormalization r s b m v epsilon=0.0 is_test=1; d = Add y k broadcast=1 axis=1; init w 4,3,1,1; z = "
          "Conv d w; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void one_number_for_all_channels_has_no_axis(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3; in v 3,4; init w 3,3; c = MatMul x w; e = Einsum c v equation=ab,bc->ac; ints s 1,8; r = Reshape "
          "e s; z = bn1 r 8; out z",
          0, 0, "MatMul Einsum Add Reshape", 0 },
        { "in x 2,3; init w 3,3; c = MatMul x w; e = Einsum c equation=ab->ba; ints s 1,6; r = Reshape e s; z = bn1 r "
          "6; out z",
          0, 0, "MatMul Add Einsum Reshape", 0 },
        { "in x 2,3; y = bn1 x 3; ints s 3,2; r = Reshape y s; in v 2,4; e = Einsum r v equation=ab,bc->ac; init w "
          "4,2; z = MatMul e w; out z",
          1, REASON_WEIGHT_DYNAMIC, "BatchNormalization Reshape Einsum MatMul", 0 },
        { "in x 2,3; y = bn1 x 3; ints s 3,2; r = Reshape y s; e = Einsum r equation=ab->ba; init w 3,2; z = MatMul e "
          "w; out z",
          0, 0, "Reshape Einsum MatMul Add", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void channels_that_are_cut_off_or_added_are_counted(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 1,4,3,3; init w 4,4,1,1; c = Conv x w; ints p 0,1,0,0,0,0,0,0; d = Pad c p mode=edge; z = bn d 5; out "
          "z",
          1, REASON_NON_LINEAR, "Conv Pad BatchNormalization", 0 },
        { "in x 1,4,3,3; init w 4,4,1,1; c = Conv x w; ints p 0,0,0,0,0,1,0,0; d = Pad c p mode=edge; z = bn d 5; out "
          "z",
          1, REASON_NON_LINEAR, "Conv Pad BatchNormalization", 0 },
        { "in x 1,4,3,3; init w 4,4,1,1; c = Conv x w; ints p 0,0,0,0,0,-1,0,0; d = Pad c p; z = bn d 3; out z", 0, 0,
          "Conv Pad", 0 },
        { "in x 1,4,3,3; init w 4,4,1,1; c = Conv x w; ints p 0,-1,1,0,0,0,0,0; d = Pad c p mode=edge; z = bn d 3; out "
          "z",
          0, 0, "Conv Pad", 0 },
        { "in x 4,3,2,2; y = bn x 3; t = Transpose y perm=1,0,2,3; d = DepthToSpace t blocksize=2; b = Transpose d "
          "perm=1,0,2,3; init w 5,3,1,1; z = Conv b w; out z",
          0, 0, "Transpose DepthToSpace Transpose Conv", 0 },
        { "broken; in x 1,?,4,4; y = bn x 7; d = DepthToSpace y blocksize=2; init w 3,1,1,1; z = Conv d w; out z", 1,
          REASON_MISMATCH, "BatchNormalization DepthToSpace Conv", 0 },
        { "in x 1,3,4,4; init w 4,3,1,1; c = Conv x w; s = Size c; z = bn c 4; out z; out s", 0, 0, "Conv Size", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void an_average_of_padding_takes_no_shift(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 19; in x 1,3,9,9; y = bn x 3; p = AveragePool y kernel_shape=3,3 pads=1,1,1,1 dilations=2,2; init w "
          "4,3,1,1; z = Conv p w; out z",
          1, REASON_PADDED_SHIFT, "BatchNormalization AveragePool Conv", 0 },
        { "in x 1,3,9,9; y = bn x 3; p = AveragePool y kernel_shape=2,2 auto_pad=SAME_UPPER count_include_pad=1; init "
          "w 4,3,1,1; z = Conv p w; out z",
          1, REASON_PADDED_SHIFT, "BatchNormalization AveragePool Conv", 0 },
        { "in x 1,3,9,9; y = bn x 3; p = AveragePool y kernel_shape=2,2 auto_pad=VALID count_include_pad=1; init w "
          "4,3,1,1; z = Conv p w; out z",
          0, 0, "AveragePool Conv", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void outputs_of_a_split_may_be_absent(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 1,4,4,4; y = bn x 4; _ b = Split y axis=1; init w 3,2,1,1; z = Conv b w; out z", 1,
          REASON_AXIS_NOT_PROVEN, "BatchNormalization Split Conv", 0 },
        { "in x 1,4,4,4; y = bn x 4; a _ = Split y axis=1; init w 3,2,1,1; z = Conv a w; out z", 0, 0, "Split Conv",
          0 },
    };
    (void)state;
    RUN(cases, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_says_where_to_is_not_what_is_moved),
        cmocka_unit_test(a_pad_value_that_would_overflow_stays),
        cmocka_unit_test(an_affine_that_cannot_be_taken_along_is_crossed),
        cmocka_unit_test(constants_that_are_added_take_the_inverse),
        cmocka_unit_test(a_product_of_computed_factors_takes_the_scale_in_one),
        cmocka_unit_test(branches_of_a_concat_take_their_channels),
        cmocka_unit_test(parts_of_a_split_take_their_channels),
        cmocka_unit_test(a_slice_keeps_some_channels),
        cmocka_unit_test(blocks_move_between_depth_and_space),
        cmocka_unit_test(an_axis_that_is_named_is_followed_without_sizes),
        cmocka_unit_test(a_transposition_says_where_the_channels_go),
        cmocka_unit_test(an_average_leaves_the_channels_alone),
        cmocka_unit_test(a_reduction_keeps_the_channels_it_does_not_reduce),
        cmocka_unit_test(what_comes_in_at_the_borders_is_counted),
        cmocka_unit_test(branches_share_a_scale),
        cmocka_unit_test(a_product_takes_the_scale_in_one_factor),
        cmocka_unit_test(one_number_for_all_channels_has_no_axis),
        cmocka_unit_test(channels_that_are_cut_off_or_added_are_counted),
        cmocka_unit_test(an_average_of_padding_takes_no_shift),
        cmocka_unit_test(outputs_of_a_split_may_be_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
