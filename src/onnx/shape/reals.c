/* SPDX-License-Identifier: Apache-2.0
 *
 * Real elements computed from constants. See reals.h. */
#include "onnx/shape/reals.h"

#include "onnx/shape/content.h"

#include <math.h>

enum { DEPTH_LIMIT = 8, VISIT_LIMIT = 256 };

struct reals_walk {
    struct shaping *s;
    int depth, visits;
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

static reals_rule combined, same_elements;

static reals_rule *rule_of(const struct operator_row *row)
{
    if (row->combine_reals) return combined;
    return row->content == content_same ? same_elements : row->reals;
}

static int64_t find_reals(struct reals_walk *walk, struct value *value, double *to, int64_t room)
{
    const struct tensor *tensor = value_constant(value);
    if (!value) return -1;
    if (tensor) return stored_reals(tensor, to, room);
    int64_t count = known_reals(walk->s, value, to, room);
    const struct operator_row *row = value->writer ? value->writer->row : NULL;
    if (count >= 0 || !row || walk->depth == DEPTH_LIMIT || ++walk->visits > VISIT_LIMIT) return count;
    walk->depth++;
    count = rule_of(row) ? rule_of(row)(walk, value->writer, to, room) : -1;
    walk->depth--;
    return count;
}

static int64_t same_elements(struct reals_walk *walk, const struct node *node, double *to, int64_t room)
{
    return find_reals(walk, node_input(node, 0), to, room);
}

int64_t reals_cast(struct reals_walk *walk, const struct node *node, double *to, int64_t room)
{
    enum dtype type = (enum dtype)node_int(node, "to", 0);
    int64_t count = find_reals(walk, node_input(node, 0), to, room);
    if (dtype_kind(type) != KIND_REAL && dtype_kind(type) != KIND_WHOLE) return -1;
    for (int64_t i = 0; i < count; i++) to[i] = dtype_kind(type) == KIND_REAL ? dtype_round(type, to[i]) : trunc(to[i]);
    return count;
}

int64_t reals_joined(struct reals_walk *walk, const struct node *node, double *to, int64_t room)
{
    int64_t count = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        if (walk->visits > VISIT_LIMIT) return -1;
        struct value *part = node_input(node, i);
        int64_t added = part && part->shape.rank == 1 ? find_reals(walk, part, to + count, room - count) : -1;
        if (added < 0) return -1;
        count += added;
    }
    return count;
}

double real_add(double a, double b)
{
    return a + b;
}

double real_subtract(double a, double b)
{
    return a - b;
}

double real_multiply(double a, double b)
{
    return a * b;
}

double real_divide(double a, double b)
{
    return a / b;
}

/* Two operands of which either may be one number. Whole numbers divide in another way. */
static int64_t combined(struct reals_walk *walk, const struct node *node, double *to, int64_t room)
{
    double other[SHAPE_MAX_RANK];
    int64_t a = find_reals(walk, node_input(node, 0), to, room);
    int64_t b = find_reals(walk, node_input(node, 1), other, SHAPE_MAX_RANK);
    const struct value *result = node_output(node, 0);
    if (a < 1 || b < 1 || (a != b && a != 1 && b != 1) || (a < b && room < b)) return -1;
    if (!result || dtype_kind(result->type) != KIND_REAL) return -1;
    for (int64_t i = 1; a == 1 && i < b; i++) to[i] = to[0];
    for (int64_t i = 0; i < (a > b ? a : b); i++)
        to[i] = dtype_round(result->type, node->row->combine_reals(to[i], other[b == 1 ? 0 : i]));
    return a > b ? a : b;
}

int64_t input_reals(struct shaping *s, size_t slot, double *reals, int64_t room)
{
    struct reals_walk walk = { s, 0, 0 };
    return find_reals(&walk, node_input(s->node, slot), reals, room);
}
