/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawing. Sizes are in units of the picture. */
#include "report/picture.h"

#include "bnfuse.h"
#include "report/markup.h"

#include <math.h>
#include <string.h>

enum { TEXT = 12, LINE = 22, MARGIN = 6 };

static const char *tone_color(enum tone tone)
{
    static const char *const colors[] = {
        [TONE_PLAIN] = "#8b949e", [TONE_GOOD] = "#2da44e",  [TONE_KEPT] = "#c47f00",
        [TONE_BAD] = "#e5534b",   [TONE_OTHER] = "#3b82d6",
    };
    return colors[tone];
}

/* ---- Elements ---- */

static void begin_class(FILE *to, const char *class, int width, int height, const char *title)
{
    fprintf(to, "<svg class=\"%s\" width=\"480\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", class, width,
            height);
    put_markup(to, title);
    fputs("\">\n<g font-family=\"system-ui, sans-serif\">\n", to);
}

static void begin(FILE *to, int width, int height, const char *title)
{
    begin_class(to, "picture", width, height, title);
}

static void end(FILE *to)
{
    fputs("</g></svg>\n", to);
}

static void put_text(FILE *to, double x, double y, const char *anchor, const char *attributes, const char *text)
{
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\" fill=\"currentColor\"%s>", x, y,
            anchor, TEXT, attributes);
    put_markup(to, text);
    fputs("</text>\n", to);
}

static void put_rectangle(FILE *to, double x, double y, double width, double height, const char *attributes)
{
    fprintf(to, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" %s/>\n", x, y, width, height, attributes);
}

static void put_line(FILE *to, double x1, double y1, double x2, double y2, const char *attributes)
{
    fprintf(to, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"currentColor\" %s/>\n", x1, y1, x2, y2,
            attributes);
}

/* The bytes of the character at `at`. */
static size_t character_bytes(const char *at)
{
    size_t bytes = 1;
    while ((at[bytes] & 0xc0) == 0x80) bytes++;
    return bytes;
}

static size_t character_count(const char *text)
{
    size_t count = 0;
    for (; *text; text += character_bytes(text)) count++;
    return count;
}

static const char *skip_characters(const char *text, size_t count)
{
    for (; count && *text; count--) text += character_bytes(text);
    return text;
}

/* The text in at most `most` characters: names of one model differ at their ends, so the middle goes. */
static void shorten(char *to, size_t size, const char *text, size_t most)
{
    char printable[1024];
    bnfuse_escape(printable, sizeof printable, text);
    size_t count = character_count(printable), head = (most - 1) / 2, tail = most - 1 - head;
    if (count <= most) {
        snprintf(to, size, "%.*s", (int)(size - 1), printable);
        return;
    }
    int head_bytes = (int)(skip_characters(printable, head) - printable);
    snprintf(to, size, "%.*s\xe2\x80\xa6%.*s", head_bytes, printable, (int)size / 2,
             skip_characters(printable, count - tail));
}

/* ---- A sign ---- */

void picture_sign(FILE *to, enum tone tone, const char *title)
{
    static const char *const paths[] = {
        [TONE_PLAIN] = "M7 12h10",       [TONE_GOOD] = "M6.5 12.5l3.5 3.5 7.5-8",
        [TONE_KEPT] = "M12 6v8m0 3v1.5", [TONE_BAD] = "M7.5 7.5l9 9m0-9l-9 9",
        [TONE_OTHER] = "M7 12h10",
    };
    fprintf(to, "<svg class=\"sign\" width=\"24\" height=\"24\" viewBox=\"0 0 24 24\" role=\"img\" aria-label=\"");
    put_markup(to, title);
    fprintf(to,
            "\"><circle cx=\"12\" cy=\"12\" r=\"11\" fill=\"%s\"/><path d=\"%s\" fill=\"none\" stroke=\"#ffffff\" "
            "stroke-width=\"2.5\" stroke-linecap=\"round\"/></svg>\n",
            tone_color(tone), paths[tone]);
}

/* ---- The ladder ---- */

enum { LADDER_LEFT = 112, LADDER_RIGHT = 348, LADDER_LOWEST = -17 };

