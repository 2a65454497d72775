/* SPDX-License-Identifier: Apache-2.0
 *
 * Constant tensors: where their elements are, and reading them through their factors. */
#include "onnx/read/tensor.h"

#include "base/text.h"
#include "onnx/read/convert.h"
#include "onnx/read/external.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { PIECE_BYTES = 16 << 10, PIECE_ELEMENTS = 1024 }; /* they lie on the stack */

static bool tensor_fail(struct bnfuse_error *error, const BnfuseOnnx__TensorProto *proto, const char *what)
{
    return fail(error, BNFUSE_INVALID, "tensor \"%s\": %s; export the model again", text_or_empty(proto->name), what);
}

/* How the elements of a type are in a TensorProto's typed fields. */
struct entries {
    const void *values;
    size_t count, size; /* of entries; bytes of one */
};

static struct entries field_entries(const BnfuseOnnx__TensorProto *proto, enum dtype_field field)
{
    switch (field) {
    case FIELD_FLOAT: return (struct entries){ proto->float_data, proto->n_float_data, 4 };
    case FIELD_DOUBLE: return (struct entries){ proto->double_data, proto->n_double_data, 8 };
    case FIELD_INT32: return (struct entries){ proto->int32_data, proto->n_int32_data, 4 };
    case FIELD_INT64: return (struct entries){ proto->int64_data, proto->n_int64_data, 8 };
    case FIELD_UINT64: return (struct entries){ proto->uint64_data, proto->n_uint64_data, 8 };
    default: return (struct entries){ NULL, 0, 0 };
    }
}

/* The number of entries that `count` elements take: complex ones take two, small ones share a byte's entry. */
static int64_t entries_needed(enum dtype type, int64_t count, int64_t bytes)
{
    if (dtype_kind(type) == KIND_COMPLEX) return 2 * count;
    return dtype_bits(type) < 8 ? bytes : count;
}

/* Typed fields. Entries wider than the elements carry them in their low bits. */
static bool take_fields(struct tensor *tensor, struct arena *arena, const BnfuseOnnx__TensorProto *proto, int64_t bytes,
                        struct bnfuse_error *error)
{
    struct entries entries = field_entries(proto, dtype_field(tensor->type));
    int64_t needed = entries_needed(tensor->type, tensor->count, bytes);
    if (entries.count != (uint64_t)needed)
        return fail(error, BNFUSE_INVALID,
                    "tensor \"%s\": %lld elements of %s need %lld entries but it has %zu; "
                    "export the model again",
                    text_or_empty(proto->name), (long long)tensor->count, dtype_name(tensor->type), (long long)needed,
                    entries.count);
    tensor->bytes = entries.values;
    int64_t width = needed ? bytes / needed : (int64_t)entries.size;
    if (width == (int64_t)entries.size) return true;
    uint8_t *packed = arena_alloc(arena, (size_t)bytes);
    for (int64_t i = 0; i < needed; i++)
        memcpy(packed + i * width, (const uint8_t *)entries.values + (size_t)i * entries.size, (size_t)width);
    tensor->bytes = packed;
    return true;
}

static bool take_strings(struct tensor *tensor, struct arena *arena, const BnfuseOnnx__TensorProto *proto,
                         struct bnfuse_error *error)
{
    if (proto->n_string_data != (uint64_t)tensor->count)
        return tensor_fail(error, proto, "the number of strings does not fit the dims");
    char **strings = NEW_ARRAY(arena, char *, proto->n_string_data);
    for (size_t i = 0; i < proto->n_string_data; i++) {
        const ProtobufCBinaryData *text = &proto->string_data[i];
        size_t size;
        if (__builtin_add_overflow(text->len, 1, &size)) return tensor_fail(error, proto, "a string is too long");
        strings[i] = arena_alloc(arena, size);
        if (text->len) memcpy(strings[i], text->data, text->len);
    }
    tensor->strings = strings;
    return true;
}

