/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths by what their options are for, then what options say of each other. */
#include "cli/fit.h"

#include "cli/spelling.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT(field) offsetof(struct settings, field)

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Whether a file can be put there, in the place of a regular one that is there. */
static bool is_writable(const char *path, const char *folder)
{
    struct stat status;
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode)) return true;
    return access(folder, W_OK) == 0 || errno == ENOSYS;
}

static bool is_place(const struct option_row *row, const char *path, const char *folder, bnfuse_error *error)
{
    if (!is_folder(folder))
        return usage(error, "--%s %s: there is no folder %s; make it first", row->name, path, folder);
    if (is_folder(path)) return usage(error, "--%s %s: is a folder; name a file in it", row->name, path);
    if (is_writable(path, folder)) return true;
    return usage(error, "--%s %s: nothing can be written into the folder %s: %s; choose another", row->name, path,
                 folder, strerror(errno));
}

static bool has_folder(const struct option_row *row, const char *path, bnfuse_error *error)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : strdup(".");
    if (!folder) return out_of_memory(error);
    bool there = is_place(row, path, folder, error);
    free(folder);
    return there;
}

/* Standard output is for one thing at a time. */
static bool claim_standard_output(struct settings *settings, const char *option, bnfuse_error *error)
{
    if (settings->standard_output)
        return usage(error, "--%s and --%s cannot share standard output; give one of them a file",
                     settings->standard_output, option);
    settings->standard_output = option;
    return true;
}

static bool output_is_good(struct settings *settings, const struct option_row *row, const char *path,
                           bnfuse_error *error)
{
    bool is_model = row->offset == AT(output);
    if (!*path) return usage(error, "--%s wants a file name", row->name);
    if (strcmp(path, "-") != 0) return has_folder(row, path, error);
    if (is_model && settings->command == COMMAND_RUN)
        return usage(error, "--output -: tensors do not go to standard output; name FILE.npz, FILE.npy or FILE.pb");
    if (is_model && isatty(STDOUT_FILENO))
        return usage(error, "--output -: standard output is a terminal; redirect it, or name a file");
    return claim_standard_output(settings, row->name, error);
}

static bool folder_is_good(const struct option_row *row, const char *path, bnfuse_error *error)
{
    if (strcmp(path, "-") == 0) return usage(error, "--%s -: wants a folder; standard output is none", row->name);
    if (row->kind == OPTION_NEW_DIR) return has_folder(row, path, error) || is_folder(path);
    bool is_out = row->kind == OPTION_OUT_DIR;
    if (!is_folder(path))
        return usage(error, "--%s %s: there is no such folder%s", row->name, path, is_out ? "; make it first" : "");
    return !is_out || access(path, W_OK) == 0 || errno == ENOSYS
           || usage(error, "--%s %s: nothing can be written into it: %s; choose another", row->name, path,
                    strerror(errno));
}

static bool paths_are_good(struct settings *settings, bnfuse_error *error)
{
    if (settings->json && !claim_standard_output(settings, "json", error)) return false;
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        bool is_file = row->kind == OPTION_OUT_FILE;
        if (!is_file && row->kind != OPTION_OUT_DIR && row->kind != OPTION_NEW_DIR && row->kind != OPTION_IN_DIR)
            continue;
        const char *path = *(const char **)((char *)settings + row->offset);
        if (!path || !(row->on & 1u << settings->command)) continue;
        if (!(is_file ? output_is_good(settings, row, path, error) : folder_is_good(row, path, error))) return false;
    }
    return true;
}

static bool sources_are_there(const struct settings *settings, bnfuse_error *error)
{
    for (size_t i = 0; i < settings->inputs.count; i++) {
        const char *input = settings->inputs.names[i], *equals = strrchr(input, '=');
        const char *path = equals ? equals + 1 : input;
        if (access(path, R_OK) != 0)
            return usage(error, "--input %s: %s cannot be read: %s", input, path, strerror(errno));
    }
    for (size_t i = 0; i < settings->data.count; i++)
        if (!is_folder(settings->data.names[i]))
            return usage(error, "--data %s: there is no such folder", settings->data.names[i]);
    return true;
}

/* Looks for a command that is spelt nearly so. */
static void spell_command(struct spelling *spelling, const char *word)
{
    spelling_open(spelling, word, strlen(word));
    for (int i = 1; i < COMMAND_COUNT; i++) spelling_offer(spelling, commands[i].name);
}

/* A misspelt command looks like a model that is not there. */
static bool command_is_known(const struct settings *settings, bnfuse_error *error)
{
    const char *word = settings->operands.count ? settings->operands.names[0] : "";
    char hint[100];
    struct spelling spelling;
    spell_command(&spelling, word);
    if (settings->command == COMMAND_HELP && *word && command_named(word) == COMMAND_FUSE)
        return usage(error, "there is no command %s; see bnfuse --help%s", word,
                     spelling_hint(&spelling, "", hint, sizeof hint));
    if (settings->command != COMMAND_FUSE || strpbrk(word, "./") || access(word, F_OK) == 0) return true;
    return !spelling.nearest
           || usage(error, "%s: there is no such file and no such command%s", word,
                    spelling_hint(&spelling, "bnfuse ", hint, sizeof hint));
}

static bool many_is_good(const struct settings *settings, bnfuse_error *error)
{
    if (settings->command == COMMAND_REPORT || settings->operands.count < 2) return true;
    if (settings->output) return usage(error, "--output takes one model; --out-dir DIR is for many");
    if (settings->external_data) return usage(error, "--external-data takes one model, not many");
    if (settings->json) return usage(error, "--json prints one object; --jsonl FILE takes one for each model");
    for (size_t i = 0; i < settings->operands.count; i++)
        if (strcmp(settings->operands.names[i], "-") == 0)
            return usage(error, "-: standard input is one model; name it alone");
    return true;
}

bool settings_fit(struct settings *settings, bnfuse_error *error)
{
    settings->check.tolerances = settings->tolerances;
    settings->check.tolerance_count = settings->tolerance_count;
    const struct command_row *row = &commands[settings->command];
    size_t count = settings->operands.count;
    if (!command_is_known(settings, error)) return false;
    if (count < row->operands || count - row->operands > row->further)
        return usage(error, "usage: bnfuse %s%s%s; see bnfuse --help", row->name, *row->name ? " " : "", row->synopsis);
    if (row->further && settings->command == COMMAND_FUSE && !many_is_good(settings, error)) return false;
    if (settings->output && settings->out_dir) return usage(error, "--output and --out-dir do not go together");
    if (settings->fuse.fix_shapes && !settings->dims.count && !settings->shapes.count)
        return usage(error, "--static goes with --dim or --shape");
    if (settings->external_data && !settings->output) return usage(error, "--external-data goes with --output");
    if (settings->external_data && (strcmp(settings->external_data, "-") == 0 || strchr(settings->external_data, '/')))
        return usage(error, "--external-data %s: wants the name of a file beside the output", settings->external_data);
    return paths_are_good(settings, error) && sources_are_there(settings, error);
}
