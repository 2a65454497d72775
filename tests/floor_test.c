/* SPDX-License-Identifier: Apache-2.0
 *
 * With floors an affine crosses Relu and Clip: the size of the scale and the shift go upstream, the sign downstream. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const floor_ = "floor";
static const struct bnfuse_fuse_options floors = { .fold_limit = 1 << 28, .enabled = { &floor_, 1 } };

static void relu_becomes_a_maximum(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; b = bn r 4; init v 2,4,3,3; z = Conv b v "
          "pads=1,1,1,1; out z",
          0, 0, "Conv Max Conv", 0 },
        { "in x 4,4,4,4; init w 4,4,3,3; init a 4; c = Conv x w a; r = Relu c; z = bn+ r 4; out z", 0, 0, "Conv Max",
          0 },
        { "in x 2,3; init w 3,4; c = Gemm x w; r = Relu c; b = bn r 4; init v 4,5; z = MatMul b v; s = Sigmoid z; out "
          "s",
          0, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; m = MaxPool r kernel_shape=2,2 pads=1,1,1,1; "
          "b = bn m 4; init v 2,4,3,3; z = Conv b v pads=1,1,1,1; out z",
          0, 0, "Conv Max MaxPool Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; fill s 4 0; init t 4; fill m 4 0; fill v 4 1; "
          "b = BatchNormalization r s t m v; init u 2,4,3,3; z = Conv b u; out z",
          0, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; b = bn0 r 4; init u 2,4,3,3; z = Conv b u "
          "pads=1,1,1,1; out z",
          0, 0, "Conv Relu Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; b = bn1 r 4; init u 2,4,3,3; z = Conv b u "
          "pads=1,1,1,1; out z",
          0, 0, NULL, 0 },
        { "opset 8; in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; b = bn r 4; init v 2,4,3,3; z = Conv b v "
          "pads=1,1,1,1; out z",
          0, 0, "Conv Max Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; b = bn r 4; init v 2,4,3,3; z = Conv b v "
          "pads=1,1,1,1; out z",
          0, 0, "Conv Max Conv", DTYPE_DOUBLE },
        { "opset 15; in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; b = bn r 4; init v 2,4,3,3; z = Conv b v "
          "pads=1,1,1,1; out z",
          0, 0, "Conv Max Conv", DTYPE_FLOAT16 },
        { "in x 2,4,5,7; init w 4,1,3,3; c = Conv x w group=4; r = Relu c; b = bn r 4; init v 4,2,3,3; "
          "z = ConvTranspose b v group=2 strides=2,2 pads=1,1,1,1; out z",
          0, 0, "Conv Max ConvTranspose", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 2,3,1,1; c = Conv x w; d = Conv x v; e = Relu c; f = Relu d; "
          "k = Concat e f axis=1; b = bn k 6; init u 2,6,3,3; z = Conv b u pads=1,1,1,1; out z",
          0, 0, NULL, 0 },
        /* A chain of affines goes as one, whatever its signs. */
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; init k 4,1,1; m = Mul r k; init j 4,1,1; a = Add m "
          "j; "
          "init v 2,4,3,3; z = Conv a v pads=1,1,1,1; out z",
          0, 0, "Conv Max Conv", 0 },
        /* Max and Min with one number are Relu and Clip in other words. */
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; fill k 1 0; r = Max k c; b = bn r 4; init v 2,4,3,3; "
          "z = Conv b v pads=1,1,1,1; out z",
          0, 0, "Conv Max Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; fill k 1 .25; r = Min c k; b = bn r 4; init v 2,4,3,3; "
          "z = Conv b v pads=1,1,1,1; out z",
          0, 0, "Conv Min Conv", 0 },
        /* Where a sign cannot go downstream: Max on some channels, Min on the others. */
        { "in x 2,3,5,7; init w 6,3,3,3; c = Conv x w; r = Relu c; b = bn r 6; m = MaxPool b kernel_shape=2,2; init v "
          "2,6,3,3; z = Conv m v pads=1,1,1,1; out z",
          0, 0, "Conv Max Min MaxPool Conv", 0 },
        { "in x 2,3,5,7; init w 6,3,3,3; c = Conv x w; r = Relu c; b = bn r 6; s = Sigmoid b; out s; out b", 0, 0,
          "Conv Max Min Sigmoid", 0 },
        { "in x 2,3,5,7; init w 6,3,3,3; c = Conv x w; fill l 1 -0.25; j = Squeeze l; fill h 1 0.5; i = Squeeze h; "
          "r = Clip c j i; b = bn r 6; s = Sigmoid b; out s",
          0, 0, "Conv Max Min Sigmoid", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = LeakyRelu c; b = bn0 r 4; s = Sigmoid b; out s", 1,
          REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, &floors);
}

