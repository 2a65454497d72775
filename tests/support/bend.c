/* SPDX-License-Identifier: Apache-2.0
 *
 * Models as text (fold_case.h) with one thing changed. */
#include "bend.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATEMENTS = 64, WORDS = 32, LENGTH = 512, ROOM = 16384 };

struct bender {
    char statements[STATEMENTS][LENGTH];
    size_t count;
    bend_take *take;
    void *context;
    char text[ROOM];
};

static void add(struct bender *b, const char *text)
{
    size_t length = strlen(b->text);
    snprintf(b->text + length, sizeof b->text - length, "%s; ", text);
}

/* The model with this in the place of a statement. */
__attribute__((format(printf, 3, 4))) static void put(struct bender *b, size_t at, const char *format, ...)
{
    char changed[2 * LENGTH];
    va_list list;
    va_start(list, format);
    vsnprintf(changed, sizeof changed, format, list);
    va_end(list);
    *b->text = '\0';
    for (size_t i = 0; i < b->count; i++) add(b, i == at ? changed : b->statements[i]);
    b->take(b->context, b->text);
}

/* ---- declarations ---- */

static bool is_fixed(const char *dims)
{
    return strspn(dims, "0123456789,") == strlen(dims);
}

/* The dims with another word for each, or for the first alone. */
static const char *renamed_dims(char *to, const char *dims, const char *word, bool all)
{
    *to = '\0';
    for (const char *at = dims; *at;) {
        size_t length = strcspn(at, ",");
        bool changes = all || at == dims;
        sprintf(to + strlen(to), "%s%.*s", at == dims ? "" : ",", changes ? (int)strlen(word) : (int)length,
                changes ? word : at);
        at += length + (at[length] == ',');
    }
    return to;
}

static void bend_types(struct bender *b, size_t at, const char *start, const char *dims, const char *rest)
{
    static const char *const types[] = { "float16", "float64", "int32", "bool", "int64", "uint8" };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) put(b, at, "%s %s%s %s", start, dims, rest, types[i]);
}

static void bend_input(struct bender *b, size_t at, const char *name, const char *dims, const char *type)
{
    char other[LENGTH];
    put(b, at, "in %s", name);
    if (!strcmp(dims, "-")) return;
    put(b, at, "in %s %s %s", name, renamed_dims(other, dims, "?", true), type);
    put(b, at, "in %s %s %s", name, renamed_dims(other, dims, "M", false), type);
    put(b, at, "in %s %s %s", name, renamed_dims(other, dims, "4611686018427387904", false), type);
    put(b, at, "in %s %s %s", name, renamed_dims(other, dims, "1099511627776", true), type);
    put(b, at, "in %s 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,%s %s", name, dims, type);
    put(b, at, "in %s 1,%s %s", name, dims, type);
    put(b, at, "in %s - %s", name, type);
    put(b, at, "%s; out %s", b->statements[at], name);
    snprintf(other, sizeof other, "in %.100s", name);
    bend_types(b, at, other, dims, "");
    if (!is_fixed(dims)) return;
    put(b, at, "init %s %s %s", name, dims, type);
    put(b, at, "%s; init %s %s %s", b->statements[at], name, dims, type);
}

static void bend_dims(struct bender *b, size_t at, const char *start, const char *dims, const char *rest)
{
    const char *less = strchr(dims, ',');
    if (!is_fixed(dims)) return; /* "-": a scalar */
    put(b, at, "%s 1,%s %s", start, dims, rest);
    put(b, at, "%s %s,1 %s", start, dims, rest);
    if (less) put(b, at, "%s %s %s", start, less + 1, rest);
    put(b, at, "in %s %s; %s %s %s", strchr(start, ' ') + 1, dims, start, dims, rest);
    put(b, at, "in %s %s", strchr(start, ' ') + 1, dims);
}

static void bend_filled(struct bender *b, size_t at, const char *start, const char *dims, char *rest)
{
    static const char *const numbers[] = { "0", "-1", "1", "3", "1000", "inf", "nan" };
    const char *type = rest + strcspn(rest, " ");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put(b, at, "%s %s %s%s", start, dims, numbers[i], type);
    bend_dims(b, at, start, dims, rest);
    rest[strcspn(rest, " ")] = '\0';
    char with[LENGTH];
    snprintf(with, sizeof with, " %.100s", rest);
    bend_types(b, at, start, dims, with);
}

