/* SPDX-License-Identifier: Apache-2.0
 *
 * Mul, Add, Sub, Div and Neg by constants fold without a BatchNormalization, and stay where a runtime would miss
 * them. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void affines_go_into_the_operator_upstream(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; init k 1,4,1,1; y = Conv x w; z = Mul y k; out z", 0, 0, "Conv", 0 },
        { "in x 4,4,4,4; init w 4,4,3,3; init k 4,1,1; y = Conv x w; z = Div y k; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; init l 4,1,1; y = Conv x w; a = Sub k y; b = Div a l; z = Neg "
          "b; "
          "out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; fill k - 0.5; init l -; y = Conv x w; a = Mul y l; z = Add a l; out z", 0, 0,
          "Conv", 0 },
        { "in x 2,6,5,7; init w 6,2,3,3; init k 4,1,1; y = ConvTranspose x w group=2; z = Mul k y; out z", 0, 0,
          "ConvTranspose", 0 },
        { "in x 2,3; init w 3,5; init k 5; init b 5; y = Gemm x w alpha=0.5; a = Mul y k; z = Sub a b; out z", 0, 0,
          "Gemm", 0 },
        { "in x 2,3,4; init w 4,5; init k 5; y = MatMul x w; z = Mul y k; out z", 0, 0, "MatMul", 0 },
        { "in x 2,3,4; init w 4,5; init k 5; init b 5; y = MatMul x w; a = Add y b; z = Mul a k; out z", 0, 0,
          "MatMul Add", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4; y = Conv x w; t = Transpose y perm=0,2,3,1; z = Mul t k; out z", 0,
          0, "Conv Transpose", 0 },
        { "opset 6; ir 3; in x 2,3,5,7; init w 4,3,3,3; init k 4; y = Conv x w; z = Mul y k axis=1 broadcast=1; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; fill k 1 1; y = Conv x w; z = Mul y k; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; fill k 1,4,1,1 0; init w2 2,4,1,1; y = Conv x w; a = Mul y k; init b 4,1,1; "
          "c = Add a b; z = Conv c w2; out z",
          0, 0, "Conv Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; z = Mul y k; out z", 0, 0, "Conv", DTYPE_DOUBLE },
        { "opset 15; in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; z = Add y k; out z", 0, 0, "Conv",
          DTYPE_FLOAT16 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* k*x + x is (1 + k)*x, whatever affines of x the terms are. */
