/* SPDX-License-Identifier: Apache-2.0
 *
 * LayerNormalization, RMSNormalization and what ONNX Runtime fuses with them, over all axes from one on. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/real.h"
#include "runtime/math/simd.h"
#include "runtime/math/unstride.h"
#include "runtime/ops/norm.h"
#include "runtime/ops/operators.h"

#include <math.h>

/* ---- x as [rows, size] ---- */

struct layer {
    const struct simd *simd;
    struct array *x, *scale, *shift, *y; /* scale and shift: broadcast to a period that divides x; or NULL */
    int64_t rows, size;
    double epsilon;
    bool half, centerd;
    struct array *means, *inverses; /* per row; or NULL */
};

static void normalize_row(const struct layer *l, int64_t row)
{
    const struct simd *simd = l->simd;
    int64_t first = row * l->size;
    double size = (double)l->size, mean = l->centerd ? simd->sum(norm_at(l->x, first), l->size) / size : 0;
    double inverse = 1 / sqrt(simd->squares(norm_at(l->x, first), l->size, mean) / size + l->epsilon);
    simd->normalize(norm_at(l->x, first), mean, inverse, 0, l->size, norm_at(l->y, first));
    if (l->half) norm_round_back(l->y, l->x->type, first, l->size);
    if (l->means) element_put(l->means, row, mean);
    if (l->inverses) element_put(l->inverses, row, inverse);
    const void *shifts = l->shift ? norm_at(l->shift, first % l->shift->count) : NULL;
    simd->scale_each(norm_at(l->scale, first % l->scale->count), shifts, l->size, norm_at(l->y, first));
}

static void normalize_rows(const void *context, int64_t first, int64_t end, int member)
{
    (void)member;
    for (int64_t i = first; i < end; i++) normalize_row(context, i);
}

/* A parameter broadcast to the normalized axes if it has no others, else to all of x. */
static bool read_layer_parameter(struct call *call, size_t slot, const char *name, bool required, const struct array *x,
                                 int axis, struct array **to)
{
    struct array *parameter;
    *to = NULL;
    if (!call_real(call, slot, name, required, 0, &parameter)) return false;
    if (!parameter) return true;
    int from = parameter->rank <= x->rank - axis ? axis : 0;
    *to = broadcast_copy(call, parameter, x->rank - from, x->dims + from);
    return *to || call_fail(call, "input %s does not broadcast to the input", name);
}

static struct array *wanted_statistic(struct call *call, size_t slot, const struct array *x, int axis)
{
    int64_t dims[ARRAY_MAX_RANK], type = node_int(call->node, "stash_type", DTYPE_FLOAT);
    if (!call_wants(call, slot)) return NULL;
    for (int i = 0; i < x->rank; i++) dims[i] = i < axis ? x->dims[i] : 1;
    return call_output(call, slot, dtype_kind(type) == KIND_REAL ? (enum dtype)type : DTYPE_FLOAT, x->rank, dims);
}

static bool normalize_layer(struct call *call, bool centerd)
{
    struct layer l = { .centerd = centerd, .epsilon = norm_epsilon(call) };
    int axis;
    if (!call_real(call, 0, "X", true, 1, &l.x) || !call_axis(call, node_int(call->node, "axis", -1), l.x->rank, &axis)
        || !read_layer_parameter(call, 1, "Scale", true, l.x, axis, &l.scale)
        || !read_layer_parameter(call, 2, "B", false, l.x, axis, &l.shift))
        return false;
    l.half = norm_is_rounded_between(call, l.x);
    l.simd = simd_for(l.x->store, call->simd_row);
    l.y = call_output(call, 0, centerd ? l.x->type : call_input(call, 1)->type, l.x->rank, l.x->dims);
    l.means = centerd ? wanted_statistic(call, 1, l.x, axis) : NULL;
    l.inverses = centerd ? wanted_statistic(call, 2, l.x, axis) : NULL;
    if (l.y->count > 0) {
        l.size = dims_product(l.x->dims, axis, l.x->rank);
        l.rows = l.x->count / l.size;
        team_run(call->team, l.rows, team_piece(l.rows, l.x->count), normalize_rows, &l);
    }
    array_drop(l.scale);
    array_drop(l.shift);
    return true;
}

