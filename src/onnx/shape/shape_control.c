/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes of what If, Loop and Scan return. Their bodies have been inferred already. */
#include "onnx/shape/rules.h"

#include <string.h>

/* What holds of a value whichever of the two it is. */
static void set_either(struct shaping *s, size_t slot, const struct value *a, const struct value *b)
{
    struct dim dims[SHAPE_MAX_RANK];
    enum dtype type = a->type == b->type ? a->type : DTYPE_UNDEFINED;
    int rank = a->shape.rank == b->shape.rank ? a->shape.rank : -1;
    for (int i = 0; i < rank; i++)
        dims[i] = dim_equal(a->shape.dims[i], b->shape.dims[i]) ? a->shape.dims[i] : fresh_dim(s);
    set_output(s, slot, type, rank, dims);
}

static const struct graph *body_named(const struct node *node, const char *name)
{
    for (size_t i = 0; i < node->inner_count; i++)
        if (strcmp(node->inner_names[i], name) == 0) return node->inner[i];
    return NULL;
}

/* Where the condition is known, only its branch counts. */
static bool branch(struct shaping *s)
{
    const struct graph *yes = body_named(s->node, "then_branch"), *no = body_named(s->node, "else_branch");
    int64_t condition;
    if (!yes || !no) return false;
    if (input_number(s, 0, &condition)) {
        if (condition) no = yes;
        else yes = no;
    }
    for (size_t i = 0; i < s->node->output_count; i++) {
        if (i >= yes->output_count || i >= no->output_count) return false;
        if (yes->outputs[i] && no->outputs[i]) set_either(s, i, yes->outputs[i], no->outputs[i]);
    }
    return true;
}

/* A dim of a body as it is seen from outside: what depends on a turn of the loop has no single size. */
static struct dim outside(struct shaping *s, struct dim dim)
{
    return dim.size >= 0 || symbol_newest(s->symbols, dim.symbol) <= s->age ? dim : fresh_dim(s);
}

/* A state after the loop: as it went in, if no turn was taken, or as a turn left it. */
static void set_state(struct shaping *s, size_t slot, const struct value *before, const struct value *after)
{
    struct dim dims[SHAPE_MAX_RANK];
    if (!before || !after) return;
    int rank = before->shape.rank == after->shape.rank ? before->shape.rank : -1;
    for (int i = 0; i < rank; i++) {
        struct dim dim = outside(s, after->shape.dims[i]);
        dims[i] = dim_equal(before->shape.dims[i], dim) ? dim : fresh_dim(s);
    }
    set_output(s, slot, before->type, rank, dims);
}

/* The results of all turns, stacked along `axis`. */
static void set_stack(struct shaping *s, size_t slot, const struct value *turn, int64_t axis, struct dim turns)
{
    struct dim dims[SHAPE_MAX_RANK];
    int rank = turn ? turn->shape.rank : -1, at, from = 0;
    if (rank < 0 || rank + 1 > SHAPE_MAX_RANK || !normal_axis(axis, rank + 1, &at)) {
        if (turn) set_type(s, slot, turn->type);
        return;
    }
    for (int i = 0; i <= rank; i++) dims[i] = i == at ? turns : outside(s, turn->shape.dims[from++]);
    set_output(s, slot, turn->type, rank + 1, dims);
}

/* Body: (turn, condition, states) -> (condition, states, results) */
static bool loop(struct shaping *s)
{
    const struct graph *body = body_named(s->node, "body");
    if (!body || body->input_count < 2 || body->input_count != s->node->input_count) return false;
    size_t states = body->input_count - 2;
    struct dim turns = fresh_dim(s);
    for (size_t i = 0; i < s->node->output_count; i++) {
        const struct value *result = i + 1 < body->output_count ? body->outputs[i + 1] : NULL;
        if (i < states) set_state(s, i, node_input(s->node, i + 2), result);
        else set_stack(s, i, result, 0, turns);
    }
    return true;
}

/* How many slices there are: any scanned input's size along its axis. */
static struct dim scan_length(struct shaping *s, size_t states, size_t scans)
{
    const int64_t *axes;
    size_t count = node_ints(s->node, "scan_input_axes", &axes);
    struct dim length = fresh_dim(s);
    for (size_t i = 0; i < scans; i++) {
        int rank = input_rank(s, states + i), axis;
        if (rank >= 0 && normal_axis(i < count ? axes[i] : 0, rank, &axis)
            && !merge_dims(input_dim(s, states + i, axis), length, &length))
            return fresh_dim(s);
    }
    return length;
}

/* Body: (states, slices) -> (states, results). The first form, of opset 8, has a batch axis and is left alone. */
static bool scan(struct shaping *s)
{
    const struct graph *body = body_named(s->node, "body");
    int64_t scans = node_int(s->node, "num_scan_inputs", -1);
    const int64_t *axes;
    size_t axis_count = node_ints(s->node, "scan_output_axes", &axes);
    if (!body || scans < 1 || (uint64_t)scans > s->node->input_count) return false;
    size_t states = s->node->input_count - (size_t)scans;
    struct dim length = scan_length(s, states, (size_t)scans);
    for (size_t i = 0; i < s->node->output_count; i++) {
        const struct value *result = i < body->output_count ? body->outputs[i] : NULL;
        if (i < states) set_state(s, i, node_input(s->node, i), result);
        else set_stack(s, i, result, i - states < axis_count ? axes[i - states] : 0, length);
    }
    return true;
}

const struct shape_rule shape_control_rules[] = { { "If", 1, SHAPE_LATEST, .infer = branch },
                                                  { "Loop", 1, SHAPE_LATEST, .infer = loop },
                                                  { "Scan", 9, SHAPE_LATEST, .infer = scan },
                                                  { 0 } };