static bool take_dims(struct tensor *tensor, const BnfuseOnnx__TensorProto *proto, struct bnfuse_error *error)
{
    if (proto->n_dims > TENSOR_MAX_RANK) return tensor_fail(error, proto, "more dims than any operator knows");
    tensor->rank = (int)proto->n_dims;
    tensor->dims = proto->dims;
    tensor->count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        if (tensor->dims[i] < 0) return tensor_fail(error, proto, "a dim is negative");
        if (!size_multiply(tensor->count, tensor->dims[i], &tensor->count))
            return tensor_fail(error, proto, "the product of its dims is beyond any memory");
    }
    return true;
}

/* Data that is in one run of bytes: raw_data, here or in the file, or external. */
static bool take_bytes(struct tensor *tensor, const struct model *model, const BnfuseOnnx__TensorProto *proto,
                       int64_t bytes, struct bnfuse_error *error)
{
    uint64_t size = proto->raw_data.len;
    if (model && model_payload(model, proto, &tensor->span)) size = tensor->span.size;
    else tensor->bytes = proto->raw_data.data;
    if (size == (uint64_t)bytes) return true;
    return fail(error, BNFUSE_INVALID,
                "tensor \"%s\": %lld elements of %s need %lld bytes but it has %llu; export the "
                "model again",
                text_or_empty(proto->name), (long long)tensor->count, dtype_name(tensor->type), (long long)bytes,
                (unsigned long long)size);
}

/* How many fields hold data: which of two counts, readers would not agree on. */
static int data_fields(const struct model *model, const BnfuseOnnx__TensorProto *proto)
{
    struct span span;
    bool has_raw = proto->raw_data.len || (model && model_payload(model, proto, &span));
    int count = tensor_is_external(proto) + (proto->has_raw_data && has_raw) + (proto->n_string_data > 0);
    for (enum dtype_field field = FIELD_FLOAT; field < FIELD_STRING; field++)
        count += field_entries(proto, field).count > 0;
    return count;
}

bool tensor_from_proto(struct tensor *tensor, struct arena *arena, const struct model *model,
                       const BnfuseOnnx__TensorProto *proto, struct bnfuse_error *error)
{
    int64_t bytes = 0;
    *tensor = (struct tensor){ .type = DTYPE_UNDEFINED };
    if (dtype_kind(proto->data_type) == KIND_NONE) return tensor_fail(error, proto, "its element type is not known");
    tensor->type = (enum dtype)proto->data_type;
    if (proto->segment) return tensor_fail(error, proto, "it is split into segments, which no ONNX tool reads");
    if (!take_dims(tensor, proto, error)) return false;
    int holds = data_fields(model, proto);
    if (holds > 1) return tensor_fail(error, proto, "its data stands in two fields, and which one counts is not said");
    if (holds && tensor->count == 0 && !tensor_is_external(proto))
        return tensor_fail(error, proto, "it has no elements, and data all the same");
    if (tensor->type == DTYPE_STRING) return take_strings(tensor, arena, proto, error);
    if (!dtype_bytes(tensor->type, tensor->count, &bytes))
        return tensor_fail(error, proto, "its size is beyond any memory");
    if (tensor_is_external(proto)) {
        if (model) return external_open(&tensor->span, model, proto, bytes, error);
        return tensor_fail(error, proto, "its data lies in another file, which cannot be found from here");
    }
    if (proto->has_raw_data) return take_bytes(tensor, model, proto, bytes, error);
    return take_fields(tensor, arena, proto, bytes, error);
}

/* A factor's view with the axes that carry no index of their own merged away: one axis is {outer, 1, 1, n, inner}. */
static struct factor merged_view(const struct factor *factor)
{
    struct factor view = *factor;
    if (view.columns == 1) {
        view.columns = view.rows;
        view.inner *= view.middle;
        view.rows = view.middle = 1;
    } else if (view.middle == 1) {
        view.columns *= view.rows;
        view.rows = 1;
    } else if (view.rows == 1) {
        view.outer *= view.middle;
        view.middle = 1;
    }
    return view;
}

