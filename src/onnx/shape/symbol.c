/* SPDX-License-Identifier: Apache-2.0
 *
 * Polynomials over atoms, hash-consed. Terms are sorted by their factors, factors by number; both are made unique by a
 * table from contents to number. A polynomial that would grow beyond TERMS terms, and any overflow, becomes an atom of
 * its operation: still one symbol for one computation. */
#include "onnx/shape/symbol.h"

#include "base/hash.h"

#include <assert.h>
#include <string.h>

#define TERMS 8

enum operation { FRESH, SUM, PRODUCT, QUOTIENT, MAXIMUM, LEAST, BROADCAST };

struct term {
    int64_t coefficient;         /* not 0 */
    int factors[SYMBOL_FACTORS]; /* atoms, ascending; unused places at the end are 0 */
};

struct polynomial {
    int64_t constant, minimum;
    int newest, count;
    struct term *terms; /* ascending by factors */
};

struct atom {
    enum operation operation;
    int a, b; /* symbols; for FRESH, b is its number */
    int64_t minimum;
    int newest;
};

/* Numbers by the hash of what they stand for. 0 is a free slot. */
struct index {
    int *slots;
    size_t size, count;
};

struct symbols {
    struct arena *arena;
    struct polynomial *polynomials;
    struct atom *atoms;
    size_t polynomial_count, polynomial_room, atom_count, atom_room;
    int age;
    struct index polynomial_index, atom_index;
};

/* A polynomial under construction. */
struct sum {
    int64_t constant;
    int count;
    struct term terms[TERMS];
};

static const struct polynomial *polynomial(const struct symbols *symbols, int symbol)
{
    assert(symbol > 0 && (size_t)symbol < symbols->polynomial_count);
    return &symbols->polynomials[symbol];
}

static uint64_t hash_terms(int64_t constant, const struct term *terms, int count)
{
    uint64_t hash = hash_mix(0, (uint64_t)constant);
    for (int i = 0; i < count; i++) {
        hash = hash_mix(hash, (uint64_t)terms[i].coefficient);
        for (int f = 0; f < SYMBOL_FACTORS && terms[i].factors[f]; f++)
            hash = hash_mix(hash, (uint64_t)terms[i].factors[f]);
    }
    return hash;
}

static uint64_t hash_atom(const struct atom *atom)
{
    return hash_mix(hash_mix(hash_mix(1, atom->operation), (uint64_t)atom->a), (uint64_t)atom->b);
}

static bool same_terms(const struct polynomial *p, int64_t constant, const struct term *terms, int count)
{
    if (p->constant != constant || p->count != count) return false;
    for (int i = 0; i < count; i++)
        if (p->terms[i].coefficient != terms[i].coefficient
            || memcmp(p->terms[i].factors, terms[i].factors, sizeof terms[i].factors) != 0)
            return false;
    return true;
}

/* Makes room for one more number; `hash_of` finds the place of the old ones in the larger table. */
static void index_grow(struct symbols *symbols, struct index *index,
                       uint64_t (*hash_of)(const struct symbols *symbols, int number))
{
    if (2 * (index->count + 1) <= index->size) return;
    size_t size = index->size ? 2 * index->size : 64;
    int *slots = NEW_ARRAY(symbols->arena, int, size);
    for (size_t i = 0; i < index->size; i++) {
        if (!index->slots[i]) continue;
        size_t at = hash_of(symbols, index->slots[i]) & (size - 1);
        while (slots[at]) at = (at + 1) & (size - 1);
        slots[at] = index->slots[i];
    }
    index->slots = slots;
    index->size = size;
}

static uint64_t hash_of_polynomial(const struct symbols *symbols, int number)
{
    const struct polynomial *p = &symbols->polynomials[number];
    return hash_terms(p->constant, p->terms, p->count);
}

static uint64_t hash_of_atom(const struct symbols *symbols, int number)
{
    return hash_atom(&symbols->atoms[number]);
}

