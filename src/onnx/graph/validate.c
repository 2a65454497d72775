/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold of every graph, beyond what an index can be built from. Where exporters are known to be sloppy and
 * nothing is ambiguous (unsorted nodes, missing names of graphs and nodes, initializers that are no inputs), nothing is
 * said. */
#include "onnx/graph/validate.h"
#include "base/text.h"

#include "base/pointer_map.h"
#include "onnx/graph/attr.h"
#include "onnx/graph/order.h"
#include "onnx/graph/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NEWEST_IR = 14, MOST_IMPORTS = 1000, MOST_ATTRIBUTES = 256, MOST_NESTED_CALLS = 64 };

struct validation {
    const struct net *net;
    struct arena scratch; /* closed after each graph */
    struct arena lasting;
    struct pointer_map types; /* of values: elements of type_names, where known */
};

/* ---- the model ------------------------------------------------------------------------------------------------- */

static bool validate_imports(BnfuseOnnx__OperatorSetIdProto *const *imports, size_t count, const char *whose,
                             struct bnfuse_error *error)
{
    if (count > MOST_IMPORTS)
        return fail(error, BNFUSE_INVALID, "%s imports %zu opsets, more than there are domains; export the model again",
                    whose, count);
    for (size_t i = 0; i < count; i++) {
        const char *domain = text_or_empty(imports[i]->domain);
        if (imports[i]->version < 1)
            return fail(error, BNFUSE_INVALID,
                        "%s imports the opset of domain \"%s\" without a version; export the "
                        "model again",
                        whose, domain);
        if (imports[i]->version != opset_version(imports, count, domain))
            return fail(error, BNFUSE_INVALID, "%s imports two versions of domain \"%s\"; export the model again",
                        whose, domain);
    }
    return true;
}