static void affines_of_one_value_add_up(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; m = Mul y k; z = Add m y; out z", 0, 0, "Conv",
          0 },
        { "in x 4,4,6,6; init w 4,4,3,3; init k 1,4,1,1; y = Conv x w; m = Mul k y; z = Sub m y; out z", 0, 0, "Conv",
          0 },
        { "in x 4,4,6,6; init w 4,4,3,3; init k 1,4,1,1; y = Conv x w; m = Mul k y; z = Sub y m; out z", 0, 0, "Conv",
          0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; init l 4,1,1; y = Conv x w; m = Mul y k; n = Mul y l; z = Add m "
          "n; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; init l -; y = Conv x w; m = Mul y k; n = Div y l; z = Sub n m; "
          "out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; init l 4,1,1; y = Conv x w; m = Mul y k; n = Add y l; z = Add m "
          "n; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; init l 4,1,1; y = Conv x w; m = Mul y k; a = Add m l; z = Sub y "
          "a; r = Relu z; out r",
          0, 0, "Conv Relu", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; m = Mul y k; n = Neg y; z = Sum m y n; out z", 0,
          0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; fill k - -1; init l 4,1,1; y = Conv x w; m = Mul y k; n = Add y l; z = Add m "
          "n; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; m = Mul y k; a = Add m y; z = bn a 4; out z", 0, 0,
          "Conv", 0 },
        { "in x 2,3,5,7; r = Relu x; fill k 1 0; a = Sub r k; s = Sum a r; init w 4,3,3,3; z = Conv s w; out z", 0, 0,
          "Relu Conv", 0 },
        { "in x 2,3,5,7; r = Relu x; fill k 1 1; a = Div r k; init w 4,3,3,3; z = Conv a w; out z", 0, 0, "Relu Conv",
          0 },
        { "in x 2,3,5,7; in y 4,3,3,3; r = Relu y; fill k 1 1; a = Mul r k; z = Conv x a; out z", 0, 0, "Relu Mul Conv",
          0 },
        { "in x 2,3,5,7; r = Relu x; init k 3,1,1; m = Mul r k; a = Add r m; init w 4,3,3,3; z = Conv a w; out z", 0, 0,
          "Relu Conv", 0 },
        { "in x 2,5; init w 5,4; init k 4; y = MatMul x w; m = Mul y k; a = Add y m; out a", 0, 0, "MatMul", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; m = Mul y k; z = Add m y; out z", 0, 0, "Conv",
          DTYPE_DOUBLE },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; m = Mul y k; z = Add m y; out z", 0, 0, "Conv",
          DTYPE_FLOAT16 },
        { "opset 6; ir 3; in x 2,3,5,7; init w 4,3,3,3; init k 4; y = Conv x w; m = Mul y k axis=1 broadcast=1; z = "
          "Add m y; out z",
          0, 0, "Conv", 0 },
        { "opset 7; in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; m = Mul y k; z = Sum m y; out z", 0, 0,
          "Conv", 0 },
        { "in x 2,3,5,7; in q 2,4,3,5; init w 4,3,3,3; init k 4,1,1; y = Conv x w; m = Mul y k; n = Neg y; z = Sum y q "
          "n "
          "m; out z",
          0, 0, "Conv Sum", 0 },
        { "in x 2,3,5,7; r = Relu x; init k 3,1,1; m = Mul r k; a = Sub m r; init w 4,3,3,3; z = Conv a w; out z; out "
          "r",
          0, 0, "Relu Conv", 0 },
        { "in x 2,3,5,7; init k 3,1,1; r = Relu x; m = Mul r k; a = Sub m r; out a", 0, 0, "Relu Mul Sub", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; m = Mul y k; n = Div y k; a = Add m n; z = Sub a "
          "y; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; m = Mul y k; n = Div y k; a = Sub m n; b = Neg a; "
          "c = Add b k; z = Sub y c; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; in q 2,4,3,5; init w 4,3,3,3; init k 4,1,1; y = Conv x w; m = Mul y k; n = Div y k; a = Add m "
          "n; z = Sum y a q y; out z",
          0, 0, "Conv Sum", 0 },
        { "in x 2,3,5,7; r = Relu x; init k 3,1,1; m = Mul r k; n = Div r k; a = Sub m n; b = Add r a; init w 4,3,3,3; "
          "z = Conv b w; out z; out r",
          0, 0, "Relu Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; m = Mul y k; n = Div y k; a = Add m n; b = Mul a "
          "y; out b",
          0, 0, "Conv Mul Div Add Mul", 0 },
        { "in x 2,3,5,5; in q 2,3,5,5; r = Relu x; init k 3,1,1; m = Mul r k; s = Sum m r q; init w 4,3,1,1; z = Conv "
          "s w; "
          "out z",
          0, 0, "Relu Mul Sum Conv", 0 },
        /* What others read stays; so does what the sum alone cannot hold. */
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; m = Mul y k; z = Add m y; q = Exp m; out z; out q",
          0, 0, "Conv Mul Add Exp", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; init l 5; y = Conv x w; m = Mul y k; n = Mul y l; z = Add m n; "
          "out z",
          0, 0, "Conv Mul Mul Add", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; fill k - 60000; y = Conv x w; m = Mul y k; n = Mul y k; z = Add m n; out z", 0,
          0, "Conv Mul Mul Add", DTYPE_FLOAT16 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* x + x is 2x: a root, and an affine on the way of others. */
