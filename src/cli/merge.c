/* SPDX-License-Identifier: Apache-2.0
 *
 * bnfuse report: the runs of several files of JSON, as one report. */
#include "cli/commands.h"
#include "cli/plan.h"
#include "cli/report_files.h"
#include "cli/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct merge {
    struct run_report **runs;
    size_t count;
    struct targets *targets;
    struct report_files reports;
    struct plan plan;
};

static bool add_run(struct merge *merge, struct run_report *run, bnfuse_error *error)
{
    struct run_report **runs = realloc(merge->runs, (merge->count + 1) * sizeof *runs);
    if (!runs) {
        run_report_drop(run);
        return out_of_memory(error);
    }
    merge->runs = runs;
    merge->runs[merge->count++] = run;
    return true;
}

static bool read_runs(struct merge *merge, FILE *file, const char *path, bnfuse_error *error)
{
    char why[200];
    struct run_report *run;
    size_t before = merge->count;
    while ((run = run_report_read(file, why, sizeof why)))
        if (!add_run(merge, run, error)) return false;
    if (!*why) return true;
    return usage(error, "%s: object %zu: %s; bnfuse MODEL --jsonl FILE writes such files", path,
                 merge->count - before + 1, why);
}

static bool read_file(struct merge *merge, const char *path, bnfuse_error *error)
{
    bool is_standard = strcmp(path, "-") == 0;
    FILE *file = is_standard ? stdin : fopen(path, "re");
    if (!file) return usage(error, "%s: cannot be read: %s", path, strerror(errno));
    bool read = read_runs(merge, file, path, error);
    if (!is_standard) fclose(file);
    return read;
}

static bool read_files(struct merge *merge, const struct settings *settings, bnfuse_error *error)
{
    for (size_t i = 0; i < settings->operands.count; i++)
        if (!read_file(merge, settings->operands.names[i], error)) return false;
    return true;
}

static bool print_lines(const struct run_list *list, const struct settings *settings, bnfuse_error *error)
{
    FILE *to = text_stream(settings);
    bool printed = true;
    for (size_t i = 0; printed && i < list->count; i++) printed = report_line(list->runs[i], settings->quiet, to);
    if ((printed && report_total(list, to) && fflush(to) == 0) || reader_is_gone()) return true;
    return usage(error, "standard output: cannot be written: %s", strerror(errno));
}

static bool merge_files(struct merge *merge, const struct settings *settings, bnfuse_error *error)
{
    if (!plan_open(&merge->plan, settings, error)) return false;
    merge->targets = targets_open(settings, &merge->plan, error);
    if (!merge->targets || !report_files_open(&merge->reports, settings, error) || !read_files(merge, settings, error))
        return false;
    const struct run_list list = { (const struct run_report *const *)merge->runs, merge->count };
    report_files_clear(&merge->reports, settings);
    return print_lines(&list, settings, error) && report_files_write(&merge->reports, settings, &list, error);
}

bool merge_reports(const struct settings *settings, bnfuse_status *status, bnfuse_error *error)
{
    struct merge merge = { .count = 0 };
    bool merged = merge_files(&merge, settings, error);
    const struct run_list list = { (const struct run_report *const *)merge.runs, merge.count };
    *status = merged ? worst_status(&list) : BNFUSE_OK;
    report_files_drop(&merge.reports);
    targets_close(merge.targets);
    plan_close(&merge.plan);
    for (size_t i = 0; i < merge.count; i++) run_report_drop(merge.runs[i]);
    free(merge.runs);
    return merged;
}
