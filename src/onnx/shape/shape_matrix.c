/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of matrix products, recurrent layers, attention and Einsum. */
#include "onnx/shape/rules.h"

#include <string.h>

/* numpy.matmul: a vector counts as a row on the left and a column on the right, and that axis goes again. */
static bool matmul_of(struct shaping *s, size_t left, size_t right, enum dtype type)
{
    struct dim dims[SHAPE_MAX_RANK], merged;
    int a = input_rank(s, left), b = input_rank(s, right), rank = 0;
    if (a < 0 || b < 0) return set_type(s, 0, type);
    if (a == 0 || b == 0) return false;
    if (!merge_dims(input_dim(s, left, a - 1), input_dim(s, right, b == 1 ? 0 : b - 2), &merged)) return false;
    if (a > 2 && !broadcast_onto(s, &rank, dims, a - 2, input_dims(s, left))) return false;
    if (b > 2 && !broadcast_onto(s, &rank, dims, b - 2, input_dims(s, right))) return false;
    if (a > 1) dims[rank++] = input_dim(s, left, a - 2);
    if (b > 1) dims[rank++] = input_dim(s, right, b - 1);
    return set_output(s, 0, type, rank, dims);
}

static bool matmul(struct shaping *s)
{
    return matmul_of(s, 0, 1, common_type(s, 2));
}

static bool quantized_matmul(struct shaping *s)
{
    return matmul_of(s, 0, 3, rule_type(s));
}

static bool gemm(struct shaping *s)
{
    struct dim dims[2] = { fresh_dim(s), fresh_dim(s) }, merged;
    int a = input_rank(s, 0), b = input_rank(s, 1);
    bool turn_a = node_int(s->node, "transA", 0) != 0, turn_b = node_int(s->node, "transB", 0) != 0;
    if ((a >= 0 && a != 2) || (b >= 0 && b != 2)) return false;
    if (a == 2) dims[0] = input_dim(s, 0, turn_a ? 1 : 0);
    if (b == 2) dims[1] = input_dim(s, 1, turn_b ? 0 : 1);
    if (a == 2 && b == 2 && !merge_dims(input_dim(s, 0, turn_a ? 0 : 1), input_dim(s, 1, turn_b ? 1 : 0), &merged))
        return false;
    return set_output(s, 0, common_type(s, 3), 2, dims);
}

/* The hidden size: the attribute, or the last axis of the recurrence weights [directions, gates * hidden, hidden]. */
static struct dim hidden_dim(struct shaping *s)
{
    if (node_attribute(s->node, "hidden_size")) return number_dim(node_int(s->node, "hidden_size", -1));
    return input_rank(s, 2) == 3 ? input_dim(s, 2, 2) : fresh_dim(s);
}

/* Y [sequence, directions, batch, hidden], Y_h and Y_c [directions, batch, hidden]; with layout 1 the batch is first. */
static bool recurrent(struct shaping *s)
{
    struct dim sequence = fresh_dim(s), batch = fresh_dim(s), hidden = hidden_dim(s);
    bool batch_first = node_int(s->node, "layout", 0) != 0;
    bool both = strcmp(node_text(s->node, "direction", "forward"), "bidirectional") == 0;
    if (input_rank(s, 0) >= 0) {
        if (input_rank(s, 0) != 3) return false;
        sequence = input_dim(s, 0, batch_first ? 1 : 0);
        batch = input_dim(s, 0, batch_first ? 0 : 1);
    }
    struct dim directions = number_dim(both ? 2 : 1);
    struct dim all[4] = { batch_first ? batch : sequence, batch_first ? sequence : directions,
                          batch_first ? directions : batch, hidden };
    struct dim last[3] = { batch_first ? batch : directions, batch_first ? directions : batch, hidden };
    enum dtype type = common_type(s, 3);
    return set_output(s, 0, type, 4, all) && set_output(s, 1, type, 3, last) && set_output(s, 2, type, 3, last);
}

