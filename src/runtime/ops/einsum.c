/* SPDX-License-Identifier: Apache-2.0
 *
 * Einsum: operands are multiplied two at a time, left to right, each time as one stack of matrix products.
 *
 * A term is an array whose axes carry labels, each label once. What neither later terms nor the output name is summed
 * as soon as it can be. Of two terms' labels, those in both are either the stack (still needed) or the depth of the
 * product (not needed any more); the others are its rows and columns. */
#include "onnx/shape/rules.h"
#include "runtime/element.h"
#include "runtime/gradient.h"
#include "runtime/math/product.h"
#include "runtime/math/unstride.h"
#include "runtime/ops/operators.h"

#include <string.h>

#define LETTERS    52
#define LABELS     (LETTERS + ARRAY_MAX_RANK) /* a-z, A-Z, then the axes of the ellipsis, counted from the right */
#define MOST_TERMS 32

struct term {
    struct array *array; /* owned */
    int rank;
    int labels[ARRAY_MAX_RANK];
};

struct einsum {
    struct call *call;
    int64_t sizes[LABELS]; /* of the broadcast axes; -1: not in use */
    int labels[MOST_TERMS][ARRAY_MAX_RANK], ranks[MOST_TERMS];
    int output[ARRAY_MAX_RANK], output_rank;
    int terms;
    int last[LABELS]; /* the last term that names the label; MOST_TERMS: the output */
};

static int letter_of(char c)
{
    if (c >= 'a' && c <= 'z') return c - 'a';
    return c >= 'A' && c <= 'Z' ? c - 'A' + 26 : -1;
}

/* Labels from *text up to a comma, an arrow or the end; an ellipsis stands for `rest` axes. */
static bool read_labels(struct call *call, const char **text, int rest, int *labels, int *rank)
{
    const char *p = *text;
    for (*rank = 0; *p && *p != ',' && *p != '-'; p++) {
        bool dots = strncmp(p, "...", 3) == 0;
        if (*p == ' ') continue;
        if (!dots && letter_of(*p) < 0) return call_fail(call, "the equation has '%c' where a letter belongs", *p);
        if (*rank + (dots ? rest : 1) > ARRAY_MAX_RANK) return call_fail(call, "a term has too many axes");
        for (int i = 0; dots && i < rest; i++) labels[(*rank)++] = LETTERS + rest - 1 - i;
        if (dots) p += 2;
        else labels[(*rank)++] = letter_of(*p);
    }
    *text = p;
    return true;
}

/* How many axes the ellipsis of a term stands for, if it has one. */
static int ellipsis_rank(const char *text, int rank)
{
    bool dots = false;
    for (; *text && *text != ',' && *text != '-'; text++) {
        if (strncmp(text, "...", 3) == 0) {
            dots = true;
            text += 2;
        } else if (letter_of(*text) >= 0) {
            rank--;
        }
    }
    return dots && rank > 0 ? rank : 0;
}

static bool note_sizes(struct einsum *e, int term, const struct array *array)
{
    if (e->ranks[term] != array->rank)
        return call_fail(e->call, "term %d names %d axes, input %d has %d", term, e->ranks[term], term, array->rank);
    for (int i = 0; i < array->rank; i++) {
        int64_t *size = &e->sizes[e->labels[term][i]], own = array->dims[i];
        if (*size >= 0 && *size != 1 && own != 1 && own != *size)
            return call_fail(e->call, "axes of %lld and %lld share a label", (long long)*size, (long long)own);
        if (*size < 0 || *size == 1) *size = own;
        e->last[e->labels[term][i]] = term;
    }
    return true;
}

/* Without an arrow: the ellipsis, then the labels that occur once, capitals first. */
static void imply_output(struct einsum *e)
{
    int seen[LABELS] = { 0 };
    for (int t = 0; t < e->terms; t++)
        for (int i = 0; i < e->ranks[t]; i++) seen[e->labels[t][i]]++;
    e->output_rank = 0;
    for (int l = LABELS - 1; l >= LETTERS; l--)
        if (seen[l]) e->output[e->output_rank++] = l;
    for (int i = 0; i < LETTERS; i++) {
        int label = (i + 26) % LETTERS;
        if (seen[label] == 1 && e->output_rank < ARRAY_MAX_RANK) e->output[e->output_rank++] = label;
    }
}

