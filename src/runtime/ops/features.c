/* SPDX-License-Identifier: Apache-2.0
 *
 * Of ai.onnx.ml what makes features: FeatureVectorizer, Imputer, Normalizer, OneHotEncoder. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/kernel.h"
#include "runtime/ops/operators.h"

#include <math.h>
#include <string.h>

static bool read_numbers(struct call *call, const struct array **x)
{
    *x = call_input(call, 0);
    if (*x && (is_real(*x) || is_whole(*x))) return true;
    return call_fail(call, "needs a tensor of numbers");
}

/* ---- Normalizer: each row by its greatest element, or its L1 or L2 norm ---- */

static double norm_of(const struct array *x, int64_t first, int64_t width, const char *norm)
{
    double sum = 0, most = -INFINITY;
    for (int64_t i = first; i < first + width; i++) {
        double value = element_real(x, i);
        most = greatest_so_far(most, value);
        sum += strcmp(norm, "L1") == 0 ? fabs(value) : value * value;
    }
    return strcmp(norm, "MAX") == 0 ? most : strcmp(norm, "L1") == 0 ? sum : sqrt(sum);
}

static bool normalizer(struct call *call)
{
    const struct array *x;
    const char *norm = node_text(call->node, "norm", "MAX");
    if (!read_numbers(call, &x)) return false;
    if (x->rank < 1 || (strcmp(norm, "MAX") != 0 && strcmp(norm, "L1") != 0 && strcmp(norm, "L2") != 0))
        return call_fail(call, "needs rows, and a norm that is MAX, L1 or L2");
    struct array *y = call_output(call, 0, DTYPE_FLOAT, x->rank, x->dims);
    int64_t width = x->dims[x->rank - 1];
    for (int64_t first = 0; first < x->count; first += width) {
        double by = norm_of(x, first, width, norm);
        for (int64_t i = first; i < first + width; i++)
            element_put(y, i, by != 0 ? element_real(x, i) / by : element_real(x, i));
    }
    return true;
}

/* ---- Imputer ---- */

static bool imputer(struct call *call)
{
    const struct array *x;
    const float *reals = NULL;
    const int64_t *wholes = NULL;
    if (!read_numbers(call, &x)) return false;
    size_t count = is_real(x) ? node_floats(call->node, "imputed_value_floats", &reals)
                              : node_ints(call->node, "imputed_value_int64s", &wholes);
    int64_t width = x->rank > 0 ? x->dims[x->rank - 1] : 1;
    if (count == 0 || (count > 1 && (int64_t)count != width))
        return call_fail(call, "has %zu values for %lld columns", count, (long long)width);
    double missing = is_real(x) ? (double)node_float(call->node, "replaced_value_float", 0)
                                : (double)node_int(call->node, "replaced_value_int64", 0);
    struct array *y = call_output(call, 0, x->type, x->rank, x->dims);
    for (int64_t i = 0; i < x->count; i++) {
        double value = element_real(x, i);
        size_t at = count > 1 ? (size_t)(i % width) : 0;
        bool is_missing = value == missing || (isnan(value) && isnan(missing));
        element_put(y, i, !is_missing ? value : reals ? (double)reals[at] : (double)wholes[at]);
    }
    return true;
}

/* ---- OneHotEncoder: one more axis, of the categories ---- */

static bool is_category(const struct call *call, const struct array *x, int64_t i, size_t category)
{
    const BnfuseOnnx__AttributeProto *texts = node_attribute(call->node, "cats_strings");
    const int64_t *numbers;
    if (!is_text(x))
        return node_ints(call->node, "cats_int64s", &numbers) > category
               && element_real(x, i) == (double)numbers[category];
    ProtobufCBinaryData text = texts->strings[category];
    return strlen(x->text[i]) == text.len && memcmp(x->text[i], text.data, text.len) == 0;
}

