/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewrites of --simplify, each beside a model that is nearly the same and must stay as it is. Every case is run before
 * and after, in its own types, and has to give the same bits (fold_case.h). */
#include "build.h"
#include "fold_case.h"
#include "passes/simplify/simplify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void simplify_all(const struct fold_case *cases, size_t count)
{
    static const struct bnfuse_fuse_options options = { .fold_limit = 1 << 20, .simplify = true };
    for (size_t i = 0; i < count; i++) fold_case_run(&cases[i], &options);
}

#define CASES(...)                                           \
    static const struct fold_case cases[] = { __VA_ARGS__ }; \
    (void)state;                                             \
    simplify_all(cases, sizeof cases / sizeof *cases)
/* A model, and the operators that are left. */
#define BECOMES(ops_, text_)       \
    {                              \
        .text = text_, .ops = ops_ \
    }

static void nodes_that_change_nothing_go(void **state)
{
    CASES(BECOMES("Relu Exp", "in x 2,3; a = Relu x; b = Identity a; y = Exp b; out y"),
          BECOMES("Relu", "in x 2,3; a = Relu x; y = Identity a; out y"),
          BECOMES("Identity", "in x 2,3; y = Identity x; out y"),
          BECOMES("Relu Identity", "in x 2,3; y = Relu x; z = Identity y; out y; out z"),
          BECOMES("Relu Exp", "in x 2,3; a = Relu x; b = Dropout a; y = Exp b; out y"),
          BECOMES("Relu Dropout Exp", "in x 2,3; a = Relu x; b m = Dropout a; y = Exp b; out y; out m"),
          BECOMES("Relu Exp", "opset 9; in x 2,3; a = Relu x; b = Dropout a ratio=0.3; y = Exp b; out y"),
          BECOMES("Relu Exp", "opset 6; in x 2,3; a = Relu x; b = Dropout a is_test=1; y = Exp b; out y"),
          BECOMES("Exp", "in x 2,3; a = Cast x to=1; y = Exp a; out y"),
          BECOMES("Cast Exp", "in x 2,3; a = Cast x to=11; y = Exp a; out y"),
          BECOMES("Exp", "in x 2,3; a = Transpose x perm=0,1; y = Exp a; out y"),
          BECOMES("Transpose Exp", "in x 2,3; a = Transpose x; y = Exp a; out y"),
          BECOMES("Exp", "in x 3; a = Transpose x; y = Exp a; out y"),
          BECOMES("Exp", "in x N,3; ints s 0,3; a = Reshape x s; y = Exp a; out y"),
          BECOMES("Reshape Exp", "in x 2,3; ints s 3,2; a = Reshape x s; y = Exp a; out y"),
          BECOMES("Exp", "in x 2,3; a = Flatten x; y = Exp a; out y"),
          BECOMES("Exp", "in x 2,3; ints s 1,3; a = Expand x s; y = Exp a; out y"),
          BECOMES("Expand Exp", "in x 1,3; ints s 2,1; a = Expand x s; y = Exp a; out y"),
          BECOMES("Exp", "in x 2,3; ints r 1,1; a = Tile x r; y = Exp a; out y"),
          BECOMES("Tile Exp", "in x 2,3; ints r 1,2; a = Tile x r; y = Exp a; out y"),
          BECOMES("Exp", "in x 2,3; ints s 0,; ints e 99,; ints a 1,; b = Slice x s e a; y = Exp b; out y"),
          BECOMES("Slice Exp", "in x 2,3; ints s -1,; ints e -99,; ints a 1,; ints t -1,; b = Slice x s e a t; "
                               "y = Exp b; out y"),
          BECOMES("Exp", "in x 2,3; ints p 0,0,0,0; a = Pad x p; y = Exp a; out y"),
          BECOMES("Pad Exp", "in x 2,3; ints p 0,1,0,-1; a = Pad x p; y = Exp a; out y"),
          BECOMES("Exp", "in x 2,3; a = Concat x axis=1; y = Exp a; out y"),
          BECOMES("Concat Exp", "in x 2,3; a = Concat x x axis=1; y = Exp a; out y"),
          BECOMES("Exp", "in x 2,3; a = Split x axis=1; y = Exp a; out y"),
          BECOMES("Exp", "in x 2,3; in z 2,3; fill c 1 1 bool; a = Where c x z; y = Exp a; out y"),
          BECOMES("Where Exp", "in x 1,3; in z 2,3; fill c 1 1 bool; a = Where c x z; y = Exp a; out y"), );
}

static void a_neutral_operand_goes_with_its_node(void **state)
{
    CASES(BECOMES("Exp", "in x 2,3; fill k 1 1; a = Mul x k; y = Exp a; out y"),
          BECOMES("Exp", "in x 2,3; fill k 1,3 1; a = Mul k x; y = Exp a; out y"),
          BECOMES("Mul Exp", "in x 2,1; fill k 1,3 1; a = Mul x k; y = Exp a; out y"),
          BECOMES("Mul Exp", "in x 3; fill k 1,1 1; a = Mul x k; y = Exp a; out y"),
          BECOMES("Mul Exp", "in x N,?; fill k 1,2 1; a = Mul x k; y = Exp a; out y"),
          BECOMES("Exp", "in x 2,3; fill k 1 1; a = Div x k; y = Exp a; out y"),
          BECOMES("Div Exp", "in x 2,3; fill k 1 1; a = Div k x; y = Exp a; out y"),
          BECOMES("Exp", "in x 2,3; fill k 1 0; a = Sub x k; y = Exp a; out y"),
          BECOMES("Sub Exp", "in x 2,3; fill k 1 0; a = Sub k x; y = Exp a; out y"),
          BECOMES("Add Reciprocal", "in x 2,30; fill k 1 0; a = Add x k; y = Reciprocal a; out y"),
          BECOMES("Reciprocal", "in x 2,30; fill k 1 -0.0; a = Add x k; y = Reciprocal a; out y"),
          BECOMES("Sub Reciprocal", "in x 2,30; fill k 1 -0.0; a = Sub x k; y = Reciprocal a; out y"),
          BECOMES("Abs", "in x 2,3 int32; fill k 1 0 int32; a = Add x k; y = Abs a; out y"), );
}

static void pairs_that_cancel_go(void **state)
{
    CASES(
        BECOMES("Not", "in x 2,3 bool; a = Cast x to=1; b = Cast a to=9; y = Not b; out y"),
        BECOMES("Cast Exp", "in x 2,3 bfloat16; a = Cast x to=1; b = Cast a to=16; c = Cast b to=11; y = Exp c; out y"),
        BECOMES("Cast Cast Cast Exp",
                "in x 2,3 float16; a = Cast x to=16; b = Cast a to=10; c = Cast b to=11; y = Exp c; out y"),
        BECOMES("Exp", "in x 2,3,4; a = Transpose x perm=2,0,1; b = Transpose a perm=1,2,0; y = Exp b; out y"),
        BECOMES("Transpose Exp",
                "in x 2,3,4; a = Transpose x perm=2,0,1; b = Transpose a perm=2,0,1; y = Exp b; out y"),
        BECOMES("Transpose Transpose Exp",
                "in x 2,3,4; a = Transpose x perm=2,0,1; b = Transpose a perm=2,0,1; y = Exp b; out y; out a"),
        /* the Shape between goes first */
        BECOMES("Transpose Reshape", "in x 2,3,4; a = Transpose x perm=2,0,1; s = Shape a; "
                                     "b = Transpose a perm=2,0,1; y = Reshape b s; out y"),
        BECOMES("Exp", "in x 2,1,3; ints a 1,; b = Squeeze x a; c = Unsqueeze b a; y = Exp c; out y"),
        BECOMES("Squeeze Unsqueeze Exp",
                "in x 2,1,3; ints a 1,; ints k 0,; b = Squeeze x a; c = Unsqueeze b k; y = Exp c; out y"),
        BECOMES("Reshape Exp",
                "in x 2,3,4; ints s 6,4; ints t 2,-1; a = Reshape x s; b = Reshape a t; y = Exp b; out y"),
        BECOMES("Reshape Reshape Exp",
                "in x 2,3,4; ints s 6,4; ints t 0,2,2; a = Reshape x s; b = Reshape a t; y = Exp b; out y"),
        BECOMES("Reshape Exp",
                "in x 2,3,4; ints s 2,12; ints t 0,2,6; a = Reshape x s; b = Reshape a t; y = Exp b; out y"),
        BECOMES("Exp", "in x 2,3; a = Cast x to=11; b = Cast a to=1; y = Exp b; out y"),
        BECOMES("Cast Cast Exp", "in x 2,3; a = Cast x to=10; b = Cast a to=1; y = Exp b; out y"),
        BECOMES("Abs", "in x 2,3 int16; a = Cast x to=1; b = Cast a to=5; y = Abs b; out y"),
        BECOMES("Cast Cast Abs", "in x 2,3 int32; a = Cast x to=1; b = Cast a to=6; y = Abs b; out y"),
        BECOMES("Cast Cast Abs", "in x 2,3 int32; a = Cast x to=12; b = Cast a to=6; y = Abs b; out y"),
        BECOMES("Cast Abs", "in x 2,3 int8; a = Cast x to=5; b = Cast a to=7; y = Abs b; out y"),
        BECOMES("Exp", "in x 2,3; a = Neg x; b = Neg a; y = Exp b; out y"),
        BECOMES("Exp", "in x 2,4; a b = Split x axis=1; c = Concat a b axis=1; y = Exp c; out y"),
        BECOMES("Split Concat Exp", "in x 2,4; a b = Split x axis=1; c = Concat b a axis=1; y = Exp c; out y"),
        BECOMES("Split Concat Exp", "in x 2,4; a b = Split x axis=1; c = Concat a b axis=0; y = Exp c; out y"),
        BECOMES("Exp Exp", "in x 2,4; in w 2,4; a = Concat x w axis=1; b c = Split a axis=1; y = Exp b; z = Exp c; "
                           "out y; out z"),
        BECOMES("Concat Split Exp Exp",
                "in x 2,3; in w 2,5; a = Concat x w axis=1; b c = Split a axis=1; y = Exp b; z = Exp c; out y; out z"),
        BECOMES("Exp",
                "in x 1,8,2,2; a = DepthToSpace x blocksize=2; b = SpaceToDepth a blocksize=2; y = Exp b; out y"),
        BECOMES(
            "DepthToSpace SpaceToDepth Exp",
            "in x 1,8,2,2; a = DepthToSpace x blocksize=2 mode=CRD; b = SpaceToDepth a blocksize=2; y = Exp b; out y"),
        BECOMES("Abs", "in x 2,30 int8; fill s 1 0.37; fill z 1 3 int8; a = DequantizeLinear x s z; "
                       "b = QuantizeLinear a s z; y = Abs b; out y"),
        BECOMES("DequantizeLinear QuantizeLinear Abs",
                "in x 2,30 int8; fill s 1 0.37; fill t 1 0.375; fill z 1 3 int8; a = DequantizeLinear x s z; "
                "b = QuantizeLinear a t z; y = Abs b; out y"),
        BECOMES("QuantizeLinear DequantizeLinear Exp",
                "in x 2,30; fill s 1 0.37; fill z 1 3 int8; a = QuantizeLinear x s z; b = DequantizeLinear a s z; "
                "y = Exp b; out y"), );
}

