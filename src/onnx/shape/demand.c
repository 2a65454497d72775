/* SPDX-License-Identifier: Apache-2.0
 *
 * What the readers of a value need of it, where nothing upstream says it: the output of an operator that is not known,
 * a graph input without a shape. A Conv or a Gemm reads one type, one rank and one number of channels, those of its
 * weight, a Transpose lists its axes, the body of a Loop declares its inputs; operators that keep type and shape need
 * what their own readers need, and a product with a matrix or a sum with what has fewer axes leaves the rank no choice.
 * Where the standard says that another input or an output is of the same type, its type will do. */
#include "onnx/graph/need.h"
#include "onnx/graph/schema.h"
#include "onnx/shape/rules.h"

enum { DEPTH_LIMIT = 8, VISIT_LIMIT = 64 };

struct demand {
    enum dtype type;
    int rank;                      /* -1: unknown */
    int64_t sizes[SHAPE_MAX_RANK]; /* -1: any */
    int visits;
};

static bool keeps_type_and_shape(const struct operator_row *row)
{
    return row->keeps_shape || (row->shape == shape_same && row->type == DTYPE_UNDEFINED && row->type_from == 0);
}

/* ---- Ranks ---- */

static int declared_rank(const struct value *value)
{
    const BnfuseOnnx__TypeProto__Tensor *tensor = type_tensor(value_declared(value));
    return tensor && tensor->shape && tensor->shape->n_dim <= SHAPE_MAX_RANK ? (int)tensor->shape->n_dim : -1;
}

static int rank_of(struct value *value)
{
    const struct tensor *constant = value->shape.rank < 0 ? value_constant(value) : NULL;
    return constant ? constant->rank : value->shape.rank;
}

/* Whether a result of `rank` dims leaves the value that `use` reads no other rank. */
static bool fixes_rank(const struct use *use, int rank)
{
    const struct node *node = use->node;
    if (keeps_type_and_shape(node->row)) return use->slot == 0;
    if (node->row->shape == shape_matmul) {
        struct value *other = use->slot < 2 ? node_input(node, 1 - use->slot) : NULL;
        return other && rank_of(other) == 2;
    }
    for (size_t i = 0; node->row->shape == shape_broadcast && i < node->input_count; i++) {
        struct value *other = node_input(node, i);
        if (i != use->slot && other && (rank_of(other) < 0 || rank_of(other) >= rank)) return false;
    }
    return node->row->shape == shape_broadcast;
}

/* What a loop carries has the rank that its body declares, in every round; what a Scan takes apart, one more. */
static int rank_in_body(const struct use *use)
{
    const struct node *node = use->node;
    const struct graph *body = node->inner_count == 1 ? node->inner[0] : NULL;
    if (!body || use->slot >= body->input_count) return -1;
    if (node->row->bodies == BODY_LOOPS) return use->slot >= 2 ? declared_rank(body->inputs[use->slot]) : -1;
    if (node->row->bodies != BODY_SCANS) return -1;
    int rank = declared_rank(body->inputs[use->slot]);
    return rank > 0 && use->slot >= scan_states(node, body) ? rank + 1 : rank;
}

/* The rank that the readers of the value, and theirs, need; -1 where they do not say. */
static int rank_by_readers(const struct value *value, int depth, int *visits)
{
    int rank = -1;
    for (const struct use *use = value->uses; use && rank < 0 && ++*visits < VISIT_LIMIT; use = use->next) {
        const struct value *result = use->node && use->node->row ? node_output(use->node, 0) : NULL;
        if (!result) continue;
        rank = use_needs_rank(use);
        if (rank <= 0) rank = rank_in_body(use);
        if (rank > 0) break;
        rank = declared_rank(result); /* of none: how some exporters write "unknown" */
        if (rank <= 0 && depth > 0) rank = rank_by_readers(result, depth - 1, visits);
        if (rank <= 0 || !fixes_rank(use, rank)) rank = -1;
    }
    return rank <= SHAPE_MAX_RANK ? rank : -1;
}

/* ---- Types and sizes ---- */

