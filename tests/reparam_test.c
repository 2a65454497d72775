/* SPDX-License-Identifier: Apache-2.0
 *
 * Convs of one input that are added become one, on one grid of taps; others stay as they are. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const reparam = "reparam";
static const struct bnfuse_fuse_options merging = { .fold_limit = 1 << 28, .enabled = { &reparam, 1 } };
static const struct bnfuse_fuse_options small = { .fold_limit = 1 << 8, .enabled = { &reparam, 1 } };

static void convs_that_are_added_are_one(void **state)
{
    static const struct fold_case cases[] = {
        /* RepVGG, MobileOne. */
        { "in x 2,4,5,7; init w 4,4,3,3; init v 4,4,1,1; c = Conv x w pads=1,1,1,1; d = bn c 4; e = Conv x v; f = bn e "
          "4; "
          "g = bn x 4; h = Add d f; i = Add h g; z = Relu i; out z",
          0, 0, "Conv Relu", 0 },
        { "in x 2,4,5,7; init w 4,1,3,3; init v 4,1,3,3; init u 4,1,1,1; init a 4; c = Conv x w pads=1,1,1,1 group=4; "
          "d = Conv x v a pads=1,1,1,1 group=4; e = Conv x u group=4; s = Sum d e c; out s",
          0, 0, "Conv", 0 },
        /* Differences, in both orders, and in sums. */
        { "in x 2,4,5,7; init w 4,4,3,3; init v 4,4,1,1; init a 4; c = Conv x w pads=1,1,1,1; d = Conv x v a; "
          "s = Sub c d; out s",
          0, 0, "Conv", 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; init v 4,4,1,1; init a 4; c = Conv x w a pads=1,1,1,1; d = Conv x v; "
          "s = Sub d c; out s",
          0, 0, "Conv", 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; init v 4,4,1,1; init u 4,4,3,3; c = Conv x w pads=1,1,1,1; d = Conv x v; "
          "e = Conv x u pads=1,1,1,1; s = Sub d c; t = Sub e s; out t",
          0, 0, "Conv", 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; init v 4,4,1,1; r = Relu x; c = Conv x w pads=1,1,1,1; d = Conv x v; "
          "s = Sub r c; t = Add s d; out t",
          0, 0, "Relu Conv Sub", 0 },
        /* ACNet, with strides. */
        { "in x 2,3,5,7; init w 4,3,3,3; init v 4,3,1,3; init u 4,3,3,1; init a 4; init b 4; "
          "c = Conv x v a pads=0,1,0,1 strides=2,2; d = Conv x u b pads=1,0,1,0 strides=2,2; "
          "e = Conv x w pads=1,1,1,1 strides=2,2; s = Sum c d e; out s",
          0, 0, "Conv", 0 },
        /* Dilations of one tap do not matter; grids that are off the center; one axis; groups. */
        { "in x 2,4,9; init w 6,2,3; init v 6,2,1; c = Conv x w pads=2,2 dilations=2, group=2; d = Conv x v group=2; "
          "s = Add d c; out s",
          0, 0, "Conv", 0 },
        { "in x 2,3,5,7; init w 4,3,2,3; init v 4,3,1,2; c = Conv x w pads=0,2,1,0; d = Conv x v pads=0,1,0,0; "
          "s = Add d c; out s",
          0, 0, "Conv", 0 },
        /* Through a sum that nothing else reads, beside another term. */
        { "in x 2,4,5,7; init w 4,4,3,3; init v 4,4,1,1; c = Conv x w pads=1,1,1,1; d = Conv x v; r = Relu x; "
          "s = Add c r; t = Add d s; out t",
          0, 0, "Conv Relu Add", 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; init v 4,4,1,1; c = Conv x w pads=1,1,1,1; d = Conv x v; s = Add c d; z = bn "
          "s 4; "
          "out z",
          0, 0, "Conv", DTYPE_DOUBLE },
    };
    (void)state;
    RUN(cases, &merging);
}

