/* SPDX-License-Identifier: Apache-2.0
 *
 * How much memory a model may take by default. */
#include "api/handles.h"
#include "base/platform.h"

#define ROOM   ((size_t)2 << 30)
#define GROWTH 128 /* a file of 16 MiB gets all the room */
/* What no budget counts: the program, its stacks, pages of the file, what the allocator adds and does not give back. */
#define BESIDE (ROOM / 4)

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t limit_most(void)
{
    const size_t all = platform_memory();
    return least(all / 4 > ROOM ? all / 4 : ROOM, all);
}

/* For what a small model says of itself: one of up to 16 MiB ends within 2 GiB of all that the process takes. */
static size_t limit_of(uint64_t bytes)
{
    const size_t most = limit_most(), small = ROOM - BESIDE;
    if (bytes >= most / GROWTH) return most;
    return least(most, bytes > ROOM / GROWTH ? (size_t)bytes * GROWTH : small);
}

void limit_set(struct bnfuse_model *model, size_t asked)
{
    model->has_default_limit = !asked;
    model->memory.limit = asked == SIZE_MAX ? 0 : asked ? asked : limit_most();
}

void limit_narrow(struct bnfuse_model *model)
{
    if (model->has_default_limit && !model->model.opener.find) model->memory.limit = limit_of(model->sources.bytes);
}

void limit_widen(struct bnfuse_model *model)
{
    if (model->has_default_limit) model->memory.limit = limit_most();
    model->has_default_limit = false;
}

size_t limit_left(const struct bnfuse_model *model)
{
    const size_t used = model->memory.used, limit = model->has_default_limit ? limit_most() : model->memory.limit;
    return !limit ? SIZE_MAX : limit > used ? limit - used : 0;
}