static bool one_hot_encoder(struct call *call)
{
    const struct array *x = call_input(call, 0);
    const BnfuseOnnx__AttributeProto *texts = node_attribute(call->node, "cats_strings");
    const int64_t *numbers;
    int64_t dims[ARRAY_MAX_RANK];
    if (!x || !is_tensor(x) || x->rank >= ARRAY_MAX_RANK) return call_fail(call, "needs a tensor");
    size_t count = is_text(x) ? (texts ? texts->n_strings : 0) : node_ints(call->node, "cats_int64s", &numbers);
    if (count == 0) return call_fail(call, "has no categories for %s", dtype_name(x->type));
    memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
    dims[x->rank] = (int64_t)count;
    struct array *y = call_output(call, 0, DTYPE_FLOAT, x->rank + 1, dims);
    CALL_WORK(call, y->count, WORK_ELEMENT);
    for (int64_t i = 0; i < x->count; i++) {
        bool any = false;
        for (size_t c = 0; c < count; c++) {
            bool is = is_category(call, x, i, c);
            element_put(y, i * (int64_t)count + (int64_t)c, is);
            any = any || is;
        }
        if (!any && node_int(call->node, "zeros", 1) == 0) return call_fail(call, "has an element of no category");
    }
    return true;
}

/* ---- FeatureVectorizer: columns side by side, of each input as many as the attribute says ---- */

static bool feature_vectorizer(struct call *call)
{
    const int64_t *widths;
    size_t count = node_ints(call->node, "inputdimensions", &widths);
    int64_t rows = -1, total = 0;
    if (count != call->input_count) return call_fail(call, "has %zu widths for %zu inputs", count, call->input_count);
    for (size_t i = 0; i < count; i++) {
        const struct array *x = call_input(call, i);
        if (!x || !(is_real(x) || is_whole(x)) || x->rank < 1 || x->rank > 2 || widths[i] < 0)
            return call_fail(call, "needs rows of numbers as input %zu", i);
        int64_t own = x->rank == 2 ? x->dims[0] : 1;
        if (rows >= 0 && own != rows)
            return call_fail(call, "has inputs of %lld and %lld rows", (long long)rows, (long long)own);
        rows = own;
        if (!size_add(total, widths[i], &total)) memory_exhausted(call->pool->memory);
    }
    struct array *y = call_output(call, 0, DTYPE_FLOAT, 2, (int64_t[]){ rows, total });
    for (int64_t row = 0; row < rows; row++)
        for (int64_t at = row * total, i = 0; i < (int64_t)count; i++) {
            const struct array *x = call_input(call, (size_t)i);
            int64_t width = x->dims[x->rank - 1];
            for (int64_t k = 0; k < widths[i]; k++)
                element_put(y, at++, k < width ? element_real(x, row * width + k) : 0);
        }
    return true;
}

/* ---- shapes ---- */

static bool shape_one_hot(struct shaping *s)
{
    const int64_t *numbers;
    const BnfuseOnnx__AttributeProto *texts = node_attribute(s->node, "cats_strings");
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    size_t count = node_ints(s->node, "cats_int64s", &numbers);
    if (rank < 0 || rank >= SHAPE_MAX_RANK) return set_type(s, 0, DTYPE_FLOAT);
    for (int i = 0; i < rank; i++) dims[i] = input_dim(s, 0, i);
    dims[rank] = number_dim((int64_t)(count ? count : texts ? texts->n_strings : 0));
    return set_output(s, 0, DTYPE_FLOAT, rank + 1, dims);
}

static bool shape_vectorizer(struct shaping *s)
{
    return set_rank(s, 0, DTYPE_FLOAT, 2);
}

const struct operator_row feature_operators[] = {
    { "ai.onnx.ml:FeatureVectorizer", 1, 5, .run = feature_vectorizer, .shape = shape_vectorizer, .type = DTYPE_FLOAT,
      .schemas = SCHEMAS({ 1, LATEST, "Tirg *T > f32", "inputdimensions:I" }) },
    { "ai.onnx.ml:Imputer", 1, 5, .run = imputer, .shape = shape_same, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Tirg > T",
                           "imputed_value_floats:F imputed_value_int64s:I replaced_value_float:f "
                           "replaced_value_int64:i" }) },
    { "ai.onnx.ml:Normalizer", 1, 5, .run = normalizer, .shape = shape_same, .type = DTYPE_FLOAT, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, ".irg > f32", "norm:s=MAX|L1|L2" }) },
    { "ai.onnx.ml:OneHotEncoder", 1, 5, .run = one_hot_encoder, .shape = shape_one_hot, .type = DTYPE_FLOAT,
      .hides = true, .schemas = SCHEMAS({ 1, LATEST, ".irgs > f32", "cats_int64s:I cats_strings:S zeros:i" }) },
    { 0 },
};
