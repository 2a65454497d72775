/* SPDX-License-Identifier: Apache-2.0
 *
 * .npy: "\x93NUMPY", version, length, a Python dict {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, then
 * the elements. */
#include "io/npy.h"

#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Forms that say no type of numpy's own, as others have written them. */
static const struct void_form {
    const char *descr;
    enum dtype type;
} void_forms[] = { { "<V2", DTYPE_BFLOAT16 }, { "|V1", DTYPE_UINT8 } };

#define MAGIC "\x93NUMPY"

struct header {
    char descr[32];
    bool fortran;
    int rank;
    int64_t dims[TENSOR_MAX_RANK];
    int64_t count;
    size_t size; /* of everything before the elements */
};

static const char *entry(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    if (!at) return NULL;
    at += strlen(key);
    while (isspace((unsigned char)*at)) at++;
    if (*at++ != ':') return NULL;
    while (isspace((unsigned char)*at)) at++;
    return at;
}

static bool parse_shape(struct header *header, const char *at)
{
    if (*at++ != '(') return false;
    header->count = 1;
    for (;;) {
        while (isspace((unsigned char)*at) || *at == ',') at++;
        if (*at == ')') return true;
        if (!isdigit((unsigned char)*at) || header->rank == TENSOR_MAX_RANK) return false;
        char *end;
        errno = 0;
        int64_t dim = strtoll(at, &end, 10);
        if (errno || !size_multiply(header->count, dim, &header->count)) return false;
        header->dims[header->rank++] = dim;
        at = *end == 'L' ? end + 1 : end;
    }
}

static bool parse_descr(struct header *header, const char *at)
{
    char quote = *at++;
    const char *end = quote == '\'' || quote == '"' ? strchr(at, quote) : NULL;
    if (!end || (size_t)(end - at) >= sizeof header->descr) return false;
    memcpy(header->descr, at, (size_t)(end - at));
    return true;
}

static bool parse_header(struct header *header, struct arena *arena, struct bytes bytes)
{
    size_t magic = strlen(MAGIC), prefix = magic + 4, length = 0;
    if (bytes.size < prefix + 2 || memcmp(bytes.at, MAGIC, magic) != 0) return false;
    int version = bytes.at[magic];
    if (version < 1 || version > 3) return false;
    size_t width = version == 1 ? 2 : 4;
    for (size_t i = width; i-- > 0;) length = length << 8 | bytes.at[magic + 2 + i];
    header->size = magic + 2 + width + length;
    if (header->size > bytes.size) return false;
    char *text = NEW_ARRAY(arena, char, length + 1);
    memcpy(text, bytes.at + magic + 2 + width, length);
    const char *descr = entry(text, "'descr'"), *order = entry(text, "'fortran_order'"),
               *shape = entry(text, "'shape'");
    if (!descr || !order || !shape || !parse_descr(header, descr) || !parse_shape(header, shape)) return false;
    header->fortran = strncmp(order, "True", 4) == 0;
    return true;
}

/* The type of a descr in either byte order, UNDEFINED if it has none; *swap when it is the other one. */
static enum dtype find_type(const char *descr, bool *swap)
{
    *swap = descr[0] == '>';
    for (int type = 0; type < DTYPE_COUNT; type++)
        if (dtype_numpy(type) && strcmp(dtype_numpy(type) + 1, descr + 1) == 0) return (enum dtype)type;
    for (size_t i = 0; i < sizeof void_forms / sizeof *void_forms; i++)
        if (strcmp(void_forms[i].descr + 1, descr + 1) == 0) return void_forms[i].type;
    return DTYPE_UNDEFINED;
}

/* Fortran order: the first index runs fastest. */
static const unsigned char *in_c_order(struct arena *arena, const struct header *header, const unsigned char *from,
                                       int64_t size)
{
    if (!header->fortran || header->rank < 2 || header->count == 0) return from;
    unsigned char *to = arena_array(arena, (size_t)header->count, (size_t)size);
    int64_t index[TENSOR_MAX_RANK] = { 0 };
    for (int64_t i = 0; i < header->count; i++) {
        int64_t offset = 0;
        for (int axis = 0; axis < header->rank; axis++) offset = offset * header->dims[axis] + index[axis];
        memcpy(to + offset * size, from + i * size, (size_t)size);
        for (int axis = 0; axis < header->rank && ++index[axis] == header->dims[axis]; axis++) index[axis] = 0;
    }
    return to;
}

