/* SPDX-License-Identifier: Apache-2.0
 *
 * A BatchNormalization beside a Conv of the same value goes into its center taps; one whose value others read goes
 * upstream when they can take the inverse. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void center_taps_take_a_sibling(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,4,5,7; init w 4,4,3,3; c = Conv x w pads=1,1,1,1; b = bn x 4; z = Add c b; out z", 0, 0, "Conv", 0 },
        { "in x 4,4,4,4; init w 4,4,1,1; init a 4; c = Conv x w a; b = bn x 4; z = Add b c; out z", 0, 0, "Conv", 0 },
        { "in x 2,4,5,7; init w 4,2,3,5; c = Conv x w group=2 pads=1,2,1,2; b = bn x 4; z = Add c b; out z", 0, 0,
          "Conv", 0 },
        { "in x 2,4,5,7; init w 4,1,3,3; c = Conv x w group=4 auto_pad=SAME_UPPER; b = bn x 4; z = Add c b; out z", 0,
          0, "Conv", 0 },
        { "in x 2,4,5,7; init w 4,4,2,4; c = Conv x w auto_pad=SAME_LOWER; b = bn x 4; z = Add c b; out z", 0, 0,
          "Conv", 0 },
        { "in x 2,4,5,7; init w 4,4,2,4; c = Conv x w auto_pad=SAME_UPPER; b = bn x 4; z = Add c b; out z", 0, 0,
          "Conv", 0 },
        { "in x 2,4,9; init w 4,4,3; c = Conv x w dilations=2, pads=2,2; b = bn x 4; z = Add c b; out z", 0, 0, "Conv",
          0 },
        { "in x 2,4,9; init w 4,4,3; c = Conv x w dilations=2, pads=4,0; b = bn x 4; z = Add c b; out z", 0, 0, "Conv",
          0 },
        { "in x 2,4,5,7; r = Relu x; init w 4,4,3,3; init v 4,4,1,1; c = Conv r w pads=1,1,1,1; d = bn c 4; "
          "e = Conv r v; f = bn e 4; g = bn r 4; h = Add d f; z = Add h g; out z",
          0, 0, "Relu Conv Conv Add", 0 },
        { "in x 2,4,5,7; r = Relu x; init w 4,4,3,3; c = Conv r w pads=1,1,1,1; s = Sigmoid r; g = bn r 4; "
          "z = Sum s g c; out z",
          0, 0, NULL, 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; c = Conv x w pads=1,1,1,1; b = bn x 4; z = Add c b; out z", 0, 0, "Conv",
          DTYPE_DOUBLE },
        { "opset 15; in x 2,4,5,7; init w 4,4,3,3; c = Conv x w pads=1,1,1,1; b = bn x 4; z = Add c b; out z", 0, 0,
          "Conv", DTYPE_FLOAT16 },
        { "in x 2,4,5,7; init w 4,4,3,3; init a 4; c = Conv x w a pads=1,1,1,1; b = bn x 4; s = Sub c b; out s", 0, 0,
          "Conv", 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; init a 4; c = Conv x w a pads=1,1,1,1; b = bn x 4; s = Sub b c; out s", 0, 0,
          "Conv", 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; init k 4,1,1; c = Conv x w pads=1,1,1,1; b = Mul k x; s = Add b c; out s", 0,
          0, "Conv", 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; fill k 1 3; c = Conv x w pads=1,1,1,1; b = Mul k x; s = Sub b c; out s", 0, 0,
          "Conv", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* A MatMul has no bias: the shift stays in the sum that is there. */