/* Einsum: one dim for each letter; an ellipsis leaves the shape to the declaration. */

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
static bool read_term(struct shaping *s, const char **text, size_t slot, struct letters *letters)
{
    int axis = 0, rank = input_rank(s, slot);
    for (; **text && **text != ',' && **text != '-'; (*text)++) {
        unsigned char c = (unsigned char)**text;
        if (c == ' ') continue;
        if (axis >= rank) return false;
        struct dim dim = input_dim(s, slot, axis++);
        if (letters->seen[c] && !broadcast_dim(s, letters->dims[c], dim, &dim)) return false;
        letters->dims[c] = dim;
        letters->seen[c] = true;
        letters->count[c]++;
    }
    return axis == rank;
}

static bool plain_equation(const struct shaping *s, const char *text)
{
    for (size_t i = 0; i < s->node->input_count; i++)
        if (input_rank(s, i) < 0) return false;
    for (; *text; text++)
        if (!is_letter(*text) && !strchr(" ,->", *text)) return false;
    return true;
}

/* Without "->": the letters that occur once, in order of the alphabet. */
static void implicit_result(const struct letters *letters, char *result)
{
    for (char c = 'A'; c <= 'z'; c++)
        if (is_letter(c) && letters->count[(unsigned char)c] == 1) *result++ = c;
    *result = 0;
}

static bool einsum(struct shaping *s)
{
    struct letters *letters = NEW(s->scratch, struct letters);
    struct dim dims[SHAPE_MAX_RANK];
    char implicit[64];
    const char *text = node_text(s->node, "equation", "."), *result;
    int rank = 0;
    if (!plain_equation(s, text)) return set_type(s, 0, rule_type(s));
    for (size_t i = 0; i < s->node->input_count; i++) {
        if (!read_term(s, &text, i, letters)) return false;
        if (*text == ',') text++;
    }
    implicit_result(letters, implicit);
    result = text[0] == '-' && text[1] == '>' ? text + 2 : implicit;
    for (; *result; result++) {
        if (*result == ' ') continue;
        if (!is_letter(*result) || !letters->seen[(unsigned char)*result] || rank == SHAPE_MAX_RANK) return false;
        dims[rank++] = letters->dims[(unsigned char)*result];
    }
    return set_output(s, 0, rule_type(s), rank, dims);
}

static bool determinant(struct shaping *s)
{
    int rank = input_rank(s, 0);
    if (rank < 0) return set_type(s, 0, rule_type(s));
    return rank >= 2 && set_output(s, 0, rule_type(s), rank - 2, input_dims(s, 0));
}

/* Attention in its form with heads apart: Q and V are [batch, heads, length, size]. */
static bool attention(struct shaping *s)
{
    struct dim dims[4];
    if (input_rank(s, 0) != 4 || input_rank(s, 2) != 4) return set_type(s, 0, rule_type(s));
    memcpy(dims, input_dims(s, 0), sizeof dims);
    dims[3] = input_dim(s, 2, 3);
    return set_output(s, 0, rule_type(s), 4, dims);
}

const struct shape_rule shape_matrix_rules[] = {
    { "Attention", 23, SHAPE_LATEST, .infer = attention },
    { "Det", 11, SHAPE_LATEST, .infer = determinant },
    { "Einsum", 12, SHAPE_LATEST, .infer = einsum },
    { "GRU", 1, SHAPE_LATEST, .infer = recurrent },
    { "Gemm", 1, SHAPE_LATEST, .infer = gemm },
    { "LSTM", 1, SHAPE_LATEST, .infer = recurrent },
    { "MatMul", 1, SHAPE_LATEST, .infer = matmul },
    { "MatMulInteger", 10, SHAPE_LATEST, .infer = matmul, .type = DTYPE_INT32 },
    { "QLinearMatMul", 10, SHAPE_LATEST, .infer = quantized_matmul, .slot = 7 },
    { "RNN", 1, SHAPE_LATEST, .infer = recurrent },
    { 0 }
};
