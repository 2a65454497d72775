/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports in files. */
#include "cli/report_files.h"

#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool cannot_write(const char *path, int reason, bnfuse_error *error)
{
    if (reason == ENOMEM) return out_of_memory(error);
    return usage(error, "%s: cannot be written: %s", path, strerror(reason));
}

/* What is no plain file (/dev/null, a pipe) is written where it is. */
static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

/* A new file beside the target, "r.xml.bnfuse-17": its name says whose it is, should it ever be left. -1 with errno. */
static int open_beside(const char *path, char *name, size_t size)
{
    int descriptor = -1;
    for (int i = 0; i < 1000 && descriptor < 0; i++) {
        snprintf(name, size, "%s.bnfuse-%d", path, i);
        descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor < 0 && errno != EEXIST) break;
    }
    return descriptor;
}

/* Standard output stays. */
static int close_stream(FILE *stream)
{
    return stream == stdout ? fflush(stream) : fclose(stream);
}

static bool open_one(struct report_files *files, size_t i, const char *path, bnfuse_error *error)
{
    if (strcmp(path, "-") == 0) {
        files->streams[i] = stdout;
        return true;
    }
    if (is_special(path)) {
        files->streams[i] = fopen(path, "we");
        return files->streams[i] || cannot_write(path, errno, error);
    }
    size_t size = strlen(path) + sizeof ".bnfuse-1000";
    char *name = malloc(size);
    if (!name) return out_of_memory(error);
    int descriptor = open_beside(path, name, size);
    if (descriptor < 0) {
        int reason = errno;
        free(name);
        return cannot_write(path, reason, error);
    }
    files->temporary[i] = name;
    files->streams[i] = fdopen(descriptor, "w");
    if (!files->streams[i]) close(descriptor);
    return files->streams[i] || cannot_write(path, errno, error);
}

/* A command line that is refused for that, or for something else before, has only one report on standard output. */
static bool is_for_json(const struct settings *settings, size_t i)
{
    return settings->json && strcmp(settings->reports[i], "-") == 0;
}

bool report_files_open(struct report_files *files, const struct settings *settings, bnfuse_error *error)
{
    *files = (struct report_files){ .is_clear = false };
    for (size_t i = 0; i < REPORT_COUNT; i++) {
        if (!settings->reports[i] || is_for_json(settings, i) || open_one(files, i, settings->reports[i], error))
            continue;
        report_files_drop(files);
        return false;
    }
    return true;
}

void report_files_clear(struct report_files *files, const struct settings *settings)
{
    for (size_t i = 0; i < REPORT_COUNT; i++)
        if (files->temporary[i]) unlink(settings->reports[i]);
    files->is_clear = true;
}

/* What no report of any kind begins with is somebody's data. */
static bool may_replace(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file) return true;
    int first = getc(file);
    fclose(file);
    return first == EOF || strchr("<{#", first);
}

static bool write_one(struct report_files *files, size_t i, const char *path, const struct run_list *list,
                      bnfuse_error *error)
{
    bool written = report_writers[i](list, files->streams[i]);
    int reason = errno;
    if (close_stream(files->streams[i]) != 0) {
        written = false;
        reason = errno;
    }
    errno = reason;
    if (!written && files->streams[i] == stdout && reader_is_gone()) written = true;
    files->streams[i] = NULL;
    if (written && files->temporary[i] && !files->is_clear && !may_replace(path))
        return usage(error, "%s: is no report, and the model that may need it could not be read; it is left alone",
                     path);
    if (written && files->temporary[i]) {
        written = rename(files->temporary[i], path) == 0;
        reason = errno;
    }
    if (!written) return cannot_write(path, reason, error);
    free(files->temporary[i]);
    files->temporary[i] = NULL;
    return true;
}

bool report_files_write(struct report_files *files, const struct settings *settings, const struct run_list *list,
                        bnfuse_error *error)
{
    bool written = true;
    for (size_t i = 0; i < REPORT_COUNT; i++)
        if (files->streams[i] && !write_one(files, i, settings->reports[i], list, error)) written = false;
    return written;
}

void report_files_drop(struct report_files *files)
{
    for (size_t i = 0; i < REPORT_COUNT; i++) {
        if (files->streams[i]) close_stream(files->streams[i]);
        if (files->temporary[i]) unlink(files->temporary[i]);
        free(files->temporary[i]);
        files->streams[i] = NULL;
        files->temporary[i] = NULL;
    }
}