static bool validate_model(const BnfuseOnnx__ModelProto *model, struct bnfuse_error *error)
{
    if (!model->has_ir_version || model->ir_version < 1)
        return fail(error, BNFUSE_INVALID, "the model does not say its IR version; it may be no ONNX model at all");
    if (model->ir_version > NEWEST_IR)
        return fail(error, BNFUSE_INVALID,
                    "the model has IR version %lld, newer than %d, the newest known here; use a "
                    "newer bnfuse or export the model with an older ONNX",
                    (long long)model->ir_version, NEWEST_IR);
    return validate_imports(model->opset_import, model->n_opset_import, "the model", error);
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

#define TYPE(name) BNFUSE_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##name

/* Which fields hold something, as a bit for each type of attribute. */
static unsigned fields_set(const BnfuseOnnx__AttributeProto *a)
{
    const bool set[] = {
        [TYPE(FLOAT)] = a->has_f,
        [TYPE(INT)] = a->has_i,
        [TYPE(STRING)] = a->has_s,
        [TYPE(TENSOR)] = a->t != NULL,
        [TYPE(GRAPH)] = a->g != NULL,
        [TYPE(FLOATS)] = a->n_floats > 0,
        [TYPE(INTS)] = a->n_ints > 0,
        [TYPE(STRINGS)] = a->n_strings > 0,
        [TYPE(TENSORS)] = a->n_tensors > 0,
        [TYPE(GRAPHS)] = a->n_graphs > 0,
        [TYPE(SPARSE_TENSOR)] = a->sparse_tensor != NULL,
        [TYPE(SPARSE_TENSORS)] = a->n_sparse_tensors > 0,
        [TYPE(TYPE_PROTO)] = a->tp != NULL,
        [TYPE(TYPE_PROTOS)] = a->n_type_protos > 0,
    };
    unsigned fields = 0;
    for (size_t i = 0; i < sizeof set; i++)
        if (set[i]) fields |= 1U << i;
    return fields;
}

/* Types whose field has no default to fall back on. */
static bool needs_field(unsigned type)
{
    return type == TYPE(TENSOR) || type == TYPE(GRAPH) || type == TYPE(SPARSE_TENSOR) || type == TYPE(TYPE_PROTO);
}

static const char *attribute_flaw(const BnfuseOnnx__AttributeProto *a, bool in_function)
{
    const unsigned fields = fields_set(a), type = (unsigned)a->type;
    const bool is_reference = attr_refers(a);
    if (!a->name || !*a->name) return "has no name";
    if (is_reference && !in_function) return "refers to a parameter, but stands in no function";
    if (type > TYPE(TYPE_PROTOS)) return "has a type that ONNX does not know";
    if (is_reference) return fields ? "both refers to a parameter and holds a value" : NULL;
    if (type == TYPE(UNDEFINED)) return fields & (fields - 1) ? "holds several values and no type" : NULL;
    if (fields & ~(1U << type)) return "holds another type than it claims";
    if (needs_field(type) && !fields) return "holds nothing";
    return NULL;
}

static bool validate_tensor(struct validation *v, const BnfuseOnnx__TensorProto *proto, struct bnfuse_error *error)
{
    struct tensor tensor;
    return tensor_from_proto(&tensor, &v->scratch, v->net->model, proto, error);
}

static bool validate_sparse(struct validation *v, const BnfuseOnnx__SparseTensorProto *sparse,
                            struct bnfuse_error *error)
{
    int64_t count = 1;
    if (!sparse->values || !sparse->indices)
        return fail(error, BNFUSE_INVALID, "a sparse tensor lacks its values or indices; export the model again");
    for (size_t i = 0; i < sparse->n_dims; i++)
        if (!size_multiply(count, sparse->dims[i], &count))
            return fail(error, BNFUSE_INVALID,
                        "sparse tensor \"%s\": its dims are negative or beyond any memory; "
                        "export the model again",
                        text_or_empty(sparse->values->name));
    struct tensor values, indices, dense = { .rank = (int)sparse->n_dims, .count = count, .dims = sparse->dims };
    if (!tensor_from_proto(&values, &v->scratch, v->net->model, sparse->values, error)
        || !tensor_from_proto(&indices, &v->scratch, v->net->model, sparse->indices, error))
        return false;
    if (!tensor_sparse_places(&v->scratch, &dense, &values, &indices))
        return fail(
            error, BNFUSE_INVALID,
            "sparse tensor \"%s\": its indices do not fit its dims, are out of order or not one for each value; "
            "export the model again",
            text_or_empty(sparse->values->name));
    return true;
}

static bool validate_tensors(struct validation *v, const BnfuseOnnx__AttributeProto *a, struct bnfuse_error *error)
{
    if (a->t && !validate_tensor(v, a->t, error)) return false;
    if (a->sparse_tensor && !validate_sparse(v, a->sparse_tensor, error)) return false;
    for (size_t i = 0; i < a->n_tensors; i++)
        if (!validate_tensor(v, a->tensors[i], error)) return false;
    for (size_t i = 0; i < a->n_sparse_tensors; i++)
        if (!validate_sparse(v, a->sparse_tensors[i], error)) return false;
    return true;
}

static bool node_fail(struct validation *v, const struct node *node, const char *what, const char *name,
                      struct bnfuse_error *error)
{
    return fail(error, BNFUSE_INVALID, "%s: %s \"%s\"; export the model again", node_label(node, &v->scratch), what,
                name);
}

static bool is_in_function(const struct graph *graph)
{
    while (graph->owner) graph = graph->owner->graph;
    return graph->function != NULL;
}

static bool validate_attributes(struct validation *v, const struct node *node, struct bnfuse_error *error)
{
    const BnfuseOnnx__NodeProto *proto = node->proto;
    const bool in_function = is_in_function(node->graph);
    if (proto->n_attribute > MOST_ATTRIBUTES)
        return fail(error, BNFUSE_INVALID,
                    "%s has %zu attributes, more than any operator knows; export the model "
                    "again",
                    node_label(node, &v->scratch), proto->n_attribute);
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *a = proto->attribute[i];
        const char *flaw = attribute_flaw(a, in_function);
        if (!flaw && node_attribute(node, a->name) != a) flaw = "stands there twice";
        if (flaw)
            return fail(error, BNFUSE_INVALID, "%s: attribute \"%s\" %s; export the model again",
                        node_label(node, &v->scratch), text_or_empty(a->name), flaw);
        if (!validate_tensors(v, a, error)) return false;
    }
    return true;
}

/* ---- schemas ---- */

static bool schema_fail(struct validation *v, const struct node *node, struct bnfuse_error *error, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));

static bool schema_fail(struct validation *v, const struct node *node, struct bnfuse_error *error, const char *format,
                        ...)
{
    char what[300];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    return fail(error, BNFUSE_INVALID, "%s: %s at opset %lld; export the model again", node_label(node, &v->scratch),
                what, (long long)node->opset);
}

