/* SPDX-License-Identifier: Apache-2.0
 *
 * Files are identified by device and inode; files that do not exist yet, by their folder and name. */
#include "cli/targets.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const report_options[REPORT_COUNT] = {
#define ROW(name, option, help) "--" option,
    REPORT_FORMATS(ROW)
#undef ROW
};

#define NO_JOB SIZE_MAX

/* Where a path leads. */
struct place {
    const char *option, *path; /* what the user called it */
    size_t job;                /* a target: the job whose model it may replace, or NO_JOB */
    bool exists, is_regular;
    struct stat file, folder;
    char name[NAME_MAX + 1]; /* in the folder, when it does not exist */
};

static void find_place(struct place *place, const char *option, const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    *place = (struct place){ .option = option, .path = path, .job = NO_JOB };
    place->exists = stat(path, &place->file) == 0;
    place->is_regular = !place->exists || S_ISREG(place->file.st_mode);
    snprintf(place->name, sizeof place->name, "%s", slash ? slash + 1 : path);
    if (slash) snprintf(folder, sizeof folder, "%.*s", (int)(slash - path + (slash == path)), path);
    if (stat(slash ? folder : ".", &place->folder) != 0) place->folder = (struct stat){ .st_ino = 0 };
}

static bool same_inode(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool same_place(const struct place *a, const struct place *b)
{
    if (a->exists != b->exists) return false;
    if (a->exists) return same_inode(&a->file, &b->file);
    return a->folder.st_ino && same_inode(&a->folder, &b->folder) && !strcmp(a->name, b->name);
}

static bool collide(const struct place *target, const struct place *other, bool is_source, bnfuse_error *error)
{
    char line[sizeof error->message];
    bool is_option = other->option[0] == '-';
    snprintf(line, sizeof line, "%s: %s would overwrite %s%s%s; choose another file", target->path, target->option,
             is_option ? "what " : "", other->option,
             !is_option  ? ""
             : is_source ? " reads"
                         : " writes");
    bnfuse_escape(error->message, sizeof error->message, line);
    error->status = BNFUSE_USAGE;
    return false;
}

/* What every --repro writes into its folder, beside this folder of data. */
static const char *const repro_files[] = { "first.onnx", "second.onnx", "command.txt" };
#define REPRO_DATA "test_data_set_0"

enum { REPRO_FILES = sizeof repro_files / sizeof *repro_files };

struct targets {
    size_t count;
    char *data; /* path of --external-data */
    char repro[REPRO_FILES][PATH_MAX];
    struct place list[];
};

/* Devices and pipes are not replaced, so they may be named twice. */
static void add_target(struct targets *targets, const char *option, const char *path, size_t job)
{
    struct place *place = &targets->list[targets->count];
    if (!path || !strcmp(path, "-")) return;
    find_place(place, option, path);
    place->job = job;
    targets->count += place->is_regular;
}

/* The data file is beside the model. */
static bool add_data(struct targets *targets, const struct settings *settings)
{
    const char *slash = settings->output ? strrchr(settings->output, '/') : NULL;
    if (!settings->external_data || !settings->output) return true;
    targets->data = malloc(PATH_MAX);
    if (!targets->data) return false;
    snprintf(targets->data, PATH_MAX, "%.*s%s", slash ? (int)(slash - settings->output + 1) : 0, settings->output,
             settings->external_data);
    add_target(targets, "--external-data", targets->data, NO_JOB);
    return true;
}

static void add_repro(struct targets *targets, const char *folder)
{
    for (size_t i = 0; folder && i < REPRO_FILES; i++) {
        snprintf(targets->repro[i], sizeof targets->repro[i], "%s/%s", folder, repro_files[i]);
        add_target(targets, "--repro", targets->repro[i], NO_JOB);
    }
}

static bool add_targets(struct targets *targets, const struct settings *settings, const struct plan *plan)
{
    bool replaces = settings->command == COMMAND_FUSE;
    for (size_t i = 0; i < plan->count; i++)
        add_target(targets, settings->out_dir ? "--out-dir" : "-o", plan->jobs[i].output, replaces ? i : NO_JOB);
    for (size_t i = 0; i < REPORT_COUNT; i++) add_target(targets, report_options[i], settings->reports[i], NO_JOB);
    add_repro(targets, settings->check.repro);
    return add_data(targets, settings);
}

/* ---- against sources ---- */

/* Standard output and error may be files, too: opened without being emptied they write over what is there. */
static bool is_no_stream(const struct place *source, bnfuse_error *error)
{
    static const char *const names[] = { [STDOUT_FILENO] = "standard output", [STDERR_FILENO] = "standard error" };
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        struct place stream = { .option = names[fd], .path = source->path };
        if (fstat(fd, &stream.file) == 0 && S_ISREG(stream.file.st_mode) && same_inode(&stream.file, &source->file))
            return collide(&stream, source, true, error);
    }
    return true;
}

static bool is_no_target(const struct targets *targets, const char *option, const char *path, size_t job,
                         bnfuse_error *error)
{
    struct place source;
    find_place(&source, option, path);
    for (size_t i = 0; source.exists && i < targets->count; i++) {
        bool may_replace = job != NO_JOB && targets->list[i].job == job;
        if (!may_replace && same_place(&targets->list[i], &source))
            return collide(&targets->list[i], &source, true, error);
    }
    return !source.exists || is_no_stream(&source, error);
}

