/* SPDX-License-Identifier: Apache-2.0
 *
 * Shifts under zero padding: where they are one number a channel after all, and the planes that they are otherwise. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const shift_map = "shift-map";
static const struct bnfuse_fuse_options maps = { .fold_limit = 1 << 28, .enabled = { &shift_map, 1 } };
static const struct bnfuse_fuse_options small = { .fold_limit = 1 << 8, .enabled = { &shift_map, 1 } };

static void one_position_is_one_number_a_channel(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,3,3; r = Relu x; b = bn r 3; init w 4,3,5,5; c = Conv b w pads=1,1,1,1; s = Sigmoid c; out s", 0, 0,
          "Relu Conv Sigmoid", 0 },
        { "in x N,3,2; r = Relu x; b = bn r 3; init w 4,3,2; init a 4; c = Conv b w a pads=1,1 strides=3,; s = Sigmoid "
          "c; "
          "out s",
          0, 0, "Relu Conv Sigmoid", 0 },
        { "in x N,3,2; r = Relu x; b = bn r 3; init w 4,3,2; init a 4; c = Conv b w a pads=1,1 strides=2,; s = Sigmoid "
          "c; out s",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "in x N,4,1,1; r = Relu x; b = bn r 4; init w 6,2,3,3; c = Conv b w group=2 auto_pad=SAME_UPPER; "
          "s = Sigmoid c; out s",
          0, 0, "Relu Conv Sigmoid", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void an_average_of_the_whole_plane_is_one_number_a_channel(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=1,1,1,1; g = GlobalAveragePool c; "
          "f = Flatten g; init v 4,2; z = Gemm f v; out z",
          0, 0, "Relu Conv GlobalAveragePool Flatten Gemm", 0 },
        { "in x N,3,5,7; r = Relu x; b = bn r 3; init w 3,2,2,2; c = ConvTranspose b w strides=2,2; "
          "m = ReduceMean c axes=-1,2 keepdims=0; init v 2,2; z = Gemm m v; out z",
          0, 0, "Relu ConvTranspose ReduceMean Gemm", 0 },
        { "in x 2,4,5,7; r = Relu x; b = bn r 4; init w 4,3,3,2; c = ConvTranspose b w group=2 strides=2,1 "
          "dilations=1,2 pads=1,0,0,1; g = GlobalAveragePool c; d = bn g 6; init v 2,6,1,1; z = Conv d v; out z",
          0, 0, "Relu ConvTranspose GlobalAveragePool Conv", 0 },
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=0,2,1,0 strides=2,1 dilations=1,2; "
          "g = GlobalAveragePool c; init v 2,4,1,1; z = Conv g v; out z",
          0, 0, "Relu Conv GlobalAveragePool Conv", 0 },
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,4; c = Conv b w auto_pad=SAME_LOWER strides=2,2; "
          "g = GlobalAveragePool c; init v 2,4,1,1; z = Conv g v; out z",
          0, 0, "Relu Conv GlobalAveragePool Conv", 0 },
        /* Every window reads padding alone, so that no shift is left for what may not be renamed. */
        { "in x 2,5,1; b = bn x 5; init w 3,5,1; init l 3; c = Conv b w l pads=1,2 strides=2,; z = GlobalAveragePool "
          "c; out z",
          0, 0, "Conv GlobalAveragePool", 0 },
        /* Along one axis only, through a Relu, read by others, or of unknown size it is none. */
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=1,1,1,1; "
          "g = ReduceMean c axes=2,; init v 2,4,1,1; z = Conv g v; out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=1,1,1,1; q = Relu c; "
          "g = GlobalAveragePool q; init v 2,4,1,1; z = Conv g v; out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=1,1,1,1; "
          "g = GlobalAveragePool c; init v 2,4,1,1; z = Conv g v; out z; out c",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,H,W; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=1,1,1,1; "
          "g = GlobalAveragePool c; init v 2,4,1,1; z = Conv g v; out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_plane_is_added_on_request(void **state)
{
    static const struct fold_case cases[] = {
        { "in x N,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=1,1,1,1; s = Sigmoid c; out s", 0, 0,
          "Relu Conv Add Sigmoid", 0 },
        { "in x 2,4,5,7; r = Relu x; b = bn r 4; init w 4,3,3,3; c = ConvTranspose b w group=2 strides=2,2 "
          "pads=1,1,1,1; "
          "out c",
          0, 0, "Relu ConvTranspose Add", 0 },
        { "in x 2,3,9; r = Relu x; b = bn r 3; init w 4,3,3; init a 4; c = Conv b w a auto_pad=SAME_UPPER strides=2,; "
          "s = Sigmoid c; out s",
          0, 0, "Relu Conv Add Sigmoid", 0 },
        { "in x 2,3,4,5,3; r = Relu x; b = bn r 3; init w 4,3,3,2,3; c = Conv b w pads=1,0,1,1,1,1; s = Sigmoid c; out "
          "s",
          0, 0, "Relu Conv Add Sigmoid", DTYPE_DOUBLE },
        { "in x 2,3,5,W; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=1,1,1,1; s = Sigmoid c; out s", 1,
          REASON_PADDED_SHIFT, NULL, 0 },
    };
    static const struct fold_case too_large[] = {
        { "in x N,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=1,1,1,1; s = Sigmoid c; out s", 1,
          REASON_PADDED_SHIFT, NULL, 0 },
    };
    (void)state;
    RUN(cases, &maps);
    RUN(too_large, &small);
}

