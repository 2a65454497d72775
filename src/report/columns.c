/* SPDX-License-Identifier: Apache-2.0
 *
 * Display width by ranges of Unicode 15: the C library's needs a locale, and not every system has one. */
#include "report/columns.h"

#include <inttypes.h>
#include <string.h>

/* "-1234567" with commas. */
static const char *group(char to[NUMBER_SIZE], const char *digits)
{
    size_t used = 0, left = strlen(digits);
    if (*digits == '-' || *digits == '+') {
        to[used++] = *digits++;
        left--;
    }
    while (left) {
        to[used++] = *digits++;
        if (--left && left % 3 == 0) to[used++] = ',';
    }
    to[used] = '\0';
    return to;
}

const char *text_number(char to[NUMBER_SIZE], int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, number);
    return group(to, digits);
}

const char *text_change(char to[NUMBER_SIZE], int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%+" PRId64, number);
    return group(to, digits);
}

struct range {
    uint32_t from, to;
};

/* Combining marks, joiners and variation selectors. */
static const struct range zero[] = {
    { 0x0300, 0x036f },   { 0x0483, 0x0489 },   { 0x0591, 0x05bd }, { 0x0610, 0x061a }, { 0x064b, 0x065f },
    { 0x0670, 0x0670 },   { 0x06d6, 0x06dc },   { 0x0900, 0x0902 }, { 0x093c, 0x093c }, { 0x0941, 0x0948 },
    { 0x094d, 0x094d },   { 0x0e31, 0x0e31 },   { 0x0e34, 0x0e3a }, { 0x0e47, 0x0e4e }, { 0x1160, 0x11ff },
    { 0x1ab0, 0x1aff },   { 0x1dc0, 0x1dff },   { 0x200b, 0x200f }, { 0x202a, 0x202e }, { 0x2060, 0x2064 },
    { 0x20d0, 0x20ff },   { 0x302a, 0x302d },   { 0x3099, 0x309a }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
    { 0x1f3fb, 0x1f3ff }, { 0xe0100, 0xe01ef },
};

static const struct range wide[] = {
    { 0x1100, 0x115f },   { 0x231a, 0x231b },   { 0x23e9, 0x23ec },   { 0x2614, 0x2615 },   { 0x26a1, 0x26a1 },
    { 0x2705, 0x2705 },   { 0x274c, 0x274c },   { 0x2e80, 0x303e },   { 0x3041, 0x33ff },   { 0x3400, 0x4dbf },
    { 0x4e00, 0x9fff },   { 0xa000, 0xa4cf },   { 0xa960, 0xa97f },   { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },
    { 0xfe30, 0xfe6f },   { 0xff01, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x1f300, 0x1f3fa }, { 0x1f400, 0x1f64f },
    { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
};

static bool is_in(const struct range *ranges, size_t count, uint32_t character)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (character > ranges[middle].to) low = middle + 1;
        else high = middle;
    }
    return low < count && character >= ranges[low].from;
}

/* Decodes the character at *at and moves *at past it. */
static uint32_t take_character(const char **at)
{
    const unsigned char *bytes = (const unsigned char *)*at;
    int more = *bytes >= 0xf0 ? 3 : *bytes >= 0xe0 ? 2 : *bytes >= 0xc0 ? 1 : 0;
    uint32_t character = more ? *bytes & (0x3fu >> more) : *bytes;
    ++*at;
    for (; more > 0 && (**at & 0xc0) == 0x80; more--) character = character << 6 | (unsigned char)(*(*at)++ & 0x3f);
    return character;
}

static int character_width(uint32_t character)
{
    if (is_in(zero, sizeof zero / sizeof *zero, character)) return 0;
    return is_in(wide, sizeof wide / sizeof *wide, character) ? 2 : 1;
}

int text_width(const char *text)
{
    int width = 0;
    while (*text) width += character_width(take_character(&text));
    return width;
}

/* The bytes of the beginning that takes at most so many columns, marks that belong to its last character included. */
static size_t head_bytes(const char *text, int columns)
{
    const char *at = text;
    for (const char *next = at; *at; at = next) {
        columns -= character_width(take_character(&next));
        if (columns < 0) break;
    }
    return (size_t)(at - text);
}

/* Where the end begins that takes at most so many columns. */
static const char *tail_of(const char *text, int columns)
{
    int width = text_width(text);
    while (width > columns) width -= character_width(take_character(&text));
    return text;
}

void text_shorten(char *to, size_t size, const char *text, int columns)
{
    if (text_width(text) <= columns || columns < 3) {
        snprintf(to, size, "%.*s", (int)head_bytes(text, columns), text);
        return;
    }
    int head = (columns - 1) / 2;
    snprintf(to, size, "%.*s\xe2\x80\xa6%s", (int)head_bytes(text, head), text, tail_of(text, columns - 1 - head));
}

void put_padded(FILE *to, const char *text, int columns)
{
    fprintf(to, "%s%*s", text, columns > text_width(text) ? columns - text_width(text) : 0, "");
}

/* ---- lines ---- */

static const char *const inks[] = {
    [INK_PLAIN] = "", [INK_GOOD] = "\033[32m", [INK_KEPT] = "\033[33m", [INK_BAD] = "\033[31m", [INK_FAINT] = "\033[2m",
};

/* How many bytes of the text go on a line: up to the last blank that fits, or, of a word longer than that, what
 * fits. */
static size_t line_bytes(const char *text, int columns)
{
    size_t fits = head_bytes(text, columns);
    if (!text[fits] || text[fits] == ' ') return fits;
    for (size_t at = fits; at > 0; at--)
        if (text[at - 1] == ' ' && at - 1 > strspn(text, " ")) return at - 1;
    return fits ? fits : strlen(text);
}

void put_line(FILE *to, const struct terminal *terminal, enum ink ink, const char *line)
{
    const char *bar = "";
    int columns = terminal->columns ? terminal->columns : 1 << 30;
    bool colors = terminal->colors && ink != INK_PLAIN;
    do {
        size_t bytes = line_bytes(line, columns - text_width(bar));
        fprintf(to, "%s%s%.*s%s\n", bar, colors ? inks[ink] : "", (int)bytes, line, colors ? "\033[0m" : "");
        line += bytes;
        line += strspn(line, " ");
        bar = "    | ";
    } while (*line);
}
