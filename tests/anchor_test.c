/* SPDX-License-Identifier: Apache-2.0
 *
 * Which axis of an operator with weights holds the channels that it takes in or gives out, and what it mixes. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_product_is_followed_through_an_equation(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5; init w 4,3; y = Einsum x w equation=abc,db->adc; z = bn y 4; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,3,5; init w 4,3; y = Einsum w x equation=db,abc->adc; z = bn y 4; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,3,5; r = Relu x; y = bn r 3; init w 4,3; z = Einsum w y equation=db,abc->adc; out z", 0, 0,
          "Relu Einsum Add", 0 },
        { "in x 2,3,5; r = Relu x; y = bn r 3; init w 4,3; z = Einsum y w equation=abc,db->adc; out z", 0, 0,
          "Relu Einsum Add", 0 },
        { "in x 2,3,5; init w 5,3; y = Einsum x w equation=abc,cb->ac; t = Unsqueeze y a; ints a 2; z = bn t 5; out z",
          0, 0, "Einsum Add Unsqueeze", 0 },
        { "in x 2,3,5; init w 4,3,5; y = Einsum x w equation=abc,dbc->ad; z = bn y 4; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,3,5; init w 4,3; init v 4; y = Einsum x w v equation=abc,db,d->adc; z = bn y 4; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5; in v 2,3,5; y = Einsum x v equation=abc,abc->abc; z = bn y 3; out z", 1, REASON_WEIGHT_DYNAMIC,
          NULL, 0 },
        { "in x 2,3; init w 3,3; y = Einsum x w equation=ab,bb->ab; z = bn y 3; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5; init w 4,3; y = Einsum x w equation=abc,db; z = bn y 5; out z", 1, REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* Along an axis that the data shares with the weight, summed over or not; what a shift comes to may be a constant of
 * several axes. */
