/* SPDX-License-Identifier: Apache-2.0
 *
 * A job for each model, one after the other. What a job leaves is its report, copied out of the model, which is
 * released before the next one is loaded; the last report is read where it is. A model that fails does not stop the
 * others. */
#include "cli/commands.h"
#include "cli/deadline.h"
#include "cli/job.h"
#include "cli/plan.h"
#include "cli/report_files.h"
#include "cli/targets.h"
#include "cli/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct batch {
    const struct settings *settings;
    struct plan plan;
    struct targets *targets;
    struct report_files reports;
    struct progress progress;
    struct deadline deadline;
    struct run_report **kept; /* of the jobs that are done */
    size_t done;
    const struct run_report **runs; /* the list that is reported: kept ones, and what is not */
    bool is_unsafe;                 /* a target is a source: no report is written either */
    bnfuse_status status;           /* the worst so far */
};

/* ---- reports of runs ---- */

static struct run_report new_run(const struct settings *settings, const char *const *operands)
{
    const struct command_job *row = &command_jobs[settings->command];
    return (struct run_report){ .command = row->name,
                                .model = operands[0] ? operands[0] : "",
                                .other = operands[0] && row->models > 1 ? operands[1] : NULL,
                                .atol = settings->check.atol,
                                .rtol = settings->check.rtol,
                                .message = "",
                                .command_line = settings->command_line ? settings->command_line : "",
                                .hash_before = "",
                                .hash_after = "",
                                .verbose = settings->verbose,
                                .terminal = terminal_of(text_stream(settings)) };
}

static struct run_list list_of(const struct batch *batch, size_t count)
{
    return (struct run_list){ batch->runs, count };
}

/* Every job that has no report yet gets one that says `why`. Returns storage to be freed, or NULL without memory. */
static struct run_report *fill_runs(struct batch *batch, const bnfuse_error *why, double seconds)
{
    struct run_report *rest = calloc(batch->plan.count + 1, sizeof *rest);
    for (size_t i = 0; rest && i < batch->plan.count; i++) {
        rest[i] = new_run(batch->settings, batch->plan.jobs[i].operands);
        rest[i].status = why->status;
        rest[i].message = why->message;
        rest[i].seconds = seconds;
        batch->runs[i] = i < batch->done ? batch->kept[i] : &rest[i];
    }
    return rest;
}

static void print_error(const char *message)
{
    fprintf(stderr, "bnfuse: %s\n", message);
}

/* ---- the deadline ---- */

static const char out_of_time[] = "out of time (--timeout); nothing was written";

/* On the deadline's thread: nothing that the other one may be making is looked at. */
static void expire(void *context)
{
    struct batch *batch = context;
    bnfuse_error ignored;
    progress_close(&batch->progress);
    bnfuse_error why = { .status = BNFUSE_TIMEOUT };
    snprintf(why.message, sizeof why.message, "%s", out_of_time);
    if (batch->plan.count > 1)
        fprintf(stderr, "bnfuse: out of time (--timeout) after %zu of %zu models\n", batch->done, batch->plan.count);
    else print_error(why.message);
    struct run_report *rest = fill_runs(batch, &why, progress_seconds(&batch->progress));
    const struct run_list list = list_of(batch, rest ? batch->plan.count : 0);
    if (batch->settings->json && list.count) report_json(list.runs[0], stdout);
    fflush(stdout);
    if (rest) report_files_write(&batch->reports, batch->settings, &list, &ignored);
    report_files_drop(&batch->reports);
    _exit(BNFUSE_TIMEOUT);
}

static bool is_last(const struct batch *batch)
{
    return batch->done + 1 >= batch->plan.count;
}

/* Each model has its time. Of many, one whose time is up is cancelled where it looks at its progress; the deadline ends
 * the call when it does not come to that in as long again and a second. */
static void start_deadline(struct batch *batch)
{
    double seconds = batch->settings->timeout;
    bool is_one = batch->plan.count == 1;
    if (seconds <= 0) return;
    batch->progress.limit = is_one ? 0 : progress_seconds(&batch->progress) + seconds;
    deadline_open(&batch->deadline, is_one ? seconds : 2 * seconds + 1, expire, batch);
}

/* From here on a file may appear. */
static void stop_deadline(struct batch *batch)
{
    deadline_close(&batch->deadline);
    batch->progress.limit = 0;
}

static void job_writing(struct job *job)
{
    stop_deadline(job->context);
}

/* ---- targets and sources ---- */

static void clear_reports(struct batch *batch)
{
    deadline_hold(&batch->deadline);
    report_files_clear(&batch->reports, batch->settings);
    deadline_release(&batch->deadline);
}

/* External data is known when its model is loaded. Of one model, that is before anything is written. */
static bool job_loaded(struct job *job)
{
    struct batch *batch = job->context;
    batch->is_unsafe = !targets_spare(batch->targets, job->model, batch->done, &job->error)
                       || (job->other && !targets_spare(batch->targets, job->other, batch->done, &job->error));
    if (!batch->is_unsafe && batch->plan.count == 1) clear_reports(batch);
    return !batch->is_unsafe;
}

