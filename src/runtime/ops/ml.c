/* SPDX-License-Identifier: Apache-2.0
 *
 * Of ai.onnx.ml what precedes or follows a network: ArrayFeatureExtractor, Binarizer, Scaler, LabelEncoder,
 * CategoryMapper. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/math/order.h"
#include "runtime/ops/operators.h"
#include "runtime/run.h"
#include "runtime/slices.h"

#include <string.h>

/* Chosen columns of the last axis; a vector counts as a matrix of one row. */
static bool array_feature_extractor(struct call *call)
{
    const struct array *x = call_input(call, 0);
    const int64_t *columns;
    int64_t count = 0, dims[ARRAY_MAX_RANK] = { 1 };
    if (!x || !is_tensor(x) || x->rank < 1) return call_fail(call, "needs a tensor of 1 dimension or more");
    if (!call_list(call, 1, &columns, &count)) return false;
    int64_t width = x->dims[x->rank - 1];
    for (int64_t i = 0; i < count; i++)
        if (columns[i] < 0 || columns[i] >= width)
            return call_fail(call, "takes column %lld of %lld", (long long)columns[i], (long long)width);
    int rank = x->rank > 1 ? x->rank : 2;
    for (int i = 0; i < x->rank - 1; i++) dims[i] = x->dims[i];
    dims[rank - 1] = count;
    struct array *y = call_output(call, 0, x->type, rank, dims);
    size_t size = store_size(x->store);
    for (int64_t i = 0; i < y->count; i++)
        memcpy((char *)y->data + (size_t)i * size,
               (const char *)x->data + (size_t)(i / count * width + columns[i % count]) * size, size);
    return true;
}

static bool binarizer(struct call *call)
{
    const struct array *x = call_input(call, 0);
    double threshold = (double)node_float(call->node, "threshold", 0);
    if (!x || !(is_real(x) || is_whole(x))) return call_fail(call, "needs a tensor of numbers");
    struct array *y = call_output(call, 0, x->type, x->rank, x->dims);
    for (int64_t i = 0; i < x->count; i++) element_put(y, i, element_real(x, i) > threshold ? 1 : 0);
    return true;
}

/* (x - offset) * scale, each of one number or one for each column. */
static bool scaler(struct call *call)
{
    const struct array *x = call_input(call, 0);
    const float *offset, *scale;
    size_t offsets = node_floats(call->node, "offset", &offset), scales = node_floats(call->node, "scale", &scale);
    if (!x || !(is_real(x) || is_whole(x))) return call_fail(call, "needs a tensor of numbers");
    int64_t width = x->rank > 0 ? x->dims[x->rank - 1] : 1;
    if ((offsets > 1 && (int64_t)offsets != width) || (scales > 1 && (int64_t)scales != width))
        return call_fail(call, "has %zu offsets and %zu scales for %lld columns", offsets, scales, (long long)width);
    struct array *y = call_output(call, 0, DTYPE_FLOAT, x->rank, x->dims);
    for (int64_t i = 0; i < x->count; i++) {
        double by = scales ? (double)scale[scales > 1 ? i % width : 0] : 1;
        double less = offsets ? (double)offset[offsets > 1 ? i % width : 0] : 0;
        element_put(y, i, (element_real(x, i) - less) * by);
    }
    return true;
}

/* ---- LabelEncoder, CategoryMapper ---- */

enum { KIND_TEXTS, KIND_NUMBERS };

/* The attributes that hold keys, values and the default, by the type they are of. */
static const struct kind_names {
    const char *keys, *values, *absent;
    enum dtype type;
} kinds[] = {
    [KIND_TEXTS] = { "keys_strings", "values_strings", "default_string", DTYPE_STRING },
    [KIND_NUMBERS] = { "keys_int64s", "values_int64s", "default_int64", DTYPE_INT64 },
    { "keys_floats", "values_floats", "default_float", DTYPE_FLOAT },
    { "keys_tensor", "values_tensor", "default_tensor", DTYPE_UNDEFINED },
};

static size_t list_length(const BnfuseOnnx__AttributeProto *attribute, enum dtype type)
{
    if (type == DTYPE_STRING) return attribute->n_strings;
    return type == DTYPE_INT64 ? attribute->n_ints : attribute->n_floats;
}

/* A list or tensor attribute as an array of one dimension (a tensor: of its own); NULL after call_fail. */
static struct array *attribute_array(struct call *call, const char *name, enum dtype type)
{
    const BnfuseOnnx__AttributeProto *attribute = node_attribute(call->node, name);
    struct array *array = NULL;
    if (type == DTYPE_UNDEFINED) {
        if (!attribute || !attribute->t || !run_load(call->run, name, attribute->t, &array, call->error)) return NULL;
        return array;
    }
    size_t count = attribute ? list_length(attribute, type) : 0;
    array = array_new(call->pool, type, store_of(type, call->exact), 1, (int64_t[]){ (int64_t)count });
    for (size_t i = 0; i < count; i++) {
        if (type == DTYPE_STRING)
            array->text[i] = pool_text(call->pool, attribute->strings[i].data, attribute->strings[i].len);
        else if (type == DTYPE_INT64) array->i64[i] = attribute->ints[i];
        else element_put(array, (int64_t)i, (double)attribute->floats[i]);
    }
    return array;
}

