/* SPDX-License-Identifier: Apache-2.0
 *
 * TopK and Unique. Equal elements are taken by lower index, in either direction; NaN is greatest. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/order.h"
#include "runtime/ops/operators.h"
#include "runtime/slices.h"

#include <string.h>

/* TopK-1 has k as an attribute, later ones as an input of one element. */
static bool read_k(struct call *call, int64_t length, int64_t *k)
{
    const struct array *input = call_input(call, 1);
    *k = node_int(call->node, "k", -1);
    if (call->node->opset >= 10) {
        if (!input || !is_whole(input) || input->count != 1) return call_fail(call, "takes K as one whole number");
        *k = input->i64[0];
    }
    if (*k < 0 || *k > length)
        return call_fail(call, "takes the best %lld of %lld elements", (long long)*k, (long long)length);
    return true;
}

/* Values and indices of one row; either output may be unwanted (NULL). */
static void put_row(const struct array *x, struct along row, int64_t from, int64_t to, const int64_t *best, int64_t k,
                    struct array *values, struct array *indices)
{
    size_t size = store_size(x->store);
    for (int64_t j = 0; j < k; j++) {
        int64_t target = to + j * row.inner;
        if (values)
            memcpy((char *)values->data + (size_t)target * size,
                   (const char *)x->data + (size_t)(from + best[j] * row.inner) * size, size);
        if (indices) indices->i64[target] = best[j];
    }
}

static bool top_k(struct call *call)
{
    const struct array *x = call_input(call, 0);
    int axis;
    int64_t k, dims[ARRAY_MAX_RANK];
    if (!x || !(is_real(x) || is_whole(x))) return call_fail(call, "needs a tensor of numbers");
    if (!call_axis(call, node_int(call->node, "axis", -1), x->rank, &axis)) return false;
    struct along row = along_axis(x, axis);
    if (!read_k(call, row.length, &k)) return false;
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = k;
    struct array *values = call_wants(call, 0) ? call_output(call, 0, x->type, x->rank, dims) : NULL;
    struct array *indices = call_wants(call, 1) ? call_output(call, 1, DTYPE_INT64, x->rank, dims) : NULL;
    if (x->count == 0) return true; /* a dim of 2^60 beside one of 0 is no reason to loop */
    CALL_WORK(call, x->count, order_work(row.length));
    uint64_t *keys = NEW_ARRAY(call->scratch, uint64_t, (size_t)row.length);
    int64_t *best = NEW_ARRAY(call->scratch, int64_t, (size_t)k);
    uint64_t flip = node_int(call->node, "largest", 1) ? 0 : UINT64_MAX;
    for (int64_t o = 0; o < row.outer; o++) {
        for (int64_t i = 0; i < row.inner; i++) {
            int64_t from = o * row.length * row.inner + i;
            for (int64_t a = 0; a < row.length; a++) keys[a] = order_key(x, from + a * row.inner) ^ flip;
            order_best(keys, row.length, k, best);
            put_row(x, row, from, o * k * row.inner + i, best, k, values, indices);
        }
    }
    return true;
}

/* What Unique compares: element a along the axis is all of [outer, a, inner]; without an axis everything is flat. */
struct items {
    struct along row;
    const uint64_t *keys; /* numbers */
    const char **text;    /* or strings */
};

static int compare_items(const void *context, int64_t a, int64_t b)
{
    const struct items *items = context;
    struct along row = items->row;
    for (int64_t o = 0; o < row.outer; o++) {
        for (int64_t i = 0; i < row.inner; i++) {
            int64_t at = (o * row.length + a) * row.inner + i, bt = (o * row.length + b) * row.inner + i;
            if (items->text) {
                int order = strcmp(items->text[at], items->text[bt]);
                if (order) return order;
            } else if (items->keys[at] != items->keys[bt]) return items->keys[at] < items->keys[bt] ? -1 : 1;
        }
    }
    return 0;
}

static int compare_whole(const void *context, int64_t a, int64_t b)
{
    const int64_t *values = context;
    return (values[a] > values[b]) - (values[a] < values[b]);
}

/* Groups of equal items: where each first occurs, how often, and which group an item is in. */
struct groups {
    int64_t count;
    int64_t *first, *sizes, *of;
};