static void what_is_computed_twice_is_computed_once(void **state)
{
    CASES(
        BECOMES("Exp Add", "in x 2,3; a = Exp x; b = Exp x; y = Add a b; out y"),
        BECOMES("LeakyRelu LeakyRelu Add",
                "in x 2,3; a = LeakyRelu x alpha=0.1; b = LeakyRelu x alpha=0.2; y = Add a b; out y"),
        BECOMES("LeakyRelu Add", "in x 2,3; a = LeakyRelu x alpha=0.1; b = LeakyRelu x alpha=0.1; y = Add a b; out y"),
        BECOMES("Exp Neg Sub", "in x 2,3; a = Exp x; c = Neg a; b = Exp x; y = Sub c b; out y"),
        BECOMES("Exp Abs Add", "in x 2,3; a = Exp x; b = Abs a; c = Exp x; d = Abs c; y = Add b d; out y"),
        BECOMES("Exp Exp", "in x 2,3; y = Exp x; z = Exp x; out y; out z"),
        BECOMES("Exp Neg", "in x 2,3; y = Exp x; a = Exp x; z = Neg a; out y; out z"),
        BECOMES("MatMul Concat", "in x 2,3; fill w 3,3 0.5; fill v 3,3 0.5; a = MatMul x w; b = MatMul x v; "
                                 "y = Concat a b axis=0; out y"),
        BECOMES("MatMul MatMul Add", "in x 2,3; fill w 3,3 0.5; fill v 3,3 0.25; a = MatMul x w; b = MatMul x v; "
                                     "y = Add a b; out y"),
        BECOMES("RandomNormalLike RandomNormalLike Sub Mul",
                "in x 2,3; a = RandomNormalLike x; b = RandomNormalLike x; c = Sub a b; y = Mul c x; out y"),
        BECOMES("Split Split Add", "in x 2,4; a _ = Split x axis=1; _ b = Split x axis=1; y = Add a b; out y"),
        BECOMES("Split Split", "in x 2,4; a b = Split x axis=1; c d = Split x axis=1; out a; out b; out c; out d"),
        BECOMES("Split Add Add Mul",
                "in x 2,4; a b = Split x axis=1; c d = Split x axis=1; e = Add a d; f = Add b c; y = Mul e f; out y"),
        BECOMES("ReduceSum ReduceSum Sub",
                "in x 2,4; ints a 1,; b = ReduceSum x a keepdims=0; c = ReduceSum x a keepdims=0 "
                "noop_with_empty_axes=1; y = Sub b c; out y"), );
}

static void what_nobody_reads_goes(void **state)
{
    CASES(BECOMES("Exp", "in x 2,3; y = Exp x; a = Neg x; b = Abs a; out y"),
          BECOMES("Split Exp", "in x 2,4; a b = Split x axis=1; y = Exp a; c = Neg b; out y"), );
}

static void what_is_constant_is_computed(void **state)
{
    CASES(BECOMES("Split Sum",
                  "in x 2; init w 34; a b c d e f g h i j k l m n o p q = Split w axis=0; y = Sum x a b c d e f "
                  "g h i j k l m n o p q; out y"),
          BECOMES("MatMul", "in x 2,3; init w 4,3; v = Transpose w; y = MatMul x v; out y"),
          BECOMES("Transpose MatMul MatMul",
                  "in x 2,30; in z 2,40; init w 40,30; v = Transpose w; y = MatMul x v; u = MatMul z w; "
                  "out y; out u"),
          BECOMES("MatMul", "in x 2,3; init w 12; ints s 3,4; v = Reshape w s; y = MatMul x v; out y"),
          BECOMES("Where", "in x 2,3; init a 3 int32; init b 3 int32; c = Less a b; y = Where c x x; out y"),
          BECOMES("Mul", "in x 2,3; init a 3; init b 3; c = Div a b; y = Mul x c; out y"),
          BECOMES("Exp Mul", "in x 2,3; init a 3; c = Exp a; y = Mul x c; out y"),
          BECOMES("Sqrt", "in x 2,3; fill a 3 0.3; y = Sqrt a; out y"),
          BECOMES("Cast Mul", "in x 2,3 int32; fill a 3 1e20; b = Cast a to=6; y = Mul x b; out y"),
          BECOMES("Mul", "in x 2,3 int32; fill a 3 100; b = Cast a to=6; y = Mul x b; out y"),
          BECOMES("Expand Mul", "in x 64,64; fill a 1,1 3; ints s 64,64; c = Expand a s; y = Mul x c; out y"), );
}

static void sizes_are_known_before_anything_runs(void **state)
{
    CASES(BECOMES(
              "Exp",
              "in x 2,3,4; s = Shape x; y = Exp x; a = Reshape x s; b = Reshape a s; out y; z = Identity y; w = Neg z"),
          BECOMES("Reshape", "in x 2,3,4; s = Shape x; ints i 0,; a = Gather s i; ints m -1,; c = Concat a m axis=0; "
                             "y = Reshape x c; out y"),
          BECOMES("Reshape", "in x N,3,4; s = Shape x; ints i 0,; a = Gather s i; ints m 12,; c = Concat a m axis=0; "
                             "y = Reshape x c; out y"),
          BECOMES("Reshape", "in x N,3,4; s = Shape x; ints i 0,; a = Gather s i; ints k 3,; b = Mul a k; ints m 4,; "
                             "c = Concat b m axis=0; y = Reshape x c; out y"),
          BECOMES("Shape Gather Gather Concat Reshape",
                  "in x N,M,4; s = Shape x; ints i 0,; ints j 1,; a = Gather s i; b = Gather s j; ints m 2,2; "
                  "c = Concat b a m axis=0; y = Reshape x c; out y"),
          BECOMES("Shape", "in x 2,3; y = Shape x; out y"), );
}

#define SECTIONS "in x 2,6; in z 2,1; ints o 0,; ints k 2,; ints l 4,; ints e 6,; ints t 1,; "