static void products_take_a_sibling_on_their_diagonal(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,5; init w 5,5; init c 5; g = Gemm x w c alpha=0.5 beta=2.0; b = bn x 5; z = Add g b; out z", 0, 0,
          "Gemm", 0 },
        { "in x 2,5; init w 5,5; g = Gemm x w transB=1; b = bn x 5; z = Add b g; out z", 0, 0, "Gemm", 0 },
        { "in x 2,5; init w 5,5; init c 2,5; g = Gemm x w c; b = bn x 5; z = Sub b g; out z", 0, 0, "Gemm", 0 },
        { "in x 2,5; init w 5,5; g = Gemm x w; b = bn x 5; z = Sub g b; out z", 0, 0, "Gemm", 0 },
        { "in x 2,5; init w 5,5; m = MatMul x w; b = bn x 5; z = Add m b; out z", 0, 0, "MatMul Add", 0 },
        { "in x 2,5; init w 5,5; m = MatMul x w; b = bn x 5; z = Sub m b; out z", 0, 0, "MatMul Sub", 0 },
        { "in x 2,5; init w 5,5; m = MatMul x w; b = bn0 x 5; z = Sub b m; out z", 0, 0, "MatMul", 0 },
        { "in x 5,5; init w 5,5; init k 5; m = MatMul x w; n = Add m k; b = bn x 5; z = Add n b; out z", 0, 0,
          "MatMul Add", 0 },
        { "in x 2,3,5; init w 5,5; init k 5; m = MatMul x w; b = Mul x k; z = Add m b; out z", 0, 0, "MatMul", 0 },
        { "in x 2,4,5; init w 4,4; m = MatMul w x; b = bn x 4; z = Add m b; out z", 0, 0, "MatMul Add", 0 },
        { "in x 3,2,5; init w 3,5,5; init k 5; m = MatMul x w; b = Mul x k; z = Sum m b; out z", 0, 0, "MatMul", 0 },
        { "in x 1,2,5; init w 3,5,5; init k 5; m = MatMul x w; b = Mul x k; z = Add m b; out z", 0, 0, "MatMul", 0 },
        /* The channels are others, the matrix is not square, it is read elsewhere, or the shift has no place. */
        { "in x 5,5,5; init w 5,5; m = MatMul x w; b = bn x 5; z = Add m b; out z", 1, 0, NULL, 0 },
        { "in x 2,5; init w 5,1; g = Gemm x w; b = bn x 5; z = Add g b; out z", 1, 0, NULL, 0 },
        { "in x 2,5; init w 5,5; g = Gemm x w; b = bn x 5; z = Add g b; out z; out g", 1, 0, NULL, 0 },
        { "in x 2,5; init w 5,5; m = MatMul x w; b = bn x 5; z = Sub b m; out z", 1, 0, NULL, 0 },
        { "in x 5,5; init w 5,5; g = Gemm x w transA=1; b = bn x 5; z = Add g b; out z", 1, 0, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_sibling_that_does_not_fit_stays_out(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,4,5,7; init w 4,4,3,3; c = Conv x w pads=1,1,1,1; b = bn x 4; z = Add c b; out z; out c", 1, 0, NULL,
          0 },
        { "in x 2,4,5,7; init w 4,4,2,2; c = Conv x w pads=0,0,1,1; b = bn x 4; z = Add c b; out z", 0, 0, "Conv", 0 },
        { "in x 2,4,9; init w 4,4,3; c = Conv x w dilations=2, pads=1,3; b = bn x 4; z = Add c b; out z", 1, 0, NULL,
          0 },
        { "in x 2,4,1,1; init w 4,4,3,3; c = Conv x w pads=1,1,1,1 strides=2,2; b = bn x 4; z = Add c b; out z", 1, 0,
          NULL, 0 },
        { "in x 2,4,5,7; in u 2,4,5,7; init w 4,4,3,3; c = Conv u w pads=1,1,1,1; b = bn x 4; z = Add c b; out z", 1, 0,
          NULL, 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; init v 4,4,1,1; c = Conv x w pads=1,1,1,1; d = Conv x v; e = Add c d; b = bn "
          "x 4; "
          "s = Sub b e; out s",
          1, 0, NULL, 0 },
        { "in x 2,4,5,7; in w 4,4,3,3; c = Conv x w pads=1,1,1,1; b = bn x 4; z = Add c b; out z", 1, 0, NULL, 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; c = Conv x w pads=1,1,1,1; b = bn x 4; z = Add c b; y = Relu b; out z; out y",
          1, 0, NULL, 0 },
        { "in x 2,4,1,1; init w 4,4,1,1; c = Conv x w pads=0,0,1,1; b = bn x 4; z = Add c b; out z", 1, 0, NULL, 0 },
        { "in x 2,1,5,7; init w 4,1,3,3; c = Conv x w pads=1,1,1,1; b = bn x 1; z = Add c b; out z", 1, 0, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void other_readers_take_the_inverse(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; init v 2,4,1,1; init u 5,4,3,3; c = Conv x w; b = bn c 4; r = Relu b; "
          "y = Conv r u pads=1,1,1,1; z = Conv c v strides=2,2; out y; out z",
          0, 0, "Conv Relu Conv Conv", 0 },
        { "in x 2,3; init w 3,4; init v 4,2; init a 2; c = Gemm x w; b = bn c 4; r = Relu b; z = Gemm c v a; out r; "
          "out z",
          0, 0, "Gemm Relu Gemm", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 2,4,3,3; c = Conv x w; b = bn c 4; r = Relu b; "
          "z = Conv c v pads=1,1,1,1; out r; out z",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 2,4,3,3; c = Conv x w; b = bn0 c 4; r = Relu b; "
          "z = Conv c v pads=1,1,1,1; out r; out z",
          0, 0, "Conv Relu Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 2,4,1,1; c = Conv x w; floats s 1,0,2,-1; init t 4; fill m 4 0; "
          "fill k 4 1; b = BatchNormalization c s t m k; r = Relu b; z = Conv c v; out r; out z",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 2,4,1,1; c = Conv x w; floats s 1,0.0005,2,-1; init t 4; fill m 4 0; "
          "fill k 4 1; b = BatchNormalization c s t m k; r = Relu b; z = Conv c v; out r; out z",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 2,4,1,1; c = Conv x w; b = bn c 4; r = Relu b; s = Sigmoid c; out r; "
          "out s",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 2,4,1,1; c = Conv x w; b = bn c 4; r = Relu b; z = Conv c v; out r; "
          "out z; out c",
          1, REASON_GRAPH_OUTPUT, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 2,4,1,1; init u 3,4,1,1; c = Conv x w; b = bn c 4; r = Relu b; "
          "z = Conv c v; t = Transpose c perm=0,2,3,1; init q 4,2; y = MatMul t q; init e 2; f = Add y e; out r; out "
          "z; "
          "out f",
          0, 0, NULL, 0 },
        { "in x 3,3; init w 3,4; init v 4,2; c = Gemm x w; b = bn c 4; z = Gemm c v; d = MatMul c v; e = Sigmoid b; "
          "out e; out z; out d",
          0, 0, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void shift_and_scale_part_ways_at_a_skip(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; init v 4,4,3,3; init u 5,4,3,3; c = Conv x w; b = bn+ c 4; r = Relu b; "
          "d = Conv r v pads=1,1,1,1; a = Add d c; e = bn+ a 4; f = Relu e; y = Conv f u pads=1,1,1,1; out y",
          0, 0, "Conv Relu Conv Add Relu Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 4,4,3,3; init u 5,4,3,3; c = Conv x w; b = bn+ c 4; r = Relu b; "
          "d = Conv r v pads=1,1,1,1; a = Add c d; e = bn+ a 4; f = Relu e; y = Conv f u pads=1,1,1,1; out y",
          0, 0, "Conv Relu Conv Add Relu Conv", 0 },
        /* The other reader leads back to the BatchNormalization itself. */
        { "in x 2,3,5,7; init w 2,3,1,1; c = Conv x w; k = Concat c c axis=1; b = bn k 4; r = Sigmoid b; out r", 1, 0,
          NULL, 0 },
        /* Of two blocks with scales of both signs the BatchNormalization behind the last goes: the other takes 1/s
         * in. */
        { "in x 2,3,5,7; init w 4,3,1,1; init v 4,4,3,3; init u 5,4,3,3; c = Conv x w; b = bn c 4; r = Relu b; "
          "d = Conv r v pads=1,1,1,1; a = Add d c; e = bn a 4; f = Relu e; y = Conv f u pads=1,1,1,1; out y",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 4,4,3,3; init g 4,1,1; c = Conv x w; b = bn+ c 4; r = LeakyRelu b "
          "alpha=.1; d = Conv r v pads=1,1,1,1; a = Add d c; e = bn+ a 4; f = PRelu e g; y = Conv f v; out y",
          0, 0, "Conv LeakyRelu Conv Add PRelu Conv", 0 },
        /* The skip is an output: nobody takes the shift out of it. */
        { "in x 2,3,5,7; init w 4,3,1,1; init v 4,4,3,3; c = Conv x w; b = bn+ c 4; r = Relu b; "
          "d = Conv r v pads=1,1,1,1; a = Add d c; out a",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        /* Behind a sigmoid neither part goes on. */
        { "in x 2,3,5,7; init w 4,3,1,1; init v 4,4,3,3; c = Conv x w; b = bn+ c 4; r = Sigmoid b; "
          "d = Conv r v pads=1,1,1,1; a = Add d c; e = bn+ a 4; f = Sigmoid e; out f",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        /* 1/s would multiply the rounding of the weights. */
        { "in x 2,3,5,7; init w 4,3,1,1; init v 4,4,3,3; c = Conv x w; floats s 1,0.0005,2,1; init t 4; fill m 4 0; "
          "fill k 4 1; b = BatchNormalization c s t m k; r = Relu b; d = Conv r v; p = Sigmoid c; out d; out p",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void a_sibling_that_is_not_known_stays_out(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 3,3,1,1; in b 3; r = Relu x; y = bn r 3; c = Conv r w b; z = Add c y; out z", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,5,5; r = Sigmoid x; init m 5,1; init w 3,3,1,1; y = Mul r m; c = Conv r w; z = Add c y; out z", 0,
          0, "Sigmoid Mul Conv Add", 0 },
        { "in x 2,3,?,5; r = Sigmoid x; fill m 1 2; init w 3,3,1,1; y = Mul r m; c = Conv r w; z = Add c y; out z", 0,
          0, "Sigmoid Conv", 0 },
        { "in x 2,3,?; q = Squeeze x; init w 3,3,1; y = Mul q m; fill m 1 2; c = Conv q w; z = Add c y; out z", 0, 0,
          "Squeeze Conv", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void products_take_a_sibling_where_they_can(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3; init w 3,3; r = Sigmoid x; y = bn r 3; c = Gemm r w alpha=0.0; z = Add c y; out z", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3; init w 3,3; init b 2,3; r = Sigmoid x; y = bn r 3; c = Gemm r w b beta=0.5; z = Add c y; out z", 0,
          0, "Sigmoid Gemm", 0 },
        { "in x 2,3; init w 3,3; in b 3; r = Sigmoid x; y = bn r 3; c = Gemm r w b; z = Add c y; out z", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3; init w 3,3; r = Sigmoid x; y = bn r 3; c = MatMul r w; z = Sub y c; out z", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3; init w 3,3; r = Sigmoid x; y = bn r 3; c = MatMul r w; z = Sub c y; out z", 0, 0,
          "Sigmoid MatMul Sub", 0 },
        { "in x 2,3; init w 3,3; r = Sigmoid x; y = bn0 r 3; c = MatMul r w; z = Sub y c; out z", 0, 0,
          "Sigmoid MatMul", 0 },
        { "in x 3,3; init w 3,3; r = Sigmoid x; y = bn r 3; c = MatMul w r; z = Add c y; out z", 1,
          REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,3; init w 2,3,3; r = Sigmoid x; t = Transpose r perm=0,2,1; y = bn t 3; c = MatMul t w; z = Add c "
          "y; out z",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,5,3; init w 3,3; r = Sigmoid x; fill k 3 2; y = Mul r k; c = MatMul r w; z = Add c y; out z", 0, 0,
          "Sigmoid MatMul", 0 },
        { "in x 2,3; init w 3,3; r = Sigmoid x; y = bn r 3; c = MatMul r w; d = Add c y; e = Sigmoid c; out d; out e",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,5,5; init w 3,3,3,3; r = Sigmoid x; y = bn r 3; c = Conv r w auto_pad=VALID; z = Sigmoid c; out z; "
          "out y",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,5,5; init w 3,3,1,1; r = Sigmoid x; y = bn r 3; c = Conv r w auto_pad=VALID; z = Add c y; out z", 0,
          0, "Sigmoid Conv", 0 },
        { "in x 2,3,5,5; init w 3,3,3,3; r = Sigmoid x; y = bn r 3; c = Conv r w pads=0,0,2,2; z = Add c y; out z", 0,
          0, "Sigmoid Conv", 0 },
        { "in x 2,3,5,5; init w 3,3,3,3; r = Sigmoid x; y = bn r 3; c = Conv r w pads=2,2,2,2 dilations=2,2; z = Add c "
          "y; out z",
          0, 0, "Sigmoid Conv", 0 },
        { "in x 2,3,5,5; init w 3,3,2,2; r = Sigmoid x; y = bn r 3; c = Conv r w pads=1,1,1,1 dilations=2,2; z = Add c "
          "y; out z",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
        { "in x 2,3,5,5; init w 3,3,3,3; init v 3,3,1,1; r = Sigmoid x; y = bn r 3; c = Conv r w pads=1,1,1,1; d = "
          "Conv r v; e = Add c d; z = Add e y; out z",
          0, 0, "Sigmoid Conv Conv Add", 0 },
        { "in x 2,3,5,5; init w 3,3,1,1; init k 1,3,5,5; r = Sigmoid x; y = bn r 3; c = Conv r w; e = Add c k; z = Add "
          "e y; out z",
          0, 0, "Sigmoid Conv Add", 0 },
        { "in x 2,3,5,5; init w 3,3,1,1; r = Sigmoid x; fill s 3 1e38; fill b 3 3e38; fill m 3 0; fill v 3 1; y = "
          "BatchNormalization r s b m v; fill a 3 3e38; c = Conv r w a; z = Add c y; out z",
          1, REASON_READ_ELSEWHERE, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* Before opset 8 Sum does not broadcast, and before 7 Add only where it says so: the terms have one shape. */
static void terms_of_one_shape_are_added_by_old_operators(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 7; in x 2,3,5,7; init w 3,3,3,3; init b 3; c = Conv x w b pads=1,1,1,1; n = bn x 3; z = Sum n c; out "
          "z",
          0, 0, "Conv", 0 },
        { "opset 7; in x 2,3,5,7; in q 2,3,5,7; init w 3,3,3,3; c = Conv x w pads=1,1,1,1; n = bn x 3; z = Sum q c n; "
          "out z",
          0, 0, "Conv Sum", 0 },
        { "opset 6; ir 3; in x 2,3,5,7; init w 3,3,1,1; c = Conv x w; n = bn x 3 is_test=1; z = Sum n c; out z", 0, 0,
          "Conv", 0 },
        { "opset 6; ir 3; in x 2,3,5,7; init w 3,3,1,1; c = Conv x w; n = bn x 3 is_test=1; z = Add n c; out z", 0, 0,
          "Conv", 0 },
        { "opset 6; ir 3; in x 2,3,5,7; init w 3,3,1,1; c = Conv x w; n = bn x 3 is_test=1; z = Sub n c; out z", 0, 0,
          "Conv", 0 },
        { "opset 5; ir 3; in x 2,3,5,7; init w 3,3,1,1; c = Conv x w; n = bn x 3 is_test=1 consumed_inputs=0,0,0,1,1; "
          "z = Sum n c consumed_inputs=0,0; out z",
          0, 0, "Conv", 0 },
        { "opset 7; in x 2,3,5,7; init w 3,3,3,3; c = Conv x w pads=1,1,1,1; n = bn x 3; z = Sum n c; out z", 0, 0,
          "Conv", DTYPE_FLOAT16 },
        { "opset 7; in x 1,5; init w 4,5; init k 1,4; init b 4; c = Gemm x w b transB=1; s = Sum c k; z = bn s 4; out "
          "z",
          0, 0, "Gemm", 0 },
        { "opset 7; in x 1,3,5,7; init k 1,3,1,1; g = GlobalAveragePool x; s = Sum k g k; n = bn s 3; init w 4,3,1,1; "
          "z "
          "= Conv n w; out z",
          0, 0, NULL, 0 },
        /* The shift that a MatMul has no bias for would have to broadcast. */
        { "opset 7; in x 3,5; init w 5,5; m = MatMul x w; b = bn x 5; z = Sum m b; out z", 1, REASON_NON_LINEAR, NULL,
          0 },
        { "opset 7; in x 3,5; init w 5,5; m = MatMul x w; b = bn0 x 5; z = Sum m b; out z", 0, 0, "MatMul", 0 },
        { "opset 8; in x 3,5; init w 5,5; m = MatMul x w; b = bn x 5; z = Sum m b; out z", 0, 0, "MatMul Sum", 0 },
        { "opset 6; ir 3; in x 3,5; init w 5,5; m = MatMul x w; b = bn x 5 is_test=1; z = Add m b; out z", 1, 0, NULL,
          0 },
    };
    (void)state;
    RUN(cases, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_of_one_shape_are_added_by_old_operators),
        cmocka_unit_test(center_taps_take_a_sibling),
        cmocka_unit_test(products_take_a_sibling_on_their_diagonal),
        cmocka_unit_test(a_sibling_that_does_not_fit_stays_out),
        cmocka_unit_test(other_readers_take_the_inverse),
        cmocka_unit_test(shift_and_scale_part_ways_at_a_skip),
        cmocka_unit_test(a_sibling_that_is_not_known_stays_out),
        cmocka_unit_test(products_take_a_sibling_where_they_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