static void find_groups(const struct items *items, int64_t length, struct arena *scratch, struct groups *groups)
{
    int64_t *order = NEW_ARRAY(scratch, int64_t, (size_t)length), *spare = NEW_ARRAY(scratch, int64_t, (size_t)length);
    groups->first = NEW_ARRAY(scratch, int64_t, (size_t)length);
    groups->sizes = NEW_ARRAY(scratch, int64_t, (size_t)length);
    groups->of = NEW_ARRAY(scratch, int64_t, (size_t)length);
    for (int64_t a = 0; a < length; a++) order[a] = a;
    order_sort(order, spare, length, compare_items, items);
    for (int64_t a = 0; a < length; a++) {
        if (a == 0 || compare_items(items, order[a - 1], order[a]) != 0) groups->first[groups->count++] = order[a];
        groups->sizes[groups->count - 1]++;
        groups->of[order[a]] = groups->count - 1;
    }
}

/* Reorders the groups by first occurrence (sorted = 0). */
static void order_by_occurrence(struct groups *groups, int64_t length, struct arena *scratch)
{
    size_t count = (size_t)groups->count;
    int64_t *order = NEW_ARRAY(scratch, int64_t, count), *spare = NEW_ARRAY(scratch, int64_t, count);
    int64_t *place = NEW_ARRAY(scratch, int64_t, count);
    int64_t *first = NEW_ARRAY(scratch, int64_t, count), *sizes = NEW_ARRAY(scratch, int64_t, count);
    for (size_t g = 0; g < count; g++) order[g] = (int64_t)g;
    order_sort(order, spare, groups->count, compare_whole, groups->first);
    for (size_t g = 0; g < count; g++) {
        place[order[g]] = (int64_t)g;
        first[g] = groups->first[order[g]];
        sizes[g] = groups->sizes[order[g]];
    }
    for (int64_t a = 0; a < length; a++) groups->of[a] = place[groups->of[a]];
    groups->first = first;
    groups->sizes = sizes;
}

static void put_list(struct call *call, size_t slot, const int64_t *values, int64_t count)
{
    if (!call_wants(call, slot)) return;
    struct array *list = call_output(call, slot, DTYPE_INT64, 1, &count);
    if (count > 0) memcpy(list->i64, values, (size_t)count * sizeof *values);
}

static void put_unique(struct call *call, const struct array *x, int axis, struct along row,
                       const struct groups *groups)
{
    int64_t dims[ARRAY_MAX_RANK];
    int rank = axis < 0 ? 1 : x->rank;
    size_t size = store_size(x->store) * (size_t)row.inner;
    if (!call_wants(call, 0)) return;
    memcpy(dims, x->dims, sizeof dims);
    dims[axis < 0 ? 0 : axis] = groups->count;
    struct array *y = call_output(call, 0, x->type, rank, dims);
    if (size == 0) return;
    for (int64_t o = 0; o < row.outer; o++)
        for (int64_t g = 0; g < groups->count; g++)
            memcpy((char *)y->data + (size_t)(o * groups->count + g) * size,
                   (const char *)x->data + (size_t)(o * row.length + groups->first[g]) * size, size);
}

/* Complex numbers are in order by their real parts, then by the imaginary ones. */
static void list_keys(const struct call *call, const struct array *x, struct items *items)
{
    const struct array numbers = is_complex(x) ? element_parts(x) : *x;
    uint64_t *keys = NEW_ARRAY(call->scratch, uint64_t, (size_t)numbers.count);
    for (int64_t i = 0; i < numbers.count; i++) keys[i] = order_key(&numbers, i);
    if (is_complex(x)) items->row.inner *= 2;
    items->keys = keys;
}

/* Of text, every byte is looked at. */
static int64_t bytes_compared(const struct array *x)
{
    int64_t sum = x->count;
    for (int64_t i = 0; is_text(x) && i < x->count; i++) sum += (int64_t)strlen(x->text[i]);
    return sum;
}