/* constant + sum of coefficient * product of minima, where nothing is negative. */
static int64_t minimum_of(const struct symbols *symbols, int64_t constant, const struct term *terms, int count)
{
    int64_t minimum = constant;
    for (int i = 0; i < count; i++) {
        int64_t least = terms[i].coefficient;
        for (int f = 0; f < SYMBOL_FACTORS && terms[i].factors[f]; f++)
            if (!size_multiply(least, symbols->atoms[terms[i].factors[f]].minimum, &least)) return INT64_MIN;
        if (least < 0 || __builtin_add_overflow(minimum, least, &minimum)) return INT64_MIN;
    }
    return minimum;
}

static int newest_of(const struct symbols *symbols, const struct term *terms, int count)
{
    int newest = 0;
    for (int i = 0; i < count; i++)
        for (int f = 0; f < SYMBOL_FACTORS && terms[i].factors[f]; f++)
            if (symbols->atoms[terms[i].factors[f]].newest > newest)
                newest = symbols->atoms[terms[i].factors[f]].newest;
    return newest;
}

static int intern(struct symbols *symbols, const struct sum *sum)
{
    struct index *index = &symbols->polynomial_index;
    index_grow(symbols, index, hash_of_polynomial);
    size_t at = hash_terms(sum->constant, sum->terms, sum->count) & (index->size - 1);
    for (; index->slots[at]; at = (at + 1) & (index->size - 1))
        if (same_terms(&symbols->polynomials[index->slots[at]], sum->constant, sum->terms, sum->count))
            return index->slots[at];

    if (symbols->polynomial_count == symbols->polynomial_room) {
        size_t room = 2 * symbols->polynomial_room;
        symbols->polynomials = arena_grow(symbols->arena, symbols->polynomials, symbols->polynomial_room, room,
                                          sizeof *symbols->polynomials);
        symbols->polynomial_room = room;
    }
    if (symbols->polynomial_count > INT32_MAX) memory_exhausted(symbols->arena->memory);
    struct polynomial *p = &symbols->polynomials[symbols->polynomial_count];
    p->constant = sum->constant;
    p->count = sum->count;
    p->terms = NEW_ARRAY(symbols->arena, struct term, (size_t)sum->count);
    memcpy(p->terms, sum->terms, (size_t)sum->count * sizeof *p->terms);
    p->minimum = minimum_of(symbols, sum->constant, sum->terms, sum->count);
    p->newest = newest_of(symbols, sum->terms, sum->count);
    index->slots[at] = (int)symbols->polynomial_count;
    index->count++;
    return (int)symbols->polynomial_count++;
}

static int intern_atom(struct symbols *symbols, const struct atom *atom)
{
    struct index *index = &symbols->atom_index;
    index_grow(symbols, index, hash_of_atom);
    size_t at = hash_atom(atom) & (index->size - 1);
    for (; index->slots[at]; at = (at + 1) & (index->size - 1)) {
        const struct atom *other = &symbols->atoms[index->slots[at]];
        if (other->operation == atom->operation && other->a == atom->a && other->b == atom->b) return index->slots[at];
    }
    if (symbols->atom_count == symbols->atom_room) {
        size_t room = 2 * symbols->atom_room;
        symbols->atoms = arena_grow(symbols->arena, symbols->atoms, symbols->atom_room, room, sizeof *symbols->atoms);
        symbols->atom_room = room;
    }
    if (symbols->atom_count > INT32_MAX) memory_exhausted(symbols->arena->memory);
    symbols->atoms[symbols->atom_count] = *atom;
    index->slots[at] = (int)symbols->atom_count;
    index->count++;
    return (int)symbols->atom_count++;
}

static int atom_symbol(struct symbols *symbols, const struct atom *atom)
{
    struct sum sum = { .count = 1, .terms = { { .coefficient = 1 } } };
    sum.terms[0].factors[0] = intern_atom(symbols, atom);
    return intern(symbols, &sum);
}

static bool commutes(enum operation operation)
{
    return operation != QUOTIENT;
}