static const unsigned char *in_little_endian(struct arena *arena, const unsigned char *from, int64_t count, size_t unit)
{
    unsigned char *to = arena_array(arena, (size_t)count, unit);
    for (int64_t i = 0; i < count; i++)
        for (size_t k = 0; k < unit; k++) to[(size_t)i * unit + k] = from[(size_t)i * unit + unit - 1 - k];
    return to;
}

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    int rest = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
    *to++ = (char)(lead[rest] | (code >> (6 * rest) & 0x3f));
    while (rest-- > 0) *to++ = (char)(0x80 | (code >> (6 * rest) & 0x3f));
    return to;
}

static uint32_t code_at(const unsigned char *at, bool swap)
{
    uint32_t code = 0;
    for (int k = 0; k < 4; k++) code |= (uint32_t)at[swap ? 3 - k : k] << (8 * k);
    return code <= 0x10ffff ? code : 0xfffd;
}

/* '<U5' or '|S5': fixed-width strings, padded with NUL. */
static bool parse_strings(struct tensor *tensor, struct arena *arena, const char *name, const struct header *header,
                          struct bytes bytes, struct bnfuse_error *error)
{
    size_t unit = header->descr[1] == 'U' ? 4 : 1;
    int64_t width = strtoll(header->descr + 2, NULL, 10), per, total;
    if (!size_multiply(width, (int64_t)unit, &per) || !size_multiply(per, header->count, &total)
        || (uint64_t)total > bytes.size - header->size)
        return fail(error, BNFUSE_USAGE, "%s: shorter than its header says", name);
    char **strings = NEW_ARRAY(arena, char *, (size_t)header->count);
    for (int64_t i = 0; i < header->count; i++) {
        const unsigned char *from = bytes.at + header->size + i * per;
        char *to = strings[i] = NEW_ARRAY(arena, char, (size_t)width *unit + 1);
        for (int64_t k = 0; k < width; k++, from += unit) {
            uint32_t code = unit == 4 ? code_at(from, header->descr[0] == '>') : *from;
            if (unit == 4) to = code ? put_utf8(to, code) : to;
            else if (code) *to++ = (char)code;
        }
    }
    tensor->type = DTYPE_STRING;
    tensor->strings = strings;
    return true;
}

static bool parse_numbers(struct tensor *tensor, struct arena *arena, const char *name, const struct header *header,
                          struct bytes bytes, struct bnfuse_error *error)
{
    bool swap = false;
    enum dtype type = find_type(header->descr, &swap);
    if (type == DTYPE_UNDEFINED)
        return fail(error, BNFUSE_USAGE,
                    "%s: elements of type '%s' are not supported; save it as a plain numeric "
                    "array",
                    name, header->descr);
    int64_t size = dtype_bits(type) / 8, total;
    if (!size_multiply(size, header->count, &total) || (uint64_t)total > bytes.size - header->size)
        return fail(error, BNFUSE_USAGE, "%s: shorter than its header says", name);
    const unsigned char *at = bytes.at + header->size;
    bool complex = dtype_kind(type) == KIND_COMPLEX;
    if (swap)
        at = in_little_endian(arena, at, complex ? 2 * header->count : header->count,
                              (size_t)(complex ? size / 2 : size));
    tensor->type = type;
    tensor->bytes = in_c_order(arena, header, at, size);
    return true;
}

bool npy_parse(struct tensor *tensor, struct arena *arena, const char *name, struct bytes bytes,
               struct bnfuse_error *error)
{
    struct header header = { .rank = 0 };
    if (!parse_header(&header, arena, bytes))
        return fail(error, BNFUSE_USAGE, "%s: not a .npy file that can be read", name);
    int64_t *dims = NEW_ARRAY(arena, int64_t, (size_t)header.rank);
    memcpy(dims, header.dims, (size_t)header.rank * sizeof *dims);
    *tensor = (struct tensor){ .rank = header.rank, .count = header.count, .dims = dims };
    bool text = header.descr[0] && (header.descr[1] == 'U' || header.descr[1] == 'S');
    return (text ? parse_strings : parse_numbers)(tensor, arena, name, &header, bytes, error);
}

bool npy_read(struct tensor *tensor, struct arena *arena, const char *path, struct bnfuse_error *error)
{
    struct bytes bytes;
    return bytes_read(&bytes, arena, path, error) && npy_parse(tensor, arena, path, bytes, error);
}

