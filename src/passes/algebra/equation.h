/* SPDX-License-Identifier: Apache-2.0
 *
 * The equation of an Einsum, "nlc,cd->ndl", as terms of letters. */
#ifndef PASSES_ALGEBRA_EQUATION_H
#define PASSES_ALGEBRA_EQUATION_H

#include "onnx/graph/graph.h"

/* The axes of one operand, or of the result; not terminated. */
struct term {
    char *letters;
    int count;
};

struct equation {
    struct term operands[2], result;
    int count; /* of operands: 1 or 2 */
};

/* With the result that is implied where none is written, and a letter for each axis that an ellipsis stands for. False
 * unless the node has one or two operands, no letter twice in a term, and known ranks where there is an ellipsis. In
 * the arena. */
bool equation_read(struct arena *arena, const struct node *einsum, struct equation *equation);

/* Which axis of the term the letter is; -1: none. */
int term_axis(struct term term, char letter);

#endif
