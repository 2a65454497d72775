/* SPDX-License-Identifier: Apache-2.0
 *
 * Noting steps. */
#include "runtime/tape.h"

static struct array **kept(struct arena *arena, struct array *const *arrays, size_t count)
{
    struct array **copy = NEW_ARRAY(arena, struct array *, count);
    for (size_t i = 0; i < count; i++) copy[i] = arrays[i] ? array_keep(arrays[i]) : NULL;
    return copy;
}

void tape_note(struct tape *tape, const struct node *node, struct array *const *inputs, size_t input_count,
               struct array *const *outputs)
{
    if (tape->count == tape->room) {
        size_t room = tape->room ? 2 * tape->room : 32;
        tape->steps = arena_grow(tape->arena, tape->steps, tape->count, room, sizeof *tape->steps);
        tape->room = room;
    }
    tape->steps[tape->count++] = (struct tape_step){ .node = node,
                                                     .inputs = kept(tape->arena, inputs, input_count),
                                                     .outputs = kept(tape->arena, outputs, node->output_count),
                                                     .input_count = input_count };
}

void tape_close(struct tape *tape)
{
    for (size_t s = 0; s < tape->count; s++) {
        const struct tape_step *step = &tape->steps[s];
        for (size_t i = 0; i < step->input_count; i++) array_drop(step->inputs[i]);
        for (size_t i = 0; i < step->node->output_count; i++) array_drop(step->outputs[i]);
    }
    tape->count = 0;
}
