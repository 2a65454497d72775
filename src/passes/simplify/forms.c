/* SPDX-License-Identifier: Apache-2.0
 *
 * On request (--enable gemm, layer-norm, gelu, hard-swish, mish): operators in place of what they were written out as.
 *
 * What is looked for stands in the tables as a formula over the operators of ONNX. `+` is any tree of Adds, `*` and `/` any
 * tree of Mul, Div and Reciprocal, whatever the order of their operands; a letter is any value, the same one wherever it
 * occurs; a number is a constant that is this number, or its rounding in the constant's type. What is computed on the way
 * has no other reader. The results are those of another order of roundings, so the check compares in float64. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/schema.h"
#include "onnx/shape/infer.h"
#include "passes/simplify/engine.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- formulas ---- */

enum { TERM_LIMIT = 4, NODE_LIMIT = 32, VARIABLE_COUNT = 26 };

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

/* ---- looking for one ---- */

struct match {
    struct simplifier *s;
    struct node *root;
    struct value *variables[VARIABLE_COUNT];
    struct node *nodes[NODE_LIMIT]; /* the root first */
    size_t node_count;
    bool is_idealized; /* a constant is the rounding of the number that it was taken for */
};

static struct value *variable(const struct match *m, char letter)
{
    return m->variables[letter - 'a'];
}

static bool has_node(const struct match *m, const struct node *node)
{
    for (size_t i = 0; i < m->node_count; i++)
        if (m->nodes[i] == node) return true;
    return false;
}

static bool add_node(struct match *m, struct node *node)
{
    if (has_node(m, node)) return true;
    if (m->node_count == NODE_LIMIT) return false;
    m->nodes[m->node_count++] = node;
    return true;
}

/* The operands of a tree of Adds, or of Mul and Div. */
struct operands {
    struct value *values[TERM_LIMIT];
    bool divides[TERM_LIMIT];
    size_t count;
};

/* Whether operands of the node belong to the tree of this kind; then, which of them divides. */
static bool is_of_tree(const struct node *node, int kind, bool divides[2])
{
    divides[0] = node_is(node, "Reciprocal");
    divides[1] = node_is(node, "Div");
    if (kind == TERM_SUM) return node_is(node, "Add") && node->input_count == 2;
    return divides[0] || ((divides[1] || node_is(node, "Mul")) && node->input_count == 2);
}

static bool flatten(struct match *m, int kind, struct value *value, bool divides, bool is_top, struct operands *to)
{
    struct node *writer = value ? rewrite_writer(value, m->root->graph) : NULL;
    bool below[2];
    if (writer && (is_top || is_read_once(value)) && is_of_tree(writer, kind, below)) {
        if (!add_node(m, writer)) return false;
        for (size_t i = 0; i < writer->input_count; i++)
            if (!flatten(m, kind, node_input(writer, i), divides ^ below[i], false, to)) return false;
        return true;
    }
    if (!value || to->count == TERM_LIMIT) return false;
    to->divides[to->count] = divides;
    to->values[to->count++] = value;
    return true;
}

static bool match_number(struct match *m, struct value *value, double wanted)
{
    double number;
    if (!constant_number(value, &number)) return false;
    if (number == wanted) return true;
    const enum dtype type = value_constant(value)->type;
    if (dtype_kind(type) != KIND_REAL || number != dtype_round(type, wanted)) return false;
    return m->is_idealized = true;
}

static bool match_term(struct match *m, const struct term *term, struct value *value);

static bool match_operand(struct match *m, const struct term *term, bool divides, const struct operands *of, size_t i)
{
    if (divides == of->divides[i]) return match_term(m, term, of->values[i]);
    return term->kind == TERM_NUMBER && match_number(m, of->values[i], 1 / term->number);
}

/* The terms from `first` on are the operands that are not taken, in some order. */
static bool match_operands(struct match *m, const struct term *list, size_t first, const struct operands *of,
                           unsigned taken)
{
    if (first >= list->count || first >= TERM_LIMIT) return true;
    for (size_t i = 0; i < of->count; i++) {
        const struct match before = *m;
        if (taken & 1u << i) continue;
        if (match_operand(m, list->terms[first], list->divides[first], of, i)
            && match_operands(m, list, first + 1, of, taken | 1u << i))
            return true;
        *m = before;
    }
    return false;
}

static bool match_list(struct match *m, const struct term *term, struct value *value)
{
    struct operands operands = { .count = 0 };
    return flatten(m, term->kind, value, false, true, &operands) && operands.count == term->count
           && match_operands(m, term, 0, &operands, 0);
}