static bool run_layer_normalization(struct call *call)
{
    return normalize_layer(call, true);
}

static bool run_rms_normalization(struct call *call)
{
    return normalize_layer(call, false);
}

/* ---- com.microsoft: formulas of them ---- */

static const struct setting *epsilon_setting(const struct call *call)
{
    struct setting *settings = NEW_ARRAY(call->scratch, struct setting, 3);
    settings[0] = (struct setting)SET_FLOAT("epsilon", node_float(call->node, "epsilon", 1e-12f));
    settings[1] = (struct setting)SET_INT("axis", -1);
    return settings;
}

/* LayerNormalization of a sum: output 0, and where they are wanted the mean, 1/deviation and the sum itself. */
static void normalize_sum(struct formula *f, struct array *sum, struct array *scale, struct array *shift)
{
    struct array *outputs[3];
    formula_ops(f, "LayerNormalization", epsilon_setting(f->call), FROM(sum, scale, shift), outputs, 3);
    for (size_t i = 0; i < 3; i++) formula_give(f, i, outputs[i]);
    formula_give(f, 3, sum);
}

/* 1 / sqrt(mean(x^2) + epsilon) along the last axis. */
static struct array *inverse_rms(struct formula *f, struct array *x, double epsilon)
{
    struct array *mean = formula_mean(f, formula_mul(f, x, x), &(int64_t){ -1 }, 1, true);
    return formula_inverse_root(f, mean, epsilon);
}

static struct array *skip_sum(struct formula *f, size_t bias_slot)
{
    struct array *sum = formula_with_bias(f), *bias = call_input(f->call, bias_slot);
    return bias ? formula_add(f, sum, bias) : sum;
}

static bool skip_layer_normalization(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    normalize_sum(&f, skip_sum(&f, 4), call_input(call, 2), call_input(call, 3));
    return formula_close(&f);
}

static bool skip_rms_normalization(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *sum = skip_sum(&f, 3);
    double epsilon = (double)node_float(call->node, "epsilon", 1e-12f);
    if (call_wants(call, 1)) formula_fail(&f, "has no mean");
    formula_give(&f, 0, formula_op(&f, "RMSNormalization", epsilon_setting(call), FROM(sum, call_input(call, 2))));
    if (call_wants(call, 2)) formula_give(&f, 2, inverse_rms(&f, sum, epsilon));
    formula_give(&f, 3, sum);
    return formula_close(&f);
}

/* RMSNormalization as ONNX Runtime called it before ONNX had it. */
static bool simplified_layer_normalization(struct call *call)
{
    struct formula f;
    formula_open(&f, call);
    struct array *x = call_input(call, 0);
    bool last = x && (node_int(call->node, "axis", -1) == -1 || node_int(call->node, "axis", -1) == x->rank - 1);
    if (call_wants(call, 1) && !last) formula_fail(&f, "has its output 1 along the last axis only");
    formula_give(&f, 0, formula_own(&f, "RMSNormalization", FROM(x, call_input(call, 1))));
    if (call_wants(call, 1)) formula_give(&f, 1, inverse_rms(&f, x, (double)node_float(call->node, "epsilon", 1e-5f)));
    return formula_close(&f);
}

/* ---- EmbedLayerNormalization: the sum of the embeddings of words, positions and segments, normalized ---- */

static struct array *embedding(struct formula *f, struct array *table, struct array *ids)
{
    if (!table) return formula_fail(f, "has no table for its ids");
    return formula_gather(f, table, ids, 0);
}