static bool read_output(struct einsum *e, const char *text, int ellipsis)
{
    if (*text == '\0') {
        imply_output(e);
    } else {
        if (strncmp(text, "->", 2) != 0) return call_fail(e->call, "the equation has %s where -> belongs", text);
        text += 2;
        if (!read_labels(e->call, &text, ellipsis, e->output, &e->output_rank)) return false;
        if (*text) return call_fail(e->call, "the equation goes on after the output: %s", text);
    }
    for (int i = 0; i < e->output_rank; i++) {
        if (e->sizes[e->output[i]] < 0) return call_fail(e->call, "the output names an axis that no term has");
        for (int j = 0; j < i; j++)
            if (e->output[j] == e->output[i]) return call_fail(e->call, "the output names an axis twice");
        e->last[e->output[i]] = MOST_TERMS;
    }
    return true;
}

static bool read_equation(struct einsum *e)
{
    const char *text = node_text(e->call->node, "equation", "");
    int ellipsis = 0;
    for (int l = 0; l < LABELS; l++) e->sizes[l] = e->last[l] = -1;
    e->terms = (int)e->call->input_count;
    if (e->call->input_count < 1 || e->call->input_count > MOST_TERMS)
        return call_unsupported(e->call, "%zu inputs", e->call->input_count);
    for (int t = 0; t < e->terms; t++) {
        const struct array *array = call_input(e->call, (size_t)t);
        if (!array || !(is_real(array) || is_whole(array)) || array->store != call_input(e->call, 0)->store)
            return call_fail(e->call, "input %d is no tensor of numbers like the first", t);
        int rest = ellipsis_rank(text, array->rank);
        if (rest > ellipsis) ellipsis = rest;
        if (!read_labels(e->call, &text, rest, e->labels[t], &e->ranks[t]) || !note_sizes(e, t, array)) return false;
        if (t + 1 < e->terms && *text++ != ',') return call_fail(e->call, "the equation has too few terms");
    }
    return read_output(e, text, ellipsis);
}

/* How far a label moves through an array: a repeated one along the diagonal, one of size 1 or absent not at all. */
static int64_t stride_of(const struct array *array, const int *labels, int label)
{
    int64_t stride = 0, step = 1;
    for (int i = array->rank - 1; i >= 0; i--) {
        if (labels[i] == label && array->dims[i] != 1) stride += step;
        step *= array->dims[i];
    }
    return stride;
}

/* The array with its axes as labelled, in this order, stretched where another term is larger. */
static struct array *arranged(const struct einsum *e, const struct array *array, const int *from, int rank,
                              const int *labels, bool stretch)
{
    int64_t dims[ARRAY_MAX_RANK] = { 0 }, strides[ARRAY_MAX_RANK] = { 0 };
    for (int i = 0; i < rank; i++) {
        strides[i] = stride_of(array, from, labels[i]);
        dims[i] = e->sizes[labels[i]];
        if (!stretch && strides[i] == 0 && dims[i] > 0) dims[i] = 1;
    }
    return strided_copy(e->call, array, rank, dims, strides);
}

static bool has(const int *labels, int rank, int label)
{
    for (int i = 0; i < rank; i++)
        if (labels[i] == label) return true;
    return false;
}

static void add(int *labels, int *rank, int label)
{
    if (!has(labels, *rank, label)) labels[(*rank)++] = label;
}

/* The output's store; its sums are over the last axes, `depth` elements together. */
static struct array *summed(const struct einsum *e, const struct array *array, int rank, int64_t depth)
{
    struct array *sums = array_new(e->call->pool, array->type, array->store, rank, array->dims);
    const double one = 1;
    const float one_f32 = 1;
    const int64_t one_i64 = 1;
    const void *ones[] = { [STORE_F32] = &one_f32, [STORE_F64] = &one, [STORE_I64] = &one_i64 };
    struct product product = { .store = array->store,
                               .rows = sums->count,
                               .columns = 1,
                               .depth = depth,
                               .a_row = depth,
                               .a_step = 1,
                               .c_row = 1,
                               .count = 1,
                               .each =
                                   &(struct operands){ .a = array->data, .b = ones[array->store], .c = sums->data } };
    product_run(e->call, &product);
    return sums;
}