/* What is known to be a sequence, an optional, a map or a sparse tensor. */
#define NO_TENSOR ((enum dtype)DTYPE_COUNT)

/* Element types by number; the map of types points here, as it holds no numbers. */
static const char type_numbers[DTYPE_COUNT + 1];

static enum dtype type_of(const struct validation *v, const struct value *value)
{
    if (!value) return DTYPE_UNDEFINED;
    if (value->initializer) return value->initializer->type;
    const char *known = pointer_map_get(&v->types, value);
    if (known) return (enum dtype)(known - type_numbers);
    const BnfuseOnnx__TypeProto *type = value->is_input && value->info ? value->info->type : NULL;
    return type_is_other(type) ? NO_TENSOR : type_element(type);
}

/* Types of the groups 'A'..'Z' of one node, and the input that settled each. */
struct groups {
    enum dtype type[26];
    size_t input[26];
};

/* "int32 or int64"; NULL when they are many. */
static const char *few_types(struct validation *v, uint32_t types)
{
    enum { FEW = 3 };
    const char *text = NULL;
    int count = 0;
    for (int i = 0; i < DTYPE_COUNT; i++) {
        if (!(types >> i & 1)) continue;
        if (++count > FEW) return NULL;
        text = text ? arena_printf(&v->scratch, "%s or %s", text, dtype_name(i)) : dtype_name(i);
    }
    return text;
}

static bool type_fail(struct validation *v, const struct node *node, size_t i, enum dtype type, uint32_t types,
                      struct bnfuse_error *error)
{
    const char *few = few_types(v, types);
    if (type == NO_TENSOR) return schema_fail(v, node, error, "input %zu is no tensor, must be one", i);
    if (types == 1u << DTYPE_UNDEFINED)
        return schema_fail(v, node, error, "input %zu is a tensor, must be a sequence", i);
    if (few) return schema_fail(v, node, error, "input %zu holds %s, must hold %s", i, dtype_name(type), few);
    return schema_fail(v, node, error, "input %zu holds %s, which %s does not take", i, dtype_name(type), node->op);
}

static bool validate_input_type(struct validation *v, const struct node *node, const struct schema_slot *slot, size_t i,
                                struct groups *groups, struct bnfuse_error *error)
{
    enum dtype type = type_of(v, node_input(node, i));
    if (type == DTYPE_UNDEFINED) return true;
    if (slot->types && !(slot->types >> type % NO_TENSOR & 1)) return type_fail(v, node, i, type, slot->types, error);
    if (!slot->group) return true;
    enum dtype *group = &groups->type[slot->group - 'A'];
    size_t *first = &groups->input[slot->group - 'A'];
    if (*group != DTYPE_UNDEFINED && *group != type)
        return schema_fail(v, node, error, "inputs %zu and %zu hold %s and %s, must hold one type", *first, i,
                           dtype_name(*group), dtype_name(type));
    *group = type;
    *first = i;
    return true;
}

static bool validate_inputs(struct validation *v, const struct node *node, struct schema_reader *reader,
                            struct groups *groups, struct bnfuse_error *error)
{
    struct schema_slot slot = { 0 };
    size_t i = 0;
    for (; schema_next_slot(reader, &slot) && !slot.repeated; i++) {
        if (!slot.optional && !node_input(node, i))
            return schema_fail(v, node, error, "input %zu is missing, which %s needs", i, node->op);
        if (!validate_input_type(v, node, &slot, i, groups, error)) return false;
    }
    for (; slot.repeated && i < node->input_count; i++) {
        if (!node_input(node, i) && !node->inner_count) /* a Loop is given no condition by leaving it out */
            return schema_fail(v, node, error, "input %zu is missing, which %s needs", i, node->op);
        if (!validate_input_type(v, node, &slot, i, groups, error)) return false;
    }
    if (i < node->input_count)
        return schema_fail(v, node, error, "there are %u inputs, %s has at most %zu", node->input_count, node->op, i);
    return true;
}