/* An expression that has no simpler form. */
static int opaque(struct symbols *symbols, enum operation operation, int a, int b, int64_t minimum)
{
    bool swap = commutes(operation) && a > b;
    int newest_a = polynomial(symbols, a)->newest, newest_b = polynomial(symbols, b)->newest;
    struct atom atom = { operation, swap ? b : a, swap ? a : b, minimum, newest_a > newest_b ? newest_a : newest_b };
    return atom_symbol(symbols, &atom);
}

struct symbols *symbols_new(struct arena *arena)
{
    struct symbols *symbols = NEW(arena, struct symbols);
    symbols->arena = arena;
    symbols->polynomial_room = symbols->atom_room = 64;
    symbols->polynomial_count = symbols->atom_count = 1;
    symbols->polynomials = NEW_ARRAY(arena, struct polynomial, symbols->polynomial_room);
    symbols->atoms = NEW_ARRAY(arena, struct atom, symbols->atom_room);
    return symbols;
}

int symbol_number(struct symbols *symbols, int64_t value)
{
    struct sum sum; /* there are no terms to be set */
    sum.constant = value;
    sum.count = 0;
    return intern(symbols, &sum);
}

int symbol_fresh(struct symbols *symbols, int64_t minimum)
{
    if (symbols->age == INT32_MAX) memory_exhausted(symbols->arena->memory);
    int number = ++symbols->age;
    struct atom atom = { FRESH, 0, number, minimum, number };
    return atom_symbol(symbols, &atom);
}

bool symbol_is_number(const struct symbols *symbols, int symbol, int64_t *value)
{
    if (!symbol || polynomial(symbols, symbol)->count) return false;
    *value = polynomial(symbols, symbol)->constant;
    return true;
}

int64_t symbol_minimum(const struct symbols *symbols, int symbol)
{
    return symbol ? polynomial(symbols, symbol)->minimum : INT64_MIN;
}

int symbols_age(const struct symbols *symbols)
{
    return symbols->age;
}

int symbol_newest(const struct symbols *symbols, int symbol)
{
    return polynomial(symbols, symbol)->newest;
}

static struct sum sum_of(const struct symbols *symbols, int symbol)
{
    const struct polynomial *p = polynomial(symbols, symbol);
    struct sum sum = { .constant = p->constant, .count = p->count };
    memcpy(sum.terms, p->terms, (size_t)p->count * sizeof *p->terms);
    return sum;
}

/* Adds one term in its place; false when there is no room or the coefficient does not fit. */
static bool sum_add(struct sum *sum, const struct term *term)
{
    int at = 0, order = 1;
    while (at < sum->count && (order = memcmp(sum->terms[at].factors, term->factors, sizeof term->factors)) < 0) at++;
    if (at < sum->count && order == 0) {
        if (__builtin_add_overflow(sum->terms[at].coefficient, term->coefficient, &sum->terms[at].coefficient))
            return false;
        if (sum->terms[at].coefficient == 0) {
            sum->count--;
            memmove(&sum->terms[at], &sum->terms[at + 1], (size_t)(sum->count - at) * sizeof *sum->terms);
        }
        return true;
    }
    if (sum->count == TERMS) return false;
    memmove(&sum->terms[at + 1], &sum->terms[at], (size_t)(sum->count - at) * sizeof *sum->terms);
    sum->terms[at] = *term;
    sum->count++;
    return true;
}

static bool is_number(const struct symbols *symbols, int symbol)
{
    return polynomial(symbols, symbol)->count == 0;
}

static int combine_numbers(struct symbols *symbols, int64_t a, int64_t b, int64_t factor)
{
    return __builtin_mul_overflow(b, factor, &b) || __builtin_add_overflow(a, b, &a) ? 0 : symbol_number(symbols, a);
}

