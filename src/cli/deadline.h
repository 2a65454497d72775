/* SPDX-License-Identifier: Apache-2.0
 *
 * --timeout: a thread of its own ends the program, so that reports are written whatever the main thread is doing. */
#ifndef CLI_DEADLINE_H
#define CLI_DEADLINE_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

struct deadline {
    bool is_on, is_over;
    pthread_t thread;
    pthread_mutex_t mutex; /* held while the deadline expires, and while it is closed */
    pthread_cond_t changed;
    struct timespec at;
    void (*expire)(void *context); /* ends the program; it does not return */
    void *context;
};

/* Calls expire(context) after so many seconds. Where there are no threads, nothing ever expires. */
void deadline_open(struct deadline *deadline, double seconds, void (*expire)(void *context), void *context);
/* Between the two nothing expires: for what must not happen beside it. */
void deadline_hold(struct deadline *deadline);
void deadline_release(struct deadline *deadline);
/* Stops it. When it is expiring already, this waits for the end of the program. Does nothing where it is not on. */
void deadline_close(struct deadline *deadline);

#endif
