/* SPDX-License-Identifier: Apache-2.0
 *
 * .npz: a zip archive of .npy files. */
#include "io/npz.h"

#include "io/npy.h"
#include "io/zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

/* Whether this byte of a name could make an entry a path, or cannot stand in a file's name. */
static bool is_escaped(const char *name, size_t i)
{
    return strchr("/\\:%", name[i]) || (unsigned char)name[i] < ' ' || name[i] == 0x7f || (i == 0 && name[i] == '.');
}

/* "a/b" is written as "a%2Fb.npy". */
static const char *entry_name(struct arena *arena, const char *name)
{
    char *to = arena_alloc(arena, 3 * strlen(name) + sizeof ".npy"), *at = to;
    for (size_t i = 0; name[i]; i++) {
        if (is_escaped(name, i)) at += sprintf(at, "%%%02X", (unsigned char)name[i]);
        else *at++ = name[i];
    }
    memcpy(at, ".npy", sizeof ".npy");
    return to;
}

/* The character that a name's escape at `at` stands for; 0 where there is none. */
static char escaped_character(const char *at)
{
    char digits[3] = { 0 }, *end;
    if (at[0] != '%' || !at[1] || !at[2]) return 0;
    memcpy(digits, at + 1, 2);
    long value = strtol(digits, &end, 16);
    return end == digits + 2 && value > 0 ? (char)value : 0;
}

static const char *tensor_name(struct arena *arena, const char *entry)
{
    char *name = arena_copy_text(arena, entry), *to = name;
    size_t length = strlen(name);
    if (length > 4 && strcmp(name + length - 4, ".npy") == 0) name[length - 4] = '\0';
    for (const char *at = name; *at; at++) {
        char character = escaped_character(at);
        if (character) at += 2;
        *to++ = character ? character : *at;
    }
    *to = '\0';
    return name;
}

/* ---- archives ---- */

static bool read_entry(struct datum *datum, struct arena *arena, const struct zip *zip, const struct zip_entry *entry,
                       struct bnfuse_error *error)
{
    struct bytes content;
    *datum = (struct datum){ .name = tensor_name(arena, entry->name), .form = FORM_TENSOR };
    return zip_read(zip, entry, arena, &content, error)
           && npy_parse(&datum->tensor, arena, arena_printf(arena, "%s(%s)", zip->path, entry->name), content, error);
}

bool npz_read(struct datum **data, size_t *count, struct arena *arena, const char *path, struct bnfuse_error *error)
{
    struct zip zip;
    if (!zip_open(&zip, arena, path, error)) return false;
    *data = NEW_ARRAY(arena, struct datum, zip.count);
    *count = zip.count;
    for (size_t i = 0; i < zip.count; i++)
        if (!read_entry(&(*data)[i], arena, &zip, &zip.entries[i], error)) return false;
    return true;
}

bool npz_write(const struct datum *data, size_t count, struct pending_files *to, const char *path,
               struct bnfuse_error *error)
{
    struct arena *arena = to->arena;
    struct zip_content *contents = NEW_ARRAY(arena, struct zip_content, count);
    for (size_t i = 0; i < count; i++) {
        if (data[i].form != FORM_TENSOR)
            return fail(error, BNFUSE_USAGE, "\"%s\" is no tensor and cannot be written as .npz", data[i].name);
        contents[i].name = entry_name(arena, data[i].name);
        if (!npy_format(&data[i].tensor, arena, contents[i].parts, error)) return false;
    }
    return zip_write(path, contents, count, to, error);
}
