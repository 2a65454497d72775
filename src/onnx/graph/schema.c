/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding schemas, and reading them. */
#include "onnx/graph/schema.h"

#include "onnx/graph/operator.h"

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

static bool inputs_differ(const struct node *node)
{
    enum dtype type = DTYPE_UNDEFINED;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node_input(node, i);
        if (!value || value->type == DTYPE_UNDEFINED || value->type == type) continue;
        if (type != DTYPE_UNDEFINED) return true;
        type = value->type;
    }
    return false;
}

static bool fixes_input(const struct schema *schema)
{
    const char *at = schema->slots;
    while (*at && *at != '>' && !(*at >= 'a' && *at <= 'z')) at++;
    return *at && *at != '>';
}

bool schema_types_agree(const struct node *node)
{
    const struct schema *schema = schema_find(node);
    if (!schema || (!fixes_input(schema) && !inputs_differ(node))) return true; /* most nodes: nothing more to read */
    enum dtype groups[26] = { DTYPE_UNDEFINED };
    struct schema_slot slot = { 0 };
    const char *at = schema->slots;
    for (size_t i = 0; i < node->input_count && (slot.repeated || schema_next_slot(&at, &slot)); i++) {
        const struct value *value = node_input(node, i);
        enum dtype *group = slot.group ? &groups[slot.group - 'A'] : &slot.type;
        if (!value || value->type == DTYPE_UNDEFINED) continue;
        if (*group != DTYPE_UNDEFINED && *group != value->type) return false;
        if (slot.group) *group = value->type;
    }
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
        ['b'] = TYPE(INT),           ['f'] = TYPE(FLOAT),   ['i'] = TYPE(INT),    ['s'] = TYPE(STRING),
        ['t'] = TYPE(TENSOR),        ['g'] = TYPE(GRAPH),   ['F'] = TYPE(FLOATS), ['I'] = TYPE(INTS),
        ['S'] = TYPE(STRINGS),       ['T'] = TYPE(TENSORS), ['G'] = TYPE(GRAPHS), ['y'] = TYPE(TYPE_PROTO),
        ['p'] = TYPE(SPARSE_TENSOR),
    };
    const char *token = *at + strspn(*at, " ");
    if (!*token) return false;
    attribute->name = token;
    attribute->length = strcspn(token, ":!");
    attribute->required = token[attribute->length] == '!';
    attribute->type = letters[token[attribute->length + 1] & 0x7f];
    *at = token + attribute->length + 2;
    attribute->values = **at == '=' ? *at + 1 : token[attribute->length + 1] == 'b' ? "0|1" : NULL;
    attribute->values_length = attribute->values ? strcspn(attribute->values, " ") : 0;
    *at += strcspn(*at, " ");
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