static void clip_becomes_a_maximum_and_a_minimum(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; floats l 0; floats h 6; i = Squeeze l; j = Squeeze h; "
          "r = Clip c i j; b = bn r 4; init v 2,4,3,3; z = Conv b v pads=1,1,1,1; out z",
          0, 0, NULL, 0 },
        { "opset 8; in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Clip c min=-0.1 max=0.2; b = bn r 4; "
          "init v 2,4,3,3; z = Conv b v pads=1,1,1,1; out z",
          0, 0, "Conv Max Min Conv", 0 },
        { "opset 10; in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Clip c max=0.2; z = bn+ r 4; out z", 0, 0,
          "Conv Min", 0 },
    };
    (void)state;
    RUN(cases, &floors);
}

static void a_bend_with_a_shift_stays(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = LeakyRelu c alpha=0.1; b = bn r 4; init v 2,4,3,3; "
          "z = Conv b v pads=1,1,1,1; out z",
          1, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = LeakyRelu c alpha=0.1; b = bn0 r 4; init v 2,4,3,3; "
          "z = Conv b v pads=1,1,1,1; out z",
          0, 0, "Conv LeakyRelu Conv", 0 },
        { "opset 7; in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; b = bn r 4; init v 2,4,3,3; z = Conv b v "
          "pads=1,1,1,1; out z",
          1, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; z = bn r 4; out z", 0, 0, "Conv Max Min", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; z = bn+ r 4; out z; out r", 1, REASON_GRAPH_OUTPUT,
          NULL, 0 },
        { "in x 2,3,5,7; r = Relu x; z = bn+ r 3; out z", 1, 0, NULL, 0 },
    };
    static const struct fold_case unasked[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; r = Relu c; z = bn+ r 4; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5,7; in k 2,4,3,5; init w 4,3,3,3; c = Conv x w; r = Max c k; z = bn+ r 4; out z", 1,
          REASON_NO_NEIGHBOR, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init v 4,3,3,3; c = Conv x w; d = Conv x v; r = Max c d; z = bn r 4; out z", 1,
          REASON_NEGATIVE_SCALE, NULL, 0 },
        { "in x 2,3,5,7; init w 8,3,3,3; c = Conv x w; d e = Split c axis=1; r = Max d e; z = bn+ r 4; out z", 0, 0,
          "Conv Split Max", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; c = Conv x w; fill k 1 0.1; fill l 1 0.5; r = Max k c; q = Min r l; z = bn+ q "
          "4; out z",
          0, 0, "Conv Max Min", 0 },
    };
    (void)state;
    RUN(cases, &floors);
    RUN(unasked, NULL);
}

