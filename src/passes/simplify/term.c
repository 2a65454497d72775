/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading formulas: a parser that goes down from sums to products to what is called. */
#include "passes/simplify/term.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *at;
    struct arena *arena;
};

static struct term *read_sum(struct reader *reader);

static bool take(struct reader *reader, const char *text)
{
    while (*reader->at == ' ') reader->at++;
    size_t length = strlen(text);
    if (strncmp(reader->at, text, length) != 0) return false;
    reader->at += length;
    return true;
}

static struct term *read_call(struct reader *reader, struct term *term)
{
    term->kind = TERM_CALL;
    term->op = reader->at;
    term->length = strcspn(reader->at, "(");
    reader->at += term->length + 1;
    do {
        if ((term->is_open = take(reader, "..."))) break;
        term->terms[term->count++] = read_sum(reader);
    } while (take(reader, ","));
    take(reader, ")");
    return term;
}

static struct term *read_atom(struct reader *reader)
{
    struct term *term;
    if (take(reader, "(")) {
        term = read_sum(reader);
        take(reader, ")");
        return term;
    }
    term = NEW(reader->arena, struct term);
    if (isupper((unsigned char)*reader->at)) return read_call(reader, term);
    if (isdigit((unsigned char)*reader->at)) {
        char *end;
        term->kind = TERM_NUMBER;
        term->number = strtod(reader->at, &end);
        reader->at = end;
        return term;
    }
    term->variable = *reader->at++;
    return term;
}

/* `first`, and what follows it, as operands of a term of this kind. */
static struct term *start_list(struct reader *reader, int kind, struct term *first)
{
    struct term *term = NEW(reader->arena, struct term);
    term->kind = kind;
    term->terms[term->count++] = first;
    return term;
}

static struct term *read_product(struct reader *reader)
{
    struct term *first = read_atom(reader), *product = NULL;
    for (;;) {
        bool divides = take(reader, "/");
        if (!divides && !take(reader, "*")) return product ? product : first;
        if (!product) product = start_list(reader, TERM_PRODUCT, first);
        product->divides[product->count] = divides;
        product->terms[product->count++] = read_atom(reader);
    }
}

static struct term *read_sum(struct reader *reader)
{
    struct term *first = read_product(reader), *sum = NULL;
    if (take(reader, "-")) {
        sum = start_list(reader, TERM_DIFFERENCE, first);
        sum->terms[sum->count++] = read_product(reader);
        return sum;
    }
    while (take(reader, "+")) {
        if (!sum) sum = start_list(reader, TERM_SUM, first);
        sum->terms[sum->count++] = read_product(reader);
    }
    return sum ? sum : first;
}

const struct term *term_read(struct arena *arena, const char *text)
{
    return read_sum(&(struct reader){ text, arena });
}