static double ladder_x(double value)
{
    double power = value > 0 ? log10(value) : LADDER_LOWEST;
    if (!(power > LADDER_LOWEST)) power = LADDER_LOWEST;
    if (power > 0) power = 0;
    return LADDER_LEFT + (power - LADDER_LOWEST) / -LADDER_LOWEST * (LADDER_RIGHT - LADDER_LEFT);
}

static void put_regions(FILE *to, int height)
{
    static const struct region {
        double from, to;
        const char *label;
        enum tone tone;
    } regions[] = {
        { 1e-17, 1e-9, "float64", TONE_GOOD },
        { 1e-9, 1e-3, "float32", TONE_OTHER },
        { 1e-3, 1, "bug", TONE_BAD },
    };
    char attributes[100];
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        double left = ladder_x(regions[i].from), right = ladder_x(regions[i].to);
        snprintf(attributes, sizeof attributes, "fill=\"%s\" fill-opacity=\"0.16\"", tone_color(regions[i].tone));
        put_rectangle(to, left, LINE, right - left, height, attributes);
        put_text(to, (left + right) / 2, LINE - 7, "middle", "", regions[i].label);
    }
    for (int power = -15; power <= 0; power += 3) {
        char label[16];
        double x = LADDER_LEFT + (double)(power - LADDER_LOWEST) / -LADDER_LOWEST * (LADDER_RIGHT - LADDER_LEFT);
        put_line(to, x, LINE, x, LINE + height, "stroke-opacity=\"0.25\"");
        snprintf(label, sizeof label, power ? "1e%d" : "1", power);
        put_text(to, x, LINE + height + 15, "middle", "", label);
    }
}

void picture_ladder(FILE *to, const struct mark *marks, size_t count)
{
    int height = (int)count * LINE + 4;
    char value[40], attributes[80];
    begin(to, PICTURE_WIDTH, height + LINE + 20, "differences on a logarithmic axis from 1e-17 to 1");
    put_regions(to, height);
    for (size_t i = 0; i < count; i++) {
        double x = ladder_x(marks[i].value), y = LINE + 2 + ((double)i + 0.5) * LINE;
        bool leftwards = x > LADDER_RIGHT - 60;
        put_text(to, LADDER_LEFT - 8, y + 4, "end", "", marks[i].label);
        fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"/>\n", x, y, tone_color(marks[i].tone));
        snprintf(value, sizeof value, marks[i].value > 0 ? "%.1e" : "0", marks[i].value);
        snprintf(attributes, sizeof attributes, " font-weight=\"600\"");
        put_text(to, leftwards ? x - 9 : x + 9, y + 4, leftwards ? "end" : "start", attributes, value);
    }
    end(to);
}

/* ---- The ribbon ---- */

/* Large nets have small cells, so that the ribbon stays in sight. */
static const struct cell_size {
    size_t up_to; /* cells */
    int width, height;
} cell_sizes[] = { { 700, 6, 12 }, { 2400, 3, 7 }, { SIZE_MAX, 2, 5 } };

static const struct cell_size *cell_size(size_t count)
{
    const struct cell_size *size = cell_sizes;
    while (count > size->up_to) size++;
    return size;
}

static void put_cell(FILE *to, const struct cell *cell, double x, double y, const struct cell_size *size)
{
    fprintf(to, "<rect x=\"%.0f\" y=\"%.0f\" width=\"%g\" height=\"%d\" fill=\"%s\"%s><title>", x, y,
            size->width > 2 ? size->width - 1 : 1.6, size->height, tone_color(cell->tone),
            cell->tone == TONE_PLAIN ? " fill-opacity=\"0.45\"" : "");
    put_markup(to, cell->title);
    fputs("</title></rect>", to);
}