static void products_of_one_input_become_one(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,4; init w 4,5; init v 5,4; init a 5; init b 5; g = Gemm x w a alpha=0.5; h = Gemm x v b transB=1 "
          "beta=3.0 alpha=0.25; s = Add g h; out s",
          0, 0, "Gemm", 0 },
        { "in x 2,4; init w 4,5; init v 4,5; init b 5; g = MatMul x w; h = Gemm x v b; s = Add g h; out s", 0, 0,
          "Gemm", 0 },
        { "in x 2,3,4; init w 4,5; init v 4,5; init u 4,5; g = MatMul x w; h = MatMul x v; i = MatMul x u; s = Sum g h "
          "i; out s",
          0, 0, "MatMul", 0 },
        { "in x 2,3,4; init w 4,5; init v 4,5; init a 5; init b 5; g = MatMul x w; h = MatMul x v; i = Add g a; j = "
          "Add h b; s = Add i j; out s",
          0, 0, "MatMul Add", 0 },
        { "in x 2,3,4; init w 2,4,5; init v 2,4,5; g = MatMul x w; h = MatMul x v; s = Add g h; out s", 0, 0, "MatMul",
          0 },
        { "in x 2,4; init w 4,4; init v 4,4; g = Gemm x w; h = Gemm x v; b = bn x 4; c = bn h 4; s = Add g c; t = Add "
          "s b; z = Relu t; out z",
          0, 0, "Gemm Relu", 0 },
        /* Of another value, from the other side, of another size, or in stacks that are stored in another order. */
        { "in x 2,4; in y 2,4; init w 4,5; init v 4,5; g = Gemm x w; h = Gemm y v; s = Add g h; out s", 0, 0,
          "Gemm Gemm Add", 0 },
        { "in x 4,4; init w 4,4; init v 4,4; g = MatMul x w; h = MatMul v x; s = Add g h; out s", 0, 0,
          "MatMul MatMul Add", 0 },
        { "in x 2,4; init w 4,5; init v 4,1; g = Gemm x w; h = Gemm x v; s = Add g h; out s", 0, 0, "Gemm Gemm Add",
          0 },
        { "in x 2,3,4; init w 2,4,5; init v 4,5; g = MatMul x w; h = MatMul x v; s = Add g h; out s", 0, 0,
          "MatMul MatMul Add", 0 },
        { "in x 2,4; init w 4,5; init v 4,5; g = Gemm x w; h = Gemm x v; s = Add g h; out s; out h", 0, 0,
          "Gemm Gemm Add", 0 },
    };
    (void)state;
    RUN(cases, &merging);
}

static void convs_that_do_not_fit_stay(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,4,5,7; in y 2,4,5,7; init w 4,4,1,1; init v 4,4,1,1; c = Conv x w; d = Conv y v; s = Add c d; out s",
          0, 0, "Conv Conv Add", 0 },
        { "in x 2,4,6,6; init w 4,4,3,3; init v 4,4,1,1; c = Conv x w pads=1,1,1,1 strides=2,2; d = Conv x v; "
          "p = MaxPool d kernel_shape=2,2 strides=2,2; s = Add c p; out s",
          0, 0, NULL, 0 },
        { "in x 2,4,9,9; init w 4,4,3,3; init v 4,4,3,3; c = Conv x w pads=1,1,1,1; d = Conv x v pads=2,2,2,2 "
          "dilations=2,2; s = Add c d; out s",
          0, 0, "Conv Conv Add", 0 },
        /* The sum of the weights leaves float. */
        { "in x 2,3,5,7; fill w 4,3,3,3 3e38; fill v 4,3,3,3 3e38; c = Conv x w; d = Conv x v; s = Add c d; out s", 0,
          0, "Conv Conv Add", 0 },
        /* Of one size for this input only. */
        { "in x 2,4,6,6; init w 4,4,3,3; init v 4,4,1,1; c = Conv x w strides=2,2 pads=1,1,0,0; d = Conv x v "
          "strides=2,2; "
          "s = Add c d; out s",
          0, 0, "Conv Conv Add", 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; init v 4,4,1,1; c = Conv x w pads=1,1,1,1; d = Conv x v; s = Add c d; out s; "
          "out d",
          0, 0, "Conv Conv Add", 0 },
        /* The sum broadcasts one of them. */
        { "in x 2,4,5,7; init w 4,4,1,1; init v 4,4,1,1; c = Conv x w; d = Conv x v strides=7,7; s = Add c d; out s", 0,
          0, "Conv Conv Add", 0 },
        { "in x 2,4,5,7; init w 4,4,1,3; init v 4,4,3,1; c = Conv x w pads=0,1,0,1; d = Conv x v pads=1,0,1,0; "
          "s = Add c d; out s",
          0, 0, "Conv Conv Add", 0 },
        { "in x 2,4,5,7; in w 4,4,3,3; init v 4,4,1,1; c = Conv x w pads=1,1,1,1; d = Conv x v; s = Add c d; out s", 0,
          0, "Conv Conv Add", 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; init v 4,2,3,3; c = Conv x w pads=1,1,1,1; d = Conv x v pads=1,1,1,1 group=2; "
          "s = Add c d; out s",
          0, 0, "Conv Conv Add", 0 },
        { "in x 2,4,5,7; init w 4,4,3,3; init v 4,4,1,1; c = Conv x w auto_pad=SAME_UPPER; d = Conv x v; s = Add c d; "
          "out s",
          0, 0, "Conv Conv Add", 0 },
    };
    static const struct fold_case unasked[] = {
        { "in x 2,4,5,7; init w 4,4,3,3; init v 4,4,1,1; c = Conv x w pads=1,1,1,1; d = Conv x v; s = Add c d; out s",
          0, 0, "Conv Conv Add", 0 },
    };
    (void)state;
    RUN(cases, &merging);
    RUN(unasked, NULL);
    RUN(unasked, &small);
}

