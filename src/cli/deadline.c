/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread that sleeps until the time is up or the deadline is closed. */
#include "cli/deadline.h"

#include <math.h>

/* On macOS a condition waits by this clock alone. */
#ifdef __APPLE__
#define CLOCK CLOCK_REALTIME
#else
#define CLOCK CLOCK_MONOTONIC
#endif

static void *wait_for_it(void *context)
{
    struct deadline *deadline = context;
    int status = 0;
    pthread_mutex_lock(&deadline->mutex);
    while (!deadline->is_over && status == 0)
        status = pthread_cond_timedwait(&deadline->changed, &deadline->mutex, &deadline->at);
    if (!deadline->is_over) deadline->expire(deadline->context);
    pthread_mutex_unlock(&deadline->mutex);
    return NULL;
}

static struct timespec after(double seconds)
{
    struct timespec at;
    double whole = floor(seconds);
    clock_gettime(CLOCK, &at);
    at.tv_sec += (time_t)whole;
    at.tv_nsec += (long)((seconds - whole) * 1e9);
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

void deadline_open(struct deadline *deadline, double seconds, void (*expire)(void *context), void *context)
{
    pthread_condattr_t clock;
    *deadline = (struct deadline){ .at = after(seconds), .expire = expire, .context = context };
    pthread_mutex_init(&deadline->mutex, NULL);
    pthread_condattr_init(&clock);
#ifndef __APPLE__
    pthread_condattr_setclock(&clock, CLOCK);
#endif
    pthread_cond_init(&deadline->changed, &clock);
    pthread_condattr_destroy(&clock);
    deadline->is_on = pthread_create(&deadline->thread, NULL, wait_for_it, deadline) == 0;
}

static bool has_passed(const struct timespec *at)
{
    struct timespec now = after(0);
    return now.tv_sec > at->tv_sec || (now.tv_sec == at->tv_sec && now.tv_nsec >= at->tv_nsec);
}

/* The thread may not have had its turn although the time is up. */
static void lock_in_time(struct deadline *deadline)
{
    pthread_mutex_lock(&deadline->mutex);
    if (has_passed(&deadline->at)) deadline->expire(deadline->context);
}

void deadline_hold(struct deadline *deadline)
{
    if (deadline->is_on) lock_in_time(deadline);
}

void deadline_release(struct deadline *deadline)
{
    if (deadline->is_on) pthread_mutex_unlock(&deadline->mutex);
}

void deadline_close(struct deadline *deadline)
{
    if (!deadline->is_on) return;
    lock_in_time(deadline);
    deadline->is_over = true;
    pthread_cond_signal(&deadline->changed);
    pthread_mutex_unlock(&deadline->mutex);
    pthread_join(deadline->thread, NULL);
    pthread_cond_destroy(&deadline->changed);
    pthread_mutex_destroy(&deadline->mutex);
    deadline->is_on = false;
}