/* Runs of elements, each multiplied by one number or every element by its own. Position is divided out once, and
 * counted on from there. */
struct runs {
    struct factor view;
    int64_t i, c, m, r;
    const double *scale; /* of the run */
};

static struct runs runs_from(const struct factor *factor, int64_t first)
{
    struct runs runs = { .view = merged_view(factor) };
    const struct factor *view = &runs.view;
    const int64_t rest = first / view->inner, line = rest / view->columns;
    runs.i = first % view->inner;
    runs.c = rest % view->columns;
    runs.m = line % view->middle;
    runs.r = line / view->middle % view->rows;
    return runs;
}

static bool run_is_single(const struct runs *runs)
{
    return runs->view.inner != 1;
}

/* The length of the next run, at most `count`. */
static int64_t next_run(struct runs *runs, int64_t count)
{
    const struct factor *view = &runs->view;
    int64_t run = run_is_single(runs) ? view->inner - runs->i : view->columns - runs->c;
    if (run > count) run = count;
    runs->scale = view->scale + runs->r * view->columns + runs->c;
    runs->i = 0;
    runs->c += run_is_single(runs) ? 1 : run;
    if (runs->c < view->columns) return run;
    runs->c = 0;
    if (++runs->m < view->middle) return run;
    runs->m = 0;
    if (++runs->r == view->rows) runs->r = 0;
    return run;
}

/* Multiplies elements first .. first+count-1. */
static void apply_factor(const struct factor *factor, int64_t first, int64_t count, double *to)
{
    const struct convert *convert = convert_for(0);
    struct runs runs = runs_from(factor, first);
    for (int64_t run; count > 0; to += run, count -= run) {
        run = next_run(&runs, count);
        if (run_is_single(&runs)) convert->scale(*runs.scale, run, to);
        else convert->scale_each(runs.scale, run, to);
    }
}

/* The same of stored floats. */
static void scale_floats(const struct factor *factor, int64_t first, int64_t count, const char *from, char *to)
{
    const struct convert *convert = convert_for(0);
    struct runs runs = runs_from(factor, first);
    for (int64_t run; count > 0; from += run * 4, to += run * 4, count -= run) {
        run = next_run(&runs, count);
        if (run_is_single(&runs)) convert->scale_float(*runs.scale, from, run, to);
        else convert->scale_float_each(runs.scale, from, run, to);
    }
}

/* Calls for pieces of a span: `load` gets packed bytes and where in them elements begin. */
static bool span_pieces(const struct tensor *tensor, int64_t first, int64_t count, void *to, bool whole,
                        struct bnfuse_error *error)
{
    uint8_t buffer[PIECE_BYTES];
    const int64_t bits = dtype_bits(tensor->type), most = PIECE_BYTES * 8 / bits - 8;
    for (int64_t done = 0; done < count;) {
        int64_t at = (first + done) / 8 * 8, skip = first + done - at; /* whole bytes, whatever the type */
        int64_t n = count - done < most ? count - done : most;
        int64_t from = at / 8 * bits, end;
        bool fits = dtype_bytes(tensor->type, at + skip + n, &end);
        assert(fits && end - from <= PIECE_BYTES);
        (void)fits;
        if (!span_read(&tensor->span, (uint64_t)from, buffer, (size_t)(end - from), error)) return false;
        if (whole) dtype_load_whole(tensor->type, buffer, skip, n, (int64_t *)to + done);
        else dtype_load_real(tensor->type, buffer, skip, n, (double *)to + done);
        done += n;
    }
    return true;
}

static bool is_number(const struct tensor *tensor, struct bnfuse_error *error)
{
    enum kind kind = dtype_kind(tensor->type);
    if (kind == KIND_REAL || kind == KIND_WHOLE) return true;
    return fail(error, BNFUSE_INVALID, "a tensor of %s stands where numbers are needed", dtype_name(tensor->type));
}

