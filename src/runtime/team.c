/* SPDX-License-Identifier: Apache-2.0
 *
 * A team: helpers that wait for a job, a little while awake, since the next one usually follows at once, then asleep.
 *
 * A job is open from its announcement until the caller finds no piece left. Helpers join open jobs under the lock, so
 * that after closing it the caller knows whom to wait for: those who joined and have not left. */
#include "runtime/team.h"

#include "base/platform.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define PATIENCE          4000 /* looks at the clock of jobs before a helper goes to sleep */
#define PIECES_PER_MEMBER 4

struct helper {
    struct team *team;
    pthread_t thread;
    int member;
};

struct team {
    int members, started; /* `started` helpers run */
    struct helper *helpers;
    pthread_mutex_t lock;
    pthread_cond_t wake, left;
    atomic_uint jobs; /* announced so far */
    atomic_int busy;  /* helpers in the open job */
    bool open, over;  /* under the lock */
    atomic_int_fast64_t next;
    int64_t count, piece;
    void (*work)(const void *context, int64_t first, int64_t end, int member);
    const void *context;
};

static void take_pieces(struct team *team, int member)
{
    for (;;) {
        int64_t first = atomic_fetch_add_explicit(&team->next, team->piece, memory_order_relaxed);
        if (first >= team->count) return;
        int64_t end = team->count - first < team->piece ? team->count : first + team->piece;
        team->work(team->context, first, end, member);
    }
}

/* Returns with the lock held, when there is something new. */
static void await_job(struct team *team, unsigned seen)
{
    for (int i = 0; i < PATIENCE && atomic_load_explicit(&team->jobs, memory_order_relaxed) == seen; i++)
        platform_relax();
    pthread_mutex_lock(&team->lock);
    while (!team->over && atomic_load_explicit(&team->jobs, memory_order_relaxed) == seen)
        pthread_cond_wait(&team->wake, &team->lock);
}

static void *help(void *argument)
{
    struct helper *helper = argument;
    struct team *team = helper->team;
    unsigned seen = 0;
    for (;;) {
        await_job(team, seen);
        seen = atomic_load_explicit(&team->jobs, memory_order_relaxed);
        bool join = team->open, over = team->over;
        if (join) atomic_fetch_add_explicit(&team->busy, 1, memory_order_relaxed);
        pthread_mutex_unlock(&team->lock);
        if (over) return NULL;
        if (!join) continue;
        take_pieces(team, helper->member);
        pthread_mutex_lock(&team->lock);
        if (atomic_fetch_sub_explicit(&team->busy, 1, memory_order_release) == 1) pthread_cond_signal(&team->left);
        pthread_mutex_unlock(&team->lock);
    }
}

static void team_close(void *object)
{
    struct team *team = object;
    pthread_mutex_lock(&team->lock);
    team->over = true;
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->lock);
    for (int i = 0; i < team->started; i++) pthread_join(team->helpers[i].thread, NULL);
    pthread_cond_destroy(&team->left);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
}

struct team *team_open(struct arena *arena, int members)
{
    struct team *team = NEW(arena, struct team);
    team->members = members < 1 ? 1 : members;
    team->helpers = NEW_ARRAY(arena, struct helper, (size_t)team->members);
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    pthread_cond_init(&team->left, NULL);
    arena_defer(arena, team_close, team);
    return team;
}

int team_members(const struct team *team)
{
    return team ? team->members : 1;
}

/* Signals are the caller's business. */
static bool start_helper(struct helper *helper)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool good = pthread_create(&helper->thread, NULL, help, helper) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return good;
}

/* A machine that gives no more threads makes a smaller team. */
static void start(struct team *team)
{
    for (int i = team->started; i < team->members - 1; i++) {
        struct helper *helper = &team->helpers[i];
        *helper = (struct helper){ .team = team, .member = i + 1 };
        if (!start_helper(helper)) {
            team->members = i + 1;
            return;
        }
        team->started++;
    }
}

static void announce(struct team *team)
{
    pthread_mutex_lock(&team->lock);
    team->open = true;
    atomic_store_explicit(&team->next, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&team->jobs, 1, memory_order_relaxed);
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->lock);
}

/* Nobody joins any more; those who did finish their pieces. */
static void finish(struct team *team)
{
    pthread_mutex_lock(&team->lock);
    team->open = false;
    pthread_mutex_unlock(&team->lock);
    for (int i = 0; i < PATIENCE && atomic_load_explicit(&team->busy, memory_order_acquire); i++) platform_relax();
    if (!atomic_load_explicit(&team->busy, memory_order_acquire)) return;
    pthread_mutex_lock(&team->lock);
    while (atomic_load_explicit(&team->busy, memory_order_acquire)) pthread_cond_wait(&team->left, &team->lock);
    pthread_mutex_unlock(&team->lock);
}

void team_run(struct team *team, int64_t count, int64_t piece,
              void (*work)(const void *context, int64_t first, int64_t end, int member), const void *context)
{
    if (count <= 0) return;
    if (team && team->members > 1) start(team);
    int64_t pieces = team ? (int64_t)team->members * PIECES_PER_MEMBER : 1;
    if (piece < 1) piece = (count + pieces - 1) / pieces;
    if (!team || team->members == 1 || piece >= count) {
        work(context, 0, count, 0);
        return;
    }
    team->count = count;
    team->piece = piece;
    team->work = work;
    team->context = context;
    announce(team);
    take_pieces(team, 0);
    finish(team);
}
