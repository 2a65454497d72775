/* SPDX-License-Identifier: Apache-2.0
 *
 * Data files' values to and from the arrays of a run. A sequence array holds its items as counted pointers. */
#include "io/datum.h"

#include <string.h>

static bool sequence_from_datum(struct array **array, const struct datum *datum, const struct run_options *options,
                                struct bnfuse_error *error)
{
    int64_t count = (int64_t)datum->count;
    struct array *sequence = array_new(options->pool, datum->type, STORE_SEQUENCE, 1, &count);
    memset(sequence->items, 0, datum->count * sizeof(struct array *));
    for (size_t i = 0; i < datum->count; i++) {
        if (!array_from_datum(&sequence->items[i], &datum->items[i], options, error)) {
            array_drop(sequence);
            return false;
        }
    }
    *array = sequence;
    return true;
}

bool array_from_datum(struct array **array, const struct datum *datum, const struct run_options *options,
                      struct bnfuse_error *error)
{
    *array = NULL;
    switch (datum->form) {
    case FORM_TENSOR: return array_from_tensor(array, &datum->tensor, options, error);
    case FORM_SEQUENCE: return sequence_from_datum(array, datum, options, error);
    case FORM_ABSENT: break;
    }
    return true;
}

bool datum_convert(struct datum *datum, struct arena *arena, enum dtype type)
{
    struct tensor *tensor = &datum->tensor;
    if (datum->form != FORM_TENSOR || type == DTYPE_UNDEFINED || tensor->type == type) return true;
    int64_t size;
    if (dtype_stand_in(type) != tensor->type || !dtype_bytes(type, tensor->count, &size)) return false;
    void *bytes = arena_alloc(arena, (size_t)size);
    if (dtype_kind(type) == KIND_REAL) {
        double *values = NEW_ARRAY(arena, double, (size_t)tensor->count);
        if (!tensor_read_real(tensor, 0, tensor->count, values, NULL)) return false;
        dtype_store_real(type, values, tensor->count, bytes);
    } else {
        int64_t *values = NEW_ARRAY(arena, int64_t, (size_t)tensor->count);
        if (!tensor_read_whole(tensor, 0, tensor->count, values, NULL)) return false;
        dtype_store_whole(type, values, tensor->count, bytes);
    }
    tensor->type = type;
    tensor->bytes = bytes;
    return true;
}

static void sequence_from_array(struct datum *datum, struct arena *arena, const struct array *array)
{
    datum->form = FORM_SEQUENCE;
    datum->type = array->type;
    datum->count = (size_t)array->count;
    datum->items = NEW_ARRAY(arena, struct datum, datum->count);
    for (size_t i = 0; i < datum->count; i++) datum_from_array(&datum->items[i], arena, "", array->items[i]);
}

static char *const *copy_strings(struct arena *arena, const struct array *array)
{
    char **strings = NEW_ARRAY(arena, char *, (size_t)array->count);
    for (int64_t i = 0; i < array->count; i++) strings[i] = arena_copy_text(arena, array->text[i]);
    return strings;
}

static const void *copy_bytes(struct arena *arena, const struct array *array)
{
    int64_t size;
    if (!dtype_bytes(array->type, array->count, &size)) memory_exhausted(arena->memory);
    void *bytes = arena_alloc(arena, (size_t)size);
    array_to_bytes(array, bytes);
    return bytes;
}

void datum_from_array(struct datum *datum, struct arena *arena, const char *name, const struct array *array)
{
    *datum = (struct datum){ .name = name, .form = FORM_ABSENT };
    if (!array) return;
    if (array->store == STORE_SEQUENCE) {
        sequence_from_array(datum, arena, array);
        return;
    }
    int64_t *dims = NEW_ARRAY(arena, int64_t, (size_t)array->rank);
    memcpy(dims, array->dims, (size_t)array->rank * sizeof *dims);
    datum->form = FORM_TENSOR;
    datum->tensor = (struct tensor){ .type = array->type, .rank = array->rank, .count = array->count, .dims = dims };
    if (array->store == STORE_TEXT) datum->tensor.strings = copy_strings(arena, array);
    else datum->tensor.bytes = copy_bytes(arena, array);
}
