/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding schemas, and reading them. */
#include "onnx/graph/schema.h"

#include "onnx/graph/operator.h"

#include <ctype.h>
#include <string.h>

const struct schema *schema_list(const struct node *node)
{
    if (node->function) return NULL;
    const struct operator_row *row = operator_first(node->graph->net->operators, node->domain, node->op);
    return row ? row->schemas : NULL;
}

const struct schema *schema_find(const struct node *node)
{
    const struct schema *row = node->opset > LATEST_OPSET ? NULL : schema_list(node);
    for (; row && row->slots; row++)
        if (node->opset >= row->first && node->opset <= row->last) return row;
    return NULL;
}

static const struct {
    const char *name;
    enum dtype type;
} fixed_types[] = {
    { "bool", DTYPE_BOOL }, { "f32", DTYPE_FLOAT },   { "i32", DTYPE_INT32 },
    { "i64", DTYPE_INT64 }, { "text", DTYPE_STRING }, { "u8", DTYPE_UINT8 },
};

static enum dtype fixed_type(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof fixed_types / sizeof *fixed_types; i++)
        if (strlen(fixed_types[i].name) == length && memcmp(fixed_types[i].name, name, length) == 0)
            return fixed_types[i].type;
    return DTYPE_UNDEFINED;
}

#define BIT(name) (1u << DTYPE_##name)
enum {
    FLOATS = BIT(FLOAT16) | BIT(FLOAT) | BIT(DOUBLE),
    LONG_INTS = BIT(INT32) | BIT(INT64),
    LONG_UINTS = BIT(UINT32) | BIT(UINT64),
    SHORT_INTS = BIT(INT8) | BIT(INT16),
    SHORT_UINTS = BIT(UINT8) | BIT(UINT16),
    NUMBERS = FLOATS | LONG_INTS | LONG_UINTS | SHORT_INTS | SHORT_UINTS,
    COMPLEX = BIT(COMPLEX64) | BIT(COMPLEX128),
};

static const uint32_t sets[128] = {
    ['a'] = NUMBERS | COMPLEX | BIT(BOOL) | BIT(STRING), /* all that there were at first */
    ['b'] = BIT(BOOL),
    ['c'] = COMPLEX,
    ['d'] = BIT(UINT2) | BIT(INT2),
    ['e'] = BIT(FLOAT8E4M3FN) | BIT(FLOAT8E4M3FNUZ) | BIT(FLOAT8E5M2) | BIT(FLOAT8E5M2FNUZ),
    ['f'] = FLOATS,
    ['g'] = BIT(DOUBLE),
    ['h'] = BIT(BFLOAT16),
    ['i'] = LONG_INTS,
    ['j'] = BIT(INT64),
    ['k'] = BIT(UNDEFINED), /* no tensor at all; of a slot, what holds tensors */
    ['l'] = FLOATS | LONG_INTS | LONG_UINTS,
    ['m'] = BIT(INT16),
    ['n'] = NUMBERS,
    ['o'] = BIT(FLOAT8E8M0),
    ['p'] = BIT(FLOAT4E2M1),
    ['q'] = BIT(UINT4) | BIT(INT4),
    ['r'] = BIT(FLOAT),
    ['s'] = BIT(STRING),
    ['t'] = BIT(FLOAT16),
    ['v'] = SHORT_UINTS,
    ['w'] = LONG_UINTS,
    ['x'] = BIT(INT32),
    ['y'] = BIT(UINT8) | BIT(INT8),
    ['z'] = SHORT_INTS,
};

uint32_t schema_types(const char *letters, int64_t opset)
{
    uint32_t found = 0;
    int64_t since = 0, number = 0;
    for (; *letters && *letters != ' ' && *letters != '['; letters++) {
        if (isdigit((unsigned char)*letters)) {
            number = 10 * number + *letters - '0';
            continue;
        }
        if (number) since = number;
        number = 0;
        if (since <= opset) found |= sets[*letters & 0x7f];
    }
    return found;
}

struct schema_reader schema_read(const struct schema *schema, int64_t opset)
{
    return (struct schema_reader){ .at = schema->slots, .opset = opset };
}

bool schema_next_slot(struct schema_reader *reader, struct schema_slot *slot)
{
    const char *token = reader->at + strspn(reader->at, " ");
    if (!*token || *token == '>') return false;
    *slot = (struct schema_slot){ .optional = *token == '?', .repeated = *token == '*' };
    token += slot->optional || slot->repeated;
    const size_t length = strcspn(token, " "), name_length = strcspn(token, " [");
    slot->dims = token[name_length] == '[' ? token + name_length + 1 : NULL;
    if (islower((unsigned char)*token)) {
        slot->type = fixed_type(token, name_length);
        slot->types = 1u << slot->type;
    } else slot->types = schema_types(token + 1, reader->opset);
    if (isupper((unsigned char)*token)) {
        slot->group = *token;
        uint32_t *types = &reader->types[*token - 'A'];
        *types |= slot->types;
        slot->types = *types;
    }
    reader->at = token + length;
    return true;
}