static void chains_become_shorter(void **state)
{
    CASES(
        BECOMES("Clip Clip Cast", "in x 2,3 bfloat16; fill a 1 -2 bfloat16; fill b 1 9 bfloat16; fill d 1 5 bfloat16; "
                                  "fill e 1 -9 bfloat16; u = Clip x a b; v = Clip u e d; y = Cast v to=1; out y"),

        BECOMES("Abs", "in x 2,30; a = Abs x; y = Abs a; out y"),
        BECOMES("Relu", "in x 2,30; a = Relu x; y = Relu a; out y"),
        BECOMES("Clip", "in x 2,30; fill l 1 0; fill h 1 6; a = Relu x; y = Clip a l h; out y"),
        BECOMES("Clip", "in x 2,30; fill l 1 0; fill h 1 6; a = Clip x l h; y = Relu a; out y"),
        BECOMES("Clip", "in x 2,30; fill l 1 -1; fill h 1 6; a = Relu x; y = Clip a l h; out y"),
        BECOMES("Clip", "in x 2,30; fill l 1 -1; fill h 1 6; fill k 1 5; a = Min x k; y = Clip a l h; out y"),
        BECOMES("Clip", "in x 2,30; fill l 1 -0.5; fill h 1 6; a = Max x l; y = Min a h; out y"),
        BECOMES("Max Min", "in x 2,30; fill l 1 0; fill h 1 6; a = Max x l; y = Min a h; out y"),
        BECOMES("Max Min", "in x 2,30; fill l 1 7; fill h 1 6; a = Max x l; y = Min a h; out y"),
        BECOMES("Max", "in x 2,30; fill l 1 -0.5; fill h 1 0.5; a = Max x l; y = Max a h; out y"),
        BECOMES("Max Max", "in x 2,30; init l 30; fill h 1 0.5; a = Max x l; y = Max a h; out y"),
        BECOMES("Clip", "in x 2,30; fill h 1 6; a = Relu x; y = Clip a _ h; out y"),
        BECOMES("Relu Clip", "in x 2,30; fill l 1 -1; a = Relu x; y = Clip a l; out y"),
        BECOMES("Relu Clip", "in x 2,30; fill l 1 -1; fill h 1 6; a = Relu x; y = Clip a l h; out y; out a"),
        BECOMES("Clip Clip", "in x 2,30; fill l 1 6; fill h 1 -6; a = Clip x l h; y = Clip a h l; out y"),
        /* Bounds that are attributes, and one that is not there. */
        BECOMES("Clip", "opset 6; in x 2,30; a = Relu x; y = Clip a min=0.0 max=6.0; out y"),
        BECOMES("Clip", "opset 6; in x 2,30; a = Clip x min=-1.0 max=4.0; y = Clip a min=-2.0 max=3.0; out y"),
        BECOMES("Clip", "opset 6; in x 2,30; a = Clip x max=4.0; y = Relu a; out y"),
        BECOMES("Clip Clip", "in x 2,30; fill a 1 -6; fill b 1 -3; fill c 1 2; fill d 1 4; e = Clip x a b; "
                             "y = Clip e c d; out y"),
        BECOMES("Clip", "opset 10; in x 2,30; a = Relu x; y = Clip a min=-1.0 max=6.0; out y"),
        BECOMES("Where", "in x 2,3; in z 2,3; in c 2,3 bool; a = Not c; y = Where a x z; out y"),
        BECOMES("Not Where", "in x 2,3; in z 2,3; in c 2,3 bool; a = Not c; y = Where a x z; out y; out a"),
        BECOMES("ReduceMax", "in x 2,3,4; ints a 1,; b = ReduceMax x axes=1, keepdims=0; y = Unsqueeze b a; out y"),
        BECOMES("ReduceMax Unsqueeze",
                "in x 2,3,4; ints a 0,; b = ReduceMax x axes=1, keepdims=0; y = Unsqueeze b a; out y"),
        BECOMES("ReduceSum",
                "in x 2,3,4; ints a -2,; ints c 1,; b = ReduceSum x a keepdims=0; y = Unsqueeze b c; out y"),
        BECOMES("ReduceMean", "in x 2,3,4; ints a 1,; b = ReduceMean x axes=1,; y = Squeeze b a; out y"),
        BECOMES("ReduceMean Squeeze", "in x 2,3,4; ints a 1,; b = ReduceMean x axes=1,; y = Squeeze b a; out y; out b"),
        BECOMES("Concat", "in x 2,3; in z 2,3; a = Concat x z axis=1; y = Concat a x axis=-1; out y"),
        BECOMES("Concat Concat", "in x 2,3; in z 2,3; a = Concat x z axis=1; y = Concat a a axis=0; out y"),
        BECOMES("Exp", "in x 2,6; ints s 0,; ints k 2,; ints e 2147483647,; ints t 1,; a = Slice x s k t; "
                       "b = Slice x k e t; c = Concat a b axis=1; y = Exp c; out y"),
        BECOMES("Slice Slice Concat Exp",
                "in x 2,6; ints s 0,; ints k 2,; ints l 3,; ints e 2147483647,; ints t 1,; a = Slice x s k t; "
                "b = Slice x l e t; c = Concat a b axis=1; y = Exp c; out y"),
        BECOMES("Concat Exp",
                SECTIONS "a = Slice x o k t; b = Slice x k e t; c = Concat a b z axis=1; y = Exp c; out y"),
        BECOMES("Concat Exp", SECTIONS "a = Slice x o k t; b = Slice x k l t; c = Slice x l e t; "
                                       "d = Concat z a b c z axis=1; y = Exp d; out y"),
        BECOMES("Concat Exp",
                SECTIONS "a = Slice x o k t; b = Slice x k e t; c = Concat z a b a b axis=1; y = Exp c; out y"),
        BECOMES("Slice Slice Concat Exp",
                SECTIONS "a = Slice x o k t; b = Slice x k e t; c = Concat a z b axis=1; y = Exp c; out y"),
        BECOMES("Slice Slice Concat Exp",
                SECTIONS "a = Slice x o k t; b = Slice x k l t; c = Concat a b z axis=1; y = Exp c; out y"),
        BECOMES("Slice Slice Concat Exp",
                SECTIONS "a = Slice x o k t; b = Slice z k e t; c = Concat a b z axis=1; y = Exp c; out y"),
        BECOMES("Slice Slice Concat Exp", "in x 2,6; ints s 0,; ints k 2,; ints e 5,; ints t 1,; a = Slice x s k t; "
                                          "b = Slice x k e t; c = Concat a b axis=1; y = Exp c; out y"),
        BECOMES("Slice",
                "in x 4,6; ints s 0,; ints k 2,; ints t 0,; ints u 1,; a = Slice x s k t; y = Slice a s k u; out y"),
        BECOMES("Slice Slice",
                "in x 4,6; ints s 1,; ints k 3,; ints t 1,; a = Slice x s k t; y = Slice a s k t; out y"), );
}

static void pads_go_into_what_pads_by_itself(void **state)
{
    CASES(
        BECOMES("Conv", "in x 1,2,5,5; init w 3,2,3,3; ints p 0,0,1,1,0,0,1,1; a = Pad x p; y = Conv a w; out y"),
        BECOMES("Conv",
                "in x 1,2,5,5; init w 3,2,3,3; ints p 0,0,1,0,0,0,2,1; a = Pad x p; y = Conv a w pads=1,1,1,1; out y"),
        BECOMES("Pad Conv",
                "in x 1,2,5,5; init w 3,2,3,3; ints p 0,0,1,1,0,0,1,1; fill k 1 1; a = Pad x p k; y = Conv a w; out y"),
        BECOMES("Pad Conv", "in x 1,1,5,5; init w 3,2,3,3; ints p 0,1,1,1,0,0,1,1; a = Pad x p; y = Conv a w; out y"),
        BECOMES("Pad Conv", "in x 1,2,5,5; init w 3,2,3,3; ints p 0,0,-1,1,0,0,1,1; a = Pad x p; y = Conv a w; out y"),
        BECOMES("Pad Conv",
                "in x 1,2,5,5; init w 3,2,3,3; ints p 0,0,1,1,0,0,1,1; a = Pad x p mode=edge; y = Conv a w; out y"),
        BECOMES("Pad Conv", "in x 1,2,5,5; init w 3,2,3,3; ints p 0,0,1,1,0,0,1,1; a = Pad x p; y = Conv a w "
                            "auto_pad=SAME_UPPER; out y"),
        BECOMES("AveragePool",
                "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; a = Pad x p; y = AveragePool a kernel_shape=2,2; out y"),
        BECOMES("Pad AveragePool", "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; a = Pad x p; "
                                   "y = AveragePool a kernel_shape=3,3 pads=1,1,1,1; out y"),
        BECOMES("Pad AveragePool", "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; a = Pad x p; "
                                   "y = AveragePool a kernel_shape=2,2 strides=2,2 ceil_mode=1; out y"),
        BECOMES("Pad AveragePool",
                "in x 1,2,5,5; ints p 0,0,2,2,0,0,2,2; a = Pad x p; y = AveragePool a kernel_shape=2,2; out y"),
        BECOMES("Pad MaxPool",
                "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; a = Pad x p; y = MaxPool a kernel_shape=2,2; out y"),
        BECOMES(
            "Sigmoid MaxPool",
            "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; b = Sigmoid x; a = Pad b p; y = MaxPool a kernel_shape=2,2; out y"),
        BECOMES("Pad AveragePool", "opset 19; in x 1,2,7,8; ints p 0,0,1,1,0,0,1,1; a = Pad x p; "
                                   "y = AveragePool a kernel_shape=2,2 dilations=2,2; out y"),
        BECOMES("Sigmoid Transpose MaxPool",
                "in x 1,2,5,4; ints p 0,0,1,1,0,0,1,1; b = Sigmoid x; "
                "c = Transpose b perm=0,1,3,2; a = Pad c p; y = MaxPool a kernel_shape=2,2; "
                "out y"),
        BECOMES("Exp Neg Pad MaxPool", "in x 1,2,5,4; ints p 0,0,1,1,0,0,1,1; b = Exp x; c = Neg b; a = Pad c p; "
                                       "y = MaxPool a kernel_shape=2,2; out y"),
        BECOMES("Tanh Pad MaxPool",
                "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; b = Tanh x; a = Pad b p; y = MaxPool a kernel_shape=2,2; out y"),
        BECOMES("MaxPool", "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; fill k 1 -inf; a = Pad x p k; y = MaxPool a "
                           "kernel_shape=2,2; out y"), );
}

