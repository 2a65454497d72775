/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the rows of schema_table.c. */
#include "onnx/graph/schema.h"

#include "onnx/graph/operator.h"

#include <string.h>

/* strcmp of a row's name with "domain:op", or "op" alone. */
static int compare_name(const char *name, const char *domain, const char *op)
{
    size_t length = strlen(domain);
    if (length == 0) return strcmp(name, op);
    int order = strncmp(name, domain, length);
    if (order) return order;
    return name[length] == ':' ? strcmp(name + length + 1, op) : name[length] - ':';
}

/* The first row that does not stand before the operator. */
static const struct schema *find_name(const char *domain, const char *op)
{
    size_t low = 0, high = schema_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_name(schemas[middle].name, domain, op) < 0) low = middle + 1;
        else high = middle;
    }
    return schemas + low;
}

const struct schema *schema_find(const struct node *node)
{
    if (node->function || node->opset > LATEST_OPSET) return NULL;
    const struct schema *end = schemas + schema_count;
    for (const struct schema *row = find_name(node->domain, node->op);
         row < end && compare_name(row->name, node->domain, node->op) == 0; row++)
        if (node->opset >= row->first && node->opset <= row->last) return row;
    return NULL;
}

static const struct {
    const char *name;
    enum dtype type;
} types[] = {
    { "bool", DTYPE_BOOL }, { "f32", DTYPE_FLOAT },   { "i32", DTYPE_INT32 },
    { "i64", DTYPE_INT64 }, { "text", DTYPE_STRING }, { "u8", DTYPE_UINT8 },
};

static enum dtype fixed_type(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strlen(types[i].name) == length && memcmp(types[i].name, name, length) == 0) return types[i].type;
    return DTYPE_UNDEFINED;
}

bool schema_next_slot(const char **at, struct schema_slot *slot)
{
    const char *token = *at + strspn(*at, " ");
    if (!*token || *token == '>') return false;
    *slot = (struct schema_slot){ .optional = *token == '?', .repeated = *token == '*' };
    token += slot->optional || slot->repeated;
    size_t length = strcspn(token, " ");
    if (length == 1 && *token >= 'A' && *token <= 'Z') slot->group = *token;
    else slot->type = fixed_type(token, length);
    *at = token + length;
    return true;
}

const char *schema_outputs(const struct schema *schema)
{
    return strchr(schema->slots, '>') + 1;
}

#define TYPE(name) BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##name

bool schema_next_attribute(const char **at, struct schema_attribute *attribute)
{
    static const BnfuseOnnx__AttributeProto__AttributeType letters[128] = {
        ['f'] = TYPE(FLOAT),   ['i'] = TYPE(INT),    ['s'] = TYPE(STRING),     ['t'] = TYPE(TENSOR),
        ['g'] = TYPE(GRAPH),   ['F'] = TYPE(FLOATS), ['I'] = TYPE(INTS),       ['S'] = TYPE(STRINGS),
        ['T'] = TYPE(TENSORS), ['G'] = TYPE(GRAPHS), ['y'] = TYPE(TYPE_PROTO), ['p'] = TYPE(SPARSE_TENSOR),
    };
    const char *token = *at + strspn(*at, " ");
    if (!*token) return false;
    attribute->name = token;
    attribute->length = strcspn(token, ":!");
    attribute->required = token[attribute->length] == '!';
    attribute->type = letters[token[attribute->length + 1] & 0x7f];
    *at = token + attribute->length + 2;
    return true;
}