static void a_value_added_to_itself_is_twice_it(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = Add y y; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = Sum y y; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = Sum y y y y; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; s = Sub y y; z = Add s k; init k 4,1,1; out z", 0, 0, "Conv",
          0 },
        { "opset 6; in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = Add y y; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; a = Add y y; b = Add a a; z = bn b 4; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; b = bn x 3; a = Add b b; z = Conv a w; out z", 0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init v 2,3,1,1; b = bn x 3; a = Add b b; z = Conv a w; q = Conv b v; out z; "
          "out q",
          0, 0, "Conv Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; a = Add y y; c = Concat a y axis=1; z = bn c 8; out z", 1, 0,
          "Conv Add Concat BatchNormalization", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; a = Add y y; z = Relu a; q = Exp y; out z; out q", 0, 0,
          "Conv Add Relu Exp", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; y = Conv x w; z = Add y y; out z", 0, 0, "Conv", DTYPE_FLOAT16 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void affines_go_into_convolutions_downstream(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init m 1,3,1,1; init s 1,3,1,1; init w 4,3,3,3; a = Sub x m; b = Div a s; z = Conv b w; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init m 3,1,1; init s 3,1,1; init w 4,3,3,3; a = Sub x m; b = Div a s; z = Conv b w "
          "pads=1,1,1,1; out z",
          0, 0, "Sub Conv", 0 },
        { "in x 2,3,5,7; fill k 1 255; init m 3,1,1; init s 3,1,1; init w 4,3,3,3; d = Div x k; a = Sub d m; b = Div a "
          "s; z = Conv b w pads=1,1,1,1; out z",
          0, 0, "Sub Conv", 0 },
        { "in x 2,5,7,3; fill k 1 127.5; fill o 1 1; init w 4,3,3,3; d = Div x k; a = Sub o d; t = Transpose a "
          "perm=0,3,1,2; z = Conv t w pads=1,1,1,1; out z",
          0, 0, "Sub Transpose Conv", 0 },
        { "in x 2,3,5,7; init k 3,1,1; init m 3,1,1; init w 4,3,3,3; r = Relu x; d = Mul r k; a = Sub d m; z = Conv a "
          "w pads=1,1,1,1; out z",
          0, 0, "Relu Sub Conv", 0 },
        { "in x 2,5,7,3; init s 3; init w 4,3,3,3; a = Mul x s; t = Transpose a perm=0,3,1,2; z = Conv t w; out z", 0,
          0, "Transpose Conv", 0 },
        { "in x 2,3; init s 3; init w 3,4; a = Mul x s; z = Gemm a w; out z", 0, 0, "Gemm", 0 },
        { "in x 2,3; init s 3; init w 3,4; init b 4; a = Add x s; c = MatMul a w; z = Add c b; out z", 0, 0,
          "MatMul Add", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_is_left_over_is_weighed_for_any_batch(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3; r = Relu x; y = bn r 3; init w 3,4; init b 4; c = MatMul y w; z = Sub c b; out z", 0, 0,
          "Relu MatMul Sub", 0 },
        { "in x N,3,8,8; init w 13,3,1,1; c = Conv x w; m = Relu x; k = Concat c m axis=1; z = bn k 16; out z", 1, 0,
          "Conv Relu BatchNormalization Concat", 0 },
        { "in x N,3; r = Relu x; y = bn r 3; init u 3,40; init v 3,40; init w 3,40; a = MatMul y u; b = MatMul y v; "
          "c = MatMul y w; out a; out b; out c",
          1, REASON_NOT_WORTH, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* Three shifts of 40 at each of two places, and a scale and shift of 3 at each of H. */
static void what_is_left_over_is_weighed_at_sizes_that_are_named(void **state)
{
#define THREE_READERS                                                                                     \
    "in x N,3,H; r = Relu x; y = bn r 3; t = Transpose y perm=0,2,1; ints i 0,1; g = Gather t i axis=1; " \
    "init u 3,40; init v 3,40; init w 3,40; a = MatMul g u; b = MatMul g v; c = MatMul g w; out a; out b; out c"
    static const struct fold_case open[] = { { THREE_READERS, 1, REASON_NOT_WORTH, NULL, 0 } };
    static const struct fold_case folds[] = {
        { THREE_READERS, 0, 0, "Relu Transpose Gather MatMul Add MatMul Add MatMul Add", 0 },
    };
    static const struct bnfuse_dim few = { "H", 2 }, many = { "H", 1000 }, other = { "N", 1000 };
    const struct bnfuse_fuse_options at_few = { .fold_limit = 1 << 28, .dims = &few, .dim_count = 1 };
    const struct bnfuse_fuse_options at_many = { .fold_limit = 1 << 28, .dims = &many, .dim_count = 1 };
    const struct bnfuse_fuse_options at_other = { .fold_limit = 1 << 28, .dims = &other, .dim_count = 1 };
    (void)state;
    RUN(open, NULL);
    RUN(open, &at_few);
    RUN(open, &at_other);
    RUN(folds, &at_many);
}

static void affines_stay_where_they_are_no_affine_or_others_look(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3; init s 3; init w 3,4; r = Relu x; a = Mul r s; z = Gemm a w; out z", 0, 0, "Relu Mul Gemm", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; z = Mul y k; out z; out y", 0, 0, "Conv Mul", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; z = Mul y k; u = Relu y; out z; out u", 0, 0,
          "Conv Mul Relu", 0 },
        { "in x 2,3,6,6; init w 4,3,3,3; init k 4; y = Conv x w; z = Mul y k; out z", 0, 0, "Conv Mul", 0 },
        { "in x 2,3,5,7; init w 1,3,3,3; init k 4,1,1; y = Conv x w; z = Mul y k; out z", 0, 0, "Conv Mul", 0 },
        { "in x 2,3,5,7; in k 4,1,1; init w 4,3,3,3; y = Conv x w; z = Mul y k; out z", 0, 0, "Conv Mul", 0 },
        { "in x 2,3,5,7; init w 4,3,3,3; init k 4,1,1; y = Conv x w; z = Div k y; out z", 0, 0, "Conv Div", 0 },
        { "in x 2,3,4; init w 4,5; init b 5; y = MatMul x w; z = Add y b; out z", 0, 0, "MatMul Add", 0 },
        { "in x 2,3,4; init s 4; init w 4,5; y = MatMul x w; a = Softmax y; init k 5; z = Mul a k; out z", 0, 0, NULL,
          0 },
        { "in x 2,3,5,7; in v 2,3,5,7; init w 4,3,3,3; init k 4,1,1; a = Conv x w; b = Conv v w; c = Mul a k; z = Add "
          "b "
          "c; out z",
          0, 0, "Conv Conv Mul Add", 0 },
        { "init t 9,4; fill k 1 2.0; in i 2; j = Cast i to=7; g = Gather t j; z = Mul g k; out z", 0, 0,
          "Cast Gather Mul", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_runtimes_recognize_stays(void **state)
{
    static const struct fold_case cases[] = {
        /* LayerNormalization written out, then a pointwise convolution. */
        { "in x 2,4,5; init g 4,1; init b 4,1; init w 3,4,1; fill e 1 0.001; m = ReduceMean x axes=1,; d = Sub x m; "
          "q = Mul d d; v = ReduceMean q axes=1,; f = Add v e; s = Sqrt f; n = Div d s; h = Mul n g; k = Add h b; "
          "z = Conv k w; out z",
          0, 0, "ReduceMean Sub Mul ReduceMean Add Sqrt Div Mul Add Conv", 0 },
        /* Attention. */
        { "in x 2,5,4; init w 4,4; init v 4,4; q = MatMul x w; k = MatMul x v; t = Transpose k perm=0,2,1; d = MatMul "
          "q "
          "t; fill c 1 0.5; s = Mul d c; z = Softmax s; out z",
          0, 0, "MatMul MatMul Transpose MatMul Mul Softmax", 0 },
        /* Gelu written out, then a pointwise convolution. */
        { "in x 2,4,5; init w 3,4,1; init v 4,4,1; fill r 1 1.41421; fill o 1 1.0; fill h 1 0.5; c = Conv x v; d = Div "
          "c "
          "r; "
          "e = Erf d; f = Add e o; g = Mul c f; k = Mul g h; z = Conv k w; out z",
          0, 0, "Conv Div Erf Add Mul Mul Conv", 0 },
        /* RMSNormalization by Reciprocal. */
        { "in x 2,4,5; init g 4,1; init w 3,4,1; fill e 1 0.001; q = Mul x x; m = ReduceMean q axes=1,; f = Add m e; "
          "s = Sqrt f; i = Reciprocal s; n = Mul x i; h = Mul n g; z = Conv h w; out z",
          0, 0, "Mul ReduceMean Add Sqrt Reciprocal Mul Mul Conv", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void affines_can_be_left_out(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,3,3; init k 1,4,1,1; y = Conv x w; z = Mul y k; out z", 0, 0, "Conv Mul", 0 },
    };
    static const char *const affine = "affine";
    const struct bnfuse_fuse_options disable = { .fold_limit = 1 << 28, .disabled = { &affine, 1 } };
    (void)state;
    RUN(cases, &disable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(affines_go_into_the_operator_upstream),
        cmocka_unit_test(affines_of_one_value_add_up),
        cmocka_unit_test(a_value_added_to_itself_is_twice_it),
        cmocka_unit_test(affines_go_into_convolutions_downstream),
        cmocka_unit_test(what_is_left_over_is_weighed_for_any_batch),
        cmocka_unit_test(what_is_left_over_is_weighed_at_sizes_that_are_named),
        cmocka_unit_test(affines_stay_where_they_are_no_affine_or_others_look),
        cmocka_unit_test(what_runtimes_recognize_stays),
        cmocka_unit_test(affines_can_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