/* Counts the outputs, and notes their types where the inputs or the schema settle them. */
static bool validate_outputs(struct validation *v, const struct node *node, struct schema_reader *reader,
                             const struct groups *groups, struct bnfuse_error *error)
{
    struct schema_slot slot = { 0 };
    size_t i = 0;
    schema_skip_inputs(reader);
    while ((slot.repeated && i < node->output_count) || schema_next_slot(reader, &slot)) {
        if (i >= node->output_count && !slot.optional && !slot.repeated)
            return schema_fail(v, node, error, "output %zu is missing, which %s has", i, node->op);
        enum dtype type = slot.group ? groups->type[slot.group - 'A'] : slot.type;
        if (slot.types == 1u << DTYPE_UNDEFINED) type = NO_TENSOR;
        if (node_output(node, i) && type != DTYPE_UNDEFINED)
            pointer_map_set(&v->types, node->outputs[i], (void *)(uintptr_t)&type_numbers[type]);
        i++;
    }
    if (i < node->output_count)
        return schema_fail(v, node, error, "there are %u outputs, %s has at most %zu", node->output_count, node->op, i);
    return true;
}

static const char *attribute_type_name(unsigned type)
{
    static const char *const names[] = { "nothing",
                                         "a float",
                                         "an int",
                                         "a string",
                                         "a tensor",
                                         "a graph",
                                         "a list of floats",
                                         "a list of ints",
                                         "a list of strings",
                                         "a list of tensors",
                                         "a list of graphs",
                                         "a sparse tensor",
                                         "a list of sparse tensors",
                                         "a type",
                                         "a list of types" };
    return type < sizeof names / sizeof *names ? names[type] : "something unknown";
}

/* An attribute without a type is of the one that it holds; one without a value can be of any. */
static bool is_of_type(const BnfuseOnnx__AttributeProto *a, unsigned wanted)
{
    if (a->type != TYPE(UNDEFINED)) return (unsigned)a->type == wanted;
    unsigned fields = fields_set(a);
    return !fields || fields == 1U << wanted;
}

static bool is_among(const char *text, const struct schema_attribute *known)
{
    const size_t length = strlen(text);
    for (const char *at = known->values, *end = at + known->values_length; at <= end;) {
        size_t size = strcspn(at, "| ");
        if (size == length && memcmp(at, text, length) == 0) return true;
        at += size + 1;
    }
    return false;
}

/* The element type that an attribute names, or holds. */
static int64_t type_in(const BnfuseOnnx__AttributeProto *a)
{
    return a->t ? a->t->data_type : a->i;
}

static bool is_allowed_type(int64_t type, const char *types, int64_t opset)
{
    return type >= 0 && type < DTYPE_COUNT && schema_types(types, opset) >> type & 1;
}

/* Whether each number below the count is there, so that none is twice. */
static bool is_permutation(const BnfuseOnnx__AttributeProto *a)
{
    if (a->n_ints > TENSOR_MAX_RANK) return false;
    for (size_t i = 0; i < a->n_ints; i++) {
        size_t at = 0;
        while (at < a->n_ints && a->ints[at] != (int64_t)i) at++;
        if (at == a->n_ints) return false;
    }
    return true;
}

/* What the letter asks of each number and of the list. Of an int that is not there the default holds. */
static bool is_as_letter(const BnfuseOnnx__AttributeProto *a, char letter)
{
    if (letter == 'M') return is_permutation(a);
    if (a->type != TYPE(INTS)) return letter != 'n' || a->i > 0;
    const int64_t least = letter == 'N' ? 1 : letter == 'Q' ? INT64_MIN : 0;
    for (size_t i = 0; i < a->n_ints; i++)
        if (a->ints[i] < least) return false;
    return letter == 'N' || letter == 'O' || a->n_ints % 2 == 0;
}

/* A parameter of the function that the node stands in has no value here. */
static bool is_allowed(const struct node *node, const BnfuseOnnx__AttributeProto *a,
                       const struct schema_attribute *known)
{
    if (!known->values || attr_refers(a)) return true;
    if (known->is_type) return is_allowed_type(type_in(a), known->values, node->opset);
    if (strchr("nNOPQM", known->letter)) return is_as_letter(a, known->letter);
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)a->i);
    return is_among(known->type == TYPE(INT) ? number : a->s.len ? (const char *)a->s.data : "", known);
}

static bool find_attribute(const struct schema *schema, const char *name, struct schema_attribute *found)
{
    const char *at = schema->attributes;
    const size_t length = strlen(name);
    while (schema_next_attribute(&at, found))
        if (found->length == length && memcmp(found->name, name, length) == 0) return true;
    return false;
}

/* Defaults of attributes that came or went with an opset. Exporters write them at others too, where they change
 * nothing. */
