/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress. */
#include "cli/progress.h"

#include "bnfuse.h"

#include <stdio.h>
#include <unistd.h>

void progress_open(struct progress *progress, bool asked, bool quiet)
{
    *progress = (struct progress){ .on = !quiet && (asked || isatty(STDERR_FILENO)), .stage = "", .percent = -1 };
    clock_gettime(CLOCK_MONOTONIC, &progress->start);
}

double progress_seconds(const struct progress *progress)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - progress->start.tv_sec) + (double)(now.tv_nsec - progress->start.tv_nsec) / 1e9;
}

void progress_stage(struct progress *progress, const char *stage, const char *model)
{
    (void)model;
    progress->stage = stage;
}

bool progress_step(void *context, double done)
{
    struct progress *progress = context;
    int percent = (int)(100 * done);
    if (!progress->on || percent == progress->percent) return true;
    if (!progress->shown && progress_seconds(progress) < 1) return true;
    progress->percent = percent;
    progress->shown = true;
    fprintf(stderr, "\r%s %3d%%", progress->stage, percent);
    fflush(stderr);
    return true;
}

void progress_close(struct progress *progress)
{
    if (progress->shown) fprintf(stderr, "\r%*s\r", 40, "");
    progress->shown = false;
    progress->percent = -1;
}
