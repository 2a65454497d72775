/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators on request in place of what they were written out as (--enable gemm, layer-norm, gelu, hard-swish, mish),
 * each beside what is nearly that and stays as it is. */
#include "fold_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void form(const struct fold_case *cases, size_t count)
{
    static const char *const all[] = { "gemm", "layer-norm", "gelu", "hard-swish", "mish" };
    static const struct bnfuse_fuse_options options = { .fold_limit = 1 << 20, .enabled = { all, 5 } };
    for (size_t i = 0; i < count; i++) fold_case_run(&cases[i], &options);
}

#define CASES(...)                                           \
    static const struct fold_case cases[] = { __VA_ARGS__ }; \
    (void)state;                                             \
    form(cases, sizeof cases / sizeof *cases)
#define BECOMES(ops_, text_)       \
    {                              \
        .text = text_, .ops = ops_ \
    }
/* A number that stands for a root or a sixth is off by half a unit in the last place of float32. */
#define NEARLY(ops_, text_) BECOMES(ops_, text_ "; within 1e-7")

static void a_product_and_a_sum_of_matrices_become_gemm(void **state)
{
    CASES(BECOMES("Gemm", "in x 2,3; init w 3,4; init b 4; a = MatMul x w; y = Add a b; out y"),
          BECOMES("Gemm", "in x N,3; init w 3,4; init b 4; a = MatMul x w; y = Add b a; out y"),
          BECOMES("Gemm", "in x 2,3; init w 3,4; init b 2,1; a = MatMul x w; y = Add a b; out y"),
          BECOMES("Gemm", "in x 2,3; in w 3,4; in b 2,4; a = MatMul x w; y = Add a b; out y"),
          BECOMES("Gemm", "in x 2,3; init w 3,4; fill b 1 2; a = MatMul x w; y = Add a b; out y"),
          BECOMES("MatMul Gemm Gemm",
                  "in x 2,3; init w 3,4; init v 4,4; a = MatMul x w; b = MatMul a v; y = Add a b; init c 4; "
                  "z = MatMul x w; u = Add z c; out y; out u"), );
}

static void what_is_no_gemm_stays(void **state)
{
    CASES(BECOMES("MatMul Add", "in x 5,2,3; init w 3,4; init b 4; a = MatMul x w; y = Add a b; out y"),
          BECOMES("MatMul Add", "in x 1,3; init w 3,4; init b 2,4; a = MatMul x w; y = Add a b; out y"),
          BECOMES("MatMul Add", "in x 2,3; init w 3,4; init b 1,1,4; a = MatMul x w; y = Add a b; out y"),
          BECOMES("MatMul Add", "in x 3; init w 3,4; init b 4; a = MatMul x w; y = Add a b; out y"),
          BECOMES("MatMul Add", "in x N,3; init w 3,4; in b M,4; a = MatMul x w; y = Add a b; out y"),
          BECOMES("MatMul Add", "in x 2,3; init w 3,4; init b 4; a = MatMul x w; y = Add a b; out y; out a"),
          BECOMES("MatMul Add Exp",
                  "in x 2,3; init w 3,4; init b 4; a = MatMul x w; y = Add a b; z = Exp a; out y; out z"),
          BECOMES("MatMul Add", "opset 6; in x 2,4; init w 4,4; init b 2,4; a = MatMul x w; y = Add a b; out y"),
          BECOMES("MatMul Sub", "in x 2,3; init w 3,4; init b 4; a = MatMul x w; y = Sub a b; out y"), );
}

/* Opset 18 has the axes as an input. */
#define MEAN(out, in) out " = ReduceMean " in " last; "
#define VARIANCE      "fill two 1 2; fill e 1 0.00390625; q = Pow d two; " MEAN("v", "q") "w = Add v e; r = Sqrt w; "
#define NORM(dims)    "opset 18; in x " dims "; ints last -1,; " MEAN("m", "x") "d = Sub x m; " VARIANCE
#define NORM_OPS      "ReduceMean Sub Pow ReduceMean Add Sqrt Div"