/* How many ones each row of the mask has; none without a mask. */
static void count_mask(struct formula *f, const struct array *ids, const struct array *mask)
{
    if (f->failed || !call_wants(f->call, 1)) return;
    if (mask && (!is_whole(mask) || mask->count != ids->count)) formula_fail(f, "needs a mask like its input_ids");
    if (f->failed) return;
    struct array *counts = call_output(f->call, 1, DTYPE_INT32, 1, ids->dims);
    int64_t steps = ids->dims[1];
    for (int64_t b = 0; b < counts->count; b++) {
        counts->i64[b] = 0;
        for (int64_t i = 0; mask && i < steps; i++) counts->i64[b] += mask->i64[b * steps + i] == 1;
    }
}

/* x: ids of words and of segments; the tables of words, positions and segments; scale, shift and mask. */
static bool embed(struct formula *f, struct array *const *x, struct array *position_ids)
{
    struct array *ids = x[0], *positions = x[3], *outputs[1];
    if (!ids || ids->rank != 2 || !positions || positions->rank != 2) formula_fail(f, "needs input_ids [batch, steps]");
    struct array *sum = embedding(f, x[2], ids);
    if (!f->failed && !position_ids) positions = formula_slice(f, positions, 0, 0, ids->dims[1]);
    else positions = embedding(f, positions, position_ids);
    sum = formula_add(f, sum, positions);
    if (x[1]) sum = formula_add(f, sum, embedding(f, x[4], x[1]));
    formula_ops(f, "LayerNormalization", epsilon_setting(f->call), FROM(sum, x[5], x[6]), outputs, 1);
    formula_give(f, 0, outputs[0]);
    count_mask(f, ids, x[7]);
    formula_give(f, 2, sum);
    return formula_close(f);
}

static bool embed_layer_normalization(struct call *call)
{
    struct formula f;
    struct array *x[8];
    formula_open(&f, call);
    for (size_t i = 0; i < 8; i++) x[i] = call_input(call, i);
    return embed(&f, x, call_input(call, 8));
}

/* Inputs 2 to 6 are quantized: by the scales in 8 to 12 and the zero points after them. */
static bool quantized_embed_layer_normalization(struct call *call)
{
    struct formula f;
    struct array *x[8];
    formula_open(&f, call);
    for (size_t i = 0; i < 8; i++) x[i] = call_input(call, i);
    for (size_t i = 2; i < 7; i++)
        if (x[i]) x[i] = formula_dequantized(&f, x[i], call_input(call, i + 6), call_input(call, i + 11));
    return embed(&f, x, NULL);
}

/* ---- shapes ---- */

static bool shape_layer_normalization(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    enum dtype stash = type_attribute(s, "stash_type", DTYPE_FLOAT);
    if (rank < 0) return set_type(s, 0, input_type(s, 0)) && set_type(s, 1, stash) && set_type(s, 2, stash);
    if (!normal_axis(node_int(s->node, "axis", -1), rank, &axis)) return false;
    for (int i = 0; i < rank; i++) dims[i] = i < axis ? input_dim(s, 0, i) : number_dim(1);
    return set_like(s, 0, input_type(s, 0), 0) && set_output(s, 1, stash, rank, dims)
           && set_output(s, 2, stash, rank, dims);
}

/* All outputs but 1 and 2 are like the input. */
static bool shape_skip(struct shaping *s)
{
    return set_like(s, 0, input_type(s, 0), 0) && set_type(s, 1, DTYPE_FLOAT) && set_type(s, 2, DTYPE_FLOAT)
           && set_like(s, 3, input_type(s, 0), 0);
}

static bool shape_simplified(struct shaping *s)
{
    return set_like(s, 0, input_type(s, 1), 0) && set_type(s, 1, DTYPE_FLOAT);
}

static bool shape_embed(struct shaping *s)
{
    struct dim dims[3];
    if (input_rank(s, 0) != 2) return set_rank(s, 0, rule_type(s), 3);
    dims[0] = input_dim(s, 0, 0);
    dims[1] = input_dim(s, 0, 1);
    dims[2] = input_rank(s, 2) == 2 ? input_dim(s, 2, 1) : fresh_dim(s);
    return set_output(s, 0, rule_type(s), 3, dims) && set_output(s, 1, DTYPE_INT32, 1, dims)
           && set_output(s, 2, rule_type(s), 3, dims);
}