static const struct idle_attribute {
    const char *name;
    int64_t value; /* of the int, or of each of the ints */
} idle_attributes[] = {
    { "spatial", 1 },         { "ceil_mode", 0 },           { "storage_order", 0 },
    { "dilations", 1 },       { "count_include_pad", 0 },   { "training_mode", 0 },
    { "allowzero", 0 },       { "select_last_index", 0 },   { "noop_with_empty_axes", 0 },
    { "exclude_outside", 0 }, { "antialias", 0 },           { "saturate", 1 },
    { "keepdims", 1 },        { "linear_before_reset", 0 }, { "layout", 0 },
};

static bool holds_only(const BnfuseOnnx__AttributeProto *a, int64_t value)
{
    if (a->type == TYPE(INT)) return a->i == value;
    if (a->type != TYPE(INTS)) return false;
    for (size_t i = 0; i < a->n_ints; i++)
        if (a->ints[i] != value) return false;
    return true;
}

/* Whether another opset of the operator knows the attribute, which has its default. */
static bool is_idle(const struct node *node, const BnfuseOnnx__AttributeProto *a)
{
    struct schema_attribute known;
    for (size_t i = 0; i < sizeof idle_attributes / sizeof *idle_attributes; i++) {
        if (strcmp(idle_attributes[i].name, a->name) != 0 || !holds_only(a, idle_attributes[i].value)) continue;
        for (const struct schema *row = schema_list(node); row && row->slots; row++)
            if (find_attribute(row, a->name, &known)) return true;
    }
    return false;
}

/* Private to who wrote it; or what exporters of opset 6 kept of opset 1, where it said which memory to use again. */
static bool is_ignored(const struct node *node, const char *name)
{
    return strncmp(name, "__", 2) == 0 || (node->opset == 6 && strcmp(name, "consumed_inputs") == 0);
}

static bool validate_needed_attributes(struct validation *v, const struct node *node, const struct schema *schema,
                                       struct bnfuse_error *error)
{
    struct schema_attribute known;
    size_t found = 0;
    bool wants_one = false;
    for (const char *at = schema->attributes; schema_next_attribute(&at, &known);) {
        if (!known.required && !known.is_one_of) continue;
        const char *name = arena_printf(&v->scratch, "%.*s", (int)known.length, known.name);
        bool is_there = node_attribute(node, name);
        if (known.required && !is_there)
            return schema_fail(v, node, error, "attribute \"%s\" is missing, which %s needs", name, node->op);
        wants_one |= known.is_one_of;
        found += known.is_one_of && is_there;
    }
    if (wants_one && found != 1)
        return schema_fail(v, node, error, "%zu of its attributes say its value, exactly one must", found);
    return true;
}

static bool validate_schema_attributes(struct validation *v, const struct node *node, const struct schema *schema,
                                       struct bnfuse_error *error)
{
    struct schema_attribute known;
    for (size_t i = 0; i < node->proto->n_attribute; i++) {
        const BnfuseOnnx__AttributeProto *a = node->proto->attribute[i];
        if (is_ignored(node, a->name)) continue;
        const bool is_known = find_attribute(schema, a->name, &known);
        if (!is_known && is_idle(node, a)) continue;
        if (!is_known) return schema_fail(v, node, error, "%s has no attribute \"%s\"", node->op, a->name);
        if (!is_of_type(a, known.type))
            return schema_fail(v, node, error, "attribute \"%s\" holds %s, must hold %s", a->name,
                               attribute_type_name((unsigned)a->type), attribute_type_name(known.type));
        if (is_allowed(node, a, &known)) continue;
        if (known.is_type)
            return schema_fail(v, node, error, "attribute \"%s\" is of element type %lld (%s), which %s does not take",
                               a->name, (long long)type_in(a), dtype_name(type_in(a)), node->op);
        return schema_fail(v, node, error, "attribute \"%s\" must be %.*s", a->name, (int)known.values_length,
                           known.values);
    }
    return validate_needed_attributes(v, node, schema, error);
}

/* Against what the standard says of the operator. Old exporters and ONNX Runtime take it as seriously. */
static bool validate_schema(struct validation *v, const struct node *node, struct bnfuse_error *error)
{
    struct groups groups = { { DTYPE_UNDEFINED }, { 0 } };
    const struct schema *schema = schema_find(node);
    if (!schema) return true;
    struct schema_reader reader = schema_read(schema, node->opset);
    return validate_inputs(v, node, &reader, &groups, error) && validate_outputs(v, node, &reader, &groups, error)
           && validate_schema_attributes(v, node, schema, error);
}