static void layer_normalization_that_is_written_out_becomes_one(void **state)
{
    CASES(
        BECOMES("LayerNormalization", NORM("2,3,8") "y = Div d r; out y"),
        BECOMES("LayerNormalization", NORM("2,3,8") "n = Div d r; init s 8; y = Mul n s; out y"),
        BECOMES("LayerNormalization", NORM("N,3,8") "n = Div d r; init s 8; p = Mul s n; init b 8; y = Add b p; out y"),
        BECOMES("LayerNormalization",
                NORM("N,?,8") "i = Reciprocal r; n = Mul i d; init s 8; p = Mul s n; init b 8; y = Add b p; out y"),
        BECOMES("LayerNormalization Mul", NORM("2,3,8") "n = Div d r; fill s 1 0.5; y = Mul n s; out y"),
        BECOMES("LayerNormalization Mul Add",
                NORM("2,3,8") "n = Div d r; init s 3,8; p = Mul s n; init b 8; y = Add b p; out y"),
        BECOMES("LayerNormalization", NORM("2,3,8") "n = Div d r; init b 8; y = Add b n; out y"),
        BECOMES("LayerNormalization Add Exp",
                NORM("2,3,8") "n = Div d r; init s 8; p = Mul s n; init b 8; y = Add b p; z = Exp p; out y; out z"),
        BECOMES(
            "LayerNormalization",
            "opset 17; in x 2,4,8; m = ReduceMean x axes=1,2; d = Sub x m; q = Mul d d; v = ReduceMean q axes=-1,1; "
            "fill e 1 0.00390625; w = Add e v; r = Sqrt w; n = Div d r; init s 4,8; y = Mul n s; out y"), );
}

static void what_is_no_layer_normalization_stays(void **state)
{
    CASES(BECOMES(NORM_OPS, "opset 16; in x 2,3,8; m = ReduceMean x axes=-1,; d = Sub x m; fill two 1 2; "
                            "fill e 1 0.00390625; q = Pow d two; v = ReduceMean q axes=-1,; w = Add v e; r = Sqrt w; "
                            "y = Div d r; out y"),
          /* a mean along another axis, or along one that is not the last */
          BECOMES(NORM_OPS, "opset 17; in x 2,8,8; m = ReduceMean x axes=1,; d = Sub x m; fill two 1 2; "
                            "fill e 1 0.00390625; q = Pow d two; v = ReduceMean q axes=2,; w = Add v e; r = Sqrt w; "
                            "y = Div d r; out y"),
          BECOMES(NORM_OPS, "opset 17; in x 2,8,8; m = ReduceMean x axes=1,; d = Sub x m; fill two 1 2; "
                            "fill e 1 0.00390625; q = Pow d two; v = ReduceMean q axes=1,; w = Add v e; r = Sqrt w; "
                            "y = Div d r; out y"),
          /* epsilon beside the root, or none that a float32 holds in a model of doubles */
          BECOMES("ReduceMean Sub Pow ReduceMean Sqrt Add Div",
                  "opset 18; in x 2,3,8; ints last -1,; m = ReduceMean x last; d = Sub x m; fill two 1 2; "
                  "fill e 1 0.01; q = Pow d two; v = ReduceMean q last; w = Sqrt v; r = Add w e; y = Div d r; out y"),
          { .text = "opset 18; in x 2,3,8; ints last -1,; m = ReduceMean x last; d = Sub x m; fill two 1 2; "
                    "fill e 1 0.01; q = Pow d two; v = ReduceMean q last; w = Add v e; r = Sqrt w; y = Div d r; out y",
            .ops = NORM_OPS,
            .type = DTYPE_DOUBLE },
          /* another exponent, another value than the mean, a reader elsewhere */
          BECOMES(NORM_OPS, "opset 18; in x 2,3,8; ints last -1,; m = ReduceMean x last; d = Sub x m; fill two 1 4; "
                            "fill e 1 0.01; q = Pow d two; v = ReduceMean q last; w = Add v e; r = Sqrt w; "
                            "y = Div d r; out y"),
          BECOMES(NORM_OPS, "opset 18; in x 2,3,8; in o 2,3,8; ints last -1,; m = ReduceMean o last; d = Sub x m; "
                            "fill two 1 2; fill e 1 0.01; q = Pow d two; v = ReduceMean q last; w = Add v e; "
                            "r = Sqrt w; y = Div d r; out y"),
          BECOMES(NORM_OPS, NORM("2,3,8") "y = Div d r; out y; out r"),
          BECOMES(NORM_OPS, NORM("2,3,8") "y = Div d r; out y; out m"),
          BECOMES(NORM_OPS " Exp", NORM("2,3,8") "y = Div d r; z = Exp v; out y; out z"),
          /* ones that would take more than what goes */
          BECOMES(NORM_OPS, NORM("2,3,1000") "y = Div d r; out y"),
          BECOMES(NORM_OPS, NORM("2,3,N") "y = Div d r; out y"), );
}

