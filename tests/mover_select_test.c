/* SPDX-License-Identifier: Apache-2.0
 *
 * Affines cross what selects elements or samples between them, and go into DeformConv and Einsum. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void whatever_is_selected_is_under_the_affine(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5,7; init w 4,3,1,1; init v 4,3,1,1; c = Conv x w; d = Conv x v; m = Greater x x; ints k 0; "
          "g = Gather m k axis=1; e = Where g c d; z = bn e 4; out z",
          0, 0, "Conv Conv Greater Gather Where", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 1,3,1,1; c = Conv x w; d = Conv x v; m = Greater d d; "
          "e = Where m c d; z = bn e 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,5; init w 4,3,1; c = Conv x w; ints k 4,2,0,1,1,3,2,2; ints s 1,4,2; i = Reshape k s; ints r "
          "2,1,1; "
          "j = Tile i r; g = GatherElements c j axis=2; z = bn g 4; out z",
          0, 0, NULL, 0 },
        { "in x 2,3,5; init w 4,3,1; c = Conv x w; ints k 0,1,2,3; ints s 2,2,1; i = Reshape k s; "
          "g = GatherElements c i axis=2; z = bn g 2; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,4,5; r = Relu x; b = bn r 4; ints k 0,1,2,3; ints s 2,2,1; i = Reshape k s; g = GatherElements b i "
          "axis=2; "
          "init w 3,2,1; z = Conv g w; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 4,3,5,7; in y 2,3,5,7; init w 4,3,1,1; c = Conv x w; d = Conv y w; ints k 0,2; ints s 2,1; "
          "i = Reshape k s; e = ScatterND c i d; z = bn e 4; out z",
          0, 0, NULL, 0 },
        { "opset 16; in x 4,3,5,7; in y 2,3,5,7; init w 4,3,1,1; c = Conv x w; d = Conv y w; ints k 0,2; ints s 2,1; "
          "i = Reshape k s; e = ScatterND c i d reduction=add; z = bn e 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "opset 18; in x 2,3,2; in y 2,3,1; init w 4,3,1; c = Conv x w; d = Conv y w; ints k 0,1,1,0,1,1,0,0; "
          "ints s 2,4,1; i = Reshape k s; e = ScatterElements c i d axis=2; z = bn e 4; out z",
          0, 0, NULL, 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 4,3,1,1; c = Conv x w; d = Conv x v; e = Mean c d; z = bn e 4; out z",
          0, 0, "Conv Conv Mean", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; init v 1,3,1,1; c = Conv x w; d = Conv x v; e = Mean c d; z = bn e 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void samples_between_elements_keep_the_affine(void **state)
{
    static const struct fold_case cases[] = {
        { "opset 16; in x 2,3,5,7; in g 2,4,4,2; init w 4,3,1,1; c = Conv x w; s = GridSample c g padding_mode=border; "
          "z = bn s 4; out z",
          0, 0, "Conv GridSample", 0 },
        { "opset 16; in x 2,3,5,7; in g 2,4,4,2; init w 4,3,1,1; r = Relu x; b = bn r 3; s = GridSample b g "
          "padding_mode=reflection; z = Conv s w; out z",
          0, 0, "Relu GridSample Conv", 0 },
        { "opset 16; in x 2,3,5,7; in g 2,4,4,2; init w 4,3,1,1; c = Conv x w; s = GridSample c g; z = bn s 4; out z",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "opset 16; in x 2,3,5,7; in g 2,4,4,2; init w 4,3,1,1; c = Conv x w; s = GridSample c g; z = bn0 s 4; out z",
          0, 0, "Conv GridSample", 0 },
        { "opset 19; in x 2,3,5,7; in o 2,18,5,7; init w 4,3,3,3; init a 4; c = DeformConv x w o a pads=1,1,1,1; "
          "z = bn c 4; out z",
          0, 0, "DeformConv", 0 },
        { "opset 19; in x 2,3,5,7; in o 2,18,5,7; init w 4,3,3,3; r = Relu x; b = bn0 r 3; c = DeformConv b w o "
          "pads=1,1,1,1; out c",
          0, 0, "Relu DeformConv", 0 },
        { "opset 19; in x 2,3,5,7; in o 2,18,3,5; init w 4,3,3,3; r = Relu x; b = bn r 3; c = DeformConv b w o; out c",
          1, REASON_PADDED_SHIFT, NULL, 0 },
        { "opset 19; in x 2,4,5,7; in o 2,18,3,5; init w 4,2,3,3; c = DeformConv x w o group=2; z = bn c 4; out z", 0,
          0, "DeformConv", 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void channels_on_several_axes_are_one_again(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,5; init w 12,3,1; c = Conv x w; ints s 0,2,3,2,5; r = Reshape c s; t = Transpose r perm=0,3,1,2,4; "
          "ints q 0,12,5; u = Reshape t q; z = bn u 12; out z",
          0, 0, "Conv Reshape Transpose Reshape", 0 },
        { "in x 2,12,5; v = Relu x; b = bn v 12; ints s 0,2,3,2,5; r = Reshape b s; t = Transpose r perm=0,3,1,2,4; "
          "ints q 0,12,5; u = Reshape t q; init w 4,12,1; z = Conv u w; out z",
          0, 0, "Relu Reshape Transpose Reshape Conv", 0 },
        /* A pool over the axes in between mixes channels. */
        { "in x 2,3,5,7; init w 6,3,1,1; c = Conv x w; ints s 0,2,3,35; r = Reshape c s; p = AveragePool r "
          "kernel_shape=3,1 pads=1,0,1,0; ints q 0,6,5,7; u = Reshape p q; z = bn u 6; out z",
          1, REASON_VARIES_INSIDE, NULL, 0 },
        { "in x 2,3,5,7; init w 6,3,1,1; c = Conv x w; ints s 0,2,3,35; r = Reshape c s; p = Relu r; ints q 0,6,5,7; "
          "u = Reshape p q; z = bn u 6; out z",
          1, 0, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void an_equation_says_where_the_channels_go(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,7,3; init w 3,5; e = Einsum x w equation=nlc,cd->ndl; z = bn e 5; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,7,3; init w 5,3; e = Einsum w x equation=dc,nlc->ndl; z = bn e 5; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,6,7; init w 6,4; init c 4; r = Relu x; b = bn r 6; e = Einsum b w equation=ncl,cd->nld; z = Add e c; "
          "out z",
          0, 0, "Relu Einsum Add", 0 },
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; e = Einsum c equation=nchw->nhwc; t = Transpose e perm=0,3,1,2; "
          "z = bn t 4; out z",
          0, 0, "Conv Einsum Transpose", 0 },
        { "in x 2,4,5,7; r = Relu x; b = bn r 4; e = Einsum b equation=nchw->nhwc; init w 4,3; z = MatMul e w; init c "
          "3; y = Add z c; out y",
          0, 0, "Relu Einsum MatMul Add", 0 },
        /* The shift is left over where it sums over an axis; diagonals stay. */
        { "in x 2,3,5,7; init w 4,3,1,1; c = Conv x w; e = Einsum c equation=nchw->nch; z = bn e 4; out z", 0, 0,
          "Conv Einsum Add", 0 },
        { "in x 2,7,3; init w 3,5; e = Einsum x w equation=nlc,cd->nd; z = bn e 5; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,7,3; init w 7,3; e = Einsum x w equation=nlc,lc->nlc; z = bn e 7; out z", 0, 0, "Einsum Add", 0 },
        { "in x 2,3,3; init w 3,5; e = Einsum x w equation=ncc,cd->nd; z = bn e 5; out z", 1, REASON_NON_LINEAR, NULL,
          0 },
        { "in x 2,7,3; in w 3,5; e = Einsum x w equation=nlc,cd->ndl; z = bn e 5; out z", 1, REASON_WEIGHT_DYNAMIC,
          NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

static void what_is_selected_must_be_known(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,4,5; in k 2,1,4,5 bool; in u 5; init w 4,3,1,1; c = Conv x w; t = Where k c u; z = bn t 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; in k 2,1,4,5 bool; init u 4,1,1; init w 4,3,1,1; c = Conv x w; t = Where k c u; z = bn t 4; "
          "out z",
          0, 0, "Conv Where", 0 },
        { "in x 2,3,4,5; in k 2,1,4,5 bool; init u 1; init w 4,3,1,1; c = Conv x w; n = Neg c; t = Where k n u; z = "
          "bn1 t 4; out z",
          0, 0, "Conv Where", 0 },
        { "in x 2,3,?,?; in k 2,1,1,1 bool; in u 1; q = Squeeze x; t = Where k q u; z = bn t 3; out z", 1,
          REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "broken; in x 2,3,4,5; in k 2,3,4,5 bool; u = custom.Mystery x; v = custom.Mystery x; t = Where k u v; z = "
          "bn t 3; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,3,?,?; in i 2,3,1,1 int64; q = Squeeze x; g = GatherElements q i axis=-1; z = bn g 3; out z", 1,
          REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,3,4,5; in i 2,3,1,1 int64; init w 4,3,1,1; c = Conv x w; g = GatherElements c i axis=-1; z = bn g 3; "
          "out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,3,4,5; in i 2,4,1,1 int64; init w 4,3,1,1; c = Conv x w; g = GatherElements c i axis=1; z = bn g 4; "
          "out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 2,3,4,5; in i 2,4,1,1 int64; init w 4,3,1,1; c = Conv x w; n = Neg c; g = GatherElements n i axis=2; z "
          "= bn1 g 4; out z",
          0, 0, "Conv GatherElements", 0 },
        { "in x 2,3,?,?; in i 2,3,1,1 int64; in u 2,3,1,1; q = Squeeze x; g = ScatterElements q i u axis=-2; z = bn g "
          "3; out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 2,3,4,5; in i 2,4,1,1 int64; init u 2,4,1,1; init w 4,3,1,1; c = Conv x w; g = ScatterElements c i u "
          "axis=-1; z = bn g 4; out z",
          0, 0, "Conv ScatterElements", 0 },
        { "in x 2,3,4,5; in i 2,4,1,1 int64; init u 2,4,1,1; init w 4,3,1,1; c = Conv x w; g = ScatterElements c i u "
          "axis=1; z = bn g 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "opset 16; in x 2,3,4,5; in i 2,4,1,1 int64; init u 2,4,1,1; init w 4,3,1,1; c = Conv x w; g = "
          "ScatterElements c i u axis=2 reduction=add; z = bn g 4; out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 3,3,4,5; in i 1,1 int64; init u 1,4,4,5; init w 4,3,1,1; c = Conv x w; g = ScatterND c i u; z = bn g "
          "4; out z",
          0, 0, "Conv ScatterND", 0 },
        { "in x 3,3,4,5; in i 1,2 int64; init u 1,4,5; init w 4,3,1,1; c = Conv x w; g = ScatterND c i u; z = bn g 4; "
          "out z",
          1, REASON_NON_LINEAR, NULL, 0 },
        { "in x 3,3,4,5; in i 1,? int64; init u 1,4,5; init w 4,3,1,1; c = Conv x w; g = ScatterND c i u; z = bn g 4; "
          "out z",
          1, REASON_AXIS_NOT_PROVEN, NULL, 0 },
        { "in x 3,3,4,5; in i 1,1 int64; init u 1,4,4,5; init w 4,3,1,1; c = Conv x w; n = Neg c; g = ScatterND n i u; "
          "z = bn1 g 4; out z",
          0, 0, "Conv ScatterND", 0 },
        { "in x 2,3,4,5; in k 4 bool; init w 4,3,1,1; c = Conv x w; g = Compress c k axis=2; z = bn g 4; out z", 0, 0,
          "Conv Compress", 0 },
        { "in x 2,4,4,5; in k 3 bool; r = Relu x; y = bn r 4; g = Compress y k axis=-3; out g", 1, REASON_NON_LINEAR,
          NULL, 0 },
        { "in x 2,3,4,5; in k 5 bool; r = Relu x; y = bn r 3; g = Compress y k axis=3; init w 4,3,1,1; z = Conv g w; "
          "out z",
          0, 0, "Relu Compress Conv", 0 },
        { "in x 2,3,4,5; fill k 5 1 bool; r = Relu x; y = bn r 3; g = Compress y k; out g", 1, REASON_AXIS_NOT_PROVEN,
          NULL, 0 },
        { "in x 2,3,4,5; in k 4 bool; init w 4,3,1,1; c = Conv x w; n = Neg c; g = Compress n k axis=2; z = bn1 g 4; "
          "out z",
          0, 0, "Conv Compress", 0 },
        { "in x 2,3,?,?; in k 2 bool; q = Squeeze x; g = Compress q k axis=-1; z = bn g 3; out z", 1,
          REASON_AXIS_NOT_PROVEN, NULL, 0 },
    };
    (void)state;
    RUN(cases, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_selected_is_under_the_affine),
        cmocka_unit_test(samples_between_elements_keep_the_affine),
        cmocka_unit_test(channels_on_several_axes_are_one_again),
        cmocka_unit_test(an_equation_says_where_the_channels_go),
        cmocka_unit_test(what_is_selected_must_be_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
