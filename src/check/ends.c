/* SPDX-License-Identifier: Apache-2.0
 *
 * The inputs and outputs of two models: one list against the other. */
#include "check/ends.h"

#include <string.h>

static bool same_kind(const BnfuseOnnx__TypeProto *a, const BnfuseOnnx__TypeProto *b)
{
    if (a->value_case != b->value_case) return false;
    if (type_tensor(a)) return type_element(a) == type_element(b);
    return a->value_case != BNFUSE_ONNX__TYPE_PROTO__VALUE_MAP_TYPE || a->map_type->key_type == b->map_type->key_type;
}

/* To the innermost; what is not declared may be anything. */
static bool same_elements_declared(const BnfuseOnnx__TypeProto *a, const BnfuseOnnx__TypeProto *b)
{
    for (; a && b; a = type_inner(a), b = type_inner(b))
        if (!same_kind(a, b)) return false;
    return true;
}

static bool may_pair(const struct pairing *pairing, const struct value *a, const struct value *b)
{
    const BnfuseOnnx__TypeProto *of_a = value_declared(a), *of_b = value_declared(b);
    const bool tensors = type_tensor(of_a) && type_tensor(of_b);
    if (!tensors && !same_elements_declared(of_a, of_b)) return false;
    bool real = pairing->any_real && dtype_kind(a->type) == KIND_REAL && dtype_kind(b->type) == KIND_REAL;
    bool ranks = a->shape.rank < 0 || b->shape.rank < 0 || a->shape.rank == b->shape.rank;
    return ranks && (real || a->type == b->type || a->type == DTYPE_UNDEFINED || b->type == DTYPE_UNDEFINED);
}

/* One list against the other. */
struct lists {
    const char *what;
    struct value **a, **b;
    size_t a_count, b_count;
};

static bool pair_lists(struct pairing *pairing, const struct lists *lists, struct value **partners,
                       struct bnfuse_error *error)
{
    struct arena *arena = pairing->arena;
    bool named = true;
    if (lists->a_count != lists->b_count)
        return fail(error, BNFUSE_DIFFER, "the models have %zu and %zu %ss", lists->a_count, lists->b_count,
                    lists->what);
    const struct name_map *names = value_names(arena, lists->a, lists->a_count);
    for (size_t i = 0; i < lists->b_count; i++) {
        partners[i] = name_map_get(names, lists->b[i]->name);
        named = named && partners[i];
    }
    for (size_t i = 0; i < lists->b_count; i++) {
        if (!named) partners[i] = lists->a[i];
        if (!may_pair(pairing, partners[i], lists->b[i]))
            return fail(error, BNFUSE_DIFFER, "%s \"%s\" is %s in one model, \"%s\" is %s in the other", lists->what,
                        partners[i]->name, value_type_text(partners[i], arena), lists->b[i]->name,
                        value_type_text(lists->b[i], arena));
    }
    if (!named)
        pairing->note = arena_printf(arena, "%s%s%ss are paired by place and type, for their names differ",
                                     pairing->note, *pairing->note ? "; " : "", lists->what);
    return true;
}

/* Whether an input has to be fed. One that nobody reads may be left out: optimizers leave some behind. */
static bool is_required(const struct value *input, bool when_read)
{
    return !value_is_stored(input) && (!when_read || input->use_count > 0 || input->is_output);
}

/* The inputs that have to be fed, in front; `all` has room. */
static size_t required_inputs(const struct graph *graph, bool when_read, struct value **all)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->input_count; i++)
        if (is_required(graph->inputs[i], when_read)) all[count++] = graph->inputs[i];
    return count;
}

static bool pair_inputs(struct pairing *pairing, struct bnfuse_error *error)
{
    const struct graph *a = pairing->a->main, *b = pairing->b->main;
    struct lists lists = { .what = "input",
                           .a = NEW_ARRAY(pairing->arena, struct value *, a->input_count),
                           .b = NEW_ARRAY(pairing->arena, struct value *, b->input_count) };
    struct value **partners = NEW_ARRAY(pairing->arena, struct value *, b->input_count);
    bool when_read = required_inputs(a, false, lists.a) != required_inputs(b, false, lists.b);
    lists.a_count = required_inputs(a, when_read, lists.a);
    lists.b_count = required_inputs(b, when_read, lists.b);
    if (!pair_lists(pairing, &lists, partners, error)) return false;
    pairing->inputs = NEW_ARRAY(pairing->arena, struct value *, b->input_count);
    for (size_t i = 0, fed = 0; i < b->input_count; i++) {
        struct value *same = graph_value(a, b->inputs[i]->name);
        if (is_required(b->inputs[i], when_read)) pairing->inputs[i] = partners[fed++];
        else if (same && same->is_input && value_is_stored(same)) pairing->inputs[i] = same;
    }
    return true;
}

bool pairing_match_ends(struct pairing *pairing, struct bnfuse_error *error)
{
    const struct graph *a = pairing->a->main, *b = pairing->b->main;
    const struct lists outputs = { "output", a->outputs, b->outputs, a->output_count, b->output_count };
    pairing->outputs = NEW_ARRAY(pairing->arena, struct value *, b->output_count);
    return pair_inputs(pairing, error) && pair_lists(pairing, &outputs, pairing->outputs, error);
}