/* Of many, the first must not write over what the last one reads. */
static bool sources_are_spared(struct batch *batch, bnfuse_error *error)
{
    bool spared = true;
    bnfuse_read_options options;
    bnfuse_read_options_init(&options);
    options.memory_limit = settings_memory(batch->settings);
    for (size_t i = 0; spared && i < batch->plan.count; i++) {
        bnfuse_model *model = bnfuse_load(batch->plan.jobs[i].operands[0], &options, NULL);
        spared = !model || targets_spare(batch->targets, model, i, error);
        bnfuse_free(model);
    }
    return spared;
}

/* ---- a job ---- */

/* Many models get a line each, unless everything is asked for. */
static bool prints_all(const struct batch *batch)
{
    const struct settings *settings = batch->settings;
    return !settings->json && !settings->quiet && (batch->plan.given == 1 || settings->verbose);
}

static bool print_run(const struct batch *batch, const struct run_report *run, FILE *to)
{
    char line[1200];
    const struct settings *settings = batch->settings;
    if (batch->plan.given > 1)
        return (!settings->verbose || settings->quiet || report_text(run, to)) && report_line(run, settings->quiet, to);
    if (settings->quiet) {
        if (run->report || run->check) fprintf(to, "verdict: %s\n", verdict_line(run, line, sizeof line));
        return !ferror(to);
    }
    if (settings->command == COMMAND_DIFF) return report_diff(run, to);
    if (settings->command == COMMAND_EXPLAIN) return !run->report || report_explain(run, to);
    return report_text(run, to);
}

static bool write_reports(struct batch *batch, struct job *job)
{
    const struct run_list list = list_of(batch, batch->done + 1);
    batch->runs[batch->done] = &job->run;
    FILE *to = batch->settings->json ? stdout : text_stream(batch->settings);
    bool printed = batch->settings->json ? report_json(&job->run, to) : print_run(batch, &job->run, to);
    if (printed && is_last(batch) && batch->plan.given > 1) printed = report_total(&list, to);
    if ((!printed || fflush(to) != 0) && !reader_is_gone())
        return job_system_failed(job, errno, "standard output", "cannot be written");
    return !is_last(batch) || batch->is_unsafe
           || report_files_write(&batch->reports, batch->settings, &list, &job->error);
}

static void finish_run(struct job *job, double seconds)
{
    const bnfuse_report *report = job->run.report;
    job->run.handle = job->model;
    job->run.other_handle = job->other;
    job->run.seconds = seconds;
    if (report && report->written_count) job->run.hash_after = report->written[0]->sha256;
}

/* The report of a job that is not the last one. */
static bool keep_run(struct batch *batch, const struct job *job)
{
    struct run_report *kept = run_report_keep(&job->run);
    batch->kept[batch->done] = kept;
    batch->runs[batch->done] = kept;
    return kept != NULL;
}

static void job_failed(struct job *job, bool is_first)
{
    progress_close(job->progress);
    print_error(job->error.message);
    if (!is_first) return;
    job->run.status = job->error.status;
    job->run.message = job->error.message;
}

/* The model is renamed last, so that any status but 0 means that no new file is there. False when there is
 * no memory for a report: then there is none for another model. A job without memory is told once, not once more by its
 * report. */
static bool do_job(struct batch *batch)
{
    const struct planned_job *planned = &batch->plan.jobs[batch->done];
    const struct command_job *row = &command_jobs[batch->settings->command];
    struct job job = { .settings = batch->settings,
                       .operands = planned->operands,
                       .output = planned->output,
                       .progress = &batch->progress,
                       .run = new_run(batch->settings, planned->operands),
                       .prints_all = prints_all(batch),
                       .loaded = job_loaded,
                       .writing = job_writing,
                       .context = batch };
    double start = progress_seconds(&batch->progress);
    batch->progress.number = batch->done + 1;
    batch->progress.count = batch->plan.count;
    start_deadline(batch);
    bool worked = row->work(&job);
    if (progress_is_late(&batch->progress))
        worked = job_ended(&job, BNFUSE_TIMEOUT, "%s: %s", job.run.model, out_of_time);
    if (!worked) job_failed(&job, true);
    progress_close(&batch->progress);
    stop_deadline(batch);
    bnfuse_status status = job.run.status; /* the error of what worked in the end may be that of an attempt */
    finish_run(&job, progress_seconds(&batch->progress) - start);
    bool reported = write_reports(batch, &job);
    if (reported && status == BNFUSE_OK && row->commit) reported = row->commit(&job);
    if (!reported && status != BNFUSE_INTERNAL) job_failed(&job, status == BNFUSE_OK);
    if (!reported && status == BNFUSE_OK) status = job.error.status;
    batch->status = worse_status(batch->status, status);
    bool kept = is_last(batch) || keep_run(batch, &job);
    batch->done += kept;
    job_close(&job);
    return kept;
}

static bool do_all(struct batch *batch)
{
    while (batch->done < batch->plan.count)
        if (!do_job(batch)) return false;
    return true;
}

