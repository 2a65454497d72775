/* SPDX-License-Identifier: Apache-2.0
 *
 * A text that grows. */
#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { FIRST_ROOM = 64 };

static void make_room(struct text *text, size_t more)
{
    if (more < text->room - text->length) return;
    size_t room = 2 * text->room + more + FIRST_ROOM;
    text->chars = arena_grow(text->arena, text->chars, text->length, room, 1);
    text->room = room;
}

static void add_list(struct text *text, const char *format, va_list list)
{
    va_list again;
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    assert(length >= 0);
    make_room(text, (size_t)length);
    vsnprintf(text->chars + text->length, text->room - text->length, format, again);
    text->length += (size_t)length;
    va_end(again);
}

void text_add(struct text *text, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    add_list(text, format, list);
    va_end(list);
}

void text_add_item(struct text *text, const char *between, const char *format, ...)
{
    va_list list;
    if (text->length) text_add(text, "%s", between);
    va_start(list, format);
    add_list(text, format, list);
    va_end(list);
}

void text_add_sizes(struct text *text, const int64_t *sizes, int rank)
{
    for (int axis = 0; axis < rank; axis++) {
        if (axis) text_add(text, ", ");
        if (sizes[axis] < 0) text_add(text, "?");
        else text_add(text, "%" PRId64, sizes[axis]);
    }
}

const char *text_chars(const struct text *text)
{
    return text->chars ? text->chars : "";
}