static bool match_call(struct match *m, const struct term *term, struct value *value)
{
    struct node *writer = rewrite_writer(value, m->root->graph);
    const char *op = term->kind == TERM_DIFFERENCE ? "Sub" : term->op;
    size_t length = term->kind == TERM_DIFFERENCE ? 3 : term->length;
    if (!writer || strlen(writer->op) != length || memcmp(writer->op, op, length) != 0) return false;
    if (writer->input_count < term->count || (!term->is_open && writer->input_count > term->count)) return false;
    if (!has_one_output(writer) || !add_node(m, writer)) return false;
    for (size_t i = 0; i < term->count; i++)
        if (!match_term(m, term->terms[i], node_input(writer, i))) return false;
    return true;
}

static bool match_term(struct match *m, const struct term *term, struct value *value)
{
    if (!value) return false;
    switch (term->kind) {
    case TERM_NUMBER: return match_number(m, value, term->number);
    case TERM_CALL:
    case TERM_DIFFERENCE: return match_call(m, term, value);
    case TERM_SUM:
    case TERM_PRODUCT: return match_list(m, term, value);
    default: break;
    }
    struct value **bound = &m->variables[term->variable - 'a'];
    if (!*bound) *bound = value;
    return *bound == value;
}

/* Whether everything but the root is read by what was found alone. */
static bool is_closed(const struct match *m)
{
    for (size_t i = 0; i < m->node_count; i++) {
        const struct value *value = m->nodes[i]->outputs[0];
        if (m->nodes[i] == m->root) continue;
        if (value->is_output || value->is_named) return false;
        for (const struct use *use = value->uses; use; use = use->next)
            if (!use->node || !has_node(m, use->node)) return false;
    }
    return true;
}

static bool find(struct match *m, struct simplifier *s, struct node *root, const char *formula)
{
    struct reader reader = { formula, rewrite_arena(s) };
    *m = (struct match){ .s = s, .root = root };
    return has_one_output(root) && match_term(m, read_sum(&reader), root->outputs[0]) && is_closed(m);
}

/* ---- what may stand for it ---- */

/* The operator is there at the opset of the node, for numbers of this type. */
static bool is_formable(const struct node *root, const char *op, const struct value *x)
{
    const struct operator_row *row = operator_find(root->graph->net->operators, "", op, root->opset);
    if (!row || row->early) return false;
    return x->type == root->outputs[0]->type
           && (x->type == DTYPE_FLOAT || x->type == DTYPE_DOUBLE || x->type == DTYPE_FLOAT16);
}

/* A new node that writes what the last one wrote. */
static struct node *put(struct simplifier *s, struct node *last, const char *op, struct value *const *inputs,
                        size_t count)
{
    struct node *node = rewrite_add_node(s, last, op, inputs, count, last->outputs[0]);
    rewrite_where(s, node->proto->name);
    rewrite_take_output(s, node, last);
    return node;
}

/* ---- activations: of one value, in its shape ---- */

struct activation {
    const char *op, *formula;
    const char *approximate; /* of a Gelu */
    bool (*accepts)(struct match *m);
};

static bool form_activation(struct simplifier *s, struct node *root, const struct activation *rows)
{
    struct match m;
    for (; rows->op; rows++) {
        if (!find(&m, s, root, rows->formula)) continue;
        struct value *x = variable(&m, 'x');
        if (!is_formable(root, rows->op, x) || !is_same_shape(x, root->outputs[0])) continue;
        if (rows->accepts && !rows->accepts(&m)) continue;
        rewrite_net(s)->edits_idealize = m.is_idealized;
        struct node *node = put(s, root, rows->op, &x, 1);
        rewrite_net(s)->edits_idealize = false;
        if (rows->approximate) edit_set_text(node, "approximate", rows->approximate);
        return true;
    }
    return false;
}

static bool gelu(struct simplifier *s, struct node *node)
{
    static const struct activation rows[] = {
        { "Gelu", "0.5 * x * (1 + Erf(x / 1.4142135623730951))", NULL, NULL },
        { "Gelu", "0.5 * x * (1 + Tanh(0.7978845608028654 * (x + 0.044715 * Pow(x, 3))))", "tanh", NULL },
        { "Gelu", "0.5 * x * (1 + Tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))", "tanh", NULL },
        { "Gelu", "0.5 * x * (1 + Tanh(0.7978845608028654 * x * (1 + 0.044715 * x * x)))", "tanh", NULL },
        { "Gelu", "0.5 * x * (1 + Tanh(0.7978845608028654 * x * (1 + 0.044715 * Pow(x, 2))))", "tanh", NULL },
        { NULL, NULL, NULL, NULL },
    };
    return form_activation(s, node, rows);
}