/* A weight is of one type with the data. */
static void add_weight_needs(const struct use *use, struct demand *demand)
{
    const struct value *weight = use->node->row->need ? node_input(use->node, 1) : NULL;
    if (!weight || dtype_kind(weight->type) != KIND_REAL) return;
    if (demand->type == DTYPE_UNDEFINED) demand->type = weight->type;
    for (int axis = 0; axis < demand->rank; axis++)
        if (demand->sizes[axis] < 0) demand->sizes[axis] = use_needs_size(use, demand->rank, axis);
}

static void ask_readers(const struct value *value, int depth, struct demand *demand)
{
    for (const struct use *use = value->uses; use && demand->visits < VISIT_LIMIT; use = use->next, demand->visits++) {
        if (!use->node || !use->node->row || use->slot != 0) continue;
        add_weight_needs(use, demand);
        if (depth > 0 && keeps_type_and_shape(use->node->row) && node_output(use->node, 0))
            ask_readers(node_output(use->node, 0), depth - 1, demand);
    }
}

/* The slot of this number among those to come, of which the last may be repeated. */
static bool find_slot(struct schema_reader *reader, size_t number, struct schema_slot *slot)
{
    for (size_t i = 0; schema_next_slot(reader, slot); i++)
        if (i == number || (i < number && slot->repeated)) return true;
    return false;
}

/* The letter that the schema gives to the type of this slot; 0: none, and *type may say which it is. */
static char type_letter(const struct schema *schema, bool output, size_t number, enum dtype *type)
{
    struct schema_slot slot;
    struct schema_reader reader = schema_read(schema, schema->first);
    if (output) schema_skip_inputs(&reader);
    if (!find_slot(&reader, number, &slot)) return 0;
    *type = slot.type;
    return slot.group;
}

static enum dtype type_by_readers(const struct value *value, int depth, int *visits);

/* The type of what else the reader has of this letter. */
static enum dtype type_beside(const struct use *use, const struct schema *schema, char letter, int depth, int *visits)
{
    const struct node *node = use->node;
    enum dtype fixed, found = DTYPE_UNDEFINED;
    for (size_t i = 0; i < node->input_count && !found; i++)
        if (node_input(node, i) && type_letter(schema, false, i, &fixed) == letter) found = node_input(node, i)->type;
    for (size_t i = 0; i < node->output_count && !found && depth > 0; i++)
        if (node_output(node, i) && type_letter(schema, true, i, &fixed) == letter)
            found = type_by_readers(node_output(node, i), depth - 1, visits);
    return found;
}

static enum dtype type_by_readers(const struct value *value, int depth, int *visits)
{
    enum dtype found = value->type;
    for (const struct use *use = value->uses; use && !found && ++*visits < VISIT_LIMIT; use = use->next) {
        const struct schema *schema = use->node ? schema_find(use->node) : NULL;
        if (!schema) continue;
        char letter = type_letter(schema, false, use->slot, &found);
        if (letter) found = type_beside(use, schema, letter, depth, visits);
    }
    return found;
}

void set_demanded(struct shaping *s, struct value *value)
{
    int visits = 0;
    struct demand demand = { .type = DTYPE_UNDEFINED, .rank = rank_by_readers(value, DEPTH_LIMIT, &visits) };
    struct dim dims[SHAPE_MAX_RANK];
    for (int axis = 0; axis < demand.rank; axis++) demand.sizes[axis] = -1;
    ask_readers(value, DEPTH_LIMIT, &demand);
    visits = 0;
    if (demand.type == DTYPE_UNDEFINED) demand.type = type_by_readers(value, DEPTH_LIMIT, &visits);
    if (value->type != DTYPE_UNDEFINED && demand.type != value->type) return;
    if (demand.type == DTYPE_UNDEFINED) return;
    value->type = demand.type;
    for (int i = 0; i < demand.rank; i++) dims[i] = demand.sizes[i] >= 0 ? number_dim(demand.sizes[i]) : fresh_dim(s);
    if (demand.rank >= 0) set_shape(s, value, demand.rank, dims);
}