static void transposes_meet(void **state)
{
    CASES(BECOMES("Transpose Transpose Add Exp",
                  "in x 2,3,4; in v 2,3,4; t = Transpose x; u = Transpose v; a = Add t u; b = Exp t; out a; out b"),
          BECOMES("Transpose Transpose Add Exp", "in x 2,3,4; in v 2,4,3; t = Transpose x perm=2,1,0; "
                                                 "u = Transpose v perm=1,2,0; a = Add t u; b = Exp a; out b"),
          BECOMES("Relu", "in x 2,3,4; a = Transpose x perm=0,2,1; b = Relu a; y = Transpose b perm=0,2,1; out y"),
          BECOMES("LeakyRelu Mul Tanh", "in x 2,3,4; fill k 1 2; a = Transpose x perm=2,0,1; b = LeakyRelu a; c = Mul "
                                        "b k; y = Transpose c perm=1,2,0; z = Tanh y; out z"),
          BECOMES("Transpose Relu Transpose",
                  "in x 2,3,4; a = Transpose x perm=2,0,1; b = Relu a; y = Transpose b perm=2,0,1; out y"),
          BECOMES("Transpose Softmax Transpose",
                  "in x 2,3,4; a = Transpose x perm=0,2,1; b = Softmax a axis=2; y = Transpose b perm=0,2,1; out y"),
          BECOMES("Transpose Mul Transpose",
                  "in x 2,3,4; init k 3; a = Transpose x perm=0,2,1; b = Mul a k; y = Transpose b perm=0,2,1; out y"),
          BECOMES("Transpose Relu Transpose",
                  "in x 2,3,4; a = Transpose x perm=0,2,1; b = Relu a; y = Transpose b perm=0,2,1; out y; out b"),
          BECOMES("Add Transpose",
                  "in x 2,3,4; in z 2,3,4; a = Transpose x perm=0,2,1; b = Transpose z perm=0,2,1; y = Add a b; out y"),
          BECOMES("Add", "in x 2,3,4; in z 2,3,4; a = Transpose x perm=0,2,1; b = Transpose z perm=0,2,1; c = Add a b; "
                         "y = Transpose c perm=0,2,1; out y"),
          BECOMES(
              "Transpose Transpose Add",
              "in x 3,3,3; in z 3,3,3; a = Transpose x perm=0,2,1; b = Transpose z perm=2,1,0; y = Add a b; out y"), );
}

