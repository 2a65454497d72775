/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands, each a column of library calls. */
#include "cli/job.h"
#include "cli/spelling.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- fuse ---- */

static bool put_text(void *to, const void *bytes, size_t size)
{
    return fwrite(bytes, 1, size, to) == size;
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
    progress_close(job->progress);
    fprintf(stderr, "after %s:\n", pass);
    return bnfuse_print(job->model, put_text, stderr, &job->print_error);
}

static bool finds_node(struct job *job, bool fused, const char *name, struct spelling *spelling)
{
    const bnfuse_node *node;
    for (size_t i = 0; (node = bnfuse_get_node(job->model, fused, i)); i++) {
        if (strcmp(node->name, name) == 0) return true;
        spelling_offer(spelling, node->name);
    }
    return false;
}

/* An unknown name would be ignored silently. What is skipped stays, so the copy of a function's node is there after. */
static bool is_node(struct job *job, const char *name)
{
    struct spelling spelling;
    char hint[100];
    spelling_open(&spelling, name, strlen(name));
    if (finds_node(job, false, name, &spelling) || finds_node(job, true, name, &spelling)) return true;
    return job_ended(job, BNFUSE_USAGE, "%s: --skip %s: no node has this name; bnfuse explain lists the names%s",
                     job->run.model, name, spelling_hint(&spelling, "", hint, sizeof hint));
}

static bool skipped_are_nodes(struct job *job)
{
    for (size_t i = 0; i < job->settings->fuse.skipped.count; i++)
        if (!is_node(job, job->settings->fuse.skipped.names[i])) return false;
    return true;
}

/* unread: see bnfuse.h. */
static bool fuse_model(struct job *job, bool any_opset, bool unread)
{
    bnfuse_fuse_options options = job->settings->fuse;
    options.any_opset = any_opset;
    options.unread = unread;
    options.progress = job_progress;
    options.after_pass = print_pass;
    options.context = job;
    job_stage(job, "fusing");
    bool fused = bnfuse_fuse(job->model, &options, &job->error);
    progress_close(job->progress);
    if (!fused && job->print_error.status != BNFUSE_OK && job->print_error.status != BNFUSE_CANCELLED)
        job->error = job->print_error;
    if (!fused || !skipped_are_nodes(job)) return false;
    job->run.report = bnfuse_get_report(job->model);
    return true;
}

static bool judge(struct job *job)
{
    const bnfuse_check_result *result = job->run.check;
    bnfuse_status status = bnfuse_verdict_status(result->verdict);
    const char *file = job->run.model, *written = job->output ? "; nothing was written" : "";
    if (status == BNFUSE_OK || (status == BNFUSE_UNSUPPORTED && job->settings->allow_unchecked)) return true;
    if (status == BNFUSE_DIFFER)
        return job_ended(job, status, "%s: the fused model differs: %s%s", file, result->why, written);
    return job_ended(job, status, "%s: cannot be checked: %s%s; --allow-unchecked writes it all the same", file,
                     result->why, written);
}

static bool check_model(struct job *job)
{
    if (job->settings->no_check) return true;
    bnfuse_check_options options = job_check_options(job);
    job_stage(job, "checking");
    job->run.check = bnfuse_check(job->model, &options, &job->error);
    progress_close(job->progress);
    return job->run.check && judge(job);
}

static bool policy_is_met(struct job *job)
{
    const bnfuse_report *report = job->run.report;
    size_t could = 0;
    for (size_t i = 0; i < report->remark_count; i++) could += report->remarks[i]->code && *report->remarks[i]->help;
    if (job->settings->strict && could)
        return job_ended(job, BNFUSE_POLICY,
                         "%s: %zu BatchNormalization%s that could go (--strict); see bnfuse explain", job->run.model,
                         could, could == 1 ? " stays" : "s stay");
    if (job->settings->has_require && report->folded < job->settings->require)
        return job_ended(job, BNFUSE_POLICY, "%s: %zu BatchNormalization%s folded, --require wants %llu",
                         job->run.model, report->folded, report->folded == 1 ? " was" : "s were",
                         (unsigned long long)job->settings->require);
    return true;
}

/* Before the check, which may take long. */
static bool print_remarks(struct job *job)
{
    if (!job->prints_all) return true;
    return report_remarks(&job->run, text_stream(job->settings)) || reader_is_gone()
           || job_system_failed(job, errno, "standard output", "cannot be written");
}

static bool fold(struct job *job, bool unread)
{
    return fuse_model(job, job->settings->allow_unchecked, unread) && print_remarks(job);
}

static bool check_and_prepare(struct job *job)
{
    return check_model(job) && policy_is_met(job) && job_prepare(job);
}

/* Whether a fold that carried a weight out of its type may have failed the check or the writer. */
static bool overflow_is_suspected(const struct job *job)
{
    const bnfuse_check_result *result = job->run.check;
    return job->run.report->overflows || (result && bnfuse_verdict_status(result->verdict) != BNFUSE_OK);
}

/* Without a look at the weights first: the writer reads them all anyway. In the rare case that a fold carried one out
 * of its type, that fold must go, so all begins again, with the look, and with remarks of its own. */
