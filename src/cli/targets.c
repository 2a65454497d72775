/* SPDX-License-Identifier: Apache-2.0
 *
 * Files are identified by device and inode; files that do not exist yet, by their folder and name. */
#include "cli/targets.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const report_options[REPORT_COUNT] = {
#define ROW(name, option, help) "--" option,
    REPORT_FORMATS(ROW)
#undef ROW
};

/* Where a path leads. */
struct place {
    const char *option, *path; /* what the user called it */
    bool exists, is_regular;
    struct stat file, folder;
    char name[NAME_MAX + 1]; /* in the folder, when it does not exist */
};

static void find_place(struct place *place, const char *option, const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    *place = (struct place){ .option = option, .path = path };
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
    snprintf(line, sizeof line, "%s: %s would overwrite what %s %s; choose another file", target->path, target->option,
             other->option, is_source ? "reads" : "writes");
    bnfuse_escape(error->message, sizeof error->message, line);
    error->status = BNFUSE_USAGE;
    return false;
}

enum { MOST_TARGETS = 2 + REPORT_COUNT };

struct targets {
    struct place list[MOST_TARGETS];
    size_t count;
    bool may_replace_model; /* the first one is -o of fuse */
};

/* A device or a pipe takes whatever is written to it. */
static void add_target(struct targets *targets, const char *option, const char *path)
{
    struct place *place = &targets->list[targets->count];
    if (!path || !strcmp(path, "-")) return;
    find_place(place, option, path);
    targets->count += place->is_regular;
}

/* The data file is beside the model. */
static void add_data(struct targets *targets, const struct settings *settings, char path[static PATH_MAX])
{
    const char *slash = settings->output ? strrchr(settings->output, '/') : NULL;
    if (!settings->external_data || !settings->output) return;
    snprintf(path, PATH_MAX, "%.*s%s", slash ? (int)(slash - settings->output + 1) : 0, settings->output,
             settings->external_data);
    add_target(targets, "--external-data", path);
}

static bool is_no_target(const struct targets *targets, const char *option, const char *path, bool is_model,
                         bnfuse_error *error)
{
    struct place source;
    find_place(&source, option, path);
    for (size_t i = 0; source.exists && i < targets->count; i++)
        if (!(is_model && i == 0 && targets->may_replace_model) && same_place(&targets->list[i], &source))
            return collide(&targets->list[i], &source, true, error);
    return true;
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

static bool models_are_no_targets(const struct targets *targets, bnfuse_model *model, bnfuse_error *error)
{
    const char *path;
    for (size_t i = 0; model && (path = bnfuse_get_source(model, i)); i++)
        if (!is_no_target(targets, i ? "the model's data" : "the model", path, i == 0, error)) return false;
    return true;
}

/* Expected outputs of a data set are there under the very names that are written. */
static bool output_folder_is_no_source(const struct settings *settings, bnfuse_error *error)
{
    struct place target, source;
    if (!settings->output_directory) return true;
    find_place(&target, "--output-dir", settings->output_directory);
    for (size_t i = 0; i < settings->data.count; i++) {
        find_place(&source, "--data", settings->data.names[i]);
        if (target.exists && source.exists && same_inode(&target.file, &source.file))
            return collide(&target, &source, true, error);
    }
    return true;
}

static bool inputs_are_no_targets(const struct targets *targets, const struct settings *settings, bnfuse_error *error)
{
    for (size_t i = 0; i < settings->inputs.count; i++) {
        const char *input = settings->inputs.names[i], *equals = strrchr(input, '=');
        if (!is_no_target(targets, "--input", equals ? equals + 1 : input, false, error)) return false;
    }
    for (size_t i = 0; i < settings->data.count; i++)
        if (!is_no_target_folder(targets, "--data", settings->data.names[i], error)) return false;
    return !settings->input_directory || is_no_target_folder(targets, "--input-dir", settings->input_directory, error);
}

bool targets_are_free(const struct settings *settings, bnfuse_model *model, bnfuse_model *other, bnfuse_error *error)
{
    char data[PATH_MAX];
    struct targets targets = { .count = 0 };
    add_target(&targets, "-o", settings->output);
    targets.may_replace_model = targets.count && settings->command == COMMAND_FUSE;
    add_data(&targets, settings, data);
    for (size_t i = 0; i < REPORT_COUNT; i++) add_target(&targets, report_options[i], settings->reports[i]);
    for (size_t i = 0; i < targets.count; i++)
        for (size_t k = 0; k < i; k++)
            if (same_place(&targets.list[i], &targets.list[k]))
                return collide(&targets.list[i], &targets.list[k], false, error);
    for (size_t i = 0; i < settings->operands.count; i++)
        if (!is_no_target(&targets, "the model", settings->operands.names[i], i == 0, error)) return false;
    return models_are_no_targets(&targets, model, error) && models_are_no_targets(&targets, other, error)
           && inputs_are_no_targets(&targets, settings, error) && output_folder_is_no_source(settings, error);
}