/* a + factor * b, or 0 when it has no room. */
static int combine(struct symbols *symbols, int a, int b, int64_t factor)
{
    if (is_number(symbols, a) && is_number(symbols, b))
        return combine_numbers(symbols, polynomial(symbols, a)->constant, polynomial(symbols, b)->constant, factor);
    struct sum sum = sum_of(symbols, a), other = sum_of(symbols, b);
    int64_t constant;
    if (__builtin_mul_overflow(other.constant, factor, &constant)
        || __builtin_add_overflow(sum.constant, constant, &sum.constant))
        return 0;
    for (int i = 0; i < other.count; i++) {
        if (__builtin_mul_overflow(other.terms[i].coefficient, factor, &other.terms[i].coefficient)
            || !sum_add(&sum, &other.terms[i]))
            return 0;
    }
    return intern(symbols, &sum);
}

int symbol_add(struct symbols *symbols, int a, int b)
{
    if (!a || !b) return 0;
    int sum = combine(symbols, a, b, 1);
    if (sum || (is_number(symbols, a) && is_number(symbols, b))) return sum;
    return opaque(symbols, SUM, a, b, INT64_MIN);
}

int symbol_subtract(struct symbols *symbols, int a, int b)
{
    return a && b ? combine(symbols, a, b, -1) : 0;
}

/* The product of two terms; false when it has too many factors or the coefficient does not fit. */
static bool multiply_terms(const struct term *a, const struct term *b, struct term *product)
{
    *product = (struct term){ 0 };
    if (__builtin_mul_overflow(a->coefficient, b->coefficient, &product->coefficient)) return false;
    int i = 0, j = 0, count = 0;
    while ((i < SYMBOL_FACTORS && a->factors[i]) || (j < SYMBOL_FACTORS && b->factors[j])) {
        bool from_b = i == SYMBOL_FACTORS || !a->factors[i]
                      || (j < SYMBOL_FACTORS && b->factors[j] && b->factors[j] < a->factors[i]);
        if (count == SYMBOL_FACTORS) return false;
        product->factors[count++] = from_b ? b->factors[j++] : a->factors[i++];
    }
    return true;
}

static bool multiply(const struct sum *a, const struct sum *b, struct sum *product)
{
    *product = (struct sum){ 0 };
    if (__builtin_mul_overflow(a->constant, b->constant, &product->constant)) return false;
    struct term constant_a = { .coefficient = a->constant }, constant_b = { .coefficient = b->constant }, term;
    for (int i = 0; i < a->count; i++) {
        if (b->constant && (!multiply_terms(&a->terms[i], &constant_b, &term) || !sum_add(product, &term)))
            return false;
        for (int j = 0; j < b->count; j++)
            if (!multiply_terms(&a->terms[i], &b->terms[j], &term) || !sum_add(product, &term)) return false;
    }
    for (int j = 0; a->constant && j < b->count; j++)
        if (!multiply_terms(&b->terms[j], &constant_a, &term) || !sum_add(product, &term)) return false;
    return true;
}

int symbol_multiply(struct symbols *symbols, int a, int b)
{
    if (!a || !b) return 0;
    struct sum sum_a = sum_of(symbols, a), sum_b = sum_of(symbols, b), product;
    if (multiply(&sum_a, &sum_b, &product)) return intern(symbols, &product);
    if (is_number(symbols, a) && is_number(symbols, b)) return 0;
    bool negative = symbol_minimum(symbols, a) < 0 || symbol_minimum(symbols, b) < 0;
    return opaque(symbols, PRODUCT, a, b, negative ? INT64_MIN : 0);
}

/* a/b of terms; false when b does not divide a. */
static bool divide_terms(const struct term *a, const struct term *b, struct term *quotient)
{
    *quotient = (struct term){ 0 };
    if (b->coefficient == 0 || b->coefficient == -1 || a->coefficient % b->coefficient != 0) return false;
    quotient->coefficient = a->coefficient / b->coefficient;
    int count = 0, j = 0;
    for (int i = 0; i < SYMBOL_FACTORS && a->factors[i]; i++) {
        if (j < SYMBOL_FACTORS && b->factors[j] == a->factors[i]) j++;
        else quotient->factors[count++] = a->factors[i];
    }
    return j == SYMBOL_FACTORS || b->factors[j] == 0;
}