static bool unique(struct call *call)
{
    const struct array *x = call_input(call, 0);
    struct groups groups = { 0 };
    int axis = -1;
    if (!x || !is_tensor(x)) return call_fail(call, "needs a tensor");
    struct items items = { { 1, x->count, 1 }, NULL, NULL };
    if (node_attribute(call->node, "axis")) {
        if (!call_axis(call, node_int(call->node, "axis", 0), x->rank, &axis)) return false;
        items.row = along_axis(x, axis);
        if (x->count == 0) items.row.outer = 0;
    }
    const struct along row = items.row;
    CALL_WORK(call, bytes_compared(x) + row.length, order_work(row.length));
    if (is_text(x)) items.text = x->text;
    else list_keys(call, x, &items);
    find_groups(&items, items.row.length, call->scratch, &groups);
    if (!node_int(call->node, "sorted", 1)) order_by_occurrence(&groups, items.row.length, call->scratch);
    put_unique(call, x, axis, row, &groups);
    put_list(call, 1, groups.first, groups.count);
    put_list(call, 2, groups.of, items.row.length);
    put_list(call, 3, groups.sizes, groups.count);
    return true;
}

/* ---- shapes ---- */

static bool shape_unique(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK], count = fresh_dim(s), whole = fresh_dim(s);
    int rank = input_rank(s, 0), axis = 0;
    bool flat = !node_attribute(s->node, "axis");
    if (!flat && rank >= 0 && !normal_axis(node_int(s->node, "axis", 0), rank, &axis)) return false;
    if (rank >= 0) {
        whole = flat ? product_dim(s, input_dims(s, 0), 0, rank) : input_dim(s, 0, axis);
        memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
        dims[axis] = count;
    }
    return (flat ? set_output(s, 0, rule_type(s), 1, &count) : set_output(s, 0, rule_type(s), rank, dims))
           && set_output(s, 1, DTYPE_INT64, 1, &count) && set_output(s, 2, DTYPE_INT64, 1, &whole)
           && set_output(s, 3, DTYPE_INT64, 1, &count);
}

static bool shape_top_k(struct shaping *s)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = input_rank(s, 0), axis;
    if (rank < 0) return shape_any(s) && set_type(s, 1, DTYPE_INT64);
    if (!normal_axis(node_int(s->node, "axis", -1), rank, &axis)) return false;
    memcpy(dims, input_dims(s, 0), (size_t)rank * sizeof *dims);
    if (s->node->opset < 10) {
        dims[axis] = number_dim(node_int(s->node, "k", -1));
    } else {
        const struct dim *k = input_content(s, 1);
        dims[axis] = symbol_dim(s, k && symbol_minimum(s->symbols, k[0].symbol) >= 0 ? k[0].symbol : 0);
    }
    const int64_t most = input_dim(s, 0, axis).size;
    if (most >= 0 && dims[axis].size > most) return false;
    return set_output(s, 0, rule_type(s), rank, dims) && set_output(s, 1, DTYPE_INT64, rank, dims);
}

/* In the order in which they come; with where each element is among them, and how many there are. */
static bool unique_formula(struct call *call)
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

static bool shape_unsorted_unique(struct shaping *s)
{
    return set_rank(s, 0, rule_type(s), 1) && set_type(s, 1, DTYPE_INT64) && set_type(s, 2, DTYPE_INT64);
}

const struct operator_row sort_operators[] = {
    { "TopK", 1, LATEST, .gradient = gradient_top_k, .run = top_k, .shape = shape_top_k, .hides = true,
      .sizes = SLOT(1), .limits = { [1] = LIMIT_ONE },
      .schemas = SCHEMAS({ 1, 9, "Tf > T i64", "axis:i k!i" }, { 10, 10, "Tf i64[1] > T i64", "axis:i" },
                         { 11, LATEST, "Tn24h i64[1] > T i64", "axis:i largest:b sorted:b" }),
      .exact = EXACT_WHOLE },
    { "Unique", 11, LATEST, .run = unique, .complex = MOVES_COMPLEX, .shape = shape_unique,
      .schemas = SCHEMAS({ 11, LATEST, "Ta > T ?i64 ?i64 ?i64", "axis:i sorted:b" }) },
    { "com.microsoft:Unique", 1, LATEST, .run = unique_formula, .shape = shape_unsorted_unique, .hides = true,
      .schemas = SCHEMAS({ 1, LATEST, "Ta > T i64 i64", "" }) },
    { 0 },
};