/* ---- nodes and graphs ------------------------------------------------------------------------------------------ */

/* An edit that took a node out has left nothing that it writes. */
static bool is_written(const struct value *value)
{
    const struct node *node = value->writer;
    return value_is_defined(value) && (!node || (node->previous ? node->previous->next : node->graph->first) == node);
}

/* True of every index as it was built; edits must keep it so. */
static bool validate_reads(struct validation *v, const struct node *node, struct bnfuse_error *error)
{
    if (!node->graph->net->edit_count) return true;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct value *value = node->inputs[i].value;
        if (!value) continue;
        if (!is_written(value)) return node_fail(v, node, "reads what nothing defines,", value->name, error);
        if (scope_value(node->graph, value->name) != value)
            return node_fail(v, node, "reads by a name that means something else,", value->name, error);
    }
    return true;
}

static bool validate_operator(struct validation *v, const struct node *node, struct bnfuse_error *error)
{
    if (!*node->op)
        return fail(error, BNFUSE_INVALID, "%s says no operator; export the model again",
                    node_label(node, &v->scratch));
    /* A node of another domain that is not imported only has to stay as it is; old exporters write such files. */
    if (!node->function && node->opset < 1 && !*node->domain)
        return fail(error, BNFUSE_INVALID, "%s is of ai.onnx, whose opset is not imported; export the model again",
                    node_label(node, &v->scratch));
    if (!node->function) return true;
    if (node->input_count > node->function->input_count || node->output_count > node->function->output_count)
        return fail(error, BNFUSE_INVALID,
                    "%s has more inputs or outputs than the function it calls; export the model "
                    "again",
                    node_label(node, &v->scratch));
    return true;
}

static bool fits_declared(const BnfuseOnnx__TensorShapeProto *shape, size_t rank, const int64_t *dims)
{
    if (!shape) return true;
    if (shape->n_dim != rank) return false;
    for (size_t i = 0; i < rank; i++) {
        const BnfuseOnnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        bool is_known = dim->value_case == BNFUSE_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (is_known && dim->dim_value > 0 && dim->dim_value != dims[i]) return false;
    }
    return true;
}

bool initializer_fits(const struct value *value)
{
    const BnfuseOnnx__TypeProto__Tensor *declared = type_tensor(value_declared(value));
    const struct tensor *dense = value->initializer;
    return !declared
           || (dense ? fits_declared(declared->shape, (size_t)dense->rank, dense->dims)
                     : fits_declared(declared->shape, value->sparse->n_dims, value->sparse->dims));
}

/* An initializer and the declaration of its name, as a graph input above all, say the same. */
static bool validate_initializer(struct validation *v, const struct value *value, struct bnfuse_error *error)
{
    const BnfuseOnnx__TypeProto *type = value_declared(value);
    const BnfuseOnnx__TypeProto__Tensor *declared = type_tensor(type);
    const struct tensor *dense = value->initializer;
    if (value->sparse && !validate_sparse(v, value->sparse, error)) return false;
    if (dense && declared && type_element(type) != DTYPE_UNDEFINED && type_element(type) != dense->type)
        return fail(error, BNFUSE_INVALID, "initializer \"%s\" holds %s, but is declared as %s; export the model again",
                    value->name, dtype_name(dense->type), dtype_name(type_element(type)));
    if (initializer_fits(value)) return true;
    return fail(error, BNFUSE_INVALID,
                "initializer \"%s\" has other dims than are declared for it; export the model again", value->name);
}

static bool validate_graph(struct validation *v, const struct graph *graph, struct bnfuse_error *error)
{
    struct node **order;
    if (graph->function
        && !validate_imports(graph->function->opset_import, graph->function->n_opset_import,
                             arena_printf(&v->scratch, "function \"%s\"", text_or_empty(graph->function->name)), error))
        return false;
    for (const struct node *node = graph->first; node; node = node->next)
        if (!validate_operator(v, node, error) || !validate_reads(v, node, error)
            || !validate_attributes(v, node, error))
            return false;
    for (size_t i = 0; i < graph->initializer_count; i++)
        if (!validate_initializer(v, graph->initializers[i], error)) return false;
    for (size_t i = 0; i < graph->output_count; i++)
        if (!is_written(graph->outputs[i]))
            return fail(error, BNFUSE_INVALID, "graph output \"%s\" is what nothing defines; export the model again",
                        graph->outputs[i]->name);
    if (!graph_order(graph, &v->scratch, &order, error)) return false;
    for (size_t i = 0; i < graph->node_count; i++)
        if (!validate_schema(v, order[i], error)) return false;
    return true;
}