/* Input t with each label once, and those that nobody else needs summed. */
static struct term simplified(const struct einsum *e, int t)
{
    struct term term = { .rank = 0 };
    int order[ARRAY_MAX_RANK] = { 0 }, count = 0;
    const struct array *array = call_input(e->call, (size_t)t);
    for (int i = 0; i < e->ranks[t]; i++) {
        int label = e->labels[t][i];
        bool earlier = false;
        for (int u = 0; u < t; u++) earlier = earlier || has(e->labels[u], e->ranks[u], label);
        if (earlier || e->last[label] > t) add(order, &count, label);
    }
    term.rank = count;
    memcpy(term.labels, order, sizeof order);
    for (int i = 0; i < e->ranks[t]; i++) add(order, &count, e->labels[t][i]);
    term.array = arranged(e, array, e->labels[t], count, order, false);
    if (count == term.rank) return term;
    /* Summing a stretched axis of size one counts it as often as it is long elsewhere; here it is nowhere else. */
    struct array *all = term.array;
    CALL_WORK(e->call, all->count, WORK_ELEMENT);
    term.array = summed(e, all, term.rank, dims_product(all->dims, term.rank, count));
    array_drop(all);
    return term;
}

struct roles {
    int stack[ARRAY_MAX_RANK], rows[ARRAY_MAX_RANK], columns[ARRAY_MAX_RANK], depth[ARRAY_MAX_RANK];
    int stacks, row_count, column_count, depths;
};

static struct roles share_out(const struct einsum *e, const struct term *a, const struct term *b, int t)
{
    struct roles r = { .stacks = 0 };
    for (int i = 0; i < a->rank; i++) {
        int label = a->labels[i];
        if (e->last[label] <= t) add(r.depth, &r.depths, label);
        else if (has(b->labels, b->rank, label)) add(r.stack, &r.stacks, label);
        else add(r.rows, &r.row_count, label);
    }
    for (int i = 0; i < b->rank; i++) {
        int label = b->labels[i];
        if (has(a->labels, a->rank, label)) continue;
        if (e->last[label] <= t) add(r.depth, &r.depths, label);
        else add(r.columns, &r.column_count, label);
    }
    return r;
}

static int join(int *labels, const int *first, int n, const int *second, int m, const int *third, int k)
{
    memcpy(labels, first, (size_t)n * sizeof *labels);
    memcpy(labels + n, second, (size_t)m * sizeof *labels);
    memcpy(labels + n + m, third, (size_t)k * sizeof *labels);
    return n + m + k;
}

static bool total(const struct einsum *e, const int *labels, int count, int64_t *product)
{
    *product = 1;
    for (int i = 0; i < count; i++)
        if (!size_multiply(*product, e->sizes[labels[i]], product)) return false;
    return true;
}

