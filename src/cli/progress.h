/* SPDX-License-Identifier: Apache-2.0
 *
 * A line on the terminal while something takes longer than a second. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <time.h>

struct progress {
    bool on, shown;
    const char *stage;
    int percent; /* as shown */
    struct timespec start;
};

/* On when asked for or when standard error is a terminal, and not when quiet. */
void progress_open(struct progress *progress, bool asked, bool quiet);
/* What begins now, of which model. */
void progress_stage(struct progress *progress, const char *stage, const char *model);
/* Fits bnfuse_progress; context is the struct progress. */
bool progress_step(void *context, double done);
/* Since progress_open. */
double progress_seconds(const struct progress *progress);
/* Takes the line away. */
void progress_close(struct progress *progress);

#endif
