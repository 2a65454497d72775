/* SPDX-License-Identifier: Apache-2.0
 *
 * A new constant in place of an old one, scaled and shifted channel by channel. */
#include "passes/algebra/absorb_constant.h"

#include "onnx/graph/edit.h"
#include "passes/algebra/bias.h"

#include <assert.h>
#include <math.h>

#define PIECE 1024

/* A folded constant is a copy if the old one has to stay: for other readers, or as the argument of a call. */
static bool is_copied(const struct value *value)
{
    return value->use_count > 1 || (value->is_input && value->graph->function);
}

uint64_t constant_growth(struct value *old, const struct tensor *constant)
{
    const uint64_t bytes = (uint64_t)dtype_size(constant->type, constant->count);
    uint64_t stored = is_copied(old) ? 0 : constant_stored_bytes(old);
    return stored < bytes ? bytes - stored : 0;
}

static void apply_constant(struct decision *decision, const struct step *step)
{
    enum reason why;
    struct arena *arena = decision->net->arena;
    struct value *old = node_input(step->node, step->slot);
    const struct tensor *constant = decision_constant(decision, old, &why);
    const struct affine *a = step->affine;
    struct tensor *changed;
    assert(constant);
    int64_t inner = 1;
    for (int i = a->axis + 1; a->axis != AXIS_ANY && i < constant->rank; i++) inner *= constant->dims[i];
    if (!affine_has_shift(a)) {
        struct factor factor = { constant->count / (a->channels * inner), a->channels, 1, 1, inner, a->scale };
        if (a->axis == AXIS_ANY) factor = (struct factor){ 1, 1, 1, 1, constant->count, a->scale };
        changed = tensor_scaled(arena, constant, &factor);
    } else {
        double *values;
        bool read = tensor_values(constant, decision->arena, &values, NULL);
        assert(read);
        (void)read;
        for (int64_t i = 0; i < constant->count; i++) {
            int64_t c = i / inner % a->channels;
            values[i] = values[i] * a->scale[c] + a->shift[c];
        }
        changed = tensor_exact(arena, constant->type, constant->rank, constant->dims, values);
    }
    constants_spend(decision->constants, constant_growth(old, constant));
    edit_set_input(step->node, step->slot,
                   edit_add_initializer(step->node->graph, fused_name(arena, old->name), changed));
}

/* Whether it can be changed, and the model grow by so much. */
static enum reason check_constant(struct decision *decision, const char *name, const struct tensor *constant,
                                  const struct affine *a, uint64_t growth)
{
    const bool lies_along =
        a->axis == AXIS_ANY || (!a->spread && a->axis < constant->rank && constant->dims[a->axis] == a->channels);
    if (dtype_kind(constant->type) != KIND_REAL || constant->count < 1 || !lies_along)
        return decision_stop(decision, REASON_NON_LINEAR, name, "it has no real elements along the channels");
    if ((affine_has_shift(a) && !constants_fit_doubles(decision->constants, constant->count))
        || !constants_fit(decision->constants, growth))
        return decision_stop(decision, REASON_BUDGET, name, "%lld elements", (long long)constant->count);
    double piece[PIECE];
    int64_t inner = 1;
    for (int i = a->axis + 1; a->axis != AXIS_ANY && i < constant->rank; i++) inner *= constant->dims[i];
    for (int64_t at = 0; at < constant->count; at += PIECE) {
        int64_t n = constant->count - at < PIECE ? constant->count - at : PIECE;
        if (!tensor_read_real(constant, at, n, piece, NULL))
            return decision_stop(decision, REASON_WEIGHT_DYNAMIC, name, "it cannot be read");
        for (int64_t i = 0; i < n; i++) {
            int64_t c = (at + i) / inner % a->channels;
            if (!isfinite(dtype_round(constant->type, piece[i] * a->scale[c] + a->shift[c])))
                return decision_stop(decision, REASON_NOT_FINITE, name, "channel %lld", (long long)c);
        }
    }
    return REASON_NONE;
}

static enum reason take_constant(struct decision *decision, void (*apply)(struct decision *, const struct step *),
                                 struct node *node, size_t slot, const struct affine *a, const char *name)
{
    struct step *step = decision_step(decision, apply, node);
    step->slot = slot;
    step->affine = a;
    decision->words.where = name;
    return REASON_NONE;
}

enum reason absorb_constant(struct decision *decision, struct node *node, size_t slot, const struct tensor *constant,
                            const struct affine *a)
{
    struct value *old = node_input(node, slot);
    const enum reason reason = check_constant(decision, old->name, constant, a, constant_growth(old, constant));
    return reason ? reason : take_constant(decision, apply_constant, node, slot, a, old->name);
}

/* The reader gets a copy of what writes its input, which reads a constant of its own. */
static void apply_copy(struct decision *decision, const struct step *step)
{
    struct value *shared = node_input(step->node, step->slot);
    struct node *writer = shared->writer,
                *copy = edit_copy_node(writer->graph, writer->next, writer, node_title(writer));
    for (size_t i = 0; i < writer->input_count; i++)
        if (node_input(writer, i)) edit_set_input(copy, i, node_input(writer, i));
    edit_list_outputs(copy, 1);
    edit_take_output(copy, 0, edit_add_value(writer->graph, shared->name, shared));
    edit_set_input(step->node, step->slot, copy->outputs[0]);
    struct step own = *step;
    own.node = copy;
    own.slot = 0;
    apply_constant(decision, &own);
}

enum reason absorb_copy(struct decision *decision, const struct use *use, const struct tensor *constant,
                        const struct affine *a)
{
    const char *name = node_input(use->value->writer, 0)->name;
    const uint64_t bytes = (uint64_t)dtype_size(constant->type, constant->count);
    const enum reason reason = check_constant(decision, name, constant, a, bytes);
    decision->cost.nodes++;
    return reason ? reason : take_constant(decision, apply_copy, use->node, use->slot, a, name);
}
