/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures of a report: static SVG with presentation attributes only, which a page shows under any
 * Content-Security-Policy, in light and in dark.
 *
 * Every picture is PICTURE_WIDTH units wide and scales with the page; at that width on a phone its text is 12 pixels
 * high. Text takes the color of the page. Each picture has a title for those who cannot see it. Texts are the model's
 * own and are escaped here. Nothing fails but the stream. */
#ifndef REPORT_PICTURE_H
#define REPORT_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { PICTURE_WIDTH = 360 };

/* What a color means. */
enum tone { TONE_PLAIN, TONE_GOOD, TONE_KEPT, TONE_BAD, TONE_OTHER };

/* A sign beside a sentence: a disc with a tick, a bar or a cross. */
void picture_sign(FILE *to, enum tone tone, const char *title);

/* One logarithmic axis from 1e-17 to 1 with what explains a difference of that size, and a dot for each mark. A mark
 * below the axis stands at its left end and is written as 0. */
struct mark {
    const char *label;
    double value;
    enum tone tone;
};
void picture_ladder(FILE *to, const struct mark *marks, size_t count);

/* The nodes of a model in the order of the file, wrapped like text. A cell with a target is a link to that id. */
struct cell {
    enum tone tone;
    const char *title;
    size_t target; /* of "#m<number>b<target>"; 0: none */
};
void picture_ribbon(FILE *to, size_t number, const struct cell *cells, size_t count);

/* Labelled bars, the longest across the picture. */
struct bar {
    const char *label;
    double value;
    const char *text; /* the value as it is written */
    enum tone tone;
};
void picture_bars(FILE *to, const char *title, const struct bar *bars, size_t count);

/* A few nodes and what flows between them. Boxes stand in rows from the top; an arrow goes from one box to another. */
struct box {
    const char *op, *name;
    int row, column, columns; /* place in its row, and how many share the row */
    enum tone tone;
};
struct arrow {
    size_t from, to;
};
void picture_graph(FILE *to, const char *title, const struct box *boxes, size_t box_count, const struct arrow *arrows,
                   size_t arrow_count);

/* A curve or two over the depth of a model, on a logarithmic scale between two powers of ten; what is below stands on
 * the lower edge, as 0 does. The first of two is dotted. */
struct curve {
    const char *label;
    const double *values; /* `count` of them; negative: none there */
    enum tone tone;
};
struct powers {
    int lowest, highest;
};
/* Powers between which all values of the curves are, at least three of them. */
struct powers picture_powers(const struct curve *curves, size_t curve_count, size_t count);
void picture_depth(FILE *to, const char *title, const struct curve *curves, size_t curve_count, size_t count,
                   struct powers powers);

/* How many differences there are of each size: equal, then up to 1, 2, 4, ... units in the last place. The height of a
 * bar is the logarithm of its number. */
void picture_histogram(FILE *to, const char *title, const int64_t *counts, size_t count);

/* The scale of each channel, in order, as a bar by its logarithm; a degenerate one is drawn over the whole height. Many
 * channels share a bar: it shows the largest, and is degenerate when one of them is. */
void picture_channels(FILE *to, const char *title, const double *scales, const bool *degenerate, size_t count);

#endif
