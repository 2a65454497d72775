/* SPDX-License-Identifier: Apache-2.0 */
#include "shapes.h"

#include <stdio.h>

static void contradict(struct shapes *shapes, const char *name, const char *what, int64_t inferred, int64_t actual)
{
    if (shapes->contradictions++) return;
    snprintf(shapes->first, sizeof shapes->first, "\"%s\": inferred %s %lld, is %lld", name, what, (long long)inferred,
             (long long)actual);
}

static void grow(struct shapes *shapes, size_t symbol)
{
    size_t count = 2 * symbol + 64;
    shapes->sizes = arena_grow(shapes->arena, shapes->sizes, shapes->size_count, count, sizeof *shapes->sizes);
    for (size_t i = shapes->size_count; i < count; i++) shapes->sizes[i] = -1;
    shapes->size_count = count;
}

static void see_size(struct shapes *shapes, const char *name, struct dim dim, int64_t actual)
{
    if (dim.size >= 0) {
        shapes->compared++;
        if (dim.size != actual) contradict(shapes, name, "size", dim.size, actual);
    } else if (dim.symbol) {
        size_t symbol = (size_t)dim.symbol;
        if (symbol >= shapes->size_count) grow(shapes, symbol);
        int64_t *seen = &shapes->sizes[symbol];
        if (*seen >= 0 && *seen != actual) contradict(shapes, name, "a symbol of size", *seen, actual);
        *seen = actual;
    }
}

void shapes_see_dims(struct shapes *shapes, const struct value *value, enum dtype type, int rank, const int64_t *dims)
{
    shapes->values++;
    if (value->type != DTYPE_UNDEFINED && value->type != type)
        contradict(shapes, value->name, "type", value->type, type);
    if (value->shape.rank < 0) return;
    shapes->ranked++;
    if (value->shape.rank != rank) {
        contradict(shapes, value->name, "rank", value->shape.rank, rank);
        return;
    }
    for (int i = 0; i < rank; i++) see_size(shapes, value->name, value->shape.dims[i], dims[i]);
}

bool shapes_observe(void *context, struct value *value, struct array *array, struct bnfuse_error *error)
{
    struct shapes *shapes = context;
    (void)error;
    if (!array || array->store == STORE_SEQUENCE) {
        if (value->shape.rank >= 0) contradict(shapes, value->name, "a tensor of rank", value->shape.rank, -1);
        return true;
    }
    shapes_see_dims(shapes, value, array->type, array->rank, array->dims);
    for (int64_t i = 0; value->content && array->store == STORE_I64 && i < array->count; i++) {
        shapes->elements++;
        see_size(shapes, value->name, value->content[i], array->i64[i]);
    }
    return true;
}
