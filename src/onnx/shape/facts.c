/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of values while shapes are inferred; what a rule asks of it, and how it answers. */
#include "onnx/shape/rules.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Values whose content was set, to be turned into sizes at the end; not those that have another by then. */
struct contents {
    struct value *value;
    struct dim *content;
    struct contents *next;
};

bool dim_equal(struct dim a, struct dim b)
{
    if (a.size >= 0 || b.size >= 0) return a.size == b.size;
    return a.symbol != 0 && a.symbol == b.symbol;
}

int64_t shape_count(const struct shape *shape)
{
    if (shape->rank < 0) return -1;
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        if (!size_multiply(count, shape->dims[i].size, &count)) return -1;
    return count;
}

/* What is known of a value */

void facts_forget(struct value *value)
{
    value->type = DTYPE_UNDEFINED;
    value->shape = (struct shape){ -1, NULL };
    value->content = NULL;
    value->content_count = 0;
}

void set_shape(struct shaping *s, struct value *value, int rank, const struct dim *dims)
{
    assert(rank >= 0 && rank <= SHAPE_MAX_RANK);
    value->shape.dims = NEW_ARRAY(s->arena, struct dim, (size_t)rank);
    if (rank) memcpy(value->shape.dims, dims, (size_t)rank * sizeof *dims);
    value->shape.rank = rank;
}

static struct dim *new_content(struct shaping *s, struct value *value, int64_t count)
{
    struct contents *entry = NEW(s->scratch, struct contents);
    value->content = NEW_ARRAY(s->arena, struct dim, (size_t)count);
    value->content_count = (int16_t)count;
    *entry = (struct contents){ value, value->content, s->contents };
    s->contents = entry;
    return value->content;
}

/* The symbol if an element of the type holds just this number, else 0. Small types and real types hold numbers only.
 * Symbols in 32 bits are taken as they are: a dimension beyond them would have broken the model. */
static int exact_element(struct shaping *s, enum dtype type, int symbol)
{
    int64_t number;
    bool is_number = symbol_is_number(s->symbols, symbol, &number);
    if (!is_number) return dtype_kind(type) == KIND_WHOLE && dtype_bits(type) >= 32 ? symbol : 0;
    if (dtype_kind(type) == KIND_WHOLE)
        return dtype_wrap(type, number) == number && (type != DTYPE_UINT64 || number >= 0) ? symbol : 0;
    if (dtype_kind(type) != KIND_REAL || number < -(INT64_C(1) << 50) || number > INT64_C(1) << 50) return 0;
    return dtype_round(type, (double)number) == (double)number ? symbol : 0;
}

static void load_content(struct shaping *s, struct value *value, const struct tensor *tensor)
{
    double reals[CONTENT_MAX];
    int64_t wholes[CONTENT_MAX];
    bool whole = dtype_kind(tensor->type) == KIND_WHOLE;
    if (tensor->count > CONTENT_MAX || (!whole && dtype_kind(tensor->type) != KIND_REAL)) return;
    if (whole ? !tensor_read_whole(tensor, 0, tensor->count, wholes, NULL)
              : !tensor_read_real(tensor, 0, tensor->count, reals, NULL))
        return;
    struct dim *content = new_content(s, value, tensor->count);
    for (int64_t i = 0; i < tensor->count; i++) {
        if (!whole && !(fabs(reals[i]) < 1e15 && reals[i] == floor(reals[i]))) continue;
        int number = symbol_number(s->symbols, whole ? wholes[i] : (int64_t)reals[i]);
        content[i].symbol = exact_element(s, tensor->type, number);
    }
}

void set_constant(struct shaping *s, struct value *value, const struct tensor *tensor)
{
    struct dim dims[SHAPE_MAX_RANK];
    for (int i = 0; i < tensor->rank; i++) dims[i] = number_dim(tensor->dims[i]);
    value->type = tensor->type;
    set_shape(s, value, tensor->rank, dims);
    if (dtype_kind(tensor->type) == KIND_WHOLE) load_content(s, value, tensor);
}