void picture_ribbon(FILE *to, size_t number, const struct cell *cells, size_t count)
{
    const struct cell_size *size = cell_size(count);
    size_t across = (size_t)((PICTURE_WIDTH - 2 * MARGIN) / size->width), rows = (count + across - 1) / across;
    begin_class(to, "picture ribbon", PICTURE_WIDTH, (int)rows * (size->height + 2) + 2,
                "the nodes in the order of the file");
    for (size_t i = 0; i < count; i++) {
        double x = MARGIN + (double)(i % across) * size->width, y = 1 + (double)(i / across) * (size->height + 2);
        if (cells[i].target) fprintf(to, "<a href=\"#m%zub%zu\">", number, cells[i].target);
        put_cell(to, &cells[i], x, y, size);
        fputs(cells[i].target ? "</a>\n" : "\n", to);
    }
    end(to);
}

/* ---- Bars ---- */

void picture_bars(FILE *to, const char *title, const struct bar *bars, size_t count)
{
    enum { HEIGHT = 36 };
    double most = 0;
    char label[200], attributes[60];
    for (size_t i = 0; i < count; i++) most = fmax(most, bars[i].value);
    begin(to, PICTURE_WIDTH, (int)count * HEIGHT + 4, title);
    for (size_t i = 0; i < count; i++) {
        double y = (double)i * HEIGHT, width = most > 0 ? bars[i].value / most * (PICTURE_WIDTH - 2 * MARGIN) : 0;
        shorten(label, sizeof label, bars[i].label, 48);
        snprintf(attributes, sizeof attributes, "rx=\"2\" fill=\"%s\"", tone_color(bars[i].tone));
        put_text(to, MARGIN, y + 15, "start", "", label);
        put_text(to, PICTURE_WIDTH - MARGIN, y + 15, "end", " font-weight=\"600\"", bars[i].text);
        put_rectangle(to, MARGIN, y + 20, fmax(width, 2), 8, attributes);
    }
    end(to);
}

/* ---- A few nodes ---- */

enum { BOX_HEIGHT = 40, BOX_GAP = 20 };

struct place {
    double left, top, width;
};

static struct place box_place(const struct box *box)
{
    double room = (double)(PICTURE_WIDTH - 2 * MARGIN) / box->columns, width = fmin(room - 8, 220);
    return (struct place){ MARGIN + room * (box->column + 0.5) - width / 2,
                           2 + (double)box->row * (BOX_HEIGHT + BOX_GAP), width };
}

static void put_box(FILE *to, const struct box *box)
{
    struct place place = box_place(box);
    char name[300], attributes[160];
    double middle = place.left + place.width / 2;
    size_t most = (size_t)(place.width / 7);
    snprintf(attributes, sizeof attributes, "rx=\"5\" fill=\"%s\" fill-opacity=\"0.18\" stroke=\"%s\"",
             tone_color(box->tone), tone_color(box->tone));
    put_rectangle(to, place.left, place.top, place.width, BOX_HEIGHT, attributes);
    shorten(name, sizeof name, box->op, most);
    put_text(to, middle, place.top + 17, "middle", " font-weight=\"600\"", name);
    shorten(name, sizeof name, box->name, most);
    put_text(to, middle, place.top + 32, "middle", "", name);
}

static void put_arrow(FILE *to, const struct box *from, const struct box *target)
{
    struct place a = box_place(from), b = box_place(target);
    double x1 = a.left + a.width / 2, y1 = a.top + BOX_HEIGHT, x2 = b.left + b.width / 2, y2 = b.top;
    put_line(to, x1, y1, x2, y2 - 5, "stroke-opacity=\"0.7\"");
    fprintf(to, "<path d=\"M%.1f %.1fl-4 -6h8z\" fill=\"currentColor\" fill-opacity=\"0.7\"/>\n", x2, y2);
}

void picture_graph(FILE *to, const char *title, const struct box *boxes, size_t box_count, const struct arrow *arrows,
                   size_t arrow_count)
{
    int rows = 0;
    for (size_t i = 0; i < box_count; i++)
        if (boxes[i].row >= rows) rows = boxes[i].row + 1;
    begin(to, PICTURE_WIDTH, rows * (BOX_HEIGHT + BOX_GAP) - BOX_GAP + 4, title);
    for (size_t i = 0; i < arrow_count; i++) put_arrow(to, &boxes[arrows[i].from], &boxes[arrows[i].to]);
    for (size_t i = 0; i < box_count; i++) put_box(to, &boxes[i]);
    end(to);
}