static void a_skipped_node_stays(void **state)
{
    static const char *const skipped[] = { "a" };
    static const struct bnfuse_fuse_options options = { .fold_limit = 1 << 20,
                                                        .simplify = true,
                                                        .skipped = { skipped, 1 } };
    static const struct fold_case cases[] = {
        BECOMES("Transpose Transpose Exp", "in x 2,3; a = Transpose x; b = Transpose a; y = Exp b; out y"),
        BECOMES("Transpose Transpose Exp", "in x 2,3; b = Transpose x; a = Transpose b; y = Exp a; out y"),
        BECOMES("Mul Add", "in x 2,3; fill k 1 2; fill l 1 3; a = Mul k l; y = Add x a; out y"),
        BECOMES("Exp Exp Sub", "in x 2,3; a = Exp x; b = Exp x; y = Sub a b; out y"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) fold_case_run(&cases[i], &options);
}

static bool applied(const bnfuse_report *report, const char *rule)
{
    for (size_t i = 0; i < report->rewrite_count; i++)
        if (!strcmp(report->rewrites[i]->rule, rule)) return true;
    return false;
}

static void what_is_constant_is_computed_before_ir_4_too(void **state)
{
    CASES(BECOMES("Mul Exp", "ir 3; in x 2,3; fill a 3 2; fill b 3 3; k = Mul a b; z = Mul x k; y = Exp z; out y"),
          BECOMES("Reshape Exp",
                  "ir 3; in x 2,6; s = Shape x; ints n 1,-2; u = Add s n; z = Reshape x u; y = Exp z; out y"), );
}

static void a_shuffle_that_is_taken_apart_needs_no_transpose(void **state)
{
    CASES(
        /* Both halves of the channels, and one. */
        BECOMES("Reshape Constant Constant Gather Gather Sub",
                "in x 1,6,4,5; ints s 3,2,20; a = Reshape x s; b = Transpose a perm=1,0,2; ints t 2,1,3,4,5; c = "
                "Reshape b t; i = Constant value_int=0; j = Constant value_int=1; d = Gather c i axis=0; e = Gather c "
                "j axis=-5; y = Sub d e; out y"),
        BECOMES("Reshape Transpose Exp", "in x 6,4,5; ints s 3,2,20; a = Reshape x s; b = Transpose a perm=2,0,1; ints "
                                         "t 4,5,3,2; c = Reshape b t; y = Exp c; out y"),
        BECOMES("Reshape Transpose Exp", "in x N,6,4; ints s 0,3,2,4; a = Reshape x s; b = Transpose a perm=0,2,1,3; "
                                         "ints t 0,2,3,1,2,2; c = Reshape b t; y = Exp c; out y"),
        /* Axes that are merged, of other sizes, or read by others. */
        BECOMES("Reshape Transpose Reshape Exp", "in x 6,4; ints s 3,2,4; a = Reshape x s; b = Transpose a perm=1,0,2; "
                                                 "ints t 6,4; c = Reshape b t; y = Exp c; out y"),
        BECOMES("Reshape Transpose Reshape Exp", "in x 6,4; ints s 3,2,4; a = Reshape x s; b = Transpose a perm=1,0,2; "
                                                 "ints t 2,4,3; c = Reshape b t; y = Exp c; out y"),
        BECOMES("Reshape Transpose Reshape Exp Exp",
                "in x 6,4; ints s 3,2,4; a = Reshape x s; b = Transpose a perm=1,0,2; ints t 2,3,2,2; c = Reshape b t; "
                "y = Exp c; z = Exp b; out y; out z"),
        /* A Gather along an axis without which the others are out of order, and one that keeps its axis. */
        BECOMES("Transpose Constant Gather Exp",
                "in x 2,3,4; a = Transpose x perm=2,1,0; i = Constant value_int=1; b = Gather "
                "a i axis=0; y = Exp b; out y"),
        BECOMES("Constant Gather Exp", "in x 2,3,4; a = Transpose x perm=0,2,1; i = Constant value_int=1; b = Gather a "
                                       "i axis=1; y = Exp b; out y"),
        BECOMES("Transpose Gather Exp",
                "in x 2,3,4; a = Transpose x perm=0,2,1; ints i 1,0; b = Gather a i axis=1; y = Exp b; out y"), );
}

/* A rule that no model shows is a rule that nobody has seen. */
static void every_rule_has_a_model_that_shows_it(void **state)
{
    (void)state;
    for (const struct rewrite *const *family = rewrite_families; *family; family++)
        for (const struct rewrite *rewrite = *family; rewrite->is.name; rewrite++) {
            char path[2048];
            struct bnfuse_error error;
            bnfuse_fuse_options options;
            bnfuse_fuse_options_init(&options);
            options.simplify = true;
            if (rewrite->on_request) options.enabled = (bnfuse_names){ &rewrite->is.name, 1 };
            snprintf(path, sizeof path, "%s/%s.onnx", getenv("BNFUSE_MODELS"), rewrite->model);
            bnfuse_model *model = bnfuse_load(path, NULL, &error);
            if (!model || !bnfuse_fuse(model, &options, &error)) fail_msg("%s: %s", rewrite->is.name, error.message);
            const bnfuse_report *report = bnfuse_get_report(model);
            if (!applied(report, rewrite->is.name)) fail_msg("%s does not show %s", path, rewrite->is.name);
            bnfuse_free(model);
        }
}

static void what_is_only_nearly_known_stays(void **state)
{
    char path[2048];
    struct bnfuse_error error;
    bnfuse_fuse_options options;
    (void)state;
    bnfuse_fuse_options_init(&options);
    options.simplify = true;
    snprintf(path, sizeof path, "%s/simplify_not_known.onnx", getenv("BNFUSE_MODELS"));
    bnfuse_model *model = bnfuse_load(path, NULL, &error);
    if (!model || !bnfuse_fuse(model, &options, &error)) fail_msg("%s", error.message);
    const bnfuse_report *report = bnfuse_get_report(model);
    if (report->rewrite_count) fail_msg("%s of %s", report->rewrites[0]->rule, report->rewrites[0]->node);
    bnfuse_free(model);
}

static void rules_are_listed_in_the_order_of_their_rows(void **state)
{
    size_t i = 0;
    (void)state;
    for (const struct rewrite *const *family = rewrite_families; *family; family++)
        for (const struct rewrite *rewrite = *family; rewrite->is.name; rewrite++)
            assert_ptr_equal(bnfuse_get_rule(i++), &rewrite->is);
    assert_null(bnfuse_get_rule(i));
}

static void types_between_that_lose_nothing_go(void **state)
{
    CASES(BECOMES("Not Cast", "in x 2,3 uint8; u = Cast x to=5; v = Cast u to=2; y = Not w; w = Cast v to=9; out y"),
          BECOMES("Cast Cast Cast Not",
                  "in x 2,3 uint8; u = Cast x to=3; v = Cast u to=2; w = Cast v to=9; y = Not w; out y"),
          BECOMES("Cast Cast Cast Not",
                  "in x 2,3 int8; u = Cast x to=4; v = Cast u to=3; w = Cast v to=9; y = Not w; out y"),
          BECOMES("Cast Cast Cast Not",
                  "in x 2,3 int16; u = Cast x to=10; v = Cast u to=5; w = Cast v to=9; y = Not w; out y"),
          BECOMES("Cast Not", "in x 2,3 int8; u = Cast x to=10; v = Cast u to=3; w = Cast v to=9; y = Not w; out y"),
          BECOMES("Cast Cast Cast Not",
                  "in x 2,3 int32; u = Cast x to=1; v = Cast u to=6; w = Cast v to=9; y = Not w; out y"),
          BECOMES("Cast Not", "in x 2,3 int32; u = Cast x to=11; v = Cast u to=6; w = Cast v to=9; y = Not w; out y"),
          BECOMES("Cast Cast Cast Not",
                  "in x 2,3 int64; u = Cast x to=11; v = Cast u to=7; w = Cast v to=9; y = Not w; out y"),
          BECOMES("Cast Exp", "in x 2,3 float16; u = Cast x to=1; v = Cast u to=11; z = Exp v; out z"),
          BECOMES("Cast Cast Exp", "in x 2,3 float16; u = Cast x to=1; v = Cast u to=11; z = Exp v; out z; out u"),
          BECOMES("Cast Cast Cast Not",
                  "in x 2,3 float16; u = Cast x to=1; v = Cast u to=6; w = Cast v to=9; y = Not w; out y"),
          BECOMES("Cast Cast Exp", "in x 2,3; u = Cast x to=10; v = Cast u to=1; z = Exp v; out z"),
          BECOMES("Cast Cast", "in x 2,3; u = Cast x to=11; v = Cast u to=1; out v"), );
}

static void parts_go_where_they_are_the_whole(void **state)
{
    CASES(
        BECOMES("Exp", "in x 2,6; a b = Split x axis=1; c = Concat a b axis=-1; y = Exp c; out y"),
        BECOMES("Split Concat Exp", "in x 2,6; a b = Split x axis=1; c = Concat b a axis=1; y = Exp c; out y"),
        BECOMES("Split Concat Exp", "in x 4,4; a b = Split x axis=0; c = Concat a b axis=1; y = Exp c; out y"),
        BECOMES("Split Exp", "in x 2,6; a b = Split x axis=1; c = Concat a axis=1; y = Exp c; out y; out b"),
        BECOMES("Exp Neg",
                "in x 2,3; in y 2,3; c = Concat x y axis=-1; a b = Split c axis=1; z = Exp a; w = Neg b; out z; out w"),
        BECOMES("Concat Split Exp Neg",
                "in x 2,3; in y 2,3; c = Concat x y axis=1; a b = Split c axis=0; z = Exp a; w = Neg b; out z; out w"),
        BECOMES("Concat Split Exp Neg",
                "in x 2,3; in y 2,5; c = Concat x y axis=1; a b = Split c axis=1; z = Exp a; w = Neg b; out z; out w"),
        BECOMES("Concat Split Exp",
                "in x 2,3; in y 2,3; c = Concat x y axis=1; a b = Split c axis=1; z = Exp a; out z; out b"),
        BECOMES("Concat Exp", "in x 2,3; in y 2,3; c = Concat x y axis=1; a = Split c axis=1; z = Exp a; out z"),
        BECOMES("Concat Exp",
                "in x 2,3; in y 2,3; in v 2,1; c = Concat x y axis=1; d = Concat v c axis=-1; z = Exp d; out z"),
        BECOMES("Concat Concat Exp",
                "in x 2,3; in y 2,3; in v 2,1; c = Concat x y axis=1; d = Concat v c axis=1; z = Exp d; out z; out c"),
        BECOMES("Concat Exp",
                "in x 2,3; in y 2,3; in v 4,3; c = Concat x y axis=0; d = Concat v c axis=0; z = Exp d; out z"),
        BECOMES("Concat Concat Exp",
                "in x 2,3; in y 2,3; in v 2,6; c = Concat x y axis=1; d = Concat v c axis=0; z = Exp d; out z"), );
}

static void sections_that_meet_are_one(void **state)
{
    CASES(BECOMES("Exp", "in x 2,6; ints o 0; ints k 2; ints e 99; ints a 1; b = Slice x o k a; c = Slice x k e a; d = "
                         "Concat b c axis=1; y = Exp d; out y"),
          BECOMES("Exp", "in x 2,6; ints o 0; ints k 2; ints e 6; ints a -1; b = Slice x o k a; c = Slice x k e a; d = "
                         "Concat b c axis=1; y = Exp d; out y"),
          BECOMES("Concat Exp", "in x 2,6; in z 2,1; ints o 0; ints k 2; ints e 99; ints a 1; b = Slice x o k a; c = "
                                "Slice x k e a; d = Concat z b c axis=1; y = Exp d; out y"),
          BECOMES("Slice Slice Concat Exp", "in x 2,6; ints o 0; ints k 2; ints m 3; ints e 99; ints a 1; b = Slice x "
                                            "o k a; c = Slice x m e a; d = Concat b c axis=1; y = Exp d; out y"),
          BECOMES("Slice Slice Concat Exp", "in x 2,6; in z 2,6; ints o 0; ints k 2; ints e 99; ints a 1; b = Slice x "
                                            "o k a; c = Slice z k e a; d = Concat b c axis=1; y = Exp d; out y"),
          BECOMES("Exp", "in x 2,6; ints o 0; ints k 2; ints e 99; ints a 1; ints t 1; b = Slice x o k a t; c = Slice "
                         "x k e a t; d = Concat b c axis=1; y = Exp d; out y"),
          BECOMES("Slice Slice Concat Exp", "in x 2,6; ints o 0; ints k 2; ints e 99; ints a 1; ints t 2; b = Slice x "
                                            "o k a t; c = Slice x k e a t; d = Concat b c axis=1; y = Exp d; out y"),
          BECOMES("Slice Exp", "in x 2,6; in t 1 int64; ints o 0; ints k 2; ints e 99; ints a 1; b = Slice x o k a; c "
                               "= Slice x k e a t; d = Concat b axis=1; y = Exp d; out y"),
          BECOMES("Slice Slice Concat Exp", "in x 2,6; ints o 0; ints k 2; ints m 5; ints a 1; b = Slice x o k a; c = "
                                            "Slice x k m a; d = Concat b c axis=1; y = Exp d; out y"), );
}

static void slices_of_different_axes_are_one(void **state)
{
    CASES(
        BECOMES(
            "Slice Exp",
            "in x 4,6; ints o 1; ints k 3; ints a 0; ints c 1; b = Slice x o k a; d = Slice b o k c; y = Exp d; out y"),
        BECOMES("Slice Exp", "in x 4,6; ints o 1; ints k 3; ints a 0; ints c -1; b = Slice x o k a; d = Slice b o k c; "
                             "y = Exp d; out y"),
        BECOMES("Slice Slice Exp",
                "in x 4,6; ints o 1; ints k 3; ints a 0; b = Slice x o k a; d = Slice b o k a; y = Exp d; out y"),
        BECOMES("Slice Slice Exp", "in x 4,6; ints o 1; ints k 3; ints a 0; ints c 1; b = Slice x o k a; d = Slice b o "
                                   "k c; y = Exp d; out y; out b"),
        BECOMES("Slice Slice Shape", "in x 4,6; in e 1 int64; ints o 0; ints k 3; ints a 0; ints c 1; b = Slice x o k "
                                     "a; d = Slice b o e c; y = Shape d; out y"),
        BECOMES("Slice Slice Exp", "in x 4,6; ints o 1; ints k 3; ints a 0; ints c 1; ints t 2; b = Slice x o k a; d = "
                                   "Slice b o k c t; y = Exp d; out y"),
        BECOMES("Slice Slice Exp",
                "in x 4,6; ints o 1; ints k 3; ints a 0; b = Slice x o k a; d = Slice b o k; y = Exp d; out y"),
        BECOMES("Squeeze Slice Slice Exp", "in x 2,6,?,?; q = Squeeze x; ints o 1; ints k 3; ints a 1; ints c 2; ints "
                                           "z 0; b = Slice q o k a; d = Slice b z k c; y = Exp d; out y"),
        BECOMES("Slice Shape Cast", "in x 4,6; in t 1 int64; ints o 0; ints k 4; ints a 0; b = Slice x o k a t; y = "
                                    "Shape b; c = Cast y to=1; out c"), );
}

static void what_is_quantized_again_is_the_same(void **state)
{
    CASES(
        BECOMES("DequantizeLinear QuantizeLinear Cast",
                "in x 4,3 int8; fill s 1 0.5; d = DequantizeLinear x s; q = QuantizeLinear d s z; fill z 1 0 int8; y = "
                "Cast q to=1; out y"),
        BECOMES("Cast", "in x 4,3 int8; fill s 1 0.5; fill z 1 3 int8; d = DequantizeLinear x s z; q = QuantizeLinear "
                        "d s z; y = Cast q to=1; out y"),
        BECOMES("Cast", "in x 4,3 uint8; fill s 1 0.5; fill z 1 3 uint8; d = DequantizeLinear x s z; q = "
                        "QuantizeLinear d s z; y = Cast q to=1; out y"),
        BECOMES("DequantizeLinear QuantizeLinear Cast",
                "in x 4,3 uint8; fill s 1 0.5; fill t 1 0.25; fill z 1 3 uint8; d = DequantizeLinear x s z; q = "
                "QuantizeLinear d t z; y = Cast q to=1; out y"),
        BECOMES("DequantizeLinear QuantizeLinear Cast",
                "in x 4,3 uint8; fill s 1 1e-38; fill z 1 3 uint8; d = DequantizeLinear x s z; q = QuantizeLinear d s "
                "z; y = Cast q to=1; out y"),
        BECOMES("DequantizeLinear QuantizeLinear Cast",
                "in x 3,3 uint8; init s 3; fill z 3 3 uint8; d = DequantizeLinear x s z axis=0; q = QuantizeLinear d s "
                "z axis=1; y = Cast q to=1; out y"),
        BECOMES("Cast", "in x 3,4 uint8; fill s 3 0.5; fill z 3 3 uint8; d = DequantizeLinear x s z axis=0; q = "
                        "QuantizeLinear d s z axis=0; y = Cast q to=1; out y"),
        BECOMES("DequantizeLinear QuantizeLinear Cast",
                "in x 4,3 uint8; in s 1; fill z 1 3 uint8; d = DequantizeLinear x s z; q = QuantizeLinear d s z; y = "
                "Cast q to=1; out y"),
        BECOMES("Exp",
                "in x 2,12,4,6; a = DepthToSpace x blocksize=2; b = SpaceToDepth a blocksize=2; y = Exp b; out y"),
        BECOMES(
            "DepthToSpace SpaceToDepth Exp",
            "in x 2,12,4,6; a = DepthToSpace x blocksize=2 mode=CRD; b = SpaceToDepth a blocksize=2; y = Exp b; out y"),
        BECOMES("Exp",
                "in x 2,3,4,6; a = SpaceToDepth x blocksize=2; b = DepthToSpace a blocksize=2; y = Exp b; out y"),
        BECOMES(
            "SpaceToDepth DepthToSpace Exp",
            "in x 2,3,4,6; a = SpaceToDepth x blocksize=2; b = DepthToSpace a blocksize=2 mode=CRD; y = Exp b; out y"),
        BECOMES("DepthToSpace SpaceToDepth Exp",
                "in x 2,36,4,6; a = DepthToSpace x blocksize=3; b = SpaceToDepth a blocksize=2; y = Exp b; out y"), );
}

static void pads_that_are_not_known_stay(void **state)
{
    CASES(
        BECOMES("Conv", "opset 10; in x 1,2,5,5; init w 3,2,3,3; a = Pad x pads=0,0,1,1,0,0,1,1; y = Conv a w; out y"),
        BECOMES(
            "Pad Conv",
            "opset 10; in x 1,2,5,5; init w 3,2,3,3; a = Pad x pads=0,0,1,1,0,0,1,1 value=0.5; y = Conv a w; out y"),
        BECOMES("Pad Shape", "in x 1,2,5,5; in p 8 int64; init w 3,2,3,3; a = Pad x p; y = Shape a; out y"),
        BECOMES("Pad Conv",
                "in x 1,2,5,5; in k 1; init w 3,2,3,3; ints p 0,0,1,1,0,0,1,1; a = Pad x p k; y = Conv a w; out y"),
        BECOMES(
            "Pad Conv",
            "opset 18; in x 1,2,5,5; init w 3,2,3,3; ints p 1,1,1,1; ints e 2,3; a = Pad x p _ e; y = Conv a w; out y"),
        BECOMES(
            "Conv",
            "in x 1,2,5,5; init w 3,2,3,3; ints p 0,0,1,1,0,0,1,1; a = Pad x p; y = Conv a w auto_pad=VALID; out y"),
        BECOMES(
            "Pad Conv Exp",
            "in x 1,2,5,5; init w 3,2,3,3; ints p 0,0,1,1,0,0,1,1; a = Pad x p; y = Conv a w; z = Exp a; out y; out z"),
        BECOMES(
            "Pad Conv",
            "in x 1,2,5,5; init w 3,2,3,3; ints p 0,0,1,1,0,0,1,1; fill k 1 -0.0; a = Pad x p k; y = Conv a w; out y"),
        BECOMES(
            "Pad AveragePool",
            "opset 6; ir 3; in x 1,2,5,5; a = Pad x pads=0,0,1,1,0,0,1,1; y = AveragePool a kernel_shape=2,2; out y"),
        BECOMES("AveragePool", "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; a = Pad x p; y = AveragePool a kernel_shape=2,3 "
                               "pads=0,0,0,1 count_include_pad=1; out y"),
        BECOMES("Pad AveragePool", "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; fill k 1 0.5; a = Pad x p k; y = AveragePool "
                                   "a kernel_shape=2,2; out y"),
        BECOMES("Sigmoid Pad MaxPool", "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; r = Sigmoid x; a = Pad r p; y i = "
                                       "MaxPool a kernel_shape=2,2; out y; out i"),
        BECOMES("Sigmoid MaxPool", "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; r = Sigmoid x; a = Pad r p; y = MaxPool a "
                                   "kernel_shape=3,3 pads=1,1,1,1; out y"),
        BECOMES("Sigmoid Pad MaxPool", "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; r = Sigmoid x; a = Pad r p; y = MaxPool "
                                       "a kernel_shape=3,3 pads=2,2,2,2; out y"),
        BECOMES("Sigmoid Pad MaxPool", "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; fill k 1 1; r = Sigmoid x; a = Pad r p "
                                       "k; y = MaxPool a kernel_shape=2,2; out y"),
        BECOMES("Pad MatMul", "in x 2,5; ints p 0,1,0,1; a = Pad x p; init w 7,3; y = MatMul a w; out y"),
        BECOMES("Pad MaxPool Cast", "in x 1,2,5,5 uint8; ints p 0,0,1,1,0,0,1,1; a = Pad x p; y = MaxPool a "
                                    "kernel_shape=2,2; z = Cast y to=1; out z"), );
}

static void views_meet_where_the_dims_say_the_same(void **state)
{
    CASES(
        BECOMES("Reshape Exp", "in x 2,3,4; ints s 6,4; ints t 24; a = Reshape x s; b = Reshape a t; y = Exp b; out y"),
        BECOMES("Reshape Reshape Exp",
                "in x 2,3,4; ints s 6,4; ints t 0,2,2; a = Reshape x s; b = Reshape a t; y = Exp b; out y"),
        BECOMES("Reshape Exp",
                "in x 2,3,4; ints s 2,12; ints t 0,4,3; a = Reshape x s; b = Reshape a t; y = Exp b; out y"),
        BECOMES("Reshape Exp", "opset 14; in x 2,3,4; ints s 2,12; ints t 2,4,3; a = Reshape x s; b = Reshape a t "
                               "allowzero=1; y = Exp b; out y"),
        BECOMES(
            "Reshape Reshape Exp Neg",
            "in x 2,3,4; ints s 6,4; ints t 24; a = Reshape x s; b = Reshape a t; y = Exp b; z = Neg a; out y; out z"),
        BECOMES("Reshape Exp", "in x 2,3,4; a = Flatten x; ints t 4,6; b = Reshape a t; y = Exp b; out y"),
        BECOMES("Reshape Exp", "in x 2,1,4; ints a 1; u = Squeeze x a; ints t 8; b = Reshape u t; y = Exp b; out y"),
        BECOMES("Reshape Exp",
                "opset 4; ir 3; in x 2,3,4; a = Reshape x shape=6,4; b = Reshape a shape=24,; y = Exp b; out y"),
        BECOMES("ReduceMean Exp",
                "in x 2,3,4; m = ReduceMean x axes=1, keepdims=1; ints a 1; s = Squeeze m a; y = Exp s; out y"),
        BECOMES("ReduceMean Exp",
                "in x 2,3,4; m = ReduceMean x axes=1, keepdims=0; ints a 1; s = Unsqueeze m a; y = Exp s; out y"),
        BECOMES("ReduceMean Exp",
                "in x 2,3,4; m = ReduceMean x axes=-2, keepdims=0; ints a 1; s = Unsqueeze m a; y = Exp s; out y"),
        BECOMES("ReduceMean Unsqueeze Exp",
                "in x 2,3,4; m = ReduceMean x axes=1, keepdims=0; ints a 0; s = Unsqueeze m a; y = Exp s; out y"),
        BECOMES("ReduceMean Squeeze Exp",
                "in x 2,1,4; m = ReduceMean x axes=2, keepdims=1; ints a 1; s = Squeeze m a; y = Exp s; out y"),
        BECOMES("ReduceMean Squeeze Exp Neg", "in x 2,3,4; m = ReduceMean x axes=1, keepdims=1; ints a 1; s = Squeeze "
                                              "m a; y = Exp s; z = Neg m; out y; out z"),
        BECOMES("ReduceMean Squeeze Exp",
                "in x 2,3,4; m = ReduceMean x keepdims=1; ints a 0,1,2; s = Squeeze m a; y = Exp s; out y"), );
}

static void transposes_meet_only_where_they_are_known(void **state)
{
    CASES(
        BECOMES("Exp", "in x 2,3,4; t = Transpose x perm=1,2,0; u = Transpose t perm=2,0,1; y = Exp u; out y"),
        BECOMES("Transpose Exp",
                "in x 2,3,4; t = Transpose x perm=1,2,0; u = Transpose t perm=1,2,0; y = Exp u; out y"),
        BECOMES(
            "Transpose Transpose Exp Neg",
            "in x 2,3,4; t = Transpose x perm=1,2,0; u = Transpose t perm=1,2,0; y = Exp u; z = Neg t; out y; out z"),
        BECOMES("Mul Exp", "in x 2,3,4; t = Transpose x; fill k 1 2; m = Mul t k; u = Transpose m; y = Exp u; out y"),
        BECOMES("Transpose Mul Transpose Exp",
                "in x 2,3,4; t = Transpose x; init k 2; m = Mul t k; u = Transpose m; y = Exp u; out y"),
        BECOMES("Transpose Mul Squeeze Transpose Exp", "in x 2,3,4; t = Transpose x; fill k 1,1,1,1 2; m = Mul t k; "
                                                       "ints a 0; s = Squeeze m a; u = Transpose s; y = Exp u; out y"),
        BECOMES("Transpose Add Transpose Exp",
                "in x 2,3,4; in v 4,3,2; t = Transpose x; m = Add t v; u = Transpose m; y = Exp u; out y"),
        BECOMES("Squeeze Transpose Transpose Exp",
                "in x 2,3,?,?; q = Squeeze x; t = Transpose q; u = Transpose t; y = Exp u; out y"),
        BECOMES(
            "Sum Transpose Exp",
            "in x 2,3,4; in v 2,3,4; t = Transpose x; w = Transpose v; fill k 1 2; m = Sum t w k; y = Exp m; out y"),
        BECOMES("Transpose Transpose Sum Exp",
                "in x 2,3,4; in v 2,3,4; init k 2; t = Transpose x; w = Transpose v; m = Sum t w k; y = Exp m; out y"),
        BECOMES("Transpose Transpose Concat Exp",
                "in x 2,3,4; in v 2,3,4; t = Transpose x; w = Transpose v; m = Concat t w axis=0; y = Exp m; out y"),
        BECOMES("Transpose Dropout Transpose Exp",
                "in x 2,3,4; t = Transpose x; m s = Dropout t; u = Transpose m; y = Exp u; out y; out s"),
        BECOMES("Transpose Softmax Transpose Exp",
                "in x 2,3,4; t = Transpose x; m = Softmax t axis=0; u = Transpose m; y = Exp u; out y"), );
}

static void constants_are_computed_where_the_result_is_fixed(void **state)
{
    CASES(
        BECOMES("Add Cast", "in x 3 int64; fill w 3 2.5; c = Cast w to=7; y = Add x c; z = Cast y to=1; out z"),
        BECOMES("Cast Add Cast Not Shape", "in x 3 int32; fill w 3 1e20; c = Cast w to=6; y = Add x c; z = Cast y "
                                           "to=9; q = Not z; s = Shape q; out s"),
        BECOMES("Cast Equal Shape", "in x 3 uint8; fill w 3 -1; c = Cast w to=2; y = Equal x c; s = Shape y; out s"),
        BECOMES("Equal Not", "in x 3 uint8; fill w 3 200; c = Cast w to=2; y = Equal x c; z = Not y; out z"),
        BECOMES("Cast Equal Shape", "in x 3 int8; fill w 3 200; c = Cast w to=3; y = Equal x c; s = Shape y; out s"),
        BECOMES("Cast Equal Shape", "in x 3 int32; fill w 3 nan; c = Cast w to=6; y = Equal x c; s = Shape y; out s"),
        BECOMES("Not", "in x 3 bool; fill w 3 2.5; c = Cast w to=9; y = And x c; z = Not y; out z"),
        BECOMES("Mul", "in x 3; init w 3; init v 3; c = Add w v; y = Mul x c; out y"),
        BECOMES("Mul", "in x 2; init w 4; _ b = Split w axis=0; y = Mul x b; out y"),
        BECOMES("Mul", "in x 2; init w 4; a _ = Split w axis=0; y = Mul x a; out y"),
        BECOMES("Exp Mul", "in x 3; init w 3; c = Exp w; y = Mul x c; out y"),
        BECOMES("Neg Mul", "in x 3; init w 3; c = Neg w; y = Mul x c; out y; out c"),
        BECOMES(
            "Mul Mul",
            "in x 3; init w 3; init v 3; c = Add w v; d = Mul c w; e = Neg c; y = Mul x d; z = Mul x e; out y; out z"),
        BECOMES("Relu Mul Mul Add",
                "in x 3; init w 3; init v 3; c = Add w v; d = Relu c; y = Mul x d; z = Mul y w; q = Add z v; out q"),
        BECOMES("TopK Mul", "in x 2; init w 5; ints k 2; v i = TopK w k; y = Mul x v; out y"),
        BECOMES("TopK Gather Mul Shape", "in x 2; init w 5; ints k 2; v i = TopK w k; g = Gather x j axis=0; ints o "
                                         "0,1; j = Mul i o; y = Shape g; out y"),
        BECOMES("Cast Cast Mul", "in x 3 bfloat16; init w 3 bfloat16; init v 3 bfloat16; c = Mul w v; y = Cast x to=1; "
                                 "d = Cast c to=1; z = Mul y d; out z"),
        BECOMES("Mul", "in x 3 float16; init w 3 float16; init v 3 float16; c = Add w v; y = Mul x c; out y"),
        BECOMES("Mul", "in x 3 float64; init w 3 float64; init v 3 float64; c = Div w v; y = Mul x c; out y"),
        BECOMES("Mul", "in x 3; init w 3; init v 3; c = Div w v; y = Mul x c; out y"),
        BECOMES("Mul", "in x 3; init w 3; c = Sqrt w; y = Mul x c; out y"),
        BECOMES("MatMul Mul", "in x 2,3; ints s 3,2; init w 6; c = Reshape w s; y = MatMul x c; z = Mul y d; ints r "
                              "2,1; init e 2; d = Reshape e r; out z"),
        BECOMES("Add", "in x 2,3; init w 3,2; c = Transpose w; y = Add x c; out y"),
        BECOMES("ConstantOfShape Add", "in x 2,3; ints s 2,3; fill f 1 3; c = ConstantOfShape s; y = Add x c; out y"),
        BECOMES("Mul", "in x N,3; s = Shape x; ints i 1; g = Gather s i axis=0; r = Cast g to=1; y = Mul x r; out y"),
        BECOMES("Shape Gather Cast Mul",
                "in x N,3; s = Shape x; ints i 0; g = Gather s i axis=0; r = Cast g to=1; y = Mul x r; out y"),
        BECOMES("Mul", "in x 2,3; s = Size x; r = Cast s to=1; y = Mul x r; out y"),
        BECOMES("Shape Cast", "in x 2,3; s = Shape x; y = Cast s to=1; out y; out s"),
        BECOMES("Reshape", "in x 2,3,4; s = Shape x; ints a 0; ints b 2; l = Slice s a b; ints m -1; c = Concat l m "
                           "axis=0; y = Reshape x c; out y"),
        BECOMES("Range Mul", "in x 3; fill a 1 0; fill b 1 3; fill d 1 1; r = Range a b d; y = Mul x r; out y"),
        BECOMES("Mul",
                "in x 3; ints a 1,0,1; c = Cast a to=9; init w 3; init v 3; d = Where c w v; y = Mul x d; out y"), );
}

/* More nodes than the first table of what is known holds. */
static void a_long_chain_is_looked_through_too(void **state)
{
    enum { LENGTH = 300 };
    char text[40 * LENGTH] = "in x 2,3; a0 = Tanh x; ";
    for (int i = 1; i < LENGTH; i++) sprintf(text + strlen(text), "a%d = Add a%d a%d; ", i, i - 1, i - 1);
    sprintf(text + strlen(text), "b = Tanh a%d; c = Tanh a%d; y = Add b c; out y", LENGTH - 1, LENGTH - 1);
    const struct fold_case twice = { .text = text };
    (void)state;
    simplify_all(&twice, 1);
}

/* An attribute of Clip is a float, whatever the type of the data. */
static void bounds_that_no_float_holds_stay(void **state)
{
    CASES({ .text = "opset 8; in x 2,30; fill l 1 -0.1; fill h 1 0.7; a = Max x l; y = Min a h; out y",
            .ops = "Max Min",
            .type = DTYPE_DOUBLE },
          { .text = "opset 8; in x 2,30; fill l 1 -0.5; fill h 1 0.7; a = Max x l; y = Min a h; out y",
            .ops = "Max Min",
            .type = DTYPE_DOUBLE });
}

static void numbers_are_neutral_only_where_the_result_keeps_its_shape(void **state)
{
    CASES(BECOMES("Exp", "in x 2,300; fill k 300 1; a = Mul x k; y = Exp a; out y"),
          BECOMES("Relu Dropout Not", "in x 2,3; a = Relu x; _ m = Dropout a; y = Not m; out y"),
          BECOMES("Exp", "in x N,?; fill k - 1; a = Mul x k; y = Exp a; out y"),
          BECOMES("Squeeze Mul Exp", "in x 2,3,?,?; q = Squeeze x; fill k 1,1 1; a = Mul q k; y = Exp a; out y"),
          BECOMES("Pow Exp", "in x 2,3; fill k - 1 int64; a = Pow x k; y = Exp a; out y"), );
}

/* Relu(-0.0) is 0 for one runtime and -0.0 for another. */
static void bounds_of_the_other_zero_stay(void **state)
{
    CASES(BECOMES("Relu Clip", "in x 2,30; fill l 1 -0.0; fill h 1 6; a = Relu x; y = Clip a l h; out y"),
          BECOMES("Relu Clip", "opset 6; in x 2,30; a = Relu x; y = Clip a min=-0.0 max=6.0; out y"),
          BECOMES("Max Max", "in x 2,30; in z 2,30; fill l 1 -1; a = Max x l; y = Max a z l; out y"), );
}

static void what_is_quantized_in_another_way_stays(void **state)
{
    CASES(BECOMES("Cast Cast Abs Neg",
                  "in x 2,3 int8; a = Cast x to=5; b = Cast a to=7; y = Abs b; z = Neg a; out y; out z"),
          BECOMES("DequantizeLinear QuantizeLinear Abs",
                  "broken; in x 2,30 int8; fill s 1 0.37; fill z 1 3 int8; a = DequantizeLinear x s z; b = "
                  "QuantizeLinear a s z; y = Abs b; out y; gone s"),
          BECOMES("DequantizeLinear QuantizeLinear", "in x 2,30 int8; fill s 1 0.37; fill z 1 3 int8; a = "
                                                     "DequantizeLinear x s z; b = QuantizeLinear a s z; out b"),
          BECOMES("DequantizeLinear QuantizeLinear Abs",
                  "opset 21; in x 4,8 int8; fill s 4,2 0.5; fill z 4,2 0 int8; a = DequantizeLinear x s z axis=1 "
                  "block_size=4; b = QuantizeLinear a s z axis=1 block_size=4; y = Abs b; out y"),
          BECOMES("DequantizeLinear QuantizeLinear Cast",
                  "opset 19; in x 2,30 float8e4m3fn; fill s 1 0.37; fill z 1 0 float8e4m3fn; a = DequantizeLinear x s "
                  "z; b = QuantizeLinear a s z; y = Cast b to=1; out y"), );
}

static void transposes_of_other_ranks_stay(void **state)
{
    CASES(BECOMES("Transpose Transpose Add Exp",
                  "in x 2,3,4; in v 2,3; t = Transpose x; w = Transpose v; m = Add t w; y = Exp m; out y"),
          BECOMES("Squeeze Squeeze Add Transpose Exp",
                  "in x 2,3,?; in v 2,3,?; q = Squeeze x; r = Squeeze v; t = Transpose q perm=1,0,2; u = Transpose r "
                  "perm=1,0,2; m = Add t u; y = Exp m; out y"),
          BECOMES("Transpose Exp", "broken; in x 2,3,4; t = Transpose x perm=0,1; y = Exp t; out y"), );
}

static void sections_that_are_not_known_stay(void **state)
{
    CASES(BECOMES("Split Concat Exp", "in x 2,4; a b = Split x axis=1; c = Concat a a axis=1; y = Exp c; out y"),
          BECOMES("Squeeze Concat Concat",
                  "in x 2,3,?; q = Squeeze x; a = Concat q q axis=-1; y = Concat a q axis=2; out y"),
          BECOMES("Slice Slice Concat Exp", "in x 6,6; ints s 0,; ints k 3,; ints e 6,; ints t 0,; a = Slice x s k t; "
                                            "b = Slice x k e t; c = Concat a b axis=1; y = Exp c; out y"),
          BECOMES("Slice Concat Exp", "in x 6,6; ints s 0,0; ints k 3,3; ints t 0,1; a = Slice x s k t; b = Slice x s "
                                      "k t; c = Concat a b axis=1; y = Exp c; out y"),
          BECOMES("Slice Slice Concat", "in x 2,6; ints s 0,; ints k 2,; ints e 6,; ints t 1,; a = Slice x s k t; b = "
                                        "Slice x k e t; c = Concat a b axis=1; out c"),
          BECOMES("Slice Slice Concat Exp",
                  "in x 2,6; ints s 0,; ints k 2,; ints e 6,; ints t 1,; in p 1 int64; a = Slice x s k t p; b = Slice "
                  "x k e t; c = Concat a b axis=1; y = Exp c; out y"),
          BECOMES("Slice Slice Concat Exp", "in x 2,6; in s 1 int64; ints k 2,; ints e 6,; ints t 1,; a = Slice x s k "
                                            "t; b = Slice x k e t; c = Concat a b axis=1; y = Exp c; out y"), );
}

static void outputs_that_are_absent_are_not_missed(void **state)
{
    CASES(BECOMES("Split Add", "in x 2,4; a _ = Split x axis=1; c _ = Split x axis=1; y = Add a c; out y"),
          BECOMES("Mul", "in x 2; init w 4; _ b = Split w axis=0; c = Neg b; y = Mul x c; out y"),
          BECOMES("Mul", "in x 3; init w 1,3; c = Squeeze w _; y = Mul x c; out y"),
          BECOMES("Reshape", "in x 2,3,4; s = Shape x; ints a 0; ints b 2; ints t 1; l = Slice s a b _ t; ints m -1; c "
                             "= Concat l m axis=0; y = Reshape x c; out y"), );
}

static void constants_that_cannot_be_read_stay(void **state)
{
    CASES(
        BECOMES("Cast Mul", "broken; in x 3 int32; fill a 3 100; b = Cast a to=6; y = Mul x b; out y; gone a"),
        BECOMES("Mul", "in x 3; fill a 3 -1; c = Sqrt a; y = Mul x c; out y"),
        BECOMES("Constant Reshape Where",
                "in b 2,1 bool; c = Constant value_strings=|a|b; ints s 2,1; r = Reshape c s; y = Where b r r; out y"),
        BECOMES("Reshape Add Neg Mul Add", "in x 3,40; init w 120; ints s 3,40; c = Reshape w s; y = Add x c; z = Neg "
                                           "w; v = Mul z w; in u 120; m = Add v u; out y; out m"), );
}

static void what_is_given_at_run_time_or_stored_twice_is_told_apart(void **state)
{
    CASES(BECOMES("Mul", "in x 2,3; fill a 2,3 2; b = Constant value_float=1.0; c = Mul a b; y = Mul x c; out y"),
          BECOMES("Mul Mul Add",
                  "in x 2,3; a = Constant value_float=3.0; fill b - 3; y = Mul x a; z = Mul y b; q = Add z y; out q"),
          BECOMES("Constant Gather Exp", "in x 2,3,4; t = Transpose x perm=0,2,1; i = Constant value_int=-1; b = "
                                         "Gather t i axis=-1; y = Exp b; out y"),
          BECOMES("Pad Conv",
                  "in x 1,2,5,5; ints p 0,0,1,1,0,0,1,1; in k -; a = Pad x p k; init w 3,2,3,3; y = Conv a w; out y"),
          BECOMES("Pad Exp", "in x 2,5; ints p 0,1,0,1; a = Pad x p; y = Exp a; out y"),
          BECOMES("Clip", "opset 8; in x 2,30; a = Clip x min=-1.0; y = Clip a max=4.0; out y"),
          BECOMES("Clip", "opset 8; in x 2,30; fill k 1 0.1; a = Max x k; y = Clip a max=4.0; out y"),
          BECOMES("Clip", "in x 2,30; fill k 1 5; fill l 1 2; a = Min x k; y = Max a l; out y"),
          BECOMES("Min Max", "in x 2,30; fill k 1 2; fill l 1 5; a = Min x k; y = Max a l; out y"), );
}

/* Convs of one weight, or of equal ones, whose BatchNormalizations have the same parameters: what comes of the second
 * is that of the first. */
static void constants_that_folds_have_made_equal_are_one(void **state)
{
    static const struct bnfuse_fuse_options options = { .fold_limit = 1 << 20, .simplify = true };
    struct build b;
    struct model model;
    struct net net;
    struct pass_report report;
    struct bnfuse_error error;
    (void)state;
    build_open(&b, 8, 13);
    build_init(&b, "w", DTYPE_FLOAT, "4,3,1,1", 1);
    build_init(&b, "equal", DTYPE_FLOAT, "4,3,1,1", 1);
    build_init(&b, "b", DTYPE_FLOAT, "4", 2);
    build_init_values(&b, "v", DTYPE_FLOAT, "4", (const double[]){ 1, 2, 3, 4 });
    for (int i = 0; i < 3; i++) {
        char x[16], c[16], y[16], conv[32], norm[32];
        snprintf(x, sizeof x, "x%d", i);
        snprintf(y, sizeof y, "y%d", i);
        snprintf(conv, sizeof conv, "%s %s b", x, i ? "w" : "equal");
        snprintf(c, sizeof c, "c%d", i);
        snprintf(norm, sizeof norm, "%s b b b v", c);
        build_input(&b, x, DTYPE_FLOAT, "2,3,5,5");
        build_node(&b, "Conv", NULL, conv, c, NULL);
        build_node(&b, "BatchNormalization", NULL, norm, y, NULL);
        build_output(&b, y, DTYPE_FLOAT, NULL);
    }
    build_load(&b, &model, &net);
    if (!passes_run(&net, &options, &report, &error)) fail_msg("%s", error.message);
    assert_int_equal(report.left, 0);
    assert_int_equal(net.main->initializer_count, 2);
    build_close(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_that_folds_have_made_equal_are_one),
        cmocka_unit_test(nodes_that_change_nothing_go),
        cmocka_unit_test(a_neutral_operand_goes_with_its_node),
        cmocka_unit_test(pairs_that_cancel_go),
        cmocka_unit_test(what_is_computed_twice_is_computed_once),
        cmocka_unit_test(what_nobody_reads_goes),
        cmocka_unit_test(what_is_constant_is_computed),
        cmocka_unit_test(sizes_are_known_before_anything_runs),
        cmocka_unit_test(chains_become_shorter),
        cmocka_unit_test(pads_go_into_what_pads_by_itself),
        cmocka_unit_test(transposes_meet),
        cmocka_unit_test(a_skipped_node_stays),
        cmocka_unit_test(what_is_constant_is_computed_before_ir_4_too),
        cmocka_unit_test(a_shuffle_that_is_taken_apart_needs_no_transpose),
        cmocka_unit_test(every_rule_has_a_model_that_shows_it),
        cmocka_unit_test(what_is_only_nearly_known_stays),
        cmocka_unit_test(rules_are_listed_in_the_order_of_their_rows),
        cmocka_unit_test(types_between_that_lose_nothing_go),
        cmocka_unit_test(parts_go_where_they_are_the_whole),
        cmocka_unit_test(sections_that_meet_are_one),
        cmocka_unit_test(slices_of_different_axes_are_one),
        cmocka_unit_test(what_is_quantized_again_is_the_same),
        cmocka_unit_test(a_long_chain_is_looked_through_too),
        cmocka_unit_test(pads_that_are_not_known_stay),
        cmocka_unit_test(views_meet_where_the_dims_say_the_same),
        cmocka_unit_test(transposes_meet_only_where_they_are_known),
        cmocka_unit_test(constants_are_computed_where_the_result_is_fixed),
        cmocka_unit_test(bounds_that_no_float_holds_stay),
        cmocka_unit_test(numbers_are_neutral_only_where_the_result_keeps_its_shape),
        cmocka_unit_test(bounds_of_the_other_zero_stay),
        cmocka_unit_test(what_is_quantized_in_another_way_stays),
        cmocka_unit_test(transposes_of_other_ranks_stay),
        cmocka_unit_test(sections_that_are_not_known_stay),
        cmocka_unit_test(outputs_that_are_absent_are_not_missed),
        cmocka_unit_test(constants_that_cannot_be_read_stay),
        cmocka_unit_test(what_is_given_at_run_time_or_stored_twice_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