/* What an unknown key becomes, as an array of one element like `values`. */
static struct array *absent_value(struct call *call, const struct kind_names *kind, const struct array *values)
{
    if (kind->type == DTYPE_UNDEFINED && node_attribute(call->node, kind->absent))
        return attribute_array(call, kind->absent, DTYPE_UNDEFINED);
    struct array *absent = array_new(call->pool, values->type, values->store, 0, NULL);
    const BnfuseOnnx__AttributeProto *given = node_attribute(call->node, kind->absent);
    if (is_text(absent)) absent->text[0] = given ? pool_text(call->pool, given->s.data, given->s.len) : "_Unused";
    else if (is_whole(absent)) absent->i64[0] = node_int(call->node, kind->absent, -1);
    else element_put(absent, 0, (double)node_float(call->node, kind->absent, -0.0f));
    return absent;
}

/* Which of the kinds the node has, by keys or by values. */
static const struct kind_names *find_kind(const struct call *call, bool by_keys)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (node_attribute(call->node, by_keys ? kinds[i].keys : kinds[i].values)) return &kinds[i];
    return NULL;
}

static int compare_elements(const struct array *a, int64_t i, const struct array *b, int64_t j)
{
    if (is_text(a)) return strcmp(a->text[i], b->text[j]);
    uint64_t left = order_key(a, i), right = order_key(b, j);
    return (left > right) - (left < right);
}

static int compare_keys(const void *context, int64_t a, int64_t b)
{
    return compare_elements(context, a, context, b);
}

/* The last of the equal keys, sorted by `order`; -1: none. */
static int64_t find_key(const struct array *keys, const int64_t *order, const struct array *x, int64_t i)
{
    int64_t low = 0, high = keys->count;
    while (low < high) { /* order[low..] begins with the first key that is greater */
        int64_t middle = low + (high - low) / 2;
        if (compare_elements(keys, order[middle], x, i) <= 0) low = middle + 1;
        else high = middle;
    }
    return low > 0 && compare_elements(keys, order[low - 1], x, i) == 0 ? order[low - 1] : -1;
}

/* What element i of `keys` is becomes element i of `values`, all else `absent`. Takes over the three. */
static bool encode(struct call *call, struct array *keys, struct array *values, struct array *absent)
{
    const struct array *x = call_input(call, 0);
    if (!keys || !values || !absent) return call_fail(call, "has keys, values or a default that cannot be read");
    if (keys->count != values->count || absent->count != 1 || absent->store != values->store)
        return call_fail(call, "has %lld keys and %lld values", (long long)keys->count, (long long)values->count);
    if (is_text(x) != is_text(keys) || is_whole(x) != is_whole(keys))
        return call_fail(call, "has keys of %s for a tensor of %s", dtype_name(keys->type), dtype_name(x->type));
    int64_t *order = NEW_ARRAY(call->scratch, int64_t, (size_t)keys->count);
    int64_t *spare = NEW_ARRAY(call->scratch, int64_t, (size_t)keys->count);
    for (int64_t i = 0; i < keys->count; i++) order[i] = i;
    order_sort(order, spare, keys->count, compare_keys, keys);
    struct array *y = array_new(call->pool, values->type, values->store, x->rank, x->dims);
    size_t size = store_size(values->store);
    for (int64_t i = 0; i < x->count; i++) {
        int64_t at = find_key(keys, order, x, i);
        const char *value = at < 0 ? absent->data : (const char *)values->data + (size_t)at * size;
        memcpy((char *)y->data + (size_t)i * size, value, size);
    }
    call_give(call, 0, y);
    array_drop(keys);
    array_drop(values);
    array_drop(absent);
    return true;
}

static bool label_encoder(struct call *call)
{
    const struct array *x = call_input(call, 0);
    const struct kind_names *from = find_kind(call, true), *to = find_kind(call, false);
    if (!x || !is_tensor(x) || !from || !to) return call_fail(call, "needs a tensor, keys and values");
    struct array *keys = attribute_array(call, from->keys, from->type);
    struct array *values = keys ? attribute_array(call, to->values, to->type) : NULL;
    return encode(call, keys, values, values ? absent_value(call, to, values) : NULL);
}

/* Between strings and whole numbers, whichever way the input asks for. The row's data name the attribute of the strings
 * and that of the numbers; without the latter these count from 0. */
static bool category_mapper(struct call *call)
{
    const struct array *x = call_input(call, 0);
    const char *const *names = call->row->data;
    if (!x || !is_tensor(x) || is_real(x)) return call_fail(call, "needs a tensor of strings or whole numbers");
    struct array *texts = attribute_array(call, names[0], DTYPE_STRING);
    struct array *numbers = names[1] ? attribute_array(call, names[1], DTYPE_INT64)
                                     : array_new(call->pool, DTYPE_INT64, STORE_I64, 1, texts->dims);
    for (int64_t i = 0; !names[1] && i < numbers->count; i++) numbers->i64[i] = i;
    if (is_text(x)) return encode(call, texts, numbers, absent_value(call, &kinds[KIND_NUMBERS], numbers));
    return encode(call, numbers, texts, absent_value(call, &kinds[KIND_TEXTS], texts));
}

