/* SPDX-License-Identifier: Apache-2.0
 *
 * A formula over operators, read from its text: `0.5 * x * (1 + Erf(x / 1.4142135623730951))`.
 *
 * A lower-case letter is any value, the same one wherever it occurs. A number is a constant that is this number, or its
 * rounding in the constant's type. `+` is any tree of sums of two, `*` and `/` any tree of products, quotients and
 * reciprocals, whatever the order of their operands; `-` has two operands. `...` at the end of a call: it may have
 * further inputs. */
#ifndef PASSES_SIMPLIFY_TERM_H
#define PASSES_SIMPLIFY_TERM_H

#include "base/memory.h"

enum { TERM_LIMIT = 4, VARIABLE_COUNT = 26 };

struct term {
    enum { TERM_VARIABLE, TERM_NUMBER, TERM_CALL, TERM_SUM, TERM_DIFFERENCE, TERM_PRODUCT } kind;
    char variable;
    double number;
    const char *op; /* of a call: `length` bytes */
    size_t length, count;
    struct term *terms[TERM_LIMIT]; /* operands */
    bool divides[TERM_LIMIT];       /* of a product: its operands below the line */
    bool is_open;                   /* of a call: further inputs may be anything */
};

/* The texts are this program's own and have no mistakes. */
const struct term *term_read(struct arena *arena, const char *text);

#endif