/* The Conv takes a scale on its output and the inverse of the one upstream on its input, whose shift becomes a
 * plane. */
static void a_plane_is_of_the_weights_that_are_there_in_the_end(void **state)
{
    static const struct fold_case cases[] = {
        { "in x N,4; init u 4,64; m = MatMul x u; ints p -1,4,4,4; v = Reshape m p; init w 4,4,2,3; init b 4; "
          "c = Conv v w b pads=1,0,0,2; d = bn v 4; e = bn c 4; a = Add e d; z = bn a 4; out z",
          0, 0, NULL, 0 },
        { "in x N,4; init u 4,64; m = MatMul x u; ints p -1,4,4,4; v = Reshape m p; init w 4,4,2,3; init b 4; "
          "c = Conv v w b pads=1,0,0,2; d = bn+ v 4; e = bn+ c 4; a = Add e d; z = bn+ a 4; out z",
          0, 0, NULL, 0 },
        { "in x 2,3; init u 3,4; v = MatMul x u; init w 4,4; c = MatMul v w; d = bn v 4; a = Add c d; z = bn a 4; out "
          "z",
          0, 0, NULL, 0 },
    };
    (void)state;
    RUN(cases, &maps);
}

static void the_axes_of_an_average_may_be_an_input(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 18; in x 2,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=1,1,1,1; ints a 3,2; g = "
          "ReduceMean c a; init v 2,4,1,1; z = Conv g v; out z",
          0, 0, "Relu Conv ReduceMean Conv", 0 },
        { "opset 18; in x 2,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=1,1,1,1; in a 2 int64; g "
          "= ReduceMean c a; init v 2,4,1,1; out g",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,5,7; r = Relu x; b = bn r 3; init w 4,3,3,3; c = Conv b w pads=1,1,1,1; g = ReduceMean c axes=1,2; "
          "init v 2,1,1,1; z = Conv g v; out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "broken; gone w; in x 2,3,3,3; r = Relu x; b = bn r 3; init w 4,3,5,5; c = Conv b w pads=1,1,1,1; s = "
          "Sigmoid c; out s",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "broken; gone v; in x 2,4,5; r = Relu x; y = bn r 4; t = Transpose y perm=0,2,1; init v 2,4,3; z = MatMul t "
          "v; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_plane_needs_broadcasting_and_finite_sums(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 6; ir 3; in x 2,3,4,5; r = Relu x; y = bn r 3 is_test=1; init w 4,3,3,3; z = Conv y w pads=1,1,1,1; "
          "out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,4,5; r = Relu x; fill s 3 1; fill b 3 3e38; fill m 3 0; fill v 3 1; y = BatchNormalization r s b m "
          "v; fill w 4,3,3,3 2; z = Conv y w pads=1,1,1,1; out z",
          1, REASON_NOT_FINITE, NULL, 0 },
    };
    (void)state;
    RUN(cases, &maps);
}