void set_sparse_constant(struct shaping *s, struct value *value, const BnfuseOnnx__SparseTensorProto *sparse)
{
    struct dim dims[SHAPE_MAX_RANK];
    if (sparse->n_dims > SHAPE_MAX_RANK) return;
    for (size_t i = 0; i < sparse->n_dims; i++) {
        if (sparse->dims[i] < 0) return;
        dims[i] = number_dim(sparse->dims[i]);
    }
    if (sparse->values && dtype_kind(sparse->values->data_type) != KIND_NONE)
        value->type = (enum dtype)sparse->values->data_type;
    set_shape(s, value, (int)sparse->n_dims, dims);
}

void facts_copy(struct shaping *s, struct value *to, const struct value *from)
{
    to->type = from->type;
    to->shape = from->shape;
    if (from->content)
        memcpy(new_content(s, to, from->content_count), from->content,
               (size_t)from->content_count * sizeof *from->content);
}

bool content_can_be(const struct value *value)
{
    int64_t count = value ? shape_count(&value->shape) : -1;
    enum kind kind = value ? dtype_kind(value->type) : KIND_NONE;
    return count >= 0 && count <= CONTENT_MAX && (kind == KIND_WHOLE || kind == KIND_REAL);
}

void contents_finish(struct shaping *s)
{
    for (struct contents *entry = s->contents; entry; entry = entry->next) {
        struct value *value = entry->value;
        bool known = false;
        if (value->content != entry->content) continue;
        for (int64_t i = 0; i < value->content_count; i++) {
            int symbol = value->content[i].symbol;
            int64_t number = -1;
            bool is_number = symbol_is_number(s->symbols, symbol, &number);
            value->content[i] = (struct dim){ number < 0 ? -1 : number, is_number ? 0 : symbol };
            known |= number >= 0 || (symbol && !is_number);
        }
        if (dtype_kind(value->type) != KIND_WHOLE || (!known && value->content_count)) {
            value->content = NULL;
            value->content_count = 0;
        }
    }
}

/* What a rule can ask */

int input_rank(const struct shaping *s, size_t slot)
{
    const struct value *value = node_input(s->node, slot);
    return value ? value->shape.rank : -1;
}

enum dtype input_type(const struct shaping *s, size_t slot)
{
    const struct value *value = node_input(s->node, slot);
    return value ? value->type : DTYPE_UNDEFINED;
}

const struct dim *input_dims(const struct shaping *s, size_t slot)
{
    return node_input(s->node, slot)->shape.dims;
}

struct dim input_dim(const struct shaping *s, size_t slot, int axis)
{
    return input_dims(s, slot)[axis];
}

int64_t input_count(const struct shaping *s, size_t slot)
{
    const struct value *value = node_input(s->node, slot);
    return value ? shape_count(&value->shape) : -1;
}

const struct dim *value_content(struct shaping *s, struct value *value)
{
    if (value->content || !content_can_be(value)) return value->content;
    if (dtype_kind(value->type) == KIND_REAL && value_constant(value)) load_content(s, value, value_constant(value));
    return value->content;
}

const struct dim *input_content(struct shaping *s, size_t slot)
{
    struct value *value = node_input(s->node, slot);
    return value ? value_content(s, value) : NULL;
}

int64_t input_numbers(struct shaping *s, size_t slot, int64_t *numbers, int64_t room)
{
    const struct value *value = node_input(s->node, slot);
    const struct dim *content = input_content(s, slot);
    if (!content || value->content_count > room || dtype_kind(value->type) != KIND_WHOLE) return -1;
    for (int64_t i = 0; i < value->content_count; i++)
        if (!symbol_is_number(s->symbols, content[i].symbol, &numbers[i])) return -1;
    return value->content_count;
}

