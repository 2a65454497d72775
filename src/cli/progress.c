/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress. */
#include "cli/progress.h"

#include "bnfuse.h"
#include "cli/terminal.h"

#include <stdio.h>
#include <string.h>

void progress_open(struct progress *progress, bool asked, bool quiet)
{
    bool redraws = terminal_redraws(stderr);
    *progress = (struct progress){ .form = quiet     ? PROGRESS_OFF
                                           : redraws ? PROGRESS_LINE
                                                     : PROGRESS_LOG,
                                   .announces = asked && !quiet,
                                   .interval = redraws ? 0.1
                                               : asked ? 1
                                                       : 10,
                                   .columns = terminal_of(stderr).columns,
                                   .stage = "",
                                   .model = "",
                                   .count = 1 };
    if (progress->columns == 0) progress->columns = 80;
    progress->next = progress->interval;
    clock_gettime(CLOCK_MONOTONIC, &progress->start);
}

double progress_seconds(const struct progress *progress)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - progress->start.tv_sec) + (double)(now.tv_nsec - progress->start.tv_nsec) / 1e9;
}

/* " 45%, 12 s left"; nothing before there is anything to be said. */
static void describe(const struct progress *progress, double done, double now, char *to, size_t size)
{
    double took = now - progress->stage_began;
    *to = '\0';
    if (!(done > 0)) return;
    snprintf(to, size, " %d%%", (int)(100 * done));
    if (done < 0.01 || took < 1) return;
    double left = took * (1 - done) / done;
    size_t used = strlen(to);
    if (left < 90) snprintf(to + used, size - used, ", %.0f s left", left);
    else snprintf(to + used, size - used, ", %.0f min left", left / 60);
}

static void show(struct progress *progress, double done, double now)
{
    char model[300], fitted[300], number[48] = "", state[60];
    describe(progress, done, now, state, sizeof state);
    if (progress->count > 1) snprintf(number, sizeof number, "%zu/%zu: ", progress->number, progress->count);
    bnfuse_escape(model, sizeof model, progress->model);
    int room = progress->columns - 1 - (int)(strlen(number) + strlen(progress->stage) + 1 + strlen(state));
    text_shorten(fitted, sizeof fitted, model, progress->form == PROGRESS_LOG ? 200 : room > 3 ? room : 3);
    if (progress->form == PROGRESS_LOG) fprintf(stderr, "bnfuse: %s%s %s%s\n", number, progress->stage, fitted, state);
    else fprintf(stderr, "\r%s%s %s%s\033[K", number, progress->stage, fitted, state);
    fflush(stderr);
    progress->shown = progress->form == PROGRESS_LINE;
    progress->next = now + progress->interval;
}

void progress_stage(struct progress *progress, const char *stage, const char *model)
{
    progress->stage = stage;
    progress->model = model;
    progress->stage_began = progress_seconds(progress);
    if (progress->form == PROGRESS_LINE || progress->announces) show(progress, 0, progress->stage_began);
}

bool progress_step(void *context, double done)
{
    struct progress *progress = context;
    double now = progress->form == PROGRESS_OFF && !progress->limit ? 0 : progress_seconds(progress);
    if (progress->form != PROGRESS_OFF && now >= progress->next) show(progress, done, now);
    return !progress->limit || now < progress->limit;
}

bool progress_is_late(const struct progress *progress)
{
    return progress->limit && progress_seconds(progress) >= progress->limit;
}

void progress_close(struct progress *progress)
{
    if (progress->shown) fprintf(stderr, "\r\033[K");
    if (progress->shown) fflush(stderr);
    progress->shown = false;
}