static void bounds_must_be_known_and_bound_something(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,4,5; init w 4,3,1,1; a = Conv x w; g = Clip a l h; fill l 1 0.9; fill h 1 0.1; z = bn+ g 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; a = Conv x w; in l 1; g = Clip a l; z = bn+ g 4; out z", 1, REASON_NON_LINEAR,
          NULL, 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; a = Conv x w; in h 1; g = Clip a _ h; z = bn+ g 4; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; a = Conv x w; g = Clip a; z = bn+ g 4; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; a = Conv x w; fill l 1 -1e39; fill h 1 3.4028234e38; g = Clip a l h; z = bn+ "
          "g 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "opset 10; in x 2,3,4,5; init w 4,3,1,1; a = Conv x w; g = Clip a min=0.1 max=0.5; z = bn g 4; out z", 0, 0,
          "Conv Max Min", 0 },
        { "opset 6; ir 3; in x 2,3,4,5; init w 4,3,1,1; a = Conv x w; g = Clip a min=0.1 max=0.5; z = bn+ g 4 "
          "is_test=1; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "opset 6; ir 3; in x 2,3,4,5; init w 4,3,1,1; a = Conv x w; g = Relu a; z = bn+ g 4 is_test=1; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,?,?; q = Squeeze x; r = Relu q; z = bn+ r 3; out z", 1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "broken; in x 2,3,4,5; u = custom:Mystery x; g = Clip u; z = bn+ g 3; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "broken; gone l; in x 2,3,4,6; init w 4,3,1,1; a = Conv x w; fill l 1 0.5; g = Clip a l; z = bn+ g 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, &floors);
}

static void a_maximum_of_several_has_them_all_under_the_affine(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,4,5; init w 4,3,1,1; init v 4,3,1,1; a = Conv x w; b = Conv x v; g = Max a b; z = bn+ g 4; out z",
          0, 0, "Conv Conv Max", 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; init v 4,3,1,1; init u 4,3,1,1; a = Conv x w; b = Conv x v; c = Conv x u; g = "
          "Min a b c; z = bn+ g 4; out z",
          0, 0, "Conv Conv Conv Min", 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; init k 4,1,5; a = Conv x w; g = Max a k; z = bn+ g 4; out z", 0, 0, "Conv Max",
          0 },
        { "in x 2,3,4,5; init w 4,3,1,1; init k 5; a = Conv x w; g = Max a k; z = bn1 g 4; out z", 0, 0, "Conv Max",
          0 },
        { "in x 2,3,4,5; init w 4,3,1,1; fill k 1 0.25; a = Conv x w; g = Max k a; z = bn+ g 4; out z", 0, 0,
          "Conv Max", 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; init v 1,3,1,1; a = Conv x w; b = Conv x v; g = Max a b; z = bn+ g 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; init k 4,1,5; a = Conv x w; g = Max a k; z = bn g 4; out z", 1,
          REASON_NEGATIVE_SCALE, NULL, 0 },
        { "in x 2,3,4,5; init w 4,3,1,1; fill k 1,1,1,1,1 0.25; a = Conv x w; g = Max k a; h = Squeeze g e; ints e 0; "
          "z = bn+ h 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,?,?; q = Squeeze x; in k 2,3,2,2; g = Max q k; z = bn+ g 3; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "broken; in x 2,3,4,5; u = custom:Mystery x; v = custom:Mystery x; g = Max u v; z = bn+ g 3; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "broken; gone k; in x 2,3,4,6; init w 4,3,1,1; a = Conv x w; fill k 1 0.5; g = Max a k; z = bn+ g 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, &floors);
}

static void a_bound_may_leave_its_type(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 15; in x 2,3,4,5; init w 4,3,1,1; a = Conv x w; fill l 1 50000; g = Clip a l; fill s 4 2; fill b 4 0; "
          "fill m 4 0; fill v 4 1; z = BatchNormalization g s b m v epsilon=0.0; out z",
          1, REASON_NOT_FINITE, NULL, DTYPE_FLOAT16 },
        { "opset 15; in x 2,3,4,5; init w 4,3,1,1; a = Conv x w; fill l 1 -50000; fill h 1 0.25; g = Clip a l h; fill "
          "s 4 0.5; fill b 4 0; fill m 4 0; fill v 4 1; z = BatchNormalization g s b m v epsilon=0.0; out z",
          0, 0, "Conv Max Min", DTYPE_FLOAT16 },
    };
    (void)state;
    RUN(cases, &floors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relu_becomes_a_maximum),
        cmocka_unit_test(clip_becomes_a_maximum_and_a_minimum),
        cmocka_unit_test(a_bend_with_a_shift_stays),
        cmocka_unit_test(bounds_must_be_known_and_bound_something),
        cmocka_unit_test(a_maximum_of_several_has_them_all_under_the_affine),
        cmocka_unit_test(a_bound_may_leave_its_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