bool input_number(struct shaping *s, size_t slot, int64_t *number)
{
    return input_numbers(s, slot, number, 1) == 1;
}

void axes_from_attribute(const struct shaping *s, const char *name, struct axes *axes)
{
    const int64_t *list = NULL;
    size_t count = node_ints(s->node, name, &list);
    *axes = (struct axes){ .known = node_attribute(s->node, name) ? AXES_KNOWN : AXES_ABSENT };
    if (count > SHAPE_MAX_RANK) {
        axes->known = AXES_UNKNOWN;
        return;
    }
    if (count) memcpy(axes->at, list, count * sizeof *list);
    axes->count = (int)count;
}

void axes_from_input(struct shaping *s, size_t slot, struct axes *axes)
{
    *axes = (struct axes){ .known = AXES_ABSENT };
    if (!node_input(s->node, slot)) return;
    int64_t count = input_numbers(s, slot, axes->at, SHAPE_MAX_RANK);
    axes->known = count >= 0 ? AXES_KNOWN : AXES_UNKNOWN;
    if (count < 0) count = input_count(s, slot);
    if (count >= 0 && count <= SHAPE_MAX_RANK) {
        if (axes->known == AXES_UNKNOWN) axes->known = AXES_COUNTED;
        axes->count = (int)count;
    }
}

void axes_default(struct axes *axes, int count)
{
    if (axes->known != AXES_ABSENT) return;
    axes->known = AXES_KNOWN;
    for (; axes->count < count; axes->count++) axes->at[axes->count] = axes->count;
}

size_t scan_states(const struct node *node, const struct graph *body)
{
    int64_t scans = node_int(node, "num_scan_inputs", 0);
    bool fits = scans >= 0 && (uint64_t)scans <= body->input_count && node->row && node->row->bodies == BODY_SCANS;
    return fits ? body->input_count - (size_t)scans : 0;
}