/* A list of numbers: one of them changed, one more, one less. */
static void bend_list(struct bender *b, size_t at, const char *start, const char *list, const char *rest)
{
    const char *last = strrchr(list, ',');
    for (const char *number = list; *number;) {
        size_t length = strcspn(number, ",");
        const long value = strtol(number, NULL, 10);
        const int before = (int)(number - list);
        put(b, at, "%s%.*s%ld%s%s", start, before, list, value + 1, number + length, rest);
        put(b, at, "%s%.*s%ld%s%s", start, before, list, -value - 1, number + length, rest);
        put(b, at, "%s%.*s0%s%s", start, before, list, number + length, rest);
        put(b, at, "%s%.*s%ld%s%s", start, before, list, LONG_MAX / 2, number + length, rest);
        put(b, at, "%s%.*s%ld%s%s", start, before, list, LONG_MIN / 2, number + length, rest);
        put(b, at, "%s%.*s%ld%s%s", start, before, list, 1L << 40, number + length, rest);
        number += length + (number[length] == ',');
    }
    if (!last) return;
    put(b, at, "%s%.*s%s%s", start, (int)(last - list), list, strchr(list, ',') == last ? "," : "", rest);
    put(b, at, "%s%s%s1%s", start, list, last[1] ? "," : "", rest);
}

static void bend_declaration(struct bender *b, size_t at)
{
    char verb[16] = "", name[LENGTH] = "", dims[LENGTH] = "", rest[LENGTH] = "", start[LENGTH];
    if (sscanf(b->statements[at], "%15s %100s %200s %100[^\n]", verb, name, dims, rest) < 3) return;
    snprintf(start, sizeof start, "%.15s %.100s", verb, name);
    put(b, at, "%s; e_ = Identity %s; out e_", b->statements[at], name);
    if (!strcmp(verb, "in")) bend_input(b, at, name, dims, rest);
    else if (!strcmp(verb, "init")) {
        bend_dims(b, at, start, dims, rest);
        bend_types(b, at, start, dims, "");
    } else if (!strcmp(verb, "fill")) bend_filled(b, at, start, dims, rest);
    else if (!strcmp(verb, "ints")) {
        snprintf(start, sizeof start, "%.15s %.100s ", verb, name);
        bend_list(b, at, start, dims, "");
        put(b, at, "in %s ? int64; %s", name, b->statements[at]);
    }
}

/* ---- nodes ---- */

struct line {
    char text[LENGTH];
    char *outputs, *op, *words[WORDS];
    size_t count;
};

static bool read_line(const char *statement, struct line *line)
{
    snprintf(line->text, sizeof line->text, "%s", statement);
    char *equals = strstr(line->text, " = ");
    if (!equals) return false;
    *equals = '\0';
    line->outputs = line->text;
    line->op = strtok(equals + 3, " \n");
    line->count = 0;
    for (char *word; line->count < WORDS && (word = strtok(NULL, " \n"));) line->words[line->count++] = word;
    return true;
}

/* The line with another word at a place; NULL: without it. */
static void put_word(struct bender *b, size_t at, const struct line *line, size_t place, const char *word)
{
    char words[LENGTH] = "";
    for (size_t i = 0; i < line->count; i++) {
        const char *own = i == place ? word : line->words[i];
        if (own) snprintf(words + strlen(words), sizeof words - strlen(words), " %.100s", own);
    }
    put(b, at, "%s = %s%s", line->outputs, line->op, words);
}

static void bend_attribute(struct bender *b, size_t at, const struct line *line, size_t place)
{
    char before[LENGTH], after[LENGTH] = "";
    const char *word = line->words[place], *value = strchr(word, '=') + 1;
    put_word(b, at, line, place, NULL);
    if (strspn(value, "-0123456789,") != strlen(value)) return;
    snprintf(before, sizeof before, "%.100s = %.60s", line->outputs, line->op);
    for (size_t i = 0; i < line->count; i++) {
        char *to = i > place ? after : before;
        if (i != place) snprintf(to + strlen(to), LENGTH - strlen(to), " %.60s", line->words[i]);
    }
    snprintf(before + strlen(before), sizeof before - strlen(before), " %.*s", (int)(value - word), word);
    bend_list(b, at, before, value, after);
}

