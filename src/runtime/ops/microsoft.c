/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators of com.microsoft beside those that fusions write (fused.c): what ai.onnx has under this or another name, and what
 * diffusion models are made of. Each is a formula (runtime/formula.h). */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/ops/operators.h"

#include <string.h>

/* The step may be absent. */
static bool range(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *start = call_input(call, 0), *step = call_input(call, 2);
    if (!start) formula_fail(&f, "needs a start");
    else if (!step) step = formula_number(&f, start->type, 1);
    formula_give(&f, 0, formula_op(&f, "Range", NULL, FROM(start, call_input(call, 1), step)));
    return formula_close(&f);
}

/* In the order in which they come; with where each element is among them, and how many there are. */
static bool unique(struct call *call)
{
    struct formula f;
    struct array *y[4];
    formula_open(&f, call);
    formula_ops(&f, "Unique", SETTINGS(SET_INT("sorted", 0)), FROM(call_input(call, 0)), y, 4);
    formula_give(&f, 0, y[0]);
    formula_give(&f, 1, y[2]);
    formula_give(&f, 2, y[3]);
    return formula_close(&f);
}

/* Of each row of A from each of B. */
static bool distances(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *a = call_input(call, 0), *b = call_input(call, 1);
    const char *metric = node_text(call->node, "metric", "sqeuclidean");
    bool rooted = strcmp(metric, "euclidean") == 0;
    if (!a || !b || a->rank != 2 || b->rank != 2) formula_fail(&f, "needs two matrices");
    else if (!rooted && strcmp(metric, "sqeuclidean") != 0) formula_fail(&f, "has an unknown metric");
    if (f.failed) return formula_close(&f);
    a = formula_reshaped(&f, a, 3, (int64_t[]){ a->dims[0], 1, a->dims[1] });
    struct array *d = formula_sub(&f, a, b);
    struct array *sums = formula_sum(&f, formula_mul(&f, d, d), (int64_t[]){ 2 }, 1, false);
    formula_give(&f, 0, rooted ? formula_op(&f, "Sqrt", NULL, FROM(sums)) : sums);
    return formula_close(&f);
}

/* ---- what diffusion models are made of ---- */

/* x + bias + skip */
static bool bias_add(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *sum = formula_add(&f, call_input(call, 0), call_input(call, 1));
    formula_give(&f, 0, formula_add(&f, sum, call_input(call, 2)));
    return formula_close(&f);
}

/* The left half of x + bias times Gelu of the right one. */
static bool bias_split_gelu(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *sum = formula_add(&f, call_input(call, 0), call_input(call, 1));
    int axis = sum ? sum->rank - 1 : 0;
    int64_t width = sum ? sum->dims[axis] : 0;
    if (sum && width % 2 != 0) formula_fail(&f, "cannot halve %lld features", (long long)width);
    struct array *left = formula_slice(&f, sum, axis, 0, width / 2),
                 *right = formula_slice(&f, sum, axis, width / 2, width);
    formula_give(&f, 0, formula_mul(&f, left, formula_op(&f, "Gelu", NULL, FROM(right))));
    return formula_close(&f);
}

/* [N, H, W, C] as [N, C, H, W], and back. */
static const int64_t first[] = { 0, 3, 1, 2 }, last[] = { 0, 2, 3, 1 };

/* GroupNormalization of images whose channels stand last, unless told otherwise, and Silu of it where it is wanted. */
static void normalize_groups(struct formula *f, struct array *x)
{
    const struct node *node = f->call->node;
    bool turns = node_int(node, "channels_last", 1) != 0;
    if (x && x->rank != 4) formula_fail(f, "needs images");
    const struct setting *settings = SETTINGS(SET_INT("num_groups", node_int(node, "groups", 0)),
                                              SET_FLOAT("epsilon", node_float(node, "epsilon", 1e-5f)));
    struct array *y = turns ? formula_transposed(f, x, first) : x;
    y = formula_op(f, "GroupNormalization", settings, FROM(y, call_input(f->call, 1), call_input(f->call, 2)));
    if (node_int(node, "activation", 0)) y = formula_op(f, "Swish", NULL, FROM(y));
    formula_give(f, 0, turns ? formula_transposed(f, y, last) : y);
}

static bool group_norm(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    normalize_groups(&f, call_input(call, 0));
    return formula_close(&f);
}