static bool write_unread(struct job *job)
{
    if (!fold(job, true)) return false;
    const size_t folded = job->run.report->folded;
    bool prepared = check_and_prepare(job);
    if (!overflow_is_suspected(job)) return prepared;
    job->run.check = NULL;
    if (!job_load_again(job) || !fuse_model(job, job->settings->allow_unchecked, false)) return false;
    bool is_same = job->run.report->folded == folded;
    return (is_same || print_remarks(job)) && check_and_prepare(job);
}

/* What comes before the first word of the result is over soon, and uses no data, which are of the model as first
 * read. */
static bool goes_unread(const struct job *job)
{
    const struct settings *settings = job->settings;
    bool is_quick = settings->check.level == BNFUSE_LEVEL_QUICK && job->set_count == 0;
    return job->output && (settings->no_check || is_quick);
}

static bool fuse(struct job *job)
{
    if (!job_load(job) || !job_read_data(job)) return false;
    return goes_unread(job) ? write_unread(job) : fold(job, false) && check_and_prepare(job);
}

static bool explain(struct job *job)
{
    return job_load(job) && fuse_model(job, true, !job->settings->exact);
}

/* ---- two models ---- */

static bool compare(struct job *job)
{
    if (!job_load(job) || !job_read_data(job)) return false;
    bnfuse_check_options options = job_check_options(job);
    job_stage(job, "comparing");
    const bnfuse_check_result *result = bnfuse_compare(job->model, job->other, &options, &job->error);
    progress_close(job->progress);
    if (!result) return false;
    job->run.check = result;
    bnfuse_status status = bnfuse_verdict_status(result->verdict);
    return status == BNFUSE_OK || job_ended(job, status, "%s, %s: %s", job->run.model, job->run.other, result->why);
}

static bool diff(struct job *job)
{
    if (!job_load(job)) return false;
    job->run.changes = bnfuse_diff(job->model, job->other, &job->error);
    if (!job->run.changes || !job->run.changes->count) return job->run.changes != NULL;
    job->run.status = job->error.status = BNFUSE_DIFFER; /* the status of diff(1), without a message */
    return true;
}

/* ---- calibrate ---- */

static bool calibrate(struct job *job)
{
    if (!job_load(job) || !job_read_data(job)) return false;
    bnfuse_check_options options = job_check_options(job);
    job_stage(job, "calibrating");
    job->run.calibration = bnfuse_calibrate(job->model, &options, job->settings->momentum, &job->error);
    progress_close(job->progress);
    return job->run.calibration && job_prepare(job);
}

/* ---- run ---- */

/* Whole files, without their names until the reports are written. */
static bool prepare_outputs(struct job *job)
{
    const char *directory = job->settings->output_directory;
    job->writing(job);
    return (!directory || bnfuse_tensors_prepare(job->outputs, job->model, directory, &job->error))
           && (!job->output || bnfuse_tensors_prepare(job->outputs, job->model, job->output, &job->error));
}

static bool commit_outputs(struct job *job)
{
    return bnfuse_tensors_commit(job->outputs, &job->error);
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

static bool run_set(struct job *job, const bnfuse_tensors *inputs)
{
    bnfuse_run_options options;
    bnfuse_run_options_init(&options);
    options.exact = job->settings->exact;
    options.threads = job_threads(job);
    options.progress = job_progress;
    options.context = job;
    bnfuse_tensors_free(job->outputs);
    job->outputs = bnfuse_run(job->model, inputs, &options, &job->error);
    job->run.tensors = job->outputs;
    return job->outputs != NULL;
}

static bool run(struct job *job)
{
    const struct settings *settings = job->settings;
    if (!job_load(job) || !job_read_data(job)) return false;
    job_stage(job, "running");
    for (size_t i = 0; i < job->set_count || i == 0; i++) {
        const bnfuse_tensors *inputs = job_set(job, i);
        const char *expected = settings->data.count && job->set_count ? job->set_paths[i] : NULL;
        if (!inputs || !run_set(job, inputs) || (expected && !compare_outputs(job, expected))) return false;
    }
    progress_close(job->progress);
    if (!prepare_outputs(job)) return false;
    job->run.output = job->output ? job->output : settings->output_directory;
    return true;
}

/* ---- print ---- */

static bool print(struct job *job)
{
    if (!job_load(job)) return false;
    progress_close(job->progress);
    if (bnfuse_print(job->model, put_text, stdout, &job->error)) return true;
    if (job->error.status != BNFUSE_CANCELLED) return false;
    if (!reader_is_gone()) return job_system_failed(job, errno, "standard output", "cannot be written");
    job->error.status = BNFUSE_OK;
    return true;
}

const struct command_job command_jobs[COMMAND_COUNT] = {
    [COMMAND_FUSE] = { "fuse", fuse, job_commit, 1 },
    [COMMAND_EXPLAIN] = { "explain", explain, NULL, 1 },
    [COMMAND_COMPARE] = { "compare", compare, NULL, 2 },
    [COMMAND_CALIBRATE] = { "calibrate", calibrate, job_commit, 1 },
    [COMMAND_DIFF] = { "diff", diff, NULL, 2 },
    [COMMAND_RUN] = { "run", run, commit_outputs, 1 },
    [COMMAND_PRINT] = { "print", print, NULL, 1 },
    [COMMAND_REPORT] = { "report", NULL, NULL, 1 },
    [COMMAND_REASONS] = { "reasons", NULL, NULL, 1 },
    [COMMAND_HELP] = { "help", NULL, NULL, 1 },
};
