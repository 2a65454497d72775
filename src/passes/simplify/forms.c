/* SPDX-License-Identifier: Apache-2.0
 *
 * On request (--enable gemm, layer-norm, gelu, hard-swish, mish): operators in place of what they were written out as.
 *
 * What is looked for stands in the rows of the operators, as formulas over others (struct operator_form, term.h). What
 * is computed on the way has no other reader. The results are those of another order of roundings, so the check
 * compares in float64. */
#include "onnx/graph/attr.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/operator.h"
#include "onnx/graph/schema.h"
#include "onnx/shape/infer.h"
#include "passes/simplify/engine.h"
#include "passes/simplify/term.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { NODE_LIMIT = 32 };

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
    char symbol = operator_symbol(node);
    divides[0] = operator_has(node, INVERTS);
    divides[1] = symbol == '/';
    if (kind == TERM_SUM) return symbol == '+' && node->input_count == 2;
    return divides[0] || ((divides[1] || symbol == '*') && node->input_count == 2);
}

static bool flatten(struct match *m, int kind, struct value *value, bool divides, bool is_top, struct operands *to)
{
    struct node *writer = rewrite_writer(value, m->root->graph);
    bool below[2];
    if (writer && (is_top || is_read_once(value)) && is_of_tree(writer, kind, below)) {
        if (!add_node(m, writer)) return false;
        for (size_t i = 0; i < writer->input_count; i++)
            if (!flatten(m, kind, node_input(writer, i), divides ^ below[i], false, to)) return false;
        return true;
    }
    if (to->count == TERM_LIMIT) return false;
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
    if (first == list->count) return true;
    assert(first < TERM_LIMIT);
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

/* Whether the node is of the operator of a call or difference. */
static bool is_called(const struct term *term, const struct node *node)
{
    if (term->kind == TERM_DIFFERENCE) return operator_symbol(node) == '-';
    return strlen(node->op) == term->length && memcmp(node->op, term->op, term->length) == 0;
}

static bool match_call(struct match *m, const struct term *term, struct value *value)
{
    struct node *writer = rewrite_writer(value, m->root->graph);
    if (!writer || !is_called(term, writer)) return false;
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
            if (!has_node(m, use->node)) return false;
    }
    return true;
}

/* The formula, read the first time that it is asked for. */
static const struct term *term_of(struct simplifier *s, const char *formula)
{
    struct term *term = pointer_map_get(&s->terms, formula);
    if (term) return term;
    pointer_map_set(&s->terms, formula, (void *)term_read(s->net->arena, formula));
    return pointer_map_get(&s->terms, formula);
}

static bool find(struct match *m, struct simplifier *s, struct node *root, const char *formula)
{
    *m = (struct match){ .s = s, .root = root };
    return match_term(m, term_of(s, formula), root->outputs[0]) && is_closed(m);
}

/* ---- what may stand for it ---- */

/* The row of the operator that the rewrite makes, at the opset of the node; NULL: it is not there. */
static const struct operator_row *formed(struct simplifier *s, const struct node *root)
{
    const struct operator_row *row = operator_find(s->net->operators, "", rewrite_made(s), root->opset);
    return row && !row->early ? row : NULL;
}