bool normal_axis(int64_t axis, int rank, int *normal)
{
    if (axis < -rank || axis >= rank) return false;
    *normal = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

bool mark_axes(const struct axes *axes, int rank, bool *marked)
{
    memset(marked, 0, (size_t)rank * sizeof *marked);
    for (int i = 0; i < axes->count; i++) {
        int axis;
        if (!normal_axis(axes->at[i], rank, &axis) || marked[axis]) return false;
        marked[axis] = true;
    }
    return true;
}

struct dim number_dim(int64_t size)
{
    return (struct dim){ size < 0 ? INT64_MIN : size, 0 };
}

struct dim fresh_dim(struct shaping *s)
{
    return (struct dim){ -1, symbol_fresh(s->symbols, 0) };
}

struct dim symbol_dim(struct shaping *s, int symbol)
{
    int64_t number;
    if (!symbol) return fresh_dim(s);
    return symbol_is_number(s->symbols, symbol, &number) ? number_dim(number) : (struct dim){ -1, symbol };
}

int dim_symbol(struct shaping *s, struct dim dim)
{
    return dim.size == -1 ? dim.symbol : symbol_number(s->symbols, dim.size);
}

bool size_dim(struct shaping *s, int symbol, struct dim *dim)
{
    int64_t number;
    if (symbol_is_number(s->symbols, symbol, &number) && number < 0) return false;
    *dim = symbol_dim(s, symbol_minimum(s->symbols, symbol) < 0 ? 0 : symbol);
    return true;
}

struct dim add_to_dim(struct shaping *s, struct dim dim, int64_t number)
{
    return symbol_dim(s, symbol_add(s->symbols, dim_symbol(s, dim), symbol_number(s->symbols, number)));
}

struct dim scale_dim(struct shaping *s, struct dim dim, int64_t factor)
{
    return symbol_dim(s, symbol_multiply(s->symbols, dim_symbol(s, dim), symbol_number(s->symbols, factor)));
}

struct dim product_dim(struct shaping *s, const struct dim *dims, int from, int to)
{
    int product = symbol_number(s->symbols, 1);
    for (int i = from; i < to; i++) product = symbol_multiply(s->symbols, product, dim_symbol(s, dims[i]));
    return symbol_dim(s, product);
}

bool merge_dims(struct dim a, struct dim b, struct dim *merged)
{
    if (a.size >= 0 && b.size >= 0 && a.size != b.size) return false;
    *merged = b.size >= 0 ? b : a;
    return true;
}

bool broadcast_dim(struct shaping *s, struct dim a, struct dim b, struct dim *result)
{
    int symbol = symbol_broadcast(s->symbols, dim_symbol(s, a), dim_symbol(s, b));
    if (!symbol) return false;
    *result = symbol_dim(s, symbol);
    return true;
}

bool broadcast_onto(struct shaping *s, int *rank, struct dim *dims, int other_rank, const struct dim *other)
{
    if (other_rank > *rank) {
        int more = other_rank - *rank;
        memmove(dims + more, dims, (size_t)*rank * sizeof *dims);
        for (int i = 0; i < more; i++) dims[i] = number_dim(1);
        *rank = other_rank;
    }
    for (int i = 0; i < other_rank; i++) {
        struct dim *dim = &dims[*rank - other_rank + i];
        if (!broadcast_dim(s, *dim, other[i], dim)) return false;
    }
    return true;
}

/* How a rule answers */

enum dtype rule_type(const struct shaping *s)
{
    return s->row->type != DTYPE_UNDEFINED ? s->row->type : input_type(s, (size_t)s->row->type_from);
}

enum dtype common_type(const struct shaping *s, size_t inputs)
{
    enum dtype type = rule_type(s);
    if (s->row->type != DTYPE_UNDEFINED) return type;
    for (size_t i = 0; i < inputs && type == DTYPE_UNDEFINED; i++) type = input_type(s, i);
    return type;
}

enum dtype type_attribute(const struct shaping *s, const char *name, enum dtype absent)
{
    if (!node_attribute(s->node, name)) return absent;
    int64_t type = node_int(s->node, name, DTYPE_UNDEFINED);
    return dtype_kind(type) == KIND_NONE ? DTYPE_UNDEFINED : (enum dtype)type;
}

bool set_output(struct shaping *s, size_t slot, enum dtype type, int rank, const struct dim *dims)
{
    struct value *output = node_output(s->node, slot);
    for (int i = 0; i < rank; i++)
        if (dims[i].size < -1) return false;
    if (!output) return true;
    output->type = type;
    if (rank >= 0 && rank <= SHAPE_MAX_RANK) set_shape(s, output, rank, dims);
    return true;
}

bool set_type(struct shaping *s, size_t slot, enum dtype type)
{
    return set_output(s, slot, type, -1, NULL);
}

bool set_like(struct shaping *s, size_t slot, enum dtype type, size_t input)
{
    int rank = input_rank(s, input);
    return set_output(s, slot, type, rank, rank < 0 ? NULL : input_dims(s, input));
}

bool set_rank(struct shaping *s, size_t slot, enum dtype type, int rank)
{
    struct dim dims[SHAPE_MAX_RANK];
    if (rank < 0 || rank > SHAPE_MAX_RANK) return set_type(s, slot, type);
    for (int i = 0; i < rank; i++) dims[i] = fresh_dim(s);
    return set_output(s, slot, type, rank, dims);
}

void set_content(struct shaping *s, size_t slot, const int *symbols)
{
    struct value *output = node_output(s->node, slot);
    int64_t count = output ? shape_count(&output->shape) : -1;
    if (count < 0 || count > CONTENT_MAX) return;
    struct dim *content = new_content(s, output, count);
    for (int64_t i = 0; i < count; i++) content[i] = (struct dim){ -1, exact_element(s, output->type, symbols[i]) };
}
