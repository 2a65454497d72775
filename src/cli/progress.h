/* SPDX-License-Identifier: Apache-2.0
 *
 * What the program is doing: on a terminal a line that is drawn again, with the stage, the model and the time left; in
 * a log a line now and then. On standard error. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct progress {
    enum progress_form { PROGRESS_OFF, PROGRESS_LINE, PROGRESS_LOG } form;
    bool announces;  /* every stage gets a line at its beginning */
    double interval; /* seconds between two lines */
    int columns;
    const char *stage, *model;
    size_t number, count;     /* of the model; count 1: there is no other */
    bool shown;               /* a line is on the terminal */
    double stage_began, next; /* seconds since the start */
    double limit;             /* likewise: later steps ask to cancel; 0: none */
    struct timespec start;
};

/* A line on a terminal; a line every 10 seconds in a log (when asked for: at each stage, and every second); nothing
 * when quiet. */
void progress_open(struct progress *progress, bool asked, bool quiet);
/* What begins now, of which model. On a terminal it is drawn at once. Strings are not copied. */
void progress_stage(struct progress *progress, const char *stage, const char *model);
/* Fits bnfuse_progress; context is the struct progress. */
bool progress_step(void *context, double done);
/* Whether the limit has passed. */
bool progress_is_late(const struct progress *progress);
/* Since progress_open. */
double progress_seconds(const struct progress *progress);
/* Takes the line away. */
void progress_close(struct progress *progress);

#endif
