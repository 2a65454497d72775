/* SPDX-License-Identifier: Apache-2.0
 *
 * The elements of a small real tensor that a few nodes compute from constants: the scales of a Resize are often a Concat
 * or a Cast of such. Contents hold whole numbers as symbols; this follows fractions too, upstream and within a bound. */
#include "onnx/shape/rules.h"

#include <math.h>

enum { DEPTH_LIMIT = 8, VISIT_LIMIT = 256 };

struct search {
    struct shaping *s;
    int visits;
};

static int64_t find_reals(struct search *search, struct value *value, double *to, int64_t room, int depth);

static double add(double a, double b)
{
    return a + b;
}
static double subtract(double a, double b)
{
    return a - b;
}
static double multiply(double a, double b)
{
    return a * b;
}
static double divide(double a, double b)
{
    return a / b;
}

/* The same elements, in the same order. */
static int64_t same_elements(struct search *search, const struct node *node, double *to, int64_t room, int depth)
{
    return find_reals(search, node_input(node, 0), to, room, depth);
}

static int64_t cast_elements(struct search *search, const struct node *node, double *to, int64_t room, int depth)
{
    enum dtype type = (enum dtype)node_int(node, "to", 0);
    int64_t count = find_reals(search, node_input(node, 0), to, room, depth);
    if (dtype_kind(type) != KIND_REAL && dtype_kind(type) != KIND_WHOLE) return -1;
    for (int64_t i = 0; i < count; i++) to[i] = dtype_kind(type) == KIND_REAL ? dtype_round(type, to[i]) : trunc(to[i]);
    return count;
}

/* Vectors, joined. */
static int64_t joined_elements(struct search *search, const struct node *node, double *to, int64_t room, int depth)
{
    int64_t count = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        if (search->visits > VISIT_LIMIT) return -1;
        struct value *part = node_input(node, i);
        int64_t added = part && part->shape.rank == 1 ? find_reals(search, part, to + count, room - count, depth) : -1;
        if (added < 0) return -1;
        count += added;
    }
    return count;
}

static int64_t combined_elements(struct search *search, const struct node *node, double *to, int64_t room, int depth)
{
    static const struct {
        const char *op;
        double (*combine)(double a, double b);
    } rows[] = { { "Add", add }, { "Sub", subtract }, { "Mul", multiply }, { "Div", divide } };
    double other[SHAPE_MAX_RANK];
    int64_t a = find_reals(search, node_input(node, 0), to, room, depth);
    int64_t b = find_reals(search, node_input(node, 1), other, SHAPE_MAX_RANK, depth);
    const struct value *result = node_output(node, 0);
    if (a < 1 || b < 1 || (a != b && a != 1 && b != 1) || (a < b && room < b)) return -1;
    if (!result || dtype_kind(result->type) != KIND_REAL) return -1; /* whole numbers divide in another way */
    for (int64_t i = 1; a == 1 && i < b; i++) to[i] = to[0];
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (int64_t i = 0; node_is(node, rows[r].op) && i < (a > b ? a : b); i++)
            to[i] = dtype_round(result->type, rows[r].combine(to[i], other[b == 1 ? 0 : i]));
    return a > b ? a : b;
}

static const struct {
    const char *op;
    int64_t (*find)(struct search *search, const struct node *node, double *to, int64_t room, int depth);
} rows[] = {
    { "Identity", same_elements }, { "Unsqueeze", same_elements }, { "Squeeze", same_elements },
    { "Reshape", same_elements },  { "Cast", cast_elements },      { "Concat", joined_elements },
    { "Add", combined_elements },  { "Sub", combined_elements },   { "Mul", combined_elements },
    { "Div", combined_elements },
};

static int64_t stored_reals(const struct tensor *tensor, double *to, int64_t room)
{
    if (tensor->count > room) return -1;
    if (dtype_kind(tensor->type) != KIND_REAL && dtype_kind(tensor->type) != KIND_WHOLE) return -1;
    return tensor_read_real(tensor, 0, tensor->count, to, NULL) ? tensor->count : -1;
}

/* Whole numbers that inference knows already. */
static int64_t known_reals(struct shaping *s, struct value *value, double *to, int64_t room)
{
    const struct dim *content = value_content(s, value);
    int64_t count = shape_count(&value->shape), number;
    if (!content || count < 0 || count > room) return -1;
    for (int64_t i = 0; i < count; i++) {
        if (!symbol_is_number(s->symbols, content[i].symbol, &number)) return -1;
        to[i] = (double)number;
    }
    return count;
}

static int64_t find_reals(struct search *search, struct value *value, double *to, int64_t room, int depth)
{
    const struct tensor *tensor = value ? value_constant(value) : NULL;
    if (!value) return -1;
    if (tensor) return stored_reals(tensor, to, room);
    int64_t count = known_reals(search->s, value, to, room);
    if (count >= 0 || !value->writer || depth == 0 || ++search->visits > VISIT_LIMIT) return count;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (node_is(value->writer, rows[i].op)) return rows[i].find(search, value->writer, to, room, depth - 1);
    return -1;
}

int64_t input_reals(struct shaping *s, size_t slot, double *reals, int64_t room)
{
    struct search search = { s, 0 };
    return find_reals(&search, node_input(s->node, slot), reals, room, DEPTH_LIMIT);
}