/* Files of a folder of inputs are not listed one by one: nothing that is there is written over. */
static bool is_no_target_folder(const struct targets *targets, const char *option, const char *path,
                                bnfuse_error *error)
{
    struct place source;
    find_place(&source, option, path);
    for (size_t i = 0; source.exists && i < targets->count; i++) {
        const struct place *target = &targets->list[i];
        char above[PATH_MAX];
        struct stat parent;
        const char *slash = strrchr(target->path, '/');
        snprintf(above, sizeof above, "%.*s/..", slash ? (int)(slash - target->path) : 1, slash ? target->path : ".");
        bool below = !stat(above, &parent) && same_inode(&parent, &source.file);
        if (target->exists && (below || same_inode(&target->folder, &source.file)))
            return collide(target, &source, true, error);
    }
    return true;
}

bool targets_spare(const struct targets *targets, bnfuse_model *model, size_t job, bnfuse_error *error)
{
    const char *path;
    for (size_t i = 0; (path = bnfuse_get_source(model, i)); i++)
        if (!is_no_target(targets, i ? "the model's data" : "the model", path, i ? NO_JOB : job, error)) return false;
    return true;
}

/* The inputs and outputs of a data set are there under the very names that are written. */
static bool folder_is_no_source(const char *option, const char *folder, const struct settings *settings,
                                bnfuse_error *error)
{
    struct place target, source;
    if (!folder) return true;
    find_place(&target, option, folder);
    for (size_t i = 0; i < settings->data.count; i++) {
        find_place(&source, "--data", settings->data.names[i]);
        if (target.exists && source.exists && same_inode(&target.file, &source.file))
            return collide(&target, &source, true, error);
    }
    return true;
}

static const char *path_of_input(const char *input)
{
    const char *equals = strrchr(input, '=');
    return equals ? equals + 1 : input;
}

/* Nor is the folder of data below it one, nor does an input stand there. */
static bool repro_is_no_source(const struct settings *settings, bnfuse_error *error)
{
    char data[PATH_MAX];
    struct place target, source;
    if (!settings->check.repro) return true;
    snprintf(data, sizeof data, "%s/" REPRO_DATA, settings->check.repro);
    find_place(&target, "--repro", data);
    for (size_t i = 0; i < settings->inputs.count; i++) {
        find_place(&source, "--input", path_of_input(settings->inputs.names[i]));
        if (target.exists && source.exists && same_inode(&target.file, &source.folder))
            return collide(&target, &source, true, error);
    }
    return folder_is_no_source("--repro", settings->check.repro, settings, error)
           && folder_is_no_source("--repro", data, settings, error);
}

static bool inputs_are_no_targets(const struct targets *targets, const struct settings *settings, bnfuse_error *error)
{
    for (size_t i = 0; i < settings->inputs.count; i++) {
        if (!is_no_target(targets, "--input", path_of_input(settings->inputs.names[i]), NO_JOB, error)) return false;
    }
    for (size_t i = 0; i < settings->data.count; i++)
        if (!is_no_target_folder(targets, "--data", settings->data.names[i], error)) return false;
    return !settings->input_directory || is_no_target_folder(targets, "--input-dir", settings->input_directory, error);
}

/* Operands that are not of this shard may not be written over either. */
static bool operands_are_no_targets(const struct targets *targets, const struct settings *settings,
                                    const struct plan *plan, bnfuse_error *error)
{
    size_t next = 0;
    for (size_t i = 0; i < settings->operands.count; i++) {
        const char *const *operand = &settings->operands.names[i];
        bool is_own = next < plan->count && plan->jobs[next].operands == operand;
        if (!is_no_target(targets, "the model", *operand, is_own ? next : NO_JOB, error)) return false;
        next += is_own;
    }
    return true;
}

static bool are_distinct(const struct targets *targets, bnfuse_error *error)
{
    for (size_t i = 0; i < targets->count; i++)
        for (size_t k = 0; k < i; k++)
            if (same_place(&targets->list[i], &targets->list[k]))
                return collide(&targets->list[i], &targets->list[k], false, error);
    return true;
}

struct targets *targets_open(const struct settings *settings, const struct plan *plan, bnfuse_error *error)
{
    struct targets *targets =
        calloc(1, sizeof *targets + (plan->count + REPORT_COUNT + 1 + REPRO_FILES) * sizeof *targets->list);
    if (!targets || !add_targets(targets, settings, plan)) {
        targets_close(targets);
        out_of_memory(error);
        return NULL;
    }
    if (are_distinct(targets, error) && operands_are_no_targets(targets, settings, plan, error)
        && inputs_are_no_targets(targets, settings, error)
        && folder_is_no_source("--output-dir", settings->output_directory, settings, error)
        && repro_is_no_source(settings, error))
        return targets;
    targets_close(targets);
    return NULL;
}

void targets_close(struct targets *targets)
{
    if (targets) free(targets->data);
    free(targets);
}

bool targets_exist(const struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++)
        if (targets->list[i].exists) return true;
    return false;
}