/* ---- functions that call functions ----------------------------------------------------------------------------- */

struct calls {
    size_t *callees; /* of function f: from[f] .. from[f + 1] */
    size_t *from, *callers, *depth;
};

static size_t function_of(const struct graph *graph)
{
    while (graph->owner) graph = graph->owner->graph;
    return graph->slot;
}

/* The calls made inside functions, sorted by who calls: counted, then filled from each function's end. */
static void collect_calls(struct validation *v, struct calls *calls)
{
    const size_t count = v->net->function_count;
    struct graph *graph = NULL;
    calls->from = NEW_ARRAY(&v->scratch, size_t, count + 2);
    calls->callers = NEW_ARRAY(&v->scratch, size_t, count);
    calls->depth = NEW_ARRAY(&v->scratch, size_t, count);
    while ((graph = net_next_graph(v->net, graph)))
        for (const struct node *node = is_in_function(graph) ? graph->first : NULL; node; node = node->next)
            calls->from[function_of(graph) + 1] += node->function != NULL;
    for (size_t f = 0; f < count; f++) calls->from[f + 1] += calls->from[f];
    calls->callees = NEW_ARRAY(&v->scratch, size_t, calls->from[count]);
    size_t *next = arena_grow(&v->scratch, calls->from, count, count, sizeof *next);
    while ((graph = net_next_graph(v->net, graph)))
        for (const struct node *node = is_in_function(graph) ? graph->first : NULL; node; node = node->next) {
            if (!node->function) continue;
            calls->callees[next[function_of(graph)]++] = node->function->slot;
            calls->callers[node->function->slot]++;
        }
}

/* No function may reach itself, and calls nest only so deep, since a run nests with them. */
static bool validate_calls(struct validation *v, struct bnfuse_error *error)
{
    const size_t count = v->net->function_count;
    struct calls calls;
    size_t done = 0, ready = 0;
    collect_calls(v, &calls);
    size_t *queue = NEW_ARRAY(&v->scratch, size_t, count);
    for (size_t f = 0; f < count; f++)
        if (!calls.callers[f]) queue[ready++] = f;
    while (done < ready) {
        size_t f = queue[done++];
        if (calls.depth[f] >= MOST_NESTED_CALLS)
            return fail(error, BNFUSE_INVALID, "function calls nest deeper than %d; inline the functions",
                        MOST_NESTED_CALLS);
        for (size_t i = calls.from[f]; i < calls.from[f + 1]; i++) {
            size_t callee = calls.callees[i];
            if (--calls.callers[callee] > 0) continue;
            calls.depth[callee] = calls.depth[f] + 1; /* the last caller to be done is the deepest */
            queue[ready++] = callee;
        }
    }
    for (size_t f = 0; f < count; f++)
        if (calls.callers[f])
            return fail(error, BNFUSE_INVALID,
                        "function \"%s\" calls itself, or is called by functions that do; "
                        "export the model again",
                        text_or_empty(v->net->functions[f]->function->name));
    return true;
}

/* ---------------------------------------------------------------------------------------------------------------- */

static bool validate(void *context, struct bnfuse_error *error)
{
    struct validation *v = context;
    if (!validate_model(v->net->model->proto, error)) return false;
    for (struct graph *graph = NULL; (graph = net_next_graph(v->net, graph));) {
        if (!validate_graph(v, graph, error)) return false;
        arena_clear(&v->scratch);
    }
    return validate_calls(v, error);
}

bool net_validate(const struct net *net, struct bnfuse_error *error)
{
    struct validation v = { .net = net };
    arena_open(&v.scratch, net->arena->memory);
    arena_open(&v.lasting, net->arena->memory);
    v.types.arena = &v.lasting;
    bool ok = guarded(net->arena->memory, validate, &v, error);
    arena_close(&v.scratch);
    arena_close(&v.lasting);
    return ok;
}