static void branches_meet_on_one_grid_of_taps(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 2,3,7,7; init w 4,3,3,3; init v 4,3,3,3; a = Conv x w auto_pad=VALID; b = Conv x v auto_pad=VALID; z = "
          "Add a b; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,7,7; init w 4,3,3,3; init v 4,3,3,3; a = Conv x w auto_pad=SAME_UPPER; b = Conv x v "
          "auto_pad=SAME_LOWER; z = Add a b; out z",
          0, 0, "Conv Conv Add", 0 },
        { "in x 2,3,7,7; init w 4,3,3,3; in v 4,3,3,3; a = Conv x w; b = Conv x v; z = Add a b; out z", 0, 0,
          "Conv Conv Add", 0 },
        { "in x 2,3,7,7; init w 4,3,3,3; init v 4,3,3,3; in c 4; a = Conv x w; b = Conv x v c; z = Add a b; out z", 0,
          0, "Conv Conv Add", 0 },
        { "in x 2,4,7,7; init w 4,4,3,3; init v 4,2,3,3; a = Conv x w; b = Conv x v group=2; z = Add a b; out z", 0, 0,
          "Conv Conv Add", 0 },
        { "in x 2,4,7,7; init w 4,2,3,3; init v 4,2,3,3; a = Conv x w group=2; b = Conv x v group=2; z = Add a b; out "
          "z",
          0, 0, "Conv", 0 },
        { "in x 2,3,7,7; init w 4,3,3,3; init v 1,3,3,3; a = Conv x w; b = Conv x v; z = Add a b; out z", 0, 0,
          "Conv Conv Add", 0 },
        { "in x 2,3,7,7; init w 4,3,3,3; init v 4,3,3,3; a = Conv x w; b = Conv x v; z = Add a b; out z; out b", 0, 0,
          "Conv Conv Add", 0 },
        { "in x 2,3,7,7; init w 4,3,3,3; init v 4,3,1,3; init u 4,3,3,1; a = Conv x w pads=1,1,1,1; b = Conv x v "
          "pads=0,1,0,1; c = Conv x u pads=1,0,1,0; z = Sum a b c; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,7,7; init w 4,3,2,2; init v 4,3,3,3; a = Conv x w pads=0,0,1,1; b = Conv x v pads=1,1,1,1; z = Add "
          "a b; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,9,9; init w 4,3,3,3; init v 4,3,1,1; a = Conv x w pads=2,2,2,2 dilations=2,2; b = Conv x v; z = "
          "Add a b; out z",
          0, 0, "Conv", 0 },
        { "in x 2,3,9,9; init w 4,3,3,3; init v 4,3,2,2; a = Conv x w pads=2,2,2,2 dilations=2,2; b = Conv x v "
          "dilations=2,2 pads=1,1,1,1; z = Add a b; out z",
          0, 0, "Conv Conv Add", 0 },
        { "in x 2,3; init w 3,5; init v 3,5; a = MatMul x w; b = MatMul x v; z = Add a b; out z", 0, 0, "MatMul", 0 },
        { "in x 2,3; init w 3,5; init v 5,3; init c 5; a = Gemm x w; b = Gemm x v c transB=1; z = Add a b; out z", 0, 0,
          "Gemm", 0 },
        { "in x 2,3; init w 3,5; init v 3,5; init c 5; a = MatMul x w; b = Gemm x v c; z = Add a b; out z", 0, 0,
          "Gemm", 0 },
        { "in x 2,3; init w 3,5; init v 3,5; init c 2,5; a = Gemm x w; b = Gemm x v c; z = Add a b; out z", 0, 0,
          "Gemm Gemm Add", 0 },
        { "in x 2,3; init w 3,5; init v 3,5; a = Gemm x w alpha=0.5; b = Gemm x v alpha=2.0; z = Add a b; out z", 0, 0,
          "Gemm", 0 },
        { "in x 2,3; init w 3,5; init v 3,5; a = Gemm x w alpha=0.0; b = Gemm x v; z = Add a b; out z", 0, 0, "Gemm",
          0 },
        { "in x 2,3; fill w 3,5 3e38; fill v 3,5 3e38; a = MatMul x w; b = MatMul x v; z = Add a b; out z", 0, 0,
          "MatMul MatMul Add", 0 },
        { "in x 2,4,3; init w 3,5; init v 2,3,5; a = MatMul x w; b = MatMul x v; z = Add a b; out z", 0, 0,
          "MatMul MatMul Add", 0 },
        { "in x 2,4,3; init w 2,3,5; init v 2,3,5; a = MatMul x w; b = MatMul x v; z = Add a b; out z", 0, 0, "MatMul",
          0 },
        { "in x 2,3; init w 3,5; init v 3,1; a = MatMul x w; b = MatMul x v; z = Add a b; out z", 0, 0,
          "MatMul MatMul Add", 0 },
        { "in x 2,3; init w 3,3; init v 3,3; a = MatMul x w; b = MatMul v x; z = Sigmoid a; out z", 0, 0,
          "MatMul MatMul Sigmoid", 0 },
        { "broken; in x 2,3,7,7; init w 4,3,3,3; init v 4,2,1,1; a = Conv x w; b = Conv x v; z = Add "
          "a b; out z",
          0, 0, "Conv Conv Add", 0 },
    };
    (void)state;
    RUN(cases, &merging);
}

