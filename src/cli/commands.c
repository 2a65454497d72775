/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands. A job holds what a command needs and is released in one place; each command fills the job's error or goes
 * on, and the report of what happened is printed however far it came. */
#include "cli/commands.h"

#include "cli/deadline.h"
#include "cli/limits.h"
#include "cli/progress.h"
#include "cli/report_files.h"
#include "cli/targets.h"
#include "report/report.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct job {
    const struct settings *settings;
    bnfuse_model *model, *other;
    bnfuse_tensors **sets; /* inputs given by the user */
    char **set_paths;      /* of --data; NULL: only --input */
    size_t set_count;
    bnfuse_tensors *outputs; /* of a run */
    bnfuse_dim *dims;
    bnfuse_shape *shapes;
    struct progress progress;
    struct deadline deadline;
    struct report_files reports;
    struct run_report run;
    bool is_unsafe; /* a target is a source, or another target: nothing is written at all */
    bnfuse_error error;
};

/* ---- what all commands need ---- */

/* The system's reason is appended; without memory nothing is the user's mistake. */
static bool system_failed(struct job *job, int reason, const char *name, const char *what)
{
    char line[sizeof job->error.message], escaped[sizeof line];
    snprintf(line, sizeof line, "%s: %s", name, what);
    bnfuse_escape(escaped, sizeof escaped, line);
    snprintf(job->error.message, sizeof job->error.message, "%.900s: %s", escaped, strerror(reason));
    job->error.status = reason == ENOMEM ? BNFUSE_INTERNAL : BNFUSE_USAGE;
    return false;
}

static size_t memory_limit(const struct settings *settings)
{
    if (settings->memory) return settings->memory < SIZE_MAX ? (size_t)settings->memory : SIZE_MAX;
    return default_memory();
}

static bool load(struct job *job, size_t operand, bnfuse_model **model)
{
    job->progress.stage = "loading";
    bnfuse_read_options options;
    bnfuse_read_options_init(&options);
    options.memory_limit = memory_limit(job->settings);
    *model = bnfuse_load(job->settings->operands.names[operand], &options, &job->error);
    return *model != NULL;
}

/* No report either goes to a file that is in use. */
static bool targets_are_safe(struct job *job)
{
    job->is_unsafe = !targets_are_free(job->settings, job->model, job->other, &job->error);
    if (job->is_unsafe || !job->model) return !job->is_unsafe;
    deadline_hold(&job->deadline);
    report_files_clear(&job->reports, job->settings);
    deadline_release(&job->deadline);
    return !job->is_unsafe;
}

/* NAME=FILE, or FILE.npz alone. A name may hold '=' itself: the last one counts. */
static bool read_input(struct job *job, bnfuse_tensors *set, const char *input)
{
    const char *equals = strrchr(input, '=');
    if (!equals) return bnfuse_tensors_load(set, job->model, NULL, input, &job->error);
    char *name = strndup(input, (size_t)(equals - input));
    if (!name) return out_of_memory(&job->error);
    bool read = bnfuse_tensors_load(set, job->model, name, equals + 1, &job->error);
    free(name);
    return read;
}

static bool add_set(struct job *job, const char *directory)
{
    if (job->settings->samples && job->set_count >= job->settings->samples) return true;
    size_t count = job->set_count + 1;
    bnfuse_tensors **sets = realloc(job->sets, count * sizeof *sets);
    if (sets) job->sets = sets;
    char **paths = realloc(job->set_paths, count * sizeof *paths);
    if (paths) job->set_paths = paths;
    bnfuse_tensors *set = bnfuse_tensors_new();
    char *path = directory ? strdup(directory) : NULL;
    if (!sets || !paths || !set || (directory && !path)) {
        bnfuse_tensors_free(set);
        free(path);
        return out_of_memory(&job->error);
    }
    sets[job->set_count] = set;
    paths[job->set_count++] = path;
    if (directory && !bnfuse_tensors_load(set, job->model, NULL, directory, &job->error)) return false;
    for (size_t i = 0; i < job->settings->inputs.count; i++)
        if (!read_input(job, set, job->settings->inputs.names[i])) return false;
    return true;
}

static int is_set(const struct dirent *entry)
{
    return strncmp(entry->d_name, "test_data_set_", strlen("test_data_set_")) == 0;
}

