/* SPDX-License-Identifier: Apache-2.0
 *
 * A text that grows in an arena: of n pieces in time that grows as their length, where printing a longer one for each
 * piece would take its square. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/memory.h"

#include <stdint.h>

struct text {
    struct arena *arena;
    char *chars; /* NULL: nothing was added yet */
    size_t length, room;
};

/* A string of a message, which may be absent. */
static inline const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

/* At its end. */
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same behind `between`, which is left out where nothing stands before it. */
void text_add_item(struct text *text, const char *between, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sizes of axes, with ", " between; "?" for one below 0. */
void text_add_sizes(struct text *text, const int64_t *sizes, int rank);
/* What stands there so far; "" where nothing does. Until more is added. */
const char *text_chars(const struct text *text);

#endif