void schema_skip_inputs(struct schema_reader *reader)
{
    struct schema_slot slot;
    while (schema_next_slot(reader, &slot)) continue;
    reader->at = strchr(reader->at, '>') + 1;
}

static bool sizes_agree(struct dim a, struct dim b)
{
    return a.size < 0 || b.size < 0 || a.size == b.size;
}

/* As far as is known. */
static bool is_single(const struct shape *shape)
{
    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i].size > 1) return false;
    return true;
}

static bool same_dims(const struct shape *a, const struct shape *b)
{
    if (b->rank < 0 || (is_single(a) && is_single(b))) return true;
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < b->rank; i++) same = sizes_agree(a->dims[i], b->dims[i]);
    return same;
}

/* `named` are the sizes of 'a'..'z' as they were met, more by 1. */
static bool dims_agree(const char *dims, const struct shape *shape, const struct shape *before, int64_t *named)
{
    int axis = 0;
    if (*dims == '=') return same_dims(shape, before);
    if (*dims == ']') return shape->rank <= 1;
    if (*dims == '.') axis = shape->rank - (int)strcspn(++dims, "]");
    if (*dims == '1') return is_single(shape);
    for (; *dims != ']' && *dims != '.'; dims++, axis++) {
        if (axis < 0 || axis == shape->rank) return false;
        const int64_t size = shape->dims[axis].size;
        if (*dims == '_' || size < 0) continue;
        int64_t digit = *dims - '0' + 1, *known = islower((unsigned char)*dims) ? &named[*dims - 'a'] : &digit;
        if (*known && *known != size + 1) return false;
        *known = size + 1;
    }
    return *dims != ']' || axis == shape->rank;
}

bool schema_agrees(const struct node *node)
{
    const struct schema *schema = schema_find(node);
    if (!schema) return true;
    enum dtype groups[26] = { DTYPE_UNDEFINED };
    int64_t named[26] = { 0 };
    const struct value *before = NULL;
    struct schema_slot slot = { 0 };
    struct schema_reader reader = schema_read(schema, node->opset);
    for (size_t i = 0; i < node->input_count && (slot.repeated || schema_next_slot(&reader, &slot)); i++) {
        const struct value *value = node_input(node, i);
        if (value && slot.dims && value->shape.rank >= 0
            && !dims_agree(slot.dims, &value->shape, before ? &before->shape : &value->shape, named))
            return false;
        before = value;
        if (!value || value->type == DTYPE_UNDEFINED) continue;
        if (slot.types && !(slot.types >> value->type & 1)) return false;
        if (!slot.group) continue;
        enum dtype *group = &groups[slot.group - 'A'];
        if (*group != DTYPE_UNDEFINED && *group != value->type) return false;
        *group = value->type;
    }
    return true;
}

#define TYPE(name) BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##name

bool schema_next_attribute(const char **at, struct schema_attribute *attribute)
{
    static const BnfuseOnnx__AttributeProto__AttributeType letters[128] = {
        ['b'] = TYPE(INT),           ['f'] = TYPE(FLOAT),   ['i'] = TYPE(INT),    ['s'] = TYPE(STRING),
        ['t'] = TYPE(TENSOR),        ['g'] = TYPE(GRAPH),   ['F'] = TYPE(FLOATS), ['I'] = TYPE(INTS),
        ['S'] = TYPE(STRINGS),       ['T'] = TYPE(TENSORS), ['G'] = TYPE(GRAPHS), ['y'] = TYPE(TYPE_PROTO),
        ['p'] = TYPE(SPARSE_TENSOR), ['e'] = TYPE(INT),     ['n'] = TYPE(INT),    ['N'] = TYPE(INTS),
        ['O'] = TYPE(INTS),          ['P'] = TYPE(INTS),    ['Q'] = TYPE(INTS),   ['M'] = TYPE(INTS),
    };
    static const char *const texts[128] = {
        ['b'] = "0|1",
        ['n'] = "positive",
        ['N'] = "positive",
        ['O'] = "0 or more",
        ['P'] = "0 or more, in pairs",
        ['Q'] = "in pairs",
        ['M'] = "a permutation",
    };
    const char *token = *at + strspn(*at, " ");
    if (!*token) return false;
    attribute->name = token;
    attribute->length = strcspn(token, ":!^");
    attribute->required = token[attribute->length] == '!';
    attribute->is_one_of = token[attribute->length] == '^';
    const char letter = attribute->letter = token[attribute->length + 1];
    attribute->type = letters[letter & 0x7f];
    attribute->is_type = letter == 'e' || letter == 't';
    *at = token + attribute->length + 2;
    const size_t rest = strcspn(*at, " ");
    attribute->values = **at == '=' ? *at + 1 : texts[letter & 0x7f];
    attribute->values_length = **at == '=' ? rest - 1 : attribute->values ? strlen(attribute->values) : 0;
    *at += rest;
    return true;
}

bool schema_knows(const struct node *node, const char *attribute)
{
    const struct schema *schema = schema_find(node);
    struct schema_attribute known;
    for (const char *at = schema ? schema->attributes : ""; schema_next_attribute(&at, &known);)
        if (strlen(attribute) == known.length && memcmp(known.name, attribute, known.length) == 0) return true;
    return false;
}