static void bend_operands(struct bender *b, size_t at, const struct line *line)
{
    for (size_t i = 0; i < line->count; i++) {
        if (strchr(line->words[i], '=')) {
            bend_attribute(b, at, line, i);
            continue;
        }
        put_word(b, at, line, i, "_");
        if (i == 0) continue;
        put_word(b, at, line, i, line->words[0]);
        put_word(b, at, line, i - 1, line->words[i]);
    }
}

static void bend_operator(struct bender *b, size_t at, const struct line *line)
{
    static const char *const others[] = { "Abs", "Neg", "Add", "Sub", "Mul", "Div", "elsewhere:Op" };
    const char *words = strstr(b->statements[at], line->op) + strlen(line->op);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        put(b, at, "%s = %s%s", line->outputs, others[i], words);
}

/* Something between the node and its readers, or a reader whose own output has no name. */
static void bend_output(struct bender *b, size_t at, const struct line *line, const char *output)
{
    static const char *const between[] = { "Identity %s",   "Abs %s",        "Transpose %s",
                                           "Cast %s to=11", "Cast %s to=10", "Add %s %s" };
    static const char *const unnamed[] = { "Neg %s", "Cast %s to=1", "Transpose %s", "Relu %s", "Sum %s %s" };
    const char *place = strstr(line->outputs, output);
    const char *rest = strstr(b->statements[at], " = ");
    for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
        char hidden[LENGTH], call[LENGTH];
        snprintf(hidden, sizeof hidden, "%.100s_h", output);
        snprintf(call, sizeof call, between[i], hidden, hidden);
        put(b, at, "%.*s%s%s%s; %s = %s", (int)(place - line->outputs), line->outputs, hidden, place + strlen(output),
            rest, output, call);
    }
    put(b, at, "%.*s_%s%s", (int)(place - line->outputs), line->outputs, place + strlen(output), rest);
    for (size_t i = 0; i < sizeof unnamed / sizeof *unnamed; i++) {
        char call[LENGTH];
        snprintf(call, sizeof call, unnamed[i], output, output);
        put(b, at, "%s; _ = %s", b->statements[at], call);
    }
    put(b, at, "%s; out %s", b->statements[at], output);
    put(b, at, "%s; e_ = Shape %s; out e_", b->statements[at], output);
}

static void bend_node(struct bender *b, size_t at)
{
    struct line line;
    char outputs[LENGTH];
    if (!read_line(b->statements[at], &line)) return;
    if (strncmp(line.op, "bn", 2) != 0) {
        bend_operands(b, at, &line);
        bend_operator(b, at, &line);
    }
    snprintf(outputs, sizeof outputs, "%s", line.outputs);
    for (char *output = strtok(outputs, " "); output; output = strtok(NULL, " "))
        if (strcmp(output, "_") != 0) bend_output(b, at, &line, output);
    put(b, at, "%s e_%s", line.outputs, strstr(b->statements[at], " = "));
}

void bend_each(const char *text, bend_take *take, void *context)
{
    static const int opsets[] = { 6, 8, 10, 12, 17, 18, 22 };
    static struct bender bender;
    bender = (struct bender){ .take = take, .context = context };
    for (const char *at = text; *at && bender.count < STATEMENTS;) {
        at += strspn(at, "; \n");
        size_t length = strcspn(at, ";");
        if (length) snprintf(bender.statements[bender.count++], LENGTH, "%.*s", (int)length, at);
        at += length;
    }
    for (size_t i = 0; i < bender.count; i++) {
        if (strstr(bender.statements[i], " = ")) bend_node(&bender, i);
        else bend_declaration(&bender, i);
    }
    for (size_t i = 0; i < sizeof opsets / sizeof *opsets; i++)
        put(&bender, 0, "opset %d; %s", opsets[i], bender.statements[0]);
}