#define ERF                                                                                                           \
    "opset 20; in x 2,9; fill root 1 1.4142135; fill half 1 0.5; fill one 1 1; a = Div x root; b = Erf a; c = Add b " \
    "one; "
#define ERF_OPS "Div Erf Add Mul Mul"
#define TANH                                                                                                           \
    "opset 20; in x 2,9; fill k 1 0.044715; fill root 1 0.7978845608; fill half 1 0.5; fill one 1 1; fill three 1 3; " \
    "p = Pow x three; q = Mul k p; r = Add x q; s = Mul root r; t = Tanh s; c = Add one t; "

static void gelu_that_is_written_out_becomes_one(void **state)
{
    CASES(NEARLY("Gelu", ERF "d = Mul x c; y = Mul d half; out y"),
          NEARLY("Gelu", ERF "d = Mul x half; y = Mul d c; out y"),
          NEARLY("Gelu", ERF "d = Mul half c; y = Mul x d; out y"),
          NEARLY("Gelu", ERF "fill two 1 2; d = Mul x c; y = Div d two; out y"),
          NEARLY("Gelu", "opset 20; in x N,9; fill root 1,1 0.70710678; fill half 1 0.5; fill one 1 1; a = Mul root x; "
                         "b = Erf a; c = Add one b; d = Mul c half; y = Mul d x; out y"),
          NEARLY("Mul Gelu Mul", "opset 20; in u 2,9; in v 2,9; x = Mul u v; fill root 1 1.4142135; fill half 1 0.5; "
                                 "fill one 1 1; a = Div x root; b = Erf a; c = Add b one; d = Mul x c; y = Mul d half; "
                                 "z = Mul y u; out z"),
          NEARLY("Gelu", TANH "d = Mul x c; y = Mul d half; out y"),
          NEARLY("Gelu", TANH "d = Mul half x; y = Mul d c; out y"),
          NEARLY("Gelu",
                 "opset 20; in x 2,9; fill k 1 0.044715; fill root 1 0.7978845608; fill half 1 0.5; fill one 1 1; "
                 "o = Mul x x; p = Mul x o; q = Mul k p; r = Add x q; s = Mul root r; t = Tanh s; c = Add one t; "
                 "d = Mul half x; y = Mul d c; out y"),
          NEARLY("Gelu",
                 "opset 20; in x 2,9; fill k 1 0.044715; fill root 1 0.7978845608; fill half 1 0.5; fill one 1 1; "
                 "o = Mul x x; q = Mul k o; r = Add one q; e = Mul x root; s = Mul e r; t = Tanh s; c = Add one t; "
                 "d = Mul half x; y = Mul d c; out y"), );
}