/* A sixth is stored as float32 whatever the type of the data; a double tells the two apart. */
static bool is_sixth_and_half(struct match *m)
{
    for (size_t i = 0; i < m->node_count; i++)
        if (node_is(m->nodes[i], "HardSigmoid")
            && (node_float(m->nodes[i], "alpha", 0.2f) != 1.0f / 6 || node_float(m->nodes[i], "beta", 0.5f) != 0.5f))
            return false;
    m->is_idealized = true;
    return variable(m, 'x')->type != DTYPE_DOUBLE;
}

static bool hard_swish(struct simplifier *s, struct node *node)
{
    static const struct activation rows[] = {
        { "HardSwish", "x * HardSigmoid(x)", NULL, is_sixth_and_half },
        { "HardSwish", "x * Clip(x + 3, 0, 6) / 6", NULL, NULL },
        { "HardSwish", "x * Clip(x / 6 + 0.5, 0, 1)", NULL, NULL },
        { NULL, NULL, NULL, NULL },
    };
    return form_activation(s, node, rows);
}

static bool mish(struct simplifier *s, struct node *node)
{
    static const struct activation rows[] = { { "Mish", "x * Tanh(Softplus(x))", NULL, NULL },
                                              { NULL, NULL, NULL, NULL } };
    return form_activation(s, node, rows);
}

/* ---- Gemm ---- */

/* Whether c reaches over the product without making it larger. */
static bool is_bias_of(const struct value *c, const struct value *product)
{
    int skipped = product->shape.rank - c->shape.rank;
    if (c->type != product->type || c->shape.rank < 0 || skipped < 0) return false;
    for (int i = 0; i < c->shape.rank; i++)
        if (c->shape.dims[i].size != 1 && !dim_equal(c->shape.dims[i], product->shape.dims[skipped + i])) return false;
    return true;
}

/* Before operands were broadcast by themselves, an attribute said it, to both operators. */
static bool gemm(struct simplifier *s, struct node *node)
{
    if (schema_knows(node, "broadcast") || node->input_count != 2 || !has_one_output(node)) return false;
    for (size_t slot = 0; slot < 2; slot++) {
        struct node *product = rewrite_upstream_is(node, slot, "MatMul");
        struct value *c = node_input(node, 1 - slot);
        if (!product || product->input_count != 2 || !is_read_once(node_input(node, slot))) continue;
        struct value *a = node_input(product, 0), *b = node_input(product, 1);
        if (!a || !b || !c || a->shape.rank != 2 || b->shape.rank != 2 || a->type != b->type) continue;
        if (!is_formable(node, "Gemm", a) || !is_bias_of(c, product->outputs[0])) continue;
        put(s, node, "Gemm", (struct value *[]){ a, b, c }, 3);
        return true;
    }
    return false;
}

/* ---- LayerNormalization ---- */

/* The axis from which on all are averaged, by all means of the formula alike; -1 when it is not so. */
static int first_axis(const struct match *m, int rank)
{
    uint32_t axes, all = 0;
    int axis = 0;
    for (size_t i = 0; i < m->node_count; i++) {
        if (!node_is(m->nodes[i], "ReduceMean")) continue;
        if (node_int(m->nodes[i], "keepdims", 1) != 1 || !reduced_axes(m->nodes[i], rank, &axes)) return -1;
        if (all && axes != all) return -1;
        all = axes;
    }
    while (axis < rank && !(all >> axis & 1)) axis++;
    return axis < rank && all >> axis == (UINT64_C(1) << (rank - axis)) - 1 ? axis : -1;
}

/* A value of the dims of x from the axis on. */
static bool is_of_row(const struct value *value, const struct value *x, int axis)
{
    if (!value || value->type != x->type || value->shape.rank != x->shape.rank - axis) return false;
    for (int i = 0; i < value->shape.rank; i++)
        if (!dim_equal(value->shape.dims[i], x->shape.dims[axis + i])) return false;
    return true;
}

/* The formula without scale and bias, and the Mul and the Add downstream. */
struct norm {
    struct node *nodes[3];
    size_t count;
};

/* The operand that the only reader of the last node multiplies its output by, or adds to it: one a row element. Then that
 * reader is the last. NULL when there is none. */
static struct value *take_operand(struct norm *norm, const char *op, const struct value *x, int axis)
{
    const struct node *last = norm->nodes[norm->count - 1];
    struct node *reader = is_read_once(last->outputs[0]) ? last->outputs[0]->uses->node : NULL;
    if (!reader || reader->graph != last->graph || !node_is(reader, op) || !has_one_output(reader)) return NULL;
    if (reader->input_count != 2 || node_refers(reader) || reader->is_skipped) return NULL;
    struct value *operand = node_input(reader, last->outputs[0]->uses->slot == 0);
    if (!is_of_row(operand, x, axis)) return NULL;
    norm->nodes[norm->count++] = reader;
    return operand;
}