static bool multiply(const struct einsum *e, struct term *a, struct term *b, int t)
{
    struct roles r = share_out(e, a, b, t);
    int left[3 * ARRAY_MAX_RANK], right[3 * ARRAY_MAX_RANK], result[3 * ARRAY_MAX_RANK];
    int left_rank = join(left, r.stack, r.stacks, r.rows, r.row_count, r.depth, r.depths);
    int right_rank = join(right, r.stack, r.stacks, r.depth, r.depths, r.columns, r.column_count);
    int rank = join(result, r.stack, r.stacks, r.rows, r.row_count, r.columns, r.column_count);
    int64_t count, rows, columns, depth;
    if (left_rank > ARRAY_MAX_RANK || right_rank > ARRAY_MAX_RANK || rank > ARRAY_MAX_RANK)
        return call_unsupported(e->call, "more than %d axes at a time", ARRAY_MAX_RANK);
    if (!total(e, r.stack, r.stacks, &count) || !total(e, r.rows, r.row_count, &rows)
        || !total(e, r.columns, r.column_count, &columns) || !total(e, r.depth, r.depths, &depth))
        return call_fail(e->call, "the product is too large");
    struct array *x = arranged(e, a->array, a->labels, left_rank, left, true);
    struct array *y = arranged(e, b->array, b->labels, right_rank, right, true);
    int64_t dims[ARRAY_MAX_RANK], size = (int64_t)store_size(x->store);
    for (int i = 0; i < rank; i++) dims[i] = e->sizes[result[i]];
    struct array *z = array_new(e->call->pool, x->type, x->store, rank, dims);
    struct operands *each = NEW_ARRAY(e->call->scratch, struct operands, (size_t)count);
    for (int64_t i = 0; z->count && i < count; i++)
        each[i] = (struct operands){ .a = (char *)x->data + i * rows * depth * size,
                                     .b = (char *)y->data + i * depth * columns * size,
                                     .c = (char *)z->data + i * rows * columns * size };
    struct product product = product_packed(x->store, rows, depth, columns);
    product.each = each;
    product.count = count;
    if (z->count) product_run(e->call, &product);
    array_drop(x);
    array_drop(y);
    array_drop(a->array);
    array_drop(b->array);
    a->array = z;
    a->rank = rank;
    memcpy(a->labels, result, (size_t)rank * sizeof *result);
    return true;
}

static bool run_einsum(struct call *call)
{
    struct einsum e = { .call = call };
    if (!read_equation(&e)) return false;
    struct term term = simplified(&e, 0);
    for (int t = 1; t < e.terms; t++) {
        struct term next = simplified(&e, t);
        if (!multiply(&e, &term, &next, t)) return false;
    }
    call_give(call, 0, arranged(&e, term.array, term.labels, e.output_rank, e.output, true));
    array_drop(term.array);
    return true;
}

/* ---- the gradient: the equation with the output and the operand exchanged ---- */

/* A letter of its own for each label, axes of the ellipsis too. */
struct letters_of {
    char of[LABELS];
    int count;
};

static bool add_labels(struct letters_of *letters, const int *labels, int rank, char *text)
{
    size_t length = strlen(text);
    for (int i = 0; i < rank; i++) {
        char *letter = &letters->of[labels[i]];
        if (!*letter && letters->count == LETTERS) return false;
        if (!*letter) {
            *letter = (char)(letters->count < 26 ? 'a' + letters->count : 'A' + letters->count - 26);
            letters->count++;
        }
        text[length++] = *letter;
    }
    text[length] = 0;
    return true;
}

static bool is_elsewhere(const struct einsum *e, int term, int label)
{
    bool found = has(e->output, e->output_rank, label);
    for (int t = 0; t < e->terms && !found; t++) found = t != term && has(e->labels[t], e->ranks[t], label);
    return found;
}

/* Of one term, unless it is a diagonal: what no other term and not the output names was summed, and is spread again by
 * a vector of ones. */
static void derive_term(struct backward *b, const struct einsum *e, int term)
{
    struct arena *scratch = b->f.call->scratch;
    struct letters_of letters = { .count = 0 };
    char *text = arena_alloc(scratch, (MOST_TERMS + 2) * (ARRAY_MAX_RANK + 4) * 2);
    struct array **factors = NEW_ARRAY(scratch, struct array *, MOST_TERMS + ARRAY_MAX_RANK + 1);
    size_t count = 0;
    bool good = add_labels(&letters, e->output, e->output_rank, text);
    factors[count++] = gradient_dy(b, 0);
    for (int t = 0; t < e->terms; t++) {
        if (t == term) continue;
        good = good && add_labels(&letters, e->labels[t], e->ranks[t], strcat(text, ","));
        factors[count++] = gradient_x(b, (size_t)t);
    }
    for (int i = 0; i < e->ranks[term]; i++) {
        int label = e->labels[term][i];
        if (has(e->labels[term], i, label)) return;
        if (is_elsewhere(e, term, label)) continue;
        good = good && add_labels(&letters, &label, 1, strcat(text, ","));
        struct array *one = formula_number(&b->f, gradient_x(b, 0)->type, 1);
        factors[count++] = formula_expanded(&b->f, one, 1, &e->sizes[label]);
    }
    good = good && add_labels(&letters, e->labels[term], e->ranks[term], strcat(text, "->"));
    if (!good || count > MOST_TERMS) gradient_refuse(b, "so many axes or operands");
    gradient_give(b, (size_t)term, formula_op(&b->f, "Einsum", SETTINGS(SET_TEXT("equation", text)), factors, count));
}

