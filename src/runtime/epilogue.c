/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of passes over an output. */
#include "runtime/epilogue.h"

struct epilogue_operand {
    struct array *array;
    struct epilogue_operand *next;
};

void epilogue_open(struct epilogue *epilogue, const struct node *node)
{
    *epilogue = (struct epilogue){ .node = node, .end = &epilogue->passes };
}

void epilogue_close(struct epilogue *epilogue)
{
    for (struct epilogue_operand *each = epilogue->operands; each; each = each->next) array_drop(each->array);
    epilogue->operands = NULL;
}

void epilogue_add(struct epilogue *epilogue, struct epilogue_pass *pass)
{
    *epilogue->end = pass;
    epilogue->end = &pass->next;
}

void epilogue_hold(struct epilogue *epilogue, struct arena *arena, struct array *operand)
{
    struct epilogue_operand *held = NEW(arena, struct epilogue_operand);
    *held = (struct epilogue_operand){ array_keep(operand), epilogue->operands };
    epilogue->operands = held;
}

void epilogue_apply(const struct epilogue *epilogue, const void *elements, int64_t count, int64_t rows, int64_t step)
{
    if (!epilogue) return;
    const struct array *to = epilogue->to;
    struct epilogue_block block = { .count = count, .rows = rows, .step = step };
    block.first = to->store == STORE_F32 ? (const float *)elements - to->f32 : (const double *)elements - to->f64;
    for (const struct epilogue_pass *pass = epilogue->passes; pass; pass = pass->next) pass->apply(pass, &block);
}