static void what_is_no_gelu_stays(void **state)
{
    CASES(BECOMES(ERF_OPS, "opset 19; in x 2,9; fill root 1 1.4142135; fill half 1 0.5; fill one 1 1; a = Div x root; "
                           "b = Erf a; c = Add b one; d = Mul x c; y = Mul d half; out y"),
          BECOMES(ERF_OPS, "opset 20; in x 2,9; fill root 1 1.414; fill half 1 0.5; fill one 1 1; a = Div x root; "
                           "b = Erf a; c = Add b one; d = Mul x c; y = Mul d half; out y"),
          BECOMES(ERF_OPS, "opset 20; in x 2,9; fill root 1 0.70710678; fill half 1 0.5; fill one 1 1; a = Div x root; "
                           "b = Erf a; c = Add b one; d = Mul x c; y = Mul d half; out y"),
          BECOMES(ERF_OPS, ERF "d = Mul x c; fill other 1 0.25; y = Mul d other; out y"),
          BECOMES(ERF_OPS, ERF "in z 2,9; d = Mul z c; y = Mul d half; out y"),
          BECOMES("Div Erf Add Mul Div", ERF "d = Mul x c; y = Div half d; out y"),
          BECOMES(ERF_OPS, ERF "d = Mul x c; y = Mul d half; out y; out b"),
          BECOMES(ERF_OPS, "opset 20; in x 9; fill root 1,1 1.4142135; fill half 1 0.5; fill one 1 1; a = Div x root; "
                           "b = Erf a; c = Add b one; d = Mul x c; y = Mul d half; out y"),
          { .text = "opset 20; in x 2,9; fill root 1 1.41421; fill half 1 0.5; fill one 1 1; a = Div x root; "
                    "b = Erf a; c = Add b one; d = Mul x c; y = Mul d half; out y",
            .ops = ERF_OPS,
            .type = DTYPE_DOUBLE },
          BECOMES("Pow Mul Add Mul Tanh Add Mul Mul",
                  "opset 20; in x 2,9; fill k 1 0.044; fill root 1 0.7978845608; fill half 1 0.5; fill one 1 1; "
                  "fill three 1 3; p = Pow x three; q = Mul k p; r = Add x q; s = Mul root r; t = Tanh s; "
                  "c = Add one t; d = Mul x c; y = Mul d half; out y"),
          BECOMES("Pow Mul Add Mul Tanh Add Mul Mul",
                  "opset 20; in x 2,9; fill k 1 0.044715; fill root 1 0.7978845608; fill half 1 0.5; fill one 1 1; "
                  "fill three 1 2; p = Pow x three; q = Mul k p; r = Add x q; s = Mul root r; t = Tanh s; "
                  "c = Add one t; d = Mul x c; y = Mul d half; out y"), );
}

#define CLIPPED \
    "opset 14; in x 2,9; fill three 1 3; fill zero 1 0; fill six 1 6; a = Add x three; b = Clip a zero six; "

static void hard_swish_that_is_written_out_becomes_one(void **state)
{
    CASES(NEARLY("HardSwish", "opset 14; in x 2,9; a = HardSigmoid x alpha=0.16666667; y = Mul x a; out y"),
          NEARLY("HardSwish", "opset 14; in x 2,9; a = HardSigmoid x alpha=0.16666667 beta=0.5; y = Mul a x; out y"),
          BECOMES("HardSwish", CLIPPED "c = Mul x b; y = Div c six; out y"),
          BECOMES("HardSwish", CLIPPED "c = Div b six; y = Mul x c; out y"),
          NEARLY("HardSwish", CLIPPED "fill k 1 0.16666667; c = Mul k b; y = Mul x c; out y"),
          BECOMES("HardSwish", "opset 14; in x 2,9; fill half 1 0.5; fill zero 1 0; fill one 1 1; fill six 1 6; "
                               "a = Div x six; c = Add a half; b = Clip c zero one; y = Mul x b; out y"), );
}

static void what_is_no_hard_swish_stays(void **state)
{
    CASES(
        BECOMES("HardSigmoid Mul", "opset 13; in x 2,9; a = HardSigmoid x alpha=0.16666667; y = Mul x a; out y"),
        BECOMES("HardSigmoid Mul", "opset 14; in x 2,9; a = HardSigmoid x; y = Mul x a; out y"),
        BECOMES("HardSigmoid Mul",
                "opset 14; in x 2,9; a = HardSigmoid x alpha=0.16666667 beta=0.4; y = Mul x a; out y"),
        BECOMES("HardSigmoid Mul",
                "opset 14; in x 2,9; in z 2,9; a = HardSigmoid x alpha=0.16666667; y = Mul z a; out y"),
        { .text = "opset 14; in x 2,9; a = HardSigmoid x alpha=0.16666667; y = Mul x a; out y",
          .ops = "HardSigmoid Mul",
          .type = DTYPE_DOUBLE },
        BECOMES("HardSigmoid Mul", "opset 14; in x 2,9; a = HardSigmoid x alpha=0.16666667; y = Mul x a; out y; out a"),
        BECOMES("Add Clip Mul Div", CLIPPED "c = Mul x b; fill five 1 5; y = Div c five; out y"),
        BECOMES("Add Clip Mul Div", "opset 14; in x 2,9; fill three 1 3; fill zero 1 0; fill six 1 6; a = Add x three; "
                                    "b = Clip a _ six; c = Mul x b; y = Div c six; out y"),
        BECOMES("Add Clip Mul Div", "opset 14; in x 2,9; fill three 1 2; fill zero 1 0; fill six 1 6; a = Add x three; "
                                    "b = Clip a zero six; c = Mul x b; y = Div c six; out y"), );
}