void gradient_einsum(struct backward *b)
{
    struct einsum e = { .call = b->f.call };
    if (!read_equation(&e)) b->f.failed = true;
    for (int t = 0; t < e.terms && !b->f.failed; t++) derive_term(b, &e, t);
}

/* ---- shapes ---- */

struct letters {
    struct dim dims[128];
    bool seen[128];
    int count[128];
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Two dims under one letter are equal, or one is 1. */
static bool note_dim(struct shaping *s, unsigned char letter, struct dim dim, struct letters *letters)
{
    if (letters->seen[letter] && !broadcast_dim(s, letters->dims[letter], dim, &dim)) return false;
    letters->dims[letter] = dim;
    letters->seen[letter] = true;
    letters->count[letter]++;
    return true;
}

/* An ellipsis stands for the axes that have no letter; their places from the right are theirs. */
static bool read_term(struct shaping *s, const char **text, size_t slot, struct letters *letters)
{
    const char *p = *text;
    int axis = 0, rank = input_rank(s, slot), rest = ellipsis_rank(p, rank);
    for (; *p && *p != ',' && *p != '-'; p++) {
        const bool dots = strncmp(p, "...", 3) == 0;
        if (*p == ' ') continue;
        if (!dots && (axis >= rank || !is_letter(*p))) return false;
        for (int i = rest; dots && i > 0; i--)
            if (i >= 'A' || axis >= rank || !note_dim(s, (unsigned char)i, input_dim(s, slot, axis++), letters))
                return false;
        if (dots) p += 2;
        else if (!note_dim(s, (unsigned char)*p, input_dim(s, slot, axis++), letters)) return false;
    }
    *text = p;
    return axis == rank;
}

static bool ranks_are_known(const struct shaping *s)
{
    for (size_t i = 0; i < s->node->input_count; i++)
        if (input_rank(s, i) < 0) return false;
    return true;
}

/* Without "->": what ellipses stand for, then the letters that occur once, in order of the alphabet. */
static void implicit_result(const struct letters *letters, char *result)
{
    for (int i = 0; i < 3; i++) *result++ = '.';
    for (char c = 'A'; c <= 'z'; c++)
        if (is_letter(c) && letters->count[(unsigned char)c] == 1) *result++ = c;
    *result = 0;
}

static bool shape_einsum(struct shaping *s)
{
    struct letters *letters = NEW(s->scratch, struct letters);
    struct dim dims[SHAPE_MAX_RANK];
    char implicit[64];
    const char *text = node_text(s->node, "equation", ""), *result;
    int rank = 0;
    if (!ranks_are_known(s)) return set_type(s, 0, rule_type(s));
    for (size_t i = 0; i < s->node->input_count; i++) {
        if (!read_term(s, &text, i, letters)) return false;
        if (*text == ',') text++;
    }
    implicit_result(letters, implicit);
    result = text[0] == '-' && text[1] == '>' ? text + 2 : implicit;
    for (; *result; result++) {
        const bool dots = strncmp(result, "...", 3) == 0;
        if (*result == ' ') continue;
        for (int i = 'A' - 1; dots && i > 0; i--)
            if (letters->seen[i] && rank < SHAPE_MAX_RANK) dims[rank++] = letters->dims[i];
        if (dots) result += 2;
        else if (!is_letter(*result) || !letters->seen[(unsigned char)*result] || rank == SHAPE_MAX_RANK) return false;
        else dims[rank++] = letters->dims[(unsigned char)*result];
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

const struct operator_row einsum_operators[] = {
    { "Einsum", 12, LATEST, .gradient = gradient_einsum, .run = run_einsum, .shape = shape_einsum,
      .schemas = SCHEMAS({ 12, LATEST, "Tn *T > T", "equation!s" }) },
    { 0 },
};