static void maps_are_made_of_plain_convolutions_alone(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 1,3,4,4; y = bn x 3; init w 3,4,3,3; z = ConvTranspose y w auto_pad=VALID; out z", 0, 0,
          "ConvTranspose Add", 0 },
        { "in x 1,3,4,4; y = bn x 3; init w 3,4,3,3; z = ConvTranspose y w auto_pad=SAME_UPPER; out z", 1,
          REASON_PADDED_SHIFT, "BatchNormalization ConvTranspose", 0 },
        { "opset 19; in x 1,3,4,4; y = bn x 3; init w 4,3,1,1; in o 1,2,4,4; z = DeformConv y w o; out z", 1,
          REASON_PADDED_SHIFT, "BatchNormalization DeformConv", 0 },
        { "in x 1,3,4,4; y = bn x 3; init8 q 4,3,3,3; fill s 3 0.1; w = DequantizeLinear q s axis=1; z = Conv y w "
          "pads=1,1,1,1; out z",
          1, REASON_PADDED_SHIFT, "BatchNormalization DequantizeLinear Conv", 0 },
        { "in x 1,3,4,4; y = bn x 3; init w 4,3,3,3; c = Conv y w pads=1,1,1,1; m = ReduceMean c axes=1,2; out m", 0, 0,
          "Conv Add ReduceMean", 0 },
        { "in x 1,1,70,70; y = bn x 1; init w 16,1,61,61; z = Conv y w pads=40,40,40,40; out z", 1, REASON_PADDED_SHIFT,
          "BatchNormalization Conv", 0 },
    };
    (void)state;
    RUN(cases, &maps);
}

static void only_an_average_over_all_positions_takes_the_map(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 1,3,4,4; y = bn x 3; init w 4,3,3,3; c = Conv y w pads=1,1,1,1; m = ReduceMean c axes=1,2; out m", 1,
          REASON_PADDED_SHIFT, "BatchNormalization Conv ReduceMean", 0 },
        { "opset 18; in x 1,3,4,4; y = bn x 3; init w 4,3,3,3; c = Conv y w pads=1,1,1,1; in a 2 int64; m = ReduceMean "
          "c a; out m",
          1, REASON_PADDED_SHIFT, "BatchNormalization Conv ReduceMean", 0 },
        { "opset 18; in x 1,3,4,4; y = bn x 3; init w 4,3,3,3; c = Conv y w pads=1,1,1,1; ints a 2,3; m = ReduceMean c "
          "a; out m",
          1, REASON_PADDED_SHIFT, "BatchNormalization Conv ReduceMean", 0 },
        { "in x 1,3,4,4; y = bn x 3; init w 4,3,3,3; c = Conv y w pads=1,1,1,1; m = ReduceMean c axes=-1,-2; out m", 1,
          REASON_PADDED_SHIFT, "BatchNormalization Conv ReduceMean", 0 },
        { "in x 1,3,4,4; y = bn x 3; init w 4,3,3,3; c = Conv y w pads=1,1,1,1; m = GlobalAveragePool c; s = Sigmoid "
          "c; out m; out s",
          1, REASON_PADDED_SHIFT, "BatchNormalization Conv GlobalAveragePool Sigmoid", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_position_is_one_number_a_channel),
        cmocka_unit_test(an_average_of_the_whole_plane_is_one_number_a_channel),
        cmocka_unit_test(a_plane_is_added_on_request),
        cmocka_unit_test(a_plane_is_of_the_weights_that_are_there_in_the_end),
        cmocka_unit_test(the_axes_of_an_average_may_be_an_input),
        cmocka_unit_test(a_plane_needs_broadcasting_and_finite_sums),
        cmocka_unit_test(maps_are_made_of_plain_convolutions_alone),
        cmocka_unit_test(only_an_average_over_all_positions_takes_the_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