bool tensor_read_real(const struct tensor *tensor, int64_t first, int64_t count, double *to, struct bnfuse_error *error)
{
    assert(first >= 0 && count >= 0 && first <= tensor->count && count <= tensor->count - first);
    if (!is_number(tensor, error)) return false;
    if (count == 0) return true;
    if (tensor->exact) memcpy(to, tensor->exact + first, (size_t)count * sizeof *to);
    else if (!tensor->span.file) dtype_load_real(tensor->type, tensor->bytes, first, count, to);
    else if (!span_pieces(tensor, first, count, to, false, error)) return false;
    for (size_t i = 0; i < tensor->factor_count; i++) apply_factor(&tensor->factors[i], first, count, to);
    return true;
}

/* Without its sign, a float compares as the integer of its bits; infinity and NaN come last. */
static int32_t largest_bits(const int32_t *bits, size_t count)
{
    int32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t magnitude = bits[i] & INT32_MAX;
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

double tensor_bound(const struct tensor *tensor)
{
    int32_t piece[PIECE_BYTES / sizeof(int32_t)], largest = 0;
    float magnitude;
    if (tensor->type != DTYPE_FLOAT || !tensor->span.file) return INFINITY;
    for (uint64_t at = 0; at < tensor->span.size; at += sizeof piece) {
        size_t size = tensor->span.size - at < sizeof piece ? (size_t)(tensor->span.size - at) : sizeof piece;
        if (!span_read(&tensor->span, at, piece, size, NULL)) return INFINITY;
        int32_t here = largest_bits(piece, size / sizeof *piece);
        largest = here > largest ? here : largest;
    }
    memcpy(&magnitude, &largest, sizeof magnitude);
    double bound = isfinite(magnitude) ? (double)magnitude : INFINITY;
    for (size_t i = 0; i < tensor->factor_count; i++) {
        const struct factor *factor = &tensor->factors[i];
        double most = 0;
        for (int64_t k = 0; k < factor->rows * factor->columns; k++) {
            if (!isfinite(factor->scale[k])) return INFINITY;
            most = fmax(most, fabs(factor->scale[k]));
        }
        bound = most > 0 ? bound * most : bound;
    }
    return bound;
}

bool tensor_is_stored(const struct tensor *tensor)
{
    return !tensor->exact && tensor->factor_count == 0;
}

bool tensor_read_rounded(const struct tensor *tensor, int64_t first, int64_t count, double *to,
                         struct bnfuse_error *error)
{
    double packed[PIECE_ELEMENTS];
    if (!tensor_read_real(tensor, first, count, to, error)) return false;
    if (tensor_is_stored(tensor) || tensor->type == DTYPE_DOUBLE) return true;
    for (int64_t done = 0; done < count; done += PIECE_ELEMENTS) {
        int64_t n = count - done < PIECE_ELEMENTS ? count - done : PIECE_ELEMENTS;
        dtype_store_real(tensor->type, to + done, n, packed);
        dtype_load_real(tensor->type, packed, 0, n, to + done);
    }
    return true;
}

bool tensor_read_whole(const struct tensor *tensor, int64_t first, int64_t count, int64_t *to,
                       struct bnfuse_error *error)
{
    assert(first >= 0 && count >= 0 && first <= tensor->count && count <= tensor->count - first);
    if (dtype_kind(tensor->type) != KIND_WHOLE)
        return fail(error, BNFUSE_INVALID, "a tensor of %s stands where whole numbers are needed",
                    dtype_name(tensor->type));
    assert(tensor_is_stored(tensor));
    if (count == 0) return true;
    if (tensor->span.file) return span_pieces(tensor, first, count, to, true, error);
    dtype_load_whole(tensor->type, tensor->bytes, first, count, to);
    return true;
}

void tensor_scale_bytes(const struct tensor *tensor, int64_t first, int64_t count, const void *source, void *to)
{
    double piece[PIECE_ELEMENTS];
    const int64_t bits = dtype_bits(tensor->type);
    if (tensor->type == DTYPE_FLOAT && !tensor->exact && tensor->factor_count == 1) {
        scale_floats(&tensor->factors[0], first, count, source, to);
        return;
    }
    for (int64_t done = 0; done < count; done += PIECE_ELEMENTS) {
        int64_t n = count - done < PIECE_ELEMENTS ? count - done : PIECE_ELEMENTS, at = done / 8 * bits;
        if (tensor->exact) memcpy(piece, tensor->exact + first + done, (size_t)n * sizeof *piece);
        else dtype_load_real(tensor->type, (const uint8_t *)source + at, 0, n, piece);
        for (size_t i = 0; i < tensor->factor_count; i++) apply_factor(&tensor->factors[i], first + done, n, piece);
        dtype_store_real(tensor->type, piece, n, (uint8_t *)to + at);
    }
}

bool tensor_read_bytes(const struct tensor *tensor, int64_t first, int64_t count, void *to, struct bnfuse_error *error)
{
    const int64_t from = first / 8 * dtype_bits(tensor->type);
    const void *source = to;
    int64_t size;
    assert(first >= 0 && count >= 0 && first % 8 == 0 && first <= tensor->count && count <= tensor->count - first);
    if (!dtype_bytes(tensor->type, count, &size))
        return fail(error, BNFUSE_INVALID, "a tensor of %s stands where numbers are needed", dtype_name(tensor->type));
    if (count == 0) return true;
    /* From a file to where the result goes, and changed there. */
    if (!tensor->span.file) source = tensor->exact ? NULL : (const uint8_t *)tensor->bytes + from;
    else if (!span_read(&tensor->span, (uint64_t)from, to, (size_t)size, error)) return false;
    if (!tensor_is_stored(tensor)) tensor_scale_bytes(tensor, first, count, source, to);
    else if (source != to) memcpy(to, source, (size_t)size);
    return true;
}

bool tensor_values(const struct tensor *tensor, struct arena *arena, double **values, struct bnfuse_error *error)
{
    *values = NEW_ROOM(arena, double, (size_t)tensor->count);
    return tensor_read_real(tensor, 0, tensor->count, *values, error);
}

static struct tensor *new_tensor(struct arena *arena, enum dtype type, int rank, const int64_t *dims)
{
    assert(rank >= 0 && rank <= TENSOR_MAX_RANK);
    struct tensor *tensor = NEW(arena, struct tensor);
    int64_t *copy = NEW_ARRAY(arena, int64_t, (size_t)rank);
    *tensor = (struct tensor){ .type = type, .rank = rank, .count = 1, .dims = copy };
    for (int i = 0; i < rank; i++) {
        copy[i] = dims[i];
        bool fits = size_multiply(tensor->count, dims[i], &tensor->count);
        assert(fits);
        (void)fits;
    }
    return tensor;
}

struct tensor *tensor_exact(struct arena *arena, enum dtype type, int rank, const int64_t *dims, const double *values)
{
    struct tensor *tensor = new_tensor(arena, type, rank, dims);
    tensor->exact = arena_grow(arena, values, (size_t)tensor->count, (size_t)tensor->count, sizeof *values);
    return tensor;
}

struct tensor *tensor_renewed(struct arena *arena, const struct tensor *old, const double *values)
{
    struct tensor *tensor = new_tensor(arena, old->type, old->rank, old->dims);
    assert(old->exact && !old->factor_count);
    tensor->exact = memcpy((double *)old->exact, values, (size_t)old->count * sizeof *values);
    return tensor;
}

struct tensor *tensor_whole(struct arena *arena, enum dtype type, int rank, const int64_t *dims, const int64_t *values)
{
    struct tensor *tensor = new_tensor(arena, type, rank, dims);
    int64_t bytes = 0;
    assert(dtype_kind(type) == KIND_WHOLE);
    bool fits = dtype_bytes(type, tensor->count, &bytes);
    assert(fits);
    (void)fits;
    void *packed = arena_alloc(arena, (size_t)bytes);
    dtype_store_whole(type, values, tensor->count, packed);
    tensor->bytes = packed;
    return tensor;
}

struct tensor *tensor_reshaped(struct arena *arena, const struct tensor *tensor, int rank, const int64_t *dims)
{
    struct tensor *reshaped = new_tensor(arena, tensor->type, rank, dims);
    struct tensor result = *tensor;
    assert(reshaped->count == tensor->count);
    result.rank = rank;
    result.dims = reshaped->dims;
    *reshaped = result;
    return reshaped;
}

static bool is_same_view(const struct factor *a, const struct factor *b)
{
    return a->outer == b->outer && a->rows == b->rows && a->middle == b->middle && a->columns == b->columns
           && a->inner == b->inner;
}

struct tensor *tensor_scaled(struct arena *arena, const struct tensor *tensor, const struct factor *factor)
{
    const struct factor view = merged_view(factor);
    const size_t length = (size_t)(view.rows * view.columns);
    assert(view.outer * view.rows * view.middle * view.columns * view.inner == tensor->count);
    struct tensor *scaled = NEW(arena, struct tensor);
    struct factor *factors =
        arena_grow(arena, tensor->factors, tensor->factor_count, tensor->factor_count + 1, sizeof *factors);
    double *scale = arena_grow(arena, view.scale, length, length, sizeof *scale);
    *scaled = *tensor;
    scaled->factors = factors;
    for (size_t i = 0; i < tensor->factor_count; i++) {
        if (!is_same_view(&factors[i], &view)) continue;
        for (size_t k = 0; k < length; k++) scale[k] *= factors[i].scale[k];
        factors[i].scale = scale;
        return scaled;
    }
    factors[scaled->factor_count++] = view;
    factors[scaled->factor_count - 1].scale = scale;
    return scaled;
}

const char *tensor_type_text(struct arena *arena, const struct tensor *tensor)
{
    struct text text = { .arena = arena };
    text_add(&text, "%s [", dtype_name(tensor->type));
    text_add_sizes(&text, tensor->dims, tensor->rank);
    text_add(&text, "]");
    return text_chars(&text);
}

const BnfuseOnnx__TypeProto__Tensor *type_tensor(const BnfuseOnnx__TypeProto *type)
{
    return type && type->value_case == BNFUSE_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ? type->tensor_type : NULL;
}

enum dtype type_element(const BnfuseOnnx__TypeProto *type)
{
    const BnfuseOnnx__TypeProto__Tensor *tensor = type_tensor(type);
    return tensor && dtype_kind(tensor->elem_type) != KIND_NONE ? (enum dtype)tensor->elem_type : DTYPE_UNDEFINED;
}

bool type_is_other(const BnfuseOnnx__TypeProto *type)
{
    return type && type->value_case != BNFUSE_ONNX__TYPE_PROTO__VALUE__NOT_SET && !type_tensor(type);
}

const BnfuseOnnx__TypeProto *type_inner(const BnfuseOnnx__TypeProto *type)
{
    switch (type ? type->value_case : BNFUSE_ONNX__TYPE_PROTO__VALUE__NOT_SET) {
    case BNFUSE_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE: return type->sequence_type->elem_type;
    case BNFUSE_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE: return type->optional_type->elem_type;
    case BNFUSE_ONNX__TYPE_PROTO__VALUE_MAP_TYPE: return type->map_type->value_type;
    default: return NULL;
    }
}

const char *type_kind(const BnfuseOnnx__TypeProto *type)
{
    static const char *const kinds[] = {
        [BNFUSE_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE] = "sequence",
        [BNFUSE_ONNX__TYPE_PROTO__VALUE_MAP_TYPE] = "map",
        [BNFUSE_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE] = "optional",
        [BNFUSE_ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE] = "sparse tensor",
        [BNFUSE_ONNX__TYPE_PROTO__VALUE_OPAQUE_TYPE] = "opaque",
    };
    const size_t kind = (size_t)type->value_case;
    return kind < sizeof kinds / sizeof *kinds && kinds[kind] ? kinds[kind] : "?";
}