static size_t utf8_next(const char *text, uint32_t *code)
{
    unsigned char first = (unsigned char)*text;
    size_t length = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    *code = length == 1 ? first : first & (0x7fu >> length);
    for (size_t k = 1; k < length; k++) {
        if (((unsigned char)text[k] & 0xc0) != 0x80) return k;
        *code = *code << 6 | ((unsigned char)text[k] & 0x3f);
    }
    return length;
}

static struct bytes format_strings(const struct tensor *tensor, struct arena *arena, char *descr, size_t descr_size)
{
    size_t width = 1;
    uint32_t code;
    for (int64_t i = 0; i < tensor->count; i++) {
        size_t length = 0;
        for (const char *at = tensor->strings[i]; *at; at += utf8_next(at, &code)) length++;
        if (length > width) width = length;
    }
    uint32_t *codes = arena_array(arena, (size_t)tensor->count, width * sizeof *codes);
    for (int64_t i = 0; i < tensor->count; i++) {
        size_t k = (size_t)i * width;
        for (const char *at = tensor->strings[i]; *at; at += utf8_next(at, &code), k++) {
            utf8_next(at, &code);
            codes[k] = code;
        }
    }
    snprintf(descr, descr_size, "<U%zu", width);
    return (struct bytes){ (const unsigned char *)codes, (size_t)tensor->count * width * sizeof *codes };
}

static bool format_numbers(const struct tensor *tensor, struct arena *arena, struct bytes *elements, char *descr,
                           size_t descr_size, struct bnfuse_error *error)
{
    enum dtype stored = dtype_stand_in(tensor->type);
    int64_t size;
    if (!dtype_bytes(stored, tensor->count, &size))
        return fail(error, BNFUSE_USAGE, "elements of type %s cannot be written as .npy", dtype_name(tensor->type));
    unsigned char *to = arena_alloc(arena, (size_t)size);
    snprintf(descr, descr_size, "%s", dtype_numpy(stored));
    *elements = (struct bytes){ to, (size_t)size };
    if (stored == tensor->type) return tensor_read_bytes(tensor, 0, tensor->count, to, error);
    if (dtype_kind(stored) == KIND_REAL) {
        double *values = NEW_ARRAY(arena, double, (size_t)tensor->count);
        if (!tensor_read_rounded(tensor, 0, tensor->count, values, error)) return false;
        dtype_store_real(stored, values, tensor->count, to);
        return true;
    }
    int64_t *values = NEW_ARRAY(arena, int64_t, (size_t)tensor->count);
    if (!tensor_read_whole(tensor, 0, tensor->count, values, error)) return false;
    dtype_store_whole(stored, values, tensor->count, to);
    return true;
}

static const char *format_shape(const struct tensor *tensor, struct arena *arena)
{
    struct text text = { .arena = arena };
    text_add(&text, "(");
    text_add_sizes(&text, tensor->dims, tensor->rank);
    text_add(&text, tensor->rank == 1 ? ",)" : ")");
    return text_chars(&text);
}

bool npy_format(const struct tensor *tensor, struct arena *arena, struct bytes parts[2], struct bnfuse_error *error)
{
    char descr[32];
    if (tensor->type == DTYPE_STRING) parts[1] = format_strings(tensor, arena, descr, sizeof descr);
    else if (!format_numbers(tensor, arena, &parts[1], descr, sizeof descr, error)) return false;
    const char *dict = arena_printf(arena, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr,
                                    format_shape(tensor, arena));
    size_t prefix = strlen(MAGIC) + 4, length = strlen(dict) + 1;
    size_t total = (prefix + length + 63) / 64 * 64; /* the elements start at a multiple of 64 */
    unsigned char *header = arena_alloc(arena, total);
    memset(header, ' ', total);
    memcpy(header, MAGIC "\x01\x00", strlen(MAGIC) + 2);
    header[prefix - 2] = (unsigned char)((total - prefix) & 0xff);
    header[prefix - 1] = (unsigned char)((total - prefix) >> 8);
    memcpy(header + prefix, dict, strlen(dict));
    header[total - 1] = '\n';
    parts[0] = (struct bytes){ header, total };
    return true;
}

bool npy_write(const struct tensor *tensor, struct pending_files *to, const char *path, struct bnfuse_error *error)
{
    struct bytes parts[2];
    return npy_format(tensor, to->arena, parts, error) && pending_add(to, path, parts, 2, error);
}
