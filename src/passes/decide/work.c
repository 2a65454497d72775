/* SPDX-License-Identifier: Apache-2.0
 *
 * Polynomials of element operations. */
#include "passes/decide/work.h"

#include <string.h>

static bool term_of(const struct shape *shape, int operations, struct work_term *term)
{
    int count = 0;
    *term = (struct work_term){ .times = operations };
    if (shape->rank < 0) return false;
    for (int i = 0; i < shape->rank; i++) {
        struct dim dim = shape->dims[i];
        if (dim.size >= 0) {
            if (!size_multiply(term->times, dim.size, &term->times)) return false;
            continue;
        }
        if (!dim.symbol || count == WORK_SYMBOLS) return false;
        int at = count++;
        for (; at > 0 && term->symbols[at - 1] > dim.symbol; at--) term->symbols[at] = term->symbols[at - 1];
        term->symbols[at] = dim.symbol;
    }
    /* Zeros last, so that a term without symbols is all zeros. */
    return true;
}

static void add_term(struct work *work, struct work_term term)
{
    if (term.times == 0) return;
    int i = 0;
    while (i < work->count && memcmp(work->terms[i].symbols, term.symbols, sizeof term.symbols) != 0) i++;
    if (i == WORK_TERMS || (i < work->count && !size_add(work->terms[i].times, term.times, &term.times)))
        work->is_unknown = true;
    else work->terms[i] = term;
    if (i == work->count && !work->is_unknown) work->count++;
}

void work_add(struct work *work, const struct shape *shape, int operations)
{
    struct work_term term;
    if (operations == 0 || work->is_unknown) return;
    work->is_unknown = !term_of(shape, operations, &term);
    if (!work->is_unknown) add_term(work, term);
}

struct work work_at(const struct work *work, work_size_of *size_of, void *context)
{
    struct work at = { .is_unknown = work->is_unknown };
    for (int i = 0; i < work->count && !at.is_unknown; i++) {
        struct work_term term = { .times = work->terms[i].times };
        for (int k = 0, kept = 0; k < WORK_SYMBOLS && work->terms[i].symbols[k]; k++) {
            int symbol = work->terms[i].symbols[k];
            int64_t size = size_of(context, symbol);
            if (size < 0) term.symbols[kept++] = symbol;
            else if (!size_multiply(term.times, size, &term.times)) at.is_unknown = true;
        }
        if (!at.is_unknown) add_term(&at, term);
    }
    return at;
}

/* Whether every symbol of `part` is one of `whole`: then part <= whole, as a symbol is at least 1. */
static bool divides(const struct work_term *part, const struct work_term *whole)
{
    int at = 0;
    for (int i = 0; i < WORK_SYMBOLS && part->symbols[i]; i++) {
        while (at < WORK_SYMBOLS && whole->symbols[at] != part->symbols[i]) at++;
        if (at++ == WORK_SYMBOLS) return false;
    }
    return true;
}

/* a <= b, by paying each term of a with terms of b that it divides; *left: something of b is left. */
static bool is_covered(const struct work *a, struct work b, bool *left)
{
    for (int i = 0; i < a->count; i++) {
        int64_t open = a->terms[i].times;
        for (int k = 0; k < b.count && open; k++) {
            if (!divides(&a->terms[i], &b.terms[k])) continue;
            int64_t pay = open < b.terms[k].times ? open : b.terms[k].times;
            open -= pay;
            b.terms[k].times -= pay;
        }
        if (open) return false;
    }
    *left = false;
    for (int k = 0; k < b.count; k++) *left = *left || b.terms[k].times > 0;
    return true;
}

bool work_is_less(const struct work *a, const struct work *b)
{
    bool left;
    return !a->is_unknown && !b->is_unknown && is_covered(a, *b, &left) && left;
}

bool work_is_at_most(const struct work *a, const struct work *b)
{
    bool left;
    return !a->is_unknown && !b->is_unknown && is_covered(a, *b, &left);
}

bool work_has(const struct work *work, int symbol)
{
    for (int i = 0; symbol && i < work->count; i++)
        for (int k = 0; k < WORK_SYMBOLS; k++)
            if (work->terms[i].symbols[k] == symbol) return true;
    return false;
}

int64_t work_number(const struct work *work)
{
    if (work->is_unknown || work->count > 1) return -1;
    if (work->count == 0) return 0;
    return work->terms[0].symbols[0] ? -1 : work->terms[0].times;
}