static void branches_that_are_not_known_or_too_large_stay(void **state)
{
    static const struct fold_case cases[] = {
        { "in x 1,3,5,5; init w 4,3,3,3; init v 4,3,1,1; in b 4; a = Conv x w b pads=1,1,1,1; c = Conv x v; z = Add a "
          "c; out z",
          0, 0, "Conv Conv Add", 0 },
        { "in x 1,3,5,5; fill w 4,3,1,1 1; fill v 4,3,1,1 1; fill b 4 3e38; a = Conv x w b; c = Conv x v b; z = Add a "
          "c; out z",
          0, 0, "Conv Conv Add", 0 },
        { "in x 1,4,4,4; init w 4,4,1,1; init v 4,4; a = Conv x w; c = MatMul x v; z = Add a c; out z", 0, 0,
          "Conv MatMul Add", 0 },
        { "in x 1,4,4,4; init w 4,4,1,1; init v 4,4; a = Conv x w; c = MatMul x v; z = Add c a; out z", 0, 0,
          "Conv MatMul Add", 0 },
        { "broken; in x 1,3,5,5; init w 4,3,3,3; init v 4,3,1,1; a = Conv x w pads=1,1,1,1; c = Conv x v; z = Add a c; "
          "out z; gone v",
          0, 0, "Conv Conv Add", 0 },
        { "in x 1,3,5,5; in u 1,3,5,5; init w 4,3,3,3; init v 4,3,1,1; a = Conv x w pads=1,1,1,1; c = Conv u v; z = "
          "Add a c; out z",
          0, 0, "Conv Conv Add", 0 },
    };
    (void)state;
    RUN(cases, &merging);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convs_that_are_added_are_one),
        cmocka_unit_test(products_of_one_input_become_one),
        cmocka_unit_test(convs_that_do_not_fit_stay),
        cmocka_unit_test(branches_meet_on_one_grid_of_taps),
        cmocka_unit_test(branches_that_are_not_known_or_too_large_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