/* ---- shapes ---- */

/* Columns of the last axis, as many as input 1 lists; a vector counts as a matrix of one row. */
static bool shape_array_feature_extractor(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0);
    if (rank < 1) return rank < 0 && shape_any(s);
    int64_t count = input_count(s, 1);
    dims[0] = number_dim(1);
    for (int i = 0; i < rank - 1; i++) dims[i] = input_dim(s, 0, i);
    if (rank == 1) rank = 2;
    dims[rank - 1] = count >= 0 ? number_dim(count) : fresh_dim(s);
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool shape_label_encoder(struct shaping *s)
{
    const BnfuseOnnx__AttributeProto *tensor = node_attribute(s->node, "values_tensor");
    enum dtype type = DTYPE_UNDEFINED;
    if (tensor && tensor->t && dtype_kind(tensor->t->data_type) != KIND_NONE) type = (enum dtype)tensor->t->data_type;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].type != DTYPE_UNDEFINED && node_attribute(s->node, kinds[i].values)) type = kinds[i].type;
    return set_like(s, 0, type, 0);
}

static bool shape_category_mapper(struct shaping *s)
{
    enum dtype type = input_type(s, 0);
    if (type == DTYPE_UNDEFINED) return set_like(s, 0, DTYPE_UNDEFINED, 0);
    return set_like(s, 0, type == DTYPE_STRING ? DTYPE_INT64 : DTYPE_STRING, 0);
}

#define NO_MAPS  "reads a map, which is not held here; give the model a tensor of features instead"
#define NO_SHAPE "it is never run"

const struct operator_row ml_operators[] = {
    { "ai.onnx.ml:ArrayFeatureExtractor", 1, 5, .run = array_feature_extractor, .shape = shape_array_feature_extractor,
      .schemas = SCHEMAS({ 1, LATEST, "Tirgs i64 > T", "" }) },
    { "ai.onnx.ml:Binarizer", 1, 5, .run = binarizer, .shape = shape_same, .fixed_attribute = "threshold",
      .schemas = SCHEMAS({ 1, LATEST, "Tirg > T", "threshold:f" }) },
    { "ai.onnx.ml:CastMap", 1, 5, .refused = NO_MAPS, .open_shape = NO_SHAPE,
      .schemas = SCHEMAS({ 1, LATEST, ".k > .", "cast_to:s map_form:s max_map:i" }) },
    { "ai.onnx.ml:CategoryMapper", 1, 5, .run = category_mapper, .shape = shape_category_mapper, .hides = true,
      .data = (const char *const[]){ "cats_strings", "cats_int64s" },
      .schemas = SCHEMAS({ 1, LATEST, ".js > .", "cats_int64s:I cats_strings:S default_int64:i default_string:s" }) },
    { "ai.onnx.ml:DictVectorizer", 1, 5, .refused = NO_MAPS, .open_shape = NO_SHAPE,
      .schemas = SCHEMAS({ 1, LATEST, ".k > .", "int64_vocabulary:I string_vocabulary:S" }) },
    { "ai.onnx.ml:LabelEncoder", 1, 1, .run = category_mapper, .shape = shape_category_mapper, .hides = true,
      .data = (const char *const[]){ "classes_strings", NULL },
      .schemas = SCHEMAS({ 1, 1, ".js > .", "classes_strings:S default_int64:i default_string:s" },
                         { 2, 3, ".rjs > .",
                           "default_float:f default_int64:i default_string:s keys_floats:F keys_int64s:I "
                           "keys_strings:S values_floats:F values_int64s:I values_strings:S" },
                         { 4, LATEST, ".irgms > .",
                           "default_float:f default_int64:i default_string:s default_tensor:t keys_floats:F "
                           "keys_int64s:I keys_strings:S keys_tensor:t values_floats:F values_int64s:I "
                           "values_strings:S values_tensor:t" }) },
    { "ai.onnx.ml:LabelEncoder", 2, 5, .run = label_encoder, .shape = shape_label_encoder },
    { "ai.onnx.ml:Scaler", 1, 5, .run = scaler, .shape = shape_same, .type = DTYPE_FLOAT,
      .schemas = SCHEMAS({ 1, LATEST, ".irg > f32", "offset:F scale:F" }) },
    { "ai.onnx.ml:ZipMap", 1, 5, .open_shape = NO_SHAPE,
      .refused = "makes maps of a tensor, which are not held here; convert the model to give the tensor (in skl2onnx: "
                 "options={'zipmap': False})",
      .schemas = SCHEMAS({ 1, LATEST, "f32 > .k", "classlabels_int64s:I classlabels_strings:S" }) },
    { 0 },
};