/* Ones, where the formula ends without a factor; NULL when they would make the file larger. */
static struct value *add_ones(struct match *m, const struct value *x, int axis)
{
    struct arena *arena = rewrite_net(m->s)->arena;
    int64_t dims[TENSOR_MAX_RANK], count = 1, bytes, freed = 0;
    int rank = x->shape.rank - axis;
    for (int i = 0; i < rank; i++) {
        dims[i] = x->shape.dims[axis + i].size;
        if (dims[i] < 0 || !size_multiply(count, dims[i], &count)) return NULL;
    }
    for (size_t i = 0; i < m->node_count; i++)
        freed += (int64_t)bnfuse_onnx__node_proto__get_packed_size(m->nodes[i]->proto);
    if (!dtype_bytes(x->type, count, &bytes) || !rewrite_can_store(m->s, bytes, freed)) return NULL;
    double *ones = NEW_ARRAY(arena, double, (size_t)count);
    for (int64_t i = 0; i < count; i++) ones[i] = 1;
    return rewrite_add_constant(m->s, m->root, "scale", tensor_exact(arena, x->type, rank, dims, ones));
}

static bool find_layer_norm(struct match *m, struct simplifier *s, struct node *node)
{
    static const char *const formulas[] = {
        "(x - ReduceMean(x, ...)) / Sqrt(e + ReduceMean(Pow(x - ReduceMean(x, ...), 2), ...))",
        "(x - ReduceMean(x, ...)) / Sqrt(e + ReduceMean((x - ReduceMean(x, ...)) * (x - ReduceMean(x, ...)), ...))",
    };
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        if (find(m, s, node, formulas[i])) return true;
    return false;
}

/* The attribute is a float32; an epsilon that is none would become another. */
static bool is_epsilon(struct value *value, double *epsilon)
{
    return constant_number(value, epsilon) && isfinite(*epsilon) && *epsilon >= 0
           && (double)(float)*epsilon == *epsilon;
}

static bool layer_norm(struct simplifier *s, struct node *node)
{
    struct match m;
    struct norm norm = { { node }, 1 };
    double epsilon;
    if (!find_layer_norm(&m, s, node) || !is_epsilon(variable(&m, 'e'), &epsilon)) return false;
    struct value *x = variable(&m, 'x'), *inputs[3] = { x };
    if (!is_formable(node, "LayerNormalization", x) || !is_same_shape(x, node->outputs[0])) return false;
    int axis = x->shape.rank <= TENSOR_MAX_RANK ? first_axis(&m, x->shape.rank) : -1;
    if (axis < 0) return false;
    inputs[1] = take_operand(&norm, "Mul", x, axis);
    if (!inputs[1] && !(inputs[1] = add_ones(&m, x, axis))) return false;
    inputs[2] = take_operand(&norm, "Add", x, axis);
    struct node *last = norm.nodes[norm.count - 1],
                *formed = put(s, last, "LayerNormalization", inputs, inputs[2] ? 3 : 2);
    edit_set_int(formed, "axis", axis - x->shape.rank);
    edit_set_float(formed, "epsilon", (float)epsilon);
    while (norm.count > 1) rewrite_remove(s, norm.nodes[--norm.count]);
    return true;
}

const struct rewrite form_rewrites[] = {
    { { "gemm", "MatMul(a, b) + c -> Gemm(a, b, c)" }, "form_gemm", { "Add" }, .on_request = true, .apply = gemm },
    { { "layer-norm", "(x - mean) / Sqrt(variance + e) * s + b -> LayerNormalization(x, s, b)" },
      "form_layer_norm",
      { "Div", "Mul" },
      .on_request = true,
      .apply = layer_norm },
    { { "gelu", "x * (1 + Erf(x / sqrt(2))) / 2 -> Gelu(x)" },
      "form_gelu",
      { "Div", "Mul" },
      .on_request = true,
      .apply = gelu },
    { { "hard-swish", "x * Clip(x + 3, 0, 6) / 6 -> HardSwish(x)" },
      "form_activations",
      { "Div", "Mul" },
      .on_request = true,
      .apply = hard_swish },
    { { "mish", "x * Tanh(Softplus(x)) -> Mish(x)" },
      "form_activations",
      { "Mul" },
      .on_request = true,
      .apply = mish },
    { .apply = NULL },
};
