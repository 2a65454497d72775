/* SPDX-License-Identifier: Apache-2.0
 *
 * Text on a terminal: how wide it is, in at most so many columns, and in color where there is any. Texts are escaped
 * already and are UTF-8; bytes that are none count one column each. */
#ifndef REPORT_COLUMNS_H
#define REPORT_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What the text goes to. */
struct terminal {
    int columns; /* 0: lines are as long as they are */
    bool colors;
};

enum ink { INK_PLAIN, INK_GOOD, INK_KEPT, INK_BAD, INK_FAINT };

/* A whole number for people, with a comma before every three digits: 1,234,567. Returns `to`. */
enum { NUMBER_SIZE = 32 };
const char *text_number(char to[NUMBER_SIZE], int64_t number);
/* The same with its sign, also where it is +. */
const char *text_change(char to[NUMBER_SIZE], int64_t number);

/* Columns that the text takes: 2 for East Asian wide characters and emoji, 0 for combining marks. */
int text_width(const char *text);
/* The text in at most `columns` columns: names of one model differ at their ends, so the middle goes, and an ellipsis
 * stands for it. */
void text_shorten(char *to, size_t size, const char *text, int columns);
/* The text and blanks up to `columns`. */
void put_padded(FILE *to, const char *text, int columns);
/* A line, in as many as it takes where columns are counted. Further ones begin with a bar, so that no word of a model
 * begins a line. */
void put_line(FILE *to, const struct terminal *terminal, enum ink ink, const char *line);

#endif