/* DIR/test_data_set_*, or DIR itself when it has none. */
static bool add_sets_of(struct job *job, const char *directory)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, is_set, alphasort);
    if (count < 0) return system_failed(job, errno, directory, "cannot be read");
    bool added = count > 0 || add_set(job, directory);
    for (int i = 0; i < count; i++) {
        size_t size = strlen(directory) + strlen(entries[i]->d_name) + 2;
        char *path = malloc(size);
        if (path) snprintf(path, size, "%s/%s", directory, entries[i]->d_name);
        added = added && (path ? add_set(job, path) : out_of_memory(&job->error));
        free(path);
        free(entries[i]);
    }
    free(entries);
    return added;
}

static bool read_data(struct job *job)
{
    const struct settings *settings = job->settings;
    for (size_t i = 0; i < settings->data.count; i++)
        if (!add_sets_of(job, settings->data.names[i])) return false;
    if (settings->input_directory && !add_set(job, settings->input_directory)) return false;
    return job->set_count || !settings->inputs.count || add_set(job, NULL);
}

/* ---- the graph as text ---- */

static bool put_text(void *to, const void *bytes, size_t size)
{
    return fwrite(bytes, 1, size, to) == size;
}

static bool job_progress(void *context, double done)
{
    struct job *job = context;
    return progress_step(&job->progress, done);
}

static bool is_listed(const bnfuse_names *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->names[i], name) == 0) return true;
    return false;
}

static bool print_pass(void *context, const char *pass)
{
    struct job *job = context;
    if (!is_listed(&job->settings->print_after, pass)) return true;
    progress_close(&job->progress);
    fprintf(stderr, "after %s:\n", pass);
    return bnfuse_print(job->model, put_text, stderr, NULL);
}

static bool print_model(struct job *job)
{
    if (!load(job, 0, &job->model)) return false;
    bool printed = bnfuse_print(job->model, put_text, stdout, &job->error);
    return printed || job->error.status != BNFUSE_CANCELLED
           || system_failed(job, errno, "standard output", "cannot be written");
}

static bool fuse_model(struct job *job, bool any_opset)
{
    bnfuse_fuse_options options = job->settings->fuse;
    options.any_opset = any_opset;
    options.unread = job->settings->command == COMMAND_EXPLAIN && !job->settings->exact;
    options.progress = job_progress;
    options.after_pass = print_pass;
    options.context = job;
    job->progress.stage = "fusing";
    bool fused = bnfuse_fuse(job->model, &options, &job->error);
    progress_close(&job->progress);
    if (fused) job->run.report = bnfuse_get_report(job->model);
    return fused;
}

static int thread_count(const struct settings *settings)
{
    return settings->threads < 1024 ? (int)settings->threads : 1024;
}

static bool take_precision(struct job *job, bnfuse_check_options *options)
{
    static const bnfuse_dtype types[] = { BNFUSE_DTYPE_FLOAT16, BNFUSE_DTYPE_BFLOAT16, BNFUSE_DTYPE_INT8 };
    const char *precision = job->settings->precision;
    for (size_t i = 0; precision && i < sizeof types / sizeof *types; i++)
        if (strcmp(precision, bnfuse_dtype_text(types[i])) == 0) options->precision = types[i];
    return !precision || options->precision
           || usage(&job->error, "--precision %s: there are float16, bfloat16 and int8", precision);
}

static bool check_options(struct job *job, bnfuse_check_options *options)
{
    const struct settings *settings = job->settings;
    if (!settings_dims(settings, &job->dims, &job->error) || !settings_shapes(settings, &job->shapes, &job->error))
        return false;
    *options = settings->check;
    if (!take_precision(job, options)) return false;
    options->tolerances = settings->tolerances;
    options->tolerance_count = settings->tolerance_count;
    options->threads = thread_count(settings);
    options->sets = (const bnfuse_tensors *const *)job->sets;
    options->set_count = job->set_count;
    options->dims = job->dims;
    options->dim_count = settings->dims.count;
    options->shapes = job->shapes;
    options->shape_count = settings->shapes.count;
    options->progress = progress_step;
    options->context = &job->progress;
    return true;
}

