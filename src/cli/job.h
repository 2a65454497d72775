/* SPDX-License-Identifier: Apache-2.0
 *
 * One command on one model (compare and diff: on two). A job holds what the command needs and releases it in one place;
 * a command stops at the first error, which the job holds, and its report covers the stages that were reached. */
#ifndef CLI_JOB_H
#define CLI_JOB_H

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "report/report.h"

struct job {
    const struct settings *settings;
    const char *const *operands; /* of this job: one path or two */
    const char *output;          /* the file to write, or NULL */
    bnfuse_model *model, *other;
    char **set_paths; /* folders of inputs that the user gave, a set each; NULL: only --input */
    size_t set_count;
    bnfuse_tensors *set; /* the one that was read last */
    size_t set_index;
    bnfuse_tensors *outputs; /* of a run */
    struct progress *progress;
    struct run_report run;
    char digest[65]; /* of the model, where a report asks for it */
    bnfuse_error error;
    bnfuse_error print_error;         /* why the graph could not be printed after a pass */
    bool prints_all;                  /* remarks and figures; not for a line alone */
    bool (*loaded)(struct job *job);  /* called when the models are loaded: may this job write what it will write? */
    void (*writing)(struct job *job); /* called before a file is prepared: from here on the deadline waits */
    void *context;                    /* of the two */
};

/* A command: what it does, and what is left to do when everything else is done and reported (NULL: nothing). */
struct command_job {
    const char *name;
    bool (*work)(struct job *job);
    bool (*commit)(struct job *job);
    size_t models; /* each job takes so many operands */
};
extern const struct command_job command_jobs[COMMAND_COUNT];

void job_close(struct job *job);

/* Loads the models, and asks job->loaded. */
bool job_load(struct job *job);
/* The first model as it was before anything was done to it; nothing else is read or cleared again. */
bool job_load_again(struct job *job);
/* Finds the sets of --data, --input and --input-dir, and reads the first. */
bool job_read_data(struct job *job);
/* Reads set `index`, which takes the place of the one before. NULL: job->error says why. */
const bnfuse_tensors *job_set(struct job *job, size_t index);
/* The options of the check: job_read_data comes first. */
bnfuse_check_options job_check_options(struct job *job);
int job_threads(const struct job *job);
void job_stage(struct job *job, const char *stage);
/* Fits bnfuse_progress; the context is the job. */
bool job_progress(void *context, double done);
/* Writes job->output up to its name: commit gives it that. */
bool job_prepare(struct job *job);
bool job_commit(struct job *job);

/* Both fill job->error and return false. The first adds the system's reason and says BNFUSE_USAGE, or BNFUSE_INTERNAL
 * when there is no memory; the second says the given status. */
bool job_system_failed(struct job *job, int reason, const char *name, const char *what);
bool job_ended(struct job *job, bnfuse_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