/* It takes numbers of this type. */
static bool is_formable(const struct node *root, const struct value *x)
{
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

/* Whether what the formula calls has the attributes that the form wants: numbers that are stored as float32 whatever
 * the type of the data. A double tells the two apart. */
static bool has_wanted(struct match *m, const struct operator_form *form)
{
    if (!form->wanted[0].name) return true;
    for (size_t i = 0; i < m->node_count; i++)
        for (size_t k = 0; m->nodes[i] != m->root && k < OPERATOR_FORM_WANTED && form->wanted[k].name; k++)
            if (node_float(m->nodes[i], form->wanted[k].name, form->wanted[k].absent) != form->wanted[k].value)
                return false;
    m->is_idealized = true;
    return variable(m, 'x')->type != DTYPE_DOUBLE;
}

static bool form_activation(struct simplifier *s, struct node *root)
{
    struct match m;
    const struct operator_row *row = has_one_output(root) ? formed(s, root) : NULL;
    for (const struct operator_form *form = row ? row->forms : NULL; form && form->formula; form++) {
        if (!find(&m, s, root, form->formula)) continue;
        struct value *x = variable(&m, 'x');
        if (!is_formable(root, x) || !is_same_shape(x, root->outputs[0]) || !has_wanted(&m, form)) continue;
        rewrite_net(s)->edits_idealize = m.is_idealized;
        struct node *node = put(s, root, row->name, &x, 1);
        rewrite_net(s)->edits_idealize = false;
        if (form->attribute) edit_set_text(node, form->attribute, form->text);
        return true;
    }
    return false;
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
    const struct operator_row *row = formed(s, node);
    if (!row || schema_knows(node, "broadcast") || !has_one_output(node)) return false;
    for (size_t slot = 0; slot < 2; slot++) {
        struct node *product = rewrite_upstream(node, slot);
        struct value *c = node_input(node, 1 - slot);
        if (!product || operator_symbol(product) != '@' || !is_read_once(node_input(node, slot))) continue;
        struct value *a = node_input(product, 0), *b = node_input(product, 1);
        if (a->shape.rank != 2 || b->shape.rank != 2 || a->type != b->type) continue;
        if (!is_formable(node, a) || !is_bias_of(c, product->outputs[0])) continue;
        put(s, node, row->name, (struct value *[]){ a, b, c }, 3);
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
        if (!operator_has(m->nodes[i], AVERAGES)) continue;
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
    if (value->type != x->type || value->shape.rank != x->shape.rank - axis) return false;
    for (int i = 0; i < value->shape.rank; i++)
        if (!dim_equal(value->shape.dims[i], x->shape.dims[axis + i])) return false;
    return true;
}

/* The formula without scale and bias, and the Mul and the Add downstream. */
struct norm {
    struct node *nodes[3];
    size_t count;
};

/* The operand that the only reader of the last node multiplies its output by, or adds to it: one a row element. Then
 * that reader is the last. NULL when there is none. */
static struct value *take_operand(struct norm *norm, char symbol, const struct value *x, int axis)
{
    const struct node *last = norm->nodes[norm->count - 1];
    struct node *reader = is_read_once(last->outputs[0]) ? last->outputs[0]->uses->node : NULL;
    if (!reader || reader->graph != last->graph || operator_symbol(reader) != symbol || !has_one_output(reader))
        return NULL;
    if (reader->is_skipped) return NULL;
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

static bool find_form(struct match *m, struct simplifier *s, struct node *node, const struct operator_form *form)
{
    for (; form->formula; form++)
        if (find(m, s, node, form->formula)) return true;
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
    const struct operator_row *row = has_one_output(node) ? formed(s, node) : NULL;
    if (!row || !find_form(&m, s, node, row->forms) || !is_epsilon(variable(&m, 'e'), &epsilon)) return false;
    struct value *x = variable(&m, 'x'), *inputs[3] = { x };
    if (!is_formable(node, x) || !is_same_shape(x, node->outputs[0])) return false;
    int axis = first_axis(&m, x->shape.rank);
    if (axis < 0) return false;
    inputs[1] = take_operand(&norm, '*', x, axis);
    if (!inputs[1] && !(inputs[1] = add_ones(&m, x, axis))) return false;
    inputs[2] = take_operand(&norm, '+', x, axis);
    struct node *last = norm.nodes[norm.count - 1], *norm_node = put(s, last, row->name, inputs, inputs[2] ? 3 : 2);
    edit_set_int(norm_node, "axis", axis - x->shape.rank);
    edit_set_float(norm_node, "epsilon", (float)epsilon);
    while (norm.count > 1) rewrite_remove(s, norm.nodes[--norm.count]);
    return true;
}

const struct rewrite form_rewrites[] = {
    { { "gemm", "MatMul(a, b) + c -> Gemm(a, b, c)" }, "form_gemm", .symbols = "+", .on_request = true, .apply = gemm },
    { { "layer-norm", "(x - mean) / Sqrt(variance + e) * s + b -> LayerNormalization(x, s, b)" },
      "form_layer_norm",
      .symbols = "/*",
      .on_request = true,
      .apply = layer_norm },
    { { "gelu", "x * (1 + Erf(x / sqrt(2))) / 2 -> Gelu(x)" },
      "form_gelu",
      .symbols = "/*",
      .on_request = true,
      .apply = form_activation },
    { { "hard-swish", "x * Clip(x + 3, 0, 6) / 6 -> HardSwish(x)" },
      "form_activations",
      .symbols = "/*",
      .on_request = true,
      .apply = form_activation },
    { { "mish", "x * Tanh(Softplus(x)) -> Mish(x)" },
      "form_activations",
      .symbols = "*",
      .on_request = true,
      .apply = form_activation },
    { .apply = NULL },
};