/* What is added may be one number for each image and channel. */
static bool skip_group_norm(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *skip = call_input(call, 3), *bias = call_input(call, 4);
    if (skip && skip->rank == 2)
        skip = formula_reshaped(&f, skip, 4, (int64_t[]){ skip->dims[0], 1, 1, skip->dims[1] });
    if (node_int(call->node, "channels_last", 1) == 0) formula_fail(&f, "needs the channels last");
    struct array *sum = formula_add(&f, call_input(call, 0), skip);
    if (bias) sum = formula_add(&f, sum, bias);
    normalize_groups(&f, sum);
    formula_give(&f, 1, sum);
    return formula_close(&f);
}

/* ---- shapes ---- */

static bool shape_any_rank(struct shaping *s)
{
    return set_type(s, 0, rule_type(s));
}

static bool shape_same_rank(struct shaping *s)
{
    return set_rank(s, 0, rule_type(s), input_rank(s, 0));
}

static bool shape_list(struct shaping *s)
{
    return set_rank(s, 0, rule_type(s), 1);
}

static bool shape_unique(struct shaping *s)
{
    return shape_list(s) && set_type(s, 1, DTYPE_INT64) && set_type(s, 2, DTYPE_INT64);
}

static bool shape_distances(struct shaping *s)
{
    struct dim dims[] = { input_rank(s, 0) == 2 ? input_dim(s, 0, 0) : fresh_dim(s),
                          input_rank(s, 1) == 2 ? input_dim(s, 1, 0) : fresh_dim(s) };
    return set_output(s, 0, rule_type(s), 2, dims);
}

static bool shape_skip_group_norm(struct shaping *s)
{
    return shape_same(s) && set_like(s, 1, rule_type(s), 0);
}

const struct operator_row microsoft_operators[] = {
    { "com.microsoft:BiasAdd", 1, LATEST, .gradient = gradient_formula, .run = bias_add, .shape = shape_same,
      .schemas = SCHEMAS({ 1, LATEST, "T T T > T", "" }) },
    { "com.microsoft:BiasSplitGelu", 1, LATEST, .gradient = gradient_formula, .run = bias_split_gelu,
      .shape = shape_same_rank, .hides = true, .schemas = SCHEMAS({ 1, LATEST, "T T > T", "" }) },
    { "com.microsoft:CDist", 1, LATEST, .gradient = gradient_formula, .run = distances, .shape = shape_distances,
      .hides = true, .schemas = SCHEMAS({ 1, LATEST, "T T > T", "metric:s" }) },
    { "com.microsoft:GatherND", 1, LATEST, .gradient = gradient_formula, .run = formula_renamed,
      .shape = shape_any_rank, .sizes = SLOT(1), .limits = { [1] = LIMIT_ANY_INDEX },
      .schemas = SCHEMAS({ 1, LATEST, "T . > T", "" }), .exact = EXACT },
    { "com.microsoft:GroupNorm", 1, LATEST, .gradient = gradient_formula, .run = group_norm, .shape = shape_same,
      .schemas = SCHEMAS({ 1, LATEST, "T U U > T", "activation!i channels_last:i epsilon:f groups!i" }) },
    { "com.microsoft:Pad", 1, LATEST, .gradient = gradient_formula, .run = formula_renamed, .shape = shape_same_rank,
      .sizes = SLOT(1), .passes = SLOT(0), .schemas = SCHEMAS({ 1, LATEST, "T i64 ?T > T", "mode:s" }),
      .exact = EXACT },
    { "com.microsoft:Range", 1, LATEST, .run = range, .shape = shape_list, .sizes = SLOT(0) | SLOT(1) | SLOT(2),
      .limits = { [0] = LIMIT_ZERO, [1] = LIMIT_TWO, [2] = LIMIT_ONE },
      .schemas = SCHEMAS({ 1, LATEST, "T T ?T > T", "" }), .exact = EXACT_WHOLE },
    { "com.microsoft:SkipGroupNorm", 1, LATEST, .gradient = gradient_formula, .run = skip_group_norm,
      .shape = shape_skip_group_norm,
      .schemas = SCHEMAS({ 1, LATEST, "T U U T ?T > T ?T", "activation!i channels_last:i epsilon:f groups!i" }) },
    { "com.microsoft:Trilu", 1, LATEST, .gradient = gradient_formula, .run = formula_renamed, .shape = shape_same,
      .sizes = SLOT(1), .passes = SLOT(0), .schemas = SCHEMAS({ 1, LATEST, "T ?i64 > T", "upper:i" }), .exact = EXACT },
    { "com.microsoft:Unique", 1, LATEST, .run = unique, .shape = shape_unique, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "T > T i64 i64", "" }) },
    { 0 },
};