/* b as one term: a number, or a monomial. */
static bool single_term(const struct symbols *symbols, int b, struct term *term)
{
    const struct polynomial *p = polynomial(symbols, b);
    if (p->count == 0) *term = (struct term){ .coefficient = p->constant };
    else if (p->count == 1 && p->constant == 0) *term = p->terms[0];
    else return false;
    return true;
}

int symbol_divide_exactly(struct symbols *symbols, int a, int b)
{
    if (!a || !b) return 0;
    struct term divisor, quotient;
    if (a == b && !is_number(symbols, a)) return symbol_number(symbols, 1);
    if (!single_term(symbols, b, &divisor)) return 0;
    const struct polynomial *p = polynomial(symbols, a);
    struct sum sum = { 0 };
    if (p->constant) {
        struct term constant = { .coefficient = p->constant };
        if (!divide_terms(&constant, &divisor, &quotient)) return 0;
        sum.constant = quotient.coefficient;
    }
    for (int i = 0; i < p->count; i++) {
        if (!divide_terms(&p->terms[i], &divisor, &quotient)) return 0;
        /* Then b is no number, and would not divide a constant: a has none. */
        if (!quotient.factors[0]) sum.constant = quotient.coefficient;
        else if (!sum_add(&sum, &quotient)) return 0;
    }
    return divisor.coefficient ? intern(symbols, &sum) : 0;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

/* a / n with everything taken out that n divides:  (n*q + r) / n = q + r/n. */
static int divide_by_number(struct symbols *symbols, int a, int64_t n)
{
    struct sum rest = sum_of(symbols, a), whole = { 0 };
    whole.constant = floor_divide(rest.constant, n);
    rest.constant -= whole.constant * n;
    int kept = 0;
    for (int i = 0; i < rest.count; i++) {
        struct term term = rest.terms[i];
        if (term.coefficient % n == 0) {
            term.coefficient /= n;
            sum_add(&whole, &term);
        } else {
            rest.terms[kept++] = term;
        }
    }
    rest.count = kept;
    int quotient = intern(symbols, &whole);
    if (kept == 0) return quotient;
    int remainder = intern(symbols, &rest), divisor = symbol_number(symbols, n);
    int64_t minimum = symbol_minimum(symbols, remainder);
    minimum = minimum == INT64_MIN ? INT64_MIN : floor_divide(minimum, n);
    return symbol_add(symbols, quotient, opaque(symbols, QUOTIENT, remainder, divisor, minimum));
}

int symbol_divide(struct symbols *symbols, int a, int b)
{
    if (!a || !b) return 0;
    int exact = symbol_divide_exactly(symbols, a, b);
    if (exact) return exact;
    int64_t n;
    if (symbol_is_number(symbols, b, &n)) return n > 0 ? divide_by_number(symbols, a, n) : 0;
    bool negative = symbol_minimum(symbols, a) < 0 || symbol_minimum(symbols, b) < 0;
    return opaque(symbols, QUOTIENT, a, b, negative ? INT64_MIN : 0);
}

int symbol_divide_up(struct symbols *symbols, int a, int b)
{
    int one = symbol_number(symbols, 1);
    return symbol_divide(symbols, symbol_add(symbols, a, symbol_subtract(symbols, b, one)), b);
}

/* Whether a >= b whatever the unknowns are. */
static bool at_least(struct symbols *symbols, int a, int b)
{
    int difference = symbol_subtract(symbols, a, b);
    return difference && symbol_minimum(symbols, difference) >= 0;
}

int symbol_maximum(struct symbols *symbols, int a, int b)
{
    if (!a || !b) return 0;
    if (at_least(symbols, a, b)) return a;
    if (at_least(symbols, b, a)) return b;
    int64_t minimum_a = symbol_minimum(symbols, a), minimum_b = symbol_minimum(symbols, b);
    return opaque(symbols, MAXIMUM, a, b, minimum_a > minimum_b ? minimum_a : minimum_b);
}

int symbol_least(struct symbols *symbols, int a, int b)
{
    if (!a || !b) return 0;
    if (at_least(symbols, a, b)) return b;
    if (at_least(symbols, b, a)) return a;
    int64_t minimum_a = symbol_minimum(symbols, a), minimum_b = symbol_minimum(symbols, b);
    return opaque(symbols, LEAST, a, b, minimum_a < minimum_b ? minimum_a : minimum_b);
}

int symbol_broadcast(struct symbols *symbols, int a, int b)
{
    if (!a || !b) return 0;
    int64_t number;
    bool number_a = symbol_is_number(symbols, a, &number), one_a = number_a && number == 1;
    bool number_b = symbol_is_number(symbols, b, &number), one_b = number_b && number == 1;
    if (a == b || one_b) return a;
    if (one_a) return b;
    if (number_a && number_b) return 0;
    if (number_a || symbol_minimum(symbols, a) > 1) return a;
    if (number_b || symbol_minimum(symbols, b) > 1) return b;
    return opaque(symbols, BROADCAST, a, b, 0);
}

int symbol_unknown(const struct symbols *symbols, int symbol)
{
    const struct polynomial *p = polynomial(symbols, symbol);
    if (p->count != 1 || p->constant != 0 || p->terms[0].coefficient != 1 || p->terms[0].factors[1]) return 0;
    const struct atom *atom = &symbols->atoms[p->terms[0].factors[0]];
    return atom->operation == FRESH ? atom->b : 0;
}

bool symbol_is_computed(const struct symbols *symbols, int symbol)
{
    return symbols && symbol && !symbol_unknown(symbols, symbol);
}

/* Expressions share their parts, and a part is computed anew for each that has it: hence a bound on the atoms. */
#define MOST_ATOMS 4096
#define MOST_DEPTH 64

struct evaluation {
    const struct symbols *symbols;
    bool (*size_of)(void *context, int unknown, int64_t *size);
    void *context;
    int atoms, depth;
};

static bool evaluate(struct evaluation *e, int symbol, int64_t *value);

static bool evaluate_operation(enum operation operation, int64_t a, int64_t b, int64_t *value)
{
    switch (operation) {
    case SUM: return !__builtin_add_overflow(a, b, value);
    case PRODUCT: return !__builtin_mul_overflow(a, b, value);
    case QUOTIENT: *value = b > 0 ? floor_divide(a, b) : 0; return b > 0;
    case MAXIMUM: *value = a > b ? a : b; return true;
    case LEAST: *value = a < b ? a : b; return true;
    case BROADCAST: *value = a == 1 ? b : a; return a == 1 || b == 1 || a == b;
    case FRESH: break;
    }
    return false;
}

static bool evaluate_atom(struct evaluation *e, const struct atom *atom, int64_t *value)
{
    int64_t a, b;
    if (++e->atoms > MOST_ATOMS) return false;
    if (atom->operation == FRESH) return e->size_of(e->context, atom->b, value);
    return evaluate(e, atom->a, &a) && evaluate(e, atom->b, &b) && evaluate_operation(atom->operation, a, b, value);
}

static bool evaluate_term(struct evaluation *e, const struct term *term, int64_t *value)
{
    int64_t factor;
    *value = term->coefficient;
    for (int f = 0; f < SYMBOL_FACTORS && term->factors[f]; f++)
        if (!evaluate_atom(e, &e->symbols->atoms[term->factors[f]], &factor)
            || __builtin_mul_overflow(*value, factor, value))
            return false;
    return true;
}

static bool evaluate(struct evaluation *e, int symbol, int64_t *value)
{
    const struct polynomial *p = polynomial(e->symbols, symbol);
    int64_t term;
    bool good = ++e->depth <= MOST_DEPTH;
    *value = p->constant;
    for (int i = 0; good && i < p->count; i++)
        good = evaluate_term(e, &p->terms[i], &term) && !__builtin_add_overflow(*value, term, value);
    e->depth--;
    return good;
}

bool symbol_evaluate(const struct symbols *symbols, int symbol,
                     bool (*size_of)(void *context, int unknown, int64_t *size), void *context, int64_t *size)
{
    struct evaluation e = { .symbols = symbols, .size_of = size_of, .context = context };
    return symbol && evaluate(&e, symbol, size);
}
