/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: one line, escaped once. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Characters that a terminal obeys rather than shows (C1 controls, direction marks, line and paragraph separators),
 * tags that nothing shows, and those that XML does not know. */
static const struct {
    uint32_t first, last;
} invisible[] = {
    { 0x80, 0x9f },     { 0x61c, 0x61c },   { 0x200e, 0x200f }, { 0x2028, 0x202e },
    { 0x2066, 0x2069 }, { 0xfeff, 0xfeff }, { 0xfffe, 0xffff }, { 0xe0000, 0xe007f },
};

static bool is_visible(uint32_t code)
{
    for (size_t i = 0; i < sizeof invisible / sizeof *invisible; i++)
        if (code >= invisible[i].first && code <= invisible[i].last) return false;
    return true;
}

/* The bytes of the UTF-8 character at `text`; 0 if it is not one (overlong, surrogate, cut) or must not be shown. */
static size_t character_size(const unsigned char *text)
{
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (text[0] < 0x80) return text[0] >= 0x20 && text[0] != 0x7f && text[0] != '\\';
    size_t size = text[0] >= 0xf8 ? 0 : text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : text[0] >= 0xc0 ? 2 : 0;
    if (!size) return 0;
    uint32_t code = text[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    bool valid = code >= smallest[size] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return valid && is_visible(code) ? size : 0;
}

static size_t escape_byte(char escape[5], unsigned char byte)
{
    static const char names[][2] = { { '\n', 'n' }, { '\t', 't' }, { '\r', 'r' }, { '\\', '\\' } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((unsigned char)names[i][0] == byte) return (size_t)snprintf(escape, 5, "\\%c", names[i][1]);
    return (size_t)snprintf(escape, 5, "\\x%02x", byte);
}

/* Where a CI would look for a command: in "##[x]" and "##vso[x]", and in "::x" at the begin of a line, spaces of any
 * script before it or not. */
static bool is_command(const char *text, char before, bool begun)
{
    return (*text == '#' && before == '#') || (!begun && text[0] == ':' && text[1] == ':');
}

void escape_text(char *to, size_t size, const char *text)
{
    if (!size) return;
    size_t used = 0;
    char before = 0;
    bool begun = false;
    for (size_t step; *text; before = *text, text += step) {
        char escape[5];
        size_t length = step = is_command(text, before, begun) ? 0 : character_size((const unsigned char *)text);
        const char *from = text;
        begun = begun || (*text > 0x20 && *text < 0x7f);
        if (!step) {
            step = 1;
            length = escape_byte(escape, (unsigned char)*text);
            from = escape;
        }
        if (length >= size - used) break;
        memcpy(to + used, from, length);
        used += length;
    }
    to[used] = 0;
}

bool fail(struct bnfuse_error *error, enum bnfuse_status status, const char *format, ...)
{
    if (!error) return false;
    char line[sizeof error->message];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    error->status = status;
    escape_text(error->message, sizeof error->message, line);
    return false;
}

bool fail_system(struct bnfuse_error *error, int reason, const char *format, ...)
{
    char line[sizeof error->message];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    return fail(error, reason == ENOMEM ? BNFUSE_INTERNAL : BNFUSE_USAGE, "%s: %s", line, strerror(reason));
}

bool error_prefix(bool good, const char *name, struct bnfuse_error *error)
{
    char prefix[256], message[sizeof error->message];
    if (good || !error) return good;
    escape_text(prefix, sizeof prefix, name);
    if (strstr(error->message, prefix)) return false;
    snprintf(message, sizeof message, "%s: %.760s", prefix, error->message);
    memcpy(error->message, message, sizeof message);
    return false;
}

bool is_fatal(const struct bnfuse_error *error)
{
    return error->status == BNFUSE_INTERNAL || error->status == BNFUSE_CANCELLED;
}
