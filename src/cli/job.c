/* SPDX-License-Identifier: Apache-2.0
 *
 * What the commands share. */
#include "cli/job.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- errors ---- */

bool job_system_failed(struct job *job, int reason, const char *name, const char *what)
{
    char line[sizeof job->error.message], escaped[sizeof line];
    snprintf(line, sizeof line, "%s: %s", name, what);
    bnfuse_escape(escaped, sizeof escaped, line);
    snprintf(job->error.message, sizeof job->error.message, "%.900s: %s", escaped, strerror(reason));
    job->error.status = reason == ENOMEM ? BNFUSE_INTERNAL : BNFUSE_USAGE;
    return false;
}

bool job_ended(struct job *job, bnfuse_status status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    end_with(&job->error, status, format, list);
    va_end(list);
    return false;
}

/* ---- progress ---- */

void job_stage(struct job *job, const char *stage)
{
    progress_stage(job->progress, stage, job->run.model);
}

bool job_progress(void *context, double done)
{
    struct job *job = context;
    return progress_step(job->progress, done);
}

/* ---- models ---- */

static bool load(struct job *job, const char *path, bnfuse_model **model)
{
    bnfuse_read_options options;
    bnfuse_read_options_init(&options);
    options.memory_limit = settings_memory(job->settings);
    *model = bnfuse_load(path, &options, &job->error);
    return *model != NULL;
}

/* While the file is still what was read: a fused model may take its place. */
static bool take_digest(struct job *job)
{
    if (!settings_want_digests(job->settings)) return true;
    job->run.hash_before = job->digest;
    return bnfuse_get_digest(job->model, job->digest, &job->error);
}

bool job_load(struct job *job)
{
    size_t count = command_jobs[job->settings->command].models;
    job_stage(job, "loading");
    return load(job, job->operands[0], &job->model) && (count < 2 || load(job, job->operands[1], &job->other))
           && job->loaded(job) && take_digest(job);
}

bool job_load_again(struct job *job)
{
    bnfuse_free(job->model);
    job->model = NULL;
    job->run.report = NULL;
    job->error = (bnfuse_error){ .status = BNFUSE_OK };
    return load(job, job->operands[0], &job->model);
}

/* ---- data ---- */

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

static bool fill_set(struct job *job, bnfuse_tensors *set, const char *directory)
{
    bnfuse_tensors_limit(set, settings_memory(job->settings));
    if (directory && !bnfuse_tensors_load(set, job->model, NULL, directory, &job->error)) return false;
    for (size_t i = 0; i < job->settings->inputs.count; i++)
        if (!read_input(job, set, job->settings->inputs.names[i])) return false;
    return true;
}

const bnfuse_tensors *job_set(struct job *job, size_t index)
{
    if (job->set && job->set_index == index) return job->set;
    bnfuse_tensors_free(job->set);
    job->set = bnfuse_tensors_new();
    job->set_index = index;
    if (!job->set) out_of_memory(&job->error);
    else if (fill_set(job, job->set, job->set_count ? job->set_paths[index] : NULL)) return job->set;
    bnfuse_tensors_free(job->set);
    job->set = NULL;
    return NULL;
}

/* Fits bnfuse_check_options.set; the context is the job. */
static const bnfuse_tensors *give_set(void *context, size_t index, bnfuse_error *error)
{
    struct job *job = context;
    const bnfuse_tensors *set = job_set(job, index);
    if (!set) *error = job->error;
    return set;
}

/* A set: the files in `directory`, which may be NULL, and those of --input. */
static bool add_set(struct job *job, const char *directory)
{
    if (job->settings->samples && job->set_count >= job->settings->samples) return true;
    char **paths = realloc(job->set_paths, (job->set_count + 1) * sizeof *paths);
    if (paths) job->set_paths = paths;
    char *path = directory ? strdup(directory) : NULL;
    if (paths && (path || !directory)) {
        paths[job->set_count++] = path;
        return true;
    }
    free(path);
    return out_of_memory(&job->error);
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
    if (count < 0) return job_system_failed(job, errno, directory, "cannot be read");
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

bool job_read_data(struct job *job)
{
    const struct settings *settings = job->settings;
    for (size_t i = 0; i < settings->data.count; i++)
        if (!add_sets_of(job, settings->data.names[i])) return false;
    if (settings->input_directory && !add_set(job, settings->input_directory)) return false;
    if (!job->set_count && settings->inputs.count && !add_set(job, NULL)) return false;
    /* The first here, so that what does not fit is said before all work; a check asks for the others as it comes to
     * them. */
    size_t read = settings->no_check ? job->set_count : job->set_count > 0;
    for (size_t i = 0; i < read; i++)
        if (!job_set(job, i)) return false;
    return true;
}

/* ---- the check's options ---- */

int job_threads(const struct job *job)
{
    return job->settings->threads < 1024 ? (int)job->settings->threads : 1024;
}

bnfuse_check_options job_check_options(struct job *job)
{
    bnfuse_check_options options = job->settings->check;
    options.threads = job_threads(job);
    options.set = give_set;
    options.set_count = job->set_count;
    options.progress = job_progress;
    options.context = job;
    options.depth = job->settings->reports[REPORT_html]; /* the page draws it */
    return options;
}

/* ---- writing ---- */

FILE *text_stream(const struct settings *settings)
{
    return settings->standard_output ? stderr : stdout;
}

bool reader_is_gone(void)
{
    if (errno != EPIPE) return false;
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0) return false;
    bool turned = dup2(nowhere, STDOUT_FILENO) >= 0;
    close(nowhere);
    clearerr(stdout);
    return turned;
}

/* The check that ran was of what is in memory; a full one ends with what is in the file, where the graph runs. */
static bool is_run_again(const struct job *job)
{
    const bnfuse_check_result *check = job->run.check;
    return job->settings->check.level == BNFUSE_LEVEL_FULL && check && check->output_count > 0;
}

static bool check_written(struct job *job)
{
    bnfuse_check_options options = job_check_options(job);
    job_stage(job, "checking what was written");
    bool good = bnfuse_check_written(job->model, &options, &job->error);
    progress_close(job->progress);
    return good;
}

/* Whole, verified, and without its name until the reports are written. */
bool job_prepare(struct job *job)
{
    const struct settings *settings = job->settings;
    bnfuse_write_options options;
    if (!job->output) return true;
    job->writing(job);
    bnfuse_write_options_init(&options);
    options.external_data = settings->external_data;
    options.digest = settings_want_digests(settings);
    if (!bnfuse_prepare(job->model, job->output, &options, &job->error)) return false;
    if (is_run_again(job) && !check_written(job)) return false;
    job->run.output = job->output;
    return true;
}

bool job_commit(struct job *job)
{
    return !job->output || bnfuse_commit(job->model, &job->error);
}

void job_close(struct job *job)
{
    for (size_t i = 0; i < job->set_count; i++) free(job->set_paths[i]);
    free(job->set_paths);
    bnfuse_tensors_free(job->set);
    bnfuse_tensors_free(job->outputs);
    bnfuse_free(job->model);
    bnfuse_free(job->other);
}
