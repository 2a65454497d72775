/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings, numbers and the end of a report in JSON. */
#include "report/json_text.h"

#include "bnfuse.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

json_t *json_text(const char *from)
{
    errno = 0;
    json_t *string = from ? json_string(from) : json_null();
    if (string || errno == ENOMEM) return string;
    char escaped[4096];
    bnfuse_escape(escaped, sizeof escaped, from);
    return json_string(escaped);
}

json_t *json_part(const char *from, size_t length)
{
    char part[512];
    snprintf(part, sizeof part, "%.*s", (int)(length < sizeof part ? length : sizeof part), from);
    return json_text(part);
}

json_t *json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

void json_put(json_t **to, const char *key, json_t *value)
{
    if (json_object_set_new(*to, key, value) == 0) return;
    json_decref(*to);
    *to = NULL;
}

void json_append(json_t **to, json_t *value)
{
    if (json_array_append_new(*to, value) == 0) return;
    json_decref(*to);
    *to = NULL;
}

struct sink {
    FILE *to;
    char last;
};

/* Of two hashes in a string the second is written otherwise, which JSON allows, and so is DEL. */
static int write_piece(const char *bytes, size_t size, void *context)
{
    struct sink *sink = context;
    for (size_t i = 0; i < size; i++) {
        bool hidden = (bytes[i] == '#' && sink->last == '#') || bytes[i] == 0x7f;
        sink->last = bytes[i];
        if ((hidden ? fprintf(sink->to, "\\u%04x", (unsigned)bytes[i]) : fputc(bytes[i], sink->to)) < 0) return -1;
    }
    return 0;
}

static bool print(json_t *root, size_t flags, FILE *to)
{
    struct sink sink = { .to = to };
    errno = ENOMEM; /* unless the stream says otherwise */
    bool written = root
                   && json_dump_callback(root, write_piece, &sink, flags | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII) == 0
                   && fputc('\n', to) != EOF;
    json_decref(root);
    return written;
}

bool json_print(json_t *root, FILE *to)
{
    return print(root, JSON_INDENT(2), to);
}

bool json_print_line(json_t *root, FILE *to)
{
    return print(root, JSON_COMPACT, to);
}