static bool differs(struct job *job, bnfuse_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What went wrong is the models' doing, or the user's policy. */
static bool differs(struct job *job, bnfuse_status status, const char *format, ...)
{
    char line[sizeof job->error.message];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    bnfuse_escape(job->error.message, sizeof job->error.message, line);
    job->error.status = status;
    return false;
}

/* ---- fuse ---- */

static bool judge(struct job *job)
{
    const bnfuse_check_result *result = job->run.check;
    bnfuse_status status = bnfuse_verdict_status(result->verdict);
    const char *file = job->run.model, *written = job->settings->output ? "; nothing was written" : "";
    if (status == BNFUSE_OK || (status == BNFUSE_UNSUPPORTED && job->settings->allow_unchecked)) return true;
    if (status == BNFUSE_DIFFER)
        return differs(job, status, "%s: the fused model differs: %s%s", file, result->why, written);
    return differs(job, status, "%s: cannot be checked: %s%s; --allow-unchecked writes it all the same", file,
                   result->why, written);
}

static bool check_model(struct job *job)
{
    bnfuse_check_options options;
    if (job->settings->no_check) return true;
    if (!check_options(job, &options)) return false;
    job->progress.stage = "checking";
    job->run.check = bnfuse_check(job->model, &options, &job->error);
    progress_close(&job->progress);
    return job->run.check && judge(job);
}

static bool policy_is_met(struct job *job)
{
    const bnfuse_report *report = job->run.report;
    size_t could = 0;
    for (size_t i = 0; i < report->remark_count; i++) could += report->remarks[i]->code && *report->remarks[i]->help;
    if (job->settings->strict && could)
        return differs(job, BNFUSE_POLICY, "%s: %zu BatchNormalization%s that could go (--strict); see bnfuse explain",
                       job->run.model, could, could == 1 ? " stays" : "s stay");
    if (job->settings->has_require && report->folded < job->settings->require)
        return differs(job, BNFUSE_POLICY, "%s: %zu BatchNormalizations went, --require wants %llu", job->run.model,
                       report->folded, (unsigned long long)job->settings->require);
    return true;
}

/* Whole, verified, and without its name until the reports are out. */
static bool prepare_model(struct job *job)
{
    const struct settings *settings = job->settings;
    if (!settings->output) return true;
    deadline_close(&job->deadline);
    bnfuse_write_options options;
    bnfuse_write_options_init(&options);
    options.external_data = settings->external_data;
    options.digest = settings->json;
    for (size_t i = 0; i < REPORT_COUNT; i++) options.digest = options.digest || settings->reports[i];
    if (!bnfuse_prepare(job->model, settings->output, &options, &job->error)) return false;
    job->run.output = settings->output;
    return true;
}

static bool commit_model(struct job *job)
{
    return !job->settings->output || bnfuse_commit(job->model, &job->error);
}

/* Reports go to standard error where standard output takes the model. */
static FILE *text_stream(const struct settings *settings)
{
    return settings->output && strcmp(settings->output, "-") == 0 ? stderr : stdout;
}

static bool tell_remarks(struct job *job)
{
    if (job->settings->json || job->settings->quiet) return true;
    return report_remarks(&job->run, text_stream(job->settings))
           || system_failed(job, errno, "standard output", "cannot be written");
}

static bool fuse(struct job *job)
{
    return load(job, 0, &job->model) && targets_are_safe(job) && read_data(job)
           && fuse_model(job, job->settings->allow_unchecked) && tell_remarks(job) && check_model(job)
           && policy_is_met(job) && prepare_model(job);
}

/* ---- explain, compare ---- */

static bool explain(struct job *job)
{
    return load(job, 0, &job->model) && targets_are_safe(job) && fuse_model(job, true);
}

static bool compare(struct job *job)
{
    bnfuse_check_options options;
    if (!load(job, 0, &job->model) || !load(job, 1, &job->other) || !targets_are_safe(job) || !read_data(job)
        || !check_options(job, &options))
        return false;
    job->progress.stage = "comparing";
    const bnfuse_check_result *result = bnfuse_compare(job->model, job->other, &options, &job->error);
    progress_close(&job->progress);
    if (!result) return false;
    job->run.check = result;
    bnfuse_status status = bnfuse_verdict_status(result->verdict);
    return status == BNFUSE_OK || differs(job, status, "%s, %s: %s", job->run.model, job->run.other, result->why);
}

/* ---- calibrate ---- */

static bool calibrate(struct job *job)
{
    bnfuse_check_options options;
    if (!load(job, 0, &job->model) || !read_data(job) || !check_options(job, &options)) return false;
    job->progress.stage = "calibrating";
    job->run.calibration = bnfuse_calibrate(job->model, &options, job->settings->momentum, &job->error);
    progress_close(&job->progress);
    return job->run.calibration && prepare_model(job);
}

/* ---- run ---- */

static bool write_outputs(struct job *job)
{
    const char *directory = job->settings->output_directory, *file = job->settings->output;
    if (directory && !bnfuse_tensors_write(job->outputs, job->model, directory, &job->error)) return false;
    if (file && !bnfuse_tensors_write(job->outputs, job->model, file, &job->error)) return false;
    return true;
}

static bool compare_outputs(struct job *job, const char *directory)
{
    bnfuse_tensors *expected = bnfuse_tensors_new();
    if (!expected) return out_of_memory(&job->error);
    bool agree = bnfuse_tensors_load_outputs(expected, job->model, directory, &job->error)
                 && bnfuse_tensors_agree(expected, job->outputs, job->settings->check.atol, job->settings->check.rtol,
                                         &job->error);
    bnfuse_tensors_free(expected);
    if (!agree && job->error.status == BNFUSE_DIFFER) {
        char line[sizeof job->error.message];
        snprintf(line, sizeof line, "%s", job->error.message);
        snprintf(job->error.message, sizeof job->error.message, "%.200s: %.800s", directory, line);
    }
    return agree;
}

static bool diff(struct job *job)
{
    if (!load(job, 0, &job->model) || !load(job, 1, &job->other)) return false;
    job->run.changes = bnfuse_diff(job->model, job->other, &job->error);
    if (!job->run.changes || !job->run.changes->count) return job->run.changes != NULL;
    job->run.status = job->error.status = BNFUSE_DIFFER; /* as diff has it; there is nothing to complain of */
    return true;
}

static bool run_set(struct job *job, const bnfuse_tensors *inputs)
{
    bnfuse_run_options options;
    bnfuse_run_options_init(&options);
    options.exact = job->settings->exact;
    options.threads = thread_count(job->settings);
    bnfuse_tensors_free(job->outputs);
    job->outputs = bnfuse_run(job->model, inputs, &options, &job->error);
    job->run.tensors = job->outputs;
    return job->outputs != NULL;
}

static bool run(struct job *job)
{
    const struct settings *settings = job->settings;
    if (!load(job, 0, &job->model) || !targets_are_safe(job) || !read_data(job)) return false;
    if (!job->set_count && !add_set(job, NULL)) return false;
    for (size_t i = 0; i < job->set_count; i++) {
        bool expects = settings->data.count && job->set_paths[i];
        if (!run_set(job, job->sets[i]) || (expects && !compare_outputs(job, job->set_paths[i]))) return false;
    }
    job->run.output = settings->output ? settings->output : settings->output_directory;
    return true;
}

/* ---- the run ---- */

static bool print_run_report(const struct job *job, FILE *to)
{
    char line[1200];
    if (job->settings->json) return report_json(&job->run, to);
    if (job->settings->quiet) {
        if (job->run.report || job->run.check) fprintf(to, "verdict: %s\n", verdict_line(&job->run, line, sizeof line));
        return !ferror(to);
    }
    if (job->settings->command == COMMAND_DIFF) return report_diff(&job->run, to);
    if (job->settings->command == COMMAND_EXPLAIN) return !job->run.report || report_explain(&job->run, to);
    return report_text(&job->run, to);
}

static bool write_reports(struct job *job)
{
    const struct settings *settings = job->settings;
    FILE *to = text_stream(settings);
    bool printed = print_run_report(job, to) && fflush(to) == 0;
    if (!printed) return system_failed(job, errno, "standard output", "cannot be written");
    return job->is_unsafe || report_files_write(&job->reports, settings, &job->run, &job->error);
}

static void close_job(struct job *job)
{
    for (size_t i = 0; i < job->set_count; i++) {
        bnfuse_tensors_free(job->sets[i]);
        free(job->set_paths[i]);
    }
    free(job->sets);
    free(job->set_paths);
    free_dims(job->dims, job->settings->dims.count);
    free_shapes(job->shapes, job->settings->shapes.count);
    bnfuse_tensors_free(job->outputs);
    bnfuse_free(job->model);
    bnfuse_free(job->other);
}

static const struct job_row {
    const char *name;
    bool (*work)(struct job *job);
    bool (*commit)(struct job *job); /* last, after the reports; NULL: there is nothing to commit */
} jobs[COMMAND_COUNT] = {
    [COMMAND_FUSE] = { "fuse", fuse, commit_model },  [COMMAND_EXPLAIN] = { "explain", explain, NULL },
    [COMMAND_COMPARE] = { "compare", compare, NULL }, [COMMAND_CALIBRATE] = { "calibrate", calibrate, commit_model },
    [COMMAND_DIFF] = { "diff", diff, NULL },          [COMMAND_RUN] = { "run", run, write_outputs },
    [COMMAND_PRINT] = { "print", print_model, NULL },
};

static void tell_error(struct job *job)
{
    progress_close(&job->progress);
    job->run.status = job->error.status;
    job->run.message = job->error.message;
    fprintf(stderr, "bnfuse: %s\n", job->error.message);
}

/* On the deadline's thread: nothing that the other one may be making is looked at. */
static void expire(void *context)
{
    struct job *job = context;
    bnfuse_error ignored;
    struct run_report run = { .command = job->run.command,
                              .model = job->run.model,
                              .other = job->run.other,
                              .atol = job->run.atol,
                              .rtol = job->run.rtol,
                              .command_line = job->run.command_line,
                              .hash_before = "",
                              .hash_after = "",
                              .status = BNFUSE_TIMEOUT,
                              .message = "out of time (--timeout); nothing was written",
                              .seconds = progress_seconds(&job->progress) };
    fprintf(stderr, "bnfuse: %s\n", run.message);
    if (job->settings->json) report_json(&run, stdout);
    fflush(stdout);
    report_files_write(&job->reports, job->settings, &run, &ignored);
    report_files_drop(&job->reports);
    _exit(BNFUSE_TIMEOUT);
}

static struct run_report run_report_of(const struct settings *settings, const char *command)
{
    bool two = settings->command == COMMAND_COMPARE || settings->command == COMMAND_DIFF;
    return (struct run_report){ .command = command,
                                .model = settings->operands.count ? settings->operands.names[0] : "",
                                .other = two && settings->operands.count > 1 ? settings->operands.names[1] : NULL,
                                .atol = settings->check.atol,
                                .rtol = settings->check.rtol,
                                .message = "",
                                .command_line = settings->command_line,
                                .hash_before = "",
                                .hash_after = "",
                                .verbose = settings->verbose };
}

static void finish_run_report(struct job *job)
{
    const bnfuse_report *report = job->run.report;
    job->run.handle = job->model;
    job->run.other_handle = job->other;
    job->run.seconds = progress_seconds(&job->progress);
    if (report && report->written_count) job->run.hash_after = report->written[0]->sha256;
}

static bnfuse_status do_job(const struct settings *settings)
{
    const struct job_row *row = &jobs[settings->command];
    struct job job = { .settings = settings, .error = { .status = BNFUSE_OK } };
    job.run = run_report_of(settings, row->name);
    progress_open(&job.progress, settings->progress, settings->quiet);
    bool ready = targets_are_safe(&job) && report_files_open(&job.reports, settings, &job.error);
    if (settings->timeout > 0) deadline_open(&job.deadline, settings->timeout, expire, &job);
    if (!ready || !row->work(&job)) tell_error(&job);
    deadline_close(&job.deadline);
    bnfuse_status status = job.error.status;
    finish_run_report(&job);
    if (!write_reports(&job)) {
        fprintf(stderr, "bnfuse: %s\n", job.error.message);
        if (status == BNFUSE_OK) status = job.error.status;
    }
    /* Last of all, so that whoever sees another status than 0 finds nothing new. */
    if (status == BNFUSE_OK && row->commit && !row->commit(&job)) {
        fprintf(stderr, "bnfuse: %s\n", job.error.message);
        status = job.error.status;
    }
    report_files_drop(&job.reports);
    close_job(&job);
    return status;
}

bnfuse_status command_refuse(const struct settings *settings, const bnfuse_error *why)
{
    struct report_files reports = { .is_clear = false };
    bnfuse_error error = *why;
    struct run_report run = run_report_of(settings, jobs[settings->command].name);
    run.status = why->status;
    run.message = why->message;
    fprintf(stderr, "bnfuse: %s\n", why->message);
    if (settings->json) report_json(&run, stdout);
    if (targets_are_free(settings, NULL, NULL, &error) && report_files_open(&reports, settings, &error))
        report_files_write(&reports, settings, &run, &error);
    report_files_drop(&reports);
    return why->status;
}

static bnfuse_status print_reason(const char *code)
{
    if (report_reason_text(code, stdout)) return BNFUSE_OK;
    fprintf(stderr, "bnfuse: there is no reason \"%s\"; bnfuse reasons lists them\n", code);
    return BNFUSE_USAGE;
}

static bnfuse_status print_reasons(const struct settings *settings)
{
    if (settings->operands.count) return print_reason(settings->operands.names[0]);
    bool printed = settings->json             ? report_reasons_json(stdout)
                   : settings->markdown_table ? report_reasons_markdown(stdout)
                                              : report_reasons_text(stdout);
    if (printed && fflush(stdout) == 0) return BNFUSE_OK;
    int reason = errno;
    fprintf(stderr, "bnfuse: standard output: cannot be written: %s\n", strerror(reason));
    return reason == ENOMEM ? BNFUSE_INTERNAL : BNFUSE_USAGE;
}

bnfuse_status command_run(const struct settings *settings)
{
    return settings->command == COMMAND_REASONS ? print_reasons(settings) : do_job(settings);
}