static bool shape_quantized_embed(struct shaping *s)
{
    return set_rank(s, 0, DTYPE_FLOAT, 3) && set_rank(s, 1, DTYPE_INT32, 1);
}

static const struct operator_form layer_norm_forms[] = {
    { .formula = "(x - ReduceMean(x, ...)) / Sqrt(e + ReduceMean(Pow(x - ReduceMean(x, ...), 2), ...))" },
    { .formula =
          "(x - ReduceMean(x, ...)) / Sqrt(e + ReduceMean((x - ReduceMean(x, ...)) * (x - ReduceMean(x, ...)), ...))" },
    { .formula = NULL },
};

const struct operator_row layer_norm_operators[] = {
    { "LayerNormalization", 1, 16, .gradient = gradient_layer_norm, .run = run_layer_normalization,
      .shape = shape_layer_normalization, .early = true,
      .schemas = SCHEMAS({ 1, 16, "T V ?V > V ?U ?U", "axis:i epsilon:f stash_type:e=fh" },
                         { 17, LATEST, "Tfh T ?T > T ?U ?U", "axis:i epsilon:f stash_type:e=fh" }) },
    { "LayerNormalization", 17, LATEST, .forms = layer_norm_forms, .gradient = gradient_layer_norm,
      .run = run_layer_normalization, .shape = shape_layer_normalization },
    { "RMSNormalization", 23, LATEST, .gradient = gradient_rms_norm, .run = run_rms_normalization, .shape = shape_same,
      .type_from = 1, .schemas = SCHEMAS({ 23, LATEST, ".fh Tfh > T", "axis:i epsilon:f stash_type:e=fh" }) },
    { "SimplifiedLayerNormalization", 1, LATEST, .gradient = gradient_formula, .run = simplified_layer_normalization,
      .shape = shape_simplified, .type_from = 1,
      .schemas = SCHEMAS({ 1, LATEST, "T V > V ?U", "axis:i epsilon:f stash_type:e=fh" }) },
    { "com.microsoft:EmbedLayerNormalization", 1, LATEST, .run = embed_layer_normalization, .shape = shape_embed,
      .type_from = 2, .limits = { LIMIT_ZERO, LIMIT_ZERO },
      .schemas = SCHEMAS({ 1, LATEST, "i32[bs] ?i32[bs] Trt[_h] T[_h] ?T[_h] T[h] T[h] ?i32[bs] ?i32 > T ?i32 ?T",
                           "epsilon:f mask_index_type:i" }) },
    { "com.microsoft:QEmbedLayerNormalization", 1, LATEST, .run = quantized_embed_layer_normalization,
      .shape = shape_quantized_embed, .type = DTYPE_FLOAT, .hides = true, .limits = { LIMIT_ZERO, LIMIT_ZERO },
      .schemas =
          SCHEMAS({ 1, LATEST, "i32 ?i32 .y .y ?.y .y .y ?i32 Tr T ?T T T .y .y ?.y .y .y > T ?i32", "epsilon:f" }) },
    { "com.microsoft:SkipLayerNormalization", 1, LATEST, .gradient = gradient_formula, .run = skip_layer_normalization,
      .shape = shape_skip,
      .schemas = SCHEMAS({ 1, LATEST, "Trth[.c] T[.c] T[c] ?T[c] ?T[c] > T ?U ?U ?T", "epsilon:f" }) },
    { "com.microsoft:SkipSimplifiedLayerNormalization", 1, LATEST, .gradient = gradient_formula,
      .run = skip_rms_normalization, .shape = shape_skip,
      .schemas = SCHEMAS({ 1, LATEST, "Trth[.c] T[.c] T[c] ?T[c] > T ?U ?U ?T", "epsilon:f" }) },
    { 0 },
};