/* ---- Along the depth ---- */

enum { DEPTH_LEFT = 44, DEPTH_HEIGHT = 120 };

static double depth_y(double value, struct powers powers)
{
    double power = value > 0 ? fmin(fmax(log10(value), powers.lowest), powers.highest) : powers.lowest;
    return MARGIN + (powers.highest - power) / (powers.highest - powers.lowest) * DEPTH_HEIGHT;
}

struct powers picture_powers(const struct curve *curves, size_t curve_count, size_t count)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < curve_count; i++)
        for (size_t k = 0; k < count; k++) {
            double value = curves[i].values[k];
            if (!(value > 0) || !isfinite(value)) continue;
            least = fmin(least, value);
            most = fmax(most, value);
        }
    if (!(most > 0)) return (struct powers){ LADDER_LOWEST, 0 };
    struct powers powers = { (int)floor(log10(least)), (int)ceil(log10(most)) };
    while (powers.highest - powers.lowest < 3) powers.highest++;
    return powers;
}

static void put_curve(FILE *to, const struct curve *curve, size_t count, struct powers powers, bool is_dotted)
{
    double width = PICTURE_WIDTH - MARGIN - DEPTH_LEFT;
    fputs("<polyline points=\"", to);
    for (size_t i = 0; i < count; i++)
        if (curve->values[i] >= 0)
            fprintf(to, "%.1f,%.1f ", DEPTH_LEFT + (count > 1 ? (double)i / (double)(count - 1) * width : 0),
                    depth_y(curve->values[i], powers));
    fprintf(to, "\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-linejoin=\"round\"%s/>\n",
            tone_color(curve->tone), is_dotted ? " stroke-dasharray=\"2 3\"" : "");
}

static void put_powers(FILE *to, struct powers powers)
{
    int step = (powers.highest - powers.lowest + 4) / 5;
    for (int power = powers.highest; power >= powers.lowest; power -= step) {
        char label[16];
        double y = depth_y(pow(10, power), powers);
        snprintf(label, sizeof label, power ? "1e%d" : "1", power);
        put_line(to, DEPTH_LEFT, y, PICTURE_WIDTH - MARGIN, y, "stroke-opacity=\"0.25\"");
        put_text(to, DEPTH_LEFT - 6, y + 4, "end", "", label);
    }
}

void picture_depth(FILE *to, const char *title, const struct curve *curves, size_t curve_count, size_t count,
                   struct powers powers)
{
    begin(to, PICTURE_WIDTH, DEPTH_HEIGHT + 2 * MARGIN + LINE, title);
    put_powers(to, powers);
    for (size_t i = 0; i < curve_count; i++) {
        double x = DEPTH_LEFT + (double)i * 150, y = DEPTH_HEIGHT + MARGIN + LINE - 4;
        bool is_dotted = curve_count > 1 && i == 0;
        put_curve(to, &curves[i], count, powers, is_dotted);
        fprintf(to, "<path d=\"M%.1f %.1fh14\" stroke=\"%s\" stroke-width=\"4\"%s/>\n", x, y - 5,
                tone_color(curves[i].tone), is_dotted ? " stroke-dasharray=\"3 2.5\"" : "");
        put_text(to, x + 20, y, "start", "", curves[i].label);
    }
    end(to);
}

/* ---- A histogram ---- */

enum { BARS_HEIGHT = 90 };