static void mish_that_is_written_out_becomes_one(void **state)
{
    CASES(BECOMES("Mish", "opset 18; in x 2,9; a = Softplus x; b = Tanh a; y = Mul x b; out y"),
          BECOMES("Mish", "opset 18; in x 2,9; a = Softplus x; b = Tanh a; y = Mul b x; out y"),
          BECOMES("Softplus Tanh Mul", "opset 17; in x 2,9; a = Softplus x; b = Tanh a; y = Mul x b; out y"),
          BECOMES("Softplus Tanh Mul", "opset 18; in x 2,9; in z 2,9; a = Softplus x; b = Tanh a; y = Mul z b; out y"),
          BECOMES("Softplus Sigmoid Mul", "opset 18; in x 2,9; a = Softplus x; b = Sigmoid a; y = Mul x b; out y"),
          BECOMES("Softplus Tanh Mul", "opset 18; in x 2,9; a = Softplus x; b = Tanh a; y = Mul x b; out y; out a"), );
}

static void nothing_is_formed_that_was_not_asked_for(void **state)
{
    static const char *const other[] = { "gelu" };
    static const struct bnfuse_fuse_options simplify = { .fold_limit = 1 << 20, .simplify = true },
                                            gelu = { .fold_limit = 1 << 20, .enabled = { other, 1 } };
    static const struct fold_case mish =
        BECOMES("Softplus Tanh Mul", "opset 20; in x 2,9; a = Softplus x; b = Tanh a; y = Mul x b; out y");
    static const struct fold_case twice = BECOMES(
        "Exp Exp Add Add", "opset 20; in x 2,9; fill k 1 0; a = Exp x; b = Exp x; c = Add a b; y = Add c k; out y");
    (void)state;
    fold_case_run(&mish, &simplify);
    fold_case_run(&mish, &gelu);
    fold_case_run(&twice, &gelu);
}

/* A mean without its axis, a bias of unknown rank, and more factors than a formula has. */
static void what_has_other_dims_on_the_way_stays(void **state)
{
    CASES(
        BECOMES(
            "ReduceMean Sub Pow ReduceMean Add Sqrt Div",
            "opset 18; in x 8,8; ints last -1,; m = ReduceMean x last keepdims=0; d = Sub x m; fill two 1 2; fill e 1 "
            "0.00390625; q = Pow d two; v = ReduceMean q last keepdims=0; w = Add v e; r = Sqrt w; y = Div d r; out y"),
        BECOMES("Squeeze MatMul Add",
                "in x 2,3; init w 3,4; in q ?,4; c = Squeeze q; a = MatMul x w; y = Add a c; out y"),
        BECOMES("Mul Mul Mul Mul Mul",
                "in x 2,9; in z 2,9; a = Mul x z; b = Mul a z; c = Mul b z; d = Mul c z; y = Mul d z; out y"), );
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_and_a_sum_of_matrices_become_gemm),
        cmocka_unit_test(what_is_no_gemm_stays),
        cmocka_unit_test(layer_normalization_that_is_written_out_becomes_one),
        cmocka_unit_test(what_is_no_layer_normalization_stays),
        cmocka_unit_test(gelu_that_is_written_out_becomes_one),
        cmocka_unit_test(what_is_no_gelu_stays),
        cmocka_unit_test(hard_swish_that_is_written_out_becomes_one),
        cmocka_unit_test(what_is_no_hard_swish_stays),
        cmocka_unit_test(mish_that_is_written_out_becomes_one),
        cmocka_unit_test(nothing_is_formed_that_was_not_asked_for),
        cmocka_unit_test(what_has_other_dims_on_the_way_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
