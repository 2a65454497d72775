/* SPDX-License-Identifier: Apache-2.0
 *
 * The threads of a run. Work is cut into pieces that whoever is free takes; the caller works too, and waits at the end
 * only for pieces that somebody has begun. A helper that the machine gives no time delays nobody, which is what makes a
 * busy machine bearable and is why this is not a fork-and-join library. */
#ifndef RUNTIME_TEAM_H
#define RUNTIME_TEAM_H

#include "base/memory.h"

struct team;

/* Helpers are started by the first work and end with the arena. */
struct team *team_open(struct arena *arena, int members);
/* 1 for NULL. */
int team_members(const struct team *team);

/* work(context, first, end, member) until 0 .. count-1 are done, each once, about `piece` at a time (0: as seems
 * right). `member` is below team_members; no two pieces run under one member at a time. Not from inside work, which
 * must not allocate. A NULL team does all in one piece. */
void team_run(struct team *team, int64_t count, int64_t piece,
              void (*work)(const void *context, int64_t first, int64_t end, int member), const void *context);

/* A `piece` for so many elementary steps in all: everything at once when they are too few to wake anybody. */
static inline int64_t team_piece(int64_t count, int64_t steps)
{
    return steps < 20000 ? count : 0;
}

#endif