static void a_weight_of_several_axes_takes_what_precedes_it(void **state)
{
    static const struct fold_case cases[] = {
        /* One number for all channels lies along any axis. */
        { "in x 2,3,5; r = Relu x; fill s 3 2; fill t 3 0.5; fill m 3 0; fill v 3 1; y = BatchNormalization r s t m v; "
          "f = "
          "Flatten y axis=1; init w 15,4,2; z = Einsum f w equation=bi,ijk->bjk; out z",
          0, 0, "Relu Flatten Einsum Add", 0 },
        { "in x 2,3,5; r = Relu x; y = bn r 3; init w 3,5,4; z = Einsum y w equation=bji,jkl->bikl; out z", 0, 0,
          "Relu Einsum Add", 0 },
        { "in x 2,3,5; r = Relu x; y = bn r 3; init w 3,5,4; z = Einsum y w equation=bhi,hij->bhj; out z", 0, 0,
          "Relu Einsum Add", 0 },
        { "in x 2,3,5; r = Relu x; y = bn0 r 3; init w 3,5,4; z = Einsum y w equation=bhi,hij->bhj; out z", 0, 0,
          "Relu Einsum", 0 },
        { "in x 2,5,3; r = Relu x; y = bn r 5; init w 3,5,4; z = Einsum y w equation=bih,hij->bhj; out z", 0, 0,
          "Relu Einsum Add", 0 },
        { "in x 4,4,4; r = Relu x; y = bn r 4; init w 4,4,4; z = Einsum y w equation=bih,hij->bhj; out z", 0, 0,
          "Relu Einsum Add", 0 },
        { "in x 4,4,4; r = Relu x; y = bn r 4; init w 4,4,4; z = Einsum w y equation=hij,bhi->jhb; out z", 0, 0,
          "Relu Einsum Add", 0 },
        { "in x 2,3,5; r = Relu x; y = bn r 3; init w 5,3,4; z = Einsum w y equation=hij,bih->jhb; out z", 0, 0,
          "Relu Einsum Add", DTYPE_DOUBLE },
        { "opset 12; in x 2,3,5; r = Relu x; y = bn r 3; init w 3; z = Einsum y w equation=bij,i->bj; out z", 0, 0,
          "Relu Einsum Add", 0 },
        { "in x 2,3,5; r = Relu x; y = bn r 3; init w 3,5,4; init k 4; z = Einsum y w equation=bij,ijk->bk; a = Add z "
          "k; out a",
          0, 0, "Relu Einsum Add", 0 },
        { "in x 2,3,5; r = Relu x; y = bn r 3; init w 3,5; z = Einsum y w equation=bij,ij->bij; out z", 0, 0,
          "Relu Einsum Add", 0 },
        { "in x 2,3,5; r = Relu x; y = bn r 3; init w 3,4,6; z = Einsum y w equation=bij,ikz->bjk; out z", 0, 0,
          "Relu Einsum Add", DTYPE_FLOAT16 },
        { "in x 2,3,5; r = Relu x; y = bn r 3; init w 5,1,3; z = Einsum y w equation=...j,j...->...; out z", 1, 0, NULL,
          0 },
        /* An axis that the weight has not; one that is summed over without it. */
        { "in x 2,5,3; r = Relu x; y = bn r 5; init w 3,6,4; z = Einsum y w equation=bij,jkl->bikl; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,5,3; r = Relu x; y = bn r 5; init w 3,4; z = Einsum y w equation=bij,jk->bk; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5; r = Relu x; y = bn r 3; init w 3,4; z = Einsum y w equation=bij,ik->bk; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,5,3; init w 3,5,4; y = Einsum x w equation=bij,jkl->bkil; z = bn y 5; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,3,5; init w 3,5,4; y = Einsum x w equation=bhi,hij->bhj; z = bn y 3; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,3,5; init w 3,5,4; init k 3,4; y = Einsum x w equation=bhi,hij->bhj; a = Add y k; z = bn a 3; out z",
          0, 0, "Einsum Add", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

/* No result is written, or an ellipsis stands for axes. */
static void a_product_is_followed_through_what_its_equation_implies(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3; init w 3,4; y = Einsum x w equation=ab,bc; z = bn y 4; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,3; init w 3,4; y = Einsum x w equation=cb,ba; z = bn y 2; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 3,2; init w 3,4; y = Einsum x w equation=bX,ba; z = bn y 4; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,3; init w 3,4; y = Einsum x w equation=...b,bc; z = bn y 4; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,5,3; init w 3,4; y = Einsum x w equation=...b,bc->...c; t = Transpose y perm=0,2,1; z = bn t 4; out "
          "z",
          0, 0, "Einsum Add Transpose", 0 },
        { "in x 2,3,5; init w 4,3; y = Einsum w x equation=db,...bc->...dc; z = bn y 4; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,3,5; r = Relu x; y = bn r 3; init w 4,3; z = Einsum y w equation=a...c,d...->a...d; out z", 1,
          REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5; r = Relu x; y = bn r 3; init w 4,3; z = Einsum y w equation=ab...,db->ad...; out z", 0, 0,
          "Relu Einsum Add", 0 },
        { "in x 2,3,5; init w 4,3; y = Einsum x w equation=ab...,db->ad; z = bn y 4; out z", 1, REASON_NON_LINEAR, NULL,
          0 },
        { "in x 2,3,5,4; init w 4,3,1,1; c = Conv x w; y = Einsum c equation=...ji; z = bn y 4; out z", 0, 0,
          "Conv Einsum", 0 },
        { "in x 2,3,5,4; init w 4,3,1,1; c = Conv x w; y = Einsum c equation=abdc; z = bn y 4; out z", 0, 0,
          "Conv Einsum", 0 },
        { "in x 2,3,5,4; in f 7,5; init w 4,3,1,1; c = Conv x w; y = Einsum f c equation=...ij,...jk->...ik; z = bn y "
          "4; "
          "out z",
          0, 0, "Conv Einsum Add", 0 },
        { "in x 2,1,5,4; in f 3,7,5; init w 1,1,1,1; c = Conv x w; y = Einsum f c equation=...ij,...jk->...ik; z = bn "
          "y "
          "3; out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void channels_that_an_operator_mixes_stay(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 3,2; init w 3,5; y = Gemm x w transA=1; z = bn y 5; out z", 0, 0, "Gemm", 0 },
        { "in x 2,3,4; r = Relu x; y = bn r 3; t = Transpose y perm=0,2,1; init w 3,5; z = MatMul t w; out z", 0, 0,
          "Relu Transpose MatMul Add", 0 },
        { "in x 4,3; r = Relu x; y = bn r 3; init w 4,5; z = Gemm y w transA=1; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4; init w 2,5,3; y = MatMul w x; z = bn y 5; out z", 0, 0, "MatMul Add", 0 },
        { "in x 2,4,3; init w 2,3,5; y = MatMul x w; z = bn y 4; out z", 1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,2,3,5; init w 3,4,1,1; y = ConvTranspose t w output_padding=0,0; t = Reshape x s; ints s 2,3,2,5; z "
          "= bn y 4; out z",
          0, 0, "ConvTranspose Reshape", 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; init w 3,4,1,1; z = ConvTranspose y w output_shape=4,5; out z", 1,
          REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; init w 3,4,1,1; z = ConvTranspose y w auto_pad=VALID; out z", 0, 0,
          "Relu ConvTranspose", 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; init w 3,4,1,1; z = ConvTranspose y w pads=1,0,0,0; out z", 1,
          REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; init w 3,4,1,1; z = ConvTranspose y w strides=1,2; out z", 1,
          REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; init w 3,4,1,1; z = ConvTranspose y w output_padding=0,1 strides=2,2; "
          "out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; init w 4,3,3,3; z = Conv y w auto_pad=VALID; out z", 0, 0, "Relu Conv",
          0 },
        { "in x 2,3,4,5; r = Relu x; y = bn r 3; init w 4,3,2,1; z = Conv y w auto_pad=SAME_UPPER strides=2,1; out z",
          0, 0, "Relu Conv", 0 },
        { "in x 2,3,4,?; r = Relu x; y = bn r 3; init w 4,3,2,2; z = Conv y w auto_pad=SAME_UPPER strides=2,2; out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "opset 19; in x 2,3,5,5; in o 2,18,5,5; init w 4,3,3,3; init b 4; y = DeformConv x w o b pads=1,1,1,1; z = "
          "bn y 4; out z",
          0, 0, "DeformConv", 0 },
        { "opset 19; in x 2,3,5,5; in o 2,18,5,5; init w 4,3,3,3; r = Relu x; y = bn r 3; z = DeformConv y w o "
          "pads=1,1,1,1; out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void recurrent_layers_take_what_goes_in(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 5,2,3; init w 1,4,3; init u 1,4,4; init b 1,8; t = Transpose x perm=1,2,0; y = bn t 3; v = Transpose y "
          "perm=2,0,1; z = RNN v w u b hidden_size=4; out z",
          0, 0, "Transpose Transpose RNN", 0 },
        { "in x 5,2,3; init w 2,4,3; init u 2,4,4; t = Transpose x perm=1,2,0; y = bn t 3; v = Transpose y perm=2,0,1; "
          "z = RNN v w u hidden_size=4 direction=bidirectional; out z",
          0, 0, "Transpose Transpose RNN", 0 },
        { "in x 5,2,3; init w 1,12,3; init u 1,12,4; init b 1,24; t = Transpose x perm=1,2,0; y = bn t 3; v = "
          "Transpose y perm=2,0,1; z = GRU v w u b hidden_size=4; out z",
          0, 0, "Transpose Transpose GRU", 0 },
        { "in x 5,2,3; in w 1,12,3; init u 1,12,4; t = Transpose x perm=1,2,0; y = bn t 3; v = Transpose y perm=2,0,1; "
          "z = GRU v w u hidden_size=4; out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 5,2,3; init w 1,12,3; init u 1,12,4; in b 1,24; t = Transpose x perm=1,2,0; y = bn t 3; v = Transpose "
          "y perm=2,0,1; z = GRU v w u b hidden_size=4; out z",
          1, REASON_WEIGHT_DYNAMIC, NULL, 0 },
        { "in x 5,2,3; init w 1,4,3; init u 1,4,4; in h 1,2,4; i = Transpose h perm=1,2,0; y = bn i 4; v = Transpose y "
          "perm=2,0,1; z = RNN x w u _ _ v hidden_size=4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 5,2,3; init w 1,4,3; init u 1,4,4; y q = RNN x w u hidden_size=4; t = Squeeze q a; ints a 0; z = bn t "
          "4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_is_followed_through_an_equation),
        cmocka_unit_test(a_weight_of_several_axes_takes_what_precedes_it),
        cmocka_unit_test(a_product_is_followed_through_what_its_equation_implies),
        cmocka_unit_test(channels_that_an_operator_mixes_stay),
        cmocka_unit_test(recurrent_layers_take_what_goes_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