void picture_histogram(FILE *to, const char *title, const int64_t *counts, size_t count)
{
    double most = 1, room = (double)(PICTURE_WIDTH - 2 * MARGIN) / (double)(count > 8 ? count : 8);
    char attributes[60], label[24];
    for (size_t i = 0; i < count; i++) most = fmax(most, log10((double)counts[i] + 1));
    begin(to, PICTURE_WIDTH, BARS_HEIGHT + LINE + MARGIN, title);
    for (size_t i = 0; i < count; i++) {
        double height = log10((double)counts[i] + 1) / most * (BARS_HEIGHT - 16), x = MARGIN + (double)i * room;
        snprintf(attributes, sizeof attributes, "rx=\"1\" fill=\"%s\"", tone_color(i ? TONE_OTHER : TONE_GOOD));
        if (counts[i]) put_rectangle(to, x + 1, BARS_HEIGHT - height, fmax(room - 2, 1), height, attributes);
        snprintf(label, sizeof label, i < 11 ? "%.0f" : "2^%.0f",
                 i < 11 ? (i ? ldexp(1, (int)i - 1) : 0) : (double)i - 1);
        if (count <= 12 || i % 4 == 0) put_text(to, x + room / 2, BARS_HEIGHT + 16, "middle", "", label);
    }
    put_line(to, MARGIN, BARS_HEIGHT, PICTURE_WIDTH - MARGIN, BARS_HEIGHT, "stroke-opacity=\"0.5\"");
    end(to);
}

/* ---- Channels ---- */

enum { CHANNELS_ACROSS = 170, CHANNELS_HEIGHT = 48, CHANNELS_WIDTH = PICTURE_WIDTH - 2 * MARGIN };

struct channel_bar {
    double scale; /* the largest; 0: all are */
    bool degenerate;
};

static struct channel_bar channel_bar(const double *scales, const bool *degenerate, size_t from, size_t to)
{
    struct channel_bar bar = { 0, false };
    for (size_t i = from; i < to; i++) {
        if (isfinite(scales[i])) bar.scale = fmax(bar.scale, fabs(scales[i]));
        bar.degenerate |= degenerate[i] || !isfinite(scales[i]);
    }
    return bar;
}

/* Bars of one kind as one path: thousands of elements would be slow. */
static void put_channels(FILE *to, const double *scales, const bool *degenerate, size_t count, bool kind, double least,
                         double most)
{
    size_t each = (count + CHANNELS_ACROSS - 1) / CHANNELS_ACROSS, bars = (count + each - 1) / each;
    double room = fmin((double)CHANNELS_WIDTH / (double)bars, 8);
    bool any = false;
    for (size_t i = 0; i < bars; i++) {
        struct channel_bar bar =
            channel_bar(scales, degenerate, i * each, i * each + each < count ? i * each + each : count);
        if (bar.degenerate != kind) continue;
        double share = most > least && bar.scale > 0 ? (log10(bar.scale) - least) / (most - least) : 0.5;
        double height = kind ? CHANNELS_HEIGHT : 4 + fmin(fmax(share, 0), 1) * (CHANNELS_HEIGHT - 4);
        fprintf(to, "%sM%.1f %dv-%.1f", any ? "" : "<path d=\"", MARGIN + ((double)i + 0.5) * room, CHANNELS_HEIGHT + 2,
                height);
        any = true;
    }
    if (any)
        fprintf(to, "\" fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\"/>\n",
                tone_color(kind ? TONE_BAD : TONE_OTHER), fmax(room * 0.8, 0.8));
}

void picture_channels(FILE *to, const char *title, const double *scales, const bool *degenerate, size_t count)
{
    double least = 400, most = -400;
    char label[60];
    for (size_t i = 0; i < count; i++) {
        if (degenerate[i] || !isfinite(scales[i]) || scales[i] == 0) continue;
        least = fmin(least, log10(fabs(scales[i])));
        most = fmax(most, log10(fabs(scales[i])));
    }
    begin(to, PICTURE_WIDTH, CHANNELS_HEIGHT + LINE, title);
    put_channels(to, scales, degenerate, count, false, least, most);
    put_channels(to, scales, degenerate, count, true, least, most);
    snprintf(label, sizeof label, "%.2g \xe2\x80\xa6 %.2g", pow(10, least), pow(10, most));
    if (most >= least) put_text(to, MARGIN, CHANNELS_HEIGHT + 16, "start", "", label);
    snprintf(label, sizeof label, "%zu channel%s", count, count == 1 ? "" : "s");
    put_text(to, PICTURE_WIDTH - MARGIN, CHANNELS_HEIGHT + 16, "end", "", label);
    end(to);
}