/* ---- the call ---- */

static bool open_batch(struct batch *batch, const struct settings *settings, bnfuse_error *error)
{
    *batch = (struct batch){ .settings = settings, .status = BNFUSE_OK };
    progress_open(&batch->progress, settings->progress, settings->quiet);
    if (!plan_open(&batch->plan, settings, error)) return false;
    batch->kept = calloc(batch->plan.count + 1, sizeof *batch->kept);
    batch->runs = calloc(batch->plan.count + 1, sizeof *batch->runs);
    if (!batch->kept || !batch->runs) return out_of_memory(error);
    batch->targets = targets_open(settings, &batch->plan, error);
    return batch->targets && report_files_open(&batch->reports, settings, error);
}

static void close_batch(struct batch *batch)
{
    report_files_drop(&batch->reports);
    targets_close(batch->targets);
    for (size_t i = 0; batch->kept && i < batch->done; i++) run_report_drop(batch->kept[i]);
    free(batch->kept);
    free(batch->runs);
    plan_close(&batch->plan);
}

static bool are_ready(struct batch *batch, bnfuse_error *error)
{
    if (batch->plan.count <= 1 || !targets_exist(batch->targets)) return true;
    if (!sources_are_spared(batch, error)) return false;
    clear_reports(batch);
    return true;
}

/* Of many models each is loaded, which takes from the time of all. */
static bool prepare(struct batch *batch, bnfuse_error *error)
{
    double seconds = batch->settings->timeout * (double)batch->plan.count;
    if (seconds > 0) deadline_open(&batch->deadline, seconds + 1, expire, batch);
    bool ready = are_ready(batch, error);
    deadline_close(&batch->deadline);
    return ready;
}

/* Nothing to do: no model is in this shard. The reports say that they are empty. */
static bnfuse_status report_nothing(struct batch *batch)
{
    bnfuse_error error;
    const struct run_list none = list_of(batch, 0);
    if (!batch->settings->quiet) report_total(&none, text_stream(batch->settings));
    if (report_files_write(&batch->reports, batch->settings, &none, &error)) return BNFUSE_OK;
    print_error(error.message);
    return error.status;
}

static bnfuse_status do_jobs(const struct settings *settings)
{
    struct batch batch;
    bnfuse_error error = { BNFUSE_INTERNAL, "out of memory" };
    bool opened = open_batch(&batch, settings, &error);
    bool done = opened && prepare(&batch, &error) && do_all(&batch);
    if (done && batch.plan.count == 0) batch.status = report_nothing(&batch);
    bnfuse_status status = batch.status;
    close_batch(&batch);
    return done ? status : command_refuse(settings, &error);
}

/* Every model of the command line, or a run without one. */
static void write_refusal(const struct settings *settings, const struct plan *plan, const bnfuse_error *why)
{
    struct batch batch = { .settings = settings, .plan = *plan };
    static const char *const no_operands[] = { NULL, NULL };
    struct planned_job none = { settings->operands.names ? settings->operands.names : no_operands, NULL };
    bnfuse_error ignored;
    if (!plan->count) batch.plan = (struct plan){ .jobs = &none, .count = 1 };
    batch.runs = calloc(batch.plan.count, sizeof *batch.runs);
    struct run_report *runs = batch.runs ? fill_runs(&batch, why, 0) : NULL;
    const struct run_list list = list_of(&batch, runs ? batch.plan.count : 0);
    if (settings->json && runs) report_json(&runs[0], stdout);
    batch.targets = targets_open(settings, &batch.plan, &ignored);
    if (runs && batch.targets && report_files_open(&batch.reports, settings, &ignored))
        report_files_write(&batch.reports, settings, &list, &ignored);
    report_files_drop(&batch.reports);
    targets_close(batch.targets);
    free(batch.runs);
    free(runs);
}

bnfuse_status command_refuse(const struct settings *settings, const bnfuse_error *why)
{
    struct plan plan;
    bnfuse_error ignored;
    print_error(why->message);
    if (!plan_open(&plan, settings, &ignored)) plan.count = 0;
    write_refusal(settings, &plan, why);
    plan_close(&plan);
    return why->status;
}

static bnfuse_status help_on(const struct settings *settings)
{
    enum command command = settings->operands.count ? command_named(settings->operands.names[0]) : COMMAND_FUSE;
    if ((print_help(command, stdout) && fflush(stdout) == 0) || reader_is_gone()) return BNFUSE_OK;
    print_error("standard output: cannot be written");
    return BNFUSE_USAGE;
}

static bnfuse_status merge(const struct settings *settings)
{
    bnfuse_error error;
    bnfuse_status status;
    return merge_reports(settings, &status, &error) ? status : command_refuse(settings, &error);
}

bnfuse_status command_run(const struct settings *settings)
{
    switch (settings->command) {
    case COMMAND_REASONS: return print_reasons(settings);
    case COMMAND_REPORT: return merge(settings);
    case COMMAND_HELP: return help_on(settings);
    default: return do_jobs(settings);
    }
}
