/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes that are not numbers: whole expressions over unknowns, kept in one normal form, so that two ways of computing a
 * size end in the same symbol.
 *
 *   N*C*H*W / (N*C)  =  H*W        (H + 2) / 2  =  H/2 + 1        max(H - 1, 0), H >= 1  =  H - 1
 *
 * An expression is a polynomial: a constant plus terms, each a coefficient times at most SYMBOL_FACTORS atoms. An atom
 * is a fresh unknown, or a quotient, maximum, ... of two expressions that no simpler form was found for. Expressions
 * and atoms are made once each, so equal symbols are equal sizes. Different symbols say nothing.
 *
 * Symbol 0 is "unknown"; whatever is computed from it is unknown. Quotients round down. A denominator that is zero at
 * run time is not accounted for: an operator that divides by zero has no result to be wrong about. */
#ifndef ONNX_SHAPE_SYMBOL_H
#define ONNX_SHAPE_SYMBOL_H

#include "base/memory.h"

#define SYMBOL_FACTORS 6

struct symbols;

/* Everything in the arena. */
struct symbols *symbols_new(struct arena *arena);

int symbol_number(struct symbols *symbols, int64_t value);
/* A new unknown that is never less than `minimum` (INT64_MIN: no bound). */
int symbol_fresh(struct symbols *symbols, int64_t minimum);

/* Whether it is a number, and which. */
bool symbol_is_number(const struct symbols *symbols, int symbol, int64_t *value);
/* A lower bound; INT64_MIN when none is known. */
int64_t symbol_minimum(const struct symbols *symbols, int symbol);
/* The number of the fresh unknown that it is, 0 when it is anything else. */
int symbol_unknown(const struct symbols *symbols, int symbol);
/* Whether it is computed from unknowns, being none itself; false when nothing is known of it (0, or no symbols). */
bool symbol_is_computed(const struct symbols *symbols, int symbol);
/* What it is when `size_of` tells the fresh unknowns; false when that does not know one, when nothing has such a size
 * (two that do not broadcast, an overflow), or when the expression is very long. */
bool symbol_evaluate(const struct symbols *symbols, int symbol,
                     bool (*size_of)(void *context, int unknown, int64_t *size), void *context, int64_t *size);
/* How many fresh unknowns there are, and the number of the newest in a symbol (0: none). What is not newer than a count
 * taken earlier depends on nothing that came since. */
int symbols_age(const struct symbols *symbols);
int symbol_newest(const struct symbols *symbols, int symbol);

int symbol_add(struct symbols *symbols, int a, int b);
int symbol_subtract(struct symbols *symbols, int a, int b);
int symbol_multiply(struct symbols *symbols, int a, int b);
int symbol_divide(struct symbols *symbols, int a, int b);
int symbol_divide_up(struct symbols *symbols, int a, int b);
int symbol_maximum(struct symbols *symbols, int a, int b);
int symbol_least(struct symbols *symbols, int a, int b);
/* a/b if it is a polynomial again, else 0. */
int symbol_divide_exactly(struct symbols *symbols, int a, int b);
/* What two dimensions broadcast to. 0 when they are numbers that do not fit. */
int symbol_broadcast(struct symbols *symbols, int a, int b);

#endif
