/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes by name. The oldest files do not say an attribute's type: there the field that is set decides. */
#include "onnx/graph/attr.h"

#include <string.h>

#define TYPE(name) BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##name

static bool has_name(const BnfuseOnnx__AttributeProto *attribute, const char *name)
{
    return attribute->name && !strcmp(attribute->name, name);
}

bool attr_refers(const BnfuseOnnx__AttributeProto *attribute)
{
    return attribute->ref_attr_name && *attribute->ref_attr_name;
}

const BnfuseOnnx__AttributeProto *node_attribute(const struct node *node, const char *name)
{
    for (size_t i = 0; i < node->proto->n_attribute; i++)
        if (has_name(node->proto->attribute[i], name)) return node->proto->attribute[i];
    return NULL;
}

/* The attribute if it holds a value of this type. `is_set`: whether the type's field is. */
static bool is_of_type(const BnfuseOnnx__AttributeProto *attribute, int type, bool is_set)
{
    if (attr_refers(attribute)) return false;
    return attribute->type == TYPE(UNDEFINED) ? is_set : (int)attribute->type == type;
}

int64_t node_int(const struct node *node, const char *name, int64_t absent)
{
    const BnfuseOnnx__AttributeProto *attribute = node_attribute(node, name);
    return attribute && is_of_type(attribute, TYPE(INT), attribute->has_i) ? attribute->i : absent;
}

float node_float(const struct node *node, const char *name, float absent)
{
    const BnfuseOnnx__AttributeProto *attribute = node_attribute(node, name);
    return attribute && is_of_type(attribute, TYPE(FLOAT), attribute->has_f) ? attribute->f : absent;
}

const char *node_text(const struct node *node, const char *name, const char *absent)
{
    const BnfuseOnnx__AttributeProto *attribute = node_attribute(node, name);
    if (!attribute || !is_of_type(attribute, TYPE(STRING), attribute->has_s)) return absent;
    return attribute->s.len ? (const char *)attribute->s.data : "";
}

size_t node_ints(const struct node *node, const char *name, const int64_t **values)
{
    const BnfuseOnnx__AttributeProto *attribute = node_attribute(node, name);
    if (!attribute || !is_of_type(attribute, TYPE(INTS), attribute->n_ints) || !attribute->n_ints) return 0;
    *values = attribute->ints;
    return attribute->n_ints;
}

size_t node_floats(const struct node *node, const char *name, const float **values)
{
    const BnfuseOnnx__AttributeProto *attribute = node_attribute(node, name);
    if (!attribute || !is_of_type(attribute, TYPE(FLOATS), attribute->n_floats) || !attribute->n_floats) return 0;
    *values = attribute->floats;
    return attribute->n_floats;
}

bool node_refers(const struct node *node)
{
    for (size_t i = 0; i < node->proto->n_attribute; i++)
        if (attr_refers(node->proto->attribute[i])) return true;
    return false;
}

/* What the function declares as the default of its parameter; NULL if it declares none. */
static const BnfuseOnnx__AttributeProto *parameter_default(const BnfuseOnnx__FunctionProto *function, const char *name)
{
    for (size_t i = 0; i < function->n_attribute_proto; i++)
        if (has_name(function->attribute_proto[i], name)) return function->attribute_proto[i];
    return NULL;
}

const struct node *node_bound(const struct node *node, const struct node *call, struct arena *arena)
{
    if (!node_refers(node)) return node;
    struct node *bound = NEW(arena, struct node);
    BnfuseOnnx__NodeProto *proto = NEW(arena, BnfuseOnnx__NodeProto);
    *bound = *node;
    *proto = *node->proto;
    bound->proto = proto;
    proto->attribute = NEW_ARRAY(arena, BnfuseOnnx__AttributeProto *, node->proto->n_attribute);
    proto->n_attribute = 0;
    for (size_t i = 0; i < node->proto->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *value = node->proto->attribute[i];
        BnfuseOnnx__AttributeProto *copy = NEW(arena, BnfuseOnnx__AttributeProto);
        if (attr_refers(value)) {
            const char *parameter = value->ref_attr_name;
            value = node_attribute(call, parameter);
            if (!value && call->function) value = parameter_default(call->function->function, parameter);
        }
        if (!value) continue;
        *copy = *value;
        copy->name = node->proto->attribute[i]->name;
        proto->attribute[proto->n_attribute++] = copy;
    }
    return bound;
}

int64_t node_int_at(const struct node *node, const char *name, size_t i, int64_t absent)
{
    const int64_t *values;
    return i < node_ints(node, name, &values) ? values[i] : absent;
}
